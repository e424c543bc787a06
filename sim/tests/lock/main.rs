// SPDX-License-Identifier: MIT OR Apache-2.0
//! The resilient queued spin lock on the machine: what each base and each patch does, one claim a test.

mod contract;
mod counts;
mod heir;
mod patches;
mod programs;
mod recovery;
mod storm;
mod stress;
mod support;
mod weak;
mod windows;
