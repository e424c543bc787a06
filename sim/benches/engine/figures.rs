// SPDX-License-Identifier: MIT OR Apache-2.0
//! The figures of BENCHMARKS.md, written between its two markers.

use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use rayon::prelude::*;
use rqsim::run::run;
use sim_core::queue::EventQueue;
use sim_core::rng::Stream;
use sim_core::time::{Cycle, Key, Phase};

use super::{CASES, acquisitions, instructions, measure, messages, prepare};

const BEGIN: &str = "<!-- figures: cargo bench -p sim -- --write BENCHMARKS.md -->";
const END: &str = "<!-- end of figures -->";
/// Cores of the scaling table, and how long each is simulated, short and long.
const SIZES: [(&str, [&str; 2]); 6] = [
    ("2", ["100us", "5ms"]),
    ("8", ["100us", "3ms"]),
    ("32", ["100us", "2ms"]),
    ("128", ["100us", "1ms"]),
    ("512", ["100us", "1ms"]),
    ("1024", ["100us", "2ms"]),
];

/// Measures everything and writes the figures into the file.
pub(crate) fn write(path: &Path) {
    let old = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let (Some(begin), Some(end)) = (old.find(BEGIN), old.find(END)) else {
        panic!("{}: the lines {BEGIN} and {END} must be there", path.display());
    };
    let text = [cases(), counts(), scaling(), workers(), floor()].concat();
    let new = format!("{}{BEGIN}\n\n{text}{}", &old[..begin], &old[end..]);
    std::fs::write(path, new).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}

fn cases() -> String {
    let mut text =
        "Shortest of three runs, one host core:\n\n| case | what | host ms | acquisitions/s | messages/s | events/s | \
                    simulated s/s |\n|---|---|---|---|---|---|---|\n"
            .to_owned();
    for case in CASES {
        let m = measure(case, false);
        assert!(m.ok, "{}: another digest than expected", case.name);
        let per_second = |n: u64| short(n as f64 / m.seconds);
        let (acquisitions, messages) = (acquisitions(&m.finished), messages(&m.finished));
        let _ = writeln!(
            text,
            "| {} | {} | {:.1} | {} | {} | {} | {:.2} |",
            case.name,
            case.what,
            m.seconds * 1e3,
            per_second(acquisitions),
            per_second(messages),
            per_second(m.finished.events),
            m.simulated_per_second(),
        );
    }
    text + "\n"
}

/// Three digits and a prefix.
fn short(n: f64) -> String {
    match n {
        n if n >= 1e6 => format!("{:.2} M", n / 1e6),
        n if n >= 1e3 => format!("{:.1} k", n / 1e3),
        n => format!("{n:.0}"),
    }
}

fn counts() -> String {
    let mut text = "Instructions (start-up taken out), and where they go:\n\n| case | per acquisition | per message | per event | parts |\n\
                    |---|---|---|---|---|\n"
        .to_owned();
    for (case, counted) in CASES.iter().filter_map(|c| Some((c, instructions::count(c)?))) {
        match counted {
            Ok(c) => {
                let mut parts: Vec<_> = c.parts.iter().collect();
                parts.sort_by(|a, b| b.1.total_cmp(a.1));
                let parts: Vec<String> = parts.iter().map(|(p, s)| format!("{p} {:.0} %", *s * 100.0)).collect();
                let per = |n: u64| short(c.instructions as f64 / n as f64);
                let [a, m, e] = [c.acquisitions, c.messages, c.events].map(per);
                let _ = writeln!(text, "| {} | {a} | {m} | {e} | {} |", case.name, parts.join(", "));
            }
            Err(why) => panic!("{why}"),
        }
    }
    text + "\n"
}

