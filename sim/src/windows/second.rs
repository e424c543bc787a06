// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two interrupts: the second one comes while the first one is served.

use std::collections::BTreeMap;

use reports::windows::{Pair, Second};
use sim_core::rng::Stream;
use sim_core::time::Cycle;

use super::fork::{Ended, Patience, finish, land};
use super::prepare::Prepared;
use super::residency::Site;
use super::unit::{Tried, names};
use super::watch::Watch;
use crate::machine::Machine;

/// How the second interrupt is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pairs {
    /// On the core of the first: within its handler, or behind it if that holds it back. Else on another core.
    pub same_core: bool,
    /// Runs at most, for each stage and seed.
    pub budget: u64,
}

impl Pairs {
    pub(super) fn words(&self) -> String {
        let core = if self.same_core { "the same core" } else { "another core" };
        format!("{} runs with a second one on {core}", self.budget)
    }
}

/// One trial: the first landing, and when the second one comes to which core.
struct Trial {
    first: Site,
    at: Cycle,
    core: usize,
    armed: u64,
}

/// Runs pairs until the budget is used. Boundaries of the first take turns, in random order, so that as many as possible have one;
/// the second comes at a random instant of the time for which the first one's handler ran when it was alone.
pub(super) fn run(
    mut parent: Machine<Watch>,
    tried: &[Tried<'_>],
    ended: &BTreeMap<Site, Ended>,
    pairs: &Pairs,
    (prepared, cores): (&Prepared, &[bool]),
    patience: Patience,
    seed: u64,
) -> Second {
    let mut random = Stream::derive(seed, 0, "second interrupt");
    let mut places: Vec<&Tried<'_>> = tried.iter().filter(|t| !t.sites.is_empty()).collect();
    for i in (1..places.len()).rev() {
        places.swap(i, random.below(i as u64 + 1) as usize);
    }
    let irqs = &prepared.loaded.experiment.interrupts;
    let served = irqs[prepared.second as usize].on.list(cores.len() as u32);
    let mut trials = Vec::new();
    let mut covered = 0;
    // A handler that was not entered leaves no time for a second one.
    let mut left = places.len();
    while (trials.len() as u64) < pairs.budget && left > 0 {
        left = 0;
        for place in places.iter().take((pairs.budget as usize).saturating_sub(trials.len())) {
            let (first, _) = place.sites[random.below(place.sites.len() as u64) as usize];
            let Some(end) = ended.get(&first).filter(|e| e.handler > 0) else { continue };
            let others: Vec<u32> =
                served.iter().copied().filter(|c| (*c as usize == first.core) == pairs.same_core).collect();
            if others.is_empty() {
                continue;
            }
            let core = others[random.below(others.len() as u64) as usize] as usize;
            let taken = end.landed[0].taken.map_or(first.at, |t| t.0);
            let at = taken.after(1 + random.below(end.handler));
            trials.push(Trial { first, at, core, armed: end.handler });
            left += 1;
        }
        covered = covered.max(left as u64);
    }
    trials.sort_by_key(|t| (t.first, t.at, t.core));
    let clock = parent.clock();
    let nanos = |cycles: u64| clock.nanos(Cycle(cycles));
    let mut found: BTreeMap<[String; 4], Pair> = BTreeMap::new();
    for trial in &trials {
        parent.run_until(trial.first.at);
        let mut fork = parent.clone();
        land(&mut fork, &trial.first, prepared.number);
        fork.run_until(trial.at);
        fork.probe.expect(trial.core, prepared.second);
        fork.interrupt(trial.core, prepared.second, Some(trial.at));
        let program = fork.program().clone();
        let end = finish(fork, trial.at, patience);
        let place = |i: usize| end.landed[i].taken.map_or_else(|| "not taken".to_owned(), |t| program.place(t.1));
        let key = [place(0), place(1), end.outcome.to_owned(), names(&end)];
        let pair = found.entry(key).or_default();
        pair.landings += 1;
        pair.armed_ns += nanos(trial.armed);
        pair.handler_max_ns = pair.handler_max_ns.max(nanos(end.handler));
        pair.events.add(&end.events, 1);
    }
    Second {
        same_core: pairs.same_core,
        interrupt: irqs[prepared.second as usize].name.clone(),
        budget: pairs.budget,
        used: trials.len() as u64,
        boundaries: places.len() as u64,
        covered,
        pairs: found
            .into_iter()
            .map(|([first, second, outcome, detectors], p)| Pair { first, second, outcome, detectors, ..p })
            .collect(),
    }
}
