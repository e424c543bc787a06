// SPDX-License-Identifier: MIT OR Apache-2.0
//! Expressions of C: every value is kept as the 64-bit two's complement of the number it is.

use super::c::{Body, NESTING_MAX, ty, type_begins};
use super::lex::{Cursor, Kind};
use super::{Error, Scalar};

/// A scalar, or a pointer to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Type {
    pub(super) scalar: Scalar,
    pub(super) stars: u8,
}

impl Type {
    pub(super) const INT: Type = Type { scalar: Scalar::INT, stars: 0 };

    /// What the value itself is.
    pub(super) const fn size(self) -> Scalar {
        if self.stars > 0 { Scalar::POINTER } else { self.scalar }
    }

    /// What it points to.
    pub(super) const fn pointee(self) -> Type {
        Type { scalar: self.scalar, stars: self.stars.saturating_sub(1) }
    }
}

/// A value: a register or constant of the program text, and its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Val {
    pub(super) text: String,
    pub(super) ty: Type,
}

impl Val {
    pub(super) fn constant(n: i64, ty: Type) -> Val {
        Val { text: format!("{:#x}", n as u64), ty }
    }

    /// As the operand of an access: a constant is cut to its size, a register by the access itself.
    pub(super) fn operand(&self, element: Type) -> String {
        match self.number() {
            Some(n) if element.size().bytes < 8 => {
                format!("{:#x}", n as u64 & ((1 << (8 * element.size().bytes)) - 1))
            }
            _ => self.text.clone(),
        }
    }

    /// Its value, if it is a constant.
    pub(super) fn number(&self) -> Option<i64> {
        u64::from_str_radix(self.text.strip_prefix("0x")?, 16).ok().map(|n| n as i64)
    }
}

/// Operators with how strongly they bind, and the micro-op's sign.
const BINARY: [(&str, u8); 15] = [
    ("||", 1),
    ("&&", 2),
    ("|", 3),
    ("^", 4),
    ("&", 5),
    ("==", 6),
    ("!=", 6),
    ("<", 7),
    ("<=", 7),
    (">", 7),
    (">=", 7),
    ("<<", 8),
    ("+", 9),
    ("-", 9),
    ("*", 10),
];

impl Body {
    /// An expression.
    pub(super) fn expression(&mut self, c: &mut Cursor<'_, '_>, depth: usize) -> Result<Val, Error> {
        let v = self.binary(c, depth, 1)?;
        let t = c.peek();
        if matches!(t.text, "/" | "%" | ">>" | "?" | "->" | "." | "[" | "++" | "--") && t.kind == Kind::Sym {
            return Err(c.file.error(t.at, format!("the operator `{}` is not supported", t.text)));
        }
        Ok(v)
    }

    fn binary(&mut self, c: &mut Cursor<'_, '_>, depth: usize, least: u8) -> Result<Val, Error> {
        let mut a = self.unary(c, depth)?;
        loop {
            let t = c.peek();
            let found = BINARY.iter().find(|(s, p)| t.kind == Kind::Sym && *s == t.text && *p >= least);
            let Some((sign, strength)) = found else { return Ok(a) };
            c.bump();
            if strength <= &2 {
                a = self.short(c, depth, a, sign, strength + 1)?;
                continue;
            }
            let b = self.binary(c, depth + 1, strength + 1)?;
            let equality = matches!(*sign, "==" | "!=");
            if (a.ty.stars > 0 || b.ty.stars > 0) && !equality {
                return Err(c.file.error(t.at, format!("`{sign}` on an address is not supported")));
            }
            a = if (6..=7).contains(strength) { self.compare(&a, &b, sign) } else { self.arithmetic(&a, &b, sign) };
        }
    }

    /// `a && b` and `a || b`: `b` is evaluated only if `a` does not decide.
    fn short(&mut self, c: &mut Cursor<'_, '_>, depth: usize, a: Val, sign: &str, least: u8) -> Result<Val, Error> {
        let (out, t) = (self.new_label(), self.temp());
        let decided = u8::from(sign == "||");
        self.lines(format!("{t} = {decided}"));
        self.lines(format!("if {} {} 0 goto {out}", a.text, if decided == 1 { "!=" } else { "==" }));
        let b = self.binary(c, depth + 1, least)?;
        let truth = self.compare(&b, &Val::constant(0, Type::INT), "!=");
        self.lines(format!("{t} = {}", truth.text));
        self.label(&out);
        Ok(Val { text: t, ty: Type::INT })
    }

