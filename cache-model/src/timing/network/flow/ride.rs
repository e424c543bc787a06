// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rides on bufferless rings: slots of every link on the way are reserved before the first.

use sim_core::time::Cycle;

use super::super::topology::{Channel, NETWORKS};
use super::{Interconnect, NONE, Parcel, Sent, Todo};

impl Interconnect {
    /// As [`Interconnect::ride`] over the whole way of a message, where there is but one ring and nobody counts waits:
    /// the usual case, done without keeping anything of the message. `None` if there is more than a ring.
    #[inline]
    pub(super) fn ride_at_once(&mut self, p: &Parcel, ready: Cycle, now: Cycle) -> Option<(Sent, u32)> {
        let Interconnect { topology, calendars, .. } = self;
        let rides = topology.rides.as_ref()?;
        let (first, count) = rides.way(p.from, p.to);
        let channels = topology.channels.len();
        let calendars = &mut calendars[usize::from(p.network) * channels..][..channels];
        let Channel { latency, clock, .. } = topology.channels[first];
        let slots = topology.channels[first].ticks(p.bytes);
        let mut depart = clock.tick_from(ready);
        'search: loop {
            let (mut at, mut link) = (depart, first);
            for left in (0..count).rev() {
                if let Some(free) = calendars[link].conflict(at, slots) {
                    depart += free - at;
                    continue 'search;
                }
                if left > 0 {
                    (at, link) = (at + latency, rides.behind(link));
                }
            }
            break;
        }
        let (mut at, mut link, over) = (depart, first, clock.tick_until(now));
        for left in (0..count).rev() {
            calendars[link].reserve(at, slots, over);
            at += latency;
            if left > 0 {
                link = rides.behind(link);
            }
        }
        Some((Sent::Arrives(clock.seen(at + slots - 1)), count as u32))
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
