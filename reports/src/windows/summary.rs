// SPDX-License-Identifier: MIT OR Apache-2.0
//! Maps merged: seeds of a stage into boundaries, boundaries into program lines.

use std::collections::BTreeMap;

use super::rates::{DRAWS, Stratum, Sum, weighted_count, weighted_sum};
use super::record::{Boundary, Events, Map, PairStratum, outcomes};

/// What a rate is given for: name, what it means, its count.
pub struct Event {
    /// Name on the command line and in tables.
    pub name: &'static str,
    /// In words.
    pub title: &'static str,
    /// The count.
    pub of: fn(&Events) -> u64,
}

/// All of them.
pub const EVENTS: [Event; 4] = [
    Event { name: "timeout", title: "some attempt timed out", of: |e| e.timed_out },
    Event { name: "long", title: "handler over the threshold", of: |e| e.long },
    Event { name: "false", title: "EDEADLK without a deadlock", of: |e| e.refused },
    Event { name: "hang", title: "hang or broken invariant", of: |e| e.hung },
];

/// A program line: source and number.
pub type LineKey = (String, u32);

/// What became of landings at the boundaries of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineRow {
    /// The text.
    pub text: String,
    /// The procedure.
    pub procedure: String,
    /// Contexts that were interrupted there.
    pub contexts: Vec<String>,
    /// Visits of its boundaries, and cycles.
    pub visits: u64,
    /// Time in which arrivals land there.
    pub cycles: u64,
    /// Landings made.
    pub landings: u64,
    /// Landings by outcome and detectors.
    pub endings: BTreeMap<(String, String), u64>,
    /// The longest handler, ns.
    pub handler_max_ns: u64,
    /// The longest wait of the other cores together, ns.
    pub others_max_ns: u64,
}

impl LineRow {
    /// The worst outcome, as place in [`outcomes::ORDER`].
    #[must_use]
    pub fn worst(&self) -> usize {
        let rank = |o: &String| outcomes::ORDER.iter().position(|x| x == o).unwrap_or(outcomes::ORDER.len());
        self.endings.keys().map(|(o, _)| rank(o)).max().unwrap_or(0)
    }

    /// The worst outcome; the last of [`outcomes::ORDER`] for one of another version.
    #[must_use]
    pub fn worst_name(&self) -> &'static str {
        outcomes::ORDER[self.worst().min(outcomes::ORDER.len() - 1)]
    }

    /// Outcomes with their shares, worst first: `missed 3/4 (abba)`.
    #[must_use]
    pub fn endings_text(&self, with_detectors: bool) -> String {
        let mut by: BTreeMap<usize, (u64, Vec<&str>)> = BTreeMap::new();
        for ((outcome, detectors), n) in &self.endings {
            let rank = outcomes::ORDER.iter().position(|x| x == outcome).unwrap_or(0);
            let entry = by.entry(rank).or_default();
            entry.0 += n;
            entry.1.extend(detectors.split('+').filter(|d| !d.is_empty()));
        }
        let one = |(rank, (n, detectors)): (&usize, &(u64, Vec<&str>))| {
            let mut detectors = detectors.clone();
            detectors.sort_unstable();
            detectors.dedup();
            let share = if *n == self.landings { String::new() } else { format!(" {n}/{}", self.landings) };
            let who = if detectors.is_empty() || !with_detectors {
                String::new()
            } else {
                format!(" ({})", detectors.join(", "))
            };
            format!("{}{share}{who}", outcomes::ORDER[*rank])
        };
        by.iter().rev().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// All maps of a stage.
#[derive(Clone, Debug)]
pub struct StageMap<'a> {
    /// Name.
    pub name: String,
    /// Place in the experiment.
    pub idx: u32,
    /// The maps, one for each seed.
    pub maps: Vec<&'a Map>,
    /// Program lines.
    pub lines: BTreeMap<LineKey, LineRow>,
}

/// How often interrupts come, and what is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrivals {
    /// Per second and core, while the core runs.
    pub per_second: f64,
    /// Attempts to take a lock per second and core, if not those of the map.
    pub locks_per_second: Option<f64>,
}

