// SPDX-License-Identifier: MIT OR Apache-2.0
//! x
mod error;
mod histogram;
mod journal;
pub mod names;
mod record;
#[cfg(test)]
mod sample;
mod stage;
mod stats;
mod table;
mod units;
pub use error::Error;
pub use histogram::Histogram;
pub use journal::*;
pub use record::*;
pub use stage::StageSummary;
pub use stats::*;
pub use table::{stage_csv, stage_table};
