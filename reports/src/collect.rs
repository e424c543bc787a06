// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading many records for a report without keeping them: each goes into the summary of its stage as it is read.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::axes::{Axis, Differences, fields};
use crate::error::Error;
use crate::journal::{BadLine, each_line, parse};
use crate::point::{Point, Run};
use crate::record::Record;
use crate::stage::{StageSummary, label, least};

/// Stages that are kept with all that was measured. Of a larger sweep these are the first ones in the order of the stages; of the others the
/// figures of each run are kept.
pub const STAGES_MAX: usize = 400;

/// Expanded configurations that are kept as text, in the order of their hashes.
pub const CONFIGS_MAX: usize = 40;

/// The stages of one experiment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// Name of the experiment.
    pub experiment: String,
    /// Its stages, in order; [`STAGES_MAX`] of all sections together.
    pub stages: Vec<StageSummary>,
    /// Expanded configurations by their hash, each as in the run of the least seed; at most [`CONFIGS_MAX`] of all sections together.
    pub configs: BTreeMap<String, String>,
    /// All stages under all configurations, with the figures of each run.
    pub points: Vec<Point>,
    /// In what the points' experiments differ, the axis with most values first.
    pub axes: Vec<Axis>,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Collection {
    /// An entry for each experiment, by name.
    pub sections: Vec<Section>,
    /// Records that count.
    pub records: u64,
    /// Records left out because they are there twice, word by word.
    pub repeated: u64,
    /// Lines that are no usable record, with their files.
    pub bad: Vec<(PathBuf, BadLine)>,
    /// The points of all sections together, if there are several and they differ in few fields.
    pub all: Option<Section>,
}

/// With more axes than this between them, experiments are different things and not points of one sweep.
const AXES_MAX: usize = 8;

/// As the key by which [`StageSummary::from_records`] tells stages apart, owned.
type Key = (String, u32, String, String, Vec<String>, u64, String, String, String);

fn key(r: &Record) -> Key {
    let text = |t: &String| t.clone();
    (
        text(&r.experiment),
        r.stage_idx,
        text(&r.base),
        text(&r.stage),
        r.patches.clone(),
        r.sweep.as_ref().map_or(0, |s| s.point),
        text(&r.config_hash),
        text(&r.program_hash),
        text(&r.version),
    )
}

#[derive(Default)]
struct Reading {
    stages: BTreeMap<Key, StageSummary>,
    points: BTreeMap<Key, Point>,
    /// Digest of the line that counts, by stage and seed.
    seen: BTreeMap<Key, BTreeMap<u64, u64>>,
    /// The text by experiment and hash, with the run's seed: texts of one hash differ by their seeds.
    configs: BTreeMap<(String, String), (u64, String)>,
    /// In what experiments of one name differ, by that name.
    differences: BTreeMap<String, Differences>,
    /// In what all experiments differ.
    all: Differences,
    repeated: u64,
    /// Runs of which files say different things.
    contested: BTreeSet<(Key, u64)>,
}

impl Reading {
    fn take(&mut self, text: &str) -> Result<(), String> {
        let record = parse(text)?;
        let key = key(&record);
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let digest = hasher.finish();
        let seeds = self.seen.entry(key.clone()).or_default();
        match seeds.get(&record.seed) {
            Some(&d) if d == digest => {
                self.repeated += 1;
                return Ok(());
            }
            Some(_) => {
                self.contested.insert((key, record.seed));
                return Ok(());
            }
            None => {
                seeds.insert(record.seed, digest);
            }
        }
        self.count(key, &record);
        Ok(())
    }

    fn count(&mut self, key: Key, record: &Record) {
        let of = || format!("{}\n{}", record.experiment, record.config_hash);
        let differences = self.differences.entry(record.experiment.clone()).or_default();
        if !differences.knows(&record.config_hash) {
            let mut all = fields(&record.config);
            differences.add(&record.config_hash, &all);
            all.push(("experiment".into(), record.experiment.clone()));
            self.all.add(&of(), &all);
        }
        if let Some(sweep) = &record.sweep {
            differences.call(&record.config_hash, &sweep.axes);
            self.all.call(&of(), &sweep.axes);
        }
        let config = (record.experiment.clone(), record.config_hash.clone());
        keep_first(
            &mut self.configs,
            config,
            CONFIGS_MAX,
            || (u64::MAX, String::new()),
            |known| {
                if (record.seed, &record.config) < (known.0, &known.1) {
                    *known = (record.seed, record.config.clone());
                }
            },
        );
        self.points.entry(key.clone()).or_insert_with(|| Point::empty(record)).runs.push(Run::of(record));
        keep_first(&mut self.stages, key, STAGES_MAX, || StageSummary::empty(record), |stage| stage.add(record));
    }

