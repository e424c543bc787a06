// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs of scenario presets, and the machine's constants that bounds are made of.

use std::ops::Range;

use rayon::prelude::*;
use reports::Record;
use rqsim::machine::{Machine, MachineSpec};
use rqsim::plan::{Plan, plan};
use rqsim::run::run;
use sim_core::isa::{ContextKind, MarkKind, Pc, WaitKind};
use sim_core::ports::Probe;
use sim_core::time::Cycle;

use crate::page;

/// Every scenario: a preset and a page of this name.
pub(crate) const SCENARIOS: [&str; 32] = [
    "window-cmpxchg-entry",
    "window-unlock",
    "window-pending-entry",
    "window-after-release",
    "released-not-taken",
    "window-before-cmpxchg",
    "wrong-abba",
    "wrong-abba-arm64",
    "wrong-abba-head",
    "false-abba",
    "false-abba-head",
    "immediate-aa",
    "nmi-fairness",
    "nmi-other-lock",
    "try-once",
    "nonhead-nmi",
    "nonhead-over-owner",
    "two-locks-two-owners",
    "two-locks-two-heads",
    "own-entry",
    "own-entry-guest",
    "entry-leak",
    "entry-leak-tas",
    "node-count",
    "handover-nmi",
    "queue-flush",
    "lost-heir",
    "lost-heir-nmi",
    "latched-nmi",
    "three-locks",
    "hook-begin",
    "hook-end",
];

/// The five patches in order of their numbers.
const SERIES: [&str; 5] = ["enclose", "immediate_aa", "queue_in_nmi", "try_once", "aa_before_queue"];

/// Numbers of the patches of a base's seven stages.
const STAGES: [&[usize]; 7] = [&[], &[1], &[1, 2], &[1, 2, 3], &[1, 2, 3, 4], &[1, 2, 3, 4, 5], &[1, 3]];

/// ns of one millisecond.
pub(crate) const MS: u64 = 1_000_000;

/// One stage of a scenario, run.
pub(crate) struct Stage {
    pub(crate) record: Record,
}

impl Stage {
    /// Whether the patch with this number is applied.
    pub(crate) fn has(&self, number: usize) -> bool {
        self.record.patches.iter().any(|p| p == SERIES[number - 1])
    }

    /// Whether the base is bpf-next, whose head keeps the queue when it finds a deadlock (patch Q).
    pub(crate) fn next(&self) -> bool {
        self.record.base == "bpf-next"
    }

    /// Status and name for messages.
    pub(crate) fn name(&self) -> &str {
        &self.record.stage
    }

    /// The only attempt of this context on this core: result and ns.
    #[track_caller]
    pub(crate) fn attempt(&self, cpu: u32, context: &str) -> (&str, u64) {
        let all: Vec<_> = self.record.worst.iter().filter(|w| w.cpu == cpu && w.context == context).collect();
        assert_eq!(all.len(), 1, "{}: {all:?}", self.name());
        (&all[0].result, all[0].lasted_ns)
    }

    /// Checks and waits that ended attempts with an error, and how often; those with a count only.
    pub(crate) fn errors(&self) -> Vec<(&str, u64)> {
        let r = &self.record;
        let all = r.edeadlk_by.iter().chain(&r.timeouts_by);
        all.filter(|(_, n)| **n > 0).map(|(k, n)| (k.as_str(), *n)).collect()
    }

    /// Attempts of a kind of context: held, EDEADLK, ETIMEDOUT, unfinished.
    pub(crate) fn ends(&self, context: &str) -> (u64, u64, u64, u64) {
        let c = &self.record.contexts[context];
        (c.held, c.edeadlk, c.etimedout, c.unfinished)
    }

    /// The oracle: detected, avoided, late, wrong culprit, false, missed, no cycle.
    pub(crate) fn oracle(&self) -> [u64; 7] {
        let o = &self.record.oracle;
        [o.detected, o.avoided, o.late, o.wrong_culprits, o.false_positives, o.misses, o.timeouts_outside_cycle]
    }

    /// The account of a run that did not end well.
    pub(crate) fn finding(&self) -> &str {
        self.record.finding.as_deref().unwrap_or_default()
    }

    /// Asserts that the run hung and that the core stands in `place`.
    #[track_caller]
    pub(crate) fn hangs_in(&self, core: u32, place: &str) {
        assert_eq!(self.record.status, "hang", "{}", self.name());
        let core = format!("core {core}");
        let stands = self.finding().lines().any(|l| l.contains(&core) && l.contains(place));
        assert!(stands, "{}: {core} is not in {place}\n{}", self.name(), self.finding());
    }

    /// Asserts that all came to rest and everything is clean.
    #[track_caller]
    pub(crate) fn ok(&self) {
        assert_eq!(self.record.status, "ok", "{}: {}", self.name(), self.finding());
    }
}

/// All stages of a scenario, run with its seed.
pub(crate) struct Scenario {
    plan: Plan,
    pub(crate) stages: Vec<Stage>,
}

