// SPDX-License-Identifier: MIT OR Apache-2.0
//! The anatomy of recoveries, as text and as CSV.

use super::attribution::column;
use super::csv::field;
use super::{Page, render_columns};
use crate::histogram::Histogram;
use crate::names;
use crate::recovery::PARTS;
use crate::stage::StageSummary;
use crate::units::{count, duration, percent, plural};

/// What became of deadlocks, stage by stage; empty if no stage had one. `width`, `color` and `ascii` are as for
/// [`super::stage_table`].
pub fn recoveries_text(stages: &[StageSummary], width: usize, color: bool, ascii: bool) -> String {
    let page = Page::new(width, color, ascii);
    let mut text = String::new();
    for s in stages {
        let r = &s.recoveries;
        let open = r.undetected + r.unwinding + r.healing;
        if r.count() + open == 0 {
            continue;
        }
        text += &page.prose(&format!("\nRecoveries of {}: {}", s.label, plural(r.count(), "deadlock")), 0);
        if r.count() > 0 {
            text += &parts(s, page);
        }
        text += &latencies(s, page);
        let mut notes = vec![format!(
            "{}, {} with an error, {} of extra wait.",
            plural(r.bystanders, "bystander"),
            count(r.bystander_errors),
            duration(r.bystander_wait_ns)
        )];
        if open > 0 {
            notes.push(format!(
                "Not over at the end of a run: {} unnoticed, {} unwinding, {} healing.",
                count(r.undetected),
                count(r.unwinding),
                count(r.healing)
            ));
        }
        if r.passed > 0 {
            notes.push(format!("{} dissolved without an error.", plural(r.passed, "deadlock")));
        }
        text += &page.prose(&notes.join(" "), 0);
        if !s.worst_recoveries.is_empty() {
            text += &worst(s, page);
        }
    }
    if !text.is_empty() {
        let note = "A deadlock forms; a member looks for one for the first time; a member is told to give up; its attempt \
                    returns; everybody who was on the deadlock or behind it has ended that attempt or waits in good order. \
                    Bystanders are attempts behind a deadlock and on none; their extra wait is the part of it in \
                    which the deadlock existed, or a member that gives up waited for an heir.";
        text += &page.prose(note, 0);
        if stages.iter().any(|s| s.recoveries.bystander_errors > 0) {
            text += &page.prose(ERRORS, 0);
        }
    }
    text
}

/// Why errors of bystanders are not the verdicts "behind".
const ERRORS: &str = "A bystander with an error is one that stood behind a deadlock when that was noticed and got its error before \
                      everybody was in good order. The table's verdict (\"behind\" among them) is of the moment of the \
                      error, when the same attempt may be on a deadlock of its own (\"detected\") or behind none any more.";

fn parts(s: &StageSummary, page: Page) -> String {
    let histograms = s.recoveries.parts();
    let whole = s.recoveries.whole_ns.sum();
    let each = |cell: &dyn Fn(&Histogram) -> String| histograms.map(cell).into_iter();
    let quantile = |num, den| each(&move |h| h.quantile(num, den).map_or_else(String::new, duration));
    let share = |h: &Histogram| if whole == 0 { String::new() } else { percent(h.sum() as f64 / whole as f64) };
    let columns = vec![
        column("part", PARTS.iter().map(|p| (*p).to_owned()), false),
        column("p50", quantile(1, 2), true),
        column("p99", quantile(99, 100), true),
        column("max", quantile(1, 1), true),
        column("share", each(&share), true),
    ];
    render_columns(columns, 1, page)
}

/// How long deadlocks had existed when an attempt on them returned an error, by what ended the attempt; empty if none did.
fn latencies(s: &StageSummary, page: Page) -> String {
    let errors = |map: &'static str| {
        let by = if map == "EDEADLK" { &s.oracle.latency_by } else { &s.oracle.miss_latency_by };
        let keys = names::in_order(by.keys());
        keys.into_iter().map(move |key| (format!("{map} {key}"), by[key].clone()))
    };
    let all: Vec<(String, Histogram)> = errors("EDEADLK").chain(errors("timeout")).collect();
    if all.is_empty() {
        return String::new();
    }
    let quantile = |num, den| all.iter().map(move |(_, h)| h.quantile(num, den).map_or_else(String::new, duration));
    let columns = vec![
        column("ended by", all.iter().map(|(name, _)| name.clone()), false),
        column("errors", all.iter().map(|(_, h)| count(h.count())), true),
        column("p50", quantile(1, 2), true),
        column("p99", quantile(99, 100), true),
        column("max", quantile(1, 1), true),
    ];
    let table = render_columns(columns, 1, page);
    page.prose("Formation of a deadlock to the return of an error, by what ended the attempt", 0) + &table
}

