// SPDX-License-Identifier: MIT OR Apache-2.0
//! The home's side of the protocol: a directory inside an inclusive last-level slice.

use super::cache::{NO_BUS, NO_FAR, NO_SUCH_STATE};
use super::cell::{Cell, table_enum};

table_enum! {
    /// State of one line at its home. A sharer list exists in `S`, `S_D`, `SF`, `SF_D` and `O` only,
    /// an owner in `E`, `M`, `SF`, `SF_D` and `O` only, a number of acknowledgements to come in `S_R`
    /// and `O_R` only. The owner is never on the list.
    HomeState {
        NP = "Not present in the slice; memory has the newest data and no cache has a copy.",
        F = "Being fetched from memory into a way of the slice.",
        I = "In the slice, and no cache has a copy.",
        S = "In the slice with the newest data; the listed caches may have copies to read.",
        E = "One cache owns the line and may have written it silently.",
        M = "One cache owns the line and was told it may write.",
        S_D = "The former owner shares now; its data are on their way to the slice.",
        S_R = "The slice wants the way: sharers were told to drop their copies and to \
               acknowledge to the home.",
        M_R = "The slice wants the way: the owner was told to send the line to the home.",
        SF = "In the slice with the newest data; the owner has a clean copy and answers readers, the \
              listed caches may have copies to read.",
        SF_D = "As SF, but the data of the owner before are still on their way to the slice.",
        O = "The owner has the newest data and answers readers, the listed caches may have copies to \
             read; the slice's data can be old.",
        O_R = "The slice wants the way: the owner was told to send the line to the home, and sharers \
               were told to drop their copies and to acknowledge to it.",
        S_F = "As S, but the slice has no data: they are being fetched from memory, which has the newest.",
        S_A = "As S_R, but for an operation that the home executes: the line stays.",
        M_A = "As M_R, but for an operation that the home executes: the line stays.",
        O_A = "As O_R, but for an operation that the home executes: the line stays.",
        I_D = "The owner evicts; its data are on their way to the slice.",
    }
}

table_enum! {
    /// What can happen to a line at its home.
    ///
    /// A `PutS` of a cache that is not the owner is `PutSLast` if no sharer is listed once its sender
    /// is off the list, which is always so in states without a list. A Put of the owner is *shared*
    /// if a sharer is listed. An eviction is `EvictNoCopies` if neither a sharer nor an owner is
    /// recorded, and `EvictShared` if both are.
    HomeEvent {
        GetS = "A cache asks for a copy to read.",
        GetM = "A cache asks for the only copy.",
        PutSNotLast = "A shared copy goes, others stay listed.",
        PutSLast = "A shared copy goes, nobody stays listed.",
        PutMOwner = "The owner sends the written line back.",
        PutMNonOwner = "A written line comes back from a cache that is no longer the owner.",
        PutEOwner = "The owner's copy goes unwritten.",
        PutENonOwner = "An unwritten only copy goes from a cache that is no longer the owner.",
        Data = "The data with which an owner answers a forward.",
        MemData = "The line from memory.",
        Evict = "The slice wants the way, and an owner or sharers are recorded, but not both.",
        EvictNoCopies = "The slice wants the way, and no private copy is recorded.",
        GetMOwner = "The owner, which has a copy to read, asks for the only copy.",
        PutSOwner = "The owner's clean copy goes, nobody else is listed.",
        PutSOwnerShared = "The owner's clean copy goes, sharers stay listed.",
        PutMOwnerShared = "The owner sends the written line back, sharers stay listed.",
        PutEOwnerShared = "The owner's copy goes unwritten, sharers stay listed.",
        EvictShared = "The slice wants the way, and an owner and sharers are recorded.",
        InvAckMore = "A sharer has dropped its copy for the home; more have to.",
        InvAckLast = "The last sharer has dropped its copy for the home.",
        UpgradeSharer = "A listed sharer asks for the permission to write the copy it has.",
        GetSNoData = "A cache asks for a copy to read that has to come from the slice, which has no data.",
        GetMNoData = "A cache asks for the only copy, which has to come from the slice, which has no data.",
        AtomicOp = "A cache asks for an operation, and an owner or sharers are recorded, but not both.",
        AtomicNoCopies = "A cache asks for an operation, and no private copy is recorded.",
        AtomicShared = "A cache asks for an operation, and an owner and sharers are recorded.",
        EvictData = "The slice wants the way of the line's data, not its entry in the directory.",
        Upgr = "A cache that has a copy to read makes it the only one.",
    }
}

