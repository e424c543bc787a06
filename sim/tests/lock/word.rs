// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lock word of a queued spin lock as an automaton: who may own the lock next, given who has set pending and who has
//! queued. It knows no time and neither program; it is fed with marks.
//!
//! Marks of read-modify-writes come with the change of the word. Those of plain stores (claims S9 and C2, the undoing of S5, the
//! release) come when the store is issued, before the word shows it; whoever relies on the change comes later still.

use std::collections::{BTreeMap, VecDeque};

use sim_core::isa::{ContextKind, MarkKind, Pc, WaitKind};
use sim_core::ports::Probe;
use sim_core::time::Cycle;

/// A context: core and number of contexts below it.
type Who = (usize, usize);

/// An attempt, an owner, a release; or an interrupt taken, with lock 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) at: u64,
    pub(crate) core: usize,
    pub(crate) kind: MarkKind,
    pub(crate) lock: u64,
}

/// How often owners came by each way, and how often a pending bit was taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ways {
    /// The word was 0.
    pub(crate) fast: u64,
    /// As the pending waiter.
    pub(crate) pending: u64,
    /// As the head of the queue.
    pub(crate) head: u64,
    /// Step S5.
    pub(crate) undone: u64,
}

#[derive(Clone, Debug, Default)]
struct Word {
    owner: Option<Who>,
    /// Who has set pending, and whether it will have to take it back because a tail was there before.
    pending: Option<(Who, bool)>,
    /// Queued, front first, with the codes of their nodes.
    queue: VecDeque<(Who, u64)>,
    /// 0 if nobody is in the queue.
    tail: u64,
    /// The last one in the queue became owner while a pending bit that is taken back stood in the word or may have stood: its
    /// compare-and-swap failed then, and the tail is still its own.
    tail_may_be_zero: bool,
    undone: bool,
}

impl Word {
    fn mark(&mut self, who: Who, kind: MarkKind, args: [u64; 3], ways: &mut Ways) -> Result<(), String> {
        let ensure = |ok: bool, what: &str| if ok { Ok(()) } else { Err(what.to_owned()) };
        let is = |w: WaitKind| kind == MarkKind::Wait && args[1] == w as u64;
        if is(WaitKind::Pending) {
            ensure(self.pending.is_none(), "pending was set already")?;
            self.pending = Some((who, self.tail != 0 && !self.tail_may_be_zero));
        } else if is(WaitKind::PendingHandOver) && self.pending.is_some_and(|(p, _)| p == who) {
            ensure(self.tail != 0, "pending is taken back without a tail")?;
            self.pending = None;
            self.undone = true;
            ways.undone += 1;
        } else if is(WaitKind::Head) {
            ensure(self.queue.front().is_some_and(|f| f.0 == who), "it is not the front of the queue")?;
        } else if kind == MarkKind::Queued {
            let [_, previous, own] = args;
            let zero = previous == 0 && self.tail_may_be_zero;
            ensure(previous == self.tail || zero, "its predecessor is not the tail")?;
            self.queue.push_back((who, own));
            (self.tail, self.tail_may_be_zero) = (own, false);
        } else if kind == MarkKind::Held {
            ensure(self.owner.is_none(), "there is an owner")?;
            self.own(who, ways).map_err(str::to_owned)?;
            self.owner = Some(who);
        } else if kind == MarkKind::Released {
            ensure(self.owner == Some(who), "it is not the owner")?;
            self.owner = None;
        } else if kind == MarkKind::Failed {
            return Err("an attempt failed".to_owned());
        }
        Ok(())
    }

    /// The order of precedence: the pending waiter, the front of the queue, anybody else.
    fn own(&mut self, who: Who, ways: &mut Ways) -> Result<(), &'static str> {
        if let Some((p, must_undo)) = self.pending {
            if p == who {
                ways.pending += 1;
                self.pending = None;
                return if must_undo { Err("its pending bit came behind a tail") } else { Ok(()) };
            }
            if !must_undo {
                return Err("there is a pending waiter");
            }
        }
        if let Some((front, _)) = self.queue.front() {
            if *front != who {
                return Err("there is a queue");
            }
            ways.head += 1;
            self.queue.pop_front();
            if self.queue.is_empty() {
                if self.undone || self.pending.is_some() {
                    self.tail_may_be_zero = true;
                } else {
                    self.tail = 0;
                }
                self.undone = false;
            }
            return Ok(());
        }
        if self.tail != 0 && !self.tail_may_be_zero {
            return Err("there is a tail");
        }
        ways.fast += 1;
        (self.tail, self.tail_may_be_zero) = (0, false);
        if self.pending.is_some() { Err("there is a pending bit") } else { Ok(()) }
    }
}

/// Feeds the automata of all locks with the marks of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    words: BTreeMap<u64, Word>,
    /// `[core]`: interrupt contexts on top of its task.
    levels: BTreeMap<usize, usize>,
    /// The first mark that the automaton does not accept.
    pub(crate) refused: Option<String>,
    pub(crate) ways: Ways,
    events: Vec<Event>,
}

impl Words {
    /// What was seen, with locks by number, from 1 on: two programs have them at different addresses.
    pub(crate) fn numbered(&self) -> Vec<Event> {
        let number = |address: u64| self.words.keys().position(|a| *a == address).map_or(0, |i| i as u64 + 1);
        self.events.iter().map(|e| Event { lock: number(e.lock), ..*e }).collect()
    }
}

impl Probe for Words {
    fn mark(&mut self, at: Cycle, core: usize, kind: MarkKind, args: [u64; 3], _: Pc) {
        let who = (core, self.levels.get(&core).copied().unwrap_or(0));
        if matches!(kind, MarkKind::Attempt | MarkKind::Held | MarkKind::Released) {
            self.events.push(Event { at: at.0, core, kind, lock: args[0] });
        }
        let word = self.words.entry(args[0]).or_default();
        let accepted = word.mark(who, kind, args, &mut self.ways);
        if let (Err(why), None) = (accepted, &self.refused) {
            self.refused = Some(format!("{kind:?} {args:x?} of {who:?} at {}: {why}; {word:?}", at.0));
        }
    }

    fn enter(&mut self, at: Cycle, core: usize, _: ContextKind, _: Pc) {
        self.events.push(Event { at: at.0, core, kind: MarkKind::Enter, lock: 0 });
        *self.levels.entry(core).or_default() += 1;
    }

    fn leave(&mut self, _: Cycle, core: usize, _: ContextKind, _: Cycle) {
        *self.levels.entry(core).or_default() -= 1;
    }
}
