// SPDX-License-Identifier: MIT OR Apache-2.0
//! The standing sweeps: every point of each is valid, and a small form of each runs.

use std::collections::BTreeSet;

use rqsim::plan::Assembled;
use rqsim::sweep::plan::make;

use super::{folder, ok};

#[test]
fn every_point_of_every_standing_sweep_can_be_run_and_asks_a_question() {
    for name in configs::presets::sweep_names() {
        let sweep = configs::sweep::load_sweep(name).unwrap_or_else(|e| panic!("{}", e.render(false)));
        assert!(sweep.file.question.ends_with('?'), "{name}");
        let plan = make(&sweep, &BTreeSet::new(), 2, &Assembled::default());
        let plan = plan.unwrap_or_else(|e| panic!("{name}: {}", e.plain));
        let hashes: BTreeSet<&String> = plan.points.iter().flat_map(|p| &p.configs).collect();
        assert_eq!(hashes.len(), plan.points.len() * plan.header.stages.len(), "{name}: two points are one");
    }
}

#[test]
fn a_small_form_of_each_runs_from_its_file_to_its_report() {
    let dir = folder("");
    let d = dir.path();
    for (name, points) in [
        ("freeze-map.ron", "1,48"),
        ("pause-clock.ron", "1,20"),
        ("machines-locks.ron", "4,36,160"),
        ("interconnects.ron", "1,9,21"),
        ("timeouts.ron", "1,18"),
    ] {
        let args = [
            "sweep",
            name,
            "-q",
            "--points",
            points,
            "--seeds",
            "1,2",
            "--set",
            "duration=200us",
            "--out",
            "o",
            "--fresh",
        ];
        let table = ok(d, &args);
        assert!(table.contains("point") && table.lines().count() > 4, "{name}: {table}");
        ok(d, &["results", "verify", "o"]);
        ok(d, &["report", "o", "--out", "r", "--force", "-q", "--format", "csv,md"]);
    }
}
