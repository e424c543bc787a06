// SPDX-License-Identifier: MIT OR Apache-2.0
//! The words of a story.

use std::fmt::Write;

use reports::Record;
use sim_core::isa::{Detector, MarkKind, NO_DEADLINE, Pc, WaitKind};
use sim_core::program::Program;
use sim_core::time::{Clock, Cycle};

use super::{Note, Told};
use crate::observe::{Business, ContextNow, Ending, Seen, SeenMark, source_line};
use crate::run::lock_name;

const WIDTH: usize = 78;
/// Columns before the text of an event.
const INDENT: usize = 16;
/// Of more events of others in a row than twice this, the middle is left out.
const SHOWN: usize = 8;

/// What was run, and whether it went as the record says.
pub(super) fn head(record: &Record, same: bool, kept: usize, told: usize) -> String {
    let mut text = format!(
        "{}: stage {}, seed {}, {} on {} with {} CPUs\n",
        record.experiment, record.stage, record.seed, record.lock, record.machine, record.cpus
    );
    text += &if same {
        "Made again: every figure is the record's.".to_owned()
    } else {
        format!(
            "WARNING: made again by rqsim {}, this run has other figures than the record, which rqsim {} made. What follows \
             is the run of this version.",
            crate::VERSION,
            record.version
        )
    };
    text +=
        &format!("\nThe longest attempts, {told} of the {kept} that are kept. Times are since the attempt's begin.\n");
    reports::wrap(&text, WIDTH).join("\n") + "\n"
}

fn time(ns: u64) -> String {
    match ns {
        ..10_000 => format!("{ns} ns"),
        10_000..10_000_000 => format!("{}.{} us", ns / 1000, ns % 1000 / 100),
        _ => format!("{}.{:03} ms", ns / 1_000_000, ns / 1000 % 1000),
    }
}

struct Teller<'a> {
    program: &'a Program,
    clock: Clock,
    began: Cycle,
    interrupts: &'a [String],
    out: String,
    /// Lines of others that wait to be said.
    others: Vec<(Cycle, String)>,
    /// Looks of the attempt's own since the last other thing it did.
    looks: Vec<(Cycle, &'static str, bool)>,
}

