// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is joined to what: stops, links, and where cores, slices and memory controllers sit.

use petgraph::graph::{DiGraph, NodeIndex};

use super::clock::ClockRatio;
use super::route::{Rides, Routes};

/// Most stops of a network, routers included.
pub const STOPS_MAX: usize = 4096;
/// Most channels of a network.
pub const CHANNELS_MAX: usize = 0x4000;
/// Virtual networks.
pub(super) const NETWORKS: usize = 3;

/// A link with a router's queue at its far end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkParams {
    /// Ticks of its clock from the queue before it to the queue behind it, at least 1.
    pub latency: u64,
    /// Bytes it takes per tick.
    pub bytes: u64,
    /// Its clock.
    pub clock: ClockRatio,
    /// Messages the buffer at its far end takes, per virtual network and virtual channel.
    pub places: u16,
    /// One set of wires for all virtual networks, instead of one each.
    pub shared_wires: bool,
}

/// How messages get over a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// A part of a bufferless ring, by the ring's number: slots are reserved for the whole ride.
    Slotted(u16),
    /// From queue to queue, with this many places in the next one.
    Queued(u16),
    /// Into something that always takes it: a bus, whose receivers listen all the time.
    Open,
}

/// What a message occupies while it crosses: a link's wires, or those of a whole bus.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    pub(super) latency: u64,
    pub(super) bytes: u64,
    pub(super) clock: ClockRatio,
    pub(super) shared_wires: bool,
    pub(super) passage: Passage,
    /// One of its edges, for names.
    pub(super) edge: usize,
}

impl Channel {
    /// Ticks a message of so many bytes keeps it busy.
    pub(super) const fn ticks(&self, bytes: u64) -> u64 {
        bytes.div_ceil(self.bytes)
    }

    /// The least number of core cycles between two hops over it: the weight of routes.
    pub(super) fn weight(&self) -> u64 {
        self.clock.seen(self.latency).0
    }
}

/// Why a network cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopologyError {
    /// There is no way from one stop to another.
    NotConnected {
        /// From here.
        from: usize,
        /// To there.
        to: usize,
    },
    /// No core, no slice or no memory controller was placed.
    Missing(&'static str),
    /// More stops or links than can be numbered.
    TooLarge(&'static str),
    /// The routes need so many virtual channels: too often is a link followed by one added before it.
    VirtualChannels(usize),
}

impl std::fmt::Display for TopologyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TopologyError::NotConnected { from, to } => write!(f, "there is no way from stop {from} to stop {to}"),
            TopologyError::Missing(what) => write!(f, "the network has no {what}"),
            TopologyError::TooLarge(what) => write!(f, "the network has too many {what}"),
            TopologyError::VirtualChannels(n) => write!(f, "the routes need {n} virtual channels, 16 are the most"),
        }
    }
}

impl std::error::Error for TopologyError {}

/// A network under construction. Stops are numbered in the order they are added, and so are
/// channels; of equally short routes the one over the link added first is taken.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    /// Edges carry their channel; `None` for the drop from a bus to a stop, which costs nothing.
    pub(super) graph: DiGraph<u16, Option<u16>>,
    pub(super) channels: Vec<Channel>,
    pub(super) rings: u16,
    group: u16,
    cores: Vec<u16>,
    slices: Vec<u16>,
    memories: Vec<u16>,
}

impl Builder {
    /// Adds a stop.
    pub fn stop(&mut self) -> usize {
        self.graph.add_node(self.group).index()
    }

    /// Stops added from here on belong to another group (a socket, a cluster).
    pub fn next_group(&mut self) {
        self.group += 1;
    }

    /// Places the next core at a stop.
    pub fn core(&mut self, stop: usize) {
        self.cores.push(stop as u16);
    }

    /// Places the next last-level slice at a stop.
    pub fn slice(&mut self, stop: usize) {
        self.slices.push(stop as u16);
    }

