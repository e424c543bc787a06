// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mistakes planted in an assembled program, one at a time.
//!
//! A mutant has as many micro-ops as the program it is made of, at the same places, so labels, marks and branch targets stay what
//! they are. What is dropped becomes a jump to the next micro-op. A mark belongs to the micro-op before it and moves with it.

use std::fmt;
use std::ops::Range;

use sim_core::isa::{Addr, Base, Op, Operand, Order, Pc, Reg, Width};
use sim_core::program::Program;

/// Kinds of mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A memory order is made relaxed, or a fence dropped.
    Order,
    /// A conditional branch never, or always, goes to its target.
    Check,
    /// Two neighbouring memory accesses change places.
    Swap,
    /// A store is dropped.
    Store,
}

impl Kind {
    /// All of them, in the order of tables.
    pub const ALL: [Kind; 4] = [Kind::Order, Kind::Check, Kind::Swap, Kind::Store];

    /// Name in records, tables and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Order => "order",
            Kind::Check => "check",
            Kind::Swap => "swap",
            Kind::Store => "store",
        }
    }
}

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutation {
    /// This order becomes relaxed.
    Relax(Order),
    /// The fence is not there.
    DropFence,
    /// The branch is not there.
    Never,
    /// The branch is a jump.
    Always,
    /// The access changes places with the next one, which stands at this micro-op.
    Swap(Pc),
    /// The store is not there.
    DropStore,
}

/// A mistake and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mutant {
    /// The micro-op.
    pub pc: Pc,
    /// What becomes of it.
    pub mutation: Mutation,
}

impl Mutant {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self.mutation {
            Mutation::Relax(_) | Mutation::DropFence => Kind::Order,
            Mutation::Never | Mutation::Always => Kind::Check,
            Mutation::Swap(_) => Kind::Swap,
            Mutation::DropStore => Kind::Store,
        }
    }

    /// The program with the mistake.
    #[must_use]
    pub fn apply(&self, program: &Program) -> Program {
        let mut mutant = program.clone();
        let at = self.pc as usize;
        let nothing = Op::Jump { target: self.pc + 1 };
        let op = &mut mutant.ops[at];
        match self.mutation {
            Mutation::Relax(_) => match op {
                Op::Load { order, .. } | Op::Store { order, .. } | Op::Rmw { order, .. } => *order = Order::Relaxed,
                _ => unreachable!("only accesses have orders"),
            },
            Mutation::DropFence | Mutation::Never | Mutation::DropStore => *op = nothing,
            Mutation::Always => match *op {
                Op::Branch { target, .. } => *op = Op::Jump { target },
                _ => unreachable!("only branches are checks"),
            },
            Mutation::Swap(second) => {
                let (first, second) = (unit(program, self.pc), unit(program, second));
                let (range, by) = exchange(program, &first, &second).expect("it was found to be possible");
                let range = range.start as usize..range.end as usize;
                mutant.ops[range.clone()].rotate_left(by);
                mutant.lines[range].rotate_left(by);
            }
        }
        mutant
    }
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mutation::Relax(Order::Acquire) => write!(f, "acquire to relaxed"),
            Mutation::Relax(Order::AcquirePc) => write!(f, "acquire (pc) to relaxed"),
            Mutation::Relax(Order::Release) => write!(f, "release to relaxed"),
            Mutation::Relax(_) => write!(f, "full to relaxed"),
            Mutation::DropFence => write!(f, "fence dropped"),
            Mutation::Never => write!(f, "never taken"),
            Mutation::Always => write!(f, "always taken"),
            Mutation::Swap(_) => write!(f, "swapped with the next access"),
            Mutation::DropStore => write!(f, "store dropped"),
        }
    }
}

/// All mistakes that can be made in the text that has this number in the program's sources, by place.
#[must_use]
pub fn mutants(program: &Program, source: u32) -> Vec<Mutant> {
    let entered = entered(program);
    let mut out = Vec::new();
    for pc in (0..program.ops.len() as Pc).filter(|pc| program.lines[*pc as usize].source == source) {
        let mut put = |mutation| out.push(Mutant { pc, mutation });
        match program.ops[pc as usize] {
            Op::Load { order, .. } | Op::Store { order, .. } | Op::Rmw { order, .. } if order != Order::Relaxed => {
                put(Mutation::Relax(order));
            }
            Op::Fence(_) => put(Mutation::DropFence),
            Op::Branch { target, .. } if target != pc + 1 => {
                put(Mutation::Never);
                put(Mutation::Always);
            }
            _ => {}
        }
        if let Some(second) = next_access(program, &entered, pc)
            && exchange(program, &unit(program, pc), &unit(program, second)).is_some()
        {
            put(Mutation::Swap(second));
        }
        if matches!(program.ops[pc as usize], Op::Store { .. } | Op::LocalAdd { dst: None, .. }) {
            put(Mutation::DropStore);
        }
    }
    out
}

/// `[pc]`: control can come here from elsewhere than the micro-op before it.
fn entered(program: &Program) -> Vec<bool> {
    let mut out = vec![false; program.ops.len() + 1];
    for op in &program.ops {
        if let Op::Branch { target, .. } | Op::Jump { target } = op {
            out[*target as usize] = true;
        }
    }
    program.procs.iter().for_each(|p| out[p.entry as usize] = true);
    out
}

