// SPDX-License-Identifier: MIT OR Apache-2.0
//! A core that somebody else leads: one thing at a time, when it is told to.

use super::{Core, Env, State};
use crate::ports::{InterruptPort, MemoryPort, Probe};
use crate::time::Cycle;

/// What a led core is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lead {
    /// Take an interrupt that is due, or else go on with the next micro-op.
    Step,
    /// Write a store from the buffer into the cache, or ask for its line.
    Drain,
}

impl Core {
    /// Does one thing, not before `at`, and gives the instant; `None` if it has nothing of the kind to do: a wait without an end, a
    /// line that has been asked for. The machine must be an exact one.
    pub fn lead<M: MemoryPort, I: InterruptPort, P: Probe>(
        &mut self,
        env: &mut Env<'_, M, I, P>,
        lead: Lead,
        at: Cycle,
    ) -> Option<Cycle> {
        match lead {
            Lead::Drain if self.drain_at == Cycle::NEVER => None,
            Lead::Drain => {
                self.drain_at = self.drain_at.max(at);
                let when = self.drain_at;
                self.drain(env);
                Some(when)
            }
            Lead::Step => {
                if self.state == State::Ready {
                    self.now = self.now.max(at);
                }
                let when = self.step_at(env.irq);
                if when == Cycle::NEVER {
                    return None;
                }
                let when = when.max(at);
                self.step(env, when);
                Some(when)
            }
        }
    }
}
