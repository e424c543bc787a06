// SPDX-License-Identifier: MIT OR Apache-2.0
//! A program prepared for a machine: issue cost of every micro-op and the watched boundaries.

use std::sync::Arc;

use super::depends::dependent;
use crate::isa::{AluFn, Fence, Op, Operand, Pc, Reg, SendTo};
use crate::program::{GLOBAL_BASE, PERCPU_BASE, Program};

/// Order in which a core's accesses become visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryModel {
    /// Sequential consistency: no store buffer, every access completes in order.
    Sc,
    /// Total store order, as x86: a FIFO store buffer with forwarding.
    Tso,
    /// Weak order, after arm64: stores pass each other, plain loads may read stale lines.
    Weak {
        /// Stale lines kept at once; 0 for none.
        queue: u32,
        /// Cycles from the loss of a line until its old copy is read no more.
        delay: u64,
    },
}

impl MemoryModel {
    /// True for every `Weak`.
    #[must_use]
    #[inline]
    pub const fn is_weak(self) -> bool {
        matches!(self, MemoryModel::Weak { .. })
    }
}

/// Latencies and sizes of a core. All spans in core cycles, from issue to the next issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreParams {
    /// Micro-ops that can issue in one cycle, at least 1.
    pub width: u32,
    /// Memory model.
    pub model: MemoryModel,
    /// Store buffer entries, at least 1 (unused under `Sc`).
    pub store_buffer: u32,
    /// Arithmetic.
    pub alu: u32,
    /// Compare-and-branch, taken or not, and jumps.
    pub branch: u32,
    /// Call, and return.
    pub call: u32,
    /// A load served by the store buffer.
    pub load_forward: u32,
    /// A full fence once the store buffer is empty.
    pub fence: u32,
    /// Spin-wait hint.
    pub pause: u32,
    /// Reading the clock, the access to its shared line not included.
    pub timestamp: u32,
    /// Saving or restoring the interrupt flag.
    pub irq_flag: u32,
    /// Reading core number, core count or context kind.
    pub context_read: u32,
    /// Period of the wait-for-event stream; 0 if there is none.
    pub event_stream: u64,
}

/// What a core needs to know about a micro-op, beside the micro-op.
#[derive(Clone, Copy, Debug)]
struct Facts {
    /// Fixed cost in cycles; 0 where the cost depends on the access or wait.
    cost: u32,
    /// A directed arrival counts the boundary before it.
    watched: bool,
    /// A load whose address may depend on a loaded value.
    dependent: bool,
    /// See [`Code::private_cost`].
    private: bool,
    /// It is a mark.
    mark: bool,
}

/// A program with what a core needs to know about each micro-op.
#[derive(Clone, Debug)]
pub struct Code {
    /// The program.
    pub program: Arc<Program>,
    /// `[pc]`.
    facts: Vec<Facts>,
    /// Some micro-op sends interrupts to other cores.
    sends: bool,
    global_end: u64,
    percpu_end: u64,
}

impl Code {
    /// Prepares `program` for a machine of `cpus` cores; `watched` boundaries are reported to
    /// the interrupt controller.
    #[must_use]
    pub fn new(program: Arc<Program>, params: &CoreParams, cpus: u64, watched: &[Pc]) -> Code {
        let (costs, dependent) = (costs(&program, params), dependent(&program));
        let mut facts: Vec<Facts> = (costs.into_iter().zip(dependent))
            .map(|(cost, dependent)| Facts { cost, dependent, watched: false, private: false, mark: false })
            .collect();
        for &pc in watched {
            facts[pc as usize].watched = true;
        }
        for (pc, fact) in facts.iter_mut().enumerate() {
            fact.private = !fact.watched && private(&program, pc as Pc);
            fact.mark = program.is_mark(pc as Pc);
        }
        let global_end = program.global_end();
        let percpu_end = PERCPU_BASE + cpus * program.percpu_stride;
        let sends = program.ops.iter().any(|op| matches!(op, Op::Send { to, .. } if *to != SendTo::Own));
        Code { program, facts, sends, global_end, percpu_end }
    }

