// SPDX-License-Identifier: MIT OR Apache-2.0
//! A full disk, folders that cannot be written, a process killed at any moment, endless files.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

const RUN: &[&str] = &["run", "hammer8.ron", "--set", "duration=20us", "--seeds", "1..5", "--out", "r", "-q"];

fn sim(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    command.args(args).current_dir(dir);
    command
}

fn told(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_exit_code_2_and_names_what_could_not_be_written() {
    let dir = TempDir::new().expect("a temporary folder");
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").expect("it is always full");
    for args in [&["presets"][..], &["--help"], &["completions", "bash"], &["check", "ring8.ron"]] {
        let out = sim(dir.path(), args).stdout(full()).stderr(Stdio::piped()).output().expect("it runs");
        let code = out.status.code();
        // Help is printed by the argument parser, which takes a full disk for nothing.
        assert!(code == Some(2) || args == ["--help"], "{args:?}: {code:?}: {}", told(&out));
        assert!(!told(&out).contains("panicked"), "{args:?}: {}", told(&out));
    }
    // A record that cannot be appended: the journal is a link to the full device.
    std::fs::create_dir(dir.path().join("r")).expect("a folder");
    std::os::unix::fs::symlink("/dev/full", dir.path().join("r/records.partial.jsonl")).expect("a link");
    let out = sim(dir.path(), RUN).output().expect("it runs");
    assert_eq!(out.status.code(), Some(2), "{}", told(&out));
    assert!(told(&out).contains("records.partial.jsonl"), "{}", told(&out));
    assert!(!dir.path().join("r/records.jsonl").exists(), "results that were not kept are claimed");
}

#[test]
#[cfg(target_os = "linux")]
fn what_cannot_be_a_folder_is_refused_before_any_work() {
    let dir = TempDir::new().expect("a temporary folder");
    for folder in ["/proc/rqsim", "/dev/null/results"] {
        let args: Vec<&str> = RUN.iter().map(|a| if *a == "r" { folder } else { a }).collect();
        let out = sim(dir.path(), &args).output().expect("it runs");
        assert_eq!(out.status.code(), Some(2), "{folder}: {}", told(&out));
        assert!(told(&out).contains(folder) && told(&out).contains("--out"), "{}", told(&out));
    }
    // A command without `--out` does not name it.
    let out = sim(dir.path(), &["man", "/proc/pages"]).output().expect("it runs");
    assert_eq!(out.status.code(), Some(2), "{}", told(&out));
    assert!(
        told(&out).contains("cannot write /proc/pages") && told(&out).contains("name another folder"),
        "{}",
        told(&out)
    );
    assert!(!told(&out).contains("--out"), "{}", told(&out));
}

/// Killed at any moment, the same command makes the rest, and the records are those of a run that nobody disturbed.
#[test]
fn a_killed_run_goes_on_and_ends_with_the_same_bytes() {
    let [whole, cut] = [(); 2].map(|()| TempDir::new().expect("a temporary folder"));
    assert!(sim(whole.path(), RUN).output().expect("it runs").status.success());
    for ms in [1, 20, 60, 120, 200] {
        let mut child = sim(cut.path(), RUN).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        std::thread::sleep(Duration::from_millis(ms));
        // It may have ended by itself by now.
        let _ = child.kill();
        child.wait().expect("it ends");
    }
    // A line cut short, as a power cut leaves it.
    let journal = cut.path().join("r/records.partial.jsonl");
    if let Ok(text) = std::fs::read_to_string(&journal) {
        std::fs::write(&journal, text + "{\"format\":1,\"vers").expect("writable");
    }
    let out = sim(cut.path(), RUN).output().expect("it runs");
    assert!(out.status.success(), "{}", told(&out));
    let read = |d: &TempDir| std::fs::read_to_string(d.path().join("r/records.jsonl")).expect("records");
    assert_eq!(read(&whole), read(&cut));
    let left = std::fs::read_dir(cut.path().join("r")).expect("readable").flatten();
    let left: Vec<_> =
        left.map(|e| e.file_name().to_string_lossy().into_owned()).filter(|n| n.ends_with(".tmp")).collect();
    assert!(left.is_empty(), "{left:?} are left");
}

/// No record depends on the time of day: files from the future and the past are as good as new ones.
#[test]
fn times_of_files_mean_nothing() {
    let dir = TempDir::new().expect("a temporary folder");
    assert!(sim(dir.path(), RUN).output().expect("it runs").status.success());
    let path = dir.path().join("r/records.jsonl");
    let before = std::fs::read_to_string(&path).expect("records");
    for seconds in [0, 4_000_000_000] {
        let file = std::fs::File::options().append(true).open(&path).expect("there");
        file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(seconds)).expect("settable");
        let args: Vec<&str> = RUN.iter().filter(|a| **a != "-q").copied().collect();
        let out = sim(dir.path(), &args).output().expect("it runs");
        assert!(told(&out).contains("4 found finished"), "{}", told(&out));
        assert_eq!(std::fs::read_to_string(&path).expect("records"), before);
    }
}

/// Endless input is refused by size, not read until memory ends.
#[test]
#[cfg(target_os = "linux")]
fn endless_files_are_refused() {
    let dir = TempDir::new().expect("a temporary folder");
    let file = "lock.program=File(\"/dev/zero\")";
    std::os::unix::fs::symlink("/dev/zero", dir.path().join("zero.litmus")).expect("a link");
    // As long as a line may not be, and no room on the disk.
    let long = std::fs::File::create(dir.path().join("zero.jsonl")).expect("writable");
    long.set_len(reports::LINE_BYTES_MAX + 2).expect("settable");
    std::os::unix::fs::symlink("/dev/zero", dir.path().join("zero.uop")).expect("a link");
    for args in [
        &["check", "/dev/zero"][..],
        &["check", "ring8.ron", "--set", file],
        &["asm", "show", "zero.uop"],
        &["explore", "zero.uop"],
        &["litmus", "zero.litmus"],
        &["litmus", "zero.litmus", "--expect", "/dev/zero"],
        &["report", "zero.jsonl"],
        &["explain", "zero.jsonl"],
        &["calibrate", "/dev/zero"],
    ] {
        let out = sim(dir.path(), args).output().expect("it runs");
        assert_eq!(out.status.code(), Some(2), "{args:?}: {}", told(&out));
        assert!(told(&out).contains("larger") || told(&out).contains("longer"), "{args:?}: {}", told(&out));
    }
}

/// Far more workers than work did not come to an end: those without any kept the others from theirs.
#[test]
fn more_workers_than_work_do_no_harm() {
    let dir = TempDir::new().expect("a temporary folder");
    let args = [RUN, &["--threads", "1024"]].concat();
    let start = std::time::Instant::now();
    let out = sim(dir.path(), &args).output().expect("it runs");
    assert!(out.status.success(), "{}", told(&out));
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    let args = [RUN, &["--threads", "65535"]].concat();
    assert_eq!(sim(dir.path(), &args).output().expect("it runs").status.code(), Some(2));
}
