// SPDX-License-Identifier: MIT OR Apache-2.0
//! Latency of loads: pointer chases through lines that are where they are wanted.

use configs::{Machine, Quantity};
use rayon::prelude::*;
use sim_core::program::LINE_BYTES;
use sim_core::rng::Stream;

use super::Spread;
use super::bench::{Bench, CHASE, Job, OWNED, line};

/// Loads behind every average of the curve.
const LOADS: u64 = 2048;
/// Lines of every slice in a chase over a node.
const LINES_PER_SLICE: usize = 3;

/// A point of the latency curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// Working set.
    pub bytes: u64,
    /// Cycles per load of core 0, memory being that of its node.
    pub cycles: f64,
}

/// A permutation of these lines as pointers: (address, value), and the first address.
fn chain(lines: &[u64], seed: u64) -> (Vec<(u64, u64)>, u64) {
    let mut order = lines.to_vec();
    let mut random = Stream::derive(seed, lines.len() as u64, "pointer chase");
    for i in (1..order.len()).rev() {
        order.swap(i, random.below(i as u64 + 1) as usize);
    }
    let next = order.iter().cycle().skip(1);
    (order.iter().zip(next).map(|(a, b)| (line(*a), line(*b))).collect(), line(order[0]))
}

/// Cycles per load of a core that goes round these lines: `warm` loads before, `loads` measured.
fn chase(bench: &Bench, core: usize, node: usize, lines: &[u64], warm: u64, loads: u64) -> Result<f64, String> {
    let (initial, start) = chain(lines, 1);
    let notes = bench.run(&Job {
        text: CHASE,
        lines: lines.iter().max().map_or(0, |m| m + 1),
        params: &[("start", start), ("warm", warm), ("loads", loads)],
        tasks: &[(core, "main")],
        node,
        initial: &initial,
    })?;
    Ok(notes.span(core)? / loads as f64)
}

/// Working sets of the curve: powers of two and the middles between them, to twice a node's last level.
pub(super) fn sizes(m: &Machine, scope: super::Scope) -> Vec<u64> {
    let slices = u64::from(m.interconnect.nodes(m.cores)[0].1);
    let most = (2 * slices * m.llc.slice_capacity.0).min(scope.curve_bytes_max);
    let steps = (12..).flat_map(|p| [1u64 << p, 3 << (p - 1)]);
    steps.take_while(|b| *b <= most).collect()
}

/// One point: everything is touched once before.
pub(super) fn curve_point(bench: &Bench, bytes: u64) -> Result<CurvePoint, String> {
    let lines: Vec<u64> = (0..bytes / LINE_BYTES).collect();
    let cycles = chase(bench, 0, 0, &lines, lines.len() as u64, LOADS)?;
    Ok(CurvePoint { bytes, cycles })
}

/// Lines of one set of the second level, so many of every one of these slices: chased round and round, each of
/// them misses there, if there are more of them than ways. `None` if a slice cannot hold so many of them.
fn lines_of_slices(bench: &Bench, node: usize, slices: &[usize], each: usize) -> Option<Vec<u64>> {
    let p = bench.params();
    let stride = p.l2_sets;
    let sets = (p.llc_sets / stride).max(1) as usize;
    // No set of a slice has to evict any of them.
    let each_set = each.div_ceil(sets);
    if each_set > p.llc_ways {
        return None;
    }
    let mut taken = vec![0; bench.slices() * sets];
    let mut missing = vec![0; bench.slices()];
    slices.iter().for_each(|&s| missing[s] = each);
    let mut lines = Vec::new();
    let mut i = 0;
    while lines.len() < slices.len() * each {
        let home = bench.home(node, i * stride);
        let in_set = &mut taken[home * sets + i as usize % sets];
        if missing[home] > 0 && *in_set < each_set {
            missing[home] -= 1;
            *in_set += 1;
            lines.push(i * stride);
        }
        i += 1;
    }
    Some(lines)
}

