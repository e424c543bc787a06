// SPDX-License-Identifier: MIT OR Apache-2.0
//! More traffic than the links can carry, through the smallest queues.

use sim_core::rng::Stream;

use super::super::topology::Passage;
use super::*;

/// Sends all-to-all random traffic at a rate no network here can carry; gives the last arrival.
fn saturate(name: &str, topology: Topology, seed: u64) -> u64 {
    let agents: Vec<usize> = topology.cores.iter().map(|&s| usize::from(s)).collect();
    let mut rng = Stream::derive(seed, 0, "saturation");
    let mut net = Net::new(topology);
    let mut slots = 0;
    for ready in 1..=60 {
        for &from in &agents {
            let to = agents[rng.below(agents.len() as u64) as usize];
            let (network, bytes) = (rng.below(3) as u8, [8, 72][rng.below(2) as usize]);
            // A ring alone keeps the order of messages of one size; so does the protocol's forward network need.
            net.send(network, from, to, if network == 1 { 8 } else { bytes }, ready);
        }
    }
    let last = net.arrivals().into_iter().max().expect("something was sent");
    let t = net.net.topology();
    let ways: Vec<Vec<usize>> =
        net.samples.iter().map(|s| t.routes.channels(s.from, s.to).map(|(c, _)| c).collect()).collect();
    let mut latest: BTreeMap<(u8, usize, usize), u64> = BTreeMap::new();
    for (s, way) in net.samples.iter().zip(ways) {
        let arrived = s.arrived.expect("every message arrives");
        slots += way.iter().map(|&c| t.channels[c].ticks(s.bytes)).sum::<u64>();
        let is_ride = way.iter().all(|&c| matches!(t.channels[c].passage, Passage::Slotted(_)));
        let before = latest.insert((s.network, s.from, s.to), arrived);
        let in_order = before.is_none_or(|b| b < arrived);
        assert!(in_order || (is_ride && s.network != 1), "{name}: {s:?} overtook one that arrived at {before:?}");
    }
    assert_eq!(net.net.busy_ticks().iter().sum::<u64>(), slots, "{name}: every slot of every hop is counted once");
    assert!(net.net.is_empty(), "{name}: nothing is left in a queue");
    last
}

#[test]
fn everything_arrives_in_order_through_queues_of_one_place() {
    for seed in 0..4 {
        for shared_wires in [false, true] {
            let p = LinkParams { shared_wires, ..link(1) };
            let w = WireParams { shared_wires, ..wire(1) };
            let cases = [
                ("mesh", mesh(5, 4, false, &p)),
                ("torus", mesh(5, 5, true, &p)),
                ("thin torus", mesh(12, 1, true, &p)),
                ("crossbar", star(9, &p)),
                ("bus", bus(9, &w)),
                ("ring", Topology::ring(12, &w, true)),
                ("sockets", sockets(&p)),
            ];
            for (name, topology) in cases {
                let last = saturate(name, topology, seed);
                assert!(last > 180, "{name} must be overloaded for this test to say anything, but was done at {last}");
            }
        }
    }
}

#[test]
fn slow_clocks_and_long_links_change_nothing_about_that() {
    for (ticks, cycles, latency) in [(3, 5, 1), (1, 3, 4), (17, 18, 2)] {
        let clock = ClockRatio::new(ticks, cycles).expect("slower than the core");
        let p = LinkParams { clock, latency, ..link(2) };
        saturate("torus", mesh(4, 4, true, &p), 7);
        saturate("sockets", sockets(&p), 8);
    }
}

#[test]
fn random_graphs_are_free_of_deadlock_too() {
    for seed in 0..20 {
        let mut rng = Stream::derive(seed, 1, "graph");
        let mut b = Builder::default();
        let s = stops(&mut b, 10);
        // A one-way circle makes it connected; eight links at random make routes that cross.
        for i in 0..10 {
            b.link(s[i], s[(i + 1) % 10], &link(1));
        }
        for _ in 0..8 {
            let (from, to) = (rng.below(10) as usize, rng.below(10) as usize);
            b.link(s[from], s[to], &LinkParams { latency: 1 + rng.below(3), ..link(1) });
        }
        saturate("graph", populate(b, &s), seed);
    }
}

#[test]
fn more_places_and_wider_links_carry_more() {
    let base = saturate("mesh", mesh(4, 4, false, &link(1)), 3);
    let places = saturate("mesh", mesh(4, 4, false, &link(8)), 3);
    let width = saturate("mesh", mesh(4, 4, false, &LinkParams { bytes: 16, ..link(8) }), 3);
    let latency = saturate("mesh", mesh(4, 4, false, &LinkParams { latency: 5, ..link(1) }), 3);
    assert!(base > places && places > width && latency > base, "{base} {places} {width} {latency}");
    let mesh_last = saturate("mesh", mesh(5, 5, false, &link(4)), 3);
    let torus_last = saturate("torus", mesh(5, 5, true, &link(4)), 3);
    assert!(torus_last < mesh_last, "{torus_last} {mesh_last}");
}

#[test]
fn the_same_traffic_gives_the_same_arrivals() {
    assert_eq!(saturate("sockets", sockets(&link(1)), 5), saturate("sockets", sockets(&link(1)), 5));
}
