// SPDX-License-Identifier: MIT OR Apache-2.0
//! Litmus tests run: many timed runs on a machine, all interleavings without time, and how the
//! outcomes compare.
//!
//! A timed run is a machine of its own. Its seed decides on which cores the threads are, what the
//! caches hold, how the threads are skewed, and the pauses between their accesses; everything else
//! is the machine as it is. Histograms are sums over seeds, so they do not depend on worker threads.

mod expect;
mod judge;
mod print;

pub use expect::{Expect, Expected, Verdict};
pub use judge::{Comparison, Judged, Status, SuiteSums, judge, suites};
pub use print::{histogram, states, suite_csv, suite_table, test_csv};

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lock_impl::litmus::{Compiled, Error, Test, Variant, compile, parse};
use rayon::prelude::*;
use sim_core::core::{Code, MemoryModel};
use sim_core::ports::NoProbe;
use sim_core::rng::Stream;
use sim_core::time::{Clock, Cycle};
use sim_core::untimed::{Model, Stop, System, explore};

use crate::machine::{Machine, MachineSpec, Outcome};
use crate::plan::{core_params, interrupt_costs, memory_params};

/// Simulated cycles after which a run that has not ended counts as one that never will.
const RUN_CYCLES_MAX: u64 = 1 << 28;
/// Invalidations waiting in a core, and cycles until each is processed, of a `weak` machine made of
/// one that is not.
const WEAK_QUEUE: u32 = 8;
const WEAK_DELAY: u64 = 200;
/// Runs made by one worker at a time.
const CHUNK: u64 = 256;

/// Outcomes with how often they were seen.
pub type Histogram = BTreeMap<Vec<i64>, u64>;

/// How tests are run.
#[derive(Clone, Debug)]
pub struct How {
    /// Memory model.
    pub model: Model,
    /// The machine of timed runs; its own memory model is not used.
    pub machine: configs::Machine,
    /// Timed runs per test; 0 for none.
    pub runs: u64,
    /// Seed of the first run; the others follow.
    pub seed: u64,
    /// Enumerate all outcomes.
    pub exhaustive: bool,
    /// Memory the enumeration of one test may use.
    pub limit_bytes: usize,
}

/// What running a test gave.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The test.
    pub test: Test,
    /// As the untimed engine runs it; reads outcomes of both engines.
    pub compiled: Compiled,
    /// Outcomes of timed runs, if there were any.
    pub timed: Option<Histogram>,
    /// All outcomes, if they were asked for.
    pub all: Option<BTreeSet<Vec<i64>>>,
}

/// Why a test gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The file cannot be read or holds something not supported.
    Input(String),
    /// The enumeration did not fit into its memory.
    Incomplete(String),
    /// A run ended in a fault, or not at all.
    Run(String),
}

impl From<Error> for Refused {
    fn from(e: Error) -> Self {
        Refused::Input(e.to_string())
    }
}

/// The `.litmus` files below these paths, in order of name within each; a file is taken as it is.
///
/// # Errors
/// A path that cannot be read.
pub fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut out = Vec::new();
    for p in paths {
        walk(p, true, &mut out).map_err(|(p, e)| format!("{}: {e}", p.display()))?;
    }
    Ok(out)
}

fn walk(path: &Path, named: bool, out: &mut Vec<PathBuf>) -> Result<(), (PathBuf, std::io::Error)> {
    let fail = |e| (path.to_owned(), e);
    let litmus = path.extension().is_some_and(|e| e == "litmus");
    let is_dir = match path.metadata() {
        Ok(m) => m.is_dir(),
        // A link to nowhere inside a folder is one bad file among others.
        Err(_) if !named => false,
        Err(e) => return Err(fail(e)),
    };
    if !is_dir {
        if named || litmus {
            out.push(path.to_owned());
        }
        return Ok(());
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        // A link to a folder could lead back to where we are.
        if !(entry.path().is_dir() && entry.file_type().is_ok_and(|t| t.is_symlink())) {
            entries.push(entry.path());
        }
    }
    entries.sort();
    entries.iter().try_for_each(|e| walk(e, false, out))
}

