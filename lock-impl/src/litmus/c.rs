// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threads in C, as the kernel's memory model writes them: declarations and statements.

use super::c_expr::{Type, Val};
use super::init::{Table, scalar};
use super::lex::{Cursor, Kind, Token};
use super::{Error, Line, Scalar, Thread, Value};

/// Statements and parentheses inside each other.
pub(super) const NESTING_MAX: usize = 100;

/// A variable of a thread.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) ty: Type,
    /// A parameter: the address of the location of its name, never assigned.
    pub(super) parameter: bool,
    /// Its block has ended; another of the same name and type is the same to results.
    closed: bool,
}

/// A thread being read.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) thread: Thread,
    pub(super) variables: Vec<Variable>,
    scratch: usize,
}

/// `P0(int *x, int *y) { .. }`.
pub(super) fn thread(c: &mut Cursor<'_, '_>, table: &mut Table) -> Result<(), Error> {
    let index = table.threads.iter().filter(|t| !t.lines.is_empty()).count();
    let name = c.word("a thread such as `P0(int *x)`")?;
    if name.text != format!("P{index}") {
        return Err(c.file.error(name.at, format!("expected the thread `P{index}`, found `{}`", name.text)));
    }
    if table.threads.len() <= index {
        table.threads.resize(index + 1, Thread::default());
    }
    let mut body = Body { thread: std::mem::take(&mut table.threads[index]), variables: Vec::new(), scratch: 0 };
    c.expect("(")?;
    while !c.eat(")") {
        if !(c.is("void") && c.peek_at(1).text == ")") {
            parameter(c, table, &mut body)?;
        } else {
            c.bump();
        }
        if !c.eat(",") && !c.is(")") {
            return Err(c.unexpected("`,` or `)`"));
        }
    }
    if !c.is("{") {
        return Err(c.unexpected("`{`"));
    }
    body.statement(c, 0)?;
    // A thread that does nothing still is one.
    body.thread.lines.push(Line::Label("end".to_owned()));
    table.threads[index] = body.thread;
    Ok(())
}

fn parameter(c: &mut Cursor<'_, '_>, table: &mut Table, body: &mut Body) -> Result<(), Error> {
    let start = c.peek();
    let element = ty(c)?;
    let name = c.word("the name of a location")?;
    if element.stars == 0 {
        let what = format!("the parameter `{}` is no pointer; only `TYPE *{0}` is supported", name.text);
        return Err(c.file.error(start.at, what));
    }
    if c.is("[") {
        return Err(c.file.error(name.at, format!("`{}`: arrays are not supported", name.text)));
    }
    let size = element.pointee().size();
    let i = table.locate(name.text);
    let location = &mut table.locations[i];
    let declared = location.scalar.unwrap_or(size);
    if declared.bytes != size.bytes {
        let what = format!("`{}` has {} bytes here and {} elsewhere", name.text, size.bytes, declared.bytes);
        return Err(c.file.error(start.at, what));
    }
    location.scalar = Some(declared);
    body.lines(format!("c_{} = lea [m_{}.u64]", name.text, name.text));
    body.declare(c, name, element, true).map(|_| ())
}

/// A type with its stars.
pub(super) fn ty(c: &mut Cursor<'_, '_>) -> Result<Type, Error> {
    let scalar = scalar(c)?;
    let mut stars = 0;
    loop {
        if c.eat("*") {
            stars += 1;
        } else if !(c.eat("const") || c.eat("volatile") || c.eat("restrict")) {
            return Ok(Type { scalar, stars });
        }
    }
}

/// True if a type begins here.
pub(super) fn type_begins(c: &Cursor<'_, '_>) -> bool {
    let mut ahead = c.clone();
    c.peek().kind == Kind::Word && scalar(&mut ahead).is_ok()
}

impl Body {
    /// A micro-op that touches registers only.
    pub(super) fn lines(&mut self, text: String) {
        self.thread.lines.push(Line::Local(text));
    }

    /// A micro-op that touches memory, or a fence.
    pub(super) fn access(&mut self, text: String) {
        self.thread.lines.push(Line::Access(text));
    }

