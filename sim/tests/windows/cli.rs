// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command: the same bytes twice, resuming, and bad input.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn sim(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sim"))
        .arg("windows")
        .args(args)
        .current_dir(dir)
        .output()
        .expect("the binary runs")
}

#[track_caller]
fn told(out: &Output) -> String {
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stderr).into_owned()
}

fn read(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join("results").join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn twice_is_the_same_and_what_is_finished_is_not_made_again() {
    let dir = TempDir::new().expect("a temporary folder");
    let args = ["uncontended.ron", "--compare", "base", "+1", "--arrivals", "8000", "--locks", "10000"];
    let first = sim(dir.path(), &args);
    assert!(told(&first).contains("2 of 2 maps made"));
    let records = read(dir.path(), "uncontended-windows/landings.jsonl");
    let again = sim(dir.path(), &[&args[..], &["--fresh", "-j", "1"]].concat());
    assert!(told(&again).contains("2 of 2 maps made"));
    assert_eq!(read(dir.path(), "uncontended-windows/landings.jsonl"), records);
    assert_eq!(again.stdout, first.stdout);
    // Broken off in the second map: one line, and half of one, in the journal.
    let folder = dir.path().join("results/uncontended-windows");
    std::fs::write(folder.join("landings.partial.jsonl"), &records[..records.len() - 1000]).expect("writable");
    std::fs::remove_file(folder.join("landings.jsonl")).expect("there");
    let resumed = sim(dir.path(), &args);
    let said = told(&resumed);
    assert!(said.contains("1 of 2 maps made") && said.contains("skipped a damaged record"), "{said}");
    assert_eq!(read(dir.path(), "uncontended-windows/landings.jsonl"), records);
    assert_eq!(resumed.stdout, first.stdout);
    let text = String::from_utf8_lossy(&first.stdout);
    assert!(text.contains("base against +1") && text.contains("none seen, < "), "{text}");
    assert!(text.contains("What these rates assume"), "{text}");
    assert!(!text.contains("  w8  "), "a line on which nothing changed: {text}");
    for file in ["landings.csv", "landings.svg"] {
        assert!(folder.join(file).exists());
    }
}

/// The tables of what is asked for besides: a second interrupt, and splitting.
#[test]
fn second_interrupts_and_splits_have_tables() {
    let dir = TempDir::new().expect("a temporary folder");
    std::fs::write(dir.path().join("busy.ron"), crate::split::BUSY).expect("writable");
    let table = |args: &[&str]| {
        let out = sim(dir.path(), &[&["busy.ron", "--each", "3", "--more", "100", "--fresh"], args].concat());
        told(&out);
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let pairs = ["--second", "other", "--budget", "40", "--arrivals", "8000", "--event", "timeout"];
    let text = table(&pairs);
    assert!(
        text.contains("a second interrupt on another core: none can come; no first one landed, or nobody"),
        "{text}"
    );
    assert!(text.contains("of two, per machine-hour") && text.contains("none can come"), "{text}");
    let second = ["--set", "interrupts[0].on=Range(first: 1, last: 2)"];
    let text = table(&[&pairs[..], &second].concat());
    assert!(text.contains("a second interrupt on another core: 40 of 40 runs used"), "{text}");
    assert!(text.contains("of two, it: a second interrupt comes") && !text.contains("none can come"), "{text}");
    let text = table(&["--split", "10"]);
    assert!(text.contains("Splitting, at the boundaries with the most time"), "{text}");
    let row = text.lines().find(|l| l.starts_with("it ") && l.contains("task_1")).unwrap_or_else(|| panic!("{text}"));
    assert!(row.contains('%') && row.contains("µs"), "place, time and levels: {row}");
    let fixed = [
        "--set",
        "workload.tasks[0].body=[Forever([Work(Fixed(\"1us\")), Critical(lock: \"a\", body: [Work(Fixed(\"600ns\"))])])]",
    ];
    let more = [
        "--set",
        "workload.tasks[1].body=[Forever([Work(Fixed(\"2us\"))])]",
        "--set",
        "lock.params.head_timeout=900us",
    ];
    let text = table(&[&["--split", "10"][..], &fixed, &more].concat());
    assert!(text.contains("nothing random follows"), "{text}");
}

#[test]
fn a_part_of_the_program_is_just_that() {
    let dir = TempDir::new().expect("a temporary folder");
    let args =
        ["uncontended.ron", "--stages", "base", "--from", "res_spin_lock.taken", "--to", "res_spin_lock.contended"];
    let out = sim(dir.path(), &args);
    told(&out);
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(text.contains("call push(lock)") && text.contains("store.u64 [cpu.held.locks[i]], lock"), "{text}");
    assert!(!text.contains("cas.u32.acq") && !text.contains("res_spin_unlock"), "{text}");
    assert_eq!(read(dir.path(), "uncontended-windows/landings.jsonl").lines().count(), 1);
    let out = sim(dir.path(), &["uncontended.ron", "--stages", "base", "--path", "check_abba"]);
    assert!(told(&out).contains("warning: stage base: no interrupted core came to check_abba"));
}

#[test]
fn bad_input_is_told_what_to_do() {
    let dir = TempDir::new().expect("a temporary folder");
    let cases: [(&[&str], &str); 10] = [
        (&["--from", "zzzzzzzz"], "labels: begin_wait, check_aa, "),
        (&["--from", "slow_path.pendin"], "did you mean `slow_path.pending`? `sim asm show PROGRAM` shows all"),
        (&["--from", "res_spin_lock.taken", "--to", "res_spin_lock.try"], "does not come after"),
        (&["--path", "slow_pth"], "did you mean `slow_path`?"),
        (&["--interrupt", "landin"], "did you mean `landing`?"),
        (&["--stages", "bse"], "did you mean `base`?"),
        (&["--compare", "base", "+7"], "no stage \"+7\""),
        (&["--arrivals", "0"], "not a number above 0"),
        (&["--arrivals", "8000", "--event", "timeouts"], "did you mean `timeout`?"),
        (&["--second", "other"], "--budget"),
    ];
    for (args, part) in cases {
        let out = sim(dir.path(), &[&["uncontended.ron", "-q"], args].concat());
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(part), "{args:?} does not say {part}: {said}");
        assert!(out.stdout.is_empty() && !dir.path().join("results").exists(), "{args:?}: work began before");
    }
    let too_many = ["uncontended.ron", "-q", "--arrivals", "8000", "--locks", "90000000", "--stages", "base"];
    let out = sim(dir.path(), &too_many);
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.code() == Some(2) && said.contains("more than all of the time"), "{said}");
}

#[test]
#[cfg(unix)]
fn after_an_interrupt_finished_maps_are_kept() {
    let dir = TempDir::new().expect("a temporary folder");
    let args = ["uncontended.ron", "--subsets", "--each", "2000", "-j", "1", "--out", "kept"];
    let child = Command::new(env!("CARGO_BIN_EXE_sim"))
        .arg("windows")
        .args(args)
        .current_dir(dir.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let journal = dir.path().join("kept/landings.partial.jsonl");
    while !journal.exists() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("there is a kill");
    assert!(sent.success());
    let out = child.wait_with_output().expect("it ends");
    let said = String::from_utf8(out.stderr).expect("text");
    assert_eq!(out.status.code(), Some(130), "{said}");
    let n = std::fs::read_to_string(&journal).expect("it is there").lines().count();
    let kept = format!("interrupted: {n} finished maps of this experiment are kept in kept/landings.partial.jsonl");
    assert!(said.contains(&kept) && out.stdout.is_empty() && n < 32, "{n}: {said}");
    let again = told(&sim(dir.path(), &["uncontended.ron", "--subsets", "--each", "2000", "--out", "kept"]));
    assert!(again.contains(&format!("{n} found finished")), "{again}");
}
