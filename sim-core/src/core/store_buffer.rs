// SPDX-License-Identifier: MIT OR Apache-2.0
//! The store buffer, with forwarding to its own core's loads.
//!
//! A `tso` core writes the oldest entry only. A `weak` one may write any entry that is not behind
//! an older one it overlaps, a fence, or, being a release, anything older; `weak.rs` says why.

use std::collections::VecDeque;

use crate::isa::Width;
use crate::ports::Cause;
use crate::recur::{Recur, Walk};
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

impl Entry {
    fn overlaps(&self, addr: u64, width: Width) -> bool {
        self.addr < addr + width.bytes() && addr < self.addr + self.width.bytes()
    }
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

/// An entry with what decides when it may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    entry: Entry,
    /// Everything older is written first.
    release: bool,
    /// Number of fences between the oldest entry and this one.
    group: u64,
    /// Its line has been asked for.
    pending: bool,
}

/// Stores in program order, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreBuffer {
    slots: VecDeque<Slot>,
    /// Group of the next store.
    group: u64,
}

impl StoreBuffer {
    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// True if nothing is waiting to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Adds the youngest store; `release` keeps it behind all older ones.
    pub fn push(&mut self, entry: Entry, release: bool) {
        self.slots.push_back(Slot { entry, release, group: self.group, pending: false });
    }

    /// Later stores stay behind all that are in the buffer now.
    pub fn fence(&mut self) {
        self.group = if self.slots.is_empty() { 0 } else { self.group + 1 };
    }

    /// The entries, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().map(|s| &s.entry)
    }

    /// The `i`-th oldest store.
    #[must_use]
    pub fn get(&self, i: usize) -> &Entry {
        &self.slots[i].entry
    }

    /// Removes the `i`-th oldest store: it has been written.
    pub fn remove(&mut self, i: usize) -> Option<Entry> {
        let written = self.slots.remove(i).map(|s| s.entry);
        // Groups count from the oldest entry on.
        let first = self.slots.front().map_or(self.group, |s| s.group);
        if first > 0 {
            self.slots.iter_mut().for_each(|s| s.group -= first);
            self.group -= first;
        }
        written
    }

    /// The line of the `i`-th oldest store has been asked for.
    pub fn set_pending(&mut self, i: usize) {
        self.slots[i].pending = true;
    }

    /// The store whose line has been asked for.
    #[must_use]
    pub fn pending(&self) -> Option<usize> {
        self.slots.iter().position(|s| s.pending)
    }

    /// The store to write next: the oldest that may go. While a line is being asked for, only
    /// one whose line `is_writable`; if they go `in_order`, none.
    pub fn next(&self, in_order: bool, is_writable: impl Fn(u64) -> bool) -> Option<usize> {
        let first = self.slots.front()?;
        if in_order {
            return (!first.pending).then_some(0);
        }
        let busy = self.pending().is_some();
        let group = self.slots.iter().take_while(|s| s.group == first.group).enumerate();
        let mut may_go = group.filter(|&(i, s)| !s.pending && self.may_pass(i, s));
        may_go.find(|(_, s)| !busy || is_writable(s.entry.addr)).map(|(i, _)| i)
    }

    fn may_pass(&self, i: usize, s: &Slot) -> bool {
        let overlaps = |o: &Slot| o.entry.overlaps(s.entry.addr, s.entry.width);
        i == 0 || (!s.release && !self.slots.iter().take(i).any(overlaps))
    }

    /// True if a relaxed read-modify-write must wait: for bytes it overlaps, or behind a fence.
    #[must_use]
    pub fn holds_up(&self, addr: u64, width: Width) -> bool {
        self.slots.iter().any(|s| s.group < self.group || s.entry.overlaps(addr, width))
    }

    /// True if a release store is among the entries.
    #[must_use]
    pub fn has_release(&self) -> bool {
        self.slots.iter().any(|s| s.release)
    }

    /// Looks for the newest entry that overlaps `width` bytes at `addr`.
    #[must_use]
    pub fn lookup(&self, addr: u64, width: Width) -> Lookup {
        let end = addr + width.bytes();
        for Slot { entry: e, .. } in self.slots.iter().rev() {
            if e.overlaps(addr, width) {
                if e.addr <= addr && end <= e.addr + e.width.bytes() {
                    return Lookup::Forward((e.value >> (8 * (addr - e.addr))) & width.mask());
                }
                return Lookup::Conflict;
            }
        }
        Lookup::Miss
    }
}