table_enum! {
    /// One step of the home's reaction. *Sender* is the cache whose request is being handled.
    HomeAction {
        DataExclusiveToReq = "Send the line to the sender as exclusive data.",
        DataToReq = "Send the line to the sender with no acknowledgement to expect.",
        DataForwardToReq = "Send the line to the sender, which answers the next reader.",
        DataWithAckCountToReq = "Send the line to the sender with the number of other sharers \
                                 listed, each of which will acknowledge to it.",
        AddSharer = "Put the sender on the sharer list.",
        DropSharer = "Take the sender off the sharer list, if it is there.",
        AddOwner = "Put the owner on the sharer list.",
        ClearSharers = "Empty the sharer list.",
        SharersAreReqAndOwner = "Let the sharer list be the sender and the owner.",
        SetOwner = "Make the sender the owner.",
        ClearOwner = "Have no owner.",
        InvOtherSharers = "Send Inv to every listed sharer but the sender; the sender is the \
                           requester.",
        InvSharersAckHome = "Send Inv to every listed sharer; the home is the requester.",
        ExpectSharerAcks = "Expect as many acknowledgements at the home as sharers are listed.",
        CountAck = "Take one off the acknowledgements the home expects.",
        FwdGetSToOwner = "Send Fwd-GetS to the owner; the sender is the requester.",
        FwdGetMToOwner = "Send Fwd-GetM to the owner with the number of other sharers listed, each of \
                          which will acknowledge to the sender, which is the requester.",
        GrantToReq = "Send the sender the permission to write, without data, and with the number of \
                      sharers listed, each of which will acknowledge to it.",
        FwdGetMToOwnerForHome = "Send Fwd-GetM to the owner; the home is the requester.",
        PutAck = "Send Put-Ack to the sender.",
        TakeData = "Write the received data into the slice, dirty if they came dirty.",
        FetchMemory = "Ask memory for the line.",
        FillSlice = "Put memory's data into the way, clean.",
        Requeue = "Put the request back, to be offered again.",
        WriteBackIfDirty = "Write the line to memory if the slice has it dirty.",
        FreeWay = "Give the way up.",
        PerformAtomic = "Execute the operation on the slice's data.",
        AtomicDataToReq = "Send the sender the old value.",
        DropData = "Give the way of the line's data up, but not its entry in the directory.",
        AwaitOwner = "Expect the line from the owner, and have no owner.",
        DropSlice = "Forget the slice's copy: whoever has written the line sends it back.",
    }
}

/// An entry of the home table.
pub type HomeCell = Cell<HomeAction, HomeState>;

/// `[state][event]`, both in the order of their `ALL`.
pub type HomeTable = [[HomeCell; HomeEvent::COUNT]; HomeState::COUNT];

/// The MESI table of the home, for execution.
pub static HOME_TABLE: HomeTable = home_table();

impl HomeState {
    /// The home waits for nothing.
    #[must_use]
    pub const fn is_stable(self) -> bool {
        matches!(self, Self::NP | Self::I | Self::S | Self::E | Self::M | Self::SF | Self::O)
    }

    /// The owner has a copy to read, and has to ask before it writes.
    #[must_use]
    pub const fn owner_asks(self) -> bool {
        matches!(self, Self::SF | Self::SF_D | Self::O)
    }

