// SPDX-License-Identifier: MIT OR Apache-2.0
//! The machine: cores, memory system and interrupt controllers joined by one event loop.

mod leap;
mod tools;

use std::sync::Arc;

use cache_model::timing::{Coherence, LineKinds, MemoryParams, MemorySystem, Notice, Topology};
use interrupt_ctrl::{Controllers, InterruptCosts, Source};
use sim_core::core::{Code, Core, CoreParams, Env, State};
use sim_core::exec::Context;
use sim_core::isa::{ContextKind, Width};
use sim_core::ports::{InterruptPort, MemoryPort, Probe};
use sim_core::program::{LINE_BYTES, Program};
use sim_core::queue::WakeTree;
use sim_core::time::{Clock, Cycle, Key, Phase};

pub use leap::Skipped;

/// What a machine is made of.
#[derive(Clone, Debug)]
pub struct MachineSpec {
    /// The assembled program.
    pub program: Arc<Program>,
    /// Cores.
    pub core: CoreParams,
    /// Memory system; its core count is the machine's.
    pub memory: MemoryParams,
    /// What joins cores, last-level slices and memory controllers.
    pub topology: Arc<Topology>,
    /// Protocol and the other rules of the memory system.
    pub coherence: Coherence,
    /// Interrupt costs.
    pub interrupts: InterruptCosts,
    /// The clock.
    pub clock: Clock,
    /// `[core]`: the procedure its task executes, as an index into the program's, or none.
    pub tasks: Vec<Option<u16>>,
    /// `[core]`: interrupt sources.
    pub sources: Vec<Vec<Source>>,
    /// Seed of every random stream.
    pub seed: u64,
    /// From here on `stopping` reads 1 and nothing arrives any more.
    pub stop_at: Cycle,
    /// Execute everything event by event.
    pub exact: bool,
}

impl MachineSpec {
    /// The program as the cores execute it; depends on program, core, number of cores and sources.
    #[must_use]
    pub fn code(&self) -> Code {
        let watched = Controllers::watched(&self.sources);
        Code::new(self.program.clone(), &self.core, self.memory.cores as u64, &watched)
    }
}

/// Why a machine cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The program did something impossible on this core.
    Program {
        /// The core.
        core: usize,
        /// What.
        what: String,
    },
    /// The protocol reached a cell it calls impossible: an error of the model.
    Protocol(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Program { core, what } => write!(f, "core {core}: {what}"),
            Fault::Protocol(what) => write!(f, "{what}"),
        }
    }
}

/// How a call of [`Machine::run_until`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The limit was reached with things still to do.
    Limit,
    /// Nothing is left that could happen. Quiescent if every core is; stuck for good otherwise.
    Idle,
    /// The run had to stop. Cores may have executed micro-ops that nobody sees beyond that instant, see
    /// [`Machine::keep_in_step`].
    Fault(Fault),
}

/// A simulated machine. Plain data: a clone is a fork.
#[derive(Clone, Debug)]
pub struct Machine<P> {
    code: Arc<Code>,
    core_params: CoreParams,
    clock: Clock,
    stop_at: Cycle,
    exact: bool,
    /// See [`Machine::keep_in_step`].
    in_step: bool,
    cores: Vec<Core>,
    mem: MemorySystem,
    irq: Controllers,
    /// The observer; public so that a caller can read what it has seen.
    pub probe: P,
    wakes: WakeTree,
    notices: Vec<Notice>,
    events: u64,
    last_event: Cycle,
    /// The limit of the last call of `run_until`.
    ran_until: Cycle,
    /// See [`Machine::skip_periods`].
    lookout: leap::Lookout,
}

/// Runs `$body` with `$core` and an environment borrowed from the other parts of the machine.
macro_rules! with_core {
    ($m:expr, $i:expr, $now:expr, |$core:ident, $env:ident| $body:expr) => {{
        let cpus = $m.cores.len();
        let horizon = $m.horizon($now);
        let $core = &mut $m.cores[$i];
        let mut environment = Env {
            code: &$m.code,
            params: &$m.core_params,
            cpus,
            clock: $m.clock,
            stop_at: $m.stop_at,
            exact: $m.exact,
            horizon,
            mem: &mut $m.mem,
            irq: &mut $m.irq,
            probe: &mut $m.probe,
        };
        let $env = &mut environment;
        $body
    }};
}

// Behind the macro, which it uses.
mod lead;

impl<P: Probe> Machine<P> {
    /// A machine at cycle 0.
    #[must_use]
    pub fn new(spec: &MachineSpec, probe: P) -> Machine<P> {
        Self::with_code(spec, Arc::new(spec.code()), probe)
    }

