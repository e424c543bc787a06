// SPDX-License-Identifier: MIT OR Apache-2.0
//! What every lock of the catalogue has to do: one owner at a time, every attempt ends, everything is clean when nobody
//! uses it, and first come is first served where the program says so.

use std::collections::{BTreeMap, VecDeque};

use configs::{MemoryModel, Span};
use rqsim::machine::{Machine, MachineSpec, Outcome};
use sim_core::isa::{MarkKind, Pc};
use sim_core::ports::Probe;
use sim_core::time::Cycle;

use crate::support::{Lab, Ran};

/// A lock of the catalogue.
struct Lock {
    program: &'static str,
    /// Selections of patches to try, beside none.
    patches: &'static [&'static str],
    /// Options to try, beside none, as an experiment writes them.
    options: &'static [&'static str],
    /// It promises that whoever joins its queue first owns the lock first.
    fifo: bool,
}

const RQ_OPTIONS: [&str; 5] =
    ["\"test_and_set\"", "\"paravirt_guest\"", "\"arm64\"", "\"full_word\"", "\"arm64\", \"full_word\""];

const CATALOGUE: [Lock; 8] = [
    Lock { program: "clh", patches: &[], options: &[], fifo: true },
    Lock { program: "cohort", patches: &[], options: &[], fifo: false },
    Lock { program: "mcs", patches: &[], options: &[], fifo: true },
    Lock { program: "qspinlock", patches: &[], options: &["\"arm64\""], fifo: false },
    Lock { program: "rqspinlock", patches: &["enclose"], options: &RQ_OPTIONS, fifo: false },
    Lock { program: "test_and_set", patches: &[], options: &["\"hint\""], fifo: false },
    Lock { program: "ticket", patches: &["proportional"], options: &[], fifo: true },
    Lock { program: "ttas_backoff", patches: &[], options: &["\"no_backoff\""], fifo: false },
];

const COUNT_A: &str = "Load(\"count\"), Work(Exp(\"60ns\")), Store(\"count\")";
const COUNT_B: &str = "Load(\"count.b\"), Work(Exp(\"40ns\")), Store(\"count.b\")";

