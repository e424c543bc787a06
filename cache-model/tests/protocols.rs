// SPDX-License-Identifier: MIT OR Apache-2.0
//! The messages of a few accesses, counted by hand for every protocol.

mod common;

use cache_model::protocol::Tables;
use cache_model::timing::MessageKind::{self, *};
use cache_model::timing::{Coherence, MemorySystem, Topology, WireParams};
use common::{Step, apart, kinds, memory, perform, run};
use sim_core::isa::{RmwFn, Width};
use sim_core::ports::{Access, Action, Cause, MemoryPort, Port, Request};
use sim_core::time::{Cycle, Key};

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

/// As above, and core 0 has a copy when it writes again: one message of eight bytes in place of one with the line.
#[test]
fn an_upgrade_asks_for_no_data_and_gets_none() {
    for protocol in ["msi-upgrade", "mesi-upgrade", "mesi-silent-upgrade"] {
        let mut mem = memory(protocol);
        let (values, sent) = run(&mut mem, &SHARED);
        assert_eq!(values, [41; 3]);
        let expected = [
            (GetS, 3),
            (GetM, 1),
            (FwdGetS, 1),
            (Inv, 3),
            (Data, 4),
            (DataToHome, 1),
            (InvAck, 3),
            (Grant, 1),
            (Upgrade, 1),
        ];
        assert_eq!(sent, expected, "{protocol}");
        assert_eq!(run(&mut mem, &[(2, 7, None)]).0, [42], "{protocol}");
    }
}

