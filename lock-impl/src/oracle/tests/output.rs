// SPDX-License-Identifier: MIT OR Apache-2.0
//! The graphviz text, the report at the end, and clones.

use super::*;

fn name(lock: u64) -> String {
    if lock == A { "A\"".into() } else { "B".into() }
}

#[test]
fn the_graph_is_printed_with_its_deadlock_in_red() {
    let mut w = World::new(3);
    w.take(10, 0, A);
    w.nmi(20, 0);
    w.want(30, 0, A, WaitKind::TestAndSet);
    w.want(40, 1, A, WaitKind::Pending);
    let expected = r#"digraph {
    0 [ label="cpu 0 task\nholds A\"" color=red shape=box]
    1 [ label="cpu 0 nmi\nwants A\" (test_and_set)" color=red shape=box]
    2 [ label="cpu 1 task\nwants A\" (pending)" color=black shape=box]
    0 -> 1 [ label="interrupted by" color=red]
    1 -> 0 [ label="A\": owner" color=red]
    2 -> 0 [ label="A\": owner" color=black]
}
"#;
    assert_eq!(w.0.dot(name), expected);
    w.deadlock(50, 0, A);
    assert!(!w.0.dot(name).contains("red"));
}

#[test]
fn an_edge_between_two_deadlocks_is_on_neither() {
    let mut w = World::new(2);
    w.take(10, 0, A);
    w.nmi(20, 0);
    w.want(30, 0, A, WaitKind::TestAndSet);
    w.want(40, 1, A, WaitKind::Pending);
    w.nmi(50, 1);
    w.want(60, 1, A, WaitKind::Head);
    // Owner and its NMI are one deadlock, pending waiter and its NMI another one behind it.
    let dot = w.0.dot(name);
    assert_eq!(dot.matches("color=red shape=box").count(), 4);
    assert_eq!(dot.matches("owner\" color=red").count(), 1);
    assert_eq!(dot.matches("owner\" color=black").count(), 2);
    assert_eq!(dot.matches("pending waiter\" color=red").count(), 1);
}

#[test]
fn the_end_report_lists_who_is_not_at_rest() {
    let mut w = World::new(3);
    assert!(w.0.finish().is_quiet());
    w.take(10, 0, A);
    assert!(!w.0.finish().is_quiet() && w.0.finish().cycles.is_empty(), "it holds, and nobody waits");
    w.nmi(20, 0);
    w.want(30, 0, A, WaitKind::Fallback);
    let end = w.0.finish();
    assert!(!end.is_quiet());
    assert_eq!(end.cycles, w.0.live_cycles());
    let [task, nmi] = &end.unfinished[..] else {
        panic!("two contexts are not at rest: {end:?}");
    };
    assert_eq!((&task.holds[..], task.attempt), (&[A][..], None));
    assert_eq!(nmi.attempt, Some((A, 30)));
    assert_eq!(nmi.wait, Some(WaitKind::Fallback));
    assert_eq!(nmi.who.to_string(), "cpu 0 nmi");
}

#[test]
fn a_clone_goes_on_as_the_original_does() {
    let mut w = World::new(2);
    w.take(10, 0, A);
    w.take(20, 1, B);
    w.want(50, 0, B, WaitKind::Pending);
    let mut fork = World(w.0.clone());
    w.want(60, 1, A, WaitKind::Pending);
    assert_eq!((w.formed(), fork.formed()), (1, 0));
    fork.want(60, 1, A, WaitKind::Pending);
    assert_eq!(w.deadlock(90, 0, B), fork.deadlock(90, 0, B));
    assert_eq!(w.0.totals(), fork.0.totals());
    assert_eq!(w.0.finish(), fork.0.finish());
}

#[test]
fn an_oracle_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&Oracle::new(1));
}

#[test]
fn who_does_nothing_is_not_drawn_and_who_does_any_one_thing_is() {
    let mut w = World::new(4);
    // One that only holds, one that only attempts, a handler that does neither.
    w.take(10, 0, A);
    w.attempt(20, 1, B);
    w.nmi(30, 2);
    let dot = w.0.dot(name);
    let drawn = |who: &str| dot.contains(who);
    assert!(drawn("cpu 0 task") && drawn("cpu 1 task") && drawn("cpu 2 nmi"), "{dot}");
    assert!(!drawn("cpu 2 task") && !drawn("cpu 3"), "{dot}");
}
