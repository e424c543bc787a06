// SPDX-License-Identifier: MIT OR Apache-2.0
//! A sweep on one worker and on two, and what two processes of one worker each reach that share nothing: the most this machine gives.

use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rqsim::batch::{HowToRun, digest, run_all};
use rqsim::plan::{Plan, plan};

use super::{hash, prepare};

/// Repeats, of one worker, two workers and two processes in turn.
const REPEATS: usize = 5;
/// Digest of all records of the sweep. It moves with the model only.
const DIGEST: &str = "ce7f1cd2fbd68739";

/// Six stages of the profiler workload with six seeds: 36 runs, the longest ten times the shortest.
fn sweep() -> Plan {
    let (loaded, _) = prepare("ring8.ron", &[("seeds", "List([1, 2, 3, 4, 5, 6])")], 0, "150ms");
    plan(loaded).unwrap_or_else(|e| panic!("{}", e.plain))
}

/// In a process of its own: the sweep by so many workers, as `sim` makes it. Prints seconds of the clock and of the CPUs.
pub(crate) fn one(threads: usize) {
    let (plan, dir) = (sweep(), tempfile::tempdir().expect("a temporary folder can be made"));
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let batch = run_all(&plan, dir.path(), HowToRun { threads, exact: false, fresh: false }, &|_, _| {})
        .unwrap_or_else(|e| panic!("{e}"));
    let (elapsed, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let digests: Vec<String> = batch.records.iter().map(digest).collect();
    assert_eq!(hash(&digests.concat()), DIGEST, "other records than expected");
    println!("{elapsed} {cpu}");
}

/// What this process has used, all threads together; Linux only, in hundredths of a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit(") ").next().unwrap_or_default();
    behind_name.split(' ').skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn start(threads: usize) -> Child {
    let me = std::env::current_exe().expect("the bench has a path");
    let threads = threads.to_string();
    Command::new(me).args(["--sweep", &threads]).stdout(Stdio::piped()).spawn().expect("the bench can start itself")
}

/// Seconds of the clock, and of the CPUs.
fn end(child: Child) -> [f64; 2] {
    let out = child.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&out.stdout);
    let numbers: Vec<f64> = told.split_whitespace().filter_map(|w| w.parse().ok()).collect();
    numbers.try_into().unwrap_or_else(|_| panic!("a sweep failed"))
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

/// The table of BENCHMARKS.md.
pub(crate) fn figures() -> String {
    let rounds: Vec<[[f64; 2]; 3]> = (0..REPEATS)
        .map(|_| {
            let (one, two) = (end(start(1)), end(start(2)));
            let both = [start(1), start(1)].map(end);
            // Twice the work, until the slower one has ended.
            [one, two, [both[0][0].max(both[1][0]), both[0][1] + both[1][1]]]
        })
        .collect();
    let of = |f: &dyn Fn(&[[f64; 2]; 3]) -> f64| median(rounds.iter().map(f).collect());
    let seconds = |i: usize| of(&|r| r[i][0]);
    let cpu = |i: usize| of(&|r| r[i][1]);
    format!(
        "A sweep of 36 runs of the profiler workload, {REPEATS} times in turn, medians. The ratio is work per second against one worker; two processes \
         share nothing, so theirs is the most that this machine gives:\n\n\
         | | seconds | CPU seconds | ratio |\n|---|---|---|---|\n\
         | one worker | {:.2} | {:.2} | 1 |\n| two workers | {:.2} | {:.2} | {:.2} |\n| two processes, one worker and the whole sweep each | {:.2} | {:.2} | {:.2} |\n\n",
        seconds(0),
        cpu(0),
        seconds(1),
        cpu(1),
        of(&|r| r[0][0] / r[1][0]),
        seconds(2),
        cpu(2),
        of(&|r| 2.0 * r[0][0] / r[2][0]),
    )
}
