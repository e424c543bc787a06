// SPDX-License-Identifier: MIT OR Apache-2.0
//! Misses of a last-level set whose ways are all in use: they get one way each, and in turn.

use cache_model::timing::{LineKinds, MemoryParams, MemorySystem, Notice, Topology, WireParams};
use sim_core::asm::{Options, assemble};
use sim_core::isa::{RmwFn, Width};
use sim_core::ports::{Access, Action, Cause, MemoryPort, Port, Request};
use sim_core::program::Source;
use sim_core::time::{Cycle, Key, Phase};

const CORES: usize = 4;

fn memory(llc_sets: u64, llc_ways: usize) -> MemorySystem {
    let params = MemoryParams {
        cores: CORES,
        l1_sets: 16,
        l1_ways: 4,
        l1_hit: 4,
        l2_sets: 16,
        l2_ways: 8,
        l2_hit: 11,
        llc_sets,
        llc_ways,
        llc_tag: 10,
        llc_data: 29,
        snoop: 60,
        locked_rmw: 18,
        memory: 230,
        memory_interval: 0,
        control_bytes: 8,
        data_bytes: 72,
    };
    let source = Source { name: "empty".into(), text: "proc main() {\n  ret\n}\n".into() };
    let program = assemble(&[source], &Options::default()).expect("an empty procedure assembles");
    let ring = Topology::ring(CORES, &WireParams::new(1, 32), true);
    MemorySystem::new(params, ring.into(), LineKinds::of(&program))
}

fn request(line: u64, action: Action) -> Request {
    Request { addr: line * 64, width: Width::U64, action, cause: Cause::default() }
}

const ADD: Action = Action::Rmw(RmwFn::FetchAdd, 1, 0);

/// Runs `wanted` loads of core 0, one line after the other, while the `busy` cores add to `hot` without a pause.
/// Gives the cycle at which the last of them was answered, or nothing if that takes longer than `limit`.
fn load_beside(mem: &mut MemorySystem, wanted: &[u64], busy: &[usize], hot: u64, limit: u64) -> Option<u64> {
    // `[core]`: when it asks next; never while it waits.
    let mut next = [Cycle::NEVER; CORES];
    next[0] = Cycle(1000);
    for core in busy {
        next[*core] = Cycle(*core as u64);
    }
    let mut wanted = wanted.iter();
    let mut notices = Vec::new();
    loop {
        let (due, core) = (0..CORES).map(|i| (Key::new(next[i], Phase::Step, i as u16, 0), i)).min()?;
        let now = due.min(mem.next_key()).at();
        if now.0 > limit {
            return None;
        }
        if due < mem.next_key() {
            let r = if core > 0 {
                request(hot, ADD)
            } else {
                match wanted.next() {
                    Some(line) => request(*line, Action::Load),
                    None => return Some(now.0),
                }
            };
            next[core] = match mem.access(core, Port::Pipeline, &r, now) {
                Access::Done(done) => done.at.after(1),
                Access::Pending => Cycle::NEVER,
            };
            continue;
        }
        let delivered = mem.deliver_next(&mut notices).expect("the protocol holds").expect("a message is due");
        for notice in notices.drain(..) {
            if let (Notice::Completed(_, done), Some(core)) = (notice, delivered.core) {
                next[core] = done.at.after(1);
            }
        }
    }
}

#[test]
fn a_line_that_is_always_wanted_gives_its_only_way_up_in_turn() {
    // One way per slice, so each load of a line of the hot line's slice recalls the hot line. Three cores always
    // have requests for it waiting there; the load has to come before those that arrive after it.
    for line in 101..120 {
        let mut mem = memory(1, 1);
        let end = load_beside(&mut mem, &[line], &[1, 2, 3], 100, 100_000);
        assert!(end.is_some_and(|e| e < 3000), "line {line}: {end:?}");
    }
}

#[test]
fn a_miss_recalls_one_line_however_long_the_recall_takes() {
    // Two sets of one way. The even lines fall into one set, the hot odd line into the other, whose comings and goings
    // must not make a waiting miss look for another victim.
    for ways in [2, 4] {
        // Core 0 loads more even lines than the four slices have ways for.
        let lines: Vec<u64> = (0..40).map(|i| 2 * i).collect();
        let mut mem = memory(2, ways);
        load_beside(&mut mem, &lines, &[1, 2, 3], 101, 1_000_000).expect("all are loaded");
        let left = lines.iter().filter(|&&l| {
            let r = request(l, Action::Load);
            matches!(mem.access(0, Port::Pipeline, &r, Cycle(2_000_000)), Access::Done(_))
        });
        // A miss takes one way, so afterwards all are in use: by the lines that core 0 still has.
        assert_eq!(left.count(), CORES * ways, "{ways} ways");
    }
}
