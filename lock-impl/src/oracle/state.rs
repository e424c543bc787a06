// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the marks have said so far: the contexts of every cpu, and who stands where at each lock.

use super::cycles::CycleName;
use super::violation::Violation;
use sim_core::isa::{ContextKind, WaitKind};
use std::fmt;

/// One activation of a context: a cpu's task, or one run of an interrupt handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContextId {
    /// The cpu it runs on.
    pub cpu: u32,
    /// How many contexts it is on top of: 0 for the task.
    pub depth: u32,
    /// Counts activations over the whole machine; never used twice.
    pub serial: u64,
}

/// A context together with its kind, for messages and records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Who {
    /// The activation.
    pub context: ContextId,
    /// What it runs for.
    pub kind: ContextKind,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cpu {} {}", self.context.cpu, self.kind.name())?;
        // Depth 1 is the usual place of an interrupt; only unusual nesting is worth the space.
        if self.context.depth > 1 {
            write!(f, " at depth {}", self.context.depth)?;
        }
        Ok(())
    }
}

/// How an attempt stands to the cycles of the graph at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judgement {
    /// The oldest cycle through it: when it formed and what it is.
    pub(super) cycle: Option<(u64, CycleName)>,
    /// It is on no cycle, but what it waits for depends on one.
    pub(super) behind_deadlock: bool,
    /// Made at a mark of its own, not when a predecessor gave up.
    pub(super) own: bool,
}

/// A place in a lock's queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The context before it, until that one has left the queue.
    pub(super) predecessor: Option<ContextId>,
    /// Its first wait after joining has been reported, so the predecessor can find it.
    pub(super) linked: bool,
}

/// An attempt in progress. The rare parts are boxed, which keeps the usual attempt cheap.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) lock: usize,
    pub(super) began_at: u64,
    pub(super) place: Option<Place>,
    /// A judgement that replaces the one at the `failed` mark; see the module text.
    pub(super) judged: Option<Box<Judgement>>,
    /// The judgement of those queued behind it has been stored with them.
    pub(super) chain_is_judged: bool,
    /// When the last cycle it was a listed member of came to an end.
    pub(super) cycle_ended_at: Option<u64>,
    /// The context whose mark ended it.
    pub(super) cycle_ended_by: Option<ContextId>,
    /// When that one had unwound; at once if it did not give up.
    pub(super) unwound_at: Option<u64>,
    /// When its last look for a deadlock began, if the program marks such looks.
    pub(super) checked_at: Option<u64>,
    /// It is decided that it fails, and it unwinds.
    pub(super) gives_up: bool,
    /// When it began to wait.
    pub(super) waits_since: Option<u64>,
    /// How it waited last.
    pub(super) last_wait: Option<WaitKind>,
    /// It is known to have waited behind a deadlock.
    pub(super) is_bystander: bool,
    /// From when until when it waited behind one, for each.
    pub(super) behind: Vec<(u64, u64)>,
}

impl Attempt {
    pub(super) const fn new(lock: usize, began_at: u64) -> Self {
        Attempt {
            lock,
            began_at,
            place: None,
            judged: None,
            chain_is_judged: false,
            cycle_ended_at: None,
            cycle_ended_by: None,
            unwound_at: None,
            checked_at: None,
            gives_up: false,
            waits_since: None,
            last_wait: None,
            is_bystander: false,
            behind: Vec::new(),
        }
    }
}

/// A wait in progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    pub(super) lock: usize,
    pub(super) kind: WaitKind,
    pub(super) since: u64,
    /// The program ends it by itself: a deadline, or patience.
    pub(super) bounded: bool,
    /// Since when it is bounded, or not.
    pub(super) bounded_since: u64,
}

impl Wait {
    pub(super) const fn new(lock: usize, kind: WaitKind, since: u64, has_deadline: bool) -> Self {
        // Whoever waits for the pending waiter to become owner has patience and no more.
        let bounded = has_deadline || matches!(kind, WaitKind::PendingHandOver);
        Wait { lock, kind, since, bounded, bounded_since: since }
    }
}

/// One context on a cpu's stack.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) id: ContextId,
    pub(super) kind: ContextKind,
    pub(super) entered_at: u64,
    /// Number of locks owned.
    pub(super) held: u32,
    pub(super) attempt: Option<Attempt>,
    pub(super) wait: Option<Wait>,
}

impl Frame {
    pub(super) fn who(&self) -> Who {
        Who { context: self.id, kind: self.kind }
    }
}

/// Ownership of a lock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    pub(super) context: ContextId,
    pub(super) since: u64,
    /// It came through the queue and its entry is still there, for the sake of its successor.
    pub(super) has_entry: bool,
}

