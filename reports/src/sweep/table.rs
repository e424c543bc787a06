// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows of runs and of points, as CSV and JSON.

use super::columns::{COLUMNS, Column, Kind, Value};
use super::interval::interval;
use crate::record::Record;
use crate::table::csv_field;

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

    /// The header of the CSV file of runs, with its line feed.
    #[must_use]
    pub fn csv_header(&self) -> String {
        csv(self.columns.iter().map(|(n, ..)| n.clone()))
    }

    /// A row as a line of CSV; a missing value is an empty field.
    #[must_use]
    pub fn csv_line(row: &[Value]) -> String {
        csv(row.iter().map(field))
    }

    /// A row as a line of JSON; a missing value is `null`.
    #[must_use]
    pub fn json_line(&self, row: &[Value]) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let value = |v: &Value| match v {
            Value::Missing => "null".to_owned(),
            Value::Text(t) => quoted(t),
            other => field(other),
        };
        let fields = self.columns.iter().zip(row).map(|((n, ..), v)| format!("{}:{}", quoted(n), value(v)));
        format!("{{{}}}\n", fields.collect::<Vec<_>>().join(","))
    }

    fn measured() -> impl Iterator<Item = (usize, &'static Column)> {
        COLUMNS.iter().enumerate().filter(|(_, c)| c.measured)
    }

    /// The header of the CSV file of points.
    #[must_use]
    pub fn points_header(&self) -> String {
        let head = self.columns.len() - COLUMNS.len();
        let mut names: Vec<String> = self.columns[..head].iter().map(|(n, ..)| n.clone()).collect();
        names.extend(["stage", "runs", "not_expected"].map(str::to_owned));
        for (_, c) in Self::measured() {
            names.extend([format!("{}_mean", c.name), format!("{}_half", c.name)]);
        }
        csv(names.into_iter())
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

    /// The row of the CSV file of points: means over the runs, with half the width of their 95 % intervals.
    #[must_use]
    pub fn csv_line(&self, schema: &Schema) -> String {
        let Some(first) = self.rows.first() else { return String::new() };
        let head = schema.columns.len() - COLUMNS.len();
        let mut fields: Vec<String> = first[..=head].iter().map(field).collect();
        let (runs, bad) = self.counts(schema);
        fields.extend([runs.to_string(), bad.to_string()]);
        for (i, _) in Schema::measured() {
            let values: Vec<f64> = self.rows.iter().filter_map(|r| r[head + i].number()).collect();
            let found = interval(&values);
            fields.push(found.map_or_else(String::new, |i| format!("{:?}", i.mean)));
            fields.push(found.and_then(|i| i.half).map_or_else(String::new, |h| format!("{h:?}")));
        }
        csv(fields.into_iter())
    }
}

fn csv(fields: impl Iterator<Item = String>) -> String {
    fields.map(|f| csv_field(&f)).collect::<Vec<_>>().join(",") + "\n"
}

fn field(value: &Value) -> String {
    match value {
        Value::Missing => String::new(),
        Value::Integer(n) => n.to_string(),
        // With a point or an exponent, so that whoever guesses types sees the same in every row.
        Value::Number(n) => format!("{n:?}"),
        Value::Text(t) => t.clone(),
        Value::Flag(f) => f.to_string(),
    }
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
        let json: serde_json::Value = serde_json::from_str(&s.json_line(&row)).unwrap();
        assert_eq!((&json["axis_work_ns"], &json["expected"]), (&1500.0.into(), &true.into()));
        assert_eq!(json.as_object().unwrap().len(), s.columns.len());
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
