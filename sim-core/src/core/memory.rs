// SPDX-License-Identifier: MIT OR Apache-2.0
//! A core's accesses: loads and read-modify-writes of the pipeline, stores through the buffer.

use super::store_buffer::{Entry, Lookup};
use super::weak::line_of;
use super::{Core, Env, MemoryModel, State};
use crate::isa::{Addr, Op, Operand, Order, Width};
use crate::ports::{Access, Action, Completion, InterruptPort, MemoryPort, Port, Probe, Request};
use crate::time::Cycle;

impl Core {
    /// A pending request was performed at `at` (an event of its own).
    pub fn complete<M: MemoryPort, I: InterruptPort, P: Probe>(
        &mut self,
        env: &mut Env<'_, M, I, P>,
        port: Port,
        done: &Completion,
        at: Cycle,
    ) {
        match port {
            Port::Drain => {
                let i = self.stores.pending().expect("only a store that was asked for completes");
                self.store_written(env, i, done.at);
            }
            Port::Pipeline => {
                self.state = State::Ready;
                self.forget_stale(env);
                self.finish_access(env, done, at);
            }
        }
    }

    /// The `i`-th oldest store is in the cache; the next can go from `next` on.
    fn store_written<M: MemoryPort, I, P>(&mut self, env: &Env<'_, M, I, P>, i: usize, next: Cycle) {
        if let Some(e) = self.stores.remove(i) {
            self.stale.drop_line(e.addr);
        }
        self.write_port_free = self.write_port_free.max(next);
        self.arm_drain(env);
        if self.state == State::WaitStoreBuffer {
            self.state = State::Ready;
            self.now = self.now.max(next);
        }
    }

    /// The store to write next, among those that can go now.
    fn next_store<M: MemoryPort, I, P>(&self, env: &Env<'_, M, I, P>) -> Option<usize> {
        self.stores.next(!env.params.model.is_weak(), |a| env.mem.is_writable(self.id, a))
    }

    /// Sets when the next store is tried.
    pub(super) fn arm_drain<M: MemoryPort, I, P>(&mut self, env: &Env<'_, M, I, P>) {
        let next = self.next_store(env).map(|i| self.stores.get(i).ready.max(self.write_port_free));
        self.drain_at = next.unwrap_or(Cycle::NEVER);
    }

    pub(super) fn drain<M: MemoryPort, I: InterruptPort, P: Probe>(&mut self, env: &mut Env<'_, M, I, P>) {
        let at = self.drain_at;
        let Some(i) = self.next_store(env) else {
            self.drain_at = Cycle::NEVER;
            return;
        };
        let e = self.stores.get(i);
        let request = Request { addr: e.addr, width: e.width, action: Action::Store(e.value), cause: e.cause };
        match env.mem.access(self.id, Port::Drain, &request, at) {
            Access::Done(done) => self.store_written(env, i, done.at),
            Access::Pending => {
                self.stores.set_pending(i);
                // A `weak` core tries the next in the next cycle; in order nothing can go before this one.
                self.write_port_free = self.write_port_free.max(at.after(1));
                self.arm_drain(env);
            }
        }
    }

    /// True if the store buffer is empty; otherwise the micro-op waits and is tried again.
    pub(super) fn drained(&mut self) -> bool {
        if self.stores.is_empty() {
            return true;
        }
        self.wait_store_buffer();
        false
    }

    pub(super) fn wait_store_buffer(&mut self) {
        self.retired -= 1;
        self.state = State::WaitStoreBuffer;
    }

    /// True if a store can be buffered; otherwise the micro-op waits and is tried again.
    pub(super) fn store_room<M, I, P>(&mut self, env: &Env<'_, M, I, P>) -> bool {
        if env.params.model == MemoryModel::Sc {
            return self.drained();
        }
        let room = self.stores.len() < env.params.store_buffer as usize;
        if !room {
            self.wait_store_buffer();
        }
        room
    }

    fn resolve<M, I, P>(&mut self, env: &Env<'_, M, I, P>, t: Cycle, addr: &Addr, width: Width) -> Option<u64> {
        let a = self.current.address(addr, self.id as u64, env.code.program.percpu_stride);
        if !a.is_multiple_of(width.bytes()) {
            self.fault(t, format!("address {a:#x} is not aligned to {} bytes", width.bytes()));
            return None;
        }
        if !env.code.is_mapped(a) {
            self.fault(t, format!("address {a:#x} belongs to no object"));
            return None;
        }
        Some(a)
    }

    pub(super) fn start_access<M: MemoryPort, I: InterruptPort, P: Probe>(
        &mut self,
        env: &mut Env<'_, M, I, P>,
        t: Cycle,
        addr: &Addr,
        width: Width,
        action: Action,
    ) {
        let Some(a) = self.resolve(env, t, addr, width) else { return };
        if env.params.model == MemoryModel::Sc && !self.drained() {
            return;
        }
        let weak = env.params.model.is_weak();
        if weak && self.held_up(self.order(env), action == Action::Load, a, width) {
            self.spin.disturb();
            self.wait_store_buffer();
            return;
        }
        if action == Action::Load {
            match self.stores.lookup(a, width) {
                Lookup::Miss => {}
                Lookup::Forward(value) => {
                    self.spin.disturb();
                    // The stored value may come from a load that later ones must follow.
                    if weak && self.order(env).is_acquire() {
                        self.stale.clear();
                    }
                    let at = t.after(u64::from(env.params.load_forward));
                    self.finish_access(env, &Completion { value, written: false, at, first_level: false }, t);
                    return;
                }
                Lookup::Conflict => {
                    self.spin.disturb();
                    self.wait_store_buffer();
                    return;
                }
            }
        }
        if weak && action == Action::Load && self.load_stale(env, t, a, width) {
            return;
        }
        let request = Request { addr: a, width, action, cause: self.cause(a, width) };
        match env.mem.access(self.id, Port::Pipeline, &request, t) {
            Access::Done(done) => {
                self.forget_stale(env);
                self.finish_access(env, &done, t);
            }
            Access::Pending => {
                self.spin.disturb();
                self.state = State::WaitMemory;
            }
        }
    }

