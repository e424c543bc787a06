// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hand-over: to a pending waiter that is interrupted, and to an heir that does not come.

use sim_core::isa::WaitKind;

use crate::support::Scenario;

/// 512 pauses of 141 cycles and their loads and branches at 4 GHz are 19 us, at every stage; what follows them depends on it.
#[test]
fn the_patience_with_an_interrupted_waiter_is_spent_at_every_stage() {
    let scenario = Scenario::run("handover-nmi");
    for s in &scenario.stages {
        assert_eq!(scenario.marks(s).waits(1, WaitKind::PendingHandOver), 1, "{}", s.name());
        // The NMI then finds the pending bit, goes to the queue part, and where it queues it is the head, and alone.
        if s.next() && s.has(3) && !s.has(5) {
            s.hangs_in(1, "queue_path.find_heir");
            continue;
        }
        s.ok();
        let (result, ns) = s.attempt(1, "nmi");
        assert_eq!((result, s.ends("task")), ("EDEADLK", (2, 0, 0, 0)), "{}", s.name());
        let patience = 512 * (141 + 4 + 4) * 1_000 / 4_000;
        if s.has(2) {
            assert_eq!(s.errors(), [(if s.has(5) { "aa_before_queue" } else { "aa_begin" }, 1)]);
            assert!((patience..patience + 1_000).contains(&ns), "{}: {ns}, patience {patience}", s.name());
        } else {
            assert_eq!(s.errors(), [("aa_periodic", 1)]);
            let check = if s.has(3) { scenario.first_check_of_head() } else { scenario.first_check() };
            assert!((check.start + patience..check.end + patience).contains(&ns), "{}: {ns}", s.name());
        }
    }
}

/// What patch Q is for: nobody behind a head that is told EDEADLK loses an attempt.
#[test]
fn a_head_that_finds_a_deadlock_takes_its_queue_with_it_without_patch_q() {
    let scenario = Scenario::run("queue-flush");
    for s in &scenario.stages {
        s.ok();
        let (head, ns) = s
            .record
            .worst
            .iter()
            .find(|w| w.cpu == 0 && w.lock == "b")
            .map(|w| (&*w.result, w.lasted_ns))
            .expect("it waits");
        assert!(head == "EDEADLK" && scenario.first_check_of_head().contains(&ns), "{}: {head} {ns}", s.name());
        for cpu in [3, 4] {
            let (result, ns) = s.attempt(cpu, "task");
            assert_eq!(result, if s.next() { "held" } else { "ETIMEDOUT" }, "{}", s.name());
            assert!(ns < scenario.first_check_of_head().end, "far from every deadline: {ns}");
        }
        if s.next() {
            assert_eq!((s.errors(), s.oracle()), (vec![("abba", 1)], [1, 0, 0, 0, 0, 0, 0]), "{}", s.name());
        } else {
            assert_eq!(
                (s.errors(), s.oracle()),
                (vec![("abba", 1), ("flushed", 2)], [1, 0, 0, 2, 0, 0, 0]),
                "{}",
                s.name()
            );
        }
    }
}

#[test]
fn with_patch_q_a_head_on_an_abba_cycle_waits_for_good() {
    let scenario = Scenario::run("lost-heir");
    for s in &scenario.stages {
        assert_eq!(s.errors(), [("abba", 1)], "{}", s.name());
        if s.next() {
            s.hangs_in(0, "queue_path.find_heir");
            // Core 0 owns lock a for good; the error is core 1's.
            assert_eq!(s.ends("task"), (3, 1, 0, 1), "{}", s.name());
        } else {
            s.ok();
            assert_eq!((s.ends("task"), s.oracle()), ((4, 1, 0, 0), [1, 0, 0, 0, 0, 0, 0]), "{}", s.name());
            let head = s.record.worst.iter().find(|w| w.cpu == 0 && w.lock == "b").expect("among the worst");
            assert!(head.result == "EDEADLK" && scenario.first_check_of_head().contains(&head.lasted_ns), "{head:?}");
        }
    }
}

#[test]
fn with_patches_q_and_3_and_without_5_an_nmi_that_heads_the_queue_never_returns() {
    let scenario = Scenario::run("lost-heir-nmi");
    for s in &scenario.stages {
        if s.next() && s.has(3) && !s.has(5) {
            s.hangs_in(0, "queue_path.find_heir");
            assert_eq!(s.ends("nmi"), (0, 0, 0, 1));
            // The owner below it never releases, so the pending waiter gives up.
            let (result, ns) = s.attempt(1, "task");
            assert!(result == "ETIMEDOUT" && scenario.short_timeout().contains(&ns), "{result} {ns}");
        } else {
            s.ok();
            assert_eq!((s.ends("nmi"), s.ends("task")), ((0, 1, 0, 0), (2, 0, 0, 0)), "{}", s.name());
        }
    }
}
