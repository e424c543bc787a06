// SPDX-License-Identifier: MIT OR Apache-2.0
//! What programs do wrong is found, said, and leaves the state as it was.

use super::*;

fn who(cpu: u32) -> Who {
    Who { context: ContextId { cpu, depth: 0, serial: u64::from(cpu) }, kind: ContextKind::Task }
}

#[test]
fn two_owners_of_one_lock_violate_mutual_exclusion() {
    let mut w = World::new(2);
    w.take(10, 0, A);
    w.attempt(20, 1, A);
    let violation = w.wrong(30, 1, MarkKind::Held, [A, 0, 0]);
    let expected = Violation::MutualExclusion { at: 30, who: who(1), lock: A, owner: who(0), owned_since: 11 };
    assert_eq!(violation, expected);
    assert_eq!(
        violation.to_string(),
        "cycle 30: cpu 1 task became owner of lock 0x1000, which cpu 0 task has owned since cycle \
         11"
    );
    w.released(40, 0, A);
    w.held(50, 1, A);
}

#[test]
fn only_the_owner_may_release() {
    let mut w = World::new(2);
    let args = [A, 0, 0];
    let nobody = w.wrong(5, 1, MarkKind::Released, args);
    assert_eq!(nobody.to_string(), "cycle 5: cpu 1 task released lock 0x1000, which nobody owns");
    w.take(10, 0, A);
    let expected = Violation::ReleasedByNonOwner { at: 20, who: who(1), lock: A, owner: Some(who(0)) };
    assert_eq!(w.wrong(20, 1, MarkKind::Released, args), expected);
    // The same cpu's interrupt is somebody else too.
    w.nmi(30, 0);
    let nmi = w.wrong(40, 0, MarkKind::Released, args);
    assert!(matches!(nmi, Violation::ReleasedByNonOwner { owner, .. } if owner == Some(who(0))));
}

#[test]
fn marks_need_an_attempt_on_the_same_lock() {
    let mut w = World::new(1);
    let idle = |mark, lock| Violation::MarkWithoutAttempt { at: 5, who: who(0), mark, lock, attempting: None };
    let hand_over = |lock| [lock, WaitKind::HandOver as u64, 0];
    assert_eq!(
        w.wrong(5, 0, MarkKind::Resumed, [A, 0, 0]),
        idle(MarkKind::Resumed, A),
        "it neither attempts nor waits"
    );
    assert_eq!(w.wrong(5, 0, MarkKind::Wait, hand_over(A)), idle(MarkKind::Wait, A), "it owns nothing");
    w.attempt(5, 0, C);
    w.held(5, 0, C);
    assert_eq!(w.wrong(5, 0, MarkKind::Wait, hand_over(A)), idle(MarkKind::Wait, A), "it owns another");
    let head = [C, WaitKind::Head as u64, 0];
    assert_eq!(w.wrong(5, 0, MarkKind::Wait, head), idle(MarkKind::Wait, C), "an owner waits for a successor only");
    w.wait(6, 0, C, WaitKind::HandOver);
    w.resumed(7, 0, C);
    w.released(8, 0, C);
    let held = |attempting| Violation::HeldWithoutAttempt { at: 10, who: who(0), lock: A, attempting };
    assert_eq!(w.wrong(10, 0, MarkKind::Held, [A, 0, 0]), held(None));
    w.attempt(10, 0, B);
    assert_eq!(w.wrong(10, 0, MarkKind::Held, [A, 0, 0]), held(Some(B)));
    let wait = [A, WaitKind::Head as u64, 0];
    let failed = [A, EDEADLK, Detector::Abba as u64];
    for (mark, args) in [
        (MarkKind::Wait, wait),
        (MarkKind::Wait, hand_over(A)),
        (MarkKind::Queued, [A, 0, 4]),
        (MarkKind::Resumed, [A, 0, 0]),
        (MarkKind::Failed, failed),
    ] {
        let expected = Violation::MarkWithoutAttempt { at: 10, who: who(0), mark, lock: A, attempting: Some(B) };
        assert_eq!(w.wrong(10, 0, mark, args), expected);
    }
    let violation = w.wrong(10, 0, MarkKind::Failed, failed);
    assert_eq!(
        violation.to_string(),
        "cycle 10: cpu 0 task marked failed for lock 0x1000, but its attempt is on lock 0x2000"
    );
}

#[test]
fn an_attempt_inside_ones_own_attempt_is_nested_but_an_interrupts_is_not() {
    let mut w = World::new(1);
    w.attempt(10, 0, A);
    let expected = Violation::NestedAttempt { at: 20, who: who(0), lock: B, attempting: A };
    assert_eq!(w.wrong(20, 0, MarkKind::Attempt, [B, 0, 0]), expected);
    w.nmi(30, 0);
    w.attempt(40, 0, B);
}

#[test]
fn an_interrupt_returns_clean_or_not_at_all() {
    let mut w = World::new(1);
    assert_eq!(w.0.leave(5, 0), Err(Violation::NothingToLeave { at: 5, cpu: 0 }));
    w.nmi(10, 0);
    w.attempt(20, 0, A);
    let attempting = w.0.leave(30, 0);
    assert!(matches!(attempting, Err(Violation::LeaveWhileAttempting { lock: A, .. })));
    w.held(40, 0, A);
    let holding = w.0.leave(50, 0).expect_err("it holds A");
    assert_eq!(holding.to_string(), "cycle 50: cpu 0 nmi returned while it owned lock 0x1000");
    w.released(60, 0, A);
    w.leave(70, 0);
    assert!(w.0.finish().is_quiet());
}

#[test]
fn numbers_without_meaning_are_named() {
    let mut w = World::new(1);
    w.attempt(10, 0, A);
    let kind = w.wrong(10, 0, MarkKind::Wait, [A, 99, 0]);
    assert_eq!(kind.to_string(), "cycle 10: cpu 0 task marked wait with unknown number 99");
    let detector = w.wrong(10, 0, MarkKind::Failed, [A, EDEADLK, 77]);
    assert!(matches!(detector, Violation::UnknownNumber { value: 77, .. }));
}

#[test]
#[should_panic(expected = "marks must come in time order: cycle 9 after cycle 10")]
fn time_does_not_go_back() {
    let mut w = World::new(1);
    w.attempt(10, 0, A);
    w.held(9, 0, A);
}
