// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two interrupts: the second one comes while the first one is served.

use std::collections::{BTreeMap, BTreeSet};

use reports::windows::{Events, Pair, PairHit, PairStratum, Second};
use sim_core::core::State;
use sim_core::ports::Stand;
use sim_core::rng::Stream;
use sim_core::time::Cycle;

use super::fork::{Ended, Patience, finish, land};
use super::prepare::Prepared;
use super::residency::Site;
use super::unit::{Tried, names};
use super::watch::Watch;
use crate::machine::Machine;

/// How the second interrupt is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pairs {
    /// On the core of the first: within its handler, or behind it if that holds it back. Else on another core.
    pub same_core: bool,
    /// Runs at most, for each stage and seed.
    pub budget: u64,
}

impl Pairs {
    pub(super) fn words(&self) -> String {
        let core = if self.same_core { "the same core" } else { "another core" };
        format!("{} runs with a second one on {core}", self.budget)
    }
}

/// A boundary for the first, with the landings there that left the machine armed: nobody is deadlocked, but the interrupted context
/// waits for the handler, and may hold what others need.
struct Place<'a> {
    tried: &'a Tried<'a>,
    /// The second is to come while the handler waits for somebody; else while it is entered or runs.
    waits: bool,
    /// Site and what it stands for: cycles of the visit, or times drawn.
    armed: Vec<(Site, u64)>,
    /// Cycles of the boundary in which landings leave the machine armed.
    cycles: u64,
    /// What a second interrupt has to hit there: those cycles times the mean time armed.
    target: u128,
    /// The one of the two for its boundary that is tried at least once.
    first: bool,
    runs: u64,
    longest: u64,
    hits: Vec<PairHit>,
}

impl<'a> Place<'a> {
    fn new(tried: &'a Tried<'a>, ended: &BTreeMap<Site, Ended>, same_core: bool, waits: bool) -> Place<'a> {
        let armed = |site: &Site, end: &Ended| length(&armed(site, end, waits));
        let weight = |(site, times): &(Site, u64)| if tried.every_visit { site.cycles } else { *times };
        let timed = !same_core && tried.stratum.cycles > 0;
        let is_armed = |s: &&(Site, u64)| timed && weight(s) > 0 && ended.get(&s.0).is_some_and(|e| armed(&s.0, e) > 0);
        let list: Vec<(Site, u64)> = tried.sites.iter().filter(is_armed).map(|s| (s.0, weight(s))).collect();
        let all: u64 = tried.sites.iter().map(weight).sum();
        let some: u64 = list.iter().map(|s| s.1).sum();
        let cycles = u128::from(tried.stratum.cycles) * u128::from(some) / u128::from(all.max(1));
        let time: u128 = list.iter().map(|(site, n)| u128::from(armed(site, &ended[site])) * u128::from(*n)).sum();
        let longest = list.iter().map(|(site, _)| armed(site, &ended[site])).max().unwrap_or(0);
        let target = cycles * time / u128::from(some.max(1));
        Place {
            tried,
            waits,
            armed: list,
            cycles: cycles as u64,
            target,
            first: false,
            runs: 0,
            longest,
            hits: Vec::new(),
        }
    }

    /// One of the armed sites by what it stands for; of all sites where none is.
    fn site(&self, random: &mut Stream) -> Site {
        let all: u64 = self.armed.iter().map(|s| s.1).sum();
        let mut nth = random.below(all);
        for (site, n) in &self.armed {
            if nth < *n {
                return *site;
            }
            nth -= n;
        }
        self.tried.sites[random.below(self.tried.sites.len() as u64) as usize].0
    }
}

/// When a landing left the machine armed.
fn armed(site: &Site, end: &Ended, waits: bool) -> Vec<(Cycle, Cycle)> {
    // From arrival to entry it is on its way.
    let entry = end.landed.first().and_then(|l| l.taken).map(|(taken, _)| (site.at, taken));
    let entry = entry.filter(|_| !waits);
    entry.into_iter().chain(end.armed[usize::from(!waits)].iter().copied()).collect()
}

