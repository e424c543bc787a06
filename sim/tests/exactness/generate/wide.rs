// SPDX-License-Identifier: MIT OR Apache-2.0
//! Blocks of loops that send interrupts, call procedures that call others, read lines that others keep on taking, and of the
//! stores that take them.

use super::{IPI, NMI, SOFT, Writer};

/// Procedures that are called in loops: three deep, with a branch, a load and the clock on the way.
pub(super) const PROCS: &str = "
proc leaf(a) -> b {
  if a < 5 goto low
  b = a - 5
  ret b
low:
  b = load.u64 [cpu.area.v[0]]
  ret b
}
proc middle(a, word) -> b {
  x = load.u64 [s1.w[2]]
  b = call leaf(a)
  if x == word goto same
  b = b + x
same:
  ret b
}
proc outer(a) -> b, t {
  t = clock_ns
  b = call middle(a, 0)
  c = call leaf(7)
  b = b + c
  ret b, t
}
";

impl Writer<'_> {
    pub(super) fn wide_block(&mut self, i: &str, top: &str, out: &str) {
        match self.r.below(6) {
            0 | 1 => self.sending(i, top),
            2 | 3 => self.calling(i, top, out),
            4 => self.flood(i, top),
            _ => self.taken(i, top, out),
        }
    }

    /// What a loop sends: to others, itself, or every core in turn.
    fn send(&mut self, i: &str) -> String {
        let what = [IPI, IPI, NMI][self.r.below(3) as usize];
        match self.r.below(5) {
            0 => format!("ipi.to {what}, {}", self.core),
            1 => format!("ipi.others {what}"),
            2 => format!("raise {SOFT}"),
            3 => format!("n = cpus\n  y = {i} & 1\n  if y < n goto in_{i}\n  y = 0\nin_{i}:\n  ipi.to {what}, y"),
            _ => format!("ipi.to {what}, {}", self.r.below(self.cores)),
        }
    }

    /// A loop that sends in every iteration, or in one of many: then those between are computed.
    fn sending(&mut self, i: &str, top: &str) {
        let seldom = self.chance(60);
        let (mask, n) =
            if seldom { ((16 << self.r.below(4)) - 1, 1 + self.r.below(400)) } else { (0, 1 + self.r.below(6)) };
        let start = self.r.below(mask + 1);
        self.op(&format!("{i} = 0\n  left = {start}"));
        self.label(top);
        if self.chance(40) {
            self.body(i);
        }
        self.op(&format!("if left != 0 goto quiet_{top}"));
        self.op(&format!("left = {}", mask + 1));
        let send = self.send(i);
        self.op(&send);
        if self.chance(30) {
            self.op("mark note(a, x)");
        }
        self.label(&format!("quiet_{top}"));
        self.op("left = left - 1");
        if self.chance(50) {
            self.op("pause");
        }
        self.op(&format!("{i} = {i} + 1"));
        self.op(&format!("if {i} < {n} goto {top}"));
    }

    /// A loop that calls, up to three deep, and ends by its count, by what was read, or by the clock.
    fn calling(&mut self, i: &str, top: &str, out: &str) {
        let (shape, span) = (self.shape(), 1 + self.r.exponential(500).min(3000));
        let by_clock = self.chance(40);
        self.op(&format!("{i} = {}\n  t = 0\n  b = 0\n  began = clock_ns", shape.from));
        self.label(top);
        if self.chance(30) {
            self.body(i);
        }
        let call = match self.r.below(5) {
            0 => format!("b = call middle({i}, 0)"),
            1 => "b = call leaf(9)".into(),
            2 => "b, t = call outer(3)\n  a = a + b".into(),
            3 => format!("b, t = call outer({i})"),
            _ => "b = call middle(2, 1)\n  b = call leaf(b)".into(),
        };
        self.op(&call);
        if self.chance(30) {
            let word = self.shared();
            self.op(&format!("x = load.u64 [{word}]"));
            self.op(&format!("if x > 250 goto {out}"));
        }
        if by_clock {
            self.op(&format!("d = call elapsed(began)\n  if d > {span} goto {out}"));
        }
        self.count(i, top, &shape);
        self.label(out);
        self.op("mark note(a, b, t)");
    }

    /// Stores to shared lines at a distance: each takes them from whoever reads them.
    fn flood(&mut self, i: &str, top: &str) {
        let (n, gap) = (2 + self.r.below(12), self.r.below(900));
        let (first, second) = (self.shared(), self.shared());
        self.op(&format!("{i} = {n}"));
        self.label(top);
        self.op(&format!("store.u64 [{first}], {i}"));
        if self.chance(50) {
            let order = self.rmw_order();
            self.op(&format!("fetch_add.u64{order} [{second}], 1"));
        }
        self.op(&format!("work {gap}cy"));
        self.op(&format!("{i} = {i} - 1"));
        self.op(&format!("if {i} goto {top}"));
    }

    /// Reads several shared lines for long; goes on when they are taken. What was read ends up in a register.
    fn taken(&mut self, i: &str, top: &str, out: &str) {
        let n = 200 + self.r.below(2500);
        let words: Vec<String> = (0..1 + self.r.below(3)).map(|_| self.shared()).collect();
        let fenced = self.chance(15);
        self.op(&format!("{i} = 0\n  x = 0"));
        self.label(top);
        for word in &words {
            let order = self.load_order();
            self.op(&format!("x = load.u64{order} [{word}]"));
        }
        match self.r.below(4) {
            0 => self.op(&format!("if x == 1 goto {out}")),
            1 => self.op("pause"),
            _ => {}
        }
        if fenced {
            self.op("fence.r");
        }
        self.op(&format!("{i} = {i} + 1"));
        self.op(&format!("if {i} < {n} goto {top}"));
        self.label(out);
        self.op(&format!("mark note(x, {i})"));
    }
}
