// SPDX-License-Identifier: MIT OR Apache-2.0
//! Per-core delivery: latch, flag, priorities, blocking, costs.
//!
//! At a boundary the first of these that is latched and allowed is delivered:
//!
//! | kind | allowed | flag in its handler |
//! |---|---|---|
//! | NMI | no NMI handler is running | clear |
//! | maskable | the flag is set, no NMI handler is running, and every maskable handler running has a lower priority | clear |
//! | soft | the flag is set and no handler is running at all | set |
//!
//! Among maskable ones the highest priority goes first, then the order of the experiment. An interrupt that arrives
//! while one of the same source is latched is lost in it and counted. A soft interrupt raised by a maskable handler is
//! thus delivered at the boundary to which the outermost handler returns, and one raised in its own handler comes
//! once more. Not modelled: the kernel's limit on such repetitions, after which a thread takes over; task-priority registers.

use std::collections::VecDeque;

use sim_core::isa::{ContextKind, Pc};
use sim_core::ports::{InterruptPort, Taken, Target};
use sim_core::recur::{Recur, Walk};
use sim_core::rng::Stream;
use sim_core::time::Cycle;

use crate::arrival::{Arrivals, Process};

/// What kind of interrupt a source raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vector {
    /// Non-maskable: ignores the flag, blocked from delivery to return.
    Nmi,
    /// Maskable, with this priority: needs the flag, and no handler of this or a higher priority running.
    Irq(u8),
    /// Soft: needs the flag, and no handler running.
    Soft,
}

impl Vector {
    /// Kind of the context its handler runs in.
    #[must_use]
    pub const fn kind(self) -> ContextKind {
        match self {
            Vector::Nmi => ContextKind::Nmi,
            Vector::Irq(_) => ContextKind::Hardirq,
            Vector::Soft => ContextKind::Softirq,
        }
    }

    /// Order of delivery among those that are allowed.
    #[must_use]
    pub const fn rank(self) -> u16 {
        match self {
            Vector::Nmi => 0x200,
            Vector::Irq(priority) => 0x100 + priority as u16,
            Vector::Soft => 0,
        }
    }
}

/// Costs of taking interrupts, in core cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterruptCosts {
    /// From the boundary to the first micro-op of an NMI handler.
    pub nmi_entry: u64,
    /// From the end of an NMI handler to the interrupted boundary.
    pub nmi_exit: u64,
    /// As `nmi_entry`, for maskable interrupts.
    pub irq_entry: u64,
    /// As `nmi_exit`, for maskable interrupts.
    pub irq_exit: u64,
    /// As `nmi_entry`, for soft interrupts: part of the way out of the handler before.
    pub soft_entry: u64,
    /// As `nmi_exit`, for soft interrupts.
    pub soft_exit: u64,
    /// From the event at the source to the core seeing it.
    pub delivery: u64,
    /// From a core's sending an interrupt to another core's (or its own) seeing it, at least 1.
    pub ipi: u64,
}

/// A source of interrupts on one core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Name in the experiment; also names its random stream.
    pub name: String,
    /// Number by which programs send it; the same on every core.
    pub number: u64,
    /// Kind.
    pub vector: Vector,
    /// Handler, index into the program's procedures.
    pub handler: u16,
    /// When it arrives.
    pub process: Process,
}

/// What a source did on one core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceStats {
    /// Interrupts delivered.
    pub taken: u64,
    /// Arrivals lost because one of this source was already latched.
    pub coalesced: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    vector: Vector,
    number: u64,
    handler: u16,
    arrivals: Arrivals,
    /// When those sent by cores will be seen, ascending: all take the same time.
    sent: VecDeque<Cycle>,
    pending: bool,
    /// When it became pending; stale while it is not.
    pending_since: Cycle,
    stats: SourceStats,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Unit {
    lines: Vec<Line>,
    flag: bool,
    /// Handlers running, outermost first: what they serve and the flag to restore.
    stack: Vec<(Vector, bool)>,
    /// Cached answer of `attention`.
    attention: Cycle,
}

