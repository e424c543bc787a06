// SPDX-License-Identifier: MIT OR Apache-2.0
//! What changed between two sets of records beyond noise, as plain text for a mail.

use crate::collect::Section;
use crate::histogram::Histogram;
use crate::names;
use crate::point::{Point, measure};
use crate::stage::StageSummary;
use crate::stats::{proportion, rate, student};
use crate::table::wrap_hanging;
use crate::units::{Charset, duration, prefixed, three_digits};

/// Characters of a line at most.
const WIDTH: usize = 77;

/// A count of events, which are rare enough to be taken as independent.
type Counted = (&'static str, fn(&StageSummary) -> u64);

const COUNTED: [Counted; 6] = [
    ("timeouts/s", StageSummary::timeouts),
    ("EDEADLK/s", |s| s.contexts.values().map(|c| c.edeadlk).sum()),
    ("deadlocks/s", |s| s.oracle.cycles_formed.values().sum()),
    ("missed/s", |s| s.oracle.misses),
    ("false EDEADLK/s", |s| s.oracle.false_positives),
    ("NMIs/s", |s| s.handlers.get(names::NMI).map_or(0, |h| h.count)),
];

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Label of the stage.
    pub stage: String,
    /// What was measured.
    pub metric: String,
    /// Before and after, with unit.
    pub values: (String, String),
    /// After over before with its 95 % interval; the upper end is infinite if there was none before.
    pub ratio: Option<(f64, f64, f64)>,
    /// Whether the interval excludes "no change".
    pub changed: bool,
    /// Difference of the means in standard deviations of a run (Hedges' g); none where no means of runs are compared, or all runs of both
    /// sides are equal.
    pub effect: Option<f64>,
}

/// Means over runs that are compared, with their names in the table.
const MEANS: [(&str, &str); 4] =
    [("throughput", "acquisitions/s"), ("messages", "messages/acq"), ("bytes", "bytes/acq"), ("fairness", "fairness")];

/// Mean and variance.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (mean, if values.len() > 1 { squares / (n - 1.0) } else { 0.0 })
}

/// Ratio of the means with its interval: Welch's test (Biometrika 34, 1947) of the logarithms of the means, whose variances are those of the means
/// over their squares. With a single run on a side the interval is everything. `None` unless both means are above 0.
fn mean_ratio(before: &[f64], after: &[f64]) -> Option<(f64, f64, f64)> {
    if before.is_empty() || after.is_empty() {
        return None;
    }
    let (a, b) = (moments(before), moments(after));
    if a.0 <= 0.0 || b.0 <= 0.0 {
        return None;
    }
    let ratio = b.0 / a.0;
    if before.len() < 2 || after.len() < 2 {
        return Some((ratio, 0.0, f64::INFINITY));
    }
    let (na, nb) = (before.len() as f64, after.len() as f64);
    let (va, vb) = (a.1 / na / (a.0 * a.0), b.1 / nb / (b.0 * b.0));
    let half = if va + vb > 0.0 {
        let freedom = (va + vb).powi(2) / (va * va / (na - 1.0) + vb * vb / (nb - 1.0));
        student(freedom) * (va + vb).sqrt()
    } else {
        0.0
    };
    Some((ratio, ratio * (-half).exp(), ratio * half.exp()))
}

/// Difference of means in pooled standard deviations, corrected for few runs (Hedges, J. Educational Statistics 6, 1981).
fn effect(before: &[f64], after: &[f64]) -> Option<f64> {
    let freedom = (before.len() + after.len()).checked_sub(2).filter(|n| *n > 0)? as f64;
    let (a, b) = (moments(before), moments(after));
    let pooled = ((before.len() as f64 - 1.0) * a.1 + (after.len() as f64 - 1.0) * b.1) / freedom;
    (pooled > 0.0).then(|| (b.0 - a.0) / pooled.sqrt() * (1.0 - 3.0 / (4.0 * freedom - 1.0)))
}

