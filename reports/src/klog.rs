// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a kernel would have printed: its lines about long interrupts, and the stress test's histogram of attempts.
//!
//! A record keeps numbers; the text is made here. The lines have the kernel's wording, so that they can be laid beside a
//! real log; headings and the histogram have ours.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::names;
use crate::record::{ContextCounts, Record};
use crate::units::count;

/// Upper bounds of the stress test's buckets, ms. A bucket holds what is above the bound before.
pub const BOUNDS_MS: [u32; 24] =
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 25, 30, 40, 50, 75, 100, 150, 200, 250];

/// CPUs all of whose attempts took this long or less are one line, ms.
const SHORT_MS: u32 = 10;

/// The kernel's view of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelLog {
    /// Timer ticks per second that were assumed: those of the experiment's `tick`, else 1000.
    pub hz: u64,
    /// What was printed, in order of time.
    pub lines: Vec<KernelLine>,
    /// Durations of attempts; CPUs and contexts with none that ended are left out.
    pub attempts: Vec<CpuAttempts>,
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelLine {
    /// When, ns.
    pub at_ns: u64,
    /// The CPU that printed it.
    pub cpu: u32,
    /// What it says.
    pub what: Message,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Message {
    /// An NMI handler ran for at least 1 ms and at least as long as ever, on any CPU.
    NmiHandler {
        /// Name of the interrupt.
        name: String,
        /// From its first micro-op to its return, ns.
        ran_ns: u64,
    },
    /// The running mean of a CPU's sampling handlers rose above what is allowed.
    SampleTime {
        /// The mean, ns.
        mean_ns: u64,
        /// What was allowed until then, ns.
        allowed_ns: u64,
        /// The new ceiling of the sampling rate, Hz.
        rate_hz: u64,
    },
    /// A timer handler ended for the third time in a row with the next timer interrupt pending.
    TimerHang {
        /// From the first micro-op of the first handler to the end of the third, ns.
        took_ns: u64,
    },
}

/// Attempts of one CPU in one context that ended, by duration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CpuAttempts {
    /// The CPU.
    pub cpu: u32,
    /// The context.
    pub context: String,
    /// Attempts that took the lock.
    pub successes: u64,
    /// Attempts that returned an error.
    pub failures: u64,
    /// Attempts by duration in ms, rounded up: (one of [`BOUNDS_MS`], how many); ascending, none with 0.
    pub buckets: Vec<(u32, u64)>,
    /// Attempts that took longer than the last bound.
    pub longer: u64,
}

/// Place in [`BOUNDS_MS`] of the bucket of a duration, rounded up to ms; the number of bounds if it is longer than all.
#[must_use]
#[inline]
pub fn bucket_of(ns: u64) -> usize {
    if ns <= 1_000_000 {
        return 0; // Nearly all.
    }
    let ms = ns.div_ceil(1_000_000);
    BOUNDS_MS.partition_point(|b| u64::from(*b) < ms)
}

impl KernelLine {
    /// The line as the kernel's log has it, time stamp included.
    #[must_use]
    pub fn text(&self) -> String {
        let us = self.at_ns / 1000;
        let what = match &self.what {
            Message::NmiHandler { name, ran_ns } => {
                let us = ran_ns / 1000;
                format!("INFO: NMI handler ({name}) took too long to run: {}.{:03} msecs", us / 1000, us % 1000)
            }
            Message::SampleTime { mean_ns, allowed_ns, rate_hz } => format!(
                "perf: interrupt took too long ({mean_ns} > {allowed_ns}), lowering \
                 kernel.perf_event_max_sample_rate to {rate_hz}"
            ),
            Message::TimerHang { took_ns } => format!("hrtimer: interrupt took {took_ns} ns"),
        };
        format!("[{:5}.{:06}] {what}", us / 1_000_000, us % 1_000_000)
    }
}

impl KernelLog {
    /// What contradicts itself or the counts by context, in words.
    ///
    /// # Errors
    /// The first contradiction found.
    pub(crate) fn check(&self, contexts: &BTreeMap<String, ContextCounts>) -> Result<(), String> {
        if self.lines.windows(2).any(|w| w[0].at_ns > w[1].at_ns) {
            return Err("the kernel log is not in order of time".into());
        }
        let mut sums: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
        for a in &self.attempts {
            let counted = a.buckets.iter().map(|(_, n)| n).sum::<u64>() + a.longer;
            if counted != a.successes + a.failures {
                return Err(format!("CPU {} {}: {counted} durations of attempts do not fit", a.cpu, a.context));
            }
            let sum = sums.entry(&a.context).or_default();
            *sum = [sum[0] + a.successes, sum[1] + a.failures];
        }
        for (context, sum) in sums {
            let wanted = contexts.get(context).map(|c| [c.held, c.edeadlk + c.etimedout]).unwrap_or_default();
            if sum != wanted {
                return Err(format!("{context}: successes and failures by CPU are {sum:?}, by context {wanted:?}"));
            }
        }
        Ok(())
    }
}

/// The log of every run and its histogram of attempts, in the order of the records.
pub fn klog_text(records: &[Record]) -> String {
    let mut text = String::new();
    for r in records {
        text += &format!("\nKernel log of stage {}, seed {} (HZ {})\n", r.stage, r.seed, r.kernel_log.hz);
        for line in &r.kernel_log.lines {
            text += &format!("{}\n", line.text());
        }
        if r.kernel_log.lines.is_empty() {
            text += "no line\n";
        }
        text += &attempts_text(&r.kernel_log.attempts);
    }
    text
}

