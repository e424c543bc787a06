// SPDX-License-Identifier: MIT OR Apache-2.0
//! Per-core delivery: latch, flag, blocking, costs.

use sim_core::isa::{ContextKind, Pc};
use sim_core::ports::{InterruptPort, Taken};
use sim_core::rng::Stream;
use sim_core::time::Cycle;

use crate::arrival::{Arrivals, Process};

/// What kind of interrupt a source raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vector {
    /// Non-maskable: ignores the flag, blocked from delivery to return.
    Nmi,
    /// Maskable: needs the flag, and no other handler running.
    Irq,
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
    /// From the event at the source to the core seeing it.
    pub delivery: u64,
}

/// A source of interrupts on one core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Name in the experiment; also names its random stream.
    pub name: String,
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
    handler: u16,
    arrivals: Arrivals,
    pending: bool,
    stats: SourceStats,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Unit {
    lines: Vec<Line>,
    flag: bool,
    /// Handlers running, outermost first: kind and the flag to restore.
    stack: Vec<(ContextKind, bool)>,
    /// Cached answer of `attention`.
    attention: Cycle,
}

/// All cores' controllers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controllers {
    costs: InterruptCosts,
    units: Vec<Unit>,
}

impl Controllers {
    /// Controllers for `sources[core]`; nothing arrives from `until` on.
    #[must_use]
    pub fn new(costs: InterruptCosts, sources: &[Vec<Source>], seed: u64, until: Cycle) -> Controllers {
        let units = sources.iter().enumerate().map(|(core, list)| {
            let lines = list.iter().map(|s| {
                let stream = Stream::derive(seed, core as u64, &format!("interrupt {}", s.name));
                let arrivals = Arrivals::new(s.process, stream, until);
                Line { vector: s.vector, handler: s.handler, arrivals, pending: false, stats: SourceStats::default() }
            });
            let mut unit = Unit { lines: lines.collect(), flag: true, stack: Vec::new(), attention: Cycle::NEVER };
            unit.refresh(costs.delivery);
            unit
        });
        Controllers { costs, units: units.collect() }
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
        let vector = if kind == ContextKind::Nmi { Vector::Nmi } else { Vector::Irq };
        self.units[core].lines.iter().filter(|l| l.vector == vector).map(|l| l.stats.coalesced).sum()
    }

    /// Latches an interrupt of source `source` of `core` at the next boundary, as a directed
    /// arrival would. For forced landings.
    pub fn raise(&mut self, core: usize, source: usize) {
        let unit = &mut self.units[core];
        unit.lines[source].latch();
        unit.refresh(self.costs.delivery);
    }
}

impl Line {
    fn latch(&mut self) {
        if std::mem::replace(&mut self.pending, true) {
            self.stats.coalesced += 1;
        }
    }
}

impl Unit {
    fn in_nmi(&self) -> bool {
        self.stack.iter().any(|(k, _)| *k == ContextKind::Nmi)
    }

    fn may_deliver(&self, vector: Vector) -> bool {
        match vector {
            Vector::Nmi => !self.in_nmi(),
            Vector::Irq => self.flag && self.stack.is_empty(),
        }
    }

    fn refresh(&mut self, delivery: u64) {
        let mut at = Cycle::NEVER;
        for l in &self.lines {
            if self.may_deliver(l.vector) {
                at = at.min(if l.pending { Cycle(0) } else { l.arrivals.next.after(delivery) });
            }
        }
        self.attention = at;
    }

