// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim orderings`.

use std::path::{Path, PathBuf};

use clap::Args;
use reports::Record;
use reports::orderings::{METRICS, Metric, Orderings};
use rqsim::batch;
use rqsim::orderings::{Wanted, order, prepare};
use rqsim::plan::{InputError, near, plan};

use super::flags::BatchFlags;
use super::{Failure, experiment, output};

/// Characters of a line of prose at most, however wide the output is.
const PARAGRAPH: usize = 100;

/// Run every subset of a patch series and say what each patch contributes, in every order.
///
/// Each subset that the patches' needs allow is run once with every seed of the experiment; what any order shows after each step
/// follows from those. Finished subsets are found again by a second start.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sim orderings ring8.ron
  sim orderings ring8.ron --order 3,1,2,4,5
  sim orderings stress-abba.ron --patches 1,2 --param check_interval=200us
  sim orderings ring8.ron --metric timeouts --metric worst_nmi --set duration=200ms")]
pub(super) struct OrderingsArgs {
    /// A RON file or a preset's name.
    experiment: String,
    /// Patches by name or number, instead of those of the experiment's stages.
    #[arg(long, value_name = "PATCH", value_delimiter = ',')]
    patches: Vec<String>,
    /// A parameter with another value, as one more change.
    #[arg(long, value_name = "NAME=VALUE")]
    param: Vec<String>,
    /// Only these metrics.
    #[arg(long, value_name = "NAME")]
    metric: Vec<String>,
    /// Show the metrics after each step of this order.
    #[arg(long, value_name = "A,B,..")]
    order: Option<String>,
    #[command(flatten)]
    batch: BatchFlags,
}

pub(super) fn run(args: &OrderingsArgs) -> Result<(), Failure> {
    for name in &args.metric {
        if !METRICS.iter().any(|m| m.name == name) {
            let help = near(name, METRICS.iter().map(|m| m.name), "metrics");
            return Err(InputError::text(&format!("there is no metric \"{name}\""), &help).into());
        }
    }
    let loaded = args.batch.changes.apply(configs::load(&args.experiment)?)?;
    let wanted = Wanted { patches: args.patches.clone(), params: args.param.clone() };
    let interrupts = &loaded.experiment.interrupts;
    let measured = |m: &Metric| !m.of_nmis || interrupts.iter().any(|i| i.vector == configs::Vector::Nmi);
    if let Some(metric) = METRICS.iter().find(|m| args.metric.iter().any(|n| n == m.name) && !measured(m)) {
        return Err(unmeasured(metric, METRICS.iter().filter(|m| measured(m))).into());
    }
    let prepared = prepare(loaded, &wanted)?;
    let one = args.order.as_deref().map(|text| order(&prepared.lattice, text)).transpose()?;
    let mut plan = plan(prepared.loaded)?;
    args.batch.select(&mut plan);
    let dir = args.batch.folder(&plan.loaded, "-orderings")?;
    let batch = experiment::run_all(&plan, &dir, args.batch.how(false), args.batch.quiet)?;
    let records: Vec<Vec<&Record>> =
        plan.stages.iter().map(|s| batch.records.iter().filter(|r| r.stage_idx == s.idx).collect()).collect();
    let found = Orderings::new(&prepared.lattice, &records, &args.metric);
    if let Some(metric) = found.missing().iter().find(|m| args.metric.iter().any(|n| n == m.name)) {
        let measured = |m: &&Metric| batch.records.iter().all(|r| (m.of)(r).is_some());
        return Err(unmeasured(metric, METRICS.iter().filter(measured)).into());
    }
    output::head(&plan.loaded.experiment)?;
    output::print(&found.text(output::width(), output::ascii()))?;
    if let Some(order) = one {
        output::print(&format!("\nIn the order {}:\n", args.order.as_deref().unwrap_or_default()))?;
        output::print(&found.one_order(&order, output::width(), output::ascii()))?;
    }
    let words = reports::wrap(&found.words(), output::width().min(PARAGRAPH));
    output::print(&format!("\n{}\n", words.join("\n")))?;
    let files = write(&found, &dir)?;
    if !args.batch.quiet {
        output::say(&format!("records: {}", batch::records_path(&dir).display()));
        for path in files {
            output::say(&format!("file:    {}", path.display()));
        }
    }
    experiment::findings(&batch.records)
}

fn unmeasured<'a>(metric: &Metric, measured: impl Iterator<Item = &'a Metric>) -> InputError {
    let names: Vec<&str> = measured.map(|m| m.name).collect();
    let what = format!("metric \"{}\" is not measured in this experiment", metric.name);
    InputError::text(&what, &format!("measured: {}", names.join(", ")))
}

/// Tables as CSV and the figures.
fn write(found: &Orderings<'_>, dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = vec![("steps.csv", found.steps_csv()), ("attribution.csv", found.attribution_csv())];
    match found.orders_csv() {
        Some(text) => files.push(("orders.csv", text)),
        None => output::say("orders.csv is not written: there are too many orders; steps.csv has every step of them"),
    }
    let mut paths = Vec::new();
    for (name, text) in files {
        let path = dir.join(name);
        rqsim::files::write_text(&path, &text)?;
        paths.push(path);
    }
    paths.extend(found.draw(dir)?);
    Ok(paths)
}