/// All cores' controllers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controllers {
    costs: InterruptCosts,
    units: Vec<Unit>,
    /// Cores to which something was sent since the machine last asked.
    receivers: Vec<usize>,
}

impl Controllers {
    /// Arrivals not drawn yet come from the streams of another seed from here on.
    pub fn reseed(&mut self, seed: u64) {
        for (core, unit) in self.units.iter_mut().enumerate() {
            for line in &mut unit.lines {
                line.arrivals.reseed(Stream::derive(seed, core as u64, &format!("interrupt {}", line.number)));
            }
        }
    }

    /// Controllers for `sources[core]`; nothing arrives from `until` on.
    #[must_use]
    pub fn new(costs: InterruptCosts, sources: &[Vec<Source>], seed: u64, until: Cycle) -> Controllers {
        let units = sources.iter().enumerate().map(|(core, list)| {
            let lines = list.iter().map(|s| {
                let stream = Stream::derive(seed, core as u64, &format!("interrupt {}", s.name));
                let arrivals = Arrivals::new(s.process.clone(), stream, until);
                Line {
                    vector: s.vector,
                    number: s.number,
                    handler: s.handler,
                    arrivals,
                    sent: VecDeque::new(),
                    pending: false,
                    pending_since: Cycle(0),
                    stats: SourceStats::default(),
                }
            });
            let mut unit = Unit { lines: lines.collect(), flag: true, stack: Vec::new(), attention: Cycle::NEVER };
            unit.refresh(costs.delivery);
            unit
        });
        Controllers { costs, units: units.collect(), receivers: Vec::new() }
    }

    /// Boundaries that directed arrivals watch, in no particular order.
    pub fn watched(sources: &[Vec<Source>]) -> Vec<Pc> {
        let directed = |s: &Source| match s.process {
            Process::Directed { pc, .. } => Some(pc),
            _ => None,
        };
        sources.iter().flatten().filter_map(directed).collect()
    }

    /// `[source of the core]`: counts so far.
    #[must_use]
    pub fn stats(&self, core: usize) -> Vec<SourceStats> {
        self.units[core].lines.iter().map(|l| l.stats).collect()
    }

    /// Arrivals of a core that were lost in the latch, all sources of this kind of handler.
    #[must_use]
    pub fn coalesced(&self, core: usize, kind: ContextKind) -> u64 {
        self.units[core].lines.iter().filter(|l| l.vector.kind() == kind).map(|l| l.stats.coalesced).sum()
    }

    /// True if some source of some core starts a handler of this kind.
    #[must_use]
    pub fn serves(&self, kind: ContextKind) -> bool {
        self.units.iter().flat_map(|u| &u.lines).any(|l| l.vector.kind() == kind)
    }

    /// From when on no interrupt can be taken by a core in the state it is in, if it neither returns from the handler
    /// it is in nor changes its flag, and nobody sends it one; `None` if one is due.
    #[must_use]
    pub fn silent_from(&self, core: usize) -> Option<Cycle> {
        let unit = &self.units[core];
        let mut from = Cycle(0);
        for l in unit.lines.iter().filter(|l| unit.may_deliver(l.vector)) {
            if l.pending || !l.sent.is_empty() {
                return None;
            }
            from = from.max(l.arrivals.silent_from()?);
        }
        Some(from)
    }

    /// Cycles from a core's sending an interrupt to another's seeing it, at least 1.
    #[must_use]
    pub fn sending_takes(&self) -> u64 {
        self.costs.ipi.max(1)
    }

