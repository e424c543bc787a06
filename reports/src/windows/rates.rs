// SPDX-License-Identifier: MIT OR Apache-2.0
//! From landings to a probability per interrupt: a sum over strata of measured weight times sampled risk.
//!
//! `p = sum w_b q_b`, `w_b` the share of time in which arrivals land at boundary b, `q_b = x_b / n_b` of the landings made there. The interval:
//!
//! - Strata with events: the 2.5 and 97.5 % points of `sum w_b B_b`, `B_b` independent Beta(x + 1/2, n - x + 1/2), from draws with a
//!   fixed seed. Beside it, as a guard, Clopper and Pearson's limits of each at level alpha/m, summed.
//! - Strata without events: together, the largest `sum w_b q_b` under which no event in all their landings still has
//!   a probability of 5 %. Beta draws would give each of them half an event that nobody saw, and of hundreds of
//!   boundaries that half would be the result. This bound is kept apart: it says how much was tried, not how often it happens.
//! - Weights are measured: what the sum's spread over parts of the runs (20 of each seed; over seeds, if there are many or the cores
//!   did not run to the end) says of its mean (Student's t) is added in quadrature. It has the covariances of the weights in it.

use crate::stats::{ALPHA, Estimate, beta, chi_squared, student};

/// Draws from which percentiles are read.
pub const DRAWS: usize = 10_000;
/// Seed of the draws.
const SEED: u64 = 0x6c61_6e64_696e_6773;

/// A stratum: its share of the time and its trials. Hits and trials may be fractions where trials have different weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stratum {
    /// Share of the time.
    pub weight: f64,
    /// Trials with the event.
    pub hits: f64,
    /// Trials.
    pub trials: f64,
    /// The trials are all there are: its risk has no sampling error.
    pub exact: bool,
    /// The event was seen there in other trials, which do not count: it is there, whatever these say.
    pub seen: bool,
}

impl Stratum {
    /// Share of trials with the event.
    pub(super) fn risk(&self) -> f64 {
        if self.trials > 0.0 { self.hits / self.trials } else { 0.0 }
    }
}

/// A probability with its intervals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sum {
    /// The estimate.
    pub value: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The conservative interval.
    pub guard: (f64, f64),
    /// One-sided 95 % bound of what the strata without an event can add to all of these; without any event it is all there is, and so is
    /// `high`.
    pub unseen: f64,
    /// No event was seen.
    pub none: bool,
}

impl Sum {
    /// Either end of the guard is more than twice as far as that of the interval: both should be shown.
    #[must_use]
    pub fn guard_differs(&self) -> bool {
        self.guard.1 > 2.0 * self.high || self.guard.0 * 2.0 < self.low
    }

    /// Everything times `k`.
    #[must_use]
    pub fn scaled(&self, k: f64) -> Sum {
        let guard = (self.guard.0 * k, self.guard.1 * k);
        let (low, high, unseen) = (self.low * k, self.high * k, self.unseen * k);
        Sum { value: self.value * k, low, high, guard, unseen, none: self.none }
    }
}

/// The weighted sum of risks. `by_seed`: the sum with the weights of each part of the runs, or of each
/// seed, if there are several. Nothing without a trial.
#[must_use]
pub fn weighted_sum(strata: &[Stratum], by_seed: &[f64], draws: usize) -> Option<Sum> {
    let tried: Vec<&Stratum> = strata.iter().filter(|s| s.trials > 0.0 && s.weight > 0.0).collect();
    if tried.is_empty() {
        return None;
    }
    let value: f64 = tried.iter().map(|s| s.weight * s.risk()).sum();
    let hit: Vec<Stratum> = tried.iter().filter(|s| (s.hits > 0.0 || s.seen) && !s.exact).map(|s| **s).collect();
    let fixed: f64 = tried.iter().filter(|s| s.hits > 0.0 && s.exact).map(|s| s.weight * s.risk()).sum();
    let empty: Vec<(f64, f64)> =
        tried.iter().filter(|s| s.hits <= 0.0 && !s.seen && !s.exact).map(|s| (s.weight, s.trials)).collect();
    let none = hit.is_empty() && fixed <= 0.0;
    let unseen = if empty.is_empty() && none {
        // Everything was enumerated. Of states that were not, this many trials say something.
        let n: f64 = tried.iter().map(|s| s.trials).sum();
        tried.iter().map(|s| s.weight).sum::<f64>() * -(ALPHA.ln() / n).exp_m1()
    } else {
        zero_bound(&empty, -ALPHA.ln())
    };
    let (low, high) = percentiles(&hit, draws);
    let m = hit.len().max(1) as f64;
    let limits = hit.iter().map(|s| clopper_pearson(s, ALPHA / m));
    let guard = limits.fold((fixed, fixed), |(a, b), (low, high)| (a + low, b + high));
    let spread = spread(by_seed);
    // Where all trials have the event, the percentile of draws is below the estimate: the interval ends at it.
    let down = |low: f64| (value - (value - low).max(0.0).hypot(spread)).max(0.0);
    let up = |high: f64| value + (high - value).max(0.0).hypot(spread);
    Some(Sum {
        value,
        low: down(fixed + low),
        high: if none { unseen } else { up(fixed + high) },
        guard: if none { (0.0, unseen) } else { (down(guard.0), up(guard.1)) },
        unseen,
        none,
    })
}

