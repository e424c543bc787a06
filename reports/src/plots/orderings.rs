// SPDX-License-Identifier: MIT OR Apache-2.0
//! Figures of changes in every order: the lattice of subsets, and what each change contributes.

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::canvas::{Anchor, Canvas, Font, Stroke, wrap};
use super::frame::{self, LABEL, MARGIN, Plot, SMALL, STRONG, TOP, WIDTH, shorten};
use super::glyphs::text_width;
use super::style::{GRID, INK, LIMIT, PAPER, heat, series_color};
use super::svg::{self, Words};
use crate::orderings::{Game, Mean, Metric, Orderings, Subset, shown, topic, with_half};

/// Largest lattice that is drawn: more changes have rows of more than twenty subsets.
pub(crate) const DRAWN_MAX: usize = 6;

const ROW: f64 = 46.0;
const BOX: (f64, f64) = (124.0, 34.0);
/// A step that makes the metric worse.
const WORSE: RGBColor = RGBColor(204, 51, 17);

/// The subsets from none to all, one column for each size, coloured by a metric.
pub(crate) fn lattice(all: &Orderings<'_>, metric: &Metric, game: &Game<'_>) -> Result<String, String> {
    let l = all.lattice();
    let n = l.changes().len();
    let columns: Vec<Vec<Subset>> =
        (0..=n).map(|k| l.subsets().iter().copied().filter(|s| s.count_ones() as usize == k).collect()).collect();
    let tallest = columns.iter().map(Vec::len).max().unwrap_or(1);
    let title = format!("What each subset of the changes does to {}", topic(metric));
    let beyond = if all.is_noise_unknown() {
        "with this one seed (noise unknown), by more than 1 %"
    } else {
        "beyond what seeds explain and by more than 1 %"
    };
    let caption = frame::caption_lines(&format!(
        "A box is a subset, a line one change more; red lines make it worse, {beyond}. Mean over {} of {}. {}",
        crate::units::plural(all.seeds() as u64, "seed"),
        metric.title,
        legend(all),
    ))?;
    let height = ROW * tallest as f64;
    let plot = Plot { left: MARGIN, right: WIDTH - MARGIN, top: TOP, bottom: TOP + height - 40.0 };
    let step = (plot.right - plot.left - BOX.0) / n.max(1) as f64;
    let place = |s: Subset| {
        let k = s.count_ones() as usize;
        let i = columns[k].iter().position(|x| *x == s).unwrap_or(0) as f64;
        let gap = height / columns[k].len() as f64;
        (plot.left + BOX.0 / 2.0 + step * k as f64, TOP + gap * (i + 0.5))
    };
    let values: Vec<f64> = l.subsets().iter().map(|s| game.value(*s).value).collect();
    let share = scale(&values);
    let description = format!("none: {}; all: {}", shown(metric, values[0]), shown(metric, game.value(l.full()).value));
    let words = Words { title: &title, description: &description };
    svg::draw((WIDTH, plot.bottom + 40.0 + frame::foot_height(&caption)), &words, |canvas| {
        frame::head(canvas, &title, metric.title)?;
        // Lines that make it worse lie above the others.
        for worse in [false, true] {
            for &s in l.subsets() {
                for i in l.next_of(s) {
                    if game.worsens(s, s | 1 << i) == worse {
                        let stroke = if worse { Stroke::solid(WORSE, 2.0) } else { Stroke::solid(GRID, 1.2) };
                        canvas.line(&[place(s), place(s | 1 << i)], stroke)?;
                    }
                }
            }
        }
        for (&s, &value) in l.subsets().iter().zip(&values) {
            node(canvas, place(s), &l.name(s), &shown(metric, value), share(value))?;
        }
        color_key(canvas, (plot.left, plot.bottom + 50.0), metric, &values)?;
        frame::foot(canvas, plot, &caption)
    })
}

/// Short names with what they stand for.
fn legend(all: &Orderings<'_>) -> String {
    let one = |c: &crate::orderings::Change| {
        if c.name.ends_with(&c.short) {
            c.short.clone()
        } else {
            format!("{}: {}", c.short, c.name.split(':').next().unwrap_or(""))
        }
    };
    all.lattice().changes().iter().map(one).collect::<Vec<_>>().join(", ") + "."
}

