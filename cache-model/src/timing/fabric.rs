// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages under way: where agents sit, when messages arrive, in which order.

use std::sync::Arc;

use sim_core::program::LineKind;
use sim_core::queue::EventQueue;
use sim_core::recur::{Recur, Walk};
use sim_core::time::{Cycle, Key, Phase};

use super::attribution::Attribution;
use super::coherence::Numa;
use super::message::{Message, MessageKind, NUMBER_MASK, Network, Numbering, Place};
use super::network::{Interconnect, Parcel, Sent, Todo, Topology};
use super::params::MemoryParams;
use super::traffic::{LineKinds, Traffic};

/// Lines of a page of 4 KiB.
const PAGE_LINES: u64 = 64;
/// Broadcasts are numbered in the order of their bus, above all numbers made from senders.
const BROADCAST: u64 = 1 << 39;
/// What a queue entry is about: a message at its receiver, a message at a stop on its way, or wires.
const KIND_MASK: u32 = 3 << 30;
const HOP: u32 = 1 << 30;
const SERVE: u32 = 2 << 30;
/// Places of stops and of channels in the order of events: behind all agents, channels last, so that
/// every message that comes to a stop in a cycle takes part in what is decided there in that cycle.
const STOP_PLACES: u16 = 0x8000;
const CHANNEL_PLACES: u16 = 0xc000;

/// The interconnect with its messages, and the counters of all traffic.
#[derive(Clone, Debug)]
pub(super) struct Fabric {
    params: MemoryParams,
    /// `[class]`: bytes of a message that is no broadcast.
    bytes: [u64; MessageKind::COUNT],
    /// `[place]`: its stop.
    stops: Vec<u16>,
    net: Interconnect,
    queue: EventQueue,
    /// Messages under way; `queue` holds indices.
    slots: Vec<Message>,
    free: Vec<u32>,
    /// `[place]`: messages sent so far, which numbers them.
    sent: Vec<u32>,
    /// `[place]`: when its last message for the forward network was ready: they leave in order.
    last_forward: Vec<Cycle>,
    /// `[slice * controllers + controller]`: when the last message to it was ready, and when it
    /// arrives as far as that is known.
    last_to_memory: Vec<(Cycle, Cycle)>,
    todo: Vec<(Cycle, Todo)>,
    kinds: LineKinds,
    numa: Numa,
    pub(super) traffic: Traffic,
    /// Who caused it, if that is asked for.
    pub(super) attribution: Option<Box<Attribution>>,
    /// Requests of caches are broadcast, and their turn on the bus is their place in the order of all.
    snooping: bool,
    /// Broadcasts that have had their turn.
    broadcasts: u32,
}

impl Fabric {
    pub(super) fn new(params: MemoryParams, topology: Arc<Topology>, numa: Numa, kinds: LineKinds) -> Fabric {
        assert_eq!(params.cores, topology.cores(), "every core has a place in the network");
        let places = topology.cores() + topology.slices() + topology.memories();
        Fabric {
            params,
            bytes: MessageKind::ALL.map(|kind| params.bytes(kind.has_data()) + kind.word_bytes()),
            stops: (0..places).map(|place| topology.stop_of(place)).collect(),
            queue: EventQueue::default(),
            slots: Vec::new(),
            free: Vec::new(),
            sent: vec![0; places],
            last_forward: vec![Cycle(0); places],
            last_to_memory: vec![(Cycle(0), Cycle(0)); topology.slices() * topology.memories()],
            todo: Vec::new(),
            kinds: kinds.for_cores(params.cores),
            numa,
            traffic: Traffic::default(),
            attribution: None,
            net: Interconnect::new(topology),
            snooping: false,
            broadcasts: 0,
        }
    }

