// SPDX-License-Identifier: MIT OR Apache-2.0
//! Traffic by cause, false sharing and links, as text.

use std::collections::BTreeMap;

use super::columns::Column;
use super::{Page, render_columns};
use crate::attribution::{Access, Attribution, Sharing, Site, Waits};
use crate::names;
use crate::record::Traffic;
use crate::stage::StageSummary;
use crate::units::{count, percent, plural, three_digits};

/// Rows shown of each table; files have all.
const SITES_SHOWN: usize = 16;
const PAIRS_SHOWN: usize = 10;
const LINKS_SHOWN: usize = 8;
/// Characters shown of a program line.
const TEXT_SHOWN: usize = 44;

/// What was measured on request, stage by stage; empty if it was not. `width`, `color` and `ascii`
/// are as for [`super::stage_table`].
pub fn attribution_text(stages: &[StageSummary], width: usize, color: bool, ascii: bool) -> String {
    let page = Page::new(width, color, ascii);
    let mut text = String::new();
    for stage in stages {
        let Some(a) = &stage.attribution else { continue };
        text += &page.prose(&format!("\nTraffic of {} by cause, most bytes first", stage.label), 0);
        text += &render_columns(sites(a, stage.acquisitions()), 3, page);
        text += &sharing_text(a, page);
        text += &links_text(a, page);
    }
    if !text.is_empty() {
        let note = "\"misses\": accesses that sent a request; \"taken\": copies invalidated in other caches for them; \
                    \"moved\": lines sent from cache to cache. False sharing: an access took a line from a core that \
                    had used other bytes of it only. Waits are beyond what empty links take. Evictions and \
                    recalls count for the access that led to them.";
        text += &page.prose(note, 0);
    }
    text
}

fn place(a: &Access) -> String {
    format!("{}:{}", a.file, a.line)
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= TEXT_SHOWN {
        return text.to_owned();
    }
    text.chars().take(TEXT_SHOWN - 2).collect::<String>() + ".."
}

/// One row of the table of sites.
struct Row {
    names: [String; 4],
    misses: u64,
    taken: u64,
    moved: u64,
    traffic: Traffic,
}

impl Row {
    fn of(names: [String; 4], sites: &[&Site]) -> Row {
        let sum = |part: fn(&Site) -> u64| sites.iter().map(|s| part(s)).sum();
        let mut traffic = Traffic::default();
        sites.iter().for_each(|s| traffic.add(s.traffic()));
        let taken = sum(|s| s.invalidations + s.recalls);
        Row { names, misses: sum(|s| s.misses), taken, moved: sum(|s| s.transfers), traffic }
    }
}

fn sites(a: &Attribution, acquisitions: u64) -> Vec<Column> {
    let mut all: Vec<&Site> = a.sites.iter().collect();
    // Rows are in order of place and field; the sort keeps it among equals.
    all.sort_by_key(|s| std::cmp::Reverse(s.traffic().bytes));
    let (top, rest) = all.split_at(all.len().min(SITES_SHOWN));
    let mut rows: Vec<Row> = top
        .iter()
        .map(|s| {
            let x = &s.access;
            Row::of([x.field.clone(), place(x), shortened(&x.text), x.context.clone()], &[s])
        })
        .collect();
    let summary = |what: String| [what, String::new(), String::new(), String::new()];
    if !rest.is_empty() {
        rows.push(Row::of(summary(format!("{} more", rest.len())), rest));
    }
    rows.push(Row::of(summary("all".into()), &all));
    let bytes = rows.last().map_or(0, |r| r.traffic.bytes);
    let text = |header: &str, i: usize| column(header, rows.iter().map(|r| r.names[i].clone()), false);
    let number = |header: &str, part: fn(&Row) -> u64| column(header, rows.iter().map(|r| count(part(r))), true);
    let share = |r: &Row| if bytes == 0 { String::new() } else { percent(r.traffic.bytes as f64 / bytes as f64) };
    let per_acquisition = |r: &Row| match acquisitions {
        0 => String::new(),
        n => three_digits(r.traffic.bytes as f64 / n as f64),
    };
    let mut line = text("line", 2);
    line.spare = true;
    vec![
        text("field", 0),
        text("program", 1),
        text("context", 3),
        line,
        number("misses", |r| r.misses),
        number("taken", |r| r.taken),
        number("moved", |r| r.moved),
        number("messages", |r| r.traffic.messages),
        number("bytes", |r| r.traffic.bytes),
        column("share", rows.iter().map(share), true),
        column("bytes/acq", rows.iter().map(per_acquisition), true),
    ]
}

pub(super) fn column(header: &str, cells: impl Iterator<Item = String>, right: bool) -> Column {
    Column::new("", header, cells.collect(), right)
}

