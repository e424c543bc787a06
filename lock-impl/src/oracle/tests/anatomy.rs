// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recoveries, on marks made by hand.

use super::*;

/// Core 0 owns A, core 1 heads the queue of A, an NMI over the owner queues behind it (a deadlock from cycle 100 on),
/// and core 2 behind that.
fn queue_over_an_owner() -> World {
    let mut w = World::new(4);
    w.take(10, 0, A);
    w.line_up(50, 1, A, 0);
    w.nmi(90, 0);
    w.line_up(100, 0, A, tail(1, 0));
    w.line_up(150, 2, A, tail(0, 0));
    w
}

#[test]
fn a_flush_heals_when_the_last_of_the_flushed_has_returned() {
    let mut w = queue_over_an_owner();
    w.check(200, 1, A);
    w.check(300, 1, A);
    w.found(400, 1, A);
    w.line_up(405, 3, A, tail(2, 0)); // Too late to be there at the detection, and flushed all the same.
    w.wait(410, 1, A, WaitKind::HandOver);
    w.no_cycle();
    w.resumed(415, 1, A);
    assert_eq!(w.0.open_recoveries(), OpenRecoveries { unwinding: 1, ..OpenRecoveries::default() });
    w.failed(430, 1, A, ETIMEDOUT, Detector::TimeoutHead);
    assert_eq!(w.0.open_recoveries(), OpenRecoveries { healing: 1, ..OpenRecoveries::default() });
    w.found(440, 0, A);
    w.wait(445, 0, A, WaitKind::HandOver);
    assert_eq!(w.failed(460, 0, A, ETIMEDOUT, Detector::Flushed).class, Class::Miss);
    w.found(470, 2, A);
    w.leave(475, 0);
    w.released(480, 0, A);
    assert_eq!(w.0.take_recoveries(), []);
    assert_eq!(w.failed(490, 2, A, ETIMEDOUT, Detector::Flushed).class, Class::WrongCulprit);
    assert_eq!(w.0.take_recoveries(), []);
    assert_eq!(w.failed(495, 3, A, ETIMEDOUT, Detector::Flushed).class, Class::WrongCulprit);
    let all = w.0.take_recoveries();
    let [r] = &all[..] else { panic!("one recovery: {all:?}") };
    assert_eq!(r.instants(), [100, 200, 400, 430, 495]);
    assert_eq!((r.name, r.detector), (CycleName::Aa, Some(Detector::TimeoutHead)));
    assert_eq!(r.members.len(), 3);
    // Core 2 waited from 150 and core 3 from 405 until the cycle went away at 410.
    assert_eq!((r.bystanders, r.bystander_errors, r.bystander_wait_cycles), (2, 2, 260 + 5));
    assert_eq!(w.0.open_recoveries(), OpenRecoveries::default());
}

#[test]
fn who_fails_by_itself_is_not_judged_as_of_the_flush_behind_it() {
    // The NMI is on a cycle when the flush begins at 410, and on none when it fails.
    let fails = |detector: Detector| {
        let mut w = queue_over_an_owner();
        w.wait(410, 1, A, WaitKind::HandOver);
        w.no_cycle();
        w.timeout(430, 1, A);
        w.failed(460, 0, A, ETIMEDOUT, detector).class
    };
    assert_eq!(fails(Detector::Flushed), Class::Miss);
    assert_eq!(fails(Detector::TimeoutHead), Class::Late);
}

#[test]
fn a_head_that_is_handed_on_heals_when_the_next_has_taken_it() {
    let mut w = queue_over_an_owner();
    w.found(400, 0, A); // The NMI itself, without a check before.
    w.failed(430, 0, A, EDEADLK, Detector::AaBegin);
    // Core 2 has lost its predecessor and not said what it was told.
    w.leave(435, 0);
    assert_eq!(w.0.take_recoveries(), []);
    assert!(!w.0.has_recoveries());
    w.wait(450, 2, A, WaitKind::Head);
    assert!(w.0.has_recoveries());
    let all = w.0.take_recoveries();
    assert!(!w.0.has_recoveries());
    assert_eq!(all[0].instants(), [100, 400, 400, 430, 450]);
    assert_eq!((all[0].bystanders, all[0].bystander_errors, all[0].bystander_wait_cycles), (1, 0, 430 - 150));
}

