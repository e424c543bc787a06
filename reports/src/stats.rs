// SPDX-License-Identifier: MIT OR Apache-2.0
//! Intervals for counts and proportions.
//!
//! All are two-sided with 95 % coverage, except that a count of zero gets the one-sided 95 % upper
//! bound: what was not seen is never reported as a bare 0. They take events as independent; events
//! that come in bursts, such as a queue flushed by one timeout, make the truth wider.

use std::sync::OnceLock;

use statrs::distribution::{Beta, ChiSquared, ContinuousCDF, StudentsT};

/// 1 - coverage of every interval of this crate.
pub(crate) const ALPHA: f64 = 0.05;

/// 97.5 % point of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// An estimate with its 95 % interval, in the unit of the estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// What was seen: events over exposure or trials.
    pub value: f64,
    /// Lower end; 0 if no event was seen.
    pub low: f64,
    /// Upper end; if no event was seen, the one-sided 95 % bound.
    pub high: f64,
    /// How many events were seen.
    pub events: u64,
}

/// Rate of `events` independent events over `exposure` (any unit above 0), with the exact interval
/// of Garwood (Biometrika 28, 1936). `None` if the exposure is not above 0.
pub fn rate(events: u64, exposure: f64) -> Option<Estimate> {
    if exposure.is_nan() || exposure <= 0.0 {
        return None;
    }
    let k = events as f64;
    let (low, high) = if events == 0 {
        (0.0, -ALPHA.ln())
    } else {
        (chi_squared(ALPHA / 2.0, 2.0 * k) / 2.0, chi_squared(1.0 - ALPHA / 2.0, 2.0 * k + 2.0) / 2.0)
    };
    Some(Estimate { value: k / exposure, low: low / exposure, high: high / exposure, events })
}

/// Share of `hits` among `trials` with the exact interval of Clopper and Pearson (Biometrika 26,
/// 1934). `None` without a trial or with more hits than trials.
pub fn proportion(hits: u64, trials: u64) -> Option<Estimate> {
    if trials == 0 || hits > trials {
        return None;
    }
    let (x, n) = (hits as f64, trials as f64);
    let low = if hits == 0 { 0.0 } else { beta(ALPHA / 2.0, x, n - x + 1.0) };
    let high = if hits == 0 {
        // 1 - alpha^(1/n), written so that it keeps its digits for large n.
        -(ALPHA.ln() / n).exp_m1()
    } else if hits == trials {
        1.0
    } else {
        beta(1.0 - ALPHA / 2.0, x + 1.0, n - x)
    };
    Some(Estimate { value: x / n, low, high, events: hits })
}

/// Share of `hits` among `trials` with Wilson's score interval (two-sided at zero as well), which
/// is shorter than the exact one and right on average. `None` as for [`proportion`].
pub fn wilson(hits: u64, trials: u64) -> Option<Estimate> {
    if trials == 0 || hits > trials {
        return None;
    }
    let (x, n) = (hits as f64, trials as f64);
    let centre = (x + Z * Z / 2.0) / (n + Z * Z);
    let half = Z / (n + Z * Z) * (x * (n - x) / n + Z * Z / 4.0).sqrt();
    // At the ends centre and half-width are equal but for rounding.
    let low = if hits == 0 { 0.0 } else { centre - half };
    let high = if hits == trials { 1.0 } else { centre + half };
    Some(Estimate { value: x / n, low, high, events: hits })
}

/// Quantile of the chi-squared distribution; the degrees of freedom are above 0 here.
pub(crate) fn chi_squared(p: f64, freedom: f64) -> f64 {
    // Far above every quantile used here: mean plus 40 standard deviations plus 100.
    let top = freedom + 40.0 * (2.0 * freedom).sqrt() + 100.0;
    ChiSquared::new(freedom).map_or(f64::NAN, |d| quantile(p, top, |x| d.cdf(x)))
}

/// Quantile of the beta distribution; both shapes are above 0 here.
pub(crate) fn beta(p: f64, a: f64, b: f64) -> f64 {
    Beta::new(a, b).map_or(f64::NAN, |d| quantile(p, 1.0, |x| d.cdf(x)))
}

/// The 97.5 % point of Student's t with so many degrees of freedom, at least 1, by bisection; whole numbers of them are worked out once.
pub(crate) fn student(freedom: f64) -> f64 {
    const KEPT: usize = 1024;
    static KNOWN: [OnceLock<f64>; KEPT] = [const { OnceLock::new() }; KEPT];
    let find = || {
        let Ok(distribution) = StudentsT::new(0.0, 1.0, freedom) else { return f64::NAN };
        // 12.7 with one degree of freedom, falling to 1.96.
        let (mut low, mut high) = (1.0, 20.0);
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if distribution.cdf(middle) < 1.0 - ALPHA / 2.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        (low + high) / 2.0
    };
    let is_whole = freedom.fract() == 0.0 && (0.0..KEPT as f64).contains(&freedom);
    if is_whole { *KNOWN[freedom as usize].get_or_init(find) } else { find() }
}

