// SPDX-License-Identifier: MIT OR Apache-2.0
//! Delivery of one core, and between cores.

use super::*;

const COSTS: InterruptCosts = InterruptCosts {
    nmi_entry: 100,
    nmi_exit: 50,
    irq_entry: 80,
    irq_exit: 40,
    soft_entry: 6,
    soft_exit: 4,
    delivery: 10,
    ipi: 30,
};

fn unit(sources: &[(Vector, Process)]) -> Controllers {
    let list = sources
        .iter()
        .enumerate()
        .map(|(i, (vector, process))| Source {
            name: format!("s{i}"),
            number: i as u64,
            vector: *vector,
            handler: i as u16,
            process: process.clone(),
        })
        .collect();
    Controllers::new(COSTS, &[list], 1, Cycle::NEVER)
}

#[test]
fn an_nmi_during_an_nmi_is_latched_once_and_delivered_after_the_return() {
    let mut c = unit(&[(Vector::Nmi, Process::Periodic { period: 100, jitter: 0, first: None })]);
    let first = c.attention(0);
    assert_eq!(c.take(0, first).map(|t| (t.kind, t.entry_cycles)), Some((ContextKind::Nmi, 100)));
    assert_eq!(c.attention(0), Cycle::NEVER);
    assert_eq!(c.take(0, first.after(350)), None); // three more arrived meanwhile
    c.leave(0, first.after(350));
    assert_eq!(c.attention(0), Cycle(0));
    assert!(c.take(0, first.after(350)).is_some());
    assert_eq!(c.stats(0), [SourceStats { taken: 2, coalesced: 2 }]);
}

#[test]
fn the_flag_holds_back_a_timer_but_not_an_nmi() {
    let p = Process::Periodic { period: 100, jitter: 0, first: None };
    let mut c = unit(&[(Vector::Irq(14), p.clone()), (Vector::Nmi, p)]);
    assert!(c.set_flag(0, false));
    let t = Cycle(500);
    assert_eq!(c.take(0, t).map(|x| x.kind), Some(ContextKind::Nmi));
    c.leave(0, t);
    assert_eq!(c.take(0, t), None);
    assert!(!c.set_flag(0, true));
    assert_eq!(c.attention(0), Cycle(0));
    assert_eq!(c.take(0, t).map(|x| x.kind), Some(ContextKind::Hardirq));
}

#[test]
fn the_flag_comes_back_as_it_was_when_a_handler_returns() {
    let p = Process::Periodic { period: 100, jitter: 0, first: None };
    let mut c = unit(&[(Vector::Irq(14), p)]);
    assert!(c.take(0, Cycle(200)).is_some());
    assert_eq!(c.attention(0), Cycle::NEVER);
    c.leave(0, Cycle(250));
    assert_ne!(c.attention(0), Cycle::NEVER);
}

#[test]
fn an_overflow_counter_stands_still_in_its_handler_and_while_halted() {
    let mut c = unit(&[(Vector::Nmi, Process::Overflow { period: 1000, jitter: 0, first: None })]);
    let first = c.attention(0);
    assert!(c.take(0, first).is_some());
    c.leave(0, Cycle(9000));
    assert_eq!(c.attention(0), Cycle(9000 + 1000 + 10));
    c.set_halted(0, Cycle(9400), true);
    assert_eq!(c.attention(0), Cycle::NEVER);
    c.set_halted(0, Cycle(20_000), false);
    assert_eq!(c.attention(0), Cycle(20_000 + 600 + 10));
}

#[test]
fn a_counter_stands_still_in_the_nmi_that_wakes_its_core() {
    let count = Process::Overflow { period: 1000, jitter: 0, first: Some(500) };
    let tick = Process::Periodic { period: 100_000, jitter: 0, first: Some(200) };
    let mut c = unit(&[(Vector::Irq(14), count), (Vector::Nmi, tick)]);
    c.set_halted(0, Cycle(100), true); // 400 cycles left
    assert!(c.take(0, Cycle(210)).is_some());
    c.set_halted(0, Cycle(210), false);
    c.leave(0, Cycle(5000));
    assert_eq!(c.attention(0), Cycle(5000 + 400 + 10));
}

#[test]
fn delivery_latency_is_between_the_event_and_the_core() {
    let slow = InterruptCosts { delivery: 500, ..COSTS };
    let list = vec![Source {
        name: "s0".into(),
        number: 0,
        vector: Vector::Nmi,
        handler: 0,
        process: Process::Periodic { period: 100, jitter: 0, first: None },
    }];
    let c = Controllers::new(slow, &[list], 1, Cycle::NEVER);
    let quick = unit(&[(Vector::Nmi, Process::Periodic { period: 100, jitter: 0, first: None })]);
    assert_eq!(c.attention(0).0, quick.attention(0).0 + 490);
}

/// Sources of one core that come at a cycle, each with its vector; `None`: only when sent.
fn at(list: &[(Vector, Option<u64>)]) -> Controllers {
    let once = |c: &Option<u64>| c.map_or(Process::Sent, |c| Process::Trace { at: vec![c].into() });
    unit(&list.iter().map(|(v, c)| (*v, once(c))).collect::<Vec<_>>())
}

