// SPDX-License-Identifier: MIT OR Apache-2.0
//! Claims about the oracle. Every number was worked out by hand from the marks.

mod anatomy;
mod bystanders;
mod deadlocks;
mod heads;
mod output;
mod queues;
mod random;
mod stuck;
mod verdicts;
mod violations;

use super::*;
use sim_core::isa::{Detector, EDEADLK, ETIMEDOUT, NO_DEADLINE, WaitKind};
use sim_core::recur::{Look, Recur, Walk};

const A: u64 = 0x1000;
const B: u64 = 0x2000;
const C: u64 = 0x3000;

/// The tail code of a cpu's queue node; any numbering without repetition and zero would do.
fn tail(cpu: usize, node: u64) -> u64 {
    ((cpu as u64 + 1) << 2) | node
}

/// An oracle to which well-behaved programs report.
struct World(Oracle);

impl World {
    fn new(cpus: usize) -> Self {
        World(Oracle::new(cpus))
    }

    fn mark(&mut self, at: u64, cpu: usize, kind: MarkKind, args: [u64; 3]) -> Option<Verdict> {
        match self.0.mark(at, cpu, kind, args) {
            Ok(verdict) => verdict,
            Err(violation) => panic!("{violation}"),
        }
    }

    /// A mark of a program that is not; it changes no context.
    fn wrong(&mut self, at: u64, cpu: usize, kind: MarkKind, args: [u64; 3]) -> Violation {
        let before = format!("{:?}", self.0.state.stacks);
        let violation = self.0.mark(at, cpu, kind, args).expect_err("a violation");
        assert_eq!(format!("{:?}", self.0.state.stacks), before);
        violation
    }

    /// Attempt at `at`, owner one cycle later.
    fn take(&mut self, at: u64, cpu: usize, lock: u64) {
        self.attempt(at, cpu, lock);
        self.held(at + 1, cpu, lock);
    }

    fn attempt(&mut self, at: u64, cpu: usize, lock: u64) {
        self.mark(at, cpu, MarkKind::Attempt, [lock, 0, 0]);
    }

    fn held(&mut self, at: u64, cpu: usize, lock: u64) {
        self.mark(at, cpu, MarkKind::Held, [lock, 0, 0]);
    }

    fn released(&mut self, at: u64, cpu: usize, lock: u64) {
        self.mark(at, cpu, MarkKind::Released, [lock, 0, 0]);
    }

    /// The lock is free; its successor in the queue waits for it yet.
    fn released_alone(&mut self, at: u64, cpu: usize, lock: u64, own: u64) {
        self.mark(at, cpu, MarkKind::Released, [lock, own, 0]);
    }

    fn wait(&mut self, at: u64, cpu: usize, lock: u64, kind: WaitKind) {
        self.mark(at, cpu, MarkKind::Wait, [lock, kind as u64, NO_DEADLINE]);
    }

    /// A wait that a deadline bounds.
    fn wait_bounded(&mut self, at: u64, cpu: usize, lock: u64, kind: WaitKind) {
        self.mark(at, cpu, MarkKind::Wait, [lock, kind as u64, 0]);
    }

    fn check(&mut self, at: u64, cpu: usize, lock: u64) {
        self.mark(at, cpu, MarkKind::Check, [lock, Detector::Abba as u64, 0]);
    }

    fn found(&mut self, at: u64, cpu: usize, lock: u64) {
        self.mark(at, cpu, MarkKind::Found, [lock, EDEADLK, 0]);
    }

    fn resumed(&mut self, at: u64, cpu: usize, lock: u64) {
        self.mark(at, cpu, MarkKind::Resumed, [lock, 0, 0]);
    }

    /// Attempt and wait in the same cycle.
    fn want(&mut self, at: u64, cpu: usize, lock: u64, kind: WaitKind) {
        self.attempt(at, cpu, lock);
        self.wait(at, cpu, lock, kind);
    }

    fn queued(&mut self, at: u64, cpu: usize, lock: u64, before: u64, own: u64) {
        self.mark(at, cpu, MarkKind::Queued, [lock, before, own]);
    }

