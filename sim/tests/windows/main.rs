// SPDX-License-Identifier: MIT OR Apache-2.0
//! The landing map: exact landings, forks that disturb nothing, rates that brute force confirms, and what bad input is told.

mod brute_force;
mod cli;
mod landings;
mod pairs;
mod split;

use configs::Loaded;
use reports::windows::{Boundary, Map};
use rqsim::plan::{Plan, plan};
use rqsim::windows::{Effort, Part, Prepared, Wanted, map, prepare};

/// An experiment of a preset with some fields changed, and its plan.
#[track_caller]
pub(crate) fn preset(name: &str, changes: &[(&str, &str)]) -> Loaded {
    let mut text = configs::expanded(&configs::load(name).expect("a preset").experiment);
    for (path, value) in changes {
        text = configs::override_field(&text, path, value).unwrap_or_else(|e| panic!("{e}"));
        text = configs::expanded(&parse(&text).experiment);
    }
    parse(&text)
}

#[track_caller]
pub(crate) fn parse(text: &str) -> Loaded {
    configs::parse(text, "test.ron").unwrap_or_else(|e| panic!("{}\n{text}", e.render(false)))
}

#[track_caller]
pub(crate) fn prepared(loaded: Loaded) -> (Prepared, Plan) {
    let prepared = prepare(loaded, &Wanted::default()).unwrap_or_else(|e| panic!("{}", e.plain));
    let plan = plan(prepared.loaded.clone()).unwrap_or_else(|e| panic!("{}", e.plain));
    (prepared, plan)
}

pub(crate) fn effort(each: u64, more: u64) -> Effort {
    Effort { part: Part::All, each, more, pairs: None, split: None }
}

/// The map of a stage by name, with seed 1.
#[track_caller]
pub(crate) fn map_of(loaded: Loaded, stage: &str, effort: &Effort) -> Map {
    let (prepared, plan) = prepared(loaded);
    let stage = plan.stages.iter().find(|s| s.name == stage).expect("the stage exists");
    map(&prepared, stage, 1, effort)
}

/// A boundary of the tasks by its place.
#[track_caller]
pub(crate) fn at<'a>(map: &'a Map, place: &str) -> &'a Boundary {
    let found = map.boundaries.iter().find(|b| b.place == place && b.context == "task" && !b.within);
    found.unwrap_or_else(|| panic!("no boundary {place}"))
}
