// SPDX-License-Identifier: MIT OR Apache-2.0
//! What each mark does to the state. Every function checks first and changes nothing on an error.

use super::anatomy::Key;
use super::graph::Graph;
use super::report::{Class, Verdict};
use super::state::{Attempt, ContextId, Entry, EntryOf, Judgement, Owner, Place, Wait, Who};
use super::{Oracle, Violation};
use sim_core::isa::{Detector, EDEADLK, ETIMEDOUT, MarkKind, NO_DEADLINE, WaitKind};

impl Oracle {
    pub(super) fn attempt(&mut self, cpu: usize, lock: u64) -> Result<(), Violation> {
        let lock_index = self.state.lock_index(lock);
        let at = self.now;
        let top = self.state.top(cpu);
        if let Some(attempt) = &top.attempt {
            return Err(Violation::NestedAttempt {
                at,
                who: top.who(),
                lock,
                attempting: self.state.locks[attempt.lock].address,
            });
        }
        // An owner's wait for its successor may end without a mark; the next mark shows it has ended.
        let waited = top.wait.is_some();
        if waited {
            self.set_wait(cpu, None);
        }
        self.state.top_mut(cpu).attempt = Some(Attempt::new(lock_index, at));
        self.totals.attempts += 1;
        if waited {
            self.settle();
        }
        Ok(())
    }

    pub(super) fn wait(&mut self, cpu: usize, lock: u64, kind: u64, deadline: u64) -> Result<(), Violation> {
        let lock_index = self.state.lock_index(lock);
        let at = self.now;
        let top = self.state.top(cpu);
        let who = top.who();
        let Some(kind) = WaitKind::from_number(kind) else {
            return Err(Violation::UnknownNumber { at, who, mark: MarkKind::Wait, value: kind });
        };
        let attempts = top.attempt.as_ref().is_some_and(|a| a.lock == lock_index);
        let owner = self.state.locks[lock_index].owner;
        let hands_over =
            kind == WaitKind::HandOver && top.attempt.is_none() && owner.is_some_and(|o| o.context == who.context)
                || kind == WaitKind::HandOver && self.outlives(cpu, lock_index);
        if !attempts && !hands_over {
            return Err(self.not_attempting(cpu, MarkKind::Wait, lock));
        }
        let mut wait = Wait::new(lock_index, kind, at, deadline != NO_DEADLINE);
        if let Some(old) = top.wait.filter(|w| w.kind == kind && w.lock == lock_index) {
            // A mark inside the loop: the wait goes on as it was, and so does its age.
            if old.bounded != wait.bounded {
                wait.since = old.since;
                self.set_wait(cpu, Some(wait));
                self.look_for_stuck(who.context);
            }
            return Ok(());
        }
        if attempts && kind == WaitKind::HandOver {
            self.judge_giving_up(lock_index, who.context);
        }
        if let Some(attempt) = self.state.top_mut(cpu).attempt.as_mut() {
            if kind != WaitKind::HandOver {
                attempt.judged = None;
                attempt.chain_is_judged = false;
                attempt.gives_up = false;
            } else {
                attempt.gives_up = true;
            }
            attempt.waits_since.get_or_insert(at);
            attempt.last_wait = Some(kind);
            if let Some(place) = attempt.place.as_mut() {
                place.linked = true;
                if kind == WaitKind::Head {
                    place.predecessor = None;
                }
            }
        }
        self.set_wait(cpu, Some(wait));
        self.settle_wait(who.context);
        Ok(())
    }

    pub(super) fn resumed(&mut self, cpu: usize, lock: u64) -> Result<(), Violation> {
        let lock_index = self.state.lock_index(lock);
        let top = self.state.top(cpu);
        let attempts = top.attempt.as_ref().is_some_and(|a| a.lock == lock_index);
        let waits = top.wait.is_some_and(|w| w.lock == lock_index);
        if !attempts && !waits {
            return Err(self.not_attempting(cpu, MarkKind::Resumed, lock));
        }
        self.set_wait(cpu, None);
        self.settle();
        Ok(())
    }

    pub(super) fn check(&mut self, cpu: usize, lock: u64, detector: u64) -> Result<(), Violation> {
        let lock_index = self.state.lock_index(lock);
        let at = self.now;
        let top = self.state.top_mut(cpu);
        let who = top.who();
        if Detector::from_number(detector).is_none() {
            return Err(Violation::UnknownNumber { at, who, mark: MarkKind::Check, value: detector });
        }
        let Some(attempt) = top.attempt.as_mut().filter(|a| a.lock == lock_index) else {
            return Err(self.not_attempting(cpu, MarkKind::Check, lock));
        };
        attempt.checked_at = Some(at);
        self.recoveries_see_check(who.context);
        Ok(())
    }

