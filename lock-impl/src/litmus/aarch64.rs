// SPDX-License-Identifier: MIT OR Apache-2.0
//! Instructions of AArch64.

use super::Error;
use super::asm::Asm;
use super::init::Table;
use super::lex::{Cursor, Kind, Token};

/// A register operand.
struct Reg {
    /// Name in the program text; `None` for the zero register.
    uop: Option<String>,
    /// 4 or 8.
    bytes: u64,
}

pub(super) fn instruction(c: &mut Cursor<'_, '_>, asm: &mut Asm, table: &mut Table) -> Result<(), Error> {
    let word = c.word("an instruction")?;
    let name = word.text.to_ascii_uppercase();
    match name.as_str() {
        "NOP" => {}
        "ISB" => {
            if !c.at_end() {
                let t = c.word("SY or nothing")?;
                if !t.text.eq_ignore_ascii_case("sy") {
                    return Err(c.file.error(t.at, format!("`ISB {}` is not supported", t.text)));
                }
            }
            asm.access("fence.ctrl".to_owned());
        }
        "DMB" | "DSB" => {
            let kind = c.word("SY, LD, ST, ISH, ISHLD, ..")?;
            let text = match kind.text.to_ascii_uppercase().as_str() {
                "SY" | "ISH" | "NSH" | "OSH" => "fence.full",
                // A load barrier orders earlier loads with everything later.
                "LD" | "ISHLD" | "NSHLD" | "OSHLD" => "fence.acq",
                "ST" | "ISHST" | "NSHST" | "OSHST" => "fence.w",
                _ => {
                    return Err(c
                        .file
                        .error(kind.at, format!("the barrier `{} {}` is not supported", word.text, kind.text)));
                }
            };
            asm.access(text.to_owned());
        }
        "B" => {
            let label = c.word("a label")?;
            asm.jump("", label);
        }
        "CBZ" | "CBNZ" => {
            let r = reg(c, asm, table)?;
            let v = read(asm, &r);
            c.expect(",")?;
            let label = c.word("a label")?;
            asm.jump(&format!("if {v} {} 0 ", if name == "CBZ" { "==" } else { "!=" }), label);
        }
        "CMP" => {
            let a = reg(c, asm, table)?;
            c.expect(",")?;
            let b = second(c, asm, table, a.bytes)?;
            let a_text = read(asm, &a);
            asm.compare(&a_text, &b, a.bytes);
        }
        "MOV" | "MOVZ" => {
            let d = reg(c, asm, table)?;
            c.expect(",")?;
            let v = second(c, asm, table, d.bytes)?;
            write(asm, &d, &v);
        }
        _ => {
            if let Some(condition) = name.strip_prefix("B.") {
                return conditional(c, asm, word, condition);
            }
            if arithmetic(c, asm, table, &name)? || memory(c, asm, table, &name)? || atomic(c, asm, table, &name)? {
                return Ok(());
            }
            return Err(unsupported(c, word));
        }
    }
    Ok(())
}

fn unsupported(c: &Cursor<'_, '_>, word: Token<'_>) -> Error {
    c.file.error(word.at, format!("the instruction `{}` is not supported", word.text))
}

fn conditional(c: &mut Cursor<'_, '_>, asm: &mut Asm, word: Token<'_>, condition: &str) -> Result<(), Error> {
    let op = match condition {
        "EQ" => "==",
        "NE" => "!=",
        "LT" => "<s",
        "LE" => "<=s",
        "GT" => ">s",
        "GE" => ">=s",
        "LO" | "CC" => "<",
        "LS" => "<=",
        "HI" => ">",
        "HS" | "CS" => ">=",
        _ => return Err(unsupported(c, word)),
    };
    let label = c.word("a label")?;
    let what = format!("`{}` is not supported where no CMP stands before it on the only way here", word.text);
    let test = asm.flag_test(op).ok_or_else(|| c.file.error(word.at, what))?;
    asm.jump(&test, label);
    Ok(())
}

/// `W3`, `X3`, `WZR`, `XZR`.
fn reg(c: &mut Cursor<'_, '_>, asm: &mut Asm, table: &Table) -> Result<Reg, Error> {
    let t = c.word("a register")?;
    let upper = t.text.to_ascii_uppercase();
    let bytes = if upper.starts_with('W') { 4 } else { 8 };
    if upper == "WZR" || upper == "XZR" {
        return Ok(Reg { uop: None, bytes });
    }
    match asm.register(table, t.text) {
        Some(uop) => Ok(Reg { uop: Some(uop), bytes }),
        None => Err(c.file.error(t.at, format!("`{}` is not a supported register", t.text))),
    }
}

