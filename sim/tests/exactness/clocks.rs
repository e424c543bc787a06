// SPDX-License-Identifier: MIT OR Apache-2.0
//! Spins that read the clock and call procedures, ended or disturbed in every cycle of an iteration.

use rqsim::machine::MachineSpec;
use sim_core::core::MemoryModel;
use sim_core::rng::Stream;
use sim_core::time::{Clock, Cycle};

use crate::compare::{Tally, compare};
use crate::phases::around;

/// Core 0 waits OFFSET cycles and then spins until the clock or the flag ends it; core 1 first takes the flag's line
/// only, then sets the flag.
const TEXT: &str = "
proc read() -> t {
  t = clock_ns
  ret t
}
proc passed(since) -> d {
  d = call read()
  d = d - since
  ret d
}
proc spinner() {
  n = 0
  i = 3
  since = 0
  w = load.u64 [flag.w[0]]
  work OFFSETcy
  began = clock_ns
  now = began
  deadline = began + SPAN
  late = SPAN
BEFORE
spin:
  n = n + 1
  w = load.u64 [flag.w[0]]
  if w != 0 goto out
BODY
out:
  mark note(n, now, since)
  ret
}
proc writer() {
  work WORKcy
  store.u64 [flag.w[1]], 1
  work 700cy
  store.u64 [flag.w[0]], 1
  ret
}
";

/// What a spin does before and in its iterations. Where an exit is not by the clock it is by the flag.
const FORMS: [(&str, &str); 22] = [
    ("", "pause\n now = call read()\n if now < deadline goto spin"),
    ("", "pause\n now = clock_ns\n if now <= deadline goto spin"),
    ("", "now = call read()\n pause\n if deadline > now goto spin"),
    ("", "now = call read()\n if deadline >= now goto spin"),
    ("", "now = clock_ns\n pause\n if now > deadline goto out\n goto spin"),
    ("", "now = call read()\n if now >= deadline goto out\n pause\n goto spin"),
    ("", "now = call read()\n if now != deadline goto spin"),
    ("", "now = clock_ns\n if deadline == now goto out\n pause\n goto spin"),
    ("", "now = clock_ns\n if now <s deadline goto spin"),
    ("", "now = call read()\n pause\n if deadline >=s now goto spin"),
    // The time since, and before the deadline the time that wraps.
    ("", "pause\n now = call read()\n since = now - began\n if since <= SPAN goto spin"),
    ("", "since = call passed(began)\n pause\n if since < SPAN goto spin"),
    ("", "since = call passed(deadline)\n if since > 1000000 goto spin"),
    ("", "now = clock_ns\n since = now - deadline\n if since <s 7 goto spin"),
    ("", "now = clock_ns\n since = now - deadline\n if since == 0 goto out\n if 0 >=s since goto spin"),
    // Through the end of the signed numbers, and of the unsigned ones.
    ("far = 9223372036854775807 - deadline", "now = call read()\n since = now + far\n if since >s 0 goto spin"),
    ("far = 0 - deadline", "now = clock_ns\n since = far + now\n pause\n if since > 9 goto spin"),
    // A counter cut to a mask beside the clock, and the clock behind it.
    ("", "i = i + 1\n i = i & 63\n if i == 0 goto out\n now = call read()\n if now < deadline goto spin"),
    (
        "",
        "i = i + 1\n i = i & 15\n if i != 0 goto rest\n since = call passed(began)\n if since > late goto out\nrest:\n pause\n goto spin",
    ),
    // Registers that an iteration writes first, and two readings.
    (
        "x = 9",
        "x = clock_ns\n x = x - 5\n now = call read()\n y = now + 3\n if y < deadline goto on\n goto out\non:\n if x <= deadline goto spin",
    ),
    ("x = 9", "x = n & 7\n x = 4\n x = x + n\n now = clock_ns\n if now < deadline goto spin\n mark note(x, i, n)"),
    // The micro-ops behind the reading share the cycle that ends an iteration.
    ("a = 0", "now = clock_ns\n pause\n a = n + 1\n b = now\n if b < deadline goto spin\n mark note(a, b, n)"),
];

/// How fast the clock is: most have a nanosecond that is no whole number of cycles, the last one of hundreds.
const KHZ: [u64; 6] = [1_000_000, 2_400_000, 3_333_333, 700_001, 1_999_999, 333_000_000];

const MODELS: [MemoryModel; 4] = [
    MemoryModel::Tso,
    MemoryModel::Sc,
    MemoryModel::Weak { queue: 4, delay: 250 },
    MemoryModel::Weak { queue: 2, delay: 0 },
];

/// Core 0 begins to spin soon after `offset`, for about `span` cycles.
struct Case {
    form: usize,
    khz: u64,
    model: MemoryModel,
    width: u32,
    offset: u64,
    span: u64,
    work: u64,
    landing: Option<u64>,
}

