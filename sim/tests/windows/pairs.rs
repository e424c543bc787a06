// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two interrupts.

use reports::windows::{Arrivals, EVENTS, StageMap};
use rqsim::plan::plan;
use rqsim::run::run;
use rqsim::windows::{Effort, Pairs, map};

use crate::{effort, parse, prepared, preset};

#[test]
fn two_interrupts_use_their_budget_and_say_what_was_covered() {
    let all = "[(name: \"landing\", vector: Nmi, handler: \"take\", on: All, source: Sent)]";
    let loaded = preset("uncontended", &[("interrupts", all)]);
    let (prepared, plan) = prepared(loaded);
    let run_pairs = |same_core, budget| {
        let pairs = Some(Pairs { same_core, budget });
        map(&prepared, &plan.stages[0], 1, &Effort { pairs, ..effort(4, 0) }).second.expect("it was asked for")
    };
    let other = run_pairs(false, 40);
    assert_eq!((other.used, other.pairs.iter().map(|p| p.landings).sum::<u64>()), (40, 40));
    assert!(other.covered <= other.boundaries && other.covered > 20, "{other:?}");
    assert_eq!(run_pairs(false, 40), other, "the same again");
    assert_eq!(run_pairs(false, 7).covered, 7, "no more than the budget");
    // A second NMI on the same core is latched and comes when the first returns; one that landed in a window lands there again.
    let same = run_pairs(true, 60);
    assert!(same.pairs.iter().all(|p| p.second != "not taken"), "{same:?}");
    assert!(same.pairs.iter().any(|p| p.outcome == "missed" && p.first == p.second), "{same:?}");
    // On another core, while the first holds everything up, it waits too.
    assert!(other.pairs.iter().any(|p| p.outcome == "missed"), "{other:?}");
}

/// Each of two cores has a lock of its own; the NMI's handler takes both. Two NMIs, one on each core, make a deadlock of two locks, and checks for one
/// come later than the time-out. A single one never times out. Interrupts are so rare that hardly any comes while a deadlock lasts: it would be
/// latched, taken as soon as the time-out lets its core go on, and deadlock once more: a third interrupt.
fn crossed(duration: &str, seeds: u32) -> String {
    let task = |core: u32, lock: &str| {
        format!(
            "(on: Cpus([{core}]), body: [Forever([Work(Exp(\"300ns\")), Critical(lock: \"{lock}\", body: [Work(Uniform(\"1us\", \"3us\"))])])])"
        )
    };
    format!(
        r#"(
        title: "crossed", question: "?", machine: Preset("skylake-ring-8"),
        lock: (program: Builtin("rqspinlock"), base: "6.17", params: {{"pending_timeout": "8us",
            "fallback_timeout": "8us", "head_timeout": "8us", "check_mask": 15}}),
        stages: [(name: "it", patches: ["enclose", "immediate_aa"])],
        locks: ["a", "b"],
        workload: (tasks: [{}, {}]),
        handlers: {{"take": [Critical(lock: "a", body: []), Critical(lock: "b", body: [])]}},
        interrupts: [(name: "sample", vector: Nmi, handler: "take", on: Range(first: 0, last: 1), source: Poisson(rate: "10kHz"))],
        duration: "{duration}", seeds: Count(first: 1, n: {seeds}),
    )"#,
        task(0, "a"),
        task(1, "b")
    )
}

#[test]
fn the_rate_of_pairs_is_that_of_brute_force() {
    let timeout = EVENTS.iter().find(|e| e.name == "timeout").expect("it is measured");
    let all = plan(parse(&crossed("50ms", 8))).unwrap_or_else(|e| panic!("{}", e.plain));
    let (mut events, mut hours) = (0, 0.0);
    for seed in &all.seeds {
        let record = run(&all.loaded, &all.stages[0], *seed, false).record;
        // Of each deadlock the first attempt to give up.
        events += record.oracle.misses;
        hours += 0.05 / 3600.0;
    }
    let brute = reports::stats::rate(events, hours).expect("it ran");
    assert!(events > 30, "an agreement that says something: {events}");
    let (prepared, plan) = prepared(parse(&crossed("5ms", 1)));
    let pairs = Some(Pairs { same_core: false, budget: 300 });
    let maps: Vec<_> =
        (1..=3).map(|seed| map(&prepared, &plan.stages[0], seed, &Effort { pairs, ..effort(10, 300) })).collect();
    let stages = StageMap::from_maps(&maps);
    let arrivals = Arrivals { per_second: 10_000.0, locks_per_second: None };
    let first = stages[0].rate(timeout, &arrivals).expect("it was measured").per_hour;
    assert!(first.none, "one alone does not: {first:?}");
    let pairs = stages[0].pair_rate(timeout, &arrivals).expect("pairs were run");
    let p = pairs.per_hour;
    assert!(!p.none && p.low <= brute.high && brute.low <= p.high, "{p:?} and {brute:?}");
    assert!(p.high < 1.6 * p.low && pairs.covered > 0.8 && pairs.runs > 300, "{pairs:?}");
    // On the same core nothing is armed: the second waits until the first is over.
    let same = Some(Pairs { same_core: true, budget: 10 });
    let maps = [map(&prepared, &plan.stages[0], 1, &Effort { pairs: same, ..effort(2, 0) })];
    assert_eq!(StageMap::from_maps(&maps)[0].pair_rate(timeout, &arrivals), None);
}
