// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pending events: a heap for messages and a tournament tree for "this core wakes next then".

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::time::{Cycle, Key, Phase};

/// Cycles from the next event on for which there are buckets: longer than any message of a small machine takes.
const NEAR: usize = 512;

/// Pending messages in key order. Those of the near future are in buckets, one for each cycle; the others in a heap. No two
/// keys are equal, so neither layout can matter.
#[derive(Clone, Debug)]
pub struct EventQueue {
    /// `[cycle % NEAR]`: events of that cycle, for cycles from `base` to `base + NEAR`, in no order: what orders them within
    /// their cycle, and what they carry.
    buckets: Vec<Vec<(u64, u32)>>,
    /// `[cycle % NEAR / 64]`, bit: the bucket has events.
    filled: [u64; NEAR / 64],
    /// The latest cycle an event was taken in: none is before it, unless the caller goes back in time.
    base: u64,
    /// All others.
    far: BinaryHeap<Reverse<(Key, u32)>>,
    /// The first event.
    first: Option<(Key, u32)>,
    /// Where the first event is in the bucket of its cycle, or [`FAR`].
    first_at: usize,
    len: usize,
}

/// The first event is in the heap.
const FAR: usize = usize::MAX;

impl Default for EventQueue {
    fn default() -> EventQueue {
        EventQueue {
            buckets: vec![Vec::new(); NEAR],
            filled: [0; NEAR / 64],
            base: 0,
            far: BinaryHeap::new(),
            first: None,
            first_at: FAR,
            len: 0,
        }
    }
}

impl EventQueue {
    /// Adds an event; `slot` is the caller's index of what it carries.
    #[inline]
    pub fn push(&mut self, key: Key, slot: u32) {
        self.len += 1;
        let at = if key.at().0.wrapping_sub(self.base) < NEAR as u64 {
            let place = key.at().0 as usize % NEAR;
            let bucket = &mut self.buckets[place];
            bucket.push((key.within_cycle(), slot));
            self.filled[place / 64] |= 1 << (place % 64);
            bucket.len() - 1
        } else {
            self.far.push(Reverse((key, slot)));
            FAR
        };
        if key < self.next_key() {
            (self.first, self.first_at) = (Some((key, slot)), at);
        }
    }

    /// Key of the next event, or [`Key::NEVER`].
    #[must_use]
    #[inline]
    pub fn next_key(&self) -> Key {
        self.first.map_or(Key::NEVER, |e| e.0)
    }

    /// What the next event carries.
    #[must_use]
    #[inline]
    pub fn peek_slot(&self) -> Option<u32> {
        self.first.map(|e| e.1)
    }

    /// Takes the next event.
    #[inline]
    pub fn pop(&mut self) -> Option<(Key, u32)> {
        let first = self.first?;
        let cycle = first.0.at().0;
        self.base = self.base.max(cycle);
        self.len -= 1;
        if self.first_at == FAR {
            self.far.pop();
        } else {
            let place = cycle as usize % NEAR;
            let bucket = &mut self.buckets[place];
            bucket.swap_remove(self.first_at);
            if bucket.is_empty() {
                self.filled[place / 64] &= !(1 << (place % 64));
            }
        }
        self.find_first();
        Some(first)
    }

    /// Finds the first event again.
    fn find_first(&mut self) {
        (self.first, self.first_at) = (None, FAR);
        if let Some(place) = self.first_bucket() {
            let bucket = &self.buckets[place];
            let mut at = 0;
            for i in 1..bucket.len() {
                if bucket[i].0 < bucket[at].0 {
                    at = i;
                }
            }
            // The cycle from `base` on that has this bucket.
            let cycle = self.base + (place as u64).wrapping_sub(self.base) % NEAR as u64;
            let (within, slot) = bucket[at];
            (self.first, self.first_at) = (Some((Key::of_cycle(Cycle(cycle), within), slot)), at);
        }
        if let Some(Reverse(far)) = self.far.peek()
            && far.0 < self.next_key()
        {
            (self.first, self.first_at) = (Some(*far), FAR);
        }
    }

