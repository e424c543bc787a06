// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages about the text itself: each with its picture.

messages! {
    an_unknown_field_lists_near_names: r#"l1d: (capacity: "32KiB", ways: 8"# => r#"l1d: (capacity: "32KiB", way: 8"#,
r#"
Error: no field `way` in PrivateCache (at machine.l1d.way)
    ╭─[ test.ron:11:34 ]
    │
 11 │         l1d: (capacity: "32KiB", way: 8, hit: "4cy"),
    │                                  ─┬─
    │                                   ╰─── no field `way` in PrivateCache
    │
    │ Help: did you mean `ways`? fields: capacity, ways, hit, replacement
────╯
"#;
    an_unknown_choice_lists_all: r#"vector: Timer, handler: "tick", on: All"# => r#"vector: Tmer, handler: "tick", on: All"#,
r#"
Error: no choice `Tmer` in Vector (at interrupts[2].vector)
    ╭─[ test.ron:44:33 ]
    │
 44 │         (name: "noise", vector: Tmer, handler: "tick", on: All, source: Poisson(rate: "10/s")),
    │                                 ──┬─
    │                                   ╰─── no choice `Tmer` in Vector
    │
    │ Help: did you mean `Timer`? choices: Nmi, Timer, Irq, Softirq
────╯
"#;
    an_unknown_step_is_pointed_at: r#"Delay(Uniform("1us", "2us"))"# => r#"Dealy(Uniform("1us", "2us"))"#,
r#"
Error: no choice `Dealy` in Step (at workload.tasks[0].body[1])
    ╭─[ test.ron:33:58 ]
    │
 33 │         (on: Range(first: 0, last: 1), body: [Lock("a"), Dealy(Uniform("1us", "2us")), Unlock("a"), Halt]),
    │                                                          ──┬──
    │                                                            ╰──── no choice `Dealy` in Step
    │
    │ Help: did you mean `Delay`? choices: Critical, Lock, Unlock, Work, Delay, Load, Store, Add, Set, Await, Ipi, Raise, IrqOff, IrqOn, Guarded, Loop, Forever, Wait, Halt
────╯
"#;
    an_unknown_field_of_a_choice: r#"Poisson(rate: "10/s")"# => r#"Poisson(rat: "10/s")"#,
r#"
Error: no field `rat` in Poisson (at interrupts[2].source.rat)
    ╭─[ test.ron:44:82 ]
    │
 44 │         (name: "noise", vector: Timer, handler: "tick", on: All, source: Poisson(rat: "10/s")),
    │                                                                                  ─┬─
    │                                                                                   ╰─── no field `rat` in Poisson
    │
    │ Help: did you mean `rate`? fields: rate
────╯
"#;
    a_missing_field_is_named: r#"ways: 8, hit: "4cy""# => "ways: 8",
r#"
Error: missing field `hit` in PrivateCache (at machine.l1d)
    ╭─[ test.ron:11:40 ]
    │
 11 │         l1d: (capacity: "32KiB", ways: 8),
    │                                        ┬
    │                                        ╰── missing field `hit` in PrivateCache
    │
    │ Help: write `hit: ..`; fields: capacity, ways, hit, replacement
────╯
"#;
    a_field_given_twice: r#"    duration: "1s","# => r#"    duration: "1s", duration: "2s","#,
r#"
Error: field `duration` is given twice in Experiment
    ╭─[ test.ron:48:21 ]
    │
 48 │     duration: "1s", duration: "2s",
    │                     ────┬───
    │                         ╰───── field `duration` is given twice in Experiment
    │
    │ Help: keep one of the two
────╯
"#;
    a_name_given_twice_in_a_map: r#""pauses": 512"# => r#""pending_timeout": 512"#,
r#"
Error: `pending_timeout` is given twice (at lock.params)
    ╭─[ test.ron:27:44 ]
    │
 27 │         params: {"pending_timeout": "5ms", "pending_timeout": 512},
    │                                            ────────┬────────
    │                                                    ╰────────── `pending_timeout` is given twice
    │
    │ Help: keep one of the two; which one should count is not guessed
────╯
"#;
    a_wrong_unit: r#"duration: "1s""# => r#"duration: "8kHz""#,
r#"
Error: `kHz` is not a unit of a span (at duration)
    ╭─[ test.ron:48:15 ]
    │
 48 │     duration: "8kHz",
    │               ───┬──
    │                  ╰──── `kHz` is not a unit of a span
    │
    │ Help: units: ps, ns, us, ms, s, cy
────╯
"#;
    a_misspelt_unit: r#"stuck_threshold: "2ms""# => r#"stuck_threshold: "2msec""#,
r#"
Error: `msec` is not a unit of a span (at measure.stuck_threshold)
    ╭─[ test.ron:50:32 ]
    │
 50 │     measure: (stuck_threshold: "2msec"),
    │                                ───┬───
    │                                   ╰───── `msec` is not a unit of a span
    │
    │ Help: did you mean `ms`? units: ps, ns, us, ms, s, cy
────╯
"#;
    a_missing_unit: r#"snoop: "30cy""# => "snoop: 30",
r#"
Error: 30 has no unit (at machine.snoop)
    ╭─[ test.ron:18:16 ]
    │
 18 │         snoop: 30,
    │                ─┬
    │                 ╰── 30 has no unit
    │
    │ Help: write "30cy" or "30ns"
────╯
"#;
    a_missing_unit_of_a_decimal: r#"latency: "57ns""# => "latency: 57.5",
r#"
Error: 57.5 has no unit (at machine.memory.latency)
    ╭─[ test.ron:19:27 ]
    │
 19 │         memory: (latency: 57.5),
    │                           ──┬─
    │                             ╰─── 57.5 has no unit
    │
    │ Help: write "57.5ns"
────╯
"#;
    a_missing_unit_in_quotes: r#"rate: "1kHz""# => r#"rate: "1""#,
r#"
Error: "1" has no unit (at interrupts[1].source.rate)
    ╭─[ test.ron:43:36 ]
    │
 43 │             source: Periodic(rate: "1", jitter: "10us", phase: At("5us"))),
    │                                    ─┬─
    │                                     ╰─── "1" has no unit
    │
    │ Help: write "1Hz" or "1/s"
