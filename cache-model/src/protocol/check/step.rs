// SPDX-License-Identifier: MIT OR Apache-2.0
//! Execution of the actions of one cell on the explored machine.

use super::super::cache::{CacheAction, CacheEvent, CacheState};
use super::super::home::HomeAction;
use super::Fault;
use super::state::{DataToCache, DataToHome, Forward, ForwardKind, HOME, Request, With, World};

/// What is kept of data beside where they are.
#[derive(Clone, Copy)]
pub(super) struct Track {
    /// Whether they are the newest; if not, stores leave every bit set.
    pub(super) newest: bool,
    /// Whether memory still has to get them; if not, nothing is ever dirty.
    pub(super) dirty: bool,
}

/// What an event brings to a private cache.
#[derive(Clone, Copy)]
pub(super) struct ToCache {
    pub(super) event: CacheEvent,
    /// Whom to answer, if it is a forward.
    pub(super) requester: u8,
    /// Acknowledgements it announces.
    pub(super) acks: u8,
    /// The data it carries, if it does.
    pub(super) data: Option<DataToCache>,
}

impl ToCache {
    /// An event that carries nothing.
    pub(super) fn plain(event: CacheEvent) -> Self {
        Self { event, requester: HOME, acks: 0, data: None }
    }
}

/// What an event brings to the home.
#[derive(Clone, Copy)]
pub(super) struct ToHome {
    /// The cache that sent the request, if it is one.
    pub(super) sender: Option<usize>,
    /// The request, to put it back; its second part says whether its data are the newest.
    pub(super) request: Option<(Request, bool)>,
    /// The data it carries, if it does.
    pub(super) data: Option<DataToHome>,
}

impl<const N: usize> World<N> {
    /// Executes one action of cache `c`, which is in `state`.
    pub(super) fn cache_action(
        &mut self,
        c: usize,
        state: CacheState,
        action: CacheAction,
        message: ToCache,
        track: Track,
    ) -> Result<(), Fault> {
        use CacheAction as A;
        match action {
            A::Hit if matches!(message.event, CacheEvent::Store | CacheEvent::Atomic) => self.store(c, track),
            // Loads in IS_D and IS_DI are the only waiting accesses that do not write.
            A::Complete if !matches!(state, CacheState::IS_D | CacheState::IS_DI) => self.store(c, track),
            A::Hit | A::Complete | A::CompleteOnce | A::CompleteFar => Ok(()), // Whether it reads the newest is a property of states.
            A::Alloc => Ok(()), // That an entry is free or taken is a function of the state.
            A::SendGetS => self.request(c, Request::GetS),
            A::SendGetM => self.request(c, Request::GetM),
            A::SendAtomic => self.request(c, Request::Atomic),
            A::SendUpgrade => self.request(c, Request::Upgrade),
            A::SendUpgr => Err(Fault::Action("there is no bus to put an upgrade on")),
            A::SendPutS => self.request(c, Request::PutS),
            A::SendPutE => self.request(c, Request::PutE),
            A::SendPutM => self.request(c, Request::PutM),
            A::DataToReq => {
                let (newest, dirty) = self.copy_of(c, state, track)?;
                if message.requester == HOME {
                    self.data_to_home(DataToHome { newest, dirty })
                } else {
                    let data = DataToCache { with: With::Acks(message.acks), newest };
                    self.data_to_cache(message.requester as usize, data)
                }
            }
            A::DataForwardToReq => {
                let (newest, _) = self.copy_of(c, state, track)?;
                self.data_to_cache(message.requester as usize, DataToCache { with: With::Forward, newest })
            }
            A::DataToHome => {
                let (newest, dirty) = self.copy_of(c, state, track)?;
                self.data_to_home(DataToHome { newest, dirty })
            }
            A::AckToReq => {
                if message.requester == HOME {
                    self.home.acks += 1;
                } else {
                    self.nodes[message.requester as usize].acks += 1;
                }
                Ok(())
            }
            A::Fill => {
                let data = message.data.ok_or(Fault::Action("Fill without data"))?;
                self.nodes[c].copy = Some(data.newest);
                Ok(())
            }
            A::ExpectAcks => {
                self.nodes[c].missing += message.acks as i8;
                Ok(())
            }
            A::CountAck => {
                self.nodes[c].missing -= 1;
                Ok(())
            }
            A::DropCopy => {
                self.nodes[c].copy = None;
                Ok(())
            }
            A::Free => {
                self.nodes[c].missing = 0;
                Ok(())
            }
        }
    }

