// SPDX-License-Identifier: MIT OR Apache-2.0
//! The columns of a run: name, type, meaning, and how each is read from a record. The only place that says so.

use std::borrow::Cow;

use crate::histogram::Histogram;
use crate::names;
use crate::record::{ContextCounts, Record};

/// Type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number, unsigned, 64 bits.
    Integer,
    /// A floating-point number, 64 bits.
    Number,
    /// UTF-8.
    Text,
    /// `true` or `false`.
    Flag,
}

impl Kind {
    /// Name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Integer => "integer",
            Kind::Number => "number",
            Kind::Text => "text",
            Kind::Flag => "flag",
        }
    }
}

/// A field of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Not measured, or there is none.
    Missing,
    /// See [`Kind::Integer`].
    Integer(u64),
    /// See [`Kind::Number`].
    Number(f64),
    /// See [`Kind::Text`].
    Text(String),
    /// See [`Kind::Flag`].
    Flag(bool),
}

impl Value {
    /// As a number, if it is one.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Integer(n) => Some(*n as f64),
            Value::Number(n) => Some(*n),
            Value::Missing | Value::Text(_) | Value::Flag(_) => None,
        }
    }
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Name; the unit stands at its end.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// A measurement, of which means are taken.
    pub measured: bool,
    /// What it is.
    pub doc: &'static str,
    /// Its value in a run.
    pub of: fn(&Record) -> Value,
}

/// The column of this name, if there is one.
#[must_use]
pub fn column(name: &str) -> Option<&'static Column> {
    COLUMNS.iter().find(|c| c.name == name)
}

const fn is(name: &'static str, kind: Kind, doc: &'static str, of: fn(&Record) -> Value) -> Column {
    Column { name, kind, measured: false, doc, of }
}

const fn count(name: &'static str, doc: &'static str, of: fn(&Record) -> Value) -> Column {
    Column { name, kind: Kind::Integer, measured: true, doc, of }
}

const fn figure(name: &'static str, doc: &'static str, of: fn(&Record) -> Value) -> Column {
    Column { name, kind: Kind::Number, measured: true, doc, of }
}

