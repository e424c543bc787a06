// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nothing that reads files panics, hangs or grows without bound, whatever is in them: the fuzzers' targets on the corpus and on
//! mutations of it. `RQSIM_LONG=1` makes fifty times as many.
//!
//! And what the surroundings can do: a full disk, folders that cannot be written, interrupted writes, a wrong clock.

mod mutate;
mod surroundings;
#[allow(unreachable_pub, reason = "public for the fuzzers, which are a crate of their own")]
#[path = "../../../fuzz/src/targets.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use mutate::Mutator;

/// No input may take longer; a usual one takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

fn corpus(name: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
    let mut paths: Vec<_> = std::fs::read_dir(&folder).expect("a corpus").flatten().map(|e| e.path()).collect();
    paths.sort();
    paths.iter().map(|p| String::from_utf8_lossy(&std::fs::read(p).expect("readable")).into_owned()).collect()
}

fn one(name: &str, target: fn(&str), text: &str) {
    let start = Instant::now();
    let end = catch_unwind(AssertUnwindSafe(|| target(text)));
    assert!(end.is_ok(), "{name} panics on:\n{text}");
    assert!(start.elapsed() < PATIENCE, "{name} takes {:?} for:\n{text}", start.elapsed());
}

/// The corpus as it is, more texts, and `count` mutations of all.
fn survives(name: &str, target: fn(&str), more: Vec<String>, count: usize) {
    let texts = [corpus(name), more].concat();
    assert!(texts.len() > 2, "the corpus of {name} is empty");
    texts.iter().for_each(|t| one(name, target, t));
    let times = if std::env::var_os("RQSIM_LONG").is_some() { 50 } else { 1 };
    let mut mutator = Mutator::new(name);
    for _ in 0..count * times {
        one(name, target, &mutator.next(&texts));
    }
}

#[test]
fn experiments() {
    let presets = configs::presets::experiment_names().filter_map(configs::presets::experiment_text);
    survives("experiment", targets::experiment, presets.map(str::to_owned).collect(), 4000);
}

#[test]
fn programs() {
    let all = lock_impl::programs::names().filter_map(lock_impl::programs::embedded);
    survives("program", targets::program, all.map(|s| s.text).collect(), 4000);
}

#[test]
fn litmus_tests() {
    survives("litmus", targets::litmus, Vec::new(), 10_000);
}

#[test]
fn records() {
    survives("records", targets::records, Vec::new(), 400);
}
