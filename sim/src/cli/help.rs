// SPDX-License-Identifier: MIT OR Apache-2.0
//! The overview on one screen, and the arguments as clap knows them.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory};
use rqsim::plan::{InputError, near};

use super::{Cli, output};

/// What every exit code means; the book has the same table, and a test compares them.
pub(super) const EXIT_CODES: &[(u8, &str)] = &[
    (0, "all well"),
    (1, "a run did not end as its stage expects, a property does not hold, or a test failed"),
    (2, "input that cannot be used, or a file that cannot be read or written"),
    (3, "`sim explore`: no verdict, memory or time ran out"),
    (130, "interrupted by Ctrl-C; what was finished is kept"),
];

/// Commands by what one wants; those that are in no group are listed last, so none is ever missing.
const GROUPS: &[(&str, &[&str])] = &[
    ("Begin", &["init", "check", "presets", "doctor"]),
    ("Run an experiment, read its results", &["run", "report", "explain"]),
    ("Ask for more", &["windows", "orderings", "explore", "mutate", "sweep", "results"]),
    ("Look at the parts", &["asm", "protocol", "calibrate", "litmus", "test-memory"]),
];

/// First sentence about a command shown in the overview, characters.
const ABOUT_MAX: usize = 84;

/// The arguments. Flags of `sim --config X`, which are those of `sim run`, are not listed a second time.
pub(super) fn command() -> Command {
    let bare = Cli::command().mut_args(|a| if a.get_id() == "config" { a } else { a.hide(true) });
    let overview = overview(&bare, output::width().min(100));
    bare.override_help(overview)
}

/// The help of `sim` itself, in lines of at most `width` characters.
fn overview(command: &Command, width: usize) -> String {
    let what = "rqsim: a deterministic cycle-level simulator of lock algorithms on a multicore machine";
    let usage = "Usage: sim COMMAND [ARGUMENTS], sim COMMAND --help, sim --config EXPERIMENT";
    let mut text = format!("{}\n{}", lines(what, width, 2), lines(usage, width, 2));
    let grouped = |name: &str| GROUPS.iter().any(|(_, names)| names.contains(&name));
    let rest: Vec<&str> = command.get_subcommands().map(Command::get_name).filter(|n| !grouped(n)).collect();
    let groups = GROUPS.iter().map(|(title, names)| (*title, names.to_vec()));
    for (title, names) in groups.chain([("Shell", rest)]) {
        text += &format!("\n{title}:\n");
        for sub in names.iter().filter_map(|n| command.find_subcommand(n)) {
            let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
            let line = format!("  {:<12} {}", sub.get_name(), shortened(&about));
            text += &lines(&line, width, 15);
        }
    }
    text += "\nThe first hour:\n";
    for (what, why) in [
        ("sim run ring8.ron", "the reported freeze, patch by patch"),
        ("sim explain results/ring8 --stage base --seed 1", "one freeze as a story"),
        ("sim windows uncontended.ron --compare base +1", "where an interrupt may land"),
        ("sim init mine --program rqspinlock", "an experiment and a lock of your own"),
    ] {
        text += &lines(&format!("  {what:<48} {why}"), width, 4);
    }
    let codes: Vec<String> = EXIT_CODES.iter().map(|(n, what)| format!("{n} {what}")).collect();
    text += "\n";
    text += &lines(&format!("Exit codes: {}.", codes.join("; ")), width, 2);
    text += &lines("An EXPERIMENT is a RON file or the name of a preset. -h, --help; -V, --version.", width, 2);
    output::adapt(&text).into_owned()
}

/// What a command that does not exist is told; nothing if something else is wrong.
pub(super) fn no_such_command(error: &clap::Error) -> Option<InputError> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let what = format!("there is no command \"{name}\"");
    if configs::presets::resolve(name).is_ok() {
        return Some(InputError::text(&what, &format!("it is an experiment: `sim run {name}`")));
    }
    let top = Cli::command();
    // Of which command it was meant to be a part is not told: it is the first argument, if that has parts.
    let parent = std::env::args().nth(1).filter(|a| a != name);
    let parent = parent.and_then(|a| top.find_subcommand(a).filter(|c| c.has_subcommands()).cloned());
    let all = parent.unwrap_or(top);
    Some(InputError::text(&what, &near(name, all.get_subcommands().map(Command::get_name), "commands")))
}

/// What a flag that wants a number and got something else is told; nothing if something else is wrong.
pub(super) fn not_a_number(error: &clap::Error) -> Option<InputError> {
    std::error::Error::source(error)?.downcast_ref::<std::num::ParseIntError>()?;
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let (flag, value) = (text(ContextKind::InvalidArg)?, text(ContextKind::InvalidValue)?);
    let name = flag.split(' ').next().unwrap_or(flag);
    Some(InputError::text(
        &format!("{flag}: \"{value}\" is not a whole number, or is too large"),
        &format!("write digits only, as in `{name} 4`"),
    ))
}

fn lines(text: &str, width: usize, indent: usize) -> String {
    reports::wrap_hanging(text, width, indent).into_iter().map(|l| l + "\n").collect()
}

/// The first sentence, or as much of it as has room.
fn shortened(about: &str) -> String {
    let first = about.split(". ").next().unwrap_or_default();
    if first.chars().count() <= ABOUT_MAX {
        return first.to_owned();
    }
    let cut = first.char_indices().nth(ABOUT_MAX).map_or(first.len(), |(i, _)| i);
    let end = first[..cut].rfind([',', ':']).unwrap_or(cut);
    first[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overview_fits_a_screen_and_misses_no_command() {
        let command = Cli::command();
        let text = overview(&command, 100);
        assert!(text.lines().count() <= 50, "{} lines", text.lines().count());
        assert!(text.lines().all(|l| l.chars().count() <= 100), "{text}");
        for sub in command.get_subcommands() {
            assert!(text.contains(&format!("\n  {} ", sub.get_name())), "{} is missing", sub.get_name());
        }
    }

    #[test]
    fn every_command_says_what_it_is_for_and_shows_an_example() {
        for sub in Cli::command().get_subcommands() {
            let name = sub.get_name();
            assert!(sub.get_about().is_some_and(|a| !a.to_string().is_empty()), "{name} says nothing");
            let after = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains(&format!("  sim {name}")), "`sim {name} --help` has no example");
        }
    }

    #[test]
    fn arguments_are_declared_without_contradictions() {
        Cli::command().debug_assert();
    }
}
