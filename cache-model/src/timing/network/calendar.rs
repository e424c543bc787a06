// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reserved slots of one slotted link.

use std::collections::VecDeque;

/// Reserved slots of one link, as disjoint intervals in time order.
#[derive(Clone, Debug, Default)]
pub(super) struct Calendar {
    busy: VecDeque<(u64, u64)>,
    pub(super) busy_ticks: u64,
}

impl Calendar {
    /// End of the reservation that overlaps `start..start + slots`, if there is one.
    pub(super) fn conflict(&self, start: u64, slots: u64) -> Option<u64> {
        // Nearly always behind all of them, or near the end.
        let later = self.busy.iter().rev().take_while(|(_, e)| start < *e);
        later.filter(|(s, _)| *s < start + slots).last().map(|(_, e)| *e)
    }

    /// Nothing is reserved any more, and nothing ever was.
    pub(super) fn reset(&mut self) {
        let Calendar { busy, busy_ticks } = self;
        busy.clear();
        *busy_ticks = 0;
    }

    /// Takes `start..start + slots`, which must be free; forgets what was over by `now`.
    pub(super) fn reserve(&mut self, start: u64, slots: u64, now: u64) {
        while self.busy.front().is_some_and(|(_, e)| *e <= now) {
            self.busy.pop_front();
        }
        if self.busy.back().is_none_or(|(_, e)| *e <= start) {
            self.busy.push_back((start, start + slots));
        } else {
            let place = self.busy.partition_point(|(s, _)| *s < start);
            self.busy.insert(place, (start, start + slots));
        }
        self.busy_ticks += slots;
    }
}
