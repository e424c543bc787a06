// SPDX-License-Identifier: MIT OR Apache-2.0
//! Interrupts: any that a core could take may land at any boundary, a bounded number in all.
//!
//! Who may interrupt whom is as in `interrupt-ctrl`: an NMI whatever runs but another NMI's handler; a maskable one if
//! the flag is set and every handler running ranks below it; a soft one if the flag is set and no handler runs. The flag is clear in
//! handlers, except soft ones. Landing before a micro-op that only the core itself can notice is the same as landing after it, so
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

    /// Whether something could still interrupt what the core does now.
    pub(super) fn interruptible(&self, state: &State, core: usize) -> bool {
        state.left > 0 && self.sources_of(core).iter().any(|s| self.may_land(state, core, s))
    }

    /// Whether a core executes anything any more.
    pub(super) fn goes_on(&self, state: &State, core: usize) -> bool {
        state.cores[core].runs() || (state.left > 0 && !self.sources_of(core).is_empty())
    }

    /// The states after a landing on this core.
    pub(super) fn landings(&self, state: &State, core: usize, out: &mut Vec<(Step, State)>) {
        let c = &state.cores[core];
        // Marks are glued to what is before them.
        if state.left == 0 || c.running().is_some_and(|x| self.program.is_mark(x.pc)) {
            return;
        }
        for (i, source) in self.sources_of(core).iter().enumerate() {
            if !self.may_land(state, core, source) {
                continue;
            }
            let mut next = state.clone();
            next.left -= 1;
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
                c.views.enter(handler.regs.len());
            }
            c.contexts.push(handler);
            out.push((Step::Land { core, source: i }, next));
        }
    }
}
