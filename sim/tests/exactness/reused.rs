// SPDX-License-Identifier: MIT OR Apache-2.0
//! A machine that is used again is a new one: all of its state is, and then what it does is.

use std::sync::Arc;

use rqsim::machine::{Machine, MachineSpec, Outcome};
use sim_core::rng::Stream;
use sim_core::time::Cycle;

use crate::compare::{Recorder, agree, program};
use crate::generate::text;
use crate::machines::machine;

/// Later than any of these programs ends.
const LIMIT: Cycle = Cycle(20_000_000);

/// Uses a machine up to some instant, resets it to other tasks and another seed, and runs it beside a new
/// one. Gives probe calls before and after the reset and whether messages were under way at it.
fn case(number: u64) -> Result<(usize, usize, bool), String> {
    let mut r = Stream::derive(number, 0, "reused");
    let cores = 1 + r.below(4);
    let text = text(&mut r, cores);
    let first = machine(&mut r, program(&text), cores as usize, number);
    let mut second = MachineSpec { seed: number + 1_000_000, ..first.clone() };
    // The same tasks on other cores.
    second.tasks.rotate_left(r.below(cores) as usize);
    let code = Arc::new(first.code());
    let mut used = Machine::with_code(&first, Arc::clone(&code), Recorder::default());
    if r.below(2) == 0 {
        used.attribute();
    }
    // In the middle of things for some, at rest for others; how it ends does not matter.
    let span = if r.below(2) == 0 { 4000 } else { 60_000 };
    let _ = used.run_until(Cycle(r.below(span)));
    let (before, busy) = (used.probe.calls(), !used.memory().is_quiescent());
    used.reset(&second, Recorder::default());
    let mut fresh = Machine::with_code(&second, code, Recorder::default());
    // Everything there is, down to the order of replacement in a set; compared as text, which has all fields.
    if format!("{used:?}") != format!("{fresh:?}") {
        return Err(format!("program {number}: a reset machine is not a new one\n{text}"));
    }
    let mut to = Cycle(0);
    loop {
        to = to.after(1 + r.exponential(20_000)).min(LIMIT);
        let outcomes = (used.run_until(to), fresh.run_until(to));
        if outcomes.0 != outcomes.1 {
            return Err(format!("program {number} at {to:?}: {outcomes:?}\n{text}"));
        }
        agree(&used, &fresh).map_err(|e| format!("program {number} at {to:?}: {e}\n{text}"))?;
        if outcomes.0 != Outcome::Limit || to == LIMIT {
            break;
        }
    }
    let after = used.probe.calls();
    if format!("{used:?}") != format!("{fresh:?}") {
        return Err(format!("program {number}: two machines that did the same differ\n{text}"));
    }
    Ok((before, after, busy))
}

#[test]
fn a_reset_machine_is_a_new_one() {
    let long = std::env::var_os("RQSIM_LONG").is_some_and(|v| v != "0");
    let programs = if long { 5000 } else { 150 };
    let (mut before, mut after, mut busy) = (0, 0, 0);
    for number in 0..programs {
        let (b, a, under_way) = case(number).unwrap_or_else(|e| panic!("{e}"));
        before += b;
        after += a;
        busy += u64::from(under_way);
    }
    // No vacuous pass: there was something to forget, in the middle of things too, and something to do again.
    let n = programs as usize;
    assert!(before > n && after > n && busy * 20 > programs, "{before} and {after} calls, {busy} with messages");
}
