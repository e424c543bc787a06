// SPDX-License-Identifier: MIT OR Apache-2.0
//! Places in queues: who comes before whom, and for how long.

use super::*;

#[test]
fn a_head_that_claims_waits_for_a_successor_until_that_one_is_linked() {
    let mut w = World::new(2);
    w.line_up(10, 0, A, 0);
    w.attempt(20, 1, A);
    w.queued(21, 1, A, tail(0, 0), tail(1, 0));
    w.nmi(22, 1); // Before the successor has stored its link.
    w.held(30, 0, A);
    w.wait(31, 0, A, WaitKind::HandOver);
    w.no_cycle();
    w.want(40, 1, A, WaitKind::Pending);
    let cycle = w.cycle();
    assert_eq!((cycle.formed_at, cycle.name), (40, CycleName::Aa));
    assert_eq!(places(cycle), [(1, 1), (0, 0), (1, 0)]);
    assert_eq!(cycle.members[1].reason, Reason::Successor(A));
    assert!(cycle.queue_carried && cycle.context_carried);
    assert_eq!(w.deadlock(50, 1, A).class, Class::Detected);
    w.leave(60, 1);
    w.wait(70, 1, A, WaitKind::Queued); // Linked: the owner can go on.
    assert!(!w.0.dot(|_| String::new()).contains("successor"));
    w.nmi(80, 1);
    w.want(90, 1, A, WaitKind::Pending);
    w.no_cycle();
}

#[test]
fn who_has_been_handed_the_head_role_no_longer_waits_for_its_predecessor() {
    let mut w = World::new(3);
    w.take(10, 0, B);
    w.line_up(20, 1, A, 0);
    w.line_up(30, 0, A, tail(1, 0));
    w.held(40, 1, A);
    w.want(50, 1, B, WaitKind::Pending);
    assert_eq!(w.cycle().formed_at, 50);
    // It still waits for the same context, now as owner; the deadlock is as old as before.
    w.wait(60, 0, A, WaitKind::Head);
    assert_eq!(w.cycle().formed_at, 50);
    let verdict = w.deadlock(90, 1, B);
    assert_eq!((verdict.class, verdict.latency_cycles), (Class::Detected, Some(40)));
    w.no_cycle();
    w.released(100, 1, A);
    w.held(110, 0, A);
}

#[test]
fn joining_again_behind_ones_old_successor_is_no_cycle() {
    let mut w = World::new(2);
    w.line_up(10, 0, A, 0);
    w.line_up(20, 1, A, tail(0, 0));
    w.held(30, 0, A);
    w.released(40, 0, A);
    // The flag is on its way to cpu 1, which has not yet noticed.
    w.line_up(50, 0, A, tail(1, 0));
    w.no_cycle();
    w.wait(60, 1, A, WaitKind::Head);
    w.held(70, 1, A);
    w.released(80, 1, A);
    w.wait(90, 0, A, WaitKind::Head);
    w.held(95, 0, A);
    w.released(99, 0, A);
    assert!(w.0.finish().is_quiet());
}

#[test]
fn of_two_entries_with_one_tail_code_the_newer_is_the_predecessor() {
    let mut w = World::new(2);
    w.line_up(10, 0, A, 0);
    w.held(20, 0, A);
    w.nmi(30, 0);
    w.line_up(40, 0, A, 0); // The owner's node is free again, so the code is the same.
    assert_eq!(w.cycle().formed_at, 40);
    w.line_up(50, 1, A, tail(0, 0));
    let verdict = w.timeout(60, 1, A);
    assert_eq!(verdict.class, Class::WrongCulprit);
    let dot = w.0.dot(|_| "A".to_owned());
    assert!(dot.contains("A: owner") && !dot.contains("A: predecessor"));
}

