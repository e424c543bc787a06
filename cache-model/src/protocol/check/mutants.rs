// SPDX-License-Identifier: MIT OR Apache-2.0
//! Deliberate faults: what the explorer says about tables that are wrong. Every property is
//! violated by at least one of them, so none holds for want of looking.

use super::super::cache::{CacheAction as A, CacheEvent as E, CacheState as C};
use super::super::home::{HomeAction as H, HomeEvent as V, HomeState as D};
use super::*;
use Cell::{Go, Impossible};

/// Explores and insists on a violation.
fn violation(tables: &Tables, options: Options) -> Violation {
    let report = check(tables, &options).expect("the number of caches is in range");
    match report.verdict {
        Verdict::Violated(violation) => violation,
        other => panic!("the fault was not caught: {other:?}"),
    }
}

/// MESI with some cells of the cache replaced.
fn cache_mutant(cells: &[(C, E, Cell<A, C>)]) -> Tables {
    cells.iter().fold(Tables::mesi(), |t, &(s, e, cell)| t.with_cache_cell(s, e, cell))
}

/// MESI with some cells of the home replaced.
fn home_mutant(cells: &[(D, V, Cell<H, D>)]) -> Tables {
    cells.iter().fold(Tables::mesi(), |t, &(s, e, cell)| t.with_home_cell(s, e, cell))
}

/// What the explorer says about this table on the simulator's machine with two caches.
fn fault_of(tables: &Tables) -> String {
    violation(tables, Options::machine(2, true)).fault.to_string()
}

#[test]
fn a_silent_eviction_of_e_lets_a_forward_meet_i_after_six_steps() {
    let silent = cache_mutant(&[(C::E, E::Evict, Go(&[A::DropCopy], C::I))]);
    let found = violation(&silent, Options::textbook(2));
    assert_eq!(
        found.trace,
        [
            "cache 0: Load, I -> IS_D",
            "home: GetS from cache 0, I -> E",
            "cache 0: data, IS_D -> E",
            "cache 0: Evict, E -> I",
            "cache 1: Load, I -> IS_D",
            "home: GetS from cache 1, E -> S_D",
            "in the end: cache 0 in I, FwdGetS for cache 1 coming",
            "in the end: cache 1 in IS_D",
            "in the end: home in S_D, sharer 0, sharer 1",
        ]
    );
    assert_eq!(found.depth, 6);
    let why = "forwards go to owners, and this cache owns nothing";
    assert_eq!(found.fault, Fault::Cache { cache: 0, state: C::I, event: E::FwdGetS, why });
    // In front of a slice it takes no second cache: the recall is a forward, too.
    let found = violation(&silent, Options::machine(1, true));
    assert_eq!(found.fault, Fault::Cache { cache: 0, state: C::I, event: E::FwdGetM, why });
}

#[test]
fn an_unordered_forward_network_lets_a_forward_meet_i_after_eight_steps() {
    let unordered = Options::textbook(2).with_forward_ordered(false);
    let found = violation(&Tables::mesi(), unordered);
    assert!(matches!(found.fault, Fault::Cache { state: C::I, event: E::FwdGetS, .. }));
    assert_eq!(found.depth, 8);
    // With recalls even one cache is enough: the Put-Ack overtakes the recall.
    let alone = Options::machine(1, true).with_forward_ordered(false);
    let found = violation(&Tables::mesi(), alone);
    assert!(matches!(found.fault, Fault::Cache { state: C::I, event: E::FwdGetM, .. }));
}

#[test]
fn an_evicting_owner_that_drops_forwards_leads_to_a_deadlock_after_ten_steps() {
    let deaf = cache_mutant(&[
        (C::MI_A, E::FwdGetS, Go(&[], C::MI_A)),
        (C::MI_A, E::FwdGetM, Go(&[], C::MI_A)),
        (C::EI_A, E::FwdGetS, Go(&[], C::EI_A)),
        (C::EI_A, E::FwdGetM, Go(&[], C::EI_A)),
    ]);
    let found = violation(&deaf, Options::textbook(2));
    assert_eq!((found.fault, found.depth), (Fault::Deadlock, 10));
}

#[test]
fn a_store_that_does_not_wait_for_acknowledgements_has_readers_of_old_data_beside_it() {
    let hasty = [C::IM_AD, C::SM_AD].map(|s| {
        let actions = &[A::Fill, A::ExpectAcks, A::Complete];
        (s, E::DataAcks, Go(actions, C::M))
    });
    let hasty = cache_mutant(&hasty);
    assert_eq!(fault_of(&hasty), "property violated: a copy that may be read is not the newest");
    // Without data bits the same states are caught by who may do what.
    let control = violation(&hasty, Options::machine(2, true).with_data(false));
    let both = Fault::Property("one cache may write while another may read");
    assert_eq!(control.fault, both);
}

#[test]
fn exclusive_data_beside_a_sharer_are_caught_before_anybody_writes() {
    let actions = &[H::DataExclusiveToReq, H::AddSharer];
    let generous = home_mutant(&[(D::S, V::GetS, Go(actions, D::S))]);
    assert_eq!(fault_of(&generous), "property violated: one cache may write while another may read");
}

#[test]
fn an_inv_that_is_acknowledged_without_dropping_the_copy_leaves_an_unknown_one() {
    let kept = cache_mutant(&[(C::SM_AD, E::Inv, Go(&[A::AckToReq], C::SM_AD))]);
    assert_eq!(fault_of(&kept), "property violated: the home has forgotten a copy");
    let lingers = cache_mutant(&[(C::S, E::Inv, Go(&[A::AckToReq], C::I))]);
    let no_data = "property violated: a state that stands for data has none, or the reverse";
    assert_eq!(fault_of(&lingers), no_data);
}

