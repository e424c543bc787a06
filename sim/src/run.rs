// SPDX-License-Identifier: MIT OR Apache-2.0
//! One run: a stage with a seed, from cycle 0 to rest, and its record.

use std::collections::BTreeMap;
use std::fmt::Write;

use cache_model::timing::MessageKind;
use configs::Loaded;
use reports::{ContextCounts, Handler, OracleCounts, Record, Traffic, TrafficCounts, Worst, names};
use sim_core::isa::{ContextKind, Detector, EDEADLK, MarkKind, WaitKind};
use sim_core::program::{LineKind, Program};
use sim_core::time::Cycle;

use crate::attribution::attribution;
use crate::machine::{Machine, MachineSpec, Outcome};
use crate::observe::{Ending, Observer, SeenMark};
use crate::plan::{StagePlan, point_text};

/// Simulated cycles between two looks at the observer for a broken invariant.
const SLICE_CYCLES: u64 = 50_000_000;

/// A finished run.
#[derive(Clone, Debug)]
pub struct Finished {
    /// What is kept of it.
    pub record: Record,
    /// Events the engine handled. Depends on the shortcuts, so it is not in the record.
    pub events: u64,
}

/// Runs a stage with a seed.
#[must_use]
pub fn run(loaded: &Loaded, stage: &StagePlan, seed: u64, exact: bool) -> Finished {
    let e = &loaded.experiment;
    let khz = stage.spec.clock.khz;
    let spec = MachineSpec { seed, exact, ..stage.spec.clone() };
    let observer = Observer::new(spec.memory.cores, spec.clock, e.measure.stuck_threshold.cycles(khz));
    let mut machine = Machine::new(&spec, observer);
    if e.measure.attribution {
        machine.attribute();
    }
    let limit = spec.stop_at.after(e.limits.quiesce.cycles(khz));
    let (outcome, slice_end) = run_to_rest(&mut machine, limit);
    // A machine that was stopped counts as having run until then, whatever it did last.
    let end = if outcome == Outcome::Limit { slice_end } else { machine.last_event() }.max(spec.stop_at);
    machine.probe.close(end);
    let finding = find(&machine, &outcome);
    let mut record = measure(&machine, end);
    record.experiment = e.title.clone();
    record.stage = stage.name.clone();
    record.stage_idx = stage.idx;
    record.base = e.lock.base.name().to_owned();
    record.patches = stage.patches.clone();
    record.seed = seed;
    record.config_hash = stage.config_hash.clone();
    record.program_hash = stage.program_hash.clone();
    record.config = point_text(loaded, stage.idx as usize, &[seed]);
    record.simulated_ns = spec.clock.nanos(spec.stop_at);
    let (status, finding) = match finding {
        None => (names::OK, None),
        Some((status, text)) => (status, Some(text)),
    };
    (record.status, record.finding) = (status.to_owned(), finding);
    Finished { record, events: machine.events() }
}

/// How it ended, and the limit of the last slice.
fn run_to_rest(machine: &mut Machine<Observer>, limit: Cycle) -> (Outcome, Cycle) {
    let mut slice = Cycle(0);
    loop {
        slice = slice.after(SLICE_CYCLES).min(limit);
        let outcome = machine.run_until(slice);
        if outcome != Outcome::Limit || slice == limit || machine.probe.violation().is_some() {
            return (outcome, slice);
        }
    }
}

/// What is wrong with a machine that stopped: status and an account for people; nothing if it
/// came to rest as it should.
#[must_use]
pub fn find(machine: &Machine<Observer>, outcome: &Outcome) -> Option<(&'static str, String)> {
    if let Outcome::Fault(f) = outcome {
        return Some((names::VIOLATION, format!("fault: {f}\n{}", trace(machine))));
    }
    if let Some((m, v)) = machine.probe.violation() {
        let place = machine.program().place(m.pc);
        let what = format!("violation: {v} (core {}, cycle {}, at {place})\n", m.core, m.at.0);
        return Some((names::VIOLATION, what + &trace(machine)));
    }
    if !machine.is_quiescent() || !machine.probe.oracle().finish().is_quiet() {
        let why = if *outcome == Outcome::Idle {
            "hang: nothing is left that could happen, and some context has not finished"
        } else {
            "hang: some context has not finished in the time allowed after the end"
        };
        return Some((names::HANG, format!("{why}\n{}", trace(machine))));
    }
    let wrong = unclean(machine);
    (!wrong.is_empty()).then(|| (names::VIOLATION, format!("violation: not clean at rest: {}\n", wrong.join(", "))))
}

