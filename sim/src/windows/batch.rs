// SPDX-License-Identifier: MIT OR Apache-2.0
//! All maps of a plan: what is done already, the rest in parallel, records that survive a kill. As [`crate::batch`].

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use reports::windows::{Map, append_map, read_maps};

use super::prepare::Prepared;
use super::unit::{self, Effort};
use crate::batch::Progress;
use crate::files;
use crate::journal::{Crew, fill, finished_before};
use crate::plan::{Plan, StagePlan};

/// What a batch did.
#[derive(Clone, Debug, Default)]
pub struct Maps {
    /// All maps, stage by stage, seeds in order.
    pub maps: Vec<Map>,
    /// How many of them were found finished.
    pub reused: usize,
    /// How many were not begun, because `stop` was set; then `maps` has gaps and the journal has what was made.
    pub not_begun: usize,
    /// Damaged lines that were found and are left behind, described, with the file they were copied to.
    pub damaged: Vec<String>,
}

/// Path of the finished maps in a results folder.
#[must_use]
pub fn maps_path(dir: &Path) -> PathBuf {
    dir.join("landings.jsonl")
}

/// Path of the maps that a batch in progress has finished.
#[must_use]
pub fn journal_path(dir: &Path) -> PathBuf {
    dir.join("landings.partial.jsonl")
}

/// Makes what of the plan's maps is not in `dir` yet, and leaves all of them there. Begins none once `stop` is set.
///
/// # Errors
/// A file that cannot be read or written; what was finished stays in the journal.
pub fn run_all(
    (prepared, plan): (&Prepared, &Plan),
    effort: &Effort,
    dir: &Path,
    (threads, fresh): (usize, bool),
    stop: &AtomicBool,
    progress: Progress<'_>,
) -> Result<Maps, reports::Error> {
    let mut out = Maps::default();
    let found = finished_before([maps_path(dir), journal_path(dir)], read_maps, &mut out.damaged)?;
    let jobs: Vec<(&StagePlan, u64)> =
        plan.stages.iter().flat_map(|s| plan.seeds.iter().map(move |&seed| (s, seed))).collect();
    let options = unit::options(prepared, effort);
    let same = |m: &Map, (stage, seed): &(&StagePlan, u64)| {
        m.version == crate::VERSION
            && m.config_hash == stage.config_hash
            && m.program_hash == stage.program_hash
            && m.stage_idx == stage.idx
            && m.seed == *seed
            && m.options == options
    };
    let (mine, others): (Vec<Map>, Vec<Map>) = found.into_iter().partition(|m| jobs.iter().any(|j| same(m, j)));
    let mut slots: Vec<Option<Map>> =
        jobs.iter().map(|j| mine.iter().find(|m| !fresh && same(m, j)).cloned()).collect();
    out.reused = slots.iter().flatten().count();
    let make = |i: usize| unit::map(prepared, jobs[i].0, jobs[i].1, effort);
    let crew = Crew { threads, stop, progress };
    out.not_begun = fill(&mut slots, dir, &crew, make, |m| append_map(&journal_path(dir), m))?;
    if out.not_begun > 0 {
        return Ok(out);
    }
    out.maps = slots.into_iter().flatten().collect();
    let mut text = String::new();
    for map in others.iter().chain(&out.maps) {
        text += &map.to_json_line()?;
    }
    files::write_text(&maps_path(dir), &text)?;
    files::remove_if_there(&journal_path(dir))?;
    Ok(out)
}
