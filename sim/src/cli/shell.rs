// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim completions`, `sim man`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;
use rqsim::files;

use super::{Cli, Failure, output};

/// Print completions for a shell.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sim completions bash > ~/.local/share/bash-completion/completions/sim
  sim completions zsh  > ~/.zfunc/_sim          (a folder in $fpath)
  sim completions fish > ~/.config/fish/completions/sim.fish")]
pub(super) struct CompletionArgs {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn completions(args: &CompletionArgs) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut <Cli as clap::CommandFactory>::command(), "sim", &mut text);
    output::raw(&String::from_utf8_lossy(&text))
}

/// Write a manual page for every command into a folder.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sim man ~/.local/share/man/man1      then `man sim`, `man sim-run`
  sim man pages --force                over pages that are there")]
pub(super) struct ManArgs {
    /// The folder; it is made if it is not there.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Overwrite pages that are there.
    #[arg(long)]
    force: bool,
}

pub(super) fn man(args: &ManArgs) -> Result<(), Failure> {
    super::flags::make_folder(&args.folder, "name another folder")?;
    let mut top = <Cli as clap::CommandFactory>::command().disable_help_subcommand(true);
    top.build();
    let mut pages: Vec<(PathBuf, String)> = Vec::new();
    collect(&top, &args.folder, &mut pages)?;
    let paths: Vec<&PathBuf> = pages.iter().map(|(p, _)| p).collect();
    if let Some(there) = paths.iter().find(|p| !args.force && p.exists()) {
        let what = format!("{} is there already", there.display());
        return Err(rqsim::plan::InputError::text(&what, "--force overwrites it").into());
    }
    for (path, text) in &pages {
        files::write_text(path, text)?;
    }
    output::say(&format!("{} pages in {}", pages.len(), args.folder.display()));
    Ok(())
}

/// Pages of a command and of those below it.
fn collect(
    command: &clap::Command,
    folder: &std::path::Path,
    into: &mut Vec<(PathBuf, String)>,
) -> Result<(), Failure> {
    let page = clap_mangen::Man::new(command.clone());
    let path = folder.join(page.get_filename());
    let mut text = Vec::new();
    page.render(&mut text).map_err(|source| reports::Error::Write { path: path.clone(), source })?;
    into.push((path, String::from_utf8_lossy(&text).into_owned()));
    command.get_subcommands().try_for_each(|sub| collect(sub, folder, into))
}
