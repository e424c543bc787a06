// SPDX-License-Identifier: MIT OR Apache-2.0
//! One store, whatever made it: threads, shards, kills, a sweep that changes.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{SWEEP, contents, folder, ok, same, sim};

#[test]
fn threads_and_shards_leave_the_same_bytes() {
    let dir = folder(SWEEP);
    let d = dir.path();
    ok(d, &["sweep", "s.ron", "-q", "-j", "1", "--out", "one"]);
    ok(d, &["sweep", "s.ron", "-q", "-j", "2", "--out", "two"]);
    same(&d.join("one"), &d.join("two"));
    // Parts in one folder, as on a shared file system.
    for i in 1..=4 {
        ok(d, &["sweep", "s.ron", "-q", "--out", "four", "--shard", &format!("{i}/4")]);
    }
    assert!(d.join("four/records.partial.2-of-4.jsonl").is_file());
    ok(d, &["results", "merge", "four"]);
    same(&d.join("one"), &d.join("four"));
    // Parts in folders of their own, as from machines that share nothing.
    for i in 1..=3 {
        ok(d, &["sweep", "s.ron", "-q", "--out", &format!("part{i}"), "--shard", &format!("{i}/3")]);
    }
    ok(d, &["results", "merge", "part1", "part2", "part3", "--out", "whole"]);
    same(&d.join("one"), &d.join("whole"));
    assert!(ok(d, &["results", "verify", "whole", "--rerun", "3"]).contains("3 made again, the same bytes"));
}

#[test]
fn seeds_are_added_until_the_interval_is_narrow_or_the_cap_is_reached() {
    let dir = folder(SWEEP);
    ok(dir.path(), &["sweep", "s.ron", "-q", "--out", "o"]);
    let points = std::fs::read_to_string(dir.path().join("o/points.csv")).expect("a table");
    let header: Vec<&str> = points.lines().next().expect("a header").split(',').collect();
    let at = |name: &str| header.iter().position(|h| *h == name).expect("a column");
    let (runs, mean, half) = (at("runs"), at("throughput_per_s_mean"), at("throughput_per_s_half"));
    let mut counts = Vec::new();
    for line in points.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |i: usize| fields[i].parse::<f64>().expect("a number");
        let n = number(runs) as u32;
        assert!((2..=5).contains(&n), "{line}");
        assert!(n == 5 || number(half) <= 0.2 * number(mean), "stopped too early: {line}");
        counts.push(n);
    }
    assert_eq!(counts.len(), 24);
    assert!(counts.contains(&5) && counts.iter().any(|n| *n < 5), "the rule decides nothing here: {counts:?}");
}

