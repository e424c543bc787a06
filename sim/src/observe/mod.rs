// SPDX-License-Identifier: MIT OR Apache-2.0
//! The observer of a run: feeds the oracle with marks and keeps what a record needs.

mod klog;
mod metrics;
mod recur;
mod spans;

use std::collections::{BTreeMap, VecDeque};

use lock_impl::oracle::{Oracle, Recovery, Violation};
use reports::{Histogram, Recoveries, WorstRecovery};
use sim_core::isa::{ContextKind, Detector, EDEADLK, MarkKind, Pc};
use sim_core::ports::{Probe, Taken};
use sim_core::recur::{Recur, Walk};
use sim_core::time::{Clock, Cycle};

pub use klog::{Interrupt, KernelView, KernelWatch};
pub use metrics::Meter;
pub(crate) use spans::source_line;
pub use spans::{Business, Collector, ContextNow, Open, Seen};

/// Marks kept for a trace of a run that went wrong.
const LAST_MARKS: usize = 50;
/// Attempts kept as the worst of a run.
const WORST: usize = 10;

/// A mark as it was reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenMark {
    /// When.
    pub at: Cycle,
    /// Core.
    pub core: usize,
    /// What.
    pub kind: MarkKind,
    /// With what.
    pub args: [u64; 3],
    /// Where in the program.
    pub pc: Pc,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// With the lock.
    Held,
    /// With EDEADLK.
    Deadlock,
    /// With a time-out.
    TimedOut,
    /// Not by the end of the run.
    Unfinished,
}

impl Ending {
    /// Every ending.
    pub const ALL: [Ending; 4] = [Ending::Held, Ending::Deadlock, Ending::TimedOut, Ending::Unfinished];

    /// The ending of an attempt that failed with this error.
    #[must_use]
    pub const fn of_error(errno: u64) -> Ending {
        if errno == EDEADLK { Ending::Deadlock } else { Ending::TimedOut }
    }

    /// The name used in records and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Ending::Held => "held",
            Ending::Deadlock => "EDEADLK",
            Ending::TimedOut => "ETIMEDOUT",
            Ending::Unfinished => "unfinished",
        }
    }

    /// True if this detector, or none, ends attempts this way in the programs we have.
    #[must_use]
    pub const fn can_come_from(self, detector: Option<Detector>) -> bool {
        let Some(d) = detector else { return matches!(self, Ending::Held | Ending::Unfinished) };
        match self {
            Ending::Held | Ending::Unfinished => false,
            Ending::Deadlock => !d.is_deadline(),
            Ending::TimedOut => d.is_deadline(),
        }
    }
}

/// One attempt to take a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Core.
    pub cpu: usize,
    /// Context that made it.
    pub context: ContextKind,
    /// Address of the lock.
    pub lock: u64,
    /// Begin.
    pub began: Cycle,
    /// Cycles until it ended.
    pub lasted: u64,
    /// How.
    pub ending: Ending,
    /// Where the interrupt landed in whose handler it was made.
    pub interrupted_at: Option<Pc>,
}

/// Attempts of one kind of context.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttemptCounts {
    /// `[ending]`.
    pub endings: [u64; 4],
    /// Durations of the attempts that ended, ns.
    pub lasted_ns: Histogram,
}

/// Handlers of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandlerCounts {
    /// Begun.
    pub begun: u64,
    /// Longest, ns; one that has not returned counts until the end of the run.
    pub longest_ns: u64,
    /// Durations of those that returned, from delivery to the interrupted boundary, ns.
    pub lasted_ns: Histogram,
}

#[derive(Clone, Debug)]
struct Level {
    kind: ContextKind,
    entered: Cycle,
    interrupted_at: Option<Pc>,
    attempt: Option<(u64, Cycle)>,
}

/// Counters and histograms of a run.
#[derive(Clone, Debug)]
pub struct Observer {
    clock: Clock,
    stuck_over: u64,
    oracle: Oracle,
    /// `[core]`: contexts, outermost first.
    levels: Vec<Vec<Level>>,
    /// `[context kind]`.
    pub attempts: [AttemptCounts; 4],
    /// `[context kind]`.
    pub handlers: [HandlerCounts; 4],
    /// EDEADLK and time-outs by detector.
    pub failures: BTreeMap<Detector, u64>,
    /// Oracle's latency from formation to a detecting EDEADLK, ns, by detector.
    pub detection_ns: BTreeMap<Detector, Histogram>,
    /// The same for time-outs that ended a deadlock.
    pub miss_by_ns: BTreeMap<Detector, Histogram>,
    /// The same, all of them, those without a named detector included.
    pub miss_ns: Histogram,
    /// Locks, fairness, waiting, interrupts, and the kernel's log.
    pub meter: Meter,
    /// Deadlocks that are over.
    pub recoveries: Recoveries,
    worst: Vec<Attempt>,
    stuck: Vec<(u64, u64)>,
    last: VecDeque<SeenMark>,
    violation: Option<(SeenMark, Violation)>,
}