/// A micro-op and the marks glued to it.
fn unit(program: &Program, pc: Pc) -> Range<Pc> {
    let mut end = pc + 1;
    while program.is_mark(end) {
        end += 1;
    }
    pc..end
}

fn is_access(op: &Op) -> bool {
    matches!(op, Op::Load { .. } | Op::Store { .. } | Op::Rmw { .. } | Op::LocalAdd { .. })
}

/// The access that follows this one, with nothing but arithmetic between them, and no way in.
fn next_access(program: &Program, entered: &[bool], first: Pc) -> Option<Pc> {
    if !is_access(&program.ops[first as usize]) {
        return None;
    }
    let end = program.proc_at(first)?.end;
    for pc in first + 1..end {
        if entered[pc as usize] {
            return None;
        }
        match program.ops[pc as usize] {
            op if is_access(&op) => return Some(pc),
            Op::Alu { .. } | Op::Lea { .. } | Op::Cpu { .. } | Op::Cpus { .. } | Op::Context { .. } | Op::Mark(_) => {}
            _ => return None,
        }
    }
    None
}

/// What has to be rotated to the left, and by how much, so that the accesses change places: the second moves to the front of the
/// first, or the first behind the second, past what is between them. None if one depends on what it moves past.
fn exchange(program: &Program, first: &Range<Pc>, second: &Range<Pc>) -> Option<(Range<Pc>, usize)> {
    let (a, b) = (&program.ops[first.start as usize], &program.ops[second.start as usize]);
    if same_place(a, b) && !(matches!(a, Op::Load { .. }) && matches!(b, Op::Load { .. })) {
        return None;
    }
    let independent = |moved: &Range<Pc>, passed: Range<Pc>| {
        moved.clone().all(|m| passed.clone().all(|p| !depends(program, m, p) && !depends(program, p, m)))
    };
    let whole = first.start..second.end;
    if independent(second, first.start..second.start) {
        return Some((whole, (second.start - first.start) as usize));
    }
    independent(first, first.end..second.end).then_some((whole, (first.end - first.start) as usize))
}

/// Whether two accesses are to the same bytes as far as their addresses, written in the same way, tell.
fn same_place(a: &Op, b: &Op) -> bool {
    let (Some((x, wx)), Some((y, wy))) = (place(a), place(b)) else { return false };
    let alike = x.base == y.base && x.index == y.index;
    alike && x.disp < y.disp + wy.bytes() && y.disp < x.disp + wx.bytes()
}

fn place(op: &Op) -> Option<(Addr, Width)> {
    match *op {
        Op::Load { addr, width, .. }
        | Op::Store { addr, width, .. }
        | Op::Rmw { addr, width, .. }
        | Op::LocalAdd { addr, width, .. } => Some((addr, width)),
        _ => None,
    }
}

/// Whether one micro-op reads or writes a register that the other writes.
fn depends(program: &Program, one: Pc, other: Pc) -> bool {
    let written = writes(&program.ops[other as usize]);
    let touched = reads(program, one).into_iter().chain(writes(&program.ops[one as usize]));
    touched.into_iter().any(|r| written.contains(&r))
}

fn writes(op: &Op) -> Vec<Reg> {
    match *op {
        Op::Alu { dst, .. }
        | Op::Lea { dst, .. }
        | Op::Load { dst, .. }
        | Op::Cpu { dst }
        | Op::Cpus { dst }
        | Op::Context { dst } => {
            vec![dst]
        }
        Op::Rmw { dst, ok, .. } => dst.into_iter().chain(ok).collect(),
        Op::LocalAdd { dst, .. } => dst.into_iter().collect(),
        _ => Vec::new(),
    }
}

fn reads(program: &Program, pc: Pc) -> Vec<Reg> {
    let of_addr = |a: &Addr| {
        let base = if let Base::Reg(r) | Base::OnCpu(r) = a.base { Some(r) } else { None };
        base.into_iter().chain(a.index.map(|(r, _)| r)).collect::<Vec<_>>()
    };
    let reg = |o: Operand| if let Operand::Reg(r) = o { Some(r) } else { None };
    match program.ops[pc as usize] {
        Op::Alu { a, b, .. } => reg(a).into_iter().chain(reg(b)).collect(),
        Op::Lea { addr, .. } | Op::Load { addr, .. } => of_addr(&addr),
        Op::Store { addr, value, .. } => of_addr(&addr).into_iter().chain(reg(value)).collect(),
        Op::Rmw { addr, a, b, .. } => of_addr(&addr).into_iter().chain(reg(a)).chain(reg(b)).collect(),
        Op::LocalAdd { addr, a, .. } => of_addr(&addr).into_iter().chain(reg(a)).collect(),
        Op::Mark(site) => {
            let m = &program.marks[site as usize];
            m.args.iter().filter_map(|a| reg(*a)).chain(m.guard.map(|g| g.0)).collect()
        }
        _ => Vec::new(),
    }
}
