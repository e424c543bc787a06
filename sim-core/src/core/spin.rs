// SPDX-License-Identifier: MIT OR Apache-2.0
//! Computing a spin instead of executing it, exactly.
//!
//! When a backward branch is taken twice with nothing in between that anyone else could see or
//! cause, one iteration is executed symbolically, calls included: a register is `base + step * k` in
//! iteration k, or was read from the clock at a known place in it. If every load hits the first-level
//! cache at a fixed address, and the iteration ends with the registers it predicts for k + 1 (but those
//! that an iteration writes before it reads them), all iterations take the same time as long as every
//! branch goes the same way; for how many that is follows from the steps, and from the clock's rate. On a
//! `weak` core that reads a stale line they also end when the line's time is over. Until then only a
//! message for this core's cache or an interrupt can change anything, and both put the core
//! back to the boundary it would have reached ([`super::Core::catch_up`]).

mod values;

use super::{Core, Env, State};
use crate::isa::{AluFn, Base, Cmp, Op, Operand, Pc, Reg};
use crate::ports::{InterruptPort, MemoryPort, Probe};
use crate::time::{Clock, Cycle};
use smallvec::SmallVec;
use values::{Affine, Deadline, Value, alike, first_change, is_signed, range, wide};

/// Longest iteration looked at, in micro-ops.
const LOOP_OPS_MAX: u64 = 256;
/// A computed spin must skip at least this many iterations to be worth its bookkeeping.
const ITERATIONS_MIN: u64 = 4;

/// A set of registers of one frame.
#[derive(Default)]
struct RegisterSet([u64; 4]);

impl RegisterSet {
    #[inline]
    fn add(&mut self, r: Reg) {
        self.0[r.0 as usize / 64] |= 1 << (r.0 % 64);
    }

    #[inline]
    fn has(&self, r: Reg) -> bool {
        self.0[r.0 as usize / 64] >> (r.0 % 64) & 1 == 1
    }

    fn iter(&self) -> impl Iterator<Item = Reg> + '_ {
        self.0.iter().zip(0u8..).flat_map(|(&word, i)| {
            let mut left = word;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros() as u8;
                left &= left.checked_sub(1)?;
                Some(Reg(i * 64 + bit))
            })
        })
    }
}

/// A spin being computed: it began at [`Core::now`] with the registers as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpinPlan {
    /// Cycles per iteration.
    pub period: u64,
    /// Iterations after which some branch may go another way; `u64::MAX` if none ever does.
    pub iterations: u64,
    /// When they are over.
    pub end: Cycle,
    /// `[register of the frame]`: what one iteration adds; of no meaning for one that each iteration writes first.
    pub deltas: Vec<u64>,
    /// Micro-ops per iteration.
    pub ops: u64,
    /// First-level hits per iteration.
    pub loads: u64,
    /// Micro-ops of an iteration and the cycle of it in which each is issued, for a probe that watches boundaries; else empty.
    pub path: Vec<(Pc, u64)>,
}

/// What is remembered of the last backward branch taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Watch {
    undisturbed: bool,
    edge: Pc,
    depth: usize,
    regs: Vec<u64>,
    visits: u32,
    next_try: u32,
}

impl Watch {
    /// Something happened that another iteration would not repeat.
    #[inline]
    pub(super) fn disturb(&mut self) {
        self.undisturbed = false;
    }
}

/// A call that the iteration is in.
struct Caller {
    base: usize,
    resume: Pc,
    site: u32,
}

