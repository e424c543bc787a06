// SPDX-License-Identifier: MIT OR Apache-2.0
//! From an experiment to runs: programs assembled, machines specified, every name resolved.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use cache_model::timing::Topology;
use configs::{ConfigError, Loaded, Param, Program as ProgramConfig};
use interrupt_ctrl::{Process, Source as IrqSource, Vector};
use lock_impl::{programs, workload};
use sha2::{Digest, Sha256};
use sim_core::asm::{self, Options, near_name};
use sim_core::program::{LineKind, Program, Source};
use sim_core::time::{Clock, Cycle};

use crate::machine::MachineSpec;
use crate::{files, network, trace};

mod hardware;

pub use hardware::memory_of;
pub(crate) use hardware::{coherence, core_params, interrupt_costs, memory_params};

/// Name of the timer tick's random stream, in parentheses so that no interrupt has it by accident.
const TICK_NAME: &str = "(tick)";

/// Input that cannot be used: what is shown to the user, ready to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputError {
    /// Without colour.
    pub plain: String,
    /// With colour.
    pub colored: String,
    /// The field of the experiment that is wrong, if it is one.
    pub field: Option<ConfigError>,
}

impl InputError {
    /// An error that is one line and a hint.
    #[must_use]
    pub fn text(message: &str, help: &str) -> InputError {
        let text = format!("error: {message}\n  help: {help}\n");
        InputError { plain: text.clone(), colored: text, field: None }
    }

    fn program(e: &asm::Diagnostics, sources: &[Source]) -> InputError {
        InputError { plain: e.render(sources, false), colored: e.render(sources, true), field: None }
    }
}

impl From<ConfigError> for InputError {
    fn from(e: ConfigError) -> Self {
        InputError { plain: e.render(false), colored: e.render(true), field: Some(e) }
    }
}

/// A stage of an experiment, ready to run with any seed.
#[derive(Clone, Debug)]
pub struct StagePlan {
    /// Name.
    pub name: String,
    /// Place in the experiment, from 0.
    pub idx: u32,
    /// What they are applied to; none for a program without the patches that tell the bases apart.
    pub base: Option<configs::Base>,
    /// Patches of the stage as written.
    pub patches: Vec<String>,
    /// Machine and program; seed and `exact` are set per run.
    pub spec: MachineSpec,
    /// Hash of the experiment reduced to this stage, seeds left out.
    pub config_hash: String,
    /// Hash of the assembled program.
    pub program_hash: String,
    /// Address of the word in which every critical section counts, if there is one.
    pub counter: Option<u64>,
}

/// An experiment, ready to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The experiment as loaded.
    pub loaded: Loaded,
    /// Stages in order.
    pub stages: Vec<StagePlan>,
    /// Seeds in order.
    pub seeds: Vec<u64>,
}

/// Names of stages, locks, handlers and sources are checked by `configs`; this resolves the rest
/// (program, patches, options, parameters, labels) and assembles a program per stage.
///
/// # Errors
/// The first thing wrong, with its place.
pub fn plan(loaded: Loaded) -> Result<Plan, InputError> {
    plan_with(loaded, &Assembled::default())
}

/// Programs that were assembled, for plans that differ in other things.
#[derive(Debug, Default)]
pub struct Assembled(Mutex<BTreeMap<String, (Arc<Program>, String)>>);

impl Assembled {
    /// Programs kept; a program has some ten KiB.
    const KEPT_MAX: usize = 256;

    /// The program, and the hash of its listing.
    fn get(&self, sources: &[Source], options: &Options) -> Result<(Arc<Program>, String), InputError> {
        let mut key = format!("{:?} {:?}", options.enabled, options.params);
        sources.iter().for_each(|s| key += &format!("\n{}\n{}", s.name, s.text));
        let key = hash(&key);
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((program, hash)) = known().get(&key) {
            return Ok((Arc::clone(program), hash.clone()));
        }
        let program = asm::assemble(sources, options).map_err(|d| InputError::program(&d, sources))?;
        let hash = hash(&asm::listing(&program));
        let found = (Arc::new(program), hash);
        let mut known = known();
        if known.len() >= Self::KEPT_MAX {
            known.clear();
        }
        known.insert(key, found.clone());
        Ok(found)
    }
}

