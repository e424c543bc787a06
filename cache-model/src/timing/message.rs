// SPDX-License-Identifier: MIT OR Apache-2.0
//! What travels between caches, home slices and memory.

use sim_core::isa::{RmwFn, Width};
use sim_core::ports::Cause;
use sim_core::recur::{Recur, Walk};

pub use sim_core::ports::LineData;

/// An agent that sends and receives: caches first, then home slices, then memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(pub u16);

/// Kinds of message; also the classes traffic is counted by.
#[allow(missing_docs)] // Published names; the protocol tables say what each is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum MessageKind {
    GetS,
    GetM,
    PutS,
    PutE,
    PutM,
    FwdGetS,
    FwdGetM,
    Inv,
    PutAck,
    /// Data with permission to write, nobody else having a copy.
    DataExclusive,
    /// Data, with a number of acknowledgements to expect.
    Data,
    /// An owner's data on their way to the home.
    DataToHome,
    InvAck,
    MemRead,
    MemWrite,
    MemData,
    /// Data that make the receiver answer the next reader.
    DataForward,
    /// Permission to write without data, with a number of acknowledgements to expect.
    Grant,
    /// A sharer's request for the permission to write, without data.
    Upgrade,
    /// An operation for the home to execute.
    Atomic,
    /// The old value of an operation that the home has executed.
    AtomicData,
    /// A request on a bus for the permission to write a copy.
    BusUpgr,
}

/// Virtual networks: messages of one never wait for another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Network {
    /// Requests to homes and from homes to memory.
    Request = 0,
    /// Homes to caches, first in first out per pair.
    Forward = 1,
    /// Data and acknowledgements.
    Response = 2,
}

impl MessageKind {
    /// Number of kinds.
    pub const COUNT: usize = 22;
    /// Every kind, in order.
    pub const ALL: [MessageKind; Self::COUNT] = {
        use MessageKind::*;
        [
            GetS,
            GetM,
            PutS,
            PutE,
            PutM,
            FwdGetS,
            FwdGetM,
            Inv,
            PutAck,
            DataExclusive,
            Data,
            DataToHome,
            InvAck,
            MemRead,
            MemWrite,
            MemData,
            DataForward,
            Grant,
            Upgrade,
            Atomic,
            AtomicData,
            BusUpgr,
        ]
    };

    /// Name in records and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        use MessageKind::*;
        match self {
            GetS => "GetS",
            GetM => "GetM",
            PutS => "PutS",
            PutE => "PutE",
            PutM => "PutM",
            FwdGetS => "Fwd-GetS",
            FwdGetM => "Fwd-GetM",
            Inv => "Inv",
            PutAck => "Put-Ack",
            DataExclusive => "Data-Exclusive",
            Data => "Data",
            DataToHome => "Data-to-home",
            InvAck => "Inv-Ack",
            MemRead => "Mem-Read",
            MemWrite => "Mem-Write",
            MemData => "Mem-Data",
            DataForward => "Data-Forward",
            Grant => "Grant",
            Upgrade => "Upgrade",
            Atomic => "Atomic",
            AtomicData => "Atomic-Data",
            BusUpgr => "BusUpgr",
        }
    }

    /// Homes and caches of every protocol send it; the others belong to some protocols only.
    #[must_use]
    pub const fn is_common(self) -> bool {
        (self as usize) < MessageKind::DataForward as usize
    }

    /// The network it travels on.
    #[must_use]
    pub const fn network(self) -> Network {
        use MessageKind::*;
        match self {
            GetS | GetM | BusUpgr | Upgrade | Atomic | PutS | PutE | PutM | MemRead | MemWrite => Network::Request,
            FwdGetS | FwdGetM | Inv | PutAck | Grant => Network::Forward,
            DataExclusive | Data | DataForward | DataToHome | InvAck | MemData | AtomicData => Network::Response,
        }
    }

    /// Bytes that it carries beside what every message has, if it carries no line: an operand or a value.
    #[must_use]
    pub const fn word_bytes(self) -> u64 {
        if matches!(self, MessageKind::Atomic | MessageKind::AtomicData) { 8 } else { 0 }
    }

    /// True if it carries a line.
    #[must_use]
    pub const fn has_data(self) -> bool {
        use MessageKind::*;
        match self {
            PutM | DataExclusive | Data | DataForward | DataToHome | MemWrite | MemData => true,
            GetS | GetM | BusUpgr | Upgrade | PutS | PutE | FwdGetS | FwdGetM | Inv | PutAck | Grant | InvAck
            | MemRead | Atomic | AtomicData => false,
        }
    }
}

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub kind: MessageKind,
    /// Sender.
    pub src: Place,
    /// Receiver.
    pub dst: Place,
    /// On whose behalf: forwards and invalidations are answered to it.
    pub requester: Place,
    /// Acknowledgements announced with `Data` or a `Grant`, or by a `Fwd-GetM` for the data that answer it.
    pub acks: u16,
    /// True if the carried line may differ from the home's.
    pub dirty: bool,
    /// Line number (address / 64).
    pub line: u64,
    /// The line, if the kind has one.
    pub data: LineData,
    /// The micro-op it all began with.
    pub cause: Cause,
    /// Which message of its sender it is, or of a snooping bus; set when it is sent or has its turn on
    /// the bus, and decides ties.
    pub number: u32,
}

