// SPDX-License-Identifier: MIT OR Apache-2.0
//! The micro-op set: what every engine (timed core, untimed explorer) executes.
//!
//! A micro-op is one indivisible step of one context; an interrupt can be taken between any two
//! of them, except before a [`Op::Mark`], which belongs to the micro-op before it. Values are 64
//! bits wide; accesses are 1, 2, 4 or 8 bytes, naturally aligned, little-endian.

mod marks;

pub use marks::{ContextKind, Detector, EDEADLK, ETIMEDOUT, MarkKind, MarkSite, NO_DEADLINE, WaitKind};

/// Index of a micro-op in [`crate::program::Program::ops`]; also the number of the interrupt
/// boundary just before it.
pub type Pc = u32;

/// A register of the current call frame, numbered within its procedure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reg(pub u8);

/// A register or a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// Value of a register of the current frame.
    Reg(Reg),
    /// A constant.
    Imm(u64),
}

/// What the displacement of an [`Addr`] is added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// Nothing: the displacement is an absolute address.
    Abs,
    /// A pointer held in a register.
    Reg(Reg),
    /// The executing core's per-CPU area: displacement + cpu * stride.
    ThisCpu,
    /// The per-CPU area of the core whose number is in the register.
    OnCpu(Reg),
}

/// An address expression: base + displacement + index * scale, all modulo 2^64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Addr {
    /// What the displacement is relative to.
    pub base: Base,
    /// Bytes added to the base.
    pub disp: u64,
    /// Array index register and element size in bytes.
    pub index: Option<(Reg, u16)>,
}

/// Width of a memory access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Width {
    /// One byte.
    U8,
    /// Two bytes.
    U16,
    /// Four bytes.
    U32,
    /// Eight bytes.
    U64,
}

impl Width {
    /// Size in bytes: 1, 2, 4 or 8.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Width::U8 => 1,
            Width::U16 => 2,
            Width::U32 => 4,
            Width::U64 => 8,
        }
    }

    /// Mask of the bits a value of this width can have.
    #[must_use]
    pub const fn mask(self) -> u64 {
        match self {
            Width::U8 => 0xff,
            Width::U16 => 0xffff,
            Width::U32 => 0xffff_ffff,
            Width::U64 => u64::MAX,
        }
    }
}

/// Memory order written on an access. On a `tso` machine the plain and annotated forms coincide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// No order with other locations asked for.
    Relaxed,
    /// Later accesses stay after this one, and this one after earlier releases (`LDAR`).
    Acquire,
    /// Later accesses stay after this one; earlier releases do not matter (`LDAPR`). Loads only.
    AcquirePc,
    /// Earlier accesses stay before this one.
    Release,
    /// Both; the default of a read-modify-write without a suffix.
    Full,
}

impl Order {
    /// True if later accesses stay after this one.
    #[must_use]
    pub const fn is_acquire(self) -> bool {
        matches!(self, Order::Acquire | Order::AcquirePc | Order::Full)
    }
}

/// Two-operand arithmetic on 64-bit values, wrapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AluFn {
    /// `a` (the second operand is ignored).
    Mov,
    /// `a + b`.
    Add,
    /// `a - b`.
    Sub,
    /// `a * b`.
    Mul,
    /// `a / b`, unsigned; division by zero is a model fault raised by the core.
    Div,
    /// `a % b`, unsigned; as for `Div`.
    Rem,
    /// `a & b`.
    And,
    /// `a | b`.
    Or,
    /// `a ^ b`.
    Xor,
    /// `a << (b & 63)`.
    Shl,
    /// `a >> (b & 63)`, logical.
    Shr,
    /// Unsigned minimum.
    Min,
    /// Unsigned maximum.
    Max,
}

/// Comparisons of a fused compare-and-branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cmp {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Unsigned less.
    Lt,
    /// Unsigned less or equal.
    Le,
    /// Unsigned greater.
    Gt,
    /// Unsigned greater or equal.
    Ge,
    /// Signed less.
    LtS,
    /// Signed less or equal.
    LeS,
    /// Signed greater.
    GtS,
    /// Signed greater or equal.
    GeS,
}

