// SPDX-License-Identifier: MIT OR Apache-2.0
//! A sparse histogram of integers on a scale that is linear within each octave.
//!
//! Every power of two is cut into 64 buckets of equal width, so a value is known to better than one
//! part in 64 (1.6 %); values below 128 are exact. Only buckets in use are kept. Merging two
//! histograms gives the same bits in any order, which a sum of floating-point means would not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// log2 of the number of buckets of an octave.
pub(crate) const SUB_BUCKET_BITS: u32 = 6;

/// Counts of integer values; the unit is the one of the field that holds the histogram.
///
/// JSON: `{"min":3,"max":250600000,"sum":250600003,"buckets":[[3,1],[247463936,1]]}`, a bucket being
/// its least value and its count; an empty one is `{"min":0,"max":0,"sum":0,"buckets":[]}`.
/// A histogram that others were merged into remembers the exact maxima of these where they are the greatest values of a bucket, so
/// that a quantile that falls there is the same of the parts and of the whole. Neither JSON nor equality knows of that.
#[derive(Clone, Debug, Default, Eq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Histogram {
    /// Least value of a bucket -> number of values in it; never zero.
    buckets: BTreeMap<u64, u64>,
    count: u64,
    sum: u64,
    min: u64,
    max: u64,
    /// Least value of a bucket below that of `max` -> exact greatest value in it, where every histogram merged into this one that has
    /// values in the bucket has its maximum there.
    greatest: BTreeMap<u64, u64>,
}

impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        let all = |h: &Self| (h.count, h.sum, h.min, h.max);
        all(self) == all(other) && self.buckets == other.buckets
    }
}

/// The JSON form, not yet checked.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    min: u64,
    max: u64,
    sum: u64,
    buckets: Vec<(u64, u64)>,
}

/// Least value that shares a bucket with `value`.
fn bucket_low(value: u64) -> u64 {
    let shift = value.checked_ilog2().unwrap_or(0).saturating_sub(SUB_BUCKET_BITS);
    (value >> shift) << shift
}

/// Greatest value that shares a bucket with `low`, the least of the bucket.
fn bucket_high(low: u64) -> u64 {
    let shift = low.checked_ilog2().unwrap_or(0).saturating_sub(SUB_BUCKET_BITS);
    low + ((1_u64 << shift) - 1)
}

impl Histogram {
    /// An empty histogram.
    ///
    /// ```
    /// let mut waits = reports::Histogram::new();
    /// [3, 5, 9].into_iter().for_each(|ns| waits.record(ns));
    /// assert_eq!(waits.quantile(1, 2), Some(5));
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// A histogram of these buckets, each by its least value with a count above 0.
    pub(crate) fn from_buckets(buckets: impl Iterator<Item = (u64, u64)>, sum: u64, min: u64, max: u64) -> Self {
        let buckets: BTreeMap<u64, u64> = buckets.collect();
        Self { count: buckets.values().sum(), buckets, sum, min, max, greatest: BTreeMap::new() }
    }

    /// Every number of which it is made: the sums, which grow when values are counted, to the one, and all others, to the other. Values that
    /// only repeat what was counted leave the others as they are.
    pub fn parts(&mut self, mut sums: impl FnMut(&mut u64), mut others: impl FnMut(u64)) {
        let Self { buckets, count, sum, min, max, greatest } = self;
        others(buckets.len() as u64);
        for (low, n) in buckets {
            others(*low);
            sums(n);
        }
        sums(count);
        sums(sum);
        others(*min);
        others(*max);
        greatest.iter().for_each(|(low, greatest)| [*low, *greatest].into_iter().for_each(&mut others));
    }

    /// Counts one value.
    pub fn record(&mut self, value: u64) {
        self.record_n(value, 1);
    }

    /// Counts `times` equal values.
    pub fn record_n(&mut self, value: u64, times: u64) {
        if times == 0 {
            return;
        }
        self.min = if self.count == 0 { value } else { self.min.min(value) };
        self.max = self.max.max(value);
        self.count += times;
        self.sum = self.sum.saturating_add(value.saturating_mul(times));
        let low = bucket_low(value);
        *self.buckets.entry(low).or_insert(0) += times;
        if let Some(greatest) = self.greatest.get_mut(&low) {
            *greatest = value.max(*greatest);
        }
    }

    /// The exact greatest value in a bucket in use, if it is known.
    fn greatest_in(&self, low: u64) -> Option<u64> {
        if low == bucket_low(self.max) { Some(self.max) } else { self.greatest.get(&low).copied() }
    }

