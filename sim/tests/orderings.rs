// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim orderings`: every subset run once, contributions that add up, orders that needs forbid, and what bad input is told.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn sim(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sim")).args(args).current_dir(dir).output().expect("the binary runs")
}

/// A test-and-set lock whose patches are not independent: `back_off` can only be applied to `peek`.
const LOCK: &str = r#"
program mine "Test and set"
defpatch 1 peek "Look before trying"
defpatch 2 back_off "Wait between two looks" needs peek
param rest = 100ns "Time between two looks"
struct lock_word align 64 kind lock { val: u32 }
export lock acquire
export unlock release
clean [lock_word.val]
proc acquire(lock: lock_word) -> err {
  mark attempt(lock)
  mark wait(lock, test_and_set)
again:
  patch peek {
    seen = load.u32 [lock.val]
    if seen == 0 goto free
    patch back_off {
      t = clock_ns
      t = t + rest
      delay_until t
    }
    patch !back_off {
      pause
    }
    goto again
free:
  }
  was = xchg.u32.acq [lock.val], 1
  mark held(lock) if !was
  if was != 0 goto again
  ret 0
}
proc release(lock: lock_word) {
  store.u32.rel [lock.val], 0
  mark released(lock)
  ret
}
"#;

const EXPERIMENT: &str = r#"(
    title: "mine", question: "what does each do?",
    machine: Preset("skylake-ring-8"),
    lock: (program: File("mine.uop")),
    stages: [(name: "all", patches: ["peek", "back_off"])],
    locks: ["a"],
    workload: (tasks: [(on: All, body: [Forever([Critical(lock: "a", body: [Work(Fixed("50ns"))])])])]),
    duration: "30us",
    seeds: List([1, 2]),
)"#;

fn folder() -> TempDir {
    let dir = TempDir::new().expect("a temporary folder");
    std::fs::write(dir.path().join("mine.uop"), LOCK).expect("writable");
    std::fs::write(dir.path().join("mine.ron"), EXPERIMENT).expect("writable");
    dir
}

fn read(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join("results/mine-orderings").join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn every_subset_is_run_once_and_contributions_add_up() {
    let dir = folder();
    let args = ["orderings", "mine.ron", "--param", "rest=1us", "--order", "1,rest=1us,2"];
    let out = sim(dir.path(), &args);
    let (text, said) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{said}");
    // back_off needs peek: of 8 subsets 6 are left, of 6 orders 3.
    assert!(text.contains("3 changes in 3 orders: 6 subsets, 2 seeds each"), "{text}");
    assert_eq!(read(dir.path(), "records.jsonl").lines().count(), 12);
    assert!(text.contains("then rest=1us"), "{text}");
    assert!(text.contains("Not measured here: worst_nmi"), "{text}");
    let orders = read(dir.path(), "orders.csv");
    let names: Vec<&str> = orders.lines().skip(1).step_by(4).map(|l| l.split(',').next().unwrap_or("")).collect();
    assert_eq!(names, ["1>2>rest=1us", "1>rest=1us>2", "rest=1us>1>2"]);
    // By metric: the contributions and the whole.
    let mut sums: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for line in read(dir.path(), "attribution.csv").lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let value: f64 = cells[4].parse().expect("a number");
        let sum = sums.entry(cells[3].to_owned()).or_default();
        match cells[0] {
            "contribution" => sum.0 += value,
            "whole" => sum.1 = value,
            _ => {}
        }
    }
    assert!(sums["throughput"].1.abs() > 1000.0 && sums.len() == 5, "{sums:?}");
    for (metric, (parts, whole)) in &sums {
        assert!((parts - whole).abs() <= 1e-9 * whole.abs().max(1.0), "{metric}: {parts} and {whole}");
    }
    let results = dir.path().join("results/mine-orderings");
    assert!(results.join("contributions.svg").exists() && results.join("lattice-throughput.svg").exists());
    // A second start finds everything and prints the same.
    let again = sim(dir.path(), &args);
    assert_eq!(String::from_utf8_lossy(&again.stdout), text);
}

#[test]
fn bad_input_is_told_what_to_do() {
    let dir = folder();
    let cases: [(&[&str], &str); 11] = [
        (&["--order", "2,1"], "2 comes before 1, without which it cannot be applied"),
        (&["--order", "1"], "2 is missing"),
        (&["--order", "1,2,1"], "1 comes twice"),
        (&["--order", "1,3"], "there is no change \"3\""),
        (&["--patches", "2"], "patch \"back_off\" cannot be applied without \"peek\""),
        (&["--patches", "peak"], "did you mean `peek`?"),
        (&["--param", "rests=1us"], "did you mean `rest`?"),
        (&["--param", "rest=1mm"], "--param rest=1mm"),
        (&["--param", "rest=1us", "--param", "rest=2us"], "another value already"),
        (&["--metric", "timeout"], "did you mean `timeouts`?"),
        (&["--metric", "worst_nmi"], "metric \"worst_nmi\" is not measured in this experiment"),
    ];
    for (args, part) in cases {
        let out = sim(dir.path(), &[&["orderings", "mine.ron", "-q"], args].concat());
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(part), "{args:?} does not say {part}: {said}");
        assert!(out.stdout.is_empty() && !dir.path().join("results").exists(), "{args:?}: work began before");
    }
}

#[test]
fn one_seed_speaks_of_no_interval_and_two_do() {
    let dir = folder();
    let run = |seeds: &str| {
        let out = sim(dir.path(), &["orderings", "mine.ron", "-q", "--seeds", seeds, "--order", "1,2"]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).expect("text")
    };
    let one = run("1").split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(
        one.matches("One seed gives no interval: how much of a difference is noise is unknown.").count(),
        2,
        "{one}"
    );
    assert!(!one.contains('±') && !one.contains("noise of"), "{one}");
    let figure = read(dir.path(), "contributions.svg");
    assert!(figure.contains("one seed gives no interval") && figure.contains("All bars are grey"));
    // Neither the green of better nor the red of worse is in it.
    assert!(!figure.contains("#009E73") && !figure.contains("#CC3311"));
    let lattice = read(dir.path(), "lattice-throughput.svg");
    assert!(lattice.contains("that makes it worse") && lattice.contains("(logarithmic)"), "there is a key of colours");
    let two = run("1,2");
    assert!(two.contains('±') && !two.contains("One seed"), "{two}");
    let figure = read(dir.path(), "contributions.svg");
    assert!(figure.contains("95 % interval over seeds") && figure.contains("Green is better"));
    assert!(figure.contains("#009E73") || figure.contains("#CC3311"), "something is beyond the noise");
}