fn length(intervals: &[(Cycle, Cycle)]) -> u64 {
    intervals.iter().map(|(from, to)| to.since(*from)).sum()
}

/// One trial: the first landing, and when the second one comes to which core.
struct Trial {
    first: Site,
    at: Cycle,
    core: usize,
    /// Number of its place.
    place: usize,
    /// Cores that the second could have come to.
    others: u64,
    /// How long the first handler ran alone.
    alone: u64,
    /// The second comes while the machine is armed, which it is so long.
    armed: Option<u64>,
}

/// Draws an instant of the time in which the first one's handler ran alone, of the time in which the machine was armed if it was, and a core.
fn draw(
    (number, place): (usize, &Place<'_>),
    ended: &BTreeMap<Site, Ended>,
    served: &[u32],
    same_core: bool,
    random: &mut Stream,
) -> Option<Trial> {
    let first = place.site(random);
    // A handler that was not entered leaves no time for a second one.
    let end = ended.get(&first).filter(|e| e.handler > 0)?;
    let others: Vec<u32> = served.iter().copied().filter(|c| (*c as usize == first.core) == same_core).collect();
    let core = *others.get(random.below(others.len() as u64) as usize)? as usize;
    let intervals = armed(&first, end, place.waits);
    let long = length(&intervals);
    let is_armed = !place.armed.is_empty() && long > 0;
    let at = if is_armed {
        let mut nth = random.below(long);
        let (from, _) = intervals.iter().find(|(from, to)| {
            let here = nth < to.since(*from);
            nth -= if here { 0 } else { to.since(*from) };
            here
        })?;
        from.after(1 + nth)
    } else {
        end.landed[0].taken.map_or(first.at, |t| t.0).after(1 + random.below(end.handler))
    };
    let others = others.len() as u64;
    Some(Trial { first, at, core, place: number, others, alone: end.handler, armed: is_armed.then_some(long) })
}

/// Where the budget goes: once to every boundary, in random order, as far as it suffices. The rest goes to boundaries after which the machine
/// is armed, by what a second interrupt has to hit there: half to handlers that wait, half to others; without any, all take turns.
fn plan(places: &[Place<'_>], budget: u64, mut one: impl FnMut(usize, &Place<'_>) -> Option<Trial>) -> Vec<Trial> {
    let mut trials: Vec<Trial> = Vec::new();
    let of = |waits: bool| places.iter().filter(|p| p.waits == waits).map(|p| p.target).sum::<u128>();
    let (waiting, running) = (of(true), of(false));
    let halves = 1 + u128::from(waiting > 0 && running > 0);
    let mut round = 0;
    loop {
        let (before, left) = (trials.len(), budget.saturating_sub(trials.len() as u64));
        for (i, place) in places.iter().enumerate() {
            let n = match round {
                0 => u64::from(place.first),
                1 => {
                    let all = if place.waits { waiting } else { running };
                    (u128::from(left) * place.target / (halves * all).max(1)) as u64
                }
                _ => u64::from(place.target > 0 || (waiting + running == 0 && place.first)),
            };
            let room = budget.saturating_sub(trials.len() as u64);
            trials.extend((0..n.min(room)).filter_map(|_| one(i, place)));
        }
        round += 1;
        if trials.len() as u64 >= budget || (round > 2 && trials.len() == before) {
            return trials;
        }
    }
}

/// Runs pairs until the budget is used, and notes which of those that count for a rate have an event that neither has alone.
pub(super) fn run(
    mut parent: Machine<Watch>,
    tried: &[Tried<'_>],
    ended: &BTreeMap<Site, Ended>,
    pairs: &Pairs,
    (prepared, cores): (&Prepared, &[bool]),
    patience: Patience,
    seed: u64,
) -> Second {
    let mut random = Stream::derive(seed, 0, "second interrupt");
    let with_sites = tried.iter().filter(|t| !t.sites.is_empty());
    let both = |t| {
        let mut two = [true, false].map(|waits| Place::new(t, ended, pairs.same_core, waits));
        let first = usize::from(two[0].armed.is_empty());
        two[first].first = true;
        two
    };
    let mut places: Vec<Place<'_>> = with_sites.flat_map(both).collect();
    let boundaries = places.len() as u64 / 2;
    for i in (1..places.len()).rev() {
        places.swap(i, random.below(i as u64 + 1) as usize);
    }
    let irqs = &prepared.loaded.experiment.interrupts;
    let served = irqs[prepared.second as usize].on.list(cores.len() as u32);
    let one = |i: usize, p: &Place<'_>| draw((i, p), ended, &served, pairs.same_core, &mut random);
    let mut trials = plan(&places, pairs.budget, one);
    trials.sort_by_key(|t| (t.first, t.at, t.core));
    let covered: BTreeSet<_> = trials.iter().map(|t| places[t.place].tried.stratum.place).collect();
    let clock = parent.clock();
    let nanos = |cycles: u64| clock.nanos(Cycle(cycles));
    let program = parent.program().clone();
    let mut found: BTreeMap<[String; 4], Pair> = BTreeMap::new();
    for trial in &trials {
        parent.run_until(trial.first.at);
        let second = |fork: &mut Machine<Watch>| {
            fork.run_until(trial.at);
            fork.probe.expect(trial.core, prepared.second);
            fork.interrupt(trial.core, prepared.second, Some(trial.at));
        };
        let mut fork = parent.clone();
        land(&mut fork, &trial.first, prepared.number);
        second(&mut fork);
        // A core that sleeps has no arrivals: they are counted while it runs.
        let asleep = matches!(fork.cores()[trial.core].state(), State::Done | State::Halt);
        let end = finish(fork, trial.at, patience);
        if let Some(armed) = trial.armed {
            let mut events = end.events.without(&ended[&trial.first].events);
            if events != Events::default() && !asleep {
                let mut alone = parent.clone();
                second(&mut alone);
                events = events.without(&finish(alone, trial.at, patience).events);
            }
            let place = &mut places[trial.place];
            place.runs += 1;
            if events != Events::default() && !asleep {
                place.hits.push(PairHit { armed, others: trial.others, events });
            }
        }
        let at = |i: usize| end.landed[i].taken.map_or_else(|| "not taken".to_owned(), |t| program.place(t.1));
        let key = [at(0), at(1), end.outcome.to_owned(), names(&end)];
        let pair = found.entry(key).or_default();
        pair.landings += 1;
        pair.armed_ns += nanos(trial.alone);
        pair.handler_max_ns = pair.handler_max_ns.max(nanos(end.handler));
        pair.events.add(&end.events, 1);
    }
    let others = served.len() as u64;
    let stratum = |p: &Place<'_>| PairStratum {
        place: program.place(p.tried.stratum.place.pc),
        context: p.tried.stratum.place.kind.name().to_owned(),
        within: p.tried.stratum.place.stand != Stand::Before,
        waits: p.waits,
        cycles: p.cycles,
        longest: p.longest,
        others,
        runs: p.runs,
        hits: p.hits.clone(),
    };
    let mut strata: Vec<PairStratum> = places.iter().filter(|p| p.cycles > 0).map(stratum).collect();
    strata.sort_by(|a, b| (&a.place, &a.context, a.within, a.waits).cmp(&(&b.place, &b.context, b.within, b.waits)));
    Second {
        same_core: pairs.same_core,
        interrupt: irqs[prepared.second as usize].name.clone(),
        budget: pairs.budget,
        used: trials.len() as u64,
        boundaries,
        covered: covered.len() as u64,
        pairs: found
            .into_iter()
            .map(|([first, second, outcome, detectors], p)| Pair { first, second, outcome, detectors, ..p })
            .collect(),
        strata,
    }
}
