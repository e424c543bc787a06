// SPDX-License-Identifier: MIT OR Apache-2.0
//! States that come again: a walk over everything that decides a machine's future, and over all that is counted.
//!
//! If two instants of a run look the same, but for a shift in time, then what lies between them happens again and again until something
//! from outside comes: an arrival, the end. So it can be added up instead of simulated. Every part of a machine says by one function
//! ([`Recur::walk`]) what each of its fields is:
//!
//! - a *word* is the same at both instants: states, addresses, orders, numbers of a program, the extremes and bucket bounds of
//!   histograms, facts of the past that nobody adds to any more. What a list has grown by is a word, too: its length;
//! - a *moment* is the same relative to now, and moves on with time; an *expiry* likewise, but one that has been over for
//!   [`OVER`] cycles is over, however long;
//! - a *number* tells things of one kind apart by the order in which they were made; it is the same relative to its *counter*, and moves on with it;
//! - a *count* decides nothing. It grows by the same in every period.
//!
//! A walk either *looks*, and gives words and counts as lists, or *moves on*: then it leaves words, adds periods to moments, numbers and counts.
//! An implementation takes its fields apart without `..`, so a new field does not compile before somebody has said what it is.

use crate::exec::{Context, Frame};
use crate::ports::{Action, Cause, Request};
use crate::rng::Stream;
use crate::time::Cycle;

/// So many cycles after an expiry nobody can tell when it was: longer than anything that looks back at one takes.
pub const OVER: u64 = 4096;

/// A part of a machine.
pub trait Recur {
    /// Shows every field to the walk, in an order that depends on words only.
    fn walk(&mut self, w: &mut Walk);
}

/// What a walk saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The instant that moments are relative to.
    pub now: Cycle,
    /// Equal in two looks if the state is.
    pub words: Vec<u64>,
    /// Values of a program: registers, and memory wherever it is. Part of the state, like words.
    pub values: Vec<u64>,
    /// What decides nothing, and grows.
    counts: Vec<u64>,
    /// Counts that are counters of numbers, by their places, and their greatest values.
    counters: Vec<(usize, u64)>,
    /// Something cannot be moved on.
    refused: bool,
}

impl Look {
    /// Whether the machine can be moved on from here.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.refused
    }

    /// Whether the state is that of an earlier look.
    #[must_use]
    pub fn is_again(&self, earlier: &Look) -> bool {
        self.words == earlier.words && self.values == earlier.values && self.counts.len() == earlier.counts.len()
    }

    /// How many periods since the `earlier` look could be added without any counter coming round, at most `wanted`.
    #[must_use]
    pub fn periods(&self, earlier: &Look, wanted: u64) -> u64 {
        let room = |&(place, last): &(usize, u64)| {
            let grown = self.counts[place].checked_sub(earlier.counts[place])?;
            Some(last.saturating_sub(self.counts[place]).checked_div(grown).unwrap_or(u64::MAX))
        };
        self.counters.iter().map(|c| room(c).unwrap_or(0)).fold(wanted, u64::min)
    }

    /// The walk that moves a machine on from this look by so many periods since the `earlier` one, of which this one is
    /// [again](Look::is_again); `None` if a count would not fit.
    #[must_use]
    pub fn moving(&self, earlier: &Look, periods: u64) -> Option<Walk> {
        let grown = |(now, then): (&u64, &u64)| now.checked_add(now.checked_sub(*then)?.checked_mul(periods)?);
        let counts: Vec<u64> = self.counts.iter().zip(&earlier.counts).map(grown).collect::<Option<_>>()?;
        let shift = self.now.since(earlier.now).checked_mul(periods)?;
        let numbers = self.counters.iter().map(|&(place, _)| counts[place] - self.counts[place]).collect();
        Some(Walk { now: self.now, what: What::Move { shift, numbers, counts: counts.into_iter() }, known: Vec::new() })
    }
}

#[derive(Debug)]
enum What {
    Look(Look),
    Move {
        shift: u64,
        /// `[counter]`: what its numbers are moved by.
        numbers: Vec<u64>,
        counts: std::vec::IntoIter<u64>,
    },
}

/// A walk over a machine.
#[derive(Debug)]
pub struct Walk {
    now: Cycle,
    what: What,
    /// `[counter]`: its value when the walk came there.
    known: Vec<u32>,
}

impl Walk {
    /// A walk that looks at a machine in which everything before `now` has happened, and nothing after.
    #[must_use]
    pub fn look(now: Cycle) -> Walk {
        Walk { now, what: What::Look(Look { now, ..Look::default() }), known: Vec::new() }
    }

