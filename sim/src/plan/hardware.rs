// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a machine's description comes to: sizes and latencies in cycles of its clock.

use cache_model::protocol::Tables;
use cache_model::timing::{Coherence, MemoryParams, Numa, Replacement, Topology};
use configs::Machine as MachineConfig;
use interrupt_ctrl::InterruptCosts;
use sim_core::core::{CoreParams, MemoryModel};

use super::InputError;
use crate::network;

/// Sizes, latencies and network of a machine's memory system.
///
/// # Errors
/// A network whose routes need too many virtual channels.
pub fn memory_of(m: &MachineConfig) -> Result<(MemoryParams, Topology), InputError> {
    let network = network::topology(m).map_err(|e| {
        InputError::text(&format!("{}: {e}", m.name), "write links in the order in which most messages use them")
    })?;
    Ok((memory_params(m), network))
}

pub(crate) fn memory_params(m: &MachineConfig) -> MemoryParams {
    let khz = m.clock.khz();
    let cy = |s: configs::Span| s.cycles(khz);
    let sets = |capacity: u64, ways: u32| capacity / (configs::LINE_BYTES * u64::from(ways));
    MemoryParams {
        cores: m.cores as usize,
        l1_sets: sets(m.l1d.capacity.0, m.l1d.ways),
        l1_ways: m.l1d.ways as usize,
        l1_hit: cy(m.l1d.hit),
        l2_sets: sets(m.l2.capacity.0, m.l2.ways),
        l2_ways: m.l2.ways as usize,
        l2_hit: cy(m.l2.hit),
        llc_sets: sets(m.llc.slice_capacity.0, m.llc.ways),
        llc_ways: m.llc.ways as usize,
        llc_tag: cy(m.llc.tag),
        llc_data: cy(m.llc.tag) + cy(m.llc.data),
        snoop: cy(m.snoop),
        locked_rmw: cy(m.latencies.locked_rmw),
        memory: cy(m.memory.latency),
        memory_interval: cy(m.memory.interval),
        control_bytes: u64::from(m.messages.control_bytes),
        data_bytes: u64::from(m.messages.data_bytes),
    }
}

pub(crate) fn coherence(m: &MachineConfig) -> Coherence {
    Coherence {
        tables: Tables::by_name(&m.protocol_tables()).expect("every protocol of a config has tables"),
        l1: replacement(m.l1d.replacement),
        l2: replacement(m.l2.replacement),
        llc: replacement(m.llc.replacement),
        adjacent_line_prefetch: m.adjacent_line_prefetch,
        directory: match m.llc.inclusion {
            configs::Inclusion::Inclusive => None,
            configs::Inclusion::NonInclusive { slice_directory_entries, directory_ways } => {
                Some((u64::from(slice_directory_entries / directory_ways), directory_ways as usize))
            }
        },
        numa: match m.numa {
            configs::Numa::Hashed => Numa::Hashed,
            configs::Numa::Node(n) => Numa::Node(n),
            configs::Numa::Interleaved => Numa::Interleaved,
        },
        seed: 0,
    }
}

fn replacement(r: configs::Replacement) -> Replacement {
    match r {
        configs::Replacement::Lru => Replacement::Lru,
        configs::Replacement::TreePlru => Replacement::TreePlru,
        configs::Replacement::Random => Replacement::Random,
        configs::Replacement::Srrip => Replacement::Srrip,
    }
}

pub(crate) fn interrupt_costs(m: &MachineConfig) -> InterruptCosts {
    let cy = |s: configs::Span| s.cycles(m.clock.khz());
    let i = &m.interrupts;
    InterruptCosts {
        nmi_entry: cy(i.nmi_entry),
        nmi_exit: cy(i.nmi_exit),
        irq_entry: cy(i.irq_entry),
        irq_exit: cy(i.irq_exit),
        soft_entry: cy(i.softirq_entry),
        soft_exit: cy(i.softirq_exit),
        delivery: cy(i.delivery),
        ipi: cy(i.ipi).max(1),
    }
}

pub(crate) fn core_params(m: &MachineConfig) -> CoreParams {
    let khz = m.clock.khz();
    let cy = |s: configs::Span| s.cycles(khz) as u32;
    let l = &m.latencies;
    let (model, store_buffer) = match m.memory_model {
        configs::MemoryModel::Tso { store_buffer_entries } => (MemoryModel::Tso, store_buffer_entries),
        configs::MemoryModel::Weak { store_buffer_entries, invalidation_queue_entries, invalidation_delay } => {
            let delay = invalidation_delay.cycles(khz);
            (MemoryModel::Weak { queue: invalidation_queue_entries, delay }, store_buffer_entries)
        }
        configs::MemoryModel::Sc => (MemoryModel::Sc, 1),
    };
    CoreParams {
        width: m.width,
        model,
        store_buffer,
        alu: cy(l.alu),
        branch: cy(l.branch),
        call: cy(l.call),
        load_forward: cy(l.load_forward),
        fence: cy(l.fence),
        pause: cy(l.pause),
        timestamp: cy(l.timestamp),
        irq_flag: cy(l.irq_flag),
        context_read: cy(l.context_read),
        event_stream: m.event_stream.map_or(0, |s| s.cycles(khz)),
    }
}