fn spec(c: &Case) -> MachineSpec {
    let (before, body) = FORMS[c.form];
    let nanos = (c.span * 1_000_000).div_ceil(c.khz);
    let text = TEXT
        .replace("BEFORE", before)
        .replace("BODY", body)
        .replace("SPAN", &nanos.to_string())
        .replace("OFFSET", &c.offset.to_string())
        .replace("WORK", &c.work.to_string());
    let mut spec = around(&text, c.width, c.landing);
    spec.core.model = c.model;
    spec.clock = Clock { khz: c.khz };
    spec
}

fn check(name: &str, cases: impl Iterator<Item = Case>) -> (u64, Tally) {
    let (mut n, mut all, mut cuts) = (0, Tally::default(), Stream::derive(1, 0, name));
    for c in cases {
        let t = compare(&spec(&c), Cycle(1_000_000), &mut cuts).unwrap_or_else(|e| {
            let Case { form, khz, model, width, offset, span, work, landing } = c;
            panic!("form {form}, {khz} kHz, {model:?}, width {width}, offset {offset}, span {span}, work {work}, landing {landing:?}: {e}")
        });
        all.add(t);
        n += 1;
    }
    (n, all)
}

fn long() -> bool {
    std::env::var_os("RQSIM_LONG").is_some_and(|v| v != "0")
}

/// Every form with every width of interest; rates and models in turn, or all of them in the long form.
fn settings() -> impl Iterator<Item = (usize, u64, MemoryModel, u32)> {
    (0..FORMS.len()).flat_map(|form| {
        [1, 4].into_iter().flat_map(move |width| {
            let all = KHZ.into_iter().enumerate().flat_map(move |(k, khz)| MODELS.map(|m| (k, khz, m)));
            let each = all.enumerate().filter(move |(i, (k, ..))| long() || i % 4 == (form + k + width as usize) % 4);
            each.map(move |(_, (_, khz, model))| (form, khz, model, width))
        })
    })
}

#[test]
fn the_clock_ends_a_spin_in_every_cycle_of_an_iteration() {
    let step = if long() { 1 } else { 5 };
    let cases = settings().enumerate().flat_map(move |(i, (form, khz, model, width))| {
        (i as u64 % step..40).step_by(step as usize).map(move |d| {
            // Where a nanosecond is many cycles the begin moves instead of the end.
            let (offset, span) = if i % 2 == 0 { (90, 1500 + d) } else { (90 + d, 1500) };
            Case { form, khz, model, width, offset, span, work: 4000, landing: None }
        })
    });
    let (n, all) = check("clock ends", cases);
    assert!(all.spins >= n && all.fast_events * 4 < all.exact_events, "{n}: {all:?}");
}

#[test]
fn an_interrupt_lands_in_every_cycle_of_a_spin_that_reads_the_clock() {
    let step = if long() { 1 } else { 7 };
    let cases = settings().enumerate().flat_map(move |(i, (form, khz, model, width))| {
        (i as u64 % step..40).step_by(step as usize).map(move |d| {
            let landing = Some(if i % 3 == 0 { 1700 + d } else { 900 + d });
            Case { form, khz, model, width, offset: 90, span: 1500, work: 2500, landing }
        })
    });
    let (n, all) = check("clock interrupted", cases);
    assert_eq!(all.interrupts as u64, n);
    assert!(all.spins >= n && all.fast_events * 4 < all.exact_events, "{n}: {all:?}");
}

#[test]
fn a_message_takes_the_line_in_every_cycle_of_a_spin_that_reads_the_clock() {
    let step = if long() { 1 } else { 7 };
    let cases = settings().enumerate().flat_map(move |(i, (form, khz, model, width))| {
        (i as u64 % step..40).step_by(step as usize).map(move |d| {
            let landing = (i % 4 == 0).then_some(600 + d + d * d % 90);
            Case { form, khz, model, width, offset: 90, span: 1500, work: 600 + d, landing }
        })
    });
    let (n, all) = check("clock and message", cases);
    assert!(all.spins >= n && all.fast_events * 2 < all.exact_events, "{n}: {all:?}");
}

/// Every form is computed somewhere: none of the above passes because a form is only ever executed.
#[test]
fn every_form_is_computed() {
    for form in 0..FORMS.len() {
        let cases = KHZ.into_iter().map(|khz| Case {
            form,
            khz,
            model: MemoryModel::Tso,
            width: 4,
            offset: 90,
            span: 20_000,
            work: 30_000,
            landing: None,
        });
        let (n, all) = check("every form", cases);
        assert!(all.spins >= n, "form {form}: {all:?}");
    }
}
