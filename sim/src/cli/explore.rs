// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim explore`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use configs::{Bytes, Cpus, Loaded};
use rqsim::explore::{
    PROPERTIES, Path as FoundPath, Row, Size, Violation, append, bitstate_stage, draw, lattice, path_to, raw_system,
    read, replace, replay, search_stage, setting, shorten_waits, shrink, system, table,
};
use rqsim::files::{LOG_BYTES_MAX, PROGRAM_BYTES_MAX};
use rqsim::plan::{InputError, Plan, StagePlan, plan};
use sim_core::untimed::{Budget, End, Model, Progress, search};

use super::flags::{Changes, StageFlags};
use super::{Failure, output, trace};

/// Most states of a search of a smaller experiment.
const SHRINK_STATES: usize = 4_000_000;
/// Exit code of a search that found no violation and did not come to its end.
const NO_VERDICT: u8 = 3;

/// Go through every interleaving of an experiment's programs, without time.
///
/// Cores step in any order, stores become visible whenever the memory model allows, clocks show any time, and the
/// experiment's interrupts land at any boundary, a bounded number in a run. What does not hold is shown by a shortest path.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sim explore explore-aa.ron                        one lock, two CPUs and their NMIs, stage by stage
  sim explore explore-abba.ron --stages 'next +1-5' --memory 8GiB --time 10m
  sim explore explore-plain.ron --model sc --interrupts 0
  sim explore explore-abba.ron --stages next --shrink   the fewest CPUs, interrupts and steps for each violation
  sim explore explore-aa.ron --stages next --replay     the timed machine led along the paths
  sim explore explore-aa.ron --stages 'next +1-5' --cores 3 --bitstate 2GiB --time 10m   more than memory holds
  sim explore explore-aa.ron --lattice --brief      every subset of the patches, and the other locks
  sim explore mcslock1.uop --model sc --cores 3     a program file by itself: the number of its states

Exit codes: 0 every property holds; 1 one does not; 2 unusable input; 3 no verdict: the memory or time allowed ran out
before every state was visited, and what was visited violates nothing; or --bitstate, which gives none, found nothing.")]
pub(super) struct ExploreArgs {
    /// A RON file or a preset's name.
    #[arg(value_name = "EXPERIMENT", conflicts_with = "config", required_unless_present = "config")]
    experiment: Option<String>,
    /// The same.
    #[arg(long, short, value_name = "EXPERIMENT")]
    config: Option<String>,
    #[command(flatten)]
    stages: StageFlags,
    /// Instead of the experiment's stages every subset of the patches on both bases, and every other lock.
    #[arg(long, conflicts_with = "stages")]
    lattice: bool,
    /// Write the table of verdicts into this page, between the marks that are there for the experiment as it is: with the machine's
    /// memory model, one interrupt and one round.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["model", "interrupts", "rounds", "store_buffer", "cores"])]
    page: Option<PathBuf>,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    size: SizeFlags,
    /// Time the search of one stage may take, as in 90s or 10m [default: any].
    #[arg(long, value_name = "TIME", value_parser = time)]
    time: Option<Duration>,
    /// File for what was found, a JSON line per stage; stages that are in it are not searched again.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Search again what is in the file already.
    #[arg(long)]
    fresh: bool,
    /// Instead of a search that keeps every state, one that keeps two bits of each in an array of so many bytes: for what does not fit
    /// into memory. It looks for faults, two owners, and what is not clean or counted at rest, and gives no verdict but what it finds.
    /// The path it is on takes some hundred MiB beside it, at most.
    #[arg(long, value_name = "BYTES", value_parser = bits, conflicts_with_all = ["lattice", "out", "page", "shrink", "brief", "property", "memory"])]
    bitstate: Option<usize>,
    /// Make each violation's experiment as small as it gets: what it needs, and what not, beside the path there.
    #[arg(long, conflicts_with_all = ["lattice", "brief"])]
    shrink: bool,
    /// Write the path to a violation as a trace for ui.perfetto.dev, a step a microsecond: the first one of the only stage; with
    /// `--shrink` in its small experiment.
    #[arg(long, value_name = "FILE", conflicts_with = "lattice")]
    trace: Option<PathBuf>,
    /// Write it as a time line (SVG).
    #[arg(long, value_name = "FILE", conflicts_with = "lattice")]
    timeline: Option<PathBuf>,
    /// Lead the timed machine along the path to each violation: the same end state, or the step that it cannot do, and why; with
    /// `--shrink` in its small experiment.
    #[arg(long, conflicts_with_all = ["lattice", "brief"])]
    replay: bool,
    /// For `--trace`, `--timeline`, `--shrink`, `--replay`: violations of this property only, as in 'ends'.
    #[arg(long, value_name = "PROPERTY", value_parser = property)]
    property: Option<String>,
    /// Overwrite the files of `--trace` and `--timeline` if they are there.
    #[arg(long)]
    force: bool,
    /// No paths: the table only.
    #[arg(long)]
    brief: bool,
    /// No progress.
    #[arg(long, short)]
    quiet: bool,
}

