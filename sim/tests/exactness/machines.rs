// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random machines to run random programs.

use std::sync::Arc;

use cache_model::protocol::{SNOOPING, Tables};
use cache_model::timing::{
    Builder, ClockRatio, Coherence, LinkParams, MemoryParams, Replacement, Topology, WireParams,
};
use interrupt_ctrl::{InterruptCosts, Process, Source, Vector};
use rqsim::machine::MachineSpec;
use sim_core::core::{CoreParams, MemoryModel};
use sim_core::program::Program;
use sim_core::rng::Stream;
use sim_core::time::{Clock, Cycle};

use crate::generate::{IPI, NMI, SOFT};

/// From here on no interrupt arrives.
const ARRIVALS_END: u64 = 25_000;

/// A small machine of any geometry the schema allows, with interrupts of every kind.
pub(crate) fn machine(r: &mut Stream, program: Arc<Program>, cores: usize, seed: u64) -> MachineSpec {
    let mut one_of = |of: &[u64]| of[r.below(of.len() as u64) as usize];
    let width = one_of(&[1, 2, 2, 4]) as u32;
    let core = CoreParams {
        width,
        model: match one_of(&[0, 1, 1, 2, 2, 2]) {
            0 => MemoryModel::Sc,
            1 => MemoryModel::Tso,
            _ => MemoryModel::Weak { queue: one_of(&[0, 1, 2, 8]) as u32, delay: one_of(&[0, 7, 100, 1000]) },
        },
        store_buffer: one_of(&[1, 2, 5, 20]) as u32,
        alu: one_of(&[1, 1, 1, 2]) as u32,
        branch: one_of(&[1, 1, 1, 3]) as u32,
        call: one_of(&[0, 1]) as u32,
        load_forward: one_of(&[0, 1, 4]) as u32,
        fence: one_of(&[0, 18]) as u32,
        pause: one_of(&[1, 2, 10, 40]) as u32,
        timestamp: one_of(&[0, 20]) as u32,
        irq_flag: one_of(&[0, 4]) as u32,
        context_read: one_of(&[0, 1]) as u32,
        event_stream: one_of(&[400, 1000]),
    };
    let (l1_sets, l1_ways) = (one_of(&[1, 1, 2, 8]), one_of(&[1, 2, 3, 4]) as usize);
    let (l2_sets, l2_ways) = (l1_sets * one_of(&[1, 2]), l1_ways + one_of(&[0, 1, 5]) as usize);
    let l1_hit = one_of(&[1, 2, 4]);
    let memory = MemoryParams {
        cores,
        l1_sets,
        l1_ways,
        l1_hit,
        l2_sets,
        l2_ways,
        l2_hit: l1_hit + one_of(&[0, 1, 7]),
        llc_sets: l2_sets * one_of(&[1, 2]),
        llc_ways: (l2_ways + one_of(&[0, 1, 6]) as usize).min(16),
        llc_tag: one_of(&[1, 10]),
        llc_data: one_of(&[10, 29]),
        snoop: one_of(&[1, 30]),
        locked_rmw: one_of(&[1, 18]),
        memory: one_of(&[20, 230]),
        memory_interval: 0,
        control_bytes: 8,
        data_bytes: 72,
    };
    let (hop, bidirectional, bytes) = (one_of(&[1, 3]), one_of(&[0, 1]) == 1, one_of(&[8, 32]));
    let mut cost = || one_of(&[0, 1, 20, 150]);
    let interrupts = InterruptCosts {
        nmi_entry: cost(),
        nmi_exit: cost(),
        irq_entry: cost(),
        irq_exit: cost(),
        soft_entry: cost(),
        soft_exit: cost(),
        delivery: cost() / 5,
        ipi: 1 + cost(),
    };
    // Not drawn, so that the other properties of a seed stay what they are.
    let snoops = snoops(seed);
    let tables = if snoops {
        Tables::by_name(SNOOPING[(seed % SNOOPING.len() as u64) as usize]).expect("it is listed")
    } else {
        Tables::all()[(seed % Tables::all().len() as u64) as usize]
    };
    let policies = [Replacement::Lru, Replacement::TreePlru, Replacement::Random, Replacement::Srrip];
    let policy = |level: u32| policies[(seed >> (2 * level)) as usize % policies.len()];
    MachineSpec {
        core,
        memory,
        topology: topology(seed, cores, hop, bytes, bidirectional).into(),
        coherence: Coherence {
            l1: policy(1),
            l2: policy(2),
            llc: policy(3),
            directory: Some((1 << (seed % 4), 1 + (seed / 4 % 8) as usize)),
            adjacent_line_prefetch: seed.is_multiple_of(5) && !snoops,
            ..Coherence::of(tables)
        },
        interrupts,
        clock: Clock { khz: 1_000_000 * (1 + r.below(4)) },
        tasks: (0..cores as u16).map(|i| Some(proc_idx(&program, &format!("task_{i}")))).collect(),
        sources: (0..cores)
            .map(|_| {
                let mut own: Vec<Source> = (0..r.below(4)).map(|i| source(r, &program, i)).collect();
                own.extend(sent(&program));
                own
            })
            .collect(),
        seed,
        stop_at: Cycle(ARRIVALS_END),
        exact: false,
        program,
    }
}

