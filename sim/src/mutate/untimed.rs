// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a program can do under every interleaving, in a form in which two programs can be compared.

use std::collections::{BTreeMap, BTreeSet};

use sim_core::isa::Detector;
use sim_core::program::Program;
use sim_core::untimed::{Budget, Covered, End, Graph, System, search};

use crate::explore::{PROPERTIES, check, story, told};

/// A property that does not hold, and which way.
pub(super) type Key = (&'static str, Option<&'static str>);

/// A violation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) what: String,
    /// Steps of a shortest path to it.
    pub(super) steps: usize,
    /// The path; empty where the same violation is known already.
    pub(super) story: Vec<String>,
}

/// What a search found.
#[derive(Clone, Debug)]
pub(super) struct Behaviour {
    pub(super) complete: bool,
    pub(super) states: usize,
    pub(super) broken: BTreeMap<Key, Broken>,
    /// Values at the end, by object.
    ends: BTreeMap<String, BTreeSet<Vec<(u64, u64)>>>,
    /// What attempts can be told, and by whom.
    told: BTreeSet<String>,
    /// `[pc]`
    pub(super) covered: Vec<Covered>,
}

/// Name of the finding that a deadline ends attempts in a way in which it did not before.
const TOLD: &str = "ETIMEDOUT by";

/// Searches a system until it has more than `states_max` states. Paths are made to what is not in `known`.
pub(super) fn behaviour(system: &System, bytes: usize, states_max: usize, known: Option<&Behaviour>) -> Behaviour {
    let program = &system.program;
    let mut over = |p: sim_core::untimed::Progress| p.states > states_max;
    let mut graph = search(system, Budget { bytes, over: &mut over });
    let mut broken = BTreeMap::new();
    for f in check(&graph, program) {
        let key = (PROPERTIES[f.property as usize].name(), f.by);
        let (first, path) = graph.along(&f.path);
        let is_known = known.is_some_and(|k| k.broken.contains_key(&key));
        let lines = if is_known { Vec::new() } else { story(program, &first, &path) };
        broken.insert(key, Broken { what: f.what, steps: path.len(), story: lines });
    }
    for by in told(&graph) {
        let by = if by == "flushed" { "flushed" } else { "own deadline" };
        let what = format!("an attempt can end with ETIMEDOUT by {by}");
        broken.insert((TOLD, Some(by)), Broken { what, steps: 0, story: Vec::new() });
    }
    let complete = graph.end == End::Complete;
    Behaviour {
        complete,
        states: graph.len(),
        broken,
        ends: if complete { ends(&graph, program) } else { BTreeMap::new() },
        told: answers(&graph),
        covered: (0..program.ops.len()).map(|pc| graph.covered(pc as u32)).collect(),
    }
}

/// What each object can hold when every task has ended.
fn ends(graph: &Graph<'_>, program: &Program) -> BTreeMap<String, BTreeSet<Vec<(u64, u64)>>> {
    let over: Vec<bool> = graph.cores().iter().map(|c| !c.runs() && c.buffer.is_empty()).collect();
    let mut memories: BTreeMap<u32, usize> = BTreeMap::new();
    for s in 0..graph.len() {
        let (memory, cores) = graph.tuple(s).split_last().expect("a tuple has a memory");
        if cores.iter().all(|c| over[*c as usize]) {
            memories.entry(*memory).or_insert(s);
        }
    }
    let mut out: BTreeMap<String, BTreeSet<Vec<(u64, u64)>>> = BTreeMap::new();
    for s in memories.into_values() {
        let mut by_object: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
        for o in &program.objects {
            by_object.insert(o.name.clone(), Vec::new());
        }
        for (addr, value) in graph.state(s).words() {
            let name = program.object_at(*addr).map_or_else(|| format!("{addr:#x}"), |(o, _)| o.name.clone());
            by_object.entry(name).or_default().push((*addr, *value));
        }
        by_object.into_iter().for_each(|(name, words)| {
            out.entry(name).or_default().insert(words);
        });
    }
    out
}

/// Errors that attempts can be decided to end with, and the check that looked last.
fn answers(graph: &Graph<'_>) -> BTreeSet<String> {
    let claims = graph.cores().iter().flat_map(|c| &c.claims).filter(|c| c.error != 0);
    let name = |looked: u8| Detector::from_number(u64::from(looked)).map_or("no check", Detector::name);
    claims
        .map(|c| {
            format!(
                "{} after {}",
                if c.error == sim_core::isa::EDEADLK { "EDEADLK" } else { "ETIMEDOUT" },
                name(c.looked)
            )
        })
        .collect()
}

impl Behaviour {
    /// What this one breaks and the other does not, nearest first.
    pub(super) fn worse_than(&self, other: &Behaviour) -> Vec<(Key, &Broken)> {
        let new = self.broken.iter().filter(|(k, _)| !other.broken.contains_key(*k));
        let mut all: Vec<(Key, &Broken)> = new.map(|(k, b)| (*k, b)).collect();
        // What has no path comes last: it follows from something else in most cases.
        all.sort_by_key(|(k, b)| (b.steps == 0 && k.0 == TOLD, b.steps));
        all
    }

    /// In what two complete searches differ, in words.
    pub(super) fn differs_from(&self, other: &Behaviour) -> Vec<String> {
        let mut out = Vec::new();
        for (key, _) in other.broken.iter().filter(|(k, _)| !self.broken.contains_key(*k)) {
            out.push(format!("no more: {}", key_text(*key)));
        }
        let objects = |b: &Behaviour| b.ends.keys().cloned().collect::<BTreeSet<_>>();
        let all: BTreeSet<String> = objects(self).union(&objects(other)).cloned().collect();
        let differ: Vec<String> = all.into_iter().filter(|o| self.ends.get(o) != other.ends.get(o)).collect();
        if !differ.is_empty() {
            out.push(format!("values left in {}", differ.join(", ")));
        }
        out.extend(self.told.difference(&other.told).map(|t| format!("also {t}")));
        out.extend(other.told.difference(&self.told).map(|t| format!("no more {t}")));
        out
    }
}

/// `deadlocks true (aa_begin)`.
pub(super) fn key_text((property, by): Key) -> String {
    by.map_or_else(|| property.to_owned(), |by| format!("{property} ({by})"))
}
