// SPDX-License-Identifier: MIT OR Apache-2.0
//! The messages of a few accesses, counted by hand for every protocol.

mod common;

use cache_model::timing::MessageKind::*;
use common::{Step, memory, run};

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
