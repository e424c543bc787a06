// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines coming into a private cache and going out of it.

use sim_core::ports::{Action, Completion, Request};
use sim_core::time::Cycle;

use super::{Line, Notice, Outstanding, PrivateCache, Slot, Waiting, Whereabouts};
use crate::protocol::{CacheAction, CacheEvent, CacheState, Cell};
use crate::timing::fabric::Fabric;
use crate::timing::message::{Message, MessageKind};

impl PrivateCache {
    /// Gives the line a place in the first level.
    pub(super) fn fill_l1(&mut self, number: u64, slot: Slot) {
        if !self.l1.has_room(number) {
            let (_, victim) = self.l1.victim(number, |_, _| true).expect("a full set has a victim");
            self.l1.evicted(victim);
            self.l1.remove(victim);
        }
        self.l1.insert(number, slot);
    }

    /// The line has come in state `state`: puts it into the arrays and performs what waited for it.
    ///
    /// If every way of its set is in transition, the line is used where it is and handed back, to
    /// be evicted at once. It must not wait for a way: forwards for it wait as long, and two caches
    /// could each be waiting for an acknowledgement that the other one withholds.
    pub(super) fn install(
        &mut self,
        fabric: &mut Fabric,
        number: u64,
        at: Whereabouts,
        state: CacheState,
        now: Cycle,
        notices: &mut Vec<Notice>,
    ) -> Option<Line> {
        if let Some(a) = &mut fabric.attribution
            && at.slot.is_none()
        {
            a.came(self.place, number);
        }
        let place = self.place;
        let o = &mut self.outstanding[at.pending()];
        let mut line = Line { state, data: std::mem::take(&mut o.data), held_until: Cycle(0) };
        // Index by index, not drained: there is one nearly always, and it is a long one to move about.
        let mut i = 0;
        while i < o.waiting.len() {
            let (port, r) = o.waiting[i];
            if r.action != Action::Load && !state.can_write() {
                i += 1;
                continue;
            }
            o.waiting.remove(i);
            // The data are at the core when they arrive; only a locked access takes longer.
            let mut done = line.perform(&self.params, &r, now, 0, false);
            if r.action == Action::Load {
                done.at = now;
            } else {
                line.state = CacheState::M;
            }
            if let Some(a) = &mut fabric.attribution {
                a.used(place, &r, done.written);
            }
            notices.push(Notice::Completed(port, done));
        }
        o.state = line.state;
        let (wanted, request) = (!o.prefetch, o.request);
        let slot = match at.slot {
            Some(s) => {
                *self.l2.get_mut(s) = line;
                self.l2.touch(s);
                s
            }
            None if self.make_room(fabric, number, request, now, notices) => self.l2.insert(number, line),
            None => return Some(line),
        };
        if wanted && self.l1.find(number).is_none() {
            self.fill_l1(number, slot);
        }
        None
    }

    /// Lets the loads that waited for the line when its Inv was acknowledged use data that are not kept. Those that
    /// came later ask again.
    pub(super) fn use_once(&mut self, m: &Message, pending: usize, now: Cycle, notices: &mut Vec<Notice>) {
        let params = self.params;
        let mut line = Line { state: CacheState::I, data: m.data, held_until: Cycle(0) };
        let o = &mut self.outstanding[pending];
        let mut may = std::mem::take(&mut o.waiting);
        let later: Waiting = may.drain(o.before_inv..).collect();
        let (loads, still): (Waiting, Waiting) = may.into_iter().partition(|(_, r)| r.action == Action::Load);
        o.waiting = still.into_iter().chain(later).collect();
        for (port, r) in loads {
            let done = line.perform(&params, &r, now, 0, false);
            notices.push(Notice::Completed(port, Completion { at: now, ..done }));
        }
    }

    /// When a way can be had, if a locked access holds the only lines that could make room.
    pub(super) fn held_set(&self, number: u64, now: Cycle) -> Option<Cycle> {
        if self.l2.has_room(number) || self.evictable(number, now).is_some() {
            return None;
        }
        self.l2.victim(number, |_, l| l.state.is_stable()).map(|(_, s)| self.l2.get(s).held_until)
    }

    fn evictable(&self, number: u64, now: Cycle) -> Option<(u64, Slot)> {
        self.l2.victim(number, |_, l| l.state.is_stable() && l.held_until <= now)
    }

    /// Evicts a line of a full second-level set; false if none can go.
    fn make_room(
        &mut self,
        fabric: &mut Fabric,
        number: u64,
        request: Request,
        now: Cycle,
        notices: &mut Vec<Notice>,
    ) -> bool {
        if self.l2.has_room(number) {
            return true;
        }
        let Some((victim, slot)) = self.evictable(number, now) else { return false };
        let line = self.l2.get(slot).clone();
        self.l2.evicted(slot);
        self.drop_copy(victim, slot);
        notices.push(Notice::Lost { line: victim, taken: None });
        self.put(fabric, victim, line, request, now);
        true
    }

    /// Announces the eviction of a line that is in no array any more, and keeps it until the
    /// home has taken note; does neither if the table evicts it silently.
    pub(super) fn put(&mut self, fabric: &mut Fabric, number: u64, line: Line, request: Request, now: Cycle) {
        let Line { state, data, .. } = line;
        let Cell::Go(actions, next) = self.tables.cache_cell(state, CacheEvent::Evict) else {
            unreachable!("a stable line can be evicted");
        };
        let kind = actions.iter().find_map(|a| match a {
            CacheAction::SendPutS => Some(MessageKind::PutS),
            CacheAction::SendPutE => Some(MessageKind::PutE),
            CacheAction::SendPutM => Some(MessageKind::PutM),
            _ => None,
        });
        self.hits.evictions += 1;
        let Some(kind) = kind else { return };
        self.send(fabric, kind, fabric.home_of(number), number, data, &request, now.after(1), now);
        self.outstanding.push(Outstanding {
            line: number,
            state: next,
            data,
            acks: 0,
            waiting: Waiting::new(),
            stalled: Vec::new(),
            request,
            prefetch: false,
            before_inv: 0,
        });
    }
}
