// SPDX-License-Identifier: MIT OR Apache-2.0
//! What of a private cache decides its future, see [`sim_core::recur`].

use sim_core::recur::{Recur, Walk};

use super::{HitCounts, Line, Outstanding, PrivateCache, Slot};
use crate::timing::message::{Message, Numbering};

impl PrivateCache {
    /// A walk over everything; messages are numbered so.
    pub(in crate::timing) fn walk(&mut self, w: &mut Walk, numbering: &Numbering) {
        let PrivateCache {
            place: _,
            params: _,
            tables: _,
            l1,
            l2,
            outstanding,
            adjacent_line_prefetch: _,
            again,
            hits,
        } = self;
        l1.walk(w, Slot::walk);
        l2.walk(w, |Line { state, data, held_until }, w| {
            w.word(*state as u64);
            w.values(data);
            w.expiry(held_until);
        });
        w.each(outstanding, |o, w| {
            let Outstanding { line, state, data, acks, waiting, stalled, request, prefetch, before_inv } = o;
            w.word(*line);
            w.word(*state as u64);
            w.values(data);
            w.word(*acks as u64);
            w.each(waiting, |(port, request), w| {
                w.word(*port as u64);
                request.walk(w);
            });
            Message::walk_all(stalled, w, numbering);
            request.walk(w);
            w.flag(*prefetch);
            w.word(*before_inv as u64);
        });
        w.each(again, |(line, at), w| {
            w.word(*line);
            w.expiry(at);
        });
        let HitCounts { l1_hits, l2_hits, misses, evictions, prefetches } = hits;
        [l1_hits, l2_hits, misses, evictions, prefetches].into_iter().for_each(|n| w.count(n));
    }
}
