// SPDX-License-Identifier: MIT OR Apache-2.0
//! The stage table as comma-separated values: a column for each number, full names, fixed units.

use std::collections::BTreeMap;

use crate::histogram::Histogram;
use crate::names;
use crate::stage::StageSummary;
use crate::stats::Estimate;

/// One column: its name and a field for each stage.
type Column = (String, Vec<String>);

/// The stages as CSV (RFC 4180, but lines end in a bare line feed): a header, then a line per
/// stage. Units end the names of the columns; an empty field is "not measured", never 0. The
/// columns of contexts, detectors, waits and message classes follow from what the records hold.
pub fn stage_csv(stages: &[StageSummary]) -> String {
    let columns = all_columns(stages);
    let mut lines = vec![columns.iter().map(|(name, _)| field(name)).collect::<Vec<_>>()];
    for row in 0..stages.len() {
        lines.push(columns.iter().map(|(_, fields)| field(&fields[row])).collect());
    }
    lines.iter().map(|fields| fields.join(",") + "\n").collect()
}

/// Columns of [`stage_csv`] that hold text even where it looks like a number.
const TEXTS: [&str; 9] =
    ["experiment", "stage", "lock", "machine", "base", "patches", "version", "config_hash", "program_hash"];

/// The same columns as JSON: an array with an object for each stage; `null` is "not measured". Ends in a line feed.
pub fn stage_json(stages: &[StageSummary]) -> String {
    let columns = all_columns(stages);
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let value = |name: &str, text: &str| match text {
        _ if TEXTS.contains(&name) => quoted(text),
        "" => "null".to_owned(),
        // A number as it stands in the CSV file, if JSON reads it as one.
        text if serde_json::from_str::<serde_json::Number>(text).is_ok() => text.to_owned(),
        text => quoted(text),
    };
    let object = |row: usize| {
        let fields = columns.iter().map(|(name, fields)| format!("{}:{}", quoted(name), value(name, &fields[row])));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    };
    format!("[{}]\n", (0..stages.len()).map(object).collect::<Vec<_>>().join(",\n"))
}

/// All columns in order.
fn all_columns(stages: &[StageSummary]) -> Vec<Column> {
    let mut columns = identity(stages);
    columns.extend(attempts(stages));
    columns.extend(verdicts(stages));
    columns.extend(waits(stages));
    columns.extend(rates(stages));
    columns.extend(handlers(stages));
    columns.extend(costs(stages));
    columns
}

/// A field of a CSV file, in quotes if it needs them.
#[must_use]
pub fn field(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_string() }
}

/// A column from a function of a stage; `None` is an empty field.
fn column<T: ToString>(
    stages: &[StageSummary],
    name: impl Into<String>,
    value: impl Fn(&StageSummary) -> Option<T>,
) -> Column {
    let text = |s| value(s).map_or_else(String::new, |v| v.to_string());
    (name.into(), stages.iter().map(text).collect())
}

/// Six significant digits: more than the measurement has, less than rounding could disturb.
fn digits(value: f64) -> Option<String> {
    let rounded: f64 = format!("{value:.5e}").parse().ok()?;
    value.is_finite().then(|| rounded.to_string())
}

/// Columns of a map of counts, one for each key that occurs in any stage.
fn keyed<T>(
    stages: &[StageSummary],
    map: impl Fn(&StageSummary) -> &BTreeMap<String, T>,
    name: impl Fn(&str) -> String,
    value: impl Fn(&T) -> u64,
) -> Vec<Column> {
    let keys = names::in_order(stages.iter().flat_map(|s| map(s).keys()));
    keys.iter().map(|&k| column(stages, name(k), |s| map(s).get(k).map(&value))).collect()
}