    /// Adds the values of `other`.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        let tops = [&*self, other].into_iter().flat_map(|h| h.greatest.keys().copied().chain([bucket_low(h.max)]));
        let known = |low: u64| {
            let of = |h: &Self| if h.buckets.contains_key(&low) { h.greatest_in(low) } else { Some(0) };
            Some((low, of(self)?.max(of(other)?)))
        };
        let top = bucket_low(self.max.max(other.max));
        self.greatest = tops.filter(|&low| low != top).filter_map(known).collect();
        self.min = if self.count == 0 { other.min } else { self.min.min(other.min) };
        self.max = self.max.max(other.max);
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        for (&low, &n) in &other.buckets {
            *self.buckets.entry(low).or_insert(0) += n;
        }
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// True if nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Exact sum of the values, or `u64::MAX` if it is larger than that.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// Exact least value; `None` if nothing was counted.
    pub fn min(&self) -> Option<u64> {
        (self.count > 0).then_some(self.min)
    }

    /// Exact greatest value; `None` if nothing was counted.
    pub fn max(&self) -> Option<u64> {
        (self.count > 0).then_some(self.max)
    }

    /// A value that at least `num`/`den` of the counted ones do not exceed: the greatest value of
    /// the bucket in which that share is reached, or the greatest one that was counted there if that is
    /// known (see [`Histogram`]; the maximum always is). So it is never too small, and too large by less than one part in 64. `quantile(1, 2)` is the median,
    /// `quantile(1, 1)` the maximum; a `num` above `den` counts as `den`.
    ///
    /// `None` if nothing was counted or `den` is 0.
    pub fn quantile(&self, num: u64, den: u64) -> Option<u64> {
        if self.count == 0 || den == 0 {
            return None;
        }
        let share = u128::from(self.count) * u128::from(num.min(den));
        let rank = share.div_ceil(u128::from(den)).max(1);
        let mut seen = 0_u128;
        self.buckets.iter().find_map(|(&low, &n)| {
            seen += u128::from(n);
            (seen >= rank).then(|| self.greatest_in(low).unwrap_or_else(|| bucket_high(low)))
        })
    }

    /// The buckets in use, ascending: (least value, greatest value, count).
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64, u64)> + '_ {
        self.buckets.iter().map(|(&low, &n)| (low, bucket_high(low), n))
    }
}

impl From<Histogram> for Raw {
    fn from(h: Histogram) -> Self {
        Self { min: h.min, max: h.max, sum: h.sum, buckets: h.buckets.into_iter().collect() }
    }
}

