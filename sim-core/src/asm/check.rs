// SPDX-License-Identifier: MIT OR Apache-2.0
//! Doubts about a program that assembles: what was written is possible, but hardly meant.

use super::diag::{Diagnostics, Sink, Sp};
use super::flow::{self, RegSet, Tables};
use crate::isa::{Cmp, MarkKind, Op, Operand, Pc, Reg};
use crate::program::{Proc, Program};

/// Looks for code no path reaches, for paths that return with interrupts still switched off, and
/// for paths of the procedure exported as `lock` that return without a `held` or `failed` mark.
///
/// A flag saved by `irq_save` counts as dealt with once it is restored, returned, stored, or
/// handed to another procedure. A mark with a guard counts on the branches where its register says
/// so, until that register changes. Calls count as marked if the callee marks on every path.
#[must_use]
pub fn check(program: &Program) -> Diagnostics {
    let mut sink = Sink::new(&program.sources);
    let lines = Lines::new(program);
    for p in &program.procs {
        unreachable_code(program, p, &lines, &mut sink);
        interrupt_flags(program, p, &lines, &mut sink);
    }
    unmarked_returns(program, &lines, &mut sink);
    sink.finish().0
}

/// Where each line of each source is.
struct Lines<'p> {
    program: &'p Program,
    /// `[source][line - 1]`: offset of its first byte.
    starts: Vec<Vec<usize>>,
}

impl<'p> Lines<'p> {
    fn new(program: &'p Program) -> Self {
        let starts = |text: &str| {
            std::iter::once(0)
                .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1))
                .collect()
        };
        Lines { program, starts: program.sources.iter().map(|s| starts(&s.text)).collect() }
    }

    /// The statement of a micro-op, without what stands around it on its line.
    fn place(&self, pc: Pc) -> Sp {
        let nowhere = Sp { src: u32::MAX, start: 0, end: 0 };
        let Some(pos) = self.program.lines.get(pc as usize) else { return nowhere };
        let source = pos.source as usize;
        let line = (pos.line as usize).checked_sub(1);
        let Some(start) = self.starts.get(source).zip(line).and_then(|(s, line)| s.get(line)) else { return nowhere };
        let rest = &self.program.sources[source].text[*start..];
        let statement = rest.split(['\n', '#']).next().unwrap_or_default();
        let start = start + (statement.len() - statement.trim_start().len());
        Sp { src: pos.source, start: start as u32, end: (start + statement.trim().len()) as u32 }
    }
}

fn ops_of<'p>(program: &'p Program, p: &Proc) -> &'p [Op] {
    program.ops.get(p.entry as usize..p.end as usize).unwrap_or_default()
}

fn tables(program: &Program) -> Tables<'_> {
    Tables { calls: &program.calls, marks: &program.marks }
}

fn unreachable_code(program: &Program, p: &Proc, lines: &Lines<'_>, sink: &mut Sink<'_>) {
    let ops = ops_of(program, p);
    let reached = flow::forward(ops, p.entry, (), |(), _, _| [(), ()], |(), ()| ());
    for i in 0..ops.len() {
        if reached[i].is_none() && (i == 0 || reached[i - 1].is_some()) {
            let count = reached[i..].iter().take_while(|r| r.is_none()).count();
            let pc = p.entry + i as Pc;
            let s = if count == 1 { " is" } else { "s are" };
            let message = format!("{count} micro-op{s} never reached in `{}`", p.name);
            sink.warning(lines.place(pc), message, format!("nothing leads to boundary {pc}"));
        }
    }
}

fn interrupt_flags(program: &Program, p: &Proc, lines: &Lines<'_>, sink: &mut Sink<'_>) {
    let ops = ops_of(program, p);
    let tables = tables(program);
    let after = |state: &RegSet, op: &Op| {
        let mut state = *state;
        match op {
            Op::IrqSave { dst } => state.insert(*dst),
            Op::IrqRestore { flag: Operand::Imm(_) } => state.clear(),
            // To look at a flag is not to deal with it.
            Op::Branch { .. } | Op::Mark(_) => {}
            _ => flow::reads(op, &tables, &mut |r| state.remove(r)),
        }
        state
    };
    let step = |state: &RegSet, _: Pc, op: &Op| [after(state, op); 2];
    let before = flow::forward(ops, p.entry, RegSet::default(), step, |a, b| a.or(*b));
    for (i, (op, state)) in ops.iter().zip(&before).enumerate() {
        let (Op::Ret { .. }, Some(state)) = (op, state) else { continue };
        let open = after(state, op);
        if open.is_empty() {
            continue;
        }
        let message = format!("`{}` can return without restoring the interrupt flag", p.name);
        let d = sink.warning(lines.place(p.entry + i as Pc), message, "interrupts may still be off here");
        let saved = ops.iter().position(|op| matches!(op, Op::IrqSave { dst } if open.contains(*dst)));
        if let Some(j) = saved {
            d.second(lines.place(p.entry + j as Pc), "switched off here");
        }
        d.help("restore the flag on this path, or return it");
    }
}

