// SPDX-License-Identifier: MIT OR Apache-2.0
//! Stuck for good: contexts that no timer, deadline or interrupt can free.
//!
//! It is the greatest set of contexts of which each
//!
//! - is interrupted by one of the set, or
//! - waits without a deadline and has an edge to one of the set, or
//! - waits, without a deadline, for a successor that does not exist, while nobody outside the set is left who could
//!   become one: every other task has ended (or sleeps) and no interrupt can come any more, or
//! - is a task that has ended and still owns a lock.
//!
//! An edge goes away only by something its far end does, and the far ends in the set do nothing: so none of them
//! ever goes on. A context whose wait has a deadline is in the set only if its interrupter is: then it cannot look at
//! its deadline.
//!
//! A deadlock without deadlines is found at the mark that closes it, since every cycle passes through the wait reported
//! last. Whether anybody is left who could come, marks do not say; so that is asked for, with what the machine knows.
//!
//! Left out, as in the graph: waits that are not marked. A machine that has nothing left to do is a hang, too.

use super::Oracle;
use super::edges::{Edge, Reason};
use super::state::{ContextId, State, Wait, Who};
use sim_core::isa::WaitKind;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Why a context never goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It depends on this one, which never goes on either.
    DependsOn(Who, Reason),
    /// It waits for a successor, and nobody is left who could become one.
    NoHeir,
    /// Its task has ended.
    Ended,
}

/// A context that never goes on, or one behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StuckContext {
    /// The context.
    pub who: Who,
    /// Address of the lock it waits for, and how; `None` if it does not wait.
    pub wait: Option<(u64, WaitKind)>,
    /// Its wait has a deadline.
    pub bounded: bool,
    /// What keeps it.
    pub why: Why,
}

impl StuckContext {
    /// One line for people; `lock_name` turns a lock's address into what is printed.
    #[must_use]
    pub fn line(&self, lock_name: &dyn Fn(u64) -> String) -> String {
        let mut line = self.who.to_string();
        // Writing to a string cannot fail.
        if let Some((lock, kind)) = self.wait {
            let bound = if self.bounded { "with" } else { "without" };
            let _ = write!(line, " waits for {} ({}, {bound} a deadline):", lock_name(lock), kind.name());
        } else {
            line += ":";
        }
        let _ = match self.why {
            Why::DependsOn(other, Reason::Interrupted) => write!(line, " interrupted by {other}"),
            Why::DependsOn(other, Reason::Owner(lock)) => write!(line, " {other} owns {}", lock_name(lock)),
            Why::DependsOn(other, reason) => write!(line, " {other} is its {reason}"),
            Why::NoHeir => write!(line, " it has no successor, and nobody is left who could become one"),
            Why::Ended => write!(line, " its task has ended and owns a lock"),
        };
        line
    }
}

/// What is stuck for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// Since when, as far as marks tell, in cycles.
    pub since: u64,
    /// It is so only because nobody comes any more: the last task that could have come may have ended later.
    pub needs_silence: bool,
    /// By cpu and depth; not empty.
    pub contexts: Vec<StuckContext>,
    /// Contexts that are not stuck for good but wait behind one that is; a deadline can end their waits.
    pub behind: Vec<StuckContext>,
}

impl State {
    /// The set of the [module text](self). `idle(cpu)` says that a cpu's task has ended or sleeps, `silent` that nobody
    /// outside is left.
    fn stuck_for_good(&self, idle: &dyn Fn(usize) -> bool, silent: bool) -> BTreeSet<ContextId> {
        let alone = |context| silent && (self.lacks_an_heir(context) || self.has_ended(context, idle));
        let mut set: BTreeSet<ContextId> = self.frames().map(|f| f.id).collect();
        loop {
            let keeps = |&context: &ContextId| {
                let mut kept = alone(context);
                let waits = self.frame(context).and_then(|f| f.wait).is_some_and(|w| !w.bounded);
                self.each_edge(context, |edge| {
                    kept |= (waits || edge.reason == Reason::Interrupted) && set.contains(&edge.to);
                });
                kept
            };
            let rest: BTreeSet<ContextId> = set.iter().copied().filter(keeps).collect();
            if rest.len() == set.len() {
                return set;
            }
            set = rest;
        }
    }

    /// A task that has ended although it owns a lock.
    fn has_ended(&self, context: ContextId, idle: &dyn Fn(usize) -> bool) -> bool {
        context.depth == 0 && self.frame(context).is_some_and(|f| f.held > 0) && idle(context.cpu as usize)
    }

