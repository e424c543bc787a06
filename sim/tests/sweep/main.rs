// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim sweep` and `sim results`: the same store whoever makes it, whatever is killed; points that fail; what bad input is told.

mod bad_input;
mod presets;
mod results;
mod store;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// Runs of tens of microseconds of simulated time.
const TINY: &str = r#"(
    title: "tiny", question: "how cheap is a run?",
    machine: Preset("skylake-ring-8"),
    lock: (program: Builtin("rqspinlock")),
    stages: [(name: "base", patches: []), (name: "+1", patches: ["enclose"])],
    locks: ["a"],
    workload: (tasks: [(on: All, body: [Forever([Work(Exp("2us")), Critical(lock: "a", body: [])])])]),
    duration: "20us",
    seeds: List([1, 2]),
)
"#;

/// Twelve points, two stages, some seeds more where throughput scatters.
const SWEEP: &str = r#"(
    title: "Small sweep", question: "is it the same?",
    base: "tiny.ron",
    axes: [
        List(field: "machine.cores", values: [1, 2, 3, 4]),
        Log(name: "work", field: "workload.tasks[0].body[0].Forever[0].Work.Exp", from: "500ns", to: "5us", n: 3),
    ],
    adaptive: (metric: "throughput_per_s", half_width: Relative(0.2), seeds_max: 5),
)
"#;

fn folder(sweep: &str) -> TempDir {
    let dir = TempDir::new().expect("a temporary folder");
    std::fs::write(dir.path().join("tiny.ron"), TINY).expect("writable");
    std::fs::write(dir.path().join("s.ron"), sweep).expect("writable");
    dir
}

fn sim(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sim")).args(args).current_dir(dir).output().expect("the binary runs")
}

/// Runs a command that has to succeed; gives what it prints.
fn ok(dir: &Path, args: &[&str]) -> String {
    let out = sim(dir, args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("text")
}

/// Every file of a folder.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(dir).expect("a folder").map(|e| e.expect("an entry").path());
    let named = |p: PathBuf| (p.file_name().expect("a name").into(), std::fs::read(&p).expect("readable"));
    entries.filter(|p| p.is_file()).map(named).collect()
}

/// Fails with the names of the files that differ, not with their bytes.
fn same(a: &Path, b: &Path) {
    let (x, y) = (contents(a), contents(b));
    let names = |m: &BTreeMap<PathBuf, Vec<u8>>| m.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&x), names(&y));
    for (name, bytes) in &x {
        assert!(y[name] == *bytes, "{} differs in {} and {}", name.display(), a.display(), b.display());
    }
}
