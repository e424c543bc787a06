// SPDX-License-Identifier: MIT OR Apache-2.0

use super::*;
use crate::names;
use crate::sample::sample_records;

fn stages() -> Vec<StageSummary> {
    StageSummary::from_records(&sample_records())
}

fn widest(text: &str) -> usize {
    text.lines().map(|l| l.chars().count()).max().unwrap_or(0)
}

#[test]
fn six_stages_fit_one_table_of_160_columns() {
    let text = stage_table(&stages(), 160, false, false);
    assert!(widest(&text) <= 160, "{}", widest(&text));
    assert_eq!(text.matches("attempts").count(), 1);
    assert_eq!(text.matches("cost and").count(), 1);
    assert_eq!(text.lines().filter(|l| l.starts_with("stage")).count(), 1);
}

#[test]
fn a_narrow_table_is_cut_into_blocks_with_a_row_per_stage_each() {
    for width in [100, 80, 60] {
        let text = stage_table(&stages(), width, false, true);
        assert!(widest(&text) <= width, "{} at {width}:\n{text}", widest(&text));
        let blocks = text.lines().filter(|l| l.starts_with("stage")).count();
        assert!(blocks > 1);
        assert_eq!(text.lines().filter(|l| l.starts_with("+1-5 ")).count(), blocks);
        assert!(text.is_ascii());
        for word in ["attempts", "EDEADLK", "pending", "p99", "missed", "stuck", "msg/acq"] {
            assert!(text.contains(word), "{word} is missing");
        }
    }
}

