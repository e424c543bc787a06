// SPDX-License-Identifier: MIT OR Apache-2.0
//! Making one run of a sweep.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use configs::sweep::Sweep;
use reports::{Record, names};

use super::crew::Job;
use super::plan::{ConfigText, SweepPlan, expand};
use crate::plan::{Assembled, InputError, Plan};
use crate::run::{Budget, heading, run_within};

/// A run's outcome: its record, and the host time of the simulation alone.
pub type Outcome = (Record, Duration);

/// Makes runs of a sweep.
pub struct Maker<'a> {
    sweep: &'a Sweep,
    plan: &'a SweepPlan,
    assembled: &'a Assembled,
    recent: Mutex<Vec<(usize, Arc<Prepared>)>>,
    keep: usize,
}

/// A point, ready to run.
struct Prepared {
    plan: Plan,
    texts: Vec<OnceLock<ConfigText>>,
}

impl<'a> Maker<'a> {
    /// For so many threads.
    #[must_use]
    pub fn new(sweep: &'a Sweep, plan: &'a SweepPlan, assembled: &'a Assembled, threads: usize) -> Maker<'a> {
        Maker { sweep, plan, assembled, recent: Mutex::default(), keep: 2 * threads }
    }

    fn prepared(&self, point: usize) -> Result<Arc<Prepared>, InputError> {
        let recent = || self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, p)) = recent().iter().find(|(i, _)| *i == point) {
            return Ok(Arc::clone(p));
        }
        let idx = self.plan.points[point].point as usize - 1;
        let plan = expand(self.sweep, idx, self.assembled)?;
        let texts = plan.stages.iter().map(|_| OnceLock::new()).collect();
        let prepared = Arc::new(Prepared { plan, texts });
        let mut recent = recent();
        if recent.len() >= self.keep {
            recent.remove(0);
        }
        recent.push((point, Arc::clone(&prepared)));
        Ok(prepared)
    }

    /// Makes a run. If the simulator fails, the record says so.
    ///
    /// # Errors
    /// The experiment is not the one of the plan any more.
    pub fn make(&self, job: Job) -> Result<Outcome, InputError> {
        self.make_with(job, || ())
    }

    /// As [`Maker::make`]; `first` is done as a part of the run.
    ///
    /// # Errors
    /// As [`Maker::make`].
    pub fn make_with(&self, job: Job, first: impl FnOnce()) -> Result<Outcome, InputError> {
        let prepared = self.prepared(job.point)?;
        let (place, name) = &self.plan.header.stages[job.stage];
        let point = &self.plan.points[job.point];
        let stage = &prepared.plan.stages[*place as usize];
        if stage.config_hash != point.configs[job.stage] || stage.program_hash != point.programs[job.stage] {
            let what =
                format!("point {}, stage {name}: the experiment has changed since the plan was made", point.point);
            return Err(InputError::text(&what, "do not edit the sweep's base or programs while it runs; start again"));
        }
        let until = self.sweep.file.limits.seconds.map(|s| Instant::now() + Duration::from_secs(s));
        let budget = Budget { micro_ops: self.plan.header.micro_ops_max, until };
        let begin = Instant::now();
        let run = || {
            first();
            run_within(&prepared.plan.loaded, stage, job.seed, false, budget).record
        };
        let made = catch_unwind(AssertUnwindSafe(run));
        let pure = begin.elapsed();
        let mut record = made.unwrap_or_else(|cause| crashed(&prepared.plan, *place, job.seed, &*cause));
        let text = prepared.texts[*place as usize].get_or_init(|| ConfigText::new(&prepared.plan, *place));
        record.config = text.with_seed(job.seed);
        Ok((record, pure))
    }
}

/// The record of a run during which the simulator failed: what it is, and nothing measured.
fn crashed(plan: &Plan, place: u32, seed: u64, cause: &(dyn Any + Send)) -> Record {
    let words = cause.downcast_ref::<String>().map(String::as_str).or_else(|| cause.downcast_ref::<&str>().copied());
    Record {
        status: names::CRASH.to_owned(),
        finding: Some(format!("crash: the simulator failed: {}\n", words.unwrap_or("it gave no reason"))),
        ..heading(&plan.loaded.experiment, &plan.stages[place as usize], seed)
    }
}
