// SPDX-License-Identifier: MIT OR Apache-2.0
//! The figures by which subsets of changes are compared, each taken from one run.

use crate::histogram::Histogram;
use crate::names;
use crate::record::Record;

/// Nanoseconds of an hour.
pub(super) const HOUR_NS: f64 = 3.6e12;
/// Unit of the metrics that count events: none of them gives a bound, not 0.
pub(super) const PER_HOUR: &str = "/h";

/// A figure of a run.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Name on the command line and in files.
    pub name: &'static str,
    /// What it is, for headings.
    pub title: &'static str,
    /// Unit, for values; `ns` is shown with the prefix that suits a value.
    pub unit: &'static str,
    /// Larger is better.
    pub larger_is_better: bool,
    /// Measured of handlers of NMIs, so only where there are some.
    pub of_nmis: bool,
    /// The figure, if the run has measured it.
    pub of: fn(&Record) -> Option<f64>,
}

/// Every metric.
pub const METRICS: [Metric; 6] = [
    Metric {
        name: "timeouts",
        title: "timeouts per simulated hour",
        unit: PER_HOUR,
        larger_is_better: false,
        of_nmis: false,
        of: |r| per_hour(r, r.contexts.values().map(|c| c.etimedout).sum()),
    },
    Metric {
        name: "worst_nmi",
        title: "longest NMI handler of a run",
        unit: "ns",
        larger_is_better: false,
        of_nmis: true,
        of: |r| r.handlers.get(names::NMI).filter(|h| h.count > 0).map(|h| h.longest_ns as f64),
    },
    Metric {
        name: "p99_detection",
        title: "99th percentile of the time from a deadlock's formation to the error that ended it; 0 if none formed",
        unit: "ns",
        larger_is_better: false,
        of_nmis: false,
        of: p99_detection,
    },
    Metric {
        name: "messages",
        title: "coherence messages per acquisition",
        unit: "msg/acq",
        larger_is_better: false,
        of_nmis: false,
        of: |r| {
            let messages: u64 = r.traffic.by_class.values().map(|t| t.messages).sum();
            let held: u64 = r.contexts.values().map(|c| c.held).sum();
            (held > 0).then(|| messages as f64 / held as f64)
        },
    },
    Metric {
        name: "throughput",
        title: "acquisitions per simulated second",
        unit: "acq/s",
        larger_is_better: true,
        of_nmis: false,
        of: |r| Some(per_hour(r, r.contexts.values().map(|c| c.held).sum())? / 3600.0),
    },
    Metric {
        name: "needless_errors",
        title: "errors per simulated hour given to attempts on no deadlock",
        unit: PER_HOUR,
        larger_is_better: false,
        of_nmis: false,
        of: |r| per_hour(r, r.oracle.false_positives + r.oracle.wrong_culprits + r.oracle.timeouts_outside_cycle),
    },
];

fn per_hour(r: &Record, events: u64) -> Option<f64> {
    (r.simulated_ns > 0).then(|| events as f64 / r.simulated_ns as f64 * HOUR_NS)
}

fn p99_detection(r: &Record) -> Option<f64> {
    let mut all = Histogram::new();
    for h in r.oracle.latency_by.values() {
        all.merge(h);
    }
    all.merge(&r.oracle.miss_latency);
    Some(all.quantile(99, 100).map_or(0.0, |q| q as f64))
}
