// SPDX-License-Identifier: MIT OR Apache-2.0
//! The protocol is correct for small machines, and the explorer counts what was published.

use super::*;

/// Explores and insists that every property holds.
fn holds(tables: &Tables, options: Options) -> Report {
    let report = check(tables, &options).expect("the number of caches is in range");
    assert_eq!(report.verdict, Verdict::Holds, "{} {options:?}\n{report}", tables.name);
    report
}

/// States, transitions and depth.
fn counts(report: &Report) -> (usize, usize, u32) {
    (report.states, report.transitions, report.depth)
}

#[test]
fn the_textbook_abstraction_has_the_published_numbers_of_states_and_transitions() {
    // In this order: plain, with symmetry, with data, with data and symmetry.
    let published = [
        (Tables::msi(), 1, 5, [(13, 15), (13, 15), (13, 16), (13, 16)]),
        (Tables::msi(), 2, 17, [(482, 1113), (251, 582), (539, 1253), (279, 651)]),
        (Tables::mesi(), 1, 5, [(13, 15), (13, 15), (13, 17), (13, 17)]),
        (Tables::mesi(), 2, 22, [(643, 1483), (332, 768), (771, 1840), (399, 955)]),
    ];
    for (tables, caches, depth, expected) in published {
        let variants = [(false, false), (false, true), (true, false), (true, true)];
        for ((data, symmetry), (states, transitions)) in variants.into_iter().zip(expected) {
            let options = Options::textbook(caches).with_data(data).with_symmetry(symmetry);
            let report = holds(&tables, options);
            assert_eq!((report.states, report.transitions), (states, transitions), "{options:?}");
            if !data {
                assert_eq!(report.depth, depth, "{options:?}");
            }
        }
    }
}

#[test]
fn two_textbook_caches_meet_the_published_number_of_pairs() {
    let tables = Tables::mesi();
    let report = holds(&tables, Options::textbook(2));
    assert_eq!(report.coverage.pairs(&tables), (43, 31));
    assert_eq!(report.forward_queue_max, 2);
}

#[test]
fn one_cache_and_its_home_stay_coherent() {
    let report = holds(&Tables::mesi(), Options::machine(1, true));
    assert_eq!(counts(&report), (71, 133, 15));
}

#[test]
fn two_caches_on_one_line_stay_coherent_and_take_nearly_every_cell() {
    let tables = Tables::mesi();
    let report = holds(&tables, Options::machine(2, true));
    assert_eq!(counts(&report), (3484, 9832, 27));
    // An acknowledgement after the data that is not the last one takes two other sharers.
    let need_three = [(CacheState::IM_A, CacheEvent::InvAck), (CacheState::SM_A, CacheEvent::InvAck)];
    assert_eq!(report.coverage.cache_untaken(&tables), need_three);
    assert_eq!(report.coverage.home_untaken(&tables), []);
}

#[test]
fn three_caches_on_one_line_stay_coherent_and_take_every_cell() {
    let tables = Tables::mesi();
    let report = holds(&tables, Options::machine(3, true));
    assert_eq!(counts(&report), (113_622, 434_028, 38));
    assert_eq!(report.coverage.cache_untaken(&tables), []);
    assert_eq!(report.coverage.home_untaken(&tables), []);
    assert_eq!(report.forward_queue_max, 2);
}

#[test]
fn four_caches_on_one_line_stay_coherent() {
    let report = holds(&Tables::mesi(), Options::machine(4, true).with_symmetry(true));
    assert_eq!(counts(&report), (164_922, 803_146, 43));
}

#[test]
fn msi_with_a_slice_stays_coherent_too() {
    let report = holds(&Tables::msi(), Options::machine(3, true).with_symmetry(true));
    assert_eq!(counts(&report), (11_826, 44_706, 29));
}

/// Without recalls exactly the cells stay untaken that exist because of them.
#[test]
fn a_slice_that_never_evicts_takes_every_cell_but_those_of_recalls() {
    let tables = Tables::mesi();
    let report = holds(&tables, Options::machine(3, false).with_symmetry(true));
    assert_eq!(counts(&report), (7209, 24_702, 34));
    assert_eq!(report.coverage.cache_untaken(&tables), []);
    for state in HomeState::ALL {
        for event in HomeEvent::ALL {
            let Cell::Go(actions, _) = tables.home_cell(state, event) else {
                continue;
            };
            let recalls = matches!(state, HomeState::S_R | HomeState::M_R)
                || matches!(event, HomeEvent::Evict | HomeEvent::EvictNoCopies);
            // A Put to an absent line comes from a cache that a recall robbed.
            let late =
                matches!(state, HomeState::NP | HomeState::F) && actions == [crate::protocol::HomeAction::PutAck];
            let taken = report.coverage.home[state as usize][event as usize] > 0;
            assert_eq!(taken, !recalls && !late, "{state} {event}");
        }
    }
}

#[test]
fn symmetry_changes_neither_the_depth_nor_the_pairs_met() {
    let tables = Tables::mesi();
    let plain = holds(&tables, Options::machine(3, true));
    let folded = holds(&tables, Options::machine(3, true).with_symmetry(true));
    assert_eq!(folded.depth, plain.depth);
    assert_eq!(folded.coverage.pairs(&tables), plain.coverage.pairs(&tables));
    // Six namings, and most states have caches that differ.
    assert!(folded.states * 6 >= plain.states && folded.states * 5 < plain.states);
}

#[test]
fn the_limit_of_states_ends_an_exploration_without_a_verdict_on_the_protocol() {
    let options = Options::machine(3, true).with_states_max(1000);
    let report = check(&Tables::mesi(), &options).expect("three caches are in range");
    assert_eq!(report.verdict, Verdict::LimitReached);
    assert!((1000..1100).contains(&report.states), "{}", report.states);
}

#[test]
fn numbers_of_caches_out_of_range_are_refused() {
    for caches in [0, CACHES_MAX + 1] {
        let refused = check(&Tables::mesi(), &Options::machine(caches, true));
        let error = refused.expect_err("it is out of range");
        assert_eq!(error.to_string(), format!("{caches} caches cannot be explored: 1 to 5 can"));
    }
}
