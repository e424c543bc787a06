// SPDX-License-Identifier: MIT OR Apache-2.0
//! Small concurrent programs, run many times with other skews and other lines at hand.
//!
//! A machine plays rounds. Before each, every core puts a random one of the lines `x`, `y`, `z` into
//! its cache, to read or to write, or none; then all meet, wait for a random time each, and execute
//! their bodies, every other time behind a store to a line that is elsewhere. When all have done so, core 0 notes the final values and puts zeros back. A core
//! of a body leaves up to four results of 0 to 15 in `r0`..`r3`.

use std::collections::BTreeMap;
use std::fmt::Write;

use cache_model::protocol::Tables;
use cache_model::timing::{Builder, Coherence, MemoryParams, Topology, WireParams};
use rayon::prelude::*;
use rqsim::machine::{Machine, MachineSpec, Outcome};
use sim_core::asm::{Options, assemble};
use sim_core::core::MemoryModel;
use sim_core::program::Source;
use sim_core::time::Cycle;

use crate::common::{Notes, tiny};

/// Stale lines stay readable for longer than a round takes.
pub(crate) const WEAK: MemoryModel = MemoryModel::Weak { queue: 8, delay: 2_000 };

/// Stale lines are readable for some steps only.
pub(crate) const BRIEF: MemoryModel = MemoryModel::Weak { queue: 8, delay: 40 };

/// `[core][register]`, then the final values of x, y and z: four bits each, as they are packed.
pub(crate) type Seen = BTreeMap<(Vec<u64>, u64), u64>;

/// Results of a round, for a condition to look at.
pub(crate) struct Round<'a> {
    packed: &'a (Vec<u64>, u64),
}

impl Round<'_> {
    /// Register `r` of a core.
    pub(crate) fn reg(&self, core: usize, r: u32) -> u64 {
        (self.packed.0[core] >> (4 * r)) & 15
    }

    /// Final value of x, y, z: 0, 1, 2.
    pub(crate) fn end(&self, variable: u32) -> u64 {
        (self.packed.1 >> (4 * variable)) & 15
    }
}

