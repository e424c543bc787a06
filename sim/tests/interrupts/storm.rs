// SPDX-License-Identifier: MIT OR Apache-2.0
//! How fast NMIs may come before the owner of a lock makes no progress.

use std::collections::BTreeMap;

use rqsim::machine::{Machine, MachineSpec};
use rqsim::plan::plan;
use sim_core::isa::{ContextKind, MarkKind, Pc};
use sim_core::ports::Probe;
use sim_core::time::Cycle;

use crate::support::Lab;

/// When locks were given back, and how many NMIs had begun.
#[derive(Clone, Debug, Default)]
struct Releases {
    at: Vec<u64>,
    nmis: u64,
}

impl Probe for Releases {
    fn mark(&mut self, at: Cycle, _: usize, kind: MarkKind, _: [u64; 3], _: Pc) {
        if kind == MarkKind::Released {
            self.at.push(at.0);
        }
    }
    fn enter(&mut self, _: Cycle, _: usize, _: ContextKind, _: Pc) {
        self.nmis += 1;
    }
}

const PER_US: u64 = 4_000;
/// Entry, the body's first move, return, exit of an NMI on the preset machine, in cycles.
const AROUND: u64 = 715 + 1 + 1 + 330;
/// Work with the lock held, in cycles: 2 ms.
const HELD: u64 = 2_000 * PER_US;
/// NMIs arrive for that long, in cycles: 40 ms.
const STORM: u64 = 40_000 * PER_US;

/// One core holds a lock for 2 ms of its own time, under NMIs `period` us apart whose handlers work for `handler` us.
fn hold(period: u64, handler: u64) -> Releases {
    let handlers: &'static str = Box::leak(format!("\"h\": [Work(Fixed(\"{handler}us\"))]").into());
    let plan = Lab {
        cores: 1,
        tasks: r#"(on: Cpus([0]), body: [Critical(lock: "a", body: [Work(Fixed("2ms"))])])"#,
        handlers,
        interrupts: format!(
            "(name: \"n\", vector: Nmi, handler: \"h\", source: Periodic(rate: \"{}/s\", phase: At(\"{period}us\")))",
            1_000_000 / period
        ),
        duration: "40ms",
        ..Lab::default()
    }
    .plan();
    let mut machine = Machine::new(&MachineSpec { seed: 1, ..plan.stages[0].spec.clone() }, Releases::default());
    machine.run_until(Cycle(100_000 * PER_US));
    assert!(machine.is_quiescent());
    machine.probe
}

/// A hold of W own cycles takes T = W + n C, where C is the cost of one NMI (entry, handler, exit) and n the number that
/// came in T: the first comes at P, so it is T / P or one less. So T (1 - C / P) = W up to one C, and the lock's own few hundred cycles.
#[test]
fn one_core_slows_down_by_the_utilisation_of_its_nmis() {
    for (period, handler) in [(100, 0), (100, 10), (100, 50), (20, 10), (10, 8), (5, 2), (2, 1), (100, 90), (50, 45)] {
        let seen = hold(period, handler);
        let (p, c) = (period * PER_US, AROUND + handler * PER_US);
        assert!(c < p, "this one makes progress");
        let t = seen.at[0];
        assert!(t < STORM, "period {period} us, handler {handler} us: it ends in the storm");
        // In integers: T (P - C) against W P, to within (C + lock) P.
        let (left, right, within) = (t * (p - c), HELD * p, (c + LOCK) * p);
        assert!(left.abs_diff(right) <= within, "period {period} us, handler {handler} us: {t} cycles");
    }
}

/// Fast path and release of an uncontended lock: three misses to memory of at most 270 cycles (lock word, held table twice)
/// and some twenty micro-ops.
const LOCK: u64 = 3 * 270 + 100;

/// At C >= P the next NMI is latched when one returns, and taken at that same boundary: nothing of what was interrupted
/// goes on until the storm is over, and every NMI that the core has time for is taken.
#[test]
fn from_a_utilisation_of_one_on_there_is_no_progress_at_all() {
    for (period, handler) in [(10, 10), (10, 30), (5, 5), (100, 100)] {
        let seen = hold(period, handler);
        let c = AROUND + handler * PER_US;
        // Before the first NMI it had one period; the rest comes when the storm is over and the NMIs in it are served:
        // one that runs and one that is latched.
        let rest = HELD - period * PER_US;
        let t = seen.at[0];
        assert!(
            (STORM + rest..=STORM + rest + 2 * c + LOCK).contains(&t),
            "period {period} us, handler {handler} us: {t}"
        );
        let most = (STORM - period * PER_US) / c;
        assert!((most..=most + 2).contains(&seen.nmis), "{} NMIs of {most}", seen.nmis);
    }
}

/// The preset: below a utilisation of one every core makes progress, in the proportion that is left; above it nobody does.
#[test]
fn the_preset_stops_where_the_closed_form_says() {
    let mut held = BTreeMap::new();
    for cores in [1, 4] {
        for (rate, handler) in
            [("1kHz", "1us"), ("50kHz", "10us"), ("50kHz", "25us"), ("400kHz", "1us"), ("1MHz", "1us")]
        {
            let mut loaded = configs::load("nmi-storm").unwrap_or_else(|e| panic!("{}", e.render(false)));
            for (path, value) in [
                ("workload.tasks[0].on", format!("Range(first: 0, last: {})", cores - 1)),
                ("interrupts[0].on", format!("Range(first: 0, last: {})", cores - 1)),
                ("interrupts[0].source.rate", rate.to_owned()),
                ("handlers.profiler[0].Work.Fixed", handler.to_owned()),
                ("duration", "4ms".to_owned()),
            ] {
                let text = configs::override_field(&loaded.text, path, &value)
                    .unwrap_or_else(|e| panic!("{}", e.render(false)));
                loaded = configs::parse(&text, "nmi-storm").unwrap_or_else(|e| panic!("{}", e.render(false)));
            }
            let plan = plan(loaded).unwrap_or_else(|e| panic!("{}", e.plain));
            let record = rqsim::run::run(&plan.loaded, &plan.stages[0], 1, false).record;
            assert_eq!(record.status, "ok", "{:?}", record.finding);
            held.insert((cores, rate, handler), record.contexts["task"].held);
        }
    }
    for cores in [1, 4] {
        let of = |rate, handler| held[&(cores, rate, handler)];
        let quiet = of("1kHz", "1us");
        // Utilisations 0.51 and 0.50 leave 0.49 and 0.50 of one core's rounds. What several cores lose also depends on who is in
        // an NMI when the lock is handed over, so no more is asked of them than some progress.
        for busy in [of("50kHz", "10us"), of("400kHz", "1us")] {
            assert!(busy < quiet && busy * 20 > quiet, "{cores} cores: {busy} of {quiet}");
            assert!(cores > 1 || (quiet * 47..=quiet * 51).contains(&(busy * 100)), "{busy} of {quiet}");
        }
        // 1.26 and 1.26: nothing but what came before the first NMI and after the end.
        for stopped in [of("50kHz", "25us"), of("1MHz", "1us")] {
            assert!(stopped * 20 < quiet, "{cores} cores: {stopped} of {quiet}");
        }
    }
}