    /// Reads again, since runs that files disagree about have to be taken out of the sums: of each the record that comes first is kept.
    fn settle(self, files: &[PathBuf]) -> Result<Self, Error> {
        let mut next = Self { repeated: self.repeated, ..Self::default() };
        let mut rivals: BTreeMap<(Key, u64), Vec<Record>> = BTreeMap::new();
        for path in files {
            each_line(path, |text| {
                let record = parse(text)?;
                let of = (key(&record), record.seed);
                if self.contested.contains(&of) {
                    let known = rivals.entry(of).or_default();
                    if !known.contains(&record) {
                        known.push(record);
                    }
                } else if next.seen.entry(of.0.clone()).or_default().insert(of.1, 0).is_none() {
                    next.count(of.0, &record);
                }
                Ok(())
            })?;
        }
        for ((key, seed), runs) in rivals {
            next.seen.entry(key.clone()).or_default().insert(seed, 0);
            let all: Vec<&Record> = runs.iter().collect();
            if let Some(run) = least(&all) {
                next.count(key.clone(), run);
            }
            if let Some(stage) = next.stages.get_mut(&key) {
                stage.conflicts += runs.len() - 1;
            }
        }
        Ok(next)
    }
}

/// Changes the value of a key in a map that keeps only its first `max` keys. What is kept does not depend on the order of calls: a
/// key that was dropped once is above `max` others and stays so.
fn keep_first<K: Ord + Clone, V>(
    map: &mut BTreeMap<K, V>,
    key: K,
    max: usize,
    empty: impl FnOnce() -> V,
    change: impl FnOnce(&mut V),
) {
    let is_full = map.len() >= max;
    if is_full && !map.contains_key(&key) && map.last_key_value().is_some_and(|(last, _)| *last < key) {
        return;
    }
    change(map.entry(key).or_insert_with(empty));
    if map.len() > max {
        map.pop_last();
    }
}

/// Reads these files. What comes out does not depend on their order or on that of their lines.
///
/// # Errors
/// [`Error::Read`] if a file cannot be opened or read to its end. Lines that are no usable record are no error.
pub fn collect(files: &[PathBuf]) -> Result<Collection, Error> {
    let mut reading = Reading::default();
    let mut bad = Vec::new();
    for path in files {
        let lines = each_line(path, |text| reading.take(text))?;
        bad.extend(lines.into_iter().map(|line| (path.clone(), line)));
    }
    if !reading.contested.is_empty() {
        reading = reading.settle(files)?;
    }
    let records = reading.seen.values().map(|seeds| seeds.len() as u64).sum();
    let mut sections: BTreeMap<String, Section> = BTreeMap::new();
    for mut stage in reading.stages.into_values() {
        stage.seeds.sort_unstable();
        stage.findings.sort();
        stage.expected_findings.sort();
        sections.entry(stage.experiment.clone()).or_default().stages.push(stage);
    }
    for mut point in reading.points.into_values() {
        point.runs.sort_unstable_by_key(|r| r.seed);
        sections.entry(point.experiment.clone()).or_default().points.push(point);
    }
    for ((experiment, hash), (_, config)) in reading.configs {
        sections.entry(experiment).or_default().configs.insert(hash, config);
    }
    for (name, section) in &mut sections {
        section.experiment.clone_from(name);
        if let Some(differences) = reading.differences.get(name) {
            let places = with_axes(section, differences);
            let at = |hash: &String| places.get(hash).cloned().unwrap_or_default();
            section.points.iter_mut().for_each(|p| p.at = at(&p.config_hash));
            section.points.sort_by(|a, b| (a.stage_idx, &a.stage, &a.at).cmp(&(b.stage_idx, &b.stage, &b.at)));
            section.stages.sort_by_cached_key(|s| (s.stage_idx, s.stage.clone(), at(&s.config_hash)));
            name_points(section, at);
        }
        label(&mut section.stages);
    }
    let sections: Vec<Section> = sections.into_values().collect();
    let all = together(&sections, &reading.all);
    Ok(Collection { sections, records, repeated: reading.repeated, bad, all })
}

/// Values that name a point of a sweep, at most.
const NAMING_AXES: usize = 3;

/// Names the stages of a sweep by their values on its axes instead of by hashes, unless records know the names of its axes.
fn name_points(section: &mut Section, at: impl Fn(&String) -> Vec<u32>) {
    let Section { axes, stages, .. } = section;
    if axes.is_empty() || stages.iter().all(|s| !s.point.1.is_empty()) {
        return;
    }
    let several = stages.iter().any(|s| s.stage != stages[0].stage);
    for s in stages {
        let value = |(axis, i): (&Axis, u32)| {
            let value = &axis.values[i as usize];
            // A word says of itself what it is; a bare number does not.
            if value.starts_with(|c: char| c.is_alphabetic()) {
                value.clone()
            } else {
                format!("{} {value}", axis.short())
            }
        };
        let values = axes.iter().zip(at(&s.config_hash)).take(NAMING_AXES).map(value);
        let stage = several.then(|| s.stage.clone());
        s.label = stage.into_iter().chain(values).collect::<Vec<_>>().join(", ");
    }
}