/// Four cores on two locks, alone and one inside the other, while an interrupt takes the first one too.
fn crowd(program: &str) -> Lab {
    Lab {
        cores: 4,
        program: format!("Builtin({program:?})"),
        // Two nodes of two CPUs, and few passes, so that the lock changes sides often.
        params: if program == "cohort" { "\"cpus_per_node\": 2, \"passes\": 3" } else { "" },
        handlers: format!("\"timer\": [Critical(lock: \"a\", body: [{COUNT_A}])]"),
        tasks: format!(
            "(on: All, body: [Forever([
                Work(Exp(\"300ns\")),
                IrqOff([Critical(lock: \"a\", body: [{COUNT_A}, Critical(lock: \"b\", body: [{COUNT_B}])])]),
                Work(Exp(\"100ns\")),
                IrqOff([Critical(lock: \"b\", body: [{COUNT_B}])]),
            ])])"
        ),
        interrupts: "(name: \"timer\", vector: Timer, handler: \"timer\", source: Poisson(rate: \"100kHz\"))".into(),
        duration: "150us",
        quiesce: "20ms",
        ..Lab::default()
    }
}

fn models() -> [MemoryModel; 3] {
    [
        MemoryModel::Tso { store_buffer_entries: 56 },
        MemoryModel::Sc,
        MemoryModel::Weak {
            store_buffer_entries: 24,
            invalidation_queue_entries: 16,
            invalidation_delay: Span::Cycles(200),
        },
    ]
}

/// Every selection of a lock's patches and options that is tried, one at a time, on every memory model.
fn variants(lock: &Lock) -> Vec<Lab> {
    let base = crowd(lock.program);
    let mut all = vec![base.clone()];
    all.extend(lock.patches.iter().map(|p| Lab { stages: vec![vec![p]], ..base.clone() }));
    all.extend(lock.options.iter().map(|o| Lab { options: o, ..base.clone() }));
    // Waits for events with the stream that ends them, and above without it.
    let arm64 = lock.options.iter().filter(|o| o.contains("arm64"));
    let stream: fn(&mut configs::Machine) = |m| m.event_stream = Some(Span::Picos(100_000_000));
    all.extend(arm64.map(|o| Lab { options: o, adjust: stream, ..base.clone() }));
    models().iter().flat_map(|m| all.iter().map(|l| Lab { memory_model: Some(*m), ..l.clone() })).collect()
}

#[test]
fn every_lock_excludes_makes_progress_and_leaves_nothing_behind() {
    for lock in &CATALOGUE {
        for lab in variants(lock) {
            let what = format!("{} {:?} {} {:?}", lock.program, lab.stages, lab.options, lab.memory_model);
            let plan = lab.plan();
            for seed in 1..=2 {
                let ran = Ran::new(&plan, &plan.stages[0], seed);
                assert_eq!(ran.finding, None, "{what}");
                let totals = ran.machine.probe.oracle().totals();
                assert_eq!(ran.counter(), totals.acquisitions, "{what}: increments were lost");
                assert_eq!(totals.attempts, totals.acquisitions, "{what}: an attempt failed");
                assert!(totals.acquisitions > 100, "{what}: {} acquisitions", totals.acquisitions);
            }
        }
    }
}

/// Who joined and who owned, lock by lock.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order {
    /// `[lock]`: cores in the order in which they joined, which do not own it yet.
    joined: BTreeMap<u64, VecDeque<usize>>,
    /// Owners that waited.
    pub(crate) served: u64,
    /// Owners that did not have their turn.
    pub(crate) early: Vec<String>,
}

impl Probe for Order {
    fn mark(&mut self, at: Cycle, core: usize, kind: MarkKind, args: [u64; 3], _: Pc) {
        let queue = self.joined.entry(args[0]).or_default();
        match kind {
            MarkKind::Queued => queue.push_back(core),
            MarkKind::Held if queue.front() == Some(&core) => {
                queue.pop_front();
                self.served += 1;
            }
            // It found the lock free; nobody may be waiting then.
            MarkKind::Held if !queue.is_empty() => {
                self.early.push(format!("core {core} at {}, before {queue:?}", at.0));
            }
            _ => {}
        }
    }
}

/// Runs tasks alone, so that a core joins at most once at a time, and gives the order that was seen.
fn order(program: &str) -> Order {
    let lab = Lab {
        cores: 8,
        program: format!("Builtin({program:?})"),
        tasks: format!("(on: All, body: [Forever([Work(Exp(\"200ns\")), Critical(lock: \"a\", body: [{COUNT_A}])])])"),
        duration: "300us",
        ..Lab::default()
    };
    let plan = lab.plan();
    let spec = MachineSpec { seed: 1, ..plan.stages[0].spec.clone() };
    let mut machine = Machine::new(&spec, Order::default());
    assert_eq!(machine.run_until(spec.stop_at.after(10_000_000)), Outcome::Idle);
    machine.probe
}

#[test]
fn first_come_is_first_served_where_it_is_promised_and_only_there() {
    for lock in CATALOGUE.iter().filter(|l| l.fifo) {
        let order = order(lock.program);
        assert_eq!(order.early, Vec::<String>::new(), "{}", lock.program);
        assert!(order.served > 1000, "{}: {} waited", lock.program, order.served);
    }
    // The pending waiter does not queue, and the fast path can win while the queue's head looks away.
    assert!(!order("qspinlock").early.is_empty());
}

/// Two tasks that each hold what the other wants: locks that do not look for deadlocks hang, and the wait-for graph
/// shows the cycle for every one of them.
#[test]
fn a_deadlock_of_two_is_seen_whatever_the_lock() {
    for lock in CATALOGUE.iter().filter(|l| l.program != "rqspinlock") {
        // Time to come to rest that would take minutes if it were simulated.
        let take = |first: &str, second: &str| {
            format!("Critical(lock: \"{first}\", body: [Work(Fixed(\"5us\")), Critical(lock: \"{second}\", body: [])])")
        };
        let mut lab = Lab {
            program: format!("Builtin({:?})", lock.program),
            quiesce: "1000s",
            duration: "20us",
            ..Lab::default()
        };
        lab = lab.task(0, &take("a", "b")).task(1, &take("b", "a"));
        let record = lab.record();
        let account = record.finding.unwrap_or_default();
        assert_eq!(record.status, "hang", "{}", lock.program);
        assert!(account.starts_with("hang: 2 contexts stuck for good since cycle "), "{}: {account}", lock.program);
        assert!(account.contains("stuck: cpu 1 task waits for a"), "{account}");
        assert!(record.end_ns < 20_000_000, "{}: stopped at {} ns", lock.program, record.end_ns);
        assert_eq!((record.oracle.cycles_formed["ABBA"], record.recoveries.undetected), (1, 1));
        let edges = account.lines().filter(|l| l.contains(" -> ")).count();
        assert!(edges >= 2 && account.contains("red"), "{}: {account}", lock.program);
    }
}
