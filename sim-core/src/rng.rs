// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random streams. Integers only: the same draws on every machine, whatever its maths library.
//!
//! The generator is xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number
//! generators", ACM TOMS 47(4), 2021), seeded through SplitMix64 as its authors advise.

/// One stream of random numbers, derived from (seed, component, purpose).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    s: [u64; 4],
}

const fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Stream {
    /// The stream of a component (a core number, say) for a purpose. Streams of different
    /// triples are independent for all practical ends, so adding a consumer moves no other.
    #[must_use]
    pub fn derive(seed: u64, component: u64, purpose: &str) -> Stream {
        // FNV-1a over the purpose, then each part is mixed in by a SplitMix step.
        let mut h = 0xcbf2_9ce4_8422_2325u64;
        for b in purpose.bytes() {
            h = (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3);
        }
        let mut state = seed;
        state = splitmix(&mut state) ^ component;
        state = splitmix(&mut state) ^ h;
        let mut s = [0; 4];
        for w in &mut s {
            *w = splitmix(&mut state);
        }
        Stream { s }
    }

    /// What decides every draw from here on.
    pub(crate) const fn state(&self) -> [u64; 4] {
        self.s
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.s;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number from 0 to `n - 1`, each equally likely; 0 if `n` is 0.
    ///
    /// Multiply and reject (Lemire, "Fast random integer generation in an interval", ACM TOMACS
    /// 29(1), 2019).
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 {
            return 0;
        }
        let threshold = n.wrapping_neg() % n;
        loop {
            let m = u128::from(self.next_u64()) * u128::from(n);
            if (m as u64) >= threshold {
                return (m >> 64) as u64;
            }
        }
    }

    /// An exponentially distributed number with this mean, rounded to the nearest integer.
    ///
    /// Von Neumann's comparison method (1951): exact, and needs no logarithm, whose last bit
    /// differs between maths libraries.
    pub fn exponential(&mut self, mean: u64) -> u64 {
        let mut whole = 0u64;
        loop {
            let first = self.next_u64();
            let mut smallest = first;
            let mut run = 1u32;
            loop {
                let u = self.next_u64();
                if u >= smallest {
                    break;
                }
                smallest = u;
                run += 1;
            }
            if run % 2 == 1 {
                let fixed = (u128::from(whole) << 64) | u128::from(first);
                // fixed / 2^64 is the unit exponential; times mean, rounded.
                let hi = (fixed >> 64) * u128::from(mean);
                let lo = ((fixed & u128::from(u64::MAX)) * u128::from(mean) + (1 << 63)) >> 64;
                return (hi + lo) as u64;
            }
            whole += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_pinned_and_differ_by_each_part_of_their_name() {
        let first = |seed, c, p| Stream::derive(seed, c, p).next_u64();
        assert_eq!(first(1, 0, "work"), first(1, 0, "work"));
        assert_ne!(first(1, 0, "work"), first(2, 0, "work"));
        assert_ne!(first(1, 0, "work"), first(1, 1, "work"));
        assert_ne!(first(1, 0, "work"), first(1, 0, "nmi"));
    }

    #[test]
    fn exponential_has_the_mean_and_the_tail_of_its_law() {
        let mut s = Stream::derive(3, 0, "exp");
        let n = 200_000u64;
        let mean = 1_000_000u64;
        let draws: Vec<u64> = (0..n).map(|_| s.exponential(mean)).collect();
        let avg = draws.iter().sum::<u64>() / n;
        // The standard error is mean / sqrt(n) = 0.22 %; 1 % is over four of them.
        assert!(avg.abs_diff(mean) < mean / 100, "mean {avg}");
        let tail = draws.iter().filter(|&&d| d > 3 * mean).count() as u64;
        // exp(-3) = 4.979 %, standard error 0.049 %.
        assert!((tail * 100_000 / n).abs_diff(4979) < 250, "tail {tail}");
    }

    #[test]
    fn below_stays_below_and_reaches_every_value() {
        let mut s = Stream::derive(4, 0, "below");
        let mut seen = [0u32; 7];
        for _ in 0..7000 {
            seen[s.below(7) as usize] += 1;
        }
        assert!(seen.iter().all(|&c| (800..1200).contains(&c)), "{seen:?}");
        assert_eq!(s.below(0), 0);
    }
}
