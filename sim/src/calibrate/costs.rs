// SPDX-License-Identifier: MIT OR Apache-2.0
//! Costs of single operations of one core, and the depth of its store buffer.

use configs::Quantity;

use super::Spread;
use super::bench::{Bench, COSTS, Job, STORES, line};

const ROUNDS: u64 = 64;
/// Four stores each: more than twice the largest buffer of a preset.
const TURNS: u64 = 48;

const OPERATIONS: [(Quantity, &str); 9] = [
    (Quantity::LockedAdd, "add_back_to_back"),
    (Quantity::LockedAddDependent, "add_dependent"),
    (Quantity::Exchange, "exchange"),
    (Quantity::CompareAndSwap, "cas_hit"),
    (Quantity::PlainAdd, "plain_add"),
    (Quantity::StoreThenLoad, "store_then_load"),
    (Quantity::Fence, "full_fence"),
    (Quantity::Pause, "pause_hint"),
    (Quantity::ClockRead, "clock"),
];

pub(super) fn quantities(bench: &Bench) -> Result<Vec<(Quantity, Spread)>, String> {
    let mut out = Vec::new();
    for (quantity, name) in OPERATIONS {
        let notes = bench.run(&Job {
            text: COSTS,
            lines: 1,
            params: &[("line", line(0)), ("rounds", ROUNDS)],
            tasks: &[(0, name)],
            node: 0,
            initial: &[],
        })?;
        out.push((quantity, Spread::one(notes.span(0)? / ROUNDS as f64)));
    }
    if let Some(depth) = store_buffer(bench)? {
        out.push((Quantity::StoreBuffer, Spread::one(depth as f64)));
    }
    Ok(out)
}

/// Stores that issue before the first that has to wait; `None` if none of them waits.
///
/// A store that finds room issues a few cycles after the one before it, one that does not when the oldest
/// has got its line, after a miss in all caches. The longest gap between two of the first stores tells them
/// apart; the line between is half of it.
fn store_buffer(bench: &Bench) -> Result<Option<usize>, String> {
    let notes = bench.run(&Job {
        text: STORES,
        lines: 4 * TURNS,
        params: &[("start", line(0)), ("turns", TURNS)],
        tasks: &[(0, "main")],
        node: 0,
        initial: &[],
    })?;
    let at: Vec<u64> = notes.0.iter().map(|n| n.2).collect();
    let gaps: Vec<u64> = at.windows(2).map(|w| w[1] - w[0]).collect();
    let longest = gaps.iter().copied().max().unwrap_or(0);
    let least = gaps.iter().copied().min().unwrap_or(0);
    if longest < 4 * least.max(4) {
        return Ok(None);
    }
    Ok(gaps.iter().position(|g| *g > longest / 2).map(|i| i + 1))
}
