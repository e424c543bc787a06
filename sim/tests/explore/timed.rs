// SPDX-License-Identifier: MIT OR Apache-2.0
//! Timed runs are paths of the explored graph: the marks of all cores, in their order in time, are those of some path on which
//! every micro-op is a step.

use std::collections::{BTreeMap, BTreeSet};

use configs::{Cpus, Experiment};
use rqsim::machine::{Machine, MachineSpec, Outcome};
use sim_core::isa::{ContextKind, MarkKind, Pc};
use sim_core::ports::Probe;
use sim_core::time::Cycle;
use sim_core::untimed::{Budget, End, Graph, search};

use crate::{BYTES, SIZE, lab, only, system_of, task_on};

/// Marks: core, micro-op, arguments.
#[derive(Clone, Debug, Default)]
struct Marks(Vec<(usize, Pc, [u64; 3])>, u8);

impl Probe for Marks {
    fn mark(&mut self, _: Cycle, core: usize, _: MarkKind, args: [u64; 3], pc: Pc) {
        self.0.push((core, pc, args));
    }

    fn enter(&mut self, _: Cycle, _: usize, _: ContextKind, _: Pc) {
        self.1 += 1;
    }
}

/// What a step says, and where it leads.
type Said = (usize, Vec<(Pc, [u64; 3])>, usize);

struct Follower<'g, 's> {
    graph: &'g mut Graph<'s>,
    steps: BTreeMap<usize, Vec<Said>>,
}

impl Follower<'_, '_> {
    fn steps(&mut self, state: usize) -> &[Said] {
        let graph = &mut *self.graph;
        self.steps.entry(state).or_insert_with(|| {
            let steps = graph.steps_from(state).expect("nothing fails here");
            steps.into_iter().map(|(s, to)| (s.core, s.said, to)).collect()
        })
    }

    /// States that can be reached without a mark.
    fn silent(&mut self, from: BTreeSet<usize>) -> BTreeSet<usize> {
        let mut todo: Vec<usize> = from.iter().copied().collect();
        let mut all = from;
        while let Some(s) = todo.pop() {
            let next: Vec<usize> = self.steps(s).iter().filter(|t| t.1.is_empty()).map(|t| t.2).collect();
            todo.extend(next.into_iter().filter(|t| all.insert(*t)));
        }
        all
    }

    /// How many marks of a run some path has, one after the other.
    fn follow(&mut self, marks: &Marks) -> usize {
        // By marks followed: where paths can be. A step can say several.
        let mut at: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::from([(0, BTreeSet::from([0]))]);
        let mut furthest = 0;
        while let Some((n, states)) = at.pop_first() {
            furthest = n;
            for s in self.silent(states) {
                let said: Vec<Said> = self.steps(s).iter().filter(|t| !t.1.is_empty()).cloned().collect();
                for (core, list, to) in said {
                    let end = n + list.len();
                    let wanted = marks.0.get(n..end).unwrap_or_default();
                    if wanted.len() == list.len() && wanted.iter().zip(&list).all(|(w, l)| *w == (core, l.0, l.1)) {
                        at.entry(end).or_default().insert(to);
                    }
                }
            }
        }
        furthest
    }
}

fn check(change: impl Fn(&mut Experiment), preset: &str, seeds: u64) -> (usize, usize) {
    let plan = lab(preset, change);
    let size = crate::Size { merged: false, store_buffer: Some(4), ..SIZE };
    let (mut longest, mut interrupted) = (0, 0);
    for (i, stage) in plan.stages.iter().enumerate() {
        let system = system_of(&plan, i, &size);
        let mut graph = search(&system, Budget { bytes: BYTES, over: &mut |_| false });
        assert_eq!(graph.end, End::Complete);
        let mut follower = Follower { graph: &mut graph, steps: BTreeMap::new() };
        for seed in 1..=seeds {
            let spec = MachineSpec { seed, ..stage.spec.clone() };
            let mut machine = Machine::new(&spec, Marks::default());
            assert_eq!(machine.run_until(Cycle(8_000_000_000)), Outcome::Idle, "{}", stage.name);
            let marks = &machine.probe;
            if marks.1 > size.interrupts {
                continue;
            }
            interrupted += usize::from(marks.1 > 0);
            assert_eq!(follower.follow(marks), marks.0.len(), "{} seed {seed}: {:?}", stage.name, marks.0);
            longest = longest.max(marks.0.len());
        }
        // The follower can tell: the same marks backwards are no path.
        let mut machine = Machine::new(&stage.spec, Marks::default());
        machine.run_until(Cycle(8_000_000_000));
        machine.probe.0.reverse();
        assert!(follower.follow(&machine.probe) < machine.probe.0.len());
    }
    (longest, interrupted)
}

#[test]
fn timed_runs_of_two_tasks_are_paths() {
    let change = |e: &mut Experiment| {
        only(e, &["next +1-5"]);
        e.workload.tasks[0].body =
            vec![configs::Step::Critical { lock: "a".into(), body: Vec::new(), on_error: Vec::new() }];
    };
    assert!(check(change, "explore-plain.ron", 5).0 >= 6);
}

#[test]
fn timed_runs_with_an_nmi_are_paths() {
    let change = |e: &mut Experiment| {
        only(e, &["6.17", "next +1-5"]);
        task_on(e, 0);
        e.interrupts[0].on = Cpus::Cpus(vec![0]);
        e.duration = "30us".parse().expect("a span");
    };
    let (marks, interrupted) = check(change, "explore-aa.ron", 12);
    assert!(marks >= 4 && interrupted > 0, "{marks} {interrupted}");
}

#[test]
fn weakly_ordered_runs_with_an_nmi_are_paths() {
    let change = |e: &mut Experiment| {
        only(e, &["next +1-5"]);
        task_on(e, 0);
        e.duration = "30us".parse().expect("a span");
    };
    let (marks, interrupted) = check(change, "explore-weak-aa.ron", 12);
    assert!(marks >= 4 && interrupted > 0, "{marks} {interrupted}");
}

#[test]
fn timed_runs_with_interrupts_that_are_sent_are_paths() {
    let change = |e: &mut Experiment| {
        only(e, &["next +1-5"]);
        // The answer comes before the other core wants the lock.
        let body = e.workload.tasks[1].body.clone();
        e.workload.tasks[1].body =
            [vec![configs::Step::Work(configs::Dist::Fixed("50us".parse().expect("a span")))], body].concat();
    };
    let (marks, interrupted) = check(change, "explore-ipi.ron", 3);
    assert!(marks >= 4 && interrupted > 0, "{marks} {interrupted}");
}
