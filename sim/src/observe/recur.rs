// SPDX-License-Identifier: MIT OR Apache-2.0
//! What of the observer decides what it will say, and what it only counts; see [`sim_core::recur`].
//!
//! What errors and deadlocks are counted by does not move: a period in which there was one does not look like the next.

use reports::{Histogram, Recoveries, Tally};
use sim_core::recur::{Recur, Walk};

use super::{Attempt, AttemptCounts, HandlerCounts, Level, Observer, SeenMark};

/// A histogram of values that repeat.
fn histogram(h: &mut Histogram, w: &mut Walk) {
    let w = std::cell::RefCell::new(w);
    h.parts(|n| w.borrow_mut().count(n), |n| w.borrow_mut().word(n));
}

/// As [`histogram`].
pub(super) fn tally(t: &mut Tally, w: &mut Walk) {
    let w = std::cell::RefCell::new(w);
    t.parts(|n| w.borrow_mut().count(n), |n| w.borrow_mut().word(n));
}

impl Recur for Observer {
    fn walk(&mut self, w: &mut Walk) {
        let Observer {
            clock: _,
            stuck_over: _,
            oracle,
            levels,
            attempts,
            handlers,
            failures,
            detection_ns,
            miss_by_ns,
            miss_ns,
            meter,
            recoveries,
            worst,
            stuck,
            last,
            violation,
        } = self;
        if violation.is_some() {
            w.refuse();
        }
        oracle.walk(w);
        for stack in levels {
            let mut is_task = true;
            w.each(stack, |Level { kind, entered, interrupted_at, attempt }, w| {
                w.word(*kind as u64);
                if std::mem::take(&mut is_task) {
                    w.word(entered.0)
                } else {
                    w.moment(entered)
                }
                w.maybe(interrupted_at.map(u64::from));
                w.option(attempt, |(lock, began), w| {
                    w.word(*lock);
                    w.moment(began);
                });
            });
        }
        for AttemptCounts { endings, lasted_ns } in attempts {
            endings.iter_mut().for_each(|n| w.count(n));
            histogram(lasted_ns, w);
        }
        for HandlerCounts { begun, longest_ns, lasted_ns } in handlers {
            w.count(begun);
            w.word(*longest_ns);
            histogram(lasted_ns, w);
        }
        w.word(failures.values().sum());
        w.word(detection_ns.values().chain(miss_by_ns.values()).chain([&*miss_ns]).map(Histogram::count).sum());
        meter.walk(w);
        // Every recovery is in the histogram of the whole; the parts come from the same ones, and the rest at the end of the run.
        let Recoveries {
            to_check_ns: _,
            to_detection_ns: _,
            unwinding_ns: _,
            healing_ns: _,
            whole_ns,
            undetected: _,
            unwinding: _,
            healing: _,
            passed: _,
            bystanders: _,
            bystander_errors: _,
            bystander_wait_ns: _,
            worst: _,
        } = recoveries;
        w.word(whole_ns.count());
        w.each(worst, |Attempt { cpu, context, lock, began, lasted, ending, interrupted_at }, w| {
            w.word(*cpu as u64);
            w.word(*context as u64);
            w.word(*ending as u64);
            [*lock, began.0, *lasted].into_iter().for_each(|fact| w.word(fact));
            w.maybe(interrupted_at.map(u64::from));
        });
        w.word(stuck.len() as u64);
        w.each(last, |SeenMark { at, core, kind, args, pc }, w| {
            w.moment(at);
            w.word(*core as u64);
            w.word(*kind as u64);
            w.values(args);
            w.word(u64::from(*pc));
        });
    }
}
