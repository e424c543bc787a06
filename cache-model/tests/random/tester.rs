// SPDX-License-Identifier: MIT OR Apache-2.0
//! A memory system under random requests, and what the answers are held against.
//!
//! Every line has a counter that all cores add to, and a slot per core that only this core writes,
//! so that all lines are falsely shared. A core writes ever larger numbers, all its slots together
//! being one sequence, one store after the other; so whoever has read the newest of them must find
//! every earlier one in place (the order of stores and of loads under total store order).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cache_model::timing::{Coherence, LineKinds, MemoryParams, MemorySystem, Notice, Topology, Traffic};
use sim_core::asm::{Options, assemble};
use sim_core::isa::{RmwFn, Width};
use sim_core::ports::{Access, Action, Cause, Completion, MemoryPort, Port, Request};
use sim_core::program::Source;
use sim_core::rng::Stream;
use sim_core::time::{Cycle, Key, Phase};

/// A request that takes longer than this is stuck: the longest wait possible is for all other cores' requests for all
/// lines, each with a recall and a fetch, which is a few thousand cycles with the latencies drawn here.
const STUCK_CYCLES: u64 = 30_000;
/// Lines of history shown with a failure.
const HISTORY: usize = 60;
const BASE: u64 = 0x1_0000;

/// What one seed did, for the check that the tests reach what they are for.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    pub(crate) traffic: Traffic,
    pub(crate) evictions: u64,
}

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

pub(crate) struct Tester {
    mem: MemorySystem,
    params: MemoryParams,
    coherence: Coherence,
    lines: usize,
    agents: Vec<Agent>,
    /// `[writer][line]`: numbers written there, rising.
    log: Vec<Vec<Vec<u64>>>,
    /// `[line]`: values the counter has returned.
    counted: Vec<BTreeSet<u64>>,
    history: VecDeque<String>,
    seed: u64,
}

fn kinds() -> LineKinds {
    let source = Source { name: "empty".into(), text: "proc main() {\n  ret\n}\n".into() };
    LineKinds::of(&assemble(&[source], &Options::default()).expect("an empty procedure assembles"))
}

impl Tester {
    pub(crate) fn new(
        params: MemoryParams,
        topology: Topology,
        coherence: Coherence,
        lines: usize,
        requests: u32,
        seed: u64,
    ) -> Tester {
        let n = params.cores;
        let agent = |i: usize| Agent {
            rng: Stream::derive(seed, i as u64, "agent"),
            at: Cycle(i as u64),
            waiting: [None; 2],
            left: requests,
            written: 0,
            seen: vec![0; n],
        };
        Tester {
            mem: MemorySystem::with(params, topology.into(), coherence, kinds()),
            params,
            coherence,
            lines,
            agents: (0..n).map(agent).collect(),
            log: vec![vec![Vec::new(); lines]; n],
            counted: vec![BTreeSet::new(); lines],
            history: VecDeque::new(),
            seed,
        }
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(what());
    }

    fn fail(&self, what: &str) -> ! {
        let waiting: Vec<String> = self
            .agents
            .iter()
            .enumerate()
            .flat_map(|(i, a)| a.waiting.iter().flatten().map(move |w| format!("core {i}: {w:?}")))
            .collect();
        let history: Vec<&str> = self.history.iter().map(String::as_str).collect();
        panic!(
            "seed {}, {}: {what}\nmachine: {:?}\nwaiting:\n  {}\nhistory:\n  {}",
            self.seed,
            self.coherence.tables.name,
            self.params,
            waiting.join("\n  "),
            history.join("\n  ")
        );
    }

    /// Runs until every core has had its requests answered; checks all that must hold.
    pub(crate) fn run(mut self) -> Reached {
        let mut notices = Vec::new();
        let mut next_look = Cycle(0);
        loop {
            let message = self.mem.next_key();
            let due = (0..self.agents.len()).filter_map(|i| Some((self.due(i)?, i))).min();
            if message == Key::NEVER && due.is_none() {
                break;
            }
            match due {
                Some((key, core)) if key < message => self.ask(core, key.at()),
                _ => {
                    let delivered = match self.mem.deliver_next(&mut notices) {
                        Ok(d) => d.expect("a message was due"),
                        Err(fault) => self.fail(&fault.what),
                    };
                    for notice in std::mem::take(&mut notices) {
                        if let Notice::Completed(port, done) = notice {
                            let core = delivered.core.expect("only caches complete requests");
                            self.answered(core, port, &done, delivered.at);
                        }
                    }
                }
            }
            let now = due.map_or(message, |d| d.0.min(message)).at();
            if now >= next_look {
                self.look_for_stuck(now);
                next_look = now.after(STUCK_CYCLES / 8);
            }
        }
        self.check_end();
        let evictions = (0..self.agents.len()).map(|i| self.mem.hits(i).evictions).sum();
        Reached { traffic: self.mem.traffic().clone(), evictions }
    }

    fn due(&self, core: usize) -> Option<Key> {
        let a = &self.agents[core];
        let free = a.waiting.iter().any(Option::is_none);
        (a.left > 0 && free).then(|| Key::new(a.at, Phase::Step, core as u16, 0))
    }