/// All columns of a run, behind those of its point and axes.
pub const COLUMNS: &[Column] = &[
    is("stage", Kind::Text, "name of the stage", |r| text(&r.stage)),
    is("stage_idx", Kind::Integer, "place of the stage in its experiment, from 0", |r| {
        Value::Integer(r.stage_idx.into())
    }),
    is("seed", Kind::Integer, "seed of the run", |r| Value::Integer(r.seed)),
    is(
        "status",
        Kind::Text,
        "ok, hang, violation; or given up: budget (micro-ops), timeout (host's time), crash (simulator)",
        |r| text(&r.status),
    ),
    is("expected", Kind::Flag, "the run ended as its stage has to", |r| Value::Flag(r.is_as_expected())),
    is("lock", Kind::Text, "program of the lock", |r| text(&r.lock)),
    is("machine", Kind::Text, "name of the machine", |r| text(&r.machine)),
    is("base", Kind::Text, "what the patches apply to; empty for locks without bases", |r| text(&r.base)),
    is("patches", Kind::Text, "patches applied, joined by blanks", |r| Value::Text(r.patches.join(" "))),
    is("cpus", Kind::Integer, "CPUs of the machine", |r| Value::Integer(r.cpus.into())),
    is("clock_khz", Kind::Integer, "clock of the cores", |r| Value::Integer(r.clock_khz)),
    is("simulated_ns", Kind::Integer, "simulated time in which work was begun: the exposure of every rate", |r| {
        Value::Integer(r.simulated_ns)
    }),
    is("end_ns", Kind::Integer, "simulated time until all that was begun had ended", |r| Value::Integer(r.end_ns)),
    figure("throughput_per_s", "acquisitions per simulated second", |r| per_second(r, held(r))),
    figure("fairness_jain", "Jain's index of the tasks' acquisitions by CPU: 1 even, 1/n one CPU has all", |r| {
        number(r.metrics.cpus.get(names::TASK).and_then(crate::metrics::CpuCounts::jain))
    }),
    figure("timeouts_per_hour", "attempts that returned ETIMEDOUT, per simulated hour", |r| {
        per_hour(r, sum(r, |c| c.etimedout))
    }),
    figure("needless_errors_per_hour", "errors given to attempts on no deadlock, per simulated hour", |r| {
        per_hour(r, r.oracle.false_positives + r.oracle.wrong_culprits + r.oracle.timeouts_outside_cycle)
    }),
    figure("stuck_share", "share of time in which some CPU had waited longer than the threshold", |r| {
        number((r.end_ns > 0).then(|| r.stuck_ns as f64 / r.end_ns as f64))
    }),
    figure("messages_per_acquisition", "coherence messages per acquisition", |r| {
        number((held(r) > 0).then(|| messages(r) as f64 / held(r) as f64))
    }),
    count("attempts", "attempts to take a lock, all contexts", |r| Value::Integer(sum(r, |c| c.attempts))),
    count("held", "attempts that took it", |r| Value::Integer(held(r))),
    count("edeadlk", "attempts that returned EDEADLK", |r| Value::Integer(sum(r, |c| c.edeadlk))),
    count("etimedout", "attempts that returned ETIMEDOUT", |r| Value::Integer(sum(r, |c| c.etimedout))),
    count("unfinished", "attempts that had not returned at the end", |r| Value::Integer(sum(r, |c| c.unfinished))),
    count("attempt_p50_ns", "median duration of attempts, all contexts", |r| quantile(&attempts(r), 50)),
    count("attempt_p99_ns", "their 99th percentile", |r| quantile(&attempts(r), 99)),
    count("attempt_max_ns", "the longest attempt that returned", |r| whole(attempts(r).max())),
    count("nmi_attempt_p99_ns", "99th percentile of the duration of attempts in NMIs", |r| {
        r.contexts.get(names::NMI).map_or(Value::Missing, |c| quantile(&c.attempt_ns, 99))
    }),
    count("handoff_p50_ns", "median time from a contended release to the next acquisition", |r| {
        quantile(&merged(r.metrics.locks.values().map(|l| &l.handoff_ns)), 50)
    }),
    count("hold_p50_ns", "median time from acquisition to release", |r| {
        quantile(&merged(r.metrics.locks.values().map(|l| &l.hold_ns)), 50)
    }),
    count("nmis", "NMI handlers begun", |r| whole(r.handlers.get(names::NMI).map(|h| h.count))),
    count("nmis_lost", "NMIs that came while one was latched", |r| {
        whole(r.handlers.get(names::NMI).map(|h| h.coalesced))
    }),
    count("nmi_longest_ns", "the longest NMI handler", |r| {
        whole(r.handlers.get(names::NMI).filter(|h| h.count > 0).map(|h| h.longest_ns))
    }),
    count("nmi_p99_ns", "99th percentile of the duration of NMI handlers", |r| {
        r.handlers.get(names::NMI).map_or(Value::Missing, |h| quantile(&h.duration_ns, 99))
    }),
    count("deadlocks", "deadlocks formed", |r| Value::Integer(r.oracle.cycles_formed.values().sum())),
    count("detected", "of these, ended by EDEADLK", |r| Value::Integer(r.oracle.detected)),
    count("missed", "of these, ended by a timeout", |r| Value::Integer(r.oracle.misses)),
    count("avoided", "EDEADLK before waiting, where waiting would have closed a cycle", |r| {
        Value::Integer(r.oracle.avoided)
    }),
    count("false_alarms", "EDEADLK of attempts that were on no deadlock and behind none", |r| {
        Value::Integer(r.oracle.false_positives)
    }),
    count("detection_p50_ns", "median time from a deadlock's formation to the EDEADLK that ended it", |r| {
        quantile(&merged(r.oracle.latency_by.values()), 50)
    }),
    count("detection_max_ns", "the longest of them", |r| whole(merged(r.oracle.latency_by.values()).max())),
    count("stuck_ns", "simulated time in which some CPU had waited longer than the threshold", |r| {
        Value::Integer(r.stuck_ns)
    }),
    count("messages", "coherence messages", |r| Value::Integer(messages(r))),
    count("message_bytes", "their bytes", |r| Value::Integer(r.traffic.by_class.values().map(|t| t.bytes).sum())),
    count("micro_ops", "micro-ops retired, all CPUs", |r| Value::Integer(r.ops)),
    is("finding", Kind::Text, "first line of what was found; empty if the run is ok", |r| {
        Value::Text(r.finding.as_deref().and_then(|f| f.lines().next()).unwrap_or("").to_owned())
    }),
    is("config_hash", Kind::Text, "hash of the expanded experiment of the stage", |r| text(&r.config_hash)),
    is("program_hash", Kind::Text, "hash of the assembled program", |r| text(&r.program_hash)),
    is("version", Kind::Text, "version of rqsim", |r| text(&r.version)),
];

