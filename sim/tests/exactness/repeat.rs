// SPDX-License-Identifier: MIT OR Apache-2.0
//! The same run gives the same bytes: again, on more threads, after a kill, forked, in any build.

use std::path::Path;

use configs::Loaded;
use rqsim::batch::{Batch, HowToRun, digest, records_path, run_all};
use rqsim::machine::Machine;
use rqsim::plan::{Plan, plan};
use rqsim::run::run;
use sim_core::rng::Stream;
use sim_core::time::Cycle;

use crate::compare::{Recorder, agree, program};
use crate::records::{changed, short};
use crate::{generate, machines};

fn planned(loaded: Loaded) -> Plan {
    plan(loaded).unwrap_or_else(|e| panic!("{}", e.plain))
}

fn batch(plan: &Plan, dir: &Path, threads: usize) -> (Batch, Vec<u8>) {
    let how = HowToRun { threads, exact: false, fresh: false };
    let batch = run_all(plan, dir, how, &|_, _| {}).unwrap_or_else(|e| panic!("{e}"));
    let bytes = std::fs::read(records_path(dir)).expect("a batch leaves its records");
    (batch, bytes)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

#[test]
fn a_batch_gives_the_same_bytes_again_and_on_any_number_of_threads() {
    let plan = planned(short("ring8.ron", &[("seeds", "List([5, 6])"), ("duration", "60us")]));
    let (first, bytes) = batch(&plan, folder().path(), 1);
    assert_eq!((first.records.len(), first.reused), (12, 0));
    for threads in [1, 2, 3] {
        let (again, same) = batch(&plan, folder().path(), threads);
        assert_eq!(again.reused, 0);
        assert!(bytes == same, "{threads} threads");
        assert_eq!(again.events, first.events);
    }
}

#[test]
fn a_batch_goes_on_where_it_was_killed_and_ends_with_the_same_bytes() {
    let plan = planned(short("ring8-next.ron", &[("seeds", "List([5, 6])"), ("duration", "60us")]));
    let whole = folder();
    let (_, bytes) = batch(&plan, whole.path(), 2);
    let lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
    // Killed in the middle of a line, with runs finished in another order than planned.
    let dir = folder();
    let journal = dir.path().join("records.partial.jsonl");
    std::fs::write(&journal, [lines[7], lines[2], lines[11], &lines[4][..lines[4].len() / 2]].concat())
        .expect("a file can be written");
    let (resumed, same) = batch(&plan, dir.path(), 2);
    assert_eq!((resumed.reused, resumed.damaged.len()), (3, 1));
    assert!(bytes == same && !journal.exists());
    // A second start finds everything and leaves the file as it is.
    let (again, same) = batch(&plan, dir.path(), 1);
    assert_eq!((again.reused, again.events), (12, 0));
    assert!(bytes == same);
    // More seeds: the runs there are used, the others made.
    let more = planned(short("ring8-next.ron", &[("seeds", "List([5, 4, 6])"), ("duration", "60us")]));
    let (grown, _) = batch(&more, dir.path(), 2);
    assert_eq!((grown.reused, grown.records.len()), (12, 18));
}

/// The hash of a run's record in any build, on any machine. It moves only when the model, the lock
/// program, the preset or the format of records does; then the new one is written here.
const GOLDEN: &str = "7db222dea0e84c55d859f18dd85da7ee";

#[test]
fn a_record_is_the_same_in_every_build_and_on_every_machine() {
    let plan = planned(short("ring8.ron", &[("duration", "100us")]));
    let record = run(&plan.loaded, &plan.stages[0], 42, false).record;
    assert!(record.ops > 10_000 && record.timeouts_by.values().sum::<u64>() > 0);
    assert_eq!(digest(&record), GOLDEN, "{record:?}");
}

#[test]
fn a_fork_continues_as_its_parent_would_and_does_not_disturb_it() {
    for number in 0..150 {
        let mut r = Stream::derive(number, 0, "fork");
        let cores = 1 + r.below(4);
        let text = generate::text(&mut r, cores);
        let spec = machines::machine(&mut r, program(&text), cores as usize, number);
        let mut whole = Machine::new(&spec, Recorder::default());
        whole.run_until(Cycle(20_000_000));
        let mut parent = Machine::new(&spec, Recorder::default());
        parent.run_until(Cycle(r.below(whole.last_event().0)));
        let mut fork = parent.clone();
        for (name, m) in [("fork", &mut fork), ("parent", &mut parent)] {
            m.run_until(Cycle(20_000_000));
            agree(m, &whole).unwrap_or_else(|e| panic!("program {number}, {name}: {e}\n{text}"));
            assert_eq!(m.last_event(), whole.last_event());
        }
    }
}

/// Core 0 is interrupted between taking the lock and writing its entry; the handler wants the same
/// lock, cannot know, and waits for the whole 250 ms: a billion cycles. Alone that took 81 events,
/// with seven others queueing behind it, sampling their clocks, 2512.
#[test]
fn a_core_that_is_stuck_for_250_ms_costs_next_to_nothing() {
    let directed = r#"Directed(label: "res_spin_lock.taken", nth: 5)"#;
    for (tasks, most) in [("Cpus([0])", 250), ("All", 7_500)] {
        let changes = [
            ("interrupts[0].source", directed),
            ("interrupts[0].on", "Cpus([0])"),
            ("workload.tasks[0].on", tasks),
            ("duration", "3ms"),
        ];
        let plan = planned(changed("ring8.ron", &changes));
        let done = run(&plan.loaded, &plan.stages[0], 1, false);
        let r = &done.record;
        assert!(r.contexts["nmi"].etimedout == 1 && r.stuck_ns > 250_000_000, "{:?}", r.contexts);
        assert!(done.events < most, "{} events", done.events);
    }
}
