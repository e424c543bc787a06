// SPDX-License-Identifier: MIT OR Apache-2.0
//! Edges of the wait-for graph, derived from the state on demand, and the fast search for a cycle.

use super::state::{ContextId, State};
use sim_core::isa::WaitKind;
use std::collections::BTreeSet;
use std::fmt;

/// Why a context cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The other interrupted it.
    Interrupted,
    /// The other owns the lock at this address.
    Owner(u64),
    /// The other is a pending waiter of this lock.
    Pending(u64),
    /// The other is before it in this lock's queue and has to hand over.
    Predecessor(u64),
    /// The other is in this lock's queue, which has to be empty.
    InQueue(u64),
    /// The other is its successor in this lock's queue and has to link itself.
    Successor(u64),
}

impl Reason {
    /// Address of the lock; `None` for an interruption.
    #[must_use]
    pub const fn lock(self) -> Option<u64> {
        match self {
            Reason::Interrupted => None,
            Reason::Owner(lock)
            | Reason::Pending(lock)
            | Reason::Predecessor(lock)
            | Reason::InQueue(lock)
            | Reason::Successor(lock) => Some(lock),
        }
    }

    /// Whether it is the queue that carries this edge.
    #[must_use]
    pub const fn is_queue(self) -> bool {
        matches!(self, Reason::Predecessor(_) | Reason::InQueue(_) | Reason::Successor(_))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Interrupted => "interrupted by",
            Reason::Owner(_) => "owner",
            Reason::Pending(_) => "pending waiter",
            Reason::Predecessor(_) => "predecessor",
            Reason::InQueue(_) => "in queue",
            Reason::Successor(_) => "successor",
        })
    }
}

/// The far end of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) to: ContextId,
    pub(super) reason: Reason,
    /// When the edge arose: both ends were what they are.
    pub(super) since: u64,
}

/// Buffers of [`State::reaches_itself`], kept so that no search allocates.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    /// `[cpu * depth_max + depth]`.
    seen: Vec<bool>,
    todo: Vec<ContextId>,
}

impl State {
    /// Gives every edge that starts at `from` to `visit`, in a fixed order. Two edges may have the
    /// same far end.
    pub(super) fn each_edge(&self, from: ContextId, mut visit: impl FnMut(Edge)) {
        let Some(frame) = self.frame(from) else {
            return;
        };
        let above = from.depth as usize + 1;
        if let Some(above) = self.stacks[from.cpu as usize].get(above) {
            visit(Edge { to: above.id, reason: Reason::Interrupted, since: above.entered_at });
        }
        let Some(wait) = frame.wait else {
            return;
        };
        let lock = &self.locks[wait.lock];
        let mut edge = |to, reason, since: u64| {
            let since = since.max(wait.since);
            visit(Edge { to, reason, since });
        };
        let whole_word = wait.kind == WaitKind::Fallback;
        let needs_owner =
            matches!(wait.kind, WaitKind::Pending | WaitKind::TestAndSet | WaitKind::Head | WaitKind::Fallback);
        if needs_owner && let Some(owner) = lock.owner {
            edge(owner.context, Reason::Owner(lock.address), owner.since);
        }
        if whole_word || wait.kind == WaitKind::Head {
            for &(context, since) in &lock.pending {
                edge(context, Reason::Pending(lock.address), since);
            }
        }
        if wait.kind == WaitKind::Head && self.place(wait.lock, from).is_some() {
            for &(context, since) in lock.heads.iter().take_while(|h| h.0 != from) {
                if self.is_next_in_line(wait.lock, context) {
                    edge(context, Reason::Predecessor(lock.address), since);
                }
            }
        }
        if whole_word {
            for entry in &lock.queue {
                // An owner's entry is only kept for its successor; it stands in the word as owner.
                if lock.owner.is_none_or(|o| o.context != entry.context) {
                    edge(entry.context, Reason::InQueue(lock.address), entry.joined_at);
                }
            }
        }
        if wait.kind == WaitKind::Queued
            && let Some(before) = self.place(wait.lock, from).and_then(|p| p.predecessor)
        {
            edge(before, Reason::Predecessor(lock.address), wait.since);
        }
        if wait.kind == WaitKind::HandOver {
            for entry in &lock.queue {
                let place = self.place(wait.lock, entry.context);
                if place.is_some_and(|p| p.predecessor == Some(from) && !p.linked) {
                    edge(entry.context, Reason::Successor(lock.address), entry.joined_at);
                }
            }
        }
    }

    /// Whether a head is in the queue and means to stay: not one that gives up and has handed its turn on.
    fn is_next_in_line(&self, lock: usize, head: ContextId) -> bool {
        let attempt = self.frame(head).and_then(|f| f.attempt.as_ref());
        attempt.is_some_and(|a| a.lock == lock && a.place.is_some() && !a.gives_up)
    }

    /// Whether `from` waits for `to`, for whatever reason.
    pub(super) fn has_edge(&self, from: ContextId, to: ContextId) -> bool {
        let mut found = false;
        self.each_edge(from, |e| found |= e.to == to);
        found
    }

    /// Whether an edge starts at the topmost context of `cpu`.
    pub(super) fn waits(&self, cpu: usize) -> bool {
        let mut found = false;
        if let Some(top) = self.stacks[cpu].last() {
            self.each_edge(top.id, |_| found = true);
        }
        found
    }

    /// Everybody `from` depends on, itself left out unless it is on a cycle.
    pub(super) fn reached_from(&self, from: ContextId) -> BTreeSet<ContextId> {
        let mut seen = BTreeSet::new();
        let mut todo = vec![from];
        while let Some(context) = todo.pop() {
            self.each_edge(context, |edge| {
                if seen.insert(edge.to) {
                    todo.push(edge.to);
                }
            });
        }
        seen
    }

    /// Whether a path of at least one edge leads from `start` back to it. This is the test made at
    /// every wait, so it searches the state itself and builds no graph.
    pub(super) fn reaches_itself(&self, scratch: &mut Scratch, start: ContextId) -> bool {
        let Scratch { seen, todo } = scratch;
        seen.clear();
        seen.resize(self.stacks.len() * self.depth_max, false);
        todo.clear();
        todo.push(start);
        let mut found = false;
        while let Some(context) = todo.pop() {
            self.each_edge(context, |edge| {
                found |= edge.to == start;
                let slot = edge.to.cpu as usize * self.depth_max + edge.to.depth as usize;
                if !seen[slot] {
                    seen[slot] = true;
                    todo.push(edge.to);
                }
            });
            if found {
                return true;
            }
        }
        false
    }
}
