// SPDX-License-Identifier: MIT OR Apache-2.0
//! A core's private caches: two latencies, one coherence agent.
//!
//! The second level includes the first, so a line's state and data are kept once, in the second
//! level; the first level is tags that say which lines answer quickly.

mod ask;
mod fill;
mod recur;
mod snoop;
mod transition;
mod view;

use sim_core::isa::{RmwFn, Width};
use sim_core::ports::{Access, Action, Completion, Port, Request};
use sim_core::time::Cycle;
use smallvec::SmallVec;

use super::array::{SetArray, Slot};
use super::coherence::Coherence;
use super::fabric::Fabric;
use super::message::{LineData, Message, MessageKind, Network, Place, read, write};
use super::params::MemoryParams;
use super::snoop::event_on_bus;
use crate::protocol::{CacheAction, CacheEvent, CacheState, Cell, Tables};
use ask::asks;

/// Names of the random numbers of the two levels.
const L1: &str = "l1 replacement";
const L2: &str = "l2 replacement";

/// A line in the second level.
#[derive(Clone, Debug)]
struct Line {
    state: CacheState,
    data: LineData,
    /// A locked access holds the line until then; forwards and invalidations wait.
    held_until: Cycle,
}

impl Line {
    /// Does what the request asks for on a line in a sufficient state, `late` cycles later than a
    /// first-level hit.
    fn perform(&mut self, p: &MemoryParams, r: &Request, now: Cycle, late: u64, first_level: bool) -> Completion {
        let (value, written, span) = match r.action {
            Action::Load => (read(&self.data, r.addr, r.width), false, p.l1_hit),
            Action::Store(v) => {
                write(&mut self.data, r.addr, r.width, v);
                (0, true, 1)
            }
            Action::Rmw(f, a, b) => {
                let result = f.apply(r.width, read(&self.data, r.addr, r.width), a, b);
                if let Some(v) = result.written {
                    write(&mut self.data, r.addr, r.width, v);
                }
                self.held_until = now.after(p.locked_rmw + late);
                (result.returned, result.written.is_some(), p.locked_rmw)
            }
            Action::PrefetchW => (0, false, 1),
        };
        Completion { value, written, at: now.after(span + late), first_level }
    }
}

/// A line with something outstanding: a request, or an eviction.
#[derive(Clone, Debug)]
struct Outstanding {
    line: u64,
    state: CacheState,
    data: LineData,
    /// Acknowledgements missing; negative while they overtake the data that announce them.
    acks: i32,
    /// Requests of the core that wait for the line: one per port at most.
    waiting: Waiting,
    /// Messages the table stalls, in order of arrival, which on a bus is the bus's.
    stalled: Vec<Message>,
    /// What the outstanding request is due to.
    request: Request,
    /// Nobody waits for it: the line was asked for because of its neighbour.
    prefetch: bool,
    /// How many of `waiting` were there when an Inv was acknowledged in advance: only these may use data that are
    /// not kept, for a later load is not ordered before the store that sent the Inv.
    before_inv: usize,
}

/// Where a line is in its cache: what is outstanding for it, and its slot in the second level.
#[derive(Clone, Copy)]
struct Whereabouts {
    pending: Option<usize>,
    slot: Option<Slot>,
}

impl Whereabouts {
    fn pending(self) -> usize {
        self.pending.expect("the table fills only outstanding lines")
    }
}

/// Requests of a core's two ports.
type Waiting = SmallVec<[(Port, Request); 1]>;

/// Something the core has to be told after a message was processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A pending request was performed.
    Completed(Port, Completion),
    /// The cache lost a line.
    Lost {
        /// Its number.
        line: u64,
        /// What it held, if a message took a readable copy away; not if it was evicted.
        taken: Option<LineData>,
    },
}

/// Hits and misses of one core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HitCounts {
    /// Accesses served by the first level.
    pub l1_hits: u64,
    /// Accesses served by the second level.
    pub l2_hits: u64,
    /// Accesses that sent a request.
    pub misses: u64,
    /// Lines evicted.
    pub evictions: u64,
    /// Lines asked for because of their neighbours; not counted as misses.
    pub prefetches: u64,
}

/// A private cache.
#[derive(Clone, Debug)]
pub(super) struct PrivateCache {
    place: Place,
    params: MemoryParams,
    tables: &'static Tables,
    l1: SetArray<Slot>,
    l2: SetArray<Line>,
    outstanding: Vec<Outstanding>,
    adjacent_line_prefetch: bool,
    /// Lines whose stalled forwards arrive again, and when: what the home sent later must not
    /// overtake them. Empty nearly always.
    again: Vec<(u64, Cycle)>,
    pub(super) hits: HitCounts,
}

/// A transition the table calls impossible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtocolFault {
    /// What happened where, in words.
    pub what: String,
}

