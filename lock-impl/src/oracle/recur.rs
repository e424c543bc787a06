// SPDX-License-Identifier: MIT OR Apache-2.0
//! What of the oracle decides what it will say, see [`sim_core::recur`].
//!
//! While there is a deadlock, or one has not healed, nothing is moved on; and what deadlocks and errors are counted by does not move, so a period in
//! which there was one does not look like the next.

use super::report::{ClassCounts, Totals, UnboundedWaits};
use super::state::{Attempt, ContextId, Entry, Frame, Lock, Owner, Place, State, Wait};
use super::{Bystanders, Oracle, anatomy};
use sim_core::recur::{Recur, Walk};

/// An activation. No period in which a handler returned comes again ([`Oracle::leave`] notes when), so neither does their number grow in one.
fn context(id: &ContextId, w: &mut Walk) {
    let ContextId { cpu, depth, serial } = id;
    [u64::from(*cpu), u64::from(*depth), *serial].into_iter().for_each(|n| w.word(n));
}

impl Recur for Oracle {
    fn walk(&mut self, w: &mut Walk) {
        let Oracle {
            state,
            scratch: _,
            live,
            cycle_id_next,
            dissolved,
            recoveries,
            acting,
            left_at,
            stuck_since,
            totals,
            now,
        } = self;
        let anatomy::Recoveries { open, over, bystanders: Bystanders { count, errors, wait_cycles } } = recoveries;
        if !(live.is_empty() && dissolved.is_empty() && open.is_empty() && over.is_empty()) {
            w.refuse();
        }
        [*count, *errors, *wait_cycles, *cycle_id_next, *left_at].into_iter().for_each(|n| w.word(n));
        w.maybe(*stuck_since);
        state.walk(w);
        w.option(acting, |id, w| context(id, w));
        totals.walk(w);
        w.cycles(now);
    }
}

impl State {
    fn walk(&mut self, w: &mut Walk) {
        let State { stacks, locks, by_address: _, serial_next, depth_max } = self;
        w.word(*serial_next);
        w.word(*depth_max as u64);
        for stack in stacks {
            w.each(stack, |Frame { id, kind, entered_at, held, attempt, wait }, w| {
                context(id, w);
                w.word(*kind as u64);
                match id.depth {
                    0 => w.word(*entered_at),
                    _ => w.cycles(entered_at),
                }
                w.word(u64::from(*held));
                w.option(attempt, |attempt, w| attempt.walk(w));
                w.option(wait, |Wait { lock, kind, since, bounded, bounded_since }, w| {
                    w.word(*lock as u64);
                    w.word(*kind as u64);
                    w.cycles(since);
                    w.flag(*bounded);
                    w.cycles(bounded_since);
                });
            });
        }
        w.each(locks, |Lock { address, owner, pending, heads, queue }, w| {
            w.word(*address);
            w.option(owner, |Owner { context: id, since, has_entry }, w| {
                context(id, w);
                w.cycles(since);
                w.flag(*has_entry);
            });
            for list in [pending, heads] {
                w.each(list, |(id, since), w| {
                    context(id, w);
                    w.cycles(since);
                });
            }
            w.each(queue, |Entry { context: id, tail, joined_at, outlives_lock }, w| {
                context(id, w);
                w.word(*tail);
                w.cycles(joined_at);
                w.flag(*outlives_lock);
            });
        });
    }
}

impl Attempt {
    fn walk(&mut self, w: &mut Walk) {
        let Attempt {
            lock,
            began_at,
            place,
            judged,
            chain_is_judged,
            cycle_ended_at,
            cycle_ended_by,
            unwound_at,
            checked_at,
            gives_up,
            waits_since,
            last_wait,
            is_bystander,
            behind,
        } = self;
        // Traces of a deadlock, or of an error to come.
        if judged.is_some() || !behind.is_empty() {
            w.refuse();
        }
        w.word(*lock as u64);
        w.cycles(began_at);
        w.option(place, |Place { predecessor, linked }, w| {
            w.option(predecessor, |id, w| context(id, w));
            w.flag(*linked);
        });
        w.option(cycle_ended_by, |id, w| context(id, w));
        for at in [cycle_ended_at, unwound_at, checked_at, waits_since] {
            w.option(at, |at, w| w.cycles(at));
        }
        w.maybe(last_wait.map(|kind| kind as u64));
        [*chain_is_judged, *gives_up, *is_bystander].into_iter().for_each(|flag| w.flag(flag));
    }
}

impl Recur for Totals {
    fn walk(&mut self, w: &mut Walk) {
        let Totals {
            attempts,
            acquisitions,
            cycles_formed,
            cycles_queue_carried,
            cycles_context_carried,
            cycles_extending_live,
            cycles_uncovered,
            cycle_lifetime_cycles_max,
            verdicts,
            // The same verdicts, divided.
            by_detector: _,
            unbounded_waits,
            cycles_passed,
            other_failures,
            unknown_predecessors,
        } = self;
        [attempts, acquisitions, other_failures, unknown_predecessors].into_iter().for_each(|n| w.count(n));
        w.word(cycles_formed.values().sum());
        for fact in [
            cycles_queue_carried,
            cycles_context_carried,
            cycles_extending_live,
            cycles_uncovered,
            cycle_lifetime_cycles_max,
            cycles_passed,
        ] {
            w.word(*fact);
        }
        let ClassCounts { detected, avoided, late, wrong_culprits, false_positives, misses, timeouts_outside } =
            verdicts;
        for fact in [detected, avoided, late, wrong_culprits, false_positives, misses, timeouts_outside] {
            w.word(*fact);
        }
        for UnboundedWaits { count, ended, longest_cycles } in unbounded_waits {
            w.count(count);
            w.count(ended);
            w.word(*longest_cycles);
        }
    }
}