/// Means over the runs of a point.
fn of_runs(label: &str, a: &Point, b: &Point) -> Vec<Change> {
    let one = |(name, shown): &(&str, &str)| {
        let i = measure(name)?;
        let (x, y): (Vec<f64>, Vec<f64>) = (a.values(i).collect(), b.values(i).collect());
        let ratio = mean_ratio(&x, &y)?;
        // Numbers are compared after sums of rounded ones: a part in a million million is no change.
        let changed = ratio.1 > 1.0 + 1e-12 || ratio.2 < 1.0 - 1e-12;
        let values = (prefixed(moments(&x).0), prefixed(moments(&y).0));
        Some(Change {
            stage: label.to_owned(),
            metric: (*shown).to_owned(),
            values,
            ratio: Some(ratio),
            changed,
            effect: effect(&x, &y),
        })
    };
    MEANS.iter().filter_map(one).collect()
}

/// Events of two exposures: the ratio of their rates by the exact conditional test. Given their sum, those of the second are
/// binomial (Przyborowski and Wilenski, Biometrika 31, 1940).
fn ratio(before: (u64, f64), after: (u64, f64)) -> Option<(f64, f64, f64)> {
    if before.1 <= 0.0 || after.1 <= 0.0 {
        return None;
    }
    let odds = |share: f64| if share >= 1.0 { f64::INFINITY } else { share / (1.0 - share) * before.1 / after.1 };
    let e = proportion(after.0, before.0 + after.0)?;
    // A bound for "none" is one-sided; both ends are wanted here, so the other side gives the same test.
    let low = if after.0 == 0 { 0.0 } else { odds(e.low) };
    Some((odds(e.value), low, odds(e.high)))
}

/// Interval of a quantile from the order of the values: the ranks that hold it with 95 %.
fn quantile(h: &Histogram, p: f64) -> Option<(u64, u64, u64)> {
    let n = h.count();
    let half = 1.96 * (n as f64 * p * (1.0 - p)).sqrt();
    let rank = |at: f64| h.quantile((at.round().max(1.0) as u64).min(n), n.max(1));
    let middle = n as f64 * p;
    // Above the largest rank nothing bounds it.
    (middle + half <= n as f64 && middle - half >= 1.0)
        .then(|| Some((rank(middle)?, rank(middle - half)?, rank(middle + half)?)))?
}

fn of_stage(a: &StageSummary, b: &StageSummary) -> Vec<Change> {
    let mut changes = Vec::new();
    for (metric, count) in COUNTED {
        let (x, y) = (count(a), count(b));
        if x + y == 0 {
            continue;
        }
        let value = |n: u64, s: f64| rate(n, s).map_or_else(|| "-".into(), |e| prefixed(e.value));
        let ratio = ratio((x, a.simulated_s()), (y, b.simulated_s()));
        changes.push(Change {
            stage: b.label.clone(),
            metric: metric.into(),
            values: (value(x, a.simulated_s()), value(y, b.simulated_s())),
            ratio,
            changed: ratio.is_some_and(|(_, low, high)| low > 1.0 || high < 1.0),
            effect: None,
        });
    }
    let none = Histogram::new();
    let nmi = |s: &StageSummary| s.handlers.get(names::NMI).map_or(none.clone(), |h| h.duration_ns.clone());
    let times = [("detection", a.detection_latency(), b.detection_latency()), ("NMI", nmi(a), nmi(b))];
    for (what, x, y) in times {
        for (name, p) in [("p50", 0.5), ("p99", 0.99)] {
            let (Some(q), Some(r)) = (quantile(&x, p), quantile(&y, p)) else { continue };
            let over = |n: u64, d: u64| n as f64 / d.max(1) as f64;
            changes.push(Change {
                stage: b.label.clone(),
                metric: format!("{what} {name}"),
                values: (duration(q.0), duration(r.0)),
                ratio: Some((over(r.0, q.0), over(r.1, q.2), over(r.2, q.1))),
                // Buckets are 1.6 % wide: less than that cannot be seen.
                changed: over(r.1, q.2) > 1.016 || over(q.1, r.2) > 1.016,
                effect: None,
            });
        }
    }
    changes
}

/// The stage that is meant by `of`: at the same point of a sweep, for what labels say of points depends on the others; else of the same label.
fn partner<'a>(stages: &'a [StageSummary], of: &StageSummary) -> Option<&'a StageSummary> {
    let at = |x: &&StageSummary| !x.point.1.is_empty() && (&x.stage, &x.point.1) == (&of.stage, &of.point.1);
    stages.iter().find(at).or_else(|| stages.iter().find(|x| x.label == of.label))
}

