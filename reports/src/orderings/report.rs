// SPDX-License-Identifier: MIT OR Apache-2.0
//! A lattice with its metrics, as tables, CSV and a paragraph of plain English.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::analysis::{Game, Mean, Regression};
use super::lattice::{Lattice, Subset};
use super::metric::{HOUR_NS, METRICS, Metric, PER_HOUR};
use crate::error::Error;
use crate::journal::write_result;
use crate::plots::orderings;
use crate::record::Record;
use crate::stats::rate;
use crate::table::{Column, Page, render_columns};
use crate::units::{count, duration, plural, three_digits};

/// Orders that are written out one by one; with more only the lattice is.
pub const ORDERS_MAX: u64 = 10_000;
/// What has to be said where no interval can be given.
const ONE_SEED: &str =
    "One seed gives no interval: how much of a difference is noise is unknown. Two or more seeds tell.";
/// Regressions listed for each metric.
const REGRESSIONS_SHOWN: usize = 4;

/// A lattice and what was measured on it.
#[derive(Clone, Debug)]
pub struct Orderings<'a> {
    lattice: &'a Lattice,
    measured: Vec<(&'static Metric, Game<'a>)>,
    missing: Vec<&'static Metric>,
    seeds: usize,
    /// `[subset]`: hours simulated, all seeds together.
    hours: Vec<f64>,
}

impl<'a> Orderings<'a> {
    /// `records[subset]`: the runs of each subset in the lattice's order, with the same seeds in the same order. `metrics`
    /// are those wanted, by name; all of them if empty.
    ///
    /// # Panics
    /// If the records are not those of the lattice's subsets, or a subset has none.
    #[must_use]
    pub fn new(lattice: &'a Lattice, records: &[Vec<&Record>], metrics: &[String]) -> Orderings<'a> {
        let seeds = records.first().map_or(0, Vec::len);
        let wanted = METRICS.iter().filter(|m| metrics.is_empty() || metrics.iter().any(|n| n == m.name));
        let (mut measured, mut missing) = (Vec::new(), Vec::new());
        for metric in wanted {
            let of = |runs: &Vec<&Record>| runs.iter().map(|r| (metric.of)(r)).collect::<Option<Vec<f64>>>();
            match records.iter().map(of).collect::<Option<Vec<_>>>() {
                Some(values) => measured.push((metric, Game::new(lattice, values, metric.larger_is_better))),
                None => missing.push(metric),
            }
        }
        let simulated = |runs: &Vec<&Record>| runs.iter().map(|r| r.simulated_ns as f64).sum::<f64>() / HOUR_NS;
        Orderings { lattice, measured, missing, seeds, hours: records.iter().map(simulated).collect() }
    }

    /// As [`Orderings::new`], from values: `[metric][subset][seed]` in the order of [`METRICS`], none for a metric that was not measured;
    /// `hours[subset]` were simulated.
    pub(crate) fn of_values(
        lattice: &'a Lattice,
        values: Vec<Option<Vec<Vec<f64>>>>,
        seeds: usize,
        hours: Vec<f64>,
    ) -> Orderings<'a> {
        let (mut measured, mut missing) = (Vec::new(), Vec::new());
        for (metric, values) in METRICS.iter().zip(values) {
            match values {
                Some(values) => measured.push((metric, Game::new(lattice, values, metric.larger_is_better))),
                None => missing.push(metric),
            }
        }
        Orderings { lattice, measured, missing, seeds, hours }
    }

    /// The metrics that were measured on every subset, with their values.
    #[must_use]
    pub fn measured(&self) -> &[(&'static Metric, Game<'a>)] {
        &self.measured
    }

    /// Wanted metrics that some run has not measured.
    #[must_use]
    pub fn missing(&self) -> &[&'static Metric] {
        &self.missing
    }

