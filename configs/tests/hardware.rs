// SPDX-License-Identifier: MIT OR Apache-2.0
//! Machines with what is published of them: presets, files, and what is wrong with either.

use std::path::PathBuf;

use configs::presets::{machine_names, machine_text, published_text};
use configs::{Kind, Quantity, Unit, hardware};

const SOURCES: &str = include_str!("../machines/SOURCES.md");

struct Folder(tempfile::TempDir);

impl Folder {
    fn file(&self, name: &str, text: &str) -> String {
        let path: PathBuf = self.0.path().join(name);
        std::fs::write(&path, text).expect("it can be written");
        path.display().to_string()
    }
}

fn folder() -> Folder {
    Folder(tempfile::tempdir().expect("a folder"))
}

fn refused(path: &str) -> String {
    let e = hardware(path).expect_err(path);
    let (text, help) = (e.to_string(), e.help().unwrap_or("").to_owned());
    let name = path.rsplit('/').next().unwrap_or(path);
    format!("{} | {help}", text.replace(path, name))
}

#[test]
fn every_preset_has_figures_whose_rows_are_listed() {
    for name in machine_names() {
        let h = hardware(name).unwrap_or_else(|e| panic!("{}", e.render(false)));
        assert_eq!(h.machine.name, name);
        assert!(h.published.iter().any(|f| f.kind == Kind::Target && f.quantity == Quantity::PingPong), "{name}");
        for f in &h.published {
            assert!(SOURCES.contains(&format!("| {} |", f.row)), "{name}: row {} is not in SOURCES.md", f.row);
            assert!(!f.source.is_empty());
        }
        // Rows the machine's comments cite: A, B, C or I and a number, not a hexadecimal one.
        let text = machine_text(name).expect("listed");
        let words = text.split(|c: char| !c.is_ascii_alphanumeric());
        let rows = words.filter(|w| {
            let mut chars = w.chars();
            chars.next().is_some_and(|c| "ABCI".contains(c)) && w.len() > 1 && chars.all(|c| c.is_ascii_digit())
        });
        for row in rows {
            assert!(SOURCES.contains(&format!("| {row} |")), "{name}: row {row} is not in SOURCES.md");
        }
    }
}

#[test]
fn a_machine_is_found_in_a_file() {
    let folder = folder();
    let zen = machine_text("zen3-ccx-8").expect("a preset");
    let alone = hardware(&folder.file("alone.ron", zen)).expect("a machine written out");
    assert_eq!(alone.machine, hardware("zen3-ccx-8").expect("a preset").machine);
    assert_eq!(alone.published.len(), hardware("zen3-ccx-8").expect("a preset").published.len(), "it is the preset's");
    let other = zen.replace("64, // published: B15", "32,");
    assert_eq!(hardware(&folder.file("other.ron", &other)).expect("a machine").published, []);
    folder.file("other.published.ron", published_text("zen3-2ccx-16").expect("listed"));
    let path = folder.0.path().join("other.ron").display().to_string();
    assert!(hardware(&path).expect("with figures").published.len() > 5);
    assert_eq!(hardware("ring8.ron").expect("an experiment").machine.name, "skylake-ring-8");
}

#[test]
fn what_is_no_machine_is_named() {
    let folder = folder();
    assert_eq!(
        refused("zen3-ccx-9"),
        "error: zen3-ccx-9: no such file, and no machine preset of that name | did you mean `zen3-ccx-8` or `zen3-2ccx-16`? machines: \
         skylake-ring-8, skylake-sp-mesh-2x28, zen3-ccx-8, zen3-2ccx-16, neoverse-n1-mesh-80"
    );
    let empty = refused(&folder.file("empty.ron", "(title: \"nothing\")"));
    assert!(empty.starts_with("error: empty.ron:1:1: there is no machine in this file | it needs"), "{empty}");
    let zen = machine_text("zen3-ccx-8").expect("a preset");
    let none = refused(&folder.file("none.ron", &zen.replace("cores: 8,", "cores: 0,")));
    assert!(none.starts_with("error: none.ron:7:12: cores = 0: must be 1 to 1024"), "{none}");
    let misspelt = refused(&folder.file("way.ron", &zen.replace("ways: 16,", "way: 16,")));
    assert!(misspelt.contains("way.ron:") && misspelt.contains("`ways`"), "{misspelt}");
    assert!(refused(&folder.0.path().display().to_string()).contains("is a folder"));
}

#[test]
fn figures_must_make_sense() {
    let folder = folder();
    let path = folder.file("m.ron", machine_text("zen3-ccx-8").expect("a preset"));
    let figure = |text: &str| {
        folder.file("m.published.ron", &format!("(figures: [({text}, kind: Check, row: \"X\", source: \"x\")])"));
        refused(&path)
    };
    let zero = figure("quantity: Pause, value: 0, unit: Cycles");
    assert!(zero.contains("m.published.ron:1:37: figures[0].value = 0: must be more than zero"), "{zero}");
    let entries = figure("quantity: Pause, value: 5, unit: Entries");
    assert!(entries.contains("figures[0].unit = Entries: Pause is measured in c"), "{entries}");
    let unknown = figure("quantity: Pauses, value: 5, unit: Cycles");
    assert!(unknown.contains("`Pauses`") && unknown.contains("did you mean `Pause`?"), "{unknown}");
}

#[test]
fn every_quantity_has_a_name_of_its_own() {
    let mut names: Vec<&str> = Quantity::ALL.iter().map(|q| q.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Quantity::ALL.len());
    let entries: Vec<_> = Quantity::ALL.iter().filter(|q| q.unit() == Unit::Entries).collect();
    assert_eq!(entries, [&Quantity::StoreBuffer]);
}
