// SPDX-License-Identifier: MIT OR Apache-2.0
//! Textbook patterns of sharing: messages and bytes of one round in the steady state, counted by hand for
//! every protocol. A message is 8 bytes without data and 72 with; nothing goes to memory after the first touch.

#[allow(dead_code)] // Another test file uses all of it.
mod common;

use cache_model::timing::MessageKind::{self, *};
use common::{Step, memory, run};

/// Messages by class, and their bytes, of one round when one round has been made before.
fn steady(protocol: &str, round: &[Step]) -> (Vec<(MessageKind, u64)>, u64) {
    let mut mem = memory(protocol);
    run(&mut mem, round);
    let before: u64 = mem.traffic().by_class.iter().map(|c| c.bytes).sum();
    let (_, sent) = run(&mut mem, round);
    let after: u64 = mem.traffic().by_class.iter().map(|c| c.bytes).sum();
    (sent, after - before)
}

/// A protocol, the messages of a round in the order of their classes, and their bytes.
type Expected<'a> = (&'a str, &'a [(MessageKind, u64)], u64);

/// Checks a round of every base protocol.
fn check(round: &[Step], expected: &[Expected<'_>]) {
    for (protocol, messages, bytes) in expected {
        assert_eq!(steady(protocol, round), (messages.to_vec(), *bytes), "{protocol}");
    }
}

/// Core 0 writes, core 1 reads.
#[test]
fn producer_and_consumer() {
    let round = [(0, 7, Some(1)), (1, 7, None)];
    // The producer's copy is shared since the last read: it asks again and gets the line and the consumer's
    // acknowledgement; the consumer's read is forwarded, answered, and copied to the slice.
    // 5 * 8 + 3 * 72.
    let mesi: &[_] = &[(GetS, 1), (GetM, 1), (FwdGetS, 1), (Inv, 1), (Data, 2), (DataToHome, 1), (InvAck, 1)];
    // The consumer was made the forwarder, so the producer's write is forwarded to it and answered with the
    // data, which takes the place of Inv and Inv-Ack. 4 * 8 + 3 * 72.
    let mesif: &[_] = &[(GetS, 1), (GetM, 1), (FwdGetS, 1), (FwdGetM, 1), (Data, 1), (DataToHome, 1), (DataForward, 1)];
    // The producer stays the owner: its write needs a grant only, and nothing goes to the slice. 6 * 8 + 72.
    let moesi: &[_] = &[(GetS, 1), (GetM, 1), (FwdGetS, 1), (Inv, 1), (Data, 1), (InvAck, 1), (Grant, 1)];
    check(&round, &[("msi", mesi, 256), ("mesi", mesi, 256), ("mesif", mesif, 248), ("moesi", moesi, 120)]);
}

/// Each core in turn reads a line and then writes it, as a counter without atomics would be.
#[test]
fn migratory() {
    let round: Vec<Step> = (0..4).flat_map(|core| [(core, 7, None), (core, 7, Some(core as u64 + 1))]).collect();
    // A visit: the read is forwarded, answered and copied to the slice; the write asks for the line again and for
    // the previous core's acknowledgement. 5 * 8 + 3 * 72 = 256 bytes, four visits.
    let mesi: &[_] = &[(GetS, 4), (GetM, 4), (FwdGetS, 4), (Inv, 4), (Data, 8), (DataToHome, 4), (InvAck, 4)];
    // The reader became the forwarder and is granted its write without data. 6 * 8 + 2 * 72 = 192 bytes.
    let mesif: &[_] =
        &[(GetS, 4), (GetM, 4), (FwdGetS, 4), (Inv, 4), (DataToHome, 4), (InvAck, 4), (DataForward, 4), (Grant, 4)];
    // The previous core stays the owner, so the write is forwarded to it and answered with the line, which it
    // sends a second time. 4 * 8 + 2 * 72 = 176 bytes.
    let moesi: &[_] = &[(GetS, 4), (GetM, 4), (FwdGetS, 4), (FwdGetM, 4), (Data, 8)];
    check(&round, &[("msi", mesi, 1024), ("mesi", mesi, 1024), ("mesif", mesif, 768), ("moesi", moesi, 704)]);
}

/// Two cores write words of their own in one line by turns.
#[test]
fn false_sharing() {
    let round: Vec<Step> = (0..10).map(|i| (i % 2, 7, Some(i as u64))).collect();
    // Each write takes the whole line from the other core: request, forward, line. 2 * 8 + 72 = 88 bytes.
    let all: &[_] = &[(GetM, 10), (FwdGetM, 10), (Data, 10)];
    check(&round, &["msi", "mesi", "mesif", "moesi"].map(|p| (p, all, 880)));
    // In lines of their own nothing is sent at all.
    let padded: Vec<Step> = (0..10).map(|i| (i % 2, 7 + i as u64 % 2, Some(i as u64))).collect();
    check(&padded, &["msi", "mesi", "mesif", "moesi"].map(|p| (p, &[][..], 0)));
}

/// Core 0 writes once, the three others read three times each.
#[test]
fn read_mostly() {
    let reads = (0..9).map(|i| (1 + i % 3, 7, None));
    let round: Vec<Step> = std::iter::once((0, 7, Some(1))).chain(reads).collect();
    // The first reader's miss is forwarded and copied to the slice, which answers the other two; six reads hit.
    // The write gets the line and three acknowledgements. 11 * 8 + 5 * 72.
    let mesi: &[_] = &[(GetS, 3), (GetM, 1), (FwdGetS, 1), (Inv, 3), (Data, 4), (DataToHome, 1), (InvAck, 3)];
    // Each reader is answered by the one before; the write is forwarded to the last one, and the two others
    // acknowledge. 12 * 8 + 5 * 72.
    let mesif: &[_] = &[
        (GetS, 3),
        (GetM, 1),
        (FwdGetS, 3),
        (FwdGetM, 1),
        (Inv, 2),
        (Data, 1),
        (DataToHome, 1),
        (InvAck, 2),
        (DataForward, 3),
    ];
    // The writer answers all three and is granted its next write. 14 * 8 + 3 * 72.
    let moesi: &[_] = &[(GetS, 3), (GetM, 1), (FwdGetS, 3), (Inv, 3), (Data, 3), (InvAck, 3), (Grant, 1)];
    check(&round, &[("msi", mesi, 448), ("mesi", mesi, 448), ("mesif", mesif, 456), ("moesi", moesi, 328)]);
}