    /// The line is being taken back from the caches to free its way.
    #[must_use]
    pub const fn is_recall(self) -> bool {
        matches!(self, Self::S_R | Self::M_R | Self::O_R)
    }

    /// The slice's own data are the newest, so the home may answer with them.
    #[must_use]
    pub const fn slice_is_newest(self) -> bool {
        matches!(self, Self::I | Self::S | Self::S_R | Self::SF | Self::S_A)
    }
}

impl HomeEvent {
    /// The event for a `GetS`; `has_data` says that the slice has data of the line.
    #[must_use]
    pub const fn of_get_s(state: HomeState, has_data: bool) -> Self {
        if has_data || !matches!(state, HomeState::S) { Self::GetS } else { Self::GetSNoData }
    }

    /// The event for a `GetM`, `has_data` as for a `GetS`. Where an owner may write already its own counts as
    /// anybody's.
    #[must_use]
    pub const fn of_get_m(state: HomeState, from_owner: bool, has_data: bool) -> Self {
        if from_owner && state.owner_asks() {
            Self::GetMOwner
        } else if has_data || !matches!(state, HomeState::S) {
            Self::GetM
        } else {
            Self::GetMNoData
        }
    }

    /// The event for an `Upgrade`. A listed sharer that sends one has its copy: had the home told it to drop
    /// the copy, it would be off the list. From anybody else it asks for the line, as a `GetM` does.
    #[must_use]
    pub const fn of_upgrade(state: HomeState, from_owner: bool, listed: bool, has_data: bool) -> Self {
        if listed { Self::UpgradeSharer } else { Self::of_get_m(state, from_owner, has_data) }
    }

    /// The event for a `PutS`; `others` says that a sharer other than the sender is listed.
    #[must_use]
    pub const fn of_put_s(from_owner: bool, others: bool) -> Self {
        match (from_owner, others) {
            (false, true) => Self::PutSNotLast,
            (false, false) => Self::PutSLast,
            (true, false) => Self::PutSOwner,
            (true, true) => Self::PutSOwnerShared,
        }
    }

    /// The event for a `PutM`; `others` as for a `PutS`.
    #[must_use]
    pub const fn of_put_m(from_owner: bool, others: bool) -> Self {
        match (from_owner, others) {
            (false, _) => Self::PutMNonOwner,
            (true, false) => Self::PutMOwner,
            (true, true) => Self::PutMOwnerShared,
        }
    }

    /// The event for a `PutE`; `others` as for a `PutS`.
    #[must_use]
    pub const fn of_put_e(from_owner: bool, others: bool) -> Self {
        match (from_owner, others) {
            (false, _) => Self::PutENonOwner,
            (true, false) => Self::PutEOwner,
            (true, true) => Self::PutEOwnerShared,
        }
    }

    /// The event for the slice's wish for the way, by what is recorded.
    #[must_use]
    pub const fn of_evict(owner: bool, sharers: bool) -> Self {
        match (owner, sharers) {
            (false, false) => Self::EvictNoCopies,
            (true, true) => Self::EvictShared,
            _ => Self::Evict,
        }
    }

    /// The event for an operation to be executed, by what is recorded.
    #[must_use]
    pub const fn of_atomic(owner: bool, sharers: bool) -> Self {
        match (owner, sharers) {
            (false, false) => Self::AtomicNoCopies,
            (true, true) => Self::AtomicShared,
            _ => Self::AtomicOp,
        }
    }

    /// The event for an acknowledgement to the home; `missing` is the number missing before it.
    #[must_use]
    pub const fn of_inv_ack(missing: u32) -> Self {
        if missing == 1 { Self::InvAckLast } else { Self::InvAckMore }
    }
}

