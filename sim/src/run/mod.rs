// SPDX-License-Identifier: MIT OR Apache-2.0
//! One run: a stage with a seed, from cycle 0 to rest, and its record.

mod finding;
mod measure;
mod stuck;

pub use finding::find;
pub(crate) use finding::{lock_name, unclean};
pub(crate) use stuck::stuck;

use std::time::Instant;

use configs::{Experiment, Loaded};
use reports::{Record, names};
use sim_core::time::Cycle;

use crate::machine::{Machine, MachineSpec, Outcome, Skipped};
use crate::observe::{Attempt, KernelView, Observer};
use crate::plan::{StagePlan, point_text};
use measure::measure;

/// Simulated cycles between two looks at the observer for a broken invariant.
const SLICE_CYCLES: u64 = 50_000_000;

/// A finished run.
#[derive(Clone, Debug)]
pub struct Finished {
    /// What is kept of it.
    pub record: Record,
    /// Events the engine handled. Depends on the shortcuts, so it is not in the record.
    pub events: u64,
    /// What was not simulated but added up. Likewise.
    pub skipped: Skipped,
    /// The longest attempts, longest first: those of the record, with their cycles.
    pub worst: Vec<Attempt>,
}

/// When to give up on a run. Looked at every 50 million cycles of simulated time; a run that has come to rest before is kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct Budget {
    /// Micro-ops retired.
    pub micro_ops: Option<u64>,
    /// An instant of the host's clock.
    pub until: Option<Instant>,
}

impl Budget {
    fn is_spent(&self, machine: &Machine<Observer>) -> Option<(&'static str, String)> {
        let retired = machine.retired();
        if let Some(max) = self.micro_ops.filter(|max| retired > *max) {
            return Some((names::BUDGET, format!("budget: {retired} micro-ops retired, {max} allowed\n")));
        }
        let late = self.until.is_some_and(|t| Instant::now() > t);
        late.then(|| (names::TIMEOUT, "timeout: the host's time for one run was over\n".to_owned()))
    }
}

/// Runs a stage with a seed.
#[must_use]
pub fn run(loaded: &Loaded, stage: &StagePlan, seed: u64, exact: bool) -> Finished {
    let mut finished = run_within(loaded, stage, seed, exact, Budget::default());
    finished.record.config = point_text(loaded, stage.idx as usize, &[seed]);
    finished
}

/// Runs a stage with a seed, and simulates every acquisition: computes spins, but skips no periods. For measurements of the engine.
#[must_use]
pub fn run_simulated(loaded: &Loaded, stage: &StagePlan, seed: u64) -> Finished {
    let mut finished = run_to_end(loaded, stage, seed, (false, false), Budget::default());
    finished.record.config = point_text(loaded, stage.idx as usize, &[seed]);
    finished
}

/// Runs a stage with a seed as long as the budget lasts. The record's `config` is left empty.
#[must_use]
pub fn run_within(loaded: &Loaded, stage: &StagePlan, seed: u64, exact: bool, budget: Budget) -> Finished {
    run_to_end(loaded, stage, seed, (exact, !exact), budget)
}

fn run_to_end(loaded: &Loaded, stage: &StagePlan, seed: u64, (exact, skips): (bool, bool), budget: Budget) -> Finished {
    let e = &loaded.experiment;
    let khz = stage.spec.clock.khz;
    let spec = MachineSpec { seed, exact, ..stage.spec.clone() };
    let new = || {
        let observer = Observer::new(spec.memory.cores, spec.clock, e.measure.stuck_threshold.cycles(khz));
        let mut machine = Machine::new(&spec, observer.with_kernel(KernelView::of(e)));
        if e.measure.attribution {
            machine.attribute();
        }
        machine
    };
    let mut machine = new();
    if skips {
        machine.skip_periods();
    }
    let limit = spec.stop_at.after(e.limits.quiesce.cycles(khz));
    let (mut outcome, mut slice_end, mut broken_off) = run_to_rest(&mut machine, limit, &budget);
    if matches!(outcome, Outcome::Fault(_)) && !exact {
        // Once more, so that the account shows all cores in the instant of the fault.
        machine = new();
        machine.keep_in_step();
        (outcome, slice_end, broken_off) = run_to_rest(&mut machine, limit, &budget);
    }
    // A machine that was stopped counts as having run until then, whatever it did last.
    let mut end = if outcome == Outcome::Limit { slice_end } else { machine.last_event() };
    if !broken_off {
        end = end.max(spec.stop_at);
    }
    machine.probe.close(end);
    let spent = (broken_off && machine.probe.violation().is_none()).then(|| budget.is_spent(&machine)).flatten();
    let finding = spent.or_else(|| find(&machine, &outcome));
    let mut record = measure(&machine, end, heading(e, stage, seed));
    record.simulated_ns = spec.clock.nanos(spec.stop_at.min(end));
    let (status, finding) = match finding {
        None => (names::OK, None),
        Some((status, text)) => (status, Some(text)),
    };
    (record.status, record.finding) = (status.to_owned(), finding);
    Finished { record, events: machine.events(), skipped: machine.skipped(), worst: machine.probe.worst().to_vec() }
}

/// The record of a run as far as it is known before the run: which one it is, and nothing measured.
pub(crate) fn heading(e: &Experiment, stage: &StagePlan, seed: u64) -> Record {
    let expect = match e.stages[stage.idx as usize].expect {
        configs::Expect::Ok => names::OK,
        configs::Expect::Hang => names::HANG,
        configs::Expect::Violation => names::VIOLATION,
    };
    Record {
        format: reports::FORMAT,
        version: crate::VERSION.to_owned(),
        experiment: e.title.clone(),
        stage: stage.name.clone(),
        stage_idx: stage.idx,
        lock: stage.spec.program.name.clone(),
        machine: e.machine.name.clone(),
        base: stage.base.map_or_else(String::new, |b| b.name().to_owned()),
        patches: stage.patches.clone(),
        seed,
        config_hash: stage.config_hash.clone(),
        program_hash: stage.program_hash.clone(),
        clock_khz: stage.spec.clock.khz,
        cpus: e.machine.cores,
        expect: expect.to_owned(),
        ..Record::default()
    }
}

/// How it ended, the limit of the last slice, and whether it was broken off there: an invariant is broken, some
/// context can never go on, or the budget is spent. Slices do not depend on shortcuts, so neither does the instant.
fn run_to_rest(machine: &mut Machine<Observer>, limit: Cycle, budget: &Budget) -> (Outcome, Cycle, bool) {
    let mut slice = Cycle(0);
    loop {
        slice = slice.after(SLICE_CYCLES).min(limit);
        let outcome = machine.run_until(slice);
        if outcome != Outcome::Limit {
            return (outcome, slice, false);
        }
        let spent = || budget.is_spent(machine).is_some();
        let broken_off =
            machine.probe.violation().is_some() || spent() || stuck(machine, machine.probe.oracle(), slice).is_some();
        if broken_off || slice == limit {
            return (outcome, slice, broken_off);
        }
    }
}
