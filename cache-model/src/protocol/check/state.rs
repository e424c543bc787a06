// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state of the explored machine, spread out for working and packed for keeping.

use super::super::cache::CacheState;
use super::super::home::HomeState;

/// Largest number of caches the packing has room for.
pub(super) const CACHES_MAX: usize = 5;

/// The requester of a forward when it is the home itself.
pub(super) const HOME: u8 = CACHES_MAX as u8;

/// "No owner", in the bits of an owner.
const NOBODY: u64 = 7;

/// A request on its way to the home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Request {
    GetS,
    GetM,
    PutS,
    PutE,
    PutM,
    Upgrade,
    Atomic,
}

impl Request {
    const ALL: [Self; 7] = [Self::GetS, Self::GetM, Self::PutS, Self::PutE, Self::PutM, Self::Upgrade, Self::Atomic];
}

/// What a message on the forward network says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ForwardKind {
    GetS,
    GetM,
    Inv,
    PutAck,
    Grant,
}

/// A message on the forward network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Forward {
    pub(super) kind: ForwardKind,
    /// Whom to answer: a cache, or [`HOME`]. Put-Ack and Grant have [`HOME`], which nobody reads.
    pub(super) requester: u8,
    /// Acknowledgements announced by a GetM or a Grant.
    pub(super) acks: u8,
}

impl Forward {
    const REQUESTERS: u8 = CACHES_MAX as u8 + 1;
    /// Numbers of acknowledgements: one cache has at most this number less one of sharers beside it.
    const ACKS: u8 = CACHES_MAX as u8;
    const GET_M: u8 = Self::REQUESTERS;
    const INV: u8 = Self::GET_M + Self::REQUESTERS * Self::ACKS;
    const PUT_ACK: u8 = Self::INV + Self::REQUESTERS;
    const GRANT: u8 = Self::PUT_ACK + 1;

    /// A message that announces no acknowledgements.
    pub(super) const fn new(kind: ForwardKind, requester: u8) -> Self {
        Self { kind, requester, acks: 0 }
    }

    /// A number of its own for every message, from 1.
    fn code(self) -> u64 {
        let code = match self.kind {
            ForwardKind::GetS => self.requester,
            ForwardKind::GetM => Self::GET_M + self.requester * Self::ACKS + self.acks,
            ForwardKind::Inv => Self::INV + self.requester,
            ForwardKind::PutAck => Self::PUT_ACK,
            ForwardKind::Grant => Self::GRANT + self.acks,
        };
        u64::from(code) + 1
    }

    fn of_code(code: u64) -> Self {
        let code = code as u8 - 1;
        let (kind, requester, acks) = match code {
            0..Self::GET_M => (ForwardKind::GetS, code, 0),
            Self::GET_M..Self::INV => {
                let rest = code - Self::GET_M;
                (ForwardKind::GetM, rest / Self::ACKS, rest % Self::ACKS)
            }
            Self::INV..Self::PUT_ACK => (ForwardKind::Inv, code - Self::INV, 0),
            Self::PUT_ACK..Self::GRANT => (ForwardKind::PutAck, HOME, 0),
            Self::GRANT.. => (ForwardKind::Grant, HOME, code - Self::GRANT),
        };
        Self { kind, requester, acks }
    }
}

/// The forward network from the home to one cache: oldest message in the lowest bits, each as a
/// nonzero number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fifo(u64);

impl Fifo {
    const BITS: u32 = 6;
    const ROOM: u32 = 6;

    pub(super) fn len(self) -> usize {
        (u64::BITS - self.0.leading_zeros()).div_ceil(Self::BITS) as usize
    }