impl Teller<'_> {
    fn span(&self, cycles: u64) -> String {
        time(self.clock.nanos(Cycle(cycles)))
    }

    fn line(&mut self, at: Cycle, text: &str) {
        let since = format!("+{}", self.span(at.since(self.began)));
        self.raw(&since, text);
    }

    fn raw(&mut self, left: &str, text: &str) {
        for (i, line) in reports::wrap(text, WIDTH - INDENT).iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = writeln!(self.out, "{:>w$}  {line}", if i == 0 { left } else { "" }, w = INDENT - 2);
        }
    }

    fn lock(&self, lock: u64) -> String {
        lock_name(self.program, lock)
    }

    fn place(&self, pc: Pc) -> String {
        format!("{} ({})", self.program.place(pc), source_line(self.program, pc))
    }

    fn interrupt(&self, number: u64, kind: &str) -> String {
        self.interrupts.get(number as usize).map_or_else(|| kind.to_owned(), |n| format!("{kind} {n}"))
    }

    /// Says what the attempt looked for and what others did until now, in the order of time.
    fn flush(&mut self) {
        let others = std::mem::take(&mut self.others);
        let mut lines = self.looks_until_now();
        let (all, long) = (others.len(), others.len() > 2 * SHOWN + 1);
        for (i, (at, text)) in others.into_iter().enumerate() {
            if long && i == SHOWN {
                lines.push((at, false, format!("{} more events of others", all - 2 * SHOWN)));
            }
            if !long || i < SHOWN || i >= all - SHOWN {
                lines.push((at, true, text));
            }
        }
        lines.sort_by_key(|l| l.0);
        for (at, timed, text) in lines {
            if timed { self.line(at, &text) } else { self.raw("...", &text) }
        }
    }

    /// Looks that have not been said: when, whether that is said, what.
    fn looks_until_now(&mut self) -> Vec<(Cycle, bool, String)> {
        let looks = std::mem::take(&mut self.looks);
        let Some((last, rest)) = looks.split_last() else { return Vec::new() };
        let one = |(at, by, on_one): &(Cycle, &str, bool)| {
            let saw = if *on_one { "though it is on one" } else { "and is on none" };
            (*at, true, format!("looks for a deadlock ({by}): sees none, {saw}"))
        };
        let mut lines: Vec<_> = rest.first().map(one).into_iter().collect();
        if let Some(second) = rest.get(1) {
            let on_one = rest[1..].iter().filter(|l| l.2).count();
            let mut by: Vec<&str> = rest[1..].iter().map(|l| l.1).collect();
            by.sort_unstable();
            by.dedup();
            let (times, by) = (rest.len() - 1, by.join(", "));
            let text = format!("looks {times} times more ({by}) and sees none; {on_one} times it is on one");
            lines.push((second.0, false, text));
        }
        lines.push(one(last));
        lines
    }

    fn context(&self, c: &ContextNow, now: Cycle) -> Vec<String> {
        let mut out = Vec::new();
        for o in &c.open {
            let since = self.span(now.since(o.since));
            match o.what {
                Business::Hold(l) => out.push(format!("holds {} for {since}", self.lock(l))),
                Business::Attempt(l) => out.push(format!("has attempted {} for {since}", self.lock(l))),
                Business::Wait(_, kind, _) => out.push(format!("waits ({}) for {since}", kind.name())),
                Business::Handler(..) | Business::Hook => {}
            }
        }
        out
    }

    fn before(&mut self, told: &Told) {
        let (a, began) = (&told.attempt, self.began);
        let mut nobody = true;
        for (core, levels) in told.before.iter().enumerate() {
            for (depth, c) in levels.iter().enumerate() {
                if core != a.cpu && !c.open.iter().any(|o| concerns(&o.what, a.lock)) {
                    continue;
                }
                nobody &= !c.open.iter().any(|o| o.what == Business::Hold(a.lock));
                let does = self.context(c, began);
                let mut text = format!("cpu {core} {}", c.kind.name());
                if let Some(pc) = c.landed() {
                    let by = c.open.iter().find_map(|o| match o.what {
                        Business::Handler(n, ..) => Some((n, o.since)),
                        _ => None,
                    });
                    let (number, since) = by.unwrap_or((u64::MAX, began));
                    text += &format!(
                        ": {} landed {} before, at {}",
                        self.interrupt(number, c.kind.name()),
                        self.span(began.since(since)),
                        self.place(pc)
                    );
                }
                if !does.is_empty() {
                    text += &format!(": {}", does.join(", "));
                }
                if c.landed().is_some() || !does.is_empty() || depth + 1 < levels.len() {
                    if depth + 1 < levels.len() {
                        text += ", interrupted";
                    }
                    self.raw("before", &text);
                }
            }
        }
        if nobody {
            let text = format!("nobody holds {}", self.lock(a.lock));
            self.raw("before", &text);
        }
    }

    /// What somebody else did about the lock.
    fn other(&mut self, m: &SeenMark, kind: &str) {
        let [_, a, b] = m.args;
        let what = match m.kind {
            MarkKind::Attempt => "begins an attempt".to_owned(),
            MarkKind::Held => "gets the lock".to_owned(),
            MarkKind::Released => "releases the lock".to_owned(),
            MarkKind::Wait => format!("waits: {}", WaitKind::from_number(a).map_or("?", WaitKind::name)),
            MarkKind::Queued if b != 0 => "joins the queue".to_owned(),
            MarkKind::Failed => {
                format!(
                    "fails: {} by {}",
                    Ending::of_error(a).name(),
                    Detector::from_number(b).map_or("?", Detector::name)
                )
            }
            _ => return,
        };
        self.others.push((m.at, format!("cpu {} {kind} {what}", m.core)));
    }

    /// What the attempt itself did.
    fn own(&mut self, m: &SeenMark, looked: bool, attempts: u64) {
        let [lock, a, b] = m.args;
        if m.kind == MarkKind::Check {
            let by = Detector::from_number(a).map_or("?", Detector::name);
            self.looks.push((m.at, by, looked));
            return;
        }
        let place = self.place(m.pc);
        let deadline =
            if b == NO_DEADLINE { ", without a deadline".to_owned() } else { format!(", for {} at most", time(b)) };
        let text = match m.kind {
            MarkKind::Attempt => format!("it begins at {place}"),
            MarkKind::Wait => {
                format!("waits ({}){deadline}, at {place}", WaitKind::from_number(a).map_or("?", WaitKind::name))
            }
            MarkKind::Resumed => "goes on".to_owned(),
            MarkKind::Queued if b == 0 => "leaves the queue".to_owned(),
            MarkKind::Queued if a == 0 => "joins the queue, which was empty".to_owned(),
            MarkKind::Queued => format!("joins the queue behind tail {a:#x}"),
            MarkKind::Held if lock == attempts => format!("IT HAS THE LOCK, at {place}"),
            MarkKind::Found => match self.looks.pop() {
                Some((at, by, _))
                    if !Detector::ALL.iter().any(|d| d.is_deadline() && d.name() == by)
                        && a == sim_core::isa::EDEADLK =>
                {
                    self.flush();
                    self.line(at, &format!("looks for a deadlock ({by}): sees one"));
                    format!("decides on EDEADLK, at {place}")
                }
                last => {
                    self.looks.extend(last);
                    format!("decides on {}, at {place}", Ending::of_error(a).name())
                }
            },
            MarkKind::Failed => format!(
                "IT ENDS WITH {} by {}, at {place}",
                Ending::of_error(a).name(),
                Detector::from_number(b).map_or("?", Detector::name)
            ),
            _ => return,
        };
        self.flush();
        self.line(m.at, &text);
    }
}

