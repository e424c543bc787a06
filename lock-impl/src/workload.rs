// SPDX-License-Identifier: MIT OR Apache-2.0
//! Workload bodies to program text.
//!
//! The text is assembled together with the lock's, so bodies become the same micro-ops and can be
//! listed, attributed and explored like any other program. Conventions: the lock's program
//! exports `lock` and `unlock` and declares the structure `lock_word`; lock NAME becomes object
//! `lock_NAME`, payload NAME object `data_NAME`, the task of entry i procedure `task_i`, handler
//! NAME procedure `on_NAME`.

use std::fmt::Write;

use configs::{Dist, Experiment, Payload, Span, Step};

/// The procedures of the lock's program that a body calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockProcs {
    /// Takes the lock's address, returns 0 or an error number.
    pub lock: String,
    /// Takes the lock's address.
    pub unlock: String,
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

/// Name of the object of a lock.
#[must_use]
pub fn lock_object(name: &str) -> String {
    format!("lock_{name}")
}

/// Name of the object of a payload.
#[must_use]
pub fn payload_object(name: &str) -> String {
    format!("data_{name}")
}

/// The program text of an experiment's locks, payload, tasks and handlers.
///
/// `Load` reads a word of the payload; `Store` writes the word read last plus one, so that a
/// payload used as a counter shows at the end whether any critical section was lost.
#[must_use]
pub fn text(experiment: &Experiment, procs: &LockProcs) -> String {
    let mut w = Writer {
        out: String::from("# Made from the experiment's workload.\n"),
        khz: experiment.machine.clock.khz(),
        payload: &experiment.payload,
        procs,
        names: 0,
        depth: 1,
    };
    for name in &experiment.locks {
        w.top(format_args!("object {}: lock_word", lock_object(name)));
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
    w.out
}

struct Writer<'a> {
    out: String,
    khz: u64,
    payload: &'a [Payload],
    procs: &'a LockProcs,
    names: usize,
    depth: usize,
}

impl Writer<'_> {
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

    fn procedure(&mut self, name: &str, body: &[Step]) {
        self.top(format_args!("\nproc {name}() {{"));
        self.op("v = 0");
        self.steps(body);
        self.label("end");
        self.op("ret");
        self.top(format_args!("}}"));
    }

    fn steps(&mut self, body: &[Step]) {
        for step in body {
            self.step(step);
        }
    }

    fn block(&mut self, body: &[Step]) {
        self.depth += 1;
        self.steps(body);
        self.depth -= 1;
    }

    fn step(&mut self, step: &Step) {
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
            Step::IrqOff(body) => {
                let k = self.fresh();
                self.op(format!("irq_save flag_{k}"));
                self.block(body);
                self.op(format!("irq_restore flag_{k}"));
            }
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

    fn critical(&mut self, lock: &str, body: &[Step], on_error: &[Step]) {
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

    fn word(&self, target: &str) -> String {
        let found = self.payload.iter().find_map(|p| Some((p, p.offset_of(target)?)));
        let (p, offset) = found.expect("validation has found the payload");
        format!("{}.word[{}]", payload_object(&p.name), offset / 8)
    }
}
