// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where interrupts land, and that nothing else is changed by it.

use std::collections::BTreeSet;

use configs::{Interrupt, Source};
use reports::windows::Map;
use rqsim::machine::MachineSpec;
use rqsim::plan::plan;
use rqsim::run::run;
use rqsim::windows::map;

use crate::{at, effort, map_of, parse, prepared, preset};

/// Three cores that contend, for 40 us, with interrupts of a timer besides.
const CONTENDED: &str = r#"(
    title: "three", question: "?", machine: Preset("skylake-ring-8"),
    lock: (program: Builtin("rqspinlock"), base: "6.17", params: {
        "pending_timeout": "30us", "fallback_timeout": "30us", "head_timeout": "60us", "check_mask": 15,
    }),
    stages: [(name: "base", patches: [])],
    locks: ["a"],
    workload: (tasks: [(on: Range(first: 0, last: 2), body: [Forever([
        Work(Exp("400ns")), Critical(lock: "a", body: [Work(Uniform("50ns", "2us"))]),
    ])])]),
    handlers: {"take": [Critical(lock: "a", body: [])], "tick": [Critical(lock: "a", body: [Work(Fixed("30ns"))])]},
    interrupts: [
        (name: "sample", vector: Nmi, handler: "take", on: Range(first: 0, last: 1), source: Poisson(rate: "1kHz")),
        (name: "timer", vector: Timer, handler: "tick", on: Cpus([1]), source: Periodic(rate: "200kHz")),
    ],
    duration: "40us", seeds: List([1]),
)"#;

/// A directed interrupt at a label's first and second visit does exactly what the map says of that boundary.
#[test]
fn a_landing_is_what_a_directed_interrupt_does() {
    let loaded = preset("uncontended", &[]);
    let map = map_of(loaded.clone(), "base", &effort(20, 0));
    let mut compared = 0;
    for label in
        ["res_spin_lock", "res_spin_lock.try", "res_spin_lock.taken", "push", "pop.full", "res_spin_unlock.cleared"]
    {
        let handler = |nth: u64| {
            let mut loaded = loaded.clone();
            let irq = &mut loaded.experiment.interrupts[0];
            let source = Source::Directed { label: label.into(), nth, repeat: false };
            *irq = Interrupt { source, ..irq.clone() };
            let plan = plan(loaded).unwrap_or_else(|e| panic!("{label}: {}", e.plain));
            let record = run(&plan.loaded, &plan.stages[0], 1, false).record;
            assert_eq!(record.handlers["nmi"].count, 1, "{label}");
            (record.handlers["nmi"].longest_ns, record.timeouts_by.values().sum::<u64>())
        };
        // Some labels stand before the first micro-op of an inline procedure's caller and have no boundary of their own.
        let Some(b) = map.boundaries.iter().find(|b| b.place == label) else { continue };
        let (first, second) = (handler(1), handler(2));
        assert_eq!((b.visits, b.landings), (2, 2), "{label}");
        let ns: u64 = b.results.iter().map(|r| r.handler_ns).sum();
        assert!(ns.abs_diff(first.0 + second.0) <= 2, "{label}: {ns} and {first:?} {second:?}");
        let missed: u64 = b.results.iter().filter(|r| r.outcome == "missed").map(|r| r.landings).sum();
        assert_eq!(missed, first.1 + second.1, "{label}");
        compared += 1;
    }
    assert!(compared >= 4, "{compared}");
}

/// The windows of the base are the steps between cmpxchg and held table, and patch 1 closes them.
#[test]
fn the_base_misses_a_deadlock_exactly_where_the_table_is_behind_the_word() {
    let missed = |map: &Map| -> BTreeSet<String> {
        let of = |b: &&reports::windows::Boundary| b.results.iter().any(|r| r.outcome == "missed");
        map.boundaries.iter().filter(of).map(|b| b.text.clone()).collect()
    };
    let base = map_of(preset("uncontended", &[]), "base", &effort(20, 0));
    let lines = [
        "if !ok goto contended",
        "call push(lock)",
        "n = local_add.u32 [cpu.held.cnt], 1",
        "if n > SLOTS goto full",
        "i = n - 1",
        "store.u64 [cpu.held.locks[i]], lock",
        "store.u8.rel [lock.locked], 0",
    ];
    assert_eq!(missed(&base), lines.map(String::from).into_iter().collect());
    assert_eq!(at(&base, "res_spin_lock.try").results[0].outcome, "ok", "nobody has the lock yet");
    let closed = map_of(preset("uncontended", &[]), "+1", &effort(20, 0));
    assert!(missed(&closed).is_empty());
    let long: u64 = closed.boundaries.iter().map(|b| b.events.long).sum();
    let short: u64 =
        map_of(preset("uncontended", &[]), "+1-2", &effort(20, 0)).boundaries.iter().map(|b| b.events.long).sum();
    assert!(long > 0 && short == 0, "patch 2 ends the wait for the first check: {long} {short}");
}

