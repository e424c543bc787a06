// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arrival processes. Each source on each core has a stream of its own.
//!
//! Besides fixed laws there are two that are not memoryless: a counter that adapts its period to a target frequency
//! ([`Process::Frequency`]) and bursts ([`Process::Burst`]); and recorded arrivals ([`Process::Trace`]).

use std::sync::Arc;

use sim_core::isa::Pc;
use sim_core::recur::{Recur, Walk};
use sim_core::rng::Stream;
use sim_core::time::Cycle;

/// When a source raises its interrupt. Spans in core cycles.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// A counter as in `Overflow` that adapts its period so that overflows come `interval` apart by the clock.
    ///
    /// At every overflow but the first: had the counter gone on at the rate at which it counted since the overflow
    /// before, it would have counted period * interval / distance in one interval; the period moves an
    /// eighth of the way there, rounded away from zero, and is never 0. Handler, other NMIs and
    /// sleep, in which the counter stands still, lengthen the distance and so shorten the period.
    ///
    /// Source: the sampling frequency of Linux perf (its `-F`), which moves by an eighth too. Left out: its second
    /// adjustment at each timer tick, and its refusal to adjust over a distance of more than two ticks.
    Frequency {
        /// Cycles wanted between two overflows, at least 1.
        interval: u64,
        /// The period until it is adapted, at least 1.
        initial: u64,
        /// Cycles to the first overflow; random within the interval if not given.
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
    /// Bursts of `count` arrivals `spacing` apart. Bursts begin as the law says, whether or not one is under way.
    Burst {
        /// Arrivals in a burst, at least 1.
        count: u64,
        /// Cycles between two arrivals of a burst, at least 1.
        spacing: u64,
        /// Cycles between the beginnings of two bursts, on average, at least 1.
        gap: u64,
        /// Gaps are drawn independently from an exponential law; else all are equal.
        poisson: bool,
        /// First beginning; random within the gap (or drawn as a gap) if not given.
        first: Option<u64>,
    },
    /// At these instants, ascending.
    Trace {
        /// Cycles from the start.
        at: Arc<[u64]>,
    },
    /// Never by itself: the program sends it.
    Sent,
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
    /// The period in force, and the last overflow (`Frequency`).
    period: u64,
    last: Option<Cycle>,
    /// Bursts under way: next arrival and arrivals left. The beginning of the next burst is `nominal`.
    bursts: Vec<(Cycle, u64)>,
    /// Recorded arrivals that have happened (`Trace`).
    replayed: usize,
}

impl Arrivals {
    /// What is not drawn yet comes from another stream.
    pub(crate) fn reseed(&mut self, stream: Stream) {
        self.stream = stream;
    }

    /// A process from cycle 0 on, with a random phase; nothing arrives from `until` on.
    pub(crate) fn new(process: Process, mut stream: Stream, until: Cycle) -> Arrivals {
        let first = match &process {
            Process::Overflow { period, first, .. }
            | Process::Periodic { period, first, .. }
            | Process::Frequency { interval: period, first, .. }
            | Process::Burst { gap: period, poisson: false, first, .. } => {
                first.unwrap_or_else(|| 1 + stream.below((*period).max(1)))
            }
            Process::Burst { gap, first, .. } => first.unwrap_or_else(|| stream.exponential(*gap).max(1)),
            Process::Poisson { mean } => stream.exponential(*mean).max(1),
            Process::Trace { at } => at.first().copied().unwrap_or(u64::MAX),
            Process::Directed { .. } | Process::Sent => u64::MAX,
        };
        let period = if let Process::Frequency { initial, .. } = process { initial.max(1) } else { 0 };
        let mut a = Arrivals {
            process,
            stream,
            next: Cycle::NEVER,
            nominal: Cycle(first),
            rest: 0,
            until,
            reached: 0,
            period,
            last: None,
            bursts: Vec::new(),
            replayed: 0,
        };
        a.set_next(Cycle(first));
        a
    }

    /// Counts cycles, and stands still where they are not counted.
    const fn is_counter(&self) -> bool {
        matches!(self.process, Process::Overflow { .. } | Process::Frequency { .. })
    }

    fn set_next(&mut self, at: Cycle) {
        self.next = if at < self.until { at } else { Cycle::NEVER };
    }

