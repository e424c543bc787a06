// SPDX-License-Identifier: MIT OR Apache-2.0
//! Stores through the store buffer: when they become visible, and what loads get meanwhile.

use rqsim::machine::{MachineSpec, Outcome};
use sim_core::core::MemoryModel;
use sim_core::isa::Width;
use sim_core::time::Cycle;

use crate::common::{line_of, machine, notes, skylake, tiny};

/// The newest value in memory or caches at the end of cycle `at`; store buffers are not looked into.
fn visible(spec: &MachineSpec, text: &str, addr: u64, at: u64) -> u64 {
    let mut m = machine(spec, text);
    assert_eq!(m.run_until(Cycle(at + 1)), Outcome::Limit, "cycle {at} is not the end");
    m.memory().value(addr, Width::U64)
}

/// `prelude`, note 1 at the move before `middle`, note 2 at the move behind it (with x), on core 0.
fn bracket(prelude: &str, middle: &str) -> String {
    format!(
        "proc t0() {{
  x = 0
{prelude}  work 2000cy
  z = 0
  mark note(1, 0, 0)
{middle}  z = 0
  mark note(2, x, 0)
  fence.full
  z = 0
  mark note(3, 0, 0)
  work 100cy
  ret
}}
"
    )
}

#[test]
fn a_store_to_an_owned_line_is_visible_one_cycle_after_its_issue() {
    // Move at T, store at T + 1, next issue at T + 2. The store may be written from T + 2 on, the write port is free,
    // and buffers write before pipelines issue: visible at T + 2. The fence behind it (move at T + 2, fence at T + 3)
    // finds the buffer empty: 18 for the fence, so note 3 at T + 3 + 18.
    let spec = skylake();
    let a = line_of(&spec, 0, 0);
    let text = bracket(&format!("  x = fetch_add.u64 [{a}], 1\n"), &format!("  store.u64 [{a}], 7\n"));
    let n = notes(&spec, &text);
    let t = n.at(0, 1);
    assert_eq!((n.span(0, 1, 2), n.span(0, 1, 3)), (2, 3 + 18));
    assert_eq!((visible(&spec, &text, a, t + 1), visible(&spec, &text, a, t + 2)), (1, 7));
}

#[test]
fn a_store_miss_delays_a_fence_but_not_what_stands_between() {
    // Core 0, own slice, memory one hop from it. Store at T + 1; asks for its line at T + 2; 251 later (11 + tag 10 +
    // 1 + memory 199 + 1 + 2 + data 27) the line is there and written: T + 253. The write port is free one cycle
    // later, and then the fence issues: T + 254 + 18 = T + 272.
    let spec = skylake();
    let a = line_of(&spec, 0, 0);
    let text = bracket("", &format!("  store.u64 [{a}], 7\n"));
    let n = notes(&spec, &text);
    let t = n.at(0, 1);
    assert_eq!((n.span(0, 1, 2), n.span(0, 1, 3)), (2, 272));
    assert_eq!((visible(&spec, &text, a, t + 252), visible(&spec, &text, a, t + 253)), (0, 7));
}

#[test]
fn a_full_store_buffer_holds_the_next_store_back() {
    // tiny has two entries. Move at T (2), stores at T + 2 and T + 3 (1 each); the third finds the buffer full at
    // T + 4. The first asks at T + 3, has its line from memory 75 later (see the loads), T + 78, and its port and
    // entry are free at T + 79: the third store issues, the move behind it at T + 80.
    let spec = tiny();
    let a = line_of(&spec, 0, 0);
    let stores: String = (0..3).map(|i| format!("  store.u64 [{}], {i}\n", a + 8 * i)).collect();
    assert_eq!(notes(&spec, &bracket("", &stores)).span(0, 1, 2), 80);
    // With room for three: T + 5.
    let mut roomy = spec.clone();
    roomy.core.store_buffer = 3;
    assert_eq!(notes(&roomy, &bracket("", &stores)).span(0, 1, 2), 5);
}

