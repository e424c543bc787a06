// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory and store buffers: what a load can give, where a store goes.

use super::carried::Cx;
use super::step::has_unknown;
use super::unknown::is_unknown;
use super::weak::Read;
use super::{Buffered, Fault, Model, State, System};
use crate::isa::{Addr, Order, Width};
use crate::program::{GLOBAL_BASE, PERCPU_BASE};

/// What a core's own newest store has for a load.
enum Lookup {
    Miss,
    Forward(u64, usize),
    Wait,
}

impl System {
    pub(super) fn drain(&self, state: &mut State, core: usize, entry: usize) -> Result<(), Fault> {
        let b = state.cores[core].buffer.remove(entry);
        if self.model == Model::Weak {
            state.commit(core, b.addr, b.width, b.value, b.release);
            return Ok(());
        }
        self.put(state, core, b.addr, b.width, b.value)
    }

    /// Writes memory, unless that would make, or break up, a number that is not known.
    pub(super) fn put(&self, state: &mut State, core: usize, addr: u64, width: Width, value: u64) -> Result<(), Fault> {
        let word = |s: &State| s.read(addr & !7, Width::U64);
        let broken = width != Width::U64 && is_unknown(word(state));
        state.write(addr, width, value);
        if broken || (is_unknown(word(state)) && !is_unknown(value)) {
            let pc = state.cores[core].contexts.last().map_or(0, |c| c.pc);
            let what =
                format!("the eight bytes at {:#x} hold a number that depends on time, and something else", addr & !7);
            return Err(Fault { core, pc, what });
        }
        Ok(())
    }

    /// A store, whose address `addr` gives: to memory at once if it need not wait, else into the buffer.
    pub(super) fn put_store(
        &self,
        cx: &Cx,
        state: &mut State,
        core: usize,
        addr: &Addr,
        mut store: Buffered,
    ) -> Result<(), Fault> {
        let weak = self.model == Model::Weak;
        let addr_view = if weak { self.address_view(state, core, addr) } else { 0 };
        store.view = store.view.max(addr_view);
        if self.bypasses(cx, state, core, &store) {
            return self.put(state, core, store.addr, store.width, store.value);
        }
        let c = &mut state.cores[core];
        if weak {
            store.group = c.group;
            c.views.decide(addr_view);
        }
        c.buffer.push(store);
        Ok(())
    }

    /// A store that no other core ever sees need not wait in the buffer. On `weak` that goes for whole words, as versions do, and
    /// for a value and an address with no view above the core's floor: memory keeps no view for the loads that find it there.
    /// And not for a release: others see that what is before it is before the next acquire, wherever it writes.
    pub(super) fn bypasses(&self, cx: &Cx, state: &State, core: usize, store: &Buffered) -> bool {
        let (c, Buffered { addr, width, .. }) = (&state.cores[core], *store);
        let unseen = || !store.release && self.is_private(cx, core, addr) && store.view <= c.views.floor;
        (self.model != Model::Weak || unseen())
            && cx.access.is_of_core(core, addr, width)
            && !c.buffer.iter().any(|b| b.overlaps(addr, width))
    }

    /// No other core touches the word of an address.
    fn is_private(&self, cx: &Cx, core: usize, addr: u64) -> bool {
        cx.access.is_of_core(core, addr & !7, Width::U64)
    }

    /// What a load can give now; nothing if it has to wait.
    pub(super) fn reads(
        &self,
        state: &State,
        core: usize,
        addr: &Addr,
        width: Width,
        order: Order,
    ) -> Result<Vec<Read>, Fault> {
        let at = self.resolve(state, core, addr, width)?;
        let c = &state.cores[core];
        if self.model == Model::Sc && !c.buffer.is_empty() {
            return Ok(Vec::new());
        }
        let weak = self.model == Model::Weak;
        if weak && order == Order::Acquire && c.buffer.iter().any(|b| b.release) {
            return Ok(Vec::new());
        }
        let torn = |whole: u64| width != Width::U64 && is_unknown(whole);
        let forwards = |b: &Buffered| b.overlaps(at, width) && torn(b.value);
        if torn(state.read(at & !7, Width::U64)) || c.buffer.iter().any(forwards) {
            let pc = c.contexts.last().map_or(0, |c| c.pc);
            return Err(Fault { core, pc, what: "a part of a number that depends on time".to_owned() });
        }
        let bound = if weak { self.bound(state, core, order, self.address_view(state, core, addr)) } else { 0 };
        Ok(match lookup(&c.buffer, at, width) {
            Lookup::Miss if weak => state.reads(core, at, width, bound, order.is_acquire()),
            Lookup::Miss => vec![Read { value: state.read(at, width), ..Read::default() }],
            Lookup::Forward(value, i) => vec![Read { value, at: bound.max(c.buffer[i].view), began: None }],
            Lookup::Wait => Vec::new(),
        })
    }

    pub(super) fn resolve(&self, state: &State, core: usize, addr: &Addr, width: Width) -> Result<u64, Fault> {
        let context = state.cores[core].contexts.last().expect("a core that is not done has a context");
        let a = context.address(addr, core as u64, self.program.percpu_stride);
        let what = if has_unknown(context, addr) {
            "an address that depends on time".to_owned()
        } else if !a.is_multiple_of(width.bytes()) {
            format!("address {a:#x} is not aligned to {} bytes", width.bytes())
        } else if !self.is_mapped(a, state.cores.len() as u64) {
            format!("address {a:#x} belongs to no object")
        } else {
            return Ok(a);
        };
        Err(Fault { core, pc: context.pc, what })
    }

    fn is_mapped(&self, a: u64, cpus: u64) -> bool {
        if a >= PERCPU_BASE {
            a < PERCPU_BASE + cpus * self.program.percpu_stride
        } else {
            (GLOBAL_BASE..self.program.global_end()).contains(&a)
        }
    }
}

/// Looks for the newest entry that overlaps `width` bytes at `addr`.
fn lookup(buffer: &[Buffered], addr: u64, width: Width) -> Lookup {
    let end = addr + width.bytes();
    for (i, b) in buffer.iter().enumerate().rev() {
        if b.overlaps(addr, width) {
            if b.addr <= addr && end <= b.addr + b.width.bytes() {
                return Lookup::Forward((b.value >> (8 * (addr - b.addr))) & width.mask(), i);
            }
            return Lookup::Wait;
        }
    }
    Lookup::Miss
}
