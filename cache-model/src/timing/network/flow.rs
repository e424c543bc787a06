// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages on their way: reservations on rings, queues and credits elsewhere.

mod recur;
mod ride;

use std::collections::VecDeque;
use std::sync::Arc;

use sim_core::time::Cycle;

use super::calendar::Calendar;
use super::topology::{Channel, NETWORKS, Passage, Topology};
use super::usage::Waits;

/// No lane, no channel.
const NONE: u32 = u32::MAX;

/// A message as the network sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::timing) struct Parcel {
    /// Virtual network.
    pub(in crate::timing) network: u8,
    /// Stop of the sender.
    pub(in crate::timing) from: u16,
    /// Stop of the receiver.
    pub(in crate::timing) to: u16,
    /// Size.
    pub(in crate::timing) bytes: u64,
    /// Sender, and which of its messages it is: who goes first if both came in the same cycle.
    pub(in crate::timing) order: (u16, u32),
}

/// Something that will happen at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::timing) enum Todo {
    /// The last part of a message is at its receiver.
    Deliver(u32),
    /// A message is at a stop on its way and asks for the next link.
    Hop(u32),
    /// A channel's wires may be free for a message that waits.
    Serve(u32),
}

/// What is known when a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::timing) enum Sent {
    /// All of it: complete arrival.
    Arrives(Cycle),
    /// It depends on other messages; a [`Todo::Hop`] is due when it is ready.
    OnItsWay,
}

/// A message under way.
#[derive(Clone, Copy, Debug)]
struct Transit {
    parcel: Parcel,
    here: u16,
    virtual_channel: u8,
    /// Queued channel it crossed last.
    last: u32,
    /// Lane a place of which it holds.
    held: u32,
    /// When it came to this stop.
    since: Cycle,
    /// Cycles it has waited at stops before this one.
    waited: u64,
}

/// Messages that want to cross a channel on one virtual network and channel, and the buffer behind it.
#[derive(Clone, Debug, Default)]
struct Lane {
    /// First in, first out.
    waiting: VecDeque<u32>,
    /// Places taken until nobody knows when.
    held: u16,
    /// Places taken until the sender knows, at these instants, that they are free again; ascending.
    until: VecDeque<Cycle>,
}

/// Wires of a channel.
#[derive(Clone, Copy, Debug)]
struct Wire {
    /// First tick at which they are free.
    free: u64,
    busy_ticks: u64,
    waiting: u32,
    /// When a [`Todo::Serve`] is due; others for it are out of date.
    serve_at: Cycle,
}

impl Wire {
    const IDLE: Wire = Wire { free: 0, busy_ticks: 0, waiting: 0, serve_at: Cycle::NEVER };
}

/// A network with messages on it. Module documentation: [`super`].
#[derive(Clone, Debug)]
pub(in crate::timing) struct Interconnect {
    topology: Arc<Topology>,
    /// `[network * channels + channel]`, of slotted channels.
    calendars: Vec<Calendar>,
    /// `[stop * NETWORKS + network]`: when the last ride began that is only a part of its message's way.
    last_departs: Vec<u64>,
    /// `[channel * NETWORKS + network]`; only the first of a channel's if its wires are shared.
    wires: Vec<Wire>,
    /// `[(channel * NETWORKS + network) * virtual channels + virtual channel]`.
    lanes: Vec<Lane>,
    /// `[slot of the message]`.
    transits: Vec<Transit>,
    /// `[channel * NETWORKS + network]`: crossings, and how long messages waited for this channel;
    /// empty if that is not counted.
    pub(super) waits: Vec<Waits>,
    /// `[network]`: messages delivered over at least one link, and how long they waited in all.
    pub(in crate::timing) delivered: [Waits; NETWORKS],
}

impl Interconnect {
    pub(in crate::timing) fn new(topology: Arc<Topology>) -> Interconnect {
        let n = topology.channels.len() * NETWORKS;
        Interconnect {
            calendars: vec![Calendar::default(); n],
            last_departs: vec![0; topology.stops() * NETWORKS],
            wires: vec![Wire::IDLE; n],
            lanes: vec![Lane::default(); n * topology.virtual_channels()],
            transits: Vec::new(),
            waits: Vec::new(),
            delivered: [Waits::default(); NETWORKS],
            topology,
        }
    }

