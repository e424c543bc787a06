// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the core needs from the rest of the machine: memory, an interrupt controller, a probe.

use crate::isa::{ContextKind, MarkKind, Pc, RmwFn, Width};
use crate::recur::Walk;
use crate::time::{Cycle, Key};

/// Which of a core's two ways into the cache a request came through. Each has at most one
/// request outstanding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// Loads and read-modify-writes of the pipeline (stores too on an `sc` machine).
    Pipeline,
    /// An entry of the store buffer: the oldest, or on a `weak` machine another that may go.
    Drain,
}

/// What is to be done to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read.
    Load,
    /// Write this value.
    Store(u64),
    /// Read-modify-write with operands `a`, `b`; the line is held while it lasts.
    Rmw(RmwFn, u64, u64),
    /// Get the line in a writable state; nobody waits for it.
    PrefetchW,
}

/// Why there is traffic: carried by every message from the miss to its last consequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cause {
    /// The core.
    pub core: u16,
    /// A [`ContextKind`] number.
    pub context: u8,
    /// Bytes of its access; 0 if none is known.
    pub bytes: u8,
    /// The micro-op.
    pub pc: Pc,
    /// Byte address of its access. Messages about other lines (evictions it led to) carry it too.
    pub addr: u64,
}

/// A request of a core to its private cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Byte address, naturally aligned.
    pub addr: u64,
    /// Width of the access.
    pub width: Width,
    /// What to do.
    pub action: Action,
    /// Who asks.
    pub cause: Cause,
}

/// Outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Performed now, in the private cache.
    Done(Completion),
    /// The line has to come first; a [`Completion`] follows.
    Pending,
}

/// A performed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Value loaded, or returned by a read-modify-write; 0 for stores.
    pub value: u64,
    /// True if memory was written (false for a failed compare-and-swap).
    pub written: bool,
    /// When the requester can go on.
    pub at: Cycle,
    /// True if the line was in the first-level cache: repeating a load would change nothing.
    pub first_level: bool,
}

/// The bytes of a line, as little-endian words.
pub type LineData = [u64; 8];

/// The memory system as a core sees it.
pub trait MemoryPort {
    /// Performs a request or starts a miss. Calls come in the machine's event order.
    fn access(&mut self, core: usize, port: Port, request: &Request, now: Cycle) -> Access;

    /// Latency and value if a load would hit the first-level cache; changes nothing.
    fn peek_first_level(&self, core: usize, addr: u64, width: Width) -> Option<(u64, u64)>;

    /// Latency of a load that hits the first-level cache.
    fn first_level_latency(&self) -> u64;

    /// True if a store to `addr` would be performed at once.
    fn is_writable(&self, core: usize, addr: u64) -> bool;

    /// Counts first-level load hits that the cache did not see: those that a computed spin
    /// skipped, and loads of a stale line.
    fn count_skipped_hits(&mut self, core: usize, hits: u64);

    /// Key of the next message to arrive anywhere.
    fn next_key(&self) -> Key;
}

/// An interrupt the controller hands to a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Kind of the context it starts.
    pub kind: ContextKind,
    /// Handler, index into [`crate::program::Program::procs`].
    pub handler: u16,
    /// Cycles from the boundary to the handler's first micro-op.
    pub entry_cycles: u64,
    /// Cycles from the handler's end to the next boundary of what it interrupted.
    pub exit_cycles: u64,
    /// Number of the interrupt in the experiment, from 0.
    pub number: u64,
    /// When it became pending at the core's controller. Of arrivals that fell together in the latch, the first counts.
    pub pending_since: Cycle,
}

/// [`crate::isa::SendTo`] with the core's number known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The core with this number; a number no core has means nobody.
    Core(u64),
    /// Every core but the sender.
    Others,
    /// Every core.
    All,
    /// The sender, at its next boundary.
    Own,
}

