// SPDX-License-Identifier: MIT OR Apache-2.0
//! An hour of NMIs on each of the 64 combinations of a base and a subset of the series.
//!
//! What can break a lock is an NMI that lands inside it: between the beginning of an attempt and the end of unlock on the
//! CPU it interrupts. An hour is therefore as many such landings as an hour of the reported workload brings to the same
//! combination: the preset `ring8` (8 cores, an NMI every 500,000 cycles) is run with it for a second, landings in steps of
//! the lock's program and landings inside (steps, waiting loops, critical sections) are counted, those in waiting loops
//! once for each attempt; to be on the safe side both numbers are raised by three standard deviations before they are taken
//! 3600 times. The storms keep their CPUs in the lock and their deadlines are 25,000 times shorter, so each of their
//! seconds brings many of the workload's; they run until they have both numbers.
//!
//! No run may show a broken invariant: one owner at a time, every acquisition adds one to the payload, everything is zero at
//! rest, every context comes to rest. The one exception is the heir that never comes (`heir.rs`), which may occur with
//! patch Q only, and in `find_heir` only. Such runs are counted.
//!
//! `RQSIM_LONG=1 cargo test --release -p sim --test lock -- hour --nocapture` runs all 64, with a line of progress for each
//! round and combination; with `RQSIM_COMBINATIONS=12..40` only those. The usual form makes
//! a short run of each storm on each combination.

use std::collections::BTreeMap;

use rayon::prelude::*;
use rqsim::plan::{Plan, plan};
use sim_core::isa::Detector;

use crate::landings::{Landings, landed};
use crate::storm::{COUNT, MayHang, judge, lab, one_lock_may_hang, two_locks, two_locks_may_hang};
use crate::support::{BASES, Lab, subsets};

/// Deadlines and intervals in the proportions of the kernel's, but for the check interval, which leaves room for one
/// hand-over or two.
const SHORT: &str = "\"pending_timeout\": \"10us\", \"head_timeout\": \"20us\", \"fallback_timeout\": \"10us\", \
    \"tas_timeout\": \"40us\", \"check_interval\": \"1us\", \"check_mask\": 15, \"handover_pauses\": 16";

const SECONDS_OF_AN_HOUR: u64 = 3600;

