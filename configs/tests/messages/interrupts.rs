// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages about interrupt sources, sending, the tick and hooks: each with its picture.

macro_rules! interrupt_messages {
    ($($name:ident: $from:expr => $to:expr, $picture:expr;)*) => {$(
        #[test]
        fn $name() {
            assert_eq!(crate::refused_interrupts($from, $to), $picture.trim_start_matches('\n'));
        }
    )*};
}

#[test]
fn the_experiment_without_a_replacement_is_accepted_and_survives_expansion() {
    let read =
        |text: &str| configs::parse(text, "test.ron").unwrap_or_else(|e| panic!("{}", e.render(false))).experiment;
    let e = read(crate::INTERRUPTS);
    assert_eq!(read(&configs::expanded(&e)), e);
}

interrupt_messages! {
    a_priority_out_of_range: r#"Irq(priority: 9)"# => r#"Irq(priority: 0)"#,
r#"
Error: interrupts[2].vector.priority = 0: must be 1 to 15
    ╭─[ test.ron:46:46 ]
    │
 46 │         (name: "seen", vector: Irq(priority: 0), handler: "stop", source: Trace(file: "seen.csv")),
    │                                              ┬
    │                                              ╰── must be 1 to 15
    │
    │ Help: 15 is the highest
────╯
"#;
    a_soft_interrupt_that_comes_by_itself: r#"handler: "soft", source: Sent"# => r#"handler: "soft", source: Poisson(rate: "1/s")"#,
r#"
Error: interrupt `soft` comes by itself
    ╭─[ test.ron:38:54 ]
    │
 38 │         "timer": [IrqOn([Work(Fixed("1us"))]), Raise("soft")],
    │                                                      ───┬──
    │                                                         ╰──── its source is not Sent
    │
    │ Help: declare one with `source: Sent`
────╯
"#;
    a_soft_interrupt_of_some_cores: r#"handler: "soft", source"# => r#"handler: "soft", on: Cpus([1]), source"#,
r#"
Error: interrupts[4]: every core that may raise a soft interrupt must have it
    ╭─[ test.ron:48:62 ]
    │
 48 │         (name: "soft", vector: Softirq, handler: "soft", on: Cpus([1]), source: Sent),
    │                                                              ────┬────
    │                                                                  ╰────── not All
    │
    │ Help: leave `on` out
────╯
"#;
    a_frequency_of_zero: r#"Frequency(rate: "4kHz""# => r#"Frequency(rate: "0Hz""#,
r#"
Error: interrupts[0].source.rate = "0Hz": must be more than zero
    ╭─[ test.ron:43:81 ]
    │
 43 │         (name: "pmi", vector: Nmi, handler: "profiler", source: Frequency(rate: "0Hz", initial: "10cy")),
    │                                                                                 ──┬──
    │                                                                                   ╰──── must be more than zero
    │
    │ Help: leave the interrupt out if it is never to come
────╯
"#;
    an_initial_period_of_zero: r#"initial: "10cy""# => r#"initial: "0cy""#,
r#"
Error: interrupts[0].source.initial = "0cy": must be more than zero
    ╭─[ test.ron:43:98 ]
    │
 43 │         (name: "pmi", vector: Nmi, handler: "profiler", source: Frequency(rate: "4kHz", initial: "0cy")),
    │                                                                                                  ──┬──
    │                                                                                                    ╰──── must be more than zero
────╯
"#;
    a_burst_of_nothing: r#"Burst(n: 4"# => r#"Burst(n: 0"#,
r#"
Error: interrupts[1].source.n = 0: a burst has at least 1 arrival
    ╭─[ test.ron:45:30 ]
    │
 45 │             source: Burst(n: 0, spacing: "2us", rate: "1kHz", law: Periodic, phase: At("1us"))),
    │                              ┬
    │                              ╰── a burst has at least 1 arrival
────╯
"#;
    a_burst_without_spacing: r#"spacing: "2us""# => r#"spacing: "0ns""#,
r#"
Error: interrupts[1].source.spacing = "0ns": must be at least one cycle
    ╭─[ test.ron:45:42 ]
    │
 45 │             source: Burst(n: 4, spacing: "0ns", rate: "1kHz", law: Periodic, phase: At("1us"))),
    │                                          ──┬──
    │                                            ╰──── must be at least one cycle
────╯
"#;
    a_burst_longer_than_its_period: r#"Burst(n: 4"# => r#"Burst(n: 501"#,
