// SPDX-License-Identifier: MIT OR Apache-2.0
//! From displacements back to field names.

use super::emit::Hint;
use crate::isa::{Addr, Base, Reg, Width};
use crate::program::{Object, PERCPU_BASE, Program};

/// What the place at the end of a path must be.
struct Want<'h> {
    /// Size of the access; `None` if any place will do.
    bytes: Option<u64>,
    /// Name of the last field.
    leaf: Option<&'h str>,
}

/// Text of an address, without the brackets. Falls back to the untyped form where no path of
/// fields leads to the place.
pub(super) fn addr_text(
    program: &Program,
    reg: &dyn Fn(Reg) -> String,
    addr: &Addr,
    width: Option<Width>,
    hint: &Hint,
) -> String {
    let paths = Paths { program, index: addr.index.map(|(r, scale)| (reg(r), u64::from(scale))) };
    let bytes = width.map(Width::bytes);
    let typed = |layout: usize, offset: u64| {
        let leaf = hint.leaf.as_deref();
        let named = leaf.and_then(|_| paths.find(layout, offset, &Want { bytes, leaf }, true, ""));
        named.or_else(|| paths.find(layout, offset, &Want { bytes, leaf: None }, true, ""))
    };
    let object = |percpu: bool, at: u64| -> Option<(&Object, String)> {
        let o = program.objects.iter().find(|o| {
            o.percpu == percpu && o.addr <= at && program.structs.get(o.layout).is_some_and(|s| at - o.addr < s.bytes)
        })?;
        Some((o, typed(o.layout, at - o.addr)?))
    };
    let text = match addr.base {
        Base::Reg(r) => hint.base.and_then(|layout| typed(layout, addr.disp)).map(|path| format!("{}{path}", reg(r))),
        Base::ThisCpu => object(true, addr.disp).map(|(o, path)| format!("cpu.{}{path}", o.name)),
        Base::OnCpu(r) => object(true, addr.disp).map(|(o, path)| format!("{}@{}{path}", o.name, reg(r))),
        Base::Abs => match addr.disp.checked_sub(PERCPU_BASE).and_then(|rel| rel.checked_div(program.percpu_stride)) {
            Some(core) => object(true, addr.disp - core * program.percpu_stride)
                .map(|(o, path)| format!("{}@{core}{path}", o.name)),
            None => object(false, addr.disp).map(|(o, path)| format!("{}{path}", o.name)),
        },
    };
    text.unwrap_or_else(|| raw(reg, addr))
}

/// The form without field names.
fn raw(reg: &dyn Fn(Reg) -> String, addr: &Addr) -> String {
    let index = addr.index.map_or_else(String::new, |(r, scale)| format!("+{}*{scale}", reg(r)));
    let disp = addr.disp;
    match addr.base {
        Base::Abs => format!("{disp:#x}{index}"),
        Base::Reg(r) => format!("{}+{disp}{index}", reg(r)),
        Base::ThisCpu => format!("cpu+{disp:#x}{index}"),
        Base::OnCpu(r) => format!("@{}+{disp:#x}{index}", reg(r)),
    }
}

/// Searches paths of fields.
struct Paths<'p> {
    program: &'p Program,
    /// Name of the index register and size of its elements.
    index: Option<(String, u64)>,
}

impl Paths<'_> {
    /// The first path to `offset` in a structure; `index` tells whether the register is still to
    /// be placed, `last` is the field that led here.
    fn find(&self, layout: usize, offset: u64, want: &Want<'_>, index: bool, last: &str) -> Option<String> {
        let index = index && self.index.is_some();
        if offset == 0 && !index && want.bytes.is_none() && want.leaf.is_none_or(|l| l == last) {
            return Some(String::new());
        }
        for f in &self.program.structs.get(layout)?.fields {
            let Some(rel) = offset.checked_sub(f.offset).filter(|rel| *rel < f.elem_bytes * f.count) else { continue };
            let inside = |inner: u64, index: bool| match f.nested {
                Some(id) => self.find(id, inner, want, index, &f.name),
                None => {
                    let fits = inner == 0 && !index && want.bytes.is_none_or(|b| b == f.elem_bytes);
                    (fits && want.leaf.is_none_or(|l| l == f.name)).then(String::new)
                }
            };
            if let Some((reg, scale)) = &self.index
                && index
                && *scale == f.elem_bytes
                && f.count > 1
                && rel < f.elem_bytes
                && let Some(rest) = inside(rel, false)
            {
                return Some(format!(".{}[{reg}]{rest}", f.name));
            }
            if let Some(rest) = inside(rel % f.elem_bytes, index) {
                let k = if f.count > 1 { format!("[{}]", rel / f.elem_bytes) } else { String::new() };
                return Some(format!(".{}{k}{rest}", f.name));
            }
        }
        None
    }
}
