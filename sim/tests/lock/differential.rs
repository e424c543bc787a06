// SPDX-License-Identifier: MIT OR Apache-2.0
//! The same random workloads through the resilient lock (whole series) and the plain one. Without a time-out, a deadlock or an
//! NMI the first is the second with more instructions, so what can be asked is this:
//!
//! - *Owners follow from the word.* Given who set pending and who queued, in which order, the next owner is determined, and
//!   it is by the same automaton for both (`word.rs`), whatever the timing.
//! - *The same arrivals give the same owners.* As long as attempts and releases come in the same order in both, and far
//!   enough apart that a few hundred cycles more or less decide nothing, both locks have the same sequence of owners. Where
//!   the orders begin to differ, they differ by two events that were close.
//! - *Without time both allow every order of owners*, and neither ever gets stuck (`untimed.rs`).
//!
//! Where two attempts race within less than the difference of the two programs, either may win in either; no more can be
//! promised there than the automaton does.

use rayon::prelude::*;
use rqsim::machine::{Machine, MachineSpec};
use sim_core::isa::MarkKind;
use sim_core::ports::Probe;
use sim_core::rng::Stream;

use crate::contract::Order;
use crate::support::{Lab, PER_NS, SERIES};
use crate::word::{Event, Ways, Words};

/// Random spans of a workload, in nanoseconds: least and most of thinking and of owning.
#[derive(Clone, Copy, Debug)]
struct Spans {
    think: (u64, u64),
    own: (u64, u64),
    /// Of each core's timer.
    rate: &'static str,
    rounds: u64,
}

/// Attempts far apart.
const SPACED: Spans = Spans { think: (300_000, 6_000_000), own: (10_000, 900_000), rate: "60/s", rounds: 6 };
/// Attempts that race.
const RACING: Spans = Spans { think: (5, 1_500), own: (5, 300), rate: "40kHz", rounds: 40 };

/// Tasks take lock b, lock a with interrupts off, or a inside b; timer handlers take a. Spans are drawn here, so every lock
/// gets the same.
fn workload(seed: u64, spans: Spans) -> Lab {
    let mut r = Stream::derive(seed, 0, "differential");
    let cores = 2 + r.below(7) as u32;
    let interrupts = r.below(3) > 0;
    let locks = 1 + r.below(2);
    let mut lab = Lab { cores, duration: "100ms", quiesce: "1s", ..Lab::default() };
    for cpu in 0..cores {
        let mut body = String::new();
        for _ in 0..spans.rounds {
            let span = |r: &mut Stream, (least, most): (u64, u64)| {
                let step = if r.below(2) == 0 { "Work" } else { "Delay" };
                format!("{step}(Fixed(\"{}ns\"))", least + r.below(most - least))
            };
            let (think, first, second) = (span(&mut r, spans.think), span(&mut r, spans.own), span(&mut r, spans.own));
            let a = format!("IrqOff([Critical(lock: \"a\", body: [{first}])])");
            body += &think;
            body += ", ";
            body += &match r.below(if locks == 1 { 1 } else { 3 }) {
                0 => a,
                1 => format!("Critical(lock: \"b\", body: [{second}])"),
                _ => format!("Critical(lock: \"b\", body: [{second}, {a}])"),
            };
            body += ", ";
        }
        lab = lab.task(cpu, &body);
    }
    if interrupts {
        let own = spans.own.0 + r.below(spans.own.1 - spans.own.0);
        lab.handlers = format!("\"timer\": [Critical(lock: \"a\", body: [Work(Fixed(\"{own}ns\"))])]");
        lab.interrupts =
            format!("(name: \"timer\", vector: Timer, handler: \"timer\", source: Poisson(rate: \"{}\"))", spans.rate);
        if spans.rounds > 10 {
            lab.duration = "100us";
        }
    }
    lab
}