struct Symbolic<'a> {
    /// `[register of the frame at the loop's head]`: as the iteration finds it, and what one adds to it.
    start: (&'a [u64], &'a [u64]),
    /// Registers of the frame at the loop's head, of meaning where `written`, then those of the procedures the iteration is in.
    regs: SmallVec<[Value; 64]>,
    /// First register of the current frame.
    base: usize,
    callers: SmallVec<[Caller; 4]>,
    /// Registers of the frame at the loop's head that the iteration has written.
    written: RegisterSet,
    /// Registers of the frame at the loop's head that the iteration has read before it wrote them.
    needed: RegisterSet,
    /// When the iteration begins, and the clock.
    begin: Cycle,
    clock: Clock,
    /// Cycles from the begin of the iteration to the issue of the micro-op that is executed.
    issued: u64,
    deadlines: SmallVec<[Deadline; 4]>,
    cpu: u64,
    stride: u64,
    iterations: u64,
    /// Until then every stale line that was read can be read.
    stale_until: Cycle,
    program: &'a crate::program::Program,
}

impl Symbolic<'_> {
    fn value(&mut self, o: Operand) -> Value {
        match o {
            Operand::Reg(r) => self.reg(r),
            Operand::Imm(v) => Value::fixed(v),
        }
    }

    fn reg(&mut self, r: Reg) -> Value {
        if self.base == 0 && !self.written.has(r) {
            self.needed.add(r);
            return Value::Line(self.at_start(r));
        }
        self.regs[self.base + r.0 as usize]
    }

    /// A register of the frame at the loop's head before the iteration.
    fn at_start(&self, r: Reg) -> Affine {
        Affine { base: self.start.0[r.0 as usize], step: self.start.1[r.0 as usize] }
    }

    fn set(&mut self, r: Reg, v: Value) {
        if self.base == 0 {
            self.written.add(r);
        }
        self.regs[self.base + r.0 as usize] = v;
    }

    fn limit(&mut self, iterations: u64) {
        self.iterations = self.iterations.min(iterations);
    }

    fn address(&mut self, a: &crate::isa::Addr) -> Option<Affine> {
        let scaled = |v: Affine, k: u64| Affine { base: v.base.wrapping_mul(k), step: v.step.wrapping_mul(k) };
        let base = match a.base {
            Base::Abs => Affine::fixed(0),
            Base::Reg(r) => self.reg(r).line()?,
            Base::ThisCpu => Affine::fixed(self.cpu.wrapping_mul(self.stride)),
            Base::OnCpu(r) => scaled(self.reg(r).line()?, self.stride),
        };
        let index = match a.index {
            Some((r, k)) => scaled(self.reg(r).line()?, u64::from(k)),
            None => Affine::fixed(0),
        };
        Some(Affine {
            base: base.base.wrapping_add(a.disp).wrapping_add(index.base),
            step: base.step.wrapping_add(index.step),
        })
    }

    /// Result of an arithmetic micro-op, or `None` if it is not of a form that can be predicted.
    fn alu(&mut self, f: AluFn, a: Value, b: Value) -> Option<Value> {
        match (f, a, b) {
            (AluFn::Mov, a, _) => Some(a),
            (AluFn::Sub, Value::Clock { after, minus }, Value::Line(Affine { base, step: 0 })) => {
                Some(Value::Clock { after, minus: minus.wrapping_add(base) })
            }
            (AluFn::Add, Value::Clock { after, minus }, Value::Line(Affine { base, step: 0 }))
            | (AluFn::Add, Value::Line(Affine { base, step: 0 }), Value::Clock { after, minus }) => {
                Some(Value::Clock { after, minus: minus.wrapping_sub(base) })
            }
            (f, a, b) => self.alu_line(f, a.line()?, b.line()?).map(Value::Line),
        }
    }

    fn alu_line(&mut self, f: AluFn, a: Affine, b: Affine) -> Option<Affine> {
        if a.step == 0 && b.step == 0 {
            return crate::exec::alu(f, a.base, b.base).map(Affine::fixed);
        }
        match f {
            AluFn::Add => Some(Affine { base: a.base.wrapping_add(b.base), step: a.step.wrapping_add(b.step) }),
            AluFn::Sub => Some(Affine { base: a.base.wrapping_sub(b.base), step: a.step.wrapping_sub(b.step) }),
            // Cutting to the low bits keeps the step until the first carry out of them.
            AluFn::And if b.step == 0 && b.base.wrapping_add(1).is_power_of_two() => {
                let cut = Affine { base: a.base & b.base, step: a.step };
                self.limit(cut.within(0, i128::from(b.base), i128::from(cut.base)));
                Some(cut)
            }
            _ => None,
        }
    }

    /// Outcome of a comparison in iteration 0; limits the iterations to those in which it stays. `None` if it
    /// cannot be predicted.
    fn compare(&mut self, cmp: Cmp, a: Value, b: Value) -> Option<bool> {
        match (a, b) {
            (Value::Line(a), Value::Line(b)) => Some(self.compare_lines(cmp, a, b)),
            (Value::Clock { after, minus }, Value::Line(Affine { base, step: 0 })) => {
                Some(self.compare_clock(Deadline { cmp, after, minus, constant: base, clock_first: true }))
            }
            (Value::Line(Affine { base, step: 0 }), Value::Clock { after, minus }) => {
                Some(self.compare_clock(Deadline { cmp, after, minus, constant: base, clock_first: false }))
            }
            _ => None,
        }
    }

    fn compare_lines(&mut self, cmp: Cmp, a: Affine, b: Affine) -> bool {
        let now = cmp.holds(a.base, b.base);
        if a.step == 0 && b.step == 0 {
            return now;
        }
        let signed = is_signed(cmp);
        let (lo, hi) = range(signed);
        // While neither side wraps, both are straight lines and their order changes at most once,
        // their equality at most at one k; so a bisection over k finds the first change.
        self.limit(a.within(lo, hi, wide(a.base, signed)));
        self.limit(b.within(lo, hi, wide(b.base, signed)));
        let at = |v: Affine, k: u64| wide(v.base, signed) + i128::from(v.step as i64) * i128::from(k);
        let difference = |k: u64| at(a, k) - at(b, k);
        self.iterations = first_change(self.iterations, |k| alike(cmp, difference(k), difference(0)));
        now
    }

    /// As [`Self::compare`]; how long it stays is found when the period is known, by [`Self::limit_by_clock`].
    fn compare_clock(&mut self, d: Deadline) -> bool {
        self.deadlines.push(d);
        let clock = self.clock.nanos(self.begin.after(d.after)).wrapping_sub(d.minus);
        if d.clock_first { d.cmp.holds(clock, d.constant) } else { d.cmp.holds(d.constant, clock) }
    }

    /// Limits the iterations to those in which every comparison with the clock comes out as in the first: the clock
    /// never goes back, so while its value does not wrap there is one first change.
    fn limit_by_clock(&mut self, period: u64) {
        for d in std::mem::take(&mut self.deadlines) {
            let first = self.begin.after(d.after);
            self.limit((u64::MAX - first.0) / period);
            let began = self.clock.nanos(first);
            let grown = |k: u64| i128::from(self.clock.nanos(Cycle(first.0 + k * period)) - began);
            let signed = is_signed(d.cmp);
            let start = wide(began.wrapping_sub(d.minus), signed);
            let sign = if d.clock_first { 1 } else { -1 };
            let difference = |k: u64| sign * (start + grown(k) - wide(d.constant, signed));
            let (_, highest) = range(signed);
            let same = |k: u64| start + grown(k) <= highest && alike(d.cmp, difference(k), difference(0));
            self.iterations = first_change(self.iterations, same);
        }
    }
}

