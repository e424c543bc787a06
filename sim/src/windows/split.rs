// SPDX-License-Identifier: MIT OR Apache-2.0
//! Time-outs that need more than the right place: splitting on the age of the oldest wait, from landings at one boundary.
//!
//! A branch is a fork of a fork whose random numbers (spans drawn by the workload, arrivals not drawn yet) come from another stream. Where two such
//! branches never differ the continuation has nothing random in it, and there is nothing to split: landings at other instants are all there is.

use std::collections::BTreeMap;

use reports::windows::Split;
use sim_core::rng::Stream;
use sim_core::time::Cycle;

use super::fork::{Ended, Patience, finish, land};
use super::residency::Site;
use super::unit::Tried;
use super::watch::Watch;
use crate::machine::{Machine, MachineSpec, Outcome};
use crate::splitting::{choose_levels, repetition};

/// Repetitions, from whose spread the interval comes.
const REPETITIONS: u64 = 20;
/// Boundaries that are split, those with the most time first.
const BOUNDARIES: usize = 3;
/// Machines from which branches start, at most.
const STARTS: usize = 16;
/// Levels at most.
const LEVELS: usize = 8;
/// Time-outs of one landing in so many are rare.
const RARE: u64 = 10;
/// Cycles after which a branch without a wait is looked at again.
const SLICE: u64 = 1 << 12;

/// A machine after a landing; `stopping`: its workload ends.
#[derive(Clone)]
struct Branch {
    machine: Machine<Watch>,
    landed: Cycle,
    stopping: bool,
}

impl Branch {
    /// Runs it until the oldest wait is `age` cycles old; nothing if it comes to rest before. Also the greatest age.
    fn reach(mut self, age: u64, patience: Patience) -> (u64, Option<Branch>) {
        let limit = self.landed.after(patience.limit);
        let mut most = 0;
        loop {
            let now = self.machine.ran_until().max(self.landed);
            let oldest = self.machine.probe.oldest();
            most = most.max(oldest.map_or(0, |since| now.since(since))).max(self.machine.probe.longest());
            if oldest.is_some_and(|since| now.since(since) >= age) {
                return (most, Some(self));
            }
            if !self.stopping && self.machine.probe.is_over() {
                self.machine.stop(now.after(1));
                self.stopping = true;
            }
            if now >= limit {
                return (most, None);
            }
            let next = oldest.map_or(now.after(SLICE.min(age)), |since| since.after(age).min(now.after(age)));
            let outcome = self.machine.run_until(next.max(now.after(1)).min(limit));
            if matches!(outcome, Outcome::Fault(_)) || (outcome == Outcome::Idle && self.stopping) {
                return (most, None);
            }
        }
    }

    fn another(mut self, seed: u64) -> Branch {
        self.machine.reseed(seed);
        self
    }

    fn end(self, patience: Patience) -> Ended {
        finish(self.machine, self.landed, patience)
    }
}

/// The least time after which the lock's waits give up, in cycles; the threshold of long handlers if it has no such parameter.
fn limit(spec: &MachineSpec, patience: Patience) -> u64 {
    let waits = spec.program.params.iter().filter(|(name, ns)| name.ends_with("_timeout") && *ns > 0);
    let cycles = |ns: u64| (u128::from(ns) * u128::from(spec.clock.khz) / 1_000_000) as u64;
    waits.map(|(_, ns)| cycles(*ns)).min().unwrap_or(patience.over).max(1)
}

/// Splits the boundaries with the most time at which landings rarely or never timed out, with `n` branches at each level.
pub(super) fn run(
    mut parent: Machine<Watch>,
    tried: &[Tried<'_>],
    ended: &BTreeMap<Site, Ended>,
    (n, number, patience): (u64, u64, Patience),
    spec: &MachineSpec,
) -> Vec<Split> {
    let rare = |t: &&Tried<'_>| {
        let ends = || t.sites.iter().filter_map(|(site, n)| Some((ended.get(site)?.events.timed_out, *n)));
        let hits: u64 = ends().map(|(hit, n)| hit * n).sum();
        t.stratum.cycles > 0 && !t.every_visit && hits * RARE < ends().map(|(_, n)| n).sum()
    };
    let mut chosen: Vec<&Tried<'_>> = tried.iter().filter(rare).collect();
    chosen.sort_by_key(|t| (std::cmp::Reverse(t.stratum.cycles), t.stratum.place));
    chosen.truncate(BOUNDARIES);
    // Every so many of the instants drawn: each as likely as any other.
    let starts = |t: &Tried<'_>| -> Vec<Site> {
        let all: Vec<Site> = t.sites.iter().flat_map(|(s, n)| std::iter::repeat_n(*s, *n as usize)).collect();
        all.iter().step_by(all.len().div_ceil(STARTS).max(1)).copied().collect()
    };
    let wanted: Vec<Vec<Site>> = chosen.iter().map(|t| starts(t)).collect();
    let mut sites: Vec<Site> = wanted.iter().flatten().copied().collect();
    sites.sort_unstable();
    sites.dedup();
    let mut landed: BTreeMap<Site, Branch> = BTreeMap::new();
    for site in sites {
        parent.run_until(site.at);
        let mut machine = parent.clone();
        land(&mut machine, &site, number);
        landed.insert(site, Branch { machine, landed: site.at, stopping: false });
    }
    let top = limit(spec, patience);
    let split = |(t, sites): (&&Tried<'_>, &Vec<Site>)| {
        let mut random = Stream::derive(spec.seed, u64::from(t.stratum.place.pc), "splitting");
        let from: Vec<&Branch> = sites.iter().map(|s| &landed[s]).collect();
        let differs = |b: &&Branch| {
            let end = |seed| (*b).clone().another(seed).end(patience);
            end(1) != end(2)
        };
        let mut out = Split {
            place: spec.program.place(t.stratum.place.pc),
            context: t.stratum.place.kind.name().to_owned(),
            within: t.stratum.place.stand != sim_core::ports::Stand::Before,
            cycles: t.stratum.cycles,
            limit: top,
            branches: n,
            random: from.iter().any(differs),
            ..Split::default()
        };
        if !out.random {
            return out;
        }
        let start = |random: &mut Stream| from[random.below(from.len() as u64) as usize].clone();
        let highest = |b: Branch, seed| b.another(seed).reach(top, patience).0;
        let reach = |b: Branch, age, seed| b.another(seed).reach(age, patience).1;
        out.levels = choose_levels((n, top, LEVELS), &mut random, start, highest, reach);
        let to = |b: Branch, level: usize, seed| {
            if level + 1 < out.levels.len() {
                return reach(b, out.levels[level], seed);
            }
            let b = b.another(seed);
            (b.clone().end(patience).events.timed_out > 0).then_some(b)
        };
        let once = |_| repetition(out.levels.len(), n, &mut random, start, to);
        out.reached = (0..REPETITIONS).map(once).collect();
        out
    };
    chosen.iter().zip(&wanted).map(split).collect()
}
