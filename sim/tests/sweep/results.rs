// SPDX-License-Identifier: MIT OR Apache-2.0
//! What becomes of runs that fail, what `sim results` says, and that reports read a sweep's records.

use std::io::Write;

use super::{SWEEP, folder, ok, sim};

/// A run of these needs more micro-ops than allowed; others end in a hang.
const WRONG: &str = r#"(
    title: "Some fail", question: "do the others go on?",
    base: "lost-heir.ron",
    stages: ["next"],
    axes: [List(name: "expect", field: "stages[7].expect", values: [Hang, Ok])],
    seeds: List([1]),
)
"#;

#[test]
fn runs_that_end_otherwise_than_they_have_to_are_recorded_with_a_command_that_makes_them_again() {
    let dir = folder(WRONG);
    let d = dir.path();
    let out = sim(d, &["sweep", "s.ron", "--out", "o"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.contains("1 of 2 runs did not end as they have to"), "{said}");
    let failed = ok(d, &["results", "ls", "o", "--failed"]);
    assert!(failed.contains("point 2 (expect=Ok), stage next, seed 1: hang: hang: "), "{failed}");
    let replay = failed.lines().find(|l| l.trim_start().starts_with("sim run")).expect("a command").trim();
    assert_eq!(replay, "sim run lost-heir.ron --set 'stages[7].expect=Ok' --stages=next --seeds 1");
    // The command makes the same run.
    let again = sim(
        d,
        &[
            "run",
            "lost-heir.ron",
            "--set",
            "stages[7].expect=Ok",
            "--stages=next",
            "--seeds",
            "1",
            "--out",
            "again",
            "-q",
        ],
    );
    assert_eq!(again.status.code(), Some(1));
    let read = |name: &str| {
        let text = std::fs::read_to_string(d.join(name).join("records.jsonl")).expect("records");
        text.lines().last().expect("a record").to_owned()
    };
    let (swept, alone) = (read("o"), read("again"));
    let body = swept.split(",\"sweep\":{").next().expect("a body");
    assert_eq!(format!("{body}}}"), alone);
    assert!(swept.contains("\"replay\":\"sim run lost-heir.ron"));
}

#[test]
fn a_run_that_needs_more_than_its_budget_is_given_up_and_the_others_go_on() {
    // 12.5 ms of simulated time are the first look.
    let sweep = r#"(
        title: "Budget", question: "who is given up?",
        base: "tiny.ron", stages: ["base"],
        axes: [List(field: "duration", values: ["1us", "26ms"])],
        seeds: List([1]),
        limits: (micro_ops: 1000),
    )"#;
    let dir = folder(sweep);
    let d = dir.path();
    let out = sim(d, &["sweep", "s.ron", "-q", "--out", "o", "--set", "machine.cores=1"]);
    assert_eq!(out.status.code(), Some(1));
    let runs = std::fs::read_to_string(d.join("o/runs.csv")).expect("a table");
    let status: Vec<&str> = runs.lines().skip(1).map(|l| l.split(',').nth(6).expect("a column")).collect();
    assert_eq!(status, ["ok", "budget"], "{runs}");
    assert!(ok(d, &["results", "ls", "o", "--failed"]).contains("micro-ops retired, 1000 allowed"));
    // It is a result: nothing is run again.
    let again = sim(d, &["sweep", "s.ron", "--out", "o", "--set", "machine.cores=1"]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("all 2 runs were found finished"), "{again:?}");
}

#[test]
fn a_failure_of_the_simulator_is_recorded_and_the_others_go_on() {
    use rqsim::plan::Assembled;
    use rqsim::sweep::{crew, estimate::Estimate, plan, store};
    use std::sync::atomic::AtomicBool;

    let dir = folder(SWEEP);
    let sweep = configs::sweep::load_sweep(dir.path().join("s.ron").to_str().expect("a path")).expect("a sweep");
    let assembled = Assembled::default();
    let made = plan::make(&sweep, &[1, 2].into(), 2, &assembled).expect("a plan");
    let maker = crew::Maker::new(&sweep, &made, &assembled, 2);
    let journal = store::Journal::open(store::journal_path(dir.path(), None)).expect("a journal");
    let stop = AtomicBool::new(false);
    let how = crew::How { threads: 2, shard: None, memory_mib: None, stop: &stop };
    let index = store::Index::of(dir.path()).expect("an index");
    // Whoever is asked for seed 2 of the first point fails.
    let make = |job: crew::Job| {
        let fail = move || assert!(job.seed != 2 || job.point != 0 || job.stage != 0, "a broken invariant of our own");
        maker.make_with(job, fail)
    };
    let done = crew::work(&made, &index, &journal, &Estimate::default(), how, &make, &|_| ()).expect("it goes on");
    assert_eq!(done.state.failed, 1);
    assert!(done.made >= 8 && done.state.done == done.state.all, "{:?}", done.state);
    let f = &done.failures[0];
    assert_eq!((f.point, f.seed, f.status.as_str()), (1, 2, "crash"));
    assert!(f.what.contains("a broken invariant of our own"), "{}", f.what);
    let (records, bad) = reports::read_records(&store::journal_path(dir.path(), None)).expect("records");
    assert!(bad.is_empty() && records.iter().filter(|r| r.status == "crash").count() == 1, "{bad:?}");
    // What was noted is what the files say; once anybody else has written, the files are read.
    let path = store::journal_path(dir.path(), None);
    let key = crew::key(&made, crew::Job { point: 0, stage: 0, seed: 1 }).expect("a key");
    let noted = index.with(dir.path(), &path, done.notes.clone()).expect("an index");
    let read = store::Index::of(dir.path()).expect("an index");
    assert_eq!((noted.keys(), noted.cells(&key).map(|(p, _)| p)), (read.keys(), Some(1)));
    let before = store::Index::of(dir.path()).expect("an index");
    std::fs::OpenOptions::new().append(true).open(&path).and_then(|mut f| f.write_all(b"x}\n")).expect("writable");
    let read = before.with(dir.path(), &path, Vec::new()).expect("an index");
    assert_eq!((read.damaged.len(), read.cells(&key), read.keys()), (1, None, noted.keys()));
}

