// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where cores stand, for how long, and instants drawn from that time.
//!
//! The time of a boundary is the time in which an interrupt arrives that is taken there: from the boundary before, which may
//! be a long miss away, to this one. So the times of all boundaries add up to all time in which a core could take it, and
//! arrivals at random instants land at a boundary with the probability of its time (PASTA). A boundary without
//! time of its own, such as that of a micro-op issued in the same cycle as the one before, is hit by directed arrivals only.
//!
//! Of a boundary with few visits all are kept. Of one with many, instants are drawn uniformly from its time, by reservoirs of
//! one instant each: after item x the next to be taken is `floor(x / U) + 1`, so nothing is drawn for those between.

use std::collections::BTreeMap;
use std::sync::Arc;

use sim_core::isa::{ContextKind, MarkKind, Pc};
use sim_core::ports::{Probe, Stand};
use sim_core::rng::Stream;
use sim_core::time::Cycle;

/// Boundaries remembered per core, for computed spins: the longest loop that is computed.
const RECENT: usize = 256;

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

/// A reservoir of one instant of a boundary's time.
#[derive(Clone, Copy, Debug)]
struct Slot {
    next: u64,
    site: Option<Site>,
}

/// What is known of a place.
#[derive(Clone, Debug)]
pub struct Stratum {
    /// Where.
    pub place: Place,
    /// Times it was come to.
    pub visits: u64,
    /// Cycles in which arrivals would land here.
    pub cycles: u64,
    /// The first visits.
    first: Vec<Site>,
    slots: Vec<Slot>,
    next: u64,
    stream: Stream,
}

impl Stratum {
    fn new(place: Place, slots: u64, seed: u64) -> Stratum {
        let component = u64::from(place.pc) << 8 | (place.kind as u64) << 4 | place.stand as u64;
        Stratum {
            place,
            visits: 0,
            cycles: 0,
            first: Vec::new(),
            slots: vec![Slot { next: 1, site: None }; slots as usize],
            next: 1,
            stream: Stream::derive(seed, component, "landing"),
        }
    }

    /// `n` visits of `window` cycles each, the first of which ends at `at`, `period` cycles apart.
    fn add(&mut self, core: usize, at: Cycle, window: u64, (period, n): (u64, u64), keep: usize) {
        let place = self.place;
        let site = |i: u64, at: Cycle| Site { at: at.after(i * period), core, place, cycles: window };
        let mut i = 0;
        while self.first.len() < keep && i < n {
            self.first.push(site(i, at));
            i += 1;
        }
        let before = self.cycles;
        self.visits += n;
        self.cycles += window * n;
        if self.cycles < self.next || self.slots.is_empty() {
            return;
        }
        self.next = u64::MAX;
        for slot in &mut self.slots {
            while slot.next <= self.cycles {
                let nth = slot.next - before - 1;
                let (i, offset) = (nth / window, nth % window);
                let end = if place.stand == Stand::Before { at } else { Cycle(at.0 - window + 1 + offset) };
                slot.site = Some(site(i, end));
                let u = u128::from(self.stream.next_u64() >> 32) + 1;
                let next = (u128::from(slot.next) << 32) / u + 1;
                slot.next = u64::try_from(next).unwrap_or(u64::MAX);
            }
            self.next = self.next.min(slot.next);
        }
    }

    /// Every visit, if there were at most `most` and each is one boundary; else nothing.
    #[must_use]
    pub fn every_visit(&self, most: u64) -> Option<&[Site]> {
        let all = self.place.stand == Stand::Before && self.visits <= most && self.first.len() as u64 == self.visits;
        all.then_some(&self.first)
    }

    /// The first visits of a place in which no time is spent.
    #[must_use]
    pub fn first_visits(&self) -> &[Site] {
        &self.first
    }

    /// Instants drawn from its time.
    pub fn drawn(&self) -> impl Iterator<Item = Site> {
        self.slots.iter().filter_map(|s| s.site)
    }
}