/// What one line of the scaling table measures, in a process of its own: for the peak of its memory.
pub(crate) fn one_size(cores: &str) {
    let durations = SIZES.iter().find(|s| s.0 == cores).expect("a size of the table").1;
    let edits = [("lock", "(program: Builtin(\"qspinlock\"))"), ("machine.cores", cores)];
    let [short, long] = durations.map(|duration| {
        let (loaded, stage) = prepare("hammer8.ron", &edits, 0, duration);
        let start = Instant::now();
        let f = run(&loaded, &stage, 1, false);
        let hops: u64 = f.record.traffic.by_class.values().map(|t| t.hops).sum();
        (start.elapsed().as_secs_f64(), acquisitions(&f), messages(&f), hops)
    });
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<u64>().ok());
    println!(
        "{} {} {} {} {}",
        ((long.0 - short.0) * 1e9) as u64,
        long.1 - short.1,
        long.2 - short.2,
        long.3 - short.3,
        peak.unwrap_or(0)
    );
}

fn scaling() -> String {
    let mut text = "One qspinlock, N cores on one ring of N stops: what the host does for an acquisition against what is simulated:\n\n\
                    | cores | host us/acquisition | messages/acquisition | links crossed/acquisition | host ns/message | \
                    host ns/(message + link) | peak KiB/core |\n|---|---|---|---|---|---|---|\n"
        .to_owned();
    for (cores, _) in SIZES {
        let me = std::env::current_exe().expect("the bench has a path");
        let out = Command::new(me).args(["--cores", cores]).output().expect("the bench can start itself");
        let told = String::from_utf8_lossy(&out.stdout);
        let n: Vec<f64> = told.split_whitespace().filter_map(|w| w.parse().ok()).collect();
        let [ns, acquisitions, messages, hops, peak] = n[..] else {
            panic!("{cores} cores: {}", String::from_utf8_lossy(&out.stderr));
        };
        let count: f64 = cores.parse().expect("a number");
        let _ = writeln!(
            text,
            "| {cores} | {:.1} | {:.1} | {:.0} | {:.0} | {:.0} | {:.0} |",
            ns / acquisitions / 1e3,
            messages / acquisitions,
            hops / acquisitions,
            ns / messages,
            ns / (messages + hops),
            peak / count,
        );
    }
    text + "\n"
}

/// The same eight runs by one worker and by two.
fn workers() -> String {
    let (loaded, stage) = prepare("ring8.ron", &[], 0, "500ms");
    let seconds = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
        let start = Instant::now();
        pool.install(|| (1..=8u64).into_par_iter().for_each(|seed| drop(black_box(run(&loaded, &stage, seed, false)))));
        start.elapsed().as_secs_f64()
    };
    let (one, two) = (seconds(1), seconds(2));
    format!(
        "Eight runs of the profiler workload: one worker {one:.2} s, two workers {two:.2} s, ratio {:.2}.\n\n",
        one / two
    )
}

/// An event loop that does nothing: takes the next event, touches one line of memory, adds one. As many pending as a busy
/// ring of eight has on average, gaps drawn as there.
fn floor() -> String {
    const EVENTS: u64 = 4_000_000;
    const PENDING: u64 = 10;
    let (mut queue, mut random) = (EventQueue::default(), Stream::derive(1, 0, "floor"));
    let mut memory = vec![0u64; 1 << 16];
    let key = |at: u64, i: u64| Key::new(Cycle(at), Phase::Deliver, (i % 16) as u16, i);
    (0..PENDING).for_each(|i| queue.push(key(i, i), i as u32));
    let start = Instant::now();
    for i in PENDING..EVENTS {
        let (k, slot) = queue.pop().expect("as many are added as are taken");
        memory[slot as usize * 8 % (1 << 16)] += i;
        queue.push(key(k.at().0 + 5 + random.below(60), i), (i % 8192) as u32);
    }
    let floor = start.elapsed().as_secs_f64() * 1e9 / EVENTS as f64;
    black_box(&memory);
    let busy = measure(&CASES[0], false);
    let ours = busy.seconds * 1e9 / busy.finished.events as f64;
    format!(
        "The floor, a loop that only takes an event, touches a line and adds an event: {floor:.0} ns an event. Busy: {ours:.0} ns, {:.1} times as \
         much.\n\n",
        ours / floor
    )
}