impl ProtocolFault {
    /// An agent, by its kind and place, met a message in a state whose cell for the event is impossible.
    pub(super) fn at(
        (agent, place): (&str, Place),
        m: &Message,
        now: Cycle,
        (state, event): (&str, &str),
        why: &str,
    ) -> ProtocolFault {
        let (number, line, from) = (place.0, m.line * 64, m.src.0);
        let what = format!(
            "{agent} {number}: ({state}, {event}) at cycle {}, line {line:#x}, from place {from}: {why}",
            now.0
        );
        ProtocolFault { what }
    }
}

impl PrivateCache {
    pub(super) fn new(place: Place, params: MemoryParams, coherence: Coherence) -> PrivateCache {
        PrivateCache {
            place,
            params,
            tables: coherence.tables,
            l1: SetArray::new(params.l1_sets, params.l1_ways, coherence.l1, coherence.stream(place, L1)),
            l2: SetArray::new(params.l2_sets, params.l2_ways, coherence.l2, coherence.stream(place, L2)),
            outstanding: Vec::new(),
            adjacent_line_prefetch: coherence.adjacent_line_prefetch,
            again: Vec::new(),
            hits: HitCounts::default(),
        }
    }

    /// The protocol it executes.
    pub(super) fn tables(&self) -> &'static Tables {
        self.tables
    }

    /// Value and latency of a load that would hit the first level.
    pub(super) fn peek(&self, addr: u64, width: Width) -> Option<(u64, u64)> {
        let tag = self.l1.find(addr / 64)?;
        let line = self.l2.get(*self.l1.get(tag));
        line.state.can_read().then(|| (self.params.l1_hit, read(&line.data, addr, width)))
    }

    /// True if a store would be performed at once.
    pub(super) fn is_writable(&self, addr: u64) -> bool {
        self.l2.find(addr / 64).is_some_and(|s| self.l2.get(s).state.can_write())
    }

    /// A request of the core.
    pub(super) fn access(&mut self, fabric: &mut Fabric, port: Port, r: &Request, now: Cycle) -> Access {
        let number = r.addr / 64;
        let event = match r.action {
            Action::Load => CacheEvent::Load,
            Action::Rmw(f, ..) if self.tables.far && f != RmwFn::Cas => CacheEvent::Atomic,
            Action::Store(_) | Action::Rmw(..) | Action::PrefetchW => CacheEvent::Store,
        };
        let (l1, slot) = match self.l1.find(number) {
            Some(tag) => (Some(tag), Some(*self.l1.get(tag))),
            None => (None, self.l2.find(number)),
        };
        let pending = self.outstanding.iter().position(|o| o.line == number);
        let state = match (slot, pending) {
            (Some(s), _) => self.l2.get(s).state,
            (None, Some(o)) => self.outstanding[o].state,
            (None, None) => CacheState::I,
        };
        match self.tables.cache_cell(state, event) {
            Cell::Go([CacheAction::Hit], next) => {
                let slot = slot.expect("only a present line can be hit");
                let done = self.hit(r, now, l1, slot, number, next);
                if let Some(a) = &mut fabric.attribution {
                    a.used(self.place, r, done.written);
                }
                Access::Done(done)
            }
            Cell::Go(actions, next) => {
                self.hits.misses += 1;
                if let Some(a) = &mut fabric.attribution {
                    a.miss(&r.cause);
                }
                let kind = asks(actions);
                self.request(fabric, port, r, now, slot, kind, next);
                let misses = slot.is_none() && kind != MessageKind::Atomic && r.action != Action::PrefetchW;
                if self.adjacent_line_prefetch && misses {
                    self.prefetch(fabric, number ^ 1, r, now);
                }
                Access::Pending
            }
            Cell::Stall => {
                let o = &mut self.outstanding[pending.expect("only a line in transition stalls")];
                if r.action != Action::PrefetchW {
                    o.waiting.push((port, *r));
                    o.prefetch = false;
                }
                Access::Pending
            }
            Cell::Impossible(why) => unreachable!("a core's access is possible in every state: {why}"),
        }
    }

    fn hit(
        &mut self,
        r: &Request,
        now: Cycle,
        l1: Option<Slot>,
        slot: Slot,
        number: u64,
        next: CacheState,
    ) -> Completion {
        let late = match l1 {
            Some(tag) => {
                self.l1.touch(tag);
                self.hits.l1_hits += 1;
                0
            }
            None => {
                self.l2.touch(slot);
                self.hits.l2_hits += 1;
                self.fill_l1(number, slot);
                self.params.l2_hit - self.params.l1_hit
            }
        };
        let line = self.l2.get_mut(slot);
        line.state = next;
        line.perform(&self.params, r, now, late, l1.is_some())
    }

    #[allow(clippy::too_many_arguments)] // The fields of a message, once.
    fn send(
        &self,
        fabric: &mut Fabric,
        kind: MessageKind,
        dst: Place,
        line: u64,
        data: LineData,
        r: &Request,
        ready: Cycle,
        now: Cycle,
    ) {
        let dirty = kind == MessageKind::PutM;
        let m = Message {
            kind,
            src: self.place,
            dst,
            requester: self.place,
            acks: 0,
            dirty,
            line,
            data,
            cause: r.cause,
            number: 0,
        };
        fabric.send(m, ready, now);
    }

    /// A message arrives.
    pub(super) fn deliver(
        &mut self,
        fabric: &mut Fabric,
        m: &Message,
        now: Cycle,
        notices: &mut Vec<Notice>,
    ) -> Result<(), ProtocolFault> {
        let slot = self.l2.find(m.line);
        let snooped = m.kind.network() == Network::Request && m.src != self.place;
        if (snooped || matches!(m.kind, MessageKind::FwdGetS | MessageKind::FwdGetM | MessageKind::Inv))
            && let Some(s) = slot
            && self.l2.get(s).held_until > now
        {
            fabric.hold_back(*m, self.l2.get(s).held_until);
            return Ok(());
        }
        let pending = self.outstanding.iter().position(|o| o.line == m.line);
        if m.kind.network() != Network::Response && self.must_wait_in_line(fabric, m, pending, now) {
            return Ok(());
        }
        let state = match (pending, slot) {
            (Some(o), _) => self.outstanding[o].state,
            (None, Some(s)) => self.l2.get(s).state,
            (None, None) => CacheState::I,
        };
        let missing = pending.map_or(0, |o| self.outstanding[o].acks);
        let event = match m.kind {
            MessageKind::FwdGetS => CacheEvent::FwdGetS,
            MessageKind::FwdGetM => CacheEvent::FwdGetM,
            MessageKind::Inv => CacheEvent::Inv,
            MessageKind::PutAck => CacheEvent::PutAck,
            MessageKind::DataExclusive => CacheEvent::DataExclusive,
            MessageKind::Data => CacheEvent::of_data(missing + i32::from(m.acks)),
            MessageKind::DataForward => CacheEvent::DataForward,
            MessageKind::Grant => CacheEvent::of_grant(missing + i32::from(m.acks)),
            MessageKind::InvAck => CacheEvent::of_inv_ack(missing),
            MessageKind::AtomicData => CacheEvent::AtomicData,
            kind if self.tables.snooping && kind.network() == Network::Request => event_on_bus(kind, !snooped),
            other => return Err(self.fault(m, now, state, other.name(), "caches receive no such message")),
        };
        match self.tables.cache_cell(state, event) {
            Cell::Go(actions, next) => {
                if slot.is_none()
                    && actions.contains(&CacheAction::Complete)
                    && let Some(end) = self.held_set(m.line, now)
                {
                    fabric.hold_back(*m, end);
                    return Ok(());
                }
                self.transition(fabric, m, now, Whereabouts { pending, slot }, (actions, next), notices);
                Ok(())
            }
            Cell::Stall => {
                let o = pending.expect("only a line in transition stalls");
                self.outstanding[o].stalled.push(*m);
                Ok(())
            }
            Cell::Impossible(why) => Err(self.fault(m, now, state, event.name(), why)),
        }
    }

    /// Puts a forward behind those of its line that came earlier and are still waiting, if there are any.
    fn must_wait_in_line(&mut self, fabric: &mut Fabric, m: &Message, pending: Option<usize>, now: Cycle) -> bool {
        if let Some(o) = pending.map(|i| &mut self.outstanding[i]).filter(|o| !o.stalled.is_empty()) {
            o.stalled.push(*m);
            return true;
        }
        if self.again.is_empty() {
            return false;
        }
        self.again.retain(|(_, at)| *at > now);
        let earlier = self.again.iter().find(|(line, _)| *line == m.line);
        if let Some((_, at)) = earlier {
            fabric.hold_back(*m, *at);
        }
        earlier.is_some()
    }

    fn fault(&self, m: &Message, now: Cycle, state: CacheState, event: &str, why: &str) -> ProtocolFault {
        ProtocolFault::at(("private cache", self.place), m, now, (state.name(), event), why)
    }

    /// State and data of a line, if the cache has a copy that counts.
    pub(super) fn copy(&self, line: u64) -> Option<(CacheState, &LineData)> {
        let s = self.l2.find(line)?;
        let l = self.l2.get(s);
        Some((l.state, &l.data))
    }

    /// All lines present, with their states.
    pub(super) fn lines(&self) -> impl Iterator<Item = (u64, CacheState, &LineData)> {
        self.l2.iter().map(|(n, l)| (n, l.state, &l.data))
    }

    /// Lines with something outstanding, and their states.
    pub(super) fn outstanding(&self) -> impl Iterator<Item = (u64, CacheState)> {
        self.outstanding.iter().map(|o| (o.line, o.state))
    }
}
