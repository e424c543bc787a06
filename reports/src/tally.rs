// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counting while a machine runs: an array now, a [`Histogram`] at the end.

use crate::histogram::{Histogram, SUB_BUCKET_BITS};

/// Values counted in the buckets of a [`Histogram`], by index instead of in a map. It allocates only when a value is
/// larger than all before it; one of a time of seconds in nanoseconds takes 16 KB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// `[bucket]`, ascending.
    counts: Vec<u64>,
    sum: u64,
    min: u64,
    max: u64,
}

/// Place of the bucket of `value` among all buckets.
fn index(value: u64) -> usize {
    let shift = value.checked_ilog2().unwrap_or(0).saturating_sub(SUB_BUCKET_BITS);
    ((u64::from(shift) << SUB_BUCKET_BITS) + (value >> shift)) as usize
}

/// Least value of a bucket.
fn low(index: usize) -> u64 {
    // The first two octaves have buckets of one value, 2^SUB_BUCKET_BITS of them each.
    let shift = (index >> SUB_BUCKET_BITS).saturating_sub(1);
    ((index - (shift << SUB_BUCKET_BITS)) as u64) << shift
}

impl Tally {
    /// Nothing counted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one value.
    #[inline]
    pub fn record(&mut self, value: u64) {
        let i = index(value);
        if i >= self.counts.len() {
            if self.counts.is_empty() {
                self.min = u64::MAX;
            }
            self.counts.resize(i + 1, 0);
        }
        self.counts[i] += 1;
        self.sum = self.sum.saturating_add(value);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// As [`Histogram::parts`].
    pub fn parts(&mut self, mut sums: impl FnMut(&mut u64), mut others: impl FnMut(u64)) {
        let Self { counts, sum, min, max } = self;
        others(counts.len() as u64);
        for (i, n) in counts.iter_mut().enumerate().filter(|(_, n)| **n > 0) {
            others(i as u64);
            sums(n);
        }
        sums(sum);
        others(*min);
        others(*max);
    }

    /// What was counted.
    #[must_use]
    pub fn histogram(&self) -> Histogram {
        let used = self.counts.iter().enumerate().filter(|(_, n)| **n > 0);
        Histogram::from_buckets(used.map(|(i, n)| (low(i), *n)), self.sum, self.min, self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_as_a_histogram_does() {
        let (mut tally, mut histogram) = (Tally::new(), Histogram::new());
        assert_eq!(tally.histogram(), histogram);
        let mut value = 1_u64;
        let odd = (0..2000).map(|_| {
            value = value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            value >> (value % 64)
        });
        let edges = (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1]).chain([u64::MAX]);
        for v in edges.chain(odd) {
            tally.record(v);
            histogram.record(v);
            assert!(index(low(index(v))) == index(v) && low(index(v)) <= v, "{v}");
        }
        assert_eq!(tally.histogram(), histogram);
    }

    #[test]
    fn the_least_value_is_exact_even_if_it_is_not_the_first() {
        let mut tally = Tally::new();
        for v in [5_000, 130, 7_000] {
            tally.record(v);
        }
        let h = tally.histogram();
        assert_eq!((h.min(), h.max(), h.sum(), h.count()), (Some(130), Some(7_000), 12_130, 3));
    }
}
