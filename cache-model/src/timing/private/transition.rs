// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a private cache does about a message, action by action.

use sim_core::ports::{Access, Completion};
use sim_core::time::Cycle;

use super::{Notice, Outstanding, PrivateCache, Slot, Whereabouts};
use crate::protocol::{CacheAction, CacheState};
use crate::timing::fabric::Fabric;
use crate::timing::message::{LineData, Message, MessageKind};

impl PrivateCache {
    /// What the table says to do about a message, and the line's next state.
    pub(super) fn transition(
        &mut self,
        fabric: &mut Fabric,
        m: &Message,
        now: Cycle,
        at: Whereabouts,
        (actions, next): (&[CacheAction], CacheState),
        notices: &mut Vec<Notice>,
    ) {
        let (mut freed, mut installed, mut passing, mut slot) = (None, false, None, at.slot);
        for action in actions {
            match action {
                CacheAction::DataToReq
                | CacheAction::DataForwardToReq
                | CacheAction::DataToHome
                | CacheAction::AckToReq => {
                    self.answer(fabric, m, now, at, *action);
                }
                CacheAction::Fill => self.outstanding[at.pending()].data = m.data,
                CacheAction::ExpectAcks => self.outstanding[at.pending()].acks += i32::from(m.acks),
                CacheAction::CountAck => self.outstanding[at.pending()].acks -= 1,
                CacheAction::Complete => {
                    passing = self.install(fabric, m.line, at, next, now, notices);
                    installed = true;
                }
                CacheAction::CompleteOnce => self.use_once(m, at.pending(), now, notices),
                CacheAction::CompleteFar => {
                    // The access that began the request; those that came later ask again.
                    let (port, _) = self.outstanding[at.pending()].waiting.remove(0);
                    let [value, written, ..] = m.data;
                    let done = Completion { value, written: written == 1, at: now, first_level: false };
                    notices.push(Notice::Completed(port, done));
                }
                CacheAction::DropCopy => {
                    let mut taken = None;
                    if let Some(s) = slot.take() {
                        let line = self.l2.get(s);
                        taken = line.state.can_read().then_some(line.data);
                        if let Some(a) = &mut fabric.attribution {
                            a.taken(self.place, m.line, &m.cause);
                        }
                        self.drop_copy(m.line, s);
                    }
                    notices.push(Notice::Lost { line: m.line, taken });
                }
                CacheAction::Free => {
                    freed = Some(self.outstanding.swap_remove(at.pending()));
                }
                CacheAction::Hit
                | CacheAction::Alloc
                | CacheAction::SendGetS
                | CacheAction::SendGetM
                | CacheAction::SendUpgrade
                | CacheAction::SendAtomic
                | CacheAction::SendUpgr
                | CacheAction::SendPutS
                | CacheAction::SendPutE
                | CacheAction::SendPutM => unreachable!("{action:?} answers the core, not a message"),
            }
        }
        let pending = at.pending.filter(|_| freed.is_none());
        if next == CacheState::IS_DI
            && let Some(o) = pending.map(|i| &mut self.outstanding[i])
            && o.state != CacheState::IS_DI
        {
            o.before_inv = o.waiting.len();
        }
        // What waited for an exclusive line may have written it: then it is past `next` already.
        if !installed {
            if let Some(i) = pending {
                self.outstanding[i].state = next;
            }
            if let Some(s) = slot {
                let before = std::mem::replace(&mut self.l2.get_mut(s).state, next);
                if let Some(a) = &mut fabric.attribution
                    && before.can_write()
                    && !next.can_write()
                {
                    a.downgraded(self.place, m.line, &m.cause);
                }
            }
        }
        if let Some(o) = freed {
            if let Some(line) = passing {
                self.put(fabric, m.line, line, o.request, now);
            }
            self.release(fabric, o, now, notices);
        }
    }

    /// After an entry is freed: what was stalled arrives again, what still waits asks again.
    fn release(&mut self, fabric: &mut Fabric, o: Outstanding, now: Cycle, notices: &mut Vec<Notice>) {
        let held = self.l2.find(o.line).map_or(now, |s| self.l2.get(s).held_until.max(now));
        // In the next cycle at the earliest: this cycle's deliveries are being worked off.
        let at = held.max(now.after(1));
        if !o.stalled.is_empty() {
            self.again.push((o.line, at));
        }
        for m in o.stalled {
            fabric.hold_back(m, at);
        }
        for (port, r) in o.waiting {
            if let Access::Done(done) = self.access(fabric, port, &r, now) {
                notices.push(Notice::Completed(port, done));
            }
        }
    }

    fn line_data(&self, at: Whereabouts) -> (LineData, CacheState) {
        if let Some(o) = at.pending.map(|i| &self.outstanding[i]) {
            return (o.data, o.state);
        }
        let l = self.l2.get(at.slot.expect("only a present line is passed on"));
        (l.data, l.state)
    }

    fn answer(&mut self, fabric: &mut Fabric, m: &Message, now: Cycle, at: Whereabouts, action: CacheAction) {
        let home = fabric.home_of(m.line);
        let dst = if action == CacheAction::DataToHome { home } else { m.requester };
        let kind = match action {
            CacheAction::AckToReq => MessageKind::InvAck,
            _ if dst == home => MessageKind::DataToHome,
            CacheAction::DataForwardToReq => MessageKind::DataForward,
            _ => MessageKind::Data,
        };
        let (data, dirty) = if kind == MessageKind::InvAck {
            ([0; 8], false)
        } else {
            let (data, state) = self.line_data(at);
            (data, state.is_dirty())
        };
        let answer = Message {
            kind,
            src: self.place,
            dst,
            requester: m.requester,
            acks: if kind == MessageKind::Data { m.acks } else { 0 },
            dirty,
            line: m.line,
            data,
            cause: m.cause,
            number: 0,
        };
        fabric.send(answer, now.after(self.params.snoop), now);
    }

    /// Takes a line that is in this slot out of both levels.
    pub(super) fn drop_copy(&mut self, line: u64, slot: Slot) {
        if let Some(tag) = self.l1.find(line) {
            self.l1.remove(tag);
        }
        self.l2.remove(slot);
    }
}
