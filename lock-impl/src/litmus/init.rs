// SPDX-License-Identifier: MIT OR Apache-2.0
//! The initial section, and the table of names that the other readers fill and ask.

use super::cond::{Names, enter};
use super::lex::{Cursor, Kind};
use super::{Dialect, Error, Location, Observable, Register, Scalar, Thread, Value, x86_operand};

/// More threads than any machine here has cores.
const THREADS_MAX: u64 = 1024;

/// What is known of a test while it is read.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) dialect: Dialect,
    pub(super) locations: Vec<Location>,
    pub(super) threads: Vec<Thread>,
    pub(super) observed: Vec<Observable>,
    pub(super) has_pointers: bool,
    /// Registers may still be named that the threads do not use.
    pub(super) threads_known: bool,
}

impl Table {
    pub(super) fn new(dialect: Dialect) -> Table {
        Table {
            dialect,
            locations: Vec::new(),
            threads: Vec::new(),
            observed: Vec::new(),
            has_pointers: false,
            threads_known: false,
        }
    }

    /// Index of a location; a new one begins as zero, of unknown type.
    pub(super) fn locate(&mut self, name: &str) -> usize {
        self.locations.iter().position(|l| l.name == name).unwrap_or_else(|| {
            self.locations.push(Location { name: name.to_owned(), scalar: None, init: Value::Int(0) });
            self.locations.len() - 1
        })
    }

    /// Index of a register of a thread, under any of its names.
    pub(super) fn register_of(&mut self, thread: u64, written: &str) -> Result<(usize, usize), String> {
        let (name, uop) = canonical(self.dialect, written)
            .ok_or_else(|| format!("`{written}` is not a register of {}", self.dialect.name()))?;
        if thread >= THREADS_MAX || (self.threads_known && thread as usize >= self.threads.len()) {
            return Err(format!("there is no thread {thread}"));
        }
        let thread = thread as usize;
        if self.threads.len() <= thread {
            self.threads.resize(thread + 1, Thread::default());
        }
        let found = self.threads[thread].registers.iter().position(|r| r.uop == uop);
        if let Some(i) = found {
            // It may have been used before anybody named it.
            self.threads[thread].registers[i].name.clone_from(&name);
        }
        if found.is_none() && self.threads_known && self.dialect == Dialect::C {
            return Err(format!("thread {thread} has no variable `{written}`"));
        }
        Ok((thread, found.unwrap_or_else(|| self.threads[thread].add(name, uop))))
    }
}

impl Thread {
    /// Adds a register that is zero at first.
    pub(super) fn add(&mut self, name: String, uop: String) -> usize {
        self.registers.push(Register { name, uop, scalar: None, init: Value::Int(0) });
        self.registers.len() - 1
    }
}

/// Name of a register in results and in program text.
pub(super) fn canonical(dialect: Dialect, written: &str) -> Option<(String, String)> {
    match dialect {
        Dialect::X86 | Dialect::X86_64 => x86_operand::register(dialect, written).map(|r| (r.shown(dialect), r.uop())),
        Dialect::AArch64 => {
            let number: u8 = written.strip_prefix(['X', 'W', 'x', 'w'])?.parse().ok()?;
            (number <= 30).then(|| (format!("X{number}"), format!("x{number}")))
        }
        Dialect::C => Some((written.to_owned(), format!("c_{written}"))),
    }
}

impl Names for Table {
    fn register(&mut self, thread: u64, name: &str) -> Result<usize, String> {
        let (thread, i) = self.register_of(thread, name)?;
        let name = self.threads[thread].registers[i].name.clone();
        Ok(enter(&mut self.observed, Observable::Register { thread, name }))
    }

    fn location(&mut self, name: &str) -> Result<usize, String> {
        if !self.locations.iter().any(|l| l.name == name) {
            return Err(format!("`{name}` is no location of this test"));
        }
        Ok(enter(&mut self.observed, Observable::Location { name: name.to_owned() }))
    }

    fn address(&mut self, name: &str) -> Result<usize, String> {
        self.has_pointers = true;
        let known = self.locations.iter().position(|l| l.name == name);
        known.ok_or_else(|| format!("`{name}` is no location of this test"))
    }
}

/// `{ int x=1; 0:X1=x; uint64_t y; .. }`; the cursor stands on the brace.
pub(super) fn section(c: &mut Cursor<'_, '_>, table: &mut Table) -> Result<(), Error> {
    c.expect("{")?;
    loop {
        while c.eat(";") {}
        if c.eat("}") {
            return Ok(());
        }
        item(c, table)?;
        if !c.is("}") && !c.is(";") {
            return Err(c.unexpected("`;` or `}` behind an initial value"));
        }
    }
}

