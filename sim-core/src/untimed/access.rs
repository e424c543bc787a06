// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who reads and writes which bytes, in a whole search: what only one core touches needs no interleaving.
//!
//! A search begins with a guess from runs taken at random, and uses it: a load of what no other core writes, and a
//! store to what no other core touches, are done together with the micro-ops around them. If it comes upon an access
//! that the guess has not, it begins again with the larger guess. A search that gets to its end has used nothing but
//! the truth: take a shortest path of the *unreduced* search to an access that the guess has not; up to there the
//! guess holds, so moving the steps of one core that no other can see to the front of it gives a path of the reduced search to
//! the same access, which would have found it.

use std::collections::BTreeMap;

use crate::isa::{ContextKind, Width};

/// Most cores of a reduced search: a bit per core and kind of context.
pub(super) const CORES_MAX: usize = 16;

/// Readers and writers of four bytes, a bit per core and kind of context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Users {
    readers: u64,
    writers: u64,
}

/// Who touches what, as far as known.
#[derive(Clone, Debug, Default)]
pub(super) struct Access {
    users: BTreeMap<u64, Users>,
    /// Reductions are made by it.
    pub(super) used: bool,
    /// Something was added since somebody looked.
    pub(super) grown: bool,
}

fn user(core: usize, kind: ContextKind) -> u64 {
    1 << (4 * core + kind as usize)
}

fn of_core(core: usize) -> u64 {
    0xf << (4 * core)
}

impl Access {
    fn granules(addr: u64, width: Width) -> impl Iterator<Item = u64> {
        (addr & !3..addr + width.bytes()).step_by(4)
    }

    fn add(&mut self, core: usize, kind: ContextKind, addr: u64, width: Width, read: bool, write: bool) {
        if !self.used {
            return;
        }
        for g in Access::granules(addr, width) {
            let u = self.users.entry(g).or_default();
            let before = *u;
            u.readers |= if read { user(core, kind) } else { 0 };
            u.writers |= if write { user(core, kind) } else { 0 };
            self.grown |= *u != before;
        }
    }

    pub(super) fn reads(&mut self, core: usize, kind: ContextKind, addr: u64, width: Width) {
        self.add(core, kind, addr, width, true, false);
    }

    pub(super) fn writes(&mut self, core: usize, kind: ContextKind, addr: u64, width: Width) {
        self.add(core, kind, addr, width, false, true);
    }

    /// Everybody else: other cores, and the core's other contexts if one of them can come in between.
    fn others(core: usize, kind: ContextKind, interruptible: bool) -> u64 {
        !if interruptible { user(core, kind) } else { of_core(core) }
    }

    fn all(&self, addr: u64, width: Width, ok: impl Fn(&Users) -> bool) -> bool {
        self.used && Access::granules(addr, width).all(|g| ok(&self.users.get(&g).copied().unwrap_or_default()))
    }

    /// A load gives the same whenever it is made.
    pub(super) fn load_is_local(&self, core: usize, kind: ContextKind, open: bool, addr: u64, width: Width) -> bool {
        let others = Access::others(core, kind, open);
        self.all(addr, width, |u| u.writers & others == 0)
    }

    /// Nobody else ever sees what is stored.
    pub(super) fn store_is_local(&self, core: usize, kind: ContextKind, open: bool, addr: u64, width: Width) -> bool {
        let others = Access::others(core, kind, open);
        self.all(addr, width, |u| (u.readers | u.writers) & others == 0)
    }

    /// No other core touches it.
    pub(super) fn is_of_core(&self, core: usize, addr: u64, width: Width) -> bool {
        self.all(addr, width, |u| (u.readers | u.writers) & !of_core(core) == 0)
    }
}
