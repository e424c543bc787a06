// SPDX-License-Identifier: MIT OR Apache-2.0
//! Locks, CPUs, results and waiting as tables for people, stage by stage.

use super::attribution::column;
use super::columns::Column;
use super::{Page, render_columns};
use crate::histogram::Histogram;
use crate::metrics::{CpuCounts, Metrics};
use crate::names;
use crate::stage::StageSummary;
use crate::units::{count, duration, percent, three_digits};

/// Machines with more CPUs than this get a row per context; the file has all.
const CPUS_SHOWN: usize = 16;

/// Measurements of each stage. `width`, `color` and `ascii` are as for [`super::stage_table`].
pub fn metrics_text(stages: &[StageSummary], width: usize, color: bool, ascii: bool) -> String {
    let page = Page::new(width, color, ascii);
    let mut text = String::new();
    for stage in stages {
        let m = &stage.metrics;
        let tables = [
            ("Locks", 1, locks(m)),
            ("CPUs", 1, shares(m)),
            ("Fairness", 1, fairness(m)),
            ("Attempts by result and detector", 2, results(m)),
            ("Waiting and interrupts", 1, waiting(stage)),
        ];
        for (title, keys, columns) in tables {
            if columns.first().is_some_and(|c| !c.cells.is_empty()) {
                text += &page.prose(&format!("\n{title} of {}", stage.label), 0);
                text += &render_columns(columns, keys, page);
            }
        }
    }
    if !text.is_empty() {
        text += &page.prose(NOTE, 0);
        if stages.iter().flat_map(|s| s.contexts.values()).any(|c| c.unfinished > 0) {
            text += &page.prose(ENDLESS, 0);
        }
    }
    text
}

const NOTE: &str = "\"handoff\": from a release with an attempt in progress to the next acquisition. \"queue\": other \
                    attempts in progress when one begins, the owner not counted. \"bypassed\": acquisitions by attempts \
                    that began later and were served before. \"Jain\": (sum x)² / (n sum x²) of the acquisitions x of the \
                    n CPUs that tried. \"lost\": from an attempt's first wait to its end, less what ran on top of \
                    it (\"interrupted\"). \"latency\": from pending at the controller to the handler's first micro-op. \
                    Quantiles are of all runs together and too large by at most 1.6 %.";

const ENDLESS: &str = "Attempts without an end count in \"longest\" with the time until the run stopped.";

/// p50, p99 and maximum as columns with a line of heading for the name.
fn quantiles(name: &str, rows: &[&Histogram], show: fn(u64) -> String) -> Vec<Column> {
    let one = |header: String, num, den| {
        column(&header, rows.iter().map(|h| h.quantile(num, den).map_or_else(String::new, show)), true)
    };
    vec![one(format!("{name}\np50"), 1, 2), one("\np99".into(), 99, 100), one("\nmax".into(), 1, 1)]
}

fn mean(h: &Histogram) -> String {
    if h.is_empty() { String::new() } else { three_digits(h.sum() as f64 / h.count() as f64) }
}

fn locks(m: &Metrics) -> Vec<Column> {
    let rows: Vec<_> = m.locks.values().collect();
    let mut columns = vec![
        column("lock", m.locks.keys().cloned(), false),
        column("attempts", rows.iter().map(|l| count(l.attempts)), true),
        column("taken", rows.iter().map(|l| count(l.acquisitions)), true),
        column("handoffs", rows.iter().map(|l| count(l.handoff_ns.count())), true),
    ];
    columns.extend(quantiles("handoff", &rows.iter().map(|l| &l.handoff_ns).collect::<Vec<_>>(), duration));
    columns.extend(quantiles("hold", &rows.iter().map(|l| &l.hold_ns).collect::<Vec<_>>(), duration));
    columns.push(column("queue\nmean", rows.iter().map(|l| mean(&l.queue_length)), true));
    columns.push(column("\nmax", rows.iter().map(|l| l.queue_length.max().map_or_else(String::new, count)), true));
    columns.push(column("bypassed\nmean", rows.iter().map(|l| mean(&l.bypassed)), true));
    let p99 = |h: &Histogram| h.quantile(99, 100).map_or_else(String::new, count);
    columns.push(column("\np99", rows.iter().map(|l| p99(&l.bypassed)), true));
    columns.push(column("\nmax", rows.iter().map(|l| l.bypassed.max().map_or_else(String::new, count)), true));
    columns
}

