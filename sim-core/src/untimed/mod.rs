// SPDX-License-Identifier: MIT OR Apache-2.0
//! The untimed engine: the same micro-ops as the timed core, under every interleaving.
//!
//! Cores step in any order and store buffers drain at any moment the memory model allows; memory
//! is flat. What a micro-op does to registers comes from [`crate::exec`], so the two engines cannot
//! disagree about a program; what is here is memory, the choice of who moves next, and a set of
//! the states seen. The set tells whole states apart, not hashes of them: the answer is exact, or it is
//! [`Stop::Incomplete`].
//!
//! Memory models: [`Model::Sc`], every access at once in program order; [`Model::Tso`], a FIFO store
//! buffer per core with forwarding to the core's own loads, as in Owens, Sarkar and Sewell, "A
//! better x86 memory model: x86-TSO", TPHOLs 2009: a read-modify-write, a full fence or the return from an interrupt needs an
//! empty buffer. A load that overlaps the newest buffered store only in part waits, as on the timed core.
//! [`Model::Weak`], defined in `untimed/weak.rs`: stores leave the buffer out of order, and loads can
//! read what a word held before, within what fences, orders and dependencies leave open.
//!
//! Waiting has no length here: `pause`, `work`, `delay_until` and `wfe` do nothing (an event may
//! always come early). With [`System::abstract_time`] the clock gives some time (`untimed/unknown.rs`), `draw` any number, and
//! `stopping` is true after some rounds; without, a program that asks is refused as a [`Fault`]. A
//! core that halts stays halted until an interrupt has returned. Interrupts: `untimed/interrupts.rs`.
//!
//! [`search`] gives the graph of all states, for questions about paths ([`Graph::hopeless`], [`Graph::along`]); [`explore`] hands out
//! the final ones. What keeps their number small: `untimed/local.rs` with `untimed/access.rs`, and `untimed/live.rs`.

mod access;
mod bitstate;
mod carried;
mod claims;
mod explore;
mod graph;
mod intern;
mod interrupts;
mod live;
mod local;
mod memory;
mod progress;
mod state;
mod step;
mod trace;
mod unknown;
mod weak;

pub use bitstate::{Partial, bitstate};
pub use carried::Covered;
pub use claims::{Claim, Stage, on_cycle};
pub use explore::{Explored, LIMIT_BYTES, Stop, explore};
pub use graph::{Budget, Edge, End, Graph, Progress, search};
pub use interrupts::{SENT_MAX, Source};
pub use live::Live;
pub use progress::Without;
pub use state::{Buffered, CoreState, Handler, State};
pub use step::{Fault, Step};
pub use trace::TraceStep;
pub use unknown::{ANY, SOME_TIME, is_unknown};
pub use weak::{Time, Views};

use std::sync::Arc;

use crate::isa::Width;
use crate::program::Program;

/// Which reorderings other cores can see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Model {
    /// Sequential consistency.
    Sc,
    /// Total store order.
    #[default]
    Tso,
    /// Stores out of order and loads from the past, after ARMv8.
    Weak,
}

/// What is explored. The default is an empty system: set what is there and take the rest from it.
#[derive(Clone, Debug, Default)]
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
    /// Also merge what only one core, or nobody but readers, ever touches; not with [`Model::Weak`]. Found out by the search.
    pub private: bool,
    /// Registers that cannot matter any more are 0, so states that differ in them are one. The registers of tasks
    /// that have ended go, too.
    pub forget_dead: bool,
    /// The clock gives some time, and what hangs on it can go either way; `draw` gives any number. Off, a program that
    /// asks is refused.
    pub abstract_time: bool,
    /// How often `stopping` gives 0 on each core.
    pub rounds: u8,
    /// `[core]`: interrupts that may land there.
    pub sources: Vec<Vec<Source>>,
    /// Most interrupts taken in one run, all cores together; those that programs send do not count.
    pub interrupts: u8,
    /// Keep in states what contexts hold and want, by their marks.
    pub watch: bool,
    /// Keep in states how often each core has owned a lock: for a program that counts it in this 8-byte word. Needs `watch`.
    pub counter: Option<u64>,
}
