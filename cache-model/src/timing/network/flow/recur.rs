// SPDX-License-Identifier: MIT OR Apache-2.0
//! What of a network decides its future, see [`sim_core::recur`].

use sim_core::recur::{Recur, Walk};

use super::super::topology::{NETWORKS, Passage};
use super::super::usage::Waits;
use super::{Interconnect, Lane, Parcel, Transit, Wire};
use crate::timing::message::{Message, NUMBER_MASK, Numbering};

impl Interconnect {
    /// A walk over everything but the messages that are on their way between two stops; `slots` are all messages.
    pub(in crate::timing) fn walk(&mut self, w: &mut Walk, slots: &mut [Message], numbering: &Numbering) {
        let Interconnect { topology, calendars, last_departs, wires, lanes, transits: _, waits, delivered } = self;
        let (now, channels) = (w.now(), topology.channels.len());
        // The current tick of a channel's clock, and the ticks it is moved on by: whole ones, for looks agree on the phase.
        let shift = w.shift().unwrap_or(0);
        let ticks = |channel: usize| {
            let clock = topology.channels[channel].clock;
            (clock.tick_until(now), clock.ticks_in(shift))
        };
        topology.channels.iter().for_each(|c| w.word(c.clock.phase(now)));
        for (i, calendar) in calendars.iter_mut().enumerate() {
            let (now, shift) = ticks(i % channels);
            calendar.walk(w, now, shift);
        }
        // Which ring a stop's rides were on is not kept, so it must not matter.
        let mut rings = (0..channels).filter(|&c| matches!(topology.channels[c].passage, Passage::Slotted(_)));
        if let Some(first) = rings.next() {
            if rings.any(|c| topology.channels[c].clock != topology.channels[first].clock) {
                w.refuse();
            }
            let (now, shift) = ticks(first);
            last_departs.iter_mut().for_each(|depart| w.expiry_in_ticks(depart, now, shift));
        }
        for (i, Wire { free, busy_ticks, waiting, serve_at }) in wires.iter_mut().enumerate() {
            let (now, shift) = ticks(i / NETWORKS);
            w.expiry_in_ticks(free, now, shift);
            w.count(busy_ticks);
            w.word(u64::from(*waiting));
            w.moment(serve_at);
        }
        for Lane { waiting: _, held, until } in &mut *lanes {
            // Those that are over are gone; the lane finds out when it is asked.
            until.retain(|until| *until > now);
            w.word(u64::from(*held));
            w.each(until, |until, w| w.moment(until));
        }
        w.word(waits.len() as u64);
        waits.iter_mut().chain(delivered).for_each(|waits| waits.walk(w));
        let waiting: Vec<Vec<u32>> = lanes.iter().map(|lane| lane.waiting.iter().copied().collect()).collect();
        for lane in waiting {
            w.word(lane.len() as u64);
            lane.into_iter().for_each(|slot| self.walk_message(slot, w, slots, numbering));
        }
    }

    /// A walk over a message under way.
    pub(in crate::timing) fn walk_message(
        &mut self,
        slot: u32,
        w: &mut Walk,
        slots: &mut [Message],
        numbering: &Numbering,
    ) {
        slots[slot as usize].walk(w, numbering, true);
        let Transit { parcel, here, virtual_channel, last, held, since, waited } = &mut self.transits[slot as usize];
        let Parcel { network, from, to, bytes, order: (sender, number) } = parcel;
        w.word(u64::from(*network) | u64::from(*from) << 16 | u64::from(*to) << 32 | u64::from(*here) << 48);
        w.word(*bytes);
        w.number(number, usize::from(*sender), NUMBER_MASK);
        w.word(u64::from(*last) << 32 | u64::from(*held));
        w.word(u64::from(*virtual_channel));
        w.moment(since);
        w.word(*waited);
    }
}

impl Recur for Waits {
    fn walk(&mut self, w: &mut Walk) {
        let Waits { messages, waited_cycles, longest_cycles } = self;
        w.count(messages);
        w.count(waited_cycles);
        w.word(*longest_cycles);
    }
}
