// SPDX-License-Identifier: MIT OR Apache-2.0
//! From statements to micro-ops, procedure by procedure.

use super::decl::{Decls, ValueKind};
use super::diag::{Sink, Sp};
use super::flow::{self, Use};
use super::lex::shorten;
use super::select::Switches;
use super::syntax::{Arg, Dest, Dst, Inst, InstStmt, Name, ProcDecl, Stmt, Unit, is_value_word};
use crate::isa::{CallSite, MarkSite, Op, Operand, Pc, Reg, SendTo};
use crate::program::{Label, Proc, SrcPos};
use std::collections::{BTreeMap, BTreeSet};

/// Micro-ops of a program.
pub const OPS_MAX: usize = 65_535;
/// Registers of a procedure.
const REGS_MAX: usize = 256;

/// What the text said about a micro-op that the op does not keep; the printer uses it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hint {
    /// Structure the base register of the address points to.
    pub(super) base: Option<usize>,
    /// Last field of the address, as written.
    pub(super) leaf: Option<String>,
    /// Structure the first result is said to point to.
    pub(super) dst: Option<usize>,
}

/// Everything emitted.
#[derive(Default)]
pub(super) struct Output {
    pub(super) ops: Vec<Op>,
    pub(super) lines: Vec<SrcPos>,
    pub(super) procs: Vec<Proc>,
    pub(super) labels: Vec<Label>,
    pub(super) calls: Vec<CallSite>,
    pub(super) marks: Vec<MarkSite>,
    /// One for each op.
    pub(super) hints: Vec<Hint>,
    /// For each procedure, the structure each parameter points to.
    pub(super) param_types: Vec<Vec<Option<usize>>>,
    pub(super) clean: Vec<crate::program::Clean>,
}

/// Emits one procedure after the other.
pub(super) struct Emitter<'a, 'd, 's, 'k> {
    pub(super) decls: &'d Decls<'a>,
    pub(super) switches: &'d Switches<'a>,
    pub(super) sink: &'k mut Sink<'s>,
    pub(super) out: Output,
    pub(super) frame: Frame<'a>,
    /// Of the statement being emitted.
    pub(super) hint: Hint,
    /// There were too many ops, and that has been reported.
    pub(super) full: bool,
}

/// The procedure being emitted.
#[derive(Default)]
pub(super) struct Frame<'a> {
    pub(super) regs: Vec<&'a str>,
    pub(super) reg_ids: BTreeMap<&'a str, Reg>,
    /// `[register]`: structure it points to from here on.
    pub(super) types: Vec<Option<usize>>,
    /// Registers whose structure is unknown, which has been reported.
    pub(super) mistyped: BTreeSet<&'a str>,
    labels: BTreeMap<&'a str, (Pc, Sp)>,
    /// Jumps and branches whose target is still open.
    fixups: Vec<(usize, Name<'a>)>,
    /// Where registers are read, for messages.
    uses: Vec<Use>,
    /// Words of statements that could not be read.
    broken: BTreeSet<&'a str>,
}

