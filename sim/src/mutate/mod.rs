// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mistakes planted in a lock, and who notices: `sim mutate`.
//!
//! Each mutant of a stage's assembled program is gone through under every interleaving ([`crate::explore`]) and run on the timed
//! machine, where the oracle judges. It is caught if it breaks what the program without the mistake does not break. That is asked
//! with no interrupt in a run, then with one, and so on: what is known to go wrong with two interrupts is a finding where it goes
//! wrong with none.
//!
//! Of what nothing catches it is said why: the memory model has the order anyway; no explored path comes there; or a complete search
//! gives the same verdicts, the same errors and the same memory at the end.

mod make;
mod record;
mod timed;
mod untimed;

pub use make::{Kind, Mutant, Mutation, mutants};
pub use record::{Caught, Record, WHYS, append, read, summary, table};

use std::sync::Arc;

use sim_core::isa::{Fence, Op};
use sim_core::untimed::{Covered, Model, System};

use crate::explore::{Size, system};
use crate::machine::MachineSpec;
use crate::plan::{InputError, Plan, StagePlan, hash};
use record::{HARMLESS, NO_OP, NO_VERDICT, NOT_REACHED, SAME};
use untimed::{Behaviour, behaviour, key_text};

/// How mutants are tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// What is explored.
    pub size: Size,
    /// Bytes of memory of one search.
    pub bytes: usize,
    /// States of one search, more or less.
    pub states: usize,
    /// Seeds of the timed runs.
    pub seeds: Vec<u64>,
}

/// A stage without mistakes, explored and run, and the mutants of its lock.
pub struct Subject<'p> {
    plan: &'p Plan,
    stage: &'p StagePlan,
    trial: Trial,
    system: System,
    /// `[most interrupts in a run]`
    sound: Vec<Behaviour>,
    /// What is wrong with its timed runs.
    timed: std::collections::BTreeMap<&'static str, u64>,
    /// The mutants, by place.
    pub mutants: Vec<Mutant>,
}

/// The text of the lock is the first of a program's sources; the workload's follows.
const LOCK_SOURCE: u32 = 0;

