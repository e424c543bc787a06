// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can never go on, and what only seems so.

use super::*;
use crate::oracle::edges::Reason;

/// `(cpu, depth)` of the contexts that are stuck, if every cpu runs and interrupts can come.
fn stuck(w: &World) -> Vec<(u32, u32)> {
    stuck_among(w, &[], true)
}

/// The same where these cpus have ended their tasks.
fn stuck_among(w: &World, ended: &[usize], interrupts: bool) -> Vec<(u32, u32)> {
    let stuck = w.0.stuck(&|cpu| ended.contains(&cpu), interrupts);
    stuck.map_or_else(Vec::new, |s| s.contexts.iter().map(|c| (c.who.context.cpu, c.who.context.depth)).collect())
}

#[test]
fn a_deadlock_without_deadlines_is_stuck_from_the_mark_that_closes_it() {
    let mut w = World::new(3);
    w.take(10, 0, A);
    w.take(20, 1, B);
    w.want(50, 0, B, WaitKind::TestAndSet);
    assert_eq!((stuck(&w), w.0.stuck_since()), (vec![], None));
    w.want(60, 1, A, WaitKind::TestAndSet);
    assert_eq!((stuck(&w), w.0.stuck_since()), (vec![(0, 0), (1, 0)], Some(60)));
    w.want(70, 2, A, WaitKind::Queued);
    assert_eq!(stuck(&w), [(0, 0), (1, 0)], "it waits for nobody yet");
    let all = w.0.stuck(&|_| false, true).unwrap();
    assert_eq!((all.since, all.needs_silence), (60, false));
    assert_eq!(all.contexts[0].why, Why::DependsOn(all.contexts[1].who, Reason::Owner(B)));
    let line = all.contexts[0].line(&|lock| if lock == A { "a".into() } else { "b".into() });
    assert_eq!(line, "cpu 0 task waits for b (test_and_set, without a deadline): cpu 1 task owns b");
}

#[test]
fn one_deadline_on_the_cycle_is_enough_until_the_wait_turns_unbounded() {
    let mut w = World::new(2);
    w.take(10, 0, A);
    w.take(20, 1, B);
    w.attempt(50, 0, B);
    w.wait_bounded(50, 0, B, WaitKind::Pending);
    w.want(60, 1, A, WaitKind::TestAndSet);
    assert_eq!(w.cycle().formed_at, 60);
    assert_eq!((stuck(&w), w.0.stuck_since()), (vec![], None), "core 0 will time out");
    w.wait(90, 0, B, WaitKind::Pending);
    assert_eq!((stuck(&w), w.0.stuck_since()), (vec![(0, 0), (1, 0)], Some(90)));
    assert_eq!(w.cycle().formed_at, 60, "the deadlock itself is older");
    for interrupts in [true, false] {
        let all = w.0.stuck(&|_| false, interrupts).expect("all are");
        assert_eq!((all.since, all.needs_silence), (90, false), "known from marks, though nobody else runs");
    }
}

#[test]
fn an_interrupted_context_cannot_look_at_its_deadline() {
    let mut w = World::new(2);
    w.take(10, 1, B);
    w.take(20, 0, A);
    w.attempt(50, 0, B);
    w.wait_bounded(50, 0, B, WaitKind::Head);
    w.nmi(60, 0);
    w.want(70, 0, A, WaitKind::Fallback);
    assert_eq!(stuck(&w), [(0, 0), (0, 1)]);
    // Core 1 waits behind: with a deadline it is not stuck itself.
    w.attempt(80, 1, A);
    w.wait_bounded(80, 1, A, WaitKind::Pending);
    let all = w.0.stuck(&|_| false, true).unwrap();
    assert_eq!((all.contexts.len(), all.behind.len()), (2, 1));
    let line = all.behind[0].line(&|_| "a".into());
    assert_eq!(line, "cpu 1 task waits for a (pending, with a deadline): cpu 0 task owns a");
    // Without one it is, though on no cycle.
    w.wait(90, 1, A, WaitKind::Pending);
    assert_eq!(stuck(&w), [(0, 0), (0, 1), (1, 0)]);
    assert_eq!(w.0.stuck_since(), Some(70));
    // The task waits for the owner of B as well; what keeps it is first of all its handler.
    let all = w.0.stuck(&|_| false, true).unwrap();
    assert_eq!(all.contexts[0].why, Why::DependsOn(all.contexts[1].who, Reason::Interrupted));
}

