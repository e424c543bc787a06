// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading many records for a report without keeping them: each goes into the summary of its stage as it is read.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::journal::{BadLine, each_line, parse};
use crate::record::Record;
use crate::stage::{StageSummary, label, least};

/// The stages of one experiment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// Name of the experiment.
    pub experiment: String,
    /// Its stages, in order.
    pub stages: Vec<StageSummary>,
    /// Expanded configurations by their hash, each as in the run of the least seed.
    pub configs: BTreeMap<String, String>,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collection {
    /// An entry for each experiment, by name.
    pub sections: Vec<Section>,
    /// Records that count.
    pub records: u64,
    /// Records left out because they are there twice, word by word.
    pub repeated: u64,
    /// Lines that are no usable record, with their files.
    pub bad: Vec<(PathBuf, BadLine)>,
}

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
    /// Digest of the line that counts, by stage and seed.
    seen: BTreeMap<Key, BTreeMap<u64, u64>>,
    /// The text by experiment and hash, with the run's seed: texts of one hash differ by their seeds.
    configs: BTreeMap<(String, String), (u64, String)>,
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
        let config = (record.experiment.clone(), record.config_hash.clone());
        let known = self.configs.entry(config).or_insert_with(|| (record.seed, record.config.clone()));
        if (record.seed, &record.config) < (known.0, &known.1) {
            *known = (record.seed, record.config.clone());
        }
        self.stages.entry(key).or_insert_with(|| StageSummary::empty(record)).add(record);
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
        let section = sections.entry(stage.experiment.clone()).or_default();
        section.experiment.clone_from(&stage.experiment);
        section.stages.push(stage);
    }
    for ((experiment, hash), (_, config)) in reading.configs {
        if let Some(section) = sections.get_mut(&experiment) {
            section.configs.insert(hash, config);
        }
    }
    let mut sections: Vec<Section> = sections.into_values().collect();
    sections.iter_mut().for_each(|s| label(&mut s.stages));
    Ok(Collection { sections, records, repeated: reading.repeated, bad })
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
    let names = ["records.jsonl", "records.partial.jsonl"];
    let files: Vec<PathBuf> = names.iter().map(|n| path.join(n)).filter(|p| p.is_file()).collect();
    if files.is_empty() {
        return Err(format!("{} holds neither {} nor {}", path.display(), names[0], names[1]));
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