fn concerns(what: &Business, lock: u64) -> bool {
    matches!(what, Business::Attempt(l) | Business::Wait(l, ..) | Business::Hold(l) if *l == lock)
}

/// Tells one attempt.
pub(super) fn story(number: usize, told: &Told, program: &Program, clock: Clock, interrupts: &[String]) -> String {
    let a = &told.attempt;
    let out = String::new();
    let mut t = Teller { program, clock, began: a.began, interrupts, out, others: Vec::new(), looks: Vec::new() };
    let head = format!(
        "\n{number}. cpu {} {}, lock {}: {} after {}; it began at {} ns",
        a.cpu,
        a.context.name(),
        t.lock(a.lock),
        a.ending.name(),
        t.span(a.lasted),
        clock.nanos(a.began),
    );
    t.out = reports::wrap(&head, WIDTH).join("\n") + "\n";
    t.before(told);
    // `[core]`: kinds of its contexts, outermost first; the attempt's own is at `own`.
    let mut kinds: Vec<Vec<&str>> =
        told.before.iter().map(|levels| levels.iter().map(|c| c.kind.name()).collect()).collect();
    let holds =
        |levels: &Vec<ContextNow>| levels.iter().any(|c| c.open.iter().any(|o| o.what == Business::Hold(a.lock)));
    let mut owner = told.before.iter().position(holds);
    let mut own = None;
    let mut notes = told.notes.iter().peekable();
    let mut is_over = false;
    for s in &told.seen {
        let (at, core) = s.at();
        // The verdict comes with its mark, what has formed before the next thing.
        let mut looked = false;
        let mut verdict = None;
        while let Some((when, note)) = notes.next_if(|n| n.0 < at || n.0 == at && !matches!(n.1, Note::Formed(_))) {
            match note {
                Note::Formed(text) => t.others.push((*when, format!("[{text}]"))),
                Note::Looked(who, on_one) if *who == a.cpu => looked = *on_one,
                Note::Verdict(who, text) if *who == a.cpu => verdict = Some(text),
                Note::Looked(..) | Note::Verdict(..) => {}
            }
        }
        if is_over {
            break;
        }
        match *s {
            Seen::Mark(m) => {
                if m.core == a.cpu && own.is_none() && m.kind == MarkKind::Attempt && at == a.began {
                    own = Some(kinds[core].len());
                }
                if m.core == a.cpu && own == Some(kinds[core].len()) {
                    t.own(&m, looked, a.lock);
                    is_over = matches!(m.kind, MarkKind::Held | MarkKind::Failed) && m.args[0] == a.lock;
                    if let Some(text) = verdict.filter(|_| m.kind == MarkKind::Failed) {
                        t.raw("", &format!("[the wait-for graph's verdict: {text}]"));
                    }
                } else if m.args[0] == a.lock {
                    let kind = kinds[core].last().copied().unwrap_or("?");
                    t.other(&m, kind);
                }
                match m.kind {
                    MarkKind::Held if m.args[0] == a.lock => owner = Some(core),
                    MarkKind::Released if m.args[0] == a.lock => owner = None,
                    MarkKind::Enter => kinds[core].push("hook"),
                    MarkKind::Leave => drop(kinds[core].pop()),
                    _ => {}
                }
            }
            Seen::Enter(_, _, kind, n, pc) => {
                let text = format!("cpu {core}: {} lands at {}", t.interrupt(n, kind.name()), t.place(pc));
                if core == a.cpu || owner == Some(core) {
                    t.others.push((at, text + if owner == Some(core) { ", in the lock's owner" } else { "" }));
                }
                kinds[core].push(kind.name());
            }
            Seen::Leave(_, _, kind) => {
                if core == a.cpu || owner == Some(core) {
                    t.others.push((at, format!("cpu {core}: {} returns", kind.name())));
                }
                kinds[core].pop();
            }
        }
    }
    t.flush();
    if !is_over {
        t.line(a.began.after(a.lasted), "the run ends, and it has not ended");
    }
    t.out
}
