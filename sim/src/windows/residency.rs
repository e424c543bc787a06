// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where cores stand, for how long, and instants drawn from that time.
//!
//! The time of a boundary is the time in which an interrupt arrives that is taken there: from the boundary before, which may
//! be a long miss away, to this one. So the times of all boundaries add up to all time in which a core could take it, and
//! arrivals at random instants land at a boundary with the probability of its time (PASTA). A boundary without
//! time of its own, such as that of a micro-op issued in the same cycle as the one before, is hit by directed arrivals only.
//!
//! Of a boundary with few visits all are kept. Of one with many, instants are drawn uniformly from its time: how much that is on each core is
//! known from a run before, so what is drawn does not depend on the order in which cores are looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use sim_core::isa::{ContextKind, MarkKind, Pc};
use sim_core::ports::{Probe, Stand};
use sim_core::rng::Stream;
use sim_core::time::Cycle;

/// Where something can land: a micro-op in a kind of context, before or within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The micro-op.
    pub pc: Pc,
    /// Whose.
    pub kind: ContextKind,
    /// Before it, or within it where it waits.
    pub stand: Stand,
}

/// An instant at which something is to land.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    /// When.
    pub at: Cycle,
    /// On which core.
    pub core: usize,
    /// Where that core stands then.
    pub place: Place,
    /// Cycles of the visit it belongs to.
    pub cycles: u64,
}

/// Instants to be drawn from the time of places: core and place, and which of the cycles, from 1, ascending.
pub type Wanted = BTreeMap<(usize, Place), Vec<u64>>;

/// A place as one core came to it.
#[derive(Clone, Debug)]
struct Visits {
    core: usize,
    place: Place,
    visits: u64,
    cycles: u64,
    batches: Vec<u64>,
    /// The first visits.
    first: Vec<Site>,
    /// What is still to be drawn, last first.
    wanted: Vec<u64>,
    drawn: Vec<Site>,
}

impl Visits {
    /// `n` visits of `window` cycles each, the first of which ends at `at`, `period` cycles apart.
    fn add(&mut self, at: Cycle, window: u64, (period, n): (u64, u64), keep: usize, until: Cycle) {
        split_up(&mut self.batches, (at.0, period, n), window, until);
        let (core, place) = (self.core, self.place);
        let site = |i: u64, at: Cycle| Site { at: at.after(i * period), core, place, cycles: window };
        let mut i = 0;
        while self.first.len() < keep && i < n {
            self.first.push(site(i, at));
            i += 1;
        }
        let before = self.cycles;
        self.visits += n;
        self.cycles += window * n;
        while let Some(&next) = self.wanted.last().filter(|w| **w <= self.cycles) {
            self.wanted.pop();
            let nth = next - before - 1;
            let (i, offset) = (nth / window, nth % window);
            let at = if place.stand == Stand::Before { at } else { Cycle(at.0 - window + 1 + offset) };
            self.drawn.push(site(i, at));
        }
    }
}

/// Parts of equal length that a run is divided into: their means tell how exact the times are.
pub const BATCHES: usize = 20;

/// Adds `window` for each of `n` instants from `at`, `period` apart, to the part of the run it is in.
fn split_up(batches: &mut Vec<u64>, (mut at, period, mut n): (u64, u64, u64), window: u64, until: Cycle) {
    if batches.is_empty() {
        batches.resize(BATCHES, 0);
    }
    let parts = BATCHES as u128;
    while n > 0 {
        let batch = (u128::from(at) * parts / u128::from(until.0.max(1))).min(parts - 1);
        // The first instant of the next part.
        let next = ((batch + 1) * u128::from(until.0)).div_ceil(parts) as u64;
        let here = if period == 0 || batch == parts - 1 { n } else { n.min((next - at).div_ceil(period).max(1)) };
        batches[batch as usize] += window * here;
        at += here * period;
        n -= here;
    }
}

/// A place with all cores' visits.
#[derive(Clone, Debug)]
pub struct Stratum {
    /// Where.
    pub place: Place,
    /// Times it was come to.
    pub visits: u64,
    /// Cycles in which arrivals would land here.
    pub cycles: u64,
    /// The same by parts of the run, see [`BATCHES`].
    pub batches: Vec<u64>,
    /// `(core, cycles)`, cores ascending.
    by_core: Vec<(usize, u64)>,
    /// The first visits of each core, in the order of time.
    pub first: Vec<Site>,
    /// Instants drawn from its time.
    pub drawn: Vec<Site>,
}

impl Stratum {
    /// Every visit, if there were at most `most` and each is one boundary; else nothing.
    #[must_use]
    pub fn every_visit(&self, most: u64) -> Option<&[Site]> {
        let all = self.place.stand == Stand::Before && self.visits <= most && self.first.len() as u64 == self.visits;
        all.then_some(&self.first)
    }

