// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cores that ask at random, and what the answers are held against.

use std::collections::{BTreeMap, BTreeSet};

use sim_core::isa::{RmwFn, Width};
use sim_core::ports::{Access, Action, Cause, Completion, MemoryPort, Port, Request};
use sim_core::program::{LINE_BYTES, Program};
use sim_core::rng::Stream;
use sim_core::time::{Cycle, Key, Phase};

use super::{Failure, Reached, Setup};
use crate::timing::{LineKinds, MemorySystem, Notice};

/// Slots of a line: four bytes each behind the counter.
const SLOTS: usize = 14;
/// Address of the first line.
const BASE: u64 = 0x1_0000;
/// Events of a line that are kept for a failure.
const HISTORY: usize = 40;
/// Stuck lines shown with a failure.
const LINES_SHOWN: usize = 3;

/// What a core is waiting for at one of its ports.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    request: Request,
    since: Cycle,
    line: usize,
    /// Whose slot is accessed; none for the counter.
    slot: Option<usize>,
}

struct Agent {
    rng: Stream,
    /// When it asks for something next, if it is not waiting.
    at: Cycle,
    waiting: [Option<Waiting>; 2],
    left: u32,
    /// Last number written by this core, over all lines.
    written: u64,
    /// `[writer]`: the largest number seen.
    seen: Vec<u64>,
}

/// A run.
pub(super) struct Tester<'a> {
    setup: &'a Setup,
    mem: MemorySystem,
    lines: usize,
    /// Cores share out the lines: a core has a slot on every line whose number is its own, modulo this.
    groups: usize,
    agents: Vec<Agent>,
    /// `[writer][line]`: numbers written there, rising.
    log: Vec<Vec<Vec<u64>>>,
    /// `[line]`: values the counter has returned.
    counted: Vec<BTreeSet<u64>>,
}

