// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pending events: a heap for messages and a tournament tree for "this core wakes next then".

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::time::Key;

/// Pending messages in key order. No two keys are equal, so the heap's layout cannot matter.
#[derive(Clone, Debug, Default)]
pub struct EventQueue {
    heap: BinaryHeap<Reverse<(Key, u32)>>,
}

impl EventQueue {
    /// Adds an event; `slot` is the caller's index of what it carries.
    pub fn push(&mut self, key: Key, slot: u32) {
        self.heap.push(Reverse((key, slot)));
    }

    /// Key of the next event, or [`Key::NEVER`].
    #[must_use]
    pub fn next_key(&self) -> Key {
        self.heap.peek().map_or(Key::NEVER, |e| e.0.0)
    }

    /// What the next event carries.
    #[must_use]
    pub fn peek_slot(&self) -> Option<u32> {
        self.heap.peek().map(|e| e.0.1)
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<(Key, u32)> {
        self.heap.pop().map(|e| e.0)
    }

    /// Forgets everything that is pending; what was allocated stays.
    pub fn clear(&mut self) {
        self.heap.clear();
    }

    /// Number of pending events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// True if nothing is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

/// The next wake of every core, as a tournament: changing one costs log2(cores) comparisons and
/// leaves no stale entries behind, which re-arming a heap at every message would.
#[derive(Clone, Debug)]
pub struct WakeTree {
    leaves: usize,
    /// `[1]` is the winner's key, `[leaves + i]` core i's; inner nodes hold the smaller child.
    keys: Vec<Key>,
    /// Whose the winner's key is.
    winner: usize,
}

impl WakeTree {
    /// A tree for `places` cores, none of them due.
    #[must_use]
    pub fn new(places: usize) -> Self {
        let leaves = places.next_power_of_two().max(2);
        WakeTree { leaves, keys: vec![Key::NEVER; 2 * leaves], winner: 0 }
    }

    /// Nobody is due any more.
    pub fn clear(&mut self) {
        self.keys.fill(Key::NEVER);
        self.winner = 0;
    }

    /// Sets when `place` is due.
    pub fn set(&mut self, place: usize, key: Key) {
        let mut i = self.leaves + place;
        if self.keys[i] == key {
            return;
        }
        self.keys[i] = key;
        while i > 1 {
            i /= 2;
            let smaller = self.keys[2 * i].min(self.keys[2 * i + 1]);
            if self.keys[i] == smaller {
                return;
            }
            self.keys[i] = smaller;
        }
        self.winner = self.find_winner();
    }

    /// The smallest key and whose it is; [`Key::NEVER`] if nobody is due.
    #[must_use]
    #[inline]
    pub fn next(&self) -> (Key, usize) {
        (self.keys[1], self.winner)
    }

    fn find_winner(&self) -> usize {
        let mut i = 1;
        while i < self.leaves {
            i = 2 * i + usize::from(self.keys[2 * i] != self.keys[1]);
        }
        i - self.leaves
    }

    /// The smallest key of all places but this one.
    #[must_use]
    pub fn next_without(&self, place: usize) -> Key {
        let mut i = self.leaves + place;
        let mut best = Key::NEVER;
        while i > 1 {
            best = best.min(self.keys[i ^ 1]);
            i /= 2;
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;
    use crate::time::{Cycle, Phase};

    #[test]
    fn the_tree_agrees_with_a_linear_scan() {
        let mut rng = Stream::derive(7, 0, "wake-tree");
        for places in [1usize, 2, 3, 8, 13] {
            let mut tree = WakeTree::new(places);
            let mut plain = vec![Key::NEVER; places];
            for _ in 0..500 {
                let p = rng.below(places as u64) as usize;
                let key = Key::new(Cycle(rng.below(50)), Phase::Step, p as u16, 0);
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
    fn popped_keys_never_go_back() {
        let mut rng = Stream::derive(8, 0, "queue");
        let mut q = EventQueue::default();
        for i in 0..1000 {
            q.push(Key::new(Cycle(rng.below(100)), Phase::Deliver, 0, i), i as u32);
        }
        let mut last = Key::new(Cycle(0), Phase::Deliver, 0, 0);
        while let Some((k, _)) = q.pop() {
            assert!(k >= last);
            last = k;
        }
        assert!(q.is_empty());
    }
}