────╯
"#;
    a_negative_span: r#"snoop: "30cy""# => "snoop: -30",
r#"
Error: -30 is negative (at machine.snoop)
    ╭─[ test.ron:18:16 ]
    │
 18 │         snoop: -30,
    │                ─┬─
    │                 ╰─── -30 is negative
    │
    │ Help: a span is at least zero
────╯
"#;
    a_finer_value_than_the_base_unit: r#"clock: "2GHz""# => r#"clock: "2.0000001GHz""#,
r#"
Error: "2.0000001GHz" is finer than 1kHz (at machine.clock)
   ╭─[ test.ron:5:27 ]
   │
 5 │         name: "m", clock: "2.0000001GHz", cores: 4, width: 1,
   │                           ───────┬──────
   │                                  ╰──────── "2.0000001GHz" is finer than 1kHz
   │
   │ Help: a frequency is a multiple of 1kHz
───╯
"#;
    a_text_where_a_number_belongs: "cores: 4" => r#"cores: "four""#,
r#"
Error: expected a whole number, found "four" (at machine.cores)
   ╭─[ test.ron:5:42 ]
   │
 5 │         name: "m", clock: "2GHz", cores: "four", width: 1,
   │                                          ───┬──
   │                                             ╰──── expected a whole number, found "four"
───╯
"#;
    a_value_where_a_fields_name_belongs: "Count(first: 1, n: 4)" => "Count(5)",
r#"
Error: expected fields with their names, found 5 (at seeds.Count)
    ╭─[ test.ron:49:18 ]
    │
 49 │     seeds: Count(5),
    │                  ┬
    │                  ╰── expected fields with their names, found 5
    │
    │ Help: write `Count(first: .., n: ..)`
