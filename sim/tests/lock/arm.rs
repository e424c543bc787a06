// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lock on an arm64 machine: waits end by an event or by the timer's event stream, which ticks every 100 us on all
//! cores at once, and the deadline routine runs at every wake-up. So the first deadlock check comes at the first tick more
//! than 1 ms after the wait began.

use std::collections::BTreeMap;

use lock_impl::programs::embedded;
use rqsim::machine::{Machine, MachineSpec};
use sim_core::asm::{Options, assemble, listing};
use sim_core::isa::{MarkKind, Pc};
use sim_core::ports::Probe;
use sim_core::time::Cycle;

use crate::support::{BASES, Lab, SERIES};

/// Between two ticks of the event stream, in nanoseconds.
const TICK: u64 = 100_000;
/// Least time between two deadlock checks, in nanoseconds.
const INTERVAL: u64 = 1_000_000;
/// What the way into a wait or one look at the tables may take on 80 cores, in nanoseconds: some fifty accesses to other
/// cores' lines and three thousand micro-ops.
const LOOK: u64 = 20_000;

fn n1() -> Lab {
    Lab { machine: "neoverse-n1-mesh-80", cores: 80, options: "\"arm64\"", ..Lab::default() }
}

/// The same without an event stream.
fn streamless(lab: Lab) -> Lab {
    Lab { adjust: |m| m.event_stream = None, ..lab }
}

