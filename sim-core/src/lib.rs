// SPDX-License-Identifier: MIT OR Apache-2.0
//! Time, event order, random streams, the micro-op set with its assembler, and the core pipeline.
//!
//! This crate knows no cache and no lock: the memory system and the interrupt controller are
//! reached through the traits in [`ports`].

pub mod asm;
pub mod core;
pub mod exec;
mod fields;
pub mod isa;
pub mod ports;
pub mod program;
pub mod queue;
pub mod recur;
pub mod rng;
pub mod time;
pub mod untimed;