/// Its value as an operand.
fn read(asm: &mut Asm, r: &Reg) -> String {
    match &r.uop {
        None => "0".to_owned(),
        Some(u) => asm.low(u, r.bytes),
    }
}

/// Writes a value, of which a 32-bit register takes the lower half and clears the upper.
fn write(asm: &mut Asm, r: &Reg, value: &str) {
    let Some(u) = &r.uop else { return };
    let text = if r.bytes == 4 { format!("{u} = {value} & 0xffffffff") } else { format!("{u} = {value}") };
    asm.local(text);
}

/// `#imm`, or a register that may be extended or shifted.
fn second(c: &mut Cursor<'_, '_>, asm: &mut Asm, table: &Table, bytes: u64) -> Result<String, Error> {
    if c.eat("#") || matches!(c.peek().kind, Kind::Int(_)) || c.is("-") {
        let n = c.int("a number")? as u64;
        return Ok(format!("{:#x}", if bytes == 4 { n & 0xffff_ffff } else { n }));
    }
    let r = reg(c, asm, table)?;
    extended(c, asm, &r)
}

/// What may stand behind a register: `,SXTW`, `,UXTW`, `,LSL #n`.
fn extended(c: &mut Cursor<'_, '_>, asm: &mut Asm, r: &Reg) -> Result<String, Error> {
    let mut value = read(asm, r);
    if !c.eat(",") {
        return Ok(value);
    }
    let t = c.word("SXTW, UXTW, SXTX, UXTX or LSL")?;
    match t.text.to_ascii_uppercase().as_str() {
        "SXTW" => value = asm.signed(&value, 4),
        "UXTW" => value = asm.low(&value, 4),
        "SXTX" | "UXTX" | "LSL" => {}
        _ => return Err(c.file.error(t.at, format!("`{}` is not supported here", t.text))),
    }
    if c.eat("#") {
        let n = c.int("a number of bits")?;
        if !(0..64).contains(&n) {
            return Err(c.file.error(t.at, format!("a shift by {n} is not possible")));
        }
        let shifted = asm.temp();
        asm.local(format!("{shifted} = {value} << {n}"));
        value = shifted;
    }
    Ok(value)
}

fn arithmetic(c: &mut Cursor<'_, '_>, asm: &mut Asm, table: &Table, name: &str) -> Result<bool, Error> {
    let (sign, sets_flags) = match name {
        "ADD" | "ADDS" => ("+", name == "ADDS"),
        "SUB" | "SUBS" => ("-", name == "SUBS"),
        "AND" | "ANDS" => ("&", name == "ANDS"),
        "ORR" => ("|", false),
        "EOR" => ("^", false),
        "LSL" => ("<<", false),
        "LSR" => (">>", false),
        _ => return Ok(false),
    };
    let d = reg(c, asm, table)?;
    c.expect(",")?;
    let a = reg(c, asm, table)?;
    c.expect(",")?;
    if sign.len() == 2 && !c.is("#") {
        return Err(c.unexpected("a constant shift `#n`"));
    }
    let b = second(c, asm, table, d.bytes)?;
    let a = read(asm, &a);
    let t = asm.temp();
    asm.local(format!("{t} = {a} {sign} {b}"));
    let t = asm.low(&t, d.bytes);
    write(asm, &d, &t);
    if sets_flags {
        asm.result(&t);
    }
    Ok(true)
}

/// Width of an access: by suffix B or H, else by register.
fn sized<'n>(name: &'n str, stems: &[&'n str]) -> Option<(&'n str, Option<u64>)> {
    stems.iter().find_map(|s| match name.strip_prefix(s)? {
        "" => Some((*s, None)),
        "B" => Some((*s, Some(1))),
        "H" => Some((*s, Some(2))),
        _ => None,
    })
}

