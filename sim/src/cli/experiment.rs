// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim run`, `sim check`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reports::{Record, StageSummary};
use rqsim::batch::{self, Batch, HowToRun, Progress};
use rqsim::plan::{InputError, Plan, plan};
use rqsim::window::around_longest;

use super::interrupt::Interrupt;
use super::{CheckArgs, Failure, RunArgs, output};

pub(super) fn run(args: &RunArgs, named: Option<&str>) -> Result<(), Failure> {
    let Some(name) = named.or(args.config.as_deref()) else {
        return Err(
            InputError::text("no experiment given", "as in `sim run ring8.ron`; `sim presets` lists some").into()
        );
    };
    let mut loaded = args.batch.changes.apply(load(name)?)?;
    loaded.experiment.measure.attribution |= args.attribution;
    let mut plan = plan(loaded)?;
    args.batch.select(&mut plan);
    args.stages.select(&mut plan)?;
    if args.trace.is_wanted() {
        return args.trace.run(&plan, args.exact, args.batch.quiet);
    }
    let dir = args.batch.folder(&plan.loaded, "")?;
    let start = Instant::now();
    let batch = run_all(&plan, &dir, args.batch.how(args.exact), args.batch.quiet)?;
    let elapsed = start.elapsed();
    let stages = StageSummary::from_records(&batch.records);
    let mut plots = reports::plots::write_all(&stages, &dir)?;
    plots.extend(timeline(&plan, &batch.records, &dir)?);
    rqsim::files::write_text(&dir.join("stages.csv"), &reports::stage_csv(&stages))?;
    rqsim::files::write_text(&dir.join("metrics.csv"), &reports::metrics_csv(&stages))?;
    let colored = output::color(std::io::stdout().is_terminal());
    output::head(&plan.loaded.experiment)?;
    output::print(&reports::stage_table(&stages, output::width(), colored, output::ascii()))?;
    if plan.loaded.experiment.measure.attribution {
        let files = [
            ("attribution.csv", reports::attribution_csv(&stages)),
            ("sharing.csv", reports::sharing_csv(&stages)),
            ("links.csv", reports::links_csv(&stages)),
        ];
        for (name, text) in files {
            rqsim::files::write_text(&dir.join(name), &text)?;
        }
        output::print(&reports::attribution_text(&stages, output::width(), colored, output::ascii()))?;
    }
    if args.metrics {
        output::print(&reports::metrics_text(&stages, output::width(), colored, output::ascii()))?;
    }
    if args.klog {
        output::print(&reports::klog_text(&batch.records))?;
    }
    on_no_core(&plan);
    if args.anatomy {
        rqsim::files::write_text(&dir.join("recoveries.csv"), &reports::recoveries_csv(&stages))?;
        rqsim::files::write_text(&dir.join("recoveries_worst.csv"), &reports::recoveries_worst_csv(&stages))?;
        let text = reports::recoveries_text(&stages, output::width(), colored, output::ascii());
        output::print(if text.is_empty() {
            "\nNo deadlock formed, so there was none to recover from.\n"
        } else {
            &text
        })?;
    }
    never_delivered(&plan, &batch.records);
    if !args.batch.quiet {
        summarize(&batch, &dir, &plots, elapsed);
    }
    findings(&batch.records)
}

/// Writes the time line of the longest attempt of all runs, and the numbers behind it for reports; gives the picture's path if there was an attempt.
fn timeline(plan: &Plan, records: &[Record], dir: &Path) -> Result<Option<PathBuf>, Failure> {
    let longest = |r: &&Record| r.worst.first().map_or(0, |w| w.lasted_ns);
    // Of equally long ones the first.
    let Some(record) = records.iter().rev().max_by_key(longest) else { return Ok(None) };
    let Some(stage) = plan.stages.iter().find(|s| s.name == record.stage) else { return Ok(None) };
    let Some(line) = around_longest(&plan.loaded, stage, record)? else { return Ok(None) };
    let path = dir.join("timeline.svg");
    rqsim::files::write_text(&dir.join(reports::timeline::FILE), &line.to_line()?)?;
    rqsim::files::write_text(&path, &reports::plots::timeline_figure(&line)?.svg)?;
    Ok(Some(path))
}