    /// As [`Fabric::new`] (and [`Fabric::snooping`]) left it: no message, nothing counted.
    pub(super) fn reset(&mut self) {
        let Fabric {
            params: _,
            bytes: _,
            stops: _,
            net,
            queue,
            slots,
            free,
            sent,
            last_forward,
            last_to_memory,
            todo,
            kinds: _,
            numa: _,
            traffic,
            attribution,
            snooping: _,
            broadcasts,
        } = self;
        net.reset();
        queue.clear();
        slots.clear();
        free.clear();
        sent.fill(0);
        last_forward.fill(Cycle(0));
        last_to_memory.fill((Cycle(0), Cycle(0)));
        todo.clear();
        *traffic = Traffic::default();
        *attribution = None;
        *broadcasts = 0;
    }

    /// Counts from now on by whom traffic is caused, and how long messages wait for links.
    pub(super) fn attribute(&mut self) {
        self.net.count_waits();
        self.attribution = Some(Box::new(Attribution::new(self.params.cores, self.kinds.percpu_stride())));
    }

    /// Broadcasts the requests of caches: one message on the bus, observed in one cycle by every cache and
    /// by the line's home. Evictions concern their sender and the home only, so only those look at them.
    pub(super) fn snooping(self) -> Fabric {
        assert!(self.net.topology().is_one_bus(), "requests are broadcast on one bus");
        Fabric { snooping: true, ..self }
    }

    fn is_broadcast(&self, m: &Message) -> bool {
        self.snooping && m.kind.network() == Network::Request && usize::from(m.src.0) < self.params.cores
    }

    /// The stop a broadcast is addressed to: any but the sender's, for even a request to the slice at the
    /// sender's own stop goes over the bus.
    fn stop_on_bus(&self, from: u16) -> u16 {
        self.stops.iter().copied().find(|&s| s != from).unwrap_or(from)
    }

    /// The slice that is a line's home.
    fn slice_of(&self, line: u64) -> usize {
        let t = self.net.topology();
        let node = match self.numa {
            Numa::Hashed => None,
            Numa::Node(n) => Some(self.own_node(line).unwrap_or(n as usize)),
            Numa::Interleaved => Some(self.own_node(line).unwrap_or((line / PAGE_LINES) as usize)),
        };
        node.map_or_else(|| t.home_slice(line), |n| t.home_slice_in(n, line))
    }

    /// The node of the core whose per-CPU area a line is in, if it is in one.
    fn own_node(&self, line: u64) -> Option<usize> {
        self.net.topology().node_of_core(self.kinds.core_of(line)?)
    }

    /// The home slice of a line.
    pub(super) fn home_of(&self, line: u64) -> Place {
        Place((self.params.cores + self.slice_of(line)) as u16)
    }

    /// The memory controller of a line.
    pub(super) fn memory_of(&self, line: u64) -> Place {
        let t = self.net.topology();
        Place((t.cores() + t.slices() + t.controller(self.slice_of(line), line)) as u16)
    }

    /// Sends a message that is ready at `ready`, later than `now`.
    pub(super) fn send(&mut self, m: Message, ready: Cycle, now: Cycle) {
        let ready = match m.kind.network() {
            Network::Forward => {
                let last = &mut self.last_forward[m.src.0 as usize];
                *last = ready.max(*last);
                *last
            }
            Network::Request | Network::Response => ready,
        };
        self.send_after(m, ready, now, Cycle(0));
    }

    /// Sends a message from a slice to memory. Such messages do not overtake each other: they
    /// become ready in order, which is enough where there are queues, and arrive in order on a
    /// ring, where a short message may find a slot before a long one.
    pub(super) fn send_to_memory(&mut self, m: Message, ready: Cycle, now: Cycle) {
        let (c, t) = (self.params.cores, self.net.topology());
        let (slice, controller) = (m.src.0 as usize - c, m.dst.0 as usize - c - t.slices());
        let pair = slice * t.memories() + controller;
        let (last_ready, last_arrival) = self.last_to_memory[pair];
        let ready = ready.max(last_ready);
        let arrival = self.send_after(m, ready, now, last_arrival);
        self.last_to_memory[pair] = (ready, arrival.unwrap_or(Cycle(0)));
    }

