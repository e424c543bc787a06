// SPDX-License-Identifier: MIT OR Apache-2.0
//! Experiments with one element less: a core, a task, an interrupt, a step of a body, a round.

use configs::{Cpus, Experiment, Interrupt, Step, Task};

use super::Size;

/// An experiment and a size with one element less, and what that is.
pub(super) struct Smaller {
    pub(super) without: String,
    pub(super) experiment: Experiment,
    pub(super) size: Size,
}

/// Every task and interrupt on one core each, so that each can be left out by itself.
pub(super) fn split(e: &Experiment) -> Experiment {
    let cores = e.machine.cores;
    let mut out = e.clone();
    let on = |cpu| Cpus::Cpus(vec![cpu]);
    let tasks = e.workload.tasks.iter();
    out.workload.tasks =
        tasks.flat_map(|t| t.on.list(cores).into_iter().map(move |c| Task { on: on(c), ..t.clone() })).collect();
    let all = e.interrupts.iter();
    out.interrupts =
        all.flat_map(|i| i.on.list(cores).into_iter().map(move |c| Interrupt { on: on(c), ..i.clone() })).collect();
    out
}

/// All that are one element smaller, the largest elements first. The experiment is [`split`].
pub(super) fn smaller(e: &Experiment, size: &Size) -> Vec<Smaller> {
    let mut out = Vec::new();
    let mut put = |without: String, change: &dyn Fn(&mut Experiment, &mut Size)| {
        let (mut experiment, mut size) = (e.clone(), *size);
        change(&mut experiment, &mut size);
        out.push(Smaller { without, experiment, size });
    };
    let cores = e.machine.cores;
    let is_on = |on: &Cpus, cpu| on.list(cores).contains(&cpu);
    let uses =
        |cpu| e.workload.tasks.iter().any(|t| is_on(&t.on, cpu)) || e.interrupts.iter().any(|i| is_on(&i.on, cpu));
    for cpu in (0..cores).rev().filter(|_| cores > 1) {
        if cpu == cores - 1 || uses(cpu) {
            put(format!("core {cpu}"), &|e, _| {
                e.workload.tasks.retain(|t| !is_on(&t.on, cpu));
                e.interrupts.retain(|i| !is_on(&i.on, cpu));
                // A core in the middle stays, with nothing to do.
                e.machine.cores -= u32::from(cpu == cores - 1);
            });
        }
    }
    for (i, t) in e.workload.tasks.iter().enumerate() {
        put(format!("the task of core {}", t.on.list(cores)[0]), &|e, _| {
            e.workload.tasks.remove(i);
        });
    }
    for (i, irq) in e.interrupts.iter().enumerate() {
        put(format!("interrupt `{}` on core {}", irq.name, irq.on.list(cores)[0]), &|e, _| {
            e.interrupts.remove(i);
        });
    }
    if size.interrupts > 0 && !e.interrupts.is_empty() {
        put(format!("interrupt {} of a run", size.interrupts), &|_, s| s.interrupts -= 1);
    }
    if size.rounds > 0 && e.workload.tasks.iter().any(|t| has_forever(&t.body)) {
        put(format!("round {}", size.rounds), &|_, s| s.rounds -= 1);
    }
    for (i, t) in e.workload.tasks.iter().enumerate() {
        for (what, body) in shorter(&t.body) {
            put(format!("{what} of core {}", t.on.list(cores)[0]), &|e, _| {
                e.workload.tasks[i].body.clone_from(&body);
            });
        }
    }
    for (name, body) in e.handlers.iter().filter(|(n, _)| e.interrupts.iter().any(|i| i.handler == *n)) {
        for (what, body) in shorter(body) {
            put(format!("{what} of handler `{name}`"), &|e, _| {
                let all = e.handlers.iter();
                let changed = all.map(|(n, b)| (n.to_owned(), if n == name { body.clone() } else { b.clone() }));
                e.handlers = changed.collect();
            });
        }
    }
    out
}

fn has_forever(body: &[Step]) -> bool {
    body.iter().any(|s| matches!(s, Step::Forever(_)) || inner(s).is_some_and(has_forever))
}

/// The steps that a step is made around.
fn inner(step: &Step) -> Option<&[Step]> {
    match step {
        Step::Critical { body, .. } | Step::Guarded { body, .. } | Step::Loop { body, .. } => Some(body),
        Step::IrqOff(body) | Step::IrqOn(body) | Step::Forever(body) => Some(body),
        _ => None,
    }
}

fn with_inner(step: &Step, new: Vec<Step>) -> Step {
    let mut step = step.clone();
    match &mut step {
        Step::Critical { body, .. } | Step::Guarded { body, .. } | Step::Loop { body, .. } => *body = new,
        Step::IrqOff(body) | Step::IrqOn(body) | Step::Forever(body) => *body = new,
        _ => unreachable!("it has no steps inside"),
    }
    step
}

/// What a step is called.
pub(super) fn step_text(step: &Step) -> String {
    match step {
        Step::Critical { lock, .. } => format!("the section on `{lock}`"),
        Step::Lock(lock) => format!("the locking of `{lock}`"),
        Step::Unlock(lock) => format!("the unlocking of `{lock}`"),
        Step::Load(w) | Step::Store(w) | Step::Add(w) | Step::Set { word: w, .. } | Step::Await { word: w, .. } => {
            format!("an access to `{w}`")
        }
        Step::Work(_) | Step::Delay(_) => "a pause".to_owned(),
        Step::Ipi { interrupt, .. } | Step::Raise(interrupt) => format!("the sending of `{interrupt}`"),
        Step::IrqOff(_) | Step::IrqOn(_) => "a change of the interrupt flag".to_owned(),
        Step::Guarded { guard, .. } => format!("the body guarded by `{guard}`"),
        Step::Loop { times, .. } => format!("round {times} of a loop"),
        Step::Forever(_) => "the endless loop".to_owned(),
        Step::Wait | Step::Halt => "a sleep".to_owned(),
    }
}

/// Bodies with one step less: a step with what is inside it, a step around others, or a round of a loop.
fn shorter(body: &[Step]) -> Vec<(String, Vec<Step>)> {
    let mut out = Vec::new();
    let replaced = |i: usize, by: Vec<Step>| [&body[..i], &by[..], &body[i + 1..]].concat();
    for (i, step) in body.iter().enumerate() {
        let what = step_text(step);
        // What gives back what was taken before it is no element by itself.
        if !matches!(step, Step::Unlock(_)) {
            out.push((what.clone(), replaced(i, Vec::new())));
        }
        if let Step::Loop { times, body } = step
            && *times > 1
        {
            out.push((what.clone(), replaced(i, vec![Step::Loop { times: times - 1, body: body.clone() }])));
        }
        let Some(inside) = inner(step) else { continue };
        if !inside.is_empty() {
            out.push((format!("{what}, not what is in it,"), replaced(i, inside.to_vec())));
        }
        for (what, shorter) in shorter(inside) {
            out.push((what, replaced(i, vec![with_inner(step, shorter)])));
        }
    }
    out
}