    /// The bucket of the first cycle that has events in one.
    #[inline]
    fn first_bucket(&self) -> Option<usize> {
        let start = self.base as usize % NEAR;
        let words = NEAR / 64;
        // The word with the start comes twice: first what is behind it, at the end what is before.
        let mut at = start / 64;
        let mut word = self.filled[at] & (u64::MAX << (start % 64));
        for _ in 0..words {
            if word != 0 {
                break;
            }
            at = (at + 1) % words;
            word = self.filled[at];
        }
        (word != 0).then(|| at * 64 + word.trailing_zeros() as usize)
    }

    /// Everything that is pending, in order.
    #[must_use]
    pub fn pending(&self) -> Vec<(Key, u32)> {
        let EventQueue { buckets, filled: _, base, far, first: _, first_at: _, len: _ } = self;
        // The cycle from `base` on that has this bucket.
        let cycle = |place: usize| Cycle(base + (place as u64).wrapping_sub(*base) % NEAR as u64);
        let near = buckets.iter().enumerate().flat_map(|(place, events)| {
            events.iter().map(move |&(within, slot)| (Key::of_cycle(cycle(place), within), slot))
        });
        let mut all: Vec<_> = near.chain(far.iter().map(|Reverse(event)| *event)).collect();
        all.sort_unstable();
        all
    }

    /// Forgets everything that is pending, and the time; what was allocated stays.
    pub fn clear(&mut self) {
        let EventQueue { buckets, filled, base, far, first, first_at, len } = self;
        buckets.iter_mut().for_each(Vec::clear);
        far.clear();
        (*filled, *base, *first, *first_at, *len) = ([0; NEAR / 64], 0, None, FAR, 0);
    }

    /// Number of pending events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if nothing is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// The next wake of every core, as a tournament: changing one costs log2(cores) comparisons and leaves no stale entries
/// behind, which re-arming a heap at every message would.
#[derive(Clone, Debug)]
pub struct WakeTree {
    /// First leaf, a power of two.
    leaves: usize,
    /// `[leaves + i]`: when core i is due, as `entry` gives it; inner nodes hold the smaller child, `[1]` the smallest.
    nodes: Vec<u64>,
}

/// Nobody is due.
const NOBODY: u64 = u64::MAX;

impl WakeTree {
    /// A tree for `places` cores, none of them due.
    #[must_use]
    pub fn new(places: usize) -> Self {
        let leaves = places.next_power_of_two();
        WakeTree { leaves, nodes: vec![NOBODY; 2 * leaves] }
    }

    /// Nobody is due any more.
    pub fn clear(&mut self) {
        self.nodes.fill(NOBODY);
    }

    /// A wake's key in order, in one word: cycle, whether the core steps or drains, place; its number is always 0. A cycle that does
    /// not fit, of which a machine of 1024 cores at 4 GHz has none for 13 days, stands as the last that does: who is due
    /// later is asked for its key then.
    #[inline]
    fn entry(&self, place: usize, key: Key) -> u64 {
        if key == Key::NEVER {
            return NOBODY;
        }
        let latest = (NOBODY >> 1 >> self.leaves.trailing_zeros()) - 1;
        let rank = key.at().0.min(latest) << 1 | u64::from(key.phase() == Phase::Step);
        rank << self.leaves.trailing_zeros() | place as u64
    }

    /// The key of an entry, and its place.
    #[inline]
    fn key(&self, entry: u64) -> (Key, usize) {
        if entry == NOBODY {
            return (Key::NEVER, 0);
        }
        let (rank, place) = (entry >> self.leaves.trailing_zeros(), entry as usize & (self.leaves - 1));
        let phase = if rank & 1 == 1 { Phase::Step } else { Phase::Drain };
        (Key::new(Cycle(rank >> 1), phase, place as u16, 0), place)
    }

