// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is measured of locks, CPUs and waiting in every run: the record's form and its definitions.
//!
//! An *attempt* lasts from its mark `attempt` to its mark `held` or `failed`, or to the end of the run (unfinished).
//! Attempts, acquisitions and releases that carry the same cycle are in the order of the marks, which is that of the cores.
//! Times are nanoseconds, each span rounded down.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::histogram::Histogram;
use crate::record::ContextCounts;

/// The key under which attempts are counted that no check or deadline ended.
pub const NO_DETECTOR: &str = "none";

/// Measurements of one run, or of several taken together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// By name of the lock; those that were attempted.
    pub locks: BTreeMap<String, LockMetrics>,
    /// What each CPU got, by context.
    pub cpus: BTreeMap<String, CpuCounts>,
    /// Attempts by context, then result (`held`, `EDEADLK`, `ETIMEDOUT`, `unfinished`), then the check or the deadline
    /// that ended them ([`NO_DETECTOR`] for the first and the last).
    pub attempts_by: BTreeMap<String, BTreeMap<String, BTreeMap<String, u64>>>,
    /// Time lost to waiting, by context.
    pub waiting: BTreeMap<String, Waiting>,
    /// From the instant at which an interrupt became pending at its core's controller (the first one, if more fell into
    /// the latch) to the first micro-op of its handler, by context, ns. The entry cost is part of it, as is all
    /// the time in which the flag, a handler of the same or a higher priority or, for an NMI, an NMI handler held it
    /// back; the way from the source to the controller is not.
    pub interrupt_latency_ns: BTreeMap<String, Histogram>,
}

/// One lock, all contexts together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockMetrics {
    /// Attempts begun.
    pub attempts: u64,
    /// Attempts that took it.
    pub acquisitions: u64,
    /// From a release to the next acquisition, whoever's, ns; only of releases at which at least one attempt on the lock was in
    /// progress (interrupted ones included). The release is the micro-op that stores it, so the
    /// time that store stays in the store buffer is part of it.
    pub handoff_ns: Histogram,
    /// From an acquisition to its release, ns, interruptions of the owner included. A lock that is held at the end of
    /// the run is not counted.
    pub hold_ns: Histogram,
    /// What an attempt found when it began: other attempts in progress on the lock. The owner is not one of them.
    pub queue_length: Histogram,
    /// For each attempt that took the lock: acquisitions by attempts that began later and were
    /// served before it. 0 for all in a lock that is first come, first served from the first micro-op on.
    pub bypassed: Histogram,
}

/// Each CPU's share, of one context.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CpuCounts {
    /// `[cpu]`: attempts begun.
    pub attempts: Vec<u64>,
    /// `[cpu]`: attempts that took their lock.
    pub acquisitions: Vec<u64>,
    /// `[cpu]`: the longest attempt, whatever its result, ns; 0 without one. One that is unfinished counts to the end of the run.
    pub longest_ns: Vec<u64>,
}

/// Time that attempts of one context waited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// For each attempt that had a `wait` mark: from the first one to the attempt's end (or that of the run), less
    /// `interrupted_ns`; ns. Unwinding, and work between two waits of one attempt, are part of it. Attempts without such a
    /// mark are not counted: they lose no time. Nor is an owner's wait for its successor.
    pub lost_ns: Histogram,
    /// Of those spans, the time in which interrupt handlers, from delivery to the interrupted boundary, or hooks' bodies ran
    /// on top of the waiting context; ns, summed.
    pub interrupted_ns: u64,
}

impl LockMetrics {
    /// Adds what was measured of another lock, or in another run.
    pub fn add(&mut self, more: &Self) {
        self.attempts += more.attempts;
        self.acquisitions += more.acquisitions;
        self.handoff_ns.merge(&more.handoff_ns);
        self.hold_ns.merge(&more.hold_ns);
        self.queue_length.merge(&more.queue_length);
        self.bypassed.merge(&more.bypassed);
    }
}

impl CpuCounts {
    fn add(&mut self, more: &Self) {
        let each = |sum: &mut Vec<u64>, more: &[u64], join: fn(u64, u64) -> u64| {
            sum.resize(sum.len().max(more.len()), 0);
            sum.iter_mut().zip(more).for_each(|(s, m)| *s = join(*s, *m));
        };
        each(&mut self.attempts, &more.attempts, |a, b| a + b);
        each(&mut self.acquisitions, &more.acquisitions, |a, b| a + b);
        each(&mut self.longest_ns, &more.longest_ns, u64::max);
    }

    /// Jain's index of the acquisitions x of the n CPUs that made an attempt: (sum of x)^2 / (n * sum of x^2). It is 1 if all
    /// have the same number, 1/n if one has all. `None` if nothing was acquired.
    ///
    /// Source: Jain, Chiu and Hawe, A Quantitative Measure of Fairness and Discrimination, DEC TR-301, 1984.
    #[must_use]
    pub fn jain(&self) -> Option<f64> {
        let shares = || self.attempts.iter().zip(&self.acquisitions).filter(|(a, _)| **a > 0).map(|(_, x)| *x as f64);
        let (n, sum) = (shares().count() as f64, shares().sum::<f64>());
        let squares: f64 = shares().map(|x| x * x).sum();
        (squares > 0.0).then(|| sum * sum / (n * squares))
    }
}

