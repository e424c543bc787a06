// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every shape of interconnect is read, and written back without loss.

use configs::{Experiment, Interconnect, expanded, parse};

/// An experiment with a ring of four cores.
const SMALL: &str = include_str!("small.ron");

fn with(interconnect: &str) -> Experiment {
    let start = SMALL.find("Ring(").expect("the machine has a ring");
    let end = SMALL.find(", messages:").expect("message sizes follow");
    let text = format!("{}{interconnect}{}", &SMALL[..start], &SMALL[end..]);
    parse(&text, "test.ron").unwrap_or_else(|e| panic!("{}", e.render(false))).experiment
}

const SHAPES: [&str; 7] = [
    r#"Ring(hop: "1cy", bidirectional: false, link_bytes_per_cycle: 32, clock: "1.5GHz", memory_controllers: 2)"#,
    r#"Bus(latency: "2ns", bytes_per_cycle: 8, shared_wires: true)"#,
    r#"Crossbar(link: (latency: "3cy", bytes_per_cycle: 16, queue: 2, clock: "1GHz"), memory_controllers: 4)"#,
    r#"Mesh(columns: 3, rows: 2, empty_stops: [(0, 0), (2, 1)], memory_stops: [(0, 0), (2, 1)],
        link: (latency: "1cy", bytes_per_cycle: 32, queue: 8))"#,
    r#"Torus(columns: 1, rows: 2, cores_per_stop: 2, memory_stops: [(0, 1)],
        link: (latency: "1cy", bytes_per_cycle: 32, queue: 8))"#,
    r#"Joined(
        parts: [
            (cores: 3, interconnect: Ring(hop: "1cy", bidirectional: true, link_bytes_per_cycle: 32)),
            (cores: 1, gateway: 0, interconnect: Bus(
                latency: "1cy", bytes_per_cycle: 8, shared_wires: false, memory_controllers: 0,
            )),
        ],
        links: [(from: 0, to: 1, link: (latency: "40ns", bytes_per_cycle: 8, queue: 16, shared_wires: true))],
    )"#,
    r#"Graph(
        stops: [
            (name: "west", cores: [0, 2], slices: [1]),
            (name: "middle", memory_controllers: 2),
            (name: "east", cores: [1, 3], slices: [0, 2]),
        ],
        links: [
            (from: "west", to: "middle", link: (latency: "1cy", bytes_per_cycle: 32, queue: 4)),
            (from: "middle", to: "east", one_way: true, link: (latency: "1cy", bytes_per_cycle: 32, queue: 4)),
            (from: "east", to: "west", one_way: true, link: (latency: "5cy", bytes_per_cycle: 32, queue: 4)),
        ],
    )"#,
];

#[test]
fn every_shape_survives_expansion() {
    for shape in SHAPES {
        let e = with(shape);
        let text = expanded(&e);
        let again = parse(&text, "expanded").unwrap_or_else(|e| panic!("{}\n{text}", e.render(false))).experiment;
        assert_eq!(again, e, "{shape}");
        assert_eq!(expanded(&again), text);
    }
}

#[test]
fn a_snooping_machine_may_have_less_in_the_last_level_than_in_the_second() {
    let e = with(SHAPES[1]);
    let text = expanded(&e).replace("protocol: Mesi", "protocol: SnoopingMesi").replace("\"2MiB\"", "\"64KiB\"");
    let e = parse(&text, "test.ron").unwrap_or_else(|e| panic!("{}", e.render(false))).experiment;
    assert_eq!(e.machine.protocol_tables(), "snoop-mesi");
    let with_directory = text.replace("SnoopingMesi", "Mesi");
    assert!(parse(&with_directory, "test.ron").is_err_and(|e| e.to_string().contains("machine.llc.slice_capacity")));
}

#[test]
fn defaults_are_written_out() {
    let text = expanded(&with(SHAPES[5]));
    for wanted in
        ["memory_controllers: 1", "memory_controllers: 0", "gateway: None", "clock: None", "interval: \"0cy\""]
    {
        assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
    }
}

#[test]
fn controllers_and_room_are_counted() {
    let counts = SHAPES.map(|s| with(s).machine.interconnect.memory_controllers());
    assert_eq!(counts, [2, 1, 4, 2, 1, 1, 2]);
    let Interconnect::Mesh(grid) = with(SHAPES[3]).machine.interconnect else { panic!("it is a mesh") };
    assert_eq!(grid.room(), 4);
    assert_eq!((0..6).map(|s| grid.stop_is_empty(s)).collect::<Vec<_>>(), [true, false, false, false, false, true]);
}
