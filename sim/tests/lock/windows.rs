// SPDX-License-Identifier: MIT OR Apache-2.0
//! NMIs directed into the windows between the held table and the lock word.

use crate::support::{BASES, CHECK_CYCLES, Lab, PER_NS, subsets};

/// 250 ms, the deadline of a pending waiter, in cycles.
const DEADLINE_CYCLES: u64 = 250_000_000 * PER_NS;

/// Core 0 takes and releases the lock once; an NMI that wants it lands at `label`.
fn nmi_at(label: &str) -> Lab {
    Lab::default().task(0, "Critical(lock: \"a\", body: [Work(Fixed(\"1us\"))])").nmi_at(0, label)
}

/// Owned, and not in the table: nothing can find the deadlock. The NMI is the pending waiter of its own core's
/// owner. It looks at the clock every 65,536 iterations, so it stays for the deadline and at most one such interval.
#[test]
fn base_times_out_in_both_windows_in_which_the_entry_is_missing() {
    for base in BASES {
        for label in ["res_spin_lock.taken", "res_spin_unlock.cleared"] {
            let record = nmi_at(label).with(base, &[]).ok();
            assert_eq!(record.timeouts_by["pending"], 1, "{label}");
            assert_eq!(record.edeadlk_by.values().sum::<u64>(), 0);
            assert_eq!(record.oracle.cycles_formed["AA"], 1);
            assert_eq!(record.oracle.misses, 1);
            assert_eq!(record.oracle.miss_latency.count(), 1);
            let nmi = &record.contexts["nmi"];
            assert_eq!((nmi.attempts, nmi.etimedout), (1, 1));
            let lasted = record.worst[0].lasted_ns;
            let interval = CHECK_CYCLES / PER_NS;
            assert!((250_000_000..=250_000_000 + interval + 10_000).contains(&lasted), "{label}: {lasted}");
            // The first look sets the deadline, so it ends at the first whole number of intervals beyond it.
            let looks = DEADLINE_CYCLES.div_ceil(CHECK_CYCLES);
            assert_eq!(looks, 102);
            let by_hand = looks * interval;
            assert!((by_hand..by_hand + 20_000).contains(&lasted), "{label}: {lasted}, by hand {by_hand}");
            assert_eq!(record.worst[0].interrupted_at.as_deref().map(|p| p.split(' ').next()), Some(Some(label)));
        }
    }
}

/// With the entry made before the cmpxchg and cleared after the release there is no moment at which the lock is
/// owned and not in the table: whatever else is applied, an NMI at any of these places returns within one interval.
#[test]
fn enclose_leaves_no_window_in_which_an_owned_lock_is_not_in_the_table() {
    for base in BASES {
        for patches in subsets().filter(|p| p.contains(&"enclose")) {
            let quick = patches.contains(&"immediate_aa");
            for label in ["res_spin_lock.taken", "res_spin_unlock.released", "res_spin_unlock.cleared"] {
                let record = nmi_at(label).with(base, &patches).ok();
                assert_eq!(record.timeouts_by.values().sum::<u64>(), 0, "{patches:?} {label}");
                let nmi = &record.contexts["nmi"];
                if label == "res_spin_lock.taken" {
                    assert_eq!((nmi.edeadlk, record.oracle.detected), (1, 1), "{patches:?}");
                    let limit = if quick { 1_000 } else { CHECK_CYCLES / PER_NS + 10_000 };
                    assert!(record.worst[0].lasted_ns < limit, "{patches:?}: {}", record.worst[0].lasted_ns);
                } else {
                    assert_eq!(nmi.held, 1, "{patches:?} {label}: the lock is free by then");
                }
            }
        }
    }
}

/// Core 0 has released the lock to core 1, which works for 5 ms, and an NMI on core 0 lands after the release.
fn nmi_after_a_release() -> Lab {
    nmi_at("res_spin_unlock.released")
        .task(1, "Work(Fixed(\"300ns\")), Critical(lock: \"a\", body: [Work(Fixed(\"5ms\"))])")
}

/// The price of `enclose`: after the release the entry is still there, so an NMI in between that finds the lock
/// with somebody else takes that for a deadlock with its own core.
#[test]
fn enclose_has_a_harmless_window_after_the_release() {
    for base in BASES {
        let record = nmi_after_a_release().with(base, &["enclose"]).ok();
        assert_eq!(record.edeadlk_by["aa_periodic"], 1);
        assert_eq!((record.oracle.false_positives, record.oracle.detected), (1, 0));
        assert!(record.oracle.cycles_formed.values().all(|n| *n == 0), "{:?}", record.oracle.cycles_formed);

        let record = nmi_after_a_release().with(base, &["enclose", "immediate_aa"]).ok();
        assert_eq!((record.edeadlk_by["aa_begin"], record.oracle.false_positives), (1, 1));
    }
}

/// Without it the entry goes before the lock does, and the NMI waits for core 1 as it should.
#[test]
fn base_has_no_window_after_the_release() {
    for base in BASES {
        for patches in [&[][..], &["immediate_aa"]] {
            let record = nmi_after_a_release().with(base, patches).ok();
            let nmi = &record.contexts["nmi"];
            assert_eq!((nmi.attempts, nmi.held), (1, 1), "{patches:?}");
            assert!(record.worst[0].lasted_ns > 4_900_000);
            assert_eq!(record.oracle.false_positives, 0);
        }
    }
}
