// SPDX-License-Identifier: MIT OR Apache-2.0
//! Computing a spin instead of executing it, exactly.
//!
//! When a backward branch is taken twice with nothing in between that anyone else could see or
//! cause, one iteration is executed symbolically: a register is `base + step * k` in iteration
//! k. If every load hits the first-level cache at a fixed address, and the iteration ends with
//! the registers it predicts for k + 1, all iterations take the same time as long as every
//! branch goes the same way; for how many that is follows from the steps. On a `weak` core that
//! reads a stale line they also end when the line's time is over. Until then only a
//! message for this core's cache or an interrupt can change anything, and both put the core
//! back to the boundary it would have reached ([`super::Core::catch_up`]).

use super::{Core, Env, State};
use crate::isa::{AluFn, Base, Cmp, Op, Operand, Pc, Reg};
use crate::ports::{InterruptPort, MemoryPort, Probe};
use crate::time::Cycle;

/// Longest iteration looked at, in micro-ops.
const LOOP_OPS_MAX: u64 = 256;
/// A computed spin must skip at least this many iterations to be worth its bookkeeping.
const ITERATIONS_MIN: u64 = 4;

/// A spin being computed: it began at [`Core::now`] with the registers as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpinPlan {
    /// Cycles per iteration.
    pub period: u64,
    /// Iterations after which some branch may go another way; `u64::MAX` if none ever does.
    pub iterations: u64,
    /// When they are over.
    pub end: Cycle,
    /// `[register of the frame]`: what one iteration adds.
    pub deltas: Vec<u64>,
    /// Micro-ops per iteration.
    pub ops: u64,
    /// First-level hits per iteration.
    pub loads: u64,
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

/// A value in iteration k: `base + step * k`, modulo 2^64.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Affine {
    base: u64,
    step: u64,
}

impl Affine {
    const fn fixed(base: u64) -> Affine {
        Affine { base, step: 0 }
    }

    /// Iterations from 0 in which `base + step * k` stays within `lo..=hi` as plain integers,
    /// with `base` already in that range and the step taken as signed.
    const fn within(self, lo: i128, hi: i128, base: i128) -> u64 {
        let step = self.step as i64 as i128;
        let room = if step > 0 {
            (hi - base) / step
        } else if step < 0 {
            (base - lo) / -step
        } else {
            return u64::MAX;
        };
        if room >= u64::MAX as i128 { u64::MAX } else { room as u64 + 1 }
    }
}

struct Symbolic<'a> {
    regs: Vec<Affine>,
    cpu: u64,
    stride: u64,
    iterations: u64,
    /// Until then every stale line that was read can be read.
    stale_until: Cycle,
    program: &'a crate::program::Program,
}