    /// A machine at cycle 0, with what [`MachineSpec::code`] gave: for many that differ in tasks and seed only.
    #[must_use]
    pub fn with_code(spec: &MachineSpec, code: Arc<Code>, probe: P) -> Machine<P> {
        let cpus = spec.memory.cores;
        let mut machine = Machine {
            code,
            core_params: spec.core,
            clock: spec.clock,
            stop_at: spec.stop_at,
            exact: spec.exact,
            in_step: false,
            cores: Vec::new(),
            mem: MemorySystem::with(
                spec.memory,
                Arc::clone(&spec.topology),
                Coherence { seed: spec.seed, ..spec.coherence },
                LineKinds::of(&spec.program),
            ),
            irq: Controllers::new(spec.interrupts, &spec.sources, spec.seed, spec.stop_at),
            probe,
            wakes: WakeTree::new(cpus),
            notices: Vec::new(),
            events: 0,
            last_event: Cycle(0),
            ran_until: Cycle(0),
            lookout: leap::Lookout::default(),
        };
        machine.start(spec);
        machine
    }

    /// The same machine, watched by what `change` makes of its observer.
    pub fn map_probe<Q: Probe>(self, change: impl FnOnce(P) -> Q) -> Machine<Q> {
        Machine {
            code: self.code,
            core_params: self.core_params,
            clock: self.clock,
            stop_at: self.stop_at,
            exact: self.exact,
            in_step: self.in_step,
            cores: self.cores,
            mem: self.mem,
            irq: self.irq,
            probe: change(self.probe),
            wakes: self.wakes,
            notices: self.notices,
            events: self.events,
            last_event: self.last_event,
            ran_until: self.ran_until,
            lookout: self.lookout,
        }
    }

    /// Makes of this machine what [`Machine::with_code`] makes of `spec`, which may differ from the one it was
    /// made of in tasks and seed only: for many short runs. Caches and network keep what they have
    /// allocated and forget what they have touched, so this costs a small part of a new machine.
    ///
    /// # Panics
    /// If the program, the memory system's parameters or the network are not those it was made of.
    pub fn reset(&mut self, spec: &MachineSpec, probe: P) {
        let same = Arc::ptr_eq(&self.code.program, &spec.program)
            && *self.mem.params() == spec.memory
            && std::ptr::eq(self.mem.topology(), &*spec.topology);
        assert!(same, "a machine can be reset to other tasks and another seed, not to another machine");
        let Machine {
            code: _,
            core_params,
            clock,
            stop_at,
            exact,
            in_step,
            cores,
            mem,
            irq,
            probe: observer,
            wakes,
            notices,
            events,
            last_event,
            ran_until,
            lookout,
        } = self;
        (*core_params, *clock, *stop_at, *exact) = (spec.core, spec.clock, spec.stop_at, spec.exact);
        cores.clear();
        mem.reset(spec.seed);
        *irq = Controllers::new(spec.interrupts, &spec.sources, spec.seed, spec.stop_at);
        *observer = probe;
        wakes.clear();
        notices.clear();
        (*events, *last_event, *ran_until, *in_step) = (0, Cycle(0), Cycle(0), false);
        *lookout = leap::Lookout::default();
        self.start(spec);
    }

    /// Puts every core at the beginning of its task.
    fn start(&mut self, spec: &MachineSpec) {
        let task = |i: usize| {
            let proc = spec.tasks.get(i).copied().flatten()?;
            Some(Context::at_entry(&spec.program, proc, ContextKind::Task))
        };
        self.cores.extend((0..spec.memory.cores).map(|i| Core::new(i, task(i), spec.seed)));
        for i in 0..self.cores.len() {
            if *self.cores[i].state() == State::Done {
                self.irq.set_halted(i, Cycle(0), true);
            }
            self.rearm(i);
        }
    }

    /// Puts a value into memory, before the first cycle.
    pub fn set_initial(&mut self, addr: u64, width: Width, value: u64) {
        self.mem.set_initial(addr, width, value);
    }

    /// Counts traffic by cause, from here on. Nothing simulated depends on it.
    pub fn attribute(&mut self) {
        self.mem.attribute();
    }

    /// Lets no core execute micro-ops that nobody sees ahead of the others from here on. Only then, or in an exact run,
    /// the cores stand in one instant when the machine stops with [`Outcome::Fault`].
    pub fn keep_in_step(&mut self) {
        self.in_step = true;
    }

    /// How far a core may go ahead that is at `now`, while nobody else is due before that: what another core sends
    /// then takes its time, and the run stops at its limit.
    #[inline]
    fn horizon(&self, now: Cycle) -> Cycle {
        if self.exact || self.in_step {
            return Cycle(0);
        }
        let sent = if self.code.sends() { now.after(self.irq.sending_takes()) } else { Cycle::NEVER };
        sent.min(self.ran_until)
    }

    #[inline]
    fn rearm(&mut self, core: usize) {
        self.wakes.set(core, self.cores[core].next_key(&self.irq));
    }

    /// Runs everything that happens before `limit`. Afterwards every core stands at a boundary:
    /// what can be seen of the machine does not depend on the shortcuts taken.
    pub fn run_until(&mut self, limit: Cycle) -> Outcome {
        let end = Key::new(limit, Phase::Deliver, 0, 0);
        self.ran_until = limit;
        loop {
            let (wake, core) = self.wakes.next();
            let message = self.mem.next_key();
            let next = wake.min(message);
            if next == Key::NEVER && !self.any_spin() {
                return Outcome::Idle;
            }
            if next >= end {
                self.settle(end);
                return Outcome::Limit;
            }
            if self.lookout.on && wake < message && self.may_look(core) && self.look_out(wake, core) {
                continue;
            }
            if let Err((fault, at)) = self.turn((wake, core), message, end) {
                self.settle(at);
                return Outcome::Fault(fault);
            }
        }
    }