/// Contexts that made attempts, in reading order.
fn contexts(m: &Metrics) -> Vec<(&str, &CpuCounts)> {
    let used = m.cpus.iter().filter(|(_, c)| c.attempts.iter().any(|n| *n > 0));
    let names = names::in_order(used.map(|(name, _)| name));
    names.into_iter().filter_map(|n| Some((n, m.cpus.get(n)?))).collect()
}

fn shares(m: &Metrics) -> Vec<Column> {
    let contexts = contexts(m);
    let cpus = contexts.iter().map(|(_, c)| c.attempts.len()).max().unwrap_or(0);
    if cpus > CPUS_SHOWN {
        return Vec::new();
    }
    let tried = |cpu: &usize| contexts.iter().any(|(_, c)| c.attempts.get(*cpu).is_some_and(|n| *n > 0));
    let rows: Vec<usize> = (0..cpus).filter(tried).collect();
    let mut columns = vec![column("CPU", rows.iter().map(ToString::to_string), true)];
    for (name, c) in contexts {
        let at = |list: &[u64], cpu: usize| list.get(cpu).copied().unwrap_or(0);
        columns.push(column(&format!("{name}\nattempts"), rows.iter().map(|i| count(at(&c.attempts, *i))), true));
        columns.push(column("\ntaken", rows.iter().map(|i| count(at(&c.acquisitions, *i))), true));
        columns.push(column("\nlongest", rows.iter().map(|i| duration(at(&c.longest_ns, *i))), true));
    }
    columns
}

/// A CPU and its number.
fn of_cpu(entry: Option<(usize, u64)>, show: fn(u64) -> String) -> String {
    entry.map_or_else(String::new, |(cpu, n)| format!("{} (CPU {cpu})", show(n)))
}

fn fairness(m: &Metrics) -> Vec<Column> {
    let rows = contexts(m);
    // Of equal ones the first CPU.
    let tried = |c: &CpuCounts, list: &[u64]| -> Vec<(usize, u64)> {
        let all = list.iter().copied().enumerate();
        all.filter(|(cpu, _)| c.attempts.get(*cpu).is_some_and(|n| *n > 0)).collect()
    };
    let least = |c: &CpuCounts| tried(c, &c.acquisitions).into_iter().min_by_key(|(cpu, n)| (*n, *cpu));
    let most = |c: &CpuCounts, list: &[u64]| tried(c, list).into_iter().max_by_key(|(cpu, n)| (*n, usize::MAX - cpu));
    vec![
        column("context", rows.iter().map(|(name, _)| (*name).to_owned()), false),
        column("CPUs\nthat tried", rows.iter().map(|(_, c)| count(tried(c, &c.attempts).len() as u64)), true),
        column("Jain", rows.iter().map(|(_, c)| c.jain().map_or_else(String::new, |j| format!("{j:.4}"))), true),
        column("taken\nleast", rows.iter().map(|(_, c)| of_cpu(least(c), count)), true),
        column("\nmost", rows.iter().map(|(_, c)| of_cpu(most(c, &c.acquisitions), count)), true),
        column("longest\nattempt", rows.iter().map(|(_, c)| of_cpu(most(c, &c.longest_ns), duration)), true),
    ]
}

/// Result and detector down, contexts across; rows without an attempt are left out.
fn results(m: &Metrics) -> Vec<Column> {
    let contexts: Vec<&str> = contexts(m).into_iter().map(|(name, _)| name).collect();
    let of = |context: &str, result: &str, detector: &str| {
        m.attempts_by.get(context).and_then(|r| r.get(result)?.get(detector)).copied().unwrap_or(0)
    };
    let mut rows: Vec<(&str, &str)> = Vec::new();
    for result in ["held", "EDEADLK", "ETIMEDOUT", "unfinished"] {
        let detectors = m.attempts_by.values().filter_map(|r| r.get(result)).flat_map(|d| d.keys());
        let used = |d: &&str| contexts.iter().any(|c| of(c, result, d) > 0);
        rows.extend(names::in_order(detectors).into_iter().filter(used).map(|d| (result, d)));
    }
    let mut columns = vec![
        column("result", rows.iter().map(|(r, _)| (*r).to_owned()), false),
        column("detector", rows.iter().map(|(_, d)| (*d).to_owned()), false),
    ];
    for c in contexts {
        columns.push(column(c, rows.iter().map(|(r, d)| count(of(c, r, d))), true));
    }
    columns
}