    /// Sends a message; if all of its way is known at once, it arrives later than `before`, and
    /// its arrival is given.
    fn send_after(&mut self, mut m: Message, ready: Cycle, now: Cycle, before: Cycle) -> Option<Cycle> {
        debug_assert!(ready > now, "an arrival in the current cycle would be in the past of its phase");
        let broadcast = self.is_broadcast(&m);
        let bytes = if broadcast { self.params.control_bytes } else { self.bytes[m.kind as usize] };
        let number = &mut self.sent[m.src.0 as usize];
        *number = (*number + 1) & NUMBER_MASK;
        m.number = *number;
        let from = self.stops[m.src.0 as usize];
        let to = if broadcast { self.stop_on_bus(from) } else { self.stops[m.dst.0 as usize] };
        let parcel = Parcel { network: m.kind.network() as u8, from, to, bytes, order: (m.src.0, m.number) };
        let slot = self.store(m);
        let (sent, hops) = self.net.send(slot, parcel, ready, now, &mut self.todo);
        let kind: LineKind = self.kinds.get(m.line);
        self.traffic.count(m.kind, kind, bytes, u64::from(hops));
        if let Some(a) = &mut self.attribution {
            a.message(&m, bytes, u64::from(hops));
        }
        match sent {
            Sent::Arrives(at) => {
                let at = at.max(before.after(1));
                if broadcast {
                    self.fan_out(at, slot)
                } else {
                    let number = (u64::from(m.src.0) << 24) | u64::from(m.number);
                    self.queue.push(Key::new(at, Phase::Deliver, m.dst.0, number), slot);
                }
                Some(at)
            }
            Sent::OnItsWay => {
                self.schedule();
                None
            }
        }
    }

    fn store(&mut self, m: Message) -> u32 {
        match self.free.pop() {
            Some(s) => {
                self.slots[s as usize] = m;
                s
            }
            None => {
                self.slots.push(m);
                self.slots.len() as u32 - 1
            }
        }
    }

    fn schedule(&mut self) {
        let mut todo = std::mem::take(&mut self.todo);
        for (at, what) in todo.drain(..) {
            match what {
                Todo::Deliver(slot) if self.is_broadcast(&self.slots[slot as usize]) => self.fan_out(at, slot),
                _ => self.push(at, what),
            }
        }
        self.todo = todo;
    }

    /// A broadcast has had its turn: everybody whom it concerns observes it at `at`.
    fn fan_out(&mut self, at: Cycle, slot: u32) {
        self.free.push(slot);
        self.broadcasts += 1;
        let m = Message { number: self.broadcasts, ..self.slots[slot as usize] };
        let all = !matches!(m.kind, MessageKind::PutE | MessageKind::PutM);
        let caches = (0..self.params.cores as u16).map(Place).filter(|&p| all || p == m.src);
        for dst in caches.chain([m.dst]).collect::<Vec<_>>() {
            let slot = self.store(Message { dst, ..m });
            self.push(at, Todo::Deliver(slot));
        }
    }

    /// Key of an arrival: receiver, then sender and the sender's message number. The number wraps
    /// after 2^24 messages; that is still a rule made from content alone, and messages that far
    /// apart never meet. At a stop on the way the stop takes the receiver's place. What was broadcast keeps
    /// the order of the bus, also if it was held back.
    fn push(&mut self, at: Cycle, what: Todo) {
        let number = |m: &Message| (u64::from(m.src.0) << 24) | u64::from(m.number);
        let (place, number, entry) = match what {
            Todo::Deliver(s) => {
                let m = &self.slots[s as usize];
                let number = if self.is_broadcast(m) { BROADCAST | u64::from(m.number) } else { number(m) };
                (m.dst.0, number, s)
            }
            Todo::Hop(s) => (STOP_PLACES | self.net.at(s), number(&self.slots[s as usize]), HOP | s),
            Todo::Serve(w) => {
                let (channel, network) = Interconnect::wire_name(w);
                (CHANNEL_PLACES | channel, network, SERVE | w)
            }
        };
        self.queue.push(Key::new(at, Phase::Deliver, place, number), entry);
    }

    /// Offers a message again at `at`: its receiver is holding the line for a locked access.
    pub(super) fn hold_back(&mut self, m: Message, at: Cycle) {
        let slot = self.store(m);
        self.push(at, Todo::Deliver(slot));
    }

