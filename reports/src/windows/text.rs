// SPDX-License-Identifier: MIT OR Apache-2.0
//! Maps as tables for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::rates::{repeated, split_bound, split_value};
use super::record::{Pair, outcomes};
use super::summary::{Arrivals, EVENTS, Event, LineKey, LineRow, NoRate, StageMap};
use crate::table::{Column, Page, fits, render_columns};
use crate::units::{count, duration, percent, plural, three_digits};

/// Characters of a source line shown.
const TEXT_MAX: usize = 46;
/// Stages side by side at most.
pub const STAGES_ACROSS: usize = 8;
/// Characters of a line of prose at most, however wide the output is.
const PROSE: usize = 120;
/// Pairs of landings shown.
const PAIRS_SHOWN: usize = 12;

/// Which events the rates leave out.
const FIRST_ORDER: &str = "One interrupt at a time: the others of the same source were kept out, so what two of them do together is not in these rates.";
/// The same with pairs.
const OF_PAIRS: &str = "Two interrupts at most, the second on another core: what two on one core or three do together is not in these rates.";

/// What a reader of any rate must know.
pub const CAVEATS: [&str; 5] = [
    "Arrivals are independent of what the core does (Poisson, or periodic with a random phase); a counter that the program itself steps is not.",
    "A landing is where the interrupt is taken: a counter that overflows earlier and is taken late (skid) counts where it is taken.",
    "The handler is the one of the experiment; a longer one can make each landing cost more and overlap with others.",
    FIRST_ORDER,
    "No frequency scaling, no second thread on a core and no preemption by a hypervisor.",
];

/// `text`, cut.
pub(crate) fn short(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max - 1).chain(['…']).collect()
}

/// A line for each stage: landings, their outcomes, the longest handler.
#[must_use]
pub fn stages_text(stages: &[StageMap<'_>], width: usize, ascii: bool) -> String {
    let each = |cell: &dyn Fn(&StageMap<'_>) -> String| stages.iter().map(cell).collect::<Vec<_>>();
    let boundaries = |s: &StageMap<'_>| {
        let all: BTreeSet<(&str, &str, bool)> = s
            .maps
            .iter()
            .flat_map(|m| &m.boundaries)
            .map(|b| (b.place.as_str(), b.context.as_str(), b.within))
            .collect();
        count(all.len() as u64)
    };
    let ending = |s: &StageMap<'_>, outcome: &str| -> u64 {
        let all = s.lines.values().flat_map(|l| &l.endings);
        all.filter(|((o, _), _)| o == outcome).map(|(_, n)| n).sum()
    };
    let mut columns = vec![
        Column::new("stage", "stage", each(&|s| s.name.clone()), false),
        Column::new("stage", "boundaries", each(&boundaries), true),
        Column::new("stage", "landings", each(&|s| count(s.landings())), true),
    ];
    for outcome in outcomes::ORDER {
        if stages.iter().any(|s| ending(s, outcome) > 0) {
            columns.push(Column::new("outcomes", outcome, each(&|s| count(ending(s, outcome))), true));
        }
    }
    let longest =
        |of: fn(&LineRow) -> u64| move |s: &StageMap<'_>| duration(s.lines.values().map(of).max().unwrap_or(0));
    columns.push(Column::new("time", "longest\nhandler", each(&longest(|l| l.handler_max_ns)), true));
    columns.push(Column::new("time", "others\nwaited", each(&longest(|l| l.others_max_ns)), true));
    render_columns(columns, 1, Page::new(width, false, ascii))
}

/// What the words of the tables mean, as far as the stages need them.
#[must_use]
pub fn legend(stages: &[StageMap<'_>], width: usize, ascii: bool) -> String {
    let seen =
        |outcome: &str| stages.iter().flat_map(|s| s.lines.values()).any(|l| l.endings.keys().any(|k| k.0 == outcome));
    let words = outcomes::ORDER.iter().zip(outcomes::MEANINGS).filter(|(o, _)| seen(o));
    let words: Vec<String> = words.map(|(outcome, means)| format!("\"{outcome}\": {means}")).collect();
    let text = format!(
        "A landing counts as the worst that becomes of it. {}. \"handler\" is the longest on a line, \"others\" the longest wait of \
         somebody else, \"stands there\" the share of running time.",
        words.join("; ")
    );
    Page::new(width.min(PROSE), false, ascii).prose(&text, 0)
}

/// A program line as it is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) key: &'a LineKey,
    pub(crate) text: &'a str,
    pub(crate) procedure: &'a str,
}