    /// Adds `n` instants of its time, each cycle equally likely, to what is wanted; `purpose` names the stream of draws.
    pub fn draw(&self, n: u64, seed: u64, purpose: &str, wanted: &mut Wanted) {
        let component = u64::from(self.place.pc) << 8 | (self.place.kind as u64) << 4 | self.place.stand as u64;
        let mut random = Stream::derive(seed, component, purpose);
        for _ in 0..n {
            let mut nth = random.below(self.cycles);
            for &(core, cycles) in &self.by_core {
                if nth < cycles {
                    wanted.entry((core, self.place)).or_default().push(nth + 1);
                    break;
                }
                nth -= cycles;
            }
        }
    }
}

#[derive(Clone, Debug)]
struct OfCore {
    wanted: bool,
    /// The last boundary.
    last: Cycle,
    kinds: Vec<ContextKind>,
}

/// Time by what became of it, all interrupted cores together, cycles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// At boundaries of the path.
    pub path: u64,
    /// At other boundaries.
    pub elsewhere: u64,
    /// Where the interrupt is held back: in handlers of its own kind, for an NMI.
    pub blocked: u64,
    /// Asleep, or without a task.
    pub asleep: u64,
}

/// Watches where cores stand.
#[derive(Clone, Debug)]
pub struct Residency {
    until: Cycle,
    blocks: bool,
    /// `[micro-op]`: part of the path.
    path: Arc<[bool]>,
    cores: Vec<OfCore>,
    /// `[((core * micro-ops + micro-op) * kinds + kind) * 2 + within]`: number in `places` plus one.
    index: Vec<u32>,
    places: Vec<Visits>,
    keep: usize,
    wanted: Wanted,
    spent: Spent,
    /// Time outside `blocked` and `asleep` by parts of the run.
    running: Vec<u64>,
    attempts: u64,
}

/// What is watched for.
#[derive(Clone, Debug)]
pub struct Watched {
    /// `[micro-op]`: part of the path.
    pub path: Arc<[bool]>,
    /// `[core]`: interrupted.
    pub cores: Vec<bool>,
    /// What comes at or after this instant does not count.
    pub until: Cycle,
    /// The interrupt is an NMI: held back while one is served.
    pub is_nmi: bool,
    /// Of each boundary so many first visits are kept.
    pub keep: u64,
}

impl Residency {
    /// A watch that draws these instants.
    #[must_use]
    pub fn new(w: &Watched, mut wanted: Wanted) -> Residency {
        for list in wanted.values_mut() {
            list.sort_unstable_by(|a, b| b.cmp(a));
        }
        let core = |wanted: &bool| OfCore { wanted: *wanted, last: Cycle(0), kinds: vec![ContextKind::Task] };
        Residency {
            until: w.until,
            blocks: w.is_nmi,
            path: Arc::clone(&w.path),
            cores: w.cores.iter().map(core).collect(),
            index: vec![0; w.cores.len() * w.path.len() * ContextKind::ALL.len() * 2],
            places: Vec::new(),
            keep: w.keep as usize,
            wanted,
            spent: Spent::default(),
            running: Vec::new(),
            attempts: 0,
        }
    }

    /// Places that were come to, in the order of the program.
    #[must_use]
    pub fn strata(&self) -> Vec<Stratum> {
        let mut all: BTreeMap<Place, Vec<&Visits>> = BTreeMap::new();
        for v in &self.places {
            all.entry(v.place).or_default().push(v);
        }
        let stratum = |(place, mut of): (Place, Vec<&Visits>)| {
            of.sort_unstable_by_key(|v| v.core);
            let sorted = |sites: fn(&Visits) -> &[Site]| {
                let mut all: Vec<Site> = of.iter().flat_map(|v| sites(v)).copied().collect();
                all.sort_unstable();
                all
            };
            Stratum {
                place,
                visits: of.iter().map(|v| v.visits).sum(),
                cycles: of.iter().map(|v| v.cycles).sum(),
                batches: (0..BATCHES).map(|i| of.iter().map(|v| v.batches.get(i).unwrap_or(&0)).sum()).collect(),
                by_core: of.iter().map(|v| (v.core, v.cycles)).collect(),
                first: sorted(|v| &v.first),
                drawn: sorted(|v| &v.drawn),
            }
        };
        all.into_iter().map(stratum).collect()
    }

    /// Where the time went.
    #[must_use]
    pub fn spent(&self) -> Spent {
        self.spent
    }

    /// Time in which cores ran and could be interrupted, by parts of the run. Empty if they did not do so to the end of it: what
    /// ends before is no sample of something that goes on.
    #[must_use]
    pub fn running(&self) -> Vec<u64> {
        if self.running.contains(&0) { Vec::new() } else { self.running.clone() }
    }

