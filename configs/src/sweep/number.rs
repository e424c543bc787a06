// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values of axes as numbers: what a text with a unit is worth, and the steps between two of them.
//!
//! Steps are made with floating point and rounded to four digits (whole numbers, cycles and bytes: to the nearest whole), so that
//! a field gets a value a person could have written, the same on every platform. Simulated time never sees the fraction.

use super::Scale;

/// Digits of a step between two quantities.
const DIGITS: i32 = 4;

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// Nothing: a plain number.
    Plain,
    /// Nanoseconds.
    Time,
    /// Cycles of the core clock.
    Cycles,
    /// Hertz, or events per second.
    Rate,
    /// Bytes.
    Bytes,
}

impl Dimension {
    /// The unit of [`Number::value`], as names of columns end; empty for a plain number.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Dimension::Plain => "",
            Dimension::Time => "ns",
            Dimension::Cycles => "cycles",
            Dimension::Rate => "hz",
            Dimension::Bytes => "bytes",
        }
    }

    /// For messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Dimension::Plain => "a number",
            Dimension::Time => "a time",
            Dimension::Cycles => "cycles",
            Dimension::Rate => "a rate",
            Dimension::Bytes => "a size",
        }
    }
}

/// Units, by dimension from the smallest to the largest: name, dimension, worth.
const UNITS: [(&str, Dimension, f64); 15] = [
    ("ps", Dimension::Time, 1e-3),
    ("ns", Dimension::Time, 1.0),
    ("us", Dimension::Time, 1e3),
    ("ms", Dimension::Time, 1e6),
    ("s", Dimension::Time, 1e9),
    ("cy", Dimension::Cycles, 1.0),
    ("/s", Dimension::Rate, 1.0),
    ("Hz", Dimension::Rate, 1.0),
    ("kHz", Dimension::Rate, 1e3),
    ("MHz", Dimension::Rate, 1e6),
    ("GHz", Dimension::Rate, 1e9),
    ("B", Dimension::Bytes, 1.0),
    ("KiB", Dimension::Bytes, 1024.0),
    ("MiB", Dimension::Bytes, 1_048_576.0),
    ("GiB", Dimension::Bytes, 1_073_741_824.0),
];

/// A number and what it counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number {
    /// In nanoseconds, cycles, hertz or bytes.
    pub value: f64,
    /// Which of them.
    pub dimension: Dimension,
    /// The unit it was written in; empty for a plain number.
    unit: &'static str,
}

impl Number {
    /// Reads `12`, `1.5`, `"250ms"`, `8kHz`, with or without quotes; `None` if it is none of these.
    #[must_use]
    pub fn read(text: &str) -> Option<Number> {
        let text = text.trim();
        let text = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
        let is_number = |c: char| c.is_ascii_digit() || c == '.' || c == '_';
        let (digits, unit) = text.split_at(text.find(|c| !is_number(c)).unwrap_or(text.len()));
        if !digits.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let value: f64 = digits.replace('_', "").parse().ok()?;
        if unit.is_empty() {
            return Some(Number { value, dimension: Dimension::Plain, unit: "" });
        }
        let (unit, dimension, worth) = *UNITS.iter().find(|(name, ..)| *name == unit)?;
        Some(Number { value: value * worth, dimension, unit })
    }
}

/// A range of values of one field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) scale: Scale,
}

impl Span<'_> {
    /// Both ends as numbers of one dimension, or what is wrong with them.
    fn ends(&self) -> Result<(Number, Number), String> {
        let read = |text: &str| {
            Number::read(text).ok_or_else(|| {
                format!("{text} is no number\na range goes from one number to another, such as 2 or \"250ms\"; use List for other values")
            })
        };
        let (a, b) = (read(self.from)?, read(self.to)?);
        if a.dimension != b.dimension {
            let (a, b) = (a.dimension.name(), b.dimension.name());
            return Err(format!("from is {a}, to is {b}\ngive both in units of the same kind"));
        }
        if a.value >= b.value {
            return Err(format!("from {} to {} is not upwards\nput the smaller value first", self.from, self.to));
        }
        if self.scale == Scale::Log && a.value <= 0.0 {
            return Err("a logarithmic range cannot begin at 0\nbegin above 0, or use a linear range".into());
        }
        Ok((a, b))
    }

    /// The value at `share` of the way, 0 to 1, as text for the field. The ends are as written.
    pub(super) fn at(&self, share: f64) -> Result<String, String> {
        let (a, b) = self.ends()?;
        if share <= 0.0 {
            return Ok(self.from.to_owned());
        }
        if share >= 1.0 {
            return Ok(self.to.to_owned());
        }
        let value = match self.scale {
            Scale::Linear => a.value + (b.value - a.value) * share,
            Scale::Log => a.value * (b.value / a.value).powf(share),
        };
        Ok(text(value, a, b))
    }
}

