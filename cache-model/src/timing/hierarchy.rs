// SPDX-License-Identifier: MIT OR Apache-2.0
//! The whole memory system: private caches, home slices and memory behind one port.

use std::collections::BTreeMap;
use std::sync::Arc;

use sim_core::isa::Width;
use sim_core::ports::{Access, MemoryPort, Port, Request};
use sim_core::program::LINE_BYTES;
use sim_core::recur::{Recur, Walk};
use sim_core::time::{Cycle, Key};

use super::attribution::Attribution;
use super::coherence::Coherence;
use super::fabric::Fabric;
use super::history::{Agents, History, LineState};
use super::home::Home;
use super::memory::Controller;
use super::message::{LineData, Message, MessageKind, Place, read, write};
use super::network::{LinkUse, Topology, Waits};
use super::params::MemoryParams;
use super::private::{HitCounts, Notice, PrivateCache, ProtocolFault};
use super::snoop::SnoopHome;
use super::traffic::{LineKinds, Traffic};
use crate::protocol::CacheState;

/// No upgrade has had its turn on the bus.
const NO_UPGRADE: (u32, MessageKind) = (0, MessageKind::BusUpgr);

/// The memory system of a machine.
#[derive(Clone, Debug)]
pub struct MemorySystem {
    params: MemoryParams,
    fabric: Fabric,
    caches: Vec<PrivateCache>,
    /// With a directory; empty if the protocol snoops.
    homes: Vec<Home>,
    /// `[slice]` if the protocol snoops; else empty.
    snoop_homes: Vec<SnoopHome>,
    /// The last upgrade that had its turn on the bus, by its number there, and what it counts as.
    upgrade: (u32, MessageKind),
    controllers: Vec<Controller>,
    /// Lines that were ever written back; all others are zero.
    memory: BTreeMap<u64, LineData>,
    /// What happened to every line, if that is kept.
    history: Option<Box<History>>,
}

/// What delivering a message did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// When.
    pub at: Cycle,
    /// The core whose private cache received it, if it was one.
    pub core: Option<usize>,
}

impl Recur for MemorySystem {
    fn walk(&mut self, w: &mut Walk) {
        let MemorySystem { params: _, fabric, caches, homes, snoop_homes, upgrade, controllers, memory, history } =
            self;
        fabric.walk(w);
        let numbering = fabric.numbering();
        caches.iter_mut().for_each(|c| c.walk(w, &numbering));
        homes.iter_mut().for_each(|h| h.walk(w, &numbering));
        snoop_homes.iter_mut().for_each(|h| h.walk(w, &numbering));
        let (number, kind) = upgrade;
        w.word(*kind as u64);
        match numbering.bus {
            Some(bus) if *number > 0 => w.number(number, bus, u32::MAX),
            // None so far: less than every number.
            _ => w.word(0),
        }
        controllers.iter_mut().for_each(|c| c.walk(w));
        w.word(memory.len() as u64);
        for (line, data) in memory {
            w.word(*line);
            w.values(data);
        }
        if history.is_some() {
            w.refuse();
        }
    }
}

impl MemorySystem {
    /// A memory system with empty caches and zeroed memory, under the default rules.
    ///
    /// # Panics
    /// As [`MemorySystem::with`].
    #[must_use]
    pub fn new(params: MemoryParams, topology: Arc<Topology>, kinds: LineKinds) -> MemorySystem {
        MemorySystem::with(params, topology, Coherence::default(), kinds)
    }

    /// A memory system with empty caches and zeroed memory.
    ///
    /// # Panics
    /// If the network has a place for another number of cores than there are, or if the protocol snoops and
    /// the network is not one bus.
    #[must_use]
    pub fn with(params: MemoryParams, topology: Arc<Topology>, coherence: Coherence, kinds: LineKinds) -> MemorySystem {
        let n = params.cores;
        let (slices, memories) = (n..n + topology.slices(), topology.memories());
        let snooping = coherence.tables.snooping;
        let fabric = Fabric::new(params, topology, coherence.numa, kinds);
        MemorySystem {
            params,
            fabric: if snooping { fabric.snooping() } else { fabric },
            caches: (0..n).map(|i| PrivateCache::new(Place(i as u16), params, coherence)).collect(),
            homes: slices
                .clone()
                .filter(|_| !snooping)
                .map(|i| Home::new(Place(i as u16), params, coherence))
                .collect(),
            snoop_homes: slices
                .filter(|_| snooping)
                .map(|i| SnoopHome::new(Place(i as u16), params, coherence))
                .collect(),
            upgrade: NO_UPGRADE,
            controllers: vec![Controller::default(); memories],
            memory: BTreeMap::new(),
            history: None,
        }
    }

