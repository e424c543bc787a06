// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bodies at the trace points of the queue part.

use crate::support::{Lab, word};

/// Four cores on two locks in both orders: deadlocks, hence error exits, and bodies that only count.
const COUNTING: &str = r#"hooks: {"contention_begin": [Add("x")], "contention_end": [Add("x.y")]},"#;

fn crossing() -> Lab {
    Lab {
        cores: 6,
        params: "\"check_mask\": 15, \"check_interval\": \"10us\", \"head_timeout\": \"90us\", \"pending_timeout\": \"50us\"",
        tasks: r#"(on: Stride(first: 0, step: 2), body: [Loop(times: 30, body: [Critical(lock: "a", body: [
                    Critical(lock: "b", body: [Work(Fixed("1us"))])])])]),
                  (on: Stride(first: 1, step: 2), body: [Loop(times: 30, body: [Critical(lock: "b", body: [
                    Critical(lock: "a", body: [Work(Fixed("1us"))])])])])"#,
        more: COUNTING,
        ..Lab::default()
    }
}

static SERIES: [&str; 5] = ["enclose", "immediate_aa", "queue_in_nmi", "try_once", "aa_before_queue"];

#[test]
fn every_beginning_has_its_end_on_every_exit() {
    let (mut deadlocks, mut timeouts) = (0, 0);
    // On bpf-next some of these runs hang with a head that waits for an heir nobody will be: the preset lost-heir.
    for patches in [&SERIES[..0], &SERIES[..2], &SERIES[..]] {
        let lab = Lab { patches, ..crossing() };
        let record = lab.ok();
        deadlocks += record.contexts["task"].edeadlk;
        timeouts += record.contexts["task"].etimedout;
        let m = lab.machine();
        assert!(word(&m, 0) > 20, "{} entered the queue part", word(&m, 0));
        assert_eq!(word(&m, 0), word(&m, 64), "{patches:?}");
    }
    assert!(deadlocks > 0 && timeouts > 0, "{deadlocks} {timeouts}");
}

/// The first who waits is the pending waiter, whether it gets the lock (core 1) or an error (the NMI over core 0, the owner
/// of b); and an attempt that the AA check turns away before it queues has not begun to (the NMI over core 2).
#[test]
fn what_does_not_queue_fires_no_hook() {
    let lab = Lab {
        cores: 4,
        tasks: r#"(on: Cpus([0]), body: [Critical(lock: "a", body: [Work(Fixed("20us"))]),
                    Critical(lock: "b", body: [Work(Fixed("100us"))])]),
                  (on: Cpus([1]), body: [Work(Fixed("10us")), Critical(lock: "a", body: [])])"#,
        handlers: r#""nmi": [Critical(lock: "b", body: [])]"#,
        more: COUNTING,
        ..Lab::default()
    };
    let nmi =
        r#"(name: "n", vector: Nmi, handler: "nmi", on: Cpus([0]), source: Periodic(rate: "1/s", phase: At("80us")))"#;
    let pending = Lab { interrupts: nmi.into(), ..lab.clone() };
    let turned_away = Lab {
        patches: &["aa_before_queue"],
        tasks: r#"(on: Cpus([0]), body: [Critical(lock: "b", body: [Work(Fixed("100us"))])]),
                  (on: Cpus([1]), body: [Work(Fixed("10us")), Critical(lock: "b", body: [])])"#,
        ..pending.clone()
    };
    for (what, lab, held, edeadlk) in [
        ("pending, rqspinlock", pending, 3, 1),
        ("turned away", turned_away, 2, 1),
        ("pending, qspinlock", Lab { program: "qspinlock", ..lab }, 3, 0),
    ] {
        let record = lab.ok();
        assert_eq!((record.contexts["task"].held, record.contexts["nmi"].edeadlk), (held, edeadlk), "{what}");
        let m = lab.machine();
        assert_eq!((word(&m, 0), word(&m, 64)), (0, 0), "{what}");
    }
}

