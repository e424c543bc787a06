// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`super::Model::Weak`]: stores that pass each other, loads that read the past.
//!
//! # The model
//!
//! There is one order of all stores, the order in which they reach memory; the store that makes time
//! `t` is the `t`-th. Memory keeps what it held before: a load takes the value some 8-byte word had at a
//! time of its choice between a lower bound and now. Bounds are *views*, times kept per core; that loads
//! choose among old values within views is the idea of Pulte, Pichon-Pharabod, Kang, Lee and Hur,
//! "Promising-ARM/RISC-V", PLDI 2019. There are no promises here: a store follows every older load.
//!
//! *Stores* wait in a buffer and reach memory in any order, except that an entry stays behind older ones
//! whose bytes it overlaps, behind those before a write, release or full fence, and, if it is a release,
//! behind all older ones. Loads are answered by the newest entry that covers them, and wait for one that
//! covers a part.
//!
//! *A load* at address `a` has the lower bound `floor` and the view of `a`'s registers. It can read any
//! version of the word that was current then or later, but none older than what this core read or
//! wrote there last. Its own time is the larger of its bound and the time of that version; it becomes the
//! view of the destination. If the buffer answers, the time is the bound, and the view of the
//! entry's value and address. Arithmetic hands on the larger view of its operands; branches do not.
//!
//! *Fences and orders* raise `floor`, below which no later load goes:
//!
//! | | raised to |
//! |---|---|
//! | acquire load, acquire read-modify-write | its own time, of the read |
//! | `fence.r`, `fence.acq` | times of all older loads |
//! | `fence.ctrl` | views of registers that decided a branch or made an address so far |
//! | `fence.full`, a read-modify-write of full order | times of all older loads and stores; the buffer is empty first |
//!
//! An acquire (not `.acqpc`) follows every older release: it waits for those in the buffer, and the
//! times at which others reached memory bound it. A *read-modify-write* reads the newest value and writes in
//! the same step; it waits for buffered stores as on the timed core.
//!
//! *Interrupts.* Taking one raises the floor to now: no load of a handler is performed before the interrupt is there, so it sees what was stored
//! before it was sent. Neither taking one nor returning waits for stores. The registers of every context have their own views; the other
//! views are the core's, so handlers and what they interrupt read words in one order.
//!
//! # It shows what the timed machine shows
//!
//! Take a run of the timed machine (`core/weak.rs`) and do the steps here in the order of its events:
//! issue at issue, drain when the store is performed. Buffers then have the same entries, and what may
//! leave them is the same. A load that is answered by the cache reads the newest version, which is
//! always allowed. A load of a stale line reads what was current when the line was taken away, at `T`;
//! it must be shown that no view stands above `T`. It is not address-dependent, or it would not read a
//! stale line. `floor`: every acquire, fence and interrupt that raises it drops all stale lines, so `T` is later. The
//! core's last access to the word dropped the copy too, or read a copy of the line taken away at `T` or
//! before. Hence every outcome is found here.
//!
//! # It shows nothing that ARMv8 forbids
//!
//! Order stores by the time they reach memory and loads by their own. Then every edge of "ordered
//! before" of the axiomatic model goes forward: reads-from, from-reads and coherence to other cores because a
//! load reads what is current at its time; dependencies, because views carry the time of a load to what is
//! computed from it, also through a store that is forwarded, and because stores follow all older loads; the
//! barriers by the table. Coherence per location is the rule about what the core read or wrote last.
//! A test (`sim-core/tests/weak_axioms`) compares whole sets of outcomes of random programs with that
//! axiomatic model, to which "a load before a younger store" is added: they are equal.
//!
//! # States
//!
//! Only the order of times matters. So a store of the value that is there already makes no version, versions
//! that lie below every core's floor are forgotten, and what is left is renumbered: equal situations
//! are equal states. Of versions with the value that a load would see, the oldest is enough: lower
//! views allow more. Views that nothing in the program asks for are not kept.

use super::{CoreState, State, System};
use crate::core::depends::loads_flow_on;
use crate::exec::Context;
use crate::isa::{Addr, AluFn, Base, CallSite, Fence, Op, Operand, Order, Reg, Width};
use crate::program::Program;

/// A place in the order of stores.
pub type Time = u32;

