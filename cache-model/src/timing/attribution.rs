// SPDX-License-Identifier: MIT OR Apache-2.0
//! By whom traffic is caused, and which cores share lines without sharing bytes.
//!
//! # What is counted
//!
//! A *site* is a micro-op in a kind of context with the bytes it accessed; per-CPU addresses count
//! as core 0's, so a site is not one core. Every message carries the access it began with, from the
//! request that missed to the last acknowledgement, and is counted at its site when it is sent.
//! Write-backs and recalls that an access leads to are about other lines than its own; they are
//! counted at its site too, and once more in [`SiteCounts::elsewhere`]. So the sums over all sites,
//! class by class, are the protocol's own counters.
//!
//! * A *miss* is an access that sent a request. Accesses that find a request for their line under
//!   way wait for it and are not counted; nor is a prefetch by hardware.
//! * A *transfer* is a message with a line from one private cache to another.
//! * An *invalidation* is a copy that a message took away from a private cache, counted at the site
//!   on whose behalf. A copy taken for another line's sake (the slice needed the way) is a *recall*.
//! * A *downgrade* is the permission to write that a reader's forward took away, the copy remaining.
//!
//! # Sharing
//!
//! Each private cache notes which bytes of a copy its core has read and written since it got the
//! copy. When another core's access takes the copy away, these are compared with the bytes of that
//! access. If they have one in common it is *true* sharing: the line would have moved in any
//! layout. If they have none it is *false* sharing: with the fields on different lines this copy
//! would have stayed. A copy that was not used at all is *unused*: it came for nothing, by a
//! prefetch for instance. At a downgrade the reader's bytes are compared with the bytes written since
//! the last one, for nothing else of the writer's is of concern to a reader; a copy that is not used
//! any more after a downgrade is unused when it is taken. Recalls are not compared.
//!
//! Loads that a `weak` core answers from a line it has lost do not touch a copy. A spin that is
//! computed instead of executed touches what its executed iterations touch.

use sim_core::isa::Pc;
use sim_core::ports::{Action, Cause, Request};
use sim_core::program::{LINE_BYTES, PERCPU_BASE};
use sim_core::recur::{Recur, Walk};

use super::message::{Message, MessageKind, Place};
use super::traffic::Count;

/// Bits of the bytes of a line that an access of `bytes` bytes at `addr` touches.
const fn mask(addr: u64, bytes: u64) -> u64 {
    ((1 << bytes) - 1) << (addr % LINE_BYTES)
}

/// What a core did with a copy of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Touch {
    /// Bit `i`: byte `i` was read since the copy came.
    pub read: u64,
    /// Bit `i`: byte `i` was written since the copy came, and since it was last downgraded.
    pub written: u64,
    /// The micro-op of the last access.
    pub pc: Pc,
    /// The [`sim_core::isa::ContextKind`] number of the last access.
    pub context: u8,
}

impl Touch {
    /// An access was performed on the copy; `written` says whether it changed memory.
    #[inline]
    pub(super) fn add(&mut self, r: &Request, written: bool) {
        let bytes = mask(r.addr, r.width.bytes());
        match r.action {
            Action::Load => self.read |= bytes,
            Action::Store(_) => self.written |= bytes,
            Action::Rmw(..) => {
                self.read |= bytes;
                self.written |= if written { bytes } else { 0 };
            }
            Action::PrefetchW => return,
        }
        (self.pc, self.context) = (r.cause.pc, r.cause.context);
    }
}

/// What traffic is counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SiteKey {
    /// Address of the access; core 0's if it is per-CPU.
    pub addr: u64,
    /// Bytes of the access.
    pub bytes: u8,
    /// A [`sim_core::isa::ContextKind`] number.
    pub context: u8,
    /// The micro-op.
    pub pc: Pc,
}