r#"
Error: interrupts[1].source.rate = "1kHz": a burst lasts 2000000 cycles, which must be less than the period, 2000000 cycles
    ╭─[ test.ron:45:57 ]
    │
 45 │             source: Burst(n: 501, spacing: "2us", rate: "1kHz", law: Periodic, phase: At("1us"))),
    │                                                         ───┬──
    │                                                            ╰──── a burst lasts 2000000 cycles, which must be less than the period, 2000000 cycles
    │
    │ Help: lower the rate, or take Poisson, whose bursts may overlap
────╯
"#;
    a_trace_without_a_file: r#""seen.csv""# => r#""""#,
r#"
Error: interrupts[2].source.file = "": must not be empty
    ╭─[ test.ron:46:87 ]
    │
 46 │         (name: "seen", vector: Irq(priority: 9), handler: "stop", source: Trace(file: "")),
    │                                                                                       ─┬
    │                                                                                        ╰── must not be empty
    │
    │ Help: name a CSV file: time_ns,cpu,source
────╯
"#;
    a_tick_of_a_core_that_is_not_there: r#"timekeeper: 3"# => r#"timekeeper: 4"#,
r#"
Error: tick.timekeeper = 4: the machine has cores 0 to 3
    ╭─[ test.ron:51:39 ]
    │
 51 │     tick: (rate: "250/s", timekeeper: 4, body: [Load("ring")]),
    │                                       ┬
    │                                       ╰── the machine has cores 0 to 3
────╯
"#;
    a_tick_at_a_rate_of_zero: r#""250/s""# => r#""0/s""#,
r#"
Error: tick.rate = "0Hz": must be more than zero
    ╭─[ test.ron:51:18 ]
    │
 51 │     tick: (rate: "0/s", timekeeper: 3, body: [Load("ring")]),
    │                  ──┬──
    │                    ╰──── must be more than zero
    │
    │ Help: leave `tick` out for a machine without a tick
────╯
"#;
    an_interrupt_sent_that_is_not_declared: r#"Cpu(2), interrupt: "stop""# => r#"Cpu(2), interrupt: "stp""#,
r#"
Error: no interrupt `stp` is declared
    ╭─[ test.ron:34:59 ]
    │
 34 │         (on: Cpus([0]), body: [Ipi(to: Cpu(2), interrupt: "stp"), Ipi(to: Others, interrupt: "stop"), Set(word: "ring", value: 1)]),
    │                                                           ──┬──
    │                                                             ╰──── not declared
    │
    │ Help: did you mean `stop`? interrupts declared: pmi, tail, seen, own, soft, stop
────╯
"#;
    an_interrupt_sent_that_comes_by_itself: r#"Cpu(2), interrupt: "stop""# => r#"Cpu(2), interrupt: "pmi""#,
r#"
Error: interrupt `pmi` comes by itself
    ╭─[ test.ron:34:59 ]
    │
 34 │         (on: Cpus([0]), body: [Ipi(to: Cpu(2), interrupt: "pmi"), Ipi(to: Others, interrupt: "stop"), Set(word: "ring", value: 1)]),
    │                                                           ──┬──
    │                                                             ╰──── its source is not Sent
    │
    │ Help: declare one with `source: Sent`
────╯
"#;
    an_interrupt_sent_to_a_core_without_it: r#"Cpu(2), interrupt"# => r#"Cpu(3), interrupt"#,
r#"
Error: workload.tasks[0].body[0].to = Cpu(3): interrupt `stop` is not on this core
    ╭─[ test.ron:34:40 ]
    │
 34 │         (on: Cpus([0]), body: [Ipi(to: Cpu(3), interrupt: "stop"), Ipi(to: Others, interrupt: "stop"), Set(word: "ring", value: 1)]),
    │                                        ───┬──
    │                                           ╰──── interrupt `stop` is not on this core
    │
    │ Help: add the core to its `on`
────╯
"#;
    a_soft_interrupt_sent_to_others: r#"Others, interrupt: "stop""# => r#"Others, interrupt: "soft""#,
r#"
Error: interrupt `soft` is a soft interrupt
    ╭─[ test.ron:34:95 ]
    │
 34 │         (on: Cpus([0]), body: [Ipi(to: Cpu(2), interrupt: "stop"), Ipi(to: Others, interrupt: "soft"), Set(word: "ring", value: 1)]),
    │                                                                                               ───┬──
    │                                                                                                  ╰──── is a soft interrupt
    │
    │ Help: a core raises only its own, with Raise(..) in a handler
────╯
"#;
    a_hard_interrupt_raised: r#"Raise("soft")"# => r#"Raise("stop")"#,