/// The quantities that are latencies of loads.
pub(super) fn quantities(bench: &Bench, tick: &(dyn Fn() + Sync)) -> Result<Vec<(Quantity, Spread)>, String> {
    let m = bench.machine();
    let ways = m.l1d.ways.max(m.l2.ways) as usize + 2;
    let nodes = bench.nodes().len();
    let own = bench.nodes()[0].clone();
    let first: Vec<u64> = (0..(m.l1d.capacity.0 / LINE_BYTES / 2).max(1)).collect();
    let l1 = chase(bench, 0, 0, &first, first.len() as u64, LOADS)?;
    // Three quarters of the second level, or all of it if the first one is nearly as large.
    let second = (m.l2.capacity.0 * 3 / 4).max(m.l1d.capacity.0) / LINE_BYTES;
    let lines: Vec<u64> = (0..second).collect();
    let l2 = chase(bench, 0, 0, &lines, 2 * second, LOADS.max(second))?;
    let mut out = vec![(Quantity::LoadL1, Spread::one(l1)), (Quantity::LoadL2, Spread::one(l2))];
    let slices: Vec<usize> = own.clone().collect();
    let each = LINES_PER_SLICE.max(ways.div_ceil(slices.len()));
    let at = |node: usize| lines_of_slices(bench, node, &bench.slices_of(node), each);
    // A last level that cannot hold them is not measured alone.
    let (Some(near), Some(far)) = (at(0), at(nodes - 1)) else { return Ok(out) };
    let cores: Vec<(f64, f64, Option<(f64, f64)>)> = own
        .clone()
        .into_par_iter()
        .map(|core| {
            let n = near.len() as u64;
            let llc = chase(bench, core, 0, &near, 3 * n, 2 * n)?;
            let memory = chase(bench, core, 0, &near, 0, n)?;
            let other = if nodes > 1 {
                let n = far.len() as u64;
                let node = nodes - 1;
                Some((chase(bench, core, node, &far, 3 * n, 2 * n)?, chase(bench, core, node, &far, 0, n)?))
            } else {
                None
            };
            tick();
            Ok((llc, memory, other))
        })
        .collect::<Result<_, String>>()?;
    let spread = |f: &dyn Fn(&(f64, f64, Option<(f64, f64)>)) -> Option<f64>| {
        Spread::of(&cores.iter().filter_map(f).collect::<Vec<f64>>())
    };
    let mut add = |q, s: Option<Spread>| out.extend(s.map(|s| (q, s)));
    add(Quantity::LoadLlc, spread(&|c| Some(c.0)));
    add(Quantity::LoadMemory, spread(&|c| Some(c.1)));
    add(Quantity::LoadLlcOtherNode, spread(&|c| c.2.map(|o| o.0)));
    add(Quantity::LoadMemoryOtherNode, spread(&|c| c.2.map(|o| o.1)));
    let by_slice: Vec<f64> = bench
        .slices_of(0)
        .par_iter()
        .map(|&s| {
            let Some(lines) = lines_of_slices(bench, 0, &[s], ways) else { return Ok(None) };
            let n = lines.len() as u64;
            chase(bench, 0, 0, &lines, 3 * n, 2 * n).map(Some)
        })
        .filter_map(Result::transpose)
        .collect::<Result<_, String>>()?;
    let slices = Spread::of(&by_slice);
    add(Quantity::LoadLlcNear, slices.map(|s| Spread::one(s.min)));
    add(Quantity::LoadLlcFar, slices.map(|s| Spread::one(s.max)));
    let modified = |pairs: Vec<(usize, usize)>| -> Result<Option<Spread>, String> {
        let all: Vec<f64> = pairs.into_iter().map(|(w, r)| owned(bench, w, r)).collect::<Result<_, _>>()?;
        Ok(Spread::of(&all))
    };
    let last = own.end - 1;
    let within = (last > 0).then(|| vec![(last, 0), (last / 2, 0), (0, last), (last / 2, last)]);
    let within = within.map(|v| v.into_iter().filter(|(w, r)| w != r).collect()).unwrap_or_default();
    add(Quantity::LoadModified, modified(within)?);
    let other = bench.nodes()[nodes - 1].clone();
    let across = if nodes > 1 { vec![(other.start, 0), (other.end - 1, last)] } else { Vec::new() };
    add(Quantity::LoadModifiedOtherNode, modified(across)?);
    Ok(out)
}

/// Cycles per load of lines that another core has modified and whose memory is that core's.
fn owned(bench: &Bench, writer: usize, reader: usize) -> Result<f64, String> {
    const LINES: u64 = 16;
    let lines: Vec<u64> = (1..=LINES).collect();
    let (initial, start) = chain(&lines, 2);
    let notes = bench.run(&Job {
        text: OWNED,
        lines: LINES + 1,
        params: &[("start", start), ("loads", LINES), ("flag", line(0))],
        tasks: &[(writer, "writer"), (reader, "reader")],
        node: bench.node_of(writer),
        initial: &initial,
    })?;
    Ok(notes.span(reader)? / LINES as f64)
}