/// Which colour stands for which value, and the two kinds of lines.
fn color_key<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    (left, y): (f64, f64),
    metric: &Metric,
    values: &[f64],
) -> Result<(), String> {
    const STEPS: u32 = 48;
    const LENGTH: f64 = 192.0;
    let (min, max) = ends(values);
    let least = shown(metric, min);
    let from = left + text_width(&least, SMALL)? + 8.0;
    canvas.text((left, y), &least, SMALL, Anchor::Left);
    // Where all values are equal there is one colour.
    let steps = if max > min { STEPS } else { 1 };
    let width = LENGTH / f64::from(steps);
    for i in 0..steps {
        let x = from + width * f64::from(i);
        let share = f64::from(i) / f64::from((steps - 1).max(1));
        canvas.rect((x, y - 6.0), (x + width, y + 6.0), heat(share))?;
    }
    let kind = match (max > min, min > 0.0) {
        (false, _) => "",
        (true, true) => " (logarithmic)",
        (true, false) if min == 0.0 => " (logarithmic above 0)",
        (true, false) => " (linear)",
    };
    let greatest = format!("{}{kind}", shown(metric, max));
    let mut x = from + LENGTH + 8.0;
    canvas.text((x, y), &greatest, SMALL, Anchor::Left);
    x += text_width(&greatest, SMALL)? + 36.0;
    for (stroke, what) in
        [(Stroke::solid(GRID, 1.2), "one change more"), (Stroke::solid(WORSE, 2.0), "that makes it worse")]
    {
        canvas.line(&[(x, y), (x + 26.0, y)], stroke)?;
        canvas.text((x + 34.0, y), what, SMALL, Anchor::Left);
        x += 34.0 + text_width(what, SMALL)? + 28.0;
    }
    Ok(())
}

/// The least and the greatest value.
fn ends(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(*v), b.max(*v)))
}

/// From a value to its place between the least and the greatest, 0 to 1.
fn scale(values: &[f64]) -> impl Fn(f64) -> f64 + use<> {
    let (min, max) = ends(values);
    // Where 0 is among them a logarithm begins near the least of the others.
    let least = values.iter().copied().filter(|v| *v > 0.0).fold(f64::MAX, f64::min);
    move |v| {
        if max <= min {
            0.0
        } else if min > 0.0 {
            (v / min).ln() / (max / min).ln()
        } else if min == 0.0 {
            (v / least).ln_1p() / (max / least).ln_1p()
        } else {
            (v - min) / (max - min)
        }
    }
}

fn node<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    (x, y): (f64, f64),
    name: &str,
    value: &str,
    share: f64,
) -> Result<(), String> {
    let (w, h) = (BOX.0 / 2.0, BOX.1 / 2.0);
    canvas.tip(&format!("{name}: {value}"), || {
        canvas.rect((x - w - 1.0, y - h - 1.0), (x + w + 1.0, y + h + 1.0), PAPER)?;
        canvas.rect((x - w, y - h), (x + w, y + h), heat(share))
    })?;
    let color = if share > 0.55 { INK } else { PAPER };
    let name = shorten(name, Font { color, ..STRONG }, BOX.0 - 8.0)?;
    canvas.text((x, y - 7.5), &name, Font { color, ..STRONG }, Anchor::Middle);
    canvas.text((x, y + 8.0), value, Font { color, ..SMALL }, Anchor::Middle);
    Ok(())
}

const BAR_ROW: f64 = 24.0;
/// Name of a metric above its bars; lines of its title come to that.
const PANEL_HEAD: f64 = 31.0;
const TITLE_LINE: f64 = 15.0;