    /// From here on the attempt unwinds, which changes the graph; so it is judged now.
    pub(super) fn found(&mut self, cpu: usize, lock: u64) -> Result<(), Violation> {
        let lock_index = self.state.lock_index(lock);
        let context = self.state.top(cpu).id;
        let Some(attempt) = self.state.top_mut(cpu).attempt.as_mut().filter(|a| a.lock == lock_index) else {
            return Err(self.not_attempting(cpu, MarkKind::Found, lock));
        };
        attempt.gives_up = true;
        if attempt.judged.is_none() {
            self.recoveries_see_found(context);
            self.store_judgements(Some(context), Vec::new());
        }
        Ok(())
    }

    pub(super) fn queued(&mut self, cpu: usize, lock: u64, previous: u64, own: u64) -> Result<(), Violation> {
        let lock_index = self.state.lock_index(lock);
        let top = self.state.top(cpu);
        let context = top.id;
        if own == 0 && self.outlives(cpu, lock_index) {
            if self.state.top(cpu).wait.is_some() {
                self.set_wait(cpu, None);
            }
            self.state.leave_queue(lock_index, context, EntryOf::FormerOwner);
            self.settle();
            return Ok(());
        }
        let Some(attempt) = top.attempt.as_ref().filter(|a| a.lock == lock_index) else {
            return Err(self.not_attempting(cpu, MarkKind::Queued, lock));
        };
        if attempt.place.is_some() {
            // It withdraws, or joins anew; either way it is no longer where it was.
            self.state.leave_queue(lock_index, context, EntryOf::Attempt);
            if let Some(attempt) = self.state.top_mut(cpu).attempt.as_mut() {
                attempt.place = None;
            }
        }
        if own != 0 {
            // A tail code is used again once its node is free, so the newest entry is the one meant.
            let queue = &mut self.state.locks[lock_index].queue;
            let before = queue.iter().rev().find(|e| e.tail == previous);
            let predecessor = before.filter(|_| previous != 0).map(|e| e.context);
            queue.push(Entry { context, tail: own, joined_at: self.now, outlives_lock: false });
            let unknown = previous != 0 && predecessor.is_none();
            self.totals.unknown_predecessors += u64::from(unknown);
            if let Some(attempt) = self.state.top_mut(cpu).attempt.as_mut() {
                attempt.place = Some(Place { predecessor, linked: false });
            }
            self.set_wait(cpu, None);
        }
        self.settle();
        Ok(())
    }

    pub(super) fn held(&mut self, cpu: usize, lock: u64) -> Result<(), Violation> {
        let lock_index = self.state.lock_index(lock);
        let at = self.now;
        let top = self.state.top(cpu);
        let who = top.who();
        let Some(attempt) = top.attempt.as_ref().filter(|a| a.lock == lock_index) else {
            return Err(Violation::HeldWithoutAttempt { at, who, lock, attempting: self.attempting(cpu) });
        };
        let has_entry = attempt.place.is_some();
        if let Some(owner) = self.state.locks[lock_index].owner {
            return Err(Violation::MutualExclusion {
                at,
                who,
                lock,
                owner: self.who(owner.context),
                owned_since: owner.since,
            });
        }
        self.state.locks[lock_index].owner = Some(Owner { context: who.context, since: at, has_entry });
        self.end_attempt(cpu);
        self.state.top_mut(cpu).held += 1;
        self.totals.acquisitions += 1;
        self.settle();
        Ok(())
    }

    /// `own` is 0, or the tail code of the entry that its successor waits for yet.
    pub(super) fn released(&mut self, cpu: usize, lock: u64, own: u64) -> Result<(), Violation> {
        let lock_index = self.state.lock_index(lock);
        let who = self.state.top(cpu).who();
        let owner = self.state.locks[lock_index].owner;
        let Some(owner) = owner.filter(|o| o.context == who.context) else {
            return Err(Violation::ReleasedByNonOwner {
                at: self.now,
                who,
                lock,
                owner: owner.map(|o| self.who(o.context)),
            });
        };
        self.state.locks[lock_index].owner = None;
        let mut next = None;
        if owner.has_entry {
            let queue = &mut self.state.locks[lock_index].queue;
            match queue.iter_mut().find(|e| own != 0 && e.context == who.context && e.tail == own) {
                Some(entry) => entry.outlives_lock = true,
                None => {
                    next = self.state.pass_turn(lock_index, who.context, self.now);
                    self.state.leave_queue(lock_index, who.context, EntryOf::Owner);
                }
            }
        }
        let top = self.state.top_mut(cpu);
        top.held -= 1;
        if top.attempt.is_none() && top.wait.is_some() {
            self.set_wait(cpu, None);
        }
        match next {
            // Other heads wait for it from now on, which can close a cycle as its own wait would.
            Some(next) => self.settle_wait(next),
            None => self.settle(),
        }
        Ok(())
    }

