// SPDX-License-Identifier: MIT OR Apache-2.0
//! What programs report of a lock without cost in time: marks, and the numbers in them that have names (kinds of wait, of
//! context, what ends an attempt).

use super::{Operand, Reg};

/// What kind of moment a mark reports. The arguments are in [`MarkSite::args`], in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MarkKind {
    /// `attempt(lock)`: the context begins to acquire the lock.
    Attempt,
    /// `wait(lock, kind, deadline)`: it now waits; `kind` is a [`WaitKind`] number. The deadline is the span, ns, after
    /// which the program ends this wait by itself; it may be 0. Left out ([`NO_DEADLINE`]), nothing but what is waited
    /// for ends the wait.
    Wait,
    /// `resumed(lock)`: the wait is over and the context goes on with what it was doing. Other marks that show it
    /// (`held`, `failed`, another `wait`) need none of this kind before them.
    Resumed,
    /// `queued(lock, previous, own)`: it joined the queue; the tail codes before and after. `queued(lock, own, 0)`: it left
    /// the queue again, without the lock or after it.
    Queued,
    /// `held(lock)`: the lock is owned from the micro-op before this mark on.
    Held,
    /// `released(lock)`: given back by the store before this mark. `released(lock, own)`: given back, but whoever is behind
    /// it in the queue waits for it yet, until `queued(lock, own, 0)`; `own` is its tail code there. 0 is as if left out.
    Released,
    /// `check(lock, detector)`: a look for a deadlock begins, by the attempt on this lock.
    Check,
    /// `found(lock, errno)`: it is decided that the attempt ends with this error. Unwinding begins.
    Found,
    /// `failed(lock, errno, detector)`: the attempt ended with an error.
    Failed,
    /// `enter()`: code that is not the lock's begins inside it, in the same context: a hook's body.
    Enter,
    /// `leave()`: that code has ended.
    Leave,
    /// `note(a, b, c)`: free form, for traces and experiments.
    Note,
}

macro_rules! numbered {
    ($(#[$m:meta])* $name:ident { $($(#[$vm:meta])* $v:ident = $n:literal, $text:literal;)* }) => {
        $(#[$m])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$vm])* $v = $n,)* }
        impl $name {
            /// Every member, in number order.
            pub const ALL: &'static [$name] = &[$($name::$v,)*];
            /// The member with this number, if there is one.
            #[must_use]
            pub const fn from_number(n: u64) -> Option<Self> {
                match n { $($n => Some($name::$v),)* _ => None }
            }
            /// The name used in program text, records and tables.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $($name::$v => $text,)* } }
        }
    };
}

numbered! {
    /// What a waiting context waits for. The names are constants of the assembly text.
    WaitKind {
        /// Pending waiter: the owner's release.
        Pending = 1, "pending";
        /// Queued, not head: the hand-off flag its predecessor sets.
        Queued = 2, "queued";
        /// Queue head: owner and pending waiter gone.
        Head = 3, "head";
        /// Trylock fallback: the whole word free.
        Fallback = 4, "fallback";
        /// Test-and-set form: the word free.
        TestAndSet = 5, "test_and_set";
        /// The successor, which is in the queue but has not linked itself yet.
        HandOver = 6, "hand_over";
        /// A short bounded wait for a pending waiter to become owner.
        PendingHandOver = 7, "pending_hand_over";
    }
}

numbered! {
    /// What ended an attempt with an error. The names are constants of the assembly text.
    Detector {
        /// AA check when the wait began.
        AaBegin = 1, "aa_begin";
        /// AA check at a later look at the clock.
        AaPeriodic = 2, "aa_periodic";
        /// AA check before any queueing.
        AaBeforeQueue = 3, "aa_before_queue";
        /// Two-lock check.
        Abba = 4, "abba";
        /// One failed try in the fallback.
        TryOnce = 5, "try_once";
        /// Deadline of the pending waiter.
        TimeoutPending = 6, "timeout_pending";
        /// Deadline of the queue head.
        TimeoutHead = 7, "timeout_head";
        /// Deadline of the trylock fallback.
        TimeoutFallback = 8, "timeout_fallback";
        /// Deadline of the test-and-set form.
        TimeoutTestAndSet = 9, "timeout_test_and_set";
        /// Told to give up by the waiter before it in the queue.
        Flushed = 10, "flushed";
    }
}

impl Detector {
    /// True for the end of a wait by time, its own or that of a waiter before it; false for a check that found a deadlock.
    #[must_use]
    pub const fn is_deadline(self) -> bool {
        match self {
            Detector::TimeoutPending
            | Detector::TimeoutHead
            | Detector::TimeoutFallback
            | Detector::TimeoutTestAndSet
            | Detector::Flushed => true,
            Detector::AaBegin | Detector::AaPeriodic | Detector::AaBeforeQueue | Detector::Abba | Detector::TryOnce => {
                false
            }
        }
    }
}

numbered! {
    /// Kind of a context: what the core is executing for. The numbers are what `k = context` gives.
    ContextKind {
        /// Ordinary thread.
        Task = 0, "task";
        /// Soft interrupt.
        Softirq = 1, "softirq";
        /// Hardware interrupt (maskable).
        Hardirq = 2, "hardirq";
        /// Non-maskable interrupt.
        Nmi = 3, "nmi";
    }
}

/// Third argument of a `wait` mark that gives none: no deadline bounds the wait.
pub const NO_DEADLINE: u64 = u64::MAX;

/// `EDEADLK`, as the assembly text names it.
pub const EDEADLK: u64 = 35;
/// `ETIMEDOUT`, as the assembly text names it.
pub const ETIMEDOUT: u64 = 110;

/// A mark: no cycles, no boundary before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkSite {
    /// What is reported.
    pub kind: MarkKind,
    /// Arguments in the order given at [`MarkKind`]; unused ones are `Imm(0)`, the deadline of a wait that has none
    /// is `Imm(NO_DEADLINE)`.
    pub args: [Operand; 3],
    /// Reported only if this register is non-zero (`true`) or zero (`false`).
    pub guard: Option<(Reg, bool)>,
}