/// Compares stages of the same experiment that are each other's partners.
#[must_use]
pub fn changes(before: &[Section], after: &[Section]) -> Vec<(String, Vec<Change>)> {
    let pairs = after.iter().filter_map(|b| Some((before.iter().find(|a| a.experiment == b.experiment)?, b)));
    let one = |(a, b): (&Section, &Section)| {
        let point = |s: &'_ Section, x: &StageSummary| {
            let same = |p: &&Point| {
                (p.stage_idx, &p.stage, &p.config_hash, &p.version)
                    == (x.stage_idx, &x.stage, &x.config_hash, &x.version)
                    && p.patches == x.patches
            };
            s.points.iter().find(same).cloned()
        };
        let of = |y: &StageSummary| {
            let x = partner(&a.stages, y)?;
            let runs = point(a, x).zip(point(b, y)).map(|(p, q)| of_runs(&y.label, &p, &q));
            Some([of_stage(x, y), runs.unwrap_or_default()].concat())
        };
        (b.experiment.clone(), b.stages.iter().filter_map(of).flatten().collect())
    };
    pairs.map(one).collect()
}

/// The comparison as text in ASCII, no line of which is longer than 77 characters.
#[must_use]
pub fn compare(before: &[Section], after: &[Section]) -> String {
    let mut text = String::new();
    for (experiment, changes) in changes(before, after) {
        let (seen, same): (Vec<&Change>, Vec<&Change>) = changes.iter().partition(|c| c.changed);
        let head = format!("{experiment}: {} of {} figures changed beyond noise", seen.len(), changes.len());
        text += &(wrap_hanging(&head, WIDTH, 2).join("\n") + "\n\n");
        if seen.is_empty() {
            text += "No change seen.\n\n";
        } else {
            text += "Changed:\n";
            text += &table(&seen);
        }
        if !same.is_empty() {
            text += "Not seen to change; a change beyond the interval would have been seen:\n";
            text += &table(&same);
        }
    }
    for line in unpaired(before, after) {
        text += &line;
    }
    let note = "Ratio: after over before with its 95 % interval. Rates are per simulated second and compared by the exact \
                conditional test, events taken as independent, so bursts make the truth wider; times by the ranks that hold the \
                quantile; throughput, traffic and fairness as means over runs by Welch's test of the logarithms of the means, with the effect in standard \
                deviations of a run (g: 0.2 is small, 0.8 large). Every figure is tested by itself: of 20 without any change one is expected to look changed.";
    text += &wrap_hanging(note, WIDTH, 0).join("\n");
    Charset::Ascii.adapt(&(text + "\n"))
}

/// What has no partner, and what was not made from the same configuration.
fn unpaired(before: &[Section], after: &[Section]) -> Vec<String> {
    fn of<'a>(sections: &'a [Section], y: &StageSummary) -> Option<&'a StageSummary> {
        let section = sections.iter().find(|s| s.experiment == y.experiment)?;
        partner(&section.stages, y)
    }
    let mut lines = Vec::new();
    for (list, other, what) in [(after, before, "only after"), (before, after, "only before")] {
        let stages = list.iter().flat_map(|s| s.stages.iter().map(move |y| (s, y)));
        let lacking = stages.filter(|(_, y)| of(other, y).is_none());
        let names: Vec<String> = lacking.map(|(s, y)| format!("{} {}", s.experiment, y.label)).collect();
        if !names.is_empty() {
            lines.push(wrap_hanging(&format!("{what}: {}", names.join(", ")), WIDTH, 2).join("\n") + "\n\n");
        }
    }
    let mut stages = after.iter().flat_map(|s| &s.stages);
    if stages.any(|y| of(before, y).is_some_and(|x| x.config_hash != y.config_hash)) {
        lines.push("Some stages were run with another configuration than before.\n\n".into());
    }
    lines
}