/// The x in (0, `top`) at which `cdf` reaches `p`, by bisection of its logarithm: the library's own
/// inverses stop at an absolute tolerance and lose their digits where rates are as small as ours.
fn quantile(p: f64, top: f64, cdf: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (-700.0_f64, top.ln());
    // 700 / 2^60 is below the spacing of floating-point numbers of that size.
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if cdf(middle.exp()) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    high.exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64) {
        assert!((got - want).abs() <= 2e-6 * want.abs().max(1e-300), "{got} is not {want}");
    }

    #[test]
    fn points_of_students_distribution_are_those_of_printed_tables() {
        let printed = [(1, 12.706), (2, 4.303), (3, 3.182), (10, 2.228), (30, 2.042), (1000, 1.962), (100_000, 1.960)];
        for (freedom, wanted) in printed {
            let got = student(f64::from(freedom));
            assert!(
                (got - wanted).abs() < 5e-4 && got.to_bits() == student(f64::from(freedom)).to_bits(),
                "{freedom}: {got}"
            );
        }
        assert!(student(2.5) < student(2.0) && student(2.5) > student(3.0));
    }

    #[test]
    fn garwood_interval_has_the_tabulated_values() {
        // Exact Poisson limits as printed in tables of the chi-squared distribution.
        for (k, low, high) in [
            (1, 0.025_317_808, 5.571_643_39),
            (2, 0.242_209_279, 7.224_687_67),
            (10, 4.795_388_70, 18.390_356_04),
            (100, 81.363_973_6, 121.627_000_3),
        ] {
            let e = rate(k, 1.0).unwrap();
            close(e.low, low);
            close(e.high, high);
        }
    }

    #[test]
    fn no_event_has_the_one_sided_bound_of_three_over_the_exposure() {
        let e = rate(0, 2.0).unwrap();
        assert_eq!((e.value, e.low, e.events), (0.0, 0.0, 0));
        close(e.high, 2.995_732_273_55 / 2.0);
        let p = proportion(0, 1_000_000).unwrap();
        assert_eq!((p.value, p.low), (0.0, 0.0));
        close(p.high, 2.995_727_8e-6);
        close(proportion(0, 10).unwrap().high, 0.258_865_57);
    }

    #[test]
    fn large_counts_approach_the_normal_interval() {
        for k in [1_000_000_u64, 100_000_000, 10_000_000_000] {
            let e = rate(k, 1.0).unwrap();
            let half = Z * (k as f64).sqrt();
            assert!((e.high - k as f64 - half).abs() < 0.01 * half, "{e:?}");
            assert!((k as f64 - e.low - half).abs() < 0.01 * half, "{e:?}");
        }
        let p = proportion(1_000_000, 8_000_000).unwrap();
        let half = Z * (0.125_f64 * 0.875 / 8e6).sqrt();
        assert!((p.high - 0.125 - half).abs() < 0.01 * half, "{p:?}");
        assert!((0.125 - p.low - half).abs() < 0.01 * half, "{p:?}");
    }

    #[test]
    fn clopper_pearson_has_the_tabulated_values() {
        let e = proportion(1, 10).unwrap();
        close(e.low, 0.002_528_579);
        close(e.high, 0.445_016_117);
        let e = proportion(5, 10).unwrap();
        close(e.low, 0.187_086_03);
        close(e.high, 0.812_913_97);
        let all = proportion(10, 10).unwrap();
        close(all.low, 0.691_502_89);
        close(all.high, 1.0);
        // Rare events: nearly the Poisson limits over n.
        let rare = proportion(3, 1_000_000).unwrap();
        close(rare.low, 6.186_727e-7);
        assert!((rare.high - 8.767_27e-6).abs() < 1e-10, "{rare:?}");
        let rarer = proportion(3, 1_000_000_000).unwrap();
        assert!((rarer.low - 6.186_721e-10).abs() < 1e-14, "{rarer:?}");
    }

    #[test]
    fn wilson_has_the_tabulated_values() {
        // Newcombe, Statistics in Medicine 17, 1998, table I: 81/263 and 15/148.
        let e = wilson(81, 263).unwrap();
        assert!((e.low - 0.2553).abs() < 5e-5 && (e.high - 0.3662).abs() < 5e-5, "{e:?}");
        let e = wilson(15, 148).unwrap();
        assert!((e.low - 0.0624).abs() < 5e-5 && (e.high - 0.1605).abs() < 5e-5, "{e:?}");
        let none = wilson(0, 20).unwrap();
        assert!(none.low == 0.0 && (none.high - 0.1611).abs() < 5e-5, "{none:?}");
    }

    #[test]
    fn nothing_is_said_without_exposure() {
        assert_eq!(rate(0, 0.0), None);
        assert_eq!(rate(1, f64::NAN), None);
        assert_eq!(proportion(0, 0), None);
        assert_eq!(proportion(2, 1), None);
        assert_eq!(wilson(0, 0), None);
    }
}
