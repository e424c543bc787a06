// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a search carries along from state to state.

use super::System;
use super::access::Access;
use super::live::Live;
use super::weak::Matters;
use crate::isa::{MarkKind, Op, Pc};
use crate::program::Program;

/// What a search carries along: facts about the program, and who touches what.
pub(super) struct Cx {
    pub(super) matters: Matters,
    pub(super) live: Option<Live>,
    pub(super) access: Access,
    /// Keep [`State::trail`].
    pub(super) record: bool,
    /// `[pc]`: how it was executed.
    pub(super) covered: Vec<Covered>,
    /// `[pc]`: with this micro-op a lock is released, as the mark behind it says.
    pub(super) releases: Vec<bool>,
}

/// How a micro-op was executed in a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    /// It was executed.
    pub executed: bool,
    /// A branch whose comparison held.
    pub taken: bool,
    /// A branch whose comparison did not hold.
    pub passed: bool,
}

impl Cx {
    pub(super) fn of(system: &System) -> Cx {
        Cx {
            matters: Matters::of(&system.program),
            live: system.forget_dead.then(|| Live::of(&system.program)),
            access: Access::default(),
            record: false,
            covered: vec![Covered::default(); system.program.ops.len()],
            releases: releases(&system.program),
        }
    }

    /// The micro-op at `pc` was executed, and the core goes on at `to`.
    pub(super) fn cover(&mut self, pc: Pc, op: &Op, to: Pc) {
        let c = &mut self.covered[pc as usize];
        c.executed = true;
        if let Op::Branch { target, .. } = *op {
            c.taken |= to == target;
            c.passed |= to == pc + 1;
        }
    }
}

fn releases(program: &Program) -> Vec<bool> {
    let released = |pc: usize| match program.ops.get(pc) {
        Some(Op::Mark(site)) => Some(program.marks[*site as usize].kind == MarkKind::Released),
        _ => None,
    };
    let behind = |pc: usize| (pc + 1..).map_while(released).any(|is| is);
    (0..program.ops.len()).map(|pc| !program.is_mark(pc as Pc) && behind(pc)).collect()
}
