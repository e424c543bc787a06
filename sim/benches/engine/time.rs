// SPDX-License-Identifier: MIT OR Apache-2.0
//! Time, by criterion: the cases, the floor below them, and parts alone. Everything checks what it computed.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode, Throughput};
use rqsim::batch::digest;
use sim_core::asm::{Options, assemble};
use sim_core::program::Source;
use sim_core::queue::EventQueue;
use sim_core::rng::Stream;
use sim_core::time::{Cycle, Key, Phase};

use super::stream::{Recorded, memory, record};
use super::{CASES, Case, How, hash, prepare, run_how};

/// Name of the group of cases, and of the floor in it.
pub(crate) const ENGINE: &str = "engine";
pub(crate) const FLOOR: &str = "floor";

/// Every case is measured so: by itself, and as users run it.
pub(crate) const MODES: [How; 2] = [How::Simulated, How::Skipping];

/// The name under which criterion keeps a case.
pub(crate) fn name(case: &Case, how: How) -> String {
    let skips = if how == How::Skipping { ", periods skipped" } else { "" };
    format!("{}{skips}", case.name)
}

/// The events of the first 200 us of `busy`.
pub(crate) fn recorded() -> Recorded {
    let case = &CASES[0];
    let (_, stage) = prepare(case.preset, case.edits, case.stage, case.duration[1]);
    let limit = stage.spec.stop_at;
    record(&rqsim::machine::MachineSpec { seed: 1, ..stage.spec }, limit)
}

/// Everything that is measured in time.
pub(crate) fn suite(c: &mut Criterion) {
    let mut group = c.benchmark_group(ENGINE);
    group.sample_size(10).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_secs(2));
    group.sampling_mode(SamplingMode::Flat);
    for (case, how) in CASES.iter().flat_map(|case| MODES.map(|how| (case, how))) {
        let (loaded, stage) = prepare(case.preset, case.edits, case.stage, case.duration[0]);
        group.bench_function(name(case, how), |b| {
            b.iter_custom(|times| {
                let mut time = Duration::ZERO;
                for _ in 0..times {
                    let start = Instant::now();
                    let finished = run_how(&loaded, &stage, how);
                    time += start.elapsed();
                    assert_eq!(digest(&finished.record), case.digest[0], "{}: another digest than expected", case.name);
                }
                time
            });
        });
    }
    let (recorded, mut touched) = (recorded(), memory());
    group.throughput(Throughput::Elements(recorded.len() as u64));
    group.bench_function(FLOOR, |b| b.iter(|| recorded.replay(&mut touched)));
    group.finish();
    let mut group = c.benchmark_group("parts");
    group.sample_size(20).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_secs(1));
    for pending in [16, 1024] {
        group.throughput(Throughput::Elements(EVENTS));
        group.bench_function(format!("queue with {pending} pending"), |b| b.iter(|| queue(pending)));
    }
    group.throughput(Throughput::Elements(1));
    let source = lock();
    group.bench_function("assembler", |b| {
        b.iter_custom(|times| {
            let (start, mut last) = (Instant::now(), None);
            for _ in 0..times {
                last = Some(assembled(black_box(&source)));
            }
            let time = start.elapsed();
            last.iter().for_each(check);
            time
        });
    });
    group.finish();
}

/// The parts once, to check them.
pub(crate) fn parts_once() {
    recorded().replay(&mut memory());
    [16, 1024].into_iter().for_each(queue);
    check(&assembled(&lock()));
}

fn lock() -> Source {
    lock_impl::programs::embedded("rqspinlock").expect("it is built in")
}

fn assembled(source: &Source) -> sim_core::program::Program {
    assemble(std::slice::from_ref(source), &Options::default()).expect("it assembles")
}

fn check(program: &sim_core::program::Program) {
    assert_eq!(hash(&sim_core::asm::disassemble(program)), ASSEMBLED, "another program was assembled than expected");
}

/// Digest of the lock's program as assembled and printed. It moves with the lock only.
const ASSEMBLED: &str = "e1d1679730959ebe";

const EVENTS: u64 = 10_000;

/// Takes and adds events, so many pending; the keys that come are those that were added, in their order.
fn queue(pending: u64) {
    let (mut queue, mut random) = (EventQueue::default(), Stream::derive(1, 0, "queue"));
    let key = |at: u64, i: u64| Key::new(Cycle(at), Phase::Deliver, (i % 16) as u16, i);
    (0..pending).for_each(|i| queue.push(key(i, i), i as u32));
    let (mut last, mut numbers) = (key(0, 0), 0);
    for i in pending..pending + EVENTS {
        let (k, slot) = queue.pop().expect("as many are added as are taken");
        assert!(k >= last && k.place_and_number().1 == u64::from(slot), "out of order");
        (last, numbers) = (k, numbers + u64::from(slot));
        queue.push(key(k.at().0 + 5 + random.below(60), i), i as u32);
    }
    while let Some((_, slot)) = queue.pop() {
        numbers += u64::from(slot);
    }
    let all = pending + EVENTS;
    assert_eq!(numbers, all * (all - 1) / 2, "an event was lost");
}
