// SPDX-License-Identifier: MIT OR Apache-2.0
//! Flags as a user meets them: what wrong ones are told, what fits the terminal, what Ctrl-C leaves.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use super::{SMALL, sim};

fn folder() -> TempDir {
    let dir = TempDir::new().expect("a temporary folder");
    std::fs::write(dir.path().join("small.ron"), SMALL).expect("writable");
    dir
}

#[test]
fn a_wrong_flag_or_file_gets_the_rule_and_a_way_out() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("taken"), "a file").expect("writable");
    std::fs::create_dir_all(at("full/stages.csv")).expect("writable");
    std::fs::write(at("none.uop"), "# nothing yet\n").expect("writable");
    std::fs::write(at("empty.ron"), "// nothing yet\n").expect("writable");
    std::fs::write(at("cut.ron"), SMALL.replace("\"small\"", "\"small")).expect("writable");
    std::fs::write(at("open.ron"), SMALL.trim_end().trim_end_matches(')')).expect("writable");
    let seeds = "write a number from 0 on, or A..B for A to before B, as in 1..9 for 1 to 8";
    let cases: [(&[&str], &[&str]); 18] = [
        (&["run", "small.ron", "--seeds", "abc"], &["'--seeds <SEED>'", "\"abc\" is none", seeds]),
        (&["run", "small.ron", "--seeds", "1..0"], &["there is none in 1..0", seeds]),
        (&["orderings", "small.ron", "--seeds", "0..9999999"], &["9999999, more than 1000000; choose fewer"]),
        (&["run", "small.ron", "--out", "taken"], &["written to taken: taken is a file", "another folder with --out"]),
        (&["run", "small.ron", "--out", "taken/x/y"], &["written to taken/x/y: taken is a file"]),
        (&["run", "small.ron", "--out", "full"], &["full/stages.csv is a folder, where a file", "move it away"]),
        (
            &["check", "empty.ron"],
            &["empty.ron:1:15", "there is nothing in the file", "sim presets ring8.ron > mine.ron"],
        ),
        (&["check", "cut.ron"], &["cut.ron:2:12", "runs on beyond its line", "close it with `\"`"]),
        (&["check", "open.ron"], &["a bracket is not closed", "the `(` in line 1, column 1 waits for its `)`"]),
        (&["run", "small.ron", "--seeds", "-1"], &["\"-1\" is none", seeds]),
        (&["sweep", "interconnects.ron", "--points", "5..1"], &["'--points <POINT>': there is none in 5..1"]),
        (&["windows", "small.ron", "--arrivals", "-5"], &["not a number above 0"]),
        (&["windows", "small.ron", "--compare", "+1", "+1"], &["a stage with itself", "name two"]),
        (
            &["report", "full", "--out", "taken/x"],
            &["written to taken/x: taken is a file", "another folder with --out"],
        ),
        (&["litmus", "full"], &["no .litmus file in full"]),
        (&["explain", "cut.ron"], &["cut.ron:1: there is no usable record in the file", "name a records.jsonl"]),
        (&["asm", "check", "none.uop"], &["there is no procedure in it", "sim asm source ticket"]),
        (&["orderings", "small.ron", "--patches", "9"], &["no patch \"9\"", "1 enclose, 2 immediate_aa"]),
    ];
    for (args, parts) in cases {
        let out = sim(dir.path(), args);
        let text = String::from_utf8(out.stderr).expect("text");
        assert_eq!(out.status.code(), Some(2), "{args:?}: {text}");
        for part in parts {
            assert!(text.contains(part), "{args:?} does not say {part}: {text}");
        }
        assert!(out.stdout.is_empty(), "{args:?}");
    }
    assert!(!at("full/records.jsonl").exists(), "the folder was looked at before any run");
}

