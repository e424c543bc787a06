// SPDX-License-Identifier: MIT OR Apache-2.0
//! Interrupt sources: which vector, on which cores, when, and what handler it runs; the timer tick.
//!
//! Besides fixed laws: a counter in frequency mode, bursts, recorded arrivals ([`Source::Trace`]), and interrupts that
//! only come when a body sends them ([`Source::Sent`]): inter-processor interrupts and soft interrupts.

use serde::{Deserialize, Serialize};

use crate::units::{Rate, Span};
use crate::workload::{Cpus, Step};

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
    /// A maskable interrupt of the timer, held back while the interrupt flag is clear. Its priority is 14
    /// ([`Vector::TIMER_PRIORITY`]).
    Timer,
    /// A maskable interrupt of another device or core.
    Irq {
        /// 1 to 15. It interrupts a maskable handler of a lower priority, if that has set the flag ([`Step::IrqOn`]).
        priority: u8,
    },
    /// A soft interrupt: raised by a handler, run when the outermost handler returns, with the interrupt flag set.
    Softirq,
}

impl Vector {
    /// Priority of [`Vector::Timer`]: the class of the local timer's vector in Linux on x86, 0xec / 16.
    pub const TIMER_PRIORITY: u8 = 14;
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
    /// A hardware counter as in `Overflow` that adapts its period until it overflows at this rate, as perf's `-F`.
    ///
    /// At each overflow but the first the period moves an eighth of the way, rounded away from zero, to the one that
    /// the counting since the overflow before would have asked for. It stands still in NMI handlers and in sleep, so
    /// the period is shorter than the time between overflows.
    Frequency {
        /// Overflows wanted per second of the clock, not of counted cycles.
        rate: Rate,
        /// The period until it is adapted; perf begins with one cycle, hence with a few overflows in quick succession.
        #[serde(default = "one_cycle")]
        initial: Span,
        /// When the first one comes, in counted cycles; at random within the first interval unless given.
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
    /// Bursts of `n` arrivals `spacing` apart. Random bursts may overlap; arrivals at the same instant are one.
    Burst {
        /// Arrivals in a burst, at least 1.
        n: u64,
        /// Between two arrivals of a burst; at least one cycle.
        spacing: Span,
        /// Bursts per second, on average.
        rate: Rate,
        /// How their beginnings follow each other.
        law: Law,
        /// When the first one begins; for `Poisson` drawn like every gap unless given.
        #[serde(default)]
        phase: Phase,
    },
    /// Recorded arrivals, from a CSV file with the header `time_ns,cpu,source`: time from the start, ascending; core;
    /// name of the interrupt. Rows of other interrupts and of cores that are not in `on` are left to others.
    Trace {
        /// The file; a relative path starts at the experiment file's folder.
        file: String,
        /// SHA-256 of the file's bytes. Filled in when the file is read, so that records tell which trace they
        /// are of; if it is given, the file must have it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sha256: Option<String>,
    },
    /// Never by itself: a body sends it, with [`Step::Ipi`] or, for `Softirq`, [`Step::Raise`].
    Sent,
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

/// How bursts follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Law {
    /// At equal distances, which must be longer than a burst.
    Periodic,
    /// With independent exponential gaps from beginning to beginning.
    Poisson,
}

/// The timer tick: a periodic `Timer` interrupt of every core. Off unless an experiment has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tick {
    /// Ticks per second and core.
    pub rate: Rate,
    /// When the first one comes; at random within the first period, drawn per core, unless given.
    #[serde(default)]
    pub phase: Phase,
    /// The core that brings the clock up to date: its tick writes the line of a lock program's clock, if the
    /// program has one, which every clock read then misses once.
    #[serde(default)]
    pub timekeeper: u32,
    /// What every core's tick does besides; nothing unless given.
    #[serde(default)]
    pub body: Vec<Step>,
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

const fn one_cycle() -> Span {
    Span::Cycles(1)
}

const fn one() -> u64 {
    1
}
