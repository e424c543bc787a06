// SPDX-License-Identifier: MIT OR Apache-2.0
//! How fast the engine is, and that it is still right: every case checks a digest of its record.
//!
//! `cargo bench -p sim` measures; `-- --smoke` runs a tiny size of each case once and only checks; `-- --case NAME` takes
//! one case, `--duration 1ms` runs it for so long and checks nothing; `-- --write BENCHMARKS.md` measures everything,
//! with instruction counts (by valgrind, if it is installed) and cores from 2 to 1024, and puts the figures into that file.
//! Times on a noisy machine mean little alone: compare ratios within one run, or instructions.

mod figures;
mod instructions;

use std::time::Instant;

use rqsim::batch::digest;
use rqsim::plan::{StagePlan, plan};
use rqsim::run::{Finished, run};

/// A workload with a known outcome.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    preset: &'static str,
    /// Fields of the experiment with another value.
    edits: &'static [(&'static str, &'static str)],
    stage: usize,
    /// Simulated time of the full and of the tiny size.
    duration: [&'static str; 2],
    /// Simulated time of a run that is made without any shortcut, too; none where handlers go on spinning for long after it.
    exact: Option<&'static str>,
    /// Two durations whose difference is counted in instructions: start-up falls out.
    pub(crate) counted: Option<[&'static str; 2]>,
    /// Digests of the records of the full and of the tiny size. They move only with the model.
    digest: [&'static str; 2],
}

/// Core 0 keeps the lock for a quarter of a second of 4 GHz, and seven wait for it with nothing but their spin.
const WAITING: &[(&str, &str)] = &[
    ("lock", "(program: Builtin(\"ticket\"))"),
    (
        "workload",
        "(tasks: [(on: Cpus([0]), body: [Critical(lock: \"hot\", body: [Work(Fixed(\"DURATION\"))])]), \
         (on: Range(first: 1, last: 7), body: [Work(Fixed(\"1us\")), Critical(lock: \"hot\", body: [])])])",
    ),
];

const QSPINLOCK: &[(&str, &str)] = &[("lock", "(program: Builtin(\"qspinlock\"))")];

const ARM64: &[(&str, &str)] =
    &[("machine", "Preset(\"neoverse-n1-mesh-80\")"), ("machine.cores", "8"), ("lock.options", "[\"arm64\"]")];

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "busy",
        what: "8 cores on one rqspinlock, empty critical section",
        preset: "hammer8.ron",
        edits: &[],
        stage: 0,
        duration: ["20ms", "200us"],
        exact: Some("200us"),
        counted: Some(["200us", "1ms"]),
        digest: ["1f6a779b7a307148c8dfcbe8b80150f1", "27a42ab57834b41f692e812fe5800799"],
    },
    Case {
        name: "qspinlock",
        what: "the same on one plain qspinlock: the case to hold against gem5",
        preset: "hammer8.ron",
        edits: QSPINLOCK,
        stage: 0,
        duration: ["20ms", "200us"],
        exact: Some("200us"),
        counted: Some(["200us", "1ms"]),
        digest: ["f5aaafd6b3bd2554373e2cea9afc3cb5", "f01e07bc3cdc177874d94bdfb82615ac"],
    },
    Case {
        name: "waiting",
        what: "8 cores spin for 250 ms of 4 GHz, 8 * 10^9 core cycles",
        preset: "hammer8.ron",
        edits: WAITING,
        stage: 0,
        duration: ["250ms", "100us"],
        exact: Some("100us"),
        counted: None,
        digest: ["48dcf45bd9672682cb2f6f27c70e5a8e", "717085b6d907a355f505ff4f80ec67d5"],
    },
    Case {
        name: "profiler",
        what: "profiler workload, base, mostly waiting",
        preset: "ring8.ron",
        edits: &[],
        stage: 0,
        duration: ["1s", "20ms"],
        exact: None,
        counted: None,
        digest: ["ab336294475f3aca056e69bd5fa64b85", "972bfc84ef58a61f25bb5309e52805e5"],
    },
    Case {
        name: "calm",
        what: "profiler workload, whole series",
        preset: "ring8.ron",
        edits: &[],
        stage: 5,
        duration: ["1s", "2ms"],
        exact: Some("1ms"),
        counted: Some(["2ms", "22ms"]),
        digest: ["0220feae12d2879b581f3716b84284c6", "0430d3842bf38564803dd2f31b911d41"],
    },
    Case {
        name: "arm64",
        what: "profiler workload on 8 arm64 cores, base: spins that read the clock",
        preset: "ring8.ron",
        edits: ARM64,
        stage: 0,
        duration: ["1s", "20ms"],
        exact: None,
        counted: None,
        digest: ["3187af0964ee1d060185ac1005a21ecd", "de94599f36c189467b8de9702581e061"],
    },
];

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let value = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1)).cloned();
    if let Some(path) = value("--write") {
        return figures::write(path.as_ref());
    }
    if let Some(cores) = value("--cores") {
        return figures::one_size(&cores);
    }
    let smoke = args.iter().any(|a| a == "--smoke");
    let only = value("--case");
    let mut wrong = 0;
    for case in CASES.iter().filter(|c| only.as_ref().is_none_or(|o| o == c.name)) {
        if let Some(duration) = value("--duration") {
            let f = run_as(case, &duration, false);
            println!("{} {} {}", acquisitions(&f), messages(&f), f.events);
            continue;
        }
        let m = measure(case, smoke);
        let run = |duration, exact| digest(&run_as(case, duration, exact).record);
        let exact = case.exact.filter(|_| smoke).is_none_or(|d| run(d, false) == run(d, true));
        wrong += usize::from(!m.ok) + usize::from(!exact);
        println!("{}{}", m.line(), if exact { "" } else { ", and the exact run differs" });
    }
    assert_eq!(wrong, 0, "digests that are not the expected ones");
}

