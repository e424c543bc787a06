// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random loads, stores and read-modify-writes of all cores to few lines, with caches so small that
//! lines are evicted and recalled all the time. A failure names its seed; a
//! range of that seed alone repeats it, for a run depends on nothing else.

mod tester;

use cache_model::protocol::{PROTOCOLS, SNOOPING, Tables};
use cache_model::timing::{
    Builder, ClockRatio, Coherence, LinkParams, MemoryParams, MessageKind, Replacement, Topology, WireParams,
};
use sim_core::rng::Stream;
use tester::{Reached, Tester};

/// What joins cores and slices.
#[derive(Clone, Copy)]
enum Shape {
    Ring,
    /// Anything with queues, of one place.
    Any,
    /// One bus.
    Bus,
}

/// A bus, with one or two memory controllers and a clock of its own for some seeds.
fn bus(seed: u64, cores: usize, latency: u64, bytes: u64, shared_wires: bool) -> Topology {
    let mut b = Builder::default();
    let stops: Vec<usize> = (0..cores + 2).map(|_| b.stop()).collect();
    let clock = ClockRatio::new(2 + seed % 2, 3).expect("not faster than the cores");
    b.bus(&stops, &WireParams { latency, bytes, clock, shared_wires });
    for &stop in &stops[..cores] {
        b.core(stop);
        b.slice(stop);
    }
    b.memory(stops[cores]);
    if seed % 4 > 1 {
        b.memory(stops[cores + 1]);
    }
    b.build().expect("usable")
}

/// A torus, a crossbar, or two parts joined by links, with two memory controllers.
fn any_topology(seed: u64, cores: usize, p: &LinkParams) -> Topology {
    let mut b = Builder::default();
    let stops: Vec<usize> = (0..9).map(|_| b.stop()).collect();
    match seed % 3 {
        0 => b.mesh(&stops, 3, true, p),
        1 => b.crossbar(&stops, p),
        _ => {
            let w = WireParams::new(p.latency, p.bytes);
            b.ring(&stops[..5], &w, true);
            b.bus(&stops[5..], &w);
            b.link(stops[4], stops[5], p);
            b.link(stops[5], stops[4], p);
        }
    }
    for core in 0..cores {
        // Cores and slices are apart, and the second half of a part comes first.
        b.core(stops[(core * 2) % 9]);
        b.slice(stops[(core * 4 + 3) % 9]);
    }
    b.memory(stops[0]);
    b.memory(stops[7]);
    b.build().expect("usable")
}

/// A machine for a seed: geometry, latencies and links at random.
fn machine(seed: u64, shape: Shape, l2_ways: &[usize], llc_ways: &[usize]) -> (MemoryParams, Topology, usize) {
    let mut r = Stream::derive(seed, 0, "machine");
    let mut pick = |list: &[u64]| list[r.below(list.len() as u64) as usize];
    let ways = |list: &[usize]| list.iter().map(|w| *w as u64).collect::<Vec<_>>();
    let l1_hit = pick(&[1, 4]);
    let params = MemoryParams {
        cores: pick(&[2, 3, 4, 8]) as usize,
        l1_sets: pick(&[1, 2]),
        l1_ways: pick(&[1, 2]) as usize,
        l1_hit,
        l2_sets: pick(&[1, 2]),
        l2_ways: pick(&ways(l2_ways)) as usize,
        l2_hit: l1_hit + pick(&[0, 1, 7]),
        llc_sets: pick(&[1, 2]),
        llc_ways: pick(&ways(llc_ways)) as usize,
        llc_tag: pick(&[1, 2, 10]),
        llc_data: 10 + pick(&[0, 1, 19]),
        snoop: pick(&[1, 5, 60]),
        locked_rmw: pick(&[1, 18]),
        memory: pick(&[1, 20, 150]),
        memory_interval: 0,
        control_bytes: 8,
        data_bytes: 72,
    };
    let (hop, bidirectional, bytes) = (pick(&[1, 3]), pick(&[0, 1]) == 1, pick(&[8, 32, 128]));
    let topology = match shape {
        Shape::Ring => Topology::ring(params.cores, &WireParams::new(hop, bytes), bidirectional),
        Shape::Any => any_topology(seed, params.cores, &LinkParams::new(hop, bytes, 1)),
        Shape::Bus => bus(seed, params.cores, hop, bytes, bidirectional),
    };
    let lines = pick(&[1, 2, 3, 4, 6, 9]) as usize;
    (params, topology, lines)
}

