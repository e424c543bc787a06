// SPDX-License-Identifier: MIT OR Apache-2.0
//! The numbers behind the figures, apart from how they are drawn.

use std::collections::BTreeMap;

use crate::histogram::Histogram;
use crate::names;
use crate::stage::StageSummary;
use crate::stats::{Estimate, rate};

/// How many message classes have a colour of their own; the rarest others are taken together.
pub const CLASSES_MAX: usize = 8;

/// Name of the classes that are taken together.
pub const OTHER: &str = "other";

/// Timeouts of one stage.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeoutRow {
    /// Label of the stage.
    pub label: String,
    /// Timeouts per simulated second with their interval; none without exposure.
    pub rate: Option<Estimate>,
    /// Exposure, seconds.
    pub simulated_s: f64,
}

/// A survival curve of one stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Curve {
    /// Label of the stage.
    pub label: String,
    /// How many cases the curve stands for, those that were never over included.
    pub count: u64,
    /// Of these, how many were never over: they are above all times.
    pub open: u64,
    /// How long the longest of those had lasted when its run stopped, ns; 0 if that is not known.
    pub open_ns: u64,
    /// Least value, ns; the curve is at its full height before it.
    pub min_ns: u64,
    /// (time in ns, how many values are larger), times ascending; the last count is `open`.
    pub points: Vec<(u64, u64)>,
    /// What else to say beside the label.
    pub note: String,
}

/// Coherence messages of one stage.
#[derive(Clone, Debug, PartialEq)]
pub struct TrafficRow {
    /// Label of the stage.
    pub label: String,
    /// Messages per acquisition of each class, in the order of [`Traffic::classes`].
    pub per_acquisition: Vec<f64>,
    /// Acquisitions the row stands for.
    pub acquisitions: u64,
}

/// Coherence messages of all stages.
#[derive(Clone, Debug, PartialEq)]
pub struct Traffic {
    /// Message classes, the most frequent over all stages first; at most [`CLASSES_MAX`], then
    /// [`OTHER`] if there are more.
    pub classes: Vec<String>,
    /// A row for each stage.
    pub rows: Vec<TrafficRow>,
}

/// Timeouts per simulated second by stage.
pub fn timeouts(stages: &[StageSummary]) -> Vec<TimeoutRow> {
    let row = |s: &StageSummary| TimeoutRow {
        label: s.label.clone(),
        rate: s.timeouts_per_s(),
        simulated_s: s.simulated_s(),
    };
    stages.iter().map(row).collect()
}

/// Deadlocks not yet reported, by the time since they formed. Those that ended in a timeout are
/// counted with it: leaving them out would flatter the lock. So are those that nobody had noticed, or whose first to notice
/// had not returned, when a run stopped: they are never over.
pub fn detection(stages: &[StageSummary]) -> Vec<Curve> {
    let one = |s: &StageSummary| {
        let mut all = s.detection_latency();
        all.merge(&s.oracle.miss_latency);
        let (missed, open) = (s.oracle.misses, s.recoveries.undetected + s.recoveries.unwinding);
        let notes = [(missed, "missed"), (open, "never reported")];
        let notes = notes.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"));
        curve(&s.label, &all, (open, 0), notes.collect::<Vec<_>>().join(", "))
    };
    stages.iter().map(one).collect()
}

/// Hand-offs not over yet, by the time since the release; all locks together.
pub fn handoff(stages: &[StageSummary]) -> Vec<Curve> {
    let one = |s: &StageSummary| {
        let mut all = Histogram::new();
        s.metrics.locks.values().for_each(|l| all.merge(&l.handoff_ns));
        curve(&s.label, &all, (0, 0), String::new())
    };
    stages.iter().map(one).collect()
}

/// Handlers of one kind of context still running, by the time since they began.
pub fn handlers(stages: &[StageSummary], context: &str) -> Vec<Curve> {
    let none = Histogram::new();
    let one = |s: &StageSummary| {
        let handler = s.handlers.get(context);
        let durations = handler.map_or(&none, |h| &h.duration_ns);
        let open = handler.map_or(0, |h| h.count - durations.count());
        let note = if open > 0 { format!("{open} never ended") } else { String::new() };
        let open_ns = handler.map_or(0, |h| h.longest_ns);
        curve(&s.label, durations, (open, open_ns), note)
    };
    stages.iter().map(one).collect()
}

fn curve(label: &str, histogram: &Histogram, (open, open_ns): (u64, u64), note: String) -> Curve {
    let max = histogram.max().unwrap_or(0);
    let count = histogram.count() + open;
    let mut above = count;
    let step = |(_, high, n): (u64, u64, u64)| {
        above -= n;
        (high.min(max), above)
    };
    Curve {
        label: label.to_string(),
        count,
        open,
        open_ns: if open > 0 { open_ns } else { 0 },
        min_ns: histogram.min().unwrap_or(0),
        points: histogram.buckets().map(step).collect(),
        note,
    }
}

/// Coherence messages per acquisition by stage and class.
pub fn traffic(stages: &[StageSummary]) -> Traffic {
    by(stages, |s| &s.traffic.by_class)
}

