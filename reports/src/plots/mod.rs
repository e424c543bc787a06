// SPDX-License-Identifier: MIT OR Apache-2.0
//! The figures, as SVG that needs no font.
//!
//! `data` says what is drawn and is all that tests pin; the other modules say how. A stage has the
//! same colour in every figure; what is no stage has colours of another set.

mod axis;
pub mod calibration;
mod canvas;
mod coherence;
mod curves;
pub mod data;
mod frame;
mod glyphs;
pub(crate) mod orderings;
mod raster;
mod style;
mod svg;
mod timeline;
mod timeouts;
pub(crate) mod windows;

pub(crate) use glyphs::escape;
pub use timeline::timeline;

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::journal::write_result;
use crate::stage::StageSummary;

/// Draws one figure; an error says why the drawing library refused.
type Draw = fn(&[StageSummary]) -> Result<String, String>;

/// File name and painter of every figure.
const FIGURES: [(&str, Draw); 4] = [
    ("timeouts.svg", timeouts::draw),
    ("detection-latency.svg", curves::draw_detection),
    ("coherence-traffic.svg", coherence::draw),
    ("nmi-duration.svg", curves::draw_nmi),
];

/// The names of the files that [`write_all`] writes.
pub fn file_names() -> [&'static str; 4] {
    FIGURES.map(|(name, _)| name)
}

/// Writes every figure into `dir`, which is made if need be, over files of the same names. A figure
/// for which nothing was measured says so in words. Returns the paths written, in the order of
/// [`file_names`].
///
/// # Errors
/// [`Error::Write`] if the folder or a file cannot be written, [`Error::Draw`] if the drawing
/// library fails.
pub fn write_all(summaries: &[StageSummary], dir: &Path) -> Result<Vec<PathBuf>, Error> {
    write_result(dir, || std::fs::create_dir_all(dir))?;
    let mut paths = Vec::with_capacity(FIGURES.len());
    for (figure, draw) in FIGURES {
        let text = draw(summaries).map_err(|why| Error::Draw { figure, why })?;
        let path = dir.join(figure);
        write_result(&path, || std::fs::write(&path, &text))?;
        paths.push(path);
    }
    Ok(paths)
}

/// A figure and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Name of its file without the ending.
    pub name: &'static str,
    /// The text of the SVG file. Elements of the N-th stage have the class `stage-N`.
    pub svg: String,
}

impl Figure {
    /// The same figure as the bytes of a PNG file, with two pixels for each of the page.
    ///
    /// # Errors
    /// [`Error::Draw`] if it holds what cannot be drawn.
    pub fn png(&self) -> Result<Vec<u8>, Error> {
        raster::to_png(&self.svg).map_err(|why| Error::Draw { figure: self.name, why })
    }
}

/// Draws every figure of these stages, in the order of [`file_names`].
///
/// # Errors
/// [`Error::Draw`] if the drawing library fails.
pub fn figures(summaries: &[StageSummary]) -> Result<Vec<Figure>, Error> {
    let one = |(figure, draw): (&'static str, Draw)| {
        let svg = draw(summaries).map_err(|why| Error::Draw { figure, why })?;
        Ok(Figure { name: figure.trim_end_matches(".svg"), svg })
    };
    FIGURES.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests;
