// SPDX-License-Identifier: MIT OR Apache-2.0
//! Silent eviction of shared copies, as a patch to any of the protocols.
//!
//! A cache drops a copy in `S` without telling the home. The home's list then names caches without a
//! copy: they acknowledge an Inv as if they had one, in `I` and while they wait for data. A load that is
//! waiting when the Inv comes cannot tell whether it is meant for the copy it dropped or for the one on
//! its way, and must not let the Inv wait, for the sender of the data may itself wait for the
//! acknowledgement; so it acknowledges, uses the data once and does not keep them (`IS_DI`). That load is
//! ordered before the store which sent the Inv. Data with a duty (`E`, `F`) tell that the Inv was an old
//! one, because caches with a duty are not on the list; so those are kept.
//!
//! Copies that the home counts on are still announced: `E` (it may be written without notice), `M`, `O`
//! and `F`.

use super::cache::{
    CacheAction, CacheCell, CacheEvent, CacheState, LOAD_ONLY, NO_ACKS, NO_BUS, NO_FAR, NO_GRANT, NO_PUT,
};
use super::cell::Cell::{Go, Impossible, Stall};
use super::home::{HomeAction, HomeCell, HomeEvent, HomeState};
use super::tables::Tables;

const NO_PUT_S: &str = "shared copies go silently";
const STAY_LISTED: &str = "readers stay listed until they are told to drop their copies";
const ONE_INV: &str = "this cache was off the list before it asked, and readers are not put on it";

impl Tables {
    /// These tables with silent evictions of shared copies.
    #[must_use]
    pub(super) fn silent(self) -> Self {
        let base = self.base();
        let mut t = Self { shared_evictions_silent: true, ..self };
        for event in CacheEvent::ALL {
            let cell = is_di(event, t.cache_cell(CacheState::IS_D, event));
            t = t.with_cache_cell(CacheState::IS_DI, event, cell);
        }
        use {CacheAction::*, CacheEvent::*, CacheState::*};
        t.with_cache_cell(S, Evict, Go(&[DropCopy], I))
            .with_cache_cell(I, Inv, Go(&[AckToReq], I))
            .with_cache_cell(IS_D, Inv, Go(&[AckToReq], IS_DI))
            .with_cache_cell(IM_AD, Inv, Go(&[AckToReq], IM_AD))
            .off_the_list()
            .without_what_nobody_does_any_more(base)
    }

    /// The cells that cannot be reached once shared copies go silently.
    fn without_what_nobody_does_any_more(self, base: &str) -> Self {
        let mut t = self;
        if base == "mesif" {
            // A reader becomes the forwarder, which gets no Inv; one of before is the only one.
            return t.with_cache_cell(CacheState::IS_DI, CacheEvent::Inv, Impossible(ONE_INV));
        }
        for state in HomeState::ALL {
            t = t.with_home_cell(state, HomeEvent::PutSNotLast, Impossible(NO_PUT_S));
            t = t.with_home_cell(state, HomeEvent::PutSLast, Impossible(NO_PUT_S));
        }
        t = t.with_home_cell(HomeState::S, HomeEvent::EvictNoCopies, Impossible(STAY_LISTED));
        if base == "moesi" {
            for event in CacheEvent::ALL {
                t = t.with_cache_cell(CacheState::SI_A, event, Impossible(NO_PUT_S));
            }
            for event in [HomeEvent::PutMOwner, HomeEvent::PutEOwner, HomeEvent::Evict] {
                t = t.with_home_cell(HomeState::O, event, Impossible(STAY_LISTED));
            }
        }
        t
    }

    /// A cache with a duty must not be on the list as well: it can be there when it asks again.
    fn off_the_list(self) -> Self {
        use {HomeAction::*, HomeEvent::*, HomeState::*};
        let changed: [(HomeCell, HomeCell); 2] = [
            (Go(&[DataForwardToReq, SetOwner], SF), Go(&[DataForwardToReq, DropSharer, SetOwner], SF)),
            (Go(&[FwdGetSToOwner, AddOwner, SetOwner], SF), Go(&[FwdGetSToOwner, DropSharer, AddOwner, SetOwner], SF)),
        ];
        let mut t = self;
        for state in HomeState::ALL {
            for (old, new) in changed {
                if t.home_cell(state, GetS) == old {
                    t = t.with_home_cell(state, GetS, new);
                }
            }
        }
        t
    }
}

/// A load that has acknowledged an Inv before its data came; `is_d` is the cell of a load that has not.
const fn is_di(event: CacheEvent, is_d: CacheCell) -> CacheCell {
    use {CacheAction::*, CacheEvent::*, CacheState::*};
    match event {
        Load | Store | Evict | FwdGetS | FwdGetM => Stall,
        Inv => Go(&[AckToReq], IS_DI),
        PutAck => Impossible(NO_PUT),
        DataExclusive | DataForward => is_d,
        DataNoAcks => match is_d {
            Go(..) => Go(&[CompleteOnce, Free], I),
            other => other,
        },
        DataAcks => Impossible(LOAD_ONLY),
        GrantNoAcks | GrantAcks => Impossible(NO_GRANT),
        InvAck | LastInvAck => Impossible(NO_ACKS),
        Atomic | AtomicData => Impossible(NO_FAR),
        OwnGetS | OwnGetM | OwnUpgr | OwnPut | OtherGetS | OtherGetM | OtherUpgr => Impossible(NO_BUS),
    }
}