/// All time of the interrupted cores is somewhere, and the time of boundaries is that of the path.
#[test]
fn times_add_up() {
    for (loaded, stage) in [(preset("uncontended", &[]), "base"), (parse(CONTENDED), "base")] {
        let map = map_of(loaded, stage, &effort(1, 0));
        let t = map.time;
        let cycles = map.simulated_ns * map.clock_khz / 1_000_000;
        assert_eq!(t.path + t.elsewhere + t.blocked + t.asleep, cycles * u64::from(map.interrupted), "{t:?}");
        assert_eq!(map.boundaries.iter().map(|b| b.cycles).sum::<u64>(), t.path);
        assert!(t.path > 100 * t.elsewhere, "all of the program is visited: {t:?}");
    }
}

/// A core whose task has ended sleeps between the interrupts of its timer, and not only behind the last.
#[test]
fn a_core_that_is_woken_sleeps_in_between() {
    let ends =
        CONTENDED.replace("(on: Range(first: 0, last: 2), body: [Forever([", "(on: Cpus([0, 2]), body: [Forever([");
    let ends =
        ends.replace("])])]),\n    handlers", "])]), (on: Cpus([1]), body: [Work(Fixed(\"1us\"))])]),\n    handlers");
    let map = map_of(parse(&ends), "base", &effort(1, 0));
    let t = map.time;
    let cycles = map.simulated_ns * map.clock_khz / 1_000_000;
    assert_eq!(t.path + t.elsewhere + t.blocked + t.asleep, cycles * u64::from(map.interrupted), "{t:?}");
    // Of 40 us it works for one, and for some more in the handler of every fifth.
    assert!(t.asleep > cycles / 2 && t.asleep < cycles, "{t:?}");
}

#[test]
fn forks_disturb_nothing_and_shortcuts_do_not_show() {
    let (prepared, plan) = prepared(parse(CONTENDED));
    let stage = &plan.stages[0];
    let many = map(&prepared, stage, 1, &effort(3, 60));
    let few = map(&prepared, stage, 1, &effort(1, 0));
    assert!(many.forks > few.forks + 60);
    assert_eq!(many.parent, few.parent, "the machine that is forked ends as it does otherwise");
    assert_ne!(map(&prepared, stage, 2, &effort(1, 0)).parent, few.parent, "the digest tells runs apart");
    // Handlers are visited too, and spins, whose time is computed.
    assert!(many.boundaries.iter().any(|b| b.context == "hardirq"));
    let waits = many.boundaries.iter().filter(|b| b.place.ends_with("_pause") && b.text == "pause");
    assert!(waits.map(|b| b.visits).sum::<u64>() > 100, "{many:?}");
    // Loops are computed or executed: the same times, the same instants drawn, the same outcomes.
    let exact = rqsim::plan::StagePlan { spec: MachineSpec { exact: true, ..stage.spec.clone() }, ..stage.clone() };
    assert_eq!(map(&prepared, &exact, 1, &effort(3, 60)), many);
}

/// A maskable interrupt that arrives where the flag is clear is taken later, and not lost.
#[test]
fn an_interrupt_that_is_held_back_lands_later() {
    let text = r#"(
        title: "off", question: "?", machine: Preset("skylake-ring-8"),
        lock: (program: Builtin("ticket")), stages: [(name: "it", patches: [])], locks: ["a"],
        workload: (tasks: [(on: Cpus([0]), body: [IrqOff([Critical(lock: "a", body: [Work(Fixed("100ns"))])]), Work(Fixed("50ns"))])]),
        handlers: {"take": [Critical(lock: "a", body: [])]},
        interrupts: [(name: "device", vector: Timer, handler: "take", on: Cpus([0]), source: Periodic(rate: "1kHz"))],
        duration: "10us", seeds: List([1]),
    )"#;
    let landed = map_of(parse(text), "it", &effort(5, 0));
    assert!(landed.boundaries.len() > 10);
    for b in &landed.boundaries {
        assert!(b.results.iter().all(|r| r.outcome == "ok"), "{b:?}");
    }
    // The same as an NMI hangs wherever the lock is taken.
    let hung = map_of(parse(&text.replace("vector: Timer", "vector: Nmi")), "it", &effort(5, 0));
    let hangs = hung.boundaries.iter().filter(|b| b.results.iter().any(|r| r.outcome == "hang")).count();
    assert!(hangs > 3 && hangs < hung.boundaries.len(), "{hangs}");
}
