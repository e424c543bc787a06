// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which part of a program is visited.

use sim_core::asm::near_name;
use sim_core::isa::Op;
use sim_core::program::Program;

use crate::plan::{InputError, Plan};

/// A part of the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// All of it, workload and handlers included.
    #[default]
    All,
    /// These procedures.
    Procs(Vec<String>),
    /// From a label to another one of the same procedure, which is not included; to the procedure's end without one.
    Between(String, Option<String>),
}

impl Part {
    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Part::All => "the whole program".to_owned(),
            Part::Procs(names) => names.join(", "),
            Part::Between(from, None) => format!("from {from} to the procedure's end"),
            Part::Between(from, Some(to)) => format!("from {from} to {to}"),
        }
    }

    /// Says so if no stage has what this part names, or a range goes backwards.
    ///
    /// # Errors
    /// A procedure or label that no stage has, with near names; a range that is none.
    pub fn check(&self, plan: &Plan) -> Result<(), InputError> {
        let programs = || plan.stages.iter().map(|s| &*s.spec.program);
        let known = |name: &String, what: &str, names: fn(&Program) -> Vec<&str>| {
            if programs().any(|p| names(p).contains(&name.as_str())) {
                return Ok(());
            }
            let mut all: Vec<&str> = programs().flat_map(names).collect();
            all.sort_unstable();
            all.dedup();
            let like = near_name(name, all.iter().copied());
            let help = match like {
                Some(n) => format!("did you mean `{n}`? `sim asm show PROGRAM` shows all"),
                None => format!("{what}s: {}; `sim asm show PROGRAM` shows all", configs::listed(&all)),
            };
            Err(InputError::text(&format!("no stage has a {what} \"{name}\""), &help))
        };
        match self {
            Part::All => Ok(()),
            Part::Procs(names) => names.iter().try_for_each(|n| known(n, "procedure", procs)),
            Part::Between(from, to) => {
                known(from, "label", labels)?;
                to.iter().try_for_each(|t| known(t, "label", labels))?;
                let both = |p: &Program| Some((p.label(from)?, p.label(to.as_ref()?)?));
                for (from_pc, to_pc) in programs().filter_map(both) {
                    if !(from_pc < to_pc && from.split('.').next() == to.iter().flat_map(|t| t.split('.')).next()) {
                        let what =
                            format!("{} does not come after {from} in one procedure", to.as_deref().unwrap_or(""));
                        return Err(InputError::text(&what, "`sim asm show PROGRAM` shows them in order"));
                    }
                }
                Ok(())
            }
        }
    }
}

fn procs(p: &Program) -> Vec<&str> {
    p.procs.iter().map(|x| x.name.as_str()).collect()
}

fn labels(p: &Program) -> Vec<&str> {
    p.labels.iter().map(|l| l.name.as_str()).collect()
}

/// `[micro-op]`: it is part of the path. Inline procedures belong to it where it calls them.
#[must_use]
pub fn path_of(program: &Program, part: &Part) -> Vec<bool> {
    let n = program.ops.len();
    let mut path = vec![*part == Part::All; n];
    let range = |from: u32, to: u32, path: &mut Vec<bool>| (from..to).for_each(|pc| path[pc as usize] = true);
    match part {
        Part::All => {}
        Part::Procs(names) => {
            for p in program.procs.iter().filter(|p| names.contains(&p.name)) {
                range(p.entry, p.end, &mut path);
            }
        }
        Part::Between(from, to) => {
            if let Some(first) = program.label(from) {
                let end = to.as_ref().and_then(|t| program.label(t));
                let whole = || program.proc_at(first).map_or(first, |p| p.end);
                // Without the second label in this stage there is no such part of it.
                let end = if to.is_some() { end.unwrap_or(first) } else { whole() };
                range(first, end, &mut path);
            }
        }
    }
    // Inline procedures may call others.
    loop {
        let before = path.iter().filter(|p| **p).count();
        for pc in 0..n {
            if let (true, Op::Call(site)) = (path[pc], &program.ops[pc]) {
                let p = &program.procs[program.calls[*site as usize].proc as usize];
                if p.inline {
                    range(p.entry, p.end, &mut path);
                }
            }
        }
        if path.iter().filter(|p| **p).count() == before {
            return path;
        }
    }
}