/// An entry of a lock's queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) context: ContextId,
    pub(super) tail: u64,
    pub(super) joined_at: u64,
    /// Its context has had the lock and given it back, and its successor waits for it yet.
    pub(super) outlives_lock: bool,
}

/// Which of a context's entries in a queue; it has more than one if it queues for a lock it owns.
#[derive(Clone, Copy, Debug)]
pub(super) enum EntryOf {
    /// The newest.
    Attempt,
    /// The oldest.
    Owner,
    /// Kept when it released the lock.
    FormerOwner,
}

/// One lock.
#[derive(Clone, Debug)]
pub(super) struct Lock {
    pub(super) address: u64,
    pub(super) owner: Option<Owner>,
    /// Pending waiters and since when.
    pub(super) pending: Vec<(ContextId, u64)>,
    /// Whose turn it is and since when, in this order. There are several if the lock has queues of its own in front of
    /// the one of their heads. The first may be a waiter to which a predecessor has passed the turn.
    pub(super) heads: Vec<(ContextId, u64)>,
    /// Queue entries in the order of joining.
    pub(super) queue: Vec<Entry>,
}

/// All contexts and locks.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// `[cpu][depth]`; the task at depth 0 is always there.
    pub(super) stacks: Vec<Vec<Frame>>,
    /// In the order of first mention.
    pub(super) locks: Vec<Lock>,
    /// `(address, index into locks)`, sorted by address.
    pub(super) by_address: Vec<(u64, usize)>,
    pub(super) serial_next: u64,
    /// Length of the longest stack there has been.
    pub(super) depth_max: usize,
}

impl State {
    pub(super) fn new(cpus: usize) -> Self {
        let mut state = State {
            stacks: vec![Vec::with_capacity(4); cpus],
            locks: Vec::new(),
            by_address: Vec::new(),
            serial_next: 0,
            depth_max: 0,
        };
        for cpu in 0..cpus {
            state.push(0, cpu, ContextKind::Task);
        }
        state
    }

    pub(super) fn push(&mut self, at: u64, cpu: usize, kind: ContextKind) {
        let serial = self.serial_next;
        self.serial_next += 1;
        let stack = &mut self.stacks[cpu];
        stack.push(Frame {
            id: ContextId { cpu: cpu as u32, depth: stack.len() as u32, serial },
            kind,
            entered_at: at,
            held: 0,
            attempt: None,
            wait: None,
        });
        self.depth_max = self.depth_max.max(stack.len());
    }

    pub(super) fn pop(&mut self, at: u64, cpu: usize) -> Result<(), Violation> {
        if self.stacks[cpu].len() < 2 {
            return Err(Violation::NothingToLeave { at, cpu });
        }
        let top = self.top(cpu);
        let who = top.who();
        if let Some(attempt) = &top.attempt {
            let lock = self.locks[attempt.lock].address;
            return Err(Violation::LeaveWhileAttempting { at, who, lock });
        }
        if top.held > 0
            && let Some(&lock) = self.locks_held_by(who.context).first()
        {
            return Err(Violation::LeaveWhileHolding { at, who, lock });
        }
        self.stacks[cpu].pop();
        Ok(())
    }

    /// The running context of a cpu.
    pub(super) fn top(&self, cpu: usize) -> &Frame {
        let stack = &self.stacks[cpu];
        &stack[stack.len() - 1]
    }

    /// The running context of a cpu.
    pub(super) fn top_mut(&mut self, cpu: usize) -> &mut Frame {
        let stack = &mut self.stacks[cpu];
        let last = stack.len() - 1;
        &mut stack[last]
    }

    /// The frame of an activation, if it has not returned.
    pub(super) fn frame(&self, context: ContextId) -> Option<&Frame> {
        self.stacks.get(context.cpu as usize)?.get(context.depth as usize).filter(|f| f.id == context)
    }

    /// As [`State::frame`], to change it.
    pub(super) fn frame_mut(&mut self, context: ContextId) -> Option<&mut Frame> {
        self.stacks.get_mut(context.cpu as usize)?.get_mut(context.depth as usize).filter(|f| f.id == context)
    }

