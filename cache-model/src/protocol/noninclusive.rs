// SPDX-License-Identifier: MIT OR Apache-2.0
//! A last level that does not include the private caches, with a directory of its own (a snoop filter), as a
//! patch to any of the protocols.
//!
//! The home has two arrays. An *entry* of the directory holds state, owner and sharers; a line needs one while
//! caches have copies of it or a transaction is under way. A *way* of the data array holds the line's data,
//! and need not be there while caches have copies. So `I` is a line with data and without an entry, and one
//! with neither is `NP`: whoever looks up a state says `NP` for an `I` without data.
//!
//! Each array takes what it needs from others. The directory's wish for an entry (`Evict*`) takes the line back
//! from the caches; the data that come home stay, in `I`. The data array's wish for a way (`EvictData`) is
//! granted in every state: written data go to memory, and caches that have copies keep them. A request that the
//! slice has to answer in `S` without data fetches them from memory first (`S_F`), which has the newest then.
//!
//! Data are put into the slice when they come from memory and when an owner sends them, not when a clean
//! copy leaves a private cache (gap: D27).

use super::cache::{NO_BUS, NO_FAR};
use super::cell::Cell::{Go, Impossible, Stall};
use super::home::{HomeAction, HomeCell, HomeEvent, HomeState, NO_FORWARD, NO_OWNER, NO_RECALL};
use super::tables::Tables;

const NO_ENTRY: &str = "a line without copies has no entry in the directory";
const NO_DATA: &str = "the slice has no data of the line";
const NOT_ASKED: &str = "in this state the answer does not come from the slice's data";

impl Tables {
    /// These tables for a directory and data in arrays of their own.
    #[must_use]
    pub(super) fn noninclusive(self) -> Self {
        use {HomeAction::*, HomeEvent::*, HomeState::*};
        let mut t = Self { noninclusive: true, ..self };
        for event in HomeEvent::ALL {
            let s = t.home_cell(S, event);
            t = t.with_home_cell(S_F, event, s_f(event, s));
        }
        for state in HomeState::ALL {
            if t.lacks(state) {
                continue;
            }
            let evict_data = match state {
                NP | F | S_F => Impossible(NO_DATA),
                I => Go(&[WriteBackIfDirty, DropData], NP),
                // Data that are old here are of no use, and of no harm in memory, which is as old.
                _ => Go(&[WriteBackIfDirty, DropData], state),
            };
            t = t.with_home_cell(state, EvictData, evict_data);
            for event in [GetSNoData, GetMNoData] {
                t = t.with_home_cell(state, event, Impossible(NOT_ASKED));
            }
        }
        let fetch: HomeCell = Go(&[FetchMemory, Requeue], S_F);
        t = t
            .with_home_cell(S, GetSNoData, fetch)
            .with_home_cell(S, GetMNoData, fetch)
            .with_home_cell(I, EvictNoCopies, Impossible(NO_ENTRY))
            .with_home_cell(S_R, InvAckLast, Go(&[CountAck], I))
            .with_home_cell(M_R, Data, Go(&[TakeData], I));
        if matches!(t.home_cell(S, EvictNoCopies), Go(..)) {
            t = t.with_home_cell(S, EvictNoCopies, Go(&[], I));
        }
        t
    }

    /// No event is possible in this state.
    fn lacks(&self, state: HomeState) -> bool {
        self.home[state as usize].iter().all(|cell| matches!(cell, Impossible(_)))
    }
}

/// A shared line whose data are being fetched; `s` is the cell of one that has them.
fn s_f(event: HomeEvent, s: HomeCell) -> HomeCell {
    use {HomeAction::*, HomeEvent::*, HomeState::*};
    match event {
        GetS | GetM => Stall,
        PutSNotLast | PutMNonOwner | PutENonOwner => match s {
            Go(actions, _) => Go(actions, S_F),
            other => other,
        },
        PutSLast => match s {
            Go(actions, _) => Go(actions, F),
            other => other,
        },
        GetMOwner | PutSOwner | PutSOwnerShared | PutMOwner | PutMOwnerShared | PutEOwner | PutEOwnerShared
        | EvictShared => Impossible(NO_OWNER),
        MemData => Go(&[FillSlice], S),
        Evict | EvictNoCopies => Stall,
        Data => Impossible(NO_FORWARD),
        InvAckMore | InvAckLast => Impossible(NO_RECALL),
        UpgradeSharer => match s {
            Go(..) => Stall,
            other => other,
        },
        GetSNoData | GetMNoData => Impossible(NOT_ASKED),
        AtomicOp | AtomicNoCopies | AtomicShared => Impossible(NO_FAR),
        EvictData => Impossible(NO_DATA),
        Upgr => Impossible(NO_BUS),
    }
}
