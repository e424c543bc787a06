// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random programs with sends, nested calls and floods of invalidations, on machines of more kinds: odd clocks, meshes, clusters
//! and sockets with homes by node, weak cores with long delays, up to eight cores.

use cache_model::protocol::{SNOOPING, Tables};
use cache_model::timing::{Builder, ClockRatio, Coherence, LinkParams, Numa, Topology, WireParams};
use rqsim::machine::MachineSpec;
use sim_core::core::MemoryModel;
use sim_core::rng::Stream;
use sim_core::time::{Clock, Cycle};

use crate::compare::{Tally, compare, program};
use crate::generate::wide_text;
use crate::machines::machine;

/// Later than any of these programs ends.
const LIMIT: Cycle = Cycle(40_000_000);
const KINDS: [&str; 6] = ["ring", "mesh", "torus", "sockets", "clusters", "bus"];

fn topology(r: &mut Stream, kind: &str, cores: usize) -> Topology {
    let (hop, bytes) = (1 + r.below(3), [8, 32][r.below(2) as usize]);
    let clock = ClockRatio::new(1 + r.below(3), 3).expect("not faster than the cores");
    let wires = WireParams { latency: hop, bytes, clock, shared_wires: r.below(2) == 0 };
    let link = LinkParams { latency: hop, bytes, clock, places: 1 + r.below(3) as u16, shared_wires: false };
    let mut b = Builder::default();
    let grouped = matches!(kind, "sockets" | "clusters");
    let per_group = if grouped { 1 + r.below(3) as usize } else { cores };
    let mut before = None;
    for first in (0..cores).step_by(per_group) {
        let here = per_group.min(cores - first);
        // A stop for memory, and an even number for a mesh of two columns.
        let stops: Vec<usize> = (0..(here + 1).next_multiple_of(2).max(4)).map(|_| b.stop()).collect();
        match kind {
            "ring" | "sockets" => b.ring(&stops, &wires, r.below(2) == 0),
            "mesh" => b.mesh(&stops, 2, false, &link),
            "torus" => b.mesh(&stops, 2, true, &link),
            "clusters" => b.crossbar(&stops, &link),
            _ => b.bus(&stops, &wires),
        }
        if let Some(before) = before {
            let long = LinkParams { latency: hop * 7, ..link };
            b.link(before, stops[0], &long);
            b.link(stops[0], before, &long);
        }
        before = before.or(Some(stops[0]));
        for &stop in &stops[..here] {
            b.core(stop);
            b.slice(stop);
        }
        if first == 0 || r.below(2) == 0 {
            b.memory(stops[here]);
        }
        b.next_group();
    }
    b.build().expect("every stop is reached from every other")
}

fn spec(r: &mut Stream, number: u64, kind: &str, text: &str, cores: usize) -> MachineSpec {
    let mut spec = machine(r, program(text), cores, number);
    let all = Tables::all();
    let tables = if kind == "bus" {
        Tables::by_name(SNOOPING[r.below(SNOOPING.len() as u64) as usize]).expect("it is listed")
    } else {
        all[r.below(all.len() as u64) as usize]
    };
    let numa = [Numa::Hashed, Numa::Node(r.below(3) as u32), Numa::Interleaved][r.below(3) as usize];
    let prefetches = kind != "bus" && spec.coherence.adjacent_line_prefetch;
    spec.coherence = Coherence { tables, numa, adjacent_line_prefetch: prefetches, ..spec.coherence };
    spec.topology = topology(r, kind, cores).into();
    // A rate of which a nanosecond is no whole number of cycles, from a slow core to a fast one.
    spec.clock = Clock { khz: [r.below(1_000_000) + 100_003, r.below(4_000_000) + 1_000_001][r.below(2) as usize] };
    if r.below(2) == 0 {
        let (queue, delay) = ([0, 2, 4, 16][r.below(4) as usize], r.exponential(2_000));
        spec.core.model = MemoryModel::Weak { queue, delay };
    }
    spec.interrupts.ipi = 1 + r.exponential(80);
    spec
}

fn case(number: u64) -> Result<Tally, String> {
    let mut r = Stream::derive(number, 0, "wider");
    let kind = KINDS[(number % 6) as usize];
    let cores = 1 + r.below(if number.is_multiple_of(9) { 8 } else { 4 });
    let text = wide_text(&mut r, cores);
    let spec = spec(&mut r, number, kind, &text, cores as usize);
    compare(&spec, LIMIT, &mut r).map_err(|e| {
        let (core, memory, irq, sources) = (spec.core, spec.memory, spec.interrupts, &spec.sources);
        let rules = spec.coherence;
        format!(
            "program {number}, {kind}, {:?}: {e}\n{text}\n{core:?}\n{memory:?}\n{rules:?}\n{irq:?}\n{sources:?}",
            spec.clock
        )
    })
}

#[test]
fn wider_programs_run_the_same_fast_and_exact_on_machines_of_every_kind() {
    let long = std::env::var_os("RQSIM_LONG").is_some_and(|v| v != "0");
    let programs = if long { 20_000 } else { 420 };
    let mut by_kind = [Tally::default(); KINDS.len()];
    for number in 0..programs {
        let t = case(number).unwrap_or_else(|e| panic!("{e}"));
        by_kind[(number % 6) as usize].add(t);
    }
    // No vacuous pass, on any kind of machine.
    let each = programs / KINDS.len() as u64;
    for (kind, t) in KINDS.iter().zip(by_kind) {
        assert!(t.spins > each * 3 && t.interrupts as u64 > each * 3, "{kind}: {t:?}");
        assert!(t.soft as u64 > each && t.fast_events < t.exact_events, "{kind}: {t:?}");
    }
}
