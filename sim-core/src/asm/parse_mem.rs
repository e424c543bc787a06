// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parsing of memory operations and address expressions.

use super::lex::{Tk, shorten};
use super::parse::{Failed, Parsed, Parser};
use super::syntax::{AddrBase, AddrExpr, Arg, Inst, Name, RawBase, Step};
use crate::isa::{Order, RmwFn, Width};

/// Widths under their names.
pub(super) const WIDTHS: [(&str, Width); 4] =
    [("u8", Width::U8), ("u16", Width::U16), ("u32", Width::U32), ("u64", Width::U64)];

/// Read-modify-writes under their names.
pub(super) const RMW_WORDS: [(&str, RmwFn); 7] = [
    ("cas", RmwFn::Cas),
    ("xchg", RmwFn::Xchg),
    ("fetch_add", RmwFn::FetchAdd),
    ("fetch_or", RmwFn::FetchOr),
    ("fetch_and", RmwFn::FetchAnd),
    ("fetch_xor", RmwFn::FetchXor),
    ("test_set_bit", RmwFn::TestSetBit),
];

impl<'a> Parser<'a, '_, '_, '_> {
    /// The operands of `word`, if it is an operation with an address.
    pub(super) fn memory_operation(&mut self, word: Name<'a>) -> Parsed<Option<Inst<'a>>> {
        use Order::{Acquire, AcquirePc, Full, Relaxed, Release};
        if let Some((_, f)) = RMW_WORDS.iter().find(|(n, _)| *n == word.text) {
            let width = self.width(word)?;
            let order = self.order(word, &[("acq", Acquire), ("rel", Release), ("relaxed", Relaxed)], Full)?;
            let addr = self.address()?;
            let mut args = vec![self.next_arg("a value")?];
            if *f == RmwFn::Cas {
                args.push(self.next_arg("the new value")?);
            }
            return Ok(Some(Inst::Rmw(*f, width, order, addr, args)));
        }
        Ok(Some(match word.text {
            "load" => {
                let width = self.width(word)?;
                let order = self.order(word, &[("acq", Acquire), ("acqpc", AcquirePc)], Relaxed)?;
                Inst::Load(width, order, self.address()?)
            }
            "store" => {
                let width = self.width(word)?;
                let order = self.order(word, &[("rel", Release)], Relaxed)?;
                let addr = self.address()?;
                Inst::Store(width, order, addr, self.next_arg("the value to store")?)
            }
            "local_add" => {
                let width = self.width(word)?;
                let addr = self.address()?;
                Inst::LocalAdd(width, addr, self.next_arg("the value to add")?)
            }
            "lea" => Inst::Lea(self.address()?),
            "prefetchw" => Inst::PrefetchW(self.address()?),
            "wfe" => Inst::Wfe(self.address()?),
            _ => return Ok(None),
        }))
    }

    fn next_arg(&mut self, what: &str) -> Parsed<Arg<'a>> {
        self.sym(",")?;
        self.arg(what)
    }

    fn width(&mut self, word: Name<'a>) -> Parsed<Width> {
        let names = WIDTHS.map(|(n, _)| n);
        let all = || names.map(|n| format!("{}.{n}", word.text)).join(", ");
        if !self.eat(".") {
            let message = format!("`{}` needs a width", word.text);
            self.sink.error(word.at, message, "how many bytes?").help(format!("write one of {}", all()));
            return Err(Failed);
        }
        let name = self.ident("a width")?;
        if let Some((_, width)) = WIDTHS.iter().find(|(n, _)| *n == name.text) {
            return Ok(*width);
        }
        let message = format!("unknown width `{}`", shorten(name.text));
        self.sink.error(name.at, message, "not a width").help(format!("write one of {}", all()));
        Err(Failed)
    }

    fn order(&mut self, word: Name<'a>, known: &[(&str, Order)], default: Order) -> Parsed<Order> {
        if !self.eat(".") {
            return Ok(default);
        }
        let name = self.ident("a memory order")?;
        if let Some((_, order)) = known.iter().find(|(n, _)| *n == name.text) {
            return Ok(*order);
        }
        let message = format!("`{}` cannot be `.{}`", word.text, shorten(name.text));
        let all: Vec<String> = known.iter().map(|(n, _)| format!(".{n}")).collect();
        let help = format!("orders of `{}`: none written, or {}", word.text, all.join(", "));
        self.sink.error(name.at, message, "not an order of this operation").help(help);
        Err(Failed)
    }

    /// `[ADDR]`.
    pub(super) fn address(&mut self) -> Parsed<AddrExpr<'a>> {
        if !self.eat("[") {
            return Err(self.expected("an address in brackets"));
        }
        let start = self.peek().at;
        let base = self.address_base()?;
        let typed = !matches!(base, AddrBase::Raw { .. });
        let mut path = Vec::new();
        loop {
            if typed && self.eat(".") {
                path.push(Step::Field(self.ident("the name of a field")?));
            } else if typed && self.eat("[") {
                path.push(Step::Index(self.arg("an index")?));
                if !self.eat("]") {
                    return Err(self.expected_help("`]`", Some("an index is one register or constant")));
                }
            } else {
                break;
            }
        }
        if !self.is_sym(0, "]") {
            return Err(self.expected("`.FIELD`, `[INDEX]` or `]`"));
        }
        let close = self.bump().at;
        Ok(AddrExpr { base, path, at: start.to(crate::asm::diag::Sp { end: close.start, ..close }) })
    }

    fn address_base(&mut self) -> Parsed<AddrBase<'a>> {
        if let Tk::Int(disp) = self.peek().kind {
            self.pos += 1;
            return self.raw_terms(RawBase::Abs, disp);
        }
        if self.eat("@") {
            let cpu = self.ident("the register with the core number")?;
            return self.raw_terms(RawBase::OnCpu(cpu), 0);
        }
        let name = self.ident("a pointer register, an object, `cpu.OBJECT` or `OBJECT@core`")?;
        let raw = self.is_sym(0, "+");
        if name.text == "cpu" {
            if raw {
                return self.raw_terms(RawBase::ThisCpu, 0);
            }
            self.sym(".")?;
            return Ok(AddrBase::ThisCpu(self.ident("the name of a per-CPU object")?));
        }
        if raw {
            return self.raw_terms(RawBase::Reg(name), 0);
        }
        if self.eat("@") {
            return Ok(AddrBase::OnCpu(name, self.arg("the number of a core")?));
        }
        Ok(AddrBase::Name(name))
    }

    /// `+ BYTES` and `+ REGISTER*SIZE` after the base of an untyped address.
    fn raw_terms(&mut self, base: RawBase<'a>, mut disp: u64) -> Parsed<AddrBase<'a>> {
        let mut index = None;
        while self.eat("+") {
            let tok = self.peek();
            if let Tk::Int(bytes) = tok.kind {
                self.pos += 1;
                disp = disp.wrapping_add(bytes);
                continue;
            }
            let reg = self.ident("a number of bytes or `register*size`")?;
            self.sym("*")?;
            let size = self.peek();
            let scale = match size.kind {
                Tk::Int(n) => u16::try_from(n).ok(),
                _ => None,
            };
            let Some(scale) = scale else {
                return Err(self.expected("an element size of at most 65535"));
            };
            self.pos += 1;
            if index.replace((reg, scale)).is_some() {
                return Err(self.fail(reg.at, "more than one register index in an address", "a second one"));
            }
        }
        Ok(AddrBase::Raw { base, disp, index })
    }
}
