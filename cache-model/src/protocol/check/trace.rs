// SPDX-License-Identifier: MIT OR Apache-2.0
//! A way through the explored machine in words.

use super::model::{Machine, Step};
use super::state::{Forward, ForwardKind, HOME, Home, Node, Packed, With, World};

/// The steps along `path`, one per line, and then the last state, one line per cache and one for
/// the home.
pub(super) fn narrate<const N: usize>(machine: &mut Machine<'_, N>, path: &[Packed<N>]) -> Vec<String> {
    let mut lines = Vec::with_capacity(path.len() + N);
    for pair in path.windows(2) {
        let world = World::unpack(&pair[0]);
        let line = machine.steps(&world).into_iter().find_map(|step| {
            let after = machine.take(&world, step).ok().flatten()?;
            (machine.canonical(&after) == pair[1]).then(|| tell(&world, step, &after))
        });
        lines.extend(line);
    }
    if let Some(last) = path.last() {
        let World { nodes, home } = World::unpack(last);
        lines.extend(nodes.iter().enumerate().map(|(c, node)| tell_node(c, node)));
        lines.push(tell_home(&home));
    }
    lines
}

/// One step.
fn tell<const N: usize>(before: &World<N>, step: Step, after: &World<N>) -> String {
    let what = match step {
        Step::Local(_, event) => event.to_string(),
        Step::Forward(c, position) => forward(before.nodes[c].forward.get(position)),
        Step::Data(_) => "data".to_string(),
        Step::Ack(_) | Step::HomeAck => "InvAck".to_string(),
        Step::Request(c) => match before.nodes[c].request {
            Some((request, _)) => format!("{request:?} from cache {c}"),
            None => "nothing".to_string(),
        },
        Step::HomeData => "Data".to_string(),
        Step::Fetched => "MemData".to_string(),
        Step::Recall => "Evict".to_string(),
        Step::EvictData => "EvictData".to_string(),
    };
    match step {
        Step::Local(c, _) | Step::Forward(c, _) | Step::Data(c) | Step::Ack(c) => {
            let (from, to) = (before.nodes[c].state, after.nodes[c].state);
            format!("cache {c}: {what}, {from} -> {to}")
        }
        _ => format!("home: {what}, {} -> {}", before.home.state, after.home.state),
    }
}

/// A message on the forward network.
fn forward(message: Forward) -> String {
    let kind = match message.kind {
        ForwardKind::PutAck => return "PutAck".to_string(),
        ForwardKind::Grant => return format!("Grant with {} acks", message.acks),
        ForwardKind::GetS => "FwdGetS",
        ForwardKind::GetM => "FwdGetM",
        ForwardKind::Inv => "Inv",
    };
    match message.requester {
        HOME => format!("{kind} for the home"),
        cache if message.acks > 0 => format!("{kind} for cache {cache} with {} acks", message.acks),
        cache => format!("{kind} for cache {cache}"),
    }
}

/// A cache, and what is on its way from and to it.
fn tell_node(c: usize, node: &Node) -> String {
    let mut line = format!("in the end: cache {c} in {}", node.state);
    if let Some((request, _)) = node.request {
        line += &format!(", {request:?} sent");
    }
    for message in node.forward.iter() {
        line += &format!(", {} coming", forward(message));
    }
    if let Some(data) = node.data {
        line += &match data.with {
            With::Exclusive => ", exclusive data coming".to_string(),
            With::Forward => ", data to be forwarded coming".to_string(),
            With::Value => ", an old value coming".to_string(),
            With::Acks(acks) => format!(", data with {acks} acks coming"),
        };
    }
    if node.acks > 0 || node.missing != 0 {
        line += &format!(", {} acks coming, {} missing", node.acks, node.missing);
    }
    if node.copy == Some(false) {
        line += ", old data";
    }
    line
}

/// The home, and what is on its way to it.
fn tell_home(home: &Home) -> String {
    let mut line = format!("in the end: home in {}", home.state);
    if let Some(owner) = home.owner {
        line += &format!(", owner {owner}");
    }
    for c in (0..8).filter(|c| home.sharers >> c & 1 == 1) {
        line += &format!(", sharer {c}");
    }
    if home.data.is_some() {
        line += ", an owner's data coming";
    }
    if home.acks > 0 || home.missing > 0 {
        line += &format!(", {} acks coming, {} missing", home.acks, home.missing);
    }
    if home.fetch.is_some() {
        line += ", memory's data coming";
    }
    line
}
