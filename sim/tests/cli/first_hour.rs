// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a new user does first: help, presets, init, doctor, completions, manual pages, names nearly right.

use std::process::{Command, Output};

use super::sim;
use tempfile::TempDir;

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn with(envs: &[(&str, &str)], args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    command.args(args).env_remove("LC_ALL").env_remove("LC_CTYPE").env_remove("LANG");
    command.envs(envs.iter().copied()).output().expect("the binary runs")
}

#[test]
fn help_teaches_on_one_screen_in_any_width() {
    for columns in ["40", "80", "200"] {
        let out = with(&[("COLUMNS", columns)], &["--help"]);
        let help = text(&out.stdout);
        assert_eq!(out.status.code(), Some(0), "{help}");
        for word in ["sim run ring8.ron", "doctor", "Exit codes: 0 all well", "sim init"] {
            assert!(help.replace("\n  ", " ").contains(word) || columns == "40", "{word} is not in:\n{help}");
        }
        let width: usize = columns.parse().expect("a number");
        assert!(help.lines().all(|l| l.chars().count() <= width), "too wide for {columns}:\n{help}");
    }
    assert!(text(&with(&[], &["run", "--help"]).stdout).contains("--timeline freeze.svg"));
}

#[test]
fn init_writes_an_experiment_that_runs_and_overwrites_nothing() {
    let dir = folder();
    let out = sim(dir.path(), &["init", "mine"]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let written = std::fs::read_to_string(dir.path().join("mine.ron")).expect("written");
    assert!(written.contains("// Comments begin") || written.contains("Comments begin"), "{written}");
    let again = sim(dir.path(), &["init", "mine.ron"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("mine.ron is there already"), "{}", text(&again.stderr));
    let run = sim(dir.path(), &["run", "mine.ron", "--set", "duration=100us", "--out", "r", "-q"]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    assert!(text(&run.stdout).contains("+1-2"));
}

#[test]
fn what_was_made_is_counted_and_no_speed_is_zero() {
    let dir = folder();
    let run = |seeds: &str| {
        let args = ["run", "hammer8.ron", "--set", "duration=20us", "--out", "r", "--seeds", seeds];
        let out = sim(dir.path(), &args);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        text(&out.stderr)
    };
    let first = run("1");
    assert!(first.contains("\n1 run in ") || first.starts_with("1 run in "), "{first}");
    assert!(first.contains(" simulated ms per second") && !first.contains("0.00 simulated"), "{first}");
    assert!(run("1").contains("0 runs made in "), "one is there");
    assert!(run("2").contains("1 record of other finished runs found there and kept"), "of seed 1");
    let report = sim(dir.path(), &["report", "r", "--format", "text"]);
    assert_eq!(text(&report.stderr), "2 records; 1 file in report\n");
}

#[test]
fn init_copies_every_lock_and_the_copy_is_what_runs() {
    let dir = folder();
    for lock in ["rqspinlock", "qspinlock", "ticket", "mcs", "clh", "cohort", "test_and_set", "ttas_backoff"] {
        let out = sim(dir.path(), &["init", lock, "--program", lock]);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        let written = std::fs::read_to_string(dir.path().join(format!("{lock}.ron"))).expect("written");
        assert!(written.contains("// The lock: the file beside this one.\n"), "{written}");
        let check = sim(dir.path(), &["check", &format!("{lock}.ron")]);
        assert_eq!(check.status.code(), Some(0), "{lock}: {}", text(&check.stderr));
    }
    std::fs::write(dir.path().join("ticket.uop"), "proc nothing {\n").expect("writable");
    assert_eq!(sim(dir.path(), &["check", "ticket.ron"]).status.code(), Some(2), "the file beside it is not read");
    let none = sim(dir.path(), &["init", "other", "--program", "tiket"]);
    assert!(text(&none.stderr).contains("did you mean `ticket`?"), "{}", text(&none.stderr));
    assert!(!dir.path().join("other.ron").exists(), "half of it was written");
    for bad in ["", "a/", "a\"b"] {
        assert_eq!(sim(dir.path(), &["init", bad]).status.code(), Some(2), "{bad:?}");
    }
}

#[test]
fn a_list_of_presets_is_no_column_of_single_words_on_a_narrow_terminal() {
    let narrow = text(&with(&[("COLUMNS", "40")], &["presets"]).stdout);
    assert!(narrow.lines().all(|l| l.chars().count() <= 40), "{narrow}");
    assert!(narrow.contains("\n  ring8.ron\n    How often and for how long does the"), "{narrow}");
}

#[test]
fn presets_are_listed_with_a_reason_and_shown_as_they_are() {
    let dir = folder();
    let list = text(&sim(dir.path(), &["presets"]).stdout);
    let (experiments, machines) = list.split_once("machines").expect("two parts");
    assert!(experiments.lines().filter(|l| l.starts_with("  ")).all(|l| l.trim().contains(' ')), "{list}");
    assert!(machines.contains("zen3-ccx-8") && machines.contains("One 8-core cluster of the Zen 3 family"), "{list}");
    let shown = text(&sim(dir.path(), &["presets", "ring8"]).stdout);
    assert_eq!(shown, configs::presets::experiment_text("ring8.ron").expect("a preset"));
}

#[test]
fn doctor_finds_a_good_machine_and_a_folder_it_cannot_use() {
    let dir = folder();
    let out = sim(dir.path(), &["doctor"]);
    let said = text(&out.stdout);
    assert_eq!(out.status.code(), Some(0), "{said}");
    assert!(said.contains("the same with and without shortcuts"), "{said}");
    assert_eq!(std::fs::read_dir(dir.path()).expect("readable").count(), 0, "it left something behind");
    std::fs::write(dir.path().join("file"), "").expect("writable");
    let bad = sim(dir.path(), &["doctor", "--out", "file/results"]);
    assert_eq!(bad.status.code(), Some(2));
    assert!(text(&bad.stdout).contains("in the way"), "{}", text(&bad.stdout));
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let dir = folder();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let out = text(&sim(dir.path(), &["completions", shell]).stdout);
        assert!(out.contains("test-memory") && out.contains("doctor"), "{shell}");
    }
    let out = sim(dir.path(), &["man", "pages"]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    for page in ["sim.1", "sim-run.1", "sim-asm-show.1", "sim-doctor.1"] {
        assert!(dir.path().join("pages").join(page).is_file(), "{page} is missing");
    }
    let again = sim(dir.path(), &["man", "pages"]);
    assert_eq!(again.status.code(), Some(2));
    assert_eq!(sim(dir.path(), &["man", "pages", "--force"]).status.code(), Some(0));
    std::fs::write(dir.path().join("file"), "").expect("writable");
    let out = sim(dir.path(), &["man", "file"]);
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(2));
    assert!(said.contains("help: name another folder; it is made") && !said.contains("--out"), "{said}");
}

/// Every kind of name a user can get wrong, and the near one.
#[test]
fn a_wrong_name_gets_a_near_one() {
    let dir = folder();
    let s = |args: &[&str]| {
        let out = sim(dir.path(), args);
        assert_eq!(out.status.code(), Some(2), "{args:?}");
        text(&out.stderr)
    };
    for (args, near) in [
        (&["rnu", "ring8.ron"][..], "`run`"),
        (&["ring8.ron"], "sim run ring8.ron"),
        (&["asm", "shwo", "ticket"], "`show`"),
        (&["check", "mine.uop"], "sim asm check mine.uop"),
        (&["run", "x/records.jsonl"], "sim report x/records.jsonl"),
        (&["run", "rign8.ron"], "ring8.ron"),
        (&["run", "ring8.ron", "--stags", "base"], "--stages"),
        (&["run", "ring8.ron", "--stages", "bsae"], "base"),
        (&["run", "ring8.ron", "--machine", "zen3-cx-8"], "zen3-ccx-8"),
        (&["check", "ring8.ron", "--set", "machine.coers=4"], "cores"),
        (&["check", "ring8.ron", "--set", "duration=10mss"], "ms"),
        (&["check", "ring8.ron", "--set", "duration=10"], "10ns"),
        (&["check", "ring8.ron", "--set", "lock.program=Builtin(\"rqspinlok\")"], "rqspinlock"),
        (&["presets", "ring9"], "ring8"),
        (&["protocol", "mesy"], "mesi"),
        (&["asm", "show", "tickt"], "ticket"),
        (&["asm", "show", "rqspinlock", "--patches", "encloze"], "enclose"),
        (&["calibrate", "zen3-ccx8"], "zen3-ccx-8"),
        (&["test-memory", "--protocol", "mezi"], "mesi"),
        (&["test-memory", "--interconnect", "rng"], "ring"),
        (&["test-memory", "--inject", "stale-foward"], "stale-forward"),
        (&["completions", "bsh"], "bash"),
        (
            &[
                "run",
                "ring8.ron",
                "--stages",
                "base",
                "--seeds",
                "1",
                "--timeline",
                "x.svg",
                "--trace-window",
                "label:check_aa.hti",
            ],
            "check_aa.hit",
        ),
        (&["windows", "uncontended.ron", "--compare", "bse", "+1"], "base"),
        (&["orderings", "ring8.ron", "--param", "head_timout=1ms"], "head_timeout"),
        (&["protocol", "mesi", "--check", "2", "--cell", "cache E Evct = DropCopy -> I"], "Evict"),
    ] {
        let said = s(args);
        let ways = ["did you mean", "similar", "as in", "units", "it is an experiment", "it is a", "write"];
        let near_one = ways.iter().any(|w| said.contains(w));
        assert!(said.contains(near), "{args:?}:\n{said}");
        assert!(near_one, "{args:?} offers no near name:\n{said}");
    }
}

#[test]
fn output_is_ascii_where_the_locale_is_and_never_coloured_in_a_pipe() {
    let dir = folder();
    let small = dir.path().join("small.ron");
    std::fs::write(&small, super::SMALL.replace("run?", "run")).expect("writable");
    let (file, results) = (small.to_string_lossy(), dir.path().join("r"));
    let results = results.to_string_lossy();
    let args = ["run", &file, "--out", &results, "--metrics", "--anatomy"];
    for (locale, ascii) in [("C", true), ("C.UTF-8", false)] {
        let out = with(&[("LC_ALL", locale), ("COLUMNS", "60")], &args);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        let table = text(&out.stdout);
        assert_eq!(table.is_ascii(), ascii, "{locale}:\n{table}");
        assert!(!table.contains('\u{1b}') && !table.contains('?'), "{table}");
        assert!(table.lines().all(|l| l.chars().count() <= 60), "wider than 60:\n{table}");
    }
    std::fs::write(&small, super::SMALL.replace("question:", "qestion:")).expect("writable");
    let told = text(&with(&[("LC_ALL", "C")], &["check", &file]).stderr);
    assert!(told.is_ascii() && told.contains("did you mean `question`?") && !told.contains("?-"), "{told}");
}

#[test]
fn two_stages_stand_side_by_side_on_eighty_columns_and_words_are_explained() {
    let dir = folder();
    let out = dir.path().join("w");
    let args = ["windows", "uncontended.ron", "--compare", "base", "+1", "--out", &out.to_string_lossy()];
    let said = text(&with(&[("COLUMNS", "80")], &args).stdout);
    let line = said.lines().find(|l| l.contains("if !ok goto contended")).expect("the line that patch 1 is about");
    assert!(line.contains("missed 252.4 ms") && line.trim_end().ends_with("detected 2.47 ms"), "{said}");
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("\"missed\": ETIMEDOUT in a deadlock that nobody noticed."), "{said}");
    assert!(!words.contains("\"violation\":"), "only what is there: {said}");
    let wide = text(&with(&[("COLUMNS", "200")], &args).stdout);
    let line = wide.lines().find(|l| l.contains("if !ok goto contended")).expect("the same line");
    assert!(wide.contains("\nres_spin_lock ") && line.contains("missed (timeout_pending)"), "{wide}");
}

/// Whatever prints lines of its own keeps to the width it is given and to the locale's characters.
#[test]
fn narrow_terminals_and_plain_ones_get_what_fits() {
    let dir = folder();
    let out_dir = dir.path().join("w");
    let out_dir = out_dir.to_string_lossy();
    let store = dir.path().join("store");
    let store = store.to_string_lossy();
    let one =
        ["sweep", "interconnects.ron", "--points", "1", "--seeds", "1", "--set", "duration=20us", "--out", &store];
    assert_eq!(sim(dir.path(), &one).status.code(), Some(0));
    for args in [
        &["presets"][..],
        &["doctor"],
        &["protocol"],
        &["protocol", "mesi"],
        &["protocol", "mesi", "--check", "2"],
        &["asm", "patches", "rqspinlock"],
        &["check", "ring8.ron"],
        &["windows", "uncontended.ron", "--compare", "base", "+1", "--out", &out_dir],
        &["sweep", "interconnects.ron", "--dry-run", "--show", "0", "--points", "1..3", "--set", "duration=20us"],
        &["results", "ls", &store],
        &["test-memory", "--seeds", "1..3", "--protocol", "mesi"],
        &["explore", "explore-plain.ron", "--stages", "6.17"],
    ] {
        let out = with(&[("LC_ALL", "C"), ("COLUMNS", "70")], args);
        let said = text(&out.stdout);
        assert_eq!(out.status.code(), Some(0), "{args:?}: {}", text(&out.stderr));
        assert!(said.is_ascii(), "{args:?}: {said}");
        let wide: Vec<&str> = said.lines().filter(|l| l.chars().count() > 70).collect();
        assert!(wide.is_empty(), "{args:?}: {wide:?}");
    }
}
