// SPDX-License-Identifier: MIT OR Apache-2.0
//! The keys of a record's maps, and the order in which people read them.
//!
//! Maps are keyed by text, so a new detector or message class needs no new record format; names
//! that are not listed here come after the listed ones, in alphabetical order.

/// Code that runs as an ordinary thread.
pub const TASK: &str = "task";
/// Code of a soft interrupt.
pub const SOFTIRQ: &str = "softirq";
/// Code of a maskable interrupt.
pub const HARDIRQ: &str = "hardirq";
/// Code of a non-maskable interrupt.
pub const NMI: &str = "nmi";

/// The pending waiter's wait.
pub const PENDING: &str = "pending";
/// The wait at the head of the queue.
pub const HEAD: &str = "head";
/// The wait of the trylock fallback.
pub const FALLBACK: &str = "fallback";
/// The wait of the test-and-set form.
pub const TEST_AND_SET: &str = "test_and_set";
/// The wait of a queued waiter that was flushed by the timeout of the one before it.
pub const FLUSHED: &str = "flushed";

/// A run that ended as it should.
pub const OK: &str = "ok";
/// A run in which some context never finished.
pub const HANG: &str = "hang";
/// A run that broke a rule every lock must keep, such as mutual exclusion.
pub const VIOLATION: &str = "violation";

/// A run of a sweep that retired more micro-ops than the sweep allows.
pub const BUDGET: &str = "budget";
/// A run of a sweep that took more of the host's time than the sweep allows.
pub const TIMEOUT: &str = "timeout";
/// A run of a sweep during which the simulator itself failed.
pub const CRASH: &str = "crash";
/// How a run of a sweep can end that was not run to its end.
pub const GIVEN_UP: [&str; 3] = [BUDGET, TIMEOUT, CRASH];

/// A line was taken from a core that had used other bytes of it only.
pub const FALSE_SHARING: &str = "false";
/// A line was taken from a core that had used some of the bytes it was taken for.
pub const TRUE_SHARING: &str = "true";
/// A line was taken from a core that had not used it.
pub const UNUSED_COPY: &str = "unused";

/// Contexts from the most interruptible to the least, then cycles and the checks that find them,
/// then waits in the order in which a waiter meets them.
const ORDER: &[&str] = &[TASK, SOFTIRQ, HARDIRQ, NMI, "aa", "abba", PENDING, HEAD, FALLBACK, TEST_AND_SET, FLUSHED];

/// Sort key that puts the known names in reading order and the others behind them.
pub(crate) fn rank(name: &str) -> (usize, &str) {
    (ORDER.iter().position(|&known| known == name).unwrap_or(ORDER.len()), name)
}

/// The keys of a map, each once, in reading order.
pub(crate) fn in_order<'a>(keys: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let mut keys: Vec<&str> = keys.map(String::as_str).collect();
    keys.sort_unstable_by_key(|name| rank(name));
    keys.dedup();
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_come_in_reading_order_and_unknown_ones_behind() {
        let keys: Vec<String> = ["zz", "nmi", "task", "mcs", "hardirq", "nmi"].map(String::from).to_vec();
        assert_eq!(in_order(keys.iter()), ["task", "hardirq", "nmi", "mcs", "zz"]);
    }
}
