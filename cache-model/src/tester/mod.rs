// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random loads, stores and read-modify-writes of all cores to few lines, on machines so small that
//! lines are evicted and recalled all the time.
//!
//! Every line has a counter that all cores add to, and slots of four bytes that only one core each
//! writes, so all lines are falsely shared. A core writes ever larger numbers, all its slots together
//! being one sequence, one store after the other; so whoever has read the newest of them must find
//! every earlier one in place (the order of stores and of loads under total store order). A counter
//! never returns a value twice. At the end everything must be at rest, directory and copies must
//! agree, and every slot and counter must have its last value.
//!
//! A run depends on its [`Setup`] only, which [`Setup::draw`] draws from a seed; so a failure is
//! repeated by its seed. A core that gets no answer for [`WATCHDOG_CYCLES`] is stuck. The watchdog,
//! a wrong value and an impossible transition give a [`Failure`] that holds the history of the lines
//! concerned: who asked for what when, every message with the receiver's state before and after, what
//! waits where.

mod agents;
mod machines;

use std::sync::Arc;

pub use machines::{INTERCONNECTS, Shape, Sizes};

use crate::protocol::{CacheAction, CacheEvent, CacheState, Cell, HomeAction, HomeEvent, HomeState, Tables};
use crate::timing::{Coherence, MemoryParams, Topology, Traffic};

/// A request that takes longer than this is stuck. The longest wait possible is for all other cores'
/// requests for all lines, each with a recall and a fetch: some thousand cycles on the small machines
/// drawn here, less than this on machines of a hundred cores.
pub const WATCHDOG_CYCLES: u64 = 50_000;

/// The watchdog's patience with this many cores, cycles: [`WATCHDOG_CYCLES`] for up to 8, and more with the square of
/// their number, because as many wait for one line and each of its ways is longer.
#[must_use]
pub const fn patience(cores: usize) -> u64 {
    let square = (cores * cores) as u64 / 64;
    WATCHDOG_CYCLES * if square > 1 { square } else { 1 }
}

/// One run.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Sizes and latencies.
    pub params: MemoryParams,
    /// The network.
    pub topology: Arc<Topology>,
    /// Protocol and policies.
    pub coherence: Coherence,
    /// Lines accessed; more if the cores' slots need them.
    pub lines: usize,
    /// Accesses of each core.
    pub accesses: u32,
    /// Seed of the accesses.
    pub seed: u64,
    /// Cycles without an answer after which a core is stuck.
    pub watchdog_cycles: u64,
}

/// What a run did, for the check that it reached what it is for.
#[derive(Clone, Debug, Default)]
pub struct Reached {
    /// Messages.
    pub traffic: Traffic,
    /// Lines evicted from private caches.
    pub evictions: u64,
    /// Accesses made.
    pub accesses: u64,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// In a line.
    pub what: String,
    /// The lines concerned: states, what waits, what is under way, the last events.
    pub history: String,
    /// Seed of the run.
    pub seed: u64,
}

impl Setup {
    /// Runs it; if it fails, runs it again for the history, which is not kept the first time.
    ///
    /// # Errors
    /// The first thing wrong.
    pub fn run(&self) -> Result<Reached, Failure> {
        agents::Tester::new(self, false).run().or_else(|_| agents::Tester::new(self, true).run())
    }
}

/// A deliberate fault, to see that it is caught.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Name.
    pub name: &'static str,
    /// What it breaks.
    pub what: &'static str,
    apply: fn(Tables) -> Tables,
}

impl Fault {
    /// The fault of this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Fault> {
        FAULTS.iter().find(|f| f.name == name)
    }

    /// Tables with the fault in them. They are never freed.
    #[must_use]
    pub fn into_tables(self, tables: &Tables) -> &'static Tables {
        Box::leak(Box::new((self.apply)(tables.clone())))
    }
}

/// All deliberate faults.
pub static FAULTS: [Fault; 3] =
    [
        Fault {
            name: "dropped-inv-ack",
            what: "a sharer drops its copy and does not acknowledge it",
            apply: |t| {
                let silent = Cell::Go(&[CacheAction::DropCopy], CacheState::I);
                t.with_cache_cell(CacheState::S, CacheEvent::Inv, silent)
            },
        },
        Fault {
            name: "stale-forward",
            what: "the home answers for an owner with the data it has itself",
            apply: |t| {
                const ANSWER: &[HomeAction] = &[
                    HomeAction::DataToReq,
                    HomeAction::FwdGetSToOwner,
                    HomeAction::SharersAreReqAndOwner,
                    HomeAction::ClearOwner,
                ];
                t.with_home_cell(HomeState::M, HomeEvent::GetS, Cell::Go(ANSWER, HomeState::S_D))
                    .with_home_cell(HomeState::E, HomeEvent::GetS, Cell::Go(ANSWER, HomeState::S_D))
                    .with_cache_cell(
                        CacheState::M,
                        CacheEvent::FwdGetS,
                        Cell::Go(&[CacheAction::DataToHome], CacheState::S),
                    )
                    .with_cache_cell(
                        CacheState::E,
                        CacheEvent::FwdGetS,
                        Cell::Go(&[CacheAction::DataToHome], CacheState::S),
                    )
            },
        },
        Fault {
            name: "hasty-store",
            what: "a writer does not wait for acknowledgements",
            apply: |t| {
                const DONE: &[CacheAction] =
                    &[CacheAction::Fill, CacheAction::ExpectAcks, CacheAction::Complete, CacheAction::Free];
                t.with_cache_cell(CacheState::IM_AD, CacheEvent::DataAcks, Cell::Go(DONE, CacheState::M))
                    .with_cache_cell(CacheState::SM_AD, CacheEvent::DataAcks, Cell::Go(DONE, CacheState::M))
            },
        },
    ];
