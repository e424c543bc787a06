// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim windows`.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use clap::Args;
use configs::Loaded;
use reports::windows::{
    self as report, Arrivals, EVENTS, Event, Map, STAGES_ACROSS, StageMap, landings_csv, legend, lines_text, pairs_csv,
    pairs_text, rates_text, stages_text,
};
use rqsim::batch::Progress;
use rqsim::plan::{InputError, Plan, near, plan};
use rqsim::windows::{Effort, Maps, Pairs, Part, Prepared, Wanted, journal_path, maps_path, prepare, run_all};

use super::flags::{BatchFlags, StageFlags};
use super::{Failure, experiment, output};

/// Let an interrupt land at every boundary of a program, and say what becomes of it.
///
/// Each stage is run with each seed and without the interrupt; the machine is forked wherever a core can be interrupted, one interrupt lands
/// at that very boundary of the fork, and the fork is run to its end. A boundary with few visits is landed on at each of them;
/// of others instants are drawn from the time spent there. The time also tells how often arrivals land there, hence rates.
///
/// The interrupt is one of the experiment's, with its vector, handler and cores; its own arrivals are kept out.
/// Without any it is an NMI that takes and releases the lock that the first task takes first.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sim windows uncontended.ron                                     the map of the series, stage by stage
  sim windows uncontended.ron --subsets                           of all 32 subsets of its patches
  sim windows uncontended.ron --stages base --path res_spin_unlock
  sim windows uncontended.ron --from slow_path.pending --to slow_path.claim
  sim windows ring8.ron --compare base +1
  sim windows ring8.ron --stages base --arrivals 8000             timeouts per machine-hour
  sim windows uncontended.ron --arrivals 8000 --locks 10000
  sim windows ring8.ron --stages +1-5 --second other --budget 500 two interrupts
  sim windows ring8.ron --stages +1-5 --split 50                  rare time-outs, by levels of waiting")]
pub(super) struct WindowsArgs {
    /// A RON file or a preset's name.
    experiment: String,
    /// Only these procedures, with the inline ones they call.
    #[arg(long, value_name = "PROCEDURE", value_delimiter = ',', conflicts_with_all = ["from", "to"])]
    path: Vec<String>,
    /// Only from this label on.
    #[arg(long, value_name = "LABEL")]
    from: Option<String>,
    /// Up to this label, itself not included [default: the end of the procedure].
    #[arg(long, value_name = "LABEL", requires = "from")]
    to: Option<String>,
    /// Which of the experiment's interrupts lands [default: the first NMI].
    #[arg(long, value_name = "NAME")]
    interrupt: Option<String>,
    /// Landings at every boundary and seed, at least; with no more visits than this, each of them.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    each: u64,
    /// Landings besides, per seed: half where some of 30 trial landings had an event and others not, by time and uncertainty; half at other
    /// boundaries, by time.
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u64).range(0..=10_000_000))]
    more: u64,
    #[command(flatten)]
    stages: StageFlags,
    /// Instead of the experiment's stages every subset of their patches.
    #[arg(long, conflicts_with_all = ["stages", "compare"])]
    subsets: bool,
    /// Only these two stages, and only the lines that changed.
    #[arg(long, value_names = ["STAGE", "STAGE"], num_args = 2, allow_hyphen_values = true, conflicts_with = "stages")]
    compare: Option<Vec<String>>,
    /// Rates, for so many interrupts per second and core while it runs.
    #[arg(long, value_name = "PER_SECOND", value_parser = positive, allow_negative_numbers = true)]
    arrivals: Option<f64>,
    /// Rates for so many attempts to take a lock per second and core, instead of as many as the experiment makes.
    #[arg(long, value_name = "PER_SECOND", requires = "arrivals", value_parser = positive, allow_negative_numbers = true)]
    locks: Option<f64>,
    /// Rates of these events only.
    #[arg(long, value_name = "NAME", requires = "arrivals")]
    event: Vec<String>,
    /// Two interrupts: the second comes to the same core, or to another one, while the first is served.
    #[arg(long, value_name = "CORE", requires = "budget")]
    second: Option<SecondCore>,
    /// Which interrupt is the second [default: the same].
    #[arg(long, value_name = "NAME", requires = "second")]
    second_interrupt: Option<String>,
    /// Runs for two interrupts, for each stage and seed.
    #[arg(long, value_name = "RUNS", requires = "second", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    budget: Option<u64>,
    /// Look for rare time-outs by splitting on the age of waits, with so many branches at each level, 20 times; at the boundaries with the most
    /// time of those where landings rarely time out.
    #[arg(long, value_name = "BRANCHES", value_parser = clap::value_parser!(u64).range(10..=10_000))]
    split: Option<u64>,
    #[command(flatten)]
    batch: BatchFlags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum SecondCore {
    /// The one that serves the first.
    Same,
    /// Another one.
    Other,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(v) if v > 0.0 && v <= 1e9 => Ok(v),
        _ => Err("not a number above 0 and up to 1e9".into()),
    }
}

