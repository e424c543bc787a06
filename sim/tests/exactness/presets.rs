// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every machine preset runs the lock: to its end, with counts that add up, and fast as exact. Between them they have
//! tso and weak order, rings and meshes, one node and two, last levels of both kinds and atomics of both kinds.

use configs::presets::{experiment_text, machine_names};
use configs::{Atomics, Inclusion, MemoryModel, Numa, parse};
use rqsim::plan::plan;
use rqsim::run::run;

/// The preset `hammer8` on another machine, cut short.
fn hammer(machine: &str) -> configs::Loaded {
    let text = experiment_text("hammer8.ron").expect("an embedded preset");
    let wanted = [
        (r#"Preset("skylake-ring-8")"#, format!("Preset(\"{machine}\")")),
        (r#"duration: "20ms""#, r#"duration: "30us", measure: (attribution: true)"#.to_owned()),
    ];
    let text = wanted.iter().fold(text.to_owned(), |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text.replace(from, to)
    });
    parse(&text, machine).unwrap_or_else(|e| panic!("{}", e.render(false)))
}

#[test]
fn the_lock_runs_on_every_machine_preset_and_fast_is_exact() {
    for name in machine_names() {
        let plan = plan(hammer(name)).unwrap_or_else(|e| panic!("{name}: {}", e.plain));
        let cores = u64::from(plan.loaded.experiment.machine.cores);
        let [fast, exact] = [false, true].map(|exact| run(&plan.loaded, &plan.stages[0], 1, exact));
        let line = |r: &reports::Record| r.to_json_line().expect("a record is JSON");
        assert_eq!(line(&fast.record), line(&exact.record), "{name}");
        let r = &fast.record;
        assert_eq!(r.status, "ok", "{name}");
        assert_eq!(r.check(), Ok(()), "{name}");
        let held: u64 = r.contexts.values().map(|c| c.held).sum();
        assert!(held > cores, "{name}: {cores} cores, {held} times held");
    }
}

#[test]
fn the_machine_presets_have_something_of_every_kind() {
    let machines: Vec<_> = machine_names().map(|n| hammer(n).experiment.machine).collect();
    let some = |of: fn(&configs::Machine) -> bool| machines.iter().any(of) && !machines.iter().all(of);
    assert!(some(|m| matches!(m.memory_model, MemoryModel::Weak { .. })));
    assert!(some(|m| m.llc.inclusion == Inclusion::Inclusive));
    assert!(some(|m| m.atomics == Atomics::Far));
    assert!(some(|m| m.numa != Numa::Hashed));
}
