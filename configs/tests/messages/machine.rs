// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages about the machine: each with its picture.

messages! {
    an_unknown_machine_preset: "MACHINE" => r#"Preset("skylake-ring-9")"#,
r#"
Error: there is no machine preset "skylake-ring-9" (at machine)
   ╭─[ test.ron:4:14 ]
   │
 4 │     machine: Preset("skylake-ring-9"),
   │              ────────────┬───────────
   │                          ╰───────────── there is no machine preset "skylake-ring-9"
   │
   │ Help: did you mean `skylake-ring-8`? machines: skylake-ring-8, skylake-sp-mesh-2x28, zen3-ccx-8, zen3-2ccx-16, neoverse-n1-mesh-80
───╯
"#;
    an_unknown_base: r#"base: "bpf-next""# => r#"base: "bpf_next""#,
r#"
Error: there is no base "bpf_next" (at lock.base)
    ╭─[ test.ron:26:42 ]
    │
 26 │         program: File("mine.uop"), base: "bpf_next", options: ["test_and_set"],
    │                                          ─────┬────
    │                                               ╰────── there is no base "bpf_next"
    │
    │ Help: did you mean `bpf-next`? bases: 6.17, bpf-next
────╯
"#;
    snooping_without_a_bus: "protocol: Mesi" => "protocol: SnoopingMesi",
r#"
Error: machine.protocol = SnoopingMesi: needs a bus, on which every cache observes every request in one order
    ╭─[ test.ron:14:19 ]
    │
 14 │         protocol: SnoopingMesi,
    │                   ──────┬─────
    │                         ╰─────── needs a bus, on which every cache observes every request in one order
    │
    │ Help: interconnect: Bus(latency: "3cy", bytes_per_cycle: 32, shared_wires: false); or protocol: Mesi, with a directory
────╯
"#;
    snooping_with_silent_evictions: r#"protocol: Mesi,
        interconnect: Ring(
            hop: "1cy", bidirectional: true, link_bytes_per_cycle: 32,
        )"# => r#"protocol: SnoopingMsi, shared_evictions: Silent,
        interconnect: Bus(latency: "2cy", bytes_per_cycle: 8, shared_wires: true)"#,
r#"
Error: machine.shared_evictions = Silent: there is no directory to be told: shared copies always go silently
    ╭─[ test.ron:14:50 ]
    │
 14 │         protocol: SnoopingMsi, shared_evictions: Silent,
    │                                                  ───┬──
    │                                                     ╰──── there is no directory to be told: shared copies always go silently
    │
    │ Help: leave it out
────╯
"#;
    an_impossible_geometry: r#"l1d: (capacity: "32KiB", ways: 8"# => r#"l1d: (capacity: "32KiB", ways: 3"#,
r#"
Error: machine.l1d.ways = 3 gives 170.67 sets, must be a power of two
    ╭─[ test.ron:11:40 ]
    │
 11 │         l1d: (capacity: "32KiB", ways: 3, hit: "4cy"),
    │                                        ┬
    │                                        ╰── sets must be a power of two
    │
    │ Help: ways = 4 gives 128 sets; capacity = "24KiB" keeps ways = 3
    │
    │ Note: sets = capacity 32768 / (line 64 * ways 3) = 170.67
────╯
"#;
    a_capacity_that_is_no_multiple: r#"llc: (slice_capacity: "2MiB""# => r#"llc: (slice_capacity: "2000000B""#,
r#"
Error: machine.llc.ways = 16 gives 1953.13 sets, must be a power of two
    ╭─[ test.ron:13:49 ]
    │
 13 │         llc: (slice_capacity: "2000000B", ways: 16, tag: "10cy", data: "19cy"),
    │                                                 ─┬
    │                                                  ╰── sets must be a power of two
    │
    │ Help: slice_capacity = "1MiB" keeps ways = 16
    │
    │ Note: sets = slice_capacity 2000000 / (line 64 * ways 16) = 1953.13
────╯
"#;
    a_directory_too_small_to_work: r#"data: "19cy")"# => r#"data: "19cy", inclusion: NonInclusive(slice_directory_entries: 2048, directory_ways: 16))"#,
r#"
Error: machine.llc.inclusion.slice_directory_entries = 2048: must not be less than 4096, the lines of machine.l2.capacity = "256KiB"
    ╭─[ test.ron:13:125 ]
    │
 13 │         llc: (slice_capacity: "2MiB", ways: 16, tag: "10cy", data: "19cy", inclusion: NonInclusive(slice_directory_entries: 2048, directory_ways: 16)),
    │                                                                                                                             ──┬─
    │                                                                                                                               ╰─── must not be less than 4096, the lines of machine.l2.capacity = "256KiB"
    │
    │ Help: a line that a private cache holds needs an entry at its home, and one core's lines can have one home
────╯
"#;
    a_directory_of_no_power_of_two: r#"data: "19cy")"# => r#"data: "19cy", inclusion: NonInclusive(slice_directory_entries: 6000, directory_ways: 12))"#,
r#"
Error: machine.llc.inclusion.slice_directory_entries = 6000 gives 500 sets of 12 ways, must be a power of two
    ╭─[ test.ron:13:125 ]
    │
 13 │         llc: (slice_capacity: "2MiB", ways: 16, tag: "10cy", data: "19cy", inclusion: NonInclusive(slice_directory_entries: 6000, directory_ways: 12)),
    │                                                                                                                             ──┬─
    │                                                                                                                               ╰─── sets must be a power of two
    │
    │ Help: slice_directory_entries = 6144 keeps directory_ways = 12
────╯
"#;
    a_directory_of_too_many_ways: r#"data: "19cy")"# => r#"data: "19cy", inclusion: NonInclusive(slice_directory_entries: 8192, directory_ways: 32))"#,
r#"
Error: machine.llc.inclusion.directory_ways = 32: must be 1 to 16
    ╭─[ test.ron:13:147 ]
    │
 13 │         llc: (slice_capacity: "2MiB", ways: 16, tag: "10cy", data: "19cy", inclusion: NonInclusive(slice_directory_entries: 8192, directory_ways: 32)),
    │                                                                                                                                                   ─┬
    │                                                                                                                                                    ╰── must be 1 to 16
────╯
"#;
    no_ways_at_all: r#"l2: (capacity: "256KiB", ways: 4"# => r#"l2: (capacity: "256KiB", ways: 0"#,
r#"
Error: machine.l2.ways = 0: must be 1 to 4096, the lines of 256KiB
    ╭─[ test.ron:12:40 ]
    │
 12 │         l2: (capacity: "256KiB", ways: 0, hit: "11cy"),
    │                                        ┬
    │                                        ╰── must be 1 to 4096, the lines of 256KiB
────╯
"#;
    a_level_smaller_than_the_one_before_it: r#"l2: (capacity: "256KiB""# => r#"l2: (capacity: "16KiB""#,
r#"
Error: machine.l2.capacity = "16KiB": must not be less than machine.l1d.capacity = "32KiB"
    ╭─[ test.ron:12:24 ]
    │
 12 │         l2: (capacity: "16KiB", ways: 4, hit: "11cy"),
    │                        ───┬───
    │                           ╰───── must not be less than machine.l1d.capacity = "32KiB"
    │
    │ Help: this level holds all that the level before it holds
────╯
"#;
    a_second_level_faster_than_the_first: r#"hit: "11cy""# => r#"hit: "1ns""#,
r#"
Error: machine.l2.hit = "1ns": must not be less than machine.l1d.hit = "4cy"
    ╭─[ test.ron:12:48 ]
    │
 12 │         l2: (capacity: "256KiB", ways: 4, hit: "1ns"),
    │                                                ──┬──
    │                                                  ╰──── must not be less than machine.l1d.hit = "4cy"
    │
    │ Help: it is counted from issue, the first level included
────╯
"#;
    a_queue_too_long: "Tso(store_buffer_entries: 8)" => "Weak(store_buffer_entries: 8, invalidation_queue_entries: 1025)",
r#"
Error: machine.memory_model.invalidation_queue_entries = 1025: must be 0 to 1024
   ╭─[ test.ron:6:81 ]
   │
 6 │         memory_model: Weak(store_buffer_entries: 8, invalidation_queue_entries: 1025),
   │                                                                                 ──┬─
   │                                                                                   ╰─── must be 0 to 1024
───╯
"#;
    a_store_buffer_of_nothing: "Tso(store_buffer_entries: 8)" => "Weak(store_buffer_entries: 0, invalidation_queue_entries: 0)",
r#"
Error: machine.memory_model.store_buffer_entries = 0: must be 1 to 1024
   ╭─[ test.ron:6:50 ]
   │
 6 │         memory_model: Weak(store_buffer_entries: 0, invalidation_queue_entries: 0),
   │                                                  ┬
   │                                                  ╰── must be 1 to 1024
───╯
"#;
    a_stale_line_for_ever: "Tso(store_buffer_entries: 8)" => r#"Weak(store_buffer_entries: 8, invalidation_queue_entries: 0, invalidation_delay: "1s")"#,
r#"
Error: machine.memory_model.invalidation_delay = "1s": no latency of a machine is over 1ms
   ╭─[ test.ron:6:104 ]
   │
 6 │         memory_model: Weak(store_buffer_entries: 8, invalidation_queue_entries: 0, invalidation_delay: "1s"),
   │                                                                                                        ──┬─
   │                                                                                                          ╰─── no latency of a machine is over 1ms
   │
   │ Help: check the unit: "4s" is four seconds, "4cy" four cycles
───╯
"#;
    no_cores: "cores: 4" => "cores: 0",
r#"
Error: machine.cores = 0: must be 1 to 1024
   ╭─[ test.ron:5:42 ]
   │
 5 │         name: "m", clock: "2GHz", cores: 0, width: 1,
   │                                          ┬
   │                                          ╰── must be 1 to 1024
───╯
"#;
    too_many_cores: "cores: 4" => "cores: 1025",
r#"
Error: machine.cores = 1025: must be 1 to 1024
   ╭─[ test.ron:5:42 ]
   │
 5 │         name: "m", clock: "2GHz", cores: 1025, width: 1,
   │                                          ──┬─
   │                                            ╰─── must be 1 to 1024
───╯
"#;
    a_latency_of_nothing: r#"alu: "1cy""# => r#"alu: "0cy""#,
r#"
Error: machine.latencies.alu = "0cy": must be at least one cycle
   ╭─[ test.ron:8:18 ]
   │
 8 │             alu: "0cy", branch: "1cy", call: "1cy", load_forward: "4cy", locked_rmw: "18cy", fence: "18cy",
   │                  ──┬──
   │                    ╰──── must be at least one cycle
───╯
"#;
    a_latency_with_a_slipped_unit: r#"irq_flag: "1cy""# => r#"irq_flag: "1s""#,
r#"
Error: machine.latencies.irq_flag = "1s": no latency of a machine is over 1ms
   ╭─[ test.ron:9:60 ]
   │
 9 │             pause: "141cy", timestamp: "12.5ns", irq_flag: "1s", context_read: "1cy",
   │                                                            ──┬─
   │                                                              ╰─── no latency of a machine is over 1ms
   │
   │ Help: check the unit: "4s" is four seconds, "4cy" four cycles
───╯
"#;
    a_clock_that_hardly_runs: r#"clock: "2GHz""# => r#"clock: "10kHz""#,
r#"
Error: machine.clock = "10kHz": must be at least 1MHz
   ╭─[ test.ron:5:27 ]
   │
 5 │         name: "m", clock: "10kHz", cores: 4, width: 1,
   │                           ───┬───
   │                              ╰───── must be at least 1MHz
───╯
"#;
    a_message_smaller_than_its_line: "data_bytes: 72" => "data_bytes: 32",
r#"
Error: machine.messages.data_bytes = 32: must be 64 to 4096
    ╭─[ test.ron:17:53 ]
    │
 17 │         ), messages: (control_bytes: 8, data_bytes: 32),
    │                                                     ─┬
    │                                                      ╰── must be 64 to 4096
────╯
"#;
}
