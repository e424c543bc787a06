// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sizes and latencies of the memory system.

/// Everything the timed model needs to know of a machine. Spans in core cycles, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryParams {
    /// Cores; each has a private cache. Where they sit is the network's business.
    pub cores: usize,
    /// First-level sets, a power of two.
    pub l1_sets: u64,
    /// First-level ways, at most 16.
    pub l1_ways: usize,
    /// First-level hit: issue to next issue.
    pub l1_hit: u64,
    /// Second-level sets, a power of two. The second level includes the first.
    pub l2_sets: u64,
    /// Second-level ways, at most 16.
    pub l2_ways: usize,
    /// Second-level hit; a miss leaves for the home this long after the access.
    pub l2_hit: u64,
    /// Sets of one last-level slice, a power of two.
    pub llc_sets: u64,
    /// Last-level ways, at most 16.
    pub llc_ways: usize,
    /// A request's arrival at the home to what needs only the directory: forwards, acks.
    pub llc_tag: u64,
    /// A request's arrival at the home to its data leaving.
    pub llc_data: u64,
    /// A forward's or invalidation's arrival at a private cache to its answer leaving.
    pub snoop: u64,
    /// A locked read-modify-write on a line in the first level: issue to next issue; the line is
    /// held that long.
    pub locked_rmw: u64,
    /// The beginning of a read at memory to its data leaving.
    pub memory: u64,
    /// Cycles between the beginnings of two accesses at one memory controller; 0: no limit.
    pub memory_interval: u64,
    /// Bytes of a message without data.
    pub control_bytes: u64,
    /// Bytes of a message with a line.
    pub data_bytes: u64,
}

impl MemoryParams {
    /// Bytes of a message.
    #[must_use]
    pub const fn bytes(&self, has_data: bool) -> u64 {
        if has_data { self.data_bytes } else { self.control_bytes }
    }
}