    /// Every context, by cpu and depth.
    pub(super) fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.stacks.iter().flatten()
    }

    /// Index of the lock at this address, which becomes known if it was not.
    pub(super) fn lock_index(&mut self, address: u64) -> usize {
        match self.by_address.binary_search_by_key(&address, |e| e.0) {
            Ok(found) => self.by_address[found].1,
            Err(slot) => {
                let index = self.locks.len();
                self.locks.push(Lock {
                    address,
                    owner: None,
                    pending: Vec::new(),
                    heads: Vec::new(),
                    queue: Vec::new(),
                });
                self.by_address.insert(slot, (address, index));
                index
            }
        }
    }

    /// Addresses of the locks this context owns, in the order the locks were first mentioned.
    pub(super) fn locks_held_by(&self, context: ContextId) -> Vec<u64> {
        self.locks.iter().filter(|l| l.owner.is_some_and(|o| o.context == context)).map(|l| l.address).collect()
    }

    /// Replaces what the running context of `cpu` waits for, and keeps the lists of pending waiters and of heads.
    pub(super) fn set_wait(&mut self, cpu: usize, wait: Option<Wait>) {
        let top = self.top_mut(cpu);
        let context = top.id;
        let old = std::mem::replace(&mut top.wait, wait);
        if let Some(old) = old.filter(|w| w.kind == WaitKind::Pending) {
            self.locks[old.lock].pending.retain(|p| p.0 != context);
        }
        if let Some(new) = wait.filter(|w| w.kind == WaitKind::Pending) {
            self.locks[new.lock].pending.push((context, new.since));
        }
        let new_head = wait.filter(|w| w.kind == WaitKind::Head);
        if new_head.is_some_and(|new| old.is_some_and(|old| old.kind == new.kind && old.lock == new.lock)) {
            return; // It keeps its place among the heads.
        }
        if let Some(old) = old.filter(|w| matches!(w.kind, WaitKind::Head | WaitKind::Queued)) {
            self.locks[old.lock].heads.retain(|h| h.0 != context);
        }
        if let Some(new) = new_head {
            self.locks[new.lock].heads.push((context, new.since));
        }
    }

    /// An owner leaves the queue with its turn: the one behind it, if any, comes before all other heads.
    pub(super) fn pass_turn(&mut self, lock: usize, owner: ContextId, now: u64) -> Option<ContextId> {
        let follows = |c: ContextId| {
            self.place(lock, c).is_some_and(|p| p.predecessor == Some(owner))
                && self.frame(c).and_then(|f| f.wait).is_some_and(|w| w.kind == WaitKind::Queued)
        };
        let next = self.locks[lock].queue.iter().map(|e| e.context).find(|&c| follows(c))?;
        self.locks[lock].heads.insert(0, (next, now));
        Some(next)
    }

    /// Whether it has released the lock and keeps its entry in the queue.
    pub(super) fn outlives_lock(&self, lock: usize, context: ContextId) -> bool {
        self.locks[lock].queue.iter().any(|e| e.context == context && e.outlives_lock)
    }

    /// Takes a context's entry out of a queue. Its successor then has nobody before it: whoever
    /// leaves has told it to go on.
    pub(super) fn leave_queue(&mut self, lock: usize, context: ContextId, whose: EntryOf) {
        let queue = &mut self.locks[lock].queue;
        let found = match whose {
            EntryOf::Attempt => queue.iter().rposition(|e| e.context == context),
            EntryOf::Owner => queue.iter().position(|e| e.context == context && !e.outlives_lock),
            EntryOf::FormerOwner => queue.iter().position(|e| e.context == context && e.outlives_lock),
        };
        if let Some(at) = found {
            queue.remove(at);
        }
        for entry in &self.locks[lock].queue {
            let stack = self.stacks.get_mut(entry.context.cpu as usize);
            let frame = stack.and_then(|s| s.get_mut(entry.context.depth as usize));
            let attempt = frame.and_then(|f| f.attempt.as_mut());
            if let Some(place) = attempt.and_then(|a| a.place.as_mut())
                && place.predecessor == Some(context)
            {
                place.predecessor = None;
            }
        }
    }

    /// The contexts queued behind `first`, nearest first, without itself.
    pub(super) fn queued_behind(&self, lock: usize, first: ContextId) -> Vec<ContextId> {
        let mut chain = vec![first];
        // The queue is in the order of joining, so a predecessor always comes first.
        for entry in &self.locks[lock].queue {
            if let Some(before) = self.place(lock, entry.context).and_then(|p| p.predecessor)
                && chain.contains(&before)
                && !chain.contains(&entry.context)
            {
                chain.push(entry.context);
            }
        }
        chain.split_off(1)
    }

    /// The place of a context that is queued for this lock and has not got it.
    pub(super) fn place(&self, lock: usize, context: ContextId) -> Option<Place> {
        let attempt = self.frame(context)?.attempt.as_ref()?;
        attempt.place.filter(|_| attempt.lock == lock)
    }
}
