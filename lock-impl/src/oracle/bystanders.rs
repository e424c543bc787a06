// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attempts that wait behind deadlocks, on none themselves, and what they lose: the second half of module `anatomy`.

use super::Oracle;
use super::anatomy::{Key, Open};
use super::state::{ContextId, State};

/// Attempts that waited behind deadlocks, on none themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bystanders {
    /// How many.
    pub count: u64,
    /// Of these, the ones that ended with an error before everybody was in good order.
    pub errors: u64,
    /// Cycles in which they waited behind one or more, or behind a member without an heir, added up.
    pub wait_cycles: u64,
}

/// Somebody behind a deadlock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bystander {
    pub(super) key: Key,
    /// Since when it loses time, if the deadlock existed by then.
    from: u64,
    /// It loses no more.
    over: bool,
    /// It is behind a member without an heir, which the end of the cycle does not help.
    pub(super) until_order: bool,
}

impl Bystander {
    pub(super) const fn new(key: Key, from: u64) -> Self {
        Bystander { key, from, over: false, until_order: false }
    }
}

/// Number of cycles in at least one of these spans.
fn covered(mut spans: Vec<(u64, u64)>) -> u64 {
    spans.sort_unstable();
    let (mut total, mut reached) = (0, 0);
    for (from, to) in spans {
        total += to.saturating_sub(from.max(reached));
        reached = reached.max(to);
    }
    total
}

impl Open {
    /// A bystander loses no more time to it.
    pub(super) fn end_wait(&mut self, state: &mut State, which: usize, now: u64) {
        let b = &mut self.behind[which];
        if std::mem::replace(&mut b.over, true) {
            return;
        }
        let from = b.from.max(self.what.formed_at);
        self.what.bystander_wait_cycles += now - from;
        if let Some(attempt) = state.attempt_of_mut(b.key) {
            attempt.behind.push((from, now));
        }
    }

    /// As [`Open::end_wait`], for all of these.
    pub(super) fn end_waits(&mut self, state: &mut State, now: u64, which: impl Fn(&Bystander) -> bool) {
        for i in 0..self.behind.len() {
            if which(&self.behind[i]) {
                self.end_wait(state, i, now);
            }
        }
    }

    /// Heads that give up on its account and have no heir.
    fn without_heir(&self, state: &State) -> Vec<ContextId> {
        let lost = |k: &&Key| state.attempt_of(**k).is_some() && state.gives_up_without_heir(k.context);
        self.affected.iter().filter(lost).map(|k| k.context).collect()
    }
}

impl Oracle {
    /// Attempts that waited behind deadlocks so far; those that still do count until `now`.
    #[must_use]
    pub fn bystanders(&self, now: u64) -> Bystanders {
        let mut all = self.recoveries.bystanders;
        for frame in self.state.frames() {
            let Some(attempt) = frame.attempt.as_ref().filter(|a| a.is_bystander) else { continue };
            let key = Key { context: frame.id, began_at: attempt.began_at };
            let mut spans = attempt.behind.clone();
            for open in &self.recoveries.open {
                let going_on = open.behind.iter().filter(|b| b.key == key && !b.over);
                spans.extend(going_on.map(|b| (b.from.max(open.what.formed_at), now)));
            }
            all.wait_cycles += covered(spans);
        }
        all
    }

    pub(super) fn count_bystander(&mut self, key: Key) {
        if let Some(attempt) = self.state.attempt_of_mut(key)
            && !std::mem::replace(&mut attempt.is_bystander, true)
        {
            self.recoveries.bystanders.count += 1;
        }
    }

    /// A wait was reported, after which a deadlock that has dissolved may have left a head without an heir: now it has
    /// dependants, or one more.
    pub(super) fn recoveries_see_wait(&mut self, closer: ContextId) {
        let mut bystanders = Vec::new();
        for open in self.recoveries.open.iter_mut().filter(|o| o.dissolved()) {
            let state = &self.state;
            let heads = open.without_heir(state);
            if heads.is_empty() {
                continue;
            }
            if !heads.contains(&closer) && !state.reached_from(closer).iter().any(|c| heads.contains(c)) {
                continue;
            }
            for context in state.attempts_behind(heads) {
                let Some(attempt) = state.frame(context).and_then(|f| f.attempt.as_ref()) else { continue };
                let key = Key { context, began_at: attempt.began_at };
                if attempt.waits_since.is_none() || self.live.iter().any(|c| c.contains(context)) {
                    continue;
                }
                match open.behind.iter_mut().find(|b| b.key == key) {
                    Some(known) => {
                        if known.over {
                            *known = Bystander::new(key, self.now);
                        }
                        known.until_order = true;
                    }
                    // Members have no bystanders' part in it.
                    None if open.affected.contains(&key) => {}
                    None => {
                        open.behind.push(Bystander { until_order: true, ..Bystander::new(key, self.now) });
                        open.what.bystanders += 1;
                        bystanders.push(key);
                    }
                }
            }
        }
        bystanders.into_iter().for_each(|key| self.count_bystander(key));
    }

    /// The attempt of a bystander is about to end.
    pub(super) fn bystander_ends(&mut self, key: Key) {
        for open in &mut self.recoveries.open {
            open.end_waits(&mut self.state, self.now, |b| b.key == key);
        }
        if let Some(attempt) = self.state.attempt_of_mut(key) {
            self.recoveries.bystanders.wait_cycles += covered(std::mem::take(&mut attempt.behind));
        }
    }
}
