// SPDX-License-Identifier: MIT OR Apache-2.0
//! From an experiment to one whose interrupt only lands where it is made to.

use configs::{Cpus, Interrupt, Loaded, Source, Step, Vector};

use crate::plan::{InputError, near};

/// Name of the interrupt, and of its handler, where an experiment has none of its own.
const LANDING: &str = "landing";

/// What is to land.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Name of an interrupt of the experiment. Without it: the first NMI, else the first interrupt, else an NMI that takes and releases
    /// the lock that the first task takes first.
    pub interrupt: Option<String>,
    /// Name of the second interrupt where two are to land; without it the same.
    pub second: Option<String>,
}

/// An experiment whose interrupt never comes by itself.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The experiment.
    pub loaded: Loaded,
    /// The interrupt's number.
    pub number: u64,
    /// The second's.
    pub second: u64,
}

/// Chooses the interrupt and silences it.
///
/// # Errors
/// An interrupt that does not exist, or no interrupt and no lock for one to take.
pub fn prepare(mut loaded: Loaded, wanted: &Wanted) -> Result<Prepared, InputError> {
    if loaded.experiment.interrupts.is_empty() && wanted.interrupt.is_none() {
        add_default(&mut loaded)?;
    }
    let e = &mut loaded.experiment;
    let find = |flag: &str, name: &String| {
        e.interrupts.iter().position(|i| i.name == *name).ok_or_else(|| {
            let help = near(name, e.interrupts.iter().map(|i| i.name.as_str()), "interrupts");
            InputError::text(&format!("{flag} {name}: the experiment has no such interrupt"), &help)
        })
    };
    let number = match &wanted.interrupt {
        Some(name) => find("--interrupt", name)?,
        None => e.interrupts.iter().position(|i| i.vector == Vector::Nmi).unwrap_or(0),
    };
    let second = wanted.second.as_ref().map_or(Ok(number), |name| find("--second-interrupt", name))?;
    for i in [number, second] {
        e.interrupts[i].source = Source::Sent;
    }
    Ok(Prepared { loaded, number: number as u64, second: second as u64 })
}

fn add_default(loaded: &mut Loaded) -> Result<(), InputError> {
    let e = &mut loaded.experiment;
    let Some(lock) = e.workload.tasks.iter().find_map(|t| first_lock(&t.body)) else {
        let what = "the experiment has no interrupt, and no task that takes a lock which one could take too";
        return Err(InputError::text(what, "write the interrupt to land into `interrupts`, with any source"));
    };
    let body = vec![Step::Critical { lock, body: Vec::new(), on_error: Vec::new() }];
    let own = |(name, steps): (&str, &Vec<Step>)| (name.to_owned(), steps.clone());
    e.handlers = e.handlers.iter().map(own).chain([(LANDING.to_owned(), body)]).collect();
    e.interrupts.push(Interrupt {
        name: LANDING.to_owned(),
        vector: Vector::Nmi,
        handler: LANDING.to_owned(),
        on: Cpus::All,
        source: Source::Sent,
    });
    Ok(())
}

/// The lock that a body takes first.
fn first_lock(body: &[Step]) -> Option<String> {
    body.iter().find_map(|step| match step {
        Step::Critical { lock, .. } | Step::Lock(lock) => Some(lock.clone()),
        Step::IrqOff(b) | Step::IrqOn(b) | Step::Forever(b) => first_lock(b),
        Step::Loop { body, .. } => first_lock(body),
        Step::Guarded { body, on_busy, .. } => first_lock(body).or_else(|| first_lock(on_busy)),
        _ => None,
    })
}
