// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a machine's interconnect as configured to the network that is simulated.

use cache_model::timing::{Builder, ClockRatio, LinkParams, Topology, TopologyError, WireParams};
use configs::{Frequency, Grid, Interconnect, Joined, Link, Machine, Span};

/// The network of a machine that `configs` has checked.
///
/// # Errors
/// What can be known of a network only when its routes are: how many virtual channels they need.
///
/// # Panics
/// If the machine breaks one of the rules that `configs` checks.
pub fn topology(m: &Machine) -> Result<Topology, TopologyError> {
    let mut layout = Layout { builder: Builder::default(), khz: m.clock.khz() };
    match &m.interconnect {
        Interconnect::Joined(j) => layout.joined(j),
        Interconnect::Graph(g) => layout.graph(g),
        shape => {
            layout.shape(shape, m.cores, Gateway::None);
        }
    }
    layout.builder.build()
}

/// What joins a part to others.
#[derive(Clone, Copy)]
enum Gateway {
    None,
    Default,
    Stop(u32),
}

struct Layout {
    builder: Builder,
    khz: u64,
}

impl Layout {
    fn clock(&self, own: Option<Frequency>) -> ClockRatio {
        let khz = own.map_or(self.khz, Frequency::khz);
        ClockRatio::new(khz, self.khz).expect("configs accepts no clock over the core's")
    }

    fn ticks(&self, span: Span, own: Option<Frequency>) -> u64 {
        span.cycles(own.map_or(self.khz, Frequency::khz))
    }

    fn link(&self, l: &Link) -> LinkParams {
        LinkParams {
            latency: self.ticks(l.latency, l.clock),
            bytes: u64::from(l.bytes_per_cycle),
            clock: self.clock(l.clock),
            places: l.queue as u16,
            shared_wires: l.shared_wires,
        }
    }

    fn stops(&mut self, count: u32) -> Vec<usize> {
        (0..count).map(|_| self.builder.stop()).collect()
    }

    fn core_with_slice(&mut self, stop: usize) {
        self.builder.core(stop);
        self.builder.slice(stop);
    }

    /// Lays out a shape and gives the stop of its gateway.
    fn shape(&mut self, i: &Interconnect, cores: u32, gateway: Gateway) -> usize {
        if let Interconnect::Mesh(g) | Interconnect::Torus(g) = i {
            return self.grid(g, matches!(i, Interconnect::Torus(_)), cores, gateway);
        }
        let own_gateway = u32::from(matches!(gateway, Gateway::Default));
        let stops = self.stops(cores + i.memory_controllers() + own_gateway);
        match i {
            Interconnect::Ring(r) => {
                let p = WireParams {
                    latency: self.ticks(r.hop, r.clock),
                    bytes: u64::from(r.link_bytes_per_cycle),
                    clock: self.clock(r.clock),
                    shared_wires: false,
                };
                self.builder.ring(&stops, &p, r.bidirectional);
            }
            Interconnect::Bus(b) => {
                let p = WireParams {
                    latency: self.ticks(b.latency, b.clock),
                    bytes: u64::from(b.bytes_per_cycle),
                    clock: self.clock(b.clock),
                    shared_wires: b.shared_wires,
                };
                self.builder.bus(&stops, &p);
            }
            Interconnect::Crossbar(c) => {
                let p = self.link(&c.link);
                self.builder.crossbar(&stops, &p);
            }
            Interconnect::Mesh(_) | Interconnect::Torus(_) | Interconnect::Joined(_) | Interconnect::Graph(_) => {
                unreachable!("laid out elsewhere, and configs accepts no such part")
            }
        }
        for (k, &stop) in stops.iter().enumerate() {
            if k < cores as usize {
                self.core_with_slice(stop);
            } else if k < (cores + i.memory_controllers()) as usize {
                self.builder.memory(stop);
            }
        }
        match gateway {
            Gateway::Stop(n) => stops[n as usize],
            Gateway::None | Gateway::Default => stops[stops.len() - 1],
        }
    }

    fn grid(&mut self, g: &Grid, torus: bool, cores: u32, gateway: Gateway) -> usize {
        let stops = self.stops(g.columns * g.rows);
        let p = self.link(&g.link);
        self.builder.mesh(&stops, g.columns as usize, torus, &p);
        let with_cores = (0..g.columns * g.rows).filter(|&s| !g.stop_is_empty(s));
        let places = with_cores.flat_map(|s| (0..g.cores_per_stop).map(move |_| s));
        for s in places.take(cores as usize) {
            self.core_with_slice(stops[s as usize]);
        }
        for &(c, r) in &g.memory_stops {
            self.builder.memory(stops[(r * g.columns + c) as usize]);
        }
        match gateway {
            Gateway::Stop(n) => stops[n as usize],
            Gateway::None | Gateway::Default => stops[0],
        }
    }

    fn joined(&mut self, j: &Joined) {
        let mut gateways = Vec::new();
        for part in &j.parts {
            let gateway = part.gateway.map_or(Gateway::Default, Gateway::Stop);
            gateways.push(self.shape(&part.interconnect, part.cores, gateway));
            self.builder.next_group();
        }
        for l in &j.links {
            let (a, b, p) = (gateways[l.from as usize], gateways[l.to as usize], self.link(&l.link));
            self.builder.link(a, b, &p);
            self.builder.link(b, a, &p);
        }
    }

    fn graph(&mut self, g: &configs::Graph) {
        let stops = self.stops(g.stops.len() as u32);
        let at = |name: &str| {
            let found = g.stops.iter().position(|s| s.name == name);
            stops[found.expect("configs accepts links between declared stops only")]
        };
        let (mut cores, mut slices) = (Vec::new(), Vec::new());
        for (s, &stop) in g.stops.iter().zip(&stops) {
            cores.extend(s.cores.iter().map(|&c| (c, stop)));
            slices.extend(s.slices.iter().map(|&c| (c, stop)));
            (0..s.memory_controllers).for_each(|_| self.builder.memory(stop));
        }
        cores.sort_unstable();
        slices.sort_unstable();
        cores.iter().for_each(|&(_, stop)| self.builder.core(stop));
        slices.iter().for_each(|&(_, stop)| self.builder.slice(stop));
        for l in &g.links {
            let p = self.link(&l.link);
            self.builder.link(at(&l.from), at(&l.to), &p);
            if !l.one_way {
                self.builder.link(at(&l.to), at(&l.from), &p);
            }
        }
    }
}
