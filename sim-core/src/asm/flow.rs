// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which registers an op reads and writes, where it goes next, and what follows from that.

use super::diag::{Sink, Sp};
use crate::isa::{Addr, AluFn, Base, CallSite, MarkSite, Op, Operand, Pc, Reg, SendTo, Span};

/// A set of registers of one frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RegSet([u64; 4]);

impl RegSet {
    pub(super) fn insert(&mut self, r: Reg) {
        self.0[usize::from(r.0 / 64)] |= 1 << (r.0 % 64);
    }

    pub(super) fn remove(&mut self, r: Reg) {
        self.0[usize::from(r.0 / 64)] &= !(1 << (r.0 % 64));
    }

    pub(super) fn contains(&self, r: Reg) -> bool {
        self.0[usize::from(r.0 / 64)] & (1 << (r.0 % 64)) != 0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }

    pub(super) fn clear(&mut self) {
        self.0 = [0; 4];
    }

    pub(super) fn and(mut self, other: RegSet) -> RegSet {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a &= b);
        self
    }

    pub(super) fn or(mut self, other: RegSet) -> RegSet {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a |= b);
        self
    }
}

/// The tables calls and marks are looked up in.
pub(super) struct Tables<'p> {
    pub(super) calls: &'p [CallSite],
    pub(super) marks: &'p [MarkSite],
}

fn operand(o: Operand, f: &mut dyn FnMut(Reg)) {
    if let Operand::Reg(r) = o {
        f(r);
    }
}

fn address(a: &Addr, f: &mut dyn FnMut(Reg)) {
    if let Base::Reg(r) | Base::OnCpu(r) = a.base {
        f(r);
    }
    if let Some((r, _)) = a.index {
        f(r);
    }
}

/// Names every register an op reads.
pub(super) fn reads(op: &Op, tables: &Tables<'_>, f: &mut dyn FnMut(Reg)) {
    match op {
        Op::Alu { f: AluFn::Mov, a, .. } => operand(*a, f),
        Op::Alu { a, b, .. } | Op::Branch { a, b, .. } => {
            operand(*a, f);
            operand(*b, f);
        }
        Op::Lea { addr, .. } | Op::Load { addr, .. } | Op::PrefetchW { addr } | Op::Wfe { addr } => address(addr, f),
        Op::Call(c) => tables.calls[*c as usize].args.iter().for_each(|a| operand(*a, f)),
        Op::Ret { values } => values.iter().for_each(|v| operand(*v, f)),
        Op::Store { addr, value: a, .. } | Op::LocalAdd { addr, a, .. } => {
            address(addr, f);
            operand(*a, f);
        }
        Op::Rmw { addr, a, b, .. } => {
            address(addr, f);
            operand(*a, f);
            operand(*b, f);
        }
        Op::Work(Span::Cycles(a) | Span::Nanos(a)) | Op::DelayUntil { t: a } | Op::IrqRestore { flag: a } => {
            operand(*a, f);
        }
        Op::Send { line, to } => {
            operand(*line, f);
            if let SendTo::Core(core) = to {
                operand(*core, f);
            }
        }
        Op::Mark(m) => {
            let site = &tables.marks[*m as usize];
            site.args.iter().for_each(|a| operand(*a, f));
            if let Some((r, _)) = site.guard {
                f(r);
            }
        }
        Op::Jump { .. } | Op::Fence(_) | Op::Pause | Op::ClockNs { .. } | Op::IrqSave { .. } => {}
        Op::Cpu { .. } | Op::Cpus { .. } | Op::Context { .. } | Op::Stopping { .. } => {}
        Op::Draw { .. } | Op::Halt => {}
    }
}