    /// Takes the cores to which something was sent since the last call, for the machine to look at their wake-ups.
    pub fn take_receivers(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.receivers)
    }

    /// Latches an interrupt of source `source` of `core` at `now`, for the next boundary, as a directed
    /// arrival would. For forced landings.
    pub fn raise(&mut self, core: usize, source: usize, now: Cycle) {
        let unit = &mut self.units[core];
        unit.lines[source].latch(now);
        unit.refresh(self.costs.delivery);
    }

    /// Lets an interrupt of source `source` of `core` arrive at `at`, whatever the core does then. For forced landings.
    pub fn arrive(&mut self, core: usize, source: usize, at: Cycle) {
        let unit = &mut self.units[core];
        let sent = &mut unit.lines[source].sent;
        let place = sent.partition_point(|s| *s <= at);
        sent.insert(place, at);
        unit.refresh(self.costs.delivery);
    }

    /// The source of `core` with this number in the experiment.
    #[must_use]
    pub fn source(&self, core: usize, number: u64) -> Option<usize> {
        self.units[core].lines.iter().position(|l| l.number == number)
    }

    /// When something arrives by itself next, whether or not its core takes it then.
    #[must_use]
    pub fn next_arrival(&self) -> Cycle {
        let lines = self.units.iter().flat_map(|u| &u.lines);
        lines.map(|l| l.arrivals.next).fold(Cycle::NEVER, Cycle::min)
    }

    /// Nothing arrives by itself from `until` on.
    pub fn stop(&mut self, until: Cycle) {
        for unit in &mut self.units {
            unit.lines.iter_mut().for_each(|l| l.arrivals.stop(until));
            unit.refresh(self.costs.delivery);
        }
    }
}

impl Recur for Controllers {
    fn walk(&mut self, w: &mut Walk) {
        let Controllers { costs, units, receivers } = self;
        if !receivers.is_empty() {
            w.refuse();
        }
        for unit in units {
            let Unit { lines, flag, stack, attention: _ } = &mut *unit;
            for Line { vector: _, number: _, handler: _, arrivals, sent, pending, pending_since, stats } in lines {
                arrivals.walk(w);
                w.each(sent, |at, w| w.moment(at));
                w.flag(*pending);
                if *pending {
                    w.moment(pending_since);
                }
                let SourceStats { taken, coalesced } = stats;
                w.count(taken);
                w.count(coalesced);
            }
            w.flag(*flag);
            w.each(stack, |(vector, flag), w| {
                w.word(u64::from(vector.rank()));
                w.flag(*flag);
            });
            unit.refresh(costs.delivery);
        }
    }
}

impl Line {
    /// An interrupt has arrived at `at`. The latch looks at its two ways in one after the other, so what it finds second
    /// may have arrived first.
    fn latch(&mut self, at: Cycle) {
        if std::mem::replace(&mut self.pending, true) {
            self.stats.coalesced += 1;
            self.pending_since = self.pending_since.min(at);
        } else {
            self.pending_since = at;
        }
    }
}

impl Unit {
    fn in_nmi(&self) -> bool {
        self.stack.iter().any(|(v, _)| *v == Vector::Nmi)
    }

    fn may_deliver(&self, vector: Vector) -> bool {
        match vector {
            Vector::Nmi => !self.in_nmi(),
            // Soft interrupts rank below every maskable one.
            Vector::Irq(_) => self.flag && self.stack.iter().all(|(v, _)| v.rank() < vector.rank()),
            Vector::Soft => self.flag && self.stack.is_empty(),
        }
    }

    fn refresh(&mut self, delivery: u64) {
        let mut at = Cycle::NEVER;
        for l in &self.lines {
            if self.may_deliver(l.vector) {
                let sent = l.sent.front().copied().unwrap_or(Cycle::NEVER);
                at = at.min(if l.pending { Cycle(0) } else { l.arrivals.next.after(delivery).min(sent) });
            }
        }
        self.attention = at;
    }

    /// Latches everything that has arrived by `now`.
    fn absorb(&mut self, now: Cycle, delivery: u64) {
        for l in &mut self.lines {
            while l.arrivals.next.after(delivery) <= now && l.arrivals.next != Cycle::NEVER {
                l.latch(l.arrivals.next.after(delivery));
                l.arrivals.advance();
            }
            while let Some(&at) = l.sent.front().filter(|at| **at <= now) {
                l.sent.pop_front();
                l.latch(at);
            }
        }
    }
}

