// SPDX-License-Identifier: MIT OR Apache-2.0
//! Set-associative arrays, allocated set by set as touched,
//! so that a machine with megabytes of cache is small and quick to fork while little is used.

use sim_core::recur::{Recur, Walk};
use sim_core::rng::Stream;

use super::replacement::Replacement;

/// Most ways a set can have: the recency order is a permutation of 4-bit numbers.
pub const WAYS_MAX: usize = 16;

const UNTOUCHED: u32 = u32::MAX;

/// Place of an entry, stable while the entry stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(u32);

impl Slot {
    /// A walk over a slot, see [`sim_core::recur`].
    pub(super) fn walk(&mut self, w: &mut Walk) {
        w.word(u64::from(self.0));
    }
}

/// An array of `sets` x `ways` entries keyed by line address.
#[derive(Clone, Debug)]
pub(super) struct SetArray<T> {
    sets: u64,
    ways: usize,
    /// `[set]`: number of the set in the pools, or [`UNTOUCHED`].
    index: Vec<u32>,
    /// `[touched set]`: which set it is.
    touched: Vec<u32>,
    /// `[touched set * ways + way]`: line number plus one, 0 if the way is empty.
    tags: Vec<u64>,
    /// `[touched set]`: ways behind these have never been filled.
    reached: Vec<u8>,
    /// As `tags`; meaningful where the tag is not 0.
    entries: Vec<Option<T>>,
    /// `[touched set]`: what the policy keeps.
    order: Vec<u64>,
    policy: Replacement,
    /// For random replacement; else never drawn from.
    random: Stream,
    /// The number that chooses the next victim.
    draw: u64,
}

impl<T> SetArray<T> {
    /// An empty array. `sets` is a power of two, `ways` from 1 to [`WAYS_MAX`].
    #[must_use]
    pub(super) fn new(sets: u64, ways: usize, policy: Replacement, random: Stream) -> Self {
        assert!(sets.is_power_of_two() && (1..=WAYS_MAX).contains(&ways), "geometry is validated before");
        SetArray {
            sets,
            ways,
            index: vec![UNTOUCHED; sets as usize],
            touched: Vec::new(),
            tags: Vec::new(),
            reached: Vec::new(),
            entries: Vec::new(),
            order: Vec::new(),
            policy,
            random,
            draw: 0,
        }
    }

    /// As [`SetArray::new`] with these random numbers left it. Takes time for the sets touched only.
    pub(super) fn reset(&mut self, random: Stream) {
        let SetArray {
            sets: _,
            ways: _,
            index,
            touched,
            tags,
            reached,
            entries,
            order,
            policy: _,
            random: stream,
            draw,
        } = self;
        touched.drain(..).for_each(|set| index[set as usize] = UNTOUCHED);
        tags.clear();
        reached.clear();
        entries.clear();
        order.clear();
        *stream = random;
        *draw = 0;
    }

    #[inline]
    fn set_of(&self, line_number: u64) -> u32 {
        self.index[(line_number & (self.sets - 1)) as usize]
    }

    /// The slot holding a line, without counting as a use.
    #[must_use]
    #[inline]
    pub(super) fn find(&self, line_number: u64) -> Option<Slot> {
        let set = self.set_of(line_number);
        if set == UNTOUCHED {
            return None;
        }
        let first = set as usize * self.ways;
        let tags = &self.tags[first..first + usize::from(self.reached[set as usize])];
        tags.iter().position(|&t| t == line_number + 1).map(|w| Slot((first + w) as u32))
    }

    /// The entry in a slot.
    #[inline]
    pub(super) fn get(&self, slot: Slot) -> &T {
        self.entries[slot.0 as usize].as_ref().expect("a slot is used while its entry stays")
    }

    /// The entry in a slot.
    #[inline]
    pub(super) fn get_mut(&mut self, slot: Slot) -> &mut T {
        self.entries[slot.0 as usize].as_mut().expect("a slot is used while its entry stays")
    }

    /// Counts a use.
    #[inline]
    pub(super) fn touch(&mut self, slot: Slot) {
        let (set, way) = (slot.0 as usize / self.ways, slot.0 as usize % self.ways);
        self.policy.used(&mut self.order[set], way, self.ways);
    }

    /// An empty way for the line, if its set has one.
    #[must_use]
    pub(super) fn has_room(&self, line_number: u64) -> bool {
        let set = self.set_of(line_number);
        set == UNTOUCHED || {
            let first = set as usize * self.ways;
            self.tags[first..first + self.ways].contains(&0)
        }
    }

    /// Counts the use for which a line was brought in, which some policies do not take for a use.
    #[inline]
    pub(super) fn touch_first(&mut self, slot: Slot) {
        if self.policy != Replacement::Srrip {
            self.touch(slot);
        }
    }

    /// Notes that this entry is the victim and will be removed, now or later.
    pub(super) fn evicted(&mut self, slot: Slot) {
        let (set, way) = (slot.0 as usize / self.ways, slot.0 as usize % self.ways);
        self.policy.evicted(&mut self.order[set], way, self.ways);
        if self.policy == Replacement::Random {
            self.draw = self.random.next_u64();
        }
    }

