// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a core moves: issue, wait, drain, take interrupts, return from them.

use super::{Code, Core, CoreParams, Fault, State, Suspended};
use crate::exec::Context;
use crate::isa::{ContextKind, Fence, Op, Operand, SendTo, Span, Width};
use crate::ports::{Action, Cause, InterruptPort, MemoryPort, Probe, Stand, Taken, Target};
use crate::program::{Dist, TimeSpan};
use crate::time::{Clock, Cycle, Key, Phase};

/// What a core works with: program, parameters and the three ports.
#[derive(Debug)]
pub struct Env<'a, M, I, P> {
    /// The program.
    pub code: &'a Code,
    /// Latencies and sizes.
    pub params: &'a CoreParams,
    /// Number of cores of the machine.
    pub cpus: usize,
    /// The clock.
    pub clock: Clock,
    /// From this instant on `stopping` reads 1.
    pub stop_at: Cycle,
    /// Execute every micro-op as an event of its own, compute nothing.
    pub exact: bool,
    /// Private micro-ops that issue before this instant may be executed before what others do earlier: until then
    /// nothing that a core does not know of can reach it but messages, and the run does not end.
    pub horizon: Cycle,
    /// Memory.
    pub mem: &'a mut M,
    /// Interrupt controller.
    pub irq: &'a mut I,
    /// Observer.
    pub probe: &'a mut P,
}

impl Core {
    /// Key of what this core does next.
    #[must_use]
    #[inline]
    pub fn next_key<I: InterruptPort>(&self, irq: &I) -> Key {
        self.next_action(irq).0
    }

    /// Key of what this core does next, and whether that is writing a store.
    #[inline]
    fn next_action<I: InterruptPort>(&self, irq: &I) -> (Key, bool) {
        let step = self.step_at(irq);
        let (at, phase) = if self.drain_at <= step { (self.drain_at, Phase::Drain) } else { (step, Phase::Step) };
        if at == Cycle::NEVER {
            return (Key::NEVER, false);
        }
        (Key::new(at, phase, self.id as u16, 0), phase == Phase::Drain)
    }

    #[inline]
    pub(super) fn step_at<I: InterruptPort>(&self, irq: &I) -> Cycle {
        let until = match &self.state {
            State::Ready => return self.now,
            State::WaitMemory | State::WaitStoreBuffer | State::Fault(_) => return Cycle::NEVER,
            State::Work { until } | State::Delay { until } | State::Wfe { until, .. } => *until,
            State::Halt | State::Done => Cycle::NEVER,
            State::Spin(plan) => plan.end,
        };
        until.min(irq.attention(self.id)).max(self.now)
    }

    /// Runs until the next thing to do is not before `limit` or the next message; in exact mode,
    /// does one thing. Gives the instant of the last thing done; 0 if there was nothing to do.
    pub fn run<M: MemoryPort, I: InterruptPort, P: Probe>(&mut self, env: &mut Env<'_, M, I, P>, limit: Key) -> Cycle {
        let mut last = Cycle(0);
        loop {
            if matches!(self.state, State::Ready) {
                last = last.max(self.run_private(env));
            }
            let (key, is_drain) = self.next_action(env.irq);
            if key >= limit || key >= env.mem.next_key() || key == Key::NEVER {
                return last;
            }
            last = last.max(key.at());
            if is_drain {
                self.drain(env);
            } else {
                self.step(env, key.at());
            }
            // The receiver of an interrupt may now be due before `limit`.
            if env.exact || env.irq.has_sent() {
                return last;
            }
        }
    }

