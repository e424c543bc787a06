// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routes, virtual channels, and what a topology says of itself.

use petgraph::algo::is_cyclic_directed;
use petgraph::graph::DiGraph;

use super::super::topology::Passage;
use super::*;
use crate::timing::TopologyError;

#[test]
fn a_ring_takes_the_short_way_round() {
    let r = Topology::ring(8, &wire(1), true);
    assert_eq!([r.hops(0, 4), r.hops(0, 5), r.hops(8, 1), r.hops(3, 3)], [4, 4, 2, 0]);
    assert_eq!(Topology::ring(8, &wire(1), false).hops(1, 0), 8);
}

#[test]
fn meshes_and_tori_go_along_the_row_first() {
    for torus in [false, true] {
        let (columns, rows) = (5, 4);
        let t = mesh(columns, rows, torus, &link(1));
        let apart = |a: usize, b: usize, n: usize| {
            let d = a.abs_diff(b);
            if torus { d.min(n - d) } else { d }
        };
        for from in 0..columns * rows {
            for to in 0..columns * rows {
                let way: Vec<usize> = t.routes.channels(from, to).map(|(_, stop)| stop).collect();
                let (dx, dy) =
                    (apart(from % columns, to % columns, columns), apart(from / columns, to / columns, rows));
                assert_eq!(way.len(), dx + dy);
                assert!(way[..dx].iter().all(|s| s / columns == from / columns), "first along the row");
                assert!(way[dx..].iter().all(|s| s % columns == to % columns), "then along the column");
            }
        }
    }
}

/// Which lane waits for which, over all routes; without virtual channels if `merged`.
fn waits(t: &Topology, merged: bool) -> DiGraph<(), (), u32> {
    let mut edges = std::collections::BTreeSet::new();
    let lane = |(v, c): (usize, usize)| (v * t.channels() + c) as u32;
    for from in 0..t.stops() {
        for to in 0..t.stops() {
            let mut last: Option<(usize, usize)> = None;
            for (c, _) in t.routes.channels(from, to) {
                if !matches!(t.channels[c].passage, Passage::Queued(_)) {
                    continue;
                }
                let v = last.map_or(0, |(v, l)| v + usize::from(!merged && c <= l));
                assert!(v < t.virtual_channels());
                edges.extend(last.map(|l| (lane(l), lane((v, c)))));
                last = Some((v, c));
            }
        }
    }
    DiGraph::from_edges(edges)
}

#[test]
fn no_chain_of_waiting_lanes_closes() {
    let cases = [
        ("mesh", mesh(5, 4, false, &link(1)), 1, false),
        ("torus", mesh(5, 4, true, &link(1)), 3, true),
        ("long torus", mesh(9, 1, true, &link(1)), 2, true),
        ("crossbar", star(9, &link(1)), 1, false),
        ("bus", bus(9, &wire(1)), 1, false),
        ("ring", Topology::ring(8, &wire(1), true), 1, false),
        ("sockets", sockets(&link(1)), 2, false),
    ];
    for (name, t, channels, needed) in cases {
        assert_eq!(t.virtual_channels(), channels, "{name}");
        assert!(!is_cyclic_directed(&waits(&t, false)), "{name}");
        assert_eq!(is_cyclic_directed(&waits(&t, true)), needed, "{name}: changes of virtual channel break a cycle");
    }
}

#[test]
fn a_network_must_be_connected_and_have_everything() {
    let one = |f: &dyn Fn(&mut Builder, &[usize])| {
        let mut b = Builder::default();
        let s = stops(&mut b, 3);
        f(&mut b, &s);
        b.build().map(|t| t.stops())
    };
    let all = |b: &mut Builder, s: &[usize]| {
        b.core(s[0]);
        b.slice(s[1]);
        b.memory(s[2]);
    };
    assert_eq!(one(&|b, s| (b.crossbar(s, &link(1)), all(b, s)).1), Ok(4));
    let broken = one(&|b, s| (b.link(s[0], s[1], &link(1)), b.link(s[1], s[2], &link(1)), all(b, s)).2);
    assert_eq!(broken, Err(TopologyError::NotConnected { from: 1, to: 0 }));
    let without = one(&|b, s| (b.crossbar(s, &link(1)), b.core(s[0]), b.slice(s[1])).2);
    assert_eq!(without, Err(TopologyError::Missing("memory controller")));
    assert_eq!(without.expect_err("missing").to_string(), "the network has no memory controller");
}

