// SPDX-License-Identifier: MIT OR Apache-2.0
//! The plan: every point of a sweep, validated, with the hashes that name its runs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use configs::sweep::{Number, Sweep, Width, label};
use rayon::prelude::*;
use reports::sweep::AxisColumn;
use reports::{Error, SweepPoint};
use serde::{Deserialize, Serialize};

use crate::plan::{Assembled, InputError, Plan, hash, plan_with, point_text};

/// The format of `plan.jsonl` that this version writes, and the only one it reads.
pub const FORMAT: u32 = 1;

/// First line of `plan.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Always [`FORMAT`].
    pub sweep_format: u32,
    /// Version of rqsim.
    pub version: String,
    /// The sweep's title.
    pub title: String,
    /// The question it answers.
    pub question: String,
    /// The experiment that is varied.
    pub base: String,
    /// Changes that all points have: path and value.
    pub set: Vec<(String, String)>,
    /// Name and path of each axis.
    pub axes: Vec<(String, String)>,
    /// Place and name of each stage.
    pub stages: Vec<(u32, String)>,
    /// Seeds with which every stage of every point begins.
    pub seeds: Vec<u64>,
    /// The rule for more seeds.
    pub adaptive: Option<Rule>,
    /// Most micro-ops of a run.
    pub micro_ops_max: Option<u64>,
    /// How many points there are.
    pub points: u64,
}

/// When a point has had enough seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Name of the column.
    pub metric: String,
    /// The half width of the 95 % interval of its mean is a share of the mean.
    pub relative: bool,
    /// That half width.
    pub half_width: f64,
    /// Most seeds.
    pub seeds_max: u64,
}

/// A line of `plan.jsonl` behind the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Number, from 1.
    pub point: u64,
    /// The axes' values, as RON.
    pub values: Vec<String>,
    /// Hash of the expanded experiment of each stage.
    pub configs: Vec<String>,
    /// Hash of the assembled program of each stage.
    pub programs: Vec<String>,
    /// Simulated nanoseconds of one run times cores: what estimates are scaled by.
    pub core_ns: u64,
}

/// A plan, as made from a sweep file or read from a store.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepPlan {
    /// What is true of all points.
    pub header: Header,
    /// The points, by number.
    pub points: Vec<Point>,
}

/// Works out and checks all points, on `threads` threads. `only` are the numbers of the points wanted, all if empty.
///
/// # Errors
/// The first point that cannot be run, at its place in the sweep file; a metric that does not exist; a number that is no point.
pub fn make(
    sweep: &Sweep,
    only: &BTreeSet<u64>,
    threads: usize,
    assembled: &Assembled,
) -> Result<SweepPlan, InputError> {
    if let Some(n) = only.iter().find(|n| **n == 0 || **n > sweep.len() as u64) {
        let what = format!("there is no point {n}");
        return Err(InputError::text(&what, &format!("points are numbered from 1 to {}", sweep.len())));
    }
    let rule = sweep.file.adaptive.as_ref().map(|a| rule(sweep, a)).transpose()?;
    let stages: Vec<(u32, String)> = (0_u32..)
        .zip(&sweep.base.experiment.stages)
        .map(|(i, s)| (i, s.name.clone()))
        .filter(|(_, name)| sweep.file.stages.is_empty() || sweep.file.stages.contains(name))
        .collect();
    let wanted: Vec<usize> = (0..sweep.len()).filter(|i| only.is_empty() || only.contains(&(*i as u64 + 1))).collect();
    // The first wrong point in their order, whoever meets one first.
    let first_wrong = AtomicUsize::new(usize::MAX);
    let one = |idx: usize| -> Result<Option<Point>, InputError> {
        if idx > first_wrong.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let made = point(sweep, idx, &stages, assembled);
        if made.is_err() {
            first_wrong.fetch_min(idx, Ordering::Relaxed);
        }
        made.map(Some)
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|e| InputError::text(&format!("no threads: {e}"), "choose fewer with --threads"))?;
    let made: Vec<Result<Option<Point>, InputError>> =
        pool.install(|| wanted.into_par_iter().with_max_len(64).map(one).collect());
    let mut points = Vec::with_capacity(made.len());
    for point in made {
        points.extend(point?);
    }
    let text = |pairs: &[(String, String)]| pairs.to_vec();
    let header = Header {
        sweep_format: FORMAT,
        version: crate::VERSION.to_owned(),
        title: sweep.file.title.clone(),
        question: sweep.file.question.clone(),
        base: sweep.base_name.clone(),
        set: text(&sweep.set),
        axes: sweep.columns.iter().map(|c| (c.name.clone(), c.field.clone())).collect(),
        stages,
        seeds: sweep.seeds.clone(),
        adaptive: rule,
        micro_ops_max: sweep.file.limits.micro_ops,
        points: points.len() as u64,
    };
    Ok(SweepPlan { header, points })
}

