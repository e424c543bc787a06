// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim sweep --engine slurm`.

use std::path::Path;

use clap::Args;
use rqsim::plan::InputError;

use super::Failure;
use super::sweep::{Ready, SweepArgs};

#[derive(Debug, Args)]
pub(super) struct SlurmFlags {
    /// Parts of the points, an array element each.
    #[arg(long, value_name = "N")]
    shards: Option<u32>,
}

pub(super) fn run(_: &SweepArgs, _: &Ready, _: &Path) -> Result<(), Failure> {
    Err(InputError::text("not there yet", "run it here").into())
}
