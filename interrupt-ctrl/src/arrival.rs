// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arrival processes. Each source on each core has a stream of its own.

use sim_core::isa::Pc;
use sim_core::rng::Stream;
use sim_core::time::Cycle;

/// When a source raises its interrupt. Spans in core cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// A performance counter that overflows after `period` unhalted cycles; it stands still from
    /// the overflow until its handler has returned, and in every NMI handler. Each period is
    /// longer by a random part of `jitter`.
    Overflow {
        /// Cycles counted from reload to overflow, at least 1.
        period: u64,
        /// Largest addition to a period.
        jitter: u64,
        /// Cycles to the first overflow; random within the period if not given.
        first: Option<u64>,
    },
    /// Every `period`, each arrival late by a random part of `jitter`.
    Periodic {
        /// Cycles between nominal arrivals, at least 1.
        period: u64,
        /// Largest delay.
        jitter: u64,
        /// First nominal arrival; random within the period if not given.
        first: Option<u64>,
    },
    /// Independent arrivals with this mean distance.
    Poisson {
        /// Mean cycles between arrivals, at least 1.
        mean: u64,
    },
    /// At boundary `pc`, the `nth` time the core reaches it (from 1); every later time too if
    /// `repeat`.
    Directed {
        /// The micro-op the interrupt lands before.
        pc: Pc,
        /// Which arrival at the boundary, from 1.
        nth: u64,
        /// Not only the nth, but every one from it on.
        repeat: bool,
    },
}

/// A process on one core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrivals {
    process: Process,
    stream: Stream,
    /// Next arrival at the core, delivery latency not included; `NEVER` while standing still.
    pub(crate) next: Cycle,
    /// Nominal time of the next periodic arrival, jitter not included.
    nominal: Cycle,
    /// Unhalted cycles left while the counter stands still.
    rest: u64,
    /// Nothing arrives at or after this instant.
    until: Cycle,
    reached: u64,
}

impl Arrivals {
    /// A process from cycle 0 on, with a random phase; nothing arrives from `until` on.
    pub(crate) fn new(process: Process, mut stream: Stream, until: Cycle) -> Arrivals {
        let first = match process {
            Process::Overflow { period, first, .. } | Process::Periodic { period, first, .. } => {
                first.unwrap_or_else(|| 1 + stream.below(period.max(1)))
            }
            Process::Poisson { mean } => stream.exponential(mean).max(1),
            Process::Directed { .. } => u64::MAX,
        };
        let mut a = Arrivals { process, stream, next: Cycle::NEVER, nominal: Cycle(first), rest: 0, until, reached: 0 };
        a.set_next(Cycle(first));
        a
    }

    fn set_next(&mut self, at: Cycle) {
        self.next = if at < self.until { at } else { Cycle::NEVER };
    }

    /// The arrival at `next` has happened; computes the one after it.
    pub(crate) fn advance(&mut self) {
        let at = self.next;
        match self.process {
            Process::Overflow { period, jitter, .. } => {
                self.rest = period + self.stream.below(jitter + 1);
                self.next = Cycle::NEVER;
            }
            Process::Periodic { period, jitter, .. } => {
                self.nominal = self.nominal.after(period.max(1));
                let late = self.stream.below(jitter + 1);
                let next = self.nominal.after(late).max(at.after(1));
                self.set_next(next);
            }
            Process::Poisson { mean } => {
                let gap = self.stream.exponential(mean).max(1);
                self.set_next(at.after(gap));
            }
            Process::Directed { .. } => self.next = Cycle::NEVER,
        }
    }

    /// Cycles stop being counted. An overflow that has happened stays on its way to the core.
    pub(crate) fn freeze(&mut self, now: Cycle) {
        if matches!(self.process, Process::Overflow { .. }) && self.next != Cycle::NEVER && self.next > now {
            self.rest = self.next.since(now);
            self.next = Cycle::NEVER;
        }
    }

    /// Cycles are counted again.
    pub(crate) fn thaw(&mut self, now: Cycle) {
        if matches!(self.process, Process::Overflow { .. }) && self.next == Cycle::NEVER && self.rest > 0 {
            let rest = std::mem::take(&mut self.rest);
            self.set_next(now.after(rest));
        }
    }

    /// The core stands before `pc`. True if this is an arrival.
    pub(crate) fn reached(&mut self, pc: Pc, now: Cycle) -> bool {
        let Process::Directed { pc: wanted, nth, repeat } = self.process else { return false };
        if pc != wanted || now >= self.until {
            return false;
        }
        self.reached += 1;
        self.reached == nth || (repeat && self.reached > nth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Stream {
        Stream::derive(1, 0, "test")
    }

    #[test]
    fn periodic_arrivals_keep_their_mean_distance_whatever_the_jitter() {
        let mut a = Arrivals::new(Process::Periodic { period: 1000, jitter: 300, first: None }, stream(), Cycle::NEVER);
        let first = a.next;
        for _ in 0..100 {
            let before = a.next;
            a.advance();
            assert!(a.next > before);
        }
        let span = a.next.since(first);
        assert!((100_000 - 300..=100_000 + 300).contains(&span), "{span}");
    }

    #[test]
    fn a_counter_stands_still_while_frozen() {
        let mut a = Arrivals::new(Process::Overflow { period: 1000, jitter: 0, first: None }, stream(), Cycle::NEVER);
        a.advance();
        assert_eq!(a.next, Cycle::NEVER);
        a.thaw(Cycle(5000));
        assert_eq!(a.next, Cycle(6000));
        a.freeze(Cycle(5400));
        a.thaw(Cycle(9000));
        assert_eq!(a.next, Cycle(9600));
        a.freeze(Cycle(9600)); // it has overflowed: not counted once more
        assert_eq!(a.next, Cycle(9600));
    }

    #[test]
    fn nothing_arrives_after_the_end() {
        let mut a = Arrivals::new(Process::Poisson { mean: 10 }, stream(), Cycle(1000));
        let mut n = 0;
        while a.next != Cycle::NEVER {
            assert!(a.next < Cycle(1000));
            a.advance();
            n += 1;
        }
        assert!((60..140).contains(&n), "{n} arrivals of about 100");
    }

    #[test]
    fn a_directed_arrival_counts_only_its_boundary() {
        let p = Process::Directed { pc: 7, nth: 2, repeat: false };
        let mut a = Arrivals::new(p, stream(), Cycle::NEVER);
        let hits: Vec<bool> = [7, 8, 7, 7].into_iter().map(|pc| a.reached(pc, Cycle(1))).collect();
        assert_eq!(hits, [false, false, true, false]);
    }
}
