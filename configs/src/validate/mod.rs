// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules that types cannot express. The first broken one, in the order of the schema, is reported.

mod bodies;
mod interconnect;
mod interrupts;
mod machine;

use std::collections::BTreeSet;

use crate::error::Says;
use crate::near::suggestion;
use crate::schema::{Experiment, Program, Seeds};
use crate::units::Span;
use crate::workload::Cpus;

/// Most seeds of one experiment.
pub(crate) const SEEDS_MAX: u64 = 1_000_000;

/// A broken rule and the field it is about.
pub(crate) struct Finding {
    pub(crate) path: String,
    pub(crate) says: Says,
}

pub(crate) type Check = Result<(), Finding>;

/// A finding whose message is `path = value: rule`.
fn broken(path: impl Into<String>, value: impl std::fmt::Display, rule: &str, help: &str) -> Finding {
    let path = path.into();
    let message = format!("{path} = {value}: {rule}");
    finding(path, message, rule, help)
}

/// A finding with a message of its own.
fn finding(path: impl Into<String>, message: String, rule: &str, help: &str) -> Finding {
    let help = (!help.is_empty()).then(|| help.to_owned());
    Finding { path: path.into(), says: Says { message, rule: rule.to_owned(), note: None, help } }
}

/// A name that is declared nowhere.
fn undeclared<'a>(path: String, what: &str, name: &str, names: impl IntoIterator<Item = &'a str>) -> Finding {
    let help = suggestion(name, &format!("{what}s declared"), names);
    finding(path, format!("no {what} `{name}` is declared"), "not declared", &help)
}

/// Names must be usable in program text, where they become identifiers.
fn identifier(path: String, name: &str) -> Check {
    let first = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if first && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        return Ok(());
    }
    let rule = "a name is made of a-z, 0-9 and _, and does not begin with a digit";
    Err(broken(path, format_args!("\"{name}\""), rule, ""))
}

/// No two of `names` are equal; `path` gives the path of the i-th.
fn unique<'a>(names: impl IntoIterator<Item = &'a str>, path: impl Fn(usize) -> String) -> Check {
    let mut seen = Vec::new();
    for (i, name) in names.into_iter().enumerate() {
        if let Some(first) = seen.iter().position(|n| *n == name) {
            let message = format!("\"{name}\" is given twice, first at {}", path(first));
            return Err(finding(path(i), message, "given twice", "each must differ from the others"));
        }
        seen.push(name);
    }
    Ok(())
}

fn not_blank(path: &str, text: &str, help: &str) -> Check {
    if text.trim().is_empty() {
        return Err(broken(path, "\"\"", "must not be empty", help));
    }
    Ok(())
}

fn not_zero(path: &str, span: Span) -> Check {
    if span.is_zero() {
        return Err(broken(path, format_args!("\"{span}\""), "must be more than zero", ""));
    }
    Ok(())
}

pub(crate) use machine::machine;

/// Checks a whole experiment.
pub(crate) fn experiment(e: &Experiment) -> Check {
    not_blank("title", &e.title, "one line for headings")?;
    not_blank("question", &e.question, "say what the experiment is to find out")?;
    machine(&e.machine)?;
    lock(e)?;
    stages(e)?;
    names(e)?;
    bodies::bodies(e)?;
    for (i, interrupt) in e.interrupts.iter().enumerate() {
        interrupts::interrupt(e, interrupt, &format!("interrupts[{i}]"))?;
    }
    unique(e.interrupts.iter().map(|x| x.name.as_str()), |i| format!("interrupts[{i}].name"))?;
    if let Some(tick) = &e.tick {
        interrupts::tick(e, tick)?;
    }
    if e.workload.tasks.is_empty() && e.interrupts.is_empty() {
        let message = "there is neither a task nor an interrupt, so nothing would happen".to_owned();
        return Err(finding("workload.tasks", message, "nothing to run", "add a task"));
    }
    not_zero("duration", e.duration)?;
    seeds(&e.seeds)?;
    not_zero("measure.stuck_threshold", e.measure.stuck_threshold)
}

fn lock(e: &Experiment) -> Check {
    let name = match &e.lock.program {
        Program::Builtin(name) | Program::File(name) => name,
    };
    not_blank("lock.program", name, "name a program")?;
    unique(e.lock.options.iter().map(String::as_str), |i| format!("lock.options[{i}]"))
}

