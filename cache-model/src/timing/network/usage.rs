// SPDX-License-Identifier: MIT OR Apache-2.0
//! What links did: how busy they were, and how long messages waited for them.
//!
//! A wait is what a message loses against empty links: for wires another message is on, for a place
//! in the buffer behind the link, for its turn, for free slots on a ring. The time to the next tick
//! of a slower link's clock is not a wait. A ride on a ring waits once, before its first link, for
//! slots on all of them. Messages between agents at one stop cross no link and are not counted.

use sim_core::time::Cycle;

use super::flow::Interconnect;
use super::topology::{NETWORKS, Topology};

/// Messages, and how long they waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// Messages.
    pub messages: u64,
    /// Core cycles they waited, all together.
    pub waited_cycles: u64,
    /// Core cycles the one waited that waited longest.
    pub longest_cycles: u64,
}

impl Waits {
    #[inline]
    pub(super) fn add(&mut self, cycles: u64) {
        self.messages += 1;
        self.waited_cycles += cycles;
        self.longest_cycles = self.longest_cycles.max(cycles);
    }
}

/// What a link did. A bus is one link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkUse {
    /// Stop it begins at, as [`Topology::stop_name`] calls it; empty for a bus.
    pub from: String,
    /// Stop it ends at, or the bus.
    pub to: String,
    /// Ticks of its clock so far.
    pub ticks: u64,
    /// Sets of wires: one per virtual network, or one for all.
    pub wires: u64,
    /// Ticks in which a set of wires was in use, summed over the sets: at most `ticks * wires`, but
    /// for what is reserved beyond the end.
    pub busy_ticks: u64,
    /// `[virtual network]`: messages that crossed it, and how long they waited for it.
    pub waits: [Waits; NETWORKS],
}

impl Interconnect {
    /// Counts from now on what crosses links and how long it waits.
    pub(in crate::timing) fn count_waits(&mut self) {
        self.waits = vec![Waits::default(); self.topology().channels() * NETWORKS];
    }

    /// A message that crossed links is on the last of them.
    #[inline]
    pub(super) fn count_delivered(&mut self, slot: u32) {
        if !self.waits.is_empty() {
            let (network, waited) = self.waited(slot);
            self.delivered[usize::from(network)].add(waited);
        }
    }

    /// `[channel]`: what it did until `end`.
    pub(in crate::timing) fn link_use(&self, end: Cycle) -> Vec<LinkUse> {
        let topology = self.topology();
        let of = |(channel, busy_ticks): (usize, u64)| {
            let c = &topology.channels[channel];
            let (from, to) = topology.link_ends(channel);
            let waits = std::array::from_fn(|v| self.waits.get(channel * NETWORKS + v).copied().unwrap_or_default());
            let wires = if c.shared_wires { 1 } else { NETWORKS as u64 };
            LinkUse { from, to, ticks: c.clock.tick_until(end), wires, busy_ticks, waits }
        };
        self.busy_ticks().into_iter().enumerate().map(of).collect()
    }
}

/// Runs of consecutive numbers as text: `0-3,7`.
fn runs(numbers: &[usize]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for run in numbers.chunk_by(|a, b| a + 1 == *b) {
        parts.push(match run {
            [one] => one.to_string(),
            _ => format!("{}-{}", run[0], run[run.len() - 1]),
        });
    }
    parts.join(",")
}

impl Topology {
    /// A stop by its number and what sits there: `stop 4 (core 4, slice 4)`.
    #[must_use]
    pub fn stop_name(&self, stop: usize) -> String {
        let agents: Vec<String> = [("core", &self.cores), ("slice", &self.slices), ("memory", &self.memories)]
            .into_iter()
            .filter_map(|(what, places)| {
                let here: Vec<usize> = (0..places.len()).filter(|&i| usize::from(places[i]) == stop).collect();
                (!here.is_empty()).then(|| format!("{what} {}", runs(&here)))
            })
            .collect();
        if agents.is_empty() { format!("stop {stop}") } else { format!("stop {stop} ({})", agents.join(", ")) }
    }

    /// The stops a channel joins; a bus has no first one.
    fn link_ends(&self, channel: usize) -> (String, String) {
        let name = self.channel_name(channel);
        let stop = |text: &str| self.stop_name(text.parse().expect("channels are named by their stops"));
        match name.split_once(" -> ") {
            Some((from, to)) => (stop(from), stop(to)),
            None => (String::new(), name),
        }
    }
}
