// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim explore`: reductions change no verdict, known findings are found, planted mistakes are caught, timed runs are paths.

mod bitstate;
mod cli;
mod deadlock;
mod findings;
mod merged;
mod mutants;
mod page;
mod replay;
mod shrink;
mod timed;

use configs::{Experiment, Loaded};
use rqsim::explore::{PROPERTIES, Row, Size, search_stage, shorten_waits, system};
use rqsim::plan::{Plan, plan};
use sim_core::untimed::{Model, System};

/// Memory of one search.
const BYTES: usize = 2 << 30;

/// One interrupt, nothing left out.
const SIZE: Size = Size { model: None, interrupts: 1, rounds: 1, store_buffer: None, merged: true };

/// A preset on two cores, changed.
fn lab(preset: &str, change: impl FnOnce(&mut Experiment)) -> Plan {
    let mut loaded: Loaded = configs::load(preset).unwrap_or_else(|e| panic!("{}", e.render(false)));
    loaded.experiment.machine.cores = 2;
    change(&mut loaded.experiment);
    shorten_waits(&mut loaded).unwrap_or_else(|e| panic!("{}", e.plain));
    plan(loaded).unwrap_or_else(|e| panic!("{}", e.plain))
}

/// Keeps these stages only.
fn only(e: &mut Experiment, stages: &[&str]) {
    e.stages.retain(|s| stages.contains(&s.name.as_str()));
    assert_eq!(e.stages.len(), stages.len(), "{stages:?}");
}

/// Tasks on this core only.
fn task_on(e: &mut Experiment, core: u32) {
    e.workload.tasks.iter_mut().for_each(|t| t.on = configs::Cpus::Cpus(vec![core]));
}

fn search(plan: &Plan, size: &Size) -> Vec<Row> {
    let one = |s| search_stage(plan, s, size, BYTES, |_| false).unwrap_or_else(|e| panic!("{}", e.plain));
    plan.stages.iter().map(one).collect()
}

fn system_of(plan: &Plan, stage: usize, size: &Size) -> System {
    system(&plan.stages[stage], size).unwrap_or_else(|e| panic!("{}", e.plain))
}

/// Everything but the cost of a search: verdicts in the order of the properties, and how attempts can end by time.
fn verdicts(row: &Row) -> Vec<String> {
    assert!(row.is_complete());
    let of_property = PROPERTIES.iter().map(|p| row.verdict(p.name()));
    of_property.chain(row.told.iter().cloned()).collect()
}

const MODELS: [Model; 2] = [Model::Sc, Model::Tso];
