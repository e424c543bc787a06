// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parts of states, each kept once: a state is then a few numbers ("collapse" compression, after Holzmann, "State
//! compression in SPIN", 1997). Nothing is hashed away: two parts with the same number are equal.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A hash for tables whose order nobody looks at; the same in every process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mix(u64);

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word) ^ (chunk.len() as u64) << 56);
        }
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0 ^ n).wrapping_mul(ODD).rotate_left(29).wrapping_mul(ODD);
    }
}

pub(super) type MixMap<K, V> = HashMap<K, V, BuildHasherDefault<Mix>>;

/// Things numbered in the order in which they were first seen.
#[derive(Clone, Debug)]
pub(super) struct Interner<T> {
    numbers: MixMap<Box<[u8]>, u32>,
    things: Vec<T>,
    key_bytes: usize,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Interner { numbers: MixMap::default(), things: Vec::new(), key_bytes: 0 }
    }
}

impl<T> Interner<T> {
    /// The number of the thing with this encoding; `thing` is asked for it if it is new.
    pub(super) fn number(&mut self, key: &[u8], thing: impl FnOnce() -> T) -> u32 {
        if let Some(n) = self.numbers.get(key) {
            return *n;
        }
        let n = self.things.len() as u32;
        self.key_bytes += key.len();
        self.numbers.insert(key.into(), n);
        self.things.push(thing());
        n
    }

    pub(super) fn find(&self, key: &[u8]) -> Option<u32> {
        self.numbers.get(key).copied()
    }

    pub(super) fn get(&self, n: u32) -> &T {
        &self.things[n as usize]
    }

    pub(super) fn all(&self) -> &[T] {
        &self.things
    }

    /// Memory used, about; `thing_bytes` is what one thing has on the heap.
    pub(super) fn bytes(&self, thing_bytes: usize) -> usize {
        let each = std::mem::size_of::<T>() + thing_bytes + 40;
        self.things.len() * each + 2 * self.key_bytes
    }
}

/// A set of tuples of equal length, numbered in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Tuples {
    width: usize,
    words: Vec<u32>,
    /// Open addressing: number plus 1, or 0.
    table: Vec<u32>,
}

impl Tuples {
    pub(super) fn new(width: usize) -> Tuples {
        Tuples { width, words: Vec::new(), table: vec![0; 1 << 12] }
    }

    pub(super) fn len(&self) -> usize {
        self.words.len() / self.width
    }

    pub(super) fn get(&self, n: usize) -> &[u32] {
        &self.words[n * self.width..(n + 1) * self.width]
    }

    fn hash(tuple: &[u32]) -> u64 {
        let mut h = Mix::default();
        tuple.chunks(2).for_each(|c| h.write_u64(u64::from(c[0]) | u64::from(*c.get(1).unwrap_or(&0)) << 32));
        h.finish()
    }

    /// Where the tuple is in the table, or the free place where it belongs.
    fn slot(&self, tuple: &[u32]) -> usize {
        let mask = self.table.len() - 1;
        let mut at = Tuples::hash(tuple) as usize & mask;
        while self.table[at] != 0 && self.get(self.table[at] as usize - 1) != tuple {
            at = (at + 1) & mask;
        }
        at
    }

    pub(super) fn find(&self, tuple: &[u32]) -> Option<u32> {
        self.table[self.slot(tuple)].checked_sub(1)
    }

    /// Number of the tuple, and whether it is new.
    pub(super) fn insert(&mut self, tuple: &[u32]) -> (u32, bool) {
        let at = self.slot(tuple);
        if self.table[at] != 0 {
            return (self.table[at] - 1, false);
        }
        let n = self.len() as u32;
        if self.words.len() + self.width > self.words.capacity() {
            // Less than doubling, so that the bound on memory is met closely.
            self.words.reserve_exact((self.words.len() / 4).max(1 << 14));
        }
        self.words.extend_from_slice(tuple);
        self.table[at] = n + 1;
        if (n as usize + 1) * 10 > self.table.len() * 7 {
            self.grow();
        }
        (n, true)
    }

    fn grow(&mut self) {
        let size = 2 * self.table.len();
        self.table.clear();
        self.table.resize(size, 0);
        let mask = size - 1;
        for n in 0..self.len() {
            let mut at = Tuples::hash(self.get(n)) as usize & mask;
            while self.table[at] != 0 {
                at = (at + 1) & mask;
            }
            self.table[at] = n as u32 + 1;
        }
    }

    /// Memory used, bytes.
    pub(super) fn bytes(&self) -> usize {
        4 * (self.words.capacity() + self.table.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tuples_are_numbered_once_each() {
        let mut t = Tuples::new(3);
        for n in 0..10_000_u32 {
            assert_eq!(t.insert(&[n / 7, n % 7, 1]), (n, true));
        }
        for n in 0..10_000_u32 {
            assert_eq!(t.insert(&[n / 7, n % 7, 1]), (n, false));
            assert_eq!(t.get(n as usize), [n / 7, n % 7, 1]);
        }
        assert_eq!(t.find(&[0, 0, 2]), None);
    }
}
