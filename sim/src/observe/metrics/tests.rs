// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every definition on sequences made by hand. One cycle is one nanosecond.

use reports::Histogram;
use sim_core::isa::{EDEADLK, ETIMEDOUT};

use super::*;

const A: u64 = 0x1000;
const B: u64 = 0x2000;
const ENTRY: u64 = 10;

fn meter() -> Meter {
    Meter::new(4, Clock { khz: 1_000_000 }, KernelView::default())
}

fn mark(m: &mut Meter, at: u64, core: usize, kind: MarkKind, args: [u64; 3]) {
    m.mark(&SeenMark { at: Cycle(at), core, kind, args, pc: 0 });
}

fn attempt(m: &mut Meter, at: u64, cpu: usize, lock: u64) {
    mark(m, at, cpu, MarkKind::Attempt, [lock, 0, 0]);
}

fn wait(m: &mut Meter, at: u64, cpu: usize, lock: u64) {
    mark(m, at, cpu, MarkKind::Wait, [lock, 1, 0]);
}

fn held(m: &mut Meter, at: u64, cpu: usize, lock: u64) {
    mark(m, at, cpu, MarkKind::Held, [lock, 0, 0]);
}

fn released(m: &mut Meter, at: u64, cpu: usize, lock: u64) {
    mark(m, at, cpu, MarkKind::Released, [lock, 0, 0]);
}

fn failed(m: &mut Meter, at: u64, cpu: usize, lock: u64, errno: u64, detector: Detector) {
    mark(m, at, cpu, MarkKind::Failed, [lock, errno, detector as u64]);
}

fn nmi(m: &mut Meter, at: u64, cpu: usize, pending_since: u64) {
    let kind = ContextKind::Nmi;
    let pending_since = Cycle(pending_since);
    let taken = Taken { kind, handler: 0, entry_cycles: ENTRY, exit_cycles: 5, number: 0, pending_since };
    m.taken(Cycle(at), cpu, &taken);
}

fn back(m: &mut Meter, at: u64, cpu: usize) {
    m.leave(Cycle(at), cpu, ContextKind::Nmi, Cycle(at + 5));
}

fn read(m: &Meter) -> Metrics {
    let name = |a: u64| if a == A { "a".to_owned() } else { "b".to_owned() };
    m.metrics(ContextKind::ALL, name)
}

/// The values of a histogram of few small ones, ascending.
fn values(h: &Histogram) -> Vec<u64> {
    h.buckets().flat_map(|(low, _, n)| std::iter::repeat_n(low, n as usize)).collect()
}

#[test]
fn a_handoff_is_measured_only_if_somebody_was_waiting_at_the_release() {
    let mut m = meter();
    attempt(&mut m, 100, 0, A);
    held(&mut m, 101, 0, A);
    attempt(&mut m, 110, 1, A);
    released(&mut m, 130, 0, A);
    held(&mut m, 137, 1, A);
    released(&mut m, 147, 1, A); // nobody waits
    attempt(&mut m, 150, 2, A);
    held(&mut m, 151, 2, A);
    attempt(&mut m, 155, 3, A);
    released(&mut m, 160, 2, A);
    failed(&mut m, 165, 3, A, ETIMEDOUT, Detector::Flushed);
    attempt(&mut m, 170, 0, A); // the waiter has gone: this one is the next to hold it
    held(&mut m, 172, 0, A);
    let a = &read(&m).locks["a"];
    assert_eq!(values(&a.handoff_ns), [7, 12]);
    assert_eq!(values(&a.hold_ns), [9, 10, 29]);
    assert_eq!((a.attempts, a.acquisitions), (5, 4));
}

#[test]
fn locks_do_not_disturb_each_other() {
    let mut m = meter();
    attempt(&mut m, 10, 0, A);
    held(&mut m, 11, 0, A);
    attempt(&mut m, 12, 1, B);
    released(&mut m, 20, 0, A);
    attempt(&mut m, 25, 0, B);
    held(&mut m, 30, 1, B);
    attempt(&mut m, 31, 2, A);
    held(&mut m, 32, 2, A);
    let all = read(&m).locks;
    assert!(all["a"].handoff_ns.is_empty() && all["b"].handoff_ns.is_empty());
    assert_eq!((values(&all["a"].queue_length), values(&all["b"].queue_length)), (vec![0, 0], vec![0, 1]));
}

#[test]
fn the_queue_an_attempt_finds_has_attempts_and_no_owner() {
    let mut m = meter();
    attempt(&mut m, 10, 0, A);
    held(&mut m, 11, 0, A);
    attempt(&mut m, 12, 1, A); // an owner, no attempt: 0
    attempt(&mut m, 13, 2, A);
    nmi(&mut m, 14, 2, 14);
    attempt(&mut m, 30, 2, A); // two, one of them below
    failed(&mut m, 31, 2, A, EDEADLK, Detector::AaBegin);
    attempt(&mut m, 33, 3, A); // it has gone: two
    assert_eq!(values(&read(&m).locks["a"].queue_length), [0, 0, 1, 2, 2]);
}

