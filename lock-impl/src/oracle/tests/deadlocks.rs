// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which marks close a cycle, when, and what the cycle is called.

use super::*;

#[test]
fn an_nmi_in_the_fallback_over_the_owner_is_aa() {
    let mut w = World::new(1);
    w.take(10, 0, A);
    w.nmi(100, 0);
    w.attempt(110, 0, A);
    w.no_cycle();
    w.wait(130, 0, A, WaitKind::Fallback);
    let cycle = w.cycle();
    assert_eq!((cycle.formed_at, cycle.name), (130, CycleName::Aa));
    assert_eq!(places(cycle), [(0, 1), (0, 0)]);
    assert_eq!(cycle.members[0].reason, Reason::Owner(A));
    assert_eq!(cycle.members[1].reason, Reason::Interrupted);
    assert!(cycle.context_carried && !cycle.queue_carried && !cycle.extends_live);
    let verdict = w.failed(1130, 0, A, EDEADLK, Detector::AaPeriodic);
    assert_eq!(verdict.class, Class::Detected);
    assert_eq!(verdict.latency_cycles, Some(1000));
    assert_eq!(verdict.kind, ContextKind::Nmi);
    w.no_cycle();
}

#[test]
fn an_nmi_over_the_owner_queued_behind_another_waiter_is_aa_carried_by_the_queue() {
    let mut w = World::new(2);
    w.take(10, 0, A);
    w.line_up(50, 1, A, 0);
    w.nmi(100, 0);
    w.line_up(125, 0, A, tail(1, 0));
    let cycle = w.cycle();
    assert_eq!((cycle.formed_at, cycle.name), (125, CycleName::Aa));
    assert_eq!(places(cycle), [(0, 1), (1, 0), (0, 0)]);
    assert_eq!(cycle.members[0].reason, Reason::Predecessor(A));
    assert!(cycle.queue_carried && cycle.context_carried);
}

#[test]
fn two_tasks_in_opposite_order_are_abba_from_the_second_wait_on() {
    let mut w = World::new(2);
    w.take(10, 0, A);
    w.take(20, 1, B);
    w.want(50, 0, B, WaitKind::Pending);
    w.no_cycle();
    w.want(60, 1, A, WaitKind::Pending);
    let cycle = w.cycle();
    assert_eq!((cycle.formed_at, cycle.name), (60, CycleName::Abba));
    assert_eq!(cycle.locks(), [A, B]);
    assert!(!cycle.queue_carried && !cycle.context_carried);
}

#[test]
fn nmis_over_two_owners_that_want_each_others_lock_are_abba_carried_by_contexts() {
    let mut w = World::new(2);
    w.take(10, 0, A);
    w.take(12, 1, B);
    w.nmi(20, 0);
    w.nmi(30, 1);
    w.want(40, 0, B, WaitKind::Fallback);
    w.no_cycle();
    w.want(55, 1, A, WaitKind::Fallback);
    let cycle = w.cycle();
    assert_eq!((cycle.formed_at, cycle.name), (55, CycleName::Abba));
    assert_eq!(places(cycle), [(1, 1), (0, 0), (0, 1), (1, 0)]);
    assert!(cycle.context_carried && !cycle.queue_carried);
}

#[test]
fn two_owners_whose_nmis_are_non_head_waiters_are_abba_carried_by_both() {
    let mut w = World::new(4);
    w.take(10, 0, A);
    w.take(12, 1, B);
    w.line_up(20, 2, A, 0);
    w.line_up(20, 3, B, 0);
    w.nmi(30, 0);
    w.line_up(40, 0, B, tail(3, 0));
    w.nmi(50, 1);
    w.line_up(60, 1, A, tail(2, 0));
    let cycle = w.cycle();
    assert_eq!((cycle.formed_at, cycle.name), (60, CycleName::Abba));
    assert_eq!(places(cycle), [(1, 1), (2, 0), (0, 0), (0, 1), (3, 0), (1, 0)]);
    assert!(cycle.context_carried && cycle.queue_carried);
}