/// Names every register an op writes.
pub(super) fn writes(op: &Op, tables: &Tables<'_>, f: &mut dyn FnMut(Reg)) {
    match op {
        Op::Alu { dst, .. } | Op::Lea { dst, .. } | Op::Load { dst, .. } | Op::Draw { dst, .. } => f(*dst),
        Op::ClockNs { dst } | Op::IrqSave { dst } | Op::Cpu { dst } | Op::Cpus { dst } => f(*dst),
        Op::Context { dst } | Op::Stopping { dst } => f(*dst),
        Op::Rmw { dst, ok, .. } => [*dst, *ok].into_iter().flatten().for_each(f),
        Op::LocalAdd { dst, .. } => dst.iter().for_each(|r| f(*r)),
        Op::Call(c) => tables.calls[*c as usize].results.iter().for_each(|r| f(*r)),
        Op::Branch { .. } | Op::Jump { .. } | Op::Ret { .. } | Op::Store { .. } | Op::PrefetchW { .. } => {}
        Op::Fence(_) | Op::Pause | Op::Wfe { .. } | Op::Work(_) | Op::DelayUntil { .. } => {}
        Op::IrqRestore { .. } | Op::Send { .. } | Op::Halt | Op::Mark(_) => {}
    }
}

/// Where control can go after the op at `pc`, within its procedure: the next op first.
pub(super) fn successors(op: &Op, pc: Pc) -> [Option<Pc>; 2] {
    match op {
        Op::Jump { target } => [None, Some(*target)],
        Op::Branch { target, .. } => [Some(pc + 1), Some(*target)],
        Op::Ret { .. } => [None, None],
        _ => [Some(pc + 1), None],
    }
}

/// Solves a forward problem over the ops of one procedure, which begin at `entry`. `step` gives
/// the state after an op on the edge to each successor; `meet` joins two states. The result is the
/// state before each op, `None` where control never comes.
pub(super) fn forward<S: Clone + PartialEq>(
    ops: &[Op],
    entry: Pc,
    start: S,
    mut step: impl FnMut(&S, Pc, &Op) -> [S; 2],
    meet: impl Fn(&S, &S) -> S,
) -> Vec<Option<S>> {
    let mut before: Vec<Option<S>> = vec![None; ops.len()];
    let mut work = vec![0usize];
    if let Some(first) = before.first_mut() {
        *first = Some(start);
    } else {
        work.clear();
    }
    while let Some(i) = work.pop() {
        let Some(state) = before[i].clone() else { continue };
        let pc = entry + i as Pc;
        let after = step(&state, pc, &ops[i]);
        for (next, out) in successors(&ops[i], pc).into_iter().zip(after) {
            let Some(j) = next.and_then(|n| n.checked_sub(entry)).map(|j| j as usize).filter(|j| *j < ops.len()) else {
                continue;
            };
            let joined = before[j].as_ref().map_or_else(|| out.clone(), |old| meet(old, &out));
            if before[j].as_ref() != Some(&joined) {
                before[j] = Some(joined);
                work.push(j);
            }
        }
    }
    before
}

/// A register read in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    pub(super) pc: Pc,
    pub(super) reg: Reg,
    pub(super) at: Sp,
}

/// Reports registers that some path from the entry reads before anything wrote them; once each.
pub(super) fn check_written(
    ops: &[Op],
    entry: Pc,
    tables: &Tables<'_>,
    params: usize,
    names: &[&str],
    uses: &[Use],
    sink: &mut Sink<'_>,
) {
    let mut start = RegSet::default();
    (0..params.min(names.len())).for_each(|i| start.insert(Reg(i as u8)));
    let step = |state: &RegSet, _: Pc, op: &Op| {
        let mut after = *state;
        writes(op, tables, &mut |r| after.insert(r));
        [after, after]
    };
    let before = forward(ops, entry, start, step, |a, b| a.and(*b));
    let mut reported = RegSet::default();
    for u in uses {
        let Some(Some(written)) = u.pc.checked_sub(entry).and_then(|i| before.get(i as usize)) else { continue };
        if !written.contains(u.reg) && !reported.contains(u.reg) {
            reported.insert(u.reg);
            let name = names.get(usize::from(u.reg.0)).copied().unwrap_or("?");
            sink.error(
                u.at,
                format!("register `{name}` is read before it is written"),
                "not written on every path to here",
            )
            .help(format!("give it a value first, for instance `{name} = 0`"));
        }
    }
}