    /// The type in which two numbers are combined.
    fn common(a: Type, b: Type) -> Type {
        if a.stars > 0 || b.stars > 0 {
            return if a.stars > 0 { a } else { b };
        }
        let promoted = |t: Type| if t.scalar.bytes < 4 { Type::INT } else { t };
        let (a, b) = (promoted(a), promoted(b));
        if a.scalar.bytes != b.scalar.bytes {
            return if a.scalar.bytes > b.scalar.bytes { a } else { b };
        }
        Type { scalar: Scalar { bytes: a.scalar.bytes, signed: a.scalar.signed && b.scalar.signed }, stars: 0 }
    }

    /// 1 or 0.
    pub(super) fn compare(&mut self, a: &Val, b: &Val, sign: &str) -> Val {
        let ty = Self::common(a.ty, b.ty);
        let (a, b) = (self.convert(a, ty), self.convert(b, ty));
        let (t, out) = (self.temp(), self.new_label());
        let signed = ty.size().signed && !matches!(sign, "==" | "!=");
        self.lines(format!("{t} = 1"));
        self.lines(format!("if {} {sign}{} {} goto {out}", a.text, if signed { "s" } else { "" }, b.text));
        self.lines(format!("{t} = 0"));
        self.label(&out);
        Val { text: t, ty: Type::INT }
    }

    pub(super) fn arithmetic(&mut self, a: &Val, b: &Val, sign: &str) -> Val {
        let ty = Self::common(a.ty, b.ty);
        let (a, b) = (self.convert(a, ty), self.convert(b, ty));
        let t = self.temp();
        self.lines(format!("{t} = {} {sign} {}", a.text, b.text));
        let v = Val { text: t, ty };
        // Bits of numbers of one type, combined bit by bit, are such a number again.
        if matches!(sign, "&" | "|" | "^") { v } else { self.canonical(v) }
    }

    /// The same number in another type, cut if it does not fit.
    pub(super) fn convert(&mut self, v: &Val, ty: Type) -> Val {
        let (from, to) = (v.ty.size(), ty.size());
        let fits = from == to || to.bytes == 8 || (from.bytes < to.bytes && (to.signed || !from.signed));
        let v = Val { text: v.text.clone(), ty };
        if fits { v } else { self.canonical(v) }
    }

    pub(super) fn unary(&mut self, c: &mut Cursor<'_, '_>, depth: usize) -> Result<Val, Error> {
        if depth > NESTING_MAX {
            return Err(c.unexpected("a simpler expression"));
        }
        let t = c.peek();
        if let Kind::Int(n) = t.kind {
            c.bump();
            let wide = n > i32::MAX as u64;
            let scalar = if wide { Scalar { bytes: 8, signed: true } } else { Scalar::INT };
            return Ok(Val::constant(n as i64, Type { scalar, stars: 0 }));
        }
        if c.eat("(") {
            if type_begins(c) {
                let ty = ty(c)?;
                c.expect(")")?;
                let v = self.unary(c, depth + 1)?;
                return Ok(self.convert(&v, ty));
            }
            let v = self.expression(c, depth + 1)?;
            c.expect(")")?;
            return Ok(v);
        }
        if c.eat("*") {
            let (address, element) = self.pointer(c, depth + 1, true)?;
            return Ok(self.load(&address, element, ""));
        }
        if c.eat("!") {
            let v = self.unary(c, depth + 1)?;
            return Ok(self.compare(&v, &Val::constant(0, Type::INT), "=="));
        }
        if c.eat("-") || c.eat("~") {
            let v = self.unary(c, depth + 1)?;
            let zero = Val::constant(if t.text == "-" { 0 } else { -1 }, Type::INT);
            return Ok(self.arithmetic(&zero, &v, if t.text == "-" { "-" } else { "^" }));
        }
        if t.kind != Kind::Word {
            return Err(c.unexpected("a value"));
        }
        if c.peek_at(1).text == "(" {
            return self.call(c, depth + 1);
        }
        c.bump();
        if t.text == "NULL" {
            return Ok(Val::constant(0, Type { scalar: Scalar::INT, stars: 1 }));
        }
        let v = self.variable(c, t)?;
        Ok(Val { text: format!("c_{}", v.name), ty: v.ty })
    }
}