    pub(super) fn next_key(&self) -> Key {
        self.queue.next_key()
    }

    /// The next event: a message at its receiver, to be [taken](Fabric::take), or nothing but progress of messages on
    /// their way.
    pub(super) fn pop(&mut self) -> Option<(Cycle, Option<u32>)> {
        let (key, entry) = self.queue.pop()?;
        let (now, i) = (key.at(), entry & !KIND_MASK);
        match entry & KIND_MASK {
            HOP => self.net.hop(i, now, &mut self.todo),
            SERVE => self.net.serve(i, now, &mut self.todo),
            _ => return Some((now, Some(i))),
        }
        self.schedule();
        Some((now, None))
    }

    /// A message that is at its receiver.
    #[inline]
    pub(super) fn take(&mut self, slot: u32) -> Message {
        self.free.push(slot);
        self.slots[slot as usize]
    }

    /// The next message, if the next event is an arrival.
    pub(super) fn next_message(&self) -> Option<&Message> {
        let entry = self.queue.peek_slot()?;
        (entry & KIND_MASK == 0).then(|| &self.slots[entry as usize])
    }

    pub(super) fn in_flight(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Messages under way, in no particular order of time.
    pub(super) fn under_way(&self) -> impl Iterator<Item = &Message> {
        let free: std::collections::BTreeSet<u32> = self.free.iter().copied().collect();
        self.slots.iter().enumerate().filter(move |(i, _)| !free.contains(&(*i as u32))).map(|(_, m)| m)
    }

    pub(super) fn topology(&self) -> &Topology {
        self.net.topology()
    }

    pub(super) fn net(&self) -> &Interconnect {
        &self.net
    }

    pub(super) fn link_busy_ticks(&self) -> Vec<u64> {
        self.net.busy_ticks()
    }

    /// How the messages are numbered that agents keep, for a walk that has been [here](Recur::walk).
    pub(super) fn numbering(&self) -> Numbering {
        let bus = self.snooping.then_some(self.sent.len());
        Numbering { caches: self.params.cores as u16, bus }
    }
}

/// Comes first of all parts of a memory system: the counters of messages are here.
impl Recur for Fabric {
    fn walk(&mut self, w: &mut Walk) {
        let numbering = self.numbering();
        let Fabric {
            params: _,
            bytes: _,
            stops: _,
            net,
            queue,
            slots,
            // Which slots are free decides where the next message is kept, and nothing else.
            free: _,
            sent,
            last_forward,
            last_to_memory,
            todo,
            kinds: _,
            numa: _,
            traffic,
            attribution,
            snooping: _,
            broadcasts,
        } = self;
        if !todo.is_empty() {
            w.refuse();
        }
        for counter in sent {
            w.counter(counter, NUMBER_MASK);
        }
        w.counter(broadcasts, u32::MAX);
        last_forward.iter_mut().for_each(|ready| w.expiry(ready));
        for (ready, arrival) in last_to_memory {
            w.expiry(ready);
            w.expiry(arrival);
        }
        traffic.walk(w);
        w.option(attribution, |attribution, w| attribution.walk(w));
        net.walk(w, slots, &numbering);
        let mut pending = queue.pending();
        w.word(pending.len() as u64);
        for (key, entry) in &mut pending {
            let mut at = key.at();
            w.moment(&mut at);
            w.word(u64::from(*entry & KIND_MASK));
            let i = *entry & !KIND_MASK;
            match *entry & KIND_MASK {
                SERVE => w.word(u64::from(i)),
                HOP => net.walk_message(i, w, slots, &numbering),
                _ => slots[i as usize].walk(w, &numbering, false),
            }
            *key = Key::new(at, Phase::Deliver, 0, 0);
        }
        if w.shift().is_some() {
            self.queue.clear();
            for (key, entry) in pending {
                let i = entry & !KIND_MASK;
                let what = match entry & KIND_MASK {
                    SERVE => Todo::Serve(i),
                    HOP => Todo::Hop(i),
                    _ => Todo::Deliver(i),
                };
                self.push(key.at(), what);
            }
        }
    }
}
