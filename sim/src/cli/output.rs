// SPDX-License-Identifier: MIT OR Apache-2.0
//! The only place that writes to the terminal: data to stdout, talk to stderr.

use std::borrow::Cow;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

use rqsim::plan::InputError;

use super::Failure;

/// Prints data. A reader that went away ends the program quietly.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    raw(&adapt(text))
}

/// Prints a text as it is, whatever the terminal can show: what is meant for a file.
pub(super) fn raw(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Err(Failure::Closed),
        Err(e) => Err(Failure::Files(reports::Error::Write { path: "(standard output)".into(), source: e })),
        Ok(()) => Ok(()),
    }
}

/// Prints lines of which those that are longer than the terminal, or `COLUMNS`, are broken at blanks. Into files and pipes they
/// go as they are.
pub(super) fn fitted(text: &str) -> Result<(), Failure> {
    let Some(width) = asked_width() else { return print(text) };
    let line = |line: &str| {
        let indent = line.chars().take_while(|c| *c == ' ').count() + 4;
        if line.chars().count() <= width {
            line.to_owned()
        } else {
            reports::wrap_hanging(line, width, indent).join("\n")
        }
    };
    print(&text.lines().map(|l| line(l) + "\n").collect::<String>())
}

/// Prints what an experiment is called and asks.
pub(super) fn head(e: &configs::Experiment) -> Result<(), Failure> {
    let lines = reports::wrap(&format!("{}\n{}", e.title, e.question), width());
    print(&format!("{}\n\n", lines.join("\n")))
}

/// Says something to the user. If even that cannot be written there is nobody to tell.
pub(super) fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", adapt(text));
}

/// Shows an input error, in colour on a terminal.
pub(super) fn complain(e: &InputError) {
    let text = if color(std::io::stderr().is_terminal()) { &e.colored } else { &e.plain };
    let _ = write!(std::io::stderr().lock(), "{}", adapt(text));
}

/// True if colour is wanted on a stream that is (or is not) a terminal.
pub(super) fn color(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// True if the locale names a character set that is not UTF-8, as `LANG=C` does. Where no locale is set at all, as
/// in most containers, the terminal is taken to know UTF-8.
pub(super) fn ascii() -> bool {
    let set = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    is_ascii(["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).as_deref())
}

fn is_ascii(locale: Option<&str>) -> bool {
    let Some(locale) = locale else { return false };
    let locale = locale.to_ascii_lowercase();
    match locale.split_once('.') {
        Some((_, charset)) => !["utf-8", "utf8"].iter().any(|u| charset.starts_with(u)),
        None => matches!(locale.as_str(), "c" | "posix"),
    }
}

/// The text in the characters that the locale has.
pub(super) fn adapt(text: &str) -> Cow<'_, str> {
    if ascii() { Cow::Owned(reports::to_ascii(text)) } else { Cow::Borrowed(text) }
}

/// Columns to print tables in: what `COLUMNS` says, else the terminal's, or 160 into files and pipes.
pub(super) fn width() -> usize {
    asked_width().unwrap_or(160)
}

/// What `COLUMNS` says, else the terminal's columns.
fn asked_width() -> Option<usize> {
    let asked = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
    let terminal = || terminal_size::terminal_size_of(std::io::stdout()).map(|(w, _)| usize::from(w.0));
    asked.or_else(terminal)
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

#[cfg(test)]
mod tests {
    use super::is_ascii;

    #[test]
    fn only_a_locale_that_says_so_is_taken_for_ascii() {
        for (locale, wanted) in [
            (None, false),
            (Some("C"), true),
            (Some("POSIX"), true),
            (Some("C.UTF-8"), false),
            (Some("en_GB.utf8"), false),
            (Some("de_DE.ISO-8859-1"), true),
            (Some("de_DE"), false),
        ] {
            assert_eq!(is_ascii(locale), wanted, "{locale:?}");
        }
    }
}
