// SPDX-License-Identifier: MIT OR Apache-2.0
//! The anatomy of recoveries: what happens between the moment a deadlock forms and the moment things are in order again.
//!
//! | instant | meaning |
//! |---|---|
//! | formed | the last wait of the cycle began |
//! | first check | a member began to look for a deadlock (mark `check`) for the first time since |
//! | detection | a member was told to give up, by a look or a deadline (mark `found`) |
//! | unwound | that member's attempt returned its error (mark `failed`) |
//! | healed | everybody who was on the cycle or behind it at the detection has ended that attempt, or waits in good order |
//!
//! They *wait in good order* while none of these is giving up (between `found` and `failed`), or has lost its
//! predecessor in the queue and not yet said what it was told. So flushed waiters heal when
//! the last of them has returned, a waiter that was handed the head's role heals when it has taken it, and one that
//! waits for an owner at work is in order at once. A deadlock that forms behind a former one has an anatomy of its own.
//!
//! Without a check before the detection the first check is the detection; in a program without `found` marks the
//! detection is the `failed` mark (or the wait for a successor to flush). So the four parts are never
//! negative and add up to the whole.
//!
//! Cycles that overlap are one deadlock as people mean it, of which the oracle lists a cycle at a time. So a wait that
//! closes a cycle begins a recovery, and a cycle that is uncovered when others dissolve belongs to the oldest recovery
//! that it shares a member with: that one heals only when this cycle is gone, too. There are no more
//! recoveries than [`Totals::cycles_formed`](super::Totals::cycles_formed).
//!
//! *Bystanders* are the attempts that waited behind the cycle, on no cycle themselves. What they lost is the part of
//! their wait in which the cycle existed; some get an error too. A head that gives up and has no heir leaves the cycle,
//! but what it holds stays out of reach: whoever waits behind it, from before or later, loses time on until its attempt ends or
//! everybody is in good order. A recovery counts its own; in the sums of a run an attempt counts once, and time behind
//! several deadlocks at once counts once (module `bystanders`).

use super::Oracle;
use super::bystanders::{Bystander, Bystanders};
use super::cycles::CycleName;
use super::state::{Attempt, ContextId, State, Who};
use sim_core::isa::{Detector, WaitKind};

/// An attempt, once and for all: a context makes one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) context: ContextId,
    pub(super) began_at: u64,
}

/// A deadlock that is over. Instants and spans are cycle counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// By the number of locks.
    pub name: CycleName,
    /// Who was on it; see [`Cycle::members`](super::Cycle::members).
    pub members: Vec<Who>,
    /// What the member that ended it named at its `failed` mark.
    pub detector: Option<Detector>,
    /// When it formed.
    pub formed_at: u64,
    /// When a member looked for a deadlock first.
    pub checked_at: u64,
    /// When a member was told to give up.
    pub found_at: u64,
    /// When that member had unwound.
    pub unwound_at: u64,
    /// When everybody was in good order again.
    pub healed_at: u64,
    /// Attempts that waited behind it.
    pub bystanders: u64,
    /// Of these, the ones that ended with an error before everybody was in good order.
    pub bystander_errors: u64,
    /// Parts of the bystanders' waits in which it existed or a member lacked an heir, added up.
    pub bystander_wait_cycles: u64,
}

impl Recovery {
    /// The four parts, from formation to good order: until the first check, until the detection, unwinding, healing.
    #[must_use]
    pub const fn instants(&self) -> [u64; 5] {
        [self.formed_at, self.checked_at, self.found_at, self.unwound_at, self.healed_at]
    }
}

/// Deadlocks that are not over, by what they wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenRecoveries {
    /// No member has noticed.
    pub undetected: u64,
    /// A member gives up and has not returned.
    pub unwinding: u64,
    /// Somebody is not in good order yet.
    pub healing: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Open {
    /// Ids of its live cycles.
    cycles: Vec<u64>,
    pub(super) what: Recovery,
    /// Members of its live cycles, or of those it had last.
    members: Vec<Who>,
    checked: bool,
    /// The member that gave up first.
    found_by: Option<Key>,
    unwound: bool,
    /// Attempts on the cycle or behind it at the detection.
    pub(super) affected: Vec<Key>,
    pub(super) behind: Vec<Bystander>,
}

impl Open {
    fn has(&self, context: ContextId) -> bool {
        self.members.iter().any(|m| m.context == context)
    }

    pub(super) fn dissolved(&self) -> bool {
        self.cycles.is_empty()
    }
}

/// Deadlocks that are not over, and those that are and have not been taken yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Recoveries {
    /// In the order of their ids.
    pub(super) open: Vec<Open>,
    pub(super) over: Vec<Recovery>,
    /// Waits of attempts that have ended.
    pub(super) bystanders: Bystanders,
}

impl State {
    /// The attempt with this key, if it has not ended.
    pub(super) fn attempt_of(&self, key: Key) -> Option<&Attempt> {
        self.frame(key.context)?.attempt.as_ref().filter(|a| a.began_at == key.began_at)
    }

