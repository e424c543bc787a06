// SPDX-License-Identifier: MIT OR Apache-2.0
//! What CONTRIBUTING.md says of dependencies and of the oldest Rust is what Cargo.toml says.

use std::collections::BTreeSet;

use super::docs;

fn file(name: &str) -> String {
    std::fs::read_to_string(docs().join("..").join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn every_dependency_is_explained() {
    let manifest = file("Cargo.toml");
    let (_, rest) = manifest.split_once("[workspace.dependencies]\n").expect("a table");
    let (table, _) = rest.split_once("\n[").expect("another table");
    let outside = table.lines().filter(|l| l.contains('=') && !l.contains("path = "));
    let wanted: BTreeSet<&str> = outside.filter_map(|l| Some(l.split_once([' ', '='])?.0)).collect();
    assert!(wanted.len() > 15, "{wanted:?}");
    let page = file("CONTRIBUTING.md");
    let (_, table) = page.split_once("## Dependencies").expect("a section");
    let first = table.lines().filter_map(|l| l.strip_prefix("| `")?.split(" |").next());
    let explained: BTreeSet<&str> = first.flat_map(|cell| cell.split("`").filter(|c| c.len() > 2)).collect();
    assert_eq!(wanted, explained, "left: Cargo.toml, right: CONTRIBUTING.md");
}

#[test]
fn the_oldest_rust_is_the_same_everywhere() {
    let manifest = file("Cargo.toml");
    let line = manifest.lines().find_map(|l| l.strip_prefix("rust-version = ")).expect("stated");
    let version = line.trim_matches('"');
    for name in ["docs/book/quick-start.md", "docs/book/contributing.md", "README.md"] {
        assert!(file(name).contains(version), "{name} does not say {version}");
    }
}
