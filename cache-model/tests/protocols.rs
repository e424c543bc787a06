// SPDX-License-Identifier: MIT OR Apache-2.0
//! The messages of a few accesses, counted by hand for every protocol.

use cache_model::protocol::Tables;
use cache_model::timing::MessageKind::{self, *};
use cache_model::timing::{Builder, Coherence, LineKinds, MemoryParams, MemorySystem, Topology, WireParams};
use sim_core::asm::{Options, assemble};
use sim_core::isa::Width;
use sim_core::ports::{Access, Action, Cause, MemoryPort, Port, Request};
use sim_core::program::Source;
use sim_core::time::{Cycle, Key};

/// Four cores, caches with room for everything used here: a second level of two lines, for evictions.
fn memory(protocol: &str) -> MemorySystem {
    let params = MemoryParams {
        cores: 4,
        l1_sets: 1,
        l1_ways: 1,
        l1_hit: 4,
        l2_sets: 1,
        l2_ways: 2,
        l2_hit: 11,
        llc_sets: 16,
        llc_ways: 8,
        llc_tag: 10,
        llc_data: 27,
        snoop: 60,
        locked_rmw: 18,
        memory: 200,
        memory_interval: 0,
        control_bytes: 8,
        data_bytes: 72,
    };
    let source = Source { name: "empty".into(), text: "proc main() {\n  ret\n}\n".into() };
    let program = assemble(&[source], &Options::default()).expect("an empty procedure assembles");
    let tables = Tables::by_name(protocol).expect("it is listed");
    let wires = WireParams::new(1, 32);
    let network = if tables.snooping { bus(&wires) } else { Topology::ring(4, &wires, true) };
    MemorySystem::with(params, network.into(), Coherence::of(tables), LineKinds::of(&program))
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

/// `(core, line, value to store or none for a load)`.
type Step = (usize, u64, Option<u64>);

/// Performs the accesses one after the other, each in a quiet machine; gives the values loaded, and the
/// messages by class less those to and from memory.
fn run(mem: &mut MemorySystem, steps: &[Step]) -> (Vec<u64>, Vec<(MessageKind, u64)>) {
    let before = mem.traffic().by_class;
    let (mut now, mut values) = (Cycle(1_000_000), Vec::new());
    if mem.traffic().by_class.iter().any(|c| c.messages > 0) {
        now = Cycle(2_000_000);
    }
    for &(core, line, store) in steps {
        now = now.after(5000);
        let action = store.map_or(Action::Load, Action::Store);
        let request = Request { addr: line * 64, width: Width::U64, action, cause: Cause::default() };
        let mut value = match mem.access(core, Port::Pipeline, &request, now) {
            Access::Done(done) => Some(done.value),
            Access::Pending => None,
        };
        let mut notices = Vec::new();
        while mem.next_key() != Key::NEVER {
            mem.deliver_next(&mut notices).unwrap_or_else(|f| panic!("{}", f.what));
            for notice in notices.drain(..) {
                if let cache_model::timing::Notice::Completed(_, done) = notice {
                    value = Some(done.value);
                }
            }
        }
        let value = value.expect("every access is answered");
        if store.is_none() {
            values.push(value);
        }
        assert!(mem.is_quiescent());
        mem.check_coherence().unwrap_or_else(|e| panic!("{e}"));
    }
    let memory = [MemRead, MemWrite, MemData];
    let after = mem.traffic().by_class;
    let sent = MessageKind::ALL.into_iter().map(|k| (k, after[k as usize].messages - before[k as usize].messages));
    (values, sent.filter(|(k, n)| *n > 0 && !memory.contains(k)).collect())
}

/// One core writes, three read one after the other, the writer writes again.
const SHARED: [Step; 5] = [(0, 7, Some(41)), (1, 7, None), (2, 7, None), (3, 7, None), (0, 7, Some(42))];

#[test]
fn mesi_answers_later_readers_from_the_slice() {
    for protocol in ["msi", "mesi"] {
        let (values, sent) = run(&mut memory(protocol), &SHARED);
        assert_eq!(values, [41; 3]);
        // Data: to the writer, from it to the first reader, two from the slice, and to the writer again.
        let expected = [(GetS, 3), (GetM, 2), (FwdGetS, 1), (Inv, 3), (Data, 5), (DataToHome, 1), (InvAck, 3)];
        assert_eq!(sent, expected, "{protocol}");
    }
}

#[test]
fn mesif_answers_each_reader_from_the_reader_before() {
    let (values, sent) = run(&mut memory("mesif"), &SHARED);
    assert_eq!(values, [41; 3]);
    // The last write is passed on to the last reader, which answers with the data; the first two of three
    // readers acknowledge.
    let expected = [
        (GetS, 3),
        (GetM, 2),
        (FwdGetS, 3),
        (FwdGetM, 1),
        (Inv, 2),
        (Data, 2),
        (DataToHome, 1),
        (InvAck, 2),
        (DataForward, 3),
    ];
    assert_eq!(sent, expected);
}

#[test]
fn moesi_answers_every_reader_from_the_writer_and_grants_its_next_store_without_data() {
    let (values, sent) = run(&mut memory("moesi"), &SHARED);
    assert_eq!(values, [41; 3]);
    // Nothing is written to the slice; Data: to the writer, and from it to three readers.
    let expected = [(GetS, 3), (GetM, 2), (FwdGetS, 3), (Inv, 3), (Data, 4), (InvAck, 3), (Grant, 1)];
    assert_eq!(sent, expected);
}

/// The second read of core 1 comes from memory or not; in the end core 1 drops its clean copy.
#[test]
fn a_shared_copy_goes_with_two_messages_or_with_none() {
    // Lines 8 and 9 drive line 7 out of core 1; they are the only copies, so they go as exclusive ones.
    let steps = [(0, 7, None), (1, 7, None), (1, 8, None), (1, 9, None)];
    let (_, told) = run(&mut memory("mesi"), &steps);
    let (_, silent) = run(&mut memory("mesi-silent"), &steps);
    let common = [(GetS, 4), (FwdGetS, 1), (DataExclusive, 3), (Data, 1), (DataToHome, 1)];
    for (kind, n) in common {
        assert!(told.contains(&(kind, n)) && silent.contains(&(kind, n)), "{told:?} {silent:?}");
    }
    assert!(told.contains(&(PutS, 1)) && told.contains(&(PutAck, 1)));
    assert_eq!(silent.len(), common.len(), "{silent:?}");
    // The home still lists core 1, so a store of core 0 waits for its acknowledgement all the same.
    for (protocol, invs) in [("mesi", 0), ("mesi-silent", 1)] {
        let mut mem = memory(protocol);
        run(&mut mem, &steps);
        let (_, sent) = run(&mut mem, &[(0, 7, Some(1))]);
        let count = |kind| sent.iter().find(|s| s.0 == kind).map_or(0, |s| s.1);
        assert_eq!((count(Inv), count(InvAck)), (invs, invs), "{protocol}");
    }
}

#[test]
fn on_a_bus_a_request_is_one_message_however_many_observe_it() {
    for (protocol, first, count_upgrades) in [("snoop-msi", Data, 1), ("snoop-mesi", DataExclusive, 0)] {
        let mut mem = memory(protocol);
        let (values, sent) = run(&mut mem, &SHARED);
        assert_eq!(values, [41; 3]);
        // Data: to the writer, from it to the first reader, two from the slice. The last store sends one message.
        let expected = [(GetS, 3), (GetM, 1), (Data, 4), (DataToHome, 1), (BusUpgr, 1)];
        assert_eq!(sent, expected, "{protocol}");
        let class = |mem: &MemorySystem, kind: MessageKind| {
            let c = mem.traffic().by_class[kind as usize];
            (c.messages, c.bytes, c.hops)
        };
        assert_eq!(class(&mem, GetS), (3, 24, 3));
        assert_eq!(class(&mem, BusUpgr), (1, 8, 1));
        assert_eq!((class(&mem, MemRead).0, class(&mem, MemData).0), (1, 1), "one line from memory");
        // A reader that is alone, and then writes.
        let (_, alone) = run(&mut memory(protocol), &[(0, 7, None), (0, 7, Some(1))]);
        let upgrade = [(BusUpgr, 1)];
        assert_eq!(alone, [&[(GetS, 1), (first, 1)], &upgrade[..count_upgrades]].concat(), "{protocol}");
        // A written line that is driven out goes to the slice behind a request without data, a clean shared one silently.
        let mut mem = memory(protocol);
        let steps =
            [(0, 7, Some(5)), (0, 8, Some(1)), (0, 9, Some(1)), (1, 7, None), (2, 7, None), (2, 8, None), (2, 9, None)];
        let (values, sent) = run(&mut mem, &steps);
        assert_eq!(values, [5, 5, 1, 1]);
        let count = |kind| sent.iter().find(|s| s.0 == kind).map_or(0, |s| s.1);
        // To the slice: line 7, then 8 and 9 when core 2 reads them, and 7 again if core 1 has it exclusively.
        let to_slice = 3 + (1 - count_upgrades as u64);
        let counts = (count(PutM), count(PutE), count(PutS), count(DataToHome));
        assert_eq!(counts, (1, 0, 0, to_slice), "{protocol}: {sent:?}");
        assert_eq!(class(&mem, PutM), (1, 8, 1));
    }
}

#[test]
fn an_upgrade_that_comes_too_late_counts_as_a_get_m() {
    let mut mem = memory("snoop-mesi");
    run(&mut mem, &[(0, 7, None), (1, 7, None)]);
    let before = mem.traffic().by_class;
    for core in [0, 1] {
        let addr = 7 * 64 + 8 * core as u64;
        let request = Request { addr, width: Width::U64, action: Action::Store(1), cause: Cause::default() };
        assert_eq!(mem.access(core, Port::Pipeline, &request, Cycle(3_000_000)), Access::Pending);
    }
    while mem.next_key() != Key::NEVER {
        mem.deliver_next(&mut Vec::new()).unwrap_or_else(|f| panic!("{}", f.what));
    }
    assert_eq!(mem.check_coherence(), Ok(()));
    assert_eq!([7 * 64, 7 * 64 + 8].map(|a| mem.value(a, Width::U64)), [1, 1]);
    let sent = |kind: MessageKind| mem.traffic().by_class[kind as usize].messages - before[kind as usize].messages;
    assert_eq!((sent(BusUpgr), sent(GetM), sent(Data)), (2, 0, 1), "the second gets the line from the first");
}
