// SPDX-License-Identifier: MIT OR Apache-2.0
//! MESI and MSI by snooping: every request is broadcast on a bus, and the order of the bus is the order
//! of the protocol.
//!
//! All private caches and the home (a slice of the shared last level, in front of memory) observe each
//! request in the same cycle, its sender too. Nobody keeps a list of copies, and nothing is
//! acknowledged: whoever observes a request knows that everybody does. Data travel from the one who has
//! the line to the one who asked, apart from the requests, and take their time; so transactions overlap.
//!
//! **Who answers.** A cache that owns the line (`E` or `M`, or will as soon as its data come), else the
//! home. The home knows which of the two from the requests it has observed: it keeps for each line
//! whether no cache has a copy (`I`), some may have copies to read (`S`), or one owns it (`E`, `M`), and which.
//!
//! **How a reader learns that it is alone.** The home says so with the data: it remembers that nobody has
//! asked since the last owner gave the line back. The alternative, a wire on which caches say that they
//! have a copy, needs an answer of every cache in the very cycle of the request, which a cache whose own
//! data are still on their way does not have. The price: shared copies go silently, so a line whose readers have
//! all dropped it is still taken for shared until somebody writes it.
//!
//! **Upgrades.** A cache with a copy to read asks for the permission alone. If another cache's GetM or upgrade
//! is on the bus first, the copy is gone; the sender of the upgrade knows that when its request has its turn,
//! and says so on a wire of the bus. Everybody then takes the request for a GetM. So an upgrade is never repeated.
//!
//! **Evictions.** A PutM or PutE says on the bus that its sender gives the line up; with PutM the data follow.
//! Until its Put has had its turn the cache answers for the line. If it has lost the line before, the home
//! sees that the sender is not the owner and ignores the Put.
//!
//! **What stalls.** A cache that waits for data (`IS_D`, `IM_D`) may have become the owner, so it keeps what
//! it observes of the line until they come. The home waits for the data of an owner that shares (`S_D`) or
//! evicts (`I_D`), and works the requests behind off in the order of the bus. An upgrade takes effect at once at the
//! caches, so the home can be behind them by several owners. Hence it takes only data from the cache it
//! waits for, and puts those of others aside until it comes to their request; data of one cache reach the home in order.
//!
//! **The order of memory.** A load takes effect between its own request's turn and that of the next request
//! that takes the line away. Let a load of `x` wait in `IS_D` behind which a GetM of another cache has had its turn:
//! the value it will get can be older than the newest. That is right as long as its core has not yet
//! seen anything newer. Loads block, so everything the core has read was read before the load was sent; only one
//! load waits for a line in `IS_D`, the one that asked, for a line prefetched to be written is in `IM_D`;
//! and the copy goes in the cycle after the data's, before the core can have read anything else. What is observed in
//! `IM_D`, and by an owner that holds the line for a locked access, may wait: nobody can write the line before this
//! cache hands it over. Copies that may be read are never held back from what takes them away. So each core
//! observes writes in one order, that of the bus, as sequential consistency and total store order ask.
//!
//! Source: the split-transaction bus of the snooping chapter of Sorin, Hill and Wood, "A Primer on Memory
//! Consistency and Cache Coherence", with upgrades as on buses in Culler and Singh, "Parallel Computer
//! Architecture"; tables written anew and machine-checked.

mod cache;
mod home;

use super::cache::{CacheAction, CacheEvent, CacheState};
use super::cell::Cell::{Go, Impossible};
use super::home::{HomeAction, HomeEvent, HomeState};
use super::tables::Tables;
use cache::cache_cell;
use home::home_cell;

impl Tables {
    /// Snooping with modified, exclusive, shared, invalid.
    #[must_use]
    pub fn snoop_mesi() -> Self {
        let mut t = Self { name: "snoop-mesi".into(), snooping: true, shared_evictions_silent: true, ..Self::mesi() };
        for state in CacheState::ALL {
            for event in CacheEvent::ALL {
                t = t.with_cache_cell(state, event, cache_cell(state, event));
            }
        }
        for state in HomeState::ALL {
            for event in HomeEvent::ALL {
                t = t.with_home_cell(state, event, home_cell(state, event));
            }
        }
        t
    }