    pub(super) fn failed(
        &mut self,
        cpu: usize,
        lock: u64,
        errno: u64,
        detector: u64,
    ) -> Result<Option<Verdict>, Violation> {
        let lock_index = self.state.lock_index(lock);
        let top = self.state.top(cpu);
        let who = top.who();
        let Some(attempt) = top.attempt.as_ref().filter(|a| a.lock == lock_index) else {
            return Err(self.not_attempting(cpu, MarkKind::Failed, lock));
        };
        let wait = attempt.last_wait;
        let known = Detector::from_number(detector);
        if known.is_none() && detector != 0 {
            return Err(Violation::UnknownNumber { at: self.now, who, mark: MarkKind::Failed, value: detector });
        }
        let in_queue = attempt.place.is_some();
        let chain_is_judged = attempt.chain_is_judged;
        let key = Key { context: who.context, began_at: attempt.began_at };
        let mut verdict = match errno {
            EDEADLK | ETIMEDOUT => Some(self.verdict(attempt, who, errno, known, wait)),
            _ => None,
        };
        let behind = verdict.is_some_and(|v| v.behind_deadlock);
        self.recoveries_see_failing(key, behind);
        let waited = wait.is_some_and(|k| k != WaitKind::PendingHandOver);
        if let Some(v) = verdict.as_mut().filter(|v| v.class == Class::FalsePositive && !waited)
            && self.would_close_a_cycle(cpu, lock_index)
        {
            v.class = Class::Avoided;
        }
        if in_queue && !chain_is_judged {
            let flushed = self.state.queued_behind(lock_index, who.context);
            self.store_judgements(None, flushed);
        }
        if in_queue {
            self.state.leave_queue(lock_index, who.context, EntryOf::Attempt);
        }
        self.end_attempt(cpu);
        self.settle();
        self.recoveries_see_failed(key, known);
        match &verdict {
            Some(verdict) => self.totals.count(verdict),
            None => self.totals.other_failures += 1,
        }
        Ok(verdict)
    }

    /// Whether this context would be on a cycle if it waited for everybody who has or wants the
    /// lock, as whoever joins the queue or tries until the word is free does.
    fn would_close_a_cycle(&mut self, cpu: usize, lock: usize) -> bool {
        let top = self.state.top(cpu);
        let (context, before) = (top.id, top.wait);
        self.state.set_wait(cpu, Some(Wait::new(lock, WaitKind::Fallback, self.now, true)));
        let closes = self.state.reaches_itself(&mut self.scratch, context);
        self.state.set_wait(cpu, before);
        closes
    }

    fn verdict(
        &self,
        attempt: &Attempt,
        who: Who,
        errno: u64,
        detector: Option<Detector>,
        wait: Option<WaitKind>,
    ) -> Verdict {
        let flushed = detector == Some(Detector::Flushed);
        let judgement = match &attempt.judged {
            Some(judged) if judged.own || flushed => Judgement::clone(judged),
            _ => Graph::reachable(&self.state, [who.context]).judge(who.context, &self.live, true),
        };
        let class = match (errno == EDEADLK, judgement.cycle.is_some()) {
            (true, true) => Class::Detected,
            (false, true) => Class::Miss,
            (_, false) if is_late(attempt) => Class::Late,
            (_, false) if judgement.behind_deadlock => Class::WrongCulprit,
            (true, false) => Class::FalsePositive,
            (false, false) => Class::TimeoutOutsideCycle,
        };
        Verdict {
            at: self.now,
            cpu: who.context.cpu as usize,
            kind: who.kind,
            lock: self.state.locks[attempt.lock].address,
            errno,
            detector,
            attempt_began_at: attempt.began_at,
            wait,
            class,
            latency_cycles: judgement.cycle.map(|(formed_at, _)| self.now - formed_at),
            cycle: judgement.cycle.map(|(_, name)| name),
            behind_deadlock: judgement.behind_deadlock,
            cycle_ended_at: match judgement.cycle {
                Some(_) => None,
                None => attempt.cycle_ended_at,
            },
        }
    }

