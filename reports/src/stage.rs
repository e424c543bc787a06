// SPDX-License-Identifier: MIT OR Apache-2.0
//! All runs of one stage, taken together.

use std::collections::BTreeMap;

use crate::attribution::Attribution;
use crate::histogram::Histogram;
use crate::metrics::Metrics;
use crate::names;
use crate::record::{ContextCounts, Handler, OracleCounts, Record, TrafficCounts, UnboundedWaits, Worst};
use crate::recovery::{Recoveries, WORST_RECOVERIES, WorstRecovery};
use crate::short::point_names;
use crate::stats::{self, Estimate};

/// How many of the longest attempts of a stage are kept.
const WORST_MAX: usize = 20;

/// The records of one stage, merged over their seeds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StageSummary {
    /// What tables and figures call the stage; unique among the summaries made together. It is the
    /// stage's name, followed by what sets it apart if several stages have that name.
    pub label: String,
    /// Name of the experiment.
    pub experiment: String,
    /// Number of the sweep's point, and what its axes stand at; 0 and empty outside sweeps.
    pub point: (u64, BTreeMap<String, String>),
    /// Name of the stage in the records.
    pub stage: String,
    /// Place of the stage in its experiment, from 0.
    pub stage_idx: u32,
    /// Name of the lock's program.
    pub lock: String,
    /// Name of the machine.
    pub machine: String,
    /// What the patches apply to; empty for a lock that has no such bases.
    pub base: String,
    /// Patches applied, in order.
    pub patches: Vec<String>,
    /// Version of rqsim that made the runs.
    pub version: String,
    /// Hash of the expanded experiment.
    pub config_hash: String,
    /// Hash of the assembled program.
    pub program_hash: String,
    /// CPUs of the machine.
    pub cpus: u32,
    /// Seeds of the runs, ascending, each once.
    pub seeds: Vec<u64>,
    /// Records that were left out because another with the same seed says something else: proof
    /// that runs were not repeatable.
    pub conflicts: usize,
    /// What was found in runs that did not end as they were meant to: (seed, status, finding), by seed.
    pub findings: Vec<(u64, String, String)>,
    /// The same of runs that were meant to end like this.
    pub expected_findings: Vec<(u64, String, String)>,
    /// Exposure of all runs together, ns.
    pub simulated_ns: u64,
    /// Simulated time of all runs together, the ends in which no new work was begun included, ns.
    pub end_ns: u64,
    /// Time in which at least one CPU was stuck for over 1 ms, of all runs together, ns.
    pub stuck_ns: u64,
    /// Micro-ops retired.
    pub ops: u64,
    /// Attempts by context.
    pub contexts: BTreeMap<String, ContextCounts>,
    /// EDEADLK by the check that found it.
    pub edeadlk_by: BTreeMap<String, u64>,
    /// Timeouts by the wait they ended.
    pub timeouts_by: BTreeMap<String, u64>,
    /// Waits that no deadline bounds, by kind.
    pub unbounded_waits: BTreeMap<String, UnboundedWaits>,
    /// Handlers by context.
    pub handlers: BTreeMap<String, Handler>,
    /// Verdicts held against the wait-for graph.
    pub oracle: OracleCounts,
    /// What became of deadlocks; the worst ones are in `worst_recoveries`.
    pub recoveries: Recoveries,
    /// The longest recoveries of all runs with their seeds, longest first.
    pub worst_recoveries: Vec<(u64, WorstRecovery)>,
    /// Coherence messages.
    pub traffic: TrafficCounts,
    /// Locks, fairness, waiting and interrupt latency.
    pub metrics: Metrics,
    /// By whom traffic was caused and what links did, if that was measured.
    pub attribution: Option<Attribution>,
    /// The longest attempts of all runs with their seeds, longest first; at most 20.
    pub worst: Vec<(u64, Worst)>,
}

/// What must be equal for two records to belong to one stage; sorting by it gives the order of the
/// rows.
type Key<'a> = (&'a str, u32, &'a str, &'a str, &'a [String], u64, &'a str, &'a str, &'a str);

fn key(r: &Record) -> Key<'_> {
    let point = r.sweep.as_ref().map_or(0, |s| s.point);
    (&r.experiment, r.stage_idx, &r.base, &r.stage, &r.patches, point, &r.config_hash, &r.program_hash, &r.version)
}

