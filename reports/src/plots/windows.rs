// SPDX-License-Identifier: MIT OR Apache-2.0
//! The landing map as a picture: program lines down, stages across, colour by time in the handler, width by time spent there.

use plotters::prelude::DrawingBackend;

use super::Figure;
use super::canvas::{Anchor, Canvas, Font, Stroke};
use super::chart::Chart;
use super::frame::{self, LABEL, MARGIN, Plot, SMALL, TOP, WIDTH, shorten};
use super::style::{GRID, INK, LIMIT, PAPER, heat};
use super::svg::{self, Words};
use crate::units::{duration, percent, plural};
use crate::windows::{Line, LineRow, StageMap, all_lines, outcomes, procedures};

/// Height of a line.
const ROW: f64 = 13.0;
/// Room for line numbers and text.
const TEXT: f64 = 390.0;
/// The part of it for the name of the procedure.
const NAME: f64 = 96.0;
/// Room for the colour key.
const KEY: f64 = 96.0;
/// Space between two stages.
const GAP: f64 = 3.0;
/// Blocks of the colour scale: a handler's time from 100 ns to 1 s.
const STEPS: usize = 28;
const SHORTEST_NS: f64 = 1e2;
const LONGEST_NS: f64 = 1e9;
/// The narrowest bar, as a share of the cell: what no arrival hits is still seen.
const NARROW: f64 = 0.04;

const CODE: Font = Font { size: 10.0, bold: false, color: INK };
const HEAD: Font = Font { size: 11.5, bold: true, color: INK };

/// Where a time is on the colour scale, 0 to 1.
fn share_of(ns: u64) -> f64 {
    let at = (ns.max(1) as f64 / SHORTEST_NS).ln() / (LONGEST_NS / SHORTEST_NS).ln();
    at.clamp(0.0, 1.0)
}

