// SPDX-License-Identifier: MIT OR Apache-2.0
//! Interrupts: any that a core could take may land at any boundary, a bounded number in all.
//!
//! Who may interrupt whom is as in `interrupt-ctrl`: an NMI whatever runs but another NMI's handler; a maskable one if
//! the flag is set and every handler running ranks below it; a soft one if the flag is set and no handler runs. The flag is clear in
//! handlers, except soft ones. One that is only sent ([`Source::number`]) lands at any boundary behind the send, and is not among the bounded number. What
//! is sent to a core and has not landed is kept with memory: sends of one source that are on their way together may become one, and more than
//! [`SENT_MAX`] do.
//!
//! Landing before a micro-op that only the core itself can notice is the same as landing after it, so
//! with [`System::merge_local`] landings are only at the boundaries where the core's steps begin.

use super::{Model, State, Step, System};
use crate::exec::Context;
use crate::isa::{ContextKind, Op};

/// A kind of interrupt a core can get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// Kind of its handler.
    pub kind: ContextKind,
    /// Importance: a maskable interrupt is taken if all handlers running have a lower one.
    pub rank: u16,
    /// The handler, as an index into the program's procedures.
    pub handler: u16,
    /// It comes only when a program sends this number.
    pub number: Option<u64>,
}

/// Most interrupts of one source that are on their way to a core and can still land one by one.
pub const SENT_MAX: u8 = 2;

/// Interrupts on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sent {
    pub(super) core: u8,
    /// Which of the core's [`System::sources`].
    pub(super) source: u8,
    /// How many, from 1 to [`SENT_MAX`].
    pub(super) count: u8,
}

impl State {
    /// Sends an interrupt to a core that has a source of this number; others take no notice.
    pub(super) fn send(&mut self, system: &System, core: usize, number: u64) {
        let Some(source) = system.sources_of(core).iter().position(|s| s.number == Some(number)) else { return };
        let (core, source) = (core as u8, source as u8);
        match self.sent.binary_search_by_key(&(core, source), |s| (s.core, s.source)) {
            Ok(i) => self.sent[i].count = (self.sent[i].count + 1).min(SENT_MAX),
            Err(i) => self.sent.insert(i, Sent { core, source, count: 1 }),
        }
    }

    /// Those of a source on their way to a core.
    fn on_the_way(&self, core: usize, source: usize) -> u8 {
        let place = self.sent.iter().find(|s| (usize::from(s.core), usize::from(s.source)) == (core, source));
        place.map_or(0, |s| s.count)
    }

    fn leave_on_the_way(&mut self, core: usize, source: usize, count: u8) {
        let place = |s: &Sent| (usize::from(s.core), usize::from(s.source)) == (core, source);
        self.sent.iter_mut().filter(|s| place(s)).for_each(|s| s.count = count);
        self.sent.retain(|s| s.count > 0);
    }
}

impl System {
    fn sources_of(&self, core: usize) -> &[Source] {
        self.sources.get(core).map_or(&[], Vec::as_slice)
    }

    fn may_land(&self, state: &State, core: usize, source: &Source) -> bool {
        let c = &state.cores[core];
        match source.kind {
            ContextKind::Nmi => c.contexts.iter().all(|x| x.kind != ContextKind::Nmi),
            ContextKind::Hardirq => c.irq_enabled && c.handlers.iter().all(|h| h.rank < source.rank),
            ContextKind::Softirq => c.irq_enabled && c.handlers.is_empty(),
            ContextKind::Task => false,
        }
    }

    /// Whether an interrupt may come to a core at some time.
    pub(super) fn may_come(&self, state: &State, core: usize) -> bool {
        self.sources_of(core).iter().any(|s| state.left > 0 || s.number.is_some())
    }

    /// Whether something could still interrupt what the core does now: others may send at any time.
    pub(super) fn interruptible(&self, state: &State, core: usize) -> bool {
        let comes = |s: &Source| state.left > 0 || s.number.is_some();
        self.sources_of(core).iter().any(|s| comes(s) && self.may_land(state, core, s))
    }

    /// Whether a core executes anything any more.
    pub(super) fn goes_on(&self, state: &State, core: usize) -> bool {
        state.cores[core].runs() || self.may_come(state, core)
    }

    /// The states after a landing on this core.
    pub(super) fn landings(&self, state: &State, core: usize, out: &mut Vec<(Step, State)>) {
        let c = &state.cores[core];
        // Marks are glued to what is before them.
        if c.running().is_some_and(|x| self.program.is_mark(x.pc)) {
            return;
        }
        for (i, source) in self.sources_of(core).iter().enumerate() {
            if !self.may_land(state, core, source) {
                continue;
            }
            let mut next = state.clone();
            // Of several on the way together some may have become one.
            let ways = match source.number {
                Some(_) => 0..state.on_the_way(core, i),
                None => 0..state.left.min(1),
            };
            if ways.is_empty() {
                continue;
            }
            next.left -= u8::from(source.number.is_none());
            let now = next.now;
            let c = &mut next.cores[core];
            // What halts goes on behind the halt when the handler returns.
            if let Some(x) = c.contexts.last_mut().filter(|_| !c.done || !c.handlers.is_empty())
                && self.program.ops[x.pc as usize] == Op::Halt
            {
                x.pc += 1;
            }
            c.handlers.push(super::Handler { flag: c.irq_enabled, rank: source.rank });
            c.irq_enabled = source.kind == ContextKind::Softirq;
            let handler = Context::at_entry(&self.program, source.handler, source.kind);
            if self.model == Model::Weak {
                c.views.enter(handler.regs.len(), now);
            }
            c.contexts.push(handler);
            for count in ways {
                let mut next = next.clone();
                next.leave_on_the_way(core, i, count);
                out.push((Step::Land { core, source: i }, next));
            }
        }
    }
}