#[test]
fn a_deadlock_behind_a_former_one_has_an_anatomy_of_its_own() {
    let mut w = World::new(2);
    w.take(10, 0, A);
    w.want(20, 1, A, WaitKind::Pending);
    for (nmi_at, out_at) in [(100, 130), (200, 280)] {
        w.nmi(nmi_at, 0);
        w.attempt(nmi_at + 5, 0, A);
        w.wait(nmi_at + 10, 0, A, WaitKind::Head);
        w.found(out_at - 5, 0, A);
        w.deadlock(out_at, 0, A);
        w.leave(out_at + 5, 0);
    }
    let all: Vec<_> = w.0.take_recoveries().iter().map(|r| (r.instants()[0], r.instants()[4], r.bystanders)).collect();
    assert_eq!(all, [(110, 130, 1), (210, 280, 1)]);
    // Core 1 is one bystander, with 20 and 70 cycles behind a deadlock.
    assert_eq!(w.0.bystanders(299), Bystanders { count: 1, errors: 0, wait_cycles: 90 });
    w.timeout(300, 1, A);
    assert_eq!(w.0.bystanders(300), Bystanders { count: 1, errors: 0, wait_cycles: 90 });
}

#[test]
fn time_behind_two_deadlocks_at_once_counts_once() {
    let mut w = World::new(3);
    w.take(10, 0, A);
    w.take(20, 1, B);
    w.want(50, 0, B, WaitKind::Pending);
    w.want(60, 1, A, WaitKind::Pending);
    w.want(70, 2, A, WaitKind::Head); // Behind the first until 130, and the second from 90 to 110.
    w.nmi(80, 0);
    w.want(90, 0, A, WaitKind::Head);
    w.deadlock(110, 0, A);
    w.leave(115, 0);
    w.deadlock(130, 1, A);
    let own: Vec<u64> = w.0.take_recoveries().iter().map(|r| r.bystander_wait_cycles).collect();
    assert_eq!(own, [20, 60]);
    assert_eq!(w.0.bystanders(999), Bystanders { count: 1, errors: 0, wait_cycles: 60 });
}

#[test]
fn a_deadlock_is_over_when_the_last_of_its_cycles_is() {
    let mut w = World::new(3);
    w.take(10, 0, B);
    w.take(12, 1, A);
    w.want(20, 2, A, WaitKind::Pending);
    w.nmi(30, 2);
    w.want(40, 2, B, WaitKind::TestAndSet);
    w.want(50, 1, B, WaitKind::Pending);
    // One wait for the owner, who wants B, and for the pending waiter, whose interrupt wants B.
    w.line_up(60, 0, A, 0);
    w.check(80, 2, B); // On a cycle that is not listed, so this look does not count.
    w.found(90, 1, B);
    w.deadlock(100, 1, B);
    // Core 1 has left; the other cycle is uncovered and belongs to the same deadlock.
    assert_eq!((w.formed(), w.0.totals().cycles_uncovered), (1, 1));
    assert_eq!(w.0.open_recoveries(), OpenRecoveries { healing: 1, ..OpenRecoveries::default() });
    w.found(150, 2, B);
    w.deadlock(160, 2, B);
    let all = w.0.take_recoveries();
    assert_eq!(all.iter().map(Recovery::instants).collect::<Vec<_>>(), [[60, 90, 90, 100, 160]]);
    assert_eq!(all[0].members.len(), 2);
    assert_eq!(w.0.open_recoveries(), OpenRecoveries::default());
}

#[test]
fn waiting_for_an_owner_at_work_is_in_good_order_at_once() {
    let mut w = World::new(3);
    w.take(10, 0, A);
    w.take(20, 1, B);
    w.want(50, 0, B, WaitKind::Pending);
    w.want(60, 1, A, WaitKind::Pending);
    w.attempt(70, 2, A);
    w.check(80, 2, A); // Core 2 is on no cycle: its looks do not count.
    w.wait(85, 2, A, WaitKind::Head);
    w.check(90, 1, A);
    w.found(95, 1, A);
    w.resumed(97, 1, A);
    w.deadlock(100, 1, A);
    let all = w.0.take_recoveries();
    assert_eq!(all[0].instants(), [60, 90, 95, 100, 100]);
    assert_eq!((all[0].name, all[0].detector), (CycleName::Abba, Some(Detector::Abba)));
    // Core 2 lost 97 - 85 cycles to it, and no error.
    assert_eq!((all[0].bystanders, all[0].bystander_errors, all[0].bystander_wait_cycles), (1, 0, 12));
}

#[test]
fn a_bystander_that_times_out_while_the_deadlock_lives_is_counted() {
    let mut w = World::new(3);
    w.take(10, 0, A);
    w.take(20, 1, B);
    w.want(50, 0, B, WaitKind::Pending);
    w.want(60, 1, A, WaitKind::Pending);
    w.want(40 + 30, 2, A, WaitKind::Head);
    assert_eq!(w.timeout(200, 2, A).class, Class::WrongCulprit);
    assert_eq!(w.0.open_recoveries().undetected, 1);
    w.deadlock(300, 0, B);
    let all = w.0.take_recoveries();
    // Without `found` marks the detection is the failed mark.
    assert_eq!(all[0].instants(), [60, 300, 300, 300, 300]);
    assert_eq!((all[0].bystanders, all[0].bystander_errors, all[0].bystander_wait_cycles), (1, 1, 130));
}

