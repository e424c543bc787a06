// SPDX-License-Identifier: MIT OR Apache-2.0
//! One location: everybody agrees on the order of its values, whatever the model.

use crate::harness::{BRIEF, Round, Seen, WEAK, count, play};

/// Rounds per machine; there are five of each model.
const ROUNDS: u64 = 3_200;

/// Plays the bodies; none of the rounds may be `wrong`, and each of the `possible` outcomes is seen.
#[track_caller]
fn check(bodies: &[&str], wrong: fn(&Round<'_>) -> bool, possible: &[fn(&Round<'_>) -> bool]) -> u64 {
    let mut seen: Seen = play(WEAK, bodies, ROUNDS);
    for (outcome, n) in play(BRIEF, bodies, ROUNDS) {
        *seen.entry(outcome).or_default() += n;
    }
    let (bad, all) = count(&seen, wrong);
    assert_eq!(bad, 0, "{bodies:?}: {seen:?}");
    for (i, p) in possible.iter().enumerate() {
        assert!(count(&seen, p).0 > 0, "{bodies:?}: outcome {i} is never seen");
    }
    all
}

#[test]
fn no_location_goes_back_in_a_hundred_thousand_rounds() {
    let mut all = 0;
    // CoRR: old, new, old.
    all += check(
        &[
            "store.u64 [x.v], 1",
            "r0 = load.u64 [x.v]; work 20cy; r1 = load.u64 [x.v]; work 20cy; r2 = load.u64 [x.v]; r3 = load.u64.acq [x.v]",
        ],
        |r| r.reg(1, 0) > r.reg(1, 1) || r.reg(1, 1) > r.reg(1, 2) || r.reg(1, 2) > r.reg(1, 3),
        &[|r| r.reg(1, 0) < r.reg(1, 1), |r| r.reg(1, 1) < r.reg(1, 2), |r| r.reg(1, 2) < r.reg(1, 3)],
    );
    // CoRW: a load does not see the store behind it, nor what came after that.
    all += check(
        &["store.u64 [x.v], 1", "r0 = load.u64 [x.v]; store.u64 [x.v], 2"],
        |r| r.reg(1, 0) == 2 || (r.reg(1, 0) == 1 && r.end(0) == 1),
        &[|r| r.end(0) == 1, |r| r.reg(1, 0) == 1],
    );
    // CoWR: after an own store no load sees what was before it.
    all += check(
        &["store.u64 [x.v], 1", "r0 = load.u64 [x.v]; store.u64 [x.v], 2; r1 = load.u64 [x.v]; r2 = load.u64 [x.v]"],
        |r| {
            r.reg(1, 1) == 0
                || r.reg(1, 2) == 0
                || (r.reg(1, 0) == 1 && r.reg(1, 2) == 1)
                || (r.reg(1, 1) == 1 && r.end(0) == 2)
        },
        &[|r| r.reg(1, 0) == 1, |r| r.end(0) == 1],
    );
    // CoWW, and two widths.
    all += check(
        &[
            "store.u8 [x.byte], 1; store.u16 [x.half], 2; store.u64.rel [y.v], 1; store.u8 [x.byte], 3",
            "r0 = load.u64 [x.v]; r1 = load.u8 [x.byte]; work 30cy; r2 = load.u16 [x.half]",
        ],
        |r| r.end(0) != 3 || r.reg(1, 0) > r.reg(1, 1) || r.reg(1, 1) > r.reg(1, 2),
        &[|r| r.reg(1, 0) < r.reg(1, 1), |r| r.reg(1, 0) == 1, |r| r.reg(1, 0) == 2],
    );
    assert!(all >= 100_000, "{all}");
}
