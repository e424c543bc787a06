// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mistakes planted in the lock are caught, each by the property that it breaks.

use std::io::Write;

use configs::Program;
use lock_impl::programs::embedded;
use rqsim::explore::Row;
use rqsim::plan::Plan;

use crate::{SIZE, lab, only, search};

/// A stage of an experiment with one passage of the lock's text replaced at its first place.
pub(crate) fn with_mistake(preset: &str, stage: &str, from: &str, to: &str) -> Plan {
    let text = embedded("rqspinlock").expect("it is built in").text;
    assert!(text.contains(from), "{from}");
    let mut file = tempfile::Builder::new().suffix(".uop").tempfile().expect("a file can be made");
    file.write_all(text.replacen(from, to, 1).as_bytes()).expect("it can be written");
    lab(preset, |e| {
        only(e, &[stage]);
        e.lock.program = Program::File(file.path().to_string_lossy().into_owned());
    })
}

/// The search of the plain experiment with a mistake.
fn mutant(from: &str, to: &str) -> Row {
    search(&with_mistake("explore-plain.ron", "next +1-5", from, to), &SIZE).remove(0)
}

/// The properties that do not hold.
fn broken(row: &Row) -> Vec<&str> {
    assert!(row.is_complete());
    row.violations.iter().map(|v| v.property.as_str()).collect()
}

/// The store by which a pending waiter takes the lock over, and two that leave the word free in between.
pub(crate) const CLAIM: &str = "store.u16 [lock.locked_pending], 1";
pub(crate) const TWO_STORES: &str = "store.u8 [lock.pending], 0\n    store.u8 [lock.locked], 1";

#[test]
fn a_pending_waiter_that_does_not_look_at_the_owner_breaks_exclusion() {
    let check = "  locked = load.u8.acq [lock.locked]\n  if locked == 0 goto claim\n";
    let row = mutant(check, "  locked = load.u8.acq [lock.locked]\n  if locked != 2 goto claim\n");
    assert!(broken(&row).contains(&"exclusion"), "{:?}", broken(&row));
    assert!(row.violations[0].story.len() < 20, "{:#?}", row.violations[0].story);
}

#[test]
fn taking_over_in_two_stores_breaks_exclusion_in_one_order_and_not_in_the_other() {
    let row = mutant(CLAIM, TWO_STORES);
    assert!(broken(&row).contains(&"exclusion"), "{:?}", broken(&row));
    let row = mutant(CLAIM, "store.u8 [lock.locked], 1\n    store.u8 [lock.pending], 0");
    assert_eq!(broken(&row), Vec::<&str>::new(), "the word is never free in between");
}

#[test]
fn an_heir_that_is_called_before_the_lock_is_marked_breaks_exclusion() {
    // Found only if the call can become visible before the release, which is merged with it otherwise.
    let row = mutant("  store.u8 [lock.locked], 1                     # C2\n", "  barrier\n  pause\n");
    assert!(broken(&row).contains(&"exclusion"), "{:?}", broken(&row));
}

#[test]
fn an_error_that_leaves_its_entry_is_seen_at_rest() {
    let row = mutant("  mark resumed(lock)                            # gives up: pending no more\n  call pop()\n", "");
    assert!(broken(&row).contains(&"clean"), "{:?}", broken(&row));
}

#[test]
fn a_waiter_that_forgets_to_take_back_pending_stops_everybody() {
    let row = mutant("  patch !full_word {\n    store.u8 [lock.pending], 0                  # S8\n  }\n", "");
    assert!(broken(&row).contains(&"clean"), "{:?}", broken(&row));
}
