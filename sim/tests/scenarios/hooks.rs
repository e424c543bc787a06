// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs at the trace points of the queue part that take locks themselves.

use crate::support::Scenario;

/// The outer attempt is in the table and owns nothing, so the inner one is refused although it would get the lock. With patch Q
/// it does not even return: its heir would have to be the outer attempt of the same core.
#[test]
fn a_program_that_takes_the_contended_lock_is_refused_and_hangs_on_next_without_patch_5() {
    let scenario = Scenario::run("hook-begin");
    for s in &scenario.stages {
        assert!(s.record.oracle.cycles_formed.values().all(|n| *n == 0), "{}: nobody is deadlocked", s.name());
        if s.next() && !s.has(5) {
            s.hangs_in(2, "queue_path.find_heir");
            assert_eq!(s.ends("task"), (2, 0, 0, 2), "{}", s.name());
            continue;
        }
        s.ok();
        assert_eq!((s.ends("task"), s.oracle()), ((3, 1, 0, 0), [0, 0, 0, 0, 1, 0, 0]), "{}", s.name());
        let inner = s.record.worst.iter().find(|w| w.result == "EDEADLK").expect("it is among the worst");
        match (s.has(2), s.has(5)) {
            (_, true) => assert_eq!(s.errors(), [("aa_before_queue", 1)]),
            (true, _) => assert_eq!(s.errors(), [("aa_begin", 1)]),
            _ => assert_eq!(s.errors(), [("aa_periodic", 1)]),
        }
        let fits =
            if s.has(2) { inner.lasted_ns < 500 } else { scenario.first_check_of_head().contains(&inner.lasted_ns) };
        assert!(fits, "{}: {inner:?}", s.name());
    }
}

/// The program takes b while its core owns a; core 3 owns b and wants a. The checks see it as they see every ABBA. Core 3's own
/// run of the program then wants the b that core 3 owns: AA.
#[test]
fn a_program_at_contention_end_closes_a_deadlock_that_the_checks_find() {
    let scenario = Scenario::run("hook-end");
    for s in &scenario.stages {
        s.ok();
        assert_eq!((s.ends("task"), s.oracle()), ((5, 2, 0, 0), [2, 0, 0, 0, 0, 0, 0]), "{}", s.name());
        assert_eq!(s.record.oracle.cycles_formed["AA"] + s.record.oracle.cycles_formed["ABBA"], 2);
        assert_eq!(s.errors(), [(if s.has(2) { "aa_begin" } else { "aa_periodic" }, 1), ("abba", 1)]);
        let abba = s.record.worst.iter().find(|w| w.cpu == 2 && w.lock == "b").expect("it is among the worst");
        assert!(abba.result == "EDEADLK" && scenario.first_check().contains(&abba.lasted_ns), "{abba:?}");
    }
}
