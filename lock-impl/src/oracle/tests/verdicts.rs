// SPDX-License-Identifier: MIT OR Apache-2.0
//! How errors are judged and counted.

use super::*;

/// Two tasks deadlocked over A and B since cycle 60.
fn abba() -> World {
    let mut w = World::new(3);
    w.take(10, 0, A);
    w.take(20, 1, B);
    w.want(50, 0, B, WaitKind::Pending);
    w.want(60, 1, A, WaitKind::Pending);
    w
}

#[test]
fn an_error_after_the_release_is_a_false_positive() {
    let mut w = World::new(2);
    w.take(10, 0, A);
    w.want(20, 1, A, WaitKind::Pending);
    w.released(50, 0, A);
    // The owner's NMI finds the stale table entry; the other cpu errs as well.
    w.nmi(51, 0);
    w.want(52, 0, A, WaitKind::Head);
    let nmi = w.failed(53, 0, A, EDEADLK, Detector::AaBegin);
    assert_eq!(nmi.class, Class::FalsePositive);
    assert_eq!((nmi.latency_cycles, nmi.cycle), (None, None));
    assert_eq!((nmi.cycle_ended_at, nmi.behind_deadlock), (None, false));
    assert_eq!(w.deadlock(55, 1, A).class, Class::FalsePositive);
    let totals = w.0.totals();
    assert_eq!((totals.verdicts.false_positives, totals.verdicts.late), (2, 0));
    assert_eq!(totals.by_detector[&Some(Detector::AaBegin)].false_positives, 1);
}

/// An NMI over the owner of A attempts A, and does not wait yet.
fn over_an_owner() -> World {
    let mut w = World::new(2);
    w.take(10, 0, A);
    w.nmi(20, 0);
    w.attempt(21, 0, A);
    w
}

#[test]
fn an_error_before_a_wait_that_would_close_a_cycle_is_an_avoided_deadlock() {
    let mut w = over_an_owner();
    let over_the_owner = w.failed(22, 0, A, EDEADLK, Detector::AaBeforeQueue);
    assert_eq!((over_the_owner.class, over_the_owner.latency_cycles), (Class::Avoided, None));
    w.attempt(31, 1, A);
    let elsewhere = w.failed(32, 1, A, EDEADLK, Detector::TryOnce);
    assert_eq!(elsewhere.class, Class::FalsePositive, "core 1 could have waited for the owner");
    assert_eq!((w.0.totals().verdicts.avoided, w.0.totals().cycles_formed.len()), (1, 0));
}

#[test]
fn classes_have_the_names_that_messages_use() {
    let names = ["detected", "avoided", "late", "wrong_culprit", "false_positive", "miss", "timeout_outside_cycle"];
    assert_eq!(Class::ALL.map(Class::name), names);
}

#[test]
fn a_timeout_before_such_a_wait_avoids_nothing() {
    let mut w = over_an_owner();
    assert_eq!(w.timeout(22, 0, A).class, Class::TimeoutOutsideCycle);
    assert_eq!(w.0.totals().verdicts.avoided, 0);
}

#[test]
fn a_verdict_says_everything_about_its_attempt() {
    let mut w = abba();
    let verdict = w.failed(160, 0, B, EDEADLK, Detector::Abba);
    let expected = Verdict {
        at: 160,
        cpu: 0,
        kind: ContextKind::Task,
        lock: B,
        errno: EDEADLK,
        detector: Some(Detector::Abba),
        attempt_began_at: 50,
        wait: Some(WaitKind::Pending),
        class: Class::Detected,
        latency_cycles: Some(100),
        cycle: Some(CycleName::Abba),
        behind_deadlock: false,
        cycle_ended_at: None,
    };
    assert_eq!(verdict, expected);
    assert_eq!(w.0.totals().cycle_lifetime_cycles_max, 100);
}

#[test]
fn the_second_of_two_that_notice_together_errs_after_the_cycle_has_ended() {
    let mut w = abba();
    assert_eq!(w.deadlock(100, 0, B).class, Class::Detected);
    w.no_cycle();
    let second = w.deadlock(105, 1, A);
    assert_eq!(second.class, Class::Late);
    assert_eq!(second.cycle_ended_at, Some(100));
    assert_eq!(w.0.totals().verdicts.late, 1);
}

