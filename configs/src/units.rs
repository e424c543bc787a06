// SPDX-License-Identifier: MIT OR Apache-2.0
//! Quantities with their unit: spans of time or cycles, rates, frequencies, sizes.
//!
//! In a file a quantity is a text such as `"250ms"` or `"1.375MiB"`; a bare number is refused. Decimals are read
//! exactly, with integers; a value finer than the base unit is refused rather than rounded. Every quantity
//! is written back in the largest unit in which it is a whole number, so equal values have equal text.

use crate::quantity::{Quantity, Table, Unit, impl_quantity};

/// A length of time, either in clock time or in cycles of the machine's core clock.
///
/// `Picos(0)` and `Cycles(0)` are different values of the type although both last no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Span {
    /// Picoseconds; at most 10^18 (11.5 days) when read from a file.
    Picos(u64),
    /// Cycles of the core clock; at most 10^15 when read from a file.
    Cycles(u64),
}

const SPAN: Table = Table {
    kind: "span",
    units: &[
        Unit { name: "ps", scale: 1 },
        Unit { name: "ns", scale: 1_000 },
        Unit { name: "us", scale: 1_000_000 },
        Unit { name: "ms", scale: 1_000_000_000 },
        Unit { name: "s", scale: 1_000_000_000_000 },
        Unit { name: "cy", scale: 1 },
    ],
    hints: &["cy", "ns"],
    finest: "1ps",
    max: 1_000_000_000_000_000_000,
    max_text: "1000000s",
};
const SPAN_TIME_UNITS: usize = 5;
const SPAN_CYCLES_MAX: u128 = 1_000_000_000_000_000;

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span::Cycles(0);

    /// The span in cycles of a clock of `clock_khz`.
    ///
    /// Clock time is rounded to the nearest cycle, halves up, except that a span that is not zero never
    /// becomes zero cycles. Cycles are returned as they are. Saturates at `u64::MAX`.
    #[must_use]
    pub fn cycles(self, clock_khz: u64) -> u64 {
        match self {
            Span::Cycles(n) => n,
            Span::Picos(0) => 0,
            Span::Picos(ps) => {
                // One cycle lasts 10^9 / clock_khz picoseconds.
                nearest(u128::from(ps) * u128::from(clock_khz), 1_000_000_000).max(1)
            }
        }
    }

    /// The span in nanoseconds, cycles being those of a clock of `clock_khz`, to the nearest, halves up.
    ///
    /// Saturates at `u64::MAX`, also for cycles of a clock that stands still.
    #[must_use]
    pub fn nanos(self, clock_khz: u64) -> u64 {
        match self {
            Span::Picos(ps) => nearest(u128::from(ps), 1_000),
            Span::Cycles(0) => 0,
            Span::Cycles(n) => nearest(u128::from(n) * 1_000_000, u128::from(clock_khz)),
        }
    }

    /// Whether the span lasts no time.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        matches!(self, Span::Picos(0) | Span::Cycles(0))
    }
}

impl Quantity for Span {
    const TABLE: Table = SPAN;

    fn from_text(text: &str) -> Result<Self, String> {
        let parts = SPAN.split(text)?;
        if parts.unit.name != "cy" {
            return Ok(Span::Picos(SPAN.scaled(&parts)?));
        }
        if parts.decimals != 0 {
            return Err(format!("\"{text}\" is not a whole number of cycles\ncycles are not divided"));
        }
        if parts.mantissa > SPAN_CYCLES_MAX {
            return Err(format!("\"{text}\" is too large\na span is at most {SPAN_CYCLES_MAX}cy"));
        }
        Ok(Span::Cycles(parts.mantissa as u64))
    }

    fn text(&self) -> String {
        match *self {
            Span::Picos(0) => "0ns".to_owned(),
            Span::Picos(ps) => Table::largest_whole(ps, &SPAN.units[..SPAN_TIME_UNITS]),
            Span::Cycles(n) => format!("{n}cy"),
        }
    }
}

/// How often something happens, in thousandths of a hertz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate {
    millihertz: u64,
}

const RATE: Table = Table {
    kind: "rate",
    units: &[
        Unit { name: "/s", scale: 1_000 },
        Unit { name: "Hz", scale: 1_000 },
        Unit { name: "kHz", scale: 1_000_000 },
        Unit { name: "MHz", scale: 1_000_000_000 },
    ],
    hints: &["Hz", "/s"],
    finest: "0.001Hz",
    max: 1_000_000_000_000,
    max_text: "1000MHz",
};

