// SPDX-License-Identifier: MIT OR Apache-2.0
//! Caches of the simulated machine: what the coherence protocol does, without timing, in
//! [`protocol`]; the same tables at work in time, with values in the lines, in [`timing`].

pub mod protocol;
pub mod tester;
pub mod timing;
