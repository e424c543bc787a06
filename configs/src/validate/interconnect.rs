// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules of interconnects: links that move, everything placed, every stop reachable.

use std::collections::BTreeMap;

use super::machine::{CLOCK_KHZ_MIN, at_least_a_cycle, between, not_too_long};
use super::{Check, broken, finding, not_blank, undeclared, unique};
use crate::interconnect::{Graph, Grid, Interconnect, Joined, Link};
use crate::machine::{LINE_BYTES, Machine, Numa};
use crate::units::{Frequency, Span};

/// Most memory controllers of a shape or stop.
const CONTROLLERS_MAX: u32 = 64;
/// Most stops of a graph.
const STOPS_MAX: usize = 2048;
/// Most links between parts.
const PART_LINKS_MAX: usize = 1024;
/// Most links of a graph.
const LINKS_MAX: usize = 8192;

/// Checks the interconnect of a machine and the messages on it.
pub(super) fn interconnect(m: &Machine) -> Check {
    let top = Place { khz: m.clock.khz(), is_part: false };
    match &m.interconnect {
        Interconnect::Joined(j) => joined("machine.interconnect", j, m.cores, &top)?,
        Interconnect::Graph(g) => graph("machine.interconnect", g, m.cores, &top)?,
        simple => shape("machine.interconnect", simple, m.cores, &top)?,
    }
    if let Numa::Node(n) = m.numa {
        let nodes = m.interconnect.nodes(m.cores).len();
        if n as usize >= nodes {
            let rule = format!("the machine has {nodes} memory nodes, counted from 0");
            return Err(broken("machine.numa", format_args!("Node({n})"), &rule, "each part with cores is one"));
        }
    }
    between("machine.messages.control_bytes", m.messages.control_bytes, 1, 4096)?;
    between("machine.messages.data_bytes", m.messages.data_bytes, LINE_BYTES as u32, 4096)
}

/// Where a shape stands.
struct Place {
    khz: u64,
    is_part: bool,
}

fn shape(path: &str, i: &Interconnect, cores: u32, place: &Place) -> Check {
    let controllers = |n: u32| {
        let least = u32::from(!place.is_part);
        between(&format!("{path}.memory_controllers"), n, least, CONTROLLERS_MAX)
    };
    match i {
        Interconnect::Ring(r) => {
            latency(&format!("{path}.hop"), r.hop, r.clock, place)?;
            between(&format!("{path}.link_bytes_per_cycle"), r.link_bytes_per_cycle, 1, 4096)?;
            clock(&format!("{path}.clock"), r.clock, place)?;
            controllers(r.memory_controllers)
        }
        Interconnect::Bus(b) => {
            latency(&format!("{path}.latency"), b.latency, b.clock, place)?;
            between(&format!("{path}.bytes_per_cycle"), b.bytes_per_cycle, 1, 4096)?;
            clock(&format!("{path}.clock"), b.clock, place)?;
            controllers(b.memory_controllers)
        }
        Interconnect::Crossbar(c) => {
            link(&format!("{path}.link"), &c.link, place)?;
            controllers(c.memory_controllers)
        }
        Interconnect::Mesh(g) | Interconnect::Torus(g) => grid(path, g, cores, place),
        Interconnect::Joined(_) | Interconnect::Graph(_) => {
            let rule = "a part is a Ring, Bus, Crossbar, Mesh or Torus";
            let help = "write all stops and links as one Graph if that is not enough";
            Err(finding(path, format!("{path}: {rule}"), rule, help))
        }
    }
}

fn latency(path: &str, span: Span, own: Option<Frequency>, place: &Place) -> Check {
    at_least_a_cycle(path, span)?;
    not_too_long(path, span, own.map_or(place.khz, Frequency::khz))
}

fn clock(path: &str, own: Option<Frequency>, place: &Place) -> Check {
    let Some(f) = own else { return Ok(()) };
    if f.khz() < CLOCK_KHZ_MIN {
        return Err(broken(path, format_args!("\"{f}\""), "must be at least 1MHz", ""));
    }
    if f.khz() > place.khz {
        let rule = format!("must not be over machine.clock = \"{}\"", Frequency::from_khz(place.khz));
        let help = "give a faster link the core's clock and more bytes per cycle";
        return Err(broken(path, format_args!("\"{f}\""), &rule, help));
    }
    Ok(())
}

fn link(path: &str, l: &Link, place: &Place) -> Check {
    latency(&format!("{path}.latency"), l.latency, l.clock, place)?;
    between(&format!("{path}.bytes_per_cycle"), l.bytes_per_cycle, 1, 4096)?;
    between(&format!("{path}.queue"), l.queue, 1, 1024)?;
    clock(&format!("{path}.clock"), l.clock, place)
}