    pub(super) fn get(self, position: usize) -> Forward {
        Forward::of_code(self.0 >> (Self::BITS * position as u32) & ((1 << Self::BITS) - 1))
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Forward> {
        (0..self.len()).map(move |i| self.get(i))
    }

    /// Appends, or returns `None` if there is no room.
    #[must_use]
    pub(super) fn pushed(self, message: Forward) -> Option<Self> {
        let len = self.len() as u32;
        (len < Self::ROOM).then(|| Self(self.0 | message.code() << (Self::BITS * len)))
    }

    /// Without the message at this position.
    #[must_use]
    pub(super) fn without(self, position: usize) -> Self {
        let low = Self::BITS * position as u32;
        let below = self.0 & ((1 << low) - 1);
        let above = self.0.checked_shr(low + Self::BITS).unwrap_or(0);
        Self(below | above << low)
    }

    /// With the requesters renamed.
    fn renamed(self, name: &[u8; CACHES_MAX + 1]) -> Self {
        let mut renamed = Self::default();
        for (i, m) in self.iter().enumerate() {
            let m = Forward { requester: name[m.requester as usize], ..m };
            renamed.0 |= m.code() << (Self::BITS * i as u32);
        }
        renamed
    }
}

/// What comes with data to a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum With {
    /// The permission to write.
    Exclusive,
    /// The duty to answer the next reader.
    Forward,
    /// A number of acknowledgements to expect.
    Acks(u8),
    /// Nothing: they are not the line but the old value of an operation.
    Value,
}

/// Data on their way to a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DataToCache {
    pub(super) with: With,
    pub(super) newest: bool,
}

impl DataToCache {
    /// Above every number of acknowledgements; never marked as newest, so that the code fits.
    const VALUE: u64 = 2 + CACHES_MAX as u64;

    /// The number of acknowledgements announced.
    pub(super) fn acks(self) -> u8 {
        match self.with {
            With::Exclusive | With::Forward | With::Value => 0,
            With::Acks(n) => n,
        }
    }

    /// A number of its own for every value, from 1.
    fn code(self) -> u64 {
        let with = match self.with {
            With::Exclusive => 0,
            With::Forward => 1,
            With::Acks(n) => 2 + u64::from(n),
            With::Value => Self::VALUE,
        };
        1 + with * 2 + u64::from(self.newest)
    }

    fn of_code(code: u64) -> Self {
        let with = match (code - 1) / 2 {
            0 => With::Exclusive,
            1 => With::Forward,
            Self::VALUE => With::Value,
            n => With::Acks(n as u8 - 2),
        };
        Self { with, newest: (code - 1) % 2 == 1 }
    }
}

/// Data on their way to the home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DataToHome {
    pub(super) newest: bool,
    pub(super) dirty: bool,
}

/// One private cache with everything on its way to it, and its request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) state: CacheState,
    /// `None` is no data; otherwise whether they are the newest.
    pub(super) copy: Option<bool>,
    /// Acknowledgements missing; negative while more have come than are known to be expected.
    pub(super) missing: i8,
    /// The request in flight, and whether its data (of a PutM) are the newest.
    pub(super) request: Option<(Request, bool)>,
    pub(super) data: Option<DataToCache>,
    /// Acknowledgements in flight.
    pub(super) acks: u8,
    pub(super) forward: Fifo,
}

/// The home with everything on its way to it except requests, and memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Home {
    pub(super) state: HomeState,
    pub(super) owner: Option<u8>,
    /// One bit per cache.
    pub(super) sharers: u8,
    /// Acknowledgements the home still expects.
    pub(super) missing: u8,
    /// Acknowledgements in flight to the home.
    pub(super) acks: u8,
    /// The slice has data, where it may have none of a line it knows.
    pub(super) slice_present: bool,
    /// The slice's data are the newest.
    pub(super) slice_newest: bool,
    /// The slice's data have to be written back.
    pub(super) slice_dirty: bool,
    /// Memory's data are the newest.
    pub(super) memory_newest: bool,
    /// An owner's answer in flight to the home.
    pub(super) data: Option<DataToHome>,
    /// A fetch from memory in flight, and whether it brings the newest data.
    pub(super) fetch: Option<bool>,
}

/// The whole machine, spread out.
#[derive(Clone, Copy, Debug)]
pub(super) struct World<const N: usize> {
    pub(super) nodes: [Node; N],
    pub(super) home: Home,
}