/// What each change contributes to each metric: a panel for each.
pub(crate) fn contributions(all: &Orderings<'_>) -> Result<String, String> {
    let changes = all.lattice().changes();
    let title = "What does each change contribute, over all orders?";
    let (subtitle, colors) = if all.is_noise_unknown() {
        (
            "Mean change of the metric when the change is made; one seed gives no interval",
            "All bars are grey: with one seed nobody knows how much of a bar is noise; two or more seeds tell.",
        )
    } else {
        (
            "Mean change of the metric when the change is made; whiskers: 95 % interval over seeds",
            "Green is better, red is worse, grey is within the noise of the seeds.",
        )
    };
    let caption = frame::caption_lines(&format!(
        "Each of {} orders counts once. The bars of a panel add up to its whole, from no change to all. {colors} {}",
        crate::units::count(all.lattice().orders()),
        legend(all)
    ))?;
    let half = (WIDTH - 2.0 * MARGIN - 24.0) / 2.0;
    let titles: Vec<Vec<String>> =
        all.measured().iter().map(|(m, _)| wrap(m.title, SMALL, half)).collect::<Result<_, _>>()?;
    let head = PANEL_HEAD + TITLE_LINE * titles.iter().map(Vec::len).max().unwrap_or(0) as f64;
    let panel = head + BAR_ROW * (changes.len() + 1) as f64 + 18.0;
    let rows = all.measured().len().div_ceil(2).max(1) as f64;
    let plot = Plot { left: MARGIN, right: WIDTH - MARGIN, top: TOP, bottom: TOP + panel * rows - 40.0 };
    let description: String = all
        .measured()
        .iter()
        .map(|(m, g)| format!("{}: {}. ", m.name, with_half(m, g.difference(0, all.lattice().full()), true)))
        .collect();
    let words = Words { title, description: description.trim_end() };
    svg::draw((WIDTH, plot.bottom + 40.0 + frame::foot_height(&caption)), &words, |canvas| {
        frame::head(canvas, title, subtitle)?;
        if all.measured().is_empty() {
            frame::nothing(canvas, plot)?;
        }
        for (i, (metric, game)) in all.measured().iter().enumerate() {
            let left = plot.left + (half + 24.0) * (i % 2) as f64;
            let top = TOP + panel * (i / 2) as f64;
            canvas.text((left, top + 10.0), metric.name, STRONG, Anchor::Left);
            for (line, text) in titles[i].iter().enumerate() {
                canvas.text((left, top + 27.0 + TITLE_LINE * line as f64), text, SMALL, Anchor::Left);
            }
            bars(canvas, (left, top + head, left + half), all, metric, game)?;
        }
        frame::foot(canvas, plot, &caption)
    })
}

fn bars<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    (left, top, right): (f64, f64, f64),
    all: &Orderings<'_>,
    metric: &Metric,
    game: &Game<'_>,
) -> Result<(), String> {
    let l = all.lattice();
    let mut rows: Vec<(String, Mean)> =
        l.changes().iter().enumerate().map(|(i, c)| (c.short.clone(), game.contribution(i))).collect();
    rows.push(("all".into(), game.difference(0, l.full())));
    let (from, to) = (left + 84.0, right - 150.0);
    let reach = |m: &Mean| m.value.abs() + m.half.unwrap_or(0.0);
    let max = rows.iter().map(|(_, m)| reach(m)).fold(0.0_f64, f64::max);
    let max = if max > 0.0 { max } else { 1.0 };
    let middle = (from + to) / 2.0;
    let at = |v: f64| middle + v / max * (to - from) / 2.0;
    let bottom = top + BAR_ROW * rows.len() as f64;
    canvas.line(&[(middle, top - 6.0), (middle, bottom)], Stroke::solid(INK, 1.0))?;
    for (i, (name, mean)) in rows.iter().enumerate() {
        let y = top + BAR_ROW * (i as f64 + 0.5) - 4.0;
        if i + 1 == rows.len() {
            canvas.line(&[(left, y - BAR_ROW / 2.0), (right, y - BAR_ROW / 2.0)], Stroke::solid(GRID, 1.0))?;
        }
        let color = match (mean.half.is_some() && mean.is_beyond_noise(), game.is_worse(*mean)) {
            (false, _) => LIMIT,
            (true, true) => WORSE,
            (true, false) => series_color(2),
        };
        let x = at(mean.value);
        canvas.tip(&format!("{}, {name}: {}", metric.name, with_half(metric, *mean, true)), || {
            canvas.rect((x.min(middle), y - 7.0), (x.max(middle), y + 7.0), color)
        })?;
        if let Some(half) = mean.half.filter(|h| *h > 0.0) {
            let (a, b) = (at(mean.value - half), at(mean.value + half));
            canvas.line(&[(a, y), (b, y)], Stroke::solid(INK, 1.2))?;
            for end in [a, b] {
                canvas.line(&[(end, y - 3.5), (end, y + 3.5)], Stroke::solid(INK, 1.2))?;
            }
        }
        canvas.text((from - 10.0, y), &shorten(name, LABEL, 72.0)?, LABEL, Anchor::Right);
        canvas.text((right, y), &with_half(metric, *mean, true), SMALL, Anchor::Right);
    }
    Ok(())
}
