// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recorded arrivals, bursts, and a counter in frequency mode.

use std::path::PathBuf;

use crate::support::Lab;
use rqsim::plan::plan;

/// A trace in a file of this test's own, removed at its end.
struct Trace(PathBuf);

impl Trace {
    fn new(name: &str, text: &str) -> Trace {
        let path = std::env::temp_dir().join(format!("rqsim-trace-{name}-{}.csv", std::process::id()));
        std::fs::write(&path, text).expect("a temporary file can be written");
        Trace(path)
    }

    fn source(&self, more: &str) -> String {
        format!("Trace(file: {:?}{more})", self.0.to_str().expect("temporary paths are UTF-8"))
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        // A file that stays behind harms nobody.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Core 0 works; the handler of the NMI takes 20 us.
fn lab(source: &str) -> Lab {
    Lab {
        tasks: "(on: All, body: [Work(Fixed(\"900us\"))])",
        handlers: "\"h\": [Work(Fixed(\"20us\"))], \"other\": [Work(Fixed(\"1us\"))]",
        interrupts: format!("(name: \"n\", vector: Nmi, handler: \"h\", source: {source})"),
        ..Lab::default()
    }
}

#[test]
fn a_recorded_trace_is_replayed_and_an_nmi_during_an_nmi_is_latched_once() {
    // Core 0: one alone; one with two more in its handler, of which one is latched. Core 1: one. The rest is not ours.
    let rows = "time_ns,cpu,source\n100000,0,n\n200000,0,n\n205000,0,n\n210000,0,n\n300000,1,n\n400000,1,else\n";
    let trace = Trace::new("replay", rows);
    let record = lab(&trace.source("")).ok();
    let nmi = &record.handlers["nmi"];
    assert_eq!((nmi.count, nmi.coalesced), (1 + 2 + 1, 1));
    // The record says which trace it is of, and can be run again only with this one.
    let hash = record.config.split("sha256: \"").nth(1).and_then(|t| t.split('"').next()).expect("the hash is there");
    let again = lab(&trace.source(&format!(", sha256: \"{hash}\"")));
    assert_eq!(again.ok().config_hash, record.config_hash);
    std::fs::write(&trace.0, rows.replace("300000", "300001")).expect("it can be written");
    let e = plan(again.loaded()).expect_err("another trace").plain;
    assert!(e.contains("has the hash") && e.contains("leave `sha256` out"), "{e}");
    assert_ne!(lab(&trace.source("")).ok().config_hash, record.config_hash);
}

#[test]
fn a_trace_that_cannot_be_used_is_refused_with_its_line() {
    let refused = |name: &str, text: &str| {
        let trace = Trace::new(name, text);
        plan(lab(&trace.source("")).loaded()).expect_err(name).plain
    };
    let e = refused("cells", "time_ns,cpu,source\n1,0,n\n7,0\n");
    assert!(e.contains(".csv:3: `7,0` has not three cells") && e.contains("help:"), "{e}");
    let e = refused("nothing", "time_ns,cpu,source\n1,0,m\n");
    assert!(e.contains("has no row for \"n\"") && e.contains("sources in it: m") && e.contains("lab.ron:"), "{e}");
    let e = plan(lab("Trace(file: \"no such.csv\")").loaded()).expect_err("no file").plain;
    assert!(e.contains("cannot read the trace no such.csv") && e.contains("lab.ron:"), "{e}");
}

#[test]
fn bursts_come_as_declared() {
    // 100 us between bursts of 3, the first at 50 us: ten in 1 ms. The handler takes 20 us and the gap is 5 us: of each
    // burst the first is served, one is latched, and one is lost.
    let burst = "Burst(n: 3, spacing: \"5us\", rate: \"10kHz\", law: Periodic, phase: At(\"50us\"))";
    let nmi = lab(burst).ok().handlers["nmi"].clone();
    assert_eq!((nmi.count, nmi.coalesced), (2 * 20, 20));
    // Far enough apart none is lost.
    let nmi = lab(&burst.replace("5us\"", "24us\"")).ok().handlers["nmi"].clone();
    assert_eq!((nmi.count, nmi.coalesced), (2 * 30, 0));
}

/// NMIs of core 0 in 100 ms, with a handler of 2 us.
fn counter(source: &str) -> u64 {
    let lab = Lab {
        tasks: "(on: Cpus([0]), body: [Forever([Work(Fixed(\"1ms\"))])])",
        handlers: "\"h\": [Work(Fixed(\"2us\"))]",
        interrupts: format!("(name: \"n\", vector: Nmi, handler: \"h\", on: Cpus([0]), source: {source})"),
        duration: "100ms",
        ..Lab::default()
    };
    lab.ok().handlers["nmi"].count
}

#[test]
fn frequency_mode_keeps_the_rate_by_the_clock_and_a_fixed_period_does_not() {
    // A fixed period stands still in the handler: 250 us + 2 us + 715 c + 330 c (0.26 us) + at most 1 us of the first
    // micro-op boundary: 100 ms / 252.26 us = 396.4, and the random first one moves that by less than 1.
    let fixed = counter("Overflow(period: \"250us\")");
    assert!((395..=397).contains(&fixed), "{fixed}");
    // 4 kHz: 400 once it has settled, never slower (the period comes from below and overshoots by at most the 7 cycles of
    // rounding), the first one within 250 us. It starts at one cycle, is within 1 % of the period after
    // 8 + ln(100)/ln(8/7) = 43 overflows, and each of these comes early by less than a whole interval.
    let adapted = counter("Frequency(rate: \"4kHz\")");
    assert!((399..=400 + 43).contains(&adapted), "{adapted}");
    assert!(adapted > fixed);
    // From a period that is far too long, an eighth of the way each time: the k-th distance is 0.25 + 4.75 (7/8)^k ms, so
    // n of them take 0.25 n + 38 ms, and 99.9 ms are 247.6 of them; one more or less for the ends, one for the handlers.
    let late = counter("Frequency(rate: \"4kHz\", initial: \"5ms\", phase: At(\"100us\"))");
    assert!((246..=249).contains(&late), "{late}");
}
