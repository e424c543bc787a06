// SPDX-License-Identifier: MIT OR Apache-2.0
//! A path of the explored graph in words, and as columns.

use std::fmt::Write;

use sim_core::isa::Pc;
use sim_core::program::Program;
use sim_core::untimed::{Claim, CoreState, State, Step, TraceStep};

use super::check::claim_text;
use crate::run::lock_name;

/// One line per step: who, where, the program's line, and what changed hands.
#[must_use]
pub fn story(program: &Program, first: &State, path: &[TraceStep]) -> Vec<String> {
    let mut before = first;
    let mut lines = Vec::new();
    for (n, step) in path.iter().enumerate() {
        let mut line = format!("{:>3}. core {} {:<8}", n + 1, step.core, step.kind.name());
        let core = &before.cores[step.core];
        let _ = match step.step {
            Step::Land { .. } => {
                let at = core.running().map_or_else(|| "its task has ended".to_owned(), |c| place(program, c.pc));
                let kind = step.after.cores[step.core].contexts.last().map_or("", |c| c.kind.name());
                write!(line, "{kind} lands before {at}")
            }
            Step::Drain { entry, .. } => {
                let b = &core.buffer[entry];
                write!(line, "its store of {} becomes visible: {}", value(b.value), address(program, b.addr))
            }
            Step::Issue { pc, .. } => write!(line, "{}", place(program, pc)),
        };
        let more = step.pcs.iter().skip(1).filter(|pc| !program.is_mark(**pc)).count();
        if more > 0 && !matches!(step.step, Step::Drain { .. }) {
            let _ = write!(line, " (and {more} more)");
        }
        for news in changes(core, &step.after.cores[step.core], program) {
            let _ = write!(line, "; {news}");
        }
        lines.push(line);
        before = &step.after;
    }
    lines
}

fn value(v: u64) -> String {
    if sim_core::untimed::is_unknown(v) { "some time".into() } else { format!("{v:#x}") }
}

pub(super) fn address(program: &Program, addr: u64) -> String {
    match program.object_at(addr) {
        Some((o, cpu)) => {
            let base = o.addr + cpu.unwrap_or(0) * program.percpu_stride;
            let of = cpu.map_or_else(String::new, |c| format!(" of core {c}"));
            format!("{}{of} + {}", o.name, addr - base)
        }
        None => format!("{addr:#x}"),
    }
}

/// `slow_path.look (rqspinlock.uop:300): val = load.u32 [lock.val]`.
pub(super) fn place(program: &Program, pc: Pc) -> String {
    let (file, line, text) = program.source_line(pc).expect("every micro-op has a line");
    format!("{} ({file}:{line}): {text}", program.place(pc))
}

pub(super) fn changes(before: &CoreState, after: &CoreState, program: &Program) -> Vec<String> {
    let mut out = Vec::new();
    let same = |a: &Claim, b: &Claim| a.level == b.level && a.lock == b.lock;
    for c in &before.claims {
        if !after.claims.iter().any(|a| same(a, c)) {
            let lock = lock_name(program, c.lock);
            out.push(if c.is_open() { format!("its attempt on {lock} ends") } else { format!("{lock} is released") });
        }
    }
    for c in &after.claims {
        let old = before.claims.iter().find(|b| same(b, c));
        if old.is_none_or(|b| (b.stage, b.error) != (c.stage, c.error)) {
            out.push(claim_text(c, program));
        }
    }
    out
}

/// A column per core and kind of context, a row per step.
#[must_use]
pub fn columns(program: &Program, path: &[TraceStep]) -> Vec<String> {
    let mut heads: Vec<(usize, usize, &str)> = path.iter().map(|s| (s.core, s.level, s.kind.name())).collect();
    heads.sort_unstable();
    heads.dedup_by_key(|h| (h.0, h.1));
    let cell = |s: &TraceStep| match s.step {
        Step::Land { .. } => "(interrupted)".to_owned(),
        Step::Drain { .. } => "(store visible)".to_owned(),
        Step::Issue { pc, .. } => {
            let at = program.lines[pc as usize];
            format!("{} :{}", program.place(pc), at.line)
        }
    };
    let mut widths: Vec<usize> = heads.iter().map(|h| format!("core {} {}", h.0, h.2).len()).collect();
    let at = |s: &TraceStep| heads.iter().position(|h| (h.0, h.1) == (s.core, s.level)).unwrap_or(0);
    for s in path {
        widths[at(s)] = widths[at(s)].max(cell(s).len());
    }
    let row = |cells: Vec<String>| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(c, w)| format!("{c:<w$}")).collect();
        padded.join(" | ").trim_end().to_owned()
    };
    let mut lines = vec![row(heads.iter().map(|h| format!("core {} {}", h.0, h.2)).collect())];
    for s in path {
        let mut cells = vec![String::new(); heads.len()];
        cells[at(s)] = cell(s);
        lines.push(row(cells));
    }
    lines
}
