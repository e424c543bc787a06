// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random accesses of all orders and widths to a few shared lines, checked by the programs themselves.
//!
//! Words only ever grow: some are written by one core only, which knows what it wrote last; the
//! others are counted up by all. So a core that sees a word go back, or an own store missing, has found
//! a violation of coherence, and at the end every word is what was last written, or all that was added.

use std::fmt::Write;

use rayon::prelude::*;
use sim_core::core::MemoryModel;
use sim_core::isa::Width;
use sim_core::rng::Stream;

use crate::harness::{WEAK, finished, machine};

const CORES: u64 = 4;
const LINES: u64 = 3;
/// Accesses in a core's loop, and how often it goes round.
const STEPS: u64 = 60;
const TURNS: u64 = 100;

/// Words 0..CORES of a line belong to one core each, the others are counters; also gives what is added to those.
fn text(r: &mut Stream) -> (String, [u64; 8]) {
    let mut out = String::from("struct line align 64 kind payload { w: [u64; 8] @0, h: [u32; 16] @0 }\n");
    for l in 0..LINES {
        let _ = writeln!(out, "object l{l}: line");
    }
    out += "dist gap = exp(30cy)\n";
    let mut added = [0; 8];
    for core in 0..CORES {
        let _ = writeln!(out, "proc t{core}() {{\n  turn = 0\n  bad = 0\n  reads = 0");
        for (l, w) in (0..LINES).flat_map(|l| (0..8).map(move |w| (l, w))) {
            let _ = writeln!(out, "  k{l}_{w} = 0");
        }
        out += "again:\n";
        for k in 0..STEPS {
            step(r, &mut out, core, k, &mut added);
        }
        let _ = writeln!(out, "  turn = turn + 1\n  if turn < {TURNS} goto again\n  mark note(0, bad, reads)");
        for l in 0..LINES {
            let _ = writeln!(out, "  mark note({}, k{l}_{core})", l + 1);
        }
        out += "  ret\n}\n";
    }
    (out, added)
}

fn step(r: &mut Stream, out: &mut String, core: u64, k: u64, added: &mut [u64; 8]) {
    let (l, any, counter) = (r.below(LINES), r.below(8), CORES + r.below(8 - CORES));
    let mut pick = |of: &[&'static str]| of[r.below(of.len() as u64) as usize];
    // The lower half of a word is all of its value.
    let width = pick(&["u64", "u32"]);
    let of = |w: u64| if width == "u32" { format!("l{l}.h[{}]", 2 * w) } else { format!("l{l}.w[{w}]") };
    let grows = |w: u64, next: &str| {
        format!("  reads = reads + 1\n  if v >= k{l}_{w} goto ok_{k}\n  bad = bad + 1\nok_{k}:\n  k{l}_{w} = {next}\n")
    };
    *out += &match pick(&["load", "load", "load", "store", "store", "add", "fence", "prefetchw", "work"]) {
        "load" => format!("  v = load.{width}{} [{}]\n", pick(&["", "", "", ".acq"]), of(any)) + &grows(any, "v"),
        "store" => {
            let order = pick(&["", "", ".rel"]);
            format!("  k{l}_{core} = k{l}_{core} + 1\n  store.{width}{order} [{}], k{l}_{core}\n", of(core))
        }
        "add" => {
            added[counter as usize] += TURNS;
            let order = pick(&["", ".acq", ".rel", ".relaxed", ".relaxed"]);
            format!("  v = fetch_add.{width}{order} [{}], 1\n", of(counter)) + &grows(counter, "v + 1")
        }
        "fence" => format!("  fence.{}\n", pick(&["full", "w", "r", "acq", "rel"])),
        "prefetchw" => format!("  prefetchw [{}]\n", of(any)),
        _ => "  d = draw gap\n  work d\n".into(),
    };
}

/// Runs one program; gives the loads checked.
fn case(number: u64) -> u64 {
    let mut r = Stream::derive(number, 0, "monotone");
    let (text, added) = text(&mut r);
    let model = match r.below(4) {
        0 => MemoryModel::Weak { queue: 1, delay: 10_000 },
        1 => MemoryModel::Weak { queue: 8, delay: 60 },
        _ => WEAK,
    };
    let mut spec = machine(model, CORES as usize, number);
    // Some of the machines lose lines for lack of room too.
    if r.below(3) == 0 {
        (spec.memory.l1_sets, spec.memory.l2_sets, spec.memory.l1_ways, spec.memory.l2_ways) =
            (1, 1, 1, 1 + r.below(2) as usize);
    }
    let m = finished(&spec, &text);
    let line = |l: u64| m.program().object(&format!("l{l}")).expect("it is declared").addr;
    let value = |l: u64, w: u64| m.memory().value(line(l) + 8 * w, Width::U64);
    let (mut reads, mut ends) = (0, [0; 8]);
    for (_, core, [what, a, b]) in &m.probe.0 {
        if *what == 0 {
            assert_eq!(*a, 0, "program {number}: core {core} saw a word go back\n{text}");
            reads += b;
        } else {
            assert_eq!(value(what - 1, *core as u64), *a, "program {number}: core {core}'s last store\n{text}");
        }
    }
    for w in CORES..8 {
        ends[w as usize] = (0..LINES).map(|l| value(l, w)).sum();
    }
    assert_eq!(ends, added, "program {number}: additions lost\n{text}");
    reads
}

#[test]
fn no_word_ever_goes_back_in_a_million_reads() {
    let reads: u64 = (0..120).into_par_iter().map(case).sum();
    assert!(reads > 1_000_000, "{reads}");
}