────╯
"#;
    a_number_where_a_choice_belongs: "Count(first: 1, n: 4)" => "5",
r#"
Error: expected a choice of Seeds, found 5 (at seeds)
    ╭─[ test.ron:49:12 ]
    │
 49 │     seeds: 5,
    │            ┬
    │            ╰── expected a choice of Seeds, found 5
    │
    │ Help: choices: List, Count
────╯
"#;
    a_list_where_a_choice_belongs: "Count(first: 1, n: 4)" => "[1, 2]",
r#"
Error: expected a choice of Seeds, found [1, 2] (at seeds)
    ╭─[ test.ron:49:12 ]
    │
 49 │     seeds: [1, 2],
    │            ───┬──
    │               ╰──── expected a choice of Seeds, found [1, 2]
    │
    │ Help: choices: List, Count
────╯
"#;
    values_where_fields_names_belong: "Count(first: 1, n: 4)" => "Count(1, 4)",
r#"
Error: expected fields with their names, found 1, 4 (at seeds)
    ╭─[ test.ron:49:18 ]
    │
 49 │     seeds: Count(1, 4),
    │                  ──┬─
    │                    ╰─── expected fields with their names, found 1, 4
    │
    │ Help: write `Count(first: .., n: ..)`
────╯
"#;
    a_text_where_a_choice_belongs: r#"Delay(Uniform("1us", "2us"))"# => r#"Delay("1us")"#,
r#"
Error: expected a choice of Dist, found "1us" (at workload.tasks[0].body[1].Delay)
    ╭─[ test.ron:33:64 ]
    │
 33 │         (on: Range(first: 0, last: 1), body: [Lock("a"), Delay("1us"), Unlock("a"), Halt]),
    │                                                                ──┬──
    │                                                                  ╰──── expected a choice of Dist, found "1us"
    │
    │ Help: choices: Fixed, Uniform, Exp
────╯
"#;
    a_quantity_without_quotes: r#"duration: "1s""# => "duration: 1s",
r#"
Error: expected a text in quotes, found 1s (at duration)
    ╭─[ test.ron:48:15 ]
    │
 48 │     duration: 1s,
    │               ─┬
    │                ╰── expected a text in quotes, found 1s
    │
    │ Help: write "1s"
────╯
"#;
    a_quantity_with_a_blank_and_a_wrong_unit: r#"duration: "1s""# => r#"duration: "1 S""#,
r#"
Error: `S` is not a unit of a span (at duration)
    ╭─[ test.ron:48:15 ]
    │
 48 │     duration: "1 S",
    │               ──┬──
    │                 ╰──── `S` is not a unit of a span
    │
    │ Help: did you mean `s`? units: ps, ns, us, ms, s, cy
────╯
"#;
    a_decimal_where_a_whole_number_belongs: "cores: 4" => "cores: 4.5",
r#"
Error: expected a whole number, found 4.5 (at machine)
   ╭─[ test.ron:5:42 ]
   │
 5 │         name: "m", clock: "2GHz", cores: 4.5, width: 1,
   │                                          ─┬─
   │                                           ╰─── expected a whole number, found 4.5
───╯
"#;
    a_name_without_quotes: r#"Unlock("a"), Halt"# => "Unlock(the-lock), Halt",
r#"
Error: expected a text in quotes, found the-lock (at workload.tasks[0].body[2].Unlock)
    ╭─[ test.ron:33:95 ]
    │
 33 │         (on: Range(first: 0, last: 1), body: [Lock("a"), Delay(Uniform("1us", "2us")), Unlock(the-lock), Halt]),
    │                                                                                               ┬
    │                                                                                               ╰── expected a text in quotes, found the-lock
    │
    │ Help: write "the-lock"
────╯
"#;
    a_bracket_closed_by_another: r#"Unlock("a"), Halt]"# => r#"Unlock("a"), Halt"#,
