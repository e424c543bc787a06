// SPDX-License-Identifier: MIT OR Apache-2.0
//! A machine whose cores somebody else leads, one at a time: directed schedules.

use sim_core::core::{Env, Lead};
use sim_core::ports::{MemoryPort, Probe};
use sim_core::time::{Cycle, Key};

use super::{Fault, Machine};

impl<P: Probe> Machine<P> {
    /// Lets `core` do one thing, not before `at`, while all others are held as if the host of a virtual machine had taken their
    /// processors away; then everything that is on its way arrives. Gives the instant of what the core did; `None` if it has
    /// nothing of the kind to do. Caches, network and costs are those of any run.
    ///
    /// The machine must be made with [`super::MachineSpec::exact`], and only led from its first cycle on.
    ///
    /// # Errors
    /// As [`super::Outcome::Fault`].
    pub fn lead(&mut self, core: usize, lead: Lead, at: Cycle) -> Result<Option<Cycle>, Fault> {
        debug_assert!(self.exact, "nothing is computed in a led machine");
        let at = at.max(self.last_event);
        let when = with_core!(self, core, at, |c, env| c.lead(env, lead, at));
        self.last_event = self.last_event.max(when.unwrap_or(Cycle(0)));
        drop(self.irq.take_receivers());
        self.check(core).map_err(|(fault, _)| fault)?;
        loop {
            let key = self.mem.next_key();
            if key == Key::NEVER {
                break;
            }
            self.events += 1;
            self.last_event = self.last_event.max(key.at());
            self.deliver(key).map_err(|(fault, _)| fault)?;
        }
        self.rearm(core);
        Ok(when)
    }

    /// From here on `stopping` reads 1, or 0.
    pub fn lead_stopping(&mut self, is_stopping: bool) {
        self.stop_at = if is_stopping { Cycle(0) } else { Cycle::NEVER };
    }
}
