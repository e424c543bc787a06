// SPDX-License-Identifier: MIT OR Apache-2.0
//! One run over a window of simulated time, seen in full: for traces and time lines.
//!
//! A window that is given by what happens (the first time-out, a label) is found by a run of its own, for the machine is
//! deterministic. The run that is traced is the same run once more with another observer.

mod seek;
mod wanted;

pub use wanted::{Mark, Wanted};

use std::collections::BTreeSet;

use cache_model::timing::{Message, MessageKind};
use configs::{Loaded, Span};
use reports::Record;
use reports::timeline::TimeLine;
use reports::trace::{Counter, Trace};
use sim_core::ports::MemoryPort;
use sim_core::program::{LINE_BYTES, LineKind};
use sim_core::time::{Cycle, Phase};

use crate::machine::{Machine, MachineSpec, Outcome};
use crate::observe::Collector;
use crate::plan::{InputError, StagePlan};

/// Most events of a trace: more than a viewer opens at ease, and several hundred MB.
const EVENTS_MAX: usize = 3_000_000;
/// Most events behind the time line that every `sim run` draws: a second of work.
const TIMELINE_EVENTS_MAX: usize = 300_000;
/// Traffic is counted per this span.
const COUNT_NS: u64 = 1000;

/// What a run's window was found to be, in cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its first cycle.
    pub from: Cycle,
    /// The cycle after its last.
    pub to: Cycle,
}

/// A machine with a collector, at cycle 0.
pub(crate) fn machine(loaded: &Loaded, stage: &StagePlan, seed: u64, exact: bool) -> Machine<Collector> {
    let e = &loaded.experiment;
    let spec = MachineSpec { seed, exact, ..stage.spec.clone() };
    let stuck_over = e.measure.stuck_threshold.cycles(spec.clock.khz);
    let interrupts = e.interrupts.iter().map(|i| i.name.clone()).collect();
    let collector = Collector::new(spec.memory.cores, spec.clock, &spec.program, interrupts, stuck_over);
    Machine::new(&spec, collector)
}

/// Traces a stage with a seed over the window wanted.
///
/// # Errors
/// A window that the run does not have, or one with more than three million events.
pub fn trace(loaded: &Loaded, stage: &StagePlan, seed: u64, exact: bool, wanted: &Wanted) -> Result<Trace, InputError> {
    let window = seek::find(loaded, stage, seed, wanted)?;
    let (trace, is_whole) = watch(loaded, stage, seed, exact, window, EVENTS_MAX)?;
    if is_whole {
        return Ok(trace);
    }
    let ns = trace.to_ns - trace.from_ns;
    let what = format!("the window has more than {EVENTS_MAX} events; the first {ns} ns of it have as many");
    Err(InputError::text(&what, "choose a shorter one, as in `--trace-window 2ms..2.5ms`"))
}

/// What every core of a stage with a seed does around the longest attempt of its record, as far as 300,000 events go; none if it has no attempt.
///
/// # Errors
/// As [`trace`]: a record of another machine, which has no such window.
pub fn around_longest(loaded: &Loaded, stage: &StagePlan, record: &Record) -> Result<Option<TimeLine>, InputError> {
    let Some(longest) = record.worst.first() else { return Ok(None) };
    // A twentieth of it on either side, and enough to see anything at all.
    let margin = (longest.lasted_ns / 20).max(100);
    let end = longest.began_ns + longest.lasted_ns + margin;
    let span = |ns: u64| Span::Picos(ns * 1000);
    let wanted = Wanted::Time(span(longest.began_ns.saturating_sub(margin)), span(end));
    let window = seek::find(loaded, stage, record.seed, &wanted)?;
    let (trace, is_whole) = watch(loaded, stage, record.seed, false, window, TIMELINE_EVENTS_MAX)?;
    let mut line = TimeLine::from(&trace);
    let part = if is_whole { "" } else { " begins" };
    line.title = format!(
        "The longest attempt{part}: stage {}, seed {}, {} of core {} for {}, {} in {}",
        stage.name,
        record.seed,
        longest.context,
        longest.cpu,
        longest.lock,
        longest.result,
        reports::duration(longest.lasted_ns),
    );
    Ok(Some(line))
}

