// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim run`, `sim check`, `sim presets`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use configs::Loaded;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reports::{Record, StageSummary};
use rqsim::batch::{self, Batch, HowToRun};
use rqsim::plan::{InputError, Plan, near, plan};

use super::{Changes, Failure, RunArgs, output};

pub(super) fn run(args: &RunArgs, named: Option<&str>) -> Result<(), Failure> {
    let Some(name) = named.or(args.config.as_deref()) else {
        return Err(
            InputError::text("no experiment given", "as in `sim run ring8.ron`; `sim presets` lists some").into()
        );
    };
    let mut loaded = changed(configs::load(name)?, &args.changes)?;
    loaded.experiment.measure.attribution |= args.attribution;
    let mut plan = plan(loaded)?;
    select(&mut plan, args)?;
    let dir = args.out.clone().unwrap_or_else(|| default_dir(&plan.loaded, &args.changes));
    std::fs::create_dir_all(&dir).map_err(|source| reports::Error::Write { path: dir.clone(), source })?;
    let how = HowToRun { threads: threads(args.threads), exact: args.exact, fresh: args.fresh };
    let start = Instant::now();
    let batch = run_all(&plan, &dir, how, args.quiet)?;
    let elapsed = start.elapsed();
    let stages = StageSummary::from_records(&batch.records);
    let plots = reports::plots::write_all(&stages, &dir)?;
    rqsim::files::write_text(&dir.join("stages.csv"), &reports::stage_csv(&stages))?;
    rqsim::files::write_text(&dir.join("metrics.csv"), &reports::metrics_csv(&stages))?;
    let colored = output::color(std::io::stdout().is_terminal());
    output::print(&format!("{}\n{}\n\n", plan.loaded.experiment.title, plan.loaded.experiment.question))?;
    output::print(&reports::stage_table(&stages, output::width(), colored, false))?;
    if plan.loaded.experiment.measure.attribution {
        let files = [
            ("attribution.csv", reports::attribution_csv(&stages)),
            ("sharing.csv", reports::sharing_csv(&stages)),
            ("links.csv", reports::links_csv(&stages)),
        ];
        for (name, text) in files {
            rqsim::files::write_text(&dir.join(name), &text)?;
        }
        output::print(&reports::attribution_text(&stages, output::width(), colored, false))?;
    }
    if args.metrics {
        output::print(&reports::metrics_text(&stages, output::width(), colored, false))?;
    }
    if args.klog {
        output::print(&reports::klog_text(&batch.records))?;
    }
    on_no_core(&plan);
    if args.anatomy {
        rqsim::files::write_text(&dir.join("recoveries.csv"), &reports::recoveries_csv(&stages))?;
        rqsim::files::write_text(&dir.join("recoveries_worst.csv"), &reports::recoveries_worst_csv(&stages))?;
        let text = reports::recoveries_text(&stages, output::width(), colored, false);
        output::print(if text.is_empty() {
            "\nNo deadlock formed, so there was none to recover from.\n"
        } else {
            &text
        })?;
    }
    never_delivered(&plan, &batch.records);
    if !args.quiet {
        summarize(&batch, &dir, &plots, elapsed);
    }
    findings(&batch.records)
}

/// Cuts the plan down to the seeds and stages asked for.
fn select(plan: &mut Plan, args: &RunArgs) -> Result<(), Failure> {
    if let Some(seeds) = &args.seeds {
        plan.seeds.clone_from(seeds);
    }
    args.stages.as_ref().map_or(Ok(()), |wanted| keep_stages(plan, wanted))
}

/// Cuts the plan down to the stages asked for.
pub(super) fn keep_stages(plan: &mut Plan, wanted: &[String]) -> Result<(), Failure> {
    for name in wanted {
        if !plan.stages.iter().any(|s| s.name == *name) {
            let names: Vec<&str> = plan.stages.iter().map(|s| s.name.as_str()).collect();
            let help = near(name, names.into_iter(), "stages");
            return Err(InputError::text(&format!("the experiment has no stage \"{name}\""), &help).into());
        }
    }
    plan.stages.retain(|s| wanted.contains(&s.name));
    Ok(())
}

