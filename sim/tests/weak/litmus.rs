// SPDX-License-Identifier: MIT OR Apache-2.0
//! The classic tests: relaxed outcomes with plain accesses, and none with the order that forbids them.

use sim_core::core::MemoryModel;

use crate::harness::{Round, WEAK, count, finished, machine, play};

/// Rounds per machine.
const ROUNDS: u64 = 1_500;

type Condition = fn(&Round<'_>) -> bool;

#[track_caller]
fn seen(model: MemoryModel, bodies: &[&str], condition: Condition) -> u64 {
    count(&play(model, bodies, ROUNDS), condition).0
}

/// The condition is met on the `weak` machine, and never on `sc` and `tso` ones (`tso`: unless it may).
#[track_caller]
fn relaxed(bodies: &[&str], tso_may: bool, condition: Condition) {
    assert!(seen(WEAK, bodies, condition) > 0, "never seen: {bodies:?}");
    let tso = seen(MemoryModel::Tso, bodies, condition);
    assert_eq!(tso > 0, tso_may, "tso: {tso} times {bodies:?}");
    assert_eq!(seen(MemoryModel::Sc, bodies, condition), 0, "sc: {bodies:?}");
}

#[track_caller]
fn allowed(bodies: &[&str], condition: Condition) {
    assert!(seen(WEAK, bodies, condition) > 0, "never seen: {bodies:?}");
}

#[track_caller]
fn forbidden(bodies: &[&str], condition: Condition) {
    let n = seen(WEAK, bodies, condition);
    assert_eq!(n, 0, "seen {n} times: {bodies:?}");
}

const X1: &str = "store.u64 [x.v], 1";
const Y1: &str = "store.u64 [y.v], 1";
const Y1_REL: &str = "store.u64.rel [y.v], 1";
const RX: &str = "r0 = load.u64 [x.v]";
const RY: &str = "r0 = load.u64 [y.v]";
const RY_ACQ: &str = "r0 = load.u64.acq [y.v]";
const RX1: &str = "r1 = load.u64 [x.v]";

/// Steps of a body.
fn steps(of: &[&str]) -> String {
    of.join(";")
}

macro_rules! bodies {
    ($([$($step:expr),+]),+ $(,)?) => { &[$(&*steps(&[$($step),+])),+] };
}

#[test]
fn store_buffering() {
    let both_old: Condition = |r| r.reg(0, 0) == 0 && r.reg(1, 0) == 0;
    relaxed(bodies!([X1, RY], [Y1, RX]), true, both_old);
    allowed(bodies!([X1, "fence.full", RY], [Y1, RX]), both_old);
    allowed(bodies!([X1, "fence.w", "fence.r", RY], [Y1, "fence.w", "fence.r", RX]), both_old);
    forbidden(bodies!([X1, "fence.full", RY], [Y1, "fence.full", RX]), both_old);
    // As STLR and LDAR: a release store is written before a later acquire load.
    let (x_rel, rx_acq) = ("store.u64.rel [x.v], 1", "r0 = load.u64.acq [x.v]");
    forbidden(bodies!([x_rel, RY_ACQ], [Y1_REL, rx_acq]), both_old);
    allowed(bodies!([X1, RY_ACQ], [Y1, rx_acq]), both_old);
    let exchange = |v| format!("xchg.u64 [{v}.v], 1");
    forbidden(&[&steps(&[&exchange("x"), RY]), &steps(&[&exchange("y"), RX])], both_old);
    // A relaxed one orders nothing.
    let exchange = |v| format!("xchg.u64.relaxed [{v}.v], 1");
    allowed(&[&steps(&[&exchange("x"), RY]), &steps(&[&exchange("y"), RX])], both_old);
}

#[test]
fn message_passing() {
    let new_then_old: Condition = |r| r.reg(1, 0) == 1 && r.reg(1, 1) == 0;
    relaxed(bodies!([X1, Y1], [RY, RX1]), false, new_then_old);
    // Each side alone is not enough: the stores pass each other, or the second load is stale.
    allowed(bodies!([X1, Y1], [RY_ACQ, RX1]), new_then_old);
    allowed(bodies!([X1, Y1], [RY, "fence.full", RX1]), new_then_old);
    allowed(bodies!([X1, Y1_REL], [RY, RX1]), new_then_old);
    allowed(bodies!([X1, "fence.full", Y1], [RY, RX1]), new_then_old);
    // A branch is no order for loads, as on hardware that predicts it.
    allowed(bodies!([X1, "fence.w", Y1], [RY, "if r0 == 0 goto out", RX1, "\nout:"]), new_then_old);
    // What is enough on the writer's side, with what is enough on the reader's.
    for write in [steps(&[X1, Y1_REL]), steps(&[X1, "fence.w", Y1]), steps(&[X1, "fence.rel", Y1])] {
        for read in [steps(&[RY_ACQ, RX1]), steps(&[RY, "fence.r", RX1]), steps(&[RY, "fence.acq", RX1])] {
            forbidden(&[&write, &read], new_then_old);
        }
    }
    // An address dependency.
    let depends = steps(&[RY, "a = r0 ^ r0", "p: var = lea [x]", "p = p + a", "r1 = load.u64 [p.v]"]);
    forbidden(&[&steps(&[X1, "fence.w", Y1]), &depends], new_then_old);
    // Read-modify-writes as flags.
    let swap = |order: &str| format!("xchg.u64{order} [y.v], 1");
    let add = |order: &str| format!("r0 = fetch_add.u64{order} [y.v], 0");
    forbidden(&[&steps(&[X1, &swap(".rel")]), &steps(&[&add(".acq"), RX1])], new_then_old);
    forbidden(&[&steps(&[X1, &swap("")]), &steps(&[&add(""), RX1])], new_then_old);
    forbidden(&[&steps(&[X1, "fence.w", &swap(".relaxed")]), &steps(&[&add(".acq"), RX1])], new_then_old);
    allowed(&[&steps(&[X1, &swap(".acq")]), &steps(&[&add(".acq"), RX1])], new_then_old);
    allowed(&[&steps(&[X1, &swap(".rel")]), &steps(&[&add(".rel"), RX1])], new_then_old);
}

#[test]
fn s_and_r_and_two_plus_two_writes() {
    let s: Condition = |r| r.reg(1, 0) == 1 && r.end(0) == 2;
    let x2 = "store.u64 [x.v], 2";
    relaxed(bodies!([x2, Y1], [RY, X1]), false, s);
    forbidden(bodies!([x2, Y1_REL], [RY_ACQ, X1]), s);
    forbidden(bodies!([x2, "fence.w", Y1], [RY, "fence.full", X1]), s);

    let r: Condition = |r| r.end(1) == 2 && r.reg(1, 0) == 0;
    let y2 = "store.u64 [y.v], 2";
    relaxed(bodies!([X1, Y1], [y2, RX]), true, r);
    allowed(bodies!([X1, Y1], [y2, "fence.full", RX]), r);
    allowed(bodies!([X1, "fence.full", Y1], [y2, RX]), r);
    forbidden(bodies!([X1, "fence.full", Y1], [y2, "fence.full", RX]), r);

    let both_first: Condition = |r| r.end(0) == 2 && r.end(1) == 2;
    relaxed(bodies!([x2, Y1], [y2, X1]), false, both_first);
    allowed(bodies!([x2, "fence.w", Y1], [y2, X1]), both_first);
    forbidden(bodies!([x2, "fence.w", Y1], [y2, "fence.rel", X1]), both_first);
    forbidden(bodies!([x2, Y1_REL], [y2, "store.u64.rel [x.v], 1"]), both_first);
}

#[test]
fn three_cores_pass_it_on() {
    // WRC: seen, told on, and not there.
    let late: Condition = |r| r.reg(1, 0) == 1 && r.reg(2, 0) == 1 && r.reg(2, 1) == 0;
    relaxed(bodies!([X1], [RX, Y1], [RY, RX1]), false, late);
    forbidden(bodies!([X1], [RX, Y1_REL], [RY_ACQ, RX1]), late);
    forbidden(bodies!([X1], [RX, "fence.full", Y1], [RY, "fence.full", RX1]), late);

    // ISA2.
    let late: Condition = |r| r.reg(1, 0) == 1 && r.reg(2, 0) == 1 && r.reg(2, 1) == 0;
    let (z1, rz) = ("store.u64 [z.v], 1", "r0 = load.u64 [z.v]");
    relaxed(bodies!([X1, Y1], [RY, z1], [rz, RX1]), false, late);
    let (z1_rel, rz_acq) = ("store.u64.rel [z.v], 1", "r0 = load.u64.acq [z.v]");
    forbidden(bodies!([X1, Y1_REL], [RY_ACQ, z1_rel], [rz_acq, RX1]), late);

    // RWC.
    let late: Condition = |r| r.reg(1, 0) == 1 && r.reg(1, 1) == 0 && r.reg(2, 0) == 0;
    let ry1 = "r1 = load.u64 [y.v]";
    relaxed(bodies!([X1], [RX, ry1], [Y1, RX]), true, late);
    forbidden(bodies!([X1], [RX, "fence.full", ry1], [Y1, "fence.full", RX]), late);
}

#[test]
fn independent_reads_of_independent_writes() {
    let disagree: Condition = |r| r.reg(2, 0) == 1 && r.reg(2, 1) == 0 && r.reg(3, 0) == 1 && r.reg(3, 1) == 0;
    let ry1 = "r1 = load.u64 [y.v]";
    relaxed(bodies!([X1], [Y1], [RX, ry1], [RY, RX1]), false, disagree);
    forbidden(bodies!([X1], [Y1], ["r0 = load.u64.acq [x.v]", ry1], [RY_ACQ, RX1]), disagree);
    forbidden(bodies!([X1], [Y1], [RX, "fence.r", ry1], [RY, "fence.full", RX1]), disagree);
}

#[test]
fn without_places_or_time_no_load_is_stale() {
    let bodies = bodies!([X1, "fence.w", Y1], [RY, RX1]);
    let stale: Condition = |r| r.reg(1, 0) == 1 && r.reg(1, 1) == 0;
    allowed(bodies, stale);
    for (queue, delay) in [(0, 2_000), (8, 0)] {
        assert_eq!(seen(MemoryModel::Weak { queue, delay }, bodies, stale), 0, "{queue} places, {delay} cycles");
    }
}

/// Hardware may (DEVIATIONS.md, D21); a core that issues in order cannot.
#[test]
fn load_buffering_is_never_seen() {
    forbidden(bodies!([RX, Y1], [RY, X1]), |r| r.reg(0, 0) == 1 && r.reg(1, 0) == 1);
}

#[test]
fn a_load_that_the_store_buffer_answers_drops_stale_copies_only_if_it_acquires() {
    // Core 0 has a copy of x, which core 1 takes away; then it reads z, which it has just stored and does not have, and x.
    let x = |order: &str| {
        let text = format!(
            "struct var align 64 kind payload {{ v: u64 }}
object x: var
object z: var
proc t0() {{
  a = load.u64 [x.v]
  work 1500cy
  store.u64 [z.v], 7
  b = load.u64{order} [z.v]
  c = load.u64 [x.v]
  mark note(0, b, c)
  ret
}}
proc t1() {{
  work 500cy
  store.u64 [x.v], 1
  ret
}}
"
        );
        let m = finished(&machine(WEAK, 2, 1), &text);
        let [(_, 0, [_, 7, c])] = m.probe.0[..] else { panic!("{:?}", m.probe.0) };
        c
    };
    assert_eq!((x(""), x(".acqpc"), x(".acq")), (0, 1, 1));
}