/// A store that misses, so that what follows stays in the buffer; then `then`, on an owned line.
fn behind_a_miss(spec: &MachineSpec, then: impl Fn(u64) -> String) -> (u64, u64) {
    let missing = line_of(spec, 0, 0);
    let owned = line_of(spec, 1, 0);
    let prelude = format!("  x = fetch_add.u64 [{owned}], 0x11223344\n");
    let n = notes(spec, &bracket(&prelude, &format!("  store.u64 [{missing}], 1\n{}", then(owned))));
    (n.span(0, 1, 2), n.value(0, 2))
}

#[test]
fn a_load_takes_a_buffered_store_that_covers_it() {
    let covered = |a: u64| format!("  store.u32 [{a}], 0x55667788\n  x = load.u8 [{}]\n", a + 1);
    // skylake: move 1, two stores 1 each, forwarded load 4.
    assert_eq!(behind_a_miss(&skylake(), covered), (1 + 1 + 1 + 4, 0x77));
    // tiny: move 2, two stores 1 each, forwarded load 1.
    assert_eq!(behind_a_miss(&tiny(), covered), (2 + 1 + 1 + 1, 0x77));
}

#[test]
fn a_load_that_a_buffered_store_covers_in_part_waits_until_it_is_written() {
    let partly = |a: u64| format!("  store.u8 [{}], 0xaa\n  x = load.u32 [{a}]\n", a + 1);
    // skylake: the missing store issues at T + 1 and is written at T + 253 (see above); from T + 254 on the port is
    // free: the byte is written then, and the load issues in the same cycle behind it; first level 4.
    assert_eq!(behind_a_miss(&skylake(), partly), (254 + 4, 0x1122_aa44));
    // tiny: missing store at T + 2, written at T + 3 + 75, port free at T + 79; first level 3.
    assert_eq!(behind_a_miss(&tiny(), partly), (79 + 3, 0x1122_aa44));
}

#[test]
fn a_store_waits_for_the_port_that_a_second_level_hit_keeps_busy() {
    // tiny. Line 0 goes out of the first level (two ways) by loads of lines 1 and 3, and stays in the second, in E.
    // Move at T, store at T + 2, written at T + 3; the port is busy 1 + (8 - 3) = 6. The second store, to line 3 in the
    // first level, issues at T + 3 and is written when the port is free, at T + 9.
    let spec = tiny();
    let (a, b) = (crate::common::line(0), crate::common::line(3));
    let loads: String = [a, crate::common::line(1), b].map(|l| format!("  x = load.u64 [{l}]\n")).concat();
    let text = bracket(&loads, &format!("  store.u64 [{a}], 7\n  store.u64 [{b}], 8\n"));
    let t = notes(&spec, &text).at(0, 1);
    assert_eq!((visible(&spec, &text, a, t + 2), visible(&spec, &text, a, t + 3)), (0, 7));
    assert_eq!((visible(&spec, &text, b, t + 8), visible(&spec, &text, b, t + 9)), (0, 8));
}

#[test]
fn a_store_of_a_weak_core_is_written_when_its_line_comes_though_an_older_one_waits_for_its_own() {
    // Move at T, prefetch at T + 1, work from T + 2 to T + 102. The first store issues then, asks at T + 103 and has its
    // line 251 later (see above), at T + 354; the second may be written from T + 104 on, but its line, asked for by the
    // prefetch, is there at T + 1 + 251.
    let mut spec = skylake();
    spec.core.model = MemoryModel::Weak { queue: 4, delay: 1000 };
    let (first, second) = (line_of(&spec, 0, 0), line_of(&spec, 0, 320));
    let text = bracket(
        "",
        &format!("  prefetchw [{second}]\n  work 100cy\n  store.u64 [{first}], 7\n  store.u64 [{second}], 8\n"),
    );
    let t = notes(&spec, &text).at(0, 1);
    assert_eq!((visible(&spec, &text, second, t + 251), visible(&spec, &text, second, t + 252)), (0, 8));
    assert_eq!((visible(&spec, &text, first, t + 353), visible(&spec, &text, first, t + 354)), (0, 7));
}
