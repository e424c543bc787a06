// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a coherence transaction costs the host, from 2 to 1024 cores on a mesh.
//!
//! `cargo bench -p cache-model` measures with criterion and takes its arguments (`-- migratory/64` for one case): the time
//! and rate are those of a transaction. `-- --smoke` runs a tiny size once, only checks and prints messages and crossings. For
//! instructions instead of time: `valgrind --tool=callgrind --toggle-collect='*Run::go*' TARGET/release/deps/scaling-* --smoke
//! 64`. Every case checks the sums of the counters that the cores incremented, and that nothing is left under way.
//!
//! What it should cost: a transaction is a few messages, a message a few events, one per link it crosses and one
//! at its receiver. Caches and directories are looked up by address, so nothing but the length of the ways
//! (the square root of the cores) and the number of sharers should make it dearer; what remains is the
//! host's own caches, which the state of a thousand cores no longer fits into. Hence the last column.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cache_model::timing::{
    Builder, ClockRatio, Coherence, LineKinds, LinkParams, MemoryParams, MemorySystem, Notice, Topology,
};
use criterion::{Criterion, SamplingMode, Throughput};
use sim_core::asm::{Options, assemble};
use sim_core::isa::{RmwFn, Width};
use sim_core::ports::{Access, Action, Cause, MemoryPort, Port, Request};
use sim_core::program::Source;
use sim_core::rng::Stream;
use sim_core::time::{Cycle, Phase};

/// What the cores do.
#[derive(Clone, Copy)]
enum Pattern {
    /// Each core increments a counter chosen at random, of as many as there are cores: a line travels from
    /// one owner to the next.
    Migratory,
    /// Seven of eight accesses only read one of an eighth as many lines: about eight sharers a write.
    Shared,
}

/// The accesses of every core, one outstanding at a time, until `total` are done.
struct Run {
    mem: MemorySystem,
    pattern: Pattern,
    random: Vec<Stream>,
    /// When each core that waits for nothing asks next.
    ready: BinaryHeap<Reverse<(Cycle, usize)>>,
    left: u64,
    increments: u64,
}

fn memory(cores: usize) -> MemorySystem {
    let params = MemoryParams {
        cores,
        l1_sets: 64,
        l1_ways: 8,
        l1_hit: 4,
        l2_sets: 512,
        l2_ways: 8,
        l2_hit: 12,
        llc_sets: 1024,
        llc_ways: 16,
        llc_tag: 10,
        llc_data: 20,
        snoop: 20,
        locked_rmw: 18,
        memory: 200,
        memory_interval: 0,
        control_bytes: 8,
        data_bytes: 72,
    };
    let link = LinkParams { latency: 2, bytes: 32, clock: ClockRatio::CORE, places: 4, shared_wires: false };
    let columns = 1 << cores.ilog2().div_ceil(2);
    let mut b = Builder::default();
    let stops: Vec<usize> = (0..cores).map(|_| b.stop()).collect();
    b.mesh(&stops, columns, false, &link);
    stops.iter().for_each(|&s| b.core(s));
    stops.iter().for_each(|&s| b.slice(s));
    b.memory(stops[0]);
    let mesh: Topology = b.build().expect("a mesh is connected");
    let empty = Source { name: "empty".into(), text: "proc main() {\n  ret\n}\n".into() };
    let program = assemble(&[empty], &Options::default()).expect("an empty procedure assembles");
    MemorySystem::with(params, Arc::new(mesh), Coherence::default(), LineKinds::of(&program))
}

impl Run {
    fn new(cores: usize, pattern: Pattern, total: u64) -> Run {
        Run {
            mem: memory(cores),
            pattern,
            random: (0..cores as u64).map(|c| Stream::derive(1, c, "scaling")).collect(),
            ready: (0..cores).map(|c| Reverse((Cycle(c as u64 + 1), c))).collect(),
            left: total,
            increments: 0,
        }
    }

    fn lines(&self) -> u64 {
        let cores = self.random.len() as u64;
        match self.pattern {
            Pattern::Migratory => cores,
            Pattern::Shared => (cores / 8).max(1),
        }
    }

