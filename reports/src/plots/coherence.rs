// SPDX-License-Identifier: MIT OR Apache-2.0
//! Coherence messages per acquisition: a stacked bar per stage, one colour per message class or kind of line.

use plotters::prelude::DrawingBackend;

use super::Figure;
use super::axis::Axis;
use super::canvas::{Anchor, Canvas};
use super::chart::{Bar, Chart, rounded};
use super::data::{Traffic, line_traffic, traffic};
use super::frame::{self, LABEL, MARGIN, Plot, SMALL, STRONG, TOP, WIDTH};
use super::glyphs::text_width;
use super::style::{GREY, PAPER, area};
use super::svg::{self, Words};
use crate::stage::StageSummary;
use crate::units::{count, three_digits};

const ROW: f64 = 38.0;
const BAR: f64 = 24.0;
const LEGEND_LINE: f64 = 21.0;
const UNIT: &str = "messages per acquisition";

/// What sets one figure of this kind apart from the other.
struct Subject {
    name: &'static str,
    title: &'static str,
    subtitle: &'static str,
    legend: &'static str,
}

/// By message class.
pub(super) fn by_class(stages: &[StageSummary]) -> Result<Option<Figure>, String> {
    let subject = Subject {
        name: "coherence-traffic",
        title: "What does an acquisition cost in coherence traffic?",
        subtitle: "Coherence messages per acquisition of the lock, by message class and stage",
        legend: "message class",
    };
    figure(stages, &traffic(stages), &subject).map(Some)
}

/// By what is in the line.
pub(super) fn by_line(stages: &[StageSummary]) -> Result<Option<Figure>, String> {
    let subject = Subject {
        name: "line-traffic",
        title: "Which lines is the coherence traffic about?",
        subtitle: "Coherence messages per acquisition of the lock, by what is in the line and by stage",
        legend: "in the line",
    };
    let data = line_traffic(stages);
    if data.classes.is_empty() { Ok(None) } else { figure(stages, &data, &subject).map(Some) }
}

fn figure(stages: &[StageSummary], data: &Traffic, subject: &Subject) -> Result<Figure, String> {
    let row = |r: &super::data::TrafficRow| Bar {
        label: r.label.clone(),
        values: r.per_acquisition.iter().map(|v| rounded(*v)).collect(),
        count: r.acquisitions,
    };
    let rows = data.rows.iter().map(row).collect();
    let chart = Chart::Bars { x: UNIT.into(), classes: data.classes.clone(), rows };
    let svg = draw(stages, data, subject)?;
    let mut figure = Figure::new(subject.name.into(), subject.title.into(), UNIT, svg, chart);
    figure.samples = Some(("Acquisitions", data.rows.iter().map(|r| (r.label.clone(), r.acquisitions)).collect()));
    Ok(figure)
}

/// The figure as the text of an SVG file.
fn draw(stages: &[StageSummary], data: &Traffic, subject: &Subject) -> Result<String, String> {
    let caption = frame::caption_lines(&format!(
        "All messages of the run, those of the workload's data included, divided by the attempts \
         that took the lock; n: how many those are. {}",
        frame::setting(stages)
    ))?;
    let mut legend_room = text_width(subject.legend, STRONG)?;
    for class in &data.classes {
        legend_room = legend_room.max(text_width(class, LABEL)? + 22.0);
    }
    let height = (ROW * data.rows.len().max(2) as f64).max(LEGEND_LINE * (data.classes.len() + 1) as f64);
    let notes: Vec<String> = data.rows.iter().map(|r| format!("n = {}", count(r.acquisitions))).collect();
    let mut note_room = 0.0_f64;
    for note in &notes {
        note_room = note_room.max(text_width(note, SMALL)?);
    }
    let plot = Plot {
        left: frame::row_label_room(data.rows.iter().map(|r| r.label.as_str()))?,
        right: WIDTH - MARGIN - legend_room - 24.0 - note_room - 10.0,
        top: TOP,
        bottom: TOP + height,
    };
    let description = describe(data);
    let words = Words { title: subject.title, description: description.trim_end() };
    svg::draw((WIDTH, plot.bottom + frame::foot_height(&caption)), &words, |canvas| {
        frame::head(canvas, subject.title, subject.subtitle)?;
        let totals = data.rows.iter().map(|r| r.per_acquisition.iter().sum::<f64>());
        let top = totals.max_by(f64::total_cmp).unwrap_or(0.0);
        if top > 0.0 {
            let axis = Axis::linear(top, (plot.left, plot.right));
            frame::x_axis(canvas, plot, &axis, UNIT)?;
            bars(canvas, plot, &axis, data, &notes)?;
            legend(canvas, (plot.right + note_room + 34.0, plot.top + 8.0), &data.classes, subject.legend)?;
        } else {
            frame::nothing(canvas, plot)?;
        }
        frame::foot(canvas, plot, &caption)
    })
}

fn total(row: &super::data::TrafficRow) -> f64 {
    row.per_acquisition.iter().sum()
}

fn describe(data: &Traffic) -> String {
    let mut text = String::new();
    for row in &data.rows {
        text += &format!("{}: {} messages per acquisition", row.label, three_digits(total(row)));
        for (class, n) in data.classes.iter().zip(&row.per_acquisition) {
            text += &format!(", {class} {}", three_digits(*n));
        }
        text += ". ";
    }
    text
}

fn bars<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    plot: Plot,
    axis: &Axis,
    data: &Traffic,
    notes: &[String],
) -> Result<(), String> {
    let pitch = (plot.bottom - plot.top) / data.rows.len() as f64;
    for (i, row) in data.rows.iter().enumerate() {
        let y = plot.top + pitch * (i as f64 + 0.5);
        canvas.series(Some(i))?;
        frame::row_label(canvas, plot, y, &row.label)?;
        let mut below = 0.0;
        for (class, n) in row.per_acquisition.iter().enumerate() {
            let (from, to) = (axis.at(below), axis.at(below + n));
            canvas.rect((from, y - BAR / 2.0), (to, y + BAR / 2.0), area(class))?;
            // A hair of paper between neighbours, for those who cannot tell the colours apart.
            if to - from > 3.0 {
                canvas.rect((to - 1.0, y - BAR / 2.0), (to, y + BAR / 2.0), PAPER)?;
            }
            below += n;
        }
        let end = axis.at(below) + 7.0;
        // No grid line runs through the numbers.
        let room = text_width(&notes[i], SMALL)?;
        canvas.rect((end - 3.0, y - 15.0), (end + room + 3.0, y + 15.0), PAPER)?;
        canvas.text((end, y - 7.0), &three_digits(below), STRONG, Anchor::Left);
        canvas.text((end, y + 7.5), &notes[i], SMALL, Anchor::Left);
    }
    canvas.series(None)
}

fn legend<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    (left, top): (f64, f64),
    classes: &[String],
    title: &str,
) -> Result<(), String> {
    canvas.text((left, top), title, STRONG, Anchor::Left);
    for (i, class) in classes.iter().enumerate() {
        let y = top + LEGEND_LINE * (i as f64 + 1.0);
        canvas.rect((left - 0.5, y - 7.5), (left + 14.5, y + 7.5), GREY)?;
        canvas.rect((left, y - 7.0), (left + 14.0, y + 7.0), area(i))?;
        canvas.text((left + 22.0, y), class, LABEL, Anchor::Left);
    }
    Ok(())
}