/// The interrupt controller as a core sees it. A core calls it only at its own boundaries.
pub trait InterruptPort {
    /// The earliest cycle at which [`InterruptPort::take`] could return an interrupt, given the
    /// flags and blocking in force; [`Cycle::NEVER`] if none could.
    fn attention(&self, core: usize) -> Cycle;

    /// At a boundary: the interrupt to deliver now, if any. Delivering blocks what the hardware
    /// blocks (NMIs until return; maskable ones by the flag).
    fn take(&mut self, core: usize, now: Cycle) -> Option<Taken>;

    /// The topmost handler has returned to the boundary at `now`.
    fn leave(&mut self, core: usize, now: Cycle);

    /// Sets the core's interrupt flag; returns what it was.
    fn set_flag(&mut self, core: usize, enabled: bool) -> bool;

    /// The core stopped (`true`) or started again executing cycles.
    fn set_halted(&mut self, core: usize, now: Cycle, halted: bool);

    /// The core is about to execute a watched micro-op (directed arrivals).
    fn reached(&mut self, core: usize, pc: Pc, now: Cycle);

    /// The core sends interrupt number `line`; it arrives after at least one cycle, except at [`Target::Own`].
    fn send(&mut self, core: usize, line: u64, to: Target, now: Cycle);

    /// True if something was sent whose receivers' wake-ups have not been looked at anew. A core that runs ahead
    /// of the queue stops then.
    fn has_sent(&self) -> bool;
}

/// Where a core stands when an interrupt could be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stand {
    /// Before a micro-op that it is about to execute.
    Before,
    /// Within one that waits (work, delay, wait for an event).
    Within,
    /// In a sleep, or behind the end of its task.
    Asleep,
}

/// Observer of a run. All methods do nothing by default, so what is not asked for costs nothing.
pub trait Probe {
    /// True for a probe that wants [`Probe::boundary`] and [`Probe::computed`].
    const WATCHES_BOUNDARIES: bool = false;

    /// What of it decides what it will say, and what it counts; see [`crate::recur`]. A probe that does not tell is not moved on.
    fn walk(&mut self, w: &mut Walk) {
        w.refuse();
    }
    /// An interrupt that arrived after the boundary before and by `at` is taken (or would be) with the core standing at
    /// `pc`. Of a wait there is one such call, at its end or where an interrupt breaks it off. The same boundary may come twice,
    /// with no time between.
    fn boundary(&mut self, at: Cycle, core: usize, pc: Pc, stand: Stand) {
        let _ = (at, core, pc, stand);
    }
    /// A spin that began at `from` was computed for so many iterations of `period` cycles; `path` has the micro-ops of an iteration and
    /// the cycle of it in which each is issued: as many boundaries, again and again.
    fn computed(&mut self, from: Cycle, core: usize, period: u64, path: &[(Pc, u64)], iterations: u64) {
        let _ = (from, core, period, path, iterations);
    }
    /// A mark was executed.
    fn mark(&mut self, at: Cycle, core: usize, kind: MarkKind, args: [u64; 3], pc: Pc) {
        let _ = (at, core, kind, args, pc);
    }
    /// An interrupt was taken at `at`; comes just before [`Probe::enter`] of the same interrupt.
    fn taken(&mut self, at: Cycle, core: usize, taken: &Taken) {
        let _ = (at, core, taken);
    }
    /// An interrupt was taken at boundary `pc` of the interrupted context.
    fn enter(&mut self, at: Cycle, core: usize, kind: ContextKind, pc: Pc) {
        let _ = (at, core, kind, pc);
    }
    /// The topmost interrupt context returned at `at`; what it interrupted goes on at `resumed`.
    fn leave(&mut self, at: Cycle, core: usize, kind: ContextKind, resumed: Cycle) {
        let _ = (at, core, kind, resumed);
    }
}

/// A probe that looks at nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProbe;
impl Probe for NoProbe {
    fn walk(&mut self, _: &mut Walk) {}
}
