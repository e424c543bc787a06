// SPDX-License-Identifier: MIT OR Apache-2.0
//! A violation in the smallest experiment that has it.

use configs::{Experiment, Loaded};

use super::smaller::{smaller, split, step_text};
use super::{Size, Violation, search_stage};
use crate::plan::{InputError, Plan, plan};

/// A violation in an experiment from which no element can be taken away without losing it.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The experiment, with one stage, and its plan.
    pub plan: Plan,
    /// What is explored of it.
    pub size: Size,
    /// The violation there.
    pub violation: Violation,
    /// States of its search.
    pub states: usize,
    /// Elements left out, in order.
    pub left_out: Vec<String>,
    /// Elements without each of which the violation is not there, and whether that is known: a search that does not finish proves
    /// nothing.
    pub needed: Vec<(String, bool)>,
    /// Searches made.
    pub searches: usize,
}

/// What a search says of the violation.
enum Found {
    /// It is there, after so many states.
    Here(Box<Here>),
    /// Every state was visited, and it is not there.
    Gone,
    /// The search did not finish, and it is not in what was visited.
    Unknown,
}

struct Here {
    violation: Violation,
    states: usize,
    plan: Plan,
}

/// What is looked for, and with how much.
struct Hunt<'a> {
    property: &'a str,
    by: Option<&'a str>,
    bytes: usize,
    states: usize,
}

impl Hunt<'_> {
    fn look(&self, loaded: &Loaded, experiment: &Experiment, size: &Size) -> Result<Found, InputError> {
        let plan = plan(Loaded { experiment: experiment.clone(), ..loaded.clone() })?;
        let row = search_stage(&plan, &plan.stages[0], size, self.bytes, |p| p.states > self.states)?;
        let same = |v: &Violation| v.property == self.property && v.by.as_deref() == self.by;
        let (complete, states) = (row.is_complete() || row.end == "fault", row.states);
        Ok(match row.violations.into_iter().find(same) {
            Some(violation) => Found::Here(Box::new(Here { violation, states, plan })),
            None if complete => Found::Gone,
            None => Found::Unknown,
        })
    }
}

/// Makes the experiment of a violation as small as it gets: element after element is left out where the violation stays. Every
/// smaller experiment is searched, with `bytes` of memory and `states` states at most.
///
/// # Errors
/// The violation is not found in the stage as it is.
pub fn shrink(
    loaded: &Loaded,
    stage: usize,
    size: &Size,
    violation: &Violation,
    bytes: usize,
    states: usize,
) -> Result<Shrunk, InputError> {
    let hunt = Hunt { property: &violation.property, by: violation.by.as_deref(), bytes, states };
    let mut experiment = split(&loaded.experiment);
    experiment.stages = vec![experiment.stages[stage].clone()];
    let mut size = *size;
    let mut searches = 1;
    let Found::Here(mut found) = hunt.look(loaded, &experiment, &size)? else {
        let what = format!("the violation of \"{}\" is not found again with {states} states", violation.property);
        return Err(InputError::text(&what, "--memory allows more"));
    };
    let mut left_out = Vec::new();
    'again: loop {
        let mut needed = Vec::new();
        for s in smaller(&experiment, &size) {
            searches += 1;
            // What cannot be planned is no smaller experiment.
            match hunt.look(loaded, &s.experiment, &s.size) {
                Ok(Found::Here(smaller)) => {
                    found = smaller;
                    left_out.push(s.without);
                    (experiment, size) = (s.experiment, s.size);
                    continue 'again;
                }
                Ok(Found::Gone) => needed.push((s.without, true)),
                Ok(Found::Unknown) => needed.push((s.without, false)),
                Err(_) => {}
            }
        }
        let Here { violation, states, plan } = *found;
        return Ok(Shrunk { plan, size, violation, states, left_out, needed, searches });
    }
}

impl Shrunk {
    /// What it takes, and what was left out, in sentences.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let e = &self.plan.loaded.experiment;
        let cores = e.machine.cores;
        let count = |n: usize, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
        let mut parts = vec![count(cores as usize, "CPU")];
        for t in &e.workload.tasks {
            parts.push(format!("core {}: {}", t.on.list(cores)[0], body_text(&t.body)));
        }
        for i in &e.interrupts {
            let empty = Vec::new();
            let body = e.handlers.get(&i.handler).unwrap_or(&empty);
            parts.push(format!("interrupt `{}` on core {}: {}", i.name, i.on.list(cores)[0], body_text(body)));
        }
        let interrupts = if e.interrupts.is_empty() { 0 } else { usize::from(self.size.interrupts) };
        parts.push(format!("{} in a run", count(interrupts, "interrupt")));
        let mut out = vec![format!("needs {}", parts.join("; "))];
        let proven: Vec<&str> = self.needed.iter().filter(|n| n.1).map(|n| n.0.as_str()).collect();
        out.push(format!("not there any more without any one of: {}", proven.join(", ")));
        let open: Vec<&str> = self.needed.iter().filter(|n| !n.1).map(|n| n.0.as_str()).collect();
        if !open.is_empty() {
            out.push(format!("not known without: {} (the search did not finish)", open.join(", ")));
        }
        if !self.left_out.is_empty() {
            out.push(format!("left out: {}", self.left_out.join(", ")));
        }
        let (states, searches) = (count(self.states, "state"), self.searches);
        out.push(format!("{states}; {searches} searches"));
        out
    }
}

fn body_text(body: &[configs::Step]) -> String {
    use configs::Step;
    let text = |s: &Step| match s {
        Step::Critical { lock, body, .. } if body.is_empty() => format!("`{lock}`"),
        Step::Critical { lock, body, .. } => format!("`{lock}` around {}", body_text(body)),
        Step::Loop { times, body } => format!("{times} times {}", body_text(body)),
        other => step_text(other),
    };
    if body.is_empty() { "nothing".to_owned() } else { body.iter().map(text).collect::<Vec<_>>().join(", then ") }
}
