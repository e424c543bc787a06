// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim mutate`: mistakes are what they are said to be, those that matter are caught, and those that cannot matter are told apart.

mod cli;
mod page;

use configs::{Cpus, Experiment, Loaded, Step};
use rqsim::explore::{Size, shorten_waits, system};
use rqsim::machine::MachineSpec;
use rqsim::mutate::{Kind, Mutant, Mutation, Record, Subject, Trial, is_no_op, mutants};
use rqsim::plan::{Plan, StagePlan, plan};
use sim_core::program::Program;
use sim_core::untimed::{Budget, End, Model, System, search};

/// A preset on two cores, its last stage, changed.
fn lab(preset: &str, change: impl FnOnce(&mut Experiment)) -> Plan {
    let mut loaded: Loaded = configs::load(preset).unwrap_or_else(|e| panic!("{}", e.render(false)));
    loaded.experiment.machine.cores = 2;
    let whole = "next +1-5";
    loaded.experiment.stages.retain(|s| s.name == whole);
    change(&mut loaded.experiment);
    shorten_waits(&mut loaded).unwrap_or_else(|e| panic!("{}", e.plain));
    plan(loaded).unwrap_or_else(|e| panic!("{}", e.plain))
}

fn trial(interrupts: u8, seeds: u64) -> Trial {
    let size = Size { model: None, interrupts, rounds: 1, store_buffer: None, merged: true };
    Trial { size, bytes: 1 << 30, states: 400_000, seeds: (1..=seeds).collect() }
}

fn subject<'p>(plan: &'p Plan, trial: Trial) -> Subject<'p> {
    Subject::new(plan, &plan.stages[0], trial).unwrap_or_else(|e| panic!("{}", e.plain))
}

/// The record of the mistake in the line that begins so.
fn judged(subject: &Subject<'_>, program: &Program, line: &str, mistake: &str) -> Record {
    let is = |m: &&Mutant| {
        program.source_line(m.pc).is_some_and(|(_, _, text)| text.starts_with(line))
            && m.mutation.to_string() == mistake
    };
    subject.judge(subject.mutants.iter().find(is).unwrap_or_else(|| panic!("{line}: {mistake}")))
}

/// One attempt each, and a count that is made under the lock.
fn counting(e: &mut Experiment) {
    for t in &mut e.workload.tasks {
        let body = vec![Step::Load("count".into()), Step::Store("count".into())];
        t.body = vec![Step::Critical { lock: "a".into(), body, on_error: Vec::new() }];
    }
}

#[test]
fn a_mutant_differs_in_one_place_and_keeps_every_mark_behind_its_micro_op() {
    let plan = lab("explore-aa.ron", |_| ());
    let program = &plan.stages[0].spec.program;
    let all = mutants(program, 0);
    let mut seen: Vec<Program> = Vec::new();
    let marked = |p: &Program| {
        let glued = |pc: usize| p.is_mark(pc as u32).then(|| p.ops[..pc].iter().rposition(|o| !is_mark(o)));
        let mut pairs: Vec<String> = (0..p.ops.len())
            .filter_map(|pc| glued(pc).flatten().map(|of| format!("{:?} {:?}", p.ops[of], p.ops[pc])))
            .collect();
        pairs.sort_unstable();
        pairs
    };
    for m in &all {
        let changed = m.apply(program);
        assert_eq!(changed.ops.len(), program.ops.len());
        let differing: Vec<usize> = (0..program.ops.len()).filter(|i| changed.ops[*i] != program.ops[*i]).collect();
        assert_eq!(differing[0] as u32, m.pc, "{m:?}");
        match m.mutation {
            Mutation::Swap(second) => {
                assert!(differing.iter().all(|i| (m.pc..second + 4).contains(&(*i as u32))), "{m:?}");
                assert_eq!(marked(&changed), marked(program), "{m:?}");
            }
            _ => assert_eq!(differing.len(), 1, "{m:?}"),
        }
        assert!(!seen.contains(&changed), "{m:?} is made twice");
        seen.push(changed);
    }
    for kind in Kind::ALL {
        assert!(all.iter().filter(|m| m.kind() == kind).count() > 5, "{kind:?}");
    }
}

fn is_mark(op: &sim_core::isa::Op) -> bool {
    matches!(op, sim_core::isa::Op::Mark(_))
}

