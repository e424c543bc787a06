// SPDX-License-Identifier: MIT OR Apache-2.0
//! The private cache's side of the protocol: states, events, actions and the table.

use super::cell::{Cell, table_enum};

table_enum! {
    /// State of one line in a private cache, of every protocol together: a protocol that lacks a
    /// state has nothing but impossible cells in it. `XY_A` is on its way from `X` to `Y` and waits for
    /// acknowledgements, `XY_D` for data, `XY_AD` for both.
    CacheState {
        I = "No copy, and nothing is asked for.",
        IS_D = "A load waits for data.",
        IM_AD = "A store waits for data and for the number of acknowledgements to expect.",
        IM_A = "A store has its data and waits for the remaining acknowledgements.",
        S = "A copy that may be read; others may have one too.",
        SM_AD = "As IM_AD, with a copy that may still be read.",
        SM_A = "As IM_A, with a copy that may be read.",
        E = "The only copy, not written yet.",
        M = "The only copy, written.",
        MI_A = "Evicted from M; keeps the data to answer forwards until the Put-Ack.",
        EI_A = "Evicted from E; keeps the data to answer forwards until the Put-Ack.",
        SI_A = "Evicted from S, or downgraded while being evicted; waits for the Put-Ack.",
        II_A = "Its copy was taken while being evicted; only the Put-Ack is still to come.",
        F = "A clean copy that may be read, and that answers the next reader.",
        FM_AC = "A store waits for the grant, with a copy in F that may still be read.",
        FI_A = "Evicted from F; keeps the data to answer forwards until the Put-Ack.",
        O = "A written copy that may be read; others may have one too, and this one answers them.",
        OM_AC = "A store waits for the grant, with a copy in O that may still be read.",
        IS_DI = "A load waits for data, and has acknowledged an Inv: it uses the data once.",
        IA_V = "An operation that the home executes waits for its old value.",
        SA_V = "As IA_V, with a copy that may be read until the home takes it.",
        FA_V = "As IA_V, with a copy in F that may be read until the home takes it.",
        OA_V = "As IA_V, with a copy in O that may be read until the home takes it.",
        OI_A = "Evicted while others may have copies; keeps the data to answer until the Put-Ack.",
        IS_AD = "A load waits for its request's turn on the bus, and then for data.",
        IM_D = "A store's request has had its turn on the bus; it waits for data.",
    }
}

table_enum! {
    /// What can happen to a line in a private cache: three wishes of the core's side, three
    /// forwards, the Put-Ack and grants on the forward network, and the responses.
    CacheEvent {
        Load = "The core wants to read.",
        Store = "The core wants to write, or to read and write in one.",
        Evict = "The cache wants the place for another line.",
        FwdGetS = "The home passes on another cache's GetS.",
        FwdGetM = "The home passes on a GetM, or wants the line back for itself.",
        Inv = "The home tells the cache to drop its copy and to acknowledge to the requester.",
        PutAck = "The home has taken note of the eviction.",
        DataExclusive = "Data, and no other cache has a copy.",
        DataNoAcks = "Data with no acknowledgement missing: none was asked for, all have arrived, \
                      or it comes from an owner.",
        DataAcks = "Data with acknowledgements still missing.",
        DataForward = "Data, and from now on this cache answers the next reader.",
        GrantNoAcks = "The cache that answers readers may write, and no acknowledgement is missing.",
        GrantAcks = "The cache that answers readers may write once the missing acknowledgements come.",
        InvAck = "An acknowledgement that is not known to be the last one.",
        LastInvAck = "The acknowledgement that completes the expected number.",
        Atomic = "The core wants an operation executed that reads and writes in one, here or at the home.",
        AtomicData = "The old value of an operation that the home has executed.",
        OwnGetS = "The cache's own GetS is on the bus.",
        OwnGetM = "The cache's own GetM is on the bus, or its upgrade, which has come too late.",
        OwnUpgr = "The cache's own upgrade is on the bus, and its copy is still there.",
        OwnPut = "The cache's own PutE or PutM is on the bus.",
        OtherGetS = "Another cache's GetS is on the bus.",
        OtherGetM = "Another cache's GetM is on the bus, or an upgrade that has come too late.",
        OtherUpgr = "Another cache, which still has its copy to read, upgrades it.",
    }
}