    /// Places the next memory controller at a stop.
    pub fn memory(&mut self, stop: usize) {
        self.memories.push(stop as u16);
    }

    pub(super) fn edge(&mut self, from: usize, to: usize, channel: Option<u16>) -> usize {
        self.graph.add_edge(NodeIndex::new(from), NodeIndex::new(to), channel).index()
    }

    pub(super) fn channel(&mut self, c: Channel) -> u16 {
        self.channels.push(c);
        (self.channels.len() - 1) as u16
    }

    /// Adds a link in one direction.
    pub fn link(&mut self, from: usize, to: usize, p: &LinkParams) {
        let channel = self.channels.len() as u16;
        let edge = self.edge(from, to, Some(channel));
        self.channel(Channel {
            latency: p.latency,
            bytes: p.bytes,
            clock: p.clock,
            shared_wires: p.shared_wires,
            passage: Passage::Queued(p.places),
            edge,
        });
    }

    /// Computes the routes.
    ///
    /// # Errors
    /// The first reason why the network cannot be used.
    pub fn build(self) -> Result<Topology, TopologyError> {
        let too_large = if self.graph.node_count() > STOPS_MAX {
            Some("stops")
        } else if self.channels.len() > CHANNELS_MAX || self.graph.edge_count() >= usize::from(u16::MAX) {
            Some("links")
        } else {
            None
        };
        if let Some(what) = too_large {
            return Err(TopologyError::TooLarge(what));
        }
        for (what, placed) in
            [("core", &self.cores), ("last-level slice", &self.slices), ("memory controller", &self.memories)]
        {
            if placed.is_empty() {
                return Err(TopologyError::Missing(what));
            }
        }
        let routes = Routes::new(&self.graph, &self.channels)?;
        let group = |stop: u16| self.graph[NodeIndex::new(stop as usize)];
        let mut nodes: Vec<(u16, Vec<u16>)> = Vec::new();
        for (i, &stop) in self.slices.iter().enumerate() {
            match nodes.iter_mut().find(|(g, _)| *g == group(stop)) {
                Some((_, slices)) => slices.push(i as u16),
                None => nodes.push((group(stop), vec![i as u16])),
            }
        }
        nodes.sort_by_key(|(g, _)| *g);
        let node_of = |stop: &u16| nodes.iter().position(|(g, _)| *g == group(*stop)).map(|n| n as u16);
        let core_nodes = self.cores.iter().map(node_of).collect();
        let serving = |slice: &u16| -> Vec<u16> {
            let all = || (0..self.memories.len() as u16).collect::<Vec<_>>();
            let near: Vec<u16> =
                all().into_iter().filter(|&m| group(self.memories[m as usize]) == group(*slice)).collect();
            if near.is_empty() { all() } else { near }
        };
        let controllers = self.slices.iter().map(serving).collect();
        let is_one_ring = self.channels.iter().all(|c| c.passage == Passage::Slotted(0));
        let rides = if is_one_ring { Rides::new(&routes, self.channels.len()) } else { None };
        let nodes = nodes.into_iter().map(|(_, slices)| slices).collect();
        let Builder { graph, channels, cores, slices, memories, .. } = self;
        Ok(Topology { graph, channels, routes, cores, slices, memories, controllers, nodes, core_nodes, rides })
    }
}

/// A network: a directed graph of stops, its routes, and what sits where. Never changes.
#[derive(Clone, Debug)]
pub struct Topology {
    pub(super) graph: DiGraph<u16, Option<u16>>,
    pub(super) channels: Vec<Channel>,
    pub(super) routes: Routes,
    /// `[core]`: its stop.
    pub(super) cores: Vec<u16>,
    /// `[slice]`: its stop.
    pub(super) slices: Vec<u16>,
    /// `[controller]`: its stop.
    pub(super) memories: Vec<u16>,
    /// `[slice]`: the controllers its lines come from.
    controllers: Vec<Vec<u16>>,
    /// `[memory node]`: its slices. The groups that have slices, in order.
    nodes: Vec<Vec<u16>>,
    /// `[core]`: the memory node of its group, if that has slices.
    core_nodes: Vec<Option<u16>>,
    /// All ways, if the network is one ring.
    pub(super) rides: Option<Rides>,
}

