// SPDX-License-Identifier: MIT OR Apache-2.0
//! What has to hold in every state, and the nearest state in which it does not.

use std::collections::{BTreeMap, BTreeSet};

use sim_core::isa::{EDEADLK, ETIMEDOUT, WaitKind, Width};
use sim_core::program::Program;
use sim_core::untimed::{Claim, CoreState, End, Graph, Stage, State, Without};

use super::deadlock::untrue_deadlocks;
use crate::run::lock_name;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Property {
    /// The program does nothing that no machine could do, and nothing that has no meaning here.
    Fault,
    /// At most one context owns a lock.
    Exclusion,
    /// When every task has ended, what the program declares clean is 0.
    Clean,
    /// When every task has ended, the word in which critical sections count has counted all of them.
    Updates,
    /// From every state each attempt can end, without an attempt that has not begun.
    Ends,
    /// Every attempt can end without a deadline that passes: a check finds each deadlock.
    NoDeadline,
    /// Nobody is told of a deadlock that is none.
    TrueDeadlock,
}

/// All of them, in the order of tables.
pub const PROPERTIES: [Property; 7] = [
    Property::Fault,
    Property::Exclusion,
    Property::Clean,
    Property::Updates,
    Property::Ends,
    Property::NoDeadline,
    Property::TrueDeadlock,
];

impl Property {
    /// Name in records and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Property::Fault => "no fault",
            Property::Exclusion => "exclusion",
            Property::Clean => "clean",
            Property::Updates => "no update lost",
            Property::Ends => "ends",
            Property::NoDeadline => "no deadline needed",
            Property::TrueDeadlock => "deadlocks true",
        }
    }
}

/// A property that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub property: Property,
    /// Which way it does not hold, where there are several.
    pub by: Option<&'static str>,
    /// What is wrong, in a sentence.
    pub what: String,
    /// States from a start to the nearest that shows it.
    pub path: Vec<usize>,
    /// States (or steps, for what is about steps) that show it.
    pub count: usize,
}

/// What is asked of one core, worked out once for each.
struct Part {
    owns: Vec<u64>,
    rests: bool,
}

/// Looks for violations of every property. After a search that did not finish, only for those that states and steps
/// show by themselves.
#[must_use]
pub fn check(graph: &Graph<'_>, program: &Program) -> Vec<Finding> {
    let parts: Vec<Part> = graph.cores().iter().map(|c| part(c, program)).collect();
    let mut found = Vec::new();
    if let End::Fault(state, fault) = &graph.end {
        let what = format!("core {}: {} at {}", fault.core, fault.what, program.place(fault.pc));
        found.push(Finding { property: Property::Fault, by: None, what, path: graph.route(*state as usize), count: 1 });
    }
    found.extend(exclusion(graph, program, &parts));
    found.extend(clean(graph, program, &parts));
    found.extend(updates(graph, program, &parts));
    if graph.end == End::Complete {
        found.extend(progress(graph, program));
    }
    found.extend(untrue_deadlocks(graph, program));
    found
}

fn part(c: &CoreState, program: &Program) -> Part {
    let mut owns: Vec<u64> = c.claims.iter().filter(|c| c.owned).map(|c| c.lock).collect();
    owns.sort_unstable();
    let halted = |c: &CoreState| {
        c.running().is_some_and(|x| program.ops[x.pc as usize] == sim_core::isa::Op::Halt) && c.handlers.is_empty()
    };
    Part { owns, rests: (!c.runs() || halted(c)) && c.buffer.is_empty() }
}

/// Looks at one state by itself: exclusion, and at rest what has to be clean and counted. In words what does not hold.
#[must_use]
pub fn judge(state: &State, program: &Program, counter: Option<u64>) -> Option<(Property, String)> {
    let parts: Vec<Part> = state.cores.iter().map(|c| part(c, program)).collect();
    if let Some(lock) = shared(parts.iter()) {
        return Some((Property::Exclusion, two_own(program, lock)));
    }
    if !parts.iter().all(|p| p.rests) {
        return None;
    }
    let owned = parts.iter().any(|p| !p.owns.is_empty());
    if let Some(what) = not_clean(state, program).filter(|_| !owned) {
        return Some((Property::Clean, format!("at rest {what}")));
    }
    let addr = counter?;
    let (value, owned) = (state.read(addr, Width::U64), state.cores.iter().map(|c| u64::from(c.owned)).sum::<u64>());
    (value != owned).then(|| (Property::Updates, not_counted(program, addr, value, owned)))
}

/// A lock that two contexts own.
fn shared<'a>(parts: impl Iterator<Item = &'a Part>) -> Option<u64> {
    let mut all: Vec<u64> = parts.flat_map(|p| &p.owns).copied().collect();
    all.sort_unstable();
    all.windows(2).find(|w| w[0] == w[1]).map(|w| w[0])
}

fn two_own(program: &Program, lock: u64) -> String {
    format!("two contexts own {}", lock_name(program, lock))
}

fn not_counted(program: &Program, addr: u64, value: u64, owned: u64) -> String {
    format!("at rest {} has counted {value} critical sections of {owned}", lock_name(program, addr))
}

fn cores_of<'a>(graph: &'a Graph<'_>, state: usize) -> &'a [u32] {
    let tuple = graph.tuple(state);
    &tuple[..tuple.len() - 1]
}

fn exclusion(graph: &Graph<'_>, program: &Program, parts: &[Part]) -> Option<Finding> {
    let of = |s: usize| shared(cores_of(graph, s).iter().map(|c| &parts[*c as usize]));
    let mut bad = (0..graph.len()).filter_map(|s| of(s).map(|lock| (s, lock)));
    let (state, lock) = bad.next()?;
    let what = two_own(program, lock);
    Some(Finding { property: Property::Exclusion, by: None, what, path: graph.route(state), count: 1 + bad.count() })
}

