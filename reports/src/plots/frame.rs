// SPDX-License-Identifier: MIT OR Apache-2.0
//! What all figures have around their data: title, subtitle, axes, caption.

use plotters::prelude::DrawingBackend;

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Font, Stroke, wrap};
use super::glyphs::text_width;
use super::style::{FAINT, GREY, GRID, INK};
use crate::stage::StageSummary;
use crate::units::{duration, plural};

/// Width of every figure, pixels.
pub(super) const WIDTH: f64 = 960.0;
/// Empty border.
pub(super) const MARGIN: f64 = 20.0;
/// First pixel below title and subtitle.
pub(super) const TOP: f64 = 76.0;

const LINE: f64 = 16.0;
const ROW_LABEL_MAX: f64 = 240.0;

pub(super) const TITLE: Font = Font { size: 18.0, bold: true, color: INK };
pub(super) const SUBTITLE: Font = Font { size: 13.0, bold: false, color: GREY };
pub(super) const LABEL: Font = Font { size: 13.0, bold: false, color: INK };
pub(super) const STRONG: Font = Font { size: 13.0, bold: true, color: INK };
pub(super) const SMALL: Font = Font { size: 11.5, bold: false, color: GREY };

/// The part of a figure that holds data, pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plot {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

/// Title and subtitle.
pub(super) fn head<DB: DrawingBackend>(canvas: &Canvas<DB>, title: &str, subtitle: &str) -> Result<(), String> {
    canvas.text((MARGIN, 28.0), title, TITLE, Anchor::Left);
    canvas.text((MARGIN, 52.0), subtitle, SUBTITLE, Anchor::Left);
    Ok(())
}

/// The lines of a caption.
pub(super) fn caption_lines(caption: &str) -> Result<Vec<String>, String> {
    wrap(caption, SMALL, WIDTH - 2.0 * MARGIN)
}

/// Height that a caption takes below `Plot::bottom` and the axis below it, border included.
pub(super) fn foot_height(lines: &[String]) -> f64 {
    64.0 + LINE * lines.len() as f64 + MARGIN / 2.0
}

/// The caption, below the axis of `plot`.
pub(super) fn foot<DB: DrawingBackend>(canvas: &Canvas<DB>, plot: Plot, lines: &[String]) -> Result<(), String> {
    for (i, line) in lines.iter().enumerate() {
        let y = plot.bottom + 70.0 + LINE * i as f64;
        canvas.text((MARGIN, y), line, SMALL, Anchor::Left);
    }
    Ok(())
}

/// A horizontal axis with its grid, labels and title.
pub(super) fn x_axis<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    plot: Plot,
    axis: &Axis,
    title: &str,
) -> Result<(), String> {
    for tick in &axis.ticks {
        let x = axis.at(tick.value);
        let color = if tick.label.is_some() { GRID } else { FAINT };
        canvas.line(&[(x, plot.top), (x, plot.bottom)], Stroke::solid(color, 1.0))?;
    }
    canvas.line(&[(plot.left, plot.bottom), (plot.right, plot.bottom)], Stroke::solid(INK, 1.0))?;
    for tick in &axis.ticks {
        let Some(label) = &tick.label else { continue };
        let x = axis.at(tick.value);
        canvas.line(&[(x, plot.bottom), (x, plot.bottom + 5.0)], Stroke::solid(INK, 1.0))?;
        canvas.text((x, plot.bottom + 16.0), label, LABEL, Anchor::Middle);
    }
    let middle = (plot.left + plot.right) / 2.0;
    canvas.text((middle, plot.bottom + 42.0), title, LABEL, Anchor::Middle);
    Ok(())
}

/// A vertical axis with its grid, labels and title.
pub(super) fn y_axis<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    plot: Plot,
    axis: &Axis,
    title: &str,
) -> Result<(), String> {
    for tick in &axis.ticks {
        let y = axis.at(tick.value);
        let color = if tick.label.is_some() { GRID } else { FAINT };
        canvas.line(&[(plot.left, y), (plot.right, y)], Stroke::solid(color, 1.0))?;
        if let Some(label) = &tick.label {
            canvas.text((plot.left - 9.0, y), label, LABEL, Anchor::Right);
        }
    }
    canvas.line(&[(plot.left, plot.top), (plot.left, plot.bottom)], Stroke::solid(INK, 1.0))?;
    canvas.text_upwards((MARGIN + 6.0, (plot.top + plot.bottom) / 2.0), title, LABEL);
    Ok(())
}

