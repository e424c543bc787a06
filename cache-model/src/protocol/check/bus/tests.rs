// SPDX-License-Identifier: MIT OR Apache-2.0
//! Snooping is correct for small machines, and the explorer catches what would not be.

use super::*;
use crate::protocol::cache::{CacheAction as A, CacheEvent as E, CacheState as C};
use crate::protocol::home::{HomeAction as H, HomeEvent as V, HomeState as D};
use Cell::Go;

fn explored(tables: &Tables, caches: usize, queue: usize) -> Report {
    let options = BusOptions { caches, queue, symmetry: caches > 2, states_max: 30_000_000 };
    check_bus(tables, &options).expect("the number of caches is in range")
}

/// Insists that every property holds; gives states, transitions and depth.
fn holds(tables: &Tables, caches: usize, queue: usize) -> (usize, usize, u32) {
    let report = explored(tables, caches, queue);
    assert_eq!(report.verdict, Verdict::Holds, "{} {caches} {queue}\n{report}", tables.name);
    if caches > 1 {
        assert_eq!(report.coverage.cache_untaken(tables), []);
        assert_eq!(report.coverage.home_untaken(tables), []);
        assert_eq!(report.forward_queue_max, queue, "the limit is not what keeps the queues short");
    }
    (report.states, report.transitions, report.depth)
}

#[test]
fn one_to_three_caches_with_msi_stay_coherent_and_take_every_cell() {
    let t = Tables::snoop_msi();
    assert_eq!(holds(&t, 1, 3), (69, 138, 18));
    assert_eq!(holds(&t, 2, 4), (17_908, 54_393, 37));
    assert_eq!(holds(&t, 3, 3), (43_501, 166_239, 35));
}

#[test]
fn one_to_three_caches_with_mesi_stay_coherent_and_take_every_cell() {
    let t = Tables::snoop_mesi();
    assert_eq!(holds(&t, 1, 3), (84, 180, 18));
    assert_eq!(holds(&t, 2, 4), (72_712, 240_474, 40));
    assert_eq!(holds(&t, 3, 3), (236_578, 956_046, 42));
}

#[test]
fn four_caches_stay_coherent() {
    assert_eq!(holds(&Tables::snoop_msi(), 4, 2), (40_989, 185_126, 32));
    assert_eq!(holds(&Tables::snoop_mesi(), 4, 2), (237_111, 1_080_943, 53));
}

/// What the explorer says about these tables with as many caches.
fn fault_of(tables: &Tables, caches: usize) -> String {
    match explored(tables, caches, 3).verdict {
        Verdict::Violated(found) => found.fault.to_string(),
        other => panic!("the fault was not caught: {other:?}"),
    }
}

const DEADLOCK: &str = "deadlock: no step is possible";

/// A cell, how many caches it takes to catch it, and what is said of it.
type CacheMutant = (C, E, Cell<A, C>, usize, &'static str);
type HomeMutant = (D, V, Cell<H, D>, usize, &'static str);

#[test]
fn wrong_caches_are_caught() {
    let mutants: [CacheMutant; 9] = [
        (C::S, E::OtherUpgr, Go(&[], C::S), 2, "property violated: a copy that may be read is not the newest"),
        (
            C::SM_A,
            E::OtherGetM,
            Go(&[], C::SM_A),
            2,
            "cache 1: (IM_D, OtherUpgr): nobody else has a copy that could be upgraded",
        ),
        (C::IS_D, E::OtherGetM, Go(&[], C::IS_D), 2, "property violated: the home does not know of a copy"),
        (
            C::IS_D,
            E::OtherUpgr,
            Go(&[], C::IS_D),
            2,
            "property violated: a load got a value of before or after its turn",
        ),
        (C::IS_D, E::OtherGetS, Go(&[], C::IS_D), 2, "property violated: the home does not know of a copy"),
        (C::IM_D, E::OtherGetM, Go(&[], C::IM_D), 2, "property violated: the home does not know of a copy"),
        (C::MI_A, E::OtherGetM, Go(&[], C::MI_A), 2, DEADLOCK),
        (C::MI_A, E::OtherGetS, Go(&[A::DataToReq, A::DropCopy], C::II_A), 2, DEADLOCK),
        (C::M, E::OtherGetS, Go(&[A::DataToReq], C::S), 2, DEADLOCK),
    ];
    for (state, event, cell, caches, expected) in mutants {
        let found = fault_of(&Tables::snoop_mesi().with_cache_cell(state, event, cell), caches);
        assert_eq!(found, expected, "{state} {event}");
    }
}

#[test]
fn wrong_homes_are_caught() {
    let mutants: [HomeMutant; 8] = [
        (D::S, V::GetS, Go(&[H::DataExclusiveToReq], D::S), 2, "property violated: the home does not know of a copy"),
        (D::S, V::Upgr, Go(&[], D::S), 2, "property violated: the home would answer with old data"),
        (D::E, V::PutMOwner, Go(&[H::ClearOwner], D::I), 1, "property violated: the home would answer with old data"),
        (
            D::M,
            V::GetS,
            Go(&[H::DataToReq, H::ClearOwner], D::S),
            2,
            "action cannot be executed: a second answer to one cache at once",
        ),
        (D::M, V::GetM, Go(&[], D::M), 2, "property violated: the home does not know of a copy"),
        (
            D::I,
            V::GetM,
            Go(&[H::DataToReq, H::DropSlice], D::M),
            1,
            "property violated: the home does not know of a copy",
        ),
        (
            D::S_D,
            V::GetS,
            Go(&[H::DataToReq], D::S_D),
            3,
            "property violated: a load got a value of before or after its turn",
        ),
        (D::I_D, V::Data, Go(&[], D::I), 1, "property violated: the home would answer with old data"),
    ];
    for (state, event, cell, caches, expected) in mutants {
        let found = fault_of(&Tables::snoop_mesi().with_home_cell(state, event, cell), caches);
        assert_eq!(found, expected, "{state} {event}");
    }
}

#[test]
fn numbers_of_caches_out_of_range_are_refused() {
    let options = BusOptions { caches: 6, queue: 1, symmetry: true, states_max: 1 };
    assert_eq!(check_bus(&Tables::snoop_msi(), &options), Err(CachesOutOfRange(6)));
}