/// Every combination of policies within 64 seeds.
fn policies(coherence: Coherence, seed: u64) -> Coherence {
    let all = [Replacement::Lru, Replacement::TreePlru, Replacement::Random, Replacement::Srrip];
    let policy = |level: u32| all[(seed >> (2 * level)) as usize % all.len()];
    Coherence { l1: policy(0), l2: policy(1), llc: policy(2), seed, ..coherence }
}

/// Messages that a protocol never sends.
fn lacks(protocol: &str) -> &'static [MessageKind] {
    use MessageKind::*;
    match protocol {
        "msi" => &[DataExclusive, PutE, DataForward, Grant, BusUpgr],
        "msi-silent" => &[DataExclusive, PutS, PutE, DataForward, Grant, BusUpgr],
        "mesi" => &[DataForward, Grant, BusUpgr],
        "mesi-silent" => &[DataForward, Grant, PutS, BusUpgr],
        "moesi" => &[DataForward, BusUpgr],
        "moesi-silent" => &[DataForward, PutS, BusUpgr],
        "snoop-mesi" => &[PutS, FwdGetS, FwdGetM, Inv, PutAck, InvAck, DataForward, Grant],
        "snoop-msi" => &[PutS, PutE, FwdGetS, FwdGetM, Inv, PutAck, InvAck, DataExclusive, DataForward, Grant],
        _ => &[BusUpgr],
    }
}

fn run_all(
    protocol: &str,
    seeds: std::ops::Range<u64>,
    shape: Shape,
    l2_ways: &[usize],
    llc_ways: &[usize],
) -> Reached {
    let tables = Tables::by_name(protocol).expect("it is listed");
    let coherence = Coherence::of(tables);
    let mut all = Reached::default();
    for seed in seeds {
        let (params, topology, lines) = machine(seed, shape, l2_ways, llc_ways);
        let one =
            Tester::new(params, topology, policies(coherence, seed), lines, 1600 / params.cores as u32, seed).run();
        all.evictions += one.evictions;
        for (sum, c) in all.traffic.by_class.iter_mut().zip(&one.traffic.by_class) {
            sum.messages += c.messages;
        }
    }
    // Otherwise the seeds do not show what they are there for.
    for kind in MessageKind::ALL {
        let messages = all.traffic.by_class[kind as usize].messages;
        if lacks(protocol).contains(&kind) {
            assert_eq!(messages, 0, "{protocol}: {}", kind.name());
        } else {
            assert!(messages > 500, "{protocol}: only {messages} {}", kind.name());
        }
    }
    assert!(all.evictions > 10_000);
    all
}

#[test]
fn small_caches_keep_values_and_make_progress() {
    for (i, protocol) in (0..).zip(PROTOCOLS) {
        run_all(protocol, 128 * i..128 * i + 128, Shape::Ring, &[1, 2, 4], &[1, 2, 4]);
    }
}

/// Messages wait in queues, pass each other on other ways, and share memory controllers.
#[test]
fn networks_with_tiny_queues_keep_values_and_make_progress() {
    for (i, protocol) in (0..).zip(PROTOCOLS) {
        run_all(protocol, 128 * i..128 * i + 128, Shape::Any, &[1, 2, 4], &[1, 2, 4]);
    }
}

/// With one way, a line in transition blocks every other line of its set.
#[test]
fn single_ways_neither_lose_a_value_nor_block_each_other_for_good() {
    for (i, protocol) in (8..).zip(PROTOCOLS) {
        run_all(protocol, 128 * i..128 * i + 128, Shape::Ring, &[1], &[1]);
    }
}

/// Caches and slices that lose lines all the time, in the order of the bus and in that of its answers.
#[test]
fn snooping_keeps_values_and_makes_progress() {
    for (i, protocol) in (0..).zip(SNOOPING) {
        run_all(protocol, 128 * i..128 * i + 128, Shape::Bus, &[1, 2, 4], &[1, 2, 4]);
        run_all(protocol, 1024 + 128 * i..1024 + 128 * i + 128, Shape::Bus, &[1], &[1]);
    }
}
