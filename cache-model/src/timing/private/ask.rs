// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a private cache asks the homes for: misses, upgrades, operations, and lines nobody waits for yet.

use sim_core::ports::{Action, Port, Request};
use sim_core::program::LINE_BYTES;
use sim_core::time::Cycle;

use super::{Outstanding, PrivateCache, Slot};
use crate::protocol::{CacheAction, CacheEvent, CacheState, Cell};
use crate::timing::fabric::Fabric;
use crate::timing::message::{MessageKind, operation};

impl PrivateCache {
    /// Starts a miss or an upgrade: the table's `Alloc`, and the message it asks with.
    #[allow(clippy::too_many_arguments)] // A request, and what the table says of it.
    pub(super) fn request(
        &mut self,
        fabric: &mut Fabric,
        port: Port,
        r: &Request,
        now: Cycle,
        slot: Option<Slot>,
        kind: MessageKind,
        next: CacheState,
    ) {
        let line = r.addr / 64;
        let mut data = [0; 8];
        if let Some(s) = slot {
            let l = self.l2.get_mut(s);
            (l.state, data) = (next, l.data);
        }
        let waiting = if r.action == Action::PrefetchW { Vec::new() } else { vec![(port, *r)] };
        self.outstanding.push(Outstanding {
            line,
            state: next,
            data,
            acks: 0,
            waiting,
            stalled: Vec::new(),
            request: *r,
            prefetch: false,
            before_inv: 0,
        });
        if let (MessageKind::Atomic, Action::Rmw(f, operand, _)) = (kind, r.action) {
            data = operation(f, operand, r.addr, r.width);
        }
        self.send(fabric, kind, fabric.home_of(line), line, data, r, now.after(self.params.l2_hit), now);
    }

    /// Asks for a line to read that nobody waits for, unless the cache has it or has something outstanding for it.
    pub(super) fn prefetch(&mut self, fabric: &mut Fabric, number: u64, r: &Request, now: Cycle) {
        if self.l2.find(number).is_some() || self.outstanding.iter().any(|o| o.line == number) {
            return;
        }
        let Cell::Go(actions, next) = self.tables.cache_cell(CacheState::I, CacheEvent::Load) else {
            unreachable!("an absent line can be asked for");
        };
        self.hits.prefetches += 1;
        let request = Request { addr: number * LINE_BYTES, action: Action::Load, ..*r };
        let ready = now.after(self.params.l2_hit);
        self.send(fabric, asks(actions), fabric.home_of(number), number, [0; 8], &request, ready, now);
        self.outstanding.push(Outstanding {
            line: number,
            state: next,
            data: [0; 8],
            acks: 0,
            waiting: Vec::new(),
            stalled: Vec::new(),
            request,
            prefetch: true,
            before_inv: 0,
        });
    }
}

/// The message with which the table lets a miss or an upgrade ask the home.
pub(super) fn asks(actions: &[CacheAction]) -> MessageKind {
    let kind = actions.iter().find_map(|a| match a {
        CacheAction::SendGetS => Some(MessageKind::GetS),
        CacheAction::SendGetM => Some(MessageKind::GetM),
        CacheAction::SendUpgrade => Some(MessageKind::Upgrade),
        CacheAction::SendAtomic => Some(MessageKind::Atomic),
        _ => None,
    });
    kind.expect("an access that does not hit asks the home")
}