fn identity(stages: &[StageSummary]) -> Vec<Column> {
    vec![
        column(stages, "experiment", |s| Some(s.experiment.clone())),
        column(stages, "stage", |s| Some(s.label.clone())),
        column(stages, "stage_idx", |s| Some(s.stage_idx)),
        column(stages, "lock", |s| Some(s.lock.clone())),
        column(stages, "machine", |s| Some(s.machine.clone())),
        column(stages, "base", |s| Some(s.base.clone())),
        column(stages, "patches", |s| Some(s.patches.join(" "))),
        column(stages, "version", |s| Some(s.version.clone())),
        column(stages, "config_hash", |s| Some(s.config_hash.clone())),
        column(stages, "program_hash", |s| Some(s.program_hash.clone())),
        column(stages, "cpus", |s| Some(s.cpus)),
        column(stages, "runs", |s| Some(s.seeds.len())),
        column(stages, "runs_failed", |s| Some(s.findings.len())),
        column(stages, "runs_hung_as_expected", |s| Some(s.expected_findings.len())),
        column(stages, "runs_conflicting", |s| Some(s.conflicts)),
        column(stages, "simulated_ns", |s| Some(s.simulated_ns)),
        column(stages, "end_ns", |s| Some(s.end_ns)),
        column(stages, "ops", |s| Some(s.ops)),
    ]
}

fn attempts(stages: &[StageSummary]) -> Vec<Column> {
    let mut columns = Vec::new();
    for key in names::in_order(stages.iter().flat_map(|s| s.contexts.keys())) {
        let of = |s: &StageSummary| s.contexts.get(key).cloned();
        columns.extend([
            column(stages, format!("attempts_{key}"), |s| Some(of(s)?.attempts)),
            column(stages, format!("held_{key}"), |s| Some(of(s)?.held)),
            column(stages, format!("edeadlk_{key}"), |s| Some(of(s)?.edeadlk)),
            column(stages, format!("etimedout_{key}"), |s| Some(of(s)?.etimedout)),
            column(stages, format!("unfinished_{key}"), |s| Some(of(s)?.unfinished)),
        ]);
        for (name, num, den) in [("p50", 1, 2), ("p99", 99, 100), ("max", 1, 1)] {
            columns.push(column(stages, format!("attempt_{key}_{name}_ns"), |s| of(s)?.attempt_ns.quantile(num, den)));
        }
    }
    columns
}

fn verdicts(stages: &[StageSummary]) -> Vec<Column> {
    let mut columns = keyed(stages, |s| &s.edeadlk_by, |k| format!("edeadlk_by_{k}"), |&n| n);
    columns.extend(keyed(stages, |s| &s.timeouts_by, |k| format!("timeouts_in_{k}"), |&n| n));
    let formed = |k: &str| format!("cycles_formed_{k}");
    columns.extend(keyed(stages, |s| &s.oracle.cycles_formed, formed, |&n| n));
    columns.extend([
        column(stages, "detected", |s| Some(s.oracle.detected)),
        column(stages, "avoided", |s| Some(s.oracle.avoided)),
        column(stages, "late", |s| Some(s.oracle.late)),
        column(stages, "wrong_culprits", |s| Some(s.oracle.wrong_culprits)),
        column(stages, "false_positives", |s| Some(s.oracle.false_positives)),
        column(stages, "misses", |s| Some(s.oracle.misses)),
        column(stages, "timeouts_outside_cycle", |s| Some(s.oracle.timeouts_outside_cycle)),
    ]);
    for (name, num, den) in [("p50", 1, 2), ("p99", 99, 100), ("max", 1, 1)] {
        columns
            .push(column(stages, format!("detection_latency_{name}_ns"), |s| s.detection_latency().quantile(num, den)));
    }
    columns.push(column(stages, "miss_latency_max_ns", |s| s.oracle.miss_latency.max()));
    columns.extend([
        column(stages, "cycles_queue_carried", |s| Some(s.oracle.cycles_queue_carried)),
        column(stages, "cycles_context_carried", |s| Some(s.oracle.cycles_context_carried)),
    ]);
    columns.extend(latencies(stages, "detection_latency", |s| &s.oracle.latency_by));
    columns.extend(latencies(stages, "miss_latency", |s| &s.oracle.miss_latency_by));
    columns
}

/// Four columns for each detector that ended a deadlock in some stage.
fn latencies(
    stages: &[StageSummary],
    name: &str,
    map: impl Fn(&StageSummary) -> &BTreeMap<String, Histogram>,
) -> Vec<Column> {
    let mut columns = Vec::new();
    for key in names::in_order(stages.iter().flat_map(|s| map(s).keys())) {
        columns.push(column(stages, format!("{name}_{key}_count"), |s| Some(map(s).get(key)?.count())));
        for (part, num, den) in [("p50", 1, 2), ("p99", 99, 100), ("max", 1, 1)] {
            let value = |s: &StageSummary| map(s).get(key)?.quantile(num, den);
            columns.push(column(stages, format!("{name}_{key}_{part}_ns"), value));
        }
    }
    columns
}

