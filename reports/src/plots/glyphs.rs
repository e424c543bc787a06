// SPDX-License-Identifier: MIT OR Apache-2.0
//! Text as outlines: the width of a text, and its glyphs as SVG paths.
//!
//! A browser without any installed font draws no text in a standalone SVG, not even with a font
//! embedded in it, and most other programs ignore embedded fonts. Outlines work everywhere.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::OnceLock;

use ab_glyph::{Font as _, FontRef, GlyphId, OutlineCurve, Point};

use super::canvas::{Anchor, Font, SCALE};

static REGULAR: &[u8] = include_bytes!("../../fonts/DejaVuSans.subset.ttf");
static BOLD: &[u8] = include_bytes!("../../fonts/DejaVuSans-Bold.subset.ttf");

/// Where the baseline is below the middle line of a text, em: between half the height of small
/// letters (0.27) and of digits (0.36).
const BASELINE: f64 = 0.31;

/// A text and where it goes.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) text: String,
    /// The point of the middle line that `anchor` names, pixels.
    pub(super) at: (f64, f64),
    pub(super) font: Font,
    pub(super) anchor: Anchor,
    /// Whether it reads upwards.
    pub(super) upwards: bool,
    /// The series it belongs to, if any.
    pub(super) series: Option<usize>,
}

/// A font with the letter that sets its glyphs apart from those of the other.
struct Face {
    font: FontRef<'static>,
    letter: char,
    units_per_em: f64,
}

/// The regular and the bold face, read once per process.
fn face(bold: bool) -> Result<&'static Face, String> {
    static FACES: OnceLock<Option<[Face; 2]>> = OnceLock::new();
    let read = |bytes, letter| {
        let font = FontRef::try_from_slice(bytes).ok()?;
        let units_per_em = f64::from(font.units_per_em()?);
        Some(Face { font, letter, units_per_em })
    };
    let faces = FACES.get_or_init(|| Some([read(REGULAR, 'r')?, read(BOLD, 'b')?]));
    faces.as_ref().map(|f| &f[usize::from(bold)]).ok_or_else(|| "the built-in font is unreadable".into())
}

impl Face {
    /// The glyphs of a text with their distances from its start, and its width; font units.
    fn lay_out(&self, text: &str) -> (Vec<(GlyphId, f32)>, f32) {
        let mut width = 0.0;
        let glyphs = text
            .chars()
            .map(|c| {
                let glyph = self.font.glyph_id(c);
                let start = width;
                width += self.font.h_advance_unscaled(glyph);
                (glyph, start)
            })
            .collect();
        (glyphs, width)
    }

    /// The outline of a glyph as path data in font units, y upwards; empty for a blank.
    fn path(&self, glyph: GlyphId) -> String {
        let Some(outline) = self.font.outline(glyph) else { return String::new() };
        let mut path = String::new();
        let mut pen: Option<Point> = None;
        for curve in &outline.curves {
            if matches!(curve, OutlineCurve::Line(a, b) if a == b) {
                continue;
            }
            let (start, controls, end) = match curve {
                OutlineCurve::Line(a, b) => (a, vec![], b),
                OutlineCurve::Quad(a, c, b) => (a, vec![c], b),
                OutlineCurve::Cubic(a, c, d, b) => (a, vec![c, d], b),
            };
            if pen != Some(*start) {
                path += &format!("{}M{} {}", if pen.is_some() { "Z" } else { "" }, start.x, start.y);
            }
            path.push(['L', 'Q', 'C'][controls.len()]);
            let points = controls.into_iter().chain([end]).map(|p| format!("{} {}", p.x, p.y));
            path += &points.collect::<Vec<_>>().join(" ");
            pen = Some(*end);
        }
        path + "Z"
    }
}

/// Width of a text in pixels.
pub(super) fn text_width(text: &str, font: Font) -> Result<f64, String> {
    let face = face(font.bold)?;
    Ok(f64::from(face.lay_out(text).1) * font.size / face.units_per_em)
}