    /// Latches everything that has arrived by `now`.
    fn absorb(&mut self, now: Cycle, delivery: u64) {
        for l in &mut self.lines {
            while l.arrivals.next.after(delivery) <= now && l.arrivals.next != Cycle::NEVER {
                l.latch();
                l.arrivals.advance();
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
        let ready = |v: Vector| unit.lines.iter().position(|l| l.pending && l.vector == v && unit.may_deliver(v));
        let chosen = ready(Vector::Nmi).or_else(|| ready(Vector::Irq));
        let taken = chosen.map(|i| {
            let line = &mut unit.lines[i];
            line.pending = false;
            line.stats.taken += 1;
            let (kind, entry_cycles, exit_cycles) = match line.vector {
                Vector::Nmi => (ContextKind::Nmi, costs.nmi_entry, costs.nmi_exit),
                Vector::Irq => (ContextKind::Hardirq, costs.irq_entry, costs.irq_exit),
            };
            let handler = line.handler;
            unit.stack.push((kind, unit.flag));
            unit.flag = false;
            if kind == ContextKind::Nmi {
                unit.lines.iter_mut().for_each(|l| l.arrivals.freeze(now));
            }
            Taken { kind, handler, entry_cycles, exit_cycles }
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
                l.latch();
            }
        }
        unit.refresh(self.costs.delivery);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: InterruptCosts =
        InterruptCosts { nmi_entry: 100, nmi_exit: 50, irq_entry: 80, irq_exit: 40, delivery: 10 };

    fn unit(sources: &[(Vector, Process)]) -> Controllers {
        let list = sources
            .iter()
            .enumerate()
            .map(|(i, (vector, process))| Source {
                name: format!("s{i}"),
                vector: *vector,
                handler: i as u16,
                process: *process,
            })
            .collect();
        Controllers::new(COSTS, &[list], 1, Cycle::NEVER)
    }

    #[test]
    fn an_nmi_during_an_nmi_is_latched_once_and_delivered_after_the_return() {
        let mut c = unit(&[(Vector::Nmi, Process::Periodic { period: 100, jitter: 0, first: None })]);
        let first = c.attention(0);
        assert_eq!(c.take(0, first).map(|t| (t.kind, t.entry_cycles)), Some((ContextKind::Nmi, 100)));
        assert_eq!(c.attention(0), Cycle::NEVER);
        assert_eq!(c.take(0, first.after(350)), None); // three more arrived meanwhile
        c.leave(0, first.after(350));
        assert_eq!(c.attention(0), Cycle(0));
        assert!(c.take(0, first.after(350)).is_some());
        assert_eq!(c.stats(0), [SourceStats { taken: 2, coalesced: 2 }]);
    }

    #[test]
    fn the_flag_holds_back_a_timer_but_not_an_nmi() {
        let p = Process::Periodic { period: 100, jitter: 0, first: None };
        let mut c = unit(&[(Vector::Irq, p), (Vector::Nmi, p)]);
        assert!(c.set_flag(0, false));
        let t = Cycle(500);
        assert_eq!(c.take(0, t).map(|x| x.kind), Some(ContextKind::Nmi));
        c.leave(0, t);
        assert_eq!(c.take(0, t), None);
        assert!(!c.set_flag(0, true));
        assert_eq!(c.attention(0), Cycle(0));
        assert_eq!(c.take(0, t).map(|x| x.kind), Some(ContextKind::Hardirq));
    }

    #[test]
    fn the_flag_comes_back_as_it_was_when_a_handler_returns() {
        let p = Process::Periodic { period: 100, jitter: 0, first: None };
        let mut c = unit(&[(Vector::Irq, p)]);
        assert!(c.take(0, Cycle(200)).is_some());
        assert_eq!(c.attention(0), Cycle::NEVER);
        c.leave(0, Cycle(250));
        assert_ne!(c.attention(0), Cycle::NEVER);
    }

    #[test]
    fn an_overflow_counter_stands_still_in_its_handler_and_while_halted() {
        let mut c = unit(&[(Vector::Nmi, Process::Overflow { period: 1000, jitter: 0, first: None })]);
        let first = c.attention(0);
        assert!(c.take(0, first).is_some());
        c.leave(0, Cycle(9000));
        assert_eq!(c.attention(0), Cycle(9000 + 1000 + 10));
        c.set_halted(0, Cycle(9400), true);
        assert_eq!(c.attention(0), Cycle::NEVER);
        c.set_halted(0, Cycle(20_000), false);
        assert_eq!(c.attention(0), Cycle(20_000 + 600 + 10));
    }

    #[test]
    fn a_counter_stands_still_in_the_nmi_that_wakes_its_core() {
        let count = Process::Overflow { period: 1000, jitter: 0, first: Some(500) };
        let tick = Process::Periodic { period: 100_000, jitter: 0, first: Some(200) };
        let mut c = unit(&[(Vector::Irq, count), (Vector::Nmi, tick)]);
        c.set_halted(0, Cycle(100), true); // 400 cycles left
        assert!(c.take(0, Cycle(210)).is_some());
        c.set_halted(0, Cycle(210), false);
        c.leave(0, Cycle(5000));
        assert_eq!(c.attention(0), Cycle(5000 + 400 + 10));
    }

    #[test]
    fn delivery_latency_is_between_the_event_and_the_core() {
        let slow = InterruptCosts { delivery: 500, ..COSTS };
        let list = vec![Source {
            name: "s0".into(),
            vector: Vector::Nmi,
            handler: 0,
            process: Process::Periodic { period: 100, jitter: 0, first: None },
        }];
        let c = Controllers::new(slow, &[list], 1, Cycle::NEVER);
        let quick = unit(&[(Vector::Nmi, Process::Periodic { period: 100, jitter: 0, first: None })]);
        assert_eq!(c.attention(0).0, quick.attention(0).0 + 490);
    }
}