/// What is not as it must be when nobody uses a lock.
fn unclean(machine: &Machine<Observer>) -> Vec<String> {
    let program = machine.program();
    let mut wrong = Vec::new();
    for c in &program.clean {
        let cpus = if c.percpu { machine.cores().len() as u64 } else { 1 };
        for cpu in 0..cpus {
            let value = machine.memory().value(c.addr + cpu * program.percpu_stride, c.width);
            if value != 0 {
                let of = if c.percpu { format!(" of core {cpu}") } else { String::new() };
                wrong.push(format!("{}{of} = {value:#x}", c.name));
            }
        }
    }
    wrong.extend(machine.memory().check_coherence().err());
    wrong
}

fn lock_name(program: &Program, addr: u64) -> String {
    match program.object_at(addr) {
        Some((o, _)) => o.name.strip_prefix("lock_").unwrap_or(&o.name).to_owned(),
        None => format!("{addr:#x}"),
    }
}

/// A mark as its line in the program reads, with names for numbers.
fn mark_text(program: &Program, m: &SeenMark) -> String {
    let lock = lock_name(program, m.args[0]);
    let [_, a, b] = m.args;
    match m.kind {
        MarkKind::Attempt => format!("attempt({lock})"),
        MarkKind::Held => format!("held({lock})"),
        MarkKind::Released => format!("released({lock})"),
        MarkKind::Wait => format!("wait({lock}, {})", WaitKind::from_number(a).map_or("?", WaitKind::name)),
        MarkKind::Queued => format!("queued({lock}, behind tail {a:#x}, as tail {b:#x})"),
        MarkKind::Failed => {
            let error = if a == EDEADLK { "EDEADLK" } else { "ETIMEDOUT" };
            format!("failed({lock}, {error}, {})", Detector::from_number(b).map_or("?", Detector::name))
        }
        MarkKind::Enter => "enter()".to_owned(),
        MarkKind::Leave => "leave()".to_owned(),
        MarkKind::Note => format!("note({:#x}, {a:#x}, {b:#x})", m.args[0]),
    }
}

/// Where every core stands, the wait-for graph, and the last marks.
fn trace(machine: &Machine<Observer>) -> String {
    let program = machine.program();
    let mut out = String::new();
    // Writing to a string cannot fail.
    for core in machine.cores() {
        let contexts: Vec<String> = core
            .suspended()
            .chain(std::iter::once(core.context()))
            .filter(|c| !c.regs.is_empty() || c.kind != ContextKind::Task)
            .map(|c| format!("{} at {}", c.kind.name(), program.place(c.pc)))
            .collect();
        if contexts.is_empty() {
            continue; // A core without a task.
        }
        let _ = writeln!(out, "  core {}: {}", core.id, contexts.join(" < "));
    }
    let _ = writeln!(out, "{}", machine.probe.oracle().dot(|a| lock_name(program, a)));
    let _ = writeln!(out, "last marks:");
    for m in machine.probe.last_marks() {
        let place = program.place(m.pc);
        let _ = writeln!(out, "  cycle {} core {}: {} at {place}", m.at.0, m.core, mark_text(program, m));
    }
    out
}

fn measure(machine: &Machine<Observer>, end: Cycle) -> Record {
    let clock = machine.clock();
    let o = &machine.probe;
    let kinds = shown(machine, &[ContextKind::Task, ContextKind::Softirq, ContextKind::Hardirq, ContextKind::Nmi]);
    Record {
        format: reports::FORMAT,
        version: crate::VERSION.to_owned(),
        clock_khz: clock.khz,
        cpus: machine.cores().len() as u32,
        end_ns: clock.nanos(end),
        contexts: kinds.map(|k| (k.name().to_owned(), context_counts(o, k))).collect(),
        edeadlk_by: failures(o, deadlock_name),
        timeouts_by: failures(o, timeout_name),
        handlers: handlers(machine),
        oracle: oracle_counts(o),
        traffic: traffic(machine),
        stuck_ns: clock.nanos(Cycle(o.stuck_cycles(end))),
        ops: machine.retired(),
        worst: worst(machine),
        attribution: attribution(machine, end),
        ..Record::default()
    }
}

/// Kinds of context that records speak of: soft interrupts only where there are any.
fn shown<'a>(machine: &Machine<Observer>, kinds: &'a [ContextKind]) -> impl Iterator<Item = ContextKind> + use<'a> {
    let soft = machine.interrupts().serves(ContextKind::Softirq);
    kinds.iter().copied().filter(move |k| *k != ContextKind::Softirq || soft)
}

