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
/// them misses there, if there are more of them than ways. `None` if a slice, or the directory of one, cannot hold so
/// many of them.
fn lines_of_slices(bench: &Bench, node: usize, slices: &[usize], each: usize) -> Option<Vec<u64>> {
    let p = bench.params();
    let stride = p.l2_sets;
    // No set of a slice's data or directory has to evict any of them. With the fewest sets, no other has more.
    let arrays = std::iter::once((p.llc_sets, p.llc_ways)).chain(bench.directory());
    let sets_of = |sets: u64| (sets / stride).max(1) as usize;
    let sets = arrays.clone().map(|a| sets_of(a.0)).min().unwrap_or(1);
    let each_set = each.div_ceil(sets);
    if arrays.clone().any(|a| each_set > a.1) {
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

/// What loads of one core cost.
struct FromCore {
    llc: f64,
    memory: f64,
    /// The same in the last node, if there is more than one.
    other: Option<(f64, f64)>,
}

/// The quantities that are latencies of loads.
pub(super) fn quantities(bench: &Bench, tick: &(dyn Fn() + Sync)) -> Result<Vec<(Quantity, Spread)>, String> {
    let m = bench.machine();
    let first: Vec<u64> = (0..(m.l1d.capacity.0 / LINE_BYTES / 2).max(1)).collect();
    let l1 = chase(bench, 0, 0, &first, first.len() as u64, LOADS)?;
    // Three quarters of the second level, or all of the first if that is more.
    let second = (m.l2.capacity.0 * 3 / 4).max(m.l1d.capacity.0) / LINE_BYTES;
    let lines: Vec<u64> = (0..second).collect();
    let l2 = chase(bench, 0, 0, &lines, 2 * second, LOADS.max(second))?;
    let mut out = vec![(Quantity::LoadL1, Spread::one(l1)), (Quantity::LoadL2, Spread::one(l2))];
    out.extend(of_nodes(bench, tick)?);
    out.extend(of_slices(bench)?);
    out.extend(of_modified(bench)?);
    Ok(out)
}

/// Lines of a set of the second level that do not fit into it.
fn more_than_ways(bench: &Bench) -> usize {
    bench.params().l1_ways.max(bench.params().l2_ways) + 2
}

/// Last level and memory, of the own node and of the last one, from every core of the first. Nothing if a slice cannot
/// hold the lines this needs.
fn of_nodes(bench: &Bench, tick: &(dyn Fn() + Sync)) -> Result<Vec<(Quantity, Spread)>, String> {
    let (own, last) = (bench.nodes()[0].clone(), bench.nodes().len() - 1);
    let each = LINES_PER_SLICE.max(more_than_ways(bench).div_ceil(own.len()));
    let at = |node: usize| lines_of_slices(bench, node, &bench.slices_of(node), each);
    let (Some(near), Some(far)) = (at(0), at(last)) else { return Ok(Vec::new()) };
    let latencies = |core: usize, node: usize, lines: &[u64]| -> Result<(f64, f64), String> {
        let n = lines.len() as u64;
        Ok((chase(bench, core, node, lines, 3 * n, 2 * n)?, chase(bench, core, node, lines, 0, n)?))
    };
    let one = |core: usize| -> Result<FromCore, String> {
        let (llc, memory) = latencies(core, 0, &near)?;
        let other = if last > 0 { Some(latencies(core, last, &far)?) } else { None };
        tick();
        Ok(FromCore { llc, memory, other })
    };
    let cores: Vec<FromCore> = own.into_par_iter().map(one).collect::<Result<_, _>>()?;
    let spread = |f: fn(&FromCore) -> Option<f64>| Spread::of(&cores.iter().filter_map(f).collect::<Vec<f64>>());
    let all = [
        (Quantity::LoadLlc, spread(|c| Some(c.llc))),
        (Quantity::LoadMemory, spread(|c| Some(c.memory))),
        (Quantity::LoadLlcOtherNode, spread(|c| c.other.map(|o| o.0))),
        (Quantity::LoadMemoryOtherNode, spread(|c| c.other.map(|o| o.1))),
    ];
    Ok(all.into_iter().filter_map(|(q, s)| Some((q, s?))).collect())
}

/// Last level from core 0, slice by slice of its node: the nearest and the farthest.
fn of_slices(bench: &Bench) -> Result<Vec<(Quantity, Spread)>, String> {
    let one = |&slice: &usize| -> Result<Option<f64>, String> {
        let Some(lines) = lines_of_slices(bench, 0, &[slice], more_than_ways(bench)) else { return Ok(None) };
        let n = lines.len() as u64;
        chase(bench, 0, 0, &lines, 3 * n, 2 * n).map(Some)
    };
    let all: Vec<Option<f64>> = bench.slices_of(0).par_iter().map(one).collect::<Result<_, _>>()?;
    let Some(s) = Spread::of(&all.into_iter().flatten().collect::<Vec<f64>>()) else { return Ok(Vec::new()) };
    Ok(vec![(Quantity::LoadLlcNear, Spread::one(s.min)), (Quantity::LoadLlcFar, Spread::one(s.max))])
}

/// Lines modified in another core, for a few pairs at the ends and in the middle of a node, and across nodes.
fn of_modified(bench: &Bench) -> Result<Vec<(Quantity, Spread)>, String> {
    let (own, other) = (bench.nodes()[0].clone(), bench.nodes()[bench.nodes().len() - 1].clone());
    let end = own.end - 1;
    let mut within = vec![(end, 0), (end / 2, 0), (0, end), (end / 2, end)];
    within.retain(|(writer, reader)| writer != reader);
    let across = if other == own { Vec::new() } else { vec![(other.start, 0), (other.end - 1, end)] };
    let mut out = Vec::new();
    for (quantity, pairs) in [(Quantity::LoadModified, within), (Quantity::LoadModifiedOtherNode, across)] {
        let all: Vec<f64> = pairs.into_iter().map(|(w, r)| owned(bench, w, r)).collect::<Result<_, _>>()?;
        out.extend(Spread::of(&all).map(|s| (quantity, s)));
    }
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