#[test]
fn a_lock_that_only_waits_has_no_columns_of_errors() {
    let mut waits = sample_records();
    for r in &mut waits {
        (r.lock, r.base) = ("ticket".into(), String::new());
        r.contexts.values_mut().for_each(|c| (c.edeadlk, c.etimedout) = (0, 0));
        r.oracle = crate::record::OracleCounts::default();
    }
    let stages = StageSummary::from_records(&waits);
    let text = stage_table(&stages, 160, false, false);
    for word in ["EDEADLK", "timeouts", "detection", "verdict", "/sim. s"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
    for word in ["attempts", "msg/acq", "stuck", "\"acq/s\" is per simulated second"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    // One that gave up once has them all.
    waits[0].contexts.values_mut().next().expect("a context").etimedout = 1;
    let text = stage_table(&StageSummary::from_records(&waits), 160, false, false);
    assert!(text.contains("oracle's") && text.contains("EDEADLK") && text.contains("/sim. s"), "{text}");
}

#[test]
fn the_table_of_two_stages() {
    let all = stages();
    let two = [all[0].clone(), all[5].clone()];
    let expected = "\
ring8: rqspinlock on base 6.17, ring with 8 CPUs, rqsim 0.1.0
────────────────────────────────────────────────────────────────────────────────────────────
stage    context  attempts     held  EDEADLK  timed  EDEADLK       timeouts     timeouts
                                                out  found by      in wait      (95 %)
════════════════════════════════════════════════════════════════════════════════════════════
base     task      824 713  824 683        0     30  aa       342  pending   4  764 /10⁶ NMI
2 seeds  nmi       127 800  127 378      360     62  abba      18  head      8  (616–937)
2.00 s                                               fallback   0  fallback 62  46.0 /sim. s
                                                                   flushed  18  (37.1–56.4)
────────────────────────────────────────────────────────────────────────────────────────────
+1-5     task      824 713  824 713        0      0  aa       512  pending   0  0 /10⁶ NMI
2 seeds  nmi       127 810  127 280      530      0  abba      18  head      0  (< 24.9)
2.00 s                                               fallback   0  fallback  0  0 /sim. s
                                                                   flushed   0  (< 1.50)
────────────────────────────────────────────────────────────────────────────────────────────

──────────────────────────────────────────────────────────────
stage    detection    oracle's      NMIs,         cost and
         latency      verdict       stuck time    speed
══════════════════════════════════════════════════════════════
base     p50 1.26 ms  detected 360  max 250.3 ms  20.6 msg/acq
2 seeds  p99 4.59 ms  avoided    0  of 120 452    587 B/acq
2.00 s   max 26.2 ms  missed    46  184 080 lost  476 k acq/s
                      false      0  50.6 % stuck
                      no cycle  46
──────────────────────────────────────────────────────────────
+1-5     p50 1.18 µs  detected 530  max 30.6 µs   18.4 msg/acq
2 seeds  p99 1.36 ms  avoided    0  of 120 530    489 B/acq
2.00 s   max 3.62 ms  missed     0  80 lost       476 k acq/s
                      false      0  0 % stuck
                      no cycle   0
──────────────────────────────────────────────────────────────
Intervals: 95 %, exact, events taken as independent; 0 is followed by the one-sided 95 % upper
bound. Verdicts held against the true wait-for graph: \"avoided\" is EDEADLK before a wait that would
have closed a deadlock, \"missed\" deadlocks ended in a timeout, \"false\" is EDEADLK and \"no cycle\" a
timeout where there was no deadlock. \"lost\": NMIs that came while one was latched. \"stuck\": share of
simulated time in which some CPU was stuck for over 1 ms. \"/sim. s\" and \"acq/s\" are per simulated
second of the whole machine, \"acq\" is an acquisition.
";
    assert_eq!(stage_table(&two, 100, false, false), expected);
}

#[test]
fn colour_changes_nothing_but_escapes() {
    let mut stages = stages();
    stages[2].findings.push((12, names::HANG.into(), "cpu 3 waits for ever".into()));
    let plain = stage_table(&stages, 120, false, false);
    let colored = stage_table(&stages, 120, true, false);
    assert!(plain.contains("hang in +1-2, seed 12: cpu 3 waits for ever"));
    assert!(plain.contains("1 run failed"));
    assert!(colored.contains("\u{1b}[31mhang in +1-2"));
    let stripped = ["\u{1b}[1m", RED, RESET].iter().fold(colored, |t, code| t.replace(code, ""));
    assert_eq!(stripped, plain);
}

#[test]
fn what_was_not_measured_is_empty_and_no_record_is_said() {
    assert_eq!(stage_table(&[], 100, false, false), "no records\n");
    let bare = StageSummary { label: "bare".into(), conflicts: 2, ..StageSummary::default() };
    let text = stage_table(std::slice::from_ref(&bare), 200, false, true);
    assert!(!text.contains("/sim. s\n") && !text.contains("p50"), "{text}");
    assert!(text.contains("2 records left out"), "{text}");
    let csv = stage_csv(&[bare]);
    let (header, row) = csv.split_once('\n').unwrap();
    let field = |name: &str| {
        let at = header.split(',').position(|h| h == name).unwrap();
        row.trim_end().split(',').nth(at).unwrap()
    };
    assert_eq!(field("timeouts_per_simulated_s"), "");
    assert_eq!(field("detection_latency_p99_ns"), "");
    assert_eq!(field("runs_conflicting"), "2");
}

#[test]
fn csv_has_a_field_for_every_column_of_every_stage() {
    let mut stages = stages();
    stages[1].label = "a \"quoted\", name".into();
    stages[3].timeouts_by.remove("head");
    let csv = stage_csv(&stages);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 7);
    let names: Vec<&str> = lines[0].split(',').collect();
    let mut unique = names.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), names.len());
    assert!(lines[2].starts_with("ring8,\"a \"\"quoted\"\", name\",1,rqspinlock,ring,6.17,enclose,"));
    let field = |line: usize, name: &str| {
        let fields: Vec<&str> = lines[line].split(',').collect();
        assert_eq!(fields.len(), names.len());
        fields[names.iter().position(|n| *n == name).unwrap()].to_string()
    };
    assert_eq!(field(1, "attempts_nmi"), "127800");
    assert_eq!(field(1, "timeouts_in_fallback"), "62");
    assert_eq!(field(1, "timeouts_per_simulated_s"), "46");
    assert_eq!(field(6, "timeouts_per_simulated_s"), "0");
    assert_eq!(field(6, "timeouts_per_simulated_s_high95"), "1.49787");
    assert_eq!(field(4, "timeouts_in_head"), "");
    assert_eq!(field(1, "handler_nmi_longest_ns"), "250312012");
    assert_eq!(field(1, "messages_per_acquisition"), "20.6331");
}

#[test]
fn what_never_ended_has_no_length_and_rare_verdicts_are_explained_where_they_are() {
    let mut stages = stages();
    let plain = stage_table(&stages, 160, false, false);
    for word in ["endless", "without an end", "\"late\"", "\"behind\""] {
        assert!(!plain.contains(word), "{word}: {plain}");
    }
    stages[1].handlers.get_mut(names::NMI).unwrap().count += 1;
    let wait = |count, unfinished| crate::UnboundedWaits { count, unfinished, longest_ns: 12_000_000 };
    stages[1].unbounded_waits = [("hand_over".to_owned(), wait(1, 1)), ("queued".to_owned(), wait(3, 1))].into();
    stages[2].oracle.late = 1;
    let text = stage_table(&stages, 160, false, false);
    assert!(text.contains("1 endless") && text.contains("so far)") && text.contains("\"endless\": NMI"), "{text}");
    let waits =
        "in +1: 1 hand_over, without an end (12.0 ms until the run stopped); 3 queued, 1 without an end (12.0 ms";
    assert!(text.contains(waits), "{text}");
    assert!(text.contains("\"late\" is") && !text.contains("\"behind\""), "{text}");
}
