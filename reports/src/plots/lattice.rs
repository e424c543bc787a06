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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::point::{Run, measure};

    /// Points of these subsets of a series, each bit a patch; the first patch doubles the throughput.
    fn section(subsets: &[u32]) -> Section {
        let names = ["one", "two", "three"];
        let point = |&set: &u32| {
            let throughput = if set & 1 == 1 { 2000.0 } else { 1000.0 };
            let run = |seed: u64| {
                let mut run = Run { seed, simulated_ns: 1_000_000, ..Run::default() };
                run.values[measure("throughput").unwrap()] = Some(throughput + seed as f64);
                run
            };
            let patches = (0..3).filter(|i| set & 1 << i != 0).map(|i| names[i].to_owned()).collect();
            Point { patches, runs: vec![run(0), run(1)], ..Point::default() }
        };
        Section { points: subsets.iter().map(point).collect(), ..Section::default() }
    }

    #[test]
    fn every_subset_that_needs_allow_makes_a_lattice() {
        let whole = section(&[0b000, 0b111, 0b001, 0b010, 0b100, 0b011, 0b101, 0b110]);
        let (l, points) = lattice(&whole).unwrap();
        assert_eq!((l.subsets().len(), points.len(), l.orders()), (8, 8, 6));
        // The third needs the first.
        let (l, _) = lattice(&section(&[0b000, 0b001, 0b010, 0b011, 0b101, 0b111])).unwrap();
        assert_eq!((l.subsets().len(), l.changes()[2].needs.as_slice()), (6, &[0][..]));
        assert!(lattice(&section(&[0b000, 0b001, 0b011, 0b111])).is_none(), "steps of a series");
        assert!(lattice(&section(&[0b000, 0b001, 0b010, 0b100, 0b011, 0b101, 0b111])).is_none(), "one is not there");
        assert!(lattice(&section(&[0, 1, 2, 3, 3])).is_none(), "one is there twice");
    }

    #[test]
    fn contributions_are_in_the_table() {
        let drawn = figures(&section(&[0, 1, 2, 3])).unwrap();
        let names: Vec<&str> = drawn.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["contributions", "lattice-throughput"]);
        let (_, rows) = drawn[0].chart.table();
        assert_eq!(rows[0], ["1: one", "acquisitions per simulated second", "1 000 acq/s", "± 0 acq/s"]);
        assert_eq!(rows[1][2], "0 acq/s");
        let (_, rows) = drawn[1].chart.table();
        assert_eq!(rows[3], ["1+2", "2 001 acq/s"]);
    }
}
