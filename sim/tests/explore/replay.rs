// SPDX-License-Identifier: MIT OR Apache-2.0
//! The timed machine is led along paths that were found without time: to the same state, or it is said why not.

use rqsim::explore::{Replay, Size, path_to, replay, search_stage};
use rqsim::plan::Plan;
use sim_core::core::MemoryModel;
use sim_core::untimed::Model;

use crate::mutants::{CLAIM, TWO_STORES, with_mistake};
use crate::{BYTES, SIZE, lab, only};

/// What came of leading the machine of a plan's only stage along the path to the violation of a property.
fn replayed(plan: &Plan, property: &str, size: &Size) -> Replay {
    let [stage] = plan.stages.as_slice() else { panic!("one stage") };
    let row = search_stage(plan, stage, size, BYTES, |_| false).unwrap_or_else(|e| panic!("{}", e.plain));
    let violation = row.violations.iter().find(|v| v.property == property).expect("it is broken");
    let path = path_to(stage, size, BYTES, violation).unwrap_or_else(|e| panic!("{}", e.plain));
    let came = replay(stage, &path);
    assert_eq!(replay(stage, &path), came, "the same every time");
    came
}

#[test]
fn what_is_found_of_the_series_happens_on_the_timed_machine() {
    let of = |stage: &str, property: &str| {
        let came = replayed(&lab("explore-aa.ron", |e| only(e, &[stage])), property, &SIZE);
        let Replay::Same { held, ns, .. } = came else { panic!("{stage}, {property}: {came:?}") };
        (held, ns)
    };
    // An heir that nobody calls needs no time at all; an error without a deadlock needs that of a deadline.
    let (held, ns) = of("next +1-3", "ends");
    assert!(held.is_empty() && ns < 10_000, "{held:?}, {ns} ns");
    let (held, ns) = of("6.17", "deadlocks true");
    assert!(held.iter().any(|h| h.3 > 250_000_000) && ns > 250_000_000, "{held:?}, {ns} ns");
}

#[test]
fn a_lock_that_two_can_own_is_owned_by_two_on_the_timed_machine() {
    let plan = with_mistake("explore-plain.ron", "next +1-5", CLAIM, TWO_STORES);
    for model in [None, Some(Model::Sc)] {
        // A path on which every store is visible at once can be one of a machine with a store buffer.
        let came = replayed(&plan, "exclusion", &Size { model, ..SIZE });
        assert!(matches!(came, Replay::Same { .. }), "{model:?}: {came:?}");
    }
}

/// The search lets a load be as old as the memory model does; on the timed machine the line has come by then.
#[test]
fn a_path_that_the_timed_machine_does_not_have_is_said_to_be_none() {
    let (cas, relaxed) = ("val, ok = cas.u32.acq [lock.val], 0, 1", "val, ok = cas.u32.relaxed [lock.val], 0, 1");
    let plan = with_mistake("explore-weak.ron", "6.17", cas, relaxed);
    let lost = replayed(&plan, "no update lost", &SIZE);
    let Replay::Differs { step, why, ways } = &lost else { panic!("it was followed: {lost:?}") };
    let wanted = "core 1 stores 0x2 to data_count + 0, and the path 0x1: what it has read is not as old here";
    assert_eq!((why.as_str(), *ways), (wanted, 1), "step {step}");
    assert!(lost.words()[0].contains(&format!("cannot be followed beyond step {}", step - 1)), "{:?}", lost.words());
}

/// A path of one memory model on a machine of another: what the machine does not have is named.
#[test]
fn a_path_of_another_memory_model_is_followed_as_far_as_the_machine_has_it() {
    let claim = with_mistake("explore-plain.ron", "next +1-5", CLAIM, TWO_STORES);
    let on = |model: MemoryModel| {
        let mut plan = claim.clone();
        plan.stages[0].spec.core.model = model;
        plan
    };
    let weak = on(MemoryModel::Weak { queue: 4, delay: 1000 });
    let came = replayed(&weak, "exclusion", &Size { model: Some(Model::Sc), ..SIZE });
    let why = "the machine's stores go in no order, and the path's at once".to_owned();
    assert_eq!(came, Replay::Differs { step: 1, why, ways: 1 });
    // Stores of a core without a buffer are waited for.
    let came = replayed(&on(MemoryModel::Sc), "exclusion", &Size { model: Some(Model::Tso), ..SIZE });
    let Replay::Differs { why, .. } = &came else { panic!("{came:?}") };
    assert!(
        why.ends_with("until its store of held of core 0 + 0 has left the buffer, where the path keeps it"),
        "{why}"
    );
}