/// What a look at the whole run needs: every mark in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks(pub(crate) Vec<Mark>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) at: u64,
    pub(crate) core: usize,
    pub(crate) kind: MarkKind,
    pub(crate) args: [u64; 3],
}

impl Probe for Marks {
    fn mark(&mut self, at: Cycle, core: usize, kind: MarkKind, args: [u64; 3], _: Pc) {
        self.0.push(Mark { at: at.0, core, kind, args });
    }
    fn enter(&mut self, _: Cycle, _: usize, _: ContextKind, _: Pc) {}
    fn leave(&mut self, _: Cycle, _: usize, _: ContextKind, _: Cycle) {}
}

impl Marks {
    /// Waits of this kind on a core.
    pub(crate) fn waits(&self, core: usize, kind: WaitKind) -> usize {
        let ours = |m: &&Mark| m.core == core && m.kind == MarkKind::Wait && m.args[1] == kind as u64;
        self.0.iter().filter(ours).count()
    }
}

impl Scenario {
    /// Runs a preset and compares (or writes) the table of its page.
    #[track_caller]
    pub(crate) fn run(name: &str) -> Scenario {
        let loaded = configs::load(name).unwrap_or_else(|e| panic!("{}", e.render(false)));
        let plan = plan(loaded).unwrap_or_else(|e| panic!("{}", e.plain));
        let one = |stage: &rqsim::plan::StagePlan| {
            let record = run(&plan.loaded, stage, plan.seeds[0], false).record;
            assert_eq!(record.check(), Ok(()), "{name} {}", record.stage);
            Stage { record }
        };
        let stages: Vec<Stage> = plan.stages.par_iter().map(one).collect();
        let seen: Vec<(String, Vec<String>)> =
            stages.iter().map(|s| (s.record.base.clone(), s.record.patches.clone())).collect();
        assert_eq!(seen, fourteen(), "{name}");
        page::compare(name, &stages);
        Scenario { plan, stages }
    }

    /// Every mark of one stage.
    pub(crate) fn marks(&self, stage: &Stage) -> Marks {
        marks(&self.plan, stage.record.stage_idx as usize)
    }

    /// ns between two runs of the deadline routine in a wait of which an iteration has `ops` micro-ops besides the load and
    /// the pause: 65,536 iterations.
    fn interval(&self, ops: u64) -> u64 {
        let m = &self.plan.loaded.experiment.machine;
        let khz = m.clock.khz();
        let iteration = m.l1d.hit.cycles(khz) + m.latencies.pause.cycles(khz) + ops * m.latencies.alu.cycles(khz);
        65_536 * iteration * 1_000_000 / khz
    }

    /// ns from the begin of a wait as pending waiter or in the fallback to its first deadlock check, both its runs of the
    /// routine and their misses included. An iteration: the load, branch, copy, add, and, branch, pause, jump.
    pub(crate) fn first_check(&self) -> Range<u64> {
        let interval = self.interval(6);
        interval..interval + 10_000
    }

    /// The same at the head of the queue, which masks the word first.
    pub(crate) fn first_check_of_head(&self) -> Range<u64> {
        let interval = self.interval(7);
        interval..interval + 10_000
    }

    /// ns from the begin of a wait as pending waiter or in the fallback to its time-out: the first check beyond 250 ms.
    pub(crate) fn short_timeout(&self) -> Range<u64> {
        timeout(250 * MS, self.interval(6))
    }

    /// The same for the test-and-set form, whose iteration is as long: the first check beyond 1 s.
    pub(crate) fn long_timeout(&self) -> Range<u64> {
        timeout(1_000 * MS, self.interval(6))
    }

    /// The same for the head of the queue: the first check beyond 500 ms.
    pub(crate) fn head_timeout(&self) -> Range<u64> {
        timeout(500 * MS, self.interval(7))
    }
}

/// Every mark of the stage with this index, with the first seed.
pub(crate) fn marks(plan: &Plan, stage: usize) -> Marks {
    let spec = MachineSpec { seed: plan.seeds[0], ..plan.stages[stage].spec.clone() };
    let mut machine = Machine::new(&spec, Marks::default());
    let quiesce = plan.loaded.experiment.limits.quiesce.cycles(spec.clock.khz);
    machine.run_until(spec.stop_at.after(quiesce));
    machine.probe
}

/// The deadline is set by the first run of the routine and looked at every `interval`; each run takes up to 100 ns.
fn timeout(deadline: u64, interval: u64) -> Range<u64> {
    let looks = deadline.div_ceil(interval);
    looks * interval..looks * interval + looks * 100 + 10_000
}

/// Base and patches of the stages that every scenario has.
fn fourteen() -> Vec<(String, Vec<String>)> {
    let names = |numbers: &[usize]| numbers.iter().map(|n| SERIES[n - 1].to_owned()).collect();
    let of = |base: &'static str| STAGES.iter().map(move |n| (base.to_owned(), names(n)));
    of("6.17").chain(of("bpf-next")).collect()
}
