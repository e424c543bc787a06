// SPDX-License-Identifier: MIT OR Apache-2.0
//! An SVG file that looks the same everywhere: text as outlines, title and description for readers
//! that cannot see it.

use plotters::prelude::{IntoDrawingArea, SVGBackend};

use super::canvas::{Canvas, SCALE, group_marks};
use super::glyphs::{escape, to_svg};
use super::style::PAPER;

/// Looks of what the backend cannot say; the family is that of the text without ink over the glyphs.
const STYLE: &str = "text{font-family:\"DejaVu Sans\",sans-serif}polyline{stroke-linejoin:round}";

/// Text lets through what points at the shape below it.
const POINTED: &str = "text,use{pointer-events:none}";

/// What a figure is, in words.
pub(super) struct Words<'a> {
    /// The short name a screen reader says first.
    pub(super) title: &'a str,
    /// The numbers a reader who cannot see the figure needs.
    pub(super) description: &'a str,
}

/// Draws on a sheet of `width` x `height` pixels and returns the text of the SVG file.
pub(super) fn draw(
    (width, height): (f64, f64),
    words: &Words<'_>,
    paint: impl FnOnce(&Canvas<SVGBackend<'_>>) -> Result<(), String>,
) -> Result<String, String> {
    let mut body = String::new();
    let size = ((width * SCALE) as u32, (height * SCALE) as u32);
    let canvas = Canvas::new(SVGBackend::with_string(&mut body, size).into_drawing_area());
    canvas.fill(PAPER)?;
    paint(&canvas)?;
    let (texts, tips) = canvas.finish()?;
    // Our head instead of the backend's: the drawn size is smaller than the grid it is drawn on.
    let content = body.split_once('>').map_or(body.as_str(), |(_, rest)| rest);
    let content = content.trim().strip_suffix("</svg>").unwrap_or(content);
    let content = group_marks(content, &tips);
    let pointed = if tips.is_empty() { "" } else { POINTED };
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {} {}\" role=\"img\">\n<title>{}</title>\n<desc>{}</desc>\n\
         <style>{STYLE}{pointed}</style>\n{content}{}</svg>\n",
        size.0,
        size.1,
        escape(words.title),
        escape(words.description),
        to_svg(&texts)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pointed_at_says_its_text_and_nothing_else_does() {
        let words = Words { title: "t", description: "d" };
        let svg = draw((10.0, 10.0), &words, |canvas| {
            canvas.tip("first <1>", || canvas.dot((2.0, 2.0), 1.0, super::super::style::INK))?;
            canvas.dot((5.0, 5.0), 1.0, super::super::style::INK)?;
            canvas.tip("second", || canvas.dot((8.0, 8.0), 1.0, super::super::style::INK))
        })
        .unwrap();
        let groups: Vec<&str> = svg.split("<g>").skip(1).map(|g| g.split_once("</g>").unwrap().0).collect();
        assert_eq!(groups.len(), 2);
        assert!(groups[0].starts_with("<title>first &lt;1&gt;</title>") && groups[0].contains("cx=\"8\""), "{svg}");
        assert!(groups[1].starts_with("<title>second</title>") && groups[1].contains("cx=\"32\""), "{svg}");
        assert!(!groups.iter().any(|g| g.contains("cx=\"20\"")));
        assert!(!svg.contains("#02"), "marks are gone");
        crate::plots::raster::to_png(&svg).unwrap();
    }

    #[test]
    fn words_cannot_break_the_file() {
        let words = Words { title: "a < b & c", description: "<script>" };
        let svg = draw((10.0, 10.0), &words, |_| Ok(())).unwrap();
        assert!(svg.contains("<title>a &lt; b &amp; c</title>"));
        assert!(!svg.contains("<script>"));
        assert!(svg.trim_end().ends_with("</svg>"));
        assert_eq!(svg.matches("<svg").count(), 1);
        assert!(svg.starts_with("<svg") && svg.contains("viewBox=\"0 0 40 40\""));
    }
}
