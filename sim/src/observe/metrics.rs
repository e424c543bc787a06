// SPDX-License-Identifier: MIT OR Apache-2.0
//! Measures locks, fairness, waiting and interrupts while a machine runs; what exactly is said at
//! [`reports::metrics`].
//!
//! Everything is an array by lock, CPU or context; maps are made when the run is over. An acquisition costs two steps through
//! the attempts in progress on its lock that began earlier, which for a queue lock are none.

use std::collections::{BTreeMap, VecDeque};

use reports::Tally;
use reports::metrics::{CpuCounts, LockMetrics, Metrics, NO_DETECTOR, Waiting};
use sim_core::isa::{ContextKind, Detector, MarkKind};
use sim_core::ports::Taken;
use sim_core::recur::{Recur, Walk};
use sim_core::time::{Clock, Cycle};

use super::klog::{KernelView, KernelWatch};
use super::recur::tally;
use super::{Ending, SeenMark};

/// Detectors by number; 0 is none.
const DETECTORS: usize = Detector::ALL.len() + 1;

/// An attempt in progress, as its lock sees it.
#[derive(Clone, Copy, Debug)]
struct Waiter {
    cpu: u32,
    depth: u32,
    bypassed: u64,
}

#[derive(Clone, Debug)]
struct Lock {
    address: u64,
    /// Attempts in progress, in the order in which they began.
    waiters: VecDeque<Waiter>,
    attempts: u64,
    held_since: Option<Cycle>,
    /// The last release, if somebody was waiting then and nobody has taken the lock since.
    released: Option<Cycle>,
    handoff_ns: Tally,
    hold_ns: Tally,
    queue_length: Tally,
    bypassed: Tally,
}

/// A context on a CPU's stack.
#[derive(Clone, Copy, Debug)]
struct Level {
    kind: ContextKind,
    entered: Cycle,
    /// Lock (its place) and begin of the attempt in progress.
    attempt: Option<(usize, Cycle)>,
    /// First `wait` mark of the attempt.
    waits_since: Option<Cycle>,
    /// Cycles since then in which something else ran on top.
    interrupted: u64,
}

/// One CPU in one context.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    attempts: u64,
    acquisitions: u64,
    longest: u64,
}

/// Attempts of one kind of context that waited.
#[derive(Clone, Debug, Default)]
struct Waits {
    lost_ns: Tally,
    interrupted: u64,
}

/// Follows a run. What is measured is defined at [`reports::metrics`].
#[derive(Clone, Debug)]
pub struct Meter {
    clock: Clock,
    locks: Vec<Lock>,
    /// Place of the lock looked up last.
    recent: usize,
    /// `[cpu]`: contexts, outermost first.
    stacks: Vec<Vec<Level>>,
    /// `[cpu][context kind]`
    shares: Vec<[Share; 4]>,
    /// `[context kind][ending][detector]`
    results: [[[u64; DETECTORS]; 4]; 4],
    /// `[context kind]`
    waits: [Waits; 4],
    /// `[context kind]`
    latency_ns: [Tally; 4],
    /// What a kernel would print.
    pub kernel: KernelWatch,
}

impl Meter {
    /// A meter of a machine of `cpus` cores at cycle 0.
    #[must_use]
    pub fn new(cpus: usize, clock: Clock, view: KernelView) -> Meter {
        Meter {
            clock,
            locks: Vec::new(),
            recent: 0,
            stacks: vec![vec![Level::new(ContextKind::Task, Cycle(0))]; cpus],
            shares: vec![Default::default(); cpus],
            results: Default::default(),
            waits: Default::default(),
            latency_ns: Default::default(),
            kernel: KernelWatch::new(cpus, clock, view),
        }
    }

    /// A context executed a mark.
    pub fn mark(&mut self, m: &SeenMark) {
        let Some(level) = self.stacks[m.core].last_mut() else { return };
        match m.kind {
            MarkKind::Attempt => {
                // One attempt at a time; a program that breaks this rule is stopped by the oracle.
                if level.attempt.is_none() {
                    let kind = level.kind;
                    self.begin(m, kind);
                }
            }
            MarkKind::Wait => {
                if level.attempt.is_some() && level.waits_since.is_none() {
                    (level.waits_since, level.interrupted) = (Some(m.at), 0);
                }
            }
            MarkKind::Held => self.end(m.core, m.at, Ending::Held, 0),
            MarkKind::Failed => {
                let ending = Ending::of_error(m.args[1]);
                let detector = Detector::from_number(m.args[2]).map_or(0, |d| d as usize);
                self.end(m.core, m.at, ending, detector);
            }
            MarkKind::Released => {
                let i = self.lock(m.args[0]);
                let lock = &mut self.locks[i];
                if let Some(since) = lock.held_since.take() {
                    lock.hold_ns.record(self.clock.nanos(Cycle(m.at.since(since))));
                }
                lock.released = (!lock.waiters.is_empty()).then_some(m.at);
            }
            MarkKind::Enter => {
                let kind = level.kind;
                self.stacks[m.core].push(Level::new(kind, m.at));
            }
            MarkKind::Leave => self.pop(m.core, m.at),
            MarkKind::Queued | MarkKind::Resumed | MarkKind::Check | MarkKind::Found | MarkKind::Note => {}
        }
    }

