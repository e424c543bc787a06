// SPDX-License-Identifier: MIT OR Apache-2.0
//! Timeouts per simulated second: a dot and an interval per stage, an arrow for "none seen".

use plotters::prelude::DrawingBackend;

use super::Figure;
use super::axis::{Axis, plain};
use super::canvas::{Anchor, Canvas, Stroke};
use super::chart::{Chart, Interval, rounded};
use super::data::{TimeoutRow, timeouts, timeouts_by_wait};
use super::frame::{self, MARGIN, Plot, SMALL, STRONG, TOP, WIDTH};
use super::glyphs::text_width;
use super::style::{StageStyle, stage_styles};
use super::svg::{self, Words};
use crate::stage::StageSummary;
use crate::units::{duration, estimate, plural};

const ROW: f64 = 40.0;
const UNIT: &str = "timeouts per simulated second";

struct Subject {
    name: &'static str,
    title: &'static str,
    subtitle: &'static str,
}

/// All timeouts of a stage.
pub(super) fn by_stage(stages: &[StageSummary]) -> Result<Option<Figure>, String> {
    let subject = Subject {
        name: "timeouts",
        title: "How often does an attempt to take the lock time out?",
        subtitle: "Timeouts per simulated second of the whole machine, 95 % interval, by stage",
    };
    let rows: Vec<(usize, TimeoutRow)> = timeouts(stages).into_iter().enumerate().collect();
    figure(stages, &rows, &subject).map(Some)
}

/// By the wait that was given up.
pub(super) fn by_wait(stages: &[StageSummary]) -> Result<Option<Figure>, String> {
    let subject = Subject {
        name: "timeouts-by-wait",
        title: "In which wait do attempts time out?",
        subtitle: "Timeouts per simulated second of the whole machine, 95 % interval, by the wait they ended and by stage",
    };
    let row = |(wait, i, label, rate): (String, usize, String, Option<crate::Estimate>)| {
        (
            i,
            TimeoutRow {
                label: format!("{}: {label}", wait.replace('_', "-")),
                rate,
                simulated_s: stages[i].simulated_s(),
            },
        )
    };
    let rows: Vec<(usize, TimeoutRow)> = timeouts_by_wait(stages).into_iter().map(row).collect();
    if rows.is_empty() { Ok(None) } else { figure(stages, &rows, &subject).map(Some) }
}

fn figure(stages: &[StageSummary], rows: &[(usize, TimeoutRow)], subject: &Subject) -> Result<Figure, String> {
    let interval = |(stage, r): &(usize, TimeoutRow)| Interval {
        label: r.label.clone(),
        stage: *stage,
        value: r.rate.map(|e| rounded(e.value)),
        low: r.rate.map_or(0.0, |e| rounded(e.low)),
        high: r.rate.map_or(0.0, |e| rounded(e.high)),
        count: r.rate.map_or(0, |e| e.events),
    };
    let chart = Chart::Intervals { x: UNIT.into(), rows: rows.iter().map(interval).collect() };
    let svg = draw(stages, rows, subject)?;
    let mut figure = Figure::new(subject.name.into(), subject.title.into(), UNIT, svg, chart);
    figure.samples = Some(("Timeouts", stages.iter().map(|s| (s.label.clone(), s.timeouts())).collect()));
    Ok(figure)
}