impl Line<'_> {
    /// Its number; of the workload's text with a w.
    pub(crate) fn number(&self) -> String {
        let (source, n) = self.key;
        if source.starts_with('(') { format!("w{n}") } else { n.to_string() }
    }
}

/// All program lines of some stages in the order of the program, workload last.
pub(crate) fn all_lines<'a>(stages: &[&'a StageMap<'_>]) -> Vec<Line<'a>> {
    let mut lines: BTreeMap<&LineKey, Line<'a>> = BTreeMap::new();
    for s in stages {
        lines.extend(s.lines.iter().map(|(key, l)| (key, Line { key, text: &l.text, procedure: &l.procedure })));
    }
    let mut lines: Vec<_> = lines.into_values().collect();
    lines.sort_by_key(|l| (l.key.0.starts_with('('), l.key));
    lines
}

/// `[line]`: its procedure where that is not the one of the line before.
pub(crate) fn procedures(lines: &[Line<'_>]) -> Vec<String> {
    let before = |i: usize| i.checked_sub(1).map(|i| lines[i].procedure);
    let name = |(i, l): (usize, &Line<'_>)| {
        if before(i) == Some(l.procedure) { String::new() } else { l.procedure.to_owned() }
    };
    lines.iter().enumerate().map(name).collect()
}

/// The program with what became of landings beside its lines: in full for one stage, the worst outcome and the longest handler for
/// several.
#[must_use]
pub fn lines_text(stages: &[&StageMap<'_>], width: usize, ascii: bool) -> String {
    let lines = all_lines(stages);
    rows(stages, &lines, Page::new(width, false, ascii))
}

fn rows(stages: &[&StageMap<'_>], lines: &[Line<'_>], page: Page) -> String {
    if let [_, _] = stages {
        let full = line_columns(stages, lines, false);
        let brief = || {
            let mut columns = line_columns(stages, lines, true);
            columns[0].spare = true;
            columns
        };
        // Where it is narrow, the two stages beside each other say more than all figures below each other.
        return render_columns(if fits(&full, page) { full } else { brief() }, KEYS, page);
    }
    render_columns(line_columns(stages, lines, stages.len() > 2), KEYS, page)
}

/// Columns that name a line.
const KEYS: usize = 3;

/// The columns of a table of lines; `brief` has the worst outcome and the longest handler of each stage in one.
fn line_columns(stages: &[&StageMap<'_>], lines: &[Line<'_>], brief: bool) -> Vec<Column> {
    let mut columns = vec![
        Column::new("line", "procedure", procedures(lines), false),
        Column::new("line", "line", lines.iter().map(Line::number).collect(), true),
        Column::new("line", "program", lines.iter().map(|l| short(l.text, TEXT_MAX)).collect(), false),
    ];
    for s in stages {
        let cell = |of: &dyn Fn(&LineRow) -> String| -> Vec<String> {
            lines.iter().map(|l| s.lines.get(l.key).map_or_else(String::new, of)).collect()
        };
        if brief {
            let text = |l: &LineRow| {
                let worst = l.worst_name();
                let time =
                    if worst == outcomes::HANG { String::new() } else { format!(" {}", duration(l.handler_max_ns)) };
                format!("{worst}{time}")
            };
            columns.push(Column::new("", &s.name, cell(&text), false));
            continue;
        }
        let head = |h: &str| if stages.len() > 1 { format!("{}\n{h}", s.name) } else { h.to_owned() };
        let stood = |l: &LineRow| if l.cycles == 0 { "never".into() } else { percent(s.share(l)) };
        if stages.len() == 1 {
            let contexts = |l: &LineRow| if l.contexts == ["task"] { String::new() } else { l.contexts.join(", ") };
            if s.lines.values().any(|l| l.contexts != ["task"]) {
                columns.push(Column::new(STAGE, "in", cell(&contexts), false));
            }
        }
        columns.push(Column::new(STAGE, &head("stands there"), cell(&stood), true));
        if stages.len() == 1 {
            columns.push(Column::new(STAGE, "landings", cell(&|l| count(l.landings)), true));
        }
        columns.push(Column::new(STAGE, &head("outcome"), cell(&|l| l.endings_text(true)), false));
        columns.push(Column::new(STAGE, &head("handler"), cell(&|l| duration(l.handler_max_ns)), true));
        if s.lines.values().any(|l| l.others_max_ns > 0) {
            columns.push(Column::new(STAGE, &head("others"), cell(&|l| duration(l.others_max_ns)), true));
        }
    }
    columns
}

/// Group of the columns of a stage.
const STAGE: &str = "of stage";

/// Two stages: only the lines whose outcomes differ, or whose longest handlers differ by more than a quarter.
#[must_use]
pub fn compare(a: &StageMap<'_>, b: &StageMap<'_>, width: usize, ascii: bool) -> String {
    let differ = |key: &LineKey| match (a.lines.get(key), b.lines.get(key)) {
        (Some(x), Some(y)) => {
            let shares = |l: &LineRow| -> Vec<(String, String, u64)> {
                l.endings.iter().map(|((o, d), n)| (o.clone(), d.clone(), n * 100 / l.landings.max(1))).collect()
            };
            let kinds = |l: &LineRow| -> Vec<(String, String)> { l.endings.keys().cloned().collect() };
            let far = |x: u64, y: u64| 4 * x.min(y) < 3 * x.max(y) && x.max(y) > 1_000;
            let moved = || shares(x).iter().zip(&shares(y)).any(|(p, q)| p.2.abs_diff(q.2) > 10);
            kinds(x) != kinds(y) || moved() || far(x.handler_max_ns, y.handler_max_ns)
        }
        _ => true,
    };
    let all = all_lines(&[a, b]);
    let changed: Vec<Line<'_>> = all.iter().copied().filter(|l| differ(l.key)).collect();
    let head = format!(
        "{} against {}: {} of {} changed\n",
        a.name,
        b.name,
        count(changed.len() as u64),
        plural(all.len() as u64, "line")
    );
    if changed.is_empty() { head } else { head + "\n" + &rows(&[a, b], &changed, Page::new(width, false, ascii)) }
}

/// Rates of every event, or of those named, with their intervals and what to know about them.
///
/// # Errors
/// A stage in which they were not measured.
pub fn rates_text(
    stages: &[StageMap<'_>],
    events: &[&Event],
    arrivals: &Arrivals,
    width: usize,
    ascii: bool,
) -> std::result::Result<String, NoRate> {
    let events: Vec<&Event> = if events.is_empty() { EVENTS.iter().collect() } else { events.to_vec() };
    let mut rows: [Vec<String>; 8] = Default::default();
    for s in stages {
        for (i, event) in events.iter().enumerate() {
            let rate = s.rate(event, arrivals)?;
            let (p, h) = (rate.probability, rate.per_hour);
            let pair = |value: f64, (low, high): (f64, f64), none: bool| {
                if none {
                    format!("none seen, < {}", three_digits(high))
                } else {
                    format!("{} ({}–{})", three_digits(value), three_digits(low), three_digits(high))
                }
            };
            let two = s.pair_rate(event, arrivals);
            let two = two.map(|two| match two.runs {
                0 => "none can come".to_owned(),
                _ => pair(two.per_hour.value, (two.per_hour.low, two.per_hour.high), two.per_hour.none),
            });
            let guard = if h.guard_differs() { pair(h.value, h.guard, h.none) } else { String::new() };
            let cells = [
                if i == 0 { s.name.clone() } else { String::new() },
                event.name.to_owned(),
                pair(p.value, (p.low, p.high), p.none),
                pair(h.value, (h.low, h.high), h.none),
                guard,
                two.unwrap_or_default(),
                three_digits(h.unseen),
                if i == 0 { percent(s.covered()) } else { String::new() },
            ];
            rows.iter_mut().zip(cells).for_each(|(r, c)| r.push(c));
        }
    }
    let [stage, event, p, hour, guard, two, unseen, covered] = rows;
    let mut columns = vec![
        Column::new("stage", "stage", stage, false),
        Column::new("stage", "event", event, false),
        Column::new("rate", "per interrupt (95 %)", p, false),
        Column::new("rate", "per machine-hour (95 %)", hour, false),
    ];
    if guard.iter().any(|g| !g.is_empty()) {
        columns.push(Column::new("rate", "conservative", guard, false));
    }
    if two.iter().any(|t| !t.is_empty()) {
        columns.push(Column::new("rate", "of two, per machine-hour", two, false));
    }
    columns.push(Column::new("rate", "unseen, <", unseen, true));
    columns.push(Column::new("rate", "of time", covered, true));
    let mut text = format!(
        "At {} interrupts per second and running core{}:\n",
        three_digits(arrivals.per_second),
        arrivals
            .locks_per_second
            .map_or_else(String::new, |l| format!(", {} locks per second and core", three_digits(l)))
    );
    text += &render_columns(columns, 2, Page::new(width, false, ascii));
    text += "\n";
    let page = Page::new(width.min(PROSE), false, ascii);
    for e in &events {
        let over =
            if e.name == "long" { format!(" of {}", duration(stages[0].maps[0].long_over_ns)) } else { String::new() };
        text += &page.prose(&format!("  {}: {}{over}", e.name, e.title), 4);
    }
    let unseen = "  unseen: what boundaries at which no landing had the event can add per hour, at most (95 %); --more makes it less";
    let covered =
        "  of time: share of the cores' running time that the boundaries visited have; of the rest nothing is said";
    text += &(page.prose(unseen, 4) + &page.prose(covered, 4));
    let of_two = stages.iter().filter_map(|s| Some((s, s.pair_rate(events.first()?, arrivals)?)));
    for (s, two) in of_two.filter(|(_, two)| two.runs > 0) {
        let of_two = format!(
            "  of two, {}: a second interrupt comes to another core while the first one is served and there is no deadlock yet, and both have an \
 event that neither has alone; {}, which try boundaries with {} of the time in which it \
             could come",
            s.name,
            plural(two.runs, "run"),
            percent(two.covered)
        );
        text += &page.prose(&of_two, 4);
    }
    if stages.iter().all(StageMap::is_enumerated) {
        let all = "  Every boundary was landed on at each visit: exact for the states visited; a bound is one for states that were not.";
        text += &page.prose(all, 2);
    }
    text += "What these rates assume:\n";
    let pairs = stages.iter().any(|s| s.pair_rate(&EVENTS[0], arrivals).is_some());
    for caveat in CAVEATS {
        let caveat = if pairs && caveat == FIRST_ORDER { OF_PAIRS } else { caveat };
        text += &page.prose(&format!("- {caveat}"), 2);
    }
    Ok(text)
}

/// What splitting found, stage by stage.
#[must_use]
pub fn splits_text(stages: &[StageMap<'_>], width: usize, ascii: bool) -> String {
    let mut rows: [Vec<String>; 6] = Default::default();
    for s in stages {
        for (m, split) in s.maps.iter().flat_map(|m| m.splits.iter().map(move |x| (m, x))) {
            let values: Vec<f64> =
                split.reached.iter().map(|r| split_value(r, split.levels.len(), split.branches)).collect();
            let found = if !split.random {
                "nothing random follows".to_owned()
            } else if values.iter().all(|v| *v <= 0.0) {
                format!("none seen, < {}", three_digits(split_bound(&split.reached, split.branches)))
            } else {
                let e = repeated(&values);
                format!("{} ({}–{})", three_digits(e.value), three_digits(e.low), three_digits(e.high))
            };
            let age = |cycles: &u64| duration(cycles * 1_000_000 / m.clock_khz);
            let levels: Vec<String> = split.levels.iter().map(age).collect();
            let kind = if split.within { "within " } else { "" };
            let cells = [
                s.name.clone(),
                m.seed.to_string(),
                format!("{kind}{}", split.place),
                percent(split.cycles as f64 / (m.time.path + m.time.elsewhere).max(1) as f64),
                levels.join(", "),
                found,
            ];
            rows.iter_mut().zip(cells).for_each(|(r, c)| r.push(c));
        }
    }
    let [stage, seed, place, stood, levels, found] = rows;
    if stage.is_empty() {
        return String::new();
    }
    let columns = vec![
        Column::new("split", "stage", stage, false),
        Column::new("split", "seed", seed, true),
        Column::new("split", "lands", place, false),
        Column::new("split", "stands there", stood, true),
        Column::new("split", "levels: age of the oldest wait", levels, false),
        Column::new("split", "timeout per landing (95 %)", found, false),
    ];
    let page = Page::new(width, false, ascii);
    let head = "\nSplitting, at the boundaries with the most time of those where landings rarely time out; the last level stands for the time-out:\n";
    let note = "  nothing random follows: branches with other random numbers end alike, so that only other instants to land at could differ\n";
    let none = stages.iter().flat_map(|s| &s.maps).flat_map(|m| &m.splits).any(|s| !s.random);
    head.to_owned() + &render_columns(columns, 3, page) + if none { note } else { "" }
}

/// What two interrupts did, stage by stage, the worst pairs first.
#[must_use]
pub fn pairs_text(stages: &[StageMap<'_>], width: usize, ascii: bool) -> String {
    let mut text = String::new();
    for s in stages {
        let mut all: BTreeMap<[&str; 4], Pair> = BTreeMap::new();
        let (mut used, mut budget, mut boundaries, mut covered, mut same) = (0, 0, 0, 0, false);
        for second in s.maps.iter().filter_map(|m| m.second.as_ref()) {
            used += second.used;
            budget += second.budget;
            boundaries += second.boundaries;
            covered += second.covered;
            same = second.same_core;
            for p in &second.pairs {
                let key = [p.first.as_str(), p.second.as_str(), p.outcome.as_str(), p.detectors.as_str()];
                let sum = all.entry(key).or_insert_with(|| Pair { landings: 0, handler_max_ns: 0, ..p.clone() });
                sum.landings += p.landings;
                sum.handler_max_ns = sum.handler_max_ns.max(p.handler_max_ns);
            }
        }
        if budget == 0 {
            continue;
        }
        let core = if same { "the same core" } else { "another core" };
        if used == 0 {
            let why = "no first one landed, or nobody else takes such interrupts";
            let _ = writeln!(text, "\n{}, a second interrupt on {core}: none can come; {why}", s.name);
            continue;
        }
        let places: BTreeSet<(&str, &str)> = all.keys().map(|k| (k[0], k[1])).collect();
        let _ = writeln!(
            text,
            "\n{}, a second interrupt on {core}: {} of {} runs used, {} of {} boundaries for the first, {}",
            s.name,
            count(used),
            count(budget),
            count(covered),
            count(boundaries),
            plural(places.len() as u64, "different pair")
        );
        let rank = |o: &str| outcomes::ORDER.iter().position(|x| *x == o).unwrap_or(0);
        let mut sums: BTreeMap<usize, u64> = BTreeMap::new();
        for p in all.values() {
            *sums.entry(rank(&p.outcome)).or_default() += p.landings;
        }
        let sums: Vec<String> =
            sums.iter().rev().map(|(r, n)| format!("{} {}", count(*n), outcomes::ORDER[*r])).collect();
        let _ = writeln!(text, "  {}", sums.join(", "));
        let mut worst: Vec<&Pair> = all.values().filter(|p| rank(&p.outcome) > rank(outcomes::DETECTED)).collect();
        worst.sort_by_key(|p| {
            (std::cmp::Reverse((rank(&p.outcome), p.handler_max_ns)), p.first.clone(), p.second.clone())
        });
        worst.truncate(PAIRS_SHOWN);
        let cell = |of: &dyn Fn(&Pair) -> String| worst.iter().map(|p| of(p)).collect::<Vec<_>>();
        if !worst.is_empty() {
            let columns = vec![
                Column::new("pair", "first lands at", cell(&|p| p.first.clone()), false),
                Column::new("pair", "second lands at", cell(&|p| p.second.clone()), false),
                Column::new("pair", "outcome", cell(&|p| p.outcome.clone()), false),
                Column::new("pair", "found by", cell(&|p| p.detectors.clone()), false),
                Column::new("pair", "runs", cell(&|p| count(p.landings)), true),
                Column::new("pair", "longest handler", cell(&|p| duration(p.handler_max_ns)), true),
            ];
            text += &render_columns(columns, 2, Page::new(width, false, ascii));
        }
    }
    text
}
