// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim report`: what it makes, and what bad input is told.

use std::path::Path;

use tempfile::TempDir;

use super::{SMALL, sim};

/// A folder with the records of the small experiment in `results/small`.
fn made() -> TempDir {
    let dir = TempDir::new().expect("a temporary folder");
    std::fs::write(dir.path().join("small.ron"), SMALL).expect("writable");
    let out = sim(dir.path(), &["run", "small.ron", "-q", "--out", "r"]);
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    dir
}

/// Runs it, asserts the exit code, gives what it printed and what it said.
fn report(dir: &Path, args: &[&str], code: i32) -> (String, String) {
    let out = sim(dir, &[&["report"], args].concat());
    let said = String::from_utf8(out.stderr).expect("text");
    assert_eq!(out.status.code(), Some(code), "{said}");
    (String::from_utf8(out.stdout).expect("text"), said)
}

#[test]
fn everything_is_made_from_records_and_nothing_is_overwritten() {
    let dir = made();
    let d = dir.path();
    let (table, said) = report(d, &["r/records.jsonl", "--out", "a"], 0);
    assert!(table.contains("base") && said.contains("4 records"), "{said}");
    let bytes = |name: &str| std::fs::read(d.join("a").join(name)).expect(name);
    for name in ["stages.txt", "stages.md", "stages.csv", "metrics.csv", "stages.json", "timeouts.svg", "report.html"] {
        assert!(!bytes(name).is_empty(), "{name}");
    }
    assert!(bytes("timeouts.png").starts_with(b"\x89PNG\r\n"));
    assert_eq!(bytes("stages.csv"), std::fs::read(d.join("r/stages.csv")).expect("of the run"));
    let json: serde_json::Value = serde_json::from_slice(&bytes("stages.json")).expect("JSON");
    assert_eq!(json[1]["stage"], "+1");
    assert_eq!(json[0]["runs"], 2);
    let page = bytes("report.html");
    let (_, said) = report(d, &["r", "--out", "a"], 2);
    assert!(said.contains("is there already") && said.contains("--force"), "{said}");
    // The same records in another order give the same bytes.
    let text = std::fs::read_to_string(d.join("r/records.jsonl")).expect("records");
    let turned: String = text.lines().rev().map(|l| format!("{l}\n")).collect();
    std::fs::write(d.join("turned.jsonl"), turned).expect("writable");
    report(d, &["turned.jsonl", "--out", "a", "--force", "-q"], 0);
    assert_eq!(page, bytes("report.html"));
}

#[test]
fn a_run_keeps_the_time_line_of_its_longest_attempt_and_a_report_draws_it() {
    let dir = made();
    let d = dir.path();
    let of_run = std::fs::read_to_string(d.join("r/timeline.svg")).expect("drawn by the run");
    let records = std::fs::read_to_string(d.join("r/records.jsonl")).expect("records");
    let longest = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let w = &record["worst"][0];
        let who =
            format!("stage {}, seed {}, task of core {}", record["stage"], record["seed"], w["cpu"]).replace('"', "");
        (w["lasted_ns"].as_u64().expect("a time"), who)
    };
    // Of equally long attempts the first.
    let (_, who) = records.lines().map(longest).reduce(|a, b| if b.0 > a.0 { b } else { a }).expect("records");
    assert!(of_run.contains(&format!("The longest attempt: {who}")), "{who}");
    report(d, &["r", "--out", "a", "--format", "svg,html"], 0);
    assert_eq!(std::fs::read_to_string(d.join("a/timeline.svg")).expect("drawn by the report"), of_run);
    let page = std::fs::read_to_string(d.join("a/report.html")).expect("a page");
    assert!(page.contains("What did every core do around the longest attempt?") && page.contains("r/timeline.jsonl"));
    report(d, &["r/timeline.jsonl", "--out", "alone", "--format", "svg"], 0);
    assert!(d.join("alone/timeline.svg").is_file() && !d.join("alone/timeouts.svg").exists());
    std::fs::write(d.join("r/timeline.jsonl"), "{\"format\":9}\n").expect("writable");
    let (_, said) = report(d, &["r", "--out", "b"], 0);
    assert!(said.contains("r/timeline.jsonl:1: skipped") && !d.join("b/timeline.svg").exists(), "{said}");
}