/// What bounds a core's loads from below.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Views {
    /// `[register]` of all frames of the running context: the time of the newest load its value was computed from.
    pub(super) regs: Vec<Time>,
    /// The same of the contexts it interrupted, outermost first.
    pub(super) below: Vec<Vec<Time>>,
    /// By word: no version that ended at or before this time is read again.
    pub(super) seen: Vec<(u64, Time)>,
    /// No later load is before this.
    pub(super) floor: Time,
    /// The latest load so far.
    pub(super) loads: Time,
    /// The latest store that has reached memory.
    pub(super) stores: Time,
    /// Of those, the latest release.
    pub(super) releases: Time,
    /// The latest load that decided a branch or an address.
    pub(super) decided: Time,
}

/// A value that a word had before the one it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Version {
    pub(super) word: u64,
    /// The time of the store that ended it.
    pub(super) until: Time,
    pub(super) value: u64,
}

/// What a load can give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) value: u64,
    /// Its time.
    pub(super) at: Time,
    /// When the version it read began; `None` if the store buffer answered.
    pub(super) began: Option<Time>,
}

/// Which views some micro-op of a program asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matters {
    loads: bool,
    stores: bool,
    releases: bool,
    decided: bool,
    regs: bool,
}

impl Matters {
    pub(super) fn of(program: &Program) -> Matters {
        let any = |is: fn(&Op) -> bool| program.ops.iter().any(is);
        let full = any(|op| matches!(op, Op::Fence(Fence::Full) | Op::Rmw { order: Order::Full, .. }));
        let decided = any(|op| matches!(op, Op::Fence(Fence::Control)));
        Matters {
            loads: full || any(|op| matches!(op, Op::Fence(Fence::Read | Fence::Acquire))),
            stores: full,
            releases: any(|op| match op {
                Op::Load { order, .. } | Op::Rmw { order, .. } => matches!(order, Order::Acquire | Order::Full),
                _ => false,
            }),
            decided,
            regs: decided || loads_flow_on(program),
        }
    }
}

fn raise(view: &mut Time, to: Time) {
    *view = (*view).max(to);
}

impl Views {
    fn reg(&self, c: &Context, r: Reg) -> Time {
        self.regs[c.base as usize + r.0 as usize]
    }

    /// View of an operand.
    pub(super) fn operand(&self, c: &Context, o: Operand) -> Time {
        if let Operand::Reg(r) = o { self.reg(c, r) } else { 0 }
    }

    /// View of an address.
    pub(super) fn address(&self, c: &Context, a: &Addr) -> Time {
        let base = if let Base::Reg(r) | Base::OnCpu(r) = a.base { self.reg(c, r) } else { 0 };
        base.max(a.index.map_or(0, |(r, _)| self.reg(c, r)))
    }

    /// Sets the view of a register.
    pub(super) fn set(&mut self, c: &Context, r: Option<Reg>, view: Time) {
        if let Some(r) = r {
            self.regs[c.base as usize + r.0 as usize] = view;
        }
    }

    /// What a micro-op on registers does to views; `c` is the context before it.
    pub(super) fn pure(&mut self, c: &Context, op: &Op) {
        match *op {
            Op::Alu { f, dst, a, b } => {
                let second = if f == AluFn::Mov { 0 } else { self.operand(c, b) };
                self.set(c, Some(dst), self.operand(c, a).max(second));
            }
            Op::Lea { dst, addr } => self.set(c, Some(dst), self.address(c, &addr)),
            Op::Branch { a, b, .. } => self.decide(self.operand(c, a).max(self.operand(c, b))),
            _ => {}
        }
    }

    /// After a call; `before` and `base` are the caller's context, `c` is the callee's.
    pub(super) fn call(&mut self, site: &CallSite, before: &Context, c: &Context) {
        let args: Vec<Time> = site.args.iter().map(|a| self.operand(before, *a)).collect();
        self.regs.resize(c.regs.len(), 0);
        args.into_iter().enumerate().for_each(|(i, view)| self.set(c, Some(Reg(i as u8)), view));
    }

    /// After a return; `values` are the views of what is returned.
    pub(super) fn ret(&mut self, site: &CallSite, values: [Time; 2], c: &Context) {
        self.regs.truncate(c.regs.len());
        site.results.iter().zip(values).for_each(|(r, view)| self.set(c, Some(*r), view));
    }

    /// A handler begins, with as many registers.
    pub(super) fn enter(&mut self, registers: usize, now: Time) {
        self.floor = now;
        self.below.push(std::mem::replace(&mut self.regs, vec![0; registers]));
    }

    /// A handler has returned.
    pub(super) fn leave(&mut self) {
        self.regs = self.below.pop().expect("a handler has interrupted a context");
    }

