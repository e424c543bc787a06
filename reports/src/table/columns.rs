// SPDX-License-Identifier: MIT OR Apache-2.0
//! The columns of the stage table, from left to right, each with a cell per stage.

use std::collections::BTreeMap;

use super::layout::fold;
use crate::names;
use crate::record::{ContextCounts, OracleCounts};
use crate::stage::StageSummary;
use crate::units::{self, Charset, count, duration, estimate, percent, plural};

/// Blanks between two columns.
pub(super) const GAP: usize = 2;

/// One column; cells have as many lines as they need.
#[derive(Clone)]
pub(crate) struct Column {
    /// Columns of equal group stay in one block, unless it is empty; one whose heading begins with an empty line belongs to the
    /// column before it.
    pub(super) group: &'static str,
    pub(super) header: String,
    /// One for each stage.
    pub(crate) cells: Vec<String>,
    /// Numbers are aligned to the right, text to the left.
    pub(super) right: bool,
    /// Left out where there is no room for all.
    pub(crate) spare: bool,
}

impl Column {
    pub(crate) fn new(group: &'static str, header: &str, cells: Vec<String>, right: bool) -> Self {
        Self { group, header: header.into(), cells, right, spare: false }
    }

    /// Characters of the longest line, and the gap.
    pub(super) fn width(&self) -> usize {
        let lines = self.cells.iter().flat_map(|c| c.lines()).chain(self.header.lines());
        lines.map(|l| l.chars().count()).max().unwrap_or(0) + GAP
    }

    /// Breaks what is longer than `width` characters into lines.
    pub(super) fn narrow(&mut self, width: usize) {
        self.header = fold(&self.header, width);
        for cell in &mut self.cells {
            *cell = fold(cell, width);
        }
    }

    /// Keeps to the characters of `charset`.
    pub(super) fn adapt(&mut self, charset: Charset) {
        self.header = charset.adapt(&self.header);
        for cell in &mut self.cells {
            *cell = charset.adapt(cell);
        }
    }
}

/// The columns; the first names the stage. Those of verdicts are there if any of the locks has some.
pub(super) fn columns(stages: &[StageSummary]) -> Vec<Column> {
    let each = |cell: fn(&StageSummary) -> String| stages.iter().map(cell).collect::<Vec<_>>();
    let found_by = keys_of(stages, |s| &s.edeadlk_by);
    let waits = keys_of(stages, |s| &s.timeouts_by);
    let mut columns = vec![Column::new("stage", "stage", each(stage), false)];
    columns.extend(by_context(stages));
    let verdict_columns = [
        Column::new("edeadlk", "EDEADLK\nfound by", counts(stages, found_by), false),
        Column::new("waits", "timeouts\nin wait", counts(stages, waits), false),
        Column::new("rates", "timeouts\n(95 %)", each(rates), false),
        Column::new("detection", "detection\nlatency", each(detection), false),
        Column::new("oracle", "oracle's\nverdict", counts(stages, verdicts(stages)), false),
    ];
    if stages.iter().any(StageSummary::may_refuse) {
        columns.extend(verdict_columns);
    }
    columns.extend([
        Column::new("nmi", "NMIs,\nstuck time", each(nmi), false),
        Column::new("cost", "cost and\nspeed", each(cost), false),
    ]);
    columns
}

fn stage(s: &StageSummary) -> String {
    let mut text = format!("{}\n{}\n{}", s.label, plural(s.seeds.len() as u64, "seed"), duration(s.simulated_ns));
    if !s.findings.is_empty() {
        text += &format!("\n{} failed", plural(s.findings.len() as u64, "run"));
    }
    text
}

/// Contexts down, outcomes across.
fn by_context(stages: &[StageSummary]) -> Vec<Column> {
    type Outcome = (&'static str, fn(&ContextCounts) -> u64);
    const OUTCOMES: [Outcome; 5] = [
        ("attempts", |c| c.attempts),
        ("held", |c| c.held),
        ("EDEADLK", |c| c.edeadlk),
        ("timed\nout", |c| c.etimedout),
        ("un-\nfinished", |c| c.unfinished),
    ];
    let used = stages.iter().flat_map(|s| &s.contexts).filter(|(_, c)| c.attempts > 0);
    let contexts = names::in_order(used.map(|(name, _)| name));
    let cells = |line: &dyn Fn(&StageSummary, &str) -> String| -> Vec<String> {
        stages.iter().map(|s| contexts.iter().map(|c| line(s, c)).collect::<Vec<_>>().join("\n")).collect()
    };
    let context = Column::new("contexts", "context", cells(&|_, name| name.to_string()), false);
    let mut columns = vec![context];
    for (header, outcome) in OUTCOMES {
        let none = stages.iter().all(|s| s.contexts.values().all(|c| outcome(c) == 0));
        let of_interest = match header {
            "un-\nfinished" => false,
            "EDEADLK" | "timed\nout" => stages.iter().any(StageSummary::may_refuse),
            _ => true,
        };
        if none && !of_interest {
            continue;
        }
        let cell = |s: &StageSummary, name: &str| s.contexts.get(name).map_or_else(String::new, |c| count(outcome(c)));
        columns.push(Column::new("contexts", header, cells(&cell), true));
    }
    columns
}

/// The keys of a map in reading order with their counts. Waits that a lock of this kind cannot have
/// are left out if they are 0 everywhere.
fn keys_of<'a>(
    stages: &'a [StageSummary],
    map: fn(&StageSummary) -> &BTreeMap<String, u64>,
) -> impl Fn(&'a StageSummary) -> Vec<(&'a str, u64)> {
    let wanted = stages.iter().flat_map(map).filter(|(name, n)| **n > 0 || name.as_str() != names::TEST_AND_SET);
    let keys = names::in_order(wanted.map(|(name, _)| name));
    move |s| keys.iter().filter_map(|&k| Some((k, *map(s).get(k)?))).collect()
}