table_enum! {
    /// One step of a private cache's reaction.
    CacheAction {
        Hit = "Let the access use the copy at once.",
        Alloc = "Occupy the line's entry for an outstanding request, with no acknowledgement \
                 counted.",
        SendGetS = "Ask the home for a copy to read.",
        SendGetM = "Ask the home for the only copy.",
        SendUpgrade = "Ask the home for the permission to write the copy to read that there is.",
        SendAtomic = "Send the operation to the home.",
        SendUpgr = "Ask for the permission to write the copy.",
        SendPutS = "Tell the home that a shared copy goes.",
        SendPutE = "Tell the home that the only copy goes and was not written.",
        SendPutM = "Send the written line back to the home.",
        DataToReq = "Send the line to the requester of the forward, which can be the home, with the \
                     number of acknowledgements that the forward announced.",
        DataForwardToReq = "Send the line to the requester, which answers the next reader.",
        DataToHome = "Send the line to the home.",
        AckToReq = "Acknowledge the Inv to its requester, which can be the home.",
        Fill = "Put the received data into the copy.",
        ExpectAcks = "Add the announced number to the acknowledgements missing.",
        CountAck = "Take one off the acknowledgements missing.",
        Complete = "Let the access that was waiting use the copy.",
        CompleteFar = "Give the core the old value of the operation that waited for it.",
        CompleteOnce = "Let the loads that were waiting use the received data, which are not kept.",
        DropCopy = "Forget the data.",
        Free = "Release the entry of the outstanding request.",
    }
}

/// An entry of the cache table.
pub type CacheCell = Cell<CacheAction, CacheState>;

/// `[state][event]`, both in the order of their `ALL`.
pub type CacheTable = [[CacheCell; CacheEvent::COUNT]; CacheState::COUNT];

/// The MESI table of the private cache, for execution.
pub static CACHE_TABLE: CacheTable = cache_table();

impl CacheState {
    /// No request is outstanding.
    #[must_use]
    pub const fn is_stable(self) -> bool {
        matches!(self, Self::I | Self::S | Self::E | Self::M | Self::F | Self::O)
    }

    /// A load may use the copy.
    #[must_use]
    pub const fn can_read(self) -> bool {
        matches!(self, Self::S | Self::SM_AD | Self::SM_A | Self::E | Self::M)
            || matches!(self, Self::F | Self::FM_AC | Self::O | Self::OM_AC)
            || matches!(self, Self::SA_V | Self::FA_V | Self::OA_V)
    }

    /// A store may use the copy without asking anybody.
    #[must_use]
    pub const fn can_write(self) -> bool {
        matches!(self, Self::E | Self::M)
    }

    /// At rest, and the home lists this cache as the one that answers for the line.
    #[must_use]
    pub const fn answers(self) -> bool {
        matches!(self, Self::E | Self::M | Self::F | Self::O)
    }

    /// There are data in this state, whether or not the core may use them.
    #[must_use]
    pub const fn holds_data(self) -> bool {
        self.can_read() || matches!(self, Self::IM_A | Self::MI_A | Self::EI_A | Self::SI_A | Self::FI_A | Self::OI_A)
    }

    /// The data may differ from what the home has, so whoever takes them has to write them back.
    #[must_use]
    pub const fn is_dirty(self) -> bool {
        matches!(self, Self::M | Self::MI_A | Self::O | Self::OM_AC | Self::OI_A | Self::OA_V)
    }
}

impl CacheEvent {
    /// The event for non-exclusive data; `missing` is the number of acknowledgements announced
    /// with the data, less those that have arrived already.
    #[must_use]
    pub const fn of_data(missing: i32) -> Self {
        if missing == 0 { Self::DataNoAcks } else { Self::DataAcks }
    }

    /// The event for a grant; `missing` as for data.
    #[must_use]
    pub const fn of_grant(missing: i32) -> Self {
        if missing == 0 { Self::GrantNoAcks } else { Self::GrantAcks }
    }

    /// The event for an acknowledgement; `missing` is the number missing before it, which is zero
    /// or less while the data with the announced number have not come.
    #[must_use]
    pub const fn of_inv_ack(missing: i32) -> Self {
        if missing == 1 { Self::LastInvAck } else { Self::InvAck }
    }

    /// It comes from the core or from the cache itself, not from a network.
    #[must_use]
    pub const fn is_local(self) -> bool {
        matches!(self, Self::Load | Self::Store | Self::Atomic | Self::Evict)
    }
}

