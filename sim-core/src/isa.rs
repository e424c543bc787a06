// SPDX-License-Identifier: MIT OR Apache-2.0
//! The micro-op set: what every engine (timed core, untimed explorer) executes.
//!
//! A micro-op is one indivisible step of one context; an interrupt can be taken between any two
//! of them, except before a [`Op::Mark`], which belongs to the micro-op before it. Values are 64
//! bits wide; accesses are 1, 2, 4 or 8 bytes, naturally aligned, little-endian.

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
    /// `queued(lock, previous, own)`: it joined the queue; the tail codes before and after.
    Queued,
    /// `held(lock)`: the lock is owned from the micro-op before this mark on.
    Held,
    /// `released(lock)`: given back by the store before this mark.
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
