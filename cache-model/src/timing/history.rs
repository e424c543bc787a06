// SPDX-License-Identifier: MIT OR Apache-2.0
//! What happened to a line, for whoever has to find out why it went wrong: who asked for what when,
//! every message with the receiver's state before and after, and what is still under way or waits.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Write};

use sim_core::ports::{Action, Port};
use sim_core::program::LINE_BYTES;
use sim_core::time::Cycle;

use super::fabric::Fabric;
use super::home::Home;
use super::message::{Message, Place};
use super::private::PrivateCache;
use super::snoop::SnoopHome;
use crate::protocol::{CacheState, HomeState};

/// State of a line at an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineState {
    Cache(CacheState),
    /// State, owner, number of sharers.
    Home(HomeState, Option<Place>, u32),
    Memory,
}

impl fmt::Display for LineState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LineState::Cache(s) => write!(f, "{s}"),
            LineState::Home(s, Some(o), n) => write!(f, "{s} (owner {}, {n} sharers)", o.0),
            LineState::Home(s, None, n) => write!(f, "{s} ({n} sharers)"),
            LineState::Memory => write!(f, "memory"),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Access { core: usize, port: Port, action: Action, addr: u64, done: bool },
    Arrival { message: Message, waits: bool },
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: Cycle,
    event: Event,
    before: LineState,
    after: LineState,
}

/// The last events of every line.
#[derive(Clone, Debug)]
pub(super) struct History {
    keep: usize,
    lines: BTreeMap<u64, VecDeque<Entry>>,
}

impl History {
    pub(super) fn new(keep: usize) -> History {
        History { keep, lines: BTreeMap::new() }
    }

    fn add(&mut self, line: u64, entry: Entry) {
        let entries = self.lines.entry(line).or_default();
        if entries.len() >= self.keep {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    /// A core asked for something.
    pub(super) fn access(
        &mut self,
        (core, port, action, addr): (usize, Port, Action, u64),
        at: Cycle,
        [before, after]: [LineState; 2],
        done: bool,
    ) {
        let event = Event::Access { core, port, action, addr, done };
        self.add(addr / LINE_BYTES, Entry { at, event, before, after });
    }

    /// A message arrived; `waits` if the receiver keeps it for later.
    pub(super) fn arrival(&mut self, message: &Message, at: Cycle, [before, after]: [LineState; 2], waits: bool) {
        let event = Event::Arrival { message: *message, waits };
        self.add(message.line, Entry { at, event, before, after });
    }
}

/// The agents of a machine, and names for their places.
pub(super) struct Agents<'a> {
    pub(super) caches: &'a [PrivateCache],
    pub(super) homes: &'a [Home],
    /// In the place of homes, if the protocol snoops.
    pub(super) snoop_homes: &'a [SnoopHome],
    pub(super) fabric: &'a Fabric,
}

impl Agents<'_> {
    fn name(&self, p: Place) -> String {
        let (i, caches, homes) = (p.0 as usize, self.caches.len(), self.homes.len() + self.snoop_homes.len());
        match i {
            i if i < caches => format!("cache {i}"),
            i if i < caches + homes => format!("slice {}", i - caches),
            i => format!("memory {}", i - caches - homes),
        }
    }

    fn message(&self, m: &Message) -> String {
        let mut text = m.kind.name().to_owned();
        if m.requester != m.src && m.requester != m.dst {
            text += &format!(" for {}", self.name(m.requester));
        }
        if m.acks > 0 {
            text += &format!(", acknowledgements to come: {}", m.acks);
        }
        text
    }

    /// State of a line at a place.
    pub(super) fn state(&self, place: Place, line: u64) -> LineState {
        let (i, caches) = (place.0 as usize, self.caches.len());
        if i < caches {
            return LineState::Cache(self.caches[i].state(line));
        }
        if let Some(home) = self.homes.get(i - caches) {
            let (owner, sharers) = home.knows(line).map_or((None, 0), |(o, s)| (o, s.count()));
            return LineState::Home(home.state_of(line), owner, sharers);
        }
        match self.snoop_homes.get(i - caches) {
            Some(home) => {
                let (state, owner) = home.knows(line);
                LineState::Home(state, owner, 0)
            }
            None => LineState::Memory,
        }
    }

    /// True if the receiver of a message has put it aside.
    pub(super) fn waits(&self, m: &Message) -> bool {
        let (i, caches) = (m.dst.0 as usize, self.caches.len());
        let same = |o: &&Message| (o.src, o.number) == (m.src, m.number);
        if i < caches {
            return self.caches[i].stalled(m.line).any(|o| same(&o));
        }
        self.homes.get(i - caches).is_some_and(|h| h.waiting(m.line).any(|o| same(&o)))
            || self.snoop_homes.get(i - caches).is_some_and(|h| h.waiting(m.line).any(|o| same(&o)))
    }

    /// Everything that is known of a line.
    pub(super) fn explain(&self, history: Option<&History>, line: u64) -> String {
        let mut out = String::new();
        let home = self.fabric.home_of(line);
        // Writing to a text cannot fail.
        let _ = writeln!(out, "line {:#x}, home {}:", line * LINE_BYTES, self.name(home));
        for (i, c) in self.caches.iter().enumerate() {
            let state = c.state(line);
            if state == CacheState::I && c.missing_acks(line).is_none() {
                continue;
            }
            let _ = write!(out, "  cache {i}: {state}");
            if let Some(acks) = c.missing_acks(line).filter(|a| *a != 0) {
                let _ = write!(out, ", acknowledgements missing: {acks}");
            }
            for m in c.stalled(line) {
                let _ = write!(out, "; keeps {} from {}", self.message(m), self.name(m.src));
            }
            out.push('\n');
        }
        let _ = write!(out, "  {}: {}", self.name(home), self.state(home, line));
        let slice = home.0 as usize - self.caches.len();
        let (with, without) = (self.homes.get(slice), self.snoop_homes.get(slice));
        if let Some((_, sharers)) = with.and_then(|h| h.knows(line)).filter(|k| k.1.count() > 0) {
            let names: Vec<String> = sharers.iter().map(|s| s.0.to_string()).collect();
            let _ = write!(out, ", shared by {}", names.join(" "));
        }
        let waiting = with.into_iter().flat_map(|h| h.waiting(line));
        for m in waiting.chain(without.into_iter().flat_map(|h| h.waiting(line))) {
            let _ = write!(out, "; keeps {} from {}", self.message(m), self.name(m.src));
        }
        out.push('\n');
        for m in self.fabric.under_way().filter(|m| m.line == line) {
            let (from, to) = (self.name(m.src), self.name(m.dst));
            let _ = writeln!(out, "  under way: {} from {from} to {to}", self.message(m));
        }
        let none = VecDeque::new();
        for e in history.and_then(|h| h.lines.get(&line)).unwrap_or(&none) {
            let _ = writeln!(out, "  {}", self.entry(e));
        }
        out
    }

    fn entry(&self, e: &Entry) -> String {
        let states = if e.before == e.after { e.before.to_string() } else { format!("{} -> {}", e.before, e.after) };
        match e.event {
            Event::Access { core, port, action, addr, done } => {
                let how = if done { "at once" } else { "has to wait" };
                format!("{:>8} core {core}, {port:?}: {action:?} at {addr:#x}, {states}, {how}", e.at.0)
            }
            Event::Arrival { message: m, waits } => {
                let (from, to, how) = (self.name(m.src), self.name(m.dst), if waits { ", kept for later" } else { "" });
                format!("{:>8} {to} gets {} from {from}, {states}{how}", e.at.0, self.message(&m))
            }
        }
    }
}
