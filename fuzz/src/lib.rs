// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fuzzers of everything that reads files.

pub mod targets;
