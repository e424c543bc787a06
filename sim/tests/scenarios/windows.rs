// SPDX-License-Identifier: MIT OR Apache-2.0
//! NMIs between the held table and the lock word.

use sim_core::isa::MarkKind;

use crate::support::{MS, Scenario, Stage};

/// Longest attempt that makes no second run of the deadline routine and waits for nobody, ns: a few misses.
const AT_ONCE: u64 = 500;

/// Owned, and not in the table: the NMI, pending waiter of its own core's owner, stays for its whole deadline.
#[track_caller]
fn misses_the_deadlock(scenario: &Scenario, s: &Stage, wait: &str) {
    let (result, ns) = s.attempt(0, "nmi");
    assert_eq!((result, s.errors()), ("ETIMEDOUT", vec![(wait, 1)]), "{}", s.name());
    assert!(scenario.short_timeout().contains(&ns), "{}: {ns}", s.name());
    assert_eq!((s.record.oracle.cycles_formed["AA"], s.oracle()), (1, [0, 0, 0, 0, 0, 1, 0]));
}

#[test]
fn between_cmpxchg_and_entry_only_the_base_times_out() {
    let scenario = Scenario::run("window-cmpxchg-entry");
    for s in &scenario.stages {
        s.ok();
        if !s.has(1) {
            misses_the_deadlock(&scenario, s, "pending");
            continue;
        }
        let (result, ns) = s.attempt(0, "nmi");
        assert_eq!((result, s.oracle()), ("EDEADLK", [1, 0, 0, 0, 0, 0, 0]), "{}", s.name());
        if s.has(2) {
            assert_eq!(s.errors(), [("aa_begin", 1)]);
            assert!(ns < AT_ONCE, "{}: {ns}", s.name());
        } else {
            assert_eq!(s.errors(), [("aa_periodic", 1)]);
            assert!(scenario.first_check().contains(&ns), "{}: {ns}", s.name());
        }
    }
}

#[test]
fn between_cleared_entry_and_release_only_the_base_times_out() {
    let scenario = Scenario::run("window-unlock");
    for s in &scenario.stages {
        s.ok();
        if s.has(1) {
            // The lock is free by then.
            let (result, ns) = s.attempt(0, "nmi");
            assert_eq!((result, s.errors()), ("held", vec![]), "{}", s.name());
            assert!(ns < AT_ONCE, "{}: {ns}", s.name());
        } else {
            misses_the_deadlock(&scenario, s, "pending");
        }
    }
}

#[test]
fn between_pending_bit_and_entry_only_the_base_times_out_and_next_may_hang() {
    let scenario = Scenario::run("window-pending-entry");
    for s in &scenario.stages {
        // The pending bit sends the NMI to the queue part. Where it queues it is the head, and alone.
        if s.next() && s.has(3) && !s.has(5) {
            s.hangs_in(1, "queue_path.find_heir");
            continue;
        }
        s.ok();
        let (result, ns) = s.attempt(1, "nmi");
        match (s.has(1), s.has(5), s.has(2), s.has(3)) {
            (false, ..) => {
                assert_eq!((result, s.errors()), ("ETIMEDOUT", vec![("fallback", 1)]));
                assert!(scenario.short_timeout().contains(&ns), "{}: {ns}", s.name());
                assert_eq!(s.oracle(), [0, 0, 0, 0, 0, 1, 0]);
            }
            (_, true, ..) => {
                assert_eq!((s.errors(), s.oracle()), (vec![("aa_before_queue", 1)], [0, 1, 0, 0, 0, 0, 0]));
                assert!(ns < AT_ONCE, "{}: {ns}", s.name());
            }
            (_, _, true, _) => {
                assert_eq!((s.errors(), s.oracle()), (vec![("aa_begin", 1)], [1, 0, 0, 0, 0, 0, 0]));
                assert!(ns < AT_ONCE, "{}: {ns}", s.name());
            }
            (_, _, _, queues) => {
                assert_eq!((s.errors(), s.oracle()), (vec![("aa_periodic", 1)], [1, 0, 0, 0, 0, 0, 0]));
                let check = if queues { scenario.first_check_of_head() } else { scenario.first_check() };
                assert!(check.contains(&ns), "{}: {ns}", s.name());
            }
        }
        assert_eq!(s.ends("task"), (2, 0, 0, 0), "the interrupted waiter gets the lock afterwards");
    }
}

/// What the entry that outlives the lock costs: an EDEADLK if the lock has gone to somebody else, nothing if nobody wants it.
#[test]
fn after_the_release_an_nmi_is_refused_a_lock_that_somebody_else_has() {
    let scenario = Scenario::run("window-after-release");
    for s in &scenario.stages {
        s.ok();
        let (result, ns) = s.attempt(0, "nmi");
        if s.has(1) {
            assert_eq!((result, s.oracle()), ("EDEADLK", [0, 0, 0, 0, 1, 0, 0]), "{}", s.name());
            assert!(s.record.oracle.cycles_formed.values().all(|n| *n == 0), "there never was a deadlock");
            assert_eq!(s.errors(), [(if s.has(2) { "aa_begin" } else { "aa_periodic" }, 1)]);
            let fits = if s.has(2) { ns < AT_ONCE } else { scenario.first_check().contains(&ns) };
            assert!(fits, "{}: {ns}", s.name());
        } else {
            assert_eq!((result, s.errors()), ("held", vec![]));
            assert!((4_990_000..5_010_000).contains(&ns), "as long as core 1 works: {ns}");
        }
        let (result, ns) = s.attempt(2, "nmi");
        assert!(result == "held" && ns < AT_ONCE, "{}: {result} {ns}", s.name());
    }
}

