// SPDX-License-Identifier: MIT OR Apache-2.0
//! An assembled program: micro-ops with everything needed to run, print and attribute them.

use crate::isa::{CallSite, MarkSite, Op, Pc, Width};

/// Bytes in a cache line, everywhere.
pub const LINE_BYTES: u64 = 64;
/// Address of the first global object.
pub const GLOBAL_BASE: u64 = 0x1_0000;
/// Address of core 0's per-CPU area; core `c`'s is `c * percpu_stride` further.
pub const PERCPU_BASE: u64 = 0x1_0000_0000;

/// What an object is used for; traffic is counted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LineKind {
    /// A lock word.
    Lock,
    /// Queue nodes of waiters.
    Node,
    /// Tables of held locks.
    Held,
    /// Data protected by a lock.
    Payload,
    /// The clock's shared state.
    Time,
    /// Anything else.
    Other,
}

impl LineKind {
    /// Every kind, in order of declaration.
    pub const ALL: [LineKind; 6] =
        [LineKind::Lock, LineKind::Node, LineKind::Held, LineKind::Payload, LineKind::Time, LineKind::Other];

    /// Name used in program text (`kind lock`) and in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            LineKind::Lock => "lock",
            LineKind::Node => "node",
            LineKind::Held => "held",
            LineKind::Payload => "payload",
            LineKind::Time => "time",
            LineKind::Other => "other",
        }
    }
}

/// A named field of a structure. Nested structures are flattened by the assembler's address
/// resolution; here they appear as one field with the nested structure's size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name.
    pub name: String,
    /// Offset in bytes.
    pub offset: u64,
    /// Size of one element in bytes.
    pub elem_bytes: u64,
    /// Number of elements; 1 if it is not an array.
    pub count: u64,
    /// Index into [`Program::structs`] if the element is a structure.
    pub nested: Option<usize>,
}

/// A structure declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Struct {
    /// Name.
    pub name: String,
    /// Fields in declaration order; they may overlap on purpose (a word and its bytes).
    pub fields: Vec<Field>,
    /// Size in bytes, a multiple of the alignment.
    pub bytes: u64,
    /// Alignment in bytes, a power of two.
    pub align: u64,
    /// What lines of it are counted as.
    pub kind: LineKind,
}

/// An object in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Name; a `percpu` structure is also the object of that name.
    pub name: String,
    /// Index into [`Program::structs`].
    pub layout: usize,
    /// Address; of core 0's instance if `percpu`.
    pub addr: u64,
    /// One instance per core, [`Program::percpu_stride`] bytes apart.
    pub percpu: bool,
}

/// A procedure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proc {
    /// Name.
    pub name: String,
    /// First micro-op.
    pub entry: Pc,
    /// One past the last micro-op.
    pub end: Pc,
    /// Number of parameters; they are the first registers.
    pub params: usize,
    /// Number of values returned, 0 to 2.
    pub results: usize,
    /// Names of all registers; the length is the frame size.
    pub regs: Vec<String>,
    /// Written out at every call by a compiler: call and return cost nothing.
    pub inline: bool,
}

/// A named place in the program: `proc.label`; a procedure's entry is `proc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Qualified name.
    pub name: String,
    /// The micro-op it stands before.
    pub pc: Pc,
}

/// A span of time a workload draws, kept in nanoseconds or cycles as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeSpan {
    /// Amount.
    pub amount: u64,
    /// True if the amount is in core cycles, false if in nanoseconds.
    pub cycles: bool,
}

/// A distribution of spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dist {
    /// Always the same.
    Fixed(TimeSpan),
    /// Every whole cycle from the first to the second, both included, equally likely.
    Uniform(TimeSpan, TimeSpan),
    /// Exponential with this mean.
    Exp(TimeSpan),
}

/// A patch of the series, as declared in the program file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchInfo {
    /// Number or letter in the series ("1", "Q").
    pub number: String,
    /// Name used in `patch NAME { .. }` and in experiments.
    pub name: String,
    /// One line.
    pub title: String,
    /// Names of patches without which it cannot be applied.
    pub needs: Vec<String>,
}

/// A field that must be zero whenever nobody uses the lock: `clean held.cnt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clean {
    /// As written, with the object's name in front: `lock_ring.val`.
    pub name: String,
    /// Address; of core 0's instance if `percpu`.
    pub addr: u64,
    /// Width of the field.
    pub width: Width,
    /// To be checked on every core.
    pub percpu: bool,
}

/// A source text that went into the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// File name as shown to people.
    pub name: String,
    /// Text.
    pub text: String,
}

/// Where a micro-op came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SrcPos {
    /// Index into [`Program::sources`].
    pub source: u32,
    /// Line, from 1.
    pub line: u32,
}