    /// As [`Interconnect::new`] left it: no message, nothing counted.
    pub(in crate::timing) fn reset(&mut self) {
        let Interconnect { topology: _, calendars, last_departs, wires, lanes, transits, waits, delivered } = self;
        calendars.iter_mut().for_each(Calendar::reset);
        last_departs.fill(0);
        wires.fill(Wire::IDLE);
        for Lane { waiting, held, until } in lanes {
            waiting.clear();
            *held = 0;
            until.clear();
        }
        transits.clear();
        waits.clear();
        *delivered = [Waits::default(); NETWORKS];
    }

    pub(in crate::timing) fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The stop a message under way is at.
    pub(in crate::timing) fn at(&self, slot: u32) -> u16 {
        self.transits[slot as usize].here
    }

    /// Channel and network of a wire, as [`Todo::Serve`] numbers it.
    pub(in crate::timing) const fn wire_name(wire: u32) -> (u16, u64) {
        ((wire as usize / NETWORKS) as u16, (wire as usize % NETWORKS) as u64)
    }

    /// Sends the message in slot `slot`, ready at `ready`; `now` is the current instant. Gives the
    /// links it will cross, too.
    pub(in crate::timing) fn send(
        &mut self,
        slot: u32,
        parcel: Parcel,
        ready: Cycle,
        now: Cycle,
        todo: &mut Vec<(Cycle, Todo)>,
    ) -> (Sent, u32) {
        if parcel.from == parcel.to {
            return (Sent::Arrives(ready), 0);
        }
        if self.waits.is_empty()
            && let Some(ride) = self.ride_at_once(&parcel, ready, now)
        {
            return ride;
        }
        let since = ready;
        let transit =
            Transit { parcel, here: parcel.from, virtual_channel: 0, last: NONE, held: NONE, since, waited: 0 };
        let (hops, one_ride) = self.way(&parcel);
        if self.transits.len() <= slot as usize {
            self.transits.resize(slot as usize + 1, transit);
        }
        self.transits[slot as usize] = transit;
        if one_ride {
            let (_, _, tail) = self.ride(slot, Some(hops), ready, now, todo);
            self.count_delivered(slot);
            return (Sent::Arrives(tail), hops);
        }
        todo.push((ready, Todo::Hop(slot)));
        (Sent::OnItsWay, hops)
    }

    /// Links on a message's way, and whether they are all of one ring.
    fn way(&self, p: &Parcel) -> (u32, bool) {
        let way = || self.topology.routes.channels(p.from.into(), p.to.into()).map(|(c, _)| c);
        let hops = way().count() as u32;
        if self.topology.rides.is_some() {
            return (hops, true);
        }
        let first = way().next().map(|c| self.topology.channels[c].passage);
        let is_ring = matches!(first, Some(Passage::Slotted(_)));
        (hops, is_ring && way().all(|c| Some(self.topology.channels[c].passage) == first))
    }

    fn next_channel(&self, t: &Transit) -> usize {
        let edge = self.topology.routes.next(t.here.into(), t.parcel.to.into());
        self.topology.routes.edge(edge).0.expect("drops are taken at once, so nobody stops before one")
    }

    /// A message is at a stop, all but its last part perhaps, and goes on.
    pub(in crate::timing) fn hop(&mut self, slot: u32, now: Cycle, todo: &mut Vec<(Cycle, Todo)>) {
        let t = self.transits[slot as usize];
        let channel = self.next_channel(&t);
        let c = self.topology.channels[channel];
        if matches!(c.passage, Passage::Slotted(_)) {
            let end = self.ride(slot, None, now, now, todo);
            self.come_to(slot, end, todo);
            return;
        }
        self.transits[slot as usize].since = now;
        let lane = self.lane(channel, &t);
        let wire = self.wire(channel, t.parcel.network);
        let w = &self.wires[wire];
        let free = w.waiting == 0 && w.free <= c.clock.tick_from(now) && self.place_from(lane, &c, now) <= now;
        if free {
            self.cross(slot, channel, lane, now, todo);
        } else {
            self.lanes[lane].waiting.push_back(slot);
            self.wires[wire].waiting += 1;
            self.arm(wire, now, todo);
        }
    }

