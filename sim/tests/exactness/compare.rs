// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs one machine twice, fast and exact, and compares all that can be seen of it.

use std::fmt::Debug;
use std::sync::Arc;

use cache_model::timing::Attribution;
use rqsim::machine::{Machine, MachineSpec, Outcome};
use sim_core::asm::{Options, assemble};
use sim_core::core::Core;
use sim_core::isa::{ContextKind, MarkKind, Pc, Width};
use sim_core::ports::Probe;
use sim_core::program::{Program, Source};
use sim_core::rng::Stream;
use sim_core::time::Cycle;

/// All that a probe is told, in the order in which it is told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(Vec<Seen>);

impl Recorder {
    /// How often it was told something.
    pub(crate) fn calls(&self) -> usize {
        self.0.len()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Mark(Cycle, usize, MarkKind, [u64; 3], Pc),
    Enter(Cycle, usize, ContextKind, Pc),
    Leave(Cycle, usize, ContextKind, Cycle),
}

impl Probe for Recorder {
    fn mark(&mut self, at: Cycle, core: usize, kind: MarkKind, args: [u64; 3], pc: Pc) {
        self.0.push(Seen::Mark(at, core, kind, args, pc));
    }
    fn enter(&mut self, at: Cycle, core: usize, kind: ContextKind, pc: Pc) {
        self.0.push(Seen::Enter(at, core, kind, pc));
    }
    fn leave(&mut self, at: Cycle, core: usize, kind: ContextKind, resumed: Cycle) {
        self.0.push(Seen::Leave(at, core, kind, resumed));
    }
}

/// What a comparison saw, so that a test can tell that there was something to see.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) spins: u64,
    pub(crate) interrupts: usize,
    /// Soft interrupts among them, and maskable ones taken in the handler of another.
    pub(crate) soft: usize,
    pub(crate) nested: usize,
    pub(crate) marks: usize,
    pub(crate) fast_events: u64,
    pub(crate) exact_events: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, o: Tally) {
        self.spins += o.spins;
        self.interrupts += o.interrupts;
        self.soft += o.soft;
        self.nested += o.nested;
        self.marks += o.marks;
        self.fast_events += o.fast_events;
        self.exact_events += o.exact_events;
    }
}

pub(crate) fn program(text: &str) -> Arc<Program> {
    let source = [Source { name: "test".into(), text: text.into() }];
    let program = assemble(&source, &Options::default());
    Arc::new(program.unwrap_or_else(|e| panic!("{}\n{text}", e.render(&source, false))))
}

fn same<T: PartialEq + Debug>(what: &str, fast: &T, exact: &T) -> Result<(), String> {
    if fast == exact { Ok(()) } else { Err(format!("{what}:\n   fast {fast:?}\n  exact {exact:?}")) }
}

/// Runs both to rest, `limit` at the latest, stopping now and then at instants drawn from `cuts`,
/// where every register, counter and message of the two must be the same. Traffic is counted by cause in both or in the
/// exact one only: messages must not take another way for it.
pub(crate) fn compare(spec: &MachineSpec, limit: Cycle, cuts: &mut Stream) -> Result<Tally, String> {
    let counted = cuts.below(2) == 0;
    let new = |exact: bool| {
        let mut m = Machine::new(&MachineSpec { exact, ..spec.clone() }, Recorder::default());
        if counted || exact {
            m.attribute();
        }
        m
    };
    let (mut fast, mut exact) = (new(false), new(true));
    let mut to = Cycle(0);
    loop {
        to = to.after(1 + cuts.exponential(20_000)).min(limit);
        let outcomes = (fast.run_until(to), exact.run_until(to));
        same("outcome", &outcomes.0, &outcomes.1)?;
        if matches!(outcomes.0, Outcome::Fault(_)) {
            // All cores in the instant of the fault: only then they can be compared.
            fast = new(false);
            fast.keep_in_step();
            same("outcome in step", &fast.run_until(to), &outcomes.1)?;
        }
        agree(&fast, &exact).map_err(|e| format!("at {to:?}, {:?}: {e}", outcomes.0))?;
        if outcomes.0 != Outcome::Limit {
            same("last event", &fast.last_event(), &exact.last_event())?;
        }
        match outcomes.0 {
            Outcome::Limit if to < limit => {}
            Outcome::Limit => return Err(format!("not at rest by {limit:?}")),
            Outcome::Fault(f) => return Err(format!("a fault: {f}")),
            Outcome::Idle if fast.is_quiescent() => break,
            Outcome::Idle => return Err("stuck".into()),
        }
    }
    fast.memory().check_coherence()?;
    sums_are_whole(&exact)?;
    let seen = &fast.probe.0;
    Ok(Tally {
        spins: fast.cores().iter().map(|c| c.computed_spins).sum(),
        interrupts: seen.iter().filter(|s| matches!(s, Seen::Enter(..))).count(),
        soft: seen.iter().filter(|s| matches!(s, Seen::Enter(_, _, ContextKind::Softirq, _))).count(),
        nested: nested(seen),
        marks: seen.iter().filter(|s| matches!(s, Seen::Mark(..))).count(),
        fast_events: fast.events(),
        exact_events: exact.events(),
    })
}

