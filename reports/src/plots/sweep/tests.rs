// SPDX-License-Identifier: MIT OR Apache-2.0

use super::*;
use crate::Record;
use crate::collect::{Collection, collect};
use crate::sample::sample_records;

/// A sweep of two locks on 2, 4 and 8 CPUs with two limits each, two seeds; acquisitions are 1000 times the CPUs, for the second lock
/// half of that; the limit adds 1, 2.
fn records() -> Vec<Record> {
    let model = sample_records().remove(0);
    let mut all = Vec::new();
    for (l, lock) in ["mcs", "ticket"].into_iter().enumerate() {
        for cpus in [2_u32, 4, 8] {
            for (i, limit) in ["1ms", "250ms"].into_iter().enumerate() {
                for seed in [1, 2] {
                    let mut r =
                        Record { lock: lock.into(), cpus, seed, stage: "only".into(), stage_idx: 0, ..model.clone() };
                    r.patches.clear();
                    r.config = format!(
                        "(title: \"x\", machine: Inline(cores: {cpus}), lock: (program: Builtin(\"{lock}\"), limit: \"{limit}\"), seeds: List([{seed}]))"
                    );
                    r.config_hash = format!("{lock}{cpus}{i}");
                    r.program_hash = format!("{lock}{i}");
                    let held = u64::from(cpus) * 1000 / (l as u64 + 1) + i as u64;
                    r.contexts.values_mut().for_each(|c| {
                        (c.attempts, c.held, c.edeadlk, c.etimedout) = (0, 0, 0, 0);
                        c.attempt_ns = crate::Histogram::new();
                    });
                    let task = r.contexts.get_mut("task").unwrap();
                    (task.attempts, task.held) = (held, held);
                    r.metrics = crate::metrics::Metrics::default();
                    let by = std::collections::BTreeMap::from([(crate::metrics::NO_DETECTOR.to_owned(), held)]);
                    r.metrics.attempts_by.insert("task".into(), [("held".to_owned(), by)].into());
                    r.kernel_log = crate::klog::KernelLog::default();
                    r.stuck_ns = 0;
                    all.push(r);
                }
            }
        }
    }
    all
}

fn read(records: &[Record]) -> Collection {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.jsonl");
    let text: String = records.iter().map(|r| r.to_json_line().unwrap()).collect();
    std::fs::write(&path, text).unwrap();
    collect(&[path]).unwrap()
}

#[test]
fn axes_are_found_and_cells_are_means_in_any_order_of_records() {
    let mut all = records();
    let seen = read(&all);
    assert_eq!(seen.bad, [], "the records are sound");
    let s = &seen.sections[0];
    let fields: Vec<&str> = s.axes.iter().map(|a| a.field.as_str()).collect();
    assert_eq!(fields, ["machine.cores", "lock.limit", "lock.program"]);
    assert_eq!((s.points.len(), s.points[0].runs.len()), (12, 2));
    let figures = figures(s, &Choice::default()).unwrap();
    let names: Vec<&str> = figures.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["scaling", "sweep-messages", "sweep-throughput", "sweep-bytes"]);
    let Chart::Heat { xs, ys, panels, .. } = &figures[2].chart else { panic!("a heat map") };
    assert_eq!(
        (xs.as_slice(), ys.as_slice()),
        (&["2", "4", "8"].map(String::from)[..], &["1ms", "250ms"].map(String::from)[..])
    );
    assert_eq!(panels.iter().map(|p| p.title.as_str()).collect::<Vec<_>>(), ["program mcs", "program ticket"]);
    assert_eq!(
        panels[0].cells,
        [[Some(2000.0), Some(4000.0), Some(8000.0)], [Some(2001.0), Some(4001.0), Some(8001.0)]]
    );
    assert_eq!(panels[1].cells[1], [Some(1001.0), Some(2001.0), Some(4001.0)]);
    let Chart::Lines { xs, panels, .. } = &figures[0].chart else { panic!("lines") };
    assert_eq!((xs.join(" "), panels[0].lines[1].label.as_str()), ("2 4 8".into(), "ticket"));
    // Both limits together: 1000, 1000, 1001, 1001.
    assert_eq!((panels[0].lines[1].points[0].1, panels[0].lines[1].points[0].3), (1000.5, 4));
    all.reverse();
    assert_eq!(read(&all), seen);
}

