// SPDX-License-Identifier: MIT OR Apache-2.0
//! From `[p.nodes[i].next]` to base, displacement and index.

use super::decl::ValueKind;
use super::diag::Sp;
use super::emit::Emitter;
use super::lex::shorten;
use super::syntax::{AddrBase, AddrExpr, Arg, Name, RawBase, Step};
use crate::isa::{Addr, Base, Operand, Reg, Width};

/// Cores a constant core number can name; only a limit against slips.
const CORES_MAX: u64 = 65_536;

/// What an address walked to so far points at.
#[derive(Clone, Copy)]
enum Target {
    /// Bytes nobody has described.
    Raw,
    /// A structure.
    Struct(usize),
    /// A number of so many bytes.
    Scalar(u64),
}

/// An address on its way through a path.
struct Walk<'a> {
    addr: Addr,
    target: Target,
    /// Number of elements, while an array has no index yet.
    elements: Option<u64>,
    /// Last thing named, for messages.
    last: Name<'a>,
    /// Structure and offset in it of the last field.
    field: Option<(usize, u64)>,
}

impl<'a> Emitter<'a, '_, '_, '_> {
    /// The address an expression describes. With a width, it must be that of a field of this
    /// size. Errors are reported and give some address.
    pub(super) fn address(&mut self, a: &AddrExpr<'a>, access: Option<(Width, &str)>) -> Addr {
        self.walk(a, access).unwrap_or(Addr { base: Base::Abs, disp: 0, index: None })
    }

    /// A field that must be zero at quiescence: of a per-CPU object (`cpu.OBJ.field`), of a global
    /// object, or of every global object of a structure.
    pub(super) fn clean(&mut self, a: &AddrExpr<'a>) {
        self.frame = super::emit::Frame::default();
        let errors = self.sink.errors();
        let starts: Vec<(String, Walk<'a>)> = match &a.base {
            AddrBase::Name(n) if self.decls.struct_named(n.text).is_some() => {
                let id = self.decls.struct_named(n.text);
                let of_it = self.decls.objects.iter().filter(|o| !o.percpu && Some(o.layout) == id);
                let start = |o: &crate::program::Object| {
                    let addr = Addr { base: Base::Abs, disp: o.addr, index: None };
                    (
                        o.name.clone(),
                        Walk { addr, target: Target::Struct(o.layout), elements: None, last: *n, field: None },
                    )
                };
                of_it.map(start).collect()
            }
            AddrBase::Name(n) | AddrBase::ThisCpu(n) => {
                self.base(&a.base, a.at).map(|w| (n.text.to_owned(), w)).into_iter().collect()
            }
            AddrBase::OnCpu(..) | AddrBase::Raw { .. } => {
                let d = self.sink.error(a.at, "this cannot be checked on every core", "not a field of an object");
                d.help("write `[OBJECT.field]`, `[cpu.OBJECT.field]` or `[STRUCT.field]`");
                return;
            }
        };
        for (object, mut walk) in starts {
            let done = a.path.iter().try_for_each(|step| match step {
                Step::Field(name) => self.field(&mut walk, name),
                Step::Index(arg) => self.index(&mut walk, arg),
            });
            if done.is_none() || self.sink.errors() > errors {
                return;
            }
            let width = match walk.target {
                Target::Scalar(1) if walk.elements.is_none() => Width::U8,
                Target::Scalar(2) if walk.elements.is_none() => Width::U16,
                Target::Scalar(4) if walk.elements.is_none() => Width::U32,
                Target::Scalar(8) if walk.elements.is_none() => Width::U64,
                _ => {
                    self.sink.error(a.at, "this is not a single number", "only a number can be checked");
                    return;
                }
            };
            let percpu = walk.addr.base == Base::ThisCpu;
            let name = format!("{object}.{}", walk.last.text);
            self.out.clean.push(crate::program::Clean { name, addr: walk.addr.disp, width, percpu });
        }
    }

    fn walk(&mut self, a: &AddrExpr<'a>, access: Option<(Width, &str)>) -> Option<Addr> {
        let mut walk = self.base(&a.base, a.at)?;
        for step in &a.path {
            match step {
                Step::Field(name) => self.field(&mut walk, name)?,
                Step::Index(arg) => self.index(&mut walk, arg)?,
            }
        }
        if let Some((width, what)) = access {
            self.check_width(&walk, width, what, a)?;
        }
        Some(walk.addr)
    }

    fn base(&mut self, base: &AddrBase<'a>, at: Sp) -> Option<Walk<'a>> {
        let walk = |base, disp, target, last| Walk {
            addr: Addr { base, disp, index: None },
            target,
            elements: None,
            last,
            field: None,
        };
        match base {
            AddrBase::Raw { base, disp, index } => {
                let base = match base {
                    RawBase::Abs => Base::Abs,
                    RawBase::ThisCpu => Base::ThisCpu,
                    RawBase::Reg(name) => Base::Reg(self.register_only(name)?),
                    RawBase::OnCpu(name) => Base::OnCpu(self.register_only(name)?),
                };
                let mut walk = walk(base, *disp, Target::Raw, Name { text: "", at });
                if let Some((name, scale)) = index {
                    walk.addr.index = Some((self.register_only(name)?, *scale));
                }
                Some(walk)
            }
            AddrBase::Name(name) => {
                if let Some(reg) = self.read(name) {
                    let ty = self.frame.types[usize::from(reg.0)];
                    self.hint.base = ty;
                    return Some(walk(Base::Reg(reg), 0, ty.map_or(Target::Raw, Target::Struct), *name));
                }
                let (disp, layout) = self.object(name, false)?;
                Some(walk(Base::Abs, disp, Target::Struct(layout), *name))
            }
            AddrBase::ThisCpu(name) => {
                let (disp, layout) = self.object(name, true)?;
                Some(walk(Base::ThisCpu, disp, Target::Struct(layout), *name))
            }
            AddrBase::OnCpu(name, core) => {
                let core_at = core.at();
                let core = self.operand(core);
                let (disp, layout) = self.object(name, true)?;
                let target = Target::Struct(layout);
                match core {
                    Operand::Reg(reg) => Some(walk(Base::OnCpu(reg), disp, target, *name)),
                    Operand::Imm(n) if n < CORES_MAX => {
                        Some(walk(Base::Abs, disp + n * self.decls.percpu_stride, target, *name))
                    }
                    Operand::Imm(n) => {
                        self.sink.error(core_at, format!("there is no core {n}"), "too large");
                        None
                    }
                }
            }
        }
    }

    /// Address and structure of an object that must, or must not, be per-CPU.
    fn object(&mut self, name: &Name<'a>, percpu: bool) -> Option<(u64, usize)> {
        let text = name.text;
        match self.decls.values.get(text) {
            Some((ValueKind::Object(i), _)) => {
                let object = &self.decls.objects[*i];
                if object.percpu != percpu {
                    let (message, help) = if object.percpu {
                        let help = format!("write `cpu.{text}` for this core's or `{text}@c` for that of core c");
                        (format!("`{text}` is per-CPU"), help)
                    } else {
                        (format!("`{text}` is not per-CPU"), format!("write `{text}` alone"))
                    };
                    self.sink.error(name.at, message, "which instance?").help(help);
                    return None;
                }
                Some((object.addr, object.layout))
            }
            Some(_) => {
                self.sink.error(name.at, format!("`{text}` is a constant"), "not an address");
                None
            }
            None if percpu => {
                let objects = self.decls.objects.iter().filter(|o| o.percpu).map(|o| o.name.as_str());
                let near = super::near_name(text, objects);
                if !self.decls.broken.contains(text) {
                    let message = format!("unknown per-CPU object `{}`", shorten(text));
                    let d = self.sink.error(name.at, message, "no `percpu` structure of this name");
                    if let Some(near) = near {
                        d.help(format!("did you mean `{near}`?"));
                    }
                }
                None
            }
            None => {
                self.unknown(name, "a register or object");
                None
            }
        }
    }

    fn field(&mut self, walk: &mut Walk<'a>, name: &Name<'a>) -> Option<()> {
        let last = walk.last.text;
        if let Some(n) = walk.elements {
            self.sink
                .error(walk.last.at, format!("`{last}` is an array of {n}"), "needs an index")
                .help(format!("write `{last}[i].{}`", name.text));
            return None;
        }
        let id = match walk.target {
            Target::Struct(id) => id,
            Target::Scalar(bytes) => {
                self.sink.error(name.at, format!("`{last}` is a u{} and has no fields", bytes * 8), "not a field");
                return None;
            }
            Target::Raw if self.frame.mistyped.contains(last) => return None,
            Target::Raw => {
                let message = format!("`{last}` is not known to point to a structure");
                self.sink.error(walk.last.at, message, "not typed").help(format!(
                    "write the structure where it is assigned, `{last}: STRUCT = ...`, or at the parameter"
                ));
                return None;
            }
        };
        let layout = &self.decls.structs[id];
        let Some(i) = layout.fields.iter().position(|f| f.name == name.text) else {
            if !self.decls.infos[id].broken {
                let known: Vec<&str> = layout.fields.iter().map(|f| f.name.as_str()).collect();
                let message = format!("structure `{}` has no field `{}`", layout.name, shorten(name.text));
                self.sink
                    .error(name.at, message, "unknown field")
                    .help(super::select::list("fields", &known))
                    .near(name.text, known);
            }
            return None;
        };
        let field = &layout.fields[i];
        walk.addr.disp = walk.addr.disp.wrapping_add(field.offset);
        walk.target = field.nested.map_or(Target::Scalar(field.elem_bytes), Target::Struct);
        walk.elements = self.decls.infos[id].arrays[i].then_some(field.count);
        walk.last = *name;
        walk.field = Some((id, field.offset));
        self.hint.leaf = Some(name.text.to_owned());
        Some(())
    }

    fn index(&mut self, walk: &mut Walk<'a>, arg: &Arg<'a>) -> Option<()> {
        let last = walk.last.text;
        let Some(count) = walk.elements.take() else {
            self.sink.error(arg.at(), format!("`{last}` is not an array"), "an index is not possible here");
            return None;
        };
        let bytes = match walk.target {
            Target::Struct(id) => self.decls.structs[id].bytes,
            Target::Scalar(bytes) => bytes,
            Target::Raw => 1,
        };
        match self.operand(arg) {
            Operand::Imm(i) if i < count => {
                walk.addr.disp = walk.addr.disp.wrapping_add(i * bytes);
            }
            Operand::Imm(i) => {
                let message = format!("index {i} is outside of `{last}`, which has {count} elements");
                self.sink.error(arg.at(), message, format!("0 to {}", count - 1));
                return None;
            }
            Operand::Reg(reg) => self.register_index(walk, reg, bytes, arg.at())?,
        }
        Some(())
    }

    fn register_index(&mut self, walk: &mut Walk<'a>, reg: Reg, bytes: u64, at: Sp) -> Option<()> {
        if walk.addr.index.is_some() {
            self.sink
                .error(at, "more than one register index in an address", "a second one")
                .help("compute the inner address with `lea` first");
            return None;
        }
        let Ok(scale) = u16::try_from(bytes) else {
            let message = format!("elements of {bytes} bytes are too large for a register index");
            self.sink.error(at, message, "at most 65535 bytes").help("multiply and add instead");
            return None;
        };
        walk.addr.index = Some((reg, scale));
        Some(())
    }

    /// An access of `width` must be that of a whole field.
    fn check_width(&mut self, walk: &Walk<'a>, width: Width, what: &str, a: &AddrExpr<'a>) -> Option<()> {
        let last = walk.last.text;
        if let Some(n) = walk.elements.filter(|n| *n > 1) {
            let message = format!("`{last}` is an array of {n}");
            self.sink.error(walk.last.at, message, "needs an index").help(format!("write `{last}[i]`"));
            return None;
        }
        match walk.target {
            Target::Raw => return Some(()),
            Target::Scalar(bytes) if bytes == width.bytes() => return Some(()),
            Target::Scalar(bytes) => {
                let (want, have) = (width.bytes() * 8, bytes * 8);
                let message = format!("`{last}` is a u{have}, {what} accesses a u{want}");
                let same: Vec<String> = walk.field.map_or_else(Vec::new, |(id, offset)| {
                    let fields = self.decls.structs[id].fields.iter();
                    let fits = fields.filter(|f| f.offset == offset && f.nested.is_none() && f.count == 1);
                    fits.filter(|f| f.elem_bytes == width.bytes()).map(|f| format!("`{}`", f.name)).collect()
                });
                let d = self.sink.error(walk.last.at, message, format!("{bytes} bytes"));
                if same.is_empty() {
                    d.help(format!("write `.u{have}`"));
                } else {
                    d.help(format!("write `.u{have}`, or use {}, a u{want} at the same place", same.join(" or ")));
                }
            }
            Target::Struct(id) => {
                let layout = &self.decls.structs[id];
                let fields = layout.fields.iter().filter(|f| f.nested.is_none() && f.elem_bytes == width.bytes());
                let names: Vec<String> = fields.map(|f| format!("`{}`", f.name)).collect();
                let message = format!("`{last}` is a `{}`, {what} needs one of its fields", layout.name);
                let d = self.sink.error(a.at, message, "a whole structure");
                if !names.is_empty() {
                    d.help(format!("fields of this width: {}", names.join(", ")));
                }
            }
        }
        None
    }
}