impl<'a> Emitter<'a, '_, '_, '_> {
    /// Emits a procedure.
    pub(super) fn procedure(&mut self, p: &ProcDecl<'a>) {
        let errors = self.sink.errors();
        self.frame = Frame::default();
        let mut body = Vec::new();
        self.switches.selected_stmts(&p.body, &mut body);
        self.registers(p, &body);
        self.out.param_types.push(self.frame.types[..p.params.len().min(self.frame.types.len())].to_vec());
        let entry = self.pc();
        self.out.labels.push(Label { name: p.name.text.to_owned(), pc: entry });
        for stmt in &body {
            match stmt {
                Stmt::Label(name) => self.label(p, name),
                Stmt::Inst(i) => self.statement(p, i),
                Stmt::Patch { .. } | Stmt::Broken(_) => {}
            }
        }
        self.implicit_ret(p, entry);
        self.fixups();
        if self.sink.errors() == errors && self.frame.broken.is_empty() {
            let ops = &self.out.ops[entry as usize..];
            let tables = flow::Tables { calls: &self.out.calls, marks: &self.out.marks };
            flow::check_written(ops, entry, &tables, p.params.len(), &self.frame.regs, &self.frame.uses, self.sink);
        }
        self.out.procs.push(Proc {
            name: p.name.text.to_owned(),
            entry,
            end: self.pc(),
            params: p.params.len(),
            results: p.results,
            regs: self.frame.regs.iter().map(|r| (*r).to_owned()).collect(),
            inline: p.inline,
        });
    }

    pub(super) fn pc(&self) -> Pc {
        self.out.ops.len() as Pc
    }

    /// Finds all registers: parameters first, then in order of assignment.
    fn registers(&mut self, p: &ProcDecl<'a>, body: &[&Stmt<'a>]) {
        for param in &p.params {
            if self.frame.reg_ids.contains_key(param.name.text) {
                let message = format!("two parameters of the name `{}`", param.name.text);
                self.sink.error(param.name.at, message, "again");
            }
            self.register(&param.name);
            self.type_register(param);
        }
        for stmt in body {
            match stmt {
                Stmt::Broken(words) => self.frame.broken.extend(words),
                Stmt::Inst(i) => i.dsts.iter().for_each(|d| self.register(&d.name)),
                _ => {}
            }
        }
    }

    /// Makes a name a register, if it is not one and may be.
    fn register(&mut self, name: &Name<'a>) {
        if self.frame.reg_ids.contains_key(name.text) || self.frame.broken.contains(name.text) {
            return;
        }
        let taken = match self.decls.values.get(name.text) {
            Some((_, None)) => "a built-in constant",
            Some((ValueKind::Const { .. }, _)) => "a constant",
            Some((ValueKind::Object(_), _)) => "an object",
            None if is_value_word(name.text) => "a word of the language",
            None => "",
        };
        if !taken.is_empty() {
            let message = format!("`{}` is {taken} and cannot be a register", name.text);
            let d = self.sink.error(name.at, message, "not free as a name");
            if let Some((_, Some(at))) = self.decls.values.get(name.text) {
                d.second(*at, "declared here");
            }
            self.frame.broken.insert(name.text);
            return;
        }
        let Some(id) = u8::try_from(self.frame.regs.len()).ok() else {
            self.sink.error(name.at, format!("more than {REGS_MAX} registers in one procedure"), "one too many");
            self.frame.broken.insert(name.text);
            return;
        };
        self.frame.reg_ids.insert(name.text, Reg(id));
        self.frame.regs.push(name.text);
        self.frame.types.push(None);
    }

    fn type_register(&mut self, d: &Dst<'a>) -> Option<usize> {
        let Some(id) = self.decls.struct_id(d.ty.as_ref()?, self.sink) else {
            self.frame.mistyped.insert(d.name.text);
            return None;
        };
        let reg = self.frame.reg_ids.get(d.name.text)?;
        self.frame.types[usize::from(reg.0)] = Some(id);
        Some(id)
    }

    fn label(&mut self, p: &ProcDecl<'a>, name: &Name<'a>) {
        let pc = self.pc();
        if let Some((_, first)) = self.frame.labels.get(name.text) {
            let message = format!("label `{}` is defined twice in `{}`", name.text, p.name.text);
            self.sink.error(name.at, message, "again").second(*first, "first here");
            return;
        }
        self.frame.labels.insert(name.text, (pc, name.at));
        self.out.labels.push(Label { name: format!("{}.{}", p.name.text, name.text), pc });
    }

    fn implicit_ret(&mut self, p: &ProcDecl<'a>, entry: Pc) {
        let ops = &self.out.ops[entry as usize..];
        let ends = matches!(ops.last(), Some(Op::Ret { .. } | Op::Jump { .. }));
        let open = !ends || self.frame.labels.values().any(|(pc, _)| *pc == self.pc());
        let (count, s) = (p.results, if p.results == 1 { "" } else { "s" });
        let returns = ops.iter().any(|op| matches!(op, Op::Ret { .. }));
        if count > 0 && (open || !returns) && self.frame.broken.is_empty() {
            let message = if open {
                format!(
                    "procedure `{}` returns {count} value{s}, but its end can be reached without a `ret`",
                    p.name.text
                )
            } else {
                format!("procedure `{}` returns {count} value{s}, but has no `ret`", p.name.text)
            };
            self.sink.error(p.end.0, message, "nothing is returned here").second(p.name.at, "declared here");
        }
        if open {
            self.push(Op::Ret { values: [Operand::Imm(0); 2] }, p.end.0, p.end.1);
        }
    }

    /// Fills in the targets of jumps.
    fn fixups(&mut self) {
        for (pc, name) in std::mem::take(&mut self.frame.fixups) {
            if let Some((target_pc, _)) = self.frame.labels.get(name.text) {
                if let Some(Op::Jump { target } | Op::Branch { target, .. }) = self.out.ops.get_mut(pc) {
                    *target = *target_pc;
                }
            } else if !self.frame.broken.contains(name.text) {
                let known = self.frame.labels.keys().copied();
                self.sink
                    .error(name.at, format!("unknown label `{}`", shorten(name.text)), "not in this procedure")
                    .near(name.text, known);
            }
        }
    }

    /// Adds an op of the statement at `at`.
    fn push(&mut self, op: Op, at: Sp, line: u32) {
        if self.out.ops.len() >= OPS_MAX {
            if !std::mem::replace(&mut self.full, true) {
                self.sink.error(at, format!("more than {OPS_MAX} micro-ops in the program"), "one too many");
            }
            return;
        }
        self.out.ops.push(op);
        self.out.lines.push(SrcPos { source: at.src, line });
        self.out.hints.push(std::mem::take(&mut self.hint));
    }

    fn statement(&mut self, p: &ProcDecl<'a>, stmt: &InstStmt<'a>) {
        self.hint = Hint::default();
        let op = self.instruction(p, stmt);
        for (i, d) in stmt.dsts.iter().enumerate() {
            let ty = self.type_register(d);
            if i == 0 {
                self.hint.dst = ty;
            }
        }
        if let Some(op) = op {
            self.push(op, stmt.at, stmt.line);
        }
    }

    /// The register a destination names; one that could not be made is reported already.
    fn dst(&self, stmt: &InstStmt<'a>, i: usize) -> Option<Reg> {
        let d = stmt.dsts.get(i)?;
        Some(self.frame.reg_ids.get(d.name.text).copied().unwrap_or(Reg(0)))
    }

    fn instruction(&mut self, p: &ProcDecl<'a>, stmt: &InstStmt<'a>) -> Option<Op> {
        // The parser has seen to it that operations with a result have a destination.
        let first = self.dst(stmt, 0);
        let dst = first.unwrap_or(Reg(0));
        Some(match &stmt.inst {
            Inst::Alu(f, a, b) => self.alu(*f, dst, a, b),
            Inst::Lea(a) => Op::Lea { dst, addr: self.address(a, None) },
            Inst::If { cmp, a, b, target } => {
                let (a, b) = (self.operand(a), self.operand(b));
                self.frame.fixups.push((self.out.ops.len(), *target));
                Op::Branch { cmp: *cmp, a, b, target: 0 }
            }
            Inst::Goto(target) => {
                self.frame.fixups.push((self.out.ops.len(), *target));
                Op::Jump { target: 0 }
            }
            Inst::Call { proc, args, close } => self.call(stmt, proc, args, *close)?,
            Inst::Ret(values) => self.ret(p, stmt.at, values),
            Inst::Load(width, order, a) => {
                Op::Load { dst, addr: self.address(a, Some((*width, "load"))), width: *width, order: *order }
            }
            Inst::Store(width, order, a, v) => {
                let addr = self.address(a, Some((*width, "store")));
                Op::Store { addr, width: *width, value: self.sized(v, *width), order: *order }
            }
            Inst::Rmw(f, width, order, a, args) => {
                let addr = self.address(a, Some((*width, "this operation")));
                let (a, b) = self.rmw_operands(*f, *width, args);
                let ok = self.dst(stmt, 1);
                Op::Rmw { f: *f, dst: first, ok, addr, width: *width, a, b, order: *order }
            }
            Inst::LocalAdd(width, a, v) => {
                let addr = self.address(a, Some((*width, "local_add")));
                Op::LocalAdd { dst: first, addr, width: *width, a: self.sized(v, *width) }
            }
            Inst::PrefetchW(a) => Op::PrefetchW { addr: self.address(a, None) },
            Inst::Wfe(a) => Op::Wfe { addr: self.address(a, None) },
            Inst::Fence(f) => Op::Fence(*f),
            Inst::Barrier => return None,
            Inst::Pause => Op::Pause,
            Inst::Work(amount, unit) => Op::Work(self.work(amount, *unit)?),
            Inst::DelayUntil(t) => Op::DelayUntil { t: self.operand(t) },
            Inst::ClockNs => Op::ClockNs { dst },
            Inst::IrqSave => Op::IrqSave { dst },
            Inst::IrqRestore(flag) => Op::IrqRestore { flag: self.operand(flag) },
            Inst::Cpu => Op::Cpu { dst },
            Inst::Cpus => Op::Cpus { dst },
            Inst::Context => Op::Context { dst },
            Inst::Stopping => Op::Stopping { dst },
            Inst::Draw(name) => self.draw(dst, name)?,
            Inst::Halt => Op::Halt,
            Inst::Send(to, line) => {
                let line = self.operand(line);
                let to = match to {
                    Dest::Core(core) => SendTo::Core(self.operand(core)),
                    Dest::Others => SendTo::Others,
                    Dest::All => SendTo::All,
                    Dest::Own => SendTo::Own,
                };
                Op::Send { line, to }
            }
            Inst::Mark { kind, name, args, guard } => self.mark(*kind, name, args, guard.as_ref()),
        })
    }

    /// Notes that the op being emitted reads a register.
    pub(super) fn read(&mut self, name: &Name<'a>) -> Option<Reg> {
        let reg = *self.frame.reg_ids.get(name.text)?;
        self.frame.uses.push(Use { pc: self.pc(), reg, at: name.at });
        Some(reg)
    }

    /// A register, or the value of a constant or of an object's address.
    pub(super) fn operand(&mut self, arg: &Arg<'a>) -> Operand {
        let name = match arg {
            Arg::Lit(l) if l.unit == Unit::Cycles => {
                self.sink
                    .error(l.at, "a time in cycles is possible only in `work` and distributions", "in cycles")
                    .help("write it in ns");
                return Operand::Imm(l.value);
            }
            Arg::Lit(l) => return Operand::Imm(l.value),
            Arg::Name(name) => name,
        };
        if let Some(reg) = self.read(name) {
            return Operand::Reg(reg);
        }
        match self.decls.values.get(name.text) {
            Some((ValueKind::Const { value, .. }, _)) => Operand::Imm(*value),
            Some((ValueKind::Object(i), _)) => {
                let object = &self.decls.objects[*i];
                if object.percpu {
                    let n = name.text;
                    self.sink
                        .error(name.at, format!("`{n}` is per-CPU: it has no single address"), "which core's?")
                        .help(format!("write `x = lea [cpu.{n}]` before, and use x"));
                }
                Operand::Imm(object.addr)
            }
            None => {
                self.unknown(name, "a register, constant or object");
                Operand::Imm(0)
            }
        }
    }

    /// A register by name, where nothing else is possible.
    pub(super) fn register_only(&mut self, name: &Name<'a>) -> Option<Reg> {
        let found = self.read(name);
        if found.is_none() {
            if self.decls.values.contains_key(name.text) {
                self.sink.error(name.at, format!("`{}` is no register", name.text), "a register is needed");
            } else {
                self.unknown(name, "a register");
            }
        }
        found
    }

    /// Reports a name that nothing gives a meaning.
    pub(super) fn unknown(&mut self, name: &Name<'a>, what: &str) {
        if self.frame.broken.contains(name.text) || self.decls.broken.contains(name.text) || self.sink.is_full() {
            return;
        }
        let known = self.frame.regs.iter().chain(self.decls.values.keys()).copied();
        let near = super::near_name(name.text, known);
        let message = format!("`{}` is read but never written, and is not a constant or object", shorten(name.text));
        let d = self.sink.error(name.at, message, format!("not {what}"));
        if let Some(near) = near {
            d.help(format!("did you mean `{near}`?"));
        }
    }
}
