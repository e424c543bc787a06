// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim test-memory` as a user meets it.

use std::process::{Command, Output};

fn sim(args: &[&str]) -> Output {
    let all = ["test-memory"].iter().chain(args);
    Command::new(env!("CARGO_BIN_EXE_sim")).args(all).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn every_combination_has_a_line() {
    let out = sim(&["--accesses", "200", "--seeds", "1..3", "--protocol", "moesi"]);
    let told = text(&out.stdout);
    assert_eq!(out.status.code(), Some(0), "{told}");
    let shapes: Vec<&str> = told.lines().filter_map(|l| l.split_whitespace().nth(1)).collect();
    assert_eq!(shapes, ["ring", "one-way-ring", "bus", "crossbar", "mesh", "torus", "joined"]);
    assert!(told.lines().all(|l| l.starts_with("moesi ") && l.ends_with("  ok")), "{told}");
    let machine = sim(&["--interconnect", "skylake-ring-8", "--accesses", "400", "--seeds", "7", "--protocol", "mesi"]);
    let told = text(&machine.stdout);
    assert!(machine.status.success() && told.contains("400 accesses"), "{told}");
}

#[test]
fn a_broken_protocol_is_caught_and_the_printed_command_repeats_it() {
    let first =
        sim(&["--protocol", "mesi", "--interconnect", "mesh", "--seeds", "1..20", "--inject", "dropped-inv-ack"]);
    let told = text(&first.stdout);
    assert_eq!(first.status.code(), Some(1), "{told}");
    let replay = told.lines().find_map(|l| l.strip_prefix("replay: sim test-memory ")).expect("a command");
    let again = sim(&replay.split_whitespace().collect::<Vec<_>>());
    assert_eq!(again.status.code(), Some(1));
    let failure = |t: &str| t.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(failure(&told), failure(&text(&again.stdout)), "the same failure with the same history");
}

#[test]
fn what_does_not_exist_is_refused_with_a_list() {
    for (args, part) in [
        (["--protocol", "mezi"], "did you mean `mesi`?"),
        (["--interconnect", "rings"], "did you mean `ring`?"),
        (["--inject", "stale"], "faults: dropped-inv-ack, stale-forward, hasty-store"),
        (["--seeds", "5..5"], "there is none in 5..5"),
        (["--cores", "0"], "0 is not in 1..=1024"),
    ] {
        let out = sim(&args);
        assert_eq!(out.status.code(), Some(2));
        assert!(text(&out.stderr).contains(part), "{}", text(&out.stderr));
    }
    let out = sim(&["--interconnect", "skylake-ring-8", "--cores", "4"]);
    assert!(text(&out.stderr).contains("which has 8"), "{}", text(&out.stderr));
}
