// SPDX-License-Identifier: MIT OR Apache-2.0
//! A breadth-first explorer of finite state graphs, and the backward search over what it stored.

use super::Fault;

/// What can be explored.
pub(super) trait Model {
    /// A state, in as few bytes as possible: all of them are kept.
    type State: Copy + Eq;

    /// The only initial state.
    fn initial(&self) -> Self::State;

    /// A number that equal states share and different states mostly do not.
    fn fingerprint(state: &Self::State) -> u64;

    /// Appends one successor per step that is possible in `state`, in a fixed order, after having
    /// checked the properties of `state`; and whether the step is a wish of a core, a cache or the slice, which need
    /// not come, instead of progress of what is under way.
    fn expand(&mut self, state: &Self::State, out: &mut Vec<(Self::State, bool)>) -> Result<(), Fault>;

    /// Nothing is in flight and nobody waits.
    fn is_quiescent(&self, state: &Self::State) -> bool;
}

/// Why an exploration stopped.
pub(super) enum End {
    /// Everything was explored.
    Complete,
    /// The limit of states was reached.
    Limit,
    /// This fault shows in the state of this number.
    Fault(u32, Fault),
}

/// Marks a step that need not come.
const WISH: u32 = 1 << 31;

/// What was explored. States are numbered in breadth-first order.
pub(super) struct Graph<S> {
    /// The states by number.
    pub(super) states: Vec<S>,
    /// By state, the state from which it was reached first; the initial state has itself.
    parents: Vec<u32>,
    /// By expanded state, where its targets end in `targets`.
    ends: Vec<usize>,
    /// The numbers of the states to which the steps of each state lead, with [`WISH`] if the step is one.
    pub(super) targets: Vec<u32>,
    /// Largest distance from the initial state.
    pub(super) depth: u32,
    /// Why it stopped.
    pub(super) end: End,
}

/// An open-addressing index from states to their numbers; it holds numbers only.
struct Index {
    /// State number plus one, or zero; a power of two of them, at most half in use.
    slots: Vec<u32>,
}

impl Index {
    fn new() -> Self {
        Self { slots: vec![0; 1 << 12] }
    }

    /// The number of `state`, and whether it is new; a new one is appended to `states`.
    fn number<M: Model>(&mut self, states: &mut Vec<M::State>, state: &M::State) -> (u32, bool) {
        if states.len() * 2 >= self.slots.len() {
            self.grow::<M>(states);
        }
        let mask = self.slots.len() - 1;
        let mut at = M::fingerprint(state) as usize & mask;
        loop {
            match self.slots[at] {
                0 => {
                    states.push(*state);
                    self.slots[at] = states.len() as u32;
                    return (states.len() as u32 - 1, true);
                }
                taken if states[taken as usize - 1] == *state => return (taken - 1, false),
                _ => at = (at + 1) & mask,
            }
        }
    }

    fn grow<M: Model>(&mut self, states: &[M::State]) {
        let size = self.slots.len() * 4;
        self.slots.clear();
        self.slots.resize(size, 0);
        for (number, state) in states.iter().enumerate() {
            let mut at = M::fingerprint(state) as usize & (size - 1);
            while self.slots[at] != 0 {
                at = (at + 1) & (size - 1);
            }
            self.slots[at] = number as u32 + 1;
        }
    }
}

/// Explores from the initial state until everything is known, a fault shows, or `states_max` states
/// are known.
pub(super) fn explore<M: Model>(model: &mut M, states_max: usize) -> Graph<M::State> {
    let mut index = Index::new();
    let mut graph = Graph {
        states: Vec::new(),
        parents: vec![0],
        ends: Vec::new(),
        targets: Vec::new(),
        depth: 0,
        end: End::Complete,
    };
    index.number::<M>(&mut graph.states, &model.initial());
    let mut level_end = 1; // The first number that is further away than the current level.
    let mut successors = Vec::new();
    let mut next = 0;
    while next < graph.states.len() {
        if graph.states.len() >= states_max {
            graph.end = End::Limit;
            return graph;
        }
        if next == level_end {
            graph.depth += 1;
            level_end = graph.states.len();
        }
        successors.clear();
        if let Err(fault) = model.expand(&graph.states[next].clone(), &mut successors) {
            graph.end = End::Fault(next as u32, fault);
            return graph;
        }
        if successors.is_empty() {
            graph.end = End::Fault(next as u32, Fault::Deadlock);
            return graph;
        }
        for (state, wish) in &successors {
            let (number, new) = index.number::<M>(&mut graph.states, state);
            if new {
                graph.parents.push(next as u32);
            }
            debug_assert!(number < WISH, "states are limited below that");
            graph.targets.push(if *wish { number | WISH } else { number });
        }
        graph.ends.push(graph.targets.len());
        next += 1;
    }
    if let Some(stuck) = graph.first_never_quiet(model) {
        graph.end = End::Fault(stuck, Fault::NeverQuiet);
    }
    graph
}

impl<S: Copy + Eq> Graph<S> {
    /// A shortest way from the initial state to this one, both included.
    pub(super) fn path_to(&self, id: u32) -> Vec<S> {
        let mut path = vec![self.states[id as usize]];
        let mut at = id;
        while at != 0 {
            at = self.parents[at as usize];
            path.push(self.states[at as usize]);
        }
        path.reverse();
        path
    }

    /// The nearest state from which no quiescent state can be reached by what is under way alone, by a
    /// search backward from all quiescent states. A message that waits until somebody wishes to evict is stuck.
    fn first_never_quiet<M: Model<State = S>>(&self, model: &M) -> Option<u32> {
        let count = self.states.len();
        // The sources of each state, grouped by target with a counting sort.
        let mut starts = vec![0_usize; count + 1];
        let progress = |target: &&u32| **target & WISH == 0;
        for &target in self.targets.iter().filter(progress) {
            starts[target as usize + 1] += 1;
        }
        for i in 0..count {
            starts[i + 1] += starts[i];
        }
        let mut fill = starts.clone();
        let mut sources = vec![0_u32; self.targets.len()];
        let mut begin = 0;
        for (source, &end) in self.ends.iter().enumerate() {
            for &target in self.targets[begin..end].iter().filter(progress) {
                sources[fill[target as usize]] = source as u32;
                fill[target as usize] += 1;
            }
            begin = end;
        }
        let mut quiet: Vec<bool> = self.states.iter().map(|s| model.is_quiescent(s)).collect();
        let mut todo: Vec<u32> = (0..count as u32).filter(|&i| quiet[i as usize]).collect();
        while let Some(id) = todo.pop() {
            for &source in &sources[starts[id as usize]..starts[id as usize + 1]] {
                if !quiet[source as usize] {
                    quiet[source as usize] = true;
                    todo.push(source);
                }
            }
        }
        quiet.iter().position(|&q| !q).map(|i| i as u32)
    }
}