impl Core {
    /// Called after the backward branch at `edge` was taken.
    pub(super) fn look_for_spin<M: MemoryPort, I: InterruptPort, P: Probe>(
        &mut self,
        env: &mut Env<'_, M, I, P>,
        edge: Pc,
    ) {
        let regs = &self.current.regs[self.current.base as usize..];
        let w = &mut self.spin;
        let again = w.undisturbed && w.edge == edge && w.depth == self.current.frames.len();
        let mut deltas = Vec::new();
        if again {
            w.visits += 1;
            if w.visits >= w.next_try {
                w.next_try = w.next_try.saturating_mul(2);
                deltas.extend(regs.iter().zip(&w.regs).map(|(now, then)| now.wrapping_sub(*then)));
            }
        } else {
            (w.undisturbed, w.edge, w.depth) = (true, edge, self.current.frames.len());
            (w.visits, w.next_try) = (0, 1);
        }
        // Needed at the next try only.
        if w.visits + 1 >= w.next_try {
            w.regs.clear();
            w.regs.extend_from_slice(regs);
        }
        if !deltas.is_empty()
            && self.stores.is_empty()
            && let Some(plan) = self.plan_spin(env, edge, deltas)
        {
            self.computed_spins += 1;
            self.state = State::Spin(plan);
        }
    }

