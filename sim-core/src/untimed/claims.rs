// SPDX-License-Identifier: MIT OR Apache-2.0
//! What contexts hold and want, as their marks say: the part of the wait-for graph that belongs to one core.
//!
//! The edges are those of the oracle of timed runs (`lock-impl`), from what is in a state alone.

use super::CoreState;
use super::state::put;
use crate::isa::{MarkKind, WaitKind};

/// How far a context has come with a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// It attempts it and is not waiting.
    Wants,
    /// It waits.
    Waits(WaitKind),
    /// It owns it.
    Owns,
}

/// A context's dealings with one lock, from `attempt` to `failed` or `released`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// Which of the core's contexts: 0 is the task, the others handlers.
    pub level: u8,
    /// Address of the lock.
    pub lock: u64,
    /// How far it is. An owner that waits for its successor waits.
    pub stage: Stage,
    /// It is owned, and not released.
    pub owned: bool,
    /// Tail code it joined the queue with; 0 if it is not in it.
    pub tail: u64,
    /// Tail code it found there.
    pub before: u64,
    /// Number of the detector that looked last; 0 if none did.
    pub looked: u8,
    /// What it is decided to end with; 0 if nothing is.
    pub error: u64,
}

impl Claim {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.level << 1 | u8::from(self.owned));
        put(out, self.lock);
        out.push(match self.stage {
            Stage::Wants => 0,
            Stage::Owns => 0xff,
            Stage::Waits(kind) => kind as u8,
        });
        put(out, self.tail);
        put(out, self.before);
        out.push(self.looked);
        put(out, self.error);
    }

    /// True from the attempt on until it is owned, and its owner has called its successor, or given up.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.stage != Stage::Owns
    }
}

impl CoreState {
    /// A mark was executed by the running context.
    pub(super) fn claim(&mut self, kind: MarkKind, args: [u64; 3]) {
        let level = self.handlers.len() as u8;
        let [lock, a, b] = args;
        if kind == MarkKind::Attempt {
            let new = Claim { level, lock, stage: Stage::Wants, owned: false, tail: 0, before: 0, looked: 0, error: 0 };
            self.claims.push(new);
            return;
        }
        let Some(at) = self.claims.iter().rposition(|c| c.level == level && c.lock == lock) else { return };
        let c = &mut self.claims[at];
        match kind {
            MarkKind::Wait => c.stage = WaitKind::from_number(a).map_or(Stage::Wants, Stage::Waits),
            MarkKind::Resumed => c.stage = if c.owned { Stage::Owns } else { Stage::Wants },
            // `queued(lock, own, 0)` leaves the queue.
            MarkKind::Queued if b == 0 => (c.tail, c.before) = (0, 0),
            MarkKind::Queued => (c.tail, c.before) = (b, a),
            MarkKind::Held => (c.stage, c.owned, c.looked) = (Stage::Owns, true, 0),
            MarkKind::Check => c.looked = a as u8,
            MarkKind::Found => c.error = a,
            MarkKind::Failed | MarkKind::Released => {
                self.claims.remove(at);
            }
            MarkKind::Attempt | MarkKind::Enter | MarkKind::Leave | MarkKind::Note => {}
        }
    }
}

/// A context of a state: core and level.
type Who = (usize, u8);

/// Whether a context waits, directly or not, for itself.
#[must_use]
pub fn on_cycle(cores: &[&CoreState], who: Who) -> bool {
    let mut seen: Vec<Who> = Vec::new();
    let mut todo = vec![who];
    while let Some(from) = todo.pop() {
        for to in waits_for(cores, from) {
            if to == who {
                return true;
            }
            if !seen.contains(&to) {
                seen.push(to);
                todo.push(to);
            }
        }
    }
    false
}

/// Whom a context waits for: its interrupter, owners, pending waiters, and those before it in the queue.
fn waits_for(cores: &[&CoreState], from: Who) -> Vec<Who> {
    let (core, level) = from;
    let mut out = Vec::new();
    if usize::from(level) < cores[core].handlers.len() {
        out.push((core, level + 1));
    }
    let all = || cores.iter().enumerate().flat_map(|(i, c)| c.claims.iter().map(move |c| ((i, c.level), c)));
    for c in cores[core].claims.iter().filter(|c| c.level == level) {
        let Stage::Waits(kind) = c.stage else { continue };
        let others = || all().filter(|(w, o)| o.lock == c.lock && *w != from);
        let owners = matches!(kind, WaitKind::Pending | WaitKind::TestAndSet | WaitKind::Head | WaitKind::Fallback);
        for (w, o) in others() {
            let waits = match o.stage {
                _ if o.owned => owners,
                Stage::Waits(WaitKind::Pending) => matches!(kind, WaitKind::Head | WaitKind::Fallback),
                _ => false,
            };
            let queue = match kind {
                WaitKind::Queued => o.tail != 0 && o.tail == c.before,
                WaitKind::HandOver => o.before != 0 && o.before == c.tail,
                WaitKind::Fallback => o.tail != 0,
                _ => false,
            };
            if waits || queue {
                out.push(w);
            }
        }
    }
    out
}
