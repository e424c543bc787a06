// SPDX-License-Identifier: MIT OR Apache-2.0
//! Locked read-modify-writes: hits, lines owned elsewhere, lines shared by others.

use cache_model::timing::{Topology, WireParams};
use rqsim::machine::MachineSpec;

use crate::common::{line, line_of, notes, skylake, tiny};

/// `op` on core `core` at cycle 20,000, with what other cores do before it; cycles without the move.
fn one(spec: &MachineSpec, core: usize, op: &str, others: &[(usize, String)]) -> u64 {
    let tasks: String = others
        .iter()
        .enumerate()
        .map(|(i, (core, op))| format!("proc t{core}() {{\n  work {}cy\n  {op}\n  ret\n}}\n", 100 + 5000 * i))
        .collect();
    let text = format!(
        "{tasks}proc t{core}() {{
  work 20000cy
  z = 0
  mark note(1, 0, 0)
  {op}
  z = 0
  mark note(2, 0, 0)
  ret
}}
"
    );
    notes(spec, &text).span(core, 1, 2) - u64::from(spec.core.alu)
}

#[test]
fn a_locked_access_to_an_owned_line_takes_its_latency() {
    let text = |evict: &str| {
        format!(
            "proc t0() {{
  x = fetch_add.u64 [{0}], 1
{evict}  z = 0
  mark note(1, 0, 0)
  x = fetch_add.u64 [{0}], 1
  z = 0
  mark note(2, 0, 0)
  x, ok = cas.u64 [{0}], 9, 1
  z = 0
  mark note(3, x, 0)
  ret
}}
",
            line(0)
        )
    };
    // skylake: move 1 + 18, whether or not the comparison succeeds.
    let n = notes(&skylake(), &text(""));
    assert_eq!((n.span(0, 1, 2), n.span(0, 2, 3), n.value(0, 3)), (19, 19, 2));
    // tiny: line 0 is in the second level only (lines 1 and 3 took its place): move 2 + 7 + (8 - 3); then 2 + 7.
    let evict = format!("  x = load.u64 [{}]\n  x = load.u64 [{}]\n", line(1), line(3));
    let n = notes(&tiny(), &text(&evict));
    assert_eq!((n.span(0, 1, 2), n.span(0, 2, 3)), (2 + 7 + 5, 2 + 7));
}

#[test]
fn a_line_modified_in_another_core_comes_over_three_hops() {
    // skylake, requester 1, home 6, owner 3. Request leaves after 11; 1 to 6 is 4 hops (over stops 0 and 8), tag 10;
    // forward 6 to 3 is 3 hops, snoop 60; data 3 to 1 is 2 hops + 2: 11 + 4 + 10 + 3 + 60 + 2 + 2 = 92.
    let spec = skylake();
    let a = line_of(&spec, 6, 0);
    let add = format!("x = fetch_add.u64 [{a}], 1");
    let owner = [(3, add.clone())];
    assert_eq!(one(&spec, 1, &format!("x = load.u64 [{a}]"), &owner), 92);
    assert_eq!(one(&spec, 1, &add, &owner), 92 + 18);
    // tiny, requester 0, home 2, owner 1: 8, two hops 4 + 1, tag 4, three hops 6 + 1, snoop 6, three hops 6 + 5.
    let spec = tiny();
    let add = format!("x = fetch_add.u64 [{}], 1", line_of(&spec, 2, 0));
    assert_eq!(one(&spec, 0, &add, &[(1, add.clone())]), 8 + 5 + 4 + 7 + 6 + 11 + 7);
}

#[test]
fn a_line_shared_by_others_is_complete_with_the_last_acknowledgement() {
    // skylake, requester 0, own slice, sharers 1 (one hop) and 7 (two hops, over stop 8): to different sides, so no
    // link is used twice. Request at the home after 11. Data leave 27 later and are there: 38. Invalidations leave
    // after 11 + 10 = 21; at core 7 at 23; its acknowledgement leaves at 83, is there at 85. Locked access 18.
    let spec = skylake();
    let a = line_of(&spec, 0, 0);
    let load = format!("x = load.u64 [{a}]");
    let add = format!("x = fetch_add.u64 [{a}], 1");
    assert_eq!(one(&spec, 0, &add, &[(1, load.clone()), (7, load.clone())]), 85 + 18);
    // The same if the requester shares the line as well: its own copy is not invalidated.
    let both = format!("{load}\n  work 6000cy\n  z = 0\n  mark note(3, 0, 0)\n  {add}");
    let text = format!(
        "proc t1() {{\n  work 2000cy\n  {load}\n  ret\n}}
proc t7() {{\n  work 3000cy\n  {load}\n  ret\n}}
proc t0() {{\n  {both}\n  z = 0\n  mark note(4, 0, 0)\n  ret\n}}\n"
    );
    assert_eq!(notes(&spec, &text).span(0, 3, 4), 1 + 85 + 18);
}

#[test]
fn a_link_in_use_delays_the_second_message() {
    // As above with sharers 1 and 2, both to the same side. Both invalidations are ready at 21. That to core 1 takes
    // the link from stop 0 to 1 in that cycle; that to core 2 leaves at 22 and arrives at 24, not 23. Its
    // acknowledgement leaves at 84 and is there two hops later, at 86.
    let spec = skylake();
    let a = line_of(&spec, 0, 0);
    let load = format!("x = load.u64 [{a}]");
    let add = format!("x = fetch_add.u64 [{a}], 1");
    assert_eq!(one(&spec, 0, &add, &[(1, load.clone()), (2, load.clone())]), 86 + 18);
    // With links of 4 bytes a cycle a message without data takes 2 slots and arrives 1 later; the second leaves at 23
    // and is at core 2 at 23 + 2 + 1 = 26; acknowledgement from 86, there at 86 + 2 + 1 = 89.
    let mut narrow = spec.clone();
    narrow.topology = Topology::ring(8, &WireParams::new(1, 4), true).into();
    assert_eq!(one(&narrow, 0, &add, &[(1, load.clone()), (2, load.clone())]), 89 + 18);
}