    /// The attempt with this key, if it has not ended.
    pub(super) fn attempt_of_mut(&mut self, key: Key) -> Option<&mut Attempt> {
        self.frame_mut(key.context)?.attempt.as_mut().filter(|a| a.began_at == key.began_at)
    }

    /// Gives up, or has lost its predecessor and not yet said what it was told.
    fn is_in_disorder(&self, context: ContextId) -> bool {
        let Some(frame) = self.frame(context) else { return false };
        let Some(attempt) = &frame.attempt else { return false };
        let told = frame.wait.is_some_and(|w| w.kind == WaitKind::Queued)
            && attempt.place.is_some_and(|p| p.predecessor.is_none());
        attempt.gives_up || told
    }

    /// Attempts that wait for a member, directly or not, without being one.
    pub(super) fn attempts_behind(&self, members: impl IntoIterator<Item = ContextId>) -> Vec<ContextId> {
        let mut edges = Vec::new();
        for frame in self.frames() {
            self.each_edge(frame.id, |e| edges.push((frame.id, e.to)));
        }
        let mut reach: Vec<ContextId> = members.into_iter().collect();
        let (members, mut next) = (reach.len(), 0);
        while next < reach.len() {
            let to = reach[next];
            next += 1;
            for &(from, _) in edges.iter().filter(|e| e.1 == to) {
                if !reach.contains(&from) {
                    reach.push(from);
                }
            }
        }
        reach.split_off(members)
    }
}

impl Oracle {
    /// Deadlocks that are over and have not been taken by an earlier call, in the order in which they healed.
    pub fn take_recoveries(&mut self) -> Vec<Recovery> {
        std::mem::take(&mut self.recoveries.over)
    }

    /// Whether [`Oracle::take_recoveries`] would give any.
    #[must_use]
    pub fn has_recoveries(&self) -> bool {
        !self.recoveries.over.is_empty()
    }

    /// Deadlocks that are not over.
    #[must_use]
    pub fn open_recoveries(&self) -> OpenRecoveries {
        let mut open = OpenRecoveries::default();
        for r in &self.recoveries.open {
            match (r.found_by, r.unwound) {
                (None, _) => open.undetected += 1,
                (Some(_), false) => open.unwinding += 1,
                (Some(_), true) => open.healing += 1,
            }
        }
        open
    }

    /// The last live cycle has just been listed: `formed` by a wait, or uncovered.
    pub(super) fn recoveries_see_listed(&mut self, formed: bool) {
        let Some(cycle) = self.live.last() else { return };
        let members: Vec<Who> = cycle.members.iter().map(|m| m.who).collect();
        if !formed {
            let mut open = self.recoveries.open.iter_mut();
            if let Some(open) = open.find(|o| members.iter().any(|m| o.has(m.context))) {
                let state = &self.state;
                let keys = members.iter().filter_map(|m| {
                    let began_at = state.frame(m.context)?.attempt.as_ref()?.began_at;
                    Some(Key { context: m.context, began_at })
                });
                if open.found_by.is_some() {
                    let new: Vec<Key> = keys.filter(|k| !open.affected.contains(k)).collect();
                    open.affected.extend(new);
                }
                if open.dissolved() {
                    open.members.clear();
                    if open.found_by.is_none() {
                        open.what.name = cycle.name;
                        open.what.members.clone_from(&members);
                    }
                }
                let new: Vec<Who> = members.into_iter().filter(|m| !open.has(m.context)).collect();
                open.members.extend(new);
                open.cycles.push(cycle.id);
                return;
            }
        }
        let what = Recovery {
            name: cycle.name,
            members: members.clone(),
            detector: None,
            formed_at: cycle.formed_at,
            checked_at: 0,
            found_at: 0,
            unwound_at: 0,
            healed_at: 0,
            bystanders: 0,
            bystander_errors: 0,
            bystander_wait_cycles: 0,
        };
        self.recoveries.open.push(Open {
            cycles: vec![cycle.id],
            what,
            members,
            checked: false,
            found_by: None,
            unwound: false,
            affected: Vec::new(),
            behind: Vec::new(),
        });
    }

    /// How many recoveries a live cycle belongs to.
    #[cfg(test)]
    pub(super) fn recoveries_of(&self, cycle: u64) -> usize {
        self.recoveries.open.iter().filter(|o| o.cycles.contains(&cycle)).count()
    }

    pub(super) fn recoveries_see_check(&mut self, context: ContextId) {
        for open in &mut self.recoveries.open {
            if !open.checked && open.found_by.is_none() && !open.dissolved() && open.has(context) {
                open.what.checked_at = self.now;
                open.checked = true;
            }
        }
    }

