// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules of the log on sequences made by hand. One cycle is one nanosecond.

use super::*;

const SAMPLES: u64 = 0;
const OTHER: u64 = 1;
const TIMER: u64 = 2;
/// Entry and exit of every interrupt.
const COST: u64 = 100;

fn watch() -> KernelWatch {
    let interrupt = |name: &str, samples, timer| Interrupt { name: name.into(), samples, timer };
    let interrupts =
        vec![interrupt("profile", true, false), interrupt("other", false, false), interrupt("timer", false, true)];
    KernelWatch::new(4, Clock { khz: 1_000_000 }, KernelView { hz: 1000, interrupts })
}

/// A handler that begins at `at` and runs for `ran`.
fn run(w: &mut KernelWatch, number: u64, cpu: usize, pending_since: u64, at: u64, ran: u64) {
    let kind = if number == TIMER { ContextKind::Hardirq } else { ContextKind::Nmi };
    let pending_since = Cycle(pending_since);
    let taken = Taken { kind, handler: 0, entry_cycles: COST, exit_cycles: COST, number, pending_since };
    w.taken(Cycle(at - COST), cpu, &taken);
    w.leave(Cycle(at + ran), cpu, kind);
}

fn nmi(w: &mut KernelWatch, number: u64, cpu: usize, at: u64, ran: u64) {
    run(w, number, cpu, at, at, ran);
}

fn texts(w: &KernelWatch) -> Vec<String> {
    let log = w.log();
    assert_eq!(log.hz, 1000);
    log.lines.iter().map(KernelLine::text).collect()
}

/// (mean, allowed, rate)
fn samples(w: &KernelWatch) -> Vec<(u64, u64, u64)> {
    let of = |l: KernelLine| match l.what {
        Message::SampleTime { mean_ns, allowed_ns, rate_hz } => Some((mean_ns, allowed_ns, rate_hz)),
        _ => None,
    };
    w.log().lines.into_iter().filter_map(of).collect()
}

#[test]
fn an_nmi_handler_of_a_millisecond_is_printed_and_a_shorter_one_is_not() {
    let mut w = watch();
    nmi(&mut w, OTHER, 0, 1_000, 999_999);
    nmi(&mut w, OTHER, 0, 2_000_000, 1_000_000);
    assert_eq!(texts(&w), ["[    0.003000] INFO: NMI handler (other) took too long to run: 1.000 msecs"]);
}

#[test]
fn only_runs_that_reach_the_record_are_printed_and_every_cpu_shares_it() {
    let mut w = watch();
    for (i, (cpu, ran)) in
        [(0, 1_500), (1, 1_400), (1, 1_500), (2, 1_499), (3, 2_000), (0, 1_999)].into_iter().enumerate()
    {
        nmi(&mut w, OTHER, cpu, 1_000 + i as u64 * 10_000_000, ran * 1000);
    }
    let seen: Vec<(u32, u64)> = w
        .log()
        .lines
        .iter()
        .map(|l| match l.what {
            Message::NmiHandler { ran_ns, .. } => (l.cpu, ran_ns / 1000),
            _ => panic!("{l:?}"),
        })
        .collect();
    assert_eq!(seen, [(0, 1_500), (1, 1_500), (3, 2_000)], "equal is enough");
}

#[test]
fn handlers_of_different_names_have_records_of_their_own_and_of_one_name_one() {
    let mut w = watch();
    w.view.interrupts.push(Interrupt { name: "other".into(), ..Interrupt::default() });
    w = KernelWatch::new(4, w.clock, w.view);
    nmi(&mut w, OTHER, 0, 1_000, 9_000_000);
    nmi(&mut w, SAMPLES, 0, 20_000_000, 2_000_000);
    nmi(&mut w, 3, 1, 40_000_000, 3_000_000); // named as the first
    let lines = texts(&w);
    let nmis: Vec<&String> = lines.iter().filter(|l| l.contains("INFO")).collect();
    assert_eq!(nmis.len(), 2, "{lines:?}");
    assert!(nmis[0].contains("(other)") && nmis[1].contains("(profile)"), "{lines:?}");
}

#[test]
fn a_mean_over_128_samples_grows_as_computed_by_hand() {
    let mut w = watch();
    // One sample of 320,000: len 320,000, mean 2500, which is allowed.
    nmi(&mut w, SAMPLES, 0, 1_000, 320_000);
    assert_eq!(samples(&w), []);
    // len = 320,000 - 2500 + 2627 = 320,127, mean 2500 by integer division: still allowed.
    nmi(&mut w, SAMPLES, 0, 1_000_000, 2_627);
    assert_eq!(samples(&w), []);
    // len = 320,127 - 2500 + 2501 = 320,128, mean 2501; 3126 is allowed then; 250,000 / 2501 = 99.
    nmi(&mut w, SAMPLES, 0, 2_000_000, 2_501);
    assert_eq!(samples(&w), [(2501, 2500, 99_000)]);
    // Another CPU begins from 0, but what is allowed is the same for all: 400,128 / 128 = 3126 is.
    nmi(&mut w, SAMPLES, 1, 3_000_000, 400_255);
    assert_eq!(samples(&w).len(), 1);
    // len = 400,255 - 3126 + 400,000 = 797,129, mean 6227; 250,000 / 6227 = 40.
    nmi(&mut w, SAMPLES, 1, 4_000_000, 400_000);
    assert_eq!(samples(&w)[1..], [(6227, 3126, 40_000)]);
}

