// SPDX-License-Identifier: MIT OR Apache-2.0
//! All final states of a system, within a bound on memory.

use std::fmt;

use super::step::Fault;
use super::{Budget, End, State, System, search};

/// A bound for one search that suits small tests: 1 GiB.
pub const LIMIT_BYTES: usize = 1 << 30;

/// A finished search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Explored {
    /// Distinct states.
    pub states: u64,
    /// Steps between them.
    pub steps: u64,
    /// Of the states: every task ended, every store in memory.
    pub finals: u64,
    /// Of the states: not final, and nothing can happen.
    pub stuck: u64,
}

/// Why a search did not finish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The bound on memory was reached. What was found is not all there is.
    Incomplete {
        /// Distinct states so far.
        states: u64,
        /// The bound.
        limit_bytes: usize,
    },
    /// Some path leads to a fault.
    Fault(Fault),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Incomplete { states, limit_bytes } => {
                write!(f, "incomplete: {states} states filled the {limit_bytes} bytes allowed, and there are more")
            }
            Stop::Fault(e) => write!(f, "core {}: {} (micro-op {})", e.core, e.what, e.pc),
        }
    }
}

impl std::error::Error for Stop {}

/// Visits every reachable state of the system and hands each final one to `at_end`, once, in an
/// order that is the same every time.
///
/// # Errors
/// More states than fit into `limit_bytes`, or a fault on some path.
pub fn explore(system: &System, limit_bytes: usize, mut at_end: impl FnMut(&State)) -> Result<Explored, Stop> {
    let graph = search(system, Budget { bytes: limit_bytes, over: &mut |_| false });
    let states = graph.len() as u64;
    match &graph.end {
        End::Complete => {}
        End::Memory | End::Told => return Err(Stop::Incomplete { states, limit_bytes }),
        End::Fault(_, fault) => return Err(Stop::Fault(fault.clone())),
    }
    let mut out = Explored { states, steps: graph.steps() as u64, ..Explored::default() };
    for n in (0..graph.len()).filter(|n| graph.edges(*n).next().is_none()) {
        let state = graph.state(n);
        if state.is_final() {
            out.finals += 1;
            at_end(&state);
        } else {
            out.stuck += 1;
        }
    }
    Ok(out)
}
