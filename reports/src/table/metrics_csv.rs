// SPDX-License-Identifier: MIT OR Apache-2.0
//! Locks, CPUs, results and waiting as comma-separated values; format as [`super::stage_csv`].

use super::csv::field;
use crate::histogram::Histogram;
use crate::metrics::Metrics;
use crate::names;
use crate::stage::StageSummary;

/// What a row is about; empty where it does not apply.
#[derive(Clone, Copy, Default)]
struct About<'a> {
    lock: &'a str,
    cpu: Option<usize>,
    context: &'a str,
    result: &'a str,
    detector: &'a str,
}

/// A row per stage and number: `stage,metric,lock,cpu,context,result,detector,value`. The unit ends the metric's name;
/// counts have none. Sums, quantiles and means are of all runs of the stage together. Metrics without a value have no row.
pub fn metrics_csv(stages: &[StageSummary]) -> String {
    let mut rows = Rows { text: "stage,metric,lock,cpu,context,result,detector,value\n".into(), stage: String::new() };
    for s in stages {
        rows.stage = field(&s.label);
        rows.locks(&s.metrics);
        rows.cpus(&s.metrics);
        rows.results(&s.metrics);
        rows.waiting(&s.metrics);
        for context in names::in_order(s.handlers.keys()) {
            let about = About { context, ..About::default() };
            rows.histogram("handler", "_ns", about, &s.handlers[context].duration_ns);
        }
    }
    rows.text
}

struct Rows {
    text: String,
    stage: String,
}

impl Rows {
    fn row(&mut self, metric: &str, a: About<'_>, value: impl ToString) {
        let cpu = a.cpu.map_or_else(String::new, |c| c.to_string());
        let parts = [field(metric), field(a.lock), cpu, field(a.context), field(a.result), field(a.detector)];
        self.text += &format!("{},{},{}\n", self.stage, parts.join(","), value.to_string());
    }

    fn histogram(&mut self, name: &str, unit: &str, about: About<'_>, h: &Histogram) {
        self.row(&format!("{name}_count"), about, h.count());
        if h.is_empty() {
            return;
        }
        self.row(&format!("{name}_sum{unit}"), about, h.sum());
        for (part, num, den) in [("p50", 1, 2), ("p99", 99, 100), ("max", 1, 1)] {
            if let Some(value) = h.quantile(num, den) {
                self.row(&format!("{name}_{part}{unit}"), about, value);
            }
        }
    }

    fn locks(&mut self, m: &Metrics) {
        for (lock, l) in &m.locks {
            let about = About { lock, ..About::default() };
            self.row("attempts", about, l.attempts);
            self.row("acquisitions", about, l.acquisitions);
            self.histogram("handoff", "_ns", about, &l.handoff_ns);
            self.histogram("hold", "_ns", about, &l.hold_ns);
            self.histogram("queue_length", "", about, &l.queue_length);
            self.histogram("bypassed", "", about, &l.bypassed);
        }
    }

    fn cpus(&mut self, m: &Metrics) {
        for context in names::in_order(m.cpus.keys()) {
            let c = &m.cpus[context];
            let about = About { context, ..About::default() };
            if let Some(jain) = c.jain() {
                // Six digits, as everywhere in these files.
                self.row("jain_index", about, format!("{jain:.6}"));
            }
            for (metric, list) in
                [("attempts", &c.attempts), ("acquisitions", &c.acquisitions), ("attempt_longest_ns", &c.longest_ns)]
            {
                for (cpu, n) in list.iter().enumerate() {
                    self.row(metric, About { cpu: Some(cpu), ..about }, n);
                }
            }
        }
    }

    fn results(&mut self, m: &Metrics) {
        for context in names::in_order(m.attempts_by.keys()) {
            for (result, detectors) in &m.attempts_by[context] {
                for detector in names::in_order(detectors.keys()) {
                    let about = About { context, result, detector, ..About::default() };
                    self.row("attempts", about, detectors[detector]);
                }
            }
        }
    }

    fn waiting(&mut self, m: &Metrics) {
        for context in names::in_order(m.waiting.keys()) {
            let about = About { context, ..About::default() };
            self.histogram("waiting_lost", "_ns", about, &m.waiting[context].lost_ns);
            self.row("waiting_interrupted_ns", about, m.waiting[context].interrupted_ns);
        }
        for context in names::in_order(m.interrupt_latency_ns.keys()) {
            let about = About { context, ..About::default() };
            self.histogram("interrupt_latency", "_ns", about, &m.interrupt_latency_ns[context]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_records;

    #[test]
    fn every_row_has_eight_fields_and_sums_are_over_the_seeds() {
        let stages = StageSummary::from_records(&sample_records());
        let text = metrics_csv(&stages);
        assert!(text.lines().all(|l| l.split(',').count() == 8), "{text}");
        let rows = |from: &str| text.lines().filter(|l| l.starts_with(from)).collect::<Vec<_>>();
        assert_eq!(rows("base,attempts,ring.lock,"), ["base,attempts,ring.lock,,,,,952513"]);
        assert_eq!(
            rows("base,attempts,,,task,held,"),
            [format!("base,attempts,,,task,held,none,{}", stages[0].contexts["task"].held)]
        );
        assert_eq!(rows("base,attempts,,0,task,").len(), 1);
        assert_eq!(rows("base,jain_index,,,").len(), 2);
        let longest: Vec<&str> = rows("base,attempt_longest_ns,,2,nmi,");
        assert_eq!(longest, ["base,attempt_longest_ns,,2,nmi,,,250312000"]);
    }
}
