// SPDX-License-Identifier: MIT OR Apache-2.0
//! Metrics and the stress test's histogram of whole runs.

use reports::Record;
use reports::klog::{BOUNDS_MS, bucket_of};
use rqsim::plan::plan;
use rqsim::run::run;

/// Records of seed 1 of a preset with one thing replaced, of its first stages.
fn records(preset: &str, from: &str, to: &str, stages: usize) -> Vec<Record> {
    let text = configs::presets::experiment_text(preset).expect("a preset");
    assert!(text.contains(from), "{preset}");
    let loaded = configs::parse(&text.replace(from, to), preset).expect("valid");
    let plan = plan(loaded).unwrap_or_else(|e| panic!("{}", e.plain));
    let of = |s| {
        let record = run(&plan.loaded, s, 1, false).record;
        assert_eq!((record.check(), record.status.as_str()), (Ok(()), "ok"));
        record
    };
    plan.stages.iter().take(stages).map(of).collect()
}

/// Somebody always waits: the lock is held or on its way, from the first acquisition to the last.
#[test]
fn a_lock_that_all_want_is_held_or_handed_over_all_the_time() {
    let record = records("hammer8.ron", "\"20ms\"", "\"200us\"", 1).remove(0);
    let hot = &record.metrics.locks["hot"];
    assert!(hot.acquisitions > 500 && hot.attempts == hot.acquisitions, "{hot:?}");
    assert_eq!(hot.hold_ns.count(), hot.acquisitions);
    assert_eq!(
        hot.handoff_ns.count(),
        hot.acquisitions - 1,
        "all but the first follow a release that somebody waited for"
    );
    // Each span is rounded down, by less than a nanosecond.
    let spans = hot.handoff_ns.sum() + hot.hold_ns.sum();
    assert!(
        spans <= record.end_ns && spans + 2 * hot.acquisitions + 1_000 >= record.end_ns,
        "{spans} of {}",
        record.end_ns
    );
    // Who has released comes back before the next one has the lock: then nobody owns it, and the seven others wait.
    let lengths: Vec<_> = hot.queue_length.buckets().map(|(n, _, times)| (n, times)).collect();
    let first_round = (0..7).map(|n| (n, 1));
    assert_eq!(lengths, first_round.chain([(7, hot.attempts - 7)]).collect::<Vec<_>>());
    let task = &record.metrics.cpus["task"];
    assert!(task.jain() > Some(0.99), "{task:?}");
    let longest = record.worst.first().map(|w| (w.cpu as usize, w.lasted_ns)).expect("one is the longest");
    assert_eq!(task.longest_ns[longest.0], longest.1);
    let waiting = &record.metrics.waiting["task"];
    assert!(waiting.lost_ns.sum() < record.contexts["task"].attempt_ns.sum() && waiting.interrupted_ns == 0);
}

/// The histogram has each attempt that ended once, in the bucket of its duration.
#[test]
fn the_stress_tests_histogram_has_every_attempt() {
    for record in records("stress-aa.ron", "duration: \"5s\"", "duration: \"1s\"", 6) {
        let all = &record.kernel_log.attempts;
        for (name, context) in &record.contexts {
            let of_it = || all.iter().filter(|a| a.context == *name);
            let successes: u64 = of_it().map(|a| a.successes).sum();
            let failures: u64 = of_it().map(|a| a.failures).sum();
            assert_eq!((successes, failures), (context.held, context.edeadlk + context.etimedout), "{name}");
            let counted: u64 = of_it().map(|a| a.buckets.iter().map(|(_, n)| n).sum::<u64>() + a.longer).sum();
            assert_eq!(counted, context.attempts - context.unfinished, "{name}");
            let Some(longest) = context.attempt_ns.max() else { continue };
            match BOUNDS_MS.get(bucket_of(longest)) {
                Some(bound) => {
                    assert_eq!(of_it().filter_map(|a| a.buckets.last()).map(|(b, _)| b).max(), Some(bound), "{name}");
                    assert!(of_it().all(|a| a.longer == 0), "{name}");
                }
                None => assert!(of_it().any(|a| a.longer > 0), "{name}"),
            }
        }
        assert!(record.contexts["nmi"].attempts > 400, "{:?}", record.contexts["nmi"]);
        assert!(all.iter().all(|a| (1..8).contains(&a.cpu)), "CPU 0 has neither thread nor counter");
    }
}

/// What a waiter lost and what ran on top of it: owners' NMIs wait for their own CPU's lock, tasks for them.
#[test]
fn time_lost_and_time_interrupted_are_counted_apart() {
    let record = records("ring8.ron", "duration: \"1s\"", "duration: \"30ms\"", 1).remove(0);
    let waiting = &record.metrics.waiting;
    let wall = record.end_ns * u64::from(record.cpus);
    let sum = |name: &str| waiting[name].lost_ns.sum();
    assert!(sum("task") + sum("nmi") <= wall && sum("nmi") > 2_000_000, "{waiting:?}");
    // Nothing interrupts an NMI, and what interrupts waiting tasks are NMI handlers.
    assert_eq!(waiting["nmi"].interrupted_ns, 0);
    assert!(waiting["task"].interrupted_ns <= record.handlers["nmi"].duration_ns.sum(), "{waiting:?}");
    // Results by detector are those by context, with more detail.
    let by = &record.metrics.attempts_by["nmi"]["EDEADLK"];
    assert_eq!(by["aa_periodic"], record.edeadlk_by["aa_periodic"]);
    assert_eq!(by.values().sum::<u64>(), record.contexts["nmi"].edeadlk);
    assert!(by["aa_periodic"] > 0);
}
