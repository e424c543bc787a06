// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim results`: what a sweep has left.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use reports::sweep::{Schema, Value, columns_of_rows, json_line};
use rqsim::plan::InputError;
use rqsim::sweep::close::{Contents, Points, each_row};
use rqsim::sweep::crew::Job;
use rqsim::sweep::plan::SweepPlan;
use rqsim::sweep::store::{Index, journals, others_path, records_path};
use rqsim::sweep::verify::{Verified, verify};

use super::sweep::{complaints, finish};
use super::sweep_table::count;
use super::{Failure, output};

/// Rows that `ls` prints unless it is asked for all.
const ROWS_MAX: usize = 40;

/// Look into the results of a sweep, bring parts together, export tables, check that nothing is damaged.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  sim results ls results/interconnects --failed
  sim results export results/interconnects --table points > points.csv
  sim results export results/interconnects --format parquet --out runs.parquet
  sim results merge part-1 part-2 --out whole
  sim results verify whole")]
pub(super) enum ResultsCommand {
    /// What is there: points, runs, how they ended.
    Ls(LsArgs),
    /// Write a table of runs or points; docs/sweeps.md has the columns.
    Export(ExportArgs),
    /// Bring parts of a sweep together: the journals of one folder, or several folders.
    Merge(MergeArgs),
    /// Check every record, that none is missing, and that the tables are theirs.
    Verify(VerifyArgs),
    /// The columns of a run: name, type, meaning.
    Columns,
}

#[derive(Debug, Args)]
pub(super) struct LsArgs {
    /// A sweep's folder.
    store: PathBuf,
    /// List the runs that did not end as they have to, with the commands that make them again.
    #[arg(long)]
    failed: bool,
    /// All rows.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// A sweep's folder.
    store: PathBuf,
    /// A row for each run, or for each stage of each point.
    #[arg(long, value_enum, default_value_t = Which::Runs)]
    table: Which,
    /// Form of the file.
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// The file; standard output unless given.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Runs.
    Runs,
    /// Means over the seeds, with half the width of their 95 % intervals.
    Points,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Comma-separated values.
    Csv,
    /// A line of JSON for each row.
    Jsonl,
    /// A Parquet file, types and all; needs --out.
    Parquet,
}

#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// Folders of parts of one sweep; a single one has the journals of all parts.
    #[arg(required = true)]
    stores: Vec<PathBuf>,
    /// Where the whole goes; needed for several folders.
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// A sweep's folder.
    store: PathBuf,
    /// Also make so many runs again, spread over the plan, and compare every byte of their records.
    #[arg(long, value_name = "N", default_value_t = 0)]
    rerun: usize,
}

pub(super) fn run(command: &ResultsCommand) -> Result<(), Failure> {
    match command {
        ResultsCommand::Ls(a) => ls(a),
        ResultsCommand::Export(a) => export(a),
        ResultsCommand::Merge(a) => merge(a),
        ResultsCommand::Verify(a) => check(a),
        ResultsCommand::Columns => columns(),
    }
}

/// The plan and the runs of a folder.
fn open(dir: &Path) -> Result<(SweepPlan, Index, Contents), Failure> {
    let plan = SweepPlan::read(dir)?;
    if plan.header.version != rqsim::VERSION {
        let (there, here) = (&plan.header.version, rqsim::VERSION);
        let what = format!("{} holds runs of rqsim {there}, and this is {here}", dir.display());
        return Err(InputError::text(
            &what,
            "read it with that version; its records.jsonl can be read by `sim report`",
        )
        .into());
    }
    let index = Index::of(dir)?;
    complaints(&index)?;
    let contents = Contents::of(&plan, &index, None, true)?;
    Ok((plan, index, contents))
}

