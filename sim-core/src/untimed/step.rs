// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a core can do next.

use super::carried::Cx;
use super::live::Live;
use super::unknown::{self, ANY, SOME_TIME, is_unknown};
use super::weak::{Read, Time};
use super::{Buffered, Model, State, System};
use crate::exec::Context;
use crate::isa::{Addr, Base, ContextKind, Fence, MarkKind, Op, Operand, Order, Pc, Reg, SendTo, Width};

/// A choice of the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The core executes its next micro-op.
    Issue {
        /// The core.
        core: usize,
        /// The micro-op.
        pc: Pc,
    },
    /// A store of the core becomes visible.
    Drain {
        /// The core.
        core: usize,
        /// Which: 0 is the oldest, and the only one that can be unless the model is `weak`.
        entry: usize,
    },
    /// An interrupt is taken.
    Land {
        /// The core.
        core: usize,
        /// Which of the core's [`System::sources`].
        source: usize,
    },
}

/// The program did something that no machine could do, or that this engine has no meaning for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The core.
    pub core: usize,
    /// The micro-op.
    pub pc: Pc,
    /// What is wrong, in words.
    pub what: String,
}

impl System {
    /// The states in which no core has anything left to do that only itself can see.
    pub(super) fn starts(&self, cx: &mut Cx) -> Result<Vec<State>, Fault> {
        let mut all = vec![State::initial(self)];
        for core in 0..self.tasks.len() {
            let mut next = Vec::new();
            for state in all {
                self.settle(cx, state, core, &mut next)?;
            }
            all = next;
        }
        if self.model == Model::Weak {
            all.iter_mut().for_each(|s| s.normalise(cx.matters, |s, core| self.goes_on(s, core)));
        }
        Ok(all)
    }

    /// Every state that one step of this core leads to, in a fixed order.
    ///
    /// # Errors
    /// The first fault.
    pub(super) fn steps_of(
        &self,
        cx: &mut Cx,
        state: &State,
        core: usize,
        out: &mut Vec<(Step, State)>,
    ) -> Result<(), Fault> {
        let mut settled = Vec::new();
        let mut put = |cx: &mut Cx, step, next, out: &mut Vec<(Step, State)>| -> Result<(), Fault> {
            self.settle(cx, next, core, &mut settled)?;
            out.extend(settled.drain(..).map(|s| (step, s)));
            Ok(())
        };
        let begin = out.len();
        let c = &state.cores[core];
        let entries = if self.model == Model::Weak { c.buffer.len() } else { c.buffer.len().min(1) };
        for entry in (0..entries).filter(|i| self.model != Model::Weak || c.may_drain(*i)) {
            let mut next = state.clone();
            self.drain(&mut next, core, entry)?;
            put(cx, Step::Drain { core, entry }, next, out)?;
        }
        if let Some(context) = c.running() {
            let step = Step::Issue { core, pc: context.pc };
            let mut executed = Vec::new();
            self.execute(cx, state, core, &mut executed)?;
            for next in executed {
                put(cx, step, next, out)?;
            }
        }
        let mut landed = Vec::new();
        self.landings(state, core, &mut landed);
        for (step, next) in landed {
            put(cx, step, next, out)?;
        }
        for (_, next) in &mut out[begin..] {
            if let Some(live) = &cx.live {
                self.forget(live, next, core);
            }
            if self.model == Model::Weak {
                next.normalise(cx.matters, |s, core| self.goes_on(s, core));
            }
        }
        Ok(())
    }

