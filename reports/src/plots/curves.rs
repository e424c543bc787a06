// SPDX-License-Identifier: MIT OR Apache-2.0
//! Survival curves: what share is not over yet after a time, on two logarithmic axes, so that one
//! case in ten thousand is as visible as the median.

use plotters::prelude::DrawingBackend;

use super::Figure;
use super::axis::{Axis, percent_label, time_label};
use super::canvas::{Anchor, Canvas, Stroke};
use super::chart::{Chart, Steps, rounded};
use super::data::{Curve, detection, handlers, handoff};
use super::frame::{self, LABEL, MARGIN, Plot, SMALL, STRONG, TOP, WIDTH};
use super::glyphs::text_width;
use super::style::{LIMIT, StageStyle, stage_styles};
use super::svg::{self, Words};
use crate::names;
use crate::stage::StageSummary;
use crate::units::{count, duration};

const HEIGHT: f64 = 360.0;
const LEGEND_LINE: f64 = 21.0;
const SWATCH: f64 = 26.0;

/// What sets one figure of this kind apart from another.
struct Subject {
    title: &'static str,
    subtitle: &'static str,
    x_title: &'static str,
    y_title: &'static str,
    caption: &'static str,
    /// What the cases are.
    cases: &'static str,
    /// The share that is over instead of the one that goes on, on a linear axis.
    cdf: bool,
    /// What is said below if there are cases that were never over.
    open: &'static str,
    /// A limit on the time axis, ns, and its name.
    limit: Option<(u64, &'static str)>,
}

/// Deadlocks: formation to verdict, those still unreported.
pub(super) fn detection_survival(stages: &[StageSummary]) -> Result<Option<Figure>, String> {
    let subject = Subject {
        cases: "Deadlocks",
        cdf: false,
        title: "How long does a deadlock last before the lock reports it?",
        subtitle: "Share of deadlocks still unreported, by the time since they formed and by stage",
        x_title: "time since the deadlock formed",
        y_title: "still unreported",
        caption: "A deadlock forms when a cycle closes in the true wait-for graph. \"missed\": those that a \
                  timeout ended, which are on the curve with that time.",
        open: "\"never reported\": those that nobody had noticed, or whose first to notice had not returned, when \
               the run stopped; the curve stays above them.",
        limit: None,
    };
    figure(stages, "detection-latency", &detection(stages), &subject).map(Some)
}

/// The same as the share that was reported by then.
pub(super) fn detection_cdf(stages: &[StageSummary]) -> Result<Option<Figure>, String> {
    let subject = Subject {
        cases: "Deadlocks",
        cdf: true,
        title: "How soon is a deadlock reported?",
        subtitle: "Share of deadlocks reported, by the time since they formed and by stage",
        x_title: "time since the deadlock formed",
        y_title: "reported",
        caption: "A deadlock forms when a cycle closes in the true wait-for graph. \"missed\": those that a \
                  timeout ended, which are on the curve with that time.",
        open: "\"never reported\": those that nobody had noticed, or whose first to notice had not returned, when \
               the run stopped; the curve stays below 100 % by their share.",
        limit: None,
    };
    optional(stages, "detection-cdf", &detection(stages), &subject)
}

/// Release of a lock to the next acquisition.
pub(super) fn hand_offs(stages: &[StageSummary]) -> Result<Option<Figure>, String> {
    let subject = Subject {
        cases: "Hand-offs",
        cdf: false,
        title: "How long does a hand-off of the lock take?",
        subtitle: "Share of hand-offs not over yet, by the time since the release and by stage",
        x_title: "time since the release",
        y_title: "not over yet",
        caption: "From the release of a lock to the next acquisition, whoever's; only releases at which somebody \
                  wanted it. All locks together. The time that the releasing store stays in the store buffer is part of it.",
        open: "",
        limit: None,
    };
    optional(stages, "hand-off", &handoff(stages), &subject)
}

/// Handlers of maskable interrupts: entry to exit.
pub(super) fn interrupts(stages: &[StageSummary]) -> Result<Option<Figure>, String> {
    let subject = Subject {
        cases: "Handlers",
        cdf: false,
        title: "How long do handlers of maskable interrupts run?",
        subtitle: "Share of handlers still running, by the time since they began and by stage",
        x_title: "time since the handler began",
        y_title: "still running",
        caption: "Entry to exit, NMIs on top of a handler included. Dashed line: 1 ms, a tick of a kernel with HZ=1000.",
        open: "Handlers that had not ended when the run stopped count as longer than any time: the curve stays \
               above zero.",
        limit: Some((1_000_000, "a tick: 1 ms")),
    };
    optional(stages, "interrupt-duration", &handlers(stages, names::HARDIRQ), &subject)
}

/// NMI handlers: entry to exit.
pub(super) fn nmi_handlers(stages: &[StageSummary]) -> Result<Option<Figure>, String> {
    let subject = Subject {
        cases: "Handlers",
        cdf: false,
        title: "How long do NMI handlers run?",
        subtitle: "Share of NMI handlers still running, by the time since they began and by stage",
        x_title: "time since the handler began",
        y_title: "still running",
        caption: "Dashed line: from 1 ms on the kernel may log \"NMI handler took too long to run\".",
        open: "Handlers that had not ended when the run stopped count as longer than any time: the curve stays \
               above zero.",
        limit: Some((1_000_000, "kernel's limit: 1 ms")),
    };
    figure(stages, "nmi-duration", &handlers(stages, names::NMI), &subject).map(Some)
}

/// A figure, if there is anything to be seen on it.
fn optional(
    stages: &[StageSummary],
    name: &str,
    curves: &[Curve],
    subject: &Subject,
) -> Result<Option<Figure>, String> {
    if curves.iter().all(|c| c.count == 0) {
        return Ok(None);
    }
    figure(stages, name, curves, subject).map(Some)
}

fn figure(stages: &[StageSummary], name: &str, curves: &[Curve], subject: &Subject) -> Result<Figure, String> {
    let row = |c: &Curve| {
        let share = |above: u64| rounded(above as f64 / c.count.max(1) as f64);
        let points = c.points.iter().map(|&(ns, above)| (ns, share(above))).collect();
        Steps { label: c.label.clone(), count: c.count, points, note: c.note.clone() }
    };
    let chart = Chart::Steps {
        x: subject.x_title.into(),
        y: subject.y_title.into(),
        cdf: subject.cdf,
        limit_ns: subject.limit.map(|l| l.0),
        rows: curves.iter().map(row).collect(),
    };
    let svg = draw(stages, curves, subject)?;
    let mut figure =
        Figure::new(name.into(), subject.title.into(), "nanoseconds of simulated time, logarithmic", svg, chart);
    figure.samples = Some((subject.cases, curves.iter().map(|c| (c.label.clone(), c.count)).collect()));
    Ok(figure)
}

fn draw(stages: &[StageSummary], curves: &[Curve], subject: &Subject) -> Result<String, String> {
    let styles = stage_styles(stages);
    let caption = frame::caption_lines(&format!(
        "{}{}{} {}",
        subject.caption,
        if curves.iter().any(|c| c.open > 0) { " " } else { "" },
        if curves.iter().any(|c| c.open > 0) { subject.open } else { "" },
        frame::setting(stages)
    ))?;
    let notes: Vec<String> = curves.iter().map(note).collect();
    let (mut label_room, mut note_room) = (text_width("stage", STRONG)?, 0.0_f64);
    for (curve, note) in curves.iter().zip(&notes) {
        label_room = label_room.max(text_width(&frame::shorten(&curve.label, LABEL, 150.0)?, LABEL)?);
        note_room = note_room.max(text_width(note, SMALL)?);
    }
    let legend_room = SWATCH + 8.0 + label_room + 12.0 + note_room;
    let height = HEIGHT.max(LEGEND_LINE * (curves.len() + 1) as f64);
    let plot = Plot {
        left: MARGIN + 78.0,
        right: WIDTH - MARGIN - legend_room - 28.0,
        top: TOP + if subject.limit.is_some() { 14.0 } else { 4.0 },
        bottom: TOP + height,
    };
    let description = describe(curves);
    let words = Words { title: subject.title, description: description.trim_end() };
    svg::draw((WIDTH, plot.bottom + frame::foot_height(&caption)), &words, |canvas| {
        frame::head(canvas, subject.title, subject.subtitle)?;
        match axes(curves, plot, subject) {
            None => frame::nothing(canvas, plot)?,
            Some((x, y)) => {
                frame::x_axis(canvas, plot, &x, subject.x_title)?;
                frame::y_axis(canvas, plot, &y, subject.y_title)?;
                if let Some(limit) = subject.limit {
                    draw_limit(canvas, plot, &x, limit)?;
                }
                for (i, (curve, style)) in curves.iter().zip(&styles).enumerate() {
                    // Later curves are thinner, so that one below another can still be seen.
                    let width = (4.0 - 0.5 * i as f64).max(1.75);
                    let stroke = Stroke { color: style.color, width, dash: style.dash };
                    canvas.series(Some(i))?;
                    canvas.line(&path(curve, &x, &y, subject.cdf), stroke)?;
                }
                canvas.series(None)?;
                legend(canvas, plot, curves, &styles, &notes, label_room)?;
            }
        }
        frame::foot(canvas, plot, &caption)
    })
}

/// Sample count and remark, as the legend says it.
fn note(curve: &Curve) -> String {
    let n = format!("n = {}", count(curve.count));
    if curve.note.is_empty() { n } else { format!("{n}, {}", curve.note) }
}

/// Median, 99th percentile and maximum of every curve, in words.
fn describe(curves: &[Curve]) -> String {
    let mut text = String::new();
    for c in curves {
        let reached = |num: u64, den: u64| {
            let allowed = u128::from(c.count) * u128::from(den - num) / u128::from(den);
            c.points.iter().find(|(_, above)| u128::from(*above) <= allowed).map(|p| p.0)
        };
        text += &format!("{}: {}", c.label, note(c));
        for (name, num, den) in [("median", 1, 2), ("99th percentile", 99, 100), ("maximum", 1, 1)] {
            let value = match reached(num, den) {
                Some(ns) => duration(ns),
                None if c.count == 0 => continue,
                None => "never over".into(),
            };
            text += &format!(", {name} {value}");
        }
        text += ". ";
    }
    text
}

/// Where an axis of times begins and ends if nothing has a duration, ns.
const NO_DURATION: (u64, u64) = (1_000, 1_000_000);

/// Time and share axes that hold all curves; none if all are empty.
fn axes(curves: &[Curve], plot: Plot, subject: &Subject) -> Option<(Axis, Axis)> {
    let filled = || curves.iter().filter(|c| c.count > 0);
    let limit = || subject.limit.iter().map(|(ns, _)| *ns);
    // A duration of 0 ns has no place on a logarithmic axis and stands at its left end.
    let n = filled().map(|c| c.count).max()?;
    let least = filled().filter(|c| !c.points.is_empty()).map(|c| c.min_ns.max(1));
    let min = least.chain(limit()).min().unwrap_or(NO_DURATION.0);
    let open = filled().map(|c| c.open_ns).filter(|ns| *ns > 0);
    let greatest = filled().filter_map(|c| c.points.last()).map(|p| p.0).chain(open).chain(limit()).max();
    let max = greatest.unwrap_or(NO_DURATION.1);
    let x = Axis::log((min as f64, max.max(1) as f64), (plot.left, plot.right), time_label);
    if subject.cdf {
        let mut y = Axis::linear(1.0, (plot.bottom, plot.top));
        y.ticks.iter_mut().for_each(|t| t.label = Some(format!("{:.0} %", t.value * 100.0)));
        return Some((x, y));
    }
    // At least two decades, and those below 100 %.
    let y = Axis::log(((1.0 / n as f64).min(0.01), 1.0), (plot.bottom, plot.top), percent_label);
    Some((x, y))
}

/// The steps of a curve in pixels.
fn path(curve: &Curve, x: &Axis, y: &Axis, cdf: bool) -> Vec<(f64, f64)> {
    if curve.count == 0 {
        return Vec::new();
    }
    let share = |above: u64| {
        let above = above as f64 / curve.count as f64;
        y.at(if cdf { 1.0 - above } else { above })
    };
    let mut level = share(curve.count);
    let mut points = vec![(x.at(x.min()), level)];
    for &(ns, above) in &curve.points {
        let at = x.at(ns as f64);
        points.push((at, level));
        // The last step goes down to the axis if no value is larger.
        level = share(above);
        points.push((at, level));
    }
    if curve.open > 0 || cdf {
        points.push((x.ends().1, level));
    }
    points
}

fn draw_limit<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    plot: Plot,
    x: &Axis,
    (ns, name): (u64, &str),
) -> Result<(), String> {
    let at = x.at(ns as f64);
    let stroke = Stroke { color: LIMIT, width: 1.75, dash: Some((6.0, 4.0)) };
    canvas.line(&[(at, plot.top), (at, plot.bottom)], stroke)?;
    canvas.text((at, plot.top - 9.0), name, SMALL, Anchor::Middle);
    Ok(())
}

