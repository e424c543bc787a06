// SPDX-License-Identifier: MIT OR Apache-2.0
//! Small experiments as text, and runs of them.

use configs::Loaded;
use reports::Record;
use rqsim::machine::{Machine, MachineSpec, Outcome};
use rqsim::observe::Observer;
use rqsim::plan::{Plan, plan};
use rqsim::run::run;
use sim_core::isa::Width;
use sim_core::time::Cycle;

/// An experiment on the preset machine (4 GHz), with the lock rqspinlock unless another is given.
#[derive(Clone, Debug)]
pub(crate) struct Lab {
    pub(crate) cores: u32,
    pub(crate) program: &'static str,
    pub(crate) base: &'static str,
    pub(crate) patches: &'static [&'static str],
    pub(crate) params: &'static str,
    pub(crate) tasks: &'static str,
    pub(crate) handlers: &'static str,
    pub(crate) interrupts: String,
    /// Further fields, such as `tick: (..),`.
    pub(crate) more: &'static str,
    pub(crate) duration: &'static str,
}

impl Default for Lab {
    fn default() -> Lab {
        Lab {
            cores: 2,
            program: "rqspinlock",
            base: "6.17",
            patches: &[],
            params: "",
            tasks: "",
            handlers: "",
            interrupts: String::new(),
            more: "",
            duration: "1ms",
        }
    }
}

impl Lab {
    pub(crate) fn text(&self) -> String {
        format!(
            "(title: \"lab\", question: \"?\", machine: Preset(\"skylake-ring-8\"),
              lock: (program: Builtin({:?}), base: \"{}\", params: {{{}}}),
              stages: [(name: \"s\", patches: {:?})], locks: [\"a\", \"b\", \"c\"],
              payload: [(name: \"x\", bytes: \"256B\", fields: {{\"y\": \"64B\", \"z\": \"128B\", \"w\": \"192B\"}})],
              workload: (tasks: [{}]), handlers: {{{}}}, interrupts: [{}], {}
              duration: \"{}\", seeds: List([1]))",
            self.program,
            self.base,
            self.params,
            self.patches,
            self.tasks,
            self.handlers,
            self.interrupts,
            self.more,
            self.duration,
        )
    }

    #[track_caller]
    pub(crate) fn loaded(&self) -> Loaded {
        let text = self.text();
        let mut loaded = configs::parse(&text, "lab.ron").unwrap_or_else(|e| panic!("{}\n{text}", e.render(false)));
        loaded.experiment.machine.cores = self.cores;
        loaded
    }

    #[track_caller]
    pub(crate) fn plan(&self) -> Plan {
        plan(self.loaded()).unwrap_or_else(|e| panic!("{}", e.plain))
    }

    /// The record of the run, which is the same whether it was computed or executed.
    #[track_caller]
    pub(crate) fn record(&self) -> Record {
        let plan = self.plan();
        let record = |exact| run(&plan.loaded, &plan.stages[0], 1, exact).record;
        let fast = record(false);
        assert_eq!(fast.check(), Ok(()));
        assert_eq!(fast, record(true), "fast and exact");
        fast
    }

    /// As [`Lab::record`], for a run in which nothing may go wrong.
    #[track_caller]
    pub(crate) fn ok(&self) -> Record {
        let record = self.record();
        assert_eq!(record.status, "ok", "{}", record.finding.unwrap_or_default());
        record
    }

    /// The machine at rest, with everything seen of it.
    #[track_caller]
    pub(crate) fn machine(&self) -> Machine<Observer> {
        let plan = self.plan();
        let spec = MachineSpec { seed: 1, ..plan.stages[0].spec.clone() };
        let observer = Observer::new(spec.memory.cores, spec.clock, u64::MAX);
        let mut machine = Machine::new(&spec, observer);
        assert_eq!(machine.run_until(Cycle(20_000_000_000)), Outcome::Idle);
        assert!(machine.is_quiescent());
        machine
    }
}

/// An 8-byte word of the payload `x`, by its offset in bytes.
pub(crate) fn word(machine: &Machine<Observer>, offset: u64) -> u64 {
    let program = machine.program();
    let object = program.objects.iter().find(|o| o.name == "data_x").expect("the payload is there");
    machine.memory().value(object.addr + offset, Width::U64)
}
