// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a kernel would have printed of a run, and how long interrupts wait for their core.

use reports::Record;
use reports::klog::{KernelLine, Message};

use crate::support::Lab;

fn texts(r: &Record) -> Vec<String> {
    r.kernel_log.lines.iter().map(KernelLine::text).collect()
}

#[test]
fn a_profilers_log_is_a_sequence_of_records_and_of_rising_means() {
    let text = configs::presets::experiment_text("ring8.ron").expect("a preset");
    let short = text.replace("duration: \"1s\"", "duration: \"30ms\"");
    assert_ne!(short, text);
    let plan =
        rqsim::plan::plan(configs::parse(&short, "ring8").expect("valid")).unwrap_or_else(|e| panic!("{}", e.plain));
    let record = rqsim::run::run(&plan.loaded, &plan.stages[0], 1, false).record;
    assert_eq!(record.check(), Ok(()));
    let (mut longest, mut allowed, mut lines) = (1_000_000, 2500, [0, 0]);
    for line in &record.kernel_log.lines {
        match &line.what {
            Message::NmiHandler { name, ran_ns } => {
                assert!(name == "perf_event_nmi_handler" && *ran_ns >= longest, "{line:?}");
                (longest, lines[0]) = (*ran_ns, lines[0] + 1);
            }
            Message::SampleTime { mean_ns, allowed_ns, rate_hz } => {
                assert!(*allowed_ns == allowed && *mean_ns > allowed, "{line:?}");
                assert_eq!(*rate_hz, (250_000 / mean_ns).max(1) * 1000);
                (allowed, lines[1]) = (mean_ns + mean_ns / 4, lines[1] + 1);
            }
            Message::TimerHang { .. } => panic!("{line:?}: there is no timer"),
        }
    }
    assert!(lines[0] >= 1 && lines[1] >= 3, "{:?}", texts(&record));
    // The longest handler is the last one printed; costs of entry and exit are not part of its run: 1045 cycles of 4 GHz, and
    // a return.
    let costs = record.handlers["nmi"].longest_ns - longest;
    assert!((261..270).contains(&costs), "{costs} ns");
}

/// The stress test's two counters are one handler to the kernel, so each printed run is as long as all before it.
#[test]
fn counters_share_one_handler_and_its_record() {
    let text = configs::presets::experiment_text("stress-abba.ron").expect("a preset");
    let short = text.replace("duration: \"5s\"", "duration: \"200ms\"");
    assert_ne!(short, text);
    let plan =
        rqsim::plan::plan(configs::parse(&short, "stress").expect("valid")).unwrap_or_else(|e| panic!("{}", e.plain));
    let log = rqsim::run::run(&plan.loaded, &plan.stages[0], 1, false).record.kernel_log;
    let runs = log.lines.iter().filter_map(|l| match &l.what {
        Message::NmiHandler { name, ran_ns } => Some((name.as_str(), *ran_ns)),
        _ => None,
    });
    let runs: Vec<(&str, u64)> = runs.collect();
    assert!(runs.len() > 3 && runs.iter().all(|r| r.0 == "perf_event_nmi_handler"), "{runs:?}");
    assert!(runs.is_sorted_by_key(|r| r.1), "{runs:?}");
}

/// Core 0 works; what interrupts it takes `handler`.
fn lab(handler: &'static str, vector: &str, source: &str) -> Lab {
    Lab {
        tasks: "(on: Cpus([0]), body: [Work(Fixed(\"900us\"))])",
        handlers: handler,
        interrupts: format!("(name: \"x\", vector: {vector}, handler: \"h\", on: Cpus([0]), source: {source})"),
        ..Lab::default()
    }
}

#[test]
fn timer_handlers_that_are_longer_than_their_distance_hang_once_per_boot() {
    let source = "Periodic(rate: \"100kHz\", phase: At(\"10us\"))";
    let record = lab("\"h\": [Work(Fixed(\"25us\"))]", "Timer", source).ok();
    assert!(record.handlers["hardirq"].count > 20);
    let [line] = &record.kernel_log.lines[..] else { panic!("{:?}", texts(&record)) };
    // The first begins at 10 us and 715 cycles. Three runs, with exit (330), entry (715) and a return between them.
    let Message::TimerHang { took_ns } = line.what else { panic!("{line:?}") };
    let between = took_ns - 3 * 25_000;
    assert!((2 * 261..2 * 261 + 20).contains(&between), "{took_ns} ns");
    assert!((10_178 + took_ns).abs_diff(line.at_ns) <= 1, "{line:?} after {took_ns} ns");
    let quick = lab("\"h\": [Work(Fixed(\"5us\"))]", "Timer", source).ok();
    assert_eq!(texts(&quick), Vec::<String>::new());
    let not_the_timer = lab("\"h\": [Work(Fixed(\"25us\"))]", "Irq(priority: 3)", source).ok();
    assert_eq!(texts(&not_the_timer), Vec::<String>::new());
}

#[test]
fn only_nmis_of_counters_are_samples_and_a_tick_gives_hz() {
    let handler = "\"h\": [Work(Fixed(\"400us\"))]";
    // One sample of 400 us: a mean of 3125 ns.
    let counted =
        |more| Lab { more, ..lab(handler, "Nmi", "Overflow(period: \"400000cy\", phase: At(\"100us\"))") }.ok();
    let sampled = counted("");
    let perf = "perf: interrupt took too long (3125 > 2500), lowering kernel.perf_event_max_sample_rate to";
    assert_eq!((sampled.kernel_log.hz, sampled.handlers["nmi"].count), (1000, 2));
    let [first, ..] = &texts(&sampled)[..] else { panic!("no line") };
    assert_eq!(first, &format!("[    0.000500] {perf} 80000"));
    let ticking = counted("tick: (rate: \"250Hz\", phase: At(\"3ms\")),");
    assert_eq!(ticking.kernel_log.hz, 250);
    assert_eq!(texts(&ticking)[0], format!("[    0.000500] {perf} 80000")); // 1,000,000 / 3125 = 320 per tick
    let clocked = lab(handler, "Nmi", "Periodic(rate: \"1kHz\", phase: At(\"100us\"))").ok();
    assert_eq!((texts(&clocked), clocked.handlers["nmi"].count), (Vec::new(), 1));
}

#[test]
fn latency_counts_from_pending_to_the_handlers_first_micro_op() {
    let off = "(on: Cpus([0]), body: [IrqOff([Work(Fixed(\"200us\"))]), Work(Fixed(\"700us\"))])";
    let at = "Periodic(rate: \"1kHz\", phase: At(\"50us\"))";
    let handler = "\"h\": [Work(Fixed(\"1us\"))]";
    let latency = |r: &Record, kind: &str| {
        let h = r.metrics.interrupt_latency_ns[kind].clone();
        assert_eq!(h.count(), 1);
        h.max().expect("one")
    };
    // Entry costs 715 cycles of a quarter nanosecond.
    let free = lab(handler, "Irq(priority: 3)", at).ok();
    assert_eq!(latency(&free, "hardirq"), 178);
    // The flag holds it back for 150 us; a few cycles passed before the work began.
    let held = Lab { tasks: off, ..lab(handler, "Irq(priority: 3)", at) }.ok();
    assert!((150_178..150_278).contains(&latency(&held, "hardirq")), "{}", latency(&held, "hardirq"));
    assert_eq!(latency(&Lab { tasks: off, ..lab(handler, "Nmi", at) }.ok(), "nmi"), 178);
}