/// A head that times out and the two it flushes leave by the unwinding; nobody queued gets the lock.
#[test]
fn the_unwinding_fires_both_hooks() {
    let lab = Lab {
        cores: 6,
        params: r#""head_timeout": "100us", "check_mask": 15"#,
        tasks: r#"(on: Cpus([0]), body: [Critical(lock: "a", body: [Work(Fixed("1ms"))])]),
                  (on: Cpus([1]), body: [Work(Fixed("10us")), Critical(lock: "a", body: [])]),
                  (on: Cpus([2]), body: [Work(Fixed("20us")), Critical(lock: "a", body: [])]),
                  (on: Range(first: 3, last: 4), body: [Work(Fixed("30us")), Critical(lock: "a", body: [])])"#,
        more: COUNTING,
        duration: "5ms",
        ..Lab::default()
    };
    let record = lab.ok();
    assert_eq!((record.timeouts_by["head"], record.timeouts_by["flushed"], record.contexts["task"].held), (1, 2, 2));
    let m = lab.machine();
    assert_eq!((word(&m, 0), word(&m, 64)), (3, 3));
}

/// The plain lock has the same trace points; its only way out is success. Core 0 owns the lock while the others come, one
/// pending and five queued.
#[test]
fn the_plain_lock_fires_both_hooks_for_everyone_who_queues() {
    let lab = Lab {
        cores: 8,
        program: "qspinlock",
        tasks: r#"(on: Cpus([0]), body: [Critical(lock: "a", body: [Work(Fixed("20us"))])]),
                  (on: Range(first: 1, last: 6), body: [Work(Fixed("10us")), Critical(lock: "a", body: [])])"#,
        more: COUNTING,
        ..Lab::default()
    };
    assert_eq!(lab.ok().contexts["task"].held, 7);
    let m = lab.machine();
    assert_eq!((word(&m, 0), word(&m, 64)), (5, 5));
}

/// A body at the plain lock's hooks may take another of its locks, with the next queue node.
#[test]
fn a_body_at_the_plain_locks_hooks_may_take_locks() {
    let lab = Lab {
        cores: 6,
        program: "qspinlock",
        tasks: r#"(on: All, body: [Loop(times: 40, body: [Critical(lock: "a", body: [Work(Fixed("200ns"))])])])"#,
        more: r#"hooks: {"contention_begin": [Critical(lock: "b", body: [Work(Fixed("2us")), Load("x"), Store("x")])],
                     "contention_end": [Critical(lock: "c", body: [Add("x.y")])]},"#,
        ..Lab::default()
    };
    let record = lab.ok();
    let m = lab.machine();
    let (begins, ends) = (word(&m, 0), word(&m, 64));
    assert!(begins > 10 && ends > 0, "{begins} {ends}");
    assert_eq!(record.contexts["task"].attempts, 6 * 40 + begins + ends);
    assert_eq!(record.contexts["task"].held, 6 * 40 + begins + ends);
}

/// The NMI attempts a lock of its own core, in the fallback or (patch 4) with one try: both fail, and both fire.
#[test]
fn the_fallback_fires_both_hooks() {
    for patches in [&[][..], &["try_once"]] {
        let lab = Lab {
            patches,
            params: "\"fallback_timeout\": \"1ms\"",
            tasks: r#"(on: Cpus([0]), body: [Critical(lock: "a", body: [Work(Fixed("100us"))])]),
                      (on: Cpus([1]), body: [Work(Fixed("10us")), Critical(lock: "a", body: [])])"#,
            handlers: r#""nmi": [Critical(lock: "a", body: [])]"#,
            interrupts: r#"(name: "n", vector: Nmi, handler: "nmi", on: Cpus([0]), source: Periodic(rate: "1/s", phase: At("50us")))"#
                .into(),
            more: COUNTING,
            ..Lab::default()
        };
        assert_eq!(lab.ok().contexts["nmi"].held, 0);
        let m = lab.machine();
        assert_eq!((word(&m, 0), word(&m, 64)), (1, 1), "{patches:?}");
    }
}