#[derive(Clone, Debug)]
struct OfCore {
    wanted: bool,
    /// The last boundary.
    last: Cycle,
    kinds: Vec<ContextKind>,
    /// The last boundaries, as a ring: where, when, cycles.
    recent: Vec<(Pc, Cycle, u64)>,
    at: usize,
    asleep: bool,
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
    /// `[(micro-op * kinds + kind) * 2 + within]`: number of the stratum plus one.
    index: Vec<u32>,
    strata: Vec<Stratum>,
    keep: usize,
    slots: Arc<BTreeMap<Place, u64>>,
    seed: u64,
    spent: Spent,
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
    /// Seed of the run.
    pub seed: u64,
}

impl Residency {
    /// A watch that draws as many instants from each place as `slots` says; none from others.
    #[must_use]
    pub fn new(w: &Watched, slots: Arc<BTreeMap<Place, u64>>) -> Residency {
        let core = |wanted: &bool| OfCore {
            wanted: *wanted,
            last: Cycle(0),
            kinds: vec![ContextKind::Task],
            recent: Vec::new(),
            at: 0,
            asleep: false,
        };
        Residency {
            until: w.until,
            blocks: w.is_nmi,
            path: Arc::clone(&w.path),
            cores: w.cores.iter().map(core).collect(),
            index: vec![0; w.path.len() * ContextKind::ALL.len() * 2],
            strata: Vec::new(),
            keep: w.keep as usize,
            slots,
            seed: w.seed,
            spent: Spent::default(),
            attempts: 0,
        }
    }

    /// Places that were come to, in the order of the program.
    #[must_use]
    pub fn strata(&self) -> Vec<&Stratum> {
        let mut all: Vec<&Stratum> = self.strata.iter().collect();
        all.sort_unstable_by_key(|s| s.place);
        all
    }

    /// Where the time went.
    #[must_use]
    pub fn spent(&self) -> Spent {
        self.spent
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
            }
        }
    }

    fn add(&mut self, core: usize, place: Place, at: Cycle, window: u64, repeated: (u64, u64)) {
        let within = usize::from(place.stand != Stand::Before);
        let key = (place.pc as usize * ContextKind::ALL.len() + place.kind as usize) * 2 + within;
        if self.index[key] == 0 {
            self.strata.push(Stratum::new(place, self.slots.get(&place).copied().unwrap_or(0), self.seed));
            self.index[key] = self.strata.len() as u32;
        }
        self.strata[self.index[key] as usize - 1].add(core, at, window, repeated, self.keep);
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
        if c.recent.len() < RECENT {
            c.recent.push((pc, at, window));
        } else {
            c.recent[c.at] = (pc, at, window);
        }
        c.at = (c.at + 1) % RECENT;
        c.asleep = stand == Stand::Asleep;
        if blocked {
            self.spent.blocked += window;
        } else if stand == Stand::Asleep {
            self.spent.asleep += window;
        } else if late || !self.path[pc as usize] {
            self.spent.elsewhere += window;
        } else {
            self.spent.path += window;
            self.add(core, Place { pc, kind, stand }, at, window, (0, 1));
        }
    }

    fn computed(&mut self, from: Cycle, core: usize, period: u64, ops: u64, iterations: u64) {
        let blocked = self.blocked(core);
        let c = &mut self.cores[core];
        if !c.wanted || c.last >= self.until {
            return;
        }
        // Whole iterations before the end, and what is left of one that crosses it.
        let n = iterations.min(self.until.since(c.last) / period);
        let rest = if n < iterations { self.until.since(c.last) - n * period } else { 0 };
        let ops = ops as usize;
        let len = c.recent.len();
        assert!(ops <= len && ops <= RECENT, "a spin was executed before it is computed");
        let last: Vec<(Pc, Cycle, u64)> = (0..ops).map(|i| c.recent[(c.at + len - ops + i) % len]).collect();
        assert_eq!(last.iter().map(|r| r.2).sum::<u64>(), period, "one iteration is like the one before");
        c.last = c.last.after(n * period + rest);
        let kind = c.kinds.last().copied().unwrap_or(ContextKind::Task);
        let head = last[0].1;
        self.spent.elsewhere += rest;
        for (pc, at, window) in last {
            let first = Cycle(from.0 + at.since(head));
            if blocked {
                self.spent.blocked += window * n;
            } else if !self.path[pc as usize] {
                self.spent.elsewhere += window * n;
            } else {
                self.spent.path += window * n;
                self.add(core, Place { pc, kind, stand: Stand::Before }, first, window, (period, n));
            }
        }
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
