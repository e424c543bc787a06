// SPDX-License-Identifier: MIT OR Apache-2.0
//! All runs of a plan: what is done already, the rest in parallel, records that survive a kill.
//!
//! While runs finish, records go to `records.partial.jsonl` as they come. When all are there, they
//! are written in plan order to `records.jsonl` (a new file, renamed into place), whose bytes
//! therefore do not depend on threads, and the journal is removed. A second start reads both.
//! Records of other stages, seeds, experiments or builds found there stay, before those of the plan.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use reports::{Record, append_record, read_records};

use crate::files;
use crate::journal::{Crew, fill, finished_before};
use crate::plan::{Plan, StagePlan};
use crate::run::run;

/// How to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HowToRun {
    /// Worker threads, at least 1.
    pub threads: usize,
    /// Without shortcuts. Records found are not used then.
    pub exact: bool,
    /// Do not use records found.
    pub fresh: bool,
}

/// What a batch did.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// All records, stage by stage, seeds in order.
    pub records: Vec<Record>,
    /// How many of them were found finished.
    pub reused: usize,
    /// Events handled by the runs made now.
    pub events: u64,
    /// How many finished records of other runs were found and kept beside them.
    pub kept: usize,
    /// Damaged lines that were found and are left behind, described, with the file they were copied to.
    pub damaged: Vec<String>,
    /// Runs that were not begun because the batch was told to stop; 0 if all are there.
    pub not_begun: usize,
}

/// Called after each run: finished runs so far (found ones included), of how many.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Path of the finished records in a results folder.
#[must_use]
pub fn records_path(dir: &Path) -> PathBuf {
    dir.join("records.jsonl")
}

/// Path of the records that are finished while others are not.
#[must_use]
pub fn journal_path(dir: &Path) -> PathBuf {
    dir.join("records.partial.jsonl")
}

/// Identifies a run whose result cannot differ.
fn same_run(r: &Record, stage: &StagePlan, seed: u64) -> bool {
    r.version == crate::VERSION
        && r.config_hash == stage.config_hash
        && r.program_hash == stage.program_hash
        && r.stage_idx == stage.idx
        && r.seed == seed
}

/// Runs what of the plan is not in `dir` yet, and leaves all its records there.
///
/// # Errors
/// A file that cannot be read or written; what was finished stays in the journal.
pub fn run_all(plan: &Plan, dir: &Path, how: HowToRun, progress: Progress<'_>) -> Result<Batch, reports::Error> {
    run_until(plan, dir, how, progress, &AtomicBool::new(false))
}

/// Runs as [`run_all`] does, but begins no run once `stop` is set. If some are missing then, what is finished stays in the journal
/// (or wherever it was found), where a second start finds it.
///
/// # Errors
/// As [`run_all`].
pub fn run_until(
    plan: &Plan,
    dir: &Path,
    how: HowToRun,
    progress: Progress<'_>,
    stop: &AtomicBool,
) -> Result<Batch, reports::Error> {
    let mut batch = Batch::default();
    let found = finished_before([records_path(dir), journal_path(dir)], read_records, &mut batch.damaged)?;
    let jobs: Vec<(&StagePlan, u64)> =
        plan.stages.iter().flat_map(|s| plan.seeds.iter().map(move |&seed| (s, seed))).collect();
    let ours = |r: &Record| jobs.iter().any(|(s, seed)| same_run(r, s, *seed));
    let (mine, others): (Vec<Record>, Vec<Record>) = found.into_iter().partition(ours);
    let again = how.exact || how.fresh;
    let mut slots: Vec<Option<Record>> =
        jobs.iter().map(|(s, seed)| mine.iter().find(|r| !again && same_run(r, s, *seed)).cloned()).collect();
    batch.kept = others.len();
    batch.reused = slots.iter().flatten().count();
    let events = AtomicU64::new(0);
    let make = |i: usize| {
        let (stage, seed) = jobs[i];
        let finished = run(&plan.loaded, stage, seed, how.exact);
        events.fetch_add(finished.events, Ordering::Relaxed);
        finished.record
    };
    let crew = Crew { threads: how.threads, stop, progress };
    batch.not_begun = fill(&mut slots, dir, &crew, make, |r| append_record(&journal_path(dir), r))?;
    batch.events = events.into_inner();
    batch.records = slots.into_iter().flatten().collect();
    if batch.not_begun > 0 {
        return Ok(batch);
    }
    let all: Vec<Record> = others.into_iter().chain(batch.records.iter().cloned()).collect();
    files::write_records(&records_path(dir), &all)?;
    files::remove_if_there(&journal_path(dir))?;
    Ok(batch)
}

/// A digest of what a run measured: of its record without the texts and hashes that tell builds,
/// experiment files and sweeps apart. Equal digests mean equal results.
#[must_use]
pub fn digest(record: &Record) -> String {
    let mut bare = record.clone();
    for text in [&mut bare.version, &mut bare.config_hash, &mut bare.program_hash, &mut bare.config] {
        text.clear();
    }
    bare.sweep = None;
    crate::plan::hash(&bare.to_json_line().unwrap_or_default())
}
