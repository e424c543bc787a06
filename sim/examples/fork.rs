// SPDX-License-Identifier: MIT OR Apache-2.0
//! A fork at a boundary: the same machine goes on twice, once with an interrupt that lands while the lock is held.
//!
//!     cargo run --release -p sim --example fork

use rqsim::machine::Machine;
use sim_core::isa::{ContextKind, MarkKind, Pc};
use sim_core::ports::Probe;
use sim_core::time::Cycle;

/// The marks of a run in words.
#[derive(Clone, Default)]
struct Log(Vec<String>);

impl Probe for Log {
    fn mark(&mut self, at: Cycle, _: usize, kind: MarkKind, _: [u64; 3], _: Pc) {
        self.0.push(format!("  {:>6}  {kind:?}", at.0));
    }
    fn enter(&mut self, at: Cycle, _: usize, kind: ContextKind, _: Pc) {
        self.0.push(format!("  {:>6}  {kind:?} begins", at.0));
    }
    fn leave(&mut self, at: Cycle, _: usize, kind: ContextKind, _: Cycle) {
        self.0.push(format!("  {:>6}  {kind:?} ends", at.0));
    }
}

/// What the example prints.
///
/// # Errors
/// What is wrong with the experiment.
pub(crate) fn run() -> Result<String, String> {
    // One core takes and releases the lock twice; the experiment has an NMI that wants it, too, and never arrives by itself.
    let loaded = configs::load("uncontended.ron").map_err(|e| e.to_string())?;
    let plan = rqsim::plan::plan(loaded).map_err(|e| e.plain)?;
    let stage = &plan.stages[0];
    let mut spec = stage.spec.clone();
    spec.exact = true; // event by event, so that every boundary can be met
    let mut machine = Machine::new(&spec, Log::default());
    while !machine.probe.0.iter().any(|l| l.ends_with("Held")) {
        machine.step(Cycle::NEVER).ok_or("the lock is never taken")?;
    }
    let mut text = format!("stage {}: the lock is held at cycle {}\n", stage.name, machine.cores()[0].now().0);
    let mut fork = machine.clone();
    fork.interrupt(0, 0, None);
    for (name, mut m) in [("without the interrupt", machine), ("with it", fork)] {
        let before = m.probe.0.len();
        m.run_until(Cycle(2_000_000_000));
        text += &format!("{name}:\n{}\n", m.probe.0[before..].join("\n"));
    }
    Ok(text)
}

#[allow(dead_code, reason = "a test runs the rest as a module")]
fn main() -> Result<(), String> {
    print!("{}", run()?);
    Ok(())
}
