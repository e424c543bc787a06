// SPDX-License-Identifier: MIT OR Apache-2.0
//! The interconnect: stops joined by links, a fixed route for every pair, slots on every link.
//!
//! The model is the bufferless slotted ring of client processors: a message waits at its
//! injection port until a train of free slots will meet it on every link of its route, and is
//! never held up on the way. Reserving the whole route at injection is therefore not an
//! approximation but what the hardware's rule "traffic on the ring goes first" amounts to. Each
//! virtual network has wires of its own.

use std::collections::VecDeque;

use petgraph::graph::{DiGraph, NodeIndex};
use sim_core::time::Cycle;

/// An arrival: when the last part of the message is there, and over how many links it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Instant of complete arrival.
    pub at: Cycle,
    /// Links crossed.
    pub hops: u32,
}

/// Reserved slots of one link, as disjoint intervals in time order.
#[derive(Clone, Debug, Default)]
struct Calendar {
    busy: VecDeque<(u64, u64)>,
    busy_cycles: u64,
}

impl Calendar {
    /// End of the reservation that overlaps `start..start + slots`, if there is one.
    fn conflict(&self, start: u64, slots: u64) -> Option<u64> {
        self.busy.iter().find(|(s, e)| *s < start + slots && start < *e).map(|(_, e)| *e)
    }

    fn reserve(&mut self, start: u64, slots: u64, now: u64) {
        while self.busy.front().is_some_and(|(_, e)| *e <= now) {
            self.busy.pop_front();
        }
        let place = self.busy.partition_point(|(s, _)| *s < start);
        self.busy.insert(place, (start, start + slots));
        self.busy_cycles += slots;
    }
}

/// Stops, links and what is reserved on them.
#[derive(Clone, Debug)]
pub struct Interconnect {
    stops: usize,
    hop_cycles: u64,
    /// `[from * stops + to]`: first link of the route, or `u16::MAX` at the destination.
    first_link: Vec<u16>,
    /// `[link]`: the stop it leads to.
    leads_to: Vec<u16>,
    /// `[network][link]`.
    calendars: [Vec<Calendar>; 3],
}

impl Interconnect {
    /// A ring of `stops` stops; `hop_cycles` from one to the next, at least 1. Messages take the
    /// shorter way round if it is `bidirectional`, else always the way up.
    #[must_use]
    pub fn ring(stops: usize, hop_cycles: u64, bidirectional: bool) -> Interconnect {
        let mut g = DiGraph::new();
        let nodes: Vec<NodeIndex> = (0..stops).map(|_| g.add_node(())).collect();
        // Clockwise links first: of two equally short routes the one over the lower link wins.
        for i in 0..stops {
            g.add_edge(nodes[i], nodes[(i + 1) % stops], ());
        }
        for i in 0..if bidirectional { stops } else { 0 } {
            g.add_edge(nodes[(i + 1) % stops], nodes[i], ());
        }
        Interconnect::from_graph(&g, hop_cycles)
    }

    /// Any strongly connected graph of stops. Routes are shortest; ties go to the lowest link.
    #[must_use]
    pub fn from_graph(g: &DiGraph<(), ()>, hop_cycles: u64) -> Interconnect {
        let stops = g.node_count();
        let mut first_link = vec![u16::MAX; stops * stops];
        let reversed = petgraph::visit::Reversed(g);
        for to in g.node_indices() {
            let distance = petgraph::algo::dijkstra(reversed, to, None, |_| 1u32);
            for from in g.node_indices().filter(|&f| f != to) {
                let nearer = |e: &petgraph::graph::EdgeIndex| {
                    let (_, next) = g.edge_endpoints(*e).expect("the edge is in the graph");
                    distance.get(&next).is_some_and(|d| d + 1 == distance[&from])
                };
                let best = g.edges(from).map(|e| petgraph::visit::EdgeRef::id(&e)).filter(nearer).min();
                let link = best.expect("the graph is strongly connected, which is validated before");
                first_link[from.index() * stops + to.index()] = link.index() as u16;
            }
        }
        let leads_to = g.raw_edges().iter().map(|e| e.target().index() as u16).collect();
        let links = vec![Calendar::default(); g.edge_count()];
        Interconnect { stops, hop_cycles, first_link, leads_to, calendars: [links.clone(), links.clone(), links] }
    }