    /// An interrupt was taken.
    pub fn taken(&mut self, at: Cycle, cpu: usize, taken: &Taken) {
        let first = at.after(taken.entry_cycles);
        self.latency_ns[taken.kind as usize].record(self.clock.nanos(Cycle(first.since(taken.pending_since))));
        self.stacks[cpu].push(Level::new(taken.kind, at));
        self.kernel.taken(at, cpu, taken);
    }

    /// The topmost handler returned at `at`; what it interrupted goes on at `resumed`.
    pub fn leave(&mut self, at: Cycle, cpu: usize, kind: ContextKind, resumed: Cycle) {
        self.pop(cpu, resumed);
        self.kernel.leave(at, cpu, kind);
    }

    /// Ends what has not ended by `end`.
    pub fn close(&mut self, end: Cycle) {
        for cpu in 0..self.stacks.len() {
            while !self.stacks[cpu].is_empty() {
                self.end(cpu, end, Ending::Unfinished, 0);
                self.pop(cpu, end);
            }
        }
    }

    fn begin(&mut self, m: &SeenMark, kind: ContextKind) {
        let depth = self.stacks[m.core].len() as u32;
        let i = self.lock(m.args[0]);
        let lock = &mut self.locks[i];
        lock.attempts += 1;
        lock.queue_length.record(lock.waiters.len() as u64);
        lock.waiters.push_back(Waiter { cpu: m.core as u32, depth, bypassed: 0 });
        self.shares[m.core][kind as usize].attempts += 1;
        if let Some(level) = self.stacks[m.core].last_mut() {
            (level.attempt, level.waits_since) = (Some((i, m.at)), None);
        }
    }

    /// The attempt of the running context of `cpu` ends, if there is one.
    fn end(&mut self, cpu: usize, at: Cycle, ending: Ending, detector: usize) {
        let depth = self.stacks[cpu].len() as u32;
        let Some(level) = self.stacks[cpu].last_mut() else { return };
        let Some((lock, began)) = level.attempt.take() else { return };
        let (kind, interrupted) = (level.kind, level.interrupted);
        if let Some(since) = level.waits_since.take() {
            let waits = &mut self.waits[kind as usize];
            waits.lost_ns.record(self.clock.nanos(Cycle(at.since(since).saturating_sub(interrupted))));
            waits.interrupted += interrupted;
        }
        let lasted = at.since(began);
        let share = &mut self.shares[cpu][kind as usize];
        share.longest = share.longest.max(lasted);
        share.acquisitions += u64::from(ending == Ending::Held);
        self.results[kind as usize][ending as usize][detector] += 1;
        if ending != Ending::Unfinished {
            self.kernel.attempt(cpu, kind, self.clock.nanos(Cycle(lasted)), ending == Ending::Held);
        }
        let place = self.remove(lock, cpu as u32, depth);
        if ending != Ending::Held {
            return;
        }
        let lock = &mut self.locks[lock];
        if let Some((place, waiter)) = place {
            lock.waiters.iter_mut().take(place).for_each(|w| w.bypassed += 1);
            lock.bypassed.record(waiter.bypassed);
        }
        lock.held_since = Some(at);
        if let Some(released) = lock.released.take() {
            lock.handoff_ns.record(self.clock.nanos(Cycle(at.since(released))));
        }
    }

    /// Takes an attempt out of the list of its lock: how many in the list began before it, and what was kept of it.
    fn remove(&mut self, lock: usize, cpu: u32, depth: u32) -> Option<(usize, Waiter)> {
        let waiters = &mut self.locks[lock].waiters;
        let place = waiters.iter().position(|w| (w.cpu, w.depth) == (cpu, depth))?;
        Some((place, waiters.remove(place)?))
    }

    /// The topmost context of `cpu` has ended; the one below has been interrupted until `resumed`.
    fn pop(&mut self, cpu: usize, resumed: Cycle) {
        let Some(top) = self.stacks[cpu].pop() else { return };
        if let Some(below) = self.stacks[cpu].last_mut()
            && below.waits_since.is_some()
        {
            below.interrupted += resumed.since(top.entered);
        }
    }

    /// Place of a lock. Experiments have few.
    fn lock(&mut self, address: u64) -> usize {
        if self.locks.get(self.recent).is_some_and(|l| l.address == address) {
            return self.recent;
        }
        self.recent = self.locks.iter().position(|l| l.address == address).unwrap_or_else(|| {
            self.locks.push(Lock::new(address));
            self.locks.len() - 1
        });
        self.recent
    }