pub(super) const NOT_OWNER: &str = "forwards go to owners, and this cache owns nothing";
pub(super) const NOT_SHARER: &str = "Inv goes to listed sharers, and the home has this cache off its list";
pub(super) const OWNER: &str = "the home lists this cache as the owner, and an owner gets forwards";
pub(super) const NO_PUT: &str = "no eviction is in flight";
pub(super) const NO_GET: &str = "nothing was asked for";
const HAVE_DATA: &str = "the data have arrived already";
pub(super) const NO_ACKS: &str = "no store is waiting for acknowledgements";
pub(super) const LOAD_ONLY: &str = "acknowledgements are announced to stores only";
const STORE_ONLY: &str = "exclusive data answer a load";
pub(super) const COUNT_UNKNOWN: &str = "the last one is known only once the data have told the number";
pub(super) const NO_GRANT: &str = "grants go to the cache that answers readers while it asks to write";
/// Why a directory protocol has no cells for what happens on a bus.
pub(super) const NO_BUS: &str = "requests go to the home alone";
const NO_F: &str = "nobody is made to answer readers of a clean line";
pub(super) const NO_FAR: &str = "every operation is executed by the core's own cache";
/// Why a state that the protocol lacks has no cells.
pub(super) const NO_SUCH_STATE: &str = "the protocol has no such state";

