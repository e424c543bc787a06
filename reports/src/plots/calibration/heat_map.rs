// SPDX-License-Identifier: MIT OR Apache-2.0
//! A map of pairs of cores, with the colour's meaning beside it.

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use crate::plots::axis::Axis;
use crate::plots::canvas::{Anchor, Canvas, Stroke};
use crate::plots::frame::{self, LABEL, MARGIN, Plot, SMALL, TOP, WIDTH};
use crate::plots::style::{GRID, INK, PAPER, heat};
use crate::plots::svg::{self, Words};

/// Steps of the colour scale: neighbours of one step are drawn as one.
const STEPS: usize = 64;
/// Side of the map at most.
const SIDE: f64 = 640.0;
const CELL_MAX: f64 = 60.0;
const BAR: f64 = 18.0;

/// One number per pair of cores.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatMap {
    /// The question it answers.
    pub title: String,
    /// What is shown.
    pub subtitle: String,
    /// Cores.
    pub cores: usize,
    /// `[row * cores + column]`: nanoseconds, if measured.
    pub cells: Vec<Option<f64>>,
    /// What a reader must know, and how it was made.
    pub caption: String,
}

impl HeatMap {
    /// The figure as the text of an SVG file.
    ///
    /// # Errors
    /// What the drawing library says.
    pub fn draw(&self) -> Result<String, String> {
        let caption = frame::caption_lines(&self.caption)?;
        // Whole pixels, so that no seams show.
        let cell = (SIDE / self.cores as f64).floor().clamp(1.0, CELL_MAX);
        let side = cell * self.cores as f64;
        let left = (MARGIN + 48.0).max((WIDTH - side - 130.0) / 2.0).floor();
        let plot = Plot { left, right: left + side, top: TOP, bottom: TOP + side.max(160.0) };
        let ends = self.ends();
        let description = match ends {
            Some((min, max)) => format!("{} cores; {min:.1} to {max:.1} ns.", self.cores),
            None => String::new(),
        };
        let words = Words { title: &self.title, description: &description };
        svg::draw((WIDTH, plot.bottom + frame::foot_height(&caption)), &words, |canvas| {
            frame::head(canvas, &self.title, &self.subtitle)?;
            match ends {
                None => frame::nothing(canvas, plot)?,
                Some(ends) => {
                    let bar = Axis::around(ends, (plot.bottom, plot.top));
                    self.squares(canvas, plot, cell, &bar)?;
                    self.numbers(canvas, plot, cell)?;
                    color_bar(canvas, plot, &bar)?;
                }
            }
            frame::foot(canvas, plot, &caption)
        })
    }

    fn ends(&self) -> Option<(f64, f64)> {
        let values = || self.cells.iter().flatten().copied();
        Some((values().reduce(f64::min)?, values().reduce(f64::max)?))
    }