#[test]
fn damaged_records_are_named_and_skipped_with_a_count() {
    let dir = made();
    let path = dir.path().join("r/records.jsonl");
    let text = std::fs::read_to_string(&path).expect("records").replacen("\"format\":1", "\"format\":7", 1);
    std::fs::write(&path, &text[..text.len() - 100]).expect("writable");
    let (_, said) = report(dir.path(), &["r", "--format", "csv"], 0);
    assert!(said.contains("records.jsonl:1: skipped: format 7, this version reads format 1"), "{said}");
    assert!(said.contains("records.jsonl:4: skipped: cut short"), "{said}");
    assert!(said.contains("2 damaged records skipped, 2 records read"), "{said}");
    std::fs::write(&path, "{\"format\":1}\nnonsense\n").expect("writable");
    let (_, said) = report(dir.path(), &["r", "--out", "none"], 2);
    assert!(said.contains("r/records.jsonl:1: there is no usable record in the file: "), "{said}");
    assert!(!dir.path().join("none").exists());
    // An experiment is no record: one error, and not one for each line.
    std::fs::write(dir.path().join("mine.ron"), "(\n  title: 1,\n)\n".repeat(30)).expect("writable");
    let (_, said) = report(dir.path(), &["mine.ron", "--out", "none"], 2);
    assert!(said.contains("mine.ron:1: ") && said.contains("sim run FILE") && said.lines().count() == 2, "{said}");
}

#[test]
fn what_holds_no_records_is_told() {
    let dir = TempDir::new().expect("a temporary folder");
    assert!(report(dir.path(), &["nowhere"], 2).1.contains("there is no file nowhere"));
    std::fs::create_dir(dir.path().join("empty")).expect("writable");
    assert!(report(dir.path(), &["empty"], 2).1.contains("empty holds neither records.jsonl nor"));
    std::fs::write(dir.path().join("empty/landings.jsonl"), "").expect("writable");
    assert!(report(dir.path(), &["empty"], 2).1.contains("there is no usable record in empty/landings.jsonl"));
    assert!(report(dir.path(), &["empty", "--format", "pdf"], 2).1.contains("possible values"));
}

#[test]
fn the_same_records_against_themselves_show_no_change() {
    let dir = made();
    let (text, _) = report(dir.path(), &["r", "--against", "r", "--format", "text"], 0);
    assert!(text.starts_with("small: 0 of "), "{text}");
    assert!(text.lines().all(|l| l.len() < 78), "{text}");
    assert_eq!(std::fs::read_to_string(dir.path().join("report/against.txt")).expect("a file"), text);
}

