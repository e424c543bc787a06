// SPDX-License-Identifier: MIT OR Apache-2.0
//! The figures of BENCHMARKS.md, written between its two markers.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use criterion::Criterion;
use rqsim::run::run_simulated;

use super::time::{ENGINE, FLOOR, MODES, name, recorded};
use super::{CASES, How, acquisitions, instructions, messages, prepare, run_as};

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
    let times = tempfile::tempdir().expect("a temporary folder can be made");
    let mut criterion = Criterion::default().output_directory(times.path());
    super::time::suite(&mut criterion);
    let text = [cases(times.path()), counts(), scaling(), super::sweep::figures(), floor(times.path())].concat();
    let new = format!("{}{BEGIN}\n\n{text}{}", &old[..begin], &old[end..]);
    std::fs::write(path, new).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}

fn cases(times: &Path) -> String {
    let mut text = "By criterion, ten samples, one host core; rates by the shortest:\n\n| case | what | host ms, median | shortest | \
                    acquisitions/s | messages/s | events/s | simulated s/s |\n|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for (case, how) in CASES.iter().flat_map(|case| MODES.map(|how| (case, how))) {
        let finished = run_as(case, case.duration[0], how);
        let name = name(case, how);
        let [shortest, median] = nanos(times, &name);
        let per_second = |n: u64| short(n as f64 / shortest * 1e9);
        let _ = writeln!(
            text,
            "| {} | {} | {:.1} | {:.1} | {} | {} | {} | {:.2} |",
            name,
            case.what,
            median / 1e6,
            shortest / 1e6,
            per_second(acquisitions(&finished)),
            per_second(messages(&finished)),
            per_second(finished.events),
            finished.record.end_ns as f64 / shortest,
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
        let f = run_simulated(&loaded, &stage, 1);
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

/// The floor against busy: nanoseconds an event.
fn floor(times: &Path) -> String {
    let floor = nanos(times, FLOOR)[0] / recorded().len() as f64;
    let busy = run_as(&CASES[0], CASES[0].duration[0], How::Simulated);
    let ours = nanos(times, CASES[0].name)[0];
    let (event, message) = (ours / busy.events as f64, ours / messages(&busy) as f64);
    format!(
        "The floor, a loop that takes each event of a recorded busy run, touches a line and adds the events that it led to: {floor:.1} ns an \
         event. Busy: {event:.0} ns an event, {:.1} times as much; {message:.0} ns a message.\n\n",
        event / floor
    )
}

/// The shortest and the median time of one iteration, as criterion wrote them.
fn nanos(times: &Path, name: &str) -> [f64; 2] {
    let read = |file: &str| -> serde_json::Value {
        let path = times.join(ENGINE).join(name).join("new").join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    let (sample, estimates) = (read("sample.json"), read("estimates.json"));
    let numbers = |key: &str| sample[key].as_array().into_iter().flatten().filter_map(serde_json::Value::as_f64);
    let shortest = numbers("times").zip(numbers("iters")).map(|(t, n)| t / n).fold(f64::INFINITY, f64::min);
    [shortest, estimates["median"]["point_estimate"].as_f64().expect("criterion estimates a median")]
}
