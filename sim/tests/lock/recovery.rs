// SPDX-License-Identifier: MIT OR Apache-2.0
//! What becomes of deadlocks in whole runs: parts of recoveries add up, hangs are recognised at once and the same with
//! and without shortcuts, and waits without a deadline are counted.

use configs::override_field;
use reports::Record;
use rqsim::plan::plan;
use rqsim::run::run;

use crate::support::{Lab, SERIES};

/// The record of one stage of a preset, cut to `duration`.
fn preset(name: &str, duration: &str, stage: &str) -> Record {
    let text = configs::presets::experiment_text(name).expect("a preset");
    let text = override_field(text, "duration", &format!("{duration:?}")).unwrap_or_else(|e| panic!("{e}"));
    let loaded = configs::parse(&text, name).unwrap_or_else(|e| panic!("{e}"));
    let plan = plan(loaded).unwrap_or_else(|e| panic!("{}", e.plain));
    let stage = plan.stages.iter().find(|s| s.name == stage).expect("a stage");
    let record = run(&plan.loaded, stage, 1, false).record;
    // Parts have equal counts and their sums add up to the whole, among others.
    assert_eq!(record.check(), Ok(()));
    record
}

/// Every deadlock that formed is accounted for, and every error has one verdict.
fn accounts_add_up(record: &Record) {
    let r = &record.recoveries;
    let formed: u64 = record.oracle.cycles_formed.values().sum();
    let seen = r.count() + r.passed + r.undetected + r.unwinding + r.healing;
    assert!(seen >= formed, "{seen} of {formed}: those listed later come on top");
    let o = &record.oracle;
    let verdicts = [o.detected, o.avoided, o.late, o.wrong_culprits, o.false_positives, o.misses];
    let errors: u64 = record.contexts.values().map(|c| c.edeadlk + c.etimedout).sum();
    assert_eq!(verdicts.iter().sum::<u64>() + o.timeouts_outside_cycle, errors);
    let missed: u64 = o.miss_latency_by.values().map(reports::Histogram::count).sum();
    assert_eq!((missed, o.miss_latency.count()), (o.misses, o.misses));
    assert!(r.worst.windows(2).all(|w| w[0].whole_ns() >= w[1].whole_ns()));
    for w in &r.worst {
        assert!(w.members.len() > 1 || w.cycle == "AA", "{w:?}");
    }
}

#[test]
fn the_parts_of_the_profilers_recoveries_add_up() {
    let record = preset("ring8.ron", "600ms", "base");
    assert_eq!(record.status, "ok", "{:?}", record.finding);
    accounts_add_up(&record);
    let r = &record.recoveries;
    assert!(r.count() > 0 && r.undetected + r.unwinding + r.healing == 0, "{r:?}");
    // Nearly all of it is waiting for the first check, or for a deadline where no check finds it.
    assert!((r.to_check_ns.sum() + r.to_detection_ns.sum()) * 100 > r.whole_ns.sum() * 99, "{r:?}");
    assert!(r.unwinding_ns.min() > Some(0), "the undo, the pop and the return take time");
    assert!(r.bystanders > 0 && r.bystander_wait_ns > 0, "{r:?}");
    // A time-out destroys the queue: whoever was in it gets an error, too.
    assert!(record.oracle.wrong_culprits > 0 && r.bystander_errors > 0, "{:?} {r:?}", record.oracle);
    assert!(record.unbounded_waits["queued"].count > 0);
    assert_eq!(record.unbounded_waits["head"].count, 0, "the head has a deadline");
}

#[test]
fn the_parts_of_the_stress_tests_recoveries_add_up() {
    let base = preset("stress-abba.ron", "300ms", "base");
    accounts_add_up(&base);
    let r = &base.recoveries;
    assert!(r.count() > 10, "{r:?}");
    // The check that finds it is the second one at the latest: the first may come before the wait is on the cycle.
    assert!(r.worst.iter().all(|w| w.detector == "abba" || w.detector == "aa_periodic"), "{:?}", r.worst);
    let series = preset("stress-abba.ron", "300ms", "+1-5");
    accounts_add_up(&series);
    // The one that ended took two owners, each interrupted by a waiter of the other lock, and its head half a second.
    assert!(series.oracle.misses > 0 && series.oracle.cycles_context_carried > 0, "{:?}", series.oracle);
}

/// Core 0 owns lock a and heads the queue of b, core 1 owns b and waits for a: with patch Q core 0 waits for an heir.
fn lost_heir() -> Lab {
    Lab { cores: 4, base: "bpf-next", duration: "2ms", quiesce: "1000s", ..Lab::default() }
        .task(0, "Critical(lock: \"a\", body: [Work(Fixed(\"10us\")), Critical(lock: \"b\", body: [])])")
        .task(1, "Critical(lock: \"b\", body: [Work(Fixed(\"1ms\")), Critical(lock: \"a\", body: [])])")
        .task(2, "Work(Fixed(\"5us\")), Critical(lock: \"b\", body: [])")
}