fn table(rows: &[&Change]) -> String {
    let interval = |c: &Change| {
        let Some((r, low, high)) = c.ratio else { return "not known".to_owned() };
        if low == 0.0 && high.is_infinite() {
            return format!("x{} [one run]", number(r));
        }
        let effect = c.effect.map_or_else(String::new, effect_text);
        let text = |digits: fn(f64) -> String| format!("x{} [{}, {}]", digits(r), digits(low), digits(high));
        let fits = |text: &String| text.len() <= RATIO;
        let all = [text(number) + &effect, text(two_digits) + &effect, text(two_digits)];
        all.into_iter().find(fits).unwrap_or_else(|| format!("x{}", number(r)))
    };
    // The middle is left out of a name that is too long: names often differ at the end alone.
    let cut = |text: &str, n: usize| {
        let chars: Vec<char> = text.chars().collect();
        if chars.len() <= n {
            return text.to_owned();
        }
        let (head, tail) = ((n - 1) / 2, (n - 2) / 2);
        chars[..head].iter().chain(&['.', '.']).chain(&chars[chars.len() - tail..]).collect()
    };
    let line = |a: &str, b: &str, c: &str, d: &str, e: &str| {
        format!("  {:<12} {:<15} {:>8} {:>8}  {e}", cut(a, 12), cut(b, 15), c, d).trim_end().to_owned() + "\n"
    };
    let mut text = line("stage", "figure", "before", "after", "ratio");
    for c in rows {
        text += &line(&c.stage, &c.metric, &c.values.0, &c.values.1, &interval(c));
    }
    text + "\n"
}

/// Characters of a ratio at most.
const RATIO: usize = 27;

/// An effect in at most seven characters.
fn effect_text(g: f64) -> String {
    if g.abs() >= 100.0 {
        if g > 0.0 { " g>99".into() } else { " g<-99".into() }
    } else {
        format!(" g={:.1}", if g.abs() < 0.05 { 0.0 } else { g })
    }
}

/// Two significant digits, at most seven characters.
fn two_digits(value: f64) -> String {
    match value {
        v if v.is_infinite() => "inf".into(),
        v if (10.0..1000.0).contains(&v) => format!("{v:.0}"),
        v if (1.0..10.0).contains(&v) => format!("{v:.1}"),
        v if (0.1..1.0).contains(&v) => format!("{v:.2}"),
        v => format!("{v:.1e}"),
    }
}