    /// Executes private micro-ops until something else comes: another kind of micro-op, an interrupt, the horizon.
    /// Gives the instant of the last one.
    #[inline]
    fn run_private<M: MemoryPort, I: InterruptPort, P: Probe>(&mut self, env: &mut Env<'_, M, I, P>) -> Cycle {
        let until = env.irq.attention(self.id).min(env.horizon);
        let code = env.code;
        let mut last = Cycle(0);
        while self.now < until
            && let Some(cost) = code.private_cost(self.current.pc)
        {
            let (pc, t) = (self.current.pc, self.now);
            let op = &code.program.ops[pc as usize];
            if let Op::Ret { .. } = op
                && self.current.frames.last().is_none_or(|f| code.is_mark(f.resume))
            {
                break;
            }
            if P::WATCHES_BOUNDARIES {
                env.probe.boundary(t, self.id, pc, Stand::Before);
            }
            last = t;
            self.retired += 1;
            if self.current.step_pure(op, self.id as u64, code.program.percpu_stride) != Ok(true) {
                self.issue_other(env, op, t, cost);
                continue;
            }
            self.now = t.after(cost);
            if self.current.pc <= pc {
                self.look_for_spin(env, pc);
                if !matches!(self.state, State::Ready) {
                    break;
                }
            }
        }
        last
    }

    /// Something is about to happen to this core, which is not due before that: what it was watching for a spin is void. True if it
    /// is in a computed one, which [`Core::catch_up`] has to end first.
    #[inline]
    pub fn disturb(&mut self) -> bool {
        self.spin.disturb();
        matches!(self.state, State::Spin(_))
    }

    /// Does what this core does before `limit`, where something is about to happen to it, and
    /// computes no spin beyond that. It must not be due before `limit` for any other reason.
    pub fn catch_up<M: MemoryPort, I: InterruptPort, P: Probe>(&mut self, env: &mut Env<'_, M, I, P>, limit: Key) {
        if !matches!(self.state, State::Spin(_)) && self.next_key(env.irq) >= limit {
            self.spin.disturb();
            return;
        }
        self.leave_spin(env, limit.at());
        self.run(env, limit);
        // The branch that begins the next iteration may have been taken just before.
        self.leave_spin(env, limit.at());
    }

    /// Takes a computed spin back to a boundary before `at`; [`Core::run`] executes the rest.
    fn leave_spin<M: MemoryPort, I: InterruptPort, P: Probe>(&mut self, env: &mut Env<'_, M, I, P>, at: Cycle) {
        if let State::Spin(plan) = &self.state {
            // The last whole iteration is left to be executed, not computed. Two things hang on it:
            // micro-ops that take no time of their own end an iteration in its last cycle, and an
            // interrupt due in that cycle lands between them; and which line of a full set was
            // used last depends on the path of the last iteration.
            let iterations = (at.since(self.now) / plan.period).min(plan.iterations).saturating_sub(1);
            let base = self.current.base as usize;
            for (reg, delta) in self.current.regs[base..].iter_mut().zip(&plan.deltas) {
                *reg = reg.wrapping_add(delta.wrapping_mul(iterations));
            }
            if P::WATCHES_BOUNDARIES && iterations > 0 {
                env.probe.computed(self.now, self.id, plan.period, &plan.path, iterations);
            }
            self.now = self.now.after(plan.period * iterations);
            self.retired += plan.ops * iterations;
            env.mem.count_skipped_hits(self.id, plan.loads * iterations);
            self.state = State::Ready;
        }
        self.spin.disturb();
    }

    /// Does what is due at `t`, and that is something: `t` is not before [`Core::step_at`].
    pub(super) fn step<M: MemoryPort, I: InterruptPort, P: Probe>(&mut self, env: &mut Env<'_, M, I, P>, t: Cycle) {
        if matches!(self.state, State::Spin(_)) {
            self.leave_spin(env, t);
            return;
        }
        if env.irq.attention(self.id) <= t
            && let Some(taken) = env.irq.take(self.id, t)
        {
            if P::WATCHES_BOUNDARIES {
                let stand = match self.state {
                    State::Work { .. } | State::Delay { .. } | State::Wfe { .. } => Stand::Within,
                    State::Halt | State::Done => Stand::Asleep,
                    _ => Stand::Before,
                };
                env.probe.boundary(t, self.id, self.current.pc, stand);
            }
            self.enter(env, &taken, t);
            return;
        }
        match self.state {
            State::Ready => self.issue(env, t),
            State::Work { .. } | State::Delay { .. } | State::Wfe { .. } => self.resume_after(env, t),
            _ => unreachable!("nothing is due in {:?}", self.state),
        }
    }

