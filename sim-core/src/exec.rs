// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a micro-op does to registers, frames and addresses: the part every engine shares.
//!
//! An engine fetches [`Op`]s, does the memory and the waiting its own way, and uses these
//! functions for everything else, so two engines cannot disagree about a program.

use crate::isa::{Addr, AluFn, Base, ContextKind, Op, Operand, Pc, Reg};
use crate::program::Program;

/// A suspended caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    /// First register of the caller's frame in [`Context::regs`].
    pub base: u32,
    /// Where the caller goes on.
    pub resume: Pc,
    /// The call site, for the result registers.
    pub call: u32,
}

/// A thread of execution on one core: a task, or an interrupt handler on top of one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Context {
    /// What it executes for.
    pub kind: ContextKind,
    /// Next micro-op.
    pub pc: Pc,
    /// First register of the current frame in `regs`.
    pub base: u32,
    /// All frames' registers, innermost last.
    pub regs: Vec<u64>,
    /// Suspended callers, innermost last.
    pub frames: Vec<Frame>,
}

impl Context {
    /// A context at the entry of a procedure, its parameters zero.
    #[must_use]
    pub fn at_entry(program: &Program, proc: u16, kind: ContextKind) -> Context {
        let p = &program.procs[proc as usize];
        Context { kind, pc: p.entry, base: 0, regs: vec![0; p.regs.len()], frames: Vec::new() }
    }

    /// Value of a register of the current frame.
    #[must_use]
    #[inline]
    pub fn reg(&self, r: Reg) -> u64 {
        self.regs[self.base as usize + r.0 as usize]
    }

    /// Sets a register of the current frame.
    #[inline]
    pub fn set(&mut self, r: Reg, value: u64) {
        self.regs[self.base as usize + r.0 as usize] = value;
    }

    /// Value of an operand.
    #[must_use]
    #[inline]
    pub fn value(&self, o: Operand) -> u64 {
        match o {
            Operand::Reg(r) => self.reg(r),
            Operand::Imm(v) => v,
        }
    }

    /// The address an expression gives on core `cpu`.
    #[must_use]
    #[inline]
    pub fn address(&self, a: &Addr, cpu: u64, percpu_stride: u64) -> u64 {
        let base = match a.base {
            Base::Abs => 0,
            Base::Reg(r) => self.reg(r),
            Base::ThisCpu => cpu.wrapping_mul(percpu_stride),
            Base::OnCpu(r) => self.reg(r).wrapping_mul(percpu_stride),
        };
        let index = a.index.map_or(0, |(r, scale)| self.reg(r).wrapping_mul(u64::from(scale)));
        base.wrapping_add(a.disp).wrapping_add(index)
    }

    /// Enters a call; the next micro-op is the callee's first.
    pub fn call(&mut self, program: &Program, call: u32) {
        let site = &program.calls[call as usize];
        let callee = &program.procs[site.proc as usize];
        let caller_base = self.base;
        let new_base = self.regs.len() as u32;
        self.regs.resize(new_base as usize + callee.regs.len(), 0);
        for (i, a) in site.args.iter().enumerate() {
            self.regs[new_base as usize + i] = self.value(*a);
        }
        self.frames.push(Frame { base: caller_base, resume: self.pc + 1, call });
        self.base = new_base;
        self.pc = callee.entry;
    }

    /// Leaves the current procedure. False if it was the outermost one: the context has ended.
    pub fn ret(&mut self, program: &Program, values: &[Operand; 2]) -> bool {
        let Some(frame) = self.frames.pop() else {
            return false;
        };
        let v = [self.value(values[0]), self.value(values[1])];
        self.regs.truncate(self.base as usize);
        self.base = frame.base;
        self.pc = frame.resume;
        for (r, value) in program.calls[frame.call as usize].results.iter().zip(v) {
            self.set(*r, value);
        }
        true
    }

    /// Executes a micro-op that touches only registers and the program counter: arithmetic,
    /// address computation, branches. False if it is of another kind and nothing was done.
    ///
    /// # Errors
    /// Division by zero.
    #[inline(always)]
    pub fn step_pure(&mut self, op: &Op, cpu: u64, percpu_stride: u64) -> Result<bool, DivisionByZero> {
        match op {
            Op::Alu { f, dst, a, b } => {
                let v = alu(*f, self.value(*a), self.value(*b)).ok_or(DivisionByZero)?;
                self.set(*dst, v);
                self.pc += 1;
            }
            Op::Lea { dst, addr } => {
                let v = self.address(addr, cpu, percpu_stride);
                self.set(*dst, v);
                self.pc += 1;
            }
            Op::Branch { cmp, a, b, target } => {
                self.pc = if cmp.holds(self.value(*a), self.value(*b)) { *target } else { self.pc + 1 };
            }
            Op::Jump { target } => self.pc = *target,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A program divided by zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DivisionByZero;

/// Result of an arithmetic micro-op; `None` for a division by zero.
#[must_use]
#[inline]
pub const fn alu(f: AluFn, a: u64, b: u64) -> Option<u64> {
    Some(match f {
        AluFn::Mov => a,
        AluFn::Add => a.wrapping_add(b),
        AluFn::Sub => a.wrapping_sub(b),
        AluFn::Mul => a.wrapping_mul(b),
        AluFn::Div => return a.checked_div(b),
        AluFn::Rem => return a.checked_rem(b),
        AluFn::And => a & b,
        AluFn::Or => a | b,
        AluFn::Xor => a ^ b,
        AluFn::Shl => a << (b & 63),
        AluFn::Shr => a >> (b & 63),
        AluFn::Min => {
            if a < b {
                a
            } else {
                b
            }
        }
        AluFn::Max => {
            if a > b {
                a
            } else {
                b
            }
        }
    })
}
