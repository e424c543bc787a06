// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table, the same as CSV, and the figures of a calibration.

use std::fmt::Write as _;

use configs::{Figure, Quantity, Unit};
use reports::plots::calibration::{Chart, HeatMap, Point, Scale, Series};

use super::{Calibration, Spread};

/// A line of the table: a measurement beside a figure, if there is one.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// What.
    pub quantity: Quantity,
    /// Unit of all numbers of the row.
    pub unit: Unit,
    /// Measured here.
    pub simulated: Spread,
    /// Published.
    pub figure: Option<&'a Figure>,
}

impl Row<'_> {
    /// How far the simulated mean is from the published figure, per cent of the latter.
    #[must_use]
    pub fn error_percent(&self) -> Option<f64> {
        self.figure.map(|f| (self.simulated.mean / f.value - 1.0) * 100.0)
    }
}

/// The rows: every quantity measured, once per published figure, or once without.
#[must_use]
pub fn rows_of(c: &Calibration) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for &(quantity, s) in &c.quantities {
        let figures: Vec<Option<&Figure>> = c.published.iter().filter(|f| f.quantity == quantity).map(Some).collect();
        let figures = if figures.is_empty() { vec![None] } else { figures };
        for figure in figures {
            let unit = figure.map_or(quantity.unit(), |f| f.unit);
            let part = |v: f64| c.in_unit(v, unit);
            let simulated = Spread { min: part(s.min), mean: part(s.mean), max: part(s.max) };
            rows.push(Row { quantity, unit, simulated, figure });
        }
    }
    rows
}

/// Name, cores and clock of the machine.
#[must_use]
pub fn described(c: &Calibration) -> String {
    let cores = if c.cores == 1 { "core" } else { "cores" };
    format!("{}, {} {cores} at {} GHz", c.machine, c.cores, c.khz as f64 / 1e6)
}

/// What was not measured, as a sentence, if there is anything: pairs on a machine of one core, other nodes on a
/// machine of one node, a last level that cannot hold the lines it takes.
#[must_use]
pub fn not_measured(c: &Calibration) -> Option<String> {
    let missing: Vec<&str> = Quantity::ALL.iter().filter(|q| c.get(**q).is_none()).map(|q| q.name()).collect();
    (!missing.is_empty()).then(|| format!("Not measurable on this machine: {}.\n", missing.join("; ")))
}

/// A number as tables write it: one decimal below 100, none above.
fn short(value: f64) -> String {
    if value >= 99.95 { format!("{value:.0}") } else { format!("{value:.1}") }
}

/// The table as Markdown, readable as it is: aligned columns between bars.
#[must_use]
pub fn table(c: &Calibration) -> String {
    const HEAD: [&str; 8] = ["quantity", "simulated", "min - max", "published", "error", "kind", "row", "source"];
    let mut cells: Vec<[String; 8]> = vec![HEAD.map(str::to_owned)];
    for r in rows_of(c) {
        let s = &r.simulated;
        let is_entries = r.unit == Unit::Entries;
        let number = |v: f64| if is_entries { format!("{v:.0}") } else { short(v) };
        let spread = if s.min < s.max { format!("{} - {}", number(s.min), number(s.max)) } else { String::new() };
        let with_unit = |v: f64| format!("{} {}", number(v), r.unit.name());
        cells.push([
            r.quantity.name().to_owned(),
            with_unit(s.mean),
            spread,
            r.figure.map_or_else(String::new, |f| with_unit(f.value)),
            r.error_percent().map_or_else(String::new, |e| format!("{e:+.1} %")),
            r.figure.map_or("", |f| f.kind.name()).to_owned(),
            r.figure.map_or_else(String::new, |f| f.row.clone()),
            r.figure.map_or_else(String::new, |f| f.source.clone()),
        ]);
    }
    let width = |col: usize| cells.iter().map(|row| row[col].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..8).map(width).collect();
    let right = |col: usize| (1..5).contains(&col);
    let mut text = String::new();
    for (i, row) in cells.iter().enumerate() {
        for (col, cell) in row.iter().enumerate() {
            let w = widths[col];
            let _ = if right(col) { write!(text, "| {cell:>w$} ") } else { write!(text, "| {cell:<w$} ") };
        }
        text += "|\n";
        if i == 0 {
            for (col, w) in widths.iter().enumerate() {
                let dashes = "-".repeat(w + if right(col) { 1 } else { 2 });
                text += &format!("|{dashes}{}", if right(col) { ":" } else { "" });
            }
            text += "|\n";
        }
    }
    text
}

/// The rows as CSV; an empty field is "not published".
#[must_use]
pub fn csv(c: &Calibration) -> String {
    let mut text =
        "machine,quantity,unit,simulated,simulated_min,simulated_max,published,error_percent,kind,row,source\n"
            .to_owned();
    for r in rows_of(c) {
        let s = &r.simulated;
        let unit = match r.unit {
            Unit::Cycles => "cycles",
            other => other.name(),
        };
        let fields = [
            c.machine.clone(),
            format!("{:?}", r.quantity),
            unit.to_owned(),
            format!("{:.3}", s.mean),
            format!("{:.3}", s.min),
            format!("{:.3}", s.max),
            r.figure.map_or_else(String::new, |f| f.value.to_string()),
            r.error_percent().map_or_else(String::new, |e| format!("{e:.2}")),
            r.figure.map_or("", |f| f.kind.name()).to_owned(),
            r.figure.map_or_else(String::new, |f| f.row.clone()),
            r.figure.map_or_else(String::new, |f| f.source.clone()),
        ];
        text += &(fields.map(|f| reports::csv_field(&f)).join(",") + "\n");
    }
    text
}

