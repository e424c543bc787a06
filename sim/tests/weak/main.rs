// SPDX-License-Identifier: MIT OR Apache-2.0
//! The `weak` memory model on the timed machine: what is seen, and what never is.

#[path = "../common/mod.rs"]
#[allow(dead_code)]
mod common;

mod coherence;
mod harness;
mod litmus;
mod monotone;
