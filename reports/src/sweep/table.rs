// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows of runs and of points, as CSV and JSON.

use std::borrow::Borrow;
use std::fmt::Write;

use super::columns::{COLUMNS, Column, Kind, Value};
use super::interval::interval;
use crate::record::Record;
use crate::table::{Columns, Values, csv_field};

/// The columns that an axis has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AxisColumn {
    /// The axis' name.
    pub name: String,
    /// The unit of its values as numbers, if all are numbers of one kind: `ns`, `hz`, `cycles`, `bytes`, or empty for plain numbers.
    pub unit: Option<String>,
    /// All values are plain whole numbers.
    pub whole: bool,
}

impl AxisColumn {
    /// Names and types: a plain number is a column `axis_NAME`; a quantity has its text there, and its value in `axis_NAME_UNIT`.
    fn columns(&self) -> Vec<(String, Kind)> {
        let name = format!("axis_{}", self.name);
        match self.unit.as_deref() {
            Some("") => vec![(name, if self.whole { Kind::Integer } else { Kind::Number })],
            Some(unit) => vec![(name.clone(), Kind::Text), (format!("{name}_{unit}"), Kind::Number)],
            None => vec![(name, Kind::Text)],
        }
    }

    fn values(&self, label: &str, number: Option<f64>) -> Vec<Value> {
        let number = match number {
            None => Value::Missing,
            Some(n) if self.whole => Value::Integer(n as u64),
            Some(n) => Value::Number(n),
        };
        let text = Value::Text(label.to_owned());
        match self.unit.as_deref() {
            Some("") => vec![number],
            Some(_) => vec![text, number],
            None => vec![text],
        }
    }
}

/// The columns of a sweep's runs.
#[derive(Clone, Debug)]
pub struct Schema {
    axes: Vec<AxisColumn>,
    /// Name, type, meaning.
    pub columns: Vec<(String, Kind, String)>,
}

/// Where a point stands on an axis: what people call it, and its worth as a number.
type Stand = (String, Option<f64>);

impl Schema {
    /// The schema of a sweep with these axes.
    #[must_use]
    pub fn new(axes: Vec<AxisColumn>) -> Schema {
        let mut columns = vec![("point".to_owned(), Kind::Integer, "number of the point, from 1".to_owned())];
        for axis in &axes {
            let named = axis.columns();
            columns
                .extend(named.into_iter().map(|(n, kind)| (n, kind, format!("where the axis {} stands", axis.name))));
        }
        columns.extend(COLUMNS.iter().map(|c| (c.name.to_owned(), c.kind, c.doc.to_owned())));
        Schema { axes, columns }
    }

    fn head(&self, point: u64, stands: &[Stand]) -> Vec<Value> {
        let mut row = vec![Value::Integer(point)];
        row.extend(self.axes.iter().zip(stands).flat_map(|(a, (label, number))| a.values(label, *number)));
        row
    }

    /// The row of a run.
    #[must_use]
    pub fn row(&self, point: u64, stands: &[Stand], record: &Record) -> Vec<Value> {
        let mut row = self.head(point, stands);
        row.extend(COLUMNS.iter().map(|c| (c.of)(record)));
        row
    }

    /// What a run's row has behind its point and axes, as CSV without a line feed: enough to make the row again without the record.
    #[must_use]
    pub fn cells(record: &Record) -> String {
        let mut text = String::with_capacity(512);
        add_fields(&mut text, COLUMNS.iter().map(|c| (c.of)(record)));
        text
    }

    /// The values of [`Schema::cells`]; nothing if the text is not of this version's columns.
    #[must_use]
    pub fn values_of_cells(cells: &str) -> Option<Vec<Value>> {
        let mut values = Vec::with_capacity(COLUMNS.len());
        let mut rest = Some(cells);
        for column in COLUMNS {
            let (cell, behind) = first_field(rest?)?;
            rest = behind;
            values.push(match column.kind {
                Kind::Text => Value::Text(cell),
                _ if cell.is_empty() => Value::Missing,
                Kind::Integer => Value::Integer(cell.parse().ok()?),
                Kind::Number => Value::Number(cell.parse().ok()?),
                Kind::Flag => Value::Flag(cell.parse().ok()?),
            });
        }
        rest.is_none().then_some(values)
    }

