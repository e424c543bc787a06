// SPDX-License-Identifier: MIT OR Apache-2.0
//! A path of the explored graph on the timed machine: cores are led along it, one at a time.
//!
//! The timed machine is that of the experiment, event by event. Where the path has one core move, all others are held; what it
//! sends arrives before anybody moves again. A store leaves its buffer when the path says so, an interrupt arrives at the path's
//! boundary, and before a core reads the clock it may be held for as long as the path needs: lengths are tried, the shortest first.
//! What the search did at once because no other core can see it (a store to a line of the core's own) may take its time here.
//!
//! So a path that is followed to the same state can happen on this machine, if cores are held that long; and where it cannot be
//! followed, the step says what the machine has that the search has not.

use interrupt_ctrl::Process;
use sim_core::core::{Entry, Lead, State as Doing};
use sim_core::exec::Context;
use sim_core::isa::{Op, Pc, Width};
use sim_core::ports::NoProbe;
use sim_core::program::{GLOBAL_BASE, PERCPU_BASE, Program};
use sim_core::time::Cycle;
use sim_core::untimed::{Buffered, CoreState, Live, Model, State, Step, TraceStep, is_unknown};

use super::story::{address, place};
use super::{Path, model_of};
use crate::machine::{Machine, MachineSpec};
use crate::plan::StagePlan;

/// For how long a core is held before it reads the clock, ns: nothing, then four times longer each time, up to over a second.
const HOLDS_NS: [u64; 12] = [
    0,
    1_000,
    4_000,
    16_000,
    64_000,
    256_000,
    1_024_000,
    4_096_000,
    16_384_000,
    65_536_000,
    262_144_000,
    1_048_576_000,
];
/// Most ways of holding cores that are tried.
const WAYS_MAX: u32 = 2_000;
/// Most things a core does before the first step of a path, and for one micro-op: waits are one thing.
const THINGS_MAX: u32 = 100_000;

/// What came of leading a machine along a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    /// It went all the way, to the same state.
    Same {
        /// Steps.
        steps: usize,
        /// Simulated time it took, ns.
        ns: u64,
        /// Which core was held before it read the clock: step from 1, core, where, for how long in ns.
        held: Vec<(usize, usize, String, u64)>,
    },
    /// It did not.
    Differs {
        /// The step that could not be done, from 1; one more than there are if the end differs.
        step: usize,
        /// Why, in words.
        why: String,
        /// How many ways of holding cores before they read the clock were tried.
        ways: u32,
    },
}

impl Replay {
    /// In words, a line each.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        match self {
            Replay::Same { steps, ns, held } => {
                let time = reports::duration(*ns);
                let mut lines =
                    vec![format!("on the timed machine, led along it: the same state after {steps} steps and {time}")];
                lines.extend(held.iter().map(|(step, core, place, ns)| {
                    format!("  before step {step} core {core} is held for {} at {place}", reports::duration(*ns))
                }));
                lines
            }
            // Between the lengths of time that were tried there are others.
            Replay::Differs { step, why, ways: 1 } => {
                vec![format!("on the timed machine it cannot be followed beyond step {}: {why}", step - 1)]
            }
            Replay::Differs { step, why, ways } => vec![
                format!("on the timed machine it was not followed beyond step {}: {why}", step - 1),
                format!("  in {ways} ways of holding cores before they read the clock"),
            ],
        }
    }
}

/// A machine, and how far it has been led.
#[derive(Clone)]
struct Led {
    machine: Machine<NoProbe>,
    /// Steps done.
    done: usize,
    held: Vec<(usize, usize, String, u64)>,
}

struct Leader<'a> {
    path: &'a Path,
    program: &'a Program,
    live: Live,
    /// `[core][source of the search]`: number of an interrupt in the experiment.
    numbers: Vec<Vec<u64>>,
}

