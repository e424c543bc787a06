// SPDX-License-Identifier: MIT OR Apache-2.0
//! Litmus tests of the herd/litmus7 family: text in, a program of micro-ops and a condition out.
//!
//! They live here because they are what lock programs and workloads are: texts that become `.uop`
//! text and then a [`sim_core::program::Program`], which both engines run. [`parse`] reads a file,
//! [`compile`] makes the program and says where to read the result.
//!
//! # What is read
//!
//! * Dialects `X86` (destination first, `$1`, `[x]`), `X86_64` (AT&T order, sizes b w l q), `AArch64`,
//!   and `C` as the kernel's memory model writes it (plain and ONCE accesses, acquire, release,
//!   `smp_*mb`, `xchg*`, `cmpxchg*`, `atomic_*`, `if`, `while`).
//! * Header with strings and `Key=value` lines, an initial section (typed or untyped memory and
//!   registers, numbers and addresses), `locations`, `filter`, `exists`, `~exists`, `forall`.
//!
//! Whatever else a file holds is an [`Error`] with its place; nothing is guessed. Named and refused,
//! for instance: load/store exclusive pairs (a compare-and-swap would not see a value that came
//! back), non-temporal stores, vectors, page tables, arrays, RCU read sections.
//!
//! # What a test becomes
//!
//! Each location is an object on a cache line of its own. Registers become registers of the
//! thread's procedure and are read from its context when it has ended, so looking at a result adds
//! no access to memory. Initial values are put into memory before the first cycle.
//!
//! * C: a plain access is a load or a store, as the text says; no compiler is in between.
//! * AArch64: STLR is a releasing store, LDAR and LDAPR acquiring loads. STLR before LDAR stays in
//!   order: `weak` does that by itself. For sc and tso an LDAR behind an STLR gets a full fence in front
//!   ([`Line::StandIn`]), which orders a plain store between the two as well. LDAPR stays as it is.
//! * ISB orders loads behind it after loads that decided a branch or an address before it.
//! * C: `smp_load_acquire` is as LDAPR, `smp_store_release` as STLR. A spin lock is a word: 0, or 1 when
//!   taken; taking it is a compare-and-swap with acquire, giving it back a releasing store.
//! * `DMB LD`, LFENCE, SFENCE, `smp_rmb` and `smp_wmb` are the fences of the same kind, free on sc and tso.
//! * A locked or atomic access is an atomic micro-op whatever order it asks for; on tso that drains
//!   the store buffer, also when a compare-and-swap fails, as on x86.

mod aarch64;
mod asm;
mod c;
mod c_atomic;
mod c_expr;
mod compile;
mod cond;
mod init;
mod lex;
mod parse;
mod x86;
mod x86_operand;

pub use compile::{Compiled, Slot, Variant, compile, uop_text};
pub use cond::Condition;

use std::fmt;

/// Largest file read: real ones have a few kilobytes.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// A file that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// File as given.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong or not supported, naming the construct.
    pub what: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.what)
    }
}

impl std::error::Error for Error {}

/// Syntax of the threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// 32-bit x86, destination first.
    X86,
    /// 64-bit x86, AT&T order.
    X86_64,
    /// Arm, 64 bits.
    AArch64,
    /// C of the kernel's memory model.
    C,
}

impl Dialect {
    /// Name in the first line of a file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Dialect::X86 => "X86",
            Dialect::X86_64 => "X86_64",
            Dialect::AArch64 => "AArch64",
            Dialect::C => "C",
        }
    }
}

/// Size and signedness of a value in memory or of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// Bytes: 1, 2, 4 or 8.
    pub bytes: u64,
    /// Read as a signed number.
    pub signed: bool,
}

impl Scalar {
    /// What an `int` is.
    pub const INT: Scalar = Scalar { bytes: 4, signed: true };
    /// A pointer.
    pub const POINTER: Scalar = Scalar { bytes: 8, signed: false };

    /// The number these bits stand for.
    #[must_use]
    pub const fn number(self, bits: u64) -> i64 {
        let shift = 64 - 8 * self.bytes as u32;
        if self.signed { ((bits << shift) as i64) >> shift } else { ((bits << shift) >> shift) as i64 }
    }
}

/// A number, or the address of a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    /// A number.
    Int(i64),
    /// The address of a location, by its index.
    Address(usize),
}

/// A memory location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Name.
    pub name: String,
    /// Type, if the file gives one.
    pub scalar: Option<Scalar>,
    /// Initial value.
    pub init: Value,
}

/// A register or local variable of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// Name as results show it.
    pub name: String,
    /// Name in the program text.
    pub uop: String,
    /// Type, if known; otherwise results show a 32-bit number if it fits.
    pub scalar: Option<Scalar>,
    /// Value before the first instruction.
    pub init: Value,
}

/// One statement of program text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A micro-op that reads or writes memory, or a fence: a pause may be put in front.
    Access(String),
    /// The same, for an order between two accesses that a `weak` machine keeps by itself.
    StandIn(String),
    /// Any other micro-op.
    Local(String),
    /// A label.
    Label(String),
}

/// A thread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// Registers, in order of first use.
    pub registers: Vec<Register>,
    /// Statements.
    pub lines: Vec<Line>,
}

/// What a result shows: a register of a thread, or a location.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Observable {
    /// Register `register` of thread `thread`.
    Register {
        /// Thread, from 0.
        thread: usize,
        /// Name as results show it.
        name: String,
    },
    /// The location of this name.
    Location {
        /// Name.
        name: String,
    },
}

impl fmt::Display for Observable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Observable::Register { thread, name } => write!(f, "{thread}:{name}"),
            Observable::Location { name } => write!(f, "{name}"),
        }
    }
}

/// What the file asks about the final states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// `exists`: some final state has it.
    Exists,
    /// `~exists`: none has.
    NotExists,
    /// `forall`: all have.
    Forall,
}

/// A test as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// File as given.
    pub file: String,
    /// Name in the first line.
    pub name: String,
    /// Syntax.
    pub dialect: Dialect,
    /// Locations, in order of first appearance.
    pub locations: Vec<Location>,
    /// Threads.
    pub threads: Vec<Thread>,
    /// Whether some, none or all final states must have the condition.
    pub quantifier: Quantifier,
    /// The condition.
    pub condition: Condition,
    /// Final states without it do not count.
    pub filter: Option<Condition>,
    /// The condition as written, on one line.
    pub condition_text: String,
    /// What a result shows, registers first, then locations, each in order of name.
    pub observed: Vec<Observable>,
    /// True if addresses are data: results show them as names.
    pub has_pointers: bool,
}

impl Test {
    /// The test for a `weak` machine: without the fences that stand in for orders it keeps by itself.
    #[must_use]
    pub fn without_stand_ins(&self) -> Test {
        let mut test = self.clone();
        test.threads.iter_mut().for_each(|t| t.lines.retain(|l| !matches!(l, Line::StandIn(_))));
        test
    }
}

/// Reads a test.
///
/// # Errors
/// The first thing that is wrong or not supported, with its place.
pub fn parse(file: &str, text: &str) -> Result<Test, Error> {
    parse::parse(file, text)
}
