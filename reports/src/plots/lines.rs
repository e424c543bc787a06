// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines through means with their intervals: small multiples, one for each measure.

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Stroke};
use super::chart::{Chart, LinePanel};
use super::frame::{self, LABEL, MARGIN, Plot, SMALL, STRONG, TOP, WIDTH, shorten};
use super::glyphs::text_width;
use super::heat::Subject;
use super::style::{GRID, INK, StageStyle};
use super::svg::{self, Words};
use crate::units::prefixed;

const PANEL: f64 = 190.0;
const HEAD: f64 = 30.0;
const FOOT: f64 = 46.0;
const LEGEND_LINE: f64 = 19.0;

/// The figure as the text of an SVG file; `xs` are the places' values if they are numbers.
pub(super) fn draw(
    chart: &Chart,
    xs_as_numbers: Option<&[f64]>,
    styles: &[StageStyle],
    subject: &Subject<'_>,
) -> Result<String, String> {
    let Chart::Lines { x, xs, panels } = chart else { return Err("not lines".into()) };
    let caption = frame::caption_lines(subject.caption)?;
    let labels: Vec<&str> =
        panels.first().map_or_else(Vec::new, |p| p.lines.iter().map(|l| l.label.as_str()).collect());
    let mut legend = 60.0_f64;
    for l in &labels {
        legend = legend.max(text_width(&shorten(l, LABEL, 170.0)?, LABEL)? + 36.0);
    }
    let columns = if panels.len() > 1 { 2 } else { 1 };
    let rows = panels.len().div_ceil(columns).max(1);
    let room = (WIDTH - 2.0 * MARGIN - legend - 20.0) / columns as f64;
    let pitch = HEAD + PANEL + FOOT;
    let height = (pitch * rows as f64).max(LEGEND_LINE * (labels.len() + 2) as f64);
    let whole = Plot { left: MARGIN, right: WIDTH - MARGIN - legend, top: TOP, bottom: TOP + height - 50.0 };
    let description: String = panels.iter().map(|p| describe(p, xs)).collect();
    let words = Words { title: subject.title, description: description.trim_end() };
    svg::draw((WIDTH, whole.bottom + 12.0 + frame::foot_height(&caption)), &words, |canvas| {
        frame::head(canvas, subject.title, subject.subtitle)?;
        if panels.iter().all(|p| p.lines.iter().all(|l| l.points.is_empty())) {
            return frame::nothing(canvas, whole);
        }
        for (i, panel) in panels.iter().enumerate() {
            let left = MARGIN + room * (i % columns) as f64 + 58.0;
            let top = TOP + pitch * (i / columns) as f64 + HEAD;
            let plot = Plot { left, right: left + room - 76.0, top, bottom: top + PANEL };
            one(canvas, plot, panel, (x, xs, xs_as_numbers), styles)?;
        }
        let left = WIDTH - MARGIN - legend + 8.0;
        for (i, label) in labels.iter().enumerate() {
            let y = TOP + HEAD + LEGEND_LINE * i as f64 + 6.0;
            let style = styles[i % styles.len().max(1)];
            canvas.series(Some(i))?;
            canvas.line(&[(left, y), (left + 24.0, y)], Stroke { color: style.color, width: 3.0, dash: style.dash })?;
            canvas.text((left + 32.0, y), &shorten(label, LABEL, 170.0)?, LABEL, Anchor::Left);
        }
        canvas.series(None)?;
        let plot = Plot { bottom: whole.bottom + 12.0, ..whole };
        frame::foot(canvas, plot, &caption)
    })
}

fn describe(panel: &LinePanel, xs: &[String]) -> String {
    let line = |l: &super::chart::Line| {
        let ends = (l.points.first()?, l.points.last()?);
        let value =
            |p: &(usize, f64, Option<f64>, usize)| format!("{} at {}", super::chart::shown(p.1, &panel.unit), xs[p.0]);
        Some(format!("{}: {} to {}. ", l.label, value(ends.0), value(ends.1)))
    };
    format!("{}: {}", panel.title, panel.lines.iter().filter_map(line).collect::<String>())
}

/// Label of a value on the y axis, with its unit's prefix.
fn tick_label(value: f64, unit: &str) -> String {
    if value == 0.0 {
        "0".into()
    } else if unit == "ns" {
        crate::units::duration(value.round() as u64).replace(".00 ", " ").replace(".0 ", " ")
    } else {
        let text = prefixed(value);
        match text.split_once(' ') {
            Some((n, p)) if n.contains('.') => format!("{} {p}", n.trim_end_matches('0').trim_end_matches('.')),
            None if text.contains('.') => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            _ => text,
        }
    }
}

