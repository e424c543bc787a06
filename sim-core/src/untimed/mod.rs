// SPDX-License-Identifier: MIT OR Apache-2.0
//! The untimed engine: the same micro-ops as the timed core, under every interleaving.
//!
//! Cores step in any order and store buffers drain at any moment the memory model allows; memory
//! is flat. What a micro-op does to registers comes from [`crate::exec`], so the two engines cannot
//! disagree about a program; what is here is memory, the choice of who moves next, and a set of
//! the states seen. The set holds whole states, not hashes of them: the answer is exact, or it is
//! [`Stop::Incomplete`].
//!
//! Memory models: [`Model::Sc`], every access at once in program order; [`Model::Tso`], a FIFO store
//! buffer per core with forwarding to the core's own loads, as in Owens, Sarkar and Sewell, "A
//! better x86 memory model: x86-TSO", TPHOLs 2009: a read-modify-write or full fence needs an
//! empty buffer. A load that overlaps the newest buffered store only in part waits, as on the timed core.
//! [`Model::Weak`], defined in `untimed/weak.rs`: stores leave the buffer out of order, and loads can
//! read what a word held before, within what fences, orders and dependencies leave open.
//!
//! Waiting has no length here: `pause`, `work`, `delay_until` and `wfe` do nothing (an event may
//! always come early). Left out, and refused as a [`Stop::Fault`] where a program uses it: the clock,
//! drawn spans, `stopping`; a core that halts stays halted. A [`CoreState`] already has a stack of
//! contexts and the interrupt flag, for interrupts to be added.

mod explore;
mod state;
mod step;
mod weak;

pub use explore::{Explored, LIMIT_BYTES, Stop, explore};
pub use state::{Buffered, CoreState, State};
pub use step::{Fault, Step};
pub use weak::{Time, Views};

use std::sync::Arc;

use crate::isa::Width;
use crate::program::Program;

/// Which reorderings other cores can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Model {
    /// Sequential consistency.
    Sc,
    /// Total store order.
    Tso,
    /// Stores out of order and loads from the past, after ARMv8.
    Weak,
}

/// What is explored.
#[derive(Clone, Debug)]
pub struct System {
    /// The program.
    pub program: Arc<Program>,
    /// Memory model.
    pub model: Model,
    /// `[core]`: the procedure its task executes, as an index into the program's, or none.
    pub tasks: Vec<Option<u16>>,
    /// Initial values: address, width, value. All other memory is zero.
    pub memory: Vec<(u64, Width, u64)>,
    /// Stores a buffer holds under [`Model::Tso`] and [`Model::Weak`], at least 1.
    pub store_buffer: usize,
    /// Let a core go on through micro-ops that no other core can see or influence without making
    /// a state of each. The final states are the same; a test compares. Off, every micro-op is a step.
    pub merge_local: bool,
}
