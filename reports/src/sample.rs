// SPDX-License-Identifier: MIT OR Apache-2.0
//! Invented records for the tests: six stages, two seeds each. The numbers have the sizes of real
//! ones and nothing else in common with them.

use std::collections::BTreeMap;

use crate::histogram::Histogram;
use crate::klog::{CpuAttempts, KernelLine, KernelLog, Message};
use crate::metrics::{CpuCounts, LockMetrics, Metrics, NO_DETECTOR, Waiting};
use crate::names;
use crate::record::{ContextCounts, FORMAT, Handler, OracleCounts, Record, Traffic, TrafficCounts, Worst};

const PATCHES: [&str; 5] = ["enclose", "immediate_aa", "queue_in_nmi", "try_once", "aa_before_queue"];

/// Timeouts of one run by stage, in the order pending, head, fallback, flushed.
const TIMEOUTS: [[u64; 4]; 6] = [[2, 4, 31, 9], [0, 3, 12, 2], [0, 1, 9, 1], [0, 2, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]];

/// Detected deadlocks of one run by stage, and the typical time it takes, ns.
const DETECTED: [(u64, u64); 6] =
    [(180, 1_200_000), (240, 1_100_000), (250, 2_300), (230, 2_100), (260, 1_900), (265, 1_100)];

/// Six stages with two seeds each.
pub(crate) fn sample_records() -> Vec<Record> {
    (0..6).flat_map(|stage| [11, 12].map(|seed| record(stage, seed))).collect()
}

/// A stream of values around `typical`, with a long right tail, from a fixed start.
fn spread(typical: u64, count: u64, start: u64) -> Histogram {
    let mut state = start;
    let mut histogram = Histogram::new();
    for _ in 0..count {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        let uniform = (state >> 40) % 1_000 + 1;
        histogram.record(typical / 2 + typical * 400 / (uniform + 300) + typical * 20 / uniform);
    }
    histogram
}

fn counted<const N: usize>(pairs: [(&str, u64); N]) -> BTreeMap<String, u64> {
    pairs.into_iter().map(|(name, n)| (name.to_string(), n)).collect()
}

fn record(stage: usize, seed: u64) -> Record {
    let [pending, head, fallback, flushed] = TIMEOUTS[stage];
    let timed_out = pending + head + fallback + flushed;
    let (detected, _) = DETECTED[stage];
    let fallback_verdicts = if stage == 4 { 1_800 } else { 0 };
    Record {
        format: FORMAT,
        version: "0.1.0".into(),
        experiment: "ring8".into(),
        stage: match stage {
            0 => "base".into(),
            1 => "+1".into(),
            _ => format!("+1-{stage}"),
        },
        stage_idx: stage as u32,
        lock: "rqspinlock".into(),
        machine: "ring".into(),
        base: "6.17".into(),
        patches: PATCHES[..stage].iter().map(|p| (*p).to_string()).collect(),
        seed,
        config_hash: "5e1f".into(),
        program_hash: format!("{stage:04x}"),
        config: "(name: \"ring8\")".into(),
        clock_khz: 4_000_000,
        cpus: 8,
        simulated_ns: 1_000_000_000,
        end_ns: 1_000_250_000 + stage as u64,
        status: names::OK.into(),
        expect: names::OK.into(),
        finding: None,
        contexts: contexts(stage, seed, timed_out, detected, fallback_verdicts),
        edeadlk_by: counted([("aa", detected - 9), ("abba", 9), ("fallback", fallback_verdicts)]),
        timeouts_by: counted([
            (names::PENDING, pending),
            (names::HEAD, head),
            (names::FALLBACK, fallback),
            (names::TEST_AND_SET, 0),
            (names::FLUSHED, flushed),
        ]),
        handlers: handlers(stage, seed),
        oracle: oracle(stage, seed, timed_out, fallback_verdicts),
        traffic: traffic(stage as u64),
        stuck_ns: timed_out * 11_000_000,
        ops: 3_000_000_000 + seed,
        metrics: metrics(stage, seed),
        kernel_log: kernel_log(stage, seed),
        attribution: None,
        worst: worst(timed_out),
        ..Record::default()
    }
}

fn contexts(stage: usize, seed: u64, timed_out: u64, detected: u64, fallback: u64) -> BTreeMap<String, ContextCounts> {
    let task = ContextCounts {
        attempts: 412_345 + seed,
        held: 412_345 + seed - timed_out / 3,
        etimedout: timed_out / 3,
        attempt_ns: spread(300, 4_000, seed),
        ..ContextCounts::default()
    };
    let late = timed_out - timed_out / 3;
    let nmi = ContextCounts {
        attempts: 63_900 + stage as u64,
        held: 63_900 + stage as u64 - detected - fallback - late,
        edeadlk: detected + fallback,
        etimedout: late,
        attempt_ns: spread(500, 4_000, seed + 1),
        ..ContextCounts::default()
    };
    [(names::TASK.to_string(), task), (names::NMI.to_string(), nmi)].into()
}

fn handlers(stage: usize, seed: u64) -> BTreeMap<String, Handler> {
    let mut duration_ns = spread(1_400, 60_000, seed + 2);
    let late = TIMEOUTS[stage].iter().sum::<u64>();
    duration_ns.merge(&spread(DETECTED[stage].1 + 1_000, DETECTED[stage].0, seed + 5));
    duration_ns.record_n(250_312_000 + seed, late / 2);
    duration_ns.record_n(11_000_000, late - late / 2);
    let handler = Handler {
        count: duration_ns.count(),
        coalesced: 40 + late * 2_000,
        longest_ns: duration_ns.max().unwrap(),
        duration_ns,
    };
    [(names::NMI.to_string(), handler)].into()
}

