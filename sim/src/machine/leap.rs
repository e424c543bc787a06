// SPDX-License-Identifier: MIT OR Apache-2.0
//! Periods that are skipped: when everything is as it was at an earlier instant, what lies between happens again, until
//! something comes from outside, and need not be simulated again. [`sim_core::recur`] says what "everything" is.
//!
//! To look at a whole machine takes as long as some tens of events, so it is done seldom. A look is kept for a window of events; in it,
//! whenever the same core comes to the same micro-op and everybody else is due in as many cycles as then, a second look tells whether all
//! is the same. Looks that were in vain make the next one wait twice as long. A window that ends in vain is followed by one twice as
//! long, up to [`WINDOW_MAX`], so a machine that never repeats itself pays for one look in many events and for a comparison per event (Brent's
//! way to find a cycle, BIT 20, 1980).

use sim_core::isa::{Op, Pc};
use sim_core::ports::Probe;
use sim_core::recur::{Look, Recur, Walk};
use sim_core::time::{Cycle, Key};

use super::Machine;

/// Events of the first window.
const WINDOW_MIN: u64 = 2048;
/// Events of the longest window, in which periods of so many events are found.
const WINDOW_MAX: u64 = 1 << 16;
/// Events from the first look in vain of a window to the next.
const PATIENCE: u64 = 256;

/// How a machine looks out for states that come again.
#[derive(Clone, Debug, Default)]
pub(super) struct Lookout {
    /// If not, nothing is done at all.
    pub(super) on: bool,
    kept: Option<Box<Kept>>,
    /// Core and micro-op of the look that is kept.
    place: (usize, Pc),
    /// `[event]`: when the window ends, when a second look may be made, and what the next wait for one is.
    ends: u64,
    again_from: u64,
    patience: u64,
    window: u64,
    skipped: Skipped,
}

/// What was skipped: host work that was not done, which no result depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// How often.
    pub leaps: u64,
    /// Periods, all leaps together.
    pub periods: u64,
    /// Cycles, all leaps together.
    pub cycles: u64,
}

#[derive(Clone, Debug)]
struct Kept {
    /// When something arrives.
    arrival: Cycle,
    /// `[core]`: when it is due, where it is, and what chance has done to it.
    dues: Vec<(u64, Pc, u64)>,
    look: Look,
}

impl<P: Probe> Machine<P> {
    /// Skips whole periods from here on, if the state of the machine comes again; unless the run is exact. The observer is
    /// moved on with it; one that does not say how ([`Probe::walk`]) keeps anything from being skipped.
    pub fn skip_periods(&mut self) {
        (self.lookout.on, self.lookout.ends) = (!self.exact, self.events + WINDOW_MIN);
    }

    /// What was skipped so far.
    #[must_use]
    pub fn skipped(&self) -> Skipped {
        self.lookout.skipped
    }

    /// What decides the future of the machine at `now`, before which everything has happened and after which nothing, and what it counts.
    pub fn look(&mut self, now: Cycle) -> Look {
        let mut walk = Walk::look(now);
        self.walk(&mut walk);
        walk.seen().expect("this walk looks")
    }

    /// Whether it is worth looking before `core`, whose turn it is, wakes.
    #[inline]
    pub(super) fn may_look(&self, core: usize) -> bool {
        let l = &self.lookout;
        let there = l.place == (core, self.cores[core].context().pc) && self.events >= l.again_from;
        there || self.events >= l.ends
    }

    /// Before `core` wakes: looks at the machine, and skips periods if it has been here before. True if it has.
    #[cold]
    pub(super) fn look_out(&mut self, wake: Key, core: usize) -> bool {
        if self.events >= self.lookout.ends {
            self.keep_look(wake.at(), core);
            return false;
        }
        let same =
            |kept: &Kept| self.dues(wake.at()).eq(kept.dues.iter().copied()) && kept.arrival == self.irq.next_arrival();
        if !self.lookout.kept.as_deref().is_some_and(same) {
            return false;
        }
        let look = self.look(wake.at());
        let leapt = self.leap(&look);
        let l = &mut self.lookout;
        if leapt {
            (l.ends, l.window) = (self.events, 0);
        } else {
            (l.again_from, l.patience) = (self.events + l.patience, 2 * l.patience);
        }
        leapt
    }

