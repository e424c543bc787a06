// SPDX-License-Identifier: MIT OR Apache-2.0
//! The few figures that are kept of every run: what comparisons and sweeps are drawn from.

use std::collections::BTreeMap;

use crate::metrics::CpuCounts;
use crate::orderings::METRICS;
use crate::record::Record;

/// A figure of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Name in files and on the command line.
    pub name: &'static str,
    /// What it is, for headings.
    pub title: &'static str,
    /// Unit; `ns` is shown with the prefix that suits a value.
    pub unit: &'static str,
    /// Larger is better.
    pub larger_is_better: bool,
}

/// Measures besides those of `sim orderings`.
const MORE: [Measure; 2] = [
    Measure {
        name: "bytes",
        title: "bytes of coherence messages per acquisition",
        unit: "B/acq",
        larger_is_better: false,
    },
    Measure {
        name: "fairness",
        title: "Jain's index of the acquisitions of the CPUs that try: 1 is fair",
        unit: "",
        larger_is_better: true,
    },
];

/// How many figures a run has.
pub const MEASURES: usize = METRICS.len() + MORE.len();

/// Every figure of a run, in the order of [`Run::values`].
#[must_use]
pub fn measures() -> [Measure; MEASURES] {
    std::array::from_fn(|i| match METRICS.get(i) {
        Some(m) => Measure { name: m.name, title: m.title, unit: m.unit, larger_is_better: m.larger_is_better },
        None => MORE[i - METRICS.len()],
    })
}

/// Place of a figure in [`Run::values`], by its name.
#[must_use]
pub fn measure(name: &str) -> Option<usize> {
    measures().iter().position(|m| m.name == name)
}

/// What is kept of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Run {
    /// Its seed.
    pub seed: u64,
    /// Its exposure, ns.
    pub simulated_ns: u64,
    /// Attempts that took the lock.
    pub acquisitions: u64,
    /// Its figures in the order of [`measures`]; none where it has not measured one.
    pub values: [Option<f64>; MEASURES],
}

impl Run {
    /// The figures of a record.
    #[must_use]
    pub fn of(r: &Record) -> Self {
        let acquisitions: u64 = r.contexts.values().map(|c| c.held).sum();
        let bytes: u64 = r.traffic.by_class.values().map(|t| t.bytes).sum();
        let values = std::array::from_fn(|i| match (METRICS.get(i), i - METRICS.len().min(i)) {
            (Some(m), _) => (m.of)(r),
            (None, 0) => (acquisitions > 0).then(|| bytes as f64 / acquisitions as f64),
            (None, _) => fairness(&r.metrics.cpus),
        });
        Self { seed: r.seed, simulated_ns: r.simulated_ns, acquisitions, values }
    }
}

/// Jain's index over all contexts together; none if nothing was acquired.
fn fairness(contexts: &BTreeMap<String, CpuCounts>) -> Option<f64> {
    let mut all = CpuCounts::default();
    for c in contexts.values() {
        for (sum, more) in [(&mut all.attempts, &c.attempts), (&mut all.acquisitions, &c.acquisitions)] {
            sum.resize(sum.len().max(more.len()), 0);
            sum.iter_mut().zip(more).for_each(|(s, m)| *s += m);
        }
    }
    all.jain()
}

/// The runs of one stage under one configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point {
    /// Name of the experiment.
    pub experiment: String,
    /// Name of the stage in the records.
    pub stage: String,
    /// Place of the stage in its experiment, from 0.
    pub stage_idx: u32,
    /// Name of the lock's program.
    pub lock: String,
    /// Name of the machine.
    pub machine: String,
    /// CPUs of the machine.
    pub cpus: u32,
    /// What the patches apply to.
    pub base: String,
    /// Patches applied, in order.
    pub patches: Vec<String>,
    /// Hash of the expanded experiment.
    pub config_hash: String,
    /// Version of rqsim that made the runs.
    pub version: String,
    /// Its place on each axis of its section: an index into the values there.
    pub at: Vec<u32>,
    /// Its runs, by seed.
    pub runs: Vec<Run>,
}

impl Point {
    /// A point without runs that is named like the stage of `record`.
    pub(crate) fn empty(r: &Record) -> Self {
        Self {
            experiment: r.experiment.clone(),
            stage: r.stage.clone(),
            stage_idx: r.stage_idx,
            lock: r.lock.clone(),
            machine: r.machine.clone(),
            cpus: r.cpus,
            base: r.base.clone(),
            patches: r.patches.clone(),
            config_hash: r.config_hash.clone(),
            version: r.version.clone(),
            at: Vec::new(),
            runs: Vec::new(),
        }
    }

    /// The values of a figure, one for each run that has measured it.
    pub fn values(&self, measure: usize) -> impl Iterator<Item = f64> + '_ {
        self.runs.iter().filter_map(move |r| r.values[measure])
    }
}

/// A mean over runs with its 95 % interval by Student's t; the interval is unknown with a single run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// The mean.
    pub value: f64,
    /// Half of the interval.
    pub half: Option<f64>,
    /// How many runs.
    pub runs: usize,
}

impl Mean {
    /// The mean of some values; none without any.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let mean = (!values.is_empty()).then(|| crate::orderings::Mean::of(values))?;
        Some(Self { value: mean.value, half: mean.half, runs: values.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_records;

    #[test]
    fn a_run_keeps_its_figures_by_name() {
        let records = sample_records();
        let run = Run::of(&records[0]);
        let of = |name: &str| run.values[measure(name).unwrap()].unwrap();
        let held: u64 = records[0].contexts.values().map(|c| c.held).sum();
        assert_eq!((run.seed, run.acquisitions), (11, held));
        assert!((of("throughput") - held as f64).abs() < 1e-6, "in one second");
        assert!((of("timeouts") - 46.0 * 3600.0).abs() < 1e-6);
        // CPUs 1 and 3 have a quarter each, CPU 2 half: 1 / (3 (1/16 + 1/4 + 1/16)).
        assert!((of("fairness") - 8.0 / 9.0).abs() < 1e-4, "{}", of("fairness"));
        assert!(of("bytes") > of("messages"));
        assert_eq!(measure("speed"), None);
    }
}