    /// Snooping without the state `E`: a first reader shares. A reader is never the owner then, so it
    /// need not keep what others want to read.
    #[must_use]
    pub fn snoop_msi() -> Self {
        const NO_E: &str = "MSI has no exclusive state";
        let mut t = Self { name: "snoop-msi".into(), ..Self::snoop_mesi() };
        for event in CacheEvent::ALL {
            t = t.with_cache_cell(CacheState::E, event, Impossible(NO_E));
            t = t.with_cache_cell(CacheState::EI_A, event, Impossible(NO_E));
        }
        for state in CacheState::ALL {
            t = t.with_cache_cell(state, CacheEvent::DataExclusive, Impossible(NO_E));
        }
        for event in HomeEvent::ALL {
            t = t.with_home_cell(HomeState::E, event, Impossible(NO_E));
        }
        for state in HomeState::ALL {
            t = t.with_home_cell(state, HomeEvent::PutEOwner, Impossible(NO_E));
            t = t.with_home_cell(state, HomeEvent::PutENonOwner, Impossible(NO_E));
        }
        t.with_cache_cell(CacheState::IS_D, CacheEvent::OtherGetS, Go(&[], CacheState::IS_D)).with_home_cell(
            HomeState::I,
            HomeEvent::GetS,
            Go(&[HomeAction::DataToReq], HomeState::S),
        )
    }
}

/// What a cache's state means on a bus, where that is not what it means with a directory.
pub(super) const fn meaning_of_cache_state(state: CacheState) -> &'static str {
    match state {
        CacheState::IS_D => "A load's request has had its turn on the bus; it waits for data.",
        CacheState::IM_AD => "A store waits for its request's turn on the bus, and then for data.",
        CacheState::SM_A => "A store waits for its upgrade's turn on the bus, with a copy that may be read.",
        CacheState::MI_A => "Evicted from M; keeps the data to answer until its PutM has its turn.",
        CacheState::EI_A => "Evicted from E; keeps the data to answer until its PutE has its turn.",
        CacheState::II_A => "Its copy was taken while being evicted; its Put is still to have its turn.",
        other => other.meaning(),
    }
}

/// As [`meaning_of_cache_state`], of an action.
pub(super) const fn meaning_of_cache_action(action: CacheAction) -> &'static str {
    match action {
        CacheAction::SendGetS => "Ask on the bus for a copy to read.",
        CacheAction::SendGetM => "Ask on the bus for the only copy.",
        CacheAction::SendUpgr => "Ask on the bus for the permission to write the copy.",
        CacheAction::SendPutE => "Say on the bus that the only copy goes and was not written.",
        CacheAction::SendPutM => "Say on the bus that the written line goes.",
        CacheAction::DataToReq => "Send the line to the sender of the request.",
        CacheAction::Alloc => "Occupy the line's entry for an outstanding request.",
        other => other.meaning(),
    }
}

/// As [`meaning_of_cache_state`], of the home.
pub(super) const fn meaning_of_home_state(state: HomeState) -> &'static str {
    match state {
        HomeState::I => "No cache has a copy; the slice or memory has the newest data.",
        HomeState::S => "Caches may have copies to read; the slice or memory has the newest data.",
        HomeState::M => "One cache owns the line and may write it; slice and memory are old.",
        other => other.meaning(),
    }
}

/// As [`meaning_of_cache_state`], of what happens at the home.
pub(super) const fn meaning_of_home_event(event: HomeEvent) -> &'static str {
    match event {
        HomeEvent::GetM => "A cache asks for the only copy, or for an upgrade that has come too late.",
        HomeEvent::PutMOwner => "The owner gives up the written line, and is about to send it.",
        HomeEvent::PutMNonOwner => "A PutM of a cache that is no longer the owner.",
        HomeEvent::PutEOwner => "The owner gives up its unwritten copy.",
        HomeEvent::PutENonOwner => "A PutE of a cache that is no longer the owner.",
        HomeEvent::Data => "The data of the owner that the home waits for.",
        other => other.meaning(),
    }
}

/// As [`meaning_of_cache_state`], of what the home does.
pub(super) const fn meaning_of_home_action(action: HomeAction) -> &'static str {
    match action {
        HomeAction::DataToReq => "Send the line to the sender, from the slice or else from memory.",
        HomeAction::DataExclusiveToReq => {
            "Send the line to the sender as exclusive data, from the slice or else from memory."
        }
        other => other.meaning(),
    }
}
