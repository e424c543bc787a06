// SPDX-License-Identifier: MIT OR Apache-2.0
//! The private cache's side of snooping MESI.

use crate::protocol::cache::{CacheAction, CacheCell, CacheEvent, CacheState, NO_FAR, NO_GET, NO_SUCH_STATE};
use crate::protocol::cell::Cell;

const NOT_SENT: &str = "the request in flight is another one, or there is none";
const HAD_ITS_TURN: &str = "its request has had its turn already";
const NO_TURN_YET: &str = "nobody answers a request before its turn on the bus";
const ALONE: &str = "nobody else has a copy that could be upgraded";
const COPY_IS_GONE: &str = "an upgrade without a copy counts as a GetM";
const COPY_IS_THERE: &str = "the copy is there, so the upgrade is not too late";
const STORE_ONLY: &str = "exclusive data answer a load";
const NO_DIRECTORY: &str = "there is no directory that would forward or count acknowledgements";

/// What `event` does to a line in `state`.
///
/// A request that is observed in `IS_D` or `IM_D` stalls: it may be this cache's to answer, with data
/// that have not come.
pub(super) const fn cache_cell(state: CacheState, event: CacheEvent) -> CacheCell {
    use {CacheAction::*, CacheEvent::*, CacheState::*, Cell::*};
    match (state, event) {
        (I, Load) => Go(&[Alloc, SendGetS], IS_AD),
        (I, Store) => Go(&[Alloc, SendGetM], IM_AD),
        (I, Evict) => Impossible("there is nothing to evict"),
        (I, OwnGetS | OwnGetM | OwnUpgr | OwnPut) => Impossible(NOT_SENT),
        (I, OtherGetS | OtherGetM | OtherUpgr) => Go(&[], I),
        (I, DataExclusive | DataNoAcks) => Impossible(NO_GET),

        (IS_AD, Load | Store | Evict) => Stall,
        (IS_AD, OwnGetS) => Go(&[], IS_D),
        (IS_AD, OwnGetM | OwnUpgr | OwnPut) => Impossible(NOT_SENT),
        (IS_AD, OtherGetS | OtherGetM | OtherUpgr) => Go(&[], IS_AD),
        (IS_AD, DataExclusive | DataNoAcks) => Impossible(NO_TURN_YET),

        (IS_D, Load | Store | Evict) => Stall,
        (IS_D, OwnGetS | OwnGetM | OwnUpgr | OwnPut) => Impossible(HAD_ITS_TURN),
        (IS_D, OtherGetS | OtherGetM | OtherUpgr) => Stall,
        (IS_D, DataExclusive) => Go(&[Fill, Complete, Free], E),
        (IS_D, DataNoAcks) => Go(&[Fill, Complete, Free], S),

        (IM_AD, Load | Store | Evict) => Stall,
        (IM_AD, OwnGetS | OwnPut) => Impossible(NOT_SENT),
        (IM_AD, OwnGetM) => Go(&[], IM_D),
        (IM_AD, OwnUpgr) => Impossible(COPY_IS_GONE),
        (IM_AD, OtherGetS | OtherGetM | OtherUpgr) => Go(&[], IM_AD),
        (IM_AD, DataExclusive | DataNoAcks) => Impossible(NO_TURN_YET),

        (IM_D, Load | Store | Evict) => Stall,
        (IM_D, OwnGetS | OwnGetM | OwnUpgr | OwnPut) => Impossible(HAD_ITS_TURN),
        (IM_D, OtherGetS | OtherGetM) => Stall,
        // Whoever could upgrade has to get a copy from this cache first.
        (IM_D, OtherUpgr) => Impossible(ALONE),
        (IM_D, DataExclusive) => Impossible(STORE_ONLY),
        (IM_D, DataNoAcks) => Go(&[Fill, Complete, Free], M),

        (S, Load) => Go(&[Hit], S),
        (S, Store) => Go(&[Alloc, SendUpgr], SM_A),
        (S, Evict) => Go(&[DropCopy], I),
        (S, OwnGetS | OwnGetM | OwnUpgr | OwnPut) => Impossible(NOT_SENT),
        (S, OtherGetS) => Go(&[], S),
        (S, OtherGetM | OtherUpgr) => Go(&[DropCopy], I),
        (S, DataExclusive | DataNoAcks) => Impossible(NO_GET),

        (SM_A, Load) => Go(&[Hit], SM_A),
        (SM_A, Store | Evict) => Stall,
        (SM_A, OwnGetS | OwnPut) => Impossible(NOT_SENT),
        (SM_A, OwnGetM) => Impossible(COPY_IS_THERE),
        (SM_A, OwnUpgr) => Go(&[Complete, Free], M),
        (SM_A, OtherGetS) => Go(&[], SM_A),
        // Another store has its turn first; the upgrade on its way will count as a GetM.
        (SM_A, OtherGetM | OtherUpgr) => Go(&[DropCopy], IM_AD),
        (SM_A, DataExclusive | DataNoAcks) => Impossible(NO_GET),

        (E, Load) => Go(&[Hit], E),
        (E, Store) => Go(&[Hit], M), // Silent: the home already takes E for an owner.
        (E, Evict) => Go(&[Alloc, SendPutE], EI_A),
        (E, OwnGetS | OwnGetM | OwnUpgr | OwnPut) => Impossible(NOT_SENT),
        (E, OtherGetS) => Go(&[DataToReq, DataToHome], S),
        (E, OtherGetM) => Go(&[DataToReq, DropCopy], I),
        (E, OtherUpgr) => Impossible(ALONE),
        (E, DataExclusive | DataNoAcks) => Impossible(NO_GET),

        (M, Load) => Go(&[Hit], M),
        (M, Store) => Go(&[Hit], M),
        (M, Evict) => Go(&[Alloc, SendPutM], MI_A),
        (M, OwnGetS | OwnGetM | OwnUpgr | OwnPut) => Impossible(NOT_SENT),
        (M, OtherGetS) => Go(&[DataToReq, DataToHome], S),
        (M, OtherGetM) => Go(&[DataToReq, DropCopy], I),
        (M, OtherUpgr) => Impossible(ALONE),
        (M, DataExclusive | DataNoAcks) => Impossible(NO_GET),

        // The home does not know that the Put is on its way, and waits for the data of a reader's owner.
        (MI_A, Load | Store | Evict) => Stall,
        (MI_A, OwnGetS | OwnGetM | OwnUpgr) => Impossible(NOT_SENT),
        (MI_A, OwnPut) => Go(&[DataToHome, DropCopy, Free], I),
        (MI_A, OtherGetS) => Go(&[DataToReq, DataToHome, DropCopy], II_A),
        (MI_A, OtherGetM) => Go(&[DataToReq, DropCopy], II_A),
        (MI_A, OtherUpgr) => Impossible(ALONE),
        (MI_A, DataExclusive | DataNoAcks) => Impossible(NO_GET),

        (EI_A, Load | Store | Evict) => Stall,
        (EI_A, OwnGetS | OwnGetM | OwnUpgr) => Impossible(NOT_SENT),
        (EI_A, OwnPut) => Go(&[DropCopy, Free], I),
        (EI_A, OtherGetS) => Go(&[DataToReq, DataToHome, DropCopy], II_A),
        (EI_A, OtherGetM) => Go(&[DataToReq, DropCopy], II_A),
        (EI_A, OtherUpgr) => Impossible(ALONE),
        (EI_A, DataExclusive | DataNoAcks) => Impossible(NO_GET),

        (II_A, Load | Store | Evict) => Stall,
        (II_A, OwnGetS | OwnGetM | OwnUpgr) => Impossible(NOT_SENT),
        (II_A, OwnPut) => Go(&[Free], I),
        (II_A, OtherGetS | OtherGetM | OtherUpgr) => Go(&[], II_A),
        (II_A, DataExclusive | DataNoAcks) => Impossible(NO_GET),

        (
            I | IS_AD | IS_D | IM_AD | IM_D | S | SM_A | E | M | MI_A | EI_A | II_A,
            FwdGetS | FwdGetM | Inv | PutAck | DataAcks | DataForward | GrantNoAcks | GrantAcks | InvAck | LastInvAck,
        ) => Impossible(NO_DIRECTORY),

        (I | IS_AD | IS_D | IM_AD | IM_D | S | SM_A | E | M | MI_A | EI_A | II_A, Atomic | AtomicData) => {
            Impossible(NO_FAR)
        }

        (IM_A | SM_AD | SI_A | F | FM_AC | FI_A | O | OM_AC | OI_A | IS_DI | IA_V | SA_V | FA_V | OA_V, _) => {
            Impossible(NO_SUCH_STATE)
        }
    }
}