    /// Performs everything.
    #[inline(never)] // So that a profiler can collect in it alone.
    fn go(&mut self) {
        let mut notices = Vec::new();
        loop {
            let next_message = self.mem.next_key();
            match self.ready.peek() {
                Some(&Reverse((at, core))) if sim_core::time::Key::new(at, Phase::Deliver, 0, 0) < next_message => {
                    self.ready.pop();
                    self.issue(core, at);
                }
                _ => match self.mem.deliver_next(&mut notices).unwrap_or_else(|f| panic!("{}", f.what)) {
                    None => return,
                    Some(delivered) => {
                        for notice in notices.drain(..) {
                            if let (Notice::Completed(_, done), Some(core)) = (notice, delivered.core) {
                                self.ready.push(Reverse((done.at.after(10), core)));
                            }
                        }
                    }
                },
            }
        }
    }

    fn issue(&mut self, core: usize, now: Cycle) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let lines = self.lines();
        let line = self.random[core].below(lines);
        let reads = matches!(self.pattern, Pattern::Shared) && self.random[core].below(8) != 0;
        let action = if reads { Action::Load } else { Action::Rmw(RmwFn::FetchAdd, 1, 0) };
        self.increments += u64::from(!reads);
        let cause = Cause { core: core as u16, ..Cause::default() };
        let request = Request { addr: (line + 64) * 64, width: Width::U64, action, cause };
        if let Access::Done(done) = self.mem.access(core, Port::Pipeline, &request, now) {
            self.ready.push(Reverse((done.at.after(10), core)));
        }
    }

    /// The sum of all counters.
    fn sum(&self) -> u64 {
        (0..self.lines()).map(|line| self.mem.value((line + 64) * 64, Width::U64)).sum()
    }
}

/// Transactions of a run that is measured.
const TOTAL: u64 = 100_000;
const PATTERNS: [(&str, Pattern); 2] = [("migratory", Pattern::Migratory), ("shared", Pattern::Shared)];

impl Run {
    /// # Panics
    /// If an increment was lost or something is still to happen.
    fn check(&self) {
        assert_eq!(self.sum(), self.increments, "increments were lost");
        assert!(self.mem.is_quiescent() && self.left == 0, "something is stuck");
    }

    fn misses(&self) -> u64 {
        (0..self.random.len()).map(|core| self.mem.hits(core).misses).sum()
    }
}

fn main() {
    if std::env::args().any(|a| a == "--smoke") {
        return smoke();
    }
    let mut criterion = Criterion::default().configure_from_args();
    for (name, pattern) in PATTERNS {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_secs(1));
        group.sampling_mode(SamplingMode::Flat);
        for cores in (1..=10).map(|i| 1_usize << i) {
            let mut once = Run::new(cores, pattern, TOTAL);
            once.go();
            group.throughput(Throughput::Elements(once.misses()));
            group.bench_function(cores.to_string(), |b| {
                b.iter_custom(|times| {
                    let mut time = Duration::ZERO;
                    for _ in 0..times {
                        let mut run = Run::new(cores, pattern, TOTAL);
                        let start = Instant::now();
                        run.go();
                        time += start.elapsed();
                        run.check();
                        assert_eq!(run.mem.traffic(), once.mem.traffic(), "another run, other messages");
                    }
                    time
                });
            });
        }
        group.finish();
    }
    criterion.final_summary();
    memory_is_small();
}

/// A tiny size once, and what a transaction is made of.
fn smoke() {
    let only: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    println!("pattern    cores  transactions  messages/tr.  crossings/tr.");
    for (name, pattern) in PATTERNS {
        for cores in if only.is_empty() { vec![2, 64, 1024] } else { only.clone() } {
            let mut run = Run::new(cores, pattern, 4_000);
            run.go();
            run.check();
            let (messages, hops) =
                run.mem.traffic().by_class.iter().fold((0, 0), |(m, h), c| (m + c.messages, h + c.hops));
            let misses = run.misses() as f64;
            println!(
                "{name:<10} {cores:>5}  {misses:>12}  {:>12.2}  {:>13.2}",
                messages as f64 / misses,
                hops as f64 / misses,
            );
        }
    }
    memory_is_small();
}

/// Only Linux tells the largest resident size; elsewhere nothing is checked.
fn memory_is_small() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<u64>().ok());
    if let Some(kib) = peak {
        println!("largest resident size: {} MiB", kib / 1024);
        assert!(kib < 2 << 20, "the largest memory system takes 2 GiB or more");
    }
}