    /// The row of a run, and its line of CSV, from its [`Schema::cells`]; nothing if these are not of this version's columns.
    #[must_use]
    pub fn row_of_cells(&self, point: u64, stands: &[Stand], cells: &str) -> Option<(Vec<Value>, String)> {
        let mut row = self.head(point, stands);
        let mut line = String::with_capacity(cells.len() + 128);
        add_fields(&mut line, row.iter());
        row.extend(Self::values_of_cells(cells)?);
        line.push(',');
        line.push_str(cells);
        line.push('\n');
        Some((row, line))
    }

    /// The header of the CSV file of runs, with its line feed.
    #[must_use]
    pub fn csv_header(&self) -> String {
        csv(self.columns.iter().map(|(n, ..)| n.clone()))
    }

    /// A row as a line of CSV; a missing value is an empty field.
    #[must_use]
    pub fn csv_line(row: &[Value]) -> String {
        let mut line = String::with_capacity(640);
        add_fields(&mut line, row.iter());
        line.push('\n');
        line
    }

    /// Names and types of the columns of runs.
    #[must_use]
    pub fn runs_columns(&self) -> Vec<(String, Kind)> {
        self.columns.iter().map(|(n, k, _)| (n.clone(), *k)).collect()
    }

    fn measured() -> impl Iterator<Item = (usize, &'static Column)> {
        COLUMNS.iter().enumerate().filter(|(_, c)| c.measured)
    }

    /// The columns of the table of points: name and type.
    #[must_use]
    pub fn points_columns(&self) -> Vec<(String, Kind)> {
        let head = self.columns.len() - COLUMNS.len();
        let mut columns: Vec<(String, Kind)> = self.columns[..head].iter().map(|(n, k, _)| (n.clone(), *k)).collect();
        columns.push(("stage".into(), Kind::Text));
        columns.extend(["runs", "not_expected"].map(|n| (n.to_owned(), Kind::Integer)));
        for (_, c) in Self::measured() {
            columns.extend(["mean", "half"].map(|what| (format!("{}_{what}", c.name), Kind::Number)));
        }
        columns
    }

    /// The header of the CSV file of points.
    #[must_use]
    pub fn points_header(&self) -> String {
        csv(self.points_columns().into_iter().map(|(n, _)| n))
    }
}

/// The runs of one stage of one point, which become one row.
#[derive(Clone, Debug, Default)]
pub struct PointRows {
    rows: Vec<Vec<Value>>,
}

impl PointRows {
    /// Adds a run, see [`Schema::row`].
    pub fn add(&mut self, row: Vec<Value>) {
        self.rows.push(row);
    }

    /// Whether there is no run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Mean and half width of a measured column over the runs that have it.
    #[must_use]
    pub fn interval(&self, schema: &Schema, name: &str) -> Option<super::Interval> {
        let at = schema.columns.iter().position(|(n, ..)| n == name)?;
        interval(&self.rows.iter().filter_map(|r| r[at].number()).collect::<Vec<_>>())
    }

    /// How many runs there are, and how many did not end as they have to.
    #[must_use]
    pub fn counts(&self, schema: &Schema) -> (usize, usize) {
        let at = schema.columns.iter().position(|(n, ..)| n == "expected").unwrap_or(0);
        (self.rows.len(), self.rows.iter().filter(|r| r[at] == Value::Flag(false)).count())
    }