    /// A wait is over: the micro-op that waited is done.
    pub(super) fn resume_after<M: MemoryPort, I: InterruptPort, P: Probe>(
        &mut self,
        env: &mut Env<'_, M, I, P>,
        t: Cycle,
    ) {
        if P::WATCHES_BOUNDARIES {
            env.probe.boundary(t, self.id, self.current.pc, Stand::Within);
        }
        self.state = State::Ready;
        self.now = t;
        self.current.pc += 1;
        self.run_marks(env, t);
    }

    fn enter<M: MemoryPort, I: InterruptPort, P: Probe>(
        &mut self,
        env: &mut Env<'_, M, I, P>,
        taken: &Taken,
        t: Cycle,
    ) {
        if matches!(self.state, State::Halt | State::Done) {
            env.irq.set_halted(self.id, t, false);
        }
        let saved = match self.state {
            // The rest of the work is kept, not its end: it goes on when the handler returns.
            State::Work { until } => State::Work { until: Cycle(until.since(t)) },
            ref s => s.clone(),
        };
        env.probe.taken(t, self.id, taken);
        env.probe.enter(t, self.id, taken.kind, self.current.pc);
        let handler = Context::at_entry(&env.code.program, taken.handler, taken.kind);
        let context = std::mem::replace(&mut self.current, handler);
        let reported = std::mem::take(&mut self.reported);
        self.below.push(Suspended { context, state: saved, exit_cycles: taken.exit_cycles, reported });
        self.state = State::Ready;
        self.now = t.after(taken.entry_cycles);
        self.spin.disturb();
        // Nothing of a handler is executed before the interrupt is there.
        self.stale.clear();
        self.run_marks(env, t);
    }

    /// The outermost return of a handler.
    fn leave<M: MemoryPort, I: InterruptPort, P: Probe>(&mut self, env: &mut Env<'_, M, I, P>, t: Cycle) {
        let Some(s) = self.below.pop() else {
            self.state = State::Done;
            env.irq.set_halted(self.id, t, true);
            return;
        };
        let kind = self.current.kind;
        let cost = env.code.cost(self.current.pc);
        self.now = t.after(cost + s.exit_cycles);
        env.irq.leave(self.id, self.now);
        env.probe.leave(t, self.id, kind, self.now);
        self.current = s.context;
        self.event_register = true;
        self.reported = s.reported;
        self.spin.disturb();
        self.state = match s.state {
            State::Work { until: rest } => State::Work { until: self.now.after(rest.0) },
            State::Halt | State::Wfe { .. } => {
                self.current.pc += 1;
                self.run_marks(env, t);
                State::Ready
            }
            State::Done => {
                env.irq.set_halted(self.id, self.now, true);
                State::Done
            }
            other => other,
        };
    }

    pub(super) fn cause(&self, addr: u64, width: Width) -> Cause {
        let (core, bytes) = (self.id as u16, width.bytes() as u8);
        Cause { core, context: self.current.kind as u8, bytes, pc: self.current.pc, addr }
    }

    pub(super) fn fault(&mut self, t: Cycle, what: String) {
        self.state = State::Fault(Fault { pc: self.current.pc, at: t, what });
    }

    /// Reports the marks that stand before the next micro-op.
    #[inline]
    pub(super) fn run_marks<M: MemoryPort, I: InterruptPort, P: Probe>(
        &mut self,
        env: &mut Env<'_, M, I, P>,
        t: Cycle,
    ) {
        if env.code.is_mark(self.current.pc) {
            self.report_marks(env, t);
        }
    }

    fn report_marks<M: MemoryPort, I: InterruptPort, P: Probe>(&mut self, env: &mut Env<'_, M, I, P>, t: Cycle) {
        while let Some(Op::Mark(site)) = env.code.program.ops.get(self.current.pc as usize) {
            let m = &env.code.program.marks[*site as usize];
            if m.guard.is_none_or(|(r, set)| (self.current.reg(r) != 0) == set) {
                let args = m.args.map(|a| self.current.value(a));
                env.probe.mark(t, self.id, m.kind, args, self.current.pc);
                self.spin.disturb();
            }
            self.current.pc += 1;
        }
    }

    /// Goes on behind the current micro-op.
    pub(super) fn advance<M: MemoryPort, I: InterruptPort, P: Probe>(
        &mut self,
        env: &mut Env<'_, M, I, P>,
        t: Cycle,
        cost: u64,
    ) {
        self.current.pc += 1;
        self.now = t.after(cost);
        self.run_marks(env, t);
    }

