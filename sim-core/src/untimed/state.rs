// SPDX-License-Identifier: MIT OR Apache-2.0
//! A state of the untimed engine, and its encoding for the set of states seen.

use super::claims::Claim;
use super::interrupts::Sent;
use super::weak::{Time, Version, Views};
use super::{Model, System};
use crate::exec::Context;
use crate::isa::{ContextKind, Pc, Width};

/// A store that is not in memory yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Buffered {
    /// Byte address, naturally aligned.
    pub addr: u64,
    /// Width.
    pub width: Width,
    /// Value, already cut to the width.
    pub value: u64,
    /// `weak`: everything older is written first.
    pub release: bool,
    /// `weak`: fences between this entry and the time when the buffer was last empty.
    pub group: u32,
    /// `weak`: the newest load that value and address were computed from.
    pub view: Time,
}

impl Buffered {
    pub(super) fn overlaps(&self, addr: u64, width: Width) -> bool {
        self.addr < addr + width.bytes() && addr < self.addr + self.width.bytes()
    }
}

/// A handler that is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handler {
    /// The interrupt flag to restore.
    pub flag: bool,
    /// Importance, as [`super::Source::rank`].
    pub rank: u16,
}

/// One core.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CoreState {
    /// The running context last, what it interrupted before it. Empty on a core without a task.
    pub contexts: Vec<Context>,
    /// Stores in program order, oldest first.
    pub buffer: Vec<Buffered>,
    /// Maskable interrupts are enabled.
    pub irq_enabled: bool,
    /// The task has ended (its last context stays readable), or there is none.
    pub done: bool,
    /// Handlers running, outermost first: what they interrupted and how important they are. Each has a context.
    pub handlers: Vec<Handler>,
    /// Times `stopping` has given 0.
    pub rounds: u8,
    /// Times a context of this core has owned a lock; 0 without [`System::counter`].
    pub owned: u8,
    /// What the contexts hold and want, by the marks; empty unless [`System::watch`].
    pub claims: Vec<Claim>,
    /// `weak`: group of the next store.
    pub group: u32,
    /// `weak`: what bounds loads from below; empty otherwise.
    pub views: Views,
}

/// A state of the whole system.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Cores.
    pub cores: Vec<CoreState>,
    /// Eight-byte words that are not zero: address and value, by address. One form per content.
    words: Vec<(u64, u64)>,
    /// `weak`: what words held before, by word and time.
    pub(super) old: Vec<Version>,
    /// `weak`: stores that have reached memory and made one of `old`.
    pub(super) now: Time,
    /// Interrupts that may still be taken, sent ones aside.
    pub left: u8,
    /// Those sent that have not been taken, by core and source.
    pub(super) sent: Vec<Sent>,
    /// Micro-ops executed since somebody emptied it; kept for traces only.
    pub(super) trail: Vec<Pc>,
    /// Of these, the marks that were reported, with their arguments; also for traces only.
    pub(super) said: Vec<(Pc, [u64; 3])>,
}

impl CoreState {
    /// True if some context has something left to execute.
    #[must_use]
    pub fn runs(&self) -> bool {
        !self.done || !self.handlers.is_empty()
    }

    /// The running context.
    #[must_use]
    pub fn running(&self) -> Option<&Context> {
        self.contexts.last().filter(|_| self.runs())
    }
}

impl State {
    /// All tasks at their entries, memory as the system says.
    #[must_use]
    pub fn initial(system: &System) -> State {
        let core = |task: &Option<u16>| {
            let entry = |p: &u16| Context::at_entry(&system.program, *p, ContextKind::Task);
            let contexts: Vec<Context> = task.iter().map(entry).collect();
            let tracked = if system.model == Model::Weak { contexts.first().map_or(0, |c| c.regs.len()) } else { 0 };
            CoreState {
                contexts,
                buffer: Vec::new(),
                irq_enabled: true,
                done: task.is_none(),
                handlers: Vec::new(),
                rounds: 0,
                owned: 0,
                claims: Vec::new(),
                group: 0,
                views: Views { regs: vec![0; tracked], ..Views::default() },
            }
        };
        let cores = system.tasks.iter().map(core).collect();
        let mut state = State {
            cores,
            words: Vec::new(),
            old: Vec::new(),
            now: 0,
            left: system.interrupts,
            sent: Vec::new(),
            trail: Vec::new(),
            said: Vec::new(),
        };
        for &(addr, width, value) in &system.memory {
            state.write(addr, width, value);
        }
        state
    }

    /// The same memory, and what else is not a core's, with these cores.
    pub(super) fn with_cores(&self, cores: Vec<CoreState>) -> State {
        let State { words, old, now, left, sent, .. } = self;
        let (words, old, sent) = (words.clone(), old.clone(), sent.clone());
        State { cores, words, old, now: *now, left: *left, sent, trail: Vec::new(), said: Vec::new() }
    }