impl StageSummary {
    /// Merges records into one summary per stage, ordered by experiment and
    /// `stage_idx`. The order of the records does not matter. A record that is there twice counts
    /// once; of records that contradict each other one is kept, and the others are counted in
    /// `conflicts`.
    pub fn from_records(records: &[Record]) -> Vec<Self> {
        let mut groups: BTreeMap<Key<'_>, BTreeMap<u64, Vec<&Record>>> = BTreeMap::new();
        for record in records {
            let runs = groups.entry(key(record)).or_default().entry(record.seed).or_default();
            if !runs.contains(&record) {
                runs.push(record);
            }
        }
        let mut stages = Vec::with_capacity(groups.len());
        for seeds in groups.values() {
            let mut stage: Option<Self> = None;
            for runs in seeds.values() {
                let Some(run) = least(runs) else { continue };
                let stage = stage.get_or_insert_with(|| Self::empty(run));
                stage.add(run);
                stage.conflicts += runs.len() - 1;
            }
            stages.extend(stage);
        }
        label(&mut stages);
        stages
    }

    /// A summary without runs that is named like the stage of `record`.
    pub(crate) fn empty(record: &Record) -> Self {
        Self {
            label: record.stage.clone(),
            experiment: record.experiment.clone(),
            point: record.sweep.as_ref().map_or_else(Default::default, |s| (s.point, s.axes.clone())),
            stage: record.stage.clone(),
            stage_idx: record.stage_idx,
            lock: record.lock.clone(),
            machine: record.machine.clone(),
            base: record.base.clone(),
            patches: record.patches.clone(),
            version: record.version.clone(),
            config_hash: record.config_hash.clone(),
            program_hash: record.program_hash.clone(),
            cpus: record.cpus,
            ..Self::default()
        }
    }

    /// Adds one run. Seeds and findings keep the order in which runs are added.
    pub(crate) fn add(&mut self, r: &Record) {
        self.seeds.push(r.seed);
        let finding = r.finding.clone().unwrap_or_default();
        if !r.is_as_expected() {
            let finding = if r.status == names::OK { format!("a {} was expected", r.expect) } else { finding };
            self.findings.push((r.seed, r.status.clone(), finding));
        } else if r.status != names::OK {
            self.expected_findings.push((r.seed, r.status.clone(), finding));
        }
        self.simulated_ns += r.simulated_ns;
        self.end_ns += r.end_ns;
        self.stuck_ns += r.stuck_ns;
        self.ops += r.ops;
        for (name, c) in &r.contexts {
            let sum = self.contexts.entry(name.clone()).or_default();
            sum.attempts += c.attempts;
            sum.held += c.held;
            sum.edeadlk += c.edeadlk;
            sum.etimedout += c.etimedout;
            sum.unfinished += c.unfinished;
            sum.attempt_ns.merge(&c.attempt_ns);
        }
        add_counts(&mut self.edeadlk_by, &r.edeadlk_by);
        add_counts(&mut self.timeouts_by, &r.timeouts_by);
        for (name, h) in &r.handlers {
            let sum = self.handlers.entry(name.clone()).or_default();
            sum.count += h.count;
            sum.coalesced += h.coalesced;
            sum.longest_ns = sum.longest_ns.max(h.longest_ns);
            sum.duration_ns.merge(&h.duration_ns);
        }
        for (name, w) in &r.unbounded_waits {
            let sum = self.unbounded_waits.entry(name.clone()).or_default();
            sum.count += w.count;
            sum.unfinished += w.unfinished;
            sum.longest_ns = sum.longest_ns.max(w.longest_ns);
        }
        self.add_oracle(&r.oracle);
        self.recoveries.merge(&r.recoveries);
        self.worst_recoveries.extend(r.recoveries.worst.iter().map(|w| (r.seed, w.clone())));
        self.worst_recoveries.sort_by(|a, b| b.1.whole_ns().cmp(&a.1.whole_ns()).then_with(|| a.cmp(b)));
        self.worst_recoveries.truncate(WORST_RECOVERIES);
        for (sum, more) in
            [(&mut self.traffic.by_class, &r.traffic.by_class), (&mut self.traffic.by_line, &r.traffic.by_line)]
        {
            for (name, &traffic) in more {
                sum.entry(name.clone()).or_default().add(traffic);
            }
        }
        self.metrics.add(&r.metrics);
        if let Some(a) = &r.attribution {
            self.attribution.get_or_insert_default().add(a);
        }
        self.worst.extend(r.worst.iter().map(|w| (r.seed, w.clone())));
        self.worst.sort_by(|a, b| b.1.lasted_ns.cmp(&a.1.lasted_ns).then_with(|| a.cmp(b)));
        self.worst.truncate(WORST_MAX);
    }