fn with_axes(section: &mut Section, differences: &Differences) -> BTreeMap<String, Vec<u32>> {
    let (axes, places) = differences.axes();
    section.axes = axes;
    places
}

/// All points as those of one sweep, if they differ in few fields.
fn together(sections: &[Section], differences: &Differences) -> Option<Section> {
    if sections.len() < 2 {
        return None;
    }
    let mut all = Section { experiment: "All experiments together".into(), ..Section::default() };
    let places = with_axes(&mut all, differences);
    if all.axes.len() > AXES_MAX {
        return None;
    }
    for p in sections.iter().flat_map(|s| &s.points) {
        let of = format!("{}\n{}", p.experiment, p.config_hash);
        all.points.push(Point { at: places.get(&of).cloned().unwrap_or_default(), ..p.clone() });
    }
    Some(all)
}

/// The files of records that a path stands for: itself, or those in a folder of results.
///
/// # Errors
/// In words: that there is nothing, or only what this report cannot read.
pub fn files_of(path: &Path) -> Result<Vec<PathBuf>, String> {
    if !path.is_dir() {
        let there = path.is_file().then(|| vec![path.to_path_buf()]);
        return there.ok_or_else(|| format!("there is no file {}", path.display()));
    }
    let is_ours =
        |name: &str| name == "records.jsonl" || name.starts_with("records.partial.") && name.ends_with(".jsonl");
    let entries = std::fs::read_dir(path).map_err(|e| format!("{} cannot be listed: {e}", path.display()))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|p| p.is_file() && p.file_name().and_then(|n| n.to_str()).is_some_and(is_ours))
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(format!("{} holds neither records.jsonl nor records.partial.jsonl", path.display()));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_records;

    fn write(records: &[Record]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.jsonl");
        let text: String = records.iter().map(|r| r.to_json_line().unwrap()).collect();
        std::fs::write(&path, text).unwrap();
        (dir, path)
    }

    #[test]
    fn streaming_gives_what_keeping_all_gives_in_any_order() {
        let mut records = sample_records();
        let mut other = records[2].clone();
        other.ops += 1;
        records.extend([other, records[4].clone()]);
        let whole = StageSummary::from_records(&records);
        for turn in [0, 1, 5] {
            records.rotate_left(turn);
            let (_dir, path) = write(&records);
            let seen = collect(&[path]).unwrap();
            assert_eq!(seen.sections.len(), 1);
            assert_eq!(seen.sections[0].stages, whole);
            assert_eq!((seen.records, seen.repeated, seen.bad.len()), (12, 1, 0));
            assert_eq!(seen.sections[0].stages[1].conflicts, 1);
        }
    }

    #[test]
    fn each_experiment_is_a_section_of_its_own() {
        let mut records = sample_records();
        records[0].experiment = "abba".into();
        let (_dir, path) = write(&records);
        let seen = collect(&[path]).unwrap();
        let names: Vec<&str> = seen.sections.iter().map(|s| s.experiment.as_str()).collect();
        assert_eq!(names, ["abba", "ring8"]);
        assert_eq!(seen.sections[0].stages[0].label, "base");
        assert_eq!(seen.sections[1].configs["5e1f"], "(name: \"ring8\")");
    }

    #[test]
    fn of_very_many_stages_the_first_are_kept_whole_and_all_keep_their_figures() {
        let model = sample_records().remove(0);
        let stage = |i: u32| Record { stage_idx: i, stage: format!("s{i}"), ..model.clone() };
        let mut records: Vec<Record> = (0..STAGES_MAX as u32 + 9).rev().map(stage).collect();
        let (_dir, path) = write(&records);
        let seen = collect(&[path]).unwrap();
        let s = &seen.sections[0];
        assert_eq!((s.stages.len(), s.points.len(), seen.records), (STAGES_MAX, STAGES_MAX + 9, STAGES_MAX as u64 + 9));
        assert_eq!(s.stages.last().unwrap().stage_idx, STAGES_MAX as u32 - 1);
        assert!(s.points.iter().all(|p| p.runs.len() == 1));
        records.reverse();
        let (_dir, path) = write(&records);
        assert_eq!(collect(&[path]).unwrap(), seen);
    }

    #[test]
    fn damaged_lines_are_named_and_the_rest_counts() {
        let (_dir, path) = write(&sample_records());
        let mut text = std::fs::read_to_string(&path).unwrap().replacen("\"format\":1", "\"format\":9", 1);
        text.truncate(text.len() - 40);
        std::fs::write(&path, text).unwrap();
        let seen = collect(std::slice::from_ref(&path)).unwrap();
        assert_eq!(seen.records, 10);
        let lines: Vec<usize> = seen.bad.iter().map(|(_, b)| b.line).collect();
        assert_eq!(lines, [1, 12]);
        assert!(seen.bad[0].1.why.contains("format 9") && seen.bad[1].1.why.contains("cut short"));
    }
}