fn context_counts(o: &Observer, kind: ContextKind) -> ContextCounts {
    let c = &o.attempts[kind as usize];
    let n = |e: Ending| c.endings[e as usize];
    ContextCounts {
        attempts: c.endings.iter().sum(),
        held: n(Ending::Held),
        edeadlk: n(Ending::Deadlock),
        etimedout: n(Ending::TimedOut),
        unfinished: n(Ending::Unfinished),
        attempt_ns: c.lasted_ns.clone(),
    }
}

fn deadlock_name(d: Detector) -> Option<&'static str> {
    timeout_name(d).is_none().then(|| d.name())
}

fn timeout_name(d: Detector) -> Option<&'static str> {
    match d {
        Detector::TimeoutPending => Some(names::PENDING),
        Detector::TimeoutHead => Some(names::HEAD),
        Detector::TimeoutFallback => Some(names::FALLBACK),
        Detector::TimeoutTestAndSet => Some(names::TEST_AND_SET),
        Detector::Flushed => Some(names::FLUSHED),
        Detector::AaBegin | Detector::AaPeriodic | Detector::AaBeforeQueue | Detector::Abba | Detector::TryOnce => None,
    }
}

/// Counts of the detectors that have a name here; 0 for those that found nothing.
fn failures(o: &Observer, name: impl Fn(Detector) -> Option<&'static str>) -> BTreeMap<String, u64> {
    let count = |d: &Detector| o.failures.get(d).copied().unwrap_or(0);
    Detector::ALL.iter().filter_map(|d| Some((name(*d)?.to_owned(), count(d)))).collect()
}

fn handlers(machine: &Machine<Observer>) -> BTreeMap<String, Handler> {
    let coalesced = |kind: ContextKind| -> u64 {
        let cores = 0..machine.cores().len();
        cores.map(|c| machine.interrupts().coalesced(c, kind)).sum()
    };
    let of = |kind: ContextKind| {
        let h = &machine.probe.handlers[kind as usize];
        let handler = Handler {
            count: h.begun,
            coalesced: coalesced(kind),
            longest_ns: h.longest_ns,
            duration_ns: h.lasted_ns.clone(),
        };
        (kind.name().to_owned(), handler)
    };
    shown(machine, &[ContextKind::Softirq, ContextKind::Hardirq, ContextKind::Nmi]).map(of).collect()
}

fn oracle_counts(o: &Observer) -> OracleCounts {
    let t = o.oracle().totals();
    OracleCounts {
        cycles_formed: t.cycles_formed.iter().map(|(n, c)| (n.to_string(), *c)).collect(),
        detected: t.verdicts.detected,
        avoided: t.verdicts.avoided,
        false_positives: t.verdicts.false_positives,
        misses: t.verdicts.misses,
        timeouts_outside_cycle: t.verdicts.timeouts_outside,
        latency_by: o.detection_ns.iter().map(|(d, h)| (d.name().to_owned(), h.clone())).collect(),
        miss_latency: o.miss_ns.clone(),
    }
}

fn traffic(machine: &Machine<Observer>) -> TrafficCounts {
    let t = machine.memory().traffic();
    let count = |c: &cache_model::timing::Count| Traffic { messages: c.messages, bytes: c.bytes, hops: c.hops };
    TrafficCounts {
        by_class: MessageKind::ALL
            .iter()
            .zip(&t.by_class)
            .filter(|(k, c)| k.is_common() || c.messages > 0)
            .map(|(k, c)| (k.name().to_owned(), count(c)))
            .collect(),
        by_line: LineKind::ALL.iter().zip(&t.by_line).map(|(k, c)| (k.name().to_owned(), count(c))).collect(),
    }
}

fn worst(machine: &Machine<Observer>) -> Vec<Worst> {
    let clock = machine.clock();
    let program = machine.program();
    let result = |e: Ending| match e {
        Ending::Held => "held",
        Ending::Deadlock => "EDEADLK",
        Ending::TimedOut => "ETIMEDOUT",
        Ending::Unfinished => "unfinished",
    };
    let line = |a: &crate::observe::Attempt| Worst {
        cpu: a.cpu as u32,
        context: a.context.name().to_owned(),
        lock: lock_name(program, a.lock),
        began_ns: clock.nanos(a.began),
        lasted_ns: clock.nanos(Cycle(a.lasted)),
        result: result(a.ending).to_owned(),
        interrupted_at: a.interrupted_at.map(|pc| program.place(pc)),
    };
    machine.probe.worst().iter().map(line).collect()
}
