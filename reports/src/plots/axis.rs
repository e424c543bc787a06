// SPDX-License-Identifier: MIT OR Apache-2.0
//! Axes: from values to pixels, and which ticks are labelled.

/// A tick; those without a label are drawn faintly.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    pub(super) value: f64,
    pub(super) label: Option<String>,
}

/// A scale between two pixels; `from` may be the larger one, as on an upward axis.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    is_log: bool,
    min: f64,
    max: f64,
    from: f64,
    to: f64,
    pub(super) ticks: Vec<Tick>,
}

impl Axis {
    /// A logarithmic axis over the whole decades that hold `min` and `max`, both above 0, and at
    /// least two of them. `label` names the power of ten.
    pub(super) fn log((min, max): (f64, f64), (from, to): (f64, f64), label: impl Fn(i32) -> String) -> Self {
        // A value on a decade, give or take rounding, needs no further one.
        let first = (min.log10() + 1e-9).floor() as i32;
        let last = ((max.log10() - 1e-9).ceil() as i32).max(first + 2);
        let mut ticks = Vec::new();
        for exponent in first..=last {
            let value = 10_f64.powi(exponent);
            ticks.push(Tick { value, label: Some(label(exponent)) });
            if exponent < last {
                ticks.extend((2..10).map(|m| Tick { value: value * f64::from(m), label: None }));
            }
        }
        let (min, max) = (10_f64.powi(first), 10_f64.powi(last));
        Self { is_log: true, min, max, from, to, ticks }
    }

    /// A logarithmic axis over the powers of two that hold `min` and `max`, both above 0; at most about nine of
    /// them are labelled.
    pub(super) fn log2((min, max): (f64, f64), (from, to): (f64, f64), label: impl Fn(f64) -> String) -> Self {
        let first = (min.log2() + 1e-9).floor() as i32;
        let last = ((max.log2() - 1e-9).ceil() as i32).max(first + 1);
        let every = (last - first) / 9 + 1;
        let tick = |e: i32| {
            let value = 2_f64.powi(e);
            Tick { value, label: ((e - first) % every == 0).then(|| label(value)) }
        };
        let (min, max) = (2_f64.powi(first), 2_f64.powi(last));
        Self { is_log: true, min, max, from, to, ticks: (first..=last).map(tick).collect() }
    }

    /// A linear axis from 0 to the first labelled tick at or above `max`, with about five steps of
    /// 1, 2 or 5 times a power of ten.
    pub(super) fn linear(max: f64, (from, to): (f64, f64)) -> Self {
        let max = if max > 0.0 { max } else { 1.0 };
        let raw = max / 5.0;
        let power = 10_f64.powi(raw.log10().floor() as i32);
        let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= raw * 0.999);
        let step = step.unwrap_or(raw);
        let steps = (max / step - 1e-9).ceil() as u32;
        let places = usize::try_from(-step.log10().floor() as i32).unwrap_or(0);
        let tick = |i: u32| {
            let value = f64::from(i) * step;
            Tick { value, label: Some(format!("{value:.places$}")) }
        };
        let max = f64::from(steps) * step;
        Self { is_log: false, min: 0.0, max, from, to, ticks: (0..=steps).map(tick).collect() }
    }

    /// A linear axis between the labelled ticks around `min` and `max`; from 0 if `min` is less than half of `max`.
    pub(super) fn around((min, max): (f64, f64), (from, to): (f64, f64)) -> Self {
        if 2.0 * min < max {
            return Self::linear(max, (from, to));
        }
        let least = max * 0.02;
        let span = Self::linear((max - min).max(least), (from, to));
        let step = span.ticks[1].value;
        let places = usize::try_from(-step.log10().floor() as i32).unwrap_or(0);
        let (first, last) = ((min / step + 1e-9).floor() as u32, (max / step - 1e-9).ceil() as u32);
        let tick = |i: u32| {
            let value = f64::from(i) * step;
            Tick { value, label: Some(format!("{value:.places$}")) }
        };
        let ticks = (first..=last.max(first + 1)).map(tick).collect::<Vec<_>>();
        let (min, max) = (ticks[0].value, ticks[ticks.len() - 1].value);
        Self { is_log: false, min, max, from, to, ticks }
    }

    /// Pixel of a value; values beyond an end, 0 on a logarithmic axis among them, are at that end.
    pub(super) fn at(&self, value: f64) -> f64 {
        let value = value.clamp(self.min, self.max);
        let share = if self.is_log {
            (value / self.min).log10() / (self.max / self.min).log10()
        } else {
            (value - self.min) / (self.max - self.min)
        };
        self.from + share * (self.to - self.from)
    }

    /// The least value shown.
    pub(super) fn min(&self) -> f64 {
        self.min
    }

    /// Both ends in pixels.
    pub(super) fn ends(&self) -> (f64, f64) {
        (self.from, self.to)
    }
}