fn rule(sweep: &Sweep, a: &configs::sweep::Adaptive) -> Result<Rule, InputError> {
    let measured = || reports::sweep::COLUMNS.iter().filter(|c| c.measured).map(|c| c.name);
    if !measured().any(|n| n == a.metric) {
        let names: Vec<&str> = measured().collect();
        let meant = configs::near_names(&a.metric, names.iter().copied());
        let meant = meant.first().map_or_else(String::new, |n| format!("did you mean `{n}`? "));
        let help = format!("{meant}metrics: {}", names.join(", "));
        return Err(sweep.error_at("adaptive.metric", &format!("there is no metric \"{}\"", a.metric), &help).into());
    }
    let (relative, half_width) = match a.half_width {
        Width::Relative(w) => (true, w),
        Width::Absolute(w) => (false, w),
    };
    Ok(Rule { metric: a.metric.clone(), relative, half_width, seeds_max: a.seeds_max })
}

fn point(sweep: &Sweep, idx: usize, stages: &[(u32, String)], assembled: &Assembled) -> Result<Point, InputError> {
    let plan = expand(sweep, idx, assembled)?;
    let e = &plan.loaded.experiment;
    let khz = e.machine.clock.khz();
    let of = |i: &u32| &plan.stages[*i as usize];
    if let Some((i, name)) = stages.iter().find(|(i, n)| plan.stages.get(*i as usize).is_none_or(|s| s.name != *n)) {
        let what = format!("point {}: stage {i} is not \"{name}\", as in the base", idx + 1);
        return Err(sweep.error_at("axes", &what, "an axis may change a stage, not its name or place").into());
    }
    Ok(Point {
        point: idx as u64 + 1,
        values: sweep.values(idx).map(str::to_owned).collect(),
        configs: stages.iter().map(|(i, _)| of(i).config_hash.clone()).collect(),
        programs: stages.iter().map(|(i, _)| of(i).program_hash.clone()).collect(),
        core_ns: e.duration.nanos(khz).saturating_mul(e.machine.cores.into()),
    })
}

/// The plan of a point's experiment, all stages; `idx` counts from 0.
///
/// # Errors
/// What is wrong with it, at its place in the sweep file.
pub fn expand(sweep: &Sweep, idx: usize, assembled: &Assembled) -> Result<Plan, InputError> {
    plan_with(sweep.point(idx)?, assembled).map_err(|e| match e.field {
        Some(field) => sweep.explain(idx, &field).into(),
        None => e,
    })
}

/// The text of a run's experiment, whose seed is put in.
#[derive(Clone, Debug)]
pub struct ConfigText {
    before: String,
    after: String,
}

impl ConfigText {
    /// Of a stage of a plan.
    #[must_use]
    pub fn new(plan: &Plan, stage: u32) -> ConfigText {
        // Written with two seeds that have no digit in common: the text around where they differ.
        let [a, b] = [1, 2].map(|seed| point_text(&plan.loaded, stage as usize, &[seed]));
        let at = a.bytes().zip(b.bytes()).position(|(x, y)| x != y).unwrap_or(a.len());
        ConfigText { before: a[..at].to_owned(), after: a[(at + 1).min(a.len())..].to_owned() }
    }

    /// The text with this seed.
    #[must_use]
    pub fn with_seed(&self, seed: u64) -> String {
        format!("{}{seed}{}", self.before, self.after)
    }
}

impl SweepPlan {
    /// Path of the plan in a store.
    #[must_use]
    pub fn path(dir: &Path) -> PathBuf {
        dir.join("plan.jsonl")
    }

    /// The file's text.
    ///
    /// # Errors
    /// Only if the JSON writer fails.
    pub fn text(&self) -> Result<String, Error> {
        let mut text = serde_json::to_string(&self.header)? + "\n";
        for p in &self.points {
            text += &serde_json::to_string(p)?;
            text.push('\n');
        }
        Ok(text)
    }

    /// Hash of the whole plan: equal for equal work.
    ///
    /// # Errors
    /// As [`SweepPlan::text`].
    pub fn hash(&self) -> Result<String, Error> {
        Ok(hash(&self.text()?))
    }