impl Cmp {
    /// Result of the comparison.
    #[must_use]
    pub const fn holds(self, a: u64, b: u64) -> bool {
        let (sa, sb) = (a as i64, b as i64);
        match self {
            Cmp::Eq => a == b,
            Cmp::Ne => a != b,
            Cmp::Lt => a < b,
            Cmp::Le => a <= b,
            Cmp::Gt => a > b,
            Cmp::Ge => a >= b,
            Cmp::LtS => sa < sb,
            Cmp::LeS => sa <= sb,
            Cmp::GtS => sa > sb,
            Cmp::GeS => sa >= sb,
        }
    }
}

/// Read-modify-writes. All return the old value (`TestSetBit`: the old bit, 0 or 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RmwFn {
    /// Write `b` if the old value equals `a`; success is reported too. A failed one writes nothing.
    Cas,
    /// Write `a`.
    Xchg,
    /// Add `a`.
    FetchAdd,
    /// Or `a` in.
    FetchOr,
    /// And `a` in.
    FetchAnd,
    /// Exclusive-or `a` in.
    FetchXor,
    /// Set bit number `a`.
    TestSetBit,
}

/// Result of applying an [`RmwFn`] to an old value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RmwResult {
    /// What the destination register gets.
    pub returned: u64,
    /// The value to write, or `None` if memory is left alone (failed compare-and-swap).
    pub written: Option<u64>,
}

impl RmwFn {
    /// Applies the operation to `old`; `width` truncates operands and result.
    #[must_use]
    pub const fn apply(self, width: Width, old: u64, a: u64, b: u64) -> RmwResult {
        let m = width.mask();
        let (returned, written) = match self {
            RmwFn::Cas => (old, if old == a & m { Some(b & m) } else { None }),
            RmwFn::Xchg => (old, Some(a & m)),
            RmwFn::FetchAdd => (old, Some(old.wrapping_add(a) & m)),
            RmwFn::FetchOr => (old, Some((old | a) & m)),
            RmwFn::FetchAnd => (old, Some(old & a & m)),
            RmwFn::FetchXor => (old, Some((old ^ a) & m)),
            RmwFn::TestSetBit => ((old >> (a & 63)) & 1, Some((old | (1 << (a & 63))) & m)),
        };
        RmwResult { returned, written }
    }
}

/// Fences. On `tso` only `Full` waits for anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fence {
    /// Earlier accesses before later ones; drains the store buffer.
    Full,
    /// Earlier stores before later stores.
    Write,
    /// Earlier loads before later loads.
    Read,
    /// Earlier loads before later accesses.
    Acquire,
    /// Earlier accesses before later stores.
    Release,
    /// Loads that decided a branch or an address before later loads (`ISB`).
    Control,
}

/// A call: which procedure, with what, into which registers of the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSite {
    /// Index into [`crate::program::Program::procs`].
    pub proc: u16,
    /// Copied into the callee's first registers.
    pub args: Vec<Operand>,
    /// Caller registers that receive the returned values, in order.
    pub results: Vec<Reg>,
}

/// Length of a `work`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Span {
    /// Core clock cycles.
    Cycles(Operand),
    /// Nanoseconds, converted with the machine's clock when executed.
    Nanos(Operand),
}

/// Where [`Op::Send`] sends an interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendTo {
    /// The core with this number.
    Core(Operand),
    /// Every core but the sender.
    Others,
    /// Every core.
    All,
    /// The sender itself, without a way to go: a soft interrupt is a bit in the core's own memory.
    Own,
}