fn stages(e: &Experiment) -> Check {
    if e.stages.is_empty() {
        let help = "an experiment without patches has one stage: [(name: \"base\", patches: [])]";
        return Err(broken("stages", "[]", "at least one stage is needed", help));
    }
    for (i, stage) in e.stages.iter().enumerate() {
        not_blank(&format!("stages[{i}].name"), &stage.name, "the name stands in every table")?;
        unique(stage.patches.iter().map(String::as_str), |p| format!("stages[{i}].patches[{p}]"))?;
        unique(stage.options.iter().map(String::as_str), |p| format!("stages[{i}].options[{p}]"))?;
        for (j, option) in stage.options.iter().enumerate() {
            if e.lock.options.contains(option) {
                let message = format!("option \"{option}\" is on in every stage already, by lock.options");
                return Err(finding(format!("stages[{i}].options[{j}]"), message, "given twice", "leave it out here"));
            }
        }
    }
    unique(e.stages.iter().map(|s| s.name.as_str()), |i| format!("stages[{i}].name"))
}

fn names(e: &Experiment) -> Check {
    for (i, name) in e.locks.iter().enumerate() {
        identifier(format!("locks[{i}]"), name)?;
    }
    unique(e.locks.iter().map(String::as_str), |i| format!("locks[{i}]"))?;
    for (i, payload) in e.payload.iter().enumerate() {
        bodies::payload(payload, &format!("payload[{i}]"))?;
    }
    unique(e.payload.iter().map(|p| p.name.as_str()), |i| format!("payload[{i}].name"))?;
    for name in e.handlers.names() {
        identifier(format!("handlers.{name}"), name)?;
    }
    for name in e.hooks.names() {
        identifier(format!("hooks.{name}"), name)?;
    }
    Ok(())
}

/// The choice means at least one core, each once, and only cores the machine has.
fn cpus(e: &Experiment, choice: &Cpus, path: &str) -> Check {
    let cores = e.machine.cores;
    let exists = |path: String, cpu: u32| {
        if cpu < cores {
            return Ok(());
        }
        let rule = format!("the machine has cores 0 to {}", cores - 1);
        Err(broken(path, cpu, &rule, "choose one of these, or raise the machine's cores"))
    };
    match choice {
        Cpus::All => Ok(()),
        Cpus::Cpus(list) if list.is_empty() => Err(broken(path, "[]", "at least one core is needed", "")),
        Cpus::Cpus(list) => {
            let mut seen = BTreeSet::new();
            for (i, &cpu) in list.iter().enumerate() {
                let path = format!("{path}.Cpus[{i}]");
                exists(path.clone(), cpu)?;
                if !seen.insert(cpu) {
                    return Err(broken(path, cpu, "this core is already in the list", ""));
                }
            }
            Ok(())
        }
        Cpus::Range { first, last } => {
            exists(format!("{path}.last"), *last)?;
            if first > last {
                return Err(broken(format!("{path}.first"), first, &format!("must not be above last = {last}"), ""));
            }
            Ok(())
        }
        Cpus::Stride { step, .. } => {
            if *step == 0 {
                return Err(broken(format!("{path}.step"), 0, "must be at least 1", ""));
            }
            Ok(())
        }
    }
}

pub(crate) fn seeds(seeds: &Seeds) -> Check {
    match seeds {
        Seeds::List(list) => {
            if list.is_empty() || list.len() as u64 > SEEDS_MAX {
                let rule = format!("1 to {SEEDS_MAX} seeds are needed");
                let message = format!("seeds: {rule}, {} are listed", list.len());
                return Err(finding("seeds", message, &rule, "List([1]) is one run per stage"));
            }
            let mut seen = BTreeSet::new();
            match list.iter().position(|seed| !seen.insert(*seed)) {
                Some(i) => Err(broken(
                    format!("seeds.List[{i}]"),
                    list[i],
                    "this seed is already in the list",
                    "the same seed gives the same run",
                )),
                None => Ok(()),
            }
        }
        Seeds::Count { first, n } => {
            if *n == 0 || *n > SEEDS_MAX {
                return Err(broken("seeds.n", n, &format!("must be 1 to {SEEDS_MAX}"), ""));
            }
            if first.checked_add(*n).is_none() {
                let rule = "first + n must be below 2^64";
                return Err(broken("seeds.first", first, rule, ""));
            }
            Ok(())
        }
    }
}
