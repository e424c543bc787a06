// SPDX-License-Identifier: MIT OR Apache-2.0
//! The events of a run, recorded, and the least that an event loop can do with them: take the next one, touch a line of memory,
//! add the events that it led to.

use std::collections::HashMap;

use rqsim::machine::{Machine, MachineSpec};
use sim_core::ports::NoProbe;
use sim_core::queue::{EventQueue, WakeTree};
use sim_core::time::{Cycle, Key};

/// Lines of memory that are touched: the state of eight cores, more than a first-level cache holds.
const LINES: usize = 4096;
const WORDS: usize = 8;

/// One event and what it led to.
#[derive(Clone, Copy)]
struct Event {
    /// When its core wakes next, if it is about one.
    wake: Key,
    /// Behind the last message it led to, in [`Recorded::added`]; the first is behind the last of the event before.
    added: u32,
    /// The core it is about, or [`NO_CORE`].
    core: u16,
    /// The line it touches.
    line: u16,
}

const NO_CORE: u16 = u16::MAX;

/// The events of a run in their order.
pub(crate) struct Recorded {
    first: Vec<Key>,
    events: Vec<Event>,
    added: Vec<Key>,
    /// Digest of all keys, in their order.
    keys: u64,
}

/// Mixes the key of an event into a digest of all of them.
fn mix(digest: u64, key: Key) -> u64 {
    let (place, number) = key.place_and_number();
    (digest.rotate_left(5) ^ key.at().0 ^ (u64::from(place) << 40) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Records a machine's events before `limit`. A message is named by its sender and its number there, so the event that
/// led to it is known: the one of its sender at which so many had been sent. One that its receiver held back was added again
/// when it came before. Only for networks on which a message is one event, and for programs that send no interrupts.
pub(crate) fn record(spec: &MachineSpec, limit: Cycle) -> Recorded {
    let mut machine = Machine::new(spec, NoProbe);
    let cores = spec.memory.cores;
    let wake = |m: &Machine<NoProbe>, core: usize| m.cores()[core].next_key(m.interrupts());
    let sent = |m: &Machine<NoProbe>| m.memory().traffic().by_class.iter().map(|c| c.messages).sum::<u64>();
    let first = (0..cores).map(|c| wake(&machine, c)).collect();
    let (mut events, mut keys) = (Vec::new(), 0);
    // Which event led to a message that is under way, by its name; and how many each place has sent.
    let (mut parents, mut numbers) = (HashMap::<u64, usize>::new(), HashMap::<u16, u64>::new());
    let (mut all, mut arrivals) = (sent(&machine), Vec::new());
    while let Some(key) = machine.step(limit) {
        let (place, name) = key.place_and_number();
        // Wakes have no number, messages one above 0.
        if name != 0 {
            let parent = parents.insert(name, events.len()).expect("a message is sent before it arrives");
            arrivals.push((parent, key));
        }
        let now = sent(&machine);
        let number = numbers.entry(place).or_default();
        for _ in all..now {
            *number += 1;
            parents.insert((u64::from(place) << 24) | *number, events.len());
        }
        all = now;
        let is_core = usize::from(place) < cores;
        events.push(Event {
            wake: if is_core { wake(&machine, usize::from(place)) } else { Key::NEVER },
            added: 0,
            core: if is_core { place } else { NO_CORE },
            line: ((u64::from(place) * 128 + name % 128) % LINES as u64) as u16,
        });
        keys = mix(keys, key);
    }
    // In the order in which they are added. What is under way at the end is left out.
    arrivals.sort_by_key(|a| a.0);
    let mut added = 0;
    for (n, event) in events.iter_mut().enumerate() {
        added += arrivals[added..].iter().take_while(|a| a.0 == n).count();
        event.added = added as u32;
    }
    Recorded { first, events, added: arrivals.into_iter().map(|a| a.1).collect(), keys }
}

impl Recorded {
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// The floor: the same events come and go in the same order, and nothing else is done. Touches `memory`, made by
    /// [`memory`].
    ///
    /// # Panics
    /// If another event comes than was recorded.
    pub(crate) fn replay(&self, memory: &mut [u64]) {
        let (mut queue, mut wakes) = (EventQueue::default(), WakeTree::new(self.first.len()));
        self.first.iter().enumerate().for_each(|(core, key)| wakes.set(core, *key));
        let (mut keys, mut from) = (0, 0);
        for (n, event) in self.events.iter().enumerate() {
            let (wake, message) = (wakes.next().0, queue.next_key());
            let key = if message < wake { queue.pop().map_or(message, |e| e.0) } else { wake };
            keys = mix(keys, key);
            memory[usize::from(event.line) * WORDS] += n as u64;
            let to = event.added as usize;
            for (i, key) in self.added[from..to].iter().enumerate() {
                queue.push(*key, (from + i) as u32);
            }
            from = to;
            if event.core != NO_CORE {
                wakes.set(usize::from(event.core), event.wake);
            }
        }
        assert_eq!(keys, self.keys, "other events came than were recorded");
    }
}

/// What a replay touches.
pub(crate) fn memory() -> Vec<u64> {
    vec![0; LINES * WORDS]
}
