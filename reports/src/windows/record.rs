// SPDX-License-Identifier: MIT OR Apache-2.0
//! The record of a landing map: one stage with one seed, on one line of JSON.
//!
//! Every number is an integer, so a map that is made again gives the same bytes.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::journal::{BadLine, append_line, read_lines};

/// The format this version writes, and the only one it reads.
pub const FORMAT: u32 = 2;

/// What can become of a landing.
pub mod outcomes {
    /// No error.
    pub const OK: &str = "ok";
    /// It was held back until the end.
    pub const NOT_TAKEN: &str = "not taken";
    /// EDEADLK that kept a deadlock from forming.
    pub const AVOIDED: &str = "avoided";
    /// EDEADLK in a deadlock.
    pub const DETECTED: &str = "detected";
    /// An error to somebody whose deadlock another one has just ended.
    pub const LATE: &str = "late";
    /// An error to somebody behind a deadlock.
    pub const BEHIND: &str = "behind";
    /// EDEADLK without a deadlock.
    pub const FALSE: &str = "false";
    /// ETIMEDOUT without a deadlock.
    pub const TIMED_OUT: &str = "timed out";
    /// ETIMEDOUT in a deadlock that nobody noticed.
    pub const MISSED: &str = "missed";
    /// Some context never goes on.
    pub const HANG: &str = "hang";
    /// An invariant is broken.
    pub const VIOLATION: &str = "violation";
    /// All of them, from good to bad. A landing counts as the worst that applies.
    pub const ORDER: [&str; 11] =
        [OK, NOT_TAKEN, AVOIDED, DETECTED, LATE, BEHIND, FALSE, TIMED_OUT, MISSED, HANG, VIOLATION];

    /// What they mean, in the same order.
    pub const MEANINGS: [&str; 11] = [
        "no error",
        "held back until the end",
        "EDEADLK that kept a deadlock from forming",
        "EDEADLK in a deadlock",
        "an error to somebody whose deadlock another one has just ended",
        "an error to somebody behind a deadlock",
        "EDEADLK without a deadlock",
        "ETIMEDOUT without a deadlock",
        "ETIMEDOUT in a deadlock that nobody noticed",
        "some context never goes on",
        "an invariant is broken",
    ];
}

/// Landings by what rates are given for; or the cycles of their visits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// Some attempt ended with ETIMEDOUT.
    pub timed_out: u64,
    /// A hang or a broken invariant.
    pub hung: u64,
    /// The handler took longer than the threshold.
    pub long: u64,
    /// EDEADLK where there was no deadlock.
    pub refused: u64,
}

impl Events {
    /// What of these `other` has not.
    #[must_use]
    pub fn without(&self, other: &Events) -> Events {
        Events {
            timed_out: self.timed_out.saturating_sub(other.timed_out),
            hung: self.hung.saturating_sub(other.hung),
            long: self.long.saturating_sub(other.long),
            refused: self.refused.saturating_sub(other.refused),
        }
    }

    /// `n` times `other` is added.
    pub fn add(&mut self, other: &Events, n: u64) {
        self.timed_out += other.timed_out * n;
        self.hung += other.hung * n;
        self.long += other.long * n;
        self.refused += other.refused * n;
    }
}

/// Landings at one boundary that ended alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Result {
    /// One of [`outcomes`].
    pub outcome: String,
    /// Who found the errors behind it, joined by `+`; empty without any.
    pub detectors: String,
    /// How many.
    pub landings: u64,
    /// Time in the handler, all landings together, ns; of one that never returns until the run was given up.
    pub handler_ns: u64,
    /// The longest.
    pub handler_max_ns: u64,
    /// Time that all other cores spent waiting for locks while it was served, all landings together, ns.
    pub others_ns: u64,
    /// The longest.
    pub others_max_ns: u64,
}

