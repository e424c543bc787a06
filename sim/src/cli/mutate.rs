// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim mutate`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use rqsim::explore::{replace, shorten_waits};
use rqsim::mutate::{Kind, Record, Subject, Trial, append, read, summary, table};
use rqsim::plan::{InputError, plan};

use super::explore::{SizeFlags, with_cores};
use super::flags::{Changes, StageFlags};
use super::{Failure, output};

/// The journal in the folder of results.
const JOURNAL: &str = "mutants.jsonl";

/// Plant mistakes in an experiment's lock, one at a time, and see who notices.
///
/// Orders are relaxed and fences dropped, branches made to go one way, neighbouring accesses swapped, stores dropped. Each mutant is
/// explored and run on the timed machine; it is caught if it breaks what the lock as it is does not break.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sim mutate explore-aa.ron --stages 'next +1-5'           one lock, two CPUs and their NMIs, the whole series
  sim mutate explore-weak.ron --only order --out results/orders
  sim mutate explore-plain.ron --set lock.program='Builtin(\"mcs\")' --limit 20

Exit codes: 0 all mutants were tried, caught or not; 2 unusable input.")]
pub(super) struct MutateArgs {
    /// A RON file or a preset's name.
    experiment: String,
    #[command(flatten)]
    stages: StageFlags,
    /// Only mistakes of this kind; can be given several times.
    #[arg(long, value_name = "KIND")]
    only: Vec<KindArg>,
    /// Only the first N mutants of each stage.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Seeds of the timed runs: 1 to N.
    #[arg(long, value_name = "N", default_value_t = 20)]
    seeds: u64,
    /// Most states of one search; a mutant that has more gets no verdict.
    #[arg(long, value_name = "N", default_value_t = 2_000_000)]
    states: usize,
    #[command(flatten)]
    size: SizeFlags,
    #[command(flatten)]
    changes: Changes,
    /// Folder for a JSON line per mutant, mutants.jsonl; what is in it is not tried again.
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Try again what is in the folder already.
    #[arg(long)]
    fresh: bool,
    /// Write the tables into this page, between the marks that are there for the experiment.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// The summary only.
    #[arg(long)]
    brief: bool,
    /// No progress.
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum KindArg {
    Order,
    Check,
    Swap,
    Store,
}

impl From<KindArg> for Kind {
    fn from(k: KindArg) -> Kind {
        match k {
            KindArg::Order => Kind::Order,
            KindArg::Check => Kind::Check,
            KindArg::Swap => Kind::Swap,
            KindArg::Store => Kind::Store,
        }
    }
}

pub(super) fn run(args: &MutateArgs) -> Result<(), Failure> {
    let mut loaded = args.changes.apply(configs::load(&args.experiment)?)?;
    loaded = with_cores(loaded, args.size.cores)?;
    shorten_waits(&mut loaded)?;
    let mut plan = plan(loaded)?;
    args.stages.select(&mut plan)?;
    let page = match &args.page {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).map_err(|source| reports::Error::Read { path: path.clone(), source })?;
            // Now, and not after an hour of work.
            replace(&text, &name(args), "sim mutate", "")?;
            Some((path, text))
        }
        None => None,
    };
    let before = journal(args)?;
    let trial = Trial {
        size: args.size.size(),
        bytes: args.size.memory,
        states: args.states,
        seeds: (1..=args.seeds).collect(),
    };
    output::head(&plan.loaded.experiment)?;
    let mut text = String::new();
    for stage in &plan.stages {
        let start = Instant::now();
        let mut subject = Subject::new(&plan, stage, trial.clone())?;
        let kinds: Vec<Kind> = args.only.iter().map(|k| (*k).into()).collect();
        subject.mutants.retain(|m| kinds.is_empty() || kinds.contains(&m.kind()));
        subject.mutants.truncate(args.limit.unwrap_or(usize::MAX));
        if subject.mutants.is_empty() {
            let what = format!("stage \"{}\": no such mistake can be made in its lock", stage.name);
            return Err(InputError::text(&what, "leave out --only, or --limit").into());
        }
        let all = subject.mutants.len();
        let mut records: Vec<Record> = Vec::new();
        for (i, mutant) in subject.mutants.iter().enumerate() {
            let key = subject.key(mutant);
            let old = before.iter().find(|r| r.version == rqsim::VERSION && r.key == key);
            let record = old.cloned().unwrap_or_else(|| subject.judge(mutant));
            if !args.quiet {
                let (place, by) = (&record.place, record.caught_by());
                let took = start.elapsed().as_secs();
                output::say(&format!("{}: {}/{all} {place}: {}: {by} ({took} s)", stage.name, i + 1, record.mistake));
            }
            if let (Some(dir), None) = (&args.out, old) {
                append(&dir.join(JOURNAL), &record)?;
            }
            records.push(record);
        }
        let known = subject.known();
        let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
        let head = format!("{}: {} states; broken without a mistake: {known}\n\n", stage.name, subject.states());
        let list = if args.brief { String::new() } else { format!("\n{}", table(&records)) };
        text += &format!("{}{head}{}{list}", if text.is_empty() { "" } else { "\n" }, summary(&records));
    }
    if let Some((path, page)) = page {
        rqsim::files::write_text(path, &replace(&page, &name(args), "sim mutate", &text)?)?;
    }
    output::print(&text)
}

/// Records made before.
fn journal(args: &MutateArgs) -> Result<Vec<Record>, Failure> {
    let Some(dir) = &args.out else { return Ok(Vec::new()) };
    std::fs::create_dir_all(dir).map_err(|source| reports::Error::Write { path: dir.clone(), source })?;
    if args.fresh {
        return Ok(Vec::new());
    }
    let (records, bad) = read(&dir.join(JOURNAL))?;
    for line in bad {
        output::say(&format!("warning: {}:{}: skipped: {}", dir.join(JOURNAL).display(), line.line, line.why));
    }
    Ok(records)
}

/// What the tables on a page are called.
fn name(args: &MutateArgs) -> String {
    Path::new(&args.experiment)
        .file_name()
        .map_or_else(|| args.experiment.clone(), |n| n.to_string_lossy().into_owned())
}
