// SPDX-License-Identifier: MIT OR Apache-2.0
//! What of a slice decides its future, see [`sim_core::recur`].

use sim_core::recur::{Recur, Walk};

use super::{Datum, Home, Line, Operation};
use crate::timing::message::{Message, NUMBER_MASK, Numbering};

impl Home {
    /// A walk over everything; messages are numbered so.
    pub(in crate::timing) fn walk(&mut self, w: &mut Walk, numbering: &Numbering) {
        let Home { place: _, params: _, tables: _, lines, ways, no_way, operations } = self;
        lines.walk(w, |line, w| {
            let Line { state, owner, sharers, data, dirty, acks, used, stalled } = line;
            w.word(*state as u64);
            w.maybe(owner.map(|place| u64::from(place.0)));
            sharers.walk(w);
            w.values(data);
            w.word(u64::from(*acks) << 2 | u64::from(*dirty) << 1 | u64::from(*used));
            Message::walk_all(stalled, w, numbering);
        });
        w.option(ways, |ways, w| {
            ways.walk(w, |Datum { data, dirty, used }, w| {
                w.values(data);
                w.flag(*dirty);
                w.flag(*used);
            });
        });
        Message::walk_all(no_way, w, numbering);
        w.each(operations, |Operation { line, until, next, waiting }, w| {
            w.word(*line);
            w.expiry(until);
            w.option(next, |(sender, number), w| {
                w.word(u64::from(sender.0));
                w.number(number, usize::from(sender.0), NUMBER_MASK);
            });
            Message::walk_all(waiting, w, numbering);
        });
    }
}
