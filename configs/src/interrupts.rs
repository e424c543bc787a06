// SPDX-License-Identifier: MIT OR Apache-2.0
//! Interrupt sources: which vector, on which cores, when, and what handler it runs.

use serde::{Deserialize, Serialize};

use crate::units::{Rate, Span};
use crate::workload::Cpus;

/// One interrupt source per chosen core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interrupt {
    /// Name for tables and records.
    pub name: String,
    /// What kind of interrupt it raises.
    pub vector: Vector,
    /// Name of the body in `handlers` that it runs.
    pub handler: String,
    /// Cores that have such a source.
    #[serde(default)]
    pub on: Cpus,
    /// When it fires.
    pub source: Source,
}

/// Kind of interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Vector {
    /// Not maskable; blocked only while an NMI is served, when one more is latched.
    Nmi,
    /// A maskable interrupt of the timer, held back while the interrupt flag is clear.
    Timer,
}

/// When a source fires. Random numbers are drawn from a stream of the source's own, per core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Source {
    /// A hardware counter of unhalted cycles overflows; it stands still while its own handler runs.
    Overflow {
        /// Counted cycles from one overflow to the next; clock time is converted to cycles.
        period: Span,
        /// Each period is longer by a number of cycles from 0 to this, equally likely; less than `period`.
        #[serde(default = "zero")]
        jitter: Span,
        /// When the first one comes, in counted cycles.
        #[serde(default)]
        phase: Phase,
    },
    /// By the clock, at a fixed rate.
    Periodic {
        /// Arrivals per second.
        rate: Rate,
        /// Each arrival is late by a span from 0 to this, equally likely; less than the period.
        #[serde(default = "zero")]
        jitter: Span,
        /// When the first one comes.
        #[serde(default)]
        phase: Phase,
    },
    /// By the clock, with independent exponential gaps.
    Poisson {
        /// Mean arrivals per second.
        rate: Rate,
    },
    /// When a core reaches a label of a program, before the micro-op that stands there.
    Directed {
        /// `procedure.label`.
        label: String,
        /// Which time the core reaches it, from 1.
        #[serde(default = "one")]
        nth: u64,
        /// Again at every later `nth` time, or only once.
        #[serde(default)]
        repeat: bool,
    },
}

/// Start of a regular source on a core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Phase {
    /// Uniform within the first period, drawn per core.
    #[default]
    Random,
    /// This long after the start, the same on every core.
    At(Span),
}

const fn zero() -> Span {
    Span::ZERO
}

const fn one() -> u64 {
    1
}
