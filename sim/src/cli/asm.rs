// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim asm`: programs as text.

use std::path::Path;

use clap::Subcommand;
use lock_impl::{programs, workload};
use rqsim::files;
use rqsim::plan::{InputError, near};
use sim_core::asm::{self, Options};
use sim_core::program::{Program, Source};

use super::{Failure, output};

/// Subcommands of `sim asm`.
#[derive(Debug, Subcommand)]
pub(super) enum AsmCommand {
    /// Print a program's text, as it is written.
    #[command(after_help = "Example:
  sim asm source rqspinlock > mine.uop")]
    Source {
        /// A built-in program's name, or a .uop file.
        program: String,
    },
    /// Print the assembled program with its boundary numbers.
    #[command(after_help = "Example:
  sim asm show rqspinlock --patches enclose,immediate_aa")]
    Show {
        /// A built-in program's name, or a .uop file.
        program: String,
        /// Patches and options to switch on.
        #[arg(long, value_name = "NAME", value_delimiter = ',')]
        patches: Vec<String>,
    },
    /// Look for mistakes in a program, with every patch off and on.
    #[command(after_help = "Example:
  sim asm check mine.uop")]
    Check {
        /// A built-in program's name, or a .uop file.
        program: String,
    },
    /// List a program's patches, options and parameters.
    #[command(after_help = "Example:
  sim asm patches rqspinlock")]
    Patches {
        /// A built-in program's name, or a .uop file.
        program: String,
    },
}

pub(super) fn run(command: &AsmCommand) -> Result<(), Failure> {
    match command {
        AsmCommand::Source { program } => output::raw(&source(program)?.text),
        AsmCommand::Show { program, patches } => {
            let source = source(program)?;
            let assembled = assemble(&source, patches)?;
            output::print(&asm::listing(&assembled))
        }
        AsmCommand::Check { program } => check(&source(program)?),
        AsmCommand::Patches { program } => {
            let p = assemble(&source(program)?, &[])?;
            let mut text = String::new();
            let names = p.patches.iter().map(|x| x.name.as_str()).chain(p.options.iter().map(|(n, _)| n.as_str()));
            let width = names.chain(p.params.iter().map(|(n, _)| n.as_str())).map(str::len).max().unwrap_or(0);
            for patch in &p.patches {
                let needs =
                    if patch.needs.is_empty() { String::new() } else { format!("  needs {}", patch.needs.join(", ")) };
                text += &format!("patch {:>2}  {:<width$} {}{needs}\n", patch.number, patch.name, patch.title);
            }
            for (name, what) in &p.options {
                text += &format!("option    {name:<width$} {what}\n");
            }
            for (name, value) in &p.params {
                text += &format!("param     {name:<width$} {value}\n");
            }
            output::fitted(&text)
        }
    }
}

fn source(name: &str) -> Result<Source, Failure> {
    if let Some(s) = programs::embedded(name) {
        return Ok(s);
    }
    match files::read_text(Path::new(name), files::PROGRAM_BYTES_MAX) {
        Ok(text) => Ok(Source { name: name.to_owned(), text }),
        Err(e) => {
            let help = near(name, programs::names(), "built-in programs");
            Err(InputError::text(&format!("{name}: no built-in program, and not a file that can be read: {e}"), &help)
                .into())
        }
    }
}

/// Assembles with these patches and options; a patch may be called by its number in the series. Hooks do nothing.
fn assemble(source: &Source, enabled: &[String]) -> Result<Program, Failure> {
    let bare = asm::assemble(std::slice::from_ref(source), &Options::default()).ok();
    let named = |e: &String| {
        let patch = bare.as_ref().and_then(|b| b.patches.iter().find(|p| p.number == *e));
        patch.map_or_else(|| e.clone(), |p| p.name.clone())
    };
    let options = Options { enabled: enabled.iter().map(named).collect(), params: Vec::new() };
    let sources: Vec<Source> = [source.clone()].into_iter().chain(workload::empty_hooks(&options.enabled)).collect();
    asm::assemble(&sources, &options).map_err(|d| {
        InputError { plain: d.render(&sources, false), colored: d.render(&sources, true), field: None }.into()
    })
}

/// Checks the program as it is, and with each patch and option on alone and all patches together.
fn check(source: &Source) -> Result<(), Failure> {
    let bare = assemble(source, &[])?;
    if bare.procs.is_empty() {
        let help =
            "a lock has `proc acquire(..) { .. }` and `export lock acquire`; `sim asm source ticket` shows a whole one";
        return Err(InputError::text(&format!("{}: there is no procedure in it", source.name), help).into());
    }
    let mut selections: Vec<Vec<String>> = vec![Vec::new()];
    selections.extend(bare.patches.iter().map(|p| [p.needs.clone(), vec![p.name.clone()]].concat()));
    selections.extend(bare.options.iter().map(|(o, _)| vec![o.clone()]));
    selections.push(bare.patches.iter().map(|p| p.name.clone()).collect());
    let mut text = String::new();
    for selection in &selections {
        let program = assemble(source, selection)?;
        let found = asm::check(&program);
        if !found.is_empty() {
            text += &format!("with {}:\n{}", selection.join(", "), found.render(std::slice::from_ref(source), false));
        }
    }
    if text.is_empty() {
        return output::fitted(&format!(
            "{}: nothing found in {} selections of patches\n",
            source.name,
            selections.len()
        ));
    }
    output::print(&text)?;
    Err(Failure::Found)
}
