// SPDX-License-Identifier: MIT OR Apache-2.0

use super::*;
use crate::sample::sample_records;

#[test]
fn every_figure_is_written_complete_and_small() {
    let dir = tempfile::tempdir().unwrap();
    let stages = StageSummary::from_records(&sample_records());
    let target = dir.path().join("made/on/demand");
    let paths = write_all(&stages, &target).unwrap();
    assert_eq!(paths, file_names().map(|name| target.join(name)));
    for path in paths {
        let svg = std::fs::read_to_string(&path).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{path:?}");
        assert!(svg.len() < 250_000, "{path:?} has {} bytes", svg.len());
        assert!(svg.contains("<title>") && svg.contains("<desc>base: "));
        for stage in &stages {
            assert!(svg.contains(&format!(">{}</text>", stage.label)), "{}", stage.label);
        }
        // Nothing is fetched from anywhere.
        assert_eq!(svg.matches("http").count(), 1, "only the name space");
    }
}

#[test]
fn figures_that_show_nothing_are_written_and_not_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut records = sample_records();
    for r in &mut records {
        r.oracle = crate::record::OracleCounts::default();
        r.handlers.clear();
    }
    let paths = write_all(&StageSummary::from_records(&records), dir.path()).unwrap();
    assert_eq!(paths, ["timeouts.svg", "coherence-traffic.svg"].map(|name| dir.path().join(name)));
    for name in file_names() {
        let svg = std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(svg.contains("nothing was measured"), !paths.contains(&dir.path().join(name)), "{name}");
    }
}

#[test]
fn the_same_records_give_the_same_bytes() {
    let stages = StageSummary::from_records(&sample_records());
    for (_, draw) in FIGURES {
        assert_eq!(draw(&stages).unwrap(), draw(&stages).unwrap());
    }
}

#[test]
fn figures_without_data_say_so() {
    for stages in [vec![], vec![StageSummary::default()]] {
        for (name, draw) in FIGURES {
            assert!(draw(&stages).unwrap().unwrap().svg.contains("nothing was measured"), "{name}");
        }
    }
}

#[test]
fn thirty_two_stages_with_long_names_fit() {
    let mut records = sample_records();
    records.truncate(1);
    let model = records.remove(0);
    let stage = |i: u32| crate::Record {
        stage: format!("enclose, immediate_aa and a name that goes on, {i}"),
        stage_idx: i,
        ..model.clone()
    };
    let stages = StageSummary::from_records(&(0..32).map(stage).collect::<Vec<_>>());
    for (name, draw) in FIGURES {
        let svg = draw(&stages).unwrap().unwrap().svg;
        assert!(svg.contains('…') && svg.len() < 600_000, "{name}: {}", svg.len());
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = write_all(&[], &file.join("sub")).unwrap_err().to_string();
    assert!(error.starts_with("cannot write ") && error.contains("file/sub"), "{error}");
}
