// SPDX-License-Identifier: MIT OR Apache-2.0
//! Workload bodies to program text.
//!
//! The text is assembled together with the lock's, so bodies become the same micro-ops and can be
//! listed, attributed and explored like any other program. Conventions: the lock's program
//! exports `lock` and `unlock` and declares the structure of a lock; lock NAME becomes object
//! `lock_NAME`, payload NAME object `data_NAME`, the task of entry i procedure `task_i`, handler
//! NAME procedure `on_NAME`. The timer tick is procedure `tick`, that of the timekeeping core `tick_timekeeper`; the
//! latter calls `write_clock` if the lock's program has the option [`TICK_OPTION`], which is switched on then. The body of
//! hook NAME is procedure `hook_NAME(object, value)`, called by the program where its option `hook_NAME` is on. A core that
//! runs it does not start it again: a count per core and hook, as kernels have for their programs. Guards are counts of the same
//! kind that an experiment's bodies name.

use std::fmt::Write;

use configs::{Dist, Experiment, Interrupt, Payload, Span, Step, To};
use sim_core::program::Source;

/// The procedures of the lock's program that a body calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockProcs {
    /// Takes the lock's address, returns 0 or an error number.
    pub lock: String,
    /// Takes the lock's address.
    pub unlock: String,
    /// The structure of a lock.
    pub word: String,
}

/// Name of the procedure of the `index`-th task entry.
#[must_use]
pub fn task_proc(index: usize) -> String {
    format!("task_{index}")
}

/// Name of the procedure of a handler.
#[must_use]
pub fn handler_proc(name: &str) -> String {
    format!("on_{name}")
}

/// Option of a lock's program that has a clock with a line in memory: it declares `write_clock()` in it.
pub const TICK_OPTION: &str = "timekeeper_tick";

/// Option of a lock's program whose wait state must be kept apart for maskable handlers that interrupt each other.
pub const NESTED_OPTION: &str = "nested_hardirqs";

/// Option of a lock's program whose waits with a deadline rely on the timer's event stream.
pub const EVENT_STREAM_OPTION: &str = "event_stream";

/// Name of the procedure of the timer tick, on the timekeeping core or another.
#[must_use]
pub const fn tick_proc(timekeeper: bool) -> &'static str {
    if timekeeper { "tick_timekeeper" } else { "tick" }
}

/// Name of the procedure of a hook's body, and of the option that switches its calls on.
#[must_use]
pub fn hook_proc(name: &str) -> String {
    format!("hook_{name}")
}

/// Hooks that do nothing, for those of these options that switch a hook's calls on: a lock's program assembles with
/// them without an experiment.
#[must_use]
pub fn empty_hooks(enabled: &[String]) -> Option<Source> {
    let hooks = enabled.iter().filter(|o| o.starts_with(&hook_proc("")));
    let text: String = hooks.map(|o| format!("proc {o}(object, value) {{\n  ret\n}}\n")).collect();
    (!text.is_empty()).then(|| Source { name: "(hooks)".into(), text })
}

/// True if handlers of maskable interrupts can interrupt each other.
#[must_use]
pub fn nests(experiment: &Experiment) -> bool {
    fn has(steps: &[Step]) -> bool {
        steps.iter().any(|s| match s {
            Step::IrqOn(_) => true,
            Step::Critical { body, on_error: other, .. } | Step::Guarded { body, on_busy: other, .. } => {
                has(body) || has(other)
            }
            Step::IrqOff(body) | Step::Loop { body, .. } | Step::Forever(body) => has(body),
            _ => false,
        })
    }
    experiment.handlers.iter().any(|(_, b)| has(b)) || experiment.tick.as_ref().is_some_and(|t| has(&t.body))
}

/// Name of the object of a lock.
#[must_use]
pub fn lock_object(name: &str) -> String {
    format!("lock_{name}")
}

