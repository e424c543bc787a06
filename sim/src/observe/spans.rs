// SPDX-License-Identifier: MIT OR Apache-2.0
//! The observer of a window: what every context is doing, and once it records, all of it as slices.
//!
//! It is a probe of its own, so a run without it executes nothing of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use reports::trace::{Doing, Event, Flow, Span, Trace, Track, Value, What};
use sim_core::isa::{ContextKind, Detector, MarkKind, NO_DEADLINE, Pc, WaitKind};
use sim_core::ports::{Probe, Taken};
use sim_core::program::Program;
use sim_core::time::{Clock, Cycle};

use super::{Ending, SeenMark};
use crate::run::lock_name;

/// Tracks of a core: the context kinds, then its lines of the cache.
const TRACKS: usize = 5;
const CACHE: usize = 4;

/// Something with a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Business {
    /// An interrupt's handler: number of the interrupt, procedure, where it landed.
    Handler(u64, u16, Pc),
    /// A hook's body.
    Hook,
    /// An attempt on this lock.
    Attempt(u64),
    /// A wait for this lock, of this kind, for so many ns at most.
    Wait(u64, WaitKind, u64),
    /// This lock is held.
    Hold(u64),
}

/// A business that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// What.
    pub what: Business,
    /// Since when.
    pub since: Cycle,
    /// By the micro-op here.
    pub pc: Pc,
}

/// A context, with what it is doing: outermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextNow {
    /// Its kind.
    pub kind: ContextKind,
    /// What goes on.
    pub open: Vec<Open>,
}

impl ContextNow {
    /// The lock that it attempts, and since when.
    #[must_use]
    pub fn attempt(&self) -> Option<(u64, Cycle)> {
        self.open.iter().find_map(|o| if let Business::Attempt(lock) = o.what { Some((lock, o.since)) } else { None })
    }

    /// Where the interrupt landed in whose handler it is.
    #[must_use]
    pub fn landed(&self) -> Option<Pc> {
        self.open.iter().find_map(|o| if let Business::Handler(_, _, pc) = o.what { Some(pc) } else { None })
    }

    fn doing(&self) -> Doing {
        let of = |o: &Open| match o.what {
            Business::Handler(..) | Business::Hook => Doing::Other,
            Business::Attempt(_) => Doing::Acquiring,
            Business::Wait(_, WaitKind::Queued, _) => Doing::Queued,
            Business::Wait(_, WaitKind::Pending, _) => Doing::Pending,
            Business::Wait(..) => Doing::Spinning,
            Business::Hold(_) => Doing::Holding,
        };
        let waits = self.open.iter().map(of).filter(|d| *d != Doing::Holding).max().unwrap_or_default();
        if waits == Doing::Other { self.open.iter().map(of).max().unwrap_or_default() } else { waits }
    }
}

/// Something that was seen, for a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A mark.
    Mark(SeenMark),
    /// An interrupt was taken: when, core, kind, number of the interrupt, where it landed.
    Enter(Cycle, usize, ContextKind, u64, Pc),
    /// A handler returned.
    Leave(Cycle, usize, ContextKind),
}

impl Seen {
    /// When, and on which core.
    #[must_use]
    pub const fn at(&self) -> (Cycle, usize) {
        match *self {
            Seen::Mark(m) => (m.at, m.core),
            Seen::Enter(at, core, ..) | Seen::Leave(at, core, _) => (at, core),
        }
    }
}

/// What is recorded of a window.
#[derive(Clone, Debug, Default)]
struct Record {
    trace: Trace,
    flows: u64,
    /// By lock: the arrow from its last release.
    released: BTreeMap<u64, u64>,
    /// By line and core that it goes to: arrows under way.
    lines: BTreeMap<(u64, usize), Vec<u64>>,
    /// `[core]`: since when it does what.
    doing: Vec<(Cycle, Doing)>,
    handlers: Vec<(Cycle, Option<bool>)>,
}

