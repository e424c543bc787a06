// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim run --trace`, `--timeline` and `sim explain`.

use std::collections::BTreeMap;
use std::path::Path;

use reports::trace::{Flow, What};
use rqsim::plan::plan;
use rqsim::run::run;
use rqsim::window::{Wanted, trace};
use tempfile::TempDir;

use super::{SMALL, sim};

const ONE: [&str; 4] = ["--stages", "base", "--seeds", "1"];

fn small() -> TempDir {
    let dir = TempDir::new().expect("a temporary folder");
    std::fs::write(dir.path().join("small.ron"), SMALL).expect("writable");
    dir
}

/// What is told about unusable input.
fn told(dir: &Path, args: &[&str]) -> String {
    let out = sim(dir, args);
    let text = String::from_utf8(out.stderr).expect("text");
    assert_eq!(out.status.code(), Some(2), "{args:?}: {text}");
    text
}

#[test]
fn a_trace_has_what_the_record_has() {
    let loaded = configs::parse(SMALL, "small.ron").expect("valid");
    let plan = plan(loaded).expect("a plan");
    let stage = &plan.stages[1];
    let record = run(&plan.loaded, stage, 2, false).record;
    let whole: Wanted = "0us..1s".parse().expect("a window");
    let t = trace(&plan.loaded, stage, 2, false, &whole).expect("a trace");
    assert_eq!(t, trace(&plan.loaded, stage, 2, true, &whole).expect("a trace"), "shortcuts cannot be seen");
    let begun = |category| t.events.iter().filter(|e| e.what == What::Begin && e.category == category).count() as u64;
    let task = &record.contexts["task"];
    assert!(task.held > 20 && begun("hold") == task.held && begun("attempt") == task.attempts, "{task:?}");
    for c in &t.counters {
        let class = c.name.trim_start_matches("messages ").trim_end_matches(" per us");
        let seen: u64 = c.points.iter().map(|p| p.1).sum();
        assert_eq!(seen, record.traffic.by_class[class].messages, "{class}: as many are delivered as sent");
    }
    // Begins and ends are balanced on each track, time ascends, and arrows point forward.
    let (mut open, mut arrows) = (BTreeMap::new(), BTreeMap::new());
    let mut handed = 0;
    for (i, e) in t.events.iter().enumerate() {
        assert!(i == 0 || t.events[i - 1].at_ns <= e.at_ns);
        let depth: &mut i64 = open.entry(e.track).or_default();
        *depth += match e.what {
            What::Begin => 1,
            What::End => -1,
            What::Instant => 0,
        };
        assert!(*depth >= 0);
        for flow in &e.flows {
            match flow {
                Flow::From(id) => assert_eq!(arrows.insert(*id, e.at_ns), None),
                Flow::To(id) => {
                    assert!(arrows.remove(id).expect("it has begun") <= e.at_ns);
                    handed += u64::from(e.category == "hold");
                }
            }
        }
    }
    assert!(open.values().all(|d| *d == 0) && arrows.is_empty());
    assert_eq!(handed, task.held - 1, "every owner but the first has the lock from another");
}

#[test]
fn files_are_written_twice_alike_and_not_over_others() {
    let dir = small();
    let run = |name: &str, more: &[&str]| {
        let files = [format!("{name}.pftrace"), format!("{name}.svg")];
        let mut args = vec!["run", "small.ron", "--trace", &files[0], "--timeline", &files[1], "-q"];
        args.extend(ONE.iter().chain(more));
        let out = sim(dir.path(), &args);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        files.map(|f| std::fs::read(dir.path().join(f)).expect("written"))
    };
    let first = run("a", &[]);
    assert!(first == run("b", &[]) && first == run("b", &["--force", "--exact"]));
    assert!(!dir.path().join("results").exists(), "no records are asked for");
    let text = told(dir.path(), &["run", "small.ron", "--trace", "a.pftrace", "--stages", "base", "--seeds", "1"]);
    assert_eq!(text, "error: a.pftrace is there already\n  help: give --force to overwrite it, or another name\n");
}