r#"
Error: interrupt `stop` is not a soft interrupt
    ╭─[ test.ron:38:54 ]
    │
 38 │         "timer": [IrqOn([Work(Fixed("1us"))]), Raise("stop")],
    │                                                      ───┬──
    │                                                         ╰──── is not a soft interrupt
    │
    │ Help: send it with Ipi(to: .., interrupt: ..)
────╯
"#;
    a_raise_in_a_task: r#"Set(word: "ring", value: 1)"# => r#"Raise("soft")"#,
r#"
Error: Raise in a task
    ╭─[ test.ron:34:104 ]
    │
 34 │         (on: Cpus([0]), body: [Ipi(to: Cpu(2), interrupt: "stop"), Ipi(to: Others, interrupt: "stop"), Raise("soft")]),
    │                                                                                                        ──────┬──────
    │                                                                                                              ╰──────── only in handlers of maskable and soft interrupts
    │
    │ Help: move it to a handler
────╯
"#;
    a_raise_in_an_nmi: r#""profiler": [Add("ring")]"# => r#""profiler": [Raise("soft")]"#,
r#"
Error: Raise in `profiler`, which does not run for maskable interrupts only
    ╭─[ test.ron:37:22 ]
    │
 37 │         "profiler": [Raise("soft")],
    │                      ──────┬──────
    │                            ╰──────── only in handlers of maskable and soft interrupts
    │
    │ Help: use a handler of its own
────╯
"#;
    interrupts_let_in_by_a_task: r#"Set(word: "ring", value: 1)"# => r#"IrqOn([Work(Fixed("1us"))])"#,
r#"
Error: IrqOn in a task
    ╭─[ test.ron:34:104 ]
    │
 34 │         (on: Cpus([0]), body: [Ipi(to: Cpu(2), interrupt: "stop"), Ipi(to: Others, interrupt: "stop"), IrqOn([Work(Fixed("1us"))])]),
    │                                                                                                        ─────────────┬─────────────
    │                                                                                                                     ╰─────────────── only in handlers of maskable and soft interrupts
    │
    │ Help: move it to a handler
────╯
"#;
    a_hook_that_does_not_return: r#"[Critical(lock: "b", body: [])]"# => r#"[Wait]"#,
r#"
Error: Wait in handler `contention_begin`: a handler must return
    ╭─[ test.ron:52:34 ]
    │
 52 │     hooks: {"contention_begin": [Wait]},
    │                                  ──┬─
    │                                    ╰─── not in a handler
    │
    │ Help: use Loop, or Delay to make it long
────╯
"#;
    a_hook_with_a_bad_name: r#""contention_begin""# => r#""Contention""#,
r#"
Error: hooks.Contention = "Contention": a name is made of a-z, 0-9 and _, and does not begin with a digit
    ╭─[ test.ron:52:27 ]
    │
 52 │     hooks: {"Contention": [Critical(lock: "b", body: [])]},
    │                           ───────────────┬───────────────
    │                                          ╰───────────────── a name is made of a-z, 0-9 and _, and does not begin with a digit
────╯
"#;
    a_word_that_is_not_declared: r#"Await(word: "ring.tail""# => r#"Await(word: "ring.tial""#,
r#"
Error: no payload `ring.tial` is declared
    ╭─[ test.ron:40:48 ]
    │
 40 │         "stop": [Add("ring.head"), Await(word: "ring.tial", at_least: 3)],
    │                                                ─────┬─────
    │                                                     ╰─────── not declared
    │
    │ Help: did you mean `ring.tail` or `ring.head` or `ring`? payloads declared: ring, ring.head, ring.tail
────╯
"#;
    an_interrupt_that_takes_no_time_on_its_way: r#"ipi: "2us""# => r#"ipi: "0us""#,
r#"
Error: machine.interrupts.ipi = "0ns": must be at least one cycle
    ╭─[ test.ron:22:18 ]
    │
 22 │             ipi: "0us", softirq_entry: "30cy", softirq_exit: "20cy",
    │                  ──┬──
    │                    ╰──── must be at least one cycle
────╯
"#;
    a_soft_interrupt_with_a_law: "vector: Timer" => "vector: Softirq",
r#"
Error: interrupts[3]: a soft interrupt comes only when a handler raises it
    ╭─[ test.ron:47:66 ]
    │
 47 │         (name: "own", vector: Softirq, handler: "timer", source: Poisson(rate: "10/s")),
    │                                                                  ──────────┬──────────
    │                                                                            ╰──────────── not Sent
    │
    │ Help: write `source: Sent`, and Raise(..) in the handler of a maskable interrupt
────╯
"#;
}
