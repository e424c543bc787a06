// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rides on bufferless rings: slots of every link on the way are reserved before the first.

use sim_core::time::Cycle;
use smallvec::SmallVec;

use super::super::topology::{Channel, NETWORKS};
use super::{Interconnect, NONE, Parcel, Sent, Todo};

impl Interconnect {
    /// As [`Interconnect::ride`] over the whole way of a message, where there is but one ring and nobody counts waits:
    /// the usual case, done without keeping anything of the message.
    pub(super) fn ride_at_once(&mut self, p: &Parcel, ready: Cycle, now: Cycle) -> (Sent, u32) {
        let Interconnect { topology, calendars, .. } = self;
        let base = usize::from(p.network) * topology.channels.len();
        let way = topology.routes.channels(p.from.into(), p.to.into());
        let mut links = SmallVec::<[u32; 32]>::new();
        for (channel, _) in way {
            links.push((base + channel) as u32);
        }
        let first = &topology.channels[links[0] as usize - base];
        let (latency, clock, slots) = (first.latency, first.clock, first.ticks(p.bytes));
        let mut depart = clock.tick_from(ready);
        'search: loop {
            let mut at = depart;
            for &link in &links {
                if let Some(free) = calendars[link as usize].conflict(at, slots) {
                    depart += free - at;
                    continue 'search;
                }
                at += latency;
            }
            break;
        }
        let (mut at, over) = (depart, clock.tick_until(now));
        for &link in &links {
            calendars[link as usize].reserve(at, slots, over);
            at += latency;
        }
        (Sent::Arrives(clock.seen(at + slots - 1)), links.len() as u32)
    }

    /// Reserves a ride on a ring, as far as the route follows it, for a message ready at `ready`;
    /// `whole` is the number of links if the ride is all of the message's way. Gives where it
    /// ends, and when the first and the last part are there.
    pub(super) fn ride(
        &mut self,
        slot: u32,
        whole: Option<u32>,
        ready: Cycle,
        now: Cycle,
        todo: &mut Vec<(Cycle, Todo)>,
    ) -> (usize, Cycle, Cycle) {
        let Interconnect { topology, calendars, last_departs, transits, waits, .. } = self;
        let t = transits[slot as usize];
        transits[slot as usize].held = NONE;
        let base = usize::from(t.parcel.network) * topology.channels.len();
        let way = || topology.routes.channels(t.here.into(), t.parcel.to.into());
        let first = way().next().expect("somebody is at the end of the ride").0;
        let Channel { latency, clock, passage: ring, .. } = topology.channels[first];
        let count = match whole {
            Some(hops) => hops as usize,
            None => way().take_while(|(c, _)| topology.channels[*c].passage == ring).count(),
        };
        let links = || way().take(count);
        let slots = topology.channels[first].ticks(t.parcel.bytes);
        let mut depart = clock.tick_from(ready);
        // Several rides, or rides and queues, must keep the order of messages as queues alone do.
        let injection = usize::from(t.here) * NETWORKS + usize::from(t.parcel.network);
        if whole.is_none() {
            depart = depart.max(last_departs[injection]);
        }
        'search: loop {
            for (i, (link, _)) in links().enumerate() {
                let lead = i as u64 * latency;
                if let Some(free) = calendars[base + link].conflict(depart + lead, slots) {
                    depart = free - lead;
                    continue 'search;
                }
            }
            break;
        }
        if whole.is_none() {
            last_departs[injection] = depart;
        }
        if !waits.is_empty() {
            let waited = clock.seen(depart).since(clock.seen(clock.tick_from(ready)));
            transits[slot as usize].waited += waited;
            for (i, (link, _)) in links().enumerate() {
                // A ride waits once, for all of its links, before the first.
                waits[link * NETWORKS + usize::from(t.parcel.network)].add(if i == 0 { waited } else { 0 });
            }
        }
        let (mut at, mut end) = (depart, usize::from(t.here));
        for (link, to) in links() {
            calendars[base + link].reserve(at, slots, clock.tick_until(now));
            at += latency;
            end = to;
        }
        self.leave(&t, clock.seen(depart + slots), todo);
        (end, clock.seen(at), clock.seen(at + slots - 1))
    }
}
