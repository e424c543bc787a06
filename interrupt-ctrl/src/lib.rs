// SPDX-License-Identifier: MIT OR Apache-2.0
//! Interrupts: what arrives when ([`arrival`]), and what may be delivered when ([`controller`]).
//!
//! Modelled: one controller per core with an interrupt flag, an NMI latch of depth one, NMIs
//! blocked from delivery to return, entry and exit costs, delivery latency; arrivals by counter
//! overflow, periodic with jitter, Poisson, and directed at a boundary of the program. Left out:
//! priorities among maskable vectors, inter-processor interrupts, softirqs.

pub mod arrival;
pub mod controller;

pub use arrival::Process;
pub use controller::{Controllers, InterruptCosts, Source, SourceStats, Vector};