    fn seen_at(&self, word: u64) -> Option<usize> {
        self.seen.iter().position(|s| s.0 == word)
    }

    pub(super) fn seen_of(&self, word: u64) -> Time {
        self.seen_at(word).map_or(0, |i| self.seen[i].1)
    }

    pub(super) fn see(&mut self, word: u64, at: Time) {
        match self.seen_at(word) {
            Some(i) => raise(&mut self.seen[i].1, at),
            None => {
                self.seen.push((word, at));
                self.seen.sort_unstable();
            }
        }
    }

    /// A load was performed.
    pub(super) fn loaded(&mut self, word: u64, read: &Read, acquire: bool) {
        raise(&mut self.loads, read.at);
        if acquire {
            raise(&mut self.floor, read.at);
        }
        if let Some(began) = read.began {
            self.see(word, began);
        }
    }

    /// Later loads follow older ones.
    pub(super) fn read_fence(&mut self) {
        raise(&mut self.floor, self.loads);
    }

    /// Later loads follow older loads and stores.
    pub(super) fn full_fence(&mut self) {
        raise(&mut self.floor, self.loads.max(self.stores));
    }

    /// Later loads follow what branches and addresses so far hung on.
    pub(super) fn control_fence(&mut self) {
        raise(&mut self.floor, self.decided);
    }

    /// An address was used.
    pub(super) fn decide(&mut self, view: Time) {
        raise(&mut self.decided, view);
    }

    fn map(&mut self, matters: Matters, rank: impl Fn(Time) -> Time) {
        if !matters.loads {
            self.loads = 0;
        }
        if !matters.stores {
            self.stores = 0;
        }
        if !matters.releases {
            self.releases = 0;
        }
        if !matters.decided {
            self.decided = 0;
        }
        let registers = |v: &mut Self, f: &dyn Fn(Time) -> Time| {
            v.regs.iter_mut().chain(v.below.iter_mut().flatten()).for_each(|r| *r = f(*r));
        };
        if !matters.regs {
            registers(self, &|_| 0);
        }
        let singles = [&mut self.floor, &mut self.loads, &mut self.stores, &mut self.releases, &mut self.decided];
        singles.into_iter().for_each(|v| *v = rank(*v));
        registers(self, &rank);
        self.seen.iter_mut().for_each(|s| s.1 = rank(s.1));
        // At or below the floor it bounds nothing.
        let floor = self.floor;
        self.seen.retain(|s| s.1 > floor);
        self.loads = self.loads.max(floor);
        self.stores = self.stores.max(floor);
        self.releases = self.releases.max(floor);
        self.decided = self.decided.max(floor);
        registers(self, &|v| v.max(floor));
    }
}

impl State {
    /// What a load from memory can give: for each value, the oldest version with it.
    pub(super) fn reads(&self, core: usize, addr: u64, width: Width, bound: Time, order_after: bool) -> Vec<Read> {
        let word = addr & !7;
        let views = &self.cores[core].views;
        let seen = views.seen_of(word);
        let cut = |value: u64| (value >> (8 * (addr - word))) & width.mask();
        // An acquire also follows the store of its own core that it may be reading.
        let bound = if order_after { bound.max(seen) } else { bound };
        let mut out: Vec<Read> = Vec::new();
        let mut began = 0;
        let newest = Version { word, until: Time::MAX, value: self.read(word, Width::U64) };
        let old = self.old.iter().filter(|v| v.word == word);
        for v in old.chain(std::iter::once(&newest)) {
            let value = cut(v.value);
            if v.until > bound.max(seen) && !out.iter().any(|r| r.value == value) {
                out.push(Read { value, at: bound.max(began), began: Some(began) });
            }
            began = v.until;
        }
        out
    }

    /// What a read-modify-write reads: the newest value.
    pub(super) fn read_newest(&self, addr: u64, width: Width, bound: Time) -> Read {
        let word = addr & !7;
        let began = self.old.iter().rfind(|v| v.word == word).map_or(0, |v| v.until);
        Read { value: self.read(addr, width), at: bound.max(began), began: Some(began) }
    }

    /// A store reaches memory.
    pub(super) fn commit(&mut self, core: usize, addr: u64, width: Width, value: u64, release: bool) {
        let word = addr & !7;
        let before = self.read(word, Width::U64);
        self.write(addr, width, value);
        if self.read(word, Width::U64) != before {
            self.now += 1;
            self.old.push(Version { word, until: self.now, value: before });
            self.old.sort_unstable_by_key(|v| (v.word, v.until));
        }
        let now = self.now;
        let views = &mut self.cores[core].views;
        views.see(word, now);
        raise(&mut views.stores, now);
        if release {
            raise(&mut views.releases, now);
        }
    }