fn text(t: &str) -> Value {
    Value::Text(t.to_owned())
}

fn whole(n: Option<u64>) -> Value {
    n.map_or(Value::Missing, Value::Integer)
}

fn number(n: Option<f64>) -> Value {
    n.filter(|n| n.is_finite()).map_or(Value::Missing, Value::Number)
}

fn sum(r: &Record, of: impl Fn(&ContextCounts) -> u64) -> u64 {
    r.contexts.values().map(of).sum()
}

fn held(r: &Record) -> u64 {
    sum(r, |c| c.held)
}

fn messages(r: &Record) -> u64 {
    r.traffic.by_class.values().map(|t| t.messages).sum()
}

fn per_second(r: &Record, events: u64) -> Value {
    number((r.simulated_ns > 0).then(|| events as f64 * 1e9 / r.simulated_ns as f64))
}

fn per_hour(r: &Record, events: u64) -> Value {
    number((r.simulated_ns > 0).then(|| events as f64 * 3.6e12 / r.simulated_ns as f64))
}

/// All of them together; where only one holds anything, that one.
fn merged<'a>(all: impl Iterator<Item = &'a Histogram>) -> Cow<'a, Histogram> {
    let mut all = all.filter(|h| !h.is_empty());
    let mut sum = all.next().map_or_else(|| Cow::Owned(Histogram::new()), Cow::Borrowed);
    all.for_each(|h| sum.to_mut().merge(h));
    sum
}

fn attempts(r: &Record) -> Cow<'_, Histogram> {
    merged(r.contexts.values().map(|c| &c.attempt_ns))
}

fn quantile(h: &Histogram, percent: u64) -> Value {
    whole(h.quantile(percent, 100))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_records;

    #[test]
    fn every_column_has_the_type_it_says_and_a_name_of_its_own() {
        for (i, c) in COLUMNS.iter().enumerate() {
            assert!(COLUMNS[..i].iter().all(|d| d.name != c.name), "{}", c.name);
            for r in sample_records() {
                let fits = matches!(
                    ((c.of)(&r), c.kind),
                    (Value::Missing, _)
                        | (Value::Integer(_), Kind::Integer)
                        | (Value::Number(_), Kind::Number)
                        | (Value::Text(_), Kind::Text)
                        | (Value::Flag(_), Kind::Flag)
                );
                assert!(fits, "{}", c.name);
                assert!(!c.measured || !matches!((c.of)(&r), Value::Text(_)), "{}", c.name);
            }
        }
    }

    #[test]
    fn figures_are_those_of_the_record() {
        let r = &sample_records()[0];
        let of = |name: &str| (column(name).unwrap().of)(r);
        let held: u64 = r.contexts.values().map(|c| c.held).sum();
        assert_eq!(of("held"), Value::Integer(held));
        assert_eq!(of("throughput_per_s"), Value::Number(held as f64 * 1e9 / r.simulated_ns as f64));
        assert_eq!(of("nmi_longest_ns"), Value::Integer(250_312_011));
        // A run that was given up at once has measured nothing.
        let none = Record::default();
        let of = |name: &str| (column(name).unwrap().of)(&none);
        assert_eq!(
            [of("throughput_per_s"), of("attempt_p99_ns"), of("nmi_longest_ns")],
            [Value::Missing, Value::Missing, Value::Missing]
        );
    }
}