fn ls(args: &LsArgs) -> Result<(), Failure> {
    let (plan, index, contents) = open(&args.store)?;
    let schema = Schema::new(plan.axis_columns());
    let mut by_point: BTreeMap<(usize, usize), BTreeMap<String, u64>> = BTreeMap::new();
    let mut by_status: BTreeMap<String, u64> = BTreeMap::new();
    let mut failed = Vec::new();
    each_row(&plan, &index, &contents.jobs, &schema, |row| {
        let Job { point, stage, seed } = row.job;
        *by_status.entry(row.record.status.clone()).or_default() += 1;
        *by_point.entry((point, stage)).or_default().entry(row.record.status.clone()).or_default() += 1;
        if !row.record.is_as_expected() {
            let first = row.record.finding.as_deref().and_then(|f| f.lines().next()).unwrap_or("").to_owned();
            let p = &plan.points[point];
            failed.push(format!(
                "point {} ({}), stage {}, seed {seed}: {}: {first}\n  {}\n",
                p.point,
                plan.stand_text(p),
                row.record.stage,
                row.record.status,
                plan.replay(p, &row.record.stage, seed),
            ));
        }
        Ok(())
    })?;
    let limit = if args.all { usize::MAX } else { ROWS_MAX };
    let words = |counts: &BTreeMap<String, u64>| {
        counts.iter().map(|(status, n)| format!("{n} {status}")).collect::<Vec<_>>().join(", ")
    };
    let mut text = String::new();
    if args.failed {
        failed.iter().take(limit).for_each(|f| text += f);
        if failed.len() > limit {
            text += &format!(".. {} more; --all lists them\n", failed.len() - limit);
        }
        if failed.is_empty() {
            text += "every run there is ended as it has to\n";
        }
        return output::fitted(&text);
    }
    let h = &plan.header;
    let stages: Vec<&str> = h.stages.iter().map(|(_, n)| n.as_str()).collect();
    text += &format!("{}\n{}\n\n", h.title, h.question);
    text += &format!("base      {}{}\n", h.base, h.set.iter().map(|(p, v)| format!(" {p}={v}")).collect::<String>());
    text += &format!("axes      {}\n", h.axes.iter().map(|(n, f)| format!("{n} ({f})")).collect::<Vec<_>>().join(", "));
    text += &format!("stages    {}\n", stages.join(", "));
    text += &format!("version   {}\n", h.version);
    let missing = if contents.missing > 0 { format!(", {} missing", contents.missing) } else { String::new() };
    let points = count(plan.points.len() as u64, "point");
    text += &format!("runs      {} at {points}: {}{missing}\n", contents.jobs.len(), words(&by_status));
    if index.len() > contents.jobs.len() {
        text += &format!("others    {} runs of earlier plans, in others.jsonl\n", index.len() - contents.jobs.len());
    }
    text.push('\n');
    for ((point, stage), counts) in by_point.iter().take(limit) {
        let p = &plan.points[*point];
        text += &format!("{:>6}  {}  {}: {}\n", p.point, plan.stand_text(p), stages[*stage], words(counts));
    }
    if by_point.len() > limit {
        text += &format!(".. {} more; --all lists them\n", by_point.len() - limit);
    }
    output::fitted(&text)
}

fn export(args: &ExportArgs) -> Result<(), Failure> {
    if args.format == Format::Parquet && args.out.is_none() {
        let help = "name the file with --out";
        return Err(InputError::text("--format parquet: a binary file is not printed", help).into());
    }
    let (plan, index, contents) = open(&args.store)?;
    if contents.missing > 0 {
        output::say(&format!("warning: {} runs of the plan are not there yet", contents.missing));
    }
    let schema = Schema::new(plan.axis_columns());
    let columns = if args.table == Which::Points { schema.points_columns() } else { schema.runs_columns() };
    let mut text = match (args.format, args.table) {
        (Format::Csv, Which::Points) => schema.points_header(),
        (Format::Csv, Which::Runs) => schema.csv_header(),
        (Format::Jsonl | Format::Parquet, _) => String::new(),
    };
    let mut rows = Vec::new();
    let mut add = |row: Vec<Value>| match args.format {
        Format::Csv => text += &Schema::csv_line(&row),
        Format::Jsonl => text += &json_line(&columns, &row),
        Format::Parquet => rows.push(row),
    };
    let mut points = Points::new(&schema);
    each_row(&plan, &index, &contents.jobs, &schema, |row| {
        match args.table {
            Which::Points => {
                if let Some((_, rows)) = points.take(row.job, row.row) {
                    add(rows.values(&schema));
                }
            }
            Which::Runs => add(row.row),
        }
        Ok(())
    })?;
    if let Some((_, rows)) = points.finish() {
        add(rows.values(&schema));
    }
    match &args.out {
        None => output::print(&text),
        Some(path) if args.format == Format::Parquet => {
            let bytes = reports::table::parquet(&columns_of_rows(&columns, &rows))?;
            Ok(rqsim::files::write_bytes(path, &bytes)?)
        }
        Some(path) => Ok(rqsim::files::write_text(path, &text)?),
    }
}

