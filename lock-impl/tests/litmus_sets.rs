// SPDX-License-Identifier: MIT OR Apache-2.0
//! The development set under the untimed engine: the whole set of outcomes, and the verdict.

use std::collections::BTreeSet;
use std::path::Path;

use lock_impl::litmus::{Compiled, Test, Variant, compile, parse};
use sim_core::untimed::{LIMIT_BYTES, Model, System, explore};

/// Size of the set and whether the condition is met by one of them, on sc and on tso.
type Row = (&'static str, usize, bool, usize, bool);

/// From the published verdicts (x86 part) and from the definition of the models (rest).
const ROWS: &[Row] = &[
    ("x86/SB", 3, false, 4, true),
    ("x86/SB+mfences", 3, false, 3, false),
    ("x86/SB+mfence+po", 3, false, 4, true),
    ("x86/SB+rfi-pos", 3, false, 4, true),
    ("x86/SB+mfence+rfi-po", 3, false, 4, true),
    ("x86/MP", 3, false, 3, false),
    ("x86/MP+po+po-rfi-po", 3, false, 3, false),
    ("x86/LB", 3, false, 3, false),
    ("x86/S", 3, false, 3, false),
    ("x86/R", 3, false, 4, true),
    ("x86/R+po+mfence", 3, false, 3, false),
    ("x86/R+mfences", 3, false, 3, false),
    ("x86/R+po+rfi-po", 4, false, 5, true),
    ("x86/2+2W", 3, false, 3, false),
    ("x86/WRC", 7, false, 7, false),
    ("x86/RWC", 7, false, 8, true),
    ("x86/RWC+po+mfence", 7, false, 7, false),
    ("x86/IRIW", 15, false, 15, false),
    ("x86/ISA2", 7, false, 7, false),
    ("x86/n5", 3, false, 3, false),
    ("x86/n6", 4, false, 5, true),
    ("x86/iwp2.8.a", 3, false, 3, false),
    ("x86/iwp2.8.b", 3, false, 3, false),
    ("x86/CoRR", 3, false, 3, false),
    ("x86/CoWW", 1, false, 1, false),
    ("x86/CoRW1", 1, false, 1, false),
    ("x86/CoWR", 3, false, 3, false),
    ("x86_64/SB", 3, false, 4, true),
    ("x86_64/SB+lock-adds", 3, false, 3, false),
    ("x86_64/cmpxchg-wins-once", 2, false, 2, false),
    ("x86_64/xadd", 2, true, 2, true),
    ("x86_64/inc", 2, true, 2, true),
    ("x86_64/MP+spin", 1, false, 1, false),
    ("aarch64/MP", 3, false, 3, false),
    ("aarch64/MP+dmb.sys", 3, false, 3, false),
    ("aarch64/MP+dmb.sy+po", 3, false, 3, false),
    ("aarch64/MP+dmb.st+dmb.ld", 3, false, 3, false),
    ("aarch64/MP+rel+acq", 3, false, 3, false),
    ("aarch64/MP+dmb.sy+addr", 3, false, 3, false),
    ("aarch64/LB+data+ctrl", 3, false, 3, false),
    ("aarch64/SB", 3, false, 4, true),
    ("aarch64/SB+dmb.sys", 3, false, 3, false),
    ("aarch64/SB+rel-acqs", 3, false, 3, false),
    ("aarch64/SB+rel-acqpcs", 3, false, 4, true),
    ("aarch64/SB+swps", 3, false, 3, false),
    ("aarch64/CoRR", 3, false, 3, false),
    ("c/SB", 3, false, 4, true),
    ("c/SB+mbs", 3, false, 3, false),
    ("c/MP", 3, false, 3, false),
    ("c/MP+rel+acq", 3, false, 3, false),
    ("c/MP+plain", 2, false, 2, false),
    ("c/IRIW", 15, false, 15, false),
    ("c/IRIW+mbs", 15, false, 15, false),
    ("c/MP+addr", 2, false, 2, false),
    ("c/atomics", 2, true, 2, true),
];

fn load(name: &str) -> (Test, Compiled) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("litmus").join(format!("{name}.litmus"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
    let test = parse(name, &text).unwrap_or_else(|e| panic!("{e}"));
    let compiled = compile(&test, Variant::Bare).unwrap_or_else(|e| panic!("{name}: {e:?}"));
    (test, compiled)
}

fn outcomes(c: &Compiled, model: Model, merge_local: bool) -> BTreeSet<Vec<i64>> {
    let system = System {
        program: c.program.clone(),
        model,
        tasks: c.procs.iter().map(|p| Some(*p)).collect(),
        memory: c.memory.clone(),
        store_buffer: 16,
        merge_local,
        ..System::default()
    };
    let mut set = BTreeSet::new();
    let explored = explore(&system, LIMIT_BYTES, |s| {
        let register = |t: usize, r: usize| s.cores[t].contexts[0].regs[r];
        set.insert(c.outcome(register, |a, w| s.read(a, w)));
    });
    assert_eq!(explored.expect("small and without faults").stuck, 0);
    set
}

#[test]
fn every_test_has_exactly_the_stated_set_and_verdict() {
    let mut wrong = String::new();
    for (name, sc, sc_seen, tso, tso_seen) in ROWS {
        let (test, compiled) = load(name);
        for (model, n, seen) in [(Model::Sc, sc, sc_seen), (Model::Tso, tso, tso_seen)] {
            let set = outcomes(&compiled, model, true);
            let met = set.iter().any(|o| compiled.holds(&test.condition, o));
            if set.len() != *n || met != *seen {
                let all: Vec<String> = set.iter().map(|o| compiled.show(&test, o)).collect();
                wrong += &format!("{name} {model:?}: {} states, met {met}\n  {}\n", set.len(), all.join("\n  "));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn merging_local_steps_leaves_out_no_outcome() {
    for (name, ..) in ROWS {
        let (_, compiled) = load(name);
        if compiled.procs.len() > 2 {
            continue;
        }
        for model in [Model::Sc, Model::Tso, Model::Weak] {
            assert_eq!(outcomes(&compiled, model, true), outcomes(&compiled, model, false), "{name} {model:?}");
        }
    }
}

#[test]
fn tso_allows_whatever_sc_allows_and_weak_whatever_tso_allows() {
    for (name, ..) in ROWS {
        let (test, compiled) = load(name);
        let weak = compile(&test.without_stand_ins(), Variant::Bare).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        let (sc, tso) = (outcomes(&compiled, Model::Sc, true), outcomes(&compiled, Model::Tso, true));
        assert!(sc.is_subset(&tso), "{name}");
        assert!(tso.is_subset(&outcomes(&weak, Model::Weak, true)), "{name}");
    }
}
