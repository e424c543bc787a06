// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arguments, messages, exit codes: 0 all well, 1 a run found something, 2 unusable input.

mod asm;
mod calibrate;
mod doctor;
mod experiment;
mod explain;
mod explore;
mod flags;
mod help;
mod init;
mod interrupt;
mod litmus;
mod mutate;
mod orderings;
mod output;
mod presets;
mod protocol;
mod report;
mod results;
mod shell;
mod sweep;
mod sweep_progress;
mod sweep_slurm;
mod sweep_table;
mod test_memory;
mod trace;
mod windows;

use std::process::ExitCode;

use clap::{Args, FromArgMatches, Parser, Subcommand};
use flags::{BatchFlags, Changes, StageFlags};
use rqsim::plan::InputError;

/// Deterministic cycle-level simulator of lock algorithms on a multicore machine.
#[derive(Debug, Parser)]
#[command(name = "sim", version = rqsim::VERSION, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run an experiment: a RON file or a preset's name.
    #[command(after_help = "Examples:
  sim run ring8.ron                          the reported freeze, stage by stage; results in results/ring8
  sim run ring8.ron --stages base,+1 --seeds 1..9 --out results/mine
  sim run ring8.ron --machine zen3-ccx-8 --set machine.clock=5.4GHz
  sim run mine.ron --metrics --klog          more tables; `sim run --help` has all flags
  sim run ring8.ron --stages base --seeds 1 --timeline freeze.svg --trace-window first-timeout+-2ms

A stage may say `expect: Hang` (or Violation): then a hang is well, and its absence ends with exit code 1.
A run that is there already is not made again; Ctrl-C keeps what is finished.")]
    Run(RunCommand),
    /// Check an experiment and its programs without running it.
    #[command(after_help = "Examples:
  sim check mine.ron
  sim check ring8.ron --machine zen3-ccx-8 --set duration=10ms

Exit codes: 0 it can be run; 2 what is wrong has been printed, with its place and a way out.")]
    Check(CheckArgs),
    Presets(presets::PresetsArgs),
    Init(init::InitArgs),
    Doctor(doctor::DoctorArgs),
    Protocol(protocol::ProtocolArgs),
    /// Run litmus tests: which outcomes a memory model allows, and which the machine shows.
    #[command(after_help = "Examples:
  sim litmus SB.litmus                             1000 timed runs, a histogram
  sim litmus tests/ --exhaustive --model tso       every outcome that the model allows
  sim litmus tests/ --exhaustive --runs 1000       timed runs held against the model
  sim litmus tests/ --exhaustive --expect states.log --csv out.csv")]
    Litmus(litmus::LitmusArgs),
    /// Test coherence with random accesses on tiny machines: values, false sharing, progress.
    #[command(after_help = "Examples:
  sim test-memory                                  every protocol on every network
  sim test-memory --protocol mesif-upgrade --seeds 1..50
  sim test-memory --protocol mesi --inject stale-forward    a fault, and how it is caught")]
    TestMemory(test_memory::TestArgs),
    /// Measure a machine with small programs, beside what is published of the hardware.
    #[command(after_help = "Examples:
  sim calibrate zen3-ccx-8 --quick        a sample: a minute
  sim calibrate mine.ron --out results/mine")]
    Calibrate(calibrate::CalibrateArgs),
    Explain(explain::ExplainArgs),
    Orderings(orderings::OrderingsArgs),
    Windows(windows::WindowsArgs),
    Explore(explore::ExploreArgs),
    Mutate(mutate::MutateArgs),
    Report(report::ReportArgs),
    Sweep(sweep::SweepArgs),
    #[command(subcommand)]
    Results(results::ResultsCommand),
    /// Look at lock programs.
    #[command(
        subcommand,
        after_help = "Examples:
  sim asm patches rqspinlock               its patches, options and parameters
  sim asm show rqspinlock --patches enclose
  sim asm source ticket > mine.uop         the text, to edit
  sim asm check mine.uop"
    )]
    Asm(asm::AsmCommand),
    Completions(shell::CompletionArgs),
    Man(shell::ManArgs),
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
    let matches = match help::command().try_get_matches() {
        Ok(matches) => matches,
        Err(e) => match help::no_such_command(&e).or_else(|| help::not_a_number(&e)) {
            Some(told) => return fail(told.into()),
            None => e.exit(),
        },
    };
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|e| e.exit());
    let result = match cli.command {
        None if cli.run.config.is_none() => {
            output::say("nothing to do: give an experiment, as in `sim --config ring8.ron`; `sim --help` tells more");
            return ExitCode::from(2);
        }
        None => experiment::run(&cli.run, None),
        Some(Command::Run(c)) => experiment::run(&c.args, c.experiment.as_deref()),
        Some(Command::Check(c)) => experiment::check(&c),
        Some(Command::Presets(c)) => presets::run(&c),
        Some(Command::Init(c)) => init::run(&c),
        Some(Command::Doctor(c)) => doctor::run(&c),
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
        Some(Command::Sweep(c)) => sweep::run(&c),
        Some(Command::Results(c)) => results::run(&c),
        Some(Command::Asm(c)) => asm::run(&c),
        Some(Command::Completions(c)) => shell::completions(&c),
        Some(Command::Man(c)) => shell::man(&c),
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
