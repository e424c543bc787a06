// SPDX-License-Identifier: MIT OR Apache-2.0
//! The shared last level behind a snooping bus: a slice without a directory.
//!
//! Two things are kept apart. The *slice* holds copies of lines, as many as it has ways; it drops the
//! least valuable one when it needs the way, after writing it to memory if memory's is old, and asks nobody: it
//! includes nothing. The *records* say of each line whether the home answers for it or a cache does. They
//! belong to the lines in memory (an owner's number and two bits per line, as in the memories of early snooping
//! machines) and so outlive the copy in the slice. They cost no time of their own: a slice reads
//! record and copy together, and memory is asked only if the home has to answer. The alternative, to take a
//! line from its owner when the slice loses it, would make the slice inclusive of what caches own for no other reason.
//!
//! A request for which the home needs data that are in memory begins a read, and everything behind it for
//! the same line waits, as it does for an owner's data.

use std::collections::{BTreeMap, VecDeque};

use sim_core::ports::Cause;
use sim_core::recur::Walk;
use sim_core::time::Cycle;

use super::array::{SetArray, Slot};
use super::coherence::{Coherence, stream};
use super::fabric::Fabric;
use super::message::{LineData, Message, MessageKind, Numbering, Place};
use super::params::MemoryParams;
use super::private::ProtocolFault;
use crate::protocol::{CacheEvent, CacheState, Cell, HomeAction, HomeEvent, HomeState, Tables};

/// What a cache sees in a request on the bus, its own or another's.
///
/// # Panics
/// If it is no request that caches put on a bus, or another cache's eviction, which caches do not look at.
pub(super) fn event_on_bus(request: MessageKind, own: bool) -> CacheEvent {
    match (request, own) {
        (MessageKind::GetS, true) => CacheEvent::OwnGetS,
        (MessageKind::GetM, true) => CacheEvent::OwnGetM,
        (MessageKind::BusUpgr, true) => CacheEvent::OwnUpgr,
        (MessageKind::PutE | MessageKind::PutM, true) => CacheEvent::OwnPut,
        (MessageKind::GetS, false) => CacheEvent::OtherGetS,
        (MessageKind::GetM, false) => CacheEvent::OtherGetM,
        (MessageKind::BusUpgr, false) => CacheEvent::OtherUpgr,
        (other, _) => unreachable!("no cache looks at {}", other.name()),
    }
}

/// Name of the slice's random numbers.
const COPIES: &str = "llc replacement";

/// A line in the slice.
#[derive(Clone, Debug)]
struct Copy {
    data: LineData,
    /// Differs from memory.
    dirty: bool,
    /// The request for which it was fetched has been answered.
    used: bool,
}

/// What is known of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    state: HomeState,
    owner: Option<Place>,
    /// The former owner whose data are on their way.
    awaited: Option<Place>,
    /// A read of memory is under way for the first request in the queue.
    fetching: bool,
    /// Requests that wait, in the order of the bus.
    queue: VecDeque<Message>,
    /// Data of owners whose turn has not come here, in order of arrival.
    early: Vec<Message>,
}

/// What is known of a line nobody has asked for.
static UNTOUCHED: Record = Record {
    state: HomeState::I,
    owner: None,
    awaited: None,
    fetching: false,
    queue: VecDeque::new(),
    early: Vec::new(),
};

/// One slice.
#[derive(Clone, Debug)]
pub(super) struct SnoopHome {
    place: Place,
    params: MemoryParams,
    tables: &'static Tables,
    copies: SetArray<Copy>,
    /// Those that differ from [`UNTOUCHED`].
    records: BTreeMap<u64, Record>,
}

impl SnoopHome {
    pub(super) fn new(place: Place, params: MemoryParams, coherence: Coherence) -> SnoopHome {
        let random = coherence.stream(place, COPIES);
        SnoopHome {
            place,
            params,
            tables: coherence.tables,
            copies: SetArray::new(params.llc_sets, params.llc_ways, coherence.llc, random),
            records: BTreeMap::new(),
        }
    }

    /// As [`SnoopHome::new`] with this seed left it.
    pub(super) fn reset(&mut self, seed: u64) {
        let SnoopHome { place, params: _, tables: _, copies, records } = self;
        copies.reset(stream(seed, *place, COPIES));
        records.clear();
    }

