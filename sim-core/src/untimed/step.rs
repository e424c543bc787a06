// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a core can do next.

use super::weak::{Matters, Read, Time};
use super::{Buffered, Model, State, System};
use crate::isa::{Addr, ContextKind, Fence, Op, Order, Pc, Reg, Width};
use crate::program::{GLOBAL_BASE, PERCPU_BASE};

/// Micro-ops a core goes on through on its own in one step: a loop of nothing else still gives
/// states, and so comes to an end.
const LOCAL_MAX: usize = 4096;

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

/// What a core's own newest store has for a load.
enum Lookup {
    Miss,
    Forward(u64, usize),
    Wait,
}

impl System {
    /// Lets every core go through what only itself can see.
    pub(super) fn settle_all(&self, state: &mut State) -> Result<(), Fault> {
        (0..state.cores.len()).try_for_each(|core| self.settle(state, core))
    }

    /// Every state one step away, in a fixed order.
    ///
    /// # Errors
    /// The first fault of a core.
    pub(super) fn successors(
        &self,
        matters: Matters,
        state: &State,
        out: &mut Vec<(Step, State)>,
    ) -> Result<(), Fault> {
        out.clear();
        for (core, c) in state.cores.iter().enumerate() {
            let entries = if self.model == Model::Weak { c.buffer.len() } else { c.buffer.len().min(1) };
            for entry in (0..entries).filter(|i| self.model != Model::Weak || c.may_drain(*i)) {
                let mut next = state.clone();
                self.drain(&mut next, core, entry)?;
                out.push((Step::Drain { core, entry }, next));
            }
            let Some(context) = c.contexts.last().filter(|_| !c.done) else { continue };
            let pc = context.pc;
            let reads = match self.program.ops[pc as usize] {
                Op::Load { addr, width, order, .. } => self.reads(state, core, &addr, width, order)?,
                Op::LocalAdd { addr, width, .. } => self.reads(state, core, &addr, width, Order::Relaxed)?,
                _ => vec![Read::default()],
            };
            for read in reads {
                let mut next = state.clone();
                if self.issue(&mut next, core, &read)? {
                    self.settle(&mut next, core)?;
                    out.push((Step::Issue { core, pc }, next));
                }
            }
        }
        if self.model == Model::Weak {
            out.iter_mut().for_each(|(_, next)| next.normalise(matters));
        }
        Ok(())
    }

    fn drain(&self, state: &mut State, core: usize, entry: usize) -> Result<(), Fault> {
        let b = state.cores[core].buffer.remove(entry);
        if self.model == Model::Weak {
            state.commit(core, b.addr, b.width, b.value, b.release);
        } else {
            state.write(b.addr, b.width, b.value);
        }
        // A store or fence that waited for room may be next.
        self.settle(state, core)
    }

    /// Executes micro-ops of a core as long as no other core can see or influence them, so that
    /// doing them at once leaves out no final state.
    fn settle(&self, state: &mut State, core: usize) -> Result<(), Fault> {
        if !self.merge_local {
            return Ok(());
        }
        for _ in 0..LOCAL_MAX {
            let c = &state.cores[core];
            let Some(context) = c.contexts.last().filter(|_| !c.done) else { break };
            let local = match self.program.ops[context.pc as usize] {
                Op::Load { .. } | Op::Rmw { .. } | Op::LocalAdd { .. } | Op::Halt => false,
                // A buffered store is visible to its own core only.
                Op::Store { .. } => self.model != Model::Sc && c.buffer.len() < self.store_buffer,
                Op::Fence(Fence::Full) => c.buffer.is_empty(),
                _ => true,
            };
            if !local {
                break;
            }
            self.issue(state, core, &Read::default())?;
        }
        Ok(())
    }

