// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arguments, messages, exit codes: 0 all well, 1 a run found something, 2 unusable input.

mod asm;
mod calibrate;
mod experiment;
mod explain;
mod explore;
mod flags;
mod interrupt;
mod litmus;
mod mutate;
mod orderings;
mod output;
mod protocol;
mod report;
mod test_memory;
mod trace;
mod windows;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use flags::{BatchFlags, Changes, StageFlags};
use rqsim::plan::InputError;

/// Deterministic cycle-level simulator of lock algorithms on a multicore machine.
#[derive(Debug, Parser)]
#[command(name = "sim", version = rqsim::VERSION, args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:
  sim --config ring8.ron              the reported freeze, stage by stage
  sim run ring8-next.ron --threads 1  the same on the series' own base
  sim protocol moesi                  a coherence protocol's tables
  sim asm show rqspinlock --patches enclose
  sim calibrate zen3-ccx-8            latencies of a machine beside published ones
  sim litmus tests/ --exhaustive --expect states.log --csv out.csv

Exit codes: 0 all well; 1 a run did not end as its stage expects, or a test failed; 2 unusable input;
130 interrupted. A run is expected to come to rest without a broken invariant, unless its stage says
`expect: Hang` (or Violation): then a hang is well, and its absence is 1.")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run an experiment: a RON file or a preset's name.
    Run(RunCommand),
    /// Check an experiment and its programs without running it.
    Check(CheckArgs),
    /// List the embedded experiments and machines, or show one.
    Presets {
        /// The preset to show.
        name: Option<String>,
    },
    Protocol(protocol::ProtocolArgs),
    /// Run litmus tests: which outcomes a memory model allows, and which the machine shows.
    Litmus(litmus::LitmusArgs),
    /// Test coherence with random accesses on tiny machines: values, false sharing, progress.
    TestMemory(test_memory::TestArgs),
    /// Measure a machine with small programs, beside what is published of the hardware.
    Calibrate(calibrate::CalibrateArgs),
    Explain(explain::ExplainArgs),
    Orderings(orderings::OrderingsArgs),
    Windows(windows::WindowsArgs),
    Explore(explore::ExploreArgs),
    Mutate(mutate::MutateArgs),
    Report(report::ReportArgs),
    /// Look at lock programs.
    #[command(subcommand)]
    Asm(asm::AsmCommand),
}

#[derive(Debug, Args)]
struct RunCommand {
    /// A RON file or a preset's name.
    #[arg(value_name = "EXPERIMENT", conflicts_with = "config")]
    experiment: Option<String>,
    #[command(flatten)]
    args: RunArgs,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// Experiment to run: a RON file or a preset's name.
    #[arg(long, short, value_name = "EXPERIMENT")]
    config: Option<String>,
    #[command(flatten)]
    stages: StageFlags,
    #[command(flatten)]
    batch: BatchFlags,
    /// Simulate every event: no shortcut. Same results, slowly.
    #[arg(long)]
    exact: bool,
    /// Also count traffic by field, program line and context, find false sharing, and say how busy
    /// links are: as `measure: (attribution: true)` in the experiment.
    #[arg(long)]
    attribution: bool,
    /// Also print locks, fairness, results by detector, waiting and interrupt latency, stage by stage.
    #[arg(long)]
    metrics: bool,
    /// Also print what a kernel's log would say about long interrupts, and attempts by duration, for every stage and seed.
    #[arg(long)]
    klog: bool,
    /// Also show how deadlocks were recovered from: until the first check, until the detection, unwinding,
    /// healing, and who paid without being on them. Records have it in any case.
    #[arg(long)]
    anatomy: bool,
    #[command(flatten)]
    trace: trace::TraceFlags,
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// A RON file or a preset's name.
    experiment: String,
    #[command(flatten)]
    stages: StageFlags,
    #[command(flatten)]
    changes: Changes,
}

/// Why a command failed.
enum Failure {
    /// Exit code 2.
    Input(InputError),
    /// Exit code 2: reading or writing.
    Files(reports::Error),
    /// Exit code 2: what was wrong with some input has been said.
    Told,
    /// The reader of our output went away: no error.
    Closed,
    /// Exit code 130: Ctrl-C; what is left has been said.
    Interrupted,
    /// Exit code 1: the runs found something; it has been printed.
    Found,
}

impl From<InputError> for Failure {
    fn from(e: InputError) -> Self {
        Failure::Input(e)
    }
}

impl From<configs::ConfigError> for Failure {
    fn from(e: configs::ConfigError) -> Self {
        Failure::Input(e.into())
    }
}

impl From<reports::Error> for Failure {
    fn from(e: reports::Error) -> Self {
        Failure::Files(e)
    }
}

/// Parses arguments, runs the command, turns its end into an exit code.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        None if cli.run.config.is_none() => {
            output::say("nothing to do: give an experiment, as in `sim --config ring8.ron`; `sim --help` tells more");
            return ExitCode::from(2);
        }
        None => experiment::run(&cli.run, None),
        Some(Command::Run(c)) => experiment::run(&c.args, c.experiment.as_deref()),
        Some(Command::Check(c)) => experiment::check(&c),
        Some(Command::Presets { name }) => experiment::presets(name.as_deref()),
        Some(Command::Protocol(c)) => protocol::run(&c),
        Some(Command::Litmus(c)) => litmus::run(&c),
        Some(Command::TestMemory(c)) => test_memory::run(&c),
        Some(Command::Calibrate(c)) => calibrate::run(&c),
        Some(Command::Explain(c)) => explain::run(&c),
        Some(Command::Orderings(c)) => orderings::run(&c),
        Some(Command::Windows(c)) => windows::run(&c),
        Some(Command::Explore(c)) => return explore::run(&c).unwrap_or_else(fail),
        Some(Command::Mutate(c)) => mutate::run(&c),
        Some(Command::Report(c)) => report::run(&c),
        Some(Command::Asm(c)) => asm::run(&c),
    };
    result.map_or_else(fail, |()| ExitCode::SUCCESS)
}

/// Says what is left to say of a failure, and gives its exit code.
fn fail(failure: Failure) -> ExitCode {
    match failure {
        Failure::Closed => ExitCode::SUCCESS,
        Failure::Found => ExitCode::from(1),
        Failure::Interrupted => ExitCode::from(interrupt::EXIT_CODE),
        Failure::Told => ExitCode::from(2),
        Failure::Input(e) => {
            output::complain(&e);
            ExitCode::from(2)
        }
        Failure::Files(e) => {
            let help = match &e {
                reports::Error::Write { .. } => {
                    "\n  help: is there room, and may you write there? --out names another folder"
                }
                _ => "",
            };
            output::say(&format!("error: {e}{help}"));
            ExitCode::from(2)
        }
    }
}