    fn squares<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<DB>,
        plot: Plot,
        cell: f64,
        bar: &Axis,
    ) -> Result<(), String> {
        let n = self.cores;
        let bottom = plot.top + cell * n as f64;
        let step = |row: usize, column: usize| -> Option<usize> {
            if row == column {
                return Some(STEPS);
            }
            let value = self.cells[row * n + column]?;
            let (from, to) = bar.ends();
            let share = (bar.at(value) - from) / (to - from);
            Some(((share * STEPS as f64) as usize).min(STEPS - 1))
        };
        for row in 0..n {
            let y = plot.top + cell * row as f64;
            let mut column = 0;
            while column < n {
                let of = step(row, column);
                let end = (column..n).find(|&c| step(row, c) != of).unwrap_or(n);
                let color = match of {
                    None => GRID,
                    Some(STEPS) => PAPER,
                    Some(s) => color_of(s),
                };
                let (from, to) = (plot.left + cell * column as f64, plot.left + cell * end as f64);
                // Half a pixel over the next ones, which are drawn later: no seams at any size.
                canvas.rect((from, y), ((to + 0.5).min(plot.right), (y + cell + 0.5).min(bottom)), color)?;
                column = end;
            }
        }
        if cell >= 36.0 {
            self.values(canvas, plot, cell, bar);
        }
        Ok(())
    }

    /// Where there is room, the numbers themselves.
    fn values<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, plot: Plot, cell: f64, bar: &Axis) {
        let (from, to) = bar.ends();
        for (i, value) in self.cells.iter().enumerate() {
            let Some(value) = value else { continue };
            let middle = |k: usize| cell * (k as f64 + 0.5);
            let at = (plot.left + middle(i % self.cores), plot.top + middle(i / self.cores));
            let share = (bar.at(*value) - from) / (to - from);
            let color = if share > 0.5 { INK } else { PAPER };
            let font = frame_font(color);
            canvas.text(at, &format!("{value:.1}"), font, Anchor::Middle);
        }
    }

    fn numbers<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, plot: Plot, cell: f64) -> Result<(), String> {
        let every = [1, 2, 4, 8, 16, 32, 64, 128].into_iter().find(|e| *e as f64 * cell >= 22.0).unwrap_or(256);
        let bottom = plot.top + cell * self.cores as f64;
        for core in (0..self.cores).step_by(every) {
            let at = cell * (core as f64 + 0.5);
            let (x, y) = (plot.left + at, plot.top + at);
            canvas.line(&[(x, bottom), (x, bottom + 5.0)], Stroke::solid(INK, 1.0))?;
            canvas.line(&[(plot.left - 5.0, y), (plot.left, y)], Stroke::solid(INK, 1.0))?;
            canvas.text((x, bottom + 16.0), &core.to_string(), LABEL, Anchor::Middle);
            canvas.text((plot.left - 9.0, y), &core.to_string(), LABEL, Anchor::Right);
        }
        let middle = cell * self.cores as f64 / 2.0;
        canvas.text((plot.left + middle, bottom + 42.0), "core", LABEL, Anchor::Middle);
        canvas.text_upwards((plot.left - 48.0, plot.top + middle), "core", LABEL);
        Ok(())
    }
}

fn frame_font(color: RGBColor) -> crate::plots::canvas::Font {
    crate::plots::canvas::Font { color, ..SMALL }
}

fn color_of(step: usize) -> RGBColor {
    heat((step as f64 + 0.5) / STEPS as f64)
}

/// The scale: colours with their nanoseconds.
fn color_bar<DB: DrawingBackend>(canvas: &Canvas<DB>, plot: Plot, bar: &Axis) -> Result<(), String> {
    let left = plot.right + 28.0;
    let height = plot.bottom - plot.top;
    // Each step down to the bottom, over which the next lower one is drawn: no seams.
    for step in (0..STEPS).rev() {
        let top = plot.bottom - height * (step + 1) as f64 / STEPS as f64;
        canvas.rect((left, top), (left + BAR, plot.bottom), color_of(step))?;
    }
    for tick in &bar.ticks {
        let Some(label) = &tick.label else { continue };
        let y = bar.at(tick.value);
        canvas.line(&[(left + BAR, y), (left + BAR + 5.0, y)], Stroke::solid(INK, 1.0))?;
        canvas.text((left + BAR + 9.0, y), &format!("{label} ns"), LABEL, Anchor::Left);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(cells: Vec<Option<f64>>) -> HeatMap {
        let cores = cells.len().isqrt();
        HeatMap { title: "t".into(), subtitle: "s".into(), cores, cells, caption: "c".into() }
    }

    #[test]
    fn a_map_shows_its_numbers_and_what_was_not_measured() {
        let ns = Some(40.0);
        let all = map(vec![None, ns, Some(10.0), ns, None, ns, Some(10.0), ns, None]);
        let svg = all.draw().unwrap();
        assert_eq!((svg.matches(">40.0</text>").count(), svg.matches(">10.0</text>").count()), (4, 2));
        assert!(svg.contains(">40 ns</text>") && svg.contains("3 cores; 10.0 to 40.0 ns."));
        let some = map(vec![None, ns, None, ns, None, ns, None, ns, None]);
        let grey = "#D8D8D8";
        assert!(some.draw().unwrap().contains(grey) && !svg.contains(grey));
        assert!(map(vec![None; 9]).draw().unwrap().contains("nothing was measured"));
    }

    #[test]
    fn a_large_map_stays_small() {
        let cells = (0..128 * 128).map(|i| Some(40.0 + f64::from(i % 128 / 8 + i / 1024))).collect();
        let svg = map(cells).draw().unwrap();
        assert!(svg.len() < 500_000, "{}", svg.len());
    }
}
