// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threads that make the runs that are missing, the longest first.

use std::collections::binary_heap::{BinaryHeap, PeekMut};
use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reports::Record;

use super::adaptive::{Need, metric, need};
use super::estimate::Estimate;
use super::line::{body, compose};
pub use super::maker::{Maker, Outcome};
use super::plan::SweepPlan;
use super::store::{Index, Journal, Note, RunKey, Shard};
use crate::plan::InputError;

/// How many failures are kept word by word.
const FAILURES_KEPT: usize = 20;
/// Most bytes of cells of runs that are kept for the closing; those of more runs are made from their records.
const CELLS_KEPT: usize = 128 << 20;

/// How to work.
#[derive(Clone, Copy, Debug)]
pub struct How<'a> {
    /// Threads, at least 1.
    pub threads: usize,
    /// Only this part.
    pub shard: Option<Shard>,
    /// While the process uses more, no run is begun beside others, MiB.
    pub memory_mib: Option<u64>,
    /// Once it is set no run is begun.
    pub stop: &'a AtomicBool,
}

/// One run that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// Place of the point in the plan, from 0.
    pub point: usize,
    /// Place of the stage in the plan's list, from 0.
    pub stage: usize,
    /// Seed.
    pub seed: u64,
}

/// The longest attempt that was met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Longest {
    /// How long it took, ns.
    pub ns: u64,
    /// Number of its point.
    pub point: u64,
    /// Its stage.
    pub stage: String,
    /// Its seed.
    pub seed: u64,
}

/// How far the work has come.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Runs that are there, found ones included.
    pub done: u64,
    /// Runs that are known to be needed; a rule for more seeds adds to them.
    pub all: u64,
    /// Runs that were found.
    pub reused: u64,
    /// Runs in progress.
    pub running: u64,
    /// Runs that did not end as they have to.
    pub failed: u64,
    /// Seconds of work left, by the estimate, on one thread.
    pub left_s: f64,
    /// Seconds of work done by now, by the same estimate.
    pub done_s: f64,
    /// The longest attempt of the runs made now.
    pub longest: Longest,
}

/// A run that did not end as it has to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Number of the point.
    pub point: u64,
    /// Stage.
    pub stage: String,
    /// Seed.
    pub seed: u64,
    /// How it ended.
    pub status: String,
    /// First line of the account.
    pub what: String,
    /// The command that makes it again.
    pub replay: String,
}

/// What the crew did.
#[derive(Debug, Default)]
pub struct Made {
    /// How far it came.
    pub state: State,
    /// Runs made now.
    pub made: u64,
    /// The first failures, and not more.
    pub failures: Vec<Failed>,
    /// What was noted of the runs made now, see [`Index::with`].
    pub notes: Vec<Note>,
    /// Bytes of the cells in the notes.
    cells: usize,
    /// Host time spent in simulation alone, all threads together.
    pub pure: Duration,
}

impl Made {
    fn keep(&mut self, note: Option<Note>) {
        let Some(mut note) = note else { return };
        if self.cells + note.bytes() > CELLS_KEPT {
            note.forget_cells();
        }
        self.cells += note.bytes();
        self.notes.push(note);
    }
}

/// Why the crew stopped before its end.
#[derive(Debug)]
pub enum Trouble {
    /// A file.
    Files(reports::Error),
    /// The sweep's base is not what it was.
    Input(InputError),
}

impl From<reports::Error> for Trouble {
    fn from(e: reports::Error) -> Self {
        Trouble::Files(e)
    }
}

impl From<InputError> for Trouble {
    fn from(e: InputError) -> Self {
        Trouble::Input(e)
    }
}

/// A stage of a point.
#[derive(Debug)]
struct Group {
    point: usize,
    stage: usize,
    /// What the rule has to know of runs.
    values: BTreeMap<u64, Option<f64>>,
    outstanding: usize,
    /// Estimated seconds of one run.
    cost: f64,
}

/// Seeds of a group that are to be run.
#[derive(Debug)]
struct Wanted {
    /// In nanoseconds, so that there is an order.
    cost: u64,
    group: usize,
    /// The next one last.
    seeds: Vec<u64>,
}

impl PartialEq for Wanted {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Wanted {}

impl PartialOrd for Wanted {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Wanted {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.cost, std::cmp::Reverse(self.group)).cmp(&(other.cost, std::cmp::Reverse(other.group)))
    }
}

/// What threads share.
struct Shared {
    queue: BinaryHeap<Wanted>,
    groups: Vec<Group>,
    made: Made,
    trouble: Option<Trouble>,
}

/// Names the run of a job.
#[must_use]
pub fn key(plan: &SweepPlan, job: Job) -> Option<RunKey> {
    let point = plan.points.get(job.point)?;
    Some(RunKey {
        config: u128::from_str_radix(point.configs.get(job.stage)?, 16).ok()?,
        program: u128::from_str_radix(point.programs.get(job.stage)?, 16).ok()?,
        stage: plan.header.stages.get(job.stage)?.0,
        seed: job.seed,
    })
}