/// The figures: file name and SVG.
///
/// # Errors
/// What the drawing library says.
pub fn figures(c: &Calibration, made_by: &str) -> Result<Vec<(&'static str, String)>, reports::Error> {
    let failed = |figure: &'static str| move |why: String| reports::Error::Draw { figure, why };
    let setting = format!("Machine {}. Made by {made_by}.", described(c));
    Ok(vec![
        ("latency.svg", latency(c, &setting).draw().map_err(failed("latency.svg"))?),
        ("ping-pong.svg", heat_map(c, &setting).draw().map_err(failed("ping-pong.svg"))?),
        ("atomics.svg", atomics(c, &setting).draw().map_err(failed("atomics.svg"))?),
    ])
}

fn latency(c: &Calibration, setting: &str) -> Chart {
    let points = c.curve.iter().map(|p| Point { x: p.bytes as f64, y: c.nanos(p.cycles) }).collect();
    let level = |q: Quantity, name: &str| {
        let mut found = c.published.iter().filter(|f| f.quantity == q);
        found.next().map(|f| {
            let ns = if f.unit == Unit::Nanos { f.value } else { c.nanos(f.value) };
            (ns, format!("{name}, published"))
        })
    };
    let levels = [
        (Quantity::LoadL1, "first level"),
        (Quantity::LoadL2, "second level"),
        (Quantity::LoadLlc, "last level"),
        (Quantity::LoadMemory, "memory"),
    ];
    Chart {
        title: "How long does a load take?".into(),
        subtitle: "Time per dependent load of core 0, by the size of what is chased through".into(),
        x_title: "working set".into(),
        y_title: "time per load".into(),
        x: Scale::Bytes,
        y: Scale::LogNanos,
        series: vec![Series { name: "simulated".into(), points, color: 0, is_dashed: false }],
        levels: levels.into_iter().filter_map(|(q, n)| level(q, n)).collect(),
        caption: format!(
            "Lines in random order, everything touched once before. Dashed: published figures of such hardware, turned \
             into ns with the machine's clock where they are in cycles. {setting}"
        ),
    }
}

fn atomics(c: &Calibration, setting: &str) -> Chart {
    let series = |name: &str, color, is_dashed, f: &dyn Fn(&super::Scaling) -> f64| Series {
        name: name.into(),
        color,
        is_dashed,
        points: c.scaling.iter().map(|s| Point { x: s.threads as f64, y: c.nanos(f(s)) }).collect(),
    };
    Chart {
        title: "What does an atomic on a shared line cost?".into(),
        subtitle: "Time per operation on one line, by the number of threads that do nothing else".into(),
        x_title: "threads, on cores 0, 1, ..".into(),
        y_title: "time per operation".into(),
        x: Scale::Threads,
        y: Scale::LogNanos,
        series: vec![
            series("fetch-and-add, each", 0, false, &|s| s.fetch_add.0),
            series("CAS loop, each", 1, false, &|s| s.cas_loop.0),
            series("fetch-and-add, overall", 0, true, &|s| s.fetch_add.1),
            series("CAS loop, overall", 1, true, &|s| s.cas_loop.1),
        ],
        levels: Vec::new(),
        caption: format!(
            "Each: how long a thread takes for one operation of its own, from its first to its last. Overall: from one \
             operation of any thread to the next. CAS loop: load, add, compare-and-swap, until it succeeds. Each about the \
             same as overall: the threads get through one after another. {setting}"
        ),
    }
}

fn heat_map(c: &Calibration, setting: &str) -> HeatMap {
    let mut cells = vec![None; c.cores * c.cores];
    for p in &c.pairs {
        cells[p.a * c.cores + p.b] = Some(c.nanos(p.cycles));
        cells[p.b * c.cores + p.a] = Some(c.nanos(p.cycles));
    }
    let class = |q: Quantity, name: &str| {
        c.get(q).map(|s| {
            let [mean, min, max] = [s.mean, s.min, s.max].map(|v| short(c.nanos(v)));
            format!("{name}: mean {mean} ns, {min} to {max} ns.")
        })
    };
    let of_all = c.pairs.len() == c.cores * (c.cores - 1) / 2;
    let how = match of_all {
        _ if c.pairs.is_empty() => "One core makes no pair.",
        true => "Every pair; both directions of a pair are one measurement.",
        false => "A sample of pairs; grey: not measured; both directions of a pair are one measurement.",
    };
    let spreads: Vec<String> =
        [class(Quantity::PingPong, "Same node"), class(Quantity::PingPongOtherNode, "Other node")]
            .into_iter()
            .flatten()
            .collect();
    HeatMap {
        title: "How long does a line take from core to core?".into(),
        subtitle: "One-way time of a compare-and-swap ping-pong, by pair of cores".into(),
        cores: c.cores,
        cells,
        caption: [&[how.to_owned()], &spreads[..], &[setting.to_owned()]].concat().join(" "),
    }
}
