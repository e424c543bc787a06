// SPDX-License-Identifier: MIT OR Apache-2.0
//! Interrupts between cores: reschedule-like, stop-like with acknowledgements, an NMI to everybody.

use crate::support::{Lab, word};

#[test]
fn a_reschedule_like_interrupt_wakes_a_sleeping_core() {
    let lab = Lab {
        tasks: r#"(on: Cpus([0]), body: [Loop(times: 10, body: [Work(Fixed("20us")), Ipi(to: Cpu(1), interrupt: "resched")])]),
                  (on: Cpus([1]), body: [Loop(times: 10, body: [Wait, Add("x.y")])])"#,
        handlers: r#""wake": [Add("x")]"#,
        interrupts: r#"(name: "resched", vector: Irq(priority: 15), handler: "wake", on: Cpus([1]), source: Sent)"#
            .into(),
        ..Lab::default()
    };
    let record = lab.ok();
    assert_eq!((record.handlers["hardirq"].count, record.handlers["hardirq"].coalesced), (10, 0));
    let m = lab.machine();
    assert_eq!((word(&m, 0), word(&m, 64)), (10, 10));
}

/// Each of three rounds stops all other cores: they acknowledge and stay in their handlers until the sender lets them go,
/// which acknowledges again, so that the next round finds nobody in the last one.
#[test]
fn a_stop_like_broadcast_waits_for_every_acknowledgement() {
    let lab = Lab {
        cores: 6,
        tasks: r#"(on: Cpus([0]), body: [Loop(times: 3, body: [
                    Set(word: "x.y", value: 0), Set(word: "x.z", value: 0), Set(word: "x.w", value: 0),
                    Ipi(to: Others, interrupt: "stop"), Await(word: "x.y", at_least: 5),
                    Load("x"), Store("x"), Set(word: "x.z", value: 1), Await(word: "x.w", at_least: 5)])]),
                  (on: Range(first: 1, last: 5), body: [Work(Fixed("500us"))])"#,
        handlers: r#""stop": [Add("x.y"), Await(word: "x.z", at_least: 1), Add("x.w")]"#,
        interrupts: r#"(name: "stop", vector: Irq(priority: 15), handler: "stop", source: Sent)"#.into(),
        ..Lab::default()
    };
    let record = lab.ok();
    assert_eq!((record.handlers["hardirq"].count, record.handlers["hardirq"].coalesced), (15, 0));
    let m = lab.machine();
    assert_eq!([0, 64, 192].map(|o| word(&m, o)), [3, 5, 5]);
}

/// A core that has interrupts off acknowledges when it sets them on again, and the sender waits for it; an NMI does not wait.
#[test]
fn a_core_with_interrupts_off_keeps_a_broadcast_waiting_but_not_a_backtrace() {
    let lab = |vector: &str| Lab {
        cores: 3,
        tasks: r#"(on: Cpus([0]), body: [Work(Fixed("1us")), Ipi(to: All, interrupt: "call"), Await(word: "x", at_least: 3),
                    Critical(lock: "a", body: [])]),
                  (on: Cpus([1]), body: [IrqOff([Work(Fixed("300us"))])])"#,
        handlers: r#""seen": [Add("x")]"#,
        interrupts: format!(r#"(name: "call", vector: {vector}, handler: "seen", source: Sent)"#),
        ..Lab::default()
    };
    let began = |vector: &str| lab(vector).ok().worst[0].began_ns;
    assert!((300_000..302_000).contains(&began("Irq(priority: 15)")));
    // 1 us of work, 1 us on the way, 0.26 us in and out, three locked additions one after the other.
    let nmi = began("Nmi");
    assert!((2_000..4_000).contains(&nmi), "{nmi}");
    assert_eq!(lab("Nmi").ok().handlers["nmi"].count, 3);
}

#[test]
fn the_latency_is_the_machines() {
    let began = |ipi: &str| {
        let mut loaded = Lab {
            tasks: r#"(on: Cpus([0]), body: [Ipi(to: Cpu(1), interrupt: "call")])"#,
            handlers: r#""seen": [Critical(lock: "a", body: [])]"#,
            interrupts: r#"(name: "call", vector: Nmi, handler: "seen", source: Sent)"#.into(),
            ..Lab::default()
        }
        .loaded();
        loaded.experiment.machine.interrupts.ipi = ipi.parse().expect("a span");
        let plan = rqsim::plan::plan(loaded).unwrap_or_else(|e| panic!("{}", e.plain));
        rqsim::run::run(&plan.loaded, &plan.stages[0], 1, false).record.worst[0].began_ns
    };
    assert_eq!(began("3us") - began("1us"), 2_000);
}