/// How large a configuration is explored, and with what.
#[derive(Debug, Args)]
pub(super) struct SizeFlags {
    /// Cores of the machine [default: those that the experiment names, at least 2].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=16))]
    pub(super) cores: Option<u32>,
    /// Most interrupts in one run, all cores together.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) interrupts: u8,
    /// Rounds of tasks that go on until the experiment ends, per core.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) rounds: u8,
    /// Memory model [default: the machine's].
    #[arg(long, value_name = "MODEL")]
    pub(super) model: Option<ModelArg>,
    /// Entries of the store buffer [default: the machine's].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) store_buffer: Option<u16>,
    /// Memory a search may use, as in 8GiB or 500MiB.
    #[arg(long, value_name = "BYTES", default_value = "4GiB", value_parser = bytes)]
    pub(super) memory: usize,
    /// Make a state at every micro-op: the same verdicts, slowly.
    #[arg(long)]
    pub(super) full: bool,
}

impl SizeFlags {
    pub(super) fn size(&self) -> Size {
        Size {
            model: self.model.map(Model::from),
            interrupts: self.interrupts,
            rounds: self.rounds,
            store_buffer: self.store_buffer.map(usize::from),
            merged: !self.full,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ModelArg {
    Sc,
    Tso,
    Weak,
}

impl From<ModelArg> for Model {
    fn from(m: ModelArg) -> Model {
        match m {
            ModelArg::Sc => Model::Sc,
            ModelArg::Tso => Model::Tso,
            ModelArg::Weak => Model::Weak,
        }
    }
}

fn bytes(text: &str) -> Result<usize, String> {
    let help = "write it as in 8GiB, 500MiB or 64KiB";
    let said = |e: <Bytes as std::str::FromStr>::Err| format!("{}; {help}", e.to_string().replace('\n', "; "));
    let size: Bytes = text.parse().map_err(said)?;
    usize::try_from(size.0).ok().filter(|b| *b > 0).ok_or_else(|| format!("zero, or too large; {help}"))
}

/// The array of a bitstate search, which is in memory.
fn bits(text: &str) -> Result<usize, String> {
    const MOST: usize = 256 << 30;
    bytes(text).and_then(|n| if n <= MOST { Ok(n) } else { Err("at most 256GiB, and no more than there is".into()) })
}

fn time(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let each = match unit.trim() {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        _ => return Err("write it as in 90s, 10m or 2h".into()),
    };
    let n: u64 = number.parse().map_err(|_| "the number is missing or too large".to_owned())?;
    n.checked_mul(each).filter(|s| *s > 0).map(Duration::from_secs).ok_or_else(|| "zero, or too large".to_owned())
}

pub(super) fn run(args: &ExploreArgs) -> Result<ExitCode, Failure> {
    let name = args.experiment.as_ref().or(args.config.as_ref()).expect("clap asks for one of them");
    if name.ends_with(".uop") {
        return raw(args, name);
    }
    let mut loaded = args.changes.apply(configs::load(name)?)?;
    loaded = with_cores(loaded, args.size.cores)?;
    for path in args.trace.iter().chain(&args.timeline) {
        trace::check(path, args.force)?;
    }
    let all = if args.lattice { lattice(&loaded)? } else { vec![loaded.clone()] };
    let mut plans = Vec::new();
    for mut loaded in all {
        shorten_waits(&mut loaded)?;
        let mut plan = plan(loaded)?;
        args.stages.select(&mut plan)?;
        plans.push(plan);
    }
    let stages = plans.iter().map(|p| p.stages.len()).sum::<usize>();
    if draws(args) && stages > 1 {
        let what = format!("--trace, --timeline: these are {stages} stages");
        return Err(InputError::text(&what, "choose one with --stages").into());
    }
    let size = args.size.size();
    if let Some(bytes) = args.bitstate {
        return partly(args, &plans[0], &size, bytes);
    }
    let mut before = Vec::new();
    if let Some(path) = args.out.as_ref().filter(|_| !args.fresh) {
        let (rows, bad) = read(path)?;
        for line in bad {
            let (path, why) = (path.display(), line.why);
            output::say(&format!("warning: {path}:{}: skipped: {why}", line.line));
        }
        before = rows;
    }
    head(&plans[0], &size)?;
    let mut rows = Vec::new();
    for (plan, stage) in plans.iter().flat_map(|p| p.stages.iter().map(move |s| (p, s))) {
        let key = rqsim::explore::key(stage, &size);
        let old = before.iter().find(|r| r.version == rqsim::VERSION && r.key == key && r.is_complete());
        let row = match old {
            Some(r) => r.clone(),
            None => {
                let start = Instant::now();
                let mut row = search_stage(plan, stage, &size, args.size.memory, over(args, stage, start))?;
                row.seconds = start.elapsed().as_secs_f64();
                if let Some(path) = &args.out {
                    append(path, &row)?;
                }
                row
            }
        };
        output::fitted(&line(&row))?;
        for (what, n) in &row.growth {
            output::say(&format!("note: {}: {what} had {n} values in the states found last", row.stage));
        }
        rows.push(row);
    }
    if let Some(path) = &args.page {
        let page = rqsim::files::read_text(path, LOG_BYTES_MAX)
            .map_err(|source| reports::Error::Read { path: path.clone(), source })?;
        let short = Path::new(name).file_name().map_or(name.clone(), |n| n.to_string_lossy().into_owned());
        rqsim::files::write_text(path, &replace(&page, &short, "sim explore --lattice", &table(&rows))?)?;
    }
    if args.shrink || args.replay || draws(args) {
        counterexamples(args, &plans[0], &rows, &size)?;
    }
    if !args.brief && !args.shrink {
        output::fitted(&paths(&rows))?;
    }
    let broken = rows.iter().any(|r| !r.violations.is_empty());
    if !broken && rows.iter().any(|r| !r.is_complete()) {
        output::say(
            "no verdict: not every state was visited; --memory and --time allow more, --interrupts and --cores make it smaller, --bitstate goes on without one",
        );
        return Ok(ExitCode::from(NO_VERDICT));
    }
    if broken { Err(Failure::Found) } else { Ok(ExitCode::SUCCESS) }
}

/// What is asked, and of how large a system.
fn head(plan: &Plan, size: &Size) -> Result<(), Failure> {
    output::head(&plan.loaded.experiment)?;
    match plan.stages.first() {
        Some(stage) => output::fitted(&format!("{}\n\n", setting(&system(stage, size)?))),
        None => Ok(()),
    }
}

/// Shows how far a search is, and says when its time is over.
fn over(args: &ExploreArgs, stage: &StagePlan, start: Instant) -> impl Fn(Progress) -> bool {
    move |p| {
        if !args.quiet && p.visited.is_multiple_of(1 << 20) && p.visited > 0 {
            output::say(&format!("{}: {} states, {} MiB", stage.name, p.states, p.bytes >> 20));
        }
        args.time.is_some_and(|t| start.elapsed() > t)
    }
}

/// Searches that keep two bits of each state.
fn partly(args: &ExploreArgs, plan: &Plan, size: &Size, bytes: usize) -> Result<ExitCode, Failure> {
    head(plan, size)?;
    let mut is_broken = false;
    for stage in &plan.stages {
        let start = Instant::now();
        let (partial, violation) = bitstate_stage(stage, size, bytes, over(args, stage, start))?;
        let told = if partial.told { ", stopped by --time" } else { "" };
        let cut = if partial.cut > 0 {
            format!(", {} steps beyond the longest path allowed not made", partial.cut)
        } else {
            String::new()
        };
        output::fitted(&format!(
            "{}: {} states, {} steps, longest path {}, {:.1} s{told}{cut}; {:.3} % of the bits are set, so of new states {:.1e} were left out in the end\n",
            stage.name,
            partial.states,
            partial.steps,
            partial.deepest,
            start.elapsed().as_secs_f64(),
            100.0 * partial.full,
            partial.omission(),
        ))?;
        is_broken |= violation.is_some();
        let Some((v, found)) = violation else {
            output::print(
                "    incomplete, so no verdict: neither a fault nor two owners nor an unclean rest was met\n",
            )?;
            continue;
        };
        output::fitted(&path(&stage.name, &v, &["the first that was met, and not by the shortest path".to_owned()]))?;
        follow(args, stage, &v, &found, true)?;
    }
    if is_broken { Err(Failure::Found) } else { Ok(ExitCode::from(NO_VERDICT)) }
}

/// Whether the path is to be drawn.
fn draws(args: &ExploreArgs) -> bool {
    args.trace.is_some() || args.timeline.is_some()
}

/// Makes the violations of the stages small, and draws the first one's path.
fn counterexamples(args: &ExploreArgs, plan: &Plan, rows: &[Row], size: &Size) -> Result<(), Failure> {
    let wanted = |v: &&Violation| args.property.as_ref().is_none_or(|p| *p == v.property);
    let all: Vec<(&StagePlan, &Violation)> = plan
        .stages
        .iter()
        .zip(rows)
        .flat_map(|(s, r)| r.violations.iter().filter(wanted).map(move |v| (s, v)))
        .collect();
    if all.is_empty() {
        output::say("note: there is no such violation, so nothing to shrink, draw or replay");
    }
    for (i, (stage, v)) in all.into_iter().enumerate() {
        let (mut plan, mut size, mut v) = (plan.clone(), *size, v.clone());
        let mut stage = stage.clone();
        if args.shrink {
            let small = shrink(&plan.loaded, stage.idx as usize, &size, &v, args.size.memory, SHRINK_STATES)?;
            output::fitted(&path(&stage.name, &small.violation, &small.words()))?;
            (plan, size, v) = (small.plan, small.size, small.violation);
            stage = plan.stages[0].clone();
        }
        if args.replay || draws(args) && i == 0 {
            follow(args, &stage, &v, &path_to(&stage, &size, args.size.memory, &v)?, i == 0)?;
        }
    }
    Ok(())
}

/// Leads the timed machine along a path, and draws it, as asked for.
fn follow(
    args: &ExploreArgs,
    stage: &StagePlan,
    v: &Violation,
    path: &FoundPath,
    is_first: bool,
) -> Result<(), Failure> {
    if args.replay {
        let words = replay(stage, path).words();
        output::print(&format!("\n{}, {}: {}\n  {}\n", stage.name, v.property, v.what, words.join("\n  ")))?;
    }
    if draws(args) && is_first {
        let title = format!("{}: {}", stage.name, v.property);
        trace::write(&draw(path, &title, &v.what), args.trace.as_deref(), args.timeline.as_deref(), args.quiet)?;
    }
    Ok(())
}

fn property(text: &str) -> Result<String, String> {
    let names: Vec<&str> = PROPERTIES.iter().map(|p| p.name()).collect();
    if names.contains(&text) { Ok(text.to_owned()) } else { Err(format!("properties are: {}", names.join(", "))) }
}

/// A program file by itself: every core executes its first procedure, in the steps that are written.
fn raw(args: &ExploreArgs, name: &str) -> Result<ExitCode, Failure> {
    let asked = [
        ("--lattice", args.lattice),
        ("--page", args.page.is_some()),
        ("--out", args.out.is_some()),
        ("--bitstate", args.bitstate.is_some()),
        ("--shrink", args.shrink),
        ("--replay", args.replay),
        ("--trace and --timeline", draws(args)),
    ];
    if let Some((flag, _)) = asked.iter().find(|(_, is)| *is) {
        let help = "write an experiment with `lock: (program: File(..))`; `sim init` writes one";
        return Err(InputError::text(
            &format!("{flag}: {name} is a program by itself, and this needs an experiment"),
            help,
        )
        .into());
    }
    let text = rqsim::files::read_text(Path::new(name), PROGRAM_BYTES_MAX)
        .map_err(|source| reports::Error::Read { path: name.into(), source })?;
    let model = args.size.model.unwrap_or(ModelArg::Tso).into();
    let cores = args.size.cores.unwrap_or(2) as usize;
    let system = raw_system(name, text, model, cores, args.size.store_buffer.map_or(8, usize::from))?;
    let start = Instant::now();
    let mut over = |_| args.time.is_some_and(|t| start.elapsed() > t);
    let graph = search(&system, Budget { bytes: args.size.memory, over: &mut over });
    output::print(&format!("{name}, {cores} cores: {} states, {} steps\n", graph.len(), graph.steps()))?;
    match &graph.end {
        End::Complete => Ok(ExitCode::SUCCESS),
        End::Fault(_, f) => {
            output::print(&format!("core {}: {} at {}\n", f.core, f.what, system.program.place(f.pc)))?;
            Err(Failure::Found)
        }
        End::Memory | End::Told => {
            output::say("incomplete: not every state was visited");
            Ok(ExitCode::from(NO_VERDICT))
        }
    }
}

/// The experiment on as many cores as it names, or as asked for.
pub(super) fn with_cores(loaded: Loaded, cores: Option<u32>) -> Result<Loaded, Failure> {
    let e = &loaded.experiment;
    let on = e.workload.tasks.iter().map(|t| &t.on).chain(e.interrupts.iter().map(|i| &i.on));
    let named = on.map(|c| match c {
        Cpus::All => 0,
        Cpus::Cpus(list) => list.iter().max().map_or(0, |m| m + 1),
        Cpus::Range { last, .. } => last + 1,
        Cpus::Stride { first, .. } => first + 1,
    });
    let cores = cores.unwrap_or_else(|| named.max().unwrap_or(0).max(2));
    if cores == e.machine.cores {
        return Ok(loaded);
    }
    if cores > e.machine.cores {
        let what = format!("--cores {cores}: the machine has {} cores", e.machine.cores);
        return Err(InputError::text(&what, "give fewer, or another machine with --machine").into());
    }
    let file = format!("{}, on {cores} cores", loaded.file);
    let text = configs::override_field(&configs::expanded(e), "machine.cores", &cores.to_string())?;
    Ok(Loaded { origin: loaded.origin, ..configs::parse(&text, &file)? })
}

/// A stage in a line.
fn line(row: &Row) -> String {
    let asked = PROPERTIES.iter().map(|p| (p.name(), row.verdict(p.name()))).filter(|(_, verdict)| verdict != "-");
    let mut says: Vec<String> = asked.map(|(name, verdict)| format!("{name} {verdict}")).collect();
    if !row.told.is_empty() {
        says.push(format!("ETIMEDOUT by {}", row.told.join(" and ")));
    }
    let end = if row.is_complete() { String::new() } else { format!(" ({}; {} visited)", row.end, row.visited) };
    format!(
        "{}: {} states, {} steps, {} MiB, {:.1} s{end}\n    {}\n",
        row.stage,
        row.states,
        row.steps,
        row.bytes >> 20,
        row.seconds,
        says.join(", ")
    )
}

/// A violation, what more is to be said of it, and a shortest path to it.
fn path(stage: &str, v: &Violation, more: &[String]) -> String {
    // Where the search ends with the first, nobody knows how many there are.
    let all = if v.count > 0 { format!(" ({} in all)", v.count) } else { String::new() };
    let mut out = format!("\n{stage}, {}: {}{all}\n", v.property, v.what);
    more.iter().for_each(|l| out += &format!("  {l}\n"));
    v.story.iter().for_each(|l| out += &format!("  {l}\n"));
    out.push('\n');
    v.columns.iter().for_each(|l| out += &format!("  {l}\n"));
    out
}

/// The paths to what does not hold; the same path is printed once.
fn paths(rows: &[Row]) -> String {
    let mut out = String::new();
    for row in rows {
        row.violations.iter().for_each(|v| out += &path(&row.stage, v, &[]));
    }
    out
}
