// SPDX-License-Identifier: MIT OR Apache-2.0
//! The time line of a window: cores down, time across.

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::axis::Axis;
use super::canvas::{Anchor, Canvas};
use super::frame::{self, LABEL, MARGIN, Plot, STRONG, TOP, WIDTH};
use super::glyphs::text_width;
use super::style::{FAINT, GREY, INK};
use super::svg::{self, Words};
use crate::error::Error;
use crate::trace::{Doing, Span, Trace};
use crate::units::{count, duration};

/// Steps of a pixel in which time is cut.
const STEPS: f64 = 4.0;
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

/// Cuts a window into columns and says for each of a core's what business took most of its time, and whether that is at
/// least half of it.
fn columns(trace: &Trace, core: u32, width: usize) -> Vec<(Doing, bool)> {
    let span = (trace.to_ns - trace.from_ns).max(1);
    let begin = |i: usize| trace.from_ns + (u128::from(span) * i as u128 / width as u128) as u64;
    let mut times = vec![[0_u64; 6]; width];
    let mine = || trace.doing.iter().filter(|s| s.core == core);
    for s in mine() {
        let first = (u128::from(s.from_ns - trace.from_ns) * width as u128 / u128::from(span)) as usize;
        for (i, time) in times.iter_mut().enumerate().skip(first.saturating_sub(1)) {
            let (from, to) = (begin(i), begin(i + 1));
            if from >= s.to_ns {
                break;
            }
            time[s.what as usize] += s.to_ns.min(to).saturating_sub(s.from_ns.max(from));
        }
    }
    let most = |(i, time): (usize, &[u64; 6])| {
        // Where two took equally long, the one that is more of a lock's business.
        let doing = SHOWN.iter().map(|s| s.0).filter(|d| time[*d as usize] > 0).max_by_key(|d| (time[*d as usize], *d));
        let busy: u64 = time.iter().sum();
        (doing.unwrap_or_default(), 2 * busy >= begin(i + 1) - begin(i))
    };
    times.iter().enumerate().map(most).collect()
}

/// A time line as SVG. `description` for readers who cannot see it has the shares of time.
///
/// # Errors
/// [`Error::Draw`] if the drawing library fails.
pub fn timeline(trace: &Trace) -> Result<String, Error> {
    draw(trace).map_err(|why| Error::Draw { figure: "timeline", why })
}

fn draw(trace: &Trace) -> Result<String, String> {
    let row = (560.0 / f64::from(trace.cores.max(1))).clamp(11.0, 34.0);
    let span = trace.to_ns - trace.from_ns;
    let plot =
        Plot { left: LEFT, right: WIDTH - MARGIN, top: TOP + 26.0, bottom: TOP + 30.0 + row * f64::from(trace.cores) };
    let steps = ((plot.right - plot.left) * STEPS) as usize;
    let caption = frame::caption_lines(&format!(
        "{}. A row is a core: its innermost context that has business with a lock. The bar above it says in what it runs, the bar \
         below that an attempt is one of over {}. A step of the picture is {} and has the colour of the \
         business that took most of it; it is thin where the core had none for over half of it.",
        trace.setting,
        duration(trace.stuck_after_ns),
        duration((span as f64 / steps as f64).ceil() as u64),
    ))?;
    let (unit, scale) = match span {
        ..10_000 => ("ns", 1.0),
        10_000..10_000_000 => ("µs", 1e3),
        _ => ("ms", 1e6),
    };
    let description = describe(trace);
    let words = Words { title: &trace.title, description: &description };
    let subtitle = format!("Time line of {}, from {} ns of simulated time on", duration(span), count(trace.from_ns));
    svg::draw((WIDTH, plot.bottom + frame::foot_height(&caption)), &words, |canvas| {
        frame::head(canvas, &trace.title, &subtitle)?;
        key(canvas, TOP)?;
        let most = span as f64 / scale;
        // The axis ends with the window, not with the round number beyond it.
        let round = Axis::linear(most, (0.0, 1.0)).ticks.last().map_or(most, |t| t.value);
        let at = |ns: f64| plot.left + (plot.right - plot.left) * ns / span.max(1) as f64;
        let mut axis = Axis::linear(most, (plot.left, at(round * scale)));
        axis.ticks.retain(|t| t.value <= most);
        frame::x_axis(canvas, plot, &axis, &format!("time since the window's begin ({unit})"))?;
        for core in 0..trace.cores {
            let top = plot.top + row * f64::from(core);
            let (y0, y1) = (top + row * 0.24, top + row * 0.76);
            canvas.rect((plot.left, y0), (plot.right, y1), FAINT)?;
            let columns = columns(trace, core, steps);
            let mut from = 0;
            for to in 1..=steps {
                if to == steps || columns[to] != columns[from] {
                    let (doing, is_most) = columns[from];
                    if let Some(color) = color(doing) {
                        let x = |i: usize| plot.left + i as f64 / STEPS;
                        let cut = if is_most { 0.0 } else { (y1 - y0) * 0.3 };
                        canvas.rect((x(from), y0 + cut), (x(to), y1 - cut), color)?;
                    }
                    from = to;
                }
            }
            let px = |ns: u64| at((ns - trace.from_ns) as f64);
            let bar = |from: u64, to: u64, y: (f64, f64), color: RGBColor| {
                let (x0, x1) = (px(from), px(to).max(px(from) + 0.5));
                canvas.rect((x0, y.0), (x1.min(plot.right), y.1), color)
            };
            for (from, to, is_nmi) in
                merged(trace.handlers.iter().filter(|s| s.core == core), span / steps.max(1) as u64)
            {
                bar(from, to, (top + row * 0.06, y0), if is_nmi { INK } else { GREY })?;
            }
            for s in trace.stuck.iter().filter(|s| s.core == core) {
                bar(s.from_ns, s.to_ns, (y1, top + row * 0.94), STUCK)?;
            }
            // With many cores not every one is named.
            if row >= 14.0 || core % 4 == 0 {
                let name = format!("core {core}");
                canvas.text((plot.left - 10.0, top + row / 2.0), &name, STRONG, Anchor::Right);
            }
        }
        frame::foot(canvas, plot, &caption)
    })
}