    fn issue<M: MemoryPort, I: InterruptPort, P: Probe>(&mut self, env: &mut Env<'_, M, I, P>, t: Cycle) {
        let pc = self.current.pc;
        if P::WATCHES_BOUNDARIES {
            env.probe.boundary(t, self.id, pc, Stand::Before);
        }
        if env.code.is_watched(pc) && !self.reported {
            self.reported = true;
            env.irq.reached(self.id, pc, t);
            if env.irq.attention(self.id) <= t
                && let Some(taken) = env.irq.take(self.id, t)
            {
                self.enter(env, &taken, t);
                return;
            }
        }
        let code = env.code;
        let op = &code.program.ops[pc as usize];
        let cost = code.cost(pc);
        self.retired += 1;
        match self.current.step_pure(op, self.id as u64, env.code.program.percpu_stride) {
            Ok(true) => {
                self.now = t.after(cost);
                let back = self.current.pc <= pc;
                self.run_marks(env, t);
                if back && !env.exact {
                    self.look_for_spin(env, pc);
                }
            }
            Ok(false) => self.issue_other(env, op, t, cost),
            Err(_) => self.fault(t, "division by zero".into()),
        }
        // A micro-op that is tried again has not passed its boundary yet.
        self.reported = self.reported && self.state == State::WaitStoreBuffer;
    }

    fn issue_other<M: MemoryPort, I: InterruptPort, P: Probe>(
        &mut self,
        env: &mut Env<'_, M, I, P>,
        op: &Op,
        t: Cycle,
        cost: u64,
    ) {
        // Loads from the first-level cache, pauses, calls and reads of fixed facts or the clock leave a spin undisturbed.
        if !matches!(
            op,
            Op::Load { .. }
                | Op::Pause
                | Op::Call(_)
                | Op::Ret { .. }
                | Op::ClockNs { .. }
                | Op::Cpu { .. }
                | Op::Cpus { .. }
                | Op::Context { .. }
        ) {
            self.spin.disturb();
        }
        match *op {
            Op::Load { addr, width, .. } => self.start_access(env, t, &addr, width, Action::Load),
            Op::LocalAdd { addr, width, .. } => {
                if self.store_room(env) {
                    self.start_access(env, t, &addr, width, Action::Load);
                }
            }
            Op::Store { addr, width, value, .. } => self.issue_store(env, t, &addr, width, value, cost),
            Op::Rmw { f, addr, width, a, b, .. } => {
                if env.params.model.is_weak() || self.drained() {
                    let action = Action::Rmw(f, self.current.value(a), self.current.value(b));
                    self.start_access(env, t, &addr, width, action);
                }
            }
            Op::PrefetchW { addr } => self.issue_prefetch(env, t, &addr, cost),
            Op::Fence(Fence::Full) => {
                if self.drained() {
                    self.stale.clear();
                    self.advance(env, t, cost);
                }
            }
            Op::Fence(fence) => {
                // Without effect on `sc` and `tso`: nothing is stale, and stores go in order.
                match fence {
                    Fence::Write | Fence::Release => self.stores.fence(),
                    Fence::Read | Fence::Acquire | Fence::Control | Fence::Full => self.stale.clear(),
                }
                self.advance(env, t, cost);
            }
            Op::Send { line, to } => self.issue_send(env, t, line, to, cost),
            Op::Pause => self.advance(env, t, cost),
            Op::Work(span) => {
                let cycles = match span {
                    Span::Cycles(o) => self.current.value(o),
                    Span::Nanos(o) => env.clock.cycles(self.current.value(o)),
                };
                self.now = t;
                self.state = State::Work { until: t.after(cycles) };
            }
            Op::DelayUntil { t: target } => {
                self.now = t;
                let until = Cycle(env.clock.cycles(self.current.value(target)));
                self.clock_uses += 1;
                self.state = State::Delay { until: until.max(t) };
            }
            Op::Wfe { addr } => self.issue_wfe(env, t, &addr, cost),
            Op::Halt => {
                self.now = t;
                self.state = State::Halt;
                env.irq.set_halted(self.id, t, true);
            }
            Op::Call(site) => {
                self.current.call(&env.code.program, site);
                self.now = t.after(cost);
                self.run_marks(env, t);
            }
            Op::Ret { values } => self.issue_ret(env, t, &values, cost),
            Op::ClockNs { .. }
            | Op::IrqSave { .. }
            | Op::IrqRestore { .. }
            | Op::Cpu { .. }
            | Op::Cpus { .. }
            | Op::Context { .. }
            | Op::Stopping { .. }
            | Op::Draw { .. } => self.issue_system(env, op, t, cost),
            Op::Alu { .. } | Op::Lea { .. } | Op::Branch { .. } | Op::Jump { .. } => {
                unreachable!("step_pure executes these")
            }
            // Reached only as the first micro-op of a task: nothing came before to glue it to.
            Op::Mark(_) => {
                self.retired -= 1;
                self.run_marks(env, t);
            }
        }
    }