fn grid(path: &str, g: &Grid, cores: u32, place: &Place) -> Check {
    between(&format!("{path}.columns"), g.columns, 1, 64)?;
    between(&format!("{path}.rows"), g.rows, 1, 64)?;
    if g.columns * g.rows > STOPS_MAX as u32 {
        let rule = format!("{} columns times that is over {STOPS_MAX} stops", g.columns);
        return Err(broken(format!("{path}.rows"), g.rows, &rule, "join several parts, or put more cores at a stop"));
    }
    between(&format!("{path}.cores_per_stop"), g.cores_per_stop, 1, 64)?;
    for (field, stops) in [("empty_stops", &g.empty_stops), ("memory_stops", &g.memory_stops)] {
        for (i, &(c, r)) in stops.iter().enumerate() {
            if c >= g.columns || r >= g.rows {
                let rule = format!("(column, row) is at most ({}, {})", g.columns - 1, g.rows - 1);
                return Err(broken(
                    format!("{path}.{field}[{i}]"),
                    format_args!("({c}, {r})"),
                    &rule,
                    "both count from 0",
                ));
            }
        }
    }
    if g.memory_stops.len() > CONTROLLERS_MAX as usize || (g.memory_stops.is_empty() && !place.is_part) {
        let message = format!("{path}.memory_stops has {} stops, must be 1 to {CONTROLLERS_MAX}", g.memory_stops.len());
        return Err(finding(format!("{path}.memory_stops"), message, "must be 1 to 64 stops", "such as [(0, 0)]"));
    }
    if g.room() < cores {
        let message = format!(
            "{path}.columns = {}: {cores} cores do not fit: {} rows, less the empty stops, times cores_per_stop {} have room for {}",
            g.columns,
            g.rows,
            g.cores_per_stop,
            g.room()
        );
        return Err(finding(format!("{path}.columns"), message, "too few stops", ""));
    }
    link(&format!("{path}.link"), &g.link, place)
}

/// Stops of a part, without a gateway of its own.
fn part_stops(i: &Interconnect, cores: u32) -> u32 {
    match i {
        Interconnect::Mesh(g) | Interconnect::Torus(g) => g.columns * g.rows,
        other => cores + other.memory_controllers(),
    }
}

fn joined(path: &str, j: &Joined, cores: u32, top: &Place) -> Check {
    let parts_path = format!("{path}.parts");
    if !(2..=64).contains(&j.parts.len()) {
        let message = format!("{parts_path} has {} parts, must be 2 to 64", j.parts.len());
        return Err(finding(parts_path, message, "must be 2 to 64 parts", ""));
    }
    let inner = Place { khz: top.khz, is_part: true };
    for (i, p) in j.parts.iter().enumerate() {
        let part = format!("{parts_path}[{i}]");
        if p.cores > cores {
            let rule = format!("must not be over machine.cores = {cores}");
            return Err(broken(format!("{part}.cores"), p.cores, &rule, ""));
        }
        shape(&format!("{part}.interconnect"), &p.interconnect, p.cores, &inner)?;
        let stops = part_stops(&p.interconnect, p.cores);
        if p.gateway.is_some_and(|g| g >= stops) {
            let rule = format!("the part has {stops} stops, counted from 0");
            let help = "leave it out to give the part a stop for it";
            return Err(broken(format!("{part}.gateway"), p.gateway.unwrap_or(0), &rule, help));
        }
    }
    let stops: u32 = j.parts.iter().map(|p| part_stops(&p.interconnect, p.cores) + 1).sum();
    if stops > STOPS_MAX as u32 {
        let rule = format!("must be at most {STOPS_MAX} stops");
        return Err(finding(&parts_path, format!("{parts_path} have {stops} stops, {rule}"), &rule, ""));
    }
    let placed: u32 = j.parts.iter().map(|p| p.cores).sum();
    if placed != cores {
        let message = format!("{parts_path} have {placed} cores, machine.cores = {cores}");
        return Err(finding(parts_path, message, "cores of parts must add up", ""));
    }
    if j.parts.iter().all(|p| p.interconnect.memory_controllers() == 0) {
        let message = format!("{parts_path} have no memory controller");
        return Err(finding(parts_path, message, "no memory controller", "give one to some part at least"));
    }
    let links_path = format!("{path}.links");
    if j.links.len() > PART_LINKS_MAX {
        let rule = format!("must be at most {PART_LINKS_MAX} links");
        return Err(finding(&links_path, format!("{links_path} has {} links, {rule}", j.links.len()), &rule, ""));
    }
    let mut edges = Vec::new();
    for (i, l) in j.links.iter().enumerate() {
        for (field, end) in [("from", l.from), ("to", l.to)] {
            if end as usize >= j.parts.len() {
                let rule = format!("there are {} parts, counted from 0", j.parts.len());
                return Err(broken(format!("{links_path}[{i}].{field}"), end, &rule, ""));
            }
        }
        if l.from == l.to {
            let rule = "a link joins two different parts";
            return Err(broken(format!("{links_path}[{i}].to"), l.to, rule, ""));
        }
        link(&format!("{links_path}[{i}].link"), &l.link, top)?;
        edges.extend([(l.from as usize, l.to as usize), (l.to as usize, l.from as usize)]);
    }
    connected(&links_path, j.parts.len(), &edges, |i| format!("part {i}"))
}