    /// Nothing arrives at or after `until`, which is not later than it was.
    pub(crate) fn stop(&mut self, until: Cycle) {
        self.until = self.until.min(until);
        self.set_next(self.next);
    }

    /// The arrival at `next` has happened; computes the one after it.
    pub(crate) fn advance(&mut self) {
        let at = self.next;
        match &self.process {
            &Process::Overflow { period, jitter, .. } => {
                self.rest = period + self.stream.below(jitter + 1);
                self.next = Cycle::NEVER;
            }
            &Process::Frequency { interval, .. } => {
                if let Some(last) = self.last.replace(at) {
                    self.period = adapted(self.period, interval, at.since(last));
                }
                self.rest = self.period;
                self.next = Cycle::NEVER;
            }
            &Process::Periodic { period, jitter, .. } => {
                self.nominal = self.nominal.after(period.max(1));
                let late = self.stream.below(jitter + 1);
                let next = self.nominal.after(late).max(at.after(1));
                self.set_next(next);
            }
            &Process::Burst { count, spacing, gap, poisson, .. } => {
                if at == self.nominal {
                    self.bursts.push((at, count));
                    let gap = if poisson { self.stream.exponential(gap) } else { gap };
                    self.nominal = at.after(gap.max(1));
                }
                // Every burst that has an arrival now; where two fall together they are one.
                for (next, left) in &mut self.bursts {
                    if *next == at {
                        (*next, *left) = (at.after(spacing.max(1)), *left - 1);
                    }
                }
                self.bursts.retain(|(_, left)| *left > 0);
                let next = self.bursts.iter().map(|(next, _)| *next).min().unwrap_or(Cycle::NEVER);
                self.set_next(next.min(self.nominal));
            }
            Process::Trace { at } => {
                self.replayed += 1;
                let next = at.get(self.replayed).map_or(Cycle::NEVER, |c| Cycle(*c));
                self.set_next(next);
            }
            &Process::Poisson { mean } => {
                let gap = self.stream.exponential(mean).max(1);
                self.set_next(at.after(gap));
            }
            Process::Directed { .. } | Process::Sent => self.next = Cycle::NEVER,
        }
    }

    /// Cycles stop being counted. An overflow that has happened stays on its way to the core.
    pub(crate) fn freeze(&mut self, now: Cycle) {
        if self.is_counter() && self.next != Cycle::NEVER && self.next > now {
            self.rest = self.next.since(now);
            self.next = Cycle::NEVER;
        }
    }

    /// Cycles are counted again.
    pub(crate) fn thaw(&mut self, now: Cycle) {
        if self.is_counter() && self.next == Cycle::NEVER && self.rest > 0 {
            let rest = std::mem::take(&mut self.rest);
            self.set_next(now.after(rest));
        }
    }

    /// The first instant from which it can be ruled out that this arrives by itself, if nothing of the program is
    /// executed that was not executed before; `None` if an arrival is due.
    pub(crate) fn silent_from(&self) -> Option<Cycle> {
        match self.process {
            // Someone who goes round in a loop may come by until the end.
            Process::Directed { nth, repeat, .. } if repeat || self.reached < nth => Some(self.until),
            _ => (self.next == Cycle::NEVER).then_some(Cycle(0)),
        }
    }

    /// The core stands before `pc`. True if this is an arrival.
    pub(crate) fn reached(&mut self, pc: Pc, now: Cycle) -> bool {
        let &Process::Directed { pc: wanted, nth, repeat } = &self.process else { return false };
        if pc != wanted || now >= self.until {
            return false;
        }
        self.reached += 1;
        self.reached == nth || (repeat && self.reached > nth)
    }
}

/// Everything is a word, instants too: what arrives comes from outside, so the time up to the next arrival is a limit, not a part, of what can
/// come again.
impl Recur for Arrivals {
    fn walk(&mut self, w: &mut Walk) {
        let Arrivals { process: _, stream, next, nominal, rest, until, reached, period, last, bursts, replayed } = self;
        stream.walk(w);
        [next.0, nominal.0, *rest, until.0, *reached, *period, *replayed as u64].into_iter().for_each(|n| w.word(n));
        w.maybe(last.map(|at| at.0));
        w.each(bursts, |(at, left), w| {
            w.word(at.0);
            w.word(*left);
        });
    }
}

