// SPDX-License-Identifier: MIT OR Apache-2.0
//! What taking an interrupt costs, and what becomes of the micro-op it finds.

use interrupt_ctrl::{Process, Source, Vector};
use rqsim::machine::MachineSpec;
use sim_core::core::{CoreParams, MemoryModel};
use sim_core::time::Cycle;

use crate::common::{Notes, line_of, machine, notes, skylake, tiny};

const HANDLER: &str = "proc handler() {
  z = 0
  mark note(9, 0, 0)
  ret
}
";

/// When the interrupt comes.
enum At {
    Cycle(u64),
    /// The label `here` is reached for this time, counted from 1.
    Here(u64),
}

/// Runs `text`, which contains `handler`, with one interrupt on core 0.
fn interrupted(spec: &MachineSpec, vector: Vector, at: At, text: &str) -> Notes {
    let m = machine(spec, text);
    let handler = m.program().procs.iter().position(|p| p.name == "handler").expect("the text has a handler") as u16;
    let process = match at {
        At::Cycle(cycle) => Process::Periodic { period: 1 << 40, jitter: 0, first: Some(cycle) },
        At::Here(nth) => {
            let pc = m.program().label("t0.here").expect("the text has the label");
            Process::Directed { pc, nth, repeat: false }
        }
    };
    let mut spec = MachineSpec { stop_at: Cycle(1_000_000), ..spec.clone() };
    spec.sources[0].push(Source { name: "one".into(), number: 0, vector, handler, process });
    notes(&spec, text)
}

#[test]
fn entry_and_exit_cost_what_the_machine_says() {
    let text = format!(
        "{HANDLER}proc t0() {{
  z = 0
  mark note(1, 0, 0)
here:
  z = 0
  mark note(2, 0, 0)
  ret
}}
"
    );
    // skylake, NMI at the boundary before the second move, T + 1: entry 715, so the handler's move issues at T + 716;
    // move 1, return 1 (as a call), exit 330: the second move issues at T + 1 + 715 + 1 + 1 + 330 = T + 1048.
    let n = interrupted(&skylake(), Vector::Nmi, At::Here(1), &text);
    assert_eq!((n.at(0, 9) - n.at(0, 1), n.span(0, 1, 2)), (716, 1048));
    // tiny, maskable: move 2, entry 80, move 2, return 5, exit 40. A directed arrival is at the core already, so there
    // is no delivery. NMI: entry 100, exit 50.
    let n = interrupted(&tiny(), Vector::Irq(14), At::Here(1), &text);
    assert_eq!((n.at(0, 9) - n.at(0, 1), n.span(0, 1, 2)), (82, 2 + 80 + 2 + 5 + 40));
    let n = interrupted(&tiny(), Vector::Nmi, At::Here(1), &text);
    assert_eq!((n.at(0, 9) - n.at(0, 1), n.span(0, 1, 2)), (102, 2 + 100 + 2 + 5 + 50));
}

#[test]
fn interrupted_work_goes_on_with_its_rest() {
    let text = format!("{HANDLER}proc t0() {{\n  z = 0\n  work 1000cy\n  z = 0\n  mark note(2, 0, 0)\n  ret\n}}\n");
    // skylake: work from 1 on, NMI at 500, handler from 1215 on. 501 cycles of work are left when it is back at
    // 500 + 715 + 1 + 1 + 330 = 1547, so it ends at 2048 = 1 + 1000 + 1047.
    let n = interrupted(&skylake(), Vector::Nmi, At::Cycle(500), &text);
    assert_eq!((n.at(0, 9), n.at(0, 2)), (1215, 2048));
    // tiny: work from 2 on; the source fires at 500, the core sees it 10 later: handler from 510 + 100 on. The handler
    // takes 100 + 2 + 5 + 50 = 157 in all.
    let n = interrupted(&tiny(), Vector::Nmi, At::Cycle(500), &text);
    assert_eq!((n.at(0, 9), n.at(0, 2)), (610, 2 + 1000 + 157));
}