    /// As [`MemorySystem::with`] left it, had its rules had this seed: empty caches, zeroed memory, nothing
    /// counted, no history, no attribution. What was allocated stays, so this takes far less time.
    pub fn reset(&mut self, seed: u64) {
        let MemorySystem { params: _, fabric, caches, homes, snoop_homes, upgrade, controllers, memory, history } =
            self;
        fabric.reset();
        caches.iter_mut().for_each(|c| c.reset(seed));
        homes.iter_mut().for_each(|h| h.reset(seed));
        snoop_homes.iter_mut().for_each(|h| h.reset(seed));
        *upgrade = NO_UPGRADE;
        controllers.fill(Controller::default());
        memory.clear();
        *history = None;
    }

    /// The core whose private cache receives the next message; `None` if it goes elsewhere, or is a
    /// broadcast with which the cache has nothing to do.
    #[must_use]
    pub fn next_core(&self) -> Option<usize> {
        let m = self.fabric.next_message()?;
        let place = m.dst.0 as usize;
        (place < self.caches.len() && !self.caches[place].ignores(m)).then_some(place)
    }

    /// The next message to be delivered; `None` if the next event is not a delivery.
    #[must_use]
    pub fn next_message(&self) -> Option<&Message> {
        self.fabric.next_message()
    }

    /// Performs the next event: delivers a message, or moves one on its way. What a core has to be
    /// told is appended to `notices`.
    ///
    /// # Errors
    /// A transition that the protocol table calls impossible: a fault of the model.
    pub fn deliver_next(&mut self, notices: &mut Vec<Notice>) -> Result<Option<Delivered>, ProtocolFault> {
        let Some((at, slot)) = self.fabric.pop() else { return Ok(None) };
        let Some(slot) = slot else { return Ok(Some(Delivered { at, core: None })) };
        let mut m = self.fabric.take(slot);
        let (dst, n) = (m.dst.0 as usize, self.caches.len());
        if m.kind == MessageKind::BusUpgr {
            m.kind = self.judge_upgrade(&m);
        }
        if dst < n && self.caches[dst].ignores(&m) {
            return Ok(Some(Delivered { at, core: None }));
        }
        let before = self.history.is_some().then(|| self.agents().state(m.dst, m.line));
        let result = if dst < n {
            self.caches[dst].deliver(&mut self.fabric, &m, at, notices)
        } else if dst < n + self.homes.len() {
            self.homes[dst - n].deliver(&mut self.fabric, &m, at)
        } else if dst < n + self.snoop_homes.len() {
            self.snoop_homes[dst - n].deliver(&mut self.fabric, &m, at)
        } else {
            self.memory_receives(&m, at);
            Ok(())
        };
        if let Some(before) = before {
            self.note_arrival(&m, at, before);
        }
        result?;
        Ok(Some(Delivered { at, core: (dst < n).then_some(dst) }))
    }

