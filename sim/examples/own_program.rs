// SPDX-License-Identifier: MIT OR Apache-2.0
//! A program of one's own on a machine: build it, load the program, step, observe.
//!
//!     cargo run --release -p sim --example own_program

use rqsim::bare::assemble;
use rqsim::machine::{Machine, MachineSpec, Outcome};
use sim_core::asm::Options;
use sim_core::isa::{MarkKind, Pc, Width};
use sim_core::ports::Probe;
use sim_core::time::Cycle;

const TEXT: &str = r#"
program counter "Every core adds to one word"
struct cell align 64 { n: u64 }
object word: cell
proc count() {
  left = 100
again:
  old = fetch_add.u64 [word.n], 1
  left = left - 1
  if left != 0 goto again
  mark note(0, 0, 0)
  ret
}
"#;

/// Keeps the cycle in which each core came to its mark.
#[derive(Default)]
struct Ends(Vec<(usize, Cycle)>);

impl Probe for Ends {
    fn mark(&mut self, at: Cycle, core: usize, kind: MarkKind, _: [u64; 3], _: Pc) {
        if kind == MarkKind::Note {
            self.0.push((core, at));
        }
    }
}

/// What the example prints.
///
/// # Errors
/// What is wrong with the program or the machine.
pub(crate) fn run() -> Result<String, String> {
    let preset = configs::presets::machine("skylake-ring-8")?;
    let program = assemble("counter.uop", TEXT, &Options::default()).map_err(|e| e.plain)?;
    let address = program.object("word").ok_or("the program has no word")?.addr;
    let mut spec = MachineSpec::bare(&preset, program).map_err(|e| e.plain)?;
    for core in 0..4 {
        spec.give(core, "count").map_err(|e| e.plain)?;
    }
    let mut machine = Machine::new(&spec, Ends::default());
    // A machine goes on in any steps: a thousand cycles, then as far as there is anything to do.
    let mut text = String::new();
    if machine.run_until(Cycle(1_000)) == Outcome::Limit {
        text += &format!("after 1000 cycles the word is {}\n", machine.memory().value(address, Width::U64));
    }
    if machine.run_until(Cycle::NEVER) != Outcome::Idle {
        return Err("the program does not come to its end".into());
    }
    text += &format!("at the end it is {}\n", machine.memory().value(address, Width::U64));
    for (core, at) in &machine.probe.0 {
        text += &format!("core {core} was done in cycle {}\n", at.0);
    }
    Ok(text)
}

#[allow(dead_code, reason = "a test runs the rest as a module")]
fn main() -> Result<(), String> {
    print!("{}", run()?);
    Ok(())
}
