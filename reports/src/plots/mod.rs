// SPDX-License-Identifier: MIT OR Apache-2.0
//! The figures, as SVG that needs no font.
//!
//! `data` says what is drawn and is all that tests pin; the other modules say how. A stage has the
//! same colour in every figure; what is no stage has colours of another set.

mod axis;
pub mod calibration;
mod canvas;
pub mod chart;
mod coherence;
mod curves;
pub mod data;
mod frame;
mod glyphs;
mod heat;
mod lattice;
mod lines;
mod links;
pub(crate) mod orderings;
mod raster;
mod style;
mod svg;
pub mod sweep;
mod timeline;
mod timeouts;
mod transfers;
pub(crate) mod windows;

pub(crate) use glyphs::escape;
pub use timeline::{timeline, timeline_figure};

use std::path::{Path, PathBuf};

use crate::collect::Section;
use crate::error::Error;
use crate::journal::write_result;
use crate::stage::StageSummary;

/// Draws one figure, if there is anything to be drawn; an error says why the drawing library refused.
type Draw = fn(&[StageSummary]) -> Result<Option<Figure>, String>;

/// File name and painter of every figure that `sim run` writes; a figure for which nothing was measured says so.
const FIGURES: [(&str, Draw); 4] = [
    ("timeouts.svg", timeouts::by_stage),
    ("detection-latency.svg", curves::detection_survival),
    ("coherence-traffic.svg", coherence::by_class),
    ("nmi-duration.svg", curves::nmi_handlers),
];

/// Painters of the figures that a report has besides, where something was measured.
const MORE: [(&str, Draw); 7] = [
    ("detection-cdf", curves::detection_cdf),
    ("timeouts-by-wait", timeouts::by_wait),
    ("line-traffic", coherence::by_line),
    ("hand-off", curves::hand_offs),
    ("interrupt-duration", curves::interrupts),
    ("transfers", transfers::draw),
    ("links", links::draw),
];

/// Stages that figures show at most; of more the first ones.
pub const DRAWN_MAX: usize = 32;

/// Networks and matrices drawn side by side at most.
const SIDE_BY_SIDE: usize = 4;

/// The first and the last ones of a list, if it is long.
fn some_of<T>(mut all: Vec<T>) -> Vec<T> {
    if all.len() > SIDE_BY_SIDE {
        all.drain(SIDE_BY_SIDE / 2..all.len() - SIDE_BY_SIDE / 2);
    }
    all
}

/// What a caption says if not all stages are shown.
fn left_out(stages: &[StageSummary], shown: &[StageSummary]) -> String {
    match stages.len() - shown.len() {
        0 => String::new(),
        n => {
            format!("{} between them or without this measurement not shown. ", crate::units::plural(n as u64, "stage"))
        }
    }
}

/// The names of the files that [`write_all`] writes.
pub fn file_names() -> [&'static str; 4] {
    FIGURES.map(|(name, _)| name)
}

