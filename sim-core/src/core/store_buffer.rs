// SPDX-License-Identifier: MIT OR Apache-2.0
//! The FIFO store buffer of a `tso` core, with forwarding to its own loads.

use std::collections::VecDeque;

use crate::isa::Width;
use crate::ports::Cause;
use crate::time::Cycle;

/// A store that has issued and is not yet in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Byte address, naturally aligned.
    pub addr: u64,
    /// Width.
    pub width: Width,
    /// Value, already cut to the width.
    pub value: u64,
    /// Earliest cycle in which it may be written.
    pub ready: Cycle,
    /// Who stored.
    pub cause: Cause,
}

/// What the buffer has for a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// No entry overlaps: the cache has the newest value.
    Miss,
    /// The newest overlapping entry covers the load.
    Forward(u64),
    /// The newest overlapping entry covers only a part: the load waits until it has drained.
    Conflict,
}

/// Stores in program order, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreBuffer {
    entries: VecDeque<Entry>,
}

impl StoreBuffer {
    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if nothing is waiting to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds the youngest store.
    pub fn push(&mut self, e: Entry) {
        self.entries.push_back(e);
    }

    /// The oldest store.
    #[must_use]
    pub fn oldest(&self) -> Option<&Entry> {
        self.entries.front()
    }

    /// Removes the oldest store.
    pub fn pop(&mut self) -> Option<Entry> {
        self.entries.pop_front()
    }

    /// Looks for the newest entry that overlaps `width` bytes at `addr`.
    #[must_use]
    pub fn lookup(&self, addr: u64, width: Width) -> Lookup {
        let end = addr + width.bytes();
        for e in self.entries.iter().rev() {
            let e_end = e.addr + e.width.bytes();
            if e.addr < end && addr < e_end {
                if e.addr <= addr && end <= e_end {
                    return Lookup::Forward((e.value >> (8 * (addr - e.addr))) & width.mask());
                }
                return Lookup::Conflict;
            }
        }
        Lookup::Miss
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(addr: u64, width: Width, value: u64) -> Entry {
        Entry { addr, width, value, ready: Cycle(0), cause: Cause::default() }
    }

    #[test]
    fn a_load_takes_the_newest_covering_store_and_its_bytes() {
        let mut sb = StoreBuffer::default();
        sb.push(entry(0x100, Width::U32, 0x1122_3344));
        assert_eq!(sb.lookup(0x102, Width::U8), Lookup::Forward(0x22));
        sb.push(entry(0x100, Width::U32, 0xaabb_ccdd));
        assert_eq!(sb.lookup(0x100, Width::U32), Lookup::Forward(0xaabb_ccdd));
        assert_eq!(sb.lookup(0x104, Width::U32), Lookup::Miss);
    }

    #[test]
    fn a_byte_store_blocks_a_wider_load_until_it_has_drained() {
        let mut sb = StoreBuffer::default();
        sb.push(entry(0x101, Width::U8, 0));
        assert_eq!(sb.lookup(0x100, Width::U32), Lookup::Conflict);
        sb.pop();
        assert_eq!(sb.lookup(0x100, Width::U32), Lookup::Miss);
    }
}
