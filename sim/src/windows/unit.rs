// SPDX-License-Identifier: MIT OR Apache-2.0
//! The map of one stage with one seed.

use std::collections::BTreeMap;
use std::sync::Arc;

use configs::Vector;
use reports::windows::{Boundary, Events, FORMAT, KIND, Map, Result as Landings, Time};
use sim_core::core::State;
use sim_core::isa::ContextKind;
use sim_core::ports::{Probe, Stand};
use sim_core::program::Program;
use sim_core::time::{Clock, Cycle};

use super::fork::{Ended, Patience, finish, land};
use super::path::{Part, path_of};
use super::prepare::Prepared;
use super::residency::{Residency, Site, Stratum, Wanted as Instants, Watched};
use super::second::{self, Pairs};
use super::watch::Watch;
use crate::machine::{Machine, MachineSpec};
use crate::plan::{StagePlan, hash, point_text};

/// How much is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Part of the program that is visited.
    pub part: Part,
    /// Landings at every boundary, at least; one with no more visits than this is landed on at each of them.
    pub each: u64,
    /// Landings besides, shared out by the time spent at boundaries.
    pub more: u64,
    /// Two interrupts as well.
    pub pairs: Option<Pairs>,
}

impl Effort {
    /// In words: part of a record's identity.
    #[must_use]
    pub fn words(&self) -> String {
        let pairs = self.pairs.as_ref().map_or_else(String::new, |p| format!(", {}", p.words()));
        format!("{}; {} landings at each boundary and {} by time{pairs}", self.part.words(), self.each, self.more)
    }
}

/// A boundary with its landings: how many fell on each site, and what became of it.
pub(super) struct Tried<'a> {
    pub(super) stratum: &'a Stratum,
    pub(super) every_visit: bool,
    /// Site, how often it was drawn.
    pub(super) sites: Vec<(Site, u64)>,
}

/// Runs a unit: the map of a stage with a seed.
#[must_use]
pub fn map(prepared: &Prepared, stage: &StagePlan, seed: u64, effort: &Effort) -> Map {
    let e = &prepared.loaded.experiment;
    let spec = MachineSpec { seed, ..stage.spec.clone() };
    let khz = spec.clock.khz;
    let number = prepared.number;
    let irq = &e.interrupts[number as usize];
    let interrupted = irq.on.list(e.machine.cores);
    let watched = Watched {
        path: path_of(&spec.program, &effort.part).into(),
        cores: (0..e.machine.cores).map(|c| interrupted.contains(&c)).collect(),
        until: spec.stop_at,
        is_nmi: irq.vector == Vector::Nmi,
        keep: effort.each,
    };
    let code = Arc::new(spec.code());
    let pass = |wanted: Instants| {
        let mut machine = Machine::with_code(&spec, Arc::clone(&code), Residency::new(&watched, wanted));
        machine.run_until(spec.stop_at);
        let asleep: Vec<bool> =
            machine.cores().iter().map(|c| matches!(c.state(), State::Done | State::Halt)).collect();
        machine.probe.finish(|core| asleep[core]);
        machine
    };
    // First the times, then as many instants from each as its time deserves.
    let times = pass(Instants::new());
    let drawn = pass(instants(&times.probe, effort, seed));
    let strata = drawn.probe.strata();
    let tried: Vec<Tried<'_>> = strata.iter().map(|s| sites(s, effort.each)).collect();
    let patience = Patience { limit: e.limits.quiesce.cycles(khz), over: e.measure.stuck_threshold.cycles(khz) };
    let parent = || Machine::with_code(&spec, Arc::clone(&code), Watch::new(spec.memory.cores));
    let (ended, digest, own_errors) = run_forks(parent(), &tried, number, patience, &spec);
    assert_eq!(digest, self::digest(&times), "forks do not disturb what is forked");
    let spent = drawn.probe.spent();
    let boundaries: Vec<Boundary> = tried.iter().map(|t| boundary(&spec.program, spec.clock, t, &ended)).collect();
    let mut forks = ended.len() as u64;
    let second = effort.pairs.as_ref().map(|pairs| {
        let second = second::run(parent(), &tried, &ended, pairs, (prepared, &watched.cores), patience, seed);
        forks += second.used;
        second
    });
    Map {
        format: FORMAT,
        record: KIND.to_owned(),
        version: crate::VERSION.to_owned(),
        experiment: e.title.clone(),
        stage: stage.name.clone(),
        stage_idx: stage.idx,
        lock: spec.program.name.clone(),
        machine: e.machine.name.clone(),
        base: stage.base.map_or_else(String::new, |b| b.name().to_owned()),
        patches: stage.patches.clone(),
        seed,
        config_hash: stage.config_hash.clone(),
        program_hash: stage.program_hash.clone(),
        config: point_text(&prepared.loaded, stage.idx as usize, &[seed]),
        options: options(prepared, effort),
        interrupt: irq.name.clone(),
        vector: kind_of(irq.vector).name().to_owned(),
        path: effort.part.words(),
        clock_khz: khz,
        cpus: e.machine.cores,
        interrupted: interrupted.len() as u32,
        simulated_ns: spec.clock.nanos(spec.stop_at),
        long_over_ns: spec.clock.nanos(Cycle(patience.over)),
        attempts: drawn.probe.attempts(),
        time: Time { path: spent.path, elsewhere: spent.elsewhere, blocked: spent.blocked, asleep: spent.asleep },
        own_errors,
        forks,
        parent: digest,
        boundaries,
        second,
    }
}