/// What is known of a run: `None` if it is not there, and its metric if there is a rule.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn known(
    plan: &SweepPlan,
    index: &Index,
    lines: &mut super::store::Lines<'_>,
    job: Job,
    or_timed_out: bool,
) -> Result<Option<Option<f64>>, reports::Error> {
    let Some(key) = key(plan, job) else { return Ok(None) };
    if !(index.has(&key) || or_timed_out && index.has_any(&key)) {
        return Ok(None);
    }
    let Some(rule) = &plan.header.adaptive else { return Ok(Some(None)) };
    let line = lines.get(&key)?.unwrap_or_default();
    let record: Option<Record> = serde_json::from_str(&line).ok();
    Ok(record.map(|r| metric(rule, &r)))
}

/// Makes all runs of the plan (or of the shard) that the index does not have, and adds them to the journal. `make` makes one, `changed`
/// is called whenever the state changes.
///
/// # Errors
/// A file that cannot be written, or a base that has changed; runs that are finished are in the journal.
pub fn work(
    plan: &SweepPlan,
    index: &Index,
    journal: &Journal,
    estimate: &Estimate,
    how: How<'_>,
    make: &(dyn Fn(Job) -> Result<Outcome, InputError> + Sync),
    changed: &(dyn Fn(&State) + Sync),
) -> Result<Made, Trouble> {
    let shared = Mutex::new(begin(plan, index, estimate, how)?);
    let freed = Condvar::new();
    let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
    changed(&lock().made.state);
    let rule = plan.header.adaptive.as_ref();
    let worker = || {
        while let Some((job, group)) = next(lock(), &freed, how, changed) {
            let made = make(job).map_err(Trouble::from).and_then(|(record, pure)| {
                let (failed, note) = add(plan, journal, job, &record)?;
                Ok((record, pure, failed, note))
            });
            let mut shared = lock();
            shared.made.state.running -= 1;
            match made {
                Ok((record, pure, failed, note)) => {
                    let value = rule.and_then(|r| metric(r, &record));
                    settle(&mut shared, plan, (job, group), value);
                    let state = &mut shared.made.state;
                    let ns = record.worst.first().map_or(0, |w| w.lasted_ns);
                    if ns > state.longest.ns {
                        let point = plan.points[job.point].point;
                        state.longest = Longest { ns, point, stage: record.stage.clone(), seed: job.seed };
                    }
                    state.failed += u64::from(failed.is_some());
                    shared.made.made += 1;
                    shared.made.pure += pure;
                    shared.made.keep(note);
                    if shared.made.failures.len() < FAILURES_KEPT {
                        shared.made.failures.extend(failed);
                    }
                }
                Err(trouble) => drop(shared.trouble.get_or_insert(trouble)),
            }
            changed(&shared.made.state);
            drop(shared);
            freed.notify_all();
        }
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(how.threads).build();
    let pool = pool.map_err(|e| InputError::text(&format!("no threads: {e}"), "choose fewer with --threads"))?;
    pool.scope(|s| (0..how.threads).for_each(|_| s.spawn(|_| worker())));
    let shared = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    journal.sync()?;
    match shared.trouble {
        Some(trouble) => Err(trouble),
        None => Ok(shared.made),
    }
}

/// The next job, once there is one; nothing if all are done or the work has to stop.
fn next(
    mut shared: MutexGuard<'_, Shared>,
    freed: &Condvar,
    how: How<'_>,
    changed: &(dyn Fn(&State) + Sync),
) -> Option<(Job, usize)> {
    loop {
        if shared.trouble.is_some() || how.stop.load(Ordering::Relaxed) {
            return None;
        }
        let is_tight = || how.memory_mib.is_some_and(|max| resident_mib().is_some_and(|now| now > max));
        if shared.made.state.running == 0 || !is_tight() {
            if let Some((group, seed)) = pop(&mut shared.queue) {
                shared.made.state.running += 1;
                changed(&shared.made.state);
                let Group { point, stage, .. } = shared.groups[group];
                return Some((Job { point, stage, seed }, group));
            }
            if shared.made.state.running == 0 {
                return None;
            }
        }
        // Woken by whoever finishes; from time to time, to see a stop.
        let waited = freed.wait_timeout(shared, Duration::from_millis(500));
        shared = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// The next run of the group whose runs take longest.
fn pop(queue: &mut BinaryHeap<Wanted>) -> Option<(usize, u64)> {
    let mut top = queue.peek_mut()?;
    let (group, seed) = (top.group, top.seeds.pop()?);
    if top.seeds.is_empty() {
        PeekMut::pop(top);
    }
    Some((group, seed))
}

/// What the process uses, MiB, where the system says so.
#[must_use]
pub fn resident_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kb| kb / 1024)
}

/// Puts a run into the journal; gives its failure, if it is one, and what was noted.
fn add(
    plan: &SweepPlan,
    journal: &Journal,
    job: Job,
    record: &Record,
) -> Result<(Option<Failed>, Option<Note>), Trouble> {
    let point = &plan.points[job.point];
    let mut stand = plan.stand(point);
    let failed = (!record.is_as_expected()).then(|| Failed {
        point: point.point,
        stage: record.stage.clone(),
        seed: job.seed,
        status: record.status.clone(),
        what: record.finding.as_deref().and_then(|f| f.lines().next()).unwrap_or("").to_owned(),
        replay: plan.replay(point, &record.stage, job.seed),
    });
    stand.replay = failed.as_ref().map(|f| f.replay.clone());
    let text = body(record).map_err(reports::Error::from)?;
    let line = compose(&text, &stand).map_err(reports::Error::from)?;
    let note = match key(plan, job) {
        Some(key) => Some(journal.append_run(key, point.point, &line, &text, record)?),
        None => journal.append(&line).map(|_| None)?,
    };
    Ok((failed, note))
}

/// Notes that a run is there; if the round of its group is over, asks for the next.
fn settle(shared: &mut Shared, plan: &SweepPlan, (job, group): (Job, usize), value: Option<f64>) {
    let rule = plan.header.adaptive.as_ref();
    let g = &mut shared.groups[group];
    g.outstanding -= 1;
    if rule.is_some() {
        g.values.insert(job.seed, value);
    }
    let state = &mut shared.made.state;
    state.done += 1;
    state.left_s = (state.left_s - g.cost).max(0.0);
    state.done_s += g.cost;
    if g.outstanding == 0
        && rule.is_some()
        && let Need::Runs(missing) = need(&plan.header.seeds, rule, |s| g.values.get(&s).copied())
    {
        state.all += missing.len() as u64;
        state.left_s += g.cost * missing.len() as f64;
        g.outstanding = missing.len();
        shared.queue.push(wanted(group, g.cost, missing));
    }
}

fn wanted(group: usize, cost: f64, mut seeds: Vec<u64>) -> Wanted {
    seeds.reverse();
    Wanted { cost: (cost * 1e9) as u64, group, seeds }
}

/// What is missing.
fn begin(plan: &SweepPlan, index: &Index, estimate: &Estimate, how: How<'_>) -> Result<Shared, Trouble> {
    let mut shared = Shared { queue: BinaryHeap::new(), groups: Vec::new(), made: Made::default(), trouble: None };
    let mut lines = index.lines()?;
    let rule = plan.header.adaptive.as_ref();
    let mut claimed: HashSet<RunKey> = HashSet::new();
    for (point, p) in plan.points.iter().enumerate().filter(|(_, p)| how.shard.is_none_or(|s| s.has(p.point))) {
        for stage in 0..plan.header.stages.len() {
            let mut values: BTreeMap<u64, Option<f64>> = BTreeMap::new();
            let mut asked = plan.header.seeds.clone();
            // The rule may ask for runs of later rounds that were made before.
            let missing = loop {
                for &seed in &asked {
                    let job = Job { point, stage, seed };
                    if let Some(v) = known(plan, index, &mut lines, job, false)? {
                        values.insert(seed, v);
                    }
                }
                match need(&plan.header.seeds, rule, |s| values.get(&s).copied()) {
                    Need::Done(_) => break Vec::new(),
                    Need::Runs(missing) if missing.iter().any(|s| asked.contains(s)) => break missing,
                    Need::Runs(more) => asked = more,
                }
            };
            let state = &mut shared.made.state;
            state.reused += values.len() as u64;
            let mut missing = missing;
            if rule.is_none() {
                // A run that another point shares is there once that is made.
                missing.retain(|&seed| key(plan, Job { point, stage, seed }).is_none_or(|k| claimed.insert(k)));
                values.clear();
            }
            state.all += missing.len() as u64;
            if missing.is_empty() {
                continue;
            }
            if let Some(rule) = rule {
                // Runs of later rounds may be there while one of an earlier round is not.
                let first = plan.header.seeds.iter().max().map_or(1, |s| s.saturating_add(1));
                for seed in first..first.saturating_add(rule.seeds_max) {
                    match known(plan, index, &mut lines, Job { point, stage, seed }, false)? {
                        Some(v) => drop(values.insert(seed, v)),
                        None => break,
                    }
                }
            }
            let cost = estimate.seconds(p, stage);
            state.left_s += cost * missing.len() as f64;
            let group = shared.groups.len();
            shared.groups.push(Group { point, stage, values, outstanding: missing.len(), cost });
            shared.queue.push(wanted(group, cost, missing));
        }
    }
    shared.made.state.done = shared.made.state.reused;
    shared.made.state.all += shared.made.state.reused;
    Ok(shared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_runs_come_first_and_equal_ones_in_the_order_of_the_plan() {
        let mut queue = BinaryHeap::new();
        for (group, cost, seeds) in [(0, 1.0, vec![1, 2]), (1, 5.0, vec![4, 3]), (2, 1.0, vec![9])] {
            queue.push(wanted(group, cost, seeds));
        }
        let order: Vec<(usize, u64)> = std::iter::from_fn(|| pop(&mut queue)).collect();
        assert_eq!(order, [(1, 4), (1, 3), (0, 1), (0, 2), (2, 9)]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_the_process_uses_is_known_here() {
        assert!(resident_mib().is_some_and(|mib| (1..1_000_000).contains(&mib)));
    }
}
