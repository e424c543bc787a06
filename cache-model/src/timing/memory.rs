// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory controllers: a latency, and a bandwidth with a queue in front of it.
//!
//! A controller begins accesses in the order in which their messages arrive, no two of them less
//! than an interval apart; reads and writes count alike. Banks, rows and refresh are left out.

use sim_core::recur::{Recur, Walk};
use sim_core::time::Cycle;

/// One memory controller.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Controller {
    next_start: Cycle,
    /// Accesses begun.
    pub(super) accesses: u64,
    /// Cycles accesses waited for those before them.
    pub(super) waited: u64,
}

impl Controller {
    /// An access arrives at `at`: when it begins.
    pub(super) fn begin(&mut self, at: Cycle, interval: u64) -> Cycle {
        let start = at.max(self.next_start);
        self.next_start = start.after(interval);
        self.accesses += 1;
        self.waited += start.since(at);
        start
    }
}

impl Recur for Controller {
    fn walk(&mut self, w: &mut Walk) {
        let Controller { next_start, accesses, waited } = self;
        w.expiry(next_start);
        w.count(accesses);
        w.count(waited);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accesses_queue_at_their_interval() {
        let mut c = Controller::default();
        let starts: Vec<u64> = [10, 11, 12, 40].map(|t| c.begin(Cycle(t), 8).0).to_vec();
        assert_eq!(starts, [10, 18, 26, 40]);
        assert_eq!((c.accesses, c.waited), (4, 7 + 14));
        let mut free = Controller::default();
        assert_eq!([5, 5, 6].map(|t| free.begin(Cycle(t), 0).0), [5, 5, 6]);
    }
}
