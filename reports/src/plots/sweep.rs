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

/// A way in which runs differ: a field of the experiments, the stage, or the seed.
struct Dim<'a> {
    name: String,
    values: Vec<String>,
    /// How many neighbouring values are taken together, at most.
    size: usize,
    at: Box<dyn Fn(&Point, &Run) -> usize + 'a>,
}

impl<'a> Dim<'a> {
    fn new(name: &str, values: Vec<String>, at: impl Fn(&Point, &Run) -> usize + 'a) -> Self {
        let size = values.len().div_ceil(VALUES_MAX).max(1);
        let label = |some: &[String]| match some {
            [first, .., last] => format!("{first} to {last}"),
            one => one.concat(),
        };
        let values = values.chunks(size).map(label).collect();
        Dim { name: name.to_owned(), values, size, at: Box::new(move |p, r| at(p, r) / size) }
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
        all.push(Dim::new(&a.field, a.values.clone(), at));
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
    let mut found = all.iter().filter(|d| d.name == name).chain(all.iter().filter(fits));
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
        [x] if !(figures.len() == 1 && x.name.ends_with("cores")) => {
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
    let others: Vec<&str> = dims(s)
        .iter()
        .filter(|d| d.values.len() > 1 && d.name != "seed" && !used.contains(&d.name.as_str()))
        .map(|d| s.axes.iter().find(|a| a.field == d.name).map_or("stage", |a| a.field.as_str()))
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
    for a in s.axes.iter().filter(|a| names.contains(&a.field.as_str()) && !a.with.is_empty()) {
        let shown: Vec<&str> = a.with.iter().take(4).map(String::as_str).collect();
        let more = a.with.len().saturating_sub(shown.len());
        let more = if more > 0 { format!(" and {more} more fields") } else { String::new() };
        text += &format!(" With {} change {}{more}.", a.field, shown.join(", "));
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
        used.extend(s.axes.iter().filter(|a| is_size(a)).map(|a| a.field.as_str()));
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
mod tests {
    use super::*;
    use crate::Record;
    use crate::collect::{Collection, collect};
    use crate::sample::sample_records;

    /// A sweep of two locks on 2, 4 and 8 CPUs with two limits each, two seeds; acquisitions are 1000 times the CPUs, for the second lock
    /// half of that; the limit adds 1, 2.
    fn records() -> Vec<Record> {
        let model = sample_records().remove(0);
        let mut all = Vec::new();
        for (l, lock) in ["mcs", "ticket"].into_iter().enumerate() {
            for cpus in [2_u32, 4, 8] {
                for (i, limit) in ["1ms", "250ms"].into_iter().enumerate() {
                    for seed in [1, 2] {
                        let mut r = Record {
                            lock: lock.into(),
                            cpus,
                            seed,
                            stage: "only".into(),
                            stage_idx: 0,
                            ..model.clone()
                        };
                        r.patches.clear();
                        r.config = format!(
                            "(title: \"x\", machine: Inline(cores: {cpus}), lock: (program: Builtin(\"{lock}\"), limit: \"{limit}\"), seeds: List([{seed}]))"
                        );
                        r.config_hash = format!("{lock}{cpus}{i}");
                        r.program_hash = format!("{lock}{i}");
                        let held = u64::from(cpus) * 1000 / (l as u64 + 1) + i as u64;
                        r.contexts.values_mut().for_each(|c| {
                            (c.attempts, c.held, c.edeadlk, c.etimedout) = (0, 0, 0, 0);
                            c.attempt_ns = crate::Histogram::new();
                        });
                        let task = r.contexts.get_mut("task").unwrap();
                        (task.attempts, task.held) = (held, held);
                        r.metrics = crate::metrics::Metrics::default();
                        let by = std::collections::BTreeMap::from([(crate::metrics::NO_DETECTOR.to_owned(), held)]);
                        r.metrics.attempts_by.insert("task".into(), [("held".to_owned(), by)].into());
                        r.kernel_log = crate::klog::KernelLog::default();
                        r.stuck_ns = 0;
                        all.push(r);
                    }
                }
            }
        }
        all
    }

    fn read(records: &[Record]) -> Collection {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.jsonl");
        let text: String = records.iter().map(|r| r.to_json_line().unwrap()).collect();
        std::fs::write(&path, text).unwrap();
        collect(&[path]).unwrap()
    }

    #[test]
    fn axes_are_found_and_cells_are_means_in_any_order_of_records() {
        let mut all = records();
        let seen = read(&all);
        assert_eq!(seen.bad, [], "the records are sound");
        let s = &seen.sections[0];
        let fields: Vec<&str> = s.axes.iter().map(|a| a.field.as_str()).collect();
        assert_eq!(fields, ["machine.cores", "lock.limit", "lock.program"]);
        assert_eq!((s.points.len(), s.points[0].runs.len()), (12, 2));
        let figures = figures(s, &Choice::default()).unwrap();
        let names: Vec<&str> = figures.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["scaling", "sweep-messages", "sweep-throughput", "sweep-bytes"]);
        let Chart::Heat { xs, ys, panels, .. } = &figures[2].chart else { panic!("a heat map") };
        assert_eq!(
            (xs.as_slice(), ys.as_slice()),
            (&["2", "4", "8"].map(String::from)[..], &["1ms", "250ms"].map(String::from)[..])
        );
        assert_eq!(panels.iter().map(|p| p.title.as_str()).collect::<Vec<_>>(), ["program mcs", "program ticket"]);
        assert_eq!(
            panels[0].cells,
            [[Some(2000.0), Some(4000.0), Some(8000.0)], [Some(2001.0), Some(4001.0), Some(8001.0)]]
        );
        assert_eq!(panels[1].cells[1], [Some(1001.0), Some(2001.0), Some(4001.0)]);
        let Chart::Lines { xs, panels, .. } = &figures[0].chart else { panic!("lines") };
        assert_eq!((xs.join(" "), panels[0].lines[1].label.as_str()), ("2 4 8".into(), "ticket"));
        // Both limits together: 1000, 1000, 1001, 1001.
        assert_eq!((panels[0].lines[1].points[0].1, panels[0].lines[1].points[0].3), (1000.5, 4));
        all.reverse();
        assert_eq!(read(&all), seen);
    }

    #[test]
    fn axes_and_measures_can_be_chosen_and_wrong_names_are_told() {
        let seen = read(&records());
        let s = &seen.sections[0];
        let choice = Choice { axes: vec!["program".into(), "seed".into()], measures: vec!["throughput".into()] };
        assert_eq!(check(&[s], &choice), Ok(()));
        let drawn = figures(s, &choice).unwrap();
        let Chart::Heat { xs, ys, panels, .. } = &drawn[1].chart else { panic!("a heat map") };
        assert_eq!((xs.join(" "), ys.join(" ")), ("mcs ticket".into(), "1 2".into()));
        assert_eq!(panels.len(), 3, "one for each number of cores");
        let wrong = check(&[s], &Choice { axes: vec!["cors".into()], measures: Vec::new() }).unwrap_err();
        assert_eq!(wrong, "there is no axis cors; these are there: machine.cores, lock.limit, lock.program, seed");
        let wrong = check(&[s], &Choice { axes: Vec::new(), measures: vec!["speed".into()] }).unwrap_err();
        assert!(wrong.starts_with("there is no measure speed; these are there: timeouts, worst_nmi"), "{wrong}");
    }

    #[test]
    fn of_very_many_values_neighbours_are_taken_together() {
        let d = Dim::new("x", (0..250).map(|i| i.to_string()).collect(), |_, r| r.seed as usize);
        assert_eq!((d.values.len(), d.values[0].as_str(), d.values[83].as_str()), (84, "0 to 2", "249"));
        let run = Run { seed: 248, ..Run::default() };
        assert_eq!((d.at)(&Point::default(), &run), 82);
        assert_eq!(binned(&[&d]), " Up to 3 neighbouring values of x are one column or row.");
    }

    #[test]
    fn a_table_of_points_has_a_row_for_each_run() {
        let seen = read(&records());
        let text = crate::points_csv(&seen.sections[0]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 1 + 24);
        assert!(lines[0].contains(
            ",machine.cores,lock.limit,lock.program,seed,simulated_ns,acquisitions,timeouts_per_hour,worst_nmi_ns,"
        ));
        assert!(lines[1].starts_with("ring8,only,mcs,ring,2,,mcs20,2,1ms,mcs,1,1000000000,2000,0,"), "{}", lines[1]);
    }
}