/// A storm, and when it can end in `find_heir`.
type Storm = (&'static str, Lab, MayHang);

/// Tasks take lock a, or b, or b inside a; timer handlers b; NMIs both in turn. Everybody agrees on the order, but an NMI for
/// a can interrupt the owner of b.
fn ordered() -> Lab {
    const B: &str = "Load(\"count.b\"), Work(Exp(\"80ns\")), Store(\"count.b\")";
    let b = format!("IrqOff([Critical(lock: \"b\", body: [{B}])])");
    Lab {
        tasks: format!(
            "(on: Stride(first: 0, step: 2), body: [Forever([Work(Exp(\"700ns\")), IrqOff([
                Critical(lock: \"a\", body: [{COUNT}, Critical(lock: \"b\", body: [{B}])])])])]),
             (on: Stride(first: 1, step: 2), body: [Forever([Work(Exp(\"500ns\")), {b},
                Work(Exp(\"200ns\")), IrqOff([Critical(lock: \"a\", body: [{COUNT}])])])])"
        ),
        handlers: format!(
            "\"nmi\": [Critical(lock: \"a\", body: [{COUNT}]), Critical(lock: \"b\", body: [{B}])],
             \"timer\": [Critical(lock: \"b\", body: [{B}])]"
        ),
        interrupts: "(name: \"overflow\", vector: Nmi, handler: \"nmi\",
                source: Overflow(period: \"15001cy\", jitter: \"9000cy\")),
             (name: \"timer\", vector: Timer, handler: \"timer\", source: Poisson(rate: \"20kHz\"))"
            .into(),
        ..lab(4, "1us", "30kHz", "50001cy")
    }
}

fn storms() -> [Storm; 4] {
    let short = |l: Lab| Lab { params: SHORT, ..l };
    [
        ("one lock, 4 CPUs", short(lab(4, "500ns", "200kHz", "9001cy")), one_lock_may_hang),
        ("one lock, 8 CPUs", short(lab(8, "2us", "60kHz", "20001cy")), one_lock_may_hang),
        ("two locks in one order", short(ordered()), two_locks_may_hang),
        ("two locks in both orders", short(Lab { cores: 4, ..two_locks() }), two_locks_may_hang),
    ]
}

/// The reported workload with this base and these patches, for a second.
fn reported(base: &str, patches: &[&str]) -> Plan {
    let mut loaded = configs::load("ring8").unwrap_or_else(|e| panic!("{}", e.render(false)));
    for (path, value) in [
        ("lock.base", format!("{base:?}")),
        ("stages", format!("[(name: \"s\", patches: {patches:?})]")),
        ("duration", "1s".to_owned()),
    ] {
        let text = configs::override_field(&loaded.text, path, &value);
        let text = text.unwrap_or_else(|e| panic!("{}", e.render(false)));
        loaded = configs::parse(&text, "ring8").unwrap_or_else(|e| panic!("{}", e.render(false)));
    }
    plan(loaded).unwrap_or_else(|e| panic!("{}", e.plain))
}

/// Landings of an hour of the reported workload: in steps, and inside the lock.
fn hour(base: &str, patches: &[&str]) -> (u64, u64) {
    let plan = reported(base, patches);
    let second = landed(&plan, &plan.stages[0], 1).1;
    let hour = |n: u64| (n + 3 * (n.isqrt() + 1)) * SECONDS_OF_AN_HOUR;
    (hour(second.steps), hour(second.inside()))
}

/// What the storms did to one combination.
#[derive(Clone, Debug, Default)]
struct Tally {
    landings: Landings,
    runs: u64,
    acquisitions: u64,
    /// Runs that ended without an heir.
    lost_heirs: u64,
    failures: BTreeMap<Detector, u64>,
    broken: Vec<String>,
}

impl Tally {
    fn add(&mut self, storm: &Storm, plan: &Plan, base: &str, seed: u64) {
        let stage = &plan.stages[0];
        let (ran, landings) = landed(plan, stage, seed);
        self.landings += landings;
        self.runs += 1;
        self.acquisitions += ran.machine.probe.oracle().totals().acquisitions;
        for (d, n) in &ran.machine.probe.failures {
            *self.failures.entry(*d).or_default() += n;
        }
        match judge(&ran, storm.2, base, stage, seed) {
            Ok(hang) => self.lost_heirs += u64::from(hang),
            Err(what) => self.broken.push(format!("{}: {what}", storm.0)),
        }
    }
}

/// All combinations: base and patches.
fn combinations() -> Vec<(&'static str, Vec<&'static str>)> {
    BASES.iter().flat_map(|b| subsets().map(move |s| (*b, s))).collect()
}

/// Those that are wanted.
fn chosen() -> std::ops::Range<usize> {
    let Ok(text) = std::env::var("RQSIM_COMBINATIONS") else { return 0..64 };
    let ends = text.split_once("..").and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    let (from, to) = ends.unwrap_or_else(|| panic!("RQSIM_COMBINATIONS={text}: write it as 12..40"));
    assert!(from < to && to <= 64, "RQSIM_COMBINATIONS={text}: combinations are 0..64");
    from..to
}

/// A combination under storms until an hour's landings have come.
struct Job {
    number: usize,
    name: String,
    base: &'static str,
    plans: Vec<Plan>,
    /// In steps, and inside the lock.
    wanted: (u64, u64),
    tally: Tally,
}

impl Job {
    fn new(number: usize, storms: &[Storm], base: &'static str, patches: &[&'static str]) -> Job {
        let plan = |s: &Storm| Lab { duration: "10ms", ..s.1.with(base, patches) }.plan();
        Job {
            number,
            name: format!("{base} {}", patches.join(" ")),
            base,
            plans: storms.iter().map(plan).collect(),
            wanted: hour(base, patches),
            tally: Tally::default(),
        }
    }

    fn finished(&self) -> bool {
        let l = &self.tally.landings;
        (l.steps >= self.wanted.0 && l.inside() >= self.wanted.1) || !self.tally.broken.is_empty()
    }

    fn report(&self) {
        let (t, l) = (&self.tally, &self.tally.landings);
        eprintln!(
            "{} {}: {} runs, {} acquisitions; landings in steps {} of {}, inside {} of {} ({} in waits, {} on owners); \
             {} without an heir; {} broken",
            self.number,
            self.name,
            t.runs,
            t.acquisitions,
            l.steps,
            self.wanted.0,
            l.inside(),
            self.wanted.1,
            l.waits,
            l.owners,
            t.lost_heirs,
            t.broken.len(),
        );
        for b in &t.broken {
            eprintln!("{}: {b}", self.number);
        }
    }
}

/// One run of each storm on each combination a round, so that what an interruption leaves is spread evenly.
fn long() {
    let (all, storms) = (combinations(), storms());
    let mut jobs: Vec<Job> = chosen().into_par_iter().map(|i| Job::new(i, &storms, all[i].0, &all[i].1)).collect();
    let mut seed = 0;
    while jobs.iter().any(|j| !j.finished()) {
        seed += 1;
        jobs.par_iter_mut().filter(|j| !j.finished()).for_each(|j| {
            for (storm, plan) in storms.iter().zip(&j.plans) {
                j.tally.add(storm, plan, j.base, seed);
            }
            if j.finished() {
                j.report();
            }
        });
        let sum = |f: fn(&Job) -> u64| jobs.iter().map(f).sum::<u64>();
        eprintln!(
            "round {seed}: {} of {} combinations finished; landings in steps {} of {}, inside {} of {}; {} runs without an \
             heir, {} broken",
            jobs.iter().filter(|j| j.finished()).count(),
            jobs.len(),
            sum(|j| j.tally.landings.steps),
            sum(|j| j.wanted.0),
            sum(|j| j.tally.landings.inside()),
            sum(|j| j.wanted.1),
            sum(|j| j.tally.lost_heirs),
            sum(|j| j.tally.broken.len() as u64),
        );
        if seed % 10 == 0 {
            jobs.iter().filter(|j| !j.finished()).for_each(Job::report);
        }
    }
    let broken: Vec<&String> = jobs.iter().flat_map(|j| &j.tally.broken).collect();
    assert!(broken.is_empty(), "{broken:?}");
}

#[test]
fn no_combination_breaks_under_an_hour_of_nmis() {
    if std::env::var_os("RQSIM_LONG").is_some_and(|v| v != "0") {
        return long();
    }
    let mut all: Vec<(usize, Tally)> = (0..storms().len() * 64).map(|i| (i, Tally::default())).collect();
    let combinations = combinations();
    all.par_iter_mut().for_each(|(i, tally)| {
        let (base, patches) = &combinations[*i % 64];
        let storm = &storms()[*i / 64];
        let plan = Lab { duration: "100us", ..storm.1.with(base, patches) }.plan();
        tally.add(storm, &plan, base, 1);
    });
    let mut sum = Landings::default();
    for (i, t) in &all {
        assert_eq!(t.broken, Vec::<String>::new());
        assert!(t.landings.inside() > 0, "run {i}: {:?}", t.landings);
        sum += t.landings;
    }
    assert!(sum.steps > 1_000 && sum.waits > 1_000 && sum.owners > 100, "{sum:?}");
    let seen = |d: Detector| all.iter().any(|(_, t)| t.failures.get(&d).is_some_and(|n| *n > 0));
    assert!(crate::storm::ONE_LOCK.iter().chain(&[Detector::Abba]).all(|d| seen(*d)), "a way to fail was not taken");
}