impl InterruptPort for Controllers {
    #[inline]
    fn attention(&self, core: usize) -> Cycle {
        self.units[core].attention
    }

    fn take(&mut self, core: usize, now: Cycle) -> Option<Taken> {
        let costs = self.costs;
        let unit = &mut self.units[core];
        unit.absorb(now, costs.delivery);
        let ready = |l: &Line| l.pending && unit.may_deliver(l.vector);
        let chosen = (0..unit.lines.len())
            .filter(|&i| ready(&unit.lines[i]))
            .max_by_key(|&i| (unit.lines[i].vector.rank(), std::cmp::Reverse(i)));
        let taken = chosen.map(|i| {
            let line = &mut unit.lines[i];
            line.pending = false;
            line.stats.taken += 1;
            let (entry_cycles, exit_cycles) = match line.vector {
                Vector::Nmi => (costs.nmi_entry, costs.nmi_exit),
                Vector::Irq(_) => (costs.irq_entry, costs.irq_exit),
                Vector::Soft => (costs.soft_entry, costs.soft_exit),
            };
            let (vector, handler, kind) = (line.vector, line.handler, line.vector.kind());
            let (number, pending_since) = (line.number, line.pending_since);
            unit.stack.push((vector, unit.flag));
            unit.flag = vector == Vector::Soft;
            if kind == ContextKind::Nmi {
                unit.lines.iter_mut().for_each(|l| l.arrivals.freeze(now));
            }
            Taken { kind, handler, entry_cycles, exit_cycles, number, pending_since }
        });
        unit.refresh(costs.delivery);
        taken
    }

    fn leave(&mut self, core: usize, now: Cycle) {
        let unit = &mut self.units[core];
        let (_, flag) = unit.stack.pop().expect("a handler returns only after it was entered");
        unit.flag = flag;
        if !unit.in_nmi() {
            // A counter whose own interrupt is still waiting goes on standing still.
            unit.lines.iter_mut().filter(|l| !l.pending).for_each(|l| l.arrivals.thaw(now));
        }
        unit.refresh(self.costs.delivery);
    }

    fn set_flag(&mut self, core: usize, enabled: bool) -> bool {
        let unit = &mut self.units[core];
        let before = std::mem::replace(&mut unit.flag, enabled);
        unit.refresh(self.costs.delivery);
        before
    }

    fn set_halted(&mut self, core: usize, now: Cycle, halted: bool) {
        let unit = &mut self.units[core];
        // An NMI that wakes the core has been taken already, and counters stand still in its handler.
        let counts = !unit.in_nmi();
        for l in &mut unit.lines {
            if halted {
                l.arrivals.freeze(now);
            } else if counts {
                l.arrivals.thaw(now);
            }
        }
        unit.refresh(self.costs.delivery);
    }

    fn reached(&mut self, core: usize, pc: Pc, now: Cycle) {
        let unit = &mut self.units[core];
        for l in &mut unit.lines {
            if l.arrivals.reached(pc, now) {
                l.latch(now);
            }
        }
        unit.refresh(self.costs.delivery);
    }

    fn send(&mut self, core: usize, line: u64, to: Target, now: Cycle) {
        let sending_takes = self.sending_takes();
        for (i, unit) in self.units.iter_mut().enumerate() {
            let wanted = match to {
                Target::Core(c) => c == i as u64,
                Target::Others => i != core,
                Target::All => true,
                Target::Own => i == core,
            };
            if !wanted {
                continue;
            }
            for l in unit.lines.iter_mut().filter(|l| l.number == line) {
                if to == Target::Own {
                    l.latch(now);
                } else {
                    l.sent.push_back(now.after(sending_takes));
                }
            }
            unit.refresh(self.costs.delivery);
            if i != core {
                self.receivers.push(i);
            }
        }
    }

    fn has_sent(&self) -> bool {
        !self.receivers.is_empty()
    }
}

#[cfg(test)]
mod tests;
