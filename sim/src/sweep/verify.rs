// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether a store is what it says it is.

use std::path::Path;

use rayon::prelude::*;
use reports::sweep::Schema;
use reports::{Error, Record};

use super::close::{Contents, Points, Row, each_row};
use super::line::{body, take_apart};
use super::plan::SweepPlan;
use super::store::{Index, others_path, records_path};
use crate::plan::{InputError, hash, plan, point_text};
use crate::run::run;

/// Runs whose records are looked at together.
const CHUNK: usize = 256;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Runs that were looked at.
    pub runs: usize,
    /// What is not in order, a line each.
    pub wrong: Vec<String>,
    /// Runs made again.
    pub rerun: usize,
}

/// Looks at every record: its checksum, its figures against each other, its experiment against its hash; whether runs are missing or
/// there twice with two results; whether records are in order and the tables are made from them. Makes `rerun` runs again and compares every byte.
///
/// # Errors
/// A file that cannot be read.
pub fn verify(dir: &Path, plan: &SweepPlan, rerun: usize) -> Result<Verified, Error> {
    let mut found = Verified::default();
    if plan.header.version != crate::VERSION {
        let (there, here) = (&plan.header.version, crate::VERSION);
        found.wrong.push(format!("the store is of rqsim {there}, and this is {here}: it is checked with that version"));
        return Ok(found);
    }
    let index = Index::of(dir)?;
    found.wrong.extend(index.damaged.iter().cloned());
    found.wrong.extend(index.conflicts.iter().map(|c| format!("two different results of one run: {c}")));
    let contents = Contents::of(plan, &index, None, true)?;
    if contents.missing > 0 {
        let some: Vec<String> = contents.incomplete.iter().take(10).map(u64::to_string).collect();
        found.wrong.push(format!("{} runs are missing, of points {}", contents.missing, some.join(", ")));
    }
    found.runs = contents.jobs.len();
    let schema = Schema::new(plan.axis_columns());
    let mut wanted = Wanted::new(&schema);
    let every = contents.jobs.len().checked_div(rerun).map_or(usize::MAX, |n| n.max(1));
    let (mut rows, mut seen): (Vec<(Row, bool)>, usize) = (Vec::new(), 0);
    let done = |rows: &mut Vec<(Row, bool)>, found: &mut Verified| {
        let wrong: Vec<String> = rows.par_iter().flat_map_iter(|(row, again)| look(plan, row, *again)).collect();
        found.wrong.extend(wrong);
        rows.clear();
    };
    each_row(plan, &index, &contents.jobs, &schema, |row| {
        let again = seen % every == 0 && found.rerun < rerun;
        seen += 1;
        found.rerun += usize::from(again);
        wanted.add(&row);
        rows.push((row, again));
        if rows.len() >= CHUNK {
            done(&mut rows, &mut found);
        }
        Ok(())
    })?;
    done(&mut rows, &mut found);
    // Only a store that is closed has these.
    if records_path(dir).is_file() && contents.missing == 0 && super::store::journals(dir)?.is_empty() {
        wanted.compare(dir, &mut found.wrong);
    }
    if others_path(dir).is_file() {
        let (_, bad) = reports::read_lines(&others_path(dir), |line| take_apart(line).map(|_| ()))?;
        found.wrong.extend(bad.iter().map(|b| format!("{}:{}: {}", others_path(dir).display(), b.line, b.why)));
    }
    Ok(found)
}

/// The files of a closed store, as hashes of what they should be.
struct Wanted<'a> {
    schema: &'a Schema,
    points: Points<'a>,
    sums: [Sum; 3],
}

/// A running checksum and a length.
#[derive(Clone, Copy)]
struct Sum(u64, u64);

impl Sum {
    fn add(&mut self, text: &str) {
        let step = |hash: u64, b: &u8| (hash ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3);
        self.0 = text.as_bytes().iter().fold(self.0, step);
        self.1 += text.len() as u64;
    }
}

impl<'a> Wanted<'a> {
    fn new(schema: &'a Schema) -> Wanted<'a> {
        let mut wanted = Wanted { schema, points: Points::new(schema), sums: [Sum(0, 0); 3] };
        wanted.sums[1].add(&schema.csv_header());
        wanted.sums[2].add(&schema.points_header());
        wanted
    }

    fn add(&mut self, row: &Row) {
        self.sums[0].add(&row.line);
        self.sums[1].add(&Schema::csv_line(&row.row));
        if let Some((_, rows)) = self.points.take(row.job, row.row.clone()) {
            self.sums[2].add(&rows.csv_line(self.schema));
        }
    }

    fn compare(mut self, dir: &Path, wrong: &mut Vec<String>) {
        if let Some((_, rows)) = self.points.finish() {
            self.sums[2].add(&rows.csv_line(self.schema));
        }
        for (name, sum) in ["records.jsonl", "runs.csv", "points.csv"].iter().zip(self.sums) {
            let mut there = Sum(0, 0);
            match std::fs::read_to_string(dir.join(name)) {
                Ok(text) => there.add(&text),
                Err(e) => wrong.push(format!("{name}: {e}")),
            }
            if (there.0, there.1) != (sum.0, sum.1) {
                wrong.push(format!(
                    "{name} is not what the plan and the records give; `sim results merge` makes it again"
                ));
            }
        }
    }
}

/// What is wrong with a record.
fn look(sweep: &SweepPlan, row: &Row, again: bool) -> Vec<String> {
    let point = &sweep.points[row.job.point];
    let place = format!("point {}, stage {}, seed {}", point.point, row.record.stage, row.record.seed);
    let mut wrong = Vec::new();
    if let Err(why) = row.record.check() {
        wrong.push(format!("{place}: {why}"));
    }
    match reproduced(&row.record, again) {
        Err(why) => wrong.push(format!("{place}: its experiment cannot be read: {}", why.plain)),
        Ok((config_hash, _)) if config_hash != row.record.config_hash => {
            wrong.push(format!("{place}: its experiment is not the one of its hash"));
        }
        Ok((_, Some(new))) => {
            let old = Record { sweep: None, ..row.record.clone() };
            if body(&new).ok() != body(&old).ok() {
                wrong.push(format!("{place}: made again, it is not the same"));
            }
        }
        Ok((_, None)) => {}
    }
    wrong
}

/// The hash of a record's experiment and, if it is wanted and the run was not given up, the record made again.
fn reproduced(record: &Record, again: bool) -> Result<(String, Option<Record>), InputError> {
    let loaded = configs::parse(&record.config, "(the record's experiment)")?;
    let config_hash = hash(&point_text(&loaded, 0, &[]));
    if !again || reports::names::GIVEN_UP.contains(&record.status.as_str()) {
        return Ok((config_hash, None));
    }
    let plan = plan(loaded)?;
    let mut new = run(&plan.loaded, &plan.stages[0], record.seed, false).record;
    // A record's experiment has one stage only.
    new.stage_idx = record.stage_idx;
    Ok((config_hash, Some(new)))
}