fn worst(s: &StageSummary, page: Page) -> String {
    let all = &s.worst_recoveries;
    let part = |i: usize| all.iter().map(move |(_, w)| duration(w.parts_ns[i]));
    let columns = vec![
        column("seed", all.iter().map(|(seed, _)| seed.to_string()), true),
        column("formed", all.iter().map(|(_, w)| duration(w.formed_ns)), true),
        column("cycle", all.iter().map(|(_, w)| w.cycle.clone()), false),
        column("ended by", all.iter().map(|(_, w)| w.detector.clone()), false),
        column("whole", all.iter().map(|(_, w)| duration(w.whole_ns())), true),
        column("check", part(0), true),
        column("detect", part(1), true),
        column("unwind", part(2), true),
        column("heal", part(3), true),
        column("bystanders", all.iter().map(|(_, w)| count(w.bystanders)), true),
        column("members", all.iter().map(|(_, w)| w.members.join(", ")), false),
    ];
    format!("The longest ones\n{}", render_columns(columns, 2, page))
}

/// A line for each stage and part; units end the names of the columns, an empty field is "none".
pub fn recoveries_csv(stages: &[StageSummary]) -> String {
    let mut text = String::from("stage,part,count,sum_ns,min_ns,p50_ns,p99_ns,max_ns\n");
    let number = |n: Option<u64>| n.map_or_else(String::new, |n| n.to_string());
    for s in stages {
        for (name, h) in PARTS.iter().zip(s.recoveries.parts()) {
            let numbers = [h.min(), h.quantile(1, 2), h.quantile(99, 100), h.max()].map(number).join(",");
            text += &format!("{},{name},{},{},{numbers}\n", field(&s.label), h.count(), h.sum());
        }
    }
    text
}

/// A line for each of the longest recoveries.
pub fn recoveries_worst_csv(stages: &[StageSummary]) -> String {
    let mut text = String::from(
        "stage,seed,formed_ns,cycle,detector,to_check_ns,to_detection_ns,unwinding_ns,healing_ns,whole_ns,bystanders,\
         bystander_errors,bystander_wait_ns,members\n",
    );
    for s in stages {
        for (seed, w) in &s.worst_recoveries {
            let [check, detection, unwinding, healing] = w.parts_ns;
            text += &format!(
                "{},{seed},{},{},{},{check},{detection},{unwinding},{healing},{},{},{},{},{}\n",
                field(&s.label),
                w.formed_ns,
                w.cycle,
                w.detector,
                w.whole_ns(),
                w.bystanders,
                w.bystander_errors,
                w.bystander_wait_ns,
                field(&w.members.join("; ")),
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::WorstRecovery;
    use crate::sample::sample_records;

    fn stages() -> Vec<StageSummary> {
        let mut records = sample_records();
        let recovery = |formed_ns, parts_ns| WorstRecovery {
            cycle: "ABBA".into(),
            members: vec!["cpu 0 task".into(), "cpu 1 nmi".into()],
            detector: "abba".into(),
            formed_ns,
            parts_ns,
            bystanders: 2,
            bystander_errors: 1,
            bystander_wait_ns: 1_000_000,
        };
        records[0].recoveries.add(recovery(5_000, [2_000_000, 500_000, 300, 700]));
        records[1].recoveries.add(recovery(9_000, [1_000_000, 0, 300, 0]));
        for r in &mut records[..2] {
            (r.recoveries.bystanders, r.recoveries.bystander_errors) = (2, 1);
            r.recoveries.bystander_wait_ns = 1_000_000;
        }
        records[1].recoveries.undetected = 1;
        StageSummary::from_records(&records)
    }

    #[test]
    fn the_table_of_a_stage_with_two_recoveries() {
        let text = recoveries_text(&stages(), 120, false, true);
        let expected = "
Recoveries of base: 2 deadlocks
";
        assert!(text.starts_with(expected), "{text}");
        assert!(
            text.replace('\n', " ").contains("verdict (\"behind\" among them) is of the moment of the error"),
            "{text}"
        );
        assert!(text.contains("4 bystanders, 2 with an error, 2.00 ms of extra wait. Not over"), "{text}");
        assert_eq!(text.matches("Recoveries of").count(), 1, "the other stages had none");
        let longest = text.lines().find(|l| l.contains("cpu 0 task, cpu 1 nmi")).unwrap_or_default();
        assert!(longest.contains("2.50 ms") && longest.contains("ABBA") && longest.contains("abba"), "{text}");
        // Of the sample's detections and of its time-outs on a deadlock.
        let of = |name: &str| text.lines().find(|l| l.starts_with(name)).map(str::to_owned).unwrap_or_default();
        assert!(of("EDEADLK abba").contains(" 18 "), "{text}");
        assert!(of("timeout fallback").contains("250.3 ms"), "{text}");
        assert!(text.is_ascii());
        assert_eq!(recoveries_text(&StageSummary::from_records(&sample_records()), 100, false, true), "");
    }

    #[test]
    fn the_files_hold_parts_that_add_up() {
        let csv = recoveries_csv(&stages());
        let sums: Vec<u64> =
            csv.lines().skip(1).take(5).map(|l| l.split(',').nth(3).unwrap().parse().unwrap()).collect();
        assert_eq!(sums, [3_000_000, 500_000, 600, 700, 3_501_300]);
        assert!(csv.lines().any(|l| l == "+1,whole,0,0,,,,"), "{csv}");
        let worst = recoveries_worst_csv(&stages());
        let first = "base,11,5000,ABBA,abba,2000000,500000,300,700,2501000,2,1,1000000,cpu 0 task; cpu 1 nmi";
        assert_eq!(worst.lines().nth(1), Some(first));
        assert_eq!(worst.lines().count(), 3);
    }
}