    /// Executes one action of the home; the slice's data can come and go by themselves with `two_arrays`.
    pub(super) fn home_action(
        &mut self,
        action: HomeAction,
        message: ToHome,
        two_arrays: bool,
        track: Track,
    ) -> Result<(), Fault> {
        use HomeAction as A;
        let sender = || message.sender.ok_or(Fault::Action("the event has no sender"));
        let owner = self.home.owner.ok_or(Fault::Action("there is no owner to forward to"));
        let sends = [A::DataExclusiveToReq, A::DataForwardToReq, A::DataToReq, A::DataWithAckCountToReq];
        if two_arrays && !self.home.slice_present && sends.contains(&action) {
            return Err(Fault::Action("data are sent that the slice does not have"));
        }
        if matches!(action, A::TakeData | A::FillSlice) {
            self.home.slice_present = two_arrays;
        }
        match action {
            A::DataExclusiveToReq => self.data_from_home(sender()?, With::Exclusive),
            A::DataForwardToReq => self.data_from_home(sender()?, With::Forward),
            A::DataToReq => self.data_from_home(sender()?, With::Acks(0)),
            A::DataWithAckCountToReq => self.data_from_home(sender()?, With::Acks(self.others(sender()?))),
            A::AddOwner => self.set_sharers(self.home.sharers | 1 << owner?),
            A::AddSharer => self.set_sharers(self.home.sharers | 1 << sender()?),
            A::DropSharer => self.set_sharers(self.home.sharers & !(1 << sender()?)),
            A::ClearSharers => self.set_sharers(0),
            A::SharersAreReqAndOwner => self.set_sharers(1 << sender()? | 1 << owner?),
            A::SetOwner => self.set_owner(Some(sender()? as u8)),
            A::ClearOwner => self.set_owner(None),
            A::InvOtherSharers => {
                let others = self.home.sharers & !(1 << sender()?);
                self.invalidate(others, sender()? as u8)
            }
            A::InvSharersAckHome => self.invalidate(self.home.sharers, HOME),
            A::ExpectSharerAcks => {
                self.home.missing = self.home.sharers.count_ones() as u8;
                Ok(())
            }
            A::CountAck => {
                let fewer = self.home.missing.checked_sub(1);
                self.home.missing = fewer.ok_or(Fault::Action("CountAck with none to come"))?;
                Ok(())
            }
            A::FwdGetSToOwner => self.forward(owner?, Forward::new(ForwardKind::GetS, sender()? as u8)),
            A::FwdGetMToOwner => {
                let acks = self.others(sender()?);
                self.forward(owner?, Forward { acks, ..Forward::new(ForwardKind::GetM, sender()? as u8) })
            }
            A::GrantToReq => {
                let acks = self.others(sender()?);
                let to = sender()? as u8;
                self.forward(to, Forward { acks, ..Forward::new(ForwardKind::Grant, HOME) })
            }
            A::FwdGetMToOwnerForHome => self.forward(owner?, Forward::new(ForwardKind::GetM, HOME)),
            A::PutAck => self.forward(sender()? as u8, Forward::new(ForwardKind::PutAck, HOME)),
            A::PerformAtomic => self.store_at_home(two_arrays, track),
            A::AtomicDataToReq => self.data_to_cache(sender()?, DataToCache { with: With::Value, newest: false }),
            A::Requeue => {
                self.nodes[sender()?].request = message.request;
                Ok(())
            }
            A::AwaitOwner | A::DropSlice => Err(Fault::Action("snooping homes only wait for owners and drop copies")),
            A::TakeData | A::FetchMemory | A::FillSlice | A::WriteBackIfDirty | A::FreeWay | A::DropData => {
                self.slice_action(action, message)
            }
        }
    }

    /// The actions that touch the slice's data or memory.
    fn slice_action(&mut self, action: HomeAction, message: ToHome) -> Result<(), Fault> {
        let home = &mut self.home;
        match action {
            HomeAction::TakeData => {
                let data = message.data.ok_or(Fault::Action("TakeData without data"))?;
                home.slice_newest = data.newest;
                home.slice_dirty |= data.dirty;
            }
            HomeAction::FetchMemory => match home.fetch.replace(home.memory_newest) {
                None => {}
                Some(_) => return Err(Fault::Action("a second fetch from memory at once")),
            },
            HomeAction::FillSlice => {
                home.slice_newest = message.data.ok_or(Fault::Action("fill without data"))?.newest;
                home.slice_dirty = false;
            }
            // Memory sees write-backs and fetches of one line in the order in which the home sends
            // them, so the write can be done at once.
            HomeAction::WriteBackIfDirty if home.slice_dirty => {
                home.memory_newest = home.slice_newest;
                home.slice_dirty = false;
            }
            HomeAction::FreeWay | HomeAction::DropData => {
                if home.slice_dirty {
                    return Err(Fault::Action("a dirty way is given up"));
                }
                (home.slice_newest, home.slice_present) = (false, false);
            }
            _ => {} // The caller passes the actions above only.
        }
        Ok(())
    }

