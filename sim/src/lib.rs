// SPDX-License-Identifier: MIT OR Apache-2.0
//! rqsim as a library: build a machine, load a program, run, observe.

pub mod attribution;
pub mod batch;
pub mod calibrate;
pub mod explain;
pub mod explore;
pub mod files;
mod journal;
pub mod litmus;
pub mod machine;
pub mod mutate;
pub mod network;
pub mod observe;
pub mod orderings;
pub mod plan;
pub mod run;
pub mod splitting;
mod trace;
pub mod window;
pub mod windows;

/// Version of rqsim, with a hash of the sources it was built from: what makes two records
/// comparable, and what decides whether a finished run can be used again.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "+", env!("RQSIM_SOURCE_HASH"));