    /// Executes the next micro-op of a core; false if it has to wait. A load gives `read`.
    fn issue(&self, state: &mut State, core: usize, read: &Read) -> Result<bool, Fault> {
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
        if context.step_pure(&op, core as u64, stride).map_err(|_| fault("division by zero"))? {
            return Ok(true);
        }
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
                if self.model == Model::Sc {
                    state.write(at, width, value);
                } else {
                    self.put_store(
                        state,
                        core,
                        &addr,
                        Buffered { addr: at, width, value, release: weak && order == Order::Release, group: 0, view },
                    );
                }
            }
            Op::Rmw { f, dst, ok, addr, width, a, b, order } => {
                let (a, b) = (context.value(a), context.value(b));
                let addr_view = if weak { c.views.address(context, &addr) } else { 0 };
                let at = self.resolve(state, core, &addr, width)?;
                if if weak { self.held_up(state, core, order, at, width) } else { !empty } {
                    return Ok(false);
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
                self.put_store(state, core, &addr, Buffered { addr: at, width, value, release: false, group: 0, view });
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
            Op::Send { .. } => return Err(fault("interrupts have no meaning without time")),
            Op::Fence(_) | Op::Pause | Op::Work(_) | Op::DelayUntil { .. } | Op::Mark(_) => {}
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
                return Ok(true);
            }
            Op::Ret { values } => {
                let views = if weak { values.map(|v| c.views.operand(context, v)) } else { [0; 2] };
                let site = context.frames.last().map(|f| f.call);
                if !context.ret(&self.program, &values) {
                    debug_assert!(context.kind == ContextKind::Task, "nothing interrupts here yet");
                    c.done = true;
                } else if let Some(site) = site.filter(|_| weak) {
                    c.views.ret(&self.program.calls[site as usize], views, context);
                }
                return Ok(true);
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
        Ok(true)
    }

    /// What a load can give now; nothing if it has to wait.
    fn reads(&self, state: &State, core: usize, addr: &Addr, width: Width, order: Order) -> Result<Vec<Read>, Fault> {
        let at = self.resolve(state, core, addr, width)?;
        let c = &state.cores[core];
        if self.model == Model::Sc && !c.buffer.is_empty() {
            return Ok(Vec::new());
        }
        let weak = self.model == Model::Weak;
        if weak && order == Order::Acquire && c.buffer.iter().any(|b| b.release) {
            return Ok(Vec::new());
        }
        let bound = if weak { self.bound(state, core, order, self.address_view(state, core, addr)) } else { 0 };
        Ok(match lookup(&c.buffer, at, width) {
            Lookup::Miss if weak => state.reads(core, at, width, bound, order.is_acquire()),
            Lookup::Miss => vec![Read { value: state.read(at, width), ..Read::default() }],
            Lookup::Forward(value, i) => vec![Read { value, at: bound.max(c.buffer[i].view), began: None }],
            Lookup::Wait => Vec::new(),
        })
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

    fn resolve(&self, state: &State, core: usize, addr: &Addr, width: Width) -> Result<u64, Fault> {
        let context = state.cores[core].contexts.last().expect("a core that is not done has a context");
        let a = context.address(addr, core as u64, self.program.percpu_stride);
        let what = if !a.is_multiple_of(width.bytes()) {
            format!("address {a:#x} is not aligned to {} bytes", width.bytes())
        } else if !self.is_mapped(a, state.cores.len() as u64) {
            format!("address {a:#x} belongs to no object")
        } else {
            return Ok(a);
        };
        Err(Fault { core, pc: context.pc, what })
    }

    fn is_mapped(&self, a: u64, cpus: u64) -> bool {
        if a >= PERCPU_BASE {
            a < PERCPU_BASE + cpus * self.program.percpu_stride
        } else {
            (GLOBAL_BASE..self.program.global_end()).contains(&a)
        }
    }
}

/// Looks for the newest entry that overlaps `width` bytes at `addr`.
fn lookup(buffer: &[Buffered], addr: u64, width: Width) -> Lookup {
    let end = addr + width.bytes();
    for (i, b) in buffer.iter().enumerate().rev() {
        if b.overlaps(addr, width) {
            if b.addr <= addr && end <= b.addr + b.width.bytes() {
                return Lookup::Forward((b.value >> (8 * (addr - b.addr))) & width.mask(), i);
            }
            return Lookup::Wait;
        }
    }
    Lookup::Miss
}