fn attempts_text(all: &[CpuAttempts]) -> String {
    let mut by_cpu: BTreeMap<u32, Vec<&CpuAttempts>> = BTreeMap::new();
    all.iter().for_each(|a| by_cpu.entry(a.cpu).or_default().push(a));
    let is_short = |a: &&CpuAttempts| a.longer == 0 && a.buckets.iter().all(|(bound, _)| *bound <= SHORT_MS);
    let short: Vec<u32> = by_cpu.iter().filter(|(_, list)| list.iter().all(is_short)).map(|(cpu, _)| *cpu).collect();
    let mut text = String::from("Attempts by duration, rounded up to ms\n");
    if !short.is_empty() {
        text += &format!("CPU {}: all took {SHORT_MS} ms or less\n", ranges(&short));
    }
    for (cpu, list) in &by_cpu {
        if short.contains(cpu) {
            continue;
        }
        for a in list {
            let mut cells: Vec<String> =
                a.buckets.iter().map(|(bound, n)| format!("<= {bound}: {}", count(*n))).collect();
            if a.longer > 0 {
                cells.push(format!("> {}: {}", BOUNDS_MS[BOUNDS_MS.len() - 1], count(a.longer)));
            }
            text += &format!("CPU {cpu} {}: {}\n", a.context, cells.join(", "));
        }
    }
    for context in names::in_order(all.iter().map(|a| &a.context)) {
        let of_it = || all.iter().filter(|a| a.context == context);
        let (successes, failures) = of_it().fold((0, 0), |(s, f), a| (s + a.successes, f + a.failures));
        text += &format!("{context}: {} succeeded, {} failed\n", count(successes), count(failures));
        for a in of_it().filter(|a| a.failures > 0) {
            text += &format!("  CPU {}: {} succeeded, {} failed\n", a.cpu, count(a.successes), count(a.failures));
        }
    }
    text
}

/// Ascending numbers as `1-3,5`.
fn ranges(numbers: &[u32]) -> String {
    let runs = numbers.chunk_by(|a, b| a + 1 == *b);
    let run = |r: &[u32]| match r {
        [one] => one.to_string(),
        [first, .., last] => format!("{first}-{last}"),
        [] => String::new(),
    };
    runs.map(run).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_up_to_the_next_bucket() {
        let bound = |ns| BOUNDS_MS.get(bucket_of(ns)).copied();
        assert_eq!([0, 1, 1_000_000].map(bound), [Some(1); 3]);
        assert_eq!([1_000_001, 2_000_000].map(bound), [Some(2); 2]);
        assert_eq!([10_000_000, 10_000_001, 12_000_000, 12_000_001].map(bound), [10, 12, 12, 14].map(Some));
        assert_eq!([20_000_001, 50_000_001, 249_000_001, 250_000_000].map(bound), [25, 75, 250, 250].map(Some));
        assert_eq!([250_000_001, u64::MAX].map(bound), [None; 2]);
    }

    #[test]
    fn lines_have_the_kernels_form() {
        let line = |at_ns, what| KernelLine { at_ns, cpu: 3, what }.text();
        let name = "profile".to_owned();
        assert_eq!(
            line(250_431_999, Message::NmiHandler { name, ran_ns: 250_412_345 }),
            "[    0.250431] INFO: NMI handler (profile) took too long to run: 250.412 msecs"
        );
        assert_eq!(
            line(12_000_045_000, Message::SampleTime { mean_ns: 2501, allowed_ns: 2500, rate_hz: 99_000 }),
            "[   12.000045] perf: interrupt took too long (2501 > 2500), lowering \
             kernel.perf_event_max_sample_rate to 99000"
        );
        assert_eq!(
            line(0, Message::TimerHang { took_ns: 501_000_000 }),
            "[    0.000000] hrtimer: interrupt took 501000000 ns"
        );
    }

    #[test]
    fn cpus_without_a_long_attempt_share_a_line() {
        let cpu = |cpu, context: &str, successes, failures, buckets: &[(u32, u64)], longer| CpuAttempts {
            cpu,
            context: context.to_owned(),
            successes,
            failures,
            buckets: buckets.to_vec(),
            longer,
        };
        let all = [
            cpu(1, "task", 4, 0, &[(1, 3), (10, 1)], 0),
            cpu(1, "nmi", 1, 1, &[(1, 2)], 0),
            cpu(2, "task", 1, 0, &[(1, 1)], 0),
            cpu(3, "task", 2, 0, &[(2, 2)], 0),
            cpu(3, "nmi", 1500, 2, &[(12, 1501)], 1),
            cpu(5, "task", 1, 0, &[(1, 1)], 0),
        ];
        assert_eq!(
            attempts_text(&all),
            "Attempts by duration, rounded up to ms\n\
             CPU 1-2,5: all took 10 ms or less\n\
             CPU 3 task: <= 2: 2\n\
             CPU 3 nmi: <= 12: 1 501, > 250: 1\n\
             task: 8 succeeded, 0 failed\n\
             nmi: 1 501 succeeded, 3 failed\n  CPU 1: 1 succeeded, 1 failed\n  CPU 3: 1 500 succeeded, 2 failed\n"
        );
    }
}