/// Coherence messages per acquisition by stage and by what is in the line.
pub fn line_traffic(stages: &[StageSummary]) -> Traffic {
    let mut data = by(stages, |s| &s.traffic.by_line);
    for class in &mut data.classes {
        let words = match class.as_str() {
            "lock" => "lock words",
            "node" => "queue nodes",
            "held" => "held-lock tables",
            "time" => "clock",
            _ => continue,
        };
        *class = words.into();
    }
    data
}

/// Timeouts per simulated second by stage and by the wait they ended; waits that none ended are left out.
pub fn timeouts_by_wait(stages: &[StageSummary]) -> Vec<(String, usize, String, Option<Estimate>)> {
    let seen = |s: &&StageSummary| s.timeouts_by.iter().any(|(_, n)| *n > 0);
    let keys = stages.iter().filter(seen).flat_map(|s| s.timeouts_by.iter().filter(|(_, n)| **n > 0).map(|(k, _)| k));
    let keys = names::in_order(keys);
    let row = |key: &str, (i, s): (usize, &StageSummary)| {
        let rate = s.timeouts_by.get(key).and_then(|&n| rate(n, s.simulated_s()));
        (key.to_owned(), i, s.label.clone(), rate)
    };
    keys.iter().flat_map(|k| stages.iter().enumerate().map(move |s| row(k, s))).collect()
}

/// Messages with a line between private caches: `[from][to]` per acquisition; none if they were not counted.
pub fn transfers(s: &StageSummary) -> Option<Vec<Vec<f64>>> {
    let counted = &s.attribution.as_ref()?.transfers;
    let acquisitions = s.acquisitions().max(1) as f64;
    let mut matrix = vec![vec![0.0; s.cpus as usize]; s.cpus as usize];
    for &(from, to, n) in counted {
        if let Some(cell) = matrix.get_mut(from as usize).and_then(|row| row.get_mut(to as usize)) {
            *cell = n as f64 / acquisitions;
        }
    }
    (!counted.is_empty()).then_some(matrix)
}