#[test]
fn two_that_notice_together_have_both_detected() {
    let mut w = World::new(2);
    w.take(10, 0, A);
    w.take(20, 1, B);
    w.want(50, 0, B, WaitKind::Pending);
    w.want(60, 1, A, WaitKind::Pending);
    w.check(98, 1, A);
    w.found(100, 0, B);
    w.found(101, 1, A);
    w.resumed(102, 0, B);
    w.no_cycle();
    assert_eq!(w.deadlock(110, 0, B).class, Class::Detected);
    let second = w.deadlock(111, 1, A);
    assert_eq!((second.class, second.latency_cycles), (Class::Detected, Some(51)));
    assert_eq!(w.0.take_recoveries()[0].instants(), [60, 98, 100, 110, 111]);
}

#[test]
fn a_verdict_is_late_only_if_its_look_began_before_the_first_had_unwound() {
    let run = |looks_at: u64| {
        let mut w = World::new(2);
        w.take(10, 0, A);
        w.take(20, 1, B);
        w.want(50, 0, B, WaitKind::Pending);
        w.want(60, 1, A, WaitKind::Pending);
        w.found(100, 0, B);
        w.resumed(102, 0, B);
        if looks_at <= 110 {
            w.check(looks_at, 1, A);
        }
        w.deadlock(110, 0, B);
        if looks_at > 110 {
            w.check(looks_at, 1, A);
        }
        w.found(200, 1, A);
        w.deadlock(210, 1, A).class
    };
    assert_eq!(run(105), Class::Late);
    assert_eq!(run(110), Class::Late);
    assert_eq!(run(111), Class::FalsePositive);
}

/// Both heads run into their deadlines; the second has looked, if at all, at `looks_at`.
fn second_head_times_out(looks_at: u64) -> (Class, Class) {
    let mut w = World::new(3);
    w.take(10, 0, A);
    w.take(20, 1, B);
    w.line_up(50, 0, B, 0);
    w.line_up(60, 1, A, 0);
    w.line_up(70, 2, A, tail(1, 0));
    w.check(80, 1, A);
    w.found(100, 0, B);
    w.wait(105, 0, B, WaitKind::HandOver);
    w.no_cycle();
    w.resumed(107, 0, B);
    assert_eq!(w.timeout(110, 0, B).class, Class::Miss);
    if looks_at > 0 {
        w.check(looks_at, 1, A);
    }
    w.found(200, 1, A);
    w.wait(205, 1, A, WaitKind::HandOver);
    w.resumed(207, 1, A);
    let second = w.timeout(210, 1, A).class;
    w.found(220, 2, A);
    (second, w.failed(230, 2, A, ETIMEDOUT, Detector::Flushed).class)
}

#[test]
fn a_deadline_that_ends_a_wait_just_after_its_deadlock_is_late_and_whom_it_flushes_is_behind() {
    assert_eq!(second_head_times_out(0), (Class::Late, Class::WrongCulprit));
    // It has seen since that the deadlock is gone, and waited on.
    assert_eq!(second_head_times_out(111), (Class::TimeoutOutsideCycle, Class::TimeoutOutsideCycle));
}

#[test]
fn a_deadlock_that_passes_without_an_error_is_no_recovery() {
    let mut w = World::new(2);
    w.take(10, 0, A);
    w.nmi(20, 0);
    w.want(30, 0, A, WaitKind::Pending);
    w.wait(40, 0, A, WaitKind::PendingHandOver);
    w.no_cycle();
    assert_eq!((w.0.totals().cycles_passed, w.0.open_recoveries()), (1, OpenRecoveries::default()));
    assert_eq!(w.0.take_recoveries(), []);
}

#[test]
fn whoever_waits_for_a_head_without_an_heir_is_behind_a_deadlock() {
    let mut w = World::new(4);
    w.take(10, 0, A);
    w.take(20, 1, B);
    w.want(50, 0, B, WaitKind::Pending);
    w.line_up(60, 1, A, 0);
    w.want(70, 2, B, WaitKind::Pending);
    w.found(100, 1, A);
    w.wait(105, 1, A, WaitKind::HandOver);
    w.no_cycle();
    assert_eq!(w.timeout(500, 2, B).class, Class::WrongCulprit);
    // With a successor that runs towards linking itself, it ends by itself.
    w.want(510, 2, B, WaitKind::Pending);
    w.attempt(520, 3, A);
    w.queued(521, 3, A, tail(1, 0), tail(3, 0));
    assert_eq!(w.timeout(530, 2, B).class, Class::TimeoutOutsideCycle);
}
