// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every link of every page leads to a file that is there, and to a heading in it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::docs;
use super::page::Page;

/// Links of a page that lead nowhere.
fn broken(page: &Page) -> Vec<String> {
    let mut bad = Vec::new();
    for (line, target) in page.links() {
        if ["http://", "https://", "mailto:"].iter().any(|s| target.starts_with(s)) {
            continue;
        }
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        let folder = page.path.parent().expect("a folder");
        let path = if file.is_empty() { page.path.clone() } else { folder.join(file) };
        let anchored = || {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Page::read(path.parent().unwrap_or(Path::new(".")), &name).anchors().iter().any(|a| a == anchor)
        };
        if !path.exists() || (!anchor.is_empty() && !anchored()) {
            bad.push(format!("{}:{line}: {target}", page.path.display()));
        }
    }
    bad
}

#[test]
fn every_link_and_anchor_leads_somewhere() {
    let mut bad = Vec::new();
    let mut links = 0;
    for folder in [docs(), docs().join("book"), docs().join("scenarios"), docs().join("..")] {
        for entry in std::fs::read_dir(&folder).expect("readable").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".md") {
                let page = Page::read(&folder, &name);
                links += page.links().count();
                bad.extend(broken(&page));
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    assert!(links > 100, "only {links} links were found");
}

/// Pages that the HTML form has: those of the summary, and those that `.ci/book` puts beside them.
fn pages_of_the_book() -> BTreeSet<PathBuf> {
    let root = docs().join("..");
    let script = std::fs::read_to_string(root.join(".ci/book")).expect("the script that builds the book");
    let beside = script.lines().find_map(|l| l.strip_prefix("beside=(")?.strip_suffix(')')).expect("its list of pages");
    let summary = Page::read(&docs(), "SUMMARY.md");
    let inside = summary.links().map(|(_, target)| docs().join(target));
    inside.chain(beside.split(' ').map(|p| root.join(p))).map(|p| p.canonicalize().expect("a page")).collect()
}

#[test]
fn whatever_a_page_of_the_book_links_to_is_a_page_of_the_book() {
    let pages = pages_of_the_book();
    let mut outside = Vec::new();
    for path in &pages {
        let folder = path.parent().expect("a folder");
        let page = Page::read(folder, &path.file_name().expect("a name").to_string_lossy());
        for (line, target) in page.links() {
            let file = target.split('#').next().unwrap_or(target);
            let is_page = file.ends_with(".md") && !file.contains("://");
            if is_page && !folder.join(file).canonicalize().is_ok_and(|p| pages.contains(&p)) {
                outside.push(format!("{}:{line}: {target}", path.display()));
            }
        }
    }
    assert!(pages.len() > 50, "{pages:?}");
    assert!(outside.is_empty(), "dead in HTML; add them to docs/SUMMARY.md:\n{}", outside.join("\n"));
}

#[test]
fn a_link_to_nothing_and_an_anchor_to_nothing_are_found() {
    let dir = tempfile::TempDir::new().expect("a temporary folder");
    let text = "# One heading\n[a](#one-heading) [b](#two) [c](nothing.md) `[d](e)` [f](page.md)\n";
    std::fs::write(dir.path().join("page.md"), text).expect("writable");
    let bad = broken(&Page::read(dir.path(), "page.md"));
    assert_eq!(bad.len(), 2, "{bad:?}");
}
