// SPDX-License-Identifier: MIT OR Apache-2.0
//! One spin, disturbed in every cycle of its iteration: by an interrupt, by a message, by both.

use cache_model::timing::{Coherence, MemoryParams, Topology, WireParams};
use interrupt_ctrl::{InterruptCosts, Process, Source, Vector};
use rqsim::machine::MachineSpec;
use sim_core::core::{CoreParams, MemoryModel};
use sim_core::rng::Stream;
use sim_core::time::{Clock, Cycle};

use crate::compare::{Tally, compare, program};
use crate::machines::proc_idx;

/// What the procedures of [`around`] may use.
const OBJECTS: &str = "
struct line align 64 kind payload { w: [u64; 8] }
struct area percpu align 64 kind other { v: [u64; 32] }
object flag: line
";

/// Counts and tells it.
const ON_NMI: &str = "
proc on_nmi() {
  n = local_add.u64 [cpu.area.v[1]], 1
  mark note(n)
  ret
}
";

/// Core 0 spins, with three micro-ops that can share a cycle at the end of an iteration; core 1
/// writes into the line it reads, and then ends the spin.
const TEXT: &str = "
proc spinner() {
  n = 0
top:
  n = n + 1
  y = load.u64 [cpu.area.v[0]]
  x = load.u64 [flag.w[0]]
  pause
  a = n + 1
  b = n + 2
  if x == 0 goto top
  mark note(n, a, b)
  ret
}
proc writer() {
  i = load.u64 [flag.w[0]]
  work WORKcy
  store.u64 [flag.w[1]], 1
  work 400cy
  store.u64 [flag.w[0]], 1
  ret
}
";

/// From iteration TURN on the spin reads two lines in the other order, and it is computed from a
/// moment when it has been executed in the first order only. Which of the two is older shows in
/// what the loads behind the spin cost.
const TURNING: &str = "
struct area percpu align 64 kind other { v: [u64; 40] }
proc spinner() {
  n = 0
  x = load.u64 [cpu.area.v[0]]
  x = load.u64 [cpu.area.v[8]]
  x = load.u64 [cpu.area.v[16]]
top:
  n = n + 1
  if n == 100 goto out
  if n < TURN goto first
  x = load.u64 [cpu.area.v[8]]
  x = load.u64 [cpu.area.v[16]]
  goto on
first:
  x = load.u64 [cpu.area.v[16]]
  x = load.u64 [cpu.area.v[8]]
on:
  goto top
out:
  x = load.u64 [cpu.area.v[24]]
  x = load.u64 [cpu.area.v[32]]
  x = load.u64 [cpu.area.v[16]]
  mark note(n)
  ret
}
proc writer() {
  ret
}
proc on_nmi() {
  ret
}
";

fn spec(width: u32, work: u64, landing: Option<u64>) -> MachineSpec {
    around(&TEXT.replace("WORK", &work.to_string()), width, landing)
}

/// [`machine`] with the procedures `spinner` and `writer`, a line `flag`, an area of each core, and a handler.
pub(crate) fn around(procedures: &str, width: u32, landing: Option<u64>) -> MachineSpec {
    machine(&[OBJECTS, procedures, ON_NMI].concat(), width, landing)
}

/// Two cores; a first level of one set of three ways.
pub(crate) fn machine(text: &str, width: u32, landing: Option<u64>) -> MachineSpec {
    let program = program(text);
    let core = CoreParams {
        width,
        model: MemoryModel::Tso,
        store_buffer: 4,
        alu: 1,
        branch: 1,
        call: 1,
        load_forward: 1,
        fence: 10,
        pause: 5,
        timestamp: 10,
        irq_flag: 1,
        context_read: 1,
        event_stream: 0,
    };
    let memory = MemoryParams {
        cores: 2,
        l1_sets: 1,
        l1_ways: 3,
        l1_hit: 2,
        l2_sets: 4,
        l2_ways: 4,
        l2_hit: 6,
        llc_sets: 16,
        llc_ways: 4,
        llc_tag: 5,
        llc_data: 9,
        snoop: 7,
        locked_rmw: 9,
        memory: 60,
        memory_interval: 0,
        control_bytes: 8,
        data_bytes: 72,
    };
    let source = |first| Source {
        name: "once".into(),
        number: 0,
        vector: Vector::Nmi,
        handler: proc_idx(&program, "on_nmi"),
        process: Process::Periodic { period: 1_000_000, jitter: 0, first: Some(first) },
    };
    MachineSpec {
        core,
        memory,
        topology: Topology::ring(2, &WireParams::new(1, 32), true).into(),
        coherence: Coherence::default(),
        interrupts: InterruptCosts {
            nmi_entry: 3,
            nmi_exit: 2,
            irq_entry: 3,
            irq_exit: 2,
            soft_entry: 1,
            soft_exit: 1,
            delivery: 0,
            ipi: 5,
        },
        clock: Clock { khz: 1_000_000 },
        tasks: ["spinner", "writer"].map(|name| Some(proc_idx(&program, name))).to_vec(),
        sources: vec![landing.into_iter().map(source).collect(), Vec::new()],
        seed: 1,
        stop_at: Cycle(500_000),
        exact: false,
        program,
    }
}