    /// Reads the plan of a store.
    ///
    /// # Errors
    /// There is none, it is of another format, or it is damaged.
    pub fn read(dir: &Path) -> Result<SweepPlan, InputError> {
        let path = Self::path(dir);
        let wrong = |what: String, help: &str| InputError::text(&format!("{}: {what}", path.display()), help);
        let text = std::fs::read_to_string(&path).map_err(|e| {
            let help = "name the folder of a sweep's results; `sim sweep FILE --out DIR` makes one";
            wrong(format!("no plan of a sweep can be read: {e}"), help)
        })?;
        let again = "`sim sweep` with the sweep's file writes it anew";
        let mut lines = text.lines();
        let head = lines.next().unwrap_or_default();
        let format = serde_json::from_str::<serde_json::Value>(head).ok();
        let format = format.and_then(|v| v.get("sweep_format").and_then(serde_json::Value::as_u64));
        match format {
            Some(f) if f == u64::from(FORMAT) => {}
            Some(f) => {
                let what = format!("format {f}, this version reads format {FORMAT}");
                return Err(wrong(what, "read it with the version that made it"));
            }
            None => return Err(wrong("line 1: no plan of a sweep".into(), again)),
        }
        let header: Header = serde_json::from_str(head).map_err(|e| wrong(format!("line 1: {e}"), again))?;
        let mut points = Vec::new();
        for (i, line) in lines.enumerate() {
            points.push(serde_json::from_str(line).map_err(|e| wrong(format!("line {}: {e}", i + 2), again))?);
        }
        let plan = SweepPlan { header, points };
        if plan.header.points != plan.points.len() as u64 {
            let what = format!("{} points, though its first line says {}", plan.points.len(), plan.header.points);
            return Err(wrong(what, again));
        }
        Ok(plan)
    }

    /// What its records say of a point, without the checksum.
    #[must_use]
    pub fn stand(&self, point: &Point) -> SweepPoint {
        let names = self.header.axes.iter().map(|(n, _)| n.clone());
        let axes = names.zip(point.values.iter().map(|v| label(v))).collect();
        SweepPoint { point: point.point, axes, replay: None, sum: String::new() }
    }

    /// `cores=4 work=1us`, axes in their order.
    #[must_use]
    pub fn stand_text(&self, point: &Point) -> String {
        let one = |((name, _), value): (&(String, String), &String)| format!("{name}={}", label(value));
        self.header.axes.iter().zip(&point.values).map(one).collect::<Vec<_>>().join(" ")
    }

    /// Columns of the axes.
    #[must_use]
    pub fn axis_columns(&self) -> Vec<AxisColumn> {
        let column = |(i, (name, _)): (usize, &(String, String))| {
            let numbers: Option<Vec<Number>> = self.points.iter().map(|p| Number::read(&p.values[i])).collect();
            let first = numbers.as_ref().and_then(|n| n.first()).map(|n| n.dimension);
            let one_kind = numbers.as_ref().is_some_and(|all| all.iter().all(|n| Some(n.dimension) == first));
            let unit = first.filter(|_| one_kind).map(|d| d.suffix().to_owned());
            let whole = unit.as_deref() == Some("")
                && numbers.is_some_and(|all| all.iter().all(|n| n.value.fract() == 0.0 && n.value < 1e15));
            AxisColumn { name: name.clone(), unit, whole }
        };
        self.header.axes.iter().enumerate().map(column).collect()
    }

    /// Where a point stands on each axis: what people call it, and its worth.
    #[must_use]
    pub fn stands(point: &Point) -> Vec<(String, Option<f64>)> {
        point.values.iter().map(|v| (label(v), Number::read(v).map(|n| n.value))).collect()
    }

    /// The command that makes one run again, by itself.
    #[must_use]
    pub fn replay(&self, point: &Point, stage: &str, seed: u64) -> String {
        let mut command = format!("sim run {}", quoted(&self.header.base));
        let fields = self.header.axes.iter().map(|(_, field)| field).zip(&point.values);
        for (field, value) in self.header.set.iter().map(|(f, v)| (f, v)).chain(fields) {
            command += &format!(" --set {}", quoted(&format!("{field}={value}")));
        }
        format!("{command} --stages={} --seeds {seed}", quoted(stage))
    }
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./+=:,[]".contains(c);
    if !word.is_empty() && word.chars().all(plain) && !word.contains('[') {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