/// Sum of the weights of events, with the 95 % interval of a weighted count: Fay and Feuer, Statistics in Medicine 16, 1997. `heaviest`:
/// the most that any one could weigh; without an event the one-sided bound is 3 of those.
#[must_use]
pub fn weighted_count(weights: &[f64], heaviest: f64) -> Sum {
    let value: f64 = weights.iter().sum();
    let square: f64 = weights.iter().map(|w| w * w).sum();
    let none = value <= 0.0;
    let (low, high) = if none {
        (0.0, -ALPHA.ln() * heaviest)
    } else {
        let (more, variance) = (value + heaviest, square + heaviest * heaviest);
        let gamma =
            |p: f64, mean: f64, variance: f64| variance / (2.0 * mean) * chi_squared(p, 2.0 * mean * mean / variance);
        (gamma(ALPHA / 2.0, value, square), gamma(1.0 - ALPHA / 2.0, more, variance))
    };
    Sum { value, low, high, guard: (low, high), unseen: if none { high } else { 0.0 }, none }
}

/// The estimate of one repetition of splitting: `n` branches at each of `levels` levels, `reached` of them.
#[must_use]
pub fn split_value(reached: &[u64], levels: usize, n: u64) -> f64 {
    if reached.len() < levels { 0.0 } else { reached.iter().map(|r| *r as f64 / n as f64).product() }
}

/// One-sided 95 % bound where no repetition came to the end: the shares of all levels but the last that was tried, times the bound of that
/// one.
#[must_use]
pub fn split_bound(reached: &[Vec<u64>], n: u64) -> f64 {
    let deepest = reached.iter().map(Vec::len).max().unwrap_or(0);
    let tried = |level: usize| reached.iter().filter(|r| r.len() > level).count() as f64 * n as f64;
    let share = |level: usize| reached.iter().filter_map(|r| r.get(level)).sum::<u64>() as f64 / tried(level);
    let before: f64 = (0..deepest.saturating_sub(1)).map(share).product();
    if deepest == 0 { 1.0 } else { before * -(ALPHA.ln() / tried(deepest - 1)).exp_m1() }
}

/// Mean of independent repetitions that are positive and skewed, with a t interval of the logarithm of the mean (Cox's: that of the mean of
/// logarithms, plus half their variance). If some are 0, which have no logarithm, of the mean itself.
#[must_use]
pub fn repeated(values: &[f64]) -> Estimate {
    let n = values.len() as f64;
    let mean_of = |v: &[f64]| v.iter().sum::<f64>() / n;
    let variance_of = |v: &[f64], mean: f64| v.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let t = student((n - 1.0).max(1.0));
    let value = mean_of(values);
    let events = values.iter().filter(|v| **v > 0.0).count() as u64;
    if events < values.len() as u64 {
        let half = t * (variance_of(values, value) / n).sqrt();
        return Estimate { value, low: (value - half).max(0.0), high: value + half, events };
    }
    let logs: Vec<f64> = values.iter().map(|v| v.ln()).collect();
    let mean = mean_of(&logs);
    let variance = variance_of(&logs, mean);
    let half = t * (variance / n + variance * variance / (2.0 * (n - 1.0))).sqrt();
    let middle = mean + variance / 2.0;
    Estimate { value, low: (middle - half).exp(), high: (middle + half).exp(), events }
}

