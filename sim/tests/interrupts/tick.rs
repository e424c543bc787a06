// SPDX-License-Identifier: MIT OR Apache-2.0
//! The timer tick and the line of the clock.

use crate::support::Lab;

/// Core 0 owns the lock for 1 ms; core 1 waits and reads the clock in every iteration.
fn lab(more: &'static str) -> Lab {
    Lab {
        cores: 3,
        params: "\"check_mask\": 0",
        tasks: r#"(on: Cpus([0]), body: [Critical(lock: "a", body: [Work(Fixed("1ms"))])]),
                  (on: Cpus([1]), body: [Work(Fixed("1us")), Critical(lock: "a", body: [])])"#,
        more,
        ..Lab::default()
    }
}

#[test]
fn a_tick_takes_the_clocks_line_from_its_readers() {
    let without = lab("").ok();
    let time = |r: &reports::Record| r.traffic.by_line["time"].messages;
    // 10 ticks a core, on the third of which nothing else happens.
    let with = lab("tick: (rate: \"10kHz\", timekeeper: 2, phase: At(\"50us\")),").ok();
    assert_eq!(with.handlers["hardirq"].count, 30);
    // Each tick takes the line from its reader, and the reader takes it back: at least a request, an invalidation or
    // forward and an answer each way, once a tick; the one load of a machine without a tick is not more than that.
    assert!(time(&without) <= 6, "{}", time(&without));
    assert!(time(&with) >= time(&without) + 9 * 6, "{}", time(&with));
    // Without somebody who reads the clock, ticks write a line that nobody takes away.
    let alone = Lab {
        tasks: r#"(on: Cpus([0]), body: [Work(Fixed("1ms"))])"#,
        ..lab("tick: (rate: \"10kHz\", timekeeper: 2),")
    };
    let alone = alone.ok();
    assert!(time(&alone) <= 6, "{}", time(&alone));
}

#[test]
fn a_tick_can_have_a_body_and_runs_with_any_lock() {
    let body = lab("tick: (rate: \"10kHz\", phase: At(\"50us\"), body: [Critical(lock: \"b\", body: [])]),").ok();
    assert_eq!(body.contexts["hardirq"].held, 30);
    let mut loaded = lab("tick: (rate: \"10kHz\", phase: At(\"50us\")),").loaded();
    loaded.experiment.lock = configs::parse(
        &lab("").text().replace("Builtin(\"rqspinlock\")", "Builtin(\"ticket\")").replace("\"check_mask\": 0", ""),
        "ticket",
    )
    .expect("parses")
    .experiment
    .lock;
    let plan = rqsim::plan::plan(loaded).unwrap_or_else(|e| panic!("{}", e.plain));
    let record = rqsim::run::run(&plan.loaded, &plan.stages[0], 1, false).record;
    assert_eq!((record.status.as_str(), record.handlers["hardirq"].count), ("ok", 30));
}

#[test]
fn an_experiment_without_a_tick_or_hooks_says_nothing_of_them() {
    let loaded = configs::load("ring8").expect("the preset loads");
    let text = configs::expanded(&loaded.experiment);
    for word in ["tick", "hooks", "ipi", "softirq"] {
        assert!(!text.contains(word), "{word}");
    }
    let plan = rqsim::plan::plan(loaded).unwrap_or_else(|e| panic!("{}", e.plain));
    for stage in &plan.stages {
        let p = &stage.spec.program;
        assert!(p.proc("write_clock").is_none() && p.enabled.iter().all(|o| !o.starts_with("hook_")));
    }
}