/// The private cache's side of MESI: what `event` does to a line in `state`.
///
/// A forward that finds the cache waiting for data stalls: it was sent after those data, but data
/// travel on another network and can be late.
pub const fn cache_cell(state: CacheState, event: CacheEvent) -> CacheCell {
    use {CacheAction::*, CacheEvent::*, CacheState::*, Cell::*};
    match (state, event) {
        (I, Load) => Go(&[Alloc, SendGetS], IS_D),
        (I, Store) => Go(&[Alloc, SendGetM], IM_AD),
        (I, Evict) => Impossible("there is nothing to evict"),
        (I, FwdGetS | FwdGetM) => Impossible(NOT_OWNER),
        (I, Inv) => Impossible(NOT_SHARER),
        (I, PutAck) => Impossible(NO_PUT),
        (I, DataExclusive | DataNoAcks | DataAcks) => Impossible(NO_GET),
        (I, InvAck | LastInvAck) => Impossible(NO_ACKS),

        (IS_D, Load | Store | Evict) => Stall,
        // MESI only: the exclusive data made this cache the owner and can still be on their way.
        (IS_D, FwdGetS | FwdGetM) => Stall,
        // Acknowledging at once would leave a copy that the home has forgotten.
        (IS_D, Inv) => Stall,
        (IS_D, PutAck) => Impossible(NO_PUT),
        (IS_D, DataExclusive) => Go(&[Fill, Complete, Free], E),
        (IS_D, DataNoAcks) => Go(&[Fill, Complete, Free], S),
        (IS_D, DataAcks) => Impossible(LOAD_ONLY),
        (IS_D, InvAck | LastInvAck) => Impossible(NO_ACKS),

        (IM_AD, Load | Store | Evict) => Stall,
        (IM_AD, FwdGetS | FwdGetM) => Stall,
        (IM_AD, Inv) => Impossible(NOT_SHARER),
        (IM_AD, PutAck) => Impossible(NO_PUT),
        (IM_AD, DataExclusive) => Impossible(STORE_ONLY),
        (IM_AD, DataNoAcks) => Go(&[Fill, Complete, Free], M),
        (IM_AD, DataAcks) => Go(&[Fill, ExpectAcks], IM_A),
        (IM_AD, InvAck) => Go(&[CountAck], IM_AD),
        (IM_AD, LastInvAck) => Impossible(COUNT_UNKNOWN),

        (IM_A, Load | Store | Evict) => Stall,
        (IM_A, FwdGetS | FwdGetM) => Stall,
        (IM_A, Inv) => Impossible(OWNER),
        (IM_A, PutAck) => Impossible(NO_PUT),
        (IM_A, DataExclusive | DataNoAcks | DataAcks) => Impossible(HAVE_DATA),
        (IM_A, InvAck) => Go(&[CountAck], IM_A),
        (IM_A, LastInvAck) => Go(&[CountAck, Complete, Free], M),

        (S, Load) => Go(&[Hit], S),
        (S, Store) => Go(&[Alloc, SendGetM], SM_AD),
        (S, Evict) => Go(&[Alloc, SendPutS], SI_A),
        (S, FwdGetS | FwdGetM) => Impossible(NOT_OWNER),
        (S, Inv) => Go(&[AckToReq, DropCopy], I),
        (S, PutAck) => Impossible(NO_PUT),
        (S, DataExclusive | DataNoAcks | DataAcks) => Impossible(NO_GET),
        (S, InvAck | LastInvAck) => Impossible(NO_ACKS),

        (SM_AD, Load) => Go(&[Hit], SM_AD),
        (SM_AD, Store | Evict) => Stall,
        (SM_AD, FwdGetS | FwdGetM) => Stall,
        // Another cache's store, or the home's eviction, came first; ours goes on without a copy.
        (SM_AD, Inv) => Go(&[AckToReq, DropCopy], IM_AD),
        (SM_AD, PutAck) => Impossible(NO_PUT),
        (SM_AD, DataExclusive) => Impossible(STORE_ONLY),
        (SM_AD, DataNoAcks) => Go(&[Fill, Complete, Free], M),
        (SM_AD, DataAcks) => Go(&[Fill, ExpectAcks], SM_A),
        (SM_AD, InvAck) => Go(&[CountAck], SM_AD),
        (SM_AD, LastInvAck) => Impossible(COUNT_UNKNOWN),

        (SM_A, Load) => Go(&[Hit], SM_A),
        (SM_A, Store | Evict) => Stall,
        (SM_A, FwdGetS | FwdGetM) => Stall,
        (SM_A, Inv) => Impossible(OWNER),
        (SM_A, PutAck) => Impossible(NO_PUT),
        (SM_A, DataExclusive | DataNoAcks | DataAcks) => Impossible(HAVE_DATA),
        (SM_A, InvAck) => Go(&[CountAck], SM_A),
        (SM_A, LastInvAck) => Go(&[CountAck, Complete, Free], M),

        (E, Load) => Go(&[Hit], E),
        (E, Store) => Go(&[Hit], M), // Silent: the home already counts E as an owner.
        (E, Evict) => Go(&[Alloc, SendPutE], EI_A),
        (E, FwdGetS) => Go(&[DataToReq, DataToHome], S),
        (E, FwdGetM) => Go(&[DataToReq, DropCopy], I),
        (E, Inv) => Impossible(OWNER),
        (E, PutAck) => Impossible(NO_PUT),
        (E, DataExclusive | DataNoAcks | DataAcks) => Impossible(NO_GET),
        (E, InvAck | LastInvAck) => Impossible(NO_ACKS),

        (M, Load) => Go(&[Hit], M),
        (M, Store) => Go(&[Hit], M),
        (M, Evict) => Go(&[Alloc, SendPutM], MI_A),
        (M, FwdGetS) => Go(&[DataToReq, DataToHome], S),
        (M, FwdGetM) => Go(&[DataToReq, DropCopy], I),
        (M, Inv) => Impossible(OWNER),
        (M, PutAck) => Impossible(NO_PUT),
        (M, DataExclusive | DataNoAcks | DataAcks) => Impossible(NO_GET),
        (M, InvAck | LastInvAck) => Impossible(NO_ACKS),

        // A forward here was sent before the home saw the Put. The home then takes the Put for one
        // from a non-owner and ignores its data, so the answer to the forward has to carry them.
        (MI_A, Load | Store | Evict) => Stall,
        (MI_A, FwdGetS) => Go(&[DataToReq, DataToHome], SI_A),
        (MI_A, FwdGetM) => Go(&[DataToReq, DropCopy], II_A),
        (MI_A, Inv) => Impossible(OWNER),
        (MI_A, PutAck) => Go(&[DropCopy, Free], I),
        (MI_A, DataExclusive | DataNoAcks | DataAcks) => Impossible(NO_GET),
        (MI_A, InvAck | LastInvAck) => Impossible(NO_ACKS),

        (EI_A, Load | Store | Evict) => Stall,
        (EI_A, FwdGetS) => Go(&[DataToReq, DataToHome], SI_A),
        (EI_A, FwdGetM) => Go(&[DataToReq, DropCopy], II_A),
        (EI_A, Inv) => Impossible(OWNER),
        (EI_A, PutAck) => Go(&[DropCopy, Free], I),
        (EI_A, DataExclusive | DataNoAcks | DataAcks) => Impossible(NO_GET),
        (EI_A, InvAck | LastInvAck) => Impossible(NO_ACKS),

        (SI_A, Load | Store | Evict) => Stall,
        (SI_A, FwdGetS | FwdGetM) => Impossible(NOT_OWNER),
        // The requester (or the home, when it takes the line back) counts on this acknowledgement.
        (SI_A, Inv) => Go(&[AckToReq, DropCopy], II_A),
        (SI_A, PutAck) => Go(&[DropCopy, Free], I),
        (SI_A, DataExclusive | DataNoAcks | DataAcks) => Impossible(NO_GET),
        (SI_A, InvAck | LastInvAck) => Impossible(NO_ACKS),

        (II_A, Load | Store | Evict) => Stall,
        (II_A, FwdGetS | FwdGetM) => Impossible(NOT_OWNER),
        (II_A, Inv) => Impossible(NOT_SHARER),
        (II_A, PutAck) => Go(&[Free], I),
        (II_A, DataExclusive | DataNoAcks | DataAcks) => Impossible(NO_GET),
        (II_A, InvAck | LastInvAck) => Impossible(NO_ACKS),

        (I | S | E | M | MI_A | EI_A | SI_A | II_A, DataForward) => Impossible(NO_GET),
        (IM_A | SM_A, DataForward) => Impossible(HAVE_DATA),
        (IS_D | IM_AD | SM_AD, DataForward) => Impossible(NO_F),
        (I | IS_D | IM_AD | IM_A | S | SM_AD | SM_A | E | M | MI_A | EI_A | SI_A | II_A, GrantNoAcks | GrantAcks) => {
            Impossible(NO_GRANT)
        }

        (I | IS_D | IM_AD | IM_A | S | SM_AD | SM_A | E | M | MI_A | EI_A | SI_A | II_A, Atomic | AtomicData) => {
            Impossible(NO_FAR)
        }

        (
            I | IS_D | IM_AD | IM_A | S | SM_AD | SM_A | E | M | MI_A | EI_A | SI_A | II_A,
            OwnGetS | OwnGetM | OwnUpgr | OwnPut | OtherGetS | OtherGetM | OtherUpgr,
        ) => Impossible(NO_BUS),

        (F | FM_AC | FI_A | O | OM_AC | OI_A | IS_DI | IA_V | SA_V | FA_V | OA_V | IS_AD | IM_D, _) => {
            Impossible(NO_SUCH_STATE)
        }
    }
}