#[test]
fn an_interrupt_waits_for_the_load_under_way() {
    // skylake, core 0, own slice: the load issues at 1 and takes 251 (see the stores), so it is done at 252. The NMI
    // of cycle 100 is taken at that boundary: handler from 252 + 715 on; behind it 1 + 1 + 330.
    let spec = skylake();
    let a = line_of(&spec, 0, 0);
    let text =
        format!("{HANDLER}proc t0() {{\n  z = 0\n  x = load.u64 [{a}]\n  z = 0\n  mark note(2, 0, 0)\n  ret\n}}\n");
    let n = interrupted(&spec, Vector::Nmi, At::Cycle(100), &text);
    assert_eq!((n.at(0, 9), n.at(0, 2)), (967, 967 + 332));
}

#[test]
fn a_handler_returns_only_when_its_stores_are_written() {
    // tiny, core 0, own slice. The handler's store issues at T + 2 (T its move), asks for its line at T + 3, has it 75
    // later and the port is free at T + 79: the return issues then; return 5, exit 50.
    let spec = tiny();
    let a = line_of(&spec, 0, 0);
    let text = format!(
        "proc handler() {{\n  z = 0\n  mark note(9, 0, 0)\n  store.u64 [{a}], 1\n  ret\n}}
proc t0() {{\n  work 1000cy\n  z = 0\n  mark note(2, 0, 0)\n  ret\n}}\n"
    );
    let n = interrupted(&spec, Vector::Nmi, At::Cycle(500), &text);
    // Taken at 510, T = 610, back at 610 + 79 + 5 + 50 = 744 with 490 of the work left.
    assert_eq!((n.at(0, 9), n.at(0, 2)), (610, 744 + 490));
    // On a `weak` core the return waits for no store: it issues at T + 3.
    let weak = CoreParams { model: MemoryModel::Weak { queue: 8, delay: 1000 }, ..spec.core };
    let n = interrupted(&MachineSpec { core: weak, ..spec }, Vector::Nmi, At::Cycle(500), &text);
    assert_eq!((n.at(0, 9), n.at(0, 2)), (610, 668 + 490));
}

/// Runs `text` on `tiny` with the sources `sent` on every core: 5 is maskable, 6 soft, each with the handler of its name.
fn sending(text: &str) -> Notes {
    let m = machine(&tiny(), text);
    let handler = |name: &str| m.program().procs.iter().position(|p| p.name == name).expect("a handler") as u16;
    let source = |number, vector, name: &str| Source {
        name: format!("sent {number}"),
        number,
        vector,
        handler: handler(name),
        process: Process::Sent,
    };
    let own = vec![source(5, Vector::Irq(3), "handler"), source(6, Vector::Soft, "soft")];
    notes(&MachineSpec { sources: vec![own; 3], ..tiny() }, text)
}

#[test]
fn an_interrupt_sent_to_another_core_takes_its_way_and_the_handlers_entry() {
    // tiny: the move issues at 0, the send at 2 and the next move a fence (6) later. The interrupt is at core 1 30
    // after the send, in the middle of its work: entry 80, so the handler's move issues at 2 + 30 + 80.
    let soft = "proc soft() {\n  ret\n}\n";
    let t1 = "proc t1() {\n  work 1000cy\n  z = 0\n  mark note(3, 0, 0)\n  ret\n}\n";
    let text = format!(
        "{HANDLER}{soft}{t1}proc t0() {{\n  z = 0\n  ipi.to 5, 1\n  mark note(1, 0, 0)\n  z = 0\n  mark note(2, 0, 0)\n  ret\n}}\n"
    );
    let n = sending(&text);
    assert_eq!((n.at(0, 1), n.at(0, 2), n.at(1, 9)), (2, 8, 112));
    // The work of core 1 is 80 + 2 + 5 + 40 longer.
    assert_eq!(n.at(1, 3), 1000 + 127);
    // A store before the send is in the cache first (see `a_handler_returns_only_when_its_stores_are_written`: issued 2
    // behind the move, written and the port free 79 behind it), so the send issues at 79 and what it tells is there.
    let spec = tiny();
    let a = line_of(&spec, 0, 0);
    let text = text.replace("  ipi.to", &format!("  store.u64 [{a}], 1\n  ipi.to"));
    let n = sending(&text);
    assert_eq!(n.at(1, 9), n.at(0, 1) + 30 + 80);
    assert_eq!(n.at(0, 1), 79);
}

