// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random programs on random machines.

use sim_core::rng::Stream;
use sim_core::time::Cycle;

use crate::compare::{Tally, compare, program};
use crate::generate::text;
use crate::machines::machine;

/// Later than any of these programs ends.
const LIMIT: Cycle = Cycle(20_000_000);

fn case(number: u64) -> Result<Tally, String> {
    let mut r = Stream::derive(number, 0, "exactness");
    let cores = 1 + r.below(4);
    let text = text(&mut r, cores);
    let spec = machine(&mut r, program(&text), cores as usize, number);
    compare(&spec, LIMIT, &mut r).map_err(|e| {
        let (core, memory, irq, sources) = (spec.core, spec.memory, spec.interrupts, &spec.sources);
        format!("program {number}: {e}\n{text}\n{core:?}\n{memory:?}\n{irq:?}\n{sources:?}")
    })
}

#[test]
fn random_programs_run_the_same_fast_and_exact() {
    let long = std::env::var_os("RQSIM_LONG").is_some_and(|v| v != "0");
    let programs = if long { 50_000 } else { 1500 };
    let mut all = Tally::default();
    let mut with_spin = 0;
    for number in 0..programs {
        match case(number) {
            Ok(t) => {
                all.add(t);
                with_spin += u64::from(t.spins > 0);
            }
            Err(e) => panic!("{e}"),
        }
    }
    // No vacuous pass: most programs had spins computed, interrupts came, and much was skipped.
    assert!(with_spin * 10 > programs * 6, "{with_spin} of {programs} programs had a computed spin");
    assert!(all.spins > programs * 3 && all.interrupts as u64 > programs && all.marks as u64 > programs, "{all:?}");
    assert!(all.soft as u64 * 4 > programs && all.nested as u64 * 20 > programs, "{all:?}");
    assert!(all.fast_events * 2 < all.exact_events, "{all:?}");
}