    fn route(&self, from: usize, to: usize) -> impl Iterator<Item = usize> + '_ {
        let mut here = from;
        std::iter::from_fn(move || {
            if here == to {
                return None;
            }
            let link = self.first_link[here * self.stops + to] as usize;
            here = self.leads_to[link] as usize;
            Some(link)
        })
    }

    /// Links on the route between two stops.
    #[must_use]
    pub fn hops(&self, from: usize, to: usize) -> u32 {
        self.route(from, to).count() as u32
    }

    /// Sends a message of `slots` slots that is ready at `ready`; `now` is the current instant,
    /// before which no reservation matters any more.
    pub fn send(&mut self, network: usize, from: usize, to: usize, slots: u64, ready: Cycle, now: Cycle) -> Arrival {
        if from == to {
            return Arrival { at: ready, hops: 0 };
        }
        let mut depart = ready.0;
        'search: loop {
            for (i, link) in self.route(from, to).enumerate() {
                let lead = i as u64 * self.hop_cycles;
                if let Some(free) = self.calendars[network][link].conflict(depart + lead, slots) {
                    depart = free - lead;
                    continue 'search;
                }
            }
            break;
        }
        let (mut here, mut hops) = (from, 0);
        while here != to {
            let link = self.first_link[here * self.stops + to] as usize;
            let start = depart + u64::from(hops) * self.hop_cycles;
            self.calendars[network][link].reserve(start, slots, now.0);
            here = self.leads_to[link] as usize;
            hops += 1;
        }
        Arrival { at: Cycle(depart + u64::from(hops) * self.hop_cycles + slots - 1), hops }
    }

    /// `[link]`: slots used so far, all networks together.
    #[must_use]
    pub fn busy_cycles(&self) -> Vec<u64> {
        (0..self.leads_to.len()).map(|l| self.calendars.iter().map(|c| c[l].busy_cycles).sum()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_takes_the_short_way_round() {
        let r = Interconnect::ring(9, 1, true);
        assert_eq!(r.hops(0, 4), 4);
        assert_eq!(r.hops(0, 5), 4);
        assert_eq!(r.hops(8, 1), 2);
        assert_eq!(r.hops(3, 3), 0);
        assert_eq!(Interconnect::ring(9, 1, false).hops(1, 0), 8);
    }

    #[test]
    fn an_unloaded_message_takes_its_hops_and_the_tail_of_its_slots() {
        let mut r = Interconnect::ring(8, 2, true);
        let a = r.send(0, 1, 4, 3, Cycle(100), Cycle(90));
        assert_eq!(a, Arrival { at: Cycle(100 + 3 * 2 + 2), hops: 3 });
    }

    #[test]
    fn a_message_waits_at_injection_for_slots_on_its_whole_route() {
        let mut r = Interconnect::ring(8, 1, true);
        // Three slots from stop 0 to 2: link 0->1 in 10..13, link 1->2 in 11..14.
        assert_eq!(r.send(2, 0, 2, 3, Cycle(10), Cycle(0)).at, Cycle(14));
        // From stop 1, ready at 12: link 1->2 is free from 14 on.
        assert_eq!(r.send(2, 1, 2, 1, Cycle(12), Cycle(0)).at, Cycle(15));
        // A single slot before the train still fits, though it is sent later.
        assert_eq!(r.send(2, 1, 2, 1, Cycle(9), Cycle(0)).at, Cycle(10));
        // Another network is not affected, nor is the other direction.
        assert_eq!(r.send(0, 1, 2, 1, Cycle(12), Cycle(0)).at, Cycle(13));
        assert_eq!(r.send(2, 2, 1, 1, Cycle(12), Cycle(0)).at, Cycle(13));
    }

    #[test]
    fn equal_messages_between_two_stops_never_overtake() {
        let mut r = Interconnect::ring(6, 1, true);
        let mut rng = sim_core::rng::Stream::derive(5, 0, "ring");
        let (mut ready, mut last) = (0, Cycle(0));
        for _ in 0..2000 {
            let (a, b) = (rng.below(6) as usize, rng.below(6) as usize);
            r.send(1, a, b, 1 + rng.below(3), Cycle(ready + rng.below(9)), Cycle(ready));
            let here = r.send(1, 0, 2, 1, Cycle(ready + 9), Cycle(ready)).at;
            assert!(here > last);
            last = here;
            ready += 1;
        }
    }
}
