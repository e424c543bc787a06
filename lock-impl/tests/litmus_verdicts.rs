// SPDX-License-Identifier: MIT OR Apache-2.0
//! The files of `litmus/expect` against every outcome of every test of the set, on sc, tso and weak;
//! and against the architecture: where ours differs it is stronger, never weaker.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lock_impl::litmus::{Variant, compile, parse};
use sim_core::untimed::{LIMIT_BYTES, Model, System, explore};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("litmus")
}

/// Verdicts by name of the test.
fn expected(model: &str) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(root().join(format!("expect/{model}.txt"))).expect("a file per model");
    let lines = text.lines().filter(|l| !l.starts_with('#'));
    lines.map(|l| l.split_once(' ').expect("a name and a verdict")).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

/// Names with the verdicts found, by dialect's folder.
fn found(model: Model) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut out: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for folder in ["aarch64", "c", "x86", "x86_64"] {
        for file in std::fs::read_dir(root().join(folder)).expect("a folder per dialect") {
            let path = file.expect("readable").path();
            let text = std::fs::read_to_string(&path).expect("readable");
            let mut test = parse(&path.display().to_string(), &text).unwrap_or_else(|e| panic!("{e}"));
            if model == Model::Weak {
                test = test.without_stand_ins();
            }
            let c = compile(&test, Variant::Bare).unwrap_or_else(|e| panic!("{}: {e:?}", path.display()));
            let system = System {
                program: c.program.clone(),
                model,
                tasks: c.procs.iter().map(|p| Some(*p)).collect(),
                memory: c.memory.clone(),
                store_buffer: 16,
                merge_local: true,
                ..System::default()
            };
            let mut met = BTreeSet::new();
            let explored = explore(&system, LIMIT_BYTES, |s| {
                let o = c.outcome(|t, r| s.cores[t].contexts[0].regs[r], |a, w| s.read(a, w));
                if c.counts(&test, &o) {
                    met.insert(c.holds(&test.condition, &o));
                }
            });
            assert_eq!(explored.expect("small and without faults").stuck, 0, "{}", test.name);
            let word = match (met.contains(&true), met.contains(&false)) {
                (true, true) => "Sometimes",
                (true, false) => "Always",
                (false, _) => "Never",
            };
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            assert_eq!(name, test.name, "a file is named as its test");
            out.entry(folder.to_owned()).or_default().insert(name, word.to_owned());
        }
    }
    out
}

#[test]
fn every_test_of_the_set_has_its_verdict_on_every_model() {
    let mut wrong = Vec::new();
    for (name, model) in [("sc", Model::Sc), ("tso", Model::Tso), ("weak", Model::Weak)] {
        let expected = expected(name);
        let found = found(model);
        let names: BTreeSet<&String> = found.values().flat_map(BTreeMap::keys).collect();
        assert_eq!(names, expected.keys().collect(), "{name}: tests and expectations");
        for (folder, tests) in &found {
            let differ = tests.iter().filter(|(test, v)| expected[*test] != **v);
            wrong.extend(differ.map(|(test, v)| format!("{name}: {folder}/{test}: {v}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn weak_allows_nothing_that_the_architecture_or_the_kernels_model_forbids() {
    let weak = found(Model::Weak);
    for (model, folder) in [("armv8", "aarch64"), ("lkmm", "c")] {
        let mut stronger = 0;
        let expected = expected(model);
        assert_eq!(weak[folder].keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{model}");
        for (name, verdict) in expected {
            let ours = &weak[folder][&name];
            assert!(verdict != "Never" || ours == "Never", "{name}: {ours} though {model} forbids it");
            stronger += u64::from(*ours != verdict);
        }
        // DEVIATIONS.md, D21: no store before an older load, so not everything that is allowed is shown.
        assert!(stronger > 10, "{model}: {stronger}");
    }
}