    /// Executes one iteration symbolically from the loop's head, where the core stands.
    fn plan_spin<M: MemoryPort, I: InterruptPort, P: Probe>(
        &self,
        env: &Env<'_, M, I, P>,
        edge: Pc,
        deltas: Vec<u64>,
    ) -> Option<SpinPlan> {
        let program = &*env.code.program;
        let regs = &self.current.regs[self.current.base as usize..];
        let mut s = Symbolic {
            start: (regs, &deltas),
            regs: SmallVec::new(),
            base: 0,
            callers: SmallVec::new(),
            written: RegisterSet::default(),
            needed: RegisterSet::default(),
            begin: self.now,
            clock: env.clock,
            issued: 0,
            deadlines: SmallVec::new(),
            cpu: self.id as u64,
            stride: program.percpu_stride,
            iterations: u64::MAX,
            stale_until: Cycle::NEVER,
            program,
        };
        // In place: it is long to move about.
        s.regs.resize(regs.len(), Value::fixed(0));
        let head = self.current.pc;
        let (mut pc, mut period, mut ops, mut loads) = (head, 0u64, 0u64, 0u64);
        let mut path = Vec::new();
        loop {
            if env.code.is_watched(pc) || ops >= LOOP_OPS_MAX {
                return None;
            }
            let here = pc;
            let op = &program.ops[pc as usize];
            s.issued = period;
            period += env.code.cost(pc);
            ops += u64::from(!matches!(op, Op::Mark(_)));
            if P::WATCHES_BOUNDARIES && !matches!(op, Op::Mark(_)) {
                path.push((pc, s.issued));
            }
            pc = s.step(self, env, pc, &mut period, &mut loads)?;
            if pc <= here && matches!(op, Op::Branch { .. } | Op::Jump { .. }) {
                if here != edge || pc > head || !s.callers.is_empty() {
                    return None;
                }
                // Marks between the branch target and the head stay silent in every iteration.
                while pc < head {
                    pc = s.step(self, env, pc, &mut period, &mut loads)?;
                }
                break;
            }
        }
        // What the iteration has not written is as it was: then it must not step. What it writes before it reads may be anything.
        let kept = deltas.iter().enumerate().all(|(r, &step)| step == 0 || s.written.has(Reg(r as u8)));
        let is_next = |a: Affine, b: Affine| b.base == a.base.wrapping_add(a.step) && b.step == a.step;
        let next = |r: Reg| s.regs[r.0 as usize].line().is_some_and(|after| is_next(s.at_start(r), after));
        let predicted = kept && s.written.iter().all(|r| !s.needed.has(r) || next(r));
        if !predicted || period == 0 {
            return None;
        }
        s.limit_by_clock(period);
        if s.stale_until != Cycle::NEVER {
            // Every load of an iteration issues before its end.
            s.limit(s.stale_until.since(self.now) / period);
        }
        if s.iterations < ITERATIONS_MIN {
            return None;
        }
        let end = s.iterations.checked_mul(period).map_or(Cycle::NEVER, |c| self.now.after(c));
        let iterations = s.iterations;
        Some(SpinPlan { period, iterations, end, deltas, ops, loads, path })
    }
}