impl Rate {
    /// A rate of `millihertz` thousandths of a hertz.
    #[must_use]
    pub const fn from_millihertz(millihertz: u64) -> Self {
        Rate { millihertz }
    }

    /// Thousandths of a hertz.
    #[must_use]
    pub const fn millihertz(self) -> u64 {
        self.millihertz
    }

    /// Mean time between two events in cycles of a clock of `clock_khz`: nearest, halves up, at least 1.
    ///
    /// Saturates at `u64::MAX`, which is also the period of a rate of zero.
    #[must_use]
    pub fn period_cycles(self, clock_khz: u64) -> u64 {
        nearest(u128::from(clock_khz) * 1_000_000, u128::from(self.millihertz)).max(1)
    }
}

impl Quantity for Rate {
    const TABLE: Table = RATE;

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Rate { millihertz: RATE.scaled(&RATE.split(text)?)? })
    }

    fn text(&self) -> String {
        match self.millihertz {
            0 => "0Hz".to_owned(),
            m if m % 1_000 == 0 => Table::largest_whole(m, &RATE.units[1..]),
            m => {
                let fraction = format!("{:03}", m % 1_000);
                format!("{}.{}Hz", m / 1_000, fraction.trim_end_matches('0'))
            }
        }
    }
}

/// A clock frequency, in kHz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frequency {
    khz: u64,
}

const FREQUENCY: Table = Table {
    kind: "frequency",
    units: &[
        Unit { name: "kHz", scale: 1 },
        Unit { name: "MHz", scale: 1_000 },
        Unit { name: "GHz", scale: 1_000_000 },
    ],
    hints: &["GHz", "MHz"],
    finest: "1kHz",
    max: 1_000_000_000,
    max_text: "1000GHz",
};

impl Frequency {
    /// A frequency of `khz` kilohertz.
    #[must_use]
    pub const fn from_khz(khz: u64) -> Self {
        Frequency { khz }
    }

    /// Kilohertz.
    #[must_use]
    pub const fn khz(self) -> u64 {
        self.khz
    }
}

impl Quantity for Frequency {
    const TABLE: Table = FREQUENCY;

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Frequency { khz: FREQUENCY.scaled(&FREQUENCY.split(text)?)? })
    }

    fn text(&self) -> String {
        Table::largest_whole(self.khz, FREQUENCY.units)
    }
}

/// A size in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

const BYTES: Table = Table {
    kind: "size",
    units: &[
        Unit { name: "B", scale: 1 },
        Unit { name: "KiB", scale: 1 << 10 },
        Unit { name: "MiB", scale: 1 << 20 },
        Unit { name: "GiB", scale: 1 << 30 },
    ],
    hints: &["B", "KiB"],
    finest: "1B",
    max: 1 << 40,
    max_text: "1024GiB",
};

impl Quantity for Bytes {
    const TABLE: Table = BYTES;

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Bytes(BYTES.scaled(&BYTES.split(text)?)?))
    }

    fn text(&self) -> String {
        if self.0 == 0 { "0B".to_owned() } else { Table::largest_whole(self.0, BYTES.units) }
    }
}

impl_quantity!(Span, Rate, Frequency, Bytes);