#[test]
fn three_tasks_in_a_ring_are_a_three_lock_cycle() {
    let mut w = World::new(3);
    for (cpu, lock) in [A, B, C].into_iter().enumerate() {
        w.take(10 + 2 * cpu as u64, cpu, lock);
    }
    w.want(20, 0, B, WaitKind::TestAndSet);
    w.want(21, 1, C, WaitKind::Head);
    w.no_cycle();
    w.want(22, 2, A, WaitKind::Pending);
    let cycle = w.cycle();
    assert_eq!((cycle.formed_at, cycle.name), (22, CycleName::NLock(3)));
    assert_eq!(cycle.name.to_string(), "3-lock");
    assert_eq!(places(cycle), [(2, 0), (0, 0), (1, 0)]);
}

#[test]
fn a_chain_of_waiters_behind_a_running_owner_is_no_cycle() {
    let mut w = World::new(5);
    w.take(10, 0, A);
    w.want(20, 1, A, WaitKind::Pending);
    w.line_up(30, 2, A, 0);
    w.line_up(40, 3, A, tail(2, 0));
    w.line_up(50, 4, A, tail(3, 0));
    w.nmi(60, 4);
    w.nmi(60, 1);
    w.no_cycle();
    let verdict = w.timeout(500, 2, A);
    assert_eq!(verdict.class, Class::TimeoutOutsideCycle);
    assert!(!verdict.behind_deadlock);
    assert_eq!(w.formed(), 0);
}

#[test]
fn a_fallback_over_a_queued_task_is_a_cycle_though_the_owner_runs() {
    let mut w = World::new(3);
    w.take(10, 0, A);
    w.line_up(20, 1, A, 0);
    w.line_up(30, 2, A, tail(1, 0));
    w.nmi(40, 2);
    w.want(50, 2, A, WaitKind::Fallback);
    let cycle = w.cycle();
    assert_eq!((cycle.formed_at, cycle.name), (50, CycleName::Aa));
    assert_eq!(places(cycle), [(2, 1), (2, 0)]);
    assert_eq!(cycle.members[0].reason, Reason::InQueue(A));
    assert!(cycle.queue_carried && cycle.context_carried);
    // The lock goes on to the head and becomes free; its word never does.
    w.released(100, 0, A);
    w.held(110, 1, A);
    w.released(120, 1, A);
    assert_eq!(w.cycle().formed_at, 50);
    let verdict = w.failed(1050, 2, A, ETIMEDOUT, Detector::TimeoutFallback);
    assert_eq!((verdict.class, verdict.latency_cycles), (Class::Miss, Some(1000)));
}

#[test]
fn joining_a_queue_that_has_to_empty_extends_the_deadlock() {
    let mut w = World::new(3);
    w.take(10, 0, A);
    w.line_up(20, 1, A, 0);
    w.nmi(30, 1);
    w.want(40, 1, A, WaitKind::Fallback);
    w.line_up(70, 2, A, tail(1, 0));
    let cycles = w.0.live_cycles();
    assert_eq!(cycles.len(), 2);
    assert!(!cycles[0].extends_live && cycles[1].extends_live);
    assert_eq!(cycles[1].formed_at, 70);
    assert_eq!(places(&cycles[1]), [(2, 0), (1, 0), (1, 1)]);
    assert_eq!(w.0.totals().cycles_extending_live, 1);
    // Who joined later has been in it for a shorter time.
    assert_eq!(w.timeout(100, 2, A).latency_cycles, Some(30));
    assert_eq!(w.timeout(100, 1, A).latency_cycles, Some(60));
}

#[test]
fn an_nmi_over_the_pending_waiter_is_a_cycle_without_any_owner() {
    let mut w = World::new(2);
    w.take(10, 0, A);
    w.want(20, 1, A, WaitKind::Pending);
    w.released(25, 0, A);
    w.nmi(30, 1);
    w.attempt(35, 1, A);
    w.queued(36, 1, A, 0, tail(1, 0));
    w.wait(37, 1, A, WaitKind::Head);
    let cycle = w.cycle();
    assert_eq!((cycle.formed_at, cycle.name), (37, CycleName::Aa));
    assert_eq!(cycle.members[0].reason, Reason::Pending(A));
}

#[test]
fn a_pending_waiter_does_not_wait_for_the_queue() {
    let mut w = World::new(3);
    w.take(10, 0, A);
    w.line_up(20, 1, A, 0);
    w.nmi(30, 1);
    w.want(40, 1, A, WaitKind::Pending);
    w.no_cycle();
}

