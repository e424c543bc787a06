// SPDX-License-Identifier: MIT OR Apache-2.0
//! The protocol tables at work in time: arrays, misses, messages, directory slices, memory.
//!
//! Modelled: private two-level caches with real capacity, a sliced inclusive last level with an
//! exact directory, requests that wait for lines in transition, write-backs, recalls, networks of
//! any shape, memory controllers with latency and bandwidth; or, if the protocol snoops, requests broadcast on
//! a bus and slices without a directory that include nothing (`snoop`). Left out: limits on slice bandwidth,
//! and on requests in flight (the cores' own limits bound them).

mod array;
mod attribution;
mod coherence;
mod fabric;
mod hierarchy;
mod history;
mod home;
mod memory;
mod message;
mod network;
mod params;
mod private;
mod replacement;
mod sharers;
mod snoop;
mod traffic;

pub use array::WAYS_MAX;
pub use attribution::{Attribution, PairCounts, PairKey, Sharing, SiteCounts, SiteKey, Touch};
pub use coherence::{Coherence, Numa};
pub use hierarchy::{Delivered, MemorySystem};
pub use message::{LineData, Message, MessageKind, Network, Place};
pub use network::{
    Builder, CHANNELS_MAX, ClockRatio, Distances, LinkParams, LinkUse, STOPS_MAX, Topology, TopologyError, Waits,
    WireParams,
};
pub use params::MemoryParams;
pub use private::{HitCounts, Notice, ProtocolFault};
pub use replacement::Replacement;
pub use sharers::Sharers;
pub use traffic::{Count, LineKinds, Traffic};
