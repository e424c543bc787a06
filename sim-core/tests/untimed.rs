// SPDX-License-Identifier: MIT OR Apache-2.0
//! The untimed engine on programs of its own text: what it finds, and when it refuses.

use std::collections::BTreeSet;
use std::sync::Arc;

use sim_core::asm::{Options, assemble};
use sim_core::isa::{ContextKind, Width};
use sim_core::program::{GLOBAL_BASE, Source as Text};
use sim_core::untimed::{Explored, LIMIT_BYTES, Model, Source, Stop, System, explore};

/// A system in which core `i` executes the `i`-th procedure.
fn system(text: &str, model: Model) -> System {
    let text = format!(
        "struct word align 64 {{ a: u32 @0, low: u8 @0, both: u64 @0 }}\nobject w: word\nobject v: word\n{text}"
    );
    let program = assemble(&[Text { name: "t".into(), text }], &Options::default()).expect("it assembles");
    let tasks = (0..program.procs.len()).map(|i| Some(i as u16)).collect();
    System { program: Arc::new(program), model, tasks, store_buffer: 4, merge_local: true, ..System::default() }
}

/// The values of `w.a` at the end.
fn ends(s: &System) -> (BTreeSet<u64>, Explored) {
    let mut set = BTreeSet::new();
    let explored = explore(s, LIMIT_BYTES, |state| {
        set.insert(state.read(GLOBAL_BASE, Width::U32));
    });
    (set, explored.expect("it ends"))
}

#[test]
fn an_increment_without_a_lock_is_lost_under_both_models_and_a_locked_one_is_not() {
    for model in [Model::Sc, Model::Tso] {
        let twice = |op: &str| {
            format!(
                "proc p() {{\n  x = {op}.u32 [w.a], 1\n  ret\n}}\nproc q() {{\n  x = {op}.u32 [w.a], 1\n  ret\n}}\n"
            )
        };
        assert_eq!(ends(&system(&twice("local_add"), model)).0, BTreeSet::from([1, 2]));
        assert_eq!(ends(&system(&twice("fetch_add"), model)).0, BTreeSet::from([2]));
    }
}

#[test]
fn a_load_waits_for_a_store_that_covers_it_only_in_part() {
    let text = "proc p() {\n  store.u8 [w.low], 1\n  x = load.u32 [w.a]\n  store.u32 [w.a], x\n  ret\n}\n";
    let mut s = system(text, Model::Tso);
    s.memory = vec![(GLOBAL_BASE, Width::U32, 0x0500)];
    assert_eq!(ends(&s).0, BTreeSet::from([0x0501]));
}

#[test]
fn a_wait_that_nobody_ends_has_no_final_state_and_comes_to_an_end() {
    let spin = "proc p() {\nspin:\n  x = load.u32 [w.a]\n  pause\n  if x == 0 goto spin\n  ret\n}\n";
    let (set, explored) = ends(&system(spin, Model::Tso));
    assert_eq!((set.len(), explored.finals, explored.stuck), (0, 0, 0));
    let released = format!("{spin}proc q() {{\n  store.u32 [w.a], 1\n  ret\n}}\n");
    assert_eq!(ends(&system(&released, Model::Tso)).0, BTreeSet::from([1]));
    let idle = "proc p() {\nl:\n  goto l\n  ret\n}\n";
    assert_eq!(ends(&system(idle, Model::Sc)).1.states, 1);
}

#[test]
fn calls_return_to_each_caller_and_a_halted_core_is_stuck() {
    let text = "proc p() {\n  r = call f(5)\n  s = call f(r)\n  store.u32 [w.a], s\n  ret\n}\nproc f(n) -> m {\n  m = n * 2\n  ret m\n}\n";
    let mut s = system(text, Model::Tso);
    s.tasks = vec![Some(0), None];
    assert_eq!(ends(&s).0, BTreeSet::from([20]));
    let (_, explored) = ends(&system("proc p() {\n  halt\n  ret\n}\n", Model::Sc));
    assert_eq!((explored.finals, explored.stuck), (0, 1));
}

#[test]
fn a_full_buffer_lets_no_store_pass_and_the_fence_waits_for_all() {
    // With room for one store the second can be buffered only when the first is in memory.
    let text = "proc p() {\n  store.u32 [w.a], 1\n  store.u32 [v.a], 1\n  fence.full\n  ret\n}\n\
                proc q() {\n  y = load.u32 [v.a]\n  x = load.u32 [w.a]\n  if y == 0 goto out\n  if x == 1 goto out\n  store.u32 [w.a], 9\nout:\n  ret\n}\n";
    for store_buffer in [1, 4] {
        let s = System { store_buffer, ..system(text, Model::Tso) };
        assert_eq!(ends(&s).0, BTreeSet::from([1]));
    }
}