    fn issue_send<M: MemoryPort, I: InterruptPort, P: Probe>(
        &mut self,
        env: &mut Env<'_, M, I, P>,
        t: Cycle,
        line: Operand,
        to: SendTo,
        cost: u64,
    ) {
        let to = match to {
            SendTo::Own => Target::Own,
            // What the sender has written is there when the interrupt arrives: the kernel puts a full
            // fence before the write to the controller.
            _ if !self.drained() => return,
            SendTo::Core(core) => Target::Core(self.current.value(core)),
            SendTo::Others => Target::Others,
            SendTo::All => Target::All,
        };
        env.irq.send(self.id, self.current.value(line), to, t);
        self.advance(env, t, cost);
    }

    fn issue_system<M: MemoryPort, I: InterruptPort, P: Probe>(
        &mut self,
        env: &mut Env<'_, M, I, P>,
        op: &Op,
        t: Cycle,
        cost: u64,
    ) {
        match *op {
            Op::ClockNs { dst } => {
                self.current.set(dst, env.clock.nanos(t));
                self.clock_uses += 1;
            }
            Op::IrqSave { dst } => {
                let before = env.irq.set_flag(self.id, false);
                self.current.set(dst, u64::from(before));
            }
            Op::IrqRestore { flag } => {
                env.irq.set_flag(self.id, self.current.value(flag) != 0);
            }
            Op::Cpu { dst } => self.current.set(dst, self.id as u64),
            Op::Cpus { dst } => self.current.set(dst, env.cpus as u64),
            Op::Context { dst } => {
                let kind = self.current.kind as u64;
                self.current.set(dst, kind);
            }
            Op::Stopping { dst } => self.current.set(dst, u64::from(t >= env.stop_at)),
            Op::Draw { dst, dist } => {
                let v = self.draw(env.clock, env.code.program.dists[dist as usize]);
                self.current.set(dst, v);
            }
            _ => unreachable!("issue_other passes system micro-ops only"),
        }
        self.advance(env, t, cost);
    }

    fn draw(&mut self, clock: Clock, dist: Dist) -> u64 {
        let cycles = |s: TimeSpan| if s.cycles { s.amount } else { clock.cycles(s.amount) };
        let stream = &mut self.draws[self.current.kind as usize];
        match dist {
            Dist::Fixed(s) => cycles(s),
            Dist::Uniform(lo, hi) => cycles(lo) + stream.below(cycles(hi).saturating_sub(cycles(lo)) + 1),
            Dist::Exp(mean) => stream.exponential(cycles(mean)),
        }
    }

    fn issue_ret<M: MemoryPort, I: InterruptPort, P: Probe>(
        &mut self,
        env: &mut Env<'_, M, I, P>,
        t: Cycle,
        values: &[Operand; 2],
        cost: u64,
    ) {
        if self.current.frames.is_empty() {
            // The return from an interrupt is serialising on x86: earlier stores are visible before it.
            let serialising = self.current.kind != ContextKind::Task && !env.params.model.is_weak();
            if serialising && !self.drained() {
                return;
            }
            self.leave(env, t);
            return;
        }
        self.current.ret(&env.code.program, values);
        self.now = t.after(cost);
        self.run_marks(env, t);
    }
}