    /// The lattice.
    #[must_use]
    pub fn lattice(&self) -> &'a Lattice {
        self.lattice
    }

    /// How many seeds each subset was run with.
    #[must_use]
    pub fn seeds(&self) -> usize {
        self.seeds
    }

    /// Draws the lattice by each metric (unless it is too large for a page) and the contributions into a folder that exists, and gives the
    /// paths written.
    ///
    /// # Errors
    /// [`Error::Write`] if a file cannot be written, [`Error::Draw`] if the drawing library fails.
    pub fn draw(&self, dir: &Path) -> Result<Vec<PathBuf>, Error> {
        let mut figures = vec![("contributions.svg".to_owned(), orderings::contributions(self))];
        if self.lattice.changes().len() <= orderings::DRAWN_MAX {
            let lattice =
                |(m, g): &(&Metric, Game<'_>)| (format!("lattice-{}.svg", m.name), orderings::lattice(self, m, g));
            figures.extend(self.measured.iter().map(lattice));
        }
        let mut paths = Vec::new();
        for (name, drawn) in figures {
            let text = drawn.map_err(|why| Error::Draw { figure: "orderings", why })?;
            let path = dir.join(name);
            write_result(&path, || std::fs::write(&path, &text))?;
            paths.push(path);
        }
        Ok(paths)
    }

    /// True if there is no telling how much differences between subsets owe to chance: one seed has no interval.
    #[must_use]
    pub fn is_noise_unknown(&self) -> bool {
        self.seeds < 2
    }

    /// Everything as text, in lines of at most `width` characters.
    #[must_use]
    pub fn text(&self, width: usize, ascii: bool) -> String {
        let page = Page::new(width, false, ascii);
        let one_seed = self.is_noise_unknown();
        let mut text = format!(
            "{} in {}: {}, {} each\n",
            plural(self.lattice.changes().len() as u64, "change"),
            plural(self.lattice.orders(), "order"),
            plural(self.lattice.subsets().len() as u64, "subset"),
            plural(self.seeds as u64, "seed"),
        );
        if one_seed {
            text += ONE_SEED;
            text.push('\n');
        }
        text = page.prose(&text, 0) + "\n";
        for change in self.lattice.changes() {
            text += &page.prose(&format!("  {:<4} {}", change.short, change.name), 7);
        }
        let how = if one_seed { "one seed" } else { "mean over seeds, ± half of the 95 % interval" };
        text += &page.prose(&format!("\nEvery subset ({how}):"), 0);
        text += &render_columns(self.subsets(), 1, page);
        text += &page.prose("\nWhat each change contributes, over all orders (they add up to the whole):", 0);
        text += &render_columns(self.contributions(), 1, page);
        let pairs = self.interactions();
        if pairs.first().is_some_and(|c| !c.cells.is_empty()) {
            let noise = if one_seed { "" } else { ", beyond the noise of seeds" };
            let what = format!("\nPairs that do more (or less) together than each alone{noise}:");
            text += &page.prose(&what, 0);
            text += &render_columns(pairs, 1, page);
        }
        let steps = self.regressions();
        if !steps.is_empty() {
            text += &page.prose("\nSteps that make something worse (a bisection can stop there):", 0);
            for line in steps {
                text += &page.prose(&format!("  {line}"), 4);
            }
        }
        let shown = if one_seed { "that reach, with this seed," } else { "shown to reach" };
        let what =
            format!("\nSmallest subsets {shown} what all changes reach, within a tenth of the whole difference:");
        text += &page.prose(&what, 0);
        for line in self.smallest() {
            text += &page.prose(&format!("  {line}"), 4);
        }
        for metric in &self.missing {
            text += &page.prose(&format!("\nNot measured here: {} ({}).", metric.name, metric.title), 0);
        }
        text
    }

    fn subsets(&self) -> Vec<Column> {
        let all = self.lattice.subsets();
        let mut columns =
            vec![Column::new("subset", "subset", all.iter().map(|s| self.lattice.name(*s)).collect(), false)];
        for (metric, game) in &self.measured {
            let cells = all.iter().map(|s| self.cell(metric, game, *s)).collect();
            columns.push(Column::new("metric", &heading(metric), cells, true));
        }
        columns
    }

    /// A metric on a subset. Of events that no run has shown, the 95 % bound on their rate.
    fn cell(&self, metric: &Metric, game: &Game<'_>, subset: Subset) -> String {
        let value = game.value(subset);
        let hours = self.lattice.index(subset).map_or(0.0, |i| self.hours[i]);
        match rate(0, hours).filter(|_| metric.unit == PER_HOUR && value.value == 0.0) {
            Some(bound) => format!("none, < {}", shown(metric, bound.high)),
            None => with_half(metric, value, false),
        }
    }

    fn contributions(&self) -> Vec<Column> {
        let changes = self.lattice.changes();
        let mut names: Vec<String> = changes.iter().map(|c| c.short.clone()).collect();
        names.push("all".into());
        let mut columns = vec![Column::new("change", "change", names, false)];
        for (metric, game) in &self.measured {
            let mut cells: Vec<String> =
                (0..changes.len()).map(|i| with_half(metric, game.contribution(i), true)).collect();
            cells.push(with_half(metric, game.difference(0, self.lattice.full()), true));
            columns.push(Column::new("metric", &heading(metric), cells, true));
        }
        columns
    }

    fn interactions(&self) -> Vec<Column> {
        let n = self.lattice.changes().len();
        let pairs: Vec<(usize, usize)> = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))).collect();
        let beyond = |g: &Game<'_>, (i, j): (usize, usize)| g.interaction(i, j).filter(Mean::is_beyond_noise);
        let kept: Vec<(usize, usize)> =
            pairs.into_iter().filter(|p| self.measured.iter().any(|(_, g)| beyond(g, *p).is_some())).collect();
        let short = |i: usize| self.lattice.changes()[i].short.as_str();
        let names = kept.iter().map(|&(i, j)| format!("{} with {}", short(i), short(j))).collect();
        let mut columns = vec![Column::new("pair", "pair", names, false)];
        for (metric, game) in &self.measured {
            let cells = kept.iter().map(|p| beyond(game, *p).map_or_else(String::new, |m| with_half(metric, m, true)));
            columns.push(Column::new("metric", &heading(metric), cells.collect(), true));
        }
        columns
    }

    fn regressions(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (metric, game) in &self.measured {
            let all = game.regressions();
            let more = all.len().saturating_sub(REGRESSIONS_SHOWN);
            lines.extend(all.iter().take(REGRESSIONS_SHOWN).map(|r| self.regression(metric, game, r)));
            if more > 0 {
                lines.push(format!("{}: {} more (see steps.csv)", metric.name, count(more as u64)));
            }
        }
        lines
    }

    fn regression(&self, metric: &Metric, game: &Game<'_>, r: &Regression) -> String {
        format!(
            "{}: {} after {}: {} to {}, in {} of {} orders",
            metric.name,
            self.lattice.changes()[r.change].short,
            self.lattice.name(r.before),
            shown(metric, game.value(r.before).value),
            shown(metric, game.value(r.before | 1 << r.change).value),
            count(r.orders),
            count(self.lattice.orders()),
        )
    }

    fn smallest(&self) -> Vec<String> {
        let names = |all: &[Subset]| all.iter().map(|s| self.lattice.name(*s)).collect::<Vec<_>>().join(" or ");
        let mut lines: Vec<String> =
            self.measured.iter().map(|(m, g)| format!("{}: {}", m.name, names(&g.smallest()))).collect();
        lines.push(format!("all of them together: {}", names(&self.smallest_for_all())));
        lines
    }

    /// The smallest subsets that reach what all changes reach on every metric.
    #[must_use]
    pub fn smallest_for_all(&self) -> Vec<Subset> {
        self.lattice.smallest(|s| self.measured.iter().all(|(_, g)| g.reaches_all(s)))
    }

    /// The metrics after each step of one order.
    #[must_use]
    pub fn one_order(&self, order: &[usize], width: usize, ascii: bool) -> String {
        let mut subset = 0;
        let mut steps = vec![("base".to_owned(), 0)];
        for &i in order {
            subset |= 1 << i;
            steps.push((format!("then {}", self.lattice.changes()[i].short), subset));
        }
        let mut columns = vec![Column::new("step", "step", steps.iter().map(|s| s.0.clone()).collect(), false)];
        for (metric, game) in &self.measured {
            let cells = steps.iter().map(|(_, s)| self.cell(metric, game, *s)).collect();
            columns.push(Column::new("metric", &heading(metric), cells, true));
        }
        render_columns(columns, 1, Page::new(width, false, ascii))
    }

    /// Every order with every metric after each step; none if there are more than [`ORDERS_MAX`].
    #[must_use]
    pub fn orders_csv(&self) -> Option<String> {
        if self.lattice.orders() > ORDERS_MAX {
            return None;
        }
        let mut text = String::from("order,step,change,subset");
        for (metric, _) in &self.measured {
            let _ = write!(text, ",{0},{0}_half", metric.name);
        }
        text.push('\n');
        self.lattice.each_order(&mut |order| {
            let name: Vec<&str> = order.iter().map(|&i| self.lattice.changes()[i].short.as_str()).collect();
            let mut subset = 0;
            for step in 0..=order.len() {
                let change = if step == 0 { "" } else { name[step - 1] };
                let _ = write!(text, "{},{step},{change},{}", name.join(">"), self.lattice.name(subset));
                self.csv_values(&mut text, |g| g.value(subset));
                subset |= order.get(step).map_or(0, |i| 1 << i);
            }
        });
        Some(text)
    }

    /// Every step between two subsets: how often it occurs, and by how much each metric changes.
    #[must_use]
    pub fn steps_csv(&self) -> String {
        let mut text = String::from("before,change,orders");
        for (metric, _) in &self.measured {
            let _ = write!(text, ",{0}_by,{0}_half,{0}_worse", metric.name);
        }
        text.push('\n');
        for &before in self.lattice.subsets() {
            for i in self.lattice.next_of(before) {
                let change = &self.lattice.changes()[i].short;
                let orders = self.lattice.orders_with_step(before, i);
                let _ = write!(text, "{},{change},{orders}", self.lattice.name(before));
                for (_, game) in &self.measured {
                    let by = game.difference(before, before | 1 << i);
                    let half = by.half.map_or_else(String::new, |h| h.to_string());
                    let _ = write!(text, ",{},{half},{}", by.value, game.worsens(before, before | 1 << i));
                }
                text.push('\n');
            }
        }
        text
    }

    /// Contributions and interactions: `kind,of,with,metric,value,half`.
    #[must_use]
    pub fn attribution_csv(&self) -> String {
        let mut text = String::from("kind,of,with,metric,value,half\n");
        let changes = self.lattice.changes();
        for (metric, game) in &self.measured {
            let mut line = |kind: &str, of: &str, with: &str, m: Mean| {
                let half = m.half.map_or_else(String::new, |h| h.to_string());
                let _ = writeln!(text, "{kind},{of},{with},{},{},{half}", metric.name, m.value);
            };
            for (i, change) in changes.iter().enumerate() {
                line("contribution", &change.short, "", game.contribution(i));
            }
            line("whole", "", "", game.difference(0, self.lattice.full()));
            for i in 0..changes.len() {
                for j in i + 1..changes.len() {
                    if let Some(m) = game.interaction(i, j) {
                        line("interaction", &changes[i].short, &changes[j].short, m);
                    }
                }
            }
        }
        text
    }

    fn csv_values(&self, text: &mut String, value: impl Fn(&Game<'_>) -> Mean) {
        for (_, game) in &self.measured {
            let m = value(game);
            let half = m.half.map_or_else(String::new, |h| h.to_string());
            let _ = write!(text, ",{},{half}", m.value);
        }
        text.push('\n');
    }

    /// What the numbers say, in a paragraph.
    #[must_use]
    pub fn words(&self) -> String {
        let full = self.lattice.full();
        let mut sentences = Vec::new();
        for (metric, game) in &self.measured {
            let (from, to) = (game.value(0), game.value(full));
            let whole = game.difference(0, full);
            if !whole.is_beyond_noise() {
                let noise = if self.is_noise_unknown() { "" } else { " beyond the noise of the seeds" };
                sentences.push(format!(
                    "On {} the changes make no difference{noise} ({}).",
                    topic(metric),
                    shown(metric, to.value)
                ));
                continue;
            }
            let verb = if game.is_worse(whole) { "worsen" } else { "improve" };
            let mut text = format!(
                "Together the changes {verb} {} from {} to {}",
                topic(metric),
                shown(metric, from.value),
                shown(metric, to.value)
            );
            text += &self.credits(metric, game, whole.value);
            text.push('.');
            if let Some(worst) = game.regressions().first() {
                let _ = write!(
                    text,
                    " On the way it can get worse: {} directly after {} takes it from {} to {}.",
                    self.lattice.changes()[worst.change].short,
                    self.lattice.name(worst.before),
                    shown(metric, game.value(worst.before).value),
                    shown(metric, game.value(worst.before | 1 << worst.change).value)
                );
            }
            sentences.push(text);
        }
        let smallest = self.smallest_for_all();
        if smallest.contains(&full) {
            sentences.push("No smaller subset reaches all of these values.".into());
        } else {
            let names: Vec<String> = smallest.iter().map(|s| self.lattice.name(*s)).collect();
            sentences.push(format!(
                "Of all subsets {} is the smallest that reaches all of these values.",
                names.join(" or ")
            ));
        }
        if self.is_noise_unknown() {
            sentences.push(ONE_SEED.into());
        }
        sentences.join(" ")
    }

    /// Who does it and who works against it, of those beyond the noise of seeds.
    fn credits(&self, metric: &Metric, game: &Game<'_>, whole: f64) -> String {
        let changes = self.lattice.changes();
        let mut all: Vec<(&str, Mean)> =
            changes.iter().enumerate().map(|(i, c)| (c.short.as_str(), game.contribution(i))).collect();
        all.retain(|(_, m)| m.is_beyond_noise());
        all.sort_by(|a, b| b.1.value.abs().total_cmp(&a.1.value.abs()));
        let (with, against): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, m)| (m.value < 0.0) == (whole < 0.0));
        let one = |(name, m): &(&str, Mean)| {
            let plus = if m.value > 0.0 { "+" } else { "" };
            format!("{name} by {plus}{}", shown(metric, m.value))
        };
        let mut text = String::new();
        if !with.is_empty() {
            let list: Vec<String> = with.iter().take(2).map(one).collect();
            let _ = write!(text, "; on average over all orders {}", list.join(" and "));
        }
        if let Some(worst) = against.first() {
            let _ = write!(text, "{} {} the other way", if text.is_empty() { ";" } else { "," }, one(worst));
        }
        text
    }
}

pub(crate) fn topic(metric: &Metric) -> &str {
    metric.title.split([',', ';']).next().unwrap_or(metric.title)
}

fn heading(metric: &Metric) -> String {
    let unit = if metric.unit == "ns" { String::new() } else { format!("\n{}", metric.unit) };
    format!("{}{unit}", metric.name)
}

/// A value with its sign, in the metric's unit.
pub(crate) fn shown(metric: &Metric, value: f64) -> String {
    let sign = if value < 0.0 { "-" } else { "" };
    let size = value.abs();
    let text = if metric.unit == "ns" { duration(size.round() as u64) } else { three_digits(size) };
    format!("{sign}{text}")
}

pub(crate) fn with_half(metric: &Metric, mean: Mean, signed: bool) -> String {
    let plus = if signed && mean.value > 0.0 { "+" } else { "" };
    let half = mean.half.map_or_else(String::new, |h| format!(" ± {}", shown(metric, h)));
    format!("{plus}{}{half}", shown(metric, mean.value))
}