    /// A walk over everything (see [`sim_core::recur`]); messages are numbered so.
    pub(super) fn walk(&mut self, w: &mut Walk, numbering: &Numbering) {
        let SnoopHome { place: _, params: _, tables: _, copies, records } = self;
        copies.walk(w, |Copy { data, dirty, used }, w| {
            w.values(data);
            w.flag(*dirty);
            w.flag(*used);
        });
        w.word(records.len() as u64);
        for (line, Record { state, owner, awaited, fetching, queue, early }) in records {
            w.word(*line);
            w.word(*state as u64);
            w.maybe(owner.map(|place| u64::from(place.0)));
            w.maybe(awaited.map(|place| u64::from(place.0)));
            w.flag(*fetching);
            w.each(queue, |m, w| m.walk(w, numbering, false));
            Message::walk_all(early, w, numbering);
        }
    }

    /// A message arrives: a request observed on the bus, an owner's data, or memory's.
    pub(super) fn deliver(&mut self, fabric: &mut Fabric, m: &Message, now: Cycle) -> Result<(), ProtocolFault> {
        let mut record = self.records.remove(&m.line).unwrap_or_else(|| UNTOUCHED.clone());
        match m.kind {
            MessageKind::MemData => {
                record.fetching = false;
                self.keep(fabric, m, false, now);
            }
            MessageKind::DataToHome => record.early.push(*m),
            _ => record.queue.push_back(*m),
        }
        let result = self.work_off(fabric, &mut record, now);
        if record != UNTOUCHED {
            self.records.insert(m.line, record);
        }
        result
    }

    /// Does what can be done of what has come for a line.
    fn work_off(&mut self, fabric: &mut Fabric, record: &mut Record, now: Cycle) -> Result<(), ProtocolFault> {
        loop {
            let data = record.early.iter().position(|d| Some(d.src) == record.awaited);
            let (m, event) = match (data, record.queue.front()) {
                (Some(i), _) => (record.early.remove(i), HomeEvent::Data),
                (None, Some(_)) if record.fetching => return Ok(()),
                (None, Some(m)) => (*m, self.event_of(m, record, now)?),
                (None, None) => return Ok(()),
            };
            match self.tables.home_cell(record.state, event) {
                Cell::Stall => return Ok(()),
                Cell::Impossible(why) => return Err(self.fault(&m, now, record.state, event.name(), why)),
                Cell::Go(actions, next) => {
                    let answers = |a: &HomeAction| matches!(a, HomeAction::DataToReq | HomeAction::DataExclusiveToReq);
                    if actions.iter().any(answers) && self.copies.find(m.line).is_none() {
                        record.fetching = true;
                        self.send_to_memory(fabric, MessageKind::MemRead, m.line, [0; 8], m.cause, now);
                        return Ok(());
                    }
                    if event != HomeEvent::Data {
                        record.queue.pop_front();
                    }
                    for action in actions {
                        self.act(fabric, &m, record, *action, now);
                    }
                    record.state = next;
                }
            }
        }
    }

    fn event_of(&self, m: &Message, record: &Record, now: Cycle) -> Result<HomeEvent, ProtocolFault> {
        let from_owner = record.owner == Some(m.src);
        match m.kind {
            MessageKind::GetS => Ok(HomeEvent::GetS),
            MessageKind::GetM => Ok(HomeEvent::GetM),
            MessageKind::BusUpgr => Ok(HomeEvent::Upgr),
            MessageKind::PutM => Ok(HomeEvent::of_put_m(from_owner, false)),
            MessageKind::PutE => Ok(HomeEvent::of_put_e(from_owner, false)),
            other => Err(self.fault(m, now, record.state, other.name(), "homes on a bus receive no such message")),
        }
    }

    fn fault(&self, m: &Message, now: Cycle, state: HomeState, event: &str, why: &str) -> ProtocolFault {
        ProtocolFault::at(("home", self.place), m, now, (state.name(), event), why)
    }

    fn act(&mut self, fabric: &mut Fabric, m: &Message, record: &mut Record, action: HomeAction, now: Cycle) {
        use HomeAction::*;
        match action {
            DataToReq => self.answer(fabric, MessageKind::Data, m, now),
            DataExclusiveToReq => self.answer(fabric, MessageKind::DataExclusive, m, now),
            SetOwner => record.owner = Some(m.src),
            ClearOwner => record.owner = None,
            AwaitOwner => record.awaited = record.owner.take(),
            DropSlice => {
                if let Some(slot) = self.copies.find(m.line) {
                    self.copies.remove(slot);
                }
            }
            TakeData => {
                record.awaited = None;
                self.keep(fabric, m, m.dirty, now);
            }
            other => unreachable!("{other} is for directories"),
        }
    }

