// SPDX-License-Identifier: MIT OR Apache-2.0
//! MOESI as a patch to MESI: a written line can be shared without being written back.
//!
//! A read of a line that somebody owns is passed on to the owner, which answers and goes on owning it
//! (`O`); the home, in `O` as well, takes no data and blocks nothing, and its copy stays as old as it
//! is. The data come back when the owner evicts or the slice recalls the line.
//!
//! A cache in `E` goes to `O` as one in `M` does, because the home cannot tell them apart: such a line
//! is written back though nobody wrote it (gap: D24).
//!
//! A store in `O` needs no data, only the permission. That comes as a *grant* on the forward network,
//! behind every forward that the home sent before it: until the grant the cache answers those with its
//! copy (`OM_AC`), after it the next ones wait (`SM_A`).
//!
//! Source of the idea: the owned state as taught in the primer named in [`super`]; the tables and
//! their transient states are our own and machine-checked.

use super::answering::Answering;
use super::cache::{CacheAction, CacheEvent, CacheState, NO_BUS, NO_FAR, OWNER};
use super::cell::Cell::{Go, Impossible};
use super::home::{
    COPIES, HomeAction, HomeCell, HomeEvent, HomeState, NO_FETCH, NO_FORWARD, NO_RECALL, NO_UPGRADE, ONE_ARRAY,
};
use super::mesif::recall_of_owner_and_sharers;
use super::tables::Tables;

const STAYS: &str = "an owner that answers a reader stays the owner";
const LISTED: &str = "the last reader that goes takes the home out of S";
const WRITTEN: &str = "an owner evicts with PutM or PutE";

impl Tables {
    /// Modified, owned, exclusive, shared, invalid.
    #[must_use]
    pub fn moesi() -> Self {
        let mut t = owner().patch(Self { name: "moesi".into(), ..Self::mesi() });
        for event in HomeEvent::ALL {
            t = t.with_home_cell(HomeState::O, event, home_o(event));
            t = t.with_home_cell(HomeState::O_R, event, recall_of_owner_and_sharers(event));
            t = t.with_home_cell(HomeState::S_D, event, Impossible(STAYS));
        }
        patch(t)
    }
}

/// The cells of MESI's own states that differ.
fn patch(t: Tables) -> Tables {
    let t = {
        use {CacheAction::*, CacheEvent::*, CacheState::*};
        t.with_cache_cell(E, FwdGetS, Go(&[DataToReq], O))
            .with_cache_cell(M, FwdGetS, Go(&[DataToReq], O))
            .with_cache_cell(EI_A, FwdGetS, Go(&[DataToReq], EI_A))
            .with_cache_cell(MI_A, FwdGetS, Go(&[DataToReq], OI_A))
    };
    use {HomeAction::*, HomeEvent::*, HomeState::*};
    let share: HomeCell = Go(&[FwdGetSToOwner, AddSharer], O);
    t.with_home_cell(E, GetS, share).with_home_cell(M, GetS, share).with_home_cell(S, EvictNoCopies, Impossible(LISTED))
}

/// The owner of a line that others may read: it stays the one that answers.
fn owner() -> Answering {
    use {CacheAction::*, CacheState::*};
    Answering {
        rest: (O, Go(&[DataToReq], O)),
        asks: (OM_AC, Go(&[DataToReq], OM_AC)),
        evicts: (OI_A, Go(&[DataToReq], OI_A)),
        evict: Go(&[Alloc, SendPutM], OI_A),
        no_inv: OWNER,
    }
}

/// A line with an owner and readers beside it.
const fn home_o(event: HomeEvent) -> HomeCell {
    use {HomeAction::*, HomeEvent::*, HomeState::*};
    match event {
        GetS => Go(&[FwdGetSToOwner, AddSharer], O),
        // The numbers are taken from the list, so they go out before it is cleared.
        GetM => Go(&[FwdGetMToOwner, InvOtherSharers, ClearSharers, SetOwner], M),
        GetMOwner => Go(&[GrantToReq, InvOtherSharers, ClearSharers], M),
        // With the last reader gone the owner still has to ask before it writes.
        PutSNotLast | PutSLast => Go(&[DropSharer, PutAck], O),
        PutSOwner | PutSOwnerShared => Impossible(WRITTEN),
        PutMOwner => Go(&[TakeData, ClearOwner, PutAck], I),
        PutMOwnerShared => Go(&[TakeData, ClearOwner, PutAck], S),
        // It was evicting from E when the readers' forwards reached it, so nobody has written.
        PutEOwner => Go(&[ClearOwner, PutAck], I),
        PutEOwnerShared => Go(&[ClearOwner, PutAck], S),
        PutMNonOwner | PutENonOwner => Go(&[PutAck], O),
        Data => Impossible(NO_FORWARD),
        MemData => Impossible(NO_FETCH),
        Evict => Go(&[FwdGetMToOwnerForHome, ClearOwner], M_R),
        EvictShared => Go(&[FwdGetMToOwnerForHome, ClearOwner, ExpectSharerAcks, InvSharersAckHome, ClearSharers], O_R),
        EvictNoCopies => Impossible(COPIES),
        InvAckMore | InvAckLast => Impossible(NO_RECALL),
        UpgradeSharer => Impossible(NO_UPGRADE),
        GetSNoData | GetMNoData | EvictData => Impossible(ONE_ARRAY),
        AtomicOp | AtomicNoCopies | AtomicShared => Impossible(NO_FAR),
        Upgr => Impossible(NO_BUS),
    }
}
