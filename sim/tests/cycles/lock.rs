// SPDX-License-Identifier: MIT OR Apache-2.0
//! An acquire and a release of rqspinlock that nobody contends.

use lock_impl::programs;
use rqsim::machine::MachineSpec;
use sim_core::program::LINE_BYTES;

use crate::common::{finish, skylake, tiny, with_sources};

const TEXT: &str = "object the_lock: lock_word
proc t0() {
  l: lock_word = lea [the_lock]
  z = 0
  mark note(1, 0, 0)
  err = call res_spin_lock(l)
  z = 0
  mark note(2, err, 0)
  call res_spin_unlock(l)
  z = 0
  mark note(3, 0, 0)
  err = call res_spin_lock(l)
  z = 0
  mark note(4, err, 0)
  call res_spin_unlock(l)
  z = 0
  mark note(5, 0, 0)
  ret
}
";

/// Cycles of the first acquire and release, and of the second, without the moves; and the slices of
/// the lock's line and of core 0's held-lock table.
fn spans(spec: &MachineSpec, patches: &[&str]) -> ([u64; 4], [usize; 2]) {
    let lock = programs::embedded("rqspinlock").expect("the program is built in");
    let m = finish(with_sources(spec, &[lock], patches, TEXT));
    let slice = |name: &str| {
        let object = m.program().objects.iter().find(|o| o.name == name).expect("the object is declared");
        m.memory().slice_of(object.addr / LINE_BYTES)
    };
    let n = &m.probe;
    assert_eq!((n.value(0, 2), n.value(0, 4)), (0, 0), "both acquires succeed");
    let move_cycles = u64::from(spec.core.alu);
    let spans = [(1, 2), (2, 3), (3, 4), (4, 5)].map(|(a, b)| n.span(0, a, b) - move_cycles);
    (spans, [slice("the_lock"), slice("held")])
}

/// skylake, core 0: a load miss served by memory over slice `s` (see the loads).
fn miss(s: usize) -> u64 {
    let h = [0, 1, 2, 3, 4, 4, 3, 2][s];
    let m = [1, 2, 3, 4, 4, 3, 2, 1][s];
    249 + 2 * h + 2 * m + if h == 0 { 0 } else { 2 }
}

#[test]
fn an_uncontended_acquire_and_release_on_skylake() {
    // Acquire, base: call 1, cas 18, branch 1, PUSH, ret 1. PUSH: local add 4 + 1, branch 1, subtraction 1, store 1.
    // With `enclose` PUSH comes first; its stores hit owned lines and are written by the time the cas issues, so it
    // does not wait: the same 1 + 18 + 1 + 8 + 1 = 29.
    // Release, base: call 1, load 4, branch 1, subtraction 1, store 1, store of the byte 1, local add 4 + 1, ret 1.
    // With `enclose` the same in another order: 15. No load finds its address in the store buffer.
    // The first time the cas misses (no first level before it: its 18 come on top) and so does the local add of PUSH,
    // whose 4 are in the miss. Count and slot 0 are in one line, and the release finds everything in place.
    for patches in [&[][..], &["enclose"]] {
        let ([lock, unlock, lock_again, unlock_again], [word, held]) = spans(&skylake(), patches);
        assert_eq!((lock_again, unlock_again), (29, 15), "{patches:?}");
        assert_eq!((lock, unlock), (29 - 4 + miss(word) + miss(held), 15), "{patches:?}");
    }
}

#[test]
fn an_uncontended_acquire_and_release_on_the_tiny_machine() {
    // Acquire: call 5, cas 7, branch 3, PUSH (3 + 2) + 3 + 2 + 1 = 11, ret 5: 31.
    // Release: call 5, load 3, branch 3, subtraction 2, stores 1 + 1, local add 3 + 2, ret 5: 25.
    for patches in [&[][..], &["enclose"]] {
        let (spans, _) = spans(&tiny(), patches);
        assert_eq!((spans[2], spans[3], spans[1]), (31, 25, 25), "{patches:?}");
    }
}