    fn answer(&mut self, fabric: &mut Fabric, kind: MessageKind, m: &Message, now: Cycle) {
        let slot = self.copies.find(m.line).expect("what the home has to answer with is fetched before");
        self.touch(slot);
        let data = self.copies.get(slot).data;
        let answer = Message {
            kind,
            src: self.place,
            dst: m.src,
            requester: m.src,
            acks: 0,
            dirty: false,
            data,
            number: 0,
            ..*m
        };
        fabric.send(answer, now.after(self.params.llc_data), now);
    }

    fn touch(&mut self, slot: Slot) {
        if std::mem::replace(&mut self.copies.get_mut(slot).used, true) {
            self.copies.touch(slot);
        } else {
            self.copies.touch_first(slot);
        }
    }

    /// Puts a line into the slice; what is there for lack of room goes, to memory if it is newer.
    fn keep(&mut self, fabric: &mut Fabric, m: &Message, dirty: bool, now: Cycle) {
        if let Some(slot) = self.copies.find(m.line) {
            let copy = self.copies.get_mut(slot);
            copy.data = m.data;
            copy.dirty |= dirty;
            self.touch(slot);
            return;
        }
        if !self.copies.has_room(m.line) {
            let (line, slot) = self.copies.victim(m.line, |_, _| true).expect("a full set has a victim");
            self.copies.evicted(slot);
            let victim = self.copies.remove(slot);
            if victim.dirty {
                self.send_to_memory(fabric, MessageKind::MemWrite, line, victim.data, m.cause, now);
            }
        }
        self.copies.insert(m.line, Copy { data: m.data, dirty, used: false });
    }

    fn send_to_memory(
        &mut self,
        fabric: &mut Fabric,
        kind: MessageKind,
        line: u64,
        data: LineData,
        cause: Cause,
        now: Cycle,
    ) {
        let (src, dst) = (self.place, fabric.memory_of(line));
        let m = Message { kind, src, dst, requester: src, acks: 0, dirty: false, line, data, cause, number: 0 };
        fabric.send_to_memory(m, now.after(self.params.llc_tag), now);
    }

    /// The slice's copy of a line.
    pub(super) fn copy(&self, line: u64) -> Option<&LineData> {
        self.copies.find(line).map(|slot| &self.copies.get(slot).data)
    }

    /// Lines in the slice or on record.
    pub(super) fn lines(&self) -> impl Iterator<Item = u64> {
        self.copies.iter().map(|(line, _)| line).chain(self.records.keys().copied())
    }

    /// What the home remembers of a line: its state, and the owner.
    pub(super) fn knows(&self, line: u64) -> (HomeState, Option<Place>) {
        let record = self.records.get(&line).unwrap_or(&UNTOUCHED);
        (record.state, record.owner)
    }

    /// Messages about a line that wait here: requests in the order of the bus, then early data.
    pub(super) fn waiting(&self, line: u64) -> impl Iterator<Item = &Message> {
        let record = self.records.get(&line).unwrap_or(&UNTOUCHED);
        record.queue.iter().chain(&record.early)
    }

    /// True if nothing waits here.
    pub(super) fn is_idle(&self) -> bool {
        self.records.values().all(|r| r.queue.is_empty() && r.early.is_empty() && r.awaited.is_none())
    }

