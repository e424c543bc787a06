// SPDX-License-Identifier: MIT OR Apache-2.0
//! Traffic by field, program line and context, and who shares lines falsely: counted by hand.

use crate::common::{finish, machine, tiny};
use cache_model::protocol::Tables;
use cache_model::timing::Coherence;
use reports::attribution::{Attribution, Site};
use rqsim::attribution::attribution;
use rqsim::machine::MachineSpec;

fn run(spec: &MachineSpec, text: &str) -> Attribution {
    let mut m = machine(spec, text);
    m.attribute();
    let m = finish(m);
    attribution(&m, m.last_event()).expect("it was asked for")
}

fn with_tables(name: &str) -> MachineSpec {
    MachineSpec { coherence: Coherence::of(Tables::by_name(name).expect("it is listed")), ..tiny() }
}

/// Two counters, each for one core.
fn counters(layout: &str) -> String {
    let count = |core: u32, field: &str| {
        format!(
            "proc t{core}() {{\n  i = 0\nagain:\n  i = i + 1\n  x = load.u32 [c.{field}]\n  x = x + 1\n  \
             store.u32 [c.{field}], x\n  pause\n  if i < 200 goto again\n  ret\n}}\n"
        )
    };
    format!("struct two align 64 kind payload {{ {layout} }}\nobject c: two\n{}{}", count(0, "mine"), count(1, "yours"))
}

/// Pairs of fields that share a line falsely, and how often a line was taken for it.
fn false_pairs(a: &Attribution) -> Vec<(String, String, u64)> {
    let of_kind = a.sharing.iter().filter(|s| s.kind == reports::names::FALSE_SHARING);
    let mut pairs: Vec<(String, String, u64)> = Vec::new();
    for s in of_kind {
        let victim = s.victim.as_ref().expect("false sharing has a victim").field.clone();
        let times = s.invalidations + s.downgrades;
        match pairs.iter_mut().find(|p| p.0 == s.taker.field && p.1 == victim) {
            Some(p) => p.2 += times,
            None => pairs.push((s.taker.field.clone(), victim, times)),
        }
    }
    pairs
}

#[test]
fn two_counters_on_one_line_are_named_and_padding_ends_it() {
    for protocol in Tables::all().into_iter().map(|t| &*t.name) {
        let spec = with_tables(protocol);
        let shared = run(&spec, &counters("mine: u32, yours: u32"));
        let found = false_pairs(&shared);
        let names: Vec<(&str, &str)> = found.iter().map(|p| (p.0.as_str(), p.1.as_str())).collect();
        assert_eq!(names, [("c.mine", "c.yours"), ("c.yours", "c.mine")], "{protocol}");
        assert!(found.iter().all(|p| p.2 > 20), "{protocol}: {found:?}");
        assert!(
            shared.sharing.iter().all(|s| s.kind == reports::names::FALSE_SHARING),
            "nothing is shared: {protocol}"
        );
        let padded = run(&spec, &counters("mine: u32, yours: u32 @64"));
        assert_eq!(padded.sharing, [], "{protocol}");
        assert_eq!(padded.sites.iter().map(|s| s.invalidations + s.transfers).sum::<u64>(), 0, "{protocol}");
    }
}

/// Core 0 writes, then core 1 reads, then core 2 writes another field of the line.
const HAND: &str = "struct line align 64 kind payload { data: u64, other: u64 }
object x: line
proc t0() {
  store.u64 [x.data], 7
  ret
}
proc t1() {
  work 2000cy
  a = load.u64 [x.data]
  ret
}
proc t2() {
  work 4000cy
  store.u64 [x.other], 1
  ret
}
";

fn site<'a>(a: &'a Attribution, text: &str) -> &'a Site {
    let found: Vec<&Site> = a.sites.iter().filter(|s| s.access.text == text).collect();
    assert_eq!(found.len(), 1, "{text}: {:?}", a.sites);
    found[0]
}

