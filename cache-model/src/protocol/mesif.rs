// SPDX-License-Identifier: MIT OR Apache-2.0
//! MESIF as a patch to MESI: of the caches that have a clean copy, the last reader answers the next.
//!
//! The home records that cache, the *forwarder*, as the owner of a line in `SF`, and passes every
//! request on to it; the new reader becomes the forwarder in its place, the old one a sharer. The
//! slice has the newest data in `SF` all the same: it answers when the forwarder has gone (`S`), and
//! needs none of the data of a forwarder that goes.
//!
//! The forwarder already has what a store needs but the permission. That comes as a *grant* without
//! data on the forward network, behind every forward that the home sent before it: until the grant the
//! cache answers those with its copy (`FM_AC`), after it the next ones wait (`SM_A`).
//!
//! Source of the idea: the forward state of published point-to-point protocols; the tables and their
//! transient states are our own and machine-checked.

use super::answering::Answering;
use super::cache::{CacheAction, CacheCell, CacheEvent, CacheState, NO_BUS, NO_FAR, NOT_SHARER};
use super::cell::Cell::{Go, Impossible, Stall};
use super::home::{
    COPIES, HomeAction, HomeCell, HomeEvent, HomeState, NO_COPIES, NO_FETCH, NO_FORWARD, NO_LIST, NO_OWNER, NO_RECALL,
    NO_UPGRADE, ONE_ARRAY,
};
use super::tables::Tables;

const MADE_TO_ANSWER: &str = "every reader of a shared line is made to answer the next one";
const CLEAN: &str = "the owner was given a clean copy to read, so it evicts with PutS";

impl Tables {
    /// Modified, exclusive, shared, invalid, forward.
    #[must_use]
    pub fn mesif() -> Self {
        let mut t = forwarder().patch(Self { name: "mesif".into(), ..Self::mesi() });
        for event in HomeEvent::ALL {
            t = t.with_home_cell(HomeState::SF, event, sf(event));
            t = t.with_home_cell(HomeState::SF_D, event, sf_d(event));
            t = t.with_home_cell(HomeState::O_R, event, recall_of_owner_and_sharers(event));
        }
        patch_cache(patch_home(t))
    }
}

/// The cells of MESI's own cache states that differ.
fn patch_cache(t: Tables) -> Tables {
    use {CacheAction::*, CacheEvent::*, CacheState::*};
    let hand_over: CacheCell = Go(&[DataForwardToReq, DataToHome], S);
    t.with_cache_cell(IS_D, DataForward, Go(&[Fill, Complete, Free], F))
        .with_cache_cell(IS_D, DataNoAcks, Impossible(MADE_TO_ANSWER))
        .with_cache_cell(E, FwdGetS, hand_over)
        .with_cache_cell(M, FwdGetS, hand_over)
        .with_cache_cell(EI_A, FwdGetS, Go(&[DataForwardToReq, DataToHome], SI_A))
        .with_cache_cell(MI_A, FwdGetS, Go(&[DataForwardToReq, DataToHome], SI_A))
}

/// The cells of MESI's own home states that differ.
fn patch_home(t: Tables) -> Tables {
    use {HomeAction::*, HomeEvent::*, HomeState::*};
    let hand_over: HomeCell = Go(&[FwdGetSToOwner, AddOwner, SetOwner], SF_D);
    t.with_home_cell(S, GetS, Go(&[DataForwardToReq, SetOwner], SF))
        .with_home_cell(E, GetS, hand_over)
        .with_home_cell(M, GetS, hand_over)
}

/// The forwarder: whoever reads from it takes over.
fn forwarder() -> Answering {
    use {CacheAction::*, CacheState::*};
    Answering {
        rest: (F, Go(&[DataForwardToReq], S)),
        // The other request came first; ours is passed on to the cache that has taken over.
        asks: (FM_AC, Go(&[DataForwardToReq], SM_AD)),
        evicts: (FI_A, Go(&[DataForwardToReq], SI_A)),
        evict: Go(&[Alloc, SendPutS], FI_A),
        no_inv: NOT_SHARER,
    }
}