fn waiting(s: &StageSummary) -> Vec<Column> {
    let m = &s.metrics;
    let waits = m.waiting.iter().filter(|(_, w)| !w.lost_ns.is_empty()).map(|(name, _)| name);
    let latencies = m.interrupt_latency_ns.iter().filter(|(_, h)| !h.is_empty()).map(|(name, _)| name);
    let rows = names::in_order(waits.chain(latencies));
    let none = Histogram::new();
    let lost: Vec<&Histogram> = rows.iter().map(|r| m.waiting.get(*r).map_or(&none, |w| &w.lost_ns)).collect();
    let latency: Vec<&Histogram> = rows.iter().map(|r| m.interrupt_latency_ns.get(*r).unwrap_or(&none)).collect();
    let ran: Vec<&Histogram> = rows.iter().map(|r| s.handlers.get(*r).map_or(&none, |h| &h.duration_ns)).collect();
    let cpu_ns = s.end_ns as f64 * f64::from(s.cpus);
    let share = |h: &&Histogram| if h.is_empty() { String::new() } else { percent(h.sum() as f64 / cpu_ns) };
    let interrupted = |r: &&str| m.waiting.get(*r).map_or_else(String::new, |w| duration(w.interrupted_ns));
    let mut columns = vec![
        column("context", rows.iter().map(|r| (*r).to_owned()), false),
        column("attempts\nthat waited", lost.iter().map(|h| count(h.count())), true),
        column("lost\nin all", lost.iter().map(|h| duration(h.sum())), true),
        column("of CPU\ntime", lost.iter().map(share), true),
        column("inter-\nrupted", rows.iter().map(interrupted), true),
    ];
    columns.extend(quantiles("latency", &latency, duration));
    columns.extend(quantiles("handler", &ran, duration));
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_records;

    fn text(ascii: bool) -> String {
        metrics_text(&StageSummary::from_records(&sample_records())[..1], 160, false, ascii)
    }

    #[test]
    fn every_table_is_there_and_merged_over_the_seeds() {
        let text = text(false);
        let row =
            |from: &str| text.lines().find(|l| l.trim_start().starts_with(from)).unwrap_or_else(|| panic!("{text}"));
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        // Two seeds: 412,345 + 11 and + 12 by tasks, 63,900 each by NMIs.
        assert_eq!(words(row("ring.lock"))[..4], ["ring.lock", "952", "513", "952"], "{text}");
        for title in ["Locks", "CPUs", "Fairness", "Attempts by result and detector", "Waiting and interrupts"] {
            assert!(text.contains(&format!("\n{title} of base\n")), "{title}:\n{text}");
        }
        assert!(row("EDEADLK").contains("aa_begin"), "{text}");
        assert!(!text.contains("unfinished"), "{text}");
        assert!(!text.contains("CPU 0)") && text.contains("250.3 ms (CPU 2)"), "{text}");
        let mut other = crate::units::Charset::Ascii.adapt(&text);
        other.retain(|c| c.is_ascii());
        assert!(self::text(true).is_ascii());
    }

    #[test]
    fn a_machine_of_many_cpus_has_no_row_for_each() {
        let mut records = sample_records();
        records.truncate(1);
        for c in records[0].metrics.cpus.values_mut() {
            c.attempts.resize(17, 0);
        }
        let text = metrics_text(&StageSummary::from_records(&records), 160, false, false);
        assert!(!text.contains("CPUs of base") && text.contains("Fairness of base"), "{text}");
        assert_eq!(metrics_text(&[], 80, false, false), "");
    }
}
