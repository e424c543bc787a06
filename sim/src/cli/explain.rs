// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim explain`.

use std::path::PathBuf;

use clap::Args;
use reports::{Record, read_records};
use rqsim::explain::explain;
use rqsim::plan::{InputError, near};

use super::report::no_record;
use super::{Failure, output};

/// Tell the worst attempts of a recorded run: who held, who waited, where interrupts landed, why it ended.
///
/// The run is made once more from the experiment in its record, and held against the record's figures.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sim explain results/ring8/records.jsonl --stage base --seed 1
  sim explain results/ring8 --stage +1 --seed 1 --worst 1")]
pub(super) struct ExplainArgs {
    /// A file of records, or a folder with `records.jsonl`.
    #[arg(value_name = "RECORD")]
    records: PathBuf,
    /// How many attempts, longest first; a run keeps ten.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=10))]
    worst: u16,
    /// The stage, if the file has several.
    #[arg(long, value_name = "STAGE", allow_hyphen_values = true)]
    stage: Option<String>,
    /// The seed, if the file has several.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The point of a sweep, by its number, if the file has several.
    #[arg(long, value_name = "N")]
    point: Option<u64>,
    /// The experiment, by its title, if the file has several.
    #[arg(long, value_name = "TITLE")]
    experiment: Option<String>,
}

pub(super) fn run(args: &ExplainArgs) -> Result<(), Failure> {
    let path = if args.records.is_dir() { rqsim::batch::records_path(&args.records) } else { args.records.clone() };
    if !path.is_file() {
        let what = format!("there is no file of records {}", path.display());
        return Err(InputError::text(&what, "`sim run` writes records.jsonl into its results folder").into());
    }
    let (records, bad) = read_records(&path)?;
    if let (true, Some(first)) = (records.is_empty(), bad.first()) {
        return Err(no_record(&path, first).into());
    }
    for line in &bad {
        output::say(&format!("warning: skipped a damaged record: {}:{}: {}", path.display(), line.line, line.why));
    }
    let record = choose(args, &records, &path.display().to_string())?;
    output::print(&explain(record, usize::from(args.worst))?)
}

/// The only record that is meant.
fn choose<'a>(args: &ExplainArgs, records: &'a [Record], path: &str) -> Result<&'a Record, InputError> {
    if records.is_empty() {
        let help = "name another file; `sim run` makes records";
        return Err(InputError::text(&format!("{path} has no record that can be read"), help));
    }
    let mut left: Vec<&Record> = records.iter().collect();
    let experiment = |r: &Record| r.experiment.clone();
    narrow(&mut left, "experiment", args.experiment.as_ref(), experiment)?;
    let point = |r: &Record| r.sweep.as_ref().map_or_else(String::new, |s| s.point.to_string());
    if left.iter().any(|r| r.sweep.is_some()) || args.point.is_some() {
        narrow(&mut left, "point", args.point.map(|p| p.to_string()).as_ref(), point)?;
    }
    narrow(&mut left, "stage", args.stage.as_ref(), |r| r.stage.clone())?;
    narrow(&mut left, "seed", args.seed.map(|s| s.to_string()).as_ref(), |r| r.seed.to_string())?;
    // A folder of results keeps records of older builds; this build's own is the one to tell.
    if left.len() > 1 && left.iter().any(|r| r.version == rqsim::VERSION) {
        left.retain(|r| r.version == rqsim::VERSION);
    }
    match left.as_slice() {
        [one] => Ok(one),
        _ => {
            let versions: Vec<String> = left.iter().map(|r| r.version.clone()).collect();
            let what = format!("{} records have this experiment, stage and seed", left.len());
            let help = format!("keep the line of one in a file of its own; they are of rqsim {}", versions.join(", "));
            Err(InputError::text(&what, &help))
        }
    }
}

/// Keeps the records with the value wanted, or the only value there is.
fn narrow(
    left: &mut Vec<&Record>,
    what: &str,
    wanted: Option<&String>,
    value: impl Fn(&Record) -> String,
) -> Result<(), InputError> {
    let mut values: Vec<String> = Vec::new();
    for r in left.iter() {
        if !values.contains(&value(r)) {
            values.push(value(r));
        }
    }
    match (wanted, values.as_slice()) {
        (Some(w), all) if all.contains(w) => left.retain(|r| value(r) == *w),
        (Some(w), all) => {
            let help = near(w, all.iter().map(String::as_str), &format!("{what}s"));
            return Err(InputError::text(&format!("no record has {what} \"{w}\""), &help));
        }
        (None, [_]) => {}
        (None, all) => {
            let message = format!("these are records of {} {what}s", all.len());
            let help = format!("choose with --{what}: {}", all.join(", "));
            return Err(InputError::text(&message, &help));
        }
    }
    Ok(())
}
