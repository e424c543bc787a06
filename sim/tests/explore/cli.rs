// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim explore` as a command: exit codes, messages, a second start.

use std::process::{Command, Output};

fn sim(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sim")).arg("explore").args(args).output().expect("it starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_program_by_itself_gives_its_number_of_states() {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../sim-core/tests/models/mcslock1.uop");
    let out = sim(&[model, "--model", "sc", "--cores", "3"]);
    assert_eq!(out.status.code(), Some(0));
    assert!(text(&out.stdout).contains("3 cores: 7597 states, 22791 steps"), "{}", text(&out.stdout));
}

#[test]
fn what_was_found_is_kept_and_a_second_start_searches_nothing() {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let file = dir.path().join("found.jsonl");
    let args = ["explore-aa.ron", "--stages", "6.17 +1", "-q", "--out", file.to_str().expect("plain")];
    let first = sim(&args);
    assert_eq!(first.status.code(), Some(1), "{}", text(&first.stderr));
    assert!(text(&first.stdout).contains("nmi lands before"), "{}", text(&first.stdout));
    let second = sim(&args);
    // Times are those of the first search, so nothing was measured again.
    assert_eq!((second.status.code(), text(&second.stdout)), (Some(1), text(&first.stdout)));
    assert_eq!(std::fs::read_to_string(&file).expect("it is there").lines().count(), 1);
}

#[test]
fn two_bits_a_state_give_no_verdict() {
    let out = sim(&["explore-plain.ron", "--stages", "6.17", "-q", "--bitstate", "1MiB"]);
    assert_eq!(out.status.code(), Some(3), "{}", text(&out.stderr));
    assert!(text(&out.stdout).contains("incomplete, so no verdict"), "{}", text(&out.stdout));
}

#[test]
fn a_path_is_replayed_on_the_timed_machine() {
    let out = sim(&["explore-aa.ron", "--stages", "next +1-3", "--property", "ends", "--replay", "-q"]);
    assert_eq!(out.status.code(), Some(1), "{}", text(&out.stderr));
    let said = text(&out.stdout);
    assert_eq!(said.matches("on the timed machine, led along it: the same state after ").count(), 1, "{said}");
}

#[test]
fn a_budget_that_runs_out_is_no_verdict_and_bad_input_is_told() {
    let out = sim(&["explore-plain.ron", "--stages", "6.17", "-q", "--memory", "1MiB"]);
    assert_eq!(out.status.code(), Some(3), "{}", text(&out.stderr));
    assert!(text(&out.stdout).contains("ends ?") && text(&out.stderr).contains("no verdict"));
    for (args, says) in [
        (&["explore-aa.ron", "--memory", "8GB"][..], "8GiB"),
        (&["explore-aa.ron", "--time", "10"], "10m"),
        (&["explore-aa.ron", "--cores", "12"], "8 cores"),
        (&["explore-aa.ron", "--stages", "6.18"], "no stage"),
        (&["nowhere.uop"], "nowhere.uop"),
        (&["explore-aa.ron", "--timeline", "never-made.svg"], "choose one with --stages"),
        (&["explore-aa.ron", "--shrink", "--brief"], "cannot be used with"),
        (&["explore-aa.ron", "--replay", "--lattice"], "cannot be used with"),
        (&["explore-aa.ron", "--bitstate", "1GB"], "8GiB"),
        (&["explore-aa.ron", "--bitstate", "512GiB"], "at most 256GiB"),
        (&["explore-aa.ron", "--bitstate", "1GiB", "--memory", "1GiB"], "cannot be used with"),
        (&["explore-aa.ron", "--lattice", "--page", "p.md", "--model", "sc"], "cannot be used with"),
        (&["lock.uop", "--replay"], "lock.uop is a program by itself"),
        (&["explore-aa.ron", "--property", "order"], "properties are: no fault, exclusion"),
    ] {
        let out = sim(args);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {}", text(&out.stderr));
        assert!(text(&out.stderr).contains(says), "{args:?}: {}", text(&out.stderr));
    }
}
