// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two and more locks.

use sim_core::isa::MarkKind;

use crate::support::{MS, Scenario, marks};

#[test]
fn with_patch_1_a_released_lock_still_looks_wanted() {
    let scenario = Scenario::run("wrong-abba");
    for s in &scenario.stages {
        s.ok();
        assert!(s.record.oracle.cycles_formed.values().all(|n| *n == 0), "{}: nobody is deadlocked", s.name());
        let outer = s.record.worst.iter().find(|w| w.cpu == 1 && w.lock == "outer").expect("it waits longest");
        if s.has(1) {
            assert_eq!((s.errors(), s.oracle()), (vec![("abba", 1)], [0, 0, 0, 0, 1, 0, 0]), "{}", s.name());
            assert_eq!((outer.result.as_str(), s.ends("task")), ("EDEADLK", (3, 1, 0, 0)));
            assert!(scenario.first_check().contains(&outer.lasted_ns), "{}", outer.lasted_ns);
        } else {
            assert_eq!((s.errors(), s.ends("task")), (vec![], (4, 0, 0, 0)), "{}", s.name());
            assert!((4_990_000..5_010_000).contains(&outer.lasted_ns), "the handler's length: {}", outer.lasted_ns);
        }
    }
}

/// Checks at every wake-up, at most an event stream's period (100 us) after the millisecond.
#[test]
fn on_arm64_a_handler_of_little_more_than_a_millisecond_is_enough() {
    let scenario = Scenario::run("wrong-abba-arm64");
    for s in &scenario.stages {
        s.ok();
        let outer = s.record.worst.iter().find(|w| w.cpu == 1 && w.lock == "outer").expect("it waits longest");
        if s.has(1) {
            assert_eq!((s.errors(), s.oracle()), (vec![("abba", 1)], [0, 0, 0, 0, 1, 0, 0]), "{}", s.name());
            assert!((MS..MS + 110_000).contains(&outer.lasted_ns), "{}", outer.lasted_ns);
        } else {
            assert_eq!((s.errors(), s.ends("task")), (vec![], (4, 0, 0, 0)), "{}", s.name());
        }
    }
}

/// Patch Q's exit of a head that is told EDEADLK waits for a successor, whether or not there was a deadlock.
#[test]
fn on_next_a_wrong_abba_verdict_holds_a_head_for_good() {
    let scenario = Scenario::run("wrong-abba-head");
    for s in &scenario.stages {
        assert!(s.record.oracle.cycles_formed.values().all(|n| *n == 0), "{}: nobody is deadlocked", s.name());
        if s.next() && s.has(1) {
            s.hangs_in(1, "queue_path.find_heir");
            assert_eq!(s.ends("task"), (4, 0, 0, 1), "{}: all but core 1's", s.name());
            continue;
        }
        s.ok();
        let outer = s.record.worst.iter().find(|w| w.cpu == 1 && w.lock == "outer").expect("it waits longest");
        if s.has(1) {
            assert_eq!((s.errors(), s.oracle()), (vec![("abba", 1)], [0, 0, 0, 0, 1, 0, 0]), "{}", s.name());
            assert!(scenario.first_check_of_head().contains(&outer.lasted_ns), "{}", outer.lasted_ns);
        } else {
            assert_eq!((s.errors(), s.ends("task")), (vec![], (5, 0, 0, 0)), "{}", s.name());
        }
    }
}

/// No landing window: the NMI's core waits for one lock below and for another now, an owner that waits for nobody has both.
#[test]
fn an_owner_that_waits_for_nobody_looks_like_half_of_an_abba() {
    let scenario = Scenario::run("false-abba");
    for s in &scenario.stages {
        s.ok();
        assert!(s.record.oracle.cycles_formed.values().all(|n| *n == 0), "{}: nobody is deadlocked", s.name());
        assert_eq!((s.errors(), s.oracle()), (vec![("abba", 1)], [0, 0, 0, 0, 1, 0, 0]), "{}", s.name());
        let (result, ns) = s.attempt(1, "nmi");
        assert!(result == "EDEADLK" && scenario.first_check().contains(&ns), "{}: {result} {ns}", s.name());
        assert_eq!(s.ends("task"), (3, 0, 0, 0), "the interrupted attempt itself goes well");
    }
}