    fn add_oracle(&mut self, more: &OracleCounts) {
        let sum = &mut self.oracle;
        add_counts(&mut sum.cycles_formed, &more.cycles_formed);
        sum.detected += more.detected;
        sum.avoided += more.avoided;
        sum.cycles_queue_carried += more.cycles_queue_carried;
        sum.cycles_context_carried += more.cycles_context_carried;
        sum.late += more.late;
        sum.wrong_culprits += more.wrong_culprits;
        sum.false_positives += more.false_positives;
        sum.misses += more.misses;
        sum.timeouts_outside_cycle += more.timeouts_outside_cycle;
        for (name, histogram) in &more.latency_by {
            sum.latency_by.entry(name.clone()).or_default().merge(histogram);
        }
        for (name, histogram) in &more.miss_latency_by {
            sum.miss_latency_by.entry(name.clone()).or_default().merge(histogram);
        }
        sum.miss_latency.merge(&more.miss_latency);
    }

    /// Attempts that took the lock, all contexts together.
    pub fn acquisitions(&self) -> u64 {
        self.contexts.values().map(|c| c.held).sum()
    }

    /// Whether attempts may end without the lock: always so of a program with the bases of rqspinlock, else if one did. Of a lock that
    /// only waits there are no verdicts to be shown.
    #[must_use]
    pub fn may_refuse(&self) -> bool {
        !self.base.is_empty() || self.contexts.values().any(|c| c.edeadlk + c.etimedout > 0)
    }

    /// Attempts that returned ETIMEDOUT, all contexts together.
    pub fn timeouts(&self) -> u64 {
        self.contexts.values().map(|c| c.etimedout).sum()
    }

    /// Exposure of all runs together, seconds.
    pub fn simulated_s(&self) -> f64 {
        self.simulated_ns as f64 / 1e9
    }

    /// Timeouts per simulated second of the whole machine; `None` without exposure.
    pub fn timeouts_per_s(&self) -> Option<Estimate> {
        stats::rate(self.timeouts(), self.simulated_s())
    }

    /// Timeouts per NMI taken: all timeouts, since an NMI may make others time out. As a share of
    /// the NMIs if there are at least as many of them, and as a rate otherwise. `None` without NMIs.
    pub fn timeouts_per_nmi(&self) -> Option<Estimate> {
        let nmis = self.handlers.get(names::NMI)?.count;
        stats::proportion(self.timeouts(), nmis).or_else(|| stats::rate(self.timeouts(), nmis as f64))
    }

    /// Acquisitions per simulated second of the whole machine; `None` without exposure.
    pub fn acquisitions_per_s(&self) -> Option<f64> {
        (self.simulated_ns > 0).then(|| self.acquisitions() as f64 / self.simulated_s())
    }

    /// Formation of a deadlock to the return of EDEADLK, all checks together, ns.
    pub fn detection_latency(&self) -> Histogram {
        let mut all = Histogram::new();
        self.oracle.latency_by.values().for_each(|h| all.merge(h));
        all
    }

    /// Coherence messages and bytes per acquisition; `None` if either was not seen.
    pub fn traffic_per_acquisition(&self) -> Option<(f64, f64)> {
        let acquisitions = self.acquisitions();
        let (messages, bytes) =
            self.traffic.by_class.values().fold((0_u64, 0_u64), |(m, b), t| (m + t.messages, b + t.bytes));
        (acquisitions > 0 && !self.traffic.by_class.is_empty())
            .then(|| (messages as f64 / acquisitions as f64, bytes as f64 / acquisitions as f64))
    }

    /// Share of simulated time in which some CPU was stuck for over 1 ms, from 0 to 1; `None`
    /// without simulated time.
    pub fn stuck_share(&self) -> Option<f64> {
        (self.end_ns > 0).then(|| self.stuck_ns as f64 / self.end_ns as f64)
    }
}

/// Of records that differ, the one whose line comes first: the same whatever order they came in.
pub(crate) fn least<'a>(runs: &[&'a Record]) -> Option<&'a Record> {
    match runs {
        [one] => Some(one),
        many => many.iter().copied().min_by_key(|r| r.to_json_line().unwrap_or_default()),
    }
}

fn add_counts(sum: &mut BTreeMap<String, u64>, more: &BTreeMap<String, u64>) {
    for (name, n) in more {
        *sum.entry(name.clone()).or_default() += n;
    }
}