impl Observer {
    /// An observer of a machine of `cpus` cores; a core whose attempt lasts longer than
    /// `stuck_over` cycles counts as stuck for all of it.
    #[must_use]
    pub fn new(cpus: usize, clock: Clock, stuck_over: u64) -> Observer {
        let task = Level { kind: ContextKind::Task, entered: Cycle(0), interrupted_at: None, attempt: None };
        Observer {
            clock,
            stuck_over,
            oracle: Oracle::new(cpus),
            levels: vec![vec![task]; cpus],
            attempts: Default::default(),
            handlers: Default::default(),
            failures: BTreeMap::new(),
            detection_ns: BTreeMap::new(),
            miss_by_ns: BTreeMap::new(),
            miss_ns: Histogram::new(),
            meter: Meter::new(cpus, clock, KernelView::default()),
            recoveries: Recoveries::default(),
            worst: Vec::new(),
            stuck: Vec::new(),
            last: VecDeque::new(),
            violation: None,
        }
    }

    /// The same, with a kernel's log that knows the experiment's interrupts.
    #[must_use]
    pub fn with_kernel(mut self, view: KernelView) -> Observer {
        self.meter = Meter::new(self.levels.len(), self.clock, view);
        self
    }

    /// The oracle.
    #[must_use]
    pub fn oracle(&self) -> &Oracle {
        &self.oracle
    }

    /// The first broken invariant, with the mark that showed it.
    #[must_use]
    pub fn violation(&self) -> Option<&(SeenMark, Violation)> {
        self.violation.as_ref()
    }

    /// The last marks, oldest first.
    pub fn last_marks(&self) -> impl Iterator<Item = &SeenMark> {
        self.last.iter()
    }

    /// The longest attempts, longest first.
    #[must_use]
    pub fn worst(&self) -> &[Attempt] {
        &self.worst
    }

    /// Ends what has not ended by `end`.
    pub fn close(&mut self, end: Cycle) {
        self.meter.close(end);
        for cpu in 0..self.levels.len() {
            for level in (0..self.levels[cpu].len()).rev() {
                let l = self.levels[cpu][level].clone();
                if let Some((lock, began)) = l.attempt {
                    self.end_attempt(cpu, level, lock, began, end, Ending::Unfinished);
                }
                if l.interrupted_at.is_some() {
                    let h = &mut self.handlers[l.kind as usize];
                    h.longest_ns = h.longest_ns.max(self.clock.nanos(Cycle(end.since(l.entered))));
                }
            }
        }
    }

    /// Cycles up to `end` in which at least one core was stuck.
    #[must_use]
    pub fn stuck_cycles(&self, end: Cycle) -> u64 {
        let mut spans = self.stuck.clone();
        spans.sort_unstable();
        let (mut total, mut reached) = (0, 0);
        for (from, to) in spans {
            let (from, to) = (from.max(reached), to.min(end.0));
            total += to.saturating_sub(from);
            reached = reached.max(to);
        }
        total
    }

    fn end_attempt(&mut self, cpu: usize, level: usize, lock: u64, began: Cycle, at: Cycle, ending: Ending) {
        let (context, interrupted_at) = {
            let l = &self.levels[cpu][level];
            (l.kind, l.interrupted_at)
        };
        let lasted = at.since(began);
        let counts = &mut self.attempts[context as usize];
        counts.endings[ending as usize] += 1;
        if ending != Ending::Unfinished {
            counts.lasted_ns.record(self.clock.nanos(Cycle(lasted)));
        }
        if lasted > self.stuck_over {
            self.stuck.push((began.0, at.0));
        }
        let rank = |a: &Attempt| (std::cmp::Reverse(a.lasted), a.began, a.cpu, a.context);
        let attempt = Attempt { cpu, context, lock, began, lasted, ending, interrupted_at };
        let place = self.worst.partition_point(|w| rank(w) < rank(&attempt));
        if place < WORST {
            self.worst.insert(place, attempt);
            self.worst.truncate(WORST);
        }
    }

    fn account(&mut self, m: &SeenMark) {
        let level = self.levels[m.core].len() - 1;
        match m.kind {
            MarkKind::Attempt => self.levels[m.core][level].attempt = Some((m.args[0], m.at)),
            MarkKind::Held | MarkKind::Failed => {
                let Some((lock, began)) = self.levels[m.core][level].attempt.take() else { return };
                let ending = match m.kind {
                    MarkKind::Held => Ending::Held,
                    _ => Ending::of_error(m.args[1]),
                };
                self.end_attempt(m.core, level, lock, began, m.at, ending);
            }
            // Part of the context that runs, with attempts of its own.
            MarkKind::Enter => {
                let kind = self.levels[m.core][level].kind;
                self.levels[m.core].push(Level { kind, entered: m.at, interrupted_at: None, attempt: None });
            }
            MarkKind::Leave => {
                self.levels[m.core].pop();
            }
            MarkKind::Wait
            | MarkKind::Resumed
            | MarkKind::Queued
            | MarkKind::Released
            | MarkKind::Check
            | MarkKind::Found
            | MarkKind::Note => {}
        }
    }