    /// Value in memory; store buffers are not seen.
    #[must_use]
    pub fn read(&self, addr: u64, width: Width) -> u64 {
        let word = addr & !7;
        let value = self.words.binary_search_by_key(&word, |w| w.0).map_or(0, |i| self.words[i].1);
        (value >> (8 * (addr - word))) & width.mask()
    }

    /// Eight-byte words of memory that are not zero: address and value, by address.
    #[must_use]
    pub fn words(&self) -> &[(u64, u64)] {
        &self.words
    }

    /// Writes memory.
    pub fn write(&mut self, addr: u64, width: Width, value: u64) {
        let word = addr & !7;
        let shift = 8 * (addr - word);
        let mask = width.mask() << shift;
        let place = self.words.binary_search_by_key(&word, |w| w.0);
        let old = place.map_or(0, |i| self.words[i].1);
        let new = (old & !mask) | ((value << shift) & mask);
        match place {
            Ok(i) if new == 0 => {
                self.words.remove(i);
            }
            Ok(i) => self.words[i].1 = new,
            Err(_) if new == 0 => {}
            Err(i) => self.words.insert(i, (word, new)),
        }
    }

    /// True if every task has ended and every store is in memory.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.cores.iter().all(|c| !c.runs() && c.buffer.is_empty())
    }

    /// Appends what is not a core's in a form in which no two contents are equal.
    pub(super) fn encode_memory(&self, model: Model, out: &mut Vec<u8>) {
        out.extend([self.left, self.sent.len() as u8]);
        self.sent.iter().for_each(|s| out.extend([s.core, s.source, s.count]));
        if model == Model::Weak {
            put(out, self.old.len() as u64);
            for v in &self.old {
                put(out, v.word);
                put(out, u64::from(v.until));
                put(out, v.value);
            }
        }
        for (addr, value) in &self.words {
            put(out, *addr);
            put(out, *value);
        }
    }
}

impl CoreState {
    /// Appends a form in which no two cores are equal: numbers of variable length, every list
    /// behind its length.
    pub(super) fn encode(&self, model: Model, out: &mut Vec<u8>) {
        out.push(u8::from(self.done) | u8::from(self.irq_enabled) << 1);
        out.extend([self.rounds, self.owned]);
        put(out, self.handlers.len() as u64);
        for h in &self.handlers {
            put(out, u64::from(h.rank) << 1 | u64::from(h.flag));
        }
        put(out, self.contexts.len() as u64);
        for c in &self.contexts {
            out.push(c.kind as u8);
            put(out, u64::from(c.pc));
            put(out, u64::from(c.base));
            put(out, c.regs.len() as u64);
            c.regs.iter().for_each(|r| put(out, *r));
            put(out, c.frames.len() as u64);
            for f in &c.frames {
                put(out, u64::from(f.base));
                put(out, u64::from(f.resume));
                put(out, u64::from(f.call));
            }
        }
        put(out, self.buffer.len() as u64);
        for b in &self.buffer {
            put(out, b.addr);
            out.push(b.width.bytes() as u8);
            put(out, b.value);
            if model == Model::Weak {
                put(out, u64::from(b.group) << 1 | u64::from(b.release));
                put(out, u64::from(b.view));
            }
        }
        put(out, self.claims.len() as u64);
        self.claims.iter().for_each(|c| c.encode(out));
        if model == Model::Weak {
            let v = &self.views;
            [self.group, v.floor, v.loads, v.stores, v.releases, v.decided]
                .iter()
                .for_each(|n| put(out, u64::from(*n)));
            for regs in v.below.iter().chain([&v.regs]) {
                put(out, regs.len() as u64);
                regs.iter().for_each(|n| put(out, u64::from(*n)));
            }
            put(out, v.seen.len() as u64);
            for (word, at) in &v.seen {
                put(out, *word);
                put(out, u64::from(*at));
            }
        }
    }
}

/// Seven bits a byte, the least first; the highest bit says that more follow.
pub(super) fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_has_one_form_per_content() {
        let mut a = State {
            cores: Vec::new(),
            words: Vec::new(),
            old: Vec::new(),
            now: 0,
            left: 0,
            sent: Vec::new(),
            trail: Vec::new(),
            said: Vec::new(),
        };
        let empty = a.clone();
        a.write(0x1_0004, Width::U32, 0xaabb_ccdd);
        assert_eq!(a.read(0x1_0005, Width::U8), 0xcc);
        assert_eq!(a.read(0x1_0000, Width::U32), 0);
        assert_ne!(a, empty);
        a.write(0x1_0000, Width::U64, 0);
        assert_eq!(a, empty);
    }
}