/// Maskable interrupts taken in the handler of another.
fn nested(seen: &[Seen]) -> usize {
    let mut stacks = std::collections::BTreeMap::<usize, Vec<ContextKind>>::new();
    let mut n = 0;
    for s in seen {
        match *s {
            Seen::Enter(_, core, kind, _) => {
                let stack = stacks.entry(core).or_default();
                n += usize::from(kind == ContextKind::Hardirq && stack.contains(&kind));
                stack.push(kind);
            }
            Seen::Leave(_, core, ..) => {
                stacks.entry(core).or_default().pop();
            }
            Seen::Mark(..) => {}
        }
    }
    n
}

/// What differs between two machines, if anything that can be seen does.
pub(crate) fn agree(fast: &Machine<Recorder>, exact: &Machine<Recorder>) -> Result<(), String> {
    let (seen, wanted) = (&fast.probe.0, &exact.probe.0);
    if let Some(i) = seen.iter().zip(wanted).position(|(a, b)| a != b) {
        return Err(format!("probe call {i}: fast {:?}, exact {:?}", seen[i], wanted[i]));
    }
    same("probe calls", &seen.len(), &wanted.len())?;
    machines_agree(fast, exact)
}

/// As [`agree`], whatever their observers have seen.
pub(crate) fn machines_agree<P: Probe, Q: Probe>(fast: &Machine<P>, exact: &Machine<Q>) -> Result<(), String> {
    for (f, e) in fast.cores().iter().zip(exact.cores()) {
        let name = |what: &str| format!("core {}: {what}", f.id);
        same(&name("state"), f.state(), e.state())?;
        same(&name("context"), f.context(), e.context())?;
        same(&name("now"), &f.now(), &e.now())?;
        same(&name("suspended"), &f.suspended().collect::<Vec<_>>(), &e.suspended().collect())?;
        same(&name("store buffer"), f.store_buffer(), e.store_buffer())?;
        let stale = |c: &Core| c.stale_lines(c.now()).cloned().collect::<Vec<_>>();
        same(&name("stale lines"), &stale(f), &stale(e))?;
        same(&name("retired"), &f.retired, &e.retired)?;
        same(&name("hits"), &fast.memory().hits(f.id), &exact.memory().hits(f.id))?;
        same(&name("interrupts"), &fast.interrupts().stats(f.id), &exact.interrupts().stats(f.id))?;
    }
    same("traffic", fast.memory().traffic(), exact.memory().traffic())?;
    let causes = |a: Option<&Attribution>| {
        let (mut sites, mut pairs): (Vec<_>, Vec<_>) = (
            a.iter().flat_map(|a| a.sites()).map(|(k, c)| (*k, *c)).collect(),
            a.iter().flat_map(|a| a.pairs()).map(|(k, c)| (*k, *c)).collect(),
        );
        sites.sort_unstable_by_key(|s| s.0);
        pairs.sort_unstable_by_key(|p| p.0);
        (sites, pairs)
    };
    if fast.memory().attribution().is_some() {
        same("causes", &causes(fast.memory().attribution()), &causes(exact.memory().attribution()))?;
        same("waits", &fast.memory().network_waits(), &exact.memory().network_waits())?;
    }
    same("links", &fast.memory().link_busy_ticks(), &exact.memory().link_busy_ticks())?;
    same("values", &values(fast), &values(exact))
}

/// Traffic by cause adds up to traffic by class and misses by cause to misses by core; every pair is a copy taken.
fn sums_are_whole(m: &Machine<Recorder>) -> Result<(), String> {
    let a = m.memory().attribution().expect("it is counted");
    let mut by_class = m.memory().traffic().clone().by_class;
    for sum in &mut by_class {
        *sum = Default::default();
    }
    let (mut misses, mut taken, mut downgrades) = (0, 0, 0);
    for (_, c) in a.sites() {
        for (sum, count) in by_class.iter_mut().zip(&c.by_class) {
            sum.messages += count.messages;
            sum.bytes += count.bytes;
            sum.hops += count.hops;
        }
        misses += c.misses;
        taken += c.invalidations;
        downgrades += c.downgrades;
    }
    same("traffic by cause and by class", &by_class, &m.memory().traffic().by_class)?;
    same("misses by cause and by core", &misses, &(0..m.cores().len()).map(|c| m.memory().hits(c).misses).sum())?;
    same("copies taken by cause and by pair", &taken, &a.pairs().map(|(_, c)| c.invalidations).sum())?;
    let by_pair: u64 = a.pairs().map(|(_, c)| c.downgrades).sum();
    if by_pair > downgrades { Err(format!("{by_pair} downgrades of pairs, {downgrades} in all")) } else { Ok(()) }
}

/// Every 64-bit word of every object.
fn values<P: Probe>(m: &Machine<P>) -> Vec<(u64, u64)> {
    let p = m.program();
    let mut all = Vec::new();
    for o in &p.objects {
        for cpu in 0..if o.percpu { m.cores().len() as u64 } else { 1 } {
            let first = o.addr + cpu * p.percpu_stride;
            let words = (0..p.structs[o.layout].bytes / 8).map(|i| first + 8 * i);
            all.extend(words.map(|a| (a, m.memory().value(a, Width::U64))));
        }
    }
    all
}
