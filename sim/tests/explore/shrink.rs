// SPDX-License-Identifier: MIT OR Apache-2.0
//! Violations made small, and drawn.

use configs::Experiment;
use reports::trace::What;
use rqsim::explore::{Row, Shrunk, draw, path_to, search_stage, shrink};
use rqsim::plan::Plan;

use crate::{BYTES, SIZE, lab, only};

/// Most states of a smaller search.
const STATES: usize = 1 << 20;

fn small(plan: &Plan, row: &Row, property: &str) -> Shrunk {
    let v = row.violations.iter().find(|v| v.property == property).unwrap_or_else(|| panic!("{property} holds"));
    shrink(&plan.loaded, 0, &SIZE, v, BYTES, STATES).unwrap_or_else(|e| panic!("{}", e.plain))
}

fn searched(change: impl FnOnce(&mut Experiment)) -> (Plan, Row) {
    let plan = lab("explore-aa.ron", change);
    let row = search_stage(&plan, &plan.stages[0], &SIZE, BYTES, |_| false).unwrap_or_else(|e| panic!("{}", e.plain));
    (plan, row)
}

#[test]
fn an_unseen_deadlock_of_a_cpu_with_itself_needs_one_cpu_and_one_interrupt() {
    let (plan, row) = searched(|e| only(e, &["next"]));
    let s = small(&plan, &row, "no deadline needed");
    let e = &s.plan.loaded.experiment;
    assert_eq!((e.machine.cores, e.workload.tasks.len(), e.interrupts.len(), s.size.interrupts), (1, 1, 1, 1));
    assert!(s.needed.iter().all(|n| n.1) && s.needed.len() >= 4, "{:?}", s.needed);
    assert_eq!(s.left_out, ["core 1"]);
    assert_eq!(s.violation.story.len(), row.violations[0].story.len(), "the same shortest path");
    let words = s.words();
    assert!(words[0].starts_with("needs 1 CPU; core 0: `a`; interrupt `landing` on core 0: `a`"), "{words:?}");
    // Each element that is said to be needed is one that can be taken away, and then the violation is not there.
    assert!(words[1].contains("interrupt `landing` on core 0") && words[1].contains("the section on `a`"), "{words:?}");
}

#[test]
fn what_a_loop_repeats_is_made_shorter_until_it_is_needed() {
    let (plan, row) = searched(|e| {
        only(e, &["next"]);
        let body = e.workload.tasks[0].body.clone();
        e.workload.tasks[0].body = vec![configs::Step::Loop { times: 3, body }];
        e.workload.tasks[0].on = configs::Cpus::Cpus(vec![0]);
        e.interrupts[0].on = configs::Cpus::Cpus(vec![0]);
    });
    let s = small(&plan, &row, "no deadline needed");
    assert!(s.left_out.iter().any(|l| l.starts_with("round 3 of a loop")), "{:?}", s.left_out);
    assert!(s.searches > s.left_out.len() + s.needed.len());
}

#[test]
fn a_path_is_drawn_step_by_step() {
    let (plan, row) = searched(|e| only(e, &["next"]));
    let v = &row.violations[0];
    let path = path_to(&plan.stages[0], &SIZE, BYTES, v).unwrap_or_else(|e| panic!("{}", e.plain));
    assert_eq!(path.steps.len(), v.story.len());
    let trace = draw(&path, "a path", "somewhere");
    let count = |what| trace.events.iter().filter(|e| e.what == what).count();
    assert_eq!(count(What::Begin), count(What::End));
    assert_eq!(count(What::Begin) + count(What::Instant), path.steps.len());
    assert!(trace.events.windows(2).all(|w| w[0].at_ns <= w[1].at_ns));
    assert_eq!(trace.handlers.len(), 1, "the NMI: {:?}", trace.handlers);
    assert!(reports::trace::encode(&trace).len() > 500);
    let svg = reports::plots::timeline(&trace).expect("it can be drawn");
    assert!(svg.starts_with("<svg") || svg.contains("<svg"), "{}", &svg[..80]);
}
