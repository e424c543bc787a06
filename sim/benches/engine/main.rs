// SPDX-License-Identifier: MIT OR Apache-2.0
//! How fast the engine is, and that it is still right: every case checks a digest of its record.
//!
//! `cargo bench -p sim` measures time with criterion and takes its arguments (`-- busy` for one case, `--save-baseline`);
//! `-- --smoke` runs a tiny size of each case once and only checks; `-- --case NAME --duration 1ms` runs one case once, for so long,
//! and prints counts, with `--skip` as runs are made, else with every acquisition simulated; `-- --write BENCHMARKS.md` measures everything, with instruction counts (by valgrind), cores from 2 to
//! 1024 and a sweep on two workers, and puts the figures into that file.
//! Times on a noisy machine mean little alone: compare ratios within one run, or instructions.

mod figures;
mod instructions;
mod stream;
mod sweep;
mod time;

use std::time::Instant;

use rqsim::batch::digest;
use rqsim::plan::{StagePlan, plan};
use rqsim::run::{Finished, run, run_simulated};
use sha2::{Digest, Sha256};

/// A workload with a known outcome.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) preset: &'static str,
    /// Fields of the experiment with another value.
    pub(crate) edits: &'static [(&'static str, &'static str)],
    pub(crate) stage: usize,
    /// Simulated time of the full and of the tiny size.
    pub(crate) duration: [&'static str; 2],
    /// Simulated time of a run that is made without any shortcut, too; none where handlers go on spinning for long after it.
    exact: Option<&'static str>,
    /// Two durations whose difference is counted in instructions: start-up falls out.
    pub(crate) counted: Option<[&'static str; 2]>,
    /// Digests of the records of the full and of the tiny size. They move only with the model.
    pub(crate) digest: [&'static str; 2],
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

/// What a run does not execute.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Everything is executed.
    Exact,
    /// Spins are computed: the engine's own speed.
    Simulated,
    /// As users' runs: periods that come again are added up, too.
    Skipping,
}

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
        duration: ["5ms", "200us"],
        exact: Some("200us"),
        counted: Some(["200us", "1ms"]),
        digest: ["4d35fc5bdcccbc1b4e406c991b2f5514", "27a42ab57834b41f692e812fe5800799"],
    },
    Case {
        name: "qspinlock",
        what: "the same on one plain qspinlock: the case to hold against gem5",
        preset: "hammer8.ron",
        edits: QSPINLOCK,
        stage: 0,
        duration: ["5ms", "200us"],
        exact: Some("200us"),
        counted: Some(["200us", "1ms"]),
        digest: ["64c8436848c7a8c93d2ea45313e7ba81", "f01e07bc3cdc177874d94bdfb82615ac"],
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
    let has = |name: &str| args.iter().any(|a| a == name);
    if let Some(path) = value("--write") {
        // Cargo starts benches in the package's folder; the path is meant from the workspace's.
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        figures::write(&root.join(path));
    } else if let Some(cores) = value("--cores") {
        figures::one_size(&cores);
    } else if let Some(threads) = value("--sweep") {
        sweep::one(threads.parse().expect("a number of threads"));
    } else if let (Some(name), Some(duration)) = (value("--case"), value("--duration")) {
        let case = CASES.iter().find(|c| c.name == name).expect("the name of a case");
        let how = if has("--skip") { How::Skipping } else { How::Simulated };
        let f = run_as(case, &duration, how);
        println!("{} {} {}", acquisitions(&f), messages(&f), f.events);
        if how == How::Skipping {
            eprintln!("{:?}", f.skipped);
        }
    } else if has("--smoke") {
        smoke();
    } else {
        let mut criterion = criterion::Criterion::default().configure_from_args();
        time::suite(&mut criterion);
        criterion.final_summary();
    }
}

/// Everything once, as small as possible; digests that are not the expected ones are told at the end, all of them.
fn smoke() {
    let mut wrong = 0;
    for case in CASES {
        let start = Instant::now();
        let f = run_as(case, case.duration[1], How::Simulated);
        let (found, run) = (digest(&f.record), |d, how| digest(&run_as(case, d, how).record));
        let ok = found == case.digest[1] && found == run(case.duration[1], How::Skipping);
        let exact = case.exact.is_none_or(|d| run(d, How::Simulated) == run(d, How::Exact));
        wrong += usize::from(!ok) + usize::from(!exact);
        println!(
            "{:<9} {}: {} acquisitions, {} events, {:.0} ms; digest {found} {}{}",
            case.name,
            case.what,
            acquisitions(&f),
            f.events,
            start.elapsed().as_secs_f64() * 1e3,
            if ok { "ok" } else { "WRONG" },
            if exact { "" } else { ", and the exact run differs" }
        );
    }
    time::parts_once();
    assert_eq!(wrong, 0, "digests that are not the expected ones");
}

/// A short digest of a text, to pin what was computed.
pub(crate) fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes())[..8].iter().map(|b| format!("{b:02x}")).collect()
}

pub(crate) fn acquisitions(f: &Finished) -> u64 {
    f.record.contexts.values().map(|c| c.held).sum()
}

pub(crate) fn messages(f: &Finished) -> u64 {
    f.record.traffic.by_class.values().map(|t| t.messages).sum()
}

/// Runs a case once, for so long.
pub(crate) fn run_as(case: &Case, duration: &str, how: How) -> Finished {
    let (loaded, stage) = prepare(case.preset, case.edits, case.stage, duration);
    run_how(&loaded, &stage, how)
}

pub(crate) fn run_how(loaded: &configs::Loaded, stage: &StagePlan, how: How) -> Finished {
    match how {
        How::Exact => run(loaded, stage, 1, true),
        How::Simulated => run_simulated(loaded, stage, 1),
        How::Skipping => run(loaded, stage, 1, false),
    }
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
