// SPDX-License-Identifier: MIT OR Apache-2.0
//! Operands of single micro-ops: counts, ranges and units.

use super::decl::ValueKind;
use super::diag::Sp;
use super::emit::Emitter;
use super::lex::shorten;
use super::syntax::{Arg, InstStmt, Name, ProcDecl, Unit};
use crate::isa::{
    AluFn, CallSite, Detector, MarkKind, MarkSite, NO_DEADLINE, Op, Operand, Reg, RmwFn, Span, WaitKind, Width,
};

/// "1 value", "2 values".
fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Least and greatest number of arguments of a mark, and what they are.
const fn mark_args(kind: MarkKind) -> (usize, usize, &'static str) {
    match kind {
        MarkKind::Attempt => (1, 1, "attempt(lock)"),
        MarkKind::Wait => (2, 3, "wait(lock, kind) or wait(lock, kind, deadline)"),
        MarkKind::Resumed => (1, 1, "resumed(lock)"),
        MarkKind::Queued => (3, 3, "queued(lock, previous, own)"),
        MarkKind::Held => (1, 1, "held(lock)"),
        MarkKind::Released => (1, 2, "released(lock) or released(lock, own)"),
        MarkKind::Check => (2, 2, "check(lock, detector)"),
        MarkKind::Found => (2, 2, "found(lock, errno)"),
        MarkKind::Failed => (3, 3, "failed(lock, errno, detector)"),
        MarkKind::Enter => (0, 0, "enter()"),
        MarkKind::Leave => (0, 0, "leave()"),
        MarkKind::Note => (0, 3, "note(a, b, c), each optional"),
    }
}