/// A clean line with a forwarder.
const fn sf(event: HomeEvent) -> HomeCell {
    use {HomeAction::*, HomeEvent::*, HomeState::*};
    match event {
        GetS => Go(&[FwdGetSToOwner, AddOwner, SetOwner], SF),
        // The numbers are taken from the list, so they go out before it is cleared.
        GetM => Go(&[FwdGetMToOwner, InvOtherSharers, ClearSharers, SetOwner], M),
        GetMOwner => Go(&[GrantToReq, InvOtherSharers, ClearSharers], M),
        PutSNotLast | PutSLast => Go(&[DropSharer, PutAck], SF),
        PutSOwner => Go(&[ClearOwner, PutAck], I),
        PutSOwnerShared => Go(&[ClearOwner, PutAck], S),
        PutMOwner | PutMOwnerShared | PutEOwner | PutEOwnerShared => Impossible(CLEAN),
        // A former owner that was downgraded while evicting, or a late Put.
        PutMNonOwner | PutENonOwner => Go(&[DropSharer, PutAck], SF),
        Data => Impossible(NO_FORWARD),
        MemData => Impossible(NO_FETCH),
        // The forwarder is asked as an owner is, not told as a sharer: so an Inv never meets F.
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

/// A line with a forwarder whose owner before it may have written it.
const fn sf_d(event: HomeEvent) -> HomeCell {
    use {HomeAction::*, HomeEvent::*, HomeState::*};
    match event {
        GetS | GetM | GetMOwner => Stall,
        PutSNotLast | PutSLast => Go(&[DropSharer, PutAck], SF_D),
        // The reader has had the data, and has evicted them again, before the home has them.
        PutSOwner | PutSOwnerShared => Go(&[ClearOwner, PutAck], S_D),
        PutMOwner | PutMOwnerShared | PutEOwner | PutEOwnerShared => Impossible(CLEAN),
        PutMNonOwner | PutENonOwner => Go(&[DropSharer, PutAck], SF_D),
        Data => Go(&[TakeData], SF),
        MemData => Impossible(NO_FETCH),
        Evict | EvictShared => Stall,
        EvictNoCopies => Impossible(COPIES),
        InvAckMore | InvAckLast => Impossible(NO_RECALL),
        UpgradeSharer => Impossible(NO_UPGRADE),
        GetSNoData | GetMNoData | EvictData => Impossible(ONE_ARRAY),
        AtomicOp | AtomicNoCopies | AtomicShared => Impossible(NO_FAR),
        Upgr => Impossible(NO_BUS),
    }
}

/// The answers to a recall that asked an owner and sharers come in any order.
pub(super) const fn recall_of_owner_and_sharers(event: HomeEvent) -> HomeCell {
    use {HomeAction::*, HomeEvent::*, HomeState::*};
    match event {
        GetS | GetM => Stall,
        GetMOwner | PutSOwner | PutSOwnerShared => Impossible(NO_OWNER),
        PutMOwner | PutMOwnerShared | PutEOwner | PutEOwnerShared => Impossible(NO_OWNER),
        PutSNotLast => Impossible(NO_LIST),
        // As in S_R and M_R: the answer to the recall accounts for the copy, the Put does not.
        PutSLast | PutMNonOwner | PutENonOwner => Go(&[PutAck], O_R),
        Data => Go(&[TakeData], S_R),
        MemData => Impossible(NO_FETCH),
        Evict | EvictShared => Impossible(NO_COPIES),
        EvictNoCopies => Stall,
        InvAckMore => Go(&[CountAck], O_R),
        InvAckLast => Go(&[CountAck], M_R),
        UpgradeSharer => Impossible(NO_UPGRADE),
        GetSNoData | GetMNoData | EvictData => Impossible(ONE_ARRAY),
        AtomicOp | AtomicNoCopies | AtomicShared => Impossible(NO_FAR),
        Upgr => Impossible(NO_BUS),
    }
}