    /// Attempts of tasks on the interrupted cores to take a lock.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.attempts
    }

    /// The run is over; `asleep[core]`: it sleeps or has no task.
    pub fn finish(&mut self, asleep: impl Fn(usize) -> bool) {
        for (i, core) in self.cores.iter_mut().enumerate().filter(|(_, c)| c.wanted) {
            let rest = self.until.since(core.last);
            core.last = core.last.max(self.until);
            if asleep(i) {
                self.spent.asleep += rest;
            } else {
                self.spent.elsewhere += rest;
                split_up(&mut self.running, (self.until.0, 0, 1), rest, self.until);
            }
        }
    }

    fn add(&mut self, core: usize, place: Place, at: Cycle, window: u64, repeated: (u64, u64)) {
        let within = usize::from(place.stand != Stand::Before);
        let micro_op = core * self.path.len() + place.pc as usize;
        let key = (micro_op * ContextKind::ALL.len() + place.kind as usize) * 2 + within;
        if self.index[key] == 0 {
            let wanted = self.wanted.remove(&(core, place)).unwrap_or_default();
            let (first, drawn) = (Vec::new(), Vec::new());
            self.places.push(Visits { core, place, visits: 0, cycles: 0, batches: Vec::new(), first, wanted, drawn });
            self.index[key] = self.places.len() as u32;
        }
        self.places[self.index[key] as usize - 1].add(at, window, repeated, self.keep, self.until);
    }

    fn blocked(&self, core: usize) -> bool {
        self.blocks && self.cores[core].kinds.contains(&ContextKind::Nmi)
    }
}

impl Probe for Residency {
    const WATCHES_BOUNDARIES: bool = true;

    fn boundary(&mut self, at: Cycle, core: usize, pc: Pc, stand: Stand) {
        let blocked = self.blocked(core);
        let c = &mut self.cores[core];
        if !c.wanted || c.last >= self.until {
            return;
        }
        let kind = c.kinds.last().copied().unwrap_or(ContextKind::Task);
        let late = at >= self.until;
        let window = at.min(self.until).since(c.last);
        c.last = c.last.max(at.min(self.until));
        if blocked {
            self.spent.blocked += window;
        } else if stand == Stand::Asleep {
            self.spent.asleep += window;
        } else if late || !self.path[pc as usize] {
            self.spent.elsewhere += window;
            split_up(&mut self.running, (at.0.min(self.until.0), 0, 1), window, self.until);
        } else {
            split_up(&mut self.running, (at.0, 0, 1), window, self.until);
            self.spent.path += window;
            self.add(core, Place { pc, kind, stand }, at, window, (0, 1));
        }
    }

    fn computed(&mut self, from: Cycle, core: usize, period: u64, path: &[(Pc, u64)], iterations: u64) {
        let blocked = self.blocked(core);
        let c = &mut self.cores[core];
        if !c.wanted || c.last >= self.until {
            return;
        }
        let kind = c.kinds.last().copied().unwrap_or(ContextKind::Task);
        let mut before = c.last.0;
        c.last = c.last.after(iterations * period);
        assert!(c.last < self.until, "the machine runs until then and no further");
        for &(pc, issued) in path {
            let at = from.after(issued);
            let window = at.0 - before;
            before = at.0;
            if !blocked {
                split_up(&mut self.running, (at.0, period, iterations), window, self.until);
            }
            if blocked {
                self.spent.blocked += window * iterations;
            } else if !self.path[pc as usize] {
                self.spent.elsewhere += window * iterations;
            } else {
                self.spent.path += window * iterations;
                self.add(core, Place { pc, kind, stand: Stand::Before }, at, window, (period, iterations));
            }
        }
        // From the last boundary before the spin to that of its first iteration: as from iteration to iteration.
        assert_eq!(before + (iterations - 1) * period, self.cores[core].last.0, "a spin goes on as it began");
    }

    fn mark(&mut self, at: Cycle, core: usize, kind: MarkKind, _args: [u64; 3], _pc: Pc) {
        let c = &self.cores[core];
        if kind == MarkKind::Attempt && c.wanted && at < self.until && c.kinds.last() == Some(&ContextKind::Task) {
            self.attempts += 1;
        }
    }

    fn enter(&mut self, _at: Cycle, core: usize, kind: ContextKind, _pc: Pc) {
        self.cores[core].kinds.push(kind);
    }

    fn leave(&mut self, _at: Cycle, core: usize, kind: ContextKind, resumed: Cycle) {
        let before = self.blocked(core);
        self.cores[core].kinds.pop();
        let c = &mut self.cores[core];
        if before && kind == ContextKind::Nmi && c.wanted {
            // An NMI that arrives in the handler is taken behind it: time of the handler, not of the boundary.
            let end = resumed.min(self.until);
            self.spent.blocked += end.since(c.last);
            c.last = c.last.max(end);
        }
    }
}
