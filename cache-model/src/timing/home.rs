// SPDX-License-Identifier: MIT OR Apache-2.0
//! A slice of the last level with the directory of its lines, in front of memory.
//!
//! Entries of the directory and data are in one array, or each in one of their own (`noninclusive` tables). Then a
//! line has an entry only while caches have copies of it or something is under way, and data or not.

mod data;
mod recur;

use sim_core::ports::Cause;
use sim_core::time::Cycle;

use super::array::{SetArray, Slot};
use super::coherence::{Coherence, stream};
use super::fabric::Fabric;
use super::message::{LineData, Message, MessageKind, Network, Place};
use super::params::MemoryParams;
use super::private::ProtocolFault;
use super::sharers::Sharers;
use crate::protocol::{Cell, HomeAction, HomeEvent, HomeState, Tables};
use data::Datum;

/// Names of the random numbers of the two arrays.
const LINES: &str = "llc replacement";
const DATA: &str = "llc data replacement";

/// A line in the slice, or an entry of its directory.
#[derive(Clone, Debug)]
struct Line {
    state: HomeState,
    owner: Option<Place>,
    sharers: Sharers,
    /// Of no meaning if the data have an array of their own.
    data: LineData,
    /// Differs from memory; as `data`.
    dirty: bool,
    /// Acknowledgements of a recall that are missing.
    acks: u32,
    /// The request for which it was fetched has been answered.
    used: bool,
    /// Requests the table stalls, in order of arrival.
    stalled: Vec<Message>,
}

/// One slice.
#[derive(Clone, Debug)]
pub(super) struct Home {
    place: Place,
    params: MemoryParams,
    tables: &'static Tables,
    lines: SetArray<Line>,
    /// The data, if they have an array of their own.
    ways: Option<SetArray<Datum>>,
    /// Requests for lines whose set has no way free yet, in order of arrival.
    no_way: Vec<Message>,
    /// Operations that the slice is executing. Empty nearly always.
    operations: Vec<Operation>,
}

/// An operation that a slice executes, or has executed while requests for its line came.
#[derive(Clone, Debug)]
struct Operation {
    line: u64,
    until: Cycle,
    /// Sender and number of the request that arrives again then, if one has come meanwhile.
    next: Option<(Place, u32)>,
    /// Those behind it, in order of arrival.
    waiting: Vec<Message>,
}

impl Home {
    pub(super) fn new(place: Place, params: MemoryParams, coherence: Coherence) -> Home {
        let llc = (params.llc_sets, params.llc_ways);
        let array = |(sets, ways): (u64, usize), of| (sets, ways, coherence.llc, coherence.stream(place, of));
        let own = coherence.tables.noninclusive.then(|| array(llc, DATA));
        let (sets, ways, policy, stream) = match own {
            Some(_) => array(coherence.directory.unwrap_or(llc), LINES),
            None => array(llc, LINES),
        };
        Home {
            place,
            params,
            tables: coherence.tables,
            lines: SetArray::new(sets, ways, policy, stream),
            ways: own.map(|(sets, ways, policy, stream)| SetArray::new(sets, ways, policy, stream)),
            no_way: Vec::new(),
            operations: Vec::new(),
        }
    }

    /// As [`Home::new`] with this seed left it.
    pub(super) fn reset(&mut self, seed: u64) {
        let Home { place, params: _, tables: _, lines, ways, no_way, operations } = self;
        lines.reset(stream(seed, *place, LINES));
        if let Some(ways) = ways {
            ways.reset(stream(seed, *place, DATA));
        }
        no_way.clear();
        operations.clear();
    }

