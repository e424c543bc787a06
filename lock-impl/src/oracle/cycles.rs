// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cycles as objects: naming them, and keeping track of those that exist.

use super::Oracle;
use super::edges::Reason;
use super::graph::Graph;
use super::state::{ContextId, Who};
use std::fmt;

/// What a cycle is called: by the number of different locks on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CycleName {
    /// One lock: a context waits for a lock that its own cpu, or it itself, stands in the way of.
    Aa,
    /// Two locks.
    Abba,
    /// This many locks, three or more.
    NLock(u32),
}

impl CycleName {
    pub(super) const fn of_lock_count(locks: usize) -> Self {
        match locks {
            0 | 1 => CycleName::Aa,
            2 => CycleName::Abba,
            n => CycleName::NLock(n as u32),
        }
    }
}

impl fmt::Display for CycleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CycleName::Aa => f.write_str("AA"),
            CycleName::Abba => f.write_str("ABBA"),
            CycleName::NLock(locks) => write!(f, "{locks}-lock"),
        }
    }
}

/// A context on a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The context.
    pub who: Who,
    /// Why it waits for the next member (the last one: for the first).
    pub reason: Reason,
}

/// A deadlock. It exists until an edge between two of its members goes away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// Counts cycles from 0 in the order they were listed.
    pub id: u64,
    /// The cycle count at which it formed.
    pub formed_at: u64,
    /// Each waits for the next. Begins with the one whose wait closed the cycle, unless the cycle
    /// was listed later (see [`Totals::cycles_uncovered`](super::Totals::cycles_uncovered)).
    pub members: Vec<Member>,
    /// By the number of locks.
    pub name: CycleName,
    /// Some edge is a queue: a predecessor, a successor, or a queue that has to be empty.
    pub queue_carried: bool,
    /// Some edge leads from an interrupted context to its interrupter.
    pub context_carried: bool,
    /// Some member was on another live cycle already, so this deadlock made a known one bigger.
    pub extends_live: bool,
}

impl Cycle {
    /// Whether the context is on this cycle.
    #[must_use]
    pub fn contains(&self, context: ContextId) -> bool {
        self.members.iter().any(|m| m.who.context == context)
    }

    /// Addresses of the locks on it, sorted.
    #[must_use]
    pub fn locks(&self) -> Vec<u64> {
        let reasons: Vec<Reason> = self.members.iter().map(|m| m.reason).collect();
        distinct_locks(&reasons)
    }

    pub(super) fn name_of(reasons: &[Reason]) -> CycleName {
        CycleName::of_lock_count(distinct_locks(reasons).len())
    }
}

fn distinct_locks(reasons: &[Reason]) -> Vec<u64> {
    let mut locks: Vec<u64> = reasons.iter().filter_map(|r| r.lock()).collect();
    locks.sort_unstable();
    locks.dedup();
    locks
}

impl Oracle {
    /// Brings the list of live cycles up to date after a mark that can have removed edges.
    pub(super) fn settle(&mut self) {
        let freed = self.drop_dissolved();
        self.uncover(freed);
    }

    /// As [`Oracle::settle`], after a wait reported by `closer`, which may have closed a cycle.
    ///
    /// A context that is on a live cycle already gets no second one: it cannot become more stuck,
    /// and this bounds the list by the number of contexts.
    pub(super) fn settle_wait(&mut self, closer: ContextId) {
        let freed = self.drop_dissolved();
        if self.state.reaches_itself(&mut self.scratch, closer) && !self.is_listed(closer) {
            let graph = Graph::reachable(&self.state, [closer]);
            // Every edge of the closer is as young as its wait, so no cycle through it is older.
            if let Some(path) = graph.shortest_cycle(closer, self.now) {
                self.list(&graph, &path, self.now, true);
                let cycle = &self.live[self.live.len() - 1];
                *self.totals.cycles_formed.entry(cycle.name).or_insert(0) += 1;
                self.totals.cycles_extending_live += u64::from(cycle.extends_live);
                self.totals.cycles_queue_carried += u64::from(cycle.queue_carried);
                self.totals.cycles_context_carried += u64::from(cycle.context_carried);
            }
        }
        self.uncover(freed);
        self.recoveries_see_wait(closer);
        self.look_for_stuck(closer);
    }

    /// Takes the cycles that have lost an edge off the list; returns their members.
    fn drop_dissolved(&mut self) -> Vec<ContextId> {
        let mut freed = Vec::new();
        if self.live.is_empty() {
            return freed;
        }
        let state = &self.state;
        let holds = |cycle: &Cycle| {
            let next = cycle.members.iter().cycle().skip(1);
            let mut pairs = cycle.members.iter().zip(next);
            pairs.all(|(a, b)| state.has_edge(a.who.context, b.who.context))
        };
        let ended = self.live.extract_if(.., |cycle| !holds(cycle));
        for cycle in ended {
            self.dissolved.push(cycle.id);
            let lifetime = self.now - cycle.formed_at;
            let longest = &mut self.totals.cycle_lifetime_cycles_max;
            *longest = lifetime.max(*longest);
            freed.extend(cycle.members.iter().map(|m| m.who.context));
        }
        // Who gives up has unwound when it fails; who goes on to another wait has nothing to unwind.
        let by = self.acting;
        let acts = by.and_then(|c| self.state.frame(c)).and_then(|f| f.attempt.as_ref());
        let unwound_at = if acts.is_some_and(|a| a.gives_up) { None } else { Some(self.now) };
        for &context in &freed {
            let frame = self.state.frame_mut(context);
            if let Some(attempt) = frame.and_then(|f| f.attempt.as_mut()) {
                attempt.cycle_ended_at = Some(self.now);
                attempt.cycle_ended_by = by;
                attempt.unwound_at = unwound_at;
            }
        }
        self.recoveries_see_dissolved();
        freed
    }

    /// One wait can close several cycles, of which one is listed. When that one dissolves, another
    /// may remain; it gets on the list now, with its true age.
    fn uncover(&mut self, freed: Vec<ContextId>) {
        if freed.is_empty() {
            return;
        }
        for context in freed {
            if self.is_listed(context) || !self.state.reaches_itself(&mut self.scratch, context) {
                continue;
            }
            let graph = Graph::reachable(&self.state, [context]);
            if let Some((formed_at, path)) = graph.oldest_cycle(context) {
                self.list(&graph, &path, formed_at, false);
                self.totals.cycles_uncovered += 1;
            }
        }
        self.recoveries_see_uncovered();
    }

    fn is_listed(&self, context: ContextId) -> bool {
        self.live.iter().any(|c| c.contains(context))
    }

    fn list(&mut self, graph: &Graph, path: &[ContextId], formed_at: u64, formed: bool) {
        let reasons = graph.reasons(path);
        let frames = path.iter().filter_map(|&c| self.state.frame(c));
        let members = frames.zip(&reasons).map(|(frame, &reason)| Member { who: frame.who(), reason });
        let members = members.collect();
        let extends_live = path.iter().any(|&c| self.is_listed(c));
        self.live.push(Cycle {
            id: self.cycle_id_next,
            formed_at,
            members,
            name: Cycle::name_of(&reasons),
            queue_carried: reasons.iter().any(|r| r.is_queue()),
            context_carried: reasons.contains(&Reason::Interrupted),
            extends_live,
        });
        self.cycle_id_next += 1;
        self.recoveries_see_listed(formed);
    }
}