#[test]
fn links_in_an_unlucky_order_need_too_many_virtual_channels() {
    let circle = |upwards: bool| {
        let mut b = Builder::default();
        let s = stops(&mut b, 20);
        for i in 0..20 {
            let from = if upwards { i } else { 19 - i };
            b.link(s[from], s[(from + 1) % 20], &link(1));
        }
        s.iter().for_each(|&s| (b.core(s), b.slice(s), b.memory(s)).0);
        b.build().map(|t| t.virtual_channels())
    };
    assert_eq!(circle(true), Ok(2));
    assert_eq!(circle(false), Err(TopologyError::VirtualChannels(19)));
}

#[test]
fn lines_are_spread_over_slices_and_controllers_of_the_same_group() {
    let mut b = Builder::default();
    let mut gates = Vec::new();
    for controllers in [2, 3] {
        let s = stops(&mut b, 4);
        b.mesh(&s, 2, false, &link(2));
        s.iter().for_each(|&s| (b.core(s), b.slice(s)).0);
        s[..controllers].iter().for_each(|&s| b.memory(s));
        gates.push(s[0]);
        b.next_group();
    }
    b.link(gates[0], gates[1], &link(2));
    b.link(gates[1], gates[0], &link(2));
    let t = b.build().expect("usable");
    let (mut slices, mut controllers) = ([0u32; 8], [0u32; 5]);
    for line in 0..40_000 {
        let (home, memory) = (t.home_slice(line), t.controller(t.home_slice(line), line));
        assert_eq!(home < 4, memory < 2, "memory is in the home's group");
        slices[home] += 1;
        controllers[memory] += 1;
    }
    assert!(slices.iter().all(|n| (4_500..5_500).contains(n)), "{slices:?}");
    assert!(controllers[..2].iter().all(|n| (9_500..10_500).contains(n)), "{controllers:?}");
    assert!(controllers[2..].iter().all(|n| (6_300..7_000).contains(n)), "{controllers:?}");
}

#[test]
fn a_line_of_a_memory_node_has_its_home_there() {
    let mut b = Builder::default();
    let mut gates = Vec::new();
    // A part without slices between two with them is no memory node.
    for cores in [2, 0, 3] {
        let s = stops(&mut b, 4);
        b.mesh(&s, 2, false, &link(2));
        s[..cores].iter().for_each(|&s| (b.core(s), b.slice(s)).0);
        b.memory(s[3]);
        gates.push(s[0]);
        b.next_group();
    }
    for (from, to) in [(0, 1), (1, 0), (1, 2), (2, 1)] {
        b.link(gates[from], gates[to], &link(2));
    }
    let t = b.build().expect("usable");
    assert_eq!((t.nodes(), t.node_of_core(1), t.node_of_core(2)), (2, Some(0), Some(1)));
    let mut seen = [0u32; 5];
    for line in 0..5_000 {
        let (near, far) = (t.home_slice_in(0, line), t.home_slice_in(1, line));
        assert!(near < 2 && (2..5).contains(&far));
        assert_eq!((t.controller(near, line), t.controller(far, line)), (0, 2));
        assert_eq!(t.home_slice_in(2, line), near, "counted modulo their number");
        seen[near] += 1;
        seen[far] += 1;
    }
    assert!(seen[..2].iter().all(|n| (2_300..2_700).contains(n)), "{seen:?}");
    assert!(seen[2..].iter().all(|n| (1_500..1_850).contains(n)), "{seen:?}");
}

#[test]
fn a_topology_describes_itself() {
    let t = mesh(3, 2, false, &LinkParams { latency: 2, ..link(1) });
    assert_eq!(
        t.describe(),
        "\
6 stops, 14 channels, 1 virtual channels; 6 cores, 6 slices, 6 memory controllers
core to core     hops mean 1.67 max 3, cycles mean 3.33 max 6
core to slice    hops mean 1.39 max 3, cycles mean 2.78 max 6
slice to memory  hops mean 1.39 max 3, cycles mean 2.78 max 6
hops from core (row) to core (column):
   | 0 1 2 3 4 5
 0 | 0 1 2 1 2 3
 1 | 1 0 1 2 1 2
 2 | 2 1 0 3 2 1
 3 | 1 2 3 0 1 2
 4 | 2 1 2 1 0 1
 5 | 3 2 1 2 1 0
"
    );
    assert_eq!(t.channel_name(0), "0 -> 1");
    assert_eq!(bus(3, &wire(1)).channel_name(0), "bus 3");
    let ring = Topology::ring(8, &wire(1), true).core_to_slice();
    assert_eq!((ring.hops_sum, ring.pairs), (140, 64), "the figure that the ring's preset is derived with");
}

#[test]
fn a_thousand_cores_have_routes_of_two_bytes_a_pair() {
    let t = mesh(32, 32, true, &link(2));
    assert_eq!((t.stops(), t.channels(), t.virtual_channels()), (1024, 4096, 3));
    assert_eq!(t.hops(0, 1023), 2);
    assert_eq!(t.hops(0, 16 * 32 + 16), 32);
}
