// SPDX-License-Identifier: MIT OR Apache-2.0
//! What ends a wait for an event, and when; what a drawn span may be; and what counts as retired.

use std::collections::BTreeSet;

use rqsim::machine::{MachineSpec, Outcome};
use sim_core::core::CoreParams;
use sim_core::time::Cycle;

use crate::common::{line_of, machine, notes, tiny};

/// A `tiny` machine whose event stream has this period.
fn with_stream(event_stream: u64) -> MachineSpec {
    let spec = tiny();
    MachineSpec { core: CoreParams { event_stream, ..spec.core }, ..spec }
}

/// Core 0 waits for an event of a line of which it has a copy if it `reads` it; core 1 writes it at 5000 at the earliest.
fn waits(reads: bool, line: u64, waits: usize) -> String {
    let read = if reads { format!("  x = load.u64 [{line}]\n") } else { String::new() };
    let wfe = format!("  wfe [{line}]\n").repeat(waits);
    format!(
        "proc t0() {{
{read}  work 1000cy
  z = 0
  mark note(1, 0, 0)
{wfe}  z = 0
  mark note(2, 0, 0)
  ret
}}
proc t1() {{
  work 5000cy
  store.u64 [{line}], 1
  ret
}}
"
    )
}

#[test]
fn the_event_stream_ends_a_wait_at_its_next_multiple() {
    // Move at T, wait issues at T + 2; the stream wakes it, and the move behind it issues in that cycle.
    for (period, woken) in [(700, 1400), (1000, 2000), (3000, 3000), (4999, 4999)] {
        let spec = with_stream(period);
        let n = notes(&spec, &waits(true, line_of(&spec, 0, 0), 1));
        assert!((1000..1100).contains(&n.at(0, 1)), "{n:?}");
        assert_eq!(n.at(0, 2), woken, "period {period}");
    }
    // A second wait, which issues in the cycle of an event, waits for the next one.
    for (period, woken) in [(700, 2100), (1000, 3000)] {
        let spec = with_stream(period);
        let n = notes(&spec, &waits(true, line_of(&spec, 0, 0), 2));
        assert_eq!(n.at(0, 2), woken, "period {period}");
    }
}

#[test]
fn a_writer_ends_a_wait_and_who_has_no_copy_does_not_wait() {
    // Without a stream: the line is taken some time after the store issued.
    let spec = with_stream(0);
    let n = notes(&spec, &waits(true, line_of(&spec, 0, 0), 1));
    assert!((5000..5200).contains(&n.at(0, 2)), "{n:?}");
    // Move 2, the wait that is none 1.
    let n = notes(&spec, &waits(false, line_of(&spec, 0, 0), 1));
    assert_eq!(n.span(0, 1, 2), 3);
}

#[test]
fn a_drawn_range_has_both_its_ends() {
    let drawn = |range: &str| {
        let text = format!(
            "dist span = uniform({range})
proc t0() {{
  i = 0
again:
  v = draw span
  mark note(i, v)
  i = i + 1
  if i < 200 goto again
  ret
}}
"
        );
        notes(&tiny(), &text).0.iter().map(|(_, _, [_, v, _])| *v).collect::<BTreeSet<_>>()
    };
    // At 1 GHz a nanosecond is a cycle.
    assert_eq!(drawn("3cy, 6cy"), BTreeSet::from([3, 4, 5, 6]));
    assert_eq!(drawn("3ns, 6ns"), BTreeSet::from([3, 4, 5, 6]));
    assert_eq!(drawn("7cy, 7cy"), BTreeSet::from([7]));
}

#[test]
fn marks_are_no_micro_ops() {
    let retired = |text: &str| {
        let mut m = machine(&tiny(), text);
        assert_eq!(m.run_until(Cycle(1000)), Outcome::Idle);
        m.retired()
    };
    assert_eq!(retired("proc t0() {\n  z = 0\n  ret\n}\n"), 2);
    assert_eq!(retired("proc t0() {\n  mark note(1, 0, 0)\n  z = 0\n  mark note(2, 0, 0)\n  ret\n}\n"), 2);
}

#[test]
fn who_waits_for_an_event_that_never_comes_is_not_at_rest() {
    let rests = |text: &str| {
        let mut m = machine(&with_stream(0), text);
        assert_eq!(m.run_until(Cycle(10_000)), Outcome::Idle);
        m.is_quiescent()
    };
    let line = line_of(&tiny(), 0, 0);
    assert!(rests(&format!("proc t0() {{\n  x = load.u64 [{line}]\n  halt\n  ret\n}}\n")), "asleep");
    assert!(!rests(&format!("proc t0() {{\n  x = load.u64 [{line}]\n  wfe [{line}]\n  ret\n}}\n")));
}
