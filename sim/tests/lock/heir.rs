// SPDX-License-Identifier: MIT OR Apache-2.0
//! A finding about patch Q: a queue head that gets EDEADLK and has no successor waits for one without
//! a deadline (label `find_heir`). If nobody ever queues behind it, its context never returns.
//!
//! The simulator reports such a run as a hang, with the place. These are the smallest experiments.

use crate::support::{BASES, Lab, subsets};

/// Core 0 owns the lock for 20 us, core 1 is the pending waiter, and an NMI on core 0 wants the lock.
/// The pending bit sends the NMI to the queue part.
fn nmi_over_an_owner_with_a_pending_waiter() -> Lab {
    let mut lab = Lab::default()
        .task(0, "Critical(lock: \"a\", body: [Work(Fixed(\"20us\"))])")
        .task(1, "Work(Fixed(\"2us\")), Critical(lock: \"a\", body: [Work(Fixed(\"10ns\"))])");
    lab.interrupts = "(name: \"once\", vector: Nmi, handler: \"nmi\", on: Cpus([0]),
        source: Periodic(rate: \"1/s\", phase: At(\"5us\")))"
        .into();
    lab
}

/// Two locks and tasks only. Core 0 owns a, core 1 owns b, core 2 is the pending waiter of b. Core 0
/// heads the queue of b; a millisecond later core 1 becomes the pending waiter of a: ABBA.
fn abba_with_a_head() -> Lab {
    Lab { cores: 4, ..Lab::default() }
        .task(0, "Critical(lock: \"a\", body: [Work(Fixed(\"10us\")), Critical(lock: \"b\", body: [Work(Fixed(\"10ns\"))])])")
        .task(1, "Critical(lock: \"b\", body: [Work(Fixed(\"1ms\")), Critical(lock: \"a\", body: [Work(Fixed(\"10ns\"))])])")
        .task(2, "Work(Fixed(\"5us\")), Critical(lock: \"b\", body: [Work(Fixed(\"10ns\"))])")
}

/// One lock: the head has to be an NMI, so it hangs where NMIs queue (patch 3) and are not refused
/// before (patch 5), on the base with patch Q: 8 of the 64 combinations. Everywhere else the NMI
/// returns, be it after a quarter of a second, and the owner goes on.
#[test]
fn an_nmi_that_heads_the_queue_over_the_owner_never_returns_with_q_and_3_and_without_5() {
    for base in BASES {
        for patches in subsets() {
            let record = nmi_over_an_owner_with_a_pending_waiter().with(base, &patches).record();
            let hangs =
                base == "bpf-next" && patches.contains(&"queue_in_nmi") && !patches.contains(&"aa_before_queue");
            let account = record.finding.unwrap_or_default();
            if hangs {
                assert_eq!(record.status, "hang", "{patches:?}");
                let core_0 = account.lines().find(|l| l.contains("core 0:")).unwrap_or_default();
                assert!(
                    core_0.contains("task at task_0") && core_0.contains("nmi at queue_path.find_heir"),
                    "{account}"
                );
                // The owner below never releases, so the pending waiter times out.
                assert_eq!(record.timeouts_by["pending"], 1, "{patches:?}");
                assert_eq!(record.contexts["nmi"].unfinished, 1, "{patches:?}");
            } else {
                assert_eq!(record.status, "ok", "{base} {patches:?}: {account}");
                assert_eq!(record.contexts["nmi"].unfinished, 0);
            }
        }
    }
}

/// Any later attempt that finds the lock busy ends it: here core 2's, 300 ms after the start. The NMI
/// returns EDEADLK then and not before.
#[test]
fn the_next_attempt_is_the_heir_and_frees_the_head() {
    let lab = Lab { cores: 3, ..nmi_over_an_owner_with_a_pending_waiter() }
        .task(2, "Work(Fixed(\"300ms\")), Critical(lock: \"a\", body: [Work(Fixed(\"10ns\"))])");
    let record = lab.with("bpf-next", &["enclose", "immediate_aa", "queue_in_nmi", "try_once"]).ok();
    let nmi = &record.contexts["nmi"];
    assert_eq!((nmi.attempts, nmi.edeadlk), (1, 1));
    assert_eq!(record.edeadlk_by["aa_begin"], 1);
    let longest = record.handlers["nmi"].longest_ns;
    assert!((299_990_000..300_010_000).contains(&longest), "{longest}");
    assert_eq!(record.contexts["task"].held, 2);
}

/// With two locks no NMI and no patch of the series is needed: patch Q alone, in all 32 subsets.
/// Core 1 backs out and core 2 gets lock b; but nobody queues behind core 0, which keeps lock a.
/// On 6.17 the head leaves, since it takes itself out of the tail if nobody is behind it.
#[test]
fn a_head_on_an_abba_cycle_never_returns_with_q() {
    for patches in subsets() {
        let record = abba_with_a_head().with("bpf-next", &patches).record();
        let account = record.finding.unwrap_or_default();
        assert_eq!(record.status, "hang", "{patches:?}: {account}");
        assert!(account.contains("core 0: task at queue_path.find_heir"), "{account}");
        assert_eq!(record.contexts["task"].unfinished, 1);
        assert_eq!(record.edeadlk_by["abba"], 1, "core 1's; core 0's has not returned");
        assert_eq!(record.contexts["task"].held, 3, "a by core 0, b by cores 1 and 2");

        let record = abba_with_a_head().with("6.17", &patches).ok();
        assert_eq!(record.edeadlk_by["abba"], 1, "core 0's: it detects first");
        assert_eq!(record.contexts["task"].held, 4);
    }
}

/// And as with one lock, an heir ends it.
#[test]
fn a_head_on_an_abba_cycle_returns_when_somebody_queues_behind_it() {
    let lab = abba_with_a_head().task(3, "Work(Fixed(\"20ms\")), Critical(lock: \"b\", body: [Work(Fixed(\"10ns\"))])");
    let record = lab.with("bpf-next", &[]).ok();
    assert_eq!(record.edeadlk_by["abba"], 2);
    assert_eq!(record.contexts["task"].held, 4);
    assert!(record.worst[0].lasted_ns > 19_000_000 && record.worst[0].result == "EDEADLK");
}