/// What an access caused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SiteCounts {
    /// Accesses that sent a request.
    pub misses: u64,
    /// Copies of the accessed line that were taken away from other caches.
    pub invalidations: u64,
    /// Writers of the accessed line that became readers.
    pub downgrades: u64,
    /// Copies of other lines that were taken away, because a slice needed their way.
    pub recalls: u64,
    /// Messages with a line between two private caches.
    pub transfers: u64,
    /// `[class]`, in the order of [`MessageKind::ALL`]: every message the access led to.
    pub by_class: [Count; MessageKind::COUNT],
    /// Those of them that are about other lines than the one accessed.
    pub elsewhere: Count,
}

/// How the bytes of two cores on one line relate. Ordered as reports list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sharing {
    /// They have none in common.
    False,
    /// They have some in common.
    True,
    /// The core that lost the copy had not used it.
    Unused,
}

/// An access that took a copy away, or the permission to write, and how the copy had been used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PairKey {
    /// Who took.
    pub taker: SiteKey,
    /// Bytes the victim had read, see [`Touch`]; 0 for a downgrade.
    pub read: u64,
    /// Bytes the victim had written.
    pub written: u64,
    /// The micro-op of the victim's last access; 0 if the copy was not used.
    pub victim_pc: Pc,
    /// Its context's number.
    pub victim_context: u8,
}

impl PairKey {
    /// Whether the two share bytes.
    #[must_use]
    pub const fn sharing(&self) -> Sharing {
        let used = self.read | self.written;
        if used == 0 {
            Sharing::Unused
        } else if used & mask(self.taker.addr, self.taker.bytes as u64) == 0 {
            Sharing::False
        } else {
            Sharing::True
        }
    }
}

/// How often a pair met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PairCounts {
    /// Copies taken away.
    pub invalidations: u64,
    /// Permissions to write taken away.
    pub downgrades: u64,
}

/// Rows found by their key, kept in the order in which they were first met.
#[derive(Clone, Debug)]
struct Rows<K, V> {
    /// Open addressing with linear probing: row numbers plus 1, 0 where there is none. The length is a power of two.
    index: Vec<u32>,
    rows: Vec<(K, V)>,
}

trait Mixed: Copy + Eq {
    /// Two words that differ whenever two keys do, nearly always.
    fn words(&self) -> [u64; 2];
}

impl Mixed for SiteKey {
    fn words(&self) -> [u64; 2] {
        [self.addr, u64::from(self.pc) << 16 | u64::from(self.context) << 8 | u64::from(self.bytes)]
    }
}

impl Mixed for PairKey {
    fn words(&self) -> [u64; 2] {
        let [a, b] = self.taker.words();
        let victim = u64::from(self.victim_pc) << 8 | u64::from(self.victim_context);
        [a ^ self.read.rotate_left(23) ^ self.written.rotate_left(41), b ^ victim.rotate_left(32)]
    }
}

impl<K: Mixed, V: Default> Rows<K, V> {
    fn new() -> Self {
        Rows { index: vec![0; 256], rows: Vec::new() }
    }

    /// Where a key is in the index, or would be.
    fn place(&self, key: &K) -> usize {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let [a, b] = key.words();
        let mixed = (a.wrapping_mul(ODD) ^ b).wrapping_mul(ODD);
        let mut at = (mixed >> 32) as usize & (self.index.len() - 1);
        while self.index[at] != 0 && self.rows[self.index[at] as usize - 1].0 != *key {
            at = (at + 1) & (self.index.len() - 1);
        }
        at
    }

    fn entry(&mut self, key: K) -> &mut V {
        let mut at = self.place(&key);
        if self.index[at] == 0 {
            if (self.rows.len() + 1) * 2 > self.index.len() {
                self.index = vec![0; self.index.len() * 2];
                for i in 0..self.rows.len() {
                    let place = self.place(&self.rows[i].0);
                    self.index[place] = i as u32 + 1;
                }
                at = self.place(&key);
            }
            self.rows.push((key, V::default()));
            self.index[at] = self.rows.len() as u32;
        }
        &mut self.rows[self.index[at] as usize - 1].1
    }
}

