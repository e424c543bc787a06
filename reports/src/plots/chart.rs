// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a figure shows, as numbers: the data of the interactive page, and the table for those who do not look at pictures.

use serde::Serialize;

use crate::units::{count, duration, three_digits};

/// A step curve of one stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Steps {
    /// Label of the stage.
    pub label: String,
    /// How many cases it stands for.
    pub count: u64,
    /// (time in ns, share of the cases that took longer), times ascending.
    pub points: Vec<(u64, f64)>,
    /// What else to say of it.
    pub note: String,
}

/// A row of a bar chart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bar {
    /// Label of the stage.
    pub label: String,
    /// `[class]`.
    pub values: Vec<f64>,
    /// How many cases it stands for.
    pub count: u64,
}

/// A value with its interval.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// What it is of.
    pub label: String,
    /// Place of the stage among those drawn.
    pub stage: usize,
    /// The value; none if it was not measured.
    pub value: Option<f64>,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Events behind it.
    pub count: u64,
}

/// One heat map of several.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Panel {
    /// What sets it apart from the others.
    pub title: String,
    /// `[y][x]`; none where nothing was measured.
    pub cells: Vec<Vec<Option<f64>>>,
}

/// A line through means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// What it is of.
    pub label: String,
    /// (place on the x axis, mean, half of its 95 % interval if known, runs).
    pub points: Vec<(usize, f64, Option<f64>, usize)>,
}

/// One of several plots of lines.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LinePanel {
    /// What is measured.
    pub title: String,
    /// Its unit.
    pub unit: String,
    /// The lines.
    pub lines: Vec<Line>,
}

/// A link in one direction.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LinkUse {
    /// Stops it joins.
    pub ends: (String, String),
    /// `[stage]`: share of its wires' time in use.
    pub shares: Vec<Option<f64>>,
}

/// The numbers of a figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Chart {
    /// Shares by time, on a logarithmic axis of times.
    Steps {
        /// Title of the axis of times.
        x: String,
        /// Title of the axis of shares.
        y: String,
        /// The share that is over instead of the one that goes on, on a linear axis.
        cdf: bool,
        /// A time that matters, ns.
        limit_ns: Option<u64>,
        /// One for each stage.
        rows: Vec<Steps>,
    },
    /// Stacked bars.
    Bars {
        /// Title of the axis.
        x: String,
        /// The parts of a bar.
        classes: Vec<String>,
        /// One for each stage.
        rows: Vec<Bar>,
    },
    /// Dots with intervals on a logarithmic axis.
    Intervals {
        /// Title of the axis.
        x: String,
        /// From above to below.
        rows: Vec<Interval>,
    },
    /// Heat maps of one scale.
    Heat {
        /// Title of the x axis.
        x: String,
        /// Title of the y axis.
        y: String,
        /// What a cell shows.
        value: String,
        /// Its unit.
        unit: String,
        /// Labels of the columns.
        xs: Vec<String>,
        /// Labels of the rows.
        ys: Vec<String>,
        /// The maps.
        panels: Vec<Panel>,
    },
    /// Lines over an axis.
    Lines {
        /// Title of the x axis.
        x: String,
        /// Labels of the places on it.
        xs: Vec<String>,
        /// One for each measure.
        panels: Vec<LinePanel>,
    },
    /// Use of links.
    Links {
        /// Labels of the stages.
        stages: Vec<String>,
        /// In the order of the network.
        links: Vec<LinkUse>,
    },
    /// A picture whose numbers are in a table of their own.
    Picture {
        /// Headings.
        heads: Vec<String>,
        /// Rows.
        rows: Vec<Vec<String>>,
    },
}

/// A value with its unit, times with the prefix that suits them.
pub(crate) fn shown(value: f64, unit: &str) -> String {
    match unit {
        "ns" => duration(value.max(0.0).round() as u64),
        "" => three_digits(value),
        _ => format!("{} {unit}", three_digits(value)),
    }
}

/// The least time by which `share` of the cases are over; none if fewer ever are.
fn reached(row: &Steps, share: f64) -> String {
    let found = row.points.iter().find(|(_, above)| *above <= 1.0 - share + 1e-12);
    if row.count == 0 { String::new() } else { found.map_or_else(|| "never over".into(), |p| duration(p.0)) }
}

impl Chart {
    /// Headings and rows: the figure as a table.
    #[must_use]
    pub fn table(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        match self {
            Chart::Steps { rows, .. } => {
                let row = |r: &Steps| {
                    let quantiles = [0.5, 0.9, 0.99, 1.0].map(|q| reached(r, q));
                    [vec![r.label.clone(), count(r.count)], quantiles.to_vec(), vec![r.note.clone()]].concat()
                };
                (words(&["stage", "cases", "median", "90 %", "99 %", "longest", ""]), rows.iter().map(row).collect())
            }
            Chart::Bars { classes, rows, .. } => {
                let heads = [words(&["stage", "cases", "all"]), classes.clone()].concat();
                let row = |r: &Bar| {
                    let all = [r.label.clone(), count(r.count), three_digits(r.values.iter().sum())];
                    all.into_iter().chain(r.values.iter().map(|v| three_digits(*v))).collect()
                };
                (heads, rows.iter().map(row).collect())
            }
            Chart::Intervals { x, rows } => {
                let row = |r: &Interval| {
                    let value = r.value.map_or_else(|| "not measured".into(), three_digits);
                    vec![r.label.clone(), count(r.count), value, three_digits(r.low), three_digits(r.high)]
                };
                (
                    vec!["".into(), "events".into(), x.clone(), "from".into(), "to (95 %)".into()],
                    rows.iter().map(row).collect(),
                )
            }
            Chart::Heat { x, y, unit, xs, ys, panels, .. } => {
                let heads = [vec![String::new(), format!("{y} \\ {x}")], xs.clone()].concat();
                let row = |(p, i): (&Panel, usize)| {
                    let cells = p.cells[i].iter().map(|c| c.map_or_else(String::new, |v| shown(v, unit)));
                    [p.title.clone(), ys[i].clone()].into_iter().chain(cells).collect()
                };
                (heads, panels.iter().flat_map(|p| (0..ys.len()).map(move |i| (p, i))).map(row).collect())
            }
            Chart::Lines { x, xs, panels } => {
                let heads = [words(&["measure", ""]), vec![x.clone()], words(&["mean", "95 %", "runs"])].concat();
                let mut rows = Vec::new();
                for (p, l) in panels.iter().flat_map(|p| p.lines.iter().map(move |l| (p, l))) {
                    for (at, value, half, runs) in &l.points {
                        let half = half.map_or_else(String::new, |h| format!("± {}", shown(h, &p.unit)));
                        let head = [p.title.clone(), l.label.clone(), xs[*at].clone()];
                        rows.push([head.to_vec(), vec![shown(*value, &p.unit), half, count(*runs as u64)]].concat());
                    }
                }
                (heads, rows)
            }
            Chart::Links { stages, links } => {
                let heads = [words(&["from", "to"]), stages.clone()].concat();
                let row = |l: &LinkUse| {
                    let shares = l.shares.iter().map(|s| s.map_or_else(String::new, crate::units::percent));
                    [l.ends.0.clone(), l.ends.1.clone()].into_iter().chain(shares).collect()
                };
                (heads, links.iter().map(row).collect())
            }
            Chart::Picture { heads, rows } => (heads.clone(), rows.clone()),
        }
    }
}

/// Six significant digits: enough for a picture, and the page stays small.
pub(crate) fn rounded(value: f64) -> f64 {
    if value.is_finite() { format!("{value:.5e}").parse().unwrap_or(value) } else { 0.0 }
}