#[test]
fn a_changed_sweep_reuses_what_is_unchanged_and_forgets_nothing() {
    let dir = folder(SWEEP);
    let d = dir.path();
    let grown = SWEEP.replace("[1, 2, 3, 4]", "[1, 2, 6, 3, 4]");
    ok(d, &["sweep", "s.ron", "-q", "--out", "o"]);
    let small = contents(&d.join("o"));
    std::fs::write(d.join("s.ron"), &grown).expect("writable");
    let out = sim(d, &["sweep", "s.ron", "--out", "o"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    let runs = |bytes: &[u8]| bytes.iter().filter(|b| **b == b'\n').count();
    let found = runs(&small[Path::new("records.jsonl")]);
    assert!(said.contains(&format!("{found} found finished")), "{said}");
    // Numbers of points have moved; the store is that of the new sweep made afresh.
    ok(d, &["sweep", "s.ron", "-q", "--out", "afresh"]);
    same(&d.join("o"), &d.join("afresh"));
    // Back again: what the smaller sweep does not have is kept beside it, and nothing is run.
    std::fs::write(d.join("s.ron"), SWEEP).expect("writable");
    let out = sim(d, &["sweep", "s.ron", "--out", "o"]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("were found finished"), "{out:?}");
    let now = contents(&d.join("o"));
    small.iter().for_each(|(name, bytes)| assert!(now[name] == *bytes, "{}", name.display()));
    assert!(runs(&now[Path::new("others.jsonl")]) > 0);
    ok(d, &["results", "verify", "o"]);
}

/// Kills a sweep again and again after a random time, then lets it finish.
fn killed(rounds: u32, extra: &[&str], finish: &[&str]) {
    let dir = folder(SWEEP);
    let d = dir.path();
    let longer = SWEEP.replace("base:", "set: [(field: \"duration\", value: \"400us\")], base:");
    std::fs::write(d.join("s.ron"), longer).expect("writable");
    ok(d, &["sweep", "s.ron", "-q", "--out", "calm"]);
    let mut args = vec!["sweep", "s.ron", "-q", "--out", "killed"];
    args.extend(extra);
    // Pauses that are spread evenly and differ from run to run by a fixed rule.
    let mut x = 7_u64;
    let mut cut = 0;
    for _ in 0..rounds {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut child = Command::new(env!("CARGO_BIN_EXE_sim"))
            .args(&args)
            .current_dir(d)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        std::thread::sleep(Duration::from_millis(x >> 57));
        // It may have ended by itself.
        cut += u32::from(child.try_wait().expect("a child").is_none());
        let _ = child.kill();
        child.wait().expect("it ends");
    }
    assert!(cut > 0, "nothing was killed");
    args.retain(|a| !finish.contains(a));
    ok(d, &args);
    if !finish.is_empty() {
        ok(d, &["results", "merge", "killed"]);
    }
    same(&d.join("calm"), &d.join("killed"));
}

#[test]
fn a_sweep_that_is_killed_at_any_time_ends_with_the_same_bytes() {
    let rounds = if std::env::var_os("RQSIM_LONG").is_some() { 400 } else { 12 };
    killed(rounds, &["-j", "2"], &[]);
}

#[test]
fn a_journal_that_is_cut_at_any_byte_loses_one_run_at_most() {
    let dir = folder(&SWEEP.replace("[1, 2, 3, 4]", "[2]").replace("seeds_max: 5", "seeds_max: 2"));
    let d = dir.path();
    ok(d, &["sweep", "s.ron", "-q", "--out", "calm"]);
    ok(d, &["sweep", "s.ron", "-q", "--out", "cut", "--shard", "1/1"]);
    let journal = d.join("cut/records.partial.1-of-1.jsonl");
    let whole = std::fs::read(&journal).expect("a journal");
    let all = whole.iter().filter(|b| **b == b'\n').count();
    let step = if std::env::var_os("RQSIM_LONG").is_some() { 97 } else { whole.len() / 9 + 1 };
    for at in (0..whole.len()).step_by(step) {
        std::fs::write(&journal, &whole[..at]).expect("writable");
        let lines = whole[..at].iter().filter(|b| **b == b'\n').count();
        let out = sim(d, &["sweep", "s.ron", "--out", "cut", "--shard", "1/1"]);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success() && said.contains(&format!("{lines} found finished")), "cut at {at}: {said}");
        assert!(said.contains(&format!("{} runs made", all - lines)), "cut at {at}: {said}");
    }
    ok(d, &["results", "merge", "cut"]);
    same(&d.join("calm"), &d.join("cut"));
}

#[test]
#[cfg(unix)]
fn after_an_interrupt_what_is_finished_is_kept() {
    let dir = folder(&SWEEP.replace("base:", "set: [(field: \"duration\", value: \"20ms\")], base:"));
    let d = dir.path();
    let child = Command::new(env!("CARGO_BIN_EXE_sim"))
        .args(["sweep", "s.ron", "-j", "1", "--out", "o"])
        .current_dir(d)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let journal = d.join("o/records.partial.jsonl");
    while std::fs::metadata(&journal).map_or(0, |m| m.len()) == 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill").success());
    let out = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(130), "{said}");
    assert!(said.contains("the same command makes the rest"), "{said}");
    let n = std::fs::read_to_string(&journal).expect("kept").lines().count();
    assert!(said.contains(&format!("interrupted: {n} finished")), "{n}: {said}");
    // A part of a sweep can be looked at.
    assert!(ok(d, &["results", "ls", "o"]).contains(" missing"));
    assert!(ok(d, &["report", "o", "--out", "r"]).contains("attempts"));
}
