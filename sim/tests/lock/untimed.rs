// SPDX-License-Identifier: MIT OR Apache-2.0
//! Both queued locks under every interleaving, without time: the same orders of owners are possible, no owner's note is lost,
//! and from no state is there no way on.

use std::collections::BTreeSet;
use std::sync::Arc;

use lock_impl::programs::embedded;
use sim_core::asm::{Options, assemble};
use sim_core::isa::Width;
use sim_core::program::Source;
use sim_core::untimed::{Model, System, explore};

use crate::support::SERIES;

/// Each owner notes its number, 1 or more, in the order of owners, and reads it back before it releases.
fn tasks(lock: &str, unlock: &str, rounds: &[usize]) -> Source {
    let mut text = format!(
        "program tasks \"tasks\"
         struct order_word align 64 {{ word: u64 }}
         object order: order_word
         object shared: lock_word
         proc round(code) {{
           p: lock_word = lea [shared]
           err = call {lock}(p)
           if err != 0 goto out
           seq = load.u64 [order.word]
           seq = seq << 2
           seq = seq | code
           store.u64 [order.word], seq
           call {unlock}(p)
         out:
           ret
         }}\n"
    );
    for (cpu, n) in rounds.iter().enumerate() {
        let calls = format!("call round({})\n", cpu + 1).repeat(*n);
        text += &format!("proc task_{cpu}() {{\n{calls}ret\n}}\n");
    }
    Source { name: "tasks.uop".into(), text }
}

/// Every final order of owners, and the number of states.
fn orders(program: &str, enabled: &[&str], rounds: &[usize], model: Model) -> (BTreeSet<u64>, u64) {
    let mut lock = embedded(program).expect("it is built in");
    // No time here: the clock stands still, so that no deadline passes and no check is due.
    lock.text = lock.text.replace("stamp = clock_ns", "stamp = 0");
    let (take, give) = match program {
        "qspinlock" => ("queued_spin_lock", "queued_spin_unlock"),
        _ => ("res_spin_lock", "res_spin_unlock"),
    };
    let params = match program {
        // Every look at the lock is one at the clock: a counter up to 65,536 would make that many states of each.
        "rqspinlock" => vec![("check_mask".to_owned(), 0), ("handover_pauses".to_owned(), 1)],
        _ => vec![("handover_pauses".to_owned(), 1)],
    };
    let options = Options { enabled: enabled.iter().map(|s| (*s).into()).collect(), params };
    let sources = [lock, tasks(take, give, rounds)];
    let program = assemble(&sources, &options).unwrap_or_else(|e| panic!("{}", e.render(&sources, false)));
    let proc = |name: &str| program.procs.iter().position(|p| p.name == name).map(|i| i as u16);
    let tasks = (0..rounds.len()).map(|cpu| proc(&format!("task_{cpu}"))).collect();
    let order = program.object("order").expect("it is declared").addr;
    let system =
        System { program: Arc::new(program), model, tasks, store_buffer: 4, merge_local: true, ..System::default() };
    let mut seen = BTreeSet::new();
    let explored = explore(&system, 400 << 20, |s| {
        seen.insert(s.read(order, Width::U64));
    })
    .unwrap_or_else(|e| panic!("{enabled:?} {rounds:?}: {e}"));
    assert_eq!(explored.stuck, 0, "{enabled:?} {rounds:?}");
    (seen, explored.states)
}

/// Orders of n owners each, in the notation of the tasks.
fn all_orders(rounds: &[usize], order: u64, into: &mut BTreeSet<u64>) {
    if rounds.iter().all(|n| *n == 0) {
        into.insert(order);
    }
    for cpu in (0..rounds.len()).filter(|c| rounds[*c] > 0) {
        let mut left = rounds.to_vec();
        left[cpu] -= 1;
        all_orders(&left, order << 2 | (cpu as u64 + 1), into);
    }
}

#[test]
fn both_locks_allow_the_same_orders_of_owners_under_every_interleaving() {
    for (rounds, model) in [(&[2, 2][..], Model::Sc), (&[2, 2], Model::Tso), (&[1, 1, 1], Model::Sc)] {
        let mut every = BTreeSet::new();
        all_orders(rounds, 0, &mut every);
        let (plain, plain_states) = orders("qspinlock", &[], rounds, model);
        let (resilient, states) = orders("rqspinlock", &SERIES, rounds, model);
        assert_eq!((&plain, &resilient), (&every, &every), "{rounds:?} {model:?}");
        assert!(plain_states > 1_000 && states > plain_states, "{plain_states} {states}");
    }
}