/// Watches what contexts do.
#[derive(Clone, Debug)]
pub struct Collector {
    clock: Clock,
    program: Arc<Program>,
    /// `[number]`: names of the experiment's interrupts.
    interrupts: Vec<String>,
    stuck_over: u64,
    /// `[core]`: contexts, outermost first.
    cores: Vec<Vec<ContextNow>>,
    number: (u64, u16),
    record: Option<Box<Record>>,
    log: Option<Vec<Seen>>,
}

impl Collector {
    /// A watch from cycle 0 on.
    #[must_use]
    pub fn new(
        cpus: usize,
        clock: Clock,
        program: &Arc<Program>,
        interrupts: Vec<String>,
        stuck_over: u64,
    ) -> Collector {
        let program = Arc::clone(program);
        let cores = vec![vec![ContextNow { kind: ContextKind::Task, open: Vec::new() }]; cpus];
        Collector { clock, program, interrupts, stuck_over, cores, number: (0, 0), record: None, log: None }
    }

    /// `[core]`: contexts, outermost first.
    #[must_use]
    pub fn cores(&self) -> &[Vec<ContextNow>] {
        &self.cores
    }

    /// From here on everything seen is kept; gives back what was kept so far.
    pub fn keep_log(&mut self) -> Vec<Seen> {
        self.log.replace(Vec::new()).unwrap_or_default()
    }

    /// Records from here on: what goes on now is shown as if it began at `from`.
    pub fn start(&mut self, from: Cycle) {
        let cores = self.cores.len();
        let kinds = ContextKind::ALL.iter().map(|k| k.name()).chain(["cache"]);
        let names: Vec<&str> = kinds.collect();
        let tracks =
            (0..cores).flat_map(|c| names.iter().map(move |n| Track { core: c as u32, name: (*n).to_owned() }));
        let trace = Trace {
            cores: cores as u32,
            from_ns: self.clock.nanos(from),
            stuck_after_ns: self.clock.nanos(Cycle(self.stuck_over)),
            tracks: tracks.collect(),
            ..Trace::default()
        };
        let doing = vec![(from, Doing::Other); cores];
        let handlers = vec![(from, None); cores];
        self.record = Some(Box::new(Record { trace, doing, handlers, ..Record::default() }));
        for core in 0..cores {
            for level in self.cores[core].clone() {
                level.open.iter().for_each(|o| self.emit_begin(from, core, level.kind, o, Vec::new()));
            }
            self.note_state(from, core);
        }
    }

    /// How many events are recorded.
    #[must_use]
    pub fn recorded(&self) -> usize {
        self.record.as_ref().map_or(0, |r| r.trace.events.len())
    }

    /// Ends the window at `to` and gives what it holds.
    #[must_use]
    pub fn finish(mut self, to: Cycle) -> Trace {
        for core in 0..self.cores.len() {
            for level in (0..self.cores[core].len()).rev() {
                let ContextNow { kind, open } = self.cores[core][level].clone();
                for o in open.iter().rev() {
                    self.emit_end(to, core, kind);
                    self.note_stuck(to, core, o);
                }
            }
            self.cores[core].clear();
            self.note_state(to, core);
        }
        let mut trace = self.record.map_or_else(Trace::default, |r| r.trace);
        trace.to_ns = self.clock.nanos(to);
        let ended = |f: &Flow| if let Flow::To(id) = f { Some(*id) } else { None };
        let ends: BTreeSet<u64> = trace.events.iter().flat_map(|e| e.flows.iter().filter_map(ended)).collect();
        for e in &mut trace.events {
            e.flows.retain(|f| !matches!(f, Flow::From(id) if !ends.contains(id)));
        }
        trace.doing.sort_by_key(|s| (s.core, s.from_ns));
        trace.handlers.sort_by_key(|s| (s.core, s.from_ns));
        trace.stuck.sort_by_key(|s| (s.core, s.from_ns, s.to_ns));
        trace
    }