#[test]
fn axes_and_measures_can_be_chosen_and_wrong_names_are_told() {
    let seen = read(&records());
    let s = &seen.sections[0];
    let choice = Choice { axes: vec!["program".into(), "seed".into()], measures: vec!["throughput".into()] };
    assert_eq!(check(&[s], &choice), Ok(()));
    let drawn = figures(s, &choice).unwrap();
    let Chart::Heat { xs, ys, panels, .. } = &drawn[1].chart else { panic!("a heat map") };
    assert_eq!((xs.join(" "), ys.join(" ")), ("mcs ticket".into(), "1 2".into()));
    assert_eq!(panels.len(), 3, "one for each number of cores");
    let wrong = check(&[s], &Choice { axes: vec!["cors".into()], measures: Vec::new() }).unwrap_err();
    assert_eq!(wrong, "there is no axis cors; these are there: machine.cores, lock.limit, lock.program, seed");
    let wrong = check(&[s], &Choice { axes: Vec::new(), measures: vec!["speed".into()] }).unwrap_err();
    assert!(wrong.starts_with("there is no measure speed; these are there: timeouts, worst_nmi"), "{wrong}");
}

#[test]
fn of_very_many_values_neighbours_are_taken_together() {
    let d = Dim::new("x", (0..250).map(|i| i.to_string()).collect(), |_, r| r.seed as usize);
    assert_eq!((d.values.len(), d.values[0].as_str(), d.values[83].as_str()), (84, "0 to 2", "249"));
    let run = Run { seed: 248, ..Run::default() };
    assert_eq!((d.at)(&Point::default(), &run), 82);
    assert_eq!(binned(&[&d]), " Up to 3 neighbouring values of x are one column or row.");
}

#[test]
fn a_table_of_points_has_a_row_for_each_run() {
    let seen = read(&records());
    let text = crate::points_csv(&seen.sections[0]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1 + 24);
    assert!(lines[0].contains(
        ",machine.cores,lock.limit,lock.program,seed,simulated_ns,acquisitions,timeouts_per_hour,worst_nmi_ns,"
    ));
    assert!(lines[1].starts_with("ring8,only,mcs,ring,2,,mcs20,2,1ms,mcs,1,1000000000,2000,0,"), "{}", lines[1]);
}

#[test]
fn axes_have_the_names_of_their_sweep_if_it_tells_the_same_runs_apart() {
    let named = |records: &[Record]| {
        let seen = read(records);
        let names: Vec<String> = seen.sections[0].axes.iter().map(|a| a.title().to_owned()).collect();
        (names, seen)
    };
    let mut all = records();
    for r in &mut all {
        // `half` tells only some sizes apart, so it names nothing.
        let axes = [("threads", r.cpus.to_string()), ("kind", r.lock.clone()), ("half", (r.cpus > 2).to_string())];
        let axes = axes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        r.sweep = Some(crate::record::SweepPoint { point: 1, axes, ..Default::default() });
    }
    let (names, seen) = named(&all);
    assert_eq!(names, ["threads", "lock.limit", "kind"]);
    let s = &seen.sections[0];
    let by = |axis: &str| {
        let choice = Choice { axes: vec![axis.into(), "limit".into()], measures: vec!["throughput".into()] };
        assert_eq!(check(&[s], &choice), Ok(()), "{axis}");
        let Chart::Heat { x, .. } = figures(s, &choice).unwrap().remove(1).chart else { panic!("a heat map") };
        x
    };
    assert_eq!(["threads", "machine.cores", "cores"].map(by), ["threads", "threads", "threads"]);
    assert!(crate::points_csv(s).contains(",machine.cores,"), "columns keep the fields");
    all.reverse();
    assert_eq!(named(&all).0, names, "in any order");
    // A run that is not of the sweep, or one that another sweep has elsewhere on the same axis, takes the name away.
    all[0].sweep = None;
    all[1].sweep = None;
    assert_eq!(named(&all).0[0], "machine.cores");
    all[0].sweep = all[2].sweep.clone();
    assert_eq!(named(&all).0[0], "threads", "another seed of the same configuration knows it");
    all[1].sweep = all[20].sweep.clone();
    assert_eq!(named(&all).0[0], "machine.cores");
}