/// Every seventh machine has a bus and no directory.
pub(crate) fn snoops(seed: u64) -> bool {
    seed % 7 == 3
}

/// A bus if it snoops, else a ring for two thirds of the seeds, else a torus or two clusters with queues of one or two messages.
fn topology(seed: u64, cores: usize, hop: u64, bytes: u64, bidirectional: bool) -> Topology {
    let places = 1 + (seed / 6 % 2) as u16;
    let link = LinkParams { shared_wires: bidirectional, ..LinkParams::new(hop, bytes, places) };
    let mut b = Builder::default();
    let stops: Vec<usize> = (0..cores.next_multiple_of(2) + 2).map(|_| b.stop()).collect();
    match seed % 6 {
        _ if snoops(seed) => {
            let clock = ClockRatio::new(1 + seed % 2, 2).expect("not faster than the cores");
            b.bus(&stops, &WireParams { latency: hop, bytes, clock, shared_wires: bidirectional });
        }
        2 => b.mesh(&stops, 2, true, &link),
        5 => {
            let (left, right) = stops.split_at(stops.len() / 2);
            b.ring(left, &WireParams::new(hop, bytes), bidirectional);
            b.crossbar(right, &link);
            b.link(left[0], right[0], &link);
            b.link(right[0], left[0], &link);
        }
        _ => return Topology::ring(cores, &WireParams::new(hop, bytes), bidirectional),
    }
    for &stop in &stops[..cores] {
        b.core(stop);
        b.slice(stop);
    }
    b.memory(stops[cores]);
    b.build().expect("every stop is reached from every other")
}

pub(crate) fn proc_idx(program: &Program, name: &str) -> u16 {
    program.procs.iter().position(|p| p.name == name).expect("the text defines it") as u16
}

fn source(r: &mut Stream, program: &Program, i: u64) -> Source {
    let (vector, handler) = match r.below(4) {
        0 | 1 => (Vector::Nmi, "on_nmi"),
        2 => (Vector::Irq(1 + r.below(15) as u8), "on_irq"),
        _ => (Vector::Irq(1 + r.below(15) as u8), "on_irq_open"),
    };
    // Seldom enough for the task to go on even if a handler takes long.
    let period = 2_500 + r.below(6_000);
    let first = (r.below(2) == 0).then(|| 1 + r.below(3_000));
    let process = match r.below(8) {
        0 => Process::Overflow { period, jitter: r.below(50), first },
        1 => Process::Periodic { period, jitter: r.below(50), first },
        2 => Process::Poisson { mean: period },
        3 => Process::Frequency { interval: period, initial: 1 + r.below(3 * period), first },
        4 => {
            let (count, spacing, poisson) = (1 + r.below(4), 1 + r.below(400), r.below(2) == 0);
            Process::Burst { count, spacing, gap: 2 * period, poisson, first }
        }
        5 => {
            let mut at: Vec<u64> = (0..1 + r.below(8)).map(|_| r.below(ARRIVALS_END)).collect();
            at.sort_unstable();
            Process::Trace { at: at.into() }
        }
        _ => {
            let label = &program.labels[r.below(program.labels.len() as u64) as usize];
            Process::Directed { pc: label.pc, nth: 1 + r.below(60), repeat: false }
        }
    };
    Source { name: format!("source_{i}"), number: i, vector, handler: proc_idx(program, handler), process }
}

/// What programs send: [`SOFT`], [`IPI`], [`NMI`].
fn sent(program: &Program) -> [Source; 3] {
    let source = |number, vector, handler| Source {
        name: format!("sent_{number}"),
        number,
        vector,
        handler: proc_idx(program, handler),
        process: Process::Sent,
    };
    [source(SOFT, Vector::Soft, "on_soft"), source(IPI, Vector::Irq(15), "on_ipi"), source(NMI, Vector::Nmi, "on_ipi")]
}
