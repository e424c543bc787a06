// SPDX-License-Identifier: MIT OR Apache-2.0
//! Homes on a machine of several memory nodes: per-CPU areas at home, the rest where it is wanted.

use std::sync::Arc;

use cache_model::timing::{
    Builder, ClockRatio, Coherence, LineKinds, LinkParams, MemoryParams, MemorySystem, Numa, Topology,
};
use sim_core::asm::{Options, assemble};
use sim_core::program::{GLOBAL_BASE, LINE_BYTES, PERCPU_BASE, Program, Source};

const PROGRAM: &str = "
struct pages align 4096 { w: [u64; 2048] }
object globals: pages
struct area percpu align 64 { w: [u64; 24] }
proc main() {
  ret
}
";

/// Two nodes of two cores each, side by side.
fn two_nodes() -> Topology {
    let link = LinkParams { latency: 2, bytes: 16, clock: ClockRatio::CORE, places: 4, shared_wires: false };
    let mut b = Builder::default();
    let mut gates = Vec::new();
    for _ in 0..2 {
        let s: Vec<usize> = (0..2).map(|_| b.stop()).collect();
        b.mesh(&s, 2, false, &link);
        s.iter().for_each(|&s| (b.core(s), b.slice(s), b.memory(s)).0);
        gates.push(s[0]);
        b.next_group();
    }
    b.link(gates[0], gates[1], &link);
    b.link(gates[1], gates[0], &link);
    b.build().expect("usable")
}

fn memory(program: &Program, numa: Numa) -> MemorySystem {
    let params = MemoryParams {
        cores: 4,
        l1_sets: 1,
        l1_ways: 2,
        l1_hit: 1,
        l2_sets: 2,
        l2_ways: 2,
        l2_hit: 3,
        llc_sets: 1,
        llc_ways: 4,
        llc_tag: 2,
        llc_data: 5,
        snoop: 4,
        locked_rmw: 6,
        memory: 20,
        memory_interval: 0,
        control_bytes: 8,
        data_bytes: 72,
    };
    let coherence = Coherence { numa, ..Coherence::default() };
    MemorySystem::with(params, Arc::new(two_nodes()), coherence, LineKinds::of(program))
}

#[test]
fn homes_follow_memory() {
    let source = Source { name: "pages".into(), text: PROGRAM.into() };
    let program = assemble(&[source], &Options::default()).expect("it assembles");
    let nodes = |numa: Numa, lines: std::ops::Range<u64>| -> Vec<usize> {
        let m = memory(&program, numa);
        let mut nodes: Vec<usize> = lines.map(|l| m.slice_of(l) / 2).collect();
        nodes.dedup();
        nodes
    };
    let globals = GLOBAL_BASE / LINE_BYTES..(GLOBAL_BASE + 4 * 4096) / LINE_BYTES;
    assert_eq!(nodes(Numa::Node(0), globals.clone()), [0]);
    assert_eq!(nodes(Numa::Node(1), globals.clone()), [1]);
    assert_eq!(nodes(Numa::Interleaved, globals.clone()), [0, 1, 0, 1], "four pages");
    assert!(nodes(Numa::Hashed, globals).len() > 50, "lines of both nodes are mixed");
    let area = program.percpu_stride / LINE_BYTES;
    let areas = PERCPU_BASE / LINE_BYTES..PERCPU_BASE / LINE_BYTES + 4 * area;
    for numa in [Numa::Node(1), Numa::Interleaved] {
        assert_eq!(nodes(numa, areas.clone()), [0, 1], "cores 0 and 1 are node 0");
    }
}