/// Owned or not, the NMI looks at the table wherever the word is not zero. Here the pending bit is all there is in it.
#[test]
fn after_the_release_an_nmi_is_refused_a_lock_that_nobody_has_but_somebody_waits_for() {
    let scenario = Scenario::run("released-not-taken");
    // 512 looks at a word that is just the pending bit: core 1, being interrupted, does not change it.
    let patience = 512 * (141 + 4 + 4) * 1_000 / 4_000;
    for s in &scenario.stages {
        assert!(s.record.oracle.cycles_formed.values().all(|n| *n == 0), "{}: nobody is deadlocked", s.name());
        // When the NMI came and when it was refused nobody owned the lock: core 1 gets it when its handler ends.
        let marks = scenario.marks(s);
        let taken: Vec<_> = marks.0.iter().filter(|m| m.kind == MarkKind::Held).map(|m| (m.core, m.at)).collect();
        assert!(taken[0].0 == 0 && taken[1].0 == 1, "{}: {taken:?}", s.name());
        assert!(taken[1].1 > 20_000_000, "{}: not before its handler of 5 ms has ended: {taken:?}", s.name());
        if s.next() && s.has(3) && !s.has(5) {
            s.hangs_in(0, "queue_path.find_heir");
            assert_eq!((s.ends("nmi"), s.ends("task")), ((0, 0, 0, 1), (2, 0, 0, 0)), "{}", s.name());
            continue;
        }
        s.ok();
        let (result, ns) = s.attempt(0, "nmi");
        if !s.has(1) {
            assert_eq!((result, s.errors()), ("held", vec![]), "{}", s.name());
            assert!((4_900_000..5_010_000).contains(&ns), "what is left of core 1's handler: {ns}");
            continue;
        }
        assert_eq!((result, s.oracle()), ("EDEADLK", [0, 0, 0, 0, 1, 0, 0]), "{}", s.name());
        let (check, after) = match (s.has(2), s.has(5), s.has(3)) {
            (true, true, _) => ("aa_before_queue", 0..1_000),
            (true, ..) => ("aa_begin", 0..1_000),
            (.., true) => ("aa_periodic", scenario.first_check_of_head()),
            _ => ("aa_periodic", scenario.first_check()),
        };
        assert_eq!(s.errors(), [(check, 1)], "{}", s.name());
        assert!((patience + after.start..patience + after.end).contains(&ns), "{}: {ns}", s.name());
    }
}

/// The other end of the longer entry: it is there before the lock is.
#[test]
fn before_the_cmpxchg_an_nmi_is_refused_a_lock_it_could_wait_for() {
    let scenario = Scenario::run("window-before-cmpxchg");
    for s in &scenario.stages {
        s.ok();
        let (result, ns) = s.attempt(0, "nmi");
        if s.has(1) {
            assert_eq!((result, s.oracle()), ("EDEADLK", [0, 0, 0, 0, 1, 0, 0]), "{}", s.name());
            assert_eq!(s.errors(), [(if s.has(2) { "aa_begin" } else { "aa_periodic" }, 1)]);
            let fits = if s.has(2) { ns < AT_ONCE } else { scenario.first_check().contains(&ns) };
            assert!(fits, "{}: {ns}", s.name());
        } else {
            assert_eq!((result, s.errors()), ("held", vec![]));
            assert!((4 * MS..5 * MS).contains(&ns), "as long as core 1 works: {ns}");
        }
        assert_eq!(s.ends("task"), (2, 0, 0, 0), "the interrupted attempt itself goes well");
    }
}

/// NMIs by the clock at 8 kHz, seven of which come while the first one waits: one is latched, six are lost, and the latched
/// one is taken at the boundary to which the first returns.
#[test]
fn a_latched_nmi_doubles_the_time_in_the_window() {
    let scenario = Scenario::run("latched-nmi");
    for s in &scenario.stages {
        s.ok();
        let handlers = &s.record.handlers["nmi"];
        if s.has(1) {
            assert_eq!((s.ends("nmi"), handlers.coalesced), ((8, 0, 0, 0), 0), "{}", s.name());
            assert_eq!(s.record.stuck_ns, 0);
            continue;
        }
        assert_eq!((s.ends("nmi"), handlers.coalesced), ((0, 0, 2, 0), 6), "{}", s.name());
        let of = scenario.short_timeout();
        for w in s.record.worst.iter().filter(|w| w.context == "nmi") {
            assert!(of.contains(&w.lasted_ns), "{w:?}");
            assert_eq!(w.interrupted_at.as_deref(), Some("res_spin_unlock.cleared"));
        }
        assert!((2 * of.start..2 * of.end).contains(&s.record.stuck_ns), "{}", s.record.stuck_ns);
    }
}