    /// A channel's wires may be free: lets the message go that has waited longest of those with a place to go to.
    pub(in crate::timing) fn serve(&mut self, wire: u32, now: Cycle, todo: &mut Vec<(Cycle, Todo)>) {
        let wire = wire as usize;
        if self.wires[wire].serve_at != now {
            return;
        }
        self.wires[wire].serve_at = Cycle::NEVER;
        let channel = wire / NETWORKS;
        let c = self.topology.channels[channel];
        if self.wires[wire].free <= c.clock.tick_from(now) {
            let mut best: Option<(Cycle, (u16, u32), usize)> = None;
            for lane in self.lanes_of(wire) {
                let Some(&first) = self.lanes[lane].waiting.front() else { continue };
                let t = &self.transits[first as usize];
                let key = (t.since, t.parcel.order, lane);
                if best.is_none_or(|b| key < b) && self.place_from(lane, &c, now) <= now {
                    best = Some(key);
                }
            }
            if let Some((_, _, lane)) = best {
                let slot = self.lanes[lane].waiting.pop_front().expect("the lane has a first");
                self.wires[wire].waiting -= 1;
                self.cross(slot, channel, lane, now, todo);
            }
        }
        self.arm(wire, now, todo);
    }

    /// Lanes that use a wire.
    fn lanes_of(&self, wire: usize) -> std::ops::Range<usize> {
        let (v, shared) = (self.topology.virtual_channels(), self.topology.channels[wire / NETWORKS].shared_wires);
        wire * v..(wire + if shared { NETWORKS } else { 1 }) * v
    }

    fn wire(&self, channel: usize, network: u8) -> usize {
        let own = if self.topology.channels[channel].shared_wires { 0 } else { usize::from(network) };
        channel * NETWORKS + own
    }

    /// The lane a message needs: the next virtual channel if the number of the queued channel does not grow.
    fn lane(&self, channel: usize, t: &Transit) -> usize {
        let queued = matches!(self.topology.channels[channel].passage, Passage::Queued(_));
        let changes = queued && t.last != NONE && channel as u32 <= t.last;
        let v = if queued { usize::from(t.virtual_channel) + usize::from(changes) } else { 0 };
        (channel * NETWORKS + usize::from(t.parcel.network)) * self.topology.virtual_channels() + v
    }

    /// When the buffer behind a lane has a place: `now` at the earliest, `NEVER` if that is not known yet.
    fn place_from(&mut self, lane: usize, c: &Channel, now: Cycle) -> Cycle {
        let Passage::Queued(places) = c.passage else { return now };
        let l = &mut self.lanes[lane];
        while l.until.front().is_some_and(|u| *u <= now) {
            l.until.pop_front();
        }
        if usize::from(l.held) + l.until.len() < usize::from(places) {
            return now;
        }
        l.until.front().copied().unwrap_or(Cycle::NEVER)
    }

    /// Makes sure that a wire is looked at when one of the messages waiting for it can go.
    fn arm(&mut self, wire: usize, now: Cycle, todo: &mut Vec<(Cycle, Todo)>) {
        if self.wires[wire].waiting == 0 {
            return;
        }
        let c = self.topology.channels[wire / NETWORKS];
        let mut place = Cycle::NEVER;
        for lane in self.lanes_of(wire) {
            if !self.lanes[lane].waiting.is_empty() {
                place = place.min(self.place_from(lane, &c, now));
            }
        }
        let at = place.max(c.clock.decided(self.wires[wire].free));
        if at < self.wires[wire].serve_at {
            self.wires[wire].serve_at = at;
            todo.push((at, Todo::Serve(wire as u32)));
        }
    }