#[test]
fn a_window_that_cannot_be_is_told_with_a_way_out() {
    let dir = small();
    let told = |more: &[&str]| {
        let mut args = vec!["run", "small.ron"];
        args.extend(more);
        told(dir.path(), &args)
    };
    let of_one = |window: &str| {
        let mut args = vec!["--trace", "x.pftrace", "--trace-window", window];
        args.extend(ONE);
        told(&args)
    };
    let many = told(&["--trace", "x.pftrace"]);
    assert!(
        many.contains("these are 2 stages and 2 seeds") && many.contains("stages: base, +1; seeds: 1, 2"),
        "{many}"
    );
    assert!(told(&["--trace-window", "0us..1us"]).contains("give --trace out.pftrace or --timeline out.svg"));
    assert!(of_one("1us").contains("write FROM..TO as in 2ms..2.5ms"));
    assert!(of_one("3us..2us").contains("the window ends before it begins"));
    assert!(of_one("1s..2s").contains("the window begins after the run has ended"));
    assert!(of_one("first-timeout").contains("no attempt timed out in this run (stage base, seed 1)"));
    let label = of_one("label:slow_path.pendin");
    assert!(label.contains("no label \"slow_path.pendin\"") && label.contains("did you mean"), "{label}");
    assert!(told(&["--trace", "no/x.pftrace", "--stages", "base", "--seeds", "1"]).contains("no folder no"));
    assert!(!dir.path().join("x.pftrace").exists());
}

#[test]
fn the_worst_attempts_are_told_from_a_record() {
    let dir = small();
    assert!(sim(dir.path(), &["run", "small.ron", "-q", "--out", "o"]).status.success());
    let explain = |more: &[&str]| {
        let mut args = vec!["explain", "o", "--stage", "base", "--seed", "2"];
        args.extend(more);
        let out = sim(dir.path(), &args);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).expect("text")
    };
    let text = explain(&["--worst", "2"]);
    for part in
        ["Made again: every figure is the record's.", "\n1. cpu ", "\n2. cpu ", "IT HAS THE LOCK", "rqspinlock.uop:"]
    {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
    assert!(text.lines().all(|l| l.chars().count() < 80) && !text.contains("\n3. cpu "), "{text}");
    assert_eq!(text, explain(&["--worst", "2"]));
    // Figures that are not this version's.
    let path = dir.path().join("o/records.jsonl");
    let good = std::fs::read_to_string(&path).expect("records");
    let ops = |l: &str| l.replacen("\"ops\":", "\"ops\":1", 1);
    std::fs::write(&path, good.lines().map(|l| ops(l) + "\n").collect::<String>()).expect("writable");
    assert!(explain(&[]).contains("WARNING: made again"));
}

#[test]
fn records_that_cannot_be_explained_are_told_with_a_way_out() {
    let dir = small();
    assert!(sim(dir.path(), &["run", "small.ron", "-q", "--out", "o"]).status.success());
    let told = |args: &[&str]| told(dir.path(), args);
    assert!(told(&["explain", "nowhere"]).contains("there is no file of records nowhere"));
    assert!(told(&["explain", "o"]).contains("choose with --stage: base, +1"));
    assert!(told(&["explain", "o", "--stage", "+1"]).contains("choose with --seed: 1, 2"));
    assert!(told(&["explain", "o", "--stage", "bas"]).contains("did you mean `base`?"));
    assert!(told(&["explain", "o", "--stage", "base", "--seed", "9"]).contains("no record has seed \"9\""));
    assert!(told(&["explain", "o", "--worst", "0"]).contains("1..=10"));
    std::fs::write(dir.path().join("bad.jsonl"), "{\"format\":1,\n").expect("writable");
    let bad = told(&["explain", "bad.jsonl"]);
    assert!(bad.contains("bad.jsonl:1: there is no usable record in the file: cut short"), "{bad}");
    std::fs::write(dir.path().join("empty.jsonl"), "").expect("writable");
    assert!(told(&["explain", "empty.jsonl"]).contains("empty.jsonl has no record that can be read"));
}
