// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a private cache asks the homes for: misses, upgrades, operations, and lines nobody waits for yet.

use sim_core::ports::{Action, Port, Request};
use sim_core::program::LINE_BYTES;
use sim_core::time::Cycle;

use super::{Outstanding, PrivateCache, Slot, Waiting};
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
        let mut waiting = Waiting::new();
        if r.action != Action::PrefetchW {
            waiting.push((port, *r));
        }
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
            waiting: Waiting::new(),
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
        CacheAction::SendUpgr => Some(MessageKind::BusUpgr),
        _ => None,
    });
    kind.expect("an access that does not hit asks the home")
}

#[cfg(test)]
mod tests {
    use sim_core::asm::{Options, assemble};
    use sim_core::isa::Width;
    use sim_core::ports::{Access, Cause};
    use sim_core::program::Source;

    use super::*;
    use crate::protocol::Tables;
    use crate::timing::Numa;
    use crate::timing::message::{Message, Place};
    use crate::timing::private::Notice;
    use crate::timing::{Coherence, LineKinds, MemoryParams, Topology, WireParams};

    fn params() -> MemoryParams {
        MemoryParams {
            cores: 2,
            l1_sets: 1,
            l1_ways: 2,
            l1_hit: 1,
            l2_sets: 4,
            l2_ways: 4,
            l2_hit: 3,
            llc_sets: 4,
            llc_ways: 4,
            llc_tag: 2,
            llc_data: 5,
            snoop: 4,
            locked_rmw: 6,
            memory: 20,
            memory_interval: 0,
            control_bytes: 8,
            data_bytes: 72,
        }
    }

    fn message(kind: MessageKind, line: u64, value: u64) -> Message {
        Message {
            kind,
            src: Place(2),
            dst: Place(0),
            requester: Place(1),
            acks: 0,
            dirty: false,
            line,
            data: [value; 8],
            cause: Cause::default(),
            number: 0,
        }
    }

    /// The core of the writer that sent the Inv may have written line 6 after line 7: whoever reads the new line 6
    /// must not read the old line 7 behind it.
    #[test]
    fn a_load_behind_the_acknowledgement_of_an_inv_does_not_use_older_data() {
        let source = Source { name: "empty".into(), text: "proc main() {\n  ret\n}\n".into() };
        let kinds = LineKinds::of(&assemble(&[source], &Options::default()).expect("it assembles"));
        let mut fabric =
            Fabric::new(params(), Topology::ring(2, &WireParams::new(1, 32), true).into(), Numa::Hashed, kinds);
        let tables = Tables::by_name("mesi-silent").expect("it is listed");
        let coherence = Coherence { adjacent_line_prefetch: true, ..Coherence::of(tables) };
        let mut cache = PrivateCache::new(Place(0), params(), coherence);
        let load = |cache: &mut PrivateCache, fabric: &mut Fabric, line: u64, at| {
            let (addr, cause) = (line * LINE_BYTES, Cause::default());
            let request = Request { addr, width: Width::U64, action: Action::Load, cause };
            assert_eq!(cache.access(fabric, Port::Pipeline, &request, Cycle(at)), Access::Pending);
            cache.outstanding().collect::<Vec<_>>()
        };
        // Delivers a message; gives the values that the core gets.
        let tell = |cache: &mut PrivateCache, fabric: &mut Fabric, kind, line, value, at| -> Vec<u64> {
            let mut notices = Vec::new();
            let m = message(kind, line, value);
            cache.deliver(fabric, &m, Cycle(at), &mut notices).expect("the table has a cell");
            let completed = notices.into_iter().filter_map(|n| match n {
                Notice::Completed(_, done) => Some(done.value),
                Notice::Lost { .. } => None,
            });
            completed.collect()
        };
        let (c, f) = (&mut cache, &mut fabric);
        assert_eq!(load(c, f, 6, 10), [(6, CacheState::IS_D), (7, CacheState::IS_D)]);
        assert_eq!(tell(c, f, MessageKind::Inv, 7, 0, 20), []);
        assert_eq!(tell(c, f, MessageKind::Data, 6, 1, 30), [1]);
        assert_eq!(load(c, f, 7, 31), [(7, CacheState::IS_DI)]);
        assert_eq!(tell(c, f, MessageKind::Data, 7, 0, 40), [], "they are older than the store that sent the Inv");
        assert_eq!(c.outstanding().collect::<Vec<_>>(), [(7, CacheState::IS_D)], "it is asked for again");
        assert_eq!(tell(c, f, MessageKind::Data, 7, 1, 90), [1]);
        // One that waited before the Inv came is ordered before that store.
        load(c, f, 9, 100);
        assert_eq!(tell(c, f, MessageKind::Inv, 9, 0, 110), []);
        assert_eq!(tell(c, f, MessageKind::Data, 9, 5, 120), [5]);
        assert_eq!(c.hits.prefetches, 2);
    }
}