#[test]
fn the_rate_never_falls_below_one_sample_per_tick() {
    let mut w = watch();
    // Mean 250,000,000 / 128 = 1,953,125: longer than a quarter of a tick.
    nmi(&mut w, SAMPLES, 0, 1_000, 250_000_000);
    assert_eq!(
        texts(&w),
        [
            "[    0.250001] INFO: NMI handler (profile) took too long to run: 250.000 msecs",
            "[    0.250001] perf: interrupt took too long (1953125 > 2500), lowering \
             kernel.perf_event_max_sample_rate to 1000",
        ]
    );
}

#[test]
fn only_counters_are_samples() {
    let mut w = watch();
    nmi(&mut w, OTHER, 0, 1_000, 900_000);
    run(&mut w, TIMER, 0, 2_000_000, 2_000_000, 900_000);
    assert_eq!(texts(&w), Vec::<String>::new());
}

#[test]
fn three_handlers_in_a_row_that_end_with_the_next_one_pending_are_one_long_timer_interrupt() {
    let mut w = watch();
    let mut at = 1_000_000;
    // The fourth finds that the third ended with itself pending: 3 * 500 and two costs of exit and entry between.
    for _ in 0..3 {
        run(&mut w, TIMER, 2, at - 250, at, 500);
        at += 500 + 2 * COST;
    }
    assert_eq!(texts(&w), Vec::<String>::new());
    let third_end = at - 2 * COST;
    run(&mut w, TIMER, 2, third_end, at, 500); // pending at the very end counts
    assert_eq!(texts(&w), ["[    0.001001] hrtimer: interrupt took 1900 ns"]);
    // Once per boot.
    for _ in 0..8 {
        at += 500 + 2 * COST;
        run(&mut w, TIMER, 2, at - 300, at, 500);
    }
    assert_eq!(texts(&w).len(), 1);
}

#[test]
fn a_timer_interrupt_that_comes_after_the_end_begins_a_new_row() {
    let mut w = watch();
    let mut at = 1_000_000;
    for i in 0..12 {
        // Two retries, then one that became pending a cycle after the end, though the core took it at once.
        let late = i % 3 == 0;
        run(&mut w, TIMER, 2, at - 2 * COST + u64::from(late), at, 500);
        at += 500 + 2 * COST;
    }
    assert_eq!(texts(&w), Vec::<String>::new());
    // Another CPU's handlers are no retries of this one's.
    for cpu in [0, 1, 3, 0] {
        run(&mut w, TIMER, cpu, 10, at, 500);
        at += 1000;
    }
    assert_eq!(texts(&w), Vec::<String>::new());
}

#[test]
fn lines_come_in_order_of_time_though_a_retry_is_seen_late() {
    let mut w = watch();
    for i in 0..3 {
        run(&mut w, TIMER, 0, 900, 1_000 + i * 700, 500);
    }
    nmi(&mut w, OTHER, 1, 1_000_000, 1_000_000);
    run(&mut w, TIMER, 0, 900, 3_000_000, 500);
    let lines = texts(&w);
    assert!(lines[0].contains("hrtimer") && lines[1].contains("INFO"), "{lines:?}");
}

#[test]
fn attempts_are_counted_by_cpu_context_and_bucket() {
    let mut w = watch();
    for (cpu, ns, success) in [(1, 5, true), (1, 1_000_000, false), (1, 1_000_001, true), (3, 250_000_001, false)] {
        w.attempt(cpu, ContextKind::Nmi, ns, success);
    }
    w.attempt(1, ContextKind::Task, 19_000_001, true);
    let seen: Vec<_> = w
        .log()
        .attempts
        .into_iter()
        .map(|a| (a.cpu, a.context, [a.successes, a.failures], a.buckets, a.longer))
        .collect();
    let row = |cpu, context: &str, ends, buckets: &[(u32, u64)], longer| {
        (cpu, context.to_owned(), ends, buckets.to_vec(), longer)
    };
    assert_eq!(
        seen,
        [
            row(1, "task", [1, 0], &[(20, 1)], 0),
            row(1, "nmi", [2, 1], &[(1, 2), (2, 1)], 0),
            row(3, "nmi", [0, 1], &[], 1),
        ]
    );
}
