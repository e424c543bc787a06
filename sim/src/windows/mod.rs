// SPDX-License-Identifier: MIT OR Apache-2.0
//! The landing map: what happens if an interrupt lands here, for every boundary of a program.
//!
//! A stage is run with a seed and without the interrupt in question; a machine is forked where it can land, the interrupt is
//! delivered to the fork at that very boundary, and the fork is run to its end under the eyes of the oracle. Boundaries come with the
//! time in which arrivals land there ([`residency`]), so the map gives rates without waiting for luck
//! (`reports::windows`).
//!
//! One unit of work is a stage with a seed: three runs of the same machine (time; instants drawn from it, more where more time is
//! spent; forks), and its map is one record.

mod allocate;
mod batch;
pub mod fork;
mod path;
mod prepare;
pub mod residency;
mod second;
mod split;
mod unit;
pub mod watch;

pub use batch::{Maps, journal_path, maps_path, run_all};
pub use path::{Part, path_of};
pub use prepare::{Prepared, Wanted, prepare};
pub use second::Pairs;
pub use unit::{Effort, map};
