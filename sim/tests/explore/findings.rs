// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known of the series is found again; budgets give no verdict.

use rqsim::explore::{Row, search_stage};

use crate::{SIZE, lab, only, search};

fn row<'r>(rows: &'r [Row], stage: &str) -> &'r Row {
    rows.iter().find(|r| r.stage == stage).expect("it was searched")
}

#[test]
fn patch_1_closes_the_windows_in_which_a_deadlock_with_oneself_is_not_seen() {
    let rows = search(&lab("explore-aa.ron", |e| only(e, &["6.17", "6.17 +1", "next +1-5"])), &SIZE);
    let deadline = |stage| row(&rows, stage).verdict("no deadline needed");
    assert_eq!([deadline("6.17"), deadline("6.17 +1"), deadline("next +1-5")], ["NO", "yes", "yes"]);
    // The nearest: an NMI between the exchange that takes the lock and its entry in the table.
    let broken = &row(&rows, "6.17").violations;
    let v = broken.iter().find(|v| v.property == "no deadline needed").expect("it is broken");
    assert!(v.story.iter().any(|l| l.contains("nmi lands before res_spin_lock.try+2")), "{:#?}", v.story);
    for r in &rows {
        assert_eq!(
            [r.verdict("exclusion"), r.verdict("clean"), r.verdict("ends")],
            ["yes", "yes", "yes"],
            "{}",
            r.stage
        );
    }
}

/// `lost-heir-nmi.ron` hangs on the timed machine in the same stages.
#[test]
fn an_nmi_that_keeps_the_queue_waits_for_ever_until_patch_5() {
    let rows =
        search(&lab("explore-aa.ron", |e| only(e, &["6.17 +1-3", "next +1-3", "next +1-4", "next +1-5"])), &SIZE);
    let ends = |stage| row(&rows, stage).verdict("ends");
    assert_eq!(ends("6.17 +1-3"), "yes");
    assert_eq!([ends("next +1-3"), ends("next +1-4")], ["NO: for ever", "NO: for ever"]);
    assert_eq!(ends("next +1-5"), "yes");
}

#[test]
fn two_locks_are_searched_whole_with_an_nmi_and_the_whole_series() {
    let rows = search(&lab("explore-abba.ron", |e| only(e, &["next +1-5"])), &SIZE);
    assert!(rows[0].is_complete());
    assert!(rows[0].verdict("deadlocks true").contains("abba"), "{}", rows[0].verdict("deadlocks true"));
    assert_eq!(rows[0].verdict("exclusion"), "yes");
}

#[test]
fn a_search_that_does_not_fit_gives_no_verdict() {
    let plan = lab("explore-aa.ron", |e| only(e, &["next +1-5"]));
    let row = search_stage(&plan, &plan.stages[0], &SIZE, 1 << 20, |_| false).expect("it can be searched");
    assert_eq!((row.end.as_str(), row.verdict("ends").as_str()), ("memory", "?"));
    let row = search_stage(&plan, &plan.stages[0], &SIZE, 1 << 30, |p| p.visited >= 4096).expect("it can be searched");
    assert_eq!((row.end.as_str(), row.verdict("exclusion").as_str()), ("time", "?"));
    assert!(row.visited < row.states);
}

#[test]
fn a_call_to_a_waiter_with_interrupts_off_hangs_what_has_no_deadline() {
    let rows = search(&lab("explore-ipi.ron", |e| only(e, &["next +1-5"])), &SIZE);
    let verdict = |p| rows[0].verdict(p);
    assert_eq!([verdict("ends"), verdict("no deadline needed"), verdict("exclusion")], ["yes", "NO", "yes"]);
    let locks = |irqs_on: bool| {
        let change = |e: &mut configs::Experiment| {
            only(e, &["6.17"]);
            e.lock.program = configs::Program::Builtin("qspinlock".to_owned());
            if irqs_on {
                let body = &mut e.workload.tasks[1].body;
                let configs::Step::IrqOff(inner) = body.remove(0) else { panic!("interrupts are off") };
                *body = inner;
            }
        };
        search(&lab("explore-ipi.ron", change), &SIZE)[0].verdict("ends")
    };
    assert_eq!(locks(false), "NO: for ever");
    assert_eq!(locks(true), "yes", "a waiter with interrupts on answers");
}