fn one<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    plot: Plot,
    panel: &LinePanel,
    (x_title, xs, numbers): (&str, &[String], Option<&[f64]>),
    styles: &[StageStyle],
) -> Result<(), String> {
    let unit = if panel.unit.is_empty() || panel.unit == "ns" { String::new() } else { format!(" ({})", panel.unit) };
    let title = shorten(&format!("{}{unit}", panel.title), STRONG, plot.right - plot.left + 40.0)?;
    canvas.text((plot.left - 46.0, plot.top - 15.0), &title, STRONG, Anchor::Left);
    let tops = panel.lines.iter().flat_map(|l| l.points.iter().map(|p| p.1 + p.2.unwrap_or(0.0)));
    let top = tops.fold(0.0_f64, f64::max);
    let mut y = Axis::linear(top, (plot.bottom, plot.top));
    y.ticks.iter_mut().for_each(|t| t.label = Some(tick_label(t.value, &panel.unit)));
    for tick in &y.ticks {
        let at = y.at(tick.value);
        canvas.line(&[(plot.left, at), (plot.right, at)], Stroke::solid(GRID, 1.0))?;
        canvas.text((plot.left - 8.0, at), tick.label.as_deref().unwrap_or(""), SMALL, Anchor::Right);
    }
    canvas.line(&[(plot.left, plot.bottom), (plot.right, plot.bottom)], Stroke::solid(INK, 1.0))?;
    canvas.line(&[(plot.left, plot.top), (plot.left, plot.bottom)], Stroke::solid(INK, 1.0))?;
    let place = places(plot, xs.len(), numbers);
    let mut last = f64::MIN;
    for (i, name) in xs.iter().enumerate() {
        let name = shorten(name, SMALL, 80.0)?;
        let half = text_width(&name, SMALL)? / 2.0;
        let at = place(i);
        canvas.line(&[(at, plot.bottom), (at, plot.bottom + 4.0)], Stroke::solid(INK, 1.0))?;
        if at - half > last + 6.0 {
            canvas.text((at, plot.bottom + 14.0), &name, SMALL, Anchor::Middle);
            last = at + half;
        }
    }
    canvas.text(((plot.left + plot.right) / 2.0, plot.bottom + 32.0), x_title, LABEL, Anchor::Middle);
    for (i, line) in panel.lines.iter().enumerate() {
        let style = styles[i % styles.len().max(1)];
        canvas.series(Some(i))?;
        let points: Vec<(f64, f64)> = line.points.iter().map(|p| (place(p.0), y.at(p.1))).collect();
        // Between words there is nothing a line could lead through.
        if numbers.is_some() {
            canvas.line(&points, Stroke { color: style.color, width: 2.2, dash: style.dash })?;
        }
        for (p, at) in line.points.iter().zip(&points) {
            whisker(canvas, at.0, p.2.map(|h| (y.at(p.1 - h), y.at(p.1 + h))), style.color)?;
            canvas.dot(*at, 3.4, style.color)?;
        }
    }
    canvas.series(None)
}

fn whisker<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    x: f64,
    ends: Option<(f64, f64)>,
    color: RGBColor,
) -> Result<(), String> {
    let Some((low, high)) = ends.filter(|(low, high)| (low - high).abs() > 1.0) else { return Ok(()) };
    canvas.line(&[(x, low), (x, high)], Stroke::solid(color, 1.3))?;
    for end in [low, high] {
        canvas.line(&[(x - 4.0, end), (x + 4.0, end)], Stroke::solid(color, 1.3))?;
    }
    Ok(())
}

/// Where a place on the x axis is: by the logarithm of its number if they span a factor of 4, else evenly.
fn places(plot: Plot, n: usize, numbers: Option<&[f64]>) -> impl Fn(usize) -> f64 + use<> {
    let share: Vec<f64> = match numbers.filter(|v| v.iter().all(|x| *x > 0.0)) {
        Some(v) if v.len() > 1 => {
            let (first, last) = (v[0], v[v.len() - 1]);
            let of = |x: f64| {
                if last / first >= 4.0 { (x / first).ln() / (last / first).ln() } else { (x - first) / (last - first) }
            };
            v.iter().map(|x| of(*x)).collect()
        }
        _ => (0..n).map(|i| if n > 1 { i as f64 / (n - 1) as f64 } else { 0.5 }).collect(),
    };
    move |i| plot.left + 14.0 + (plot.right - plot.left - 28.0) * share[i]
}
