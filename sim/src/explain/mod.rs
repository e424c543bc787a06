// SPDX-License-Identifier: MIT OR Apache-2.0
//! The worst attempts of a run that was recorded, told from the marks of the same run made once more.

mod story;

use configs::Loaded;
use lock_impl::oracle::Oracle;
use reports::Record;
use sim_core::isa::{ContextKind, MarkKind, Pc};
use sim_core::ports::{Probe, Taken};
use sim_core::time::Cycle;

use crate::batch::digest;
use crate::observe::{Attempt, Collector, ContextNow, Seen};
use crate::plan::{InputError, plan};
use crate::run::{lock_name, run};

/// What only the wait-for graph knows.
#[derive(Clone, Debug)]
pub(crate) enum Note {
    /// A deadlock has formed, in words.
    Formed(String),
    /// An attempt of this core failed: the verdict.
    Verdict(usize, String),
    /// This core looked for a deadlock, and was on one or not.
    Looked(usize, bool),
}

/// Watches contexts and the wait-for graph.
#[derive(Clone, Debug)]
struct Teller {
    collector: Collector,
    oracle: Oracle,
    program: std::sync::Arc<sim_core::program::Program>,
    is_broken: bool,
    notes: Option<Vec<(Cycle, Note)>>,
}

impl Teller {
    fn note(&mut self, at: Cycle, note: Note) {
        if let Some(notes) = self.notes.as_mut() {
            notes.push((at, note));
        }
    }
}

impl Probe for Teller {
    fn mark(&mut self, at: Cycle, core: usize, kind: MarkKind, args: [u64; 3], pc: Pc) {
        self.collector.mark(at, core, kind, args, pc);
        if self.is_broken {
            return;
        }
        if kind == MarkKind::Check && self.notes.is_some() {
            let on_one = |c: &lock_impl::oracle::Cycle| c.members.iter().any(|m| m.who.context.cpu as usize == core);
            let looked = Note::Looked(core, self.oracle.live_cycles().iter().any(on_one));
            self.note(at, looked);
        }
        let before = self.oracle.live_cycles().last().map(|c| c.id);
        let result = self.oracle.mark(at.0, core, kind, args);
        if self.notes.is_some() {
            let new = self.oracle.live_cycles().iter().filter(|c| before.is_none_or(|b| c.id > b));
            let text = |c: &lock_impl::oracle::Cycle| {
                let members: Vec<String> = c.members.iter().map(|m| format!("{} -> {}:", m.who, m.reason)).collect();
                let locks: Vec<String> = c.locks().iter().map(|l| lock_name(&self.program, *l)).collect();
                let first = c.members.first().map_or_else(String::new, |m| m.who.to_string());
                format!("an {} deadlock forms on {}: {} {first}", c.name, locks.join(", "), members.join(" "))
            };
            let formed: Vec<String> = new.map(text).collect();
            formed.into_iter().for_each(|f| self.note(at, Note::Formed(f)));
            if let Ok(Some(v)) = &result {
                let cycle = v.cycle.map_or_else(String::new, |c| format!(" of an {c} deadlock"));
                self.note(at, Note::Verdict(core, format!("{}{cycle}", v.class.name())));
            }
        }
        self.is_broken |= result.is_err();
    }

    fn taken(&mut self, at: Cycle, core: usize, taken: &Taken) {
        self.collector.taken(at, core, taken);
    }

    fn enter(&mut self, at: Cycle, core: usize, kind: ContextKind, pc: Pc) {
        self.collector.enter(at, core, kind, pc);
        self.oracle.enter(at.0, core, kind);
    }

    fn leave(&mut self, at: Cycle, core: usize, kind: ContextKind, resumed: Cycle) {
        self.collector.leave(at, core, kind, resumed);
        self.is_broken |= !self.is_broken && self.oracle.leave(at.0, core).is_err();
    }
}

/// An attempt with all that was seen while it lasted.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) attempt: Attempt,
    /// `[core]`: contexts just before it began.
    pub(crate) before: Vec<Vec<ContextNow>>,
    pub(crate) seen: Vec<Seen>,
    pub(crate) notes: Vec<(Cycle, Note)>,
}

/// The `worst` longest attempts of a recorded run, as plain text under 80 columns.
///
/// # Errors
/// A record whose experiment this version cannot read or plan.
pub fn explain(record: &Record, worst: usize) -> Result<String, InputError> {
    let loaded: Loaded = configs::parse(&record.config, "(the record's experiment)")?;
    let plan = plan(loaded)?;
    let [stage] = plan.stages.as_slice() else {
        return Err(InputError::text("the record's experiment has not one stage", "records of `sim run` have"));
    };
    let mut again = run(&plan.loaded, stage, record.seed, false);
    again.record.stage_idx = record.stage_idx;
    let same = digest(&again.record) == digest(record);
    let mut chosen: Vec<Attempt> = again.worst.iter().take(worst).copied().collect();
    let order = chosen.clone();
    chosen.sort_by_key(|a| (a.began, a.cpu, a.context));
    let mut told = tell(&plan.loaded, stage, record.seed, &chosen);
    told.sort_by_key(|t| order.iter().position(|a| *a == t.attempt));
    let mut text = story::head(record, same, again.worst.len(), told.len());
    let names: Vec<String> = plan.loaded.experiment.interrupts.iter().map(|i| i.name.clone()).collect();
    for (i, t) in told.iter().enumerate() {
        text += &story::story(i + 1, t, &stage.spec.program, stage.spec.clock, &names);
    }
    Ok(text)
}

/// Makes the run once more and keeps what is seen while these attempts, sorted by begin, last.
fn tell(loaded: &Loaded, stage: &crate::plan::StagePlan, seed: u64, attempts: &[Attempt]) -> Vec<Told> {
    let machine = crate::window::machine(loaded, stage, seed, false);
    let (cpus, program) = (machine.cores().len(), stage.spec.program.clone());
    let mut machine = machine.map_probe(|collector| Teller {
        collector,
        oracle: Oracle::new(cpus),
        program,
        is_broken: false,
        notes: None,
    });
    let mut told: Vec<Told> = Vec::new();
    // Attempts that overlap are seen in one piece.
    let mut rest = attempts;
    while let Some(first) = rest.first() {
        let end = |a: &Attempt| a.began.after(a.lasted);
        let mut until = end(first);
        let n = rest.iter().take_while(|a| {
            let joins = a.began <= until;
            until = if joins { until.max(end(a)) } else { until };
            joins
        });
        let (group, later) = rest.split_at(n.count());
        let from = told.len();
        for a in group {
            machine.run_until(a.began);
            if machine.probe.notes.is_none() {
                machine.probe.collector.keep_log();
                machine.probe.notes = Some(Vec::new());
            }
            let before = machine.probe.collector.cores().to_vec();
            told.push(Told { attempt: *a, before, seen: Vec::new(), notes: Vec::new() });
        }
        machine.run_until(until.after(1));
        let (seen, notes) = (machine.probe.collector.keep_log(), machine.probe.notes.take().unwrap_or_default());
        for t in &mut told[from..] {
            let during = |at: Cycle| at >= t.attempt.began && at <= end(&t.attempt);
            t.seen = seen.iter().filter(|s| during(s.at().0)).copied().collect();
            t.notes = notes.iter().filter(|(at, _)| during(*at)).cloned().collect();
        }
        rest = later;
    }
    told
}