    /// One form per situation. `goes_on`: a core executes something, now or later.
    pub(super) fn normalise(&mut self, matters: Matters, goes_on: impl Fn(&State, usize) -> bool) {
        let go_on: Vec<bool> = (0..self.cores.len()).map(|core| goes_on(self, core)).collect();
        for (core, goes_on) in self.cores.iter_mut().zip(&go_on) {
            if !goes_on {
                core.views = Views::default();
            } else if !core.runs() {
                core.views.regs.fill(0);
            }
            core.normalise_groups();
        }
        let floors: Vec<Time> = self.cores.iter().zip(go_on).filter(|c| c.1).map(|c| c.0.views.floor).collect();
        self.old.retain(|v| floors.iter().any(|f| *f < v.until));
        let mut times: Vec<Time> = self.old.iter().map(|v| v.until).collect();
        times.sort_unstable();
        times.dedup();
        let rank = |v: Time| times.partition_point(|t| *t <= v) as Time;
        self.old.iter_mut().for_each(|v| v.until = rank(v.until));
        self.now = times.len() as Time;
        for core in &mut self.cores {
            core.views.map(matters, rank);
            let floor = core.views.floor;
            core.buffer.iter_mut().for_each(|b| b.view = rank(b.view).max(floor));
        }
    }
}

impl CoreState {
    fn normalise_groups(&mut self) {
        let Some(first) = self.buffer.first().map(|b| b.group) else {
            self.group = 0;
            return;
        };
        // Groups that nothing is left of do not count.
        let mut groups: Vec<u32> = self.buffer.iter().map(|b| b.group).collect();
        groups.dedup();
        let open = self.group != *groups.last().unwrap_or(&first);
        let rank = |g: u32| groups.partition_point(|x| *x < g) as u32;
        self.buffer.iter_mut().for_each(|b| b.group = rank(b.group));
        self.group = groups.len() as u32 - u32::from(!open);
    }

    /// True if the `i`-th oldest entry of the buffer may reach memory now.
    pub(super) fn may_drain(&self, i: usize) -> bool {
        let b = &self.buffer[i];
        let behind = || b.release || self.buffer[..i].iter().any(|o| o.overlaps(b.addr, b.width));
        i == 0 || (b.group == self.buffer[0].group && !behind())
    }
}

impl System {
    fn context<'s>(&self, state: &'s State, core: usize) -> &'s Context {
        state.cores[core].contexts.last().expect("a core that is not done has a context")
    }

    pub(super) fn address_view(&self, state: &State, core: usize, addr: &Addr) -> Time {
        state.cores[core].views.address(self.context(state, core), addr)
    }

    /// No earlier time can a load have.
    pub(super) fn bound(&self, state: &State, core: usize, order: Order, addr_view: Time) -> Time {
        let views = &state.cores[core].views;
        let releases = if matches!(order, Order::Acquire | Order::Full) { views.releases } else { 0 };
        views.floor.max(addr_view).max(releases)
    }

    /// True if a read-modify-write waits for stores before it.
    pub(super) fn held_up(&self, state: &State, core: usize, order: Order, addr: u64, width: Width) -> bool {
        let c = &state.cores[core];
        let before = c.buffer.iter().any(|b| b.group != c.group || b.overlaps(addr, width));
        match order {
            Order::Relaxed | Order::AcquirePc => before,
            Order::Acquire => before || c.buffer.iter().any(|b| b.release),
            Order::Release | Order::Full => !c.buffer.is_empty(),
        }
    }

    /// A read-modify-write: the time of its read.
    #[expect(clippy::too_many_arguments, reason = "the parts of one micro-op")]
    pub(super) fn update(
        &self,
        state: &mut State,
        core: usize,
        order: Order,
        addr_view: Time,
        addr: u64,
        width: Width,
        written: Option<u64>,
    ) -> Time {
        let read = state.read_newest(addr, width, self.bound(state, core, order, addr_view));
        let views = &mut state.cores[core].views;
        views.decide(addr_view);
        views.loaded(addr & !7, &read, order.is_acquire());
        if let Some(value) = written {
            state.commit(core, addr, width, value, matches!(order, Order::Release | Order::Full));
        }
        if order == Order::Full {
            state.cores[core].views.full_fence();
        }
        read.at
    }
}
