// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which way of a full set goes: the policies, each over one word of state per set.

use super::array::WAYS_MAX;

/// A replacement policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replacement {
    /// The least recently used way.
    #[default]
    Lru,
    /// The way that a tree of bits points at, each bit away from the half used last. With a number of
    /// ways that is no power of two, the tree is that of the next one and its missing ways are passed by.
    TreePlru,
    /// Any way, each equally likely.
    Random,
    /// Static re-reference interval prediction with two bits: a line comes in as "long", becomes "near"
    /// when it is used again, and the first one that is "distant" goes, after all have been aged until
    /// one is (Jaleel et al., "High performance cache replacement using re-reference interval
    /// prediction", ISCA 2010; hit priority).
    Srrip,
}

/// "Distant" of two-bit SRRIP.
const DISTANT: u64 = 3;
/// "Long", with which a line comes in.
const LONG: u64 = 2;
/// LRU: way 0 most recent, way 15 least, most recent in the lowest four bits.
const INITIAL_ORDER: u64 = 0xfedc_ba98_7654_3210;

impl Replacement {
    /// State of a set nobody has used.
    pub(super) const fn initial(self) -> u64 {
        match self {
            Replacement::Lru => INITIAL_ORDER,
            Replacement::TreePlru | Replacement::Random => 0,
            Replacement::Srrip => 0xffff_ffff, // Every way distant.
        }
    }

    /// A line comes into a way.
    pub(super) fn filled(self, state: &mut u64, way: usize, ways: usize) {
        match self {
            Replacement::Srrip => *state = with_interval(*state, way, LONG),
            _ => self.used(state, way, ways),
        }
    }

    /// A line is used.
    #[inline]
    pub(super) fn used(self, state: &mut u64, way: usize, ways: usize) {
        match self {
            Replacement::Lru => {
                if *state & 0xf != way as u64 {
                    *state = moved_to_front(*state, way as u64);
                }
            }
            Replacement::TreePlru => {
                let leaves = ways.next_power_of_two();
                let mut node = leaves + way;
                while node > 1 {
                    // The bit of the parent points to the other child.
                    let other = (node & 1) ^ 1;
                    node /= 2;
                    *state = *state & !(1 << node) | (other as u64) << node;
                }
            }
            Replacement::Random => {}
            Replacement::Srrip => *state = with_interval(*state, way, 0),
        }
    }

    /// A way is given up for another line.
    pub(super) fn evicted(self, state: &mut u64, way: usize, ways: usize) {
        if self == Replacement::Srrip {
            let older = DISTANT - interval(*state, way);
            for w in 0..ways {
                *state = with_interval(*state, w, (interval(*state, w) + older).min(DISTANT));
            }
        }
    }

    /// The ways, the one that should go first at the front; `draw` is a random number.
    pub(super) fn preference(self, state: u64, ways: usize, draw: u64) -> impl Iterator<Item = usize> {
        let mut order = [0_u8; WAYS_MAX];
        match self {
            Replacement::Lru => {
                for (i, way) in order.iter_mut().enumerate() {
                    *way = (state >> (4 * (WAYS_MAX - 1 - i)) & 0xf) as u8;
                }
            }
            Replacement::TreePlru => {
                let leaves = ways.next_power_of_two();
                for (turn, way) in order.iter_mut().enumerate().take(leaves) {
                    *way = (leaf(state, leaves, turn) - leaves) as u8;
                }
                order[leaves..].fill(WAYS_MAX as u8);
            }
            Replacement::Random => {
                let first = ((u128::from(draw) * ways as u128) >> 64) as usize;
                for (i, way) in order.iter_mut().enumerate() {
                    *way = if i < ways { ((first + i) % ways) as u8 } else { WAYS_MAX as u8 };
                }
            }
            Replacement::Srrip => {
                for (i, way) in order.iter_mut().enumerate() {
                    *way = i as u8;
                }
                // Stable: of equally distant ways the lowest goes.
                order.sort_by_key(|&w| DISTANT - interval(state, w as usize));
            }
        }
        order.into_iter().map(usize::from).filter(move |&w| w < ways)
    }
}

/// The leaf that is visited at this turn if every node visits the child it points at first.
fn leaf(state: u64, leaves: usize, turn: usize) -> usize {
    let mut node = 1;
    let mut half = leaves / 2;
    while node < leaves {
        let later = usize::from(turn & half != 0);
        node = 2 * node + ((state >> node & 1) as usize ^ later);
        half /= 2;
    }
    node
}