    /// Answers the load at the program counter from a stale line, if it may be.
    fn load_stale<M: MemoryPort, I: InterruptPort, P: Probe>(
        &mut self,
        env: &mut Env<'_, M, I, P>,
        t: Cycle,
        addr: u64,
        width: Width,
    ) -> bool {
        if self.order(env).is_acquire() || env.code.is_dependent(self.current.pc) {
            return false;
        }
        let Some(value) = self.stale.find(addr, t).map(|s| s.value(addr, width)) else { return false };
        env.mem.count_skipped_hits(self.id, 1);
        let at = t.after(env.mem.first_level_latency());
        self.finish_access(env, &Completion { value, written: false, at, first_level: true }, t);
        true
    }

    /// The memory part of the micro-op at the program counter is done; `t` is the event's time.
    pub(super) fn finish_access<M: MemoryPort, I: InterruptPort, P: Probe>(
        &mut self,
        env: &mut Env<'_, M, I, P>,
        done: &Completion,
        t: Cycle,
    ) {
        if !done.first_level {
            self.spin.disturb();
        }
        self.now = done.at;
        match env.code.program.ops[self.current.pc as usize] {
            Op::Load { dst, .. } => self.current.set(dst, done.value),
            Op::Rmw { dst, ok, .. } => {
                if let Some(r) = dst {
                    self.current.set(r, done.value);
                }
                if let Some(r) = ok {
                    self.current.set(r, u64::from(done.written));
                }
            }
            Op::LocalAdd { dst, addr, width, a } => {
                // The address is computed before the destination is written: they may share a register.
                let at = self.current.address(&addr, self.id as u64, env.code.program.percpu_stride);
                let value = done.value.wrapping_add(self.current.value(a)) & width.mask();
                if let Some(r) = dst {
                    self.current.set(r, value);
                }
                self.now = done.at.after(u64::from(env.params.alu));
                self.put_store(env, t, at, width, value);
                return;
            }
            _ => {}
        }
        self.current.pc += 1;
        self.run_marks(env, t);
    }

    pub(super) fn issue_store<M: MemoryPort, I: InterruptPort, P: Probe>(
        &mut self,
        env: &mut Env<'_, M, I, P>,
        t: Cycle,
        addr: &Addr,
        width: Width,
        value: Operand,
        cost: u64,
    ) {
        if !self.store_room(env) {
            return;
        }
        let Some(a) = self.resolve(env, t, addr, width) else { return };
        self.now = t.after(cost);
        let value = self.current.value(value) & width.mask();
        self.put_store(env, t, a, width, value);
    }

    /// Puts a store issued at `t` into the buffer; it may be written from `self.now` on.
    fn put_store<M: MemoryPort, I: InterruptPort, P: Probe>(
        &mut self,
        env: &mut Env<'_, M, I, P>,
        t: Cycle,
        addr: u64,
        width: Width,
        value: u64,
    ) {
        let release = self.order(env) == Order::Release;
        self.stores.push(Entry { addr, width, value, ready: self.now, cause: self.cause(addr, width) }, release);
        self.arm_drain(env);
        self.current.pc += 1;
        self.run_marks(env, t);
    }

    pub(super) fn issue_prefetch<M: MemoryPort, I: InterruptPort, P: Probe>(
        &mut self,
        env: &mut Env<'_, M, I, P>,
        t: Cycle,
        addr: &Addr,
        cost: u64,
    ) {
        let Some(a) = self.resolve(env, t, addr, Width::U8) else { return };
        let (width, cause) = (Width::U8, self.cause(a, Width::U8));
        let request = Request { addr: a, width, action: Action::PrefetchW, cause };
        // Done or pending, nobody waits: a prefetch has no result.
        let _ = env.mem.access(self.id, Port::Pipeline, &request, t);
        self.advance(env, t, cost);
    }

    pub(super) fn issue_wfe<M: MemoryPort, I: InterruptPort, P: Probe>(
        &mut self,
        env: &mut Env<'_, M, I, P>,
        t: Cycle,
        addr: &Addr,
        cost: u64,
    ) {
        let Some(a) = self.resolve(env, t, addr, Width::U8) else { return };
        // A stale line counts as lost: its event has come, whatever has been fetched since.
        let stale = self.stale.find(a, t).is_some();
        self.stale.drop_line(a);
        let present = !stale && env.mem.peek_first_level(self.id, a, Width::U8).is_some();
        if std::mem::take(&mut self.event_register) || !present {
            self.advance(env, t, cost);
            return;
        }
        let until = match env.params.event_stream {
            0 => Cycle::NEVER,
            p => Cycle((t.0 / p + 1) * p),
        };
        self.now = t;
        self.state = State::Wfe { line: line_of(a), until };
    }
}
