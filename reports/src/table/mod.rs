// SPDX-License-Identifier: MIT OR Apache-2.0
//! The stage table: a row per stage.
//!
//! Related numbers share a cell, on lines of their own, so that the whole table fits a wide
//! terminal. On a narrower one it is cut into blocks of columns, each with a row per stage.

mod attribution;
mod attribution_csv;
#[cfg(test)]
mod attribution_tests;
mod columns;
mod csv;
mod layout;
mod metrics;
mod metrics_csv;
mod parquet;
mod points;
mod recoveries;

pub use attribution::attribution_text;
pub use attribution_csv::{attribution_csv, links_csv, sharing_csv};
pub(crate) use columns::Column;
pub use csv::{field as csv_field, stage_csv, stage_json};
pub(crate) use layout::{Page, fits, render_columns};
pub use layout::{wrap, wrap_hanging};
pub use metrics::metrics_text;
pub use metrics_csv::metrics_csv;
pub use parquet::parquet;
pub use points::{Columns, Values, columns as points_columns, points_csv};
pub use recoveries::{recoveries_csv, recoveries_text, recoveries_worst_csv};

use crate::stage::StageSummary;
use crate::units::{count, duration, plural};

const RED: &str = "\u{1b}[31m";
const RESET: &str = "\u{1b}[0m";

/// What is said of errors, where there can be any.
const VERDICTS: &str = "Intervals: 95 %, exact, events taken as independent; 0 is followed by the one-sided 95 % \
     upper bound. Verdicts held against the true wait-for graph: \"avoided\" is EDEADLK before a \
     wait that would have closed a deadlock, \"missed\" deadlocks ended in a timeout, \"false\" \
     is EDEADLK and \"no cycle\" a timeout where there was no deadlock. ";

/// The table of stages as text that ends in a line feed.
///
/// Lines are at most `width` characters long as far as a single column allows; `color` marks
/// headings and findings with terminal escapes; `ascii` keeps to plain ASCII. An empty cell is "not
/// measured". A rate of zero is followed by its upper bound.
pub fn stage_table(stages: &[StageSummary], width: usize, color: bool, ascii: bool) -> String {
    let page = Page::new(width, color, ascii);
    if stages.is_empty() {
        return "no records\n".into();
    }
    let mut text = page.prose(&title(stages), 0);
    text += &layout::table(columns::columns(stages), 1, page);
    for (note, is_alarm) in notes(stages) {
        let (on, off) = if color && is_alarm { (RED, RESET) } else { ("", "") };
        for line in wrap(&page.charset.adapt(&note), width) {
            text += &format!("{on}{line}{off}\n");
        }
    }
    text
}

/// Headings, and the cells of each row.
pub(crate) fn stage_cells(stages: &[StageSummary]) -> (Vec<String>, Vec<Vec<String>>) {
    let columns = columns::columns(stages);
    let row = |i: usize| columns.iter().map(|c| c.cells[i].clone()).collect();
    (columns.iter().map(|c| c.header.clone()).collect(), (0..stages.len()).map(row).collect())
}

/// The same table in Markdown, its notes below it.
pub fn stage_markdown(stages: &[StageSummary]) -> String {
    if stages.is_empty() {
        return "no records\n".into();
    }
    let cell = |text: &str| {
        let lines: Vec<String> = text.lines().map(|l| l.trim().replace('|', "\\|").replace('<', "&lt;")).collect();
        lines.join("<br>")
    };
    let columns = columns::columns(stages);
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = format!("{}\n\n", title(stages));
    text += &row(columns.iter().map(|c| cell(c.header.trim())).collect());
    text += &row(columns.iter().map(|c| if c.right { "---:" } else { "---" }.to_owned()).collect());
    for i in 0..stages.len() {
        text += &row(columns.iter().map(|c| cell(&c.cells[i])).collect());
    }
    for (note, is_alarm) in notes(stages) {
        let (on, off) = if is_alarm { ("**", "**") } else { ("", "") };
        text += &format!("\n{on}{note}{off}\n");
    }
    text
}

