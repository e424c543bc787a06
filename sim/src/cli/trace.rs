// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim run --trace` and `--timeline`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use rqsim::files::{write_bytes, write_text};
use rqsim::plan::{InputError, Plan, StagePlan};
use rqsim::window::{Wanted, trace};

use super::{Failure, output};

/// A window of one run instead of records.
#[derive(Debug, Args)]
#[command(next_help_heading = "One run in full, instead of records")]
pub(super) struct TraceFlags {
    /// Write a trace for ui.perfetto.dev of one run: choose it with `--stages` and `--seeds`. No records are written then.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Write a time line of one run as SVG: cores down, time across.
    #[arg(long, value_name = "FILE")]
    timeline: Option<PathBuf>,
    /// Which part of the run: FROM..TO of simulated time, first-timeout or label:NAME, the latter two with +-SPAN for the time
    /// before and after [default: 0us..1ms].
    #[arg(long, value_name = "WINDOW")]
    trace_window: Option<Wanted>,
    /// Overwrite the files of `--trace` and `--timeline` if they are there.
    #[arg(long)]
    force: bool,
}

/// The only stage and seed of a plan.
fn only(plan: &Plan) -> Result<(&StagePlan, u64), InputError> {
    match (plan.stages.as_slice(), plan.seeds.as_slice()) {
        ([stage], [seed]) => Ok((stage, *seed)),
        (stages, seeds) => {
            let names: Vec<&str> = stages.iter().map(|s| s.name.as_str()).collect();
            let list: Vec<String> = seeds.iter().take(8).map(u64::to_string).collect();
            let more = if seeds.len() > list.len() { ", ..." } else { "" };
            let what =
                format!("a trace is of one run, and these are {} stages and {} seeds", stages.len(), seeds.len());
            let help = format!(
                "choose with --stages and --seeds, as in `--stages {} --seeds {}`; stages: {}; seeds: {}{more}",
                names.first().unwrap_or(&"base"),
                list.first().map_or("1", String::as_str),
                names.join(", "),
                list.join(", "),
            );
            Err(InputError::text(&what, &help))
        }
    }
}

impl TraceFlags {
    /// True if no records are wanted but a window.
    pub(super) fn is_wanted(&self) -> bool {
        self.trace.is_some() || self.timeline.is_some() || self.trace_window.is_some()
    }

    pub(super) fn run(&self, plan: &Plan, exact: bool, quiet: bool) -> Result<(), Failure> {
        if self.trace.is_none() && self.timeline.is_none() {
            let help = "give --trace out.pftrace or --timeline out.svg";
            return Err(InputError::text("--trace-window: there is nothing to write", help).into());
        }
        let (stage, seed) = only(plan)?;
        for path in self.trace.iter().chain(&self.timeline) {
            check(path, self.force)?;
        }
        let wanted = self.trace_window.clone().unwrap_or_default();
        let start = Instant::now();
        let trace = trace(&plan.loaded, stage, seed, exact, &wanted)?;
        let took = start.elapsed().as_secs_f64();
        if !quiet {
            output::say(&format!(
                "traced {} ns to {} ns of simulated time, {} events, in {took:.1} s",
                trace.from_ns,
                trace.to_ns,
                trace.events.len()
            ));
        }
        write(&trace, self.trace.as_deref(), self.timeline.as_deref(), quiet)
    }
}

/// Writes a trace and a time line, whichever is wanted.
pub(super) fn write(
    trace: &reports::trace::Trace,
    file: Option<&Path>,
    timeline: Option<&Path>,
    quiet: bool,
) -> Result<(), Failure> {
    if let Some(path) = file {
        let bytes = reports::trace::encode(trace);
        write_bytes(path, &bytes)?;
        if !quiet {
            let mb = bytes.len() as f64 / 1e6;
            output::say(&format!("trace:    {} ({mb:.1} MB; open it at ui.perfetto.dev)", path.display()));
        }
    }
    if let Some(path) = timeline {
        write_text(path, &reports::plots::timeline(trace)?)?;
        if !quiet {
            output::say(&format!("timeline: {}", path.display()));
        }
    }
    Ok(())
}

/// Before any work: the file can be written, as far as that can be seen.
pub(super) fn check(path: &Path, force: bool) -> Result<(), InputError> {
    output::check_free(path, force, "another name")?;
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    if let Some(p) = parent.filter(|p| !p.is_dir()) {
        let what = format!("{} cannot be written: there is no folder {}", path.display(), p.display());
        return Err(InputError::text(&what, "make the folder first, or give another name"));
    }
    Ok(())
}