/// The stress test's ABBA mode with two threads, in which an NMI that got its lock owns both for 10 ms (`docs/detection.md`).
#[test]
fn a_third_of_the_stress_tests_errors_with_two_threads_are_of_that_kind() {
    let mut loaded = configs::load("stress-abba").unwrap_or_else(|e| panic!("{}", e.render(false)));
    loaded.experiment.machine.cores = 3;
    loaded.experiment.duration = "1s".parse().expect("a duration");
    let plan = rqsim::plan::plan(loaded).unwrap_or_else(|e| panic!("{}", e.plain));
    let record = rqsim::run::run(&plan.loaded, &plan.stages[0], 1, false).record;
    assert_eq!((record.edeadlk_by["abba"], record.oracle.detected, record.oracle.false_positives), (81, 54, 27));
    // How many locks each core owns when one of them is refused.
    let mut owned = [0_u32; 3];
    let mut by_owner_of_both = 0;
    for m in marks(&plan, 0).0 {
        match m.kind {
            MarkKind::Held => owned[m.core] += 1,
            MarkKind::Released => owned[m.core] -= 1,
            MarkKind::Found if owned == [0, 0, 2] || owned == [0, 2, 0] => by_owner_of_both += 1,
            _ => {}
        }
    }
    assert_eq!(by_owner_of_both, 27);
}

/// With patch 3 the one who is told so heads a queue, and nothing of the series keeps it from it.
#[test]
fn on_next_with_patch_3_a_false_abba_verdict_holds_an_nmi_for_good() {
    let scenario = Scenario::run("false-abba-head");
    for s in &scenario.stages {
        assert!(s.record.oracle.cycles_formed.values().all(|n| *n == 0), "{}: nobody is deadlocked", s.name());
        if s.next() && s.has(3) {
            s.hangs_in(1, "queue_path.find_heir");
            assert_eq!((s.ends("nmi"), s.ends("task")), ((0, 0, 0, 1), (3, 0, 0, 1)), "{}: all but core 1's", s.name());
            continue;
        }
        s.ok();
        assert_eq!((s.errors(), s.oracle()), (vec![("abba", 1)], [0, 0, 0, 0, 1, 0, 0]), "{}", s.name());
        let (result, ns) = s.attempt(1, "nmi");
        let check = if s.has(3) { scenario.first_check_of_head() } else { scenario.first_check() };
        assert!(result == "EDEADLK" && check.contains(&ns), "{}: {result} {ns}", s.name());
        assert_eq!(s.ends("task"), (4, 0, 0, 0), "{}", s.name());
    }
}

/// The case that is left. It needs NMIs that queue, so patch 3 makes it; nothing after that ends it before the heads'
/// deadline. Without patch 3 the fallback looks at other cores' tables.
#[test]
fn two_nmis_that_are_not_head_freeze_both_owners_until_the_heads_time_out() {
    let scenario = Scenario::run("two-locks-two-owners");
    for s in &scenario.stages {
        s.ok();
        assert_eq!(s.record.oracle.cycles_formed["ABBA"], 1, "{}", s.name());
        if !s.has(3) {
            assert_eq!((s.errors(), s.oracle()), (vec![("abba", 1)], [1, 0, 0, 0, 0, 0, 0]), "{}", s.name());
            assert_eq!((s.ends("nmi"), s.ends("task")), ((1, 1, 0, 0), (6, 0, 0, 0)));
            let (result, ns) = s.attempt(0, "nmi");
            assert!(result == "EDEADLK" && scenario.first_check().contains(&ns), "{result} {ns}");
            continue;
        }
        assert_eq!(s.errors(), [("flushed", 2), ("head", 2), ("pending", 2)], "{}", s.name());
        assert_eq!((s.ends("nmi"), s.ends("task")), ((0, 0, 2, 0), (2, 0, 4, 0)));
        assert_eq!(s.record.oracle.misses, 4, "the NMIs and the heads; nobody was detected");
        for cpu in [0, 1] {
            // The NMIs came 6 and 8 us after the heads, whose deadline it is.
            let (_, ns) = s.attempt(cpu, "nmi");
            let of = scenario.head_timeout();
            assert!((of.start - 10_000..of.end).contains(&ns), "{ns}");
        }
        for cpu in [2, 4] {
            let (result, ns) = s.attempt(cpu, "task");
            assert!(result == "ETIMEDOUT" && scenario.short_timeout().contains(&ns), "{result} {ns}");
        }
        for cpu in [3, 5] {
            let (result, ns) = s.attempt(cpu, "task");
            assert!(result == "ETIMEDOUT" && scenario.head_timeout().contains(&ns), "{result} {ns}");
        }
    }
}