/// An assembled program. Immutable while it runs; shared by all cores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Name from the `program` line.
    pub name: String,
    /// All micro-ops, procedure after procedure.
    pub ops: Vec<Op>,
    /// `[pc]`: source position.
    pub lines: Vec<SrcPos>,
    /// Procedures in order of definition.
    pub procs: Vec<Proc>,
    /// Labels in order of address.
    pub labels: Vec<Label>,
    /// Call sites.
    pub calls: Vec<CallSite>,
    /// Mark sites.
    pub marks: Vec<MarkSite>,
    /// Distributions.
    pub dists: Vec<Dist>,
    /// Structures.
    pub structs: Vec<Struct>,
    /// Objects in order of address: global ones, then per-CPU ones.
    pub objects: Vec<Object>,
    /// Bytes between two cores' per-CPU areas, a multiple of [`LINE_BYTES`].
    pub percpu_stride: u64,
    /// Texts.
    pub sources: Vec<Source>,
    /// Patches declared, in order of declaration.
    pub patches: Vec<PatchInfo>,
    /// Options declared: name and description.
    pub options: Vec<(String, String)>,
    /// Patches and options that were switched on, in order of declaration.
    pub enabled: Vec<String>,
    /// Parameters with the values used, in order of declaration.
    pub params: Vec<(String, u64)>,
    /// Procedures other texts reach by role: `export lock NAME` gives ("lock", index of NAME).
    pub exports: Vec<(String, u16)>,
    /// Fields that must be zero at quiescence.
    pub clean: Vec<Clean>,
}

impl Program {
    /// The procedure of this name.
    #[must_use]
    pub fn proc(&self, name: &str) -> Option<&Proc> {
        self.procs.iter().find(|p| p.name == name)
    }

    /// The object of this name.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<&Object> {
        self.objects.iter().find(|o| o.name == name)
    }

    /// The micro-op a label stands before.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<Pc> {
        self.labels.iter().find(|l| l.name == name).map(|l| l.pc)
    }

    /// True if a mark stands here.
    #[must_use]
    #[inline]
    pub fn is_mark(&self, pc: Pc) -> bool {
        matches!(self.ops.get(pc as usize), Some(Op::Mark(_)))
    }

    /// The procedure a micro-op belongs to.
    #[must_use]
    pub fn proc_at(&self, pc: Pc) -> Option<&Proc> {
        self.procs.iter().find(|p| p.entry <= pc && pc < p.end)
    }

    /// `proc.label+n` for a micro-op: the nearest label before it in its procedure.
    #[must_use]
    pub fn place(&self, pc: Pc) -> String {
        match self.labels.iter().rev().find(|l| l.pc <= pc) {
            Some(l) if l.pc == pc => l.name.clone(),
            Some(l) => format!("{}+{}", l.name, pc - l.pc),
            None => format!("+{pc}"),
        }
    }

    /// Where a micro-op was written: file, line, and the line's text without its comment. None for a number behind the last one.
    #[must_use]
    pub fn source_line(&self, pc: Pc) -> Option<(&str, u32, &str)> {
        let at = self.lines.get(pc as usize)?;
        let source = self.sources.get(at.source as usize)?;
        let text = source.text.lines().nth((at.line as usize).saturating_sub(1)).unwrap_or_default();
        Some((&source.name, at.line, text.split('#').next().unwrap_or_default().trim()))
    }

    /// One past the last byte of the global objects.
    #[must_use]
    pub fn global_end(&self) -> u64 {
        let ends = self.objects.iter().filter(|o| !o.percpu).map(|o| o.addr + self.structs[o.layout].bytes);
        ends.max().unwrap_or(GLOBAL_BASE)
    }

    /// The object that contains an address, and the core it belongs to if it is per-CPU.
    #[must_use]
    pub fn object_at(&self, addr: u64) -> Option<(&Object, Option<u64>)> {
        let (at, cpu) = if addr >= PERCPU_BASE && self.percpu_stride > 0 {
            let rel = addr - PERCPU_BASE;
            (PERCPU_BASE + rel % self.percpu_stride, Some(rel / self.percpu_stride))
        } else {
            (addr, None)
        };
        self.objects
            .iter()
            .find(|o| o.percpu == cpu.is_some() && o.addr <= at && at < o.addr + self.structs[o.layout].bytes)
            .map(|o| (o, cpu))
    }

    /// What traffic on the line of this address is counted as.
    #[must_use]
    pub fn line_kind(&self, addr: u64) -> LineKind {
        self.object_at(addr).map_or(LineKind::Other, |(o, _)| self.structs[o.layout].kind)
    }
}
