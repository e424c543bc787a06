// SPDX-License-Identifier: MIT OR Apache-2.0
//! Set-associative arrays with least-recently-used replacement, allocated set by set as touched,
//! so that a machine with megabytes of cache is small and quick to fork while little is used.

/// Most ways a set can have: the recency order is a permutation of 4-bit numbers.
pub const WAYS_MAX: usize = 16;

const UNTOUCHED: u32 = u32::MAX;
/// Way 0 most recent, way 15 least.
const INITIAL_ORDER: u64 = 0xfedc_ba98_7654_3210;

/// Place of an entry, stable while the entry stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(u32);

/// An array of `sets` x `ways` entries keyed by line address.
#[derive(Clone, Debug)]
pub(super) struct SetArray<T> {
    sets: u64,
    ways: usize,
    /// `[set]`: number of the set in the pools, or [`UNTOUCHED`].
    index: Vec<u32>,
    /// `[touched set * ways + way]`: line number plus one, 0 if the way is empty.
    tags: Vec<u64>,
    /// As `tags`; meaningful where the tag is not 0.
    entries: Vec<Option<T>>,
    /// `[touched set]`: recency order, most recent in the lowest four bits.
    order: Vec<u64>,
}

impl<T> SetArray<T> {
    /// An empty array. `sets` is a power of two, `ways` from 1 to [`WAYS_MAX`].
    #[must_use]
    pub(super) fn new(sets: u64, ways: usize) -> Self {
        assert!(sets.is_power_of_two() && (1..=WAYS_MAX).contains(&ways), "geometry is validated before");
        SetArray {
            sets,
            ways,
            index: vec![UNTOUCHED; sets as usize],
            tags: Vec::new(),
            entries: Vec::new(),
            order: Vec::new(),
        }
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
        let tags = &self.tags[first..first + self.ways];
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

    /// Counts a use: the slot becomes the most recent of its set.
    #[inline]
    pub(super) fn touch(&mut self, slot: Slot) {
        let (set, way) = (slot.0 as usize / self.ways, slot.0 as usize % self.ways);
        let order = &mut self.order[set];
        if *order & 0xf != way as u64 {
            *order = moved_to_front(*order, way as u64);
        }
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

    /// Puts an entry into an empty way and makes it the most recent. The set must have room.
    pub(super) fn insert(&mut self, line_number: u64, entry: T) -> Slot {
        let i = (line_number & (self.sets - 1)) as usize;
        if self.index[i] == UNTOUCHED {
            self.index[i] = self.order.len() as u32;
            self.order.push(INITIAL_ORDER);
            self.tags.extend(std::iter::repeat_n(0, self.ways));
            self.entries.extend(std::iter::repeat_with(|| None).take(self.ways));
        }
        let first = self.index[i] as usize * self.ways;
        let way = self.tags[first..first + self.ways].iter().position(|&t| t == 0).expect("the caller made room");
        self.tags[first + way] = line_number + 1;
        self.entries[first + way] = Some(entry);
        let slot = Slot((first + way) as u32);
        self.touch(slot);
        slot
    }

    /// Empties a slot.
    pub(super) fn remove(&mut self, slot: Slot) -> T {
        self.tags[slot.0 as usize] = 0;
        self.entries[slot.0 as usize].take().expect("a slot is used while its entry stays")
    }

    /// The least recently used entry of the line's set that `may_go`: its line number and slot.
    pub(super) fn victim(&self, line_number: u64, may_go: impl Fn(u64, &T) -> bool) -> Option<(u64, Slot)> {
        let set = self.set_of(line_number);
        if set == UNTOUCHED {
            return None;
        }
        let first = set as usize * self.ways;
        let order = self.order[set as usize];
        (0..WAYS_MAX).rev().map(|i| (order >> (4 * i)) as usize & 0xf).filter(|&w| w < self.ways).find_map(|w| {
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

/// Moves nibble value `way` of a permutation to the lowest place, shifting the more recent ones up.
const fn moved_to_front(order: u64, way: u64) -> u64 {
    let mut place = 0;
    while (order >> (4 * place)) & 0xf != way {
        place += 1;
    }
    let below = order & ((1 << (4 * place)) - 1);
    let above = if place == 15 { 0 } else { order >> (4 * (place + 1)) << (4 * (place + 1)) };
    above | (below << 4) | way
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_victim_is_the_least_recently_used_that_may_go() {
        let mut a = SetArray::new(2, 3);
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

    #[test]
    fn moving_to_the_front_keeps_a_permutation() {
        let mut order = INITIAL_ORDER;
        for way in [15, 0, 7, 7, 15, 3] {
            order = moved_to_front(order, way);
            assert_eq!(order & 0xf, way);
            let seen = (0..16).fold(0u32, |m, i| m | 1 << ((order >> (4 * i)) & 0xf));
            assert_eq!(seen, 0xffff);
        }
    }
}