    /// Fixed issue cost of a micro-op, in cycles.
    #[must_use]
    #[inline]
    pub fn cost(&self, pc: Pc) -> u64 {
        u64::from(self.facts[pc as usize].cost)
    }

    /// True if a directed arrival counts this boundary.
    #[must_use]
    #[inline]
    pub fn is_watched(&self, pc: Pc) -> bool {
        self.facts[pc as usize].watched
    }

    /// True for a load whose address may depend on a loaded value.
    #[must_use]
    #[inline]
    pub fn is_dependent(&self, pc: Pc) -> bool {
        self.facts[pc as usize].dependent
    }

    /// True for a mark; false behind the end of the program.
    #[must_use]
    #[inline]
    pub(super) fn is_mark(&self, pc: Pc) -> bool {
        self.facts.get(pc as usize).is_some_and(|f| f.mark)
    }

    /// The fixed issue cost of a private micro-op, `None` of others: one that reads and writes nothing but what belongs to its context and
    /// the time, and which neither a mark follows nor a directed arrival counts: when it is executed is seen by nobody.
    #[must_use]
    #[inline]
    pub fn private_cost(&self, pc: Pc) -> Option<u64> {
        let fact = &self.facts[pc as usize];
        fact.private.then_some(u64::from(fact.cost))
    }

    /// True if some micro-op sends interrupts to other cores.
    #[must_use]
    #[inline]
    pub fn sends(&self) -> bool {
        self.sends
    }

    /// True if the address lies in some object's area.
    #[must_use]
    #[inline]
    pub fn is_mapped(&self, addr: u64) -> bool {
        if addr >= PERCPU_BASE { addr < self.percpu_end } else { (GLOBAL_BASE..self.global_end).contains(&addr) }
    }
}

/// The property of [`Code::private_cost`] as far as the text shows it; where a return leads is known when it is executed.
fn private(program: &Program, pc: Pc) -> bool {
    let unmarked = |pc: Pc| !program.is_mark(pc);
    match program.ops[pc as usize] {
        Op::Alu { f: AluFn::Div | AluFn::Rem, .. } => false, // May fault.
        Op::Alu { .. }
        | Op::Lea { .. }
        | Op::Pause
        | Op::ClockNs { .. }
        | Op::Cpu { .. }
        | Op::Cpus { .. }
        | Op::Context { .. }
        | Op::Stopping { .. }
        | Op::Draw { .. } => unmarked(pc + 1),
        Op::Jump { target } => unmarked(target),
        Op::Branch { target, .. } => unmarked(target) && unmarked(pc + 1),
        Op::Call(site) => unmarked(program.procs[program.calls[site as usize].proc as usize].entry),
        Op::Ret { .. } => true,
        Op::Load { .. }
        | Op::Store { .. }
        | Op::Rmw { .. }
        | Op::LocalAdd { .. }
        | Op::PrefetchW { .. }
        | Op::Fence(_)
        | Op::Send { .. }
        | Op::Work(_)
        | Op::DelayUntil { .. }
        | Op::Wfe { .. }
        | Op::Halt
        | Op::IrqSave { .. }
        | Op::IrqRestore { .. }
        | Op::Mark(_) => false,
    }
}