/// Leads the timed machine of a stage along a path that was found by exploring it.
#[must_use]
pub fn replay(stage: &StagePlan, path: &Path) -> Replay {
    let mut spec = MachineSpec { exact: true, stop_at: Cycle::NEVER, ..stage.spec.clone() };
    for s in spec.sources.iter_mut().flatten() {
        s.process = Process::Sent;
    }
    let differs = |step, why, ways| Replay::Differs { step, why, ways };
    if path.model == Model::Sc && model_of(stage) == Model::Weak {
        return differs(1, "the machine's stores go in no order, and the path's at once".into(), 1);
    }
    // A sent interrupt arrives when it does, and the search has it arrive at any time.
    let sends = |s: &TraceStep| s.pcs.iter().any(|pc| matches!(path.program.ops[*pc as usize], Op::Send { .. }));
    if let Some(step) = path.steps.iter().position(sends) {
        return differs(step + 1, "an interrupt is sent, and when that arrives cannot be led".into(), 1);
    }
    let leader = Leader { path, program: &path.program, live: Live::of(&path.program), numbers: numbers(&stage.spec) };
    let mut led = Led { machine: Machine::new(&spec, NoProbe), done: 0, held: Vec::new() };
    for core in 0..path.first.cores.len() {
        if let Err(why) = leader.begin(&mut led.machine, core) {
            return differs(1, why, 1);
        }
    }
    let mut marks: Vec<(Led, usize)> = Vec::new();
    let mut furthest = (0, String::new());
    let mut ways = 1;
    let mut hold = None;
    loop {
        let end = led.done == path.steps.len();
        let result = if end {
            leader.compare(&led.machine)
        } else {
            if hold.is_none() && leader.reads_clock(led.done) {
                marks.push((led.clone(), 0));
            }
            leader.step(&mut led, HOLDS_NS[hold.unwrap_or(0)])
        };
        hold = None;
        match result {
            Ok(()) if end => {
                let ns = led.machine.clock().nanos(led.machine.last_event());
                return Replay::Same { steps: path.steps.len(), ns, held: led.held };
            }
            Ok(()) => led.done += 1,
            Err(why) => {
                if led.done >= furthest.0 {
                    furthest = (led.done, why);
                }
                while marks.last().is_some_and(|(_, hold)| hold + 1 == HOLDS_NS.len()) {
                    marks.pop();
                }
                let Some((mark, longer)) = marks.last_mut().filter(|_| ways < WAYS_MAX) else {
                    return differs(furthest.0 + 1, furthest.1, ways);
                };
                *longer += 1;
                ways += 1;
                hold = Some(*longer);
                led = mark.clone();
            }
        }
    }
}

/// Sources that the search does not tell apart are one there: the first stands for them.
fn numbers(spec: &MachineSpec) -> Vec<Vec<u64>> {
    let of_core = |list: &Vec<interrupt_ctrl::Source>| {
        let mut seen = Vec::new();
        let sent = |s: &interrupt_ctrl::Source| (s.process == Process::Sent).then_some(s.number);
        let key = |s: &interrupt_ctrl::Source| (s.vector.kind(), s.vector.rank(), s.handler, sent(s));
        list.iter()
            .filter(|s| {
                !seen.contains(&key(s)) && {
                    seen.push(key(s));
                    true
                }
            })
            .map(|s| s.number)
            .collect()
    };
    spec.sources.iter().map(of_core).collect()
}