/// Room for the names of rows left of the data, pixels from the left edge.
pub(super) fn row_label_room<'a>(labels: impl Iterator<Item = &'a str>) -> Result<f64, String> {
    let mut room = 60.0_f64;
    for label in labels {
        room = room.max(text_width(&shorten(label, STRONG, ROW_LABEL_MAX)?, STRONG)?);
    }
    Ok(MARGIN + room + 14.0)
}

/// The name of a row, ending left of the data.
pub(super) fn row_label<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    plot: Plot,
    y: f64,
    label: &str,
) -> Result<(), String> {
    let text = shorten(label, STRONG, ROW_LABEL_MAX)?;
    canvas.text((plot.left - 12.0, y), &text, STRONG, Anchor::Right);
    Ok(())
}

/// `text`, or as much of its beginning and end as fits with an ellipsis between: names of stages
/// often differ at the end alone.
pub(super) fn shorten(text: &str, font: Font, width: f64) -> Result<String, String> {
    let chars: Vec<char> = text.chars().collect();
    let mut short = text.to_string();
    let mut kept = chars.len();
    while kept > 1 && text_width(&short, font)? > width {
        kept -= 1;
        let (head, tail) = (&chars[..kept.div_ceil(2)], &chars[chars.len() - kept / 2..]);
        short = head.iter().chain(&['…']).chain(tail).collect();
    }
    Ok(short)
}

/// The large remark of a figure without data.
pub(super) fn nothing<DB: DrawingBackend>(canvas: &Canvas<DB>, plot: Plot) -> Result<(), String> {
    let middle = ((plot.left + plot.right) / 2.0, (plot.top + plot.bottom) / 2.0);
    canvas.text(middle, "nothing was measured", SUBTITLE, Anchor::Middle);
    Ok(())
}

/// What was simulated, for captions: experiment, lock, base, machine, CPUs, seeds, exposure, version.
pub(super) fn setting(stages: &[StageSummary]) -> String {
    let all = |part: fn(&StageSummary) -> String| {
        let mut values: Vec<String> = stages.iter().map(part).filter(|v| !v.is_empty()).collect();
        values.sort_unstable();
        values.dedup();
        match values.as_slice() {
            [first, .., last] if values.len() > 3 => format!("{first} … {last}"),
            _ => values.join(" / "),
        }
    };
    let base = all(|s| s.base.clone());
    format!(
        "Experiment {}: {}{}{base}, {} with {} CPUs; per stage {}, {} simulated. Made by rqsim {}.",
        all(|s| s.experiment.clone()),
        all(|s| s.lock.clone()),
        if base.is_empty() { "" } else { " on base " },
        all(|s| s.machine.clone()),
        all(|s| s.cpus.to_string()),
        all(|s| plural(s.seeds.len() as u64, "seed")),
        all(|s| duration(s.simulated_ns)),
        all(|s| s.version.clone()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_keeps_both_ends() {
        let name = "enclose, immediate_aa, queue_in_nmi, 17";
        let short = shorten(name, LABEL, 120.0).unwrap();
        assert!(short.starts_with("enclose") && short.ends_with("nmi, 17"), "{short}");
        assert!(text_width(&short, LABEL).unwrap() <= 120.0);
        assert_eq!(shorten("base", LABEL, 120.0).unwrap(), "base");
    }

    #[test]
    fn the_setting_names_what_was_simulated() {
        let stages = StageSummary::from_records(&crate::sample::sample_records());
        assert_eq!(
            setting(&stages),
            "Experiment ring8: rqspinlock on base 6.17, ring with 8 CPUs; per stage 2 seeds, 2.00 s simulated. \
             Made by rqsim 0.1.0."
        );
    }
}
