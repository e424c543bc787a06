// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parsing of procedure bodies.

use super::diag::Sp;
use super::lex::{Tk, shorten};
use super::near::near_name;
use super::parse::{Failed, NESTING_MAX, Parsed, Parser, TOP_WORDS};
use super::syntax::{Arg, Dest, Dst, Inst, InstStmt, Name, Stmt, Unit, is_value_word, mnemonics};
use crate::isa::{AluFn, Cmp, Fence, MarkKind, RmwFn};

/// Destinations read before a line is given up; nothing has more than two.
const DSTS_MAX: usize = 8;

/// Kinds of marks under their names.
pub(super) const MARK_KINDS: [(&str, MarkKind); 12] = [
    ("attempt", MarkKind::Attempt),
    ("wait", MarkKind::Wait),
    ("resumed", MarkKind::Resumed),
    ("queued", MarkKind::Queued),
    ("held", MarkKind::Held),
    ("released", MarkKind::Released),
    ("check", MarkKind::Check),
    ("found", MarkKind::Found),
    ("failed", MarkKind::Failed),
    ("enter", MarkKind::Enter),
    ("leave", MarkKind::Leave),
    ("note", MarkKind::Note),
];

/// Two-operand functions under their signs.
pub(super) const ALU_SIGNS: [(&str, AluFn); 10] = [
    ("+", AluFn::Add),
    ("-", AluFn::Sub),
    ("*", AluFn::Mul),
    ("/", AluFn::Div),
    ("%", AluFn::Rem),
    ("&", AluFn::And),
    ("|", AluFn::Or),
    ("^", AluFn::Xor),
    ("<<", AluFn::Shl),
    (">>", AluFn::Shr),
];

/// Comparisons under their signs.
pub(super) const CMP_SIGNS: [(&str, Cmp); 10] = [
    ("==", Cmp::Eq),
    ("!=", Cmp::Ne),
    ("<", Cmp::Lt),
    ("<=", Cmp::Le),
    (">", Cmp::Gt),
    (">=", Cmp::Ge),
    ("<s", Cmp::LtS),
    ("<=s", Cmp::LeS),
    (">s", Cmp::GtS),
    (">=s", Cmp::GeS),
];

/// Fences under their names.
pub(super) const FENCES: [(&str, Fence); 6] = [
    ("full", Fence::Full),
    ("w", Fence::Write),
    ("r", Fence::Read),
    ("acq", Fence::Acquire),
    ("rel", Fence::Release),
    ("ctrl", Fence::Control),
];