    /// Takes deadlocks that are over from the oracle.
    fn collect_recoveries(&mut self) {
        for r in self.oracle.take_recoveries() {
            let recovery = self.recovery(&r);
            self.recoveries.add(recovery);
        }
    }

    fn recovery(&self, r: &Recovery) -> WorstRecovery {
        // Instants are rounded, not spans: so the parts add up to the whole.
        let at = r.instants().map(|at| self.clock.nanos(Cycle(at)));
        WorstRecovery {
            cycle: r.name.to_string(),
            members: r.members.iter().map(ToString::to_string).collect(),
            detector: r.detector.map_or("?", Detector::name).to_owned(),
            formed_ns: at[0],
            parts_ns: [at[1] - at[0], at[2] - at[1], at[3] - at[2], at[4] - at[3]],
            bystanders: r.bystanders,
            bystander_errors: r.bystander_errors,
            bystander_wait_ns: self.clock.nanos(Cycle(r.bystander_wait_cycles)),
        }
    }

    fn judge(&mut self, m: &SeenMark) {
        match self.oracle.mark(m.at.0, m.core, m.kind, m.args) {
            Ok(None) => {}
            Ok(Some(v)) => {
                if let Some(d) = v.detector {
                    *self.failures.entry(d).or_default() += 1;
                }
                let Some(latency) = v.latency_cycles else { return };
                let ns = self.clock.nanos(Cycle(latency));
                if v.errno == EDEADLK {
                    if let Some(d) = v.detector {
                        self.detection_ns.entry(d).or_default().record(ns);
                    }
                } else {
                    self.miss_ns.record(ns);
                    if let Some(d) = v.detector {
                        self.miss_by_ns.entry(d).or_default().record(ns);
                    }
                }
            }
            Err(violation) => self.violate(*m, violation),
        }
    }

    fn violate(&mut self, m: SeenMark, violation: Violation) {
        if self.violation.is_none() {
            self.violation = Some((m, violation));
        }
    }
}

impl Probe for Observer {
    fn walk(&mut self, w: &mut Walk) {
        Recur::walk(self, w);
    }

    fn mark(&mut self, at: Cycle, core: usize, kind: MarkKind, args: [u64; 3], pc: Pc) {
        let m = SeenMark { at, core, kind, args, pc };
        if self.last.len() == LAST_MARKS {
            self.last.pop_front();
        }
        self.last.push_back(m);
        if self.violation.is_none() {
            self.judge(&m);
            self.account(&m);
            self.meter.mark(&m);
            if self.oracle.has_recoveries() {
                self.collect_recoveries();
            }
        }
    }

    fn taken(&mut self, at: Cycle, core: usize, taken: &Taken) {
        self.meter.taken(at, core, taken);
    }

    fn enter(&mut self, at: Cycle, core: usize, kind: ContextKind, pc: Pc) {
        self.oracle.enter(at.0, core, kind);
        self.handlers[kind as usize].begun += 1;
        self.levels[core].push(Level { kind, entered: at, interrupted_at: Some(pc), attempt: None });
    }

    fn leave(&mut self, at: Cycle, core: usize, kind: ContextKind, resumed: Cycle) {
        if let Err(violation) = self.oracle.leave(at.0, core) {
            let m = SeenMark { at, core, kind: MarkKind::Note, args: [0; 3], pc: 0 };
            self.violate(m, violation);
        }
        self.meter.leave(at, core, kind, resumed);
        if self.oracle.has_recoveries() {
            self.collect_recoveries();
        }
        let Some(level) = self.levels[core].pop() else { return };
        let ns = self.clock.nanos(Cycle(resumed.since(level.entered)));
        let h = &mut self.handlers[kind as usize];
        h.lasted_ns.record(ns);
        h.longest_ns = h.longest_ns.max(ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_stuck_attempts_are_counted_once_and_only_to_the_end() {
        let mut o = Observer::new(3, Clock { khz: 1_000_000 }, 10);
        let begin = |o: &mut Observer, cpu, at| o.mark(Cycle(at), cpu, MarkKind::Attempt, [0x1000, 0, 0], 0);
        let fail = |o: &mut Observer, cpu, at| o.mark(Cycle(at), cpu, MarkKind::Failed, [0x1000, 110, 8], 0);
        begin(&mut o, 0, 100);
        begin(&mut o, 1, 120);
        fail(&mut o, 0, 150);
        begin(&mut o, 2, 190);
        fail(&mut o, 2, 196); // 6 cycles: not stuck
        fail(&mut o, 1, 200);
        assert_eq!(o.stuck_cycles(Cycle(1000)), 100);
        assert_eq!(o.stuck_cycles(Cycle(130)), 30);
        assert_eq!(o.worst().iter().map(|w| w.lasted).collect::<Vec<_>>(), [80, 50, 6]);
    }
}
