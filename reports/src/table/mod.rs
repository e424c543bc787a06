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
mod metrics;
mod metrics_csv;
mod recoveries;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

pub use attribution::attribution_text;
pub use attribution_csv::{attribution_csv, links_csv, sharing_csv};
pub(crate) use columns::Column;
pub use csv::stage_csv;
pub use metrics::metrics_text;
pub use metrics_csv::metrics_csv;
pub use recoveries::{recoveries_csv, recoveries_text, recoveries_worst_csv};

use crate::stage::StageSummary;
use crate::units::{Charset, count, duration, plural};

const BOLD: &str = "\u{1b}[1m";
const RED: &str = "\u{1b}[31m";
const RESET: &str = "\u{1b}[0m";

/// The table of stages as text that ends in a line feed.
///
/// Lines are at most `width` characters long as far as a single column allows; `color` marks
/// headings and findings with terminal escapes; `ascii` keeps to plain ASCII. An empty cell is "not
/// measured". A rate of zero is followed by its upper bound.
pub fn stage_table(stages: &[StageSummary], width: usize, color: bool, ascii: bool) -> String {
    let charset = if ascii { Charset::Ascii } else { Charset::Unicode };
    if stages.is_empty() {
        return "no records\n".into();
    }
    let mut columns = columns::columns(stages);
    for column in &mut columns {
        column.adapt(charset);
    }
    let mut text = String::new();
    for line in wrap(&charset.adapt(&title(stages)), width) {
        text += &line;
        text.push('\n');
    }
    for (i, block) in blocks(&columns, width).iter().enumerate() {
        if i > 0 {
            text.push('\n');
        }
        text += &render(block, charset, color);
    }
    for (note, is_alarm) in notes(stages) {
        let (on, off) = if color && is_alarm { (RED, RESET) } else { ("", "") };
        for line in wrap(&charset.adapt(&note), width) {
            text += &format!("{on}{line}{off}\n");
        }
    }
    text
}

/// What all stages have in common.
fn title(stages: &[StageSummary]) -> String {
    let all = |part: fn(&StageSummary) -> String| {
        let mut values: Vec<String> = stages.iter().map(part).filter(|v| !v.is_empty()).collect();
        values.dedup();
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

/// Cuts the columns into blocks that fit; each begins with the first column, the stage.
fn blocks(columns: &[Column], width: usize) -> Vec<Vec<&Column>> {
    let Some((stage, others)) = columns.split_first() else { return Vec::new() };
    let mut blocks = vec![vec![stage]];
    let mut used = stage.width();
    let mut groups = others.chunk_by(|a, b| a.group == b.group);
    let mut next = groups.next();
    while let Some(group) = next {
        // Columns of one group are read across and stay together.
        let wanted: usize = group.iter().map(Column::width).sum();
        if used + wanted > width + columns::GAP && used > stage.width() {
            blocks.push(vec![stage]);
            used = stage.width();
        }
        if let Some(block) = blocks.last_mut() {
            block.extend(group);
        }
        used += wanted;
        next = groups.next();
    }
    blocks
}

/// Columns as a table without rules between its rows.
pub(crate) fn render_columns(mut columns: Vec<Column>, charset: Charset, color: bool) -> String {
    columns.iter_mut().for_each(|c| c.adapt(charset));
    let text = render(&columns.iter().collect::<Vec<_>>(), charset, color);
    // Every row is one line: no rules between them.
    let lines: Vec<&str> = text.lines().collect();
    let is_rule = |l: &str| l.chars().all(|c| c == '─' || c == '-');
    let kept = |i: usize| i == 0 || i + 1 == lines.len() || !is_rule(lines[i]);
    (0..lines.len()).filter(|&i| kept(i)).map(|i| format!("{}\n", lines[i])).collect()
}

fn render(block: &[&Column], charset: Charset, color: bool) -> String {
    let mut table = Table::new();
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.load_style(match charset {
        Charset::Unicode => presets::UTF8_HORIZONTAL_ONLY,
        Charset::Ascii => presets::ASCII_HORIZONTAL_ONLY,
    });
    table.set_header(block.iter().map(|c| c.header.as_str()));
    for row in 0..block.first().map_or(0, |c| c.cells.len()) {
        table.add_row(block.iter().map(|c| c.cells[row].as_str()));
    }
    for (i, (column, made)) in block.iter().zip(table.column_iter_mut()).enumerate() {
        // The library puts a blank between columns itself where others have a line.
        let gap = if i + 1 < block.len() { columns::GAP as u16 - 1 } else { 0 };
        made.set_padding((0, gap));
        if column.right {
            made.set_cell_alignment(CellAlignment::Right);
        }
    }
    let header_lines = block.iter().map(|c| c.header.lines().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (i, line) in table.trim_fmt().lines().enumerate() {
        // The first line is a rule, the heading follows.
        let is_header = color && (1..=header_lines).contains(&i);
        let (on, off) = if is_header { (BOLD, RESET) } else { ("", "") };
        text += &format!("{on}{}{off}\n", line.trim_end());
    }
    text
}

/// What has to be said below the table; true marks an alarm.
fn notes(stages: &[StageSummary]) -> Vec<(String, bool)> {
    let mut notes = vec![(
        "Intervals: 95 %, exact, events taken as independent; 0 is followed by the one-sided 95 % \
         upper bound. Verdicts held against the true wait-for graph: \"avoided\" is EDEADLK before a \
         wait that would have closed a deadlock, \"missed\" deadlocks ended in a timeout, \"false\" \
         is EDEADLK and \"no cycle\" a timeout where there was no deadlock. \
         \"lost\": NMIs that came while one was latched. \"stuck\": share of simulated time in \
         which some CPU was stuck for over 1 ms. \"/sim. s\" and \"acq/s\" are per simulated second \
         of the whole machine, \"acq\" is an acquisition."
            .to_string(),
        false,
    )];
    if stages.iter().any(|s| s.oracle.late + s.oracle.wrong_culprits > 0) {
        let text = "\"late\" is an error to the second who gave up on a deadlock, \"behind\" an error to a waiter that is on \
                    no cycle though it waits behind one.";
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
        let open = if w.unfinished > 0 { format!(", {} unfinished", count(w.unfinished)) } else { String::new() };
        format!("{} {kind}{open}, longest {}", count(w.count), duration(w.longest_ns))
    });
    let text = each.collect::<Vec<_>>().join("; ");
    (!text.is_empty()).then(|| format!("Waits without a deadline in {}: {text}.", stage.label))
}

/// Breaks a text at blanks into lines of at most `width` characters; line feeds stay, and a word longer than a line gets its own.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let wanted = line.chars().count() + 1 + word.chars().count();
            if !line.is_empty() && wanted > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line += word;
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests;