    /// Attempt, node 0 of the cpu joins behind `before`, and the wait, all in the same cycle.
    fn line_up(&mut self, at: u64, cpu: usize, lock: u64, before: u64) {
        let kind = if before == 0 { WaitKind::Head } else { WaitKind::Queued };
        self.attempt(at, cpu, lock);
        self.queued(at, cpu, lock, before, tail(cpu, 0));
        self.wait(at, cpu, lock, kind);
    }

    fn nmi(&mut self, at: u64, cpu: usize) {
        self.0.enter(at, cpu, ContextKind::Nmi);
    }

    fn leave(&mut self, at: u64, cpu: usize) {
        if let Err(violation) = self.0.leave(at, cpu) {
            panic!("{violation}");
        }
    }

    fn failed(&mut self, at: u64, cpu: usize, lock: u64, errno: u64, detector: Detector) -> Verdict {
        let args = [lock, errno, detector as u64];
        self.mark(at, cpu, MarkKind::Failed, args).expect("both errors give a verdict")
    }

    fn deadlock(&mut self, at: u64, cpu: usize, lock: u64) -> Verdict {
        self.failed(at, cpu, lock, EDEADLK, Detector::Abba)
    }

    fn timeout(&mut self, at: u64, cpu: usize, lock: u64) -> Verdict {
        self.failed(at, cpu, lock, ETIMEDOUT, Detector::TimeoutHead)
    }

    /// The only live cycle.
    fn cycle(&self) -> &Cycle {
        assert_eq!(self.0.live_cycles().len(), 1, "one live cycle");
        &self.0.live_cycles()[0]
    }

    fn no_cycle(&self) {
        assert_eq!(self.0.live_cycles(), []);
    }

    fn formed(&self) -> u64 {
        self.0.totals().cycles_formed.values().sum()
    }
}

/// `(cpu, depth)` of the members.
fn places(cycle: &Cycle) -> Vec<(u32, u32)> {
    let contexts = cycle.members.iter().map(|m| m.who.context);
    contexts.map(|c| (c.cpu, c.depth)).collect()
}

/// What decides an oracle's future, as the search for periods sees it.
fn look(w: &mut World, now: u64) -> Look {
    let mut walk = Walk::look(sim_core::time::Cycle(now));
    w.0.walk(&mut walk);
    walk.seen().expect("it looks")
}

#[track_caller]
fn are_different(looks: &[Look]) {
    for (i, a) in looks.iter().enumerate() {
        for (j, b) in looks.iter().enumerate() {
            assert_eq!(a.is_again(b), i == j, "{i} {j}");
        }
    }
}

#[test]
fn counts_move_on_with_the_periods_and_a_deadlock_lets_nothing_move() {
    let round = |w: &mut World, from: u64| {
        w.take(from, 0, A);
        w.want(from + 5, 1, A, WaitKind::Pending);
        w.released(from + 20, 0, A);
        w.held(from + 25, 1, A);
        w.released(from + 30, 1, A);
    };
    let mut w = World::new(2);
    round(&mut w, 100);
    round(&mut w, 200);
    let first = look(&mut w, 300);
    round(&mut w, 300);
    let again = look(&mut w, 400);
    assert!(first.is_whole() && again.is_whole() && again.is_again(&first));
    w.0.walk(&mut again.moving(&first, 5).expect("it fits"));
    for i in 0..5 {
        assert_eq!((w.0.totals().attempts, w.0.totals().acquisitions), (16 + 2 * i, 16 + 2 * i));
        assert_eq!(w.0.totals().unbounded_waits[WaitKind::Pending as usize].count, 8 + i);
        round(&mut w, 900 + 100 * i);
    }
    w.take(2000, 0, A);
    w.take(2010, 1, B);
    w.want(2020, 0, B, WaitKind::Pending);
    assert!(look(&mut w, 2025).is_whole());
    w.want(2030, 1, A, WaitKind::Pending);
    assert!(!look(&mut w, 2040).is_whole());
    // Neither while it unwinds, when there is no cycle any more, nor before it has been told of.
    w.found(2050, 1, A);
    w.resumed(2060, 1, A);
    w.no_cycle();
    assert!(!w.0.has_recoveries() && !look(&mut w, 2065).is_whole());
    w.deadlock(2070, 1, A);
    w.released(2080, 1, B);
    w.held(2090, 0, B);
    assert!(w.0.has_recoveries() && !look(&mut w, 2095).is_whole());
    w.0.take_recoveries();
    assert!(look(&mut w, 2100).is_whole());
}