#[test]
fn a_deadline_counts_again_when_a_handler_that_will_return_has_returned() {
    let mut w = World::new(2);
    w.take(10, 0, A);
    w.take(20, 1, B);
    w.attempt(50, 0, B);
    w.wait_bounded(50, 0, B, WaitKind::Head);
    w.nmi(55, 0); // Works for a while.
    w.want(60, 1, A, WaitKind::TestAndSet);
    assert_eq!((stuck(&w), w.0.stuck_since()), (vec![], None));
    w.want(70, 0, B, WaitKind::TestAndSet);
    assert_eq!((stuck(&w), w.0.stuck_since()), (vec![(0, 0), (0, 1), (1, 0)], Some(70)));
}

/// A head that gave up for a deadlock and has no successor.
fn lost_heir() -> World {
    let mut w = World::new(3);
    w.take(10, 0, A);
    w.line_up(50, 1, A, 0);
    w.wait(90, 1, A, WaitKind::HandOver);
    w
}

#[test]
fn a_lost_heir_is_stuck_when_nobody_is_left_who_could_come() {
    let w = lost_heir();
    assert_eq!(stuck(&w), []);
    assert_eq!(stuck_among(&w, &[0], false), [], "core 2 could come");
    assert_eq!(stuck_among(&w, &[2], false), [], "core 0 runs");
    let mut w = lost_heir();
    w.released(95, 0, A);
    assert_eq!(stuck_among(&w, &[0, 2], true), [], "a handler could come");
    assert_eq!(stuck_among(&w, &[0, 2], false), [(1, 0)]);
    let all = w.0.stuck(&|cpu| cpu != 1, false).unwrap();
    assert_eq!((all.since, all.needs_silence, all.contexts[0].why), (90, true, Why::NoHeir));
    w.nmi(98, 2);
    assert_eq!(stuck_among(&w, &[0, 2], false), [], "one has come");
}

#[test]
fn a_waiter_with_a_successor_on_its_way_or_linked_is_not_stuck() {
    let mut w = lost_heir();
    w.attempt(100, 2, A);
    w.queued(100, 2, A, tail(1, 0), tail(2, 0));
    w.released(101, 0, A);
    assert_eq!(stuck_among(&w, &[0], false), []);
    w.wait(110, 2, A, WaitKind::Queued);
    assert_eq!(stuck_among(&w, &[0], false), []);
}

#[test]
fn a_task_that_ends_with_a_lock_keeps_its_waiters_for_ever() {
    let mut w = World::new(2);
    w.take(10, 0, A);
    w.want(20, 1, A, WaitKind::TestAndSet);
    assert_eq!(stuck_among(&w, &[], false), []);
    let all = w.0.stuck(&|cpu| cpu == 0, false).unwrap();
    assert_eq!(all.contexts.iter().map(|c| c.why).collect::<Vec<_>>()[0], Why::Ended);
    assert_eq!(all.contexts.len(), 2);
}

#[test]
fn waits_without_a_deadline_are_counted_with_the_longest() {
    let mut w = World::new(2);
    let of = |w: &World, kind: WaitKind| w.0.unbounded_waits(1000)[kind as usize];
    w.take(10, 0, A);
    w.line_up(100, 1, A, 0);
    w.wait_bounded(150, 1, A, WaitKind::Head);
    let head = UnboundedWaits { count: 1, ended: 1, longest_cycles: 50 };
    assert_eq!(of(&w, WaitKind::Head), head, "until a deadline bounds it");
    w.wait_bounded(160, 1, A, WaitKind::PendingHandOver);
    w.wait(200, 1, A, WaitKind::HandOver);
    w.resumed(230, 1, A);
    assert_eq!(of(&w, WaitKind::HandOver), UnboundedWaits { count: 1, ended: 1, longest_cycles: 30 });
    w.timeout(300, 1, A);
    w.want(400, 1, A, WaitKind::Queued);
    w.wait(450, 1, A, WaitKind::Queued); // Inside the loop: the same wait.
    assert_eq!(of(&w, WaitKind::Queued), UnboundedWaits { count: 1, ended: 0, longest_cycles: 600 });
    assert_eq!(of(&w, WaitKind::Head), head);
    assert_eq!(of(&w, WaitKind::PendingHandOver).count, 0);
}
