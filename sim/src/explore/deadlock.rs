// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attempts that are told EDEADLK though there is no deadlock: on any path, not only on a shortest one.
//!
//! What was so on the way excuses a decision: a circle through the attempt at some time since the detector began to look, or, if the
//! attempt has not waited, one that it would have closed by waiting. So states are told apart by what is to be known of the way to them:
//! whether the attempt has waited, and whether the look has been free of circles. With these, all paths of all attempts are followed.

use std::collections::{BTreeMap, BTreeSet};

use sim_core::isa::{Detector, EDEADLK, WaitKind};
use sim_core::program::Program;
use sim_core::untimed::{Claim, CoreState, Graph, Stage, on_cycle};

use super::check::{Finding, Property, waiting};

/// A state within an attempt, and what is known of a way to it.
#[derive(Clone, Copy, Debug)]
struct Node {
    state: u32,
    /// The attempt has waited.
    waited: bool,
    /// No circle since the detector that looks now began to.
    free: bool,
    before: Before,
}

#[derive(Clone, Copy, Debug)]
enum Before {
    /// The attempt begins behind this state.
    State(u32),
    /// Number of the node before it.
    Node(u32),
}

impl Node {
    const fn bit(self) -> u8 {
        1 << (self.waited as u8 + 2 * self.free as u8)
    }
}

/// A nearest path, and the states that show the same.
type Shown = (Vec<usize>, BTreeSet<u32>);

/// The attempts of one context of one core, in the whole graph.
struct Attempts<'a, 's> {
    graph: &'a Graph<'s>,
    core: usize,
    level: u8,
    /// `[core part]`: the attempt that is open there.
    open: Vec<Option<Claim>>,
    /// `[state]`: whether it is on a circle, once asked.
    circle: Vec<Option<bool>>,
    nodes: Vec<Node>,
    /// `[state]`: nodes there are, by [`Node::bit`].
    known: Vec<u8>,
}

/// For each detector the nearest decision that nothing excuses, and how many states show one.
pub(super) fn untrue_deadlocks(graph: &Graph<'_>, program: &Program) -> Vec<Finding> {
    let mut depth = vec![0_u32; graph.len()];
    let mut contexts: BTreeSet<(usize, u8)> = BTreeSet::new();
    for s in 0..graph.len() {
        depth[s] = graph.parent(s).map_or(0, |p| depth[p] + 1);
        for (core, c) in graph.cores_of(s).into_iter().enumerate() {
            contexts.extend(c.claims.iter().filter(|c| c.error == EDEADLK).map(|c| (core, c.level)));
        }
    }
    let mut found: BTreeMap<&'static str, Shown> = BTreeMap::new();
    for (core, level) in contexts {
        for (by, (path, states)) in Attempts::of(graph, core, level).follow(&depth) {
            let all = found.entry(by).or_insert_with(|| (path.clone(), BTreeSet::new()));
            all.1.extend(states);
            if path.len() < all.0.len() {
                all.0 = path;
            }
        }
    }
    let finding = |(by, (path, states)): (&'static str, Shown)| {
        let waits = waiting(&graph.state(*path.last().expect("a path has a state")), program);
        let what = format!("an attempt is told EDEADLK ({by}) and nobody waits in a circle through it: {waits}");
        Finding { property: Property::TrueDeadlock, by: Some(by), what, path, count: states.len() }
    };
    found.into_iter().map(finding).collect()
}

/// To be patient while the lock is handed over is not to wait.
fn waits(c: &Claim) -> bool {
    matches!(c.stage, Stage::Waits(kind) if kind != WaitKind::PendingHandOver)
}

impl<'a, 's> Attempts<'a, 's> {
    fn of(graph: &'a Graph<'s>, core: usize, level: u8) -> Self {
        let open = |c: &CoreState| c.claims.iter().find(|c| c.level == level && !c.owned).copied();
        Attempts {
            graph,
            core,
            level,
            open: graph.cores().iter().map(open).collect(),
            circle: vec![None; graph.len()],
            nodes: Vec::new(),
            known: vec![0; graph.len()],
        }
    }

    /// The attempt that is open in a state.
    fn at(&self, state: u32) -> Option<Claim> {
        self.open[self.graph.tuple(state as usize)[self.core] as usize]
    }

