// SPDX-License-Identifier: MIT OR Apache-2.0
//! From micro-ops back to text that assembles to the same micro-ops.

use super::emit::Hint;
use super::parse_mem::{RMW_WORDS, WIDTHS};
use super::parse_stmt::{ALU_SIGNS, CMP_SIGNS, FENCES, MARK_KINDS};
use super::print_addr::addr_text;
use super::{Info, Options, assemble_with_info};
use crate::isa::{
    Addr, AluFn, Base, Detector, EDEADLK, ETIMEDOUT, MarkKind, MarkSite, NO_DEADLINE, Op, Operand, Order, Pc, Reg,
    RmwFn, SendTo, Span, WaitKind, Width,
};
use crate::program::{Dist, Proc, Program, TimeSpan};
use std::fmt::Write;

/// Prints micro-ops of one program.
///
/// Which structure a register points to is not part of a [`Program`], so it is found by assembling
/// the program's sources once more; for a program made without sources addresses are printed in
/// their untyped form.
pub struct Printer<'p> {
    program: &'p Program,
    info: Info,
}

/// Text of one micro-op, without a label. For more than a few, make a [`Printer`]: this reads all
/// sources of the program anew. Empty if there is no such micro-op.
#[must_use]
pub fn op_text(program: &Program, pc: Pc) -> String {
    Printer::new(program).op(pc)
}

/// The assembled program for people: where objects lie, then every procedure with the number of
/// the interrupt boundary before each micro-op. Marks show `.`: no boundary stands before them.
#[must_use]
pub fn listing(program: &Program) -> String {
    let printer = Printer::new(program);
    let mut out = String::new();
    let list = |names: &[String]| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    let params: Vec<String> = program.params.iter().map(|(n, v)| format!("{n} = {v}")).collect();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "# program {}: {} micro-ops", program.name, program.ops.len());
    let _ = writeln!(out, "# enabled: {}", list(&program.enabled));
    let _ = writeln!(out, "# parameters: {}", list(&params));
    for o in &program.objects {
        let bytes = program.structs.get(o.layout).map_or(0, |s| s.bytes);
        let each = if o.percpu {
            format!(" on core 0, {} further on each next", program.percpu_stride)
        } else {
            String::new()
        };
        let _ = writeln!(out, "# object {} at {:#x}, {bytes} bytes{each}", o.name, o.addr);
    }
    for (role, proc) in &program.exports {
        let _ = writeln!(out, "# {role} is {}", program.procs.get(usize::from(*proc)).map_or("?", |p| &p.name));
    }
    for (i, p) in program.procs.iter().enumerate() {
        let _ = writeln!(out, "\n{}", printer.proc_head(i));
        for pc in p.entry..p.end {
            for label in printer.labels_at(p, pc) {
                let _ = writeln!(out, "       {label}:");
            }
            let number = match program.ops.get(pc as usize) {
                Some(Op::Mark(_)) => ".".to_owned(),
                _ => pc.to_string(),
            };
            let _ = writeln!(out, "{number:>6}   {}", printer.op(pc));
        }
        let _ = writeln!(out, "}}");
    }
    out
}

/// Program text that assembles, without options, to the same micro-ops, structures and objects.
/// Names of constants and the text of patches are gone.
#[must_use]
pub fn disassemble(program: &Program) -> String {
    let printer = Printer::new(program);
    let mut out = String::new();
    if !program.name.is_empty() {
        let _ = writeln!(out, "program {} \"disassembled\"", program.name);
    }
    for (i, _) in program.structs.iter().enumerate() {
        printer.structure(i, &mut out);
    }
    for o in program.objects.iter().filter(|o| !o.percpu) {
        let _ = writeln!(out, "object {}: {}", o.name, program.structs.get(o.layout).map_or("?", |s| &s.name));
    }
    let span = |t: &TimeSpan| format!("{}{}", t.amount, if t.cycles { "cy" } else { "ns" });
    for (i, d) in program.dists.iter().enumerate() {
        let shape = match d {
            Dist::Fixed(t) => format!("fixed({})", span(t)),
            Dist::Uniform(a, b) => format!("uniform({}, {})", span(a), span(b)),
            Dist::Exp(t) => format!("exp({})", span(t)),
        };
        let _ = writeln!(out, "dist {} = {shape}", printer.dist_name(i));
    }
    for (role, proc) in &program.exports {
        let _ = writeln!(out, "export {role} {}", program.procs.get(usize::from(*proc)).map_or("?", |p| &p.name));
    }
    for c in &program.clean {
        let base = if c.percpu { Base::ThisCpu } else { Base::Abs };
        let addr = Addr { base, disp: c.addr, index: None };
        let hint = Hint { leaf: c.name.rsplit('.').next().map(str::to_owned), ..Hint::default() };
        let place = addr_text(program, &|r| format!("r{}", r.0), &addr, Some(c.width), &hint);
        let _ = writeln!(out, "clean [{place}]");
    }
    for (i, p) in program.procs.iter().enumerate() {
        let _ = writeln!(out, "{}", printer.proc_head(i));
        for pc in p.entry..p.end {
            for label in printer.labels_at(p, pc) {
                let _ = writeln!(out, "{label}:");
            }
            let _ = writeln!(out, "  {}", printer.op(pc));
        }
        let _ = writeln!(out, "}}");
    }
    out
}