/// Reads and runs one file.
///
/// # Errors
/// Why nothing can be said about it.
pub fn run_file(path: &Path, how: &How) -> Result<Ran, Refused> {
    let name = path.display().to_string();
    let bytes = crate::files::read_bytes(path, lock_impl::litmus::FILE_BYTES_MAX as u64)
        .map_err(|e| Refused::Input(format!("{name}: {e}")))?;
    let text = String::from_utf8(bytes).map_err(|e| Refused::Input(format!("{name}: not UTF-8: {e}")))?;
    run_text(&name, &text, how)
}

/// Reads and runs a test.
///
/// # Errors
/// Why nothing can be said about it.
pub fn run_text(name: &str, text: &str, how: &How) -> Result<Ran, Refused> {
    let mut test = parse(name, text)?;
    if how.model == Model::Weak {
        test = test.without_stand_ins();
    }
    let compiled = program(&test, Variant::Bare)?;
    let timed = if how.runs > 0 { Some(timed(&test, how)?) } else { None };
    let all = if how.exhaustive { Some(enumerate(&test, &compiled, how)?) } else { None };
    Ok(Ran { test, compiled, timed, all })
}

fn program(test: &Test, variant: Variant) -> Result<Compiled, Refused> {
    compile(test, variant).map_err(|d| {
        let first = d.iter().next().map(ToString::to_string).unwrap_or_default();
        Refused::Input(format!("{}: no program can be made of it: {first}", test.file))
    })
}

fn enumerate(test: &Test, compiled: &Compiled, how: &How) -> Result<BTreeSet<Vec<i64>>, Refused> {
    let system = System {
        program: compiled.program.clone(),
        model: how.model,
        tasks: compiled.procs.iter().map(|p| Some(*p)).collect(),
        memory: compiled.memory.clone(),
        store_buffer: store_buffer(how) as usize,
        merge_local: true,
        ..System::default()
    };
    let (mut set, mut ends) = (BTreeSet::new(), 0_u64);
    let explored = explore(&system, how.limit_bytes, |s| {
        ends += 1;
        let register = |t: usize, r: usize| s.cores[t].contexts[0].regs[r];
        let outcome = compiled.outcome(register, |a, w| s.read(a, w));
        if compiled.counts(test, &outcome) {
            set.insert(outcome);
        }
    });
    match explored {
        Ok(_) if ends == 0 => {
            let what = "no interleaving comes to an end: some thread waits or loops for ever, so there is no outcome";
            Err(Refused::Run(format!("{}: {what}", test.file)))
        }
        Ok(_) => Ok(set),
        Err(e @ Stop::Incomplete { .. }) => Err(Refused::Incomplete(format!("{}: {e}", test.file))),
        Err(e @ Stop::Fault(_)) => Err(Refused::Run(format!("{}: {e}", test.file))),
    }
}

/// Entries of a store buffer: the machine's own if it has one.
fn store_buffer(how: &How) -> u32 {
    match how.machine.memory_model {
        configs::MemoryModel::Tso { store_buffer_entries }
        | configs::MemoryModel::Weak { store_buffer_entries, .. } => store_buffer_entries,
        configs::MemoryModel::Sc => 32,
    }
}

