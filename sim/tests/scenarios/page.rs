// SPDX-License-Identifier: MIT OR Apache-2.0
//! The outcome tables on the pages: made from records, compared or written.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use reports::{Record, Worst};

use crate::support::{SCENARIOS, Stage};

const BEGIN: &str = "<!-- outcome: made from runs, see sim/tests/scenarios -->\n";
const END: &str = "<!-- end of outcome -->\n";

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/scenarios"))
}

fn read(name: &str) -> String {
    let path = folder().join(format!("{name}.md"));
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Compares the table of a page with these runs, or writes it.
#[track_caller]
pub(crate) fn compare(name: &str, stages: &[Stage]) {
    let page = read(name);
    check(name, &page, split(name, &page), &table(stages));
}

/// What is on a page before, in and after the part that is made.
#[track_caller]
fn split<'a>(name: &str, page: &'a str) -> [&'a str; 3] {
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?)));
    let Some((before, (made, after))) = parts else { panic!("{name}.md has no place for its outcome") };
    [before, made, after]
}

#[track_caller]
fn check(name: &str, page: &str, [before, old, after]: [&str; 3], new: &str) {
    if std::env::var_os("RQSIM_BLESS").is_some() {
        let whole = format!("{before}{BEGIN}{new}{END}{after}");
        if whole != page {
            fs::write(folder().join(format!("{name}.md")), whole).expect("the page can be written");
        }
        return;
    }
    assert_eq!(old, new, "{name}.md is not what the runs give; RQSIM_BLESS=1 writes it");
}

/// A row per stage.
fn table(stages: &[Stage]) -> String {
    let mut out = String::from("| stage | ends | NMI attempts | task attempts | error found by | oracle | stuck |\n");
    out += "|---|---|---|---|---|---|---|\n";
    for stage in stages {
        let r = &stage.record;
        let stuck = match (r.stuck_ns, r.status.as_str()) {
            (0, _) => String::new(),
            (_, "hang") => "for good".to_owned(),
            (ns, _) => span(ns),
        };
        let cells =
            [&r.stage, &r.status, &attempts(r, "nmi"), &attempts(r, "task"), &found_by(stage), &oracle(r), &stuck];
        for cell in cells {
            // Writing to a string cannot fail.
            let _ = write!(out, "| {cell} ");
        }
        out += "|\n";
    }
    out
}

/// Of interrupts each attempt, if the record has them all; of tasks, and else, how many ended how and the longest.
fn attempts(r: &Record, context: &str) -> String {
    let c = &r.contexts[context];
    let mut listed: Vec<&Worst> = r.worst.iter().filter(|w| w.context == context).collect();
    if context != "task" && listed.len() as u64 == c.attempts && c.attempts <= 3 {
        listed.sort_by_key(|w| (w.cpu, w.began_ns));
        let one = |w: &&Worst| {
            let lasted = if w.result == "unfinished" { String::new() } else { format!(", {}", span(w.lasted_ns)) };
            format!("cpu {} {}: {}{lasted}", w.cpu, w.lock, w.result)
        };
        return listed.iter().map(one).collect::<Vec<_>>().join("; ");
    }
    let ends = [(c.held, "held"), (c.edeadlk, "EDEADLK"), (c.etimedout, "ETIMEDOUT"), (c.unfinished, "unfinished")];
    let ends: Vec<String> = ends.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let longest = c.attempt_ns.max().map_or(String::new(), |ns| format!("; up to {}", span(ns)));
    ends.join(", ") + &longest
}

fn counted(all: &[(&str, u64)]) -> String {
    let one = |(what, n): &(&str, u64)| if *n == 1 { (*what).to_owned() } else { format!("{n} {what}") };
    all.iter().filter(|(_, n)| *n > 0).map(one).collect::<Vec<_>>().join(", ")
}

fn found_by(stage: &Stage) -> String {
    let timeouts = &stage.record.timeouts_by;
    let name = |k: &str| match k {
        "flushed" => "flushed".to_owned(),
        k if timeouts.contains_key(k) => format!("time-out in {k}"),
        k => k.to_owned(),
    };
    let named: Vec<(String, u64)> = stage.errors().iter().map(|(k, n)| (name(k), *n)).collect();
    counted(&named.iter().map(|(k, n)| (k.as_str(), *n)).collect::<Vec<_>>())
}

fn oracle(r: &Record) -> String {
    let o = &r.oracle;
    let formed: Vec<(&str, u64)> = o.cycles_formed.iter().map(|(k, n)| (k.as_str(), *n)).collect();
    let verdicts = [
        ("detected", o.detected),
        ("avoided", o.avoided),
        ("false", o.false_positives),
        ("missed", o.misses),
        ("late", o.late),
        ("wrong culprit", o.wrong_culprits),
        ("no cycle", o.timeouts_outside_cycle),
    ];
    let parts = [counted(&formed), counted(&verdicts)];
    parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("; ")
}

/// A time with one decimal place in the largest unit of which it has one; whole nanoseconds.
fn span(ns: u64) -> String {
    let (unit, name) = match ns {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (1_000, "µs"),
        _ => (1_000_000, "ms"),
    };
    let tenths = (ns * 10 + unit / 2) / unit;
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// Cells of each row of a page's table: stage, ends, ..., stuck.
fn rows(name: &str) -> Vec<Vec<String>> {
    let page = read(name);
    let [_, table, _] = split(name, &page);
    let cells = |line: &str| line.split('|').skip(1).map(|c| c.trim().to_owned()).collect();
    table.lines().skip(2).map(cells).collect()
}

/// For each base a table of all scenarios: how a stage ends if not well, else how long somebody was stuck.
#[test]
fn the_overview_says_what_the_pages_say() {
    let mut made = String::new();
    for (base, first) in [("Linux 6.17", 0), ("bpf-next, November 2025", 7)] {
        made += &format!("\n| {base} | none | 1 | 1-2 | 1-3 | 1-4 | 1-5 | 1, 3 |\n|---|---|---|---|---|---|---|---|\n");
        for name in SCENARIOS {
            let rows = rows(name);
            assert_eq!(rows.len(), 14, "{name}");
            let cell = |row: &Vec<String>| if row[1] == "ok" { row[6].clone() } else { format!("**{}**", row[1]) };
            let cells: Vec<String> = rows[first..first + 7].iter().map(cell).collect();
            made += &format!("| [{name}]({name}.md) | {} |\n", cells.join(" | "));
        }
    }
    let page = read("README");
    check("README", &page, split("README", &page), &made);
}

#[test]
fn times_are_rounded_to_a_tenth() {
    assert_eq!([0, 999, 1_000, 1_049].map(span), ["0 ns", "999 ns", "1.0 µs", "1.0 µs"]);
    assert_eq!([1_050, 2_474_000, 252_353_000].map(span), ["1.1 µs", "2.5 ms", "252.4 ms"]);
}

/// The index leads to every page, every page to its preset, and there are no others.
#[test]
fn every_scenario_has_a_preset_a_page_and_a_place_in_the_index() {
    let index = read("README");
    for name in SCENARIOS {
        assert!(index.contains(&format!("({name}.md)")), "{name} is not in the index");
        assert!(read(name).contains(&format!("--config {name}.ron")), "{name}.md does not say how to run it");
        assert!(configs::presets::experiment_text(&format!("{name}.ron")).is_some(), "there is no preset {name}");
    }
    let files = fs::read_dir(folder()).expect("the folder can be read").map(|f| f.expect("as can its entries"));
    let pages = files.filter(|f| f.path().extension().is_some_and(|e| e == "md")).count();
    assert_eq!(pages, SCENARIOS.len() + 1);
}