fn oracle(stage: usize, seed: u64, timed_out: u64, false_positives: u64) -> OracleCounts {
    let (detected, typical) = DETECTED[stage];
    let misses = timed_out / 2;
    let mut miss_latency = Histogram::new();
    miss_latency.record_n(250_312_000, misses);
    OracleCounts {
        cycles_formed: counted([("aa", detected + misses - 9), ("abba", 9)]),
        detected,
        avoided: 0,
        false_positives,
        misses,
        timeouts_outside_cycle: timed_out - misses,
        latency_by: [
            ("aa".to_string(), spread(typical, detected - 9, seed + 3)),
            ("abba".to_string(), spread(1_200_000, 9, seed + 4)),
        ]
        .into(),
        miss_latency_by: [(names::FALLBACK.to_string(), miss_latency.clone())].into(),
        miss_latency,
        ..OracleCounts::default()
    }
}

fn traffic(stage: u64) -> TrafficCounts {
    let of = |messages, size| Traffic { messages, bytes: messages * size, hops: messages * 3 };
    let by =
        |pairs: &[(&str, u64, u64)]| pairs.iter().map(|&(name, n, size)| (name.to_string(), of(n, size))).collect();
    TrafficCounts {
        by_class: by(&[
            ("GetS", 1_900_000 - stage * 90_000, 8),
            ("GetM", 1_400_000, 8),
            ("Upgrade", 230_000, 8),
            ("Inv", 800_000, 8),
            ("InvAck", 800_000, 8),
            ("FwdGetS", 900_000, 8),
            ("FwdGetM", 600_000, 8),
            ("Data", 3_100_000 - stage * 120_000, 72),
            ("PutM", 40_000, 72),
            ("PutAck", 40_000, 8),
            ("Unblock", 12_000, 8),
        ]),
        by_line: by(&[("lock word", 7_000_000, 24), ("queue nodes", 2_822_000, 24)]),
    }
}

fn worst(timed_out: u64) -> Vec<Worst> {
    let nmi = Worst {
        cpu: 3,
        context: names::NMI.into(),
        lock: "ring.lock".into(),
        began_ns: 120_411,
        lasted_ns: 250_312_000,
        result: "ETIMEDOUT".into(),
        interrupted_at: Some("res_spin_lock+4".into()),
    };
    if timed_out > 0 { vec![nmi] } else { Vec::new() }
}

/// Measurements that fit the counts by context: CPUs 1 to 3 try, CPU 2 most.
fn metrics(stage: usize, seed: u64) -> Metrics {
    let [pending, head, fallback, flushed] = TIMEOUTS[stage];
    let timed_out = pending + head + fallback + flushed;
    let contexts = contexts(stage, seed, timed_out, DETECTED[stage].0, if stage == 4 { 1_800 } else { 0 });
    let mut m = Metrics::default();
    let mut lock = LockMetrics::default();
    for (name, c) in &contexts {
        let shares = |n: u64| vec![0, n / 4, n - 2 * (n / 4), n / 4];
        let (attempts, acquisitions) = (shares(c.attempts), shares(c.held));
        let longest_ns = vec![0, 90_000, 250_312_000, 70_000 + seed];
        m.cpus.insert(name.clone(), CpuCounts { attempts, acquisitions, longest_ns });
        let of = |detector: &str, n: u64| BTreeMap::from([(detector.to_string(), n)]);
        let results = [
            ("held", of(NO_DETECTOR, c.held)),
            ("EDEADLK", of("aa_begin", c.edeadlk)),
            ("ETIMEDOUT", of("timeout_head", c.etimedout)),
            ("unfinished", of(NO_DETECTOR, c.unfinished)),
        ];
        m.attempts_by.insert(name.clone(), results.map(|(r, d)| (r.to_string(), d)).into());
        let lost_ns = spread(2_000, 700, seed + 6);
        m.waiting.insert(name.clone(), Waiting { lost_ns, interrupted_ns: 5_000_000 });
        lock.attempts += c.attempts;
        lock.acquisitions += c.held;
    }
    lock.handoff_ns = spread(90, 3_000, seed + 7);
    lock.hold_ns = spread(200, 4_000, seed + 8);
    lock.queue_length.record_n(0, lock.attempts - 1_000);
    lock.queue_length.record_n(2, 1_000);
    lock.bypassed.record_n(0, lock.acquisitions - 10);
    lock.bypassed.record_n(3, 10);
    m.locks.insert("ring.lock".into(), lock);
    m.interrupt_latency_ns.insert(names::NMI.into(), spread(300, 900, seed + 9));
    m
}

fn kernel_log(stage: usize, seed: u64) -> KernelLog {
    let timed_out: u64 = TIMEOUTS[stage].iter().sum();
    let c = &contexts(stage, seed, timed_out, DETECTED[stage].0, if stage == 4 { 1_800 } else { 0 })[names::NMI];
    let (successes, failures) = (c.held, c.edeadlk + c.etimedout);
    let nmi = CpuAttempts {
        cpu: 2,
        context: names::NMI.into(),
        successes,
        failures,
        buckets: vec![(1, successes + failures - timed_out)],
        longer: timed_out,
    };
    let what = Message::NmiHandler { name: "profile".into(), ran_ns: 250_312_000 + seed };
    let lines = vec![KernelLine { at_ns: 250_432_411, cpu: 2, what }];
    KernelLog { hz: 1000, lines: if timed_out > 0 { lines } else { Vec::new() }, attempts: vec![nmi] }
}
