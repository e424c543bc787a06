// SPDX-License-Identifier: MIT OR Apache-2.0
//! Registers whose value can still matter. The others are forgotten, so states that differ in them are one.
//!
//! A register is kept before a micro-op if, on some path from there, it reaches a branch, an address, a stored value, a
//! mark or a returned value; a register that only feeds registers that are not kept is not kept either ("strong"
//! liveness, after Giegerich, Möncke and Wilhelm, 1981). So a counter that nobody looks at has no place in a state.

use crate::exec::Context;
use crate::isa::{Addr, AluFn, Base, Op, Operand, Reg, SendTo};
use crate::program::Program;

/// `[pc]`: registers of the frame, by bit, whose value matters before this micro-op; `None` for a procedure with more
/// registers than bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Live {
    before: Vec<u128>,
    /// `[pc]`: every register is kept.
    all: Vec<bool>,
}

fn bit(r: Reg) -> u128 {
    1 << r.0
}

fn operand(o: Operand) -> u128 {
    if let Operand::Reg(r) = o { bit(r) } else { 0 }
}

fn address(a: &Addr) -> u128 {
    let base = if let Base::Reg(r) | Base::OnCpu(r) = a.base { bit(r) } else { 0 };
    base | a.index.map_or(0, |(r, _)| bit(r))
}

impl Live {
    /// Analyses a program.
    #[must_use]
    pub fn of(program: &Program) -> Live {
        let n = program.ops.len();
        let mut live = Live { before: vec![0; n], all: vec![false; n] };
        for p in &program.procs {
            let wide = p.regs.len() > 128;
            (p.entry..p.end).for_each(|pc| live.all[pc as usize] = wide);
        }
        loop {
            let mut changed = false;
            for pc in (0..n).rev() {
                if live.all[pc] {
                    continue;
                }
                let new = live.step(program, pc);
                changed |= new != live.before[pc];
                live.before[pc] = new;
            }
            if !changed {
                return live;
            }
        }
    }

    fn at(&self, pc: usize) -> u128 {
        self.before.get(pc).copied().unwrap_or(0)
    }

    fn step(&self, program: &Program, pc: usize) -> u128 {
        let after = self.at(pc + 1);
        let def = |r: Reg| after & !bit(r);
        match &program.ops[pc] {
            Op::Alu { f, dst, a, b } => {
                let second = if *f == AluFn::Mov { 0 } else { operand(*b) };
                // A division can fail, so it is kept.
                let kept = after & bit(*dst) != 0 || matches!(f, AluFn::Div | AluFn::Rem);
                def(*dst) | if kept { operand(*a) | second } else { 0 }
            }
            Op::Lea { dst, addr } => def(*dst) | if after & bit(*dst) != 0 { address(addr) } else { 0 },
            Op::Branch { a, b, target, .. } => after | self.at(*target as usize) | operand(*a) | operand(*b),
            Op::Jump { target } => self.at(*target as usize),
            Op::Call(site) => {
                let site = &program.calls[*site as usize];
                let callee = &program.procs[site.proc as usize];
                let entry = callee.entry as usize;
                let kept = site.results.iter().fold(after, |l, r| l & !bit(*r));
                let wanted = |i: usize| self.all[entry] || self.at(entry) & (1 << i) != 0;
                let args = site.args.iter().enumerate().filter(|(i, _)| wanted(*i)).map(|(_, a)| operand(*a));
                args.fold(kept, |l, a| l | a)
            }
            Op::Ret { values } => operand(values[0]) | operand(values[1]),
            Op::Load { dst, addr, .. } => def(*dst) | address(addr),
            Op::Store { addr, value, .. } => after | address(addr) | operand(*value),
            Op::Rmw { dst, ok, addr, a, b, .. } => {
                let kept = [dst, ok].into_iter().flatten().fold(after, |l, r| l & !bit(*r));
                kept | address(addr) | operand(*a) | operand(*b)
            }
            Op::LocalAdd { dst, addr, a, .. } => dst.map_or(after, def) | address(addr) | operand(*a),
            Op::PrefetchW { addr } | Op::Wfe { addr } => after | address(addr),
            // Waiting has no length here.
            Op::Work(_) | Op::DelayUntil { .. } => after,
            Op::IrqRestore { flag } => after | operand(*flag),
            Op::Send { line, to } => after | operand(*line) | if let SendTo::Core(o) = to { operand(*o) } else { 0 },
            Op::ClockNs { dst }
            | Op::IrqSave { dst }
            | Op::Cpu { dst }
            | Op::Cpus { dst }
            | Op::Context { dst }
            | Op::Stopping { dst }
            | Op::Draw { dst, .. } => def(*dst),
            Op::Mark(site) => {
                let m = &program.marks[*site as usize];
                let guard = m.guard.map_or(0, |(r, _)| bit(r));
                m.args.iter().fold(after | guard, |l, a| l | operand(*a))
            }
            Op::Fence(_) | Op::Pause | Op::Halt => after,
        }
    }

    /// Sets registers that do not matter to 0, in every frame.
    pub fn forget(&self, program: &Program, c: &mut Context) {
        let top = c.regs.len();
        self.clear(&mut c.regs[c.base as usize..top], c.pc as usize, 0);
        let mut end = c.base as usize;
        for f in c.frames.iter().rev() {
            let results = program.calls[f.call as usize].results.iter().fold(0, |l, r| l | bit(*r));
            self.clear(&mut c.regs[f.base as usize..end], f.resume as usize, results);
            end = f.base as usize;
        }
    }

    fn clear(&self, regs: &mut [u64], pc: usize, except: u128) {
        if self.all.get(pc).copied().unwrap_or(false) {
            return;
        }
        let live = self.at(pc) & !except;
        for (i, r) in regs.iter_mut().enumerate() {
            if live & (1 << i) == 0 {
                *r = 0;
            }
        }
    }
}