#[test]
fn a_home_that_answers_for_the_owner_gives_old_data_to_readers_and_writers() {
    let old = |event, from_home, from_owner, home_next, owner_next| {
        home_mutant(&[(D::M, event, Go(from_home, home_next))]).with_cache_cell(
            C::M,
            if event == V::GetS { E::FwdGetS } else { E::FwdGetM },
            Go(from_owner, owner_next),
        )
    };
    let actions = &[H::DataToReq, H::FwdGetSToOwner, H::SharersAreReqAndOwner, H::ClearOwner];
    assert_eq!(
        fault_of(&old(V::GetS, actions, &[A::DataToHome], D::S_D, C::S)),
        "property violated: a copy that may be read is not the newest"
    );
    let actions = &[H::DataToReq, H::FwdGetMToOwner, H::SetOwner];
    assert_eq!(
        fault_of(&old(V::GetM, actions, &[A::DropCopy], D::M, C::I)),
        "action cannot be executed: a store into an old copy"
    );
}

#[test]
fn an_owners_data_that_are_not_taken_leave_the_slice_old() {
    let ignored = home_mutant(&[(D::S_D, V::Data, Go(&[], D::S))]);
    assert_eq!(fault_of(&ignored), "property violated: the slice would answer with old data");
}

#[test]
fn a_recall_that_does_not_write_back_is_caught_where_the_way_is_freed() {
    let lost = home_mutant(&[(D::M_R, V::Data, Go(&[H::TakeData, H::FreeWay], D::NP))]);
    assert_eq!(fault_of(&lost), "action cannot be executed: a dirty way is given up");
    let neither = home_mutant(&[(D::M_R, V::Data, Go(&[H::FreeWay], D::NP))]);
    assert_eq!(fault_of(&neither), "property violated: memory would answer with old data");
}

#[test]
fn a_reader_that_is_not_listed_is_forgotten() {
    let unlisted = home_mutant(&[(D::S, V::GetS, Go(&[H::DataToReq], D::S))]);
    assert_eq!(fault_of(&unlisted), "property violated: the home has forgotten a copy");
}

#[test]
fn an_upgrade_without_a_number_expects_too_few_acknowledgements() {
    let actions = &[H::DataToReq, H::InvOtherSharers, H::ClearSharers, H::SetOwner];
    let uncounted = home_mutant(&[(D::S, V::GetM, Go(actions, D::M))]);
    assert_eq!(fault_of(&uncounted), "property violated: a cache expects other acknowledgements than come");
}

#[test]
fn a_recall_that_clears_the_list_too_early_expects_too_few_acknowledgements() {
    let actions = &[H::InvSharersAckHome, H::ClearSharers, H::ExpectSharerAcks];
    let misordered = home_mutant(&[(D::S, V::Evict, Go(actions, D::S_R))]);
    assert_eq!(fault_of(&misordered), "property violated: the home expects other acknowledgements than come");
}

#[test]
fn a_put_that_is_sent_twice_is_a_second_request() {
    let twice = cache_mutant(&[(C::E, E::Evict, Go(&[A::SendPutE, A::SendPutE], C::EI_A))]);
    assert_eq!(fault_of(&twice), "action cannot be executed: a second request of one cache at once");
}

#[test]
fn a_home_that_answers_a_read_itself_and_forwards_it_too_answers_twice() {
    let actions = &[H::DataToReq, H::FwdGetSToOwner, H::SharersAreReqAndOwner, H::ClearOwner];
    let both = home_mutant(&[(D::M, V::GetS, Go(actions, D::S_D))]);
    let found = fault_of(&both);
    assert_eq!(found, "action cannot be executed: a second answer to one cache at once");
}

/// The two sharers can both have gone before the home, in `S_D`, gets the owner's data and enters
/// `S`. Evicting then must not wait: this is why the event has two forms.
#[test]
fn waiting_for_the_acknowledgements_of_an_empty_list_is_a_deadlock() {
    let actions = &[H::ExpectSharerAcks, H::InvSharersAckHome, H::ClearSharers];
    let waits = home_mutant(&[(D::S, V::EvictNoCopies, Go(actions, D::S_R))]);
    let found = violation(&waits, Options::machine(2, true));
    assert_eq!((found.fault, found.depth), (Fault::Deadlock, 19));
}

#[test]
fn a_recall_that_keeps_the_owner_takes_a_crossing_put_for_the_owners() {
    let keeps = home_mutant(&[
        (D::E, V::Evict, Go(&[H::FwdGetMToOwnerForHome], D::M_R)),
        (D::M_R, V::Evict, Cell::Stall), // Otherwise this is what it meets first.
    ]);
    assert_eq!(fault_of(&keeps), "home: (M_R, PutEOwner): there is no owner in this state");
}

#[test]
fn late_puts_do_arrive_at_every_state_of_the_home() {
    let of_mesi = |s: &D| !matches!(s, D::SF | D::SF_D | D::O | D::O_R | D::I_D | D::S_F | D::S_A | D::M_A | D::O_A);
    for state in D::ALL.into_iter().filter(of_mesi) {
        for event in [V::PutSLast, V::PutMNonOwner, V::PutENonOwner] {
            let closed = home_mutant(&[(state, event, Impossible("closed"))]);
            let found = violation(&closed, Options::machine(3, true).with_symmetry(true));
            assert_eq!(found.fault, Fault::Home { state, event, why: "closed" });
        }
    }
}

#[test]
fn a_lost_put_ack_leaves_no_way_back_to_quiet() {
    let lost = cache_mutant(&[(C::II_A, E::PutAck, Go(&[], C::II_A))]);
    let found = violation(&lost, Options::textbook(2));
    assert_eq!(found.fault, Fault::NeverQuiet);
}
