// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the bus asks of a private cache without telling it anything.

use super::PrivateCache;
use crate::protocol::CacheState;
use crate::timing::message::{Message, Network};

impl PrivateCache {
    /// True if the message is a request of another cache for a line of which nothing is here: then neither
    /// the cache nor its core notices it.
    #[inline]
    pub(in crate::timing) fn ignores(&self, m: &Message) -> bool {
        m.kind.network() == Network::Request
            && m.src != self.place
            && self.l2.find(m.line).is_none()
            && self.outstanding.iter().all(|o| o.line != m.line)
    }

    /// True if the cache's upgrade of a line, which has its turn on the bus now, still has its copy.
    pub(in crate::timing) fn can_upgrade(&self, line: u64) -> bool {
        self.outstanding.iter().any(|o| o.line == line && o.state == CacheState::SM_A)
    }
}