/// A boundary of the program: a place at which interrupts land.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boundary {
    /// Nearest label and distance from it in micro-ops.
    pub place: String,
    /// Source text it is in.
    pub source: String,
    /// Line in it, from 1.
    pub line: u32,
    /// That line, without blanks around it and without its comment.
    pub text: String,
    /// Kind of context.
    pub context: String,
    /// Not before the micro-op but within it, where it waits.
    pub within: bool,
    /// Times the cores came to it.
    pub visits: u64,
    /// Time in which interrupts arrive that land here, all visits together, cycles.
    pub cycles: u64,
    /// The same by 20 equal parts of the run; empty if [`Map::running`] is.
    pub batches: Vec<u64>,
    /// Landings made, the pilot's included.
    pub landings: u64,
    /// Landings of the pilot, which say how many more there are and count for no rate.
    pub pilot: u64,
    /// Those of them with an event.
    pub pilot_events: Events,
    /// Every visit was landed on; else landings are instants drawn from `cycles`.
    pub every_visit: bool,
    /// Landings with an event, without the pilot's; if every visit was landed on, cycles of the visits with one.
    pub events: Events,
    /// How landings ended.
    pub results: Vec<Result>,
}

/// Time of the interrupted cores by what became of it, cycles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Time {
    /// At the boundaries of the record.
    pub path: u64,
    /// At others, where nothing was made to land.
    pub elsewhere: u64,
    /// In handlers that hold the interrupt back.
    pub blocked: u64,
    /// Asleep or without a task.
    pub asleep: u64,
}

/// A run of two landings with an event that neither of them has alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairHit {
    /// How long the first alone left the machine armed, cycles; the second came in that time.
    pub armed: u64,
    /// Cores that the second could have come to.
    pub others: u64,
    /// The events.
    pub events: Events,
}

/// Pairs that count for rates, of one boundary for the first: the second comes to another core while the machine is armed, that is, from the
/// first one's arrival to its handler's return, as long as there is no deadlock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairStratum {
    /// As for a boundary.
    pub place: String,
    /// As for a boundary.
    pub context: String,
    /// As for a boundary.
    pub within: bool,
    /// The second comes while the handler waits for somebody; else while it is entered or runs.
    pub waits: bool,
    /// Time in which arrivals land here and leave the machine armed, cycles.
    pub cycles: u64,
    /// The longest that it was armed, cycles.
    pub longest: u64,
    /// Cores that the second comes to, at most.
    pub others: u64,
    /// Runs.
    pub runs: u64,
    /// Those with an event.
    pub hits: Vec<PairHit>,
}

/// Two landings in one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// Where the first landed.
    pub first: String,
    /// Where the second landed, on its core.
    pub second: String,
    /// One of [`outcomes`].
    pub outcome: String,
    /// Who found the errors behind it.
    pub detectors: String,
    /// How many.
    pub landings: u64,
    /// Sum over the landings of the time the first one's handler took when it was alone, ns: in which a second one can come.
    pub armed_ns: u64,
    /// The longest handler of the two, ns.
    pub handler_max_ns: u64,
    /// As for a boundary.
    pub events: Events,
}

/// What was tried with two interrupts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Second {
    /// The second one comes to the core of the first; else to another.
    pub same_core: bool,
    /// Name of the second interrupt.
    pub interrupt: String,
    /// Runs allowed.
    pub budget: u64,
    /// Runs made.
    pub used: u64,
    /// Boundaries at which the first could land, and those at which it did.
    pub boundaries: u64,
    /// See `boundaries`.
    pub covered: u64,
    /// What became of them.
    pub pairs: Vec<Pair>,
    /// What counts for rates.
    pub strata: Vec<PairStratum>,
}

/// A boundary at which time-outs are rare, with splitting on the age of the oldest wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// As for a boundary.
    pub place: String,
    /// As for a boundary.
    pub context: String,
    /// As for a boundary.
    pub within: bool,
    /// As for a boundary.
    pub cycles: u64,
    /// Age at which the first waits give up, cycles.
    pub limit: u64,
    /// Branches with other random numbers end differently; else there is nothing to split.
    pub random: bool,
    /// Branches at each level.
    pub branches: u64,
    /// Levels, ages in cycles; the last one stands for the time-out.
    pub levels: Vec<u64>,
    /// `[repetition][level]`: branches that reached it; cut off behind the first that none did.
    pub reached: Vec<Vec<u64>>,
}

