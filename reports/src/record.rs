// SPDX-License-Identifier: MIT OR Apache-2.0
//! The record: all that is kept of one run, on one line of JSON.
//!
//! Every number is an integer and every map is ordered, so a run that repeats gives the same bytes.
//! Times are nanoseconds of simulated time.
//!
//! In every map a key with 0 means "measured, and there was none"; a key that is missing means "not
//! measured". So a run writes a zero for each key it looked at.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::attribution::Attribution;
use crate::histogram::Histogram;
use crate::klog::KernelLog;
use crate::metrics::Metrics;
use crate::names;
use crate::recovery::Recoveries;

/// The format this version writes, and the only one it reads.
pub const FORMAT: u32 = 1;

/// One run of one stage with one seed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Always [`FORMAT`].
    pub format: u32,
    /// Version of rqsim that made the run.
    pub version: String,
    /// Name of the experiment.
    pub experiment: String,
    /// Name of the stage as people know it: `base`, `+1`, `+1-2`.
    pub stage: String,
    /// Place of the stage in its experiment, from 0; decides order and colour everywhere.
    pub stage_idx: u32,
    /// Name of the lock's program.
    pub lock: String,
    /// Name of the machine.
    pub machine: String,
    /// What the patches apply to: `6.17` or `bpf-next`; empty for a lock that has no such bases.
    pub base: String,
    /// Names of the patches applied, in order.
    pub patches: Vec<String>,
    /// Seed of every random stream of the run.
    pub seed: u64,
    /// Hash of `config`, hexadecimal. Only runs with equal hashes are merged into one stage, so
    /// the hash must not cover the seed of the single run.
    pub config_hash: String,
    /// Hash of the assembled program, hexadecimal.
    pub program_hash: String,
    /// The experiment with every default written out, as RON.
    pub config: String,
    /// Frequency of the reference clock, kHz.
    pub clock_khz: u64,
    /// How many CPUs the machine has.
    pub cpus: u32,
    /// Simulated time during which work was started: the exposure of every rate.
    pub simulated_ns: u64,
    /// Simulated time until everything that was started had ended; at least the exposure unless
    /// the run was broken off.
    pub end_ns: u64,
    /// [`names::OK`], [`names::HANG`], [`names::VIOLATION`], or, in a sweep, one of [`names::GIVEN_UP`].
    pub status: String,
    /// The status that the stage is there to show: [`names::OK`], or [`names::HANG`].
    pub expect: String,
    /// What was found if the status is not ok, with its trace.
    pub finding: Option<String>,
    /// Attempts to take a lock, by the context that made them.
    pub contexts: BTreeMap<String, ContextCounts>,
    /// Attempts that ended with EDEADLK, by the check that found it.
    pub edeadlk_by: BTreeMap<String, u64>,
    /// Attempts that ended with a timeout, by the wait that it ended.
    pub timeouts_by: BTreeMap<String, u64>,
    /// Waits that no deadline bounds, by kind, whether or not they ended.
    pub unbounded_waits: BTreeMap<String, UnboundedWaits>,
    /// Interrupt handlers, by context.
    pub handlers: BTreeMap<String, Handler>,
    /// What the wait-for graph says about the verdicts of the lock.
    pub oracle: OracleCounts,
    /// What became of deadlocks.
    pub recoveries: Recoveries,
    /// Coherence messages of the whole run.
    pub traffic: TrafficCounts,
    /// Simulated time in which at least one CPU was stuck for over 1 ms; counted up to `end_ns`.
    pub stuck_ns: u64,
    /// Micro-ops retired, all CPUs together.
    pub ops: u64,
    /// The longest attempts of the run, longest first.
    pub worst: Vec<Worst>,
    /// Locks, fairness, waiting and interrupt latency.
    pub metrics: Metrics,
    /// What a kernel would have printed.
    pub kernel_log: KernelLog,
    /// By whom traffic was caused and what links did, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution: Option<Attribution>,
    /// Which point of a sweep it is, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepPoint>,
}

/// Where a run stands in its sweep. Written last, so that what is before it depends on the run alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepPoint {
    /// Number of the point, from 1.
    pub point: u64,
    /// What the axes stand at, by name.
    pub axes: BTreeMap<String, String>,
    /// The command that makes the run again, if it did not end as its stage has to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<String>,
    /// Checksum of all of the line before it, 64 bits, hexadecimal: FNV-1a over words of eight bytes, rotated, see `sim::sweep::line`.
    pub sum: String,
}

impl SweepPoint {
    /// `cores=4 work=1us`.
    #[must_use]
    pub fn text(&self) -> String {
        let one = |(name, value): (&String, &String)| format!("{name}={value}");
        self.axes.iter().map(one).collect::<Vec<_>>().join(" ")
    }
}

