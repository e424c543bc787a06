// SPDX-License-Identifier: MIT OR Apache-2.0
//! Records of rqsim and what people read of them.
//!
//! A run fills a [`Record`], which [`append_record`] adds to a file as one line of JSON. Everything
//! else is made from records alone: [`read_records`] reads them back and names what is damaged,
//! [`StageSummary::from_records`] merges the runs of each stage, [`stage_table`] and [`stage_csv`]
//! make text of the stages, [`plots::write_all`] makes figures.
//!
//! This crate knows nothing of how a run is made. It neither prints nor reads a clock, and the same
//! records give the same bytes, in whatever order they come.

pub mod against;
pub mod attribution;
pub mod axes;
pub mod collect;
mod error;
mod histogram;
mod journal;
pub mod klog;
pub mod metrics;
pub mod names;
pub mod orderings;
pub mod page;
pub mod plots;
pub mod point;
mod record;
mod recovery;
#[cfg(test)]
mod sample;
mod short;
mod stage;
pub mod stats;
pub mod sweep;
pub mod table;
mod tally;
pub mod timeline;
pub mod trace;
mod units;
pub mod windows;

pub use error::Error;
pub use histogram::Histogram;
pub use journal::{BadLine, LINE_BYTES_MAX, append_line, append_record, read_lines, read_records, record_of_line};
pub use klog::klog_text;
pub use record::{
    ContextCounts, FORMAT, Handler, OracleCounts, Record, SweepPoint, Traffic, TrafficCounts, UnboundedWaits, Worst,
};
pub use recovery::{PARTS, Recoveries, WORST_RECOVERIES, WorstRecovery};
pub use stage::StageSummary;
pub use stats::Estimate;
pub use table::{
    attribution_csv, attribution_text, csv_field, links_csv, metrics_csv, metrics_text, points_csv, recoveries_csv,
    recoveries_text, recoveries_worst_csv, sharing_csv, stage_csv, stage_json, stage_markdown, stage_table, wrap,
    wrap_hanging,
};
pub use tally::Tally;
pub use units::{duration, plural, to_ascii};

/// The figures of every run of a section as a Parquet file.
///
/// # Errors
/// As [`table::parquet()`].
pub fn points_parquet(section: &collect::Section) -> Result<Vec<u8>, Error> {
    table::parquet(&table::points_columns(section))
}