pub(super) fn run(args: &WindowsArgs) -> Result<(), Failure> {
    let events = events(&args.event)?;
    let loaded = args.batch.changes.apply(configs::load(&args.experiment)?)?;
    let loaded = if args.subsets { subsets(loaded)? } else { loaded };
    let wanted = Wanted { interrupt: args.interrupt.clone(), second: args.second_interrupt.clone() };
    let prepared = prepare(loaded, &wanted)?;
    let mut plan = plan(prepared.loaded.clone())?;
    args.batch.select(&mut plan);
    args.stages.select(&mut plan)?;
    if let Some([a, b]) = args.compare.as_deref() {
        if a == b {
            let what = format!("--compare {a} {b} compares a stage with itself");
            return Err(InputError::text(&what, "name two").into());
        }
        StageFlags { stages: args.compare.clone() }.select(&mut plan)?;
    }
    let effort = effort(args);
    effort.part.check(&plan)?;
    let dir = args.batch.folder(&plan.loaded, "-windows")?;
    let start = Instant::now();
    let maps = make(args, &prepared, &plan, &effort, &dir)?;
    let elapsed = start.elapsed().as_secs_f64();
    let stages = StageMap::from_maps(&maps.maps);
    show(args, &plan, &stages, &events)?;
    for s in &stages {
        if s.lines.is_empty() {
            let part = &s.maps[0].path;
            output::say(&format!("warning: stage {}: no interrupted core came to {part}", s.name));
        }
        let own: u64 = s.maps.iter().map(|m| m.own_errors).sum();
        if own > 0 {
            output::say(&format!(
                "warning: stage {}: {own} errors came without any landing; outcomes have such errors in them, too",
                s.name
            ));
        }
    }
    let files = write(&maps.maps, &stages, &dir)?;
    if !args.batch.quiet {
        for line in &maps.damaged {
            output::say(&format!("warning: skipped a damaged record: {line}"));
        }
        let forks: u64 = maps.maps.iter().map(|m| m.forks).sum();
        let made = maps.maps.len() - maps.reused;
        output::say(&format!(
            "{made} of {} maps made in {elapsed:.1} s, {} found finished; {forks} forks in all",
            maps.maps.len(),
            maps.reused
        ));
        output::say(&format!("records: {}", maps_path(&dir).display()));
        for path in files {
            output::say(&format!("file:    {}", path.display()));
        }
    }
    Ok(())
}

fn events(names: &[String]) -> Result<Vec<&'static Event>, Failure> {
    let find = |name: &String| {
        EVENTS.iter().find(|e| e.name == *name).ok_or_else(|| {
            let help = near(name, EVENTS.iter().map(|e| e.name), "events");
            InputError::text(&format!("--event {name}: this is not measured"), &help)
        })
    };
    Ok(names.iter().map(find).collect::<Result<_, _>>()?)
}

