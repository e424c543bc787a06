// SPDX-License-Identifier: MIT OR Apache-2.0
//! A spin on a `weak` core that comes upon a stale copy which it drops, in an iteration that is unlike those before:
//! nothing is computed from that copy, nor from another that goes with it.

use rqsim::machine::MachineSpec;
use sim_core::core::{CoreParams, MemoryModel};
use sim_core::rng::Stream;
use sim_core::time::Cycle;

use crate::compare::{Tally, compare};
use crate::phases::machine;

/// Core 0 keeps its copy of `flag` when core 1 writes it, and spins. From iteration TURN on it does FROM_THEN; if it
/// then sees the store, it ends.
const TEXT: &str = "
struct line align 64 kind payload { w: [u64; 8] }
struct area percpu align 64 kind other { v: [u64; 8] }
object flag: line
proc spinner() {
  n = 0
  x = load.u64 [flag.w[0]]
  y = load.u64 [cpu.area.v[0]]
  work 2000cy
top:
  n = n + 1
  if n == 3000 goto out
  if n < TURN goto on
  FROM_THEN
on:
  pause
  if x == 0 goto top
out:
  mark note(n, x, y)
  ret
}
proc writer() {
  work 1000cy
  store.u64 [flag.w[0]], 1
  ret
}
proc on_nmi() {
  ret
}
";

#[test]
fn a_spin_drops_a_stale_copy_in_the_iteration_in_which_it_would() {
    let bodies = [
        // The stale copy itself, by an acquire, and by a load whose address depends on another.
        "x = load.u64.acq [flag.w[0]]",
        "y = load.u64 [cpu.area.v[0]]\n x = load.u64 [flag.w[y]]",
        // Another line, whose acquire drops all copies.
        "y = load.u64.acq [cpu.area.v[0]]\n x = load.u64 [flag.w[0]]",
    ];
    let mut all = Tally::default();
    for body in bodies {
        for turn in 1..40 {
            let text = TEXT.replace("TURN", &turn.to_string()).replace("FROM_THEN", body);
            let spec = machine(&text, 1, None);
            let core = CoreParams { model: MemoryModel::Weak { queue: 8, delay: 100_000 }, ..spec.core };
            let t = compare(&MachineSpec { core, ..spec }, Cycle(1_000_000), &mut Stream::derive(1, 0, "stale"));
            all.add(t.unwrap_or_else(|e| panic!("{body}, turn {turn}: {e}")));
        }
    }
    assert!(all.spins > 60, "{all:?}");
}

#[test]
fn a_plain_load_spins_on_a_stale_copy_until_that_goes() {
    let text = TEXT.replace("TURN", "1").replace("FROM_THEN", "x = load.u64 [flag.w[0]]");
    let spec = machine(&text, 1, None);
    let core = CoreParams { model: MemoryModel::Weak { queue: 8, delay: 10_000 }, ..spec.core };
    let t = compare(&MachineSpec { core, ..spec }, Cycle(1_000_000), &mut Stream::derive(1, 0, "stale"));
    let t = t.expect("fast and exact agree");
    assert!(t.spins > 0 && t.fast_events * 10 < t.exact_events, "{t:?}");
}
