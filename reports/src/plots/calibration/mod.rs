// SPDX-License-Identifier: MIT OR Apache-2.0
//! Figures of a calibration: curves over sizes and thread counts, and a map of pairs of cores.

mod chart;
mod heat_map;

pub use chart::{Chart, Point, Scale, Series};
pub use heat_map::HeatMap;
