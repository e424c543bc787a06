// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules of tasks, handlers and payloads: names exist, locks nest, control reaches every step.

use super::{Check, Finding, broken, cpus, finding, identifier, undeclared};
use crate::interrupts::{Source, Vector};
use crate::schema::Experiment;
use crate::units::Bytes;
use crate::workload::{Dist, Payload, Step, To};

const WORD_BYTES: u64 = 8;
const PAYLOAD_MAX: Bytes = Bytes(1 << 20);

/// Checks one payload object.
pub(super) fn payload(p: &Payload, path: &str) -> Check {
    identifier(format!("{path}.name"), &p.name)?;
    let whole = p.bytes.0.is_multiple_of(WORD_BYTES);
    if p.bytes.0 == 0 || p.bytes > PAYLOAD_MAX || !whole {
        let rule = format!("must be a multiple of 8 bytes, 8B to {PAYLOAD_MAX}");
        return Err(broken(format!("{path}.bytes"), format_args!("\"{}\"", p.bytes), &rule, ""));
    }
    for (name, offset) in p.fields.iter() {
        let path = format!("{path}.fields.{name}");
        identifier(path.clone(), name)?;
        if !offset.0.is_multiple_of(WORD_BYTES) || offset.0 >= p.bytes.0 {
            let rule = format!("an offset is a multiple of 8 bytes below {}", p.bytes);
            return Err(broken(path, format_args!("\"{offset}\""), &rule, ""));
        }
    }
    Ok(())
}

/// Checks all tasks and handlers.
pub(super) fn bodies(e: &Experiment) -> Check {
    let mut owner: Vec<Option<usize>> = vec![None; e.machine.cores as usize];
    for (i, task) in e.workload.tasks.iter().enumerate() {
        let path = format!("workload.tasks[{i}]");
        cpus(e, &task.on, &format!("{path}.on"))?;
        for cpu in task.on.list(e.machine.cores) {
            if let Some(first) = owner[cpu as usize].replace(i) {
                let message = format!("core {cpu} has two tasks, workload.tasks[{first}] and workload.tasks[{i}]");
                let help = "a core runs one task; put both bodies into one";
                return Err(finding(format!("{path}.on"), message, "a core runs one task", help));
            }
        }
        Body { experiment: e, handler: None, maskable: false }.block(&task.body, &format!("{path}.body"))?;
    }
    for (name, body) in e.handlers.iter() {
        let nmi = e.interrupts.iter().any(|x| x.handler == name && x.vector == Vector::Nmi);
        Body { experiment: e, handler: Some(name), maskable: !nmi }.block(body, &format!("handlers.{name}"))?;
    }
    if let Some(tick) = e.tick.as_ref().filter(|t| !t.body.is_empty()) {
        Body { experiment: e, handler: Some("tick"), maskable: true }.block(&tick.body, "tick.body")?;
    }
    for (name, body) in e.hooks.iter() {
        Body { experiment: e, handler: Some(name), maskable: false }.block(body, &format!("hooks.{name}"))?;
    }
    Ok(())
}

struct Body<'a> {
    experiment: &'a Experiment,
    /// Its name if it is a handler, which must return.
    handler: Option<&'a str>,
    /// Runs only for maskable and soft interrupts.
    maskable: bool,
}

impl<'a> Body<'a> {
    /// A list of steps: not empty, locks taken in it released in it in reverse order, no step out of reach.
    fn block(&self, steps: &'a [Step], path: &str) -> Check {
        if steps.is_empty() {
            return Err(broken(path, "[]", "at least one step is needed", ""));
        }
        let mut held: Vec<(&str, usize)> = Vec::new();
        for (i, step) in steps.iter().enumerate() {
            let here = format!("{path}[{i}]");
            match step {
                Step::Lock(name) => {
                    self.lock(name, format!("{here}.Lock"))?;
                    held.push((name, i));
                }
                Step::Unlock(name) => {
                    self.lock(name, format!("{here}.Unlock"))?;
                    release(&mut held, name, &here)?;
                }
                Step::Forever(_) | Step::Halt => {
                    self.step(step, &here)?;
                    if i + 1 < steps.len() {
                        let message = format!("the steps after {here} are never reached");
                        let help = "end the list here, or move them before it";
                        return Err(finding(format!("{path}[{}]", i + 1), message, "never reached", help));
                    }
                    return Ok(());
                }
                _ => self.step(step, &here)?,
            }
        }
        match held.pop() {
            None => Ok(()),
            Some((name, i)) => {
                let message = format!("lock `{name}` is taken here and not released in the same list of steps");
                let help = format!("add Unlock(\"{name}\"), or write Critical(lock: \"{name}\", body: [..])");
                Err(finding(format!("{path}[{i}]"), message, "not released", &help))
            }
        }
    }