    /// Sets when `place` is due: a key with this place, phase drain or step, and number 0.
    #[inline]
    pub fn set(&mut self, place: usize, key: Key) {
        let (mut i, mut smaller) = (self.leaves + place, self.entry(place, key));
        while self.nodes[i] != smaller {
            self.nodes[i] = smaller;
            if i == 1 {
                break;
            }
            smaller = smaller.min(self.nodes[i ^ 1]);
            i /= 2;
        }
    }

    /// The smallest key and whose it is; [`Key::NEVER`] if nobody is due.
    #[must_use]
    #[inline]
    pub fn next(&self) -> (Key, usize) {
        self.key(self.nodes[1])
    }

    /// The smallest key of all places but this one.
    #[must_use]
    #[inline]
    pub fn next_without(&self, place: usize) -> Key {
        let (mut i, mut smallest) = (self.leaves + place, NOBODY);
        while i > 1 {
            smallest = smallest.min(self.nodes[i ^ 1]);
            i /= 2;
        }
        self.key(smallest).0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::rng::Stream;

    #[test]
    fn the_tree_agrees_with_a_linear_scan() {
        let mut rng = Stream::derive(7, 0, "wake-tree");
        for places in [1usize, 2, 3, 8, 13, 17, 40, 64] {
            let mut tree = WakeTree::new(places);
            let mut plain = vec![Key::NEVER; places];
            for _ in 0..500 {
                let p = rng.below(places as u64) as usize;
                let phase = if rng.below(2) == 0 { Phase::Drain } else { Phase::Step };
                let key = Key::new(Cycle(rng.below(20)), phase, p as u16, 0);
                tree.set(p, key);
                plain[p] = key;
                let (k, who) = tree.next();
                assert_eq!(k, *plain.iter().min().unwrap());
                assert_eq!(plain[who], k);
                let others = (0..places).filter(|&i| i != p).map(|i| plain[i]).min();
                assert_eq!(tree.next_without(p), others.unwrap_or(Key::NEVER));
            }
            tree.clear();
            assert_eq!(tree.next().0, Key::NEVER);
        }
    }

    #[test]
    fn a_wake_far_in_the_future_keeps_its_cycle_up_to_the_last_that_fits() {
        let mut tree = WakeTree::new(1024);
        let last = (1 << 53) - 2;
        for (cycle, shown) in [(1 << 50, 1 << 50), (last, last), (last + 1, last)] {
            tree.set(1000, Key::new(Cycle(cycle), Phase::Step, 1000, 0));
            assert_eq!(tree.next(), (Key::new(Cycle(shown), Phase::Step, 1000, 0), 1000));
        }
    }

    #[test]
    fn events_come_in_the_order_of_their_keys() {
        let mut rng = Stream::derive(8, 0, "queue");
        for spread in [3, 100, 2 * NEAR as u64, 50 * NEAR as u64] {
            let (mut q, mut sorted, mut now) = (EventQueue::default(), BTreeSet::new(), 0);
            for i in 0..5000 {
                for _ in 0..rng.below(3) {
                    let key = Key::new(
                        Cycle(now + rng.below(spread)),
                        Phase::Deliver,
                        rng.below(4) as u16,
                        sorted.len() as u64 + (i << 20),
                    );
                    q.push(key, i as u32);
                    sorted.insert((key, i as u32));
                }
                assert_eq!(q.is_empty(), sorted.is_empty());
                assert_eq!((q.next_key(), q.len()), (sorted.first().map_or(Key::NEVER, |e| e.0), sorted.len()));
                if i % 64 == 0 {
                    assert_eq!(q.pending(), sorted.iter().copied().collect::<Vec<_>>());
                }
                if rng.below(2) == 0 {
                    assert_eq!(q.peek_slot(), sorted.first().map(|e| e.1));
                    let next = q.pop();
                    assert_eq!(next, sorted.pop_first());
                    now = next.map_or(now, |(k, _)| k.at().0);
                }
            }
            q.clear();
            assert!(q.is_empty() && q.pop().is_none() && q.next_key() == Key::NEVER);
        }
    }
}