fn check(cases: impl Iterator<Item = (u32, u64, Option<u64>)>) -> (u64, Tally) {
    let (mut n, mut all) = (0, Tally::default());
    let mut cuts = Stream::derive(1, 0, "phases");
    for (width, work, landing) in cases {
        let t = compare(&spec(width, work, landing), Cycle(1_000_000), &mut cuts)
            .unwrap_or_else(|e| panic!("width {width}, work {work}, landing {landing:?}: {e}"));
        all.add(t);
        n += 1;
    }
    (n, all)
}

#[test]
fn an_interrupt_lands_at_the_same_boundary_in_every_cycle_of_a_spin() {
    let landings = (1..=4).flat_map(|w| (900..1000).map(move |c| (w, 2000, Some(c))));
    let (n, all) = check(landings);
    assert_eq!((all.interrupts as u64, all.marks as u64), (n, 2 * n));
    assert!(all.spins >= 3 * n && all.fast_events * 4 < all.exact_events, "{all:?}");
}

#[test]
fn a_message_takes_the_line_in_every_cycle_of_a_spin() {
    let (n, all) = check((1..=4).flat_map(|w| (900..1000).map(move |c| (w, c, None))));
    assert!(all.spins >= 2 * n, "{all:?}");
}

#[test]
fn an_interrupt_and_a_message_come_together_in_every_cycle_of_a_spin() {
    let near = |w, c: u64| (0..60).step_by(7).map(move |d| (w, c, Some(c + 10 + d)));
    let (n, all) = check([2, 4].into_iter().flat_map(|w| (900..945).flat_map(move |c| near(w, c))));
    assert!(all.spins >= 2 * n && all.interrupts as u64 == n, "{all:?}");
}

#[test]
fn the_lines_read_by_a_spin_are_replaced_in_the_same_order() {
    let mut computed = 0;
    for turn in 2..12 {
        let spec = machine(&TURNING.replace("TURN", &turn.to_string()), 1, None);
        let t = compare(&spec, Cycle(1_000_000), &mut Stream::derive(turn, 0, "turning"));
        computed += t.unwrap_or_else(|e| panic!("turn {turn}: {e}")).spins;
    }
    assert!(computed >= 10, "{computed}: every one of these spins is computed");
}

/// Marks that say nothing while it spins, in an iteration and before its first micro-op, where the branch goes.
#[test]
fn a_spin_with_marks_that_stay_silent_is_computed() {
    let text = TEXT.replace("  n = 0\n", "  n = 0\n  x = 0\n").replace("WORK", "4000");
    for (place, marked) in [("  pause\n", "  pause\n  mark note(n) if x\n"), ("top:\n", "top:\n  mark note(n) if x\n")]
    {
        let spec = around(&text.replace(place, marked), 2, None);
        let t = compare(&spec, Cycle(1_000_000), &mut Stream::derive(1, 0, "silent"));
        let t = t.unwrap_or_else(|e| panic!("{marked}: {e}"));
        assert!(t.spins >= 1 && t.fast_events * 10 < t.exact_events, "{marked}: {t:?}");
    }
}

/// The copy of the flag is kept when the writer takes it: the spin goes on until the copy's time is over, and is computed.
#[test]
fn a_spin_on_a_stale_line_ends_when_its_time_is_over_in_every_cycle_of_an_iteration() {
    let (mut n, mut all) = (0, Tally::default());
    for delay in (20_000..20_040).chain(0..40) {
        for (work, landing) in [(900, None), (907, None), (913, Some(4000 + delay))] {
            let mut spec = spec(2, work, landing);
            spec.core.model = MemoryModel::Weak { queue: 4, delay };
            let t = compare(&spec, Cycle(1_000_000), &mut Stream::derive(delay, work, "stale"));
            all.add(t.unwrap_or_else(|e| panic!("delay {delay}, work {work}, landing {landing:?}: {e}")));
            n += 1;
        }
    }
    assert!(all.spins >= 2 * n && all.fast_events * 20 < all.exact_events, "{all:?}");
}

#[test]
fn a_spin_with_an_interrupt_that_is_due_at_once_and_one_that_never_ends() {
    // Nothing ends the spin: executed or computed, the machine reaches the limit without rest.
    let endless = MachineSpec { tasks: vec![Some(0), None], ..spec(2, 10, Some(1)) };
    let e = compare(&endless, Cycle(30_000), &mut Stream::derive(2, 0, "phases")).unwrap_err();
    assert!(e.starts_with("not at rest"), "{e}");
}

#[test]
fn a_fault_of_one_core_finds_a_spinning_one_at_the_same_boundary() {
    for work in 900..960 {
        let text =
            TEXT.replace("store.u64 [flag.w[1]], 1", "n = work / i").replace("work WORKcy", "work = WORK\n  work work");
        for width in [1, 4] {
            let spec = around(&text.replace("WORK", &work.to_string()), width, None);
            let e = compare(&spec, Cycle(30_000), &mut Stream::derive(work, 0, "fault")).unwrap_err();
            assert!(e.starts_with("a fault: core 1: division by zero"), "work {work}, width {width}: {e}");
        }
    }
}