/// Cells with a line for each name: the name on the left, its count on the right.
fn counts<'a>(stages: &'a [StageSummary], lines: impl Fn(&'a StageSummary) -> Vec<(&'a str, u64)>) -> Vec<String> {
    let all: Vec<Vec<(&str, String)>> =
        stages.iter().map(|s| lines(s).into_iter().map(|(name, n)| (name, count(n))).collect()).collect();
    let names = all.iter().flatten().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let numbers = all.iter().flatten().map(|(_, n)| n.len()).max().unwrap_or(0);
    let line = |(name, n): &(&str, String)| format!("{name:<names$} {n:>numbers$}");
    all.iter().map(|cell| cell.iter().map(line).collect::<Vec<_>>().join("\n")).collect()
}

fn rates(s: &StageSummary) -> String {
    let part = |e: Option<crate::Estimate>, scale, unit| {
        e.map_or_else(String::new, |e| {
            let (value, interval) = estimate(&e, scale);
            format!("{value} {unit}\n{interval}")
        })
    };
    let lines = [part(s.timeouts_per_nmi(), 1e6, "/10⁶ NMI"), part(s.timeouts_per_s(), 1.0, "/sim. s")];
    lines.into_iter().filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n")
}

fn detection(s: &StageSummary) -> String {
    let latency = s.detection_latency();
    let quantile = |num, den| latency.quantile(num, den).map(duration);
    let lines = [("p50", quantile(1, 2)), ("p99", quantile(99, 100)), ("max", quantile(1, 1))];
    let lines = lines.iter().filter_map(|(name, t)| Some(format!("{name} {}", t.as_ref()?)));
    lines.collect::<Vec<_>>().join("\n")
}

/// The rarer verdicts only where there are any.
fn verdicts<'a>(stages: &'a [StageSummary]) -> impl Fn(&'a StageSummary) -> Vec<(&'a str, u64)> {
    let rare: [fn(&OracleCounts) -> u64; 2] = [|o| o.late, |o| o.wrong_culprits];
    let [late, wrong] = rare.map(|n| stages.iter().any(|s| n(&s.oracle) > 0));
    move |s| {
        let o = &s.oracle;
        let all = [
            (true, "detected", o.detected),
            (true, "avoided", o.avoided),
            (late, "late", o.late),
            (true, "missed", o.misses),
            (wrong, "behind", o.wrong_culprits),
            (true, "false", o.false_positives),
            (true, "no cycle", o.timeouts_outside_cycle),
        ];
        all.into_iter().filter(|(shown, _, _)| *shown).map(|(_, name, n)| (name, n)).collect()
    }
}

/// NMI handlers that had not ended when their run stopped.
pub(super) fn endless_nmis(s: &StageSummary) -> u64 {
    s.handlers.get(names::NMI).map_or(0, |h| h.count - h.duration_ns.count())
}

fn nmi(s: &StageSummary) -> String {
    let mut lines = Vec::new();
    if let Some(h) = s.handlers.get(names::NMI) {
        match endless_nmis(s) {
            0 if h.count == 0 => lines.push("no NMI".to_owned()),
            0 => lines.push(format!("max {}", duration(h.longest_ns))),
            n => {
                lines.push(format!("{} endless", count(n)));
                lines.push(format!("({} so far)", duration(h.longest_ns)));
                lines.extend(h.duration_ns.max().map(|ns| format!("others {}", duration(ns))));
            }
        }
        if h.count > 0 {
            lines.push(format!("of {}", count(h.count)));
            lines.push(format!("{} lost", count(h.coalesced)));
        }
    }
    lines.extend(s.stuck_share().map(|share| format!("{} stuck", percent(share))));
    lines.join("\n")
}

fn cost(s: &StageSummary) -> String {
    let mut lines = Vec::new();
    if let Some((messages, bytes)) = s.traffic_per_acquisition() {
        lines.push(format!("{} msg/acq", units::three_digits(messages)));
        lines.push(format!("{} B/acq", units::three_digits(bytes)));
    }
    lines.extend(s.acquisitions_per_s().map(|n| format!("{} acq/s", units::prefixed(n))));
    lines.join("\n")
}
