// SPDX-License-Identifier: MIT OR Apache-2.0
//! Multilevel splitting with fixed effort: the probability of something so rare that a run hardly ever comes to it, from runs that come a part
//! of the way and are continued from there more than once.
//!
//! Levels are passed in order on every way to the event. At each level `n` branches start from states drawn, with replacement, from those in which
//! the level before was reached; with `R_k` of `N_k` branches reaching level k the estimate is `prod R_k / N_k`, whose mean is the
//! probability whatever the levels are. Garvels, "The splitting method in rare event simulation", thesis, Twente, 2000.

use sim_core::rng::Stream;

/// Share of branches that a level chosen by [`choose_levels`] is to be reached by: near the optimum `e^-2` and a whole fraction.
const TARGET: u64 = 7;

/// One repetition: branches that reached each level; it ends with the first that none reaches. `start` draws a state, `reach` runs one to a level, from
/// 0, with the random numbers of its own that a seed gives.
pub fn repetition<S: Clone>(
    levels: usize,
    n: u64,
    random: &mut Stream,
    mut start: impl FnMut(&mut Stream) -> S,
    mut reach: impl FnMut(S, usize, u64) -> Option<S>,
) -> Vec<u64> {
    let mut entered: Vec<S> = Vec::new();
    let mut counts = Vec::new();
    for level in 0..levels {
        let mut there = Vec::new();
        for _ in 0..n {
            let from =
                if level == 0 { start(random) } else { entered[random.below(entered.len() as u64) as usize].clone() };
            there.extend(reach(from, level, random.next_u64()));
        }
        counts.push(there.len() as u64);
        if there.is_empty() {
            break;
        }
        entered = there;
    }
    counts
}

/// Levels such that about one branch in seven that reached one reaches the next. `highest` runs a state on and gives how far it comes, and
/// `reach` runs it to a level's height; `top` is the height of the event. At most `most` levels, the event included; the event
/// is the last.
pub fn choose_levels<S: Clone>(
    (n, top, most): (u64, u64, usize),
    random: &mut Stream,
    mut start: impl FnMut(&mut Stream) -> S,
    mut highest: impl FnMut(S, u64) -> u64,
    mut reach: impl FnMut(S, u64, u64) -> Option<S>,
) -> Vec<u64> {
    let mut heights: Vec<u64> = Vec::new();
    let mut entered: Vec<S> = Vec::new();
    while heights.len() + 1 < most {
        let mut branch = |random: &mut Stream| {
            let from = if entered.is_empty() {
                start(random)
            } else {
                entered[random.below(entered.len() as u64) as usize].clone()
            };
            (from, random.next_u64())
        };
        let branches: Vec<(S, u64)> = (0..n).map(|_| branch(random)).collect();
        let mut came: Vec<u64> = branches.iter().map(|(s, seed)| highest(s.clone(), *seed)).collect();
        came.sort_unstable_by(|a, b| b.cmp(a));
        let level = came[(n / TARGET) as usize];
        if level >= top || level <= heights.last().copied().unwrap_or(0) {
            break;
        }
        entered = branches.into_iter().filter_map(|(s, seed)| reach(s, level, seed)).collect();
        heights.push(level);
        if entered.is_empty() {
            break;
        }
    }
    heights.push(top);
    heights
}

#[cfg(test)]
mod tests {
    use super::*;
    use reports::windows::rates::{repeated, split_value};

    /// The queue of an M/M/1 from one customer on: comes it to `height` before it is empty?
    fn grows(mut queue: u64, height: u64, seed: u64) -> Option<u64> {
        let mut random = Stream::derive(seed, 0, "queue");
        while queue > 0 && queue < height {
            // Arrivals at half the rate of services.
            queue = if random.below(3) == 0 { queue + 1 } else { queue - 1 };
        }
        (queue == height).then_some(queue)
    }

    /// `(1/rho - 1) / (1/rho^B - 1)`.
    const OVERFLOW: f64 = 1.0 / 4095.0; // rho 1/2, B 12

    fn experiment(levels: &[u64], seed: u64) -> Vec<f64> {
        let mut random = Stream::derive(seed, 1, "splitting");
        let one = |_| {
            let counts = repetition(levels.len(), 40, &mut random, |_| 1, |q, level, s| grows(q, levels[level], s));
            split_value(&counts, levels.len(), 40)
        };
        (0..20).map(one).collect()
    }

    #[test]
    fn an_overflow_has_its_closed_form_and_intervals_cover_it() {
        let (mut covered, mut sum, mut squares, n) = (0, 0.0, 0.0, 1000);
        for seed in 0..n {
            let values = experiment(&[3, 6, 9, 12], seed);
            let e = repeated(&values);
            covered += u32::from((e.low..=e.high).contains(&OVERFLOW));
            sum += e.value;
            squares += (e.value - OVERFLOW).powi(2);
        }
        let (mean, error) = (sum / n as f64, (squares / n as f64 / n as f64).sqrt());
        assert!((mean - OVERFLOW).abs() < 3.0 * error, "{mean} for {OVERFLOW}, error {error}");
        assert!(error < OVERFLOW / 50.0, "an agreement that says something: {error}");
        assert!((930..=970).contains(&covered), "{covered}");
    }

    #[test]
    fn the_choice_of_levels_does_not_move_the_mean() {
        for levels in [&[4, 8, 12][..], &[2, 5, 12], &[2, 4, 6, 8, 10, 12]] {
            let values: Vec<f64> = (0..100).flat_map(|seed| experiment(levels, seed)).collect();
            let e = repeated(&values);
            let error = (e.high - e.low) / 3.92;
            assert!((e.value - OVERFLOW).abs() < 3.0 * error, "{levels:?}: {e:?}");
        }
    }

    #[test]
    fn levels_are_chosen_where_one_in_seven_comes() {
        let mut random = Stream::derive(3, 1, "levels");
        let highest = |mut q: u64, seed: u64| {
            let mut random = Stream::derive(seed, 0, "queue");
            let mut most = q;
            while q > 0 && q < 12 {
                q = if random.below(3) == 0 { q + 1 } else { q - 1 };
                most = most.max(q);
            }
            most
        };
        let levels = choose_levels((200, 12, 10), &mut random, |_| 1, highest, grows);
        assert_eq!(levels.last(), Some(&12));
        assert!((4..=7).contains(&levels.len()) && levels.is_sorted(), "{levels:?}");
        // Nothing comes far: no level, only the event.
        let none = choose_levels((50, 12, 10), &mut random, |_| 1, |_, _| 0, |_, _, _| None::<u64>);
        assert_eq!(none, [12]);
    }
}