/// The body takes a lock of the same kind, whose queue part has the same hook: it is not started again on this core.
#[test]
fn a_body_may_take_locks_and_is_not_started_within_itself() {
    let lab = Lab {
        cores: 6,
        tasks: r#"(on: All, body: [Loop(times: 40, body: [Critical(lock: "a", body: [Work(Fixed("200ns"))])])])"#,
        more: r#"hooks: {"contention_begin": [Critical(lock: "b", body: [Work(Fixed("2us")), Load("x"), Store("x")])],
                     "contention_end": [Add("x.y")]},"#,
        ..Lab::default()
    };
    let record = lab.ok();
    let m = lab.machine();
    let bodies = word(&m, 0);
    assert!(bodies > 10, "{bodies}");
    // Attempts of the bodies count for the context they run in.
    assert_eq!(record.contexts["task"].attempts, 6 * 40 + bodies);
    assert_eq!(record.contexts["task"].held, 6 * 40 + bodies);
    // The queue part was entered more often than the body was run: within the body, for b.
    assert!(word(&m, 64) > bodies, "{} entries, {bodies} bodies", word(&m, 64));
    let running = m.program().objects.iter().find(|o| o.name == "hooks").expect("the count is there");
    assert!(
        (0..6).all(|c| m.memory().value(running.addr + c * m.program().percpu_stride, sim_core::isa::Width::U32) == 0)
    );
}

/// A body that takes the very lock at whose queue it runs. Core 2's inner attempt is the head of the queue, finds the outer
/// one in its table (AA) and, with patch Q, hands its place on to core 3's inner one, which does the same and hands on to core 2's outer one.
#[test]
fn a_body_that_takes_the_contended_lock_is_refused_and_keeps_the_queue() {
    let lab = Lab {
        cores: 4,
        base: "bpf-next",
        patches: &["enclose", "immediate_aa"],
        tasks: r#"(on: Cpus([0]), body: [Critical(lock: "a", body: [Work(Fixed("100us"))])]),
                  (on: Cpus([1]), body: [Work(Fixed("5us")), Critical(lock: "a", body: [])]),
                  (on: Cpus([2]), body: [Work(Fixed("10us")), Critical(lock: "a", body: [])]),
                  (on: Cpus([3]), body: [Work(Fixed("20us")), Critical(lock: "a", body: [])])"#,
        more: r#"hooks: {"contention_begin": [Critical(lock: "a", body: [Add("x")])], "contention_end": [Add("x.y")]},"#,
        ..Lab::default()
    };
    let record = lab.ok();
    assert_eq!((record.contexts["task"].held, record.contexts["task"].edeadlk), (4, 2));
    // The outer attempts have not queued yet and own nothing: the inner ones would have got the lock. The table does not
    // tell an attempt from a lock that is held, so the check is wrong here, and the oracle says so.
    assert_eq!((record.edeadlk_by["aa_begin"], record.oracle.false_positives), (2, 2));
    let m = lab.machine();
    // No inner attempt had the lock; both outer and both inner ones left the queue part.
    assert_eq!((word(&m, 0), word(&m, 64)), (0, 4));
}

/// Bodies that take locks at both hooks, and NMIs that attempt the same locks at any time: errors, but nothing broken.
#[test]
fn nmis_over_hooks_that_take_locks_break_nothing() {
    for patches in [&SERIES[..0], &SERIES[..]] {
        let lab = Lab {
            cores: 4,
            patches,
            params: "\"check_mask\": 15, \"check_interval\": \"10us\", \"fallback_timeout\": \"20us\",
                     \"head_timeout\": \"90us\", \"pending_timeout\": \"50us\"",
            tasks: r#"(on: All, body: [Forever([Critical(lock: "a", body: [Work(Exp("1us"))])])])"#,
            handlers: r#""nmi": [Critical(lock: "a", body: []), Critical(lock: "b", body: [])]"#,
            interrupts: r#"(name: "n", vector: Nmi, handler: "nmi", source: Poisson(rate: "10kHz"))"#.into(),
            more: r#"hooks: {"contention_begin": [Critical(lock: "b", body: [Add("x")])],
                             "contention_end": [Critical(lock: "c", body: [Add("x.y")])]},"#,
            ..Lab::default()
        };
        let record = lab.ok();
        assert!(record.contexts["nmi"].attempts > 40 && record.contexts["nmi"].held < record.contexts["nmi"].attempts);
        let m = lab.machine();
        assert!(word(&m, 0) > 0 && word(&m, 64) > 0, "{patches:?}");
    }
}

#[test]
fn a_hook_the_program_does_not_have_is_refused() {
    let lab = Lab { more: r#"hooks: {"contention_begins": [Add("x")]},"#, ..crossing() };
    let e = rqsim::plan::plan(lab.loaded()).expect_err("no such hook").plain;
    assert!(e.contains("the program has no hook \"contention_begins\""), "{e}");
    assert!(e.contains("did you mean `contention_begin`?") && e.contains("lab.ron:"), "{e}");
}