    /// Executes the next micro-op of a core; none if it has to wait, several if it can go several ways.
    pub(super) fn execute(&self, cx: &mut Cx, state: &State, core: usize, out: &mut Vec<State>) -> Result<(), Fault> {
        let context = state.cores[core].running().expect("a core that executes has a context");
        let (pc, kind) = (context.pc, context.kind);
        let plain = vec![Read::default()];
        let reads = match self.program.ops[pc as usize] {
            Op::Load { addr, width, order, .. } => {
                cx.access.reads(core, kind, self.resolve(state, core, &addr, width)?, width);
                self.reads(state, core, &addr, width, order)?
            }
            Op::LocalAdd { addr, width, .. } => {
                cx.access.reads(core, kind, self.resolve(state, core, &addr, width)?, width);
                self.reads(state, core, &addr, width, Order::Relaxed)?
            }
            op @ Op::Branch { cmp, a, b, target }
                if unknown::compare(cmp, context.value(a), context.value(b)).is_none() =>
            {
                for to in [target, pc + 1] {
                    cx.cover(pc, &op, to);
                    let mut next = state.clone();
                    next.cores[core].contexts.last_mut().expect("it is running").pc = to;
                    if cx.record {
                        next.trail.push(pc);
                    }
                    out.push(next);
                }
                return Ok(());
            }
            _ => plain,
        };
        for read in reads {
            let mut next = state.clone();
            if self.issue(cx, &mut next, core, &read)? {
                out.push(next);
            }
        }
        Ok(())
    }

    fn forget(&self, live: &Live, state: &mut State, core: usize) {
        let c = &mut state.cores[core];
        if !c.runs() {
            c.contexts.iter_mut().for_each(|x| x.regs.fill(0));
            c.contexts.truncate(usize::from(!c.contexts.is_empty()));
        } else if let Some(x) = c.contexts.last_mut() {
            live.forget(&self.program, x);
        }
    }

