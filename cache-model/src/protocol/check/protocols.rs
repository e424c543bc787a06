// SPDX-License-Identifier: MIT OR Apache-2.0
//! MESIF and MOESI are correct for small machines, and the explorer catches what would not be.

use super::super::cache::{CacheAction as A, CacheEvent as E, CacheState as C};
use super::super::home::{HomeAction as H, HomeEvent as V, HomeState as D};
use super::*;
use Cell::{Go, Stall};

/// Explores the simulator's machine, insists that every property holds, and gives states, transitions,
/// depth and the longest queue of forwards to one cache.
fn holds(tables: &Tables, caches: usize, symmetry: bool) -> (Report, (usize, usize, u32, usize)) {
    let options = Options::machine(caches, true).with_symmetry(symmetry);
    let report = check(tables, &options).expect("the number of caches is in range");
    assert_eq!(report.verdict, Verdict::Holds, "{} {options:?}\n{report}", tables.name);
    let counts = (report.states, report.transitions, report.depth, report.forward_queue_max);
    (report, counts)
}

/// The first violation on the simulator's machine.
fn violation(tables: &Tables, caches: usize) -> Violation {
    let options = Options::machine(caches, true).with_symmetry(caches > 2);
    match check(tables, &options).expect("the number of caches is in range").verdict {
        Verdict::Violated(violation) => violation,
        other => panic!("the fault was not caught: {other:?}"),
    }
}

/// What the explorer says about these tables with two caches.
fn fault_of(tables: &Tables) -> String {
    violation(tables, 2).fault.to_string()
}

#[test]
fn one_and_two_caches_with_mesif_stay_coherent() {
    assert_eq!(holds(&Tables::mesif(), 1, false).1, (71, 133, 15, 2));
    assert_eq!(holds(&Tables::mesif(), 2, false).1, (4406, 12_510, 27, 3));
}

#[test]
fn one_and_two_caches_with_moesi_stay_coherent() {
    assert_eq!(holds(&Tables::moesi(), 1, false).1, (71, 133, 15, 2));
    assert_eq!(holds(&Tables::moesi(), 2, false).1, (7024, 20_081, 31, 3));
}

#[test]
fn three_caches_with_mesif_stay_coherent_and_take_every_cell() {
    let (report, counts) = holds(&Tables::mesif(), 3, false);
    assert_eq!(counts, (177_116, 680_549, 39, 3));
    assert_eq!(report.coverage.cache_untaken(&Tables::mesif()), []);
    assert_eq!(report.coverage.home_untaken(&Tables::mesif()), []);
}

#[test]
fn three_caches_with_moesi_stay_coherent_and_take_every_cell() {
    let (report, counts) = holds(&Tables::moesi(), 3, false);
    assert_eq!(counts, (327_354, 1_248_194, 48, 4));
    assert_eq!(report.coverage.cache_untaken(&Tables::moesi()), []);
    assert_eq!(report.coverage.home_untaken(&Tables::moesi()), []);
}

#[test]
fn four_caches_with_mesif_stay_coherent() {
    assert_eq!(holds(&Tables::mesif(), 4, true).1, (300_568, 1_463_335, 46, 3));
}

#[test]
fn four_caches_with_moesi_stay_coherent() {
    assert_eq!(holds(&Tables::moesi(), 4, true).1, (612_557, 2_921_338, 57, 5));
}

/// Two caches are stuck: the forwarder waits for an acknowledgement of the reader that waits for its data.
#[test]
fn a_forwarder_that_lets_a_reader_wait_for_its_store_is_a_deadlock() {
    let waits = Tables::mesif().with_cache_cell(C::FM_AC, E::FwdGetS, Stall);
    let found = violation(&waits, 2);
    assert!(matches!(found.fault, Fault::Deadlock | Fault::NeverQuiet), "{}", found.fault);
    let owner = Tables::moesi().with_cache_cell(C::OM_AC, E::FwdGetS, Stall);
    let found = violation(&owner, 2);
    assert!(matches!(found.fault, Fault::Deadlock | Fault::NeverQuiet), "{}", found.fault);
}

#[test]
fn a_forwarder_that_stays_the_forwarder_is_not_where_the_home_looks() {
    let stays = Tables::mesif().with_cache_cell(C::F, E::FwdGetS, Go(&[A::DataForwardToReq], C::F));
    let fault = violation(&stays, 3).fault;
    assert!(matches!(fault, Fault::Cache { state: C::F, event: E::Inv, .. }), "{fault}");
}

#[test]
fn a_forwarder_that_is_not_put_on_the_list_when_it_is_relieved_is_forgotten() {
    let forgets = Tables::mesif().with_home_cell(D::SF, V::GetS, Go(&[H::FwdGetSToOwner, H::SetOwner], D::SF));
    assert_eq!(fault_of(&forgets), "property violated: the home has forgotten a copy");
}

#[test]
fn a_forwarder_made_while_an_owners_data_are_ignored_leaves_the_slice_old() {
    let actions = &[H::FwdGetSToOwner, H::AddOwner, H::SetOwner];
    let hasty = Tables::mesif().with_home_cell(D::M, V::GetS, Go(actions, D::SF)).with_cache_cell(
        C::M,
        E::FwdGetS,
        Go(&[A::DataForwardToReq], C::S),
    );
    assert_eq!(fault_of(&hasty), "property violated: the slice would answer with old data");
}