/// `a / b` to the nearest, halves up; `u64::MAX` if that does not fit or `b` is zero.
fn nearest(a: u128, b: u128) -> u64 {
    (a + b / 2).checked_div(b).and_then(|q| u64::try_from(q).ok()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(text: &str) -> Span {
        text.parse().expect(text)
    }

    #[test]
    fn every_unit_is_read_exactly() {
        assert_eq!(span("7ps"), Span::Picos(7));
        assert_eq!(span("60ns"), Span::Picos(60_000));
        assert_eq!(span("1.5us"), Span::Picos(1_500_000));
        assert_eq!(span("250ms"), Span::Picos(250_000_000_000));
        assert_eq!(span("0.000000000001s"), Span::Picos(1));
        assert_eq!(span("500_000cy"), Span::Cycles(500_000));
        assert_eq!("8kHz".parse::<Rate>().map(Rate::millihertz), Ok(8_000_000));
        assert_eq!("10/s".parse::<Rate>().map(Rate::millihertz), Ok(10_000));
        assert_eq!("0.125Hz".parse::<Rate>().map(Rate::millihertz), Ok(125));
        assert_eq!("2MHz".parse::<Rate>().map(Rate::millihertz), Ok(2_000_000_000));
        assert_eq!("4.0GHz".parse::<Frequency>().map(Frequency::khz), Ok(4_000_000));
        assert_eq!("2593.9MHz".parse::<Frequency>().map(Frequency::khz), Ok(2_593_900));
        assert_eq!("64B".parse(), Ok(Bytes(64)));
        assert_eq!("32KiB".parse(), Ok(Bytes(32_768)));
        assert_eq!("1.375MiB".parse(), Ok(Bytes(1_441_792)));
        assert_eq!("2GiB".parse(), Ok(Bytes(2 << 30)));
    }

    #[test]
    fn text_is_the_largest_whole_unit_and_reads_back() {
        for (given, written) in [("0.25s", "250ms"), ("1.5us", "1500ns"), ("0us", "0ns"), ("007cy", "7cy")] {
            assert_eq!(span(given).to_string(), written);
            assert_eq!(span(written), span(given));
        }
        for (given, written) in [("1500Hz", "1500Hz"), ("8000/s", "8kHz"), ("1.25Hz", "1.25Hz"), ("0/s", "0Hz")] {
            assert_eq!(given.parse::<Rate>().map(|r| r.to_string()), Ok(written.to_owned()));
            assert_eq!(written.parse::<Rate>(), given.parse::<Rate>());
        }
        assert_eq!(Frequency::from_khz(2_500_000).to_string(), "2500MHz");
        assert_eq!(Bytes(1_441_792).to_string(), "1408KiB");
        assert_eq!(Bytes(0).to_string(), "0B");
    }

    #[test]
    fn cycles_round_to_the_nearest_and_never_to_nothing() {
        assert_eq!(Span::Picos(250).cycles(4_000_000), 1);
        assert_eq!(Span::Picos(374).cycles(4_000_000), 1);
        assert_eq!(Span::Picos(375).cycles(4_000_000), 2, "1.5 cycles go up");
        assert_eq!(Span::Picos(1).cycles(4_000_000), 1, "a span that is not zero takes time");
        assert_eq!(Span::Picos(0).cycles(4_000_000), 0);
        assert_eq!(Span::Cycles(141).cycles(2_500_000), 141);
        assert_eq!(span("250ms").cycles(4_000_000), 1_000_000_000);
        assert_eq!(Span::Picos(u64::MAX).cycles(u64::MAX), u64::MAX);
    }

    #[test]
    fn nanos_round_to_the_nearest() {
        assert_eq!(Span::Picos(1_499).nanos(1), 1);
        assert_eq!(Span::Picos(1_500).nanos(1), 2);
        assert_eq!(Span::Cycles(500_000).nanos(4_000_000), 125_000);
        assert_eq!(Span::Cycles(1).nanos(0), u64::MAX);
        assert_eq!(Span::Cycles(0).nanos(0), 0);
    }

    #[test]
    fn a_rate_gives_its_period() {
        assert_eq!(Rate::from_millihertz(8_000_000).period_cycles(4_000_000), 500_000);
        assert_eq!(Rate::from_millihertz(0).period_cycles(4_000_000), u64::MAX);
        assert_eq!(Rate::from_millihertz(u64::MAX).period_cycles(1), 1);
    }

    #[test]
    fn bad_quantities_say_what_is_wrong() {
        let table = [
            ("", "\"\" is not a span"),
            ("fast", "\"fast\" is not a span"),
            ("250", "\"250\" has no unit"),
            ("-5ms", "\"-5ms\" is negative"),
            ("250 ms", "\"250 ms\" has a blank in it"),
            ("1..5ms", "\"1..5ms\" is not a span"),
            (".5ms", "\".5ms\" is not a span"),
            ("5.ms", "\"5.ms\" is not a span"),
            ("5msec", "`msec` is not a unit of a span"),
            ("8kHz", "`kHz` is not a unit of a span"),
            ("1.5cy", "\"1.5cy\" is not a whole number of cycles"),
            ("0.1ps", "\"0.1ps\" is finer than 1ps"),
            ("2000000s", "\"2000000s\" is too large"),
            ("9999999999999999cy", "\"9999999999999999cy\" is too large"),
            (
                "99999999999999999999999999999999999999999s",
                "\"99999999999999999999999999999999999999999s\" is too large",
            ),
        ];
        for (text, message) in table {
            let error = text.parse::<Span>().expect_err(text);
            assert_eq!(error.lines().next(), Some(message));
            assert_eq!(error.lines().count(), 2, "a way out follows: {error}");
        }
    }
}