/// Half the 95 % interval of the mean over seeds.
fn spread(by_seed: &[f64]) -> f64 {
    let n = by_seed.len() as f64;
    if by_seed.len() < 2 {
        return 0.0;
    }
    let mean = by_seed.iter().sum::<f64>() / n;
    let variance = by_seed.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    student(n - 1.0) * (variance / n).sqrt()
}

/// The largest `sum w q` with `prod (1 - q)^n >= exp(-log)`, over strata of weight w and n trials without an event.
///
/// With `t = -n ln(1 - q)` it is `sum w (1 - exp(-t / n))` under `sum t = log`, concave in every t: at the optimum all that are
/// not 0 have the same slope `w / n exp(-t / n)`, which bisection finds.
fn zero_bound(strata: &[(f64, f64)], log: f64) -> f64 {
    let steepest = strata.iter().map(|(w, n)| w / n).fold(0.0, f64::max);
    if steepest <= 0.0 {
        return 0.0;
    }
    let t = |slope: f64, (w, n): &(f64, f64)| n * (w / n / slope).ln().max(0.0);
    let used = |slope: f64| strata.iter().map(|s| t(slope, s)).sum::<f64>();
    let (mut low, mut high) = (steepest.ln() - 700.0, steepest.ln());
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if used(middle.exp()) > log {
            low = middle;
        } else {
            high = middle;
        }
    }
    strata.iter().map(|s| -s.0 * (-t(high.exp(), s) / s.1).exp_m1()).sum()
}

fn clopper_pearson(s: &Stratum, alpha: f64) -> (f64, f64) {
    let (x, n) = (s.hits, s.trials);
    let low = if x <= 0.0 { 0.0 } else { beta(alpha / 2.0, x, n - x + 1.0) };
    let high = if x >= n { 1.0 } else { beta(1.0 - alpha / 2.0, x + 1.0, n - x) };
    (s.weight * low, s.weight * high)
}

/// 2.5 and 97.5 % points of the sum of beta draws.
fn percentiles(strata: &[Stratum], draws: usize) -> (f64, f64) {
    if strata.is_empty() {
        return (0.0, 0.0);
    }
    let mut random = Random(SEED);
    let mut sums: Vec<f64> = (0..draws)
        .map(|_| strata.iter().map(|s| s.weight * random.beta(s.hits + 0.5, s.trials - s.hits + 0.5)).sum())
        .collect();
    sums.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| sums[((draws - 1) as f64 * share).round() as usize];
    (at(ALPHA / 2.0), at(1.0 - ALPHA / 2.0))
}

/// SplitMix64.
struct Random(u64);