fn timed(test: &Test, how: &How) -> Result<Histogram, Refused> {
    let compiled = program(test, Variant::Timed)?;
    let cores = how.machine.cores as usize;
    if compiled.procs.len() > cores {
        let what = format!("{}: {} threads, and the machine has {cores} cores", test.file, compiled.procs.len());
        return Err(Refused::Input(what));
    }
    let mut core = core_params(&how.machine);
    (core.model, core.store_buffer) = match (how.model, core.model) {
        (Model::Sc, _) => (MemoryModel::Sc, 1),
        (Model::Tso, _) => (MemoryModel::Tso, store_buffer(how)),
        // The machine's own queue of invalidations if it has one.
        (Model::Weak, weak @ MemoryModel::Weak { .. }) => (weak, store_buffer(how)),
        (Model::Weak, _) => (MemoryModel::Weak { queue: WEAK_QUEUE, delay: WEAK_DELAY }, store_buffer(how)),
    };
    let topology = crate::network::topology(&how.machine)
        .map_err(|e| Refused::Input(format!("machine {}: {}", how.machine.name, e)))?;
    let spec = MachineSpec {
        program: compiled.program.clone(),
        core,
        topology: Arc::new(topology),
        coherence: crate::plan::coherence(&how.machine),
        memory: memory_params(&how.machine),
        interrupts: interrupt_costs(&how.machine),
        clock: Clock { khz: how.machine.clock.khz() },
        tasks: vec![None; cores],
        sources: vec![Vec::new(); cores],
        seed: 0,
        stop_at: Cycle::NEVER,
        exact: false,
    };
    let code = Arc::new(spec.code());
    let chunk = |first: u64| -> Result<Histogram, Refused> {
        let (mut seen, mut spec, mut machine) = (Histogram::new(), spec.clone(), None);
        for run in first..how.runs.min(first + CHUNK) {
            let outcome = one_run(&mut machine, &mut spec, &code, &compiled, how.seed.wrapping_add(run))
                .map_err(|e| Refused::Run(format!("{}: seed {}: {e}", test.file, how.seed.wrapping_add(run))))?;
            if compiled.counts(test, &outcome) {
                *seen.entry(outcome).or_default() += 1;
            }
        }
        Ok(seen)
    };
    let chunks: Vec<u64> = (0..how.runs.div_ceil(CHUNK)).map(|i| i * CHUNK).collect();
    let parts: Vec<Result<Histogram, Refused>> = chunks.into_par_iter().map(chunk).collect();
    let mut sum = Histogram::new();
    for part in parts {
        for (outcome, n) in part? {
            *sum.entry(outcome).or_default() += n;
        }
    }
    Ok(sum)
}

/// One timed run with this seed, on the machine of the run before if there was one.
fn one_run(
    machine: &mut Option<Machine<NoProbe>>,
    spec: &mut MachineSpec,
    code: &Arc<Code>,
    compiled: &Compiled,
    seed: u64,
) -> Result<Vec<i64>, String> {
    spec.seed = seed;
    spec.tasks.fill(None);
    let mut stream = Stream::derive(seed, 0, "litmus placement");
    // Cores are dealt like cards: the first ones of a shuffled pack.
    let mut pack: Vec<usize> = (0..spec.memory.cores).collect();
    for i in 0..compiled.procs.len() {
        let j = i + stream.below((pack.len() - i) as u64) as usize;
        pack.swap(i, j);
        spec.tasks[pack[i]] = Some(compiled.procs[i]);
    }
    let machine = match machine {
        Some(used) => {
            used.reset(spec, NoProbe);
            used
        }
        none => none.insert(Machine::with_code(spec, Arc::clone(code), NoProbe)),
    };
    for &(addr, width, value) in &compiled.memory {
        machine.set_initial(addr, width, value);
    }
    match machine.run_until(Cycle(RUN_CYCLES_MAX)) {
        Outcome::Fault(f) => return Err(f.to_string()),
        Outcome::Limit => return Err(format!("not at its end after {RUN_CYCLES_MAX} cycles")),
        Outcome::Idle if !machine.is_quiescent() => return Err("stuck: nothing is left that could happen".to_owned()),
        Outcome::Idle => {}
    }
    let register = |t: usize, r: usize| machine.cores()[pack[t]].context().regs[r];
    Ok(compiled.outcome(register, |a, w| machine.memory().value(a, w)))
}