fn waits(stages: &[StageSummary]) -> Vec<Column> {
    let mut columns = Vec::new();
    for key in names::in_order(stages.iter().flat_map(|s| s.unbounded_waits.keys())) {
        let of = |s: &StageSummary| s.unbounded_waits.get(key).copied();
        columns.extend([
            column(stages, format!("unbounded_waits_{key}"), |s| Some(of(s)?.count)),
            column(stages, format!("unbounded_waits_{key}_unfinished"), |s| Some(of(s)?.unfinished)),
            column(stages, format!("unbounded_wait_{key}_longest_ns"), |s| Some(of(s)?.longest_ns)),
        ]);
    }
    columns.extend([
        column(stages, "recoveries", |s| Some(s.recoveries.count())),
        column(stages, "bystanders", |s| Some(s.recoveries.bystanders)),
        column(stages, "bystander_errors", |s| Some(s.recoveries.bystander_errors)),
        column(stages, "bystander_wait_ns", |s| Some(s.recoveries.bystander_wait_ns)),
    ]);
    columns
}

fn rates(stages: &[StageSummary]) -> Vec<Column> {
    type Ratio = fn(&StageSummary) -> Option<Estimate>;
    let ratios: [(&str, Ratio); 2] = [
        ("timeouts_per_nmi", StageSummary::timeouts_per_nmi),
        ("timeouts_per_simulated_s", StageSummary::timeouts_per_s),
    ];
    let mut columns = vec![column(stages, "timeouts", |s| Some(s.timeouts()))];
    for (name, ratio) in ratios {
        columns.extend([
            column(stages, name, |s| digits(ratio(s)?.value)),
            column(stages, format!("{name}_low95"), |s| digits(ratio(s)?.low)),
            column(stages, format!("{name}_high95"), |s| digits(ratio(s)?.high)),
        ]);
    }
    columns
}

fn handlers(stages: &[StageSummary]) -> Vec<Column> {
    let mut columns = Vec::new();
    for key in names::in_order(stages.iter().flat_map(|s| s.handlers.keys())) {
        let of = |s: &StageSummary| s.handlers.get(key).cloned();
        columns.extend([
            column(stages, format!("handlers_{key}"), |s| Some(of(s)?.count)),
            column(stages, format!("coalesced_{key}"), |s| Some(of(s)?.coalesced)),
            column(stages, format!("handler_{key}_longest_ns"), |s| Some(of(s)?.longest_ns)),
        ]);
        for (name, num, den) in [("p50", 1, 2), ("p99", 99, 100)] {
            columns.push(column(stages, format!("handler_{key}_{name}_ns"), |s| of(s)?.duration_ns.quantile(num, den)));
        }
    }
    columns
}

fn costs(stages: &[StageSummary]) -> Vec<Column> {
    let mut columns = vec![
        column(stages, "acquisitions", |s| Some(s.acquisitions())),
        column(stages, "acquisitions_per_simulated_s", |s| digits(s.acquisitions_per_s()?)),
        column(stages, "stuck_ns", |s| Some(s.stuck_ns)),
        column(stages, "stuck_share", |s| digits(s.stuck_share()?)),
        column(stages, "messages_per_acquisition", |s| digits(s.traffic_per_acquisition()?.0)),
        column(stages, "bytes_per_acquisition", |s| digits(s.traffic_per_acquisition()?.1)),
    ];
    let class = |s: &StageSummary| s.traffic.by_class.clone();
    for key in names::in_order(stages.iter().flat_map(|s| s.traffic.by_class.keys())) {
        columns.extend([
            column(stages, format!("messages_{key}"), |s| Some(class(s).get(key)?.messages)),
            column(stages, format!("bytes_{key}"), |s| Some(class(s).get(key)?.bytes)),
            column(stages, format!("hops_{key}"), |s| Some(class(s).get(key)?.hops)),
        ]);
    }
    let line = |k: &str| format!("messages_line_{}", k.replace(' ', "_"));
    columns.extend(keyed(stages, |s| &s.traffic.by_line, line, |t| t.messages));
    columns
}
