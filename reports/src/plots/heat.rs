// SPDX-License-Identifier: MIT OR Apache-2.0
//! Heat maps: small multiples of one scale, cells coloured by value.

use plotters::prelude::DrawingBackend;

use super::canvas::{Anchor, Canvas, Font, Stroke};
use super::chart::{Chart, Panel, shown};
use super::frame::{self, LABEL, MARGIN, Plot, SMALL, STRONG, TOP, WIDTH, shorten};
use super::glyphs::text_width;
use super::style::{FAINT, INK, PAPER, heat};
use super::svg::{self, Words};

/// Room for the colour key.
const KEY: f64 = 104.0;
/// Blocks of the colour scale.
const STEPS: u32 = 40;
/// Side of a cell at most and at least.
const CELL_MAX: f64 = 92.0;
const CELL_MIN: f64 = 2.0;
/// From this side on a cell has its value written in it.
const WRITTEN: f64 = 36.0;
/// Room for the names of rows and of columns, pixels.
const ROW_NAME: f64 = 160.0;
const COLUMN_NAME: f64 = 150.0;
const GAP: f64 = 34.0;
const HEAD: f64 = 26.0;
const TINY: Font = Font { size: 10.0, bold: false, color: INK };

/// What is said around the maps.
pub(super) struct Subject<'a> {
    pub(super) title: &'a str,
    pub(super) subtitle: &'a str,
    pub(super) caption: &'a str,
}

/// From a value to its place on the scale, 0 to 1, and whether that is logarithmic.
pub(super) struct Scale {
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) is_log: bool,
}

impl Scale {
    /// A scale that holds all values; logarithmic if they are above 0 and span more than a factor of 30.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (min, max) = values.fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)));
        (min <= max).then_some(Self { min, max, is_log: min > 0.0 && max / min > 30.0 })
    }

    pub(super) fn share(&self, v: f64) -> f64 {
        if self.max <= self.min {
            0.5
        } else if self.is_log {
            (v / self.min).ln() / (self.max / self.min).ln()
        } else {
            (v - self.min) / (self.max - self.min)
        }
    }

    /// The value at a share of the scale.
    fn at(&self, share: f64) -> f64 {
        if self.is_log {
            self.min * (self.max / self.min).powf(share)
        } else {
            self.min + (self.max - self.min) * share
        }
    }
}

/// Where panels are.
struct Grid {
    columns: usize,
    cell: (f64, f64),
    panel: (f64, f64),
    left: f64,
    /// Place of the first panel's cells from the left edge of its room.
    labels: f64,
}

fn grid(xs: usize, panels: usize, labels: f64) -> Grid {
    let room = WIDTH - 2.0 * MARGIN - KEY - 26.0;
    // As many columns as leave cells of a fair size.
    let side = |columns: usize| (room / columns as f64 - labels - GAP) / xs.max(1) as f64;
    let columns = (1..=panels.clamp(1, 4)).rev().find(|&c| side(c) >= 22.0).unwrap_or(1);
    // Rows of equal length: four maps are two by two.
    let columns = panels.max(1).div_ceil(panels.max(1).div_ceil(columns));
    let width = side(columns).clamp(CELL_MIN, CELL_MAX);
    let panel = labels + width * xs as f64 + GAP;
    // A single row of cells next to wide columns would look like a line.
    Grid { columns, cell: (width, width.clamp(8.0, 34.0)), panel: (panel, 0.0), left: MARGIN + 22.0, labels }
}

/// The figure as the text of an SVG file.
pub(super) fn draw(chart: &Chart, subject: &Subject<'_>) -> Result<String, String> {
    let Chart::Heat { x, y, value, unit, xs, ys, panels } = chart else { return Err("not a heat map".into()) };
    let caption = frame::caption_lines(subject.caption)?;
    let mut labels = 30.0_f64;
    for name in ys {
        labels = labels.max(text_width(&shorten(name, SMALL, ROW_NAME)?, SMALL)?);
    }
    let mut widest = 0.0_f64;
    for name in xs {
        widest = widest.max(text_width(&shorten(name, SMALL, COLUMN_NAME)?, SMALL)?);
    }
    let mut g = grid(xs.len(), panels.len(), labels + 10.0);
    let upright = widest + 6.0 > g.cell.0;
    let foot = if upright { widest.min(COLUMN_NAME) + 10.0 } else { 20.0 };
    g.panel.1 = HEAD + g.cell.1 * ys.len() as f64 + foot + 12.0;
    let rows = panels.len().div_ceil(g.columns).max(1) as f64;
    let height = (g.panel.1 * rows + 16.0).max(216.0);
    let right = g.left + g.panel.0 * panels.len().min(g.columns) as f64 - GAP;
    let plot = Plot { left: g.left + g.labels, right, top: TOP, bottom: TOP + height - 14.0 };
    let all = || panels.iter().flat_map(|p| p.cells.iter().flatten().flatten().copied());
    let scale = Scale::of(all());
    let description = match &scale {
        None => String::new(),
        Some(s) => format!(
            "{value}: from {} to {} over {} by {} cells{}.",
            shown(s.min, unit),
            shown(s.max, unit),
            xs.len(),
            ys.len(),
            if panels.len() > 1 { format!(" in {} maps", panels.len()) } else { String::new() }
        ),
    };
    let words = Words { title: subject.title, description: &description };
    svg::draw((WIDTH, plot.bottom - 32.0 + frame::foot_height(&caption)), &words, |canvas| {
        frame::head(canvas, subject.title, subject.subtitle)?;
        let Some(scale) = &scale else { return frame::nothing(canvas, plot) };
        for (i, panel) in panels.iter().enumerate() {
            let left = g.left + g.panel.0 * (i % g.columns) as f64 + g.labels;
            let top = TOP + g.panel.1 * (i / g.columns) as f64 + HEAD;
            let width = g.cell.0 * xs.len() as f64;
            if panels.len() > 1 {
                let title = shorten(&panel.title, STRONG, (width + 30.0).max(90.0))?;
                canvas.text((left, top - 13.0), &title, STRONG, Anchor::Left);
            }
            cells(canvas, (left, top), g.cell, panel, scale, unit)?;
            let step = |room: f64, n: usize, size: f64| ((n as f64 * size / room).ceil() as usize).max(1);
            let every = step(g.cell.1 * ys.len() as f64, ys.len(), 12.0);
            for (r, name) in ys.iter().enumerate().step_by(every) {
                let at = top + g.cell.1 * (r as f64 + 0.5);
                canvas.text((left - 6.0, at), &shorten(name, SMALL, ROW_NAME)?, SMALL, Anchor::Right);
            }
            let bottom = top + g.cell.1 * ys.len() as f64;
            let every = step(width, xs.len(), if upright { 12.0 } else { widest + 4.0 });
            for (c, name) in xs.iter().enumerate().step_by(every) {
                let name = shorten(name, SMALL, COLUMN_NAME)?;
                let at = left + g.cell.0 * (c as f64 + 0.5);
                if upright {
                    let half = text_width(&name, SMALL)? / 2.0;
                    canvas.text_upwards((at, bottom + 6.0 + half), &name, SMALL);
                } else {
                    canvas.text((at, bottom + 11.0), &name, SMALL, Anchor::Middle);
                }
            }
        }
        let middle = ((plot.left + plot.right) / 2.0).max(plot.left + text_width(x, LABEL)? / 2.0);
        canvas.text((middle, TOP + g.panel.1 * rows - 2.0), x, LABEL, Anchor::Middle);
        let high = g.cell.1 * ys.len() as f64;
        let down = (TOP + HEAD + high / 2.0).max(TOP + HEAD + text_width(y, LABEL)? / 2.0);
        canvas.text_upwards((MARGIN + 6.0, down), y, LABEL);
        key(canvas, (right + 30.0, TOP + HEAD), scale, unit)?;
        let plot = Plot { bottom: plot.bottom - 32.0, ..plot };
        frame::foot(canvas, plot, &caption)
    })
}

