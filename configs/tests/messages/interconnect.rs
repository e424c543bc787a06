// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages about interconnects: each with its picture.

messages! {
    a_ring_without_memory: "INTERCONNECT" => r#"Ring(hop: "1cy", bidirectional: true, link_bytes_per_cycle: 32, memory_controllers: 0)"#,
r#"
Error: machine.interconnect.memory_controllers = 0: must be 1 to 64
    ╭─[ test.ron:15:107 ]
    │
 15 │         interconnect: Ring(hop: "1cy", bidirectional: true, link_bytes_per_cycle: 32, memory_controllers: 0), messages: (control_bytes: 8, data_bytes: 72),
    │                                                                                                           ┬
    │                                                                                                           ╰── must be 1 to 64
────╯
"#;
    a_hop_of_nothing: "INTERCONNECT" => r#"Ring(hop: "0ns", bidirectional: true, link_bytes_per_cycle: 32)"#,
r#"
Error: machine.interconnect.hop = "0ns": must be at least one cycle
    ╭─[ test.ron:15:33 ]
    │
 15 │         interconnect: Ring(hop: "0ns", bidirectional: true, link_bytes_per_cycle: 32), messages: (control_bytes: 8, data_bytes: 72),
    │                                 ──┬──
    │                                   ╰──── must be at least one cycle
────╯
"#;
    a_clock_over_the_core_s: "INTERCONNECT" => r#"Ring(
            hop: "1cy", bidirectional: true, link_bytes_per_cycle: 32, clock: "2.4GHz",
        )"#,
r#"
Error: machine.interconnect.clock = "2400MHz": must not be over machine.clock = "2GHz"
    ╭─[ test.ron:16:79 ]
    │
 16 │             hop: "1cy", bidirectional: true, link_bytes_per_cycle: 32, clock: "2.4GHz",
    │                                                                               ────┬───
    │                                                                                   ╰───── must not be over machine.clock = "2GHz"
    │
    │ Help: give a faster link the core's clock and more bytes per cycle
────╯
"#;
    a_bus_of_no_width: "INTERCONNECT" => r#"Bus(latency: "2cy", bytes_per_cycle: 0, shared_wires: true)"#,
r#"
Error: machine.interconnect.bytes_per_cycle = 0: must be 1 to 4096
    ╭─[ test.ron:15:60 ]
    │
 15 │         interconnect: Bus(latency: "2cy", bytes_per_cycle: 0, shared_wires: true), messages: (control_bytes: 8, data_bytes: 72),
    │                                                            ┬
    │                                                            ╰── must be 1 to 4096
────╯
"#;
    a_link_without_a_queue: "INTERCONNECT" => r#"Crossbar(link: (latency: "1cy", bytes_per_cycle: 32, queue: 0))"#,
r#"
Error: machine.interconnect.link.queue = 0: must be 1 to 1024
    ╭─[ test.ron:15:83 ]
    │
 15 │         interconnect: Crossbar(link: (latency: "1cy", bytes_per_cycle: 32, queue: 0)), messages: (control_bytes: 8, data_bytes: 72),
    │                                                                                   ┬
    │                                                                                   ╰── must be 1 to 1024
────╯
"#;
    a_mesh_too_small: "INTERCONNECT" => r#"Mesh(
            columns: 2, rows: 2, empty_stops: [(1, 1)], memory_stops: [(1, 1)],
            link: (latency: "1cy", bytes_per_cycle: 32, queue: 4),
        )"#,
r#"
Error: machine.interconnect.columns = 2: 4 cores do not fit: 2 rows, less the empty stops, times cores_per_stop 1 have room for 3
    ╭─[ test.ron:16:22 ]
    │
 16 │             columns: 2, rows: 2, empty_stops: [(1, 1)], memory_stops: [(1, 1)],
    │                      ┬
    │                      ╰── too few stops
────╯
"#;
    a_memory_stop_outside_the_mesh: "INTERCONNECT" => r#"Mesh(
            columns: 2, rows: 2, memory_stops: [(0, 0), (2, 0)],
            link: (latency: "1cy", bytes_per_cycle: 32, queue: 4),
        )"#,
r#"
Error: machine.interconnect.memory_stops[1] = (2, 0): (column, row) is at most (1, 1)
    ╭─[ test.ron:16:57 ]
    │
 16 │             columns: 2, rows: 2, memory_stops: [(0, 0), (2, 0)],
    │                                                         ───┬──
    │                                                            ╰──── (column, row) is at most (1, 1)
    │
    │ Help: both count from 0
────╯
"#;
    a_torus_without_memory: "INTERCONNECT" => r#"Torus(
            columns: 2, rows: 2, memory_stops: [],
            link: (latency: "1cy", bytes_per_cycle: 32, queue: 4),
        )"#,
r#"
Error: machine.interconnect.memory_stops has 0 stops, must be 1 to 64
    ╭─[ test.ron:16:48 ]
    │
 16 │             columns: 2, rows: 2, memory_stops: [],
    │                                                ─┬
    │                                                 ╰── must be 1 to 64 stops
    │
    │ Help: such as [(0, 0)]
