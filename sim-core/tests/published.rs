// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers of states of published models, from programs for this engine.

use std::sync::Arc;

use sim_core::asm::{Options, assemble};
use sim_core::program::Source;
use sim_core::untimed::{Explored, LIMIT_BYTES, Model, System, explore};

fn mcslock1(processes: usize) -> Explored {
    let text = include_str!("models/mcslock1.uop").to_owned();
    let program = assemble(&[Source { name: "mcslock1.uop".into(), text }], &Options::default()).expect("it assembles");
    let system = System {
        program: Arc::new(program),
        model: Model::Sc,
        tasks: vec![Some(0); processes],
        store_buffer: 1,
        merge_local: true,
        ..System::default()
    };
    explore(&system, LIMIT_BYTES, |_| panic!("no process ends")).expect("it is small")
}

/// Stern and Dill's Murphi distribution, example mcslock1: 159 states and 318 rules fired with two processes, 7597 and 22791
/// with three.
#[test]
fn mcslock1_has_the_published_numbers_of_states_and_rules() {
    assert_eq!(mcslock1(2), Explored { states: 159, steps: 318, finals: 0, stuck: 0 });
    assert_eq!(mcslock1(3), Explored { states: 7597, steps: 22791, finals: 0, stuck: 0 });
}
