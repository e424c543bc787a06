// SPDX-License-Identifier: MIT OR Apache-2.0
//! The time line of a window: cores down, time across.

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::Figure;
use super::axis::Axis;
use super::canvas::{Anchor, Canvas};
use super::chart::Chart;
use super::frame::{self, LABEL, MARGIN, Plot, STRONG, TOP, WIDTH};
use super::glyphs::text_width;
use super::style::{FAINT, GREY, INK};
use super::svg::{self, Words};
use crate::error::Error;
use crate::timeline::{Row, TimeLine};
use crate::trace::{Doing, Trace};
use crate::units::{count, duration, percent};

const LEFT: f64 = MARGIN + 66.0;
const STUCK: RGBColor = RGBColor(204, 51, 17);

/// What is shown of a core, with its colour: Okabe and Ito's, for areas.
const SHOWN: [(Doing, &str, RGBColor); 5] = [
    (Doing::Holding, "holding", RGBColor(0, 158, 115)),
    (Doing::Spinning, "spinning on the word", RGBColor(230, 159, 0)),
    (Doing::Pending, "pending", RGBColor(204, 121, 167)),
    (Doing::Queued, "queued", RGBColor(86, 180, 233)),
    (Doing::Acquiring, "acquiring, not waiting", RGBColor(178, 178, 178)),
];

fn color(doing: Doing) -> Option<RGBColor> {
    SHOWN.iter().find(|s| s.0 == doing).map(|s| s.2)
}

/// A time line as SVG. Its description for readers who cannot see it has the shares of time.
///
/// # Errors
/// [`Error::Draw`] if the drawing library fails.
pub fn timeline(trace: &Trace) -> Result<String, Error> {
    draw(&TimeLine::from(trace)).map_err(|why| Error::Draw { figure: "timeline", why })
}

/// The time line of the longest attempt that `sim run` kept, with the shares of every core as its table.
///
/// # Errors
/// [`Error::Draw`] if the drawing library fails.
pub fn timeline_figure(line: &TimeLine) -> Result<Figure, Error> {
    let svg = draw(line).map_err(|why| Error::Draw { figure: "timeline", why })?;
    let names = SHOWN.iter().map(|(_, name, _)| (*name).to_owned());
    let heads = ["core".to_owned()].into_iter().chain(names).chain(["in handlers".into(), "stuck".into()]).collect();
    let row = |(core, row): (usize, &Row)| {
        [core.to_string()].into_iter().chain(shares(line, row).into_iter().map(|(_, share)| percent(share))).collect()
    };
    let chart = Chart::Picture { heads, rows: line.rows.iter().enumerate().map(row).collect() };
    let question = "What did every core do around the longest attempt?".to_owned();
    Ok(Figure::new("timeline".into(), question, "colours, by what a core does", svg, chart))
}

/// What takes which share of a core's time, handlers and being stuck last.
fn shares(line: &TimeLine, row: &Row) -> Vec<(&'static str, f64)> {
    let handlers = ("in handlers", row.handlers.iter().map(|h| h.to_ns - h.from_ns).sum::<u64>());
    let stuck = ("stuck", row.stuck.iter().map(|(from, to)| to - from).sum());
    let business = SHOWN.iter().map(|(d, name, _)| (*name, row.times_ns[*d as usize]));
    let all = business.chain([handlers, stuck]);
    all.map(|(name, ns)| (name, ns as f64 / line.span_ns().max(1) as f64)).collect()
}

fn draw(line: &TimeLine) -> Result<String, String> {
    let cores = line.rows.len();
    let row_height = (560.0 / cores.max(1) as f64).clamp(11.0, 34.0);
    let span = line.span_ns();
    let plot =
        Plot { left: LEFT, right: WIDTH - MARGIN, top: TOP + 26.0, bottom: TOP + 30.0 + row_height * cores as f64 };
    let caption = frame::caption_lines(&format!(
        "{}. A row is a core: its innermost context that has business with a lock. The bar above it says in what it runs, the bar \
         below that an attempt is one of over {}. A step of the picture is {} and has the colour of the \
         business that took most of it; it is thin where the core had none for over half of it.",
        line.setting,
        duration(line.stuck_after_ns),
        duration((span as f64 / f64::from(line.steps)).ceil() as u64),
    ))?;
    let (unit, scale) = match span {
        ..10_000 => ("ns", 1.0),
        10_000..10_000_000 => ("µs", 1e3),
        _ => ("ms", 1e6),
    };
    let description = describe(line);
    let words = Words { title: &line.title, description: &description };
    let subtitle = format!("Time line of {}, from {} ns of simulated time on", duration(span), count(line.from_ns));
    svg::draw((WIDTH, plot.bottom + frame::foot_height(&caption)), &words, |canvas| {
        frame::head(canvas, &line.title, &subtitle)?;
        key(canvas, TOP)?;
        let most = span as f64 / scale;
        // The axis ends with the window, not with the round number beyond it.
        let round = Axis::linear(most, (0.0, 1.0)).ticks.last().map_or(most, |t| t.value);
        let at = |ns: f64| plot.left + (plot.right - plot.left) * ns / span.max(1) as f64;
        let mut axis = Axis::linear(most, (plot.left, at(round * scale)));
        axis.ticks.retain(|t| t.value <= most);
        frame::x_axis(canvas, plot, &axis, &format!("time since the window's begin ({unit})"))?;
        for (core, row) in line.rows.iter().enumerate() {
            let top = plot.top + row_height * core as f64;
            let px = |ns: u64| at((ns - line.from_ns) as f64);
            canvas.tip(&said(line, core, row), || draw_row(canvas, plot, (top, row_height), (row, line.steps), px))?;
            // With many cores not every one is named.
            if row_height >= 14.0 || core % 4 == 0 {
                let name = format!("core {core}");
                canvas.text((plot.left - 10.0, top + row_height / 2.0), &name, STRONG, Anchor::Right);
            }
        }
        frame::foot(canvas, plot, &caption)
    })
}

