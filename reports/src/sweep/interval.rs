// SPDX-License-Identifier: MIT OR Apache-2.0
//! The mean of a few runs, and how sure it is.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::stats::ALPHA;

/// A mean with its two-sided 95 % interval, in the unit of the values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Of all values.
    pub mean: f64,
    /// Half the interval's width by Student's t; `None` with fewer than two values.
    pub half: Option<f64>,
    /// How many values there are.
    pub n: usize,
}

/// The mean of these values, which are taken as independent. `None` without values. The order of the values is that of the sums, so the same
/// values in the same order give the same bits.
#[must_use]
pub fn interval(values: &[f64]) -> Option<Interval> {
    let n = values.len();
    if n == 0 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n as f64;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    let half = (n > 1).then(|| t(n - 1) * (squares / (n - 1) as f64 / n as f64).sqrt());
    Some(Interval { mean, half, n })
}

/// The 97.5 % point of Student's t, by bisection, for the reason given in `stats`.
fn t(freedom: usize) -> f64 {
    let Ok(distribution) = StudentsT::new(0.0, 1.0, freedom as f64) else { return f64::NAN };
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_of_the_distribution_are_those_of_printed_tables() {
        for (freedom, wanted) in [(1, 12.706), (2, 4.303), (3, 3.182), (10, 2.228), (30, 2.042), (1000, 1.962)] {
            assert!((t(freedom) - wanted).abs() < 5e-4, "{freedom}: {}", t(freedom));
        }
    }

    #[test]
    fn the_interval_of_a_textbook_sample() {
        // Standard deviation 2.138, n = 8: 2.365 * 2.138 / sqrt(8) = 1.788.
        let i = interval(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        assert!((i.mean - 5.0).abs() < 1e-12 && (i.half.unwrap() - 1.788).abs() < 1e-3, "{i:?}");
        assert_eq!(interval(&[3.0]).unwrap().half, None);
        assert_eq!(interval(&[]), None);
        assert_eq!(interval(&[3.0, 3.0]).unwrap().half, Some(0.0));
    }
}