/// The whole machine, one word per cache and one for the home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Packed<const N: usize> {
    nodes: [u64; N],
    home: u64,
}

/// Puts fields into a word, the first one lowest.
struct Writer {
    word: u64,
    used: u32,
}

impl Writer {
    fn put(&mut self, bits: u32, value: u64) {
        debug_assert!(value < 1 << bits && self.used + bits <= 64, "field out of range");
        self.word |= value << self.used;
        self.used += bits;
    }
}

/// Takes the fields out again, in the same order.
struct Reader(u64);

impl Reader {
    fn take(&mut self, bits: u32) -> u64 {
        let value = self.0 & ((1 << bits) - 1);
        self.0 >>= bits;
        value
    }
}

/// `None`, `Some(false)`, `Some(true)` as 0, 1, 2.
fn maybe_bit(bit: Option<bool>) -> u64 {
    bit.map_or(0, |b| 1 + u64::from(b))
}

fn bit_maybe(code: u64) -> Option<bool> {
    (code > 0).then_some(code == 2)
}

impl Node {
    fn pack(&self) -> u64 {
        let mut w = Writer { word: 0, used: 0 };
        w.put(5, self.state as u64);
        w.put(2, maybe_bit(self.copy));
        w.put(4, (self.missing + 8) as u64);
        w.put(4, self.request.map_or(0, |(r, newest)| 2 + r as u64 * 2 + u64::from(newest)));
        w.put(4, self.data.map_or(0, DataToCache::code));
        w.put(3, u64::from(self.acks));
        w.put(Fifo::BITS * Fifo::ROOM, self.forward.0);
        w.word
    }

    fn unpack(word: u64) -> Self {
        let mut r = Reader(word);
        Self {
            state: CacheState::ALL[r.take(5) as usize],
            copy: bit_maybe(r.take(2)),
            missing: r.take(4) as i8 - 8,
            request: r.take(4).checked_sub(2).map(|c| (Request::ALL[c as usize / 2], c % 2 == 1)),
            data: Some(r.take(4)).filter(|&c| c > 0).map(DataToCache::of_code),
            acks: r.take(3) as u8,
            forward: Fifo(r.take(Fifo::BITS * Fifo::ROOM)),
        }
    }
}

impl Home {
    fn pack(&self) -> u64 {
        let mut w = Writer { word: 0, used: 0 };
        w.put(5, self.state as u64);
        w.put(3, self.owner.map_or(NOBODY, u64::from));
        w.put(CACHES_MAX as u32, u64::from(self.sharers));
        w.put(3, u64::from(self.missing));
        w.put(3, u64::from(self.acks));
        w.put(1, u64::from(self.slice_present));
        w.put(1, u64::from(self.slice_newest));
        w.put(1, u64::from(self.slice_dirty));
        w.put(1, u64::from(self.memory_newest));
        w.put(3, self.data.map_or(0, |d| 4 + u64::from(d.newest) * 2 + u64::from(d.dirty)));
        w.put(2, maybe_bit(self.fetch));
        w.word
    }

    fn unpack(word: u64) -> Self {
        let mut r = Reader(word);
        Self {
            state: HomeState::ALL[r.take(5) as usize],
            owner: Some(r.take(3)).filter(|&o| o != NOBODY).map(|o| o as u8),
            sharers: r.take(CACHES_MAX as u32) as u8,
            missing: r.take(3) as u8,
            acks: r.take(3) as u8,
            slice_present: r.take(1) == 1,
            slice_newest: r.take(1) == 1,
            slice_dirty: r.take(1) == 1,
            memory_newest: r.take(1) == 1,
            data: r.take(3).checked_sub(4).map(|c| DataToHome { newest: c / 2 == 1, dirty: c % 2 == 1 }),
            fetch: bit_maybe(r.take(2)),
        }
    }
}

impl<const N: usize> World<N> {
    pub(super) fn pack(&self) -> Packed<N> {
        Packed { nodes: self.nodes.map(|n| n.pack()), home: self.home.pack() }
    }

