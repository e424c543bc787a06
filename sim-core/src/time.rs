// SPDX-License-Identifier: MIT OR Apache-2.0
//! Simulated time and the total order of events.

/// An instant, in cycles of the core clock since the start of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cycle(pub u64);

impl Cycle {
    /// Later than everything that can happen.
    pub const NEVER: Cycle = Cycle(u64::MAX);

    /// This many cycles later; stays at [`Cycle::NEVER`].
    #[must_use]
    pub const fn after(self, cycles: u64) -> Cycle {
        Cycle(self.0.saturating_add(cycles))
    }

    /// Cycles from `earlier` to this instant; 0 if it is not later.
    #[must_use]
    pub const fn since(self, earlier: Cycle) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The reference clock: one frequency for the whole machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Frequency in kHz (4 GHz = 4,000,000).
    pub khz: u64,
}

impl Clock {
    /// Nanoseconds shown at `at`, rounded down.
    #[must_use]
    pub const fn nanos(self, at: Cycle) -> u64 {
        // Where it fits, for it is much quicker: hours of simulated time do.
        match at.0.checked_mul(1_000_000) {
            Some(scaled) => scaled / self.khz,
            None => (at.0 as u128 * 1_000_000 / self.khz as u128) as u64,
        }
    }

    /// Cycles in a span of nanoseconds, rounded up, so that a wait is never shorter than asked;
    /// stays at `u64::MAX`.
    #[must_use]
    pub const fn cycles(self, nanos: u64) -> u64 {
        let cycles = (nanos as u128 * self.khz as u128).div_ceil(1_000_000);
        if cycles > u64::MAX as u128 { u64::MAX } else { cycles as u64 }
    }
}

/// What happens first within one cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    /// Messages arrive: a core sees everything that is due in its cycle.
    Deliver = 0,
    /// Store buffers write their oldest entry.
    Drain = 1,
    /// Pipelines issue.
    Step = 2,
}

/// The total order of events: cycle, phase, place, then a number unique at that place.
///
/// Keys are made from what an event is, never from when it was put into a queue, so leaving
/// events out (a computed spin) cannot reorder the others. Packed into 128 bits from the top:
/// cycle 64, phase 8, place 16, number 40.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u128);

impl Key {
    /// Later than every other key.
    pub const NEVER: Key = Key(u128::MAX);

    /// A key; `number` is cut to 40 bits.
    #[must_use]
    pub const fn new(at: Cycle, phase: Phase, place: u16, number: u64) -> Key {
        let low = ((phase as u128) << 56) | ((place as u128) << 40) | (number & 0xff_ffff_ffff) as u128;
        Key(((at.0 as u128) << 64) | low)
    }

    /// What orders it within its cycle.
    #[must_use]
    #[inline]
    pub(crate) const fn within_cycle(self) -> u64 {
        self.0 as u64
    }

    /// The key of a cycle that is ordered so within it.
    #[must_use]
    #[inline]
    pub(crate) const fn of_cycle(at: Cycle, within: u64) -> Key {
        Key(((at.0 as u128) << 64) | within as u128)
    }

    /// Its phase within the cycle.
    #[must_use]
    pub const fn phase(self) -> Phase {
        match (self.0 >> 56) as u8 {
            0 => Phase::Deliver,
            1 => Phase::Drain,
            _ => Phase::Step,
        }
    }

    /// The instant the event happens at.
    #[must_use]
    pub const fn at(self) -> Cycle {
        Cycle((self.0 >> 64) as u64)
    }

    /// Where it happens, and its number there.
    #[must_use]
    pub const fn place_and_number(self) -> (u16, u64) {
        ((self.0 >> 40) as u16, (self.0 & 0xff_ffff_ffff) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_converts_exactly_in_both_directions() {
        let c = Clock { khz: 4_000_000 };
        assert_eq!(c.cycles(250_000_000), 1_000_000_000);
        assert_eq!(c.nanos(Cycle(1_000_000_003)), 250_000_000);
        let odd = Clock { khz: 3_300_000 };
        assert_eq!(odd.cycles(1), 4); // 3.3 cycles, never shorter than asked
        assert_eq!(odd.nanos(Cycle(4)), 1);
        assert_eq!(odd.nanos(Cycle(u64::MAX)), 5_589_922_446_578_652_004); // beyond 64 bits on the way
        assert_eq!(c.cycles(u64::MAX), u64::MAX); // "for ever" does not wrap round to soon
    }

    #[test]
    fn keys_order_by_cycle_then_phase_then_place_then_number() {
        let k = |c, p, place, n| Key::new(Cycle(c), p, place, n);
        assert!(k(1, Phase::Step, 9, 9) < k(2, Phase::Deliver, 0, 0));
        assert!(k(1, Phase::Deliver, 9, 9) < k(1, Phase::Drain, 0, 0));
        assert!(k(1, Phase::Drain, 1, 9) < k(1, Phase::Drain, 2, 0));
        assert!(k(1, Phase::Step, 1, 1) < k(1, Phase::Step, 1, 2));
        assert_eq!(k(77, Phase::Step, 1, 1).at(), Cycle(77));
        assert_eq!(k(77, Phase::Step, 0xfedc, 1 << 39).place_and_number(), (0xfedc, 1 << 39));
    }
}
