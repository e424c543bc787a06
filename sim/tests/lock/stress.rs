// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's stress test in its three modes: what ends each kind of deadlock, stage by stage.

use reports::Record;

use crate::support::stages_of;

/// EDEADLK by detector, without those that found nothing.
fn found(record: &Record) -> Vec<(&str, u64)> {
    record.edeadlk_by.iter().filter(|(_, n)| **n > 0).map(|(by, n)| (by.as_str(), *n)).collect()
}

fn timeouts(record: &Record) -> u64 {
    record.contexts.values().map(|c| c.etimedout).sum()
}

/// Every NMI lands on the owner or on a waiter of the same lock, and each stage has its own way to find that out.
#[test]
fn aa_is_always_found_by_the_first_check_there_is() {
    let all = stages_of("stress-aa.ron", &[], &[]);
    for (stage, by) in
        [("base", "aa_periodic"), ("+1", "aa_periodic"), ("+1-2", "aa_begin"), ("+1-5", "aa_before_queue")]
    {
        let record = &all[stage];
        let nmis = record.contexts["nmi"].edeadlk;
        assert!(nmis > 1000 && record.contexts["nmi"].attempts == nmis, "{stage}");
        assert_eq!(found(record), [(by, nmis)], "{stage}");
        assert_eq!((timeouts(record), record.status.as_str()), (0, "ok"), "{stage}");
    }
}

/// Before patch 3 the NMI of an ABBA deadlock spins in the fallback, where the ABBA check finds it. With it, the NMI can be
/// the queue's head when the check finds the deadlock, and then waits for a successor before it returns: for as
/// long as nobody comes, which is the cause of `heir.rs` at work in the kernel's own test.
#[test]
fn abba_is_found_by_its_check_until_nmis_queue() {
    let all = stages_of("stress-abba.ron", &[], &[]);
    for stage in ["base", "+1"] {
        let record = &all[stage];
        let nmis = record.contexts["nmi"].edeadlk;
        assert!(nmis > 100, "{stage}");
        assert_eq!(found(record), [("abba", nmis)], "{stage}");
        assert_eq!((timeouts(record), record.status.as_str()), (0, "ok"), "{stage}");
    }
    let series = &all["+1-5"];
    assert!(timeouts(series) > 0 && series.handlers["nmi"].longest_ns > 250_000_000, "{:?}", series.handlers);
    let account = series.finding.as_deref().unwrap_or_default();
    assert!(series.status == "hang" && account.contains("nmi at queue_path.find_heir"), "{account}");
}

/// No check looks for a cycle of three: only deadlines end it, and with patch 4 most attempts do not wait at all.
#[test]
fn a_deadlock_of_three_cpus_ends_by_deadlines_only() {
    let all = stages_of("stress-abbcca.ron", &[], &[]);
    let base = &all["base"];
    let nmi = &base.contexts["nmi"];
    assert!(nmi.attempts > 50 && nmi.etimedout == nmi.attempts, "{nmi:?}");
    assert_eq!(found(base), []);
    let tried = &all["+1-5"];
    assert_eq!(tried.oracle.detected, 0);
    assert!(tried.edeadlk_by["try_once"] * 10 > tried.contexts["nmi"].attempts * 9, "{:?}", tried.edeadlk_by);
    assert!(tried.oracle.misses > 0 && tried.oracle.false_positives > 0, "{:?}", tried.oracle);
}

/// At three CPUs only two run threads: one of each pair of ABBA, and of ABBCCA two of the three pairs, which make no cycle.
#[test]
fn three_cpus_are_too_few_for_a_deadlock_of_three() {
    let three = [("machine.cores", "3")];
    let abbcca = stages_of("stress-abbcca.ron", &[], &three);
    for (stage, record) in &abbcca {
        let (task, nmi) = (&record.contexts["task"], &record.contexts["nmi"]);
        assert_eq!((record.status.as_str(), task.held, nmi.held), ("ok", task.attempts, nmi.attempts), "{stage}");
        assert!(nmi.attempts > 500, "{stage}");
        assert_eq!(record.oracle.cycles_formed.values().sum::<u64>(), 0, "{stage}");
    }
    let aa = stages_of("stress-aa.ron", &["base", "+1-5"], &three);
    assert_eq!(found(&aa["base"]), [("aa_periodic", aa["base"].contexts["nmi"].attempts)]);
    assert_eq!(found(&aa["+1-5"]), [("aa_before_queue", aa["+1-5"].contexts["nmi"].attempts)]);
    let abba = &stages_of("stress-abba.ron", &["base"], &three)["base"];
    assert_eq!(found(abba), [("abba", abba.contexts["nmi"].edeadlk)]);
    assert!(abba.contexts["nmi"].edeadlk > 300 && timeouts(abba) == 0);
}

/// At 64 CPUs most waiters are in the queue and poll nothing but their flag. With the whole series an NMI is one of them, so the case said
/// to be left, two owners interrupted by NMIs that wait for the other's lock in the middle of its queue, is what ABBA mode makes at once; the
/// head's deadline ends it.
#[test]
fn sixty_four_cpus_show_the_case_that_is_left_by_the_series() {
    let many = [("machine.cores", "64"), ("duration", "\"60ms\"")];
    let aa = stages_of("stress-aa.ron", &["base", "+1-5"], &many);
    for (stage, by) in [("base", "aa_periodic"), ("+1-5", "aa_before_queue")] {
        let (record, nmi) = (&aa[stage], &aa[stage].contexts["nmi"]);
        assert_eq!(found(record), [(by, nmi.edeadlk)], "{stage}");
        assert!(nmi.edeadlk * 100 > nmi.attempts * 95, "{stage}: {nmi:?}");
    }
    // An NMI that comes before its thread's entry, as owner's or waiter's, waits in the fallback for a word that is never free.
    assert_eq!(timeouts(&aa["base"]), aa["base"].timeouts_by["fallback"]);
    assert_eq!(timeouts(&aa["+1-5"]), 0);
    let abba = stages_of("stress-abba.ron", &["base", "+1-5"], &many);
    let base = &abba["base"];
    assert_eq!(found(base), [("abba", base.contexts["nmi"].edeadlk)]);
    assert!(timeouts(base) == base.timeouts_by["fallback"] && base.oracle.misses == 0, "{:?}", base.timeouts_by);
    assert!(base.handlers["nmi"].longest_ns < 265_000_000, "{:?}", base.handlers["nmi"].longest_ns);
    let series = &abba["+1-5"];
    assert!(series.timeouts_by["head"] > 0 && series.timeouts_by["flushed"] > 10, "{:?}", series.timeouts_by);
    assert!(series.handlers["nmi"].longest_ns > 450_000_000, "{:?}", series.handlers["nmi"].longest_ns);
    let abbcca = stages_of("stress-abbcca.ron", &["base"], &many);
    let nmi = &abbcca["base"].contexts["nmi"];
    assert!(nmi.attempts > 60 && nmi.etimedout == nmi.attempts, "{nmi:?}");
}
