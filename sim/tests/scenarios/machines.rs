// SPDX-License-Identifier: MIT OR Apache-2.0
//! The stories do not hang on one machine's timings: other machines give other times and the same ends.

use rayon::prelude::*;
use reports::Record;
use rqsim::plan::{Plan, plan};
use rqsim::run::run;

use crate::support::SCENARIOS;

/// How a run ends, which errors are given by what, and what the oracle says of them.
fn story(r: &Record) -> String {
    let errors: Vec<_> = r.edeadlk_by.iter().chain(&r.timeouts_by).filter(|(_, n)| **n > 0).collect();
    let o = &r.oracle;
    let verdicts =
        (o.detected, o.avoided, o.late, o.wrong_culprits, o.false_positives, o.misses, o.timeouts_outside_cycle);
    format!("{} {errors:?} {verdicts:?}", r.status)
}

/// A scenario on another machine; its own if none is given.
fn on(name: &str, machine: Option<&str>) -> Plan {
    let mut loaded = configs::load(name).unwrap_or_else(|e| panic!("{}", e.render(false)));
    if let Some(machine) = machine {
        loaded.experiment.machine = configs::presets::machine(machine).expect("a preset");
    }
    plan(loaded).unwrap_or_else(|e| panic!("{}", e.plain))
}

/// Scenarios in which two checks, or a check and the end of a handler, come close to each other: there the machine decides.
const CLOSE: [&str; 3] = ["wrong-abba-arm64", "hook-end", "three-locks"];

/// Four of the fourteen stages, two of each base; all with `RQSIM_LONG=1`.
#[test]
fn other_machines_tell_the_same_stories() {
    let step = if std::env::var_os("RQSIM_LONG").is_some() { 1 } else { 4 };
    SCENARIOS.par_iter().filter(|n| !CLOSE.contains(n)).for_each(|name| {
        let stories = |machine| -> Vec<String> {
            let plan = on(name, machine);
            let run = |s| story(&run(&plan.loaded, s, plan.seeds[0], false).record);
            plan.stages.iter().step_by(step).map(run).collect()
        };
        let own = stories(None);
        for machine in ["zen3-ccx-8", "neoverse-n1-mesh-80"] {
            assert_eq!(stories(Some(machine)), own, "{name} on {machine}");
        }
    });
}

/// Where the head's check comes before the pending waiter's it is the head that is told EDEADLK, and on bpf-next it has no heir.
#[test]
fn hook_end_hangs_on_next_where_the_head_looks_first() {
    let plan = on("hook-end", Some("neoverse-n1-mesh-80"));
    for stage in &plan.stages {
        let record = run(&plan.loaded, stage, plan.seeds[0], false).record;
        let wanted = if record.base == "bpf-next" { "hang" } else { "ok" };
        assert_eq!(record.status, wanted, "{}", record.stage);
    }
}
