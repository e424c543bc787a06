// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a finished sweep prints: a row for each stage of each point.

use reports::sweep::{PointRows, Schema};
use rqsim::sweep::crew::Job;
use rqsim::sweep::plan::SweepPlan;

/// Rows that are printed; the file has all.
const ROWS_MAX: usize = 60;

/// Characters of an axis' value that are printed.
const LABEL_MAX: usize = 40;

/// How a column's numbers are written.
type Show = fn(f64) -> String;

/// Columns that are printed, if there is anything in them: name, heading, how to write a value.
const SHOWN: [(&str, &str, Show); 7] = [
    ("throughput_per_s", "acq/s", plain),
    ("fairness_jain", "Jain", three),
    ("attempt_p99_ns", "attempt p99", nanos),
    ("nmi_longest_ns", "longest NMI", nanos),
    ("timeouts_per_hour", "timeouts/h", plain),
    ("detection_p50_ns", "detection p50", nanos),
    ("messages_per_acquisition", "msg/acq", three),
];

/// The table of points as it is made.
pub(super) struct Table<'a> {
    plan: &'a SweepPlan,
    rows: Vec<Vec<String>>,
    left_out: usize,
    /// Runs that did not end as they have to.
    pub(super) bad: usize,
}

impl<'a> Table<'a> {
    pub(super) fn new(plan: &'a SweepPlan) -> Table<'a> {
        Table { plan, rows: Vec::new(), left_out: 0, bad: 0 }
    }

    fn shown(&self) -> Vec<(&str, &str, Show)> {
        let mut shown = SHOWN.to_vec();
        if let Some(rule) = self.plan.header.adaptive.as_ref().filter(|r| !SHOWN.iter().any(|s| s.0 == r.metric)) {
            let show: Show = if rule.metric.ends_with("_ns") { nanos } else { plain };
            shown.insert(0, (&rule.metric, &rule.metric, show));
        }
        shown
    }

    pub(super) fn add(&mut self, job: Job, rows: &PointRows, schema: &Schema) {
        let (runs, bad) = rows.counts(schema);
        self.bad += bad;
        if self.rows.len() >= ROWS_MAX {
            self.left_out += 1;
            return;
        }
        let point = &self.plan.points[job.point];
        let mut row = vec![point.point.to_string()];
        row.extend(point.values.iter().map(|v| cut(configs::sweep::label(v))));
        row.push(self.plan.header.stages[job.stage].1.clone());
        row.push(if bad > 0 { format!("{runs} ({bad} bad)") } else { runs.to_string() });
        for (name, _, show) in self.shown() {
            row.push(rows.interval(schema, name).map_or_else(String::new, |i| match i.half {
                Some(h) if h > 0.0 => format!("{} ±{}", show(i.mean), show(h)),
                _ => show(i.mean),
            }));
        }
        self.rows.push(row);
    }

    /// As text of at most so many columns, if that is possible.
    pub(super) fn text(&self, width: usize) -> String {
        let h = &self.plan.header;
        let mut heads: Vec<String> = vec!["point".into()];
        heads.extend(h.axes.iter().map(|(n, _)| n.clone()));
        heads.extend(["stage".to_owned(), "runs".to_owned()]);
        heads.extend(self.shown().iter().map(|(_, head, _)| (*head).to_owned()));
        let widths: Vec<usize> = (0..heads.len())
            .map(|i| {
                let cells = self.rows.iter().map(|r| r[i].chars().count()).max().unwrap_or(0);
                // A column without a value is left out.
                if cells == 0 { 0 } else { cells.max(heads[i].chars().count()) }
            })
            .collect();
        let mut kept: Vec<usize> = (0..heads.len()).filter(|i| widths[*i] > 0).collect();
        // Figures behind the ones that fit are in the file.
        while kept.iter().map(|i| widths[*i] + 2).sum::<usize>() > width + 2 && kept.len() > h.axes.len() + 4 {
            kept.pop();
        }
        let line = |cells: &[String]| {
            let cell = |i: &usize| format!("{:>w$}", cells[*i], w = widths[*i]);
            kept.iter().map(cell).collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
        };
        let mut text = reports::wrap(&format!("{}\n{}", h.title, h.question), width).join("\n") + "\n\n";
        text += &line(&heads);
        self.rows.iter().for_each(|r| text += &line(r));
        if self.left_out > 0 {
            text += &format!(".. {} more rows in points.csv\n", self.left_out);
        }
        text
    }
}

/// A value that would fill the line, cut; the files have all of it.
fn cut(label: String) -> String {
    if label.chars().count() <= LABEL_MAX {
        label
    } else {
        label.chars().take(LABEL_MAX - 2).chain("..".chars()).collect()
    }
}

/// `1 run`, `3 runs`.
pub(super) fn count(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// Three or four digits, with a prefix.
fn plain(n: f64) -> String {
    let (value, prefix) = match n.abs() {
        a if a >= 1e9 => (n / 1e9, "G"),
        a if a >= 1e6 => (n / 1e6, "M"),
        a if a >= 1e4 => (n / 1e3, "k"),
        _ => (n, ""),
    };
    format!("{}{prefix}", three(value))
}

/// Three digits or so.
fn three(n: f64) -> String {
    let decimals = match n.abs() {
        a if a >= 100.0 || a == 0.0 => 0,
        a if a >= 10.0 => 1,
        a if a >= 0.995 => 2,
        _ => 3,
    };
    format!("{n:.decimals$}")
}

/// Nanoseconds as people read them.
pub(super) fn nanos(n: f64) -> String {
    let (value, unit) = match n.abs() {
        a if a >= 1e9 => (n / 1e9, "s"),
        a if a >= 1e6 => (n / 1e6, "ms"),
        a if a >= 1e3 => (n / 1e3, "us"),
        _ => (n, "ns"),
    };
    format!("{}{unit}", three(value))
}

/// Seconds of the host as people read them.
pub(super) fn seconds(s: f64) -> String {
    match s {
        s if s >= 5400.0 => format!("{:.1} h", s / 3600.0),
        s if s >= 90.0 => format!("{:.1} min", s / 60.0),
        s if s >= 10.0 => format!("{s:.0} s"),
        s => format!("{s:.1} s"),
    }
}

/// Bytes as people read them.
pub(super) fn bytes(n: u64) -> String {
    match n as f64 {
        b if b >= 1e9 => format!("{:.1} GB", b / 1e9),
        b if b >= 1e6 => format!("{:.1} MB", b / 1e6),
        b => format!("{:.0} kB", b / 1e3),
    }
}
