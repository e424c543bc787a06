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

/// States, transitions, depth and the longest queue of forwards to one cache.
type Counts = (usize, usize, u32, usize);

/// Explores protocols with two caches, and with three of which the names do not count.
fn hold_and_take_every_cell(expected: &[(&str, Counts, Counts)]) {
    for &(name, two, three) in expected {
        let tables = Tables::by_name(name).expect("it is listed");
        let (report, counts) = holds(tables, 3, true);
        assert_eq!((holds(tables, 2, false).1, counts), (two, three), "{name}");
        assert_eq!(report.coverage.cache_untaken(tables), [], "{name}");
        assert_eq!(report.coverage.home_untaken(tables), [], "{name}");
    }
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
        let name = tables.name.clone();
        let actions = &[H::InvOtherSharers, H::ClearSharers, H::GrantToReq];
        let state = if name == "mesif" { D::SF } else { D::O };
        let early = tables.with_home_cell(state, V::GetMOwner, Go(actions, D::M));
        assert_eq!(fault_of(&early), "property violated: a cache expects other acknowledgements than come", "{name}");
    }
}

#[test]
fn a_recall_that_waits_for_the_owner_only_counts_too_few_acknowledgements() {
    for tables in [Tables::mesif(), Tables::moesi()] {
        let name = tables.name.clone();
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
    hold_and_take_every_cell(&expected);
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

#[test]
fn upgrades_without_data_keep_every_protocol_coherent() {
    let expected = [
        ("msi-upgrade", (2753, 7464, 23, 2), (14_184, 52_237, 29, 2)),
        ("mesi-upgrade", (3821, 10_582, 27, 2), (23_876, 89_271, 38, 2)),
        ("mesif-upgrade", (4888, 13_656, 27, 3), (38_195, 144_091, 43, 3)),
        ("moesi-upgrade", (7755, 21_725, 31, 3), (67_998, 254_786, 48, 4)),
        ("msi-silent-upgrade", (3704, 10_116, 30, 2), (22_853, 85_063, 40, 2)),
        ("mesi-silent-upgrade", (4923, 13_506, 31, 2), (36_794, 137_087, 40, 2)),
        ("mesif-silent-upgrade", (6126, 16_846, 30, 3), (56_850, 210_831, 42, 3)),
        ("moesi-silent-upgrade", (8075, 22_656, 34, 3), (85_217, 317_604, 43, 4)),
    ];
    hold_and_take_every_cell(&expected);
}

/// An upgrade that says "I have a copy" where there is none gets no data.
#[test]
fn a_cache_that_asks_for_the_permission_only_must_have_a_copy() {
    let tables = Tables::by_name("mesi-silent-upgrade").expect("it is listed").clone();
    let lies = tables.with_cache_cell(C::I, E::Store, Go(&[A::Alloc, A::SendUpgrade], C::IM_AD));
    let fault = violation(&lies, 2).fault;
    assert!(matches!(fault, Fault::Cache { state: C::IM_AD, event: E::GrantNoAcks | E::GrantAcks, .. }), "{fault}");
}

#[test]
fn an_upgrade_is_granted_with_the_number_of_those_told_and_takes_the_sender_off_the_list() {
    let tables = Tables::by_name("mesi-upgrade").expect("it is listed");
    let mutant = |actions| tables.clone().with_home_cell(D::S, V::UpgradeSharer, Go(actions, D::M));
    let early = mutant(&[H::InvOtherSharers, H::ClearSharers, H::GrantToReq, H::SetOwner]);
    assert_eq!(fault_of(&early), "property violated: a cache expects other acknowledgements than come");
    let listed = mutant(&[H::GrantToReq, H::InvOtherSharers, H::SetOwner]);
    assert_eq!(fault_of(&listed), "property violated: the home lists the owner as a sharer");
    let untold = mutant(&[H::GrantToReq, H::ClearSharers, H::SetOwner]);
    assert_eq!(fault_of(&untold), "property violated: a cache expects other acknowledgements than come");
}

#[test]
fn a_directory_apart_from_the_data_keeps_every_protocol_coherent() {
    let expected = [
        ("msi-noninclusive", (3843, 13_004, 25, 2), (19_216, 85_204, 31, 2)),
        ("mesi-noninclusive", (5407, 18_550, 28, 2), (32_621, 145_654, 36, 2)),
        ("mesif-noninclusive", (6753, 23_336, 28, 3), (49_200, 221_239, 36, 3)),
        ("moesi-noninclusive", (9871, 34_871, 29, 3), (80_812, 365_916, 45, 4)),
        ("msi-silent-noninclusive", (5496, 18_615, 31, 2), (33_534, 149_086, 41, 2)),
        ("mesi-silent-noninclusive", (7139, 24_247, 29, 2), (52_581, 233_160, 38, 2)),
        ("mesif-silent-noninclusive", (8627, 29_352, 28, 3), (75_672, 334_291, 40, 3)),
        ("moesi-silent-noninclusive", (12_111, 42_924, 32, 3), (123_436, 556_524, 46, 4)),
        ("mesi-upgrade-noninclusive", (5884, 19_884, 28, 2), (37_629, 164_795, 36, 2)),
        ("mesif-silent-upgrade-noninclusive", (9341, 31_456, 28, 3), (88_965, 387_827, 40, 3)),
    ];
    hold_and_take_every_cell(&expected);
}

#[test]
fn data_that_leave_the_slice_go_to_memory_if_they_were_written_and_are_fetched_where_they_are_needed() {
    let mutant = |state, event, actions, next| {
        let tables = Tables::by_name("mesi-noninclusive").expect("it is listed").clone();
        fault_of(&tables.with_home_cell(state, event, Go(actions, next)))
    };
    // A dirty way must not go, whoever has copies.
    for (state, next) in [(D::I, D::NP), (D::S, D::S), (D::E, D::E)] {
        let lost = mutant(state, V::EvictData, &[H::DropData], next);
        assert_eq!(lost, "action cannot be executed: a dirty way is given up", "{state}");
    }
    let bare = mutant(D::S, V::GetSNoData, &[H::DataToReq, H::AddSharer], D::S);
    assert_eq!(bare, "action cannot be executed: data are sent that the slice does not have");
    // The directory forgets a line that somebody owns.
    let forgotten = mutant(D::E, V::Evict, &[H::ClearOwner], D::I);
    assert_eq!(forgotten, "property violated: the home has forgotten a copy");
    // The owner's written data are not kept.
    let dropped = mutant(D::M_R, V::Data, &[], D::I);
    assert!(dropped.starts_with("property violated: "), "{dropped}");
    // Copies may go while the data are on their way.
    let alone = mutant(D::S_F, V::PutSLast, &[H::PutAck], D::S_F);
    assert_eq!(alone, "cache 1: (I, Inv): Inv goes to listed sharers, and the home has this cache off its list");
}

#[test]
fn operations_executed_at_the_home_keep_every_protocol_coherent() {
    let expected = [
        ("msi-far", (3577, 10_153, 22, 2), (20_105, 77_608, 28, 2)),
        ("mesi-far", (4822, 14_040, 27, 2), (32_745, 128_027, 38, 2)),
        ("mesif-far", (6206, 18_188, 27, 3), (50_846, 200_623, 39, 3)),
        ("moesi-far", (10_256, 30_193, 31, 3), (96_572, 380_349, 48, 4)),
        ("msi-silent-far", (5091, 14_576, 30, 2), (34_625, 135_902, 40, 2)),
        ("mesi-silent-far", (6498, 18_758, 31, 2), (53_562, 209_672, 40, 2)),
        ("mesif-silent-far", (8032, 23_152, 30, 3), (79_358, 309_084, 42, 3)),
        ("moesi-silent-far", (11_161, 32_951, 34, 3), (126_928, 499_895, 43, 4)),
        ("mesi-upgrade-far", (5215, 14_928, 27, 2), (37_256, 142_563, 38, 2)),
        ("mesi-noninclusive-far", (7389, 25_962, 28, 2), (51_469, 233_913, 36, 2)),
        ("mesif-silent-upgrade-noninclusive-far", (13_046, 45_193, 28, 3), (142_361, 638_127, 40, 3)),
        ("moesi-silent-upgrade-noninclusive-far", (19_296, 69_446, 32, 3), (231_202, 1_064_212, 46, 4)),
    ];
    hold_and_take_every_cell(&expected);
}

/// An operation reads the newest value and leaves no older copy to be read, or it could lose another's.
#[test]
fn an_operation_at_the_home_waits_until_nobody_has_a_copy() {
    let mutant = |state, event, actions, next| {
        let tables = Tables::by_name("mesi-far").expect("it is listed").clone();
        fault_of(&tables.with_home_cell(state, event, Go(actions, next)))
    };
    let perform: &[H] = &[H::PerformAtomic, H::AtomicDataToReq];
    let stale = "property violated: a copy that may be read is not the newest";
    assert_eq!(mutant(D::S, V::AtomicOp, perform, D::S), stale);
    // The owner may have written.
    assert_eq!(mutant(D::M, V::AtomicOp, perform, D::M), "action cannot be executed: an operation on old data");
    let ignores = mutant(D::M_A, V::Data, &[], D::I);
    assert_eq!(ignores, "property violated: the slice would answer with old data");
    let early = mutant(D::S, V::AtomicOp, &[H::InvSharersAckHome, H::ClearSharers, H::Requeue], D::I);
    assert_eq!(early, "property violated: the home expects other acknowledgements than come");
    // A cache that takes the old value for the line.
    let tables = Tables::by_name("mesi-far").expect("it is listed").clone();
    let keeps = tables.with_cache_cell(C::IA_V, E::AtomicData, Go(&[A::Fill, A::CompleteFar, A::Free], C::S));
    assert_eq!(fault_of(&keeps), stale);
}