    /// A fresh scratch register.
    pub(super) fn temp(&mut self) -> String {
        self.scratch += 1;
        format!("t{}", self.scratch)
    }

    /// A fresh label, not placed yet.
    pub(super) fn new_label(&mut self) -> String {
        self.scratch += 1;
        format!("s{}", self.scratch)
    }

    /// Places a label.
    pub(super) fn label(&mut self, name: &str) {
        self.thread.lines.push(Line::Label(name.to_owned()));
    }

    fn declare(&mut self, c: &Cursor<'_, '_>, name: Token<'_>, ty: Type, parameter: bool) -> Result<Variable, Error> {
        // A name in two blocks inside each other would be two variables with one register.
        if self.variables.iter().any(|v| v.name == name.text && (!v.closed || v.ty != ty)) {
            return Err(c.file.error(name.at, format!("`{}` is declared twice", name.text)));
        }
        let v = Variable { name: name.text.to_owned(), ty, parameter, closed: false };
        self.variables.push(v.clone());
        if !parameter {
            let found = self.thread.registers.iter().position(|r| r.name == v.name);
            let i = found.unwrap_or_else(|| self.thread.add(v.name.clone(), format!("c_{}", v.name)));
            let r = &mut self.thread.registers[i];
            r.scalar = Some(ty.size());
            if let Value::Int(n) = r.init {
                r.init = Value::Int(ty.size().number(n as u64));
            }
        }
        Ok(v)
    }

    pub(super) fn statement(&mut self, c: &mut Cursor<'_, '_>, depth: usize) -> Result<(), Error> {
        if depth > NESTING_MAX {
            return Err(c.unexpected("fewer statements inside each other"));
        }
        if c.eat(";") {
            return Ok(());
        }
        if c.eat("{") {
            let outside = self.variables.len();
            while !c.eat("}") {
                if c.at_end() {
                    return Err(c.unexpected("`}`"));
                }
                self.statement(c, depth + 1)?;
            }
            self.variables[outside..].iter_mut().for_each(|v| v.closed = true);
            return Ok(());
        }
        if c.eat("if") {
            return self.conditional(c, depth);
        }
        if c.eat("while") {
            let (top, out) = (self.new_label(), self.new_label());
            self.label(&top);
            self.leave_unless(c, &out)?;
            self.statement(c, depth + 1)?;
            self.lines(format!("goto {top}"));
            self.label(&out);
            return Ok(());
        }
        let t = c.peek();
        if matches!(t.text, "for" | "do" | "switch" | "goto" | "return" | "break" | "continue" | "struct" | "union") {
            return Err(c.file.error(t.at, format!("`{}` is not supported", t.text)));
        }
        if type_begins(c) {
            self.declaration(c)?;
        } else if self.call_statement(c)? {
        } else {
            self.assignment(c)?;
        }
        c.expect(";").map(|_| ())
    }

    fn conditional(&mut self, c: &mut Cursor<'_, '_>, depth: usize) -> Result<(), Error> {
        let (other, out) = (self.new_label(), self.new_label());
        self.leave_unless(c, &other)?;
        self.statement(c, depth + 1)?;
        if !c.eat("else") {
            self.label(&other);
            return Ok(());
        }
        self.lines(format!("goto {out}"));
        self.label(&other);
        self.statement(c, depth + 1)?;
        self.label(&out);
        Ok(())
    }

    /// `(CONDITION)`, with a jump for when it does not hold.
    fn leave_unless(&mut self, c: &mut Cursor<'_, '_>, label: &str) -> Result<(), Error> {
        c.expect("(")?;
        let v = self.expression(c, 0)?;
        c.expect(")")?;
        self.lines(format!("if {} == 0 goto {label}", v.text));
        Ok(())
    }

    fn declaration(&mut self, c: &mut Cursor<'_, '_>) -> Result<(), Error> {
        let base = ty(c)?;
        let mut this = base;
        loop {
            let name = c.word("the name of a variable")?;
            if c.is("[") {
                return Err(c.file.error(name.at, format!("`{}`: arrays are not supported", name.text)));
            }
            let v = self.declare(c, name, this, false)?;
            if c.eat("=") {
                let value = self.expression(c, 0)?;
                self.set(&v, &value);
            }
            if !c.eat(",") {
                return Ok(());
            }
            this = Type { stars: 0, ..base };
            while c.eat("*") {
                this.stars += 1;
            }
        }
    }