    /// Lets a request wait, in order of arrival, for the end of an operation that the slice executes on the same line,
    /// if there is one. A request whose turn it is comes with those behind it.
    fn waits_for_operation(&mut self, fabric: &mut Fabric, m: &Message, now: Cycle) -> Option<Vec<Message>> {
        if self.operations.is_empty() || m.kind.network() != Network::Request {
            return Some(Vec::new());
        }
        self.operations.retain(|o| o.until > now || o.next.is_some());
        let Some(i) = self.operations.iter().position(|o| o.line == m.line) else { return Some(Vec::new()) };
        let o = &mut self.operations[i];
        let id = (m.src, m.number);
        if o.until <= now && o.next.is_none_or(|next| next == id) {
            return Some(self.operations.swap_remove(i).waiting);
        }
        if o.next.is_none() {
            o.next = Some(id);
            fabric.hold_back(*m, o.until);
        } else {
            o.waiting.push(*m);
        }
        None
    }

    /// A message arrives.
    pub(super) fn deliver(&mut self, fabric: &mut Fabric, m: &Message, now: Cycle) -> Result<(), ProtocolFault> {
        let Some(behind) = self.waits_for_operation(fabric, m, now) else { return Ok(()) };
        self.receive(fabric, m, now)?;
        // They wait again if this was one more operation.
        for waiting in behind {
            self.deliver(fabric, &waiting, now)?;
        }
        Ok(())
    }

    /// A message whose turn it is.
    fn receive(&mut self, fabric: &mut Fabric, m: &Message, now: Cycle) -> Result<(), ProtocolFault> {
        let slot = self.lines.find(m.line);
        let line = slot.map(|s| self.lines.get(s));
        let state = self.state_at(slot, m.line);
        let from_owner = line.is_some_and(|l| l.owner == Some(m.src));
        let others = || line.is_some_and(|l| l.sharers.any_but(m.src));
        let event = match m.kind {
            MessageKind::GetS => HomeEvent::of_get_s(state, self.has_data(m.line)),
            MessageKind::GetM => HomeEvent::of_get_m(state, from_owner, self.has_data(m.line)),
            MessageKind::Atomic => HomeEvent::of_atomic(
                line.is_some_and(|l| l.owner.is_some()),
                line.is_some_and(|l| l.sharers.count() > 0),
            ),
            MessageKind::Upgrade => {
                let listed = line.is_some_and(|l| l.sharers.has(m.src));
                HomeEvent::of_upgrade(state, from_owner, listed, self.has_data(m.line))
            }
            MessageKind::PutS => HomeEvent::of_put_s(from_owner, others()),
            MessageKind::PutM => HomeEvent::of_put_m(from_owner, others()),
            MessageKind::PutE => HomeEvent::of_put_e(from_owner, others()),
            MessageKind::DataToHome => HomeEvent::Data,
            MessageKind::MemData => HomeEvent::MemData,
            MessageKind::InvAck => HomeEvent::of_inv_ack(line.map_or(0, |l| l.acks)),
            other => return Err(self.fault(m, now, state, other.name(), "homes receive no such message")),
        };
        match self.tables.home_cell(state, event) {
            Cell::Go(actions, next) => {
                let mut slot = slot;
                if slot.is_none() && !matches!(next, HomeState::NP | HomeState::I) {
                    slot = self.enter(fabric, m, now, state)?;
                    if slot.is_none() {
                        return Ok(());
                    }
                }
                self.transition(fabric, m, now, (slot, state), actions, next)
            }
            Cell::Stall => {
                let slot = slot.expect("only a present line stalls");
                self.lines.get_mut(slot).stalled.push(*m);
                Ok(())
            }
            Cell::Impossible(why) => Err(self.fault(m, now, state, event.name(), why)),
        }
    }

    fn fault(&self, m: &Message, now: Cycle, state: HomeState, event: &str, why: &str) -> ProtocolFault {
        ProtocolFault::at(("home", self.place), m, now, (state.name(), event), why)
    }

