// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small memory system, and accesses made one after the other in it while nothing else is under way.

use cache_model::protocol::Tables;
use cache_model::timing::MessageKind::{self, *};
use cache_model::timing::{Builder, Coherence, LineKinds, MemoryParams, MemorySystem, Topology, WireParams};
use sim_core::asm::{Options, assemble};
use sim_core::isa::Width;
use sim_core::ports::{Access, Action, Cause, Completion, MemoryPort, Port, Request};
use sim_core::program::Source;
use sim_core::time::{Cycle, Key};

pub(crate) fn kinds() -> LineKinds {
    let source = Source { name: "empty".into(), text: "proc main() {\n  ret\n}\n".into() };
    LineKinds::of(&assemble(&[source], &Options::default()).expect("an empty procedure assembles"))
}

/// Four cores, caches with room for everything used here: a second level of two lines, for evictions.
pub(crate) fn memory(protocol: &str) -> MemorySystem {
    apart(protocol, (16, 8), None)
}

/// As [`memory`], with sets and ways of a slice's data and of its directory.
pub(crate) fn apart(protocol: &str, llc: (u64, usize), directory: Option<(u64, usize)>) -> MemorySystem {
    let params = MemoryParams {
        cores: 4,
        l1_sets: 1,
        l1_ways: 1,
        l1_hit: 4,
        l2_sets: 1,
        l2_ways: 2,
        l2_hit: 11,
        llc_sets: llc.0,
        llc_ways: llc.1,
        llc_tag: 10,
        llc_data: 27,
        snoop: 60,
        locked_rmw: 18,
        memory: 200,
        memory_interval: 0,
        control_bytes: 8,
        data_bytes: 72,
    };
    let tables = Tables::by_name(protocol).expect("it is listed");
    let wires = WireParams::new(1, 32);
    let network = if tables.snooping { bus(&wires) } else { Topology::ring(4, &wires, true) };
    let coherence = Coherence { directory, ..Coherence::of(tables) };
    MemorySystem::with(params, network.into(), coherence, kinds())
}

/// Four stops with a core and a slice each, and one for memory.
fn bus(wires: &WireParams) -> Topology {
    let mut b = Builder::default();
    let stops: Vec<usize> = (0..5).map(|_| b.stop()).collect();
    b.bus(&stops, wires);
    for &stop in &stops[..4] {
        b.core(stop);
        b.slice(stop);
    }
    b.memory(stops[4]);
    b.build().expect("a bus joins all")
}

/// Performs one access to the first word of a line in a quiet machine, and lets the machine come to rest again.
pub(crate) fn perform(mem: &mut MemorySystem, core: usize, line: u64, action: Action, now: Cycle) -> Completion {
    let request = Request { addr: line * 64, width: Width::U64, action, cause: Cause::default() };
    let mut done = match mem.access(core, Port::Pipeline, &request, now) {
        Access::Done(done) => Some(done),
        Access::Pending => None,
    };
    let mut notices = Vec::new();
    while mem.next_key() != Key::NEVER {
        mem.deliver_next(&mut notices).unwrap_or_else(|f| panic!("{}", f.what));
        for notice in notices.drain(..) {
            if let cache_model::timing::Notice::Completed(_, completion) = notice {
                done = Some(completion);
            }
        }
    }
    assert!(mem.is_quiescent());
    mem.check_coherence().unwrap_or_else(|e| panic!("{e}"));
    done.expect("every access is answered")
}

/// `(core, line, value to store or none for a load)`.
pub(crate) type Step = (usize, u64, Option<u64>);

/// Performs the accesses one after the other, each in a quiet machine; gives the values loaded, and the
/// messages by class less those to and from memory.
pub(crate) fn run(mem: &mut MemorySystem, steps: &[Step]) -> (Vec<u64>, Vec<(MessageKind, u64)>) {
    let before = mem.traffic().by_class;
    let (mut now, mut values) = (Cycle(1_000_000), Vec::new());
    if mem.traffic().by_class.iter().any(|c| c.messages > 0) {
        now = Cycle(2_000_000);
    }
    for &(core, line, store) in steps {
        now = now.after(5000);
        let value = perform(mem, core, line, store.map_or(Action::Load, Action::Store), now).value;
        if store.is_none() {
            values.push(value);
        }
    }
    let memory = [MemRead, MemWrite, MemData];
    let after = mem.traffic().by_class;
    let sent = MessageKind::ALL.into_iter().map(|k| (k, after[k as usize].messages - before[k as usize].messages));
    (values, sent.filter(|(k, n)| *n > 0 && !memory.contains(k)).collect())
}