/// Runs a workload to its end under a probe.
fn watch<P: Probe + Default>(lab: &Lab, program: &str, patches: &[&'static str], seed: u64) -> P {
    let lab = Lab { program: format!("Builtin({program:?})"), ..lab.with("6.17", patches) };
    let plan = lab.plan();
    let spec = MachineSpec { seed, ..plan.stages[0].spec.clone() };
    let mut machine = Machine::new(&spec, P::default());
    machine.run_until(spec.stop_at.after(1_000_000_000 * PER_NS));
    assert!(machine.is_quiescent(), "{program} seed {seed}");
    machine.probe
}

fn both(lab: &Lab, seed: u64) -> [Words; 2] {
    let runs = [watch::<Words>(lab, "qspinlock", &[], seed), watch::<Words>(lab, "rqspinlock", &SERIES, seed)];
    for words in &runs {
        assert_eq!(words.refused, None, "seed {seed}\n{lab:?}");
    }
    runs
}

#[test]
fn owners_follow_from_the_word_in_both_by_the_same_automaton() {
    let one = |seed: u64| {
        let runs = both(&workload(seed, RACING), seed);
        runs.map(|w| w.ways)
    };
    let all: Vec<[Ways; 2]> = (0..120).into_par_iter().map(one).collect();
    for program in 0..2 {
        let sum = |f: fn(&Ways) -> u64| all.iter().map(|w| f(&w[program])).sum::<u64>();
        let seen = [sum(|w| w.fast), sum(|w| w.pending), sum(|w| w.head), sum(|w| w.undone)];
        assert!(seen[..3].iter().all(|n| *n > 2_000) && seen[3] > 10, "{seen:?}");
    }
}

/// The same for the forms of arm64 on such a machine, with its weak order, waits for events and far atomics.
#[test]
fn owners_follow_from_the_word_on_arm64() {
    let one = |seed: u64| {
        let lab = workload(seed, RACING);
        let runs = both(&Lab { machine: "neoverse-n1-mesh-80", cores: 80, options: "\"arm64\"", ..lab }, seed);
        runs.map(|w| w.ways)
    };
    let all: Vec<[Ways; 2]> = (0..20).into_par_iter().map(one).collect();
    for program in 0..2 {
        let sum = |f: fn(&Ways) -> u64| all.iter().map(|w| f(&w[program])).sum::<u64>();
        let seen = [sum(|w| w.fast), sum(|w| w.pending), sum(|w| w.head)];
        assert!(seen.iter().all(|n| *n > 300), "{seen:?}");
    }
}

/// A lock that becomes the pending waiter in front of those who queued before it is refused.
#[test]
fn the_automaton_refuses_a_lock_that_overtakes_its_queue() {
    let text = lock_impl::programs::embedded("qspinlock").expect("it is embedded").text;
    let (right, wrong) = ("  if tail == 0 goto pending\n", "  if tail != 1 goto pending\n");
    assert_eq!(text.matches(right).count(), 1);
    let file = tempfile::Builder::new().suffix(".uop").tempfile().expect("a temporary file can be made");
    std::fs::write(file.path(), text.replace(right, wrong)).expect("a file can be written");
    let refused = |seed: u64| {
        let plan = Lab { program: format!("File({:?})", file.path()), ..workload(seed, RACING) }.plan();
        let spec = MachineSpec { seed, ..plan.stages[0].spec.clone() };
        let mut machine = Machine::new(&spec, Words::default());
        machine.run_until(spec.stop_at);
        machine.probe.refused
    };
    let why: Vec<String> = (0..40).into_par_iter().filter_map(refused).collect();
    assert!(why.iter().any(|w| w.contains("its pending bit came behind a tail")), "{why:?}");
}

/// Two attempts or releases of one lock closer than this race: the slow path from the first look at the word to the last in
/// line, with every line missing, and the time of a hand-over, in cycles.
const CLOSE: u64 = 3_000 * PER_NS;
/// What the two programs' times can differ by after all rounds of all cores, one after the other, and handlers: some 200
/// attempts and releases of half a microsecond, in cycles.
const DRIFT: u64 = 100_000 * PER_NS;

/// The first event that comes close behind another one of its lock.
fn first_race(events: &[Event]) -> usize {
    let races = |i: &usize| {
        let e = events[*i];
        let before = events[..*i].iter().rev().take_while(|b| e.at - b.at < CLOSE);
        e.lock != 0 && before.into_iter().any(|b| b.lock == e.lock)
    };
    (0..events.len()).find(races).unwrap_or(events.len())
}

/// How many owners there are before two events race or come in another order, and whether that is at the end.
fn alike(a: &Words, b: &Words, seed: u64) -> (usize, bool) {
    let all = [a.numbered(), b.numbered()];
    let outside = all.each_ref().map(|e| e.iter().filter(|e| e.kind != MarkKind::Held).copied().collect::<Vec<_>>());
    let [x, y] = &outside;
    assert_eq!(x.len(), y.len(), "seed {seed}");
    let what = |e: &Event| (e.core, e.kind, e.lock);
    let differs = (0..x.len()).find(|i| what(&x[*i]) != what(&y[*i])).unwrap_or(x.len());
    let race = first_race(x).min(first_race(y));
    if differs < race {
        let apart = x[differs].at.abs_diff(y[differs].at);
        assert!(apart < DRIFT, "seed {seed}: order differs by events {apart} cycles apart");
    }
    let end = differs.min(race);
    let mut compared = 0;
    for lock in 1..=2 {
        let cores = |i: usize, kind: MarkKind| -> Vec<usize> {
            let until = outside[i].get(end).map_or(u64::MAX, |e| e.at.saturating_sub(CLOSE));
            let of = all[i].iter().filter(|e| e.kind == kind && e.lock == lock && e.at < until);
            of.map(|e| e.core).collect()
        };
        let (p, q) = (cores(0, MarkKind::Held), cores(1, MarkKind::Held));
        let common = p.len().min(q.len());
        assert_eq!(p[..common], q[..common], "seed {seed}, lock {lock}");
        assert!(p.len().abs_diff(q.len()) <= 1, "seed {seed}, lock {lock}");
        // Nobody overtakes: they own it in the order in which they came.
        assert_eq!(p[..common], cores(0, MarkKind::Attempt)[..common], "seed {seed}, lock {lock}");
        compared += common;
    }
    (compared, end == x.len())
}

#[test]
fn spaced_arrivals_give_the_same_owners_in_both() {
    let one = |seed: u64| {
        let [plain, resilient] = both(&workload(seed, SPACED), seed);
        let waited = plain.ways.pending + plain.ways.head;
        let (compared, whole) = alike(&plain, &resilient, seed);
        (compared, whole, waited)
    };
    let all: Vec<(usize, bool, u64)> = (0..200).into_par_iter().map(one).collect();
    let compared: usize = all.iter().map(|c| c.0).sum();
    let whole = all.iter().filter(|c| c.1).count();
    let waited: u64 = all.iter().map(|c| c.2).sum();
    assert!(compared > 3_000 && whole > 50 && waited > 1_000, "{compared} owners, {whole} whole, {waited} waited");
}

/// Locks that promise it serve in the order of arrival, exactly, whatever the workload.
#[test]
fn queue_locks_are_first_come_first_served_in_every_workload() {
    let one = |seed: u64| {
        let mut served = 0;
        for program in ["ticket", "mcs", "clh"] {
            let order = watch::<Order>(&workload(seed, RACING), program, &[], seed);
            assert_eq!(order.early, Vec::<String>::new(), "{program} seed {seed}");
            served += order.served;
        }
        served
    };
    let served: u64 = (0..60).into_par_iter().map(one).sum();
    assert!(served > 5_000, "{served}");
}
