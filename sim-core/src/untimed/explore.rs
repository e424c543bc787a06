// SPDX-License-Identifier: MIT OR Apache-2.0
//! The search: every reachable state once, within a bound on memory.

use std::collections::HashSet;
use std::fmt;

use super::step::Fault;
use super::weak::Matters;
use super::{Model, State, System};

/// A bound for one search that suits small tests: 1 GiB.
pub const LIMIT_BYTES: usize = 1 << 30;
/// What an entry of the set costs beside its bytes: pointer, length, control byte, load factor,
/// the allocator's own.
const ENTRY_BYTES: usize = 48;
/// What a state costs beside its registers and values: vectors of a few cores, the allocator's own.
const STATE_BYTES: usize = 1024;

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
    let mut out = Explored::default();
    // Asked only "was it there?"; its order is never looked at.
    let mut seen: HashSet<Box<[u8]>> = HashSet::new();
    let mut used = 0;
    let mut stack = Vec::new();
    let mut key = Vec::new();
    let mut next = Vec::new();
    let matters = Matters::of(&system.program);
    let mut first = State::initial(system);
    system.settle_all(&mut first).map_err(Stop::Fault)?;
    if system.model == Model::Weak {
        first.normalise(matters);
    }
    first.encode(system.model, &mut key);
    seen.insert(key.as_slice().into());
    stack.push(first);
    out.states = 1;
    while let Some(state) = stack.pop() {
        system.successors(matters, &state, &mut next).map_err(Stop::Fault)?;
        if next.is_empty() {
            if state.is_final() {
                out.finals += 1;
                at_end(&state);
            } else {
                out.stuck += 1;
            }
        }
        for (_, state) in next.drain(..) {
            out.steps += 1;
            key.clear();
            state.encode(system.model, &mut key);
            if seen.contains(key.as_slice()) {
                continue;
            }
            used += key.len() + ENTRY_BYTES;
            // The states still to be visited are not encoded: fixed parts, and 8 bytes a register.
            if used + stack.len() * (4 * key.len() + STATE_BYTES) > limit_bytes {
                return Err(Stop::Incomplete { states: out.states, limit_bytes });
            }
            seen.insert(key.as_slice().into());
            out.states += 1;
            stack.push(state);
        }
    }
    Ok(out)
}
