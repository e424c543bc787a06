// SPDX-License-Identifier: MIT OR Apache-2.0
//! Our own SVG figures as PNG, so that both show the same to the last stroke.
//!
//! This is no SVG renderer: it knows the few elements that `svg` writes, and refuses what it does not know.

use std::collections::BTreeMap;
use std::f64::consts::TAU;

type Point = (f64, f64);
type Color = [f64; 3];

/// Lines of samples in a row of pixels; within a line, coverage is exact.
const SAMPLES: usize = 5;

/// Pixels of the PNG per pixel of the page: enough for print at report size.
const ZOOM: f64 = 2.0;

/// Straight pieces of a curve of a glyph.
const PIECES: u32 = 6;

/// The figure as the bytes of a PNG file.
///
/// # Errors
/// In words, if the text is not one that this crate draws.
pub(super) fn to_png(svg: &str) -> Result<Vec<u8>, String> {
    let (mut sheet, mut glyphs) = (None, BTreeMap::new());
    let (mut outer, mut inner) = ((0.0, 0.0, false, [0.0; 3]), 0.0);
    for piece in svg.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').ok_or("an element has no end")?;
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        let number =
            |key: &str| attribute(tag, key).and_then(|v| v.parse::<f64>().ok()).ok_or(format!("{name}: {key}?"));
        let color = |key: &str| attribute(tag, key).and_then(hex).ok_or(format!("{name}: {key}?"));
        if name == "svg" {
            let edges: Vec<f64> = attribute(tag, "viewBox").map(numbers).unwrap_or_default();
            let [_, _, across, down] = edges[..] else { return Err("no viewBox".into()) };
            sheet = Some(Sheet::new(number("width")? * ZOOM, number("height")? * ZOOM, across, down));
            continue;
        }
        let sheet = sheet.as_mut().ok_or("no svg element")?;
        match name {
            "rect" => {
                let (x, y, w, h) = (number("x")?, number("y")?, number("width")?, number("height")?);
                sheet.fill(&[vec![(x, y), (x + w, y), (x + w, y + h), (x, y + h)]], color("fill")?);
            }
            "polygon" => sheet.fill(&[points(tag)], color("fill")?),
            "polyline" => sheet.stroke(&points(tag), number("stroke-width")?, color("stroke")?),
            "line" => {
                let ends = [(number("x1")?, number("y1")?), (number("x2")?, number("y2")?)];
                sheet.stroke(&ends, number("stroke-width")?, color("stroke")?);
            }
            "circle" => sheet.fill(&[disc((number("cx")?, number("cy")?), number("r")?)], color("fill")?),
            "path" => {
                let id = attribute(tag, "id").ok_or("a path has no id")?;
                glyphs.insert(id.to_owned(), outline(attribute(tag, "d").unwrap_or_default())?);
            }
            "g" => {
                let Some(transform) = attribute(tag, "transform") else { continue };
                let all = numbers(transform);
                match (transform.starts_with("scale"), &all[..]) {
                    (true, [unit, _]) => inner = *unit,
                    (false, [x, y, left, base]) => outer = (x + left, y + base, false, color("fill")?),
                    (false, [x, y, _, left, base]) => outer = (x + base, y - left, true, color("fill")?),
                    _ => return Err(format!("transform {transform}?")),
                }
            }
            "use" => {
                let id = attribute(tag, "href").unwrap_or_default().trim_start_matches('#');
                let (x, y, upwards, ink) = outer;
                let start = number("x")?;
                let put = |&(gx, gy): &Point| {
                    let (right, up) = ((gx + start) * inner, gy * inner);
                    if upwards { (x - up, y - right) } else { (x + right, y - up) }
                };
                let glyph: &Vec<Vec<Point>> = glyphs.get(id).ok_or_else(|| format!("no glyph {id}"))?;
                let placed: Vec<Vec<Point>> = glyph.iter().map(|c| c.iter().map(put).collect()).collect();
                sheet.fill(&placed, ink);
            }
            "title" | "desc" | "style" | "defs" | "text" | "" => {}
            end if tag.starts_with('/') || end.starts_with('!') => {}
            other => return Err(format!("unknown element {other}")),
        }
    }
    sheet.ok_or("no svg element")?.encode()
}