/// 100,000 records in under 30 s and 1 GiB: with `RQSIM_LONG=1`, of an optimised build.
#[test]
fn many_records_are_read_without_keeping_them() {
    let long = std::env::var_os("RQSIM_LONG").is_some_and(|v| v == "1");
    let many: u64 = if long { 100_000 } else { 200 };
    let dir = made();
    let text = std::fs::read_to_string(dir.path().join("r/records.jsonl")).expect("records");
    let mut out = std::io::BufWriter::new(std::fs::File::create(dir.path().join("many.jsonl")).expect("writable"));
    let lines: Vec<&str> = text.lines().filter(|l| l.contains("\"seed\":1,")).collect();
    assert_eq!(lines.len(), 2, "a line for each stage");
    for seed in 0..many / 2 {
        for line in &lines {
            use std::io::Write as _;
            writeln!(out, "{}", line.replacen("\"seed\":1,", &format!("\"seed\":{seed},"), 1)).expect("writable");
        }
    }
    drop(out);
    let start = std::time::Instant::now();
    let (_, said) = report(dir.path(), &["many.jsonl"], 0);
    // Long numbers are written in groups.
    let digits: String = said.chars().filter(|c| !c.is_whitespace()).collect();
    assert!(digits.contains(&format!("{many}records;")), "{said}");
    assert!(!long || cfg!(debug_assertions) || start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
}

#[test]
fn a_sweep_is_found_from_what_differs_and_its_axes_can_be_chosen() {
    let dir = TempDir::new().expect("a temporary folder");
    let d = dir.path();
    std::fs::write(d.join("small.ron"), SMALL).expect("writable");
    for (i, (cores, duration)) in [("2", "1ms"), ("3", "1ms"), ("2", "2ms"), ("3", "2ms")].into_iter().enumerate() {
        let (cores, duration) = (format!("machine.cores={cores}"), format!("duration={duration}"));
        let out = sim(
            d,
            &[
                "run",
                "small.ron",
                "-q",
                "--stages",
                "base",
                "--set",
                &cores,
                "--set",
                &duration,
                "--out",
                &format!("r{i}"),
            ],
        );
        assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    }
    let (_, said) = report(d, &["r0", "r1", "r2", "r3", "--out", "a", "--format", "html,csv,svg"], 0);
    let text = |name: &str| std::fs::read_to_string(d.join("a").join(name)).expect(name);
    let points = text("points.csv");
    assert!(points.lines().next().expect("a head").contains(",duration,machine.cores,seed,"), "{points}");
    assert_eq!(points.lines().count(), 1 + 8, "{said}");
    let page = text("report.html");
    assert!(page.contains("data-explorer") && page.contains("<code>machine.cores</code>"));
    assert!(text("sweep-throughput.svg").contains("by duration and machine.cores"));
    report(
        d,
        &[
            "r0",
            "r1",
            "r2",
            "r3",
            "--out",
            "b",
            "--format",
            "svg",
            "--axes",
            "cores,seed",
            "--measure",
            "messages",
            "-q",
        ],
        0,
    );
    let drawn = std::fs::read_to_string(d.join("b/sweep-messages.svg")).expect("a figure");
    assert!(drawn.contains("by machine.cores and seed") && !d.join("b/sweep-throughput.svg").exists());
    let (_, said) = report(d, &["r0", "r1", "--out", "c", "--axes", "speed"], 2);
    assert!(said.contains("there is no axis speed") && said.contains("machine.cores"), "{said}");
    let (_, said) = report(d, &["r0", "--out", "c", "--measure", "speed"], 2);
    assert!(said.contains("there is no measure speed") && !d.join("c").exists(), "{said}");
    report(d, &["r0", "--out", "c", "--format", "parquet"], 0);
    assert!(std::fs::read(d.join("c/points.parquet")).is_ok_and(|b| b.starts_with(b"PAR1") && b.ends_with(b"PAR1")));
    assert!(!d.join("c/points.csv").exists(), "only what was asked for");
}

#[test]
fn landing_maps_are_in_the_report() {
    let dir = TempDir::new().expect("a temporary folder");
    let d = dir.path();
    let out = sim(
        d,
        &[
            "windows",
            "uncontended",
            "--stages",
            "base",
            "--each",
            "1",
            "--more",
            "0",
            "--path",
            "res_spin_unlock",
            "-q",
            "--out",
            "w",
        ],
    );
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    let (table, said) = report(d, &["w", "--out", "a"], 0);
    assert!(table.contains("base"), "{table}{said}");
    assert_eq!(
        std::fs::read(d.join("a/landings.svg")).expect("a figure"),
        std::fs::read(d.join("w/landings.svg")).expect("of the run")
    );
    assert_eq!(
        std::fs::read(d.join("a/landings.csv")).expect("a table"),
        std::fs::read(d.join("w/landings.csv")).expect("of the run")
    );
    let page = std::fs::read_to_string(d.join("a/report.html")).expect("a page");
    assert!(page.contains("Landing maps") && page.contains("What happens if the interrupt lands here?"));
    // Damaged lines are named here, too.
    let text = std::fs::read_to_string(d.join("w/landings.jsonl")).expect("maps");
    std::fs::write(d.join("landings.bad.jsonl"), format!("nonsense\n{text}")).expect("writable");
    let (_, said) = report(d, &["landings.bad.jsonl", "--out", "b", "--format", "csv"], 0);
    assert!(said.contains("landings.bad.jsonl:1: skipped") && said.contains("1 landing maps read"), "{said}");
}