impl<'p> Subject<'p> {
    /// Explores and runs a stage as it is.
    ///
    /// # Errors
    /// What cannot be explored, and a stage whose own search does not finish: nothing could be compared with it.
    pub fn new(plan: &'p Plan, stage: &'p StagePlan, trial: Trial) -> Result<Subject<'p>, InputError> {
        let system = system(stage, &trial.size)?;
        let mut sound = Vec::new();
        for interrupts in 0..=system.interrupts {
            let of = System { interrupts, ..system.clone() };
            let b = behaviour(&of, trial.bytes, trial.states, None);
            if !b.complete {
                let what = format!(
                    "stage \"{}\": the search of the program as it is ends after {} states with {interrupts} interrupts, so mutants cannot be compared with it",
                    stage.name, b.states
                );
                let help = "--states and --memory allow more; --interrupts, --rounds, --cores and --store-buffer make it smaller";
                return Err(InputError::text(&what, help));
            }
            sound.push(b);
        }
        let timed = timed::judge(&plan.loaded, &stage.spec, stage.counter, &trial.seeds);
        let mutants = mutants(&stage.spec.program, LOCK_SOURCE);
        Ok(Subject { plan, stage, trial, system, sound, timed, mutants })
    }

    /// States of the largest search of the program as it is.
    #[must_use]
    pub fn states(&self) -> usize {
        self.sound.last().map_or(0, |b| b.states)
    }

    /// What the program as it is breaks already: in the largest search, and in timed runs.
    #[must_use]
    pub fn known(&self) -> Vec<String> {
        let explored = self.sound.last().into_iter().flat_map(|b| b.broken.keys().map(|k| key_text(*k)));
        explored.chain(self.timed.iter().map(|(w, n)| format!("oracle: {w} {n}/{}", self.trial.seeds.len()))).collect()
    }

    /// What makes two trials of a mutant the same.
    #[must_use]
    pub fn key(&self, mutant: &Mutant) -> String {
        let (s, t) = (self.stage, &self.trial);
        hash(&format!("{} {} {t:?} {mutant:?}", s.config_hash, s.program_hash))
    }

    /// Tries a mutant.
    #[must_use]
    pub fn judge(&self, mutant: &Mutant) -> Record {
        let program = &self.stage.spec.program;
        let op = &program.ops[mutant.pc as usize];
        let changed = Arc::new(mutant.apply(program));
        let of_search = self.explore(mutant, op, &changed);
        // A model that has the order anyway has it on the timed machine, too.
        let oracle = if of_search.why == Some(NO_OP) && self.timed_model() == self.system.model {
            Vec::new()
        } else {
            let spec = MachineSpec { program: changed, ..self.stage.spec.clone() };
            let found = timed::judge(&self.plan.loaded, &spec, self.stage.counter, &self.trial.seeds);
            let new = found.into_iter().filter(|(what, _)| !self.timed.contains_key(what));
            new.map(|(what, n)| (what.to_owned(), n)).collect()
        };
        let (file, line, text) = program.source_line(mutant.pc).expect("every micro-op has a line");
        let second = match mutant.mutation {
            Mutation::Swap(pc) => program.source_line(pc).map_or_else(String::new, |(_, n, _)| format!(" (line {n})")),
            _ => String::new(),
        };
        Record {
            version: crate::VERSION.to_owned(),
            key: self.key(mutant),
            experiment: self.plan.loaded.experiment.title.clone(),
            stage: self.stage.name.clone(),
            file: file.to_owned(),
            line,
            text: text.to_owned(),
            place: program.place(mutant.pc),
            pc: mutant.pc,
            kind: mutant.kind().name().to_owned(),
            mistake: format!("{}{second}", mutant.mutation),
            runs: self.trial.seeds.len() as u64,
            states: of_search.states,
            why: of_search.why.map(|w| (w.to_owned(), of_search.more)),
            explore: of_search.caught,
            oracle,
        }
    }

    fn timed_model(&self) -> Model {
        crate::explore::model_of(self.stage)
    }

    fn explore(&self, mutant: &Mutant, op: &Op, changed: &Arc<sim_core::program::Program>) -> Searched {
        if is_no_op(self.system.model, mutant, op) {
            return Searched::not(NO_OP, String::new());
        }
        let widest = self.sound.last().expect("there is a search with no interrupt");
        if let Some(why) = unreached(mutant, widest.covered[mutant.pc as usize]) {
            return Searched::not(NOT_REACHED, why.to_owned());
        }
        let (mut states, mut differs, mut complete) = (0, Vec::new(), true);
        for (interrupts, sound) in self.sound.iter().enumerate() {
            let of = System { interrupts: interrupts as u8, program: Arc::clone(changed), ..self.system.clone() };
            let found = behaviour(&of, self.trial.bytes, self.trial.states, Some(sound));
            states = found.states;
            let caught: Vec<Caught> = found
                .worse_than(sound)
                .into_iter()
                .map(|(key, b)| Caught {
                    property: key_text(key),
                    what: b.what.clone(),
                    interrupts: interrupts as u8,
                    steps: (!b.story.is_empty()).then_some(b.steps),
                    story: b.story.clone(),
                })
                .collect();
            if !caught.is_empty() {
                return Searched { caught, states, why: None, more: String::new() };
            }
            complete &= found.complete;
            if found.complete {
                differs = found.differs_from(sound);
            }
        }
        let why = match (complete, differs.is_empty()) {
            (false, _) => NO_VERDICT,
            (true, true) => SAME,
            (true, false) => HARMLESS,
        };
        let more = if complete { differs.join(", ") } else { format!("{states} states") };
        Searched { caught: Vec::new(), states, why: Some(why), more }
    }
}

struct Searched {
    caught: Vec<Caught>,
    states: usize,
    why: Option<&'static str>,
    more: String,
}

impl Searched {
    fn not(why: &'static str, more: String) -> Searched {
        Searched { caught: Vec::new(), states: 0, why: Some(why), more }
    }
}

/// Whether a model has what the mistake takes away, whatever the program. On `sc` and `tso` no load, store or read-modify-write looks
/// at its order, and no fence but a full one waits for anything.
#[must_use]
pub fn is_no_op(model: Model, mutant: &Mutant, op: &Op) -> bool {
    mutant.kind() == Kind::Order && model != Model::Weak && *op != Op::Fence(Fence::Full)
}

/// Why no explored path can show the mistake, if that is so.
fn unreached(mutant: &Mutant, covered: Covered) -> Option<&'static str> {
    match mutant.mutation {
        _ if !covered.executed => Some("never executed"),
        Mutation::Never if !covered.taken => Some("never taken anyway"),
        Mutation::Always if !covered.passed => Some("always taken anyway"),
        _ => None,
    }
}
