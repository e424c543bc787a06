// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who loses time behind a head that gives up and has no heir.

use super::*;

/// Core 0 owns A and heads the queue of B, core 1 owns B and wants A (a deadlock from cycle 60 on), core 3 owns C and wants A,
/// and core 2 wants C. Core 0 gives up at 100 and waits for an heir from 105 on, which ends the cycle.
fn lost_head() -> World {
    let mut w = World::new(6);
    w.take(10, 0, A);
    w.take(20, 1, B);
    w.take(30, 3, C);
    w.line_up(50, 0, B, 0);
    w.want(60, 1, A, WaitKind::Pending);
    w.want(65, 3, A, WaitKind::TestAndSet);
    w.want(70, 2, C, WaitKind::TestAndSet);
    w.found(100, 0, B);
    w.wait(105, 0, B, WaitKind::HandOver);
    w.no_cycle();
    w
}

#[test]
fn they_lose_time_until_they_fail_or_get_the_lock() {
    let mut w = lost_head();
    assert_eq!(w.0.bystanders(150), Bystanders { count: 2, errors: 0, wait_cycles: (150 - 65) + (150 - 70) });
    w.timeout(200, 3, A);
    w.released(210, 3, C);
    w.held(215, 2, C);
    let lost = (200 - 65) + (215 - 70);
    assert_eq!(w.0.bystanders(215), Bystanders { count: 2, errors: 1, wait_cycles: lost });
    assert_eq!(w.0.bystanders(9_999), w.0.bystanders(215));
}

#[test]
fn whose_handler_waits_behind_a_lost_head_has_not_begun_to_wait_itself() {
    let mut w = lost_head();
    w.attempt(300, 4, 0x4000);
    w.nmi(310, 4);
    w.want(320, 4, A, WaitKind::TestAndSet);
    let lost = (400 - 65) + (400 - 70) + (400 - 320);
    assert_eq!(w.0.bystanders(400), Bystanders { count: 3, errors: 0, wait_cycles: lost });
}

#[test]
fn an_end_of_other_deadlocks_does_not_end_it() {
    let mut w = lost_head();
    // Core 1 gives up, too, then a deadlock forms elsewhere and passes.
    w.deadlock(110, 1, A);
    w.want(115, 5, C, WaitKind::TestAndSet); // Behind the head as well, from now on.
    w.nmi(120, 4);
    w.nmi(121, 1);
    w.take(130, 4, 0x4000);
    w.want(135, 1, 0x4000, WaitKind::TestAndSet);
    w.nmi(140, 4);
    w.want(150, 4, 0x4000, WaitKind::TestAndSet);
    assert_eq!(w.formed(), 2);
    w.deadlock(160, 4, 0x4000);
    let all = w.0.take_recoveries();
    assert_eq!((all.len(), all[0].bystanders, all[0].bystander_wait_cycles), (1, 1, 160 - 150));
    let lost = (200 - 65) + (200 - 70) + (200 - 115) + 10;
    assert_eq!(w.0.bystanders(200), Bystanders { count: 4, errors: 0, wait_cycles: lost });
}

#[test]
fn whoever_comes_later_loses_time_too_and_order_ends_it() {
    let mut w = lost_head();
    w.deadlock(110, 1, A); // Its own look told it, just after.
    w.want(300, 1, A, WaitKind::Pending);
    assert_eq!(w.0.bystanders(400).wait_cycles, (400 - 65) + (400 - 70) + (400 - 300));
    // The heir comes and links itself; what follows takes until core 0 has returned.
    w.attempt(500, 4, B);
    w.queued(500, 4, B, tail(0, 0), tail(4, 0));
    w.wait(501, 4, B, WaitKind::Queued);
    w.resumed(505, 0, B);
    assert_eq!(w.0.take_recoveries(), []);
    w.deadlock(510, 0, B);
    let all = w.0.take_recoveries();
    assert_eq!(all[0].instants(), [60, 100, 100, 510, 510]);
    let lost = (510 - 65) + (510 - 70) + (510 - 300);
    assert_eq!((all[0].bystanders, all[0].bystander_errors, all[0].bystander_wait_cycles), (3, 0, lost));
    // They wait for an owner at work.
    assert_eq!(w.0.bystanders(900), Bystanders { count: 3, errors: 0, wait_cycles: lost });
}

#[test]
fn a_head_that_turns_out_to_lack_an_heir_after_another_has_ended_the_cycle_is_seen() {
    let mut w = World::new(3);
    w.take(10, 0, A);
    w.take(20, 1, B);
    w.line_up(50, 0, B, 0);
    w.want(60, 1, A, WaitKind::Pending);
    w.want(70, 2, A, WaitKind::TestAndSet);
    w.found(100, 1, A);
    w.found(101, 0, B);
    w.resumed(102, 1, A);
    w.no_cycle();
    w.deadlock(104, 1, A);
    w.wait(106, 0, B, WaitKind::HandOver);
    assert_eq!(w.0.bystanders(200), Bystanders { count: 1, errors: 0, wait_cycles: (102 - 70) + (200 - 106) });
}
