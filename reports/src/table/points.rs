// SPDX-License-Identifier: MIT OR Apache-2.0
//! The figures of every run as a table: a row for each run, a column for each axis of the sweep and each measure.

use super::csv::field;
use crate::collect::Section;
use crate::point::measures;

/// A column of one type; the name ends in the unit.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Words.
    Text(Vec<String>),
    /// Numbers without a fraction.
    Count(Vec<u64>),
    /// Measured numbers; none where nothing was measured.
    Number(Vec<Option<f64>>),
    /// Numbers without a fraction; none where nothing was measured.
    Whole(Vec<Option<u64>>),
    /// True or false; none where nothing was measured.
    Flag(Vec<Option<bool>>),
}

impl Values {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Values::Text(v) => v.len(),
            Values::Count(v) => v.len(),
            Values::Number(v) => v.len(),
            Values::Whole(v) => v.len(),
            Values::Flag(v) => v.len(),
        }
    }

    /// Without a row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn cell(&self, i: usize) -> String {
        match self {
            Values::Text(v) => field(&v[i]),
            Values::Count(v) => v[i].to_string(),
            Values::Number(v) => v[i].map_or_else(String::new, |v| v.to_string()),
            Values::Whole(v) => v[i].map_or_else(String::new, |v| v.to_string()),
            Values::Flag(v) => v[i].map_or_else(String::new, |v| v.to_string()),
        }
    }
}

/// Columns with their names; all have a value for each row.
pub type Columns = Vec<(String, Values)>;

/// The runs of a section as columns.
#[must_use]
pub fn columns(s: &Section) -> Columns {
    let rows = || s.points.iter().flat_map(|p| p.runs.iter().map(move |r| (p, r)));
    let text = |of: &dyn Fn(&crate::point::Point) -> String| Values::Text(rows().map(|(p, _)| of(p)).collect());
    let mut all: Columns = vec![
        ("experiment".into(), text(&|p| p.experiment.clone())),
        ("stage".into(), text(&|p| p.stage.clone())),
        ("lock".into(), text(&|p| p.lock.clone())),
        ("machine".into(), text(&|p| p.machine.clone())),
        ("cpus".into(), Values::Count(rows().map(|(p, _)| u64::from(p.cpus)).collect())),
        ("patches".into(), text(&|p| p.patches.join(" "))),
        ("config_hash".into(), text(&|p| p.config_hash.clone())),
    ];
    for (i, a) in s.axes.iter().enumerate().filter(|(_, a)| a.field != "experiment") {
        let value = |p: &crate::point::Point| p.at.get(i).map_or_else(String::new, |v| a.values[*v as usize].clone());
        all.push((a.field.clone(), text(&value)));
    }
    all.push(("seed".into(), Values::Count(rows().map(|(_, r)| r.seed).collect())));
    all.push(("simulated_ns".into(), Values::Count(rows().map(|(_, r)| r.simulated_ns).collect())));
    all.push(("acquisitions".into(), Values::Count(rows().map(|(_, r)| r.acquisitions).collect())));
    for (i, m) in measures().iter().enumerate() {
        let unit = match m.unit {
            "ns" => "_ns",
            "/h" => "_per_hour",
            "acq/s" => "_per_s",
            "msg/acq" | "B/acq" => "_per_acquisition",
            _ => "",
        };
        all.push((format!("{}{unit}", m.name), Values::Number(rows().map(|(_, r)| r.values[i]).collect())));
    }
    all
}

/// The runs as CSV; an empty field is "not measured".
#[must_use]
pub fn points_csv(s: &Section) -> String {
    let columns = columns(s);
    let mut text = columns.iter().map(|(name, _)| field(name)).collect::<Vec<_>>().join(",") + "\n";
    let rows = columns.first().map_or(0, |c| c.1.len());
    for i in 0..rows {
        for (j, (_, values)) in columns.iter().enumerate() {
            if j > 0 {
                text.push(',');
            }
            text += &values.cell(i);
        }
        text.push('\n');
    }
    text
}