    fn look_for_stuck(&self, now: Cycle) {
        let oldest = self.agents.iter().flat_map(|a| a.waiting.iter().flatten()).map(|w| w.since).min();
        if oldest.is_some_and(|t| now.since(t) > STUCK_CYCLES) {
            self.fail(&format!("cycle {}: a request got no answer in {STUCK_CYCLES} cycles", now.0));
        }
    }

    /// One random request, if its port is free. Stores go through the drain port, one after the
    /// other, beside the loads of the pipeline; no store is under way beside a read-modify-write.
    fn ask(&mut self, core: usize, now: Cycle) {
        let lines = self.lines as u64;
        let cores = self.agents.len() as u64;
        let a = &mut self.agents[core];
        a.at = now.after([0, 1, 3, 20, 90][a.rng.below(5) as usize].max(1));
        let line = a.rng.below(lines) as usize;
        let at = BASE + line as u64 * 64;
        let slot_addr = |c: usize| at + 8 + 4 * c as u64;
        let draining = a.waiting[1].map(|w| w.line);
        let waiting = a.waiting[0];
        let blocks_store = |w: Waiting| matches!(w.request.action, Action::Rmw(..)) || w.slot == Some(core);
        let (port, addr, width, action, slot) = match a.rng.below(12) {
            0..5 if draining.is_none() && !waiting.is_some_and(blocks_store) => {
                a.written += 1;
                (Port::Drain, slot_addr(core), Width::U32, Action::Store(a.written), Some(core))
            }
            _ if waiting.is_some() => return,
            5..7 if draining.is_none() => (Port::Pipeline, at, Width::U64, Action::Rmw(RmwFn::FetchAdd, 1, 0), None),
            7 => (Port::Pipeline, at, Width::U8, Action::PrefetchW, None),
            8 => (Port::Pipeline, at, Width::U64, Action::Load, None),
            _ => {
                let whose = a.rng.below(cores) as usize;
                if whose == core && draining == Some(line) {
                    return; // The store buffer would answer.
                }
                (Port::Pipeline, slot_addr(whose), Width::U32, Action::Load, Some(whose))
            }
        };
        a.left -= 1;
        let cause = Cause { core: core as u16, ..Cause::default() };
        let request = Request { addr, width, action, cause };
        if let (Some(_), Action::Store(v)) = (slot, action) {
            self.log[core][line].push(v);
        }
        self.note(|| format!("{} core {core} asks {port:?} {action:?} of line {line} slot {slot:?}", now.0));
        let outcome = self.mem.access(core, port, &request, now);
        if action == Action::PrefetchW {
            return;
        }
        self.agents[core].waiting[port as usize] = Some(Waiting { request, since: now, line, slot });
        if let Access::Done(done) = outcome {
            self.answered(core, port, &done, now);
        }
    }

    fn answered(&mut self, core: usize, port: Port, done: &Completion, now: Cycle) {
        let Some(w) = self.agents[core].waiting[port as usize].take() else {
            self.fail(&format!("cycle {}: core {core} got an answer it did not ask for", now.0));
        };
        self.note(|| format!("{} core {core} done {port:?} line {} slot {:?}: {}", now.0, w.line, w.slot, done.value));
        let a = &mut self.agents[core];
        a.at = a.at.max(if port == Port::Pipeline { done.at } else { now.after(1) });
        match (w.request.action, w.slot) {
            (Action::Load, Some(writer)) => self.check_slot(core, writer, w.line, done.value, now),
            (Action::Rmw(..), _) if !self.counted[w.line].insert(done.value) => {
                self.fail(&format!("cycle {}: the counter of line {} gave {} twice", now.0, w.line, done.value));
            }
            _ => {}
        }
    }

    /// A number read from a writer's slot was written there, is not older than what was read there
    /// before, and not older than what precedes anything read from this writer.
    fn check_slot(&mut self, core: usize, writer: usize, line: usize, value: u64, now: Cycle) {
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
            self.fail(&what);
        }
        let seen = &mut self.agents[core].seen[writer];
        *seen = value.max(*seen);
    }

    fn check_end(&self) {
        if !self.mem.is_quiescent() {
            self.fail("no message is under way, but something waits for one");
        }
        if let Err(what) = self.mem.check_coherence() {
            self.fail(&what);
        }
        let wrong: BTreeMap<String, (u64, u64)> = (0..self.lines)
            .flat_map(|line| {
                let at = BASE + line as u64 * 64;
                let count = self.counted[line].len() as u64;
                let counter = (format!("counter {line}"), (self.mem.value(at, Width::U64), count));
                let slots = (0..self.agents.len()).map(move |c| {
                    let last = self.log[c][line].last().copied().unwrap_or(0);
                    (format!("slot {c} of {line}"), (self.mem.value(at + 8 + 4 * c as u64, Width::U32), last))
                });
                std::iter::once(counter).chain(slots)
            })
            .filter(|(_, (is, must))| is != must)
            .collect();
        if !wrong.is_empty() {
            self.fail(&format!("values at the end (is, must be): {wrong:?}"));
        }
    }
}
