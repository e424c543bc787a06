// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every interleaving of an experiment's programs, without time: `sim explore`.
//!
//! The stage of an experiment is explored with the same assembled program that runs on the timed machine. What has a
//! length there has none here: clocks are abstract (`sim_core::untimed`), spans are drawn as any number, a task that runs until
//! the experiment's end makes a bounded number of rounds, and any interrupt of the experiment can land at any boundary, a
//! bounded number in all.

mod check;
mod deadlock;
mod drawing;
mod growth;
mod lattice;
mod page;
mod record;
mod replay;
mod shrink;
mod smaller;
mod story;

pub use check::{Finding, PROPERTIES, Property, check, judge, told};
pub use drawing::draw;
pub use growth::growth;
pub use lattice::{lattice, table};
pub use page::replace;
pub use record::{Row, Violation, append, read};
pub use replay::{Replay, replay};
pub use shrink::{Shrunk, shrink};
pub use story::{columns, story};

use std::sync::Arc;

use configs::{Loaded, Param};
use interrupt_ctrl::Process;
use sim_core::core::MemoryModel;
use sim_core::program::Program;
use sim_core::program::Source as SourceText;
use sim_core::untimed::{Budget, End, Model, Partial, Progress, Source, State, System, TraceStep, bitstate, search};

use crate::plan::{InputError, Plan, StagePlan, bare_program, lock_source};

/// Parameters that count iterations of a wait, and their smallest values. Without time, looking at the clock at each
/// iteration covers looking at some of them, because a look can find that nothing is due; and a bounded number of
/// looks at the same value is the same as one look more than none.
pub const SMALLEST: [(&str, u64); 2] = [("check_mask", 0), ("handover_pauses", 1)];

/// What is explored of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Memory model; the machine's if none.
    pub model: Option<Model>,
    /// Most interrupts in one run, all cores together.
    pub interrupts: u8,
    /// Rounds of tasks that go on until the experiment ends, per core.
    pub rounds: u8,
    /// Entries of the store buffer; the machine's if none.
    pub store_buffer: Option<usize>,
    /// Merge what nobody else can see. Off for comparison only: the verdicts are the same.
    pub merged: bool,
}

/// Sets the parameters of [`SMALLEST`] that the experiment's program has, unless the experiment sets them.
///
/// # Errors
/// A program that cannot be read or assembled; planning the experiment tells more.
pub fn shorten_waits(loaded: &mut Loaded) -> Result<(), InputError> {
    let Ok(bare) = bare_program(&lock_source(loaded)?) else { return Ok(()) };
    let has = |name: &str| bare.params.iter().any(|(p, _)| p == name);
    let params = &mut loaded.experiment.lock.params;
    let short = SMALLEST.iter().filter(|(n, _)| has(n) && params.get(n).is_none());
    let short = short.map(|(n, v)| ((*n).to_owned(), Param::Count(*v))).collect::<Vec<_>>();
    *params = params.iter().map(|(n, p)| (n.to_owned(), *p)).chain(short).collect();
    Ok(())
}

/// The memory model of a stage's machine.
#[must_use]
pub fn model_of(stage: &StagePlan) -> Model {
    match stage.spec.core.model {
        MemoryModel::Sc => Model::Sc,
        MemoryModel::Tso => Model::Tso,
        MemoryModel::Weak { .. } => Model::Weak,
    }
}

/// The system of a stage.
///
/// # Errors
/// What this engine has no meaning for: more cores than it has bits for.
pub fn system(stage: &StagePlan, size: &Size) -> Result<System, InputError> {
    let spec = &stage.spec;
    let model = size.model.unwrap_or_else(|| model_of(stage));
    let cores = spec.tasks.len();
    if cores > 16 {
        let what = format!("{cores} cores are more than the 16 that can be explored");
        return Err(InputError::text(&what, "--cores 2 explores the experiment on a smaller machine"));
    }
    let mut sources = Vec::new();
    for list in &spec.sources {
        let mut of_core: Vec<Source> = Vec::new();
        for s in list {
            let number = (s.process == Process::Sent).then_some(s.number);
            let source = Source { kind: s.vector.kind(), rank: s.vector.rank(), handler: s.handler, number };
            if !of_core.contains(&source) {
                of_core.push(source);
            }
        }
        sources.push(of_core);
    }
    let has_sources = sources.iter().any(|s| !s.is_empty());
    Ok(System {
        program: spec.program.clone(),
        model,
        tasks: spec.tasks.clone(),
        memory: Vec::new(),
        store_buffer: size.store_buffer.unwrap_or(spec.core.store_buffer as usize).max(1),
        merge_local: size.merged,
        private: size.merged,
        forget_dead: size.merged,
        abstract_time: true,
        rounds: size.rounds,
        interrupts: if has_sources { size.interrupts } else { 0 },
        sources,
        watch: true,
        counter: stage.counter,
    })
}

/// How large the system is, in words.
#[must_use]
pub fn setting(system: &System) -> String {
    let plural = |n: usize, what: &str| reports::plural(n as u64, what);
    let model = match system.model {
        Model::Sc => "sequentially consistent".to_owned(),
        Model::Tso => format!("tso with {}", plural(system.store_buffer, "buffered store")),
        Model::Weak => format!("weak with {}", plural(system.store_buffer, "buffered store")),
    };
    let interrupts = match system.interrupts {
        0 => "no interrupts".to_owned(),
        n => format!("at most {} in all", plural(n.into(), "interrupt")),
    };
    let rounds = plural(system.rounds.into(), "round");
    format!("{}, {model}; {interrupts}; {rounds} of tasks without an end", plural(system.tasks.len(), "core"))
}