    /// A request for a line without an entry, in `state`: makes one, evicting if it must; `None` if the request has
    /// to wait for it.
    fn enter(
        &mut self,
        fabric: &mut Fabric,
        m: &Message,
        now: Cycle,
        state: HomeState,
    ) -> Result<Option<Slot>, ProtocolFault> {
        if !self.lines.has_room(m.line) && !self.way_is_coming(m.line) {
            let may_go = |_: u64, l: &Line| l.state.is_stable() && l.stalled.is_empty();
            if let Some((victim, slot)) = self.lines.victim(m.line, may_go) {
                self.lines.evicted(slot);
                self.evict(fabric, victim, slot, m.cause, now)?;
            }
        }
        if !self.lines.has_room(m.line) {
            self.no_way.push(*m);
            return Ok(None);
        }
        let line = Line {
            state,
            owner: None,
            sharers: Sharers::default(),
            data: [0; 8],
            dirty: false,
            acks: 0,
            used: false,
            stalled: Vec::new(),
        };
        Ok(Some(self.lines.insert(m.line, line)))
    }

    /// True if the recalls under way in the line's set free a way for it: it must not recall
    /// another line each time it is looked at again.
    fn way_is_coming(&self, line: u64) -> bool {
        let same_set = |m: &&Message| self.lines.same_set(m.line, line);
        let mut wanting: Vec<u64> = self.no_way.iter().filter(same_set).map(|m| m.line).collect();
        wanting.sort_unstable();
        wanting.dedup();
        let ahead = wanting.iter().filter(|&&l| l != line).count();
        let recalled = |l: &&Line| l.state.is_recall();
        self.lines.set(line).filter(recalled).count() > ahead
    }

    /// Takes a line out of the slice, calling back private copies first if there are any.
    fn evict(
        &mut self,
        fabric: &mut Fabric,
        victim: u64,
        slot: Slot,
        cause: Cause,
        now: Cycle,
    ) -> Result<(), ProtocolFault> {
        let line = self.lines.get(slot);
        let event = HomeEvent::of_evict(line.owner.is_some(), line.sharers.count() > 0);
        // Stands for the slice's own wish; nothing is sent by this name.
        let wish = Message {
            kind: MessageKind::Inv,
            src: self.place,
            dst: self.place,
            requester: self.place,
            acks: 0,
            dirty: false,
            line: victim,
            data: [0; 8],
            cause,
            number: 0,
        };
        match self.tables.home_cell(line.state, event) {
            Cell::Go(actions, next) => self.transition(fabric, &wish, now, (Some(slot), line.state), actions, next),
            Cell::Stall => Ok(()),
            Cell::Impossible(why) => Err(self.fault(&wish, now, line.state, event.name(), why)),
        }
    }

    fn send_to_memory(
        &mut self,
        fabric: &mut Fabric,
        kind: MessageKind,
        line: u64,
        data: LineData,
        cause: Cause,
        now: Cycle,
    ) {
        let m = Message {
            kind,
            src: self.place,
            dst: fabric.memory_of(line),
            requester: self.place,
            acks: 0,
            dirty: false,
            line,
            data,
            cause,
            number: 0,
        };
        fabric.send_to_memory(m, now.after(self.params.llc_tag), now);
    }

