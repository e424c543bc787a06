// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim litmus`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use rayon::prelude::*;
use rqsim::litmus::{self, Expect, How, Judged, Status, Verdict};
use rqsim::plan::InputError;
use sim_core::untimed::{LIMIT_BYTES, Model};

use super::{Failure, output};

/// Timed runs per test if nothing is said.
const RUNS: u64 = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ModelName {
    /// Sequential consistency.
    Sc,
    /// Total store order, as x86.
    Tso,
    /// Weak order, after ARMv8 but with every store behind older loads.
    Weak,
}

impl ModelName {
    const fn model(self) -> Model {
        match self {
            ModelName::Sc => Model::Sc,
            ModelName::Tso => Model::Tso,
            ModelName::Weak => Model::Weak,
        }
    }
}

/// Arguments of `sim litmus`.
#[derive(Debug, Args)]
pub(super) struct LitmusArgs {
    /// `.litmus` files, and folders to search for them.
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// Memory model.
    #[arg(long, value_enum, default_value = "tso")]
    model: ModelName,
    /// Machine preset of the timed runs.
    #[arg(long, value_name = "PRESET", default_value = "skylake-ring-8")]
    machine: String,
    /// Timed runs per test, each with a seed of its own [default: 1000, or none with --exhaustive].
    #[arg(long, value_name = "N")]
    runs: Option<u64>,
    /// Seed of the first run.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// All outcomes of the memory model, without timing; with --runs, timed runs are held against them.
    #[arg(long)]
    exhaustive: bool,
    /// A verdict for every test (Ok, No, Always, Sometimes, Never, Allowed, Forbidden), or a file: a log
    /// with states, or lines of a name and a verdict.
    #[arg(long, value_name = "FILE|VERDICT")]
    expect: Option<String>,
    /// Writes a line per test here, and sums per folder to the same name ending in `.suites.csv`.
    #[arg(long, value_name = "OUT")]
    csv: Option<PathBuf>,
    /// Files with something that is not supported do not change the exit code.
    #[arg(long)]
    skip_unsupported: bool,
    /// Memory one test's enumeration may use, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = (LIMIT_BYTES >> 20) as u64)]
    memory_mib: u64,
    /// Worker threads [default: one per processor].
    #[arg(long, short = 'j', value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// No outcomes, only what failed and the sums.
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn run(args: &LitmusArgs) -> Result<(), Failure> {
    let machine = configs::presets::machine(&args.machine).map_err(|e| {
        let (what, help) = e.split_once('\n').unwrap_or((&e, "`sim presets` lists machines"));
        InputError::text(what, help)
    })?;
    let runs = args.runs.unwrap_or(if args.exhaustive { 0 } else { RUNS });
    if runs == 0 && !args.exhaustive {
        return Err(InputError::text("--runs 0 leaves nothing to do", "add --exhaustive, or ask for a run").into());
    }
    let how = How {
        model: args.model.model(),
        machine,
        runs,
        seed: args.seed,
        exhaustive: args.exhaustive,
        limit_bytes: usize::try_from(args.memory_mib.saturating_mul(1 << 20)).unwrap_or(usize::MAX),
    };
    let expect = args.expect.as_deref().map(expectation).transpose()?;
    if let Some(csv) = &args.csv {
        // Known before the work is done, not after.
        rqsim::files::write_text(csv, "")?;
    }
    let files = litmus::find(&args.paths).map_err(|e| InputError::text(&e, "name .litmus files or folders"))?;
    if files.is_empty() {
        let names: Vec<String> = args.paths.iter().map(|p| p.display().to_string()).collect();
        let what = format!("no .litmus file in {}", names.join(", "));
        return Err(InputError::text(&what, "name files, or folders that hold some").into());
    }
    let threads = args.threads.map_or(0, usize::from);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|e| InputError::text(&format!("no worker threads: {e}"), "try --threads 1"))?;
    let bar = super::experiment::progress_bar(args.quiet || files.len() == 1, "tests");
    bar.set_length(files.len() as u64);
    let tests: Vec<Judged> = pool.install(|| {
        let one = |path: &PathBuf| {
            let judged = litmus::judge(path, litmus::run_file(path, &how), expect.as_ref());
            bar.inc(1);
            judged
        };
        files.par_iter().with_max_len(1).map(one).collect()
    });
    bar.finish_and_clear();
    report(args, &how, &tests)
}

/// Text that names a verdict is one, also if there is such a file: `./Ok` names the file.
fn expectation(text: &str) -> Result<Expect, Failure> {
    if let Some(v) = Verdict::named(text) {
        return Ok(Expect::All(v));
    }
    let content = rqsim::files::read_text(Path::new(text), rqsim::files::LOG_BYTES_MAX).map_err(|e| {
        let help = "verdicts: Ok, No, Always, Sometimes, Never, Allowed, Forbidden, Required";
        InputError::text(&format!("--expect {text}: no verdict, and not a file that can be read: {e}"), help)
    })?;
    Expect::read(text, &content).map_err(|e| InputError::text(&e, "a log with states, or a name and a verdict").into())
}

fn report(args: &LitmusArgs, how: &How, tests: &[Judged]) -> Result<(), Failure> {
    for t in tests {
        if let (Ok(ran), false) = (&t.ran, args.quiet) {
            if let Some(seen) = &ran.timed {
                output::print(&litmus::histogram(ran, seen))?;
            }
            output::print(&litmus::states(ran, t))?;
        }
        match t.status {
            Status::Ok => {}
            Status::Failed if t.ran.is_ok() => output::say(&format!("failed: {}: {}", t.file, t.why)),
            Status::Failed => output::say(&format!("failed: {}", t.why)),
            Status::Unsupported => output::say(&format!("error: {}", t.why)),
            Status::Incomplete => output::say(&format!("{}; raise --memory-mib", t.why)),
        }
    }
    if tests.len() > 1 {
        output::print(&litmus::suite_table(tests))?;
    }
    if let Some(csv) = &args.csv {
        rqsim::files::write_text(csv, &litmus::test_csv(tests, how.model))?;
        rqsim::files::write_text(&csv.with_extension("suites.csv"), &litmus::suite_csv(tests))?;
    }
    let any = |s: Status| tests.iter().any(|t| t.status == s);
    if any(Status::Failed) {
        return Err(Failure::Found);
    }
    if any(Status::Incomplete) || (any(Status::Unsupported) && !args.skip_unsupported) {
        return Err(Failure::Told);
    }
    Ok(())
}
