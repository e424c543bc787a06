// SPDX-License-Identifier: MIT OR Apache-2.0
//! A fork of a machine, something landing in it, and what became of that.

use lock_impl::oracle::Class;
use reports::windows::{Events, outcomes};
use sim_core::isa::Detector;
use sim_core::ports::Stand;
use sim_core::time::Cycle;

use super::residency::Site;
use super::watch::{Landed, Watch};
use crate::machine::{Machine, Outcome};
use crate::run::{stuck, unclean};

/// First time for which a fork runs before it is looked at; then twice as long, and so on.
const SLICE_CYCLES: u64 = 1 << 12;
/// Longest.
const SLICE_CYCLES_MAX: u64 = 50_000_000;

/// What became of a fork.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// One of [`outcomes`], the worst of those that apply.
    pub outcome: &'static str,
    /// Who ended attempts with errors, those behind the outcome.
    pub detectors: Vec<Detector>,
    /// What is counted for rates.
    pub events: Events,
    /// The interrupts.
    pub landed: Vec<Landed>,
    /// Cycles from the first being taken to what it interrupted going on, or to where it was given up.
    pub handler: u64,
    /// Cycles that all other cores spent in attempts meanwhile.
    pub others: u64,
    /// When the first was served while there was no deadlock, which a second interrupt could then make: while its handler waited for
    /// somebody, and while it ran.
    pub armed: [Vec<(Cycle, Cycle)>; 2],
    /// What it took to run, without spins: marks and handlers.
    pub steps: u64,
}

/// How long a fork may take, in cycles.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// From the landing until everything is at rest.
    pub limit: u64,
    /// A handler that takes longer is counted as long.
    pub over: u64,
}

/// Brings a machine in which everything before `site.at` has happened to the very boundary, where interrupt `number` is taken.
///
/// # Panics
/// If the machine does not come there: it is not one of those of which the site was made.
pub fn land(fork: &mut Machine<Watch>, site: &Site, number: u64) {
    fork.probe.expect(site.core, number);
    if site.place.stand == Stand::Before {
        let there = fork.run_to_boundary(site.core, site.place.pc, site.at);
        assert!(there, "a machine that is run again comes to the same boundaries: {site:?}");
        fork.interrupt(site.core, number, None);
    } else {
        fork.interrupt(site.core, number, Some(site.at));
    }
}

/// Runs a fork in which something lands until the handlers have returned, ends the workload, and runs it to rest.
#[must_use]
pub fn finish(mut fork: Machine<Watch>, from: Cycle, patience: Patience) -> Ended {
    let limit = from.after(patience.limit);
    let (mut slice, mut reached, mut stopping) = (SLICE_CYCLES, fork.ran_until().max(from), false);
    let (outcome, broken_off) = loop {
        if !stopping && fork.probe.is_over() {
            // What else would begin has nothing to do with it.
            fork.stop(reached);
            (stopping, slice) = (true, SLICE_CYCLES);
        }
        reached = reached.after(slice).min(limit);
        slice = (slice * 2).min(SLICE_CYCLES_MAX);
        let outcome = fork.run_until(reached);
        let done = stopping || !fork.probe.is_over();
        if matches!(outcome, Outcome::Fault(_)) || (outcome == Outcome::Idle && done) {
            break (outcome, false);
        }
        let now = fork.ran_until();
        let broken_off = fork.probe.violation().is_some() || stuck(&fork, fork.probe.oracle(), now).is_some();
        if broken_off || reached == limit {
            break (outcome, broken_off);
        }
    };
    let end = if outcome == Outcome::Limit { fork.ran_until() } else { fork.last_event().max(from) };
    fork.probe.close(end);
    let violation = fork.probe.violation().is_some() || matches!(outcome, Outcome::Fault(_));
    let hang = broken_off || !fork.is_quiescent() || !fork.probe.oracle().finish().is_quiet();
    judge(&fork, end, patience, violation || (!hang && !unclean(&fork).is_empty()), hang)
}

fn judge(fork: &Machine<Watch>, end: Cycle, patience: Patience, violation: bool, hang: bool) -> Ended {
    let watch = &fork.probe;
    let errors = watch.errors();
    let worst = outcomes::ORDER.iter().rev().find(|o| errors.iter().any(|e| name(e.class) == **o));
    let outcome = match (violation, hang, worst) {
        (true, ..) => outcomes::VIOLATION,
        (_, true, _) => outcomes::HANG,
        (.., Some(worst)) => worst,
        _ if watch.landed().iter().any(|l| l.taken.is_none()) => outcomes::NOT_TAKEN,
        _ => outcomes::OK,
    };
    let found = |e: &&super::watch::Error| worst.is_some_and(|w| name(e.class) == *w);
    let mut detectors: Vec<Detector> = errors.iter().filter(found).filter_map(|e| e.detector).collect();
    detectors.sort_unstable();
    detectors.dedup();
    let time = |l: &Landed| l.taken.map_or(0, |t| l.resumed.unwrap_or(end).since(t.0));
    let handler = watch.landed().iter().map(time).max().unwrap_or(0);
    Ended {
        outcome,
        detectors,
        events: Events {
            timed_out: u64::from(errors.iter().any(|e| e.timed_out)),
            hung: u64::from(violation || hang),
            long: u64::from(handler > patience.over),
            refused: u64::from(errors.iter().any(|e| e.class == Class::FalsePositive)),
        },
        landed: watch.landed().to_vec(),
        handler,
        others: watch.landed().iter().map(|l| l.others).sum(),
        armed: watch.armed().clone(),
        steps: watch.steps(),
    }
}

fn name(class: Class) -> &'static str {
    match class {
        Class::Detected => outcomes::DETECTED,
        Class::Avoided => outcomes::AVOIDED,
        Class::Late => outcomes::LATE,
        Class::WrongCulprit => outcomes::BEHIND,
        Class::FalsePositive => outcomes::FALSE,
        Class::Miss => outcomes::MISSED,
        Class::TimeoutOutsideCycle => outcomes::TIMED_OUT,
    }
}
