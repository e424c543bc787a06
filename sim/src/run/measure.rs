// SPDX-License-Identifier: MIT OR Apache-2.0
//! The record's measurements, read from a machine that stopped.

use std::collections::BTreeMap;

use cache_model::timing::MessageKind;
use reports::{
    ContextCounts, Handler, OracleCounts, Record, Recoveries, Traffic, TrafficCounts, UnboundedWaits, Worst, names,
};
use sim_core::isa::{ContextKind, Detector, WaitKind};
use sim_core::program::LineKind;
use sim_core::time::Cycle;

use super::finding::lock_name;
use crate::attribution::attribution;
use crate::machine::Machine;
use crate::observe::{Ending, Observer};

/// The figures of a run; `heading` says which run it is.
pub(super) fn measure(machine: &Machine<Observer>, end: Cycle, heading: Record) -> Record {
    let clock = machine.clock();
    let o = &machine.probe;
    let kinds = shown(machine, &[ContextKind::Task, ContextKind::Softirq, ContextKind::Hardirq, ContextKind::Nmi]);
    Record {
        end_ns: clock.nanos(end),
        contexts: kinds.clone().map(|k| (k.name().to_owned(), context_counts(o, k))).collect(),
        edeadlk_by: failures(o, deadlock_name),
        timeouts_by: failures(o, timeout_name),
        unbounded_waits: unbounded_waits(machine, end),
        handlers: handlers(machine),
        oracle: oracle_counts(o),
        recoveries: recoveries(machine, end),
        traffic: traffic(machine),
        stuck_ns: clock.nanos(Cycle(o.stuck_cycles(end))),
        ops: machine.retired(),
        worst: worst(machine),
        metrics: o.meter.metrics(&kinds.collect::<Vec<_>>(), |address| lock_name(machine.program(), address)),
        kernel_log: o.meter.kernel.log(),
        attribution: attribution(machine, end),
        ..heading
    }
}

/// Kinds of context that records speak of: soft interrupts only where there are any.
fn shown<'a>(
    machine: &Machine<Observer>,
    kinds: &'a [ContextKind],
) -> impl Iterator<Item = ContextKind> + Clone + use<'a> {
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
    (!d.is_deadline()).then(|| d.name())
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

/// Waits without a deadline, by kind, of the kinds that can be without one.
fn unbounded_waits(machine: &Machine<Observer>, end: Cycle) -> BTreeMap<String, UnboundedWaits> {
    let counts = machine.probe.oracle().unbounded_waits(end.0);
    let kinds = WaitKind::ALL.iter().filter(|k| **k != WaitKind::PendingHandOver);
    let one = |k: &WaitKind| {
        let c = counts[*k as usize];
        let longest_ns = machine.clock().nanos(Cycle(c.longest_cycles));
        (k.name().to_owned(), UnboundedWaits { count: c.count, unfinished: c.count - c.ended, longest_ns })
    };
    kinds.map(one).collect()
}

fn recoveries(machine: &Machine<Observer>, end: Cycle) -> Recoveries {
    let o = &machine.probe;
    let (open, bystanders) = (o.oracle().open_recoveries(), o.oracle().bystanders(end.0));
    Recoveries {
        undetected: open.undetected,
        unwinding: open.unwinding,
        healing: open.healing,
        passed: o.oracle().totals().cycles_passed,
        bystanders: bystanders.count,
        bystander_errors: bystanders.errors,
        bystander_wait_ns: machine.clock().nanos(Cycle(bystanders.wait_cycles)),
        ..o.recoveries.clone()
    }
}

fn oracle_counts(o: &Observer) -> OracleCounts {
    let t = o.oracle().totals();
    OracleCounts {
        cycles_formed: t.cycles_formed.iter().map(|(n, c)| (n.to_string(), *c)).collect(),
        cycles_queue_carried: t.cycles_queue_carried,
        cycles_context_carried: t.cycles_context_carried,
        detected: t.verdicts.detected,
        avoided: t.verdicts.avoided,
        late: t.verdicts.late,
        wrong_culprits: t.verdicts.wrong_culprits,
        false_positives: t.verdicts.false_positives,
        misses: t.verdicts.misses,
        timeouts_outside_cycle: t.verdicts.timeouts_outside,
        latency_by: o.detection_ns.iter().map(|(d, h)| (d.name().to_owned(), h.clone())).collect(),
        miss_latency_by: o
            .miss_by_ns
            .iter()
            .map(|(d, h)| (timeout_name(*d).unwrap_or_else(|| d.name()).to_owned(), h.clone()))
            .collect(),
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
    let line = |a: &crate::observe::Attempt| Worst {
        cpu: a.cpu as u32,
        context: a.context.name().to_owned(),
        lock: lock_name(program, a.lock),
        began_ns: clock.nanos(a.began),
        lasted_ns: clock.nanos(Cycle(a.lasted)),
        result: a.ending.name().to_owned(),
        interrupted_at: a.interrupted_at.map(|pc| program.place(pc)),
    };
    machine.probe.worst().iter().map(line).collect()
}
