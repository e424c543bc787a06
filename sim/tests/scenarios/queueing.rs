// SPDX-License-Identifier: MIT OR Apache-2.0
//! What patches 2 to 5 do to an NMI that finds the lock busy.

use reports::Worst;
use sim_core::isa::WaitKind;

use crate::support::{MS, Scenario, Stage};

/// Longest attempt that ends without waiting for anybody, ns: a few misses.
const AT_ONCE: u64 = 500;

#[test]
fn the_first_check_of_a_wait_is_at_its_begin_with_patch_2_and_65536_iterations_later_without() {
    let scenario = Scenario::run("immediate-aa");
    for s in &scenario.stages {
        s.ok();
        assert_eq!((s.ends("nmi"), s.oracle()), ((0, 1, 0, 0), [1, 0, 0, 0, 0, 0, 0]), "{}", s.name());
        let (_, ns) = s.attempt(0, "nmi");
        if s.has(2) {
            assert_eq!(s.errors(), [("aa_begin", 1)], "{}", s.name());
            assert!(ns < AT_ONCE, "{ns}");
        } else {
            assert_eq!(s.errors(), [("aa_periodic", 1)], "{}", s.name());
            assert!(scenario.first_check().contains(&ns), "{ns}");
        }
    }
}

/// Ten NMIs are due on each of two cores in the millisecond of load. Without patch 3 one per core is served while it lasts,
/// and one latched after it.
#[test]
fn an_nmi_gets_its_turn_under_load_with_patch_3_only() {
    let scenario = Scenario::run("nmi-fairness");
    for s in &scenario.stages {
        s.ok();
        let (nmi, task) = (&s.record.contexts["nmi"], &s.record.contexts["task"]);
        let longest = nmi.attempt_ns.max().expect("some have ended");
        let of_tasks = task.attempt_ns.max().expect("some have ended");
        assert!(task.held > 1_000 && s.errors().is_empty());
        if s.has(3) {
            assert_eq!((nmi.attempts, nmi.held), (20, 20), "{}", s.name());
            // In the queue all are equal: no NMI waits longer than twice the longest wait of a task.
            assert!(longest < 2 * of_tasks, "{longest} {of_tasks}");
        } else {
            assert_eq!((nmi.attempts, nmi.held), (4, 4), "{}", s.name());
            // The first came after 50 us and had the lock when the load of 1 ms ended; no task waited that long.
            assert!((945_000..955_000).contains(&longest), "{longest}");
            assert!(longest > 500 * of_tasks, "{longest} {of_tasks}");
            assert_eq!(s.record.handlers["nmi"].coalesced, 2 * 8, "of nine that came meanwhile one is latched");
        }
    }
}

/// The fallback is where an NMI over a queued task ends up, before and after patch 3. An error comes with patch 4 only, and
/// only if the other lock has more than an owner.
#[test]
fn an_nmi_that_wants_another_lock_is_refused_with_patch_4_if_that_lock_has_a_waiter() {
    let scenario = Scenario::run("nmi-other-lock");
    for s in &scenario.stages {
        s.ok();
        let marks = scenario.marks(s);
        let [free, owned, wanted] =
            [0, 1, 2].map(|core| (marks.waits(core, WaitKind::Pending), marks.waits(core, WaitKind::Fallback)));
        // Core 1's NMI is the pending waiter of an owner; nobody else's is. The tasks of these cores queue.
        assert_eq!((free, owned.0, wanted.0), ((0, 0), 1, 0), "{}", s.name());
        assert_eq!((owned.1, wanted.1), (0, usize::from(!s.has(4))), "{}", s.name());
        let nmis = s.ends("nmi");
        if s.has(4) {
            assert_eq!((nmis, s.errors()), ((2, 1, 0, 0), vec![("try_once", 1)]), "{}", s.name());
            assert_eq!(s.oracle(), [0, 0, 0, 0, 1, 0, 0], "no deadlock: it would have got the lock");
        } else {
            assert_eq!((nmis, s.errors()), ((3, 0, 0, 0), vec![]), "{}", s.name());
            let waited =
                s.record.worst.iter().find(|w| w.cpu == 2 && w.context == "nmi").expect("it is among the worst");
            assert!((49_000..51_000).contains(&waited.lasted_ns), "until its owner and its waiter are done");
        }
        assert_eq!(s.ends("task"), (8, 0, 0, 0));
    }
}