#[test]
fn a_context_that_wants_its_own_lock_again_is_aa_by_itself() {
    let mut w = World::new(1);
    w.take(10, 0, A);
    w.want(20, 0, A, WaitKind::TestAndSet);
    let cycle = w.cycle();
    assert_eq!((cycle.formed_at, cycle.name), (20, CycleName::Aa));
    assert_eq!(places(cycle), [(0, 0)]);
    assert!(!cycle.context_carried);
    assert_eq!(w.deadlock(25, 0, A).class, Class::Detected);
}

#[test]
fn a_bounded_wait_for_the_pending_waiter_closes_no_cycle() {
    let mut w = World::new(1);
    w.attempt(10, 0, A);
    w.wait(10, 0, A, WaitKind::Pending);
    w.nmi(20, 0);
    w.want(30, 0, A, WaitKind::PendingHandOver);
    w.no_cycle();
    w.wait(40, 0, A, WaitKind::Head);
    assert_eq!(w.cycle().formed_at, 40);
}

#[test]
fn nested_interrupts_pass_the_dependence_upwards() {
    let mut w = World::new(1);
    w.take(10, 0, A);
    w.0.enter(20, 0, ContextKind::Softirq);
    w.0.enter(30, 0, ContextKind::Hardirq);
    w.nmi(40, 0);
    w.want(50, 0, A, WaitKind::TestAndSet);
    assert_eq!(places(w.cycle()), [(0, 3), (0, 0), (0, 1), (0, 2)]);
    assert_eq!(w.deadlock(60, 0, A).latency_cycles, Some(10));
    w.leave(70, 0);
    w.leave(80, 0);
    w.want(90, 0, A, WaitKind::TestAndSet);
    assert_eq!(places(w.cycle()), [(0, 1), (0, 0)]);
}

#[test]
fn a_cycle_hidden_behind_the_listed_one_is_listed_when_that_dissolves() {
    let mut w = World::new(3);
    w.take(10, 0, B);
    w.take(12, 1, A);
    w.want(20, 2, A, WaitKind::Pending);
    w.nmi(30, 2);
    w.want(40, 2, B, WaitKind::TestAndSet);
    w.want(50, 1, B, WaitKind::Pending);
    w.no_cycle();
    // Needs the owner gone, which wants B, and the pending waiter, whose interrupt wants B.
    w.line_up(60, 0, A, 0);
    assert_eq!(places(w.cycle()), [(0, 0), (1, 0)]);
    assert_eq!(w.deadlock(100, 1, B).latency_cycles, Some(40));
    let cycle = w.cycle();
    assert_eq!(places(cycle), [(0, 0), (2, 0), (2, 1)]);
    assert_eq!((cycle.id, cycle.formed_at, cycle.name), (1, 60, CycleName::Abba));
    assert_eq!((w.formed(), w.0.totals().cycles_uncovered), (1, 1));
    let verdict = w.deadlock(160, 2, B);
    assert_eq!((verdict.class, verdict.latency_cycles), (Class::Detected, Some(100)));
    w.no_cycle();
}

#[test]
fn cycles_are_counted_by_what_carries_them_and_who_waits_is_told() {
    let mut w = World::new(2);
    w.take(10, 0, A);
    assert!(!w.0.is_waiting(0) && !w.0.is_waiting(1));
    w.line_up(50, 1, A, 0);
    assert!(!w.0.is_waiting(0) && w.0.is_waiting(1));
    w.nmi(100, 0);
    assert!(!w.0.is_waiting(0), "the handler runs");
    w.line_up(125, 0, A, tail(1, 0));
    assert!(w.0.is_waiting(0));
    let totals = w.0.totals();
    assert_eq!((totals.cycles_queue_carried, totals.cycles_context_carried), (1, 1));
    let mut plain = World::new(2);
    plain.take(10, 0, A);
    plain.take(20, 1, B);
    plain.want(50, 0, B, WaitKind::Pending);
    plain.want(60, 1, A, WaitKind::Pending);
    let totals = plain.0.totals();
    assert_eq!((plain.formed(), totals.cycles_queue_carried, totals.cycles_context_carried), (1, 0, 0));
}

#[test]
fn whoever_releases_one_lock_while_it_waits_for_another_waits_on() {
    let mut w = World::new(2);
    w.take(10, 0, A);
    w.take(12, 0, C);
    w.take(14, 1, B);
    w.want(20, 0, B, WaitKind::Pending);
    w.released(30, 0, A);
    w.want(40, 1, C, WaitKind::Pending);
    assert_eq!((w.cycle().name, w.cycle().formed_at), (CycleName::Abba, 40));
}
