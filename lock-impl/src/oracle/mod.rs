// SPDX-License-Identifier: MIT OR Apache-2.0
//! The oracle: the true wait-for graph of the simulated machine, and verdicts on every error.
//!
//! **What is modelled.** A node is one *activation* of a context: the task of a cpu, or one run of
//! an interrupt handler on top of it. An edge means "cannot go on until", and a context needs *all*
//! of its edges gone (AND semantics), so a deadlock is exactly a cycle:
//!
//! | context is | waits for |
//! |---|---|
//! | interrupted | the context just above it on its cpu |
//! | `pending`, `test_and_set` | the owner of the lock |
//! | `head` | the owner, every pending waiter and every earlier head |
//! | `queued` | its predecessor in the queue, until that one has left |
//! | `fallback` | owner, pending waiters and every queued context: it needs the whole word free |
//! | `hand_over` | its successor, as long as that one has joined but not linked itself |
//! | `pending_hand_over` | nobody: the wait is bounded, so it can be no part of a deadlock |
//!
//! There are several heads at a time where queues (one for each node, say) stand in front of a common one: each comes there in the order
//! of its `head` mark, and gives its turn on to the successor in its queue by `released(lock)`. With `released(lock, own)` it
//! gives back the lock alone: its successor waits for it until `queued(lock, own, 0)`, and takes its place among the heads later.
//!
//! A wait has a deadline if its mark gives one, and `pending_hand_over` has one by its nature. That decides nothing about edges and
//! cycles, but about what is stuck for good (module `stuck`).
//!
//! Between the marks `enter` and `leave` a hook's body runs: a context of its own on top of the one that passes the
//! hook, of the same kind, for whose end that one waits like an interrupted one.
//!
//! A context that has reported `queued` but no wait since runs towards linking itself; its first
//! `wait` after that says that the link is made. A lock's owner may report a `hand_over` wait too,
//! because a queue lock is owned before the successor has been found.
//!
//! **When a cycle forms.** Every new edge touches the context that has just marked or entered, and
//! that context has an edge of its own only after a `wait`; so each new cycle passes through the
//! context that has just reported one, or has been given the turn before other heads. One object is listed per closing wait: the shortest cycle
//! through it; every deadlock has at least one listed cycle at any time. An edge arises when both its ends are what they are; a cycle is as old as its
//! youngest edge.
//!
//! **How an error is judged.** At the mark `found`, when it is decided; in a program without such marks at `failed`,
//! before the attempt is taken out of the graph. There are two exceptions, where unwinding has already changed the
//! graph: a waiter that reports `hand_over` before it fails is judged as of that mark at the latest, and one that was
//! flushed is judged as of the moment the first of the flushed chain gave up.
//!
//! **What became of a deadlock** is followed until everybody is in good order again (module `anatomy`).
//!
//! **Cost.** Attempts that never wait touch two small arrays and allocate nothing. The graph is
//! derived from the state when somebody waits: first by a plain search that asks whether the
//! waiter can reach itself, and only if it can (or an error is to be judged) as a petgraph graph.
//!
//! Left out: waiting for anything that is not marked (barriers, plain memory, disabled interrupts).

mod anatomy;
mod bystanders;
mod cycles;
mod dot;
mod edges;
mod graph;
mod marks;
mod recur;
mod report;
mod state;
mod stuck;
#[cfg(test)]
mod tests;
mod violation;

pub use anatomy::{OpenRecoveries, Recovery};
pub use bystanders::Bystanders;
pub use cycles::{Cycle, CycleName, Member};
pub use edges::Reason;
pub use report::{Class, ClassCounts, Quiescence, Totals, UnboundedWaits, Unfinished, Verdict};
pub use state::{ContextId, Who};
pub use stuck::{Stuck, StuckContext, Why};
pub use violation::Violation;

use sim_core::isa::{ContextKind, MarkKind};

/// Keeps the wait-for graph of one machine. See the [module text](self).
///
/// Plain data: a clone goes on exactly as the original would.
#[derive(Clone, Debug)]
pub struct Oracle {
    state: state::State,
    scratch: edges::Scratch,
    /// Live cycles in the order of their ids.
    live: Vec<Cycle>,
    cycle_id_next: u64,
    /// Ids of cycles that have just dissolved.
    dissolved: Vec<u64>,
    recoveries: anatomy::Recoveries,
    /// The context that reported the last mark.
    acting: Option<ContextId>,
    /// When an interrupt returned last.
    left_at: u64,
    /// Since when there is a deadlock that nothing can end.
    stuck_since: Option<u64>,
    totals: Totals,
    now: u64,
}

impl Oracle {
    /// An oracle for a machine of `cpus` cpus, each running its task, with no lock held.
    #[must_use]
    pub fn new(cpus: usize) -> Self {
        Oracle {
            state: state::State::new(cpus),
            scratch: edges::Scratch::default(),
            live: Vec::new(),
            cycle_id_next: 0,
            dissolved: Vec::new(),
            recoveries: anatomy::Recoveries::default(),
            acting: None,
            left_at: 0,
            stuck_since: None,
            totals: Totals::default(),
            now: 0,
        }
    }