    /// A message begins to cross a queued channel or a bus.
    fn cross(&mut self, slot: u32, channel: usize, lane: usize, now: Cycle, todo: &mut Vec<(Cycle, Todo)>) {
        let c = self.topology.channels[channel];
        let t = self.transits[slot as usize];
        let (start, ticks) = (c.clock.tick_from(now), c.ticks(t.parcel.bytes));
        let wire = self.wire(channel, t.parcel.network);
        self.wires[wire].free = start + ticks;
        self.wires[wire].busy_ticks += ticks;
        self.leave(&t, c.clock.seen(start + ticks), todo);
        let queued = matches!(c.passage, Passage::Queued(_));
        let moved = &mut self.transits[slot as usize];
        if !self.waits.is_empty() {
            let waited = c.clock.seen(start).since(c.clock.seen(c.clock.tick_from(t.since)));
            self.waits[channel * NETWORKS + usize::from(t.parcel.network)].add(waited);
            moved.waited += waited;
        }
        moved.held = NONE;
        if queued {
            self.lanes[lane].held += 1;
            moved.held = lane as u32;
            moved.last = channel as u32;
            moved.virtual_channel = (lane % self.topology.virtual_channels()) as u8;
        }
        let routes = &self.topology.routes;
        let mut stop = routes.edge(routes.next(t.here.into(), t.parcel.to.into())).1;
        if c.passage == Passage::Open {
            stop = routes.edge(routes.next(stop, t.parcel.to.into())).1;
        }
        let (head, tail) = (start + c.latency, start + c.latency + ticks - 1);
        let here = &mut self.transits[slot as usize];
        here.here = stop as u16;
        let t = *here;
        if t.here != t.parcel.to {
            let next = &self.topology.channels[self.next_channel(&t)];
            if next.clock == c.clock && !matches!(next.passage, Passage::Slotted(_)) {
                // Within one clock the next tick is the next tick, wherever the core's cycles are. It cuts through, but
                // not so early that a wider link would run out of it.
                let at = head.max((tail + 1).saturating_sub(next.ticks(t.parcel.bytes)));
                todo.push((c.clock.decided(at), Todo::Hop(slot)));
                return;
            }
        }
        self.come_to(slot, (stop, c.clock.seen(head), c.clock.seen(tail)), todo);
    }

    /// Gives back the place a message holds, if it holds one: its last part is gone at `gone`, and
    /// the sender of the channel before learns of it that channel's latency later.
    fn leave(&mut self, t: &Transit, gone: Cycle, todo: &mut Vec<(Cycle, Todo)>) {
        if t.held == NONE {
            return;
        }
        let lane = t.held as usize;
        let channel = lane / self.topology.virtual_channels() / NETWORKS;
        let known = gone.after(self.topology.channels[channel].weight());
        let l = &mut self.lanes[lane];
        l.held -= 1;
        let place = l.until.partition_point(|u| *u <= known);
        l.until.insert(place, known);
        let wire = self.wire(channel, t.parcel.network);
        // What is known now is not over yet, so it is the same whether it is asked now or then.
        if self.wires[wire].waiting > 0 {
            self.arm_later(wire, known, todo);
        }
    }

    /// As [`Self::arm`], for a place that is free from `known` on.
    fn arm_later(&mut self, wire: usize, known: Cycle, todo: &mut Vec<(Cycle, Todo)>) {
        let clock = self.topology.channels[wire / NETWORKS].clock;
        let at = known.max(clock.decided(self.wires[wire].free));
        if at < self.wires[wire].serve_at {
            self.wires[wire].serve_at = at;
            todo.push((at, Todo::Serve(wire as u32)));
        }
    }

    /// A message's first part is at a stop at `head`, its last at `tail`.
    fn come_to(&mut self, slot: u32, (stop, head, tail): (usize, Cycle, Cycle), todo: &mut Vec<(Cycle, Todo)>) {
        let t = &mut self.transits[slot as usize];
        t.here = stop as u16;
        let t = *t;
        if t.here == t.parcel.to {
            self.count_delivered(slot);
            self.leave(&t, tail, todo);
            todo.push((tail, Todo::Deliver(slot)));
            return;
        }
        // It cuts through, but not so early that a faster link would run out of it.
        let next = &self.topology.channels[self.next_channel(&t)];
        let lasts = next.clock.decided(next.ticks(t.parcel.bytes)).0;
        let at = head.max(Cycle((tail.0 + 1).saturating_sub(lasts)));
        todo.push((at, Todo::Hop(slot)));
    }

    /// Virtual network of a message, and how long it has waited so far.
    pub(super) fn waited(&self, slot: u32) -> (u8, u64) {
        let t = &self.transits[slot as usize];
        (t.parcel.network, t.waited)
    }

    /// True if nothing waits and nothing holds a place.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.iter().all(|l| l.waiting.is_empty() && l.held == 0) && self.wires.iter().all(|w| w.waiting == 0)
    }

    /// `[channel]`: ticks of its own clock in use so far, all networks together.
    pub(in crate::timing) fn busy_ticks(&self) -> Vec<u64> {
        let n = self.topology.channels.len();
        let of = |c: usize| -> u64 {
            let slots = (0..NETWORKS).map(|v| self.calendars[v * n + c].busy_ticks);
            let wires = (0..NETWORKS).map(|v| self.wires[c * NETWORKS + v].busy_ticks);
            slots.chain(wires).sum()
        };
        (0..n).map(of).collect()
    }
}
