// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sweep files: an experiment, what is varied, and how often each point is run.
//!
//! ```text
//! (
//!     title: "Hold time and cores",
//!     question: "Where does waiting begin to cost more than the work?",
//!     base: "ring8.ron",                                    // a preset, or a file from this file's folder
//!     set: [(field: "duration", value: "20ms")],            // changes that all points have
//!     stages: ["base", "+1-5"],                             // all of the base's unless given
//!     axes: [
//!         List(field: "machine.cores", values: [2, 4, 8]),
//!         Log(name: "work", field: "workload.tasks[0].body[0].Forever[0].Work.Exp", from: "1us", to: "100us", n: 5),
//!     ],
//!     only_if: ["work >= cores * 1us"],                     // conditions between axes
//!     seeds: Count(first: 1, n: 4),                         // the base's unless given
//!     adaptive: (metric: "throughput", half_width: Relative(0.02), seeds_max: 64),
//!     limits: (micro_ops: 2_000_000_000),
//! )
//! ```
//!
//! The *points* are all combinations of the axes' values for which the conditions hold, numbered from 1; the last axis
//! varies fastest. A point's experiment is the base's with `set` and then the axes' values put in, in order, as `--set` does it, so
//! `sim run BASE --set ..` makes the same run. A path is that of a field of the base written out in full (`sim presets`).

mod axis;
mod condition;
mod file;
mod number;
mod samples;

use std::path::Path;
use std::sync::Arc;

pub use axis::{Axis, Column, Range, Scale};
pub use file::{Adaptive, Set, SweepFile, SweepLimits, Width};
pub use number::{Dimension, Number};

use crate::error::{ConfigError, Says};
use crate::near::suggestion;
use crate::overrides::override_field;
use crate::parse::{Loaded, error_at, expanded, from_ron, load, parse};
use crate::presets::{Origin, resolve_sweep};
use crate::scan::{Kind, Scan};
use crate::validate;
use axis::{Rows, Value};

/// Most points of one sweep.
const POINTS_MAX: usize = 1_000_000;

/// A sweep whose file has been read and whose points are known. What is wrong with a point is found by [`Sweep::point`].
#[derive(Debug)]
pub struct Sweep {
    /// The file.
    pub file: SweepFile,
    /// The experiment that is varied, [`SweepFile::set`] applied.
    pub base: Loaded,
    /// The base as it can be given to `sim run`.
    pub base_name: String,
    /// [`SweepFile::set`] with values as text.
    pub set: Vec<(String, String)>,
    /// The fields that vary.
    pub columns: Vec<Column>,
    /// Seeds of every point.
    pub seeds: Vec<u64>,
    /// How many combinations the conditions left out.
    pub left_out: usize,
    axes: Vec<Rows>,
    /// Which combination of the axes' values each point is; the last axis varies fastest.
    points: Vec<usize>,
    name: String,
    text: Arc<str>,
    /// The base, written out in full.
    full: String,
}

/// Finds, reads and checks a sweep file: a path, or the name of an embedded sweep. Points are worked out, but not checked.
///
/// # Errors
/// Whatever is wrong, with its position; also that no point is left.
pub fn load_sweep(name_or_path: &str) -> Result<Sweep, ConfigError> {
    load_sweep_with(name_or_path, &[])
}

/// As [`load_sweep`], with more changes that all points have, path and value, behind those of the file.
///
/// # Errors
/// As [`load_sweep`].
pub fn load_sweep_with(name_or_path: &str, more: &[(String, String)]) -> Result<Sweep, ConfigError> {
    let source = resolve_sweep(name_or_path)?;
    let folder = match &source.origin {
        Origin::File(path) => path.parent().map(Path::to_path_buf),
        Origin::Embedded => None,
    };
    parse_sweep(&source.text, &source.file, folder.as_deref(), more)
}