fn graph(path: &str, g: &Graph, cores: u32, top: &Place) -> Check {
    let (stops_path, links_path) = (format!("{path}.stops"), format!("{path}.links"));
    for (path, what, n, max) in
        [(&stops_path, "stops", g.stops.len(), STOPS_MAX), (&links_path, "links", g.links.len(), LINKS_MAX)]
    {
        if n > max || (what == "stops" && n == 0) {
            let rule = format!("must be 1 to {max} {what}");
            return Err(finding(path, format!("{path} has {n} {what}, {rule}"), &rule, ""));
        }
    }
    let names = || g.stops.iter().map(|s| s.name.as_str());
    for (i, s) in g.stops.iter().enumerate() {
        not_blank(&format!("{stops_path}[{i}].name"), &s.name, "links refer to it")?;
        between(&format!("{stops_path}[{i}].memory_controllers"), s.memory_controllers, 0, CONTROLLERS_MAX)?;
    }
    unique(names(), |i| format!("{stops_path}[{i}].name"))?;
    placed_once(&stops_path, "cores", "core", Some(cores), g.stops.iter().map(|s| s.cores.as_slice()))?;
    placed_once(&stops_path, "slices", "slice", None, g.stops.iter().map(|s| s.slices.as_slice()))?;
    if g.stops.iter().all(|s| s.memory_controllers == 0) {
        let message = format!("{stops_path} have no memory controller");
        return Err(finding(stops_path, message, "no memory controller", "write memory_controllers: 1 in some stop"));
    }
    let number: BTreeMap<&str, usize> = names().zip(0..).collect();
    let mut edges = Vec::new();
    for (i, l) in g.links.iter().enumerate() {
        let end = |field: &str, name: &str| {
            let found = number.get(name).copied();
            found.ok_or_else(|| undeclared(format!("{links_path}[{i}].{field}"), "stop", name, names()))
        };
        let (from, to) = (end("from", &l.from)?, end("to", &l.to)?);
        if from == to {
            let rule = "a link joins two different stops";
            return Err(broken(format!("{links_path}[{i}].to"), format_args!("\"{}\"", l.to), rule, ""));
        }
        link(&format!("{links_path}[{i}].link"), &l.link, top)?;
        edges.push((from, to));
        edges.extend((!l.one_way).then_some((to, from)));
    }
    connected(&links_path, g.stops.len(), &edges, |i| format!("stop \"{}\"", g.stops[i].name))
}

/// Every number from 0 to `count - 1` (or to the greatest there is) stands in exactly one list.
fn placed_once<'a>(
    path: &str,
    field: &str,
    what: &str,
    count: Option<u32>,
    lists: impl Iterator<Item = &'a [u32]>,
) -> Check {
    let mut seen: BTreeMap<u32, String> = BTreeMap::new();
    for (i, list) in lists.enumerate() {
        for (j, &n) in list.iter().enumerate() {
            let here = format!("{path}[{i}].{field}[{j}]");
            let most = count.unwrap_or(crate::machine::CORES_MAX);
            if n >= most {
                let rule = match count {
                    Some(c) => format!("machine.cores = {c}, and they count from 0"),
                    None => format!("there are at most {most}, and they count from 0"),
                };
                return Err(broken(here, n, &rule, ""));
            }
            if let Some(first) = seen.get(&n) {
                let message = format!("{what} {n} is placed twice, first at {first}");
                return Err(finding(here, message, "placed twice", "each has one place"));
            }
            seen.insert(n, here);
        }
    }
    let wanted = count.unwrap_or_else(|| seen.keys().next_back().map_or(1, |n| n + 1));
    if let Some(missing) = (0..wanted).find(|n| !seen.contains_key(n)) {
        let message = format!("{what} {missing} is placed nowhere in {path}");
        let help = format!("write {field}: [{missing}] in a stop");
        return Err(finding(path, message, &format!("{what} {missing} is missing"), &help));
    }
    Ok(())
}

/// There is a way from everything to everything.
fn connected(path: &str, n: usize, edges: &[(usize, usize)], name: impl Fn(usize) -> String) -> Check {
    let reached = |forwards: bool| {
        let mut next = vec![Vec::new(); n];
        for &(a, b) in edges {
            let (from, to) = if forwards { (a, b) } else { (b, a) };
            next[from].push(to);
        }
        let (mut seen, mut open) = (vec![false; n], vec![0]);
        seen[0] = true;
        while let Some(here) = open.pop() {
            for &to in &next[here] {
                if !std::mem::replace(&mut seen[to], true) {
                    open.push(to);
                }
            }
        }
        seen.iter().position(|s| !s)
    };
    let gap = match (reached(true), reached(false)) {
        (Some(far), _) => Some((0, far)),
        (None, Some(far)) => Some((far, 0)),
        (None, None) => None,
    };
    let Some((from, to)) = gap else { return Ok(()) };
    let message = format!("there is no way from {} to {}", name(from), name(to));
    Err(finding(path, message, "not connected", "add a link, or take a stop away"))
}
