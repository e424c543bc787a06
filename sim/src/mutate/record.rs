// SPDX-License-Identifier: MIT OR Apache-2.0
//! What became of a mutant, as a JSON line, and the tables.

use std::fmt::Write;
use std::path::Path;

use reports::{BadLine, Error, append_line, read_lines};
use serde::{Deserialize, Serialize};

use super::make::Kind;

/// A violation that the program without the mistake has not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caught {
    /// The property, and which way it does not hold.
    pub property: String,
    /// What is wrong, in a sentence.
    pub what: String,
    /// Most interrupts in a run of the search that found it: the fewest with which one does.
    pub interrupts: u8,
    /// Steps of a shortest path to it; none for what no path shows.
    pub steps: Option<usize>,
    /// The path, a line per step.
    pub story: Vec<String>,
}

/// A mutant and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Version of the program that tried it.
    pub version: String,
    /// What was tried: hashes of experiment and program, the size, the place and the mistake.
    pub key: String,
    /// The experiment's title.
    pub experiment: String,
    /// Stage.
    pub stage: String,
    /// File of the program text.
    pub file: String,
    /// Line in it, from 1.
    pub line: u32,
    /// The line.
    pub text: String,
    /// Nearest label, and micro-ops behind it.
    pub place: String,
    /// The micro-op's number.
    pub pc: u32,
    /// Kind of mistake.
    pub kind: String,
    /// The mistake in words.
    pub mistake: String,
    /// Caught by going through every interleaving: the violations, nearest first.
    pub explore: Vec<Caught>,
    /// Caught by the oracle: what is wrong, and in how many runs.
    pub oracle: Vec<(String, u64)>,
    /// Timed runs.
    pub runs: u64,
    /// States of the largest search; 0 if none was needed.
    pub states: usize,
    /// What does not catch it, and why: one of [`WHYS`] and, for some, in what it shows.
    pub why: Option<(String, String)>,
}

/// Why a mutant is not caught.
pub const WHYS: [&str; 5] = [NO_OP, NOT_REACHED, SAME, HARMLESS, NO_VERDICT];
/// The memory model has this order anyway.
pub(super) const NO_OP: &str = "no-op on this model";
/// No explored path executes the micro-op, or takes the branch the other way.
pub(super) const NOT_REACHED: &str = "not reached";
/// Verdicts, errors told and memory at the end are the same.
pub(super) const SAME: &str = "same outcomes";
/// Something differs, and breaks no property.
pub(super) const HARMLESS: &str = "differs, breaks nothing";
/// The search did not finish.
pub(super) const NO_VERDICT: &str = "not searched to the end";

impl Record {
    /// `both`, `explore`, `oracle` or `nothing`.
    #[must_use]
    pub fn caught_by(&self) -> &'static str {
        match (self.explore.is_empty(), self.oracle.is_empty()) {
            (false, false) => "both",
            (false, true) => "explore",
            (true, false) => "oracle",
            (true, true) => "nothing",
        }
    }

    fn how(&self) -> String {
        let mut parts = Vec::new();
        if let Some(c) = self.explore.first() {
            let steps = c.steps.map_or_else(String::new, |s| format!(", {s} steps"));
            let with = match (c.interrupts, c.steps) {
                (0, _) => String::new(),
                (1, _) => ", 1 interrupt".to_owned(),
                (n, _) => format!(", {n} interrupts"),
            };
            let others =
                if self.explore.len() > 1 { format!(" (and {} more)", self.explore.len() - 1) } else { String::new() };
            parts.push(format!("{}{steps}{with}{others}", c.property));
        }
        if !self.oracle.is_empty() {
            let list: Vec<String> = self.oracle.iter().map(|(w, n)| format!("{w} {n}/{}", self.runs)).collect();
            parts.push(format!("oracle: {}", list.join(", ")));
        }
        if let Some((why, more)) = &self.why {
            parts.push(if more.is_empty() { why.clone() } else { format!("{why}: {more}") });
        }
        parts.join("; ")
    }
}

/// Adds a record to a file.
///
/// # Errors
/// As [`reports::append_record`].
pub fn append(path: &Path, record: &Record) -> Result<(), Error> {
    append_line(path, serde_json::to_string(record)? + "\n")
}

/// The records of a file, if it is there, and the lines that are none.
///
/// # Errors
/// As [`reports::read_records`].
pub fn read(path: &Path) -> Result<(Vec<Record>, Vec<BadLine>), Error> {
    if !path.exists() {
        return Ok((Vec::new(), Vec::new()));
    }
    read_lines(path, |text| serde_json::from_str(text).map_err(|e| e.to_string().replace("line 1 column", "column")))
}

/// A row per kind of mistake: how many were caught by what, and why the others were not.
#[must_use]
pub fn summary(records: &[Record]) -> String {
    let mut out = String::from("| mistake | mutants | both | explore | oracle | nothing |");
    WHYS.iter().for_each(|w| write!(out, " {w} |").expect("writing to a string cannot fail"));
    out += "\n|---|---:|---:|---:|---:|---:|";
    WHYS.iter().for_each(|_| out += "---:|");
    out.push('\n');
    let mut row = |name: &str, of: Vec<&Record>| {
        let by = |what: &str| of.iter().filter(|r| r.caught_by() == what).count();
        out += &format!(
            "| {name} | {} | {} | {} | {} | {} |",
            of.len(),
            by("both"),
            by("explore"),
            by("oracle"),
            by("nothing")
        );
        for why in WHYS {
            let nothing = of.iter().filter(|r| r.caught_by() == "nothing");
            let n = nothing.filter(|r| r.why.as_ref().is_some_and(|w| w.0 == why)).count();
            out += &format!(" {n} |");
        }
        out.push('\n');
    };
    for kind in Kind::ALL {
        let of: Vec<&Record> = records.iter().filter(|r| r.kind == kind.name()).collect();
        if !of.is_empty() {
            row(kind.name(), of);
        }
    }
    row("all", records.iter().collect());
    out
}

/// A row per mutant, in the order of the program.
#[must_use]
pub fn table(records: &[Record]) -> String {
    let mut out = String::from("| line | program | mistake | caught by | how, or why not |\n|---:|---|---|---|---|\n");
    for r in records {
        let text = r.text.replace('|', "\\|");
        let cells = [r.line.to_string(), format!("`{text}`"), r.mistake.clone(), r.caught_by().to_owned(), r.how()];
        out += &format!("| {} |\n", cells.join(" | "));
    }
    out
}
