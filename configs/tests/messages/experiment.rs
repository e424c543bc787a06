// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages about stages, seeds, bodies and interrupts: each with its picture.

messages! {
    an_empty_title: r#"title: "small""# => r#"title: " ""#,
r#"
Error: title = "": must not be empty
   ╭─[ test.ron:2:12 ]
   │
 2 │     title: " ",
   │            ─┬─
   │             ╰─── must not be empty
   │
   │ Help: one line for headings
───╯
"#;
    no_stages: r#"stages: [(name: "base", patches: []), (name: "+1", patches: ["enclose"])]"# => "stages: []",
r#"
Error: stages = []: at least one stage is needed
    ╭─[ test.ron:29:13 ]
    │
 29 │     stages: [],
    │             ─┬
    │              ╰── at least one stage is needed
    │
    │ Help: an experiment without patches has one stage: [(name: "base", patches: [])]
────╯
"#;
    a_stage_name_given_twice: r#"(name: "+1","# => r#"(name: "base","#,
r#"
Error: "base" is given twice, first at stages[0].name
    ╭─[ test.ron:29:50 ]
    │
 29 │     stages: [(name: "base", patches: []), (name: "base", patches: ["enclose"])],
    │                                                  ───┬──
    │                                                     ╰──── given twice
    │
    │ Help: each must differ from the others
────╯
"#;
    a_patch_given_twice: r#"patches: ["enclose"]"# => r#"patches: ["enclose", "enclose"]"#,
r#"
Error: "enclose" is given twice, first at stages[1].patches[0]
    ╭─[ test.ron:29:77 ]
    │
 29 │     stages: [(name: "base", patches: []), (name: "+1", patches: ["enclose", "enclose"])],
    │                                                                             ────┬────
    │                                                                                 ╰────── given twice
    │
    │ Help: each must differ from the others
────╯
"#;
    an_expectation_that_does_not_exist: r#"patches: ["enclose"])"# => r#"patches: ["enclose"], expect: Hung)"#,
r#"
Error: no choice `Hung` in Expect (at stages[1].expect)
    ╭─[ test.ron:29:86 ]
    │
 29 │     stages: [(name: "base", patches: []), (name: "+1", patches: ["enclose"], expect: Hung)],
    │                                                                                      ──┬─
    │                                                                                        ╰─── no choice `Hung` in Expect
    │
    │ Help: did you mean `Hang`? choices: Ok, Hang, Violation
────╯
"#;
    no_seeds: "Count(first: 1, n: 4)" => "List([])",
r#"
Error: seeds: 1 to 1000000 seeds are needed, 0 are listed
    ╭─[ test.ron:49:12 ]
    │
 49 │     seeds: List([]),
    │            ────┬───
    │                ╰───── 1 to 1000000 seeds are needed
    │
    │ Help: List([1]) is one run per stage
────╯
"#;
    no_seeds_counted: "Count(first: 1, n: 4)" => "Count(first: 1, n: 0)",
r#"
Error: seeds.n = 0: must be 1 to 1000000
    ╭─[ test.ron:49:31 ]
    │
 49 │     seeds: Count(first: 1, n: 0),
    │                               ┬
    │                               ╰── must be 1 to 1000000
────╯
"#;
    a_seed_given_twice: "Count(first: 1, n: 4)" => "List([1, 2, 1])",
r#"
Error: seeds.List[2] = 1: this seed is already in the list
    ╭─[ test.ron:49:24 ]
    │
 49 │     seeds: List([1, 2, 1]),
    │                        ┬
    │                        ╰── this seed is already in the list
    │
    │ Help: the same seed gives the same run
────╯
"#;
    seeds_past_the_largest: "Count(first: 1, n: 4)" => "Count(first: 18446744073709551615, n: 4)",
r#"
Error: seeds.first = 18446744073709551615: first + n must be below 2^64
    ╭─[ test.ron:49:25 ]
    │
 49 │     seeds: Count(first: 18446744073709551615, n: 4),
    │                         ──────────┬─────────
    │                                   ╰─────────── first + n must be below 2^64
────╯
"#;
    no_duration: r#"duration: "1s""# => r#"duration: "0s""#,
r#"
Error: duration = "0ns": must be more than zero
    ╭─[ test.ron:48:15 ]
    │
 48 │     duration: "0s",
    │               ──┬─
    │                 ╰─── must be more than zero
────╯
"#;
    a_lock_that_is_not_declared: r#"Critical(lock: "b""# => r#"Critical(lock: "c""#,
r#"
Error: no lock `c` is declared
    ╭─[ test.ron:35:28 ]
    │
 35 │             Critical(lock: "c", body: [Load("ring.tail"), Store("ring")], on_error: [Wait]),
    │                            ─┬─
    │                             ╰─── not declared
    │
    │ Help: locks declared: a, b
────╯
"#;
    a_payload_that_is_not_declared: r#"Load("ring.tail")"# => r#"Load("ring.tial")"#,
r#"
Error: no payload `ring.tial` is declared
    ╭─[ test.ron:35:45 ]
    │
 35 │             Critical(lock: "b", body: [Load("ring.tial"), Store("ring")], on_error: [Wait]),
    │                                             ─────┬─────
    │                                                  ╰─────── not declared
    │
    │ Help: did you mean `ring.tail` or `ring.head` or `ring`? payloads declared: ring, ring.head, ring.tail
────╯
"#;
    a_payload_of_odd_size: r#"bytes: "128B""# => r#"bytes: "100B""#,
r#"
Error: payload[0].bytes = "100B": must be a multiple of 8 bytes, 8B to 1MiB
    ╭─[ test.ron:31:37 ]
    │
 31 │     payload: [(name: "ring", bytes: "100B", fields: {"head": "0B", "tail": "64B"})],
    │                                     ───┬──
    │                                        ╰──── must be a multiple of 8 bytes, 8B to 1MiB
────╯
"#;
    a_payload_field_outside: r#""tail": "64B""# => r#""tail": "128B""#,
r#"
Error: payload[0].fields.tail = "128B": an offset is a multiple of 8 bytes below 128B
    ╭─[ test.ron:31:76 ]
    │
 31 │     payload: [(name: "ring", bytes: "128B", fields: {"head": "0B", "tail": "128B"})],
    │                                                                            ───┬──
    │                                                                               ╰──── an offset is a multiple of 8 bytes below 128B
────╯
"#;
    a_lock_name_that_is_no_identifier: r#"locks: ["a", "b"]"# => r#"locks: ["a", "b c"]"#,
r#"
Error: locks[1] = "b c": a name is made of a-z, 0-9 and _, and does not begin with a digit
    ╭─[ test.ron:30:18 ]
    │
 30 │     locks: ["a", "b c"],
    │                  ──┬──
    │                    ╰──── a name is made of a-z, 0-9 and _, and does not begin with a digit
────╯
"#;
    a_handler_that_is_not_declared: r#"handler: "sample", source"# => r#"handler: "sampel", source"#,
r#"
Error: no handler `sampel` is declared
    ╭─[ test.ron:41:45 ]
    │
 41 │         (name: "pmi", vector: Nmi, handler: "sampel", source: Overflow(period: "500000cy", jitter: "10cy")),
    │                                             ────┬───
    │                                                 ╰───── not declared
    │
    │ Help: did you mean `sample`? handlers declared: sample, tick
────╯
"#;
    a_core_the_machine_does_not_have: "on: Cpus([0, 2])" => "on: Cpus([0, 4])",
r#"
Error: interrupts[1].on.Cpus[1] = 4: the machine has cores 0 to 3
    ╭─[ test.ron:42:69 ]
    │
 42 │         (name: "tick", vector: Timer, handler: "tick", on: Cpus([0, 4]),
    │                                                                     ┬
    │                                                                     ╰── the machine has cores 0 to 3
    │
    │ Help: choose one of these, or raise the machine's cores
────╯
"#;
    a_core_listed_twice: "on: Cpus([0, 2])" => "on: Cpus([2, 2])",
r#"
Error: interrupts[1].on.Cpus[1] = 2: this core is already in the list
    ╭─[ test.ron:42:69 ]
    │
 42 │         (name: "tick", vector: Timer, handler: "tick", on: Cpus([2, 2]),
    │                                                                     ┬
    │                                                                     ╰── this core is already in the list
────╯
"#;
    a_range_the_wrong_way_round: "Range(first: 0, last: 1)" => "Range(first: 1, last: 0)",
r#"
Error: workload.tasks[0].on.first = 1: must not be above last = 0
    ╭─[ test.ron:33:27 ]
    │
 33 │         (on: Range(first: 1, last: 0), body: [Lock("a"), Delay(Uniform("1us", "2us")), Unlock("a"), Halt]),
    │                           ┬
    │                           ╰── must not be above last = 0
────╯
"#;
    a_stride_of_nothing: "step: 1" => "step: 0",
r#"
Error: workload.tasks[2].on.step = 0: must be at least 1
    ╭─[ test.ron:37:37 ]
    │
 37 │         (on: Stride(first: 3, step: 0), body: [Loop(times: 3, body: [IrqOff([Work(Fixed("60ns"))])])]),
    │                                     ┬
    │                                     ╰── must be at least 1
────╯
"#;
    two_tasks_on_one_core: "on: Cpus([2]), body" => "on: Cpus([1]), body",
r#"
Error: core 1 has two tasks, workload.tasks[0] and workload.tasks[1]
    ╭─[ test.ron:34:14 ]
    │
 34 │         (on: Cpus([1]), body: [Forever([
    │              ────┬────
    │                  ╰────── a core runs one task
    │
    │ Help: a core runs one task; put both bodies into one
────╯
"#;
    no_steps: r#"IrqOff([Work(Fixed("60ns"))])"# => "IrqOff([])",
r#"
Error: workload.tasks[2].body[0].body[0].IrqOff = []: at least one step is needed
    ╭─[ test.ron:37:77 ]
    │
 37 │         (on: Stride(first: 3, step: 1), body: [Loop(times: 3, body: [IrqOff([])])]),
    │                                                                             ─┬
    │                                                                              ╰── at least one step is needed
────╯
"#;
    an_unlock_without_a_lock: r#"[Lock("a"), Delay("# => "[Delay(",
r#"
Error: lock `a` is released here but not taken before in the same list of steps
    ╭─[ test.ron:33:77 ]
    │
 33 │         (on: Range(first: 0, last: 1), body: [Delay(Uniform("1us", "2us")), Unlock("a"), Halt]),
    │                                                                             ─────┬─────
    │                                                                                  ╰─────── released without being taken
    │
    │ Help: write Lock("a") before it, or Critical(lock: "a", body: [..])
────╯
"#;
    a_lock_that_is_not_released: r#"Unlock("a"), Halt]"# => r#"Work(Fixed("1us"))]"#,
r#"
Error: lock `a` is taken here and not released in the same list of steps
    ╭─[ test.ron:33:47 ]
    │
 33 │         (on: Range(first: 0, last: 1), body: [Lock("a"), Delay(Uniform("1us", "2us")), Work(Fixed("1us"))]),
    │                                               ────┬────
    │                                                   ╰────── not released
    │
    │ Help: add Unlock("a"), or write Critical(lock: "a", body: [..])
────╯
"#;
    locks_released_out_of_order: r#"Delay(Uniform("1us", "2us")), Unlock("a")"# => r#"Lock("b"), Unlock("a")"#,
r#"
Error: lock `a` is released while `b`, taken after it, is still held
    ╭─[ test.ron:33:69 ]
    │
 33 │         (on: Range(first: 0, last: 1), body: [Lock("a"), Lock("b"), Unlock("a"), Halt]),
    │                                                                     ─────┬─────
    │                                                                          ╰─────── not the last lock taken
    │
    │ Help: locks are released in reverse order: Unlock("b") comes first
────╯
"#;
    steps_out_of_reach: r#"Unlock("a"), Halt]"# => r#"Unlock("a"), Halt, Wait]"#,
r#"
Error: the steps after workload.tasks[0].body[3] are never reached
    ╭─[ test.ron:33:107 ]
    │
 33 │         (on: Range(first: 0, last: 1), body: [Lock("a"), Delay(Uniform("1us", "2us")), Unlock("a"), Halt, Wait]),
    │                                                                                                           ──┬─
    │                                                                                                             ╰─── never reached
    │
    │ Help: end the list here, or move them before it
────╯
"#;
    a_handler_that_does_not_return: r#""tick": [Work(Fixed("1us"))]"# => r#""tick": [Forever([Work(Fixed("1us"))])]"#,
r#"
Error: Forever in handler `tick`: a handler must return
    ╭─[ test.ron:39:79 ]
    │
 39 │     handlers: {"sample": [Lock("a"), Work(Exp("1us")), Unlock("a")], "tick": [Forever([Work(Fixed("1us"))])]},
    │                                                                               ──────────────┬──────────────
    │                                                                                             ╰──────────────── not in a handler
    │
    │ Help: use Loop, or Delay to make it long
────╯
"#;
    a_loop_of_no_times: "times: 3" => "times: 0",
r#"
Error: workload.tasks[2].body[0].times = 0: must be at least 1
    ╭─[ test.ron:37:60 ]
    │
 37 │         (on: Stride(first: 3, step: 1), body: [Loop(times: 0, body: [IrqOff([Work(Fixed("60ns"))])])]),
    │                                                            ┬
    │                                                            ╰── must be at least 1
────╯
"#;
    bounds_the_wrong_way_round: r#"Uniform("1us", "2us")"# => r#"Uniform("3us", "2us")"#,
r#"
Error: workload.tasks[0].body[1].Delay.Uniform[0] = "3us": the lower bound comes first, and "2us" is less
    ╭─[ test.ron:33:72 ]
    │
 33 │         (on: Range(first: 0, last: 1), body: [Lock("a"), Delay(Uniform("3us", "2us")), Unlock("a"), Halt]),
    │                                                                        ──┬──
    │                                                                          ╰──── the lower bound comes first, and "2us" is less
────╯
"#;
    a_mean_of_nothing: r#"Exp("1us")"# => r#"Exp("0us")"#,
r#"
Error: handlers.sample[1].Work.Exp = "0ns": a mean is more than zero
    ╭─[ test.ron:39:47 ]
    │
 39 │     handlers: {"sample": [Lock("a"), Work(Exp("0us")), Unlock("a")], "tick": [Work(Fixed("1us"))]},
    │                                               ──┬──
    │                                                 ╰──── a mean is more than zero
    │
    │ Help: Fixed("0ns") takes no time
────╯
"#;
    a_rate_of_nothing: r#"rate: "10/s""# => r#"rate: "0/s""#,
r#"
Error: interrupts[2].source.rate = "0Hz": must be more than zero
    ╭─[ test.ron:44:88 ]
    │
 44 │         (name: "noise", vector: Timer, handler: "tick", on: All, source: Poisson(rate: "0/s")),
    │                                                                                        ──┬──
    │                                                                                          ╰──── must be more than zero
    │
    │ Help: leave the interrupt out if it is never to come
────╯
"#;
    a_period_of_nothing: r#"period: "500000cy""# => r#"period: "0cy""#,
r#"
Error: interrupts[0].source.period = "0cy": must be more than zero
    ╭─[ test.ron:41:80 ]
    │
 41 │         (name: "pmi", vector: Nmi, handler: "sample", source: Overflow(period: "0cy", jitter: "10cy")),
    │                                                                                ──┬──
    │                                                                                  ╰──── must be more than zero
────╯
"#;
    a_jitter_above_the_period: r#"jitter: "10us""# => r#"jitter: "1ms""#,
r#"
Error: interrupts[1].source.jitter = "1ms": must be less than the period, 2000000 cycles
    ╭─[ test.ron:43:52 ]
    │
 43 │             source: Periodic(rate: "1kHz", jitter: "1ms", phase: At("5us"))),
    │                                                    ──┬──
    │                                                      ╰──── must be less than the period, 2000000 cycles
────╯
"#;
    a_directed_arrival_counted_from_zero: "nth: 2" => "nth: 0",
r#"
Error: interrupts[3].source.nth = 0: arrivals are counted from 1
    ╭─[ test.ron:46:65 ]
    │
 46 │             source: Directed(label: "res_spin_lock.taken", nth: 0, repeat: true)),
    │                                                                 ┬
    │                                                                 ╰── arrivals are counted from 1
────╯
"#;
    an_interrupt_name_given_twice: r#"name: "noise""# => r#"name: "tick""#,
r#"
Error: "tick" is given twice, first at interrupts[1].name
    ╭─[ test.ron:44:16 ]
    │
 44 │         (name: "tick", vector: Timer, handler: "tick", on: All, source: Poisson(rate: "10/s")),
    │                ───┬──
    │                   ╰──── given twice
    │
    │ Help: each must differ from the others
────╯
"#;
    an_option_of_a_stage_that_is_on_everywhere: r#"(name: "+1", patches: ["enclose"])"# => r#"(name: "+1", patches: ["enclose"], options: ["test_and_set"])"#,
r#"
Error: option "test_and_set" is on in every stage already, by lock.options
    ╭─[ test.ron:29:88 ]
    │
 29 │     stages: [(name: "base", patches: []), (name: "+1", patches: ["enclose"], options: ["test_and_set"])],
    │                                                                                        ───────┬──────
    │                                                                                               ╰──────── given twice
    │
    │ Help: leave it out here
────╯
"#;
    a_base_of_a_stage_that_does_not_exist: r#"(name: "+1", patches: ["enclose"])"# => r#"(name: "+1", patches: [], base: "bpf_next")"#,
r#"
Error: there is no base "bpf_next" (at stages[1].base)
    ╭─[ test.ron:29:75 ]
    │
 29 │     stages: [(name: "base", patches: []), (name: "+1", patches: [], base: "bpf_next")],
    │                                                                           ─────┬────
    │                                                                                ╰────── there is no base "bpf_next"
    │
    │ Help: did you mean `bpf-next`? bases: 6.17, bpf-next
────╯
"#;
    a_guard_that_is_never_left: r#"body: [Forever(["# => r#"body: [Guarded(guard: "g", body: [Forever([Work(Fixed("1us"))])]), Forever(["#,
r#"
Error: Forever inside guard `g`
    ╭─[ test.ron:34:58 ]
    │
 34 │         (on: Cpus([2]), body: [Guarded(guard: "g", body: [Forever([Work(Fixed("1us"))])]), Forever([
    │                                                          ───────────────┬───────────────
    │                                                                         ╰───────────────── not inside a guard
    │
    │ Help: a guard is left again, and its own body cannot enter it
────╯
"#;
    a_guard_inside_itself: r#"IrqOff([Work(Fixed("60ns"))])"# => r#"Guarded(guard: "g", body: [IrqOff([Guarded(guard: "g", body: [Work(Fixed("60ns"))])])])"#,
r#"
Error: the same guard inside guard `g`
    ╭─[ test.ron:37:96 ]
    │
 37 │         (on: Stride(first: 3, step: 1), body: [Loop(times: 3, body: [Guarded(guard: "g", body: [IrqOff([Guarded(guard: "g", body: [Work(Fixed("60ns"))])])])])]),
    │                                                                                                ──────────────────────────────┬─────────────────────────────
    │                                                                                                                              ╰─────────────────────────────── not inside a guard
    │
    │ Help: a guard is left again, and its own body cannot enter it
────╯
"#;
    a_guard_with_a_bad_name: r#"IrqOff([Work(Fixed("60ns"))])"# => r#"Guarded(guard: "G", body: [Work(Fixed("60ns"))])"#,
r#"
Error: workload.tasks[2].body[0].body[0].guard = "G": a name is made of a-z, 0-9 and _, and does not begin with a digit
    ╭─[ test.ron:37:85 ]
    │
 37 │         (on: Stride(first: 3, step: 1), body: [Loop(times: 3, body: [Guarded(guard: "G", body: [Work(Fixed("60ns"))])])]),
    │                                                                                     ─┬─
    │                                                                                      ╰─── a name is made of a-z, 0-9 and _, and does not begin with a digit
────╯
"#;
}
