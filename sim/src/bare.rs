// SPDX-License-Identifier: MIT OR Apache-2.0
//! Machines for programs alone, without an experiment around them: rqsim as a library.

use std::sync::Arc;

use sim_core::asm::{self, Options};
use sim_core::program::{Program, Source};
use sim_core::time::{Clock, Cycle};

use crate::machine::MachineSpec;
use crate::plan::{InputError, coherence, core_params, interrupt_costs, memory_of};

impl MachineSpec {
    /// A machine that runs this program on all its cores: nothing is given to do yet ([`MachineSpec::give`]), no interrupt
    /// arrives, the seed is 1.
    ///
    /// # Errors
    /// What can be known of the machine's network only when its routes are.
    pub fn bare(machine: &configs::Machine, program: Program) -> Result<MachineSpec, InputError> {
        let (memory, topology) = memory_of(machine)?;
        let cores = machine.cores as usize;
        Ok(MachineSpec {
            program: Arc::new(program),
            core: core_params(machine),
            memory,
            topology: Arc::new(topology),
            coherence: coherence(machine),
            interrupts: interrupt_costs(machine),
            clock: Clock { khz: machine.clock.khz() },
            tasks: vec![None; cores],
            sources: vec![Vec::new(); cores],
            seed: 1,
            stop_at: Cycle::NEVER,
            exact: false,
        })
    }

    /// Lets a core execute a procedure without arguments, from cycle 0 until it returns.
    ///
    /// # Errors
    /// There is no such core or procedure, or it has arguments.
    pub fn give(&mut self, core: usize, proc: &str) -> Result<(), InputError> {
        let cores = self.tasks.len();
        let Some(task) = self.tasks.get_mut(core) else {
            let help = format!("cores are numbered 0 to {}", cores.saturating_sub(1));
            return Err(InputError::text(&format!("there is no core {core}"), &help));
        };
        let names = || self.program.procs.iter().map(|p| p.name.as_str());
        let Some(found) = names().position(|n| n == proc) else {
            let help = crate::plan::near(proc, names(), "procedures");
            return Err(InputError::text(&format!("the program has no procedure \"{proc}\""), &help));
        };
        if self.program.procs[found].params != 0 {
            let help = "write one without arguments that calls it";
            return Err(InputError::text(&format!("the procedure \"{proc}\" has arguments"), help));
        }
        *task = u16::try_from(found).ok();
        Ok(())
    }
}

/// Assembles a program text.
///
/// # Errors
/// All mistakes, each with line and column.
pub fn assemble(name: &str, text: &str, options: &Options) -> Result<Program, InputError> {
    let sources = [Source { name: name.to_owned(), text: text.to_owned() }];
    asm::assemble(&sources, options).map_err(|e| InputError {
        plain: e.render(&sources, false),
        colored: e.render(&sources, true),
        field: None,
    })
}
