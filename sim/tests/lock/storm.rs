// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every subset of the series on both bases under NMIs as dense as a core can take.
//!
//! In all of these runs there is one owner at a time, no increment of the payload is lost, and the
//! lock word, the held counts and the node counts are zero at the end. Every run comes to rest, with
//! one exception: see `may_hang`.

use std::collections::BTreeSet;

use rayon::prelude::*;
use rqsim::plan::StagePlan;
use sim_core::isa::Detector;

use crate::support::{BASES, Lab, Ran, SERIES, subsets};

/// Deadlines and check intervals a thousand times shorter than the kernel's, or nearly.
const SHORT: &str = "\"pending_timeout\": \"60us\", \"head_timeout\": \"120us\", \"fallback_timeout\": \"60us\", \
    \"tas_timeout\": \"240us\", \"check_interval\": \"3us\", \"check_mask\": 15";

pub(crate) const COUNT: &str = "Load(\"count\"), Work(Exp(\"80ns\")), Store(\"count\")";

pub(crate) fn lab(cores: u32, think: &str, poisson: &str, overflow: &str) -> Lab {
    Lab {
        cores,
        params: SHORT,
        duration: "1500us",
        quiesce: "50ms",
        handlers: format!("\"nmi\": [Critical(lock: \"a\", body: [{COUNT}])]"),
        tasks: format!(
            "(on: All, body: [Forever([Work(Exp(\"{think}\")), IrqOff([Critical(lock: \"a\", body: [{COUNT}])])])])"
        ),
        interrupts: format!(
            "(name: \"poisson\", vector: Nmi, handler: \"nmi\", source: Poisson(rate: \"{poisson}\")),
             (name: \"overflow\", vector: Nmi, handler: \"nmi\",
              source: Overflow(period: \"{overflow}\", jitter: \"2000cy\"))"
        ),
        ..Lab::default()
    }
}

/// An NMI every 2 us and core: the lock is stuck most of the time, and every way to fail is taken.
pub(crate) fn dense() -> Lab {
    lab(4, "700ns", "200kHz", "9001cy")
}

/// An NMI every 10 us on 8 cores: most attempts are those of tasks, and queues are long.
pub(crate) fn crowded() -> Lab {
    Lab { duration: "500us", ..lab(8, "1us", "30kHz", "50001cy") }
}

/// Whether a run with one lock can end with a context in `find_heir`. A queue head that gets EDEADLK and keeps the
/// queue waits, without a deadline, until somebody queues behind it. With one lock and tasks that
/// never take it twice, only an NMI can be on a cycle, so it has to be an NMI that heads the queue:
/// one that queues (patch 3), and is not turned away before by the AA check (patch 5). While the
/// storm lasts the next attempt of any other core is the heir; after its end nobody comes.
pub(crate) fn one_lock_may_hang(base: &str, patches: &[String]) -> bool {
    let has = |name: &str| patches.iter().any(|p| p == name);
    base == "bpf-next" && has("queue_in_nmi") && !has("aa_before_queue")
}

/// With two locks in either order the head of a queue can be on an ABBA cycle whatever else is applied.
pub(crate) fn two_locks_may_hang(base: &str, _: &[String]) -> bool {
    base == "bpf-next"
}

pub(crate) type MayHang = fn(&str, &[String]) -> bool;

/// Checks a run and tells whether it ended in `find_heir`.
///
/// # Errors
/// What is broken.
pub(crate) fn judge(ran: &Ran, may_hang: MayHang, base: &str, stage: &StagePlan, seed: u64) -> Result<bool, String> {
    let run = format!("{base} {:?} seed {seed}", stage.patches);
    let acquisitions = ran.machine.probe.oracle().totals().acquisitions;
    let lost = acquisitions.abs_diff(ran.counter());
    // An owner that never goes on has not stored.
    let (hang, most) = match &ran.finding {
        None => (false, 0),
        Some(("hang", account)) if may_hang(base, &stage.patches) && account.contains("find_heir") => {
            (true, ran.machine.cores().len() as u64)
        }
        Some((status, account)) => return Err(format!("{run}: {status}\n{account}")),
    };
    if lost > most || acquisitions == 0 {
        return Err(format!("{run}: {lost} of {acquisitions} lost"));
    }
    Ok(hang)
}

/// As [`judge`], for runs in which nothing may be broken.
#[track_caller]
pub(crate) fn hung(ran: &Ran, may_hang: MayHang, base: &str, stage: &StagePlan, seed: u64) -> bool {
    judge(ran, may_hang, base, stage, seed).unwrap_or_else(|e| panic!("{e}"))
}

/// Runs all subsets on both bases; gives the detectors that were seen and the stages that hung, sorted, each once.
pub(crate) fn all_subsets(storm: &Lab, may_hang: MayHang, seeds: u64) -> (Vec<Detector>, Vec<String>) {
    let mut seen = BTreeSet::new();
    let mut hangs = BTreeSet::new();
    for base in BASES {
        let plan = Lab { base, stages: subsets().collect(), ..storm.clone() }.plan();
        let jobs: Vec<(&StagePlan, u64)> =
            plan.stages.iter().flat_map(|s| (1..=seeds).map(move |seed| (s, seed))).collect();
        let run = |&(stage, seed): &(&StagePlan, u64)| {
            let ran = Ran::new(&plan, stage, seed);
            let hang = hung(&ran, may_hang, base, stage, seed).then(|| format!("{base} {}", stage.patches.join(" ")));
            (ran.machine.probe.failures.keys().copied().collect::<Vec<_>>(), hang)
        };
        for (detectors, hang) in jobs.par_iter().map(run).collect::<Vec<_>>() {
            seen.extend(detectors);
            hangs.extend(hang);
        }
    }
    (seen.into_iter().collect(), hangs.into_iter().collect())
}

/// All ways in which an attempt on a queued lock can fail with one lock: ABBA needs two.
pub(crate) const ONE_LOCK: [Detector; 8] = [
    Detector::AaBegin,
    Detector::AaPeriodic,
    Detector::AaBeforeQueue,
    Detector::TryOnce,
    Detector::TimeoutPending,
    Detector::TimeoutHead,
    Detector::TimeoutFallback,
    Detector::Flushed,
];

#[test]
fn every_subset_survives_a_dense_storm() {
    let (seen, _) = all_subsets(&dense(), one_lock_may_hang, 2);
    assert_eq!(seen, ONE_LOCK);
}

#[test]
fn every_subset_survives_a_crowded_storm() {
    let (seen, _) = all_subsets(&crowded(), one_lock_may_hang, 1);
    assert!(seen.iter().all(|d| ONE_LOCK.contains(d)), "{seen:?}");
}

/// A storm that dies out: tasks that end after a few rounds, and NMIs that stop with them.
fn dying() -> Lab {
    Lab {
        cores: 3,
        tasks: format!(
            "(on: All, body: [Loop(times: 6, body: [
                 Work(Exp(\"500ns\")), IrqOff([Critical(lock: \"a\", body: [Work(Fixed(\"500ns\")), {COUNT}])])])])"
        ),
        interrupts: "(name: \"overflow\", vector: Nmi, handler: \"nmi\",
            source: Overflow(period: \"6001cy\", jitter: \"5000cy\"))"
            .into(),
        duration: "20ms",
        ..dense()
    }
}

/// The end of a storm is where the missing heir shows: each of the combinations that can hang does so in some run,
/// and no other ever does.
#[test]
fn a_storm_that_dies_out_hangs_with_q_and_3_and_without_5_only() {
    let (_, hangs) = all_subsets(&dying(), one_lock_may_hang, 25);
    let expected: Vec<String> = {
        let can = subsets().filter(|p| p.contains(&"queue_in_nmi") && !p.contains(&"aa_before_queue"));
        can.map(|p| format!("bpf-next {}", p.join(" "))).collect::<BTreeSet<_>>().into_iter().collect()
    };
    assert_eq!(hangs, expected);
}

/// Tasks on even cores take lock a and then b, on odd cores b and then a; NMIs take both in turn.
pub(crate) fn two_locks() -> Lab {
    const A: &str = "Load(\"count\"), Work(Exp(\"80ns\")), Store(\"count\")";
    const B: &str = "Load(\"count.b\"), Work(Exp(\"80ns\")), Store(\"count.b\")";
    let nested = |outer: &str, first: &str, inner: &str, second: &str| {
        format!(
            "Forever([Work(Exp(\"1us\")), IrqOff([Critical(lock: \"{outer}\", body: [{first},
                 Critical(lock: \"{inner}\", body: [{second}])])])])"
        )
    };
    Lab {
        tasks: format!(
            "(on: Stride(first: 0, step: 2), body: [{}]), (on: Stride(first: 1, step: 2), body: [{}])",
            nested("a", A, "b", B),
            nested("b", B, "a", A)
        ),
        handlers: format!("\"nmi\": [Critical(lock: \"a\", body: [{A}]), Critical(lock: \"b\", body: [{B}])]"),
        ..crowded()
    }
}

/// A head on an ABBA cycle needs no NMI, so with patch Q every subset may be left without an heir at the end.
/// On 6.17 none is. `heir.rs` shows it for each of them.
#[test]
fn two_locks_in_either_order_survive_a_storm_and_hang_with_q_only() {
    let (seen, _) = all_subsets(&two_locks(), two_locks_may_hang, 1);
    assert!(seen.contains(&Detector::Abba));
}

/// With the kernel's own deadlines a storm is mostly waiting; two milliseconds of it last seconds.
#[test]
fn the_steps_of_the_series_survive_a_storm_with_default_deadlines() {
    let steps: Vec<Vec<&str>> = (0..=5).map(|n| SERIES[..n].to_vec()).collect();
    for base in BASES {
        let storm = Lab { base, params: "", stages: steps.clone(), quiesce: "5s", ..dense() };
        let plan = storm.plan();
        for stage in &plan.stages {
            let ran = Ran::new(&plan, stage, 1);
            assert!(!hung(&ran, one_lock_may_hang, base, stage, 1));
        }
    }
}

/// The test-and-set form has no queue and no pending bit; of the series it has patches 1 and 2.
#[test]
fn the_test_and_set_form_survives_a_storm() {
    let stages = [&[][..], &["enclose"], &["immediate_aa"], &["enclose", "immediate_aa"]];
    let storm = dense();
    let plan = Lab { options: "\"test_and_set\"", stages: stages.map(<[_]>::to_vec).to_vec(), ..storm }.plan();
    let mut seen = BTreeSet::new();
    for stage in &plan.stages {
        for seed in 1..=2 {
            let ran = Ran::new(&plan, stage, seed);
            assert!(!hung(&ran, one_lock_may_hang, "6.17", stage, seed));
            seen.extend(ran.machine.probe.failures.keys().copied());
        }
    }
    let expected = [Detector::AaBegin, Detector::AaPeriodic, Detector::TimeoutTestAndSet];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);
}