/// What a map depends on besides experiment and program.
pub(super) fn options(prepared: &Prepared, effort: &Effort) -> String {
    let irqs = &prepared.loaded.experiment.interrupts;
    let name = |n: u64| irqs.get(n as usize).map_or("", |i| i.name.as_str());
    format!("{} then {}; {}", name(prepared.number), name(prepared.second), effort.words())
}

pub(super) const fn kind_of(vector: Vector) -> ContextKind {
    match vector {
        Vector::Nmi => ContextKind::Nmi,
        Vector::Timer | Vector::Irq { .. } => ContextKind::Hardirq,
        Vector::Softirq => ContextKind::Softirq,
    }
}

/// Instants to draw from the time of each place: none where every visit is landed on. If that is all of them, waits are
/// landed in as often as need be to see what happens; rates have no use for more.
fn instants(times: &Residency, effort: &Effort, seed: u64) -> Instants {
    let strata = times.strata();
    let every = |s: &Stratum| s.cycles == 0 || s.every_visit(effort.each).is_some();
    let more = if strata.iter().all(|s| every(s) || s.place.stand == Stand::Within) { 0 } else { effort.more };
    let mut wanted = Instants::new();
    for s in strata.iter().filter(|s| !every(s)) {
        let share = u128::from(s.cycles) * u128::from(more) / u128::from(times.spent().path.max(1));
        s.draw(effort.each + share as u64, seed, &mut wanted);
    }
    wanted
}

/// Where to land at a boundary: at every visit, at instants drawn from its time, or, where it has none, at its first visits.
fn sites(stratum: &Stratum, each: u64) -> Tried<'_> {
    let every = stratum.every_visit(each);
    let mut count: BTreeMap<Site, u64> = BTreeMap::new();
    match every {
        Some(all) => all.iter().for_each(|s| *count.entry(*s).or_default() += 1),
        None if stratum.cycles == 0 => {
            stratum.first.iter().take(each as usize).for_each(|s| *count.entry(*s).or_default() += 1);
        }
        None => stratum.drawn.iter().for_each(|s| *count.entry(*s).or_default() += 1),
    }
    Tried { stratum, every_visit: every.is_some(), sites: count.into_iter().collect() }
}

/// Lands at every site in the order of time, and gives what became of each, a digest of the machine at its end, and how many errors it had itself.
fn run_forks(
    mut parent: Machine<Watch>,
    tried: &[Tried<'_>],
    number: u64,
    patience: Patience,
    spec: &MachineSpec,
) -> (BTreeMap<Site, Ended>, String, u64) {
    let mut all: Vec<Site> = tried.iter().flat_map(|t| t.sites.iter().map(|s| s.0)).collect();
    all.sort_unstable();
    all.dedup();
    let mut ended = BTreeMap::new();
    for site in all {
        parent.run_until(site.at);
        let mut fork = parent.clone();
        land(&mut fork, &site, number);
        ended.insert(site, finish(fork, site.at, patience));
    }
    parent.run_until(spec.stop_at);
    (ended, digest(&parent), parent.probe.own_errors())
}

/// What can be seen of a machine, in short.
fn digest<P: Probe>(machine: &Machine<P>) -> String {
    let cores: Vec<String> = machine
        .cores()
        .iter()
        .map(|c| format!("{} {:?} {:?} {:?} {:?}", c.retired, c.now(), c.state(), c.context(), c.store_buffer()))
        .collect();
    hash(&format!("{cores:?} {:?}", machine.memory().traffic()))
}

/// Name of a boundary's program line: its source, number and text without the comment.
fn line(program: &Program, pc: u32) -> (String, u32, String) {
    let at = program.lines[pc as usize];
    let source = &program.sources[at.source as usize];
    let text = source.text.lines().nth(at.line as usize - 1).unwrap_or_default();
    (source.name.clone(), at.line, text.split('#').next().unwrap_or_default().trim().to_owned())
}

fn boundary(program: &Program, clock: Clock, tried: &Tried<'_>, ended: &BTreeMap<Site, Ended>) -> Boundary {
    let s = tried.stratum;
    let (source, line, text) = line(program, s.place.pc);
    let mut results: BTreeMap<(&str, String), Landings> = BTreeMap::new();
    let mut events = Events::default();
    let nanos = |cycles: u64| clock.nanos(Cycle(cycles));
    for (site, times) in &tried.sites {
        let Some(end) = ended.get(site) else { continue };
        events.add(&end.events, if tried.every_visit { site.cycles } else { *times });
        let detectors = names(end);
        let r = results.entry((end.outcome, detectors)).or_default();
        r.landings += times;
        r.handler_ns += nanos(end.handler) * times;
        r.handler_max_ns = r.handler_max_ns.max(nanos(end.handler));
        r.others_ns += nanos(end.others) * times;
        r.others_max_ns = r.others_max_ns.max(nanos(end.others));
    }
    let results =
        results.into_iter().map(|((outcome, detectors), r)| Landings { outcome: outcome.to_owned(), detectors, ..r });
    Boundary {
        place: program.place(s.place.pc),
        source,
        line,
        text,
        context: s.place.kind.name().to_owned(),
        within: s.place.stand != Stand::Before,
        visits: s.visits,
        cycles: s.cycles,
        landings: tried.sites.iter().map(|(_, n)| n).sum(),
        every_visit: tried.every_visit,
        events,
        results: results.collect(),
    }
}

pub(super) fn names(end: &Ended) -> String {
    end.detectors.iter().map(|d| d.name()).collect::<Vec<_>>().join("+")
}