/// Label of 10^`exponent` nanoseconds: `10 µs`.
pub(super) fn time_label(exponent: i32) -> String {
    let (unit, base) = match exponent {
        ..3 => ("ns", 0),
        3..6 => ("µs", 3),
        6..9 => ("ms", 6),
        _ => ("s", 9),
    };
    format!("{} {unit}", plain(exponent - base))
}

/// Label of a number of bytes that is a power of two: `64 KiB`.
pub(super) fn bytes_label(bytes: f64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let fitting = units.into_iter().find(|u| bytes >= f64::from(1u32 << u.1));
    fitting.map_or_else(|| format!("{bytes:.0} B"), |(name, e)| format!("{:.0} {name}", bytes / f64::from(1u32 << e)))
}

/// Label of the share 10^`exponent`, as per cent.
pub(super) fn percent_label(exponent: i32) -> String {
    format!("{} %", plain(exponent + 2))
}

/// 10^`exponent` written out: `0.01`, `1`, `10 000`.
pub(super) fn plain(exponent: i32) -> String {
    match u32::try_from(exponent) {
        Ok(e) => crate::units::count(10_u64.saturating_pow(e)),
        Err(_) => format!("0.{}1", "0".repeat(exponent.unsigned_abs() as usize - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().filter_map(|t| t.label.as_deref()).collect()
    }

    #[test]
    fn a_logarithmic_axis_has_a_label_for_each_power() {
        let axis = Axis::log((450.0, 250_312_000.0), (100.0, 800.0), time_label);
        assert_eq!(labels(&axis), ["100 ns", "1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s"]);
        assert!((axis.at(1e6) - 500.0).abs() < 1e-9);
        assert!((axis.at(0.0) - 100.0).abs() < 1e-9 && (axis.at(1e12) - 800.0).abs() < 1e-9);
        let short = Axis::log((1.0, 10.0), (0.0, 1.0), plain);
        assert_eq!(labels(&short), ["1", "10", "100"]);
    }

    #[test]
    fn a_linear_axis_has_round_steps() {
        assert_eq!(labels(&Axis::linear(20.6, (0.0, 1.0))), ["0", "5", "10", "15", "20", "25"]);
        assert_eq!(labels(&Axis::linear(0.9, (0.0, 1.0))), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&Axis::linear(0.0, (0.0, 1.0))).last(), Some(&"1.0"));
        assert_eq!(labels(&Axis::linear(1000.0, (0.0, 1.0))).last(), Some(&"1000"));
    }

    #[test]
    fn an_axis_around_near_values_does_not_begin_at_nothing() {
        assert_eq!(labels(&Axis::around((20.3, 21.0), (0.0, 1.0))), ["20.2", "20.4", "20.6", "20.8", "21.0"]);
        assert_eq!(labels(&Axis::around((17.0, 86.0), (0.0, 1.0))), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(labels(&Axis::around((100.0, 100.0), (0.0, 1.0))), ["100.0", "100.5"]);
    }

    #[test]
    fn an_axis_of_powers_of_two_labels_some_of_them() {
        let sizes = Axis::log2((4096.0, 5e7), (0.0, 140.0), bytes_label);
        assert_eq!(labels(&sizes), ["4 KiB", "16 KiB", "64 KiB", "256 KiB", "1 MiB", "4 MiB", "16 MiB", "64 MiB"]);
        assert!((sizes.at(8192.0) - 10.0).abs() < 1e-9, "{}", sizes.at(8192.0));
        assert_eq!(labels(&Axis::log2((1.0, 8.0), (0.0, 1.0), |v| v.to_string())), ["1", "2", "4", "8"]);
    }

    #[test]
    fn powers_are_written_out() {
        assert_eq!([-2, 0, 4].map(plain), ["0.01", "1", "10 000"]);
        assert_eq!([0, -1, -3].map(percent_label), ["100 %", "10 %", "0.1 %"]);
        assert_eq!([0, 5, 9, 10].map(time_label), ["1 ns", "100 µs", "1 s", "10 s"]);
    }
}
