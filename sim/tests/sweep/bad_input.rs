// SPDX-License-Identifier: MIT OR Apache-2.0
//! What bad input is told, before anything runs.

use std::path::Path;
use std::process::Command;

use super::{SWEEP, folder, ok, sim};

/// Runs a command that has to be refused with exit code 2; gives what it is told.
fn told(dir: &Path, args: &[&str]) -> String {
    let out = sim(dir, args);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(2), "{args:?}: {said}");
    said
}

fn says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "does not say {part}: {said}");
    }
}

#[test]
fn a_path_that_does_not_exist_and_an_empty_sweep_are_refused() {
    let dir = folder(&SWEEP.replace("machine.cores", "machine.coers"));
    let d = dir.path();
    says(&told(d, &["sweep", "s.ron"]), &["no field `coers`", "did you mean `cores`?", "s.ron:5:21"]);
    std::fs::write(d.join("s.ron"), SWEEP.replace("axes:", "only_if: [\"cores > 4\"], axes:")).expect("writable");
    says(&told(d, &["sweep", "s.ron"]), &["the sweep is empty: none of its 12 points", "s.ron:4:14"]);
    std::fs::write(d.join("s.ron"), SWEEP.replace("throughput_per_s", "throughput")).expect("writable");
    says(
        &told(d, &["sweep", "s.ron"]),
        &["no metric \"throughput\"", "did you mean `throughput_per_s`?", "s.ron:8:24"],
    );
    says(&told(d, &["sweep", "none.ron"]), &["no such file, and no preset", "freeze-map.ron"]);
    assert!(!d.join("results").exists(), "something was begun");
}

#[test]
fn a_value_that_fails_at_point_317_is_found_before_anything_runs() {
    let durations: Vec<String> =
        (1..=320).map(|i| if i == 317 { "\"0ns\"".into() } else { format!("\"{i}us\"") }).collect();
    let sweep = |values: &str| {
        format!(
            "(title: \"Many\", question: \"which is wrong?\", base: \"tiny.ron\", axes: [\n  List(field: \"duration\", values: [\n    {values}]),\n  \
             List(field: \"machine.cores\", values: [2]),\n])"
        )
    };
    let dir = folder(&sweep(&durations.join(",\n    ")));
    let said = told(dir.path(), &["sweep", "s.ron", "--out", "o"]);
    let parts = ["point 317 (duration = 0ns, cores = 2): duration = \"0ns\": must be more than zero", "s.ron:319:5"];
    says(&said, &parts);
    assert!(!dir.path().join("o").exists(), "something was begun");
    // The program's own names are looked at as well.
    let dir = folder(
        &sweep("\"1us\", \"2us\"")
            .replace("machine.cores\", values: [2]", "lock.params.chek_interval\", values: [\"1ms\"]"),
    );
    let said = told(dir.path(), &["sweep", "s.ron"]);
    says(&said, &["point 1 (duration = 1us, chek_interval = 1ms)", "did you mean `check_interval`?", "s.ron:4:"]);
}

#[test]
fn wrong_flags_get_the_rule_and_a_way_out() {
    let dir = folder(SWEEP);
    let d = dir.path();
    let cases: [(&[&str], &[&str]); 8] = [
        (&["sweep", "s.ron", "--shard", "5/4"], &["there is no shard 5/4", "write I/N"]),
        (&["sweep", "s.ron", "--shard", "x"], &["\"x\" is no shard"]),
        (&["sweep", "s.ron", "--points", "13"], &["there is no point 13", "from 1 to 12"]),
        (&["sweep", "s.ron", "--set", "duration"], &["there is no `=`"]),
        (&["sweep", "s.ron", "--set", "duratoin=1ms"], &["no field `duratoin`", "did you mean `duration`?"]),
        (&["sweep", "s.ron", "--seeds", "1"], &["one seed has no interval"]),
        (&["results", "ls", "nowhere"], &["nowhere/plan.jsonl", "sim sweep FILE --out DIR"]),
        (&["results", "merge", "a", "b"], &["a/plan.jsonl"]),
    ];
    for (args, parts) in cases {
        says(&told(d, args), parts);
    }
}