fn nmi_after(us: u64) -> String {
    format!(
        "(name: \"once\", vector: Nmi, handler: \"nmi\", on: Cpus([0]),
          source: Periodic(rate: \"1/s\", phase: At(\"{us}us\")))"
    )
}

/// Core 0 owns the lock for 20 ms; an NMI on it wants the lock too.
fn nmi_over_the_owner(at_us: u64) -> Lab {
    Lab { interrupts: nmi_after(at_us), ..n1() }.task(0, "Critical(lock: \"a\", body: [Work(Fixed(\"20ms\"))])")
}

/// As before, but another core is the pending waiter already.
fn nmi_over_an_owner_with_a_pending_waiter(at_us: u64) -> Lab {
    nmi_over_the_owner(at_us).task(1, "Work(Fixed(\"5us\")), Critical(lock: \"a\", body: [])")
}

/// The first tick more than the interval after a wait that began at `began`, less that beginning; in nanoseconds.
fn until_first_check(began: u64) -> u64 {
    (began + INTERVAL).div_ceil(TICK) * TICK - began
}

/// Base: an NMI that is the pending waiter of its own core's owner.
#[test]
fn base_finds_aa_at_the_first_tick_after_a_millisecond() {
    let mut seen = Vec::new();
    for at_us in [15, 50, 85] {
        let record = nmi_over_the_owner(at_us).ok();
        assert_eq!(record.edeadlk_by["aa_periodic"], 1);
        let latency = record.oracle.latency_by["aa_periodic"].max().unwrap_or(0);
        let by_hand = until_first_check(at_us * 1000);
        assert!(latency.abs_diff(by_hand) < LOOK / 10, "{latency}, by hand {by_hand}");
        seen.push(latency / 1000);
    }
    // 1.0 to 1.1 ms, by the phase of the wait.
    assert!(seen.iter().all(|us| (1_000..1_100).contains(us)) && seen[0] > seen[1] && seen[1] > seen[2], "{seen:?}");
}

/// The same for the head of the queue, which an NMI can be with patch 3.
#[test]
fn a_head_finds_aa_at_the_first_tick_after_a_millisecond() {
    for at_us in [15, 50, 85] {
        let record = nmi_over_an_owner_with_a_pending_waiter(at_us).with("6.17", &["queue_in_nmi"]).ok();
        assert_eq!((record.edeadlk_by["aa_periodic"], record.contexts["nmi"].edeadlk), (1, 1));
        let latency = record.oracle.latency_by["aa_periodic"].max().unwrap_or(0);
        let by_hand = until_first_check(at_us * 1000);
        assert!(latency.abs_diff(by_hand) < LOOK / 10, "{latency}, by hand {by_hand}");
    }
}

/// Spinning loops look at the clock in every iteration, so their first check comes after 1 ms and one iteration.
#[test]
fn spinning_loops_find_aa_after_a_millisecond() {
    let fallback = nmi_over_an_owner_with_a_pending_waiter(50);
    let test_and_set = Lab { options: "\"arm64\", \"test_and_set\"", ..nmi_over_the_owner(50) };
    let no_stream = streamless(nmi_over_the_owner(50));
    let no_stream_head = streamless(nmi_over_an_owner_with_a_pending_waiter(50).with("6.17", &["queue_in_nmi"]));
    for (what, lab) in [("fallback", fallback), ("tas", test_and_set), ("pending", no_stream), ("head", no_stream_head)]
    {
        let record = lab.ok();
        assert_eq!(record.edeadlk_by["aa_periodic"], 1, "{what}");
        let latency = record.oracle.latency_by["aa_periodic"].max().unwrap_or(0);
        assert!((INTERVAL..INTERVAL + 2_000).contains(&latency), "{what}: {latency}");
    }
}

/// Core 0 takes a and then wants b, core 1 the other way round; they begin to wait at these times.
fn crossing(first_us: u64, second_us: u64) -> Lab {
    let nested = |outer: &str, inner: &str, us: u64| {
        format!("Critical(lock: \"{outer}\", body: [Work(Fixed(\"{us}us\")), Critical(lock: \"{inner}\", body: [])])")
    };
    n1().task(0, &nested("a", "b", first_us)).task(1, &nested("b", "a", second_us))
}

/// Whoever began to wait first checks first, if a tick lies between. The other gets its lock.
#[test]
fn abba_is_found_by_the_one_that_waits_longer_at_its_first_tick_after_a_millisecond() {
    for base in BASES {
        for patches in [&SERIES[..0], &SERIES[..]] {
            let record = crossing(50, 150).with(base, patches).ok();
            assert_eq!((record.edeadlk_by["abba"], record.oracle.detected), (1, 1), "{base} {patches:?}");
            // The cycle has formed at 150 us, and the check of the wait that began at 50 us is due.
            let latency = record.oracle.latency_by["abba"].max().unwrap_or(0);
            let by_hand = 50_000 + until_first_check(50_000) - 150_000;
            assert!(latency.abs_diff(by_hand) < LOOK, "{latency}, by hand {by_hand}");
        }
    }
}

/// The stream ticks on all cores at once, so two waits that began between the same two ticks are checked at the same
/// moment: both find the cycle, and both give up, where one would do.
#[test]
fn two_waits_between_the_same_ticks_both_give_up() {
    for patches in [&SERIES[..0], &SERIES[..]] {
        let record = crossing(30, 70).with("6.17", patches).ok();
        assert_eq!(record.edeadlk_by["abba"], 2, "{patches:?}");
        assert_eq!(record.contexts["task"].held, 2, "{patches:?}");
        let by_hand = 30_000 + until_first_check(30_000) - 70_000;
        let latency = record.oracle.latency_by["abba"].min().unwrap_or(0);
        assert!(latency.abs_diff(by_hand) < LOOK, "{latency}, by hand {by_hand}");
    }
}

/// Core 1 owns a and heads the queue for b, whose owner waits for a: ABBA found by a head.
#[test]
fn a_head_finds_abba_at_the_first_tick_after_a_millisecond() {
    let lab = crossing(150, 50).task(2, "Work(Fixed(\"20us\")), Critical(lock: \"a\", body: [])");
    let record = lab.ok();
    assert_eq!((record.edeadlk_by["abba"], record.oracle.detected), (1, 1));
    let latency = record.oracle.latency_by["abba"].max().unwrap_or(0);
    let by_hand = 50_000 + until_first_check(50_000) - 150_000;
    assert!(latency.abs_diff(by_hand) < LOOK, "{latency}, by hand {by_hand}");
    assert_eq!(record.contexts["task"].held, 4);
}

/// A deadline passes at a tick, too. Owned and not in the table: nothing can find this one.
#[test]
fn a_pending_wait_times_out_at_a_tick() {
    let lab = Lab::default().task(0, "Critical(lock: \"a\", body: [])").nmi_at(0, "res_spin_lock.taken");
    let record = Lab { machine: n1().machine, cores: 80, options: n1().options, ..lab }.ok();
    assert_eq!(record.timeouts_by["pending"], 1);
    let lasted = record.worst[0].lasted_ns;
    assert!((250_000_000..250_000_000 + TICK + LOOK).contains(&lasted), "{lasted}");
}

/// Patience with a pending waiter that is about to own is one wait for an event. If that waiter is below us, none comes:
/// the wait ends with the next tick, where x86 is through after 512 pauses, 19 us.
#[test]
fn a_hand_over_that_cannot_happen_costs_one_tick() {
    let lab = Lab { interrupts: String::new(), ..n1() }
        .task(0, "Work(Fixed(\"5us\")), Critical(lock: \"a\", body: [])")
        .task(1, "Critical(lock: \"a\", body: [Work(Fixed(\"30us\"))])")
        .nmi_at(0, "slow_path.claim");
    let record = lab.with("6.17", &SERIES).ok();
    assert_eq!(record.edeadlk_by["aa_before_queue"], 1);
    let attempt = record.contexts["nmi"].attempt_ns.max().unwrap_or(0);
    // Core 1 releases at 30 us and the NMI begins within the next microseconds.
    assert!((60_000..70_000).contains(&attempt), "{attempt}");
}

/// When locks were released and taken, by lock, in cycles.
#[derive(Clone, Debug, Default)]
struct Hands {
    released: BTreeMap<u64, u64>,
    /// From a release to the next time somebody owns the lock, the longest.
    longest: u64,
    taken: u64,
}

impl Probe for Hands {
    fn mark(&mut self, at: Cycle, _: usize, kind: MarkKind, args: [u64; 3], _: Pc) {
        match kind {
            MarkKind::Released => {
                self.released.insert(args[0], at.0);
            }
            MarkKind::Held => {
                if let Some(released) = self.released.remove(&args[0]) {
                    self.longest = self.longest.max(at.0 - released);
                    self.taken += 1;
                }
            }
            _ => {}
        }
    }
}

/// The ABBA check reads the lock word between the load that found it busy and the wait for an event. Whenever the release
/// comes, the waiter goes on with it and does not sleep until the next tick, 300,000 cycles away.
#[test]
fn no_release_is_missed_whenever_it_comes() {
    // The waiter came at 10 us, so it checks at 1.1 ms.
    for (waiters, who) in [(&[1][..], "pending"), (&[1, 2], "head")] {
        for step in 0..60 {
            let ns = 1_100_000 - 2_500 + step * 100;
            let mut lab = n1().task(0, &format!("Critical(lock: \"a\", body: [Work(Fixed(\"{ns}ns\"))])"));
            for cpu in waiters {
                let later = 10 * cpu;
                lab = lab.task(*cpu, &format!("Work(Fixed(\"{later}us\")), Critical(lock: \"a\", body: [])"));
            }
            let plan = Lab { duration: "2ms", ..lab }.plan();
            let spec = MachineSpec { seed: 1, ..plan.stages[0].spec.clone() };
            let mut machine = Machine::new(&spec, Hands::default());
            machine.run_until(Cycle(30_000_000));
            assert!(machine.is_quiescent());
            assert_eq!(machine.probe.taken, waiters.len() as u64);
            let longest = machine.probe.longest;
            assert!(longest < 20_000, "{who}, release at {ns} ns: {longest} cycles");
        }
    }
}

/// The lines of the description that show in the text: what waits, what counts, what sets pending.
#[test]
fn the_text_for_arm64_is_what_the_description_says() {
    let text = |options: &[&str]| {
        let options = Options { enabled: options.iter().map(|s| (*s).into()).collect(), params: Vec::new() };
        let program = assemble(&[embedded("rqspinlock").expect("it is built in")], &options);
        listing(&program.unwrap_or_else(|_| panic!("{options:?}")))
    };
    // Micro-ops, without what an access is made to.
    let count = |text: &str, what: &str| {
        let op = |l: &str| l.split_whitespace().any(|w| w.split('.').next() == Some(what));
        text.lines().filter(|l| !l.starts_with('#') && op(l)).count()
    };
    let counts = |options: &[&str]| {
        let text = text(options);
        ["wfe", "pause", "local_add", "test_set_bit", "fetch_or", "fetch_add"].map(|w| count(&text, w))
    };
    // x86: S2, S7, Q8, Q10, C3, W2 and the fallback pause; PUSH, POP, U3, and the node count at R and W3.
    assert_eq!(counts(&[]), [0, 7, 5, 1, 0, 0]);
    // arm64: all but the fallback wait for an event.
    assert_eq!(counts(&["arm64", "event_stream"]), [6, 1, 0, 0, 1, 5]);
    // Without the event stream the two waits with a deadline spin.
    assert_eq!(counts(&["arm64"]), [4, 3, 0, 0, 1, 5]);
}

/// What is computed of a wait for events is what is executed.
#[test]
fn fast_and_exact_runs_are_the_same() {
    for lab in [nmi_over_an_owner_with_a_pending_waiter(15), crossing(30, 70), streamless(crossing(30, 70))] {
        let plan = lab.plan();
        let record = |exact| rqsim::run::run(&plan.loaded, &plan.stages[0], 1, exact).record;
        assert_eq!(record(false), record(true));
    }
}