/// A lost heir is recognised when the last one who could have come has ended, not when the time to come to rest is over;
/// and the account is the same whether or not its waiting was computed.
#[test]
fn a_lost_heir_is_recognised_when_nobody_is_left_and_the_same_without_shortcuts() {
    let plan = lost_heir().plan();
    let [fast, exact] = [false, true].map(|exact| run(&plan.loaded, &plan.stages[0], 1, exact).record);
    assert_eq!(fast, exact);
    let account = fast.finding.expect("a finding");
    let mut lines = account.lines();
    let first = lines.next().unwrap_or_default();
    let since = first.strip_prefix("hang: 1 context stuck for good since cycle ").expect("the first line");
    let since: u64 = since.parse().expect("a cycle");
    // Core 1's check finds the deadlock after some milliseconds; core 2 then gets b, and is the last to end.
    let last_end = fast.worst.iter().filter(|w| w.result != "unfinished").map(|w| w.began_ns + w.lasted_ns).max();
    let since_ns = since / 4;
    assert!(last_end < Some(since_ns) && Some(since_ns) < last_end.map(|t| t + 1_000), "{since_ns} {last_end:?}");
    assert_eq!(
        lines.next(),
        Some(
            "  stuck: cpu 0 task waits for b (hand_over, without a deadline): it has no successor, and nobody is left \
             who could become one"
        )
    );
    assert!(fast.end_ns < since_ns + 12_600_000, "it is looked for every 50,000,000 cycles: {}", fast.end_ns);
    let heir = fast.unbounded_waits["hand_over"];
    assert_eq!((heir.count, heir.unfinished), (1, 1));
    assert!(heir.longest_ns > 8_000_000);
    assert_eq!((fast.recoveries.unwinding, fast.contexts["task"].unfinished), (1, 1));
}

/// Core 0 gives up after 2.5 ms and keeps lock a; so core 3, which wants a from 1.5 ms on, loses half a second, until the
/// deadline of a queue head. Core 2, behind core 1, loses some milliseconds, until core 1 gives up as well.
#[test]
fn whoever_waits_behind_a_lost_head_loses_time_until_its_own_deadline() {
    let lab = lost_heir().task(3, "Work(Fixed(\"1500us\")), Critical(lock: \"a\", body: [])");
    let record = lab.record();
    let r = &record.recoveries;
    assert_eq!((record.status.as_str(), record.timeouts_by["head"]), ("hang", 1), "{:?}", record.finding);
    assert_eq!((r.bystanders, r.bystander_errors, r.unwinding), (2, 1, 1), "{r:?}");
    assert!((499_000_000..505_000_000).contains(&r.bystander_wait_ns), "{}", r.bystander_wait_ns);
}

/// While an NMI can still come that may queue behind the head, nothing is lost.
#[test]
fn an_interrupt_that_can_still_come_is_an_heir_in_waiting() {
    let mut lab = lost_heir();
    lab.handlers = "\"nmi\": [Critical(lock: \"b\", body: [Work(Fixed(\"10ns\"))])]".into();
    lab.interrupts = "(name: \"late\", vector: Nmi, handler: \"nmi\", on: Cpus([3]),
        source: Periodic(rate: \"5/s\", phase: At(\"100ms\")))"
        .into();
    lab.duration = "150ms";
    // Without patch 3 the NMI tries until the word is free; the lost head is in its tail, so only the deadline of 250 ms
    // ends that. It does not queue, and the head stays lost.
    let lost = lab.record();
    let account = lost.finding.unwrap_or_default();
    assert!(lost.status == "hang" && account.contains("it has no successor"), "{account}");
    assert_eq!(lost.timeouts_by["fallback"], 1);
    let since: u64 = account.lines().next().and_then(|l| l.rsplit(' ').next()?.parse().ok()).expect("a cycle");
    let nmi_end = 4 * (100_000_000 + lost.handlers["nmi"].longest_ns);
    assert!(nmi_end.abs_diff(since) < 2_000 && nmi_end > 1_400_000_000, "{since}: when the NMI returned, {nmi_end}");
}

/// Locks that never give up: a task that waits for what its own interrupt handler waits for is stuck at once.
#[test]
fn an_nmi_over_the_owner_of_a_lock_without_deadlines_is_stuck_at_its_wait() {
    for program in ["ticket", "mcs", "qspinlock"] {
        let mut lab = Lab { program: format!("Builtin({program:?})"), quiesce: "1000s", ..Lab::default() }
            .task(0, "Critical(lock: \"a\", body: [Work(Fixed(\"20us\"))])");
        lab.interrupts = "(name: \"once\", vector: Nmi, handler: \"nmi\", on: Cpus([0]),
            source: Periodic(rate: \"1/s\", phase: At(\"5us\")))"
            .into();
        let record = lab.record();
        let account = record.finding.unwrap_or_default();
        assert_eq!(record.status, "hang", "{program}");
        assert!(account.contains("stuck: cpu 0 task: interrupted by cpu 0 nmi"), "{program}: {account}");
        let why = if program == "qspinlock" { "cpu 0 task owns a" } else { "cpu 0 task is its predecessor" };
        assert!(account.contains(&format!("without a deadline): {why}")), "{program}: {account}");
        assert!(record.end_ns < 20_000_000, "{program}: {}", record.end_ns);
    }
}

#[test]
fn with_every_patch_the_profilers_deadlocks_are_refused_or_found_at_once() {
    let record = preset("ring8.ron", "300ms", "+1-5");
    accounts_add_up(&record);
    assert!(SERIES.len() == 5 && record.recoveries.whole_ns.max() < Some(1_000_000), "{:?}", record.recoveries.worst);
}