impl Random {
    /// Uniform in (0, 1).
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        ((z >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Gamma with scale 1: Marsaglia and Tsang, ACM TOMS 26(3), 2000.
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let u = self.uniform();
            return self.gamma(shape + 1.0) * u.powf(1.0 / shape);
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && self.uniform().ln() < x * x / 2.0 + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (x, y) = (self.gamma(a), self.gamma(b));
        x / (x + y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stratum(weight: f64, hits: f64, trials: f64) -> Stratum {
        Stratum { weight, hits, trials, exact: false, seen: false }
    }

    #[test]
    fn the_two_state_machine_has_its_closed_form() {
        // A window of 3 cycles in 1000 in which nine of ten landings do harm; none elsewhere.
        let s = [stratum(0.003, 900.0, 1000.0), stratum(0.997, 0.0, 1e9)];
        let sum = weighted_sum(&s, &[], DRAWS).unwrap();
        assert!((sum.value - 0.0027).abs() < 1e-12 && !sum.none);
        // One stratum: the sum's interval is that of its share, 0.9 less and plus 1.96 sqrt(0.09 / 1000).
        let half = 0.003 * 0.018_594;
        assert!((sum.value - sum.low - half).abs() < 0.1 * half && (sum.high - sum.value - half).abs() < 0.1 * half);
        assert!(sum.guard.0 <= sum.low && sum.guard.1 >= sum.high && !sum.guard_differs(), "{sum:?}");
        assert!(sum.unseen < 1e-8, "the rest was tried often: {sum:?}");
    }

    #[test]
    fn nothing_seen_has_a_bound_and_all_seen_one_below() {
        let sum = weighted_sum(&[stratum(1.0, 0.0, 1000.0)], &[], DRAWS).unwrap();
        assert!(sum.none && sum.value <= 0.0 && sum.low <= 0.0);
        assert!((sum.high - 0.002_991_25).abs() < 1e-7, "{sum:?}"); // 1 - 0.05^(1/1000)
        let sum = weighted_sum(&[stratum(0.5, 20.0, 20.0)], &[], DRAWS).unwrap();
        assert!((sum.value - 0.5).abs() < 1e-12 && sum.low < 0.5 * 0.95 && sum.high <= 0.5, "{sum:?}");
        assert!(weighted_sum(&[stratum(1.0, 0.0, 0.0)], &[], DRAWS).is_none());
        // All of it enumerated: still a bound.
        let exact = Stratum { exact: true, ..stratum(0.2, 0.0, 100.0) };
        let sum = weighted_sum(&[exact], &[], DRAWS).unwrap();
        assert!(sum.none && (sum.high - 0.2 * 0.029_513_05).abs() < 1e-7, "{sum:?}");
    }

    #[test]
    fn no_event_anywhere_is_bounded_by_the_worst_place_to_hide_one() {
        // Two alike: all of the probability in one of them, or shared, is nearly the same; four times the trials, a quarter.
        let two = zero_bound(&[(0.5, 100.0), (0.5, 100.0)], 3.0);
        let one = zero_bound(&[(0.5, 100.0)], 3.0);
        assert!(two >= one && two < one * 1.02, "{two} {one}");
        let better = zero_bound(&[(0.5, 400.0), (0.5, 400.0)], 3.0);
        assert!((better * 4.0 / two - 1.0).abs() < 0.02);
        // A light stratum with few trials counts by its weight: the bound never exceeds the sum of each one's own.
        let mixed = [(0.99, 1000.0), (0.01, 5.0)];
        let own: f64 = mixed.iter().map(|(w, n)| -w * (-3.0_f64 / n).exp_m1()).sum();
        let joint = zero_bound(&mixed, 3.0);
        assert!(joint < own && joint > 0.5 * own, "{joint} {own}");
    }

    /// Trials shared out by what a pilot saw, which itself does not count: as `sim windows` does.
    fn by_pilot(random: &mut Random, truth: &[(f64, f64)], more: f64) -> Vec<Stratum> {
        let hits = |random: &mut Random, q: f64, n: u32| (0..n).filter(|_| random.uniform() < q).count() as f64;
        let pilot: Vec<f64> = truth.iter().map(|(_, q)| hits(random, *q, 30)).collect();
        let neyman = |i: usize| truth[i].0 * (pilot[i] * (30.0 - pilot[i])).sqrt() / 30.0;
        let sum: f64 = (0..truth.len()).map(neyman).sum();
        let one = |i: usize, random: &mut Random| {
            let n = 20 + if sum > 0.0 { (more * neyman(i) / sum) as u32 } else { 0 };
            let hits = hits(random, truth[i].1, n);
            Stratum { seen: pilot[i] > 0.0, ..stratum(truth[i].0, hits, f64::from(n)) }
        };
        (0..truth.len()).map(|i| one(i, random)).collect()
    }

    /// The mean over many experiments is the truth, whether trials are shared out by a pilot or evenly, and intervals cover it.
    #[test]
    fn the_allocation_moves_neither_the_mean_nor_the_coverage() {
        let truth = [(0.5, 0.02), (0.3, 0.3), (0.2, 0.8)];
        let p: f64 = truth.iter().map(|(w, q)| w * q).sum();
        let value = |s: &[Stratum]| s.iter().map(|s| s.weight * s.risk()).sum::<f64>();
        let (mut covered, mut sums, mut squares) = (0, [0.0; 2], [0.0; 2]);
        for seed in 0..1000_u64 {
            let mut random = Random(seed.wrapping_mul(0x3141_5927));
            let piloted = by_pilot(&mut random, &truth, 120.0);
            let even: Vec<Stratum> = truth
                .iter()
                .map(|(w, q)| stratum(*w, (0..60).filter(|_| random.uniform() < *q).count() as f64, 60.0))
                .collect();
            for (i, v) in [value(&piloted), value(&even)].into_iter().enumerate() {
                sums[i] += v;
                squares[i] += (v - p) * (v - p);
            }
            let sum = weighted_sum(&piloted, &[], 1000).unwrap();
            covered += u32::from((sum.low..=sum.high + sum.unseen).contains(&p));
        }
        for (sum, squares) in sums.into_iter().zip(squares) {
            let error = (squares / 1000.0_f64).sqrt() / 1000.0_f64.sqrt();
            assert!((sum / 1000.0 - p).abs() < 3.0 * error, "{} for {p}, error {error}", sum / 1000.0);
        }
        assert!(squares[0] < squares[1], "and it is worth it: {squares:?}");
        assert!((930..=975).contains(&covered), "{covered}");
    }

    #[test]
    fn a_weighted_count_of_equal_weights_is_garwoods() {
        let sum = weighted_count(&[0.5; 7], 0.5);
        let exact = crate::stats::rate(7, 2.0).unwrap();
        assert!((sum.value - 3.5).abs() < 1e-12 && (sum.low - exact.low).abs() < 1e-6, "{sum:?} {exact:?}");
        assert!((sum.high - exact.high).abs() < 1e-6, "{sum:?} {exact:?}");
        let none = weighted_count(&[], 0.5);
        assert!(none.none && (none.high - crate::stats::rate(0, 2.0).unwrap().high).abs() < 1e-9);
    }

    #[test]
    fn what_only_the_pilot_saw_is_not_unseen() {
        let s = Stratum { seen: true, ..stratum(0.5, 0.0, 20.0) };
        let sum = weighted_sum(&[s, stratum(0.5, 0.0, 1000.0)], &[], DRAWS).unwrap();
        assert!(!sum.none && sum.value <= 0.0 && sum.low <= 0.0 && sum.high > 0.02, "{sum:?}");
    }

    /// The interval has the truth in it as often as it says, over 1000 experiments.
    #[test]
    fn ninety_five_of_a_hundred_intervals_cover_the_truth() {
        let truth = [(0.6, 0.05), (0.3, 0.3), (0.1, 0.8)];
        let p: f64 = truth.iter().map(|(w, q)| w * q).sum();
        let mut covered = 0;
        for seed in 0..1000_u64 {
            let mut random = Random(seed.wrapping_mul(0x1234_5677));
            let strata: Vec<Stratum> = truth
                .iter()
                .map(|(w, q)| stratum(*w, (0..60).filter(|_| random.uniform() < *q).count() as f64, 60.0))
                .collect();
            let sum = weighted_sum(&strata, &[], 1000).unwrap();
            covered += u32::from((sum.low..=sum.high).contains(&p));
        }
        assert!((930..=970).contains(&covered), "{covered}");
    }

    /// Where risks are small and most strata see nothing, it errs on the safe side.
    #[test]
    fn rare_events_in_many_strata_are_covered_too() {
        let weights: Vec<f64> = (0..40).map(|i| if i == 0 { 0.961 } else { 0.001 }).collect();
        let risk = |i: usize| if i % 10 == 3 { 0.9 } else { 0.0002 };
        let p: f64 = weights.iter().enumerate().map(|(i, w)| w * risk(i)).sum();
        let mut covered = 0;
        for seed in 0..200_u64 {
            let mut random = Random(seed.wrapping_mul(0x9876_5433));
            let hits = |random: &mut Random, i: usize, n: u32| (0..n).filter(|_| random.uniform() < risk(i)).count();
            let strata: Vec<Stratum> = weights
                .iter()
                .enumerate()
                .map(|(i, w)| {
                    let n = if i == 0 { 2000 } else { 20 };
                    stratum(*w, hits(&mut random, i, n) as f64, f64::from(n))
                })
                .collect();
            let sum = weighted_sum(&strata, &[], 500).unwrap();
            covered += u32::from((sum.low..=sum.high + sum.unseen).contains(&p));
        }
        assert!(covered >= 190, "{covered}");
    }

    #[test]
    fn weights_that_differ_between_seeds_widen_the_interval() {
        let s = [stratum(0.5, 50.0, 100.0)];
        let narrow = weighted_sum(&s, &[0.25, 0.25, 0.25], DRAWS).unwrap();
        let wide = weighted_sum(&s, &[0.2, 0.25, 0.3], DRAWS).unwrap();
        assert_eq!(Some(narrow), weighted_sum(&s, &[], DRAWS));
        assert!(wide.low < narrow.low && wide.high > narrow.high);
        // 0.05 / sqrt(3) times the 97.5 % point of Student's t with two degrees of freedom, 4.3027.
        assert!((spread(&[0.2, 0.25, 0.3]) - 0.124_21).abs() < 1e-4);
    }
}
