// SPDX-License-Identifier: MIT OR Apache-2.0
//! Far atomics, as a patch to any of the protocols: the home executes a read-modify-write on its own data.
//!
//! A cache that owns the line alone (`E`, `M`) executes the operation itself. Any other sends it to the home, and
//! keeps the copy to read that it may have until it is told to drop it. The home takes every copy back, the
//! sender's included, as a recall does (`S_A`, `M_A`, `O_A`, after `S_R`, `M_R`, `O_R`), but the line stays in the
//! slice. Then nobody has a copy, the home executes the operation and answers with the old value; nobody owns
//! the line afterwards.
//!
//! That is atomic for the same reason as a store: at the instant of the operation there is one copy of the line.
//! The answer cannot overtake the Inv or forward that takes the sender's copy, because the home waits for what
//! answers that.
//!
//! Source of the idea: machines that execute contended fetch-and-add at the home node; the tables and their
//! transient states are our own and machine-checked.

use super::cache::{CacheAction, CacheCell, CacheEvent, CacheState, NO_ACKS, NO_BUS, NO_GRANT, NO_PUT};
use super::cell::Cell::{self, Go, Impossible, Stall};
use super::home::{COPIES, HomeAction, HomeCell, HomeEvent, HomeState, NO_COPIES, NO_OWNER};
use super::tables::Tables;

const NO_ATOMIC: &str = "no operation was sent to the home";
const WHOLE: &str = "the answer to an operation is its old value, not the line";

impl Tables {
    /// These tables with read-modify-writes that are executed at the home.
    #[must_use]
    pub(super) fn far(self) -> Self {
        Self { far: true, ..self }.far_at_the_cache().far_at_the_home()
    }

    fn far_at_the_cache(self) -> Self {
        use {CacheAction::*, CacheEvent::*, CacheState::*};
        let mut t = self;
        for state in CacheState::ALL.into_iter().filter(|&s| t.cache_has(s)).collect::<Vec<_>>() {
            let cell = match state {
                I => Go(&[Alloc, SendAtomic], IA_V),
                S => Go(&[Alloc, SendAtomic], SA_V),
                F => Go(&[Alloc, SendAtomic], FA_V),
                O => Go(&[Alloc, SendAtomic], OA_V),
                E | M => Go(&[Hit], M),
                _ => Stall,
            };
            t = t.with_cache_cell(state, Atomic, cell).with_cache_cell(state, AtomicData, Impossible(NO_ATOMIC));
        }
        for (state, with) in [(I, IA_V), (S, SA_V), (F, FA_V), (O, OA_V)] {
            if !t.cache_has(state) {
                continue;
            }
            for event in CacheEvent::ALL {
                let cell = far_wait(with, event, t.cache_cell(state, event));
                t = t.with_cache_cell(with, event, cell);
            }
        }
        // Any of the others becomes this one when its copy is taken.
        t.with_cache_cell(IA_V, AtomicData, Go(&[CompleteFar, Free], I))
    }

    fn far_at_the_home(self) -> Self {
        use {HomeAction::*, HomeEvent::*, HomeState::*};
        let mut t = self;
        for state in HomeState::ALL.into_iter().filter(|&s| t.home_has(s)).collect::<Vec<_>>() {
            let cells: [HomeCell; 3] = match state {
                NP => [Impossible(NO_COPIES), t.home_cell(NP, GetM), Impossible(NO_OWNER)],
                I => [Impossible(NO_COPIES), Go(&[PerformAtomic, AtomicDataToReq], I), Impossible(NO_OWNER)],
                F => [Impossible(NO_COPIES), Stall, Impossible(NO_OWNER)],
                S => [
                    Go(&[ExpectSharerAcks, InvSharersAckHome, ClearSharers, Requeue], S_A),
                    match t.home_cell(S, EvictNoCopies) {
                        Go(..) => Go(&[Requeue], I),
                        other => other,
                    },
                    Impossible(NO_OWNER),
                ],
                E | M => {
                    [Go(&[FwdGetMToOwnerForHome, ClearOwner, Requeue], M_A), Impossible(COPIES), Impossible(COPIES)]
                }
                SF | O => [
                    match t.home_cell(state, Evict) {
                        Go(..) => Go(&[FwdGetMToOwnerForHome, ClearOwner, Requeue], M_A),
                        other => other,
                    },
                    Impossible(COPIES),
                    Go(
                        &[
                            FwdGetMToOwnerForHome,
                            ClearOwner,
                            ExpectSharerAcks,
                            InvSharersAckHome,
                            ClearSharers,
                            Requeue,
                        ],
                        O_A,
                    ),
                ],
                _ => [Stall; 3],
            };
            for (event, cell) in [AtomicOp, AtomicNoCopies, AtomicShared].into_iter().zip(cells) {
                t = t.with_home_cell(state, event, cell);
            }
        }
        for (recall, own) in [(S_R, S_A), (M_R, M_A), (O_R, O_A)] {
            if !t.home_has(recall) {
                continue;
            }
            for event in HomeEvent::ALL {
                let cell = match (recall, event, t.home_cell(recall, event)) {
                    (S_R, InvAckLast, Go(..)) => Go(&[CountAck], I),
                    (M_R, Data, Go(..)) => Go(&[TakeData], I),
                    (O_R, Data, Go(actions, _)) => Go(actions, S_A),
                    (O_R, InvAckLast, Go(actions, _)) => Go(actions, M_A),
                    (_, _, Go(actions, _)) => Go(actions, own),
                    (_, _, other) => other,
                };
                t = t.with_home_cell(own, event, cell);
            }
        }
        t
    }

    fn cache_has(&self, state: CacheState) -> bool {
        self.cache[state as usize].iter().any(|cell| !matches!(cell, Cell::Impossible(_)))
    }

    fn home_has(&self, state: HomeState) -> bool {
        self.home[state as usize].iter().any(|cell| !matches!(cell, Cell::Impossible(_)))
    }
}

/// A cache that waits for the answer to its operation in state `own`; `rest` is its cell without one.
fn far_wait(own: CacheState, event: CacheEvent, rest: CacheCell) -> CacheCell {
    use {CacheAction::*, CacheEvent::*, CacheState::*};
    match event {
        Load => match rest {
            Go(&[Hit], _) => Go(&[Hit], own),
            _ => Stall,
        },
        Store | Atomic | Evict => Stall,
        FwdGetS | FwdGetM | Inv => match rest {
            Go(actions, I) => Go(actions, IA_V),
            Go(actions, S) => Go(actions, SA_V),
            Go(actions, _) => Go(actions, own),
            // A copy in S is taken by an Inv, and that of a sender without one (which has been) is not taken.
            other => other,
        },
        PutAck => Impossible(NO_PUT),
        DataExclusive | DataNoAcks | DataAcks | DataForward => Impossible(WHOLE),
        GrantNoAcks | GrantAcks => Impossible(NO_GRANT),
        InvAck | LastInvAck => Impossible(NO_ACKS),
        AtomicData => Impossible("the home takes this copy first, and waits until it has gone"),
        OwnGetS | OwnGetM | OwnUpgr | OwnPut | OtherGetS | OtherGetM | OtherUpgr => Impossible(NO_BUS),
    }
}