fn legend<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    plot: Plot,
    curves: &[Curve],
    styles: &[StageStyle],
    notes: &[String],
    label_room: f64,
) -> Result<(), String> {
    let left = plot.right + 28.0;
    let text = left + SWATCH + 8.0;
    canvas.text((text, plot.top + 8.0), "stage", STRONG, Anchor::Left);
    for (i, ((curve, style), note)) in curves.iter().zip(styles).zip(notes).enumerate() {
        canvas.series(Some(i))?;
        let y = plot.top + 8.0 + LEGEND_LINE * (i as f64 + 1.0);
        let stroke = Stroke { color: style.color, width: 3.0, dash: style.dash };
        canvas.line(&[(left, y), (left + SWATCH, y)], stroke)?;
        let label = frame::shorten(&curve.label, LABEL, 150.0)?;
        canvas.text((text, y), &label, LABEL, Anchor::Left);
        canvas.text((text + label_room + 12.0, y), note, SMALL, Anchor::Left);
    }
    canvas.series(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_drawn_as_steps_from_the_left_end_down_to_the_axis() {
        let curve = Curve {
            label: "x".into(),
            count: 10,
            open: 0,
            open_ns: 0,
            min_ns: 100,
            points: vec![(100, 1), (10_000, 0)],
            note: String::new(),
        };
        let x = Axis::log((10.0, 10_000.0), (0.0, 300.0), time_label);
        let y = Axis::log((0.01, 1.0), (200.0, 0.0), percent_label);
        let rounded: Vec<_> =
            path(&curve, &x, &y, false).iter().map(|p| (p.0.round() as i32, p.1.round() as i32)).collect();
        assert_eq!(rounded, [(0, 0), (100, 0), (100, 100), (300, 100), (300, 200)]);
        assert!(path(&Curve { count: 0, ..curve.clone() }, &x, &y, false).is_empty());
        assert_eq!(
            describe(std::slice::from_ref(&curve)),
            "x: n = 10, median 100 ns, 99th percentile 10.0 µs, maximum 10.0 µs. "
        );
        // The share that is over goes up to all and stays there.
        let y_linear = Axis::linear(1.0, (200.0, 0.0));
        let up = path(&curve, &Axis::log((10.0, 100_000.0), (0.0, 400.0), time_label), &y_linear, true);
        let rounded: Vec<_> = up.iter().map(|p| (p.0.round() as i32, p.1.round() as i32)).collect();
        assert_eq!(rounded, [(0, 200), (100, 200), (100, 20), (300, 20), (300, 0), (400, 0)]);
        // One that was never over: the curve does not come down.
        let open = Curve { open: 1, points: vec![(100, 1)], ..curve };
        let rounded: Vec<_> =
            path(&open, &x, &y, false).iter().map(|p| (p.0.round() as i32, p.1.round() as i32)).collect();
        assert_eq!(rounded, [(0, 0), (100, 0), (100, 100), (300, 100)]);
        assert_eq!(describe(&[open]), "x: n = 10, median 100 ns, 99th percentile never over, maximum never over. ");
        // Without any duration there is still something to show.
        let only =
            Curve { label: "y".into(), count: 1, open: 1, open_ns: 0, min_ns: 0, points: vec![], note: "".into() };
        let plot = Plot { left: 0.0, right: 300.0, top: 0.0, bottom: 200.0 };
        let subject = Subject {
            title: "",
            subtitle: "",
            x_title: "",
            y_title: "",
            caption: "",
            cases: "",
            cdf: false,
            open: "",
            limit: None,
        };
        assert!(axes(std::slice::from_ref(&only), plot, &subject).is_some());
        assert!(axes(&[Curve { count: 0, open: 0, ..only }], plot, &subject).is_none());
    }
}
