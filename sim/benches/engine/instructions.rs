// SPDX-License-Identifier: MIT OR Apache-2.0
//! Instructions instead of time: the same on every run, whatever else the machine is doing. By valgrind's callgrind.

use std::collections::BTreeMap;
use std::process::Command;

use super::Case;

/// What a case costs between its two counted durations.
pub(crate) struct Counted {
    pub(crate) instructions: u64,
    pub(crate) acquisitions: u64,
    pub(crate) messages: u64,
    pub(crate) events: u64,
    /// Share of the instructions of the longer run, by part of the simulator; start-up not among them.
    pub(crate) parts: BTreeMap<&'static str, f64>,
}

/// Counts a case; `None` if it is not for counting.
///
/// # Errors
/// In words, if valgrind is not installed or fails.
pub(crate) fn count(case: &Case) -> Option<Result<Counted, String>> {
    case.counted.map(|[short, long]| {
        let (short, long) = (one(case.name, short)?, one(case.name, long)?);
        let [instructions, acquisitions, messages, events] = std::array::from_fn(|i| long.0[i] - short.0[i]);
        Ok(Counted { instructions, acquisitions, messages, events, parts: long.1 })
    })
}

/// Instructions, acquisitions, messages and events of one run, and its parts.
fn one(case: &str, duration: &str) -> Result<([u64; 4], BTreeMap<&'static str, f64>), String> {
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
    let out = dir.path().join("callgrind.out");
    let me = std::env::current_exe().map_err(|e| e.to_string())?;
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", &format!("--callgrind-out-file={}", out.display())])
        .arg(me)
        .args(["--case", case, "--duration", duration])
        .output()
        .map_err(|e| format!("valgrind cannot be started ({e}): install it to count instructions"))?;
    let (said, told) = (String::from_utf8_lossy(&run.stderr), String::from_utf8_lossy(&run.stdout));
    let collected = said.lines().find_map(|l| l.split("Collected : ").nth(1)?.trim().parse().ok());
    let numbers: Vec<u64> = told.split_whitespace().filter_map(|w| w.parse().ok()).collect();
    let (Some(collected), &[acquisitions, messages, events]) = (collected, &numbers[..]) else {
        return Err(format!("valgrind said: {said}"));
    };
    let list = Command::new("callgrind_annotate").args(["--threshold=100", "--auto=no"]).arg(&out).output();
    let list = list.map_err(|e| format!("callgrind_annotate: {e}"))?;
    Ok(([collected, acquisitions, messages, events], parts(&String::from_utf8_lossy(&list.stdout))))
}

/// Where a function belongs, by its name; `None` for start-up.
fn part(function: &str) -> Option<&'static str> {
    const PARTS: [(&str, &str); 16] = [
        ("timing::network", "network"),
        ("timing::fabric", "network"),
        ("sim_core::queue", "event queues and main loop"),
        ("rqsim::machine", "event queues and main loop"),
        ("rqsim::run", "event queues and main loop"),
        ("timing::private", "private caches"),
        ("timing::home", "home slices"),
        ("timing::hierarchy", "private caches"),
        ("timing::array", "private caches"),
        ("sim_core::core", "cores"),
        ("sim_core::exec", "cores"),
        ("interrupt_ctrl", "cores"),
        ("lock_impl::oracle", "oracle and metrics"),
        ("rqsim::observe", "oracle and metrics"),
        ("mem", "allocation and copies"),
        ("free", "allocation and copies"),
    ];
    if function.contains("malloc") || function.contains("_int_") {
        return Some("allocation and copies");
    }
    PARTS.iter().find(|(name, _)| function.contains(name)).map(|(_, part)| *part)
}

/// Shares of the parts by the functions' own instructions, from callgrind_annotate's list.
fn parts(list: &str) -> BTreeMap<&'static str, f64> {
    let mut sums = BTreeMap::<&str, f64>::new();
    for line in list.lines() {
        let Some((count, rest)) = line.trim_start().split_once(" (") else { continue };
        let Ok(count) = count.replace(',', "").parse::<f64>() else { continue };
        // "12.3%)  file:function [object]"
        let Some(function) = rest.split_once(")  ").map(|(_, f)| f.split(" [").next().unwrap_or(f)) else { continue };
        let function = function.split_once(".rs:").or_else(|| function.split_once(":")).map_or(function, |f| f.1);
        if let Some(part) = part(function) {
            *sums.entry(part).or_default() += count;
        }
    }
    let all: f64 = sums.values().sum();
    sums.values_mut().for_each(|s| *s /= all);
    sums
}