/// The landing map of one stage with one seed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Map {
    /// Always [`FORMAT`].
    pub format: u32,
    /// What this is a record of: `landing map`.
    pub record: String,
    /// Version of rqsim that made it.
    pub version: String,
    /// Name of the experiment.
    pub experiment: String,
    /// Name of the stage.
    pub stage: String,
    /// Place of the stage in its experiment, from 0.
    pub stage_idx: u32,
    /// Name of the lock's program.
    pub lock: String,
    /// Name of the machine.
    pub machine: String,
    /// What the patches apply to; empty if there are no such bases.
    pub base: String,
    /// Patches applied.
    pub patches: Vec<String>,
    /// Seed.
    pub seed: u64,
    /// Hash of `config`.
    pub config_hash: String,
    /// Hash of the assembled program.
    pub program_hash: String,
    /// The experiment with every default written out, its interrupt silenced.
    pub config: String,
    /// What was asked for: part of the program, numbers of landings.
    pub options: String,
    /// Name of the interrupt that was made to land.
    pub interrupt: String,
    /// Kind of its context.
    pub vector: String,
    /// Part of the program, in words.
    pub path: String,
    /// kHz.
    pub clock_khz: u64,
    /// Cores of the machine.
    pub cpus: u32,
    /// Cores that are interrupted.
    pub interrupted: u32,
    /// Simulated time from which boundaries were taken.
    pub simulated_ns: u64,
    /// Handlers longer than this are counted as long.
    pub long_over_ns: u64,
    /// Attempts of tasks on the interrupted cores to take a lock.
    pub attempts: u64,
    /// Where the time of the interrupted cores went.
    pub time: Time,
    /// Time in which the interrupted cores ran and could be interrupted, by 20 equal parts of the run, cycles. Empty if they did not
    /// do so to its end.
    pub running: Vec<u64>,
    /// Errors of the workload itself, without any landing: outcomes of landings have such errors in them, too.
    pub own_errors: u64,
    /// Forks that were run.
    pub forks: u64,
    /// Digest of the machine that was forked, at its end.
    pub parent: String,
    /// The map, in the order of the program.
    pub boundaries: Vec<Boundary>,
    /// Two interrupts, if asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<Second>,
    /// Where time-outs were looked for by splitting, if asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub splits: Vec<Split>,
}

/// What [`Map::record`] says.
pub const KIND: &str = "landing map";

impl Map {
    /// As one line with its line feed.
    ///
    /// # Errors
    /// Only if the JSON writer fails; no value of a map can make it.
    pub fn to_json_line(&self) -> std::result::Result<String, serde_json::Error> {
        serde_json::to_string(self).map(|line| line + "\n")
    }

    /// What contradicts itself, in words.
    fn check(&self) -> std::result::Result<(), String> {
        let path: u64 = self.boundaries.iter().map(|b| b.cycles).sum();
        if path != self.time.path {
            return Err(format!("boundaries have {path} cycles together, the path {}", self.time.path));
        }
        for b in &self.boundaries {
            if b.batches.len() != self.running.len() || b.pilot > b.landings {
                return Err(format!("parts of the run or landings of the pilot at {} do not fit", b.place));
            }
            if b.results.iter().map(|r| r.landings).sum::<u64>() != b.landings {
                return Err(format!("landings at {} are not those of their results", b.place));
            }
        }
        Ok(())
    }
}

/// Appends a map to a file, as [`crate::append_record`] does.
///
/// # Errors
/// As there.
pub fn append_map(path: &Path, map: &Map) -> std::result::Result<(), Error> {
    append_line(path, map.to_json_line()?)
}

/// Reads maps, as [`crate::read_records`] does.
///
/// # Errors
/// As there.
pub fn read_maps(path: &Path) -> std::result::Result<(Vec<Map>, Vec<BadLine>), Error> {
    read_lines(path, |line| {
        let map: Map = serde_json::from_str(line).map_err(|e| e.to_string().replace("line 1 column", "column"))?;
        if map.format != FORMAT || map.record != KIND {
            return Err(format!("format {} of a {:?}, this version reads format {FORMAT}", map.format, map.record));
        }
        map.check()?;
        Ok(map)
    })
}
