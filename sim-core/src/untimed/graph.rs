// SPDX-License-Identifier: MIT OR Apache-2.0
//! The search: every reachable state once, breadth first, with the edges between them.
//!
//! What a core's step does depends on that core and on memory only (not with [`Model::Weak`]), so it is computed once for each
//! pair of them and looked up for all states that share the pair.

use super::carried::{Covered, Cx};
use super::intern::{Interner, MixMap, Tuples};

use super::{CoreState, Fault, Model, Stage, State, Step, System};
use crate::isa::{ETIMEDOUT, Pc, WaitKind};
use crate::rng::Stream;

/// Runs taken at random to learn who touches what, and their lengths.
const WALKS: u64 = 64;
const WALK_STEPS: usize = 2000;
/// States between two looks at the budget.
const LOOK: usize = 1 << 12;
/// Heap bytes of a decoded core and of a decoded memory, about: vectors and what they hold.
const CORE_BYTES: usize = 700;
const MEMORY_BYTES: usize = 400;

/// What a search may use.
pub struct Budget<'a> {
    /// Bytes of memory.
    pub bytes: usize,
    /// Asked now and then: true ends the search.
    pub over: &'a mut dyn FnMut(Progress) -> bool,
}

/// How far a search is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Distinct states found.
    pub states: usize,
    /// Of these, visited.
    pub visited: usize,
    /// Memory used, bytes.
    pub bytes: usize,
}

/// How a search ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Every reachable state was visited.
    Complete,
    /// The bound on memory, or the number of states that can be numbered, was reached.
    Memory,
    /// It was told to end.
    Told,
    /// A step from this state is a fault.
    Fault(u32, Fault),
}

/// A step between states: where to, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge(u32);

impl Edge {
    const NEWCOMER: u32 = 1 << 31;
    const DEADLINE: u32 = 1 << 30;
    const LANDING: u32 = 1 << 29;
    const TO: u32 = Edge::LANDING - 1;

    /// Number of the state it leads to.
    #[must_use]
    pub const fn to(self) -> usize {
        (self.0 & Edge::TO) as usize
    }

    /// An attempt begins on a core that holds and wants nothing.
    #[must_use]
    pub const fn is_newcomer(self) -> bool {
        self.0 & Edge::NEWCOMER != 0
    }

    /// A deadline is found to have passed.
    #[must_use]
    pub const fn is_deadline(self) -> bool {
        self.0 & Edge::DEADLINE != 0
    }

    /// An interrupt is taken that nobody sent.
    #[must_use]
    pub const fn is_landing(self) -> bool {
        self.0 & Edge::LANDING != 0
    }
}

/// What a step does to its core and to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Move {
    core: u32,
    memory: u32,
    flags: u32,
}

/// All states found, numbered in the order of the search: a state's number is larger than that of one nearer to the start.
pub struct Graph<'s> {
    pub(super) system: &'s System,
    pub(super) cx: Cx,
    cores: Interner<CoreState>,
    /// States without cores.
    memories: Interner<State>,
    states: Tuples,
    /// `[state]`: the state it was first reached from.
    parents: Vec<u32>,
    /// `[visited state]`: where its edges end.
    ends: Vec<u32>,
    edges: Vec<u32>,
    /// `[core]`: by core and memory, the moves.
    known: Vec<MixMap<u64, (u32, u32)>>,
    moves: Vec<Move>,
    /// How it ended.
    pub end: End,
    /// Searches given up because the guess about who touches what was too small.
    pub restarts: u32,
}

/// Searches all states of a system.
pub fn search<'s>(system: &'s System, mut budget: Budget<'_>) -> Graph<'s> {
    let mut cx = prepare(system);
    let mut restarts = 0;
    loop {
        cx.access.grown = false;
        cx.covered.fill(Covered::default());
        let mut graph = Graph::new(system, cx, restarts);
        graph.run(&mut budget);
        if !graph.cx.access.grown || graph.end == End::Told {
            return graph;
        }
        restarts += 1;
        cx = graph.cx;
    }
}

/// What a search begins with: facts about the program, and a guess of who touches what.
pub(super) fn prepare(system: &System) -> Cx {
    let mut cx = Cx::of(system);
    if system.private && system.tasks.len() <= super::access::CORES_MAX {
        cx.access.used = true;
        learn(system, &mut cx);
    }
    cx
}

/// Runs at random. A fault ends a run; the search will come upon it again.
fn learn(system: &System, cx: &mut Cx) {
    for walk in 0..WALKS {
        let mut stream = Stream::derive(walk, 0, "walk");
        let Ok(starts) = system.starts(cx) else { return };
        let Some(mut state) = starts.into_iter().next() else { return };
        for _ in 0..WALK_STEPS {
            let mut next = Vec::new();
            let all = (0..state.cores.len()).try_for_each(|core| system.steps_of(cx, &state, core, &mut next));
            if all.is_err() || next.is_empty() {
                break;
            }
            let i = stream.below(next.len() as u64) as usize;
            state = next.swap_remove(i).1;
        }
    }
}

