// SPDX-License-Identifier: MIT OR Apache-2.0
//! From which states every attempt can still end, without certain kinds of help.

use super::{Edge, End, Graph, Stage};

/// Steps that are not taken while it is asked whether attempts can end. No interrupt is taken in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Without {
    /// No attempt begins on a core that holds and wants nothing.
    pub newcomers: bool,
    /// No deadline passes.
    pub deadlines: bool,
}

impl Without {
    fn allows(self, e: Edge) -> bool {
        !(e.is_landing() || (self.newcomers && e.is_newcomer()) || (self.deadlines && e.is_deadline()))
    }
}

impl Graph<'_> {
    /// `[state]`: some attempt is open.
    #[must_use]
    pub fn open(&self) -> Vec<bool> {
        let cores: Vec<bool> = self.cores().iter().map(|c| c.claims.iter().any(|c| c.stage != Stage::Owns)).collect();
        let open = |s: usize| {
            let (_, of_cores) = self.tuple(s).split_last().expect("a tuple has a memory");
            of_cores.iter().any(|c| cores[*c as usize])
        };
        (0..self.len()).map(open).collect()
    }

    /// The states from which no path leads to one where no attempt is open. In a complete search without such a state,
    /// each attempt can end from every state: once it has, the same is true of those left.
    ///
    /// # Panics
    /// If the search was not complete: what was not visited might lead anywhere.
    #[must_use]
    pub fn hopeless(&self, without: Without) -> Vec<usize> {
        assert_eq!(self.end, End::Complete, "a question about all states");
        let mut good: Vec<bool> = self.open().into_iter().map(|o| !o).collect();
        // Most steps lead to a larger number, so few passes backwards are needed.
        loop {
            let mut changed = false;
            for s in (0..good.len()).rev() {
                if !good[s] && self.edges(s).any(|e| without.allows(e) && good[e.to()]) {
                    good[s] = true;
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        (0..good.len()).filter(|s| !good[*s]).collect()
    }
}
