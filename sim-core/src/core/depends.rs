// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which loads have an address that may depend on a loaded value.
//!
//! A `weak` core may read a stale line, and it must not where hardware keeps two loads in order
//! because the address of the second comes from the first. Which loads those are is found once
//! per program, by flow through registers, calls and returns: a register counts as loaded if any
//! assignment to it, anywhere in its procedure, can carry a loaded value. That errs on the side
//! of order. What reaches a load through a branch only is no dependency, as on hardware.

use crate::isa::{Addr, AluFn, Base, Op, Operand, Reg};
use crate::program::Program;

/// What is known of a procedure: `[register]` and `[returned value]` that may come from a load.
#[derive(Clone, Default, PartialEq, Eq)]
struct Loaded {
    regs: Vec<bool>,
    results: [bool; 2],
}

impl Loaded {
    fn operand(&self, o: Operand) -> bool {
        matches!(o, Operand::Reg(r) if self.regs[r.0 as usize])
    }

    fn address(&self, a: &Addr) -> bool {
        let base = matches!(a.base, Base::Reg(r) | Base::OnCpu(r) if self.regs[r.0 as usize]);
        base || a.index.is_some_and(|(r, _)| self.regs[r.0 as usize])
    }

    fn mark(&mut self, reg: Reg, loaded: bool) {
        self.regs[reg.0 as usize] |= loaded;
    }
}

/// True if a loaded value may get into an address or into memory: where it came from matters then.
pub(crate) fn loads_flow_on(program: &Program) -> bool {
    let known = loaded(program);
    program.procs.iter().zip(&known).any(|(proc, loaded)| {
        program.ops[proc.entry as usize..proc.end as usize].iter().any(|op| match op {
            Op::Load { addr, .. } | Op::LocalAdd { addr, .. } => loaded.address(addr),
            Op::Store { addr, value, .. } => loaded.address(addr) || loaded.operand(*value),
            Op::Rmw { addr, .. } => loaded.address(addr),
            _ => false,
        })
    })
}

/// What is known of each procedure.
fn loaded(program: &Program) -> Vec<Loaded> {
    let fresh = |p: &crate::program::Proc| Loaded { regs: vec![false; p.regs.len()], results: [false; 2] };
    let mut known: Vec<Loaded> = program.procs.iter().map(fresh).collect();
    // Facts are only ever added, so this ends.
    loop {
        let before = known.clone();
        for (i, proc) in program.procs.iter().enumerate() {
            for op in &program.ops[proc.entry as usize..proc.end as usize] {
                flow(program, &mut known, i, op);
            }
        }
        if known == before {
            return known;
        }
    }
}

/// `[pc]`: the micro-op reads memory at an address that may depend on a loaded value.
pub(super) fn dependent(program: &Program) -> Vec<bool> {
    let known = loaded(program);
    let mut out = vec![false; program.ops.len()];
    for (proc, loaded) in program.procs.iter().zip(&known) {
        let range = proc.entry as usize..proc.end as usize;
        for (dependent, op) in out[range.clone()].iter_mut().zip(&program.ops[range]) {
            *dependent = match op {
                Op::Load { addr, .. } | Op::LocalAdd { addr, .. } => loaded.address(addr),
                _ => false,
            };
        }
    }
    out
}

