// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where NMIs land: which of them interrupt a lock at work.

use std::ops::AddAssign;

use rqsim::machine::{Machine, MachineSpec};
use rqsim::observe::Observer;
use rqsim::plan::{Plan, StagePlan};
use rqsim::run::find;
use sim_core::isa::{ContextKind, MarkKind, Pc};
use sim_core::ports::Probe;
use sim_core::program::Program;
use sim_core::time::Cycle;

use crate::support::Ran;

/// NMIs by what they interrupted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Landings {
    /// A step of the lock's program: every line of it except those that are next.
    pub(crate) steps: u64,
    /// One of its waiting loops, for the first time in an attempt.
    pub(crate) waits: u64,
    /// The same again: a CPU that spins for 250 ms is hit 2000 times in one and the same situation.
    pub(crate) again: u64,
    /// The critical section.
    pub(crate) owners: u64,
    /// Anything else.
    pub(crate) elsewhere: u64,
}

impl Landings {
    /// Between an attempt and the end of unlock, repetitions left out.
    pub(crate) fn inside(&self) -> u64 {
        self.steps + self.waits + self.owners
    }
}

impl AddAssign for Landings {
    fn add_assign(&mut self, other: Landings) {
        self.steps += other.steps;
        self.waits += other.waits;
        self.again += other.again;
        self.owners += other.owners;
        self.elsewhere += other.elsewhere;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Workload,
    Step,
    Wait,
}

/// Labels at which a waiting loop of rqspinlock begins or goes on.
const WAITS: [&str; 15] = [
    "slow_path.hand_over",
    "slow_path.pending_wait",
    "slow_path.pending_pause",
    "queue_path.queued",
    "queue_path.head_wait",
    "queue_path.head_pause",
    "queue_path.find_next",
    "queue_path.find_flushed",
    "queue_path.find_heir",
    "queue_path.fallback_try",
    "queue_path.fallback_check",
    "queue_path.fallback_pause",
    "tas_lock.tas_try",
    "tas_lock.tas_check",
    "tas_lock.tas_pause",
];

/// The usual observer, which counts landings as well.
#[derive(Clone, Debug)]
pub(crate) struct Lander {
    observer: Observer,
    /// `[micro-op]`.
    places: Vec<Place>,
    /// `[core]`: locks owned by its contexts.
    owned: Vec<u32>,
    /// `[core]`, contexts, outermost first: whether the attempt it makes was hit in a waiting loop.
    hit: Vec<Vec<bool>>,
    landings: Landings,
}

impl Lander {
    fn new(program: &Program, observer: Observer, cores: usize) -> Lander {
        let mut places = vec![Place::Workload; program.ops.len()];
        let of_workload = |name: &str| ["task_", "on_", "hook_", "tick"].iter().any(|p| name.starts_with(p));
        for p in program.procs.iter().filter(|p| !of_workload(&p.name)) {
            let mut labels: Vec<(Pc, bool)> = program
                .labels
                .iter()
                .filter(|l| (p.entry..p.end).contains(&l.pc))
                .map(|l| (l.pc, WAITS.contains(&l.name.as_str())))
                .collect();
            labels.sort_unstable();
            for pc in p.entry..p.end {
                let under = labels.iter().rfind(|(at, _)| *at <= pc).is_some_and(|(_, wait)| *wait);
                places[pc as usize] = if under { Place::Wait } else { Place::Step };
            }
        }
        Lander { observer, places, owned: vec![0; cores], hit: vec![vec![false]; cores], landings: Landings::default() }
    }
}

impl Probe for Lander {
    fn mark(&mut self, at: Cycle, core: usize, kind: MarkKind, args: [u64; 3], pc: Pc) {
        match kind {
            MarkKind::Attempt => {
                if let Some(hit) = self.hit[core].last_mut() {
                    *hit = false;
                }
            }
            MarkKind::Held => self.owned[core] += 1,
            MarkKind::Released => self.owned[core] = self.owned[core].saturating_sub(1),
            _ => {}
        }
        self.observer.mark(at, core, kind, args, pc);
    }

    fn enter(&mut self, at: Cycle, core: usize, kind: ContextKind, pc: Pc) {
        if kind == ContextKind::Nmi {
            match self.places.get(pc as usize) {
                Some(Place::Step) => self.landings.steps += 1,
                Some(Place::Wait) => match self.hit[core].last_mut() {
                    Some(hit) if !*hit => {
                        *hit = true;
                        self.landings.waits += 1;
                    }
                    _ => self.landings.again += 1,
                },
                _ if self.owned[core] > 0 => self.landings.owners += 1,
                _ => self.landings.elsewhere += 1,
            }
        }
        self.hit[core].push(false);
        self.observer.enter(at, core, kind, pc);
    }

    fn leave(&mut self, at: Cycle, core: usize, kind: ContextKind, resumed: Cycle) {
        self.hit[core].pop();
        self.observer.leave(at, core, kind, resumed);
    }
}

/// Runs a stage to its end, as [`Ran::new`], and counts where NMIs landed.
pub(crate) fn landed(plan: &Plan, stage: &StagePlan, seed: u64) -> (Ran, Landings) {
    let spec = MachineSpec { seed, ..stage.spec.clone() };
    let cores = spec.memory.cores;
    let observer = Observer::new(cores, spec.clock, 4_000_000);
    let mut machine = Machine::new(&spec, Lander::new(&spec.program, observer, cores));
    let quiesce = plan.loaded.experiment.limits.quiesce.cycles(spec.clock.khz);
    let outcome = machine.run_until(spec.stop_at.after(quiesce));
    let landings = machine.probe.landings;
    let machine = machine.map_probe(|p| p.observer);
    let finding = find(&machine, &outcome);
    (Ran { machine, finding }, landings)
}