    /// The next event: a core's wake, or a message if that comes before.
    #[inline]
    fn turn(&mut self, (wake, core): (Key, usize), message: Key, end: Key) -> Result<(), (Fault, Key)> {
        self.events += 1;
        self.last_event = self.last_event.max(wake.min(message).at());
        if message < wake { self.deliver(message) } else { self.step_core(core, wake.at(), end) }
    }

    /// A spin that nothing would ever end is not rest: executed, it goes on for ever.
    fn any_spin(&self) -> bool {
        self.cores.iter().any(|c| matches!(c.state(), State::Spin(_)))
    }

    /// Brings every core whose spin is computed to the boundary it has reached at `key`.
    fn settle(&mut self, key: Key) {
        if key.at() == Cycle::NEVER {
            return; // A run without a limit does not come back from an endless spin in finite time.
        }
        for core in 0..self.cores.len() {
            if matches!(self.cores[core].state(), State::Spin(_)) {
                with_core!(self, core, key.at(), |c, env| c.catch_up(env, key));
                self.rearm(core);
            }
        }
    }

    fn step_core(&mut self, core: usize, now: Cycle, end: Key) -> Result<(), (Fault, Key)> {
        let limit = self.wakes.next_without(core).min(end);
        let last = with_core!(self, core, now, |c, env| c.run(env, limit));
        self.last_event = self.last_event.max(last);
        if self.irq.has_sent() {
            for receiver in self.irq.take_receivers() {
                self.rearm(receiver);
            }
        }
        self.rearm(core);
        self.check(core)
    }

    #[inline]
    fn check(&self, core: usize) -> Result<(), (Fault, Key)> {
        if let State::Fault(f) = self.cores[core].state() { Err(self.faulted(core, f)) } else { Ok(()) }
    }

    #[cold]
    fn faulted(&self, core: usize, f: &sim_core::core::Fault) -> (Fault, Key) {
        let place = self.code.program.place(f.pc);
        let what = format!("{} at {place}, cycle {}", f.what, f.at.0);
        (Fault::Program { core, what }, Key::new(f.at, Phase::Step, core as u16, 0))
    }

    fn deliver(&mut self, key: Key) -> Result<(), (Fault, Key)> {
        let Some(core) = self.mem.next_core() else {
            return match self.mem.deliver_next(&mut self.notices) {
                Ok(_) => Ok(()),
                Err(f) => Err((Fault::Protocol(f.what), key)),
            };
        };
        // Everything this core does before the message must be done before it.
        let computed = self.cores[core].disturb();
        if computed {
            with_core!(self, core, key.at(), |c, env| c.catch_up(env, key));
        }
        if let Err(f) = self.mem.deliver_next(&mut self.notices) {
            return Err((Fault::Protocol(f.what), key));
        }
        // Many messages change nothing but the cache, and then the core goes on as it would have.
        if self.notices.is_empty() && !computed && !self.core_params.model.is_weak() {
            return Ok(());
        }
        let mut notices = std::mem::take(&mut self.notices);
        with_core!(self, core, key.at(), |c, env| {
            for notice in notices.drain(..) {
                match notice {
                    Notice::Completed(port, done) => c.complete(env, port, &done, key.at()),
                    Notice::Lost { line, taken } => c.line_lost(env, line * LINE_BYTES, taken.as_ref(), key.at()),
                }
            }
            c.delivered(env, key.at());
        });
        self.notices = notices;
        self.rearm(core);
        self.check(core)
    }

    /// Everything that happens before this instant has happened, if the last call of [`Machine::run_until`] ended with
    /// [`Outcome::Limit`].
    #[must_use]
    pub fn ran_until(&self) -> Cycle {
        self.ran_until
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// The cores.
    #[must_use]
    pub fn cores(&self) -> &[Core] {
        &self.cores
    }

    /// The memory system.
    #[must_use]
    pub fn memory(&self) -> &MemorySystem {
        &self.mem
    }

    /// The interrupt controllers.
    #[must_use]
    pub fn interrupts(&self) -> &Controllers {
        &self.irq
    }

    /// The program.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.code.program
    }

    /// Events handled so far: a measure of host work that depends on the shortcuts taken.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Instant of the last thing that happened.
    #[must_use]
    pub fn last_event(&self) -> Cycle {
        self.last_event
    }

    /// Micro-ops executed or computed, all cores together.
    #[must_use]
    pub fn retired(&self) -> u64 {
        self.cores.iter().map(|c| c.retired).sum()
    }

    /// True if every task has ended, no handler runs, and memory is at rest.
    #[must_use]
    pub fn is_quiescent(&self) -> bool {
        self.cores.iter().all(Core::is_quiescent) && self.mem.is_quiescent()
    }
}
