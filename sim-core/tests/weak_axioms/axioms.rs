// SPDX-License-Identifier: MIT OR Apache-2.0
//! Axiomatic models: every candidate execution, and which of them are consistent.
//!
//! After Pulte, Flur, Deacon, French, Sarkar and Sewell, "Simplifying ARM Concurrency", POPL 2018, and
//! the architecture's own `aarch64.cat`; written from the definitions, with none of the engine's code.

use std::collections::BTreeSet;

use sim_core::isa::{Fence, Order};

use crate::generate::{LOCATIONS, Program, Step};

/// What an execution has to obey beside ARMv8, or instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Also {
    /// ARMv8 alone.
    Nothing,
    /// Loads before younger stores; an exchange writes before younger stores do. What an exchange wrote
    /// is in memory before its own core reads it, and what its own core wrote before an exchange reads it.
    LoadsBeforeStores,
    /// Total store order instead.
    Tso,
    /// Sequential consistency instead.
    Sc,
}

/// A read or write; the initial writes come first, of no thread.
#[derive(Clone, Copy, Debug)]
struct Event {
    thread: Option<usize>,
    /// Place in the thread: step, then read before write.
    at: (usize, usize),
    place: usize,
    write: Option<u64>,
    order: Order,
    exchange: bool,
    addr: Option<usize>,
    data: Option<usize>,
}

impl Event {
    fn reads(&self) -> bool {
        self.write.is_none()
    }

    fn acquires(&self) -> bool {
        self.reads() && matches!(self.order, Order::Acquire | Order::AcquirePc | Order::Full)
    }

    fn releases(&self) -> bool {
        !self.reads() && matches!(self.order, Order::Release | Order::Full)
    }
}

/// `[event]`: a bit for each event that must come later.
type Relation = Vec<u32>;

struct Candidate<'p> {
    p: &'p Program,
    events: Vec<Event>,
    /// `[thread][load]`: the event.
    loads: Vec<Vec<usize>>,
    also: Also,
}

pub(crate) fn outcomes(p: &Program, also: Also) -> BTreeSet<Vec<u64>> {
    let initial = |place| Event {
        thread: None,
        at: (0, 0),
        place,
        write: Some(0),
        order: Order::Relaxed,
        exchange: false,
        addr: None,
        data: None,
    };
    let mut events: Vec<Event> = (0..LOCATIONS).map(initial).collect();
    let mut loads = vec![Vec::new(); p.threads.len()];
    for (t, steps) in p.threads.iter().enumerate() {
        for (i, step) in steps.iter().enumerate() {
            let base = Event { thread: Some(t), at: (i, 0), write: None, ..initial(0) };
            match *step {
                Step::Load { place, order, addr } => {
                    loads[t].push(events.len());
                    events.push(Event { place, order, addr, ..base });
                }
                Step::Store { place, value, order, addr, data } => {
                    events.push(Event { place, order, addr, data, write: Some(value), ..base });
                }
                Step::Exchange { place, value, order } => {
                    loads[t].push(events.len());
                    events.push(Event { place, order, exchange: true, ..base });
                    events.push(Event { place, order, exchange: true, write: Some(value), at: (i, 1), ..base });
                }
                Step::Fence(_) | Step::Branch { .. } => {}
            }
        }
    }
    let c = Candidate { p, events, loads, also };
    let fixed = c.fixed();
    let mut out = BTreeSet::new();
    let mut writes: Vec<Vec<usize>> = vec![Vec::new(); LOCATIONS];
    for (i, e) in c.events.iter().enumerate().filter(|(_, e)| !e.reads()) {
        writes[e.place].push(i);
    }
    let reads: Vec<usize> = c.loads.iter().flatten().copied().collect();
    c.orders(&mut writes, 0, 1, &mut |co| {
        let mut rf = vec![0; reads.len()];
        loop {
            let from: Vec<usize> = reads.iter().zip(&rf).map(|(r, i)| co[c.events[*r].place][*i]).collect();
            if c.is_consistent(&fixed, co, &reads, &from) {
                let value = |w: &usize| c.events[*w].write.unwrap_or_default();
                let last = co.iter().map(|of| value(of.last().expect("the initial write")));
                out.insert(from.iter().map(value).chain(last).collect());
            }
            let Some(i) = (0..rf.len()).find(|i| rf[*i] + 1 < co[c.events[reads[*i]].place].len()) else { break };
            rf[i] += 1;
            rf[..i].fill(0);
        }
    });
    out
}