impl<'a> Emitter<'a, '_, '_, '_> {
    pub(super) fn alu(&mut self, f: AluFn, dst: Reg, a: &Arg<'a>, b: &Arg<'a>) -> Op {
        let at = b.at();
        let (a, b) = (self.operand(a), self.operand(b));
        if matches!(f, AluFn::Div | AluFn::Rem) && b == Operand::Imm(0) {
            self.sink.error(at, "division by zero", "always zero");
        }
        Op::Alu { f, dst, a, b }
    }

    /// An operand of an access; a constant must have a value of that width, signed or unsigned.
    pub(super) fn sized(&mut self, arg: &Arg<'a>, width: Width) -> Operand {
        let operand = self.operand(arg);
        if let Operand::Imm(v) = operand {
            let negative_ok = v >= !(width.mask() >> 1);
            if v > width.mask() && !negative_ok {
                let bits = width.bytes() * 8;
                let message = format!("{v} ({v:#x}) does not fit {bits} bits");
                self.sink.error(arg.at(), message, format!("at most {:#x}", width.mask()));
            }
        }
        operand
    }

    pub(super) fn rmw_operands(&mut self, f: RmwFn, width: Width, args: &[Arg<'a>]) -> (Operand, Operand) {
        let mut values = [Operand::Imm(0); 2];
        for (value, arg) in values.iter_mut().zip(args) {
            if f == RmwFn::TestSetBit {
                *value = self.operand(arg);
                let bits = width.bytes() * 8;
                if let Operand::Imm(bit) = *value
                    && bit >= bits
                {
                    let message = format!("there is no bit {bit} in {bits} bits");
                    self.sink.error(arg.at(), message, format!("0 to {}", bits - 1));
                }
            } else {
                *value = self.sized(arg, width);
            }
        }
        (values[0], values[1])
    }

    pub(super) fn call(&mut self, stmt: &InstStmt<'a>, proc: &Name<'a>, args: &[Arg<'a>], close: Sp) -> Option<Op> {
        let args_given = args.len();
        let args: Vec<Operand> = args.iter().map(|a| self.operand(a)).collect();
        let callee = self.decls.signature(proc, self.sink)?;
        if args_given != callee.params {
            let message = format!("`{}` takes {}, {args_given} given", proc.text, plural(callee.params, "argument"));
            self.sink.error(proc.at.to(close), message, "wrong number of arguments").second(callee.at, "defined here");
        }
        let wanted = stmt.dsts.len();
        if wanted != 0 && wanted != callee.results {
            let returned = plural(callee.results, "value");
            let message = format!("`{}` returns {returned}, {wanted} wanted", proc.text);
            self.sink
                .error(stmt.dsts[0].name.at.to(stmt.dsts[wanted - 1].name.at), message, "wrong number of results")
                .second(callee.at, "defined here");
        }
        let results = stmt.dsts.iter().filter_map(|d| self.frame.reg_ids.get(d.name.text).copied()).collect();
        let index = u16::try_from(callee.index).unwrap_or(u16::MAX);
        self.out.calls.push(CallSite { proc: index, args, results });
        Some(Op::Call(self.out.calls.len() as u32 - 1))
    }

    pub(super) fn ret(&mut self, p: &ProcDecl<'a>, at: Sp, args: &[Arg<'a>]) -> Op {
        let mut values = [Operand::Imm(0); 2];
        for (i, arg) in args.iter().enumerate() {
            let value = self.operand(arg);
            if let Some(slot) = values.get_mut(i) {
                *slot = value;
            }
        }
        if args.len() != p.results {
            let message = format!(
                "procedure `{}` returns {}, this `ret` has {}",
                p.name.text,
                plural(p.results, "value"),
                args.len()
            );
            let d = self.sink.error(at, message, "wrong number of values").second(p.name.at, "declared here");
            if p.results == 0 {
                d.help(format!("declare results: `proc {}(..) -> r`", p.name.text));
            }
        }
        Op::Ret { values }
    }

    /// Length of a `work`: its unit is written with it, or it is a register, or a constant that
    /// was written as a time.
    pub(super) fn work(&mut self, amount: &Arg<'a>, suffix: Option<(Unit, Sp)>) -> Option<Span> {
        let written = match amount {
            Arg::Lit(l) => l.unit,
            Arg::Name(n) => match self.decls.values.get(n.text) {
                Some((ValueKind::Const { nanos: true, .. }, _)) => Unit::Nanos,
                _ => Unit::None,
            },
        };
        let operand = match amount {
            Arg::Lit(l) => Operand::Imm(l.value),
            Arg::Name(_) => self.operand(amount),
        };
        let unit = match (written, suffix) {
            (Unit::None, Some((unit, _))) => unit,
            (Unit::None, None) if matches!(operand, Operand::Reg(_)) => Unit::Cycles,
            (Unit::None, None) => {
                let d = self.sink.error(amount.at(), "this span has no unit", "ns or cycles?");
                match amount {
                    Arg::Lit(l) => d.help(format!("write `work {0}ns` or `work {0}cy`", l.value)),
                    Arg::Name(n) => d.help(format!("write `work {0} ns` or `work {0} cy`", n.text)),
                };
                return None;
            }
            (unit, None) => unit,
            (unit, Some((suffix, at))) => {
                if unit != suffix {
                    self.sink.error(at, "two different units", "but the value is a time of the other kind");
                }
                unit
            }
        };
        Some(if unit == Unit::Nanos { Span::Nanos(operand) } else { Span::Cycles(operand) })
    }

    pub(super) fn draw(&mut self, dst: Reg, name: &Name<'a>) -> Option<Op> {
        if let Some((i, _)) = self.decls.dist_ids.get(name.text) {
            return Some(Op::Draw { dst, dist: u16::try_from(*i).unwrap_or(u16::MAX) });
        }
        if !self.decls.broken.contains(name.text) {
            self.sink
                .error(name.at, format!("unknown distribution `{}`", shorten(name.text)), "not declared")
                .near(name.text, self.decls.dist_ids.keys().copied());
        }
        None
    }

    pub(super) fn mark(
        &mut self,
        kind: MarkKind,
        name: &Name<'a>,
        args: &[Arg<'a>],
        guard: Option<&(Name<'a>, bool)>,
    ) -> Op {
        let (min, max, form) = mark_args(kind);
        if args.len() < min || args.len() > max {
            let given = plural(args.len(), "argument");
            self.sink
                .error(name.at, format!("mark `{}` cannot have {given}", name.text), "wrong number of arguments")
                .help(format!("its form is {form}"));
        }
        let mut values = [Operand::Imm(0); 3];
        if kind == MarkKind::Wait {
            values[2] = Operand::Imm(NO_DEADLINE);
        }
        for (i, arg) in args.iter().enumerate() {
            let value = self.operand(arg);
            if let Some(slot) = values.get_mut(i) {
                *slot = value;
            }
        }
        let detectors = || Detector::ALL.iter().map(|k| k.name()).collect();
        let numbered = match kind {
            MarkKind::Wait => args.get(1).map(|a| (a, values[1], WaitKind::ALL.iter().map(|k| k.name()).collect())),
            MarkKind::Check => args.get(1).map(|a| (a, values[1], detectors())),
            MarkKind::Failed => args.get(2).map(|a| (a, values[2], detectors())),
            _ => None,
        };
        if let Some((arg, Operand::Imm(v), names)) = numbered {
            let names: Vec<&str> = names;
            let known = if kind == MarkKind::Wait {
                WaitKind::from_number(v).is_some()
            } else {
                Detector::from_number(v).is_some()
            };
            // An unknown name has been reported, and stands for zero.
            if !known && !matches!(arg, Arg::Name(n) if !self.decls.values.contains_key(n.text)) {
                self.sink
                    .error(arg.at(), format!("{v} is not what mark `{}` reports", name.text), "not one of its names")
                    .help(format!("names: {}", names.join(", ")));
            }
        }
        let guard = guard.and_then(|(reg, when)| self.register_only(reg).map(|r| (r, *when)));
        self.out.marks.push(MarkSite { kind, args: values, guard });
        Op::Mark(self.out.marks.len() as u32 - 1)
    }
}