impl Symbolic<'_> {
    /// One micro-op; gives the next program counter, or `None` if it cannot be predicted.
    fn step<M: MemoryPort, I, P>(
        &mut self,
        core: &Core,
        env: &Env<'_, M, I, P>,
        pc: Pc,
        period: &mut u64,
        loads: &mut u64,
    ) -> Option<Pc> {
        let (dst, v) = match self.program.ops[pc as usize] {
            Op::Alu { f, dst, a, b } => {
                let (a, b) = (self.value(a), self.value(b));
                (dst, self.alu(f, a, b)?)
            }
            Op::Lea { dst, addr } => (dst, Value::Line(self.address(&addr)?)),
            Op::Cpu { dst } => (dst, Value::fixed(self.cpu)),
            Op::Cpus { dst } => (dst, Value::fixed(env.cpus as u64)),
            Op::Context { dst } => (dst, Value::fixed(core.current.kind as u64)),
            Op::ClockNs { dst } => (dst, Value::Clock { after: self.issued, minus: 0 }),
            Op::Call(site) => return Some(self.call(site, pc)),
            Op::Ret { values } => return self.ret(&values),
            Op::Load { dst, addr, width, order } => {
                let a = self.address(&addr)?;
                if a.step != 0 || !a.base.is_multiple_of(width.bytes()) || !env.code.is_mapped(a.base) {
                    return None;
                }
                let (latency, value) = match core.stale.find(a.base, core.now) {
                    // One that this load drops is there for one iteration only.
                    Some(_) if order.is_acquire() || env.code.is_dependent(pc) => return None,
                    None if order.is_acquire() && core.stale.live(core.now).next().is_some() => return None,
                    Some(stale) => {
                        self.stale_until = self.stale_until.min(stale.until);
                        (env.mem.first_level_latency(), stale.value(a.base, width))
                    }
                    None => env.mem.peek_first_level(core.id, a.base, width)?,
                };
                *period += latency;
                *loads += 1;
                (dst, Value::fixed(value))
            }
            Op::Pause => return Some(pc + 1),
            Op::Jump { target } => return Some(target),
            Op::Branch { cmp, a, b, target } => {
                let (a, b) = (self.value(a), self.value(b));
                return Some(if self.compare(cmp, a, b)? { target } else { pc + 1 });
            }
            Op::Mark(site) => {
                let (r, set) = self.program.marks[site as usize].guard?;
                let v = self.reg(r).line()?;
                return (v.step == 0 && (v.base != 0) != set).then_some(pc + 1);
            }
            _ => return None,
        };
        self.set(dst, v);
        Some(pc + 1)
    }

    /// Enters a procedure; gives its first micro-op.
    fn call(&mut self, site: u32, pc: Pc) -> Pc {
        let call = &self.program.calls[site as usize];
        let callee = &self.program.procs[call.proc as usize];
        let base = self.regs.len();
        for a in &call.args {
            let v = self.value(*a);
            self.regs.push(v);
        }
        self.regs.resize(base + callee.regs.len(), Value::fixed(0));
        self.callers.push(Caller { base: self.base, resume: pc + 1, site });
        self.base = base;
        callee.entry
    }

    /// Leaves a procedure that the iteration has entered; `None` if it leaves the one the loop is in.
    fn ret(&mut self, values: &[Operand; 2]) -> Option<Pc> {
        let Caller { base, resume, site } = self.callers.pop()?;
        let values = values.map(|v| self.value(v));
        self.regs.truncate(self.base);
        self.base = base;
        for (r, v) in self.program.calls[site as usize].results.iter().zip(values) {
            self.set(*r, v);
        }
        Some(resume)
    }
}
