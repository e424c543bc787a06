// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arrivals of a few messages, counted by hand.

use super::*;

/// Stops 0 .. n in a line, joined by the same link.
fn line(n: usize, p: &LinkParams) -> Topology {
    mesh(n, 1, false, p)
}

fn arrivals(topology: Topology, messages: &[(u8, usize, usize, u64, u64)]) -> Vec<u64> {
    let mut net = Net::new(topology);
    for &(network, from, to, bytes, ready) in messages {
        net.send(network, from, to, bytes, ready);
    }
    net.arrivals()
}

fn ring(stops: usize, latency: u64) -> Topology {
    Topology::ring(stops - 1, &wire(latency), true)
}

#[test]
fn an_unloaded_message_takes_its_hops_and_the_tail_of_its_slots() {
    // Three hops of two cycles, two more cycles until the third slot is there; everywhere the same.
    assert_eq!(arrivals(ring(8, 2), &[(0, 1, 4, 24, 100)]), [100 + 3 * 2 + 2]);
    assert_eq!(arrivals(line(8, &LinkParams { latency: 2, ..link(4) }), &[(0, 1, 4, 24, 100)]), [100 + 3 * 2 + 2]);
    assert_eq!(arrivals(star(8, &LinkParams { latency: 2, ..link(4) }), &[(0, 1, 4, 24, 100)]), [100 + 2 * 2 + 2]);
    assert_eq!(arrivals(bus(8, &wire(3)), &[(0, 1, 4, 24, 100)]), [100 + 3 + 2]);
    assert_eq!(arrivals(line(8, &link(4)), &[(0, 3, 3, 24, 100)]), [100], "no link to a neighbour at the same stop");
}

#[test]
fn a_message_waits_at_injection_for_slots_on_its_whole_ring_route() {
    let sent = [
        // Three slots from stop 0 to 2: link 0->1 in 10..13, link 1->2 in 11..14.
        (2, 0, 2, 24, 10),
        // From stop 1, ready at 12: link 1->2 is free from 14 on.
        (2, 1, 2, 8, 12),
        // Another network is not affected, nor is the other direction.
        (0, 1, 2, 8, 12),
        (2, 2, 1, 8, 12),
    ];
    assert_eq!(arrivals(ring(8, 1), &sent), [14, 15, 13, 13]);
    // A single slot before the train still fits, though it is sent later.
    let mut net = Net::new(ring(8, 1));
    let mut todo = Vec::new();
    let parcel = |from, to, bytes| Parcel { network: 2, from, to, bytes, order: (from, 0) };
    assert_eq!(net.net.send(0, parcel(0, 2, 24), Cycle(10), Cycle(0), &mut todo).0, Sent::Arrives(Cycle(14)));
    assert_eq!(net.net.send(1, parcel(1, 2, 8), Cycle(9), Cycle(0), &mut todo).0, Sent::Arrives(Cycle(10)));
}

#[test]
fn a_message_cuts_through_and_keeps_every_link_busy_for_its_slots() {
    // 0 -> 2 has link 1->2 in 11..14; a message from stop 1 that came at 11 waits until then.
    let sent = [(0, 0, 2, 24, 10), (0, 1, 2, 8, 11)];
    let mut net = Net::new(line(3, &link(4)));
    for (network, from, to, bytes, ready) in sent {
        net.send(network, from, to, bytes, ready);
    }
    assert_eq!(net.arrivals(), [14, 15]);
    assert_eq!(net.net.busy_ticks().iter().sum::<u64>(), 3 + 3 + 1);
}

#[test]
fn a_wide_link_behind_a_narrow_one_does_not_run_out_of_a_message() {
    let mut b = Builder::default();
    let s = stops(&mut b, 3);
    b.link(s[0], s[1], &link(4));
    b.link(s[1], s[2], &LinkParams { bytes: 32, ..link(4) });
    b.link(s[2], s[0], &link(4));
    // 64 bytes: 8 slots, 10..18 on the first link, last part at stop 1 at 18. The second takes 2
    // slots, so it begins at 17 and the last part arrives at 17 + 1 + 1.
    assert_eq!(arrivals(populate(b, &s), &[(0, 0, 2, 64, 10)]), [19]);
}