/// How messages are numbered, for walks over those that are kept somewhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbering {
    /// Caches, which are the first places. A place's counter is named by its number.
    pub(super) caches: u16,
    /// The counter of broadcasts, if requests of caches are broadcast.
    pub(super) bus: Option<usize>,
}

/// Greatest number that a sender gives.
pub(super) const NUMBER_MASK: u32 = 0xff_ffff;

impl Message {
    /// A walk over a message; one on a bus that has not had its turn is `waiting`, and numbered by its sender yet.
    pub(super) fn walk(&mut self, w: &mut Walk, numbering: &Numbering, waiting: bool) {
        let Message { kind, src, dst, requester, acks, dirty, line, data, cause, number } = self;
        w.word(*kind as u64 | u64::from(src.0) << 16 | u64::from(dst.0) << 32 | u64::from(requester.0) << 48);
        w.word(u64::from(*acks) | u64::from(*dirty) << 16);
        w.word(*line);
        w.values(data);
        cause.walk(w);
        match numbering.bus.filter(|_| !waiting && kind.network() == Network::Request && src.0 < numbering.caches) {
            Some(bus) => w.number(number, bus, u32::MAX),
            None => w.number(number, usize::from(src.0), NUMBER_MASK),
        }
    }

    /// A walk over messages that have arrived.
    pub(super) fn walk_all(messages: &mut Vec<Message>, w: &mut Walk, numbering: &Numbering) {
        w.each(messages, |m, w| m.walk(w, numbering, false));
    }
}

/// Reads `width` bytes at a byte address from its line.
#[must_use]
#[inline]
pub(super) fn read(data: &LineData, addr: u64, width: Width) -> u64 {
    let word = data[((addr >> 3) & 7) as usize];
    (word >> (8 * (addr & 7))) & width.mask()
}

/// Writes `width` bytes at a byte address into its line.
#[inline]
pub(super) fn write(data: &mut LineData, addr: u64, width: Width, value: u64) {
    let word = &mut data[((addr >> 3) & 7) as usize];
    let shift = 8 * (addr & 7);
    *word = (*word & !(width.mask() << shift)) | ((value & width.mask()) << shift);
}

/// An operation as the content of a message: which, its operand, where, and how wide.
pub(super) fn operation(f: RmwFn, operand: u64, addr: u64, width: Width) -> LineData {
    let position = OPERATIONS.iter().position(|o| *o == f).expect("the home does not compare");
    [position as u64, operand, addr, width.bytes(), 0, 0, 0, 0]
}

/// Executes an operation that a message brings on the line; gives the content of the answer.
pub(super) fn perform(message: &LineData, line: &mut LineData) -> LineData {
    let [position, operand, addr, bytes, ..] = *message;
    let width = [Width::U8, Width::U16, Width::U32, Width::U64].into_iter().find(|w| w.bytes() == bytes);
    let width = width.expect("made by `operation`");
    let result = OPERATIONS[position as usize].apply(width, read(line, addr, width), operand, 0);
    if let Some(value) = result.written {
        write(line, addr, width, value);
    }
    [result.returned, u64::from(result.written.is_some()), 0, 0, 0, 0, 0, 0]
}

/// What a home can execute; each has one operand at most.
const OPERATIONS: [RmwFn; 5] = [RmwFn::Xchg, RmwFn::FetchAdd, RmwFn::FetchOr, RmwFn::FetchAnd, RmwFn::TestSetBit];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_writes_leave_their_neighbours_alone() {
        let mut d = [u64::MAX; 8];
        write(&mut d, 0x1009, Width::U8, 0x12);
        write(&mut d, 0x100c, Width::U32, 0);
        assert_eq!(d[1], 0x0000_0000_ffff_12ff);
        assert_eq!(read(&d, 0x1008, Width::U16), 0x12ff);
        assert_eq!(read(&d, 0x1009, Width::U8), 0x12);
        assert_eq!(d[0], u64::MAX);
    }

    #[test]
    fn an_operation_arrives_as_it_was_sent() {
        let mut line = [7, 0xffff_ffff_0000_0009, 0, 0, 0, 0, 0, 0];
        let add = operation(RmwFn::FetchAdd, 5, 0x100c, Width::U32);
        assert_eq!(perform(&add, &mut line)[..2], [0xffff_ffff, 1]);
        assert_eq!(line[..2], [7, 0x0000_0004_0000_0009]);
        let swap = operation(RmwFn::Xchg, 0x1ff, 0x1008, Width::U8);
        assert_eq!(perform(&swap, &mut line)[..2], [9, 1]);
        assert_eq!(line[1], 0x0000_0004_0000_00ff);
    }

    #[test]
    fn names_are_distinct_and_numbered_in_order() {
        for (i, k) in MessageKind::ALL.into_iter().enumerate() {
            assert_eq!(k as usize, i);
            assert!(MessageKind::ALL.iter().skip(i + 1).all(|o| o.name() != k.name()));
        }
    }
}
