// SPDX-License-Identifier: MIT OR Apache-2.0
//! Periods that are skipped are as if they had been simulated: on random machines with programs that repeat themselves, with and without
//! interrupts, and in records of every lock, machine and memory model whose state comes again. The tests count what was skipped.

use std::fmt::Write;

use configs::{expanded, override_field, parse};
use interrupt_ctrl::Process;
use rqsim::machine::{Machine, MachineSpec};
use rqsim::plan::plan;
use rqsim::run::{Finished, run, run_simulated};
use sim_core::isa::Width;
use sim_core::ports::NoProbe;
use sim_core::rng::Stream;
use sim_core::time::Cycle;

use crate::compare::{machines_agree, program};
use crate::generate::IPI;
use crate::machines;
use crate::records::changed;

/// A program whose tasks do the same again and again until the end: accesses to few lines, locks of two kinds, sends. Nothing counts, nothing is drawn.
fn text(r: &mut Stream, cores: u64) -> String {
    let mut out = String::from(
        "struct line align 64 kind payload { w: [u64; 8] }
struct area percpu align 64 kind other { v: [u64; 24] }
object s0: line
object s1: line
object s2: line
",
    );
    let mut k = 0;
    for core in 0..cores {
        let _ = writeln!(out, "\nproc task_{core}() {{\nagain:");
        for _ in 0..1 + r.below(5) {
            k += 1;
            let (line, word, value) = (r.below(3), 1 + r.below(7), r.below(3));
            let _ = match r.below(11) {
                0 | 1 => writeln!(out, "  x = load.u64 [s{line}.w[{word}]]"),
                2 => writeln!(out, "  store.u64 [s{line}.w[{word}]], {value}"),
                3 => writeln!(out, "  xchg.u64 [s{line}.w[{word}]], {value}"),
                4 => writeln!(out, "  store.u64 [cpu.area.v[{word}]], {value}\n  fence.w"),
                5 => writeln!(out, "  work {}cy", 1 + r.below(300)),
                6 => writeln!(out, "  pause\n  fence.full"),
                7 | 8 => writeln!(
                    out,
                    "try_{k}:\n  x = xchg.u64.acq [s{line}.w[0]], 1\n  if x == 0 goto got_{k}\n  pause\n  goto try_{k}\n\
                     got_{k}:\n  y = load.u64 [s{line}.w[{word}]]\n  store.u64.rel [s{line}.w[0]], 0"
                ),
                9 => writeln!(
                    out,
                    "try_{k}:\n  x = load.u64.acq [s{line}.w[0]]\n  if x == 0 goto take_{k}\n  pause\n  goto try_{k}\n\
                     take_{k}:\n  x = xchg.u64.acq [s{line}.w[0]], 1\n  if x != 0 goto try_{k}\n  \
                     store.u64.rel [s{line}.w[0]], 0"
                ),
                _ if r.below(4) == 0 => writeln!(out, "  ipi.to {IPI}, {}", r.below(cores)),
                _ => writeln!(out, "  prefetchw [s{line}.w[{word}]]"),
            };
        }
        out += "  end = stopping\n  if end == 0 goto again\n  ret\n}\n";
    }
    for name in ["on_nmi", "on_irq", "on_irq_open", "on_ipi", "on_soft"] {
        let _ = writeln!(out, "\nproc {name}() {{\n  store.u64 [cpu.area.v[9]], 7\n  ret\n}}");
    }
    out
}

/// Interrupts that leave time between them: none by themselves, some early ones, or one on the clock now and then.
fn thin_out(r: &mut Stream, spec: &mut MachineSpec) {
    let kind = r.below(3);
    for source in spec.sources.iter_mut().flatten() {
        source.process = match (kind, &source.process) {
            (_, Process::Sent) => Process::Sent,
            (0, _) => Process::Trace { at: [].into() },
            (1, _) => Process::Trace { at: (0..4).map(|i| 1000 + 3000 * i + r.below(900)).collect() },
            _ => Process::Periodic { period: 60_000 + r.below(20_000), jitter: r.below(2) * 500, first: None },
        };
    }
}

#[test]
fn random_machines_that_repeat_themselves_are_moved_on_exactly() {
    let (mut machines, mut leaps, mut again, mut interrupted) = (0, 0, 0, 0);
    let long = std::env::var_os("RQSIM_LONG").is_some_and(|v| v != "0");
    for number in 0..if long { 5000 } else { 160 } {
        let mut r = Stream::derive(number, 0, "periods");
        let cores = 1 + r.below(4);
        let text = text(&mut r, cores);
        let mut spec = machines::machine(&mut r, program(&text), cores as usize, number);
        thin_out(&mut r, &mut spec);
        spec.stop_at = Cycle(150_000 + r.below(50_000));
        let mut fast = Machine::new(&spec, NoProbe);
        fast.skip_periods();
        let mut exact = Machine::new(&MachineSpec { exact: true, ..spec.clone() }, NoProbe);
        exact.skip_periods();
        // In the middle, where all that is under way must be the same, and at the end.
        for limit in [40_000 + r.below(100_000), 10_000_000] {
            let outcomes = (fast.run_until(Cycle(limit)), exact.run_until(Cycle(limit)));
            assert_eq!(outcomes.0, outcomes.1, "program {number}\n{text}");
            machines_agree(&fast, &exact).unwrap_or_else(|e| panic!("program {number}, {limit}: {e}\n{text}"));
        }
        assert_eq!(fast.last_event(), exact.last_event(), "program {number}\n{text}");
        assert_eq!(exact.skipped().leaps, 0);
        let skipped = fast.skipped();
        assert!(skipped.cycles < spec.stop_at.0 && skipped.periods >= skipped.leaps);
        machines += u64::from(skipped.leaps > 0);
        leaps += skipped.leaps;
        again += u64::from(skipped.leaps > 2);
        let taken: u64 = (0..cores as usize).flat_map(|c| fast.interrupts().stats(c)).map(|s| s.taken).sum();
        interrupted += u64::from(skipped.leaps > 0 && taken > 0);
    }
    assert!(
        machines > 60 && leaps > 2 * machines && again > 20 && interrupted > 20,
        "{machines} {leaps} {again} {interrupted}"
    );
}

