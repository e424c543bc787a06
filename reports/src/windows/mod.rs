// SPDX-License-Identifier: MIT OR Apache-2.0
//! The landing map: what became of interrupts that were made to land at each boundary of a program, and the rates that follow from it.

mod csv;
pub mod rates;
mod record;
mod summary;
mod text;

pub use csv::{landings_csv, pairs_csv};
pub use record::{
    Boundary, Events, FORMAT, KIND, Map, Pair, PairHit, PairStratum, Result, Second, Split, Time, append_map, outcomes,
    read_maps,
};
pub use summary::{Arrivals, EVENTS, Event, LineKey, LineRow, NoRate, PairRate, Rate, StageMap};
pub use text::{CAVEATS, STAGES_ACROSS, compare, legend, lines_text, pairs_text, rates_text, splits_text, stages_text};
pub(crate) use text::{Line, all_lines, procedures};

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::journal::write_result;

/// The map as a figure.
///
/// # Errors
/// [`Error::Draw`] if the drawing library fails.
pub fn figure(stages: &[StageMap<'_>]) -> std::result::Result<crate::plots::Figure, Error> {
    crate::plots::windows::figure(stages).map_err(|why| Error::Draw { figure: "landings.svg", why })
}

/// Draws the map into a folder that exists, and gives the path written.
///
/// # Errors
/// [`Error::Write`] if the file cannot be written, [`Error::Draw`] if the drawing library fails.
pub fn draw(stages: &[StageMap<'_>], dir: &Path) -> std::result::Result<PathBuf, Error> {
    let text = crate::plots::windows::draw(stages).map_err(|why| Error::Draw { figure: "landings.svg", why })?;
    let path = dir.join("landings.svg");
    write_result(&path, || std::fs::write(&path, &text))?;
    Ok(path)
}
