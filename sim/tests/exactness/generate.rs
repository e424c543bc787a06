// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random programs of spin loops that always end.
//!
//! Every loop counts its iterations, except those that wait for another core's progress: core i,
//! having finished b blocks, waits only for others to have finished b or fewer, so the core that
//! is furthest behind never waits and everybody ends. Handlers have no such loops.

mod wide;

use std::fmt::Write;

use sim_core::rng::Stream;

/// Numbers of the interrupts that programs send: soft, maskable, non-maskable.
pub(crate) const SOFT: u64 = 10;
pub(crate) const IPI: u64 = 11;
pub(crate) const NMI: u64 = 12;

const HEAD: &str = "struct line align 64 kind payload { w: [u64; 8] }
struct area percpu align 64 kind other { v: [u64; 24] }
object progress: line
object s0: line
object s1: line
object s2: line
dist some = exp(200cy)

proc helper(a) -> b {
  b = a + 3
  c = load.u64 [cpu.area.v[1]]
  b = b + c
  ret b
}

proc elapsed(since) -> d {
  t = clock_ns
  d = t - since
  ret d
}

inline proc peek(i) -> x {
  x = load.u64 [cpu.area.v[i]]
  ret x
}
";

/// A program text under construction.
struct Writer<'a> {
    r: &'a mut Stream,
    out: String,
    k: u64,
    cores: u64,
    core: u64,
    /// Inside a handler: short loops only, and nothing sent to other cores.
    short: bool,
    /// May raise a soft interrupt: not in its own handler, which would never end.
    raises: bool,
    /// With the forms of [`wide`], too.
    wide: bool,
}

/// The text of the program: procedures `task_0..`, `on_nmi`, `on_irq`, `on_irq_open` (which lets interrupts in), `on_soft`,
/// `on_ipi`.
pub(crate) fn text(r: &mut Stream, cores: u64) -> String {
    written(Writer { r, out: HEAD.into(), k: 0, cores, core: 0, short: false, raises: true, wide: false })
}

/// As [`text`]; half of the blocks have sends, nested calls or a flood of stores in or against their loops.
pub(crate) fn wide_text(r: &mut Stream, cores: u64) -> String {
    let out = format!("{HEAD}{}", wide::PROCS);
    written(Writer { r, out, k: 0, cores, core: 0, short: false, raises: true, wide: true })
}

fn written(mut w: Writer) -> String {
    let cores = w.cores;
    for core in 0..cores {
        w.core = core;
        w.open(&format!("task_{core}"));
        for block in 0..3 + w.r.below(5) {
            w.block(block);
            let order = w.rmw_order();
            w.op(&format!("fetch_add.u64{order} [progress.w[{core}]], 1"));
        }
        // Nobody waits for more than that.
        w.op(&format!("xchg.u64 [progress.w[{core}]], 1000"));
        w.out += "  ret\n}\n";
    }
    w.short = true;
    for name in ["on_nmi", "on_irq", "on_irq_open", "on_ipi", "on_soft"] {
        w.open(name);
        w.raises = name != "on_soft";
        let opens = name == "on_irq_open";
        if opens {
            w.op("irq_save before");
            w.op("irq_restore 1");
            // Long enough for another one to come.
            w.op("work 400cy");
        }
        for _ in 0..w.r.below(4) {
            w.handler_step();
        }
        if opens {
            w.op("irq_save after");
            w.op("irq_restore before");
        }
        w.out += "  ret\n}\n";
    }
    w.out
}

