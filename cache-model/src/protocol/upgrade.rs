// SPDX-License-Identifier: MIT OR Apache-2.0
//! Upgrades without data, as a patch to any of the protocols.
//!
//! A cache that has a copy in `S` and wants to write asks for the permission only. The home grants it without
//! data if the cache is on its list: a listed cache that asks this way has its copy, because the home takes a
//! cache off the list with the very Inv that tells it to drop the copy. (A cache on the list that has dropped
//! its copy silently asks for the line.) An upgrade of a cache that is off the list has lost a race, and is
//! answered with data, as a `GetM` is.
//!
//! The grant follows every earlier Inv on the ordered forward network, and the data that made the copy came
//! before the request; so it always finds the copy.
//!
//! Beside a forwarder (`SF`) or an owner (`O`) the answer comes from that cache, which has to be told to drop
//! its copy anyway, with the line: as many messages, one of them longer (gap: D3).

use super::cache::{CacheAction, CacheEvent, CacheState};
use super::cell::Cell::{Go, Impossible};
use super::home::{HomeAction, HomeEvent, HomeState, NO_SUCH_LIST};
use super::tables::Tables;

const GRANTED: &str = "a listed sharer that asks for the permission gets no data";

impl Tables {
    /// These tables with upgrades that ask for no data.
    #[must_use]
    pub(super) fn upgrade(self) -> Self {
        let base = self.base();
        self.upgrade_at_the_cache(base).upgrade_at_the_home()
    }

    fn upgrade_at_the_cache(self, base: &str) -> Self {
        use {CacheAction::*, CacheEvent::*, CacheState::*};
        let t = self
            .with_cache_cell(S, Store, Go(&[Alloc, SendUpgrade], SM_AD))
            .with_cache_cell(SM_AD, GrantNoAcks, Go(&[Complete, Free], M))
            .with_cache_cell(SM_AD, GrantAcks, Go(&[ExpectAcks], SM_A));
        if matches!(base, "mesif" | "moesi") {
            return t;
        }
        // Nobody but the home answers a listed sharer.
        t.with_cache_cell(SM_AD, DataNoAcks, Impossible(GRANTED)).with_cache_cell(SM_AD, DataAcks, Impossible(GRANTED))
    }

    fn upgrade_at_the_home(self) -> Self {
        use {HomeAction::*, HomeEvent::*, HomeState::*};
        let mut t = self;
        for state in HomeState::ALL {
            let cell = match state {
                // The number is taken from the list, so it goes out before the list is cleared.
                S => Go(&[GrantToReq, InvOtherSharers, ClearSharers, SetOwner], M),
                SF | O | S_D | SF_D => t.home_cell(state, GetM),
                NP | F | I | E | M | S_R | M_R | O_R | I_D | S_F | S_A | M_A | O_A => Impossible(NO_SUCH_LIST),
            };
            t = t.with_home_cell(state, UpgradeSharer, cell);
        }
        t
    }
}
