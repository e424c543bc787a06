// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether some context of a machine can never go on: what marks say, and who is left who could come.

use lock_impl::oracle::{Oracle, Stuck};
use sim_core::core::State;
use sim_core::ports::Probe;
use sim_core::time::Cycle;

use crate::machine::Machine;

/// Contexts that no timer, deadline or interrupt can free, and the cycle from which on that is so. The machine has run
/// until `now`, and the oracle has seen all of it.
///
/// The instant follows from what was executed before `now`, whenever the question is asked, except where the
/// interrupts that could still come are known to be none only from a later one on.
pub(crate) fn stuck<P: Probe>(machine: &Machine<P>, oracle: &Oracle, now: Cycle) -> Option<(Stuck, Cycle)> {
    let cores = machine.cores();
    let idle = |cpu: usize| {
        let core = &cores[cpu];
        matches!(core.state(), State::Done | State::Halt) && core.suspended().next().is_none()
    };
    let silent = |sum: Option<Cycle>, core| Some(sum?.max(machine.interrupts().silent_from(core)?));
    let silent_from = (0..cores.len()).fold(Some(Cycle(0)), silent);
    let interrupts = silent_from.is_none_or(|from| from > now);
    let stuck = oracle.stuck(&idle, interrupts)?;
    let mut since = Cycle(stuck.since);
    if stuck.needs_silence {
        let ended = (0..cores.len()).filter(|&cpu| idle(cpu)).map(|cpu| cores[cpu].now());
        since = ended.chain(silent_from).fold(since, Cycle::max);
    }
    Some((stuck, since))
}
