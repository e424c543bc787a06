// SPDX-License-Identifier: MIT OR Apache-2.0
//! The observer of a fork: the oracle, the handlers that were made to land, and who waits meanwhile.

use lock_impl::oracle::{Class, Oracle, Violation};
use sim_core::isa::{ContextKind, Detector, ETIMEDOUT, MarkKind, Pc};
use sim_core::ports::{Probe, Taken};
use sim_core::time::Cycle;

/// An interrupt that was made to land.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landed {
    /// On which core.
    pub core: usize,
    /// Its number in the experiment.
    pub number: u64,
    /// When and where it was taken.
    pub taken: Option<(Cycle, Pc)>,
    /// When what it interrupted went on.
    pub resumed: Option<Cycle>,
    /// Cycles that all other cores together spent in attempts while it was served.
    pub others: u64,
}

/// An error that some attempt ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// The oracle's verdict.
    pub class: Class,
    /// Who found it.
    pub detector: Option<Detector>,
    /// It is ETIMEDOUT.
    pub timed_out: bool,
}

#[derive(Clone, Debug, Default)]
struct OfCore {
    /// Attempts that are under way, of all its contexts, and since when there is one.
    attempts: u32,
    since: Cycle,
    /// Handlers, outermost first: which landing each is, if one.
    handlers: Vec<Option<usize>>,
}

/// Watches a machine to which something is done.
#[derive(Clone, Debug)]
pub struct Watch {
    oracle: Oracle,
    cores: Vec<OfCore>,
    landed: Vec<Landed>,
    /// The interrupt that `taken` has just named.
    number: u64,
    errors: Vec<Error>,
    /// Marks and handlers since the first was expected.
    steps: u64,
    /// The longest wait that has ended since then, cycles.
    longest: u64,
    /// When the first was served while there was no deadlock: its handler waited for somebody, or ran.
    armed: [Vec<(Cycle, Cycle)>; 2],
    arming: Option<(Cycle, usize)>,
    own_errors: u64,
    violation: Option<Violation>,
}

impl Watch {
    /// A watch from cycle 0 on.
    #[must_use]
    pub fn new(cpus: usize) -> Watch {
        Watch {
            oracle: Oracle::new(cpus),
            cores: vec![OfCore::default(); cpus],
            landed: Vec::new(),
            number: 0,
            errors: Vec::new(),
            steps: 0,
            longest: 0,
            armed: [Vec::new(), Vec::new()],
            arming: None,
            own_errors: 0,
            violation: None,
        }
    }

    /// From here on the next interrupt of this number that `core` takes is watched, and errors are noted.
    pub fn expect(&mut self, core: usize, number: u64) {
        self.landed.push(Landed { core, number, taken: None, resumed: None, others: 0 });
    }

    /// The interrupts that were expected, in that order.
    #[must_use]
    pub fn landed(&self) -> &[Landed] {
        &self.landed
    }

