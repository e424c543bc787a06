// SPDX-License-Identifier: MIT OR Apache-2.0
//! Loads served by each level.

use crate::common::{line, line_of, notes, skylake, tiny};

/// Hops between two stops of the ring of nine that goes both ways.
fn hops(a: usize, b: usize) -> u64 {
    let d = a.abs_diff(b) as u64;
    d.min(9 - d)
}

/// A load of `addr` on core `core` at cycle 20,000, after what stands in `before`.
fn one_load(core: usize, addr: u64, before: &str) -> String {
    format!(
        "{before}proc t{core}() {{
  work 20000cy
  z = 0
  mark note(1, 0, 0)
  x = load.u64 [{addr}]
  z = x
  mark note(2, 0, 0)
  ret
}}
"
    )
}

/// Two other cores load the addresses, one after the other, so that slices and both have them in S.
fn shared_by(cores: [usize; 2], addrs: &[u64]) -> String {
    let loads: String = addrs.iter().map(|a| format!("  x = load.u64 [{a}]\n")).collect();
    let task = |i: usize, core: usize| format!("proc t{core}() {{\n  work {}cy\n{loads}  ret\n}}\n", 10 + 9000 * i);
    task(0, cores[0]) + &task(1, cores[1])
}

#[test]
fn first_and_second_level_hits_take_their_latencies() {
    // skylake: lines 0, 64, .. 512 fall into set 0 of the 64 first-level sets, 8 ways; the ninth load evicts line 0
    // there. In the second level (1024 sets) they are in different sets, so line 0 is still there.
    let others: String = (1..9).map(|i| format!("  x = load.u64 [{}]\n", line(64 * i))).collect();
    let text = |evict: &str| {
        format!(
            "proc t0() {{
  x = load.u64 [{0}]
{evict}  z = 0
  mark note(1, 0, 0)
  x = load.u64 [{0}]
  z = 0
  mark note(2, 0, 0)
  x = load.u64 [{0}]
  z = 0
  mark note(3, 0, 0)
  ret
}}
",
            line(0)
        )
    };
    // Move 1 + first level 4; move 1 + second level 11, and the line is in the first level again.
    let n = notes(&skylake(), &text(""));
    assert_eq!((n.span(0, 1, 2), n.span(0, 2, 3)), (1 + 4, 1 + 4));
    let n = notes(&skylake(), &text(&others));
    assert_eq!((n.span(0, 1, 2), n.span(0, 2, 3)), (1 + 11, 1 + 4));
    // tiny: one first-level set of two ways, so lines 1 and 3 evict line 0; in the second level (two sets of two
    // ways) they are in the other set. Move 2 + second level 8; move 2 + first level 3.
    let others = format!("  x = load.u64 [{}]\n  x = load.u64 [{}]\n", line(1), line(3));
    let n = notes(&tiny(), &text(&others));
    assert_eq!((n.span(0, 1, 2), n.span(0, 2, 3)), (2 + 8, 2 + 3));
}

#[test]
fn a_miss_served_by_a_slice_takes_44_cycles_on_average() {
    // The request leaves 11 after issue, the data leave the slice 27 after its arrival. To the own slice that is all:
    // 38. Otherwise h hops each way, and 2 for the rest of the line: 40 + 2h. One hop 42, four hops 48.
    let spec = skylake();
    let slices: Vec<u64> = (0..8).map(|s| line_of(&spec, s, 0)).collect();
    let mut all = Vec::new();
    for core in 0..8 {
        let others = [(core + 1) % 8, (core + 2) % 8];
        for (slice, addr) in slices.iter().enumerate() {
            let n = notes(&spec, &one_load(core, *addr, &shared_by(others, &slices)));
            let load = n.span(core, 1, 2) - 1;
            let h = hops(core, slice);
            let expected = if h == 0 { 38 } else { 40 + 2 * h };
            assert_eq!(load, expected, "core {core}, slice {slice}");
            all.push(load);
        }
    }
    // 8 pairs at 38 and 14 at each distance from 1 to 4 (18 on a ring of nine, less 4 with stop 8, which has neither
    // core nor slice): (8*38 + 14*(42 + 44 + 46 + 48)) / 64 = 2824 / 64 = 44.1.
    assert_eq!(all.iter().sum::<u64>(), 2824);
}

#[test]
fn a_miss_served_by_memory_takes_65_ns_on_average() {
    // The request leaves 11 after issue and goes h hops to the slice; tag 10; m hops to memory; 199 there; m hops back
    // and 2 for the rest of the line; 27 in the slice; h hops and, unless h is 0, 2: 249 + 2h + 2m + (2).
    let spec = skylake();
    let mut sum = 0;
    for core in 0..8 {
        for slice in 0..8 {
            let addr = line_of(&spec, slice, 0);
            let n = notes(&spec, &one_load(core, addr, ""));
            let load = n.span(core, 1, 2) - 1;
            let (h, m) = (hops(core, slice), hops(slice, 8));
            assert_eq!(load, 249 + 2 * h + 2 * m + if h == 0 { 0 } else { 2 }, "core {core}, slice {slice}");
            sum += load;
        }
    }
    // 64 * 249 + 2 * (hops of all pairs) + 2 * 8 * (hops from each slice to memory: 1+2+3+4+4+3+2+1 = 20) + 2 * 56.
    // 14 pairs at each distance from 1 to 4 give 140 hops: 15936 + 280 + 320 + 112 = 16648, on average 260.1: 65 ns.
    assert_eq!(sum, 16648);
}

#[test]
fn misses_on_a_ring_that_goes_one_way() {
    // tiny, core 0. Stops 0, 1, 2 for cores and slices, 3 for memory; 2 a hop; 8 before the request leaves.
    // A request takes 1 more than its hops, a line 5 more; tag 4, tag and data 9, memory 40.
    let spec = tiny();
    let loaded = |slice: usize, before: &str| {
        let n = notes(&spec, &one_load(0, line_of(&spec, slice, 0), before));
        n.span(0, 1, 2) - 2
    };
    let shared = |slice: usize| shared_by([1, 2], &[line_of(&spec, slice, 0)]);
    // Own slice: 8 + 9. Slice 1: one hop there (2 + 1), three back (6 + 5). Slice 2: two there, two back.
    assert_eq!(loaded(0, &shared(0)), 17);
    assert_eq!(loaded(1, &shared(1)), 8 + 3 + 9 + 11);
    assert_eq!(loaded(2, &shared(2)), 8 + 5 + 9 + 9);
    // From memory: own slice to stop 3 three hops (6 + 1), back one hop (2 + 5): 8 + 4 + 7 + 40 + 7 + 9.
    assert_eq!(loaded(0, ""), 75);
    // Slice 2: there (4 + 1), tag 4, to memory (2 + 1), 40, back three hops (6 + 5), 9, back two hops (4 + 5).
    assert_eq!(loaded(2, ""), 8 + 5 + 4 + 3 + 40 + 11 + 9 + 9);
}