/// As [`plan`], with programs that were assembled before.
///
/// # Errors
/// As [`plan`].
pub fn plan_with(mut loaded: Loaded, assembled: &Assembled) -> Result<Plan, InputError> {
    let lock = lock_source(&loaded)?;
    let bare = assembled.get(std::slice::from_ref(&lock), &Options::default())?.0;
    check_names(&loaded, &bare)?;
    let procs = lock_procs(&bare, &lock.name)?;
    let implied = implied_options(&loaded, &bare)?;
    let traces = trace::read(&mut loaded)?;
    let writes_clock = implied.iter().any(|o| o == workload::TICK_OPTION);
    let text = workload::text(&loaded.experiment, &procs, writes_clock);
    let sources = [lock, Source { name: "(workload)".into(), text }];
    let topology = Arc::new(network::topology(&loaded.experiment.machine).map_err(|e| {
        let help = "write links in the order in which most messages use them: a circle's upwards, say".to_owned();
        loaded.error_at("machine.interconnect", e.to_string(), Some(help))
    })?);
    let stages = (0..loaded.experiment.stages.len())
        .map(|i| stage(&loaded, i, &sources, &topology, &implied, &traces, assembled))
        .collect::<Result<Vec<_>, _>>()?;
    let seeds = loaded.experiment.seeds.list();
    Ok(Plan { loaded, stages, seeds })
}

/// A program without patches, options and values of parameters: what it declares can be read from it.
///
/// # Errors
/// One that does not assemble.
pub fn bare_program(source: &Source) -> Result<Program, InputError> {
    let sources = std::slice::from_ref(source);
    asm::assemble(sources, &Options::default()).map_err(|e| InputError::program(&e, sources))
}

/// The source text of an experiment's lock program.
///
/// # Errors
/// A name or file that does not exist, or a file that cannot be read.
pub fn lock_source(loaded: &Loaded) -> Result<Source, InputError> {
    match &loaded.experiment.lock.program {
        ProgramConfig::Builtin(name) => programs::embedded(name).ok_or_else(|| {
            let help = near(name, programs::names(), "programs");
            loaded.error_at("lock.program", format!("there is no built-in program \"{name}\""), Some(help)).into()
        }),
        ProgramConfig::File(name) => {
            let path = loaded.program_path().unwrap_or_default();
            let text = files::read_text(&path, files::PROGRAM_BYTES_MAX).map_err(|e| {
                let what = format!("cannot read the program file {}: {e}", path.display());
                let help = "the path is relative to the experiment file".to_owned();
                loaded.error_at("lock.program", what, Some(help))
            })?;
            Ok(Source { name: name.clone(), text })
        }
    }
}

/// A hint for an unknown name: the nearest known one, if one is near, and the list of all.
#[must_use]
pub fn near<'a>(wanted: &str, names: impl Iterator<Item = &'a str>, what: &str) -> String {
    let all: Vec<&str> = names.collect();
    let list = configs::listed(&all);
    match near_name(wanted, all.iter().copied()) {
        Some(n) => format!("did you mean `{n}`? {what}: {list}"),
        None => format!("{what}: {list}"),
    }
}

fn lock_procs(bare: &Program, file: &str) -> Result<workload::LockProcs, InputError> {
    let role = |role: &str| {
        let found = bare.exports.iter().find(|(r, _)| r == role);
        found.map(|(_, p)| bare.procs[*p as usize].name.clone()).ok_or_else(|| {
            InputError::text(
                &format!("{file}: the program exports no `{role}`"),
                &format!("add a line such as `export {role} PROC`"),
            )
        })
    };
    Ok(workload::LockProcs { lock: role("lock")?, unlock: role("unlock")?, word: lock_struct(bare, file)? })
}