/// Both directions of a pair of fields.
#[derive(Default)]
struct Pair<'a> {
    invalidations: u64,
    downgrades: u64,
    rows: Vec<&'a Sharing>,
}

fn events(s: &Sharing) -> u64 {
    s.invalidations + s.downgrades
}

fn sharing_text(a: &Attribution, page: Page) -> String {
    let mut pairs: BTreeMap<[&str; 2], Pair<'_>> = BTreeMap::new();
    let mut others: BTreeMap<&str, u64> = BTreeMap::new();
    for s in &a.sharing {
        match &s.victim {
            Some(victim) if s.kind == names::FALSE_SHARING => {
                let mut key = [s.taker.field.as_str(), victim.field.as_str()];
                key.sort_unstable();
                let pair = pairs.entry(key).or_default();
                pair.invalidations += s.invalidations;
                pair.downgrades += s.downgrades;
                pair.rows.push(s);
            }
            _ => *others.entry(s.kind.as_str()).or_default() += events(s),
        }
    }
    let of = |kind: &str| count(others.get(kind).copied().unwrap_or(0));
    let rest = format!(
        "True sharing: {} times a line was taken for bytes in use; copies taken that were not in use: {}.",
        of(names::TRUE_SHARING),
        of(names::UNUSED_COPY)
    );
    if pairs.is_empty() {
        return page.prose(&format!("No false sharing. {rest}"), 0);
    }
    let mut sorted: Vec<_> = pairs.into_iter().collect();
    sorted.sort_by_key(|(_, p)| std::cmp::Reverse(p.invalidations + p.downgrades));
    let hidden = sorted.len().saturating_sub(PAIRS_SHOWN);
    sorted.truncate(PAIRS_SHOWN);
    let most = |p: &Pair<'_>, who: fn(&Sharing) -> Option<&Access>| {
        let row = p.rows.iter().max_by_key(|s| events(s));
        row.and_then(|s| who(s)).map_or_else(String::new, |x| format!("{} in {}", place(x), x.context))
    };
    let columns = vec![
        column("false sharing of", sorted.iter().map(|(k, _)| k[0].to_owned()), false),
        column("and", sorted.iter().map(|(k, _)| k[1].to_owned()), false),
        column("taken", sorted.iter().map(|(_, p)| count(p.invalidations)), true),
        column("downgraded", sorted.iter().map(|(_, p)| count(p.downgrades)), true),
        column("mostly by", sorted.iter().map(|(_, p)| most(p, |s| Some(&s.taker))), false),
        column("from", sorted.iter().map(|(_, p)| most(p, |s| s.victim.as_ref())), false),
    ];
    let mut text = render_columns(columns, 2, page);
    if hidden > 0 {
        let more = format!("{} of false sharing with fewer lines taken", plural(hidden as u64, "more pair"));
        text += &page.prose(&more, 0);
    }
    text + &page.prose(&rest, 0)
}

fn waits(w: &Waits) -> String {
    match w.mean_cycles() {
        None => "no messages".into(),
        Some(mean) => {
            format!("{} messages, wait mean {} c, max {} c", count(w.messages), three_digits(mean), w.longest_cycles)
        }
    }
}

fn links_text(a: &Attribution, page: Page) -> String {
    let mut links: Vec<_> = a.links.iter().filter(|l| l.busy_ticks > 0).collect();
    links.sort_by(|x, y| {
        // Shares as exact fractions: x.busy / x.all against y.busy / y.all.
        let all = |l: &crate::attribution::Link| u128::from(l.ticks.max(1)) * u128::from(l.wires);
        (u128::from(y.busy_ticks) * all(x)).cmp(&(u128::from(x.busy_ticks) * all(y)))
    });
    let used = links.len();
    links.truncate(LINKS_SHOWN);
    let busy = links.iter().map(|l| l.utilisation().map_or_else(String::new, percent));
    let mean = links.iter().map(|l| l.all_networks().mean_cycles().map_or_else(String::new, three_digits));
    let columns = vec![
        column("link from", links.iter().map(|l| l.from.clone()), false),
        column("to", links.iter().map(|l| l.to.clone()), false),
        column("busy", busy, true),
        column("messages", links.iter().map(|l| count(l.all_networks().messages)), true),
        column("mean wait, c", mean, true),
        column("max wait, c", links.iter().map(|l| count(l.all_networks().longest_cycles)), true),
    ];
    let mut text = format!("Busiest links, {} of {} in use\n", links.len(), used);
    if !links.is_empty() {
        text += &render_columns(columns, 2, page);
    }
    for (name, w) in &a.networks {
        text += &page.prose(&format!("{name} network: {}", waits(w)), 2);
    }
    text
}