#[test]
fn a_deadlock_that_times_out_is_a_miss_as_long_as_the_cycle_existed() {
    let mut w = abba();
    let verdict = w.failed(250_060, 1, A, ETIMEDOUT, Detector::TimeoutPending);
    assert_eq!(verdict.class, Class::Miss);
    assert_eq!(verdict.latency_cycles, Some(250_000));
    assert_eq!(verdict.cycle, Some(CycleName::Abba));
    let by = &w.0.totals().by_detector;
    assert_eq!(by[&Some(Detector::TimeoutPending)].get(Class::Miss), 1);
}

#[test]
fn a_waiter_behind_a_deadlock_is_not_on_it() {
    let mut w = abba();
    w.line_up(70, 2, A, 0);
    let verdict = w.timeout(500, 2, A);
    assert_eq!(verdict.class, Class::WrongCulprit);
    assert!(verdict.behind_deadlock);
    assert_eq!(verdict.latency_cycles, None);
    assert_eq!(w.0.totals().verdicts.wrong_culprits, 1);
    assert_eq!(w.formed(), 1);
}

#[test]
fn a_member_of_no_listed_cycle_is_still_judged_by_the_oldest_one_through_it() {
    let mut w = World::new(4);
    w.take(10, 0, A);
    w.line_up(20, 1, A, 0);
    w.line_up(30, 2, A, tail(1, 0));
    w.line_up(35, 3, A, tail(2, 0));
    w.nmi(40, 1);
    // Waits for the whole queue, all of which waits for cpu 1: three cycles close, one is listed.
    w.want(50, 1, A, WaitKind::Fallback);
    assert_eq!(places(w.cycle()), [(1, 1), (1, 0)]);
    let verdict = w.timeout(80, 3, A);
    assert_eq!((verdict.class, verdict.latency_cycles), (Class::Miss, Some(30)));
    assert_eq!(verdict.cycle, Some(CycleName::Aa));
}

#[test]
fn the_oldest_of_several_cycles_counts() {
    let mut w = abba();
    w.nmi(80, 0);
    w.want(90, 0, A, WaitKind::Fallback); // Owner A is below: a second, younger cycle.
    let cycles = w.0.live_cycles();
    assert_eq!(cycles.len(), 2);
    assert_eq!((cycles[1].name, cycles[1].formed_at, cycles[1].extends_live), (CycleName::Aa, 90, true));
    assert_eq!(w.deadlock(95, 0, A).latency_cycles, Some(5));
    w.leave(96, 0);
    assert_eq!(w.deadlock(160, 0, B).latency_cycles, Some(100));
}

#[test]
fn other_errors_get_no_verdict_and_detector_zero_is_not_said() {
    let mut w = World::new(1);
    w.attempt(10, 0, A);
    assert_eq!(w.mark(20, 0, MarkKind::Failed, [A, 16, 0]), None);
    w.attempt(30, 0, A);
    let verdict = w.mark(40, 0, MarkKind::Failed, [A, ETIMEDOUT, 0]);
    assert_eq!(verdict.map(|v| v.detector), Some(None));
    let totals = w.0.totals();
    assert_eq!((totals.attempts, totals.other_failures), (2, 1));
    assert_eq!(totals.by_detector[&None].timeouts_outside, 1);
}

#[test]
fn a_wait_marked_again_in_its_loop_keeps_its_age() {
    let mut w = abba();
    for at in 61..70 {
        w.wait(at, 1, A, WaitKind::Pending);
    }
    assert_eq!(w.formed(), 1);
    assert_eq!(w.deadlock(70, 1, A).latency_cycles, Some(10));
}

#[test]
fn a_cycle_that_forms_again_is_another_cycle() {
    let mut w = abba();
    w.deadlock(100, 0, B);
    w.want(200, 0, B, WaitKind::Pending);
    assert_eq!((w.cycle().id, w.cycle().formed_at), (1, 200));
    assert_eq!(w.0.totals().cycles_formed[&CycleName::Abba], 2);
    assert_eq!(w.deadlock(230, 1, A).latency_cycles, Some(30));
}
