// SPDX-License-Identifier: MIT OR Apache-2.0
//! Snooping: who answers on the bus, and when.
//!
//! `tiny` on a bus of 2 cycles and 16 bytes a cycle, with wires of its own for requests and for data: a message
//! without data (20 bytes) is everywhere 3 cycles after it was ready, one with a line (84 bytes) 7 cycles.
//! Core i and slice i share a stop, memory has one of its own. A request is ready 8 after issue (second level)
//! and has been observed by all 11 after issue.

use std::sync::Arc;

use cache_model::protocol::Tables;
use cache_model::timing::{Builder, Coherence, Topology, WireParams};
use rqsim::machine::MachineSpec;

use crate::common::{line_of, notes, tiny};

fn bus() -> Topology {
    let mut b = Builder::default();
    let stops: Vec<usize> = (0..4).map(|_| b.stop()).collect();
    b.bus(&stops, &WireParams::new(2, 16));
    for &stop in &stops[..3] {
        b.core(stop);
        b.slice(stop);
    }
    b.memory(stops[3]);
    b.build().expect("a bus joins all")
}

fn snooping() -> MachineSpec {
    let tables = Tables::by_name("snoop-mesi").expect("it is listed");
    MachineSpec { topology: Arc::new(bus()), coherence: Coherence::of(tables), ..tiny() }
}

/// Cycles of `op` on core 0 at cycle 20,000, with what other cores do before it, 5,000 cycles apart.
fn one(op: &str, others: &[(usize, &str)]) -> u64 {
    let spec = snooping();
    let tasks: String = others
        .iter()
        .enumerate()
        .map(|(i, (core, op))| format!("proc t{core}() {{\n  work {}cy\n  {op}\n  ret\n}}\n", 100 + 5000 * i))
        .collect();
    let text = format!(
        "{tasks}proc t0() {{\n  work 20000cy\n  z = 0\n  mark note(1, 0, 0)\n  {op}\n  z = 0\n  mark note(2, 0, 0)\n  ret\n}}\n"
    );
    notes(&spec, &text).span(0, 1, 2) - u64::from(spec.core.alu)
}

#[test]
fn a_miss_that_memory_serves() {
    // Observed at 11; the slice asks memory at 11 + 4, which hears it at 18, answers at 58, and the line is in the
    // slice at 65; the slice's data time is 9, and 7 more if the slice is at another stop.
    let spec = snooping();
    let load = |slice| one(&format!("x = load.u64 [{}]", line_of(&spec, slice, 0)), &[]);
    assert_eq!((load(0), load(1)), (74, 74 + 7));
}

#[test]
fn data_come_from_the_cache_that_owns_the_line_or_else_from_the_slice() {
    let spec = snooping();
    for slice in [0, 1] {
        let a = line_of(&spec, slice, 0);
        let (load, store) = (format!("x = load.u64 [{a}]"), format!("store.u64 [{a}], 1"));
        let add = format!("x = fetch_add.u64 [{a}], 1");
        // Observed at 11, a snoop of 6, data 7, whether the owner has written or not.
        assert_eq!(one(&load, &[(1, &store)]), 24);
        assert_eq!(one(&load, &[(1, &load)]), 24);
        // To write takes as long, and then a locked access of 7.
        assert_eq!(one(&add, &[(1, &store)]), 24 + 7);
        // With the first reader's request the owner gave the line to the slice too: 11, the slice's 9, and the way.
        let way = if slice == 0 { 0 } else { 7 };
        assert_eq!(one(&load, &[(1, &store), (2, &load)]), 20 + way);
        // Two readers lose their copies when they observe the request; nobody waits for them.
        assert_eq!(one(&add, &[(1, &load), (2, &load)]), 20 + way + 7);
    }
}

#[test]
fn an_upgrade_is_over_when_it_is_observed() {
    // Core 0 is the second reader; its store sends 8 after issue and may write 3 later. Then 7 for the locked access.
    let a = line_of(&snooping(), 1, 0);
    let load_and_add = format!(
        "x = load.u64 [{a}]\n  z = 0\n  mark note(3, 0, 0)\n  x = fetch_add.u64 [{a}], 1\n  z = 0\n  mark note(4, 0, 0)"
    );
    let text = format!(
        "proc t1() {{\n  x = load.u64 [{a}]\n  ret\n}}\nproc t0() {{\n  work 5000cy\n  {load_and_add}\n  ret\n}}\n"
    );
    assert_eq!(notes(&snooping(), &text).span(0, 3, 4) - 2, 11 + 7);
}

#[test]
fn of_two_upgrades_the_second_gets_the_line_from_the_first() {
    // Both cores have the line to read, core 0 after 81 cycles from memory, core 1 after 24 from core 0, and both
    // store at T. Core 0's upgrade has the bus from T + 8 to T + 10 and is observed at T + 11; the line is held until T + 18.
    // Core 1's is observed at T + 13, without a copy. Core 0 lets it wait until T + 18, the data leave at T + 24,
    // are there at T + 31, and the locked access takes 7.
    let a = line_of(&snooping(), 2, 0);
    let side = |core: usize, before: u64, load: u64| {
        format!(
            "proc t{core}() {{\n  work {before}cy\n  x = load.u64 [{a}]\n  work {}cy\n  z = 0\n  mark note(1, 0, 0)
  x = fetch_add.u64 [{a}], 1\n  z = 0\n  mark note(2, x, 0)\n  ret\n}}\n",
            20_000 - before - load
        )
    };
    let n = notes(&snooping(), &(side(0, 100, 81) + &side(1, 5000, 24)));
    assert_eq!(n.at(0, 1), n.at(1, 1));
    assert_eq!((n.span(0, 1, 2) - 2, n.span(1, 1, 2) - 2), (18, 38));
    assert_eq!((n.value(0, 2), n.value(1, 2)), (0, 1));
}