    /// What was seen; `None` if this walk did not look.
    #[must_use]
    pub fn seen(self) -> Option<Look> {
        if let What::Look(look) = self.what { Some(look) } else { None }
    }

    /// The instant that the machine stands in before it is moved on.
    #[must_use]
    pub fn now(&self) -> Cycle {
        self.now
    }

    /// Cycles that the machine is moved on by; `None` in a walk that looks.
    #[must_use]
    pub fn shift(&self) -> Option<u64> {
        if let What::Move { shift, .. } = self.what { Some(shift) } else { None }
    }

    /// Something here cannot be moved on.
    pub fn refuse(&mut self) {
        if let What::Look(look) = &mut self.what {
            look.refused = true;
        }
    }

    /// Part of the state.
    #[inline]
    pub fn word(&mut self, word: u64) {
        if let What::Look(look) = &mut self.what {
            look.words.push(word);
        }
    }

    /// As [`Walk::word`].
    pub fn flag(&mut self, flag: bool) {
        self.word(u64::from(flag));
    }

    /// As [`Walk::word`], if there is one.
    pub fn maybe(&mut self, word: Option<u64>) {
        self.flag(word.is_some());
        self.word(word.unwrap_or(0));
    }

    /// Things of a list, in their order.
    pub fn each<'a, T: 'a, I>(&mut self, list: I, mut walk: impl FnMut(&mut T, &mut Walk))
    where
        I: IntoIterator<Item = &'a mut T>,
        I::IntoIter: ExactSizeIterator,
    {
        let list = list.into_iter();
        self.word(list.len() as u64);
        list.for_each(|thing| walk(thing, self));
    }

    /// Something that may be there.
    pub fn option<T>(&mut self, thing: &mut Option<T>, walk: impl FnOnce(&mut T, &mut Walk)) {
        self.flag(thing.is_some());
        if let Some(thing) = thing {
            walk(thing, self);
        }
    }

    /// Values of a program.
    #[inline]
    pub fn values(&mut self, values: &[u64]) {
        if let What::Look(look) = &mut self.what {
            look.values.extend_from_slice(values);
        }
    }

    /// An instant.
    #[inline]
    pub fn moment(&mut self, at: &mut Cycle) {
        match &mut self.what {
            // An instant before now wraps round.
            What::Look(look) if *at == Cycle::NEVER => look.words.push(u64::MAX),
            What::Look(look) => look.words.push(at.0.wrapping_sub(self.now.0)),
            What::Move { shift, .. } => *at = at.after(*shift),
        }
    }

    /// As [`Walk::moment`], as a plain number of cycles.
    pub fn cycles(&mut self, at: &mut u64) {
        let mut moment = Cycle(*at);
        self.moment(&mut moment);
        *at = moment.0;
    }

    /// An instant that is asked only whether it is over, or for the later one of it and another that is not over.
    #[inline]
    pub fn expiry(&mut self, at: &mut Cycle) {
        match &mut self.what {
            What::Look(look) if *at == Cycle::NEVER => look.words.push(u64::MAX),
            What::Look(look) => look.words.push(at.after(OVER).since(self.now)),
            What::Move { shift, .. } => *at = at.after(*shift),
        }
    }

    /// As [`Walk::expiry`], in ticks of a clock: `now` is the current one, and the machine is moved on by `shift` ticks.
    pub fn expiry_in_ticks(&mut self, at: &mut u64, now: u64, shift: u64) {
        match &mut self.what {
            What::Look(look) => look.words.push((*at + OVER).saturating_sub(now)),
            What::Move { .. } => *at += shift,
        }
    }

    /// Something counted.
    #[inline]
    pub fn count(&mut self, count: &mut u64) {
        match &mut self.what {
            What::Look(look) => look.counts.push(*count),
            What::Move { counts, .. } => *count = counts.next().expect("a state that came again has as many counts"),
        }
    }

    /// A counter of few bits from which [numbers](Walk::number) are taken, which comes round behind `last`. Gives how numbers name it.
    pub fn counter(&mut self, counter: &mut u32, last: u32) -> usize {
        let mut wide = u64::from(*counter);
        self.known.push(*counter);
        if let What::Look(look) = &mut self.what {
            look.counters.push((look.counts.len(), u64::from(last)));
        }
        self.count(&mut wide);
        *counter = wide as u32;
        self.known.len() - 1
    }