impl<'p> Printer<'p> {
    /// A printer for a program.
    #[must_use]
    pub fn new(program: &'p Program) -> Self {
        let options = Options { enabled: program.enabled.clone(), params: program.params.clone() };
        let info = match assemble_with_info(&program.sources, &options) {
            Ok((same, info)) if same == *program => info,
            _ => Info::default(),
        };
        Printer { program, info }
    }

    /// The line that opens procedure number `index`; empty if there is none.
    #[must_use]
    pub fn proc_head(&self, index: usize) -> String {
        let Some(p) = self.program.procs.get(index) else { return String::new() };
        let types = self.info.param_types.get(index).map_or([].as_slice(), Vec::as_slice);
        let params: Vec<String> = (0..p.params)
            .map(|i| {
                let name = p.regs.get(i).map_or("?", String::as_str);
                match types.get(i).copied().flatten().and_then(|id| self.program.structs.get(id)) {
                    Some(s) => format!("{name}: {}", s.name),
                    None => name.to_owned(),
                }
            })
            .collect();
        let results = match p.results {
            0 => "",
            1 => " -> r1",
            _ => " -> r1, r2",
        };
        let inline = if p.inline { "inline " } else { "" };
        format!("{inline}proc {}({}){results} {{", p.name, params.join(", "))
    }

    /// Names of the labels before a micro-op of a procedure, without the name of the procedure.
    fn labels_at<'s>(&'s self, p: &'s Proc, pc: Pc) -> impl Iterator<Item = &'s str> {
        let labels = &self.program.labels;
        let first = labels.partition_point(|l| l.pc < pc);
        let here = labels[first..].iter().take_while(move |l| l.pc == pc);
        here.filter_map(|l| l.name.strip_prefix(p.name.as_str())?.strip_prefix('.'))
    }

    fn structure(&self, index: usize, out: &mut String) {
        let s = &self.program.structs[index];
        let percpu = self.program.objects.iter().any(|o| o.percpu && o.layout == index);
        let percpu = if percpu { " percpu" } else { "" };
        let _ = writeln!(out, "struct {}{percpu} align {} size {} kind {} {{", s.name, s.align, s.bytes, s.kind.name());
        for f in &s.fields {
            let width = WIDTHS.iter().find(|(_, w)| w.bytes() == f.elem_bytes).map_or("?", |(n, _)| n);
            let ty = f.nested.and_then(|id| self.program.structs.get(id)).map_or(width, |n| &n.name);
            let ty = if f.count > 1 { format!("[{ty}; {}]", f.count) } else { ty.to_owned() };
            let _ = writeln!(out, "  {}: {ty} @{},", f.name, f.offset);
        }
        let _ = writeln!(out, "}}");
    }

    fn dist_name(&self, index: usize) -> String {
        self.info.dist_names.get(index).cloned().unwrap_or_else(|| format!("dist{index}"))
    }

    /// Text of a micro-op, without its label; empty if there is no such micro-op.
    #[must_use]
    pub fn op(&self, pc: Pc) -> String {
        let Some(op) = self.program.ops.get(pc as usize) else { return String::new() };
        let none = Hint::default();
        let hint = self.info.hints.get(pc as usize).unwrap_or(&none);
        Line { program: self.program, proc: self.program.proc_at(pc), hint, printer: self }.text(op)
    }
}

/// One micro-op being printed.
struct Line<'l> {
    program: &'l Program,
    proc: Option<&'l Proc>,
    hint: &'l Hint,
    printer: &'l Printer<'l>,
}

