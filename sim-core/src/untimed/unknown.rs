// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers that are not known: what the clock gives and what is computed from it.
//!
//! Without time the clock shows *some time*, and whatever hangs on it can go either way. Two values stand for that;
//! they go through registers and memory like any number. A program that computes one of them from known numbers is refused,
//! so that they never mean anything else.
//!
//! A time is not zero and stays far from the largest number. Nothing else is kept: what is found holds for
//! every machine speed. Where two times could be compared more exactly (a deadline that has passed once stays passed), this
//! gives more behaviours, never fewer.

use crate::exec::alu;
use crate::isa::{AluFn, Cmp};

/// Some time: not zero, and sums with numbers below 2^62 do not wrap.
pub const SOME_TIME: u64 = 0x9e6b_27d1_53c4_a8f5;
/// Any number.
pub const ANY: u64 = 0xb5d1_8c43_e297_6a0d;

/// True for the two values that stand for numbers not known.
#[must_use]
pub const fn is_unknown(v: u64) -> bool {
    v == SOME_TIME || v == ANY
}

/// Arithmetic; `Err` says why it has no meaning.
pub(super) fn compute(f: AluFn, a: u64, b: u64) -> Result<u64, &'static str> {
    if f == AluFn::Mov {
        return Ok(a);
    }
    if !is_unknown(a) && !is_unknown(b) {
        let v = alu(f, a, b).ok_or("division by zero")?;
        return if is_unknown(v) { Err("the result is the number that stands for an unknown time") } else { Ok(v) };
    }
    let time = |v: u64| v == SOME_TIME || v < 1 << 62;
    Ok(match f {
        AluFn::Mul | AluFn::And if a == 0 || b == 0 => 0,
        AluFn::Add if time(a) && time(b) => SOME_TIME,
        AluFn::Max if a == SOME_TIME || b == SOME_TIME => SOME_TIME,
        AluFn::Div | AluFn::Rem if is_unknown(b) => return Err("a division by a number that depends on time"),
        _ => ANY,
    })
}

/// Comparison; `None` if it can come out either way.
pub(super) fn compare(cmp: Cmp, a: u64, b: u64) -> Option<bool> {
    if !is_unknown(a) && !is_unknown(b) {
        return Some(cmp.holds(a, b));
    }
    match (cmp, a, b) {
        (Cmp::Ge, _, 0) | (Cmp::Le, 0, _) => Some(true),
        (Cmp::Lt, _, 0) | (Cmp::Gt, 0, _) => Some(false),
        (Cmp::Ne | Cmp::Gt, SOME_TIME, 0) | (Cmp::Ne | Cmp::Lt, 0, SOME_TIME) => Some(true),
        (Cmp::Eq | Cmp::Le, SOME_TIME, 0) | (Cmp::Eq | Cmp::Ge, 0, SOME_TIME) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_not_zero_and_what_is_computed_from_it_is_not_known() {
        assert_eq!(compute(AluFn::Add, SOME_TIME, 5), Ok(SOME_TIME));
        assert_eq!(compute(AluFn::Sub, SOME_TIME, SOME_TIME), Ok(ANY));
        assert_eq!(compute(AluFn::And, ANY, 0), Ok(0));
        assert_eq!(compare(Cmp::Ne, SOME_TIME, 0), Some(true));
        assert_eq!(compare(Cmp::Ne, ANY, 0), None);
        assert_eq!(compare(Cmp::Gt, SOME_TIME, SOME_TIME), None);
        assert_eq!(compare(Cmp::Lt, ANY, 0), Some(false));
    }

    #[test]
    fn a_known_result_is_never_taken_for_an_unknown_one() {
        assert!(compute(AluFn::Sub, SOME_TIME - 1, u64::MAX).is_err());
        assert_eq!(compute(AluFn::Add, 2, 3), Ok(5));
    }
}