/// One micro-op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `dst = f(a, b)`.
    Alu {
        /// Operation.
        f: AluFn,
        /// Destination.
        dst: Reg,
        /// First operand.
        a: Operand,
        /// Second operand.
        b: Operand,
    },
    /// `dst = address`; an addition, no memory access.
    Lea {
        /// Destination.
        dst: Reg,
        /// Address expression to compute.
        addr: Addr,
    },
    /// Fused compare and branch.
    Branch {
        /// Comparison.
        cmp: Cmp,
        /// Left operand.
        a: Operand,
        /// Right operand.
        b: Operand,
        /// Where to go if it holds.
        target: Pc,
    },
    /// Unconditional jump.
    Jump {
        /// Where to.
        target: Pc,
    },
    /// Call through [`crate::program::Program::calls`].
    Call(u32),
    /// Return with up to two values; from the outermost frame it ends the context.
    Ret {
        /// Returned values; unused ones are `Imm(0)`.
        values: [Operand; 2],
    },
    /// Blocking load, zero-extended.
    Load {
        /// Destination.
        dst: Reg,
        /// Where from.
        addr: Addr,
        /// How much.
        width: Width,
        /// `Relaxed`, `Acquire` or `AcquirePc`.
        order: Order,
    },
    /// Store into the store buffer.
    Store {
        /// Where to.
        addr: Addr,
        /// How much.
        width: Width,
        /// What; truncated to the width.
        value: Operand,
        /// `Relaxed` or `Release`.
        order: Order,
    },
    /// Locked read-modify-write: the line is held from the read to the write.
    Rmw {
        /// Operation.
        f: RmwFn,
        /// Receives the old value.
        dst: Option<Reg>,
        /// Receives 1 if something was written, 0 if not.
        ok: Option<Reg>,
        /// Where.
        addr: Addr,
        /// How much.
        width: Width,
        /// First operand (`Cas`: expected value).
        a: Operand,
        /// Second operand (`Cas`: new value).
        b: Operand,
        /// Order; `Relaxed` still is atomic.
        order: Order,
    },
    /// `dst = [addr] += a` as one boundary-free micro-op that other cores can see halfway.
    LocalAdd {
        /// Receives the *new* value.
        dst: Option<Reg>,
        /// Where.
        addr: Addr,
        /// How much.
        width: Width,
        /// What to add, wrapping.
        a: Operand,
    },
    /// Asks for ownership of a line without waiting for it.
    PrefetchW {
        /// Any address in the line.
        addr: Addr,
    },
    /// Memory fence.
    Fence(Fence),
    /// Spin-wait hint.
    Pause,
    /// Waits until the line of `addr` is taken away or written, the event stream ticks, or an
    /// interrupt is taken; returns at once if the event register is set.
    Wfe {
        /// The monitored location.
        addr: Addr,
    },
    /// Own cycles spent computing; an interrupt can be taken in the middle.
    Work(Span),
    /// Waits until the clock shows at least this many nanoseconds; interruptible.
    DelayUntil {
        /// Nanoseconds, as `clock_ns` gives them.
        t: Operand,
    },
    /// Reads the clock, in nanoseconds.
    ClockNs {
        /// Destination.
        dst: Reg,
    },
    /// Reads the interrupt flag (1 = enabled) and disables maskable interrupts.
    IrqSave {
        /// Receives the old flag.
        dst: Reg,
    },
    /// Restores the interrupt flag.
    IrqRestore {
        /// 1 = enable.
        flag: Operand,
    },
    /// Sends interrupt number `line` of the experiment: an inter-processor interrupt, or a soft interrupt of the
    /// core's own. The former waits until the core's stores are in the cache. Cores without it take no notice.
    Send {
        /// Number of the interrupt in the experiment, from 0.
        line: Operand,
        /// To whom.
        to: SendTo,
    },
    /// Number of the executing core, from 0.
    Cpu {
        /// Destination.
        dst: Reg,
    },
    /// Number of cores of the machine.
    Cpus {
        /// Destination.
        dst: Reg,
    },
    /// Kind of the executing context, a [`ContextKind`] number.
    Context {
        /// Destination.
        dst: Reg,
    },
    /// 1 once the experiment's time is over: workload loops end then.
    Stopping {
        /// Destination.
        dst: Reg,
    },
    /// Draws from distribution `dist` of the program, in cycles; takes no time itself.
    Draw {
        /// Destination.
        dst: Reg,
        /// Index into [`crate::program::Program::dists`].
        dist: u16,
    },
    /// Sleeps until an interrupt has been taken and has returned.
    Halt,
    /// Report through [`crate::program::Program::marks`].
    Mark(u32),
}
