// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two interrupts.

use rqsim::windows::{Effort, Pairs, map};

use crate::{effort, prepared, preset};

#[test]
fn two_interrupts_use_their_budget_and_say_what_was_covered() {
    let all = "[(name: \"landing\", vector: Nmi, handler: \"take\", on: All, source: Sent)]";
    let loaded = preset("uncontended", &[("interrupts", all)]);
    let (prepared, plan) = prepared(loaded);
    let run = |same_core, budget| {
        let pairs = Some(Pairs { same_core, budget });
        map(&prepared, &plan.stages[0], 1, &Effort { pairs, ..effort(4, 0) }).second.expect("it was asked for")
    };
    let other = run(false, 40);
    assert_eq!((other.used, other.pairs.iter().map(|p| p.landings).sum::<u64>()), (40, 40));
    assert!(other.covered <= other.boundaries && other.covered > 20, "{other:?}");
    assert_eq!(run(false, 40), other, "the same again");
    assert_eq!(run(false, 7).covered, 7, "no more than the budget");
    // A second NMI on the same core is latched and comes when the first returns; one that landed in a window lands there again.
    let same = run(true, 60);
    assert!(same.pairs.iter().all(|p| p.second != "not taken"), "{same:?}");
    assert!(same.pairs.iter().any(|p| p.outcome == "missed" && p.first == p.second), "{same:?}");
    // On another core, while the first holds everything up, it waits too.
    assert!(other.pairs.iter().any(|p| p.outcome == "missed"), "{other:?}");
}
