// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong between records and what people read.

use std::path::PathBuf;

/// A failure of this crate. Damaged records are no failure: they come back as
/// [`BadLine`](crate::BadLine) beside the good ones.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of records cannot be opened or read to its end.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file asked for.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A record, table or figure cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder that was to be written.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A record cannot be turned into JSON.
    #[error("cannot encode the record: {0}")]
    Encode(#[from] serde_json::Error),
    /// The drawing library refused a figure.
    #[error("cannot draw {figure}: {why}")]
    Draw {
        /// File name of the figure.
        figure: &'static str,
        /// What the library said.
        why: String,
    },
    /// A table cannot be written as Parquet.
    #[error("cannot make a Parquet file: {0}")]
    Parquet(String),
}