#[test]
fn a_higher_priority_interrupts_a_handler_that_has_set_the_flag() {
    let mut c = at(&[(Vector::Irq(5), Some(90)), (Vector::Irq(5), Some(190)), (Vector::Irq(9), Some(190))]);
    assert_eq!(c.take(0, Cycle(100)).map(|t| t.handler), Some(0));
    assert_eq!(c.attention(0), Cycle::NEVER); // the flag is clear in a handler
    assert!(!c.set_flag(0, true));
    assert_eq!(c.attention(0), Cycle(200));
    assert_eq!(c.take(0, Cycle(200)).map(|t| t.handler), Some(2));
    c.set_flag(0, true);
    assert_eq!(c.take(0, Cycle(300)), None); // of equal priority, and lower than what runs
    c.leave(0, Cycle(310));
    assert_eq!(c.take(0, Cycle(310)), None);
    c.leave(0, Cycle(320));
    assert_eq!(c.take(0, Cycle(320)).map(|t| t.handler), Some(1));
}

#[test]
fn the_highest_priority_is_delivered_first_and_then_the_first_source() {
    let all = [Vector::Soft, Vector::Irq(3), Vector::Irq(8), Vector::Irq(8), Vector::Nmi];
    let mut c = at(&all.map(|v| (v, None)));
    for i in 0..5 {
        c.raise(0, i, Cycle(0));
    }
    let order: Vec<u16> = (0..5)
        .map(|i| {
            let t = c.take(0, Cycle(i)).expect("one is waiting");
            c.leave(0, Cycle(i));
            t.handler
        })
        .collect();
    assert_eq!(order, [4, 2, 3, 1, 0]);
}

#[test]
fn a_soft_interrupt_waits_for_the_outermost_handler_and_runs_with_the_flag_set() {
    let mut c = at(&[(Vector::Soft, None), (Vector::Irq(5), Some(90)), (Vector::Irq(5), Some(290))]);
    assert!(c.take(0, Cycle(100)).is_some());
    c.send(0, 0, Target::Own, Cycle(110));
    assert!(!c.has_sent(), "the sender looks for itself");
    c.set_flag(0, true);
    assert_eq!(c.take(0, Cycle(120)), None); // a handler is running
    c.leave(0, Cycle(130));
    let t = c.take(0, Cycle(130)).expect("raised");
    assert_eq!((t.kind, t.entry_cycles, t.exit_cycles), (ContextKind::Softirq, 6, 4));
    assert_eq!(c.take(0, Cycle(300)).map(|t| t.kind), Some(ContextKind::Hardirq));
    c.send(0, 0, Target::Own, Cycle(310)); // again, while the first runs below
    c.leave(0, Cycle(320));
    assert_eq!(c.take(0, Cycle(320)), None);
    c.leave(0, Cycle(330));
    assert_eq!(c.take(0, Cycle(330)).map(|t| t.kind), Some(ContextKind::Softirq));
    c.leave(0, Cycle(340));
    assert!(c.set_flag(0, true), "the task's flag is as it was");
}

#[test]
fn an_interrupt_that_is_sent_takes_its_way_and_is_latched_once() {
    let list = |name: &str| {
        let source = |i, vector| Source {
            name: format!("{name}{i}"),
            number: i,
            vector,
            handler: i as u16,
            process: Process::Sent,
        };
        vec![source(0, Vector::Irq(5)), source(1, Vector::Nmi)]
    };
    let mut c = Controllers::new(COSTS, &[list("a"), list("b"), list("c")], 1, Cycle(50));
    c.send(0, 1, Target::Others, Cycle(100)); // after the end of arrivals: what is sent comes
    c.send(0, 1, Target::Core(2), Cycle(110));
    c.send(0, 0, Target::All, Cycle(120));
    assert!(c.has_sent());
    assert_eq!(c.take_receivers(), [1, 2, 2, 1, 2]);
    assert!(!c.has_sent());
    assert_eq!([0, 1, 2].map(|i| c.attention(i)), [Cycle(150), Cycle(130), Cycle(130)]);
    assert_eq!(c.take(1, Cycle(129)), None);
    assert_eq!(c.take(1, Cycle(130)).map(|t| t.handler), Some(1));
    assert_eq!(c.take(2, Cycle(145)).map(|t| t.handler), Some(1)); // both are here: one
    assert_eq!(c.stats(2)[1], SourceStats { taken: 1, coalesced: 1 });
    assert_eq!(c.take(0, Cycle(150)).map(|t| t.handler), Some(0));
    c.send(0, 1, Target::Core(7), Cycle(200)); // no such core
    assert!(!c.has_sent());
}

#[test]
fn nmis_to_a_core_in_an_nmi_are_latched_exactly_once() {
    let mut c = at(&[(Vector::Nmi, None)]);
    c.send(0, 0, Target::All, Cycle(0));
    assert!(c.take(0, Cycle(30)).is_some());
    for t in [40, 50, 60] {
        c.send(0, 0, Target::All, Cycle(t));
    }
    assert_eq!(c.take(0, Cycle(500)), None);
    c.leave(0, Cycle(500));
    assert!(c.take(0, Cycle(500)).is_some());
    c.leave(0, Cycle(600));
    assert_eq!((c.take(0, Cycle(900)), c.attention(0)), (None, Cycle::NEVER));
    assert_eq!(c.stats(0), [SourceStats { taken: 2, coalesced: 2 }]);
}

