// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was found of a stage, as a JSON line, so that a second start need not search again.

use std::path::Path;

use reports::{BadLine, Error, append_line, read_lines};
use serde::{Deserialize, Serialize};

use super::Property;

/// A property that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Its name.
    pub property: String,
    /// Which way it does not hold, or the detector whose doing it is, where there are several.
    pub by: Option<String>,
    /// What is wrong, in a sentence.
    pub what: String,
    /// States or steps that show it.
    pub count: usize,
    /// A shortest path to it, a line per step.
    pub story: Vec<String>,
    /// The same path as columns.
    pub columns: Vec<String>,
}

/// What was found of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Version of the program that searched.
    pub version: String,
    /// What was searched: hashes of experiment and program, and the size.
    pub key: String,
    /// The experiment's title.
    pub experiment: String,
    /// Stage.
    pub stage: String,
    /// Base, if the program has bases.
    pub base: Option<String>,
    /// Patches of the stage.
    pub patches: Vec<String>,
    /// `complete`, or why it is not.
    pub end: String,
    /// Distinct states.
    pub states: usize,
    /// Of these, visited.
    pub visited: usize,
    /// Steps between them.
    pub steps: usize,
    /// Memory used, bytes, about.
    pub bytes: usize,
    /// Time the search and its evaluation took; differs from run to run.
    pub seconds: f64,
    /// The experiment's critical sections count, so that a lost update shows.
    pub counted: bool,
    /// By which deadlines attempts can end: their own, or that of a waiter before them.
    pub told: Vec<String>,
    /// After a search that did not finish: registers and words with many values, and how many.
    pub growth: Vec<(String, usize)>,
    /// What does not hold.
    pub violations: Vec<Violation>,
}

impl Row {
    /// A property's verdict in a word or two: `yes`, `NO` with the ways or detectors, or `?`.
    #[must_use]
    pub fn verdict(&self, property: &str) -> String {
        let broken: Vec<&Violation> = self.violations.iter().filter(|v| v.property == property).collect();
        let by: Vec<&str> = broken.iter().filter_map(|v| v.by.as_deref()).collect();
        match (broken.is_empty(), by.is_empty()) {
            (true, _) if !self.counted && property == Property::Updates.name() => "-".into(),
            (true, _) if self.is_complete() => "yes".into(),
            (true, _) => "?".into(),
            (false, true) => "NO".into(),
            (false, false) => format!("NO: {}", by.join(", ")),
        }
    }

    /// True if every reachable state was visited.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.end == "complete"
    }
}

/// Adds a row to a file, as [`reports::append_record`] does.
///
/// # Errors
/// As there.
pub fn append(path: &Path, row: &Row) -> Result<(), Error> {
    append_line(path, serde_json::to_string(row)? + "\n")
}

/// The rows of a file, if it is there, and the lines that are none, as [`reports::read_records`] does.
///
/// # Errors
/// As there.
pub fn read(path: &Path) -> Result<(Vec<Row>, Vec<BadLine>), Error> {
    if !path.exists() {
        return Ok((Vec::new(), Vec::new()));
    }
    read_lines(path, |text| serde_json::from_str(text).map_err(|e| e.to_string().replace("line 1 column", "column")))
}
