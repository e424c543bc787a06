// SPDX-License-Identifier: MIT OR Apache-2.0
//! The mean of a few runs, and how sure it is.

use crate::stats::student;

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
    let half = (n > 1).then(|| student((n - 1) as f64) * (squares / (n - 1) as f64 / n as f64).sqrt());
    Some(Interval { mean, half, n })
}

#[cfg(test)]
mod tests {
    use super::*;

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
