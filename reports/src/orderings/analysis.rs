// SPDX-License-Identifier: MIT OR Apache-2.0
//! What each change contributes to a metric, over every order in which the changes can be made.
//!
//! A metric's value on a subset is taken from the runs of that subset, seed by seed; every number here is computed for each seed
//! and then averaged, and its interval is Student's over the seeds (95 %, two-sided), so that what differs between seeds but
//! not between subsets cancels out. With one seed there is no interval.
//!
//! *Contribution*: the mean, over all orders that the needs allow, of how the metric changes when the change is made. Without needs
//! that is Shapley's value (Shapley 1953); with needs it is the value of Faigle and Kern (1992). The contributions add up to the whole
//! difference between all changes and none.
//!
//! *Interaction* of two changes: by how much more (or less) the two do together than each alone, averaged over all orders in which one
//! follows directly on the other; without needs the interaction index of Grabisch and Roubens (1999).

use super::lattice::{Lattice, Subset};
use crate::stats::student;

/// Differences below this share of a value are not worth telling.
const MATERIAL: f64 = 0.01;
/// What is within this share of the whole difference counts as reached.
const SAME: f64 = 0.1;

/// A mean over seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// The mean.
    pub value: f64,
    /// Half the width of its 95 % interval; none with one seed.
    pub half: Option<f64>,
}

impl Mean {
    /// The mean of one number per seed.
    ///
    /// # Panics
    /// Without a number.
    #[must_use]
    pub fn of(values: &[f64]) -> Mean {
        let n = values.len() as f64;
        let value = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|v| (v - value).powi(2)).sum();
        let half = (values.len() > 1).then(|| student(n - 1.0) * (squares / (n - 1.0) / n).sqrt());
        Mean { value, half }
    }

    /// True if 0 is outside the interval; with one seed, if the value is not 0.
    #[must_use]
    pub fn is_beyond_noise(&self) -> bool {
        self.value.abs() > self.half.unwrap_or(0.0)
    }
}

/// One metric on every subset.
#[derive(Clone, Debug, PartialEq)]
pub struct Game<'a> {
    lattice: &'a Lattice,
    /// `[subset][seed]`, subsets in the lattice's order.
    values: Vec<Vec<f64>>,
    larger_is_better: bool,
}

/// A step that makes the metric worse.
#[derive(Clone, Debug, PartialEq)]
pub struct Regression {
    /// What has been done before.
    pub before: Subset,
    /// The change that is made.
    pub change: usize,
    /// How the metric changes.
    pub by: Mean,
    /// In how many orders that step occurs.
    pub orders: u64,
}