const fn interval(state: u64, way: usize) -> u64 {
    state >> (2 * way) & 3
}

const fn with_interval(state: u64, way: usize, interval: u64) -> u64 {
    state & !(3 << (2 * way)) | interval << (2 * way)
}

/// Moves nibble value `way` of a permutation to the lowest place, shifting the more recent ones up.
const fn moved_to_front(order: u64, way: u64) -> u64 {
    let mut place = 0;
    while (order >> (4 * place)) & 0xf != way {
        place += 1;
    }
    let below = order & ((1 << (4 * place)) - 1);
    let above = if place == 15 { 0 } else { order >> (4 * (place + 1)) << (4 * (place + 1)) };
    above | (below << 4) | way
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(policy: Replacement, state: u64, ways: usize) -> Vec<usize> {
        policy.preference(state, ways, 0).collect()
    }

    #[test]
    fn moving_to_the_front_keeps_a_permutation() {
        let mut order = INITIAL_ORDER;
        for way in [15, 0, 7, 7, 15, 3] {
            order = moved_to_front(order, way);
            assert_eq!(order & 0xf, way);
            let seen = (0..16).fold(0u32, |m, i| m | 1 << ((order >> (4 * i)) & 0xf));
            assert_eq!(seen, 0xffff);
        }
    }

    #[test]
    fn least_recently_used_goes_by_the_last_use_of_each() {
        let mut s = Replacement::Lru.initial();
        for way in [0, 1, 2, 3, 1, 0] {
            Replacement::Lru.used(&mut s, way, 4);
        }
        assert_eq!(order(Replacement::Lru, s, 4), [2, 3, 1, 0]);
    }

    #[test]
    fn a_tree_of_four_ways_points_away_from_what_was_used() {
        let mut s = Replacement::TreePlru.initial();
        // By hand: [root, left, right] as the child pointed at.
        for (way, goes_first) in [
            (0, [2, 3, 1, 0]), // 1 1 0
            (2, [1, 0, 3, 2]), // 0 1 1
            (1, [3, 2, 0, 1]), // 1 0 1: 2 before 0, though 0 was used earlier
            (3, [0, 1, 2, 3]), // 0 0 0
            (0, [2, 3, 1, 0]), // 1 1 0
        ] {
            Replacement::TreePlru.used(&mut s, way, 4);
            assert_eq!(order(Replacement::TreePlru, s, 4), goes_first, "after {way}");
        }
    }

    #[test]
    fn a_tree_of_three_ways_passes_by_the_missing_one() {
        let mut s = Replacement::TreePlru.initial();
        for (way, goes_first) in [(0, [2, 1, 0]), (2, [1, 0, 2]), (1, [2, 0, 1])] {
            Replacement::TreePlru.used(&mut s, way, 3);
            assert_eq!(order(Replacement::TreePlru, s, 3), goes_first, "after {way}");
        }
        assert_eq!(order(Replacement::TreePlru, 0, 1), [0]);
    }

    #[test]
    fn intervals_are_predicted_as_published() {
        let policy = Replacement::Srrip;
        let mut s = policy.initial();
        for way in 0..4 {
            policy.filled(&mut s, way, 4);
        }
        policy.used(&mut s, 1, 4); // 2 0 2 2
        assert_eq!(order(policy, s, 4), [0, 2, 3, 1]);
        policy.evicted(&mut s, 0, 4); // Aged by one: 3 1 3 3
        policy.filled(&mut s, 0, 4); // 2 1 3 3
        assert_eq!(order(policy, s, 4), [2, 3, 0, 1]);
        policy.evicted(&mut s, 2, 4); // One is distant already: nobody ages.
        policy.filled(&mut s, 2, 4); // 2 1 2 3
        policy.used(&mut s, 3, 4); // 2 1 2 0
        assert_eq!(order(policy, s, 4), [0, 2, 1, 3]);
    }

    #[test]
    fn random_numbers_choose_every_way_equally_often() {
        let mut chosen = [0; 3];
        let mut draws = sim_core::rng::Stream::derive(1, 0, "replacement");
        for _ in 0..3000 {
            let first = Replacement::Random.preference(0, 3, draws.next_u64()).next();
            chosen[first.expect("there are three ways")] += 1;
        }
        assert!(chosen.iter().all(|n| (900..1100).contains(n)), "{chosen:?}");
        let third = u64::MAX / 3;
        let all: Vec<usize> = Replacement::Random.preference(0, 3, third + 2).collect();
        assert_eq!(all, [1, 2, 0]);
    }
}