    fn assignment(&mut self, c: &mut Cursor<'_, '_>) -> Result<(), Error> {
        let t = c.peek();
        if t.text == "*" {
            let (address, element) = self.place(c)?;
            c.expect("=")?;
            let value = self.expression(c, 0)?;
            self.store(&address, element, &value, "");
            return Ok(());
        }
        if t.kind != Kind::Word {
            return Err(c.unexpected("a statement"));
        }
        if c.peek_at(1).text == "(" {
            // A call whose value nobody wants, or one that is not known.
            return self.expression(c, 0).map(|_| ());
        }
        c.bump();
        let v = self.variable(c, t)?;
        if v.parameter {
            let what = format!("`{}` is the address of a location and cannot be assigned; `*{0}` can", t.text);
            return Err(c.file.error(t.at, what));
        }
        c.expect("=")?;
        let value = self.expression(c, 0)?;
        self.set(&v, &value);
        Ok(())
    }

    fn set(&mut self, v: &Variable, value: &Val) {
        let converted = self.convert(value, v.ty);
        self.lines(format!("c_{} = {}", v.name, converted.text));
    }

    /// The variable of this name.
    pub(super) fn variable(&self, c: &Cursor<'_, '_>, name: Token<'_>) -> Result<Variable, Error> {
        let found = self.variables.iter().find(|v| v.name == name.text && !v.closed);
        found.cloned().ok_or_else(|| c.file.error(name.at, format!("`{}` is not declared", name.text)))
    }

    /// An lvalue in memory: address and type of what is there.
    pub(super) fn place(&mut self, c: &mut Cursor<'_, '_>) -> Result<(String, Type), Error> {
        let t = c.peek();
        if c.eat("(") {
            let inner = self.place(c)?;
            c.expect(")")?;
            return Ok(inner);
        }
        if !c.eat("*") {
            return Err(c.file.error(t.at, format!("expected `*` and the address of a location, found `{}`", t.text)));
        }
        self.pointer(c, 0, true)
    }

    /// A value that is an address, and the type of what is there.
    pub(super) fn pointer(
        &mut self,
        c: &mut Cursor<'_, '_>,
        depth: usize,
        tight: bool,
    ) -> Result<(String, Type), Error> {
        let t = c.peek();
        let v = if tight { self.unary(c, depth)? } else { self.expression(c, depth)? };
        if v.ty.stars == 0 {
            return Err(c.file.error(t.at, format!("`{}` is not an address", t.text)));
        }
        Ok((v.text, v.ty.pointee()))
    }

    /// A load; `order` is empty or `.acq`.
    pub(super) fn load(&mut self, address: &str, element: Type, order: &str) -> Val {
        let t = self.temp();
        self.access(format!("{t} = load.u{}{order} [{address}+0]", 8 * element.size().bytes));
        self.canonical(Val { text: t, ty: element })
    }

    /// A store; `order` is empty or `.rel`.
    pub(super) fn store(&mut self, address: &str, element: Type, value: &Val, order: &str) {
        let text = format!("store.u{}{order} [{address}+0], {}", 8 * element.size().bytes, value.operand(element));
        self.access(text);
    }

    /// The number that the low bytes stand for in this type, kept as 64 bits two's complement.
    pub(super) fn canonical(&mut self, v: Val) -> Val {
        let Scalar { bytes, signed } = v.ty.size();
        if bytes == 8 {
            return v;
        }
        if let Some(n) = v.number() {
            return Val::constant(v.ty.size().number(n as u64), v.ty);
        }
        let t = self.temp();
        self.lines(format!("{t} = {} & {:#x}", v.text, (1u64 << (8 * bytes)) - 1));
        if signed {
            let sign = 1u64 << (8 * bytes - 1);
            self.lines(format!("{t} = {t} ^ {sign:#x}"));
            self.lines(format!("{t} = {t} - {sign:#x}"));
        }
        Val { text: t, ty: v.ty }
    }
}
