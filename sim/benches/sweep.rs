// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a sweep costs beside its simulations: many tiny runs, from the sweep file to the closed store.
//!
//!     cargo bench -p sim --bench sweep                         10^5 runs of about a millisecond on 2 threads
//!     cargo bench -p sim --bench sweep -- --runs 2000 -j 1     fewer
//!
//! *Pure* time is that of building the machine, simulating and measuring, summed over the threads of the same process, so a busy host slows both
//! alike. The share of pure time is to be above 90 %, the rest below 1 ms for each run.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use rqsim::plan::Assembled;
use rqsim::sweep::close::{Contents, close};
use rqsim::sweep::crew::{How, Maker, work};
use rqsim::sweep::estimate::Estimate;
use rqsim::sweep::plan::make;
use rqsim::sweep::store::{Index, Journal, journal_path};

const TINY: &str = r#"(
    title: "tiny", question: "how cheap is a run?",
    machine: Preset("skylake-ring-8"),
    lock: (program: Builtin("ticket")),
    stages: [(name: "base", patches: [])],
    locks: ["a"],
    workload: (tasks: [(on: All, body: [Forever([Work(Exp("2us")), Critical(lock: "a", body: [])])])]),
    duration: "DURATION",
    seeds: List([1]),
)
"#;

const SWEEP: &str = r#"(
    title: "overhead", question: "what does a run cost beside itself?", base: "tiny.ron",
    axes: [Linear(name: "work", field: "workload.tasks[0].body[0].Forever[0].Work.Exp", from: "1us", to: "3us", n: POINTS)],
    seeds: Count(first: 1, n: SEEDS),
)
"#;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let value = |flag: &str| args.iter().position(|a| a == flag).and_then(|i| args.get(i + 1)).cloned();
    let smoke = args.iter().any(|a| a == "--smoke" || a == "--test");
    let number = |flag: &str, usual: usize| value(flag).and_then(|v| v.parse().ok()).unwrap_or(usual);
    let runs = number("--runs", if smoke { 200 } else { 100_000 });
    let threads = number("-j", 2);
    let duration = value("--duration").unwrap_or_else(|| "100us".into());
    // A point for every hundred runs.
    let points = (runs / 100).max(2);
    let dir = std::env::temp_dir().join(format!("rqsim-sweep-bench-{}", std::process::id()));
    let out = dir.join("out");
    std::fs::create_dir_all(&out).expect("a folder for temporary files");
    std::fs::write(dir.join("tiny.ron"), TINY.replace("DURATION", &duration)).expect("writable");
    let text = SWEEP.replace("POINTS", &points.to_string()).replace("SEEDS", &(runs / points).to_string());

    let begin = Instant::now();
    let sweep = configs::sweep::parse_sweep(&text, "overhead.ron", Some(&dir), &[]).expect("a sweep");
    let assembled = Assembled::default();
    let plan = make(&sweep, &BTreeSet::new(), threads, &assembled).unwrap_or_else(|e| panic!("{}", e.plain));
    let planned = begin.elapsed();
    let journal = Journal::open(journal_path(&out, None)).unwrap_or_else(|e| panic!("{}", e.plain));
    let index = Index::of(&out).expect("an empty store");
    let estimate = Estimate::make(&sweep, &plan, &assembled).unwrap_or_else(|e| panic!("{}", e.plain));
    let estimated = begin.elapsed();
    let stop = AtomicBool::new(false);
    let how = How { threads, shard: None, memory_mib: None, stop: &stop };
    let maker = Maker::new(&sweep, &plan, &assembled, threads);
    let made = work(&plan, &index, &journal, &estimate, how, &|job| maker.make(job), &|_| ()).expect("it works");
    let worked = begin.elapsed();
    drop(journal);
    let index = index.with(&out, &journal_path(&out, None), made.notes).expect("a store");
    let contents = Contents::of(&plan, &index, None, true).expect("a store");
    assert_eq!((contents.missing, contents.jobs.len() as u64), (0, made.made));
    close(&out, &plan, &index, &contents.jobs, |_, _, _| ()).expect("it closes");
    let all = begin.elapsed();
    let bytes: u64 =
        std::fs::read_dir(&out).expect("a folder").flatten().filter_map(|e| e.metadata().ok()).map(|m| m.len()).sum();
    std::fs::remove_dir_all(&dir).expect("it can go");

    let (n, t) = (made.made as f64, threads as f64);
    let pure = made.pure.as_secs_f64();
    let share = |elapsed: std::time::Duration| 100.0 * pure / (elapsed.as_secs_f64() * t);
    let ms = |seconds: f64| 1e3 * seconds;
    println!(
        "{} runs of {} of {} points on {threads} threads, {:.1} MB",
        made.made,
        duration,
        plan.points.len(),
        bytes as f64 / 1e6
    );
    println!("  pure time of a run          {:8.4} ms", ms(pure / n));
    println!("  points planned in           {:8.2} s", planned.as_secs_f64());
    println!("  cost estimated in           {:8.2} s", (estimated - planned).as_secs_f64());
    println!(
        "  runs made in                {:8.2} s, {:.1} % pure",
        (worked - estimated).as_secs_f64(),
        share(worked - estimated)
    );
    println!("  store read and closed in    {:8.2} s", (all - worked).as_secs_f64());
    println!("  all in                      {:8.2} s, {:.1} % pure", all.as_secs_f64(), share(all));
    println!("  thread time beside a run    {:8.4} ms", ms((all.as_secs_f64() * t - pure) / n));
}
