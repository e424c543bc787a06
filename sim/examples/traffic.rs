// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who causes which traffic: two words on one line, written by two cores, and the same words on lines of their own.
//!
//!     cargo run --release -p sim --example traffic

use rqsim::attribution::attribution;
use rqsim::bare::assemble;
use rqsim::machine::{Machine, MachineSpec};
use sim_core::asm::Options;
use sim_core::ports::NoProbe;
use sim_core::time::Cycle;

/// The program, with the second word at this offset.
fn text(offset: u64) -> String {
    let writer = |name: &str| {
        format!(
            "proc write_{name}() {{\n  left = 200\nagain:\n  store.u64 [pair.{name}], left\n  fence.full\n  \
             left = left - 1\n  if left != 0 goto again\n  ret\n}}\n"
        )
    };
    let layout = format!("struct words align 64 {{ a: u64 @0, b: u64 @{offset} }}\nobject pair: words\n");
    format!("program pair \"Two words, two writers\"\n{layout}{}{}", writer("a"), writer("b"))
}

/// What the example prints.
///
/// # Errors
/// What is wrong with the program or the machine.
pub(crate) fn run() -> Result<String, String> {
    let preset = configs::presets::machine("zen3-ccx-8")?;
    let mut out = String::new();
    for (what, offset) in [("one line", 8), ("two lines", 64)] {
        let program = assemble("pair.uop", &text(offset), &Options::default()).map_err(|e| e.plain)?;
        let mut spec = MachineSpec::bare(&preset, program).map_err(|e| e.plain)?;
        spec.give(0, "write_a").map_err(|e| e.plain)?;
        spec.give(1, "write_b").map_err(|e| e.plain)?;
        let mut machine = Machine::new(&spec, NoProbe);
        machine.attribute();
        machine.run_until(Cycle::NEVER);
        let end = machine.last_event();
        let counted = attribution(&machine, end).ok_or("nothing was counted")?;
        out += &format!("{what}: done in cycle {}\n", end.0);
        for site in &counted.sites {
            let bytes = site.traffic().bytes;
            out += &format!(
                "  {:<8} {:>4} misses {:>6} bytes  {}\n",
                site.access.field, site.misses, bytes, site.access.text
            );
        }
        for pair in counted.sharing.iter().filter(|p| p.kind == reports::names::FALSE_SHARING) {
            let victim = pair.victim.as_ref().map_or("nothing", |v| v.field.as_str());
            out += &format!(
                "  false sharing: {} took {} copies from users of {victim}\n",
                pair.taker.field, pair.invalidations
            );
        }
    }
    Ok(out)
}

#[allow(dead_code, reason = "a test runs the rest as a module")]
fn main() -> Result<(), String> {
    print!("{}", run()?);
    Ok(())
}
