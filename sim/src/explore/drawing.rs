// SPDX-License-Identifier: MIT OR Apache-2.0
//! A path of the explored graph as a trace and a time line: a step is a microsecond there, which says nothing about time.

use reports::trace::{Doing, Event, Flow, Span, Trace, Track, Value, What};
use sim_core::isa::{ContextKind, WaitKind};
use sim_core::program::Program;
use sim_core::untimed::{CoreState, Stage, Step, TraceStep};

use super::Path;
use super::story::{changes, place};

/// Length of a step in the drawing.
const STEP_NS: u64 = 1000;
/// The track of a core's stores.
const STORES: &str = "stores";

/// The trace of a path; `what` says what it leads to.
#[must_use]
pub fn draw(path: &Path, title: &str, what: &str) -> Trace {
    let program = &path.program;
    let cores = path.first.cores.len();
    let tracks = tracks(&path.steps, cores);
    let track = |core: usize, name: &str| {
        let found = tracks.iter().position(|t| t.core as usize == core && t.name == name);
        found.expect("every step has a track")
    };
    let mut events = Vec::new();
    let mut before = &path.first;
    for (n, step) in path.steps.iter().enumerate() {
        let (from, core) = (n as u64 * STEP_NS, step.core);
        let name = match step.step {
            Step::Drain { .. } => STORES,
            _ => step.kind.name(),
        };
        let track = track(core, name);
        let event = |at_ns, what, category, name: String, args| Event {
            at_ns,
            track,
            what,
            category,
            name,
            args,
            flows: Vec::<Flow>::new(),
        };
        let news = changes(&before.cores[core], &step.after.cores[core], program);
        let mut args = vec![("step", Value::Number(n as u64 + 1))];
        args.extend(news.into_iter().map(|n| ("changes", Value::Text(n))));
        args.extend(
            step.pcs.iter().filter(|pc| !program.is_mark(**pc)).map(|pc| ("line", Value::Text(place(program, *pc)))),
        );
        match step.step {
            Step::Land { .. } => {
                let kind = step.after.cores[core].contexts.last().map_or("", |c| c.kind.name());
                events.push(event(from, What::Instant, "handler", format!("{kind} lands"), args));
            }
            Step::Drain { .. } => {
                events.push(event(from, What::Begin, "store", "becomes visible".to_owned(), args));
                events.push(event(from + STEP_NS, What::End, "", String::new(), Vec::new()));
            }
            Step::Issue { pc, .. } => {
                events.push(event(from, What::Begin, "step", text(program, pc), args));
                events.push(event(from + STEP_NS, What::End, "", String::new(), Vec::new()));
            }
        }
        before = &step.after;
    }
    // An end comes before what begins in the same instant.
    events.sort_by_key(|e| (e.at_ns, e.what != What::End));
    let to_ns = path.steps.len() as u64 * STEP_NS;
    let of_state = |n: usize| if n == 0 { &path.first } else { &path.steps[n - 1].after };
    let mut doing = Vec::new();
    let mut handlers = Vec::new();
    for core in 0..cores {
        let at = |n: usize| &of_state(n + 1).cores[core];
        spans(core, path.steps.len(), |n| does(at(n)), Doing::Other, &mut doing);
        let kind = |n: usize| at(n).contexts.last().map_or(ContextKind::Task, |c| c.kind);
        let handler = |n: usize| (!at(n).handlers.is_empty()).then(|| kind(n) == ContextKind::Nmi);
        let mut some = Vec::new();
        spans(core, path.steps.len(), handler, None, &mut some);
        let whole =
            |s: Span<Option<bool>>| Some(Span { core: s.core, from_ns: s.from_ns, to_ns: s.to_ns, what: s.what? });
        handlers.extend(some.into_iter().filter_map(whole));
    }
    Trace {
        title: title.to_owned(),
        setting: format!("{what}; a path without time, each step drawn as 1 us"),
        cores: cores as u32,
        from_ns: 0,
        to_ns: to_ns.max(STEP_NS),
        // Nobody is: a path says nothing about time.
        stuck_after_ns: to_ns,
        tracks,
        events,
        counters: Vec::new(),
        doing,
        handlers,
        stuck: Vec::new(),
    }
}

fn tracks(steps: &[TraceStep], cores: usize) -> Vec<Track> {
    let mut out = Vec::new();
    for core in 0..cores {
        let mut kinds: Vec<ContextKind> = steps.iter().filter(|s| s.core == core).map(|s| s.kind).collect();
        kinds.push(ContextKind::Task);
        kinds.sort_unstable_by_key(|k| *k as u8);
        kinds.dedup();
        let names = kinds.into_iter().map(ContextKind::name);
        let drains = steps.iter().any(|s| s.core == core && matches!(s.step, Step::Drain { .. }));
        let all = names.chain(drains.then_some(STORES));
        out.extend(all.map(|name| Track { core: core as u32, name: name.to_owned() }));
    }
    out
}

fn text(program: &Program, pc: u32) -> String {
    program.source_line(pc).map_or_else(|| program.place(pc), |(_, _, text)| text.to_owned())
}

fn does(core: &CoreState) -> Doing {
    let of_claim = |stage: Stage| match stage {
        Stage::Owns => Doing::Holding,
        Stage::Wants => Doing::Acquiring,
        Stage::Waits(WaitKind::Queued) => Doing::Queued,
        Stage::Waits(WaitKind::Pending) => Doing::Pending,
        Stage::Waits(_) => Doing::Spinning,
    };
    // What the running context does, else what it interrupted.
    let open = core.claims.iter().rev().find(|c| c.is_open());
    open.or(core.claims.last()).map_or(Doing::Other, |c| of_claim(c.stage))
}

/// What is the same for some steps, without what is `none`.
fn spans<T: Copy + PartialEq>(core: usize, steps: usize, what: impl Fn(usize) -> T, none: T, out: &mut Vec<Span<T>>) {
    let mut from = 0;
    for n in 1..=steps {
        if n < steps && what(n) == what(from) {
            continue;
        }
        if what(from) != none {
            let (from_ns, to_ns) = (from as u64 * STEP_NS, n as u64 * STEP_NS);
            out.push(Span { core: core as u32, from_ns, to_ns, what: what(from) });
        }
        from = n;
    }
}
