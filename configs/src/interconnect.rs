// SPDX-License-Identifier: MIT OR Apache-2.0
//! How cores, last-level slices and memory controllers are joined.
//!
//! Except in [`Graph`], every core shares a stop with the slice of its number. A latency of a link
//! given in `cy` is in cycles of the link's own clock.

use serde::{Deserialize, Serialize};

use crate::units::{Frequency, Span};

/// Shape of the interconnect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Interconnect {
    /// A bufferless slotted ring: one stop per core, then one per memory controller.
    Ring(Ring),
    /// A split-transaction bus: one message at a time, oldest first.
    Bus(Bus),
    /// A switch with a link to and from every core and every memory controller.
    Crossbar(Crossbar),
    /// Rows and columns; messages go along the row first.
    Mesh(Grid),
    /// A mesh whose rows and columns are closed to circles.
    Torus(Grid),
    /// Sockets or clusters, each with a shape of its own, joined by links.
    Joined(Joined),
    /// Stops and links written out.
    Graph(Graph),
}

/// A bufferless slotted ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ring {
    /// From one stop to the next; at least one cycle.
    pub hop: Span,
    /// Messages take the shorter way round (`true`) or always go upwards (`false`).
    pub bidirectional: bool,
    /// Bytes a link takes in one cycle, 1 to 4096; a message keeps it busy for its size over this.
    pub link_bytes_per_cycle: u32,
    /// Clock of the ring; `None` is the core clock, which it must not exceed.
    #[serde(default)]
    pub clock: Option<Frequency>,
    /// Memory controllers, each with a stop behind the cores' stops.
    #[serde(default = "one")]
    pub memory_controllers: u32,
}

/// A bus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bus {
    /// From grant to the first part of the message at every receiver; at least one cycle.
    pub latency: Span,
    /// Bytes it takes in one cycle, 1 to 4096.
    pub bytes_per_cycle: u32,
    /// One set of wires for requests, forwards and responses (`true`), or one each.
    pub shared_wires: bool,
    /// Clock of the bus; `None` is the core clock, which it must not exceed.
    #[serde(default)]
    pub clock: Option<Frequency>,
    /// Memory controllers on it.
    #[serde(default = "one")]
    pub memory_controllers: u32,
}

/// A crossbar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crossbar {
    /// Each half of the way: to the switch, and from it.
    pub link: Link,
    /// Memory controllers at it.
    #[serde(default = "one")]
    pub memory_controllers: u32,
}

/// A mesh or torus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// Stops in a row, 1 to 64.
    pub columns: u32,
    /// Stops in a column, 1 to 64.
    pub rows: u32,
    /// Cores at every stop, each with its slice; they fill the stops row by row.
    #[serde(default = "one")]
    pub cores_per_stop: u32,
    /// Stops without cores, as (column, row) from 0.
    #[serde(default)]
    pub empty_stops: Vec<(u32, u32)>,
    /// A memory controller each, as (column, row) from 0; a stop with cores can have one too.
    pub memory_stops: Vec<(u32, u32)>,
    /// Between neighbours, in each direction.
    pub link: Link,
}

/// Parts joined by links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joined {
    /// Cores are numbered through all parts. A line's memory controller is in the part of its home
    /// slice if that part has one.
    pub parts: Vec<Part>,
    /// Between gateways.
    pub links: Vec<PartLink>,
}

/// A socket or cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Cores in it; may be none.
    pub cores: u32,
    /// Its shape: anything but `Joined` and `Graph`. Its memory controllers may be none.
    pub interconnect: Interconnect,
    /// The stop at which links to other parts end, by its number in the part (in a mesh row by
    /// row). `None`: stop 0 of a mesh or torus, else a stop of its own behind all others.
    #[serde(default)]
    pub gateway: Option<u32>,
}

/// A link between the gateways of two parts, in both directions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartLink {
    /// One part, by its number from 0.
    pub from: u32,
    /// The other.
    pub to: u32,
    /// Each direction.
    pub link: Link,
}

/// A network written out. Routes take the least latency, the link written first on a tie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graph {
    /// Stops.
    pub stops: Vec<Stop>,
    /// Links.
    pub links: Vec<StopLink>,
}

/// A stop of a graph; with nothing at it, it only passes messages on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// Name for links and messages.
    pub name: String,
    /// Cores at it, by number.
    #[serde(default)]
    pub cores: Vec<u32>,
    /// Last-level slices at it, by number; the graph has slices 0, 1, .. without a gap.
    #[serde(default)]
    pub slices: Vec<u32>,
    /// Memory controllers at it.
    #[serde(default)]
    pub memory_controllers: u32,
}

/// A link of a graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopLink {
    /// Name of a stop.
    pub from: String,
    /// Name of another.
    pub to: String,
    /// Only from `from` to `to`, instead of one link in each direction.
    #[serde(default)]
    pub one_way: bool,
    /// Each direction.
    pub link: Link,
}

/// A link with a queue behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// From one stop to the next, router included; at least one cycle.
    pub latency: Span,
    /// Bytes it takes in one cycle, 1 to 4096.
    pub bytes_per_cycle: u32,
    /// Messages that the buffer behind it takes, per virtual network and virtual channel; 1 to
    /// 1024. Fewer than the cycles a credit needs to come back make it slower.
    pub queue: u32,
    /// Its clock; `None` is the core clock, which it must not exceed.
    #[serde(default)]
    pub clock: Option<Frequency>,
    /// One set of wires for requests, forwards and responses, instead of one each.
    #[serde(default)]
    pub shared_wires: bool,
}

/// Sizes of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Messages {
    /// Size of a message without data, 1 to 4096 bytes.
    pub control_bytes: u32,
    /// Size of a message with a line, header included, 64 to 4096 bytes.
    pub data_bytes: u32,
}

const fn one() -> u32 {
    1
}

impl Grid {
    /// Stops without cores, one flag per stop, row by row.
    #[must_use]
    pub fn stop_is_empty(&self, stop: u32) -> bool {
        self.empty_stops.contains(&(stop % self.columns, stop / self.columns))
    }

    /// Cores there is room for.
    #[must_use]
    pub fn room(&self) -> u32 {
        let stops = self.columns * self.rows;
        (0..stops).filter(|&s| !self.stop_is_empty(s)).count() as u32 * self.cores_per_stop
    }
}

impl Interconnect {
    /// `[memory node]`: its first core and the number of its cores. `cores` are the machine's.
    #[must_use]
    pub fn nodes(&self, cores: u32) -> Vec<(u32, u32)> {
        let Interconnect::Joined(j) = self else { return vec![(0, cores)] };
        let mut first = 0;
        let mut nodes = Vec::new();
        for p in j.parts.iter().filter(|p| p.cores > 0) {
            nodes.push((first, p.cores));
            first += p.cores;
        }
        nodes
    }

    /// Memory controllers in it.
    #[must_use]
    pub fn memory_controllers(&self) -> u32 {
        match self {
            Interconnect::Ring(r) => r.memory_controllers,
            Interconnect::Bus(b) => b.memory_controllers,
            Interconnect::Crossbar(c) => c.memory_controllers,
            Interconnect::Mesh(g) | Interconnect::Torus(g) => g.memory_stops.len() as u32,
            Interconnect::Joined(j) => j.parts.iter().map(|p| p.interconnect.memory_controllers()).sum(),
            Interconnect::Graph(g) => g.stops.iter().map(|s| s.memory_controllers).sum(),
        }
    }
}
