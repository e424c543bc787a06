// SPDX-License-Identifier: MIT OR Apache-2.0
//! One core: an in-order pipeline with blocking loads, a store buffer and a stack of contexts.
//!
//! Modelled: issue order and cost per class of micro-op, store buffer with forwarding (`tso`; `weak`:
//! written out of order, with loads of stale lines) or none (`sc`), interrupts at micro-op boundaries, waiting. Left out: speculation, out-of-order
//! execution, instruction fetch, address translation (DEVIATIONS.md, D1 and D2).

mod code;
pub(crate) mod depends;
mod lead;
mod memory;
mod pipeline;
mod recur;
mod spin;
mod store_buffer;
mod weak;

pub use code::{Code, CoreParams, MemoryModel};
pub use lead::Lead;
pub use pipeline::Env;
pub use spin::SpinPlan;
pub use store_buffer::{Entry, Lookup, StoreBuffer};
pub use weak::StaleLine;

use crate::exec::Context;
use crate::isa::{ContextKind, Pc};
use crate::rng::Stream;
use crate::time::Cycle;

/// What a core is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The next micro-op issues at [`Core::now`].
    Ready,
    /// The micro-op at the program counter waits for its line.
    WaitMemory,
    /// The micro-op at the program counter is tried again when the store buffer has drained one.
    WaitStoreBuffer,
    /// Own cycles until this instant.
    Work {
        /// End.
        until: Cycle,
    },
    /// A wait for the clock.
    Delay {
        /// End.
        until: Cycle,
    },
    /// Wait-for-event on a line, at most until the event stream's next tick.
    Wfe {
        /// Line address.
        line: u64,
        /// Next tick.
        until: Cycle,
    },
    /// Asleep until an interrupt has returned.
    Halt,
    /// The task's program has ended; interrupts are still taken.
    Done,
    /// A spin whose iterations are computed instead of executed.
    Spin(SpinPlan),
    /// The program did something no machine could do; the run must stop.
    Fault(Fault),
}

/// A program error found while running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The micro-op.
    pub pc: Pc,
    /// When.
    pub at: Cycle,
    /// What is wrong, in words.
    pub what: String,
}

/// A context that was interrupted, with what it was doing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Suspended {
    context: Context,
    state: State,
    exit_cycles: u64,
    reported: bool,
}

/// One core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Core {
    /// Number, from 0.
    pub id: usize,
    /// When the next micro-op issues, if [`State::Ready`]; never goes back.
    now: Cycle,
    state: State,
    current: Context,
    below: Vec<Suspended>,
    stores: StoreBuffer,
    /// Lines that a `weak` core may still read though they were taken away.
    stale: weak::StaleLines,
    /// When the next store may be tried; `NEVER` if none may go before its line comes.
    drain_at: Cycle,
    /// When the write port can take another store.
    write_port_free: Cycle,
    /// The boundary before the current micro-op has been reported to the interrupt controller.
    reported: bool,
    /// Set by a returning interrupt: the next wait-for-event falls through.
    event_register: bool,
    /// `[context kind]`: draws of workload spans.
    draws: [Stream; 4],
    /// Micro-ops executed, marks not counted.
    pub retired: u64,
    /// Spins computed instead of executed: host work, which tests ask for and no record holds.
    pub computed_spins: u64,
    /// Micro-ops executed whose effect depends on the time since the start of the run: reads of the clock, waits for it.
    clock_uses: u64,
    spin: spin::Watch,
}

impl Core {
    /// Draws of workload spans from here on come from the streams of another seed.
    pub fn reseed(&mut self, seed: u64) {
        for (draws, kind) in self.draws.iter_mut().zip(ContextKind::ALL) {
            *draws = Stream::derive(seed, self.id as u64, kind.name());
        }
    }

    /// A core about to execute `task` at cycle 0, interrupts enabled.
    #[must_use]
    pub fn new(id: usize, task: Option<Context>, seed: u64) -> Core {
        let draws = ContextKind::ALL
            .iter()
            .map(|k| Stream::derive(seed, id as u64, k.name()))
            .collect::<Vec<_>>()
            .try_into()
            .expect("there are four context kinds");
        let idle = Context { kind: ContextKind::Task, pc: 0, base: 0, regs: Vec::new(), frames: Vec::new() };
        Core {
            id,
            now: Cycle(0),
            state: if task.is_some() { State::Ready } else { State::Done },
            current: task.unwrap_or(idle),
            below: Vec::new(),
            stores: StoreBuffer::default(),
            stale: weak::StaleLines::default(),
            drain_at: Cycle::NEVER,
            write_port_free: Cycle(0),
            reported: false,
            event_register: false,
            draws,
            retired: 0,
            computed_spins: 0,
            clock_uses: 0,
            spin: spin::Watch::default(),
        }
    }

    /// What the core is doing.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// When the next micro-op can issue at the earliest.
    #[must_use]
    pub fn now(&self) -> Cycle {
        self.now
    }

    /// The running context.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.current
    }

    /// Interrupted contexts, outermost first.
    pub fn suspended(&self) -> impl Iterator<Item = &Context> {
        self.below.iter().map(|s| &s.context)
    }

    /// The stores not yet in the cache.
    #[must_use]
    pub fn store_buffer(&self) -> &StoreBuffer {
        &self.stores
    }

    /// True when the task has ended or sleeps, no handler runs and every store is in the cache.
    #[must_use]
    pub fn is_quiescent(&self) -> bool {
        matches!(self.state, State::Done | State::Halt) && self.below.is_empty() && self.stores.is_empty()
    }
}