#[test]
fn credits_come_back_when_the_tail_has_left_and_the_sender_knows() {
    // One place behind each link. The first message crosses 0->1 from 10 on and 1->2 from 11 on;
    // its place at stop 1 is free at 12, which stop 0 knows at 13. The second starts then.
    assert_eq!(arrivals(line(3, &link(1)), &[(0, 0, 2, 8, 10), (0, 0, 2, 8, 10)]), [12, 15]);
    // With as many places as the credit's way is long, one message starts each cycle.
    let burst: Vec<_> = (0..6).map(|_| (0, 0, 2, 8, 10)).collect();
    assert_eq!(arrivals(line(3, &link(3)), &burst), [12, 13, 14, 15, 16, 17]);
    assert_eq!(arrivals(line(3, &link(2)), &burst), [12, 13, 15, 16, 18, 19]);
}

#[test]
fn a_full_buffer_blocks_its_own_network_only() {
    // A slow second link makes the first message's place at stop 1 stay taken.
    let mut b = Builder::default();
    let s = stops(&mut b, 3);
    b.link(s[0], s[1], &link(1));
    b.link(s[1], s[2], &LinkParams { bytes: 1, ..link(1) });
    b.link(s[2], s[0], &link(1));
    let sent = [(0, 0, 2, 8, 10), (0, 0, 1, 8, 10), (1, 0, 1, 8, 10)];
    // The first crosses the second link in 11..19; the second starts at 20.
    assert_eq!(arrivals(populate(b, &s), &sent), [19, 21, 11]);
}

#[test]
fn networks_share_wires_only_where_they_are_told_to() {
    let sent = [(0, 0, 1, 24, 10), (1, 0, 1, 8, 10), (2, 0, 1, 8, 10)];
    assert_eq!(arrivals(line(2, &link(4)), &sent), [13, 11, 11]);
    assert_eq!(arrivals(line(2, &LinkParams { shared_wires: true, ..link(4) }), &sent), [13, 14, 15]);
    assert_eq!(arrivals(bus(2, &wire(1)), &sent), [13, 11, 11]);
    assert_eq!(arrivals(bus(2, &WireParams { shared_wires: true, ..wire(1) }), &sent), [13, 14, 15]);
}

#[test]
fn a_bus_takes_one_message_at_a_time_oldest_first() {
    let sent = [(0, 0, 1, 24, 10), (0, 2, 3, 8, 11), (0, 1, 0, 8, 12), (0, 3, 2, 8, 12)];
    assert_eq!(arrivals(bus(4, &wire(1)), &sent), [13, 14, 15, 16]);
}

#[test]
fn a_slow_clock_moves_messages_at_its_own_ticks() {
    let clock = ClockRatio::new(3, 5).expect("slower than the core");
    // Ticks at cycles 0, 1.67, 3.33, 5, 6.67, 8.33, 10, ..: ready at 11 means tick 7 (11.67).
    let slow = LinkParams { clock, ..link(4) };
    assert_eq!(arrivals(line(3, &slow), &[(0, 0, 1, 8, 10)]), [12], "tick 6 at 10, tick 7 seen at 12");
    assert_eq!(arrivals(line(3, &slow), &[(0, 0, 1, 8, 11)]), [14], "tick 7, tick 8 seen at 14");
    // Six hops: tick 12 is at 20, and none is lost at the stops between, whatever cycle they are seen in.
    assert_eq!(arrivals(line(7, &slow), &[(0, 0, 6, 8, 10)]), [20]);
    assert_eq!(arrivals(line(7, &slow), &[(0, 0, 6, 64, 10)]), [32], "seven more slots: tick 19 is at 31.67");
    // Thirty messages of one slot take thirty ticks: no tick is lost, nothing drifts.
    let burst: Vec<_> = (0..30).map(|_| (0, 0, 1, 8, 10)).collect();
    let last = *arrivals(line(2, &LinkParams { places: 64, ..slow }), &burst).last().expect("thirty");
    assert_eq!(last, 10 + 30 * 5 / 3);
    let ring = Topology::ring(7, &WireParams { clock, ..wire(2) }, true);
    assert_eq!(
        arrivals(ring, &[(0, 0, 3, 16, 10)]),
        [22],
        "tick 6, three hops of two ticks, one more slot: 13 = 21.67"
    );
}

#[test]
fn a_message_through_three_parts_adds_up() {
    // Socket 0 is a ring, socket 1 a bus; both gates are their stop 4.
    let t = sockets(&link(2));
    assert_eq!(t.hops(0, 9), 4 + 1 + 1);
    assert_eq!(t.cycles(0, 9), 4 + 1 + 2);
    // Two slots: the ring has delivered the head at 14, the link at 15, the bus the tail at 15 + 2 + 1.
    assert_eq!(arrivals(t, &[(1, 0, 9, 16, 10)]), [18]);
}
