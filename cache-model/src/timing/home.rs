// SPDX-License-Identifier: MIT OR Apache-2.0
//! A slice of the last level with the directory of its lines, in front of memory.

use sim_core::ports::Cause;
use sim_core::time::Cycle;

use super::array::{SetArray, Slot};
use super::coherence::Coherence;
use super::fabric::Fabric;
use super::message::{LineData, Message, MessageKind, Place};
use super::params::MemoryParams;
use super::private::ProtocolFault;
use super::sharers::Sharers;
use crate::protocol::{Cell, HomeAction, HomeEvent, HomeState, Tables};

/// A line in the slice.
#[derive(Clone, Debug)]
struct Line {
    state: HomeState,
    owner: Option<Place>,
    sharers: Sharers,
    data: LineData,
    /// Differs from memory.
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
    /// Requests for lines whose set has no way free yet, in order of arrival.
    no_way: Vec<Message>,
}

impl Home {
    pub(super) fn new(place: Place, params: MemoryParams, coherence: Coherence) -> Home {
        Home {
            place,
            params,
            tables: coherence.tables,
            lines: SetArray::new(
                params.llc_sets,
                params.llc_ways,
                coherence.llc,
                coherence.stream(place, "llc replacement"),
            ),
            no_way: Vec::new(),
        }
    }

