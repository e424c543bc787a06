// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages under way: where agents sit, when messages arrive, in which order.

use sim_core::program::LineKind;
use sim_core::queue::EventQueue;
use sim_core::time::{Cycle, Key, Phase};

use super::message::{Message, Place};
use super::network::Interconnect;
use super::params::MemoryParams;
use super::traffic::{LineKinds, Traffic};

const NUMBER_MASK: u32 = 0xff_ffff;

/// The interconnect with its messages, and the counters of all traffic.
#[derive(Clone, Debug)]
pub(super) struct Fabric {
    params: MemoryParams,
    net: Interconnect,
    queue: EventQueue,
    /// Messages under way; `queue` holds indices.
    slots: Vec<Message>,
    free: Vec<u32>,
    /// `[place]`: messages sent so far, which numbers them.
    sent: Vec<u32>,
    kinds: LineKinds,
    pub(super) traffic: Traffic,
}

impl Fabric {
    pub(super) fn new(params: MemoryParams, kinds: LineKinds) -> Fabric {
        // Core i and slice i share stop i; memory has the stop behind the last core's.
        Fabric {
            params,
            net: Interconnect::ring(params.cores + 1, params.hop, params.bidirectional),
            queue: EventQueue::default(),
            slots: Vec::new(),
            free: Vec::new(),
            sent: vec![0; 2 * params.cores + 1],
            kinds,
            traffic: Traffic::default(),
        }
    }

    pub(super) fn home_of(&self, line: u64) -> Place {
        // A multiplicative hash (Knuth, TAOCP vol. 3, 6.4) spreads neighbouring lines over the
        // slices; the real function of client processors is not published in full.
        let slice = (line.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % self.params.cores as u64;
        Place((self.params.cores as u64 + slice) as u16)
    }

    pub(super) fn memory(&self) -> Place {
        Place(2 * self.params.cores as u16)
    }

    fn stop(&self, p: Place) -> usize {
        let n = self.params.cores;
        match p.0 as usize {
            i if i < n => i,
            i if i < 2 * n => i - n,
            _ => n,
        }
    }

    /// Sends a message that is ready at `ready`, later than `now`; gives its arrival.
    pub(super) fn send(&mut self, m: Message, ready: Cycle, now: Cycle) -> Cycle {
        self.send_after(m, ready, now, Cycle(0))
    }

    /// As `send`, arriving later than `not_before`.
    pub(super) fn send_after(&mut self, mut m: Message, ready: Cycle, now: Cycle, not_before: Cycle) -> Cycle {
        debug_assert!(ready > now, "an arrival in the current cycle would be in the past of its phase");
        let data = m.kind.has_data();
        let (from, to) = (self.stop(m.src), self.stop(m.dst));
        let arrival = self.net.send(m.kind.network() as usize, from, to, self.params.slots(data), ready, now);
        let kind: LineKind = self.kinds.get(m.line);
        self.traffic.count(m.kind, kind, self.params.bytes(data), u64::from(arrival.hops));
        let at = arrival.at.max(not_before.after(1));
        let number = &mut self.sent[m.src.0 as usize];
        *number = (*number + 1) & NUMBER_MASK;
        m.number = *number;
        self.enqueue(m, at);
        at
    }

    /// Key of an arrival: receiver, then sender and the sender's message number. The number wraps
    /// after 2^24 messages; that is still a rule made from content alone, and messages that far
    /// apart never meet.
    fn enqueue(&mut self, m: Message, at: Cycle) {
        let key = Key::new(at, Phase::Deliver, m.dst.0, (u64::from(m.src.0) << 24) | u64::from(m.number));
        let slot = match self.free.pop() {
            Some(s) => {
                self.slots[s as usize] = m;
                s
            }
            None => {
                self.slots.push(m);
                self.slots.len() as u32 - 1
            }
        };
        self.queue.push(key, slot);
    }

    /// Offers a message again at `at`: its receiver is holding the line for a locked access.
    pub(super) fn hold_back(&mut self, m: Message, at: Cycle) {
        self.enqueue(m, at);
    }

    pub(super) fn next_key(&self) -> Key {
        self.queue.next_key()
    }

    pub(super) fn pop(&mut self) -> Option<(Cycle, Message)> {
        let (key, slot) = self.queue.pop()?;
        self.free.push(slot);
        Some((key.at(), self.slots[slot as usize]))
    }

    /// The receiver of the next message.
    pub(super) fn next_receiver(&self) -> Option<Place> {
        self.queue.peek_slot().map(|s| self.slots[s as usize].dst)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn link_busy_cycles(&self) -> Vec<u64> {
        self.net.busy_cycles()
    }
}
