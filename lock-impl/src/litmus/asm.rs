// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the readers of assembly dialects share: statements, scratch registers, labels, flags.

use super::init::{Table, canonical};
use super::lex::{File, Token};
use super::{Error, Line, Thread};

/// What the condition flags stand for. Their operands are in the registers `fa` and `fb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flags {
    /// Not known here: not set yet, or several ways lead here.
    Unknown,
    /// A comparison of numbers of so many bytes.
    Compare(u64),
    /// A result, compared with zero: only "equal" has a meaning here.
    Result,
}

/// A thread being read.
#[derive(Debug)]
pub(super) struct Asm {
    thread: Thread,
    scratch: usize,
    labels: Vec<String>,
    jumps: Vec<(String, usize)>,
    pub(super) flags: Flags,
    /// Some access has eight bytes.
    pub(super) wide: bool,
    /// AArch64: a releasing store has been read.
    released: bool,
    /// AArch64: lines in front of which an LDAR wants its fence, and if a STLR stands above.
    acquires: Vec<(usize, bool)>,
}

impl Asm {
    pub(super) fn new(thread: Thread) -> Asm {
        Asm {
            thread,
            scratch: 0,
            labels: Vec::new(),
            jumps: Vec::new(),
            flags: Flags::Unknown,
            wide: false,
            released: false,
            acquires: Vec::new(),
        }
    }

    /// The program text's name of a register, which results can show from now on.
    pub(super) fn register(&mut self, table: &Table, written: &str) -> Option<String> {
        let (name, uop) = canonical(table.dialect, written)?;
        match self.thread.registers.iter_mut().find(|r| r.uop == uop) {
            // The accumulator may have been used before it was named.
            Some(r) => r.name = name,
            None => {
                self.thread.add(name, uop.clone());
            }
        }
        Some(uop)
    }

    /// A fresh scratch register.
    pub(super) fn temp(&mut self) -> String {
        self.scratch += 1;
        format!("t{}", self.scratch)
    }

    /// A micro-op that touches registers only.
    pub(super) fn local(&mut self, text: String) {
        self.thread.lines.push(Line::Local(text));
    }

    /// A micro-op that touches memory, or a fence.
    pub(super) fn access(&mut self, text: String) {
        self.thread.lines.push(Line::Access(text));
    }

    /// A label of the file.
    pub(super) fn label(&mut self, file: File<'_>, label: Token<'_>) -> Result<(), Error> {
        let name = label_name(label.text);
        if self.labels.contains(&name) {
            return Err(file.error(label.at, format!("the label `{}` is there twice", label.text)));
        }
        self.thread.lines.push(Line::Label(name.clone()));
        self.labels.push(name);
        Ok(())
    }

    /// A jump to a label of the file: `goto` alone or behind a condition.
    pub(super) fn jump(&mut self, condition: &str, label: Token<'_>) {
        let name = label_name(label.text);
        self.local(format!("{condition}goto {name}"));
        self.jumps.push((name, label.at));
    }

    /// Micro-ops that happen unless the condition holds.
    pub(super) fn unless(&mut self, condition: &str, body: &[String]) {
        self.scratch += 1;
        let label = format!("s{}", self.scratch);
        self.local(format!("if {condition} goto {label}"));
        body.iter().for_each(|b| self.local(b.clone()));
        self.thread.lines.push(Line::Label(label));
    }

    /// The low bytes of a value, as an operand.
    pub(super) fn low(&mut self, value: &str, bytes: u64) -> String {
        if bytes == 8 {
            return value.to_owned();
        }
        let t = self.temp();
        self.local(format!("{t} = {value} & {:#x}", (1u64 << (8 * bytes)) - 1));
        t
    }

    /// The low bytes of a value, sign-extended.
    pub(super) fn signed(&mut self, value: &str, bytes: u64) -> String {
        if bytes == 8 {
            return value.to_owned();
        }
        let (t, sign) = (self.low(value, bytes), 1u64 << (8 * bytes - 1));
        self.local(format!("{t} = {t} ^ {sign:#x}"));
        self.local(format!("{t} = {t} - {sign:#x}"));
        t
    }

    /// `if fa OP fb `, for a jump; `None` if the flags do not tell.
    pub(super) fn flag_test(&mut self, op: &str) -> Option<String> {
        let equality = op == "==" || op == "!=";
        match self.flags {
            Flags::Unknown => None,
            Flags::Result if !equality => None,
            Flags::Compare(bytes) if op.ends_with('s') => {
                let (a, b) = (self.signed("fa", bytes), self.signed("fb", bytes));
                Some(format!("if {a} {op} {b} "))
            }
            _ => Some(format!("if fa {op} fb ")),
        }
    }

    /// x86: the low bytes of the accumulator, which results can show from now on.
    pub(super) fn accumulator(&mut self, bytes: u64) -> String {
        if !self.thread.registers.iter().any(|r| r.uop == "rax") {
            self.thread.add("rax".to_owned(), "rax".to_owned());
        }
        let t = self.low("rax", bytes);
        let kept = self.temp();
        self.local(format!("{kept} = {t}"));
        kept
    }

    /// Sets the flags from a comparison.
    pub(super) fn compare(&mut self, a: &str, b: &str, bytes: u64) {
        self.local(format!("fa = {a}"));
        self.local(format!("fb = {b}"));
        self.flags = Flags::Compare(bytes);
    }

    /// Sets the flags from a result.
    pub(super) fn result(&mut self, value: &str) {
        self.local(format!("fa = {value}"));
        self.local("fb = 0".to_owned());
        self.flags = Flags::Result;
    }

    /// A STLR comes here.
    pub(super) fn released(&mut self) {
        self.released = true;
    }

    /// An LDAR comes here: it must not overtake a STLR. In a thread with labels one further down
    /// may come first.
    pub(super) fn load_acquire_after_release(&mut self) {
        self.acquires.push((self.thread.lines.len(), self.released));
    }

    /// The thread, if every jump has its label.
    pub(super) fn finish(mut self, file: File<'_>) -> Result<Thread, Error> {
        let anywhere = self.released && !self.labels.is_empty();
        for (at, above) in self.acquires.iter().rev() {
            if *above || anywhere {
                self.thread.lines.insert(*at, Line::StandIn("fence.full".to_owned()));
            }
        }
        match self.jumps.iter().find(|(name, _)| !self.labels.contains(name)) {
            Some((name, at)) => Err(file.error(*at, format!("there is no label `{}`", &name[2..]))),
            None => Ok(self.thread),
        }
    }
}

fn label_name(written: &str) -> String {
    format!("l_{}", written.replace('.', "_dot_"))
}