/// A cache's copy of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct CopyKey {
    cache: Place,
    line: u64,
}

impl Mixed for CopyKey {
    fn words(&self) -> [u64; 2] {
        [self.line, u64::from(self.cache.0)]
    }
}

/// All that is counted by cause. Module documentation: what counts as what.
#[derive(Clone, Debug)]
pub struct Attribution {
    cores: u16,
    percpu_stride: u64,
    sites: Rows<SiteKey, SiteCounts>,
    pairs: Rows<PairKey, PairCounts>,
    /// Meaningful for copies that are there.
    touches: Rows<CopyKey, Touch>,
    /// `[from * cores + to]`: messages with a line between two private caches.
    transfers: Vec<u64>,
}

impl Attribution {
    pub(super) fn new(cores: usize, percpu_stride: u64) -> Attribution {
        let (sites, pairs, touches) = (Rows::new(), Rows::new(), Rows::new());
        Attribution { cores: cores as u16, percpu_stride, sites, pairs, touches, transfers: vec![0; cores * cores] }
    }

    fn key(&self, c: &Cause) -> SiteKey {
        let addr = match c.addr.checked_sub(PERCPU_BASE) {
            Some(offset) if self.percpu_stride > 0 => PERCPU_BASE + offset % self.percpu_stride,
            _ => c.addr,
        };
        SiteKey { addr, bytes: c.bytes, context: c.context, pc: c.pc }
    }

    /// A message was sent.
    pub(super) fn message(&mut self, m: &Message, bytes: u64, hops: u64) {
        let transfer = m.kind.has_data() && m.src.0 < self.cores && m.dst.0 < self.cores;
        let s = self.sites.entry(self.key(&m.cause));
        s.by_class[m.kind as usize].add(bytes, hops);
        s.transfers += u64::from(transfer);
        if transfer {
            self.transfers[usize::from(m.src.0) * usize::from(self.cores) + usize::from(m.dst.0)] += 1;
        }
        if m.line != m.cause.addr / LINE_BYTES {
            s.elsewhere.add(bytes, hops);
        }
    }

    /// An access sent a request.
    pub(super) fn miss(&mut self, cause: &Cause) {
        self.sites.entry(self.key(cause)).misses += 1;
    }

    /// A copy of a line came where there was none.
    pub(super) fn came(&mut self, cache: Place, line: u64) {
        *self.touches.entry(CopyKey { cache, line }) = Touch::default();
    }

    /// An access was performed on a copy.
    pub(super) fn used(&mut self, cache: Place, r: &Request, written: bool) {
        self.touches.entry(CopyKey { cache, line: r.addr / LINE_BYTES }).add(r, written);
    }

    /// A message took a copy of a line away from a cache.
    pub(super) fn taken(&mut self, cache: Place, line: u64, cause: &Cause) {
        // An operation that the home executes takes the sender's own copy back too: nobody shares anything there.
        if cache.0 == cause.core {
            return;
        }
        let touch = *self.touches.entry(CopyKey { cache, line });
        let taker = self.key(cause);
        let s = self.sites.entry(taker);
        if line != cause.addr / LINE_BYTES {
            s.recalls += 1;
            return;
        }
        s.invalidations += 1;
        self.pairs.entry(Self::pair(taker, touch.read, &touch)).invalidations += 1;
    }

    /// A message took the permission to write a line away from a cache.
    pub(super) fn downgraded(&mut self, cache: Place, line: u64, cause: &Cause) {
        let copy = self.touches.entry(CopyKey { cache, line });
        let touch = *copy;
        copy.written = 0;
        if line != cause.addr / LINE_BYTES {
            return; // Nobody reads for another line's sake.
        }
        let taker = self.key(cause);
        self.sites.entry(taker).downgrades += 1;
        // An exclusive copy that was only read loses nothing that the reader is to blame for.
        if touch.written != 0 {
            self.pairs.entry(Self::pair(taker, 0, &touch)).downgrades += 1;
        }
    }

