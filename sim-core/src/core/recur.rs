// SPDX-License-Identifier: MIT OR Apache-2.0
//! What of a core decides its future, see [`crate::recur`].

use super::{Core, SpinPlan, State, Suspended};
use crate::recur::{Recur, Walk};

impl Core {
    /// Changes whenever the core draws a random number or uses the clock, nearly always: then its state does not come again.
    #[must_use]
    pub fn chance(&self) -> u64 {
        let drawn = self.draws.iter().flat_map(|stream| stream.state());
        drawn.fold(self.clock_uses, |mixed, word| mixed.rotate_left(5) ^ word)
    }
}

impl Recur for Core {
    fn walk(&mut self, w: &mut Walk) {
        let Core {
            id: _,
            now,
            state,
            current,
            below,
            stores,
            stale,
            drain_at,
            write_port_free,
            reported,
            event_register,
            draws,
            retired,
            // Host work: no result depends on which spins are computed, so not on what leads to computing one either.
            computed_spins: _,
            clock_uses,
            spin: _,
        } = self;
        match state {
            // It stays what it is: when the task ended, or the core went to sleep.
            State::Done | State::Halt => w.word(now.0),
            _ => w.moment(now),
        }
        state.walk(w);
        current.walk(w);
        w.each(below, |Suspended { context, state, exit_cycles, reported }, w| {
            context.walk(w);
            match state {
                State::Work { until: rest } => w.word(rest.0),
                state => state.walk(w),
            }
            w.word(*exit_cycles);
            w.flag(*reported);
        });
        stores.walk(w);
        stale.walk(w);
        w.expiry(drain_at);
        w.expiry(write_port_free);
        w.flag(*reported);
        w.flag(*event_register);
        draws.iter_mut().for_each(|stream| stream.walk(w));
        w.count(retired);
        w.word(*clock_uses);
    }
}

impl Recur for State {
    fn walk(&mut self, w: &mut Walk) {
        let kind = match self {
            State::Ready => 0,
            State::WaitMemory => 1,
            State::WaitStoreBuffer => 2,
            State::Work { .. } => 3,
            State::Delay { .. } => 4,
            State::Wfe { .. } => 5,
            State::Halt => 6,
            State::Done => 7,
            State::Spin(_) => 8,
            State::Fault(_) => 9,
        };
        w.word(kind);
        match self {
            State::Ready | State::WaitMemory | State::WaitStoreBuffer | State::Halt | State::Done => {}
            State::Work { until } | State::Delay { until } => w.moment(until),
            State::Wfe { line, until } => {
                w.word(*line);
                // A tick of a clock that runs on its own: from outside, like an arrival.
                w.word(until.0);
            }
            State::Spin(SpinPlan { period, iterations, end, deltas, ops, loads, path }) => {
                [*period, *iterations, *ops, *loads].into_iter().for_each(|word| w.word(word));
                w.moment(end);
                w.each(deltas, |delta, w| w.word(*delta));
                w.each(path, |(pc, at), w| {
                    w.word(u64::from(*pc));
                    w.word(*at);
                });
            }
            State::Fault(_) => w.refuse(),
        }
    }
}
