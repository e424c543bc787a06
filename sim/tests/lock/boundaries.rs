// SPDX-License-Identifier: MIT OR Apache-2.0
//! An NMI that takes the same lock lands all over acquire and release of the locks that never give up.

use crate::support::{Lab, PER_NS};

/// One slice of a run, after which it is asked whether somebody is stuck for good, in ns.
const SLICE_NS: u64 = 12_500_000;

/// From the landing to the NMI's wait there is its entry, and its way to the wait past lines that others have.
const TO_THE_WAIT_NS: u64 = 1_000;

/// Core 1 wants the lock too, and core 2 works on, so that the machine never is at rest.
fn lab(program: &str, params: &'static str, ns: u64) -> Lab {
    let section = "Critical(lock: \"a\", body: [Work(Fixed(\"100ns\"))])";
    let lab = Lab {
        cores: 3,
        program: format!("Builtin({program:?})"),
        params,
        duration: "10us",
        quiesce: "1000s",
        handlers: "\"nmi\": [Critical(lock: \"a\", body: [])]".into(),
        interrupts: format!(
            "(name: \"once\", vector: Nmi, handler: \"nmi\", on: Cpus([0]),
              source: Periodic(rate: \"1/s\", phase: At(\"{ns}ns\")))"
        ),
        ..Lab::default()
    };
    lab.task(0, section).task(1, section).task(2, "Work(Fixed(\"40ms\"))")
}

/// Runs to their end and hangs; no hang may be left to the moment when nothing is left to happen, or to the limit of the
/// run: it begins when the NMI or core 1 reports its wait.
fn hangs(program: &str, params: &'static str) -> (u32, u32) {
    let (mut ok, mut hung) = (0, 0);
    for ns in (20..900).step_by(11) {
        let record = lab(program, params, ns).record();
        if record.status == "ok" {
            ok += 1;
            continue;
        }
        let account = record.finding.unwrap_or_default();
        assert_eq!(record.status, "hang", "{program}, {ns} ns: {account}");
        let first = account.lines().next().unwrap_or_default();
        let (_, since) = first.split_once("stuck for good since cycle ").unwrap_or_else(|| panic!("{ns}: {account}"));
        let since_ns = since.parse::<u64>().expect("a cycle") / PER_NS;
        assert!((ns..ns + TO_THE_WAIT_NS).contains(&since_ns), "{program}, {ns} ns: {since_ns}");
        assert!(record.end_ns <= SLICE_NS, "{program}, {ns} ns: {}", record.end_ns);
        hung += 1;
    }
    (ok, hung)
}

#[test]
fn wherever_an_nmi_makes_a_lock_hang_it_is_known_at_once() {
    for program in ["ticket", "mcs", "clh", "qspinlock", "test_and_set", "ttas_backoff"] {
        let (ok, hung) = hangs(program, "");
        assert!(ok > 9 && hung > 9, "{program}: {ok} {hung}");
    }
}

/// Its cpus on one node, each on its own, and with a turn for the other nodes after every release.
#[test]
fn the_cohort_lock_as_well() {
    for params in ["", "\"cpus_per_node\": 1", "\"passes\": 0"] {
        let (ok, hung) = hangs("cohort", params);
        assert!(ok > 9 && hung > 9, "{params} {ok} {hung}");
    }
}

/// An NMI that takes the same lock, at every label of acquire and release.
#[test]
fn the_cohort_lock_at_each_of_its_labels() {
    let mut hung = Vec::new();
    for (params, labels) in [
        ("", &["acquire.spin", "acquire.draw", "acquire.turn", "acquire.got", "release.done"][..]),
        ("\"passes\": 0", &["release.other_nodes", "release.find_next", "release.pass", "release.done"]),
    ] {
        for label in labels {
            for cpu in [0, 1] {
                let mut lab = lab("cohort", params, 1);
                lab.interrupts.clear();
                let record = lab.nmi_at(cpu, label).record();
                let account = record.finding.unwrap_or_default();
                assert!(record.end_ns <= SLICE_NS || record.status == "ok", "{label} {cpu}: {account}");
                if record.status == "hang" {
                    assert!(account.contains("stuck for good since"), "{label} {cpu}: {account}");
                    hung.push((*label, cpu));
                }
            }
        }
    }
    // At the last three nobody owns the lock.
    let expected =
        [("acquire.spin", 0), ("acquire.got", 0), ("acquire.draw", 1), ("acquire.turn", 1), ("release.pass", 1)];
    for landing in expected {
        assert!(hung.contains(&landing), "{landing:?}: {hung:?}");
    }
    assert!(hung.iter().all(|h| h.0 != "release.done"), "both locks are given back by then: {hung:?}");
}

/// Core 0 has drawn the first ticket of a and not looked at it when an NMI wants b. Core 1, of another node, owns b and
/// draws the second ticket: it waits for core 0, though nobody owns a.
#[test]
fn a_ticket_drawn_earlier_on_another_node_is_waited_for() {
    let mut lab = Lab {
        handlers: "\"nmi\": [Critical(lock: \"b\", body: [])]".into(),
        ..lab("cohort", "\"cpus_per_node\": 1", 1)
    };
    lab.interrupts.clear();
    lab.tasks.clear();
    let lab = lab
        .task(0, "Work(Fixed(\"5us\")), Critical(lock: \"a\", body: [])")
        .task(1, "Critical(lock: \"b\", body: [Work(Fixed(\"10us\")), Critical(lock: \"a\", body: [])])")
        .task(2, "Work(Fixed(\"40ms\"))")
        .nmi_at(0, "acquire.turn");
    let record = lab.record();
    let account = record.finding.unwrap_or_default();
    assert_eq!(record.status, "hang", "{account}");
    assert!(
        account.contains("stuck: cpu 1 task waits for a (head, without a deadline): cpu 0 task is its predecessor"),
        "{account}"
    );
    assert!(record.end_ns <= SLICE_NS, "{}", record.end_ns);
}
