// SPDX-License-Identifier: MIT OR Apache-2.0
//! Both tables of a protocol as one value that can be patched cell by cell.

use super::cache::{CACHE_TABLE, CacheAction, CacheCell, CacheEvent, CacheState, CacheTable};
use super::cell::Cell;
use super::home::{HOME_TABLE, HomeAction, HomeCell, HomeEvent, HomeState, HomeTable};
use std::sync::LazyLock;

/// Names of all protocols with a directory, which run on any interconnect.
pub const PROTOCOLS: [&str; 8] =
    ["msi", "mesi", "mesif", "moesi", "msi-silent", "mesi-silent", "mesif-silent", "moesi-silent"];

/// Names of the snooping protocols, which need a bus.
pub const SNOOPING: [&str; 2] = ["snoop-msi", "snoop-mesi"];

/// The protocols with a directory, in the order of [`PROTOCOLS`].
static ALL: LazyLock<[Tables; PROTOCOLS.len()]> = LazyLock::new(|| {
    [
        Tables::msi(),
        Tables::mesi(),
        Tables::mesif(),
        Tables::moesi(),
        Tables::msi().silent("msi-silent"),
        Tables::mesi().silent("mesi-silent"),
        Tables::mesif().silent("mesif-silent"),
        Tables::moesi().silent("moesi-silent"),
    ]
});

/// The snooping protocols, in the order of [`SNOOPING`].
static ALL_SNOOPING: LazyLock<[Tables; SNOOPING.len()]> = LazyLock::new(|| [Tables::snoop_msi(), Tables::snoop_mesi()]);

/// The two tables of a protocol: what runs, what is checked and what is printed.
///
/// A variant or a deliberate fault is a copy with a few cells replaced, so it states exactly what
/// it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    /// Name of the protocol, as in `sim protocol NAME`.
    pub name: &'static str,
    /// Shared copies go without the home being told, so it may list caches that have none.
    pub shared_evictions_silent: bool,
    /// Requests are broadcast on a bus, whose order is the order of the protocol; nothing is acknowledged.
    pub snooping: bool,
    /// The private cache's side.
    pub cache: CacheTable,
    /// The home's side.
    pub home: HomeTable,
}

impl Tables {
    /// The protocol of this name, for execution; `None` if it is none of [`PROTOCOLS`] and [`SNOOPING`].
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        ALL.iter().chain(&*ALL_SNOOPING).find(|t| t.name == name)
    }

    /// Modified, exclusive, shared, invalid.
    #[must_use]
    pub fn mesi() -> Self {
        Self { name: "mesi", shared_evictions_silent: false, snooping: false, cache: CACHE_TABLE, home: HOME_TABLE }
    }

    /// MESI without the state `E`: a first reader becomes a sharer. For comparison with published
    /// counts, and as an example of a variant written as a patch.
    #[must_use]
    pub fn msi() -> Self {
        const NO_E: &str = "MSI has no exclusive state";
        const NOT_OWNER: &str = "a reader never becomes an owner in MSI";
        let mut t = Self { name: "msi", ..Self::mesi() };
        for event in CacheEvent::ALL {
            t = t.with_cache_cell(CacheState::E, event, Cell::Impossible(NO_E)).with_cache_cell(
                CacheState::EI_A,
                event,
                Cell::Impossible(NO_E),
            );
        }
        for state in CacheState::ALL {
            t = t.with_cache_cell(state, CacheEvent::DataExclusive, Cell::Impossible(NO_E));
        }
        for event in [CacheEvent::FwdGetS, CacheEvent::FwdGetM] {
            t = t.with_cache_cell(CacheState::IS_D, event, Cell::Impossible(NOT_OWNER));
        }
        for event in HomeEvent::ALL {
            t = t.with_home_cell(HomeState::E, event, Cell::Impossible(NO_E));
        }
        for state in HomeState::ALL {
            t = t.with_home_cell(state, HomeEvent::PutEOwner, Cell::Impossible(NO_E));
            t = t.with_home_cell(state, HomeEvent::PutENonOwner, Cell::Impossible(NO_E));
        }
        let share = Cell::Go(&[HomeAction::DataToReq, HomeAction::AddSharer], HomeState::S);
        t.with_home_cell(HomeState::I, HomeEvent::GetS, share)
    }

    /// A copy with one cell of the cache table replaced.
    #[must_use]
    pub fn with_cache_cell(mut self, s: CacheState, e: CacheEvent, cell: CacheCell) -> Self {
        self.cache[s as usize][e as usize] = cell;
        self
    }

    /// A copy with one cell of the home table replaced.
    #[must_use]
    pub fn with_home_cell(mut self, s: HomeState, e: HomeEvent, cell: HomeCell) -> Self {
        self.home[s as usize][e as usize] = cell;
        self
    }

    /// The cell of the cache table for this pair.
    #[must_use]
    #[inline]
    pub fn cache_cell(&self, state: CacheState, event: CacheEvent) -> Cell<CacheAction, CacheState> {
        self.cache[state as usize][event as usize]
    }

    /// The cell of the home table for this pair.
    #[must_use]
    #[inline]
    pub fn home_cell(&self, state: HomeState, event: HomeEvent) -> Cell<HomeAction, HomeState> {
        self.home[state as usize][event as usize]
    }
}
