// SPDX-License-Identifier: MIT OR Apache-2.0
//! Curves with a dot for every measurement.

use plotters::prelude::DrawingBackend;

use crate::plots::axis::{Axis, bytes_label, plain, time_label};
use crate::plots::canvas::{Anchor, Canvas, Stroke};
use crate::plots::frame::{self, LABEL, MARGIN, Plot, SMALL, TOP, WIDTH};
use crate::plots::glyphs::text_width;
use crate::plots::style::{LIMIT, PAPER, StageStyle, series_color};
use crate::plots::svg::{self, Words};

const HEIGHT: f64 = 380.0;
const LEGEND_LINE: f64 = 21.0;
const SWATCH: f64 = 26.0;

/// A measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Bytes, or threads.
    pub x: f64,
    /// Nanoseconds, more than zero.
    pub y: f64,
}

/// Measurements that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Name for the legend.
    pub name: String,
    /// In order of x.
    pub points: Vec<Point>,
    /// Which of the figure's colours it has.
    pub color: usize,
    /// Drawn with dashes.
    pub is_dashed: bool,
}

/// What an axis shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Sizes, by powers of two.
    Bytes,
    /// Counts from 1 on, by powers of two.
    Threads,
    /// Nanoseconds, by powers of ten.
    LogNanos,
}

/// A figure of curves.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// The question it answers.
    pub title: String,
    /// What is shown.
    pub subtitle: String,
    /// Title of the horizontal axis.
    pub x_title: String,
    /// Title of the vertical axis.
    pub y_title: String,
    /// Horizontal axis.
    pub x: Scale,
    /// Vertical axis.
    pub y: Scale,
    /// The curves.
    pub series: Vec<Series>,
    /// Values of y to compare with, and their names.
    pub levels: Vec<(f64, String)>,
    /// What a reader must know, and how it was made.
    pub caption: String,
}

impl Scale {
    fn axis(self, ends: (f64, f64), pixels: (f64, f64)) -> Axis {
        match self {
            Scale::Bytes => Axis::log2(ends, pixels, bytes_label),
            Scale::Threads => Axis::log2(ends, pixels, |v| format!("{v:.0}")),
            Scale::LogNanos => {
                // No curve on the axis itself.
                let ends = (ends.0 * 0.9, ends.1 * 1.05);
                let label = |e: i32| if e < 0 { format!("{} ns", plain(e)) } else { time_label(e) };
                Axis::log(ends, pixels, label)
            }
        }
    }
}

fn style(s: &Series) -> StageStyle {
    StageStyle { color: series_color(s.color), dash: s.is_dashed.then_some((7.0, 3.5)) }
}

/// Least and greatest of some numbers.
fn ends(values: impl Iterator<Item = f64> + Clone) -> Option<(f64, f64)> {
    Some((values.clone().reduce(f64::min)?, values.reduce(f64::max)?))
}

impl Chart {
    /// The figure as the text of an SVG file.
    ///
    /// # Errors
    /// What the drawing library says.
    pub fn draw(&self) -> Result<String, String> {
        let caption = frame::caption_lines(&self.caption)?;
        let with_legend = self.series.len() > 1;
        let mut room = 0.0_f64;
        if with_legend {
            for s in &self.series {
                room = room.max(SWATCH + 8.0 + text_width(&s.name, LABEL)? + 24.0);
            }
        }
        let plot = Plot { left: MARGIN + 78.0, right: WIDTH - MARGIN - 8.0 - room, top: TOP, bottom: TOP + HEIGHT };
        let description = self.describe();
        let words = Words { title: &self.title, description: description.trim_end() };
        svg::draw((WIDTH, plot.bottom + frame::foot_height(&caption)), &words, |canvas| {
            frame::head(canvas, &self.title, &self.subtitle)?;
            let points = || self.series.iter().flat_map(|s| &s.points);
            let ys = points().map(|p| p.y).chain(self.levels.iter().map(|l| l.0));
            match (ends(points().map(|p| p.x)), ends(ys)) {
                (Some(xs), Some(ys)) => {
                    let x = self.x.axis(xs, (plot.left, plot.right));
                    let y = self.y.axis(ys, (plot.bottom, plot.top));
                    frame::x_axis(canvas, plot, &x, &self.x_title)?;
                    frame::y_axis(canvas, plot, &y, &self.y_title)?;
                    self.draw_levels(canvas, plot, &y)?;
                    self.draw_series(canvas, &x, &y)?;
                    if with_legend {
                        self.legend(canvas, plot)?;
                    }
                }
                _ => frame::nothing(canvas, plot)?,
            }
            frame::foot(canvas, plot, &caption)
        })
    }

