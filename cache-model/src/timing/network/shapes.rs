// SPDX-License-Identifier: MIT OR Apache-2.0
//! Common shapes, laid over stops that are there already.
//!
//! The order in which a shape adds its links is part of its routing: see [`super`].

use super::clock::ClockRatio;
use super::topology::{Builder, Channel, LinkParams, Passage, Topology};

/// A bufferless slotted ring, or a bus. Neither has queues between stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireParams {
    /// Ticks from one ring stop to the next, or from a sender on the bus to every receiver; at least 1.
    pub latency: u64,
    /// Bytes it takes per tick.
    pub bytes: u64,
    /// Its clock.
    pub clock: ClockRatio,
    /// One set of wires for all virtual networks, instead of one each. Rings have one each.
    pub shared_wires: bool,
}

impl WireParams {
    /// Wires at the core's clock, one set for each virtual network.
    #[must_use]
    pub const fn new(latency: u64, bytes: u64) -> WireParams {
        WireParams { latency, bytes, clock: ClockRatio::CORE, shared_wires: false }
    }
}

impl LinkParams {
    /// A link at the core's clock, with wires for each virtual network.
    #[must_use]
    pub const fn new(latency: u64, bytes: u64, places: u16) -> LinkParams {
        LinkParams { latency, bytes, clock: ClockRatio::CORE, places, shared_wires: false }
    }
}

impl Builder {
    /// Joins stops to a ring, in their order and back to the first. Messages take the shorter way
    /// round if it is `bidirectional`, else always the way up.
    pub fn ring(&mut self, stops: &[usize], p: &WireParams, bidirectional: bool) {
        let ring = self.rings;
        self.rings += 1;
        let mut link = |from: usize, to: usize| {
            let channel = self.channels.len() as u16;
            let edge = self.edge(from, to, Some(channel));
            self.channel(Channel {
                latency: p.latency,
                bytes: p.bytes,
                clock: p.clock,
                shared_wires: false,
                passage: Passage::Slotted(ring),
                edge,
            });
        };
        // Clockwise links first: of two equally short routes the one over the lower link wins.
        let n = stops.len();
        for i in 0..n {
            link(stops[i], stops[(i + 1) % n]);
        }
        for i in 0..if bidirectional { n } else { 0 } {
            link(stops[(i + 1) % n], stops[i]);
        }
    }

    /// Joins stops by a split-transaction bus: every message occupies the whole bus, the oldest
    /// request is granted first, and every receiver listens all the time.
    pub fn bus(&mut self, stops: &[usize], p: &WireParams) {
        let hub = self.stop();
        let channel = self.channels.len() as u16;
        let edges: Vec<usize> = stops.iter().map(|&s| self.edge(s, hub, Some(channel))).collect();
        for &s in stops {
            self.edge(hub, s, None);
        }
        self.channel(Channel {
            latency: p.latency,
            bytes: p.bytes,
            clock: p.clock,
            shared_wires: p.shared_wires,
            passage: Passage::Open,
            edge: edges[0],
        });
    }

    /// Joins stops by a crossbar: a link from each to the switch, which queues by output, and one back.
    pub fn crossbar(&mut self, stops: &[usize], p: &LinkParams) {
        let switch = self.stop();
        for &s in stops {
            self.link(s, switch, p);
        }
        for &s in stops {
            self.link(switch, s, p);
        }
    }

    /// Joins stops, given row by row, to a mesh of so many columns, or to a torus. A dimension of
    /// two stops or fewer gets no second pair of links for going round.
    ///
    /// # Panics
    /// If the rows are not full.
    pub fn mesh(&mut self, stops: &[usize], columns: usize, torus: bool, p: &LinkParams) {
        assert!(columns > 0 && stops.len().is_multiple_of(columns), "rows must be full");
        let rows = stops.len() / columns;
        let at = |c: usize, r: usize| stops[r * columns + c];
        // All of x before all of y, each direction in the order a message goes: with ties going to
        // the lowest link, shortest routes go first along the row and then along the column.
        let steps = |n: usize| if torus && n > 2 { n } else { n - 1 };
        for c in 0..steps(columns) {
            for r in 0..rows {
                self.link(at(c, r), at((c + 1) % columns, r), p);
            }
        }
        for c in (0..steps(columns)).rev() {
            for r in 0..rows {
                self.link(at((c + 1) % columns, r), at(c, r), p);
            }
        }
        for r in 0..steps(rows) {
            for c in 0..columns {
                self.link(at(c, r), at(c, (r + 1) % rows), p);
            }
        }
        for r in (0..steps(rows)).rev() {
            for c in 0..columns {
                self.link(at(c, (r + 1) % rows), at(c, r), p);
            }
        }
    }
}

impl Topology {
    /// The ring of a client processor: one stop per core, shared with a slice, and one for memory.
    #[must_use]
    pub fn ring(cores: usize, p: &WireParams, bidirectional: bool) -> Topology {
        let mut b = Builder::default();
        let stops: Vec<usize> = (0..=cores).map(|_| b.stop()).collect();
        b.ring(&stops, p, bidirectional);
        for &s in &stops[..cores] {
            b.core(s);
            b.slice(s);
        }
        b.memory(stops[cores]);
        b.build().expect("a ring is connected, and has what a network needs if it has a core")
    }
}
