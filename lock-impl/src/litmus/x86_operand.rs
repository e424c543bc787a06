// SPDX-License-Identifier: MIT OR Apache-2.0
//! Registers and operands of both x86 syntaxes.

use super::asm::Asm;
use super::init::Table;
use super::lex::{Cursor, Kind};
use super::{Dialect, Error};

/// `[family]`: names of 64, 32, 16 and 8 bits.
const NAMES: [[&str; 4]; 8] = [
    ["rax", "eax", "ax", "al"],
    ["rbx", "ebx", "bx", "bl"],
    ["rcx", "ecx", "cx", "cl"],
    ["rdx", "edx", "dx", "dl"],
    ["rsi", "esi", "si", "sil"],
    ["rdi", "edi", "di", "dil"],
    ["rbp", "ebp", "bp", "bpl"],
    ["rsp", "esp", "sp", "spl"],
];

/// A general register, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct X86Reg {
    /// 0 to 15; from 8 on `r8` and so on.
    family: usize,
    pub(super) bytes: u64,
}

impl X86Reg {
    /// Name of the 64-bit register in program text.
    pub(super) fn uop(self) -> String {
        NAMES.get(self.family).map_or_else(|| format!("r{}", self.family), |n| n[0].to_owned())
    }

    /// Name in results.
    pub(super) fn shown(self, dialect: Dialect) -> String {
        match (dialect, NAMES.get(self.family)) {
            (Dialect::X86, Some(n)) => n[1].to_ascii_uppercase(),
            _ => self.uop(),
        }
    }
}

/// The register of this name.
pub(super) fn register(dialect: Dialect, written: &str) -> Option<X86Reg> {
    let name = written.to_ascii_lowercase();
    for (family, names) in NAMES.iter().enumerate() {
        if let Some(i) = names.iter().position(|n| *n == name) {
            let bytes = 8 >> i;
            return (dialect == Dialect::X86_64 || bytes < 8).then_some(X86Reg { family, bytes });
        }
    }
    let rest = name.strip_prefix('r').filter(|_| dialect == Dialect::X86_64)?;
    let (number, bytes) = match rest.as_bytes().last()? {
        b'd' => (&rest[..rest.len() - 1], 4),
        b'w' => (&rest[..rest.len() - 1], 2),
        b'b' => (&rest[..rest.len() - 1], 1),
        _ => (rest, 8),
    };
    let family: usize = number.parse().ok()?;
    (8..16).contains(&family).then_some(X86Reg { family, bytes })
}

/// An operand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    /// A register.
    Reg(X86Reg),
    /// A constant.
    Imm(i64),
    /// The location of this name.
    Location(String),
    /// A register and a number of bytes.
    Pointer(String, i64),
    /// A location and a number of bytes that is not 0.
    Offset(String, i64),
}

impl Operand {
    pub(super) fn is_memory(&self) -> bool {
        !matches!(self, Operand::Reg(_) | Operand::Imm(_))
    }
}

/// Reads `$1`, `EAX`, `%eax`, `[x]`, `(x)`, `[x+4]`, `4(%rdi)`, `x(%rip)`.
pub(super) fn operand(c: &mut Cursor<'_, '_>, asm: &mut Asm, table: &mut Table) -> Result<Operand, Error> {
    if c.eat("$") {
        return Ok(Operand::Imm(c.int("a number")?));
    }
    if c.eat("%") || (c.peek().kind == Kind::Word && register(table.dialect, c.peek().text).is_some()) {
        let t = c.word("a register")?;
        let Some(r) = register(table.dialect, t.text) else {
            return Err(c.file.error(t.at, format!("`{}` is not a register of {}", t.text, table.dialect.name())));
        };
        asm.register(table, t.text);
        return Ok(Operand::Reg(r));
    }
    let displacement = if matches!(c.peek().kind, Kind::Int(_)) || c.is("-") { c.int("a number")? } else { 0 };
    let name = if c.peek().kind == Kind::Word { Some(c.bump()) } else { None };
    let (open, close) = if c.is("[") { ("[", "]") } else { ("(", ")") };
    if let Some(name) = name {
        // `x(%rip)`; a bare `x` would be a load in one syntax and an address in the other.
        if !c.eat("(") {
            let what = format!("`{}` is neither a register nor an address such as `[x]`", name.text);
            return Err(c.file.error(name.at, what));
        }
        c.expect("%")?;
        c.expect("rip")?;
        c.expect(")")?;
        return Ok(place(table, name.text, displacement));
    }
    if !c.is(open) {
        return Err(c.unexpected("an operand such as `$1`, a register, or `[x]`"));
    }
    c.bump();
    c.eat("%");
    let t = c.word("a register or a location")?;
    let mut bytes = displacement;
    if c.eat("+") {
        bytes = bytes.wrapping_add(c.int("a number of bytes")?);
    }
    c.expect(close)?;
    if let Some(r) = register(table.dialect, t.text) {
        asm.register(table, t.text);
        return Ok(Operand::Pointer(r.uop(), bytes));
    }
    Ok(place(table, t.text, bytes))
}

fn place(table: &mut Table, name: &str, bytes: i64) -> Operand {
    table.locate(name);
    if bytes == 0 { Operand::Location(name.to_owned()) } else { Operand::Offset(name.to_owned(), bytes) }
}

/// The text of an address for an access of so many bytes.
pub(super) fn address(asm: &mut Asm, operand: &Operand, bytes: u64) -> String {
    asm.wide |= bytes == 8;
    let (base, offset) = match operand {
        Operand::Location(name) => return format!("m_{name}.u{}", 8 * bytes),
        Operand::Pointer(reg, offset) => (reg.clone(), *offset),
        Operand::Offset(name, offset) => {
            let t = asm.temp();
            asm.local(format!("{t} = lea [m_{name}.u64]"));
            (t, *offset)
        }
        Operand::Reg(_) | Operand::Imm(_) => unreachable!("the caller has a memory operand"),
    };
    if offset == 0 {
        return format!("{base}+0");
    }
    let t = asm.temp();
    asm.local(format!("{t} = {base} + {:#x}", offset as u64));
    format!("{t}+0")
}

/// The low bytes of a register or constant.
pub(super) fn value(asm: &mut Asm, operand: &Operand, bytes: u64) -> String {
    match operand {
        Operand::Reg(r) => asm.low(&r.uop(), bytes),
        Operand::Imm(n) if bytes == 8 => format!("{:#x}", *n as u64),
        Operand::Imm(n) => format!("{:#x}", *n as u64 & ((1 << (8 * bytes)) - 1)),
        _ => unreachable!("the caller has no memory operand"),
    }
}

/// Writes a value, already cut to `bytes`: 32 bits clear the upper half, less keep the rest.
pub(super) fn write(asm: &mut Asm, r: X86Reg, value: &str, bytes: u64) {
    let name = r.uop();
    for text in write_text(&name, value, bytes) {
        asm.local(text);
    }
}

/// The micro-ops of [`write`].
pub(super) fn write_text(name: &str, value: &str, bytes: u64) -> Vec<String> {
    if bytes >= 4 {
        return vec![format!("{name} = {value}")];
    }
    let keep = !((1u64 << (8 * bytes)) - 1);
    vec![format!("{name} = {name} & {keep:#x}"), format!("{name} = {name} | {value}")]
}