fn memory(c: &mut Cursor<'_, '_>, asm: &mut Asm, table: &mut Table, name: &str) -> Result<bool, Error> {
    let stems = ["LDR", "LDUR", "LDAR", "LDAPR", "LDAPUR", "STR", "STUR", "STLR", "STLUR"];
    let Some((stem, size)) = sized(name, &stems) else { return Ok(false) };
    let r = reg(c, asm, table)?;
    let bytes = size.unwrap_or(r.bytes);
    c.expect(",")?;
    let address = address(c, asm, table)?;
    asm.wide |= bytes == 8;
    let bits = 8 * bytes;
    match stem {
        "STR" | "STUR" => {
            let v = read(asm, &r);
            asm.access(format!("store.u{bits} [{address}], {v}"));
        }
        "STLR" | "STLUR" => {
            let v = read(asm, &r);
            asm.access(format!("store.u{bits}.rel [{address}], {v}"));
            asm.released();
        }
        _ => {
            if stem == "LDAR" {
                asm.load_acquire_after_release();
            }
            let order = match stem {
                "LDAR" => ".acq",
                "LDAPR" | "LDAPUR" => ".acqpc",
                _ => "",
            };
            let t = r.uop.clone().unwrap_or_else(|| asm.temp());
            asm.access(format!("{t} = load.u{bits}{order} [{address}]"));
        }
    }
    Ok(true)
}

/// `[X1]`, `[X1,#8]`, `[X1,X2]`, `[X1,W2,SXTW]`.
fn address(c: &mut Cursor<'_, '_>, asm: &mut Asm, table: &Table) -> Result<String, Error> {
    c.expect("[")?;
    let at = c.peek().at;
    let base = reg(c, asm, table)?;
    let (Some(base), 8) = (base.uop, base.bytes) else {
        return Err(c.file.error(at, "an address is held by an X register"));
    };
    let mut text = format!("{base}+0");
    if c.eat(",") {
        if c.eat("#") {
            let n = c.int("a number of bytes")?;
            let t = asm.temp();
            asm.local(format!("{t} = {base} + {:#x}", n as u64));
            text = format!("{t}+0");
        } else {
            let index = reg(c, asm, table)?;
            let offset = extended(c, asm, &index)?;
            let t = asm.temp();
            asm.local(format!("{t} = {base} + {offset}"));
            text = format!("{t}+0");
        }
    }
    c.expect("]")?;
    if c.is("!") || c.is(",") {
        return Err(c.unexpected("the end (addresses that change their register are not supported)"));
    }
    Ok(text)
}

/// The atomics of Armv8.1, with A, L or AL and a size behind the name.
fn atomic(c: &mut Cursor<'_, '_>, asm: &mut Asm, table: &mut Table, name: &str) -> Result<bool, Error> {
    let stems = ["SWP", "CAS", "LDADD", "LDSET", "LDCLR", "LDEOR", "STADD", "STSET", "STCLR", "STEOR"];
    let Some((stem, rest)) = stems.iter().find_map(|s| Some((*s, name.strip_prefix(s)?))) else { return Ok(false) };
    let (order, size) = match rest.strip_suffix(['B', 'H']) {
        Some(order) => (order, Some(if rest.ends_with('B') { 1 } else { 2 })),
        None => (rest, None),
    };
    let order = match order {
        "" => "relaxed",
        "A" => "acq",
        "L" => "rel",
        "AL" => "full",
        _ => return Ok(false),
    };
    let s = reg(c, asm, table)?;
    c.expect(",")?;
    let d = if stem.starts_with("ST") { Reg { uop: None, bytes: s.bytes } } else { reg(c, asm, table)? };
    if !stem.starts_with("ST") {
        c.expect(",")?;
    }
    let address = address(c, asm, table)?;
    let bytes = size.unwrap_or(s.bytes);
    asm.wide |= bytes == 8;
    let bits = 8 * bytes;
    let (s_value, d_value) = (asm.low(s.uop.as_deref().unwrap_or("0"), bytes), read(asm, &d));
    let t = asm.temp();
    let text = match stem {
        "SWP" => format!("{t} = xchg.u{bits}{} [{address}], {s_value}", suffix(order)),
        "CAS" => format!("{t} = cas.u{bits}{} [{address}], {s_value}, {d_value}", suffix(order)),
        "LDADD" | "STADD" => format!("{t} = fetch_add.u{bits}{} [{address}], {s_value}", suffix(order)),
        "LDEOR" | "STEOR" => format!("{t} = fetch_xor.u{bits}{} [{address}], {s_value}", suffix(order)),
        "LDSET" | "STSET" => format!("{t} = fetch_or.u{bits}{} [{address}], {s_value}", suffix(order)),
        _ => {
            let mask = asm.temp();
            asm.local(format!("{mask} = {s_value} ^ 0xffffffffffffffff"));
            format!("{t} = fetch_and.u{bits}{} [{address}], {mask}", suffix(order))
        }
    };
    asm.access(text);
    write(asm, if stem == "CAS" { &s } else { &d }, &t);
    Ok(true)
}

fn suffix(order: &str) -> String {
    if order == "full" { String::new() } else { format!(".{order}") }
}