    /// Checks a line of a quiescent machine, of which `copies` are in private caches.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn check(
        &self,
        line: u64,
        copies: &[(usize, CacheState, &LineData)],
        memory: &LineData,
    ) -> Result<(), String> {
        let at = line * 64;
        let record = self.records.get(&line).unwrap_or(&UNTOUCHED);
        let owner = copies.iter().find(|c| c.1.answers()).map(|c| Place(c.0 as u16));
        if owner != record.owner {
            return Err(format!("line {at:#x}: the home takes {:?} for the owner, which is {owner:?}", record.owner));
        }
        if record.state == HomeState::I && !copies.is_empty() {
            return Err(format!("line {at:#x} is cached, of which its home does not know"));
        }
        let newest = self.copy(line).unwrap_or(memory);
        match copies.iter().find(|c| owner.is_none() && c.2 != newest) {
            Some((core, state, _)) => {
                Err(format!("line {at:#x}: core {core}'s copy in {state} differs from the newest"))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timing::network::Builder;
    use crate::timing::{LineKinds, Numa, WireParams};
    use sim_core::asm::{Options, assemble};
    use sim_core::program::Source;

    /// A slice of one set of two ways, beside three cores and memory on a bus.
    fn home() -> (SnoopHome, Fabric) {
        let one = 1;
        let params = MemoryParams {
            cores: 3,
            l1_sets: one,
            l1_ways: 1,
            l1_hit: one,
            l2_sets: one,
            l2_ways: 1,
            l2_hit: one,
            llc_sets: one,
            llc_ways: 2,
            llc_tag: one,
            llc_data: 2,
            snoop: one,
            locked_rmw: one,
            memory: one,
            memory_interval: 0,
            control_bytes: 8,
            data_bytes: 72,
        };
        let mut b = Builder::default();
        let stops: Vec<usize> = (0..5).map(|_| b.stop()).collect();
        b.bus(&stops, &WireParams::new(1, 8));
        stops[..3].iter().for_each(|&s| b.core(s));
        b.slice(stops[3]);
        b.memory(stops[4]);
        let source = Source { name: "empty".into(), text: "proc main() {\n  ret\n}\n".into() };
        let program = assemble(&[source], &Options::default()).expect("an empty procedure assembles");
        let topology = b.build().expect("a bus joins all").into();
        let fabric = Fabric::new(params, topology, Numa::Hashed, LineKinds::of(&program)).snooping();
        let tables = Tables::by_name("snoop-mesi").expect("it is listed");
        (SnoopHome::new(Place(3), params, Coherence::of(tables)), fabric)
    }

    fn message(kind: MessageKind, src: u16, value: u64) -> Message {
        let (src, dst) = (Place(src), Place(3));
        let (data, cause) = ([value; 8], Cause::default());
        Message { kind, src, dst, requester: src, acks: 0, dirty: true, line: 7, data, cause, number: 0 }
    }

    /// Cache 1 has read from cache 0 and upgraded, and cache 2 has read from cache 1, before the home has the
    /// data of cache 0.
    #[test]
    fn data_that_come_before_those_of_an_earlier_owner_wait_for_their_turn() {
        use MessageKind::{BusUpgr, DataToHome, GetM, GetS, MemData};
        let (mut home, mut fabric) = home();
        let mut now = Cycle(10);
        let arrivals =
            [(GetM, 0, 0), (MemData, 4, 5), (GetS, 1, 0), (BusUpgr, 1, 0), (GetS, 2, 0), (DataToHome, 1, 42)];
        for (kind, src, value) in arrivals {
            home.deliver(&mut fabric, &message(kind, src, value), now).expect("possible");
            now = now.after(1);
        }
        let state = |home: &SnoopHome| home.records[&7].state;
        assert_eq!((state(&home), home.is_idle(), home.copy(7)), (HomeState::S_D, false, None));
        home.deliver(&mut fabric, &message(DataToHome, 0, 41), now).expect("possible");
        assert_eq!((state(&home), home.is_idle(), home.copy(7)), (HomeState::S, true, Some(&[42; 8])));
    }

    /// The third line of a set pushes the first out, which is newer than memory's and goes there; that
    /// a cache owns one of them makes no difference.
    #[test]
    fn a_slice_drops_lines_without_asking() {
        use MessageKind::{DataToHome, GetM, GetS, MemData, MemWrite};
        let (mut home, mut fabric) = home();
        let on = |line: u64, m: Message| Message { line, ..m };
        let mut deliver = |m: Message| home.deliver(&mut fabric, &m, Cycle(10)).expect("possible");
        deliver(message(GetM, 0, 0));
        deliver(message(MemData, 4, 5));
        deliver(message(GetS, 1, 0));
        deliver(message(DataToHome, 0, 41));
        for line in [8, 9] {
            deliver(on(line, message(GetS, 2, 0)));
            deliver(on(line, message(MemData, 4, 6)));
        }
        assert_eq!((home.copy(7), home.copy(8), home.copy(9)), (None, Some(&[6; 8]), Some(&[6; 8])));
        assert_eq!((home.records[&7].state, home.records[&8].state), (HomeState::S, HomeState::E));
        assert_eq!(fabric.traffic.by_class[MemWrite as usize].messages, 1);
    }
}