/// What all stages have in common.
fn title(stages: &[StageSummary]) -> String {
    let all = |part: fn(&StageSummary) -> String| {
        let mut values: Vec<String> = Vec::new();
        for value in stages.iter().map(part).filter(|v| !v.is_empty()) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        values.join(", ")
    };
    let base = all(|s| s.base.clone());
    format!(
        "{}: {}{}{base}, {} with {} CPUs, rqsim {}",
        all(|s| s.experiment.clone()),
        all(|s| s.lock.clone()),
        if base.is_empty() { "" } else { " on base " },
        all(|s| s.machine.clone()),
        all(|s| s.cpus.to_string()),
        all(|s| s.version.clone())
    )
}

/// What has to be said below the table; true marks an alarm.
fn notes(stages: &[StageSummary]) -> Vec<(String, bool)> {
    let (verdicts, rates) = if stages.iter().any(StageSummary::may_refuse) {
        (VERDICTS, "\"/sim. s\" and \"acq/s\" are")
    } else {
        ("", "\"acq/s\" is")
    };
    let mut notes = vec![(
        format!(
            "{verdicts}\"lost\": NMIs that came while one was latched. \"stuck\": share of simulated time in \
             which some CPU was stuck for over 1 ms. {rates} per simulated second of the whole machine, \
             \"acq\" is an acquisition."
        ),
        false,
    )];
    if stages.iter().any(|s| s.oracle.late > 0) {
        notes.push(("\"late\" is an error to the second who gave up on a deadlock.".to_owned(), false));
    }
    if stages.iter().any(|s| s.oracle.wrong_culprits > 0) {
        let text = "\"behind\" is an error to a waiter that is on no cycle though it waits behind one.";
        notes.push((text.to_owned(), false));
    }
    if stages.iter().any(|s| columns::endless_nmis(s) > 0) {
        let text = "\"endless\": NMI handlers that had not ended when the run stopped, and how long the longest had run by then.";
        notes.push((text.to_owned(), false));
    }
    notes.extend(stages.iter().filter_map(|s| Some((waits_without_deadline(s)?, false))));
    for stage in stages {
        for (seed, status, finding) in &stage.expected_findings {
            let what = finding.lines().next().unwrap_or_default();
            notes.push((format!("{status} in {}, seed {seed}, as expected: {what}", stage.label), false));
        }
        for (seed, status, finding) in &stage.findings {
            // The rest of it is a trace, which belongs into the record and on standard error.
            let what = finding.lines().next().unwrap_or_default();
            notes.push((format!("{status} in {}, seed {seed}: {what}", stage.label), true));
        }
        if stage.conflicts > 0 {
            let records = plural(stage.conflicts as u64, "record");
            notes.push((
                format!(
                    "{}: {records} left out: same seed as another, other content; runs were not \
                     repeatable",
                    stage.label
                ),
                true,
            ));
        }
    }
    notes
}

/// How long waits took that nothing but what they wait for ends; nothing if there was none.
fn waits_without_deadline(stage: &StageSummary) -> Option<String> {
    let waits = stage.unbounded_waits.iter().filter(|(_, w)| w.count > 0);
    let each = waits.map(|(kind, w)| {
        let longest = duration(w.longest_ns);
        match w.unfinished {
            0 => format!("{} {kind}, longest {longest}", count(w.count)),
            n if n == w.count => format!("{} {kind}, without an end ({longest} until the run stopped)", count(n)),
            n => format!("{} {kind}, {} without an end ({longest} until the run stopped)", count(w.count), count(n)),
        }
    });
    let text = each.collect::<Vec<_>>().join("; ");
    (!text.is_empty()).then(|| format!("Waits without a deadline in {}: {text}.", stage.label))
}

#[cfg(test)]
mod tests;
