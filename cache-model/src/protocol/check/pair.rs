// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two lines of one home at once. Tables never look at two lines, so lines meet in one place only: the
//! forward network from the home to a cache is one queue for both, and a forward that its cell stalls
//! holds up the other line's forwards behind it.

use super::explore::{Model, explore};
use super::model::{Machine, Step};
use super::state::{Packed, World};
use super::{CachesOutOfRange, End, Fault, HomeModel, Options, Tables};

/// The states of both lines, and how their forwards are mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Both<const N: usize> {
    lines: [Packed<N>; 2],
    /// `[cache]`: which line each message of the queue is for, the oldest in the lowest bit, below a
    /// bit that marks the end.
    order: [u16; N],
}

/// Two machines that share their forward queues.
struct Pair<'a, const N: usize> {
    machine: Machine<'a, N>,
    /// A stalled forward holds up those behind it, whichever line they are for.
    one_queue: bool,
}

/// What an exploration of two lines found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairReport {
    /// Distinct states reached, up to the names of caches and lines.
    pub states: usize,
    /// Steps between them.
    pub transitions: usize,
    /// What went wrong, if anything did.
    pub fault: Option<Fault>,
    /// Everything was explored; if not, [`Options::states_max`] was reached and nothing wrong was met up to there.
    pub complete: bool,
}

/// Explores two lines with two caches. With recalls and values that is 2.2 (msi) to 21 (moesi) million states;
/// `tests/exhaustive.rs` has the numbers.
///
/// `one_queue` is the machine; without it each line has a forward
/// network of its own, for comparison.
///
/// # Errors
/// [`CachesOutOfRange`] if the options ask for another number of caches than two.
pub fn check_two_lines(tables: &Tables, options: &Options, one_queue: bool) -> Result<PairReport, CachesOutOfRange> {
    if options.caches != 2 {
        return Err(CachesOutOfRange(options.caches));
    }
    // The lines are folded here, names and all.
    let machine = Machine::<2>::new(tables, options.with_symmetry(false));
    let graph = explore(&mut Pair { machine, one_queue }, options.states_max);
    let complete = matches!(graph.end, End::Complete);
    let fault = match graph.end {
        End::Complete | End::Limit => None,
        End::Fault(_, fault) => Some(fault),
    };
    Ok(PairReport { states: graph.states.len(), transitions: graph.targets.len(), fault, complete })
}

impl Pair<'_, 2> {
    /// The smallest of the four ways to name two caches and two lines.
    fn canonical(&self, both: &Both<2>) -> Both<2> {
        let swapped_lines = |b: &Both<2>| Both {
            lines: [b.lines[1], b.lines[0]],
            order: b.order.map(|o| o ^ ((1 << (15 - o.leading_zeros())) - 1)),
        };
        let mut name = std::array::from_fn(|i| i as u8);
        name.swap(0, 1);
        let renamed = Both {
            lines: both.lines.map(|l| World::<2>::unpack(&l).renamed(&name).pack()),
            order: [both.order[1], both.order[0]],
        };
        let all = [*both, renamed, swapped_lines(both), swapped_lines(&renamed)];
        all.into_iter().min().unwrap_or(*both)
    }
}

impl Model for Pair<'_, 2> {
    type State = Both<2>;

    fn initial(&self) -> Both<2> {
        let slice = self.machine.options().home != HomeModel::Textbook;
        Both { lines: [super::model::initial(slice).pack(); 2], order: [1; 2] }
    }

    fn fingerprint(state: &Both<2>) -> u64 {
        let order = u64::from(state.order[0]) << 16 | u64::from(state.order[1]);
        let mix = state.lines[0].fingerprint().rotate_left(29) ^ state.lines[1].fingerprint() ^ order << 32;
        let h = mix.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        h ^ h >> 32
    }

    fn expand(&mut self, state: &Both<2>, out: &mut Vec<(Both<2>, bool)>) -> Result<(), Fault> {
        for line in 0..2 {
            let world = World::unpack(&state.lines[line]);
            self.machine.properties(&world)?;
            for step in self.machine.steps(&world) {
                let mut order = state.order;
                if let Step::Forward(c, _) = step {
                    let place = if self.one_queue {
                        0
                    } else {
                        (0..16).find(|p| usize::from(order[c] >> p & 1) == line).unwrap_or(0)
                    };
                    if usize::from(order[c] >> place & 1) != line {
                        continue; // Another line's message is at the front.
                    }
                    let below = order[c] & ((1 << place) - 1);
                    order[c] = below | order[c] >> (place + 1) << place;
                }
                let Some(after) = self.machine.take(&world, step)? else { continue };
                for (c, node) in after.nodes.iter().enumerate() {
                    let before =
                        world.nodes[c].forward.len() - usize::from(matches!(step, Step::Forward(x, _) if x == c));
                    for _ in before..node.forward.len() {
                        let end = 15 - order[c].leading_zeros();
                        order[c] = order[c] & !(1 << end) | (line as u16) << end | 2 << end;
                    }
                }
                let mut lines = state.lines;
                lines[line] = after.pack();
                out.push((self.canonical(&Both { lines, order }), step.is_wish()));
            }
        }
        Ok(())
    }

    fn is_quiescent(&self, state: &Both<2>) -> bool {
        state.lines.iter().all(|l| self.machine.is_quiescent(l))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explored(name: &str, options: Options, one_queue: bool) -> (usize, usize) {
        let tables = Tables::by_name(name).expect("it is listed");
        let report = check_two_lines(tables, &options, one_queue).expect("two caches");
        assert!(report.fault.is_none() && report.complete, "{name} {options:?}: {report:?}");
        (report.states, report.transitions)
    }

    /// One queue makes a step impossible here and there, but no state unreachable in which anybody is stuck.
    #[test]
    fn two_lines_that_share_the_forward_network_do_not_block_each_other() {
        let expected = [
            ("msi", (66_277, 289_429), (66_277, 301_602)),
            ("mesi", (117_325, 511_865), (117_325, 533_688)),
            ("mesif", (194_242, 822_955), (195_348, 884_737)),
            ("moesi", (139_379, 553_995), (139_896, 603_438)),
        ];
        for (name, shared, apart) in expected {
            assert_eq!(explored(name, Options::textbook(2), true), shared, "{name}");
            assert_eq!(explored(name, Options::textbook(2), false), apart, "{name}");
        }
    }

    #[test]
    fn two_lines_in_front_of_memory_do_not_block_each_other() {
        for (name, expected) in [("mesif", (833_965, 3_673_374)), ("moesi", (444_943, 1_786_870))] {
            assert_eq!(explored(name, Options::machine(2, false).with_data(false), true), expected, "{name}");
        }
    }

    #[test]
    fn a_fault_of_one_line_is_found_beside_another() {
        use crate::protocol::{CacheEvent as E, CacheState as C, Cell::Stall};
        let waits = Tables::mesif().with_cache_cell(C::FM_AC, E::FwdGetS, Stall);
        let report = check_two_lines(&waits, &Options::textbook(2), true).expect("two caches");
        assert_eq!(report.fault, Some(Fault::Deadlock));
        assert_eq!(check_two_lines(&waits, &Options::textbook(3), true), Err(CachesOutOfRange(3)));
    }
}