pub(super) const NO_LIST: &str = "no sharers are listed in this state, so any PutS counts as the last";
pub(super) const NO_OWNER: &str = "there is no owner in this state";
pub(super) const NO_FORWARD: &str = "no owner was asked to send data to the home";
pub(super) const NO_FETCH: &str = "nothing was asked of memory";
pub(super) const NO_RECALL: &str = "no sharer was told to acknowledge to the home";
pub(super) const ONE_ARRAY: &str = "a line has its entry in the directory and its data, or neither";
pub(super) const NO_SUCH_LIST: &str = "no sharers are listed in this state";
pub(super) const NO_UPGRADE: &str = "caches ask for the line, also if they have a copy";
const ABSENT: &str = "the line is in no way of the slice";
pub(super) const COPIES: &str = "an owner is recorded in this state";
pub(super) const NO_COPIES: &str = "no private copy is recorded in this state";
const SILENT: &str = "a cache that was given M evicts with PutM";
const OWNER_WRITES: &str = "an owner may write and need not ask";
const OWNER_ALONE: &str = "nobody has a copy beside an owner";

/// The home's side of MESI: what `event` does to a line in `state`.
///
/// *Late Puts.* A cache that is evicting can lose its copy to a forward, an Inv or a recall before
/// the home sees its Put; it is then in `II_A` (or `SI_A`) and waits for nothing but the Put-Ack.
/// Its Put travels on an unordered network, so it can arrive in any state whatsoever, and any such
/// Put gets a Put-Ack and nothing else: the copy was accounted for by the answer to the forward or
/// the acknowledgement. The cache asks for nothing before that Put-Ack, so a Put can never be
/// mistaken for one of a later copy. The Put-Ack follows the recall on the ordered forward network,
/// so it cannot overtake it and find the cache in `I` when the recall arrives.
pub const fn home_cell(state: HomeState, event: HomeEvent) -> HomeCell {
    use {Cell::*, HomeAction::*, HomeEvent::*, HomeState::*};
    match (state, event) {
        (NP, GetS | GetM) => Go(&[FetchMemory, Requeue], F),
        (NP, PutSNotLast) => Impossible(NO_LIST),
        // The recall that freed the way took the copy; see "Late Puts".
        (NP, PutSLast | PutMNonOwner | PutENonOwner) => Go(&[PutAck], NP),
        (NP, PutMOwner | PutEOwner) => Impossible(NO_OWNER),
        (NP, Data) => Impossible(NO_FORWARD),
        (NP, MemData) => Impossible(NO_FETCH),
        (NP, Evict | EvictNoCopies) => Impossible(ABSENT),
        (NP, InvAckMore | InvAckLast) => Impossible(NO_RECALL),

        (F, GetS | GetM) => Stall,
        (F, PutSNotLast) => Impossible(NO_LIST),
        // As in NP: another cache's miss has begun to fetch the line again in the meantime.
        (F, PutSLast | PutMNonOwner | PutENonOwner) => Go(&[PutAck], F),
        (F, PutMOwner | PutEOwner) => Impossible(NO_OWNER),
        (F, Data) => Impossible(NO_FORWARD),
        (F, MemData) => Go(&[FillSlice], I),
        (F, Evict) => Impossible(NO_COPIES),
        (F, EvictNoCopies) => Stall,
        (F, InvAckMore | InvAckLast) => Impossible(NO_RECALL),

        (I, GetS) => Go(&[DataExclusiveToReq, SetOwner], E),
        (I, GetM) => Go(&[DataToReq, SetOwner], M),
        (I, PutSNotLast) => Impossible(NO_LIST),
        (I, PutSLast | PutMNonOwner | PutENonOwner) => Go(&[PutAck], I),
        (I, PutMOwner | PutEOwner) => Impossible(NO_OWNER),
        (I, Data) => Impossible(NO_FORWARD),
        (I, MemData) => Impossible(NO_FETCH),
        (I, Evict) => Impossible(NO_COPIES),
        (I, EvictNoCopies) => Go(&[WriteBackIfDirty, FreeWay], NP),
        (I, InvAckMore | InvAckLast) => Impossible(NO_RECALL),

        (S, GetS) => Go(&[DataToReq, AddSharer], S),
        // The number is taken from the list, so it goes out before the list is cleared.
        (S, GetM) => Go(&[DataWithAckCountToReq, InvOtherSharers, ClearSharers, SetOwner], M),
        (S, PutSNotLast) => Go(&[DropSharer, PutAck], S),
        (S, PutSLast) => Go(&[DropSharer, PutAck], I),
        (S, PutMOwner | PutEOwner) => Impossible(NO_OWNER),
        // A former owner that was downgraded while evicting, or a late Put. The list can become
        // empty here without leaving S, as in S_D; hence EvictNoCopies below.
        (S, PutMNonOwner | PutENonOwner) => Go(&[DropSharer, PutAck], S),
        (S, Data) => Impossible(NO_FORWARD),
        (S, MemData) => Impossible(NO_FETCH),
        (S, Evict) => Go(&[ExpectSharerAcks, InvSharersAckHome, ClearSharers], S_R),
        // With an empty list S_R would wait for an acknowledgement that nobody sends.
        (S, EvictNoCopies) => Go(&[WriteBackIfDirty, FreeWay], NP),
        (S, InvAckMore | InvAckLast) => Impossible(NO_RECALL),

        (E, GetS) => Go(&[FwdGetSToOwner, SharersAreReqAndOwner, ClearOwner], S_D),
        (E, GetM) => Go(&[FwdGetMToOwner, SetOwner], M),
        (E, PutSNotLast) => Impossible(NO_LIST),
        (E, PutSLast) => Go(&[PutAck], E),
        (E, PutMOwner) => Go(&[TakeData, ClearOwner, PutAck], I), // It had upgraded silently.
        (E, PutMNonOwner | PutENonOwner) => Go(&[PutAck], E),
        (E, PutEOwner) => Go(&[ClearOwner, PutAck], I),
        (E, Data) => Impossible(NO_FORWARD),
        (E, MemData) => Impossible(NO_FETCH),
        (E, Evict) => Go(&[FwdGetMToOwnerForHome, ClearOwner], M_R),
        (E, EvictNoCopies) => Impossible(COPIES),
        (E, InvAckMore | InvAckLast) => Impossible(NO_RECALL),

        (M, GetS) => Go(&[FwdGetSToOwner, SharersAreReqAndOwner, ClearOwner], S_D),
        (M, GetM) => Go(&[FwdGetMToOwner, SetOwner], M),
        (M, PutSNotLast) => Impossible(NO_LIST),
        (M, PutSLast) => Go(&[PutAck], M),
        (M, PutMOwner) => Go(&[TakeData, ClearOwner, PutAck], I),
        (M, PutMNonOwner | PutENonOwner) => Go(&[PutAck], M),
        (M, PutEOwner) => Impossible(SILENT),
        (M, Data) => Impossible(NO_FORWARD),
        (M, MemData) => Impossible(NO_FETCH),
        (M, Evict) => Go(&[FwdGetMToOwnerForHome, ClearOwner], M_R),
        (M, EvictNoCopies) => Impossible(COPIES),
        (M, InvAckMore | InvAckLast) => Impossible(NO_RECALL),

        (S_D, GetS | GetM) => Stall,
        // The reader can have the owner's data, and have evicted them again, before the home has
        // them; and the former owner can have been evicting when the forward reached it.
        (S_D, PutSNotLast | PutSLast) => Go(&[DropSharer, PutAck], S_D),
        (S_D, PutMOwner | PutEOwner) => Impossible(NO_OWNER),
        (S_D, PutMNonOwner | PutENonOwner) => Go(&[DropSharer, PutAck], S_D),
        (S_D, Data) => Go(&[TakeData], S),
        (S_D, MemData) => Impossible(NO_FETCH),
        (S_D, Evict | EvictNoCopies) => Stall,
        (S_D, InvAckMore | InvAckLast) => Impossible(NO_RECALL),

        (S_R, GetS | GetM) => Stall,
        (S_R, PutSNotLast) => Impossible(NO_LIST),
        // The sender was listed and has an Inv coming, which it acknowledges in SI_A; or it lost
        // its copy earlier. Either way its Put changes nothing, least of all the number to expect.
        (S_R, PutSLast | PutMNonOwner | PutENonOwner) => Go(&[PutAck], S_R),
        (S_R, PutMOwner | PutEOwner) => Impossible(NO_OWNER),
        (S_R, Data) => Impossible(NO_FORWARD),
        (S_R, MemData) => Impossible(NO_FETCH),
        (S_R, Evict) => Impossible(NO_COPIES),
        (S_R, EvictNoCopies) => Stall,
        (S_R, InvAckMore) => Go(&[CountAck], S_R),
        (S_R, InvAckLast) => Go(&[CountAck, WriteBackIfDirty, FreeWay], NP),

        (M_R, GetS | GetM) => Stall,
        (M_R, PutSNotLast) => Impossible(NO_LIST),
        // The former owner's Put has crossed the recall: its answer to the recall brings the data,
        // so those of the Put are not taken. Or the Put is a late one of another cache.
        (M_R, PutSLast | PutMNonOwner | PutENonOwner) => Go(&[PutAck], M_R),
        (M_R, PutMOwner | PutEOwner) => Impossible(NO_OWNER),
        (M_R, Data) => Go(&[TakeData, WriteBackIfDirty, FreeWay], NP),
        (M_R, MemData) => Impossible(NO_FETCH),
        (M_R, Evict) => Impossible(NO_COPIES),
        (M_R, EvictNoCopies) => Stall,
        (M_R, InvAckMore | InvAckLast) => Impossible(NO_RECALL),

        (E | M, GetMOwner) => Impossible(OWNER_WRITES),
        (E | M, PutSOwner | PutSOwnerShared | PutMOwnerShared | PutEOwnerShared | EvictShared) => {
            Impossible(OWNER_ALONE)
        }
        (
            NP | F | I | S | S_D | S_R | M_R,
            GetMOwner | PutSOwner | PutSOwnerShared | PutMOwnerShared | PutEOwnerShared | EvictShared,
        ) => Impossible(NO_OWNER),

        (NP | F | I | S | E | M | S_D | S_R | M_R, UpgradeSharer) => Impossible(NO_UPGRADE),
        (NP | F | I | S | E | M | S_D | S_R | M_R, GetSNoData | GetMNoData | EvictData) => Impossible(ONE_ARRAY),
        (NP | F | I | S | E | M | S_D | S_R | M_R, AtomicOp | AtomicNoCopies | AtomicShared) => Impossible(NO_FAR),
        (NP | F | I | S | E | M | S_D | S_R | M_R, Upgr) => Impossible(NO_BUS),

        (SF | SF_D | O | O_R | I_D | S_F | S_A | M_A | O_A, _) => Impossible(NO_SUCH_STATE),
    }
}

/// Fills the two-dimensional table from the cells.
const fn home_table() -> HomeTable {
    let mut table = [[Cell::Stall; HomeEvent::COUNT]; HomeState::COUNT];
    let mut s = 0;
    while s < HomeState::COUNT {
        let mut e = 0;
        while e < HomeEvent::COUNT {
            table[s][e] = home_cell(HomeState::ALL[s], HomeEvent::ALL[e]);
            e += 1;
        }
        s += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By convention a transient state is named after what it was, or becomes, and what it waits for; one was nothing before.
    #[test]
    fn a_home_is_stable_in_the_states_whose_names_wait_for_nothing() {
        for state in HomeState::ALL {
            let waits = state == HomeState::F || state.to_string().contains('_');
            assert_eq!(state.is_stable(), !waits, "{state}");
        }
    }
}