    /// A message about a lock's line reaches a core: one that takes the line away, or one that brings it or leave to write it.
    pub(crate) fn line(&mut self, at: Cycle, core: usize, line: u64, name: &str, requester: usize, takes: bool) {
        let what = lock_name(&self.program, line * sim_core::program::LINE_BYTES);
        let Some(r) = self.record.as_deref_mut() else { return };
        let flows = if takes {
            r.flows += 1;
            r.lines.entry((line, requester)).or_default().push(r.flows);
            vec![Flow::From(r.flows)]
        } else {
            r.lines.remove(&(line, core)).unwrap_or_default().into_iter().map(Flow::To).collect()
        };
        let args = vec![("cycle", Value::Number(at.0)), ("requester", Value::Text(format!("core {requester}")))];
        self.emit(at, core * TRACKS + CACHE, What::Instant, "line", format!("{name} {what}"), args, flows);
    }

    #[allow(clippy::too_many_arguments)] // The fields of an event.
    fn emit(
        &mut self,
        at: Cycle,
        track: usize,
        what: What,
        category: &'static str,
        name: String,
        args: Vec<(&'static str, Value)>,
        flows: Vec<Flow>,
    ) {
        let at_ns = self.clock.nanos(at);
        if let Some(r) = self.record.as_deref_mut() {
            r.trace.events.push(Event { at_ns, track, what, category, name, args, flows });
        }
    }

    /// `proc.label+n`, and file, line and text it was assembled from.
    fn place(&self, pc: Pc) -> [(&'static str, Value); 2] {
        [("at", Value::Text(self.program.place(pc))), ("line", Value::Text(source_line(&self.program, pc)))]
    }

    fn emit_begin(&mut self, at: Cycle, core: usize, kind: ContextKind, open: &Open, flows: Vec<Flow>) {
        if self.record.is_none() {
            return;
        }
        let lock = |lock: u64| lock_name(&self.program, lock);
        let mut args = vec![("cycle", Value::Number(open.since.0))];
        if open.since < at {
            args.push(("began_ns", Value::Number(self.clock.nanos(open.since))));
        }
        let (category, name) = match open.what {
            Business::Handler(number, handler, _) => {
                let by = self.interrupts.get(number as usize).cloned();
                let proc = self.program.procs.get(handler as usize).map(|p| p.name.clone());
                args.extend(proc.map(|p| ("handler", Value::Text(p))));
                ("handler", by.unwrap_or_else(|| kind.name().to_owned()))
            }
            Business::Hook => ("handler", "hook".to_owned()),
            Business::Attempt(l) => ("attempt", format!("attempt {}", lock(l))),
            Business::Wait(l, wait, deadline) => {
                if deadline != NO_DEADLINE {
                    args.push(("deadline_ns", Value::Number(deadline)));
                }
                ("wait", format!("wait {}: {}", lock(l), wait.name()))
            }
            Business::Hold(l) => ("hold", format!("hold {}", lock(l))),
        };
        args.extend(self.place(open.pc));
        self.emit(at, core * TRACKS + kind as usize, What::Begin, category, name, args, flows);
    }

    fn emit_end(&mut self, at: Cycle, core: usize, kind: ContextKind) {
        if self.record.is_some() {
            self.emit(at, core * TRACKS + kind as usize, What::End, "", String::new(), Vec::new(), Vec::new());
        }
    }

    fn instant(&mut self, m: &SeenMark, category: &'static str, name: String, flows: Vec<Flow>) {
        let kind = self.top(m.core).kind;
        let args = std::iter::once(("cycle", Value::Number(m.at.0))).chain(self.place(m.pc)).collect();
        self.emit(m.at, m.core * TRACKS + kind as usize, What::Instant, category, name, args, flows);
    }

    fn top(&mut self, core: usize) -> &mut ContextNow {
        self.cores[core].last_mut().expect("a core's task is always there")
    }

    fn begin(&mut self, m: &SeenMark, what: Business, flows: Vec<Flow>) {
        let open = Open { what, since: m.at, pc: m.pc };
        let kind = self.top(m.core).kind;
        self.top(m.core).open.push(open);
        self.emit_begin(m.at, m.core, kind, &open, flows);
    }

    /// Ends the innermost business of this sort in the running context. Those inside it go on: on their track they are
    /// interrupted for an instant, since slices have to nest.
    fn end(&mut self, at: Cycle, core: usize, is: impl Fn(&Business) -> bool) {
        let level = self.top(core);
        let kind = level.kind;
        let Some(i) = level.open.iter().rposition(|o| is(&o.what)) else { return };
        let inside = level.open.split_off(i + 1);
        let ended = level.open.pop();
        level.open.extend(&inside);
        (0..=inside.len()).for_each(|_| self.emit_end(at, core, kind));
        inside.iter().for_each(|o| self.emit_begin(at, core, kind, o, Vec::new()));
        if let Some(o) = ended {
            self.note_stuck(at, core, &o);
        }
    }

    fn end_wait(&mut self, m: &SeenMark) {
        self.end(m.at, m.core, |b| matches!(b, Business::Wait(l, ..) if *l == m.args[0]));
    }

    fn end_attempt(&mut self, m: &SeenMark) {
        self.end_wait(m);
        self.end(m.at, m.core, |b| matches!(b, Business::Attempt(_)));
    }

    fn note_stuck(&mut self, at: Cycle, core: usize, o: &Open) {
        let (is_attempt, long) = (matches!(o.what, Business::Attempt(_)), at.since(o.since) > self.stuck_over);
        let (from_ns, to_ns) = (self.clock.nanos(o.since), self.clock.nanos(at));
        if let Some(r) = self.record.as_deref_mut().filter(|_| is_attempt && long) {
            let from_ns = from_ns.max(r.trace.from_ns);
            r.trace.stuck.push(Span { core: core as u32, from_ns, to_ns, what: () });
        }
    }

    /// Notes what the core does now, and ends what it did.
    fn note_state(&mut self, at: Cycle, core: usize) {
        let Some(r) = self.record.as_deref_mut() else { return };
        let levels = &self.cores[core];
        let doing = levels.iter().rev().map(ContextNow::doing).find(|d| *d != Doing::Other).unwrap_or_default();
        let in_nmi = levels.iter().any(|l| l.kind == ContextKind::Nmi);
        let handler = (levels.len() > 1).then_some(in_nmi);
        let span = |since: Cycle| (self.clock.nanos(since), self.clock.nanos(at));
        let gone = levels.is_empty();
        let (since, before) = r.doing[core];
        if doing != before || gone {
            let (from_ns, to_ns) = span(since);
            if before != Doing::Other && to_ns > from_ns {
                r.trace.doing.push(Span { core: core as u32, from_ns, to_ns, what: before });
            }
            r.doing[core] = (at, doing);
        }
        let (since, before) = r.handlers[core];
        if handler != before || gone {
            let (from_ns, to_ns) = span(since);
            if let Some(what) = before.filter(|_| to_ns > from_ns) {
                r.trace.handlers.push(Span { core: core as u32, from_ns, to_ns, what });
            }
            r.handlers[core] = (at, handler);
        }
    }

    fn see(&mut self, m: &SeenMark) {
        let [lock, second, third] = m.args;
        let name = |c: &Collector| lock_name(&c.program, lock);
        match m.kind {
            MarkKind::Attempt => self.begin(m, Business::Attempt(lock), Vec::new()),
            MarkKind::Wait => {
                let kind = WaitKind::from_number(second).unwrap_or(WaitKind::HandOver);
                let same = |o: &Open| matches!(o.what, Business::Wait(l, k, d) if (l, k, d) == (lock, kind, third));
                if !self.top(m.core).open.iter().any(same) {
                    self.end_wait(m);
                    self.begin(m, Business::Wait(lock, kind, third), Vec::new());
                }
            }
            MarkKind::Resumed => self.end_wait(m),
            MarkKind::Held => {
                self.end_attempt(m);
                let arrow = self.record.as_deref_mut().and_then(|r| r.released.remove(&lock));
                self.begin(m, Business::Hold(lock), arrow.map(Flow::To).into_iter().collect());
            }
            MarkKind::Released => {
                let flow = self.record.as_deref_mut().map(|r| {
                    r.flows += 1;
                    r.released.insert(lock, r.flows);
                    Flow::From(r.flows)
                });
                let text = format!("release {}", name(self));
                self.instant(m, "hold", text, flow.into_iter().collect());
                self.end_wait(m);
                self.end(m.at, m.core, |b| *b == Business::Hold(lock));
            }
            MarkKind::Failed => {
                let by = Detector::from_number(third).map_or("?", Detector::name);
                let text = format!("{} by {by}", Ending::of_error(second).name());
                self.instant(m, "attempt", text, Vec::new());
                self.end_attempt(m);
            }
            MarkKind::Check => {
                let by = Detector::from_number(second).map_or("?", Detector::name);
                self.instant(m, "check", format!("check {by}"), Vec::new());
            }
            MarkKind::Found => {
                self.instant(m, "check", format!("found {}", Ending::of_error(second).name()), Vec::new())
            }
            MarkKind::Queued => {
                let text = if third == 0 { "leaves the queue of" } else { "joins the queue of" };
                self.instant(m, "wait", format!("{text} {}", name(self)), Vec::new());
            }
            MarkKind::Enter => {
                let kind = self.top(m.core).kind;
                self.cores[m.core].push(ContextNow { kind, open: Vec::new() });
                self.begin(m, Business::Hook, Vec::new());
            }
            MarkKind::Leave => self.leave_level(m.at, m.core),
            MarkKind::Note => self.instant(m, "note", format!("note {lock:#x}"), Vec::new()),
        }
        self.note_state(m.at, m.core);
    }

    fn leave_level(&mut self, at: Cycle, core: usize) {
        if self.cores[core].len() > 1
            && let Some(level) = self.cores[core].pop()
        {
            level.open.iter().for_each(|_| self.emit_end(at, core, level.kind));
        }
    }
}

/// File, line and text that a micro-op was assembled from.
#[must_use]
pub(crate) fn source_line(program: &Program, pc: Pc) -> String {
    program.source_line(pc).map_or_else(String::new, |(file, line, text)| format!("{file}:{line}: {text}"))
}

impl Probe for Collector {
    fn mark(&mut self, at: Cycle, core: usize, kind: MarkKind, args: [u64; 3], pc: Pc) {
        let m = SeenMark { at, core, kind, args, pc };
        if let Some(log) = self.log.as_mut() {
            log.push(Seen::Mark(m));
        }
        self.see(&m);
    }

    fn taken(&mut self, _: Cycle, _: usize, taken: &Taken) {
        self.number = (taken.number, taken.handler);
    }

    fn enter(&mut self, at: Cycle, core: usize, kind: ContextKind, pc: Pc) {
        let (number, handler) = self.number;
        if let Some(log) = self.log.as_mut() {
            log.push(Seen::Enter(at, core, kind, number, pc));
        }
        let open = Open { what: Business::Handler(number, handler, pc), since: at, pc };
        self.cores[core].push(ContextNow { kind, open: vec![open] });
        self.emit_begin(at, core, kind, &open, Vec::new());
        self.note_state(at, core);
    }

    fn leave(&mut self, at: Cycle, core: usize, kind: ContextKind, _: Cycle) {
        if let Some(log) = self.log.as_mut() {
            log.push(Seen::Leave(at, core, kind));
        }
        self.leave_level(at, core);
        self.note_state(at, core);
    }
}