/// Value of an attribute.
fn attribute<'a>(tag: &'a str, key: &str) -> Option<&'a str> {
    tag.split_once(&format!(" {key}=\""))?.1.split('"').next()
}

fn hex(text: &str) -> Option<Color> {
    let part = |i: usize| u8::from_str_radix(text.strip_prefix('#')?.get(i..i + 2)?, 16).ok().map(f64::from);
    Some([part(0)?, part(2)?, part(4)?])
}

/// All numbers in a text.
fn numbers(text: &str) -> Vec<f64> {
    text.split(|c: char| !(c.is_ascii_digit() || "+-.e".contains(c))).filter_map(|n| n.parse().ok()).collect()
}

fn points(tag: &str) -> Vec<Point> {
    let all = attribute(tag, "points").map(numbers).unwrap_or_default();
    all.chunks_exact(2).map(|p| (p[0], p[1])).collect()
}

/// A disc, turning the same way as the pieces of a stroke.
fn disc((x, y): Point, radius: f64) -> Vec<Point> {
    let turn = |i: u32| -TAU * f64::from(i) / 24.0;
    (0..24).map(|i| (x + radius * turn(i).cos(), y + radius * turn(i).sin())).collect()
}

/// The contours of a glyph, curves as straight pieces.
fn outline(data: &str) -> Result<Vec<Vec<Point>>, String> {
    let mut contours: Vec<Vec<Point>> = Vec::new();
    let mut rest = data;
    while let Some(command) = rest.chars().next() {
        let end = rest[1..].find(['M', 'L', 'Q', 'C', 'Z']).map_or(rest.len(), |i| i + 1);
        let n = numbers(&rest[1..end]);
        rest = &rest[end..];
        let to: Vec<Point> = n.chunks_exact(2).map(|p| (p[0], p[1])).collect();
        if command == 'M' {
            contours.push(to);
            continue;
        }
        let Some(contour) = contours.last_mut() else { return Err("a glyph begins nowhere".into()) };
        let Some(&from) = contour.last() else { return Err("a contour begins nowhere".into()) };
        let controls: Vec<Point> = [from].into_iter().chain(to).collect();
        let steps = if controls.len() == 2 { PIECES..=PIECES } else { 1..=PIECES };
        if command != 'Z' {
            contour.extend(steps.map(|i| bezier(&controls, f64::from(i) / f64::from(PIECES))));
        }
    }
    Ok(contours)
}

/// De Casteljau's point of a curve.
fn bezier(controls: &[Point], t: f64) -> Point {
    let mut left = controls.to_vec();
    while left.len() > 1 {
        left = left.windows(2).map(|w| (w[0].0 + t * (w[1].0 - w[0].0), w[0].1 + t * (w[1].1 - w[0].1))).collect();
    }
    left.first().copied().unwrap_or_default()
}

struct Sheet {
    width: usize,
    height: usize,
    /// Pixels per unit of the drawing.
    unit: Point,
    pixels: Vec<Color>,
}

impl Sheet {
    fn new(width: f64, height: f64, across: f64, down: f64) -> Self {
        let (w, h) = (width.ceil() as usize, height.ceil() as usize);
        Self { width: w, height: h, unit: (width / across, height / down), pixels: vec![[255.0; 3]; w * h] }
    }

    fn stroke(&mut self, line: &[Point], width: f64, ink: Color) {
        let half = width / 2.0;
        let mut pieces = Vec::new();
        for (i, w) in line.windows(2).enumerate() {
            let (a, b) = (w[0], w[1]);
            let length = (b.0 - a.0).hypot(b.1 - a.1);
            if length > 0.0 {
                let n = (-(b.1 - a.1) / length * half, (b.0 - a.0) / length * half);
                let corners =
                    [(a.0 + n.0, a.1 + n.1), (b.0 + n.0, b.1 + n.1), (b.0 - n.0, b.1 - n.1), (a.0 - n.0, a.1 - n.1)];
                pieces.push(corners.to_vec());
            }
            if i > 0 {
                pieces.push(disc(a, half));
            }
        }
        self.fill(&pieces, ink);
    }

