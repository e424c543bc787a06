// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a core does together with the micro-op before it, because nobody else can see it.

use std::collections::BTreeSet;

use super::carried::Cx;
use super::weak::Read;
use super::{Buffered, Fault, Model, State, System};
use crate::isa::{Fence, MarkKind, Op, Order, Pc};

/// Micro-ops a core goes on through on its own in one step; at the next jump it makes a state. Never before a mark,
/// which goes with what is before it.
const LOCAL_MAX: usize = 4096;

impl System {
    /// Executes micro-ops of a core as long as no other core, and nothing that could interrupt it, can see or influence
    /// them: doing them at once leaves out no final state. Marks go with the micro-op before them in any case.
    pub(super) fn settle(&self, cx: &mut Cx, state: State, core: usize, out: &mut Vec<State>) -> Result<(), Fault> {
        let mut todo = vec![state];
        let mut left = LOCAL_MAX;
        let mut ways = Vec::new();
        // Where a loop of nothing else has been: there it makes a state, and is not gone through again.
        let mut been: BTreeSet<Vec<u8>> = BTreeSet::new();
        while let Some(mut state) = todo.pop() {
            loop {
                if !self.is_local(cx, &state, core)? {
                    out.push(state);
                    break;
                }
                let pc = state.cores[core].running().expect("it is local").pc;
                let op = &self.program.ops[pc as usize];
                if let Op::Jump { target } | Op::Branch { target, .. } = op
                    && (left == 0 || (*target <= pc && !been.insert(self.encoded(&state, core))))
                {
                    out.push(state);
                    break;
                }
                left = left.saturating_sub(1);
                if matches!(op, Op::Load { .. } | Op::LocalAdd { .. } | Op::Branch { .. }) {
                    self.execute(cx, &state, core, &mut ways)?;
                    debug_assert!(!ways.is_empty(), "what is local need not wait");
                    state = ways.remove(0);
                    todo.append(&mut ways);
                    continue;
                }
                self.issue(cx, &mut state, core, &Read::default())?;
                if self.is_news(&state, core, pc) {
                    out.push(state);
                    break;
                }
            }
        }
        Ok(())
    }

    fn encoded(&self, state: &State, core: usize) -> Vec<u8> {
        let mut key = Vec::new();
        state.cores[core].encode(self.model, &mut key);
        state.encode_memory(self.model, &mut key);
        key
    }

    /// Whether the mark just executed makes a state of its own: what it says has to be seen together with what
    /// others hold and want at this moment.
    fn is_news(&self, state: &State, core: usize, pc: Pc) -> bool {
        let Op::Mark(site) = self.program.ops[pc as usize] else { return false };
        let m = &self.program.marks[site as usize];
        let said = |c: &crate::exec::Context| m.guard.is_none_or(|(r, when)| (c.reg(r) != 0) == when);
        self.watch
            && matches!(m.kind, MarkKind::Attempt | MarkKind::Held | MarkKind::Found)
            && state.cores[core].running().is_some_and(said)
    }

    fn is_local(&self, cx: &mut Cx, state: &State, core: usize) -> Result<bool, Fault> {
        let c = &state.cores[core];
        let Some(context) = c.running() else { return Ok(false) };
        let (pc, kind) = (context.pc, context.kind);
        let op = &self.program.ops[pc as usize];
        if let Op::Mark(site) = *op {
            // The beginning of an attempt is a step of its own, so that newcomers can be kept out.
            return Ok(!self.watch || self.program.marks[site as usize].kind != MarkKind::Attempt);
        }
        if !self.merge_local {
            return Ok(false);
        }
        // Until then the core owns the lock, and what it has stored before can become visible: others must not see that only
        // when it owns the lock no more.
        if self.watch && cx.releases[pc as usize] {
            return Ok(false);
        }
        let quiet = !self.may_come(state, core);
        let open = !quiet && self.interruptible(state, core);
        let room = c.buffer.len() < self.store_buffer;
        // On `weak` others can also tell by the core's fences what is before a handler's stores, and what behind.
        if self.model == Model::Weak && open && self.orders_stores(cx, state, core)? {
            return Ok(false);
        }
        Ok(match op {
            Op::Rmw { .. } | Op::Halt | Op::Send { .. } => false,
            Op::IrqSave { .. } | Op::IrqRestore { .. } => quiet,
            Op::Ret { .. } => (quiet || !context.frames.is_empty()) && self.may_return(context, c.buffer.is_empty()),
            Op::Fence(Fence::Full) => c.buffer.is_empty(),
            Op::Load { addr, width, order, .. } if cx.access.used => {
                let at = self.resolve(state, core, addr, *width)?;
                cx.access.load_is_local(core, kind, open, at, *width)
                    && !self.reads(state, core, addr, *width, *order)?.is_empty()
            }
            Op::Load { .. } => false,
            Op::Store { addr, width, .. } => {
                let at = self.resolve(state, core, addr, *width)?;
                match self.model {
                    Model::Sc => c.buffer.is_empty() && cx.access.store_is_local(core, kind, open, at, *width),
                    // A buffered store is visible to its own core only. But whether it is before or behind what a handler
                    // stores, others can tell.
                    Model::Tso => room && (!open || cx.access.store_is_local(core, kind, open, at, *width)),
                    Model::Weak => room && (!open || cx.access.store_is_local(core, kind, open, at, *width)),
                }
            }
            Op::LocalAdd { addr, width, .. } if cx.access.used => {
                let at = self.resolve(state, core, addr, *width)?;
                let store = match self.model {
                    Model::Sc => c.buffer.is_empty() && cx.access.store_is_local(core, kind, open, at, *width),
                    _ => room && (!open || cx.access.store_is_local(core, kind, open, at, *width)),
                };
                store
                    && cx.access.load_is_local(core, kind, open, at, *width)
                    && !self.reads(state, core, addr, *width, Order::Relaxed)?.is_empty()
            }
            Op::LocalAdd { .. } => false,
            _ => true,
        })
    }

    /// `weak`: whether the next micro-op leaves something in the store buffer that stores of a handler would be before or behind. Loads and
    /// what bounds them need not be looked at: no load of a handler is before its interrupt anyhow.
    fn orders_stores(&self, cx: &Cx, state: &State, core: usize) -> Result<bool, Fault> {
        let c = &state.cores[core];
        let Some(context) = c.running() else { return Ok(false) };
        let views = &c.views;
        Ok(match self.program.ops[context.pc as usize] {
            // Unless it goes to memory and leaves no version behind.
            Op::Store { addr, width, value, order } => {
                let at = self.resolve(state, core, &addr, width)?;
                let view = views.operand(context, value).max(views.address(context, &addr));
                let (value, release) = (context.value(value), order == Order::Release);
                !self.bypasses(cx, state, core, &Buffered { addr: at, width, value, release, group: 0, view })
            }
            Op::LocalAdd { .. } => true,
            Op::Fence(Fence::Write | Fence::Release) => !c.buffer.is_empty(),
            _ => false,
        })
    }
}