    /// The row of the table of points: means over the runs, with half the width of their 95 % intervals. Empty without a run.
    #[must_use]
    pub fn values(&self, schema: &Schema) -> Vec<Value> {
        let Some(first) = self.rows.first() else { return Vec::new() };
        let head = schema.columns.len() - COLUMNS.len();
        let mut values: Vec<Value> = first[..=head].to_vec();
        let (runs, bad) = self.counts(schema);
        values.extend([runs, bad].map(|n| Value::Integer(n as u64)));
        let number = |n: Option<f64>| n.map_or(Value::Missing, Value::Number);
        for (i, _) in Schema::measured() {
            let found = interval(&self.rows.iter().filter_map(|r| r[head + i].number()).collect::<Vec<_>>());
            values.extend([number(found.map(|i| i.mean)), number(found.and_then(|i| i.half))]);
        }
        values
    }

    /// The same as a line of CSV.
    #[must_use]
    pub fn csv_line(&self, schema: &Schema) -> String {
        Schema::csv_line(&self.values(schema))
    }
}

/// A row as a line of JSON; a missing value is `null`.
#[must_use]
pub fn json_line(columns: &[(String, Kind)], row: &[Value]) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let value = |v: &Value| match v {
        Value::Missing => "null".to_owned(),
        Value::Text(t) => quoted(t),
        other => field(other),
    };
    let fields = columns.iter().zip(row).map(|((n, _), v)| format!("{}:{}", quoted(n), value(v)));
    format!("{{{}}}\n", fields.collect::<Vec<_>>().join(","))
}

/// Rows as columns of their types, see [`crate::table::parquet`].
#[must_use]
pub fn columns_of_rows(columns: &[(String, Kind)], rows: &[Vec<Value>]) -> Columns {
    let column = |(i, (name, kind)): (usize, &(String, Kind))| {
        let cells = rows.iter().map(|r| r.get(i).unwrap_or(&Value::Missing));
        let values = match kind {
            Kind::Text => Values::Text(cells.map(field).collect()),
            Kind::Integer => {
                Values::Whole(cells.map(|v| if let Value::Integer(n) = v { Some(*n) } else { None }).collect())
            }
            Kind::Number => Values::Number(cells.map(Value::number).collect()),
            Kind::Flag => Values::Flag(cells.map(|v| if let Value::Flag(f) = v { Some(*f) } else { None }).collect()),
        };
        (name.clone(), values)
    };
    columns.iter().enumerate().map(column).collect()
}

fn csv(fields: impl Iterator<Item = String>) -> String {
    fields.map(|f| csv_field(&f)).collect::<Vec<_>>().join(",") + "\n"
}

/// Adds fields to a line of CSV, with a comma behind each but the last.
fn add_fields(line: &mut String, values: impl Iterator<Item = impl Borrow<Value>>) {
    for (i, value) in values.enumerate() {
        if i > 0 {
            line.push(',');
        }
        add_field(line, value.borrow());
    }
}

fn add_field(line: &mut String, value: &Value) {
    let done = match value {
        Value::Missing => Ok(()),
        Value::Integer(n) => write!(line, "{n}"),
        // With a point or an exponent, so that whoever guesses types sees the same in every row.
        Value::Number(n) => write!(line, "{n:?}"),
        Value::Flag(f) => write!(line, "{f}"),
        Value::Text(t) => write!(line, "{}", csv_field(t)),
    };
    debug_assert!(done.is_ok(), "a text takes what is written");
}

/// The first field of a line of CSV without its quotes, and what follows its comma, if there is one. Nothing if quotes do not match.
fn first_field(line: &str) -> Option<(String, Option<&str>)> {
    let Some(quoted) = line.strip_prefix('"') else {
        return Some(
            line.split_once(',').map_or((line.to_owned(), None), |(cell, rest)| (cell.to_owned(), Some(rest))),
        );
    };
    let (mut cell, mut rest) = (String::new(), quoted);
    loop {
        let (text, behind) = rest.split_once('"')?;
        cell.push_str(text);
        match behind.strip_prefix('"') {
            Some(more) => {
                cell.push('"');
                rest = more;
            }
            None if behind.is_empty() => return Some((cell, None)),
            None => return Some((cell, Some(behind.strip_prefix(',')?))),
        }
    }
}