/// Rounds in which the condition held, and all rounds.
pub(crate) fn count(seen: &Seen, condition: impl Fn(&Round<'_>) -> bool) -> (u64, u64) {
    let held = seen.iter().filter(|(packed, _)| condition(&Round { packed }));
    (held.map(|(_, n)| n).sum(), seen.values().sum())
}

fn text(bodies: &[&str], rounds: u64) -> String {
    let n = bodies.len();
    let mut out = String::from(
        "struct var align 64 kind payload { v: u64 @0, byte: u8 @0, half: u16 @0 }
object x: var
object y: var
object z: var
object busy: var
object meeting: var
dist skew = uniform(0cy, 400cy)
dist choice = uniform(0cy, 7cy)
proc meet(target) {
  fetch_add.u64 [meeting.v], 1
wait:
  n = load.u64.acq [meeting.v]
  if n >= target goto on
  pause
  goto wait
on:
  ret
}
proc warm() {
  c = draw choice
",
    );
    let warm = ["v = load.u64 [x.v]", "v = load.u64 [y.v]", "v = load.u64 [z.v]"];
    let own = ["prefetchw [x.v]", "prefetchw [y.v]", "prefetchw [z.v]"];
    for (i, line) in warm.iter().chain(&own).enumerate() {
        let _ = writeln!(out, "  if c != {i} goto not_{i}\n  {line}\n  ret\nnot_{i}:");
    }
    out += "  ret\n}\n";
    for (core, body) in bodies.iter().enumerate() {
        let _ = writeln!(
            out,
            "proc t{core}() {{\n  round = 0\n  target = 0\nagain:\n  r0 = 0\n  r1 = 0\n  r2 = 0\n  r3 = 0"
        );
        let meet = format!("  target = target + {n}\n  call meet(target)\n");
        out += "  call warm()\n  call warm()\n";
        out += &meet;
        out += "  d = draw skew\n  work d\n  d = d & 1\n";
        let _ = writeln!(out, "  if d == 0 goto quiet\n  store.u64 [busy.v], {core}\nquiet:");
        for line in body.split(';') {
            let _ = writeln!(out, "  {}", line.trim());
        }
        out += "  mark note(round, 0)\n  r1 = r1 << 4\n  r2 = r2 << 8\n  r3 = r3 << 12\n  r0 = r0 | r1\n  r0 = r0 | r2\n  r0 = r0 | r3\n";
        let _ = writeln!(out, "  mark note(round, 1, r0)");
        out += &meet;
        if core == 0 {
            out += "  a = load.u64 [x.v]\n  b = load.u64 [y.v]\n  c = load.u64 [z.v]\n";
            out += "  b = b << 4\n  c = c << 8\n  a = a | b\n  a = a | c\n  mark note(round, 2, a)\n";
            out += "  store.u64 [x.v], 0\n  store.u64 [y.v], 0\n  store.u64 [z.v], 0\n";
        }
        out += &meet;
        let _ = writeln!(out, "  round = round + 1\n  if round < {rounds} goto again\n  ret\n}}");
    }
    out
}

/// A bus with room for memory.
fn bus(cores: usize, p: &WireParams) -> Topology {
    let mut b = Builder::default();
    let stops: Vec<usize> = (0..=cores).map(|_| b.stop()).collect();
    b.bus(&stops, p);
    for &stop in &stops[..cores] {
        b.core(stop);
        b.slice(stop);
    }
    b.memory(stops[cores]);
    b.build().expect("a bus joins all")
}

/// A small machine of `cores` cores with caches that hold everything; every fifth snoops on a bus.
pub(crate) fn machine(model: MemoryModel, cores: usize, seed: u64) -> MachineSpec {
    let tiny = tiny();
    let wires = WireParams::new(1 + seed % 5, 16);
    let (protocol, topology) = match seed % 10 {
        0 => ("snoop-msi", bus(cores, &wires)),
        5 => ("snoop-mesi", bus(cores, &WireParams { shared_wires: true, ..wires })),
        _ => ("mesi", Topology::ring(cores, &wires, true)),
    };
    MachineSpec {
        core: sim_core::core::CoreParams { model, store_buffer: 8, pause: 3, fence: 2, ..tiny.core },
        memory: MemoryParams { cores, l1_sets: 8, l2_sets: 16, ..tiny.memory },
        topology: topology.into(),
        coherence: Coherence::of(Tables::by_name(protocol).expect("it is listed")),
        tasks: vec![None; cores],
        sources: vec![Vec::new(); cores],
        seed,
        ..tiny
    }
}

/// A machine with this text, core i executing `t<i>`, run to its end.
#[track_caller]
pub(crate) fn finished(spec: &MachineSpec, text: &str) -> Machine<Notes> {
    let source = [Source { name: "test".into(), text: text.into() }];
    let program = assemble(&source, &Options::default()).unwrap_or_else(|e| panic!("{}", e.render(&source, false)));
    let task = |i: usize| program.procs.iter().position(|p| p.name == format!("t{i}")).map(|p| p as u16);
    let tasks = (0..spec.memory.cores).map(task).collect();
    let spec = MachineSpec { program: std::sync::Arc::new(program), tasks, ..spec.clone() };
    let mut m = Machine::new(&spec, Notes::default());
    assert_eq!(m.run_until(Cycle(1 << 40)), Outcome::Idle);
    assert!(m.is_quiescent(), "{text}");
    assert_eq!(m.memory().check_coherence(), Ok(()));
    m
}

/// Plays `rounds` rounds on each of five machines, in which messages take different times; the last snoops.
#[track_caller]
pub(crate) fn play(model: MemoryModel, bodies: &[&str], rounds: u64) -> Seen {
    let text = text(bodies, rounds);
    let one = |seed: u64| {
        let m = finished(&machine(model, bodies.len(), seed), &text);
        let mut by_round = vec![(vec![0; bodies.len()], 0); rounds as usize];
        for (_, core, [round, what, value]) in &m.probe.0 {
            match what {
                1 => by_round[*round as usize].0[*core] = *value,
                2 => by_round[*round as usize].1 = *value,
                _ => {}
            }
        }
        by_round
    };
    let mut seen = Seen::new();
    for round in (1..=5).into_par_iter().map(one).collect::<Vec<_>>().into_iter().flatten() {
        *seen.entry(round).or_default() += 1;
    }
    seen
}
