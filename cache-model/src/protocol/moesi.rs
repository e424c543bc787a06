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

use super::cache::{
    COUNT_UNKNOWN, CacheAction, CacheCell, CacheEvent, CacheState, NO_ACKS, NO_BUS, NO_FAR, NO_GET, NO_GRANT, NO_PUT,
    OWNER,
};
use super::cell::Cell::{Go, Impossible, Stall};
use super::home::{
    COPIES, HomeAction, HomeCell, HomeEvent, HomeState, NO_FETCH, NO_FORWARD, NO_RECALL, NO_UPGRADE, ONE_ARRAY,
};
use super::mesif::{GRANTED, recall_of_owner_and_sharers};
use super::tables::Tables;

const STAYS: &str = "an owner that answers a reader stays the owner";
const LISTED: &str = "the last reader that goes takes the home out of S";
const WRITTEN: &str = "an owner evicts with PutM or PutE";

impl Tables {
    /// Modified, owned, exclusive, shared, invalid.
    #[must_use]
    pub fn moesi() -> Self {
        let mut t = Self { name: "moesi".into(), ..Self::mesi() };
        for event in CacheEvent::ALL {
            t = t.with_cache_cell(CacheState::O, event, o(event));
            t = t.with_cache_cell(CacheState::OM_AC, event, om_ac(event));
            t = t.with_cache_cell(CacheState::OI_A, event, oi_a(event));
        }
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

/// The owner of a line that others may read.
const fn o(event: CacheEvent) -> CacheCell {
    use {CacheAction::*, CacheEvent::*, CacheState::*};
    match event {
        Load => Go(&[Hit], O),
        Store => Go(&[Alloc, SendGetM], OM_AC),
        Evict => Go(&[Alloc, SendPutM], OI_A),
        FwdGetS => Go(&[DataToReq], O),
        FwdGetM => Go(&[DataToReq, DropCopy], I),
        Inv => Impossible(OWNER),
        PutAck => Impossible(NO_PUT),
        DataExclusive | DataNoAcks | DataAcks | DataForward => Impossible(NO_GET),
        GrantNoAcks | GrantAcks => Impossible(NO_GRANT),
        InvAck | LastInvAck => Impossible(NO_ACKS),
        Atomic | AtomicData => Impossible(NO_FAR),
        OwnGetS | OwnGetM | OwnUpgr | OwnPut | OtherGetS | OtherGetM | OtherUpgr => Impossible(NO_BUS),
    }
}

/// The owner while it asks to write.
const fn om_ac(event: CacheEvent) -> CacheCell {
    use {CacheAction::*, CacheEvent::*, CacheState::*};
    match event {
        Load => Go(&[Hit], OM_AC),
        Store | Evict => Stall,
        FwdGetS => Go(&[DataToReq], OM_AC),
        // Another store, or the home's eviction, came first; ours goes on without a copy.
        FwdGetM => Go(&[DataToReq, DropCopy], IM_AD),
        Inv => Impossible(OWNER),
        PutAck => Impossible(NO_PUT),
        DataExclusive | DataNoAcks | DataAcks | DataForward => Impossible(GRANTED),
        GrantNoAcks => Go(&[Complete, Free], M),
        GrantAcks => Go(&[ExpectAcks], SM_A),
        InvAck => Go(&[CountAck], OM_AC),
        LastInvAck => Impossible(COUNT_UNKNOWN),
        Atomic | AtomicData => Impossible(NO_FAR),
        OwnGetS | OwnGetM | OwnUpgr | OwnPut | OtherGetS | OtherGetM | OtherUpgr => Impossible(NO_BUS),
    }
}

/// The owner of a line that others may read, while it evicts.
const fn oi_a(event: CacheEvent) -> CacheCell {
    use {CacheAction::*, CacheEvent::*, CacheState::*};
    match event {
        Load | Store | Evict => Stall,
        FwdGetS => Go(&[DataToReq], OI_A),
        FwdGetM => Go(&[DataToReq, DropCopy], II_A),
        Inv => Impossible(OWNER),
        PutAck => Go(&[DropCopy, Free], I),
        DataExclusive | DataNoAcks | DataAcks | DataForward => Impossible(NO_GET),
        GrantNoAcks | GrantAcks => Impossible(NO_GRANT),
        InvAck | LastInvAck => Impossible(NO_ACKS),
        Atomic | AtomicData => Impossible(NO_FAR),
        OwnGetS | OwnGetM | OwnUpgr | OwnPut | OtherGetS | OtherGetM | OtherUpgr => Impossible(NO_BUS),
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
