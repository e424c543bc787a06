// SPDX-License-Identifier: MIT OR Apache-2.0
//! All maps of a plan: what is done already, the rest in parallel, records that survive a kill. As [`crate::batch`].

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use reports::windows::{Map, append_map, read_maps};

use super::prepare::Prepared;
use super::unit::{self, Effort};
use crate::batch::Progress;
use crate::files;
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
    /// Damaged lines that were found and are left behind, described.
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
    let found = finished_before(dir, &mut out.damaged)?;
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
    let missing: Vec<usize> = (0..jobs.len()).filter(|&i| slots[i].is_none()).collect();
    let done = Mutex::new(out.reused);
    progress(out.reused, jobs.len());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|e| reports::Error::Write { path: dir.into(), source: std::io::Error::other(e) })?;
    let results: Vec<Result<Option<(usize, Map)>, reports::Error>> = pool.install(|| {
        missing
            .into_par_iter()
            .with_max_len(1)
            .map(|i| {
                if stop.load(Ordering::Relaxed) {
                    return Ok(None);
                }
                let (stage, seed) = jobs[i];
                let map = unit::map(prepared, stage, seed, effort);
                // One writer at a time; a poisoned lock only means that another unit panicked.
                let mut state = done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                append_map(&journal_path(dir), &map)?;
                *state += 1;
                progress(*state, jobs.len());
                Ok(Some((i, map)))
            })
            .collect()
    });
    for result in results {
        let Some((i, map)) = result? else { continue };
        slots[i] = Some(map);
    }
    out.not_begun = slots.iter().filter(|s| s.is_none()).count();
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

/// All finished maps of a folder, each once. A file with damaged lines is copied aside before it is written again.
fn finished_before(dir: &Path, damaged: &mut Vec<String>) -> Result<Vec<Map>, reports::Error> {
    let mut all: Vec<Map> = Vec::new();
    for path in [maps_path(dir), journal_path(dir)] {
        if !path.exists() {
            continue;
        }
        let (maps, bad) = read_maps(&path)?;
        for map in maps {
            if !all.contains(&map) {
                all.push(map);
            }
        }
        if !bad.is_empty() {
            files::copy_aside(&path)?;
        }
        damaged.extend(bad.iter().map(|b| format!("{}:{}: {}", path.display(), b.line, b.why)));
    }
    Ok(all)
}
