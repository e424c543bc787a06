// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim presets`: the embedded experiments, sweeps and machines.

use clap::Args;
use configs::presets::{
    experiment_names, experiment_text, machine_names, machine_summary, machine_text, sweep_names, sweep_text,
};
use rqsim::plan::{InputError, near};

use super::{Failure, output};

/// Columns below which what a preset is for gets a line of its own.
const WHY_MIN: usize = 30;

/// List the embedded experiments, sweeps and machines with what each is for, or show one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sim presets                      all of them, a line each
  sim presets ring8.ron            the text of one, with its comments
  sim presets zen3-ccx-8           a machine, with the source of every figure
  sim presets ring8.ron > mine.ron")]
pub(super) struct PresetsArgs {
    /// The preset to show.
    name: Option<String>,
}

pub(super) fn run(args: &PresetsArgs) -> Result<(), Failure> {
    let Some(name) = args.name.as_deref() else { return list() };
    let file = format!("{name}.ron");
    let experiment = experiment_text(name).or_else(|| experiment_text(&file));
    let sweep = || sweep_text(name).or_else(|| sweep_text(&file));
    match experiment.or_else(sweep).or_else(|| machine_text(name)) {
        Some(text) => output::raw(text),
        None => {
            // Without the ending, which would make short names look far from each other.
            let files = experiment_names().chain(sweep_names()).map(stem_of);
            let help = near(stem_of(name), files.chain(machine_names()), "presets") + "; `sim presets` lists them";
            Err(InputError::text(&format!("there is no preset \"{name}\""), &help).into())
        }
    }
}

fn stem_of(name: &str) -> &str {
    name.strip_suffix(".ron").unwrap_or(name)
}

fn list() -> Result<(), Failure> {
    let mut experiments = Vec::new();
    for name in experiment_names() {
        experiments.push((name, configs::load(name)?.experiment.question));
    }
    let mut sweeps = Vec::new();
    for name in sweep_names() {
        sweeps.push((name, configs::sweep::load_sweep(name)?.file.question));
    }
    let machines: Vec<(&str, String)> = machine_names().map(|n| (n, machine_summary(n).unwrap_or_default())).collect();
    let width = experiments.iter().chain(&sweeps).chain(&machines).map(|(n, _)| n.len()).max().unwrap_or(0);
    let lines = |all: &[(&str, String)]| {
        let line = |(n, why): &(&str, String)| {
            let has_room = output::width() >= width + 4 + WHY_MIN;
            let text = if has_room { format!("  {n:<width$}  {why}") } else { format!("  {n}\n    {why}") };
            reports::wrap_hanging(&text, output::width(), if has_room { width + 4 } else { 4 }).join("\n") + "\n"
        };
        all.iter().map(line).collect::<String>()
    };
    let said = |what: &str| reports::wrap_hanging(what, output::width(), 2).join("\n") + "\n";
    let text = [
        said("experiments, and what each asks (sim run NAME):") + &lines(&experiments),
        said("sweeps, and what each asks (sim sweep NAME):") + &lines(&sweeps),
        said("machines (sim run NAME --machine MACHINE):") + &lines(&machines),
        said("`sim presets NAME` shows one in full."),
    ]
    .join("\n");
    output::print(&text)
}