/// Reads and checks the text of a sweep; `name` is its name in messages, `folder` where it looks for its base first, `more` as in
/// [`load_sweep_with`].
///
/// # Errors
/// As [`load_sweep`].
pub fn parse_sweep(
    text: &str,
    name: &str,
    folder: Option<&Path>,
    more: &[(String, String)],
) -> Result<Sweep, ConfigError> {
    let text: Arc<str> = Arc::from(text);
    let file: SweepFile = from_ron(&text, name)?;
    let wrong = |path: &str, what: &str| error_at(name, &text, path, two_lines(what));
    for (path, value) in [("title", &file.title), ("question", &file.question)] {
        if value.trim().is_empty() {
            return Err(wrong(path, &format!("{path} = \"\": must not be empty\nsay what the sweep is to find out")));
        }
    }
    let beside = folder.map(|f| f.join(&file.base)).filter(|p| p.is_file());
    let base_name = beside.map_or_else(|| file.base.clone(), |p| p.display().to_string());
    let mut base =
        load(&base_name).map_err(|e| if e.line().is_some() { e } else { inner(name, &text, "base", "", &e) })?;
    let mut set = Vec::new();
    for (i, change) in file.set.iter().enumerate() {
        let value = ron_text(&change.value);
        let place = format!("set[{i}]");
        let failed = |e: ConfigError, part: &str| inner(name, &text, &format!("{place}.{part}"), "", &e);
        let full = expanded(&base.experiment);
        let changed = override_field(&full, &change.field, value).map_err(|e| failed(e, "field"))?;
        let part = if has_field(&full, &change.field) { "value" } else { "field" };
        let parsed = parse(&changed, &base.file).map_err(|e| failed(e, part))?;
        base = Loaded { origin: base.origin, file: base.file, ..parsed };
        set.push((change.field.clone(), value.to_owned()));
    }
    for (field, value) in more {
        let changed = override_field(&expanded(&base.experiment), field, value)?;
        let parsed = parse(&changed, &format!("{}, changed", base.file))?;
        base = Loaded { origin: base.origin, file: base.file, ..parsed };
        set.push((field.clone(), value.clone()));
    }
    for (i, stage) in file.stages.iter().enumerate() {
        let names = || base.experiment.stages.iter().map(|s| s.name.as_str());
        if !names().any(|n| n == stage) {
            let help = suggestion(stage, "stages", names());
            return Err(wrong(&format!("stages[{i}]"), &format!("the base has no stage \"{stage}\"\n{help}")));
        }
    }
    let seeds = file.seeds.as_ref().unwrap_or(&base.experiment.seeds);
    validate::seeds(seeds).map_err(|f| error_at(name, &text, &f.path, f.says))?;
    let seeds = seeds.list();
    check_adaptive(&file, &seeds, &wrong)?;
    let full = expanded(&base.experiment);
    let mut sweep = Sweep {
        base_name,
        base,
        set,
        columns: Vec::new(),
        seeds,
        left_out: 0,
        axes: Vec::new(),
        points: Vec::new(),
        name: name.to_owned(),
        text: Arc::clone(&text),
        full,
        file,
    };
    sweep.work_out()?;
    Ok(sweep)
}

fn check_adaptive(
    file: &SweepFile,
    seeds: &[u64],
    wrong: &dyn Fn(&str, &str) -> ConfigError,
) -> Result<(), ConfigError> {
    let Some(a) = &file.adaptive else { return Ok(()) };
    let (Width::Relative(width) | Width::Absolute(width)) = a.half_width;
    if !width.is_finite() || width <= 0.0 {
        return Err(wrong(
            "adaptive.half_width",
            &format!("a half width of {width} is never reached\ngive one above 0"),
        ));
    }
    if seeds.len() < 2 {
        let what = "one seed has no interval\nbegin with at least two seeds: seeds: Count(first: 1, n: 4)";
        return Err(wrong(if file.seeds.is_some() { "seeds" } else { "adaptive" }, what));
    }
    if a.seeds_max < seeds.len() as u64 || a.seeds_max > validate::SEEDS_MAX {
        let (n, max) = (seeds.len(), validate::SEEDS_MAX);
        let what = format!("seeds_max = {}: must be {n} to {max}\nevery point begins with {n} seeds", a.seeds_max);
        return Err(wrong("adaptive.seeds_max", &what));
    }
    Ok(())
}

impl Sweep {
    /// How many points there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Never true of a sweep that could be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The sweep file's name for messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The values of a point, as RON text, a value for each of `columns`; `idx` counts from 0.
    pub fn values(&self, idx: usize) -> impl Iterator<Item = &str> {
        self.row(idx).into_iter().map(|v| v.text.as_str())
    }

    /// The experiment of a point; `idx` counts from 0.
    ///
    /// # Errors
    /// A path that leads nowhere, or a value that breaks a rule: the place is that of the value in the sweep file.
    pub fn point(&self, idx: usize) -> Result<Loaded, ConfigError> {
        let text = self.spliced(idx)?;
        let loaded = parse(&text, &self.base.file).map_err(|e| self.explain(idx, &e))?;
        Ok(Loaded { origin: self.base.origin.clone(), ..loaded })
    }