impl Metrics {
    /// Adds another run's. Histograms and counts add up; of longest attempts the longer one stays.
    pub fn add(&mut self, more: &Self) {
        for (name, m) in &more.locks {
            self.locks.entry(name.clone()).or_default().add(m);
        }
        for (name, m) in &more.cpus {
            self.cpus.entry(name.clone()).or_default().add(m);
        }
        for (context, results) in &more.attempts_by {
            for (result, detectors) in results {
                let sum = self.attempts_by.entry(context.clone()).or_default().entry(result.clone()).or_default();
                detectors.iter().for_each(|(d, n)| *sum.entry(d.clone()).or_default() += n);
            }
        }
        for (name, m) in &more.waiting {
            let sum = self.waiting.entry(name.clone()).or_default();
            sum.lost_ns.merge(&m.lost_ns);
            sum.interrupted_ns += m.interrupted_ns;
        }
        for (name, m) in &more.interrupt_latency_ns {
            self.interrupt_latency_ns.entry(name.clone()).or_default().merge(m);
        }
    }

    /// What contradicts itself or the counts by context, in words.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn check(&self, contexts: &BTreeMap<String, ContextCounts>) -> Result<(), String> {
        for (name, results) in &self.attempts_by {
            let of = |result: &str| results.get(result).map_or(0, |d| d.values().sum::<u64>());
            let counted = [of("held"), of("EDEADLK"), of("ETIMEDOUT"), of("unfinished")];
            let wanted = contexts.get(name).map(|c| [c.held, c.edeadlk, c.etimedout, c.unfinished]).unwrap_or_default();
            if counted != wanted {
                return Err(format!("{name}: results by detector are {counted:?}, by context {wanted:?}"));
            }
        }
        for (name, c) in &self.cpus {
            let counted = [c.attempts.iter().sum::<u64>(), c.acquisitions.iter().sum()];
            let wanted = contexts.get(name).map(|c| [c.attempts, c.held]).unwrap_or_default();
            if counted != wanted {
                return Err(format!("{name}: attempts and acquisitions by CPU are {counted:?}, by context {wanted:?}"));
            }
        }
        let locks = self.locks.values().map(|l| [l.attempts, l.acquisitions]);
        let by_lock = locks.fold([0, 0], |sum: [u64; 2], l| [sum[0] + l[0], sum[1] + l[1]]);
        let by_cpu = self.cpus.values().map(|c| [c.attempts.iter().sum::<u64>(), c.acquisitions.iter().sum()]);
        let by_cpu = by_cpu.fold([0, 0], |sum: [u64; 2], c| [sum[0] + c[0], sum[1] + c[1]]);
        if by_lock != by_cpu {
            return Err(format!("attempts and acquisitions by lock are {by_lock:?}, by CPU {by_cpu:?}"));
        }
        for (name, l) in &self.locks {
            if l.bypassed.count() != l.acquisitions || l.queue_length.count() != l.attempts {
                return Err(format!("lock {name}: a histogram has not one value for each attempt or acquisition"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(attempts: &[u64], acquisitions: &[u64]) -> CpuCounts {
        let (attempts, acquisitions) = (attempts.to_vec(), acquisitions.to_vec());
        CpuCounts { longest_ns: vec![0; attempts.len()], attempts, acquisitions }
    }

    #[test]
    fn jains_index_is_one_for_equal_shares_and_one_nth_for_a_monopoly() {
        let jain = |a: &[u64], x: &[u64]| counts(a, x).jain();
        assert_eq!(jain(&[5, 5, 5], &[5, 5, 5]), Some(1.0));
        assert_eq!(jain(&[9, 1, 1, 1], &[9, 0, 0, 0]), Some(0.25));
        assert_eq!(jain(&[9, 0, 0, 0], &[9, 0, 0, 0]), Some(1.0), "CPUs that do not try have no share");
        assert_eq!(jain(&[3, 1], &[3, 1]), Some(16.0 / 20.0));
        assert_eq!((jain(&[4, 4], &[0, 0]), jain(&[], &[])), (None, None));
    }

    #[test]
    fn runs_add_up_and_the_longer_wait_stays() {
        let mut a = counts(&[1, 2], &[1, 1]);
        a.longest_ns = vec![7, 9];
        let mut b = counts(&[10, 20, 5], &[4, 5, 5]);
        b.longest_ns = vec![8, 3, 1];
        a.add(&b);
        assert_eq!((a.attempts, a.acquisitions, a.longest_ns), (vec![11, 22, 5], vec![5, 6, 5], vec![8, 9, 1]));
    }
}
