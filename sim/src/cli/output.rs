// SPDX-License-Identifier: MIT OR Apache-2.0
//! The only place that writes to the terminal: data to stdout, talk to stderr.

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

use rqsim::plan::InputError;

use super::Failure;

/// Prints data. A reader that went away ends the program quietly.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Err(Failure::Closed),
        Err(e) => Err(Failure::Files(reports::Error::Write { path: "(standard output)".into(), source: e })),
        Ok(()) => Ok(()),
    }
}

/// Prints what an experiment is called and asks.
pub(super) fn head(e: &configs::Experiment) -> Result<(), Failure> {
    let lines = reports::wrap(&format!("{}\n{}", e.title, e.question), width());
    print(&format!("{}\n\n", lines.join("\n")))
}

/// Says something to the user. If even that cannot be written there is nobody to tell.
pub(super) fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Shows an input error, in colour on a terminal.
pub(super) fn complain(e: &InputError) {
    let text = if color(std::io::stderr().is_terminal()) { &e.colored } else { &e.plain };
    let _ = write!(std::io::stderr().lock(), "{text}");
}

/// True if colour is wanted on a stream that is (or is not) a terminal.
pub(super) fn color(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Columns to print tables in: what `COLUMNS` says, else the terminal's, or 160 into files and pipes.
pub(super) fn width() -> usize {
    let asked = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
    let terminal = || terminal_size::terminal_size_of(std::io::stdout()).map(|(w, _)| usize::from(w.0));
    asked.or_else(terminal).unwrap_or(160)
}

/// A file that is there already is not overwritten without `--force`, a folder never; `other` is what else may be named.
pub(super) fn check_free(path: &Path, force: bool, other: &str) -> Result<(), InputError> {
    if path.is_dir() {
        return Err(InputError::text(&format!("{} is a folder", path.display()), &format!("give {other}")));
    }
    if path.exists() && !force {
        let what = format!("{} is there already", path.display());
        return Err(InputError::text(&what, &format!("give --force to overwrite it, or {other}")));
    }
    Ok(())
}
