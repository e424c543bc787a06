// SPDX-License-Identifier: MIT OR Apache-2.0
//! Splitting finds the risk that many plain landings find.

use reports::stats;
use reports::windows::rates::{repeated, split_value};
use rqsim::windows::{Effort, map};

use crate::{effort, parse, prepared};

/// Two cores pass a lock on to each other; an NMI on a third one tries to get it between them, until its time is up.
pub(crate) const BUSY: &str = r#"(
    title: "busy", question: "?", machine: Preset("skylake-ring-8"),
    lock: (program: Builtin("rqspinlock"), base: "6.17", params: {
        "pending_timeout": "6us", "fallback_timeout": "6us", "head_timeout": "1ms", "check_mask": 15,
    }),
    stages: [(name: "it", patches: [])], locks: ["a"],
    workload: (tasks: [
        (on: Range(first: 0, last: 1), body: [Forever([
            Work(Exp("1us")), Critical(lock: "a", body: [Work(Exp("600ns"))]),
        ])]),
        (on: Cpus([2]), body: [Forever([Work(Exp("2us"))])]),
    ]),
    handlers: {"take": [Critical(lock: "a", body: [])]},
    interrupts: [(name: "sample", vector: Nmi, handler: "take", on: Cpus([2]), source: Poisson(rate: "1kHz"))],
    duration: "2ms", seeds: List([1]),
)"#;

#[test]
fn splitting_agrees_with_many_landings() {
    let (prepared, plan) = prepared(parse(BUSY));
    let map = map(&prepared, &plan.stages[0], 1, &Effort { split: Some(60), ..effort(10, 3000) });
    let split = map.splits.first().expect("a boundary is split");
    assert!(split.random && split.levels.len() > 1, "{split:?}");
    let b = map.boundaries.iter().find(|b| b.place == split.place && b.within == split.within).expect("it is there");
    let plain = stats::proportion(b.events.timed_out, b.landings - b.pilot).expect("it was landed on");
    let value = |reached: &Vec<u64>| split_value(reached, split.levels.len(), split.branches);
    let e = repeated(&split.reached.iter().map(value).collect::<Vec<_>>());
    assert!(e.low <= plain.high && plain.low <= e.high, "{e:?} and {plain:?}");
    assert!(e.low > 0.0 && plain.events > 5, "an agreement that says something: {e:?} and {plain:?}");
}

/// With spans that are all given nothing random follows, and it says so.
#[test]
fn where_nothing_is_random_nothing_is_split() {
    let fixed = BUSY
        .replace("6us", "500us")
        .replace("Exp(\"1us\")", "Fixed(\"1us\")")
        .replace("Exp(\"600ns\")", "Fixed(\"600ns\")");
    let (prepared, plan) = prepared(parse(&fixed.replace("Exp(\"2us\")", "Fixed(\"2us\")")));
    let map = map(&prepared, &plan.stages[0], 1, &Effort { split: Some(10), ..effort(2, 50) });
    assert!(!map.splits.is_empty());
    assert!(map.splits.iter().all(|s| !s.random && s.reached.is_empty()), "{:?}", map.splits);
}
