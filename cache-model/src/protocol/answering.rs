// SPDX-License-Identifier: MIT OR Apache-2.0
//! A copy that may be read and that answers other readers, though its cache has to ask before it writes: `F` of
//! MESIF and `O` of MOESI. Both are granted their stores without data; they differ in how they answer a reader.

use super::cache::{
    COUNT_UNKNOWN, CacheCell, CacheEvent, CacheState, NO_ACKS, NO_BUS, NO_FAR, NO_GET, NO_GRANT, NO_PUT,
};
use super::cell::Cell::{Go, Impossible, Stall};
use super::tables::Tables;

pub(super) const GRANTED: &str = "the home grants what this cache asks for, or takes its copy first";

/// The three states of such a copy, each with its answer to a reader (`FwdGetS`).
pub(super) struct Answering {
    /// At rest.
    pub(super) rest: (CacheState, CacheCell),
    /// While its cache asks to write.
    pub(super) asks: (CacheState, CacheCell),
    /// While it is evicted.
    pub(super) evicts: (CacheState, CacheCell),
    /// What an eviction begins with.
    pub(super) evict: CacheCell,
    /// Why no `Inv` comes to it.
    pub(super) no_inv: &'static str,
}

impl Answering {
    /// The tables with the rows of the three states.
    pub(super) fn patch(&self, mut t: Tables) -> Tables {
        for event in CacheEvent::ALL {
            t = t.with_cache_cell(self.rest.0, event, self.at_rest(event));
            t = t.with_cache_cell(self.asks.0, event, self.asking(event));
            t = t.with_cache_cell(self.evicts.0, event, self.evicting(event));
        }
        t
    }

    fn at_rest(&self, event: CacheEvent) -> CacheCell {
        use {super::cache::CacheAction::*, CacheEvent::*, CacheState::*};
        match event {
            Load => Go(&[Hit], self.rest.0),
            Store => Go(&[Alloc, SendGetM], self.asks.0),
            Evict => self.evict,
            FwdGetS => self.rest.1,
            FwdGetM => Go(&[DataToReq, DropCopy], I),
            Inv => Impossible(self.no_inv),
            PutAck => Impossible(NO_PUT),
            DataExclusive | DataNoAcks | DataAcks | DataForward => Impossible(NO_GET),
            GrantNoAcks | GrantAcks => Impossible(NO_GRANT),
            InvAck | LastInvAck => Impossible(NO_ACKS),
            Atomic | AtomicData => Impossible(NO_FAR),
            OwnGetS | OwnGetM | OwnUpgr | OwnPut | OtherGetS | OtherGetM | OtherUpgr => Impossible(NO_BUS),
        }
    }

    fn asking(&self, event: CacheEvent) -> CacheCell {
        use {super::cache::CacheAction::*, CacheEvent::*, CacheState::*};
        match event {
            Load => Go(&[Hit], self.asks.0),
            Store | Evict => Stall,
            FwdGetS => self.asks.1,
            // Another store, or the home's eviction, came first; ours goes on without a copy.
            FwdGetM => Go(&[DataToReq, DropCopy], IM_AD),
            Inv => Impossible(self.no_inv),
            PutAck => Impossible(NO_PUT),
            DataExclusive | DataNoAcks | DataAcks | DataForward => Impossible(GRANTED),
            GrantNoAcks => Go(&[Complete, Free], M),
            GrantAcks => Go(&[ExpectAcks], SM_A),
            InvAck => Go(&[CountAck], self.asks.0),
            LastInvAck => Impossible(COUNT_UNKNOWN),
            Atomic | AtomicData => Impossible(NO_FAR),
            OwnGetS | OwnGetM | OwnUpgr | OwnPut | OtherGetS | OtherGetM | OtherUpgr => Impossible(NO_BUS),
        }
    }

    fn evicting(&self, event: CacheEvent) -> CacheCell {
        use {super::cache::CacheAction::*, CacheEvent::*, CacheState::*};
        match event {
            Load | Store | Evict => Stall,
            FwdGetS => self.evicts.1,
            FwdGetM => Go(&[DataToReq, DropCopy], II_A),
            Inv => Impossible(self.no_inv),
            PutAck => Go(&[DropCopy, Free], I),
            DataExclusive | DataNoAcks | DataAcks | DataForward => Impossible(NO_GET),
            GrantNoAcks | GrantAcks => Impossible(NO_GRANT),
            InvAck | LastInvAck => Impossible(NO_ACKS),
            Atomic | AtomicData => Impossible(NO_FAR),
            OwnGetS | OwnGetM | OwnUpgr | OwnPut | OtherGetS | OtherGetM | OtherUpgr => Impossible(NO_BUS),
        }
    }
}
