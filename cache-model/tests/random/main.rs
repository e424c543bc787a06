// SPDX-License-Identifier: MIT OR Apache-2.0
//! The random tester on every protocol and interconnect, and on broken protocols. A failure names
//! its seed; `sim test-memory` with the same arguments repeats it.

use cache_model::protocol::{SNOOPING, Tables};
use cache_model::tester::{FAULTS, Failure, Fault, INTERCONNECTS, Reached, Setup, Shape, Sizes};
use cache_model::timing::MessageKind;

/// Messages that a protocol never sends.
fn lacks(protocol: &str) -> Vec<MessageKind> {
    use MessageKind::*;
    let has = |variant| protocol.split('-').any(|part| part == variant);
    let snoops = has("snoop");
    let (msi, f, o) = (has("msi"), has("mesif"), has("moesi"));
    [
        (DataExclusive, !msi),
        (PutE, !msi),
        (PutS, (!has("silent") || f) && !snoops),
        (FwdGetS, !snoops),
        (FwdGetM, !snoops),
        (Inv, !snoops),
        (PutAck, !snoops),
        (InvAck, !snoops),
        (BusUpgr, snoops),
        (DataForward, f),
        (Grant, f || o || has("upgrade")),
        (Upgrade, has("upgrade")),
        (Atomic, has("far")),
        (AtomicData, has("far")),
    ]
    .into_iter()
    .filter(|(_, sent)| !sent)
    .map(|(kind, _)| kind)
    .collect()
}

fn run_all(protocol: &str, shapes: &[&'static str], seeds: std::ops::Range<u64>, sizes: Sizes) -> Reached {
    let tables = Tables::by_name(protocol).expect("it is listed");
    let mut all = Reached::default();
    for (seed, name) in seeds.clone().zip(shapes.iter().cycle()) {
        let setup = Setup::draw(tables, &Shape::Named(name, None), sizes, 1600, seed);
        let one = setup.run().unwrap_or_else(|f| {
            panic!("{protocol}, {name}, seed {}: {}\n{:?}\n{}", f.seed, f.what, setup.params, f.history)
        });
        all.evictions += one.evictions;
        for (sum, c) in all.traffic.by_class.iter_mut().zip(&one.traffic.by_class) {
            sum.messages += c.messages;
        }
    }
    let count = seeds.end - seeds.start;
    if count < 48 {
        return all; // Too few to meet every kind of message.
    }
    // Otherwise the seeds do not show what they are there for.
    for kind in MessageKind::ALL {
        let messages = all.traffic.by_class[kind as usize].messages;
        if lacks(protocol).contains(&kind) {
            assert_eq!(messages, 0, "{protocol}: {}", kind.name());
        } else {
            assert!(messages > count, "{protocol}: only {messages} {}", kind.name());
        }
    }
    assert!(all.evictions > 40 * count);
    all
}

/// The protocols and their seeds, `first` * 128 being the first one. The more variants, the fewer, unless
/// RQSIM_LONG is set.
fn protocols(first: u64) -> impl Iterator<Item = (&'static str, std::ops::Range<u64>)> {
    let long = std::env::var_os("RQSIM_LONG").is_some();
    (first..).zip(Tables::all()).map(move |(i, t)| {
        let seeds = match t.name.split('-').skip(1).collect::<Vec<_>>()[..] {
            [] | ["silent"] => 128,
            _ if long => 128,
            [_] => 48,
            _ => 8,
        };
        (&*t.name, 128 * i..128 * i + seeds)
    })
}

#[test]
fn small_caches_keep_values_and_make_progress() {
    for (protocol, seeds) in protocols(0) {
        run_all(protocol, &["ring", "one-way-ring"], seeds, Sizes::TINY);
    }
}

/// Messages wait in queues of one place, pass each other on other ways, and share memory controllers.
#[test]
fn networks_with_tiny_queues_keep_values_and_make_progress() {
    for (protocol, seeds) in protocols(0) {
        run_all(protocol, &INTERCONNECTS[2..], seeds, Sizes::TINY);
    }
}

/// With one way, a line in transition blocks every other line of its set.
#[test]
fn single_ways_neither_lose_a_value_nor_block_each_other_for_good() {
    for (protocol, seeds) in protocols(8) {
        run_all(protocol, &["ring", "one-way-ring"], seeds, Sizes::SINGLE_WAY);
    }
}

/// More cores than a line has slots.
#[test]
fn forty_cores_share_out_the_slots() {
    let tables = Tables::by_name("mesi").expect("it is listed");
    for name in INTERCONNECTS {
        let setup = Setup::draw(tables, &Shape::Named(name, Some(40)), Sizes::TINY, 2000, 5);
        let reached = setup.run().unwrap_or_else(|f| panic!("{name}: {}\n{}", f.what, f.history));
        assert_eq!(reached.accesses, 2000);
    }
}

/// The first failure of a broken protocol.
fn caught(fault: &Fault, protocol: &str) -> Failure {
    let tables = fault.into_tables(Tables::by_name(protocol).expect("it is listed"));
    let runs = (0..40).map(|seed| Setup::draw(tables, &Shape::Named("ring", None), Sizes::TINY, 1600, seed).run());
    runs.filter_map(Result::err).next().unwrap_or_else(|| panic!("{protocol}: {} was not caught", fault.name))
}

#[test]
fn every_deliberate_fault_is_caught_with_its_history() {
    for fault in &FAULTS {
        let f = caught(fault, "mesi");
        assert!(f.history.contains("home slice") && f.history.contains(" gets "), "{}: {}", fault.name, f.history);
    }
}

/// The watchdog: a lost acknowledgement leaves a writer waiting, and the history shows who was asked
/// to acknowledge and who still waits.
#[test]
fn a_lost_acknowledgement_is_a_stuck_core_with_the_invalidation_in_its_history() {
    let f = caught(Fault::by_name("dropped-inv-ack").expect("it is listed"), "mesi");
    assert!(f.what.contains("got no answer") || f.what.contains("something waits"), "{}", f.what);
    assert!(f.history.contains("acknowledgements missing"), "{}", f.history);
    assert!(f.history.contains("gets Inv for cache"), "{}", f.history);
    assert!(f.history.contains(" waits at its "), "{}", f.history);
}

/// The checker of values: a reader gets what the home had before the owner wrote.
#[test]
fn stale_data_are_a_wrong_value_with_both_sides_in_its_history() {
    let f = caught(Fault::by_name("stale-forward").expect("it is listed"), "mesi");
    assert!(f.what.contains("was the least possible"), "{}", f.what);
    assert!(f.history.contains("gets GetS from cache") && f.history.contains("gets Data from slice"), "{}", f.history);
}

/// Caches and slices that lose lines all the time, in the order of the bus and in that of its answers.
#[test]
fn snooping_keeps_values_and_makes_progress() {
    for (i, protocol) in (0..).zip(SNOOPING) {
        run_all(protocol, &["bus"], 128 * i..128 * i + 128, Sizes::TINY);
        run_all(protocol, &["bus"], 1024 + 128 * i..1024 + 128 * i + 128, Sizes::SINGLE_WAY);
    }
}