impl Line<'_> {
    fn text(&self, op: &Op) -> String {
        match op {
            Op::Alu { f, dst, a, b } => format!("{}{}", self.dst(*dst), self.alu(*f, *a, *b)),
            Op::Lea { dst, addr } => format!("{}lea {}", self.dst(*dst), self.addr(addr, None)),
            Op::Branch { cmp, a, b, target } => {
                let sign = CMP_SIGNS.iter().find(|(_, c)| c == cmp).map_or("?", |(s, _)| s);
                format!("if {} {sign} {} goto {}", self.operand(*a), self.operand(*b), self.target(*target))
            }
            Op::Jump { target } => format!("goto {}", self.target(*target)),
            Op::Call(c) => self.call(*c),
            Op::Ret { values } => {
                let count = self.proc.map_or(2, |p| p.results).min(2);
                let values: Vec<String> = values[..count].iter().map(|v| self.operand(*v)).collect();
                format!("ret {}", values.join(", ")).trim_end().to_owned()
            }
            Op::Load { dst, addr, width, order } => {
                let kind = access("load", *width, *order, Order::Relaxed);
                format!("{}{kind} {}", self.dst(*dst), self.addr(addr, Some(*width)))
            }
            Op::Store { addr, width, value, order } => {
                let kind = access("store", *width, *order, Order::Relaxed);
                format!("{kind} {}, {}", self.addr(addr, Some(*width)), self.operand(*value))
            }
            Op::Rmw { f, dst, ok, addr, width, a, b, order } => {
                let word = RMW_WORDS.iter().find(|(_, r)| r == f).map_or("?", |(n, _)| n);
                let kind = access(word, *width, *order, Order::Full);
                let second = if *f == RmwFn::Cas { format!(", {}", self.operand(*b)) } else { String::new() };
                let dsts = self.dsts(dst.iter().chain(ok));
                format!("{dsts}{kind} {}, {}{second}", self.addr(addr, Some(*width)), self.operand(*a))
            }
            Op::LocalAdd { dst, addr, width, a } => {
                let kind = access("local_add", *width, Order::Relaxed, Order::Relaxed);
                format!("{}{kind} {}, {}", self.dsts(dst), self.addr(addr, Some(*width)), self.operand(*a))
            }
            Op::PrefetchW { addr } => format!("prefetchw {}", self.addr(addr, None)),
            Op::Fence(f) => format!("fence.{}", FENCES.iter().find(|(_, k)| k == f).map_or("?", |(n, _)| n)),
            Op::Pause => "pause".to_owned(),
            Op::Wfe { addr } => format!("wfe {}", self.addr(addr, None)),
            Op::Work(span) => match span {
                Span::Cycles(Operand::Imm(v)) => format!("work {v}cy"),
                Span::Nanos(Operand::Imm(v)) => format!("work {v}ns"),
                Span::Cycles(r) => format!("work {}", self.operand(*r)),
                Span::Nanos(r) => format!("work {} ns", self.operand(*r)),
            },
            Op::DelayUntil { t } => format!("delay_until {}", self.operand(*t)),
            Op::ClockNs { dst } => format!("{}clock_ns", self.dst(*dst)),
            Op::IrqSave { dst } => format!("irq_save {}", self.reg(*dst)),
            Op::IrqRestore { flag } => format!("irq_restore {}", self.operand(*flag)),
            Op::Cpu { dst } => format!("{}cpu", self.dst(*dst)),
            Op::Cpus { dst } => format!("{}cpus", self.dst(*dst)),
            Op::Context { dst } => format!("{}context", self.dst(*dst)),
            Op::Stopping { dst } => format!("{}stopping", self.dst(*dst)),
            Op::Draw { dst, dist } => {
                format!("{}draw {}", self.dst(*dst), self.printer.dist_name(usize::from(*dist)))
            }
            Op::Send { line, to } => {
                let line = self.operand(*line);
                match to {
                    SendTo::Core(core) => format!("ipi.to {line}, {}", self.operand(*core)),
                    SendTo::Others => format!("ipi.others {line}"),
                    SendTo::All => format!("ipi.all {line}"),
                    SendTo::Own => format!("raise {line}"),
                }
            }
            Op::Halt => "halt".to_owned(),
            Op::Mark(m) => self.program.marks.get(*m as usize).map_or_else(String::new, |m| self.mark(m)),
        }
    }

    fn reg(&self, r: Reg) -> String {
        let name = self.proc.and_then(|p| p.regs.get(usize::from(r.0)));
        name.cloned().unwrap_or_else(|| format!("r{}", r.0))
    }

    fn operand(&self, o: Operand) -> String {
        match o {
            Operand::Reg(r) => self.reg(r),
            Operand::Imm(v) => number(v),
        }
    }

    /// An operand that may well be the address of an object.
    fn pointer(&self, o: Operand) -> String {
        let at = |v| self.program.objects.iter().find(|obj| !obj.percpu && obj.addr == v);
        match o {
            Operand::Imm(v) => at(v).map_or_else(|| number(v), |obj| obj.name.clone()),
            Operand::Reg(r) => self.reg(r),
        }
    }

    /// `x = ` or `x: STRUCT = `.
    fn dst(&self, r: Reg) -> String {
        self.dsts([&r])
    }

    /// The same for any number of destinations.
    fn dsts<'r>(&self, regs: impl IntoIterator<Item = &'r Reg>) -> String {
        let mut names: Vec<String> = regs.into_iter().map(|r| self.reg(*r)).collect();
        if let (Some(first), Some(s)) = (names.first_mut(), self.hint.dst.and_then(|id| self.program.structs.get(id))) {
            let _ = write!(first, ": {}", s.name);
        }
        if names.is_empty() { String::new() } else { format!("{} = ", names.join(", ")) }
    }

    fn addr(&self, addr: &Addr, width: Option<Width>) -> String {
        format!("[{}]", addr_text(self.program, &|r| self.reg(r), addr, width, self.hint))
    }

    fn alu(&self, f: AluFn, a: Operand, b: Operand) -> String {
        let (a, b) = (self.operand(a), self.operand(b));
        match f {
            AluFn::Mov => a,
            AluFn::Min => format!("min {a}, {b}"),
            AluFn::Max => format!("max {a}, {b}"),
            _ => format!("{a} {} {b}", ALU_SIGNS.iter().find(|(_, k)| *k == f).map_or("?", |(s, _)| s)),
        }
    }

    fn call(&self, call: u32) -> String {
        let Some(site) = self.program.calls.get(call as usize) else { return String::new() };
        let name = self.program.procs.get(usize::from(site.proc)).map_or("?", |p| &p.name);
        let args: Vec<String> = site.args.iter().map(|a| self.pointer(*a)).collect();
        format!("{}call {name}({})", self.dsts(&site.results), args.join(", "))
    }

    /// Name of a label of this procedure.
    fn target(&self, pc: Pc) -> String {
        let name = self.proc.and_then(|p| self.printer.labels_at(p, pc).next());
        name.map_or_else(|| format!("L{pc}"), str::to_owned)
    }

    fn mark(&self, m: &MarkSite) -> String {
        let name = MARK_KINDS.iter().find(|(_, k)| *k == m.kind).map_or("?", |(n, _)| n);
        let mut args: Vec<String> = m.args.iter().map(|a| self.operand(*a)).collect();
        let imm = |i: usize| match m.args[i] {
            Operand::Imm(v) => Some(v),
            Operand::Reg(_) => None,
        };
        let count = match m.kind {
            MarkKind::Released if m.args[1] != Operand::Imm(0) => 2,
            MarkKind::Attempt | MarkKind::Held | MarkKind::Released | MarkKind::Resumed => 1,
            MarkKind::Wait if m.args[2] != Operand::Imm(NO_DEADLINE) => 3,
            MarkKind::Wait | MarkKind::Check | MarkKind::Found => 2,
            MarkKind::Queued | MarkKind::Failed => 3,
            MarkKind::Enter | MarkKind::Leave => 0,
            MarkKind::Note => 3 - m.args.iter().rev().take_while(|a| **a == Operand::Imm(0)).count(),
        };
        if !matches!(m.kind, MarkKind::Note | MarkKind::Enter | MarkKind::Leave) {
            args[0] = self.pointer(m.args[0]);
        }
        if m.kind == MarkKind::Wait
            && let Some(kind) = imm(1).and_then(WaitKind::from_number)
        {
            kind.name().clone_into(&mut args[1]);
        }
        if matches!(m.kind, MarkKind::Failed | MarkKind::Found) {
            match imm(1) {
                Some(EDEADLK) => "EDEADLK".clone_into(&mut args[1]),
                Some(ETIMEDOUT) => "ETIMEDOUT".clone_into(&mut args[1]),
                _ => {}
            }
        }
        let by = if m.kind == MarkKind::Check { 1 } else { 2 };
        if matches!(m.kind, MarkKind::Failed | MarkKind::Check)
            && let Some(detector) = imm(by).and_then(Detector::from_number)
        {
            detector.name().clone_into(&mut args[by]);
        }
        let guard = match m.guard {
            Some((r, true)) => format!(" if {}", self.reg(r)),
            Some((r, false)) => format!(" if !{}", self.reg(r)),
            None => String::new(),
        };
        format!("mark {name}({}){guard}", args[..count].join(", "))
    }
}

/// `load.u32.acq`; the default order of the operation is not written.
fn access(word: &str, width: Width, order: Order, default: Order) -> String {
    let width = WIDTHS.iter().find(|(_, w)| *w == width).map_or("?", |(n, _)| n);
    let order = match order {
        _ if order == default => "",
        Order::Relaxed => ".relaxed",
        Order::Acquire => ".acq",
        Order::AcquirePc => ".acqpc",
        Order::Release => ".rel",
        Order::Full => ".full",
    };
    format!("{word}.{width}{order}")
}

/// Small and round numbers in decimal, others, mostly masks and addresses, in hexadecimal.
fn number(v: u64) -> String {
    let negative = v.wrapping_neg();
    if negative <= 1 << 31 && v != 0 {
        format!("-{negative}")
    } else if v < 1 << 16 || v.is_multiple_of(1000) {
        v.to_string()
    } else {
        format!("{v:#x}")
    }
}