/// Writes the figures of [`file_names`] into `dir`, which is made if need be, over files of the same names. A figure
/// for which nothing was measured says so in words. Returns the paths of the others, in the order of
/// [`file_names`].
///
/// # Errors
/// [`Error::Write`] if the folder or a file cannot be written, [`Error::Draw`] if the drawing
/// library fails.
pub fn write_all(summaries: &[StageSummary], dir: &Path) -> Result<Vec<PathBuf>, Error> {
    write_result(dir, || std::fs::create_dir_all(dir))?;
    let mut paths = Vec::with_capacity(FIGURES.len());
    for (figure, draw) in FIGURES {
        let drawn = draw(summaries).map_err(|why| Error::Draw { figure, why })?;
        let path = dir.join(figure);
        let is_measured = drawn.as_ref().is_some_and(Figure::is_measured);
        let svg = drawn.map_or_else(String::new, |f| f.svg);
        write_result(&path, || std::fs::write(&path, &svg))?;
        if is_measured {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// A figure and what it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Name of its file without the ending.
    pub name: String,
    /// The question it answers.
    pub question: String,
    /// What its numbers are of.
    pub unit: String,
    /// The text of the SVG file. Elements of the N-th stage have the class `stage-N`.
    pub svg: String,
    /// The numbers.
    pub chart: chart::Chart,
    /// What was counted, and how many of it each stage has.
    pub samples: Option<(&'static str, Vec<(String, u64)>)>,
    /// Colours of its series as pages write them, if they are not those of the stages.
    pub colors: Vec<String>,
}

impl Figure {
    fn new(name: String, question: String, unit: &str, svg: String, chart: chart::Chart) -> Self {
        Self { name, question, unit: unit.to_owned(), svg, chart, samples: None, colors: Vec::new() }
    }

    /// Whether anything was measured that it shows.
    #[must_use]
    pub fn is_measured(&self) -> bool {
        match &self.chart {
            chart::Chart::Steps { rows, .. } => rows.iter().any(|r| r.count > 0),
            chart::Chart::Bars { rows, .. } => rows.iter().any(|r| r.values.iter().any(|v| *v > 0.0)),
            chart::Chart::Intervals { rows, .. } => rows.iter().any(|r| r.value.is_some()),
            _ => true,
        }
    }

    /// The same figure as the bytes of a PNG file, with two pixels for each of the page.
    ///
    /// # Errors
    /// [`Error::Draw`] if it holds what cannot be drawn.
    pub fn png(&self) -> Result<Vec<u8>, Error> {
        raster::to_png(&self.svg).map_err(|why| Error::Draw { figure: "png", why })
    }
}

/// The stages that figures show.
#[must_use]
pub fn drawn(summaries: &[StageSummary]) -> &[StageSummary] {
    &summaries[..summaries.len().min(DRAWN_MAX)]
}

/// Draws the figures of these stages: those that `sim run` writes, and others for which something was measured.
///
/// # Errors
/// [`Error::Draw`] if the drawing library fails.
pub fn figures(summaries: &[StageSummary]) -> Result<Vec<Figure>, Error> {
    let mut all = Vec::new();
    for (figure, draw) in FIGURES.into_iter().chain(MORE) {
        all.extend(draw(drawn(summaries)).map_err(|why| Error::Draw { figure, why })?);
    }
    // Related figures stand together.
    let order = [
        "timeouts",
        "timeouts-by-wait",
        "detection-latency",
        "detection-cdf",
        "hand-off",
        "nmi-duration",
        "interrupt-duration",
        "coherence-traffic",
        "line-traffic",
        "transfers",
        "links",
    ];
    all.sort_by_key(|f| order.iter().position(|o| *o == f.name));
    Ok(all)
}

/// Draws all figures of a section for which something was measured: of its stages, of its sweep, of its lattice.
///
/// # Errors
/// [`Error::Draw`] if the drawing library fails.
pub fn section_figures(s: &Section, choice: &sweep::Choice) -> Result<Vec<Figure>, Error> {
    let failed = |figure| move |why| Error::Draw { figure, why };
    let mut all = if s.stages.is_empty() { Vec::new() } else { figures(&s.stages)? };
    all.retain(Figure::is_measured);
    all.extend(lattice::figures(s).map_err(failed("lattice"))?);
    all.extend(sweep::figures(s, choice).map_err(failed("sweep"))?);
    Ok(all)
}

/// Questions that no record of a section answers, since nothing was measured or nothing of the kind happened.
#[must_use]
pub fn unanswered(figures: &[Figure]) -> Vec<&'static str> {
    const QUESTIONS: [(&str, &str); 6] = [
        ("detection-latency", "How long does a deadlock last before the lock reports it?"),
        ("hand-off", "How long does a hand-off of the lock take?"),
        ("nmi-duration", "How long do NMI handlers run?"),
        ("coherence-traffic", "What does an acquisition cost in coherence traffic?"),
        ("transfers", "Which cores send each other lines? (sim run --attribution)"),
        ("links", "Which links are busy? (sim run --attribution)"),
    ];
    QUESTIONS.iter().filter(|q| !figures.iter().any(|f| f.name == q.0)).map(|q| q.1).collect()
}

/// Colours of the stages that figures show, as pages write them.
#[must_use]
pub fn stage_colors(summaries: &[StageSummary]) -> Vec<String> {
    style::stage_styles(drawn(summaries)).iter().map(style::StageStyle::css).collect()
}

/// Colours of the parts of stacked bars, as pages write them.
#[must_use]
pub fn area_colors() -> Vec<String> {
    style::area_colors()
}

/// Colours of heat maps from little to much, as pages write them.
#[must_use]
pub fn heat_colors() -> Vec<String> {
    style::heat_colors()
}

#[cfg(test)]
mod tests;
