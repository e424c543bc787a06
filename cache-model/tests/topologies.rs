// SPDX-License-Identifier: MIT OR Apache-2.0
//! The protocol over every kind of network, with links that are too narrow and queues that are too
//! short: every value is right, and everything comes to rest.

use std::sync::Arc;

use cache_model::timing::{
    Builder, ClockRatio, LineKinds, LinkParams, MemoryParams, MemorySystem, Notice, Topology, WireParams,
};
use sim_core::asm::{Options, assemble};
use sim_core::isa::{RmwFn, Width};
use sim_core::ports::{Access, Action, Cause, MemoryPort, Port, Request};
use sim_core::program::Source;
use sim_core::rng::Stream;
use sim_core::time::{Cycle, Key, Phase};

/// More than the last level holds, and a few that everybody uses.
const LINES: u64 = 90;
const HOT_LINES: u64 = 6;

fn params(cores: usize, memory_interval: u64) -> MemoryParams {
    MemoryParams {
        cores,
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
        memory_interval,
        control_bytes: 8,
        data_bytes: 72,
    }
}

fn kinds() -> LineKinds {
    let source = Source { name: "empty".into(), text: "proc main() {\n  ret\n}\n".into() };
    LineKinds::of(&assemble(&[source], &Options::default()).expect("an empty procedure assembles"))
}

/// What a run ends with.
#[derive(Debug, PartialEq, Eq)]
struct End {
    at: u64,
    hops: u64,
    busy: u64,
    waited: u64,
    /// Most accesses of one memory controller.
    accesses: u64,
}

/// Every core adds 1 to random counters, `rounds` times, with loads in between; then all is checked.
fn count(topology: Topology, rounds: u32, memory_interval: u64, seed: u64) -> End {
    let cores = topology.cores();
    let mut mem = MemorySystem::new(params(cores, memory_interval), Arc::new(topology), kinds());
    let mut rng = Stream::derive(seed, 0, "counters");
    let mut due: Vec<Option<u64>> = (0..cores as u64).map(|c| Some(c + 1)).collect();
    let mut left = vec![rounds; cores];
    let mut added = vec![0u64; LINES as usize];
    let (mut notices, mut end) = (Vec::new(), 0);
    loop {
        let step = (0..cores).filter_map(|c| due[c].map(|t| (Key::new(Cycle(t), Phase::Step, c as u16, 0), c))).min();
        let arrival = mem.next_key();
        match step.filter(|(key, _)| *key < arrival) {
            Some((key, core)) => {
                due[core] = None;
                if left[core] == 0 {
                    continue;
                }
                left[core] -= 1;
                let line = if rng.below(2) == 0 { rng.below(HOT_LINES) } else { rng.below(LINES) };
                let load = rng.below(3) == 0;
                added[line as usize] += u64::from(!load);
                let action = if load { Action::Load } else { Action::Rmw(RmwFn::FetchAdd, 1, 0) };
                let cause = Cause { core: core as u16, ..Cause::default() };
                let r = Request { addr: line * 64 + 8, width: Width::U64, action, cause };
                if let Access::Done(done) = mem.access(core, Port::Pipeline, &r, key.at()) {
                    due[core] = Some(done.at.0.max(key.at().0 + 1));
                }
            }
            None if arrival == Key::NEVER => break,
            None => {
                let core = mem.next_core();
                let delivered = mem.deliver_next(&mut notices).expect("no impossible transition").expect("one is due");
                assert_eq!((delivered.at, delivered.core), (arrival.at(), core));
                end = arrival.at().0;
                for n in notices.drain(..) {
                    if let Notice::Completed(_, done) = n {
                        let core = core.expect("only a core's cache completes requests");
                        due[core] = Some(done.at.0.max(end + 1));
                    }
                }
            }
        }
    }
    assert!(left.iter().all(|l| *l == 0), "every core has done all of its rounds");
    assert!(mem.is_quiescent());
    assert_eq!(mem.check_coherence(), Ok(()));
    for (line, n) in added.iter().enumerate() {
        assert_eq!(mem.value(line as u64 * 64 + 8, Width::U64), *n, "counter {line}");
    }
    let queueing = mem.memory_queueing();
    assert!(queueing.iter().all(|(accesses, _)| *accesses > 0), "every controller has work: {queueing:?}");
    let accesses = queueing.iter().map(|q| q.0).max().expect("there is a controller");
    let waited = queueing.iter().map(|q| q.1).sum();
    let hops = mem.traffic().by_class.iter().map(|c| c.hops).sum();
    End { at: end, hops, busy: mem.link_busy_ticks().iter().sum(), waited, accesses }
}

