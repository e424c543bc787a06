// SPDX-License-Identifier: MIT OR Apache-2.0
//! A path through the graph, step by step, for people and for directed runs.

use super::{Fault, Graph, State, Step};
use crate::isa::{ContextKind, Pc};

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceStep {
    /// What was chosen.
    pub step: Step,
    /// Whose step it is.
    pub core: usize,
    /// The context it begins in: 0 is the task, the others handlers.
    pub level: usize,
    /// Kind of that context.
    pub kind: ContextKind,
    /// Micro-ops executed, in order; the first is where the core stood. None for a store that becomes visible.
    pub pcs: Vec<Pc>,
    /// Marks reported, with their arguments; only with [`super::System::watch`].
    pub said: Vec<(Pc, [u64; 3])>,
    /// The state after it.
    pub after: State,
}

/// A step that was recorded, from one state to another.
pub(super) fn trace_step(before: &State, core: usize, step: Step, mut after: State) -> TraceStep {
    let pcs = std::mem::take(&mut after.trail);
    let said = std::mem::take(&mut after.said);
    let c = &before.cores[core];
    let kind = c.running().map_or(ContextKind::Task, |c| c.kind);
    TraceStep { step, core, level: c.handlers.len(), kind, pcs, said, after }
}

impl Graph<'_> {
    /// The states of a shortest path from a start to a state, both with it.
    #[must_use]
    pub fn route(&self, state: usize) -> Vec<usize> {
        let mut route: Vec<usize> = std::iter::successors(Some(state), |s| self.parent(*s)).collect();
        route.reverse();
        route
    }

    /// The steps along states that follow each other, and the first state.
    ///
    /// # Panics
    /// If there is no state, or one has no step to the next.
    pub fn along(&mut self, route: &[usize]) -> (State, Vec<TraceStep>) {
        let first = self.state(route[0]);
        let steps = route.windows(2).map(|w| self.step_between(w[0], w[1])).collect();
        (first, steps)
    }

    /// Every step of a state with where it leads; what fails is left out.
    ///
    /// # Errors
    /// The first fault.
    pub fn steps_from(&mut self, from: usize) -> Result<Vec<(TraceStep, usize)>, Fault> {
        let state = self.state(from);
        self.cx.record = true;
        let mut out = Vec::new();
        for core in 0..state.cores.len() {
            let mut next = Vec::new();
            let done = self.system.steps_of(&mut self.cx, &state, core, &mut next);
            if done.is_err() {
                self.cx.record = false;
            }
            done?;
            for (step, after) in next {
                let Some(to) = self.find(&after) else { continue };
                out.push((trace_step(&state, core, step, after), to));
            }
        }
        self.cx.record = false;
        Ok(out)
    }

    fn step_between(&mut self, from: usize, to: usize) -> TraceStep {
        let steps = self.steps_from(from).unwrap_or_default();
        let found = steps.into_iter().find(|(_, t)| *t == to);
        found.expect("an edge of the graph is a step").0
    }
}