fn flow(program: &Program, known: &mut [Loaded], proc: usize, op: &Op) {
    let here = &mut known[proc];
    match *op {
        Op::Load { dst, .. } => here.mark(dst, true),
        Op::Rmw { dst, ok, .. } => dst.into_iter().chain(ok).for_each(|r| here.mark(r, true)),
        Op::LocalAdd { dst, .. } => dst.into_iter().for_each(|r| here.mark(r, true)),
        Op::Alu { f, dst, a, b } => {
            let loaded = here.operand(a) || (f != AluFn::Mov && here.operand(b));
            here.mark(dst, loaded);
        }
        Op::Lea { dst, addr } => {
            let loaded = here.address(&addr);
            here.mark(dst, loaded);
        }
        Op::Ret { values } => {
            for (k, v) in values.into_iter().enumerate() {
                here.results[k] |= here.operand(v);
            }
        }
        Op::Call(site) => {
            let site = &program.calls[site as usize];
            let args: Vec<bool> = site.args.iter().map(|a| here.operand(*a)).collect();
            let callee = &mut known[site.proc as usize];
            args.into_iter().enumerate().for_each(|(k, loaded)| callee.mark(Reg(k as u8), loaded));
            let results = callee.results;
            site.results.iter().zip(results).for_each(|(r, loaded)| known[proc].mark(*r, loaded));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asm::assembled;

    #[test]
    fn a_load_depends_on_a_load_through_arithmetic_calls_and_addresses_but_not_through_branches() {
        let text = "
struct line align 64 { w: [u64; 8] }
object x: line
object y: line
proc twice(v) -> r {
  r = v + v
  ret r
}
proc same(v) -> r {
  r = load.u64 [x.w[v]]
  ret 1
}
proc main() {
  a = load.u64 [x.w[0]]
  if a == 0 goto on
  b = load.u64 [y.w[0]]
on:
  c = a ^ a
  d = load.u64 [y.w[c]]
  e = call twice(a)
  f = load.u64 [y.w[e]]
  p: line = lea [y.w[e]]
  g = load.u64 [p.w[1]]
  i = 3
  j = load.u64 [y.w[i]]
  k = call same(i)
  l = load.u64 [y.w[k]]
  m = i + 1
  n = load.u64 [y.w[m]]
  ret
}
";
        let program = assembled(text);
        let dependent = dependent(&program);
        let loads = program.ops.iter().zip(dependent).filter(|(op, _)| matches!(op, Op::Load { .. }));
        let found: Vec<bool> = loads.map(|(_, d)| d).collect();
        // same's own; then a, b, d, f, g, j, l, n.
        assert_eq!(found, [false, false, false, true, true, true, false, false, false]);
    }

    /// Whether the last load's address may depend on a loaded value, and whether a loaded value may get into any address or into memory.
    fn of(body: &str) -> (bool, bool) {
        let text = format!(
            "struct line align 64 {{ w: [u64; 8] }}\nobject x: line\nobject y: line\nproc main() {{\n{body}\n  z = load.u64 [y.w[k]]\n  ret\n}}\n"
        );
        let program = assembled(&text);
        let last = program.ops.iter().rposition(|op| matches!(op, Op::Load { .. })).expect("one is there");
        (dependent(&program)[last], loads_flow_on(&program))
    }

    #[test]
    fn what_any_read_of_memory_gives_is_loaded_and_so_is_what_is_computed_from_it() {
        for gives in [
            "  k = load.u64 [x.w[0]]",
            "  k = xchg.u64 [x.w[0]], 1",
            "  k = local_add.u64 [x.w[0]], 1",
            "  k, ok = cas.u64 [x.w[0]], 0, 1",
            "  was, k = cas.u64 [x.w[0]], 0, 1",
            "  a = load.u64 [x.w[0]]\n  k = a",
            "  a = load.u64 [x.w[0]]\n  k = a + 1",
            "  a = load.u64 [x.w[0]]\n  i = 3\n  k = i + a",
        ] {
            assert_eq!(of(gives), (true, true), "{gives}");
        }
        for gives in ["  k = 3", "  i = 3\n  k = i + 1", "  a = load.u64 [x.w[0]]\n  k = 2"] {
            assert_eq!(of(gives), (false, false), "{gives}");
        }
    }

    #[test]
    fn a_loaded_value_flows_on_into_memory_and_into_every_kind_of_address() {
        for (then, flows) in [
            ("store.u64 [y.w[0]], a", true),
            ("store.u64 [y.w[a]], 1", true),
            ("store.u64 [y.w[0]], 1", false),
            ("was = xchg.u64 [y.w[a]], 1", true),
            ("was = xchg.u64 [y.w[0]], 1", false),
            ("was = local_add.u64 [y.w[a]], 1", true),
            ("was = local_add.u64 [y.w[0]], 1", false),
        ] {
            assert_eq!(of(&format!("  k = 0\n  a = load.u64 [x.w[0]]\n  {then}")), (false, flows), "{then}");
        }
    }
}
