// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim sweep`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

use clap::{Args, ValueEnum};
use configs::sweep::{Sweep, load_sweep_with};
use rqsim::batch::HowToRun;
use rqsim::plan::{Assembled, InputError, point_text};
use rqsim::sweep::close::{Contents, close};
use rqsim::sweep::crew::{How, Made, Maker, Trouble, work};
use rqsim::sweep::estimate::Estimate;
use rqsim::sweep::plan::{SweepPlan, expand, make};
use rqsim::sweep::store::{Index, Journal, Shard, journal_path, marker_path, others_path, records_path};

use super::flags::Seeds;
use super::interrupt::Interrupt;
use super::sweep_progress::{Progress, ProgressKind};
use super::sweep_table::{Table, count, seconds};
use super::{Failure, output};

/// Points that a dry run lists at the beginning and at the end of the plan.
const LISTED: [usize; 2] = [30, 5];

/// Run an experiment over ranges of its fields: all combinations, samples, as many seeds as it takes.
///
/// FILE is a RON file (`configs::sweep` has its form) or one of the embedded sweeps (`sim presets`). Every point is checked before anything
/// runs. Finished runs are kept as they come; the same command makes what is missing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sim sweep freeze-map.ron --dry-run
  sim sweep interconnects.ron; sim report results/interconnects
  sim sweep mine.ron --shard 3/16 --out /shared/mine      one of 16 parts; then `sim results merge /shared/mine`
  sim sweep mine.ron --engine slurm --shards 64 --out /shared/mine

Exit codes: 0 all well; 1 a run did not end as its stage expects, or was given up; 2 unusable input; 130 interrupted.")]
pub(super) struct SweepArgs {
    /// A RON file or an embedded sweep's name.
    #[arg(value_name = "FILE")]
    pub(super) file: String,
    /// Folder for records and tables [default: in `results`, called after the sweep].
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Worker threads [default: one per processor].
    #[arg(long, short = 'j', value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) threads: Option<u16>,
    /// Run nothing: list the points, estimate the cost from a few short runs, show the first expanded experiments.
    #[arg(long)]
    dry_run: bool,
    /// How many expanded experiments a dry run shows.
    #[arg(long, value_name = "N", default_value_t = 1)]
    show: usize,
    /// Begin each point with these seeds, instead of the sweep's: numbers, or A..B for A to before B.
    #[arg(long, alias = "seed", value_name = "SEED", value_delimiter = ',', allow_negative_numbers = true)]
    pub(super) seeds: Vec<Seeds>,
    /// Only these points, by number: numbers, or A..B for A to before B.
    #[arg(long, value_name = "POINT", value_delimiter = ',', allow_negative_numbers = true)]
    pub(super) points: Vec<Seeds>,
    /// Change a field of the base for all points, as in `--set duration=1ms`; can be given several times.
    #[arg(long, value_name = "PATH=VALUE")]
    pub(super) set: Vec<String>,
    /// Only part I of N of the points, into a journal of its own: for other schedulers, see docs/sweeps.md.
    #[arg(long, value_name = "I/N", conflicts_with_all = ["engine", "fresh"])]
    shard: Option<Shard>,
    /// Stop unless the plan has this hash; what a batch system's jobs are given.
    #[arg(long, value_name = "HASH", hide = true)]
    plan_hash: Option<String>,
    /// While the process uses more than this, begin no run beside others (Linux).
    #[arg(long, value_name = "N")]
    memory_mib: Option<u64>,
    /// Make all runs again; what is in the folder goes into a folder `before-1` (-2, ..) in it.
    #[arg(long)]
    fresh: bool,
    /// No progress, no summary of the work done.
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// How to show progress.
    #[arg(long, value_name = "KIND", default_value = "bar")]
    progress: ProgressKind,
    /// Who runs it.
    #[arg(long, value_enum, default_value_t = Engine::Local)]
    engine: Engine,
    #[command(flatten)]
    pub(super) slurm: super::sweep_slurm::SlurmFlags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// This process.
    Local,
    /// Slurm: an array of jobs, one for each part of the points.
    Slurm,
}

impl From<Trouble> for Failure {
    fn from(t: Trouble) -> Self {
        match t {
            Trouble::Files(e) => Failure::Files(e),
            Trouble::Input(e) => Failure::Input(e),
        }
    }
}

/// A sweep, its plan and what was assembled for it.
pub(super) struct Ready {
    pub(super) sweep: Sweep,
    pub(super) plan: SweepPlan,
    pub(super) assembled: Assembled,
    pub(super) threads: usize,
}