    /// Fills what the contours wind around.
    fn fill(&mut self, contours: &[Vec<Point>], ink: Color) {
        let (ux, uy) = self.unit;
        let mut edges: Vec<(Point, Point)> = Vec::new();
        for c in contours {
            for (i, &a) in c.iter().enumerate() {
                let b = c[(i + 1) % c.len()];
                edges.push(((a.0 * ux, a.1 * uy), (b.0 * ux, b.1 * uy)));
            }
        }
        let top = edges.iter().map(|e| e.0.1).fold(f64::INFINITY, f64::min).max(0.0).floor() as usize;
        let bottom = edges.iter().map(|e| e.0.1).fold(0.0, f64::max).ceil() as usize;
        let mut cover = vec![0.0_f64; self.width];
        for row in top..bottom.min(self.height) {
            cover.fill(0.0);
            for sample in 0..SAMPLES {
                let y = row as f64 + (sample as f64 + 0.5) / SAMPLES as f64;
                let mut cuts: Vec<(f64, i32)> = Vec::new();
                for &(a, b) in &edges {
                    if (a.1 <= y) != (b.1 <= y) {
                        let x = a.0 + (y - a.1) / (b.1 - a.1) * (b.0 - a.0);
                        cuts.push((x, if b.1 > a.1 { 1 } else { -1 }));
                    }
                }
                cuts.sort_by(|p, q| p.0.total_cmp(&q.0));
                let mut winding = 0;
                for pair in cuts.windows(2) {
                    winding += pair[0].1;
                    if winding != 0 {
                        span(&mut cover, pair[0].0, pair[1].0);
                    }
                }
            }
            for (x, &c) in cover.iter().enumerate().filter(|(_, c)| **c > 0.0) {
                let share = (c / SAMPLES as f64).min(1.0);
                let pixel = &mut self.pixels[row * self.width + x];
                for (p, i) in pixel.iter_mut().zip(ink) {
                    *p += share * (i - *p);
                }
            }
        }
    }

    fn encode(&self) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let data: Vec<u8> = self.pixels.iter().flatten().map(|v| v.round() as u8).collect();
        let mut writer = encoder.write_header().map_err(|e| e.to_string())?;
        writer.write_image_data(&data).map_err(|e| e.to_string())?;
        writer.finish().map_err(|e| e.to_string())?;
        Ok(bytes)
    }
}

/// Adds to each pixel how much of it lies between two abscissas.
fn span(cover: &mut [f64], from: f64, to: f64) {
    let (from, to) = (from.max(0.0), to.min(cover.len() as f64));
    let mut x = from;
    while x < to {
        let next = (x.floor() + 1.0).min(to);
        cover[x as usize] += next - x;
        x = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_cover_what_they_cover() {
        let mut sheet = Sheet::new(4.0, 2.0, 4.0, 2.0);
        sheet.fill(&[vec![(0.5, 0.0), (2.0, 0.0), (2.0, 1.0), (0.5, 1.0)]], [0.0; 3]);
        let row: Vec<u8> = sheet.pixels.iter().map(|p| p[0].round() as u8).collect();
        assert_eq!(row, [128, 0, 255, 255, 255, 255, 255, 255]);
    }

    #[test]
    fn a_stroke_that_turns_is_filled_where_it_overlaps_itself() {
        let mut sheet = Sheet::new(8.0, 8.0, 8.0, 8.0);
        sheet.stroke(&[(1.0, 4.0), (6.0, 4.0), (1.0, 4.0)], 2.0, [0.0; 3]);
        assert!(sheet.pixels[4 * 8 + 3][0] < 1.0, "overlap must not cancel");
    }

    #[test]
    fn an_unknown_element_is_refused() {
        let svg = "<svg width=\"1\" height=\"1\" viewBox=\"0 0 4 4\"><image/></svg>";
        assert_eq!(to_png(svg).unwrap_err(), "unknown element image");
    }
}
