// SPDX-License-Identifier: MIT OR Apache-2.0
//! What all quantities share: a table of units, exact decimal reading, serde and text conversions.
//!
//! A message has two lines: what is wrong, and a way out. [`crate::parse`] takes them apart again.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Visitor};

use crate::near::suggestion;

/// One unit: its name and how many base units it has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit {
    pub(crate) name: &'static str,
    pub(crate) scale: u128,
}

/// The units of one kind of quantity. The members are in ascending order of scale.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    /// Noun for messages.
    pub(crate) kind: &'static str,
    pub(crate) units: &'static [Unit],
    /// Units proposed for a bare number.
    pub(crate) hints: &'static [&'static str],
    /// Smallest difference that can be written.
    pub(crate) finest: &'static str,
    /// Largest value, in base units, and its text.
    pub(crate) max: u128,
    pub(crate) max_text: &'static str,
}

/// A quantity's text taken apart: `mantissa / 10^decimals` of `unit`.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    text: &'a str,
    pub(crate) mantissa: u128,
    pub(crate) decimals: u32,
    pub(crate) unit: Unit,
}

impl Table {
    /// Splits a text into number and unit, without rounding anything.
    pub(crate) fn split<'a>(&self, text: &'a str) -> Result<Parts<'a>, String> {
        let kind = self.kind;
        if text.starts_with('-') {
            return Err(self.negative(&format!("\"{text}\"")));
        }
        if text.contains(char::is_whitespace) {
            let joined: String = text.split_whitespace().collect();
            // What is proposed has to be right in the rest, too.
            self.split(&joined)?;
            return Err(format!("\"{text}\" has a blank in it\nwrite \"{joined}\""));
        }
        let is_number = |c: char| c.is_ascii_digit() || c == '.' || c == '_';
        let (number, unit) = text.split_at(text.find(|c| !is_number(c)).unwrap_or(text.len()));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let is_digits = |s: &str| s.starts_with(|c: char| c.is_ascii_digit()) && !s.contains('.');
        if !is_digits(whole) || !is_digits(fraction) {
            return Err(format!("\"{text}\" is not a {kind}\na {kind} is a number and a unit; {}", self.unit_list()));
        }
        if unit.is_empty() {
            return Err(self.without_unit(&format!("\"{text}\""), number));
        }
        let Some(unit) = self.units.iter().find(|u| u.name == unit) else {
            let help = suggestion(unit, "units", self.units.iter().map(|u| u.name));
            return Err(format!("`{unit}` is not a unit of a {kind}\n{help}"));
        };
        let fraction = fraction.replace('_', "");
        let fraction = fraction.trim_end_matches('0');
        let digits = whole.replace('_', "") + fraction;
        let mantissa = digits.parse().map_err(|_| self.too_large(text))?;
        let decimals = u32::try_from(fraction.len()).map_err(|_| self.too_large(text))?;
        Ok(Parts { text, mantissa, decimals, unit: *unit })
    }

    /// The value in base units; an error if it is not whole or too large.
    pub(crate) fn scaled(&self, parts: &Parts<'_>) -> Result<u64, String> {
        let too_large = || self.too_large(parts.text);
        let value = parts.mantissa.checked_mul(parts.unit.scale).ok_or_else(too_large)?;
        let divisor = 10_u128.checked_pow(parts.decimals).ok_or_else(too_large)?;
        if value % divisor != 0 {
            return Err(format!(
                "\"{}\" is finer than {finest}\na {} is a multiple of {finest}",
                parts.text,
                self.kind,
                finest = self.finest
            ));
        }
        match u64::try_from(value / divisor) {
            Ok(value) if u128::from(value) <= self.max => Ok(value),
            _ => Err(too_large()),
        }
    }

    /// Message for a number that has no unit.
    pub(crate) fn without_unit(&self, shown: &str, number: &str) -> String {
        // A decimal of the base unit would be refused in its turn.
        let fits = |u: &&&str| !number.contains('.') || self.units.iter().any(|v| v.name == **u && v.scale > 1);
        let examples: Vec<String> = self.hints.iter().filter(fits).map(|u| format!("\"{number}{u}\"")).collect();
        format!("{shown} has no unit\nwrite {}", examples.join(" or "))
    }

    fn negative(&self, shown: &str) -> String {
        format!("{shown} is negative\na {} is at least zero", self.kind)
    }

    fn too_large(&self, text: &str) -> String {
        format!("\"{text}\" is too large\na {} is at most {}", self.kind, self.max_text)
    }

    fn unit_list(&self) -> String {
        let names: Vec<&str> = self.units.iter().map(|u| u.name).collect();
        format!("units: {}", names.join(", "))
    }

    /// The value in the largest of `units` in which it is a whole number. `units[0]` must fit always.
    pub(crate) fn largest_whole(value: u64, units: &[Unit]) -> String {
        let value = u128::from(value);
        let fits = |u: &&Unit| value.is_multiple_of(u.scale);
        let unit = units.iter().rev().find(fits).unwrap_or(&units[0]);
        format!("{}{}", value / unit.scale, unit.name)
    }
}

/// A value written as a number with a unit.
pub(crate) trait Quantity: Sized {
    const TABLE: Table;
    /// Reads the text; the error has two lines, what is wrong and a way out.
    fn from_text(text: &str) -> Result<Self, String>;
    /// Text that [`Quantity::from_text`] reads as the same value.
    fn text(&self) -> String;
}

/// Takes texts and refuses bare numbers with the units that could have been meant.
pub(crate) struct QuantityVisitor<T>(pub(crate) PhantomData<T>);

impl<T: Quantity> Visitor<'_> for QuantityVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} in quotes, such as \"1{}\"", T::TABLE.kind, T::TABLE.hints[0])
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        T::from_text(text).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<T, E> {
        Err(E::custom(T::TABLE.without_unit(&n.to_string(), &n.to_string())))
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<T, E> {
        if n < 0 {
            return Err(E::custom(T::TABLE.negative(&n.to_string())));
        }
        self.visit_u64(n.unsigned_abs())
    }

    fn visit_f64<E: de::Error>(self, n: f64) -> Result<T, E> {
        // The RON reader hands over the nearest `f32`; the short text of that is what was written.
        let shown = (n as f32).to_string();
        if n < 0.0 {
            return Err(E::custom(T::TABLE.negative(&shown)));
        }
        Err(E::custom(T::TABLE.without_unit(&shown, &shown)))
    }
}

/// Text and serde conversions of a quantity.
macro_rules! impl_quantity {
    ($($name:ident),*) => {$(
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&$crate::quantity::Quantity::text(self))
            }
        }

        impl std::str::FromStr for $name {
            /// Two lines: what is wrong, and a way out.
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                $crate::quantity::Quantity::from_text(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let visitor = $crate::quantity::QuantityVisitor(std::marker::PhantomData);
                deserializer.deserialize_any(visitor)
            }
        }
    )*};
}
pub(crate) use impl_quantity;