impl<'s> Graph<'s> {
    fn new(system: &'s System, cx: Cx, restarts: u32) -> Graph<'s> {
        Graph {
            system,
            cx,
            cores: Interner::default(),
            memories: Interner::default(),
            states: Tuples::new(system.tasks.len() + 1),
            parents: Vec::new(),
            ends: Vec::new(),
            edges: Vec::new(),
            known: vec![MixMap::default(); system.tasks.len()],
            moves: Vec::new(),
            end: End::Complete,
            restarts,
        }
    }

    /// What was searched.
    #[must_use]
    pub fn system(&self) -> &System {
        self.system
    }

    /// Distinct states.
    #[must_use]
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// True if there is none, which is not the case after a search.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// States whose successors are known: all of them after a complete search.
    #[must_use]
    pub fn visited(&self) -> usize {
        self.ends.len()
    }

    /// Steps between visited states and their successors.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.edges.len()
    }

    /// Memory used, bytes, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let known: usize = self.known.iter().map(|k| k.capacity() * 18).sum();
        self.states.bytes()
            + 4 * (self.parents.capacity() + self.ends.capacity() + self.edges.capacity())
            + self.cores.bytes(CORE_BYTES)
            + self.memories.bytes(MEMORY_BYTES)
            + self.moves.capacity() * 12
            + known
    }

    /// Distinct cores and memories, and pairs of a core and a memory whose steps were computed.
    #[must_use]
    pub fn parts(&self) -> [usize; 3] {
        [self.cores.all().len(), self.memories.all().len(), self.known.iter().map(MixMap::len).sum()]
    }

    /// How a micro-op was executed in steps of visited states, and by questions about steps since.
    #[must_use]
    pub fn covered(&self, pc: Pc) -> Covered {
        self.cx.covered.get(pc as usize).copied().unwrap_or_default()
    }

    /// Edges of a visited state.
    pub fn edges(&self, state: usize) -> impl Iterator<Item = Edge> + '_ {
        let begin = state.checked_sub(1).map_or(0, |s| self.ends[s] as usize);
        self.edges[begin..self.ends[state] as usize].iter().map(|e| Edge(*e))
    }

    /// The state before it on a shortest path from a start.
    #[must_use]
    pub fn parent(&self, state: usize) -> Option<usize> {
        Some(self.parents[state]).filter(|p| *p != u32::MAX).map(|p| p as usize)
    }

    /// Numbers of the parts of a state: each core's, then memory's. Equal numbers are equal parts.
    #[must_use]
    pub fn tuple(&self, state: usize) -> &[u32] {
        self.states.get(state)
    }

    /// The cores that occur in states, by number.
    #[must_use]
    pub fn cores(&self) -> &[CoreState] {
        self.cores.all()
    }

    /// The cores of a state.
    #[must_use]
    pub fn cores_of(&self, state: usize) -> Vec<&CoreState> {
        let tuple = self.states.get(state);
        tuple[..tuple.len() - 1].iter().map(|c| self.cores.get(*c)).collect()
    }

    /// A state in full.
    #[must_use]
    pub fn state(&self, state: usize) -> State {
        self.decode(self.states.get(state))
    }

    fn decode(&self, tuple: &[u32]) -> State {
        let (memory, cores) = tuple.split_last().expect("a tuple has a memory");
        let cores = cores.iter().map(|c| self.cores.get(*c).clone()).collect();
        self.memories.get(*memory).with_cores(cores)
    }

    fn memory_number(&mut self, state: &State, key: &mut Vec<u8>) -> u32 {
        key.clear();
        state.encode_memory(self.system.model, key);
        self.memories.number(key, || state.with_cores(Vec::new()))
    }

    fn core_number(&mut self, core: &CoreState, key: &mut Vec<u8>) -> u32 {
        key.clear();
        core.encode(self.system.model, key);
        self.cores.number(key, || core.clone())
    }

    fn whole(&mut self, state: &State, key: &mut Vec<u8>) -> Vec<u32> {
        let mut tuple: Vec<u32> = state.cores.iter().map(|c| self.core_number(c, key)).collect();
        tuple.push(self.memory_number(state, key));
        tuple
    }

    /// The number of a state, if it was found.
    #[must_use]
    pub fn find(&self, state: &State) -> Option<usize> {
        let mut key = Vec::new();
        let mut tuple = Vec::new();
        for c in &state.cores {
            key.clear();
            c.encode(self.system.model, &mut key);
            tuple.push(self.cores.find(&key)?);
        }
        key.clear();
        state.encode_memory(self.system.model, &mut key);
        tuple.push(self.memories.find(&key)?);
        self.states.find(&tuple).map(|n| n as usize)
    }

    fn reach(&mut self, tuple: &[u32], from: u32) -> u32 {
        let (n, new) = self.states.insert(tuple);
        if new {
            self.parents.push(from);
        }
        n
    }

    fn run(&mut self, budget: &mut Budget<'_>) {
        let mut key = Vec::new();
        match self.system.starts(&mut self.cx) {
            Ok(starts) => {
                for s in starts {
                    let tuple = self.whole(&s, &mut key);
                    self.reach(&tuple, u32::MAX);
                }
            }
            Err(fault) => {
                let tuple = self.whole(&State::initial(self.system), &mut key);
                self.reach(&tuple, u32::MAX);
                self.end = End::Fault(0, fault);
                return;
            }
        }
        let weak = self.system.model == Model::Weak;
        let mut at = 0;
        while at < self.states.len() {
            let done = if weak { self.visit_whole(at, &mut key) } else { self.visit(at, &mut key) };
            if let Err(fault) = done {
                // Edges of a state that was visited in part are not edges of a visited state.
                self.edges.truncate(self.ends.last().map_or(0, |e| *e as usize));
                self.end = End::Fault(at as u32, fault);
                return;
            }
            self.ends.push(self.edges.len() as u32);
            at += 1;
            if self.cx.access.grown {
                return;
            }
            if at % LOOK == 0 || at == self.states.len() || at < 16 {
                let bytes = self.bytes();
                let room = self.states.len() < Edge::TO as usize && self.edges.len() < u32::MAX as usize / 2;
                if (bytes > budget.bytes || !room) && at < self.states.len() {
                    self.end = End::Memory;
                    return;
                }
                let progress = Progress { states: self.states.len(), visited: at, bytes };
                if (budget.over)(progress) && at < self.states.len() {
                    self.end = End::Told;
                    return;
                }
            }
        }
    }

    fn visit(&mut self, at: usize, key: &mut Vec<u8>) -> Result<(), Fault> {
        let mut tuple = self.states.get(at).to_vec();
        let memory_at = tuple.len() - 1;
        let memory = tuple[memory_at];
        for core in 0..memory_at {
            let own = tuple[core];
            let pair = u64::from(own) << 32 | u64::from(memory);
            let (begin, end) = match self.known[core].get(&pair) {
                Some(range) => *range,
                None => self.learn_moves(at, core, pair, key)?,
            };
            for m in begin..end {
                let m = self.moves[m as usize];
                tuple[core] = m.core;
                tuple[memory_at] = m.memory;
                let to = self.reach(&tuple, at as u32);
                self.edges.push(to | m.flags);
            }
            tuple[core] = own;
            tuple[memory_at] = memory;
        }
        Ok(())
    }

    /// Computes what a core can do with this memory.
    fn learn_moves(&mut self, at: usize, core: usize, pair: u64, key: &mut Vec<u8>) -> Result<(u32, u32), Fault> {
        let state = self.decode(self.states.get(at));
        let mut next = Vec::new();
        self.system.steps_of(&mut self.cx, &state, core, &mut next)?;
        let begin = self.moves.len();
        for (step, s) in next {
            let flags = flags(self.system, &state.cores[core], step, &s.cores[core]);
            let made = self.core_number(&s.cores[core], key);
            let memory = self.memory_number(&s, key);
            let m = Move { core: made, memory, flags };
            if !self.moves[begin..].contains(&m) {
                self.moves.push(m);
            }
        }
        let range = (begin as u32, self.moves.len() as u32);
        self.known[core].insert(pair, range);
        Ok(range)
    }

    /// With the weak model a step can change what is kept of other cores.
    fn visit_whole(&mut self, at: usize, key: &mut Vec<u8>) -> Result<(), Fault> {
        let state = self.decode(self.states.get(at));
        let mut next = Vec::new();
        for core in 0..state.cores.len() {
            next.clear();
            self.system.steps_of(&mut self.cx, &state, core, &mut next)?;
            for (step, s) in &next {
                let tuple = self.whole(s, key);
                let to = self.reach(&tuple, at as u32);
                self.edges.push(to | flags(self.system, &state.cores[core], *step, &s.cores[core]));
            }
        }
        Ok(())
    }
}

/// What kind of edge a step makes.
fn flags(system: &System, before: &CoreState, step: Step, after: &CoreState) -> u32 {
    if let Step::Land { core, source } = step {
        return if system.sources[core][source].number.is_none() { Edge::LANDING } else { 0 };
    }
    let newcomer = before.claims.is_empty() && !after.claims.is_empty();
    // Told to give up by the waiter before it is not the end of its own deadline.
    let passed = |c: &CoreState| {
        let own = |c: &&super::Claim| c.error == ETIMEDOUT && c.stage != Stage::Waits(WaitKind::Queued);
        c.claims.iter().filter(own).count()
    };
    let deadline = passed(after) > passed(before);
    (if newcomer { Edge::NEWCOMER } else { 0 }) | if deadline { Edge::DEADLINE } else { 0 }
}