/// Makes labels unique by appending, as far as needed, what sets stages of one name apart.
pub(crate) fn label(stages: &mut [StageSummary]) {
    type Part = fn(&[StageSummary]) -> Vec<String>;
    fn each(stages: &[StageSummary], part: fn(&StageSummary) -> String) -> Vec<String> {
        stages.iter().map(part).collect()
    }
    let parts: [Part; 8] = [
        |all| each(all, |s| s.experiment.clone()),
        |all| point_names(&all.iter().map(|s| &s.point.1).collect::<Vec<_>>()),
        |all| each(all, |s| s.lock.clone()),
        |all| each(all, |s| s.machine.clone()),
        |all| each(all, |s| s.base.clone()),
        |all| each(all, |s| s.patches.join(",")),
        |all| each(all, |s| s.config_hash.chars().take(8).collect()),
        |all| each(all, |s| format!("{} {}", s.version, s.program_hash.chars().take(8).collect::<String>())),
    ];
    for part in parts {
        let labels: Vec<String> = stages.iter().map(|s| s.label.clone()).collect();
        let values = part(stages);
        for (i, stage) in stages.iter_mut().enumerate() {
            let apart = (0..labels.len()).any(|j| labels[j] == labels[i] && values[j] != values[i]);
            if apart && !values[i].is_empty() {
                stage.label = format!("{} {}", labels[i], values[i]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_records;

    #[test]
    fn runs_of_a_stage_are_merged_and_stages_come_in_order() {
        let stages = StageSummary::from_records(&sample_records());
        let labels: Vec<_> = stages.iter().map(|s| s.label.as_str()).collect();
        assert_eq!(labels, ["base", "+1", "+1-2", "+1-3", "+1-4", "+1-5"]);
        let base = &stages[0];
        assert_eq!(base.seeds, [11, 12]);
        assert_eq!(base.simulated_ns, 2_000_000_000);
        assert_eq!(base.timeouts(), 2 * 46);
        assert_eq!(base.contexts["task"].attempts, 412_345 * 2 + 23);
        assert_eq!(base.timeouts_by["fallback"], 62);
        assert_eq!(base.oracle.detected, 360);
        assert_eq!(base.detection_latency().count(), 360);
        assert_eq!(base.handlers["nmi"].longest_ns, 250_312_012);
        assert_eq!(base.traffic.by_class["Data"].messages, 6_200_000);
        assert_eq!(base.worst.len(), 2);
        assert_eq!(base.conflicts, 0);
    }

    #[test]
    fn the_order_of_the_records_does_not_matter() {
        let mut records = sample_records();
        let straight = StageSummary::from_records(&records);
        records.reverse();
        records.rotate_left(3);
        assert_eq!(StageSummary::from_records(&records), straight);
    }

    #[test]
    fn a_record_that_is_there_twice_counts_once_and_a_contradiction_is_counted() {
        let mut records = sample_records();
        let straight = StageSummary::from_records(&records);
        records.push(records[0].clone());
        assert_eq!(StageSummary::from_records(&records), straight);
        let mut other = records[0].clone();
        other.ops += 1;
        records.push(other);
        let forward = StageSummary::from_records(&records);
        assert_eq!(forward[0].conflicts, 1);
        assert_eq!(forward[0].seeds, [11, 12]);
        records.reverse();
        assert_eq!(StageSummary::from_records(&records), forward);
    }

    #[test]
    fn stages_of_one_name_get_labels_that_tell_them_apart() {
        let mut records = sample_records();
        records.truncate(2);
        records[1].base = "bpf-next".into();
        let labels =
            |records: &[Record]| StageSummary::from_records(records).into_iter().map(|s| s.label).collect::<Vec<_>>();
        assert_eq!(labels(&records), ["base 6.17", "base bpf-next"]);
        records[1].base = "6.17".into();
        records[1].config_hash = "77aa".into();
        assert_eq!(labels(&records), ["base 5e1f", "base 77aa"]);
    }

    #[test]
    fn rates_follow_from_the_counts() {
        let stages = StageSummary::from_records(&sample_records());
        let base = &stages[0];
        let per_s = base.timeouts_per_s().unwrap();
        assert!((per_s.value - 46.0).abs() < 1e-12 && per_s.low < 46.0 && per_s.high > 46.0);
        let fixed = stages[5].timeouts_per_s().unwrap();
        assert!(fixed.events == 0 && (fixed.high - 1.4979).abs() < 1e-4, "{fixed:?}");
        let per_nmi = base.timeouts_per_nmi().unwrap();
        let nmis = base.handlers["nmi"].count as f64;
        assert!((per_nmi.value - 92.0 / nmis).abs() < 1e-15);
        let stuck = base.stuck_share().unwrap();
        assert!((stuck - 0.506 / 1.000_25).abs() < 1e-6, "{stuck}");
        let (messages, bytes) = base.traffic_per_acquisition().unwrap();
        assert!(messages > 20.0 && bytes > messages * 8.0);
        let nothing = StageSummary::default();
        assert_eq!(nothing.timeouts_per_s(), None);
        assert_eq!(nothing.timeouts_per_nmi(), None);
        assert_eq!(nothing.traffic_per_acquisition(), None);
        assert_eq!(nothing.stuck_share(), None);
    }

    #[test]
    fn what_was_found_is_kept_with_its_seed() {
        let mut records = sample_records();
        records[1].status = names::HANG.into();
        records[1].finding = Some("cpu 3 waits for ever".into());
        let stages = StageSummary::from_records(&records);
        assert_eq!(stages[0].findings, [(12, "hang".into(), "cpu 3 waits for ever".into())]);
    }
}
