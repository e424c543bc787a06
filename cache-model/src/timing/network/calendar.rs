// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reserved slots of one slotted link.

use sim_core::recur::Walk;

/// Ticks of a word.
const WORD: u64 = 64;

/// Reserved slots of one link, a bit for each tick. The bits are a window on time that moves on as reservations are made
/// and grows if it must; what is behind it is over, what is before it is free.
#[derive(Clone, Debug, Default)]
pub(super) struct Calendar {
    /// Word `w` of time is in `bits[w % bits.len()]`, for `first <= w < first + bits.len()`. Empty, or a power of two.
    bits: Vec<u64>,
    first: u64,
    /// End of the last reservation.
    until: u64,
    pub(super) busy_ticks: u64,
}

impl Calendar {
    #[inline]
    fn place(&self, word: u64) -> usize {
        word as usize & (self.bits.len() - 1)
    }

    /// The 64 ticks from `start` on, the first in the lowest bit.
    fn ticks_from(&self, start: u64) -> u64 {
        let (word, shift) = (start / WORD, start % WORD);
        let get =
            |w: u64| if w.wrapping_sub(self.first) < self.bits.len() as u64 { self.bits[self.place(w)] } else { 0 };
        let low = get(word) >> shift;
        if shift == 0 { low } else { low | (get(word + 1) << (WORD - shift)) }
    }

    /// End of the last reservation that overlaps `start..start + slots`, as far as it lies in there; `None` if none does.
    #[inline]
    pub(super) fn conflict(&self, start: u64, slots: u64) -> Option<u64> {
        if start >= self.until {
            return None;
        }
        let (word, shift) = (start / WORD, start % WORD);
        if shift + slots > WORD || word.wrapping_sub(self.first) >= self.bits.len() as u64 {
            return self.last_busy(start, slots);
        }
        let busy = self.bits[self.place(word)] >> shift & (u64::MAX >> (WORD - slots));
        if busy == 0 { None } else { Some(start + WORD - u64::from(busy.leading_zeros())) }
    }

    fn last_busy(&self, start: u64, slots: u64) -> Option<u64> {
        let mut end = start + slots;
        while end > start {
            let many = (end - start).min(WORD);
            let from = end - many;
            let busy = self.ticks_from(from) & (u64::MAX >> (WORD - many));
            if busy != 0 {
                return Some(from + WORD - u64::from(busy.leading_zeros()));
            }
            end = from;
        }
        None
    }

    /// Nothing is reserved any more, and nothing ever was.
    pub(super) fn reset(&mut self) {
        let Calendar { bits, first, until, busy_ticks } = self;
        bits.clear();
        (*first, *until, *busy_ticks) = (0, 0, 0);
    }

    /// Takes `start..start + slots`, which must be free; forgets what was over by `now`.
    #[inline(always)]
    pub(super) fn reserve(&mut self, start: u64, slots: u64, now: u64) {
        debug_assert!(self.conflict(start, slots).is_none() && start >= now);
        let (mut at, end) = (start, start + slots);
        let last = (end - 1) / WORD;
        if last.wrapping_sub(self.first) >= self.bits.len() as u64 {
            self.make_room(last, now / WORD);
        }
        self.until = self.until.max(end);
        self.busy_ticks += slots;
        let (word, shift) = (start / WORD, start % WORD);
        if word == last {
            let place = self.place(word);
            self.bits[place] |= (u64::MAX >> (WORD - slots)) << shift;
            return;
        }
        while at < end {
            let (word, shift) = (at / WORD, at % WORD);
            let many = (end - at).min(WORD - shift);
            let place = self.place(word);
            self.bits[place] |= (u64::MAX >> (WORD - many)) << shift;
            at += many;
        }
    }