fn number(value: f64) -> String {
    if value.is_infinite() { "inf".into() } else { three_digits(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_records;

    fn section(change: impl Fn(&mut crate::Record)) -> Vec<Section> {
        let mut records = sample_records();
        records.iter_mut().for_each(change);
        let mut points: Vec<Point> = Vec::new();
        for r in &records {
            if points.last().is_none_or(|p| p.stage_idx != r.stage_idx) {
                points.push(Point::empty(r));
            }
            points.last_mut().unwrap().runs.push(crate::point::Run::of(r));
        }
        let stages = StageSummary::from_records(&records);
        vec![Section { experiment: "ring8".into(), stages, points, ..Section::default() }]
    }

    #[test]
    fn means_of_runs_have_an_interval_and_an_effect() {
        let (a, b) = ([100.0, 102.0, 98.0, 101.0], [130.0, 128.0, 133.0, 131.0]);
        let r = mean_ratio(&a, &b).unwrap();
        assert!((r.0 - 1.302).abs() < 1e-3 && r.1 > 1.26 && r.2 < 1.35, "{r:?}");
        // Means 100.25 and 130.5, pooled variance 21.75 / 6, six degrees of freedom.
        assert!(
            (effect(&a, &b).unwrap() - 30.25 / 3.625_f64.sqrt() * (1.0 - 3.0 / 23.0)).abs() < 1e-3,
            "{:?}",
            effect(&a, &b)
        );
        assert_eq!(mean_ratio(&a[..1], &b).map(|r| (r.1, r.2)), Some((0.0, f64::INFINITY)));
        // Means far from each other with few runs: no longer than any other.
        let wild = Change {
            stage: "a stage with a long name".into(),
            metric: "acquisitions/s".into(),
            values: ("98.8 k".into(), "66.7 k".into()),
            ratio: Some((0.9, 0.0856, 9.5e12)),
            changed: false,
            effect: Some(-99.94),
        };
        let text = table(&[&wild]);
        assert!(text.contains("a sta.. name") && text.lines().all(|l| l.len() < 78), "{text}");
        assert_eq!((mean_ratio(&[0.0], &b), effect(&[1.0], &[2.0]), effect(&[1.0, 1.0], &[2.0])), (None, None, None));
        let half = section(|r| r.traffic.by_class.values_mut().for_each(|t| t.messages /= 2));
        let found = changes(&section(|_| {}), &half);
        let of = |metric: &str| found[0].1.iter().find(|c| c.stage == "base" && c.metric == metric).unwrap();
        assert!(of("messages/acq").changed && !of("acquisitions/s").changed && !of("bytes/acq").changed);
        let text = compare(&section(|_| {}), &half);
        assert!(text.contains("messages/acq") && text.contains("x0.500 [0.500, 0.500] g<-99"), "{text}");
        assert!(text.lines().all(|l| l.len() < 78), "{text}");
    }

    #[test]
    fn points_are_compared_whatever_other_points_are_there() {
        let ring = |hop: u32| format!("Ring(hop: \"{hop}cy\", bytes: 32)");
        let sweep = |hops: &[u32]| {
            let sections = hops.iter().flat_map(|&hop| {
                let mut records = sample_records();
                for r in &mut records {
                    let axes = [("net".to_owned(), ring(hop))].into();
                    r.sweep = Some(crate::record::SweepPoint { point: u64::from(hop), axes, ..Default::default() });
                    r.config_hash = format!("{hop}");
                }
                records
            });
            let stages = StageSummary::from_records(&sections.collect::<Vec<_>>());
            vec![Section { experiment: "ring8".into(), stages, ..Section::default() }]
        };
        let (few, many) = (sweep(&[2]), sweep(&[2, 3]));
        assert_eq!(
            (few[0].stages[0].label.as_str(), many[0].stages[0].label.as_str()),
            ("base", "base Ring(hop: 2cy)")
        );
        let compared = changes(&few, &many);
        assert!(compared[0].1.iter().any(|c| c.stage == "base Ring(hop: 2cy)"), "{compared:?}");
        assert!(!compared[0].1.iter().any(|c| c.stage == "base Ring(hop: 3cy)"), "{compared:?}");
        assert!(compare(&few, &many).contains("only after: ring8 base Ring(hop: 3cy)"));
    }

    #[test]
    fn the_same_records_show_no_change_and_what_could_have_been_seen() {
        let one = section(|_| {});
        let text = compare(&one, &one);
        assert!(text.starts_with("ring8: 0 of ") && text.contains("No change seen."), "{text}");
        assert!(text.is_ascii() && text.lines().all(|l| l.len() < 78), "{text}");
        // 92 and 92 timeouts: a ratio of 1 between these exact bounds.
        let r = ratio((92, 2.0), (92, 2.0)).unwrap();
        assert!((r.0 - 1.0).abs() < 1e-12 && (r.1 * r.2 - 1.0).abs() < 1e-6 && r.2 > 1.3 && r.2 < 1.4, "{r:?}");
    }

    #[test]
    fn a_drop_of_timeouts_is_a_change_and_a_few_are_not() {
        let none = section(|r| {
            for c in r.contexts.values_mut() {
                c.held += c.etimedout;
                c.etimedout = 0;
            }
        });
        let found = changes(&section(|_| {}), &none);
        let of = |stage: &str| found[0].1.iter().find(|c| c.stage == stage && c.metric == "timeouts/s").unwrap();
        assert!(of("base").changed && of("base").values.1 == "0");
        assert!(!of("+1-4").changed, "2 against 0 is noise: {:?}", of("+1-4"));
        assert!(found[0].1.iter().all(|c| c.stage != "+1-5" || c.metric != "timeouts/s"), "0 and 0 say nothing");
    }

    #[test]
    fn stages_without_a_partner_are_named() {
        let mut long = section(|_| {});
        long[0].experiment = "a title of many words ".repeat(9);
        assert!(compare(&long, &long).lines().all(|l| l.len() < 78));
        let (mut a, b) = (section(|_| {}), section(|_| {}));
        a[0].stages.remove(1);
        assert!(compare(&a, &b).contains("only after: ring8 +1\n"));
    }
}
