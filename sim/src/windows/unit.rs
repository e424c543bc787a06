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

use super::allocate::{self, Pilot};
use super::fork::{Ended, Patience, finish, land};
use super::path::{Part, path_of};
use super::prepare::Prepared;
use super::residency::{Residency, Site, Stratum, Wanted as Instants, Watched};
use super::second::{self, Pairs};
use super::split;
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
    /// Branches at each level, where time-outs are rare and are to be found by splitting.
    pub split: Option<u64>,
}

impl Effort {
    /// In words: part of a record's identity.
    #[must_use]
    pub fn words(&self) -> String {
        let pairs = self.pairs.as_ref().map_or_else(String::new, |p| format!(", {}", p.words()));
        let split = self.split.map_or_else(String::new, |n| format!(", split into {n} branches"));
        format!(
            "{}; {} landings at each boundary and {} by time{pairs}{split}",
            self.part.words(),
            self.each,
            self.more
        )
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
    // First the times, then a pilot that says where risks are uncertain, then the landings that count.
    let times = pass(Instants::new());
    let timed = times.probe.strata();
    let patience = Patience { limit: e.limits.quiesce.cycles(khz), over: e.measure.stuck_threshold.cycles(khz) };
    let parent = || Machine::with_code(&spec, Arc::clone(&code), Watch::new(spec.memory.cores));
    let fork_all = |tried: &[Tried<'_>], ended: &mut BTreeMap<Site, Ended>| {
        let (digest, own_errors) = run_forks(parent(), tried, number, patience, &spec, ended);
        assert_eq!(digest, self::digest(&times), "forks do not disturb what is forked");
        (digest, own_errors)
    };
    let mut ended = BTreeMap::new();
    let more = allocate::more(&timed, effort);
    let pilot = if more > 0 { pass(allocate::pilot(&timed, effort, seed)).probe.strata() } else { Vec::new() };
    let pilot: Vec<Tried<'_>> = pilot.iter().map(|s| sites(s, effort.each)).collect();
    if !pilot.is_empty() {
        fork_all(&pilot, &mut ended);
    }
    let seen: Vec<Pilot> = pilot.iter().map(|t| allocate::seen(t, &ended)).collect();
    let drawn = pass(allocate::instants(&timed, &seen, effort, seed));
    let strata = drawn.probe.strata();
    let tried: Vec<Tried<'_>> = strata.iter().map(|s| sites(s, effort.each)).collect();
    let (digest, own_errors) = fork_all(&tried, &mut ended);
    let spent = drawn.probe.spent();
    let running = drawn.probe.running();
    let boundaries: Vec<Boundary> = tried
        .iter()
        .enumerate()
        .map(|(i, t)| Boundary {
            batches: if running.is_empty() { Vec::new() } else { t.stratum.batches.clone() },
            ..boundary(&spec.program, spec.clock, t, pilot.get(i), &ended)
        })
        .collect();
    let mut forks = ended.len() as u64;
    let second = effort.pairs.as_ref().map(|pairs| {
        let second = second::run(parent(), &tried, &ended, pairs, (prepared, &watched.cores), patience, seed);
        forks += second.used;
        second
    });
    let splits =
        effort.split.map_or_else(Vec::new, |n| split::run(parent(), &tried, &ended, (n, number, patience), &spec));
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
        running,
        own_errors,
        forks,
        parent: digest,
        boundaries,
        second,
        splits,
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

/// Lands at every site in the order of time, and notes what became of each where that is not known yet; gives a digest of the machine at its end, and how many errors
/// it had itself.
fn run_forks(
    mut parent: Machine<Watch>,
    tried: &[Tried<'_>],
    number: u64,
    patience: Patience,
    spec: &MachineSpec,
    ended: &mut BTreeMap<Site, Ended>,
) -> (String, u64) {
    let mut all: Vec<Site> = tried.iter().flat_map(|t| t.sites.iter().map(|s| s.0)).collect();
    all.sort_unstable();
    all.dedup();
    all.retain(|site| !ended.contains_key(site));
    for site in all {
        parent.run_until(site.at);
        let mut fork = parent.clone();
        land(&mut fork, &site, number);
        ended.insert(site, finish(fork, site.at, patience));
    }
    parent.run_until(spec.stop_at);
    (digest(&parent), parent.probe.own_errors())
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
    let (file, line, text) = program.source_line(pc).expect("every micro-op has a line");
    (file.to_owned(), line, text.to_owned())
}

fn boundary(
    program: &Program,
    clock: Clock,
    tried: &Tried<'_>,
    pilot: Option<&Tried<'_>>,
    ended: &BTreeMap<Site, Ended>,
) -> Boundary {
    let s = tried.stratum;
    let (source, line, text) = line(program, s.place.pc);
    let mut results: BTreeMap<(&str, String), Landings> = BTreeMap::new();
    let mut events = Events::default();
    let nanos = |cycles: u64| clock.nanos(Cycle(cycles));
    // Where all visits or the first are landed on, the pilot did the same.
    let pilot: &[(Site, u64)] = pilot.filter(|_| !tried.every_visit && s.cycles > 0).map_or(&[], |p| &p.sites);
    let mut pilot_events = Events::default();
    let counts = tried.sites.iter().map(|s| (s, true)).chain(pilot.iter().map(|s| (s, false)));
    for ((site, times), counts) in counts {
        let Some(end) = ended.get(site) else { continue };
        let to = if counts { &mut events } else { &mut pilot_events };
        to.add(&end.events, if tried.every_visit { site.cycles } else { *times });
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
        batches: Vec::new(),
        landings: tried.sites.iter().chain(pilot).map(|(_, n)| n).sum(),
        pilot: pilot.iter().map(|(_, n)| n).sum(),
        pilot_events,
        every_visit: tried.every_visit,
        events,
        results: results.collect(),
    }
}

pub(super) fn names(end: &Ended) -> String {
    end.detectors.iter().map(|d| d.name()).collect::<Vec<_>>().join("+")
}
