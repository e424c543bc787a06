// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim init`: an experiment to edit.

use std::io::{ErrorKind, Write};
use std::path::Path;

use clap::Args;
use lock_impl::programs;
use rqsim::plan::{InputError, near};

use super::{Failure, output};

/// The experiment, with a comment on every line that wants one.
const TEMPLATE: &str = include_str!("../../templates/experiment.ron");
/// What it says of the lock while it is a built-in one.
const OR_OWN: &str = "Builtin(\"rqspinlock\"), or File(\"mine.uop\") for a program of your own beside this file";
/// What of it names the lock.
const BUILTIN: &str = "Builtin(\"rqspinlock\")";
/// What of it is about the patches of that lock; other locks have none.
const STAGES: (&str, &str) = ("    // (stages)\n", "    // (end of stages)\n");

/// Write a commented experiment to edit, and a lock program beside it if you want.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sim init                              writes experiment.ron
  sim init mine                         writes mine.ron; then: sim check mine.ron; sim run mine.ron
  sim init mine --program rqspinlock    writes mine.uop too, the lock's program, which mine.ron runs
  sim init mine --program ticket        the same with another lock to begin from")]
pub(super) struct InitArgs {
    /// Name of the experiment; `.ron` is added.
    #[arg(default_value = "experiment")]
    name: String,
    /// Copy this built-in lock program as well, and run the copy.
    #[arg(long, value_name = "LOCK")]
    program: Option<String>,
}

pub(super) fn run(args: &InitArgs) -> Result<(), Failure> {
    let stem = args.name.strip_suffix(".ron").unwrap_or(&args.name);
    let bad = |c: char| c.is_control() || c == '"' || c == '\\';
    if stem.is_empty() || stem.ends_with('/') || stem.contains(bad) {
        let help = "choose a name such as `mine`, which makes mine.ron";
        return Err(InputError::text(&format!("\"{}\" is no name for an experiment", args.name), help).into());
    }
    let mut files = Vec::new();
    let mut text = TEMPLATE.to_owned();
    if let Some(lock) = &args.program {
        let Some(source) = programs::embedded(lock) else {
            let help = near(lock, programs::names(), "programs");
            return Err(InputError::text(&format!("there is no built-in program \"{lock}\""), &help).into());
        };
        let file = Path::new(stem).file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        text = text.replace(OR_OWN, "the file beside this one");
        text = text.replace(BUILTIN, &format!("File(\"{file}.uop\")"));
        if lock != "rqspinlock" {
            text = without_patches(&text);
        }
        files.push((format!("{stem}.uop"), source.text));
    }
    // Without the marks that only the line above needs.
    text = text.replace(STAGES.0, "").replace(STAGES.1, "");
    files.push((format!("{stem}.ron"), text));
    if let Some((there, _)) = files.iter().find(|(path, _)| Path::new(path).exists()) {
        return Err(taken(there));
    }
    let folder = Path::new(stem).parent().filter(|f| !f.as_os_str().is_empty());
    folder.map_or(Ok(()), |f| super::flags::make_folder(f, "name another file"))?;
    for (path, text) in &files {
        write_new(path, text)?;
        output::say(&format!("wrote {path}"));
    }
    output::say(&format!("next: edit it, `sim check {stem}.ron`, `sim run {stem}.ron`"));
    Ok(())
}

/// The template for a lock without a patch series: one stage, and no base.
fn without_patches(text: &str) -> String {
    let one = "    stages: [(name: \"as it is\", patches: [])],\n";
    let (Some(from), Some(to)) = (text.find(STAGES.0), text.find(STAGES.1)) else { return text.to_owned() };
    format!("{}{one}{}", &text[..from], &text[to..]).replace(", base: \"6.17\"", "")
}

fn taken(path: &str) -> Failure {
    InputError::text(&format!("{path} is there already"), "choose another name, or move it away").into()
}

/// Writes a file that is not there yet; never over one, not even over one that came just now.
fn write_new(path: &str, text: &str) -> Result<(), Failure> {
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    match file.and_then(|mut f| f.write_all(text.as_bytes())) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Err(taken(path)),
        Err(source) => Err(reports::Error::Write { path: path.into(), source }.into()),
    }
}