    /// Puts an entry into an empty way. The set must have room.
    pub(super) fn insert(&mut self, line_number: u64, entry: T) -> Slot {
        let i = (line_number & (self.sets - 1)) as usize;
        if self.index[i] == UNTOUCHED {
            self.index[i] = self.order.len() as u32;
            self.touched.push(i as u32);
            self.order.push(self.policy.initial());
            self.reached.push(0);
            self.tags.extend(std::iter::repeat_n(0, self.ways));
            self.entries.extend(std::iter::repeat_with(|| None).take(self.ways));
        }
        let first = self.index[i] as usize * self.ways;
        let way = self.tags[first..first + self.ways].iter().position(|&t| t == 0).expect("the caller made room");
        self.tags[first + way] = line_number + 1;
        self.entries[first + way] = Some(entry);
        let set = self.index[i] as usize;
        self.reached[set] = self.reached[set].max(way as u8 + 1);
        self.policy.filled(&mut self.order[set], way, self.ways);
        Slot((first + way) as u32)
    }

    /// Empties a slot.
    pub(super) fn remove(&mut self, slot: Slot) -> T {
        self.tags[slot.0 as usize] = 0;
        self.entries[slot.0 as usize].take().expect("a slot is used while its entry stays")
    }

    /// The entry of the line's set that the policy would rather lose than any other that `may_go`: its
    /// line number and slot. Whoever evicts it says so with [`SetArray::evicted`].
    pub(super) fn victim(&self, line_number: u64, may_go: impl Fn(u64, &T) -> bool) -> Option<(u64, Slot)> {
        let set = self.set_of(line_number);
        if set == UNTOUCHED {
            return None;
        }
        let first = set as usize * self.ways;
        let order = self.order[set as usize];
        self.policy.preference(order, self.ways, self.draw).find_map(|w| {
            let tag = self.tags[first + w];
            let entry = self.entries[first + w].as_ref()?;
            may_go(tag - 1, entry).then_some((tag - 1, Slot((first + w) as u32)))
        })
    }

    /// True if both lines belong to one set.
    pub(super) fn same_set(&self, a: u64, b: u64) -> bool {
        (a ^ b) & (self.sets - 1) == 0
    }

    /// The entries of a line's set.
    pub(super) fn set(&self, line_number: u64) -> impl Iterator<Item = &T> {
        let set = self.set_of(line_number);
        let first = if set == UNTOUCHED { 0 } else { set as usize * self.ways };
        let ways = if set == UNTOUCHED { 0 } else { self.ways };
        self.entries[first..first + ways].iter().flatten()
    }

    /// All entries with their line numbers, in an order that depends only on what was touched when.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.tags.iter().zip(&self.entries).filter_map(|(t, e)| Some((t.checked_sub(1)?, e.as_ref()?)))
    }
}

impl<T> SetArray<T> {
    /// A walk over everything (see [`sim_core::recur`]), with one over an entry.
    pub(super) fn walk(&mut self, w: &mut Walk, mut entry: impl FnMut(&mut T, &mut Walk)) {
        let SetArray { sets: _, ways: _, index: _, touched, tags, reached, entries, order, policy: _, random, draw } =
            self;
        w.each(touched, |set, w| w.word(u64::from(*set)));
        w.each(tags, |tag, w| w.word(*tag));
        w.each(reached, |ways, w| w.word(u64::from(*ways)));
        w.each(entries, |place, w| w.option(place, &mut entry));
        w.each(order, |order, w| w.word(*order));
        random.walk(w);
        w.word(*draw);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(a: &mut SetArray<u64>) -> sim_core::recur::Look {
        let mut walk = Walk::look(sim_core::time::Cycle(0));
        a.walk(&mut walk, |entry, w| w.word(*entry));
        walk.seen().expect("it looks")
    }

    #[test]
    fn a_look_tells_which_line_was_used_last() {
        for policy in [Replacement::Lru, Replacement::TreePlru, Replacement::Srrip] {
            let mut a = SetArray::new(2, 3, policy, Stream::derive(0, 0, "none"));
            let slots: Vec<Slot> = [0, 2, 4].into_iter().map(|l| a.insert(l, l)).collect();
            let before = look(&mut a);
            assert!(look(&mut a).is_again(&before));
            a.touch(slots[0]);
            assert!(!look(&mut a).is_again(&before), "{policy:?}");
        }
    }

    #[test]
    fn the_victim_is_the_least_recently_used_that_may_go() {
        let mut a = SetArray::new(2, 3, Replacement::Lru, Stream::derive(0, 0, "none"));
        let slots: Vec<Slot> = [0, 2, 4].into_iter().map(|l| a.insert(l, l)).collect();
        assert!(!a.has_room(6) && a.has_room(1));
        assert_eq!(a.victim(6, |_, _| true).map(|v| v.0), Some(0));
        a.touch(slots[0]);
        assert_eq!(a.victim(6, |_, _| true).map(|v| v.0), Some(2));
        assert_eq!(a.victim(6, |l, _| l != 2).map(|v| v.0), Some(4));
        assert_eq!(a.victim(6, |_, _| false), None);
        assert_eq!(a.remove(slots[1]), 2);
        assert!(a.find(2).is_none() && a.has_room(6));
        assert_eq!(a.find(4), Some(slots[2]));
    }
}
