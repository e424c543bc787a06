// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random legal histories: the fast search and the tracked cycles agree with the whole graph.

use super::*;
use crate::oracle::edges::Reason;
use crate::oracle::graph::Graph;

/// Small generator of test input; any would do.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % sides
    }
}

/// Does something legal on a random cpu; what exactly depends on its topmost context.
fn step(w: &mut World, dice: &mut Dice, at: u64, cpus: usize, serial: &mut u64) -> Option<Verdict> {
    let cpu = dice.roll(cpus as u64) as usize;
    let lock = [A, B, C][dice.roll(3) as usize];
    let top = w.0.state.top(cpu).clone();
    if dice.roll(6) == 0 && top.id.depth < 3 {
        w.nmi(at, cpu);
        return None;
    }
    let Some(attempt) = &top.attempt else {
        let held = w.0.state.locks_held_by(top.id);
        let own = |lock: &crate::oracle::state::Lock, former: bool| {
            let mut entries = lock.queue.iter();
            entries.find(|e| e.context == top.id && e.outlives_lock == former).map(|e| (lock.address, e.tail))
        };
        if let Some((lock, tail)) = w.0.state.locks.iter().find_map(|l| own(l, true))
            && dice.roll(2) == 0
        {
            w.queued(at, cpu, lock, tail, 0);
            return None;
        }
        let former = w.0.state.locks.iter().find(|l| held.contains(&l.address)).and_then(|l| own(l, false));
        match dice.roll(4) {
            0 if !held.is_empty() => match former {
                Some((lock, tail)) if dice.roll(2) == 0 => w.released_alone(at, cpu, lock, tail),
                _ => w.released(at, cpu, held[0]),
            },
            1 if held.is_empty() && top.id.depth > 0 => w.leave(at, cpu),
            2 if !held.is_empty() => w.wait(at, cpu, held[0], WaitKind::HandOver),
            _ => w.attempt(at, cpu, lock),
        }
        return None;
    };
    let lock = &w.0.state.locks[attempt.lock];
    let (address, free) = (lock.address, lock.owner.is_none());
    let last_tail = lock.queue.last().map_or(0, |e| e.tail);
    match dice.roll(7) {
        0 | 1 if free => w.held(at, cpu, address),
        2 => {
            let errno = if dice.roll(2) == 0 { EDEADLK } else { ETIMEDOUT };
            let detector = if dice.roll(3) == 0 { Detector::Flushed } else { Detector::TryOnce };
            return Some(w.failed(at, cpu, address, errno, detector));
        }
        3 if attempt.place.is_none() => {
            *serial += 1;
            w.queued(at, cpu, address, last_tail, *serial);
        }
        _ => {
            let kind = WaitKind::ALL[dice.roll(WaitKind::ALL.len() as u64) as usize];
            w.wait(at, cpu, address, kind);
        }
    }
    None
}

/// Compares every claim about cycles with the strongly connected components of the whole graph.
fn check(w: &mut World) {
    let everyone: Vec<ContextId> = w.0.state.frames().map(|f| f.id).collect();
    let whole = Graph::reachable(&w.0.state, everyone.iter().copied());
    for &context in &everyone {
        let fast = w.0.state.reaches_itself(&mut w.0.scratch, context);
        assert_eq!(fast, whole.is_on_cycle(context), "{context:?}");
        let path = whole.shortest_cycle(context, u64::MAX);
        assert_eq!(fast, path.is_some());
        let judged = Graph::reachable(&w.0.state, [context]).judge(context, &w.0.live, true);
        assert_eq!(fast, judged.cycle.is_some());
        assert!(judged.cycle.is_none_or(|(formed_at, _)| formed_at <= w.0.now));
    }
    assert!(w.0.live.len() <= everyone.len());
    for cycle in &w.0.live {
        let contexts: Vec<ContextId> = cycle.members.iter().map(|m| m.who.context).collect();
        assert_eq!(whole.reasons(&contexts).len(), contexts.len());
        assert!(contexts.iter().all(|&c| whole.is_on_cycle(c)));
    }
    // Every deadlock is on the list.
    for context in everyone {
        let mut members = w.0.live.iter().flat_map(|c| &c.members);
        let listed = members.any(|m| whole.same_deadlock(m.who.context, context));
        assert_eq!(listed, whole.is_on_cycle(context), "{context:?}");
    }
}

/// The instants of recoveries are in order, none is lost, and who is stuck depends on somebody who is.
fn check_recoveries(w: &mut World, known: u64) -> (u64, u64) {
    let over = w.0.take_recoveries();
    for r in &over {
        assert!(r.instants().is_sorted() && r.healed_at == w.0.now, "{r:?}");
        assert!(r.bystander_errors <= r.bystanders);
    }
    let open = w.0.open_recoveries();
    for cycle in &w.0.live {
        assert_eq!(w.0.recoveries_of(cycle.id), 1, "every live cycle is part of one deadlock");
    }
    let formed: u64 = w.0.totals().cycles_formed.values().sum();
    let all = open.undetected + open.unwinding + open.healing + w.0.totals().cycles_passed + known + over.len() as u64;
    assert_eq!(all, formed, "one recovery for each cycle that formed");
    let stuck = w.0.stuck(&|_| false, true);
    if let Some(stuck) = &stuck {
        let is_stuck = |who: Who| stuck.contexts.iter().any(|c| c.who == who);
        for c in &stuck.contexts {
            let Why::DependsOn(other, reason) = c.why else { panic!("{c:?}") };
            assert!(is_stuck(other) && (reason == Reason::Interrupted || !c.bounded), "{c:?}");
        }
        assert!(w.0.stuck_since().is_some_and(|since| since <= w.0.now));
    }
    (over.len() as u64, u64::from(stuck.is_some()))
}

#[test]
fn the_fast_search_agrees_with_the_strongly_connected_components() {
    let mut totals = Totals::default();
    let (mut recoveries, mut moments_stuck) = (0, 0);
    let mut classes = [0; Class::ALL.len()];
    for seed in 0..40 {
        let (cpus, mut dice, mut serial) = (2 + seed as usize % 3, Dice(seed), 0);
        let mut known_recoveries = 0;
        let mut w = World::new(cpus);
        for at in 0..600 {
            let known = w.0.totals().verdicts;
            let verdict = step(&mut w, &mut dice, at, cpus, &mut serial);
            assert_eq!(verdict.is_some(), w.0.totals().verdicts != known);
            check(&mut w);
            let (over, stuck) = check_recoveries(&mut w, known_recoveries);
            recoveries += over;
            known_recoveries += over;
            moments_stuck += stuck;
        }
        totals.cycles_uncovered += w.0.totals().cycles_uncovered;
        for (name, count) in &w.0.totals().cycles_formed {
            *totals.cycles_formed.entry(*name).or_insert(0) += count;
        }
        for (sum, class) in classes.iter_mut().zip(Class::ALL) {
            *sum += w.0.totals().verdicts.get(class);
        }
    }
    for (seen, class) in classes.iter().zip(Class::ALL) {
        assert!(*seen > 40, "{}: {seen}", class.name());
    }
    for name in [CycleName::Aa, CycleName::Abba, CycleName::NLock(3)] {
        let seen = totals.cycles_formed.get(&name).copied();
        assert!(seen > Some(9), "{name}: {seen:?}");
    }
    assert!(totals.cycles_uncovered > 9);
    assert!(recoveries > 500 && moments_stuck > 500, "{recoveries} {moments_stuck}");
}