pub(super) fn run(args: &SweepArgs) -> Result<(), Failure> {
    let ready = ready(args)?;
    if let Some(hash) = args.plan_hash.as_ref().filter(|h| ready.plan.hash().is_ok_and(|now| now != **h)) {
        let what = format!("the plan is not {hash} any more: the sweep, its base or the program has changed");
        return Err(InputError::text(&what, "submit it again").into());
    }
    if args.dry_run {
        return dry_run(args, &ready);
    }
    let dir = args.out.clone().unwrap_or_else(|| default_dir(args));
    super::flags::make_folder(&dir, "name another folder with --out")?;
    prepare_store(&dir, &ready.plan, args.fresh, args.shard)?;
    match args.engine {
        Engine::Local => local(args, &ready, &dir),
        Engine::Slurm => super::sweep_slurm::run(args, &ready, &dir),
    }
}

fn ready(args: &SweepArgs) -> Result<Ready, Failure> {
    let mut more = Vec::new();
    for change in &args.set {
        let Some((path, value)) = change.split_once('=') else {
            let help = "as in `--set duration=1ms`; `sim presets ring8.ron` shows the fields";
            return Err(InputError::text(&format!("--set {change}: there is no `=`"), help).into());
        };
        more.push((path.to_owned(), value.to_owned()));
    }
    let mut sweep = load_sweep_with(&args.file, &more)?;
    if !args.seeds.is_empty() {
        let mut seen = BTreeSet::new();
        sweep.seeds = args.seeds.iter().flat_map(|s| s.0.clone()).filter(|s| seen.insert(*s)).collect();
        if sweep.file.adaptive.is_some() && sweep.seeds.len() < 2 {
            return Err(InputError::text("one seed has no interval", "begin with at least two: --seeds 1,2").into());
        }
    }
    let only: BTreeSet<u64> = args.points.iter().flat_map(|s| s.0.clone()).collect();
    let all = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = args.threads.map_or_else(all, usize::from);
    let assembled = Assembled::default();
    let plan = make(&sweep, &only, threads, &assembled)?;
    Ok(Ready { sweep, plan, assembled, threads })
}

fn default_dir(args: &SweepArgs) -> PathBuf {
    let stem = Path::new(&args.file).file_stem().map_or("sweep".into(), |s| s.to_string_lossy().into_owned());
    Path::new("results").join(stem)
}

/// Looks whether the folder can take this plan, and puts the plan into it.
fn prepare_store(dir: &Path, plan: &SweepPlan, fresh: bool, shard: Option<Shard>) -> Result<(), Failure> {
    let records = [records_path(dir), others_path(dir), journal_path(dir, None)];
    if fresh {
        set_aside(dir)?;
    } else if SweepPlan::path(dir).exists() {
        let version = SweepPlan::read(dir)?.header.version;
        if version != rqsim::VERSION {
            let what = format!("{} holds runs of rqsim {version}, and this is {}", dir.display(), rqsim::VERSION);
            let help = "name another folder with --out, or make all runs again with --fresh, which sets those aside";
            return Err(InputError::text(&what, help).into());
        }
    } else if let Some(file) = records.iter().find(|p| p.exists()) {
        let what = format!("{} is there, but no plan of a sweep beside it", file.display());
        return Err(InputError::text(
            &what,
            "name another folder with --out; `sim run` and `sim sweep` do not share one",
        )
        .into());
    }
    let (path, text) = (SweepPlan::path(dir), plan.text()?);
    if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    // Parts that begin at the same time write the same text, each beside it under a name of its own.
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.{}.tmp", shard.map_or(0, |s| s.idx), std::process::id()));
    let write = |source| reports::Error::Write { path: path.clone(), source };
    std::fs::write(&beside, &text).map_err(write)?;
    Ok(std::fs::rename(&beside, &path).map_err(write)?)
}

/// Moves what is in a store into a folder of its own.
fn set_aside(dir: &Path) -> Result<(), Failure> {
    let read = |source| reports::Error::Read { path: dir.into(), source };
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir).map_err(read)?.flatten().map(|e| e.path()).collect();
    files.retain(|p| p.is_file());
    if files.is_empty() {
        return Ok(());
    }
    let before = (1..).map(|n| dir.join(format!("before-{n}"))).find(|p| !p.exists()).unwrap_or_default();
    let write = |source| reports::Error::Write { path: before.clone(), source };
    std::fs::create_dir_all(&before).map_err(write)?;
    for file in files {
        if let Some(name) = file.file_name() {
            std::fs::rename(&file, before.join(name)).map_err(write)?;
        }
    }
    Ok(())
}