    fn pair(taker: SiteKey, read: u64, touch: &Touch) -> PairKey {
        let (victim_pc, victim_context) = (touch.pc, touch.context);
        PairKey { taker, read, written: touch.written, victim_pc, victim_context }
    }

    /// Every site, in the order in which they were first met.
    pub fn sites(&self) -> impl Iterator<Item = (&SiteKey, &SiteCounts)> {
        self.sites.rows.iter().map(|(k, c)| (k, c))
    }

    /// Messages with a line from one private cache to another: (from, to, how many), in the order of the cores, pairs without
    /// any left out. They add up to the sites' transfers.
    pub fn transfers(&self) -> impl Iterator<Item = (u32, u32, u64)> {
        let cores = usize::from(self.cores);
        let all = self.transfers.iter().enumerate().filter(|(_, n)| **n > 0);
        all.map(move |(i, &n)| ((i / cores) as u32, (i % cores) as u32, n))
    }

    /// Every pair, in the order in which they were first met.
    pub fn pairs(&self) -> impl Iterator<Item = (&PairKey, &PairCounts)> {
        self.pairs.rows.iter().map(|(k, c)| (k, c))
    }
}

impl<K: Mixed, V> Rows<K, V> {
    fn walk(&mut self, w: &mut Walk, mut row: impl FnMut(&mut V, &mut Walk)) {
        let Rows { index: _, rows } = self;
        // Rows are never taken away, so as many as at an earlier look are those of then.
        w.each(rows, |(_, value), w| row(value, w));
    }
}

impl Recur for Attribution {
    fn walk(&mut self, w: &mut Walk) {
        let Attribution { cores: _, percpu_stride: _, sites, pairs, touches, transfers } = self;
        sites.walk(w, |counts, w| {
            let SiteCounts { misses, invalidations, downgrades, recalls, transfers, by_class, elsewhere } = counts;
            [misses, invalidations, downgrades, recalls, transfers].into_iter().for_each(|n| w.count(n));
            by_class.iter_mut().chain([elsewhere]).for_each(|count| count.walk(w));
        });
        pairs.walk(w, |PairCounts { invalidations, downgrades }, w| {
            w.count(invalidations);
            w.count(downgrades);
        });
        touches.walk(w, |Touch { read, written, pc, context }, w| {
            w.word(*read);
            w.word(*written);
            w.word(u64::from(*pc) << 8 | u64::from(*context));
        });
        transfers.iter_mut().for_each(|n| w.count(n));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(addr: u64, pc: Pc) -> SiteKey {
        SiteKey { addr, bytes: 4, context: 0, pc }
    }

    #[test]
    fn rows_are_found_again_and_stay_in_order_while_the_index_grows() {
        let mut rows: Rows<SiteKey, u64> = Rows::new();
        for round in 1..=3 {
            for i in 0..2000 {
                *rows.entry(site(0x1_0000 + 4 * (i % 50), (i / 50) as Pc)) += round;
            }
        }
        assert_eq!(rows.rows.len(), 2000);
        assert!(rows.rows.iter().all(|r| r.1 == 6));
        assert_eq!((rows.rows[51].0, rows.rows[1999].0), (site(0x1_0004, 1), site(0x1_0000 + 4 * 49, 39)));
    }

    #[test]
    fn sharing_is_decided_by_bytes() {
        let pair = |read, written| {
            PairKey { taker: site(0x1_0008, 1), read, written, victim_pc: 0, victim_context: 0 }.sharing()
        };
        assert_eq!(pair(0, 0), Sharing::Unused);
        assert_eq!(pair(0x0ff, 0xf000), Sharing::False);
        assert_eq!(pair(0x800, 0), Sharing::True);
        assert_eq!(pair(0xff, 0x100), Sharing::True);
        assert_eq!(mask(0x1_0038, 8), 0xff << 56);
    }
}