/// A value between two numbers, in the unit in which it reads best.
fn text(value: f64, a: Number, b: Number) -> String {
    match a.dimension {
        Dimension::Plain => format!("{value:.0}"),
        Dimension::Cycles => format!("\"{value:.0}cy\""),
        Dimension::Bytes => {
            let whole = |(_, d, worth): &&(&str, Dimension, f64)| {
                *d == Dimension::Bytes && (value.round() / worth).fract().abs() < f64::EPSILON
            };
            let (unit, _, worth) = UNITS.iter().rev().find(whole).unwrap_or(&UNITS[11]);
            format!("\"{:.0}{unit}\"", value.round() / worth)
        }
        Dimension::Time | Dimension::Rate => {
            let fits = |name: &str| match (a.unit, b.unit) {
                ("/s", _) | (_, "/s") => name == "/s",
                ("GHz", _) | (_, "GHz") => ["kHz", "MHz", "GHz"].contains(&name),
                _ => !["/s", "GHz"].contains(&name),
            };
            let rounded = round(value);
            let of = || UNITS.iter().filter(|(name, d, _)| *d == a.dimension && fits(name));
            let best = of().rev().find(|(.., worth)| rounded >= *worth).or_else(|| of().next());
            let (unit, _, worth) = *best.unwrap_or(&UNITS[1]);
            // Not below the picosecond or the millihertz.
            let decimals = if unit == "ps" { 0 } else { 3 };
            let digits = format!("{:.decimals$}", rounded / worth);
            let digits =
                if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { &digits };
            format!("\"{digits}{unit}\"")
        }
    }
}

/// To [`DIGITS`] digits.
fn round(value: f64) -> f64 {
    let text = format!("{value:.*e}", (DIGITS - 1) as usize);
    text.parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(from: &str, to: &str, scale: Scale, n: u32) -> Vec<String> {
        let span = Span { from, to, scale };
        (0..n).map(|i| span.at(f64::from(i) / f64::from(n - 1)).unwrap()).collect()
    }

    #[test]
    fn a_text_is_worth_what_its_unit_says() {
        for (text, value, dimension) in [
            ("12", 12.0, Dimension::Plain),
            ("\"250ms\"", 250e6, Dimension::Time),
            ("1_000cy", 1000.0, Dimension::Cycles),
            ("8kHz", 8000.0, Dimension::Rate),
            ("10/s", 10.0, Dimension::Rate),
            ("\"32KiB\"", 32768.0, Dimension::Bytes),
        ] {
            let n = Number::read(text).unwrap();
            assert!((n.value - value).abs() < 1e-9 && n.dimension == dimension, "{text}: {n:?}");
        }
        for text in ["All", "\"ring8\"", "1e6", "-3", "5parsecs", ""] {
            assert_eq!(Number::read(text), None, "{text}");
        }
    }

    #[test]
    fn steps_are_values_a_person_could_have_written() {
        assert_eq!(steps("1", "4", Scale::Linear, 4), ["1", "2", "3", "4"]);
        assert_eq!(
            steps("\"1kHz\"", "\"100kHz\"", Scale::Log, 5),
            ["\"1kHz\"", "\"3.162kHz\"", "\"10kHz\"", "\"31.62kHz\"", "\"100kHz\""]
        );
        assert_eq!(steps("\"1ms\"", "\"2ms\"", Scale::Linear, 4), ["\"1ms\"", "\"1.333ms\"", "\"1.667ms\"", "\"2ms\""]);
        assert_eq!(steps("\"100ps\"", "\"1us\"", Scale::Log, 3)[1], "\"10ns\"");
        assert_eq!(steps("\"10/s\"", "\"10000/s\"", Scale::Log, 4)[2], "\"1000/s\"");
        assert_eq!(steps("\"800MHz\"", "\"5GHz\"", Scale::Linear, 3)[1], "\"2.9GHz\"");
        assert_eq!(steps("\"16KiB\"", "\"64KiB\"", Scale::Log, 3)[1], "\"32KiB\"");
        assert_eq!(steps("\"10cy\"", "\"20cy\"", Scale::Linear, 4)[1], "\"13cy\"");
    }

    #[test]
    fn an_impossible_range_says_why() {
        let wrong = |from, to, scale| Span { from, to, scale }.at(0.5).unwrap_err();
        assert!(wrong("1", "\"2ms\"", Scale::Linear).contains("from is a number, to is a time"));
        assert!(wrong("4", "2", Scale::Linear).contains("not upwards"));
        assert!(wrong("0", "2", Scale::Log).contains("cannot begin at 0"));
        assert!(wrong("All", "2", Scale::Log).contains("All is no number"));
    }
}
