// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a core can do next.

use super::{Buffered, Model, State, System};
use crate::isa::{Addr, ContextKind, Fence, Op, Pc, Reg, Width};
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
    /// The core's oldest store becomes visible.
    Drain {
        /// The core.
        core: usize,
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
    Forward(u64),
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
    pub fn successors(&self, state: &State, out: &mut Vec<(Step, State)>) -> Result<(), Fault> {
        out.clear();
        for (core, c) in state.cores.iter().enumerate() {
            if !c.buffer.is_empty() {
                let mut next = state.clone();
                self.drain(&mut next, core)?;
                out.push((Step::Drain { core }, next));
            }
            if !c.done {
                let pc = c.contexts.last().map_or(0, |x| x.pc);
                let mut next = state.clone();
                if self.issue(&mut next, core)? {
                    self.settle(&mut next, core)?;
                    out.push((Step::Issue { core, pc }, next));
                }
            }
        }
        Ok(())
    }

    fn drain(&self, state: &mut State, core: usize) -> Result<(), Fault> {
        let b = state.cores[core].buffer.remove(0);
        state.write(b.addr, b.width, b.value);
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
                Op::Store { .. } => self.model == Model::Tso && c.buffer.len() < self.store_buffer,
                Op::Fence(Fence::Full) => c.buffer.is_empty(),
                _ => true,
            };
            if !local {
                break;
            }
            self.issue(state, core)?;
        }
        Ok(())
    }

    /// Executes the next micro-op of a core; false if it has to wait.
    fn issue(&self, state: &mut State, core: usize) -> Result<bool, Fault> {
        let stride = self.program.percpu_stride;
        let c = &mut state.cores[core];
        let empty = c.buffer.is_empty();
        let context = c.contexts.last_mut().expect("a core that is not done has a context");
        let pc = context.pc;
        let op = self.program.ops[pc as usize];
        let fault = |what: &str| Fault { core, pc, what: what.to_owned() };
        if context.step_pure(&op, core as u64, stride).map_err(|_| fault("division by zero"))? {
            return Ok(true);
        }
        match op {
            Op::Load { dst, addr, width, .. } => {
                let Some(value) = self.load(state, core, &addr, width)? else { return Ok(false) };
                set(state, core, Some(dst), value);
            }
            Op::Store { addr, width, value, .. } => {
                let value = context.value(value) & width.mask();
                let full = if self.model == Model::Sc { !empty } else { c.buffer.len() >= self.store_buffer };
                if full {
                    return Ok(false);
                }
                let addr = self.resolve(state, core, &addr, width)?;
                if self.model == Model::Sc {
                    state.write(addr, width, value);
                } else {
                    state.cores[core].buffer.push(Buffered { addr, width, value });
                }
            }
            Op::Rmw { f, dst, ok, addr, width, a, b, .. } => {
                if !empty {
                    return Ok(false);
                }
                let (a, b) = (context.value(a), context.value(b));
                let addr = self.resolve(state, core, &addr, width)?;
                let result = f.apply(width, state.read(addr, width), a, b);
                if let Some(value) = result.written {
                    state.write(addr, width, value);
                }
                set(state, core, dst, result.returned);
                set(state, core, ok, u64::from(result.written.is_some()));
            }
            // Two accesses that other cores can come between: a load, and a buffered store even on `sc`.
            Op::LocalAdd { dst, addr, width, a } => {
                let add = context.value(a);
                if self.model == Model::Tso && c.buffer.len() >= self.store_buffer {
                    return Ok(false);
                }
                let Some(old) = self.load(state, core, &addr, width)? else { return Ok(false) };
                let addr = self.resolve(state, core, &addr, width)?;
                let value = old.wrapping_add(add) & width.mask();
                state.cores[core].buffer.push(Buffered { addr, width, value });
                set(state, core, dst, value);
            }
            Op::Fence(Fence::Full) if !empty => return Ok(false),
            Op::Halt => return Ok(false),
            Op::Send { .. } => return Err(fault("interrupts have no meaning without time")),
            Op::Fence(_) | Op::Pause | Op::Work(_) | Op::DelayUntil { .. } | Op::Mark(_) => {}
            Op::Wfe { addr } | Op::PrefetchW { addr } => {
                self.resolve(state, core, &addr, Width::U8)?;
            }
            Op::Cpu { dst } => context.set(dst, core as u64),
            Op::Cpus { dst } => {
                let cpus = state.cores.len() as u64;
                set(state, core, Some(dst), cpus);
            }
            Op::Context { dst } => context.set(dst, context.kind as u64),
            Op::IrqSave { dst } => {
                let before = std::mem::replace(&mut c.irq_enabled, false);
                context.set(dst, u64::from(before));
            }
            Op::IrqRestore { flag } => c.irq_enabled = context.value(flag) != 0,
            Op::Call(site) => {
                context.call(&self.program, site);
                return Ok(true);
            }
            Op::Ret { values } => {
                if !context.ret(&self.program, &values) {
                    debug_assert!(context.kind == ContextKind::Task, "nothing interrupts here yet");
                    c.done = true;
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

    /// What a load gives now; `None` if it has to wait.
    fn load(&self, state: &State, core: usize, addr: &Addr, width: Width) -> Result<Option<u64>, Fault> {
        let addr = self.resolve(state, core, addr, width)?;
        let buffer = &state.cores[core].buffer;
        if self.model == Model::Sc && !buffer.is_empty() {
            return Ok(None);
        }
        Ok(match lookup(buffer, addr, width) {
            Lookup::Miss => Some(state.read(addr, width)),
            Lookup::Forward(value) => Some(value),
            Lookup::Wait => None,
        })
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

fn set(state: &mut State, core: usize, dst: Option<Reg>, value: u64) {
    if let (Some(context), Some(r)) = (state.cores[core].contexts.last_mut(), dst) {
        context.set(r, value);
    }
}

/// Looks for the newest entry that overlaps `width` bytes at `addr`.
fn lookup(buffer: &[Buffered], addr: u64, width: Width) -> Lookup {
    let end = addr + width.bytes();
    for b in buffer.iter().rev() {
        let b_end = b.addr + b.width.bytes();
        if b.addr < end && addr < b_end {
            if b.addr <= addr && end <= b_end {
                return Lookup::Forward((b.value >> (8 * (addr - b.addr))) & width.mask());
            }
            return Lookup::Wait;
        }
    }
    Lookup::Miss
}
