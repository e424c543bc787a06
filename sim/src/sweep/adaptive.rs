// SPDX-License-Identifier: MIT OR Apache-2.0
//! How many seeds a stage of a point gets.

use reports::Record;
use reports::sweep::{column, interval};

use super::plan::Rule;

/// What is known of a stage of a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// These runs are missing; what comes after them depends on them.
    Runs(Vec<u64>),
    /// These runs are all.
    Done(Vec<u64>),
}

/// What is needed, with `value` giving a run's metric: `None` if the run is not there, `Some(None)` if it has not measured it.
///
/// Without a rule the seeds are all. With one, runs come in rounds: first the seeds, then so many more that the interval would be
/// narrow enough if the new runs scatter like the old ones, but at most as many as there are. Where a run has not measured the metric, or
/// was given up, more seeds would not help, so there are none.
pub fn need(seeds: &[u64], rule: Option<&Rule>, value: impl Fn(u64) -> Option<Option<f64>>) -> Need {
    let mut all = seeds.to_vec();
    let mut next = seeds.iter().max().map_or(1, |s| s.saturating_add(1));
    loop {
        let missing: Vec<u64> = all.iter().copied().filter(|s| value(*s).is_none()).collect();
        if !missing.is_empty() {
            return Need::Runs(missing);
        }
        let Some(rule) = rule else { return Need::Done(all) };
        let values: Option<Vec<f64>> = all.iter().map(|s| value(*s).flatten()).collect();
        let Some(more) = values.and_then(|v| more(rule, &v)) else { return Need::Done(all) };
        all.extend(next..next + more);
        next += more;
    }
}

/// How many more runs these values ask for; `None` if they are enough.
fn more(rule: &Rule, values: &[f64]) -> Option<u64> {
    let n = values.len() as u64;
    let i = interval(values)?;
    let half = i.half?;
    let wanted = if rule.relative { rule.half_width * i.mean.abs() } else { rule.half_width };
    if half <= wanted || n >= rule.seeds_max {
        return None;
    }
    // The width goes with the root of the number.
    let ratio = half / wanted;
    let enough = (n as f64 * ratio * ratio).ceil().min((2 * n) as f64) as u64;
    Some(enough.clamp(n + 1, rule.seeds_max) - n)
}

/// A record's value of the rule's metric; `None` if the run was given up or has not measured it.
#[must_use]
pub fn metric(rule: &Rule, record: &Record) -> Option<f64> {
    if reports::names::GIVEN_UP.contains(&record.status.as_str()) {
        return None;
    }
    (column(&rule.metric)?.of)(record).number()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn rule(relative: bool, half_width: f64, seeds_max: u64) -> Rule {
        Rule { metric: "held".into(), relative, half_width, seeds_max }
    }

    /// Runs what is asked for until all is there; gives the rounds.
    fn rounds(rule: &Rule, of: impl Fn(u64) -> Option<f64>) -> (Vec<usize>, Vec<u64>) {
        let (mut made, mut rounds) = (BTreeMap::new(), Vec::new());
        loop {
            match need(&[5, 1, 2], Some(rule), |s| made.get(&s).copied()) {
                Need::Done(all) => return (rounds, all),
                Need::Runs(missing) => {
                    rounds.push(missing.len());
                    made.extend(missing.iter().map(|s| (*s, of(*s))));
                }
            }
        }
    }

    #[test]
    fn values_that_do_not_scatter_need_no_more_seeds() {
        assert_eq!(rounds(&rule(true, 0.01, 50), |_| Some(3.0)), (vec![3], vec![5, 1, 2]));
        assert_eq!(rounds(&rule(true, 0.01, 50), |_| Some(0.0)), (vec![3], vec![5, 1, 2]));
    }

    #[test]
    fn scattered_values_get_at_most_twice_as_many_each_round_up_to_the_cap() {
        let of = |s: u64| Some(if s.is_multiple_of(2) { 1.0 } else { 3.0 });
        let (rounds, all) = rounds(&rule(false, 0.3, 80), of);
        assert_eq!(rounds[..3], [3, 3, 6]);
        assert_eq!(all[..6], [5, 1, 2, 6, 7, 8]);
        let values: Vec<f64> = all.iter().filter_map(|s| of(*s)).collect();
        assert!(interval(&values).unwrap().half.unwrap() <= 0.3 && all.len() <= 60, "{all:?}");
        assert_eq!(super::tests::rounds(&rule(false, 1e-9, 40), of).1.len(), 40);
    }

    #[test]
    fn what_is_not_measured_stops() {
        assert_eq!(rounds(&rule(false, 0.1, 40), |s| (s != 2).then_some(s as f64)).0, [3]);
    }

    #[test]
    fn the_rule_asks_for_the_same_again_when_only_some_runs_are_there() {
        let value = |s: u64| (s != 1).then_some(Some(s as f64));
        assert_eq!(need(&[5, 1, 2], Some(&rule(false, 0.1, 9)), value), Need::Runs(vec![1]));
        assert_eq!(need(&[5, 1, 2], None, value), Need::Runs(vec![1]));
    }
}
