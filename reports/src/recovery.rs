// SPDX-License-Identifier: MIT OR Apache-2.0
//! How deadlocks were recovered from: four parts that add up, the worst ones, and who paid without being on them.

use serde::{Deserialize, Serialize};

use crate::histogram::Histogram;

/// How many of the worst recoveries of a run, and of a stage, are kept.
pub const WORST_RECOVERIES: usize = 10;

/// Names of the parts in order, then of the whole.
pub const PARTS: [&str; 5] = ["to first check", "to detection", "unwinding", "healing", "whole"];

/// All recoveries of a run. Times in ns of simulated time.
///
/// A recovery begins when a deadlock forms; a member looks for one for the first time since; a member is told to give
/// up; that member's attempt returns; and it ends when everybody who was on the deadlock or behind it has ended
/// that attempt or waits in good order: for nobody of these who gives up, or has lost its predecessor and not
/// said what it was told. Each instant is rounded to ns once, so the parts add up exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recoveries {
    /// Formation to the first look of a member.
    pub to_check_ns: Histogram,
    /// From there until a member is told to give up.
    pub to_detection_ns: Histogram,
    /// From there until that member's attempt returns its error.
    pub unwinding_ns: Histogram,
    /// From there until everybody is in good order.
    pub healing_ns: Histogram,
    /// The sum of the four.
    pub whole_ns: Histogram,
    /// Deadlocks that no member had noticed by the end of the run.
    pub undetected: u64,
    /// Deadlocks a member of which was giving up at the end of the run.
    pub unwinding: u64,
    /// Deadlocks not healed by the end of the run.
    pub healing: u64,
    /// Deadlocks that dissolved though nobody gave up: a member went on to wait for somebody else.
    pub passed: u64,
    /// Attempts that waited behind a deadlock that a member noticed, on none themselves; each once.
    pub bystanders: u64,
    /// Of these, the ones that ended with an error before everybody was in good order.
    pub bystander_errors: u64,
    /// Parts of the bystanders' waits in which they were behind a deadlock, or several, or a member that gives up and has no
    /// heir, added up.
    pub bystander_wait_ns: u64,
    /// The longest recoveries, longest first; at most [`WORST_RECOVERIES`].
    pub worst: Vec<WorstRecovery>,
}

/// One recovery.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorstRecovery {
    /// Name of the cycle: `AA`, `ABBA`, `3-lock`.
    pub cycle: String,
    /// Who was on it, each waiting for the next.
    pub members: Vec<String>,
    /// What ended the attempt of the member that gave up first; `?` if its program does not say.
    pub detector: String,
    /// When the deadlock formed.
    pub formed_ns: u64,
    /// The four parts, see [`Recoveries`].
    pub parts_ns: [u64; 4],
    /// Attempts that waited behind it.
    pub bystanders: u64,
    /// Of these, the ones that ended with an error.
    pub bystander_errors: u64,
    /// Parts of their waits in which it existed.
    pub bystander_wait_ns: u64,
}

impl WorstRecovery {
    /// Formation to good order, ns.
    #[must_use]
    pub fn whole_ns(&self) -> u64 {
        self.parts_ns.iter().sum()
    }
}

impl Recoveries {
    /// The histograms in the order of [`PARTS`].
    #[must_use]
    pub fn parts(&self) -> [&Histogram; 5] {
        [&self.to_check_ns, &self.to_detection_ns, &self.unwinding_ns, &self.healing_ns, &self.whole_ns]
    }

    /// Deadlocks recovered from.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.whole_ns.count()
    }

    /// Counts one recovery; bystanders, who may be behind several, are counted apart.
    pub fn add(&mut self, r: WorstRecovery) {
        let [check, detection, unwinding, healing] = r.parts_ns;
        self.to_check_ns.record(check);
        self.to_detection_ns.record(detection);
        self.unwinding_ns.record(unwinding);
        self.healing_ns.record(healing);
        self.whole_ns.record(r.whole_ns());
        let rank = |w: &WorstRecovery| (std::cmp::Reverse(w.whole_ns()), w.formed_ns);
        let place = self.worst.partition_point(|w| rank(w) <= rank(&r));
        if place < WORST_RECOVERIES {
            self.worst.insert(place, r);
            self.worst.truncate(WORST_RECOVERIES);
        }
    }

    /// Adds those of another run, the worst ones apart.
    pub(crate) fn merge(&mut self, more: &Recoveries) {
        self.to_check_ns.merge(&more.to_check_ns);
        self.to_detection_ns.merge(&more.to_detection_ns);
        self.unwinding_ns.merge(&more.unwinding_ns);
        self.healing_ns.merge(&more.healing_ns);
        self.whole_ns.merge(&more.whole_ns);
        self.undetected += more.undetected;
        self.unwinding += more.unwinding;
        self.healing += more.healing;
        self.passed += more.passed;
        self.bystanders += more.bystanders;
        self.bystander_errors += more.bystander_errors;
        self.bystander_wait_ns += more.bystander_wait_ns;
    }

    /// What contradicts itself, in words.
    pub(crate) fn check(&self) -> Result<(), String> {
        let [parts @ .., whole] = self.parts();
        if parts.iter().any(|p| p.count() != whole.count()) {
            return Err(format!("{} recoveries, but a part of them has another count", whole.count()));
        }
        let sum: u64 = parts.iter().map(|p| p.sum()).sum();
        if sum != whole.sum() {
            return Err(format!("the parts of recoveries take {sum} ns, the recoveries {} ns", whole.sum()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recovery(formed_ns: u64, parts_ns: [u64; 4]) -> WorstRecovery {
        WorstRecovery { cycle: "AA".into(), formed_ns, parts_ns, bystanders: 1, ..WorstRecovery::default() }
    }

    #[test]
    fn parts_add_up_and_the_longest_are_kept_in_order() {
        let mut all = Recoveries::default();
        for i in 0..25_u64 {
            all.add(recovery(i, [i % 7, 3, 0, i]));
        }
        assert_eq!((all.count(), all.worst.len()), (25, WORST_RECOVERIES));
        assert!(all.worst.windows(2).all(|w| w[0].whole_ns() >= w[1].whole_ns()));
        assert_eq!(all.worst[0].whole_ns(), 24 % 7 + 3 + 24);
        assert_eq!(all.check(), Ok(()));
        all.healing_ns.record(1);
        assert_eq!(all.check(), Err("25 recoveries, but a part of them has another count".into()));
        let mut odd = Recoveries::default();
        odd.add(recovery(0, [1, 2, 3, 4]));
        odd.whole_ns = Histogram::new();
        odd.whole_ns.record(11);
        assert_eq!(odd.check(), Err("the parts of recoveries take 10 ns, the recoveries 11 ns".into()));
    }

    #[test]
    fn runs_are_added_up() {
        let (mut a, mut b) = (Recoveries::default(), Recoveries { undetected: 2, passed: 1, ..Recoveries::default() });
        a.add(recovery(0, [1, 2, 3, 4]));
        b.add(recovery(9, [4, 3, 2, 1]));
        a.merge(&b);
        assert_eq!((a.count(), a.undetected, a.passed, a.whole_ns.sum()), (2, 2, 1, 20));
    }
}
