// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim protocol`: printing, exhaustive checks, patches of single cells.

use std::process::{Command, Output};

fn protocol(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sim")).arg("protocol").args(args).output().expect("the binary runs")
}

/// What is printed by a call that ends with `code`.
fn printed(args: &[&str], code: i32) -> String {
    let out = protocol(args);
    assert_eq!(out.status.code(), Some(code), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("text")
}

fn told(args: &[&str]) -> String {
    let out = protocol(args);
    assert_eq!(out.status.code(), Some(2), "{args:?}");
    assert!(out.stdout.is_empty(), "{args:?}");
    String::from_utf8(out.stderr).expect("text")
}

#[test]
fn the_textbook_counts_are_printed_in_all_four_variants() {
    assert_eq!(
        printed(&["mesi", "--check", "2", "--textbook"], 0),
        "\
mesi, 2 caches, one line, the directory is memory
variant                    states  transitions  depth  queue  pairs met
control                       643         1483     22      2  43 cache, 31 home
control, symmetry             332          768     22      2  43 cache, 31 home
data                          771         1840     22      2  43 cache, 31 home
data, symmetry                399          955     22      2  43 cache, 31 home
"
    );
}

#[test]
fn the_machine_is_checked_and_cells_that_two_caches_cannot_take_are_named() {
    assert_eq!(
        printed(&["mesi", "--check", "2"], 0),
        "\
mesi, 2 caches, one line
3484 states, 9832 transitions, depth 27, longest forward queue 2
every property holds
cells with actions never taken: cache IM_A InvAck, cache SM_A InvAck
"
    );
}

#[test]
fn a_patched_cell_is_printed_and_its_fault_is_found_with_the_shortest_way_to_it() {
    let cell = "cache E Evict = DropCopy -> I";
    assert!(printed(&["mesi", "--cell", cell], 0).contains("Evict"), "the patched table is printed");
    assert_ne!(printed(&["mesi", "--cell", cell], 0), printed(&["mesi"], 0));
    let found = printed(&["mesi", "--check", "2", "--textbook", "--cell", cell], 1);
    let first: Vec<&str> = found.lines().take(11).collect();
    assert_eq!(
        first.join("\n"),
        "\
mesi, 2 caches, one line, the directory is memory
patched: cache E Evict = DropCopy -> I
variant                    states  transitions  depth  queue  pairs met
control                       113          202      6      1  17 cache, 8 home
  VIOLATED after 6 steps: cache 0: (I, FwdGetS): forwards go to owners, and this cache owns nothing
    cache 0: Load, I -> IS_D
    home: GetS from cache 0, I -> E
    cache 0: data, IS_D -> E
    cache 0: Evict, E -> I
    cache 1: Load, I -> IS_D
    home: GetS from cache 1, E -> S_D"
    );
    // It would go on if the sharer happened to evict its copy; nothing makes it.
    let waits = printed(&["mesi", "--check", "2", "--cell", "cache S Inv = Stall"], 1);
    assert!(waits.contains("no quiescent state can be reached any more"), "{waits}");
    let unordered = printed(&["mesi", "--check", "2", "--textbook", "--unordered"], 1);
    assert!(unordered.contains("VIOLATED after 8 steps: cache 0: (I, FwdGetS)"), "{unordered}");
}

#[test]
fn a_snooping_protocol_is_checked_on_its_bus() {
    let text = printed(&["snoop-mesi", "--check", "2"], 0);
    assert!(text.starts_with("snoop-mesi, 2 caches, one line, queues of 3\n"), "{text}");
    assert!(text.ends_with("every property holds\nevery cell with actions is taken\n"), "{text}");
    let keeps = "cache S OtherGetM = -> S";
    assert!(printed(&["snoop-mesi", "--check", "2", "--cell", keeps], 1).contains("VIOLATED"));
    assert!(told(&["snoop-mesi", "--check", "2", "--textbook"]).contains("snoop-mesi has none"));
}

#[test]
fn a_limit_of_states_ends_without_a_verdict() {
    let text = printed(&["moesi", "--check", "3", "--states-max", "1000"], 1);
    assert!(text.contains("not finished: limit of states reached") && !text.contains("holds"), "{text}");
    let two = printed(&["mesi", "--check", "2", "--two-lines", "--states-max", "1000"], 1);
    assert!(two.contains("not finished") && !two.contains("VIOLATED"), "{two}");
}

#[test]
fn what_is_wrong_is_named() {
    assert_eq!(
        told(&["mesi", "--cell", "cache E Evct = DropCopy -> I"]),
        "\
error: --cell, column 9: `Evct` is not an event
  cache E Evct = DropCopy -> I
          ^
  help: did you mean `Evict`?
"
    );
    assert!(told(&["mosi"]).starts_with("error: no protocol is called \"mosi\"; known: msi, mesi"));
    let three = told(&["mesi", "--check", "3", "--two-lines"]);
    assert!(three.contains("error: two lines are explored with two caches"), "{three}");
    assert!(told(&["mesi", "--check", "9"]).contains("9 is not in 1..=5"));
    assert!(told(&["mesi", "--textbook"]).contains("--check"));
}