impl Leader<'_> {
    fn before(&self, step: usize) -> &State {
        if step == 0 { &self.path.first } else { &self.path.steps[step - 1].after }
    }

    /// The micro-ops of a step; marks are glued to what is before them.
    fn ops(&self, s: &TraceStep) -> Vec<Pc> {
        s.pcs.iter().copied().filter(|pc| !self.program.is_mark(*pc)).collect()
    }

    fn reads_clock(&self, step: usize) -> bool {
        let reads = |pc: &Pc| matches!(self.program.ops[*pc as usize], Op::ClockNs { .. });
        self.path.steps[step].pcs.iter().any(reads)
    }

    fn skip_marks(&self, mut pc: Pc) -> Pc {
        while self.program.is_mark(pc) {
            pc += 1;
        }
        pc
    }

    /// Leads a core to where the path begins.
    fn begin(&self, machine: &mut Machine<NoProbe>, core: usize) -> Result<(), String> {
        let wanted = &self.path.first.cores[core];
        for _ in 0..THINGS_MAX {
            if self.is_there(machine, core, wanted) {
                return Ok(());
            }
            self.one(machine, core, &[], 0)?;
        }
        Err(format!("core {core} does not come to where the path begins"))
    }

    /// Whether a core stands where the path has it.
    fn is_there(&self, machine: &Machine<NoProbe>, core: usize, wanted: &CoreState) -> bool {
        let c = &machine.cores()[core];
        let Some(context) = wanted.running() else {
            return *c.state() == Doing::Done && c.suspended().next().is_none();
        };
        let here = c.context();
        *c.state() != Doing::Done
            && c.suspended().count() + 1 == wanted.contexts.len()
            && here.kind == context.kind
            && here.pc == self.skip_marks(context.pc)
            && here.frames.len() == context.frames.len()
    }

    /// Does a step; `hold` is for how long its core is held before it reads the clock, ns.
    fn step(&self, led: &mut Led, hold: u64) -> Result<(), String> {
        let s = &self.path.steps[led.done];
        let before = &self.before(led.done).cores[s.core];
        let core = s.core;
        let m = &mut led.machine;
        match s.step {
            Step::Land { source, .. } => self.land(m, core, source)?,
            Step::Drain { entry, .. } => self.drain(m, core, &before.buffer[entry], &before.buffer)?,
            Step::Issue { .. } => {}
        }
        // Stores that are in the buffer during this step, or come into it.
        let stay = s.after.cores[core].buffer.as_slice();
        m.lead_stopping(s.after.cores[core].rounds == before.rounds);
        for pc in self.ops(s) {
            let here = m.cores()[core].context().pc;
            if here != pc {
                let (here, wanted) = (place(self.program, here), place(self.program, pc));
                return Err(format!("core {core} goes to {here}, and the path to {wanted}"));
            }
            let reads = matches!(self.program.ops[pc as usize], Op::ClockNs { .. });
            if reads && hold > 0 {
                led.held.push((led.done + 1, core, place(self.program, pc), hold));
            }
            let hold = if reads { m.clock().cycles(hold) } else { 0 };
            self.one(m, core, stay, hold)?;
            if self.path.model == Model::Sc {
                self.drain_hidden(m, core, &s.after.cores[core].buffer, true)?;
            }
        }
        if !self.is_there(m, core, &s.after.cores[core]) {
            let here = place(self.program, m.cores()[core].context().pc);
            let wanted = s.after.cores[core].running();
            let wanted = wanted.map_or_else(|| "its end".into(), |c| place(self.program, self.skip_marks(c.pc)));
            return Err(format!("core {core} comes to {here}, and the path to {wanted}"));
        }
        self.check_stores(m, core, &s.after.cores[core])
    }

    /// Whether the stores that the path has in a core's buffer are there.
    fn check_stores(&self, m: &Machine<NoProbe>, core: usize, wanted: &CoreState) -> Result<(), String> {
        let stores = || m.cores()[core].store_buffer().entries();
        let Some(missing) = wanted.buffer.iter().find(|b| !stores().any(|e| is_same(b, e))) else { return Ok(()) };
        let what = address(self.program, missing.addr);
        Err(match stores().find(|e| (e.addr, e.width) == (missing.addr, missing.width)) {
            Some(e) => {
                let (found, wanted) = (e.value, missing.value);
                format!(
                    "core {core} stores {found:#x} to {what}, and the path {wanted:#x}: what it has read is not as old here"
                )
            }
            None => format!("core {core} has written its store of {what} already"),
        })
    }

    /// Has a core execute its next micro-op. `stay` are the stores that the path keeps in the buffer.
    fn one(&self, m: &mut Machine<NoProbe>, core: usize, stay: &[Buffered], hold: u64) -> Result<(), String> {
        let mut at = m.last_event().after(hold);
        for _ in 0..THINGS_MAX {
            let pc = m.cores()[core].context().pc;
            let did = m.lead(core, Lead::Step, at).map_err(|f| f.to_string())?;
            at = Cycle(0);
            let doing = m.cores()[core].state();
            if matches!(doing, Doing::Ready | Doing::Done | Doing::Halt) {
                return Ok(());
            }
            let op = || place(self.program, pc);
            if *doing == Doing::WaitStoreBuffer {
                if self.drain_hidden(m, core, stay, false)? {
                    continue;
                }
                let kept = stay.first().map_or_else(String::new, |b| address(self.program, b.addr));
                let (op, kept) =
                    (op(), format!("until its store of {kept} has left the buffer, where the path keeps it"));
                return Err(format!("core {core} waits at {op} {kept}"));
            }
            if did.is_none() {
                return Err(format!("core {core} waits for ever at {}", op()));
            }
        }
        Err(format!("core {core} does not come to the end of one micro-op"))
    }

    /// Writes stores that the path does not have in the buffer: the oldest, or all of them. False if there was none that could go.
    fn drain_hidden(
        &self,
        m: &mut Machine<NoProbe>,
        core: usize,
        stay: &[Buffered],
        all: bool,
    ) -> Result<bool, String> {
        let mut any = false;
        while all || !any {
            let next = m.cores()[core].store_buffer().entries().next().copied();
            let Some(_) = next.filter(|e| !stay.iter().any(|b| is_same(b, e))) else { break };
            self.drain_one(m, core)?;
            any = true;
        }
        Ok(any)
    }

    /// Has a core write the store that the path makes visible, and what is before it and not on the path.
    fn drain(&self, m: &mut Machine<NoProbe>, core: usize, wanted: &Buffered, stay: &[Buffered]) -> Result<(), String> {
        loop {
            let buffered = m.cores()[core].store_buffer().len();
            if buffered == 0 {
                let what = address(self.program, wanted.addr);
                return Err(format!("core {core} has no store of {what} in its buffer any more"));
            }
            let gone = self.drain_one(m, core)?;
            if is_same(wanted, &gone) {
                return Ok(());
            }
            if stay.iter().any(|b| is_same(b, &gone)) {
                let (gone, wanted) = (address(self.program, gone.addr), address(self.program, wanted.addr));
                return Err(format!("core {core} writes its store of {gone} before that of {wanted}"));
            }
        }
    }

    /// Has a core write one store, the one that it chooses; gives it.
    fn drain_one(&self, m: &mut Machine<NoProbe>, core: usize) -> Result<Entry, String> {
        let before: Vec<Entry> = m.cores()[core].store_buffer().entries().copied().collect();
        for _ in 0..THINGS_MAX {
            let did = m.lead(core, Lead::Drain, Cycle(0)).map_err(|f| f.to_string())?;
            let after: Vec<Entry> = m.cores()[core].store_buffer().entries().copied().collect();
            if after.len() < before.len() {
                let at = after.iter().zip(&before).position(|(a, b)| a != b).unwrap_or(after.len());
                return Ok(before[at]);
            }
            if did.is_none() {
                break;
            }
        }
        Err(format!("core {core} cannot write its store of {}", address(self.program, before[0].addr)))
    }

    fn land(&self, m: &mut Machine<NoProbe>, core: usize, source: usize) -> Result<(), String> {
        let asleep = |m: &Machine<NoProbe>| matches!(m.cores()[core].state(), Doing::Halt | Doing::Done);
        let pc = m.cores()[core].context().pc;
        if !asleep(m) && self.program.ops[pc as usize] == Op::Halt {
            self.one(m, core, &[], 0)?;
        }
        let depth = m.cores()[core].suspended().count();
        m.interrupt(core, self.numbers[core][source], None);
        m.lead(core, Lead::Step, Cycle(0)).map_err(|f| f.to_string())?;
        if m.cores()[core].suspended().count() == depth {
            return Err(format!("core {core} takes no interrupt before {}", place(self.program, pc)));
        }
        Ok(())
    }

    /// Whether memory and cores are those at the path's end. What depends on the time has no value there.
    fn compare(&self, m: &Machine<NoProbe>) -> Result<(), String> {
        let end = self.before(self.path.steps.len());
        for (core, wanted) in end.cores.iter().enumerate() {
            if !self.is_there(m, core, wanted) {
                return Err(format!("core {core} stands at {}", place(self.program, m.cores()[core].context().pc)));
            }
            let below = wanted.contexts.iter().map(|c| self.skip_marks(c.pc));
            for (found, wanted) in m.cores()[core].suspended().zip(below) {
                // What sleeps goes on behind its halt, which the search has passed already.
                let is_halt = self.program.ops[found.pc as usize] == Op::Halt;
                if self.skip_marks(found.pc + u32::from(is_halt)) != wanted {
                    return Err(format!("core {core} has interrupted {}", place(self.program, found.pc)));
                }
            }
            self.check_stores(m, core, wanted)?;
            let found = m.cores()[core].suspended().chain([m.cores()[core].context()]);
            for (found, wanted) in found.zip(&wanted.contexts).filter(|_| wanted.runs()) {
                self.check_registers(core, found, wanted)?;
            }
        }
        let stride = self.program.percpu_stride;
        let words = (GLOBAL_BASE..self.program.global_end()).step_by(8);
        let own = (PERCPU_BASE..PERCPU_BASE + stride * end.cores.len() as u64).step_by(8);
        for addr in words.chain(own) {
            let wanted = end.read(addr, Width::U64);
            let found = self.newest(m, end, addr);
            if !is_unknown(wanted) && found != wanted {
                let what = address(self.program, addr);
                return Err(format!("memory differs at {what}: {found:#x}, on the path {wanted:#x}"));
            }
        }
        Ok(())
    }

    /// Whether the registers that can still matter have the values that they have on the path.
    fn check_registers(&self, core: usize, found: &Context, wanted: &Context) -> Result<(), String> {
        // What matters is what does here: a mark that the path has yet to pass has been passed.
        let (mut here, mut there) = (found.clone(), Context { pc: found.pc, ..wanted.clone() });
        self.live.forget(self.program, &mut here);
        self.live.forget(self.program, &mut there);
        match here.regs.iter().zip(&there.regs).find(|(a, b)| a != b && !is_unknown(**b)) {
            None => Ok(()),
            Some((a, b)) => {
                let at = place(self.program, found.pc);
                Err(format!("core {core} has {a:#x} in a register at {at}, and the path {b:#x}"))
            }
        }
    }

    /// A word of memory with the stores that only their own core has to see.
    fn newest(&self, m: &Machine<NoProbe>, end: &State, addr: u64) -> u64 {
        let mut word = m.memory().value(addr, Width::U64);
        for (core, c) in m.cores().iter().enumerate() {
            let on_path = &end.cores[core].buffer;
            let hidden = c.store_buffer().entries().filter(|e| e.addr & !7 == addr);
            for e in hidden.filter(|e| !on_path.iter().any(|b| is_same(b, e))) {
                let shift = 8 * (e.addr - addr);
                let mask = e.width.mask() << shift;
                word = (word & !mask) | ((e.value << shift) & mask);
            }
        }
        word
    }
}

fn is_same(b: &Buffered, e: &Entry) -> bool {
    b.addr == e.addr && b.width == e.width && (b.value == e.value || is_unknown(b.value))
}