/// Loads an experiment; files of another kind are told by their ending.
fn load(name: &str) -> Result<configs::Loaded, Failure> {
    let kinds = [
        (".uop", "a program: `sim asm check FILE` looks at it, and an experiment with `program: File(..)` runs it"),
        (".litmus", "a litmus test: `sim litmus FILE` runs it"),
        (".jsonl", "a file of records: `sim report FILE` shows it, `sim explain FILE` tells the worst attempts"),
    ];
    match kinds.iter().find(|(ending, _)| name.ends_with(ending)) {
        Some((_, help)) => {
            let help = format!("it is {}", help.replace("FILE", name));
            Err(InputError::text(&format!("{name} is no experiment"), &help).into())
        }
        None => Ok(configs::load(name)?),
    }
}

/// Runs what is missing.
pub(super) fn run_all(plan: &Plan, dir: &Path, how: HowToRun, quiet: bool) -> Result<Batch, Failure> {
    let files = [batch::journal_path(dir), batch::records_path(dir)];
    let work = |progress: Progress<'_>, stop: &AtomicBool| batch::run_until(plan, dir, how, progress, stop);
    watched("runs", files, how, quiet, work, |b| b.not_begun)
}

/// Does work in many parts with a progress bar. The first Ctrl-C lets those in progress finish and begins no other;
/// `files` keep what is finished.
pub(super) fn watched<T>(
    what: &'static str,
    files: [PathBuf; 2],
    how: HowToRun,
    quiet: bool,
    work: impl FnOnce(Progress<'_>, &AtomicBool) -> Result<T, reports::Error>,
    not_begun: impl FnOnce(&T) -> usize,
) -> Result<T, Failure> {
    let bar = progress_bar(quiet, what);
    let interrupt = Interrupt::watch(what, files, how, &bar);
    let progress = |done: usize, all: usize| {
        interrupt.done.store(done, Ordering::Relaxed);
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    };
    let made = work(&progress, &interrupt.stop)?;
    bar.finish_and_clear();
    if not_begun(&made) > 0 {
        output::say(&interrupt.kept());
        return Err(Failure::Interrupted);
    }
    Ok(made)
}

pub(super) fn progress_bar(quiet: bool, what: &str) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    // Draws nothing unless stderr is a terminal.
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style =
        ProgressStyle::with_template(&format!("{{wide_bar}} {{pos}}/{{len}} {what}, {{elapsed}} gone, {{eta}} left"));
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Simulated time in a unit in which it is no zero.
fn simulated_time(seconds: f64) -> String {
    if seconds < 0.1 { format!("{:.2} simulated ms", seconds * 1e3) } else { format!("{seconds:.1} simulated s") }
}

fn summarize(batch: &Batch, dir: &Path, plots: &[PathBuf], elapsed: Duration) {
    for line in &batch.damaged {
        output::say(&format!("warning: skipped a damaged record: {line}"));
    }
    if batch.kept > 0 {
        let records = reports::plural(batch.kept as u64, "record");
        output::say(&format!("{records} of other finished runs found there and kept"));
    }
    let made = batch.records.len() - batch.reused;
    let seconds = elapsed.as_secs_f64();
    let simulated: f64 = batch.records.iter().map(|r| r.end_ns as f64 / 1e9).sum::<f64>();
    if made > 0 && batch.reused == 0 {
        output::say(&format!(
            "{} in {seconds:.1} s: {} per second, {:.1} M events per second",
            reports::plural(made as u64, "run"),
            simulated_time(simulated / seconds),
            batch.events as f64 / seconds / 1e6,
        ));
    } else {
        let again = "--fresh runs them again";
        let runs = reports::plural(made as u64, "run");
        output::say(&format!("{runs} made in {seconds:.1} s, {} found finished ({again})", batch.reused));
    }
    output::say(&format!("records: {}", batch::records_path(dir).display()));
    for plot in plots {
        output::say(&format!("plot:    {}", plot.display()));
    }
}

/// Says so if a choice of cores has none on this machine, as a stride can when the machine is smaller.
fn on_no_core(plan: &Plan) {
    let e = &plan.loaded.experiment;
    let tasks = e.workload.tasks.iter().enumerate().map(|(i, t)| (format!("workload.tasks[{i}]"), &t.on));
    let irqs = e.interrupts.iter().map(|x| (format!("interrupt {}", x.name), &x.on));
    for (what, on) in tasks.chain(irqs) {
        if on.list(e.machine.cores).is_empty() {
            output::say(&format!("warning: {what} is on none of the machine's {} cores", e.machine.cores));
        }
    }
}

/// Says so if an experiment has interrupts of a kind and a stage took none of them: a directed
/// arrival whose label is never reached, for instance, would otherwise pass for a good result.
fn never_delivered(plan: &Plan, records: &[Record]) {
    for (vector, context) in [(configs::Vector::Nmi, "nmi"), (configs::Vector::Timer, "hardirq")] {
        let irqs = &plan.loaded.experiment.interrupts;
        let names: Vec<&str> = irqs.iter().filter(|i| i.vector == vector).map(|i| i.name.as_str()).collect();
        for stage in &plan.stages {
            let of_it = records.iter().filter(|r| r.stage == stage.name);
            let taken: u64 = of_it.filter_map(|r| r.handlers.get(context)).map(|h| h.count).sum();
            if !names.is_empty() && taken == 0 {
                let who = names.join(", ");
                output::say(&format!(
                    "warning: stage {}: {who} never arrived; is its label or time reached?",
                    stage.name
                ));
            }
        }
    }
}

/// Prints what runs found, the first of each stage in full; a failure if a run did not end as its stage has to.
pub(super) fn findings(records: &[Record]) -> Result<(), Failure> {
    let (expected, bad): (Vec<&Record>, Vec<&Record>) = records.iter().partition(|r| r.is_as_expected());
    let mut shown: Vec<u32> = Vec::new();
    for r in expected.iter().filter(|r| r.status != reports::names::OK) {
        let account = r.finding.as_deref().unwrap_or_default();
        let what = if shown.contains(&r.stage_idx) { account.lines().next().unwrap_or_default() } else { account };
        shown.push(r.stage_idx);
        output::say(&format!("stage {}, seed {}: {}, as expected: {what}", r.stage, r.seed, r.status));
    }
    if bad.is_empty() {
        return Ok(());
    }
    let mut shown: Vec<u32> = Vec::new();
    for r in &bad {
        let wanted = if r.expect == reports::names::OK {
            String::new()
        } else {
            format!(", though a {} was expected", r.expect)
        };
        output::say(&format!("finding: stage {}, seed {}: {}{wanted}", r.stage, r.seed, r.status));
        if !shown.contains(&r.stage_idx) {
            shown.push(r.stage_idx);
            output::say(r.finding.as_deref().unwrap_or(""));
        }
    }
    output::say(&format!("{} of {} runs did not end as they have to", bad.len(), records.len()));
    Err(Failure::Found)
}

pub(super) fn check(args: &CheckArgs) -> Result<(), Failure> {
    let mut plan = plan(args.changes.apply(load(&args.experiment)?)?)?;
    args.stages.select(&mut plan)?;
    let e = &plan.loaded.experiment;
    let mut text = format!("{}: {}\n", plan.loaded.file, e.title);
    text += &format!(
        "  {} cores of {}, {} x {}\n",
        e.machine.cores,
        e.machine.name,
        reports::plural(plan.stages.len() as u64, "stage"),
        reports::plural(plan.seeds.len() as u64, "seed"),
    );
    for s in &plan.stages {
        text += &format!("  {:<8} {:>4} micro-ops  program {}\n", s.name, s.spec.program.ops.len(), s.program_hash);
    }
    output::fitted(&text)
}
