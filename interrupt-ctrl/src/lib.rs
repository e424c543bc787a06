// SPDX-License-Identifier: MIT OR Apache-2.0
//! Interrupts: what arrives when ([`arrival`]), and what may be delivered when ([`controller`]).
//!
//! Modelled: one controller per core with an interrupt flag, a latch of depth one per source, NMIs
//! blocked from delivery to return, priorities of maskable interrupts, soft interrupts, entry and exit
//! costs, delivery latency; arrivals by counter overflow with a fixed or an adapted period, periodic with
//! jitter, Poisson, in bursts, recorded, sent by a core, and directed at a boundary of the program. Left out:
//! see DEVIATIONS.md, D37 to D39.

pub mod arrival;
pub mod controller;

pub use arrival::Process;
pub use controller::{Controllers, InterruptCosts, Source, SourceStats, Vector};
