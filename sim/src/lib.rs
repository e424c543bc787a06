// SPDX-License-Identifier: MIT OR Apache-2.0
//! rqsim as a library: build a machine, load a program, run, observe.
//!
//! ```
//! use rqsim::bare::assemble;
//! use rqsim::machine::{Machine, MachineSpec, Outcome};
//! use sim_core::asm::Options;
//! use sim_core::isa::Width;
//! use sim_core::ports::NoProbe;
//! use sim_core::time::Cycle;
//!
//! let text = r#"
//! program counter "Every core adds to one word"
//! struct cell align 64 { n: u64 }
//! object word: cell
//! proc count() {
//!   old = fetch_add.u64 [word.n], 1
//!   ret
//! }
//! "#;
//! let program = assemble("counter.uop", text, &Options::default()).map_err(|e| e.plain)?;
//! let address = program.object("word").expect("it is in the text").addr;
//!
//! let preset = configs::presets::machine("skylake-ring-8")?;
//! let mut spec = MachineSpec::bare(&preset, program).map_err(|e| e.plain)?;
//! for core in 0..8 {
//!     spec.give(core, "count").map_err(|e| e.plain)?;
//! }
//! let mut machine = Machine::new(&spec, NoProbe);
//! assert_eq!(machine.run_until(Cycle(100_000)), Outcome::Idle);
//! assert_eq!(machine.memory().value(address, Width::U64), 8);
//! # Ok::<(), String>(())
//! ```
//!
//! An experiment is loaded, planned and run like this; what comes back is the record that `sim run` writes:
//!
//! ```
//! let loaded = configs::load("uncontended.ron").map_err(|e| e.to_string())?;
//! let plan = rqsim::plan::plan(loaded).map_err(|e| e.plain)?;
//! let record = rqsim::run::run(&plan.loaded, &plan.stages[0], plan.seeds[0], false).record;
//! assert_eq!(record.contexts["task"].held, 2);
//! # Ok::<(), String>(())
//! ```
//!
//! A machine is plain data: a clone is a fork. `sim/examples` has a fork at a boundary, a program of one's own, a sweep of one
//! parameter and traffic by cause.

pub mod attribution;
pub mod bare;
pub mod batch;
pub mod calibrate;
pub mod explain;
pub mod explore;
pub mod files;
mod journal;
pub mod litmus;
pub mod machine;
pub mod mutate;
pub mod network;
pub mod observe;
pub mod orderings;
pub mod plan;
pub mod run;
pub mod splitting;
pub mod sweep;
mod trace;
pub mod window;
pub mod windows;

/// Version of rqsim, with a hash of the sources it was built from: what makes two records
/// comparable, and what decides whether a finished run can be used again.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "+", env!("RQSIM_SOURCE_HASH"));