    fn step(&self, step: &'a Step, here: &str) -> Check {
        match step {
            Step::Critical { lock, body, on_error } => {
                self.lock(lock, format!("{here}.lock"))?;
                // An empty critical section is a fair question: what does the lock alone cost?
                if !body.is_empty() {
                    self.block(body, &format!("{here}.body"))?;
                }
                if on_error.is_empty() {
                    return Ok(());
                }
                self.block(on_error, &format!("{here}.on_error"))
            }
            Step::Work(dist) => self.dist(dist, &format!("{here}.Work")),
            Step::Delay(dist) => self.dist(dist, &format!("{here}.Delay")),
            Step::Add(target) => self.target(target, format!("{here}.Add")),
            Step::Set { word, .. } | Step::Await { word, .. } => self.target(word, format!("{here}.word")),
            Step::Ipi { to, interrupt } => self.ipi(*to, interrupt, here),
            Step::Raise(interrupt) => {
                self.maskable("Raise", here)?;
                self.sent(interrupt, &format!("{here}.Raise"), true).map(|_| ())
            }
            Step::IrqOn(body) => {
                self.maskable("IrqOn", here)?;
                self.block(body, &format!("{here}.IrqOn"))
            }
            Step::Load(target) => self.target(target, format!("{here}.Load")),
            Step::Store(target) => self.target(target, format!("{here}.Store")),
            Step::IrqOff(body) => self.block(body, &format!("{here}.IrqOff")),
            Step::Guarded { guard, body, on_busy } => {
                identifier(format!("{here}.guard"), guard)?;
                if let Some(what) = inside(body, guard) {
                    let message = format!("{what} inside guard `{guard}`");
                    let help = "a guard is left again, and its own body cannot enter it";
                    return Err(finding(format!("{here}.body"), message, "not inside a guard", help));
                }
                self.block(body, &format!("{here}.body"))?;
                if on_busy.is_empty() {
                    return Ok(());
                }
                self.block(on_busy, &format!("{here}.on_busy"))
            }
            Step::Loop { times, body } => {
                if *times == 0 {
                    return Err(broken(format!("{here}.times"), 0, "must be at least 1", ""));
                }
                self.block(body, &format!("{here}.body"))
            }
            Step::Forever(body) => {
                self.returns("Forever", here)?;
                self.block(body, &format!("{here}.Forever"))
            }
            Step::Wait => self.returns("Wait", here),
            Step::Halt => self.returns("Halt", here),
            Step::Lock(_) | Step::Unlock(_) => Ok(()),
        }
    }

    /// Refuses a step that a handler cannot have.
    fn returns(&self, step: &str, here: &str) -> Check {
        let Some(name) = self.handler else {
            return Ok(());
        };
        let message = format!("{step} in handler `{name}`: a handler must return");
        Err(finding(here, message, "not in a handler", "use Loop, or Delay to make it long"))
    }

    /// Refuses a step that only a handler of maskable or soft interrupts can have.
    fn maskable(&self, step: &str, here: &str) -> Check {
        if self.maskable {
            return Ok(());
        }
        let (what, help) = match self.handler {
            None => ("a task".to_owned(), "move it to a handler"),
            Some(name) => {
                (format!("`{name}`, which does not run for maskable interrupts only"), "use a handler of its own")
            }
        };
        let rule = "only in handlers of maskable and soft interrupts";
        Err(finding(here, format!("{step} in {what}"), rule, help))
    }

