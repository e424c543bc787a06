// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a memory system does, beside how large and how fast it is.

use sim_core::rng::Stream;

use super::message::Place;
use super::replacement::Replacement;
use crate::protocol::Tables;

/// Which memory node (socket, cluster) a line belongs to: its home is one of that node's slices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Numa {
    /// Nobody's: homes are hashed over the slices of the whole machine.
    #[default]
    Hashed,
    /// Per-CPU objects belong to their core's node, everything else to this one.
    Node(u32),
    /// Per-CPU objects belong to their core's node; pages of everything else take turns.
    Interleaved,
}

/// The rules by which caches and homes act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coherence {
    /// The protocol, as the tables that every cache and home executes.
    pub tables: &'static Tables,
    /// What goes from a full set of the first level.
    pub l1: Replacement,
    /// What goes from a full set of the second level.
    pub l2: Replacement,
    /// What goes from a full set of a last-level slice.
    pub llc: Replacement,
    /// Sets (a power of two) and ways (at most 16) of the directory of a last-level slice, if the tables are for one
    /// apart from the data; as many as the data have if none are given.
    pub directory: Option<(u64, usize)>,
    /// A miss of the second level also asks for the other line of its pair of 128 bytes, to read, if the cache has
    /// neither a copy of it nor anything outstanding for it.
    pub adjacent_line_prefetch: bool,
    /// Where homes are on a machine of several sockets or clusters.
    pub numa: Numa,
    /// Seed of random replacement.
    pub seed: u64,
}

impl Default for Coherence {
    /// MESI, and the least recently used line goes.
    fn default() -> Self {
        Coherence::of(Tables::by_name("mesi").expect("it is one of the protocols"))
    }
}

impl Coherence {
    /// These tables, and the least recently used line goes.
    #[must_use]
    pub const fn of(tables: &'static Tables) -> Self {
        let lru = Replacement::Lru;
        Coherence {
            tables,
            l1: lru,
            l2: lru,
            llc: lru,
            directory: None,
            adjacent_line_prefetch: false,
            numa: Numa::Hashed,
            seed: 0,
        }
    }

    /// The random numbers of a cache level of a place.
    pub(super) fn stream(&self, place: Place, level: &str) -> Stream {
        stream(self.seed, place, level)
    }
}

/// The random numbers of a cache level of a place on a machine with this seed.
pub(super) fn stream(seed: u64, place: Place, level: &str) -> Stream {
    Stream::derive(seed, u64::from(place.0), level)
}