#[test]
fn a_store_of_another_version_format_or_kind_is_left_alone() {
    let dir = folder(SWEEP);
    let d = dir.path();
    ok(d, &["sweep", "s.ron", "-q", "--out", "o", "--points", "1"]);
    let plan = d.join("o/plan.jsonl");
    let text = std::fs::read_to_string(&plan).expect("a plan");
    let version = ok(d, &["--version"]).trim().trim_start_matches("sim ").to_owned();
    std::fs::write(&plan, text.replace(&version, "0.0.1+old")).expect("writable");
    let said = told(d, &["sweep", "s.ron", "--out", "o"]);
    says(&said, &["o holds runs of rqsim 0.0.1+old", "name another folder with --out", "--fresh"]);
    says(&told(d, &["results", "ls", "o"]), &["holds runs of rqsim 0.0.1+old"]);
    std::fs::write(&plan, text.replace("\"sweep_format\":1", "\"sweep_format\":7")).expect("writable");
    says(&told(d, &["sweep", "s.ron", "--out", "o"]), &["format 7, this version reads format 1"]);
    // --fresh sets aside what is there.
    ok(d, &["sweep", "s.ron", "-q", "--out", "o", "--points", "1", "--fresh"]);
    assert!(d.join("o/before-1/records.jsonl").is_file());
    ok(d, &["run", "tiny.ron", "-q", "--out", "run"]);
    says(&told(d, &["sweep", "s.ron", "--out", "run"]), &["no plan of a sweep beside it"]);
}

#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    let dir = folder(SWEEP);
    let d = dir.path();
    std::fs::write(d.join("taken"), "a file").expect("writable");
    says(&told(d, &["sweep", "s.ron", "--out", "taken"]), &["taken is a file", "--out"]);
    let read_only = if cfg!(target_os = "linux") { "/proc/sweep" } else { "/dev/sweep" };
    says(&told(d, &["sweep", "s.ron", "--out", read_only]), &["cannot write", "may you write there?"]);
}

/// A limit on the size of files does what a full disk does: a write that fails half-way.
#[test]
#[cfg(unix)]
fn a_full_disk_stops_the_sweep_and_the_next_start_goes_on() {
    let dir = folder(SWEEP);
    let d = dir.path();
    ok(d, &["sweep", "s.ron", "-q", "--out", "calm"]);
    // 40 blocks of 512 bytes (1024 in some shells); the signal would end the program before it can say a word.
    let script = format!("trap '' XFSZ; ulimit -f 40; exec {} sweep s.ron -q --out o", env!("CARGO_BIN_EXE_sim"));
    let out = Command::new("sh").args(["-c", &script]).current_dir(d).output().expect("a shell");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(2), "{said}");
    says(&said, &["cannot write o/records.partial.jsonl", "is there room"]);
    let kept = std::fs::read(d.join("o/records.partial.jsonl")).expect("a journal");
    assert!(!kept.is_empty());
    ok(d, &["sweep", "s.ron", "-q", "--out", "o"]);
    super::same(&d.join("calm"), &d.join("o"));
}

#[test]
fn without_slurm_the_engine_says_so() {
    let dir = folder(SWEEP);
    let out = Command::new(env!("CARGO_BIN_EXE_sim"))
        .args(["sweep", "s.ron", "--engine", "slurm"])
        .env("PATH", "/nowhere")
        .current_dir(dir.path())
        .output()
        .expect("the binary runs");
    assert_eq!(out.status.code(), Some(2));
    says(&String::from_utf8_lossy(&out.stderr), &["there is no `sbatch` on the path", "--shard I/N"]);
}
