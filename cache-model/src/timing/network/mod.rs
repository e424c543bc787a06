// SPDX-License-Identifier: MIT OR Apache-2.0
//! The interconnect: stops joined by links, one fixed route for every pair of stops.
//!
//! # Topology and routes
//!
//! A [`Topology`] is a directed graph of stops. Cores, last-level slices and memory controllers sit
//! at stops; a stop may also have none of them and only pass messages on. [`Builder`] lays rings,
//! buses, crossbars, meshes, tori and single links over stops, in any combination. Every pair of
//! stops has one route, computed once: the one with the least latency, and of several such the one
//! that begins with the link added first. Meshes and tori add all links of a row before those of
//! the columns, so this rule is dimension-order routing there.
//!
//! A link has a latency, a width and a clock, which is an exact fraction of the core clock (no
//! rounding accumulates: see [`ClockRatio`]). The three virtual networks have wires of their own on
//! every link, as the rings and meshes of processors do, unless the link says that they share one
//! set, as links between sockets do.
//!
//! # Rings and buses
//!
//! A ring is the bufferless slotted ring of client processors: a message waits at its injection
//! port until a train of free slots will meet it on every link of its way, and is never held up on
//! the ring. Reserving the whole way at injection is therefore not an approximation but what the
//! hardware's rule "traffic on the ring goes first" amounts to.
//!
//! A bus is one set of wires that all stops send on and listen to all the time; the oldest request
//! is granted. A message on it counts as one hop, also if it is a broadcast, which a snooping protocol's requests
//! are: everybody has it in the cycle in which its last part is there.
//!
//! # All other links: virtual cut-through with credits
//!
//! A message asks for its next link when its first part is at a stop, and waits there for two
//! things: the link's wires, and a place for a whole message in the buffer behind the link. It then
//! crosses without interruption, keeping the wires busy for its size over the width, and may go on
//! while its last part is still coming (but not so early that a faster link would run out of it).
//! Its own place before the link becomes free when its last part has left, and whoever sends to
//! that place knows one link latency later: that is the credit's way back. Buffers have a number of
//! places per virtual network and virtual channel. Messages that wait for a link are served in the
//! order in which they came to the stop, lowest sender first if they came in the same cycle; a
//! message whose buffer is full lets those of other virtual networks and channels go first. Waiting
//! messages of one buffer do not block each other if they go different ways (dynamically allocated
//! multi-queue buffers; Tamir and Frazier, ISCA 1988).
//!
//! Senders and receivers are not limited: an agent's outgoing queue takes what it sends, and
//! agents take what arrives (requests that must wait are kept by the home). Both are bounded by the
//! requests the cores have outstanding. The queue in which a message waits after a ring or bus for
//! a link to another part is of the same kind.
//!
//! # No deadlock
//!
//! Call a *lane* the buffer behind a queued link for one virtual network and channel. A message
//! begins in virtual channel 0; when the number of the next queued link is not greater than that
//! of the last one it crossed, it changes to the next virtual channel. So along every route the
//! pairs (virtual channel, link) strictly grow in lexicographic order. Among all full lanes take
//! the greatest: each message in it is at its destination, where it is taken without a condition;
//! or goes on by a ring or bus, where it waits for other messages' bounded use of wires and for
//! nothing else; or waits for a greater lane, which is not full. So one of them moves, and by
//! induction every lane drains (Dally and Seitz, IEEE Trans. Computers 36(5), 1987). No lane holds
//! messages of two virtual networks, so requests cannot hold up the forwards and responses they
//! lead to; wires that networks share are held for bounded times only. Serving the oldest first
//! lets no message wait for ever. Links are numbered so that meshes need one virtual channel and
//! tori three; for other graphs the number follows from the routes.
//!
//! # Order
//!
//! Messages of one sender to one receiver on one virtual network arrive in the order in which they
//! became ready, on every path with a queued link or a bus: they take the same lanes, which are
//! first in, first out, and rides on rings that are parts of such paths begin in order. On a path
//! that is one ring, messages of one size keep their order too; a short one can overtake a long
//! one. The forward network has messages of one size only, so it is in order everywhere.
//!
//! # Left out
//!
//! Router pipelines (a link's latency includes them), limits on injection and ejection, priority
//! among virtual networks, adaptive routes, link-level retries.

mod calendar;
mod clock;
mod describe;
mod flow;
mod route;
mod shapes;
#[cfg(test)]
mod tests;
mod topology;
mod usage;

pub use clock::ClockRatio;
pub use describe::Distances;
pub use shapes::WireParams;
pub use topology::{Builder, CHANNELS_MAX, LinkParams, STOPS_MAX, Topology, TopologyError};

pub use usage::{LinkUse, Waits};

pub(super) use flow::{Interconnect, Parcel, Sent, Todo};
