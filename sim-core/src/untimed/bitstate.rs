// SPDX-License-Identifier: MIT OR Apache-2.0
//! A search that remembers of each state two bits of a large array, and not the state: for what does not fit into memory.
//!
//! It is depth first, and incomplete: a new state both of whose bits are set already is taken for an old one, and nothing behind it is
//! seen. So it never shows that something holds. What it finds is real: the path to it is kept in full. With a share `s` of the bits set, a new
//! state is left out with a probability of `s * s` (two hash functions; Holzmann, "An analysis of bitstate hashing", Formal Methods
//! in System Design 13, 1998).

use std::hash::Hasher;

use super::carried::{Covered, Cx};
use super::graph::prepare;
use super::intern::Mix;
use super::trace::trace_step;
use super::{CoreState, Fault, Progress, State, Step, System, TraceStep};

/// Longest path followed, in steps; those of locks have hundreds.
const DEPTH_MAX: usize = 20_000;
/// States between two looks at whether it is over.
const LOOK: u64 = 1 << 12;

/// What a bitstate search has seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Partial {
    /// States visited; all are distinct.
    pub states: u64,
    /// Steps between them, those to states visited before included.
    pub steps: u64,
    /// Longest path, steps.
    pub deepest: usize,
    /// Paths that were not followed beyond the longest allowed.
    pub cut: u64,
    /// Share of the bits set at the end.
    pub full: f64,
    /// It was told to end.
    pub told: bool,
    /// What was looked for: in words, the start and the steps.
    pub found: Option<(String, State, Vec<TraceStep>)>,
}

impl Partial {
    /// The probability with which the last new states were taken for old ones; more were left out if paths were cut.
    #[must_use]
    pub fn omission(&self) -> f64 {
        self.full * self.full
    }
}

/// Bits of states seen.
struct Bits {
    words: Vec<u64>,
    set: u64,
}

impl Bits {
    fn new(bytes: usize) -> Bits {
        Bits { words: vec![0; (bytes / 8).max(1)], set: 0 }
    }

    fn all(&self) -> u64 {
        64 * self.words.len() as u64
    }

    /// Sets the two bits of a key; true if one was not set.
    fn add(&mut self, key: &[u8]) -> bool {
        let mut new = false;
        for seed in [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f] {
            let at = (u128::from(hash(key, seed)) * u128::from(self.all())) >> 64;
            let (word, bit) = ((at / 64) as usize, 1_u64 << (at % 64));
            if self.words[word] & bit == 0 {
                self.words[word] |= bit;
                self.set += 1;
                new = true;
            }
        }
        new
    }
}

/// 64 bits of a key, others for another seed.
fn hash(key: &[u8], seed: u64) -> u64 {
    let mut mix = Mix::default();
    mix.write_u64(seed);
    mix.write(key);
    mix.finish()
}

/// A state on the path, and its successors that are still to be followed.
struct Place {
    state: State,
    next: Vec<(Step, State)>,
}

/// Searches with an array of so many bytes until `judge` finds something in a state, everything that is told apart was visited, or
/// `over` says so. A fault counts as found.
pub fn bitstate(
    system: &System,
    bytes: usize,
    judge: &dyn Fn(&State) -> Option<String>,
    over: &mut dyn FnMut(Progress) -> bool,
) -> Partial {
    let mut cx = prepare(system);
    loop {
        cx.access.grown = false;
        cx.covered.fill(Covered::default());
        let (mut bits, mut partial) = (Bits::new(bytes), Partial::default());
        run(system, &mut cx, &mut bits, &mut partial, (judge, &mut *over));
        partial.full = bits.set as f64 / bits.all() as f64;
        if !cx.access.grown || partial.told {
            return partial;
        }
    }
}

type Asked<'a> = (&'a dyn Fn(&State) -> Option<String>, &'a mut dyn FnMut(Progress) -> bool);

fn run(system: &System, cx: &mut Cx, bits: &mut Bits, out: &mut Partial, (judge, over): Asked<'_>) {
    let starts = match system.starts(cx) {
        Ok(starts) => starts,
        Err(fault) => {
            out.found = Some((in_words(system, &fault), State::initial(system), Vec::new()));
            return;
        }
    };
    let mut key = Vec::new();
    let mut path: Vec<Place> = Vec::new();
    for start in starts {
        let mut new = bits.add(encoded(system, &start, &mut key)).then_some(start);
        loop {
            if let Some(state) = new.take() {
                out.states += 1;
                out.deepest = out.deepest.max(path.len());
                if out.states.is_multiple_of(LOOK) {
                    let bytes = bits.words.len() * 8;
                    out.told = over(Progress { states: out.states as usize, visited: out.states as usize, bytes });
                }
                let what = judge(&state);
                let mut next = Vec::new();
                let steps = (0..state.cores.len()).try_for_each(|c| system.steps_of(cx, &state, c, &mut next));
                if cx.access.grown || out.told {
                    return;
                }
                let what = what.or_else(|| steps.err().map(|fault| in_words(system, &fault)));
                out.steps += next.len() as u64;
                path.push(Place { state, next });
                if let Some(what) = what {
                    let (first, steps) = retrace(system, cx, &path);
                    out.found = Some((what, first, steps));
                    return;
                }
            }
            let Some(place) = path.last_mut() else { break };
            match place.next.pop() {
                Some(_) if path.len() >= DEPTH_MAX => out.cut += 1,
                Some((_, state)) => new = bits.add(encoded(system, &state, &mut key)).then_some(state),
                None => drop(path.pop()),
            }
        }
    }
}

fn in_words(system: &System, fault: &Fault) -> String {
    format!("core {}: {} at {}", fault.core, fault.what, system.program.place(fault.pc))
}

fn encoded<'k>(system: &System, state: &State, key: &'k mut Vec<u8>) -> &'k [u8] {
    key.clear();
    state.cores.iter().for_each(|c: &CoreState| c.encode(system.model, key));
    state.encode_memory(system.model, key);
    key
}

/// The path in full.
fn retrace(system: &System, cx: &mut Cx, path: &[Place]) -> (State, Vec<TraceStep>) {
    cx.record = true;
    let mut steps = Vec::new();
    let (mut from, mut to) = (Vec::new(), Vec::new());
    for pair in path.windows(2) {
        let before = &pair[0].state;
        encoded(system, &pair[1].state, &mut to);
        let mut step_of = |core: usize| {
            let mut next = Vec::new();
            // What a core can do before another's step fails is there all the same.
            let _ = system.steps_of(cx, before, core, &mut next);
            let same = |(_, after): &(Step, State)| encoded(system, after, &mut from) == to;
            next.into_iter().find(same).map(|(step, after)| trace_step(before, core, step, after))
        };
        let step = (0..before.cores.len()).find_map(&mut step_of);
        steps.push(step.expect("the search made this step"));
    }
    cx.record = false;
    (path[0].state.clone(), steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_two_bits_and_is_known_from_then_on() {
        let mut bits = Bits::new(1 << 12);
        for n in 0..100_u64 {
            assert!(bits.add(&n.to_le_bytes()) && !bits.add(&n.to_le_bytes()), "{n}");
        }
        assert!(bits.set > 190 && bits.set <= 200, "{}", bits.set);
        // Zeros at the end of a key are part of it.
        assert!(hash(&[1, 0], 1) != hash(&[1], 1) && hash(&[1], 1) != hash(&[1], 2));
        assert_eq!(Bits::new(0).all(), 64);
    }
}
