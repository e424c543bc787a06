// SPDX-License-Identifier: MIT OR Apache-2.0
//! The data of a slice: beside the directory's entries, or in an array of their own.

use sim_core::ports::Cause;
use sim_core::time::Cycle;

use super::{Home, Message, MessageKind, ProtocolFault, Slot};
use crate::protocol::{Cell, HomeAction, HomeEvent, HomeState};
use crate::timing::fabric::Fabric;
use crate::timing::message::{LineData, perform};

/// A line's data in an array of its own.
#[derive(Clone, Debug)]
pub(super) struct Datum {
    pub(super) data: LineData,
    /// Differs from memory.
    pub(super) dirty: bool,
    /// They have been used since they came.
    pub(super) used: bool,
}

impl Home {
    /// State of a line: one without an entry is in `I` if the slice has its data.
    pub(in crate::timing) fn state_of(&self, line: u64) -> HomeState {
        self.state_at(self.lines.find(line), line)
    }

    /// As [`Home::state_of`], of a line whose entry is in `slot` if it has one.
    #[inline]
    pub(super) fn state_at(&self, slot: Option<Slot>, line: u64) -> HomeState {
        match slot {
            Some(slot) => match self.lines.get(slot).state {
                HomeState::I if !self.has_data(line) => HomeState::NP,
                state => state,
            },
            None if self.ways.as_ref().is_some_and(|w| w.find(line).is_some()) => HomeState::I,
            None => HomeState::NP,
        }
    }

    /// The slice has data of the line; always so of a line with an entry, if both are in one array.
    pub(super) fn has_data(&self, line: u64) -> bool {
        self.ways.as_ref().is_none_or(|w| w.find(line).is_some())
    }

    /// The slice's data of a line, and whether they differ from memory.
    pub(super) fn data(&self, line: u64) -> Option<(&LineData, bool)> {
        self.data_at(self.lines.find(line), line)
    }

    /// As [`Home::data`], of a line whose entry is in `slot` if it has one.
    #[inline]
    pub(super) fn data_at(&self, slot: Option<Slot>, line: u64) -> Option<(&LineData, bool)> {
        match &self.ways {
            Some(ways) => ways.find(line).map(|s| ways.get(s)).map(|d| (&d.data, d.dirty)),
            None => slot.map(|s| self.lines.get(s)).map(|l| (&l.data, l.dirty)),
        }
    }

    /// Notes that a request has used the data; the one they came for is not a second use.
    pub(super) fn touch_data(&mut self, line: u64) {
        let Some(ways) = &mut self.ways else { return };
        let Some(slot) = ways.find(line) else { return };
        if std::mem::replace(&mut ways.get_mut(slot).used, true) {
            ways.touch(slot);
        } else {
            ways.touch_first(slot);
        }
    }

    /// Puts data into the slice, evicting others if they are in an array of their own that is full there.
    pub(super) fn put_data(
        &mut self,
        fabric: &mut Fabric,
        m: &Message,
        dirty: bool,
        now: Cycle,
    ) -> Result<(), ProtocolFault> {
        if self.ways.is_some() {
            self.make_way(fabric, m, now)?;
        }
        let Some(ways) = &mut self.ways else {
            let slot = self.lines.find(m.line).expect("data come for a present line");
            let line = self.lines.get_mut(slot);
            (line.data, line.dirty) = (m.data, dirty);
            return Ok(());
        };
        match ways.find(m.line) {
            Some(slot) => {
                let datum = ways.get_mut(slot);
                (datum.data, datum.dirty) = (m.data, dirty);
            }
            None => {
                ways.insert(m.line, Datum { data: m.data, dirty, used: false });
            }
        }
        Ok(())
    }

    /// Executes the operation that `m` brings on the slice's data; gives the content of the answer.
    pub(super) fn perform(&mut self, m: &Message) -> LineData {
        self.touch_data(m.line);
        let (data, dirty) = match &mut self.ways {
            Some(ways) => {
                let slot = ways.find(m.line).expect("operations are executed on data that there are");
                let datum = ways.get_mut(slot);
                (&mut datum.data, &mut datum.dirty)
            }
            None => {
                let slot = self.lines.find(m.line).expect("operations are executed on a present line");
                let line = self.lines.get_mut(slot);
                (&mut line.data, &mut line.dirty)
            }
        };
        *dirty = true;
        perform(&m.data, data)
    }

    /// Makes room for the line's data: the table says what happens to those that go.
    fn make_way(&mut self, fabric: &mut Fabric, m: &Message, now: Cycle) -> Result<(), ProtocolFault> {
        let ways = self.ways.as_mut().expect("the data have an array of their own");
        if ways.find(m.line).is_some() || ways.has_room(m.line) {
            return Ok(());
        }
        let (victim, slot) = ways.victim(m.line, |_, _| true).expect("a full set has a victim");
        ways.evicted(slot);
        let state = self.state_of(victim);
        match self.tables.home_cell(state, HomeEvent::EvictData) {
            Cell::Go(actions, _) => {
                for action in actions {
                    match action {
                        HomeAction::WriteBackIfDirty => self.write_back(fabric, victim, m.cause, now),
                        HomeAction::DropData => {
                            self.ways.as_mut().expect("as above").remove(slot);
                        }
                        other => unreachable!("{other:?} is not about the data"),
                    }
                }
                Ok(())
            }
            Cell::Stall => unreachable!("the way of any data can be had at once"),
            Cell::Impossible(why) => {
                let wish = Message { line: victim, ..*m };
                Err(self.fault(&wish, now, state, HomeEvent::EvictData.name(), why))
            }
        }
    }

    /// Writes the line's data to memory if they differ.
    pub(super) fn write_back(&mut self, fabric: &mut Fabric, line: u64, cause: Cause, now: Cycle) {
        let Some((&data, dirty)) = self.data(line) else { return };
        if dirty {
            self.send_to_memory(fabric, MessageKind::MemWrite, line, data, cause, now);
        }
    }
}