impl Topology {
    /// Number of cores placed.
    #[must_use]
    pub fn cores(&self) -> usize {
        self.cores.len()
    }

    /// Everybody is joined by one bus and by nothing else.
    #[must_use]
    pub fn is_one_bus(&self) -> bool {
        matches!(self.channels[..], [Channel { passage: Passage::Open, .. }])
    }

    /// Number of last-level slices placed.
    #[must_use]
    pub fn slices(&self) -> usize {
        self.slices.len()
    }

    /// Number of memory controllers placed.
    #[must_use]
    pub fn memories(&self) -> usize {
        self.memories.len()
    }

    /// Number of stops, routers included.
    #[must_use]
    pub fn stops(&self) -> usize {
        self.graph.node_count()
    }

    /// Number of channels: links in one direction, a bus being one.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels.len()
    }

    /// Virtual channels that queued links have in each virtual network.
    #[must_use]
    pub fn virtual_channels(&self) -> usize {
        self.routes.virtual_channels
    }

    /// The stop of an agent: cores come first, then slices, then controllers.
    #[inline]
    pub(in crate::timing) fn stop_of(&self, place: usize) -> u16 {
        let (c, s) = (self.cores.len(), self.slices.len());
        match place {
            i if i < c => self.cores[i],
            i if i < c + s => self.slices[i - c],
            i => self.memories[i - c - s],
        }
    }

    /// The slice that is a line's home if homes are hashed over the whole machine: a multiplicative
    /// hash (Knuth, TAOCP vol. 3, 6.4) of the line's number, which spreads neighbouring lines over
    /// all slices. The real functions of processors are not published in full.
    #[must_use]
    #[inline]
    pub fn home_slice(&self, line: u64) -> usize {
        spread(line, self.slices.len())
    }

    /// The same hash over the slices of one memory node; nodes are counted modulo their number.
    #[must_use]
    #[inline]
    pub fn home_slice_in(&self, node: usize, line: u64) -> usize {
        let slices = &self.nodes[node % self.nodes.len()];
        slices[spread(line, slices.len())] as usize
    }

    /// Memory nodes: the groups of stops (sockets, clusters) that have last-level slices.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The slices of a memory node; nodes are counted modulo their number.
    #[must_use]
    pub fn slices_of_node(&self, node: usize) -> &[u16] {
        &self.nodes[node % self.nodes.len()]
    }

    /// The memory node of a core; `None` if its group has no slice.
    #[must_use]
    pub fn node_of_core(&self, core: usize) -> Option<usize> {
        self.core_nodes.get(core).copied().flatten().map(usize::from)
    }

    /// The controller of a line whose home is this slice: those of the slice's group take turns
    /// line by line; all of them do if the group has none.
    #[must_use]
    #[inline]
    pub fn controller(&self, slice: usize, line: u64) -> usize {
        let serving = &self.controllers[slice];
        serving[(line % serving.len() as u64) as usize] as usize
    }

    /// A channel in words.
    #[must_use]
    pub fn channel_name(&self, channel: usize) -> String {
        let c = &self.channels[channel];
        let edge = petgraph::graph::EdgeIndex::new(c.edge);
        match (self.graph.edge_endpoints(edge), c.passage) {
            (Some((_, hub)), Passage::Open) => format!("bus {}", hub.index()),
            (Some((a, b)), _) => format!("{} -> {}", a.index(), b.index()),
            (None, _) => unreachable!("channels name edges of the graph"),
        }
    }
}

/// Which of `n` a line falls to.
#[inline]
fn spread(line: u64, n: usize) -> usize {
    ((line.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % n as u64) as usize
}
