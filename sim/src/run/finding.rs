// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is wrong with a machine that stopped, as an account for people.

use std::fmt::Write;

use reports::names;
use sim_core::isa::{ContextKind, Detector, EDEADLK, ETIMEDOUT, MarkKind, NO_DEADLINE, WaitKind};
use sim_core::ports::Probe;
use sim_core::program::Program;
use sim_core::time::Cycle;

use crate::machine::{Machine, Outcome};
use crate::observe::{Observer, SeenMark};

/// What is wrong with a machine that stopped: status and an account for people; nothing if it
/// came to rest as it should.
#[must_use]
pub fn find(machine: &Machine<Observer>, outcome: &Outcome) -> Option<(&'static str, String)> {
    if let Outcome::Fault(f) = outcome {
        return Some((names::VIOLATION, format!("fault: {f}\n{}", trace(machine))));
    }
    if let Some((m, v)) = machine.probe.violation() {
        let place = machine.program().place(m.pc);
        let what = format!("violation: {v} (core {}, cycle {}, at {place})\n", m.core, m.at.0);
        return Some((names::VIOLATION, what + &trace(machine)));
    }
    if !machine.is_quiescent() || !machine.probe.oracle().finish().is_quiet() {
        // A machine at rest stays as it is.
        let now = if *outcome == Outcome::Idle { Cycle::NEVER } else { machine.ran_until() };
        let why = stuck_text(machine, now).unwrap_or_else(|| {
            if *outcome == Outcome::Idle {
                "hang: nothing is left that could happen, and some context has not finished\n".to_owned()
            } else {
                "hang: some context has not finished in the time allowed after the end\n".to_owned()
            }
        });
        return Some((names::HANG, why + &trace(machine)));
    }
    let wrong = unclean(machine);
    (!wrong.is_empty()).then(|| (names::VIOLATION, format!("violation: not clean at rest: {}\n", wrong.join(", "))))
}

/// Who can never go on and why, a line each, and who waits behind them; nothing if nobody is known to be stuck for good.
fn stuck_text(machine: &Machine<Observer>, now: Cycle) -> Option<String> {
    let program = machine.program();
    let (stuck, since) = super::stuck::stuck(machine, machine.probe.oracle(), now)?;
    let n = stuck.contexts.len();
    let contexts = if n == 1 { "context" } else { "contexts" };
    let mut out = format!("hang: {n} {contexts} stuck for good since cycle {}\n", since.0);
    for (what, list) in [("stuck", &stuck.contexts), ("behind", &stuck.behind)] {
        for c in list {
            out += &format!("  {what}: {}\n", c.line(&|lock| lock_name(program, lock)));
        }
    }
    Some(out)
}

/// What is not as it must be when nobody uses a lock.
pub(crate) fn unclean<P: Probe>(machine: &Machine<P>) -> Vec<String> {
    let program = machine.program();
    let mut wrong = Vec::new();
    for c in &program.clean {
        let cpus = if c.percpu { machine.cores().len() as u64 } else { 1 };
        for cpu in 0..cpus {
            let value = machine.memory().value(c.addr + cpu * program.percpu_stride, c.width);
            if value != 0 {
                let of = if c.percpu { format!(" of core {cpu}") } else { String::new() };
                wrong.push(format!("{}{of} = {value:#x}", c.name));
            }
        }
    }
    wrong.extend(machine.memory().check_coherence().err());
    wrong
}

pub(crate) fn lock_name(program: &Program, addr: u64) -> String {
    match program.object_at(addr) {
        Some((o, _)) => o.name.strip_prefix("lock_").unwrap_or(&o.name).to_owned(),
        None => format!("{addr:#x}"),
    }
}

fn error_name(number: u64) -> String {
    match number {
        EDEADLK => "EDEADLK".to_owned(),
        ETIMEDOUT => "ETIMEDOUT".to_owned(),
        other => other.to_string(),
    }
}

/// A mark as its line in the program reads, with names for numbers.
fn mark_text(program: &Program, m: &SeenMark) -> String {
    let lock = lock_name(program, m.args[0]);
    let [_, a, b] = m.args;
    match m.kind {
        MarkKind::Attempt => format!("attempt({lock})"),
        MarkKind::Held => format!("held({lock})"),
        MarkKind::Released if a != 0 => format!("released({lock}, still in the queue as tail {a:#x})"),
        MarkKind::Released => format!("released({lock})"),
        MarkKind::Wait => {
            let kind = WaitKind::from_number(a).map_or("?", WaitKind::name);
            if b == NO_DEADLINE { format!("wait({lock}, {kind})") } else { format!("wait({lock}, {kind}, {b} ns)") }
        }
        MarkKind::Resumed => format!("resumed({lock})"),
        MarkKind::Check => format!("check({lock}, {})", Detector::from_number(a).map_or("?", Detector::name)),
        MarkKind::Found => format!("found({lock}, {})", error_name(a)),
        MarkKind::Queued => format!("queued({lock}, behind tail {a:#x}, as tail {b:#x})"),
        MarkKind::Failed => {
            format!("failed({lock}, {}, {})", error_name(a), Detector::from_number(b).map_or("?", Detector::name))
        }
        MarkKind::Enter => "enter()".to_owned(),
        MarkKind::Leave => "leave()".to_owned(),
        MarkKind::Note => format!("note({:#x}, {a:#x}, {b:#x})", m.args[0]),
    }
}

/// Where every core stands, the wait-for graph, and the last marks.
fn trace(machine: &Machine<Observer>) -> String {
    let program = machine.program();
    let mut out = String::new();
    // Writing to a string cannot fail.
    for core in machine.cores() {
        let contexts: Vec<String> = core
            .suspended()
            .chain(std::iter::once(core.context()))
            .filter(|c| !c.regs.is_empty() || c.kind != ContextKind::Task)
            .map(|c| format!("{} at {}", c.kind.name(), program.place(c.pc)))
            .collect();
        if contexts.is_empty() {
            continue; // A core without a task.
        }
        let _ = writeln!(out, "  core {}: {}", core.id, contexts.join(" < "));
    }
    let _ = writeln!(out, "{}", machine.probe.oracle().dot(|a| lock_name(program, a)));
    let _ = writeln!(out, "last marks:");
    for m in machine.probe.last_marks() {
        let place = program.place(m.pc);
        let _ = writeln!(out, "  cycle {} core {}: {} at {place}", m.at.0, m.core, mark_text(program, m));
    }
    out
}
