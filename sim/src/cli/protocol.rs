// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim protocol`: a coherence protocol's tables, printed or checked exhaustively.

use std::fmt::Write as _;

use cache_model::protocol::check::{
    BusOptions, CACHES_MAX, Options, Report, Verdict, check, check_bus, check_two_lines,
};
use cache_model::protocol::{Format, PatchError, SNOOPING, Tables, UnknownProtocol, list};
use clap::Args;
use rqsim::plan::InputError;
use sim_core::asm::near_name;

use super::{Failure, output};

/// Print a coherence protocol's tables, or check them exhaustively.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sim protocol moesi --format graphviz | dot -Tsvg > moesi.svg
  sim protocol mesi --check 3               every order of messages of three caches on one line
  sim protocol mesi --check 2 --two-lines   two lines that share the forward network
  sim protocol mesi --check 3 --textbook    the directory that is memory: counts to compare with published ones
  sim protocol mesi --check 2 --cell 'cache E Evict = DropCopy -> I'

Exit codes: 0 every property holds; 1 one does not (the shortest way to it is printed), or the limit was reached; 2 unusable input.")]
pub(super) struct ProtocolArgs {
    /// A base (msi, mesi, mesif, moesi) with variants behind it, or snoop-msi or snoop-mesi; without a name, all are
    /// listed.
    name: Option<String>,
    /// How to write the tables.
    #[arg(long, value_enum, default_value_t = TableFormat::Text, conflicts_with = "check")]
    format: TableFormat,
    /// Replace a cell: `SIDE STATE EVENT = ACTION, .. -> STATE`, or `= Stall`, or `= Impossible`. Can be repeated.
    #[arg(long, value_name = "CELL")]
    cell: Vec<String>,
    /// Explore every reachable state of this many caches, instead of printing.
    #[arg(long, value_name = "CACHES", value_parser = clap::value_parser!(u8).range(1..=CACHES_MAX as i64))]
    check: Option<u8>,
    /// The directory is memory, as in textbooks: four counts, with and without symmetry and data.
    #[arg(long, requires = "check", conflicts_with_all = ["two_lines", "no_recall", "control_only"])]
    textbook: bool,
    /// Two lines of one home instead of one; two caches only. States are those up to the names of caches and lines.
    #[arg(long, requires = "check")]
    two_lines: bool,
    /// Count states that differ in the names of caches only once.
    #[arg(long, requires = "check", conflicts_with_all = ["textbook", "two_lines"])]
    symmetry: bool,
    /// Most requests that may wait at the home or at a cache of a snooping bus, 1 to 5.
    #[arg(long, value_name = "REQUESTS", requires = "check", default_value_t = 3,
          value_parser = clap::value_parser!(u8).range(1..=5))]
    queue: u8,
    /// The home never takes a line back to free its way.
    #[arg(long, requires = "check")]
    no_recall: bool,
    /// Do not follow which copies are the newest: fewer states, and values are not checked.
    #[arg(long, requires = "check")]
    control_only: bool,
    /// Let messages of the forward network overtake each other: a deliberate fault.
    #[arg(long, requires = "check", conflicts_with = "two_lines")]
    unordered: bool,
    /// Give up when this many states are known; some 100 bytes each.
    #[arg(long, value_name = "STATES", requires = "check", default_value_t = 50_000_000)]
    states_max: usize,
}

/// How a protocol's tables are written.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum TableFormat {
    /// In words, a block per state.
    Text,
    /// A table per side and a legend.
    Markdown,
    /// A graph of states per side; `dot -Tsvg` draws it.
    Graphviz,
}

pub(super) fn run(args: &ProtocolArgs) -> Result<(), Failure> {
    let Some(name) = &args.name else {
        if args.check.is_some() || !args.cell.is_empty() {
            let what = "--check and --cell are about one protocol, and none is named";
            return Err(InputError::text(what, "as in `sim protocol mesi --check 3`").into());
        }
        return output::fitted(&list());
    };
    let known = Tables::by_name(name).ok_or_else(|| {
        let all = Tables::all().into_iter().map(|t| &*t.name).chain(SNOOPING);
        let help = near_name(name, all).map(|n| format!("did you mean `{n}`?"));
        let help = help.unwrap_or_else(|| "`sim protocol mesi` prints one".to_owned());
        InputError::text(&UnknownProtocol(name.clone()).to_string(), &help)
    })?;
    let mut tables = known.clone();
    for text in &args.cell {
        tables = tables.patched(text).map_err(|e| not_a_cell(text, &e))?;
    }
    match args.check {
        None => {
            let format = match args.format {
                TableFormat::Text => Format::Text,
                TableFormat::Markdown => Format::Markdown,
                TableFormat::Graphviz => Format::Graphviz,
            };
            let text = tables.render(format);
            if format == Format::Text { output::fitted(&text) } else { output::raw(&text) }
        }
        Some(caches) if tables.snooping => on_a_bus(&tables, args, caches.into()),
        Some(caches) if args.textbook => textbook(&tables, args, caches.into()),
        Some(caches) if args.two_lines => two_lines(&tables, args, caches.into()),
        Some(caches) => machine(&tables, args, caches.into()),
    }
}

/// The error for a `--cell` that was not understood.
fn not_a_cell(text: &str, e: &PatchError) -> InputError {
    let caret = format!("{:>width$}", "^", width = e.column);
    let what = format!("--cell, column {}: {}\n  {text}\n  {caret}", e.column, e.what);
    let near: Vec<String> = match e.what.split('`').nth(1) {
        Some(word) => configs::near_names(word, e.expected.iter().copied()).iter().map(|n| format!("`{n}`")).collect(),
        None => Vec::new(),
    };
    let help = match (near.is_empty(), e.expected.is_empty()) {
        (false, _) => format!("did you mean {}?", near.join(" or ")),
        (true, false) => format!("expected {}", e.expected.join(" ")),
        (true, true) => "one cell per --cell, as in 'cache E Evict = DropCopy -> I'".to_string(),
    };
    InputError::text(&what, &help)
}