    /// A context is about to give up; the graph still shows what it waits for.
    pub(super) fn recoveries_see_found(&mut self, context: ContextId) {
        let Some(began_at) = self.state.frame(context).and_then(|f| f.attempt.as_ref()).map(|a| a.began_at) else {
            return;
        };
        let state = &self.state;
        let key = |c: ContextId| {
            let attempt = state.frame(c)?.attempt.as_ref()?;
            Some((Key { context: c, began_at: attempt.began_at }, attempt.waits_since?))
        };
        let who = Key { context, began_at };
        let mut bystanders = Vec::new();
        for open in &mut self.recoveries.open {
            // Whoever has joined since the same member found it is affected, too.
            if open.dissolved() || !open.has(context) || open.found_by.is_some_and(|k| k != who) {
                continue;
            }
            if open.found_by.is_none() {
                open.found_by = Some(who);
                open.what.found_at = self.now;
                if !open.checked {
                    open.what.checked_at = self.now;
                }
                open.affected.extend(open.members.iter().filter_map(|m| Some(key(m.context)?.0)));
            }
            for (key, waits_since) in
                state.attempts_behind(open.members.iter().map(|m| m.context)).into_iter().filter_map(key)
            {
                if open.affected.contains(&key) {
                    continue;
                }
                open.affected.push(key);
                // Members of other deadlocks are in trouble of their own.
                if self.live.iter().any(|c| c.contains(key.context)) || open.behind.iter().any(|b| b.key == key) {
                    continue;
                }
                open.behind.push(Bystander::new(key, waits_since));
                open.what.bystanders += 1;
                bystanders.push(key);
            }
        }
        bystanders.into_iter().for_each(|key| self.count_bystander(key));
    }

    /// An attempt is about to end with an error; `behind` says that it waited behind a cycle.
    pub(super) fn recoveries_see_failing(&mut self, key: Key, behind: bool) {
        if self.recoveries.open.is_empty() {
            return;
        }
        self.recoveries_see_found(key.context);
        let reached = if behind { self.state.reached_from(key.context) } else { std::collections::BTreeSet::new() };
        let waits_since = self.state.attempt_of(key).and_then(|a| a.waits_since);
        let mut was_behind = false;
        for open in &mut self.recoveries.open {
            if let Some(which) = open.behind.iter().position(|b| b.key == key) {
                was_behind = true;
                open.what.bystander_errors += 1;
                open.end_wait(&mut self.state, which, self.now);
            } else if !open.dissolved()
                && open.members.iter().any(|m| reached.contains(&m.context))
                && let Some(waits_since) = waits_since
            {
                was_behind = true;
                open.behind.push(Bystander::new(key, waits_since));
                open.what.bystanders += 1;
                open.what.bystander_errors += 1;
                open.end_wait(&mut self.state, open.behind.len() - 1, self.now);
            }
        }
        if was_behind {
            self.count_bystander(key);
            self.recoveries.bystanders.errors += 1;
        }
    }

    pub(super) fn recoveries_see_failed(&mut self, key: Key, detector: Option<Detector>) {
        for open in &mut self.recoveries.open {
            if open.found_by != Some(key) || open.unwound {
                continue;
            }
            open.unwound = true;
            open.what.unwound_at = self.now;
            open.what.detector = detector;
        }
        for frame in self.state.stacks.iter_mut().flatten() {
            if let Some(attempt) = frame.attempt.as_mut().filter(|a| a.cycle_ended_by == Some(key.context)) {
                attempt.unwound_at.get_or_insert(self.now);
            }
        }
    }

    /// Cycles have dissolved. What they leave may be uncovered yet.
    pub(super) fn recoveries_see_dissolved(&mut self) {
        for open in &mut self.recoveries.open {
            open.cycles.retain(|id| !self.dissolved.contains(id));
        }
        self.dissolved.clear();
    }

    /// After cycles have dissolved and all that they left has been uncovered.
    pub(super) fn recoveries_see_uncovered(&mut self) {
        let now = self.now;
        let state = &mut self.state;
        self.recoveries.open.retain_mut(|open| {
            if !open.dissolved() {
                return true;
            }
            open.end_waits(state, now, |b| !b.until_order);
            if open.found_by.is_none() {
                self.totals.cycles_passed += 1;
            }
            open.found_by.is_some()
        });
    }

    /// After anything that can bring order.
    pub(super) fn recoveries_see_order(&mut self) {
        if !self.recoveries.open.iter().any(|o| o.unwound && o.dissolved()) {
            return;
        }
        let Oracle { state, recoveries, now, .. } = self;
        let mut next = 0;
        while next < recoveries.open.len() {
            let open = &mut recoveries.open[next];
            open.affected.retain(|&key| state.attempt_of(key).is_some());
            let in_disorder = open.affected.iter().any(|key| state.is_in_disorder(key.context));
            if open.unwound && open.dissolved() && !in_disorder {
                open.end_waits(state, *now, |_| true);
                let mut what = recoveries.open.remove(next).what;
                what.healed_at = *now;
                recoveries.over.push(what);
            } else {
                next += 1;
            }
        }
    }
}