/// The experiment with `--machine` and `--set` applied to its full text, in this order.
pub(super) fn changed(loaded: Loaded, args: &Changes) -> Result<Loaded, Failure> {
    if args.machine.is_none() && args.set.is_empty() {
        return Ok(loaded);
    }
    let file = format!("{}, changed", loaded.file);
    let mut text = configs::expanded(&loaded.experiment);
    if let Some(machine) = &args.machine {
        text = configs::override_field(&text, "machine", &format!("Preset({machine:?})"))?;
        // Written out, so that its fields can be changed as well.
        text = configs::expanded(&configs::parse(&text, &file)?.experiment);
    }
    for change in &args.set {
        let Some((path, value)) = change.split_once('=') else {
            let help = "as in `--set machine.cores=3`; `sim presets ring8.ron` shows the fields";
            return Err(InputError::text(&format!("--set {change}: there is no `=`"), help).into());
        };
        text = configs::override_field(&text, path, value)?;
        // What is valid is written out again, for the next change; what is not may become so by it.
        if let Ok(valid) = configs::parse(&text, &file) {
            text = configs::expanded(&valid.experiment);
        }
    }
    let changed = configs::parse(&text, &file)?;
    Ok(Loaded { origin: loaded.origin, ..changed })
}

/// `results/NAME`, and what was changed on the command line: the results of another experiment.
pub(super) fn default_dir(loaded: &Loaded, args: &Changes) -> PathBuf {
    let mut name =
        Path::new(&loaded.file).file_stem().map_or("experiment".into(), |s| s.to_string_lossy().into_owned());
    for change in args.machine.iter().chain(&args.set) {
        let plain = |c: char| if c.is_ascii_alphanumeric() || ".-=_".contains(c) { c } else { '_' };
        name.push('+');
        name.extend(change.chars().map(plain));
    }
    // Names of files have a limit; what is cut off still tells records apart by their hash.
    Path::new("results").join(name.chars().take(120).collect::<String>())
}

/// Worker threads: as many as asked for, else one per processor.
pub(super) fn threads(asked: Option<u16>) -> usize {
    asked.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from)
}

/// Runs what is missing, with a progress bar.
pub(super) fn run_all(plan: &Plan, dir: &Path, how: HowToRun, quiet: bool) -> Result<Batch, reports::Error> {
    let bar = progress_bar(quiet, "runs");
    let batch = batch::run_all(plan, dir, how, &|done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    Ok(batch)
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

fn summarize(batch: &Batch, dir: &Path, plots: &[PathBuf], elapsed: Duration) {
    for line in &batch.damaged {
        output::say(&format!("warning: skipped a damaged record: {line} (the file was copied to *.damaged)"));
    }
    if batch.kept > 0 {
        output::say(&format!("{} finished records of other runs were found there and kept", batch.kept));
    }
    let made = batch.records.len() - batch.reused;
    let seconds = elapsed.as_secs_f64();
    let simulated: f64 = batch.records.iter().map(|r| r.end_ns as f64 / 1e9).sum::<f64>();
    if made > 0 && batch.reused == 0 {
        output::say(&format!(
            "{made} runs in {seconds:.1} s: {:.1} simulated s per second, {:.1} M events per second",
            simulated / seconds,
            batch.events as f64 / seconds / 1e6,
        ));
    } else {
        let again = "--fresh runs them again";
        output::say(&format!("{made} runs made in {seconds:.1} s, {} found finished ({again})", batch.reused));
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

pub(super) fn check(name: &str) -> Result<(), Failure> {
    let plan = plan(configs::load(name)?)?;
    let e = &plan.loaded.experiment;
    let mut text = format!("{}: {}\n", plan.loaded.file, e.title);
    text += &format!(
        "  {} cores of {}, {} stages x {} seeds\n",
        e.machine.cores,
        e.machine.name,
        plan.stages.len(),
        plan.seeds.len(),
    );
    for s in &plan.stages {
        text += &format!("  {:<8} {:>4} micro-ops  program {}\n", s.name, s.spec.program.ops.len(), s.program_hash);
    }
    output::print(&text)
}

pub(super) fn presets(name: Option<&str>) -> Result<(), Failure> {
    use configs::presets::{experiment_names, experiment_text, machine_names, machine_text};
    let Some(name) = name else {
        let mut text = String::from("experiments:\n");
        let width = experiment_names().map(str::len).max().unwrap_or(0);
        for n in experiment_names() {
            text += &format!("  {n:<width$} {}\n", configs::load(n)?.experiment.question);
        }
        text += "machines:\n";
        for n in machine_names() {
            text += &format!("  {n}\n");
        }
        return output::print(&text);
    };
    match experiment_text(name).or_else(|| experiment_text(&format!("{name}.ron"))).or_else(|| machine_text(name)) {
        Some(text) => output::print(text),
        None => {
            let all: Vec<&str> = experiment_names().chain(machine_names()).collect();
            let help = near(name, all.into_iter(), "presets");
            Err(InputError::text(&format!("there is no preset \"{name}\""), &help).into())
        }
    }
}
