// SPDX-License-Identifier: MIT OR Apache-2.0
//! The examples of the library, run as a reader would run them.

#[path = "../examples/fork.rs"]
mod fork;
#[path = "../examples/own_program.rs"]
mod own_program;
#[path = "../examples/sweep.rs"]
mod sweep;
#[path = "../examples/traffic.rs"]
mod traffic;

#[test]
fn four_cores_count_to_four_hundred() {
    let text = own_program::run().expect("it runs");
    assert!(text.contains("at the end it is 400\n"), "{text}");
    assert_eq!(text.matches("was done").count(), 4, "{text}");
}

#[test]
fn only_the_fork_with_the_interrupt_waits() {
    let text = fork::run().expect("it runs");
    let (without, with) = text.split_once("with it:").expect("two forks");
    assert!(!without.contains("Nmi") && with.contains("Nmi begins") && with.contains("Nmi ends"), "{text}");
    assert!(without.contains("Released") && with.contains("Failed"), "{text}");
}

#[test]
fn a_contended_lock_costs_more_messages() {
    let csv = sweep::run().expect("it runs");
    let cost: Vec<f64> = csv.lines().skip(1).map(|l| l.rsplit(',').next().unwrap().parse().unwrap()).collect();
    assert_eq!(cost.len(), 4, "{csv}");
    assert!(cost[0] < 1.0 && cost[3] > 3.0 * cost[0] + 1.0, "{csv}");
}

#[test]
fn only_words_on_one_line_are_falsely_shared() {
    let text = traffic::run().expect("it runs");
    let (one, two) = text.split_once("two lines").expect("two layouts");
    assert!(one.contains("false sharing") && !two.contains("false sharing"), "{text}");
}
