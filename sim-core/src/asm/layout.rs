// SPDX-License-Identifier: MIT OR Apache-2.0
//! Offsets of fields, sizes of structures, addresses of objects.

use super::decl::{Decls, ValueKind};
use super::diag::Sink;
use super::parse_mem::WIDTHS;
use super::select::twice;
use super::syntax::{FieldDecl, Name, StructDecl};
use crate::program::{Field, GLOBAL_BASE, LINE_BYTES, Object, PERCPU_BASE, Struct};
use std::collections::BTreeMap;

/// Largest structure: far more than any model needs, small enough that no address overflows.
const STRUCT_BYTES_MAX: u64 = 1 << 28;
/// Largest alignment; the bases of both areas are multiples of it.
const ALIGN_MAX: u64 = GLOBAL_BASE;
/// Structures inside each other.
const NESTED_MAX: u32 = 16;

/// What the assembler knows about a structure besides [`Struct`].
pub(super) struct StructInfo {
    /// Whether each field was declared as an array, be it of one element.
    pub(super) arrays: Vec<bool>,
    /// Something in the declaration could not be read: a missing field is not reported.
    pub(super) broken: bool,
    /// Levels of structures inside this one.
    depth: u32,
}

/// Lays a structure out; structures it contains must have been laid out before.
pub(super) fn structure<'a>(decls: &mut Decls<'a>, s: &StructDecl<'a>, sink: &mut Sink<'_>) {
    let mut out = Struct { name: s.name.text.to_owned(), fields: Vec::new(), bytes: 0, align: 1, kind: s.kind };
    let mut info = StructInfo { arrays: Vec::new(), broken: s.broken, depth: 0 };
    let size = s.size.and_then(|a| decls.constant(&a, sink).map(|v| (v, a.at())));
    let mut end = 0;
    let mut names = BTreeMap::new();
    for f in &s.fields {
        if let Some(first) = names.insert(f.name.text, f.name.at) {
            twice(sink, "field", &f.name, first);
            continue;
        }
        let Some(field) = field(decls, f, end, &mut out.align, &mut info.depth, sink) else {
            info.broken = true;
            continue;
        };
        let field_end = field.offset + field.elem_bytes * field.count;
        if let Some((bytes, at)) = size.filter(|(bytes, _)| field_end > *bytes) {
            let message =
                format!("field `{}` ends at byte {field_end}, beyond the {bytes} of the structure", field.name);
            sink.error(f.name.at, message, "does not fit").second(at, "the size");
        }
        end = end.max(field_end);
        info.arrays.push(f.count.is_some());
        out.fields.push(field);
    }
    if let Some(a) = s.align
        && let Some(align) = decls.constant(&a, sink)
    {
        if !align.is_power_of_two() || align > ALIGN_MAX {
            let message = format!("an alignment of {align} is not possible");
            sink.error(a.at(), message, "not a power of two up to 65536");
        } else {
            out.align = out.align.max(align);
        }
    }
    if s.fields.is_empty() && !s.broken {
        sink.error(s.name.at, format!("structure `{}` has no fields", s.name.text), "empty");
    }
    out.bytes = end.next_multiple_of(out.align);
    if let Some((bytes, at)) = size {
        if bytes % out.align != 0 || bytes == 0 || bytes > STRUCT_BYTES_MAX {
            let message = format!("a size of {bytes} bytes is not possible with an alignment of {}", out.align);
            sink.error(at, message, "not a multiple of the alignment")
                .help(format!("{} bytes would do", end.max(1).next_multiple_of(out.align)));
        }
        out.bytes = bytes.clamp(out.bytes, STRUCT_BYTES_MAX.max(out.bytes));
    }
    decls.add_struct(&s.name, out, info, sink);
}

fn field<'a>(
    decls: &Decls<'a>,
    f: &FieldDecl<'a>,
    end: u64,
    struct_align: &mut u64,
    depth: &mut u32,
    sink: &mut Sink<'_>,
) -> Option<Field> {
    let (elem_bytes, align, nested) = match WIDTHS.iter().find(|(n, _)| *n == f.ty.text) {
        Some((_, w)) => (w.bytes(), w.bytes(), None),
        None => {
            let id = decls.struct_id(&f.ty, sink)?;
            *depth = (*depth).max(decls.infos[id].depth + 1);
            if *depth > NESTED_MAX {
                sink.error(f.ty.at, format!("more than {NESTED_MAX} structures inside each other"), "too deep");
                return None;
            }
            (decls.structs[id].bytes, decls.structs[id].align, Some(id))
        }
    };
    let count = match &f.count {
        Some(a) => decls.constant(a, sink)?,
        None => 1,
    };
    let offset = match &f.offset {
        Some(a) => decls.constant(a, sink)?,
        None => end.next_multiple_of(align),
    };
    *struct_align = (*struct_align).max(align);
    if offset % align != 0 {
        let at = f.offset.map_or(f.name.at, |a| a.at());
        let ty = f.ty.text;
        let message =
            format!("field `{}` at offset {offset} is misaligned: `{ty}` needs a multiple of {align}", f.name.text);
        sink.error(at, message, "misaligned")
            .help(format!("the next offset that fits is {}", (offset / align).saturating_add(1).saturating_mul(align)));
        return None;
    }
    let bytes = count.checked_mul(elem_bytes).and_then(|b| b.checked_add(offset));
    if count == 0 || bytes.is_none_or(|b| b > STRUCT_BYTES_MAX) {
        let what = if count == 0 { "has no elements" } else { "is too large" };
        let message = format!("field `{}` {what}", f.name.text);
        sink.error(f.name.at, message, format!("1 byte to {} MiB are possible", STRUCT_BYTES_MAX >> 20));
        return None;
    }
    Some(Field { name: f.name.text.to_owned(), offset, elem_bytes, count, nested })
}

/// Gives every object its address: global ones first, then the per-CPU ones, each group in order
/// of declaration. `wanted` are name, structure and whether it is per-CPU.
pub(super) fn objects<'a>(decls: &mut Decls<'a>, wanted: &[(Name<'a>, usize, bool)], sink: &mut Sink<'_>) {
    let mut stride_align = LINE_BYTES;
    for percpu in [false, true] {
        let base = if percpu { PERCPU_BASE } else { GLOBAL_BASE };
        let mut next = base;
        for (name, layout, _) in wanted.iter().filter(|w| w.2 == percpu) {
            let (bytes, align) = (decls.structs[*layout].bytes, decls.structs[*layout].align);
            let addr = next.next_multiple_of(align);
            // Both areas hold 4 GiB at most, so an address never overflows.
            if addr + bytes > base - base % PERCPU_BASE + PERCPU_BASE {
                sink.error(name.at, format!("object `{}` does not fit into memory", name.text), "4 GiB are full");
                break;
            }
            next = addr + bytes;
            if percpu {
                stride_align = stride_align.max(align);
            }
            decls.declare(name, ValueKind::Object(decls.objects.len()), sink);
            decls.objects.push(Object { name: name.text.to_owned(), layout: *layout, addr, percpu });
        }
        if percpu {
            decls.percpu_stride = (next - base).next_multiple_of(stride_align);
        }
    }
}
