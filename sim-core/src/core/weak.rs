// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a `weak` core adds to `tso`: stores that pass each other and loads that read stale lines.
//!
//! # Mechanism
//!
//! *Stores.* An entry of the store buffer may be written before older ones ([`super::StoreBuffer`]).
//! It stays behind older entries whose bytes it overlaps, behind a write, release or full fence, and,
//! if it is a release, behind everything older. One miss at a time is outstanding; while it is,
//! entries whose lines are writable go past it.
//!
//! *Loads.* The private cache acknowledges an invalidation at once, but when a message takes a
//! readable line away, the core keeps a copy of it: a [`StaleLine`], as if the invalidation still
//! stood in a queue. Plain loads read it. It goes
//! - when the core performs an access to that line in the cache: a load, a read-modify-write, a
//!   store written from the buffer; or when a later copy of the same line is kept instead;
//! - with all others at an acquire load or acquire read-modify-write (when it is performed, or when the
//!   store buffer answers it), at a read, acquire, control or full fence, and when an interrupt is taken: no load of a handler is
//!   performed before it, so what was stored before an interrupt was sent is seen;
//! - when more lines are lost than the queue has places (the oldest goes), or after a set time.
//!
//! A load whose address may depend on a loaded value ([`super::depends`]) never reads a stale copy.
//! An acquire waits until every release store before it is written, as `LDAR` after `STLR` does (`.acqpc`,
//! as `LDAPR`, does not); a relaxed or acquire read-modify-write waits only for overlapping stores and those before a fence;
//! one with release or full order for all.
//!
//! # Why this is coherent, and no weaker than it says
//!
//! Give every access an instant: a store and a read-modify-write the one at which it is performed
//! in the cache, a load from the cache likewise, and a load of a stale copy the one at which the
//! copy was taken away (just before the message). The protocol makes each line's accesses, in order
//! of their instants, read the newest value: a copy that is taken away holds the newest value until
//! then. So there is one order of all stores that everybody agrees on, and what is left to
//! show is which accesses of one core cannot change places. A load that the store buffer answers
//! counts as performed at its issue, before its store: later in the order only its own core's
//! store to the same bytes lies between.
//!
//! *Per location.* Load, load: if the first read the cache, no copy of the line is kept then, and one
//! kept afterwards was taken away later; if both read copies, the second is the same or a later one.
//! Load, store: a store is performed after its issue, a load's instant is not after its own. Store,
//! load: as long as the store is buffered it answers, or delays, every load that overlaps it; when
//! it is written, an older copy of the line is dropped. This covers a copy taken from under a
//! pending upgrade, because it is dropped at completion and not only at the request. Store,
//! store: entries that overlap keep their order. An eviction keeps no copy and drops none: a copy
//! kept before it is newer than every access of this core to the line, because each drops it.
//!
//! *Acquire.* At its instant no copy is left, so a later load's copy is taken away after it.
//! A miss drops copies at completion: those that were taken away while it was outstanding too.
//! *Release.* What is before it has an instant in the past when it is written. *Fences* follow in the
//! same way. *Address dependency*: the second load reads the cache at its issue. *Data and control
//! dependency* to a store: the store is performed after its issue.
//!
//! # What it cannot show
//!
//! A load never takes its value before an older load has it from a line the core had no copy of, and
//! no store is performed before an older load: DEVIATIONS.md, D21.

use std::collections::VecDeque;

use super::{Core, Env, MemoryModel, State};
use crate::isa::{Op, Order, Width};
use crate::ports::{InterruptPort, LineData, MemoryPort, Probe};
use crate::program::LINE_BYTES;
use crate::recur::{Recur, Walk};
use crate::time::Cycle;

/// Address of the line that holds `addr`.
pub(super) const fn line_of(addr: u64) -> u64 {
    addr & !(LINE_BYTES - 1)
}

/// A copy of a line that was taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleLine {
    /// Address of the line.
    pub line: u64,
    /// Its bytes when it was taken away.
    pub data: LineData,
    /// From here on it is not read any more.
    pub until: Cycle,
}

impl StaleLine {
    /// The value of an aligned access within the line.
    pub(super) fn value(&self, addr: u64, width: Width) -> u64 {
        let at = (addr - self.line) as usize;
        (self.data[at / 8] >> (8 * (at % 8))) & width.mask()
    }
}

/// The invalidations not yet processed, oldest first, each line once.
///
/// One whose time is over may still be among them: it counts as gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StaleLines(VecDeque<StaleLine>);

impl StaleLines {
    fn keep(&mut self, copy: StaleLine, places: u32) {
        self.drop_line(copy.line);
        self.0.push_back(copy);
        while self.0.len() > places as usize {
            self.0.pop_front();
        }
    }

    /// The copy of the line of `addr`, if it may be read at `at`.
    pub(super) fn find(&self, addr: u64, at: Cycle) -> Option<&StaleLine> {
        self.live(at).find(|s| s.line == line_of(addr))
    }

    /// Those that may be read at `at`.
    pub(super) fn live(&self, at: Cycle) -> impl Iterator<Item = &StaleLine> {
        self.0.iter().filter(move |s| at < s.until)
    }

