// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counting what is sent: by class of message and by what the line is used for.

use sim_core::program::{GLOBAL_BASE, LINE_BYTES, LineKind, PERCPU_BASE, Program};
use sim_core::recur::{Recur, Walk};

use super::message::MessageKind;

/// Messages, bytes and link crossings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Messages sent.
    pub messages: u64,
    /// Bytes sent, headers included.
    pub bytes: u64,
    /// Links crossed, one per message and link.
    pub hops: u64,
}

impl Count {
    pub(super) fn add(&mut self, bytes: u64, hops: u64) {
        self.messages += 1;
        self.bytes += bytes;
        self.hops += hops;
    }
}

/// Traffic so far. The two tables count the same messages, so their sums are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// `[class]`, in the order of [`MessageKind::ALL`].
    pub by_class: [Count; MessageKind::COUNT],
    /// `[line kind]`, in the order of [`LineKind::ALL`].
    pub by_line: [Count; 6],
}

impl Traffic {
    pub(super) fn count(&mut self, class: MessageKind, kind: LineKind, bytes: u64, hops: u64) {
        self.by_class[class as usize].add(bytes, hops);
        self.by_line[kind as usize].add(bytes, hops);
    }
}

impl Recur for Count {
    fn walk(&mut self, w: &mut Walk) {
        let Count { messages, bytes, hops } = self;
        [messages, bytes, hops].into_iter().for_each(|n| w.count(n));
    }
}

impl Recur for Traffic {
    fn walk(&mut self, w: &mut Walk) {
        let Traffic { by_class, by_line } = self;
        by_class.iter_mut().chain(by_line).for_each(|count| count.walk(w));
    }
}

/// What every line of a program is used for, for quick look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineKinds {
    /// `[line - first global line]`.
    global: Vec<LineKind>,
    /// `[line - first line of the per-CPU areas]`: of one area, or of all of a machine's.
    percpu: Vec<LineKind>,
    /// Lines of one area.
    area: u64,
}

impl LineKinds {
    /// The kinds of a program's lines.
    #[must_use]
    pub fn of(program: &Program) -> LineKinds {
        let end = program.objects.iter().filter(|o| !o.percpu).map(|o| o.addr + program.structs[o.layout].bytes).max();
        let lines = end.map_or(0, |e| (e - GLOBAL_BASE).div_ceil(LINE_BYTES));
        let kind_of = |addr: u64| {
            let inside = |b: &u64| program.object_at(addr + b).is_some();
            (0..LINE_BYTES).find(inside).map_or(LineKind::Other, |b| program.line_kind(addr + b))
        };
        let area = program.percpu_stride / LINE_BYTES;
        LineKinds {
            area,
            global: (0..lines).map(|i| kind_of(GLOBAL_BASE + i * LINE_BYTES)).collect(),
            percpu: (0..area).map(|i| kind_of(PERCPU_BASE + i * LINE_BYTES)).collect(),
        }
    }

    /// The same, written out for the areas of this many cores: quicker to look up.
    pub(super) fn for_cores(mut self, cores: usize) -> LineKinds {
        self.percpu.truncate(self.area as usize);
        self.percpu = self.percpu.repeat(cores);
        self
    }

    /// Bytes between two cores' per-CPU areas; 0 if the program has none.
    pub(super) fn percpu_stride(&self) -> u64 {
        self.area * LINE_BYTES
    }

    /// The core whose per-CPU area a line is in, by the line's number.
    #[must_use]
    pub fn core_of(&self, line: u64) -> Option<usize> {
        let in_areas = line.checked_sub(PERCPU_BASE / LINE_BYTES)?;
        in_areas.checked_div(self.area).map(|core| core as usize)
    }

    /// The kind of a line, by its number.
    #[must_use]
    pub fn get(&self, line: u64) -> LineKind {
        const FIRST_GLOBAL: u64 = GLOBAL_BASE / LINE_BYTES;
        const FIRST_PERCPU: u64 = PERCPU_BASE / LINE_BYTES;
        let known = match line.checked_sub(FIRST_PERCPU) {
            Some(i) if self.area > 0 => {
                self.percpu.get(i as usize).or_else(|| self.percpu.get((i % self.area) as usize))
            }
            _ => line.checked_sub(FIRST_GLOBAL).and_then(|i| self.global.get(i as usize)),
        };
        known.copied().unwrap_or(LineKind::Other)
    }
}