    /// A number taken from a counter that comes round behind `last`.
    pub fn number(&mut self, number: &mut u32, counter: usize, last: u32) {
        match &mut self.what {
            What::Look(look) => look.words.push(u64::from(self.known[counter].wrapping_sub(*number) & last)),
            What::Move { numbers, .. } => *number = number.wrapping_add(numbers[counter] as u32) & last,
        }
    }
}

impl Recur for Stream {
    fn walk(&mut self, w: &mut Walk) {
        self.state().into_iter().for_each(|word| w.word(word));
    }
}

impl Recur for Context {
    fn walk(&mut self, w: &mut Walk) {
        let Context { kind, pc, base, regs, frames } = self;
        w.word(*kind as u64);
        w.word(u64::from(*pc) << 32 | u64::from(*base));
        w.word(regs.len() as u64);
        w.values(regs);
        w.each(frames, |Frame { base, resume, call }, w| {
            w.word(u64::from(*base));
            w.word(u64::from(*resume) << 32 | u64::from(*call));
        });
    }
}

impl Recur for Cause {
    fn walk(&mut self, w: &mut Walk) {
        let Cause { core, context, bytes, pc, addr } = self;
        w.word(u64::from(*core) << 48 | u64::from(*context) << 40 | u64::from(*bytes) << 32 | u64::from(*pc));
        w.word(*addr);
    }
}

impl Recur for Request {
    fn walk(&mut self, w: &mut Walk) {
        let Request { addr, width, action, cause } = self;
        w.word(*addr);
        w.word(width.bytes());
        let (kind, values) = match action {
            Action::Load => (0, [0; 2]),
            Action::Store(value) => (1, [*value, 0]),
            Action::Rmw(f, a, b) => (2 + *f as u64, [*a, *b]),
            Action::PrefetchW => (u64::MAX, [0; 2]),
        };
        w.word(kind);
        w.values(&values);
        cause.walk(w);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Part {
        word: u64,
        at: Cycle,
        over: Cycle,
        counter: u32,
        number: u32,
        count: u64,
    }

    impl Recur for Part {
        fn walk(&mut self, w: &mut Walk) {
            let Part { word, at, over, counter, number, count } = self;
            w.word(*word);
            w.moment(at);
            w.expiry(over);
            let name = w.counter(counter, 0xff);
            w.number(number, name, 0xff);
            w.count(count);
        }
    }

    fn part(now: u64, made: u32, count: u64) -> Part {
        Part { word: 7, at: Cycle(now + 3), over: Cycle(5), counter: made, number: made - 1, count }
    }

    fn look(part: &mut Part, now: u64) -> Look {
        let mut walk = Walk::look(Cycle(now));
        part.walk(&mut walk);
        walk.seen().expect("it looked")
    }

    #[test]
    fn a_state_comes_again_relative_to_now_and_is_moved_on_by_whole_periods() {
        let (mut a, mut b) = (part(10_000, 10, 100), part(10_500, 20, 107));
        let (first, again) = (look(&mut a, 10_000), look(&mut b, 10_500));
        assert!(again.is_again(&first) && again.is_whole());
        // 255 is the last number, so there is room for 23 times 10.
        assert_eq!((again.periods(&first, 1000), again.periods(&first, 5)), (23, 5));
        b.walk(&mut again.moving(&first, 3).expect("all fits"));
        assert_eq!((b.word, b.at, b.counter, b.number, b.count), (7, Cycle(12_003), 50, 49, 128));
        assert!(look(&mut b, 12_000).is_again(&first));
        assert!(!look(&mut b, 12_001).is_again(&first), "a moment is another one");
        b.word += 1;
        assert!(!look(&mut b, 12_000).is_again(&first));
    }

    #[test]
    fn an_expiry_counts_until_it_has_been_over_for_long() {
        let of = |over: u64| {
            let mut p = Part { over: Cycle(over), ..part(10_000, 10, 0) };
            look(&mut p, 10_000)
        };
        assert!(of(10_000 - OVER).is_again(&of(17)));
        assert!(!of(10_001 - OVER).is_again(&of(17)) && !of(10_000).is_again(&of(10_001)));
    }

    #[test]
    fn a_count_that_would_not_fit_stops_the_leap() {
        let (mut a, mut b) = (part(0, 10, 0), part(500, 10, u64::MAX / 4));
        let (first, again) = (look(&mut a, 0), look(&mut b, 500));
        assert!(again.moving(&first, 3).is_some() && again.moving(&first, 4).is_none());
    }
}