impl<'a> Parser<'a, '_, '_, '_> {
    /// Statements up to and including the closing brace, whose place and line are given too.
    pub(super) fn block(&mut self, what: &str, opening: Sp) -> (Vec<Stmt<'a>>, (Sp, u32)) {
        let mut body = Vec::new();
        loop {
            self.skip_newlines();
            let tok = self.peek();
            let next_item = TOP_WORDS.contains(&tok.text)
                && tok.kind == Tk::Ident
                && tok.text != "patch"
                && self.peek_at(1).kind == Tk::Ident;
            if tok.kind == Tk::End || next_item {
                self.unclosed(what, opening);
                return (body, (tok.at, tok.line));
            }
            if self.eat("}") {
                if self.line_end().is_err() {
                    self.skip_line();
                }
                return (body, (tok.at, tok.line));
            }
            let start = self.pos;
            match self.stmt() {
                Ok(stmt) => body.push(stmt),
                Err(_) => {
                    if self.skip_line() && self.depth < NESTING_MAX {
                        self.depth += 1;
                        self.block("this block", tok.at);
                        self.depth -= 1;
                    }
                    body.push(Stmt::Broken(self.words_since(start)));
                }
            }
        }
    }

    fn stmt(&mut self) -> Parsed<Stmt<'a>> {
        let tok = self.peek();
        if tok.kind != Tk::Ident {
            return Err(self.expected("a statement"));
        }
        if tok.text == "patch" && !self.is_sym(1, "=") && !self.is_sym(1, ":") && !self.is_sym(1, ",") {
            self.pos += 1;
            let cond = self.patch_head()?;
            self.depth += 1;
            let (body, _) = self.block("this section", tok.at);
            self.depth -= 1;
            return Ok(Stmt::Patch { cond, body });
        }
        if self.is_sym(1, ":") && self.at_line_end(2) {
            let name = self.take_name();
            self.pos += 1;
            self.line_end()?;
            return Ok(Stmt::Label(name));
        }
        let assigns = self.is_sym(1, "=") || self.is_sym(1, ",") || self.is_sym(1, ":");
        let mut dsts = if assigns { self.dsts()? } else { Vec::new() };
        let inst = if assigns { self.value()? } else { self.operation(&mut dsts)? };
        let at = tok.at.to(self.toks_before());
        self.count_dsts(&dsts, &inst, at)?;
        self.line_end()?;
        Ok(Stmt::Inst(InstStmt { at, line: tok.line, dsts, inst }))
    }

    /// Place of the token before the current one.
    fn toks_before(&mut self) -> Sp {
        self.pos -= 1;
        let at = self.peek().at;
        self.pos += 1;
        at
    }

    /// `a[: STRUCT], b =`.
    fn dsts(&mut self) -> Parsed<Vec<Dst<'a>>> {
        let mut dsts: Vec<Dst<'a>> = Vec::new();
        loop {
            let name = self.ident("a register")?;
            let ty = if self.eat(":") { Some(self.ident("the structure it points to")?) } else { None };
            if ty.is_some() && dsts.is_empty() && !self.is_sym(0, "=") && !self.is_sym(0, ",") {
                let help = "a label stands alone on its line; a typed register is written `x: STRUCT = ...`";
                return Err(self.expected_help("`=`", Some(help)));
            }
            if let Some(first) = dsts.iter().find(|d| d.name.text == name.text) {
                let message = format!("`{}` receives two results", name.text);
                self.sink.error(name.at, message, "again").second(first.name.at, "here already");
                return Err(Failed);
            }
            dsts.push(Dst { name, ty });
            if dsts.len() > DSTS_MAX {
                return Err(self.fail(name.at, "nothing has so many results", "too many"));
            }
            if self.eat("=") {
                return Ok(dsts);
            }
            if !self.eat(",") {
                return Err(self.expected("`=` or `,`"));
            }
        }
    }

    /// The right side of an assignment.
    fn value(&mut self) -> Parsed<Inst<'a>> {
        let tok = self.peek();
        if tok.kind == Tk::Ident {
            if is_value_word(tok.text) && !matches!(tok.text, "goto" | "if") {
                return self.operation(&mut Vec::new());
            }
            let next = self.peek_at(1);
            let operator = next.kind == Tk::Sym && ALU_SIGNS.iter().any(|(s, _)| *s == next.text);
            if !operator && !self.at_line_end(1) {
                return Err(self.no_value());
            }
        }
        let a = self.arg("a value")?;
        if self.at_line_end(0) {
            return Ok(Inst::Alu(AluFn::Mov, a, Arg::number(0, a.at())));
        }
        let sign = self.peek();
        let Some((_, f)) = ALU_SIGNS.iter().find(|(s, _)| sign.kind == Tk::Sym && *s == sign.text) else {
            return Err(
                self.expected_help("an operator or the end of the line", Some("operators: + - * / % & | ^ << >>"))
            );
        };
        self.pos += 1;
        let b = self.arg("a second operand")?;
        if !self.at_line_end(0) {
            return Err(self.expected_help("the end of the line", Some("one operator a line: each is a micro-op")));
        }
        Ok(Inst::Alu(*f, a, b))
    }

    /// Reports a word on the right side that begins no value.
    fn no_value(&mut self) -> Failed {
        let word = self.take_name();
        if mnemonics().any(|m| m == word.text) {
            let message = format!("`{}` has no result", word.text);
            return self.fail(word.at, message, "gives nothing to assign");
        }
        self.unknown(word)
    }

    fn unknown(&mut self, word: Name<'a>) -> Failed {
        let message = format!("unknown operation `{}`", shorten(word.text));
        self.sink.error(word.at, message, "not an operation").near(word.text, mnemonics());
        Failed
    }

    /// Checks the number of results written against what the operation gives.
    fn count_dsts(&mut self, dsts: &[Dst<'a>], inst: &Inst<'a>, at: Sp) -> Parsed<()> {
        let (min, max) = match inst {
            Inst::Alu(..) | Inst::Lea(_) | Inst::Load(..) | Inst::ClockNs | Inst::Cpu | Inst::Cpus => (1, 1),
            Inst::Context | Inst::Stopping | Inst::Draw(_) | Inst::IrqSave => (1, 1),
            Inst::Rmw(RmwFn::Cas, ..) | Inst::Call { .. } => (0, 2),
            Inst::Rmw(..) | Inst::LocalAdd(..) => (0, 1),
            _ => (0, 0),
        };
        if dsts.len() < min {
            self.sink.error(at, "the result goes nowhere", "needs a register").help("write `x = ...`");
            return Err(Failed);
        }
        if let Some(extra) = dsts.get(max) {
            let s = if max == 1 { "" } else { "s" };
            return Err(self.fail(extra.name.at, format!("this gives {max} result{s} at most"), "one too many"));
        }
        Ok(())
    }

    /// A mnemonic and its operands. `irq_save` writes the register it names.
    fn operation(&mut self, dsts: &mut Vec<Dst<'a>>) -> Parsed<Inst<'a>> {
        let word = self.take_name();
        if let Some(memory) = self.memory_operation(word)? {
            return Ok(memory);
        }
        Ok(match word.text {
            "min" | "max" => {
                let f = if word.text == "min" { AluFn::Min } else { AluFn::Max };
                let a = self.arg("an operand")?;
                self.sym(",")?;
                Inst::Alu(f, a, self.arg("a second operand")?)
            }
            "zext8" | "zext16" | "zext32" => {
                let a = self.arg("an operand")?;
                let value = match word.text {
                    "zext8" => 0xff,
                    "zext16" => 0xffff,
                    _ => 0xffff_ffff,
                };
                Inst::Alu(AluFn::And, a, Arg::number(value, word.at))
            }
            "if" => self.branch()?,
            "goto" => Inst::Goto(self.ident("a label")?),
            "call" => {
                let proc = self.ident("the name of a procedure")?;
                let (args, close) = self.args()?;
                Inst::Call { proc, args, close }
            }
            "ret" => Inst::Ret(self.ret_values()?),
            "fence" => self.fence(word)?,
            "barrier" => Inst::Barrier,
            "pause" => Inst::Pause,
            "work" => self.work()?,
            "delay_until" => Inst::DelayUntil(self.arg("a time in ns")?),
            "clock_ns" => Inst::ClockNs,
            "irq_save" => {
                dsts.push(Dst { name: self.ident("the register that keeps the flag")?, ty: None });
                Inst::IrqSave
            }
            "irq_restore" => Inst::IrqRestore(self.arg("the flag to restore")?),
            "cpu" => Inst::Cpu,
            "cpus" => Inst::Cpus,
            "context" => Inst::Context,
            "stopping" => Inst::Stopping,
            "draw" => Inst::Draw(self.ident("the name of a distribution")?),
            "halt" => Inst::Halt,
            "ipi" => self.ipi(word)?,
            "raise" => Inst::Send(Dest::Own, self.arg("the number of a soft interrupt")?),
            "mark" => self.mark()?,
            _ => return Err(self.unknown(word)),
        })
    }

    fn ret_values(&mut self) -> Parsed<Vec<Arg<'a>>> {
        let mut values = Vec::new();
        if !self.at_line_end(0) {
            values.push(self.arg("a value or the end of the line")?);
            while self.eat(",") {
                values.push(self.arg("a value")?);
            }
        }
        Ok(values)
    }

    fn branch(&mut self) -> Parsed<Inst<'a>> {
        let negated = self.eat("!");
        let a = self.arg("a value to compare")?;
        let (cmp, b) = if self.is_word(0, "goto") || negated {
            (if negated { Cmp::Eq } else { Cmp::Ne }, Arg::number(0, a.at()))
        } else {
            let sign = self.peek();
            let Some((_, cmp)) = CMP_SIGNS.iter().find(|(s, _)| sign.kind == Tk::Sym && *s == sign.text) else {
                let help = "comparisons: == != < <= > >= unsigned, <s <=s >s >=s signed";
                return Err(self.expected_help("a comparison or `goto`", Some(help)));
            };
            self.pos += 1;
            (*cmp, self.arg("a value to compare with")?)
        };
        if !self.eat_word("goto") {
            return Err(self.expected("`goto`"));
        }
        Ok(Inst::If { cmp, a, b, target: self.ident("a label")? })
    }

    fn fence(&mut self, word: Name<'a>) -> Parsed<Inst<'a>> {
        let names = FENCES.map(|(n, _)| n);
        if !self.eat(".") {
            let d = self.sink.error(word.at, "which fence?", "needs a kind");
            d.help(format!("fences: {}", names.map(|n| format!("fence.{n}")).join(", ")));
            return Err(Failed);
        }
        let kind = self.ident("a kind of fence")?;
        if let Some((_, f)) = FENCES.iter().find(|(n, _)| *n == kind.text) {
            return Ok(Inst::Fence(*f));
        }
        let d = self.sink.error(kind.at, format!("unknown fence `{}`", shorten(kind.text)), "not a fence");
        d.help(format!("fences: {}", names.map(|n| format!("fence.{n}")).join(", ")));
        Err(Failed)
    }

    /// `ipi.to N, CORE`, `ipi.others N`, `ipi.all N`.
    fn ipi(&mut self, word: Name<'a>) -> Parsed<Inst<'a>> {
        const FORMS: &str = "write `ipi.to NUMBER, CORE`, `ipi.others NUMBER` or `ipi.all NUMBER`";
        if !self.eat(".") {
            self.sink.error(word.at, "to whom?", "needs a receiver").help(FORMS);
            return Err(Failed);
        }
        let form = self.ident("`to`, `others` or `all`")?;
        if !matches!(form.text, "to" | "others" | "all") {
            let message = format!("unknown receiver `{}`", shorten(form.text));
            self.sink.error(form.at, message, "not a receiver").help(FORMS);
            return Err(Failed);
        }
        let number = self.arg("the number of an interrupt")?;
        let to = match form.text {
            "others" => Dest::Others,
            "all" => Dest::All,
            _ if self.eat(",") => Dest::Core(self.arg("the number of a core")?),
            _ => return Err(self.expected_help("`,` and the number of a core", Some(FORMS))),
        };
        Ok(Inst::Send(to, number))
    }

    fn work(&mut self) -> Parsed<Inst<'a>> {
        let amount = self.arg("a time (60ns, 141cy) or a register")?;
        let unit = if self.at_line_end(0) {
            None
        } else {
            let word = self.ident("`ns`, `cy` or the end of the line")?;
            match word.text {
                "ns" => Some((Unit::Nanos, word.at)),
                "cy" => Some((Unit::Cycles, word.at)),
                other => {
                    let message = format!("unknown unit `{}`", shorten(other));
                    self.sink.error(word.at, message, "not a unit").help("units: ns, cy");
                    return Err(Failed);
                }
            }
        };
        Ok(Inst::Work(amount, unit))
    }

    fn mark(&mut self) -> Parsed<Inst<'a>> {
        let name = self.ident("a kind of mark")?;
        let Some((_, kind)) = MARK_KINDS.iter().find(|(n, _)| *n == name.text) else {
            let names = MARK_KINDS.map(|(n, _)| n);
            let d = self.sink.error(name.at, format!("unknown mark `{}`", shorten(name.text)), "not a kind of mark");
            d.help(match near_name(name.text, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("kinds: {}", names.join(", ")),
            });
            return Err(Failed);
        };
        let (args, _) = self.args()?;
        let guard = if self.eat_word("if") {
            let negated = self.eat("!");
            Some((self.ident("a register")?, !negated))
        } else {
            None
        };
        Ok(Inst::Mark { kind: *kind, name, args, guard })
    }
}