    /// An error of a point's experiment that was found later, at its place in the sweep file.
    #[must_use]
    pub fn explain(&self, idx: usize, error: &ConfigError) -> ConfigError {
        let related = |c: &&Column| {
            let (a, b) = (c.field.as_str(), error.field());
            let begins =
                |a: &str, b: &str| a.strip_prefix(b).is_some_and(|r| r.is_empty() || r.starts_with(['.', '[']));
            !b.is_empty() && (begins(a, b) || begins(b, a))
        };
        // The longest field is the nearest one.
        let nearest = self.columns.iter().filter(related).max_by_key(|c| c.field.len());
        let column = nearest.and_then(|c| self.columns.iter().position(|o| o == c));
        match column {
            Some(i) if !has_field(&self.full, &self.columns[i].field) && error.message().starts_with("no field") => {
                let place = format!("{}.field", self.columns[i].place);
                inner(&self.name, &self.text, &place, &self.prefix(idx), error)
            }
            Some(i) => inner(&self.name, &self.text, &self.row(idx)[i].place, &self.prefix(idx), error),
            None => inner(&self.name, &self.text, "axes", &self.prefix(idx), error),
        }
    }

    /// An error about a field of the sweep file itself.
    #[must_use]
    pub fn error_at(&self, path: &str, message: &str, help: &str) -> ConfigError {
        error_at(&self.name, &self.text, path, two_lines(&format!("{message}\n{help}")))
    }

    /// A point's values, one for each column.
    fn row(&self, idx: usize) -> Vec<&Value> {
        let mut combination = self.points[idx];
        let mut rows: Vec<&[Value]> = Vec::with_capacity(self.axes.len());
        for axis in self.axes.iter().rev() {
            rows.push(&axis.rows[combination % axis.rows.len()]);
            combination /= axis.rows.len();
        }
        rows.into_iter().rev().flatten().collect()
    }

    /// `point 317 (cores = 64, work = 1us)`.
    fn prefix(&self, idx: usize) -> String {
        let values: Vec<String> =
            self.columns.iter().zip(self.values(idx)).map(|(c, v)| format!("{} = {}", c.name, label(v))).collect();
        format!("point {} ({}): ", idx + 1, values.join(", "))
    }

    /// The text of a point's experiment.
    fn spliced(&self, idx: usize) -> Result<String, ConfigError> {
        let mut text = self.full.clone();
        for (column, value) in self.columns.iter().zip(self.row(idx)) {
            let mut next = override_field(&text, &column.field, &value.text);
            if next.is_err()
                && let Ok(valid) = parse(&text, &self.base.file)
            {
                // A machine's name was put in before: written out, its fields can be found.
                next = override_field(&expanded(&valid.experiment), &column.field, &value.text);
            }
            let place = if has_field(&text, &column.field) { &value.place } else { &format!("{}.field", column.place) };
            text = next.map_err(|e| inner(&self.name, &self.text, place, &self.prefix(idx), &e))?;
            if value.text.starts_with("Preset") {
                text = parse(&text, &self.base.file)
                    .map(|l| expanded(&l.experiment))
                    .map_err(|e| self.explain(idx, &e))?;
            }
        }
        Ok(text)
    }

    /// Columns and points from the axes.
    fn work_out(&mut self) -> Result<(), ConfigError> {
        let wrong = |path: &str, what: &str| error_at(&self.name, &self.text, path, two_lines(what));
        let mut axes = Vec::new();
        for (i, axis) in self.file.axes.iter().enumerate() {
            axes.push(axis.rows(&format!("axes[{i}]")).map_err(|(path, what)| wrong(&path, &what))?);
        }
        if axes.is_empty() {
            return Err(wrong("axes", "the sweep has no axis, so it is one experiment\nadd an axis, or use `sim run`"));
        }
        let columns: Vec<Column> = axes.iter().flat_map(|a| a.columns.clone()).collect();
        for (i, c) in columns.iter().enumerate() {
            let is_name = |n: &str| {
                n.starts_with(|c: char| c.is_ascii_lowercase())
                    && n.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
                    && !["and", "or", "not", "true", "false"].contains(&n)
            };
            if !is_name(&c.name) {
                let what = format!("\"{}\" is no name for an axis\nadd `name: \"..\"`, made of a-z, 0-9 and _", c.name);
                return Err(wrong(&c.place, &what));
            }
            if let Some(first) = columns[..i].iter().find(|d| d.name == c.name || d.field == c.field) {
                let what = if first.field == c.field {
                    format!("{} is varied twice, first at {}\nvary it once", c.field, first.place)
                } else {
                    format!("two axes are called \"{}\", first {}\nadd `name: \"..\"` to one", c.name, first.place)
                };
                return Err(wrong(&c.place, &what));
            }
        }
        let all: Option<usize> = axes.iter().try_fold(1_usize, |n, a| n.checked_mul(a.rows.len()));
        let all = all.filter(|n| *n <= POINTS_MAX).ok_or_else(|| {
            let sizes: Vec<String> = axes.iter().map(|a| a.rows.len().to_string()).collect();
            wrong(
                "axes",
                &format!(
                    "{} points are more than {POINTS_MAX}\ntake fewer values, or a sample (Sobol)",
                    sizes.join(" x ")
                ),
            )
        })?;
        self.columns = columns;
        self.axes = axes;
        self.points = (0..all).collect();
        self.filter(all)
    }

