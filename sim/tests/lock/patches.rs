// SPDX-License-Identifier: MIT OR Apache-2.0
//! What each patch changes, shown in the smallest scenario that shows it.

use reports::Record;
use sim_core::isa::{ContextKind, MarkKind, WaitKind};

use crate::support::{BASES, CHECK_CYCLES, Lab, PER_NS, Ran};

/// An NMI on core 0 at this time.
fn nmi_after(time: &str) -> String {
    format!(
        "(name: \"once\", vector: Nmi, handler: \"nmi\", on: Cpus([0]),
          source: Periodic(rate: \"1/s\", phase: At(\"{time}\")))"
    )
}

/// Core 0 owns the lock for 20 us; after 5 us an NMI on it wants the lock too.
fn nmi_over_the_owner() -> Lab {
    Lab { interrupts: nmi_after("5us"), ..Lab::default() }
        .task(0, "Critical(lock: \"a\", body: [Work(Fixed(\"20us\"))])")
}

/// Core 1 owns the lock for 1 ms, core 2 is its pending waiter; core 0 only computes when the NMI comes, at 10 us.
fn nmi_over_nobody() -> Lab {
    Lab { cores: 4, interrupts: nmi_after("10us"), ..Lab::default() }
        .task(0, "Work(Fixed(\"3ms\"))")
        .task(1, "Critical(lock: \"a\", body: [Work(Fixed(\"1ms\"))])")
        .task(2, "Work(Fixed(\"2us\")), Critical(lock: \"a\", body: [Work(Fixed(\"100us\"))])")
}

/// Core 1 owns the lock for 10 ms and core 0 is its pending waiter when the NMI comes.
fn nmi_over_the_pending_waiter() -> Lab {
    Lab { interrupts: nmi_after("10us"), ..Lab::default() }
        .task(0, "Work(Fixed(\"2us\")), Critical(lock: \"a\", body: [Work(Fixed(\"10ns\"))])")
        .task(1, "Critical(lock: \"a\", body: [Work(Fixed(\"10ms\"))])")
}

/// Duration of the only attempt of an NMI.
#[track_caller]
fn nmi_ns(record: &Record) -> u64 {
    assert_eq!(record.contexts["nmi"].attempts, 1);
    record.contexts["nmi"].attempt_ns.max().expect("it has ended")
}

/// EDEADLKs by the oracle: on a cycle, before a wait that would have closed one, neither.
fn verdicts(record: &Record) -> (u64, u64, u64) {
    (record.oracle.detected, record.oracle.avoided, record.oracle.false_positives)
}

/// How often contexts of this kind on core 0 made a mark of this kind with this second argument, if one is given.
fn marks(ran: &Ran, kind: MarkKind, second: Option<WaitKind>) -> usize {
    let wanted = second.map(|w| w as u64);
    let nmis = ran.machine.probe.last_marks().filter(|m| m.core == 0 && m.kind == kind);
    nmis.filter(|m| wanted.is_none_or(|w| m.args[1] == w)).count()
}

/// Base: the first run of the deadline routine, at iteration 1, only sets the deadline. The AA check comes with the
/// second, 65,536 iterations of 151 cycles (2.474 ms) later. The two runs of the routine add less than 3 us: its lines
/// come from memory once.
#[test]
fn base_finds_aa_after_65536_iterations() {
    for base in BASES {
        let record = nmi_over_the_owner().with(base, &[]).ok();
        assert_eq!(record.edeadlk_by["aa_periodic"], 1);
        let by_hand = CHECK_CYCLES / PER_NS;
        assert_eq!(by_hand, 2_473_984);
        let latency = record.oracle.latency_by["aa_periodic"].max().unwrap_or(0);
        assert!((by_hand..by_hand + 3_000).contains(&latency), "{latency}");
    }
}

/// A check never comes before the interval of 1 ms either: with looks every 256 iterations (38,656 cycles = 9.664 us
/// and the routine) the 104th after the first is the first one beyond it, and none before checks.
#[test]
fn base_does_not_check_before_a_millisecond_has_gone() {
    let record = Lab { params: "\"check_mask\": 255", ..nmi_over_the_owner() }.ok();
    assert_eq!(record.edeadlk_by["aa_periodic"], 1);
    let latency = record.oracle.latency_by["aa_periodic"].max().unwrap_or(0);
    assert!((1_000_000..1_000_000 + 12_000).contains(&latency), "{latency}");
}

/// Patch 2: the AA check is the first thing of a wait. The error costs no look at the clock, whose line is not even
/// fetched, and comes a thousand times sooner.
#[test]
fn immediate_aa_finds_aa_at_once_and_without_the_clock() {
    for base in BASES {
        let record = nmi_over_the_owner().with(base, &["immediate_aa"]).ok();
        assert_eq!(record.edeadlk_by["aa_begin"], 1);
        assert_eq!(record.oracle.detected, 1);
        assert!(nmi_ns(&record) < 500, "{}", nmi_ns(&record));
        assert_eq!(record.traffic.by_line["time"].messages, 0);
        let before = nmi_over_the_owner().with(base, &[]).ok();
        assert!(before.traffic.by_line["time"].messages > 0);
    }
}

/// Patch 3: an NMI that finds the lock busy queues if its core has no queue node in use; before, it always tried and
/// tried in the fallback. Here the queue is empty, so both take the lock when core 2 has released it.
#[test]
fn queue_in_nmi_lets_an_nmi_queue() {
    for base in BASES {
        for (patches, queues) in [(&[][..], 0), (&["queue_in_nmi"][..], 1)] {
            let lab = nmi_over_nobody().with(base, patches);
            let plan = lab.plan();
            let ran = Ran::new(&plan, &plan.stages[0], 1);
            assert!(ran.finding.is_none());
            assert_eq!(marks(&ran, MarkKind::Queued, None), queues, "{patches:?}");
            assert_eq!(marks(&ran, MarkKind::Wait, Some(WaitKind::Fallback)), 1 - queues, "{patches:?}");
            assert_eq!(lab.ok().contexts["nmi"].held, 1);
        }
    }
}

/// ... and goes to the fallback if its core's task is in the queue, here behind core 1 and core 2.
#[test]
fn queue_in_nmi_leaves_an_nmi_over_a_queued_task_to_the_fallback() {
    let mut lab = nmi_over_nobody().with("6.17", &["queue_in_nmi", "try_once"]);
    lab.tasks = lab
        .tasks
        .replace("Work(Fixed(\"3ms\"))", "Work(Fixed(\"4us\")), Critical(lock: \"a\", body: [Work(Fixed(\"10ns\"))])");
    let record = lab.ok();
    assert_eq!(record.edeadlk_by["try_once"], 1);
    // Its own task would have to leave the queue first; it never waited for that, so no cycle formed.
    assert_eq!(verdicts(&record), (0, 1, 0));
    assert_eq!(record.contexts["task"].held, 3);
}

/// Patch 4: the fallback is one try. Over nobody it gives up a lock it could have waited for: the oracle sees no cycle.
/// (A fifth nested attempt of one core ends there too: `nodes.rs`.)
#[test]
fn try_once_gives_up_at_once() {
    for base in BASES {
        let record = nmi_over_nobody().with(base, &["try_once"]).ok();
        assert_eq!(record.edeadlk_by["try_once"], 1);
        assert_eq!(verdicts(&record), (0, 0, 1));
        assert!(nmi_ns(&record) < 500, "{}", nmi_ns(&record));

        let record = nmi_over_nobody().with(base, &[]).ok();
        assert!((1_000_000..1_200_000).contains(&nmi_ns(&record)), "it waits for core 1 and core 2");
    }
}

/// Without patch 5 an NMI over the pending waiter queues: it heads the queue and waits for its own core's pending bit
/// until a check finds that out. With it, the check comes before anything is touched.
#[test]
fn aa_before_queue_keeps_an_nmi_over_the_pending_waiter_out_of_the_queue() {
    // On 6.17: with patch Q the head that finds the deadlock would wait for an heir.
    let lab = nmi_over_the_pending_waiter().with("6.17", &["queue_in_nmi"]);
    let plan = lab.plan();
    let ran = Ran::new(&plan, &plan.stages[0], 1);
    assert!(marks(&ran, MarkKind::Queued, None) > 0);
    let record = lab.ok();
    assert_eq!(record.edeadlk_by["aa_periodic"], 1);
    assert!(nmi_ns(&record) > 2_400_000);
    for base in BASES {
        for patches in [&["queue_in_nmi", "aa_before_queue"][..], &["enclose", "queue_in_nmi", "aa_before_queue"]] {
            let lab = nmi_over_the_pending_waiter().with(base, patches);
            let plan = lab.plan();
            let ran = Ran::new(&plan, &plan.stages[0], 1);
            assert!(ran.finding.is_none());
            assert_eq!(marks(&ran, MarkKind::Queued, None), 0);
            assert_eq!(ran.machine.probe.handlers[ContextKind::Nmi as usize].begun, 1);
            let record = lab.ok();
            assert_eq!(record.edeadlk_by["aa_before_queue"], 1, "{patches:?}");
            assert_eq!(verdicts(&record), (0, 1, 0));
            assert!(nmi_ns(&record) < 500, "{}", nmi_ns(&record));
        }
    }
}

/// The same over the owner, with a pending waiter on core 1 that sends the NMI to the queue part.
#[test]
fn aa_before_queue_keeps_an_nmi_over_the_owner_out_of_the_queue() {
    let lab =
        nmi_over_the_owner().task(1, "Work(Fixed(\"2us\")), Critical(lock: \"a\", body: [Work(Fixed(\"10ns\"))])");
    for base in BASES {
        let record = lab.with(base, &["queue_in_nmi", "aa_before_queue"]).ok();
        assert_eq!(record.edeadlk_by["aa_before_queue"], 1);
        assert_eq!(verdicts(&record), (0, 1, 0));
    }
}
