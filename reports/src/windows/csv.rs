// SPDX-License-Identifier: MIT OR Apache-2.0
//! Maps as CSV: a row for each boundary, outcome and seed; a row for each pair.

use std::fmt::Write;

use super::record::Map;
use crate::table::csv_field as field;

/// Every boundary of every map.
#[must_use]
pub fn landings_csv(maps: &[Map]) -> String {
    let mut out = String::from(
        "stage,seed,source,line,text,place,context,within,visits,stood_cycles,every_visit,outcome,detectors,landings,\
         handler_mean_ns,handler_max_ns,others_mean_ns,others_max_ns\n",
    );
    for m in maps {
        for b in &m.boundaries {
            for r in &b.results {
                let mean = |sum: u64| sum / r.landings.max(1);
                let _ = writeln!(
                    out,
                    "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}",
                    field(&m.stage),
                    m.seed,
                    field(&b.source),
                    b.line,
                    field(&b.text),
                    field(&b.place),
                    b.context,
                    b.within,
                    b.visits,
                    b.cycles,
                    b.every_visit,
                    field(&r.outcome),
                    field(&r.detectors),
                    r.landings,
                    mean(r.handler_ns),
                    r.handler_max_ns,
                    mean(r.others_ns),
                    r.others_max_ns
                );
            }
        }
    }
    out
}

/// Every pair of landings of every map.
#[must_use]
pub fn pairs_csv(maps: &[Map]) -> String {
    let mut out =
        String::from("stage,seed,same_core,first,second,outcome,detectors,runs,first_alone_mean_ns,handler_max_ns\n");
    for (m, second) in maps.iter().filter_map(|m| Some((m, m.second.as_ref()?))) {
        for p in &second.pairs {
            let _ = writeln!(
                out,
                "{},{},{},{},{},{},{},{},{},{}",
                field(&m.stage),
                m.seed,
                second.same_core,
                field(&p.first),
                field(&p.second),
                field(&p.outcome),
                field(&p.detectors),
                p.landings,
                p.armed_ns / p.landings.max(1),
                p.handler_max_ns
            );
        }
    }
    out
}
