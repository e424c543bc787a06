// SPDX-License-Identifier: MIT OR Apache-2.0
//! The part of the wait-for graph that can be reached from given contexts, as a petgraph graph.
//!
//! Node and edge numbers follow the order in which they were derived from the state, so nothing
//! here depends on a hash.

use super::cycles::Cycle;
use super::edges::{Edge, Reason};
use super::state::{ContextId, Judgement, State};
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, EdgeRef};
use std::collections::{BTreeMap, VecDeque};

/// A reachable part of the graph and the contexts in it that are on a cycle.
#[derive(Debug)]
pub(super) struct Graph {
    /// At most one edge leads from one context to another.
    pub(super) net: DiGraph<ContextId, Edge>,
    nodes: BTreeMap<ContextId, NodeIndex>,
    /// Contexts on cycles, each with the number of its strongly connected component.
    on_cycle: BTreeMap<ContextId, usize>,
    /// Contexts that give up and wait for a successor that does not exist.
    without_heir: Vec<ContextId>,
}

impl Graph {
    /// Everything that can be reached from `roots`, and its strongly connected components.
    pub(super) fn reachable(state: &State, roots: impl IntoIterator<Item = ContextId>) -> Self {
        let mut net = DiGraph::new();
        let mut nodes = BTreeMap::new();
        let mut todo = VecDeque::new();
        for root in roots {
            nodes.entry(root).or_insert_with(|| {
                todo.push_back(root);
                net.add_node(root)
            });
        }
        while let Some(from) = todo.pop_front() {
            let tail = nodes[&from];
            state.each_edge(from, |edge| {
                let head = *nodes.entry(edge.to).or_insert_with(|| {
                    todo.push_back(edge.to);
                    net.add_node(edge.to)
                });
                // Two reasons, one dependence: it is as old as the older of them.
                match net.find_edge(tail, head) {
                    Some(known) => {
                        let known: &mut Edge = &mut net[known];
                        known.since = known.since.min(edge.since);
                    }
                    None => {
                        net.add_edge(tail, head, edge);
                    }
                }
            });
        }
        let without_heir = nodes.keys().copied().filter(|&c| state.gives_up_without_heir(c)).collect();
        let parts = tarjan_scc(&net);
        let cyclic = |part: &[NodeIndex]| part.len() > 1 || net.contains_edge(part[0], part[0]);
        let on_cycle = (parts.iter().enumerate())
            .filter(|(_, part)| cyclic(part))
            .flat_map(|(number, part)| part.iter().map(move |&node| (node, number)))
            .map(|(node, number)| (net[node], number))
            .collect();
        Graph { net, nodes, on_cycle, without_heir }
    }

    /// Whether the context is a member of a cyclic strongly connected component.
    pub(super) fn is_on_cycle(&self, context: ContextId) -> bool {
        self.on_cycle.contains_key(&context)
    }

    /// Whether both are on cycles, and these belong together: an edge between the two is then part
    /// of a cycle.
    pub(super) fn same_deadlock(&self, a: ContextId, b: ContextId) -> bool {
        let part = self.on_cycle.get(&a);
        part.is_some() && part == self.on_cycle.get(&b)
    }

    /// The contexts of the shortest cycle through `start` whose edges had all arisen by cycle
    /// `by`, beginning with `start`. Which of several equally short ones is found depends on the
    /// order of the edges alone.
    pub(super) fn shortest_cycle(&self, start: ContextId, by: u64) -> Option<Vec<ContextId>> {
        let start = *self.nodes.get(&start)?;
        let mut came_from: Vec<Option<NodeIndex>> = vec![None; self.net.node_count()];
        let mut todo = VecDeque::from([start]);
        while let Some(from) = todo.pop_front() {
            for edge in self.net.edges(from).filter(|e| e.weight().since <= by) {
                let to = edge.target();
                if to == start {
                    let back = std::iter::successors(Some(from), |n| came_from[n.index()]);
                    let mut path: Vec<ContextId> = back.map(|n| self.net[n]).collect();
                    path.reverse();
                    return Some(path);
                }
                if came_from[to.index()].is_none() {
                    came_from[to.index()] = Some(from);
                    todo.push_back(to);
                }
            }
        }
        None
    }

    /// When the oldest cycle through `context` formed, and its contexts. A cycle is as old as its
    /// youngest edge; so this is the first moment from which on today's edges closed one.
    pub(super) fn oldest_cycle(&self, context: ContextId) -> Option<(u64, Vec<ContextId>)> {
        let mut births: Vec<u64> = self.net.edge_weights().map(|e| e.since).collect();
        births.sort_unstable();
        births.dedup();
        // Adding edges never breaks a cycle, so "is there one by then" changes once.
        let first = births.partition_point(|&birth| self.shortest_cycle(context, birth).is_none());
        let formed_at = *births.get(first)?;
        Some((formed_at, self.shortest_cycle(context, formed_at)?))
    }

    /// How a context stands to the cycles, given those that are tracked: a tracked cycle keeps its
    /// age when a member goes on to wait for the same context in another way.
    pub(super) fn judge(&self, context: ContextId, live: &[Cycle], own: bool) -> Judgement {
        if !self.is_on_cycle(context) {
            let mut behind_deadlock = false;
            if let Some(&node) = self.nodes.get(&context) {
                let mut search = Dfs::new(&self.net, node);
                while let Some(reached) = search.next(&self.net) {
                    let other = self.net[reached];
                    behind_deadlock |=
                        self.is_on_cycle(other) || other != context && self.without_heir.contains(&other);
                }
            }
            return Judgement { cycle: None, behind_deadlock, own };
        }
        let tracked = live.iter().filter(|c| c.contains(context)).map(|c| (c.formed_at, c.name)).min();
        let derived = self.oldest_cycle(context).map(|(formed_at, path)| {
            let name = Cycle::name_of(&self.reasons(&path));
            (formed_at, name)
        });
        let cycle = match (tracked, derived) {
            (Some(t), Some(d)) => Some(if t.0 <= d.0 { t } else { d }),
            (t, d) => t.or(d),
        };
        Judgement { cycle, behind_deadlock: false, own }
    }

    /// Why each context of a closed path waits for the next one.
    pub(super) fn reasons(&self, path: &[ContextId]) -> Vec<Reason> {
        path.iter()
            .zip(path.iter().cycle().skip(1))
            .filter_map(|(a, b)| {
                let edge = self.net.find_edge(*self.nodes.get(a)?, *self.nodes.get(b)?)?;
                Some(self.net[edge].reason)
            })
            .collect()
    }
}
