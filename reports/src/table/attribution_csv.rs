// SPDX-License-Identifier: MIT OR Apache-2.0
//! Traffic by cause, sharing and links as comma-separated values; format as [`super::stage_csv`].

use crate::attribution::{Access, Attribution, Waits};
use crate::names;
use crate::record::Traffic;
use crate::stage::StageSummary;

use super::csv::field;

fn line(fields: Vec<String>) -> String {
    fields.iter().map(|f| field(f)).collect::<Vec<_>>().join(",") + "\n"
}

fn measured(stages: &[StageSummary]) -> impl Iterator<Item = (&StageSummary, &Attribution)> {
    stages.iter().filter_map(|s| Some((s, s.attribution.as_ref()?)))
}

fn head(names: &[&str]) -> Vec<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

fn access(a: Option<&Access>) -> [String; 5] {
    a.map_or_else(Default::default, |a| {
        [a.field.clone(), a.context.clone(), a.file.clone(), a.line.to_string(), a.text.clone()]
    })
}

fn numbers<const N: usize>(numbers: [u64; N]) -> [String; N] {
    numbers.map(|n| n.to_string())
}

/// A line per stage, field, program line and context.
pub fn attribution_csv(stages: &[StageSummary]) -> String {
    let classes = names::in_order(measured(stages).flat_map(|(_, a)| &a.sites).flat_map(|s| s.by_class.keys()));
    let mut columns = head(&["stage", "field", "context", "file", "line", "text", "misses", "invalidations"]);
    columns.extend(head(&["downgrades", "recalls", "transfers", "messages", "bytes", "hops"]));
    columns.extend(head(&["messages_elsewhere", "bytes_elsewhere", "hops_elsewhere"]));
    for c in &classes {
        columns.extend([format!("messages_{c}"), format!("bytes_{c}"), format!("hops_{c}")]);
    }
    let mut text = line(columns);
    let parts = |t: Traffic| numbers([t.messages, t.bytes, t.hops]);
    for (stage, a) in measured(stages) {
        for s in &a.sites {
            let mut row = vec![stage.label.clone()];
            row.extend(access(Some(&s.access)));
            row.extend(numbers([s.misses, s.invalidations, s.downgrades, s.recalls, s.transfers]));
            row.extend(parts(s.traffic()));
            row.extend(parts(s.elsewhere));
            row.extend(classes.iter().flat_map(|c| parts(s.by_class.get(*c).copied().unwrap_or_default())));
            text += &line(row);
        }
    }
    text
}

/// A line per stage, kind of sharing, access that took a line and use that lost it.
pub fn sharing_csv(stages: &[StageSummary]) -> String {
    let mut columns = head(&["stage", "sharing", "invalidations", "downgrades"]);
    for who in ["taker", "victim"] {
        columns.extend(["field", "context", "file", "line", "text"].map(|c| format!("{who}_{c}")));
    }
    let mut text = line(columns);
    for (stage, a) in measured(stages) {
        for s in &a.sharing {
            let mut row = vec![stage.label.clone(), s.kind.clone()];
            row.extend(numbers([s.invalidations, s.downgrades]));
            row.extend(access(Some(&s.taker)));
            row.extend(access(s.victim.as_ref()));
            text += &line(row);
        }
    }
    text
}

/// A line per stage and link, and one per stage and virtual network with `all` for the link.
pub fn links_csv(stages: &[StageSummary]) -> String {
    let columns = ["stage", "from", "to", "network", "ticks", "wires", "busy_ticks", "messages"];
    let mut text = line([head(&columns), head(&["waited_cycles", "wait_max_cycles"])].concat());
    let counted = |w: &Waits| numbers([w.messages, w.waited_cycles, w.longest_cycles]);
    for (stage, a) in measured(stages) {
        for l in &a.links {
            let mut row = vec![stage.label.clone(), l.from.clone(), l.to.clone(), "all".into()];
            row.extend(numbers([l.ticks, l.wires, l.busy_ticks]));
            row.extend(counted(&l.all_networks()));
            text += &line(row);
            for (network, w) in &l.networks {
                let mut row = vec![stage.label.clone(), l.from.clone(), l.to.clone(), network.clone()];
                row.extend([const { String::new() }; 3]);
                row.extend(counted(w));
                text += &line(row);
            }
        }
        for (network, w) in &a.networks {
            let mut row = vec![stage.label.clone(), "all".into(), "all".into(), network.clone()];
            row.extend([const { String::new() }; 3]);
            row.extend(counted(w));
            text += &line(row);
        }
    }
    text
}