impl TryFrom<Raw> for Histogram {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let mut count = 0_u64;
        let mut buckets = BTreeMap::new();
        for &(low, n) in &raw.buckets {
            if bucket_low(low) != low {
                return Err(format!("{low} is not the start of a histogram bucket"));
            }
            if n == 0 || buckets.insert(low, n).is_some() {
                return Err(format!("histogram bucket {low} is empty or given twice"));
            }
            count = count.checked_add(n).ok_or("histogram counts are too large")?;
        }
        let ends = buckets.first_key_value().zip(buckets.last_key_value());
        let (first, last) = ends.map_or((0, 0), |((&a, _), (&b, _))| (a, b));
        if bucket_low(raw.min) != first || bucket_low(raw.max) != last || raw.min > raw.max {
            return Err("histogram minimum or maximum is outside its buckets".into());
        }
        Ok(Self { buckets, count, sum: raw.sum, min: raw.min, max: raw.max, greatest: BTreeMap::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[u64]) -> Histogram {
        let mut h = Histogram::new();
        values.iter().for_each(|&v| h.record(v));
        h
    }

    #[test]
    fn values_below_128_are_exact() {
        for v in 0..128 {
            assert_eq!((bucket_low(v), bucket_high(v)), (v, v));
        }
        // From 128 on buckets are two wide, from 256 on four wide.
        assert_eq!((bucket_low(129), bucket_high(128)), (128, 129));
        assert_eq!((bucket_low(259), bucket_high(256)), (256, 259));
    }

    #[test]
    fn buckets_tile_the_integers_and_are_narrow() {
        let mut low = 0_u64;
        for _ in 0..(64 * 58) {
            let high = bucket_high(low);
            assert_eq!((bucket_low(low), bucket_low(high)), (low, low));
            assert!(high - low <= low / 64, "{low}..{high} is wider than one part in 64");
            match high.checked_add(1) {
                Some(next) => low = next,
                None => break,
            }
        }
        assert_eq!(bucket_high(bucket_low(u64::MAX)), u64::MAX);
    }

    #[test]
    fn quantiles_by_hand() {
        let h = of(&(1..=100).collect::<Vec<_>>());
        assert_eq!(h.quantile(1, 2), Some(50));
        assert_eq!(h.quantile(99, 100), Some(99));
        assert_eq!(h.quantile(1, 1), Some(100));
        assert_eq!(h.quantile(0, 1), Some(1));
        assert_eq!(h.quantile(7, 5), Some(100));
        // One value of 1 ms in ns: its bucket reaches to 1 007 615, the maximum is exact.
        assert_eq!(of(&[1_000_000]).quantile(1, 2), Some(1_000_000));
        // 1 000 000 lies in 999 424..=1 007 615 (width 8 192), so p50 of the two is its end.
        assert_eq!(of(&[1_000_000, 2_000_000]).quantile(1, 2), Some(1_007_615));
        assert_eq!(Histogram::new().quantile(1, 2), None);
        assert_eq!(h.quantile(1, 0), None);
    }

    #[test]
    fn quantiles_are_never_below_the_true_one_and_within_a_64th() {
        let mut state = 12_345_u64; // A linear congruential stream is random enough here.
        for round in 0..200 {
            let mut values: Vec<u64> = (0..=round)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    state >> (20 + state % 40)
                })
                .collect();
            let h = of(&values);
            values.sort_unstable();
            for (num, den) in [(1, 100), (1, 2), (9, 10), (99, 100), (1, 1)] {
                let rank = (values.len() * num).div_ceil(den).max(1);
                let exact = values[rank - 1];
                let got = h.quantile(num as u64, den as u64).unwrap();
                assert!(got >= exact && got - exact <= exact / 64, "{got} for {exact}");
            }
            assert_eq!(h.sum(), values.iter().sum::<u64>());
        }
    }

    #[test]
    fn merging_equals_counting_everything_in_one() {
        let (a, b) = ([5, 900, 70_000], [1, 900, u64::MAX]);
        let (mut left, mut right) = (of(&a), of(&b));
        let all = of(&[a, b].concat());
        left.merge(&of(&b));
        right.merge(&of(&a));
        assert_eq!(left, all);
        assert_eq!(right, all);
        assert_eq!((all.min(), all.max(), all.sum()), (Some(1), Some(u64::MAX), u64::MAX));
        left.merge(&Histogram::new());
        assert_eq!(left, all);
    }

    #[test]
    fn a_quantile_of_a_part_is_that_of_the_whole_where_it_is_the_parts_maximum() {
        let part = of(&[2_466_700; 132]);
        assert_eq!(part.quantile(99, 100), Some(2_466_700));
        // With one much greater value the 99th percentile is still the same value, and not the end of its bucket.
        let mut whole = part.clone();
        whole.merge(&of(&[252_000_000]));
        assert_eq!(whole.quantile(99, 100), Some(2_466_700));
        let (mut one, mut two) = (of(&[252_000_000]), of(&[300_000_000]));
        two.merge(&whole);
        one.merge(&part);
        one.merge(&of(&[300_000_000]));
        assert_eq!(
            one.greatest,
            BTreeMap::from([(bucket_low(2_466_700), 2_466_700), (bucket_low(252_000_000), 252_000_000)])
        );
        assert_eq!(one.quantile(99, 100), two.quantile(99, 100).filter(|_| one == two));
        // Who has the bucket in the middle does not know its greatest value, so nobody does.
        one.merge(&of(&[2_466_000, 9_000_000]));
        assert_eq!(one.quantile(1, 2), Some(bucket_high(bucket_low(2_466_000))));
        // A value that comes later counts as well.
        whole.record(2_467_000);
        assert_eq!(whole.quantile(99, 100), Some(2_467_000));
    }

    #[test]
    fn json_round_trip_is_compact_and_checked() {
        let h = of(&[3, 3, 250_600_000]);
        let json = serde_json::to_string(&h).unwrap();
        assert_eq!(json, r#"{"min":3,"max":250600000,"sum":250600006,"buckets":[[3,2],[249561088,1]]}"#);
        assert_eq!(serde_json::from_str::<Histogram>(&json).unwrap(), h);
        let empty = serde_json::to_string(&Histogram::new()).unwrap();
        assert_eq!(serde_json::from_str::<Histogram>(&empty).unwrap(), Histogram::new());
        for (bad, why) in [
            (r#"{"min":129,"max":129,"sum":1,"buckets":[[129,1]]}"#, "not the start"),
            (r#"{"min":1,"max":1,"sum":1,"buckets":[[1,0]]}"#, "empty or given twice"),
            (r#"{"min":1,"max":1,"sum":1,"buckets":[[1,1],[1,1]]}"#, "given twice"),
            (r#"{"min":1,"max":9,"sum":1,"buckets":[[1,1]]}"#, "outside its buckets"),
            (r#"{"min":1,"max":1,"sum":1,"buckets":[[1,1]],"p50":1}"#, "unknown field"),
        ] {
            let error = serde_json::from_str::<Histogram>(bad).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
