// SPDX-License-Identifier: MIT OR Apache-2.0
//! Machines for tests that count cycles, and a probe that keeps what the program notes.

use std::sync::Arc;

use cache_model::timing::{Coherence, MemoryParams, Topology, WireParams};
use interrupt_ctrl::InterruptCosts;
use rqsim::machine::{Machine, MachineSpec, Outcome};
use rqsim::plan::plan;
use sim_core::asm::{Options, assemble};
use sim_core::core::{CoreParams, MemoryModel};
use sim_core::isa::{MarkKind, Pc};
use sim_core::ports::Probe;
use sim_core::program::{GLOBAL_BASE, LINE_BYTES, Source};
use sim_core::time::{Clock, Cycle};

/// Lines of the object `area`, which every program here has as its first global object.
pub(crate) const LINES: u64 = 640;

/// Keeps every `note`: time, core, arguments.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(pub(crate) Vec<(u64, usize, [u64; 3])>);

impl Probe for Notes {
    fn mark(&mut self, at: Cycle, core: usize, kind: MarkKind, args: [u64; 3], _: Pc) {
        if kind == MarkKind::Note {
            self.0.push((at.0, core, args));
        }
    }
}

impl Notes {
    /// Time of the only note of this core with this first argument.
    pub(crate) fn at(&self, core: usize, id: u64) -> u64 {
        let found: Vec<u64> = self.0.iter().filter(|n| n.1 == core && n.2[0] == id).map(|n| n.0).collect();
        assert_eq!(found.len(), 1, "notes {id} of core {core}: {:?}", self.0);
        found[0]
    }

    /// From one note of a core to another.
    pub(crate) fn span(&self, core: usize, from: u64, to: u64) -> u64 {
        self.at(core, to) - self.at(core, from)
    }

    /// Second argument of the only note of this core with this first one.
    pub(crate) fn value(&self, core: usize, id: u64) -> u64 {
        let at = self.at(core, id);
        self.0.iter().find(|n| n.0 == at && n.1 == core && n.2[0] == id).expect("it was found").2[1]
    }
}

/// The preset `skylake-ring-8`, without program, tasks and interrupt sources.
pub(crate) fn skylake() -> MachineSpec {
    let loaded = configs::load("ring8.ron").expect("the preset loads");
    let spec = plan(loaded).expect("the preset can be planned").stages.remove(0).spec;
    let cores = spec.memory.cores;
    MachineSpec { tasks: vec![None; cores], sources: vec![Vec::new(); cores], stop_at: Cycle::NEVER, ..spec }
}

/// A machine unlike any real one: small, and no two of its latencies are easily mistaken for each other.
///
/// Three cores on a ring of four stops that goes one way only, 2 cycles a hop. A message without data takes
/// 2 slots of a link, one with a line 6, so they arrive 1 and 5 cycles after their first part.
pub(crate) fn tiny() -> MachineSpec {
    let core = CoreParams {
        width: 1,
        model: MemoryModel::Tso,
        store_buffer: 2,
        alu: 2,
        branch: 3,
        call: 5,
        load_forward: 1,
        fence: 6,
        pause: 10,
        timestamp: 8,
        irq_flag: 4,
        context_read: 2,
        event_stream: 0,
    };
    let memory = MemoryParams {
        cores: 3,
        l1_sets: 1,
        l1_ways: 2,
        l1_hit: 3,
        l2_sets: 2,
        l2_ways: 2,
        l2_hit: 8,
        llc_sets: 64,
        llc_ways: 4,
        llc_tag: 4,
        llc_data: 9,
        snoop: 6,
        locked_rmw: 7,
        memory: 40,
        memory_interval: 0,
        control_bytes: 20,
        data_bytes: 84,
    };
    MachineSpec {
        program: Arc::default(),
        core,
        memory,
        topology: Arc::new(Topology::ring(3, &WireParams::new(2, 16), false)),
        coherence: Coherence::default(),
        interrupts: InterruptCosts {
            nmi_entry: 100,
            nmi_exit: 50,
            irq_entry: 80,
            irq_exit: 40,
            soft_entry: 14,
            soft_exit: 9,
            delivery: 10,
            ipi: 30,
        },
        clock: Clock { khz: 1_000_000 },
        tasks: vec![None; 3],
        sources: vec![Vec::new(); 3],
        seed: 1,
        stop_at: Cycle::NEVER,
        exact: false,
    }
}

/// A machine with this text, in which core i executes the procedure `t<i>` if there is one.
pub(crate) fn machine(spec: &MachineSpec, text: &str) -> Machine<Notes> {
    with_sources(spec, &[], &[], text)
}

/// As [`machine`], with further sources and patches.
pub(crate) fn with_sources(spec: &MachineSpec, more: &[Source], patches: &[&str], text: &str) -> Machine<Notes> {
    let area = format!("struct area_lines align 64 {{ w: [u64; {}] }}\nobject area: area_lines\n", LINES * 8);
    let mut sources = vec![Source { name: "test".into(), text: area + text }];
    sources.extend_from_slice(more);
    let options = Options { enabled: patches.iter().map(|p| (*p).to_owned()).collect(), params: Vec::new() };
    let program = assemble(&sources, &options).unwrap_or_else(|e| panic!("{}", e.render(&sources, false)));
    let task = |i: usize| program.procs.iter().position(|p| p.name == format!("t{i}")).map(|p| p as u16);
    let tasks = (0..spec.memory.cores).map(task).collect();
    Machine::new(&MachineSpec { program: Arc::new(program), tasks, ..spec.clone() }, Notes::default())
}

/// Runs until nothing is left to do.
pub(crate) fn finish(mut m: Machine<Notes>) -> Machine<Notes> {
    assert_eq!(m.run_until(Cycle(50_000_000)), Outcome::Idle);
    assert!(m.is_quiescent());
    assert_eq!(m.memory().check_coherence(), Ok(()));
    m
}

/// Runs a text to its end; gives what it noted.
pub(crate) fn notes(spec: &MachineSpec, text: &str) -> Notes {
    finish(machine(spec, text)).probe
}

/// Address of line `i` of `area`.
pub(crate) fn line(i: u64) -> u64 {
    GLOBAL_BASE + i * LINE_BYTES
}

/// The first line of `area` from number `from` on whose home is slice `slice`: its address.
pub(crate) fn line_of(spec: &MachineSpec, slice: usize, from: u64) -> u64 {
    let m = machine(spec, "proc t0() {\n  ret\n}\n");
    let found = (from..LINES).map(line).find(|a| m.memory().slice_of(a / LINE_BYTES) == slice);
    found.expect("some line has this home")
}
