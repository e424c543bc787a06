// SPDX-License-Identifier: MIT OR Apache-2.0
//! One fixed route for every pair of stops, and how many virtual channels the routes need.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use petgraph::graph::{DiGraph, EdgeIndex};
use petgraph::visit::EdgeRef;

use super::topology::{Channel, Passage, TopologyError};

const NONE: u16 = u16::MAX;
/// Most virtual channels of a virtual network: each costs a buffer behind every link.
const VIRTUAL_CHANNELS_MAX: usize = 16;

/// Ways on one ring: each begins with a link and goes on with those behind it.
#[derive(Clone, Debug)]
pub(super) struct Rides {
    stops: usize,
    /// `[from * stops + to]`: the first channel, and how many.
    ways: Vec<(u16, u16)>,
    /// `[channel]`: the one behind it, as far as there is a way over both.
    behind: Vec<u16>,
}

impl Rides {
    /// The routes of a network that is one ring; `None` if some channel is followed by several.
    pub(super) fn new(routes: &Routes, channels: usize) -> Option<Rides> {
        let stops = routes.stops;
        let (mut ways, mut behind) = (vec![(NONE, 0); stops * stops], vec![NONE; channels]);
        for (from, to) in (0..stops).flat_map(|from| (0..stops).map(move |to| (from, to))) {
            let mut last = None;
            for (channel, _) in routes.channels(from, to) {
                let way = &mut ways[from * stops + to];
                match last {
                    None => way.0 = channel as u16,
                    Some(last) => {
                        let next: &mut u16 = &mut behind[last];
                        if *next != NONE && *next != channel as u16 {
                            return None;
                        }
                        *next = channel as u16;
                    }
                }
                way.1 += 1;
                last = Some(channel);
            }
        }
        Some(Rides { stops, ways, behind })
    }

    /// The first channel of a way, and the number of channels.
    #[inline]
    pub(super) fn way(&self, from: u16, to: u16) -> (usize, usize) {
        let (first, count) = self.ways[usize::from(from) * self.stops + usize::from(to)];
        (first.into(), count.into())
    }

    /// The channel behind one that is not the last of a way.
    #[inline]
    pub(super) fn behind(&self, channel: usize) -> usize {
        self.behind[channel].into()
    }
}

/// Next edge of every route. Two bytes per pair of stops.
#[derive(Clone, Debug)]
pub(super) struct Routes {
    stops: usize,
    /// `[from * stops + to]`: first edge of the route; `NONE` at the destination.
    next: Vec<u16>,
    /// `[edge]`: its channel, `NONE` for a drop from a bus, and the stop it leads to.
    edges: Vec<(u16, u16)>,
    /// Virtual channels that keep every chain of waiting messages from closing.
    pub(super) virtual_channels: usize,
}

impl Routes {
    pub(super) fn new(g: &DiGraph<u16, Option<u16>>, channels: &[Channel]) -> Result<Routes, TopologyError> {
        let stops = g.node_count();
        let weight = |e: EdgeIndex| g[e].map_or(0, |c| channels[c as usize].weight());
        let edges: Vec<(u16, u16)> =
            g.raw_edges().iter().map(|e| (e.weight.unwrap_or(NONE), e.target().index() as u16)).collect();
        // Adjacency with indices ascending; petgraph lists the newest edge first.
        let mut incoming: Vec<Vec<(usize, u64)>> = vec![Vec::new(); stops];
        let mut outgoing: Vec<Vec<(usize, usize, u64)>> = vec![Vec::new(); stops];
        for e in g.edge_references() {
            let (from, to, w) = (e.source().index(), e.target().index(), weight(e.id()));
            incoming[to].push((from, w));
            outgoing[from].push((e.id().index(), to, w));
        }
        let mut routes = Routes { stops, next: vec![NONE; stops * stops], edges, virtual_channels: 1 };
        for to in 0..stops {
            let distance = distances(&incoming, to);
            for from in (0..stops).filter(|&f| f != to) {
                if distance[from] == u64::MAX {
                    return Err(TopologyError::NotConnected { from, to });
                }
                let on_the_way = |&&(_, next, w): &&(usize, usize, u64)| {
                    distance[next] != u64::MAX && distance[next] + w == distance[from]
                };
                let best = outgoing[from].iter().find(on_the_way).expect("some edge made the distance");
                routes.next[from * stops + to] = best.0 as u16;
            }
            let needed = routes.virtual_channels_to(to, channels);
            routes.virtual_channels = routes.virtual_channels.max(needed);
        }
        if routes.virtual_channels > VIRTUAL_CHANNELS_MAX {
            return Err(TopologyError::VirtualChannels(routes.virtual_channels));
        }
        Ok(routes)
    }

    /// First edge of the route.
    #[inline]
    pub(super) fn next(&self, from: usize, to: usize) -> usize {
        self.next[from * self.stops + to] as usize
    }

    /// Channel of an edge, if it has one, and the stop it leads to.
    #[inline]
    pub(super) fn edge(&self, edge: usize) -> (Option<usize>, usize) {
        let (channel, to) = self.edges[edge];
        ((channel != NONE).then_some(channel as usize), to as usize)
    }

    /// Channels and the stops behind them, from one stop to another. Drops are not mentioned.
    pub(super) fn channels(&self, from: usize, to: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        let mut here = from;
        std::iter::from_fn(move || {
            while here != to {
                let (channel, next) = self.edge(self.next(here, to));
                here = next;
                if let Some(c) = channel {
                    return Some((c, here));
                }
            }
            None
        })
    }

    /// Most virtual channels that a route to `to` goes through: one more each time the number of
    /// the queued channel does not grow.
    fn virtual_channels_to(&self, to: usize, channels: &[Channel]) -> usize {
        // `[stop]`: changes on the way from it, and the first queued channel on that way.
        let mut known: Vec<Option<(usize, u16)>> = vec![None; self.stops];
        known[to] = Some((0, NONE));
        let mut path = Vec::new();
        for from in 0..self.stops {
            let mut here = from;
            while known[here].is_none() {
                path.push(here);
                here = self.edge(self.next(here, to)).1;
            }
            let (mut changes, mut first) = known[here].expect("the loop ended there");
            while let Some(stop) = path.pop() {
                let channel = self.edge(self.next(stop, to)).0;
                if let Some(c) = channel.filter(|&c| matches!(channels[c].passage, Passage::Queued(_))) {
                    changes += usize::from(first != NONE && first as usize <= c);
                    first = c as u16;
                }
                known[stop] = Some((changes, first));
            }
        }
        known.iter().flatten().map(|(changes, _)| changes + 1).max().unwrap_or(1)
    }
}

/// Dijkstra's distances to one stop; `u64::MAX` where there is no way.
fn distances(incoming: &[Vec<(usize, u64)>], to: usize) -> Vec<u64> {
    let mut distance = vec![u64::MAX; incoming.len()];
    let mut open = BinaryHeap::from([Reverse((0, to))]);
    distance[to] = 0;
    while let Some(Reverse((d, here))) = open.pop() {
        if d > distance[here] {
            continue;
        }
        for &(from, w) in &incoming[here] {
            if d + w < distance[from] {
                distance[from] = d + w;
                open.push(Reverse((d + w, from)));
            }
        }
    }
    distance
}
