// SPDX-License-Identifier: MIT OR Apache-2.0
//! Queues in front of a queue of their heads, as cohort locks have them.

use super::*;
use crate::oracle::edges::Reason;

/// Core 0 has come to the queue of heads of A before core 1, which owns B.
fn two_heads() -> World {
    let mut w = World::new(3);
    w.take(5, 1, B);
    w.line_up(10, 0, A, 0);
    w.line_up(20, 1, A, 0);
    w
}

#[test]
fn a_head_waits_for_every_earlier_one() {
    let mut w = two_heads();
    w.nmi(30, 0);
    w.want(40, 0, B, WaitKind::TestAndSet);
    let cycle = w.cycle();
    assert_eq!(places(cycle), [(0, 1), (1, 0), (0, 0)]);
    assert_eq!((cycle.name, cycle.formed_at), (CycleName::Abba, 40));
    assert_eq!(cycle.members[1].reason, Reason::Predecessor(A));
    assert_eq!(w.0.stuck_since(), Some(40));
}

#[test]
fn a_head_waits_for_no_later_one() {
    let mut w = World::new(2);
    w.take(5, 0, B);
    w.line_up(10, 0, A, 0);
    w.line_up(20, 1, A, 0);
    w.nmi(30, 1);
    w.want(40, 1, B, WaitKind::TestAndSet);
    w.no_cycle();
}

#[test]
fn a_head_keeps_its_place_when_its_wait_gets_a_deadline() {
    let mut w = two_heads();
    w.wait_bounded(25, 0, A, WaitKind::Head);
    w.nmi(30, 0);
    w.want(40, 0, B, WaitKind::TestAndSet);
    assert_eq!(w.cycle().formed_at, 40);
}

#[test]
fn a_head_that_gives_up_or_has_left_the_queue_is_nobodys_predecessor() {
    for leaves in [false, true] {
        let mut w = two_heads();
        if leaves {
            w.queued(25, 0, A, tail(0, 0), 0);
        } else {
            w.found(25, 0, A);
        }
        w.nmi(30, 0);
        w.want(40, 0, B, WaitKind::TestAndSet);
        w.no_cycle();
    }
}

/// Core 0 owns A, and core 1 is behind it in the queue and interrupted by an NMI that wants B. Core 2 owns B and is the
/// head of another queue of A.
fn owner_with_a_successor() -> World {
    let mut w = World::new(3);
    w.line_up(10, 0, A, 0);
    w.held(11, 0, A);
    w.line_up(20, 1, A, tail(0, 0));
    w.take(30, 2, B);
    w.line_up(40, 2, A, 0);
    w.nmi(50, 1);
    w.want(60, 1, B, WaitKind::TestAndSet);
    w.no_cycle();
    w
}

#[test]
fn a_release_gives_the_turn_to_the_successor() {
    let mut w = owner_with_a_successor();
    w.released(70, 0, A);
    let cycle = w.cycle();
    assert_eq!(places(cycle), [(1, 0), (1, 1), (2, 0)]);
    assert_eq!((cycle.formed_at, w.0.stuck_since(), w.formed()), (70, Some(70), 1));
}

#[test]
fn a_release_of_the_lock_alone_gives_it_to_the_other_queues() {
    let mut w = owner_with_a_successor();
    w.released_alone(70, 0, A, tail(0, 0));
    w.queued(80, 0, A, tail(0, 0), 0);
    w.no_cycle();
    w.held(90, 2, A);
    w.released(95, 2, A);
    w.released(100, 2, B);
    w.held(110, 1, B);
    w.released(115, 1, B);
    w.leave(120, 1);
    w.wait(130, 1, A, WaitKind::Head);
    w.held(140, 1, A);
    w.released(150, 1, A);
    assert!(w.0.finish().is_quiet());
    assert_eq!(w.0.totals().unknown_predecessors, 0);
}

