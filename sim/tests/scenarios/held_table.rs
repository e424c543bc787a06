// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reviewers' questions: the attempt's own entry, entries left behind, and the node count.

use std::collections::BTreeMap;

use sim_core::isa::MarkKind;

use crate::support::{MS, Scenario};

/// Five attempts wait for 6 ms, two checks each and more, and nobody is told EDEADLK.
#[test]
fn no_check_finds_the_attempts_own_entry() {
    let scenario = Scenario::run("own-entry");
    for s in &scenario.stages {
        s.ok();
        assert_eq!((s.ends("nmi"), s.ends("task"), s.errors()), ((2, 0, 0, 0), (4, 0, 0, 0), vec![]), "{}", s.name());
        let long = s.record.worst.iter().filter(|w| w.lasted_ns > 2 * scenario.first_check().end).count();
        assert_eq!(long, 5, "{}", s.name());
    }
}

/// ... except on the one route that makes two of them: S0 with patch 1. Every wait that is checked fails, and every
/// contended attempt, successful or not, leaves an entry behind.
#[test]
fn in_a_guest_patch_1_makes_every_checked_wait_fail_and_leaks_an_entry() {
    let scenario = Scenario::run("own-entry-guest");
    for s in &scenario.stages {
        if !s.has(1) {
            s.ok();
            assert_eq!((s.ends("task"), s.errors()), ((4, 0, 0, 0), vec![]), "{}", s.name());
            continue;
        }
        assert_eq!(s.record.status, "violation", "{}", s.name());
        assert!(s.finding().contains("not clean at rest: held.cnt of core 1 = 0x2"), "{}", s.finding());
        let refused: Vec<(u64, u64)> = {
            let of = s.record.worst.iter().filter(|w| w.result == "EDEADLK");
            of.map(|w| (u64::from(w.cpu), w.lasted_ns)).collect()
        };
        assert!(refused.iter().all(|(cpu, _)| *cpu == 1));
        if s.has(2) {
            assert_eq!((s.errors(), s.oracle()), (vec![("aa_begin", 2)], [0, 0, 0, 0, 2, 0, 0]), "{}", s.name());
            assert!(refused.iter().all(|(_, ns)| *ns < 500), "{refused:?}");
        } else {
            // The first wait is over before its first check.
            assert_eq!((s.errors(), s.oracle()), (vec![("aa_periodic", 1)], [0, 0, 0, 0, 1, 0, 0]), "{}", s.name());
            assert!(refused.iter().all(|(_, ns)| scenario.first_check().contains(ns)), "{refused:?}");
        }
    }
}

/// The run comes to rest clean after every way to fail, and the 24 attempts made afterwards, most of them under contention
/// for longer than a check takes to come, get their locks.
#[test]
fn no_failing_exit_of_the_queued_lock_leaves_an_entry() {
    let scenario = Scenario::run("entry-leak");
    let mut seen = BTreeMap::new();
    for s in &scenario.stages {
        s.ok();
        let errors = s.errors();
        assert!(errors.iter().map(|(_, n)| n).sum::<u64>() >= 9, "{}: {errors:?}", s.name());
        for (by, n) in errors {
            *seen.entry(by.to_owned()).or_insert(0) += n;
        }
        let afterwards =
            s.record.worst.iter().filter(|w| w.began_ns > 600 * MS && w.lasted_ns > scenario.first_check().end);
        assert!(afterwards.clone().count() >= 2 && afterwards.clone().all(|w| w.result == "held"), "{}", s.name());
        let task = &s.record.contexts["task"];
        assert!(task.held >= 24 + 9 && task.unfinished == 0);
    }
    let all =
        ["aa_before_queue", "aa_begin", "aa_periodic", "abba", "fallback", "flushed", "head", "pending", "try_once"];
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), all);
}

/// The same for the form without a queue: AA, ABBA and a time-out, then 12 attempts under contention.
#[test]
fn no_failing_exit_of_the_test_and_set_form_leaves_an_entry() {
    let scenario = Scenario::run("entry-leak-tas");
    for s in &scenario.stages {
        s.ok();
        assert_eq!((s.ends("nmi"), s.ends("task")), ((0, 1, 0, 0), (16, 1, 1, 0)), "{}", s.name());
        // Patch 2 is in the deadline routine, which this form has in common with the others; 3 to 5 are not about it.
        let aa = if s.has(2) { "aa_begin" } else { "aa_periodic" };
        assert_eq!(s.errors(), [(aa, 1), ("abba", 1), ("test_and_set", 1)], "{}", s.name());
        let late = s.record.worst.iter().find(|w| w.result == "ETIMEDOUT").expect("it is the longest");
        assert!(scenario.long_timeout().contains(&late.lasted_ns), "{late:?}");
    }
}

/// An NMI between the load and the store of the count finds the count that the task has found, and where NMIs queue
/// it takes the same node. It is out of the queue before the task stores.
#[test]
fn two_contexts_take_one_node_one_after_the_other() {
    let scenario = Scenario::run("node-count");
    for s in &scenario.stages {
        s.ok();
        let marks = scenario.marks(s);
        // Tails as which core 2 joined a queue, with the time; the second argument is the tail, 0 for a withdrawal.
        let joined: Vec<(u64, u64, u64)> = {
            let ours = marks.0.iter().filter(|m| m.core == 2 && m.kind == MarkKind::Queued && m.args[2] != 0);
            ours.map(|m| (m.at, m.args[0], m.args[2])).collect()
        };
        let node_0 = (2 + 1) << 2;
        assert!(joined.iter().all(|(_, _, tail)| *tail == node_0), "{}: {joined:?}", s.name());
        let outside: u64 = s.record.contexts["nmi"].held + s.record.contexts["nmi"].edeadlk;
        assert_eq!((outside, s.ends("task")), (2, (6, 0, 0, 0)), "{}", s.name());
        if !s.has(3) {
            assert_eq!(joined.len(), 1, "{}: only the task", s.name());
            continue;
        }
        // Both, the NMI's on lock b first, which it has released before the task joins the queue of a.
        assert_eq!(joined.len(), 2, "{}: {joined:?}", s.name());
        let (first, second) = (joined[0], joined[1]);
        assert_ne!(first.1, second.1);
        let released = marks.0.iter().find(|m| m.core == 2 && m.kind == MarkKind::Released && m.args[0] == first.1);
        let released = released.expect("the NMI gets its lock").at;
        assert!(first.0 < released && released < second.0, "{}", s.name());
    }
}
