// SPDX-License-Identifier: MIT OR Apache-2.0
//! NMIs directed into the windows between the held table and the lock word, for every subset that has patch 1. What
//! the base does there, and what each step of the series makes of it, is in `sim/tests/scenarios`.

use crate::support::{BASES, CHECK_CYCLES, Lab, PER_NS, subsets};

/// Core 0 takes and releases the lock once; an NMI that wants it lands at `label`.
fn nmi_at(label: &str) -> Lab {
    Lab::default().task(0, "Critical(lock: \"a\", body: [Work(Fixed(\"1us\"))])").nmi_at(0, label)
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
