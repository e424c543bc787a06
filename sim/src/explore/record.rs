// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was found of a stage, as a JSON line, so that a second start need not search again.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

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

/// Adds a line to a file.
///
/// # Errors
/// A file that cannot be written.
pub fn append(path: &Path, row: &Row) -> Result<(), reports::Error> {
    let failed = |source| reports::Error::Write { path: path.into(), source };
    let mut line = serde_json::to_string(row).map_err(|e| failed(e.into()))?;
    line.push('\n');
    let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
    file.write_all(line.as_bytes()).and_then(|()| file.sync_data()).map_err(failed)
}

/// The rows of a file, if it is there; a line that was cut off by a kill is left out.
///
/// # Errors
/// A file that cannot be read.
pub fn read(path: &Path) -> Result<Vec<Row>, reports::Error> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(path).map_err(|source| reports::Error::Read { path: path.into(), source })?;
    Ok(text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect())
}