#[test]
fn too_little_memory_is_said_and_a_fault_has_its_place() {
    let text = "proc p() {\n  x = load.u32 [w.a]\n  y = x + 1\n  store.u32 [w.a], y\n  ret\n}\nproc q() {\n  x = load.u32 [w.a]\n  y = x + 2\n  store.u32 [w.a], y\n  ret\n}\n";
    let s = system(text, Model::Tso);
    let stop = explore(&s, 500, |_| ()).expect_err("500 bytes are too few");
    assert!(matches!(stop, Stop::Incomplete { limit_bytes: 500, states } if states > 1), "{stop}");
    assert!(stop.to_string().starts_with("incomplete: "));
    let faults = [
        ("  x = 4\n  y = load.u32 [x+0]\n", "address 0x4 belongs to no object"),
        ("  x = lea [w.a]\n  y = load.u32 [x+2]\n", "is not aligned to 4 bytes"),
        ("  x = 0\n  y = 1 / x\n", "division by zero"),
        ("  y = clock_ns\n", "no meaning without time"),
    ];
    for (body, what) in faults {
        let s = system(&format!("proc p() {{\n{body}  ret\n}}\n"), Model::Sc);
        let stop = explore(&s, LIMIT_BYTES, |_| ()).expect_err(what);
        assert!(matches!(&stop, Stop::Fault(f) if f.core == 0 && f.what.contains(what)), "{stop}");
    }
}

/// Core 1 gets the handler when it is sent 5.
fn with_sends(text: &str, model: Model) -> System {
    let s = system(text, model);
    let handler = s.program.procs.iter().position(|p| p.name == "handler").expect("there is one") as u16;
    let source = Source { kind: ContextKind::Hardirq, rank: 1, handler, number: Some(5) };
    System { tasks: vec![Some(0), Some(1)], sources: vec![Vec::new(), vec![source]], ..s }
}

#[test]
fn the_receiver_of_an_interrupt_sees_what_was_stored_before_it_was_sent() {
    let text = "proc p() {\n  store.u32 [v.a], 1\n  ipi.to 5, 1\n  ret\n}\nproc q() {\n  halt\n  ret\n}\n\
                proc handler() {\n  x = load.u32 [v.a]\n  x = x + 7\n  store.u32 [w.a], x\n  ret\n}\n";
    for model in [Model::Sc, Model::Tso, Model::Weak] {
        let (set, explored) = ends(&with_sends(text, model));
        assert_eq!((set, explored.stuck), (BTreeSet::from([8]), 0), "{model:?}");
        // Without the send nothing wakes it; and another core has no such interrupt.
        for other in ["", "  ipi.to 5, 0\n", "  ipi.to 4, 1\n", "  raise 5\n"] {
            let (set, explored) = ends(&with_sends(&text.replace("  ipi.to 5, 1\n", other), model));
            assert_eq!((set.len(), explored.finals), (0, 0), "{model:?} {other}");
            assert!(explored.stuck > 0, "{model:?} {other}");
        }
    }
}

#[test]
fn interrupts_that_are_sent_together_are_taken_one_by_one_or_as_one() {
    let text = "proc p() {\n  ipi.others 5\n  ipi.all 5\n  ret\n}\nproc q() {\n  irq_save f\n  irq_restore f\n  ret\n}\n\
                proc handler() {\n  x = local_add.u32 [w.a], 1\n  ret\n}\n";
    for merge_local in [false, true] {
        let s = System { merge_local, ..with_sends(text, Model::Tso) };
        assert_eq!(ends(&s).0, BTreeSet::from([1, 2]));
    }
}

/// A release and an acquire order what is before the one and behind the other, even if nobody else touches their word.
#[test]
fn a_release_and_an_acquire_of_an_own_word_are_a_fence_for_all() {
    let zeros = |release: &str, acquire: &str, private: bool| {
        let text = format!(
            "object m: word\n\
             proc p() {{\n  store.u32 [w.a], 1\n  store.u32{release} [m.a], 1\n  own = load.u32{acquire} [m.a]\n  x = load.u32 [v.a]\n  ret\n}}\n\
             proc q() {{\n  store.u32 [v.a], 1\n  fence.full\n  y = load.u32 [w.a]\n  ret\n}}\n"
        );
        let s = System { private, ..system(&text, Model::Weak) };
        let reg = |proc: usize, name: &str| s.program.procs[proc].regs.iter().position(|r| r == name).expect("there");
        let (x, y) = (reg(0, "x"), reg(1, "y"));
        let mut seen = BTreeSet::new();
        let explored = explore(&s, LIMIT_BYTES, |state| {
            seen.insert([(0, x), (1, y)].map(|(core, reg): (usize, usize)| state.cores[core].contexts[0].regs[reg]));
        });
        assert_eq!(explored.expect("it ends").stuck, 0);
        assert!(seen.len() >= 3, "{seen:?}");
        seen.contains(&[0, 0])
    };
    for private in [false, true] {
        assert!(!zeros(".rel", ".acq", private));
        assert!(zeros(".rel", ".acqpc", private), "it does not wait for the release");
        assert!(zeros("", ".acq", private) && zeros(".rel", "", private));
    }
}
