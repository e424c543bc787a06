// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a sweep will cost, from short runs of a few of its points.
//!
//! The host's time for a run grows with simulated time and cores, and hangs on the stage and on where the point stands. So a few
//! points, spread over the plan, are run for a short simulated time, stage by stage; a run of another point is taken to cost what the
//! nearest of them costs per core and simulated second. Other seeds, what a run does later on, and points between those that were tried can cost
//! more or less, so there is a range, too: all points as the cheapest and as the dearest of those tried. It is time of the host as busy as it
//! is now. The estimate decides the order of the work and what is shown of it, never a result.

use std::time::{Duration, Instant};

use configs::Span;
use configs::sweep::Sweep;

use super::plan::{Point, SweepPlan};
use crate::plan::{Assembled, InputError, plan_with};
use crate::run::{Budget, run_within};

/// Points that are tried.
const POINTS: usize = 9;
/// A short run is long enough to go by when it has taken this.
const LONG_ENOUGH: Duration = Duration::from_millis(40);
/// When the runs together have taken this, each other one is broken off sooner.
const TOGETHER: Duration = Duration::from_secs(4);
/// How long one short run may take before it is broken off.
const TOO_LONG: Duration = Duration::from_secs(3);

/// Cost of runs.
#[derive(Clone, Debug, Default)]
pub struct Estimate {
    /// Place in the plan of a point that was tried, and for each stage the host's seconds per core and simulated nanosecond.
    rates: Vec<(u64, Vec<f64>)>,
    /// Bytes of a record.
    pub record_bytes: u64,
    /// Runs that were tried.
    pub tried: usize,
}

impl Estimate {
    /// Seconds of a run of this point and stage; a nanosecond per core and simulated nanosecond if nothing was tried.
    #[must_use]
    pub fn seconds(&self, point: &Point, stage: usize) -> f64 {
        let nearest = self.rates.iter().min_by_key(|(n, _)| n.abs_diff(point.point));
        let rate = nearest.and_then(|(_, rates)| rates.get(stage)).copied().unwrap_or(1e-9);
        rate * point.core_ns as f64
    }

    /// Tries a few points.
    ///
    /// # Errors
    /// As [`super::plan::expand`].
    pub fn make(sweep: &Sweep, plan: &SweepPlan, assembled: &Assembled) -> Result<Estimate, InputError> {
        let mut estimate = Estimate::default();
        let all = plan.points.len();
        let mut places: Vec<usize> = (0..POINTS).map(|i| i * (all - 1) / (POINTS - 1)).collect();
        places.dedup();
        let (mut bytes, mut texts) = (0, 0);
        let all_began = Instant::now();
        for place in places {
            let point = &plan.points[place];
            let loaded = sweep.point(point.point as usize - 1)?;
            let khz = loaded.experiment.machine.clock.khz();
            let full_ns = loaded.experiment.duration.nanos(khz).max(1);
            let mut rates = Vec::new();
            for (stage, _) in &plan.header.stages {
                let mut share = full_ns.min(200_000);
                loop {
                    let mut short = loaded.clone();
                    short.experiment.duration = Span::Picos(share.saturating_mul(1000));
                    let short = plan_with(short, assembled)?;
                    let begin = Instant::now();
                    let budget = Budget { micro_ops: None, until: Some(begin + TOO_LONG) };
                    let run = || run_within(&short.loaded, &short.stages[*stage as usize], 1, false, budget);
                    // A failure of the simulator will be met and recorded when the run is made.
                    let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
                    let took = begin.elapsed();
                    estimate.tried += 1;
                    if let Ok(made) = made {
                        bytes += made.record.to_json_line().map_or(0, |l| l.len());
                        texts += 1;
                    }
                    let cores = u64::from(short.loaded.experiment.machine.cores);
                    let enough = if all_began.elapsed() < TOGETHER { LONG_ENOUGH } else { LONG_ENOUGH / 10 };
                    if took >= enough || share == full_ns {
                        rates.push(took.as_secs_f64() / (share * cores) as f64);
                        break;
                    }
                    share = share.saturating_mul(8).min(full_ns);
                }
            }
            estimate.rates.push((point.point, rates));
        }
        // The text of the experiment, too.
        let text = configs::expanded(&sweep.base.experiment).len();
        estimate.record_bytes = (bytes / std::cmp::max(texts, 1) + text) as u64;
        Ok(estimate)
    }

    /// As [`Estimate::total`], if every point cost as the cheapest of those tried, and as the dearest.
    #[must_use]
    pub fn range(&self, plan: &SweepPlan) -> (f64, f64) {
        let core_ns = plan.points.iter().map(|p| p.core_ns as f64).sum::<f64>() * plan.header.seeds.len() as f64;
        let stage = |s: usize| {
            let rates = self.rates.iter().filter_map(|(_, r)| r.get(s).copied());
            rates.fold((f64::INFINITY, 0.0_f64), |(low, high), r| (low.min(r), high.max(r)))
        };
        let stages: Vec<(f64, f64)> =
            (0..plan.header.stages.len()).map(stage).filter(|(low, _)| low.is_finite()).collect();
        (stages.iter().map(|s| s.0 * core_ns).sum(), stages.iter().map(|s| s.1 * core_ns).sum())
    }

    /// Seconds of all runs of a plan on one thread, each stage of each point with the seeds it begins with.
    #[must_use]
    pub fn total(&self, plan: &SweepPlan) -> f64 {
        let stages = 0..plan.header.stages.len();
        let one = |p: &Point| stages.clone().map(|s| self.seconds(p, s)).sum::<f64>();
        plan.points.iter().map(one).sum::<f64>() * plan.header.seeds.len() as f64
    }
}
