// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sharer list of a directory entry: exact, one bit per cache.

use sim_core::recur::{Recur, Walk};

use super::message::Place;

/// A set of caches. Up to 64 caches need no memory of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sharers {
    first: u64,
    rest: Vec<u64>,
}

impl Sharers {
    fn word(&mut self, p: Place) -> &mut u64 {
        match (p.0 / 64) as usize {
            0 => &mut self.first,
            i => {
                if self.rest.len() < i {
                    self.rest.resize(i, 0);
                }
                &mut self.rest[i - 1]
            }
        }
    }

    /// Puts a cache on the list.
    pub fn add(&mut self, p: Place) {
        *self.word(p) |= 1 << (p.0 % 64);
    }

    /// Takes a cache off the list, if it is on it.
    pub fn remove(&mut self, p: Place) {
        *self.word(p) &= !(1 << (p.0 % 64));
    }

    /// Empties the list.
    pub fn clear(&mut self) {
        self.first = 0;
        self.rest.fill(0);
    }

    /// Number of caches listed.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.first.count_ones() + self.rest.iter().map(|w| w.count_ones()).sum::<u32>()
    }

    /// Number of caches listed beside this one.
    #[must_use]
    pub fn count_but(&self, p: Place) -> u32 {
        self.count() - u32::from(self.has(p))
    }

    /// True if this cache is listed.
    #[must_use]
    pub fn has(&self, p: Place) -> bool {
        let word = match (p.0 / 64) as usize {
            0 => self.first,
            i => self.rest.get(i - 1).copied().unwrap_or(0),
        };
        word >> (p.0 % 64) & 1 == 1
    }

    /// True if a cache other than this one is listed.
    #[must_use]
    pub fn any_but(&self, p: Place) -> bool {
        self.iter().any(|s| s != p)
    }

    /// The caches listed, in number order.
    pub fn iter(&self) -> impl Iterator<Item = Place> + '_ {
        let words = std::iter::once(self.first).chain(self.rest.iter().copied());
        words.enumerate().flat_map(|(i, w)| {
            let mut left = w;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                left &= left.checked_sub(1)?;
                Some(Place(i as u16 * 64 + bit as u16))
            })
        })
    }
}

impl Recur for Sharers {
    fn walk(&mut self, w: &mut Walk) {
        let Sharers { first, rest } = self;
        w.word(*first);
        w.each(rest, |word, w| w.word(*word));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_caches_in_number_order_beyond_one_word() {
        let mut s = Sharers::default();
        for p in [130, 3, 64, 63] {
            s.add(Place(p));
        }
        assert_eq!(s.iter().map(|p| p.0).collect::<Vec<_>>(), [3, 63, 64, 130]);
        assert!(s.any_but(Place(3)));
        assert!(s.has(Place(130)) && !s.has(Place(131)) && !s.has(Place(700)));
        assert_eq!((s.count_but(Place(64)), s.count_but(Place(65))), (3, 4));
        s.remove(Place(130));
        s.remove(Place(64));
        s.remove(Place(63));
        assert_eq!(s.count(), 1);
        assert!(!s.any_but(Place(3)));
        s.clear();
        assert_eq!(s.iter().count(), 0);
    }
}
