// SPDX-License-Identifier: MIT OR Apache-2.0
//! Machines to test: interconnects of every shape, capacities so small that everything is evicted
//! and recalled all the time.

use std::sync::Arc;

use sim_core::rng::Stream;

use super::Setup;
use crate::protocol::Tables;
use crate::timing::{Builder, Coherence, LinkParams, MemoryParams, Replacement, Topology, WireParams};

/// Names of the interconnects that [`Shape::Named`] takes.
pub const INTERCONNECTS: [&str; 7] = ["ring", "one-way-ring", "bus", "crossbar", "mesh", "torus", "joined"];

/// What joins the cores of a machine under test.
#[derive(Clone, Debug)]
pub enum Shape {
    /// One of [`INTERCONNECTS`], with links, latencies and (if `None`) the number of cores drawn from the seed.
    Named(&'static str, Option<usize>),
    /// This machine's, with its own latencies.
    Machine(Box<MemoryParams>, Arc<Topology>),
}

/// Sets and ways to draw from.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Ways of the second level.
    pub l2_ways: &'static [u64],
    /// Ways of a last-level slice.
    pub llc_ways: &'static [u64],
}

impl Sizes {
    /// One, two or four ways.
    pub const TINY: Sizes = Sizes { l2_ways: &[1, 2, 4], llc_ways: &[1, 2, 4] };
    /// One way everywhere: a line in transition blocks every other line of its set.
    pub const SINGLE_WAY: Sizes = Sizes { l2_ways: &[1], llc_ways: &[1] };
}

impl Setup {
    /// The machine of a seed: one or two sets per level, few ways, few lines; all four replacement
    /// policies in turn. `accesses` are shared out among the cores.
    #[must_use]
    pub fn draw(tables: &'static Tables, shape: &Shape, sizes: Sizes, accesses: u32, seed: u64) -> Setup {
        let mut r = Stream::derive(seed, 0, "machine");
        let mut pick = |list: &[u64]| list[r.below(list.len() as u64) as usize];
        let cores = pick(&[2, 3, 4, 8]) as usize;
        let l1_hit = pick(&[1, 4]);
        let drawn = MemoryParams {
            cores,
            l1_sets: pick(&[1, 2]),
            l1_ways: pick(&[1, 2]) as usize,
            l1_hit,
            l2_sets: pick(&[1, 2]),
            l2_ways: pick(sizes.l2_ways) as usize,
            l2_hit: l1_hit + pick(&[0, 1, 7]),
            llc_sets: pick(&[1, 2]),
            llc_ways: pick(sizes.llc_ways) as usize,
            llc_tag: pick(&[1, 2, 10]),
            llc_data: 10 + pick(&[0, 1, 19]),
            snoop: pick(&[1, 5, 60]),
            locked_rmw: pick(&[1, 18]),
            memory: pick(&[1, 20, 150]),
            memory_interval: 0,
            control_bytes: 8,
            data_bytes: 72,
        };
        let (hop, bytes, lines) = (pick(&[1, 3]), pick(&[8, 32, 128]), pick(&[1, 2, 3, 4, 6, 9]) as usize);
        let (params, topology) = match shape {
            Shape::Named(name, cores) => {
                let params = MemoryParams { cores: cores.unwrap_or(drawn.cores), ..drawn };
                (params, Arc::new(topology(name, params.cores, hop, bytes)))
            }
            Shape::Machine(own, topology) => {
                let MemoryParams { l1_sets, l1_ways, l2_sets, l2_ways, llc_sets, llc_ways, .. } = drawn;
                let small = MemoryParams { l1_sets, l1_ways, l2_sets, l2_ways, llc_sets, llc_ways, ..*own.as_ref() };
                (small, Arc::clone(topology))
            }
        };
        let all = [Replacement::Lru, Replacement::TreePlru, Replacement::Random, Replacement::Srrip];
        let policy = |level: u32| all[(seed >> (2 * level)) as usize % all.len()];
        let coherence = Coherence {
            l1: policy(0),
            l2: policy(1),
            llc: policy(2),
            // Smaller than the data, as large, or larger; in other sets.
            directory: Some((1 << (seed % 2), 1 + (seed / 2 % 4) as usize)),
            adjacent_line_prefetch: seed.is_multiple_of(3) && !tables.snooping,
            seed,
            ..Coherence::of(tables)
        };
        let accesses = accesses.div_ceil(params.cores as u32);
        let watchdog_cycles = super::patience(params.cores);
        Setup { params, topology, coherence, lines, accesses, seed, watchdog_cycles }
    }
}

/// An interconnect with a core and a slice at every stop but one, and two memory controllers; links
/// have queues of one message.
///
/// # Panics
/// If there is none of this name.
fn topology(name: &str, cores: usize, hop: u64, bytes: u64) -> Topology {
    let wire = WireParams::new(hop, bytes);
    let link = LinkParams::new(hop, bytes, 1);
    let columns = if cores < 8 { 2 } else { 4 };
    let mut b = Builder::default();
    let stops: Vec<usize> = (0..(cores + 1).next_multiple_of(columns)).map(|_| b.stop()).collect();
    match name {
        "ring" => b.ring(&stops, &wire, true),
        "one-way-ring" => b.ring(&stops, &wire, false),
        "bus" => b.bus(&stops, &wire),
        "crossbar" => b.crossbar(&stops, &link),
        "mesh" => b.mesh(&stops, columns, false, &link),
        "torus" => b.mesh(&stops, columns, true, &link),
        "joined" => {
            let (left, right) = stops.split_at(stops.len() / 2);
            b.ring(left, &wire, true);
            b.bus(right, &wire);
            b.link(left[0], right[0], &link);
            b.link(right[0], left[0], &link);
        }
        other => panic!("there is no interconnect \"{other}\""),
    }
    for core in 0..cores {
        b.core(stops[core]);
        // Apart from its core's stop, for as many as possible.
        b.slice(stops[(core + cores / 2 + 1) % stops.len()]);
    }
    b.memory(stops[cores]);
    b.memory(stops[0]);
    b.build().expect("every stop is reached from every other")
}
