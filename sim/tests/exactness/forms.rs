// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a spin may compute with: every form is computed, and ends in the very iteration in which it would if executed.

use sim_core::rng::Stream;
use sim_core::time::Cycle;

use crate::compare::compare;
use crate::phases::around;

/// `n` counts the iterations; where a form does not leave, it goes on behind it.
const TEXT: &str = "
proc same(v) -> r {
  r = v
  ret r
}
proc spinner() {
  n = 0
  m = 0
  t = 0
BEFORE
top:
  n = n + 1
BODY
  pause
  goto top
out:
  mark note(n, m, t)
  ret
}
proc writer() {
  ret
}
";

/// What comes before the spin and what an iteration does. Each ends after 900 to 4000 iterations.
const FORMS: [(&str, &str); 34] = [
    ("", "if n == 3000 goto out"),
    ("", "if n >= 3000 goto out"),
    ("", "if n > 3000 goto out"),
    ("", "if 3000 <= n goto out"),
    ("", "if 3000 < n goto out"),
    ("", "if n < 3000 goto on\n goto out\non:"),
    ("", "if n != 3000 goto on\n goto out\non:"),
    // The counter on the right, subtracted, on both sides.
    ("", "t = 3000 - n\n if t == 0 goto out"),
    ("", "t = n - 3000\n if t == 0 goto out"),
    ("", "t = 5 + n\n if t == 3000 goto out"),
    ("", "t = n + 5\n if t == 3000 goto out"),
    ("", "t = n + n\n if t == 6000 goto out"),
    ("", "t = n + n\n t = t - n\n if t == 3000 goto out"),
    // A constant folded in every iteration.
    ("", "t = m + 3000\n if n == t goto out"),
    ("", "t = 3000 * 1\n t = t / 2\n if n == t goto out"),
    ("", "t = call same(n)\n if t == 3000 goto out"),
    // Two that move, at different paces; the second pair never meets.
    ("", "m = m + 2\n t = n + 2000\n if m >= t goto out"),
    ("m = 1", "m = m + 3\n t = n + 4000\n if m == t goto out\n if n == 3000 goto out"),
    // Downwards, and through both ends of the numbers.
    ("m = 9000", "m = m - 3\n if m == 0 goto out"),
    ("m = 9001", "m = m - 3\n if m > 9001 goto out"),
    ("m = 8999", "m = m - 3\n if m <s 0 goto out"),
    ("m = 9223372036854766807", "m = m + 3\n if m <s 0 goto out"),
    ("m = 18446744073709542616", "m = m + 3\n if m < 9000 goto out"),
    ("m = 0\n m = m - 9000", "m = m + 3\n if m >=s 0 goto out"),
    ("m = 0\n m = m - 9000", "m = m + 3\n if m >s 7 goto out"),
    ("m = 9000", "m = m - 3\n if m <=s 0 goto out"),
    // Cut to the low bits, until they carry.
    ("", "t = n & 1023\n if t == 1000 goto out"),
    ("", "t = n & 1023\n if t == 0 goto on\n if n > 2500 goto out\non:"),
    ("m = 5000", "m = m - 1\n t = m & 2047\n if t == 0 goto out"),
    // What a core knows without looking at memory.
    ("", "t = cpu\n t = t + 3000\n if n == t goto out"),
    ("", "t = cpus\n t = t + 3000\n if n == t goto out"),
    ("", "t = context\n t = t + 3000\n if n == t goto out"),
    ("", "p: line = lea [flag.w[2]]\n t = load.u64 [p.w[1]]\n if n == 3000 goto out"),
    // Looked at in the inner loop's last iteration, which goes back by the outer edge and by way of what is before the inner.
    ("again:\n t = 7", "if n < 6 goto top\n if n == 3000 goto out\n pause\n goto again"),
];

#[test]
fn a_spin_computes_with_every_form_and_ends_where_it_would() {
    for (before, body) in FORMS {
        for (width, landing) in [(1, None), (4, None), (2, Some(4001))] {
            let spec = around(&TEXT.replace("BEFORE", before).replace("BODY", body), width, landing);
            let t = compare(&spec, Cycle(1_000_000), &mut Stream::derive(1, 0, "forms"));
            let t = t.unwrap_or_else(|e| panic!("{body}, width {width}: {e}"));
            let computed = t.spins > u64::from(landing.is_some()) && t.fast_events * 10 < t.exact_events;
            assert!(computed, "{body}, width {width}: {t:?}");
        }
    }
}

/// Where a step cannot be told from the ones before: bits between which a carry skips some, a mask that moves, a product.
const EXECUTED: [&str; 6] = [
    "t = n & 1008\n if t == 992 goto out",
    "m = m + 3\n t = n & m\n if n >= 3000 goto out",
    "t = n | 1\n if t == 2001 goto out",
    "t = n * 3\n if t == 6000 goto out",
    "t = n << 2\n if t == 8000 goto out",
    "t = n / 2\n if t == 1000 goto out",
];

#[test]
fn what_does_not_go_in_equal_steps_is_executed() {
    for body in EXECUTED {
        for width in [1, 4] {
            let spec = around(&TEXT.replace("BEFORE", "").replace("BODY", body), width, None);
            let t = compare(&spec, Cycle(1_000_000), &mut Stream::derive(1, 0, "forms"));
            let t = t.unwrap_or_else(|e| panic!("{body}, width {width}: {e}"));
            assert!(t.spins == 0, "{body}, width {width}: {t:?}");
        }
    }
}

#[test]
fn a_spin_comes_to_a_load_that_fails_in_the_iteration_in_which_it_would() {
    // Not aligned, from iteration TURN on; the line is in the cache.
    let before = "p: line = lea [flag.w[0]]\n t = load.u64 [p.w[0]]\n p = p + 4";
    for turn in 1..40 {
        let body = format!("if n < {turn} goto on\n t = load.u64 [p.w[0]]\non:\n if n == 3000 goto out");
        let spec = around(&TEXT.replace("BEFORE", before).replace("BODY", &body), 1, None);
        let failed =
            compare(&spec, Cycle(1_000_000), &mut Stream::derive(1, 0, "forms")).expect_err("it is not aligned");
        assert!(failed.starts_with("a fault") && failed.contains("not aligned"), "turn {turn}: {failed}");
    }
}