impl Recur for StoreBuffer {
    fn walk(&mut self, w: &mut Walk) {
        let StoreBuffer { slots, group } = self;
        w.word(*group);
        w.each(slots, |Slot { entry, release, group, pending }, w| {
            w.word(*group << 2 | u64::from(*release) << 1 | u64::from(*pending));
            let Entry { addr, width, value, ready, cause } = entry;
            w.word(*addr);
            w.word(width.bytes());
            w.values(&[*value]);
            w.expiry(ready);
            cause.walk(w);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recur::Look;

    fn entry(addr: u64, width: Width, value: u64) -> Entry {
        Entry { addr, width, value, ready: Cycle(0), cause: Cause::default() }
    }

    #[test]
    fn a_load_takes_the_newest_covering_store_and_its_bytes() {
        let mut sb = StoreBuffer::default();
        sb.push(entry(0x100, Width::U32, 0x1122_3344), false);
        assert_eq!(sb.lookup(0x102, Width::U8), Lookup::Forward(0x22));
        sb.push(entry(0x100, Width::U32, 0xaabb_ccdd), false);
        assert_eq!(sb.lookup(0x100, Width::U32), Lookup::Forward(0xaabb_ccdd));
        assert_eq!(sb.lookup(0x104, Width::U32), Lookup::Miss);
    }

    #[test]
    fn a_byte_store_blocks_a_wider_load_until_it_has_drained() {
        let mut sb = StoreBuffer::default();
        sb.push(entry(0x101, Width::U8, 0), false);
        assert_eq!(sb.lookup(0x100, Width::U32), Lookup::Conflict);
        assert_eq!(sb.lookup(0x101, Width::U16), Lookup::Conflict, "it begins with the store and goes on behind it");
        sb.remove(0);
        assert_eq!(sb.lookup(0x100, Width::U32), Lookup::Miss);
        sb.push(entry(0x100, Width::U16, 0), false);
        assert_eq!(sb.lookup(0x100, Width::U32), Lookup::Conflict, "they begin together");
    }

    /// What the search for periods sees.
    fn look(sb: &StoreBuffer) -> Look {
        let mut walk = Walk::look(Cycle(0));
        sb.clone().walk(&mut walk);
        walk.seen().expect("it looks")
    }

    #[test]
    fn a_look_tells_every_entry_and_its_fences() {
        let mut a = StoreBuffer::default();
        a.push(entry(0x100, Width::U32, 1), false);
        let mut b = a.clone();
        assert!(look(&a).is_again(&look(&b)));
        b.push(entry(0x140, Width::U32, 1), false);
        assert!(!look(&a).is_again(&look(&b)));
        a.push(entry(0x140, Width::U32, 2), false);
        assert!(!look(&a).is_again(&look(&b)), "another value");
        // As many fences between the oldest and the next, however many there were before.
        let mut c = StoreBuffer::default();
        for value in 0..5 {
            c.push(entry(0x100, Width::U32, value), false);
            c.fence();
        }
        let mut d = c.clone();
        c.remove(0);
        assert!(!look(&c).is_again(&look(&d)));
        c.push(entry(0x100, Width::U32, 5), false);
        c.fence();
        (0..5).for_each(|i| d.slots[i].entry.value += 1);
        assert!(look(&c).is_again(&look(&d)));
    }

    #[test]
    fn a_store_that_no_fence_is_before_passes_however_many_fences_have_gone() {
        let mut sb = StoreBuffer::default();
        for i in 0..3 {
            sb.push(entry(0x100 + 0x40 * i, Width::U32, i), false);
            sb.fence();
        }
        sb.push(entry(0x200, Width::U32, 3), false);
        for _ in 0..3 {
            sb.remove(0);
        }
        sb.push(entry(0x240, Width::U32, 4), false);
        sb.set_pending(0);
        assert_eq!(sb.next(false, |_| true), Some(1));
        assert!(!sb.holds_up(0x280, Width::U32));
    }

    #[test]
    fn in_order_only_the_oldest_goes_and_nothing_while_its_line_is_asked_for() {
        let mut sb = StoreBuffer::default();
        assert_eq!(sb.next(true, |_| true), None);
        sb.push(entry(0x100, Width::U32, 1), false);
        sb.push(entry(0x140, Width::U32, 2), false);
        assert_eq!(sb.next(true, |_| true), Some(0));
        sb.set_pending(0);
        assert_eq!(sb.next(true, |_| true), None);
    }

    #[test]
    fn a_weak_store_passes_others_but_no_overlap_no_fence_and_as_release_nothing() {
        let mut sb = StoreBuffer::default();
        sb.push(entry(0x100, Width::U32, 1), false);
        sb.push(entry(0x102, Width::U8, 2), false);
        sb.push(entry(0x140, Width::U32, 3), true);
        sb.push(entry(0x180, Width::U32, 4), false);
        sb.fence();
        sb.push(entry(0x1c0, Width::U32, 5), false);
        assert_eq!(sb.next(false, |_| false), Some(0), "with nothing asked for, the oldest asks");
        sb.set_pending(0);
        assert_eq!(sb.next(false, |a| a != 0x180), None);
        assert_eq!(sb.next(false, |_| true), Some(3), "past the overlapping one and the release");
        assert!(sb.holds_up(0x200, Width::U8) && sb.has_release(), "a fence stands before what comes next");
        sb.remove(3);
        assert_eq!(sb.next(false, |_| true), None, "the fence holds the last one back");
        for _ in 0..3 {
            sb.remove(0);
        }
        assert_eq!(sb.next(false, |_| true), Some(0));
        assert!(!sb.holds_up(0x200, Width::U8) && sb.holds_up(0x1c0, Width::U64) && !sb.has_release());
    }

    #[test]
    fn what_decides_when_a_store_goes_is_part_of_what_is_seen() {
        let looks = |change: &dyn Fn(&mut StoreBuffer)| {
            let mut sb = StoreBuffer::default();
            sb.push(entry(0x100, Width::U32, 1), false);
            change(&mut sb);
            look(&sb)
        };
        let all = [
            looks(&|sb| sb.push(entry(0x200, Width::U32, 1), false)),
            looks(&|sb| sb.push(entry(0x200, Width::U32, 1), true)),
            looks(&|sb| {
                sb.push(entry(0x200, Width::U32, 1), false);
                sb.set_pending(1);
            }),
            looks(&|sb| {
                sb.push(entry(0x200, Width::U32, 1), true);
                sb.set_pending(1);
            }),
            looks(&|sb| {
                sb.fence();
                sb.push(entry(0x200, Width::U32, 1), false);
            }),
            looks(&|sb| {
                sb.push(entry(0x200, Width::U32, 1), false);
                sb.fence();
            }),
        ];
        for (i, a) in all.iter().enumerate() {
            for (j, b) in all.iter().enumerate() {
                assert_eq!(a.is_again(b), i == j, "{i} {j}");
            }
        }
    }
}
