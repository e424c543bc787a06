// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program text itself: every selection assembles and is free of slips; options; programs of the user's own.

use std::process::Command;

use lock_impl::programs::embedded;
use rqsim::plan::plan;
use rqsim::run::run;
use sim_core::asm::{Options, assemble, check};

use crate::support::{BASES, Lab, Ran, subsets};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lock");

#[test]
fn every_subset_on_every_base_in_every_form_assembles_and_passes_the_check() {
    let sources = [embedded("rqspinlock").expect("it is built in")];
    let forms: [&[&str]; 7] = [
        &[],
        &["test_and_set"],
        &["paravirt_guest"],
        &["full_word"],
        &["arm64"],
        &["arm64", "event_stream"],
        &["arm64", "event_stream", "full_word"],
    ];
    let mut programs = std::collections::BTreeSet::new();
    for base in [&[][..], &["keep_queue"]] {
        for form in forms {
            for patches in subsets() {
                let enabled: Vec<String> = [base, form, &patches[..]].concat().iter().map(|s| (*s).into()).collect();
                let program = assemble(&sources, &Options { enabled, params: Vec::new() })
                    .unwrap_or_else(|e| panic!("{patches:?}: {}", e.render(&sources, false)));
                let slips = check(&program);
                assert!(slips.is_empty(), "{patches:?} {form:?}: {}", slips.render(&sources, false));
                let text = format!("{:?}", (&program.ops, &program.calls, &program.marks));
                programs.insert((program.proc("queue_path").is_some(), text));
            }
        }
    }
    // Queued: all 64 differ in each of five forms. Without a queue only patches 1 and 2 are left, in two forms, on either
    // base.
    let queued = programs.iter().filter(|(has_queue, _)| *has_queue).count();
    assert_eq!((queued, programs.len()), (5 * 64, 5 * 64 + 4 + 4));
}

#[test]
fn the_command_line_checks_the_built_in_lock_and_a_file() {
    for program in ["rqspinlock".to_owned(), format!("{FOLDER}/ticket.uop")] {
        let out = Command::new(env!("CARGO_BIN_EXE_sim")).args(["asm", "check", &program]).output().expect("it starts");
        let text = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success() && text.contains("nothing found"), "{program}: {text}");
    }
}

#[test]
fn a_lock_program_from_a_file_runs() {
    let loaded = configs::load(&format!("{FOLDER}/ticket.ron")).unwrap_or_else(|e| panic!("{}", e.render(false)));
    let plan = plan(loaded).unwrap_or_else(|e| panic!("{}", e.plain));
    for &seed in &plan.seeds {
        let record = run(&plan.loaded, &plan.stages[0], seed, false).record;
        assert_eq!(record.status, "ok", "{:?}", record.finding);
        let task = &record.contexts["task"];
        assert_eq!((task.attempts, task.held), (800, 800));
        assert_eq!(Ran::new(&plan, &plan.stages[0], seed).counter(), 800);
    }
}

/// A copy of the built-in lock, named by a path relative to the experiment, does what the built-in one does.
#[test]
fn a_copy_of_the_built_in_lock_beside_the_experiment_does_the_same() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file can be written");
    std::fs::create_dir(folder.path().join("locks")).expect("a folder can be made");
    write("locks/mine.uop", &embedded("rqspinlock").expect("it is built in").text);
    let experiment = std::fs::read_to_string(format!("{FOLDER}/ticket.ron")).expect("it is there");
    let record = |program: &str| {
        write("mine.ron", &experiment.replace("File(\"ticket.uop\")", program));
        let path = folder.path().join("mine.ron");
        let loaded =
            configs::load(path.to_str().expect("it is text")).unwrap_or_else(|e| panic!("{}", e.render(false)));
        let plan = plan(loaded).unwrap_or_else(|e| panic!("{}", e.plain));
        let mut record = run(&plan.loaded, &plan.stages[0], 1, false).record;
        assert_eq!((record.status.as_str(), record.contexts["task"].held), ("ok", 800));
        // They differ in the name of the program and nothing else.
        (record.config, record.config_hash) = (String::new(), String::new());
        record
    };
    assert_eq!(record("File(\"locks/mine.uop\")"), record("Builtin(\"rqspinlock\")"));
}

/// A guest without paravirt locks leaves the slow path to test-and-set. That form makes its own table entry, which
/// is right in the base.
#[test]
fn a_paravirt_guest_leaves_the_table_clean_in_base() {
    for base in BASES {
        let record = paravirt().with(base, &[]).ok();
        assert_eq!(record.contexts["task"].held, 2);
    }
}

/// With patch 1 the fast path has made an entry already, and each contended attempt leaves one behind: wrong, and so
/// upstream until January 2026. The simulator finds it when all is at rest.
#[test]
fn a_paravirt_guest_with_enclose_leaks_a_table_entry() {
    for base in BASES {
        let record = paravirt().with(base, &["enclose"]).record();
        assert_eq!(record.status, "violation");
        let account = record.finding.unwrap_or_default();
        assert_eq!(account, "violation: not clean at rest: held.cnt of core 1 = 0x1\n");
    }
}

/// The second entry also looks like a deadlock with oneself: with patch 2 any contended attempt fails at once.
#[test]
fn a_paravirt_guest_with_enclose_and_immediate_aa_sees_deadlocks_everywhere() {
    let record = paravirt().with("6.17", &["enclose", "immediate_aa"]).record();
    assert_eq!(record.edeadlk_by["aa_begin"], 1);
    assert_eq!(record.oracle.false_positives, 1);
}

/// Core 1 comes while core 0 has the lock.
fn paravirt() -> Lab {
    Lab { options: "\"paravirt_guest\"", ..Lab::default() }
        .task(0, "Critical(lock: \"a\", body: [Work(Fixed(\"20us\"))])")
        .task(1, "Work(Fixed(\"2us\")), Critical(lock: \"a\", body: [Work(Fixed(\"10ns\"))])")
}
