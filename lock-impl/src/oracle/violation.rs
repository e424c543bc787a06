// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a program can do wrong in the oracle's eyes.

use super::state::Who;
use sim_core::isa::MarkKind;
use std::fmt;

/// A program broke a rule: of locking, or of how marks are used. Times are cycle counts, locks are
/// addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A context became owner of a lock that had one.
    MutualExclusion {
        /// When.
        at: u64,
        /// The second owner.
        who: Who,
        /// The lock.
        lock: u64,
        /// The first owner.
        owner: Who,
        /// Since when the first one owns it.
        owned_since: u64,
    },
    /// A context released a lock that it does not own.
    ReleasedByNonOwner {
        /// When.
        at: u64,
        /// The context.
        who: Who,
        /// The lock.
        lock: u64,
        /// The real owner, if there is one.
        owner: Option<Who>,
    },
    /// `held` for a lock that the context was not attempting.
    HeldWithoutAttempt {
        /// When.
        at: u64,
        /// The context.
        who: Who,
        /// The lock.
        lock: u64,
        /// The lock it was attempting, if any.
        attempting: Option<u64>,
    },
    /// A mark of an attempt for a lock that the context was not attempting.
    MarkWithoutAttempt {
        /// When.
        at: u64,
        /// The context.
        who: Who,
        /// What it reported.
        mark: MarkKind,
        /// The lock.
        lock: u64,
        /// The lock it was attempting, if any.
        attempting: Option<u64>,
    },
    /// A context began an attempt inside another one of its own.
    NestedAttempt {
        /// When.
        at: u64,
        /// The context.
        who: Who,
        /// The lock of the new attempt.
        lock: u64,
        /// The lock of the attempt in progress.
        attempting: u64,
    },
    /// An interrupt returned in the middle of an attempt.
    LeaveWhileAttempting {
        /// When.
        at: u64,
        /// The context.
        who: Who,
        /// The lock it was attempting.
        lock: u64,
    },
    /// An interrupt returned while it owned a lock.
    LeaveWhileHolding {
        /// When.
        at: u64,
        /// The context.
        who: Who,
        /// The first lock it still owns.
        lock: u64,
    },
    /// An interrupt returned where none was running.
    NothingToLeave {
        /// When.
        at: u64,
        /// The cpu.
        cpu: usize,
    },
    /// An argument of a mark is a number without meaning: the kind of a `wait` or the detector of a
    /// `check` or `failed`.
    UnknownNumber {
        /// When.
        at: u64,
        /// The context.
        who: Who,
        /// What it reported.
        mark: MarkKind,
        /// The number.
        value: u64,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Violation::MutualExclusion { at, who, lock, owner, owned_since } => write!(
                f,
                "cycle {at}: {who} became owner of lock {lock:#x}, which {owner} has owned since \
                 cycle {owned_since}"
            ),
            Violation::ReleasedByNonOwner { at, who, lock, owner } => {
                write!(f, "cycle {at}: {who} released lock {lock:#x}, ")?;
                match owner {
                    Some(owner) => write!(f, "which {owner} owns"),
                    None => f.write_str("which nobody owns"),
                }
            }
            Violation::HeldWithoutAttempt { at, who, lock, attempting } => {
                write!(f, "cycle {at}: {who} marked held for lock {lock:#x}, ")?;
                write_attempt(f, attempting)
            }
            Violation::MarkWithoutAttempt { at, who, mark, lock, attempting } => {
                let mark = mark_name(mark);
                write!(f, "cycle {at}: {who} marked {mark} for lock {lock:#x}, ")?;
                write_attempt(f, attempting)
            }
            Violation::NestedAttempt { at, who, lock, attempting } => write!(
                f,
                "cycle {at}: {who} began an attempt on lock {lock:#x} inside its attempt on lock \
                 {attempting:#x}"
            ),
            Violation::LeaveWhileAttempting { at, who, lock } => {
                write!(f, "cycle {at}: {who} returned in the middle of its attempt on lock {lock:#x}")
            }
            Violation::LeaveWhileHolding { at, who, lock } => {
                write!(f, "cycle {at}: {who} returned while it owned lock {lock:#x}")
            }
            Violation::NothingToLeave { at, cpu } => {
                write!(f, "cycle {at}: cpu {cpu} returned from an interrupt it was not in")
            }
            Violation::UnknownNumber { at, who, mark, value } => {
                let mark = mark_name(mark);
                write!(f, "cycle {at}: {who} marked {mark} with unknown number {value}")
            }
        }
    }
}

impl std::error::Error for Violation {}

fn write_attempt(f: &mut fmt::Formatter<'_>, attempting: Option<u64>) -> fmt::Result {
    match attempting {
        Some(lock) => write!(f, "but its attempt is on lock {lock:#x}"),
        None => f.write_str("but no attempt is in progress"),
    }
}

const fn mark_name(mark: MarkKind) -> &'static str {
    match mark {
        MarkKind::Attempt => "attempt",
        MarkKind::Wait => "wait",
        MarkKind::Resumed => "resumed",
        MarkKind::Check => "check",
        MarkKind::Found => "found",
        MarkKind::Queued => "queued",
        MarkKind::Held => "held",
        MarkKind::Released => "released",
        MarkKind::Failed => "failed",
        MarkKind::Enter => "enter",
        MarkKind::Leave => "leave",
        MarkKind::Note => "note",
    }
}
