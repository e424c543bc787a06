// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state of the explored machine on a bus.

use std::hash::{Hash, Hasher};

use crate::protocol::cache::CacheState;
use crate::protocol::home::HomeState;

pub(super) use crate::protocol::check::CACHES_MAX;

/// New names of the caches.
pub(super) type Names = [u8; CACHES_MAX];

/// The value of a line somewhere, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Value {
    /// The newest store is in it.
    pub(super) newest: bool,
    /// One bit per cache whose load must find just this value although it is not the newest: the line had
    /// been promised to the writer behind the load's turn.
    pub(super) right_for: u8,
}

impl Value {
    pub(super) const NEWEST: Value = Value { newest: true, right_for: 0 };

    fn renamed(self, name: &Names) -> Value {
        Value { right_for: rename_bits(self.right_for, name), ..self }
    }
}

/// A request on the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Request {
    GetS,
    GetM,
    Upgr,
    PutE,
    PutM,
}

/// At most [`Queue::ROOM`] requests with their senders, in the order of the bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Queue {
    items: [Option<(Request, u8)>; Queue::ROOM],
}

impl Queue {
    pub(super) const ROOM: usize = 6;

    pub(super) fn len(&self) -> usize {
        self.iter().count()
    }

    pub(super) fn front(&self) -> Option<(Request, u8)> {
        self.items[0]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Request, u8)> {
        self.items.into_iter().flatten()
    }

    /// Appends; the options leave room.
    pub(super) fn push(&mut self, request: Request, from: usize) {
        let end = self.len();
        self.items[end] = Some((request, from as u8));
    }

    pub(super) fn pop(&mut self) {
        self.items.rotate_left(1);
        self.items[Self::ROOM - 1] = None;
    }

    fn renamed(self, name: &Names) -> Queue {
        Queue { items: self.items.map(|i| i.map(|(r, from)| (r, name[from as usize]))) }
    }
}

/// A private cache, with what is on its way to it and from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Node {
    pub(super) state: CacheState,
    pub(super) copy: Option<Value>,
    /// A request that has not had its turn on the bus.
    pub(super) request: Option<Request>,
    /// Data on their way to it, and whether they are exclusive.
    pub(super) data: Option<(Value, bool)>,
    /// Requests of others that it has observed and lets wait.
    pub(super) queue: Queue,
    /// Somebody has written the line since this cache's load had its turn.
    pub(super) late: bool,
    /// Its data on their way to the home, in order.
    pub(super) to_home: [Option<(Value, bool)>; Queue::ROOM + 1],
}

/// The home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Home {
    pub(super) state: HomeState,
    pub(super) owner: Option<u8>,
    pub(super) awaited: Option<u8>,
    /// What it has observed and not worked off.
    pub(super) queue: Queue,
    /// The slice's copy, and whether it is dirty.
    pub(super) slice: Option<(Value, bool)>,
    pub(super) memory: Value,
}

/// The whole machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct World<const N: usize> {
    pub(super) nodes: [Node; N],
    pub(super) home: Home,
}

fn rename_bits(bits: u8, name: &Names) -> u8 {
    (0..CACHES_MAX).filter(|i| bits >> i & 1 == 1).fold(0, |sum, i| sum | 1 << name[i])
}

impl<const N: usize> World<N> {
    /// Nothing is cached anywhere.
    pub(super) fn initial() -> Self {
        let node = Node {
            state: CacheState::I,
            copy: None,
            request: None,
            data: None,
            queue: Queue::default(),
            late: false,
            to_home: [None; Queue::ROOM + 1],
        };
        let home = Home {
            state: HomeState::I,
            owner: None,
            awaited: None,
            queue: Queue::default(),
            slice: None,
            memory: Value::NEWEST,
        };
        World { nodes: [node; N], home }
    }

    /// Every value there is of the line.
    pub(super) fn values(&mut self) -> impl Iterator<Item = &mut Value> {
        let nodes = self.nodes.iter_mut().flat_map(|n| {
            let to_home = n.to_home.iter_mut().flatten().map(|v| &mut v.0);
            n.copy.iter_mut().chain(n.data.iter_mut().map(|d| &mut d.0)).chain(to_home)
        });
        nodes.chain(self.home.slice.iter_mut().map(|s| &mut s.0)).chain([&mut self.home.memory])
    }

    /// What can be said of each cache without naming another.
    pub(super) fn nameless(&self) -> [u64; N] {
        self.nodes.map(|n| {
            let value = |v: Value| 1 + u64::from(v.newest);
            let mut key = n.state as u64;
            key = key * 4 + n.copy.map_or(0, value);
            key = key * 8 + n.request.map_or(0, |r| 1 + r as u64);
            key = key * 8 + n.data.map_or(0, |(v, exclusive)| value(v) * 2 + u64::from(exclusive));
            key = key * 8 + n.queue.len() as u64;
            key * 16 + n.to_home.iter().flatten().count() as u64 * 2 + u64::from(n.late)
        })
    }

    /// With cache `i` called `name[i]`.
    pub(super) fn renamed(&self, name: &Names) -> Self {
        let mut renamed = *self;
        for (i, node) in self.nodes.iter().enumerate() {
            renamed.nodes[name[i] as usize] = Node { queue: node.queue.renamed(name), ..*node };
        }
        let of = |place: Option<u8>| place.map(|p| name[p as usize]);
        let home = self.home;
        renamed.home =
            Home { owner: of(home.owner), awaited: of(home.awaited), queue: home.queue.renamed(name), ..home };
        renamed.values().for_each(|v| *v = v.renamed(name));
        renamed
    }

    /// Equal states have equal fingerprints.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut mix = Mix(0);
        self.hash(&mut mix);
        mix.finish()
    }
}

/// A hash that is the same everywhere.
struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for &b in bytes {
            self.0 = (self.0.rotate_left(9) ^ u64::from(b)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}
