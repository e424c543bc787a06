// SPDX-License-Identifier: MIT OR Apache-2.0
//! The numbers of a record, in scenarios small enough to count them by hand.

use std::collections::BTreeMap;

use crate::support::Lab;

/// Every key of a map with a count other than zero.
fn nonzero(map: &BTreeMap<String, u64>) -> Vec<(&str, u64)> {
    map.iter().filter(|(_, n)| **n > 0).map(|(k, n)| (k.as_str(), *n)).collect()
}

/// Core 0 owns the lock for 3 ms of own time. Core 1 comes after 10 us and waits as the pending waiter. After 1 ms
/// an NMI on core 0 wants the lock, and is refused at once (patch 2). So: three attempts, one EDEADLK, one deadlock,
/// and core 1 stuck for 3 ms and the NMI, less 10 us.
#[test]
fn one_wait_and_one_refused_nmi_are_counted() {
    let mut lab = Lab::default()
        .task(0, "Critical(lock: \"a\", body: [Work(Fixed(\"3ms\"))])")
        .task(1, "Work(Fixed(\"10us\")), Critical(lock: \"a\", body: [Work(Fixed(\"10ns\"))])")
        .with("6.17", &["immediate_aa"]);
    lab.interrupts = "(name: \"once\", vector: Nmi, handler: \"nmi\", on: Cpus([0]),
        source: Periodic(rate: \"1/s\", phase: At(\"1ms\")))"
        .into();
    lab.duration = "10ms";
    let r = lab.ok();
    let (task, nmi) = (&r.contexts["task"], &r.contexts["nmi"]);
    assert_eq!((task.attempts, task.held, task.edeadlk, task.etimedout, task.unfinished), (2, 2, 0, 0, 0));
    assert_eq!((nmi.attempts, nmi.held, nmi.edeadlk, nmi.etimedout, nmi.unfinished), (1, 0, 1, 0, 0));
    assert_eq!(r.contexts["hardirq"].attempts, 0);
    assert_eq!(nonzero(&r.edeadlk_by), [("aa_begin", 1)]);
    assert_eq!(nonzero(&r.timeouts_by), []);
    assert_eq!(nonzero(&r.oracle.cycles_formed), [("AA", 1)]);
    let o = &r.oracle;
    assert_eq!((o.detected, o.false_positives, o.misses, o.timeouts_outside_cycle), (1, 0, 0, 0));
    assert_eq!(o.latency_by["aa_begin"].count(), 1);

    // One NMI; it takes its entry (715 cycles), the attempt and its exit (330 cycles). The exit waits for the stores,
    // and that of the wait's deadline, made in the attempt, has to get its line from memory (65 ns).
    let h = &r.handlers["nmi"];
    assert_eq!((h.count, h.coalesced, h.duration_ns.count()), (1, 0, 1));
    assert_eq!(h.duration_ns.max(), Some(h.longest_ns));
    let around = (715 + 330) / 4;
    let attempt = nmi.attempt_ns.max().unwrap_or(0);
    assert!((attempt + around..attempt + around + 75).contains(&h.longest_ns), "{attempt} in {}", h.longest_ns);

    // Stuck: core 1's attempt and nothing else; it is also the worst.
    let waited = 3_000_000 + h.longest_ns - 10_000;
    assert!((waited..waited + 500).contains(&r.stuck_ns), "{} of {waited}", r.stuck_ns);
    let worst = &r.worst[0];
    assert_eq!((worst.cpu, worst.context.as_str(), worst.lock.as_str()), (1, "task", "a"));
    assert_eq!((worst.lasted_ns, worst.result.as_str()), (r.stuck_ns, "held"));
    assert_eq!(worst.interrupted_at, None);
    assert_eq!(r.worst.len(), 3);
    assert_eq!((r.simulated_ns, r.end_ns), (10_000_000, 10_000_000));
}

/// Core 0 owns the lock for 1 ms. Core 1 is its pending waiter; core 2 heads the queue and gives up after 100 us;
/// cores 3 and 4 are queued behind it and are told to give up with it. No cycle anywhere, and nobody over 1 ms.
#[test]
fn a_head_that_times_out_and_the_two_it_flushes_are_counted() {
    let after = |us: u32| format!("Work(Fixed(\"{us}us\")), Critical(lock: \"a\", body: [Work(Fixed(\"10ns\"))])");
    let mut lab = Lab { cores: 6, params: "\"head_timeout\": \"100us\", \"check_mask\": 15", ..Lab::default() }
        .task(0, "Critical(lock: \"a\", body: [Work(Fixed(\"1ms\"))])");
    for (cpu, us) in [(1, 10), (2, 20), (3, 30), (4, 40)] {
        lab = lab.task(cpu, &after(us));
    }
    for patches in [&[][..], &["enclose"], &["immediate_aa"], &["aa_before_queue"]] {
        for base in ["6.17", "bpf-next"] {
            let r = lab.with(base, patches).ok();
            let task = &r.contexts["task"];
            assert_eq!((task.attempts, task.held, task.edeadlk, task.etimedout), (5, 2, 0, 3));
            assert_eq!(nonzero(&r.timeouts_by), [("flushed", 2), ("head", 1)]);
            assert_eq!(nonzero(&r.edeadlk_by), []);
            let o = &r.oracle;
            assert_eq!((o.detected, o.false_positives, o.misses, o.timeouts_outside_cycle), (0, 0, 0, 3));
            assert_eq!(nonzero(&o.cycles_formed), []);
            assert_eq!(r.stuck_ns, 0);
            // From the back: 4 waited 80 us, 3 90 us, 2 100 us, 1 990 us; looks are 2.4 us apart.
            let lasted: Vec<u64> = r.worst.iter().map(|w| w.lasted_ns / 10_000).collect();
            assert_eq!(lasted, [99, 10, 9, 8, 0]);
            assert_eq!(r.worst.iter().map(|w| w.cpu).collect::<Vec<_>>(), [1, 2, 3, 4, 0]);
        }
    }
}

/// Two cores stuck at the same time count once: cores 1 and 2 wait for 2 ms, of which 1.9 ms together.
#[test]
fn time_in_which_two_cores_are_stuck_counts_once() {
    let lab = Lab { cores: 3, ..Lab::default() }
        .task(0, "Critical(lock: \"a\", body: [Work(Fixed(\"2100us\"))])")
        .task(1, "Work(Fixed(\"100us\")), Critical(lock: \"a\", body: [Work(Fixed(\"10ns\"))])")
        .task(2, "Work(Fixed(\"200us\")), Critical(lock: \"a\", body: [Work(Fixed(\"10ns\"))])");
    let r = lab.ok();
    assert_eq!(r.contexts["task"].held, 3);
    assert!(r.worst[0].lasted_ns / 1_000 == 2_000 && r.worst[1].lasted_ns / 1_000 == 1_900, "{:?}", r.worst);
    let both = 2_000_000..2_002_000;
    assert!(both.contains(&r.stuck_ns), "{}", r.stuck_ns);
    // The run ends when core 2, the last one, has released.
    let got = r.worst[1].began_ns + r.worst[1].lasted_ns;
    assert!((got + 10..got + 1_000).contains(&r.end_ns), "{} after {got}", r.end_ns);
}

/// Two locks taken in either order by two cores: one of them sees the cycle, the other one gets its lock.
#[test]
fn an_abba_deadlock_is_counted_once() {
    let nested = |first: &str, second: &str| {
        format!(
            "Critical(lock: \"{first}\", body: [Work(Fixed(\"5us\")), Critical(lock: \"{second}\", body: [Work(Fixed(\"10ns\"))])])"
        )
    };
    let r =
        Lab::default().task(0, &nested("a", "b")).task(1, &format!("Work(Fixed(\"1us\")), {}", nested("b", "a"))).ok();
    assert_eq!((r.contexts["task"].attempts, r.contexts["task"].held), (4, 3));
    assert_eq!(nonzero(&r.edeadlk_by), [("abba", 1)]);
    assert_eq!(nonzero(&r.oracle.cycles_formed), [("ABBA", 1)]);
    assert_eq!((r.oracle.detected, r.oracle.false_positives), (1, 0));
    let latency = r.oracle.latency_by["abba"].max().unwrap_or(0);
    assert!((2_470_000..2_480_000).contains(&latency), "65,536 iterations after core 0 began, 1 us before: {latency}");
}
