// SPDX-License-Identifier: MIT OR Apache-2.0
//! A sheet of paper in units of a pixel, with fractions, on top of any backend of plotters.

use std::cell::RefCell;

use plotters::coord::Shift;
use plotters::element::{Circle, PathElement, Polygon, Rectangle};
use plotters::prelude::{DrawingArea, DrawingBackend};
use plotters::style::{Color, RGBColor, ShapeStyle};

use super::glyphs::{Placed, escape, text_width};

/// Backend pixels per pixel of ours: plotters rounds to whole ones, which would make curves jagged.
pub(super) const SCALE: f64 = 4.0;

/// What a text looks like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Font {
    /// Em in pixels.
    pub(super) size: f64,
    pub(super) bold: bool,
    pub(super) color: RGBColor,
}

/// Side of a text that is put at the given point.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Left,
    Middle,
    Right,
}

/// Width and dashes of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stroke {
    pub(super) color: RGBColor,
    pub(super) width: f64,
    /// (drawn, left out), pixels; none is a solid line.
    pub(super) dash: Option<(f64, f64)>,
}

impl Stroke {
    /// A solid line.
    pub(super) fn solid(color: RGBColor, width: f64) -> Self {
        Self { color, width, dash: None }
    }
}

/// The sheet. All coordinates are pixels from the upper left corner.
pub(super) struct Canvas<DB: DrawingBackend> {
    area: DrawingArea<DB, Shift>,
    /// Kept apart, since a backend's own text depends on the fonts of the machine; it lies above
    /// everything else.
    texts: RefCell<Vec<Placed>>,
    /// The series being drawn, if any: its place among the stages.
    series: std::cell::Cell<Option<usize>>,
    /// Texts of [`Self::tip`] so far.
    tips: RefCell<Vec<String>>,
}

/// Marks in the drawing where a series begins and ends, which the backend cannot say: a rectangle without size, in a colour that
/// nothing else has.
const MARK: (u8, u8) = (1, 254);

/// Red of the marks where something with a text to hover over begins (green and blue: the place of the text) and ends (both 255).
const TIP: u8 = 2;
/// Texts of one drawing; what comes after them has none.
const TIPS_MAX: usize = 0xffff;

/// The marks of `drawing` as groups: of the class `stage-N`, or with a title, one of `tips`.
pub(super) fn group_marks(drawing: &str, tips: &[String]) -> String {
    let mut out = String::with_capacity(drawing.len());
    for line in drawing.split_inclusive('\n') {
        let is_mark = line.contains("width=\"0\" height=\"0\"");
        let code = line.split_once("fill=\"#01FE").and_then(|(_, c)| u8::from_str_radix(c.get(..2)?, 16).ok());
        let tip = line.split_once("fill=\"#02").and_then(|(_, c)| usize::from_str_radix(c.get(..4)?, 16).ok());
        if let Some(n) = tip.filter(|_| is_mark) {
            match tips.get(n) {
                Some(text) => out += &format!("<g><title>{}</title>\n", escape(text)),
                None => out += "</g>\n",
            }
            continue;
        }
        match code.filter(|_| is_mark) {
            Some(0) => out += "</g>\n",
            Some(n) => out += &format!("<g class=\"stage-{}\">\n", n - 1),
            None => out += line,
        }
    }
    out
}

fn px(value: f64) -> i32 {
    (value * SCALE).round() as i32
}

/// What the library says, as text.
fn said<E: std::fmt::Display>(error: E) -> String {
    error.to_string()
}

impl<DB: DrawingBackend> Canvas<DB> {
    pub(super) fn new(area: DrawingArea<DB, Shift>) -> Self {
        Self { area, texts: RefCell::default(), series: std::cell::Cell::new(None), tips: RefCell::default() }
    }

    /// Ends the drawing and gives back the texts, and those to hover over.
    pub(super) fn finish(self) -> Result<(Vec<Placed>, Vec<String>), String> {
        self.area.present().map_err(said)?;
        Ok((self.texts.into_inner(), self.tips.into_inner()))
    }

    fn mark(&self, color: RGBColor) -> Result<(), String> {
        self.area.draw(&Rectangle::new([(0, 0), (0, 0)], color.filled())).map_err(said)
    }

    /// What `paint` draws says `text` when it is pointed at; not inside another one.
    pub(super) fn tip(&self, text: &str, paint: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
        let place = self.tips.borrow().len();
        if place >= TIPS_MAX {
            return paint();
        }
        self.tips.borrow_mut().push(text.to_owned());
        self.mark(RGBColor(TIP, (place >> 8) as u8, place as u8))?;
        paint()?;
        self.mark(RGBColor(TIP, 255, 255))
    }