/// The structure of a lock: `lock_word`, or the only one of kind lock.
fn lock_struct(bare: &Program, file: &str) -> Result<String, InputError> {
    let of_kind = || bare.structs.iter().filter(|s| s.kind == LineKind::Lock).map(|s| s.name.clone());
    if let Some(word) = bare.structs.iter().find(|s| s.name == "lock_word") {
        return Ok(word.name.clone());
    }
    match (of_kind().next(), of_kind().count()) {
        (Some(name), 1) => Ok(name),
        (_, n) => Err(InputError::text(
            &format!("{file}: the program has {n} structures of kind lock, and none is called `lock_word`"),
            "declare that of a lock, as in `struct lock_word align 64 kind lock { val: u32 }`",
        )),
    }
}

fn check_names(loaded: &Loaded, bare: &Program) -> Result<(), InputError> {
    let lock = &loaded.experiment.lock;
    let patches = || bare.patches.iter().map(|p| p.name.as_str());
    let unknown = |path: String, what: &str, name: &str, help: String| -> InputError {
        loaded.error_at(&path, format!("the program has no {what} \"{name}\""), Some(help)).into()
    };
    let options_and_params = |of: &str, options: &[String], params: &configs::Named<Param>| {
        for (i, name) in options.iter().enumerate() {
            if !bare.options.iter().any(|(o, _)| o == name) {
                let help = near(name, bare.options.iter().map(|(o, _)| o.as_str()), "options");
                return Err(unknown(format!("{of}.options[{i}]"), "option", name, help));
            }
        }
        for name in params.names() {
            if !bare.params.iter().any(|(p, _)| p == name) {
                let help = near(name, bare.params.iter().map(|(p, _)| p.as_str()), "parameters");
                return Err(unknown(format!("{of}.params.{name}"), "parameter", name, help));
            }
        }
        Ok(())
    };
    for (i, stage) in loaded.experiment.stages.iter().enumerate() {
        let base = loaded.experiment.base_of(stage);
        for name in base.patches() {
            if !patches().any(|p| p == *name) {
                let path = if stage.base.is_some() { format!("stages[{i}].base") } else { "lock.base".into() };
                let help = format!(
                    "base \"{}\" needs it, base \"{}\" needs none; {}",
                    base.name(),
                    configs::Base::default().name(),
                    near(name, patches(), "patches")
                );
                return Err(unknown(path, "patch", name, help));
            }
        }
        for (j, name) in stage.patches.iter().enumerate() {
            let path = format!("stages[{i}].patches[{j}]");
            let Some(info) = bare.patches.iter().find(|p| p.name == *name) else {
                return Err(unknown(path, "patch", name, near(name, patches(), "patches")));
            };
            let missing = info.needs.iter().find(|n| !stage.patches.contains(n));
            if let Some(m) = missing.filter(|m| !base.patches().contains(&m.as_str())) {
                let what = format!("patch \"{name}\" cannot be applied without \"{m}\"");
                return Err(loaded.error_at(&path, what, Some(format!("add \"{m}\" to the stage"))).into());
            }
        }
        options_and_params(&format!("stages[{i}]"), &stage.options, &stage.params)?;
    }
    options_and_params("lock", &lock.options, &lock.params)
}

/// Options of the program that follow from what the experiment has besides the lock: hooks with a body, a timer tick,
/// maskable handlers that interrupt each other, a machine with an event stream. Without them the program is the same micro-op for micro-op.
fn implied_options(loaded: &Loaded, bare: &Program) -> Result<Vec<String>, InputError> {
    let e = &loaded.experiment;
    let declared = |option: &str| bare.options.iter().any(|(o, _)| o == option);
    let mut implied = Vec::new();
    for name in e.hooks.names() {
        let option = workload::hook_proc(name);
        if !declared(&option) {
            let prefix = workload::hook_proc("");
            let hooks = bare.options.iter().filter_map(|(o, _)| o.strip_prefix(&prefix));
            let help = near(name, hooks, "hooks");
            let what = format!("the program has no hook \"{name}\"");
            return Err(loaded.error_at(&format!("hooks.{name}"), what, Some(help)).into());
        }
        implied.push(option);
    }
    for (wanted, option) in [
        (e.tick.is_some(), workload::TICK_OPTION),
        (workload::nests(e), workload::NESTED_OPTION),
        (e.machine.event_stream.is_some(), workload::EVENT_STREAM_OPTION),
    ] {
        if wanted && declared(option) {
            implied.push(option.to_owned());
        }
    }
    Ok(implied)
}

