// SPDX-License-Identifier: MIT OR Apache-2.0
//! Networks on their own: no caches, only messages.

mod exact;
mod routing;
mod saturation;
mod usage;

use std::collections::BTreeMap;
use std::sync::Arc;

use sim_core::time::Cycle;

use super::flow::{Interconnect, Parcel, Sent, Todo};
use super::{Builder, ClockRatio, LinkParams, Topology, WireParams};

/// Links of one cycle and 8 bytes per cycle.
fn link(places: u16) -> LinkParams {
    LinkParams::new(1, 8, places)
}

fn wire(latency: u64) -> WireParams {
    WireParams::new(latency, 8)
}

fn stops(b: &mut Builder, n: usize) -> Vec<usize> {
    (0..n).map(|_| b.stop()).collect()
}

/// Puts a core, a slice and a controller at every one of `stops`.
fn populate(mut b: Builder, stops: &[usize]) -> Topology {
    for &s in stops {
        b.core(s);
        b.slice(s);
        b.memory(s);
    }
    b.build().expect("the test's network is usable")
}

fn mesh(columns: usize, rows: usize, torus: bool, p: &LinkParams) -> Topology {
    let mut b = Builder::default();
    let s = stops(&mut b, columns * rows);
    b.mesh(&s, columns, torus, p);
    populate(b, &s)
}

fn star(n: usize, p: &LinkParams) -> Topology {
    let mut b = Builder::default();
    let s = stops(&mut b, n);
    b.crossbar(&s, p);
    populate(b, &s)
}

fn bus(n: usize, p: &WireParams) -> Topology {
    let mut b = Builder::default();
    let s = stops(&mut b, n);
    b.bus(&s, p);
    populate(b, &s)
}

/// Sockets of different shapes, each joined to the next in a circle: a ring, a bus, a torus, a crossbar.
fn sockets(p: &LinkParams) -> Topology {
    let mut b = Builder::default();
    let (mut all, mut gates) = (Vec::new(), Vec::new());
    for shape in 0..4 {
        let s = stops(&mut b, 9);
        match shape {
            0 => b.ring(&s, &wire(1), true),
            1 => b.bus(&s, &wire(2)),
            2 => b.mesh(&s, 3, true, p),
            _ => b.crossbar(&s, p),
        }
        gates.push(s[4]);
        all.extend(s);
        b.next_group();
    }
    for i in 0..4 {
        b.link(gates[i], gates[(i + 1) % 4], p);
        b.link(gates[(i + 1) % 4], gates[i], p);
    }
    populate(b, &all)
}

/// A message of the test: what it was sent as, and when it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sample {
    network: u8,
    from: usize,
    to: usize,
    bytes: u64,
    ready: u64,
    arrived: Option<u64>,
}

/// A network with an event loop.
struct Net {
    net: Interconnect,
    /// Keys as the fabric makes them: instant, deliveries and hops before wires, then sender's number.
    events: BTreeMap<(Cycle, u8, u32), Todo>,
    samples: Vec<Sample>,
}

impl Net {
    fn new(topology: Topology) -> Net {
        Net { net: Interconnect::new(Arc::new(topology)), events: BTreeMap::new(), samples: Vec::new() }
    }

    fn push(&mut self, todo: Vec<(Cycle, Todo)>) {
        for (at, what) in todo {
            let (rank, number) = match what {
                Todo::Deliver(s) => (0, s),
                Todo::Hop(s) => (1, s),
                Todo::Serve(w) => (2, w),
            };
            self.events.insert((at, rank, number), what);
        }
    }

    /// Sends a message between stops; messages must be sent in the order in which they are ready.
    fn send(&mut self, network: u8, from: usize, to: usize, bytes: u64, ready: u64) {
        self.run_until(ready);
        let slot = self.samples.len() as u32;
        self.samples.push(Sample { network, from, to, bytes, ready, arrived: None });
        let parcel = Parcel { network, from: from as u16, to: to as u16, bytes, order: (from as u16, slot) };
        let mut todo = Vec::new();
        let (sent, hops) = self.net.send(slot, parcel, Cycle(ready), Cycle(ready - 1), &mut todo);
        assert_eq!(hops, self.net.topology().hops(from, to));
        if let Sent::Arrives(at) = sent {
            todo.push((at, Todo::Deliver(slot)));
        }
        self.push(todo);
    }

    /// Performs every event before `end`.
    fn run_until(&mut self, end: u64) {
        while let Some(entry) = self.events.first_entry().filter(|e| e.key().0.0 < end) {
            let now = entry.key().0;
            let what = entry.remove();
            let mut todo = Vec::new();
            match what {
                Todo::Deliver(s) => {
                    let arrived = self.samples[s as usize].arrived.replace(now.0);
                    assert_eq!(arrived, None, "a message arrives once");
                }
                Todo::Hop(s) => self.net.hop(s, now, &mut todo),
                Todo::Serve(w) => self.net.serve(w, now, &mut todo),
            }
            assert!(todo.iter().all(|(at, what)| *at > now || (*at == now && matches!(what, Todo::Serve(_)))));
            self.push(todo);
        }
    }

    /// Performs everything and gives the arrivals, in the order of sending.
    fn arrivals(&mut self) -> Vec<u64> {
        self.run_until(u64::MAX);
        self.samples.iter().map(|s| s.arrived.expect("every message arrives")).collect()
    }
}