/// The figure as the text of an SVG file.
fn draw(stages: &[StageSummary], rows: &[(usize, TimeoutRow)], subject: &Subject) -> Result<String, String> {
    let pitch = if rows.len() > stages.len() { 30.0 } else { ROW };
    let styles = stage_styles(stages);
    let caption = frame::caption_lines(&format!(
        "Dot: timeouts seen over time simulated. Bar: exact 95 % interval, timeouts taken as \
         independent. Arrow: none seen, so only the one-sided 95 % upper bound is known. {}",
        frame::setting(stages)
    ))?;
    let notes = rows.iter().map(|(_, r)| note(r)).collect::<Vec<_>>();
    let mut note_room = 0.0_f64;
    for (value, sample) in &notes {
        note_room = note_room.max(text_width(value, STRONG)?).max(text_width(sample, SMALL)?);
    }
    let plot = Plot {
        left: frame::row_label_room(rows.iter().map(|(_, r)| r.label.as_str()))?,
        right: WIDTH - MARGIN - note_room - 16.0,
        top: TOP,
        bottom: TOP + pitch * rows.len().max(2) as f64,
    };
    let description: String = rows
        .iter()
        .zip(&notes)
        .map(|((_, row), (value, sample))| format!("{}: {value}, {sample}. ", row.label))
        .collect();
    let words = Words { title: subject.title, description: description.trim_end() };
    svg::draw((WIDTH, plot.bottom + frame::foot_height(&caption)), &words, |canvas| {
        frame::head(canvas, subject.title, subject.subtitle)?;
        match range(rows) {
            None => frame::nothing(canvas, plot)?,
            Some(range) => {
                let axis = Axis::log(range, (plot.left, plot.right), plain);
                frame::x_axis(canvas, plot, &axis, UNIT)?;
                for (i, ((stage, row), note)) in rows.iter().zip(&notes).enumerate() {
                    let y = plot.top + pitch * (i as f64 + 0.5);
                    canvas.series(Some(*stage))?;
                    frame::row_label(canvas, plot, y, &row.label)?;
                    mark(canvas, &axis, y, row, styles[*stage])?;
                    let x = plot.right + 16.0;
                    canvas.text((x, y - 8.0), &note.0, STRONG, Anchor::Left);
                    canvas.text((x, y + 8.0), &note.1, SMALL, Anchor::Left);
                }
                canvas.series(None)?;
            }
        }
        frame::foot(canvas, plot, &caption)
    })
}

/// What is written right of a row: value with interval, and the counts behind it.
fn note(row: &TimeoutRow) -> (String, String) {
    let Some(e) = &row.rate else { return ("not measured".into(), String::new()) };
    let (value, interval) = estimate(e, 1.0);
    let exposure = duration((row.simulated_s * 1e9).round() as u64);
    (format!("{value} {interval}"), format!("{} in {exposure}", plural(e.events, "timeout")))
}

/// Least and greatest value to be shown, with room for the arrows; none without a rate.
fn range(rows: &[(usize, TimeoutRow)]) -> Option<(f64, f64)> {
    let rates = || rows.iter().filter_map(|(_, r)| r.rate);
    // A quarter of the upper bound of zero leaves room for the shaft of its arrow.
    let low = rates().map(|e| if e.events == 0 { e.high / 4.0 } else { e.low });
    let high = rates().map(|e| e.high);
    Some((low.min_by(f64::total_cmp)?, high.max_by(f64::total_cmp)?))
}

/// Dot and interval, or bound and arrow, of one row.
fn mark<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    axis: &Axis,
    y: f64,
    row: &TimeoutRow,
    style: StageStyle,
) -> Result<(), String> {
    let Some(e) = &row.rate else { return Ok(()) };
    let stroke = Stroke { color: style.color, width: 2.5, dash: style.dash };
    let solid = Stroke::solid(style.color, 2.5);
    let high = axis.at(e.high);
    canvas.line(&[(high, y - 6.0), (high, y + 6.0)], solid)?;
    if e.events == 0 {
        let (left, _) = axis.ends();
        let tip = left + 3.0;
        canvas.line(&[(tip + 8.0, y), (high, y)], stroke)?;
        return canvas.polygon(&[(tip, y), (tip + 11.0, y - 5.5), (tip + 11.0, y + 5.5)], style.color);
    }
    let low = axis.at(e.low);
    canvas.line(&[(low, y), (high, y)], stroke)?;
    canvas.line(&[(low, y - 6.0), (low, y + 6.0)], solid)?;
    canvas.dot((axis.at(e.value), y), 5.5, style.color)
}
