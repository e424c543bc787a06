// SPDX-License-Identifier: MIT OR Apache-2.0
//! A link's own clock as an exact fraction of the core clock.

use sim_core::time::Cycle;

/// Ticks of a link's clock per cycle of the core clock, at most 1, in lowest terms.
///
/// Tick `k` happens `k / ratio` core cycles after the start of the run, which need not be a whole
/// number; nothing is rounded but the instants at which cores and routers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockRatio {
    ticks: u64,
    cycles: u64,
}

const fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl ClockRatio {
    /// The core clock itself.
    pub const CORE: ClockRatio = ClockRatio { ticks: 1, cycles: 1 };

    /// The ratio of two frequencies; `None` unless 0 < `link` <= `core`.
    #[must_use]
    pub const fn new(link: u64, core: u64) -> Option<ClockRatio> {
        if link == 0 || link > core {
            return None;
        }
        let g = gcd(link, core);
        Some(ClockRatio { ticks: link / g, cycles: core / g })
    }

    const fn scale(n: u64, by: u64, over: u64) -> (u64, bool) {
        let product = n as u128 * by as u128;
        ((product / over as u128) as u64, !product.is_multiple_of(over as u128))
    }

    /// How far a cycle is behind the last that one of its ticks falls together with.
    pub(super) const fn phase(self, at: Cycle) -> u64 {
        at.0 % self.cycles
    }

    /// Ticks in so many cycles, a multiple of those between two phases of 0.
    pub(super) const fn ticks_in(self, cycles: u64) -> u64 {
        Self::scale(cycles, self.ticks, self.cycles).0
    }

    /// The first tick at or after a cycle.
    #[inline]
    pub(super) const fn tick_from(self, at: Cycle) -> u64 {
        if self.cycles == 1 {
            return at.0;
        }
        let (whole, rest) = Self::scale(at.0, self.ticks, self.cycles);
        whole + rest as u64
    }

    /// The last tick at or before a cycle.
    #[inline]
    pub(super) const fn tick_until(self, at: Cycle) -> u64 {
        if self.cycles == 1 { at.0 } else { Self::scale(at.0, self.ticks, self.cycles).0 }
    }

    /// The first cycle at or after a tick: from then on its effect is seen.
    #[inline]
    pub(super) const fn seen(self, tick: u64) -> Cycle {
        if self.cycles == 1 {
            return Cycle(tick);
        }
        let (whole, rest) = Self::scale(tick, self.cycles, self.ticks);
        Cycle(whole + rest as u64)
    }

    /// The last cycle at or before a tick: what has come by then can take part in it.
    #[inline]
    pub(super) const fn decided(self, tick: u64) -> Cycle {
        if self.cycles == 1 { Cycle(tick) } else { Cycle(Self::scale(tick, self.cycles, self.ticks).0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_and_cycles_convert_without_losing_a_tick() {
        for (link, core) in [(1, 1), (3, 5), (1_800_000, 3_000_000), (2_399_999, 4_000_001), (1, 7)] {
            let r = ClockRatio::new(link, core).expect("slower than the core");
            for tick in 0..2000 {
                assert_eq!(r.tick_from(r.decided(tick)), tick, "what has come by then takes part in the tick");
                assert!(r.seen(tick) >= r.decided(tick) && r.seen(tick).0 <= r.decided(tick).0 + 1);
                assert!(r.seen(tick + 1) > r.decided(tick), "a hop takes time");
            }
            for cycle in 0..2000 {
                let (from, until) = (r.tick_from(Cycle(cycle)), r.tick_until(Cycle(cycle)));
                assert!(until <= from && from <= until + 1);
                assert!(r.seen(from + 1).0 > cycle);
            }
        }
    }

    #[test]
    fn a_ratio_is_reduced_and_not_over_one() {
        assert_eq!(ClockRatio::new(1_800_000, 3_000_000), ClockRatio::new(3, 5));
        assert_eq!(ClockRatio::new(4, 4), Some(ClockRatio::CORE));
        assert_eq!(ClockRatio::new(5, 4), None);
        assert_eq!(ClockRatio::new(0, 4), None);
        let fifths = ClockRatio::new(3, 5).expect("slower");
        assert_eq!((0..6).map(|k| fifths.seen(k).0).collect::<Vec<_>>(), [0, 2, 4, 5, 7, 9]);
    }
}
