// SPDX-License-Identifier: MIT OR Apache-2.0
//! Instructions of x86, in both syntaxes.

use super::asm::{Asm, Flags};
use super::init::Table;
use super::lex::{Cursor, Token};
use super::x86_operand::{Operand, address, operand, value, write, write_text};
use super::{Dialect, Error};

const BASES: [&str; 14] =
    ["mov", "xchg", "add", "sub", "and", "or", "xor", "inc", "dec", "cmp", "test", "xadd", "cmpxchg", "lea"];

/// Conditions of jumps, with the comparison of the flags' operands they stand for.
const JUMPS: [(&str, &str); 14] = [
    ("je", "=="),
    ("jz", "=="),
    ("jne", "!="),
    ("jnz", "!="),
    ("jl", "<s"),
    ("jle", "<=s"),
    ("jg", ">s"),
    ("jge", ">=s"),
    ("jb", "<"),
    ("jc", "<"),
    ("jbe", "<="),
    ("ja", ">"),
    ("jae", ">="),
    ("jnc", ">="),
];

pub(super) fn instruction(c: &mut Cursor<'_, '_>, asm: &mut Asm, table: &mut Table) -> Result<(), Error> {
    let mut word = c.word("an instruction")?;
    let locked = word.text.eq_ignore_ascii_case("lock");
    if locked {
        word = c.word("an instruction behind `lock`")?;
    }
    let name = word.text.to_ascii_lowercase();
    if !locked {
        match name.as_str() {
            "mfence" => {
                asm.access("fence.full".to_owned());
                return Ok(());
            }
            "lfence" => {
                asm.access("fence.acq".to_owned());
                return Ok(());
            }
            "sfence" => {
                asm.access("fence.w".to_owned());
                return Ok(());
            }
            "nop" => return Ok(()),
            "jmp" => {
                let label = c.word("a label")?;
                asm.jump("", label);
                return Ok(());
            }
            _ => {}
        }
        if let Some((_, op)) = JUMPS.iter().find(|(n, _)| *n == name) {
            let label = c.word("a label")?;
            let what = format!("`{}` is not supported where no CMP stands before it on the only way here", word.text);
            let test = asm.flag_test(op).ok_or_else(|| c.file.error(word.at, what))?;
            asm.jump(&test, label);
            return Ok(());
        }
    }
    let Some((base, size)) = split(&name) else {
        return Err(c.file.error(word.at, format!("the instruction `{}` is not supported", word.text)));
    };
    let mut operands = vec![operand(c, asm, table)?];
    if c.eat(",") {
        operands.push(operand(c, asm, table)?);
    }
    if table.dialect == Dialect::X86_64 {
        operands.reverse();
    }
    let registers = operands.iter().filter_map(|o| if let Operand::Reg(r) = o { Some(r.bytes) } else { None });
    let sizes: Vec<u64> = size.into_iter().chain(registers).collect();
    if sizes.iter().any(|s| *s != sizes[0]) {
        return Err(c.file.error(word.at, format!("`{}`: operands of different sizes", word.text)));
    }
    let x = X86 { word, base, locked, bytes: sizes.first().copied().unwrap_or(4) };
    x.execute(c, asm, &operands)
}

/// A name without its size: `movl` is `mov` of 4 bytes.
fn split(name: &str) -> Option<(&'static str, Option<u64>)> {
    if let Some(base) = BASES.iter().find(|b| **b == name) {
        return Some((base, None));
    }
    let (stem, last) = name.split_at_checked(name.len().checked_sub(1)?)?;
    let bytes = match last {
        "b" => 1,
        "w" => 2,
        "l" => 4,
        "q" => 8,
        _ => return None,
    };
    BASES.iter().find(|b| **b == stem).map(|b| (*b, Some(bytes)))
}

/// One instruction, its operands destination first.
struct X86<'a> {
    word: Token<'a>,
    base: &'static str,
    locked: bool,
    bytes: u64,
}

