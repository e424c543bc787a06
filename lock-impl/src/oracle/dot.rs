// SPDX-License-Identifier: MIT OR Apache-2.0
//! The graph as graphviz text.

use super::edges::Edge;
use super::graph::Graph;
use super::state::{ContextId, State};
use petgraph::dot::{Config, Dot};
use petgraph::graph::{DiGraph, EdgeReference, NodeIndex};
use petgraph::visit::EdgeRef;

/// Text for `dot -Tsvg` and the like; nodes in the order of cpu and depth.
pub(super) fn render(state: &State, lock_name: &dyn Fn(u64) -> String) -> String {
    let busy = state
        .frames()
        .filter(|f| f.attempt.is_some() || f.held > 0 || f.wait.is_some() || f.id.depth > 0)
        .map(|f| f.id);
    let graph = Graph::reachable(state, busy);
    type Net = DiGraph<ContextId, Edge>;
    let edge_attributes = |net: &Net, edge: EdgeReference<'_, Edge>| {
        let reason = edge.weight().reason;
        let mut label = reason.to_string();
        if let Some(lock) = reason.lock() {
            label = format!("{}: {label}", lock_name(lock));
        }
        // Two contexts on cycles may be on different ones; then the edge between them is on none.
        let closed = graph.same_deadlock(net[edge.source()], net[edge.target()]);
        let color = if closed { "red" } else { "black" };
        format!("label=\"{}\" color={color}", escaped(&label))
    };
    let node_attributes = |_: &Net, (_, &context): (NodeIndex, &ContextId)| {
        let label = node_label(state, context, lock_name);
        let on_cycle = graph.is_on_cycle(context);
        let color = if on_cycle { "red" } else { "black" };
        format!("label=\"{label}\" color={color} shape=box")
    };
    let config = [Config::EdgeNoLabel, Config::NodeNoLabel];
    let dot = Dot::with_attr_getters(&graph.net, &config, &edge_attributes, &node_attributes);
    format!("{dot:?}")
}

/// Lines of a node, already escaped.
fn node_label(state: &State, context: ContextId, lock_name: &dyn Fn(u64) -> String) -> String {
    let Some(frame) = state.frame(context) else {
        return String::new();
    };
    let mut lines = vec![frame.who().to_string()];
    let held: Vec<String> = state.locks_held_by(context).into_iter().map(lock_name).collect();
    if !held.is_empty() {
        lines.push(format!("holds {}", held.join(", ")));
    }
    if let Some(attempt) = &frame.attempt {
        let how = frame.wait.as_ref().map_or("running", |w| w.kind.name());
        let lock = lock_name(state.locks[attempt.lock].address);
        lines.push(format!("wants {lock} ({how})"));
    }
    let escaped: Vec<String> = lines.iter().map(|l| escaped(l)).collect();
    escaped.join("\\n")
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