fn link() -> LinkParams {
    LinkParams::new(1, 4, 1)
}

fn wire() -> WireParams {
    WireParams::new(1, 4)
}

/// One part with `cores` cores and slices and `memories` controllers; gives its gateway.
fn part(b: &mut Builder, shape: &str, cores: usize, memories: usize, p: &LinkParams) -> usize {
    let stops: Vec<usize> = (0..cores.max(1)).map(|_| b.stop()).collect();
    let w = WireParams { clock: p.clock, shared_wires: p.shared_wires, ..wire() };
    match shape {
        "ring" => b.ring(&stops, &w, true),
        "one-way ring" => b.ring(&stops, &w, false),
        "bus" => b.bus(&stops, &w),
        "crossbar" => b.crossbar(&stops, p),
        "mesh" => b.mesh(&stops, 3, false, p),
        "torus" => b.mesh(&stops, 3, true, p),
        other => unreachable!("no such shape: {other}"),
    }
    stops[..cores].iter().for_each(|&s| (b.core(s), b.slice(s)).0);
    (0..memories).for_each(|m| b.memory(stops[m * stops.len() / memories]));
    b.next_group();
    stops[stops.len() / 2]
}

fn single(shape: &str, p: &LinkParams) -> Topology {
    let mut b = Builder::default();
    part(&mut b, shape, 9, 2, p);
    b.build().expect("usable")
}

/// Clusters of different shapes around a crossbar that has all the memory.
fn clusters(p: &LinkParams) -> Topology {
    let mut b = Builder::default();
    let gates: Vec<usize> =
        ["ring", "bus", "torus"].iter().map(|s| part(&mut b, s, if *s == "torus" { 9 } else { 3 }, 0, p)).collect();
    let hub = part(&mut b, "crossbar", 0, 2, p);
    for g in gates {
        b.link(g, hub, p);
        b.link(hub, g, p);
    }
    b.build().expect("usable")
}

#[test]
fn counters_are_right_over_every_network() {
    let slow = ClockRatio::new(3, 5).expect("slower than the core");
    for p in [link(), LinkParams { shared_wires: true, ..link() }, LinkParams { clock: slow, places: 2, ..link() }] {
        for shape in ["ring", "one-way ring", "bus", "crossbar", "mesh", "torus"] {
            for seed in 0..3 {
                count(single(shape, &p), 150, 0, seed);
            }
        }
        for seed in 0..3 {
            count(clusters(&p), 150, 5, seed);
        }
    }
}

#[test]
fn a_run_repeats_exactly() {
    assert_eq!(count(clusters(&link()), 100, 3, 9), count(clusters(&link()), 100, 3, 9));
}

#[test]
fn a_memory_interval_makes_accesses_queue() {
    let [free, narrow] = [0, 200].map(|interval| count(single("mesh", &link()), 100, interval, 1));
    assert_eq!(free.waited, 0);
    assert!(free.at < (free.accesses - 1) * 200, "without a limit more is done than the limit allows: {free:?}");
    assert!(narrow.at > (narrow.accesses - 1) * 200 && narrow.waited > narrow.accesses * 100, "{narrow:?}");
}

#[test]
fn shared_wires_and_slow_clocks_cost_time() {
    let base = count(single("mesh", &link()), 200, 0, 2);
    let shared = count(single("mesh", &LinkParams { shared_wires: true, ..link() }), 200, 0, 2);
    let clock = ClockRatio::new(1, 2).expect("slower than the core");
    let slow = count(single("mesh", &LinkParams { clock, ..link() }), 200, 0, 2);
    let wide = count(single("mesh", &LinkParams { bytes: 72, places: 8, ..link() }), 200, 0, 2);
    assert!(shared.at > base.at && slow.at > base.at && wide.at < base.at, "{base:?} {shared:?} {slow:?} {wide:?}");
    assert!(base.busy > base.hops, "a line takes many slots of each link");
}
