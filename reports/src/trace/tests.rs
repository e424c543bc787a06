// SPDX-License-Identifier: MIT OR Apache-2.0
//! A decoder of the format, written from the format's description alone, and what it reads.

use std::collections::BTreeMap;

use super::*;

/// A field: its number, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Field<'a> {
    Number(u64),
    Fixed(u64),
    Bytes(&'a [u8]),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let (byte, rest) = bytes.split_first().expect("a varint ends");
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return value;
        }
    }
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let field = match tag & 7 {
            0 => Field::Number(varint(&mut bytes)),
            1 => {
                let (head, rest) = bytes.split_at(8);
                bytes = rest;
                Field::Fixed(u64::from_le_bytes(head.try_into().unwrap()))
            }
            2 => {
                let length = varint(&mut bytes) as usize;
                let (head, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(head)
            }
            other => panic!("wire type {other}"),
        };
        out.push((tag >> 3, field));
    }
    out
}

fn number(message: &[(u64, Field<'_>)], field: u64) -> Option<u64> {
    message.iter().find_map(|(f, v)| match v {
        Field::Number(n) if *f == field => Some(*n),
        _ => None,
    })
}

fn texts<'a>(message: &[(u64, Field<'a>)], field: u64) -> Vec<&'a [u8]> {
    message
        .iter()
        .filter_map(|(f, v)| if let (true, Field::Bytes(b)) = (*f == field, v) { Some(*b) } else { None })
        .collect()
}

/// Reads a file back, checks what every file has to keep to, and prints it a line for each event.
fn read(file: &[u8]) -> Vec<String> {
    let mut tracks: BTreeMap<u64, String> = BTreeMap::new();
    let mut interned: BTreeMap<(u64, u64), String> = BTreeMap::new();
    let (mut open, mut latest): (BTreeMap<u64, u32>, BTreeMap<u64, u64>) = Default::default();
    let (mut begun, mut ended) = (Vec::new(), Vec::new());
    let mut lines = Vec::new();
    let text = |b: &[u8]| std::str::from_utf8(b).expect("UTF-8").to_owned();
    for packet in texts(&fields(file), 1) {
        let packet = fields(packet);
        assert_eq!(number(&packet, 10), Some(1), "one sequence");
        for t in texts(&packet, 60) {
            let t = fields(t);
            let parent = number(&t, 5).map(|p| tracks.get(&p).expect("parents come first").clone() + "/");
            let name = parent.unwrap_or_default() + &text(texts(&t, 2)[0]);
            assert!(tracks.insert(number(&t, 1).unwrap(), name).is_none(), "a track is described once");
        }
        for data in texts(&packet, 12) {
            for (field, entry) in fields(data) {
                let Field::Bytes(b) = entry else { panic!("interned data are messages") };
                let entry = fields(b);
                let new = interned.insert((field, number(&entry, 1).unwrap()), text(texts(&entry, 2)[0]));
                assert_eq!(new, None, "interned once");
            }
        }
        for e in texts(&packet, 11) {
            let e = fields(e);
            let (at, track) = (number(&packet, 8).unwrap(), number(&e, 11).unwrap());
            let before = latest.insert(track, at).unwrap_or(0);
            assert!(before <= at, "time ascends on a track");
            let name = |set, id| interned.get(&(set, id)).expect("resolves").clone();
            let mut line = format!("{at} {}: ", tracks.get(&track).expect("resolves"));
            match number(&e, 9).unwrap() {
                1 => {
                    *open.entry(track).or_default() += 1;
                    line += &format!("[ {}", name(2, number(&e, 10).unwrap()));
                }
                2 => {
                    let n = open.get_mut(&track).expect("something is open");
                    *n = n.checked_sub(1).expect("something is open");
                    line += "]";
                }
                3 => line += &format!(". {} ({})", name(2, number(&e, 10).unwrap()), name(1, number(&e, 3).unwrap())),
                4 => line += &format!("= {}", number(&e, 30).unwrap()),
                other => panic!("event type {other}"),
            }
            for a in texts(&e, 4) {
                let a = fields(a);
                let value = number(&a, 3).map_or_else(|| text(texts(&a, 6)[0]), |n| n.to_string());
                line += &format!(" {}={value}", name(3, number(&a, 1).unwrap()));
            }
            for (field, value) in &e {
                match (field, value) {
                    (47, Field::Fixed(id)) => begun.push(*id),
                    (48, Field::Fixed(id)) => ended.push(*id),
                    _ => {}
                }
            }
            lines.push(line);
        }
    }
    assert!(open.values().all(|n| *n == 0), "begins and ends are balanced");
    begun.sort_unstable();
    ended.sort_unstable();
    assert_eq!(begun, ended, "an arrow has two ends");
    lines
}

fn event(at_ns: u64, track: usize, what: What, name: &str) -> Event {
    Event { at_ns, track, what, category: "c", name: name.into(), args: Vec::new(), flows: Vec::new() }
}

#[test]
fn what_is_written_can_be_read() {
    let mut hold = event(300, 1, What::Begin, "hold a");
    hold.args = vec![("cycle", Value::Number(1 << 40)), ("at", Value::Text("f.x".into()))];
    hold.flows = vec![Flow::To(1)];
    let mut release = event(200, 0, What::Instant, "release a");
    release.flows = vec![Flow::From(1)];
    let trace = Trace {
        title: "t".into(),
        cores: 2,
        tracks: vec![Track { core: 0, name: "task".into() }, Track { core: 1, name: "nmi".into() }],
        events: vec![
            event(100, 0, What::Begin, "hold a"),
            release,
            event(200, 0, What::End, ""),
            hold,
            event(400, 1, What::End, ""),
        ],
        counters: vec![Counter { name: "Inv".into(), unit: "messages", points: vec![(0, 3), (1000, 0)] }],
        ..Trace::default()
    };
    let file = encode(&trace);
    assert_eq!(
        read(&file),
        [
            "100 t/core 0/task: [ hold a",
            "200 t/core 0/task: . release a (c)",
            "200 t/core 0/task: ]",
            "300 t/core 1/nmi: [ hold a cycle=1099511627776 at=f.x",
            "400 t/core 1/nmi: ]",
            "0 t/Inv: = 3",
            "1000 t/Inv: = 0",
        ]
    );
    assert_eq!(encode(&trace), file, "the same bytes again");
}
