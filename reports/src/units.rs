// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers as people read them: few digits, a unit, groups of three.

use crate::stats::Estimate;

/// Which characters a text may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charset {
    /// µ, –, × and box drawing.
    Unicode,
    /// Plain ASCII, for logs and mails.
    Ascii,
}

impl Charset {
    /// `text` with every character that plain ASCII lacks written in another way, if need be.
    pub(crate) fn adapt(self, text: &str) -> String {
        if self == Self::Unicode {
            return text.to_string();
        }
        to_ascii(text)
    }
}

/// `text` in plain ASCII: what has an equal is written with it, box drawing with `-`, `|` and `+`, anything else as `?`.
#[must_use]
pub fn to_ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_ascii() => out.push(c),
            'µ' | 'μ' => out.push('u'),
            '–' | '—' | '−' | '─' | '━' | '╌' | '┄' | '╴' | '╶' | '┈' => out.push('-'),
            '×' => out.push('x'),
            '·' | '•' => out.push('.'),
            '│' | '┃' | '┆' | '╎' | '┊' => out.push('|'),
            '╭' | '╮' | '┌' | '┐' | '┬' | '┼' | '├' | '┤' | '╪' | '╞' | '╡' => out.push('+'),
            '╰' | '╯' | '└' | '┘' | '┴' => out.push('`'),
            '═' => out.push('='),
            '█' | '▓' => out.push('#'),
            '▒' | '░' | '▁'..='▇' => out.push('+'),
            '▶' | '►' | '▸' | '›' => out.push('>'),
            '◀' | '◄' | '‹' => out.push('<'),
            '▲' | '△' => out.push('^'),
            '▼' => out.push('v'),
            '‘' | '’' => out.push('\''),
            '“' | '”' => out.push('"'),
            '\u{a0}' | '\u{2009}' | '\u{202f}' => out.push(' '),
            '≥' => out.push_str(">="),
            '≤' => out.push_str("<="),
            '≠' => out.push_str("!="),
            '±' => out.push_str("+-"),
            '→' => out.push_str("->"),
            '←' => out.push_str("<-"),
            '…' => out.push_str(".."),
            '²' => out.push_str("^2"),
            '⁶' => out.push_str("^6"),
            _ => out.push('?'),
        }
    }
    out
}

/// An integer in groups of three: `12 345 678`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(c);
    }
    text
}

/// A number above or at zero with three significant digits, or all digits of its integer part:
/// `0.0123`, `46.0`, `12 345`; below 0.0001 with a power of ten.
pub(crate) fn three_digits(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    // Rounding first decides the number of places: 9.996 is 10.0, not 10.00.
    let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    match rounded {
        r if r <= 0.0 => "0".into(),
        r if r < 1e-4 => format!("{r:.1e}"),
        r if r >= 100.0 => count(value.round() as u64),
        r => {
            let places = 2 - r.log10().floor() as i32;
            format!("{r:.*}", usize::try_from(places).unwrap_or(0))
        }
    }
}

/// A time: `0 ns`, `417 ns`, `12.3 µs`, `1.85 ms`, `250.6 ms`, `2.00 s`.
pub fn duration(ns: u64) -> String {
    const UNITS: [(f64, &str); 3] = [(1e3, "µs"), (1e6, "ms"), (1e9, "s")];
    if ns < 1_000 {
        return format!("{ns} ns");
    }
    for (scale, unit) in UNITS {
        let value = ns as f64 / scale;
        // What would print as 10.00 takes one place less, what would print as 1000.0 the next unit.
        if value < 9.995 {
            return format!("{value:.2} {unit}");
        }
        if value < 999.95 || unit == "s" {
            return format!("{value:.1} {unit}");
        }
    }
    unreachable!("the last unit takes every value")
}

/// A number with a decimal prefix: `950`, `412 k`, `1.23 M`.
pub(crate) fn prefixed(value: f64) -> String {
    let steps = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    match steps.iter().find(|(scale, _)| rounded >= *scale) {
        Some((scale, prefix)) => format!("{} {prefix}", three_digits(rounded / scale)),
        None => three_digits(rounded),
    }
}

/// A share as per cent: `0 %`, `0.012 %`, `12.3 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{} %", three_digits(share * 100.0))
}

/// Value and interval of an estimate times `scale`: (`46.0`, `(37.1–56.4)`), and of a count of
/// zero its upper bound: (`0`, `(< 1.50)`).
pub(crate) fn estimate(e: &Estimate, scale: f64) -> (String, String) {
    let interval = if e.events == 0 {
        format!("(< {})", three_digits(e.high * scale))
    } else {
        format!("({}–{})", three_digits(e.low * scale), three_digits(e.high * scale))
    };
    (three_digits(e.value * scale), interval)
}

/// `n` and the noun, in the plural unless n is 1.
#[must_use]
pub fn plural(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_sensible_digits() {
        for (ns, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (9_994, "9.99 µs"),
            (9_996, "10.0 µs"),
            (12_345, "12.3 µs"),
            (999_949, "999.9 µs"),
            (999_951, "1.00 ms"),
            (1_850_000, "1.85 ms"),
            (250_612_345, "250.6 ms"),
            (2_000_000_000, "2.00 s"),
            (5_000_000_000_000, "5000.0 s"),
        ] {
            assert_eq!(duration(ns), text);
        }
    }

    #[test]
    fn numbers_have_three_digits() {
        for (value, text) in [
            (0.0, "0"),
            (0.000_012_34, "1.2e-5"),
            (0.000_123_4, "0.000123"),
            (0.012_34, "0.0123"),
            (1.0, "1.00"),
            (9.996, "10.0"),
            (46.04, "46.0"),
            (99.96, "100"),
            (1_234.4, "1 234"),
            (12_345_678.0, "12 345 678"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(three_digits(value), text);
        }
        assert_eq!(prefixed(412_345.0), "412 k");
        assert_eq!(prefixed(999_999.0), "1.00 M");
        assert_eq!(prefixed(950.0), "950");
        assert_eq!(percent(0.506), "50.6 %");
    }

    #[test]
    fn a_zero_always_comes_with_its_bound() {
        let zero = crate::stats::rate(0, 2.0).unwrap();
        assert_eq!(estimate(&zero, 1.0), ("0".into(), "(< 1.50)".into()));
        let some = crate::stats::rate(92, 2.0).unwrap();
        assert_eq!(estimate(&some, 1.0), ("46.0".into(), "(37.1–56.4)".into()));
    }

    #[test]
    fn ascii_text_is_ascii() {
        assert_eq!(Charset::Ascii.adapt("1.2–3 µs × 10⁶ ≥ 1 ☃"), "1.2-3 us x 10^6 >= 1 ?");
        assert_eq!(Charset::Unicode.adapt("µ"), "µ");
        assert_eq!(plural(1, "seed"), "1 seed");
        assert_eq!(plural(1_200, "seed"), "1 200 seeds");
    }
}