impl X86<'_> {
    fn execute(&self, c: &Cursor<'_, '_>, asm: &mut Asm, operands: &[Operand]) -> Result<(), Error> {
        let n = if matches!(self.base, "inc" | "dec") { 1 } else { 2 };
        if operands.len() != n {
            return Err(c.file.error(self.word.at, format!("`{}` has {n} operand(s)", self.word.text)));
        }
        let memory = operands.iter().filter(|o| o.is_memory()).count();
        let constant_first = matches!(operands[0], Operand::Imm(_)) && !matches!(self.base, "cmp" | "test");
        if memory > 1 || constant_first {
            return Err(c.file.error(self.word.at, format!("`{}` has no such operands", self.word.text)));
        }
        let can_lock = !matches!(self.base, "mov" | "cmp" | "test" | "lea") && operands[0].is_memory();
        if self.locked && !(can_lock || (self.base == "xchg" && memory == 1)) {
            return Err(c.file.error(self.word.at, format!("`lock {}` is not supported", self.word.text)));
        }
        match self.base {
            "mov" => self.mov(asm, operands),
            "lea" => return self.lea(c, asm, operands),
            "xchg" => return self.xchg(c, asm, operands),
            "xadd" | "cmpxchg" => return self.exchange(c, asm, operands),
            "cmp" | "test" => self.compare(asm, operands),
            _ => self.arithmetic(asm, operands),
        }
        Ok(())
    }

    /// Value of any operand; memory is loaded.
    fn get(&self, asm: &mut Asm, o: &Operand) -> String {
        if !o.is_memory() {
            return value(asm, o, self.bytes);
        }
        let a = address(asm, o, self.bytes);
        let t = asm.temp();
        asm.access(format!("{t} = load.u{} [{a}]", 8 * self.bytes));
        t
    }

    /// Writes a register or memory; the value is cut to size already.
    fn put(&self, asm: &mut Asm, o: &Operand, v: &str) {
        if let Operand::Reg(r) = o {
            return write(asm, *r, v, self.bytes);
        }
        let a = address(asm, o, self.bytes);
        asm.access(format!("store.u{} [{a}], {v}", 8 * self.bytes));
    }

    fn mov(&self, asm: &mut Asm, operands: &[Operand]) {
        let v = self.get(asm, &operands[1]);
        self.put(asm, &operands[0], &v);
    }

    fn lea(&self, c: &Cursor<'_, '_>, asm: &mut Asm, operands: &[Operand]) -> Result<(), Error> {
        if !operands[1].is_memory() || operands[0].is_memory() || self.bytes < 4 {
            return Err(c.file.error(self.word.at, format!("`{}` has no such operands", self.word.text)));
        }
        let wide = asm.wide;
        let a = address(asm, &operands[1], 8);
        asm.wide = wide;
        let t = asm.temp();
        asm.local(format!("{t} = lea [{a}]"));
        let t = asm.low(&t, self.bytes);
        self.put(asm, &operands[0], &t);
        Ok(())
    }

    fn xchg(&self, c: &Cursor<'_, '_>, asm: &mut Asm, operands: &[Operand]) -> Result<(), Error> {
        let (memory, other) =
            if operands[1].is_memory() { (&operands[1], &operands[0]) } else { (&operands[0], &operands[1]) };
        let Operand::Reg(_) = other else {
            return Err(c.file.error(self.word.at, format!("`{}` needs a register", self.word.text)));
        };
        let v = value(asm, other, self.bytes);
        if memory.is_memory() {
            let a = address(asm, memory, self.bytes);
            let t = asm.temp();
            asm.access(format!("{t} = xchg.u{} [{a}], {v}", 8 * self.bytes));
            self.put(asm, other, &t);
        } else {
            let (kept, w) = (asm.temp(), value(asm, memory, self.bytes));
            asm.local(format!("{kept} = {v}"));
            self.put(asm, other, &w);
            self.put(asm, memory, &kept);
        }
        Ok(())
    }

    /// `lock xadd` and `lock cmpxchg`. Without the lock they are two accesses, and nobody writes that.
    fn exchange(&self, c: &Cursor<'_, '_>, asm: &mut Asm, operands: &[Operand]) -> Result<(), Error> {
        if !self.locked || !matches!(operands[1], Operand::Reg(_)) {
            let what = format!("`{}` is supported with `lock`, memory and a register only", self.word.text);
            return Err(c.file.error(self.word.at, what));
        }
        let (bits, v) = (8 * self.bytes, value(asm, &operands[1], self.bytes));
        let a = address(asm, &operands[0], self.bytes);
        let t = asm.temp();
        if self.base == "xadd" {
            asm.access(format!("{t} = fetch_add.u{bits} [{a}], {v}"));
            let sum = asm.temp();
            asm.local(format!("{sum} = {t} + {v}"));
            let sum = asm.low(&sum, self.bytes);
            self.put(asm, &operands[1], &t);
            asm.result(&sum);
            return Ok(());
        }
        let expected = asm.accumulator(self.bytes);
        let ok = asm.temp();
        asm.access(format!("{t}, {ok} = cas.u{bits} [{a}], {expected}, {v}"));
        asm.compare(&expected, &t, self.bytes);
        // Only a failed one writes the accumulator.
        asm.unless(&format!("{ok} != 0"), &write_text("rax", &t, self.bytes));
        Ok(())
    }

    fn compare(&self, asm: &mut Asm, operands: &[Operand]) {
        let a = self.get(asm, &operands[0]);
        let b = self.get(asm, &operands[1]);
        if self.base == "cmp" {
            return asm.compare(&a, &b, self.bytes);
        }
        let t = asm.temp();
        asm.local(format!("{t} = {a} & {b}"));
        asm.result(&t);
    }

    fn arithmetic(&self, asm: &mut Asm, operands: &[Operand]) {
        let source = operands.get(1).cloned().unwrap_or(Operand::Imm(1));
        let sign = match self.base {
            "add" | "inc" => "+",
            "sub" | "dec" => "-",
            "and" => "&",
            "or" => "|",
            _ => "^",
        };
        if self.locked {
            let v = self.get(asm, &source);
            let (f, v) = match sign {
                "+" => ("fetch_add", v),
                "&" => ("fetch_and", v),
                "|" => ("fetch_or", v),
                "-" => {
                    let t = asm.temp();
                    asm.local(format!("{t} = 0 - {v}"));
                    ("fetch_add", asm.low(&t, self.bytes))
                }
                _ => ("fetch_xor", v),
            };
            let a = address(asm, &operands[0], self.bytes);
            let t = asm.temp();
            asm.access(format!("{t} = {f}.u{} [{a}], {v}", 8 * self.bytes));
            let result = asm.temp();
            asm.local(format!("{result} = {t} {} {v}", if f == "fetch_add" { "+" } else { sign }));
            let result = asm.low(&result, self.bytes);
            asm.result(&result);
            return;
        }
        let b = self.get(asm, &source);
        let a = self.get(asm, &operands[0]);
        let t = asm.temp();
        asm.local(format!("{t} = {a} {sign} {b}"));
        let t = asm.low(&t, self.bytes);
        self.put(asm, &operands[0], &t);
        asm.result(&t);
        debug_assert!(asm.flags == Flags::Result);
    }
}