    fn draw_levels<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, plot: Plot, y: &Axis) -> Result<(), String> {
        for (value, name) in &self.levels {
            let at = y.at(*value);
            let stroke = Stroke { color: LIMIT, width: 1.5, dash: Some((6.0, 4.0)) };
            canvas.line(&[(plot.left, at), (plot.right, at)], stroke)?;
            let text = format!("{name}: {value:.1} ns");
            let width = text_width(&text, SMALL)?;
            canvas.rect((plot.left + 10.0, at - 16.0), (plot.left + 16.0 + width, at - 3.0), PAPER)?;
            canvas.text((plot.left + 13.0, at - 9.0), &text, SMALL, Anchor::Left);
        }
        Ok(())
    }

    fn draw_series<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, x: &Axis, y: &Axis) -> Result<(), String> {
        for (i, s) in self.series.iter().enumerate() {
            let style = style(s);
            let path: Vec<(f64, f64)> = s.points.iter().map(|p| (x.at(p.x), y.at(p.y))).collect();
            // Later curves are thinner, so that one below another can still be seen.
            let width = (3.5 - 0.5 * i as f64).max(1.75);
            canvas.line(&path, Stroke { color: style.color, width, dash: style.dash })?;
            for at in path {
                canvas.dot(at, 3.0, style.color)?;
            }
        }
        Ok(())
    }

    fn legend<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, plot: Plot) -> Result<(), String> {
        let left = plot.right + 20.0;
        for (i, s) in self.series.iter().enumerate() {
            let y = plot.top + 8.0 + LEGEND_LINE * i as f64;
            let style = style(s);
            canvas
                .line(&[(left, y), (left + SWATCH, y)], Stroke { color: style.color, width: 3.0, dash: style.dash })?;
            canvas.text((left + SWATCH + 8.0, y), &s.name, LABEL, Anchor::Left);
        }
        Ok(())
    }

    fn describe(&self) -> String {
        let mut text = String::new();
        for s in &self.series {
            let points: Vec<String> = s.points.iter().map(|p| format!("{} {:.2} ns", p.x, p.y)).collect();
            text += &format!("{}: {}. ", s.name, points.join(", "));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_a_dot_per_measurement_and_its_levels() {
        let points = [(4096.0, 1.0), (8192.0, 30.0)].map(|(x, y)| Point { x, y }).to_vec();
        let one = |name: &str, is_dashed| Series { name: name.into(), points: points.clone(), color: 0, is_dashed };
        let mut chart = Chart {
            title: "t".into(),
            subtitle: "s".into(),
            x_title: "x".into(),
            y_title: "y".into(),
            x: Scale::Bytes,
            y: Scale::LogNanos,
            series: vec![one("a", false), one("b", true)],
            levels: vec![(5.0, "middle".into())],
            caption: "c".into(),
        };
        let svg = chart.draw().unwrap();
        assert_eq!(svg.matches("<circle").count(), 4);
        for text in [">4 KiB<", ">8 KiB<", ">middle: 5.0 ns<", ">a<", ">b<", ">0.1 ns<", ">100 ns<"] {
            assert!(svg.contains(text), "{text}");
        }
        assert!(svg.contains("a: 4096 1.00 ns, 8192 30.00 ns."));
        chart.series.clear();
        assert!(chart.draw().unwrap().contains("nothing was measured"));
    }
}