impl Symbolic<'_> {
    fn value(&self, o: Operand) -> Affine {
        match o {
            Operand::Reg(r) => self.reg(r),
            Operand::Imm(v) => Affine::fixed(v),
        }
    }

    fn reg(&self, r: Reg) -> Affine {
        self.regs[r.0 as usize]
    }

    fn limit(&mut self, iterations: u64) {
        self.iterations = self.iterations.min(iterations);
    }

    fn address(&self, a: &crate::isa::Addr) -> Affine {
        let scaled = |v: Affine, k: u64| Affine { base: v.base.wrapping_mul(k), step: v.step.wrapping_mul(k) };
        let base = match a.base {
            Base::Abs => Affine::fixed(0),
            Base::Reg(r) => self.reg(r),
            Base::ThisCpu => Affine::fixed(self.cpu.wrapping_mul(self.stride)),
            Base::OnCpu(r) => scaled(self.reg(r), self.stride),
        };
        let index = a.index.map_or(Affine::fixed(0), |(r, k)| scaled(self.reg(r), u64::from(k)));
        Affine {
            base: base.base.wrapping_add(a.disp).wrapping_add(index.base),
            step: base.step.wrapping_add(index.step),
        }
    }

    /// Result of an arithmetic micro-op, or `None` if it is not of a form that can be predicted.
    fn alu(&mut self, f: AluFn, a: Affine, b: Affine) -> Option<Affine> {
        if a.step == 0 && (b.step == 0 || f == AluFn::Mov) {
            return crate::exec::alu(f, a.base, b.base).map(Affine::fixed);
        }
        match f {
            AluFn::Mov => Some(a),
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

    /// Outcome of a comparison in iteration 0; limits the iterations to those in which it stays.
    fn compare(&mut self, cmp: Cmp, a: Affine, b: Affine) -> bool {
        let now = cmp.holds(a.base, b.base);
        if a.step == 0 && b.step == 0 {
            return now;
        }
        let signed = matches!(cmp, Cmp::LtS | Cmp::LeS | Cmp::GtS | Cmp::GeS);
        let wide = |v: u64| if signed { i128::from(v as i64) } else { i128::from(v) };
        let (lo, hi) = if signed { (i128::from(i64::MIN), i128::from(i64::MAX)) } else { (0, i128::from(u64::MAX)) };
        // While neither side wraps, both are straight lines and their order changes at most once,
        // their equality at most at one k; so a bisection over k finds the first change.
        self.limit(a.within(lo, hi, wide(a.base)));
        self.limit(b.within(lo, hi, wide(b.base)));
        let at = |v: Affine, k: u64| wide(v.base) + i128::from(v.step as i64) * i128::from(k);
        let difference = |k: u64| at(a, k) - at(b, k);
        let same = |k: u64| match cmp {
            Cmp::Eq | Cmp::Ne => difference(k).signum() == difference(0).signum(),
            Cmp::Lt | Cmp::Ge | Cmp::LtS | Cmp::GeS => (difference(k) < 0) == (difference(0) < 0),
            Cmp::Le | Cmp::Gt | Cmp::LeS | Cmp::GtS => (difference(k) > 0) == (difference(0) > 0),
        };
        let (mut good, mut bad) = (0u64, self.iterations);
        if bad > 0 && same(bad - 1) {
            return now;
        }
        while bad - good > 1 {
            let mid = good + (bad - good) / 2;
            if same(mid) {
                good = mid;
            } else {
                bad = mid;
            }
        }
        self.limit(bad);
        now
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
        w.regs.clear();
        w.regs.extend_from_slice(regs);
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
        let start: Vec<Affine> = regs.iter().zip(&deltas).map(|(&base, &step)| Affine { base, step }).collect();
        let mut s = Symbolic {
            regs: start.clone(),
            cpu: self.id as u64,
            stride: program.percpu_stride,
            iterations: u64::MAX,
            stale_until: Cycle::NEVER,
            program,
        };
        let head = self.current.pc;
        let (mut pc, mut period, mut ops, mut loads) = (head, 0u64, 0u64, 0u64);
        loop {
            if env.code.is_watched(pc) || ops >= LOOP_OPS_MAX {
                return None;
            }
            let here = pc;
            let marks = matches!(program.ops[pc as usize], Op::Mark(_));
            period += env.code.cost(pc);
            ops += u64::from(!marks);
            pc = s.step(self, env, pc, &mut period, &mut loads)?;
            if pc <= here {
                if here != edge || pc > head {
                    return None;
                }
                // Marks between the branch target and the head stay silent in every iteration.
                while pc < head {
                    pc = s.step(self, env, pc, &mut period, &mut loads)?;
                }
                break;
            }
        }
        let predicted =
            start.iter().zip(&s.regs).all(|(a, b)| b.base == a.base.wrapping_add(a.step) && b.step == a.step);
        if s.stale_until != Cycle::NEVER && period > 0 {
            // Every load of an iteration issues before its end.
            s.limit(s.stale_until.since(self.now) / period);
        }
        if !predicted || period == 0 || s.iterations < ITERATIONS_MIN {
            return None;
        }
        let end = s.iterations.checked_mul(period).map_or(Cycle::NEVER, |c| self.now.after(c));
        Some(SpinPlan { period, iterations: s.iterations, end, deltas, ops, loads })
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
            Op::Lea { dst, addr } => (dst, self.address(&addr)),
            Op::Cpu { dst } => (dst, Affine::fixed(self.cpu)),
            Op::Cpus { dst } => (dst, Affine::fixed(env.cpus as u64)),
            Op::Context { dst } => (dst, Affine::fixed(core.current.kind as u64)),
            Op::Load { dst, addr, width, order } => {
                let a = self.address(&addr);
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
                (dst, Affine::fixed(value))
            }
            Op::Pause => return Some(pc + 1),
            Op::Jump { target } => return Some(target),
            Op::Branch { cmp, a, b, target } => {
                let (a, b) = (self.value(a), self.value(b));
                return Some(if self.compare(cmp, a, b) { target } else { pc + 1 });
            }
            Op::Mark(site) => {
                let (r, set) = self.program.marks[site as usize].guard?;
                let v = self.reg(r);
                return (v.step == 0 && (v.base != 0) != set).then_some(pc + 1);
            }
            _ => return None,
        };
        self.regs[dst.0 as usize] = v;
        Some(pc + 1)
    }
}