    /// What is drawn from here on, texts included, belongs to this series; `None` ends it.
    pub(super) fn series(&self, series: Option<usize>) -> Result<(), String> {
        // Numbers beyond what a mark can hold are in no group.
        let code = |n: Option<usize>| n.and_then(|n| u8::try_from(n + 1).ok());
        let marks = [self.series.replace(series).filter(|&n| code(Some(n)).is_some()).map(|_| 0), code(series)];
        for n in marks.into_iter().flatten() {
            self.mark(RGBColor(MARK.0, MARK.1, n))?;
        }
        Ok(())
    }

    pub(super) fn fill(&self, color: RGBColor) -> Result<(), String> {
        self.area.fill(&color).map_err(said)
    }

    pub(super) fn rect(&self, (x0, y0): (f64, f64), (x1, y1): (f64, f64), color: RGBColor) -> Result<(), String> {
        let corners = [(px(x0), px(y0)), (px(x1), px(y1))];
        self.area.draw(&Rectangle::new(corners, color.filled())).map_err(said)
    }

    pub(super) fn polygon(&self, points: &[(f64, f64)], color: RGBColor) -> Result<(), String> {
        let points: Vec<_> = points.iter().map(|&(x, y)| (px(x), px(y))).collect();
        self.area.draw(&Polygon::new(points, color.filled())).map_err(said)
    }

    pub(super) fn dot(&self, (x, y): (f64, f64), radius: f64, color: RGBColor) -> Result<(), String> {
        self.area.draw(&Circle::new((px(x), px(y)), px(radius), color.filled())).map_err(said)
    }

    pub(super) fn line(&self, points: &[(f64, f64)], stroke: Stroke) -> Result<(), String> {
        let style = ShapeStyle::from(&stroke.color).stroke_width(px(stroke.width).unsigned_abs());
        let pieces = match stroke.dash {
            None => vec![points.to_vec()],
            Some(pattern) => dashes(points, pattern),
        };
        for piece in pieces {
            let mut piece: Vec<_> = piece.iter().map(|&(x, y)| (px(x), px(y))).collect();
            piece.dedup();
            self.area.draw(&PathElement::new(piece, style)).map_err(said)?;
        }
        Ok(())
    }

    /// A text whose middle line is at `y`.
    pub(super) fn text(&self, at: (f64, f64), text: &str, font: Font, anchor: Anchor) {
        self.put(at, text, font, anchor, false);
    }

    /// A text that reads upwards, its middle at the given point.
    pub(super) fn text_upwards(&self, at: (f64, f64), text: &str, font: Font) {
        self.put(at, text, font, Anchor::Middle, true);
    }

    fn put(&self, at: (f64, f64), text: &str, font: Font, anchor: Anchor, upwards: bool) {
        let text = text.to_string();
        self.texts.borrow_mut().push(Placed { text, at, font, anchor, upwards, series: self.series.get() });
    }
}

/// Breaks a text at blanks into lines of at most `width` pixels.
pub(super) fn wrap(text: &str, font: Font, width: f64) -> Result<Vec<String>, String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        if let Some(line) = lines.last_mut() {
            let longer = format!("{line} {word}");
            if text_width(&longer, font)? <= width {
                *line = longer;
                continue;
            }
        }
        lines.push(word.to_string());
    }
    Ok(lines)
}

/// Cuts a line into its drawn pieces; the pattern runs on around corners.
fn dashes(points: &[(f64, f64)], (on, off): (f64, f64)) -> Vec<Vec<(f64, f64)>> {
    let mut pieces = Vec::new();
    let mut piece: Vec<(f64, f64)> = points.first().copied().into_iter().collect();
    let (mut drawing, mut left) = (true, on);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            if length <= left {
                left -= length;
                if drawing {
                    piece.push(to);
                }
                break;
            }
            let share = left / length;
            from = (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
            if drawing {
                piece.push(from);
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![from];
            }
            drawing = !drawing;
            left = if drawing { on } else { off };
        }
    }
    if drawing && piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_run_on_around_corners() {
        let pieces = dashes(&[(0.0, 0.0), (5.0, 0.0), (5.0, 5.0)], (4.0, 2.0));
        assert_eq!(pieces, [vec![(0.0, 0.0), (4.0, 0.0)], vec![(5.0, 1.0), (5.0, 5.0)]]);
    }

    #[test]
    fn text_is_broken_at_blanks() {
        let font = Font { size: 20.0, bold: false, color: RGBColor(0, 0, 0) };
        let width = text_width("one two", font).unwrap() + 1.0;
        assert_eq!(wrap("one two three", font, width).unwrap(), ["one two", "three"]);
    }
}