    pub(super) fn drop_line(&mut self, addr: u64) {
        self.0.retain(|s| s.line != line_of(addr));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Recur for StaleLines {
    fn walk(&mut self, w: &mut Walk) {
        let StaleLines(lines) = self;
        w.each(lines, |StaleLine { line, data, until }, w| {
            w.word(*line);
            w.values(data);
            w.expiry(until);
        });
    }
}

impl Core {
    /// The stale lines that a plain load at `at` would read.
    pub fn stale_lines(&self, at: Cycle) -> impl Iterator<Item = &StaleLine> {
        self.stale.live(at)
    }

    /// The cache lost the line at `at`; `taken` is its readable copy if a message took that away.
    pub fn line_lost<M: MemoryPort, I: InterruptPort, P: Probe>(
        &mut self,
        env: &mut Env<'_, M, I, P>,
        line: u64,
        taken: Option<&LineData>,
        at: Cycle,
    ) {
        if let (MemoryModel::Weak { queue, delay }, Some(data)) = (env.params.model, taken) {
            self.stale.keep(StaleLine { line, data: *data, until: at.after(delay) }, queue);
        }
        if matches!(self.state, State::Wfe { line: l, .. } if l == line) {
            self.resume_after(env, at);
        }
    }

    /// A message for this core's cache was processed at `at`: lines may be writable that were not.
    pub fn delivered<M: MemoryPort, I, P>(&mut self, env: &Env<'_, M, I, P>, at: Cycle) {
        if env.params.model.is_weak() && !self.stores.is_empty() {
            // Nothing is written in the past.
            self.write_port_free = self.write_port_free.max(at);
            self.arm_drain(env);
        }
    }

    /// Order of the memory micro-op at the program counter.
    pub(super) fn order<M, I, P>(&self, env: &Env<'_, M, I, P>) -> Order {
        match env.code.program.ops[self.current.pc as usize] {
            Op::Load { order, .. } | Op::Store { order, .. } | Op::Rmw { order, .. } => order,
            _ => Order::Relaxed,
        }
    }

    /// True if a load or read-modify-write on a `weak` core has to wait for stores before it.
    pub(super) fn held_up(&self, order: Order, is_load: bool, addr: u64, width: Width) -> bool {
        match (is_load, order) {
            (true, Order::Acquire) => self.stores.has_release(),
            (true, _) => false,
            (false, Order::Relaxed | Order::AcquirePc) => self.stores.holds_up(addr, width),
            (false, Order::Acquire) => self.stores.has_release() || self.stores.holds_up(addr, width),
            (false, Order::Release | Order::Full) => !self.stores.is_empty(),
        }
    }

    /// The load or read-modify-write at the program counter is being performed in the cache.
    pub(super) fn forget_stale<M, I, P>(&mut self, env: &Env<'_, M, I, P>) {
        if !env.params.model.is_weak() {
            return;
        }
        match env.code.program.ops[self.current.pc as usize] {
            Op::Load { order, .. } | Op::Rmw { order, .. } if order.is_acquire() => {
                self.stale.clear();
            }
            Op::Load { addr, .. } | Op::Rmw { addr, .. } | Op::LocalAdd { addr, .. } => {
                let a = self.current.address(&addr, self.id as u64, env.code.program.percpu_stride);
                self.stale.drop_line(a);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::store_buffer::Entry;
    use crate::ports::Cause;

    fn stale(line: u64, until: u64) -> StaleLine {
        StaleLine { line, data: [0x1122_3344_5566_7788; 8], until: Cycle(until) }
    }

    #[test]
    fn a_stale_line_is_read_until_its_time_is_over_or_the_queue_is_full() {
        let mut q = StaleLines::default();
        q.keep(stale(0x40, 10), 2);
        q.keep(stale(0x80, 20), 2);
        assert_eq!(q.find(0x4a, Cycle(9)).map(|s| s.value(0x4a, Width::U16)), Some(0x5566));
        assert_eq!(q.find(0x4a, Cycle(10)), None);
        q.keep(stale(0xc0, 30), 2);
        assert_eq!(q.find(0x40, Cycle(0)), None, "the oldest went");
        q.keep(stale(0x80, 40), 2);
        assert_eq!(q.live(Cycle(0)).map(|s| (s.line, s.until.0)).collect::<Vec<_>>(), [(0xc0, 30), (0x80, 40)]);
        q.keep(stale(0x80, 40), 0);
        assert_eq!(q.live(Cycle(0)).count(), 0, "a queue without places keeps nothing");
    }

    #[test]
    fn who_waits_for_which_stores() {
        let (here, there) = (0x100, 0x200);
        let with = |stores: &[(u64, bool)], fenced: bool| {
            let mut core = Core::new(0, None, 1);
            for &(addr, release) in stores {
                let at = Cycle(0);
                core.stores
                    .push(Entry { addr, width: Width::U32, value: 1, ready: at, cause: Cause::default() }, release);
            }
            if fenced {
                core.stores.fence();
            }
            // A load, and a read-modify-write, of each order that it can have.
            let loads = [Order::Relaxed, Order::AcquirePc, Order::Acquire];
            let both = [Order::Relaxed, Order::AcquirePc, Order::Acquire, Order::Release, Order::Full];
            (
                loads.map(|o| core.held_up(o, true, here, Width::U32)),
                both.map(|o| core.held_up(o, false, here, Width::U32)),
            )
        };
        let (no, yes) = (false, true);
        assert_eq!(with(&[], false), ([no; 3], [no; 5]));
        assert_eq!(with(&[(there, false)], false), ([no; 3], [no, no, no, yes, yes]));
        assert_eq!(with(&[(there, true)], false), ([no, no, yes], [no, no, yes, yes, yes]));
        // A load of the same bytes is answered by the buffer.
        assert_eq!(with(&[(here, false)], false), ([no; 3], [yes; 5]));
        assert_eq!(with(&[(here, true)], false), ([no, no, yes], [yes; 5]));
        assert_eq!(with(&[(there, false)], true), ([no; 3], [yes; 5]));
    }
}
