// SPDX-License-Identifier: MIT OR Apache-2.0
//! Axes: what is varied, and the values it takes.

use ron::value::RawValue;
use serde::Deserialize;

use super::number::Span;
use super::ron_text;
use super::samples::{SOBOL_DIMENSIONS, latin_hypercube, sobol};

/// Most values of one axis.
const VALUES_MAX: u32 = 1_000_000;

/// One axis of a sweep. `field` is a path as for `--set`; `name` is what tables and conditions call it, the last part of the path unless given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Axis {
    /// These values, whatever they are.
    List {
        /// Name in tables and conditions.
        #[serde(default)]
        name: Option<String>,
        /// Path of the field.
        field: String,
        /// Values in RON, as the field takes them.
        values: Vec<Box<RawValue>>,
    },
    /// `n` values at equal distances, both ends included.
    Linear {
        /// Name in tables and conditions.
        #[serde(default)]
        name: Option<String>,
        /// Path of the field.
        field: String,
        /// First value, a number or a quantity.
        from: Box<RawValue>,
        /// Last value, of the same kind.
        to: Box<RawValue>,
        /// How many, at least 2.
        n: u32,
    },
    /// `n` values at equal ratios, both ends included.
    Log {
        /// Name in tables and conditions.
        #[serde(default)]
        name: Option<String>,
        /// Path of the field.
        field: String,
        /// First value, a number or a quantity above 0.
        from: Box<RawValue>,
        /// Last value, of the same kind.
        to: Box<RawValue>,
        /// How many, at least 2.
        n: u32,
    },
    /// Several axes that go together: all take their first values, then all their second ones.
    Zip(Vec<Axis>),
    /// `n` points that have one value in each of `n` equal parts of every range.
    LatinHypercube {
        /// How many points.
        n: u32,
        /// Of its random numbers.
        seed: u64,
        /// The ranges.
        of: Vec<Range>,
    },
    /// Points of the Sobol sequence, which fill the ranges evenly; best if `n` is a power of two.
    Sobol {
        /// How many points.
        n: u32,
        /// How many points of the sequence to leave out before: more points of a sweep that was made have `skip` as its old `n`.
        #[serde(default)]
        skip: u32,
        /// The ranges, 1 to 10.
        of: Vec<Range>,
    },
}

/// A range to take samples from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Name in tables and conditions.
    #[serde(default)]
    pub name: Option<String>,
    /// Path of the field.
    pub field: String,
    /// Lowest value, a number or a quantity.
    pub from: Box<RawValue>,
    /// Highest value, of the same kind.
    pub to: Box<RawValue>,
    /// How values are spread; evenly unless given.
    #[serde(default)]
    pub scale: Scale,
}

/// How values of a range are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Scale {
    /// Equal distances.
    #[default]
    Linear,
    /// Equal ratios.
    Log,
}

/// A field that varies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name in tables and conditions.
    pub name: String,
    /// Path of the field.
    pub field: String,
    /// Path in the sweep file of what makes the values: `axes[1]`, `axes[0].Zip[1]`.
    pub place: String,
}

/// A value, and its place in the sweep file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    /// RON text.
    pub(super) text: String,
    /// Path in the sweep file.
    pub(super) place: String,
}

/// An axis worked out: `rows[i]` has a value for each column.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<Value>>,
}

/// What is wrong with an axis: path in the sweep file, message, way out.
pub(super) type Wrong = (String, String);

impl Axis {
    pub(super) fn rows(&self, place: &str) -> Result<Rows, Wrong> {
        match self {
            Axis::List { name, field, values } => {
                let value = |(i, text): (usize, &str)| {
                    vec![Value { text: text.to_owned(), place: format!("{place}.values[{i}]") }]
                };
                let rows: Vec<Vec<Value>> = values.iter().map(|v| ron_text(v)).enumerate().map(value).collect();
                if rows.is_empty() {
                    let path = format!("{place}.values");
                    return Err((path, "the list is empty, so there is no point\ngive at least one value".into()));
                }
                for (i, row) in rows.iter().enumerate() {
                    if let Some(j) = rows[..i].iter().position(|r| r[0].text == row[0].text) {
                        let what = format!("{} is given twice, first at values[{j}]\neach must differ", row[0].text);
                        return Err((row[0].place.clone(), what));
                    }
                }
                Ok(Rows { columns: vec![column(name.as_ref(), field, place)], rows })
            }
            Axis::Linear { name, field, from, to, n } => {
                steps(name.as_ref(), field, (from, to), Scale::Linear, *n, place)
            }
            Axis::Log { name, field, from, to, n } => steps(name.as_ref(), field, (from, to), Scale::Log, *n, place),
            Axis::Zip(axes) => zip(axes, place),
            Axis::LatinHypercube { n, seed, of } => {
                samples(of, *n, place, |dimensions| latin_hypercube(*n, *seed, dimensions))
            }
            Axis::Sobol { n, skip, of } => {
                if of.len() > SOBOL_DIMENSIONS {
                    let what = format!(
                        "{} ranges are too many for Sobol\nat most {SOBOL_DIMENSIONS}; LatinHypercube takes more",
                        of.len()
                    );
                    return Err((format!("{place}.of"), what));
                }
                if *skip > VALUES_MAX {
                    return Err((format!("{place}.skip"), format!("skip = {skip}: at most {VALUES_MAX}\n")));
                }
                samples(of, *n, place, |dimensions| sobol(*n, *skip, dimensions))
            }
        }
    }
}

