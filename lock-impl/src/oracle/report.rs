// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the oracle reports: verdicts, counters, and what is left at the end.

use super::cycles::{Cycle, CycleName};
use super::state::Who;
use sim_core::isa::{ContextKind, Detector, WaitKind};
use std::collections::BTreeMap;

/// What an error really was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// `EDEADLK`, on a cycle.
    Detected,
    /// `EDEADLK` before waiting, where waiting would have closed a cycle: a deadlock that never
    /// formed.
    Avoided,
    /// An error of either kind to a former member of a deadlock that another member has dissolved, where its last look for a
    /// deadlock began before that one had unwound: both gave up, and this one came second.
    Late,
    /// An error of either kind to a waiter that is on no cycle though it waits behind one, or was flushed by a member of
    /// one that came second, or waits for a head that gave up on one and has no successor to give the queue to.
    WrongCulprit,
    /// `EDEADLK`, and neither on a cycle, nor behind one, nor about to close one.
    FalsePositive,
    /// `ETIMEDOUT`, on a cycle: nobody noticed the deadlock.
    Miss,
    /// `ETIMEDOUT`, neither on a cycle nor behind one, nor on one that another member has just dissolved.
    TimeoutOutsideCycle,
}

impl Class {
    /// Every class, in the order of declaration.
    pub const ALL: [Class; 7] = [
        Class::Detected,
        Class::Avoided,
        Class::Late,
        Class::WrongCulprit,
        Class::FalsePositive,
        Class::Miss,
        Class::TimeoutOutsideCycle,
    ];

    /// The name used in records and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Class::Detected => "detected",
            Class::Avoided => "avoided",
            Class::Late => "late",
            Class::WrongCulprit => "wrong_culprit",
            Class::FalsePositive => "false_positive",
            Class::Miss => "miss",
            Class::TimeoutOutsideCycle => "timeout_outside_cycle",
        }
    }
}

/// The judgement of one failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Cycle count of the `failed` mark.
    pub at: u64,
    /// The cpu.
    pub cpu: usize,
    /// What the context runs for.
    pub kind: ContextKind,
    /// Address of the lock.
    pub lock: u64,
    /// `EDEADLK` or `ETIMEDOUT`, positive.
    pub errno: u64,
    /// What ended the attempt, if the program said so.
    pub detector: Option<Detector>,
    /// Cycle count of the `attempt` mark.
    pub attempt_began_at: u64,
    /// How it waited last, if at all.
    pub wait: Option<WaitKind>,
    /// What the error was.
    pub class: Class,
    /// How long the oldest cycle through this context had existed, in cycles; `None` if it was on
    /// none.
    pub latency_cycles: Option<u64>,
    /// What that cycle is called.
    pub cycle: Option<CycleName>,
    /// On no cycle, but what it waited for depended on one.
    pub behind_deadlock: bool,
    /// For a context on no cycle: when the last tracked cycle through this attempt ended, if there
    /// had been one. Two members that notice their deadlock at the same time show up here: the
    /// first to give up dissolves the cycle before the second has returned.
    pub cycle_ended_at: Option<u64>,
}

/// Number of verdicts of each class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassCounts {
    /// [`Class::Detected`].
    pub detected: u64,
    /// [`Class::Avoided`].
    pub avoided: u64,
    /// [`Class::Late`].
    pub late: u64,
    /// [`Class::WrongCulprit`].
    pub wrong_culprits: u64,
    /// [`Class::FalsePositive`].
    pub false_positives: u64,
    /// [`Class::Miss`].
    pub misses: u64,
    /// [`Class::TimeoutOutsideCycle`].
    pub timeouts_outside: u64,
}

impl ClassCounts {
    /// The count of one class.
    #[must_use]
    pub const fn get(&self, class: Class) -> u64 {
        match class {
            Class::Detected => self.detected,
            Class::Avoided => self.avoided,
            Class::Late => self.late,
            Class::WrongCulprit => self.wrong_culprits,
            Class::FalsePositive => self.false_positives,
            Class::Miss => self.misses,
            Class::TimeoutOutsideCycle => self.timeouts_outside,
        }
    }

    fn add(&mut self, class: Class) {
        match class {
            Class::Detected => self.detected += 1,
            Class::Avoided => self.avoided += 1,
            Class::Late => self.late += 1,
            Class::WrongCulprit => self.wrong_culprits += 1,
            Class::FalsePositive => self.false_positives += 1,
            Class::Miss => self.misses += 1,
            Class::TimeoutOutsideCycle => self.timeouts_outside += 1,
        }
    }
}

/// One more than the largest number of a [`WaitKind`].
pub(super) const WAIT_KINDS: usize = WaitKind::ALL.len() + 1;

/// Waits of one kind that no deadline bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnboundedWaits {
    /// Begun.
    pub count: u64,
    /// Of these, ended.
    pub ended: u64,
    /// The longest one, in cycles.
    pub longest_cycles: u64,
}

/// Counters of a whole run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Attempts begun.
    pub attempts: u64,
    /// Attempts that ended in ownership.
    pub acquisitions: u64,
    /// Cycles formed, by name: one per wait that closed one.
    pub cycles_formed: BTreeMap<CycleName, u64>,
    /// Of those, the ones that a queue carries, see [`Cycle::queue_carried`].
    pub cycles_queue_carried: u64,
    /// Of those, the ones that an interrupted context carries, see [`Cycle::context_carried`].
    pub cycles_context_carried: u64,
    /// Of those, the ones that shared a member with a live cycle when they formed.
    pub cycles_extending_live: u64,
    /// Cycles listed only when another one, closed by the same wait, had dissolved and left them.
    /// Not among [`Totals::cycles_formed`].
    pub cycles_uncovered: u64,
    /// The longest a cycle lived before it dissolved, in cycles.
    pub cycle_lifetime_cycles_max: u64,
    /// Verdicts of each class.
    pub verdicts: ClassCounts,
    /// The same by detector; `None` is "not said".
    pub by_detector: BTreeMap<Option<Detector>, ClassCounts>,
    /// Waits that no deadline bounds, `[WaitKind number]`. One that a deadline comes to bound counts until then.
    pub unbounded_waits: [UnboundedWaits; WAIT_KINDS],
    /// Deadlocks that dissolved though no member failed: one went on to wait for somebody else.
    pub cycles_passed: u64,
    /// Failures with an error other than `EDEADLK` and `ETIMEDOUT`, which get no verdict.
    pub other_failures: u64,
    /// `queued` marks whose previous tail belongs to nobody in the queue. A lock whose node stays
    /// in the tail after its release makes such marks; in any other, the program's marks are wrong.
    pub unknown_predecessors: u64,
}

impl Totals {
    pub(super) fn count(&mut self, verdict: &Verdict) {
        self.verdicts.add(verdict.class);
        self.by_detector.entry(verdict.detector).or_default().add(verdict.class);
    }
}

/// A context that is not at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// The context.
    pub who: Who,
    /// Lock and beginning (cycle count) of the attempt in progress.
    pub attempt: Option<(u64, u64)>,
    /// How it waits.
    pub wait: Option<WaitKind>,
    /// Addresses of the locks it owns.
    pub holds: Vec<u64>,
}

/// What goes on at the end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quiescence {
    /// Tasks that attempt or hold a lock, and interrupts that have not returned; by cpu and depth.
    pub unfinished: Vec<Unfinished>,
    /// Deadlocks that exist.
    pub cycles: Vec<Cycle>,
}

impl Quiescence {
    /// Nobody attempts, holds, or has interrupted anybody.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.unfinished.is_empty() && self.cycles.is_empty()
    }
}