/// Handlers that are less than a step apart, as one; an NMI if any of them is.
fn merged<'a>(spans: impl Iterator<Item = &'a Span<bool>>, step: u64) -> Vec<(u64, u64, bool)> {
    let mut out: Vec<(u64, u64, bool)> = Vec::new();
    for s in spans {
        match out.last_mut() {
            Some(last) if s.from_ns <= last.1 + step && (s.what == last.2 || last.1 - last.0 <= step) => {
                *last = (last.0, last.1.max(s.to_ns), last.2 || s.what);
            }
            _ => out.push((s.from_ns, s.to_ns, s.what)),
        }
    }
    out
}

fn describe(trace: &Trace) -> String {
    let all = (trace.to_ns - trace.from_ns).max(1) * u64::from(trace.cores.max(1));
    let share = |doing: Doing| {
        let time: u64 = trace.doing.iter().filter(|s| s.what == doing).map(|s| s.to_ns - s.from_ns).sum();
        crate::units::percent(time as f64 / all as f64)
    };
    let shares: Vec<String> = SHOWN.iter().map(|(d, name, _)| format!("{name} {}", share(*d))).collect();
    format!("Of the time of all cores: {}. {}", shares.join(", "), trace.setting)
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

    fn small() -> Trace {
        fn span<T>(core: u32, from_ns: u64, to_ns: u64, what: T) -> Span<T> {
            Span { core, from_ns, to_ns, what }
        }
        Trace {
            title: "t".into(),
            cores: 2,
            from_ns: 1000,
            to_ns: 2000,
            doing: vec![span(0, 1000, 1500, Doing::Holding), span(1, 1050, 1900, Doing::Queued)],
            handlers: vec![span(1, 1100, 1200, true), span(1, 1201, 1300, true)],
            ..Trace::default()
        }
    }

    #[test]
    fn a_column_shows_what_took_most_of_it() {
        let (h, q, o) = ((Doing::Holding, true), (Doing::Queued, true), (Doing::Other, false));
        assert_eq!(columns(&small(), 0, 4), [h, h, o, o]);
        assert_eq!(columns(&small(), 1, 10), [q, q, q, q, q, q, q, q, q, o]);
        // Here the queue has 450 and 400 of 500 ns; with one column 850 of 1000.
        assert_eq!(columns(&small(), 1, 2), [q, q]);
        let mut short = small();
        short.doing.truncate(1);
        short.doing[0].to_ns = 1040;
        assert_eq!(columns(&short, 0, 10)[..2], [(Doing::Holding, false), o]);
    }

    #[test]
    fn near_handlers_are_drawn_as_one() {
        let t = small();
        assert_eq!(merged(t.handlers.iter(), 5), [(1100, 1300, true)]);
        assert_eq!(merged(t.handlers.iter(), 0), [(1100, 1200, true), (1201, 1300, true)]);
    }

    #[test]
    fn the_description_has_the_shares() {
        let svg = timeline(&small()).unwrap();
        assert!(svg.contains("holding 25.0 %") && svg.contains("queued 42.5 %"), "{}", &svg[..600]);
    }
}
