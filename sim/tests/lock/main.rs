// SPDX-License-Identifier: MIT OR Apache-2.0
//! The resilient queued spin lock on the machine: what each base and each patch does, one claim a test.

mod arm;
mod boundaries;
mod contract;
mod counts;
mod differential;
mod heir;
mod hour;
mod landings;
mod metrics;
mod nodes;
mod patches;
mod programs;
mod recovery;
mod reproducer;
mod storm;
mod stress;
mod support;
mod untimed;
mod weak;
mod windows;
mod word;
