// SPDX-License-Identifier: MIT OR Apache-2.0
//! Perfetto's trace format (protobuf messages `Trace`, `TracePacket`, `TrackDescriptor`, `TrackEvent`), as far as we need it.
//!
//! Field numbers are those of Perfetto's published `.proto` files; they never change their meaning.

use std::collections::BTreeMap;

use super::{Counter, Event, Flow, Trace, Value, What};

/// The one sequence of packets that all of ours belong to.
const SEQUENCE: u64 = 1;
/// Track of the machine; those of cores, tracks and counters follow.
const ROOT: u64 = 1;
/// The interned data of the sequence begin anew.
const STATE_CLEARED: u64 = 1;
/// The packet refers to interned data.
const NEEDS_STATE: u64 = 2;
/// Children of a track are shown in the order of their ranks.
const EXPLICIT: u64 = 3;

/// A message under construction.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(&mut self, field: u64, value: u64) -> &mut Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    fn fixed64(&mut self, field: u64, value: u64) -> &mut Self {
        self.varint(field << 3 | 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn bytes(&mut self, field: u64, value: &[u8]) -> &mut Self {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    fn text(&mut self, field: u64, value: &str) -> &mut Self {
        self.bytes(field, value.as_bytes())
    }

    fn message(&mut self, field: u64, value: &Message) -> &mut Self {
        self.bytes(field, &value.0)
    }
}

/// Texts that are written once and then named by number, from 1.
#[derive(Default)]
struct Interned(BTreeMap<String, u64>);

impl Interned {
    /// Its number; if it is new, it is put into `data` as an entry of this field.
    fn number(&mut self, text: &str, field: u64, data: &mut Message) -> u64 {
        if let Some(n) = self.0.get(text) {
            return *n;
        }
        let n = self.0.len() as u64 + 1;
        self.0.insert(text.to_owned(), n);
        let mut entry = Message::default();
        data.message(field, entry.number(1, n).text(2, text));
        n
    }
}

#[derive(Default)]
struct Writer {
    out: Message,
    categories: Interned,
    names: Interned,
    args: Interned,
}

impl Writer {
    fn packet(&mut self, packet: &mut Message) {
        packet.number(10, SEQUENCE);
        self.out.message(1, packet);
    }

    fn track(&mut self, uuid: u64, parent: Option<u64>, name: &str, rank: u64, more: impl FnOnce(&mut Message)) {
        let mut t = Message::default();
        t.number(1, uuid).text(2, name);
        if let Some(parent) = parent {
            t.number(5, parent);
        }
        t.number(11, EXPLICIT).number(12, rank);
        more(&mut t);
        self.packet(Message::default().message(60, &t));
    }

    fn event(&mut self, e: &Event, uuid: u64) {
        let (mut data, mut event) = (Message::default(), Message::default());
        let kind = match e.what {
            What::Begin => 1,
            What::End => 2,
            What::Instant => 3,
        };
        event.number(9, kind).number(11, uuid);
        if e.what != What::End {
            event.number(3, self.categories.number(e.category, 1, &mut data));
            event.number(10, self.names.number(&e.name, 2, &mut data));
        }
        for (name, value) in &e.args {
            let mut arg = Message::default();
            arg.number(1, self.args.number(name, 3, &mut data));
            match value {
                Value::Number(n) => arg.number(3, *n),
                Value::Text(t) => arg.text(6, t),
            };
            event.message(4, &arg);
        }
        for flow in &e.flows {
            match flow {
                Flow::From(id) => event.fixed64(47, *id),
                Flow::To(id) => event.fixed64(48, *id),
            };
        }
        let mut packet = Message::default();
        packet.number(8, e.at_ns).number(13, NEEDS_STATE);
        if !data.0.is_empty() {
            packet.message(12, &data);
        }
        self.packet(packet.message(11, &event));
    }

    fn counter(&mut self, c: &Counter, uuid: u64) {
        for (at, value) in &c.points {
            let mut event = Message::default();
            event.number(9, 4).number(11, uuid).number(30, *value);
            self.packet(Message::default().number(8, *at).message(11, &event));
        }
    }
}

/// The bytes of a trace file that the Perfetto UI and its trace processor open. Time stamps are nanoseconds of simulated
/// time. Equal traces give equal bytes.
#[must_use]
pub fn encode(trace: &Trace) -> Vec<u8> {
    let mut w = Writer::default();
    w.packet(Message::default().number(13, STATE_CLEARED));
    w.track(ROOT, None, &trace.title, 0, |t| {
        let mut process = Message::default();
        t.message(3, process.number(1, 1).text(6, &trace.title));
        t.text(14, &trace.setting);
    });
    let core_id = |core: u32| ROOT + 1 + u64::from(core);
    for core in 0..trace.cores {
        w.track(core_id(core), Some(ROOT), &format!("core {core}"), u64::from(core), |_| {});
    }
    let track_id = |track: usize| core_id(trace.cores) + track as u64;
    for (i, t) in trace.tracks.iter().enumerate() {
        w.track(track_id(i), Some(core_id(t.core)), &t.name, i as u64, |_| {});
    }
    let counter_id = |i: usize| track_id(trace.tracks.len() + i);
    for (i, c) in trace.counters.iter().enumerate() {
        w.track(counter_id(i), Some(ROOT), &c.name, u64::from(trace.cores) + i as u64, |t| {
            let mut counter = Message::default();
            t.message(8, counter.text(6, c.unit));
        });
    }
    for e in &trace.events {
        w.event(e, track_id(e.track));
    }
    for (i, c) in trace.counters.iter().enumerate() {
        w.counter(c, counter_id(i));
    }
    w.out.0
}
