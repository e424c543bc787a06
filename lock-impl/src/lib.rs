// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lock programs, workloads, and the wait-for-graph oracle that judges what they do.
//!
//! The oracle is pure logic: it is fed with the marks a program reports and knows nothing else of
//! any lock.

pub mod oracle;