    /// Waits for a successor, without a deadline, and nobody is queued behind it.
    fn lacks_an_heir(&self, context: ContextId) -> bool {
        self.frame(context).and_then(|f| f.wait).is_some_and(|w| !w.bounded && self.has_no_successor(context, &w))
    }

    /// A head that found a deadlock and has nobody to give the queue to, so that the deadlock is not resolved.
    pub(super) fn gives_up_without_heir(&self, context: ContextId) -> bool {
        let Some(frame) = self.frame(context) else { return false };
        frame.attempt.as_ref().is_some_and(|a| a.gives_up)
            && frame.wait.is_some_and(|w| self.has_no_successor(context, &w))
    }

    fn has_no_successor(&self, context: ContextId, wait: &Wait) -> bool {
        let follows = |c: ContextId| self.place(wait.lock, c).is_some_and(|p| p.predecessor == Some(context));
        wait.kind == WaitKind::HandOver && !self.locks[wait.lock].queue.iter().any(|e| follows(e.context))
    }
}

impl Oracle {
    /// After a wait was reported: notes the time if it made a deadlock that nothing can end.
    pub(super) fn look_for_stuck(&mut self, closer: ContextId) {
        if self.stuck_since.is_none()
            && !self.live.is_empty()
            && self.state.reaches_itself(&mut self.scratch, closer)
            && self.state.stuck_for_good(&|_| false, false).contains(&closer)
        {
            self.stuck_since = Some(self.now);
        }
    }

    /// Since when there has been a deadlock without any deadline, in cycles; known from marks alone.
    #[must_use]
    pub fn stuck_since(&self) -> Option<u64> {
        self.stuck_since
    }

    /// Contexts that never go on, see the [module text](super). `idle(cpu)` says that a cpu's task has
    /// ended or sleeps, `interrupts` that some interrupt can still be taken.
    #[must_use]
    pub fn stuck(&self, idle: &dyn Fn(usize) -> bool, interrupts: bool) -> Option<Stuck> {
        let mut set = self.state.stuck_for_good(idle, !interrupts);
        let mut tops = self.state.stacks.iter().map(|s| s[s.len() - 1].id);
        let somebody = tops.any(|top| !set.contains(&top) && (top.depth > 0 || !idle(top.cpu as usize)));
        let needs_silence = !somebody && !interrupts && self.stuck_since.is_none();
        if somebody && !interrupts {
            set = self.state.stuck_for_good(idle, false);
        }
        if set.is_empty() {
            return None;
        }
        let last = |c: ContextId| self.state.frame(c).map_or(0, |f| f.wait.map_or(f.entered_at, |w| w.bounded_since));
        let quiet_at = if needs_silence { self.left_at } else { 0 };
        let derived = set.iter().map(|&c| last(c)).max().unwrap_or(0).max(quiet_at);
        let since = self.stuck_since.unwrap_or(derived);
        let contexts = set.iter().map(|&c| self.describe(c, &set)).collect();
        let waiting = self.state.frames().map(|f| f.id).filter(|c| !set.contains(c));
        let behind = waiting.filter_map(|c| {
            let all = self.state.reached_from(c);
            all.iter().any(|r| set.contains(r)).then(|| self.describe(c, &all))
        });
        Some(Stuck { since, needs_silence, contexts, behind: behind.collect() })
    }

    /// What keeps a context, out of those given.
    fn describe(&self, context: ContextId, others: &BTreeSet<ContextId>) -> StuckContext {
        let frame = self.state.frame(context).expect("contexts on the graph have not returned");
        // The interrupter, if it is one of them, comes first.
        let mut edge: Option<Edge> = None;
        self.state.each_edge(context, |e| {
            if edge.is_none() && others.contains(&e.to) {
                edge = Some(e);
            }
        });
        let other = edge.and_then(|e| Some((self.state.frame(e.to)?.who(), e.reason)));
        let why = match other {
            Some((other, reason)) => Why::DependsOn(other, reason),
            None if frame.wait.is_some() => Why::NoHeir,
            None => Why::Ended,
        };
        StuckContext {
            who: frame.who(),
            wait: frame.wait.map(|w| (self.state.locks[w.lock].address, w.kind)),
            bounded: frame.wait.is_some_and(|w| w.bounded),
            why,
        }
    }
}
