// SPDX-License-Identifier: MIT OR Apache-2.0
//! The embedded lock programs.

use sim_core::program::Source;

const EMBEDDED: &[(&str, &str)] = &[
    ("clh", include_str!("../programs/clh.uop")),
    ("cohort", include_str!("../programs/cohort.uop")),
    ("mcs", include_str!("../programs/mcs.uop")),
    ("qspinlock", include_str!("../programs/qspinlock.uop")),
    ("rqspinlock", include_str!("../programs/rqspinlock.uop")),
    ("test_and_set", include_str!("../programs/test_and_set.uop")),
    ("ticket", include_str!("../programs/ticket.uop")),
    ("ttas_backoff", include_str!("../programs/ttas_backoff.uop")),
];

/// Names of the embedded programs, in alphabetical order.
pub fn names() -> impl Iterator<Item = &'static str> {
    EMBEDDED.iter().map(|(n, _)| *n)
}

/// The text of an embedded program.
///
/// ```
/// let source = lock_impl::programs::embedded("ticket").expect("it is embedded");
/// assert!(source.text.contains("export lock acquire"));
/// ```
#[must_use]
pub fn embedded(name: &str) -> Option<Source> {
    let (n, text) = EMBEDDED.iter().find(|(n, _)| *n == name)?;
    Some(Source { name: format!("{n}.uop"), text: (*text).to_owned() })
}