fn line(f: &Finished) -> String {
    f.record.to_json_line().expect("a record is JSON")
}

/// Runs a changed hammer exactly, every acquisition simulated, and with periods skipped, and gives the cycles skipped in the last.
fn hammer(changes: &[(&str, &str)], exact: bool) -> u64 {
    // One after the other: a preset has fields only once it is written out.
    let mut loaded = changed("hammer8.ron", &[]);
    for (path, value) in changes {
        let text = override_field(&expanded(&loaded.experiment), path, value).unwrap_or_else(|e| panic!("{e}"));
        loaded = parse(&text, "hammer8.ron").unwrap_or_else(|e| panic!("{changes:?}: {e}"));
    }
    let plan = plan(loaded).unwrap_or_else(|e| panic!("{changes:?}: {}", e.plain));
    let stage = &plan.stages[0];
    let (skipping, simulated) = (run(&plan.loaded, stage, 1, false), run_simulated(&plan.loaded, stage, 1));
    assert_eq!(line(&skipping), line(&simulated), "{changes:?}");
    assert_eq!((skipping.record.check(), skipping.record.status.as_str()), (Ok(()), "ok"), "{changes:?}");
    assert_eq!(simulated.skipped.leaps, 0);
    if exact {
        assert_eq!(line(&skipping), line(&run(&plan.loaded, stage, 1, true)), "{changes:?}");
    }
    if skipping.skipped.leaps > 0 {
        assert!(skipping.events < simulated.events, "{changes:?}");
    }
    skipping.skipped.cycles
}

#[test]
fn records_of_every_lock_and_machine_are_those_of_simulated_acquisitions() {
    let (mut leapt, mut counted) = (Vec::new(), 0);
    for lock in ["rqspinlock", "qspinlock", "mcs", "clh", "ticket", "test_and_set"] {
        let program = format!("(program: Builtin(\"{lock}\"))");
        for machine in configs::presets::machine_names() {
            let preset = format!("Preset(\"{machine}\")");
            for (cores, duration) in [("Range(first: 0, last: 7)", "311111ns"), ("Cpus([0, 2, 3])", "177777ns")] {
                let mut changes = vec![
                    ("lock", program.as_str()),
                    ("machine", &preset),
                    ("workload.tasks[0].on", cores),
                    ("duration", duration),
                ];
                // Half of them count by cause, too.
                if cores.starts_with("Cpus") {
                    changes.push(("measure.attribution", "true"));
                }
                if machine.contains("neoverse") && lock.contains("qspinlock") {
                    changes.push(("lock.options", "[\"arm64\"]"));
                }
                if hammer(&changes, cores.contains("Cpus")) > 0 {
                    leapt.push(format!("{lock} {machine} {cores}"));
                    counted += usize::from(cores.starts_with("Cpus"));
                }
            }
        }
    }
    assert!(leapt.len() > 30 && counted > 10, "{leapt:?}");
    for lock in ["rqspinlock", "qspinlock", "mcs", "clh", "test_and_set"] {
        assert!(leapt.iter().any(|l| l.starts_with(&format!("{lock} skylake-ring-8 Range"))), "{lock}: {leapt:?}");
    }
    // Its tickets only grow.
    assert!(!leapt.iter().any(|l| l.starts_with("ticket")), "{leapt:?}");
}

#[test]
fn looks_differ_where_machines_do() {
    let text = "struct line align 64 kind payload { w: [u64; 8] }
object s0: line
proc task_0() {
again:
  x = load.u64 [s0.w[0]]
  store.u64 [s0.w[1]], 2
  work 50cy
  end = stopping
  if end == 0 goto again
  ret
}
proc on_nmi() {\n  ret\n}\nproc on_irq() {\n  ret\n}\nproc on_irq_open() {\n  ret\n}\nproc on_ipi() {\n  ret\n}\nproc on_soft() {\n  ret\n}
";
    let mut spec = machines::machine(&mut Stream::derive(2, 0, "periods"), program(text), 1, 2);
    spec.sources = vec![Vec::new()];
    let at = |value: u64, cycle: u64| {
        let mut m = Machine::new(&spec, NoProbe);
        m.set_initial(m.program().objects[0].addr + 16, Width::U64, value);
        m.run_until(Cycle(cycle));
        m.look(Cycle(cycle))
    };
    assert!(at(0, 5000).is_again(&at(0, 5000)));
    assert!(!at(1, 5000).is_again(&at(0, 5000)), "a word of memory nobody looks at");
    let again: Vec<u64> = (1..400).filter(|later| at(0, 5000 + later).is_again(&at(0, 5000))).collect();
    let period = *again.first().expect("it repeats itself");
    assert!(period > 50 && again.iter().all(|later| later % period == 0), "{again:?}");
}