#[test]
fn a_successor_waits_for_a_former_owner_until_that_one_lets_it_go_on() {
    let run = |lets_go: bool| {
        let mut w = World::new(2);
        w.line_up(10, 0, A, 0);
        w.held(11, 0, A);
        w.line_up(20, 1, A, tail(0, 0));
        w.released_alone(30, 0, A, tail(0, 0));
        if lets_go {
            w.queued(35, 0, A, tail(0, 0), 0);
        }
        w.nmi(40, 0);
        w.attempt(50, 0, A);
        w.queued(50, 0, A, tail(1, 0), tail(0, 1));
        w.wait(50, 0, A, WaitKind::Queued);
        (w.0.live_cycles().first().map(places), w.0.stuck_since())
    };
    assert_eq!(run(false), (Some(vec![(0, 1), (1, 0), (0, 0)]), Some(50)));
    assert_eq!(run(true), (None, None));
}

/// Core 0 has released A and keeps its entry in the queue.
fn former_owner(cpus: usize) -> World {
    let mut w = World::new(cpus);
    w.line_up(10, 0, A, 0);
    w.held(11, 0, A);
    w.released_alone(20, 0, A, tail(0, 0));
    w
}

#[test]
fn a_former_owner_waits_for_a_successor_that_has_not_linked_itself() {
    let mut w = former_owner(2);
    w.attempt(25, 1, A);
    w.queued(25, 1, A, tail(0, 0), tail(1, 0));
    w.wait(30, 0, A, WaitKind::HandOver);
    w.nmi(40, 1);
    // Behind its own task, which is behind core 0, which waits for that task.
    w.attempt(50, 1, A);
    w.queued(50, 1, A, tail(1, 0), tail(1, 1));
    w.wait(50, 1, A, WaitKind::Queued);
    assert_eq!(places(w.cycle()), [(1, 1), (1, 0)]);
    let stuck = w.0.stuck(&|_| false, true).expect("nothing ends it");
    assert_eq!(stuck.contexts.len(), 3, "{stuck:?}");
    assert_eq!(stuck.contexts[0].why, Why::DependsOn(stuck.contexts[1].who, Reason::Successor(A)));
}

#[test]
fn only_a_former_owner_itself_waits_for_its_successor() {
    let mut w = former_owner(2);
    for (mark, args) in
        [(MarkKind::Wait, [A, WaitKind::HandOver as u64, NO_DEADLINE]), (MarkKind::Queued, [A, tail(0, 0), 0])]
    {
        let violation = w.wrong(30, 1, mark, args);
        assert!(matches!(violation, Violation::MarkWithoutAttempt { .. }), "{violation:?}");
    }
}

#[test]
fn of_two_former_owners_the_one_that_leaves_takes_its_own_entry() {
    let mut w = former_owner(3);
    // The second one does not wait for its turn.
    w.attempt(30, 1, A);
    w.queued(30, 1, A, tail(0, 0), tail(1, 0));
    w.held(31, 1, A);
    w.released_alone(40, 1, A, tail(1, 0));
    w.line_up(50, 2, A, tail(1, 0));
    w.queued(60, 1, A, tail(1, 0), 0);
    let tails = |w: &World| w.0.state.locks[0].queue.iter().map(|e| e.tail).collect::<Vec<_>>();
    assert_eq!(tails(&w), [tail(0, 0), tail(2, 0)]);
    w.queued(70, 0, A, tail(0, 0), 0);
    assert_eq!(tails(&w), [tail(2, 0)]);
}

#[test]
fn a_lock_released_alone_by_an_unknown_tail_is_released_with_its_entry() {
    let mut w = World::new(1);
    w.line_up(10, 0, A, 0);
    w.held(11, 0, A);
    w.released_alone(20, 0, A, 0x999);
    let violation = w.wrong(30, 0, MarkKind::Queued, [A, 0x999, 0]);
    assert!(matches!(violation, Violation::MarkWithoutAttempt { .. }), "{violation:?}");
    assert!(w.0.finish().is_quiet());
}