/// Whether a `held` or `failed` mark has been passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marked {
    No,
    /// If the register is non-zero (`true`) or zero (`false`).
    If(Reg, bool),
    Yes,
}

impl Marked {
    fn meet(&self, other: &Marked) -> Marked {
        match (self, other) {
            (a, b) if a == b => *a,
            (Marked::Yes, x @ Marked::If(..)) | (x @ Marked::If(..), Marked::Yes) => *x,
            _ => Marked::No,
        }
    }

    /// What is known once `reg` is known to be non-zero or zero.
    fn knowing(self, reg: Reg, nonzero: bool) -> Marked {
        match self {
            Marked::If(r, when) if r == reg => {
                if when == nonzero {
                    Marked::Yes
                } else {
                    Marked::No
                }
            }
            other => other,
        }
    }

    /// The state on the edge to the next op and on that to the target.
    fn step(self, program: &Program, op: &Op, marks_always: &[bool]) -> [Marked; 2] {
        let mut state = self;
        match op {
            Op::Mark(m) => {
                let site = &program.marks[*m as usize];
                if matches!(site.kind, MarkKind::Held | MarkKind::Failed) {
                    state = match (site.guard, state) {
                        (None, _) | (_, Marked::Yes) => Marked::Yes,
                        (Some((r, when)), Marked::If(s, other)) if r == s && when != other => Marked::Yes,
                        (Some(_), Marked::If(r, when)) => Marked::If(r, when),
                        (Some((r, when)), Marked::No) => Marked::If(r, when),
                    };
                }
            }
            Op::Call(c) if marks_always[usize::from(program.calls[*c as usize].proc)] => return [Marked::Yes; 2],
            Op::Branch { cmp, a: Operand::Reg(r), b: Operand::Imm(0), .. } => match cmp {
                Cmp::Eq => return [state.knowing(*r, true), state.knowing(*r, false)],
                Cmp::Ne => return [state.knowing(*r, false), state.knowing(*r, true)],
                _ => {}
            },
            _ => {}
        }
        flow::writes(op, &tables(program), &mut |w| {
            if matches!(state, Marked::If(r, _) if r == w) {
                state = Marked::No;
            }
        });
        [state; 2]
    }
}

/// The returns of a procedure that can be reached without a mark.
fn unmarked(program: &Program, p: &Proc, marks_always: &[bool]) -> Vec<Pc> {
    let ops = ops_of(program, p);
    let step = |state: &Marked, _: Pc, op: &Op| state.step(program, op, marks_always);
    let before = flow::forward(ops, p.entry, Marked::No, step, Marked::meet);
    let rets = ops.iter().zip(&before).enumerate();
    rets.filter(|(_, (op, state))| matches!(op, Op::Ret { .. }) && state.is_some_and(|s| s != Marked::Yes))
        .map(|(i, _)| p.entry + i as Pc)
        .collect()
}

fn unmarked_returns(program: &Program, lines: &Lines<'_>, sink: &mut Sink<'_>) {
    // Starting from "every procedure marks" and taking back what is not so gives the right answer
    // for procedures that call each other.
    let mut marks_always = vec![true; program.procs.len()];
    loop {
        let next: Vec<bool> = program.procs.iter().map(|p| unmarked(program, p, &marks_always).is_empty()).collect();
        if next == marks_always {
            break;
        }
        marks_always = next;
    }
    for (_, index) in program.exports.iter().filter(|(role, _)| role == "lock") {
        let Some(p) = program.procs.get(usize::from(*index)) else { continue };
        for pc in unmarked(program, p, &marks_always) {
            let message = format!("`{}` can return here without a `held` or `failed` mark", p.name);
            sink.warning(lines.place(pc), message, "some path to here has no mark")
                .help("the oracle and the metrics see only marks: add one on that path");
        }
    }
}