    /// A walk, where `now` is the current tick and `shift` the ticks that the network is moved on by.
    pub(super) fn walk(&mut self, w: &mut Walk, now: u64, shift: u64) {
        let Calendar { bits: _, first: _, until, busy_ticks } = self;
        w.count(busy_ticks);
        let (until, busy_ticks) = (*until, *busy_ticks);
        let starts = || (now..until).step_by(WORD as usize);
        let reserved: Vec<u64> = starts().map(|start| self.ticks_from(start)).collect();
        if w.shift().is_none() {
            w.word(until.saturating_sub(now));
            reserved.into_iter().for_each(|ticks| w.word(ticks));
            return;
        }
        let moved: Vec<(u64, u64)> = starts().map(|start| start + shift).zip(reserved).collect();
        self.reset();
        for (start, ticks) in moved {
            let reserved = (0..WORD).filter(|bit| ticks >> bit & 1 == 1);
            reserved.for_each(|bit| self.reserve(start + bit, 1, now + shift));
        }
        (self.until, self.busy_ticks) = (until + shift, busy_ticks);
    }

    /// Moves the window to begin with word `now`, and makes it large enough for word `last`.
    #[cold]
    fn make_room(&mut self, last: u64, now: u64) {
        let (end, size) = (self.first + self.bits.len() as u64, (last - now + 1).next_power_of_two().max(16));
        if size > self.bits.len() as u64 {
            let mut bits = vec![0; size as usize];
            for w in now.max(self.first)..end {
                bits[w as usize & (size as usize - 1)] = self.bits[self.place(w)];
            }
            self.bits = bits;
        } else if now >= end {
            self.bits.fill(0);
        } else {
            for w in self.first..now {
                let place = self.place(w);
                self.bits[place] = 0;
            }
        }
        self.first = now;
    }
}

#[cfg(test)]
mod tests {
    use sim_core::rng::Stream;

    use super::*;

    fn look(c: &mut Calendar, now: u64) -> sim_core::recur::Look {
        let mut walk = Walk::look(sim_core::time::Cycle(now));
        c.walk(&mut walk, now, 0);
        walk.seen().expect("it looks")
    }

    #[test]
    fn a_look_tells_what_is_reserved_from_now_on_and_moving_on_keeps_it() {
        let reserve = |from: u64, spans: &[(u64, u64)]| {
            let mut c = Calendar::default();
            spans.iter().for_each(|(start, slots)| c.reserve(from + start, *slots, from));
            c
        };
        let spans = [(0, 3), (70, 1), (200, 90)];
        let (mut a, mut b) = (reserve(1000, &spans), reserve(1777, &spans));
        let (first, again) = (look(&mut a, 1000), look(&mut b, 1777));
        assert!(again.is_again(&first));
        assert!(!look(&mut reserve(1777, &[(0, 3), (71, 1), (200, 90)]), 1777).is_again(&first), "one slot is another");
        // What is over does not matter.
        assert!(look(&mut reserve(900, &[(5, 4), (100, 3), (170, 1), (300, 90)]), 1000).is_again(&first));
        b.walk(&mut again.moving(&first, 5).expect("it fits"), 1777, 777 * 5);
        let now = 1777 + 777 * 5;
        assert!(look(&mut b, now).is_again(&first));
        assert_eq!((b.conflict(now + 60, 20), b.conflict(now + 3, 60)), (Some(now + 71), None));
        assert_eq!(b.busy_ticks, 94);
    }

    #[test]
    fn the_window_agrees_with_a_list_of_intervals() {
        let mut rng = Stream::derive(3, 0, "calendar");
        for longest in [1u64, 5, 40, 300] {
            let (mut c, mut list, mut now, mut ticks) = (Calendar::default(), Vec::<(u64, u64)>::new(), 0, 0);
            for _ in 0..3000 {
                now += rng.below(2 * longest);
                let slots = 1 + rng.below(longest);
                let mut start = now + rng.below(200);
                let overlaps = |s: u64| list.iter().filter(|(b, e)| *b < s + slots && s < *e).map(|(_, e)| *e).max();
                while let Some(end) = c.conflict(start, slots) {
                    assert_eq!(overlaps(start).map(|e| e.min(start + slots)), Some(end));
                    start = end;
                }
                assert_eq!(overlaps(start), None);
                c.reserve(start, slots, now);
                list.push((start, start + slots));
                ticks += slots;
            }
            assert_eq!(c.busy_ticks, ticks);
            assert!(c.bits.len() < 100, "what is over is forgotten");
        }
    }
}