    fn agents(&self) -> Agents<'_> {
        Agents { caches: &self.caches, homes: &self.homes, snoop_homes: &self.snoop_homes, fabric: &self.fabric }
    }

    fn note_arrival(&mut self, m: &Message, at: Cycle, before: LineState) {
        let (after, waits) = (self.agents().state(m.dst, m.line), self.agents().waits(m));
        if let Some(h) = &mut self.history {
            h.arrival(m, at, [before, after], waits);
        }
    }

    /// Keeps the last `events` accesses and arrivals of every line from now on, for
    /// [`MemorySystem::explain`].
    pub fn keep_history(&mut self, events: usize) {
        self.history = Some(Box::new(History::new(events)));
    }

    /// What is known of a line, by its number, for people: states of all agents, what they keep for
    /// later, messages under way, and the history if it is kept.
    #[must_use]
    pub fn explain(&self, line: u64) -> String {
        self.agents().explain(self.history.as_deref(), line)
    }

    /// What an upgrade counts as: the same to all who observe it, by what its sender says on a wire in
    /// that cycle.
    fn judge_upgrade(&mut self, m: &Message) -> MessageKind {
        // One of before comes again if a cache had to let it wait; one that was too late is a GetM by then.
        if m.number < self.upgrade.0 {
            return MessageKind::BusUpgr;
        }
        if m.number > self.upgrade.0 {
            let counts = self.caches[m.src.0 as usize].can_upgrade(m.line);
            self.upgrade = (m.number, if counts { MessageKind::BusUpgr } else { MessageKind::GetM });
        }
        self.upgrade.1
    }

    fn memory_receives(&mut self, m: &Message, at: Cycle) {
        let controller = m.dst.0 as usize - self.caches.len() - self.topology().slices();
        let start = self.controllers[controller].begin(at, self.params.memory_interval);
        if m.kind == MessageKind::MemWrite {
            self.memory.insert(m.line, m.data);
            return;
        }
        let data = self.memory.get(&m.line).copied().unwrap_or([0; 8]);
        let answer = Message { kind: MessageKind::MemData, src: m.dst, dst: m.src, data, ..*m };
        self.fabric.send(answer, start.after(self.params.memory), at);
    }

    /// Counts from now on by whom traffic is caused and how long messages wait for links. Nothing
    /// simulated depends on it.
    pub fn attribute(&mut self) {
        self.fabric.attribute();
    }

    /// By whom traffic was caused, if it was counted.
    #[must_use]
    pub fn attribution(&self) -> Option<&Attribution> {
        self.fabric.attribution.as_deref()
    }

    /// Traffic so far.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        &self.fabric.traffic
    }

    /// Hits and misses of a core.
    #[must_use]
    pub fn hits(&self, core: usize) -> HitCounts {
        self.caches[core].hits
    }

    /// `[channel]`: ticks of its own clock in use, all networks together;
    /// [`Topology::channel_name`] says which is which.
    #[must_use]
    pub fn link_busy_ticks(&self) -> Vec<u64> {
        self.fabric.link_busy_ticks()
    }

    /// `[channel]`: how busy it was from the start of the run until `end`; and how long messages
    /// waited for it, if [`MemorySystem::attribute`] was called.
    #[must_use]
    pub fn link_use(&self, end: Cycle) -> Vec<LinkUse> {
        self.fabric.net().link_use(end)
    }

    /// `[virtual network]`, numbered as [`super::Network`]: messages delivered over at least one link,
    /// and the core cycles each of them waited on its way, all stops together; zeros unless
    /// [`MemorySystem::attribute`] was called.
    #[must_use]
    pub fn network_waits(&self) -> [Waits; 3] {
        self.fabric.net().delivered
    }

    /// The network.
    #[must_use]
    pub fn topology(&self) -> &Topology {
        self.fabric.topology()
    }

    /// `[memory controller]`: accesses begun, and cycles they waited for those before them.
    #[must_use]
    pub fn memory_queueing(&self) -> Vec<(u64, u64)> {
        self.controllers.iter().map(|c| (c.accesses, c.waited)).collect()
    }

    /// Sizes and latencies.
    #[must_use]
    pub fn params(&self) -> &MemoryParams {
        &self.params
    }

    /// True if no message is under way and nobody waits for one.
    #[must_use]
    pub fn is_quiescent(&self) -> bool {
        self.fabric.in_flight() == 0
            && self.caches.iter().all(|c| c.outstanding().next().is_none())
            && self.homes.iter().all(Home::is_idle)
            && self.snoop_homes.iter().all(SnoopHome::is_idle)
    }

    /// The last-level slice that is home of a line, by the core whose stop it shares.
    #[must_use]
    pub fn slice_of(&self, line: u64) -> usize {
        self.fabric.home_of(line).0 as usize - self.caches.len()
    }

    fn home(&self, line: u64) -> &Home {
        &self.homes[self.slice_of(line)]
    }

    /// The copy in the line's slice.
    fn in_slice(&self, line: u64) -> Option<&LineData> {
        match self.snoop_homes.get(self.slice_of(line)) {
            Some(home) => home.copy(line),
            None => self.home(line).copy(line),
        }
    }

    /// The newest value at an address. Meaningful when quiescent; store buffers are not seen.
    #[must_use]
    pub fn value(&self, addr: u64, width: Width) -> u64 {
        let line = addr / LINE_BYTES;
        let owned = self.caches.iter().filter_map(|c| c.copy(line)).find(|(s, _)| s.answers()).map(|(_, d)| d);
        let data = owned.or_else(|| self.in_slice(line)).or_else(|| self.memory.get(&line));
        data.map_or(0, |d| read(d, addr, width))
    }

    /// Puts a value into memory. Meaningful before the first access only: caches are not told.
    pub fn set_initial(&mut self, addr: u64, width: Width, value: u64) {
        write(self.memory.entry(addr / LINE_BYTES).or_insert([0; 8]), addr, width, value);
    }

    /// Checks what must hold of every line when quiescent: one writer or many readers, readers
    /// equal to the home or memory, the directory knowing every copy and no other; or, if the protocol
    /// snoops, the home knowing the owner, and that there may be readers.
    ///
    /// # Errors
    /// The first violation, in words.
    pub fn check_coherence(&self) -> Result<(), String> {
        let lines: std::collections::BTreeSet<u64> = self
            .caches
            .iter()
            .flat_map(|c| c.lines().map(|(n, _, _)| n))
            .chain(self.homes.iter().flat_map(Home::lines))
            .chain(self.snoop_homes.iter().flat_map(|h| h.lines()))
            .collect();
        for line in lines {
            let copies: Vec<(usize, CacheState, &LineData)> =
                self.caches.iter().enumerate().filter_map(|(i, c)| c.copy(line).map(|(s, d)| (i, s, d))).collect();
            let writers = copies.iter().filter(|c| c.1.can_write()).count();
            let at = line * LINE_BYTES;
            if writers > 1 || (writers == 1 && copies.len() > 1) {
                return Err(format!("line {at:#x} has {writers} writers among {} copies", copies.len()));
            }
            if let Some(home) = self.snoop_homes.get(self.slice_of(line)) {
                home.check(line, &copies, self.memory.get(&line).unwrap_or(&[0; 8]))?;
                continue;
            }
            let known = self.home(line).knows(line);
            let exact = !self.caches[0].tables().shared_evictions_silent;
            let mut listed = known.iter().flat_map(|k| k.0.into_iter().chain(k.1.iter()));
            if exact && let Some(place) = listed.find(|p| !copies.iter().any(|c| c.0 == p.0 as usize)) {
                return Err(format!("line {at:#x}: the home lists core {}, which has no copy", place.0));
            }
            let Some((owner, sharers)) = known else {
                if copies.is_empty() {
                    continue;
                }
                return Err(format!("line {at:#x} is cached but not in its home's directory"));
            };
            let below = self.home(line).copy(line).or_else(|| self.memory.get(&line)).unwrap_or(&[0; 8]);
            // What readers must have: the copy of the cache that answers them, if one has written the line.
            let written = copies.iter().find(|c| c.1.is_dirty()).map_or(below, |c| c.2);
            for &(core, state, copy) in &copies {
                let place = Place(core as u16);
                let listed = if state.answers() { owner == Some(place) } else { sharers.iter().any(|s| s == place) };
                if !listed {
                    return Err(format!("line {at:#x}: the home does not know core {core}'s copy in {state}"));
                }
                if copy != written {
                    return Err(format!("line {at:#x}: core {core}'s copy in {state} differs from the newest"));
                }
            }
        }
        Ok(())
    }
}