fn explored(tables: &Tables, options: &Options) -> Result<Report, Failure> {
    Ok(check(tables, options).map_err(|e| InputError::text(&e.to_string(), "`--check 3` explores three"))?)
}

fn machine(tables: &Tables, args: &ProtocolArgs, caches: usize) -> Result<(), Failure> {
    let options = Options::machine(caches, !args.no_recall)
        .with_data(!args.control_only)
        .with_symmetry(args.symmetry)
        .with_forward_ordered(!args.unordered)
        .with_states_max(args.states_max);
    let report = explored(tables, &options)?;
    say(tables, &report, format!("{}, {caches} caches, one line{}\n{report}", tables.name, patches(args)))
}

/// Prints what an exploration found, and which cells it did not take; fails unless every property holds.
fn say(tables: &Tables, report: &Report, mut text: String) -> Result<(), Failure> {
    let (cache, home) = (report.coverage.cache_untaken(tables), report.coverage.home_untaken(tables));
    if report.verdict == Verdict::Holds {
        let mut untaken = cache.iter().map(|(s, e)| format!("cache {s} {e}")).collect::<Vec<_>>();
        untaken.extend(home.iter().map(|(s, e)| format!("home {s} {e}")));
        let _ = match untaken.as_slice() {
            [] => writeln!(text, "every cell with actions is taken"),
            some => writeln!(text, "cells with actions never taken: {}", some.join(", ")),
        };
    }
    output::fitted(&text)?;
    if report.verdict == Verdict::Holds { Ok(()) } else { Err(Failure::Found) }
}

fn on_a_bus(tables: &Tables, args: &ProtocolArgs, caches: usize) -> Result<(), Failure> {
    let of_directories = [
        (args.textbook, "--textbook"),
        (args.two_lines, "--two-lines"),
        (args.no_recall, "--no-recall"),
        (args.control_only, "--control-only"),
        (args.unordered, "--unordered"),
    ];
    if let Some((_, option)) = of_directories.iter().find(|(given, _)| *given) {
        let what = format!("{option} is about protocols with a directory, and {} has none", tables.name);
        return Err(InputError::text(&what, "leave it out").into());
    }
    let queue = usize::from(args.queue);
    let options = BusOptions { caches, queue, symmetry: args.symmetry, states_max: args.states_max };
    let report =
        check_bus(tables, &options).map_err(|e| InputError::text(&e.to_string(), "`--check 3` explores three"))?;
    let head = format!("{}, {caches} caches, one line, queues of {queue}{}", tables.name, patches(args));
    say(tables, &report, format!("{head}\n{report}"))
}

fn textbook(tables: &Tables, args: &ProtocolArgs, caches: usize) -> Result<(), Failure> {
    output::fitted(&format!(
        "{}, {caches} caches, one line, the directory is memory{}\n{:<20} {:>12} {:>12} {:>6} {:>6}  pairs met\n",
        tables.name,
        patches(args),
        "variant",
        "states",
        "transitions",
        "depth",
        "queue"
    ))?;
    let mut good = true;
    for (name, data, symmetry) in [
        ("control", false, false),
        ("control, symmetry", false, true),
        ("data", true, false),
        ("data, symmetry", true, true),
    ] {
        let options = Options::textbook(caches)
            .with_data(data)
            .with_symmetry(symmetry)
            .with_forward_ordered(!args.unordered)
            .with_states_max(args.states_max);
        let report = explored(tables, &options)?;
        let (cache, home) = report.coverage.pairs(tables);
        let Report { states, transitions, depth, forward_queue_max, .. } = report;
        let mut line = format!(
            "{name:<20} {states:>12} {transitions:>12} {depth:>6} {forward_queue_max:>6}  {cache} cache, {home} home\n"
        );
        match &report.verdict {
            Verdict::Holds => {}
            Verdict::LimitReached => line.push_str("  not finished: the limit of states was reached (--states-max)\n"),
            Verdict::Violated(v) => {
                let _ = writeln!(line, "  VIOLATED after {} steps: {}", v.depth, v.fault);
                v.trace.iter().for_each(|step| line.push_str(&format!("    {step}\n")));
            }
        }
        good &= report.verdict == Verdict::Holds;
        output::fitted(&line)?;
    }
    if good { Ok(()) } else { Err(Failure::Found) }
}

fn two_lines(tables: &Tables, args: &ProtocolArgs, caches: usize) -> Result<(), Failure> {
    let options =
        Options::machine(caches, !args.no_recall).with_data(!args.control_only).with_states_max(args.states_max);
    let report = check_two_lines(tables, &options, true)
        .map_err(|_| InputError::text("two lines are explored with two caches", "`--check 2 --two-lines`"))?;
    let mut text = format!(
        "{}, {caches} caches, two lines{}\n{} states, {} transitions\n",
        tables.name,
        patches(args),
        report.states,
        report.transitions
    );
    let _ = match &report.fault {
        None if !report.complete => writeln!(text, "not finished: limit of states reached (--states-max)"),
        None => writeln!(text, "every property holds"),
        Some(fault) => writeln!(text, "VIOLATED: {fault}"),
    };
    output::fitted(&text)?;
    if report.fault.is_none() && report.complete { Ok(()) } else { Err(Failure::Found) }
}

fn patches(args: &ProtocolArgs) -> String {
    args.cell.iter().map(|c| format!("\npatched: {c}")).collect()
}
