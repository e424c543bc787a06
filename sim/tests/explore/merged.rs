// SPDX-License-Identifier: MIT OR Apache-2.0
//! Merging steps that nobody else can see, forgetting registers that cannot matter: the same verdicts, the same memory at the end.

use std::collections::BTreeSet;

use configs::{Cpus, Experiment, Program};
use sim_core::untimed::{Budget, End, Model, System, search as search_system};

use crate::{BYTES, MODELS, SIZE, lab, only, search, system_of, task_on, verdicts};

/// What memory can be at the end, and the number of states.
fn ends(system: &System) -> (BTreeSet<Vec<(u64, u64)>>, usize) {
    let graph = search_system(system, Budget { bytes: BYTES, over: &mut |_| false });
    assert_eq!(graph.end, End::Complete);
    let finals = (0..graph.len()).map(|s| graph.state(s)).filter(|s| s.is_final());
    (finals.map(|s| s.words().to_vec()).collect(), graph.len())
}

fn compare(change: impl Fn(&mut Experiment), preset: &str, models: &[Model], interrupts: u8) {
    let plan = lab(preset, change);
    for model in models.iter().copied() {
        let size = crate::Size { model: Some(model), store_buffer: Some(4), interrupts, ..SIZE };
        let full = crate::Size { merged: false, ..size };
        for (a, b) in search(&plan, &size).iter().zip(search(&plan, &full)) {
            assert_eq!(verdicts(a), verdicts(&b), "{} {model:?}", a.stage);
            assert!(5 * a.states < b.states, "{} {} {}", a.stage, a.states, b.states);
        }
        for stage in 0..plan.stages.len() {
            let (merged, whole) = (system_of(&plan, stage, &size), system_of(&plan, stage, &full));
            let (a, few) = ends(&merged);
            assert_eq!(a, ends(&whole).0, "{} {model:?}", plan.stages[stage].name);
            // Each reduction by itself.
            let (b, more) = ends(&System { private: false, ..merged.clone() });
            let (c, many) = ends(&System { forget_dead: false, ..merged });
            assert_eq!((&a, &a), (&b, &c), "{} {model:?}", plan.stages[stage].name);
            assert!(few <= more && few <= many, "{few} {more} {many}");
        }
    }
}

#[test]
fn an_nmi_over_its_own_task_finds_the_same_when_every_micro_op_is_a_step() {
    let change = |e: &mut Experiment| {
        only(e, &["6.17", "next +1-3", "next +1-5"]);
        task_on(e, 0);
        e.interrupts[0].on = Cpus::Cpus(vec![0]);
    };
    compare(change, "explore-aa.ron", &MODELS, 1);
}

#[test]
fn an_nmi_on_another_core_finds_the_same_when_every_micro_op_is_a_step() {
    let change = |e: &mut Experiment| {
        only(e, &["next +1-5"]);
        task_on(e, 0);
        e.interrupts[0].on = Cpus::Cpus(vec![1]);
    };
    compare(change, "explore-aa.ron", &MODELS, 1);
}

#[test]
fn two_locks_in_opposite_orders_find_the_same_when_every_micro_op_is_a_step() {
    compare(|e| only(e, &["next +1-5"]), "explore-abba.ron", &MODELS, 0);
}

#[test]
fn weakly_ordered_locks_find_the_same_when_every_micro_op_is_a_step() {
    for lock in ["ticket", "ttas_backoff", "mcs", "test_and_set"] {
        let change = |e: &mut Experiment| {
            only(e, &["6.17"]);
            e.lock.program = Program::Builtin(lock.to_owned());
            e.lock.options.clear();
        };
        compare(change, "explore-weak.ron", &[Model::Weak], 0);
    }
}

#[test]
fn an_nmi_on_the_weak_model_finds_the_same_when_every_micro_op_is_a_step() {
    for lock in ["ticket", "test_and_set"] {
        let change = |e: &mut Experiment| {
            only(e, &["6.17"]);
            e.lock.program = Program::Builtin(lock.to_owned());
            e.lock.options.clear();
        };
        compare(change, "explore-weak-aa.ron", &[Model::Weak], 1);
    }
}