    /// An interrupt context of this kind starts on top of `cpu`'s stack at cycle `at`.
    ///
    /// # Panics
    /// If `cpu` is not a cpu of the machine or `at` is earlier than a previous call's.
    pub fn enter(&mut self, at: u64, cpu: usize, kind: ContextKind) {
        self.advance(at);
        self.state.push(at, cpu, kind);
    }

    /// The topmost context of `cpu` returns at cycle `at`.
    ///
    /// # Errors
    /// [`Violation::NothingToLeave`], [`Violation::LeaveWhileAttempting`] or
    /// [`Violation::LeaveWhileHolding`]; the context then stays where it is.
    ///
    /// # Panics
    /// As for [`Oracle::enter`].
    pub fn leave(&mut self, at: u64, cpu: usize) -> Result<(), Violation> {
        self.advance(at);
        // The context had no attempt and no lock, hence no edge of its own: no cycle can end here.
        self.state.pop(at, cpu)?;
        self.left_at = at;
        self.recoveries_see_order();
        Ok(())
    }

    /// The topmost context of `cpu` reports a mark at cycle `at`. A `failed` mark with `EDEADLK` or
    /// `ETIMEDOUT` gives a verdict; all others give `None`.
    ///
    /// `queued(lock, own, 0)` says that the context took its own tail code out of the word again, or has let its successor
    /// go on after `released(lock, own)`.
    ///
    /// # Errors
    /// What the program did wrong. The mark is then ignored, so the state is that before it; but
    /// what follows is not worth judging, and the run should end.
    ///
    /// # Panics
    /// As for [`Oracle::enter`].
    pub fn mark(&mut self, at: u64, cpu: usize, kind: MarkKind, args: [u64; 3]) -> Result<Option<Verdict>, Violation> {
        self.advance(at);
        self.acting = Some(self.state.top(cpu).id);
        let [lock, second, third] = args;
        match kind {
            MarkKind::Attempt => self.attempt(cpu, lock)?,
            MarkKind::Wait => self.wait(cpu, lock, second, third)?,
            MarkKind::Resumed => self.resumed(cpu, lock)?,
            MarkKind::Check => self.check(cpu, lock, second)?,
            MarkKind::Found => self.found(cpu, lock)?,
            MarkKind::Queued => self.queued(cpu, lock, second, third)?,
            MarkKind::Held => self.held(cpu, lock)?,
            MarkKind::Released => self.released(cpu, lock, second)?,
            MarkKind::Failed => {
                let verdict = self.failed(cpu, lock, second, third)?;
                self.recoveries_see_order();
                return Ok(verdict);
            }
            // A context of its own on the graph, though of the same kind: what it interrupts waits for it.
            MarkKind::Enter => {
                let kind = self.state.top(cpu).kind;
                self.state.push(at, cpu, kind);
            }
            MarkKind::Leave => self.state.pop(at, cpu)?,
            MarkKind::Note => {}
        }
        self.recoveries_see_order();
        Ok(None)
    }

    /// Counters since the start.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Waits without a deadline, `[WaitKind number]`; those that go on count until `now`.
    #[must_use]
    pub fn unbounded_waits(&self, now: u64) -> [UnboundedWaits; report::WAIT_KINDS] {
        let mut waits = self.totals.unbounded_waits;
        for wait in self.state.frames().filter_map(|f| f.wait).filter(|w| !w.bounded) {
            let counted = &mut waits[wait.kind as usize];
            counted.longest_cycles = counted.longest_cycles.max(now.saturating_sub(wait.bounded_since));
        }
        waits
    }

    /// Cycles that exist now, in the order they were listed. Ids rise, so a caller sees a new one by
    /// comparing the last id before and after a mark.
    #[must_use]
    pub fn live_cycles(&self) -> &[Cycle] {
        &self.live
    }

    /// Whether the topmost context of `cpu` waits for another context, for whatever reason.
    #[must_use]
    pub fn is_waiting(&self, cpu: usize) -> bool {
        self.state.waits(cpu)
    }

    /// What is still going on: unreturned interrupts, attempts, and locks held. A machine that came
    /// to rest gives [`Quiescence::is_quiet`].
    #[must_use]
    pub fn finish(&self) -> Quiescence {
        let mut unfinished = Vec::new();
        for frame in self.state.frames() {
            let attempt = frame.attempt.as_ref();
            let holds = self.state.locks_held_by(frame.id);
            if attempt.is_none() && holds.is_empty() && frame.id.depth == 0 {
                continue;
            }
            unfinished.push(Unfinished {
                who: frame.who(),
                attempt: attempt.map(|a| (self.state.locks[a.lock].address, a.began_at)),
                wait: frame.wait.as_ref().map(|w| w.kind),
                holds,
            });
        }
        Quiescence { unfinished, cycles: self.live.clone() }
    }

    /// The current graph as graphviz text: every context that waits, is waited for, attempts or
    /// holds. Contexts on a cycle are red. `lock_name` turns a lock's address into what is printed.
    #[must_use]
    pub fn dot(&self, lock_name: impl Fn(u64) -> String) -> String {
        dot::render(&self.state, &lock_name)
    }

    fn advance(&mut self, at: u64) {
        assert!(at >= self.now, "marks must come in time order: cycle {at} after cycle {}", self.now);
        self.now = at;
    }
}
