// SPDX-License-Identifier: MIT OR Apache-2.0
//! What makes a search large: registers and words that take many values.

use std::collections::{BTreeMap, BTreeSet};

use sim_core::program::Program;
use sim_core::untimed::Graph;

/// Values from which on a register or word is worth naming.
const MANY: usize = 64;
/// States that are looked at, the last ones found.
const LOOKED_AT: usize = 20_000;

/// The registers and words with the most values among the states found last, and how many values: at most five.
#[must_use]
pub fn growth(graph: &Graph<'_>, program: &Program) -> Vec<(String, usize)> {
    let mut values: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for s in graph.len().saturating_sub(LOOKED_AT)..graph.len() {
        let state = graph.state(s);
        for c in state.cores.iter().flat_map(|c| &c.contexts) {
            let mut end = c.regs.len();
            let frames = std::iter::once((c.base, c.pc)).chain(c.frames.iter().rev().map(|f| (f.base, f.resume)));
            for (base, pc) in frames {
                let Some(p) = program.proc_at(pc.saturating_sub(u32::from(pc as usize >= program.ops.len()))) else {
                    break;
                };
                for (name, v) in p.regs.iter().zip(&c.regs[base as usize..end]) {
                    values.entry(format!("register {name} of {}", p.name)).or_default().insert(*v);
                }
                end = base as usize;
            }
        }
        for (addr, v) in state.words() {
            let name = program.object_at(*addr).map_or_else(|| format!("{addr:#x}"), |(o, _)| o.name.clone());
            values.entry(format!("a word of {name}")).or_default().insert(*v);
        }
    }
    let mut all: Vec<(String, usize)> =
        values.into_iter().map(|(n, v)| (n, v.len())).filter(|(_, n)| *n >= MANY).collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    all.truncate(5);
    all
}