/// Issue costs. A core of width w issues up to w single-cycle micro-ops in one cycle if none
/// reads what another of them writes; the first of such a group carries the cycle and the others
/// cost nothing. Groups are formed once, within straight-line text, so the cost of a micro-op
/// does not depend on how it was reached.
fn costs(program: &Program, p: &CoreParams) -> Vec<u32> {
    let mut targets = vec![false; program.ops.len() + 1];
    for op in &program.ops {
        if let Op::Branch { target, .. } | Op::Jump { target } = op {
            targets[*target as usize] = true;
        }
    }
    for proc in &program.procs {
        targets[proc.entry as usize] = true;
    }
    let mut group: Vec<Reg> = Vec::new();
    let mut in_group = 0;
    let mut out = Vec::with_capacity(program.ops.len());
    for (pc, op) in program.ops.iter().enumerate() {
        let base = match op {
            Op::Alu { .. } | Op::Lea { .. } | Op::Draw { .. } | Op::Stopping { .. } => p.alu,
            Op::Branch { .. } | Op::Jump { .. } => p.branch,
            Op::Call(site) if program.procs[program.calls[*site as usize].proc as usize].inline => 0,
            Op::Ret { .. } if program.proc_at(pc as Pc).is_some_and(|proc| proc.inline) => 0,
            Op::Call(_) | Op::Ret { .. } => p.call,
            Op::Pause => p.pause,
            Op::ClockNs { .. } => p.timestamp,
            Op::IrqSave { .. } | Op::IrqRestore { .. } => p.irq_flag,
            Op::Cpu { .. } | Op::Cpus { .. } | Op::Context { .. } => p.context_read,
            Op::Fence(Fence::Full) => p.fence,
            Op::Send { to: SendTo::Own, .. } => p.alu,
            Op::Send { .. } => p.fence.max(1),
            Op::Store { .. } | Op::PrefetchW { .. } | Op::Halt | Op::Wfe { .. } => 1,
            Op::Fence(_)
            | Op::Load { .. }
            | Op::Rmw { .. }
            | Op::LocalAdd { .. }
            | Op::Work(_)
            | Op::DelayUntil { .. }
            | Op::Mark(_) => 0,
        };
        let (reads, writes, ends) = match op {
            Op::Alu { dst, a, b, .. } => (vec![*a, *b], Some(*dst), false),
            Op::Branch { a, b, .. } => (vec![*a, *b], None, true),
            Op::Mark(_) => {
                out.push(0);
                continue;
            }
            _ => {
                (in_group, group) = (0, Vec::new());
                out.push(base);
                continue;
            }
        };
        let depends = reads.iter().any(|o| matches!(o, Operand::Reg(r) if group.contains(r)));
        let joins = in_group > 0 && in_group < p.width && !depends && !targets[pc] && base == 1;
        if joins {
            in_group += 1;
            out.push(0);
        } else {
            (in_group, group) = (u32::from(base == 1), Vec::new());
            out.push(base);
        }
        group.extend(writes);
        if ends {
            (in_group, group) = (0, Vec::new());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asm::assembled;

    const WORD: &str = "struct word { w: u64 }\nobject x: word\n";

    /// A program for two cores of this width where arithmetic takes `alu` cycles; its micro-op 1 is watched if `watched`.
    fn code_of(text: &str, width: u32, alu: u32, watched: bool) -> Code {
        let params = CoreParams {
            width,
            model: MemoryModel::Sc,
            store_buffer: 1,
            alu,
            branch: 1,
            call: 7,
            load_forward: 4,
            fence: 33,
            pause: 40,
            timestamp: 20,
            irq_flag: 5,
            context_read: 3,
            event_stream: 0,
        };
        Code::new(Arc::new(assembled(text)), &params, 2, if watched { &[1] } else { &[] })
    }

    /// `[micro-op]`: issue costs.
    fn costs_of(body: &str, width: u32, alu: u32) -> Vec<u64> {
        let code = code_of(&format!("proc p(a, b) -> c {{\n{body}}}\n"), width, alu, false);
        (0..code.program.ops.len()).map(|pc| code.cost(pc as Pc)).collect()
    }

    #[test]
    fn as_many_independent_micro_ops_as_the_core_is_wide_issue_in_one_cycle() {
        let four = "  c = a + 1\n  d = a + 2\n  e = b + 3\n  f = b + 4\n  ret f\n";
        assert_eq!(costs_of(four, 1, 1), [1, 1, 1, 1, 7]);
        assert_eq!(costs_of(four, 2, 1), [1, 0, 1, 0, 7]);
        assert_eq!(costs_of(four, 4, 1), [1, 0, 0, 0, 7]);
        // What takes longer than a cycle is not grouped, and nothing joins it.
        assert_eq!(costs_of(four, 4, 3), [3, 3, 3, 3, 7]);
    }

    #[test]
    fn what_reads_a_result_of_its_group_begins_the_next_one() {
        assert_eq!(costs_of("  c = a + 1\n  d = c + 2\n  e = c + 3\n  f = d + e\n  ret f\n", 4, 1), [1, 1, 0, 1, 7]);
    }

    #[test]
    fn a_branch_ends_a_group_a_target_begins_one_and_other_micro_ops_stand_alone() {
        let loop_ = "  c = a + 1\nl:\n  d = b + 2\n  if d == 9 goto l\n  e = b + 3\n  pause\n  f = b + 4\n  ret f\n";
        assert_eq!(costs_of(loop_, 4, 1), [1, 1, 1, 1, 40, 1, 7]);
        // A branch that reads nothing of its group is in it.
        assert_eq!(costs_of("  c = a + 1\n  if b == 9 goto l\n  d = a + 2\nl:\n  ret c\n", 4, 1), [1, 0, 1, 7]);
    }

    #[test]
    fn a_mark_takes_nothing_and_divides_no_group() {
        let text = format!("{WORD}proc p(a, b) -> c {{\n  c = a + 1\n  mark attempt(x)\n  d = b + 2\n  ret d\n}}\n");
        let code = code_of(&text, 4, 1, false);
        assert_eq!((0..4).map(|pc| code.cost(pc)).collect::<Vec<_>>(), [1, 0, 0, 7]);
        assert_eq!((0..5).map(|pc| code.is_mark(pc)).collect::<Vec<_>>(), [false, true, false, false, false]);
    }

    #[test]
    fn private_is_what_nobody_sees_and_no_mark_follows() {
        let private = |marked: &str, watched| {
            let body =
                format!("  c = a + 1\n  d = c + 2\n{marked}  e = a / 3\n  pause\n  f = load.u64 [x.w]\n  ret f\n");
            let code = code_of(&format!("{WORD}proc p(a, b) -> c {{\n{body}}}\n"), 1, 1, watched);
            (0..code.program.ops.len()).map(|pc| code.private_cost(pc as Pc)).collect::<Vec<_>>()
        };
        // A division may fault; where a return leads is seen later.
        assert_eq!(private("", false), [Some(1), Some(1), None, Some(40), None, Some(7)]);
        let marked = private("  mark attempt(x)\n", false);
        assert_eq!(marked, [Some(1), None, None, None, Some(40), None, Some(7)]);
        let watched = private("", true);
        assert_eq!(watched, [Some(1), None, None, Some(40), None, Some(7)], "somebody counts the boundary before it");
    }

    #[test]
    fn only_what_an_object_takes_is_mapped() {
        let text = format!("struct own percpu {{ w: u64 }}\n{WORD}proc p() {{\n  ret\n}}\n");
        let code = code_of(&text, 1, 1, false);
        let (program, mapped) = (&code.program, |addr| code.is_mapped(addr));
        assert_eq!(
            [GLOBAL_BASE - 1, GLOBAL_BASE, code.global_end - 1, code.global_end].map(mapped),
            [false, true, true, false]
        );
        let end = PERCPU_BASE + 2 * program.percpu_stride;
        assert_eq!([PERCPU_BASE - 1, PERCPU_BASE, end - 1, end].map(mapped), [false, true, true, false]);
    }

    #[test]
    fn a_program_sends_if_it_interrupts_others() {
        let sends = |op: &str| code_of(&format!("proc p(a) {{\n  {op}\n  ret\n}}\n"), 1, 1, false).sends();
        assert_eq!(["raise 1", "ipi.others 1", "ipi.to 1, a"].map(sends), [false, true, true]);
    }
}