impl MemoryPort for MemorySystem {
    #[inline]
    fn access(&mut self, core: usize, port: Port, request: &Request, now: Cycle) -> Access {
        if self.history.is_none() {
            return self.caches[core].access(&mut self.fabric, port, request, now);
        }
        let line = request.addr / LINE_BYTES;
        let state = |m: &Self| LineState::Cache(m.caches[core].state(line));
        let before = state(self);
        let outcome = self.caches[core].access(&mut self.fabric, port, request, now);
        let states = [before, state(self)];
        if let Some(h) = &mut self.history {
            let done = matches!(outcome, Access::Done(_));
            h.access((core, port, request.action, request.addr), now, states, done);
        }
        outcome
    }

    #[inline]
    fn peek_first_level(&self, core: usize, addr: u64, width: Width) -> Option<(u64, u64)> {
        self.caches[core].peek(addr, width)
    }

    #[inline]
    fn first_level_latency(&self) -> u64 {
        self.params.l1_hit
    }

    #[inline]
    fn is_writable(&self, core: usize, addr: u64) -> bool {
        self.caches[core].is_writable(addr)
    }

    fn count_skipped_hits(&mut self, core: usize, hits: u64) {
        self.caches[core].hits.l1_hits += hits;
    }

    #[inline]
    fn next_key(&self) -> Key {
        self.fabric.next_key()
    }
}
