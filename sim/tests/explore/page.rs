// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rows of docs/explore.md, the cheap ones.

use rqsim::explore::{lattice, shorten_waits, table};
use rqsim::plan::plan;

use crate::{SIZE, search};

/// A row without its last column, the time.
fn row(line: &str) -> &str {
    line.trim_end().trim_end_matches('|').rsplit_once('|').map_or(line, |(rest, _)| rest)
}

fn compare(preset: &str, stages: &[&str]) {
    let page = include_str!("../../../docs/explore.md");
    let begin = format!("<!-- {preset}: made by sim explore --lattice -->\n");
    let part = page.split_once(&begin).expect("the page has the table").1;
    let mut loaded = configs::load(preset).expect("it is a preset");
    loaded.experiment.machine.cores = 2;
    for mut loaded in lattice(&loaded).expect("it has patches") {
        loaded.experiment.stages.retain(|s| stages.contains(&s.name.as_str()));
        if loaded.experiment.stages.is_empty() {
            continue;
        }
        shorten_waits(&mut loaded).expect("the program is built in");
        let rows = search(&plan(loaded).unwrap_or_else(|e| panic!("{}", e.plain)), &SIZE);
        for line in table(&rows).lines().skip(2) {
            assert!(
                part.lines().any(|l| row(l) == row(line)),
                "{preset}: docs/explore.md has no row\n{line}\nwrite it with `sim explore {preset} --lattice --brief --page docs/explore.md`"
            );
        }
    }
}

#[test]
fn the_page_has_the_verdicts_of_the_cheap_rows() {
    let plain = ["6.17 -", "6.17 1", "bpf-next 12345", "clh", "mcs", "qspinlock", "test_and_set", "ticket"];
    compare("explore-plain.ron", &plain);
    compare("explore-aa.ron", &["6.17 12345", "bpf-next 12345", "qspinlock"]);
}