/// The bytes of one store to a line that two cores have, both ways.
#[test]
fn an_upgrade_without_data_saves_a_lines_worth_of_bytes() {
    let bytes = |protocol| {
        let mut mem = memory(protocol);
        run(&mut mem, &[(0, 7, None), (1, 7, None)]);
        let before: u64 = mem.traffic().by_class.iter().map(|c| c.bytes).sum();
        run(&mut mem, &[(0, 7, Some(1))]);
        mem.traffic().by_class.iter().map(|c| c.bytes).sum::<u64>() - before
    };
    // GetM or Upgrade, Inv, Inv-Ack, and the answer: with the line or not.
    assert_eq!((bytes("mesi"), bytes("mesi-upgrade")), (3 * 8 + 72, 4 * 8));
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

/// The first `n` lines that have their home where line 0 has it.
fn of_one_home(mem: &MemorySystem, n: usize) -> Vec<u64> {
    (0..).filter(|&l| mem.slice_of(l) == mem.slice_of(0)).take(n).collect()
}

fn sent(mem: &MemorySystem, kind: MessageKind) -> u64 {
    mem.traffic().by_class[kind as usize].messages
}

/// One way for data, and room in the directory: data go, copies stay, and memory answers the next reader.
#[test]
fn data_leave_a_slice_that_is_not_inclusive_without_the_copies_noticing() {
    let mut mem = apart("mesi-noninclusive", (1, 1), Some((16, 8)));
    let [a, b] = of_one_home(&mem, 2)[..] else { panic!("there are two such lines") };
    let (values, _) = run(&mut mem, &[(0, a, Some(41)), (1, a, None), (2, b, None)]);
    assert_eq!((values, sent(&mem, MemRead), sent(&mem, MemWrite)), (vec![41, 0], 2, 1));
    // The copies of core 0 and core 1 are still there; core 3's has to be fetched.
    let (values, messages) = run(&mut mem, &[(0, a, None), (1, a, None)]);
    assert_eq!((values, messages), (vec![41, 41], vec![]));
    let (values, messages) = run(&mut mem, &[(3, a, None)]);
    assert_eq!((values, messages), (vec![41], vec![(GetS, 1), (Data, 1)]));
    assert_eq!((sent(&mem, MemRead), sent(&mem, Inv), sent(&mem, FwdGetM)), (3, 0, 0));
    // An inclusive slice of the same size takes the copies back.
    let mut inclusive = apart("mesi", (1, 1), None);
    run(&mut inclusive, &[(0, a, Some(41)), (1, a, None), (2, b, None)]);
    assert_eq!(sent(&inclusive, Inv), 2);
}

/// One entry in the directory, and room for data: copies go, their data stay in the slice.
#[test]
fn a_full_directory_takes_copies_back_and_keeps_their_data() {
    let mut mem = apart("mesi-noninclusive", (16, 8), Some((1, 1)));
    let [a, b] = of_one_home(&mem, 2)[..] else { panic!("there are two such lines") };
    let (values, messages) = run(&mut mem, &[(0, a, Some(41)), (1, b, None), (2, a, None)]);
    assert_eq!(values, [0, 41]);
    let expected = [(GetS, 2), (GetM, 1), (FwdGetM, 2), (DataExclusive, 2), (Data, 1), (DataToHome, 2)];
    assert_eq!(messages, expected);
    assert_eq!((sent(&mem, MemRead), sent(&mem, MemWrite)), (2, 0));
}

/// An operation goes to the home unless its core owns the line alone; compare-and-swap never does.
#[test]
fn operations_are_executed_at_the_home_and_leave_the_line_there() {
    for protocol in ["mesi-far", "mesi-silent-upgrade-far", "mesi-noninclusive-far"] {
        let mut mem = memory(protocol);
        let mut now = Cycle(0);
        let mut ask = |mem: &mut MemorySystem, core, action| {
            now = now.after(5000);
            let before = mem.traffic().by_class;
            let done = perform(mem, core, 7, action, now);
            let sent = |k: &MessageKind| mem.traffic().by_class[*k as usize].messages > before[*k as usize].messages;
            let kinds: Vec<MessageKind> = MessageKind::ALL.into_iter().filter(sent).collect();
            ((done.value, done.written), kinds)
        };
        let add = Action::Rmw(RmwFn::FetchAdd, 1, 0);
        let swap = Action::Rmw(RmwFn::Xchg, 90, 0);
        let cas = |a| Action::Rmw(RmwFn::Cas, a, 5);
        ask(&mut mem, 0, Action::Store(41));
        // The owner's copy is taken back; after that nobody has one.
        assert_eq!(ask(&mut mem, 1, add), ((41, true), vec![FwdGetM, DataToHome, Atomic, AtomicData]), "{protocol}");
        assert_eq!(ask(&mut mem, 2, add), ((42, true), vec![Atomic, AtomicData]), "{protocol}");
        // Two readers, one of which asks for the next operation, lose their copies.
        assert_eq!(ask(&mut mem, 3, Action::Load).0, (43, false));
        ask(&mut mem, 2, Action::Load);
        assert_eq!(ask(&mut mem, 3, swap), ((43, true), vec![Inv, InvAck, Atomic, AtomicData]), "{protocol}");
        // An owner needs nobody.
        assert_eq!(ask(&mut mem, 3, Action::Load), ((90, false), vec![GetS, DataExclusive]), "{protocol}");
        assert_eq!(ask(&mut mem, 3, add), ((90, true), vec![]), "{protocol}");
        assert_eq!(ask(&mut mem, 0, cas(17)), ((91, false), vec![GetM, FwdGetM, Data]), "{protocol}");
        assert_eq!(mem.value(7 * 64, Width::U64), 91);
        // An operand or a value beside the header.
        for kind in [Atomic, AtomicData] {
            let count = mem.traffic().by_class[kind as usize];
            assert_eq!((count.messages, count.bytes), (3, 3 * 16), "{protocol}");
        }
    }
}

/// A miss asks for both lines of a pair, and a line that is there or under way is not asked for again.
#[test]
fn a_miss_brings_the_other_line_of_its_pair() {
    let plain = memory("mesi");
    let tables = Tables::by_name("mesi").expect("it is listed");
    let ring = Topology::ring(4, &WireParams::new(1, 32), true);
    let coherence = Coherence { adjacent_line_prefetch: true, ..Coherence::of(tables) };
    let mut mem = MemorySystem::with(*plain.params(), ring.into(), coherence, kinds());
    let (_, messages) = run(&mut mem, &[(0, 6, None)]);
    assert_eq!(messages, [(GetS, 2), (DataExclusive, 2)]);
    let (_, messages) = run(&mut mem, &[(0, 7, Some(5)), (0, 6, None), (0, 7, None)]);
    assert_eq!(messages, [], "both are there");
    let (values, messages) = run(&mut mem, &[(1, 7, None)]);
    assert_eq!((values, messages[0]), (vec![5], (GetS, 2)), "the reader of one takes a copy of the other too");
    // An upgrade is no miss. It takes line 7 from core 1, which therefore misses, and has line 6.
    let (values, messages) = run(&mut mem, &[(0, 7, Some(8)), (1, 7, None)]);
    assert_eq!((values, messages[0], messages[1]), (vec![8], (GetS, 1), (GetM, 1)));
    let counts = [0, 1].map(|core| (mem.hits(core).misses, mem.hits(core).prefetches));
    assert_eq!(counts, [(2, 1), (2, 1)]);
    // The first level holds what was wanted only.
    assert_eq!(mem.hits(0).l2_hits, 3);
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

/// The slice executes one operation on a line at a time, 27 cycles each, in the order in which they came.
#[test]
fn operations_on_a_line_are_executed_one_behind_the_other() {
    for protocol in ["mesi-far", "mesi-noninclusive-far"] {
        let mut mem = memory(protocol);
        perform(&mut mem, 0, 7, Action::Rmw(RmwFn::FetchAdd, 1, 0), Cycle(1000));
        for core in 0..4 {
            let action = Action::Rmw(RmwFn::FetchAdd, 1, 0);
            let request = Request { addr: 7 * 64, width: Width::U64, action, cause: Cause::default() };
            assert_eq!(mem.access(core, Port::Pipeline, &request, Cycle(5000)), Access::Pending);
        }
        let (mut notices, mut ends, mut olds) = (Vec::new(), Vec::new(), Vec::new());
        while mem.next_key() != Key::NEVER {
            mem.deliver_next(&mut notices).unwrap_or_else(|f| panic!("{}", f.what));
            for notice in notices.drain(..) {
                if let cache_model::timing::Notice::Completed(_, done) = notice {
                    ends.push(done.at.0);
                    olds.push(done.value);
                }
            }
        }
        assert!(mem.is_quiescent());
        olds.sort_unstable();
        assert_eq!(olds, [1, 2, 3, 4], "{protocol}");
        // The answers' ways differ by a hop or two.
        ends.sort_unstable();
        assert!(ends[3] - ends[0] >= 3 * 27 - 2, "{protocol}: {ends:?}");
    }
}
