// SPDX-License-Identifier: MIT OR Apache-2.0
//! Micro-ops that run ahead of what others see, and what ends that: an interrupt that another core sends, a fault.

use interrupt_ctrl::{Process, Source, Vector};
use rqsim::machine::MachineSpec;
use sim_core::core::MemoryModel;
use sim_core::rng::Stream;
use sim_core::time::{Clock, Cycle};

use crate::compare::{Tally, compare};
use crate::machines::proc_idx;
use crate::phases::machine;

/// Core 0 runs code on registers only, in loops that are computed and that are not; core 1 sends to it, and it to core 1.
const TEXT: &str = "
struct area percpu align 64 kind other { v: [u64; 32] }
dist some = exp(20cy)
proc mix(x, i) -> y {
  y = x << 7
  y = y ^ x
  x = y >> 9
  y = y ^ x
  y = y + i
  ret y
}
proc spinner() {
  n = 0
  x = 88172645463325252
again:
  i = 0
mixing:
  x = call mix(x, i)
  t = clock_ns
  i = i + 1
  if i < 20 goto mixing
  x = x + t
  d = draw some
  i = 0
counting:
  i = i + 1
  pause
  if i < 15 goto counting
  BACK
  n = n + 1
  if n < 8 goto again
  mark note(n, x, d)
  ret
}
proc writer() {
  i = 0
  work WORKcy
sending:
  SEND
  x = call mix(i, 3)
  work GAPcy
  i = i + 1
  if i < 4 goto sending
  END
  mark note(i, x)
  ret
}
proc on_nmi() {
  n = local_add.u64 [cpu.area.v[1]], 1
  t = clock_ns
  mark note(n, t)
  ret
}
proc on_ipi() {
  n = 5
down:
  n = n - 1
  if n goto down
  n = local_add.u64 [cpu.area.v[2]], 1
  mark note(n)
  ret
}
";

const IPI: u64 = 11;
const NMI: u64 = 12;

struct Case<'a> {
    send: &'a str,
    back: &'a str,
    end: &'a str,
    work: u64,
    gap: u64,
    /// Cycles that an interrupt is under way.
    ipi: u64,
    width: u32,
    model: MemoryModel,
    khz: u64,
}

fn spec(c: &Case) -> MachineSpec {
    let text = TEXT
        .replace("SEND", c.send)
        .replace("BACK", c.back)
        .replace("END", c.end)
        .replace("WORK", &c.work.to_string())
        .replace("GAP", &c.gap.to_string());
    let mut spec = machine(&text, c.width, None);
    let source = |number, vector, handler| Source {
        name: format!("sent_{number}"),
        number,
        vector,
        handler: proc_idx(&spec.program, handler),
        process: Process::Sent,
    };
    let own = vec![source(IPI, Vector::Irq(9), "on_ipi"), source(NMI, Vector::Nmi, "on_nmi")];
    spec.sources = vec![own.clone(), own];
    spec.interrupts.ipi = c.ipi;
    spec.core.model = c.model;
    spec.clock = Clock { khz: c.khz };
    spec
}

const MODELS: [MemoryModel; 3] = [MemoryModel::Tso, MemoryModel::Sc, MemoryModel::Weak { queue: 4, delay: 50 }];
const KHZ: [u64; 3] = [1_000_000, 2_399_999, 700_001];

/// Works in steps of one cycle, all that is to be crossed with it in turn.
fn cases<'a>(sends: &'a [&'a str], backs: &'a [&'a str], end: &'a str) -> impl Iterator<Item = Case<'a>> {
    let long = std::env::var_os("RQSIM_LONG").is_some_and(|v| v != "0");
    let works = if long { 0..400 } else { 300..340 };
    works.flat_map(move |work| {
        sends.iter().flat_map(move |send| {
            [1, 2, 3, 17, 60].into_iter().flat_map(move |ipi| {
                [1, 4].into_iter().map(move |width| {
                    let turn = (work + ipi) as usize;
                    Case {
                        send,
                        back: backs[turn % backs.len()],
                        end,
                        work,
                        gap: [0, 1, 33, 150][turn / 2 % 4],
                        ipi,
                        width,
                        model: MODELS[turn % 3],
                        khz: KHZ[turn / 3 % 3],
                    }
                })
            })
        })
    })
}

const SENDS: [&str; 4] = ["ipi.to 11, 0", "ipi.to 12, 0", "ipi.others 12", "ipi.all 11"];
const BACKS: [&str; 4] = ["pause", "ipi.to 11, 1", "ipi.all 12", "ipi.to 12, 0"];

fn describe(c: &Case) -> String {
    let Case { send, back, work, gap, ipi, width, model, khz, .. } = c;
    format!("{send} / {back}, work {work}, gap {gap}, ipi {ipi}, width {width}, {model:?}, {khz} kHz")
}

#[test]
fn an_interrupt_that_is_sent_finds_a_core_that_runs_ahead_at_the_same_boundary() {
    let (mut n, mut all) = (0, Tally::default());
    for c in cases(&SENDS, &BACKS, "pause") {
        let t = compare(&spec(&c), Cycle(1_000_000), &mut Stream::derive(n, 0, "sends"));
        all.add(t.unwrap_or_else(|e| panic!("{}: {e}", describe(&c))));
        n += 1;
    }
    assert!(all.interrupts as u64 >= n * 2 && all.spins >= n, "{n}: {all:?}");
    assert!(all.fast_events < all.exact_events, "{n}: {all:?}");
}

#[test]
fn a_fault_finds_a_core_that_runs_ahead_at_the_same_boundary() {
    // With interrupts between the cores, and with none in the program at all: then cores run ahead without bound.
    for (sends, backs) in [(&SENDS[..2], &BACKS[..]), (&["pause"], &["pause"])] {
        for (i, c) in cases(sends, backs, "i = i - 4\n  x = x / i").enumerate() {
            let e = compare(&spec(&c), Cycle(1_000_000), &mut Stream::derive(i as u64, 0, "faults")).unwrap_err();
            assert!(e.starts_with("a fault: core 1: division by zero"), "{}: {e}", describe(&c));
        }
    }
}