fn merge(args: &MergeArgs) -> Result<(), Failure> {
    let plan = SweepPlan::read(&args.stores[0])?;
    if plan.header.version != rqsim::VERSION {
        let (dir, there) = (args.stores[0].display(), &plan.header.version);
        let what = format!("{dir} holds runs of rqsim {there}, and this is {}", rqsim::VERSION);
        return Err(InputError::text(&what, "merge it with that version").into());
    }
    for other in &args.stores[1..] {
        if SweepPlan::read(other)? != plan {
            let what = format!(
                "{} and {} are not parts of one sweep: their plans differ",
                args.stores[0].display(),
                other.display()
            );
            return Err(
                InputError::text(&what, "parts are made by the same command, each with a --shard of its own").into()
            );
        }
    }
    let dir = match (&args.out, args.stores.as_slice()) {
        (Some(dir), _) => dir.clone(),
        (None, [one]) => one.clone(),
        (None, _) => {
            return Err(InputError::text("several folders are merged into one: which?", "name it with --out").into());
        }
    };
    if !args.stores.contains(&dir) {
        super::flags::make_folder(&dir, "name another folder with --out")?;
        let is_other = SweepPlan::path(&dir).exists() && SweepPlan::read(&dir)? != plan;
        if is_other || records_path(&dir).exists() {
            let what = format!("{} holds results already", dir.display());
            return Err(InputError::text(&what, "name a new folder, or one of those that are merged").into());
        }
    }
    // Parts from elsewhere become journals of the one folder, under names that no shard has.
    let mut n = 0;
    for store in args.stores.iter().filter(|s| **s != dir) {
        let mut files = vec![records_path(store), others_path(store)];
        files.extend(journals(store)?);
        for file in files.iter().filter(|f| f.is_file()) {
            n += 1;
            let to = dir.join(format!("records.partial.merged-{n}.jsonl"));
            std::fs::copy(file, &to).map_err(|source| reports::Error::Write { path: to, source })?;
        }
    }
    rqsim::files::write_text(&SweepPlan::path(&dir), &plan.text()?)?;
    finish(&dir, &plan, false)
}

fn check(args: &VerifyArgs) -> Result<(), Failure> {
    let plan = SweepPlan::read(&args.store)?;
    let Verified { runs, wrong, rerun } = verify(&args.store, &plan, args.rerun)?;
    for what in wrong.iter().take(ROWS_MAX) {
        output::say(what);
    }
    if !wrong.is_empty() {
        output::say(&format!("{} is not in order: {}", args.store.display(), count(wrong.len() as u64, "finding")));
        return Err(Failure::Found);
    }
    let again = if rerun > 0 { format!("; {rerun} made again, the same bytes") } else { String::new() };
    output::print(&format!("{}: {} in order{again}\n", args.store.display(), count(runs as u64, "run")))
}

fn columns() -> Result<(), Failure> {
    let mut text = String::from("| column | type | meaning |\n|---|---|---|\n");
    let axes = [
        ("point", "integer", "number of the point, from 1"),
        ("axis_NAME", "integer, number or text", "where the axis NAME stands; text as in the sweep's file"),
        ("axis_NAME_UNIT", "number", "the same in ns, hz, cycles or bytes, if all its values are quantities"),
    ];
    for (name, kind, doc) in axes {
        text += &format!("| `{name}` | {kind} | {doc} |\n");
    }
    for c in reports::sweep::COLUMNS {
        text += &format!("| `{}` | {} | {} |\n", c.name, c.kind.name(), c.doc);
    }
    output::print(&text)
}
