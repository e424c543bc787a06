// SPDX-License-Identifier: MIT OR Apache-2.0
//! Records of the presets, shortened so that every path of the lock is taken: time-outs of some
//! ten microseconds, an interrupt every few thousand cycles.

use configs::{Loaded, expanded, override_field, parse, presets};
use reports::Record;
use rqsim::plan::plan;
use rqsim::run::run;

/// A preset with short times and the given changes.
pub(crate) fn short(preset: &str, changes: &[(&str, &str)]) -> Loaded {
    let params = r#"{"pending_timeout": "20us", "head_timeout": "40us", "fallback_timeout": "30us",
        "tas_timeout": "50us", "check_interval": "1us", "check_mask": 7, "handover_pauses": 3}"#;
    let always = [
        ("lock.params", params),
        ("duration", "150us"),
        ("limits.quiesce", "2ms"),
        ("measure.stuck_threshold", "10us"),
        ("interrupts[0].source.period", "9000cy"),
        ("interrupts[0].source.jitter", "700cy"),
        ("workload.tasks[0].body[0][0]", r#"Work(Exp("1us"))"#),
    ];
    let all: Vec<_> = always.iter().chain(changes).copied().collect();
    changed(preset, &all)
}

/// A preset with its fields written out and these of them changed.
pub(crate) fn changed(preset: &str, changes: &[(&str, &str)]) -> Loaded {
    let text = presets::experiment_text(preset).expect("an embedded preset");
    let mut text = expanded(&parse(text, preset).expect("a preset is valid").experiment);
    for (path, value) in changes {
        text = override_field(&text, path, value).unwrap_or_else(|e| panic!("{e}"));
    }
    parse(&text, preset).unwrap_or_else(|e| panic!("{e}"))
}

/// Runs every stage with these seeds, fast and exact; gives the records, which are equal.
fn records(preset: &str, changes: &[(&str, &str)], seeds: &[u64]) -> Vec<Record> {
    let mut loaded = short(preset, changes);
    loaded.experiment.measure.attribution = true;
    let plan = plan(loaded).unwrap_or_else(|e| panic!("{}", e.plain));
    let runs = plan.stages.iter().flat_map(|s| seeds.iter().map(move |seed| (s, *seed)));
    let one = |(stage, seed)| {
        let fast = run(&plan.loaded, stage, seed, false);
        let exact = run(&plan.loaded, stage, seed, true);
        let line = |r: &Record| r.to_json_line().expect("a record is JSON");
        let what = format!("{preset} {changes:?}, stage {}, seed {seed}", stage.name);
        assert_eq!(line(&fast.record), line(&exact.record), "{what}");
        // Traffic by cause adds up to traffic by class, among others.
        assert_eq!(fast.record.check(), Ok(()), "{what}");
        assert!(fast.events < exact.events, "{what}: nothing was computed");
        fast.record
    };
    runs.map(one).collect()
}

/// How often something happened, in all records together.
fn sum(records: &[Record], of: impl Fn(&Record) -> u64) -> u64 {
    records.iter().map(of).sum()
}

#[test]
fn every_stage_of_both_presets_gives_the_same_record() {
    for preset in ["ring8.ron", "ring8-next.ron"] {
        let all = records(preset, &[], &[1, 2, 3]);
        // There was something to get wrong: nearly every way in which an attempt can end.
        for by in ["pending", "head", "fallback", "flushed"] {
            assert!(sum(&all, |r| r.timeouts_by[by]) > 0, "{preset}: no timeout by {by}");
        }
        for by in ["aa_begin", "aa_periodic", "aa_before_queue", "try_once"] {
            assert!(sum(&all, |r| r.edeadlk_by[by]) > 0, "{preset}: nothing found by {by}");
        }
        assert!(all.iter().all(|r| r.status == "ok"), "{preset}");
    }
}

#[test]
fn two_locks_in_both_orders_give_the_same_record() {
    let crossed = [
        ("locks", r#"["ring", "other"]"#),
        (
            "workload.tasks[0].body",
            r#"[Forever([Work(Exp("1us")), Critical(lock: "ring", body: [
            Work(Fixed("100ns")), Critical(lock: "other", body: [Work(Fixed("50ns"))])])])]"#,
        ),
        (
            "handlers.sample",
            r#"[Critical(lock: "other", body: [Critical(lock: "ring", body: [Work(Fixed("50ns"))])])]"#,
        ),
    ];
    let all = records("ring8.ron", &crossed, &[1]);
    assert!(sum(&all, |r| r.edeadlk_by["abba"]) > 0);
}

#[test]
fn a_run_that_is_cut_short_gives_the_same_record() {
    // Time-outs far behind the limit: cores are caught spinning, computed or not.
    let params =
        r#"{"check_mask": 7, "pending_timeout": "900ms", "head_timeout": "900ms", "fallback_timeout": "900ms"}"#;
    let cut = [("lock.params", params), ("limits.quiesce", "33333ns")];
    let all = records("ring8.ron", &cut, &[1, 2]);
    let hangs = all.iter().filter(|r| r.status == "hang").count();
    assert!(hangs >= 2, "{hangs} of {} runs were cut short", all.len());
}

#[test]
fn other_machines_give_the_same_record() {
    let sc = ("machine.memory_model", "Sc");
    let weak = |w| ("machine.memory_model", w);
    let width = |w| ("machine.width", w);
    let small_l1 = [("machine.l1d.capacity", "192B"), ("machine.l1d.ways", "3")];
    let small_l2 = [("machine.l2.capacity", "448B"), ("machine.l2.ways", "7")];
    let small_llc = [("machine.llc.slice_capacity", "896B"), ("machine.llc.ways", "14")];
    let four = ("machine.cores", "4");
    for changes in [
        vec![sc],
        vec![weak("Weak(store_buffer_entries: 24, invalidation_queue_entries: 8)")],
        vec![weak(r#"Weak(store_buffer_entries: 3, invalidation_queue_entries: 2, invalidation_delay: "5us")"#), four],
        vec![width("2")],
        vec![sc, width("4"), ("machine.interconnect.bidirectional", "false")],
        [&[width("4"), four][..], &small_l1, &small_l2, &small_llc].concat(),
        vec![("machine.interrupts.delivery", "100cy"), ("machine.latencies.pause", "3cy"), four],
    ] {
        let all = records("ring8.ron", &changes, &[7]);
        assert!(all.iter().all(|r| r.status == "ok"), "{changes:?}");
        assert!(sum(&all, |r| r.timeouts_by.values().sum()) > 0, "{changes:?}");
    }
}

/// Sums over causes equal the protocol's counters under every protocol: [`records`] checks it.
#[test]
fn every_protocol_gives_the_same_record() {
    for protocol in ["Msi", "Mesif", "Moesi"] {
        let all = records("ring8.ron", &[("machine.protocol", protocol), ("machine.cores", "4")], &[3]);
        let sites = |r: &Record| r.attribution.iter().flat_map(|a| &a.sites).map(in_nmi).sum();
        assert!(sum(&all, sites) > 0, "{protocol}: no traffic of NMIs");
    }
}

fn in_nmi(s: &reports::attribution::Site) -> u64 {
    if s.access.context == "nmi" { s.traffic().messages } else { 0 }
}