impl Tester<'_> {
    pub(super) fn new(setup: &Setup, with_history: bool) -> Tester<'_> {
        let n = setup.params.cores;
        let groups = n.div_ceil(SLOTS);
        let lines = setup.lines.max(groups);
        let agent = |i: usize| Agent {
            rng: Stream::derive(setup.seed, i as u64, "agent"),
            at: Cycle(i as u64),
            waiting: [None; 2],
            left: setup.accesses,
            written: 0,
            seen: vec![0; n],
        };
        let kinds = LineKinds::of(&Program::default());
        let mut mem = MemorySystem::with(setup.params, setup.topology.clone(), setup.coherence, kinds);
        if with_history {
            mem.keep_history(HISTORY);
        }
        Tester {
            setup,
            mem,
            lines,
            groups,
            agents: (0..n).map(agent).collect(),
            log: vec![vec![Vec::new(); lines]; n],
            counted: vec![BTreeSet::new(); lines],
        }
    }

    /// A failure that is about these lines.
    fn failure(&self, what: String, lines: &BTreeSet<usize>) -> Failure {
        let mut history = String::new();
        for &line in lines.iter().take(LINES_SHOWN) {
            history += &self.mem.explain(BASE / LINE_BYTES + line as u64);
        }
        if lines.len() > LINES_SHOWN {
            history += &format!("and {} more lines\n", lines.len() - LINES_SHOWN);
        }
        for (i, a) in self.agents.iter().enumerate() {
            for (port, w) in ["pipeline", "drain"].iter().zip(&a.waiting) {
                if let Some(w) = w {
                    let (action, addr, since) = (w.request.action, w.request.addr, w.since.0);
                    history +=
                        &format!("core {i} waits at its {port} port for {action:?} at {addr:#x} since cycle {since}\n");
                }
            }
        }
        Failure { what, history, seed: self.setup.seed }
    }

    fn wrong(&self, line: usize, what: String) -> Failure {
        self.failure(what, &BTreeSet::from([line]))
    }

    fn stuck(&self, what: String) -> Failure {
        self.failure(what, &self.agents.iter().flat_map(|a| a.waiting.iter().flatten()).map(|w| w.line).collect())
    }

    /// Runs until every core has had its requests answered; checks all that must hold.
    pub(super) fn run(mut self) -> Result<Reached, Failure> {
        let mut notices = Vec::new();
        let mut next_look = Cycle(0);
        loop {
            let message = self.mem.next_key();
            let due = (0..self.agents.len()).filter_map(|i| Some((self.due(i)?, i))).min();
            if message == Key::NEVER && due.is_none() {
                break;
            }
            match due {
                Some((key, core)) if key < message => self.ask(core, key.at())?,
                _ => {
                    let about = self.mem.next_message().map(|m| m.line);
                    let delivered = match self.mem.deliver_next(&mut notices) {
                        Ok(d) => d.expect("a message was due"),
                        Err(fault) => {
                            let line = about.and_then(|l| l.checked_sub(BASE / LINE_BYTES)).map(|l| l as usize);
                            return Err(self.failure(fault.what, &line.into_iter().collect()));
                        }
                    };
                    for notice in std::mem::take(&mut notices) {
                        if let Notice::Completed(port, done) = notice {
                            let core = delivered.core.expect("only caches complete requests");
                            self.answered(core, port, &done, delivered.at)?;
                        }
                    }
                }
            }
            let now = due.map_or(message, |d| d.0.min(message)).at();
            if now >= next_look {
                self.look_for_stuck(now)?;
                next_look = now.after(self.setup.watchdog_cycles / 8);
            }
        }
        self.check_end()?;
        let cores = 0..self.agents.len();
        let evictions = cores.clone().map(|i| self.mem.hits(i).evictions).sum();
        let accesses = cores.map(|i| u64::from(self.setup.accesses - self.agents[i].left)).sum();
        Ok(Reached { traffic: self.mem.traffic().clone(), evictions, accesses })
    }

    /// Lines on which a core has a slot: every `groups`-th.
    fn own_line(&self, core: usize, draw: u64) -> usize {
        let first = core % self.groups;
        let count = (self.lines - first).div_ceil(self.groups) as u64;
        first + (draw % count) as usize * self.groups
    }

    /// A core with a slot on a line.
    fn writer_of(&self, line: usize, draw: u64) -> usize {
        let first = line % self.groups;
        let count = (self.agents.len() - first).div_ceil(self.groups) as u64;
        first + (draw % count) as usize * self.groups
    }

    fn slot_addr(&self, core: usize, line: usize) -> u64 {
        BASE + line as u64 * LINE_BYTES + 8 + 4 * (core / self.groups) as u64
    }

    fn due(&self, core: usize) -> Option<Key> {
        let a = &self.agents[core];
        let free = a.waiting.iter().any(Option::is_none);
        (a.left > 0 && free).then(|| Key::new(a.at, Phase::Step, core as u16, 0))
    }

    fn look_for_stuck(&self, now: Cycle) -> Result<(), Failure> {
        let waits =
            self.agents.iter().enumerate().flat_map(|(i, a)| a.waiting.iter().flatten().map(move |w| (w.since, i)));
        let limit = self.setup.watchdog_cycles;
        match waits.min().filter(|(since, _)| now.since(*since) > limit) {
            Some((since, core)) => {
                let asked = since.0;
                Err(self.stuck(format!("cycle {}: core {core} got no answer in {limit} cycles, since {asked}", now.0)))
            }
            None => Ok(()),
        }
    }

    /// One random request, if its port is free. Stores go through the drain port, one after the
    /// other, beside the loads of the pipeline; no store is under way beside a read-modify-write.
    fn ask(&mut self, core: usize, now: Cycle) -> Result<(), Failure> {
        let a = &mut self.agents[core];
        a.at = now.after([0, 1, 3, 20, 90][a.rng.below(5) as usize].max(1));
        let (draw, kind, other) = (a.rng.below(1 << 32), a.rng.below(12), a.rng.below(1 << 32));
        let line = (draw % self.lines as u64) as usize;
        let at = BASE + line as u64 * LINE_BYTES;
        let draining = a.waiting[1].map(|w| w.line);
        let waiting = a.waiting[0];
        let blocks_store = |w: Waiting| matches!(w.request.action, Action::Rmw(..)) || w.slot == Some(core);
        let (port, addr, width, action, slot, line) = match kind {
            0..5 if draining.is_none() && !waiting.is_some_and(blocks_store) => {
                a.written += 1;
                let (store, line) = (Action::Store(a.written), self.own_line(core, draw));
                (Port::Drain, self.slot_addr(core, line), Width::U32, store, Some(core), line)
            }
            _ if waiting.is_some() => return Ok(()),
            5..7 if draining.is_none() => {
                (Port::Pipeline, at, Width::U64, Action::Rmw(RmwFn::FetchAdd, 1, 0), None, line)
            }
            7 => (Port::Pipeline, at, Width::U8, Action::PrefetchW, None, line),
            8 => (Port::Pipeline, at, Width::U64, Action::Load, None, line),
            _ => {
                let whose = self.writer_of(line, other);
                if whose == core && draining == Some(line) {
                    return Ok(()); // The store buffer would answer.
                }
                (Port::Pipeline, self.slot_addr(whose, line), Width::U32, Action::Load, Some(whose), line)
            }
        };
        self.agents[core].left -= 1;
        let cause = Cause { core: core as u16, addr, bytes: width.bytes() as u8, ..Cause::default() };
        let request = Request { addr, width, action, cause };
        if let Action::Store(v) = action {
            self.log[core][line].push(v);
        }
        let outcome = self.mem.access(core, port, &request, now);
        if action == Action::PrefetchW {
            return Ok(());
        }
        self.agents[core].waiting[port as usize] = Some(Waiting { request, since: now, line, slot });
        match outcome {
            Access::Done(done) => self.answered(core, port, &done, now),
            Access::Pending => Ok(()),
        }
    }

    fn answered(&mut self, core: usize, port: Port, done: &Completion, now: Cycle) -> Result<(), Failure> {
        let Some(w) = self.agents[core].waiting[port as usize].take() else {
            return Err(self.stuck(format!("cycle {}: core {core} got an answer it did not ask for", now.0)));
        };
        let a = &mut self.agents[core];
        a.at = a.at.max(if port == Port::Pipeline { done.at } else { now.after(1) });
        match (w.request.action, w.slot) {
            (Action::Load, Some(writer)) => self.check_slot(core, writer, w.line, done.value, now),
            (Action::Rmw(..), _) if !self.counted[w.line].insert(done.value) => {
                let what = format!("cycle {}: the counter of line {} gave {} twice", now.0, w.line, done.value);
                Err(self.wrong(w.line, what))
            }
            _ => Ok(()),
        }
    }

    /// A number read from a writer's slot was written there, is not older than what was read there
    /// before, and not older than what precedes anything read from this writer.
    fn check_slot(&mut self, core: usize, writer: usize, line: usize, value: u64, now: Cycle) -> Result<(), Failure> {
        let log = &self.log[writer][line];
        let own = writer == core;
        let known = if own { self.agents[core].written } else { self.agents[core].seen[writer] };
        let least = log.partition_point(|&v| v <= known).checked_sub(1).map_or(0, |i| log[i]);
        let was_written = value == 0 || log.binary_search(&value).is_ok();
        if !was_written || value < least || (own && value != least) {
            let what = format!(
                "cycle {}: core {core} read {value} from core {writer}'s slot of line {line}; {known} was known, so {least} \
                 was the least possible",
                now.0
            );
            return Err(self.wrong(line, what));
        }
        let seen = &mut self.agents[core].seen[writer];
        *seen = value.max(*seen);
        Ok(())
    }

    fn check_end(&self) -> Result<(), Failure> {
        if !self.mem.is_quiescent() {
            return Err(self.stuck("no message is under way, but something waits for one".into()));
        }
        if let Err(what) = self.mem.check_coherence() {
            return Err(self.failure(what, &(0..self.lines).collect()));
        }
        let mut wrong: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        let mut lines = BTreeSet::new();
        let mut check = |line: usize, name: String, is: u64, must: u64| {
            if is != must {
                wrong.insert(name, (is, must));
                lines.insert(line);
            }
        };
        for line in 0..self.lines {
            let counter = self.mem.value(BASE + line as u64 * LINE_BYTES, Width::U64);
            check(line, format!("counter {line}"), counter, self.counted[line].len() as u64);
            for core in (line % self.groups..self.agents.len()).step_by(self.groups) {
                let last = self.log[core][line].last().copied().unwrap_or(0);
                let value = self.mem.value(self.slot_addr(core, line), Width::U32);
                check(line, format!("slot {core} of {line}"), value, last);
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        Err(self.failure(format!("values at the end (is, must be): {wrong:?}"), &lines))
    }
}