#[test]
fn everybody_else_gets_an_interrupt_that_is_sent_to_others_and_the_sender_too_if_sent_to_all() {
    let body = "proc soft() {\n  ret\n}\nproc t1() {\n  work 1000cy\n  ret\n}\n";
    let others = sending(&format!("{HANDLER}{body}proc t0() {{\n  ipi.others 5\n  work 500cy\n  ret\n}}\n"));
    let who = |n: &Notes| n.0.iter().map(|(at, core, _)| (*at, *core)).collect::<Vec<_>>();
    // Core 2 has no task: it sleeps, and is woken.
    assert_eq!(who(&others), [(110, 1), (110, 2)]);
    let all = sending(&format!("{HANDLER}{body}proc t0() {{\n  ipi.all 5\n  work 500cy\n  ret\n}}\n"));
    assert_eq!(who(&all), [(110, 0), (110, 1), (110, 2)]);
}

#[test]
fn a_soft_interrupt_runs_where_its_raiser_returns() {
    // tiny: move at 0; at 2 the handler's interrupt, sent at a directed boundary by hand: entry 80, move at 82, raise at 84 (2),
    // return at 86 (5) and exit 40: 131. There the soft one: entry 14, move at 145, return at 147 (5), exit 9: 161.
    let text = "proc handler() {\n  z = 0\n  mark note(9, 0, 0)\n  raise 6\n  ret\n}
proc soft() {\n  z = 0\n  mark note(8, 0, 0)\n  ret\n}
proc t0() {\n  z = 0\n  mark note(1, 0, 0)\nhere:\n  z = 0\n  mark note(2, 0, 0)\n  ret\n}\n";
    let m = machine(&tiny(), text);
    let pc = m.program().label("t0.here").expect("the text has the label");
    let proc = |name: &str| m.program().procs.iter().position(|p| p.name == name).expect("a handler") as u16;
    let source = |number, vector, name: &str, process| Source {
        name: name.into(),
        number,
        vector,
        handler: proc(name),
        process,
    };
    let own = vec![
        source(5, Vector::Irq(3), "handler", Process::Directed { pc, nth: 1, repeat: false }),
        source(6, Vector::Soft, "soft", Process::Sent),
    ];
    let spec = MachineSpec { stop_at: Cycle(1_000_000), sources: vec![own, Vec::new(), Vec::new()], ..tiny() };
    let n = notes(&spec, text);
    assert_eq!([1, 9, 8, 2].map(|i| n.at(0, i)), [0, 82, 145, 161]);
}

#[test]
fn a_watched_boundary_that_is_issued_again_counts_once() {
    // Two stores that miss fill the buffer of `tiny`, so the third waits at the label and is issued again.
    let spec = tiny();
    let [a, b, c] = [0, 1, 2].map(|slice| line_of(&spec, slice, 0));
    let text = format!(
        "{HANDLER}proc t0() {{
  n = 0
again:
  n = n + 1
  z = 0
  mark note(n, 0, 0)
  store.u64 [{a}], n
  store.u64 [{b}], n
here:
  store.u64 [{c}], n
  fence.full
  if n < 3 goto again
  ret
}}
"
    );
    for nth in 1..=3 {
        let n = interrupted(&spec, Vector::Nmi, At::Here(nth), &text);
        let before = n.0.iter().take_while(|note| note.2[0] != 9).count() as u64;
        assert_eq!(before, nth, "it lands in the iteration in which the label is reached for the {nth}. time: {n:?}");
    }
}