#[test]
fn who_began_later_and_was_served_before_bypasses() {
    let mut m = meter();
    for (cpu, at) in [(0, 10), (1, 11), (2, 12)] {
        attempt(&mut m, at, cpu, A);
    }
    // 2 passes both; it comes again and passes them again; then 1 passes 0; 3 begins last and fails; then 0.
    held(&mut m, 20, 2, A);
    released(&mut m, 21, 2, A);
    attempt(&mut m, 22, 2, A);
    held(&mut m, 23, 2, A);
    released(&mut m, 24, 2, A);
    held(&mut m, 25, 1, A);
    released(&mut m, 26, 1, A);
    attempt(&mut m, 27, 3, A);
    failed(&mut m, 28, 3, A, ETIMEDOUT, Detector::TimeoutHead);
    held(&mut m, 29, 0, A);
    // In the order in which they were served: 0, 0, 2, 3.
    let a = &read(&m).locks["a"];
    assert_eq!((values(&a.bypassed), a.acquisitions), (vec![0, 0, 2, 3], 4));
}

#[test]
fn first_come_first_served_bypasses_nobody_though_attempts_begin_in_one_cycle() {
    let mut m = meter();
    for cpu in 0..4 {
        attempt(&mut m, 10, cpu, A);
    }
    for cpu in 0..4 {
        held(&mut m, 20 + 2 * cpu as u64, cpu, A);
        released(&mut m, 21 + 2 * cpu as u64, cpu, A);
    }
    let m = read(&m);
    assert_eq!(values(&m.locks["a"].bypassed), [0; 4]);
    assert_eq!(values(&m.locks["a"].handoff_ns), [1; 3]);
    assert_eq!(m.cpus["task"].jain(), Some(1.0));
}

#[test]
fn waiting_counts_from_the_first_wait_and_without_what_ran_on_top() {
    let mut m = meter();
    attempt(&mut m, 10, 0, A);
    held(&mut m, 20, 0, A); // without a wait: nothing lost
    released(&mut m, 21, 0, A);
    attempt(&mut m, 30, 0, A);
    nmi(&mut m, 31, 0, 31); // before the wait: no matter
    back(&mut m, 35, 0); // until 40
    wait(&mut m, 50, 0, A);
    wait(&mut m, 60, 0, A);
    nmi(&mut m, 70, 0, 70);
    attempt(&mut m, 80, 0, A);
    wait(&mut m, 82, 0, A);
    failed(&mut m, 85, 0, A, EDEADLK, Detector::AaBegin);
    back(&mut m, 90, 0); // until 95
    mark(&mut m, 100, 0, MarkKind::Enter, [0; 3]); // a hook
    mark(&mut m, 104, 0, MarkKind::Leave, [0; 3]);
    held(&mut m, 150, 0, A);
    let all = read(&m).waiting;
    // 50 to 150, less 70 to 95, less 100 to 104.
    assert_eq!((values(&all["task"].lost_ns), all["task"].interrupted_ns), (vec![71], 29));
    assert_eq!((values(&all["nmi"].lost_ns), all["nmi"].interrupted_ns), (vec![3], 0));
}

#[test]
fn a_wait_of_an_owner_is_no_waiting_of_an_attempt() {
    let mut m = meter();
    attempt(&mut m, 10, 0, A);
    held(&mut m, 20, 0, A);
    wait(&mut m, 21, 0, A);
    released(&mut m, 30, 0, A);
    attempt(&mut m, 40, 0, A);
    held(&mut m, 44, 0, A);
    assert!(read(&m).waiting["task"].lost_ns.is_empty());
}

#[test]
fn what_has_not_ended_is_ended_at_the_end_of_the_run() {
    let mut m = meter();
    attempt(&mut m, 10, 1, A);
    wait(&mut m, 20, 1, A);
    nmi(&mut m, 50, 1, 50);
    attempt(&mut m, 65, 1, B);
    wait(&mut m, 70, 1, B);
    m.close(Cycle(100));
    let all = read(&m);
    assert_eq!((values(&all.waiting["task"].lost_ns), all.waiting["task"].interrupted_ns), (vec![30], 50));
    assert_eq!(values(&all.waiting["nmi"].lost_ns), [30]);
    assert_eq!(all.cpus["task"].longest_ns, [0, 90, 0, 0]);
    assert_eq!(all.attempts_by["nmi"]["unfinished"]["none"], 1);
    assert!(m.kernel.log().attempts.is_empty(), "they have no duration");
}

#[test]
fn results_are_counted_by_detector_and_context_with_a_zero_for_each_possible_one() {
    let mut m = meter();
    attempt(&mut m, 10, 0, A);
    held(&mut m, 20, 0, A);
    nmi(&mut m, 25, 0, 25);
    attempt(&mut m, 36, 0, A);
    failed(&mut m, 40, 0, A, EDEADLK, Detector::TryOnce);
    back(&mut m, 41, 0);
    let all = read(&m);
    assert_eq!(all.attempts_by["task"]["held"], [("none".to_owned(), 1)].into());
    let names: Vec<_> = all.attempts_by["nmi"]["EDEADLK"].iter().map(|(d, n)| (d.as_str(), *n)).collect();
    assert_eq!(names, [("aa_before_queue", 0), ("aa_begin", 0), ("aa_periodic", 0), ("abba", 0), ("try_once", 1)]);
    assert_eq!(all.attempts_by["nmi"]["ETIMEDOUT"].len(), 5);
    assert_eq!((&all.cpus["nmi"].attempts[..], &all.cpus["nmi"].acquisitions[..]), (&[1, 0, 0, 0][..], &[0; 4][..]));
}

#[test]
fn latency_is_from_pending_to_the_first_micro_op() {
    let mut m = meter();
    nmi(&mut m, 100, 3, 60);
    back(&mut m, 130, 3);
    nmi(&mut m, 200, 3, 200);
    assert_eq!(values(&read(&m).interrupt_latency_ns["nmi"]), [ENTRY, 40 + ENTRY]);
    assert!(!read(&m).interrupt_latency_ns.contains_key("task"));
}