/// Fills the two-dimensional table from the cells.
const fn cache_table() -> CacheTable {
    let mut table = [[Cell::Stall; CacheEvent::COUNT]; CacheState::COUNT];
    let mut s = 0;
    while s < CacheState::COUNT {
        let mut e = 0;
        while e < CacheEvent::COUNT {
            table[s][e] = cache_cell(CacheState::ALL[s], CacheEvent::ALL[e]);
            e += 1;
        }
        s += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{SNOOPING, Tables};

    /// Every cell that is taken, in every protocol.
    fn taken() -> impl Iterator<Item = (CacheState, CacheEvent, &'static [CacheAction], CacheState)> {
        let snooping = SNOOPING.iter().map(|name| Tables::by_name(name).expect("listed"));
        let tables = Tables::all().into_iter().chain(snooping);
        let pairs = |t: &'static Tables| {
            CacheState::ALL.into_iter().flat_map(|s| CacheEvent::ALL.map(|e| (s, e))).map(move |(s, e)| (t, s, e))
        };
        tables.flat_map(pairs).filter_map(|(t, s, e)| match t.cache_cell(s, e) {
            Cell::Go(actions, next) => Some((s, e, actions, next)),
            Cell::Stall | Cell::Impossible(_) => None,
        })
    }

    /// The entry of an outstanding request lives exactly as long as the transient states do.
    #[test]
    fn an_entry_is_allocated_on_leaving_and_freed_on_reaching_a_stable_state() {
        for (state, event, actions, next) in taken() {
            let count = |a| actions.iter().filter(|&&x| x == a).count();
            let leaves = state.is_stable() && !next.is_stable();
            let reaches = !state.is_stable() && next.is_stable();
            assert_eq!(count(CacheAction::Alloc), usize::from(leaves), "{state} {event}");
            assert_eq!(count(CacheAction::Free), usize::from(reaches), "{state} {event}");
        }
    }

    #[test]
    fn data_are_filled_and_dropped_exactly_where_the_state_starts_or_stops_holding_them() {
        for (state, event, actions, next) in taken() {
            let drops = actions.contains(&CacheAction::DropCopy);
            assert_eq!(drops, state.holds_data() && !next.holds_data(), "{state} {event}");
            if !state.holds_data() && next.holds_data() {
                assert!(actions.contains(&CacheAction::Fill), "{state} {event}");
            }
        }
    }

    #[test]
    fn only_the_owner_reads_its_copy_for_others_and_before_dropping_it() {
        use CacheAction::{DataForwardToReq, DataToHome, DataToReq, DropCopy};
        for (state, event, actions, _) in taken() {
            let at = |a| actions.iter().position(|&x| x == a);
            for send in [DataToReq, DataForwardToReq, DataToHome] {
                let Some(sent) = at(send) else { continue };
                assert!(state.holds_data(), "{state} {event}");
                assert!(at(DropCopy).is_none_or(|drop| sent < drop), "{state} {event}");
            }
        }
    }
}
