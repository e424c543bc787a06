// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim doctor`: is everything here that the commands need?

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;
use reports::StageSummary;

use super::{Failure, output};

/// Programs that are of use beside rqsim, and for what.
const TOOLS: &[(&str, &str)] = &[
    ("man", "reads the pages of `sim man`"),
    ("mdbook", "builds the book in docs/"),
    ("herd7", "makes logs that `sim litmus --expect` takes"),
    ("sbatch", "submits jobs to a Slurm cluster"),
];

/// Memory that the usual experiments fit into, MiB.
const MEMORY_MIB: u64 = 512;

/// Look at this machine: version, processors, memory, terminal, fonts, where results go, and a tiny run.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sim doctor
  sim doctor --out /scratch/results      is that folder usable?

Exit codes: 0 all well, warnings included; 2 something that is needed is missing.")]
pub(super) struct DoctorArgs {
    /// Folder to try to write to.
    #[arg(long, short, value_name = "DIR", default_value = "results")]
    out: PathBuf,
}

/// How a check ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Ok,
    /// Works, and could be better.
    Warn,
    Bad,
    /// Told for information.
    Note,
}

struct Line {
    mark: Mark,
    what: &'static str,
    found: String,
}

pub(super) fn run(args: &DoctorArgs) -> Result<(), Failure> {
    let mut lines = vec![
        Line { mark: Mark::Ok, what: "version", found: rqsim::VERSION.to_owned() },
        Line {
            mark: Mark::Note,
            what: "system",
            found: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        },
        processors(),
        memory(),
        terminal(),
        results(&args.out),
        tiny_run(),
    ];
    lines.extend(TOOLS.iter().map(|&(name, why)| tool(name, why)));
    let colored = output::color(std::io::stdout().is_terminal());
    let width = lines.iter().map(|l| l.what.len()).max().unwrap_or(0);
    let mut text = String::new();
    for l in &lines {
        let (word, on) = match l.mark {
            Mark::Ok => ("ok  ", "\u{1b}[32m"),
            Mark::Warn => ("warn", "\u{1b}[33m"),
            Mark::Bad => ("BAD ", "\u{1b}[31m"),
            Mark::Note => ("    ", ""),
        };
        let line = format!("{word}  {:<width$}  {}", l.what, l.found);
        for (i, line) in reports::wrap_hanging(&line, output::width().min(120), width + 8).iter().enumerate() {
            match line.strip_prefix(word.trim_end()).filter(|_| i == 0 && colored && !on.is_empty()) {
                Some(rest) => text += &format!("{on}{}\u{1b}[0m{rest}\n", word.trim_end()),
                None => text += &format!("{line}\n"),
            }
        }
    }
    output::print(&text)?;
    if lines.iter().any(|l| l.mark == Mark::Bad) { Err(Failure::Told) } else { Ok(()) }
}

fn processors() -> Line {
    match std::thread::available_parallelism() {
        Ok(n) => Line { mark: Mark::Ok, what: "processors", found: format!("{n}, one worker thread each") },
        Err(e) => Line {
            mark: Mark::Warn,
            what: "processors",
            found: format!("not known ({e}); one worker thread, --threads changes that"),
        },
    }
}

fn memory() -> Line {
    let field = |text: &str, name: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib / 1024)
    };
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    match (field(&text, "MemAvailable:"), field(&text, "MemTotal:")) {
        (Some(free), Some(all)) => {
            let mark = if free < MEMORY_MIB { Mark::Warn } else { Mark::Ok };
            Line { mark, what: "memory", found: format!("{free} MiB free of {all} MiB") }
        }
        _ => Line { mark: Mark::Note, what: "memory", found: "not known on this system".into() },
    }
}

fn terminal() -> Line {
    let is_terminal = std::io::stdout().is_terminal();
    let color = if output::color(is_terminal) { "colour" } else { "no colour" };
    let letters = if output::ascii() { "ASCII only, as the locale says" } else { "UTF-8" };
    let kind = if is_terminal { "a terminal" } else { "no terminal" };
    let mark = if output::width() < 60 { Mark::Warn } else { Mark::Ok };
    Line { mark, what: "terminal", found: format!("{kind}, {} columns, {color}, {letters}", output::width()) }
}

/// Writes a file to where results go, and removes it; leaves no folder behind that was not there.
fn results(dir: &Path) -> Line {
    let line = |mark, found| Line { mark, what: "results", found };
    let there = dir.ancestors().find(|p| p.exists() || p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    if !there.is_dir() {
        return line(Mark::Bad, format!("{} is in the way: it is a file", there.display()));
    }
    let probe = there.join(format!(".sim-doctor-{}", std::process::id()));
    let tried = std::fs::write(&probe, [b'x'; 4096]);
    let removed = std::fs::remove_file(&probe);
    match tried.and(removed) {
        Ok(()) if there == dir => line(Mark::Ok, format!("{} can be written{}", dir.display(), room(there))),
        Ok(()) => line(Mark::Ok, format!("{} can be made{}", dir.display(), room(there))),
        Err(e) => line(Mark::Bad, format!("{} cannot be written: {e}; --out names another folder", dir.display())),
    }
}

/// Free space, where `df` tells it.
fn room(dir: &Path) -> String {
    let out = std::process::Command::new("df").arg("-Pk").arg(dir).output();
    let text = out.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
    let kib = text.lines().nth(1).and_then(|l| l.split_whitespace().nth(3)?.parse::<u64>().ok());
    kib.map_or_else(String::new, |k| format!(", {} MiB free", k / 1024))
}

/// Runs a small preset twice, with and without shortcuts, and draws its figures: same records, fonts found.
fn tiny_run() -> Line {
    let line = |mark, found| Line { mark, what: "tiny run", found };
    let planned = configs::load("uncontended.ron").map_err(|e| e.to_string());
    let planned = planned.and_then(|l| rqsim::plan::plan(l).map_err(|e| e.plain));
    let plan = match planned {
        Ok(p) => p,
        Err(e) => return line(Mark::Bad, e),
    };
    let (Some(stage), Some(&seed)) = (plan.stages.first(), plan.seeds.first()) else {
        return line(Mark::Bad, "the preset has nothing to run".into());
    };
    let [fast, exact] = [false, true].map(|exact| rqsim::run::run(&plan.loaded, stage, seed, exact).record);
    match (fast.to_json_line(), exact.to_json_line()) {
        (Ok(a), Ok(b)) if a == b => {}
        _ => return line(Mark::Bad, "two runs of one experiment differ: please report this".into()),
    }
    let drawn = reports::plots::figures(&StageSummary::from_records(&[fast]))
        .and_then(|all| all.iter().map(|f| f.png().map(|png| png.len())).sum::<Result<usize, _>>());
    match drawn {
        Ok(_) => line(Mark::Ok, "the same with and without shortcuts; figures drawn with the fonts inside".into()),
        Err(e) => line(Mark::Bad, e.to_string()),
    }
}

fn tool(name: &'static str, why: &str) -> Line {
    let path = std::env::var_os("PATH").unwrap_or_default();
    match std::env::split_paths(&path).map(|p| p.join(name)).find(|p| p.is_file()) {
        Some(at) => Line { mark: Mark::Ok, what: name, found: format!("{} (optional: {why})", at.display()) },
        None => Line { mark: Mark::Note, what: name, found: format!("not found (optional: {why})") },
    }
}