/// Watches a run over a window, or over the first part of it with `most` events; whether it is the whole window.
fn watch(
    loaded: &Loaded,
    stage: &StagePlan,
    seed: u64,
    exact: bool,
    mut window: Window,
    most: usize,
) -> Result<(Trace, bool), InputError> {
    let mut machine = machine(loaded, stage, seed, exact);
    if window.from > Cycle(0) && machine.run_until(window.from) != Outcome::Limit {
        let end = stage.spec.clock.nanos(machine.last_event());
        let what = format!("the window begins after the run has ended, at {end} ns of simulated time");
        return Err(InputError::text(&what, "choose an earlier one; `--trace-window 0us..1ms` is the beginning"));
    }
    machine.probe.start(window.from);
    let mut traffic = Traffic::default();
    // Sender, number, and receiver, of which a broadcast has several.
    let mut seen: BTreeSet<(u16, u32, Option<u16>)> = BTreeSet::new();
    let clock = stage.spec.clock;
    let mut is_whole = true;
    loop {
        let key = machine.memory().next_key();
        let message = machine.memory().next_message().filter(|_| key.at() < window.to).cloned();
        let Some(now) = machine.step(window.to) else { break };
        if now == key
            && now.phase() == Phase::Deliver
            && let Some(m) = message
        {
            // A message that has to wait at its receiver comes again: only its first arrival counts.
            let mut is_first = |dst: Option<u16>| seen.insert((m.src.0, m.number, dst));
            if is_first(None) {
                traffic.count(clock.nanos(now.at()), m.kind);
            }
            if is_first(Some(m.dst.0)) {
                show(&mut machine, now.at(), &m);
            }
        }
        if machine.probe.recorded() > most {
            window.to = now.at().after(1);
            is_whole = false;
            break;
        }
    }
    // What is left is nothing, or the bringing of spins to the end of the window.
    let outcome = machine.run_until(window.to);
    let end = if outcome == Outcome::Limit { window.to } else { machine.last_event().after(1).min(window.to) };
    let mut trace = machine.map_probe(|collector| Done(collector.finish(end))).probe.0;
    trace.counters = traffic.counters(trace.from_ns, trace.to_ns);
    let e = &loaded.experiment;
    trace.title = format!("{}: {}, seed {seed}", e.title, stage.name);
    trace.setting = format!(
        "{} on {} with {} cores, stage {}, seed {seed}, {} ns to {} ns of simulated time, rqsim {}",
        stage.spec.program.name,
        e.machine.name,
        e.machine.cores,
        stage.name,
        trace.from_ns,
        trace.to_ns,
        crate::VERSION,
    );
    Ok((trace, is_whole))
}

/// What is left of a collector.
struct Done(Trace);
impl sim_core::ports::Probe for Done {}

/// Puts a message that a core receives about a lock's line on the core's `cache` track.
fn show(machine: &mut Machine<Collector>, at: Cycle, m: &Message) {
    let core = m.dst.0 as usize;
    let requester = m.requester.0 as usize;
    let is_lock = machine.program().line_kind(m.line * LINE_BYTES) == LineKind::Lock;
    if !is_lock || core >= machine.cores().len() {
        return;
    }
    use MessageKind as K;
    let takes = match m.kind {
        K::Inv | K::FwdGetM | K::FwdGetS | K::BusUpgr => true,
        K::Data | K::DataExclusive | K::DataForward | K::Grant | K::InvAck | K::AtomicData => false,
        _ => return,
    };
    machine.probe.line(at, core, m.line, m.kind.name(), requester, takes);
}

/// Messages delivered, by class and span of [`COUNT_NS`].
#[derive(Default)]
struct Traffic {
    /// `[class]`: number of a span, messages in it.
    spans: Vec<Vec<(u64, u64)>>,
}

impl Traffic {
    fn count(&mut self, at_ns: u64, kind: MessageKind) {
        self.spans.resize(MessageKind::COUNT, Vec::new());
        let spans = &mut self.spans[kind as usize];
        let span = at_ns / COUNT_NS;
        match spans.last_mut() {
            Some((s, n)) if *s == span => *n += 1,
            _ => spans.push((span, 1)),
        }
    }

    fn counters(self, from_ns: u64, to_ns: u64) -> Vec<Counter> {
        let one = |(kind, spans): (&MessageKind, Vec<(u64, u64)>)| {
            let mut points = Vec::new();
            for (i, &(span, n)) in spans.iter().enumerate() {
                points.push(((span * COUNT_NS).max(from_ns), n));
                let end = (span + 1) * COUNT_NS;
                if end < to_ns && spans.get(i + 1).is_none_or(|next| next.0 > span + 1) {
                    points.push((end, 0));
                }
            }
            Counter { name: format!("messages {} per us", kind.name()), unit: "messages", points }
        };
        MessageKind::ALL.iter().zip(self.spans).filter(|(_, s)| !s.is_empty()).map(one).collect()
    }
}