/// One core; `px` is the pixel of a time.
fn draw_row<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    plot: Plot,
    (top, height): (f64, f64),
    (row, steps): (&Row, u32),
    px: impl Fn(u64) -> f64,
) -> Result<(), String> {
    let (y0, y1) = (top + height * 0.24, top + height * 0.76);
    canvas.rect((plot.left, y0), (plot.right, y1), FAINT)?;
    let x = |step: u32| plot.left + (plot.right - plot.left) * f64::from(step) / f64::from(steps);
    for (i, change) in row.changes.iter().enumerate() {
        let to = row.changes.get(i + 1).map_or(steps, |next| next.step);
        if let Some(color) = color(change.doing) {
            let cut = if change.is_most { 0.0 } else { (y1 - y0) * 0.3 };
            canvas.rect((x(change.step), y0 + cut), (x(to), y1 - cut), color)?;
        }
    }
    let bar = |from: u64, to: u64, y: (f64, f64), color: RGBColor| {
        let (x0, x1) = (px(from), px(to).max(px(from) + 0.5));
        canvas.rect((x0, y.0), (x1.min(plot.right), y.1), color)
    };
    for h in &row.handlers {
        bar(h.from_ns, h.to_ns, (top + height * 0.06, y0), if h.is_nmi { INK } else { GREY })?;
    }
    for (from, to) in &row.stuck {
        bar(*from, *to, (y1, top + height * 0.94), STUCK)?;
    }
    Ok(())
}

/// What a row says when it is pointed at.
fn said(line: &TimeLine, core: usize, row: &Row) -> String {
    let some = shares(line, row).into_iter().filter(|(_, share)| *share > 0.0);
    let parts: Vec<String> = some.map(|(name, share)| format!("{name} {}", percent(share))).collect();
    let parts = if parts.is_empty() { "no business with a lock".to_owned() } else { parts.join(", ") };
    format!("core {core}: {parts}")
}

fn describe(line: &TimeLine) -> String {
    let all = line.span_ns().max(1) * line.rows.len().max(1) as u64;
    let share = |doing: Doing| {
        let time: u64 = line.rows.iter().map(|r| r.times_ns[doing as usize]).sum();
        percent(time as f64 / all as f64)
    };
    let shares: Vec<String> = SHOWN.iter().map(|(d, name, _)| format!("{name} {}", share(*d))).collect();
    format!("Of the time of all cores: {}. {}", shares.join(", "), line.setting)
}

fn key<DB: DrawingBackend>(canvas: &Canvas<DB>, y: f64) -> Result<(), String> {
    let mut x = MARGIN;
    let mut one = |name: &str, color: RGBColor, half: f64| {
        canvas.rect((x, y - half), (x + 16.0, y + half), color)?;
        canvas.text((x + 21.0, y), name, LABEL, Anchor::Left);
        x += 21.0 + text_width(name, LABEL)? + 13.0;
        Ok::<(), String>(())
    };
    for (_, name, color) in SHOWN {
        one(name, color, 6.0)?;
    }
    for (name, color) in [("in NMI", INK), ("other handler", GREY), ("stuck", STUCK)] {
        one(name, color, 2.5)?;
    }

    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::tests::small;

    #[test]
    fn the_description_and_the_table_have_the_shares() {
        let svg = timeline(&small()).unwrap();
        assert!(svg.contains("holding 25.0 %") && svg.contains("queued 42.5 %"), "{}", &svg[..600]);
        let line = TimeLine::from(&small());
        let (heads, rows) = timeline_figure(&line).unwrap().chart.table();
        let at = |name: &str| heads.iter().position(|h| h == name).unwrap();
        assert_eq!((rows[0][at("holding")].as_str(), rows[1][at("queued")].as_str()), ("50.0 %", "85.0 %"));
        assert_eq!((rows[1][at("in handlers")].as_str(), rows[1][at("stuck")].as_str()), ("20.0 %", "30.0 %"));
        assert_eq!(said(&line, 0, &line.rows[0]), "core 0: holding 50.0 %");
        assert!(svg.contains("<title>core 0: holding 50.0 %</title>"));
    }
}
