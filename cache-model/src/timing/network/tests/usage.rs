// SPDX-License-Identifier: MIT OR Apache-2.0
//! What links did, counted by hand.

use super::*;
use crate::timing::network::Waits;

fn waits(messages: u64, waited_cycles: u64, longest_cycles: u64) -> Waits {
    Waits { messages, waited_cycles, longest_cycles }
}

#[test]
fn a_message_behind_another_waits_until_the_link_is_free() {
    // 0 -> 2 has link 1->2 in 11..14; a message from stop 1 that came at 11 waits until then.
    let mut net = Net::new(mesh(3, 1, false, &link(4)));
    net.net.count_waits();
    net.send(0, 0, 2, 24, 10);
    net.send(0, 1, 2, 8, 11);
    net.arrivals();
    let links = net.net.link_use(Cycle(20));
    let busy: Vec<_> = links.iter().filter(|l| l.busy_ticks > 0).collect();
    assert_eq!(busy.len(), 2);
    assert_eq!(
        (busy[0].from.as_str(), busy[0].to.as_str()),
        ("stop 0 (core 0, slice 0, memory 0)", "stop 1 (core 1, slice 1, memory 1)")
    );
    assert_eq!((busy[0].busy_ticks, busy[0].ticks, busy[0].wires), (3, 20, 3));
    assert_eq!(busy[0].waits[0], waits(1, 0, 0));
    assert_eq!((busy[1].busy_ticks, busy[1].waits[0]), (4, waits(2, 3, 3)));
    assert_eq!(net.net.delivered, [waits(2, 3, 3), Waits::default(), Waits::default()]);
}

#[test]
fn a_ride_waits_once_for_all_of_its_links() {
    let mut net = Net::new(Topology::ring(7, &wire(1), true));
    net.net.count_waits();
    net.send(2, 0, 2, 24, 10);
    // Ready at 12; link 1->2 is free from 14 on, link 2->3 would be free before.
    net.send(2, 1, 3, 8, 12);
    net.arrivals();
    let links = net.net.link_use(Cycle(20));
    let of = |from: &str| links.iter().find(|l| l.from.starts_with(from) && l.busy_ticks > 0).expect("used");
    assert_eq!(of("stop 1").waits[2], waits(2, 2, 2));
    assert_eq!(of("stop 2").waits[2], waits(1, 0, 0));
    assert_eq!(net.net.delivered[2], waits(2, 2, 2));
}

#[test]
fn credits_count_as_waiting_and_slow_clocks_do_not() {
    // One place behind the link: the second message waits for the credit of the first.
    let mut net = Net::new(mesh(3, 1, false, &link(1)));
    net.net.count_waits();
    net.send(0, 0, 2, 8, 10);
    net.send(0, 0, 2, 8, 10);
    net.arrivals();
    assert!(net.net.delivered[0].longest_cycles > 1, "more than the wires alone: {:?}", net.net.delivered[0]);
    // A clock of a third: a message that is ready at 1 crosses at tick 1, in cycle 3, unhindered.
    let slow = LinkParams { clock: ClockRatio::new(1, 3).expect("slower"), ..link(4) };
    let mut net = Net::new(mesh(2, 1, false, &slow));
    net.net.count_waits();
    net.send(0, 0, 1, 8, 1);
    assert_eq!(net.arrivals(), [6]);
    assert_eq!(net.net.delivered[0], waits(1, 0, 0));
    assert_eq!(net.net.link_use(Cycle(30))[0].ticks, 10);
}