    /// What the table says to do about a message for a line whose entry is in `slot` if it has one, and its next state.
    fn transition(
        &mut self,
        fabric: &mut Fabric,
        m: &Message,
        now: Cycle,
        (mut slot, was): (Option<Slot>, HomeState),
        actions: &[HomeAction],
        next: HomeState,
    ) -> Result<(), ProtocolFault> {
        let mut wake = Vec::new();
        let mut freed = false;
        let mut old = [0; 8];
        for action in actions {
            match action {
                HomeAction::FreeWay => {
                    wake = self.free(slot.take());
                    freed = true;
                }
                HomeAction::PutAck => {
                    self.reply(fabric, (MessageKind::PutAck, None), m, m.src, m.src, 0, self.params.llc_tag, now);
                }
                HomeAction::FetchMemory => {
                    self.send_to_memory(fabric, MessageKind::MemRead, m.line, [0; 8], m.cause, now);
                }
                HomeAction::TakeData => {
                    let dirty = m.dirty || self.data(m.line).is_some_and(|(_, dirty)| dirty);
                    self.put_data(fabric, m, dirty, now)?;
                }
                HomeAction::FillSlice => self.put_data(fabric, m, false, now)?,
                HomeAction::WriteBackIfDirty => self.write_back(fabric, m.line, m.cause, now),
                HomeAction::PerformAtomic => old = self.perform(m),
                HomeAction::AtomicDataToReq => {
                    let (kind, ready) = (MessageKind::AtomicData, now.after(self.params.llc_data));
                    self.operations.push(Operation { line: m.line, until: ready, next: None, waiting: Vec::new() });
                    let answer = Message { kind, src: self.place, dst: m.src, data: old, ..*m };
                    fabric.send(answer, ready, now);
                }
                HomeAction::Requeue => {} // Below, where the line is in its next state.
                _ => self.act(fabric, m, now, slot.expect("the table acts on present lines"), *action),
            }
        }
        if let Some(here) = slot {
            let requeued = actions.contains(&HomeAction::Requeue);
            if m.kind != MessageKind::MemData && !requeued {
                if std::mem::replace(&mut self.lines.get_mut(here).used, true) {
                    self.lines.touch(here);
                } else {
                    self.lines.touch_first(here);
                }
            }
            let line = self.lines.get_mut(here);
            if line.state != next {
                line.state = next;
                wake = std::mem::take(&mut line.stalled);
            }
            if requeued {
                let waiting = if next.is_stable() { &mut wake } else { &mut line.stalled };
                waiting.push(*m);
            }
            // A line without copies needs no entry; one that was recalled gives it up before it is wanted again.
            if was.is_recall() && self.is_spare(m.line) {
                wake.append(&mut self.free(Some(here)));
                freed = true;
            }
        }
        // A free way goes to those that wait for one; what the line that left it had stalled comes
        // behind them, else a line that is always wanted would keep its way for ever.
        if freed {
            self.no_way.append(&mut wake);
        }
        for stalled in wake {
            self.deliver(fabric, &stalled, now)?;
        }
        if self.is_spare(m.line) {
            self.free(self.lines.find(m.line));
            freed = true;
        }
        // A way is free, or a line has come to rest and can be evicted now.
        if freed || next.is_stable() {
            for waiting in std::mem::take(&mut self.no_way) {
                self.deliver(fabric, &waiting, now)?;
            }
        }
        Ok(())
    }

    /// Takes the line's entry out; gives the requests that were stalled.
    fn free(&mut self, slot: Option<Slot>) -> Vec<Message> {
        self.lines.remove(slot.expect("only a present line frees its way")).stalled
    }

    /// The line has an entry that it does not need: no copies, nothing under way, and data elsewhere.
    fn is_spare(&self, line: u64) -> bool {
        let spare = |l: &Line| l.state == HomeState::I && l.stalled.is_empty();
        self.ways.is_some() && self.lines.find(line).is_some_and(|s| spare(self.lines.get(s)))
    }

    #[allow(clippy::too_many_arguments)] // The fields of a message, once.
    fn reply(
        &self,
        fabric: &mut Fabric,
        (kind, slot): (MessageKind, Option<Slot>),
        m: &Message,
        dst: Place,
        requester: Place,
        acks: u32,
        latency: u64,
        now: Cycle,
    ) {
        let data = if kind.has_data() {
            *self.data_at(slot, m.line).expect("only data that there are are sent").0
        } else {
            [0; 8]
        };
        let reply = Message {
            kind,
            src: self.place,
            dst,
            requester,
            acks: acks as u16,
            dirty: false,
            line: m.line,
            data,
            cause: m.cause,
            number: 0,
        };
        fabric.send(reply, now.after(latency), now);
    }

