// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a private cache knows of a line, for histories; and forgetting all of it.

use super::{HitCounts, L1, L2, PrivateCache};
use crate::protocol::CacheState;
use crate::timing::coherence::stream;
use crate::timing::message::Message;

impl PrivateCache {
    /// As [`PrivateCache::new`] with this seed left it.
    pub(in crate::timing) fn reset(&mut self, seed: u64) {
        let PrivateCache { place, params: _, tables: _, l1, l2, outstanding, adjacent_line_prefetch: _, again, hits } =
            self;
        l1.reset(stream(seed, *place, L1));
        l2.reset(stream(seed, *place, L2));
        outstanding.clear();
        again.clear();
        *hits = HitCounts::default();
    }

    /// State of a line, the one in transition if there is one.
    pub(in crate::timing) fn state(&self, line: u64) -> CacheState {
        let outstanding = self.outstanding.iter().find(|o| o.line == line).map(|o| o.state);
        outstanding.or_else(|| self.copy(line).map(|c| c.0)).unwrap_or(CacheState::I)
    }

    /// Acknowledgements missing for a line with something outstanding.
    pub(in crate::timing) fn missing_acks(&self, line: u64) -> Option<i32> {
        self.outstanding.iter().find(|o| o.line == line).map(|o| o.acks)
    }

    /// Messages about a line that the table stalls, in order of arrival.
    pub(in crate::timing) fn stalled(&self, line: u64) -> impl Iterator<Item = &Message> {
        self.outstanding.iter().filter(move |o| o.line == line).flat_map(|o| &o.stalled)
    }
}