/// The period of [`Process::Frequency`] after an overflow `distance` cycles behind the one before.
fn adapted(period: u64, interval: u64, distance: u64) -> u64 {
    let wanted = u128::from(period) * u128::from(interval) / u128::from(distance.max(1));
    let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
    if wanted >= period {
        period + (wanted - period).div_ceil(8)
    } else {
        (period - (period - wanted).div_ceil(8)).max(1)
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

    #[test]
    fn a_period_moves_an_eighth_of_the_way_and_never_to_zero() {
        assert_eq!(adapted(1000, 5000, 1000), 1000 + 500); // an eighth of 4000
        assert_eq!(adapted(1, 5000, 1000), 2); // wanted 5: an eighth of 4, rounded up
        assert_eq!(adapted(8000, 1000, 8000), 8000 - 875);
        assert_eq!(adapted(1, 1, u64::MAX), 1);
        assert_eq!(adapted(u64::MAX - 7, u64::MAX, 1), u64::MAX - 6); // the wanted one does not fit: no overflow
    }

    #[test]
    fn a_frequency_is_reached_though_the_handler_takes_its_part() {
        // Handlers of 3000 cycles in which the counter stands still: the period settles 3000 below the interval.
        let p = Process::Frequency { interval: 50_000, initial: 1, first: Some(10) };
        let mut a = Arrivals::new(p, stream(), Cycle::NEVER);
        let mut at = a.next;
        for _ in 0..100 {
            at = a.next;
            a.advance();
            a.thaw(at.after(3000));
        }
        // Rounding away from zero stops it within 8 of the fixed point, from either side.
        assert!(a.period.abs_diff(47_000) <= 8, "{}", a.period);
        assert!(a.next.since(at).abs_diff(50_000) <= 8);
    }

    #[test]
    fn bursts_have_their_number_and_spacing_and_may_overlap() {
        let burst = |count, gap| Process::Burst { count, spacing: 10, gap, poisson: false, first: Some(100) };
        let times = |p| {
            let mut a = Arrivals::new(p, stream(), Cycle(330));
            let mut seen = Vec::new();
            while a.next != Cycle::NEVER {
                seen.push(a.next.0);
                a.advance();
            }
            seen
        };
        assert_eq!(times(burst(3, 100)), [100, 110, 120, 200, 210, 220, 300, 310, 320]);
        assert_eq!(times(burst(3, 115)), [100, 110, 120, 215, 225, 235]);
        // The second begins 5 before the end of the first; the third at an arrival of the second is one with it.
        assert_eq!(times(burst(4, 85))[..8], [100, 110, 120, 130, 185, 195, 205, 215]);
        let overlapping = times(burst(4, 25));
        assert_eq!(overlapping[..9], [100, 110, 120, 125, 130, 135, 145, 150, 155]);
        assert!(overlapping.windows(2).all(|w| w[0] < w[1]));
    }

    #[test]
    fn random_bursts_keep_their_mean_distance() {
        let p = Process::Burst { count: 5, spacing: 3, gap: 1000, poisson: true, first: None };
        let mut a = Arrivals::new(p, stream(), Cycle(1_000_000));
        let mut n = 0;
        while a.next != Cycle::NEVER {
            n += 1;
            a.advance();
        }
        // 1000 bursts of 5, four standard deviations of a Poisson number either way; a few arrivals fall together.
        assert!((5 * (1000 - 127) - 100..=5 * (1000 + 127)).contains(&n), "{n}");
    }

    #[test]
    fn a_trace_is_replayed_as_recorded() {
        let p = Process::Trace { at: vec![5, 5, 9, 400].into() };
        let mut a = Arrivals::new(p, stream(), Cycle(400));
        let mut seen = Vec::new();
        while a.next != Cycle::NEVER {
            seen.push(a.next.0);
            a.advance();
        }
        assert_eq!(seen, [5, 5, 9]);
        assert_eq!(Arrivals::new(Process::Trace { at: Arc::from([]) }, stream(), Cycle::NEVER).next, Cycle::NEVER);
    }
}