fn clean(graph: &Graph<'_>, program: &Program, parts: &[Part]) -> Option<Finding> {
    let mut dirty: BTreeMap<u32, Option<String>> = BTreeMap::new();
    let mut first: Option<Finding> = None;
    for s in 0..graph.len() {
        if !cores_of(graph, s).iter().all(|c| parts[*c as usize].rests) {
            continue;
        }
        // What a task still owns when it ends is its own affair.
        if cores_of(graph, s).iter().any(|c| !parts[*c as usize].owns.is_empty()) {
            continue;
        }
        let memory = *graph.tuple(s).last().expect("a tuple has a memory");
        let wrong = dirty.entry(memory).or_insert_with(|| not_clean(&graph.state(s), program));
        if let Some(what) = wrong {
            match &mut first {
                Some(f) => f.count += 1,
                None => {
                    let what = format!("at rest {what}");
                    first = Some(Finding { property: Property::Clean, by: None, what, path: graph.route(s), count: 1 });
                }
            }
        }
    }
    first
}

/// At rest, what the critical sections have counted is how often a lock was owned.
fn updates(graph: &Graph<'_>, program: &Program, parts: &[Part]) -> Option<Finding> {
    let addr = graph.system().counter?;
    let mut values: BTreeMap<u32, u64> = BTreeMap::new();
    let mut first: Option<Finding> = None;
    for s in (0..graph.len()).filter(|s| cores_of(graph, *s).iter().all(|c| parts[*c as usize].rests)) {
        let memory = *graph.tuple(s).last().expect("a tuple has a memory");
        let value = *values.entry(memory).or_insert_with(|| graph.state(s).read(addr, Width::U64));
        let owned: u64 = cores_of(graph, s).iter().map(|c| u64::from(graph.cores()[*c as usize].owned)).sum();
        if value == owned {
            continue;
        }
        match &mut first {
            Some(f) => f.count += 1,
            None => {
                let what = not_counted(program, addr, value, owned);
                first = Some(Finding { property: Property::Updates, by: None, what, path: graph.route(s), count: 1 });
            }
        }
    }
    first
}

fn not_clean(state: &State, program: &Program) -> Option<String> {
    for c in &program.clean {
        let cpus = if c.percpu { state.cores.len() as u64 } else { 1 };
        for cpu in 0..cpus {
            let value = state.read(c.addr + cpu * program.percpu_stride, c.width);
            if value != 0 {
                let of = if c.percpu { format!(" of core {cpu}") } else { String::new() };
                return Some(format!("{}{of} is {value:#x}", c.name));
            }
        }
    }
    None
}

fn progress(graph: &Graph<'_>, program: &Program) -> Vec<Finding> {
    let mut out = Vec::new();
    let mut known: BTreeSet<usize> = BTreeSet::new();
    for (property, by, without) in [
        (Property::Ends, Some("for ever"), Without { newcomers: false, deadlines: false }),
        (Property::Ends, Some("newcomer"), Without { newcomers: true, deadlines: false }),
        (Property::NoDeadline, None, Without { newcomers: true, deadlines: true }),
    ] {
        let mut bad = graph.hopeless(without);
        bad.retain(|s| !known.contains(s));
        if let Some(&state) = bad.first() {
            let waits = waiting(&graph.state(state), program);
            let what = match by {
                Some("for ever") => format!("nothing ends this any more: {waits}"),
                Some(_) => format!("only an attempt that has not begun can end this: {waits}"),
                None => format!("only a deadline ends this: {waits}"),
            };
            out.push(Finding { property, by, what, path: graph.route(state), count: bad.len() });
        }
        known.extend(bad);
    }
    out
}

/// Who waits for what, in words.
pub(super) fn waiting(state: &State, program: &Program) -> String {
    let mut all = Vec::new();
    for (core, c) in state.cores.iter().enumerate() {
        for claim in &c.claims {
            let kind = c.contexts.get(usize::from(claim.level)).map_or("task", |x| x.kind.name());
            all.push(format!("core {core} {kind} {}", claim_text(claim, program)));
        }
    }
    all.join(", ")
}

/// What a claim says, in words.
pub(super) fn claim_text(claim: &Claim, program: &Program) -> String {
    let lock = lock_name(program, claim.lock);
    let decided = match claim.error {
        0 => "",
        EDEADLK => ", EDEADLK decided",
        ETIMEDOUT => ", ETIMEDOUT decided",
        _ => ", an error decided",
    };
    match claim.stage {
        Stage::Wants => format!("attempts {lock}{decided}"),
        Stage::Owns => format!("owns {lock}"),
        Stage::Waits(kind) => format!("waits for {lock} ({}{decided})", wait_name(kind)),
    }
}

const fn wait_name(kind: WaitKind) -> &'static str {
    kind.name()
}

/// What attempts are told besides: by which deadlines they can end.
#[must_use]
pub fn told(graph: &Graph<'_>) -> Vec<String> {
    let claims = || graph.cores().iter().flat_map(|c| &c.claims).filter(|c| c.error == ETIMEDOUT);
    let flushed = |c: &Claim| c.stage == Stage::Waits(WaitKind::Queued);
    let mut out = Vec::new();
    if claims().any(|c| !flushed(c)) {
        out.push("own deadline".to_owned());
    }
    if claims().any(flushed) {
        out.push("flushed".to_owned());
    }
    out
}