fn stage(
    loaded: &Loaded,
    idx: usize,
    sources: &[Source],
    topology: &Arc<Topology>,
    implied: &[String],
    traces: &BTreeMap<usize, trace::ByCore>,
    assembled: &Assembled,
) -> Result<StagePlan, InputError> {
    let e = &loaded.experiment;
    let khz = e.machine.clock.khz();
    let of_stage = &e.stages[idx];
    let mut enabled: Vec<String> = e.base_of(of_stage).patches().iter().map(|p| (*p).to_owned()).collect();
    enabled.extend(of_stage.patches.iter().chain(&e.lock.options).chain(&of_stage.options).chain(implied).cloned());
    let value = |p: &Param| match p {
        Param::Span(s) => s.nanos(khz),
        Param::Count(n) => *n,
    };
    // The stage's values replace the lock's.
    let values = e.lock.params.iter().chain(of_stage.params.iter());
    let params: BTreeMap<&str, u64> = values.map(|(n, p)| (n, value(p))).collect();
    let params = params.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
    let (program, program_hash) = assembled.get(sources, &Options { enabled, params })?;
    let cores = e.machine.cores;
    let mut tasks = vec![None; cores as usize];
    for (i, t) in e.workload.tasks.iter().enumerate() {
        for cpu in t.on.list(cores) {
            tasks[cpu as usize] = Some(proc_idx(&program, &workload::task_proc(i)));
        }
    }
    let mut spec = MachineSpec {
        core: core_params(&e.machine),
        memory: memory_params(&e.machine),
        topology: Arc::clone(topology),
        coherence: coherence(&e.machine),
        interrupts: interrupt_costs(&e.machine),
        clock: Clock { khz },
        tasks,
        sources: vec![Vec::new(); cores as usize],
        seed: 0,
        stop_at: Cycle(e.duration.cycles(khz)),
        exact: false,
        program,
    };
    spec.sources = irq_sources(loaded, idx, &spec.program, traces)?;
    Ok(StagePlan {
        name: of_stage.name.clone(),
        idx: idx as u32,
        base: has_bases(&spec.program).then(|| e.base_of(of_stage)),
        patches: of_stage.patches.clone(),
        config_hash: hash(&point_text(loaded, idx, &[])),
        program_hash,
        counter: workload::counter(e).and_then(|(payload, offset)| {
            let object = workload::payload_object(&payload);
            spec.program.object(&object).map(|o| o.addr + offset)
        }),
        spec,
    })
}

/// True if the program has every patch that one of the bases contains.
fn has_bases(program: &Program) -> bool {
    let newest = configs::Base::BpfNext.patches();
    newest.iter().all(|b| program.patches.iter().any(|p| p.name == *b))
}

/// The experiment reduced to one stage and these seeds, as text.
#[must_use]
pub fn point_text(loaded: &Loaded, stage: usize, seeds: &[u64]) -> String {
    let mut point = loaded.experiment.clone();
    point.stages = vec![point.stages[stage].clone()];
    point.seeds = configs::Seeds::List(seeds.to_vec());
    configs::expanded(&point)
}

pub(crate) fn hash(text: &str) -> String {
    // 128 bits of SHA-256: short enough to read, long enough never to collide.
    Sha256::digest(text.as_bytes())[..16].iter().map(|b| format!("{b:02x}")).collect()
}

fn proc_idx(program: &Program, name: &str) -> u16 {
    let i = program.procs.iter().position(|p| p.name == name);
    i.expect("the workload's text defines this procedure") as u16
}