/// What was measured of a case.
pub(crate) struct Measured {
    pub(crate) case: &'static Case,
    pub(crate) finished: Finished,
    pub(crate) seconds: f64,
    pub(crate) ok: bool,
    found: String,
}

impl Measured {
    pub(crate) fn simulated_per_second(&self) -> f64 {
        self.finished.record.end_ns as f64 / 1e9 / self.seconds
    }

    fn line(&self) -> String {
        let million = |n: u64| n as f64 / self.seconds / 1e6;
        format!(
            "{:<9} {}: {} acquisitions, {:.3} M/s; {:.1} M events/s; {:.1} M messages/s; {:.2} simulated s/s; {:.1} ms; digest {} {}",
            self.case.name,
            self.case.what,
            acquisitions(&self.finished),
            million(acquisitions(&self.finished)),
            million(self.finished.events),
            million(messages(&self.finished)),
            self.simulated_per_second(),
            self.seconds * 1e3,
            self.found,
            if self.ok { "ok" } else { "WRONG" },
        )
    }
}

pub(crate) fn acquisitions(f: &Finished) -> u64 {
    f.record.contexts.values().map(|c| c.held).sum()
}

pub(crate) fn messages(f: &Finished) -> u64 {
    f.record.traffic.by_class.values().map(|t| t.messages).sum()
}

/// Runs a case, the full size three times, and takes the shortest.
pub(crate) fn measure(case: &'static Case, smoke: bool) -> Measured {
    let size = usize::from(smoke);
    let (loaded, stage) = prepare(case.preset, case.edits, case.stage, case.duration[size]);
    let (mut seconds, mut last) = (f64::INFINITY, None);
    for _ in 0..if smoke { 1 } else { 3 } {
        let start = Instant::now();
        last = Some(run(&loaded, &stage, 1, false));
        seconds = seconds.min(start.elapsed().as_secs_f64());
    }
    let finished = last.expect("at least one run");
    let found = digest(&finished.record);
    Measured { case, seconds, ok: found == case.digest[size], found, finished }
}

/// Runs a case once, for so long.
fn run_as(case: &Case, duration: &str, exact: bool) -> Finished {
    let (loaded, stage) = prepare(case.preset, case.edits, case.stage, duration);
    run(&loaded, &stage, 1, exact)
}

pub(crate) fn prepare(
    preset: &str,
    edits: &[(&str, &str)],
    stage: usize,
    duration: &str,
) -> (configs::Loaded, StagePlan) {
    let loaded = configs::load(preset).expect("presets load");
    let mut text = configs::expanded(&loaded.experiment);
    let edits = edits.iter().map(|(path, value)| (*path, value.replace("DURATION", duration)));
    for (path, value) in edits.chain([("duration", format!("\"{duration}\""))]) {
        text = configs::override_field(&text, path, &value).expect("the field is there");
        text = configs::expanded(&configs::parse(&text, preset).expect("still valid").experiment);
    }
    let plan = plan(configs::parse(&text, preset).expect("still valid")).expect("presets can be planned");
    (plan.loaded, plan.stages[stage].clone())
}