/// The payload word, and its offset there, in which every critical section of an experiment counts: each has a `Load` of it and then
/// a `Store`, once and directly in its body, and nothing else touches it. None if there is no such word.
#[must_use]
pub fn counter(e: &Experiment) -> Option<(String, u64)> {
    let bodies = || e.workload.tasks.iter().map(|t| &t.body).chain(e.handlers.iter().map(|(_, b)| b));
    let hooks = e.hooks.iter().map(|(_, b)| b);
    let mut sections: Vec<&Vec<Step>> = Vec::new();
    let mut others: Vec<&Step> = Vec::new();
    let mut todo: Vec<&Step> = bodies().chain(hooks).flatten().collect();
    while let Some(step) = todo.pop() {
        match step {
            Step::Critical { body, on_error, .. } => {
                sections.push(body);
                todo.extend(on_error);
                todo.extend(body);
            }
            Step::Lock(_) | Step::Unlock(_) => return None,
            Step::IrqOff(body) | Step::IrqOn(body) | Step::Forever(body) | Step::Loop { body, .. } => todo.extend(body),
            Step::Guarded { body, on_busy, .. } => todo.extend(body.iter().chain(on_busy)),
            _ => others.push(step),
        }
    }
    let [Step::Load(word), ..] = sections.first()?.as_slice() else { return None };
    let touches = |s: &Step| match s {
        Step::Load(w) | Step::Store(w) | Step::Add(w) => w == word,
        Step::Set { word: w, .. } | Step::Await { word: w, .. } => w == word,
        _ => false,
    };
    let counts = |body: &&Vec<Step>| {
        matches!(body.as_slice(), [Step::Load(a), Step::Store(b), ..] if a == word && b == word)
            && body[2..].iter().all(|s| !touches(s))
    };
    let touched = others.iter().filter(|s| touches(s)).count();
    if !sections.iter().all(counts) || touched != 2 * sections.len() {
        return None;
    }
    e.payload.iter().find_map(|p| Some((p.name.clone(), p.offset_of(word)?)))
}

/// Name of the object of a payload.
#[must_use]
pub fn payload_object(name: &str) -> String {
    format!("data_{name}")
}

/// The program text of an experiment's locks, payload, tasks and handlers.
///
/// `Load` reads a word of the payload; `Store` writes the word read last plus one, so that a
/// payload used as a counter shows at the end whether any critical section was lost. `writes_clock`: the lock's program
/// has [`TICK_OPTION`].
#[must_use]
pub fn text(experiment: &Experiment, procs: &LockProcs, writes_clock: bool) -> String {
    let mut w = Writer {
        out: String::from("# Made from the experiment's workload.\n"),
        khz: experiment.machine.clock.khz(),
        payload: &experiment.payload,
        interrupts: &experiment.interrupts,
        procs,
        guards: Vec::new(),
        names: 0,
        depth: 1,
    };
    for name in &experiment.locks {
        w.top(format_args!("object {}: {}", lock_object(name), procs.word));
    }
    for p in &experiment.payload {
        let object = payload_object(&p.name);
        let words = p.bytes.0.div_ceil(8);
        w.top(format_args!("struct {object}_t align 64 kind payload {{ word: [u64; {words}] }}"));
        w.top(format_args!("object {object}: {object}_t"));
    }
    for (i, task) in experiment.workload.tasks.iter().enumerate() {
        w.procedure(&task_proc(i), &task.body);
    }
    for (name, body) in experiment.handlers.iter() {
        w.procedure(&handler_proc(name), body);
    }
    if let Some(tick) = &experiment.tick {
        w.procedure(tick_proc(false), &tick.body);
        w.tick_of_timekeeper(&tick.body, writes_clock);
    }
    if !experiment.hooks.is_empty() {
        let n = experiment.hooks.len();
        w.top(format_args!("\nstruct hooks percpu align 64 kind other {{ running: [u32; {n}] }}"));
    }
    for (i, (name, body)) in experiment.hooks.iter().enumerate() {
        w.hook(i, &hook_proc(name), body);
    }
    if !w.guards.is_empty() {
        let n = w.guards.len();
        w.top(format_args!("\nstruct guards percpu align 64 kind other {{ taken: [u32; {n}] }}"));
    }
    w.out
}

struct Writer<'a> {
    out: String,
    khz: u64,
    payload: &'a [Payload],
    interrupts: &'a [Interrupt],
    procs: &'a LockProcs,
    /// Names of the guards, by number.
    guards: Vec<&'a str>,
    names: usize,
    depth: usize,
}

