// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reporter's workload with what he tried beside the patches: a guard in the programs themselves, and time-outs in NMI cut.

use reports::Record;

use crate::support::stages_of;

/// Without the guard the same 200 ms freeze for 250 ms.
#[test]
fn a_guard_in_the_programs_ends_the_freezes_without_a_patch() {
    let duration = ("duration", "\"200ms\"");
    let bare = &stages_of("ring8.ron", &["base"], &[duration])["base"];
    assert!(bare.handlers["nmi"].longest_ns > 250_000_000, "{:?}", bare.handlers);
    let guarded = &stages_of("ring8-guard.ron", &["base"], &[duration])["base"];
    let (task, nmi) = (&guarded.contexts["task"], &guarded.contexts["nmi"]);
    assert!(guarded.handlers["nmi"].longest_ns < 10_000, "{:?}", guarded.handlers);
    assert_eq!((task.held, nmi.held), (task.attempts, nmi.attempts), "nothing fails");
    // Some NMIs have interrupted a program and do nothing; most have not.
    let skipped = guarded.handlers["nmi"].count - nmi.attempts;
    assert!(skipped > 0 && skipped * 100 < nmi.attempts, "{skipped} of {}", nmi.attempts);
}

/// The deadline routine runs at the first iteration of a wait, which sets the deadline, and then every 65,536 iterations. So a
/// wait with a deadline of 0 lasts one such lap; a deadlock check, which comes no sooner than 1 ms after the first look, may need two. On a
/// machine with a PAUSE of 65 cycles at 5.4 GHz a lap is 0.91 ms, and the kernel's log, which tells of handlers
/// of 1 ms or more, shows what was reported: handlers of one to two milliseconds as long as one of the two waits is left, then none.
#[test]
fn cut_time_outs_leave_what_was_reported_where_a_lap_is_shorter_than_the_checks_interval() {
    let stage = ["+1 f1ms", "+1 f0", "+1 f0 p0"];
    let machine = |name: &'static str| ("machine", name);
    let long = |r: &Record| r.handlers["nmi"].longest_ns;
    let fast = stages_of(
        "ring8-timeouts.ron",
        &stage,
        &[machine("Preset(\"zen3-ccx-8\")"), ("machine.clock", "\"5.4GHz\""), ("duration", "\"300ms\"")],
    );
    let two_laps = 1_800_000..2_000_000;
    assert!(two_laps.contains(&long(&fast["+1 f1ms"])) && two_laps.contains(&long(&fast["+1 f0"])));
    assert!((900_000..1_000_000).contains(&long(&fast["+1 f0 p0"])), "{}", long(&fast["+1 f0 p0"]));
    assert!(fast["+1 f0"].edeadlk_by["aa_periodic"] > 0 && fast["+1 f0"].timeouts_by["fallback"] > 0);
    assert_eq!(fast["+1 f0 p0"].edeadlk_by["aa_periodic"], 0, "every wait in NMI ends before the first deadlock check");
    assert!(fast["+1 f0 p0"].timeouts_by["pending"] > 0);
    // A lap of 2.47 ms: the first look after it is past the deadline and past the interval, whatever the deadline.
    let slow =
        stages_of("ring8-timeouts.ron", &stage, &[machine("Preset(\"skylake-ring-8\")"), ("duration", "\"100ms\"")]);
    for name in stage {
        assert!((2_450_000..2_600_000).contains(&long(&slow[name])), "{name}: {}", long(&slow[name]));
    }
}