    /// A message arrives.
    pub(super) fn deliver(&mut self, fabric: &mut Fabric, m: &Message, now: Cycle) -> Result<(), ProtocolFault> {
        let slot = self.lines.find(m.line);
        let line = slot.map(|s| self.lines.get(s));
        let state = line.map_or(HomeState::NP, |l| l.state);
        let from_owner = line.is_some_and(|l| l.owner == Some(m.src));
        let others = || line.is_some_and(|l| l.sharers.any_but(m.src));
        let event = match m.kind {
            MessageKind::GetS => HomeEvent::GetS,
            MessageKind::GetM => HomeEvent::of_get_m(state, from_owner),
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
                if state == HomeState::NP && actions.contains(&HomeAction::FetchMemory) {
                    return self.fetch(fabric, m, now, next);
                }
                self.transition(fabric, m, now, actions, next)
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
        let what = format!(
            "home {}: ({state}, {event}) at cycle {}, line {:#x}, from place {}: {why}",
            self.place.0,
            now.0,
            m.line * 64,
            m.src.0
        );
        ProtocolFault { what }
    }

    /// A request for a line that is not in the slice: finds a way, evicting if it must.
    fn fetch(&mut self, fabric: &mut Fabric, m: &Message, now: Cycle, next: HomeState) -> Result<(), ProtocolFault> {
        if !self.lines.has_room(m.line) && !self.way_is_coming(m.line) {
            let may_go = |_: u64, l: &Line| l.state.is_stable() && l.stalled.is_empty();
            if let Some((victim, slot)) = self.lines.victim(m.line, may_go) {
                self.lines.evicted(slot);
                self.evict(fabric, victim, slot, m.cause, now)?;
            }
        }
        if !self.lines.has_room(m.line) {
            self.no_way.push(*m);
            return Ok(());
        }
        let line = Line {
            state: next,
            owner: None,
            sharers: Sharers::default(),
            data: [0; 8],
            dirty: false,
            acks: 0,
            used: false,
            stalled: vec![*m],
        };
        self.lines.insert(m.line, line);
        self.send_to_memory(fabric, MessageKind::MemRead, m.line, [0; 8], m.cause, now);
        Ok(())
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
            Cell::Go(actions, next) => self.transition(fabric, &wish, now, actions, next),
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

    fn transition(
        &mut self,
        fabric: &mut Fabric,
        m: &Message,
        now: Cycle,
        actions: &[HomeAction],
        next: HomeState,
    ) -> Result<(), ProtocolFault> {
        let mut wake = Vec::new();
        let mut freed = false;
        for action in actions {
            if *action == HomeAction::FreeWay {
                let slot = self.lines.find(m.line).expect("only a present line frees its way");
                wake = std::mem::take(&mut self.lines.get_mut(slot).stalled);
                self.lines.remove(slot);
                freed = true;
            } else if *action == HomeAction::PutAck {
                self.reply(fabric, MessageKind::PutAck, m, m.src, m.src, 0, self.params.llc_tag, now);
            } else {
                self.act(fabric, m, now, *action);
            }
        }
        if let Some(slot) = self.lines.find(m.line) {
            if m.kind != MessageKind::MemData {
                if std::mem::replace(&mut self.lines.get_mut(slot).used, true) {
                    self.lines.touch(slot);
                } else {
                    self.lines.touch_first(slot);
                }
            }
            let line = self.lines.get_mut(slot);
            if line.state != next {
                line.state = next;
                wake = std::mem::take(&mut line.stalled);
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
        // A way is free, or a line has come to rest and can be evicted now.
        if freed || next.is_stable() {
            for waiting in std::mem::take(&mut self.no_way) {
                self.deliver(fabric, &waiting, now)?;
            }
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)] // The fields of a message, once.
    fn reply(
        &self,
        fabric: &mut Fabric,
        kind: MessageKind,
        m: &Message,
        dst: Place,
        requester: Place,
        acks: u32,
        latency: u64,
        now: Cycle,
    ) {
        let data = if kind.has_data() {
            self.lines.get(self.lines.find(m.line).expect("only a present line is sent")).data
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
    fn act(&mut self, fabric: &mut Fabric, m: &Message, now: Cycle, action: HomeAction) {
        use HomeAction::*;
        let slot = self.lines.find(m.line).expect("the table acts on present lines");
        let (tag, data) = (self.params.llc_tag, self.params.llc_data);
        let line = self.lines.get_mut(slot);
        match action {
            DataExclusiveToReq => self.reply(fabric, MessageKind::DataExclusive, m, m.src, m.src, 0, data, now),
            DataToReq => self.reply(fabric, MessageKind::Data, m, m.src, m.src, 0, data, now),
            DataForwardToReq => self.reply(fabric, MessageKind::DataForward, m, m.src, m.src, 0, data, now),
            DataWithAckCountToReq => {
                let others = line.sharers.count_but(m.src);
                self.reply(fabric, MessageKind::Data, m, m.src, m.src, others, data, now);
            }
            GrantToReq => {
                let others = line.sharers.count_but(m.src);
                self.reply(fabric, MessageKind::Grant, m, m.src, m.src, others, tag, now);
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
                let targets: Vec<Place> = line.sharers.iter().filter(|&s| all || s != m.src).collect();
                for t in targets {
                    self.reply(fabric, MessageKind::Inv, m, t, requester, 0, tag, now);
                }
            }
            ExpectSharerAcks => line.acks = line.sharers.count(),
            CountAck => line.acks -= 1,
            FwdGetSToOwner | FwdGetMToOwner | FwdGetMToOwnerForHome => {
                let owner = line.owner.expect("the table forwards to an owner that there is");
                let others = if action == FwdGetMToOwner { line.sharers.count_but(m.src) } else { 0 };
                let kind = if action == FwdGetSToOwner { MessageKind::FwdGetS } else { MessageKind::FwdGetM };
                let requester = if action == FwdGetMToOwnerForHome { self.place } else { m.src };
                self.reply(fabric, kind, m, owner, requester, others, tag, now);
            }
            TakeData => {
                line.data = m.data;
                line.dirty |= m.dirty;
            }
            FillSlice => (line.data, line.dirty) = (m.data, false),
            WriteBackIfDirty => {
                if line.dirty {
                    let data = line.data;
                    self.send_to_memory(fabric, MessageKind::MemWrite, m.line, data, m.cause, now);
                }
            }
            FetchMemory | Requeue | PutAck | FreeWay => unreachable!("handled before a line is looked up"),
            AwaitOwner | DropSlice => unreachable!("homes with a directory do neither"),
        }
    }

    /// What the home knows of a line: state, owner, sharers, data.
    pub(super) fn knows(&self, line: u64) -> Option<(HomeState, Option<Place>, &Sharers, &LineData)> {
        let l = self.lines.get(self.lines.find(line)?);
        Some((l.state, l.owner, &l.sharers, &l.data))
    }

    /// Lines present.
    pub(super) fn lines(&self) -> impl Iterator<Item = (u64, HomeState)> {
        self.lines.iter().map(|(n, l)| (n, l.state))
    }

    /// True if no request waits here.
    pub(super) fn is_idle(&self) -> bool {
        self.no_way.is_empty() && self.lines.iter().all(|(_, l)| l.stalled.is_empty() && l.state.is_stable())
    }
}