    /// Begins a window.
    fn keep_look(&mut self, now: Cycle, core: usize) {
        let (look, dues, arrival) = (self.look(now), self.dues(now).collect(), self.irq.next_arrival());
        // An event takes as long as to look at some 200 words, so one look is a hundredth of the shortest window.
        let least = look.words.len() as u64 / 2;
        let l = &mut self.lookout;
        l.window = (2 * l.window).clamp(WINDOW_MIN.max(least), WINDOW_MAX.max(4 * least));
        l.place = (core, self.cores[core].context().pc);
        (l.ends, l.again_from, l.patience) = (self.events + l.window, self.events + 1, PATIENCE.max(least / 8));
        l.kept = look.is_whole().then(|| Box::new(Kept { arrival, dues, look }));
    }

    /// See [`Kept::dues`]: cheap, and rarely the same without the rest of the machine being so.
    fn dues(&self, now: Cycle) -> impl Iterator<Item = (u64, Pc, u64)> {
        self.cores.iter().map(move |c| {
            let at = c.next_key(&self.irq).at();
            (if at == Cycle::NEVER { u64::MAX } else { at.0.wrapping_sub(now.0) }, c.context().pc, c.chance())
        })
    }

    /// Skips as many periods as fit before something comes from outside, if this look is that which was kept.
    fn leap(&mut self, look: &Look) -> bool {
        let Some(kept) = self.lookout.kept.take() else { return false };
        let skipped = if look.is_whole() && look.is_again(&kept.look) { self.skip(look, &kept.look) } else { None };
        self.lookout.kept = Some(kept);
        skipped.is_some()
    }

    fn skip(&mut self, look: &Look, earlier: &Look) -> Option<()> {
        let period = look.now.since(earlier.now);
        // Cores may be ahead of the others; and one period more stays to be simulated.
        let ahead = self.cores.iter().map(|c| c.now().since(look.now)).max()?;
        let periods = self.undisturbed_until(look.now).since(look.now.after(ahead)).checked_div(period)?;
        let periods = look.periods(earlier, periods.checked_sub(1)?);
        if periods == 0 {
            return None;
        }
        self.walk(&mut look.moving(earlier, periods)?);
        (0..self.cores.len()).for_each(|core| self.rearm(core));
        let s = &mut self.lookout.skipped;
        (s.leaps, s.periods, s.cycles) = (s.leaps + 1, s.periods + periods, s.cycles + periods * period);
        Some(())
    }

    /// When something could come from outside next.
    fn undisturbed_until(&self, now: Cycle) -> Cycle {
        let end = if self.stop_at > now { self.stop_at } else { Cycle::NEVER };
        let tick = self.ticks(now).map_or(Cycle::NEVER, |(ticks, every)| Cycle((ticks + 1) * every));
        self.ran_until.min(end).min(tick).min(self.irq.next_arrival())
    }

    /// Ticks of the event stream so far, and their distance, if the program waits for events: whoever does wakes at each.
    fn ticks(&self, now: Cycle) -> Option<(u64, u64)> {
        let every = self.core_params.event_stream;
        let waits = || self.program().ops.iter().any(|op| matches!(op, Op::Wfe { .. }));
        (every > 0 && waits()).then(|| (now.0 / every, every))
    }
}

impl<P: Probe> Recur for Machine<P> {
    fn walk(&mut self, w: &mut Walk) {
        // What comes from outside must not lie between two looks, either.
        w.maybe(self.ticks(w.now()).map(|t| t.0));
        w.flag(w.now() >= self.stop_at);
        let Machine {
            code: _,
            core_params: _,
            clock: _,
            // They limit how far a machine is moved on.
            stop_at: _,
            ran_until: _,
            exact: _,
            in_step: _,
            cores,
            mem,
            irq,
            probe,
            // Follows from cores and controllers.
            wakes: _,
            notices,
            // Host work.
            events: _,
            last_event,
            lookout: _,
        } = self;
        if !notices.is_empty() {
            w.refuse();
        }
        cores.iter_mut().for_each(|c| c.walk(w));
        mem.walk(w);
        irq.walk(w);
        probe.walk(w);
        w.moment(last_event);
    }
}