────╯
"#;
    cores_of_parts_that_do_not_add_up: "INTERCONNECT" => r#"Joined(
            parts: [
                (cores: 2, interconnect: Crossbar(link: (latency: "1cy", bytes_per_cycle: 32, queue: 4))),
                (cores: 1, interconnect: Crossbar(link: (latency: "1cy", bytes_per_cycle: 32, queue: 4))),
            ],
            links: [(from: 0, to: 1, link: (latency: "1cy", bytes_per_cycle: 32, queue: 4))],
        )"#,
r#"
Error: machine.interconnect.parts have 3 cores, machine.cores = 4
    ╭─[ test.ron:16:20 ]
    │
 16 │             parts: [
    │                    ┬
    │                    ╰── cores of parts must add up
────╯
"#;
    a_part_that_nothing_leads_to: "INTERCONNECT" => r#"Joined(
            parts: [
                (cores: 2, interconnect: Crossbar(link: (latency: "1cy", bytes_per_cycle: 32, queue: 4))),
                (cores: 2, interconnect: Crossbar(link: (latency: "1cy", bytes_per_cycle: 32, queue: 4))),
                (cores: 0, interconnect: Crossbar(link: (latency: "1cy", bytes_per_cycle: 32, queue: 4))),
            ],
            links: [(from: 0, to: 1, link: (latency: "1cy", bytes_per_cycle: 32, queue: 4))],
        )"#,
r#"
Error: there is no way from part 0 to part 2
    ╭─[ test.ron:21:20 ]
    │
 21 │             links: [(from: 0, to: 1, link: (latency: "1cy", bytes_per_cycle: 32, queue: 4))],
    │                    ────────────────────────────────────┬────────────────────────────────────
    │                                                        ╰────────────────────────────────────── not connected
    │
    │ Help: add a link, or take a stop away
────╯
"#;
    parts_without_any_memory: "INTERCONNECT" => r#"Joined(
            parts: [
                (cores: 2, interconnect: Crossbar(link: (latency: "1cy", bytes_per_cycle: 32, queue: 4), memory_controllers: 0)),
                (cores: 2, interconnect: Crossbar(link: (latency: "1cy", bytes_per_cycle: 32, queue: 4), memory_controllers: 0)),
            ],
            links: [(from: 0, to: 1, link: (latency: "1cy", bytes_per_cycle: 32, queue: 4))],
        )"#,
r#"
Error: machine.interconnect.parts have no memory controller
    ╭─[ test.ron:16:20 ]
    │
 16 │             parts: [
    │                    ┬
    │                    ╰── no memory controller
    │
    │ Help: give one to some part at least
────╯
"#;
    a_memory_node_that_there_is_not: r#"snoop: "30cy""# => r#"numa: Node(1), snoop: "30cy""#,
r#"
Error: machine.numa = Node(1): the machine has 1 memory nodes, counted from 0
    ╭─[ test.ron:18:15 ]
    │
 18 │         numa: Node(1), snoop: "30cy",
    │               ───┬───
    │                  ╰───── the machine has 1 memory nodes, counted from 0
    │
    │ Help: each part with cores is one
────╯
"#;
    a_gateway_outside_its_part: "INTERCONNECT" => r#"Joined(
            parts: [
                (cores: 2, interconnect: Crossbar(link: (latency: "1cy", bytes_per_cycle: 32, queue: 4)), gateway: 3),
                (cores: 2, interconnect: Crossbar(link: (latency: "1cy", bytes_per_cycle: 32, queue: 4))),
            ],
            links: [(from: 0, to: 1, link: (latency: "1cy", bytes_per_cycle: 32, queue: 4))],
        )"#,
r#"
Error: machine.interconnect.parts[0].gateway = 3: the part has 3 stops, counted from 0
    ╭─[ test.ron:17:116 ]
    │
 17 │                 (cores: 2, interconnect: Crossbar(link: (latency: "1cy", bytes_per_cycle: 32, queue: 4)), gateway: 3),
    │                                                                                                                    ┬
    │                                                                                                                    ╰── the part has 3 stops, counted from 0
    │
    │ Help: leave it out to give the part a stop for it
────╯
"#;
    a_part_in_a_part: "INTERCONNECT" => r#"Joined(
            parts: [
                (cores: 2, interconnect: Joined(parts: [], links: [])),
                (cores: 2, interconnect: Crossbar(link: (latency: "1cy", bytes_per_cycle: 32, queue: 4))),
            ],
            links: [(from: 0, to: 1, link: (latency: "1cy", bytes_per_cycle: 32, queue: 4))],
        )"#,
r#"
Error: machine.interconnect.parts[0].interconnect: a part is a Ring, Bus, Crossbar, Mesh or Torus
    ╭─[ test.ron:17:42 ]
    │
 17 │                 (cores: 2, interconnect: Joined(parts: [], links: [])),
    │                                          ──────────────┬─────────────
    │                                                        ╰─────────────── a part is a Ring, Bus, Crossbar, Mesh or Torus
    │
    │ Help: write all stops and links as one Graph if that is not enough