impl Candidate<'_> {
    /// Every coherence order, the initial write first.
    fn orders(&self, co: &mut Vec<Vec<usize>>, place: usize, from: usize, f: &mut impl FnMut(&[Vec<usize>])) {
        if place == co.len() {
            return f(co);
        }
        if from >= co[place].len() {
            return self.orders(co, place + 1, 1, f);
        }
        for i in from..co[place].len() {
            co[place].swap(from, i);
            self.orders(co, place, from + 1, f);
            co[place].swap(from, i);
        }
    }

    fn po(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.events[a], &self.events[b]);
        a.thread.is_some() && a.thread == b.thread && a.at < b.at
    }

    /// Whether a step between two events of a thread is one of these.
    fn between(&self, a: usize, b: usize, is: impl Fn(usize, &Step) -> bool) -> bool {
        let (a, b) = (&self.events[a], &self.events[b]);
        let steps = &self.p.threads[a.thread.expect("of a thread")];
        (a.at.0 + 1..b.at.0).any(|i| is(i, &steps[i]))
    }

    fn fenced(&self, a: usize, b: usize, kinds: &[Fence]) -> bool {
        self.between(a, b, |_, s| matches!(s, Step::Fence(f) if kinds.contains(f)))
    }

    /// The load that a dependency of `e` names.
    fn source(&self, e: &Event, of: Option<usize>) -> Option<usize> {
        Some(self.loads[e.thread?][of?])
    }

    /// What is ordered whatever is read from where: dependencies and barriers.
    fn fixed(&self) -> Relation {
        let n = self.events.len();
        let mut out = vec![0; n];
        for (a, later) in out.iter_mut().enumerate() {
            for b in (0..n).filter(|b| self.po(a, *b)) {
                let ordered = match self.also {
                    Also::Sc => true,
                    Also::Tso => self.tso(a, b),
                    _ => self.armv8(a, b),
                };
                *later |= u32::from(ordered) << b;
            }
        }
        out
    }

    fn tso(&self, a: usize, b: usize) -> bool {
        let (x, y) = (&self.events[a], &self.events[b]);
        let locked = |_: usize, s: &Step| matches!(s, Step::Exchange { .. });
        x.reads()
            || !y.reads()
            || x.exchange
            || y.exchange
            || self.fenced(a, b, &[Fence::Full])
            || self.between(a, b, locked)
    }

    fn armv8(&self, a: usize, b: usize) -> bool {
        let (x, y) = (&self.events[a], &self.events[b]);
        let control = |after: usize| {
            self.between(
                a,
                after,
                |_, s| matches!(s, Step::Branch { on } if self.loads[x.thread.expect("po")][*on] == a),
            )
        };
        let thread = || (0..self.events.len()).filter(|e| self.po(a, *e));
        let address_of = |e: usize| self.source(&self.events[e], self.events[e].addr) == Some(a);
        let depends = address_of(b) || self.source(y, y.data) == Some(a);
        let control_to_store = !y.reads() && control(b);
        let address_then_store = !y.reads() && thread().any(|e| address_of(e) && self.po(e, b));
        // A branch, or an access with the address, and then an ISB, and then the load.
        let steps = &self.p.threads[x.thread.expect("po")];
        let decided = |i: usize| {
            matches!(steps[i], Step::Branch { on } if self.loads[x.thread.expect("po")][on] == a)
                || thread().any(|e| self.events[e].at.0 == i && address_of(e))
        };
        let fence_behind = |i: usize| (i + 1..y.at.0).any(|j| matches!(steps[j], Step::Fence(Fence::Control)));
        let control_fence = y.reads() && x.reads() && (x.at.0 + 1..y.at.0).any(|i| decided(i) && fence_behind(i));
        // A store that overwrites a release of its own thread is behind what the release is behind.
        let overwrites = |e: usize| self.events[e].releases() && self.events[e].place == y.place && self.po(e, b);
        let behind_release = !y.reads() && thread().any(overwrites);
        let full = |_: usize, s: &Step| matches!(s, Step::Exchange { order: Order::Full, .. });
        let pc = |e: &Event| e.order == Order::AcquirePc;
        let ob = depends
            || control_to_store
            || address_then_store
            || control_fence
            || behind_release
            || (x.exchange && y.exchange && x.at.0 == y.at.0)
            || self.fenced(a, b, &[Fence::Full])
            || self.between(a, b, full)
            || (x.releases() && y.acquires() && !pc(y))
            || (x.reads() && self.fenced(a, b, &[Fence::Acquire]))
            || (x.reads() && y.reads() && self.fenced(a, b, &[Fence::Read]))
            || x.acquires()
            || (!x.reads() && !y.reads() && self.fenced(a, b, &[Fence::Write]))
            || (!y.reads() && self.fenced(a, b, &[Fence::Release]))
            || y.releases()
            // Full order on an exchange orders its own two halves with everything too.
            || (y.exchange && y.order == Order::Full)
            || (x.exchange && x.order == Order::Full);
        let also = self.also == Also::LoadsBeforeStores && !y.reads() && (x.reads() || x.exchange);
        ob || also
    }

    fn is_consistent(&self, fixed: &Relation, co: &[Vec<usize>], reads: &[usize], from: &[usize]) -> bool {
        let n = self.events.len();
        let (mut internal, mut external) = (vec![0u32; n], fixed.clone());
        let same_thread =
            |a: usize, b: usize| self.events[a].thread.is_some() && self.events[a].thread == self.events[b].thread;
        let mut edge = |a: usize, b: usize| {
            internal[a] |= 1 << b;
            if !same_thread(a, b) {
                external[a] |= 1 << b;
            }
        };
        for of in co {
            for (i, a) in of.iter().enumerate() {
                of[i + 1..].iter().for_each(|b| edge(*a, *b));
            }
        }
        for (r, w) in reads.iter().zip(from) {
            edge(*w, *r);
            let of = &co[self.events[*r].place];
            let i = of.iter().position(|x| x == w).expect("a write to its place");
            of[i + 1..].iter().for_each(|later| edge(*r, *later));
            // Atomicity: nothing between what an exchange reads and what it writes.
            if self.events[*r].exchange && of.get(i + 1) != Some(&(r + 1)) {
                return false;
            }
        }
        for (a, later) in internal.iter_mut().enumerate() {
            let same_place = |b: &usize| self.po(a, *b) && self.events[a].place == self.events[*b].place;
            (0..n).filter(same_place).for_each(|b| *later |= 1 << b);
        }
        // What is forwarded carries on what the store depends on; an acquire follows an exchange it reads.
        if matches!(self.also, Also::Nothing | Also::LoadsBeforeStores) {
            for (r, w) in reads.iter().zip(from).filter(|(r, w)| same_thread(**r, **w)) {
                let store = self.events[*w];
                for of in [store.addr, store.data] {
                    if let Some(source) = self.source(&store, of) {
                        external[source] |= 1 << r;
                    }
                }
                let ours = self.also == Also::LoadsBeforeStores && (store.exchange || self.events[*r].exchange);
                if ours || (store.exchange && self.events[*r].acquires()) {
                    external[*w] |= 1 << r;
                }
            }
        }
        is_acyclic(&internal) && is_acyclic(&external)
    }
}

fn is_acyclic(r: &[u32]) -> bool {
    let mut left: u32 = (1 << r.len()) - 1;
    // Takes away events that nothing left must precede.
    while left != 0 {
        let behind = (0..r.len()).filter(|i| left >> i & 1 == 1).fold(0, |s, i| s | r[i]);
        let free = left & !behind;
        if free == 0 {
            return false;
        }
        left &= !free;
    }
    true
}
