// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values of a spin as they are in its k-th iteration, and how long comparisons of them come out the same.

use crate::isa::Cmp;

/// A value in iteration k: `base + step * k`, modulo 2^64.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Affine {
    pub(super) base: u64,
    pub(super) step: u64,
}

impl Affine {
    pub(super) const fn fixed(base: u64) -> Affine {
        Affine { base, step: 0 }
    }

    /// Iterations from 0 in which `base + step * k` stays within `lo..=hi` as plain integers,
    /// with `base` already in that range and the step taken as signed.
    pub(super) const fn within(self, lo: i128, hi: i128, base: i128) -> u64 {
        let step = self.step as i64 as i128;
        let room = if step > 0 {
            (hi - base) / step
        } else if step < 0 {
            (base - lo) / -step
        } else {
            return u64::MAX;
        };
        if room >= u64::MAX as i128 { u64::MAX } else { room as u64 + 1 }
    }
}

/// A value in iteration k.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    Line(Affine),
    /// The clock's nanoseconds `after` cycles from the begin of the iteration, less `minus`, modulo 2^64.
    Clock {
        after: u64,
        minus: u64,
    },
}

impl Value {
    pub(super) const fn fixed(v: u64) -> Value {
        Value::Line(Affine::fixed(v))
    }

    /// The value, if it does not come from the clock.
    pub(super) const fn line(self) -> Option<Affine> {
        match self {
            Value::Line(a) => Some(a),
            Value::Clock { .. } => None,
        }
    }
}

/// A comparison of the clock with a constant that must come out in every iteration as in the first.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    pub(super) cmp: Cmp,
    pub(super) after: u64,
    pub(super) minus: u64,
    pub(super) constant: u64,
    /// The clock is the left side.
    pub(super) clock_first: bool,
}

/// True for comparisons of signed numbers.
pub(super) const fn is_signed(cmp: Cmp) -> bool {
    matches!(cmp, Cmp::LtS | Cmp::LeS | Cmp::GtS | Cmp::GeS)
}

/// A 64-bit value as the integer that a comparison takes it for, and the least and the greatest of those.
pub(super) const fn wide(v: u64, signed: bool) -> i128 {
    if signed { v as i64 as i128 } else { v as i128 }
}

pub(super) const fn range(signed: bool) -> (i128, i128) {
    if signed { (i64::MIN as i128, i64::MAX as i128) } else { (0, u64::MAX as i128) }
}

/// True if two differences of the sides of a comparison come to the same outcome, and every one between them.
pub(super) const fn alike(cmp: Cmp, a: i128, b: i128) -> bool {
    match cmp {
        Cmp::Eq | Cmp::Ne => a.signum() == b.signum(),
        Cmp::Lt | Cmp::Ge | Cmp::LtS | Cmp::GeS => (a < 0) == (b < 0),
        Cmp::Le | Cmp::Gt | Cmp::LeS | Cmp::GtS => (a > 0) == (b > 0),
    }
}

/// The first of `0..end` for which `same` does not hold, or `end`; it must hold for 0, and for none behind one for
/// which it does not.
pub(super) fn first_change(end: u64, same: impl Fn(u64) -> bool) -> u64 {
    if end == 0 || same(end - 1) {
        return end;
    }
    let (mut good, mut bad) = (0, end - 1);
    while bad - good > 1 {
        let mid = good + (bad - good) / 2;
        if same(mid) {
            good = mid;
        } else {
            bad = mid;
        }
    }
    bad
}