fn item(c: &mut Cursor<'_, '_>, table: &mut Table) -> Result<(), Error> {
    let start = c.peek();
    let typed = matches!(c.peek_at(1).kind, Kind::Word | Kind::Int(_)) || c.peek_at(1).text == "*";
    let mut scalar = if start.kind == Kind::Word && typed { Some(scalar(c)?) } else { None };
    while c.eat("*") {
        scalar = Some(Scalar::POINTER);
    }
    let t = c.peek();
    if let Kind::Int(thread) = t.kind {
        c.bump();
        c.expect(":")?;
        c.eat("%");
        let name = c.word("a register")?;
        let (thread, i) = table.register_of(thread, name.text).map_err(|e| c.file.error(t.at, e))?;
        let init = initial(c, table, false)?;
        let r = &mut table.threads[thread].registers[i];
        r.scalar = scalar.or(r.scalar);
        r.init = init.unwrap_or(r.init);
        return Ok(());
    }
    let bracket = c.eat("[");
    let name = c.word("a location such as `x=1`, or a register such as `0:X1=x`")?;
    if bracket {
        c.expect("]")?;
    } else if c.is("[") {
        return Err(c.file.error(name.at, format!("`{}`: arrays are not supported", name.text)));
    }
    let i = table.locate(name.text);
    let init = initial(c, table, true)?;
    let l = &mut table.locations[i];
    l.scalar = scalar.or(l.scalar);
    if let Some(init) = init {
        l.init = init;
        if matches!(init, Value::Address(_)) {
            l.scalar = Some(Scalar::POINTER);
        }
    }
    Ok(())
}

/// `= VALUE`, if there is one. An address put into memory is data; one in a register names the
/// place the thread works on.
fn initial(c: &mut Cursor<'_, '_>, table: &mut Table, in_memory: bool) -> Result<Option<Value>, Error> {
    if !c.eat("=") {
        return Ok(None);
    }
    if c.eat("ATOMIC_INIT") {
        c.expect("(")?;
        let value = c.int("a number")?;
        c.expect(")")?;
        return Ok(Some(Value::Int(value)));
    }
    let paren = c.eat("(");
    c.eat("&");
    let t = c.peek();
    let value = if t.kind == Kind::Word {
        c.bump();
        table.has_pointers |= in_memory;
        Value::Address(table.locate(t.text))
    } else {
        Value::Int(c.int("a number or a location")?)
    };
    if paren {
        c.expect(")")?;
    }
    Ok(Some(value))
}

/// The words of a type, without stars.
pub(super) fn scalar(c: &mut Cursor<'_, '_>) -> Result<Scalar, Error> {
    let (mut found, mut unsigned) = (None, None);
    let start = c.peek();
    loop {
        let t = c.peek();
        let (bytes, signed) = match t.text {
            "const" | "volatile" => {
                c.bump();
                continue;
            }
            "unsigned" | "signed" => {
                unsigned = Some(t.text == "unsigned");
                c.bump();
                continue;
            }
            "int" if found.is_some() => {
                c.bump();
                continue;
            }
            "int" | "int32_t" | "s32" | "__s32" | "atomic_t" | "spinlock_t" => (4, true),
            "uint32_t" | "u32" | "__u32" => (4, false),
            "long" | "int64_t" | "s64" | "__s64" | "atomic64_t" | "atomic_long_t" | "intptr_t" => (8, true),
            "uint64_t" | "u64" | "__u64" | "uintptr_t" | "size_t" => (8, false),
            "short" | "int16_t" | "s16" => (2, true),
            "uint16_t" | "u16" => (2, false),
            "char" | "int8_t" | "s8" => (1, true),
            "uint8_t" | "u8" | "bool" | "_Bool" => (1, false),
            _ => break,
        };
        if found.is_some() && t.text != "long" {
            break;
        }
        found = Some(Scalar { bytes, signed });
        c.bump();
    }
    match (found, unsigned) {
        (Some(s), None) => Ok(s),
        (s, Some(u)) => Ok(Scalar { signed: !u, ..s.unwrap_or(Scalar::INT) }),
        (None, None) => Err(c.file.error(start.at, format!("the type `{}` is not supported", start.text))),
    }
}
