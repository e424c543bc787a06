// SPDX-License-Identifier: MIT OR Apache-2.0
//! A topology in words and numbers.

use std::fmt::Write;

use super::topology::Topology;

/// Matrices of more rows than this are left out of texts.
const MATRIX_MAX: usize = 64;

/// Sums over pairs of agents: exact, so that whoever prints a mean rounds it once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Distances {
    /// Pairs counted.
    pub pairs: u64,
    /// Hops over all pairs.
    pub hops_sum: u64,
    /// Most hops of a pair.
    pub hops_max: u64,
    /// Cycles over all pairs: of the first part of a message on empty links.
    pub cycles_sum: u64,
    /// Most cycles of a pair.
    pub cycles_max: u64,
}

impl Topology {
    /// Links on the route between two stops; a bus counts as one.
    #[must_use]
    pub fn hops(&self, from: usize, to: usize) -> u32 {
        self.routes.channels(from, to).count() as u32
    }

    /// Core cycles of the first part of a message between two stops, if nothing else is under way
    /// and every link's clock has just ticked.
    #[must_use]
    pub fn cycles(&self, from: usize, to: usize) -> u64 {
        self.routes.channels(from, to).map(|(c, _)| self.channels[c].weight()).sum()
    }

    /// Distances from every core to every core but itself.
    #[must_use]
    pub fn core_to_core(&self) -> Distances {
        self.distances(&self.cores, &self.cores, true)
    }

    /// Distances from every core to every slice.
    #[must_use]
    pub fn core_to_slice(&self) -> Distances {
        self.distances(&self.cores, &self.slices, false)
    }

    /// Distances from every slice to every memory controller.
    #[must_use]
    pub fn slice_to_memory(&self) -> Distances {
        self.distances(&self.slices, &self.memories, false)
    }

    fn distances(&self, from: &[u16], to: &[u16], without_self: bool) -> Distances {
        let mut d = Distances::default();
        for (i, &a) in from.iter().enumerate() {
            for (j, &b) in to.iter().enumerate() {
                if without_self && i == j {
                    continue;
                }
                let (hops, cycles) = (u64::from(self.hops(a.into(), b.into())), self.cycles(a.into(), b.into()));
                d.pairs += 1;
                d.hops_sum += hops;
                d.cycles_sum += cycles;
                d.hops_max = d.hops_max.max(hops);
                d.cycles_max = d.cycles_max.max(cycles);
            }
        }
        d
    }

    /// The network in words: sizes, distances, and the hops between cores if there are few enough.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut out = String::new();
        // Writing to a text cannot fail.
        let _ = writeln!(
            out,
            "{} stops, {} channels, {} virtual channels; {} cores, {} slices, {} memory controllers",
            self.stops(),
            self.channels(),
            self.virtual_channels(),
            self.cores(),
            self.slices(),
            self.memories()
        );
        for (name, d) in [
            ("core to core", self.core_to_core()),
            ("core to slice", self.core_to_slice()),
            ("slice to memory", self.slice_to_memory()),
        ] {
            let _ = writeln!(
                out,
                "{name:<16} hops mean {} max {}, cycles mean {} max {}",
                hundredths(d.hops_sum, d.pairs),
                d.hops_max,
                hundredths(d.cycles_sum, d.pairs),
                d.cycles_max
            );
        }
        if self.cores() <= MATRIX_MAX {
            let _ = writeln!(out, "hops from core (row) to core (column):");
            let hops = |a: u16, b: u16| self.hops(a.into(), b.into());
            let digits = |n: u32| n.to_string().len();
            let most = self.core_to_core().hops_max as u32;
            let wide = digits(most.max(self.cores() as u32)) + 1;
            let head: String = (0..self.cores()).map(|c| format!("{c:>wide$}")).collect();
            let _ = writeln!(out, "{:>wide$} |{head}", "");
            for (i, &a) in self.cores.iter().enumerate() {
                let row: String = self.cores.iter().map(|&b| format!("{:>wide$}", hops(a, b))).collect();
                let _ = writeln!(out, "{i:>wide$} |{row}");
            }
        }
        out
    }
}

/// `a / b` with two decimals, to the nearest; 0 if there is nothing to divide by.
fn hundredths(a: u64, b: u64) -> String {
    let scaled = (a * 100 + b / 2).checked_div(b).unwrap_or(0);
    format!("{}.{:02}", scaled / 100, scaled % 100)
}