    /// The record's form, for these kinds of context; `name` gives a lock's.
    #[must_use]
    pub fn metrics(&self, kinds: &[ContextKind], name: impl Fn(u64) -> String) -> Metrics {
        let mut locks: BTreeMap<String, LockMetrics> = BTreeMap::new();
        for l in self.locks.iter().filter(|l| l.attempts > 0) {
            locks.entry(name(l.address)).or_default().add(&l.metrics());
        }
        let by = |k: &ContextKind| (k.name().to_owned(), *k as usize);
        let cpus = kinds.iter().map(by).map(|(name, k)| (name, self.cpu_counts(k)));
        let results = kinds.iter().map(by).map(|(name, k)| (name, results(&self.results[k])));
        let waiting = kinds.iter().map(by).map(|(name, k)| {
            let w = &self.waits[k];
            let interrupted_ns = self.clock.nanos(Cycle(w.interrupted));
            (name, Waiting { lost_ns: w.lost_ns.histogram(), interrupted_ns })
        });
        let handlers = kinds.iter().filter(|k| **k != ContextKind::Task).map(by);
        Metrics {
            locks,
            cpus: cpus.collect(),
            attempts_by: results.collect(),
            waiting: waiting.collect(),
            interrupt_latency_ns: handlers.map(|(name, k)| (name, self.latency_ns[k].histogram())).collect(),
        }
    }

    fn cpu_counts(&self, kind: usize) -> CpuCounts {
        let each = |part: fn(&Share) -> u64| self.shares.iter().map(|s| part(&s[kind])).collect();
        CpuCounts {
            attempts: each(|s| s.attempts),
            acquisitions: each(|s| s.acquisitions),
            longest_ns: self.shares.iter().map(|s| self.clock.nanos(Cycle(s[kind].longest))).collect(),
        }
    }
}

impl Recur for Meter {
    fn walk(&mut self, w: &mut Walk) {
        let Meter { clock: _, locks, recent, stacks, shares, results, waits, latency_ns, kernel } = self;
        w.each(locks, Lock::walk);
        w.word(*recent as u64);
        for stack in stacks {
            let mut is_task = true;
            w.each(stack, |Level { kind, entered, attempt, waits_since, interrupted }, w| {
                w.word(*kind as u64);
                if std::mem::take(&mut is_task) {
                    w.word(entered.0)
                } else {
                    w.moment(entered)
                }
                w.option(attempt, |(lock, began), w| {
                    w.word(*lock as u64);
                    w.moment(began);
                });
                w.option(waits_since, |at, w| w.moment(at));
                w.word(*interrupted);
            });
        }
        for Share { attempts, acquisitions, longest } in shares.iter_mut().flatten() {
            w.count(attempts);
            w.count(acquisitions);
            w.word(*longest);
        }
        results.iter_mut().flatten().flatten().for_each(|n| w.count(n));
        for Waits { lost_ns, interrupted } in waits {
            tally(lost_ns, w);
            w.count(interrupted);
        }
        latency_ns.iter_mut().for_each(|t| tally(t, w));
        kernel.walk(w);
    }
}

impl Lock {
    fn walk(&mut self, w: &mut Walk) {
        let Lock { address, waiters, attempts, held_since, released, handoff_ns, hold_ns, queue_length, bypassed } =
            self;
        w.word(*address);
        w.each(waiters, |Waiter { cpu, depth, bypassed }, w| {
            w.word(u64::from(*cpu) << 32 | u64::from(*depth));
            w.word(*bypassed);
        });
        w.count(attempts);
        w.option(held_since, |at, w| w.moment(at));
        w.option(released, |at, w| w.moment(at));
        [handoff_ns, hold_ns, queue_length, bypassed].into_iter().for_each(|t| tally(t, w));
    }
}

impl Level {
    const fn new(kind: ContextKind, entered: Cycle) -> Level {
        Level { kind, entered, attempt: None, waits_since: None, interrupted: 0 }
    }
}

impl Lock {
    fn new(address: u64) -> Lock {
        Lock {
            address,
            waiters: VecDeque::new(),
            attempts: 0,
            held_since: None,
            released: None,
            handoff_ns: Tally::new(),
            hold_ns: Tally::new(),
            queue_length: Tally::new(),
            bypassed: Tally::new(),
        }
    }

    fn metrics(&self) -> LockMetrics {
        let bypassed = self.bypassed.histogram();
        LockMetrics {
            attempts: self.attempts,
            acquisitions: bypassed.count(),
            handoff_ns: self.handoff_ns.histogram(),
            hold_ns: self.hold_ns.histogram(),
            queue_length: self.queue_length.histogram(),
            bypassed,
        }
    }
}

/// By result and detector; with zeros for all that an ending can have.
fn results(counts: &[[u64; DETECTORS]; 4]) -> BTreeMap<String, BTreeMap<String, u64>> {
    let name = |d: usize| Detector::from_number(d as u64).map_or(NO_DETECTOR, Detector::name).to_owned();
    let of = |ending: Ending| {
        let counts = &counts[ending as usize];
        let wanted = move |d: &usize| counts[*d] > 0 || ending.can_come_from(Detector::from_number(*d as u64));
        (ending.name().to_owned(), (0..DETECTORS).filter(wanted).map(|d| (name(d), counts[d])).collect())
    };
    Ending::ALL.into_iter().map(of).collect()
}

#[cfg(test)]
mod tests;