/// Says what was wrong with lines that were found.
pub(super) fn complaints(index: &Index) -> Result<(), Failure> {
    for line in index.damaged.iter().take(20) {
        output::say(&format!("warning: skipped a damaged record: {line}"));
    }
    if index.damaged.len() > 20 {
        output::say(&format!("warning: {} damaged records skipped in all", index.damaged.len()));
    }
    if let Some(conflict) = index.conflicts.first() {
        let n = index.conflicts.len();
        let what = format!("{n} runs have two different results, first {conflict}");
        let help =
            "runs repeat themselves, so one of the files is not what it seems; `sim results verify` helps to find it";
        return Err(InputError::text(&what, help).into());
    }
    Ok(())
}

fn local(args: &SweepArgs, ready: &Ready, dir: &Path) -> Result<(), Failure> {
    let Ready { sweep, plan, assembled, threads } = ready;
    let journal = Journal::open(journal_path(dir, args.shard))?;
    let index = match args.shard {
        None => Index::of(dir)?,
        Some(_) => {
            let mut files = vec![records_path(dir), others_path(dir), journal_path(dir, args.shard)];
            files.retain(|p| p.is_file());
            Index::read(files)?
        }
    };
    complaints(&index)?;
    for path in index.damaged_files() {
        rqsim::files::copy_aside(&path)?;
    }
    let missing = Contents::of(plan, &index, args.shard, false)?.missing;
    let estimate =
        if missing > 2 * *threads as u64 { Estimate::make(sweep, plan, assembled)? } else { Estimate::default() };
    let progress = Progress::new(if args.quiet { ProgressKind::None } else { args.progress });
    let files = [journal_path(dir, args.shard), records_path(dir)];
    let how_to_run = HowToRun { threads: *threads, exact: false, fresh: args.fresh };
    let interrupt = Interrupt::watch("runs", files, how_to_run, progress.bar());
    let how = How { threads: *threads, shard: args.shard, memory_mib: args.memory_mib, stop: &interrupt.stop };
    let maker = Maker::new(sweep, plan, assembled, *threads);
    let begin = Instant::now();
    let made = work(plan, &index, &journal, &estimate, how, &|job| maker.make(job), &|state| {
        interrupt.done.store(usize::try_from(state.done).unwrap_or(usize::MAX), Ordering::Relaxed);
        progress.show(state);
    });
    progress.finish();
    let mut made = made?;
    if made.state.done < made.state.all {
        output::say(&interrupt.kept());
        return Err(Failure::Interrupted);
    }
    if !args.quiet {
        summary(&made, begin.elapsed().as_secs_f64(), *threads);
    }
    if let Some(shard) = args.shard {
        rqsim::files::write_text(&marker_path(dir, shard), &(plan.hash()? + "\n"))?;
        output::say(&format!(
            "part {} of {} is complete; when all are: sim results merge {}",
            shard.idx,
            shard.of,
            dir.display()
        ));
        return verdict(&made);
    }
    drop(journal);
    let notes = std::mem::take(&mut made.notes);
    finish_with(dir, plan, args.quiet, || index.with(dir, &journal_path(dir, None), notes))
}

/// Closes a store whose runs are all there, prints its table, and says how its runs ended.
pub(super) fn finish(dir: &Path, plan: &SweepPlan, quiet: bool) -> Result<(), Failure> {
    finish_with(dir, plan, quiet, || Index::of(dir))
}

fn finish_with(
    dir: &Path,
    plan: &SweepPlan,
    quiet: bool,
    index: impl FnOnce() -> Result<Index, reports::Error>,
) -> Result<(), Failure> {
    // Whoever still writes holds the lock of its journal.
    let journals = rqsim::sweep::store::journals(dir)?;
    let _locks = journals.into_iter().map(Journal::open).collect::<Result<Vec<_>, _>>()?;
    let index = index()?;
    complaints(&index)?;
    let contents = Contents::of(plan, &index, None, true)?;
    if contents.missing > 0 {
        let some: Vec<String> = contents.incomplete.iter().take(10).map(u64::to_string).collect();
        let more = if contents.incomplete.len() > some.len() { ", .." } else { "" };
        let what = format!("{} runs are missing, of points {}{more}", contents.missing, some.join(", "));
        return Err(InputError::text(&what, "run the sweep, or the parts that are not complete, once more").into());
    }
    let mut table = Table::new(plan);
    close(dir, plan, &index, &contents.jobs, |job, rows, schema| table.add(job, rows, schema))?;
    output::print(&table.text(output::width()))?;
    if !quiet {
        output::say(&format!("records: {} ({} runs)", records_path(dir).display(), contents.jobs.len()));
        output::say(&format!("tables:  {}, {}", dir.join("runs.csv").display(), dir.join("points.csv").display()));
    }
    if table.bad > 0 {
        output::say(&format!("{} of {} runs did not end as they have to", table.bad, contents.jobs.len()));
        output::say(&format!(
            "`sim results ls {} --failed` lists them with the commands that make them again",
            dir.display()
        ));
        return Err(Failure::Found);
    }
    Ok(())
}