    /// Executes the next micro-op of a core; false if it has to wait. A load gives `read`.
    pub(super) fn issue(&self, cx: &mut Cx, state: &mut State, core: usize, read: &Read) -> Result<bool, Fault> {
        let stride = self.program.percpu_stride;
        let c = &mut state.cores[core];
        let empty = c.buffer.is_empty();
        let context = c.contexts.last_mut().expect("a core that is not done has a context");
        let pc = context.pc;
        let op = self.program.ops[pc as usize];
        let fault = |what: &str| Fault { core, pc, what: what.to_owned() };
        let weak = self.model == Model::Weak;
        if weak {
            c.views.pure(context, &op);
        }
        let kind = context.kind;
        let timed = |o: Operand| is_unknown(context.value(o));
        let refused = match op {
            Op::Store { width, value, .. } => width != Width::U64 && timed(value),
            Op::Rmw { a, b, .. } => timed(a) || timed(b),
            Op::LocalAdd { a, .. } => timed(a) || is_unknown(read.value),
            Op::IrqRestore { flag } => timed(flag),
            Op::Send { line, to } => timed(line) || matches!(to, SendTo::Core(core) if timed(core)),
            _ => false,
        };
        if refused {
            return Err(fault("a number that depends on time, where this engine needs to know it"));
        }
        if let Some(done) = step_pure(context, &op, core as u64, stride).map_err(fault)? {
            cx.cover(pc, &op, context.pc);
            if cx.record {
                state.trail.push(pc);
            }
            return Ok(done);
        }
        cx.cover(pc, &op, pc);
        match op {
            Op::Load { dst, addr, width, order } => {
                if weak {
                    c.views.decide(c.views.address(context, &addr));
                    let word = self.resolve(state, core, &addr, width)? & !7;
                    state.cores[core].views.loaded(word, read, order.is_acquire());
                }
                self.set(state, core, Some(dst), read.value, read.at);
            }
            Op::Store { addr, width, value, order } => {
                let view = if weak { c.views.operand(context, value) } else { 0 };
                let value = context.value(value) & width.mask();
                let full = if self.model == Model::Sc { !empty } else { c.buffer.len() >= self.store_buffer };
                if full {
                    return Ok(false);
                }
                let at = self.resolve(state, core, &addr, width)?;
                cx.access.writes(core, kind, at, width);
                if self.model == Model::Sc {
                    self.put(state, core, at, width, value)?;
                } else {
                    let release = weak && order == Order::Release;
                    let store = Buffered { addr: at, width, value, release, group: 0, view };
                    self.put_store(cx, state, core, &addr, store)?;
                }
            }
            Op::Rmw { f, dst, ok, addr, width, a, b, order } => {
                let (a, b) = (context.value(a), context.value(b));
                let addr_view = if weak { c.views.address(context, &addr) } else { 0 };
                let at = self.resolve(state, core, &addr, width)?;
                if if weak { self.held_up(state, core, order, at, width) } else { !empty } {
                    return Ok(false);
                }
                cx.access.reads(core, kind, at, width);
                cx.access.writes(core, kind, at, width);
                if is_unknown(state.read(at & !7, Width::U64)) {
                    return Err(fault("a read-modify-write of a number that depends on time"));
                }
                let result = f.apply(width, state.read(at, width), a, b);
                let time = if weak {
                    self.update(state, core, order, addr_view, at, width, result.written)
                } else {
                    result.written.into_iter().for_each(|value| state.write(at, width, value));
                    0
                };
                self.set(state, core, dst, result.returned, time);
                self.set(state, core, ok, u64::from(result.written.is_some()), time);
            }
            // Two accesses that other cores can come between: a load, and a buffered store even on `sc`.
            Op::LocalAdd { dst, addr, width, a } => {
                let (add, add_view) = (context.value(a), if weak { c.views.operand(context, a) } else { 0 });
                if self.model != Model::Sc && c.buffer.len() >= self.store_buffer {
                    return Ok(false);
                }
                let at = self.resolve(state, core, &addr, width)?;
                let value = read.value.wrapping_add(add) & width.mask();
                if weak {
                    state.cores[core].views.loaded(at & !7, read, false);
                }
                let view = read.at.max(add_view);
                cx.access.writes(core, kind, at, width);
                let store = Buffered { addr: at, width, value, release: false, group: 0, view };
                self.put_store(cx, state, core, &addr, store)?;
                self.set(state, core, dst, value, view);
            }
            Op::Fence(Fence::Full) if !empty => return Ok(false),
            Op::Halt => return Ok(false),
            Op::Fence(fence) if weak => match fence {
                Fence::Full => c.views.full_fence(),
                Fence::Read | Fence::Acquire => c.views.read_fence(),
                Fence::Control => c.views.control_fence(),
                Fence::Write | Fence::Release => c.group += u32::from(!empty),
            },
            // What the sender has stored is visible before, whatever the model, as on the timed machine.
            Op::Send { to, .. } if to != SendTo::Own && !empty => return Ok(false),
            Op::Send { line, to } => {
                let number = context.value(line);
                let one = match to {
                    SendTo::Core(other) => Some(context.value(other)),
                    SendTo::Own => Some(core as u64),
                    SendTo::Others | SendTo::All => None,
                };
                let all = (0..state.cores.len()).filter(|c| one.is_none_or(|one| one == *c as u64));
                for other in all.filter(|c| to != SendTo::Others || *c != core) {
                    state.send(self, other, number);
                }
            }
            Op::Fence(_) | Op::Pause | Op::Work(_) | Op::DelayUntil { .. } => {}
            Op::Mark(site) => {
                let m = &self.program.marks[site as usize];
                if self.watch && m.guard.is_none_or(|(r, when)| (context.reg(r) != 0) == when) {
                    let args = m.args.map(|a| context.value(a));
                    c.claim(m.kind, args);
                    if self.counter.is_some() && m.kind == MarkKind::Held {
                        c.owned = c.owned.wrapping_add(1);
                    }
                    if cx.record {
                        state.said.push((pc, args));
                    }
                }
            }
            Op::Wfe { addr } | Op::PrefetchW { addr } => {
                self.resolve(state, core, &addr, Width::U8)?;
            }
            Op::Cpu { dst } => self.set(state, core, Some(dst), core as u64, 0),
            Op::Cpus { dst } => {
                let cpus = state.cores.len() as u64;
                self.set(state, core, Some(dst), cpus, 0);
            }
            Op::Context { dst } => {
                let kind = context.kind as u64;
                self.set(state, core, Some(dst), kind, 0);
            }
            Op::IrqSave { dst } => {
                let before = std::mem::replace(&mut c.irq_enabled, false);
                self.set(state, core, Some(dst), u64::from(before), 0);
            }
            Op::IrqRestore { flag } => c.irq_enabled = context.value(flag) != 0,
            Op::Call(site) => {
                let before = context.clone();
                context.call(&self.program, site);
                if weak {
                    c.views.call(&self.program.calls[site as usize], &before, context);
                }
                if cx.record {
                    state.trail.push(pc);
                }
                return Ok(true);
            }
            // The return from an interrupt is serialising on x86, as on the timed machine.
            Op::Ret { .. } if !self.may_return(context, empty) => return Ok(false),
            Op::Ret { values } => {
                let views = if weak { values.map(|v| c.views.operand(context, v)) } else { [0; 2] };
                let site = context.frames.last().map(|f| f.call);
                if !context.ret(&self.program, &values) {
                    match c.handlers.pop() {
                        Some(h) => {
                            c.contexts.pop();
                            c.irq_enabled = h.flag;
                            if weak {
                                c.views.leave();
                            }
                        }
                        None => c.done = true,
                    }
                } else if let Some(site) = site.filter(|_| weak) {
                    c.views.ret(&self.program.calls[site as usize], views, context);
                }
                if cx.record {
                    state.trail.push(pc);
                }
                return Ok(true);
            }
            Op::ClockNs { dst } if self.abstract_time => self.set(state, core, Some(dst), SOME_TIME, 0),
            Op::Draw { dst, .. } if self.abstract_time => self.set(state, core, Some(dst), ANY, 0),
            Op::Stopping { dst } if self.abstract_time => {
                let over = c.rounds >= self.rounds;
                c.rounds += u8::from(!over);
                self.set(state, core, Some(dst), u64::from(over), 0);
            }
            Op::ClockNs { .. } | Op::Stopping { .. } | Op::Draw { .. } => {
                return Err(fault("the clock and drawn spans have no meaning without time"));
            }
            Op::Alu { .. } | Op::Lea { .. } | Op::Branch { .. } | Op::Jump { .. } => {
                unreachable!("step_pure executes these")
            }
        }
        if let Some(context) = state.cores[core].contexts.last_mut() {
            context.pc += 1;
        }
        if cx.record {
            state.trail.push(pc);
        }
        Ok(true)
    }

