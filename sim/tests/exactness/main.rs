// SPDX-License-Identifier: MIT OR Apache-2.0
//! Shortcuts change nothing: a fast machine and one that executes every micro-op as an event of
//! its own agree to the bit, on random programs, on every phase of a loop, and in records. And
//! nothing else does either: not threads, nor a kill, nor a fork, nor the build.
//!
//! `RQSIM_LONG=1 cargo test --release -p sim --test exactness` compares 50,000 programs.

mod clocks;
mod compare;
mod forms;
mod generate;
mod machines;
mod periods;
mod phases;
mod presets;
mod programs;
mod records;
mod repeat;
mod reused;
mod sends;
mod stale;
mod wider;