#[test]
fn the_fallback_gives_up_at_once_with_patch_4_whether_or_not_it_would_deadlock() {
    let scenario = Scenario::run("try-once");
    for s in &scenario.stages {
        s.ok();
        let (deadlock, after) = s.attempt(0, "nmi");
        let (wait, waited) = s.attempt(1, "nmi");
        assert_eq!(deadlock, "EDEADLK", "{}", s.name());
        if s.has(4) {
            assert_eq!((wait, after < AT_ONCE, waited < AT_ONCE), ("EDEADLK", true, true), "{}", s.name());
            assert_eq!(s.oracle(), [0, 1, 0, 0, 1, 0, 0], "one deadlock avoided, one wait refused");
            let queue_check = u64::from(s.has(5));
            assert_eq!(s.record.edeadlk_by["try_once"], 2 - queue_check);
            assert_eq!(s.record.edeadlk_by["aa_before_queue"], queue_check);
            continue;
        }
        assert_eq!((wait, s.oracle()), ("held", [1, 0, 0, 0, 0, 0, 0]), "{}", s.name());
        assert!((19 * MS..20 * MS).contains(&waited), "as long as core 4 works: {waited}");
        if s.has(2) {
            assert_eq!(s.errors(), [("aa_begin", 1)], "{}", s.name());
            assert!(after < AT_ONCE, "{after}");
        } else {
            assert_eq!(s.errors(), [("aa_periodic", 1)], "{}", s.name());
            assert!(scenario.first_check().contains(&after), "{after}");
        }
    }
}

/// What both stages with an NMI in the middle of a queue have in common.
#[track_caller]
fn ends_before_it_queues(scenario: &Scenario, s: &Stage, cpu: u32) {
    let (result, ns) = s.attempt(cpu, "nmi");
    assert_eq!((result, s.ends("task")), ("EDEADLK", (4, 0, 0, 0)), "{}", s.name());
    if s.has(5) {
        assert_eq!((s.errors(), s.oracle()), (vec![("aa_before_queue", 1)], [0, 1, 0, 0, 0, 0, 0]));
        assert!(ns < AT_ONCE, "{ns}");
    } else if s.has(2) {
        assert_eq!((s.errors(), s.oracle()), (vec![("aa_begin", 1)], [1, 0, 0, 0, 0, 0, 0]));
        assert!(ns < AT_ONCE, "{ns}");
    } else {
        assert_eq!((s.errors(), s.oracle()), (vec![("aa_periodic", 1)], [1, 0, 0, 0, 0, 0, 0]));
        assert!(scenario.first_check().contains(&ns), "{ns}");
    }
}

/// The attempts that timed out, as (cpu, context), in the order of their lengths, and whether each fits the head's deadline
/// less what it came later than the head.
#[track_caller]
fn timed_out_with_the_head(scenario: &Scenario, all: &[Worst]) -> Vec<(u32, String)> {
    let of = scenario.head_timeout();
    let at_end = all.iter().filter(|w| w.lasted_ns > 400 * MS && w.result == "ETIMEDOUT");
    let fits = |w: &Worst| (of.start - 10_000..of.end).contains(&w.lasted_ns);
    at_end.inspect(|w| assert!(fits(w), "{w:?}")).map(|w| (w.cpu, w.context.clone())).collect()
}

#[test]
fn an_nmi_over_the_pending_waiter_that_is_not_head_waits_for_the_heads_deadline() {
    let scenario = Scenario::run("nonhead-nmi");
    for s in &scenario.stages {
        s.ok();
        if !s.has(3) || s.has(5) {
            ends_before_it_queues(&scenario, s, 1);
            continue;
        }
        assert_eq!(s.errors(), [("flushed", 2), ("head", 1)], "{}", s.name());
        assert_eq!((s.ends("nmi"), s.ends("task")), ((0, 0, 1, 0), (2, 0, 2, 0)));
        let told = timed_out_with_the_head(&scenario, &s.record.worst);
        assert_eq!(told, [(2, "task".into()), (3, "task".into()), (1, "nmi".into())], "all of the queue");
        let (result, ns) = s.attempt(1, "task");
        assert!(result == "held" && ns > 500 * MS, "the interrupted waiter gets the lock, late: {ns}");
    }
}

#[test]
fn an_nmi_over_the_owner_that_is_not_head_waits_for_the_heads_deadline() {
    let scenario = Scenario::run("nonhead-over-owner");
    for s in &scenario.stages {
        s.ok();
        if !s.has(3) || s.has(5) {
            ends_before_it_queues(&scenario, s, 0);
            continue;
        }
        // The pending waiter gives up after 250 ms. That frees nobody: the head still waits for the owner.
        assert_eq!(s.errors(), [("flushed", 2), ("head", 1), ("pending", 1)], "{}", s.name());
        assert_eq!((s.ends("nmi"), s.ends("task")), ((0, 0, 1, 0), (1, 0, 3, 0)));
        let told = timed_out_with_the_head(&scenario, &s.record.worst);
        assert_eq!(told, [(2, "task".into()), (3, "task".into()), (0, "nmi".into())]);
        let (result, ns) = s.attempt(1, "task");
        assert!(result == "ETIMEDOUT" && scenario.short_timeout().contains(&ns), "{result} {ns}");
    }
}