fn cells<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    (left, top): (f64, f64),
    (w, h): (f64, f64),
    panel: &Panel,
    scale: &Scale,
    unit: &str,
) -> Result<(), String> {
    for (r, row) in panel.cells.iter().enumerate() {
        for (c, value) in row.iter().enumerate() {
            let (x, y) = (left + w * c as f64, top + h * r as f64);
            // Small cells have no paper between them: each reaches under the next, so that rounding leaves no seam.
            let gap = if w > 12.0 { 0.5 } else { -0.25 };
            let Some(v) = value else {
                canvas.rect((x + gap, y + gap), (x + w - gap, y + h - gap), FAINT)?;
                continue;
            };
            let share = scale.share(*v);
            canvas.rect((x + gap, y + gap), (x + w - gap, y + h - gap), heat(share))?;
            if w >= WRITTEN {
                let color = if share > 0.55 { INK } else { PAPER };
                let text = short_value(*v, unit);
                if text_width(&text, TINY)? <= w - 3.0 {
                    canvas.text((x + w / 2.0, y + h / 2.0), &text, Font { color, ..TINY }, Anchor::Middle);
                }
            }
        }
    }
    Ok(())
}

/// A value short enough for a cell.
fn short_value(v: f64, unit: &str) -> String {
    if unit == "ns" { shown(v, unit).replace(' ', "") } else { crate::units::prefixed(v).replace(' ', "") }
}

/// The colours with their values.
fn key<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    (left, top): (f64, f64),
    scale: &Scale,
    unit: &str,
) -> Result<(), String> {
    let (width, height) = (14.0, 170.0);
    let bottom = top + height;
    let steps = if scale.max > scale.min { STEPS } else { 1 };
    for step in (0..steps).rev() {
        let from = bottom - height * f64::from(step + 1) / f64::from(steps);
        let share = if steps == 1 { 0.5 } else { (f64::from(step) + 0.5) / f64::from(steps) };
        canvas.rect((left, from), (left + width, bottom), heat(share))?;
    }
    let marks: &[f64] = if steps == 1 { &[0.5] } else { &[0.0, 0.25, 0.5, 0.75, 1.0] };
    for share in marks {
        let y = bottom - height * share;
        canvas.line(&[(left + width, y), (left + width + 4.0, y)], Stroke::solid(INK, 1.0))?;
        let value = scale.at(*share);
        let text = if unit == "ns" { shown(value, unit) } else { crate::units::prefixed(value) };
        canvas.text((left + width + 8.0, y), &text, SMALL, Anchor::Left);
    }
    let kind = if scale.is_log { "logarithmic" } else { "" };
    let unit = if unit == "ns" { "" } else { unit };
    canvas.text((left, bottom + 16.0), unit, SMALL, Anchor::Left);
    canvas.text((left, bottom + if unit.is_empty() { 16.0 } else { 32.0 }), kind, SMALL, Anchor::Left);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_is_logarithmic_where_values_span_decades() {
        let s = Scale::of([1.0, 1000.0].into_iter()).unwrap();
        assert!(s.is_log && (s.share(10.0) - 1.0 / 3.0).abs() < 1e-9 && (s.at(2.0 / 3.0) - 100.0).abs() < 1e-9);
        let s = Scale::of([0.0, 1000.0].into_iter()).unwrap();
        assert!(!s.is_log && (s.share(500.0) - 0.5).abs() < 1e-9);
        assert!(Scale::of(std::iter::empty()).is_none());
    }
}
