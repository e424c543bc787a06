// SPDX-License-Identifier: MIT OR Apache-2.0
//! How fast the engine is, and that it is still right: every case checks a digest of its record.
//!
//! `cargo bench -p sim` measures; `cargo bench -p sim -- --smoke` runs a tiny size once and only
//! checks. Times on a noisy machine mean little alone: compare ratios within one run.

use std::time::Instant;

use rqsim::batch::digest;
use rqsim::plan::{StagePlan, plan};
use rqsim::run::{Finished, run};

struct Case {
    name: &'static str,
    what: &'static str,
    preset: &'static str,
    stage: usize,
    /// Simulated time of the full and of the tiny size.
    duration: [&'static str; 2],
    /// Digests of the records of the full and of the tiny size. They move only with the model.
    digest: [&'static str; 2],
}

const CASES: &[Case] = &[
    Case {
        name: "busy",
        what: "8 cores on one lock, empty critical section",
        preset: "hammer8.ron",
        stage: 0,
        duration: ["20ms", "200us"],
        digest: ["1f6a779b7a307148c8dfcbe8b80150f1", "27a42ab57834b41f692e812fe5800799"],
    },
    Case {
        name: "profiler",
        what: "profiler workload, base, mostly waiting",
        preset: "ring8.ron",
        stage: 0,
        duration: ["1s", "20ms"],
        digest: ["ab336294475f3aca056e69bd5fa64b85", "972bfc84ef58a61f25bb5309e52805e5"],
    },
    Case {
        name: "calm",
        what: "profiler workload, whole series",
        preset: "ring8.ron",
        stage: 5,
        duration: ["1s", "2ms"],
        digest: ["0220feae12d2879b581f3716b84284c6", "0430d3842bf38564803dd2f31b911d41"],
    },
];

fn main() {
    let smoke = std::env::args().any(|a| a == "--smoke");
    let count = std::env::args().skip_while(|a| a != "--duration").nth(1);
    let only = std::env::args().skip_while(|a| a != "--case").nth(1);
    let mut wrong = 0;
    for case in CASES.iter().filter(|c| only.as_ref().is_none_or(|o| o == c.name)) {
        if let Some(d) = &count {
            let (loaded, stage) = prepare(case, d);
            let f = run(&loaded, &stage, 1, false);
            let held: u64 = f.record.contexts.values().map(|c| c.held).sum();
            println!("{}: {held} acquisitions, {} events, {} retired", case.name, f.events, f.retired);
            continue;
        }
        let size = usize::from(smoke);
        let (finished, seconds) = best(case, size, if smoke { 1 } else { 3 });
        let r = &finished.record;
        let held: u64 = r.contexts.values().map(|c| c.held).sum();
        let messages: u64 = r.traffic.by_class.values().map(|t| t.messages).sum();
        let found = digest(r);
        let ok = found == case.digest[size];
        wrong += usize::from(!ok);
        println!(
            "{:<9} {}: {} acquisitions, {:.2} M/s; {:.1} M events/s; {:.1} M messages/s; {:.2} simulated s/s; digest {found} {}",
            case.name,
            case.what,
            held,
            held as f64 / seconds / 1e6,
            finished.events as f64 / seconds / 1e6,
            messages as f64 / seconds / 1e6,
            r.end_ns as f64 / 1e9 / seconds,
            if ok { "ok" } else { "WRONG" },
        );
    }
    assert_eq!(wrong, 0, "digests that are not the expected ones");
}

/// The shortest of some runs of a case, in seconds.
fn best(case: &Case, size: usize, runs: usize) -> (Finished, f64) {
    let (loaded, stage) = prepare(case, case.duration[size]);
    let mut shortest = f64::INFINITY;
    let mut last = None;
    for _ in 0..runs {
        let start = Instant::now();
        last = Some(run(&loaded, &stage, 1, false));
        shortest = shortest.min(start.elapsed().as_secs_f64());
    }
    (last.expect("at least one run"), shortest)
}

fn prepare(case: &Case, duration: &str) -> (configs::Loaded, StagePlan) {
    let loaded = configs::load(case.preset).expect("presets load");
    let text = configs::expanded(&loaded.experiment);
    let duration = format!("\"{duration}\"");
    let text = configs::override_field(&text, "duration", &duration).expect("every experiment has a duration");
    let plan = plan(configs::parse(&text, case.preset).expect("still valid")).expect("presets can be planned");
    (plan.loaded, plan.stages[case.stage].clone())
}
