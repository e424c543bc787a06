// SPDX-License-Identifier: MIT OR Apache-2.0
//! EDEADLK without a deadlock: what the search of all paths says is what one path after another shows.

use std::collections::{BTreeMap, BTreeSet};

use rqsim::explore::{Property, check};
use sim_core::isa::{Detector, EDEADLK, WaitKind};
use sim_core::rng::Stream;
use sim_core::untimed::{Budget, Claim, End, Graph, Stage, on_cycle, search};

use crate::{BYTES, SIZE, lab, only, system_of};

const WALKS: u64 = 3000;
const STEPS: usize = 150;

fn attempt(graph: &Graph<'_>, state: usize, core: usize, level: u8) -> Option<Claim> {
    graph.cores_of(state)[core].claims.iter().find(|c| c.level == level && !c.owned).copied()
}

/// The detector that tells somebody of a deadlock in the last step of a path though nothing on it excuses that: the definition, on one path.
fn untrue(graph: &Graph<'_>, path: &[usize]) -> Option<&'static str> {
    let [.., before, last] = path else { return None };
    for core in 0..graph.cores_of(*last).len() {
        for level in 0..4 {
            let of = |s: usize| attempt(graph, s, core, level);
            let Some(claim) = of(*last).filter(|c| c.error == EDEADLK) else { continue };
            if of(*before).is_none_or(|c| c.error == EDEADLK) {
                continue;
            }
            let circle = |s: &usize| on_cycle(&graph.cores_of(*s), (core, level));
            let look = path
                .iter()
                .rev()
                .take_while(|s| of(**s).is_some_and(|c| claim.looked != 0 && c.looked == claim.looked));
            let open = || path.iter().rev().map_while(|s| of(*s)).take_while(|c| c.lock == claim.lock);
            let waited = open().any(|c| matches!(c.stage, Stage::Waits(k) if k != WaitKind::PendingHandOver));
            let mut cores: Vec<_> = graph.cores_of(*last).into_iter().cloned().collect();
            let own = cores[core].claims.iter_mut().find(|c| c.level == level && !c.owned).expect("it is open");
            own.stage = Stage::Waits(WaitKind::Fallback);
            let closes = on_cycle(&cores.iter().collect::<Vec<_>>(), (core, level));
            if !(circle(last) || look.clone().any(circle) || (!waited && closes)) {
                return Some(Detector::from_number(u64::from(claim.looked)).map_or("try_once", Detector::name));
            }
        }
    }
    None
}

/// What random paths show, and what the search says: detectors, with the path it gives for each.
fn both(preset: &str, stage: &str) -> (BTreeSet<&'static str>, BTreeMap<&'static str, usize>) {
    let plan = lab(preset, |e| only(e, &[stage]));
    let system = system_of(&plan, 0, &SIZE);
    let graph = search(&system, Budget { bytes: BYTES, over: &mut |_| false });
    assert_eq!(graph.end, End::Complete);
    let mut said = BTreeMap::new();
    for f in check(&graph, &system.program).into_iter().filter(|f| f.property == Property::TrueDeadlock) {
        let by = f.by.expect("a detector");
        assert_eq!(untrue(&graph, &f.path), Some(by), "{preset} {stage}: the path that is given");
        said.insert(by, f.path.len());
    }
    let mut shown = BTreeSet::new();
    for walk in 0..WALKS {
        let mut stream = Stream::derive(walk, 0, "paths");
        let mut path = vec![0];
        for _ in 0..STEPS {
            let edges: Vec<_> = graph.edges(path[path.len() - 1]).collect();
            if edges.is_empty() {
                break;
            }
            path.push(edges[stream.below(edges.len() as u64) as usize].to());
            if let Some(by) = untrue(&graph, &path) {
                shown.insert(by);
                let shortest = said.get(by).unwrap_or_else(|| panic!("{preset} {stage}: {by} is not found"));
                assert!(*shortest <= path.len(), "{preset} {stage}: {by} has a shorter path");
            }
        }
    }
    (shown, said)
}

#[test]
fn a_path_that_shows_a_deadlock_that_is_none_is_found_and_no_longer_than_any() {
    let (shown, said) = both("explore-aa.ron", "next +1-5");
    assert!(shown.is_subset(&said.keys().copied().collect()) && !shown.is_empty(), "{shown:?} of {said:?}");
    let (shown, said) = both("explore-abba.ron", "next +1-5");
    assert!(shown.is_subset(&said.keys().copied().collect()) && !shown.is_empty(), "{shown:?} of {said:?}");
    // Without an interrupt, and with one lock, nobody is told.
    assert_eq!(both("explore-plain.ron", "next +1-5"), (BTreeSet::new(), BTreeMap::new()));
}