#[test]
fn it_matters_who_owns_which_lock() {
    let owned_by = |of_a: usize, of_b: usize| {
        let mut w = World::new(2);
        w.take(1, 0, A);
        w.released(3, 0, A);
        w.take(5, 0, B);
        w.released(7, 0, B);
        w.attempt(10, of_a, A);
        w.attempt(10, of_b, B);
        w.held(20, of_a, A);
        w.held(20, of_b, B);
        look(&mut w, 40)
    };
    are_different(&[owned_by(0, 1), owned_by(1, 0)]);
}

#[test]
fn an_error_to_come_lets_nothing_move() {
    let mut w = World::new(3);
    w.take(10, 0, A);
    w.line_up(50, 1, A, 0);
    w.line_up(60, 2, A, tail(1, 0));
    assert!(look(&mut w, 80).is_whole());
    // A time-out without a deadlock: who is behind has lost no time to one, and is told to fail all the same.
    w.wait(90, 1, A, WaitKind::HandOver);
    w.timeout(95, 1, A);
    w.released(97, 0, A);
    assert!(!look(&mut w, 100).is_whole());
    w.failed(110, 2, A, ETIMEDOUT, Detector::Flushed);
    assert!(look(&mut w, 120).is_whole());
}

#[test]
fn who_is_no_head_any_more_leaves_the_other_heads() {
    let mut w = World::new(3);
    w.take(10, 2, A);
    w.want(20, 0, A, WaitKind::Head);
    w.want(30, 1, A, WaitKind::Head);
    let heads = |w: &mut World| {
        let lock = w.0.state.lock_index(A);
        w.0.state.locks[lock].heads.iter().map(|h| h.0.cpu).collect::<Vec<_>>()
    };
    assert_eq!(heads(&mut w), [0, 1]);
    w.resumed(40, 0, A);
    assert_eq!(heads(&mut w), [1]);
    w.wait(50, 0, A, WaitKind::Queued);
    w.wait(60, 0, A, WaitKind::Head);
    assert_eq!(heads(&mut w), [1, 0], "who waits for the same lock as something else becomes one");
}

#[test]
fn what_an_attempt_has_come_to_is_part_of_what_is_seen() {
    let attempt = |begun: u64, lock: u64, then: &dyn Fn(&mut World)| {
        let mut w = World::new(2);
        // Both locks are known in this order.
        w.take(1, 1, A);
        w.take(3, 1, B);
        w.attempt(begun, 0, lock);
        then(&mut w);
        look(&mut w, 60)
    };
    let all = [
        attempt(10, A, &|_| {}),
        attempt(11, A, &|_| {}),
        attempt(10, B, &|_| {}),
        attempt(10, A, &|w| w.check(20, 0, A)),
        attempt(10, A, &|w| w.queued(20, 0, A, 0, tail(0, 0))),
        attempt(10, A, &|w| w.wait(20, 0, A, WaitKind::Pending)),
    ];
    are_different(&all);
}

#[test]
fn an_oracle_is_as_before_only_where_the_same_contexts_do_the_same() {
    let owned_by = |cpu: usize, nmi: bool| {
        let mut w = World::new(2);
        w.take(10, 1 - cpu, B);
        w.released(20, 1 - cpu, B);
        if nmi {
            w.nmi(25, cpu);
        }
        w.take(30, cpu, A);
        w
    };
    let looks: Vec<Look> =
        [(0, false), (1, false), (0, true), (1, true)].map(|(cpu, nmi)| look(&mut owned_by(cpu, nmi), 40)).into();
    are_different(&looks);
}