#[test]
fn an_owner_that_lets_go_of_written_data_without_sending_them_loses_them() {
    let silent = Tables::moesi().with_cache_cell(C::M, E::FwdGetS, Go(&[A::DataToReq], C::S));
    assert_eq!(fault_of(&silent), "home: (O, PutSOwnerShared): an owner evicts with PutM or PutE");
    let clean = Tables::moesi().with_home_cell(D::O, V::PutMOwner, Go(&[H::ClearOwner, H::PutAck], D::I));
    assert_eq!(fault_of(&clean), "property violated: the slice would answer with old data");
    let shared = Tables::moesi().with_home_cell(D::O, V::PutMOwnerShared, Go(&[H::ClearOwner, H::PutAck], D::S));
    assert_eq!(fault_of(&shared), "property violated: the slice would answer with old data");
}

#[test]
fn a_home_that_answers_readers_of_an_owned_line_itself_gives_them_old_data() {
    let old = Tables::moesi().with_home_cell(D::O, V::GetS, Go(&[H::DataToReq, H::AddSharer], D::O));
    let found = violation(&old, 3).fault.to_string();
    // The owner was given E and has not heard of the readers yet, of which this one is the second.
    assert_eq!(found, "property violated: one cache may write while another may read");
}

#[test]
fn an_owner_that_writes_without_asking_has_readers_beside_it() {
    let rash = Tables::moesi().with_cache_cell(C::O, E::Store, Go(&[A::Hit], C::M));
    assert_eq!(fault_of(&rash), "property violated: a copy that may be read is not the newest");
}

#[test]
fn a_grant_that_does_not_say_how_many_have_to_acknowledge_is_too_early() {
    for tables in [Tables::mesif(), Tables::moesi()] {
        let name = tables.name;
        let actions = &[H::InvOtherSharers, H::ClearSharers, H::GrantToReq];
        let state = if name == "mesif" { D::SF } else { D::O };
        let early = tables.with_home_cell(state, V::GetMOwner, Go(actions, D::M));
        assert_eq!(fault_of(&early), "property violated: a cache expects other acknowledgements than come", "{name}");
    }
}

#[test]
fn a_recall_that_waits_for_the_owner_only_counts_too_few_acknowledgements() {
    for tables in [Tables::mesif(), Tables::moesi()] {
        let name = tables.name;
        let actions = &[H::FwdGetMToOwnerForHome, H::ClearOwner, H::InvSharersAckHome, H::ClearSharers];
        let state = if name == "mesif" { D::SF } else { D::O };
        let forgets = tables.with_home_cell(state, V::EvictShared, Go(actions, D::M_R));
        let expected = "property violated: the home expects other acknowledgements than come";
        assert_eq!(fault_of(&forgets), expected, "{name}");
    }
}

/// On an unordered network a grant overtakes the forward that was sent before it.
#[test]
fn a_grant_has_to_stay_behind_earlier_forwards() {
    for tables in [Tables::mesif(), Tables::moesi()] {
        let options = Options::machine(2, false).with_forward_ordered(false);
        let report = check(&tables, &options).expect("two caches are in range");
        assert!(matches!(report.verdict, Verdict::Violated(_)), "{}", tables.name);
    }
}

#[test]
fn silent_evictions_of_shared_copies_keep_every_protocol_coherent() {
    let expected = [
        ("msi-silent", (3341, 9296, 30, 2), (19_626, 74_636, 40, 2)),
        ("mesi-silent", (4544, 12_668, 31, 2), (32_343, 122_898, 40, 2)),
        ("mesif-silent", (5636, 15_688, 30, 3), (48_178, 181_452, 42, 3)),
        ("moesi-silent", (7404, 21_144, 34, 3), (74_744, 283_124, 43, 4)),
    ];
    for (name, two, three) in expected {
        let tables = Tables::by_name(name).expect("it is listed");
        assert_eq!(holds(tables, 2, false).1, two, "{name}");
        let (report, counts) = holds(tables, 3, true);
        assert_eq!(counts, three, "{name}");
        assert_eq!(report.coverage.cache_untaken(tables), [], "{name}");
        assert_eq!(report.coverage.home_untaken(tables), [], "{name}");
    }
}

/// Old and new Inv look alike, so a load that lets one wait can wait for its own acknowledgement.
#[test]
fn a_load_that_lets_an_inv_wait_after_a_silent_eviction_is_a_deadlock() {
    let tables = Tables::by_name("mesi-silent").expect("it is listed").clone();
    let found = violation(&tables.with_cache_cell(C::IS_D, E::Inv, Stall), 2);
    assert!(matches!(found.fault, Fault::Deadlock | Fault::NeverQuiet), "{}", found.fault);
    let keeps = Tables::by_name("mesi-silent").expect("it is listed").clone();
    let keeps = keeps.with_cache_cell(C::IS_DI, E::DataNoAcks, Go(&[A::Fill, A::Complete, A::Free], C::S));
    let found = fault_of(&keeps);
    assert_eq!(found, "property violated: the home has forgotten a copy");
}