/// The rate of one event in one stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Per interrupt that arrives while the core runs.
    pub probability: Sum,
    /// Per hour of the whole machine.
    pub per_hour: Sum,
}

/// The rate of an event that two interrupts cause and neither causes alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairRate {
    /// Per hour of the whole machine.
    pub per_hour: Sum,
    /// Runs that count for it.
    pub runs: u64,
    /// Share of what a second interrupt has to hit that some run tried.
    pub covered: f64,
}

/// Why there is no rate: what is wrong, what to do.
pub type NoRate = (String, String);

impl<'a> StageMap<'a> {
    /// The maps of each stage together, stages in order.
    #[must_use]
    pub fn from_maps(maps: &'a [Map]) -> Vec<StageMap<'a>> {
        let mut stages: BTreeMap<u32, Vec<&Map>> = BTreeMap::new();
        for map in maps {
            stages.entry(map.stage_idx).or_default().push(map);
        }
        stages.into_iter().map(|(idx, maps)| StageMap::new(idx, maps)).collect()
    }

    fn new(idx: u32, maps: Vec<&'a Map>) -> StageMap<'a> {
        let mut lines: BTreeMap<LineKey, LineRow> = BTreeMap::new();
        for b in maps.iter().flat_map(|m| &m.boundaries) {
            let row = lines.entry((b.source.clone(), b.line)).or_default();
            row.text.clone_from(&b.text);
            row.procedure = b.place.split(['.', '+']).next().unwrap_or_default().to_owned();
            if !row.contexts.contains(&b.context) {
                row.contexts.push(b.context.clone());
            }
            row.visits += b.visits;
            row.cycles += b.cycles;
            row.landings += b.landings;
            for r in &b.results {
                *row.endings.entry((r.outcome.clone(), r.detectors.clone())).or_default() += r.landings;
                row.handler_max_ns = row.handler_max_ns.max(r.handler_max_ns);
                row.others_max_ns = row.others_max_ns.max(r.others_max_ns);
            }
        }
        StageMap { name: maps[0].stage.clone(), idx, maps, lines }
    }

    /// Cycles in which the interrupted cores ran and could have been interrupted.
    #[must_use]
    pub fn running(&self) -> u64 {
        self.maps.iter().map(|m| m.time.path + m.time.elsewhere).sum()
    }

    /// Share of that time in which arrivals land on a line.
    #[must_use]
    pub fn share(&self, line: &LineRow) -> f64 {
        line.cycles as f64 / self.running().max(1) as f64
    }

    /// Share of that time that was visited.
    #[must_use]
    pub fn covered(&self) -> f64 {
        let path: u64 = self.maps.iter().map(|m| m.time.path).sum();
        path as f64 / self.running().max(1) as f64
    }

    /// Landings made.
    #[must_use]
    pub fn landings(&self) -> u64 {
        self.maps.iter().flat_map(|m| &m.boundaries).map(|b| b.landings).sum()
    }

    /// Every visit of every boundary was landed on; waits at drawn instants.
    #[must_use]
    pub fn is_enumerated(&self) -> bool {
        let mut all = self.maps.iter().flat_map(|m| &m.boundaries).filter(|b| b.cycles > 0);
        all.all(|b| b.every_visit || b.within)
    }

    /// How often an event comes of a second interrupt on another core while the first one is served and there is no deadlock; nothing where no
    /// such pairs were run.
    #[must_use]
    pub fn pair_rate(&self, event: &Event, arrivals: &Arrivals) -> Option<PairRate> {
        let strata = |m: &&'a Map| m.second.as_ref().filter(|s| !s.same_core).map(|s| &s.strata);
        let all: Vec<_> = self.maps.iter().filter_map(strata).flatten().collect();
        let per_hour = self.per_hour(arrivals)?;
        self.maps.iter().find_map(|m| m.second.as_ref().filter(|s| !s.same_core))?;
        let khz = self.maps[0].clock_khz as f64;
        let comes = |armed: u64| -(-arrivals.per_second * armed as f64 / (khz * 1e3)).exp_m1();
        let scale = self.scale(arrivals) * per_hour / self.running().max(1) as f64;
        let weight = |cycles: u64, runs: u64, others: u64, armed: u64| {
            scale * cycles as f64 / runs as f64 * others as f64 * comes(armed)
        };
        let tried = || all.iter().filter(|s| s.runs > 0);
        let hits = tried().flat_map(|s| s.hits.iter().filter(|h| (event.of)(&h.events) > 0).map(move |h| (s, h)));
        let weights: Vec<f64> = hits.map(|(s, h)| weight(s.cycles, s.runs, h.others, h.armed)).collect();
        let heaviest = tried().map(|s| weight(s.cycles, s.runs, s.others, s.longest)).fold(0.0, f64::max);
        let target = |s: &&PairStratum| s.cycles as f64 * comes(s.longest);
        let covered = tried().map(&target).sum::<f64>();
        let whole: f64 = all.iter().map(target).sum();
        Some(PairRate {
            per_hour: weighted_count(&weights, heaviest),
            runs: tried().map(|s| s.runs).sum(),
            covered: if whole > 0.0 { covered / whole } else { 1.0 },
        })
    }

    /// Arrivals per hour of the whole machine, if cores ran at all.
    fn per_hour(&self, arrivals: &Arrivals) -> Option<f64> {
        // A rate of locks is one of running cores; else the cores run as much as they did.
        let interrupted = f64::from(self.maps[0].interrupted);
        let all: u64 = self.maps.iter().map(|m| m.time.path + m.time.elsewhere + m.time.blocked + m.time.asleep).sum();
        let running = self.running();
        let awake = if arrivals.locks_per_second.is_some() { 1.0 } else { running as f64 / all.max(1) as f64 };
        (running > 0).then_some(3600.0 * interrupted * arrivals.per_second * awake)
    }

    /// How much more often than in the maps cores are where they were.
    fn scale(&self, arrivals: &Arrivals) -> f64 {
        let seconds = self.running() as f64 / (self.maps[0].clock_khz as f64 * 1e3);
        let attempts: u64 = self.maps.iter().map(|m| m.attempts).sum();
        arrivals.locks_per_second.map_or(1.0, |locks| locks * seconds / attempts.max(1) as f64)
    }

    /// How often an event comes.
    ///
    /// # Errors
    /// No time or landings were measured, or a rate of locks is asked for where none was taken or that leaves no time.
    pub fn rate(&self, event: &Event, arrivals: &Arrivals) -> Result<Rate, NoRate> {
        let running = self.running();
        let seconds = running as f64 / (self.maps[0].clock_khz as f64 * 1e3);
        if running == 0 {
            let what = format!("stage {}: the interrupted cores never ran, so no rate was measured", self.name);
            return Err((what, "choose an interrupt of cores that have a task".into()));
        }
        let attempts: u64 = self.maps.iter().map(|m| m.attempts).sum();
        if arrivals.locks_per_second.is_some() && attempts == 0 {
            let what =
                format!("stage {}: no task took a lock, so there is nothing to scale to a rate of locks", self.name);
            return Err((what, "leave out --locks: the map's own time is used then".into()));
        }
        let scale = self.scale(arrivals);
        if scale * self.covered() > 1.0 {
            let most = attempts as f64 / seconds / self.covered();
            let what = format!("stage {}: so many locks a second take more than all of the time", self.name);
            return Err((what, format!("at most {most:.0} fit")));
        }
        let strata = self.strata(event, scale);
        let strata_of: Vec<Stratum> = strata.iter().map(|s| s.stratum).collect();
        let batches = self.batches(&strata);
        let by_seed: Vec<f64> = if !batches.is_empty() && self.maps.len() < SEEDS_ENOUGH {
            batches
        } else if self.maps.len() > 1 {
            (0..self.maps.len()).map(|i| strata.iter().map(|s| s.weights[i] * s.stratum.risk()).sum()).collect()
        } else {
            Vec::new()
        };
        let Some(probability) = weighted_sum(&strata_of, &by_seed, DRAWS) else {
            let what =
                format!("stage {}: nothing was made to land where time is spent, so no rate was measured", self.name);
            return Err((what, "ask for more landings, or for another part of the program".into()));
        };
        let per_hour = probability.scaled(self.per_hour(arrivals).unwrap_or(0.0));
        Ok(Rate { probability, per_hour })
    }

    /// The sum as every part of every run has it, from the times of boundaries in that part: their mean is the sum, and their spread
    /// that of a ratio of two means (time with the event, running time), with the covariances of all weights in it. Nothing
    /// where the cores did not run to the end.
    fn batches(&self, strata: &[Weighted<'_>]) -> Vec<f64> {
        if self.maps.iter().any(|m| m.running.is_empty()) {
            return Vec::new();
        }
        let of_map = |i: usize| {
            let m = self.maps[i];
            (0..m.running.len()).map(move |k| {
                let cycles = |s: &Weighted<'_>| s.of[i].map_or(0.0, |b| b.batches[k] as f64);
                let hit: f64 = strata.iter().map(|s| s.scale * cycles(s) * s.stratum.risk()).sum();
                (hit, m.running[k] as f64)
            })
        };
        let parts: Vec<(f64, f64)> = (0..self.maps.len()).flat_map(of_map).collect();
        let (hit, running) = parts.iter().fold((0.0, 0.0), |(h, r), p| (h + p.0, r + p.1));
        let p = hit / running.max(1.0);
        parts.iter().map(|(h, r)| p + (h - p * r) * parts.len() as f64 / running.max(1.0)).collect()
    }

    /// Boundaries as strata, each with its weight in every map.
    fn strata(&self, event: &Event, scale: f64) -> Vec<Weighted<'a>> {
        let enumerated = self.is_enumerated();
        let mut by: BTreeMap<(&str, &str, bool), Vec<Option<&'a Boundary>>> = BTreeMap::new();
        for (i, map) in self.maps.iter().enumerate() {
            for b in &map.boundaries {
                let key = (b.place.as_str(), b.context.as_str(), b.within);
                by.entry(key).or_insert_with(|| vec![None; self.maps.len()])[i] = Some(b);
            }
        }
        let running = |m: &Map| (m.time.path + m.time.elsewhere).max(1) as f64;
        let all = self.running() as f64;
        let stratum = |of: Vec<Option<&'a Boundary>>| {
            let (mut weight, mut risk, mut squares) = (0.0, 0.0, 0.0);
            let (mut exact, mut seen) = (enumerated, false);
            for b in of.iter().flatten().filter(|b| b.cycles > 0 && b.landings > b.pilot) {
                let hits = (event.of)(&b.events) as f64;
                let landings = (b.landings - b.pilot) as f64;
                let q = hits / if b.every_visit { b.cycles as f64 } else { landings };
                weight += b.cycles as f64;
                risk += b.cycles as f64 * q;
                squares += (b.cycles as f64).powi(2) / landings;
                seen |= (event.of)(&b.pilot_events) > 0;
                exact &= b.every_visit;
            }
            // As many trials of equal weight would say as much.
            let trials = if squares > 0.0 { weight * weight / squares } else { 0.0 };
            let hits = if weight > 0.0 { risk / weight * trials } else { 0.0 };
            let weights = of.iter().zip(&self.maps);
            let weights = weights.map(|(b, m)| scale * b.map_or(0.0, |b| b.cycles as f64 / running(m))).collect();
            let stratum = Stratum { weight: scale * weight / all, hits, trials, exact, seen };
            Weighted { stratum, scale, weights, of }
        };
        by.into_values().map(stratum).collect()
    }
}

/// From so many seeds on their own spread is used for the weights, below it that of parts of their runs.
const SEEDS_ENOUGH: usize = 20;

/// A stratum with its boundary and weight in every map.
struct Weighted<'a> {
    stratum: Stratum,
    scale: f64,
    weights: Vec<f64>,
    of: Vec<Option<&'a Boundary>>,
}
