// SPDX-License-Identifier: MIT OR Apache-2.0
//! Figures of many points: measures over one axis as lines, over two as heat maps, and over the number of CPUs for several locks.

use std::collections::{BTreeMap, BTreeSet};

use super::Figure;
use super::chart::{Chart, Line, LinePanel, Panel, rounded};
use super::heat::{self, Subject};
use super::lines;
use super::style::{StageStyle, style_of};
use crate::axes::{self, Axis};
use crate::collect::Section;
use crate::point::{MEASURES, Mean, Point, Run, measures};
use crate::units::{count, plural};

/// Values of an axis that a heat map can show; of more, neighbours are taken together.
const VALUES_MAX: usize = 100;
/// Maps in a figure.
const PANELS_MAX: usize = 12;
/// Lines in a plot.
const LINES_MAX: usize = 12;

/// What a reader chose instead of the first axes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Axes of the heat maps, across first, then down, then one map for each value; names of fields or their ends.
    pub axes: Vec<String>,
    /// Measures by name; all that vary if none is named.
    pub measures: Vec<String>,
}

/// Where a run of a point is on a dimension.
type Place<'a> = Box<dyn Fn(&Point, &Run) -> usize + 'a>;

/// A way in which runs differ: a field of the experiments, the stage, or the seed.
struct Dim<'a> {
    name: String,
    /// The fields it stands for, if it is one of experiments.
    fields: Vec<String>,
    values: Vec<String>,
    /// How many neighbouring values are taken together, at most.
    size: usize,
    at: Place<'a>,
}

impl<'a> Dim<'a> {
    fn new(name: &str, values: Vec<String>, at: impl Fn(&Point, &Run) -> usize + 'a) -> Self {
        let size = values.len().div_ceil(VALUES_MAX).max(1);
        let label = |some: &[String]| match some {
            [first, .., last] => format!("{first} to {last}"),
            one => one.concat(),
        };
        let values = values.chunks(size).map(label).collect();
        Dim { name: name.to_owned(), fields: Vec::new(), values, size, at: Box::new(move |p, r| at(p, r) / size) }
    }
}

fn index<'a, T: Ord + Clone + 'a>(values: impl Iterator<Item = T>) -> (Vec<T>, BTreeMap<T, usize>) {
    let all: BTreeSet<T> = values.collect();
    let list: Vec<T> = all.into_iter().collect();
    let map = list.iter().cloned().enumerate().map(|(i, v)| (v, i)).collect();
    (list, map)
}

/// Every dimension, those of the experiments first.
fn dims(s: &Section) -> Vec<Dim<'_>> {
    let mut all: Vec<Dim<'_>> = Vec::new();
    for (i, a) in s.axes.iter().enumerate() {
        let at = move |p: &Point, _: &Run| p.at.get(i).map_or(0, |v| *v as usize);
        let dim = Dim::new(a.title(), a.values.clone(), at);
        all.push(Dim { fields: a.fields().map(str::to_owned).collect(), ..dim });
    }
    let (stages, place) = index(s.points.iter().map(|p| (p.stage_idx, p.stage.clone())));
    let at = move |p: &Point, _: &Run| place[&(p.stage_idx, p.stage.clone())];
    all.push(Dim::new("stage", stages.into_iter().map(|v| v.1).collect(), at));
    let (seeds, place) = index(s.points.iter().flat_map(|p| p.runs.iter().map(|r| r.seed)));
    let at = move |_: &Point, r: &Run| place[&r.seed];
    all.push(Dim::new("seed", seeds.iter().map(u64::to_string).collect(), at));
    all
}

/// The dimension that a name means.
///
/// # Errors
/// In words: that there is none, or several, and which there are.
fn find<'d, 'a>(all: &'d [Dim<'a>], name: &str) -> Result<&'d Dim<'a>, String> {
    let fits = |d: &&Dim<'_>| d.name == name || d.name.ends_with(&format!(".{name}"));
    let holds = |d: &&Dim<'_>| d.fields.iter().any(|f| f == name || f.ends_with(&format!(".{name}")));
    let named = all.iter().filter(|d| d.name == name);
    let mut found = named.chain(all.iter().filter(fits)).chain(all.iter().filter(holds));
    let names: Vec<&str> = all.iter().filter(|d| d.values.len() > 1).map(|d| d.name.as_str()).collect();
    found.next().ok_or_else(|| format!("there is no axis {name}; these are there: {}", names.join(", ")))
}