#[test]
fn orders_that_are_said_to_be_no_ops_change_nothing_in_either_engine() {
    let plan = lab("explore-aa.ron", |_| ());
    let stage = &plan.stages[0];
    let program = &stage.spec.program;
    let size = trial(0, 0).size;
    let graph = |p: &Program| {
        let of = System { program: p.clone().into(), ..system(stage, &size).expect("it can be explored") };
        let g = search(&of, Budget { bytes: 1 << 30, over: &mut |_| false });
        assert_eq!(g.end, End::Complete);
        (g.len(), g.steps(), g.parts())
    };
    let timed = |p: &Program| {
        let spec = MachineSpec { program: p.clone().into(), ..stage.spec.clone() };
        let record = rqsim::run::run(&plan.loaded, &StagePlan { spec, ..stage.clone() }, 7, false).record;
        serde_json::to_string(&record).expect("a record is data")
    };
    let (states, run) = (graph(program), timed(program));
    let orders = mutants(program, 0).into_iter().filter(|m| m.kind() == Kind::Order);
    let mut tried = 0;
    for m in orders {
        let op = &program.ops[m.pc as usize];
        assert!(is_no_op(Model::Tso, &m, op) && !is_no_op(Model::Weak, &m, op), "{m:?}");
        let changed = m.apply(program);
        assert_eq!(graph(&changed), states, "{m:?}");
        // A fence takes its time, whether it is needed or not.
        if m.mutation != Mutation::DropFence {
            assert_eq!(timed(&changed), run, "{m:?}");
        }
        tried += 1;
    }
    assert!(tried > 8, "{tried}");
}

#[test]
fn on_the_weak_model_the_orders_of_locking_and_unlocking_are_needed() {
    let plan = lab("explore-weak.ron", counting);
    let program = &plan.stages[0].spec.program;
    let subject = subject(&plan, trial(0, 3));
    for (line, mistake) in [
        ("store.u8.rel [lock.locked], 0", "release to relaxed"),
        ("locked = load.u8.acq [lock.locked]", "acquire to relaxed"),
        ("val, ok = cas.u32.acq [lock.val], 0, 1", "acquire to relaxed"),
    ] {
        let r = judged(&subject, program, line, mistake);
        assert_eq!(r.explore.first().map(|c| c.property.as_str()), Some("no update lost"), "{line}: {r:?}");
        assert!(r.explore[0].steps.is_some_and(|s| s > 3 && s < 40), "{r:?}");
    }
    let r = judged(&subject, program, "word = load.u32.acq [lock.val]", "acquire to relaxed");
    assert_eq!((r.caught_by(), r.why.as_ref().map(|w| w.0.as_str())), ("nothing", Some("same outcomes")), "{r:?}");
}

#[test]
fn what_breaks_the_lock_is_caught_and_what_is_not_reached_is_said_to_be() {
    let plan = lab("explore-aa.ron", |e| e.interrupts[0].on = Cpus::Cpus(vec![0]));
    let program = &plan.stages[0].spec.program;
    let subject = subject(&plan, trial(1, 2));
    assert!(subject.known().iter().any(|k| k.starts_with("deadlocks true")), "{:?}", subject.known());
    let r = judged(&subject, program, "if locked == 0 goto claim", "always taken");
    assert_eq!(r.explore[0].property, "exclusion");
    assert!(r.explore[0].interrupts == 0 && r.explore[0].story.len() == r.explore[0].steps.expect("a path"));
    // Known to go wrong with an interrupt, so it is caught without one.
    let r = judged(&subject, program, "if aa != 0 goto aa_first", "always taken");
    assert!(r.explore[0].property.starts_with("deadlocks true") && r.explore[0].interrupts == 0, "{r:?}");
    let r = judged(&subject, program, "if n > SLOTS goto full", "never taken");
    assert_eq!(r.why, Some(("not reached".to_owned(), "never taken anyway".to_owned())));
    let r = judged(&subject, program, "seq = load.u32 [timekeeper.seq]", "swapped with the next access");
    assert_eq!(r.why, Some(("same outcomes".to_owned(), String::new())));
    let r = judged(&subject, program, "store.u8.rel [lock.locked], 0", "store dropped");
    assert!(r.oracle.iter().any(|(what, n)| (what == "hang" || what == "violation") && *n == 2), "{r:?}");
    assert_eq!(r.caught_by(), "both");
}

#[test]
fn a_lock_whose_own_search_does_not_finish_has_no_mutants_to_compare() {
    let plan = lab("explore-aa.ron", |_| ());
    let small = Trial { states: 100, ..trial(1, 1) };
    let e = Subject::new(&plan, &plan.stages[0], small).err().expect("it cannot be searched");
    assert!(
        e.plain.contains("the search of the program as it is ends after") && e.plain.contains("help: --states"),
        "{}",
        e.plain
    );
}