r#"
Error: expected `]` or a comma, found `)` (at workload.tasks[0].body)
    ╭─[ test.ron:33:105 ]
    │
 33 │         (on: Range(first: 0, last: 1), body: [Lock("a"), Delay(Uniform("1us", "2us")), Unlock("a"), Halt),
    │                                                                                                         ┬
    │                                                                                                         ╰── expected `]` or a comma, found `)`
    │
    │ Help: the `[` in line 33, column 46 waits for its `]`
────╯
"#;
    a_number_where_a_text_belongs: r#"title: "small""# => "title: 7",
r#"
Error: expected a text in quotes, found 7 (at title)
   ╭─[ test.ron:2:12 ]
   │
 2 │     title: 7,
   │            ┬
   │            ╰── expected a text in quotes, found 7
───╯
"#;
    a_list_where_a_group_belongs: r#"memory: (latency: "57ns")"# => r#"memory: ["57ns"]"#,
r#"
Error: expected a group ( field: value, .. ), found ["57ns"] (at machine.memory)
    ╭─[ test.ron:19:17 ]
    │
 19 │         memory: ["57ns"],
    │                 ────┬───
    │                     ╰───── expected a group ( field: value, .. ), found ["57ns"]
────╯
"#;
    a_number_that_does_not_fit: "cores: 4" => "cores: 5000000000",
r#"
Error: expected a whole number that fits, found 5000000000 (at machine.cores)
   ╭─[ test.ron:5:42 ]
   │
 5 │         name: "m", clock: "2GHz", cores: 5000000000, width: 1,
   │                                          ─────┬────
   │                                               ╰────── expected a whole number that fits, found 5000000000
───╯
"#;
    a_parameter_of_a_wrong_kind: r#""pauses": 512"# => r#""pauses": true"#,
r#"
Error: expected a span in quotes such as "5ms", or a whole number for a count, found true (at lock.params.pauses)
    ╭─[ test.ron:27:54 ]
    │
 27 │         params: {"pending_timeout": "5ms", "pauses": true},
    │                                                      ──┬─
    │                                                        ╰─── expected a span in quotes such as "5ms", or a whole number for a count, found true
────╯
"#;
    a_comma_forgotten: r#"locks: ["a", "b"]"# => r#"locks: ["a" "b"]"#,
r#"
Error: expected a comma (at locks)
    ╭─[ test.ron:30:17 ]
    │
 30 │     locks: ["a" "b"],
    │                 ┬
    │                 ╰── expected a comma
────╯
"#;
    an_early_end: r#"    limits: (quiesce: "1s"),
)"# => r#"    limits: (quiesce: "1s""#,
r#"
Error: the text ends too early: a bracket is not closed (at limits)
    ╭─[ test.ron:51:27 ]
    │
 51 │     limits: (quiesce: "1s"
    │                           │
    │                           ╰─ the text ends too early: a bracket is not closed
    │
    │ Help: the `(` in line 51, column 13 waits for its `)`
────╯
"#;
    a_quote_missing_in_the_middle_of_a_line: r#"locks: ["a", "b"],"# => r#"locks: ["a, "b"],"#,
r#"
Error: expected a comma (at locks)
    ╭─[ test.ron:30:18 ]
    │
 30 │     locks: ["a, "b"],
    │                  ┬
    │                  ╰── expected a comma
    │
    │ Help: there may be a `"` missing in this line
────╯
"#;
    a_quote_missing_at_the_end_of_a_line: r#"locks: ["a", "b"],"# => r#"locks: ["a", "b],"#,
r#"
Error: the text in quotes that begins here runs on beyond its line (at locks)
    ╭─[ test.ron:30:18 ]
    │
 30 │     locks: ["a", "b],
    │                  ──┬─
    │                    ╰─── the text in quotes that begins here runs on beyond its line
    │
    │ Help: close it with `"` on this line
────╯
"#;
    something_after_the_end: r#"    limits: (quiesce: "1s"),
)"# => r#"    limits: (quiesce: "1s"),
) more"#,
r#"
Error: nothing may follow the closing bracket
    ╭─[ test.ron:52:2 ]
    │
 52 │ ) more
    │  ┬
    │  ╰── nothing may follow the closing bracket
────╯
"#;
}