/// Checks the names of a choice against what was read.
///
/// # Errors
/// In words, with the names that would do.
pub fn check(sections: &[&Section], choice: &Choice) -> Result<(), String> {
    for name in &choice.measures {
        if crate::point::measure(name).is_none() {
            let names: Vec<&str> = measures().iter().map(|m| m.name).collect();
            return Err(format!("there is no measure {name}; these are there: {}", names.join(", ")));
        }
    }
    let mut why = String::new();
    let fits = |s: &&&Section| {
        let all = dims(s);
        choice.axes.iter().all(|a| find(&all, a).map_err(|e| why = e).is_ok())
    };
    if sections.iter().filter(fits).count() == 0 && !choice.axes.is_empty() { Err(why) } else { Ok(()) }
}

/// All figures of a section's points.
pub(super) fn figures(s: &Section, choice: &Choice) -> Result<Vec<Figure>, String> {
    let mut figures: Vec<Figure> = scaling(s)?.into_iter().collect();
    let all = dims(s);
    let chosen: Vec<&Dim<'_>> = choice.axes.iter().filter_map(|a| find(&all, a).ok()).collect();
    let of_experiments = s.axes.len();
    if chosen.is_empty() && of_experiments == 0 {
        return Ok(figures);
    }
    let free = |used: &[&Dim<'_>], d: &&Dim<'_>| {
        d.values.len() > 1 && d.name != "seed" && !used.iter().any(|u| u.name == d.name)
    };
    // Across and down: what was chosen, then the axes with most values, then the stage.
    let mut plane: Vec<&Dim<'_>> = chosen.iter().copied().take(2).collect();
    while plane.len() < 2 {
        let fits = |d: &&Dim<'_>| free(&plane, d);
        let Some(next) = all.iter().find(|d| fits(d) && (d.name != "stage" || plane.len() == 1 && !chosen.is_empty()))
        else {
            break;
        };
        plane.push(next);
    }
    let split = chosen.get(2).copied().or_else(|| {
        let few = |d: &&Dim<'_>| free(&plane, d) && d.values.len() <= PANELS_MAX;
        all.iter().find(|d| few(d) && d.name == "stage").or_else(|| all.iter().find(|d| few(d)))
    });
    match plane.as_slice() {
        [x, y] => {
            for (i, m) in measures().iter().enumerate() {
                if (choice.measures.is_empty() || choice.measures.iter().any(|n| n == m.name))
                    && let Some(figure) = heat_map(s, (x, y, split), i)?
                {
                    figures.push(figure);
                }
            }
        }
        [x] if !(figures.len() == 1 && x.fields.iter().any(|f| f == "machine.cores")) => {
            let name = |d: &Dim<'_>| axes_name(d).to_owned();
            let wanted =
                |i: usize| choice.measures.is_empty() || choice.measures.iter().any(|n| n == measures()[i].name);
            let vary: Vec<usize> = (0..MEASURES).filter(|&i| wanted(i) && varies(s, i)).collect();
            let subject = Words {
                title: format!("What does {} change?", name(x)),
                subtitle: format!("Means over runs by {}, 95 % intervals", x.name),
                id: "sweep".into(),
            };
            figures.extend(over(s, x, split, &vary, &subject)?);
        }
        _ => {}
    }
    Ok(figures)
}

struct Words {
    title: String,
    subtitle: String,
    id: String,
}

/// Last part of a field's name.
fn axes_name<'d>(d: &'d Dim<'_>) -> &'d str {
    d.name.rsplit('.').next().unwrap_or(&d.name)
}

/// Whether a measure has more than one value.
fn varies(s: &Section, measure: usize) -> bool {
    let mut values = s.points.iter().flat_map(|p| p.values(measure));
    let first = values.next();
    first.is_some_and(|f| values.any(|v| v.total_cmp(&f).is_ne()))
}

/// Values by cell.
type Cells = BTreeMap<(usize, usize, usize), Vec<f64>>;

fn gather(s: &Section, measure: usize, place: impl Fn(&Point, &Run) -> (usize, usize, usize)) -> Cells {
    let mut cells = Cells::new();
    for p in &s.points {
        for r in &p.runs {
            if let Some(v) = r.values[measure] {
                cells.entry(place(p, r)).or_default().push(v);
            }
        }
    }
    cells
}

/// What runs were put together though they differ.
fn pooled(s: &Section, used: &[&str]) -> String {
    let others: Vec<String> = dims(s)
        .into_iter()
        .filter(|d| d.values.len() > 1 && d.name != "seed" && !used.contains(&d.name.as_str()))
        .map(|d| d.name)
        .collect();
    if others.is_empty() { String::new() } else { format!(" Taken together over {}.", others.join(", ")) }
}

/// What is said of neighbouring values that were taken together.
fn binned(dims: &[&Dim<'_>]) -> String {
    let one = |d: &&Dim<'_>| format!(" Up to {} neighbouring values of {} are one column or row.", d.size, d.name);
    dims.iter().filter(|d| d.size > 1).map(one).collect()
}

/// Fields that change with an axis.
fn joined(s: &Section, names: &[&str]) -> String {
    let mut text = String::new();
    for a in s.axes.iter().filter(|a| names.contains(&a.title())) {
        let with = a.other_fields();
        let shown = &with[..with.len().min(4)];
        if shown.is_empty() {
            continue;
        }
        let more = with.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more fields") } else { String::new() };
        text += &format!(" With {} change {}{more}.", a.title(), shown.join(", "));
    }
    text
}

fn runs(s: &Section) -> u64 {
    s.points.iter().map(|p| p.runs.len() as u64).sum()
}

fn heat_map(
    s: &Section,
    (x, y, split): (&Dim<'_>, &Dim<'_>, Option<&Dim<'_>>),
    i: usize,
) -> Result<Option<Figure>, String> {
    if !varies(s, i) {
        return Ok(None);
    }
    let m = measures()[i];
    let cells = gather(s, i, |p, r| (split.map_or(0, |d| (d.at)(p, r)), (y.at)(p, r), (x.at)(p, r)));
    let mut least = usize::MAX;
    let mut most = 0;
    let mut panel = |k: usize| Panel {
        title: split.map_or_else(
            || "all".into(),
            |d| if d.name == "stage" { d.values[k].clone() } else { format!("{} {}", axes_name(d), d.values[k]) },
        ),
        cells: (0..y.values.len())
            .map(|r| {
                let cell = |c: usize| {
                    let values = cells.get(&(k, r, c))?;
                    (least, most) = (least.min(values.len()), most.max(values.len()));
                    Mean::of(values).map(|m| rounded(m.value))
                };
                (0..x.values.len()).map(cell).collect()
            })
            .collect(),
    };
    let panels: Vec<Panel> = (0..split.map_or(1, |d| d.values.len())).map(&mut panel).collect();
    let chart = Chart::Heat {
        x: x.name.clone(),
        y: y.name.clone(),
        value: m.title.into(),
        unit: m.unit.into(),
        xs: x.values.clone(),
        ys: y.values.clone(),
        panels,
    };
    let mut used = vec![x.name.as_str(), y.name.as_str()];
    used.extend(split.map(|d| d.name.as_str()));
    let per_cell = if least == most {
        plural(most as u64, "run")
    } else {
        format!("{} to {} runs", count(least as u64), count(most as u64))
    };
    let better = if m.larger_is_better { "larger" } else { "smaller" };
    let caption = format!(
        "A cell is the mean over {per_cell}, {} in all; {better} is better; grey: not measured.{}{}{} {}",
        plural(runs(s), "run"),
        binned(&[x, y]),
        pooled(s, &used),
        joined(s, &used),
        setting(s),
    );
    let title = format!("Where is it best: {}", m.name.replace('_', " "));
    let subtitle = format!("{}, by {} and {}", capital(m.title), x.name, y.name);
    let svg = heat::draw(&chart, &Subject { title: &title, subtitle: &subtitle, caption: &caption })?;
    Ok(Some(Figure::new(format!("sweep-{}", m.name.replace('_', "-")), title, m.title, svg, chart)))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

/// What was simulated, for captions.
fn setting(s: &Section) -> String {
    let all = |part: fn(&Point) -> String| {
        let (list, _) = index(s.points.iter().map(part).filter(|v| !v.is_empty()));
        match list.as_slice() {
            [first, .., last] if list.len() > 3 => format!("{first} … {last}"),
            _ => list.join(" / "),
        }
    };
    format!(
        "Experiment {}: {}, {}. Made by rqsim {}.",
        all(|p| p.experiment.clone()),
        all(|p| p.lock.clone()),
        all(|p| p.machine.clone()),
        all(|p| p.version.clone())
    )
}

/// Throughput, fairness and traffic by the number of CPUs, a line for each lock or stage; none if all machines have the same number.
fn scaling(s: &Section) -> Result<Option<Figure>, String> {
    let (cpus, place) = index(s.points.iter().map(|p| p.cpus));
    if cpus.len() < 2 {
        return Ok(None);
    }
    let at = move |p: &Point, _: &Run| place[&p.cpus];
    let x = Dim::new("CPUs of the machine", cpus.iter().map(u32::to_string).collect(), at);
    let name = |p: &Point| (p.lock.clone(), p.stage_idx, p.stage.clone());
    let (locks, _) = index(s.points.iter().map(|p| p.lock.clone()));
    let (stages, _) = index(s.points.iter().map(|p| (p.stage_idx, p.stage.clone())));
    let (names, place) = index(s.points.iter().map(name));
    let label = |(lock, _, stage): &(String, u32, String)| match (locks.len() > 1, stages.len() > 1) {
        (true, true) => format!("{lock}, {stage}"),
        (true, false) => lock.clone(),
        _ => stage.clone(),
    };
    let stages_only = locks.len() == 1;
    let values = names.iter().map(label).collect();
    let at = move |p: &Point, _: &Run| place[&name(p)];
    let by = Dim::new(if stages_only { "stage" } else { "lock" }, values, at);
    let wanted: Vec<usize> = ["throughput", "fairness", "messages", "timeouts"]
        .iter()
        .filter_map(|n| crate::point::measure(n))
        .filter(|&i| s.points.iter().any(|p| p.values(i).any(|v| v > 0.0)))
        .collect();
    let subject = Words {
        title: "How do throughput and fairness go with the number of CPUs?".into(),
        subtitle: format!("Means over runs by CPUs of the machine and {}, 95 % intervals", by.name),
        id: "scaling".into(),
    };
    over(s, &x, Some(&by), &wanted, &subject)
}

/// Measures over one dimension, a line for each value of another one.
fn over(
    s: &Section,
    x: &Dim<'_>,
    by: Option<&Dim<'_>>,
    wanted: &[usize],
    words: &Words,
) -> Result<Option<Figure>, String> {
    if wanted.is_empty() {
        return Ok(None);
    }
    let lines = by.map_or(1, |d| d.values.len().min(LINES_MAX));
    let panel = |&i: &usize| {
        let m = measures()[i];
        let cells = gather(s, i, |p, r| (0, by.map_or(0, |d| (d.at)(p, r)), (x.at)(p, r)));
        let line = |k: usize| Line {
            label: by.map_or_else(|| "all".into(), |d| d.values[k].clone()),
            points: (0..x.values.len())
                .filter_map(|c| {
                    let mean = Mean::of(cells.get(&(0, k, c))?)?;
                    Some((c, rounded(mean.value), mean.half.map(rounded), mean.runs))
                })
                .collect(),
        };
        LinePanel { title: short_title(m.name, m.title), unit: m.unit.into(), lines: (0..lines).map(line).collect() }
    };
    let chart = Chart::Lines { x: x.name.clone(), xs: x.values.clone(), panels: wanted.iter().map(panel).collect() };
    let numbers: Option<Vec<f64>> = x.values.iter().map(|v| axes::number(v)).collect();
    let mut used = vec![x.name.as_str()];
    used.extend(by.map(|d| d.name.as_str()));
    if words.id == "scaling" {
        used.extend(s.axes.iter().filter(|a| is_size(a)).map(Axis::title));
    }
    let more = by.map_or(0, |d| d.values.len() - lines);
    let more = if more > 0 { format!(" {} are left out.", plural(more as u64, "line")) } else { String::new() };
    let caption = format!(
        "Dots: means over runs, {} in all. Whiskers: 95 % interval by Student's t, where there are two runs or more.{more}{}{} {}",
        plural(runs(s), "run"),
        if words.id == "scaling" && s.axes.iter().any(is_size) { String::new() } else { pooled(s, &used) },
        joined(s, &used),
        setting(s)
    );
    let stages = by.is_some_and(|d| d.name == "stage");
    let styles: Vec<StageStyle> = (0..lines).map(|i| style_of(if stages { stage_idx(s, i) } else { i + 1 })).collect();
    let subject = Subject { title: &words.title, subtitle: &words.subtitle, caption: &caption };
    let svg = lines::draw(&chart, numbers.as_deref(), &styles, &subject)?;
    let mut figure = Figure::new(words.id.clone(), words.title.clone(), "units as at the axes", svg, chart);
    figure.colors = styles.iter().map(StageStyle::css).collect();
    Ok(Some(figure))
}

/// The number of CPUs is an axis by itself.
fn is_size(a: &Axis) -> bool {
    a.field == "machine.cores"
        || a.field == "machine.name"
        || a.with.iter().any(|f| f == "machine.cores")
        || a.field == "lock.program"
}

/// Place in its experiment of the `i`-th stage.
fn stage_idx(s: &Section, i: usize) -> usize {
    let (stages, _) = index(s.points.iter().map(|p| (p.stage_idx, p.stage.clone())));
    stages.get(i).map_or(i, |v| v.0 as usize)
}

/// What stands above a plot.
fn short_title(name: &str, title: &str) -> String {
    match name {
        "p99_detection" => "99th percentile of detection".into(),
        "fairness" => "Jain's fairness index".into(),
        "needless_errors" => "errors without a deadlock per hour".into(),
        _ => title.into(),
    }
}

#[cfg(test)]
mod tests;