fn by(stages: &[StageSummary], map: fn(&StageSummary) -> &BTreeMap<String, crate::record::Traffic>) -> Traffic {
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    for (class, t) in stages.iter().flat_map(map) {
        *totals.entry(class).or_default() += t.messages;
    }
    let mut order: Vec<(&str, u64)> = totals.into_iter().filter(|&(_, n)| n > 0).collect();
    // The sort is stable, so classes of equal weight stay in alphabetical order.
    order.sort_by_key(|&(_, n)| std::cmp::Reverse(n));
    // A single class left over has a right to its own name.
    let named = if order.len() == CLASSES_MAX + 1 { order.len() } else { CLASSES_MAX };
    let (own, rest) = order.split_at(named.min(order.len()));
    let mut classes: Vec<String> = own.iter().map(|(class, _)| (*class).to_string()).collect();
    if !rest.is_empty() {
        classes.push(OTHER.into());
    }
    let row = |s: &StageSummary| {
        let messages = |class: &str| map(s).get(class).map_or(0, |t| t.messages);
        let mut counts: Vec<u64> = own.iter().map(|(class, _)| messages(class)).collect();
        if !rest.is_empty() {
            counts.push(rest.iter().map(|(class, _)| messages(class)).sum());
        }
        let acquisitions = s.acquisitions();
        // Without an acquisition there is nothing to divide by, and nothing to show.
        let share = |n: u64| if acquisitions > 0 { n as f64 / acquisitions as f64 } else { 0.0 };
        TrafficRow { label: s.label.clone(), per_acquisition: counts.into_iter().map(share).collect(), acquisitions }
    };
    let rows = stages.iter().map(row).collect();
    Traffic { classes, rows }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_records;

    fn stages() -> Vec<StageSummary> {
        StageSummary::from_records(&sample_records())
    }

    #[test]
    fn timeouts_have_rates_and_a_zero_has_its_bound() {
        let rows = timeouts(&stages());
        let seen: Vec<_> = rows
            .iter()
            .map(|r| {
                let e = r.rate.unwrap();
                format!("{} {} {:.1} [{:.3}, {:.3}]", r.label, e.events, e.value, e.low, e.high)
            })
            .collect();
        assert_eq!(
            seen,
            [
                "base 92 46.0 [37.082, 56.415]",
                "+1 34 17.0 [11.773, 23.756]",
                "+1-2 22 11.0 [6.894, 16.654]",
                "+1-3 6 3.0 [1.101, 6.530]",
                "+1-4 2 1.0 [0.121, 3.612]",
                "+1-5 0 0.0 [0.000, 1.498]",
            ]
        );
        assert_eq!(timeouts(&[StageSummary::default()])[0].rate, None);
    }

    #[test]
    fn a_curve_falls_from_all_to_none_at_the_ends_of_the_buckets() {
        let mut h = Histogram::new();
        [100, 100, 130, 1_000_000].into_iter().for_each(|v| h.record(v));
        let c = curve("x", &h, (0, 9), String::new());
        // 130 shares a bucket with 131; the last bucket ends at the exact maximum.
        assert_eq!(c.points, [(100, 2), (131, 1), (1_000_000, 0)]);
        assert_eq!((c.count, c.min_ns), (4, 100));
        assert_eq!(curve("x", &Histogram::new(), (0, 0), String::new()).points, []);
    }

    #[test]
    fn missed_deadlocks_are_on_the_detection_curve() {
        let curves = detection(&stages());
        assert_eq!((curves[0].count, curves[0].note.as_str()), (360 + 46, "46 missed"));
        assert_eq!((curves[5].count, curves[5].note.as_str()), (530, ""));
        // All but the missed ones are found in the 26 ms that the longest detection takes.
        let at = curves[0].points.iter().rfind(|(ns, _)| *ns < 100_000_000).unwrap();
        assert_eq!(at.1, 46);
        assert_eq!(curves[0].points.last(), Some(&(250_312_000, 0)));
        let mut hung = stages();
        (hung[0].recoveries.undetected, hung[0].recoveries.unwinding) = (1, 2);
        let c = detection(&hung).remove(0);
        assert_eq!((c.count, c.open, c.note.as_str()), (360 + 46 + 3, 3, "46 missed, 3 never reported"));
        assert_eq!(c.points.last(), Some(&(250_312_000, 3)));
    }

    #[test]
    fn nmi_curves_count_every_handler() {
        let curves = handlers(&stages(), names::NMI);
        assert_eq!(curves[0].count, 120_452);
        assert_eq!(curves[0].points.last(), Some(&(250_312_012, 0)));
        let above_1ms = curves[5].points.iter().find(|(ns, _)| *ns >= 1_000_000);
        assert_eq!(above_1ms, None);
        // Of four handlers one ended.
        let mut open = StageSummary::default();
        let h = open.handlers.entry(names::NMI.into()).or_default();
        (h.count, h.longest_ns) = (4, 9_000);
        h.duration_ns.record(50);
        let c = handlers(&[open], names::NMI).remove(0);
        assert_eq!((c.count, c.open, c.open_ns, c.note.as_str()), (4, 3, 9_000, "3 never ended"));
        assert_eq!(c.points, [(50, 3)], "those that never ended are above every time");
    }

    #[test]
    fn traffic_is_stacked_from_the_most_frequent_class() {
        let traffic = traffic(&stages());
        assert_eq!(
            traffic.classes,
            ["Data", "GetS", "GetM", "FwdGetS", "Inv", "InvAck", "FwdGetM", "Upgrade", "other"]
        );
        let base = &traffic.rows[0];
        assert_eq!(base.acquisitions, 952_061);
        assert!((base.per_acquisition[0] - 6_200_000.0 / 952_061.0).abs() < 1e-12);
        // PutM, PutAck and Unblock of two runs.
        assert!((base.per_acquisition[8] - 184_000.0 / 952_061.0).abs() < 1e-12);
        let sum: f64 = base.per_acquisition.iter().sum();
        assert!((sum - stages()[0].traffic_per_acquisition().unwrap().0).abs() < 1e-9);
    }

    #[test]
    fn lines_waits_and_hand_offs_have_their_numbers() {
        let lines = line_traffic(&stages());
        assert_eq!(lines.classes, ["lock word", "queue nodes"]);
        assert!((lines.rows[0].per_acquisition[1] - 5_644_000.0 / 952_061.0).abs() < 1e-12);
        let waits = timeouts_by_wait(&stages());
        let seen: Vec<String> = waits
            .iter()
            .filter_map(|(wait, stage, _, rate)| {
                Some(format!("{wait} {stage}: {}", rate.filter(|r| r.events > 0)?.value))
            })
            .collect();
        assert_eq!(seen[..5], ["pending 0: 2", "head 0: 4", "head 1: 3", "head 2: 1", "head 3: 2"]);
        assert_eq!(waits.len(), 4 * 6, "no row for the test-and-set wait, which none gave up");
        let hand_offs = handoff(&stages());
        assert_eq!((hand_offs[0].count, hand_offs[0].open), (6_000, 0));
        assert_eq!(hand_offs[0].points.last().map(|p| p.1), Some(0));
    }

    #[test]
    fn transfers_are_per_acquisition_from_row_to_column() {
        let mut s = stages().remove(0);
        assert_eq!(transfers(&s), None);
        let a = s.attribution.get_or_insert_default();
        a.transfers = vec![(0, 1, 952_061), (7, 2, 1_904_122), (9, 0, 5)];
        let matrix = transfers(&s).unwrap();
        assert_eq!((matrix.len(), matrix[0].len()), (8, 8));
        assert_eq!((matrix[0][1], matrix[7][2], matrix[1][0]), (1.0, 2.0, 0.0));
    }

    #[test]
    fn nothing_measured_gives_empty_data() {
        let none = [StageSummary::default()];
        assert!(traffic(&none).classes.is_empty());
        assert_eq!(detection(&none)[0].count, 0);
        assert_eq!(handlers(&none, names::NMI)[0].count, 0);
    }
}
