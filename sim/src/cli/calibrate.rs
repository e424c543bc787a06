// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim calibrate`.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rqsim::calibrate::{self, Scope};
use rqsim::files::write_text;
use rqsim::plan::InputError;

use super::{Failure, output};

/// Arguments of `sim calibrate`.
#[derive(Debug, Args)]
pub(super) struct CalibrateArgs {
    /// A machine preset's name, or a file with a machine: an experiment, or a machine written out.
    machine: String,
    /// Folder for the table and the figures [default: results/calibrate-NAME].
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Samples of pairs, sizes and thread counts, instead of all.
    #[arg(long)]
    quick: bool,
    /// Worker threads [default: one per processor].
    #[arg(long, short = 'j', value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

pub(super) fn run(args: &CalibrateArgs) -> Result<(), Failure> {
    let hardware = configs::hardware(&args.machine)?;
    let m = &hardware.machine;
    let dir = args.out.clone().unwrap_or_else(|| PathBuf::from("results").join(format!("calibrate-{}", m.name)));
    // Known before the work is done, not after.
    std::fs::create_dir_all(&dir).map_err(|source| reports::Error::Write { path: dir.clone(), source })?;
    let scope = if args.quick { Scope::QUICK } else { Scope::FULL };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads.map_or(0, usize::from)).build();
    let pool = pool.map_err(|e| InputError::text(&format!("no worker threads: {e}"), "try --threads 1"))?;
    let bar = progress(calibrate::parts(m, scope));
    let measured = pool.install(|| calibrate::calibrate(m, &hardware.published, scope, &|| bar.inc(1)));
    bar.finish_and_clear();
    let c = measured?;
    output::print(&format!("{}\n\n", calibrate::described(&c)))?;
    output::print(&calibrate::table(&c))?;
    if let Some(missing) = calibrate::not_measured(&c) {
        output::print(&format!("\n{missing}"))?;
    }
    let mut files = vec![("calibration.csv", calibrate::csv(&c))];
    files.extend(calibrate::figures(&c, &format!("rqsim {}", env!("CARGO_PKG_VERSION")))?);
    for (name, text) in files {
        let path = dir.join(name);
        write_text(&path, &text)?;
        output::say(&format!("written: {}", path.display()));
    }
    Ok(())
}

/// A bar on a terminal, else nothing.
fn progress(parts: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(parts as u64), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} measurements, {elapsed}");
    style.map_or(bar.clone(), |s| bar.with_style(s))
}
