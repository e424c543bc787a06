// SPDX-License-Identifier: MIT OR Apache-2.0
//! An NMI that takes the same lock lands all over acquire and release of the locks that never give up.

use crate::support::Lab;

/// One slice of a run, after which it is asked whether somebody is stuck for good, in ns.
const SLICE_NS: u64 = 12_500_000;

/// Runs to their end and hangs; no hang may be left to the limit of the run.
fn hangs(program: &str) -> (u32, u32) {
    let (mut ok, mut hung) = (0, 0);
    for ns in (20..900).step_by(11) {
        let mut lab = Lab {
            program: format!("Builtin({program:?})"),
            duration: "10us",
            quiesce: "1000s",
            handlers: "\"nmi\": [Critical(lock: \"a\", body: [])]".into(),
            ..Lab::default()
        };
        lab = lab.task(0, "Critical(lock: \"a\", body: [Work(Fixed(\"100ns\"))])");
        lab = lab.task(1, "Critical(lock: \"a\", body: [Work(Fixed(\"100ns\"))])");
        lab.interrupts = format!(
            "(name: \"once\", vector: Nmi, handler: \"nmi\", on: Cpus([0]),
              source: Periodic(rate: \"1/s\", phase: At(\"{ns}ns\")))"
        );
        let record = lab.record();
        if record.status == "ok" {
            ok += 1;
            continue;
        }
        let account = record.finding.unwrap_or_default();
        assert_eq!(record.status, "hang", "{program}, {ns} ns: {account}");
        assert!(account.contains("stuck for good since"), "{program}, {ns} ns: {account}");
        assert!(record.end_ns <= SLICE_NS, "{program}, {ns} ns: {}", record.end_ns);
        hung += 1;
    }
    (ok, hung)
}

#[test]
fn wherever_an_nmi_makes_a_lock_hang_it_is_known_at_once() {
    for program in ["ticket", "mcs", "clh", "qspinlock", "test_and_set", "ttas_backoff"] {
        let (ok, hung) = hangs(program);
        assert!(ok > 9 && hung > 9, "{program}: {ok} {hung}");
    }
}

#[test]
fn the_cohort_lock_as_well() {
    let (ok, hung) = hangs("cohort");
    assert!(ok > 9 && hung > 9, "{ok} {hung}");
}
