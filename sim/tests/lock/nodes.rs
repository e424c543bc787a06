// SPDX-License-Identifier: MIT OR Apache-2.0
//! Four queue nodes per CPU, and a fifth attempt that finds none left.

use rqsim::machine::{Machine, MachineSpec, Outcome};
use sim_core::isa::{MarkKind, Pc, WaitKind};
use sim_core::ports::Probe;
use sim_core::time::Cycle;

use crate::support::Lab;

/// Core 0 owns five locks for 300 ms and gives them back at once, the last one first; cores 1 to 5 are the pending waiters, one of
/// each. On core 6 a task queues for a, and one on top of the other a soft interrupt for b and handlers of rising
/// priority for c, d and e.
fn five_deep(program: &str) -> Lab {
    let mut lab = Lab {
        cores: 7,
        program: format!("Builtin({program:?})"),
        locks: r#""a", "b", "c", "d", "e""#,
        handlers: r#""timer": [Raise("soft")], "soft": [Critical(lock: "b", body: [])],
            "low": [IrqOn([Critical(lock: "c", body: [])])], "middle": [IrqOn([Critical(lock: "d", body: [])])],
            "high": [Critical(lock: "e", body: [])]"#
            .into(),
        interrupts: r#"(name: "soft", vector: Softirq, handler: "soft", source: Sent),"#.into(),
        quiesce: "1s",
        ..Lab::default()
    };
    lab = lab.task(
        0,
        r#"Lock("a"), Lock("b"), Lock("c"), Lock("d"), Lock("e"), Work(Fixed("300ms")),
           Unlock("e"), Unlock("d"), Unlock("c"), Unlock("b"), Unlock("a")"#,
    );
    for (cpu, lock) in [(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "e")] {
        lab = lab.task(cpu, &format!("Work(Fixed(\"10us\")), Critical(lock: \"{lock}\", body: [])"));
    }
    lab = lab.task(6, "Work(Fixed(\"20us\")), Critical(lock: \"a\", body: [])");
    for (name, vector, us) in [
        ("timer", "Timer", 100),
        ("low", "Irq(priority: 3)", 200),
        ("middle", "Irq(priority: 5)", 300),
        ("high", "Irq(priority: 9)", 400),
    ] {
        lab.interrupts += &format!(
            "(name: \"{name}\", vector: {vector}, handler: \"{name}\", on: Cpus([6]),
              source: Periodic(rate: \"1/s\", phase: At(\"{us}us\"))),"
        );
    }
    lab
}

/// How often core 6 queued, and how often it went to the fallback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Joined {
    queued: u64,
    fallback: u64,
}

impl Probe for Joined {
    fn mark(&mut self, _: Cycle, core: usize, kind: MarkKind, args: [u64; 3], _: Pc) {
        let of_6 = |it: bool| u64::from(core == 6 && it);
        self.queued += of_6(kind == MarkKind::Queued && args[2] != 0);
        self.fallback += of_6(kind == MarkKind::Wait && args[1] == WaitKind::Fallback as u64);
    }
}

fn joined(lab: &Lab) -> Joined {
    let plan = lab.plan();
    let spec = MachineSpec { seed: 1, ..plan.stages[0].spec.clone() };
    let mut machine = Machine::new(&spec, Joined::default());
    assert_eq!(machine.run_until(spec.stop_at.after(4_000_000_000)), Outcome::Idle);
    machine.probe
}

/// The plain lock waits there for as long as it takes.
#[test]
fn the_plain_lock_falls_back_at_the_fifth_attempt_and_waits_without_limit() {
    let lab = five_deep("qspinlock");
    let record = lab.ok();
    assert_eq!((record.contexts["hardirq"].attempts, record.contexts["hardirq"].held), (3, 3));
    assert_eq!((record.contexts["softirq"].held, record.contexts["task"].held), (1, 11));
    assert_eq!(joined(&lab), Joined { queued: 4, fallback: 1 });
    assert!(record.contexts["hardirq"].attempt_ns.max().is_some_and(|ns| ns > 299_000_000));
}

/// With patch 4 there is one try, in whatever context.
#[test]
fn with_try_once_the_fifth_attempt_gives_up_at_once() {
    let record = five_deep("rqspinlock").with("6.17", &["try_once"]).ok();
    let hard = &record.contexts["hardirq"];
    assert_eq!((record.edeadlk_by["try_once"], hard.edeadlk, hard.held), (1, 1, 2));
}

/// The resilient one has a deadline of 250 ms there, as its pending waiters have.
#[test]
fn the_resilient_lock_falls_back_at_the_fifth_attempt_and_times_out() {
    let lab = five_deep("rqspinlock");
    let record = lab.ok();
    assert_eq!(record.timeouts_by["fallback"], 1);
    assert_eq!(record.timeouts_by["pending"], 5);
    let hard = &record.contexts["hardirq"];
    assert_eq!((hard.attempts, hard.etimedout, hard.held), (3, 1, 2));
    assert_eq!(joined(&lab), Joined { queued: 4, fallback: 1 });
}