/// A value as text without quotes.
fn field(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Text(t) => text.push_str(t),
        other => add_field(&mut text, other),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_records;

    fn schema() -> Schema {
        let axis = |name: &str, unit: Option<&str>| AxisColumn {
            name: name.into(),
            unit: unit.map(str::to_owned),
            whole: unit == Some(""),
        };
        Schema::new(vec![axis("cores", Some("")), axis("work", Some("ns")), axis("machine", None)])
    }

    fn stands() -> Vec<Stand> {
        vec![("4".into(), Some(4.0)), ("1.5us".into(), Some(1500.0)), ("a,b".into(), None)]
    }

    #[test]
    fn axes_come_first_typed_by_what_they_hold() {
        let s = schema();
        let row = s.row(7, &stands(), &sample_records()[0]);
        assert_eq!(row.len(), s.columns.len());
        assert!(
            s.csv_header().starts_with("point,axis_cores,axis_work,axis_work_ns,axis_machine,stage,stage_idx,seed,")
        );
        assert!(Schema::csv_line(&row).starts_with("7,4,1.5us,1500.0,\"a,b\",base,0,11,ok,true,"));
        let json: serde_json::Value = serde_json::from_str(&json_line(&s.runs_columns(), &row)).unwrap();
        assert_eq!((&json["axis_work_ns"], &json["expected"]), (&1500.0.into(), &true.into()));
        assert_eq!(json.as_object().unwrap().len(), s.columns.len());
    }

    #[test]
    fn cells_make_the_same_row_again() {
        let s = schema();
        for r in sample_records() {
            for finding in [None, Some("hang: \"a\", b\n"), Some("\"\nx"), Some(",,\"\""), Some("a\rb,")] {
                let r = Record { finding: finding.map(str::to_owned), ..r.clone() };
                let row = s.row(7, &stands(), &r);
                let (again, line) = s.row_of_cells(7, &stands(), &Schema::cells(&r)).unwrap();
                assert_eq!((again, line), (row.clone(), Schema::csv_line(&row)));
            }
        }
        let cells = Schema::cells(&sample_records()[0]);
        for wrong in [format!("{cells},1"), cells[..cells.len() / 2].to_owned(), "\"a".into(), String::new()] {
            assert_eq!(Schema::values_of_cells(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn rows_become_columns_of_their_types() {
        let s = schema();
        let rows: Vec<Vec<Value>> = sample_records().iter().map(|r| s.row(7, &stands(), r)).collect();
        let columns = columns_of_rows(&s.runs_columns(), &rows);
        let of = |name: &str| &columns.iter().find(|(n, _)| n == name).unwrap().1;
        assert!(columns.iter().all(|(_, v)| v.len() == rows.len()));
        assert!(matches!(of("axis_work_ns"), Values::Number(v) if v[0] == Some(1500.0)));
        assert!(matches!(of("axis_cores"), Values::Whole(v) if v[0] == Some(4)));
        assert!(matches!(of("expected"), Values::Flag(v) if v[0] == Some(true)));
        assert!(matches!(of("stage"), Values::Text(v) if v[0] == "base"));
    }

    #[test]
    fn a_point_has_means_over_its_runs() {
        let s = schema();
        let mut rows = PointRows::default();
        sample_records().iter().take(2).for_each(|r| rows.add(s.row(7, &stands(), r)));
        let (header, line) = (s.points_header(), rows.csv_line(&s));
        assert!(line.starts_with("7,4,1.5us,1500.0,\"a,b\",base,2,0,"), "{line}");
        assert_eq!(header.matches(',').count(), line.replace("\"a,b\"", "").matches(',').count());
        let i = rows.interval(&s, "held").unwrap();
        let held = |r: &Record| r.contexts.values().map(|c| c.held).sum::<u64>() as f64;
        let two: Vec<f64> = sample_records().iter().take(2).map(held).collect();
        assert!((i.mean - (two[0] + two[1]) / 2.0).abs() < 1e-9 && i.n == 2);
    }
}