/// The picture of all stages.
pub(crate) fn draw(stages: &[StageMap<'_>]) -> Result<String, String> {
    let all: Vec<&StageMap<'_>> = stages.iter().collect();
    let lines = all_lines(&all);
    let first = stages.first().and_then(|s| s.maps.first());
    let title = "What happens if the interrupt lands here?";
    let subtitle =
        first.map_or_else(String::new, |m| format!("{} ({}) in {}; {}", m.interrupt, m.vector, m.experiment, m.path));
    let subtitle = shorten(&subtitle, frame::SUBTITLE, WIDTH - 2.0 * MARGIN)?;
    let landings: u64 = stages.iter().map(StageMap::landings).sum();
    let shares = stages.iter().flat_map(|s| s.lines.values().map(move |l| s.share(l))).filter(|s| *s > 0.0);
    let floor = shares.fold(0.1, f64::min).log10().floor();
    let setting = first.map_or_else(String::new, |m| format!("{}, {}, rqsim {}", m.machine, m.lock, m.version));
    let caption = frame::caption_lines(&format!(
        "Colour: the longest handler of the landings on a line. Width: share of its stage's running time in which arrivals land there, by powers of \
         ten from {} (narrow) to all of it; the narrowest are lines that only a directed interrupt hits. A cross marks a hang or a broken \
         invariant, a dot an error without a deadlock. Lines starting with w are the workload's. {}, {}; {setting}.",
        percent(10_f64.powf(floor)),
        plural(landings, "landing"),
        plural(first.map_or(0, |_| stages[0].maps.len()) as u64, "seed"),
    ))?;
    let left = MARGIN + TEXT;
    let right = WIDTH - MARGIN - KEY;
    // Many stages have their names upwards.
    let cell = (right - left) / stages.len().max(1) as f64;
    let widest = stages.iter().map(|s| s.name.chars().count()).max().unwrap_or(0) as f64 * 7.0;
    let upright = widest > cell;
    let head = if upright { widest.min(120.0) + 8.0 } else { 20.0 };
    let top = TOP + head;
    let plot = Plot { left, right, top, bottom: top + (ROW * lines.len() as f64).max(220.0) - 40.0 };
    let description = stages.iter().map(|s| {
        let longest = s.lines.values().map(|l| l.handler_max_ns).max().unwrap_or(0);
        format!("{}: longest handler {}. ", s.name, duration(longest))
    });
    let description: String = description.collect();
    let words = Words { title, description: description.trim_end() };
    svg::draw((WIDTH, plot.bottom + frame::foot_height(&caption)), &words, |canvas| {
        frame::head(canvas, title, &subtitle)?;
        for (i, s) in stages.iter().enumerate() {
            let x = left + cell * (i as f64 + 0.5);
            let name = shorten(&s.name, HEAD, if upright { 116.0 } else { cell })?;
            if upright {
                canvas.text_upwards((x, TOP + head / 2.0 - 4.0), &name, HEAD);
            } else {
                canvas.text((x, TOP + 6.0), &name, HEAD, Anchor::Middle);
            }
        }
        for ((row, of), procedure) in lines.iter().enumerate().zip(procedures(&lines)) {
            let y = top + ROW * row as f64;
            if !procedure.is_empty() {
                canvas.line(&[(MARGIN, y), (right, y)], Stroke::solid(GRID, 1.0))?;
            }
            let at = y + ROW / 2.0;
            let grey = Font { color: LIMIT, ..CODE };
            let name = shorten(&procedure, grey, NAME - 10.0)?;
            canvas.text((MARGIN, at), &name, grey, Anchor::Left);
            canvas.text((MARGIN + NAME + 26.0, at), &of.number(), grey, Anchor::Right);
            let text = shorten(of.text, CODE, TEXT - NAME - 42.0)?;
            canvas.text((MARGIN + NAME + 34.0, at), &text, CODE, Anchor::Left);
            for (i, s) in stages.iter().enumerate() {
                let Some(line) = s.lines.get(of.key) else { continue };
                canvas.tip(&said(s, of, line), || {
                    bar(canvas, (left + cell * i as f64 + GAP / 2.0, y), cell - GAP, line, s.share(line), floor)
                })?;
            }
        }
        if lines.is_empty() {
            frame::nothing(canvas, plot)?;
        }
        key_of_colours(canvas, right + 18.0, top)?;
        frame::foot(canvas, plot, &caption)
    })
}

/// The picture with the worst of every stage as its table.
pub(crate) fn figure(stages: &[StageMap<'_>]) -> Result<Figure, String> {
    let heads = ["stage", "landings", "program lines", "longest handler", "worst ending"].map(str::to_owned).to_vec();
    let row = |s: &StageMap<'_>| {
        let longest = s.lines.values().map(|l| l.handler_max_ns).max().unwrap_or(0);
        let worst = s.lines.values().max_by_key(|l| l.worst()).map_or(outcomes::OK, LineRow::worst_name);
        let counts = [s.landings(), s.lines.len() as u64].map(crate::units::count);
        vec![s.name.clone(), counts[0].clone(), counts[1].clone(), duration(longest), worst.to_owned()]
    };
    let chart = Chart::Picture { heads, rows: stages.iter().map(row).collect() };
    let question = "What happens if the interrupt lands here?".to_owned();
    let mut figure = Figure::new("landings".into(), question, "time in the handler, by colour", draw(stages)?, chart);
    figure.samples = Some(("Landings", stages.iter().map(|s| (s.name.clone(), s.landings())).collect()));
    Ok(figure)
}

/// What a bar says when it is pointed at.
fn said(s: &StageMap<'_>, of: &Line<'_>, line: &LineRow) -> String {
    format!(
        "{}, line {}: {}, longest handler {}, {} of the running time; worst ending: {}",
        s.name,
        of.number(),
        plural(line.landings, "landing"),
        duration(line.handler_max_ns),
        percent(s.share(line)),
        line.worst_name(),
    )
}

fn bar<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    (x, y): (f64, f64),
    cell: f64,
    line: &LineRow,
    share: f64,
    floor: f64,
) -> Result<(), String> {
    let width = if share > 0.0 { (1.0 - share.log10() / floor).clamp(3.0 * NARROW, 1.0) } else { NARROW };
    let middle = x + cell / 2.0;
    let half = (cell * width / 2.0).max(0.5);
    canvas.rect((middle - half, y + 1.0), (middle + half, y + ROW - 1.0), heat(share_of(line.handler_max_ns)))?;
    let worst = line.worst_name();
    let (cx, cy) = (middle, y + ROW / 2.0);
    let ink = if share_of(line.handler_max_ns) > 0.55 { INK } else { PAPER };
    if worst == outcomes::HANG || worst == outcomes::VIOLATION {
        for (dx, dy) in [(3.5, 3.5), (3.5, -3.5)] {
            canvas.line(&[(cx - dx, cy - dy), (cx + dx, cy + dy)], Stroke::solid(ink, 1.4))?;
        }
    } else if worst == outcomes::FALSE {
        canvas.dot((cx, cy), 2.6, ink)?;
    }
    Ok(())
}

/// The colours with their times.
fn key_of_colours<DB: DrawingBackend>(canvas: &Canvas<DB>, left: f64, top: f64) -> Result<(), String> {
    let (width, height) = (14.0, 180.0);
    let bottom = top + height;
    for step in (0..STEPS).rev() {
        let from = bottom - height * (step + 1) as f64 / STEPS as f64;
        canvas.rect((left, from), (left + width, bottom), heat((step as f64 + 0.5) / STEPS as f64))?;
    }
    for exponent in 2..=9 {
        let ns = 10_u64.pow(exponent);
        let y = bottom - height * share_of(ns);
        canvas.line(&[(left + width, y), (left + width + 4.0, y)], Stroke::solid(INK, 1.0))?;
        let label = duration(ns).replace(".00", "").replace(".0", "");
        canvas.text((left + width + 8.0, y), &label, SMALL, Anchor::Left);
    }
    canvas.text((left, bottom + 16.0), "handler", LABEL, Anchor::Left);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_goes_from_100_ns_to_a_second() {
        assert!(share_of(0).abs() < 1e-9 && share_of(100).abs() < 1e-9);
        assert!((share_of(1_000_000_000) - 1.0).abs() < 1e-9 && (share_of(5_000_000_000) - 1.0).abs() < 1e-9);
        assert!((share_of(10_000) - 2.0 / 7.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_is_a_picture_too() {
        assert!(draw(&[]).unwrap().contains("nothing was measured"));
    }
}