/// The experiment with a stage for each subset of its stages' patches.
fn subsets(loaded: Loaded) -> Result<Loaded, Failure> {
    let prepared = rqsim::orderings::prepare(loaded, &rqsim::orderings::Wanted::default())?;
    Ok(prepared.loaded)
}

fn effort(args: &WindowsArgs) -> Effort {
    let part = match &args.from {
        Some(from) => Part::Between(from.clone(), args.to.clone()),
        None if args.path.is_empty() => Part::All,
        None => Part::Procs(args.path.clone()),
    };
    let pairs = args.second.zip(args.budget);
    let pairs = pairs.map(|(core, budget)| Pairs { same_core: core == SecondCore::Same, budget });
    Effort { part, each: args.each, more: args.more, pairs, split: args.split }
}

fn make(args: &WindowsArgs, prepared: &Prepared, plan: &Plan, effort: &Effort, dir: &Path) -> Result<Maps, Failure> {
    let how = args.batch.how(false);
    let work = |progress: Progress<'_>, stop: &AtomicBool| {
        run_all((prepared, plan), effort, dir, (how.threads, how.fresh), stop, progress)
    };
    let files = [journal_path(dir), maps_path(dir)];
    experiment::watched("maps", files, how, args.batch.quiet, work, |m| m.not_begun)
}

fn show(args: &WindowsArgs, plan: &Plan, stages: &[StageMap<'_>], events: &[&Event]) -> Result<(), Failure> {
    let rates = match args.arrivals {
        Some(per_second) => {
            let arrivals = Arrivals { per_second, locks_per_second: args.locks };
            let failed = |(what, help): (String, String)| InputError::text(&what, &help);
            Some(rates_text(stages, events, &arrivals, output::width(), output::ascii()).map_err(failed)?)
        }
        None => None,
    };
    let Some(first) = stages.first().and_then(|s| s.maps.first()) else { return Ok(()) };
    output::head(&plan.loaded.experiment)?;
    let seeds = stages[0].maps.len();
    output::fitted(&format!(
        "{} ({}) lands in {}: once at each visit of a boundary, or {} times and more; {seeds} seed{}\n\n",
        first.interrupt,
        first.vector,
        first.path,
        args.each,
        if seeds == 1 { "" } else { "s" }
    ))?;
    output::print(&stages_text(stages, output::width(), output::ascii()))?;
    output::print(&legend(stages, output::width(), output::ascii()))?;
    if let Some(names) = &args.compare {
        let of = |name: &String| stages.iter().find(|s| s.name == *name).unwrap_or(&stages[0]);
        output::print(&format!(
            "\n{}",
            report::compare(of(&names[0]), of(&names[1]), output::width(), output::ascii())
        ))?;
    } else if stages.len() <= STAGES_ACROSS {
        let all: Vec<&StageMap<'_>> = stages.iter().collect();
        output::print(&format!("\n{}", lines_text(&all, output::width(), output::ascii())))?;
    } else {
        output::print("\nThe lines of so many stages are in landings.csv and landings.svg.\n")?;
    }
    output::print(&pairs_text(stages, output::width(), output::ascii()))?;
    output::print(&report::splits_text(stages, output::width(), output::ascii()))?;
    if let Some(rates) = rates {
        output::print(&format!("\n{rates}"))?;
    }
    Ok(())
}

/// Tables as CSV and the picture.
fn write(maps: &[Map], stages: &[StageMap<'_>], dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = vec![("landings.csv", landings_csv(maps))];
    if maps.iter().any(|m| m.second.is_some()) {
        files.push(("pairs.csv", pairs_csv(maps)));
    }
    let mut paths = Vec::new();
    for (name, text) in files {
        let path = dir.join(name);
        rqsim::files::write_text(&path, &text)?;
        paths.push(path);
    }
    paths.push(report::draw(stages, dir)?);
    Ok(paths)
}