    /// Leaves out the points for which a condition does not hold.
    fn filter(&mut self, all: usize) -> Result<(), ConfigError> {
        let mut keep = vec![true; all];
        for (idx, keep) in keep.iter_mut().enumerate() {
            for (i, condition) in self.file.only_if.iter().enumerate() {
                let field = |name: &str| self.lookup(idx, name);
                *keep &= condition::holds(condition, &field)
                    .map_err(|what| error_at(&self.name, &self.text, &format!("only_if[{i}]"), two_lines(&what)))?;
            }
        }
        let mut at = 0..all;
        self.points.retain(|_| at.next().is_some_and(|i| keep[i]));
        self.left_out = all - self.points.len();
        if self.points.is_empty() {
            let what =
                format!("the sweep is empty: none of its {all} points fulfils all conditions\nloosen one of them");
            return Err(error_at(&self.name, &self.text, "only_if", two_lines(&what)));
        }
        Ok(())
    }

    /// The text of an axis' value, or of a field of the point's experiment.
    fn lookup(&self, idx: usize, name: &str) -> Result<String, String> {
        if let Some(i) = self.columns.iter().position(|c| c.name == name) {
            return Ok(self.row(idx)[i].text.clone());
        }
        let known = || {
            let names = self.columns.iter().map(|c| c.name.as_str());
            format!("there is no axis or field `{name}`\n{}", suggestion(name, "axes", names))
        };
        let text = self.spliced(idx).map_err(|e| e.message().to_owned())?;
        let path = crate::scan::segments(name).filter(|p| !p.is_empty()).ok_or_else(known)?;
        let scan = Scan::new(&text);
        let found = scan.follow(&text, &path);
        if found.depth < path.len() {
            return Err(known());
        }
        Ok(text[found.node.span.clone()].to_owned())
    }
}

/// What people call a value: texts without quotes, `Preset("name")` by its name, anything else as it is written, on one line.
#[must_use]
pub fn label(value: &str) -> String {
    let scan = Scan::new(value);
    let unquoted = |span: std::ops::Range<usize>| {
        let text = &value[span];
        text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).map(str::to_owned)
    };
    let only = match &scan.root.kind {
        Kind::Tuple(items) if items.len() == 1 => items.first().and_then(|i| unquoted(i.span.clone())),
        Kind::Scalar => unquoted(scan.root.span.clone()),
        _ => None,
    };
    only.unwrap_or_else(|| value.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// What a condition compares: as [`label`], but a choice with fields by the name before its parenthesis.
fn short(value: &str) -> String {
    let scan = Scan::new(value);
    match (&scan.root.kind, &scan.root.head) {
        (Kind::Group(_) | Kind::Tuple(_), Some(head)) if label(value).contains('(') => value[head.clone()].to_owned(),
        _ => label(value),
    }
}

/// The text of a RON value without the blanks and comments around it.
fn ron_text(raw: &ron::value::RawValue) -> &str {
    let text = raw.get_ron();
    &text[Scan::new(text).root.span.clone()]
}

/// Whether a text has the field.
fn has_field(text: &str, field: &str) -> bool {
    let path = crate::scan::segments(field).unwrap_or_default();
    Scan::new(text).follow(text, &path).depth == path.len()
}

fn two_lines(what: &str) -> Says {
    let (message, help) = what.split_once('\n').unwrap_or((what, ""));
    let help = (!help.is_empty()).then(|| help.to_owned());
    Says { message: message.to_owned(), help, ..Says::default() }
}

/// An error of another text, at a place in this one.
fn inner(file: &str, text: &Arc<str>, path: &str, prefix: &str, e: &ConfigError) -> ConfigError {
    let field = if e.field().is_empty() || e.message().contains(e.field()) {
        String::new()
    } else {
        format!(" (at {})", e.field())
    };
    let says = Says {
        message: format!("{prefix}{}{field}", e.message()),
        rule: e.rule().to_owned(),
        note: None,
        help: e.help().map(str::to_owned),
    };
    error_at(file, text, path, says)
}