impl<'a> Game<'a> {
    /// A metric's values by subset (in the lattice's order) and seed.
    ///
    /// # Panics
    /// If a subset is missing, or subsets do not have the same number of seeds, at least one.
    #[must_use]
    pub fn new(lattice: &'a Lattice, values: Vec<Vec<f64>>, larger_is_better: bool) -> Game<'a> {
        let seeds = values.first().map_or(0, Vec::len);
        assert!(values.len() == lattice.subsets().len() && seeds > 0 && values.iter().all(|v| v.len() == seeds));
        Game { lattice, values, larger_is_better }
    }

    fn seeds(&self) -> usize {
        self.values[0].len()
    }

    fn at(&self, subset: Subset, seed: usize) -> f64 {
        let index = self.lattice.index(subset).expect("a subset of the lattice");
        self.values[index][seed]
    }

    fn mean(&self, one: impl Fn(usize) -> f64) -> Mean {
        Mean::of(&(0..self.seeds()).map(one).collect::<Vec<_>>())
    }

    /// The metric on a subset.
    #[must_use]
    pub fn value(&self, subset: Subset) -> Mean {
        self.mean(|seed| self.at(subset, seed))
    }

    /// The metric on `b` less that on `a`.
    #[must_use]
    pub fn difference(&self, a: Subset, b: Subset) -> Mean {
        self.mean(|seed| self.at(b, seed) - self.at(a, seed))
    }

    /// What a change contributes; see the module's text.
    #[must_use]
    pub fn contribution(&self, change: usize) -> Mean {
        let steps = self.steps_of(change);
        let orders = self.lattice.orders() as f64;
        self.mean(|seed| {
            let gain = |&(s, n): &(Subset, u64)| n as f64 * (self.at(s | 1 << change, seed) - self.at(s, seed));
            steps.iter().map(gain).sum::<f64>() / orders
        })
    }

    /// What two changes do together beyond what each does alone; none if no order has one directly after the other both ways.
    #[must_use]
    pub fn interaction(&self, i: usize, j: usize) -> Option<Mean> {
        let (a, b) = (1 << i, 1 << j);
        let there = |s: Subset| self.lattice.index(s).is_some();
        let squares: Vec<(Subset, f64)> = self
            .lattice
            .subsets()
            .iter()
            .copied()
            .filter(|s| s & (a | b) == 0 && there(s | a) && there(s | b))
            .map(|s| (s, self.lattice.orders_with_pair(s, i, j) as f64))
            .collect();
        let weight: f64 = squares.iter().map(|(_, w)| w).sum();
        (weight > 0.0).then(|| {
            self.mean(|seed| {
                let both = |s: Subset| {
                    self.at(s | a | b, seed) - self.at(s | a, seed) - self.at(s | b, seed) + self.at(s, seed)
                };
                squares.iter().map(|&(s, w)| w * both(s)).sum::<f64>() / weight
            })
        })
    }

    /// Steps that make the metric worse beyond what seeds explain, the worst first.
    #[must_use]
    pub fn regressions(&self) -> Vec<Regression> {
        let mut found = Vec::new();
        for &before in self.lattice.subsets() {
            for change in self.lattice.next_of(before) {
                let by = self.difference(before, before | 1 << change);
                let orders = self.lattice.orders_with_step(before, change);
                if self.worsens(before, before | 1 << change) && orders > 0 {
                    found.push(Regression { before, change, by, orders });
                }
            }
        }
        found.sort_by(|x, y| y.by.value.abs().total_cmp(&x.by.value.abs()));
        found
    }

    /// True if the metric on a subset is as good as with all changes: even the worse end of the interval of the difference is within a
    /// tenth of what all changes do together, or 1 % of the value. Noise proves nothing, so a noisy subset does not reach it.
    #[must_use]
    pub fn reaches_all(&self, subset: Subset) -> bool {
        let full = self.lattice.full();
        let by = self.difference(full, subset);
        let worse = if self.larger_is_better { -by.value } else { by.value } + by.half.unwrap_or(0.0);
        let whole = self.difference(0, full).value.abs();
        worse <= (SAME * whole).max(MATERIAL * self.value(full).value.abs())
    }

    /// The smallest subsets that [reach](Game::reaches_all) what all changes reach.
    #[must_use]
    pub fn smallest(&self) -> Vec<Subset> {
        self.lattice.smallest(|s| self.reaches_all(s))
    }

    /// True if the metric is worse on `b` than on `a`: beyond what seeds explain, and by more than 1 % of the larger value.
    #[must_use]
    pub fn worsens(&self, a: Subset, b: Subset) -> bool {
        let by = self.difference(a, b);
        let larger = self.value(a).value.abs().max(self.value(b).value.abs());
        self.is_worse(by) && by.value.abs() > MATERIAL * larger
    }

    /// True if a difference is one for the worse, beyond what seeds explain.
    #[must_use]
    pub fn is_worse(&self, by: Mean) -> bool {
        let worse = if self.larger_is_better { by.value < 0.0 } else { by.value > 0.0 };
        worse && by.is_beyond_noise()
    }

    /// `(subset before, number of orders)` of every step that makes this change.
    fn steps_of(&self, change: usize) -> Vec<(Subset, u64)> {
        let steps = self.lattice.subsets().iter().filter(|s| self.lattice.next_of(**s).any(|i| i == change));
        steps.map(|&s| (s, self.lattice.orders_with_step(s, change))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orderings::lattice::Change;

    fn lattice(needs: &[&[usize]]) -> Lattice {
        let change =
            |(i, n): (usize, &&[usize])| Change { name: i.to_string(), short: i.to_string(), needs: n.to_vec() };
        Lattice::new(needs.iter().enumerate().map(change).collect())
    }

    fn game<'a>(lattice: &'a Lattice, v: impl Fn(Subset) -> f64, larger_is_better: bool) -> Game<'a> {
        Game::new(lattice, lattice.subsets().iter().map(|s| vec![v(*s)]).collect(), larger_is_better)
    }

    /// The contribution by its definition: every order, one after the other.
    fn by_definition(l: &Lattice, v: impl Fn(Subset) -> f64, change: usize) -> f64 {
        let (mut sum, mut n) = (0.0, 0.0);
        l.each_order(&mut |order| {
            let mut s = 0;
            for &i in order {
                if i == change {
                    sum += v(s | 1 << i) - v(s);
                }
                s |= 1 << i;
            }
            n += 1.0;
        });
        sum / n
    }

    /// Some game without any symmetry.
    fn odd(s: Subset) -> f64 {
        f64::from(s.wrapping_mul(2_654_435_761) >> 20)
    }

    #[test]
    fn contributions_are_the_mean_over_all_orders_and_add_up() {
        for needs in [&[&[][..], &[], &[], &[]][..], &[&[], &[0], &[], &[1, 2]], &[&[], &[0], &[0], &[2], &[]]] {
            let l = lattice(needs);
            let g = game(&l, odd, false);
            let all: Vec<f64> = (0..needs.len()).map(|i| g.contribution(i).value).collect();
            for (i, c) in all.iter().enumerate() {
                assert!((c - by_definition(&l, odd, i)).abs() < 1e-6, "{needs:?} {i}: {c}");
            }
            let whole = odd(l.full()) - odd(0);
            assert!((all.iter().sum::<f64>() - whole).abs() < 1e-6, "{all:?} against {whole}");
        }
    }

    /// The glove game: one left glove, two right ones; a pair is worth 1. Shapley: 2/3, 1/6, 1/6.
    #[test]
    fn the_glove_game_has_the_published_values() {
        let l = lattice(&[&[], &[], &[]]);
        let g = game(&l, |s| f64::from(u8::from(s & 1 == 1 && s > 1)), true);
        for (i, want) in [(0, 2.0 / 3.0), (1, 1.0 / 6.0), (2, 1.0 / 6.0)] {
            assert!((g.contribution(i).value - want).abs() < 1e-12);
        }
        // Left and right make a pair unless the other right one is there: (1 + 0) / 2; the two right ones replace each other.
        assert!((g.interaction(0, 1).unwrap().value - 0.5).abs() < 1e-12);
        assert!((g.interaction(1, 2).unwrap().value + 0.5).abs() < 1e-12);
        assert_eq!(g.smallest(), [0b011, 0b101]);
        assert_eq!(g.regressions(), []);
    }

    #[test]
    fn a_step_that_makes_it_worse_is_found_with_its_orders() {
        let l = lattice(&[&[], &[], &[]]);
        // Change 1 without change 2 costs 5.
        let v = |s: Subset| if s & 0b110 == 0b010 { 5.0 } else { 0.0 };
        let g = game(&l, v, false);
        let found: Vec<_> = g.regressions().iter().map(|r| (r.before, r.change, r.by.value, r.orders)).collect();
        // Orders with 1 before 2: 0 1 2, 1 0 2, 1 2 0.
        assert_eq!(found, [(0b000, 1, 5.0, 2), (0b001, 1, 5.0, 1)]);
        assert_eq!(game(&l, v, true).regressions().len(), 2, "giving it up is worse where larger is better");
    }

    #[test]
    fn differences_within_the_noise_of_seeds_are_no_regression() {
        let l = lattice(&[&[]]);
        let noisy = Game::new(&l, vec![vec![10.0, 20.0, 30.0], vec![11.0, 19.0, 33.0]], false);
        assert_eq!(noisy.regressions(), []);
        let clear = Game::new(&l, vec![vec![10.0, 20.0, 30.0], vec![15.0, 25.1, 34.9]], false);
        assert_eq!(clear.regressions().len(), 1);
        // Nobody can tell whether the noisy change is needed; the clear one is not, as it makes things worse.
        assert_eq!((noisy.smallest(), clear.smallest()), (vec![1], vec![0]));
        let tiny = Game::new(&l, vec![vec![1000.0, 1000.0], vec![1009.0, 1009.0]], false);
        assert_eq!(tiny.regressions(), [], "certain, and too small to tell");
        // Student's 97.5 % point with 2 degrees of freedom is 4.303.
        let m = Mean::of(&[1.0, 2.0, 3.0]);
        assert!((m.half.unwrap() - 4.302_652_73 / 3.0_f64.sqrt()).abs() < 1e-6);
        assert_eq!(Mean::of(&[4.0]), Mean { value: 4.0, half: None });
    }

    #[test]
    fn pairs_that_needs_keep_in_one_order_have_no_interaction() {
        let l = lattice(&[&[], &[0]]);
        assert_eq!(game(&l, odd, false).interaction(0, 1), None);
    }
}