/// Attempts of one context, all CPUs and locks together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextCounts {
    /// Attempts begun; the sum of the four outcomes below.
    pub attempts: u64,
    /// Attempts that took the lock.
    pub held: u64,
    /// Attempts that returned EDEADLK.
    pub edeadlk: u64,
    /// Attempts that returned ETIMEDOUT.
    pub etimedout: u64,
    /// Attempts that had not returned when the run ended.
    pub unfinished: u64,
    /// Duration of the attempts that returned, whatever they returned, ns.
    pub attempt_ns: Histogram,
}

/// Waits of one kind that nothing but what they wait for ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnboundedWaits {
    /// Begun.
    pub count: u64,
    /// Of these, the ones that went on at the end of the run.
    pub unfinished: u64,
    /// The longest, one that went on at the end included, ns.
    pub longest_ns: u64,
}

/// The handlers of one kind of interrupt, all CPUs together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handler {
    /// Handlers begun.
    pub count: u64,
    /// Interrupts that were lost because one was latched already.
    pub coalesced: u64,
    /// The longest handler, one that never returned included, ns.
    pub longest_ns: u64,
    /// Duration of the handlers that returned, from entry to exit, ns.
    pub duration_ns: Histogram,
}

/// Verdicts of the lock held against the true wait-for graph.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OracleCounts {
    /// Deadlocks formed, by the name of their cycle: `aa`, `abba`, ...
    pub cycles_formed: BTreeMap<String, u64>,
    /// Of these, the ones that a queue carries: a member waits for its predecessor, successor, or an empty queue.
    pub cycles_queue_carried: u64,
    /// Of these, the ones that a context carries: a member is interrupted by the next one.
    pub cycles_context_carried: u64,
    /// Deadlocks ended by EDEADLK.
    pub detected: u64,
    /// EDEADLK returned before waiting, where waiting would have closed a cycle.
    pub avoided: u64,
    /// EDEADLK to a former member of a deadlock, by a look that began before the member that dissolved it had returned.
    pub late: u64,
    /// EDEADLK or a timeout returned by an attempt that was in no cycle but waited behind one.
    pub wrong_culprits: u64,
    /// EDEADLK returned by an attempt that was in no cycle, waited behind none and would have closed none.
    pub false_positives: u64,
    /// Deadlocks ended by a timeout.
    pub misses: u64,
    /// Timeouts of attempts that were in no cycle and waited behind none.
    pub timeouts_outside_cycle: u64,
    /// Formation of a deadlock to the return of EDEADLK, by the check that found it, ns.
    pub latency_by: BTreeMap<String, Histogram>,
    /// Formation of a deadlock to the return of the timeout that ended it, by the wait that it ended, ns.
    pub miss_latency_by: BTreeMap<String, Histogram>,
    /// The same, all waits together, ns.
    pub miss_latency: Histogram,
}

/// Coherence messages, counted twice: by what they are and by what the line is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrafficCounts {
    /// By message class of the protocol.
    pub by_class: BTreeMap<String, Traffic>,
    /// By what is in the line: lock word, queue nodes, payload, ...
    pub by_line: BTreeMap<String, Traffic>,
}

/// Messages of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// How many.
    pub messages: u64,
    /// Bytes they carried, header included.
    pub bytes: u64,
    /// Links they crossed, summed.
    pub hops: u64,
}

impl Traffic {
    /// Adds another count.
    pub fn add(&mut self, other: Self) {
        self.messages = self.messages.saturating_add(other.messages);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.hops = self.hops.saturating_add(other.hops);
    }
}

/// One of the longest attempts of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worst {
    /// The CPU that tried.
    pub cpu: u32,
    /// The context that tried.
    pub context: String,
    /// The lock it wanted.
    pub lock: String,
    /// When it began, ns.
    pub began_ns: u64,
    /// How long it took, ns.
    pub lasted_ns: u64,
    /// How it ended: `held`, `EDEADLK`, `ETIMEDOUT`, `unfinished`.
    pub result: String,
    /// Place in the program at which the interrupt landed in whose handler the attempt was made;
    /// none for an attempt of a task.
    pub interrupted_at: Option<String>,
}