    /// Sets a register, and its view on `weak`.
    fn set(&self, state: &mut State, core: usize, dst: Option<Reg>, value: u64, view: Time) {
        let c = &mut state.cores[core];
        if let (Some(context), Some(r)) = (c.contexts.last_mut(), dst) {
            context.set(r, value);
            if self.model == Model::Weak {
                c.views.set(context, dst, view);
            }
        }
    }

    /// Whether a context can return now: from an interrupt only with an empty store buffer.
    pub(super) fn may_return(&self, c: &Context, empty: bool) -> bool {
        empty || self.model != Model::Tso || !c.frames.is_empty() || c.kind == ContextKind::Task
    }
}

pub(super) fn has_unknown(c: &Context, a: &Addr) -> bool {
    let base = if let Base::Reg(r) | Base::OnCpu(r) = a.base { is_unknown(c.reg(r)) } else { false };
    base || a.index.is_some_and(|(r, _)| is_unknown(c.reg(r)))
}

/// As [`Context::step_pure`], with numbers that are not known; `None` if the micro-op is of another kind.
fn step_pure(c: &mut Context, op: &Op, cpu: u64, stride: u64) -> Result<Option<bool>, &'static str> {
    match *op {
        Op::Alu { f, dst, a, b } => {
            let v = unknown::compute(f, c.value(a), c.value(b))?;
            c.set(dst, v);
            c.pc += 1;
        }
        Op::Lea { dst, addr } if has_unknown(c, &addr) => {
            c.set(dst, ANY);
            c.pc += 1;
        }
        Op::Branch { cmp, a, b, target } => {
            let holds = unknown::compare(cmp, c.value(a), c.value(b));
            c.pc = if holds.expect("`execute` goes both ways") { target } else { c.pc + 1 };
        }
        _ => return c.step_pure(op, cpu, stride).map(|did| did.then_some(true)).map_err(|_| "division by zero"),
    }
    Ok(Some(true))
}
