// SPDX-License-Identifier: MIT OR Apache-2.0
//! The same probability from the map and from random NMIs.

use std::collections::BTreeMap;

use reports::stats;
use reports::windows::{Arrivals, EVENTS, StageMap};
use rqsim::machine::{Machine, MachineSpec};
use rqsim::plan::plan;
use rqsim::run::run;
use rqsim::windows::map;
use sim_core::isa::{ContextKind, Pc};
use sim_core::ports::Probe;
use sim_core::time::Cycle;

use crate::{effort, parse, prepared};

/// Two cores that contend; time-outs and checks so short that brute force sees many in little time. NMIs are random, and rare
/// enough that two of them hardly meet.
fn experiment(patches: &str) -> String {
    format!(
        r#"(
        title: "often", question: "?", machine: Preset("skylake-ring-8"),
        lock: (program: Builtin("rqspinlock"), base: "6.17", params: {{"pending_timeout": "15us", 
            "fallback_timeout": "15us", "head_timeout": "100us", "check_mask": 15}}),
        stages: [(name: "it", patches: [{patches}])],
        locks: ["a"],
        workload: (tasks: [(on: Range(first: 0, last: 1), body: [Forever([
            Work(Exp("1us")), Critical(lock: "a", body: [Work(Fixed("20ns"))]),
        ])])]),
        handlers: {{"take": [Critical(lock: "a", body: [])]}},
        interrupts: [(name: "sample", vector: Nmi, handler: "take", on: Range(first: 0, last: 1), source: Poisson(rate: "10kHz"))],
        duration: "20ms", seeds: Count(first: 1, n: 6),
    )"#
    )
}

/// NMIs whose own attempt timed out, of all that were taken.
fn by_brute_force(text: &str) -> stats::Estimate {
    let plan = plan(parse(text)).unwrap_or_else(|e| panic!("{}", e.plain));
    let (mut hits, mut all) = (0, 0);
    for seed in &plan.seeds {
        let record = run(&plan.loaded, &plan.stages[0], *seed, false).record;
        hits += record.contexts["nmi"].etimedout;
        all += record.handlers["nmi"].count;
    }
    stats::proportion(hits, all).expect("there were NMIs")
}

#[test]
fn brute_force_and_the_map_agree_where_both_can_see() {
    for (patches, seen) in [("", true), ("\"enclose\", \"immediate_aa\"", false)] {
        let text = experiment(patches);
        let brute = by_brute_force(&text);
        let (prepared, plan) = prepared(parse(&text));
        let maps: Vec<_> = (1..=3).map(|seed| map(&prepared, &plan.stages[0], seed, &effort(20, 400))).collect();
        let stages = StageMap::from_maps(&maps);
        let timeout = EVENTS.iter().find(|e| e.name == "timeout").expect("it is measured");
        let arrivals = Arrivals { per_second: 10_000.0, locks_per_second: None };
        let rate = stages[0].rate(timeout, &arrivals).expect("it was measured");
        let p = rate.probability;
        assert!(p.low <= brute.high && brute.low <= p.high + p.unseen, "{patches}: {p:?} and {brute:?}");
        assert_eq!((p.none, brute.events == 0), (!seen, !seen), "{patches}: {p:?} {brute:?}");
        assert!(p.high > 0.0, "what is not seen has a bound: {p:?}");
        if seen {
            assert!(brute.events > 30 && p.high - p.low < p.value, "an agreement that says something: {p:?} {brute:?}");
        }
        // Per hour of two cores that always run but for their handlers: 72 million NMIs.
        let per_hour = rate.per_hour.value / p.value.max(f64::MIN_POSITIVE);
        assert!(!seen || (per_hour / 7.2e7 - 1.0).abs() < 1e-9, "{per_hour}");
    }
}

#[test]
fn a_rate_needs_time_and_locks() {
    let timeout = &EVENTS[0];
    let rate = |text: &str, locks: Option<f64>| {
        let (prepared, plan) = prepared(parse(text));
        let maps = [map(&prepared, &plan.stages[0], 1, &effort(2, 0))];
        let stages = StageMap::from_maps(&maps);
        stages[0].rate(timeout, &Arrivals { per_second: 1000.0, locks_per_second: locks })
    };
    let text = experiment("").replace("20ms", "50us");
    let asleep = text.replace("on: Range(first: 0, last: 1), source", "on: Cpus([5]), source");
    assert!(rate(&asleep, None).expect_err("that core never runs").0.contains("never ran"));
    assert!(rate(&text, Some(1e9)).expect_err("a lock takes longer than that").0.contains("more than all of the time"));
    let idle = text.replace(", Critical(lock: \"a\", body: [Work(Fixed(\"20ns\"))]),", "");
    assert!(rate(&idle, Some(1e3)).expect_err("no lock is taken").0.contains("no task took a lock"));
    let half = |locks| rate(&text, Some(locks)).expect("it fits").probability.value;
    assert!((half(100_000.0) / half(50_000.0) - 2.0).abs() < 1e-9, "twice the locks, twice the windows");
}

/// `[micro-op]`: interrupts that landed there.
#[derive(Clone, Debug)]
struct Counting(Vec<u64>);

impl Probe for Counting {
    fn enter(&mut self, _at: Cycle, _core: usize, _kind: ContextKind, pc: Pc) {
        self.0[pc as usize] += 1;
    }
}

/// Random interrupts land at each boundary as often as its time says.
#[test]
fn unforced_interrupts_reproduce_the_weights() {
    let text = experiment("")
        .replace("[Critical(lock: \"a\", body: [])]}", "[Work(Fixed(\"1cy\"))]}")
        .replace("10kHz", "200kHz")
        .replace("Exp(\"1us\")", "Exp(\"100ns\")")
        .replace("n: 6", "n: 3");
    let all = plan(parse(&text)).unwrap_or_else(|e| panic!("{}", e.plain));
    let (mut landed, mut total): (BTreeMap<String, u64>, u64) = Default::default();
    for seed in &all.seeds {
        let spec = MachineSpec { seed: *seed, ..all.stages[0].spec.clone() };
        let mut machine = Machine::new(&spec, Counting(vec![0; spec.program.ops.len()]));
        machine.run_until(spec.stop_at);
        for (pc, n) in machine.probe.0.iter().enumerate().filter(|(_, n)| **n > 0) {
            *landed.entry(spec.program.place(pc as Pc)).or_default() += n;
            total += n;
        }
    }
    let (prepared, plan) = prepared(parse(&text));
    let map = map(&prepared, &plan.stages[0], 7, &effort(0, 0));
    let mut times: BTreeMap<&str, u64> = BTreeMap::new();
    map.boundaries.iter().for_each(|b| *times.entry(&b.place).or_default() += b.cycles);
    let (all, mut compared) = ((map.time.path + map.time.elsewhere) as f64, 0);
    for (place, cycles) in times {
        let expected = total as f64 * cycles as f64 / all;
        let seen = landed.remove(place).unwrap_or(0) as f64;
        if cycles == 0 {
            assert!(seen < 0.5, "{place}: {seen} landings where no time is spent");
        }
        // Five standard deviations of a count, and as much again for times that differ between seeds.
        assert!((seen - expected).abs() < 10.0 * expected.max(1.0).sqrt(), "{place}: {seen}, expected {expected}");
        compared += u32::from(expected > 20.0);
    }
    assert!(compared > 10 && total > 10_000, "{compared} {total}");
}