impl Record {
    /// The record as one line of JSON that ends in a line feed.
    ///
    /// # Errors
    /// Only if the JSON writer fails; no value of a record can make it.
    pub fn to_json_line(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self).map(|line| line + "\n")
    }

    /// The run ended as its stage was meant to end.
    #[must_use]
    pub fn is_as_expected(&self) -> bool {
        self.status == self.expect
    }

    /// What in this record contradicts itself, in words; `Ok` if nothing does.
    ///
    /// # Errors
    /// The first contradiction found, naming the fields and their values.
    pub fn check(&self) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!("format {}, this version reads format {FORMAT}", self.format));
        }
        let status = self.status.as_str();
        if ![names::OK, names::HANG, names::VIOLATION].contains(&status) && !names::GIVEN_UP.contains(&status) {
            return Err(format!("status \"{}\" is none of ok, hang, violation", self.status));
        }
        for (name, c) in &self.contexts {
            let ends = [c.held, c.edeadlk, c.etimedout, c.unfinished];
            let sum = ends.iter().fold(0_u64, |sum, &n| sum.saturating_add(n));
            if sum != c.attempts {
                return Err(format!("{name}: {} attempts, but {sum} outcomes", c.attempts));
            }
            if c.attempt_ns.count() > c.attempts {
                return Err(format!("{name}: more durations than attempts"));
            }
        }
        for (name, handler) in &self.handlers {
            if handler.duration_ns.count() > handler.count {
                return Err(format!("{name}: more handler durations than handlers"));
            }
            if handler.duration_ns.max() > Some(handler.longest_ns) {
                return Err(format!("{name}: a handler is longer than the longest"));
            }
        }
        if ![names::OK, names::HANG, names::VIOLATION].contains(&self.expect.as_str()) {
            return Err(format!("\"{}\" was expected, which is none of ok, hang, violation", self.expect));
        }
        for (name, waits) in &self.unbounded_waits {
            if waits.unfinished > waits.count {
                return Err(format!("{name}: more waits unfinished than begun"));
            }
        }
        self.recoveries.check()?;
        if let Some(a) = &self.attribution {
            let sums = a.by_class();
            let counted = self.traffic.by_class.iter().filter(|(_, t)| t.messages > 0);
            if !counted.eq(sums.iter()) {
                return Err("traffic by cause does not add up to traffic by class".into());
            }
            let (by_pair, by_site) =
                (a.transfers.iter().map(|t| t.2).sum::<u64>(), a.sites.iter().map(|s| s.transfers));
            if !a.transfers.is_empty() && by_pair != by_site.sum::<u64>() {
                return Err("transfers between cores do not add up to those by cause".into());
            }
        }
        self.metrics.check(&self.contexts)?;
        self.kernel_log.check(&self.contexts)?;
        if self.stuck_ns > self.end_ns.max(self.simulated_ns) {
            return Err(format!("stuck for {} ns of {} ns", self.stuck_ns, self.end_ns));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_records;

    #[test]
    fn a_record_comes_back_from_its_line() {
        for record in sample_records() {
            let line = record.to_json_line().unwrap();
            assert_eq!(line.matches('\n').count(), 1);
            assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), record);
            assert_eq!(record.check(), Ok(()));
        }
    }

    #[test]
    fn a_line_holds_no_floating_point_number() {
        let line = sample_records()[0].to_json_line().unwrap();
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        let mut todo = vec![&value];
        let mut numbers = 0;
        while let Some(value) = todo.pop() {
            match value {
                serde_json::Value::Number(n) => {
                    assert!(n.is_u64(), "{n}");
                    numbers += 1;
                }
                serde_json::Value::Array(items) => todo.extend(items),
                serde_json::Value::Object(fields) => todo.extend(fields.values()),
                _ => {}
            }
        }
        assert!(numbers > 50);
    }

    #[test]
    fn contradictions_are_named() {
        let good = sample_records().remove(0);
        let broken = |change: fn(&mut Record)| {
            let mut record = good.clone();
            change(&mut record);
            record.check().unwrap_err()
        };
        assert_eq!(broken(|r| r.format = 2), "format 2, this version reads format 1");
        assert!(broken(|r| r.status = "fine".into()).contains("none of ok"));
        assert!(broken(|r| r.stuck_ns = u64::MAX).contains("stuck"));
        let task = broken(|r| {
            for c in r.contexts.values_mut() {
                c.held += 1;
            }
        });
        assert!(task.contains("attempts, but"), "{task}");
        let handler = broken(|r| {
            for h in r.handlers.values_mut() {
                h.longest_ns = 1;
            }
        });
        assert!(handler.contains("longer than the longest"), "{handler}");
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let line = sample_records()[0].to_json_line().unwrap();
        let odd = line.replacen("{\"format\"", "{\"speed\":1,\"format\"", 1);
        let error = serde_json::from_str::<Record>(&odd).unwrap_err().to_string();
        assert!(error.contains("unknown field `speed`"), "{error}");
    }
}
