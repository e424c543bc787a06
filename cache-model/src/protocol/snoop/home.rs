// SPDX-License-Identifier: MIT OR Apache-2.0
//! The home's side of snooping MESI: a slice that holds what it likes, and for every line a record of
//! who has copies.

use crate::protocol::cache::{NO_FAR, NO_SUCH_STATE};
use crate::protocol::cell::Cell;
use crate::protocol::home::{HomeAction, HomeCell, HomeEvent, HomeState, NO_FORWARD, NO_OWNER};

const NO_COPY: &str = "nobody has a copy that could be upgraded";
const OWNED: &str = "nobody has a copy beside the owner, so an upgrade is too late and counts as a GetM";
const WRITER: &str = "a cache that was given M evicts with PutM";
const NO_LIST: &str = "no list of copies is kept, and shared copies go silently";
const DROPS: &str = "the slice drops copies without asking anybody, and fetches what it needs";

/// What `event` does to a line in `state`.
///
/// The cells are applied in the order of the bus. In `S_D` and `I_D` requests and Puts wait for the data; a Put
/// is judged by the owner there is when its turn has come, so it waits behind others even though no cell
/// stalls it. Data count as `Data` only if they are those of the owner the home waits for.
pub(super) const fn home_cell(state: HomeState, event: HomeEvent) -> HomeCell {
    use {Cell::*, HomeAction::*, HomeEvent::*, HomeState::*};
    match (state, event) {
        (I, GetS) => Go(&[DataExclusiveToReq, SetOwner], E),
        (I, GetM) => Go(&[DataToReq, SetOwner, DropSlice], M),
        (I, Upgr) => Impossible(NO_COPY),
        (I, PutMOwner | PutEOwner) => Impossible(NO_OWNER),
        // The sender was the owner, and lost the line before its Put had its turn.
        (I, PutMNonOwner | PutENonOwner) => Go(&[], I),
        (I, Data) => Impossible(NO_FORWARD),

        (S, GetS) => Go(&[DataToReq], S),
        (S, GetM) => Go(&[DataToReq, SetOwner, DropSlice], M),
        (S, Upgr) => Go(&[SetOwner, DropSlice], M),
        (S, PutMOwner | PutEOwner) => Impossible(NO_OWNER),
        (S, PutMNonOwner | PutENonOwner) => Go(&[], S),
        (S, Data) => Impossible(NO_FORWARD),

        // The slice's copy stays: if the owner does not write, it is what is left of the line.
        (E, GetS) => Go(&[AwaitOwner], S_D),
        (E, GetM) => Go(&[SetOwner, DropSlice], M),
        (E, Upgr) => Impossible(OWNED),
        (E, PutMOwner) => Go(&[AwaitOwner], I_D), // It had written silently.
        (E, PutEOwner) => Go(&[ClearOwner], I),
        (E, PutMNonOwner | PutENonOwner) => Go(&[], E),
        (E, Data) => Impossible(NO_FORWARD),

        (M, GetS) => Go(&[AwaitOwner], S_D),
        (M, GetM) => Go(&[SetOwner], M),
        (M, Upgr) => Impossible(OWNED),
        (M, PutMOwner) => Go(&[AwaitOwner], I_D),
        (M, PutEOwner) => Impossible(WRITER),
        (M, PutMNonOwner | PutENonOwner) => Go(&[], M),
        (M, Data) => Impossible(NO_FORWARD),

        (S_D, GetS | GetM | Upgr) => Stall,
        (S_D, PutMOwner | PutEOwner) => Impossible(NO_OWNER),
        (S_D, PutMNonOwner | PutENonOwner) => Go(&[], S_D),
        (S_D, Data) => Go(&[TakeData], S),

        (I_D, GetS | GetM) => Stall,
        (I_D, Upgr) => Impossible(NO_COPY),
        (I_D, PutMOwner | PutEOwner) => Impossible(NO_OWNER),
        (I_D, PutMNonOwner | PutENonOwner) => Go(&[], I_D),
        (I_D, Data) => Go(&[TakeData], I),

        (
            I | S | E | M | S_D | I_D,
            PutSNotLast | PutSLast | GetMOwner | PutSOwner | PutSOwnerShared | PutMOwnerShared | PutEOwnerShared,
        ) => Impossible(NO_LIST),
        (I | S | E | M | S_D | I_D, MemData | Evict | EvictNoCopies | EvictShared | InvAckMore | InvAckLast) => {
            Impossible(DROPS)
        }

        (I | S | E | M | S_D | I_D, UpgradeSharer | GetSNoData | GetMNoData | EvictData) => Impossible(DROPS),
        (I | S | E | M | S_D | I_D, AtomicOp | AtomicNoCopies | AtomicShared) => Impossible(NO_FAR),

        (NP | F | S_R | M_R | SF | SF_D | O | O_R | S_F | S_A | M_A | O_A, _) => Impossible(NO_SUCH_STATE),
    }
}