fn column(name: Option<&String>, field: &str, place: &str) -> Column {
    let last = field.rsplit('.').next().unwrap_or(field);
    let own = last.split('[').next().filter(|n| !n.is_empty()).unwrap_or(last);
    Column { name: name.map_or(own, String::as_str).to_owned(), field: field.to_owned(), place: place.to_owned() }
}

fn count(n: u32, least: u32, place: &str) -> Result<(), Wrong> {
    if (least..=VALUES_MAX).contains(&n) {
        return Ok(());
    }
    Err((format!("{place}.n"), format!("n = {n}: must be {least} to {VALUES_MAX}\n")))
}

fn steps(
    name: Option<&String>,
    field: &str,
    (from, to): (&RawValue, &RawValue),
    scale: Scale,
    n: u32,
    place: &str,
) -> Result<Rows, Wrong> {
    count(n, 2, place)?;
    let span = Span { from: ron_text(from), to: ron_text(to), scale };
    let mut rows: Vec<Vec<Value>> = Vec::with_capacity(n as usize);
    for i in 0..n {
        let text = span.at(f64::from(i) / f64::from(n - 1)).map_err(|why| (format!("{place}.from"), why))?;
        // Whole numbers that are closer than the steps come once.
        if rows.last().is_none_or(|r| r[0].text != text) {
            rows.push(vec![Value { text, place: place.to_owned() }]);
        }
    }
    Ok(Rows { columns: vec![column(name, field, place)], rows })
}

fn zip(axes: &[Axis], place: &str) -> Result<Rows, Wrong> {
    let mut all = Rows::default();
    for (i, axis) in axes.iter().enumerate() {
        // The name of the variant may be left out of a path, but not before a number.
        let rows = axis.rows(&format!("{place}.Zip[{i}]"))?;
        if i > 0 && rows.rows.len() != all.rows.len() {
            let what = format!(
                "{} values beside {}\naxes that go together have equally many",
                rows.rows.len(),
                all.rows.len()
            );
            return Err((format!("{place}.Zip[{i}]"), what));
        }
        all.columns.extend(rows.columns);
        all.rows.resize(rows.rows.len(), Vec::new());
        all.rows.iter_mut().zip(rows.rows).for_each(|(all, more)| all.extend(more));
    }
    if all.rows.is_empty() {
        return Err((place.to_owned(), "nothing is zipped, so there is no point\nput axes into it".into()));
    }
    Ok(all)
}

fn samples(of: &[Range], n: u32, place: &str, points: impl FnOnce(usize) -> Vec<Vec<f64>>) -> Result<Rows, Wrong> {
    count(n, 1, place)?;
    if of.is_empty() {
        return Err((format!("{place}.of"), "there is no range to take samples from\nput ranges into it".into()));
    }
    let places: Vec<String> = (0..of.len()).map(|i| format!("{place}.of[{i}]")).collect();
    let columns = of.iter().zip(&places).map(|(r, place)| column(r.name.as_ref(), &r.field, place)).collect();
    let mut rows = Vec::with_capacity(n as usize);
    for point in points(of.len()) {
        let mut row = Vec::with_capacity(of.len());
        for ((range, place), share) in of.iter().zip(&places).zip(point) {
            let span = Span { from: ron_text(&range.from), to: ron_text(&range.to), scale: range.scale };
            let text = span.at(share).map_err(|why| (format!("{place}.from"), why))?;
            row.push(Value { text, place: place.clone() });
        }
        rows.push(row);
    }
    Ok(Rows { columns, rows })
}