/// Heads check for ABBA. On bpf-next that is what loses both cores, with the whole series.
#[test]
fn two_nmis_that_are_heads_find_the_deadlock_and_on_next_never_return() {
    let scenario = Scenario::run("two-locks-two-heads");
    for s in &scenario.stages {
        assert_eq!(s.record.oracle.cycles_formed["ABBA"], 1, "{}", s.name());
        if s.next() && s.has(3) {
            s.hangs_in(0, "queue_path.find_heir");
            s.hangs_in(1, "queue_path.find_heir");
            assert_eq!((s.ends("nmi"), s.ends("task")), ((0, 0, 0, 2), (2, 0, 2, 0)), "{}", s.name());
            continue;
        }
        s.ok();
        assert_eq!((s.errors(), s.oracle()), (vec![("abba", 1)], [1, 0, 0, 0, 0, 0, 0]), "{}", s.name());
        assert_eq!((s.ends("nmi"), s.ends("task")), ((1, 1, 0, 0), (4, 0, 0, 0)), "{}", s.name());
        let (result, ns) = s.attempt(0, "nmi");
        let check = if s.has(3) { scenario.first_check_of_head() } else { scenario.first_check() };
        assert!(result == "EDEADLK" && check.contains(&ns), "{}: {result} {ns}", s.name());
    }
}

/// Whoever wants one of the locks later is the heir of the NMI that heads its queue: here both come after 300 ms.
#[test]
fn a_later_attempt_on_either_lock_frees_its_head() {
    let preset = configs::presets::experiment_text("two-locks-two-heads.ron").expect("it is embedded");
    let late = |cpu: u32, lock: &str| {
        format!("(on: Cpus([{cpu}]), body: [Work(Fixed(\"300ms\")), Critical(lock: \"{lock}\", body: [])]),")
    };
    let text = preset.replace("tasks: [", &format!("tasks: [{}{}", late(4, "b"), late(5, "a")));
    assert_ne!(text, preset);
    let loaded = configs::parse(&text, "heirs").unwrap_or_else(|e| panic!("{}", e.render(false)));
    let plan = rqsim::plan::plan(loaded).unwrap_or_else(|e| panic!("{}", e.plain));
    for stage in plan.stages.iter().filter(|s| ["next +1-3", "next +1-4", "next +1-5", "next 1+3"].contains(&&*s.name))
    {
        let record = rqsim::run::run(&plan.loaded, stage, 1, false).record;
        assert_eq!((record.status.as_str(), record.edeadlk_by["abba"]), ("ok", 2), "{}", record.stage);
        let longest = record.handlers["nmi"].longest_ns;
        assert!((299 * MS..301 * MS).contains(&longest), "{}: {longest}", record.stage);
        assert_eq!(record.contexts["task"].held, 2 + 2, "the owners and the heirs");
    }
}

#[test]
fn a_deadlock_of_three_locks_is_ended_by_a_deadline_at_every_stage() {
    let scenario = Scenario::run("three-locks");
    for s in &scenario.stages {
        s.ok();
        assert_eq!(s.record.oracle.cycles_formed["3-lock"], 1, "{}", s.name());
        // All three began within a few misses of each other. One deadline is enough; how many more pass before the lock has
        // gone round is a matter of nanoseconds.
        let (held, _, timed_out, _) = s.ends("task");
        assert!((1..=3).contains(&timed_out) && held == 6 - timed_out, "{}: {timed_out}", s.name());
        assert_eq!((s.errors(), s.record.oracle.detected), (vec![("pending", timed_out)], 0));
        let of = scenario.short_timeout();
        assert!(s.record.worst[..3].iter().all(|w| of.contains(&w.lasted_ns)), "{:?}", &s.record.worst[..3]);
    }
}