/// The texts as SVG elements in the order given: each glyph once as a symbol, then for each text
/// its glyphs, and the text itself without ink over them, so that it can be selected and searched.
pub(super) fn to_svg(texts: &[Placed]) -> Result<String, String> {
    let mut symbols = BTreeMap::new();
    let mut body = String::new();
    for placed in texts {
        let face = face(placed.font.bold)?;
        let (glyphs, width) = face.lay_out(&placed.text);
        let em = placed.font.size * SCALE;
        let unit = em / face.units_per_em;
        let width = f64::from(width) * unit;
        let left = match placed.anchor {
            Anchor::Left => 0.0,
            Anchor::Middle => -width / 2.0,
            Anchor::Right => -width,
        };
        let (x, y) = (placed.at.0 * SCALE, placed.at.1 * SCALE);
        let turn = if placed.upwards { " rotate(-90)" } else { "" };
        let color = placed.font.color;
        let class = placed.series.map_or_else(String::new, |n| format!(" class=\"stage-{n}\""));
        let _ = write!(
            body,
            "<g{class} transform=\"translate({x:.1} {y:.1}){turn} translate({left:.1} {:.1})\" \
             fill=\"#{:02x}{:02x}{:02x}\"><g transform=\"scale({unit:.6} {:.6})\">",
            em * BASELINE,
            color.0,
            color.1,
            color.2,
            -unit
        );
        for (glyph, start) in glyphs {
            let key = (face.letter, glyph.0);
            let path: &String = symbols.entry(key).or_insert_with(|| face.path(glyph));
            if !path.is_empty() {
                let _ = write!(body, "<use href=\"#dejavu-{}{}\" x=\"{start}\"/>", key.0, key.1);
            }
        }
        let _ = writeln!(
            body,
            "</g><text font-size=\"{em:.1}\" textLength=\"{width:.1}\" fill-opacity=\"0\">{}</text></g>",
            escape(&placed.text)
        );
    }
    let mut svg = String::from("<defs>\n");
    for ((letter, glyph), path) in &symbols {
        if !path.is_empty() {
            let _ = writeln!(svg, "<path id=\"dejavu-{letter}{glyph}\" d=\"{path}\"/>");
        }
    }
    Ok(svg + "</defs>\n" + &body)
}

/// Text as content of an SVG element.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use plotters::style::RGBColor;

    fn font(size: f64, bold: bool) -> Font {
        Font { size, bold, color: RGBColor(1, 2, 255) }
    }

    #[test]
    fn text_is_measured_with_the_built_in_font() {
        // Each digit of DejaVu Sans is 1303 units of 2048 wide.
        let width = text_width("0123456789", font(20.0, false)).unwrap();
        assert!((width - 10.0 * 20.0 * 1303.0 / 2048.0).abs() < 1e-3, "{width}");
        assert!(text_width("w", font(20.0, true)).unwrap() > text_width("w", font(20.0, false)).unwrap());
    }

    #[test]
    fn every_character_the_figures_use_has_an_outline() {
        for bold in [false, true] {
            let face = face(bold).unwrap();
            for c in "AZaz09µ–…×≥%(<).,;:/_+-\"'=".chars() {
                let glyph = face.font.glyph_id(c);
                assert!(glyph.0 != 0 && !face.path(glyph).is_empty(), "{c}");
            }
        }
    }

    #[test]
    fn an_outline_is_closed_contours() {
        let face = face(false).unwrap();
        // A letter with a hole is two contours; a vertical bar is four straight lines.
        let path = face.path(face.font.glyph_id('o'));
        assert_eq!((path.matches('M').count(), path.matches('Z').count()), (2, 2));
        assert_eq!(face.path(face.font.glyph_id('|')), "M430 1565L430 -483L260 -483L260 1565L430 1565Z");
        assert_eq!(face.path(face.font.glyph_id(' ')), "");
    }

    #[test]
    fn a_text_is_glyphs_and_a_text_without_ink() {
        let placed = Placed {
            text: "a<a".into(),
            at: (10.0, 20.0),
            font: font(10.0, false),
            anchor: Anchor::Right,
            upwards: true,
            series: None,
        };
        let svg = to_svg(&[placed]).unwrap();
        // Two different glyphs, three uses.
        assert_eq!((svg.matches("<path").count(), svg.matches("<use").count()), (2, 3));
        assert!(svg.contains("translate(40.0 80.0) rotate(-90) translate(-"), "{svg}");
        assert!(svg.contains("fill=\"#0102ff\"") && svg.contains(">a&lt;a</text>"), "{svg}");
    }
}
