// SPDX-License-Identifier: MIT OR Apache-2.0
//! Exhaustive check of the tables: N private caches, one line, its home, and memory.
//!
//! Every order in which messages can arrive and cores can act is explored, breadth first, and these
//! properties are checked in every state reached:
//!
//! 1. At most one cache may write, and then no other may read.
//! 2. Every copy that may be read holds the newest store, and so does the copy (slice or memory)
//!    from which the home would answer.
//! 3. The home knows every readable copy that no invalidation is on its way to.
//! 4. Acknowledgements: those a requester still misses are on their way, as Inv or as Inv-Ack.
//! 5. A cache has one request outstanding, and gets one answer.
//! 6. No message meets a cell that is [`Cell::Impossible`].
//! 7. Some step is always possible, and from every state a quiescent one (nothing in flight, nobody
//!    waiting) can be reached by what is under way alone, without a wish of a core or a cache.
//!
//! One line is enough for values, because lines do not influence each other without timing. They share
//! the forward network, where a stalled message holds up those behind it: [`check_two_lines`] explores
//! two lines of one home. In general, a forward stalls at a cache only if the home sent, before it, what
//! makes the cache's own request complete; so the earliest sent forward that is still in a queue waits
//! for nothing that is behind another. More caches than explored are not covered: that is the usual
//! small-scope argument, not a proof.

mod bus;
mod explore;
mod model;
mod pair;
mod state;
mod step;
mod trace;

use std::fmt;

use super::cache::{CacheEvent, CacheState};
use super::cell::Cell;
use super::home::{HomeEvent, HomeState};
use super::tables::Tables;
pub use bus::{BusOptions, check_bus};
use explore::{End, explore};
use model::Machine;
pub use pair::{PairReport, check_two_lines};

/// Largest number of caches that can be explored.
pub const CACHES_MAX: usize = state::CACHES_MAX;

/// What stands at the home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HomeModel {
    /// The directory *is* memory: it starts in `I` with the newest data and never evicts. This is
    /// the abstraction for which state counts are published.
    Textbook,
    /// A slice in front of memory, empty at the start, as the simulator has it.
    Slice {
        /// The slice may take the line back from the caches at any time, to free the way.
        recall: bool,
    },
}

/// What to explore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Number of private caches, 1 to [`CACHES_MAX`].
    pub caches: usize,
    /// What stands at the home.
    pub home: HomeModel,
    /// Keep one bit per copy and per message with data, "is the newest"; without it property 2
    /// holds vacuously and stores that hit in `M` are no transitions.
    pub data: bool,
    /// Count states that differ only in the names of the caches once.
    pub symmetry: bool,
    /// The forward network delivers in order. `false` is a deliberate fault.
    pub forward_ordered: bool,
    /// Give up when this many states are known.
    pub states_max: usize,
}

impl Options {
    /// The simulator's own machine: slice, data bits, ordered forwards.
    #[must_use]
    pub const fn machine(caches: usize, recall: bool) -> Self {
        Self {
            caches,
            home: HomeModel::Slice { recall },
            data: true,
            symmetry: false,
            forward_ordered: true,
            states_max: 100_000_000,
        }
    }

    /// The abstraction of the published counts, control only.
    #[must_use]
    pub const fn textbook(caches: usize) -> Self {
        Self { home: HomeModel::Textbook, data: false, ..Self::machine(caches, false) }
    }

    /// With or without the data bits.
    #[must_use]
    pub const fn with_data(self, data: bool) -> Self {
        Self { data, ..self }
    }

    /// With or without the names of the caches.
    #[must_use]
    pub const fn with_symmetry(self, symmetry: bool) -> Self {
        Self { symmetry, ..self }
    }

    /// With forwards in order, or overtaking each other.
    #[must_use]
    pub const fn with_forward_ordered(self, forward_ordered: bool) -> Self {
        Self { forward_ordered, ..self }
    }

    /// With another limit on the number of states.
    #[must_use]
    pub const fn with_states_max(self, states_max: usize) -> Self {
        Self { states_max, ..self }
    }
}

/// How often each pair was met, `[state][event]`: once per state and way in which it can happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// Of the private caches.
    pub cache: [[u64; CacheEvent::COUNT]; CacheState::COUNT],
    /// Of the home.
    pub home: [[u64; HomeEvent::COUNT]; HomeState::COUNT],
}

impl Coverage {
    const EMPTY: Self =
        Self { cache: [[0; CacheEvent::COUNT]; CacheState::COUNT], home: [[0; HomeEvent::COUNT]; HomeState::COUNT] };

    /// The `Go` cells of the cache table that were never taken, in table order.
    #[must_use]
    pub fn cache_untaken(&self, tables: &Tables) -> Vec<(CacheState, CacheEvent)> {
        let pairs = CacheState::ALL.iter().flat_map(|&s| CacheEvent::ALL.map(|e| (s, e)));
        pairs
            .filter(|&(s, e)| matches!(tables.cache_cell(s, e), Cell::Go(..)))
            .filter(|&(s, e)| self.cache[s as usize][e as usize] == 0)
            .collect()
    }

    /// The `Go` cells of the home table that were never taken, in table order.
    #[must_use]
    pub fn home_untaken(&self, tables: &Tables) -> Vec<(HomeState, HomeEvent)> {
        let pairs = HomeState::ALL.iter().flat_map(|&s| HomeEvent::ALL.map(|e| (s, e)));
        pairs
            .filter(|&(s, e)| matches!(tables.home_cell(s, e), Cell::Go(..)))
            .filter(|&(s, e)| self.home[s as usize][e as usize] == 0)
            .collect()
    }