#[test]
fn an_interrupt_is_pending_since_it_reached_the_controller_and_not_since_the_core_looked() {
    let trace = Process::Trace { at: [100, 190, 700].into() };
    let mut c = unit(&[(Vector::Irq(5), trace), (Vector::Nmi, Process::Sent)]);
    c.set_flag(0, false);
    assert_eq!(c.take(0, Cycle(300)), None); // both are here, in one latch
    c.set_flag(0, true);
    let taken = |t: Option<Taken>| t.map(|t| (t.number, t.pending_since));
    assert_eq!(taken(c.take(0, Cycle(420))), Some((0, Cycle(110))), "the first of them, after the delivery");
    c.leave(0, Cycle(500));
    assert_eq!(taken(c.take(0, Cycle(900))), Some((0, Cycle(710))), "the latch is as new after a delivery");
    c.leave(0, Cycle(950));
    c.send(0, 1, Target::All, Cycle(1000));
    assert_eq!(taken(c.take(0, Cycle(1200))), Some((1, Cycle(1030))));
}

#[test]
fn of_two_ways_into_a_latch_the_earlier_arrival_counts() {
    let periodic = Process::Trace { at: [200].into() };
    let mut c = unit(&[(Vector::Nmi, periodic)]);
    c.send(0, 0, Target::All, Cycle(50));
    let t = c.take(0, Cycle(400)).expect("both are here");
    assert_eq!((t.pending_since, c.stats(0)[0].coalesced), (Cycle(80), 1));
    c.leave(0, Cycle(400));
    c.raise(0, 0, Cycle(410));
    c.raise(0, 0, Cycle(430));
    assert_eq!(c.take(0, Cycle(440)).map(|t| t.pending_since), Some(Cycle(410)));
}

#[test]
fn a_controller_is_silent_when_nothing_can_arrive_in_the_state_it_is_in() {
    let until = Cycle(1000);
    let with = |vector, process: Process| {
        let s = Source { name: "s".into(), number: 0, vector, handler: 0, process };
        Controllers::new(COSTS, &[vec![s]], 1, until)
    };
    let mut once = with(Vector::Nmi, Process::Trace { at: vec![100].into() });
    assert_eq!(once.silent_from(0), None, "an arrival is due");
    assert!(once.take(0, Cycle(200)).is_some());
    assert_eq!(once.silent_from(0), Some(Cycle(0)));
    let mut periodic = with(Vector::Nmi, Process::Periodic { period: 300, jitter: 0, first: Some(100) });
    assert!(periodic.take(0, Cycle(110)).is_some());
    assert_eq!(periodic.silent_from(0), Some(Cycle(0)), "an NMI handler lets no NMI in");
    periodic.leave(0, Cycle(150));
    assert_eq!(periodic.silent_from(0), None);
    let mut masked = with(Vector::Irq(3), Process::Periodic { period: 300, jitter: 0, first: Some(100) });
    masked.set_flag(0, false);
    assert_eq!(masked.silent_from(0), Some(Cycle(0)), "the flag is clear");
    let directed = with(Vector::Nmi, Process::Directed { pc: 7, nth: 2, repeat: false });
    assert_eq!(directed.silent_from(0), Some(until), "a loop may come by until the end");
    let mut sent = with(Vector::Nmi, Process::Sent);
    assert_eq!(sent.silent_from(0), Some(Cycle(0)));
    sent.send(0, 0, Target::All, Cycle(50));
    assert_eq!(sent.silent_from(0), None);
}

#[test]
fn a_forced_arrival_comes_when_it_is_told_to_and_nothing_after_a_stop() {
    let source = |process| Source { name: "s".into(), number: 3, vector: Vector::Nmi, handler: 0, process };
    let costs = InterruptCosts { delivery: 0, ..COSTS };
    let periodic = Process::Periodic { period: 100, jitter: 0, first: Some(100) };
    let mut c = Controllers::new(costs, &[vec![source(Process::Sent)], vec![source(periodic)]], 1, Cycle::NEVER);
    assert_eq!((c.source(0, 3), c.source(0, 4)), (Some(0), None));
    c.arrive(0, 0, Cycle(70));
    c.arrive(0, 0, Cycle(50));
    assert_eq!(c.attention(0), Cycle(50));
    assert!(c.take(0, Cycle(49)).is_none());
    assert_eq!(c.take(0, Cycle(50)).map(|t| t.pending_since), Some(Cycle(50)));
    c.leave(0, Cycle(60));
    assert_eq!(c.attention(0), Cycle(70));
    assert_eq!(c.attention(1), Cycle(100));
    c.stop(Cycle(100));
    assert_eq!((c.attention(1), c.attention(0)), (Cycle::NEVER, Cycle(70)), "what was forced still comes");
}