    /// A waiter turns to its successor instead of the lock, as it does when it gives up: from now
    /// on the graph no longer shows what it, and those it may flush, were waiting for.
    fn judge_giving_up(&mut self, lock: usize, context: ContextId) {
        let attempt = self.state.frame(context).and_then(|f| f.attempt.as_ref());
        let Some(attempt) = attempt.filter(|a| !a.chain_is_judged) else {
            return; // It was flushed itself, and judged with the rest of its chain.
        };
        let own = attempt.judged.is_none().then_some(context);
        // Its deadlock has just gone: whoever waited behind it then is flushed on its account all the same.
        let on_cycle = attempt.judged.as_ref().is_some_and(|j| j.cycle.is_some());
        let ended_at = attempt.cycle_ended_at.filter(|_| !on_cycle && is_late(attempt));
        self.recoveries_see_found(context);
        let behind = self.state.queued_behind(lock, context);
        self.store_judgements(own, behind.clone());
        for context in behind {
            let attempt = self.state.frame_mut(context).and_then(|f| f.attempt.as_mut());
            if let Some(attempt) = attempt.filter(|a| a.waits_since.is_some_and(|w| ended_at.is_some_and(|e| w <= e)))
                && let Some(judged) = attempt.judged.as_mut().filter(|j| j.cycle.is_none())
            {
                judged.behind_deadlock = true;
            }
        }
        let frame = self.state.frame_mut(context);
        if let Some(attempt) = frame.and_then(|f| f.attempt.as_mut()) {
            attempt.chain_is_judged = true;
        }
    }

    fn store_judgements(&mut self, own: Option<ContextId>, behind: Vec<ContextId>) {
        if own.is_none() && behind.is_empty() {
            return;
        }
        let graph = Graph::reachable(&self.state, own.into_iter().chain(behind.iter().copied()));
        for context in own.into_iter().chain(behind) {
            let judgement = graph.judge(context, &self.live, own == Some(context));
            let frame = self.state.frame_mut(context);
            if let Some(attempt) = frame.and_then(|f| f.attempt.as_mut()) {
                attempt.chain_is_judged |= own != Some(context);
                attempt.judged = Some(Box::new(judgement));
            }
        }
    }

    /// Whether the running context of `cpu` attempts nothing, has released the lock and keeps its entry in the queue.
    fn outlives(&self, cpu: usize, lock: usize) -> bool {
        let top = self.state.top(cpu);
        top.attempt.is_none() && self.state.outlives_lock(lock, top.id)
    }

    fn end_attempt(&mut self, cpu: usize) {
        let top = self.state.top(cpu);
        if let Some(attempt) = top.attempt.as_ref().filter(|a| a.is_bystander) {
            let key = Key { context: top.id, began_at: attempt.began_at };
            self.bystander_ends(key);
        }
        self.set_wait(cpu, None);
        self.state.top_mut(cpu).attempt = None;
    }

    /// Replaces what the running context of `cpu` waits for, and counts waits without a deadline.
    pub(super) fn set_wait(&mut self, cpu: usize, wait: Option<Wait>) {
        if let Some(old) = self.state.top(cpu).wait.filter(|w| !w.bounded) {
            let counted = &mut self.totals.unbounded_waits[old.kind as usize];
            counted.longest_cycles = counted.longest_cycles.max(self.now - old.bounded_since);
            counted.ended += 1;
        }
        if let Some(new) = wait.filter(|w| !w.bounded) {
            self.totals.unbounded_waits[new.kind as usize].count += 1;
        }
        self.state.set_wait(cpu, wait);
    }

    /// Address of the lock that the running context of `cpu` attempts.
    fn attempting(&self, cpu: usize) -> Option<u64> {
        let attempt = self.state.top(cpu).attempt.as_ref()?;
        Some(self.state.locks[attempt.lock].address)
    }

    fn not_attempting(&self, cpu: usize, mark: MarkKind, lock: u64) -> Violation {
        Violation::MarkWithoutAttempt {
            at: self.now,
            who: self.state.top(cpu).who(),
            mark,
            lock,
            attempting: self.attempting(cpu),
        }
    }

    /// The owner of a lock never has returned, because it may not; so its frame is there.
    fn who(&self, context: ContextId) -> Who {
        self.state.frame(context).expect("an owner's context cannot have returned").who()
    }
}

/// Whether an attempt that is on no cycle had its verdict coming while one was being dissolved: its last look for a
/// deadlock (the attempt itself, where looks are not marked) began before the member that dissolved its cycle had unwound.
fn is_late(attempt: &Attempt) -> bool {
    let looked_at = attempt.checked_at.unwrap_or(attempt.began_at);
    attempt.cycle_ended_at.is_some() && attempt.unwound_at.is_none_or(|unwound| looked_at <= unwound)
}