    /// Numbers of pairs met, (cache, home), as published counts have them: a message counts when it
    /// can be offered, stalled or not; a wish of the core only if it changes the state.
    #[must_use]
    pub fn pairs(&self, tables: &Tables) -> (usize, usize) {
        let mut cache = 0;
        for s in CacheState::ALL {
            for e in CacheEvent::ALL {
                let moves = matches!(tables.cache_cell(s, e), Cell::Go(_, next) if next != s);
                let counts = !e.is_local() || moves;
                cache += usize::from(counts && self.cache[s as usize][e as usize] > 0);
            }
        }
        (cache, self.home.iter().flatten().filter(|&&n| n > 0).count())
    }
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A private cache met a cell that cannot happen.
    Cache {
        /// Number of the cache.
        cache: usize,
        /// Its state.
        state: CacheState,
        /// What it met.
        event: CacheEvent,
        /// Why the table says it cannot happen.
        why: &'static str,
    },
    /// The home met a cell that cannot happen.
    Home {
        /// Its state.
        state: HomeState,
        /// What it met.
        event: HomeEvent,
        /// Why the table says it cannot happen.
        why: &'static str,
    },
    /// An action could not be executed; the text says which and why.
    Action(&'static str),
    /// A property does not hold; the text says which.
    Property(&'static str),
    /// No step is possible.
    Deadlock,
    /// Steps are possible, but no quiescent state can be reached any more.
    NeverQuiet,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cache { cache, state, event, why } => {
                write!(f, "cache {cache}: ({state}, {event}): {why}")
            }
            Self::Home { state, event, why } => write!(f, "home: ({state}, {event}): {why}"),
            Self::Action(what) => write!(f, "action cannot be executed: {what}"),
            Self::Property(what) => write!(f, "property violated: {what}"),
            Self::Deadlock => f.write_str("deadlock: no step is possible"),
            Self::NeverQuiet => f.write_str("no quiescent state can be reached any more"),
        }
    }
}

/// A fault with a shortest way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What went wrong.
    pub fault: Fault,
    /// Steps from the start to the state in which it shows.
    pub depth: u32,
    /// The steps, and the state they lead to as the last lines. With symmetry the caches may be
    /// renamed between two steps.
    pub trace: Vec<String>,
}

/// How an exploration ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every reachable state was explored, and every property holds.
    Holds,
    /// The first violation in breadth-first order; the counts are those up to it.
    Violated(Violation),
    /// [`Options::states_max`] was reached; nothing wrong was met up to there.
    LimitReached,
}

/// The result of an exploration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How it ended.
    pub verdict: Verdict,
    /// Distinct states reached.
    pub states: usize,
    /// Steps between them; two steps with the same result are two.
    pub transitions: usize,
    /// Largest number of steps needed to reach a state.
    pub depth: u32,
    /// Largest number of messages to one cache on the forward network at once.
    pub forward_queue_max: usize,
    /// How often each pair was met.
    pub coverage: Coverage,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, transitions, depth, forward_queue_max, .. } = self;
        writeln!(
            f,
            "{states} states, {transitions} transitions, depth {depth}, \
             longest forward queue {forward_queue_max}"
        )?;
        match &self.verdict {
            Verdict::Holds => writeln!(f, "every property holds"),
            Verdict::LimitReached => writeln!(f, "not finished: limit of states reached"),
            Verdict::Violated(v) => {
                writeln!(f, "VIOLATED after {} steps: {}", v.depth, v.fault)?;
                v.trace.iter().try_for_each(|line| writeln!(f, "  {line}"))
            }
        }
    }
}

/// [`Options::caches`] is outside 1 to [`CACHES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachesOutOfRange(
    /// The number asked for.
    pub usize,
);

impl fmt::Display for CachesOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} caches cannot be explored: 1 to {CACHES_MAX} can", self.0)
    }
}

impl std::error::Error for CachesOutOfRange {}

/// Explores the protocol of `tables` exhaustively; for one that snoops see [`check_bus`].
///
/// # Errors
/// [`CachesOutOfRange`]; a violation is not an error but a [`Verdict`].
pub fn check(tables: &Tables, options: &Options) -> Result<Report, CachesOutOfRange> {
    match options.caches {
        1 => Ok(run(Machine::<1>::new(tables, *options))),
        2 => Ok(run(Machine::<2>::new(tables, *options))),
        3 => Ok(run(Machine::<3>::new(tables, *options))),
        4 => Ok(run(Machine::<4>::new(tables, *options))),
        5 => Ok(run(Machine::<5>::new(tables, *options))),
        other => Err(CachesOutOfRange(other)),
    }
}

/// Explores, and turns state numbers into a trace.
fn run<const N: usize>(mut machine: Machine<'_, N>) -> Report {
    let states_max = machine.options().states_max;
    let graph = explore(&mut machine, states_max);
    let coverage = machine.coverage().clone(); // Making a trace executes cells once more.
    let forward_queue_max = machine.forward_queue_max();
    let verdict = match &graph.end {
        End::Complete => Verdict::Holds,
        End::Limit => Verdict::LimitReached,
        End::Fault(id, fault) => {
            let path = graph.path_to(*id);
            let trace = trace::narrate(&mut machine, &path);
            Verdict::Violated(Violation { fault: fault.clone(), depth: path.len() as u32 - 1, trace })
        }
    };
    Report {
        verdict,
        states: graph.states.len(),
        transitions: graph.targets.len(),
        depth: graph.depth,
        forward_queue_max,
        coverage,
    }
}

#[cfg(test)]
mod mutants;
#[cfg(test)]
mod protocols;
#[cfg(test)]
mod tests;
