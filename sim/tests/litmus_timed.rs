// SPDX-License-Identifier: MIT OR Apache-2.0
//! The timed machine against the untimed engine, on the development set of litmus tests: it shows
//! nothing that no interleaving gives, and on sc and tso everything that some interleaving gives.
//!
//! `RQSIM_LONG=1` makes it ten million outcomes. `docs/litmus.md` has the table of the classic tests
//! with a million each.

use std::path::PathBuf;

use configs::{Bus, Interconnect, Protocol, Span};
use rqsim::litmus::{How, find, judge, run_file};
use sim_core::untimed::{LIMIT_BYTES, Model};

fn set() -> Vec<PathBuf> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../lock-impl/litmus"));
    let files = find(&[root]).expect("the set is there");
    assert!(files.len() > 450, "{} files", files.len());
    files
}

/// One per shape of cycle without any fence, and what is special.
fn core(files: &[PathBuf]) -> Vec<PathBuf> {
    let plain =
        ["x86/", "x86_64/", "c/atomics", "c/MP+plain", "c/SB+spinlock-mb", "aarch64/SB+swps", "aarch64/SB+rel-acq"];
    let is_core = |p: &&PathBuf| {
        let name = p.display().to_string();
        let fences = name.matches('+').count() > 1 || name.ends_with("fences.litmus");
        plain.iter().any(|n| name.contains(n)) && !(name.contains("x86/") && fences)
    };
    files.iter().filter(is_core).cloned().collect()
}

fn how(model: Model, runs: u64) -> How {
    How {
        model,
        machine: configs::presets::machine("skylake-ring-8").expect("embedded"),
        runs,
        seed: 1,
        exhaustive: true,
        limit_bytes: LIMIT_BYTES,
    }
}

/// Runs tests; outcomes looked at, outcomes never shown, and what is wrong.
fn compare(files: &[PathBuf], how: &How) -> (u64, Vec<String>, String) {
    let (mut outcomes, mut missing, mut wrong) = (0, Vec::new(), String::new());
    for path in files {
        let judged = judge(path, run_file(path, how), None);
        if !judged.why.is_empty() {
            wrong += &format!("{}: {}\n", judged.file, judged.why);
        }
        let ran = judged.ran.expect("it runs");
        outcomes += ran.timed.expect("asked for").values().sum::<u64>();
        for c in &judged.comparisons {
            missing.extend(c.missing.iter().map(|o| format!("{}: {o}", judged.file)));
        }
    }
    (outcomes, missing, wrong)
}

fn runs(usual: u64) -> u64 {
    if std::env::var_os("RQSIM_LONG").is_some() { 10_000 } else { usual }
}

#[test]
fn a_tso_machine_shows_exactly_what_tso_allows() {
    let (outcomes, missing, wrong) = compare(&core(&set()), &how(Model::Tso, runs(600)));
    assert!(wrong.is_empty(), "{wrong}");
    assert!(missing.is_empty(), "never shown: {missing:#?}");
    assert!(outcomes > 20_000, "{outcomes}");
}

#[test]
fn an_sc_machine_shows_exactly_what_sc_allows() {
    let (outcomes, missing, wrong) = compare(&core(&set()), &how(Model::Sc, runs(400)));
    assert!(wrong.is_empty(), "{wrong}");
    assert!(missing.is_empty(), "never shown: {missing:#?}");
    assert!(outcomes > 12_000, "{outcomes}");
}

#[test]
fn a_weak_machine_shows_nothing_that_weak_forbids_however_it_is_set() {
    let files = set();
    for (store_buffer_entries, invalidation_queue_entries, delay) in [(16, 8, 200), (3, 1, 40), (56, 64, 3000)] {
        let mut how = how(Model::Weak, runs(16));
        how.machine.memory_model = configs::MemoryModel::Weak {
            store_buffer_entries,
            invalidation_queue_entries,
            invalidation_delay: configs::Span::Cycles(delay),
        };
        how.seed = delay;
        let (outcomes, _, wrong) = compare(&files, &how);
        assert!(wrong.is_empty(), "{wrong}");
        assert!(outcomes > 4_000, "{outcomes}");
    }
}

/// Every cache observes requests in one order, but data come when they come.
#[test]
fn a_snooping_machine_shows_nothing_that_is_not_allowed() {
    for (model, protocol) in [(Model::Tso, Protocol::SnoopingMesi), (Model::Sc, Protocol::SnoopingMsi)] {
        let mut how = how(model, runs(210));
        how.machine.protocol = protocol;
        how.machine.interconnect = Interconnect::Bus(Bus {
            latency: Span::Cycles(5),
            bytes_per_cycle: 8,
            shared_wires: false,
            clock: None,
            memory_controllers: 1,
        });
        let (outcomes, _, wrong) = compare(&core(&set()), &how);
        assert!(wrong.is_empty(), "{wrong}");
        assert!(outcomes > 4_500, "{outcomes}");
    }
}

#[test]
fn a_histogram_does_not_depend_on_worker_threads() {
    let path = set().into_iter().find(|p| p.ends_with("x86/n6.litmus")).expect("it is there");
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| run_file(&path, &how(Model::Tso, 1000)).expect("it runs").timed.expect("asked for"))
    };
    let one = with(1);
    assert_eq!(one.values().sum::<u64>(), 1000);
    assert_eq!(one, with(3));
}