#[test]
fn tables_are_made_from_records_and_reports_read_them() {
    let dir = folder(SWEEP);
    let d = dir.path();
    let table = ok(d, &["sweep", "s.ron", "-q", "--out", "o"]);
    assert!(table.contains("point  cores") && table.contains("Small sweep"), "{table}");
    let csv = ok(d, &["results", "export", "o"]);
    assert_eq!(csv, std::fs::read_to_string(d.join("o/runs.csv")).expect("a table"));
    assert_eq!(
        ok(d, &["results", "export", "o", "--table", "points"]),
        std::fs::read_to_string(d.join("o/points.csv")).expect("a table")
    );
    let jsonl = ok(d, &["results", "export", "o", "--format", "jsonl"]);
    assert_eq!(jsonl.lines().count() + 1, csv.lines().count());
    let first: serde_json::Value = serde_json::from_str(jsonl.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&first["point"], &first["axis_cores"], &first["axis_work_ns"]), (&1.into(), &1.into(), &500.0.into()));
    let points = ok(d, &["results", "export", "o", "--table", "points", "--format", "jsonl"]);
    let first: serde_json::Value = serde_json::from_str(points.lines().next().expect("a line")).expect("JSON");
    assert!(first["runs"].is_u64() && first["held_mean"].is_f64(), "{points}");
    let parquet = sim(d, &["results", "export", "o", "--format", "parquet", "--out", "o/runs.parquet"]);
    let said = String::from_utf8_lossy(&parquet.stderr).into_owned();
    assert_eq!(parquet.status.code(), Some(0), "{said}");
    assert!(std::fs::read(d.join("o/runs.parquet")).is_ok_and(|b| b.starts_with(b"PAR1") && b.ends_with(b"PAR1")));
    let said = sim(d, &["results", "export", "o", "--format", "parquet"]);
    assert!(String::from_utf8_lossy(&said.stderr).contains("name the file with --out"), "{said:?}");
    let report = ok(d, &["report", "o", "--out", "r", "--format", "csv"]);
    assert!(report.contains("base cores=2 work=500ns"), "{report}");
    let story = ok(d, &["explain", "o", "--point", "4", "--stage", "base", "--seed", "1"]);
    assert!(story.contains("every figure"), "{story}");
    let ls = ok(d, &["results", "ls", "o"]);
    assert!(ls.contains("axes      cores (machine.cores), work (") && ls.contains("at 12 points: "), "{ls}");
    assert!(ok(d, &["results", "columns"]).contains("| `throughput_per_s` | number |"));
}

#[test]
fn damage_is_found_and_named() {
    let dir = folder(&SWEEP.replace("[1, 2, 3, 4]", "[2]"));
    let d = dir.path();
    ok(d, &["sweep", "s.ron", "-q", "--out", "o"]);
    let path = d.join("o/records.jsonl");
    let good = std::fs::read_to_string(&path).expect("records");
    std::fs::write(&path, good.replacen("\"ops\":", "\"ops\":1", 1)).expect("writable");
    let out = sim(d, &["results", "verify", "o"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(1));
    assert!(said.contains("o/records.jsonl:1: the checksum is wrong") && said.contains("1 runs are missing"), "{said}");
    // The next start says so, keeps a copy, and makes the run again.
    let again = sim(d, &["sweep", "s.ron", "--out", "o"]);
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.contains("skipped a damaged record: o/records.jsonl:1") && said.contains("1 runs made"), "{said}");
    assert_eq!(std::fs::read_to_string(&path).expect("records"), good);
    assert!(d.join("o/records.jsonl.damaged").exists());
    // A table that was edited.
    let runs = d.join("o/runs.csv");
    let text = std::fs::read_to_string(&runs).expect("a table").replacen(",ok,", ",OK,", 1);
    std::fs::write(&runs, text).expect("writable");
    let out = sim(d, &["results", "verify", "o"]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("runs.csv is not what the plan and the records give"));
}
