// SPDX-License-Identifier: MIT OR Apache-2.0
//! What tools do with a machine beside letting it run: steps, forced landings, other futures for a fork.

use sim_core::core::{Core, State};
use sim_core::isa::Pc;
use sim_core::ports::{MemoryPort, Probe};
use sim_core::time::{Cycle, Key, Phase};

use super::Machine;

impl<P: Probe> Machine<P> {
    /// Handles the next event as [`Machine::run_until`] does, and gives its key; `None` if none is left before `limit`, or after a
    /// fault. For tools that look at every event.
    pub fn step(&mut self, limit: Cycle) -> Option<Key> {
        let end = Key::new(limit, Phase::Deliver, 0, 0);
        self.ran_until = limit;
        let (next, message) = (self.wakes.next(), self.mem.next_key());
        let key = next.0.min(message);
        (key < end && self.turn(next, message, end).is_ok()).then_some(key)
    }

    /// Goes on, event by event, until `core` is about to execute the micro-op at `pc` in cycle `at`, before which everything
    /// must have happened ([`Machine::run_until`]). False if it does not come there in that cycle.
    pub fn run_to_boundary(&mut self, core: usize, pc: Pc, at: Cycle) -> bool {
        let exact = std::mem::replace(&mut self.exact, true);
        let end = Key::new(at.after(1), Phase::Deliver, 0, 0);
        let there = |c: &Core| *c.state() == State::Ready && c.now() == at && c.context().pc == pc;
        let reached = loop {
            if there(&self.cores[core]) {
                break true;
            }
            let (wake, who) = self.wakes.next();
            let message = self.mem.next_key();
            if wake.min(message) >= end {
                break false;
            }
            if self.turn((wake, who), message, end).is_err() {
                break false;
            }
        };
        self.exact = exact;
        reached
    }

    /// Lets the interrupt with this number in the experiment arrive at a core: at `at`, which is not in the past, or, without an
    /// instant, at the boundary before which the core stands. For forced landings.
    ///
    /// # Panics
    /// If the core has no source with this number.
    pub fn interrupt(&mut self, core: usize, number: u64, at: Option<Cycle>) {
        let source = self.irq.source(core, number).expect("the core has a source with this number");
        match at {
            Some(at) => self.irq.arrive(core, source, at),
            None => self.irq.raise(core, source, self.cores[core].now()),
        }
        self.rearm(core);
    }

    /// Spans drawn by workloads, and arrivals not drawn yet, come from the streams of another seed from here on: another future for
    /// a fork. What was drawn already stays.
    pub fn reseed(&mut self, seed: u64) {
        self.cores.iter_mut().for_each(|c| c.reseed(seed));
        self.irq.reseed(seed);
    }

    /// From `at` on, which is not in the past, `stopping` reads 1 and nothing arrives any more; earlier than the machine was made to
    /// stop, or it has no effect.
    pub fn stop(&mut self, at: Cycle) {
        self.stop_at = self.stop_at.min(at);
        self.irq.stop(at);
        (0..self.cores.len()).for_each(|core| self.rearm(core));
    }
}
