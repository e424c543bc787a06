// SPDX-License-Identifier: MIT OR Apache-2.0
//! An SVG file that looks the same everywhere: fonts inside, title and description for readers that
//! cannot see it.

use std::sync::OnceLock;

use plotters::prelude::{IntoDrawingArea, SVGBackend};
use plotters::style::{FontStyle, register_font};

use super::canvas::{Canvas, SCALE};
use super::style::PAPER;

/// The font of every figure.
pub(super) const FAMILY: &str = "DejaVu Sans";

/// For measuring text while a figure is laid out.
const REGULAR: &[u8] = include_bytes!("../../fonts/DejaVuSans.subset.ttf");
const BOLD: &[u8] = include_bytes!("../../fonts/DejaVuSans-Bold.subset.ttf");

/// For the browser that shows it.
const WEB_REGULAR: &[u8] = include_bytes!("../../fonts/DejaVuSans.web.woff2");
const WEB_BOLD: &[u8] = include_bytes!("../../fonts/DejaVuSans-Bold.web.woff2");

/// Makes the fonts known to plotters, once per process.
pub(super) fn register_fonts() -> Result<(), String> {
    static DONE: OnceLock<bool> = OnceLock::new();
    let done = DONE.get_or_init(|| {
        register_font(FAMILY, FontStyle::Normal, REGULAR).is_ok()
            && register_font(FAMILY, FontStyle::Bold, BOLD).is_ok()
    });
    if *done { Ok(()) } else { Err("the built-in font is unreadable".into()) }
}

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
    register_fonts()?;
    let mut body = String::new();
    let size = ((width * SCALE) as u32, (height * SCALE) as u32);
    {
        let canvas = Canvas::new(SVGBackend::with_string(&mut body, size).into_drawing_area());
        canvas.fill(PAPER)?;
        paint(&canvas)?;
        canvas.finish()?;
    }
    // Our head instead of the backend's: the drawn size is smaller than the grid it is drawn on.
    let content = body.split_once('>').map_or(body.as_str(), |(_, rest)| rest);
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"title description\">\n\
         <title id=\"title\">{}</title>\n<desc id=\"description\">{}</desc>\n\
         <style>{}</style>{}",
        size.0,
        size.1,
        escape(words.title),
        escape(words.description),
        fonts(),
        content,
    ))
}

/// The style sheet that carries the fonts.
fn fonts() -> String {
    let face = |weight: &str, bytes: &[u8]| {
        format!(
            "@font-face{{font-family:\"{FAMILY}\";font-weight:{weight};\
             src:url(data:font/woff2;base64,{}) format(\"woff2\")}}\n",
            base64(bytes)
        )
    };
    format!(
        "{}{}text{{font-family:\"{FAMILY}\",sans-serif}}\npolyline{{stroke-linejoin:round}}",
        face("normal", WEB_REGULAR),
        face("bold", WEB_BOLD)
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// RFC 4648 with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut word = [0; 3];
        word[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, word[0], word[1], word[2]]);
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i)) as usize & 63];
            text.push(if i <= chunk.len() { digit as char } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_has_the_values_of_the_standard() {
        // RFC 4648, section 10.
        let values = ["", "f", "fo", "foo", "foob", "fooba", "foobar"];
        let coded = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        assert_eq!(values.map(|v| base64(v.as_bytes())), coded);
    }

    #[test]
    fn words_cannot_break_the_file() {
        let words = Words { title: "a < b & c", description: "<script>" };
        let svg = draw((10.0, 10.0), &words, |_| Ok(())).unwrap();
        assert!(svg.contains("<title id=\"title\">a &lt; b &amp; c</title>"));
        assert!(!svg.contains("<script>"));
        assert!(svg.trim_end().ends_with("</svg>"));
        assert_eq!(svg.matches("<svg").count(), 1);
        assert!(svg.starts_with("<svg") && svg.contains("viewBox=\"0 0 40 40\""));
    }
}