fn messages(s: &Site) -> Vec<(&str, u64)> {
    s.by_class.iter().map(|(c, t)| (c.as_str(), t.messages)).collect()
}

#[test]
fn a_write_a_read_and_a_write_are_charged_to_the_lines_that_did_them() {
    let a = run(&tiny(), HAND);
    let first = site(&a, "store.u64 [x.data], 7");
    assert_eq!(messages(first), [("Data", 1), ("GetM", 1), ("Mem-Data", 1), ("Mem-Read", 1)]);
    assert_eq!((first.misses, first.invalidations, first.transfers), (1, 0, 0));
    let read = site(&a, "a = load.u64 [x.data]");
    assert_eq!(messages(read), [("Data", 1), ("Data-to-home", 1), ("Fwd-GetS", 1), ("GetS", 1)]);
    assert_eq!((read.misses, read.downgrades, read.transfers), (1, 1, 1));
    assert_eq!((read.access.field.as_str(), read.access.context.as_str()), ("x.data", "task"));
    let write = site(&a, "store.u64 [x.other], 1");
    assert_eq!(messages(write), [("Data", 1), ("GetM", 1), ("Inv", 2), ("Inv-Ack", 2)]);
    assert_eq!((write.misses, write.invalidations, write.transfers), (1, 2, 0));
    // The one line that moved between cores.
    assert_eq!(a.transfers, [(0, 1, 1)]);
    // The reader wanted what was written; the second writer wanted other bytes than the reader, and
    // took a copy from the first that had not been used since its downgrade.
    let pairs: Vec<(&str, &str, &str, u64, u64)> = a
        .sharing
        .iter()
        .map(|s| {
            let victim = s.victim.as_ref().map_or("", |v| v.field.as_str());
            (s.kind.as_str(), s.taker.field.as_str(), victim, s.invalidations, s.downgrades)
        })
        .collect();
    assert_eq!(
        pairs,
        [("false", "x.other", "x.data", 1, 0), ("true", "x.data", "x.data", 0, 1), ("unused", "x.other", "", 1, 0)]
    );
}

#[test]
fn evictions_and_recalls_count_for_the_access_that_led_to_them() {
    // Sets of two ways: the third line of a set sends the first away.
    let text = "proc t0() {
  store.u64 [area.w[0]], 1
  a = load.u64 [area.w[16]]
  b = load.u64 [area.w[32]]
  ret
}
";
    let a = run(&tiny(), text);
    let last = site(&a, "b = load.u64 [area.w[32]]");
    assert_eq!(last.access.field, "area.w[..]");
    assert_eq!(last.elsewhere.messages, 2, "the write-back and its answer: {last:?}");
    assert_eq!((last.by_class["PutM"].messages, last.by_class["Put-Ack"].messages), (1, 1));
    assert_eq!(a.sites.iter().map(|s| s.elsewhere.messages).sum::<u64>(), 2);
}

#[test]
fn links_and_networks_say_what_crossed_them() {
    let spec = tiny();
    let mut m = machine(&spec, HAND);
    m.attribute();
    let m = finish(m);
    let a = attribution(&m, m.last_event()).expect("it was asked for");
    let by_class = &m.memory().traffic().by_class;
    let hops: u64 = by_class.iter().map(|c| c.hops).sum();
    let crossed: u64 = a.links.iter().map(|l| l.all_networks().messages).sum();
    assert_eq!(crossed, hops, "every hop is a crossing");
    let busy: Vec<u64> = a.links.iter().map(|l| l.busy_ticks).collect();
    assert_eq!(busy, m.memory().link_busy_ticks());
    assert!(a.links.iter().all(|l| l.utilisation().is_some_and(|u| u < 1.0)));
    let delivered: u64 = a.networks.values().map(|w| w.messages).sum();
    assert!(delivered > 0 && delivered <= by_class.iter().map(|c| c.messages).sum());
}
