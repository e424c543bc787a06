// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finding a window that is given by what happens.

use configs::Loaded;
use sim_core::isa::{ContextKind, ETIMEDOUT, MarkKind, Pc};
use sim_core::ports::{Probe, Stand};
use sim_core::time::Cycle;

use super::{Mark, Wanted, Window};
use crate::machine::{Machine, MachineSpec, Outcome};
use crate::plan::{InputError, StagePlan, near};

/// Simulated cycles between two looks at what the probe has found.
const SLICE_CYCLES: u64 = 1_000_000;

/// A probe that looks for something.
trait Seeker: Probe {
    /// Begin and end of what was looked for.
    fn found(&self) -> Option<(Cycle, Cycle)>;
}

/// Looks for the first time-out.
struct FirstTimeout {
    /// `[core]`: when the attempt of each context began, outermost first.
    began: Vec<Vec<Cycle>>,
    found: Option<(Cycle, Cycle)>,
}

impl Probe for FirstTimeout {
    fn mark(&mut self, at: Cycle, core: usize, kind: MarkKind, args: [u64; 3], _: Pc) {
        match kind {
            MarkKind::Enter => self.began[core].push(at),
            MarkKind::Leave => drop(self.began[core].pop()),
            MarkKind::Attempt => *self.began[core].last_mut().expect("the task's") = at,
            MarkKind::Failed if args[1] == ETIMEDOUT && self.found.is_none() => {
                self.found = self.began[core].last().map(|began| (*began, at));
            }
            _ => {}
        }
    }
    fn enter(&mut self, at: Cycle, core: usize, _: ContextKind, _: Pc) {
        self.began[core].push(at);
    }
    fn leave(&mut self, _: Cycle, core: usize, _: ContextKind, _: Cycle) {
        self.began[core].pop();
    }
}

impl Seeker for FirstTimeout {
    fn found(&self) -> Option<(Cycle, Cycle)> {
        self.found
    }
}

/// Looks for the first core at a place of the program.
struct FirstAt {
    pc: Pc,
    found: Option<Cycle>,
}

impl Probe for FirstAt {
    const WATCHES_BOUNDARIES: bool = true;
    fn boundary(&mut self, at: Cycle, _: usize, pc: Pc, stand: Stand) {
        if pc == self.pc && stand == Stand::Before {
            self.found = Some(self.found.map_or(at, |f| f.min(at)));
        }
    }
}

impl Seeker for FirstAt {
    fn found(&self) -> Option<(Cycle, Cycle)> {
        self.found.map(|at| (at, at))
    }
}

/// The window that is wanted, in cycles of this run.
pub(super) fn find(loaded: &Loaded, stage: &StagePlan, seed: u64, wanted: &Wanted) -> Result<Window, InputError> {
    let khz = stage.spec.clock.khz;
    let (mark, margin) = match wanted {
        Wanted::Time(from, to) => {
            let cycles = |s: &configs::Span| if s.is_zero() { 0 } else { s.cycles(khz) };
            let window = Window { from: Cycle(cycles(from)), to: Cycle(cycles(to)) };
            if window.from >= window.to {
                return Err(InputError::text("the window ends before it begins", "write the earlier instant first"));
            }
            return Ok(window);
        }
        Wanted::Around(mark, margin) => (mark, margin.cycles(khz)),
    };
    let limit = stage.spec.stop_at.after(loaded.experiment.limits.quiesce.cycles(khz));
    let spec = MachineSpec { seed, ..stage.spec.clone() };
    let run = format!("stage {}, seed {seed}", stage.name);
    let found = match mark {
        Mark::FirstTimeout => {
            let began = vec![vec![Cycle(0)]; spec.memory.cores];
            seek(&spec, FirstTimeout { began, found: None }, limit).ok_or_else(|| {
                let help = "another seed or stage may have one; `sim run` counts them in the column of time-outs";
                InputError::text(&format!("no attempt timed out in this run ({run})"), help)
            })?
        }
        Mark::Label(name) => {
            let Some(pc) = spec.program.label(name) else {
                let names = spec.program.labels.iter().map(|l| l.name.as_str());
                let what = format!("the program has no label \"{name}\" in stage {}", stage.name);
                return Err(InputError::text(&what, &near(name, names, "labels")));
            };
            seek(&spec, FirstAt { pc, found: None }, limit).ok_or_else(|| {
                let help = "another seed, stage or label may do; `sim asm show` prints the program with its labels";
                InputError::text(&format!("no core comes to {name} in this run ({run})"), help)
            })?
        }
    };
    Ok(Window { from: Cycle(found.0.0.saturating_sub(margin)), to: found.1.after(margin).after(1) })
}

fn seek<P: Seeker>(spec: &MachineSpec, probe: P, limit: Cycle) -> Option<(Cycle, Cycle)> {
    let mut machine = Machine::new(spec, probe);
    let mut slice = Cycle(0);
    loop {
        slice = slice.after(SLICE_CYCLES).min(limit);
        let outcome = machine.run_until(slice);
        let found = machine.probe.found();
        if found.is_some() || outcome != Outcome::Limit || slice == limit {
            return found;
        }
    }
}
