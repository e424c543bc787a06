// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lock programs, workloads, and the wait-for-graph oracle that judges what they do.
//!
//! The oracle is pure logic: it is fed with the marks a program reports and knows nothing else of
//! any lock. The programs themselves (`programs/*.uop`) are GPL-2.0-or-later, as what they
//! describe is; everything else here is MIT OR Apache-2.0.

pub mod litmus;
pub mod oracle;
pub mod programs;
pub mod workload;