    /// An interrupt that a body can send: soft or not, with a source that only sends.
    fn sent(&self, name: &str, path: &str, soft: bool) -> Result<&'a crate::interrupts::Interrupt, Finding> {
        let all = &self.experiment.interrupts;
        let Some(x) = all.iter().find(|x| x.name == name) else {
            return Err(undeclared(path.to_owned(), "interrupt", name, all.iter().map(|x| x.name.as_str())));
        };
        if (x.vector == Vector::Softirq) != soft {
            let (is, help) = if soft {
                ("is not a soft interrupt", "send it with Ipi(to: .., interrupt: ..)")
            } else {
                ("is a soft interrupt", "a core raises only its own, with Raise(..) in a handler")
            };
            return Err(finding(path, format!("interrupt `{name}` {is}"), is, help));
        }
        if x.source != Source::Sent {
            let message = format!("interrupt `{name}` comes by itself");
            return Err(finding(path, message, "its source is not Sent", "declare one with `source: Sent`"));
        }
        Ok(x)
    }

    fn ipi(&self, to: To, interrupt: &str, here: &str) -> Check {
        let x = self.sent(interrupt, &format!("{here}.interrupt"), false)?;
        let To::Cpu(cpu) = to else {
            return Ok(());
        };
        if x.on.list(self.experiment.machine.cores).contains(&cpu) {
            return Ok(());
        }
        let rule = format!("interrupt `{interrupt}` is not on this core");
        Err(broken(format!("{here}.to"), format_args!("Cpu({cpu})"), &rule, "add the core to its `on`"))
    }

    fn lock(&self, name: &str, path: String) -> Check {
        let declared = &self.experiment.locks;
        if declared.iter().any(|l| l == name) {
            return Ok(());
        }
        Err(undeclared(path, "lock", name, declared.iter().map(String::as_str)))
    }

    fn target(&self, target: &str, path: String) -> Check {
        let payload = &self.experiment.payload;
        if payload.iter().any(|p| p.offset_of(target).is_some()) {
            return Ok(());
        }
        let fields = |p: &Payload| p.fields.names().map(|f| format!("{}.{f}", p.name)).collect::<Vec<_>>();
        let names: Vec<String> =
            payload.iter().flat_map(|p| std::iter::once(p.name.clone()).chain(fields(p))).collect();
        Err(undeclared(path, "payload", target, names.iter().map(String::as_str)))
    }

    fn dist(&self, dist: &Dist, path: &str) -> Check {
        let khz = self.experiment.machine.clock.khz();
        match dist {
            Dist::Fixed(_) => Ok(()),
            Dist::Uniform(low, high) if low.cycles(khz) > high.cycles(khz) => {
                let rule = format!("the lower bound comes first, and \"{high}\" is less");
                Err(broken(format!("{path}.Uniform[0]"), format_args!("\"{low}\""), &rule, ""))
            }
            Dist::Uniform(..) => Ok(()),
            Dist::Exp(mean) if mean.is_zero() => {
                let help = "Fixed(\"0ns\") takes no time";
                Err(broken(format!("{path}.Exp"), format_args!("\"{mean}\""), "a mean is more than zero", help))
            }
            Dist::Exp(_) => Ok(()),
        }
    }
}

/// A step that the body of this guard must not have: one that never comes back to the guard's end, or the guard itself.
fn inside(body: &[Step], guard: &str) -> Option<&'static str> {
    body.iter().find_map(|step| match step {
        Step::Forever(_) => Some("Forever"),
        Step::Halt => Some("Halt"),
        Step::Guarded { guard: inner, .. } if inner == guard => Some("the same guard"),
        Step::Guarded { body: a, on_busy: b, .. } | Step::Critical { body: a, on_error: b, .. } => {
            inside(a, guard).or_else(|| inside(b, guard))
        }
        Step::IrqOff(a) | Step::IrqOn(a) | Step::Loop { body: a, .. } => inside(a, guard),
        _ => None,
    })
}

/// Takes the last lock off the list, which must be the one released.
fn release(held: &mut Vec<(&str, usize)>, name: &str, here: &str) -> Result<(), Finding> {
    match held.pop() {
        Some((last, _)) if last == name => Ok(()),
        Some((last, _)) => {
            let message = format!("lock `{name}` is released while `{last}`, taken after it, is still held");
            let help = format!("locks are released in reverse order: Unlock(\"{last}\") comes first");
            Err(finding(here, message, "not the last lock taken", &help))
        }
        None => {
            let message = format!("lock `{name}` is released here but not taken before in the same list of steps");
            let help = format!("write Lock(\"{name}\") before it, or Critical(lock: \"{name}\", body: [..])");
            Err(finding(here, message, "released without being taken", &help))
        }
    }
}
