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
    /// `[cycle % NEAR]`: events of that cycle, for cycles from `base` to `base + NEAR`, in no order.
    buckets: Vec<Vec<(Key, u32)>>,
    /// `[cycle % NEAR / 64]`, bit: the bucket has events.
    filled: [u64; NEAR / 64],
    /// The latest cycle an event was taken in: none is before it, unless the caller goes back in time.
    base: u64,
    /// All others.
    far: BinaryHeap<Reverse<(Key, u32)>>,
    /// The first event.
    first: Option<(Key, u32)>,
    len: usize,
}

impl Default for EventQueue {
    fn default() -> EventQueue {
        EventQueue {
            buckets: vec![Vec::new(); NEAR],
            filled: [0; NEAR / 64],
            base: 0,
            far: BinaryHeap::new(),
            first: None,
            len: 0,
        }
    }
}

impl EventQueue {
    /// Adds an event; `slot` is the caller's index of what it carries.
    #[inline]
    pub fn push(&mut self, key: Key, slot: u32) {
        self.len += 1;
        if key.at().0.wrapping_sub(self.base) < NEAR as u64 {
            let place = key.at().0 as usize % NEAR;
            self.buckets[place].push((key, slot));
            self.filled[place / 64] |= 1 << (place % 64);
        } else {
            self.far.push(Reverse((key, slot)));
        }
        if self.first.is_none_or(|(first, _)| key < first) {
            self.first = Some((key, slot));
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
        self.base = self.base.max(first.0.at().0);
        self.len -= 1;
        if self.far.peek().is_some_and(|Reverse(e)| *e == first) {
            self.far.pop();
        } else {
            let place = first.0.at().0 as usize % NEAR;
            let bucket = &mut self.buckets[place];
            let i = bucket.iter().position(|e| e.0 == first.0).expect("the first event is in the bucket of its cycle");
            bucket.swap_remove(i);
            if bucket.is_empty() {
                self.filled[place / 64] &= !(1 << (place % 64));
            }
        }
        let near = self.first_near();
        let far = self.far.peek().map(|Reverse(e)| *e);
        self.first = match (near, far) {
            (Some(near), Some(far)) => Some(near.min(far)),
            (near, far) => near.or(far),
        };
        Some(first)
    }

    /// The first event of the buckets.
    fn first_near(&self) -> Option<(Key, u32)> {
        let start = self.base as usize % NEAR;
        let (words, shift) = (NEAR / 64, start % 64);
        // The word with the start comes twice: first what is behind it, at the end what is before.
        let mut word = self.filled[start / 64] >> shift << shift;
        for i in 0..=words {
            let at = (start / 64 + i) % words;
            if i > 0 {
                word = self.filled[at];
            }
            if word != 0 {
                let bucket = &self.buckets[at * 64 + word.trailing_zeros() as usize];
                return bucket.iter().min().copied();
            }
        }
        None
    }

    /// Forgets everything that is pending, and the time; what was allocated stays.
    pub fn clear(&mut self) {
        let EventQueue { buckets, filled, base, far, first, len } = self;
        buckets.iter_mut().for_each(Vec::clear);
        far.clear();
        (*filled, *base, *first, *len) = ([0; NEAR / 64], 0, None, 0);
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

/// The next wake of every core. Up to 16 cores in a row that is looked through; more as a tournament: changing
/// one costs log2(cores) comparisons and leaves no stale entries behind, which re-arming a heap at every message would.
#[derive(Clone, Debug)]
pub struct WakeTree {
    /// First leaf: 0 if there is no tree above the leaves.
    leaves: usize,
    /// `[leaves + i]`: when core i is due, as `rank` gives it; with a tree, inner nodes hold the smaller child, `[1]` the smallest.
    ranks: Vec<u64>,
    /// The smallest, and whose it is: the first, if there are several.
    winner: (u64, usize),
}

/// Most cores without a tree.
const FEW: usize = 16;

/// A wake's key without its place, in order: the cycle, and whether the core steps or drains. Its number is always 0.
#[inline]
fn rank(key: Key) -> u64 {
    if key == Key::NEVER { u64::MAX } else { key.at().0 << 1 | u64::from(key.phase() == Phase::Step) }
}

/// The key of a rank and place.
#[inline]
fn key(rank: u64, place: usize) -> Key {
    if rank == u64::MAX {
        return Key::NEVER;
    }
    Key::new(Cycle(rank >> 1), if rank & 1 == 1 { Phase::Step } else { Phase::Drain }, place as u16, 0)
}

impl WakeTree {
    /// A tree for `places` cores, none of them due.
    #[must_use]
    pub fn new(places: usize) -> Self {
        let leaves = if places <= FEW { 0 } else { places.next_power_of_two() };
        let nodes = if places <= FEW { places } else { 2 * leaves };
        WakeTree { leaves, ranks: vec![u64::MAX; nodes], winner: (u64::MAX, 0) }
    }

    /// Nobody is due any more.
    pub fn clear(&mut self) {
        self.ranks.fill(u64::MAX);
        self.winner = (u64::MAX, 0);
    }

    /// Sets when `place` is due: a key with this place, phase drain or step, and number 0.
    #[inline]
    pub fn set(&mut self, place: usize, key: Key) {
        let new = rank(key);
        let mut i = self.leaves + place;
        if self.ranks[i] == new {
            return;
        }
        self.ranks[i] = new;
        if self.leaves == 0 {
            self.winner = first_smallest(&self.ranks);
            return;
        }
        while i > 1 {
            i /= 2;
            let smaller = self.ranks[2 * i].min(self.ranks[2 * i + 1]);
            if self.ranks[i] == smaller {
                break;
            }
            self.ranks[i] = smaller;
        }
        // Even if the smallest is the same: who is the first of several may not be.
        self.winner = (self.ranks[1], self.first_below(1));
    }

    /// The smallest key and whose it is; [`Key::NEVER`] if nobody is due.
    #[must_use]
    #[inline]
    pub fn next(&self) -> (Key, usize) {
        let (rank, place) = self.winner;
        (key(rank, place), place)
    }

    /// The first place below a node that has the node's rank.
    fn first_below(&self, node: usize) -> usize {
        let mut i = node;
        while i < self.leaves {
            i = 2 * i + usize::from(self.ranks[2 * i] != self.ranks[node]);
        }
        i - self.leaves
    }

    /// The smallest key of all places but this one.
    #[must_use]
    #[inline]
    pub fn next_without(&self, place: usize) -> Key {
        if self.leaves == 0 {
            let (before, behind) = (first_smallest(&self.ranks[..place]), first_smallest(&self.ranks[place + 1..]));
            let behind = (behind.0, behind.1 + place + 1);
            let (rank, place) = if behind.0 < before.0 { behind } else { before };
            return key(rank, place);
        }
        self.tree_without(place)
    }

    fn tree_without(&self, place: usize) -> Key {
        let mut i = self.leaves + place;
        let mut best = (u64::MAX, 0);
        while i > 1 {
            let sibling = i ^ 1;
            // Of equals, the one on the left is first.
            let rank = self.ranks[sibling];
            if rank < best.0 || (rank == best.0 && sibling < i) {
                best = (rank, sibling);
            }
            i /= 2;
        }
        let (rank, node) = best;
        if rank == u64::MAX { Key::NEVER } else { key(rank, self.first_below(node)) }
    }
}

/// The smallest rank and the first place that has it.
#[inline]
fn first_smallest(ranks: &[u64]) -> (u64, usize) {
    let mut best = (u64::MAX, 0);
    for (place, &rank) in ranks.iter().enumerate() {
        if rank < best.0 {
            best = (rank, place);
        }
    }
    best
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
                assert_eq!((q.next_key(), q.len()), (sorted.first().map_or(Key::NEVER, |e| e.0), sorted.len()));
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