    /// Cache `c` writes: every other copy, wherever it is, is now old.
    fn store(&mut self, c: usize, track: Track) -> Result<(), Fault> {
        match self.nodes[c].copy {
            None => return Err(Fault::Action("a store without a copy")),
            // It writes a part of the line only, and a locked operation reads first.
            Some(false) => return Err(Fault::Action("a store into an old copy")),
            Some(true) => {}
        }
        if track.newest {
            self.all_old();
            self.nodes[c].copy = Some(true);
        }
        Ok(())
    }

    /// The home writes a part of the line, having read it.
    fn store_at_home(&mut self, two_arrays: bool, track: Track) -> Result<(), Fault> {
        if !self.home.slice_newest || (two_arrays && !self.home.slice_present) {
            return Err(Fault::Action("an operation on old data"));
        }
        if track.newest {
            self.all_old();
            self.home.slice_newest = true;
        }
        self.home.slice_dirty = track.dirty;
        Ok(())
    }

    /// Every copy is older than a store that is being performed.
    fn all_old(&mut self) {
        for node in &mut self.nodes {
            node.copy = node.copy.map(|_| false);
            node.request = node.request.map(|(r, _)| (r, false));
            node.data = node.data.map(|d| DataToCache { newest: false, ..d });
        }
        let home = &mut self.home;
        home.slice_newest = false;
        home.memory_newest = false;
        home.data = home.data.map(|d| DataToHome { newest: false, ..d });
        home.fetch = home.fetch.map(|_| false);
    }

    /// The data of cache `c`: (newest, dirty).
    fn copy_of(&self, c: usize, state: CacheState, track: Track) -> Result<(bool, bool), Fault> {
        let newest = self.nodes[c].copy.ok_or(Fault::Action("data are sent without a copy"))?;
        Ok((newest, state.is_dirty() && track.dirty))
    }

    fn request(&mut self, c: usize, request: Request) -> Result<(), Fault> {
        let newest = request == Request::PutM && self.nodes[c].copy == Some(true);
        match self.nodes[c].request.replace((request, newest)) {
            None => Ok(()),
            Some(_) => Err(Fault::Action("a second request of one cache at once")),
        }
    }

    fn data_to_cache(&mut self, c: usize, data: DataToCache) -> Result<(), Fault> {
        match self.nodes[c].data.replace(data) {
            None => Ok(()),
            Some(_) => Err(Fault::Action("a second answer to one cache at once")),
        }
    }

    fn data_from_home(&mut self, c: usize, with: With) -> Result<(), Fault> {
        self.data_to_cache(c, DataToCache { with, newest: self.home.slice_newest })
    }

    fn data_to_home(&mut self, data: DataToHome) -> Result<(), Fault> {
        match self.home.data.replace(data) {
            None => Ok(()),
            Some(_) => Err(Fault::Action("a second answer to the home at once")),
        }
    }

    /// The number of sharers listed beside cache `c`.
    fn others(&self, c: usize) -> u8 {
        (self.home.sharers & !(1 << c)).count_ones() as u8
    }

    fn forward(&mut self, to: u8, message: Forward) -> Result<(), Fault> {
        let fifo = &mut self.nodes[to as usize].forward;
        let full = Fault::Action("the forward queue of a cache overflows");
        *fifo = fifo.pushed(message).ok_or(full)?;
        Ok(())
    }

    fn invalidate(&mut self, sharers: u8, requester: u8) -> Result<(), Fault> {
        (0..N as u8)
            .filter(|&c| sharers >> c & 1 == 1)
            .try_for_each(|c| self.forward(c, Forward::new(ForwardKind::Inv, requester)))
    }

    fn set_sharers(&mut self, sharers: u8) -> Result<(), Fault> {
        self.home.sharers = sharers;
        Ok(())
    }

    fn set_owner(&mut self, owner: Option<u8>) -> Result<(), Fault> {
        self.home.owner = owner;
        Ok(())
    }
}