impl Writer<'_> {
    fn open(&mut self, name: &str) {
        // Registers of every block exist from the start, so that deltas of all kinds occur.
        let _ = writeln!(
            self.out,
            "\nproc {name}() {{\n  a = {}\n  z = 0\n  x = 0\n  y = 1\n  one = {}",
            self.r.below(9),
            self.r.below(self.cores)
        );
    }

    fn op(&mut self, line: &str) {
        let _ = writeln!(self.out, "  {line}");
    }

    fn label(&mut self, name: &str) {
        let _ = writeln!(self.out, "{name}:");
    }

    fn pick<'b>(&mut self, of: &[&'b str]) -> &'b str {
        of[self.r.below(of.len() as u64) as usize]
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.r.below(100) < percent
    }

    fn shared(&mut self) -> String {
        format!("s{}.w[{}]", self.r.below(3), self.r.below(8))
    }

    fn own(&mut self) -> String {
        // Words 0, 8, 16 are on lines of their own.
        format!("cpu.area.v[{}]", self.r.below(24))
    }

    /// Orders matter to `weak` machines only.
    fn rmw_order(&mut self) -> &'static str {
        self.pick(&["", ".acq", ".rel", ".relaxed", ".relaxed"])
    }

    fn load_order(&mut self) -> &'static str {
        self.pick(&["", "", "", ".acq"])
    }

    fn times(&mut self) -> u64 {
        if self.short { 1 + self.r.below(30) } else { 1 + self.r.exponential(60).min(900) }
    }

    /// A few micro-ops that a spin can be made of, or that break it.
    fn body(&mut self, i: &str) {
        for _ in 0..self.r.below(4) {
            let (own, shared, k) = (self.own(), self.shared(), self.r.below(40));
            let line = match self.r.below(26) {
                0..=2 => format!("x = load.u64 [{own}]"),
                3..=5 => format!("x = load.u64{} [{shared}]", self.load_order()),
                6 | 7 => "pause".into(),
                8 => format!("a = a + {k}"),
                9 => "a = a + x".into(),
                10 => format!("y = {i} - {k}"),
                11 => format!("y = {i} & {}", (1 << self.r.below(6)) - 1),
                12 => "me = context".into(),
                13 => "me = cpu".into(),
                14 => self.pick(&["mark note(x) if z", "mark note(y) if y", "mark note(a) if !y"]).into(),
                15 => self.pick(&["a = a ^ x", "a = max a, x", "y = x << 2", "a = a * 3", "n = cpus"]).into(),
                16 => "x = load.u64 [area@one.v[8]]".into(),
                17 => {
                    self.k += 1;
                    let (l, what) = (self.k, self.pick(&["pause", "a = a + 1", "x = load.u64 [cpu.area.v[8]]"]));
                    let cmp = self.pick(&["<", ">", "==", "!=", "<s", ">=s"]);
                    format!("if {i} {cmp} {k} goto skip_{l}\n  {what}\nskip_{l}:")
                }
                // Both sides move, and one of them wraps round.
                22 | 23 => {
                    self.k += 1;
                    let (l, who) = (self.k, self.pick(&["a", "one", i]));
                    let cmp = self.pick(&["<", "<=", "<s", ">=s", "!="]);
                    format!("y = {i} - {k}\n  if {who} {cmp} y goto skip_{l}\n  a = a + {k}\nskip_{l}:")
                }
                24 => format!("y = {i} & 7\n  x = load.u64 [s0.w[y]]"),
                25 => format!("y = {i} - {k}\n  mark note(a, y) if !y"),
                // From here on the iteration cannot be computed.
                18 if self.chance(30) => format!("store.u64 [{own}], {i}"),
                19 if self.chance(30) => format!("store.u64 [{shared}], {i}"),
                20 if self.chance(30) => "t = clock_ns".into(),
                21 if self.chance(20) => format!("b = call peek({})", self.r.below(24)),
                _ => "pause".into(),
            };
            self.op(&line);
        }
    }

    /// Counts from `from` by `step` and goes back to `to` as long as the count has not ended.
    fn count(&mut self, i: &str, back: &str, shape: &Shape) {
        self.op(&format!("{i} = {i} {} {}", if shape.step < 0 { "-" } else { "+" }, shape.step.unsigned_abs()));
        // What issues in the same cycle as the branch moves the end of an iteration within its cycle.
        if self.chance(30) {
            self.op("pause");
            let (k, what) = (self.r.below(9), self.pick(&["a = a + ", "y = x + ", "y = "]));
            self.op(&format!("{what}{k}"));
        }
        let end = shape.end;
        self.op(&format!("if {i} {} {end} goto {back}", shape.cmp));
    }

    fn shape(&mut self) -> Shape {
        let n = self.times() as i64;
        let step = *[1, 1, 1, 2, 3, 7].get(self.r.below(6) as usize).unwrap_or(&1);
        let away = self.r.below(100) as i64;
        match self.r.below(8) {
            0 => Shape { from: away, step, cmp: "!=", end: away + n * step },
            1 => Shape { from: away, step, cmp: "<", end: away + n * step - self.r.below(step as u64) as i64 },
            2 => Shape { from: away, step, cmp: "<=", end: away + n * step },
            3 => Shape { from: -n * step / 2, step, cmp: "<=s", end: n * step / 2 },
            4 => Shape { from: n * step, step: -step, cmp: self.pick(&["!=", ">s"]), end: 0 },
            5 => Shape { from: n * step / 2, step: -step, cmp: ">=s", end: -n * step / 2 },
            // Through the end of the unsigned numbers: that is where `>` stops to hold.
            6 => Shape { from: -n * step, step, cmp: ">", end: 1_000_000 },
            _ => Shape { from: -n * step / 2, step, cmp: "!=", end: -n * step / 2 + n * step },
        }
    }

    fn block(&mut self, block: u64) {
        self.k += 1;
        let k = self.k;
        let (i, top, out) = (format!("i{k}"), format!("top_{k}"), format!("out_{k}"));
        if self.wide && self.chance(50) {
            return self.wide_block(&i, &top, &out);
        }
        match self.r.below(15) {
            0 | 1 => self.wait_for_progress(block, &top, &out),
            2 => self.masked(&i, &top, &out),
            3 => self.nested(&i, &top),
            4 => self.two_counters(&i, &top),
            5 => self.failing_cas(&i, &top, &out),
            6 => self.straight(),
            12..=14 => self.deadline(&i, &top, &out),
            7 => {
                self.op("irq_save flag");
                self.counted(&i, &top, &out);
                self.op("irq_restore flag");
            }
            _ => self.counted(&i, &top, &out),
        }
        let own = self.own();
        self.op(&format!("store.u64 [{own}], a"));
    }

    /// A counted loop that may end early, when a shared word changes.
    fn counted(&mut self, i: &str, top: &str, out: &str) {
        let (shape, word) = (self.shape(), self.shared());
        self.op(&format!("{i} = {}", shape.from));
        self.op(&format!("old = load.u64 [{word}]"));
        if self.chance(15) {
            let line = self.shared();
            self.op(&format!("prefetchw [{line}]"));
        }
        if self.chance(20) {
            let line = self.shared();
            self.op(&format!("store.u64 [{line}], {i}"));
        }
        self.label(top);
        self.body(i);
        if self.chance(70) {
            let order = self.load_order();
            self.op(&format!("x = load.u64{order} [{word}]"));
            let leaves = if self.chance(50) { format!("if x != old goto {out}") } else { "a = a + x".into() };
            self.op(&leaves);
        }
        self.count(i, top, &shape);
        self.label(out);
    }

    fn wait_for_progress(&mut self, block: u64, top: &str, out: &str) {
        let (whom, how_far) = (self.r.below(self.cores), self.r.below(block + 1));
        if whom == self.core {
            return self.straight();
        }
        self.op("turns = 0");
        self.label(top);
        let order = self.load_order();
        self.op(&format!("x = load.u64{order} [progress.w[{whom}]]"));
        self.op(&format!("if x >= {how_far} goto {out}"));
        match self.r.below(4) {
            0 => self.op("pause"),
            1 => self.op("turns = turns + 1"),
            2 => self.op("wfe [progress]"),
            _ => {}
        }
        self.op(&format!("goto {top}"));
        self.label(out);
    }

    /// The shape of a lock's wait: a counter cut to a mask, and something rare when it is zero.
    fn masked(&mut self, i: &str, top: &str, out: &str) {
        let (mask, rounds, own) = ((1 << (2 + self.r.below(6))) - 1, 1 + self.r.below(4), self.own());
        let word = self.shared();
        let (start, wanted) = (self.r.below(mask + 1), self.r.below(6));
        self.op(&format!("{i} = {start}"));
        self.op("seen = 0");
        self.label(top);
        self.op(&format!("x = load.u64.acq [{word}]"));
        self.op(&format!("if x == {wanted} goto {out}"));
        self.op(&format!("due = {i}"));
        self.op(&format!("{i} = {i} + 1"));
        self.op(&format!("{i} = {i} & {mask}"));
        self.op(&format!("if due != 0 goto rest_{top}"));
        self.op("seen = seen + 1");
        let rare = self.pick(&["t = clock_ns", "b = call helper(seen)", "fence.full", "mark note(seen)"]);
        self.op(rare);
        self.op(&format!("store.u64 [{own}], seen"));
        self.op(&format!("if seen > {rounds} goto {out}"));
        self.label(&format!("rest_{top}"));
        self.op("pause");
        self.op(&format!("goto {top}"));
        self.label(out);
    }

    /// A polled word and a time limit, asked for in one of many ways; what was read last is seen behind the loop.
    fn deadline(&mut self, i: &str, top: &str, out: &str) {
        let (word, n) = (self.shared(), 1 + self.r.exponential(400).min(4000));
        for line in [&format!("{i} = 0"), "t = 0", "d = 0", "began = clock_ns", &format!("end = began + {n}")] {
            self.op(line);
        }
        self.op(&format!("old = load.u64 [{word}]"));
        self.label(top);
        if self.chance(50) {
            let step = 1 + self.r.below(3);
            self.op(&format!("{i} = {i} + {step}"));
        }
        if self.chance(30) {
            self.body(i);
        }
        if self.chance(70) {
            let order = self.load_order();
            self.op(&format!("x = load.u64{order} [{word}]"));
            self.op(&format!("if x != old goto {out}"));
        }
        if self.chance(20) {
            // Asked for every few rounds only.
            self.op(&format!("{i} = {i} + 1"));
            self.op(&format!("y = {i} & 7"));
            self.op(&format!("if y != 0 goto {top}"));
        }
        let ask = match self.r.below(9) {
            0 => format!("t = clock_ns\n  if t < end goto {top}"),
            1 => format!("t = clock_ns\n  d = t - began\n  if d <= {n} goto {top}"),
            2 => format!("t = clock_ns\n  d = t - end\n  if d <s 0 goto {top}"),
            3 => format!("t = clock_ns\n  d = end - t\n  if d >s 0 goto {top}"),
            4 => format!("d = call elapsed(began)\n  if d < {n} goto {top}"),
            5 => format!("t = clock_ns\n  if end >= t goto {top}"),
            // Wraps: a huge number until the end has come.
            6 => format!("t = clock_ns\n  d = t - end\n  if d > 1000000000 goto {top}"),
            7 => format!("d = call elapsed(began)\n  if d >=s {n} goto {out}\n  goto {top}"),
            _ => format!(
                "t = clock_ns\n  if t == began goto {top}\n  d = t + 18446744073709551000\n  if t != end goto {out}"
            ),
        };
        self.op(&ask);
        self.label(out);
        self.op("mark note(t, d, x)");
    }

    fn nested(&mut self, i: &str, top: &str) {
        let (outer, mut inner) = (2 + self.r.below(4), self.shape());
        if inner.cmp == "!=" {
            inner.end = inner.from + (inner.end - inner.from).signum() * inner.step.abs() * 12;
        }
        self.op(&format!("rounds_{i} = {outer}"));
        self.label(&format!("outer_{top}"));
        self.op(&format!("{i} = {}", inner.from));
        self.label(top);
        self.body(i);
        self.count(i, top, &inner);
        self.body(i);
        self.op(&format!("rounds_{i} = rounds_{i} - 1"));
        self.op(&format!("if rounds_{i} goto outer_{top}"));
    }

    fn two_counters(&mut self, i: &str, top: &str) {
        let n = self.times();
        let (up, down) = (1 + self.r.below(3), 1 + self.r.below(3));
        // High enough for the lower one to stay above zero.
        let start = 10 + self.r.below(50);
        self.op(&format!("{i} = {start}"));
        self.op(&format!("j{i} = {i} + {}", n * (up + down)));
        self.label(top);
        self.body(i);
        self.op(&format!("{i} = {i} + {up}"));
        self.op(&format!("j{i} = j{i} - {down}"));
        let cmp = self.pick(&["<", "<=", "<s", "<=s"]);
        self.op(&format!("if {i} {cmp} j{i} goto {top}"));
    }

    fn failing_cas(&mut self, i: &str, top: &str, out: &str) {
        let (word, n) = (self.shared(), 1 + self.r.below(20));
        self.op(&format!("{i} = 0"));
        self.label(top);
        self.op(&format!("old, ok = cas.u64.acq [{word}], 77777, 1"));
        self.op(&format!("if ok goto {out}"));
        self.body(i);
        self.op(&format!("{i} = {i} + 1"));
        self.op(&format!("if {i} < {n} goto {top}"));
        self.label(out);
    }

    fn straight(&mut self) {
        for _ in 0..1 + self.r.below(3) {
            self.handler_step();
        }
    }

    fn handler_step(&mut self) {
        self.k += 1;
        let k = self.k;
        let (own, shared, n) = (self.own(), self.shared(), self.r.below(300));
        let line = match self.r.below(17) {
            0 | 1 => format!("store.u64 [{shared}], {n}"),
            2 => format!("store.u64.rel [{shared}], {n}"),
            3 => format!("local_add.u64 [{own}], {n}"),
            4 => format!("fetch_add.u64{} [{shared}], 1", self.rmw_order()),
            5 => format!("work {n}cy"),
            6 => "d = draw some\n  work d".into(),
            7 => format!("t = clock_ns\n  t = t + {n}\n  delay_until t"),
            8 => format!("x = load.u64 [{shared}]\n  mark note(x, a)"),
            9 => self.pick(&["fence.full", "fence.w", "fence.r", "fence.acq", "fence.rel", "barrier"]).into(),
            10 => format!("prefetchw [{shared}]\n  x = load.u64 [{shared}]"),
            11 => format!("a = call helper({n})"),
            12 => "irq_save off\n  a = a + 1\n  irq_restore off".into(),
            13 | 14 if self.short && self.raises => format!("raise {SOFT}"),
            13 if !self.short => format!("ipi.to {IPI}, {}", self.r.below(self.cores)),
            14 if !self.short => {
                let (to, what) = (self.pick(&["others", "all"]), [IPI, NMI][self.r.below(2) as usize]);
                format!("ipi.{to} {what}")
            }
            15 if !self.short => "one = one ^ 1\n  ipi.to 11, one\n  one = one ^ 1".into(),
            _ => return self.counted(&format!("i{k}"), &format!("top_{k}"), &format!("out_{k}")),
        };
        self.op(&line);
    }
}

/// A counted loop: first value, step, and the comparison that goes on.
struct Shape {
    from: i64,
    step: i64,
    cmp: &'static str,
    end: i64,
}