impl<'a> Writer<'a> {
    fn top(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.out, "{line}");
    }

    fn op(&mut self, line: impl AsRef<str>) {
        let indent = "  ".repeat(self.depth);
        let _ = writeln!(self.out, "{indent}{}", line.as_ref());
    }

    fn label(&mut self, name: &str) {
        let _ = writeln!(self.out, "{name}:");
    }

    fn fresh(&mut self) -> usize {
        self.names += 1;
        self.names - 1
    }

    fn procedure(&mut self, name: &str, body: &'a [Step]) {
        self.top(format_args!("\nproc {name}() {{"));
        self.op("v = 0");
        self.steps(body);
        self.label("end");
        self.op("ret");
        self.top(format_args!("}}"));
    }

    fn tick_of_timekeeper(&mut self, body: &'a [Step], writes_clock: bool) {
        self.top(format_args!("\nproc {}() {{", tick_proc(true)));
        self.op("v = 0");
        if writes_clock {
            self.op("call write_clock()");
        }
        self.steps(body);
        self.label("end");
        self.op("ret");
        self.top(format_args!("}}"));
    }

    fn hook(&mut self, index: usize, name: &str, body: &'a [Step]) {
        self.top(format_args!("\nproc {name}(object, value) {{"));
        self.op(format!("running = local_add.u32 [cpu.hooks.running[{index}]], 1"));
        self.op("if running != 1 goto missed");
        self.op("v = 0");
        self.op("mark enter()");
        self.steps(body);
        self.label("end");
        self.op("mark leave()");
        self.label("missed");
        self.op(format!("local_add.u32 [cpu.hooks.running[{index}]], -1"));
        self.op("ret");
        self.top(format_args!("}}"));
    }

    fn steps(&mut self, body: &'a [Step]) {
        for step in body {
            self.step(step);
        }
    }

    fn block(&mut self, body: &'a [Step]) {
        self.depth += 1;
        self.steps(body);
        self.depth -= 1;
    }

    fn step(&mut self, step: &'a Step) {
        match step {
            Step::Critical { lock, body, on_error } => self.critical(lock, body, on_error),
            Step::Lock(lock) => {
                self.op(format!("got_{lock} = call {}({})", self.procs.lock, lock_object(lock)));
            }
            Step::Unlock(lock) => {
                let k = self.fresh();
                self.op(format!("if got_{lock} goto not_held_{k}"));
                self.op(format!("call {}({})", self.procs.unlock, lock_object(lock)));
                self.label(&format!("not_held_{k}"));
            }
            Step::Work(dist) => {
                let span = self.cycles(dist);
                self.op(format!("work {span}"));
            }
            Step::Delay(dist) => self.delay(dist),
            Step::Load(target) => {
                let word = self.word(target);
                self.op(format!("v = load.u64 [{word}]"));
            }
            Step::Store(target) => {
                let word = self.word(target);
                self.op("v = v + 1");
                self.op(format!("store.u64 [{word}], v"));
            }
            Step::Add(target) => {
                let word = self.word(target);
                self.op(format!("fetch_add.u64 [{word}], 1"));
            }
            Step::Set { word, value } => {
                let word = self.word(word);
                self.op(format!("store.u64.rel [{word}], {value}"));
            }
            Step::Await { word, at_least } => {
                let (k, word) = (self.fresh(), self.word(word));
                self.label(&format!("await_{k}"));
                self.op(format!("seen_{k} = load.u64.acq [{word}]"));
                self.op(format!("if seen_{k} >= {at_least} goto enough_{k}"));
                self.op("pause");
                self.op(format!("goto await_{k}"));
                self.label(&format!("enough_{k}"));
            }
            Step::Ipi { to, interrupt } => {
                let number = self.number(interrupt);
                self.op(match to {
                    To::Cpu(cpu) => format!("ipi.to {number}, {cpu}"),
                    To::Others => format!("ipi.others {number}"),
                    To::All => format!("ipi.all {number}"),
                });
            }
            Step::Raise(interrupt) => {
                let number = self.number(interrupt);
                self.op(format!("raise {number}"));
            }
            Step::IrqOn(body) => {
                let k = self.fresh();
                self.op(format!("irq_save flag_{k}"));
                self.op("irq_restore 1");
                self.block(body);
                self.op(format!("irq_save on_{k}"));
                self.op(format!("irq_restore flag_{k}"));
            }
            Step::IrqOff(body) => {
                let k = self.fresh();
                self.op(format!("irq_save flag_{k}"));
                self.block(body);
                self.op(format!("irq_restore flag_{k}"));
            }
            Step::Guarded { guard, body, on_busy } => self.guarded(guard, body, on_busy),
            Step::Loop { times, body } => {
                let k = self.fresh();
                self.op(format!("left_{k} = {times}"));
                self.label(&format!("loop_{k}"));
                self.block(body);
                self.op(format!("left_{k} = left_{k} - 1"));
                self.op(format!("if left_{k} goto loop_{k}"));
            }
            Step::Forever(body) => {
                let k = self.fresh();
                self.label(&format!("forever_{k}"));
                self.op(format!("stop_{k} = stopping"));
                self.op(format!("if stop_{k} goto end"));
                self.block(body);
                self.op(format!("goto forever_{k}"));
            }
            Step::Wait => self.op("halt"),
            // A task that has ended sleeps for good and still takes interrupts.
            Step::Halt => self.op("goto end"),
        }
    }

    fn guarded(&mut self, guard: &'a str, body: &'a [Step], on_busy: &'a [Step]) {
        let k = self.fresh();
        let index = self.guards.iter().position(|g| *g == guard).unwrap_or_else(|| {
            self.guards.push(guard);
            self.guards.len() - 1
        });
        self.op(format!("depth_{k} = local_add.u32 [cpu.guards.taken[{index}]], 1"));
        self.op(format!("if depth_{k} != 1 goto busy_{k}"));
        self.block(body);
        self.op(format!("goto leave_{k}"));
        self.label(&format!("busy_{k}"));
        self.block(on_busy);
        self.label(&format!("leave_{k}"));
        self.op(format!("local_add.u32 [cpu.guards.taken[{index}]], -1"));
    }

    fn critical(&mut self, lock: &str, body: &'a [Step], on_error: &'a [Step]) {
        let k = self.fresh();
        let object = lock_object(lock);
        self.op(format!("err_{k} = call {}({object})", self.procs.lock));
        self.op(format!("if err_{k} goto failed_{k}"));
        self.block(body);
        self.op(format!("call {}({object})", self.procs.unlock));
        if on_error.is_empty() {
            self.label(&format!("failed_{k}"));
            return;
        }
        self.op(format!("goto done_{k}"));
        self.label(&format!("failed_{k}"));
        self.block(on_error);
        self.label(&format!("done_{k}"));
    }

    /// An operand of `work`: a constant, or a register that was drawn into.
    fn cycles(&mut self, dist: &Dist) -> String {
        let cy = |s: &Span| s.cycles(self.khz);
        let law = match dist {
            Dist::Fixed(s) => return format!("{}cy", cy(s)),
            Dist::Uniform(a, b) => format!("uniform({}cy, {}cy)", cy(a), cy(b)),
            Dist::Exp(mean) => format!("exp({}cy)", cy(mean)),
        };
        let k = self.fresh();
        // A declaration is allowed only outside procedures: it goes before everything.
        self.out.insert_str(0, &format!("dist span_{k} = {law}\n"));
        self.op(format!("span_{k}_drawn = draw span_{k}"));
        format!("span_{k}_drawn")
    }

    fn delay(&mut self, dist: &Dist) {
        let k = self.fresh();
        let nanos = if let Dist::Fixed(s) = dist {
            s.nanos(self.khz).to_string()
        } else {
            let drawn = self.cycles(dist);
            self.op(format!("wait_{k} = {drawn} * 1000000"));
            self.op(format!("wait_{k} = wait_{k} / {}", self.khz));
            format!("wait_{k}")
        };
        self.op(format!("until_{k} = clock_ns"));
        self.op(format!("until_{k} = until_{k} + {nanos}"));
        self.op(format!("delay_until until_{k}"));
    }

    /// Number of an interrupt: its place in the experiment.
    fn number(&self, interrupt: &str) -> usize {
        let found = self.interrupts.iter().position(|x| x.name == interrupt);
        found.expect("validation has found the interrupt")
    }

    fn word(&self, target: &str) -> String {
        let found = self.payload.iter().find_map(|p| Some((p, p.offset_of(target)?)));
        let (p, offset) = found.expect("validation has found the payload");
        format!("{}.word[{}]", payload_object(&p.name), offset / 8)
    }
}
