// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lock on a `weak` machine: it survives there, and none of its orders can be left out.

use std::collections::BTreeSet;

use configs::{MemoryModel, Span};
use rayon::prelude::*;
use sim_core::isa::Detector;

use crate::storm::{MayHang, ONE_LOCK, all_subsets, crowded, dense, one_lock_may_hang, two_locks, two_locks_may_hang};
use crate::support::{Lab, Ran};

/// Plain loads read stale lines for microseconds, longer than most critical sections, and stores pass each other.
fn weak(storm: Lab) -> Lab {
    let invalidation_delay = Span::Cycles(8_000);
    let memory_model =
        Some(MemoryModel::Weak { store_buffer_entries: 32, invalidation_queue_entries: 16, invalidation_delay });
    Lab { memory_model, ..storm }
}

/// What orders the lock is what its program says, not what x86 gives to everything.
#[test]
fn every_subset_survives_storms_on_a_weak_machine() {
    let mut seen: BTreeSet<Detector> = BTreeSet::new();
    for (storm, may_hang) in
        [(dense(), one_lock_may_hang as MayHang), (crowded(), one_lock_may_hang), (two_locks(), two_locks_may_hang)]
    {
        seen.extend(all_subsets(&weak(storm), may_hang, 1).0);
    }
    assert!(ONE_LOCK.iter().chain(&[Detector::Abba]).all(|d| seen.contains(d)), "{seen:?}");
}

/// The program with one of its lines changed, wherever it stands.
fn changed(from: &str, to: &str) -> String {
    let text = lock_impl::programs::embedded("rqspinlock").expect("it is embedded").text;
    assert!(text.contains(from), "{from}");
    text.replace(from, to)
}

/// Runs of a storm that end with an increment lost, two owners, or a hang.
fn broken(program: &str, storm: &Lab) -> usize {
    let file = tempfile::Builder::new().suffix(".uop").tempfile().expect("a temporary file can be made");
    std::fs::write(file.path(), program).expect("a file can be written");
    let plan = Lab { program: format!("File({:?})", file.path()), ..storm.clone() }.plan();
    let one = |seed: u64| {
        let ran = Ran::new(&plan, &plan.stages[0], seed);
        let lost = ran.machine.probe.oracle().totals().acquisitions != ran.counter();
        usize::from(lost || ran.finding.is_some())
    };
    (1..=12).into_par_iter().map(one).sum()
}

/// Three cores and a payload whose stores miss, so that those behind them can pass.
fn misses() -> Lab {
    const LINES: &str = "Load(\"count\"), Load(\"first\"), Load(\"second\"), Store(\"first\"), Store(\"second\"), \
        Load(\"count\"), Store(\"count\")";
    Lab {
        cores: 3,
        payload: ", (name: \"first\", bytes: \"64B\"), (name: \"second\", bytes: \"64B\")",
        tasks: format!("(on: All, body: [Forever([Work(Exp(\"300ns\")), Critical(lock: \"a\", body: [{LINES}])])])"),
        interrupts: String::new(),
        ..crowded()
    }
}

/// Each of them is a real instruction on arm64, and nothing but the code's own order on x86.
#[test]
fn without_one_of_its_orders_the_lock_breaks_on_a_weak_machine_and_not_on_x86() {
    for (step, from, to) in [
        ("U2", "store.u8.rel [lock.locked], 0", "store.u8 [lock.locked], 0"),
        ("F1", "try:\n    val, ok = cas.u32.acq", "try:\n    val, ok = cas.u32.relaxed"),
        ("S7", "locked = load.u8.acq", "locked = load.u8"),
    ] {
        let program = changed(from, to);
        assert_eq!(broken(&program, &misses()), 0, "{step} on x86");
        assert!(broken(&program, &weak(misses())) > 0, "{step}");
    }
    assert_eq!(broken(&changed("val", "val"), &weak(misses())), 0, "as it is");
}
