// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lattice of patch subsets in a report: where every subset of a series is among the points.

use std::collections::{BTreeMap, BTreeSet};

use super::chart::{Chart, shown};
use super::{Figure, orderings};
use crate::collect::Section;
use crate::orderings::{Change, Lattice, METRICS, Orderings, Subset};
use crate::point::Point;

/// The subsets of patches as a lattice, and the points in its order; none if some subset that the patches' needs allow is not there, or
/// if there are several points of one subset.
pub(super) fn lattice(s: &Section) -> Option<(Lattice, Vec<&Point>)> {
    let patches: BTreeSet<&String> = s.points.iter().flat_map(|p| &p.patches).collect();
    // In the order of the series, which is that of the longest list.
    let longest = s.points.iter().map(|p| &p.patches).max_by_key(|p| p.len())?;
    if !(2..=orderings::DRAWN_MAX).contains(&longest.len()) || patches.len() != longest.len() {
        return None;
    }
    let mut points: BTreeMap<Subset, &Point> = BTreeMap::new();
    for p in &s.points {
        let bits = p.patches.iter().filter_map(|x| longest.iter().position(|y| x == y));
        if points.insert(bits.fold(0, |set, i| set | 1 << i), p).is_some() {
            return None;
        }
    }
    // A patch needs those without which it never comes.
    let needs = |i: usize| {
        let without = |j: &usize| *j != i && !points.keys().any(|s| s & 1 << i != 0 && s & 1 << *j == 0);
        (0..longest.len()).filter(without).collect::<Vec<_>>()
    };
    let change =
        |(i, name): (usize, &String)| Change { name: name.clone(), short: format!("{}", i + 1), needs: needs(i) };
    let is_chain = (0..longest.len()).all(|i| needs(i).len() == i);
    if is_chain {
        return None; // Just the steps of a series.
    }
    let lattice = Lattice::new(longest.iter().enumerate().map(change).collect());
    let in_order: Option<Vec<&Point>> = lattice.subsets().iter().map(|s| points.get(s).copied()).collect();
    let in_order = in_order.filter(|p| p.len() == points.len())?;
    Some((lattice, in_order))
}

/// The lattice by each metric, and what each patch contributes.
pub(super) fn figures(s: &Section) -> Result<Vec<Figure>, String> {
    let Some((lattice, points)) = lattice(s) else { return Ok(Vec::new()) };
    let seeds: Vec<u64> = points[0].runs.iter().map(|r| r.seed).collect();
    if points.iter().any(|p| !p.runs.iter().map(|r| r.seed).eq(seeds.iter().copied())) {
        return Ok(Vec::new());
    }
    let values = |i: usize| -> Option<Vec<Vec<f64>>> {
        points.iter().map(|p| p.runs.iter().map(|r| r.values[i]).collect()).collect()
    };
    let measured: Vec<Option<Vec<Vec<f64>>>> = (0..METRICS.len()).map(values).collect();
    let hours = points.iter().map(|p| p.runs.iter().map(|r| r.simulated_ns as f64).sum::<f64>() / 3.6e12).collect();
    let found = Orderings::of_values(&lattice, measured, seeds.len(), hours);
    let mut figures = Vec::new();
    let heads = ["change", "metric", "contribution", "95 %"].map(str::to_owned).to_vec();
    let mut rows = Vec::new();
    for (m, game) in found.measured() {
        for (i, c) in lattice.changes().iter().enumerate() {
            let mean = game.contribution(i);
            let sign = if mean.value < 0.0 { "-" } else { "" };
            let half = mean.half.map_or_else(String::new, |h| format!("± {}", shown(h, m.unit)));
            rows.push(vec![
                format!("{}: {}", c.short, c.name),
                m.title.into(),
                format!("{sign}{}", shown(mean.value.abs(), m.unit)),
                half,
            ]);
        }
    }
    let title = "What does each change contribute, over all orders?".to_owned();
    let chart = Chart::Picture { heads, rows };
    figures.push(Figure::new(
        "contributions".into(),
        title,
        "units as in the figure",
        orderings::contributions(&found)?,
        chart,
    ));
    for (m, game) in found.measured() {
        let values: Vec<f64> = lattice.subsets().iter().map(|s| game.value(*s).value).collect();
        if values.iter().all(|v| (v - values[0]).abs() < 1e-12) {
            continue;
        }
        let heads = vec!["subset".into(), m.title.to_owned()];
        let row = |(s, v): (&Subset, &f64)| vec![lattice.name(*s), shown(*v, m.unit)];
        let rows = lattice.subsets().iter().zip(&values).map(row).collect();
        let title = format!("What does each subset of the changes do to {}?", crate::orderings::topic(m));
        let name = format!("lattice-{}", m.name.replace('_', "-"));
        figures.push(Figure::new(
            name,
            title,
            m.title,
            orderings::lattice(&found, m, game)?,
            Chart::Picture { heads, rows },
        ));
    }
    Ok(figures)
}
