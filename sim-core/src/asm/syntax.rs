// SPDX-License-Identifier: MIT OR Apache-2.0
//! The syntax tree: what was written, before anybody asks what the names mean.

use super::diag::Sp;
use crate::isa::{AluFn, Cmp, Fence, MarkKind, Order, RmwFn, Width};
use crate::program::LineKind;

/// A word of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'a> {
    pub(super) text: &'a str,
    pub(super) at: Sp,
}

/// Unit of a written value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    None,
    Nanos,
    Cycles,
}

/// A written value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Literal {
    /// Two's complement if a minus sign was written.
    pub(super) value: u64,
    pub(super) unit: Unit,
    pub(super) at: Sp,
}

/// An operand: a value, or the name of a register, constant or object.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arg<'a> {
    Lit(Literal),
    Name(Name<'a>),
}

impl Arg<'_> {
    /// A number without unit.
    pub(super) fn number(value: u64, at: Sp) -> Self {
        Arg::Lit(Literal { value, unit: Unit::None, at })
    }

    pub(super) fn at(&self) -> Sp {
        match self {
            Arg::Lit(l) => l.at,
            Arg::Name(n) => n.at,
        }
    }
}

/// Condition of a `patch` section.
#[derive(Clone, Debug)]
pub(super) enum Cond<'a> {
    Name(Name<'a>),
    Not(Box<Cond<'a>>),
    And(Box<Cond<'a>>, Box<Cond<'a>>),
    Or(Box<Cond<'a>>, Box<Cond<'a>>),
}

/// Top level of a source.
#[derive(Debug)]
pub(super) enum Item<'a> {
    Program(Name<'a>),
    Defpatch {
        number: &'a str,
        name: Name<'a>,
        title: &'a str,
        needs: Vec<Name<'a>>,
    },
    Switch {
        name: Name<'a>,
        description: &'a str,
    },
    Const {
        name: Name<'a>,
        value: Literal,
    },
    Param {
        name: Name<'a>,
        value: Literal,
    },
    Struct(StructDecl<'a>),
    Object {
        name: Name<'a>,
        layout: Name<'a>,
    },
    Dist {
        name: Name<'a>,
        shape: Name<'a>,
        args: Vec<Arg<'a>>,
    },
    Export {
        role: Name<'a>,
        proc: Name<'a>,
    },
    Proc(ProcDecl<'a>),
    /// Must be zero at quiescence.
    Clean(AddrExpr<'a>),
    Patch {
        cond: Cond<'a>,
        body: Vec<Item<'a>>,
    },
    /// A declaration that could not be read: the words in it, none of which is to be called unknown.
    Broken(Vec<&'a str>),
}

#[derive(Debug)]
pub(super) struct StructDecl<'a> {
    pub(super) name: Name<'a>,
    pub(super) percpu: bool,
    pub(super) align: Option<Arg<'a>>,
    pub(super) size: Option<Arg<'a>>,
    pub(super) kind: LineKind,
    pub(super) fields: Vec<FieldDecl<'a>>,
    /// Some field could not be read.
    pub(super) broken: bool,
}

#[derive(Debug)]
pub(super) struct FieldDecl<'a> {
    pub(super) name: Name<'a>,
    pub(super) ty: Name<'a>,
    /// Length, if it is an array.
    pub(super) count: Option<Arg<'a>>,
    pub(super) offset: Option<Arg<'a>>,
}

#[derive(Debug)]
pub(super) struct ProcDecl<'a> {
    pub(super) name: Name<'a>,
    pub(super) inline: bool,
    /// Name, and the structure it points to.
    pub(super) params: Vec<Dst<'a>>,
    pub(super) results: usize,
    pub(super) body: Vec<Stmt<'a>>,
    /// Of the closing brace, for an implicit `ret`.
    pub(super) end: (Sp, u32),
}

/// A register that is written, and perhaps typed as a pointer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dst<'a> {
    pub(super) name: Name<'a>,
    pub(super) ty: Option<Name<'a>>,
}

#[derive(Debug)]
pub(super) enum Stmt<'a> {
    Label(Name<'a>),
    Inst(InstStmt<'a>),
    Patch {
        cond: Cond<'a>,
        body: Vec<Stmt<'a>>,
    },
    /// Could not be read; the words in it, any of which may be a register or label it defines.
    Broken(Vec<&'a str>),
}

/// An instruction with its destinations.
#[derive(Debug)]
pub(super) struct InstStmt<'a> {
    pub(super) at: Sp,
    pub(super) line: u32,
    pub(super) dsts: Vec<Dst<'a>>,
    pub(super) inst: Inst<'a>,
}

/// An instruction without its destinations.
#[derive(Debug)]
pub(super) enum Inst<'a> {
    Alu(AluFn, Arg<'a>, Arg<'a>),
    Lea(AddrExpr<'a>),
    If { cmp: Cmp, a: Arg<'a>, b: Arg<'a>, target: Name<'a> },
    Goto(Name<'a>),
    Call { proc: Name<'a>, args: Vec<Arg<'a>>, close: Sp },
    Ret(Vec<Arg<'a>>),
    Load(Width, Order, AddrExpr<'a>),
    Store(Width, Order, AddrExpr<'a>, Arg<'a>),
    Rmw(RmwFn, Width, Order, AddrExpr<'a>, Vec<Arg<'a>>),
    LocalAdd(Width, AddrExpr<'a>, Arg<'a>),
    PrefetchW(AddrExpr<'a>),
    Fence(Fence),
    Barrier,
    Pause,
    Wfe(AddrExpr<'a>),
    Work(Arg<'a>, Option<(Unit, Sp)>),
    DelayUntil(Arg<'a>),
    ClockNs,
    IrqSave,
    IrqRestore(Arg<'a>),
    Cpu,
    Cpus,
    Context,
    Stopping,
    Draw(Name<'a>),
    Halt,
    Send(Dest<'a>, Arg<'a>),
    Mark { kind: MarkKind, name: Name<'a>, args: Vec<Arg<'a>>, guard: Option<(Name<'a>, bool)> },
}

/// To whom an interrupt is sent.
#[derive(Debug)]
pub(super) enum Dest<'a> {
    Core(Arg<'a>),
    Others,
    All,
    Own,
}

/// What is between the brackets.
#[derive(Clone, Debug)]
pub(super) struct AddrExpr<'a> {
    pub(super) base: AddrBase<'a>,
    pub(super) path: Vec<Step<'a>>,
    /// Without the brackets.
    pub(super) at: Sp,
}

#[derive(Clone, Debug)]
pub(super) enum AddrBase<'a> {
    /// A pointer register or a global object.
    Name(Name<'a>),
    /// `cpu.OBJ`.
    ThisCpu(Name<'a>),
    /// `OBJ@c`.
    OnCpu(Name<'a>, Arg<'a>),
    /// `base + bytes + register*scale` without any types.
    Raw { base: RawBase<'a>, disp: u64, index: Option<(Name<'a>, u16)> },
}

#[derive(Clone, Copy, Debug)]
pub(super) enum RawBase<'a> {
    Abs,
    Reg(Name<'a>),
    ThisCpu,
    OnCpu(Name<'a>),
}

/// One step of a path into a structure.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'a> {
    Field(Name<'a>),
    Index(Arg<'a>),
}

/// Words that begin the right side of an assignment, and so cannot be registers.
pub(super) const VALUE_WORDS: [&str; 24] = [
    "load",
    "lea",
    "cas",
    "xchg",
    "fetch_add",
    "fetch_or",
    "fetch_and",
    "fetch_xor",
    "test_set_bit",
    "local_add",
    "call",
    "clock_ns",
    "cpu",
    "cpus",
    "context",
    "stopping",
    "draw",
    "min",
    "max",
    "zext8",
    "zext16",
    "zext32",
    "goto",
    "if",
];

/// Words that can only begin a statement.
const STATEMENT_WORDS: [&str; 16] = [
    "ret",
    "store",
    "prefetchw",
    "fence",
    "barrier",
    "pause",
    "wfe",
    "work",
    "halt",
    "delay_until",
    "irq_save",
    "irq_restore",
    "ipi",
    "raise",
    "mark",
    "patch",
];

/// Every mnemonic, for suggestions.
pub(super) fn mnemonics() -> impl Iterator<Item = &'static str> {
    VALUE_WORDS.into_iter().chain(STATEMENT_WORDS)
}

/// True for a word that begins the right side of an assignment, and so cannot be a register.
pub(super) fn is_value_word(word: &str) -> bool {
    VALUE_WORDS.contains(&word)
}
