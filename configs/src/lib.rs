// SPDX-License-Identifier: MIT OR Apache-2.0
//! Experiment files: schema, units, rules, messages, and the presets embedded in the program.
//!
//! An experiment is one RON text. [`load`] finds it by path or preset name, reads it strictly (no unknown field, no number
//! without unit, no name given twice) and checks what types cannot express; whatever is wrong comes back
//! as a [`ConfigError`] with file, line, column, field and a way out. [`expanded`] writes an experiment back with
//! nothing left out, which is what goes into records.
//!
//! Interrupts come from counters, clocks, random laws, bursts, recorded traces, boundaries of the program, or other cores'
//! bodies (`interrupts`); a timer tick (`tick`) and bodies at a lock program's hooks (`hooks`) are off unless given.
//!
//! What can be known only with the lock's program at hand (patch, option, parameter and label names) is left to
//! the caller, who makes the same kind of message with [`Loaded::error_at`].

mod error;
mod explain;
mod interconnect;
mod interrupts;
mod machine;
mod named;
mod near;
mod overrides;
mod parse;
pub mod presets;
mod published;
mod quantity;
mod scan;
mod schema;
pub mod sweep;
mod units;
mod validate;
mod workload;

pub use error::ConfigError;
pub use interconnect::{
    Bus, Crossbar, Graph, Grid, Interconnect, Joined, Link, Messages, Part, PartLink, Ring, Stop, StopLink,
};
pub use interrupts::{Interrupt, Law, Phase, Source, Tick, Vector};
pub use machine::{
    Atomics, CORES_MAX, Inclusion, InterruptCosts, LINE_BYTES, Latencies, Machine, Memory, MemoryModel, Numa,
    PrivateCache, Protocol, Replacement, SharedCache, SharedEvictions, Upgrades,
};
pub use named::Named;
pub use near::{listed, near_names};
pub use overrides::override_field;
pub use parse::{Loaded, expanded, load, parse};
pub use published::{Figure, Hardware, Kind, Published, Quantity, Unit, hardware};
pub use schema::{Base, Expect, Experiment, Limits, LockProgram, Measure, Param, Program, Seeds, Stage};
pub use units::{Bytes, Frequency, Rate, Span};
pub use workload::{Cpus, Dist, Payload, Step, Task, To, Workload};
