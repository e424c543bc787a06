// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cores that work on one line together: ping-pong of pairs, atomics of any number.

use configs::{Machine, Quantity};
use sim_core::rng::Stream;

use super::bench::{ATOMICS, Bench, Job, PING_PONG, line};
use super::{Scope, Spread};

/// Lines the pairs use, each pair one of them, so that homes are everywhere.
const PAIR_LINES: u64 = 64;
const PAIR_ROUNDS: u64 = 24;
const ROUNDS: u64 = 32;

/// Ping-pong of two cores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// One core.
    pub a: usize,
    /// The other, of a higher number.
    pub b: usize,
    /// Both are of one memory node.
    pub is_near: bool,
    /// Cycles one way. Across nodes, the mean over the two nodes the line's memory can be in.
    pub cycles: f64,
}

/// Atomics of some threads on one line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    /// Threads, on cores 0, 1, ..
    pub threads: usize,
    /// Fetch-and-add: cycles per operation of each thread, and overall.
    pub fetch_add: (f64, f64),
    /// Load and compare-and-swap until it succeeds: the same, per success.
    pub cas_loop: (f64, f64),
}

/// The pairs to measure: all, or a sample of those within nodes and of those across, in order.
pub(super) fn pairs(m: &Machine, scope: Scope) -> Vec<(usize, usize)> {
    let nodes = m.interconnect.nodes(m.cores);
    let node = |c: u32| nodes.iter().position(|n| (n.0..n.0 + n.1).contains(&c));
    let all = (0..m.cores).flat_map(|a| (a + 1..m.cores).map(move |b| (a, b)));
    let (near, far): (Vec<_>, Vec<_>) = all.partition(|&(a, b)| node(a) == node(b));
    let mut chosen = Vec::new();
    for (class, mut pairs) in [near, far].into_iter().enumerate() {
        if let Some(n) = scope.pairs.filter(|n| *n < pairs.len()) {
            let mut random = Stream::derive(1, class as u64, "pairs");
            for i in 0..n {
                let j = i + random.below((pairs.len() - i) as u64) as usize;
                pairs.swap(i, j);
            }
            pairs.truncate(n);
        }
        chosen.extend(pairs.into_iter().map(|(a, b)| (a as usize, b as usize)));
    }
    chosen.sort_unstable();
    chosen
}

/// Ping-pong of one pair.
pub(super) fn ping_pong(bench: &Bench, a: usize, b: usize) -> Result<Pair, String> {
    let mut nodes = vec![bench.node_of(a), bench.node_of(b)];
    nodes.dedup();
    let mut sum = 0;
    for &node in &nodes {
        let notes = bench.run(&Job {
            text: PING_PONG,
            lines: PAIR_LINES,
            params: &[("line", line((a * 7 + b) as u64 % PAIR_LINES)), ("rounds", PAIR_ROUNDS)],
            tasks: &[(a, "ping"), (b, "pong")],
            node,
            initial: &[],
        })?;
        sum += notes.at(a, 1)? - notes.at(a, 0)?;
    }
    let messages = 2 * PAIR_ROUNDS * nodes.len() as u64;
    Ok(Pair { a, b, is_near: nodes.len() == 1, cycles: sum as f64 / messages as f64 })
}

/// Numbers of threads to measure.
pub(super) fn counts(cores: usize, scope: Scope) -> Vec<usize> {
    let wanted = |n: &usize| !scope.few_threads || *n <= 4 || n.is_power_of_two() || *n == cores;
    (1..=cores).filter(wanted).collect()
}

/// Both kinds of atomics by the first cores.
///
/// # Errors
/// A run that did not come to its end.
pub fn scaling(bench: &Bench, threads: usize) -> Result<Scaling, String> {
    let one = |name: &'static str| -> Result<(f64, f64), String> {
        let tasks: Vec<(usize, &str)> = (0..threads).map(|c| (c, name)).collect();
        let notes = bench.run(&Job {
            text: ATOMICS,
            lines: 1,
            params: &[("line", line(0)), ("rounds", ROUNDS)],
            tasks: &tasks,
            node: 0,
            initial: &[],
        })?;
        let (mut first, mut last, mut sum) = (u64::MAX, 0, 0);
        for core in 0..threads {
            let (from, to) = (notes.at(core, 0)?, notes.at(core, 1)?);
            (first, last, sum) = (first.min(from), last.max(to), sum + (to - from));
        }
        let operations = (ROUNDS * threads as u64) as f64;
        Ok((sum as f64 / operations, (last - first) as f64 / operations))
    };
    Ok(Scaling { threads, fetch_add: one("fetch_add")?, cas_loop: one("cas_loop")? })
}

/// What tables say of pairs and threads.
pub(super) fn quantities(pairs: &[Pair], scaling: &[Scaling]) -> Vec<(Quantity, Spread)> {
    let class =
        |near: bool| Spread::of(&pairs.iter().filter(|p| p.is_near == near).map(|p| p.cycles).collect::<Vec<f64>>());
    let with = |n: usize| scaling.iter().find(|s| s.threads == n);
    let one = |s: Option<f64>| s.map(Spread::one);
    let all = scaling.last().filter(|s| s.threads > 1);
    [
        (Quantity::PingPong, class(true)),
        (Quantity::PingPongOtherNode, class(false)),
        (Quantity::FetchAddAlone, one(with(1).map(|s| s.fetch_add.0))),
        (Quantity::FetchAddTwo, one(with(2).map(|s| s.fetch_add.0))),
        (Quantity::FetchAddTwoOverall, one(with(2).map(|s| s.fetch_add.1))),
        (Quantity::FetchAddAllOverall, one(all.map(|s| s.fetch_add.1))),
        (Quantity::CasLoopAlone, one(with(1).map(|s| s.cas_loop.0))),
        (Quantity::CasLoopTwoOverall, one(with(2).map(|s| s.cas_loop.1))),
        (Quantity::CasLoopAllOverall, one(all.map(|s| s.cas_loop.1))),
    ]
    .into_iter()
    .filter_map(|(q, s)| Some((q, s?)))
    .collect()
}
