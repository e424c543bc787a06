// SPDX-License-Identifier: MIT OR Apache-2.0
//! Task, soft, maskable and non-maskable contexts on top of each other, each waiting for a lock of its own.

use crate::support::Lab;

/// Core 0 owns a, b and c and gives them back in the reverse order after 3 ms, each 1 ms later. Core 1 has a
/// timer interrupt at 100 us, whose soft interrupt waits for a; in it another interrupt, which waits for b; in that an
/// NMI, which waits for c.
fn lab() -> Lab {
    Lab {
        tasks: r#"(on: Cpus([0]), body: [Lock("a"), Lock("b"), Lock("c"), Work(Fixed("3ms")), Unlock("c"),
                    Work(Fixed("1ms")), Unlock("b"), Work(Fixed("1ms")), Unlock("a")]),
                  (on: Cpus([1]), body: [Work(Fixed("1ms")), Critical(lock: "a", body: [])])"#,
        handlers: r#""timer": [Raise("soft")], "soft": [Critical(lock: "a", body: [])],
                     "hard": [Critical(lock: "b", body: [])], "nmi": [Critical(lock: "c", body: [])]"#,
        interrupts: r#"(name: "soft", vector: Softirq, handler: "soft", source: Sent),
            (name: "timer", vector: Timer, handler: "timer", on: Cpus([1]), source: Periodic(rate: "1/s", phase: At("100us"))),
            (name: "hard", vector: Irq(priority: 3), handler: "hard", on: Cpus([1]),
                source: Periodic(rate: "1/s", phase: At("200us"))),
            (name: "nmi", vector: Nmi, handler: "nmi", on: Cpus([1]), source: Periodic(rate: "1/s", phase: At("300us")))"#
            .into(),
        duration: "10ms",
        ..Lab::default()
    }
}

#[test]
fn all_four_kinds_of_context_wait_at_once_and_each_gets_its_lock() {
    let record = lab().ok();
    for (kind, attempts) in [("task", 4), ("softirq", 1), ("hardirq", 1), ("nmi", 1)] {
        let c = &record.contexts[kind];
        assert_eq!((c.attempts, c.held), (attempts, attempts), "{kind}");
    }
    // The timer's handler, and the one in the soft interrupt's.
    assert_eq!(record.handlers["hardirq"].count, 2);
    // Inner ones first: the NMI waited from 300 us to 3 ms, the hard one from 200 us to 4 ms, the soft one from 100 us to 5 ms.
    let longest = |kind: &str| record.handlers[kind].longest_ns / 1_000;
    assert_eq!(["nmi", "hardirq", "softirq"].map(|k| longest(k) / 100), [27, 38, 49]);
}

#[test]
fn records_without_soft_interrupts_do_not_speak_of_them() {
    let plain = Lab { interrupts: String::new(), ..lab() };
    let plain = Lab { handlers: "", ..plain }.ok();
    assert!(!plain.contexts.contains_key("softirq") && !plain.handlers.contains_key("softirq"));
}

/// A maskable handler waits for a from 0.1 ms on, with 5 ms to go; at 4 ms one of a higher priority interrupts it and waits
/// for b until 7 ms. Each has a deadline of its own: the outer one's is over at its next look at the clock. It looks
/// every 2.47 ms of its own time (65,536 iterations): at 0.1, 2.6 and 5.0 + 3.0 (interrupted) = 8.0 ms, before a is free.
#[test]
fn a_maskable_handler_that_interrupts_another_has_its_own_deadline() {
    let nested = Lab {
        params: "\"pending_timeout\": \"5ms\"",
        tasks: r#"(on: Cpus([0]), body: [Lock("a"), Lock("b"), Work(Fixed("7ms")), Unlock("b"),
                    Work(Fixed("3ms")), Unlock("a")])"#,
        handlers: r#""low": [IrqOn([Critical(lock: "a", body: [])])], "high": [Critical(lock: "b", body: [])]"#,
        interrupts: r#"(name: "low", vector: Irq(priority: 3), handler: "low", on: Cpus([1]),
                source: Periodic(rate: "1/s", phase: At("100us"))),
            (name: "high", vector: Irq(priority: 9), handler: "high", on: Cpus([1]),
                source: Periodic(rate: "1/s", phase: At("4ms")))"#
            .into(),
        duration: "12ms",
        ..Lab::default()
    };
    let record = nested.ok();
    let c = &record.contexts["hardirq"];
    assert_eq!((c.attempts, c.held, c.etimedout), (2, 1, 1));
    assert_eq!(record.timeouts_by["pending"], 1);
    let low = record.handlers["hardirq"].longest_ns / 100_000;
    assert_eq!(low, 79, "from 0.1 to 8.0 ms");
    // The same priority does not interrupt: the other one comes when a's handler has returned, having timed out by itself.
    let equal = Lab { interrupts: nested.interrupts.replace("priority: 9", "priority: 3"), ..nested };
    let record = equal.ok();
    let c = &record.contexts["hardirq"];
    assert_eq!((c.attempts, c.held, c.etimedout), (2, 1, 1));
    // It looks at 0.1, 2.6, 5.05 (just too early) and 7.5 ms.
    assert_eq!(record.handlers["hardirq"].longest_ns / 100_000, 74);
}