    /// All that were expected have been taken and have returned.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.landed.iter().all(|l| l.resumed.is_some())
    }

    /// Errors since the first was expected.
    #[must_use]
    pub fn errors(&self) -> &[Error] {
        &self.errors
    }

    /// Errors while none was expected: those of the workload itself.
    #[must_use]
    pub fn own_errors(&self) -> u64 {
        self.own_errors
    }

    /// What a run takes in work, spins left out: marks and handlers since the first was expected.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// When the first to land was served while there was no deadlock, from and to: while its handler waited for somebody, and while it ran.
    #[must_use]
    pub fn armed(&self) -> &[Vec<(Cycle, Cycle)>; 2] {
        &self.armed
    }

    /// Since when the longest of the waits under way is, of all cores.
    #[must_use]
    pub fn oldest(&self) -> Option<Cycle> {
        self.cores.iter().filter(|c| c.attempts > 0).map(|c| c.since).min()
    }

    /// The longest wait that has ended since the first was expected, in cycles.
    #[must_use]
    pub fn longest(&self) -> u64 {
        self.longest
    }

    fn arm(&mut self, at: Cycle) {
        let Some(first) = self.landed.first() else { return };
        self.steps += 1;
        let served = first.taken.is_some() && first.resumed.is_none();
        let armed = served && self.oracle.live_cycles().is_empty();
        let now = armed.then(|| usize::from(!self.oracle.is_waiting(first.core)));
        if now != self.arming.map(|a| a.1) {
            self.disarm(at);
            self.arming = now.map(|which| (at, which));
        }
    }

    fn disarm(&mut self, at: Cycle) {
        if let Some((since, which)) = self.arming.take().filter(|a| at > a.0) {
            self.armed[which].push((since, at));
        }
    }

    /// The oracle.
    #[must_use]
    pub fn oracle(&self) -> &Oracle {
        &self.oracle
    }

    /// The first broken invariant.
    #[must_use]
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// Nobody will go on: what still waits does so until `at`.
    pub fn close(&mut self, at: Cycle) {
        self.disarm(at);
        for core in 0..self.cores.len() {
            if self.cores[core].attempts > 0 {
                self.waited(core, at);
            }
        }
    }

    /// The core has been in attempts from `since` to `at`.
    fn waited(&mut self, core: usize, at: Cycle) {
        let since = self.cores[core].since;
        for l in self.landed.iter_mut().filter(|l| l.core != core && l.resumed.is_none()) {
            if let Some((taken, _)) = l.taken {
                l.others += at.since(since.max(taken));
            }
        }
    }

    fn broken(&mut self, violation: Violation) {
        self.violation.get_or_insert(violation);
    }
}

impl Probe for Watch {
    fn mark(&mut self, at: Cycle, core: usize, kind: MarkKind, args: [u64; 3], _pc: Pc) {
        if self.violation.is_some() {
            return;
        }
        match self.oracle.mark(at.0, core, kind, args) {
            Ok(None) => {}
            Ok(Some(v)) => {
                if self.landed.is_empty() {
                    self.own_errors += 1;
                } else {
                    let timed_out = v.errno == ETIMEDOUT;
                    self.errors.push(Error { class: v.class, detector: v.detector, timed_out });
                }
            }
            Err(violation) => self.broken(violation),
        }
        if self.oracle.has_recoveries() {
            drop(self.oracle.take_recoveries());
        }
        match kind {
            MarkKind::Attempt => {
                let c = &mut self.cores[core];
                c.attempts += 1;
                if c.attempts == 1 {
                    c.since = at;
                }
            }
            MarkKind::Held | MarkKind::Failed => {
                if self.cores[core].attempts == 1 {
                    if !self.landed.is_empty() {
                        self.longest = self.longest.max(at.since(self.cores[core].since));
                    }
                    self.waited(core, at);
                }
                self.cores[core].attempts = self.cores[core].attempts.saturating_sub(1);
            }
            _ => {}
        }
        self.arm(at);
    }

    fn taken(&mut self, _at: Cycle, _core: usize, taken: &Taken) {
        self.number = taken.number;
    }

    fn enter(&mut self, at: Cycle, core: usize, kind: ContextKind, pc: Pc) {
        self.oracle.enter(at.0, core, kind);
        let number = self.number;
        let which = self.landed.iter().position(|l| l.core == core && l.number == number && l.taken.is_none());
        if let Some(i) = which {
            self.landed[i].taken = Some((at, pc));
        }
        self.cores[core].handlers.push(which);
        self.arm(at);
    }

    fn leave(&mut self, at: Cycle, core: usize, _kind: ContextKind, resumed: Cycle) {
        if let Err(violation) = self.oracle.leave(at.0, core) {
            self.broken(violation);
        }
        if self.oracle.has_recoveries() {
            drop(self.oracle.take_recoveries());
        }
        if let Some(Some(i)) = self.cores[core].handlers.pop() {
            self.landed[i].resumed = Some(resumed);
            let taken = self.landed[i].taken.map_or(at, |t| t.0);
            for other in (0..self.cores.len()).filter(|o| *o != core && self.cores[*o].attempts > 0) {
                self.landed[i].others += at.since(self.cores[other].since.max(taken));
            }
        }
        self.arm(at);
    }
}
