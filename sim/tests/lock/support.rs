// SPDX-License-Identifier: MIT OR Apache-2.0
//! Small experiments as text, and runs of them.

use std::collections::BTreeMap;

use configs::{Machine as MachineConfig, MemoryModel, expanded, override_field, parse, presets};
use reports::Record;
use rqsim::machine::{Machine, MachineSpec};
use rqsim::observe::Observer;
use rqsim::plan::{Plan, StagePlan, plan};
use rqsim::run::{find, run};

/// The five patches in order of their numbers.
pub(crate) const SERIES: [&str; 5] = ["enclose", "immediate_aa", "queue_in_nmi", "try_once", "aa_before_queue"];

/// Both bases.
pub(crate) const BASES: [&str; 2] = ["6.17", "bpf-next"];

/// Cycles of one nanosecond: the machine runs at 4 GHz.
pub(crate) const PER_NS: u64 = 4;

/// Cycles of one iteration of the pending waiter's loop with its line in the first level: the load 4, the pause 141, six
/// micro-ops of 1 (branch, copy, add, and, branch, jump).
pub(crate) const ITERATION_CYCLES: u64 = 4 + 141 + 6;

/// Cycles from one run of the deadline routine to the next, the routine itself left out: 2.47 ms.
pub(crate) const CHECK_CYCLES: u64 = 65_536 * ITERATION_CYCLES;

/// Every subset of the series; bit i of its index is patch i + 1.
pub(crate) fn subsets() -> impl Iterator<Item = Vec<&'static str>> {
    (0..32_usize).map(|bits| (0..5).filter(|i| bits >> i & 1 == 1).map(|i| SERIES[i]).collect())
}

/// An experiment on the preset machine, cut down to `cores`.
#[derive(Clone, Debug)]
pub(crate) struct Lab {
    pub(crate) cores: u32,
    /// Preset.
    pub(crate) machine: &'static str,
    /// Further changes to it.
    pub(crate) adjust: fn(&mut MachineConfig),
    /// Instead of the preset's.
    pub(crate) memory_model: Option<MemoryModel>,
    pub(crate) program: String,
    pub(crate) base: &'static str,
    pub(crate) options: &'static str,
    pub(crate) params: &'static str,
    pub(crate) stages: Vec<Vec<&'static str>>,
    pub(crate) locks: &'static str,
    /// Besides the payload `count`.
    pub(crate) payload: &'static str,
    pub(crate) tasks: String,
    pub(crate) handlers: String,
    pub(crate) interrupts: String,
    pub(crate) duration: &'static str,
    pub(crate) quiesce: &'static str,
}

impl Default for Lab {
    fn default() -> Lab {
        Lab {
            cores: 2,
            machine: "skylake-ring-8",
            adjust: |_| {},
            memory_model: None,
            program: "Builtin(\"rqspinlock\")".into(),
            base: "6.17",
            options: "",
            params: "",
            stages: vec![Vec::new()],
            locks: "\"a\", \"b\"",
            payload: "",
            tasks: String::new(),
            handlers: "\"nmi\": [Critical(lock: \"a\", body: [Work(Fixed(\"10ns\"))])]".into(),
            interrupts: String::new(),
            duration: "1ms",
            quiesce: "2s",
        }
    }
}

impl Lab {
    /// Adds a task for one core.
    pub(crate) fn task(mut self, cpu: u32, body: &str) -> Lab {
        self.tasks += &format!("(on: Cpus([{cpu}]), body: [{body}]),\n");
        self
    }

    /// Adds an NMI that lands on `cpu` the first time it reaches `label`; its handler takes and releases lock a.
    pub(crate) fn nmi_at(mut self, cpu: u32, label: &str) -> Lab {
        self.interrupts += &format!(
            "(name: \"at{cpu}\", vector: Nmi, handler: \"nmi\", on: Cpus([{cpu}]), source: Directed(label: \"{label}\")),\n"
        );
        self
    }