#[test]
fn check_takes_the_changes_that_run_takes_and_seeds_are_ranges() {
    let dir = folder();
    let out = sim(
        dir.path(),
        &["check", "small.ron", "--machine", "zen3-ccx-8", "--set", "machine.cores=3", "--stages", "+1"],
    );
    let text = String::from_utf8(out.stdout).expect("text");
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(text.contains("3 cores of zen3-ccx-8, 1 stage x 2 seeds") && !text.contains("  base"), "{text}");
    let wrong = sim(dir.path(), &["check", "small.ron", "--stages", "+9"]);
    assert_eq!(wrong.status.code(), Some(2));
    let out = sim(dir.path(), &["run", "small.ron", "-q", "--stages", "base", "--seeds", "7,1..4,2"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(String::from_utf8_lossy(&out.stdout).contains("4 seeds"));
}

#[test]
fn a_damaged_record_is_named_and_so_is_the_copy() {
    let dir = folder();
    assert!(sim(dir.path(), &["run", "small.ron", "-q"]).status.success());
    let records = dir.path().join("results/small/records.jsonl");
    let text = std::fs::read_to_string(&records).expect("records") + "{ not json\n";
    std::fs::write(&records, text).expect("writable");
    let out = sim(dir.path(), &["run", "small.ron"]);
    let said = String::from_utf8(out.stderr).expect("text");
    let place = "skipped a damaged record: results/small/records.jsonl:5: ";
    assert!(said.contains(place) && said.contains("(a copy is in results/small/records.jsonl.damaged)"), "{said}");
    assert!(dir.path().join("results/small/records.jsonl.damaged").exists());
}

/// Starts a batch on one thread, and gives the signal when its first record is there.
#[cfg(unix)]
fn interrupted(dir: &Path, seeds: &str, duration: &str, signals: usize) -> Output {
    let args =
        ["run", "small.ron", "-j", "1", "--seeds", seeds, "--set", duration, "--out", "kept", "--stages", "base"];
    let child = Command::new(env!("CARGO_BIN_EXE_sim"))
        .args(args)
        .current_dir(dir)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let pause = || std::thread::sleep(std::time::Duration::from_millis(300));
    if signals == 1 {
        while !dir.join("kept/records.partial.jsonl").exists() {
            pause();
        }
    } else {
        // The folder is made just before Ctrl-C is watched for.
        while !dir.join("kept").exists() {
            pause();
        }
        pause();
    }
    for _ in 0..signals {
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("there is a kill");
        assert!(sent.success());
        pause();
    }
    child.wait_with_output().expect("it ends")
}

#[test]
#[cfg(unix)]
fn after_one_interrupt_finished_runs_are_kept_and_found_again() {
    let dir = folder();
    let out = interrupted(dir.path(), "1..500", "duration=5ms", 1);
    let said = String::from_utf8(out.stderr).expect("text");
    assert_eq!(out.status.code(), Some(130), "{said}");
    assert!(
        said.contains("the runs in progress are finished, no other is begun; Ctrl-C again stops at once"),
        "{said}"
    );
    let kept =
        "finished runs of this experiment are kept in kept/records.partial.jsonl; the same command makes the rest";
    assert!(said.contains(kept) && out.stdout.is_empty(), "{said}");
    let journal = std::fs::read_to_string(dir.path().join("kept/records.partial.jsonl")).expect("it is there");
    let n = journal.lines().count();
    assert!(said.contains(&format!("interrupted: {n} finished")), "{n}: {said}");
    let again = ["run", "small.ron", "--seeds", "1..3", "--set", "duration=5ms", "--out", "kept", "--stages", "base"];
    let again = sim(dir.path(), &again);
    assert!(again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("found finished"), "{again:?}");
}

#[test]
#[cfg(unix)]
fn a_second_interrupt_ends_the_program_at_once() {
    let dir = folder();
    // A single run that would take hours.
    let out = interrupted(dir.path(), "1", "duration=1000s", 2);
    let said = String::from_utf8(out.stderr).expect("text");
    assert_eq!(out.status.code(), Some(130), "{said}");
    assert!(
        said.contains("interrupted: 0 finished runs of this experiment are kept; the same command makes the rest"),
        "{said}"
    );
}

#[test]
fn nothing_printed_is_wider_than_the_terminal() {
    let dir = TempDir::new().expect("a temporary folder");
    std::fs::write(dir.path().join("small.ron"), SMALL).expect("writable");
    let cases: [&[&str]; 4] = [
        &["run", "small.ron", "-q", "--metrics", "--attribution", "--anatomy"],
        &["run", "lost-heir.ron", "-q", "--metrics", "--attribution", "--anatomy"],
        &["orderings", "small.ron", "-q", "--patches", "1,2", "--order", "2,1"],
        &["presets"],
    ];
    for args in cases {
        for width in [80, 100, 120] {
            let out = Command::new(env!("CARGO_BIN_EXE_sim"))
                .args(args)
                .current_dir(dir.path())
                .env("COLUMNS", width.to_string())
                .output()
                .expect("the binary runs");
            assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
            let text = String::from_utf8(out.stdout).expect("text");
            for line in text.lines() {
                assert!(line.chars().count() <= width, "{} at {width} of {args:?}:\n{line}", line.chars().count());
            }
        }
    }
}