#[test]
fn a_context_that_withdrew_its_tail_is_no_longer_in_the_way() {
    let mut w = World::new(2);
    w.take(10, 0, A);
    w.line_up(20, 1, A, 0);
    w.queued(30, 1, A, tail(1, 0), 0);
    w.nmi(40, 1);
    w.want(50, 1, A, WaitKind::Fallback);
    w.no_cycle();
}

#[test]
fn an_owners_place_lets_a_lock_keep_its_node_in_the_tail() {
    // As in an MCS lock: the owner's node is the predecessor of whoever comes next.
    let mut w = World::new(3);
    w.line_up(10, 0, A, 0);
    w.held(20, 0, A);
    w.line_up(30, 1, A, tail(0, 0));
    w.take(35, 2, B);
    w.want(40, 0, B, WaitKind::TestAndSet);
    w.no_cycle();
    let dot = w.0.dot(|l| if l == A { "A".into() } else { "B".into() });
    assert!(dot.contains("A: predecessor"), "{dot}");
    assert_eq!(w.0.totals().unknown_predecessors, 0);
}

#[test]
fn a_previous_tail_of_nobody_is_counted_and_gives_no_edge() {
    let mut w = World::new(2);
    w.line_up(10, 0, A, 0x77);
    assert_eq!(w.0.totals().unknown_predecessors, 1);
    w.nmi(20, 0);
    w.want(30, 0, A, WaitKind::Pending);
    w.no_cycle();
}

#[test]
fn a_flushed_waiter_is_judged_as_of_the_moment_the_head_gave_up() {
    let mut w = World::new(3);
    w.take(10, 0, A);
    w.line_up(50, 1, A, 0);
    w.nmi(100, 0);
    w.line_up(125, 0, A, tail(1, 0));
    w.line_up(200, 2, A, tail(0, 0)); // Behind the deadlock.
    w.wait(590, 1, A, WaitKind::HandOver);
    w.no_cycle();
    let head = w.timeout(600, 1, A);
    assert_eq!((head.class, head.latency_cycles), (Class::Miss, Some(475)));
    w.wait(610, 0, A, WaitKind::HandOver);
    let nmi = w.failed(620, 0, A, ETIMEDOUT, Detector::Flushed);
    assert_eq!((nmi.class, nmi.latency_cycles), (Class::Miss, Some(495)));
    let last = w.failed(640, 2, A, ETIMEDOUT, Detector::Flushed);
    assert_eq!(last.class, Class::WrongCulprit);
    assert_eq!((last.latency_cycles, last.cycle), (None, None));
}

#[test]
fn a_flush_without_a_hand_over_wait_is_judged_the_same() {
    let mut w = World::new(2);
    w.take(10, 0, A);
    w.line_up(50, 1, A, 0);
    w.nmi(100, 0);
    w.line_up(125, 0, A, tail(1, 0));
    assert_eq!(w.timeout(600, 1, A).latency_cycles, Some(475));
    let nmi = w.failed(620, 0, A, ETIMEDOUT, Detector::Flushed);
    assert_eq!((nmi.class, nmi.latency_cycles), (Class::Miss, Some(495)));
}

#[test]
fn a_head_that_keeps_its_queue_on_a_deadlock_leaves_the_rest_unjudged() {
    let mut w = World::new(3);
    w.take(10, 0, B);
    w.take(12, 1, A);
    w.line_up(20, 0, A, 0);
    w.line_up(30, 2, A, tail(0, 0));
    w.want(40, 1, B, WaitKind::Pending);
    assert_eq!(w.cycle().formed_at, 40);
    w.wait(100, 0, A, WaitKind::HandOver);
    let head = w.deadlock(110, 0, A);
    assert_eq!((head.class, head.latency_cycles), (Class::Detected, Some(70)));
    // The successor is the head of a healthy queue; what was true at cycle 100 is forgotten.
    w.wait(120, 2, A, WaitKind::Head);
    let next = w.timeout(900, 2, A);
    assert_eq!(next.class, Class::TimeoutOutsideCycle);
    assert!(!next.behind_deadlock);
}