    pub(super) fn unpack(packed: &Packed<N>) -> Self {
        Self { nodes: packed.nodes.map(Node::unpack), home: Home::unpack(packed.home) }
    }

    /// What can be said of each cache without naming another.
    pub(super) fn nameless(&self) -> [u64; N] {
        std::array::from_fn(|i| {
            let node = Node { forward: Fifo::default(), ..self.nodes[i] };
            let (listed, owner) = (self.home.sharers >> i & 1, self.home.owner == Some(i as u8));
            node.pack() << 4 | (self.nodes[i].forward.len() as u64 & 3) << 2 | u64::from(listed) << 1 | u64::from(owner)
        })
    }

    /// With cache `i` called `name[i]`; the home keeps its name.
    pub(super) fn renamed(&self, name: &[u8; CACHES_MAX + 1]) -> Self {
        let mut renamed = *self;
        for (i, node) in self.nodes.iter().enumerate() {
            let forward = node.forward.renamed(name);
            renamed.nodes[name[i] as usize] = Node { forward, ..*node };
        }
        renamed.home.owner = self.home.owner.map(|o| name[o as usize]);
        renamed.home.sharers = (0..N).filter(|&i| self.home.sharers >> i & 1 == 1).fold(0, |s, i| s | 1 << name[i]);
        renamed
    }
}

impl<const N: usize> Packed<N> {
    /// Equal states have equal fingerprints.
    pub(super) fn fingerprint(&self) -> u64 {
        let mix = |h: u64, w: u64| (h.rotate_left(23) ^ w).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let h = self.nodes.iter().fold(0, |h, &w| mix(h, w));
        let h = mix(h, self.home);
        h ^ h >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifo_gives_back_what_was_pushed_in_order() {
        use ForwardKind::{GetM, GetS, Grant, Inv, PutAck};
        let asked = [(GetS, 0), (GetM, 0), (GetM, 4), (Inv, 0)];
        let asked =
            asked.iter().flat_map(|&(kind, acks)| [0, 3, HOME].map(|requester| Forward { kind, requester, acks }));
        let told = [(PutAck, 0), (Grant, 0), (Grant, 4)].map(|(kind, acks)| Forward { kind, requester: HOME, acks });
        let all: Vec<Forward> = asked.chain(told).collect();
        for window in all.windows(Fifo::ROOM as usize) {
            let mut fifo = Fifo::default();
            for &m in window {
                fifo = fifo.pushed(m).expect("there is room");
            }
            assert!(fifo.pushed(window[0]).is_none());
            assert_eq!(fifo.iter().collect::<Vec<_>>(), window);
            for i in 0..window.len() {
                let mut rest = window.to_vec();
                rest.remove(i);
                assert_eq!(fifo.without(i).iter().collect::<Vec<_>>(), rest);
            }
        }
    }

    #[test]
    fn renaming_back_and_forth_changes_nothing() {
        let mut world = super::super::model::initial::<3>(true);
        world.nodes[0].state = CacheState::IM_AD;
        world.nodes[0].missing = -2;
        world.nodes[1].request = Some((Request::PutM, true));
        world.nodes[1].data = Some(DataToCache { with: With::Acks(4), newest: true });
        let inv = Forward::new(ForwardKind::Inv, 0);
        let own = Forward::new(ForwardKind::GetM, HOME);
        world.nodes[2].forward = Fifo::default().pushed(inv).and_then(|f| f.pushed(own)).expect("there is room");
        world.home.owner = Some(2);
        world.home.sharers = 0b011;
        let there = world.renamed(&[1, 2, 0, 3, 4, HOME]);
        assert_eq!(there.home.owner, Some(0));
        assert_eq!(there.home.sharers, 0b110);
        assert_eq!(there.nodes[0].forward.get(0).requester, 1);
        assert_eq!(there.nodes[0].forward.get(1).requester, HOME);
        let back = World::unpack(&there.pack()).renamed(&[2, 0, 1, 3, 4, HOME]);
        assert_eq!(back.pack(), world.pack());
        assert_ne!(there.pack(), world.pack());
    }
}