    /// The same lab with one stage of these patches.
    pub(crate) fn with(&self, base: &'static str, patches: &[&'static str]) -> Lab {
        Lab { base, stages: vec![patches.to_vec()], ..self.clone() }
    }

    /// All of it, ready to run.
    #[track_caller]
    pub(crate) fn plan(&self) -> Plan {
        let stages: Vec<String> =
            self.stages.iter().enumerate().map(|(i, s)| format!("(name: \"s{i}\", patches: {s:?})")).collect();
        let text = format!(
            "(title: \"lab\", question: \"?\", machine: Preset({:?}),
              lock: (program: {}, base: \"{}\", options: [{}], params: {{{}}}),
              stages: [{}], locks: [{}], payload: [(name: \"count\", bytes: \"64B\", fields: {{\"b\": \"8B\"}}){}],
              workload: (tasks: [{}]), handlers: {{{}}}, interrupts: [{}],
              duration: \"{}\", seeds: List([1]), limits: (quiesce: \"{}\"))",
            self.machine,
            self.program,
            self.base,
            self.options,
            self.params,
            stages.join(", "),
            self.locks,
            self.payload,
            self.tasks,
            self.handlers,
            self.interrupts,
            self.duration,
            self.quiesce,
        );
        let mut loaded = configs::parse(&text, "lab.ron").unwrap_or_else(|e| panic!("{}\n{text}", e.render(false)));
        let machine = &mut loaded.experiment.machine;
        machine.cores = self.cores;
        machine.memory_model = self.memory_model.unwrap_or(machine.memory_model);
        (self.adjust)(machine);
        plan(loaded).unwrap_or_else(|e| panic!("{}", e.plain))
    }

    /// The record of the first stage with seed 1.
    #[track_caller]
    pub(crate) fn record(&self) -> Record {
        let plan = self.plan();
        let record = run(&plan.loaded, &plan.stages[0], 1, false).record;
        assert_eq!(record.check(), Ok(()));
        record
    }

    /// As [`Lab::record`], for a run in which nothing may go wrong.
    #[track_caller]
    pub(crate) fn ok(&self) -> Record {
        let record = self.record();
        assert_eq!(record.status, "ok", "{}", record.finding.unwrap_or_default());
        record
    }
}

/// A run with the machine that made it.
pub(crate) struct Ran {
    pub(crate) machine: Machine<Observer>,
    /// Status and account, or nothing if all is well.
    pub(crate) finding: Option<(&'static str, String)>,
}

impl Ran {
    /// Runs a stage to its end.
    pub(crate) fn new(plan: &Plan, stage: &StagePlan, seed: u64) -> Ran {
        let spec = MachineSpec { seed, ..stage.spec.clone() };
        let mut machine = Machine::new(&spec, Observer::new(spec.memory.cores, spec.clock, 4_000_000));
        let quiesce = plan.loaded.experiment.limits.quiesce.cycles(spec.clock.khz);
        let outcome = machine.run_until(spec.stop_at.after(quiesce));
        let finding = find(&machine, &outcome);
        Ran { machine, finding }
    }

    /// Sum of the two words of the payload: every critical section adds one to that of its lock.
    pub(crate) fn counter(&self) -> u64 {
        let object = self.machine.program().object("data_count").expect("the experiment declares it");
        let word = |offset| self.machine.memory().value(object.addr + offset, sim_core::isa::Width::U64);
        word(0) + word(8)
    }
}

/// Records of seed 1 by stage, for some stages of a preset (all if none is named) with some fields changed.
#[track_caller]
pub(crate) fn stages_of(preset: &str, wanted: &[&str], changes: &[(&str, &str)]) -> BTreeMap<String, Record> {
    let mut text = presets::experiment_text(preset).expect("a preset").to_owned();
    for (path, value) in changes {
        text = expanded(&parse(&text, preset).unwrap_or_else(|e| panic!("{}", e.render(false))).experiment);
        text = override_field(&text, path, value).unwrap_or_else(|e| panic!("{e}"));
    }
    let plan = plan(parse(&text, preset).unwrap_or_else(|e| panic!("{}", e.render(false))))
        .unwrap_or_else(|e| panic!("{}", e.plain));
    let chosen = plan.stages.iter().filter(|s| wanted.is_empty() || wanted.contains(&s.name.as_str()));
    let of_stage = |s: &StagePlan| {
        let record = run(&plan.loaded, s, 1, false).record;
        assert_eq!(record.check(), Ok(()));
        (record.stage.clone(), record)
    };
    chosen.map(of_stage).collect()
}