    fn on_circle(&mut self, state: u32) -> bool {
        let (graph, who) = (self.graph, (self.core, self.level));
        *self.circle[state as usize].get_or_insert_with(|| on_cycle(&graph.cores_of(state as usize), who))
    }

    fn push(&mut self, node: Node) {
        let known = &mut self.known[node.state as usize];
        if *known & node.bit() == 0 {
            *known |= node.bit();
            self.nodes.push(node);
        }
    }

    /// Follows all paths of all attempts, those nearest to the start first.
    fn follow(mut self, depth: &[u32]) -> BTreeMap<&'static str, Shown> {
        let graph = self.graph;
        let mut found: BTreeMap<&'static str, Shown> = BTreeMap::new();
        // States are numbered by their distance from the start: one step of all paths at a time.
        let (mut start, mut done, mut distance) = (0, 0, 0);
        while start < graph.visited() || done < self.nodes.len() {
            let end = self.nodes.len();
            for i in done..end {
                let node = self.nodes[i];
                if node.state as usize >= graph.visited() {
                    continue;
                }
                for edge in graph.edges(node.state as usize) {
                    let Some(after) = self.step(node, i as u32, edge.to() as u32) else { continue };
                    if let Some(by) = self.untrue(node, after) {
                        found.entry(by).or_insert_with(|| (self.way(after), BTreeSet::new())).1.insert(after.state);
                    }
                    self.push(after);
                }
            }
            done = end;
            while start < graph.visited() && depth[start] == distance {
                if self.at(start as u32).is_none() {
                    for edge in graph.edges(start) {
                        self.begin(start as u32, edge.to() as u32);
                    }
                }
                start += 1;
            }
            distance += 1;
        }
        found
    }

    /// A step with which an attempt may begin.
    fn begin(&mut self, from: u32, to: u32) {
        if let Some(claim) = self.at(to) {
            let free = claim.looked == 0 || !self.on_circle(to);
            self.push(Node { state: to, waited: waits(&claim), free, before: Before::State(from) });
        }
    }

    /// A step within an attempt.
    fn step(&mut self, from: Node, number: u32, to: u32) -> Option<Node> {
        let (before, after) = (self.at(from.state)?, self.at(to)?);
        if before.lock != after.lock {
            return None;
        }
        let looks_on = after.looked == before.looked;
        let free = after.looked == 0 || ((from.free || !looks_on) && !self.on_circle(to));
        Some(Node { state: to, waited: from.waited || waits(&after), free, before: Before::Node(number) })
    }

    /// The detector that tells this attempt of a deadlock in a step that nothing excuses.
    fn untrue(&mut self, from: Node, to: Node) -> Option<&'static str> {
        let claim = self.at(to.state)?;
        if claim.error != EDEADLK || self.at(from.state)?.error == EDEADLK {
            return None;
        }
        // Without a look there is only this moment; or the circle that it avoided.
        let circle = if claim.looked == 0 { self.on_circle(to.state) } else { !to.free };
        let excused = circle || (!to.waited && self.would_close(to.state));
        let by = Detector::from_number(u64::from(claim.looked)).map_or("try_once", Detector::name);
        (!excused).then_some(by)
    }

    /// Whether the attempt would be on a circle if it waited for everybody who has or wants the lock: what the oracle of timed
    /// runs asks of one that never waited.
    fn would_close(&self, state: u32) -> bool {
        let mut cores = self.graph.cores_of(state as usize);
        let mut waiting = cores[self.core].clone();
        let Some(own) = waiting.claims.iter_mut().find(|c| c.level == self.level && !c.owned) else { return false };
        own.stage = Stage::Waits(WaitKind::Fallback);
        cores[self.core] = &waiting;
        on_cycle(&cores, (self.core, self.level))
    }

    /// The states of a way from the start to a node.
    fn way(&self, end: Node) -> Vec<usize> {
        let mut back = vec![end.state as usize];
        let mut before = end.before;
        loop {
            match before {
                Before::Node(i) => {
                    back.push(self.nodes[i as usize].state as usize);
                    before = self.nodes[i as usize].before;
                }
                Before::State(s) => {
                    let mut way = self.graph.route(s as usize);
                    way.extend(back.into_iter().rev());
                    return way;
                }
            }
        }
    }
}
