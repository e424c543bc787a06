// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the oracle says of a program's timed runs.

use std::collections::BTreeMap;

use configs::Loaded;
use lock_impl::oracle::Class;
use reports::names;
use sim_core::isa::Width;
use sim_core::time::Cycle;

use crate::machine::{Machine, MachineSpec, Outcome};
use crate::observe::Observer;
use crate::run::{find, stuck};

/// First time for which a run goes on before it is looked at; then twice as long, up to the longest.
const SLICE_CYCLES: u64 = 1 << 16;
const SLICE_CYCLES_MAX: u64 = 50_000_000;
/// Events after which a run is given up; those of the experiments that are explored take some thousands.
const EVENTS_MAX: u64 = 20_000_000;
/// What a run that was given up is said to be.
const ENDLESS: &str = "endless";
/// Critical sections have counted less, or more, than locks were owned.
const LOST: &str = "update lost";

/// Errors that the lock should not have given.
const WRONG: [Class; 4] = [Class::WrongCulprit, Class::FalsePositive, Class::Miss, Class::TimeoutOutsideCycle];

/// What is wrong, and in how many of these seeds' runs.
pub(super) fn judge(
    loaded: &Loaded,
    spec: &MachineSpec,
    counter: Option<u64>,
    seeds: &[u64],
) -> BTreeMap<&'static str, u64> {
    let mut out = BTreeMap::new();
    for &seed in seeds {
        let spec = MachineSpec { seed, exact: false, ..spec.clone() };
        run(loaded, &spec, counter).into_iter().for_each(|what| *out.entry(what).or_default() += 1);
    }
    out
}

fn run(loaded: &Loaded, spec: &MachineSpec, counter: Option<u64>) -> Vec<&'static str> {
    let e = &loaded.experiment;
    let observer = Observer::new(spec.memory.cores, spec.clock, e.measure.stuck_threshold.cycles(spec.clock.khz));
    let mut machine = Machine::new(spec, observer);
    let limit = spec.stop_at.after(e.limits.quiesce.cycles(spec.clock.khz));
    let (mut reached, mut slice) = (Cycle(0), SLICE_CYCLES);
    let outcome = loop {
        reached = reached.after(slice).min(limit);
        slice = (slice * 2).min(SLICE_CYCLES_MAX);
        let outcome = machine.run_until(reached);
        if outcome != Outcome::Limit || reached == limit || machine.probe.violation().is_some() {
            break outcome;
        }
        if stuck(&machine, machine.probe.oracle(), reached).is_some() {
            break outcome;
        }
        if machine.events() > EVENTS_MAX {
            return vec![ENDLESS];
        }
    };
    let mut wrong: Vec<&'static str> = find(&machine, &outcome).into_iter().map(|f| f.0).collect();
    debug_assert!(wrong.iter().all(|w| *w != names::OK));
    let totals = machine.probe.oracle().totals();
    let lost = |addr| machine.memory().value(addr, Width::U64) != totals.acquisitions;
    if wrong.is_empty() && counter.is_some_and(lost) {
        wrong.push(LOST);
    }
    let counts = &totals.verdicts;
    wrong.extend(WRONG.iter().filter(|c| counts.get(**c) > 0).map(|c| c.name()));
    wrong
}
