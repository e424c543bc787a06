// SPDX-License-Identifier: MIT OR Apache-2.0
//! A search that keeps two bits of a state: with room for them it visits what the exact one visits, and what it finds is real.

use rqsim::explore::{Path, Replay, bitstate_stage, replay, search_stage};

use crate::mutants::{CLAIM, TWO_STORES, with_mistake};
use crate::{BYTES, SIZE, lab, only};

#[test]
fn with_a_large_array_every_state_is_visited_and_with_a_small_one_fewer() {
    for (preset, stage) in
        [("explore-plain.ron", "next +1-5"), ("explore-aa.ron", "next +1-5"), ("explore-weak.ron", "6.17 +1-5")]
    {
        let plan = lab(preset, |e| only(e, &[stage]));
        let stage = &plan.stages[0];
        let row = search_stage(&plan, stage, &SIZE, BYTES, |_| false).unwrap_or_else(|e| panic!("{}", e.plain));
        let partly = |bytes| bitstate_stage(stage, &SIZE, bytes, |_| false).unwrap_or_else(|e| panic!("{}", e.plain));
        let (large, none) = partly(256 << 20);
        assert_eq!((large.states, large.steps, large.cut), (row.states as u64, row.steps as u64, 0), "{preset}");
        assert!(none.is_none() && large.omission() < 1e-6, "{preset}: {}", large.omission());
        let (small, _) = partly(1 << 10);
        assert!(small.states < row.states as u64 && small.states > 1000, "{preset}: {}", small.states);
        assert!(small.omission() > 0.1, "{preset}: {}", small.omission());
        // Told to end, it says so.
        let (told, _) =
            bitstate_stage(stage, &SIZE, 1 << 20, |p| p.visited > 5000).unwrap_or_else(|e| panic!("{}", e.plain));
        assert!(told.told && told.states < row.states as u64, "{preset}: {}", told.states);
    }
}

#[test]
fn two_owners_are_met_with_the_path_to_them_which_the_timed_machine_follows() {
    let plan = with_mistake("explore-plain.ron", "next +1-5", CLAIM, TWO_STORES);
    let found = bitstate_stage(&plan.stages[0], &SIZE, 16 << 20, |_| false).unwrap_or_else(|e| panic!("{}", e.plain));
    let (v, path) = found.1.expect("two own it");
    assert_eq!((v.property.as_str(), v.what.as_str()), ("exclusion", "two contexts own a"));
    let Path { first, steps, .. } = &path;
    // Every step follows from the one before, and the last makes the second owner.
    assert_eq!(v.story.len(), steps.len());
    assert!(v.story.last().is_some_and(|l| l.contains("owns a")), "{:?}", v.story.last());
    let owners = |s: &sim_core::untimed::State| s.cores.iter().flat_map(|c| &c.claims).filter(|c| c.owned).count();
    assert_eq!((owners(first), owners(&steps[steps.len() - 1].after)), (0, 2));
    assert!(steps[..steps.len() - 1].iter().all(|s| owners(&s.after) < 2));
    let came = replay(&plan.stages[0], &path);
    assert!(matches!(came, Replay::Same { .. }), "{came:?}");
}
