// SPDX-License-Identifier: MIT OR Apache-2.0
//! The untimed `weak` model against an axiomatic one, on random programs: the same sets of outcomes.
//!
//! `RQSIM_LONG=1 cargo test --release -p sim-core --test weak_axioms` compares 50,000 programs.

mod axioms;
mod generate;
mod landings;

use std::collections::BTreeSet;
use std::sync::Arc;

use axioms::{Also, outcomes};
use generate::{Program, program, text};
use sim_core::asm::{Options, assemble};
use sim_core::isa::Width;
use sim_core::program::{GLOBAL_BASE, LINE_BYTES, Source};
use sim_core::untimed::{LIMIT_BYTES, Model, System, explore};

/// Values of all loads in order of threads, then the locations.
type Outcomes = BTreeSet<Vec<u64>>;

/// Core `i` executes the `i`-th of the first `cores` procedures.
fn system(text: String, cores: usize, model: Model) -> System {
    let source = [Source { name: "random".into(), text }];
    let program = assemble(&source, &Options::default()).unwrap_or_else(|e| panic!("{}", e.render(&source, false)));
    let tasks = (0..cores).map(|i| Some(i as u16)).collect();
    System { program: Arc::new(program), model, tasks, store_buffer: 8, merge_local: true, ..System::default() }
}

fn untimed(p: &Program, model: Model, private: bool) -> Outcomes {
    found(&System { private, ..system(text(p), p.threads.len(), model) })
}

fn found(system: &System) -> Outcomes {
    let names: Vec<Vec<String>> = system.program.procs.iter().map(|p| p.regs.clone()).collect();
    let mut set = Outcomes::new();
    let explored = explore(system, LIMIT_BYTES, |s| {
        let mut outcome = Vec::new();
        for (core, names) in s.cores.iter().zip(&names) {
            let loads = (0..).map(|i| format!("r{i}")).map_while(|n| names.iter().position(|x| *x == n));
            outcome.extend(loads.map(|i| core.contexts[0].regs[i]));
        }
        let places = (0..system.program.global_end().saturating_sub(GLOBAL_BASE) / LINE_BYTES)
            .map(|i| s.read(GLOBAL_BASE + i * LINE_BYTES, Width::U32));
        outcome.extend(places);
        set.insert(outcome);
    });
    assert_eq!(explored.expect("small and without faults").stuck, 0);
    set
}

fn compare(seed: u64, model: Model, also: Also) -> (usize, bool) {
    let p = program(seed);
    let (ours, theirs) = (untimed(&p, model, false), outcomes(&p, also));
    let extra: Vec<_> = ours.difference(&theirs).collect();
    let missing: Vec<_> = theirs.difference(&ours).collect();
    // What only one core touches is merged: nothing else comes out.
    assert_eq!(untimed(&p, model, true), ours, "seed {seed}\n{}", text(&p));
    assert!(extra.is_empty() && missing.is_empty(), "seed {seed}: extra {extra:?}, missing {missing:?}\n{}", text(&p));
    (ours.len(), outcomes(&p, Also::Nothing).len() > theirs.len())
}

/// Programs of which something else came out once: a release of a word that only its core touches did not hold up the next acquire.
const FOUND: [u64; 1] = [23_657];

fn programs() -> u64 {
    if std::env::var_os("RQSIM_LONG").is_some() { 50_000 } else { 1000 }
}

#[test]
fn weak_is_armv8_with_every_store_behind_older_loads() {
    let (mut sets, mut stronger) = (0, 0);
    for seed in (0..programs()).chain(FOUND) {
        let (n, s) = compare(seed, Model::Weak, Also::LoadsBeforeStores);
        sets += usize::from(n > 1);
        stronger += u64::from(s);
    }
    assert!(sets as u64 > programs() / 2, "{sets} programs with a choice");
    assert!(stronger > programs() / 250, "in {stronger} programs the architecture allows more");
}

#[test]
fn tso_and_sc_are_what_their_axioms_say() {
    for seed in 0..programs() / 3 {
        compare(seed, Model::Tso, Also::Tso);
        compare(seed, Model::Sc, Also::Sc);
    }
}
