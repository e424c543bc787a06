// SPDX-License-Identifier: MIT OR Apache-2.0
//! How many landings each boundary gets.
//!
//! A pilot lands [`PILOT`] times at each. Half of what is to be shared out then goes to boundaries where an event came to some of these and
//! not to others, by Neyman: in proportion to `w sqrt(q (1 - q) / c)`, with the share of time `w`, the risk `q` of the most uncertain
//! event, and the cost `c` of a landing. The other half goes to those where all ended alike, by time, so that the bound
//! `w 3 / n` of what was not seen is the same for each and as low as can be. Without one of the two kinds the other gets all.
//!
//! The pilot's landings count for no rate: a number of trials that depends on their own hits would leave the estimate biased.
//! The cost is counted in steps of the simulated program, not in time of the host, so that a map is the same everywhere.

use std::collections::BTreeMap;

use reports::windows::Events;
use sim_core::ports::Stand;

use super::fork::Ended;
use super::residency::{Site, Stratum, Wanted as Instants};
use super::unit::{Effort, Tried};

/// Landings of the pilot at each boundary.
pub(super) const PILOT: u64 = 30;
/// What it costs to fork a machine, in steps of a run: a copy of all caches takes as long as some hundred of them.
const FORK_STEPS: u64 = 200;

/// What the pilot saw at a boundary.
#[derive(Clone, Debug)]
pub(super) struct Pilot {
    landings: u64,
    events: Events,
    /// Steps of all its runs.
    steps: u64,
}

fn every(s: &Stratum, effort: &Effort) -> bool {
    s.cycles == 0 || s.every_visit(effort.each).is_some()
}

/// Landings to be shared out: none where every visit is landed on. If that is all of them, waits are landed in as often as need be to see
/// what happens; rates have no use for more.
pub(super) fn more(strata: &[Stratum], effort: &Effort) -> u64 {
    if strata.iter().all(|s| every(s, effort) || s.place.stand == Stand::Within) { 0 } else { effort.more }
}

/// The pilot's instants.
pub(super) fn pilot(strata: &[Stratum], effort: &Effort, seed: u64) -> Instants {
    let mut wanted = Instants::new();
    strata.iter().filter(|s| !every(s, effort)).for_each(|s| s.draw(PILOT, seed, "pilot", &mut wanted));
    wanted
}

/// What became of it.
pub(super) fn seen(tried: &Tried<'_>, ended: &BTreeMap<Site, Ended>) -> Pilot {
    let mut p = Pilot { landings: 0, events: Events::default(), steps: 0 };
    for (end, n) in tried.sites.iter().filter_map(|(site, n)| Some((ended.get(site)?, n))) {
        p.landings += n;
        p.events.add(&end.events, *n);
        p.steps += end.steps * n;
    }
    p
}

/// Instants to draw from the time of each place.
pub(super) fn instants(strata: &[Stratum], seen: &[Pilot], effort: &Effort, seed: u64) -> Instants {
    let more = more(strata, effort);
    let free: Vec<usize> = (0..strata.len()).filter(|i| !every(&strata[*i], effort)).collect();
    let weights: Vec<(u64, f64)> =
        free.iter().map(|&i| (strata[i].cycles, seen.get(i).map_or(0.0, per_cycle))).collect();
    let mut wanted = Instants::new();
    for (i, n) in free.iter().zip(shares(&weights, more)) {
        strata[*i].draw(effort.each + n, seed, "landing", &mut wanted);
    }
    wanted
}

/// `sqrt(q (1 - q) / c)` of the most uncertain event; 0 where all ended alike.
fn per_cycle(p: &Pilot) -> f64 {
    let e = &p.events;
    let (n, hits) = (p.landings, [e.timed_out, e.hung, e.long, e.refused]);
    let most = hits.into_iter().filter(|x| *x < n).map(|x| x as f64 * (n - x) as f64).fold(0.0, f64::max);
    let cost = FORK_STEPS as f64 + p.steps as f64 / n.max(1) as f64;
    (most / cost).sqrt() / n.max(1) as f64
}

/// `more` shared out to boundaries with these times and uncertainties.
fn shares(weights: &[(u64, f64)], more: u64) -> Vec<u64> {
    let sum = |of: &dyn Fn(&(u64, f64)) -> f64| weights.iter().map(of).sum::<f64>();
    let neyman = |w: &(u64, f64)| w.0 as f64 * w.1;
    let time = |w: &(u64, f64)| if w.1 > 0.0 { 0.0 } else { w.0 as f64 };
    let (uncertain, alike) = (sum(&neyman), sum(&time));
    let half = if uncertain > 0.0 && alike > 0.0 { more as f64 / 2.0 } else { more as f64 };
    let share = |part: f64, of: f64| if of > 0.0 { half * part / of } else { 0.0 };
    weights.iter().map(|w| (share(neyman(w), uncertain) + share(time(w), alike)) as u64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_goes_to_the_uncertain_and_half_by_time_to_the_rest() {
        // Uncertainties 1 and 3 at equal times; two others with times 1 and 4.
        let n = shares(&[(10, 1.0), (10, 3.0), (100, 0.0), (400, 0.0)], 1000);
        assert_eq!(n, [125, 375, 100, 400]);
        assert_eq!(shares(&[(100, 0.0), (300, 0.0)], 1000), [250, 750], "nothing seen: all by time");
        assert_eq!(shares(&[(1, 2.0)], 1000), [1000], "nothing else: all of it");
        assert_eq!(shares(&[], 1000), [0; 0]);
    }

    #[test]
    fn dear_and_certain_landings_get_fewer() {
        let p = |timed_out: u64, steps: u64| {
            per_cycle(&Pilot { landings: 30, events: Events { timed_out, ..Events::default() }, steps: 30 * steps })
        };
        assert!((p(15, 0) - (0.25_f64 / 200.0).sqrt()).abs() < 1e-12);
        assert!((p(15, 600) * 2.0 - p(15, 0)).abs() < 1e-12, "four times the cost, half the landings");
        assert!(p(1, 0) < p(15, 0) && p(30, 0) <= 0.0 && p(0, 0) <= 0.0);
    }
}