/// A program by itself, its first procedure on every core: nothing but what each core does between two accesses is merged, and
/// nothing is forgotten, so that states are those of a model with the same steps.
///
/// # Errors
/// A program that does not assemble, or has no procedure.
pub fn raw_system(
    name: &str,
    text: String,
    model: Model,
    cores: usize,
    store_buffer: usize,
) -> Result<System, InputError> {
    let program = bare_program(&SourceText { name: name.to_owned(), text })?;
    if program.procs.is_empty() {
        return Err(InputError::text(&format!("{name}: there is no procedure"), "write `proc main() { .. }`"));
    }
    Ok(System {
        program: Arc::new(program),
        model,
        tasks: vec![Some(0); cores],
        store_buffer,
        merge_local: true,
        abstract_time: true,
        ..System::default()
    })
}

/// What makes two searches the same: the experiment reduced to the stage, the program, and the size.
#[must_use]
pub fn key(stage: &StagePlan, size: &Size) -> String {
    crate::plan::hash(&format!("{} {} {size:?}", stage.config_hash, stage.program_hash))
}

/// Searches a stage and looks for violations. `over` is told how far it is, and ends it by saying so. The time is left
/// to the caller.
///
/// # Errors
/// As [`system`].
pub fn search_stage(
    plan: &Plan,
    stage: &StagePlan,
    size: &Size,
    bytes: usize,
    mut over: impl FnMut(Progress) -> bool,
) -> Result<Row, InputError> {
    let system = system(stage, size)?;
    let mut graph = search(&system, Budget { bytes, over: &mut over });
    let program = &stage.spec.program;
    let violations = check(&graph, program)
        .into_iter()
        .map(|f| {
            let (first, path) = graph.along(&f.path);
            Violation {
                property: f.property.name().to_owned(),
                by: f.by.map(str::to_owned),
                what: f.what,
                count: f.count,
                story: story(program, &first, &path),
                columns: columns(program, &path),
            }
        })
        .collect();
    Ok(Row {
        version: crate::VERSION.to_owned(),
        key: key(stage, size),
        experiment: plan.loaded.experiment.title.clone(),
        stage: stage.name.clone(),
        base: stage.base.map(|b| b.name().to_owned()),
        patches: stage.patches.clone(),
        end: match &graph.end {
            End::Complete => "complete",
            End::Memory => "memory",
            End::Told => "time",
            End::Fault(..) => "fault",
        }
        .to_owned(),
        states: graph.len(),
        visited: graph.visited(),
        steps: graph.steps(),
        bytes: graph.bytes(),
        seconds: 0.0,
        counted: system.counter.is_some(),
        told: told(&graph),
        growth: if graph.end == End::Complete { Vec::new() } else { growth(&graph, program) },
        violations,
    })
}

/// Searches a stage for violations that a state shows by itself, remembering two bits of each state in an array of so many bytes: never a
/// verdict, but what is found is real, and comes as a violation with its path, which is not the shortest.
///
/// # Errors
/// As [`system`].
pub fn bitstate_stage(
    stage: &StagePlan,
    size: &Size,
    bytes: usize,
    mut over: impl FnMut(Progress) -> bool,
) -> Result<(Partial, Option<(Violation, Path)>), InputError> {
    let system = system(stage, size)?;
    let program = &stage.spec.program;
    let wrong = |s: &State| judge(s, program, system.counter);
    let said = |s: &State| wrong(s).map(|(_, what)| what);
    let mut partial = bitstate(&system, bytes, &said, &mut over);
    let violation = partial.found.take().map(|(what, first, steps)| {
        let property = wrong(steps.last().map_or(&first, |s| &s.after)).map_or(Property::Fault, |(p, _)| p);
        let violation = Violation {
            property: property.name().to_owned(),
            by: None,
            what,
            count: 0,
            story: story(program, &first, &steps),
            columns: columns(program, &steps),
        };
        (violation, Path { program: Arc::clone(program), model: system.model, first, steps })
    });
    Ok((partial, violation))
}

/// A path of the explored graph.
#[derive(Clone, Debug)]
pub struct Path {
    /// The program.
    pub program: Arc<Program>,
    /// Memory model.
    pub model: Model,
    /// Where it begins.
    pub first: State,
    /// The steps.
    pub steps: Vec<TraceStep>,
}

/// A shortest path to a violation that a search of the stage has found, by the same search once more.
///
/// # Errors
/// As [`system`], and a violation that is not found with this budget.
pub fn path_to(stage: &StagePlan, size: &Size, bytes: usize, violation: &Violation) -> Result<Path, InputError> {
    let system = system(stage, size)?;
    let program = Arc::clone(&system.program);
    let mut graph = search(&system, Budget { bytes, over: &mut |_| false });
    let same = |f: &Finding| f.property.name() == violation.property && f.by == violation.by.as_deref();
    let Some(found) = check(&graph, &program).into_iter().find(same) else {
        let what = format!("the violation of \"{}\" is not found again", violation.property);
        return Err(InputError::text(&what, "--memory allows more"));
    };
    let (first, steps) = graph.along(&found.path);
    Ok(Path { program, model: system.model, first, steps })
}