    /// Actions on a present line.
    fn act(&mut self, fabric: &mut Fabric, m: &Message, now: Cycle, slot: Slot, action: HomeAction) {
        use HomeAction::*;
        let (tag, data) = (self.params.llc_tag, self.params.llc_data);
        let line = self.lines.get_mut(slot);
        match action {
            DataExclusiveToReq => {
                self.reply(fabric, (MessageKind::DataExclusive, Some(slot)), m, m.src, m.src, 0, data, now)
            }
            DataToReq => self.reply(fabric, (MessageKind::Data, Some(slot)), m, m.src, m.src, 0, data, now),
            DataForwardToReq => {
                self.reply(fabric, (MessageKind::DataForward, Some(slot)), m, m.src, m.src, 0, data, now)
            }
            DataWithAckCountToReq => {
                let others = line.sharers.count_but(m.src);
                self.reply(fabric, (MessageKind::Data, Some(slot)), m, m.src, m.src, others, data, now);
            }
            GrantToReq => {
                let others = line.sharers.count_but(m.src);
                self.reply(fabric, (MessageKind::Grant, Some(slot)), m, m.src, m.src, others, tag, now);
            }
            AddOwner => line.sharers.add(line.owner.expect("the table adds an owner that there is")),
            AddSharer => line.sharers.add(m.src),
            DropSharer => line.sharers.remove(m.src),
            ClearSharers => line.sharers.clear(),
            SharersAreReqAndOwner => {
                line.sharers.clear();
                line.sharers.add(m.src);
                if let Some(o) = line.owner {
                    line.sharers.add(o);
                }
            }
            SetOwner => line.owner = Some(m.src),
            ClearOwner => line.owner = None,
            InvOtherSharers | InvSharersAckHome => {
                let (all, requester) = if action == InvSharersAckHome { (true, self.place) } else { (false, m.src) };
                let sharers = line.sharers.clone();
                for t in sharers.iter().filter(|&s| all || s != m.src) {
                    self.reply(fabric, (MessageKind::Inv, Some(slot)), m, t, requester, 0, tag, now);
                }
            }
            ExpectSharerAcks => line.acks = line.sharers.count(),
            CountAck => line.acks -= 1,
            FwdGetSToOwner | FwdGetMToOwner | FwdGetMToOwnerForHome => {
                let owner = line.owner.expect("the table forwards to an owner that there is");
                let others = if action == FwdGetMToOwner { line.sharers.count_but(m.src) } else { 0 };
                let kind = if action == FwdGetSToOwner { MessageKind::FwdGetS } else { MessageKind::FwdGetM };
                let requester = if action == FwdGetMToOwnerForHome { self.place } else { m.src };
                self.reply(fabric, (kind, Some(slot)), m, owner, requester, others, tag, now);
            }
            TakeData | FillSlice | WriteBackIfDirty | FetchMemory | Requeue | PutAck | FreeWay | PerformAtomic
            | AtomicDataToReq => {
                unreachable!("handled before a line is looked up")
            }
            AwaitOwner | DropSlice => unreachable!("homes with a directory do neither"),
            DropData => unreachable!("data are evicted on their own"),
        }
        if matches!(action, DataExclusiveToReq | DataToReq | DataForwardToReq | DataWithAckCountToReq) {
            self.touch_data(m.line);
        }
    }

    /// What the directory knows of a line: owner and sharers.
    pub(super) fn knows(&self, line: u64) -> Option<(Option<Place>, &Sharers)> {
        let l = self.lines.get(self.lines.find(line)?);
        Some((l.owner, &l.sharers))
    }

    /// The slice's copy of a line.
    pub(super) fn copy(&self, line: u64) -> Option<&LineData> {
        self.data(line).map(|(data, _)| data)
    }

    /// Lines with an entry in the directory.
    pub(super) fn lines(&self) -> impl Iterator<Item = u64> {
        self.lines.iter().map(|(n, _)| n)
    }

    /// Messages about a line that wait here, in order of arrival: for its state, then for a way.
    pub(super) fn waiting(&self, line: u64) -> impl Iterator<Item = &Message> {
        let stalled = self.lines.find(line).map(|s| &self.lines.get(s).stalled);
        let behind = self.operations.iter().flat_map(|o| &o.waiting);
        stalled.into_iter().flatten().chain(self.no_way.iter().chain(behind).filter(move |m| m.line == line))
    }

    /// True if no request waits here.
    pub(super) fn is_idle(&self) -> bool {
        self.no_way.is_empty()
            && self.operations.iter().all(|o| o.next.is_none())
            && self.lines.iter().all(|(_, l)| l.stalled.is_empty() && l.state.is_stable())
    }
}