fn verdict(made: &Made) -> Result<(), Failure> {
    for f in &made.failures {
        output::say(&format!(
            "point {}, stage {}, seed {}: {}: {}\n  {}",
            f.point, f.stage, f.seed, f.status, f.what, f.replay
        ));
    }
    if made.state.failed > 0 { Err(Failure::Found) } else { Ok(()) }
}

fn summary(made: &Made, elapsed: f64, threads: usize) {
    let (n, found) = (made.made, made.state.reused);
    if n == 0 {
        return output::say(&format!("all {found} runs were found finished (--fresh runs them again)"));
    }
    let pure = made.pure.as_secs_f64();
    output::say(&format!(
        "{n} runs made in {}, {:.1} a second, {found} found finished; {:.0} % of {threads} threads' time was simulation",
        seconds(elapsed),
        n as f64 / elapsed,
        100.0 * pure / (elapsed * threads as f64),
    ));
}

/// Seconds it will take, and what it will fill.
fn dry_run(args: &SweepArgs, ready: &Ready) -> Result<(), Failure> {
    let Ready { sweep, plan, assembled, threads } = ready;
    let h = &plan.header;
    let mut text = format!("{}\n{}\n\n", h.title, h.question);
    let left_out =
        if sweep.left_out > 0 { format!(" ({} left out by conditions)", sweep.left_out) } else { String::new() };
    let stages: Vec<&str> = h.stages.iter().map(|(_, n)| n.as_str()).collect();
    let seeds = match &h.adaptive {
        None => count(h.seeds.len() as u64, "seed"),
        Some(r) => format!("{} to {} seeds", h.seeds.len(), r.seeds_max),
    };
    let runs = (plan.points.len() * h.stages.len() * h.seeds.len()) as u64;
    let points = count(plan.points.len() as u64, "point");
    text += &format!(
        "{points}{left_out} x {} ({}) x {seeds} = {}{}\n",
        count(stages.len() as u64, "stage"),
        stages.join(", "),
        if h.adaptive.is_some() { "at least " } else { "" },
        count(runs, "run")
    );
    let [first, last] = LISTED;
    let of = plan.points.len();
    for (i, p) in plan.points.iter().enumerate() {
        if of > first + last && i == first {
            text += &format!("  .. {} more\n", of - first - last);
        }
        if of <= first + last || i < first || i >= of - last {
            text += &format!("  {:>6}  {}\n", p.point, plan.stand_text(p));
        }
    }
    output::fitted(&text)?;
    let estimate = Estimate::make(sweep, plan, assembled)?;
    let total = estimate.total(plan);
    let bytes = estimate.record_bytes * runs;
    let mut text = format!(
        "\nestimate, from {} short runs with seed 1: {} of one thread, {} on {}; {} of records\n",
        estimate.tried,
        seconds(total),
        seconds(total / *threads as f64),
        count(*threads as u64, "thread"),
        super::sweep_table::bytes(bytes),
    );
    let (low, high) = estimate.range(plan);
    text += &format!(
        "  from {} if all points were as the cheapest tried to {} if as the dearest, of one thread; more on a busier host\n",
        seconds(low),
        seconds(high),
    );
    output::fitted(&text)?;
    // Whole, because it can be copied into a file.
    let mut text = String::new();
    for p in plan.points.iter().take(args.show) {
        let expanded = expand(sweep, p.point as usize - 1, assembled)?;
        let (place, name) = &h.stages[0];
        text += &format!("\npoint {}, stage {name}, expanded:\n\n", p.point);
        text += &point_text(&expanded.loaded, *place as usize, &h.seeds);
    }
    output::print(&text)
}