fn irq_sources(
    loaded: &Loaded,
    stage: usize,
    program: &Program,
    traces: &BTreeMap<usize, trace::ByCore>,
) -> Result<Vec<Vec<IrqSource>>, InputError> {
    let e = &loaded.experiment;
    let (cores, khz) = (e.machine.cores, e.machine.clock.khz());
    let mut sources = vec![Vec::new(); cores as usize];
    let at = |p: &configs::Phase| match p {
        configs::Phase::Random => None,
        configs::Phase::At(s) => Some(s.cycles(khz)),
    };
    for (i, irq) in e.interrupts.iter().enumerate() {
        let process = match &irq.source {
            configs::Source::Overflow { period, jitter, phase } => {
                Process::Overflow { period: period.cycles(khz), jitter: jitter.cycles(khz), first: at(phase) }
            }
            configs::Source::Periodic { rate, jitter, phase } => {
                Process::Periodic { period: rate.period_cycles(khz), jitter: jitter.cycles(khz), first: at(phase) }
            }
            configs::Source::Poisson { rate } => Process::Poisson { mean: rate.period_cycles(khz) },
            configs::Source::Frequency { rate, initial, phase } => {
                let (interval, initial) = (rate.period_cycles(khz), initial.cycles(khz).max(1));
                Process::Frequency { interval, initial, first: at(phase) }
            }
            configs::Source::Burst { n, spacing, rate, law, phase } => Process::Burst {
                count: *n,
                spacing: spacing.cycles(khz),
                gap: rate.period_cycles(khz),
                poisson: *law == configs::Law::Poisson,
                first: at(phase),
            },
            // Each core has its own, below.
            configs::Source::Trace { .. } | configs::Source::Sent => Process::Sent,
            configs::Source::Directed { label, nth, repeat } => {
                let pc = program.label(label).ok_or_else(|| {
                    let what = format!("stage \"{}\" has no label \"{label}\"", e.stages[stage].name);
                    let names = program.labels.iter().map(|l| l.name.as_str());
                    let help = match near_name(label, names) {
                        Some(n) => format!("did you mean `{n}`?"),
                        None => "`sim asm show PROGRAM` lists the labels".to_owned(),
                    };
                    loaded.error_at(&format!("interrupts[{i}].source.label"), what, Some(help))
                })?;
                // Marks belong to the micro-op before them, so the boundary is behind them.
                let pc = (pc..).find(|pc| !program.is_mark(*pc)).expect("a program ends somewhere");
                Process::Directed { pc, nth: *nth, repeat: *repeat }
            }
        };
        let vector = match irq.vector {
            configs::Vector::Nmi => Vector::Nmi,
            configs::Vector::Timer => Vector::Irq(configs::Vector::TIMER_PRIORITY),
            configs::Vector::Irq { priority } => Vector::Irq(priority),
            configs::Vector::Softirq => Vector::Soft,
        };
        let handler = proc_idx(program, &workload::handler_proc(&irq.handler));
        for cpu in irq.on.list(cores) {
            let process = match traces.get(&i) {
                Some(cores) => Process::Trace { at: Arc::clone(&cores[cpu as usize]) },
                None => process.clone(),
            };
            let (name, number) = (irq.name.clone(), i as u64);
            sources[cpu as usize].push(IrqSource { name, number, vector, handler, process });
        }
    }
    if let Some(tick) = &e.tick {
        for (cpu, list) in sources.iter_mut().enumerate() {
            let process = Process::Periodic { period: tick.rate.period_cycles(khz), jitter: 0, first: at(&tick.phase) };
            list.push(IrqSource {
                name: TICK_NAME.to_owned(),
                number: e.interrupts.len() as u64,
                vector: Vector::Irq(configs::Vector::TIMER_PRIORITY),
                handler: proc_idx(program, workload::tick_proc(cpu as u32 == tick.timekeeper)),
                process,
            });
        }
    }
    Ok(sources)
}