────╯
"#;
    a_core_that_is_placed_nowhere: "INTERCONNECT" => r#"Graph(
            stops: [(name: "a", cores: [0, 1, 3], slices: [0], memory_controllers: 1)],
            links: [],
        )"#,
r#"
Error: core 2 is placed nowhere in machine.interconnect.stops
    ╭─[ test.ron:16:20 ]
    │
 16 │             stops: [(name: "a", cores: [0, 1, 3], slices: [0], memory_controllers: 1)],
    │                    ─────────────────────────────────┬─────────────────────────────────
    │                                                     ╰─────────────────────────────────── core 2 is missing
    │
    │ Help: write cores: [2] in a stop
────╯
"#;
    a_core_that_is_placed_twice: "INTERCONNECT" => r#"Graph(
            stops: [
                (name: "a", cores: [0, 1, 2, 3], slices: [0], memory_controllers: 1),
                (name: "b", cores: [1]),
            ],
            links: [(from: "a", to: "b", link: (latency: "1cy", bytes_per_cycle: 32, queue: 4))],
        )"#,
r#"
Error: core 1 is placed twice, first at machine.interconnect.stops[0].cores[1]
    ╭─[ test.ron:18:37 ]
    │
 18 │                 (name: "b", cores: [1]),
    │                                     ┬
    │                                     ╰── placed twice
    │
    │ Help: each has one place
────╯
"#;
    slices_with_a_gap: "INTERCONNECT" => r#"Graph(
            stops: [(name: "a", cores: [0, 1, 2, 3], slices: [0, 2], memory_controllers: 1)],
            links: [],
        )"#,
r#"
Error: slice 1 is placed nowhere in machine.interconnect.stops
    ╭─[ test.ron:16:20 ]
    │
 16 │             stops: [(name: "a", cores: [0, 1, 2, 3], slices: [0, 2], memory_controllers: 1)],
    │                    ────────────────────────────────────┬────────────────────────────────────
    │                                                        ╰────────────────────────────────────── slice 1 is missing
    │
    │ Help: write slices: [1] in a stop
────╯
"#;
    a_graph_without_memory: "INTERCONNECT" => r#"Graph(
            stops: [(name: "a", cores: [0, 1, 2, 3], slices: [0])],
            links: [],
        )"#,
r#"
Error: machine.interconnect.stops have no memory controller
    ╭─[ test.ron:16:20 ]
    │
 16 │             stops: [(name: "a", cores: [0, 1, 2, 3], slices: [0])],
    │                    ───────────────────────┬───────────────────────
    │                                           ╰───────────────────────── no memory controller
    │
    │ Help: write memory_controllers: 1 in some stop
────╯
"#;
    a_link_to_an_unknown_stop: "INTERCONNECT" => r#"Graph(
            stops: [(name: "left", cores: [0, 1, 2, 3], slices: [0], memory_controllers: 1), (name: "right")],
            links: [(from: "left", to: "rihgt", link: (latency: "1cy", bytes_per_cycle: 32, queue: 4))],
        )"#,
r#"
Error: no stop `rihgt` is declared
    ╭─[ test.ron:17:40 ]
    │
 17 │             links: [(from: "left", to: "rihgt", link: (latency: "1cy", bytes_per_cycle: 32, queue: 4))],
    │                                        ───┬───
    │                                           ╰───── not declared
    │
    │ Help: did you mean `right`? stops declared: left, right
────╯
"#;
    a_graph_that_is_not_connected: "INTERCONNECT" => r#"Graph(
            stops: [
                (name: "left", cores: [0, 1], slices: [0], memory_controllers: 1),
                (name: "right", cores: [2, 3]),
            ],
            links: [(from: "left", to: "right", one_way: true, link: (latency: "1cy", bytes_per_cycle: 32, queue: 4))],
        )"#,
r#"
Error: there is no way from stop "right" to stop "left"
    ╭─[ test.ron:20:20 ]
    │
 20 │             links: [(from: "left", to: "right", one_way: true, link: (latency: "1cy", bytes_per_cycle: 32, queue: 4))],
    │                    ─────────────────────────────────────────────────┬─────────────────────────────────────────────────
    │                                                                     ╰─────────────────────────────────────────────────── not connected
    │
    │ Help: add a link, or take a stop away
────╯
"#;
    a_field_a_bus_does_not_have: "INTERCONNECT" => r#"Bus(latency: "2cy", bytes_per_cycle: 8, shared_wires: true, queue: 4)"#,
r#"
Error: no field `queue` in Bus (at machine.interconnect.queue)
    ╭─[ test.ron:15:83 ]
    │
 15 │         interconnect: Bus(latency: "2cy", bytes_per_cycle: 8, shared_wires: true, queue: 4), messages: (control_bytes: 8, data_bytes: 72),
    │                                                                                   ──┬──
    │                                                                                     ╰──── no field `queue` in Bus
    │
    │ Help: fields: latency, bytes_per_cycle, shared_wires, clock, memory_controllers
────╯
"#;
}
