// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's stress test in its three modes: what ends each kind of deadlock, stage by stage.

use std::collections::BTreeMap;

use reports::Record;
use rqsim::plan::plan;
use rqsim::run::run;

/// Records of seed 1 by stage.
fn stages(preset: &str) -> BTreeMap<String, Record> {
    let plan = plan(configs::load(preset).expect("a preset")).unwrap_or_else(|e| panic!("{}", e.plain));
    let of_stage = |s| {
        let record = run(&plan.loaded, s, 1, false).record;
        assert_eq!(record.check(), Ok(()));
        (record.stage.clone(), record)
    };
    plan.stages.iter().map(of_stage).collect()
}

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
    let all = stages("stress-aa.ron");
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
    let all = stages("stress-abba.ron");
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
    let all = stages("stress-abbcca.ron");
    let base = &all["base"];
    let nmi = &base.contexts["nmi"];
    assert!(nmi.attempts > 50 && nmi.etimedout == nmi.attempts, "{nmi:?}");
    assert_eq!(found(base), []);
    let tried = &all["+1-5"];
    assert_eq!(tried.oracle.detected, 0);
    assert!(tried.edeadlk_by["try_once"] * 10 > tried.contexts["nmi"].attempts * 9, "{:?}", tried.edeadlk_by);
    assert!(tried.oracle.misses > 0 && tried.oracle.false_positives > 0, "{:?}", tried.oracle);
}
